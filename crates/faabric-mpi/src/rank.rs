//! One rank: what the guest's MPI calls reach.
//!
//! Methods are named as in MPI, in snake case without the prefix, and lie in the file
//! of their chapter. This file has the rank itself and how the guest's handles and
//! arguments become objects.

use crate::abi;
use crate::attribute::Keyvals;
use crate::bsend::SendBuffer;
use crate::comm::Comm;
use crate::data::View;
use crate::datatype::{Constructor, Counts, Datatype, Primitive};
use crate::errhandler::{Errhandler, ErrorCodes, Orphaned};
use crate::error::{Class, Error, Result};
use crate::generalized::Generalized;
use crate::group::Group;
use crate::handle::{
    CommHandle, ErrhandlerHandle, GroupHandle, Handle, InfoHandle, MessageHandle, RequestHandle,
    SessionHandle, Table, TypeHandle, WinHandle,
};
use crate::info::Info;
use crate::lifecycle::Phase;
use crate::mailbox::Mailbox;
use crate::memory::{Addr, Memory};
use crate::observe::Watch;
use crate::probe::Matched;
use crate::progress::Operations;
use crate::request::Request;
use crate::rma::Window;
use crate::session::Session;
use crate::tool::Tool;
use crate::tuning::Tuned;
use crate::world::World;
use parking_lot::Mutex;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

/// A message buffer as the guest describes it; nothing about it is checked yet.
#[derive(Clone, Copy, Debug)]
pub struct Buffer {
    /// Where it begins.
    pub addr: Addr,
    /// How many elements of `datatype`.
    pub count: i64,
    /// What they are.
    pub datatype: TypeHandle,
}

/// One rank of a job, on this worker. Threads of its process may call it at once.
pub struct Rank {
    pub(crate) world: Arc<World>,
    /// Its number in the job: its rank in `MPI_COMM_WORLD`, unless it was spawned.
    pub(crate) world_rank: u32,
    pub(crate) watch: Watch,
    /// What can be adjusted.
    pub(crate) tuned: Tuned,
    /// The tool interface.
    pub(crate) tool: Tool,
    /// The guest's linear memory.
    pub(crate) memory: Arc<dyn Memory>,
    pub(crate) phase: Phase,
    comm_world: Arc<Comm>,
    comm_self: Arc<Comm>,
    /// Its own copies of the predefined types, by handle: a count of references that
    /// all ranks shared would be the busiest cache line of the worker.
    predefined: Box<[Option<Arc<Datatype>>]>,
    /// The sizes of those that are one stretch of bytes, in the same order.
    flat_sizes: Box<[Option<u32>]>,
    pub(crate) types: Mutex<Table<TypeHandle, Arc<Datatype>>>,
    pub(crate) comms: Mutex<Table<CommHandle, Arc<Comm>>>,
    pub(crate) groups: Mutex<Table<GroupHandle, Arc<Group>>>,
    pub(crate) requests: Mutex<Table<RequestHandle, Request>>,
    /// Generalized requests that were freed before they were complete. Locked after
    /// `requests`, where their handles are kept for `MPI_Grequest_complete`.
    pub(crate) freed: Mutex<BTreeMap<RequestHandle, Arc<Generalized>>>,
    pub(crate) messages: Mutex<Table<MessageHandle, Matched>>,
    pub(crate) errhandlers: Mutex<Table<ErrhandlerHandle, Errhandler>>,
    pub(crate) orphaned: Mutex<Vec<Orphaned>>,
    pub(crate) error_codes: Mutex<ErrorCodes>,
    pub(crate) infos: Mutex<Table<InfoHandle, Info>>,
    pub(crate) windows: Mutex<Table<WinHandle, Arc<Window>>>,
    pub(crate) sessions: Mutex<Table<SessionHandle, Session>>,
    pub(crate) keyvals: Keyvals,
    pub(crate) operations: Operations,
    /// Reduction operations that the program created.
    pub(crate) ops: crate::collective::Ops,
    pub(crate) send_buffer: Arc<SendBuffer>,
    /// Open files.
    pub(crate) io: crate::io::State,
    /// What its process calls its program; "" when nobody said.
    pub(crate) program: String,
    /// The intercommunicator with those who spawned it; null if nobody did, and once it is
    /// freed: its handle may name another then.
    pub(crate) parent: AtomicU32,
    /// How many communicator ids this rank has made up.
    pub(crate) next_comm: AtomicU32,
}

