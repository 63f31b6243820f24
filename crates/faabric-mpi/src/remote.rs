//! Messages between workers: eager, rendezvous, and the credit that bounds them.
//!
//! See [`crate::packet`] for what is said. A rendezvous send goes straight from the
//! sender's memory to the link ([`Outflow`]) and from the link into the receiver's
//! memory ([`Inflow`]), in pieces, through the datatypes' cursors.
//!
//! Flow control: a sender has at most [`WINDOW`] eager bytes in a receiver's mailbox
//! that were not received yet; beyond it even small messages wait at the sender. So
//! a mailbox holds at most `WINDOW` bytes a remote sender.

use crate::abi;
use crate::data::{Stream, View};
use crate::desk::Answer;
use crate::error::{Class, Error, Result};
use crate::inbox::Bytes;
use crate::mailbox::{MESSAGE_COST, Message, Receive, Sending};
use crate::matching::Envelope;
use crate::p2p::Started;
use crate::packet::{Body, Packet};
use crate::request::{Completion, Outcome};
use crate::world::World;
use faabric_wire::fabric::{
    Caller, DirectDrain, DirectSource, Drain, Fabric, Gone, LinkError, Payload, Sink, Source,
};
use faabric_wire::id::Rank;
use parking_lot::{Mutex, RwLock};
use std::collections::HashMap;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The longest message between workers that is sent without asking first, in bytes.
pub(crate) const EAGER: u64 = 64 * 1024;

/// The most eager bytes one rank has under way to another, not received yet.
pub(crate) const WINDOW: u64 = 512 * 1024;

/// What a local rank has sent to one rank of another worker.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    /// The number of the last matchable packet. Held while the next is sent, so that
    /// numbers go out in order.
    number: Mutex<u64>,
    /// Eager bytes under way: sent, and no credit came back for them.
    unreceived: AtomicU64,
}

/// What a local rank has got from one rank of another worker.
#[derive(Debug, Default)]
pub(crate) struct Incoming {
    /// The number of the last matchable packet.
    number: u64,
    /// Eager bytes received since the last credit was given.
    received: u64,
}

/// The world's side of operations that wait for another worker.
pub(crate) struct Remote {
    fabric: Option<Arc<dyn Fabric>>,
    next: AtomicU64,
    sends: Mutex<HashMap<u64, Waiting>>,
    receives: Mutex<HashMap<u64, Receiving>>,
    recalls: Mutex<HashMap<u64, Recalling>>,
    /// Packets to ranks that have spoken first: the planner's word of them is on its way.
    early: Mutex<Vec<Early>>,
    /// Packets for ranks that are to run here, likewise. Whoever delivers to a rank that
    /// was spawned holds the lock, so that nothing overtakes what was kept.
    gate: RwLock<Vec<Early>>,
}

/// A packet that waits for its receiver to be known here.
struct Early {
    to: Rank,
    header: Vec<u8>,
    payload: Vec<u8>,
}

/// A send that waits for its receive.
struct Waiting {
    sending: Arc<Sending>,
    /// The number of its packet.
    packet: u64,
}

/// A send that is being cancelled.
struct Recalling {
    completion: Arc<Completion>,
    /// Its name among the sends that wait; none if its data has left.
    send: Option<u64>,
}

/// A receive that is matched and waits for its data.
struct Receiving {
    receive: Receive,
    envelope: Envelope,
    len: u64,
}

impl Remote {
    pub(crate) fn new(fabric: Option<Arc<dyn Fabric>>) -> Remote {
        Remote {
            fabric,
            next: AtomicU64::new(1),
            sends: Mutex::default(),
            receives: Mutex::default(),
            recalls: Mutex::default(),
            early: Mutex::default(),
            gate: RwLock::default(),
        }
    }

    /// The way to other workers, if the job has ranks there.
    pub(crate) fn fabric(&self) -> Option<&dyn Fabric> {
        self.fabric.as_deref()
    }

    fn name(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }
}

/// What a packet costs of the window.
fn cost(len: u64) -> u64 {
    len + MESSAGE_COST
}

