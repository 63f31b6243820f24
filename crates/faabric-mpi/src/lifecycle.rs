//! The start and the end of MPI in a rank (MPI 4.1, section 11.2).
//!
//! ```text
//!   before --Init--> active --Finalize--> finalized
//! ```
//! That is the world model; sessions ([`crate::session`]) can be open before, meanwhile
//! and afterwards. Calls that communicate or make objects are allowed while one of the
//! two is active, and on `MPI_COMM_WORLD` and `MPI_COMM_SELF` while the world is.

use crate::abi;
use crate::comm::{Comm, Context};
use crate::data::Data;
use crate::error::{Class, Error, Result};
use crate::guest::Guest;
use crate::handle::{CommHandle, Handle};
use crate::memory::{Addr, HostBuffer};
use crate::p2p::Started;
use crate::rank::Rank;
use crate::request::Completion;
use parking_lot::Mutex;
use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::ThreadId;

const BEFORE: u8 = 0;
const ACTIVE: u8 = 1;
const FINALIZED: u8 = 2;

/// Where a rank is between `MPI_Init` and `MPI_Finalize`.
#[derive(Debug, Default)]
pub(crate) struct Phase {
    now: AtomicU8,
    /// Sessions that are open.
    sessions: AtomicU32,
    /// Those, and the world while it is active.
    open: AtomicU32,
    /// Whether anything ever was open.
    used: AtomicBool,
    /// The thread that called `MPI_Init`, and the thread level it got.
    main: OnceLock<(ThreadId, i32)>,
    /// Operations whose requests were freed while they were under way, each with the id of
    /// its communicator.
    detached: Mutex<Vec<(u64, Arc<Completion>)>>,
}

impl Phase {
    /// Remembers an operation on communicator `comm` that nobody waits for:
    /// `MPI_Comm_disconnect` and `MPI_Finalize` do.
    pub(crate) fn detach(&self, comm: u64, completion: Arc<Completion>) {
        let mut detached = self.detached.lock();
        detached.retain(|(_, c)| !c.is_complete());
        detached.push((comm, completion));
    }
}

/// The tag of the messages within `MPI_Finalize`; collectives count theirs from 0 up.
const TAG: i32 = i32::MAX;

impl Rank {
    /// `MPI_Init_thread`: the level of thread support that is given. Every level is
    /// supported, so it is the one asked for.
    ///
    /// # Errors
    /// `MPI_ERR_OTHER` when called twice, `MPI_ERR_ARG` for what is no level.
    pub fn init_thread(&self, required: i32) -> Result<i32> {
        if !(abi::MPI_THREAD_SINGLE..=abi::MPI_THREAD_MULTIPLE).contains(&required) {
            return Err(Error::new(
                Class::ARG,
                format!("required: {required} is not one of the MPI_THREAD_ constants"),
            ));
        }
        let now = &self.phase.now;
        if now
            .compare_exchange(BEFORE, ACTIVE, Ordering::AcqRel, Ordering::Acquire)
            .is_err()
        {
            return Err(Error::new(Class::OTHER, "MPI_Init was called already"));
        }
        self.open();
        let _ = self.phase.main.set((std::thread::current().id(), required));
        self.find_parents()?;
        Ok(required)
    }

    /// `MPI_Init`.
    ///
    /// # Errors
    /// As [`Rank::init_thread`].
    pub fn init(&self) -> Result<()> {
        self.init_thread(abi::MPI_THREAD_SINGLE).map(|_| ())
    }

    /// `MPI_Initialized`: whether `MPI_Init` was called, even if MPI is finalized.
    #[must_use]
    pub fn initialized(&self) -> bool {
        self.phase.now.load(Ordering::Acquire) != BEFORE
    }

    /// `MPI_Finalized`.
    #[must_use]
    pub fn finalized(&self) -> bool {
        self.phase.now.load(Ordering::Acquire) == FINALIZED
    }

