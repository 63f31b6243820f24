//! Sends and receives, blocking, non-blocking and persistent (MPI 4.1, chapter 3).

use crate::abi;
use crate::comm::{Comm, Context};
use crate::completion::SENT;
use crate::data::{Data, View};
use crate::error::{Class, Error, Result};
use crate::guest::Guest;
use crate::handle::{CommHandle, RequestHandle};
use crate::memory::{Addr, HostBuffer};
use crate::p2p::{Mode, Started};
use crate::quick::Begun;
use crate::rank::{Buffer, Rank};
use crate::request::{Completion, Kind, Outcome, Recipe, Request};
use crate::scratch::Scratch;
use crate::status::Status;
use std::sync::Arc;

/// The four send modes (MPI 4.1, section 3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendMode {
    /// `MPI_Send`: done when the data may be overwritten.
    Standard,
    /// `MPI_Bsend`: done at once, out of the attached buffer.
    Buffered,
    /// `MPI_Ssend`: done when the receive has begun.
    Synchronous,
    /// `MPI_Rsend`: the receive is posted already. Here the same as standard mode.
    Ready,
}

/// Where a message goes.
#[derive(Clone, Copy, Debug)]
pub struct Destination {
    /// `dest`: a rank or `MPI_PROC_NULL`.
    pub rank: i32,
    /// `tag`, from 0.
    pub tag: i32,
    /// `comm`.
    pub comm: CommHandle,
}

/// Where a message is to come from.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// `source`: a rank, `MPI_ANY_SOURCE` or `MPI_PROC_NULL`.
    pub rank: i32,
    /// `tag`, from 0, or `MPI_ANY_TAG`.
    pub tag: i32,
    /// `comm`.
    pub comm: CommHandle,
}

/// Checks a send's rank and tag; none for `MPI_PROC_NULL`.
#[inline]
pub(crate) fn destination(comm: &Comm, rank: i32, tag: i32) -> Result<Option<u32>> {
    if tag < 0 {
        return Err(negative(tag));
    }
    match rank {
        abi::MPI_PROC_NULL => Ok(None),
        _ => Ok(Some(peer(comm, "dest", rank)?)),
    }
}

/// Checks a receive's rank and tag; none for `MPI_PROC_NULL`.
#[inline]
pub(crate) fn origin(comm: &Comm, rank: i32, tag: i32) -> Result<Option<i32>> {
    if tag < 0 && tag != abi::MPI_ANY_TAG {
        return Err(negative(tag));
    }
    match rank {
        abi::MPI_PROC_NULL => Ok(None),
        abi::MPI_ANY_SOURCE => Ok(Some(rank)),
        _ => peer(comm, "source", rank).map(|rank| Some(rank as i32)),
    }
}

#[inline]
fn peer(comm: &Comm, argument: &str, rank: i32) -> Result<u32> {
    let size = comm.peers().size();
    match u32::try_from(rank) {
        Ok(rank) if rank < size => Ok(rank),
        _ => Err(not_a_peer(argument, rank, size)),
    }
}

#[cold]
fn negative(tag: i32) -> Error {
    Error::new(Class::TAG, format!("tag: {tag} is negative"))
}

#[cold]
fn not_a_peer(argument: &str, rank: i32, size: u32) -> Error {
    Error::new(
        Class::RANK,
        format!("{argument}: {rank} is not a rank of the communicator, which has {size}"),
    )
}

impl Rank {
    /// `MPI_Send`, `MPI_Bsend`, `MPI_Ssend`, `MPI_Rsend` (MPI 4.1, sections 3.2.1, 3.4).
    ///
    /// # Errors
    /// Names the argument that is wrong; `MPI_ERR_BUFFER` when the data is beyond the
    /// memory, or does not fit the attached buffer.
    pub fn send(
        &self,
        guest: &mut dyn Guest,
        mode: SendMode,
        buffer: &Buffer,
        to: Destination,
    ) -> Result<()> {
        if let Some(begun) = Begun::take() {
            return begun.finish(self, guest).map(|_| ());
        }
        let comm = self.active_comm(to.comm)?;
        let datatype = self.committed(buffer.datatype)?;
        let view = self.view(buffer, &datatype)?;
        let Some(dest) = destination(&comm, to.rank, to.tag)? else {
            return Ok(());
        };
        let started = self.start_mode(&comm, mode, dest, to.tag, view)?;
        self.wait_started(guest, started).map(|_| ())
    }

