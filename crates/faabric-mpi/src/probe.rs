//! Probing for messages, and receiving exactly what was probed (MPI 4.1, section 3.8).

use crate::abi;
use crate::comm::{Comm, Context};
use crate::error::{Class, Error, Result};
use crate::guest::Guest;
use crate::handle::{MessageHandle, RequestHandle};
use crate::mailbox::Message;
use crate::matching::{Envelope, Pattern};
use crate::p2p::Started;
use crate::rank::{Buffer, Rank, unknown};
use crate::request::{Kind, Nth, Outcome};
use crate::send::{Origin, origin};
use crate::status::Status;
use std::sync::Arc;

/// A message that `MPI_Mprobe` took out of its queue.
pub(crate) struct Matched {
    comm: Arc<Comm>,
    envelope: Envelope,
    message: Message,
    nth: Nth,
}

/// `MPI_MESSAGE_NULL`.
pub const NULL: MessageHandle = MessageHandle(abi::MPI_MESSAGE_NULL);
/// `MPI_MESSAGE_NO_PROC`.
pub const NO_PROC: MessageHandle = MessageHandle(abi::MPI_MESSAGE_NO_PROC);

impl Rank {
    /// `MPI_Probe` (MPI 4.1, section 3.8.1).
    ///
    /// # Errors
    /// Names the argument that is wrong.
    pub fn probe(&self, guest: &mut dyn Guest, from: Origin) -> Result<Status> {
        let comm = self.active_comm(from.comm)?;
        let Some(source) = origin(&comm, from.rank, from.tag)? else {
            return Ok(Status::PROC_NULL);
        };
        let pattern = pattern(&comm, source, from.tag);
        self.wait_for(guest, || self.peek(&pattern))
    }

    /// `MPI_Iprobe` (MPI 4.1, section 3.8.1).
    ///
    /// # Errors
    /// Names the argument that is wrong.
    pub fn iprobe(&self, guest: &mut dyn Guest, from: Origin) -> Result<Option<Status>> {
        let comm = self.active_comm(from.comm)?;
        let Some(source) = origin(&comm, from.rank, from.tag)? else {
            return Ok(Some(Status::PROC_NULL));
        };
        self.advance(guest);
        let found = self.peek(&pattern(&comm, source, from.tag));
        if found.is_none() {
            self.yield_to_others()?;
        }
        Ok(found)
    }

    /// `MPI_Mprobe` (MPI 4.1, section 3.8.2).
    ///
    /// # Errors
    /// Names the argument that is wrong.
    pub fn mprobe(&self, guest: &mut dyn Guest, from: Origin) -> Result<(MessageHandle, Status)> {
        let comm = self.active_comm(from.comm)?;
        let Some(source) = origin(&comm, from.rank, from.tag)? else {
            return Ok((NO_PROC, Status::PROC_NULL));
        };
        let pattern = pattern(&comm, source, from.tag);
        let taken = self.wait_for(guest, || self.take(&pattern))?;
        self.matched(comm.into_owned(), taken)
    }

    /// `MPI_Improbe` (MPI 4.1, section 3.8.2).
    ///
    /// # Errors
    /// Names the argument that is wrong.
    pub fn improbe(
        &self,
        guest: &mut dyn Guest,
        from: Origin,
    ) -> Result<Option<(MessageHandle, Status)>> {
        let comm = self.active_comm(from.comm)?;
        let Some(source) = origin(&comm, from.rank, from.tag)? else {
            return Ok(Some((NO_PROC, Status::PROC_NULL)));
        };
        self.advance(guest);
        match self.take(&pattern(&comm, source, from.tag)) {
            None => {
                self.yield_to_others()?;
                Ok(None)
            }
            Some(taken) => self.matched(comm.into_owned(), taken).map(Some),
        }
    }

    /// `MPI_Mrecv` (MPI 4.1, section 3.8.3). `message` becomes null.
    ///
    /// # Errors
    /// `MPI_ERR_REQUEST` for what is no message; `MPI_ERR_TRUNCATE` when it is longer
    /// than the buffer.
    pub fn mrecv(
        &self,
        guest: &mut dyn Guest,
        buffer: &Buffer,
        message: &mut MessageHandle,
    ) -> Result<Status> {
        let (comm, started) = self.start_matched(buffer, message)?;
        let received = self.wait_received(guest, &comm, started);
        let on = |error| Error {
            on: Some(comm.on()),
            ..error
        };
        received.map(Status::from).map_err(on)
    }

    /// `MPI_Imrecv` (MPI 4.1, section 3.8.3). `message` becomes null.
    ///
    /// # Errors
    /// `MPI_ERR_REQUEST` for what is no message.
    pub fn imrecv(&self, buffer: &Buffer, message: &mut MessageHandle) -> Result<RequestHandle> {
        let (comm, started) = self.start_matched(buffer, message)?;
        self.request(comm, started, Kind::Receive)
    }

    fn start_matched(
        &self,
        buffer: &Buffer,
        handle: &mut MessageHandle,
    ) -> Result<(Arc<Comm>, Started)> {
        self.check_active("MPI_Mrecv")?;
        let datatype = self.committed(buffer.datatype)?;
        let view = self.view(buffer, &datatype)?;
        view.check(&self.world)?;
        if *handle == NO_PROC {
            *handle = NULL;
            let done = Started::Done(Outcome::PROC_NULL, None);
            return Ok((self.comm_world().clone(), done));
        }
        let matched = self.messages.lock().remove(*handle);
        let matched = matched
            .ok_or_else(|| unknown(Class::REQUEST, "message", *handle, abi::MPI_MESSAGE_NULL))?;
        *handle = NULL;
        let started = self.accept(matched.envelope, matched.message, view);
        let started = started.numbered(matched.nth);
        Ok((matched.comm, started))
    }

    fn peek(&self, pattern: &Pattern) -> Option<Status> {
        let state = self.mailbox().open();
        let (envelope, message) = state.queues.peek(pattern)?;
        Some(Outcome::received(envelope, message.len()).into())
    }

    /// Takes the message that a receive would take out of its queue.
    pub(crate) fn take(&self, pattern: &Pattern) -> Option<(Envelope, Message, Nth)> {
        let mut state = self.mailbox().open();
        let (envelope, message, nth) = state.receive(pattern)?;
        let credit = state.release(&message);
        drop(state);
        if let Some((from, bytes)) = credit {
            self.world.give_credit(self.world_rank, from, bytes);
        }
        Some((envelope, message, nth))
    }

    fn matched(
        &self,
        comm: Arc<Comm>,
        (envelope, message, nth): (Envelope, Message, Nth),
    ) -> Result<(MessageHandle, Status)> {
        let status = Outcome::received(&envelope, message.len()).into();
        let handle = self.messages.lock().insert(Matched {
            comm,
            envelope,
            message,
            nth,
        });
        match handle {
            Ok(handle) => Ok((handle, status)),
            Err(_) => Err(Error::new(
                Class::NO_MEM,
                "too many messages are matched and not received",
            )),
        }
    }
}

fn pattern(comm: &Comm, source: i32, tag: i32) -> Pattern {
    Pattern {
        space: comm.space(Context::PointToPoint),
        source,
        tag,
    }
}
