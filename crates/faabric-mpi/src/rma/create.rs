//! Making windows (MPI 4.1, sections 12.2.1, 12.2.2 and 12.2.4).
//!
//! ```text
//!   agree on an id --> register this rank's part --> tell all: size, unit, or an error
//! ```
//! When everyone has been told, everyone's part can be reached. A rank whose arguments
//! are wrong takes part all the same, so that the call fails on all ranks.

use super::part::{Flavor, Part};
use super::shared::Segment;
use super::window::{Peer, Pending, Window, hints};
use crate::agree::TAG;
use crate::comm::Comm;
use crate::error::{Class, Error, Result};
use crate::guest::{Guest, GuestFn};
use crate::handle::{CommHandle, Handle, InfoHandle, WinHandle};
use crate::info::Info;
use crate::memory::{self, Addr};
use crate::rank::Rank;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// The most regions that a rank may attach to a window.
const MOST_REGIONS: usize = 1 << 20;

/// The guest's functions for memory that comes with a window.
#[derive(Clone, Copy, Debug)]
pub struct Allocator {
    /// `void *(size_t alignment, size_t size)`, null when there is no memory.
    pub allocate: GuestFn,
    /// `void (void *)`.
    pub free: GuestFn,
}

/// What a rank gives to all kinds of windows with memory.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// `size`, in bytes.
    pub size: i64,
    /// `disp_unit`, in bytes.
    pub disp_unit: i64,
}

impl Extent {
    /// The size and the unit, checked.
    pub(crate) fn check(self) -> Result<(u64, u64)> {
        let size = u64::try_from(self.size)
            .map_err(|_| Error::new(Class::SIZE, format!("size: {} is negative", self.size)))?;
        match u64::try_from(self.disp_unit) {
            Ok(unit @ 1..) => Ok((size, unit)),
            _ => Err(Error::new(
                Class::DISP,
                format!("disp_unit: {} is not positive", self.disp_unit),
            )),
        }
    }
}

/// What becomes this rank's side of a window.
pub(crate) struct Draft {
    pub(crate) flavor: Flavor,
    pub(crate) mine: Arc<Part>,
    pub(crate) info: Info,
    pub(crate) allocated: Option<u32>,
    pub(crate) segment: Option<Segment>,
}

impl Rank {
    /// `MPI_Win_create` (MPI 4.1, section 12.2.1) of `extent` at `base`.
    ///
    /// # Errors
    /// `MPI_ERR_COMM`; `MPI_ERR_SIZE`, `MPI_ERR_DISP`, `MPI_ERR_BASE` or `MPI_ERR_INFO` on
    /// all ranks when an argument of one of them is wrong.
    pub fn win_create(
        &self,
        guest: &mut dyn Guest,
        base: Addr,
        extent: Extent,
        info: InfoHandle,
        comm: CommHandle,
    ) -> Result<WinHandle> {
        let comm = self.window_comm(guest, comm)?;
        let draft = extent.check().and_then(|(size, unit)| {
            if size > 0 {
                memory::check(base, size, self.memory.size())
                    .map_err(|e| Error::new(Class::BASE, format!("base: {e}")))?;
            }
            self.draft(Flavor::Create, base.0, size, info, None)
                .map(|draft| (draft, unit))
        });
        self.publish(guest, comm, draft)
    }

    /// `MPI_Win_allocate` (MPI 4.1, section 12.2.2): the window, and where its memory is.
    ///
    /// # Errors
    /// As [`Rank::win_create`]; `MPI_ERR_NO_MEM`.
    pub fn win_allocate(
        &self,
        guest: &mut dyn Guest,
        extent: Extent,
        info: InfoHandle,
        comm: CommHandle,
        allocator: Allocator,
    ) -> Result<(WinHandle, Addr)> {
        let comm = self.window_comm(guest, comm)?;
        let mut base = Addr(0);
        let draft = extent.check().and_then(|(size, unit)| {
            base = self.allocate(guest, allocator, 16, size)?;
            let allocated = Some(base.0 as u32);
            self.draft(Flavor::Allocate, base.0, size, info, allocated)
                .map(|draft| (draft, unit))
        });
        let made = self.publish(guest, comm, draft);
        if made.is_err() && base != Addr(0) {
            guest.call(allocator.free, &[base.0 as u32])?;
        }
        Ok((made?, base))
    }

