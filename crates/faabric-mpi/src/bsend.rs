//! Buffered sends and the buffers that are attached for them (MPI 4.1, section 3.6).
//!
//! The attached guest memory is only accounted for: the copy of a message that cannot
//! be delivered at once is the worker's own. A program that gets by with its buffer
//! under the standard's model gets by here, and one that does not is told so.
//!
//! A process has a buffer; a session may have one for its communicators, and each
//! communicator one of its own. The nearest one that is attached serves a send.

use crate::abi;
use crate::comm::{Comm, Context};
use crate::data::View;
use crate::error::{Class, Error, Result};
use crate::guest::Guest;
use crate::handle::{CommHandle, RequestHandle, SessionHandle};
use crate::memory::{Addr, check};
use crate::p2p::{Mode, Started};
use crate::progress::Operation;
use crate::rank::Rank;
use crate::request::{Completion, Kind, Outcome};
use parking_lot::Mutex;
use std::sync::Arc;

/// The least room of `MPI_BUFFER_AUTOMATIC`, in bytes.
const AUTOMATIC: u64 = 256 << 20;

/// What a buffer for buffered sends can be attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attachable {
    /// `MPI_Buffer_...`.
    Process,
    /// `MPI_Comm_..._buffer`.
    Comm(CommHandle),
    /// `MPI_Session_..._buffer`.
    Session(SessionHandle),
}

/// What is attached, and what of it is in use.
#[derive(Debug, Default)]
pub(crate) struct SendBuffer {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Address and size, as the guest gave them.
    attached: Option<(u32, i64)>,
    /// Messages that are not delivered, with what each takes up.
    under_way: Vec<(Arc<Completion>, u64)>,
}

impl Rank {
    /// `MPI_Buffer_attach`, `MPI_Comm_attach_buffer`, `MPI_Session_attach_buffer`. An address of
    /// `MPI_BUFFER_AUTOMATIC` has as much room as the program's memory, and [`AUTOMATIC`] bytes
    /// at least.
    ///
    /// # Errors
    /// `MPI_ERR_BUFFER` when one is attached already, `MPI_ERR_ARG` for a negative size or a
    /// buffer that the program's memory does not have;
    /// `MPI_ERR_COMM`, `MPI_ERR_SESSION`.
    pub fn buffer_attach(&self, to: Attachable, addr: u32, size: i64) -> Result<()> {
        self.check_active("MPI_Buffer_attach")?;
        if size < 0 {
            return Err(Error::new(Class::ARG, format!("size: {size} is negative")));
        }
        // Messages are not kept there, but it bounds them.
        if addr != abi::MPI_BUFFER_AUTOMATIC {
            check(Addr(addr.into()), size as u64, self.memory.size())
                .map_err(|e| Error::new(Class::ARG, format!("buffer: {e}")))?;
        }
        let buffer = self.buffer_of(to)?;
        let mut state = buffer.state.lock();
        if state.attached.is_some() {
            return Err(Error::new(
                Class::BUFFER,
                "buffer: one is attached already; detach it first",
            ));
        }
        state.attached = Some((addr, size));
        Ok(())
    }

    /// `MPI_Buffer_detach` and its siblings: waits until every message
    /// in the buffer is delivered. Gives the address and the size that were
    /// attached; address 0 and size 0 if none was.
    ///
    /// # Errors
    /// When the job ends meanwhile; `MPI_ERR_COMM`.
    pub fn buffer_detach(&self, guest: &mut dyn Guest, to: Attachable) -> Result<(u32, i64)> {
        self.buffer_flush(guest, to)?;
        let buffer = self.buffer_of(to)?;
        let attached = buffer.state.lock().attached.take();
        Ok(attached.unwrap_or((0, 0)))
    }

    /// `MPI_Buffer_flush` and its siblings: waits until every message in
    /// the buffer is delivered.
    ///
    /// # Errors
    /// When the job ends meanwhile; `MPI_ERR_COMM`.
    pub fn buffer_flush(&self, guest: &mut dyn Guest, to: Attachable) -> Result<()> {
        self.check_active("MPI_Buffer_flush")?;
        let buffer = self.buffer_of(to)?;
        self.wait_delivered(guest, &buffer)
    }

    /// `MPI_Buffer_iflush` and its siblings: the request ends when every
    /// message that is in the buffer now is delivered.
    ///
    /// # Errors
    /// `MPI_ERR_COMM`, `MPI_ERR_SESSION`.
    pub fn buffer_iflush(&self, guest: &mut dyn Guest, to: Attachable) -> Result<RequestHandle> {
        self.check_active("MPI_Buffer_iflush")?;
        let under_way = self.buffer_of(to)?.under_way();
        let on = match to {
            Attachable::Comm(comm) => self.comm(comm)?.into_owned(),
            Attachable::Process | Attachable::Session(_) => self.comm_world().clone(),
        };
        let completion = self.start_operation(guest, Box::new(Flush { under_way }));
        self.request(on, Started::Pending(completion), Kind::Operation)
    }