/// The id of `MPI_COMM_SELF`, in which nobody hears others.
const SELF_ID: u64 = 1;

/// The first handle of a predefined datatype, and how many there can be.
const FIRST_TYPE: u32 = 0x200;
const TYPES: u32 = 0x100;

impl Rank {
    /// Rank `world_rank` of `world`, whose process has this linear memory.
    ///
    /// # Errors
    /// `MPI_ERR_INTERN` when `world` does not run that rank here.
    pub fn new(
        world: Arc<World>,
        world_rank: faabric_wire::id::Rank,
        memory: Arc<dyn Memory>,
    ) -> Result<Rank> {
        let world_rank = world_rank.0;
        let mailbox = world.own_mailbox(world_rank)?;
        let tuning = world.teams.tuning();
        let recorder = world.take_recorder(world_rank);
        if recorder.as_ref().is_some_and(|recorder| recorder.traces()) {
            mailbox.lock().number_matches();
        }
        let family = world.families.of(world_rank).ok_or_else(|| {
            let message = format!("rank {world_rank} belongs to no part of the job");
            Error::new(Class::INTERN, message)
        })?;
        let everyone = Arc::new(Group::new(family.ranks().collect()));
        let alone = Arc::new(Group::new(vec![world_rank]));
        let mut comm_world = Comm::new(family.world_id(), everyone, world_rank - family.first);
        comm_world.settings.lock().name = "MPI_COMM_WORLD".into();
        comm_world.handle = AtomicU32::new(abi::MPI_COMM_WORLD);
        let mut comm_self = Comm::new(SELF_ID, alone, 0);
        comm_self.settings.lock().name = "MPI_COMM_SELF".into();
        comm_self.handle = AtomicU32::new(abi::MPI_COMM_SELF);
        let predefined = (FIRST_TYPE..FIRST_TYPE + TYPES).map(|handle| {
            let named = Constructor::Named(Primitive::from_handle(handle)?);
            Datatype::new(named, Counts::Int).ok()
        });
        let predefined: Box<[Option<Arc<Datatype>>]> = predefined.collect();
        let flat_size = |datatype: &Option<Arc<Datatype>>| {
            let datatype = datatype
                .as_ref()
                .filter(|datatype| datatype.is_contiguous())?;
            u32::try_from(datatype.size()).ok()
        };
        Ok(Rank {
            world,
            world_rank,
            watch: Watch::new(recorder),
            tuned: Tuned::new(tuning),
            tool: Tool::default(),
            memory,
            phase: Phase::default(),
            comm_world: Arc::new(comm_world),
            comm_self: Arc::new(comm_self),
            flat_sizes: predefined.iter().map(flat_size).collect(),
            predefined,
            types: Mutex::default(),
            comms: Mutex::default(),
            groups: Mutex::default(),
            requests: Mutex::default(),
            freed: Mutex::default(),
            messages: Mutex::default(),
            errhandlers: Mutex::default(),
            orphaned: Mutex::default(),
            error_codes: Mutex::default(),
            infos: Mutex::default(),
            windows: Mutex::default(),
            sessions: Mutex::default(),
            keyvals: Keyvals::default(),
            operations: Operations::default(),
            ops: crate::collective::Ops::default(),
            send_buffer: Arc::default(),
            io: crate::io::State::default(),
            program: String::new(),
            parent: AtomicU32::new(abi::MPI_COMM_NULL),
            next_comm: AtomicU32::new(0),
        })
    }

    /// The rank of a process that calls its program `name` (its `argv[0]`): a spawn of
    /// that name starts the same program.
    #[must_use]
    pub fn with_program(mut self, name: impl Into<String>) -> Rank {
        self.program = name.into();
        self
    }

    /// The job it belongs to.
    #[must_use]
    pub fn world(&self) -> &Arc<World> {
        &self.world
    }

    /// Its number in the job: its rank in `MPI_COMM_WORLD`, unless it was spawned.
    #[must_use]
    pub fn world_rank(&self) -> faabric_wire::id::Rank {
        faabric_wire::id::Rank(self.world_rank)
    }

