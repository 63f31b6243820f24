//! The bytes of one linear memory and their size, shared by all who use them.

use crate::budget::Share;
use crate::sys::Reservation;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Bytes of a Wasm page.
pub(crate) const PAGE: usize = 64 << 10;

/// The most bytes a 32-bit memory can have.
pub(crate) const INDEX_SPACE: usize = 4 << 30;

/// The index space of a 32-bit memory, and as much again: an address plus the constant
/// offset of the instruction, both 32 bits, and the up to 16 bytes accessed there, all
/// stay inside. That is why compiled code checks no bounds.
const RESERVED: usize = 2 * INDEX_SPACE + PAGE;

/// Huge pages are asked for from here on. Below lie a small program's data and stack,
/// for which clearing 2 MiB at the first touch costs more than it saves.
const HUGE_FROM: usize = 8 << 20;

/// One linear memory's address space and size.
///
/// Invariant: bytes below `size` are readable and writable, and `size` never shrinks.
#[derive(Debug)]
pub(crate) struct Region {
    reservation: Reservation,
    size: AtomicUsize,
    limit: usize,
    growing: Mutex<()>,
    /// Where pages of a file stand in for the memory's own.
    mapped: Mutex<HashMap<usize, Share>>,
    ended: AtomicBool,
}

/// Why a memory did not grow.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GrowError {
    #[error("{wanted} bytes are more than its limit of {limit}")]
    Limit { wanted: u64, limit: usize },
    #[error("the system has no memory for {wanted} bytes: {source}")]
    System { wanted: u64, source: io::Error },
}

impl Region {
    /// A memory of `size` bytes that may grow to `limit`.
    pub(crate) fn new(size: usize, limit: usize) -> Result<Self, GrowError> {
        let region = Self::reserve(RESERVED, limit)?;
        region.reservation.advise_huge(HUGE_FROM, INDEX_SPACE);
        region.grow(size, |_| ())?;
        Ok(region)
    }

    /// A memory of `size` bytes that no compiled code uses: no more than that is reserved.
    pub(crate) fn fixed(size: usize) -> Result<Self, GrowError> {
        let size = size.next_multiple_of(PAGE);
        let region = Self::reserve(size, size)?;
        region.grow(size, |_| ())?;
        Ok(region)
    }

    fn reserve(reserved: usize, limit: usize) -> Result<Self, GrowError> {
        let reservation = Reservation::new(reserved).map_err(|source| GrowError::System {
            wanted: reserved as u64,
            source,
        })?;
        Ok(Self {
            reservation,
            size: AtomicUsize::new(0),
            limit: limit.min(INDEX_SPACE),
            growing: Mutex::new(()),
            mapped: Mutex::default(),
            ended: AtomicBool::new(false),
        })
    }

    /// The address of the first byte; never changes.
    pub(crate) fn base(&self) -> *mut u8 {
        self.reservation.base().as_ptr()
    }

    /// Bytes that may be accessed.
    pub(crate) fn size(&self) -> usize {
        self.size.load(Ordering::Acquire)
    }

    /// Adds `delta` bytes of zeros and returns the size before. `publish` is told the
    /// new size; calls of it are in the order of growth.
    pub(crate) fn grow(&self, delta: usize, publish: impl Fn(usize)) -> Result<usize, GrowError> {
        let _growing = self.growing.lock();
        let old = self.size();
        let new = old
            .checked_add(delta)
            .filter(|new| *new <= self.limit)
            .ok_or(GrowError::Limit {
                wanted: old as u64 + delta as u64,
                limit: self.limit,
            })?;
        self.reservation
            .commit(old, new)
            .map_err(|source| GrowError::System {
                wanted: new as u64,
                source,
            })?;
        self.size.store(new, Ordering::Release);
        publish(new);
        Ok(old)
    }

    /// Puts the pages of a file in place of committed bytes.
    pub(crate) fn map_file(&self, range: Range<usize>, file: &OwnedFd) -> io::Result<()> {
        self.check_committed(&range)?;
        let share = Share::of_mappings().ok_or_else(|| {
            io::Error::other("the guests of this worker share as many stretches as they may")
        })?;
        self.reservation.map_file(range.start, range.end, file)?;
        self.mapped.lock().insert(range.start, share);
        Ok(())
    }

    /// Puts private zero pages in the place of a file's.
    pub(crate) fn map_private(&self, range: Range<usize>) -> io::Result<()> {
        self.check_committed(&range)?;
        self.reservation.map_private(range.start, range.end)?;
        self.mapped.lock().remove(&range.start);
        Ok(())
    }

    /// What is not committed must stay inaccessible: compiled code relies on it.
    fn check_committed(&self, range: &Range<usize>) -> io::Result<()> {
        match range.end <= self.size() {
            true => Ok(()),
            false => Err(io::Error::from(io::ErrorKind::InvalidInput)),
        }
    }

    /// From now on `memory.atomic.wait` returns instead of waiting.
    pub(crate) fn end_waits(&self) {
        self.ended.store(true, Ordering::Release);
    }

    /// True after [`Region::end_waits`].
    pub(crate) fn waits_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Whether `address` of the host lies in this memory's reservation, and where: the
    /// effective address (up to 33 bits) a faulting guest instruction used.
    pub(crate) fn offset_of(&self, address: usize) -> Option<u64> {
        let offset = address.checked_sub(self.base() as usize)?;
        (offset < RESERVED).then_some(offset as u64)
    }
}