impl World {
    /// Starts sending to a rank of another worker.
    pub(crate) fn send_remote(
        &self,
        from: u32,
        to: u32,
        envelope: Envelope,
        view: View<'_>,
        len: u64,
        synchronous: bool,
    ) -> Result<Started> {
        let outgoing = self
            .own_mailbox(from)?
            .outgoing
            .lock()
            .entry(to)
            .or_default()
            .clone();
        let mut number = outgoing.number.lock();
        let packet = |number, body| Packet {
            source: Rank(from),
            number,
            body,
        };
        let room = outgoing.unreceived.load(Ordering::Relaxed) + cost(len) <= WINDOW;
        if !synchronous && len <= EAGER && room {
            let mut read = Ok(());
            let mut fill = |out: &mut [u8]| {
                read = view.read(out);
                if read.is_err() {
                    // Not what other messages, of other jobs even, have left there.
                    out.fill(0);
                }
            };
            outgoing.unreceived.fetch_add(cost(len), Ordering::Relaxed);
            *number += 1;
            let packet = packet(*number, Body::Eager { envelope });
            self.dispatch(
                Rank(to),
                &packet,
                Payload::Fill(len as usize, &mut fill),
                Caller::Rank,
            )?;
            return read.map(|()| Started::Sent(packet.number));
        }
        let completion = Arc::new(Completion::new(from));
        let sending = Sending {
            data: view.to_data(),
            completion: completion.clone(),
        };
        let send = self.remote.name();
        *number += 1;
        let waiting = Waiting {
            sending: Arc::new(sending),
            packet: *number,
        };
        self.remote.sends.lock().insert(send, waiting);
        let packet = packet(
            *number,
            Body::Ready {
                envelope,
                len,
                send,
            },
        );
        self.dispatch(Rank(to), &packet, Payload::Empty, Caller::Rank)?;
        Ok(Started::Pending(completion))
    }

    /// Asks for the data of a message that `receive` takes.
    pub(crate) fn pull(
        &self,
        from: Rank,
        send: u64,
        envelope: Envelope,
        len: u64,
        receive: Receive,
    ) {
        let name = self.remote.name();
        let me = Rank(receive.completion.owner());
        self.remote.receives.lock().insert(
            name,
            Receiving {
                receive,
                envelope,
                len,
            },
        );
        let packet = Packet {
            source: me,
            number: 0,
            body: Body::Go {
                send,
                receive: name,
            },
        };
        self.dispatch_or_end(from, &packet);
    }

    /// Asks rank `to` to drop a message: that of packet `packet` from the completion's
    /// owner, or without one that of the send which waits with this completion. False
    /// when there is none any more. The completion ends with the answer, or with the
    /// send if that went on.
    pub(crate) fn recall(
        &self,
        to: u32,
        packet: Option<u64>,
        completion: &Arc<Completion>,
    ) -> Result<bool> {
        let waiting = || {
            let sends = self.remote.sends.lock();
            let mut sends = sends.iter();
            let (&send, waiting) =
                sends.find(|(_, w)| Arc::ptr_eq(&w.sending.completion, completion))?;
            Some((waiting.packet, Some(send)))
        };
        let Some((packet, send)) = packet.map(|packet| (packet, None)).or_else(waiting) else {
            return Ok(false);
        };
        let name = self.remote.name();
        let recalling = Recalling {
            completion: Arc::clone(completion),
            send,
        };
        self.remote.recalls.lock().insert(name, recalling);
        let packet = Packet {
            source: Rank(completion.owner()),
            number: 0,
            body: Body::Recall { packet, name },
        };
        self.dispatch(Rank(to), &packet, Payload::Empty, Caller::Rank)?;
        Ok(true)
    }

    /// Gives `from` credit back.
    pub(crate) fn give_credit(&self, me: u32, from: Rank, bytes: u64) {
        let packet = Packet {
            source: Rank(me),
            number: 0,
            body: Body::Credit { bytes },
        };
        self.dispatch_or_end(from, &packet);
    }

