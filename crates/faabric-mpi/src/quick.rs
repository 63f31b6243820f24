//! The shortest way of the commonest calls: messages of a predefined type between ranks
//! of one worker, and requests that have ended.
//!
//! It never calls the guest and never sleeps, so the host may run it on the guest's own
//! stack; what it cannot finish it leaves to the general way of the same call:
//!
//! ```text
//!   quick call --done------------------------> guest
//!     |  '-----declined: nothing was done ---> general call: all of it
//!     '--------begun: cannot go on yet ------> general call: waits, reports ([`Begun`])
//! ```
//! What it saves is half of an 8-byte message's time that is not the processor's own
//! (`examples/latency.rs`).

use crate::collective::Collective;
use crate::comm::{Comm, Context};
use crate::completion::{NULL, SENT};
use crate::data::Flat;
use crate::error::{Class, Error, Result, Trap};
use crate::guest::{Guest, GuestFn};
use crate::handle::{CommHandle, ReceivedHandle, RequestHandle, Table};
use crate::inbox::{self, Bytes};
use crate::mailbox::{Held, Mailbox};
use crate::matching::{Envelope, Pattern};
use crate::memory::{Addr, Memory};
use crate::p2p::Started;
use crate::rank::{Buffer, Rank};
use crate::request::{Completion, Kind, Outcome, Request};
use crate::send::{Destination, Origin, SendMode, destination, origin};
use crate::status::Status;
use parking_lot::MutexGuard;
use std::borrow::Cow;
use std::cell::Cell;
use std::sync::Arc;

thread_local! {
    /// What this thread's quick call began; its general call comes next and takes it.
    static BEGUN: Cell<Option<Begun>> = const { Cell::new(None) };
}

/// What a quick call left to the general one.
pub(crate) enum Begun {
    /// The operation is under way.
    Pending(Arc<Completion>),
    /// It failed: the general call has the error handler.
    Failed(Error),
}

impl Begun {
    /// What the quick call that came just before this general one began, if any.
    #[inline]
    pub(crate) fn take() -> Option<Begun> {
        BEGUN.take()
    }

    /// What became of a quick collective: it waits for its end itself.
    pub(crate) fn outcome(self) -> Result<()> {
        match self {
            Begun::Pending(_) => Ok(()),
            Begun::Failed(error) => Err(error),
        }
    }

    /// Goes on with it.
    pub(crate) fn finish(self, rank: &Rank, guest: &mut dyn Guest) -> Result<Outcome> {
        match self {
            Begun::Pending(completion) => rank.wait_completion(guest, &completion),
            Begun::Failed(error) => Err(error),
        }
    }
}

/// Stands in for the guest where no guest code can be needed.
struct NoGuest;

impl Guest for NoGuest {
    fn call(&mut self, _: GuestFn, _: &[u32]) -> std::result::Result<Option<u32>, Trap> {
        Err(Trap("a quick call needed guest code".to_owned()))
    }

    fn scratch(&mut self, _: u64) -> Result<Addr> {
        Err(Error::new(
            Class::INTERN,
            "a quick call needed guest memory",
        ))
    }
}

/// A request in the guest's memory; none where the general way must complain.
pub trait Variable {
    /// The request's handle.
    fn get(&self) -> Option<RequestHandle>;
    /// Changes it.
    fn set(&self, request: RequestHandle) -> Option<()>;
}

/// Ends requests one after the other, and keeps the lock on them as long as none is waited
/// for. At most one of both locks is held.
struct Quick<'a> {
    rank: &'a Rank,
    requests: Option<MutexGuard<'a, Table<RequestHandle, Request>>>,
    mailbox: Option<Held<'a>>,
}

impl<'a> Quick<'a> {
    fn of(rank: &'a Rank) -> Self {
        Self {
            rank,
            requests: None,
            mailbox: None,
        }
    }

    fn requests(&mut self) -> &mut Table<RequestHandle, Request> {
        self.mailbox = None;
        let rank = self.rank;
        self.requests.get_or_insert_with(|| rank.requests.lock())
    }

    fn received(&mut self) -> &mut Table<ReceivedHandle, Outcome> {
        self.requests = None;
        let mailbox = self.rank.mailbox();
        let state = self.mailbox.get_or_insert_with(|| mailbox.lock());
        &mut state.received
    }

    fn wait(&mut self, request: &mut RequestHandle) -> Option<Outcome> {
        match *request {
            NULL => return Some(Outcome::EMPTY),
            SENT => {
                *request = NULL;
                return Some(Outcome::EMPTY);
            }
            _ => {}
        }
        if let Some(received) = request.received() {
            let outcome = self.received().remove(received)?;
            *request = NULL;
            return Some(outcome);
        }
        let rank = self.rank;
        let requests = self.requests();
        let found = requests.get(*request)?;
        if !matches!(found.kind, Kind::Send { .. } | Kind::Receive) {
            return None;
        }
        let outcome = match found.started.as_ref()? {
            Started::Done(outcome, None) => *outcome,
            Started::Sent(_) | Started::Buffered(_) => Outcome::EMPTY,
            Started::Done(_, Some(_)) => return None,
            Started::Pending(c) => match c.result() {
                Some(ended) => ended.ok()?,
                None => {
                    let completion = c.clone();
                    self.requests = None;
                    rank.linger_for(&completion)?;
                    return self.wait(request);
                }
            },
        };
        requests.remove(*request);
        *request = NULL;
        Some(outcome)
    }
}

