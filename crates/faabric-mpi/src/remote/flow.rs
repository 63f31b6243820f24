//! The data of rendezvous messages, between the ranks' memory and the link.

use super::Receiving;
use crate::data::Stream;
use crate::error::Error;
use crate::mailbox::Sending;
use crate::packet::{Body, Packet};
use crate::request::Outcome;
use crate::world::World;
use faabric_wire::fabric::{Caller, DirectDrain, DirectSource, Drain, Gone, Payload, Source};
use faabric_wire::id::Rank;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

impl World {
    /// The receive for our send `send` is found: its data goes out.
    pub(super) fn push_data(&self, to: Rank, send: u64, receive: u64) -> Result<(), String> {
        let sending = self.remote.sends.lock().remove(&send);
        let sending = sending.ok_or_else(|| format!("a request for send {send}, which is not"))?;
        let sending = sending.sending;
        let world = self.arc().ok_or("a job that has ended")?;
        let len = sending.data.len().unwrap_or(0);
        let source = Rank(sending.completion.owner());
        let packet = Packet {
            source,
            number: 0,
            body: Body::Data { receive },
        };
        let stream = Stream::new(sending.data.clone()).map_err(|e| e.message)?;
        let outflow = Outflow {
            stream,
            sending,
            world,
            ended: false,
        };
        let payload = if len == 0 {
            Box::new(outflow).sent();
            Payload::Empty
        } else {
            Payload::Stream(len, Box::new(outflow))
        };
        self.dispatch(to, &packet, payload, Caller::Delivery)
            .map_err(|e| e.message)
    }

    pub(super) fn inflow(&self, packet: &Packet) -> Result<Inflow, String> {
        let Body::Data { receive } = packet.body else {
            return Err("a stream of what is not rendezvous data".into());
        };
        let found = self.remote.receives.lock().remove(&receive);
        let receiving = found.ok_or_else(|| format!("data for receive {receive}, which is not"))?;
        let world = self.arc().ok_or("a job that has ended")?;
        let stream = Stream::new(receiving.receive.data.clone()).map_err(|e| e.message)?;
        Ok(Inflow {
            receiving,
            stream,
            world,
            came: 0,
            error: None,
        })
    }
}

/// A rendezvous send on its way out.
struct Outflow {
    sending: Arc<Sending>,
    stream: Stream,
    world: Arc<World>,
    ended: bool,
}

impl Source for Outflow {
    fn read(&mut self, buf: &mut [u8]) -> Result<(), Gone> {
        if self.world.ended().is_some() {
            return Err(Gone);
        }
        self.stream.read(buf).map_err(|_| Gone)
    }

    fn sent(mut self: Box<Self>) {
        self.ended = true;
        self.world
            .finish(&self.sending.completion, Outcome::EMPTY, None);
    }

    fn direct(&mut self) -> Option<&mut dyn DirectSource> {
        self.stream
            .is_flat()
            .then_some(self as &mut dyn DirectSource)
    }
}

impl DirectSource for Outflow {
    fn send(
        &mut self,
        at: u64,
        most: usize,
        socket: BorrowedFd<'_>,
        wait: bool,
    ) -> io::Result<usize> {
        self.stream.send(at, most as u64, socket, wait)
    }
}

impl std::ops::Drop for Outflow {
    fn drop(&mut self) {
        if !self.ended {
            let error = Error::interrupted("the connection was lost while a message was sent");
            self.world
                .finish(&self.sending.completion, Outcome::EMPTY, Some(error));
        }
    }
}

/// A rendezvous receive whose data comes in. Dropped early only when the link is
/// lost, which ends the job and so its receive.
pub(super) struct Inflow {
    pub(super) receiving: Receiving,
    stream: Stream,
    world: Arc<World>,
    /// Bytes that have come, also those that do not fit.
    came: u64,
    error: Option<Error>,
}

impl Inflow {
    /// Takes all of it at once.
    pub(super) fn take(mut self, payload: &[u8]) {
        self.write(payload);
        Box::new(self).end();
    }
}

impl Drain for Inflow {
    fn write(&mut self, bytes: &[u8]) {
        self.came += bytes.len() as u64;
        if let Err(e) = self.stream.write(bytes) {
            self.error.get_or_insert(e);
        }
    }

    fn direct(&mut self) -> Option<&mut dyn DirectDrain> {
        self.stream
            .is_flat()
            .then_some(self as &mut dyn DirectDrain)
    }

    fn end(self: Box<Self>) {
        let Receiving {
            receive,
            envelope,
            len,
        } = &self.receiving;
        let capacity = receive.data.len().unwrap_or(u64::MAX);
        let (outcome, truncated) = crate::data::received(envelope, *len, capacity);
        let error = self.error.clone().or(truncated);
        self.world.finish(&receive.completion, outcome, error);
    }
}

impl DirectDrain for Inflow {
    fn receive(&mut self, most: usize, socket: BorrowedFd<'_>) -> io::Result<usize> {
        let came = self.stream.receive(most as u64, socket)?;
        self.came += came as u64;
        Ok(came)
    }

    fn go_back(&mut self, bytes: u64) {
        self.came -= bytes;
        self.stream.seek(self.came);
    }
}

/// Takes the payload of a packet that was refused.
pub(super) struct Discard;

impl Drain for Discard {
    fn write(&mut self, _: &[u8]) {}
    fn end(self: Box<Self>) {}
}