    /// The rank's process ends: its calls that wait return [`Error::interrupted`], as do
    /// those that are still to come.
    pub fn end_waits(&self) {
        self.mailbox().end_waits();
        self.world.teams.interrupt();
    }

    /// Has the rank's waiting calls look again.
    pub(crate) fn wake(&self) {
        self.world.wake(self.world_rank);
    }

    /// Fails once the job, or the rank's process, has ended.
    pub(crate) fn check(&self) -> Result<()> {
        self.mailbox().check(&self.world)
    }

    /// The guest's linear memory.
    #[must_use]
    pub fn memory(&self) -> &Arc<dyn Memory> {
        &self.memory
    }

    pub(crate) fn mailbox(&self) -> &Mailbox {
        self.world
            .mailbox(self.world_rank)
            .expect("new() checked that the rank is local")
    }

    /// `MPI_COMM_WORLD`.
    pub(crate) fn comm_world(&self) -> &Arc<Comm> {
        &self.comm_world
    }

    /// The communicator that the guest names.
    #[inline]
    pub(crate) fn comm(&self, handle: CommHandle) -> Result<Cow<'_, Arc<Comm>>> {
        match handle.raw() {
            abi::MPI_COMM_WORLD => Ok(Cow::Borrowed(&self.comm_world)),
            abi::MPI_COMM_SELF => Ok(Cow::Borrowed(&self.comm_self)),
            _ => match self.comms.lock().get(handle) {
                Some(comm) => Ok(Cow::Owned(comm.clone())),
                None => Err(unknown(Class::COMM, "comm", handle, abi::MPI_COMM_NULL)),
            },
        }
    }

    /// The datatype that the guest names, committed or not.
    pub(crate) fn datatype(&self, handle: TypeHandle) -> Result<Cow<'_, Arc<Datatype>>> {
        let index = handle.raw().wrapping_sub(FIRST_TYPE) as usize;
        if let Some(Some(datatype)) = self.predefined.get(index) {
            return Ok(Cow::Borrowed(datatype));
        }
        match self.types.lock().get(handle) {
            Some(datatype) => Ok(Cow::Owned(datatype.clone())),
            None => Err(unknown(
                Class::TYPE,
                "datatype",
                handle,
                abi::MPI_DATATYPE_NULL,
            )),
        }
    }

    /// The size of a predefined datatype that is one stretch of bytes.
    #[inline]
    pub(crate) fn flat_size(&self, handle: TypeHandle) -> Option<u64> {
        let index = handle.raw().wrapping_sub(FIRST_TYPE) as usize;
        Some(u64::from((*self.flat_sizes.get(index)?)?))
    }

    /// The datatype of a message buffer: it must be committed.
    pub(crate) fn committed(&self, handle: TypeHandle) -> Result<Cow<'_, Arc<Datatype>>> {
        let datatype = self.datatype(handle)?;
        if datatype.is_committed() {
            return Ok(datatype);
        }
        Err(Error::new(
            Class::TYPE,
            "datatype: it is not committed; call MPI_Type_commit first",
        ))
    }

    /// A buffer of the guest, with the datatype that [`Rank::committed`] gave.
    pub(crate) fn view<'a>(
        &'a self,
        buffer: &Buffer,
        datatype: &'a Arc<Datatype>,
    ) -> Result<View<'a>> {
        let count = u64::try_from(buffer.count).map_err(|_| {
            Error::new(Class::COUNT, format!("count: {} is negative", buffer.count))
        })?;
        Ok(View {
            memory: &self.memory,
            addr: buffer.addr,
            count,
            datatype,
        })
    }

    /// Names a new object.
    pub(crate) fn name<H: Handle, T>(table: &Mutex<Table<H, T>>, value: T) -> Result<H> {
        table.lock().insert(value).map_err(|_| {
            Error::new(
                Class::NO_MEM,
                format!("a rank cannot have more than 2^20 {}s", H::NAME),
            )
        })
    }
}

/// A handle that names nothing of its kind.
#[cold]
pub(crate) fn unknown<H: Handle>(class: Class, argument: &str, handle: H, null: u32) -> Error {
    let raw = handle.raw();
    let kind = H::NAME;
    Error::new(
        class,
        if raw == null {
            format!("{argument}: the null handle is not a {kind}")
        } else {
            format!("{argument}: {raw:#x} is not a {kind}, or it was freed")
        },
    )
}