    /// `MPI_Isend`, `MPI_Ibsend`, `MPI_Issend`, `MPI_Irsend` (MPI 4.1, section 3.7.2).
    ///
    /// # Errors
    /// As [`Rank::send`].
    pub fn isend(&self, mode: SendMode, buffer: &Buffer, to: Destination) -> Result<RequestHandle> {
        let comm = self.active_comm(to.comm)?;
        let datatype = self.committed(buffer.datatype)?;
        let view = self.view(buffer, &datatype)?;
        let (started, peer) = match destination(&comm, to.rank, to.tag)? {
            None => (Started::Done(Outcome::EMPTY, None), None),
            Some(dest) => {
                let started = self.start_mode(&comm, mode, dest, to.tag, view)?;
                (started, comm.peers().world_rank(dest))
            }
        };
        self.request(comm.into_owned(), started, Kind::Send { to: peer })
    }

    /// `MPI_Recv` (MPI 4.1, section 3.2.4).
    ///
    /// # Errors
    /// Names the argument that is wrong; `MPI_ERR_TRUNCATE` when the message is longer
    /// than the buffer.
    pub fn recv(&self, guest: &mut dyn Guest, buffer: &Buffer, from: Origin) -> Result<Status> {
        if let Some(begun) = Begun::take() {
            return begun.finish(self, guest).map(Status::from);
        }
        let comm = self.active_comm(from.comm)?;
        let datatype = self.committed(buffer.datatype)?;
        let view = self.view(buffer, &datatype)?;
        let Some(source) = origin(&comm, from.rank, from.tag)? else {
            return Ok(Status::PROC_NULL);
        };
        let context = Context::PointToPoint;
        let started = self.start_recv(&comm, context, source, from.tag, view)?;
        Ok(self.wait_received(guest, &comm, started)?.into())
    }

    /// `MPI_Irecv` (MPI 4.1, section 3.7.2).
    ///
    /// # Errors
    /// Names the argument that is wrong.
    pub fn irecv(&self, buffer: &Buffer, from: Origin) -> Result<RequestHandle> {
        let comm = self.active_comm(from.comm)?;
        let datatype = self.committed(buffer.datatype)?;
        let view = self.view(buffer, &datatype)?;
        let started = match origin(&comm, from.rank, from.tag)? {
            None => Started::Done(Outcome::PROC_NULL, None),
            Some(source) => {
                self.start_recv(&comm, Context::PointToPoint, source, from.tag, view)?
            }
        };
        self.request(comm.into_owned(), started, Kind::Receive)
    }

    /// `MPI_Send_init`, `MPI_Bsend_init`, `MPI_Ssend_init`, `MPI_Rsend_init` (MPI 4.1,
    /// section 3.9).
    ///
    /// # Errors
    /// As [`Rank::send`], for what can be seen now.
    pub fn send_init(
        &self,
        mode: SendMode,
        buffer: &Buffer,
        to: Destination,
    ) -> Result<RequestHandle> {
        let comm = self.active_comm(to.comm)?;
        let datatype = self.committed(buffer.datatype)?;
        let view = self.view(buffer, &datatype)?;
        view.check(&self.world)?;
        let dest = destination(&comm, to.rank, to.tag)?;
        let comm = comm.into_owned();
        let data = view.to_data();
        let recipe = PersistentSend {
            comm: comm.clone(),
            mode,
            dest,
            tag: to.tag,
            data,
        };
        self.inactive(comm, Arc::new(recipe))
    }

    /// `MPI_Recv_init` (MPI 4.1, section 3.9).
    ///
    /// # Errors
    /// As [`Rank::recv`], for what can be seen now.
    pub fn recv_init(&self, buffer: &Buffer, from: Origin) -> Result<RequestHandle> {
        let comm = self.active_comm(from.comm)?;
        let datatype = self.committed(buffer.datatype)?;
        let view = self.view(buffer, &datatype)?;
        view.check(&self.world)?;
        let source = origin(&comm, from.rank, from.tag)?;
        let comm = comm.into_owned();
        let data = view.to_data();
        let recipe = PersistentReceive {
            comm: comm.clone(),
            source,
            tag: from.tag,
            data,
        };
        self.inactive(comm, Arc::new(recipe))
    }