    /// `MPI_Win_create_dynamic` (MPI 4.1, section 12.2.4).
    ///
    /// # Errors
    /// As [`Rank::win_create`].
    pub fn win_create_dynamic(
        &self,
        guest: &mut dyn Guest,
        info: InfoHandle,
        comm: CommHandle,
    ) -> Result<WinHandle> {
        let comm = self.window_comm(guest, comm)?;
        let draft = self
            .draft(Flavor::Dynamic, 0, 0, info, None)
            .map(|draft| (draft, 1));
        self.publish(guest, comm, draft)
    }

    /// `MPI_Win_attach` (MPI 4.1, section 12.2.4).
    ///
    /// # Errors
    /// `MPI_ERR_WIN`; `MPI_ERR_RMA_FLAVOR` unless the window is dynamic; `MPI_ERR_SIZE`;
    /// `MPI_ERR_RMA_ATTACH` for memory that is attached already, or is none.
    pub fn win_attach(&self, win: WinHandle, base: Addr, size: i64) -> Result<()> {
        let window = self.active_win(win)?;
        let regions = window.mine.regions.as_ref().ok_or_else(not_dynamic)?;
        let size = u64::try_from(size)
            .map_err(|_| Error::new(Class::SIZE, format!("size: {size} is negative")))?;
        memory::check(base, size, self.memory.size())
            .map_err(|e| Error::new(Class::RMA_ATTACH, format!("base: {e}")))?;
        let mut regions = regions.lock();
        let before = regions.ends.range(..base.0 + size).next_back();
        if size > 0 && before.is_some_and(|(_, &end)| end > base.0) {
            return Err(Error::new(
                Class::RMA_ATTACH,
                format!(
                    "base: some of the {size} bytes at {:#x} are attached",
                    base.0
                ),
            ));
        }
        if regions.len() >= MOST_REGIONS {
            return Err(Error::new(
                Class::RMA_ATTACH,
                format!("{MOST_REGIONS} regions are attached, and there can be no more"),
            ));
        }
        match size {
            0 => *regions.empty.entry(base.0).or_default() += 1,
            _ => drop(regions.ends.insert(base.0, base.0 + size)),
        }
        Ok(())
    }

    /// `MPI_Win_detach` (MPI 4.1, section 12.2.4).
    ///
    /// # Errors
    /// `MPI_ERR_WIN`; `MPI_ERR_RMA_FLAVOR` unless the window is dynamic; `MPI_ERR_BASE` for
    /// what was not attached.
    pub fn win_detach(&self, win: WinHandle, base: Addr) -> Result<()> {
        let window = self.active_win(win)?;
        let regions = window.mine.regions.as_ref().ok_or_else(not_dynamic)?;
        match regions.lock().detach(base.0) {
            true => Ok(()),
            false => Err(Error::new(
                Class::BASE,
                format!("base: nothing is attached at {:#x}", base.0),
            )),
        }
    }

    /// The communicator of its own that a new window of `comm` has.
    pub(crate) fn window_comm(&self, guest: &mut dyn Guest, comm: CommHandle) -> Result<Arc<Comm>> {
        let comm = self.active_comm(comm)?.into_owned();
        if comm.remote.is_some() {
            return Err(Error::new(Class::COMM, "comm: it is an intercommunicator"));
        }
        let id = self.common_id(guest, &comm)?;
        Ok(Arc::new(Comm::new(id, comm.group.clone(), comm.rank)))
    }

    /// `size` bytes (at least 1) from the guest's allocator.
    pub(crate) fn allocate(
        &self,
        guest: &mut dyn Guest,
        allocator: Allocator,
        alignment: u32,
        size: u64,
    ) -> Result<Addr> {
        let no_memory = || {
            Error::new(
                Class::NO_MEM,
                format!("size: the program has no {size} bytes of memory left"),
            )
        };
        let wanted = u32::try_from(size.max(1)).map_err(|_| no_memory())?;
        let got = guest.call(allocator.allocate, &[alignment, wanted])?;
        let base = got.filter(|&base| base != 0).ok_or_else(no_memory)?;
        let base = Addr(base.into());
        memory::check(base, wanted.into(), self.memory.size())
            .map_err(|e| Error::new(Class::NO_MEM, format!("the program's allocator: {e}")))?;
        Ok(base)
    }

