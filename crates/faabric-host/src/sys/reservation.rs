//! A stretch of address space that is reserved whole and made usable piece by piece.
//!
//! ```text
//!  base                 committed              index space            len
//!  |#### readable, writable ####|.... no access ....|.... guard .......|
//! ```
//! Invariant: `base` never moves, so compiled code and host threads may keep it while
//! another thread commits more.
#![allow(
    unsafe_code,
    reason = "reserving and protecting address space is a raw system call"
)]

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::ptr::NonNull;

/// Alignment of the base: the size of a huge page, so that the kernel can use them.
const ALIGNMENT: usize = 2 << 20;

/// Address space owned by one linear memory; unmapped when dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    mapping: NonNull<u8>,
    mapping_len: usize,
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: the reservation is an address range; every method is a system call on it that
// the kernel serialises. Access to the bytes is the business of `GuestMemory`.
unsafe impl Send for Reservation {}
// SAFETY: as above.
unsafe impl Sync for Reservation {}

impl Reservation {
    /// Reserves `len` bytes of address space, none of it accessible.
    ///
    /// # Errors
    /// When the process may not have that much address space (`ulimit -v`).
    pub(crate) fn new(len: usize) -> io::Result<Self> {
        let mapping_len = len
            .checked_add(ALIGNMENT)
            .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        // SAFETY: a new anonymous mapping at an address of the kernel's choice touches no
        // existing memory.
        let mapping = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                mapping_len,
                libc::PROT_NONE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        if mapping == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let mapping = NonNull::new(mapping.cast::<u8>())
            .ok_or_else(|| io::Error::other("mmap returned address 0"))?;
        let skip = mapping.as_ptr().align_offset(ALIGNMENT);
        // SAFETY: `skip < ALIGNMENT`, and the mapping is `ALIGNMENT` longer than `len`.
        let base = unsafe { mapping.add(skip) };
        Ok(Self {
            mapping,
            mapping_len,
            base,
            len,
        })
    }

    /// The first byte.
    pub(crate) fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// Makes bytes `from..to` readable and writable; they read as zero until written.
    ///
    /// # Errors
    /// When the range leaves the reservation or the kernel has no memory for it.
    pub(crate) fn commit(&self, from: usize, to: usize) -> io::Result<()> {
        let range = self.part(from, to)?;
        // SAFETY: `part` checked that the range lies in this mapping, which only this
        // object unmaps; making it accessible invalidates no one's access.
        let rc =
            unsafe { libc::mprotect(range.cast(), to - from, libc::PROT_READ | libc::PROT_WRITE) };
        if rc == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }

    /// Asks for huge pages in `from..to`. Advice only: a kernel without them says no.
    pub(crate) fn advise_huge(&self, from: usize, to: usize) {
        let Ok(range) = self.part(from, to) else {
            return;
        };
        // SAFETY: the range lies in this mapping; the advice changes no contents.
        unsafe { libc::madvise(range.cast(), to - from, libc::MADV_HUGEPAGE) };
    }

    /// Puts the pages of `file`, which has that many bytes, in place of bytes `from..to`:
    /// whoever maps the same file has the same bytes.
    ///
    /// # Errors
    /// When the range leaves the reservation, or the kernel refuses; the bytes are
    /// accessible still, but may be zero.
    pub(crate) fn map_file(&self, from: usize, to: usize, file: &OwnedFd) -> io::Result<()> {
        self.replace(from, to, libc::MAP_SHARED, file.as_raw_fd())
    }

    /// Puts private pages of zeros in place of bytes `from..to`.
    ///
    /// # Errors
    /// As [`Reservation::map_file`].
    pub(crate) fn map_private(&self, from: usize, to: usize) -> io::Result<()> {
        self.replace(from, to, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1)
    }

    fn replace(&self, from: usize, to: usize, flags: i32, file: RawFd) -> io::Result<()> {
        let range = self.part(from, to)?;
        let map = |flags, file| {
            let access = libc::PROT_READ | libc::PROT_WRITE;
            let flags = flags | libc::MAP_FIXED | libc::MAP_NORESERVE;
            // SAFETY: `part` checked that the range lies in this mapping, which only this
            // object unmaps, so nobody else's memory is replaced. The kernel exchanges the
            // pages at once for all threads and they stay readable and writable, so an
            // access of another thread finds either the old bytes or the new ones. No Rust
            // reference into guest memory exists but to atomics, which may change.
            unsafe { libc::mmap(range.cast(), to - from, access, flags, file, 0) }
        };
        if map(flags, file) != libc::MAP_FAILED {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        // The kernel may have removed the old pages before it failed: zeros then.
        if map(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1) != libc::MAP_FAILED {
            return Err(error);
        }
        // It has not where it had no room for one more mapping.
        // SAFETY: as above; what is mapped there is readable and writable already.
        let there = unsafe {
            let access = libc::PROT_READ | libc::PROT_WRITE;
            libc::mprotect(range.cast(), to - from, access) == 0
        };
        if !there {
            // Another mapping could take the place: nothing may run on.
            std::process::abort();
        }
        Err(error)
    }

    fn part(&self, from: usize, to: usize) -> io::Result<*mut u8> {
        if from > to || to > self.len {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        }
        // SAFETY: `from <= len`, inside the mapping.
        Ok(unsafe { self.base.as_ptr().add(from) })
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        // SAFETY: exactly the mapping made in `new`; the owner is gone, and `GuestMemory`
        // and the instances hold the owner by `Arc`, so no access is left.
        unsafe { libc::munmap(self.mapping.as_ptr().cast(), self.mapping_len) };
    }
}
