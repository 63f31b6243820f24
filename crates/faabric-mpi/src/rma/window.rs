//! Window objects: what a rank's handle of a window stands for, and freeing it.

use super::epoch::Epoch;
use super::part::{Flavor, Part};
use super::shared::Segment;
use crate::abi;
use crate::collective::Collective;
use crate::comm::Comm;
use crate::error::{Class, Error, Result};
use crate::guest::{Guest, GuestFn};
use crate::handle::{ErrhandlerHandle, GroupHandle, InfoHandle, WinHandle};
use crate::info::Info;
use crate::rank::{Rank, unknown};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// `MPI_WIN_NULL`.
pub const NULL: WinHandle = WinHandle(abi::MPI_WIN_NULL);

/// One rank's view of a window.
pub(crate) struct Window {
    /// The communicator that it has of its own: its ranks, name, attributes, error handler
    /// and info are the window's, its id is the window's.
    pub(crate) comm: Arc<Comm>,
    pub(crate) flavor: Flavor,
    /// This rank's part.
    pub(crate) mine: Arc<Part>,
    /// All ranks, this one too.
    pub(crate) peers: Box<[Peer]>,
    pub(crate) pending: Arc<Pending>,
    pub(crate) epoch: Mutex<Epoch>,
    /// Guest memory that goes with it.
    pub(crate) allocated: Option<u32>,
    /// What ranks share of it, in a shared window.
    pub(crate) segment: Option<Segment>,
    /// Guest memory with the values of predefined attributes; 0 while there is none.
    pub(crate) values: AtomicU32,
}

/// What a rank knows of another's part.
pub(crate) struct Peer {
    pub(crate) world_rank: u32,
    pub(crate) size: u64,
    pub(crate) disp_unit: u64,
    /// The part itself, of a rank on this worker.
    pub(crate) part: Option<Arc<Part>>,
}

/// How far a rank is with its accesses to targets on other workers.
pub(crate) struct Pending {
    /// The rank of the world.
    pub(crate) owner: u32,
    /// Bytes that were asked for and have not come.
    asked: AtomicU64,
    targets: Box<[Tally]>,
}

#[derive(Default)]
struct Tally {
    /// Operations whose results have not come.
    fetches: AtomicU64,
    /// Something was sent that the target has not said to have applied.
    changed: AtomicBool,
}

impl Pending {
    pub(crate) fn new(owner: u32, targets: usize) -> Pending {
        Pending {
            owner,
            asked: AtomicU64::new(0),
            targets: (0..targets).map(|_| Tally::default()).collect(),
        }
    }

