//! The bytes of one linear memory and their size, shared by all who use them.

use crate::memory::wait::Waiters;
use crate::sys::Reservation;
use parking_lot::Mutex;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of a Wasm page.
pub(crate) const PAGE: usize = 64 << 10;

/// The index space of a 32-bit memory, and as much again: an address plus the constant
/// offset of the instruction, both 32 bits, and the up to 16 bytes accessed there, all
/// stay inside. That is why compiled code checks no bounds.
const RESERVED: usize = (8 << 30) + PAGE;

/// One linear memory's address space and size.
///
/// Invariant: bytes below `size` are readable and writable, and `size` never shrinks.
#[derive(Debug)]
pub(crate) struct Region {
    reservation: Reservation,
    size: AtomicUsize,
    limit: usize,
    growing: Mutex<()>,
    pub(crate) waiters: Waiters,
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
        let reservation = Reservation::new(RESERVED).map_err(|source| GrowError::System {
            wanted: RESERVED as u64,
            source,
        })?;
        let region = Self {
            reservation,
            size: AtomicUsize::new(0),
            limit: limit.min(4 << 30),
            growing: Mutex::new(()),
            waiters: Waiters::default(),
        };
        region.grow(size)?;
        Ok(region)
    }

    /// The address of the first byte; never changes.
    pub(crate) fn base(&self) -> *mut u8 {
        self.reservation.base().as_ptr()
    }

    /// Bytes that may be accessed.
    pub(crate) fn size(&self) -> usize {
        self.size.load(Ordering::Acquire)
    }

    /// Adds `delta` bytes of zeros and returns the size before.
    pub(crate) fn grow(&self, delta: usize) -> Result<usize, GrowError> {
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
        Ok(old)
    }
}
