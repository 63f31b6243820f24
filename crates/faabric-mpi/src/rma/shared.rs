//! Windows whose memory all ranks can load from and store to (MPI 4.1, section 12.2.3).
//!
//! ```text
//!   linear memory of rank 0   ......|  0  |    1    | 2 |.....     the same pages in all
//!   linear memory of rank 1   ...|  0  |    1    | 2 |........     three, at addresses that
//!   linear memory of rank 2   ..........|  0  |    1    | 2 |.     each one's allocator chose
//! ```
//! Every rank allocates room for all of it, so the pages replace memory that the program
//! owns and uses for nothing else; they are given back as ordinary memory.

use super::create::{Allocator, Draft, Extent};
use super::part::{Flavor, Part};
use crate::abi;
use crate::comm::Comm;
use crate::error::{Class, Error, Result};
use crate::guest::Guest;
use crate::handle::{CommHandle, InfoHandle, WinHandle};
use crate::memory::{Addr, Memory, SHARED_GRAIN, ShareError};
use crate::rank::Rank;
use std::sync::Arc;

/// The memory that the ranks of a shared window have in common.
#[derive(Debug)]
pub(crate) struct Segment {
    /// Where it begins in this rank's memory.
    pub(crate) at: Addr,
    pub(crate) len: u64,
    /// Where the part of each rank begins in it.
    pub(crate) offsets: Box<[u64]>,
}

impl Segment {
    /// Gives the pages back: the memory is the rank's own again.
    pub(crate) fn leave(&self, memory: &dyn Memory) -> Result<()> {
        memory.leave(self.at, self.len).map_err(not_shared)
    }
}

/// One rank's part of a shared window, as `MPI_Win_shared_query` tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Portion {
    /// Where it is in the calling rank's memory; 0 when it cannot be reached there.
    pub base: Addr,
    /// Its bytes.
    pub size: u64,
    /// Its displacement unit, in bytes.
    pub disp_unit: u64,
}

#[cold]
fn not_shared(error: ShareError) -> Error {
    Error::new(Class::RMA_SHARED, error.to_string())
}

/// Where each part begins, and the length of all, or none if 32 bits do not hold it.
fn lay_out(sizes: impl Iterator<Item = u64>, apart: bool) -> Option<(Box<[u64]>, u64)> {
    // Parts that need not be adjacent begin at cache lines of their own.
    let grain = if apart { 64 } else { 1 };
    let (mut offsets, mut end) = (Vec::new(), 0u64);
    for size in sizes {
        let offset = end.checked_next_multiple_of(grain)?;
        offsets.push(offset);
        end = offset.checked_add(size)?;
    }
    let len = end.max(1).checked_next_multiple_of(SHARED_GRAIN)?;
    u32::try_from(len).ok()?;
    Some((offsets.into(), len))
}

impl Rank {
    /// `MPI_Win_allocate_shared` (MPI 4.1, section 12.2.3): the window, and where this
    /// rank's part of it begins.
    ///
    /// # Errors
    /// As [`Rank::win_allocate`]; `MPI_ERR_RMA_SHARED` when the ranks are not all on one
    /// worker.
    pub fn win_allocate_shared(
        &self,
        guest: &mut dyn Guest,
        extent: Extent,
        info: InfoHandle,
        comm: CommHandle,
        allocator: Allocator,
    ) -> Result<(WinHandle, Addr)> {
        let comm = self.window_comm(guest, comm)?;
        let given = extent
            .check()
            .and_then(|extent| Ok((extent, self.info_or_null(info)?)));
        let words = given.clone().map(|((size, unit), info)| {
            let apart = info.get("alloc_shared_noncontig") == Some("true");
            [size, unit, apart.into()]
        });
        let all = self.agree(guest, &comm, words)?;
        if !comm
            .group
            .members()
            .iter()
            .all(|&m| self.world.mailbox(m).is_some())
        {
            return Err(Error::new(
                Class::RMA_SHARED,
                "comm: its ranks are on several workers; MPI_Comm_split_type with \
                 MPI_COMM_TYPE_SHARED makes one of those that can share memory",
            ));
        }
        let (offsets, len) =
            lay_out(all.iter().map(|words| words[0]), all[0][2] == 1).ok_or_else(|| {
                Error::new(Class::NO_MEM, "size: the parts are more than 4 GiB in all")
            })?;
        let at = self.shared_memory(guest, &comm, allocator, len)?;
        let segment = Segment { at, len, offsets };
        let mine = &all[comm.rank as usize];
        let base = Addr(at.0 + segment.offsets[comm.rank as usize]);
        let part = Part::new(self.memory.clone(), base.0, mine[0], Flavor::Shared);
        let part = Arc::new(part);
        self.world
            .windows
            .register(comm.id(), self.world_rank, part.clone());
        self.agree::<0>(guest, &comm, Ok([]))?;
        let draft = Draft {
            flavor: Flavor::Shared,
            mine: part,
            info: given?.1,
            allocated: Some(at.0 as u32),
            segment: Some(segment),
        };
        let extents: Vec<_> = all.iter().map(|words| [words[0], words[1]]).collect();
        Ok((self.install_window(comm, draft, &extents)?, base))
    }

