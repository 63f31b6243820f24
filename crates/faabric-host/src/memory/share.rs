//! Pages that several linear memories have in common: `MPI_Win_allocate_shared`.
//!
//! ```text
//!   memory of rank 0   ....|file|......     MAP_SHARED over memory that the program
//!   memory of rank 1   .......|file|...     allocated, and private zero pages again later
//! ```
//! To everybody who reads and writes the memory nothing changes but its contents: the
//! pages stay accessible, the size is the same.

use crate::memory::region::Region;
use faabric_mpi::memory::{SHARED_GRAIN, ShareError, Shared};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use std::io;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// The file behind shared pages.
struct Pages {
    file: OwnedFd,
    len: u64,
}

fn refuse(why: impl ToString) -> ShareError {
    ShareError(why.to_string())
}

impl Region {
    /// Checks that these bytes are memory that can be mapped page by page.
    fn pages(&self, at: u64, len: u64) -> Result<Range<usize>, ShareError> {
        let end = at.checked_add(len).filter(|&end| end <= self.size() as u64);
        let whole = at.is_multiple_of(SHARED_GRAIN) && len.is_multiple_of(SHARED_GRAIN);
        match end {
            Some(end) if whole => Ok(at as usize..end as usize),
            Some(_) => Err(refuse(format!(
                "{len} bytes at {at:#x} are not whole pages of {SHARED_GRAIN} bytes"
            ))),
            None => Err(refuse(format!("{len} bytes at {at:#x} are beyond the end"))),
        }
    }

    /// As [`faabric_mpi::memory::Memory::share`].
    pub(crate) fn share(&self, at: u64, len: u64) -> Result<Shared, ShareError> {
        let range = self.pages(at, len)?;
        let file = shared_file(len).map_err(refuse)?;
        self.map_file(range, &file).map_err(refuse)?;
        Ok(Arc::new(Pages { file, len }))
    }

    /// As [`faabric_mpi::memory::Memory::join`].
    pub(crate) fn join(&self, at: u64, len: u64, shared: &Shared) -> Result<(), ShareError> {
        let pages = shared
            .downcast_ref::<Pages>()
            .filter(|pages| pages.len == len)
            .ok_or_else(|| refuse("the pages are others"))?;
        self.map_file(self.pages(at, len)?, &pages.file)
            .map_err(refuse)
    }

    /// As [`faabric_mpi::memory::Memory::leave`].
    pub(crate) fn leave(&self, at: u64, len: u64) -> Result<(), ShareError> {
        self.map_private(self.pages(at, len)?).map_err(refuse)
    }
}

/// A file of `len` zero bytes, in memory, that keeps its length: a page beyond the end
/// of a file cannot be accessed.
fn shared_file(len: u64) -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let file = memfd_create("faabric-window", flags)?;
    ftruncate(&file, len)?;
    fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use crate::memory::GuestMemory;
    use faabric_mpi::memory::{Addr, Memory};

    const PAGE: u64 = 64 << 10;

    #[test]
    fn shared_pages_are_the_same_bytes_until_they_are_left() {
        let memory = || GuestMemory::detached(16 * PAGE as u32).unwrap();
        let (a, b) = (memory(), memory());
        a.write_u32(3 * PAGE as u32, 7).unwrap();
        a.write_u32(3 * PAGE as u32 - 4, 8).unwrap();
        let shared = a.share(Addr(3 * PAGE), 2 * PAGE).unwrap();
        b.join(Addr(9 * PAGE), 2 * PAGE, &shared).unwrap();
        assert_eq!(
            b.read_u32(9 * PAGE as u32).unwrap(),
            0,
            "they begin as zero"
        );
        a.write_u32(5 * PAGE as u32 - 4, 1).unwrap();
        b.write_u32(9 * PAGE as u32, 2).unwrap();
        assert_eq!(b.read_u32(11 * PAGE as u32 - 4).unwrap(), 1);
        assert_eq!(a.read_u32(3 * PAGE as u32).unwrap(), 2);
        assert_eq!(a.read_u32(3 * PAGE as u32 - 4).unwrap(), 8, "a neighbour");
        b.leave(Addr(9 * PAGE), 2 * PAGE).unwrap();
        b.write_u32(9 * PAGE as u32, 3).unwrap();
        assert_eq!(b.read_u32(11 * PAGE as u32 - 4).unwrap(), 0);
        assert_eq!(a.read_u32(3 * PAGE as u32).unwrap(), 2);
    }

    #[test]
    fn only_whole_pages_of_the_memory_are_shared() {
        let a = GuestMemory::detached(4 * PAGE as u32).unwrap();
        for (at, len) in [
            (1, PAGE),
            (0, 5),
            (0, 5 * PAGE),
            (u64::MAX - PAGE + 1, PAGE),
        ] {
            assert!(a.share(Addr(at), len).is_err(), "{len} at {at}");
            assert!(a.leave(Addr(at), len).is_err(), "{len} at {at}");
        }
        let shared = a.share(Addr(0), PAGE).unwrap();
        assert!(
            a.join(Addr(PAGE), 2 * PAGE, &shared).is_err(),
            "another length"
        );
    }
}