    /// `MPI_Query_thread`: the level that `MPI_Init_thread` gave.
    ///
    /// # Errors
    /// Before `MPI_Init` and after `MPI_Finalize`.
    pub fn query_thread(&self) -> Result<i32> {
        self.check_world("MPI_Query_thread")?;
        Ok(self
            .phase
            .main
            .get()
            .map_or(abi::MPI_THREAD_SINGLE, |&(_, level)| level))
    }

    /// `MPI_Is_thread_main`: whether this thread called `MPI_Init`.
    ///
    /// # Errors
    /// Before `MPI_Init` and after `MPI_Finalize`.
    pub fn is_thread_main(&self) -> Result<bool> {
        self.check_world("MPI_Is_thread_main")?;
        let me = std::thread::current().id();
        Ok(self.phase.main.get().is_some_and(|&(main, _)| main == me))
    }

    /// `MPI_Finalize`: runs the delete callbacks of `MPI_COMM_SELF`'s attributes, waits
    /// until what was sent is delivered and every rank has come here.
    ///
    /// # Errors
    /// `MPI_ERR_OTHER` when MPI is not active; what a callback returned.
    pub fn finalize(&self, guest: &mut dyn Guest) -> Result<()> {
        self.check_world("MPI_Finalize")?;
        self.delete_all_attributes(guest, CommHandle(abi::MPI_COMM_SELF))?;
        self.flush_all(guest)?;
        if !self.has_sessions() {
            self.settle(guest)?;
        }
        self.meet_all(guest)?;
        self.phase.now.store(FINALIZED, Ordering::Release);
        self.close();
        Ok(())
    }

    /// A session begins.
    pub(crate) fn open_session(&self) {
        self.phase.sessions.fetch_add(1, Ordering::AcqRel);
        self.open();
    }

    /// A session ends, and has nothing under way in its buffer.
    pub(crate) fn close_session(&self, guest: &mut dyn Guest) -> Result<()> {
        self.phase.sessions.fetch_sub(1, Ordering::AcqRel);
        if self.close() {
            self.flush_all(guest)?;
            self.settle(guest)?;
        }
        Ok(())
    }

    fn has_sessions(&self) -> bool {
        self.phase.sessions.load(Ordering::Acquire) > 0
    }

    /// The world or a session begins. A rank counts as one that competes for cores until
    /// all it had open is closed.
    fn open(&self) {
        let first = self.phase.open.fetch_add(1, Ordering::AcqRel) == 0;
        if first && self.phase.used.swap(true, Ordering::AcqRel) {
            self.world.join();
        }
    }

    /// The world or a session ends; true if it was the last.
    fn close(&self) -> bool {
        let last = self.phase.open.fetch_sub(1, Ordering::AcqRel) == 1;
        if last {
            self.world.close_ports_of(self.world_rank);
            self.world.leave();
        }
        last
    }

    /// Waits for operations whose requests were freed.
    fn settle(&self, guest: &mut dyn Guest) -> Result<()> {
        let detached = std::mem::take(&mut *self.phase.detached.lock());
        for (_, completion) in detached {
            // A receive that nothing was sent to cannot keep the program from ending.
            if !self.withdrawn(&completion) {
                self.wait_for(guest, || completion.is_complete().then_some(()))?;
            }
        }
        Ok(())
    }

    /// Waits until nothing of before is under way on communicator `comm`.
    pub(crate) fn settle_on(&self, guest: &mut dyn Guest, comm: u64) -> Result<()> {
        let mut pending = Vec::new();
        for (_, request) in self.requests.lock().iter() {
            if request.comm.id() == comm
                && let Some(Started::Pending(completion)) = &request.started
            {
                pending.push(completion.clone());
            }
        }
        for (on, completion) in &*self.phase.detached.lock() {
            if *on == comm {
                pending.push(completion.clone());
            }
        }
        self.wait_for(guest, || {
            pending.iter().all(|c| c.is_complete()).then_some(())
        })
    }