    /// Waits until every message in the buffers of the process and of its communicators
    /// is delivered.
    pub(crate) fn flush_all(&self, guest: &mut dyn Guest) -> Result<()> {
        let mut buffers = vec![self.send_buffer.clone()];
        let own = [abi::MPI_COMM_WORLD, abi::MPI_COMM_SELF].map(CommHandle);
        for comm in own {
            buffers.push(self.buffer_of(Attachable::Comm(comm))?);
        }
        let sessions = self.sessions.lock();
        buffers.extend(
            sessions
                .iter()
                .map(|(_, session)| session.send_buffer.clone()),
        );
        drop(sessions);
        let others = self.comms.lock();
        buffers.extend(others.iter().map(|(_, comm)| comm.send_buffer.clone()));
        drop(others);
        buffers
            .iter()
            .try_for_each(|buffer| self.wait_delivered(guest, buffer))
    }

    pub(crate) fn wait_delivered(&self, guest: &mut dyn Guest, buffer: &SendBuffer) -> Result<()> {
        let under_way = buffer.under_way();
        for completion in under_way {
            self.wait_for(guest, || completion.result())??;
        }
        Ok(())
    }

    fn buffer_of(&self, to: Attachable) -> Result<Arc<SendBuffer>> {
        match to {
            Attachable::Process => Ok(self.send_buffer.clone()),
            Attachable::Comm(comm) => Ok(self.comm(comm)?.send_buffer.clone()),
            Attachable::Session(session) => self.session(session, |s| s.send_buffer.clone()),
        }
    }

    /// The buffer that serves the sends on `comm`.
    fn buffer_for(&self, comm: &Comm) -> Arc<SendBuffer> {
        if comm.send_buffer.is_attached() {
            return comm.send_buffer.clone();
        }
        let session = comm.group.session();
        let of_session = session.map(|session| self.buffer_of(Attachable::Session(session)));
        match of_session {
            Some(Ok(buffer)) if buffer.is_attached() => buffer,
            _ => self.send_buffer.clone(),
        }
    }

    /// Starts a buffered send: for the program it is done at once.
    pub(crate) fn start_buffered(
        &self,
        comm: &Comm,
        dest: u32,
        tag: i32,
        view: View<'_>,
    ) -> Result<Started> {
        let len = view.check(&self.world)?;
        let needed = len + abi::MPI_BSEND_OVERHEAD as u64;
        let buffer = self.buffer_for(comm);
        buffer.reserve(needed, self.memory.size())?;
        let data = self.copy_of(&view)?;
        let context = Context::PointToPoint;
        match self.start_send(comm, context, dest, tag, data.view(), Mode::Standard)? {
            Started::Pending(completion) => {
                buffer.keep(completion.clone(), needed);
                Ok(Started::Buffered(completion))
            }
            done => Ok(done),
        }
    }
}

impl SendBuffer {
    fn is_attached(&self) -> bool {
        self.state.lock().attached.is_some()
    }

    fn under_way(&self) -> Vec<Arc<Completion>> {
        let state = self.state.lock();
        let under_way = state.under_way.iter();
        under_way
            .map(|(completion, _)| completion.clone())
            .collect()
    }

    fn keep(&self, completion: Arc<Completion>, needed: u64) {
        self.state.lock().under_way.push((completion, needed));
    }

    /// Checks that the attached buffer has room for `needed` bytes; the program has `memory`.
    fn reserve(&self, needed: u64, memory: u64) -> Result<()> {
        let mut state = self.state.lock();
        state
            .under_way
            .retain(|(completion, _)| !completion.is_complete());
        let Some((addr, size)) = state.attached else {
            return Err(Error::new(
                Class::BUFFER,
                "no buffer is attached for buffered sends; call MPI_Buffer_attach first",
            ));
        };
        let size = match addr {
            abi::MPI_BUFFER_AUTOMATIC => memory.max(AUTOMATIC),
            _ => size as u64,
        };
        let used: u64 = state.under_way.iter().map(|(_, len)| len).sum();
        let free = size.saturating_sub(used);
        if needed > free {
            return Err(Error::new(
                Class::BUFFER,
                format!(
                    "the attached buffer has {free} of its {size} bytes free, the message needs \
                     {needed} with MPI_BSEND_OVERHEAD"
                ),
            ));
        }
        Ok(())
    }
}

/// Messages that are to be delivered.
struct Flush {
    under_way: Vec<Arc<Completion>>,
}

impl Operation for Flush {
    fn poll(&mut self, _: &Rank, _: &mut dyn Guest) -> Result<Option<Outcome>> {
        while let Some(completion) = self.under_way.last() {
            match completion.result() {
                None => return Ok(None),
                Some(result) => result?,
            };
            self.under_way.pop();
        }
        Ok(Some(Outcome::EMPTY))
    }
}