impl Rank {
    /// Looks for a while whether an operation ends, which none but messages from this
    /// worker can end.
    fn linger_for(&self, completion: &Completion) -> Option<()> {
        if self.has_operations() || self.world.is_spread() {
            return None;
        }
        let mailbox = self.mailbox();
        self.world.linger_quick(|| {
            mailbox.progress();
            completion.is_complete().then_some(())
        })
    }

    /// Sends a message of a predefined type to a rank of this worker: the beginning of
    /// `MPI_Send`, and all of it when true is returned.
    #[inline]
    pub fn send_quick(&self, mode: SendMode, buffer: &Buffer, to: Destination) -> bool {
        let Some(started) = self.start_send_quick(mode, buffer, to) else {
            return false;
        };
        self.end_quick(started).is_some()
    }

    /// As [`Rank::send_quick`], for a send with a request, if it is complete at once.
    #[inline]
    pub fn isend_quick(
        &self,
        mode: SendMode,
        buffer: &Buffer,
        to: Destination,
    ) -> Option<RequestHandle> {
        let (comm, mailbox, len) = self.send_way(mode, buffer, to)?;
        let sent = self.push_quick(mode, &comm, mailbox, buffer, len, to.tag);
        sent.then_some(SENT)
    }

    fn start_send_quick(
        &self,
        mode: SendMode,
        buffer: &Buffer,
        to: Destination,
    ) -> Option<Started> {
        let (comm, mailbox, len) = self.send_way(mode, buffer, to)?;
        if self.push_quick(mode, &comm, mailbox, buffer, len, to.tag) {
            return Some(Started::Done(Outcome::EMPTY, None));
        }
        let datatype = self.datatype(buffer.datatype).ok()?;
        let view = self.view(buffer, &datatype).ok()?;
        self.start_mode(&comm, mode, to.rank as u32, to.tag, view)
            .ok()
    }

    /// `MPI_Irecv`, when it is right and there is room for its request.
    pub fn irecv_quick(&self, buffer: &Buffer, from: Origin) -> Option<RequestHandle> {
        if let Some(received) = self.irecv_next(buffer, from) {
            return Some(received);
        }
        // Whatever else is wrong is found before anything is posted.
        if !self.requests.lock().has_room() {
            return None;
        }
        self.irecv(buffer, from).ok()
    }

    /// `MPI_Irecv` that the message at the head of the ring ends at once.
    #[inline]
    fn irecv_next(&self, buffer: &Buffer, from: Origin) -> Option<RequestHandle> {
        let mailbox = self.mailbox();
        if !mailbox.inbox.has_next() {
            return None;
        }
        let target = self.flat(buffer)?;
        let comm = self.active_comm(from.comm).ok()?;
        let pattern = Pattern {
            space: comm.space(Context::PointToPoint),
            source: origin(&comm, from.rank, from.tag).ok()??,
            tag: from.tag,
        };
        let received = mailbox.receive_next(&pattern, target)?;
        Some(received.into())
    }

    /// Receives a message of a predefined type: the beginning of `MPI_Recv`, and all of
    /// it when there is a status.
    pub fn recv_quick(&self, buffer: &Buffer, from: Origin) -> Option<Status> {
        let flat = self.flat(buffer)?;
        if self.has_operations() {
            return None;
        }
        let comm = self.active_comm(from.comm).ok()?;
        let source = origin(&comm, from.rank, from.tag).ok()??;
        if !self.comes_from_here(&comm, source) {
            return None;
        }
        let mailbox = self.mailbox();
        if flat.len() <= inbox::LONGEST as u64 {
            let pattern = Pattern {
                space: comm.space(Context::PointToPoint),
                source,
                tag: from.tag,
            };
            // A receive that the next message ends is never posted.
            let received = self.world.linger_quick(|| {
                if mailbox.has_queued() {
                    return Some(None);
                }
                let next = mailbox.inbox.has_next();
                next.then(|| {
                    let fill = |bytes: Bytes<'_>| flat.fill_from(bytes);
                    mailbox.take_next(&pattern, flat.len(), fill)
                })
            });
            if let Some(Some(outcome)) = received {
                return Some(outcome.into());
            }
        }
        let datatype = self.datatype(buffer.datatype).ok()?;
        let target = self.view(buffer, &datatype).ok()?;
        let started = self.start_recv(&comm, Context::PointToPoint, source, from.tag, target);
        self.end_quick(started.ok()?).map(Status::from)
    }