    /// The call that is missing: a process must not end before it. None if it made it,
    /// or never began.
    #[must_use]
    pub fn unfinished(&self) -> Option<&'static str> {
        if self.initialized() && !self.finalized() {
            Some("MPI_Finalize")
        } else if self.has_sessions() {
            Some("MPI_Session_finalize")
        } else {
            None
        }
    }

    /// Whether the process ever began with MPI, by `MPI_Init` or a session.
    #[must_use]
    pub fn used(&self) -> bool {
        self.phase.used.load(Ordering::Acquire)
    }

    fn withdrawn(&self, completion: &Arc<Completion>) -> bool {
        let mut state = self.mailbox().open();
        state
            .queues
            .withdraw(|r| Arc::ptr_eq(&r.completion, completion))
            .is_some()
    }

    /// A dissemination barrier over all ranks of the job.
    fn meet_all(&self, guest: &mut dyn Guest) -> Result<()> {
        let comm = self.comm_world();
        let (me, size) = (comm.rank, comm.size());
        let nothing = self.nothing()?;
        let mut distance = 1;
        while distance < size {
            let (to, from) = ((me + distance) % size, (me + size - distance) % size);
            let context = Context::Collective;
            let received = self.post_recv(comm, context, from, TAG, nothing.clone())?;
            let sent = self.post_send(comm, context, to, TAG, nothing.clone())?;
            self.wait_for(guest, || sent.result())??;
            self.wait_for(guest, || received.result())??;
            distance *= 2;
        }
        Ok(())
    }

    fn nothing(&self) -> Result<Data> {
        let datatype = self
            .datatype(crate::handle::TypeHandle(abi::MPI_BYTE))?
            .into_owned();
        Ok(Data {
            memory: Arc::new(HostBuffer::default()),
            addr: Addr(0),
            count: 0,
            datatype,
        })
    }

    /// `MPI_Abort`: ends the job with `code`. The other workers learn of it when this
    /// rank's process ends with that code.
    pub fn abort(&self, code: i32) -> Error {
        let reason = format!("rank {} called MPI_Abort with code {code}", self.world_rank);
        self.world.abort_by(self.world_rank(), code, reason.clone());
        Error::interrupted(reason)
    }

    /// `MPI_Get_processor_name`: the worker's name.
    #[must_use]
    pub fn get_processor_name(&self) -> String {
        self.world.worker_of(self.world_rank()).unwrap_or_default()
    }

    /// Fails unless the world or a session is active; `call` is what the guest called.
    pub(crate) fn check_active(&self, call: &str) -> Result<()> {
        match self.phase.now.load(Ordering::Acquire) == ACTIVE || self.has_sessions() {
            true => Ok(()),
            false => self.check_world(call),
        }
    }

    /// Fails unless the world is active.
    fn check_world(&self, call: &str) -> Result<()> {
        match self.phase.now.load(Ordering::Acquire) {
            ACTIVE => Ok(()),
            BEFORE => Err(Error::new(
                Class::OTHER,
                format!("{call} was called before MPI_Init"),
            )),
            _ => Err(Error::new(
                Class::OTHER,
                format!("{call} was called after MPI_Finalize"),
            )),
        }
    }

    /// The communicator of a call that communicates.
    #[inline]
    pub(crate) fn active_comm(&self, handle: CommHandle) -> Result<Cow<'_, Arc<Comm>>> {
        if self.phase.now.load(Ordering::Acquire) != ACTIVE {
            self.check_without_world(handle)?;
        }
        self.comm(handle)
    }

    /// Outside of the world, only what sessions made can communicate.
    #[cold]
    fn check_without_world(&self, handle: CommHandle) -> Result<()> {
        let of_world = matches!(handle.raw(), abi::MPI_COMM_WORLD | abi::MPI_COMM_SELF);
        match of_world || !self.has_sessions() {
            true => self.check_world("a communication call"),
            false => Ok(()),
        }
    }
}