    /// Room for `len` bytes in this rank's memory, with the pages that all ranks of
    /// `comm` share in it.
    fn shared_memory(
        &self,
        guest: &mut dyn Guest,
        comm: &Comm,
        allocator: Allocator,
        len: u64,
    ) -> Result<Addr> {
        let mut room = self.allocate(guest, allocator, SHARED_GRAIN as u32, len);
        // The first rank makes the pages, for the others to find in its part.
        let first = comm.group.members()[0];
        let windows = &self.world.windows;
        if let (0, Ok(at)) = (comm.rank, &room) {
            match self.memory.share(*at, len) {
                Ok(pages) => {
                    let part = Part::new(self.memory.clone(), at.0, 0, Flavor::Shared);
                    let _ = part.shared.set(pages);
                    windows.register(comm.id(), self.world_rank, Arc::new(part));
                }
                Err(e) => {
                    guest.call(allocator.free, &[at.0 as u32])?;
                    room = Err(not_shared(e));
                }
            }
        }
        let ready = self.agree::<0>(guest, comm, room.clone().map(|_| []));
        let joined = ready.and_then(|_| {
            let joined = match (comm.rank, &room) {
                (1.., Ok(at)) => {
                    let first = windows.part(comm.id(), first);
                    let pages = first.as_ref().and_then(|part| part.shared.get());
                    let pages = pages.ok_or_else(crate::communicator::garbled)?;
                    self.memory.join(*at, len, pages).map_err(not_shared)
                }
                _ => Ok(()),
            };
            self.agree::<0>(guest, comm, joined.map(|()| []))
        });
        match (joined, room) {
            (Ok(_), room) => room,
            (Err(e), Err(_)) => Err(e),
            (Err(e), Ok(at)) => {
                windows.forget(comm.id(), self.world_rank);
                // Of a rank that had not joined this only clears its own memory.
                let _ = self.memory.leave(at, len);
                guest.call(allocator.free, &[at.0 as u32])?;
                Err(e)
            }
        }
    }

    /// `MPI_Win_shared_query` (MPI 4.1, section 12.2.3). `MPI_PROC_NULL` asks for the
    /// first part that is not empty. An empty part is nowhere, and so is any part of a
    /// window whose memory is not shared.
    ///
    /// # Errors
    /// `MPI_ERR_WIN`, `MPI_ERR_RANK`; `MPI_ERR_RMA_FLAVOR` for a dynamic window.
    pub fn win_shared_query(&self, win: WinHandle, rank: i32) -> Result<Portion> {
        let window = self.active_win(win)?;
        if window.flavor == Flavor::Dynamic {
            return Err(Error::new(
                Class::RMA_FLAVOR,
                "win: it was made by MPI_Win_create_dynamic",
            ));
        }
        let named = window.target("rank", rank)?;
        let first = || window.peers.iter().position(|peer| peer.size > 0);
        let rank = named.map_or_else(|| first().unwrap_or(0), |rank| rank as usize);
        let peer = &window.peers[rank];
        Ok(match &window.segment {
            Some(segment) if peer.size > 0 => Portion {
                base: Addr(segment.at.0 + segment.offsets[rank]),
                size: peer.size,
                disp_unit: peer.disp_unit,
            },
            _ => Portion {
                base: Addr(abi::MPI_BOTTOM.into()),
                size: 0,
                disp_unit: peer.disp_unit,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_adjacent_unless_they_need_not_be() {
        let lay_out = |sizes: &[u64], apart| lay_out(sizes.iter().copied(), apart);
        let parts = |offsets: &[u64], len| Some((offsets.into(), len));
        assert_eq!(lay_out(&[4, 0, 7], false), parts(&[0, 4, 4], 65_536));
        assert_eq!(lay_out(&[4, 0, 7], true), parts(&[0, 64, 64], 65_536));
        assert_eq!(lay_out(&[0, 0], false), parts(&[0, 0], 65_536));
        assert_eq!(lay_out(&[65_536, 1], false), parts(&[0, 65_536], 131_072));
        assert_eq!(lay_out(&[3 << 30, 2 << 30], false), None);
        assert_eq!(lay_out(&[u64::MAX, 2], true), None);
    }
}
