//! Communicators: a group of ranks and a message space of its own.

use crate::abi;
use crate::attribute::Attributes;
use crate::bsend::SendBuffer;
use crate::errhandler::is_errhandler;
use crate::error::On;
use crate::group::Group;
use crate::handle::{CommHandle, ErrhandlerHandle, Handle, WinHandle};
use crate::info::Info;
use crate::partitioned::Channels;
use crate::topology::Topology;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Which of a communicator's message spaces: what collectives send, say, can never match
/// what the program receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Context {
    /// The program's own messages.
    PointToPoint,
    /// Messages within collective operations.
    Collective,
    /// What the two sides of a partitioned operation say when they are made.
    Channel,
    /// The data of partitioned operations.
    Partition,
}

/// One rank's view of a communicator.
#[derive(Debug)]
pub(crate) struct Comm {
    /// The same number on all its ranks, and on no other communicator of the job: the
    /// world rank of whoever made it up (plus one) and that rank's count of them.
    /// A duplicate's is not known before `MPI_Comm_idup` has ended.
    id: AtomicU64,
    /// This rank's group: ranks of the communicator to ranks of the world.
    pub(crate) group: Arc<Group>,
    /// This rank within `group`.
    pub(crate) rank: u32,
    /// The other side, for an intercommunicator.
    pub(crate) remote: Option<Arc<Group>>,
    /// An intracommunicator of `group`, for an intercommunicator.
    pub(crate) local: Option<Arc<Comm>>,
    /// A Cartesian or graph topology, when one was attached.
    pub(crate) topology: Option<Arc<Topology>>,
    /// The guest's handle, for what must name it without being asked about it; the
    /// window's, for the communicator that a window has of its own; the error handler's,
    /// once it is freed.
    pub(crate) handle: AtomicU32,
    /// What the program may change later.
    pub(crate) settings: Mutex<Settings>,
    /// `MPI_Comm_attach_buffer`.
    pub(crate) send_buffer: Arc<SendBuffer>,
    /// What partitioned operations keep here.
    pub(crate) channels: Channels,
    /// What collective operations keep here.
    pub(crate) collective: crate::collective::State,
}

/// The parts of a communicator that calls may change.
#[derive(Debug)]
pub(crate) struct Settings {
    /// `MPI_Comm_set_name`.
    pub(crate) name: String,
    /// What the program attached to it.
    pub(crate) attributes: Attributes,
    /// The error handler's handle.
    pub(crate) errhandler: u32,
    /// `MPI_Comm_set_info`.
    pub(crate) info: Info,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            name: String::new(),
            attributes: Attributes::default(),
            errhandler: abi::MPI_ERRORS_ARE_FATAL,
            info: Info::default(),
        }
    }
}

impl Comm {
    /// An intracommunicator of `group`, in which this rank is `rank`.
    pub(crate) fn new(id: u64, group: Arc<Group>, rank: u32) -> Comm {
        Comm {
            id: AtomicU64::new(id),
            group,
            rank,
            remote: None,
            local: None,
            topology: None,
            handle: AtomicU32::new(abi::MPI_COMM_NULL),
            settings: Mutex::default(),
            send_buffer: Arc::default(),
            channels: Channels::default(),
            collective: crate::collective::State::default(),
        }
    }

    /// Its id.
    pub(crate) fn id(&self) -> u64 {
        self.id.load(Ordering::Relaxed)
    }

    /// The id that all its ranks have agreed on. Only before it is used.
    pub(crate) fn set_id(&self, id: u64) {
        self.id.store(id, Ordering::Relaxed);
    }

    /// The number of one of its message spaces.
    pub(crate) fn space(&self, context: Context) -> u64 {
        self.id() << 2 | context as u64
    }

    /// Whose error handler gets the errors of its operations.
    pub(crate) fn on(&self) -> On {
        let raw = self.handle.load(Ordering::Relaxed);
        match ErrhandlerHandle(raw) {
            handler if is_errhandler(handler) => On::Handler(handler),
            _ if WinHandle::is_of(raw) => On::Win(WinHandle(raw)),
            _ => On::Comm(CommHandle(raw)),
        }
    }

    /// How many ranks the local group has.
    pub(crate) fn size(&self) -> u32 {
        self.group.size()
    }

    /// The group that sends go to and receives come from.
    pub(crate) fn peers(&self) -> &Arc<Group> {
        self.remote.as_ref().unwrap_or(&self.group)
    }
}