    pub(crate) fn began(&self, target: u32) {
        self.targets[target as usize]
            .fetches
            .fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn ended(&self, target: u32) {
        self.targets[target as usize]
            .fetches
            .fetch_sub(1, Ordering::Release);
    }

    pub(crate) fn asked(&self, bytes: u64) {
        self.asked.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn answered(&self, bytes: u64) {
        self.asked.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(crate) fn has_room(&self) -> bool {
        self.asked.load(Ordering::Relaxed) < super::replies::MOST_ASKED
    }

    /// Whether all results from `target` have come.
    pub(crate) fn is_local_done(&self, target: u32) -> bool {
        self.targets[target as usize]
            .fetches
            .load(Ordering::Acquire)
            == 0
    }

    pub(crate) fn change(&self, target: u32) {
        self.targets[target as usize]
            .changed
            .store(true, Ordering::Relaxed);
    }

    /// Whether something was sent to `target` since this was asked last.
    pub(crate) fn take_changed(&self, target: u32) -> bool {
        self.targets[target as usize]
            .changed
            .swap(false, Ordering::Relaxed)
    }
}

impl Window {
    /// The number that all its ranks know it by.
    pub(crate) fn id(&self) -> u64 {
        self.comm.id()
    }

    /// How many ranks it has.
    pub(crate) fn size(&self) -> u32 {
        self.comm.size()
    }

    /// The rank that the guest names; none for `MPI_PROC_NULL`.
    pub(crate) fn target(&self, argument: &str, rank: i32) -> Result<Option<u32>> {
        let size = self.size();
        match u32::try_from(rank) {
            Ok(rank) if rank < size => Ok(Some(rank)),
            _ if rank == abi::MPI_PROC_NULL => Ok(None),
            _ => Err(Error::new(
                Class::RANK,
                format!("{argument}: {rank} is not a rank of the window, which has {size}"),
            )),
        }
    }
}

impl Rank {
    /// The window that the guest names.
    pub(crate) fn win(&self, handle: WinHandle) -> Result<Arc<Window>> {
        match self.windows.lock().get(handle) {
            Some(window) => Ok(window.clone()),
            None => Err(unknown(Class::WIN, "win", handle, abi::MPI_WIN_NULL)),
        }
    }

    /// The window of a call that communicates.
    pub(crate) fn active_win(&self, handle: WinHandle) -> Result<Arc<Window>> {
        self.check_active("a one-sided call")?;
        self.win(handle)
    }

    /// Waits for all ranks of a window.
    pub(crate) fn meet(&self, guest: &mut dyn Guest, comm: &Arc<Comm>) -> Result<()> {
        self.collective_on(guest, comm, &Collective::Barrier)
    }

    /// `MPI_Win_free` (MPI 4.1, section 12.2.5). `free` is the guest's function for memory
    /// that came from its allocator.
    ///
    /// # Errors
    /// `MPI_ERR_WIN`; `MPI_ERR_RMA_SYNC` within an epoch; what a callback returned.
    pub fn win_free(
        &self,
        guest: &mut dyn Guest,
        handle: &mut WinHandle,
        free: GuestFn,
    ) -> Result<()> {
        let window = self.active_win(*handle)?;
        window.epoch.lock().check_free()?;
        self.delete_win_attributes(guest, *handle)?;
        self.meet(guest, &window.comm)?;
        self.world.windows.forget(window.id(), self.world_rank);
        if let Some(segment) = &window.segment {
            segment.leave(&*self.memory)?;
        }
        let values = window.values.swap(0, Ordering::Relaxed);
        for memory in window.allocated.into_iter().chain([values]) {
            if memory != 0 {
                guest.call(free, &[memory])?;
            }
        }
        self.windows.lock().remove(*handle);
        let handler = window.comm.settings.lock().errhandler;
        self.release_errhandler(ErrhandlerHandle(handler));
        *handle = NULL;
        Ok(())
    }

    /// `MPI_Win_get_group` (MPI 4.1, section 12.2.7).
    ///
    /// # Errors
    /// `MPI_ERR_WIN`.
    pub fn win_get_group(&self, win: WinHandle) -> Result<GroupHandle> {
        let group = self.win(win)?.comm.group.clone();
        self.group_from(group)
    }

    /// `MPI_Win_set_name` (MPI 4.1, section 7.8).
    ///
    /// # Errors
    /// `MPI_ERR_WIN`.
    pub fn win_set_name(&self, win: WinHandle, name: &str) -> Result<()> {
        name.clone_into(&mut self.win(win)?.comm.settings.lock().name);
        Ok(())
    }

    /// `MPI_Win_get_name`.
    ///
    /// # Errors
    /// `MPI_ERR_WIN`.
    pub fn win_get_name(&self, win: WinHandle) -> Result<String> {
        Ok(self.win(win)?.comm.settings.lock().name.clone())
    }

    /// `MPI_Win_set_info` (MPI 4.1, section 12.2.8): the keys that mean something to
    /// windows are kept. None of them changes what is done.
    ///
    /// # Errors
    /// `MPI_ERR_WIN`, `MPI_ERR_INFO`.
    pub fn win_set_info(&self, win: WinHandle, info: InfoHandle) -> Result<()> {
        let window = self.win(win)?;
        let info = self.info_or_null(info)?;
        merge(&mut window.comm.settings.lock().info, &info);
        Ok(())
    }

    /// `MPI_Win_get_info`: the hints in use, with their defaults.
    ///
    /// # Errors
    /// `MPI_ERR_WIN`.
    pub fn win_get_info(&self, win: WinHandle) -> Result<InfoHandle> {
        let info = self.win(win)?.comm.settings.lock().info.clone();
        self.info_from(info)
    }
}

/// The hints that the standard gives to windows.
const HINTS: [&str; 7] = [
    "no_locks",
    "accumulate_ordering",
    "accumulate_ops",
    "mpi_accumulate_granularity",
    "same_size",
    "same_disp_unit",
    "alloc_shared_noncontig",
];

/// The hints of a new window to which `given` were given.
pub(crate) fn hints(given: &Info) -> Info {
    let mut info = Info::default();
    info.set("accumulate_ordering", "rar,raw,war,waw");
    info.set("accumulate_ops", "same_op_no_op");
    merge(&mut info, given);
    info
}

fn merge(info: &mut Info, given: &Info) {
    for hint in HINTS {
        if let Some(value) = given.get(hint) {
            info.set(hint, value);
        }
    }
}