    pub(crate) fn dispatch(
        &self,
        to: Rank,
        packet: &Packet,
        payload: Payload<'_>,
        caller: Caller,
    ) -> Result<()> {
        let Some(fabric) = &self.remote.fabric else {
            return Err(Error::new(
                Class::INTERN,
                format!("{to} is on another worker, and this world has no fabric to reach it"),
            ));
        };
        let payload = match payload {
            payload if self.knows(to.0) => payload,
            payload => match self.keep_early(to, packet, payload) {
                Some(payload) => payload,
                None => return Ok(()),
            },
        };
        let header = packet.encode();
        self.send_on(&**fabric, to, header.as_slice(), payload, caller)
    }

    fn send_on(
        &self,
        fabric: &dyn Fabric,
        to: Rank,
        header: &[u8],
        payload: Payload<'_>,
        caller: Caller,
    ) -> Result<()> {
        fabric.send(to, header, payload, caller).map_err(|e| {
            self.lost(&e);
            Error::interrupted(e.to_string())
        })
    }

    /// Keeps a packet to a rank that is not known here; gives the payload back if it has
    /// become known.
    fn keep_early<'a>(
        &self,
        to: Rank,
        packet: &Packet,
        payload: Payload<'a>,
    ) -> Option<Payload<'a>> {
        let mut early = self.remote.early.lock();
        // Data goes only to who has asked for it, in answer to what went there.
        if self.knows(to.0) || matches!(payload, Payload::Stream(..)) {
            return Some(payload);
        }
        early.push(Early {
            to,
            header: packet.encode().as_slice().to_vec(),
            payload: payload.into_vec(),
        });
        None
    }

    /// Takes in ranks with `join`, then what came for them before.
    pub(crate) fn deliver_early(&self, join: impl FnOnce()) {
        let mut gate = self.remote.gate.write();
        join();
        let known = gate.extract_if(.., |packet| self.knows(packet.to.0));
        for packet in known.collect::<Vec<_>>() {
            self.take(packet.to, &packet.header, &packet.payload);
        }
    }

    /// Delivers to a rank that was spawned, or that is about to be.
    fn deliver_later(&self, to: Rank, header: &[u8], payload: &[u8]) {
        let gate = self.remote.gate.read();
        if self.knows(to.0) {
            return self.take(to, header, payload);
        }
        drop(gate);
        let mut gate = self.remote.gate.write();
        if self.knows(to.0) {
            return self.take(to, header, payload);
        }
        gate.push(Early {
            to,
            header: header.to_vec(),
            payload: payload.to_vec(),
        });
    }

    fn take(&self, to: Rank, header: &[u8], payload: &[u8]) {
        let handled = Packet::decode(header)
            .map_err(|e| e.to_string())
            .and_then(|packet| self.handle(to, &packet, payload));
        if let Err(what) = handled {
            self.refuse(to, &what);
        }
    }

    /// Sends what has waited for ranks that are known now.
    pub(crate) fn send_early(&self) {
        let Some(fabric) = &self.remote.fabric else {
            return;
        };
        let mut early = self.remote.early.lock();
        let known = early.extract_if(.., |packet| self.knows(packet.to.0));
        for packet in known.collect::<Vec<_>>() {
            let payload = match packet.payload.is_empty() {
                true => Payload::Empty,
                false => Payload::Bytes(&packet.payload),
            };
            let (to, header, caller) = (packet.to, &packet.header, Caller::Delivery);
            if let Err(e) = self.send_on(&**fabric, to, header, payload, caller) {
                self.abort(1, e.message);
            }
        }
    }

    /// Sends a packet without data from a rank's thread.
    pub(crate) fn ask(&self, to: Rank, packet: &Packet) -> Result<()> {
        self.dispatch(to, packet, Payload::Empty, Caller::Rank)
    }

    /// Sends a packet without data that keeps the protocol going; it never waits.
    pub(crate) fn dispatch_or_end(&self, to: Rank, packet: &Packet) {
        if let Err(e) = self.dispatch(to, packet, Payload::Empty, Caller::Delivery) {
            self.abort(1, e.message);
        }
    }

    /// Handles a packet that is here whole.
    fn handle(&self, to: Rank, packet: &Packet, payload: &[u8]) -> Result<(), String> {
        match packet.body {
            Body::Eager { envelope } => self.arrive_eager(to, packet, envelope, payload),
            Body::Ready {
                envelope,
                len,
                send,
            } => self.arrive_ready(to, packet, envelope, len, send),
            Body::Go { send, receive } => self.push_data(packet.source, send, receive),
            Body::Data { .. } => {
                let mut inflow = self.inflow(packet)?;
                inflow.write(payload);
                Box::new(inflow).end();
                Ok(())
            }
            Body::Pointer { file, by, question } => {
                self.answer_pointer(to.0, packet.source, file, by, question);
                Ok(())
            }
            Body::PointerWas { question, value } => self.take_pointer(question, value),
            Body::Credit { bytes } => {
                let mailbox = self.mailbox(to.0).ok_or("a rank that is not here")?;
                if let Some(outgoing) = mailbox.outgoing.lock().get(&packet.source.0) {
                    let give = |now: u64| Some(now.saturating_sub(bytes));
                    let order = Ordering::Relaxed;
                    let _ = outgoing.unreceived.fetch_update(order, order, give);
                }
                Ok(())
            }
            Body::Window(message) => self.handle_window(to.0, packet.source, message, payload),
            Body::Recall { packet: of, name } => self.drop_recalled(to, packet.source, of, name),
            Body::Recalled { name, done } => self.end_recall(name, done),
            Body::Ask {
                question,
                topic,
                port,
            } => {
                let text = String::from_utf8_lossy(payload);
                let ranks = (to.0, packet.source.0);
                self.serve_desk(ranks, question, (topic, port), &text);
                Ok(())
            }
            Body::Answer {
                question,
                class,
                rank,
                number,
            } => {
                let text = String::from_utf8_lossy(payload).into_owned();
                let answer = Answer {
                    class,
                    rank,
                    number,
                    text,
                };
                self.take_desk_answer(question, answer)
            }
        }
    }

    /// Drops a message that its sender cancels, if it is still there, and says so.
    fn drop_recalled(&self, to: Rank, from: Rank, packet: u64, name: u64) -> Result<(), String> {
        let mailbox = self.mailbox(to.0).ok_or("a rank that is not here")?;
        let mut state = mailbox.lock();
        let dropped = state.queues.recall(|m| m.is_packet(from, packet));
        let credit = dropped.as_ref().and_then(|m| state.release(m));
        drop(state);
        if let Some((from, bytes)) = credit {
            self.give_credit(to.0, from, bytes);
        }
        let done = dropped.is_some();
        let answer = Packet {
            source: to,
            number: 0,
            body: Body::Recalled { name, done },
        };
        self.dispatch_or_end(from, &answer);
        Ok(())
    }

    fn end_recall(&self, name: u64, done: bool) -> Result<(), String> {
        let recalling = self.remote.recalls.lock().remove(&name);
        let recalling = recalling.ok_or_else(|| format!("an answer to recall {name}"))?;
        let outcome = match (done, recalling.send) {
            (true, None) => Outcome::CANCELLED,
            (true, Some(send)) => {
                self.remote.sends.lock().remove(&send);
                Outcome::CANCELLED
            }
            (false, None) => Outcome::EMPTY,
            // Its receive was found: it ends when its data has left.
            (false, Some(_)) => return Ok(()),
        };
        self.finish(&recalling.completion, outcome, None);
        Ok(())
    }

    fn arrive_eager(
        &self,
        to: Rank,
        packet: &Packet,
        envelope: Envelope,
        payload: &[u8],
    ) -> Result<(), String> {
        let mailbox = self.mailbox(to.0).ok_or("a rank that is not here")?;
        let mut state = mailbox.lock();
        let incoming = state.incoming.entry(packet.source.0).or_default();
        if !incoming.is_next(packet)? {
            return Ok(());
        }
        let Some(receive) = state.arrive(&envelope) else {
            let message = Message::Buffered {
                bytes: payload.into(),
                from: Some(packet.source),
                name: packet.number,
            };
            state.queues.keep(envelope, message);
            mailbox.bell.ring();
            return Ok(());
        };
        let incoming = state.incoming.entry(packet.source.0).or_default();
        let credit = incoming.receive(payload.len() as u64);
        drop(state);
        receive.fill(&envelope, Bytes::Here(payload));
        self.wake(to.0);
        if let Some(bytes) = credit {
            self.give_credit(to.0, packet.source, bytes);
        }
        Ok(())
    }

    fn arrive_ready(
        &self,
        to: Rank,
        packet: &Packet,
        envelope: Envelope,
        len: u64,
        send: u64,
    ) -> Result<(), String> {
        let mailbox = self.mailbox(to.0).ok_or("a rank that is not here")?;
        let mut state = mailbox.lock();
        if !state
            .incoming
            .entry(packet.source.0)
            .or_default()
            .is_next(packet)?
        {
            return Ok(());
        }
        match state.arrive(&envelope) {
            None => {
                state.queues.keep(
                    envelope,
                    Message::Remote {
                        from: packet.source,
                        send,
                        len,
                        number: packet.number,
                    },
                );
                mailbox.bell.ring();
            }
            Some(receive) => {
                drop(state);
                self.pull(packet.source, send, envelope, len, receive);
            }
        }
        Ok(())
    }

    /// The receive for our send `send` is found: its data goes out.
    fn push_data(&self, to: Rank, send: u64, receive: u64) -> Result<(), String> {
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

    fn inflow(&self, packet: &Packet) -> Result<Inflow, String> {
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

    fn refuse(&self, to: Rank, what: &str) {
        self.abort(1, format!("{to} got a packet that cannot be: {what}"));
    }
}

impl Incoming {
    /// Counts eager bytes that were received; the credit to give back, if it is time.
    pub(crate) fn receive(&mut self, len: u64) -> Option<u64> {
        self.received += cost(len);
        (self.received >= WINDOW / 4).then(|| std::mem::take(&mut self.received))
    }

    /// Whether this packet is the next of its pair. A repeated one is not, and is
    /// dropped; a gap is an error.
    fn is_next(&mut self, packet: &Packet) -> Result<bool, String> {
        if packet.number <= self.number {
            return Ok(false);
        }
        if packet.number != self.number + 1 {
            let (last, number, source) = (self.number, packet.number, packet.source);
            return Err(format!(
                "number {number} from {source} follows {last}: packets are lost"
            ));
        }
        self.number = packet.number;
        Ok(true)
    }
}

impl Sink for World {
    fn deliver(&self, to: Rank, header: &[u8], payload: &[u8]) {
        if self.is_original(to.0) {
            self.take(to, header, payload);
        } else {
            self.deliver_later(to, header, payload);
        }
    }

    fn open(&self, to: Rank, header: &[u8], len: u64) -> Box<dyn Drain> {
        let inflow = Packet::decode(header)
            .map_err(|e| e.to_string())
            .and_then(|packet| self.inflow(&packet))
            .and_then(|inflow| {
                let expected = inflow.receiving.len;
                if expected == len {
                    Ok(inflow)
                } else {
                    Err(format!("{len} bytes of data for a message of {expected}"))
                }
            });
        match inflow {
            Ok(inflow) => Box::new(inflow),
            Err(what) => {
                self.refuse(to, &what);
                Box::new(Discard)
            }
        }
    }

    fn lost(&self, error: &LinkError) {
        World::lost(self, error);
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
struct Inflow {
    receiving: Receiving,
    stream: Stream,
    world: Arc<World>,
    /// Bytes that have come, also those that do not fit.
    came: u64,
    error: Option<Error>,
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
struct Discard;

impl Drain for Discard {
    fn write(&mut self, _: &[u8]) {}
    fn end(self: Box<Self>) {}
}

const _: () = assert!(EAGER <= faabric_wire::fabric::MAX_INLINE as u64);
const _: () = assert!(EAGER + MESSAGE_COST <= WINDOW && abi::MPI_ANY_SOURCE < 0);