    /// Whether a message from `source` can only come from a rank of this worker. Others
    /// are left to the general call: that one looks for packets while it waits.
    fn comes_from_here(&self, comm: &Comm, source: i32) -> bool {
        let is_here = |rank| self.world.mailbox(rank).is_some();
        let sender = u32::try_from(source)
            .ok()
            .and_then(|rank| comm.peers().world_rank(rank));
        !self.world.is_spread() || sender.is_some_and(is_here)
    }

    /// The end of what was started, if it comes soon and well; else the general call
    /// goes on with it.
    fn end_quick(&self, started: Started) -> Option<Outcome> {
        let begun = match started {
            Started::Done(outcome, None) => return Some(outcome),
            Started::Sent(_) | Started::Buffered(_) => return Some(Outcome::EMPTY),
            Started::Done(_, Some(error)) => Begun::Failed(error),
            Started::Pending(completion) => {
                let mailbox = self.mailbox();
                let ended = self.world.linger_quick(|| {
                    mailbox.progress();
                    completion.result()
                });
                match ended {
                    Some(Ok(outcome)) => return Some(outcome),
                    Some(Err(error)) => Begun::Failed(error),
                    None => Begun::Pending(completion),
                }
            }
        };
        BEGUN.set(Some(begun));
        None
    }

    /// Ends a request whose operation succeeded or soon does: `MPI_Wait`. Then `request`
    /// is what the guest's variable becomes.
    pub fn wait_quick(&self, request: &mut RequestHandle) -> Option<Status> {
        Quick::of(self).wait(request).map(Status::from)
    }

    /// As [`Rank::wait_quick`], for many: `requests` is the guest's array.
    pub fn waitall_quick(&self, requests: impl IntoIterator<Item = impl Variable>) -> Option<()> {
        let mut quick = Quick::of(self);
        for variable in requests {
            let mut request = variable.get()?;
            if request != NULL {
                quick.wait(&mut request)?;
                variable.set(request)?;
            }
        }
        Some(())
    }

    /// Runs a collective operation on short data of predefined types, among ranks that
    /// are all on this worker. Unlike the other quick calls it may sleep until the others
    /// have come: what it has begun cannot be handed over.
    pub fn collective_quick(&self, comm: CommHandle, call: &Collective<'_>) -> Option<()> {
        if self.has_operations() {
            return None;
        }
        let comm = self.active_comm(comm).ok()?;
        let local = comm.collective.team()?;
        let ended = self.collective_plain(&mut NoGuest, &comm, local, call)?;
        // Counted as the general call counts: ranks may differ in which they take.
        comm.collective.next_tag();
        // The job ends, or the ranks do not fit together.
        let failed = |error| BEGUN.set(Some(Begun::Failed(error)));
        ended.map_err(failed).ok()
    }

    /// A buffer of a predefined type.
    #[inline]
    fn flat(&self, buffer: &Buffer) -> Option<Flat<'_>> {
        Flat::new(&*self.memory, buffer.addr, self.flat_len(buffer)?)
    }

    /// Bytes of a buffer of a predefined type.
    #[inline]
    pub(crate) fn flat_len(&self, buffer: &Buffer) -> Option<u64> {
        let count = u64::try_from(buffer.count).ok()?;
        self.flat_size(buffer.datatype)?.checked_mul(count)
    }

    /// The communicator, the receiver's mailbox and the length of a message that can go
    /// quickly; the caller's buffer has not been checked.
    #[inline]
    fn send_way<'a>(
        &'a self,
        mode: SendMode,
        buffer: &Buffer,
        to: Destination,
    ) -> Option<(Cow<'a, Arc<Comm>>, &'a Mailbox, u64)> {
        let len = self.flat_len(buffer)?;
        if mode == SendMode::Buffered {
            return None;
        }
        let comm = self.active_comm(to.comm).ok()?;
        let dest = destination(&comm, to.rank, to.tag).ok()??;
        let mailbox = self.world.mailbox(comm.peers().world_rank(dest)?)?;
        Some((comm, mailbox, len))
    }

    /// Puts a message of at most [`inbox::LONGEST`] bytes into the receiver's ring.
    #[inline]
    fn push_quick(
        &self,
        mode: SendMode,
        comm: &Comm,
        mailbox: &Mailbox,
        buffer: &Buffer,
        len: u64,
        tag: i32,
    ) -> bool {
        if mode == SendMode::Synchronous || len > inbox::LONGEST as u64 {
            return false;
        }
        let envelope = Envelope {
            space: comm.space(Context::PointToPoint),
            source: comm.rank as i32,
            tag,
        };
        let memory = &*self.memory;
        if len > inbox::SHORT as u64 {
            let copy =
                |page: &Arc<dyn Memory>, at| Ok(memory.copy_to(buffer.addr, len, &**page, at)?);
            let pushed = mailbox.push_long(&envelope, len as usize, memory, copy);
            // An address beyond the memory is for the general way to complain about.
            return matches!(pushed, Ok(Some(_)));
        }
        let (mut bytes, len) = ([0; inbox::SHORT], len as usize);
        if len > 0 && memory.read(buffer.addr, &mut bytes[..len]).is_err() {
            return false;
        }
        mailbox.push(&envelope, &bytes, len).is_some()
    }
}