    /// Starts a send in any mode.
    pub(crate) fn start_mode(
        &self,
        comm: &Comm,
        mode: SendMode,
        dest: u32,
        tag: i32,
        view: View<'_>,
    ) -> Result<Started> {
        let context = Context::PointToPoint;
        match mode {
            SendMode::Standard | SendMode::Ready => {
                self.start_send(comm, context, dest, tag, view, Mode::Standard)
            }
            SendMode::Synchronous => {
                self.start_send(comm, context, dest, tag, view, Mode::Synchronous)
            }
            SendMode::Buffered => self.start_buffered(comm, dest, tag, view),
        }
    }

    /// A packed copy of a buffer, in memory of the worker.
    pub(crate) fn copy_of(&self, view: &View<'_>) -> Result<Data> {
        let len = view.check(&self.world)?;
        let mut bytes = Scratch::unset(len, "a copy of the data")?;
        view.read(&mut bytes)?;
        let datatype = self
            .datatype(crate::handle::TypeHandle(abi::MPI_BYTE))?
            .into_owned();
        Ok(Data {
            memory: Arc::new(HostBuffer::from(bytes)),
            addr: Addr(0),
            count: len,
            datatype,
        })
    }

    /// Waits until an operation has ended; all others go on meanwhile.
    pub(crate) fn wait_completion(
        &self,
        guest: &mut dyn Guest,
        completion: &Completion,
    ) -> Result<Outcome> {
        self.wait_for(guest, || completion.is_complete().then_some(()))?;
        completion.result().unwrap_or(Ok(Outcome::EMPTY))
    }

    /// Waits for an operation that was started.
    pub(crate) fn wait_started(&self, guest: &mut dyn Guest, started: Started) -> Result<Outcome> {
        match started {
            Started::Done(outcome, None) => Ok(outcome),
            Started::Done(_, Some(error)) => Err(error),
            Started::Sent(_) | Started::Buffered(_) => Ok(Outcome::EMPTY),
            Started::Pending(c) => self.wait_completion(guest, &c),
        }
    }

    /// Waits for a receive of the program that was started.
    pub(crate) fn wait_received(
        &self,
        guest: &mut dyn Guest,
        comm: &Comm,
        started: Started,
    ) -> Result<Outcome> {
        let outcome = self.wait_started(guest, started)?;
        if self.is_watched() {
            self.note_received(comm, &outcome);
        }
        Ok(outcome)
    }

    /// Names a request that is under way.
    pub(crate) fn request(
        &self,
        comm: Arc<Comm>,
        started: Started,
        kind: Kind,
    ) -> Result<RequestHandle> {
        if let (Kind::Send { .. }, Started::Done(_, None)) = (&kind, &started) {
            return Ok(SENT);
        }
        Rank::name(
            &self.requests,
            Request {
                comm,
                started: Some(started),
                kind,
            },
        )
    }

    /// Names a persistent request, inactive.
    pub(crate) fn inactive(
        &self,
        comm: Arc<Comm>,
        recipe: Arc<dyn Recipe>,
    ) -> Result<RequestHandle> {
        let request = Request {
            comm,
            started: None,
            kind: Kind::Persistent(recipe),
        };
        Rank::name(&self.requests, request)
    }
}

struct PersistentSend {
    comm: Arc<Comm>,
    mode: SendMode,
    dest: Option<u32>,
    tag: i32,
    data: Data,
}

impl Recipe for PersistentSend {
    fn start(&self, rank: &Rank, _: &mut dyn Guest) -> Result<Started> {
        match self.dest {
            None => Ok(Started::Done(Outcome::EMPTY, None)),
            Some(dest) => rank.start_mode(&self.comm, self.mode, dest, self.tag, self.data.view()),
        }
    }

    fn kind(&self) -> Kind {
        Kind::Send {
            to: self
                .dest
                .and_then(|dest| self.comm.peers().world_rank(dest)),
        }
    }
}

struct PersistentReceive {
    comm: Arc<Comm>,
    source: Option<i32>,
    tag: i32,
    data: Data,
}

impl Recipe for PersistentReceive {
    fn start(&self, rank: &Rank, _: &mut dyn Guest) -> Result<Started> {
        let Some(source) = self.source else {
            return Ok(Started::Done(Outcome::PROC_NULL, None));
        };
        let context = Context::PointToPoint;
        rank.start_recv(&self.comm, context, source, self.tag, self.data.view())
    }

    fn kind(&self) -> Kind {
        Kind::Receive
    }
}