    fn draft(
        &self,
        flavor: Flavor,
        base: u64,
        size: u64,
        info: InfoHandle,
        allocated: Option<u32>,
    ) -> Result<Draft> {
        let info = self.info_or_null(info)?;
        Ok(Draft {
            flavor,
            mine: Arc::new(Part::new(self.memory.clone(), base, size, flavor)),
            info,
            allocated,
            segment: None,
        })
    }

    fn publish(
        &self,
        guest: &mut dyn Guest,
        comm: Arc<Comm>,
        draft: Result<(Draft, u64)>,
    ) -> Result<WinHandle> {
        let id = comm.id();
        if let Ok((draft, _)) = &draft {
            let mine = draft.mine.clone();
            self.world.windows.register(id, self.world_rank, mine);
        }
        let words = draft.as_ref().map(|(draft, unit)| [draft.mine.size, *unit]);
        let all = self
            .agree(guest, &comm, words.map_err(Clone::clone))
            .inspect_err(|_| self.world.windows.forget(id, self.world_rank))?;
        self.install_window(comm, draft?.0, &all)
    }

    /// Gives every rank's words to all, or the same error to all when one has an error.
    pub(crate) fn agree<const N: usize>(
        &self,
        guest: &mut dyn Guest,
        comm: &Comm,
        mine: Result<[u64; N]>,
    ) -> Result<Vec<[u64; N]>> {
        let mut words = vec![0; N + 1];
        match &mine {
            Ok(given) => words[1..].copy_from_slice(given),
            Err(e) if e.class == Class::INTERRUPTED => return Err(e.clone()),
            Err(e) => words[0] = e.class.0 as u64,
        }
        let table = self.collect_words(guest, comm, &words)?.concat();
        let table = self.share(guest, comm, &Rank::everyone(comm, 0), TAG, table)?;
        mine?;
        let mut all = Vec::with_capacity(comm.size() as usize);
        for (rank, words) in table.chunks_exact(N + 1).enumerate() {
            if words[0] != 0 {
                return Err(Error::new(
                    Class(words[0] as i32),
                    format!("the call failed at rank {rank}"),
                ));
            }
            let mut given = [0; N];
            given.copy_from_slice(&words[1..]);
            all.push(given);
        }
        if all.len() != comm.size() as usize {
            return Err(crate::communicator::garbled());
        }
        Ok(all)
    }

    /// Names a window whose parts are all registered; `all` has their sizes and units.
    pub(crate) fn install_window(
        &self,
        comm: Arc<Comm>,
        draft: Draft,
        all: &[[u64; 2]],
    ) -> Result<WinHandle> {
        let members = comm.group.members().iter();
        let peers = members
            .zip(all)
            .map(|(&world_rank, &[size, disp_unit])| Peer {
                world_rank,
                size,
                disp_unit,
                part: self.world.windows.part(comm.id(), world_rank),
            });
        let peers: Box<[Peer]> = peers.collect();
        comm.settings.lock().info = hints(&draft.info);
        let window = Arc::new(Window {
            flavor: draft.flavor,
            mine: draft.mine,
            pending: Arc::new(Pending::new(self.world_rank, peers.len())),
            peers,
            epoch: Mutex::default(),
            allocated: draft.allocated,
            segment: draft.segment,
            values: AtomicU32::new(0),
            comm,
        });
        let handle = Rank::name(&self.windows, window.clone())?;
        window.comm.handle.store(handle.raw(), Ordering::Relaxed);
        Ok(handle)
    }
}

#[cold]
fn not_dynamic() -> Error {
    Error::new(
        Class::RMA_FLAVOR,
        "win: it was not made by MPI_Win_create_dynamic",
    )
}
