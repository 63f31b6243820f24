//! The host's checked access to linear memory.
//!
//! Guest threads may write while the host copies. So no `&[u8]` into guest memory is
//! ever made: bytes move by `memmove` between raw pointers, aligned numbers by relaxed
//! atomic loads and stores. A race then yields a mix of old and new bytes, as the Wasm
//! threads proposal says, and the host's own memory stays sound.
#![allow(
    unsafe_code,
    reason = "the one place where host code touches linear memory, behind bounds checks"
)]

use crate::memory::region::Region;
use faabric_mpi::memory::{Addr, HostBuffer, Memory, OutOfBounds, ShareError, Shared};
use std::any::Any;
use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// The linear memory of one process: cheap to clone, usable from any thread.
///
/// Addresses are the guest's own, 32 bits. An access is checked against the size at
/// that moment; memory never shrinks, so a check that passed stays valid.
#[derive(Clone)]
pub struct GuestMemory(Arc<Region>);

macro_rules! number {
    ($read:ident, $write:ident, $type:ty) => {
        #[doc = concat!("Reads a little-endian `", stringify!($type), "` at any alignment.")]
        ///
        /// # Errors
        /// [`OutOfBounds`] when it does not lie within the memory.
        #[inline]
        pub fn $read(&self, at: u32) -> Result<$type, OutOfBounds> {
            let mut bytes = [0; size_of::<$type>()];
            self.read(at, &mut bytes)?;
            Ok(<$type>::from_le_bytes(bytes))
        }

        #[doc = concat!("Writes a little-endian `", stringify!($type), "` at any alignment.")]
        ///
        /// # Errors
        /// [`OutOfBounds`] when it does not lie within the memory.
        #[inline]
        pub fn $write(&self, at: u32, value: $type) -> Result<(), OutOfBounds> {
            self.write(at, &value.to_le_bytes())
        }
    };
}

impl GuestMemory {
    pub(crate) fn new(region: Arc<Region>) -> Self {
        Self(region)
    }

    /// Memory without a guest, for tests of host calls.
    ///
    /// # Errors
    /// When the address space cannot be reserved.
    pub fn detached(bytes: u32) -> crate::Result<Self> {
        Region::new(bytes as usize, bytes as usize)
            .map(|region| Self(Arc::new(region)))
            .map_err(|error| crate::Error::Memory(error.to_string()))
    }

    /// Bytes that may be accessed now.
    #[must_use]
    #[inline]
    pub fn size(&self) -> u64 {
        self.0.size() as u64
    }

    /// Checks `len` bytes at `at` without touching them.
    ///
    /// # Errors
    /// [`OutOfBounds`] when they do not lie within the memory.
    #[inline]
    pub fn check(&self, at: u32, len: u32) -> Result<(), OutOfBounds> {
        self.pointer(u64::from(at), u64::from(len)).map(|_| ())
    }

    /// Fills `buf` from `at`.
    ///
    /// # Errors
    /// [`OutOfBounds`] when those bytes do not lie within the memory.
    #[inline]
    pub fn read(&self, at: u32, buf: &mut [u8]) -> Result<(), OutOfBounds> {
        self.read_long(u64::from(at), buf)
    }

    /// Writes `buf` to `at`.
    ///
    /// # Errors
    /// [`OutOfBounds`] when those bytes do not lie within the memory; none is written.
    #[inline]
    pub fn write(&self, at: u32, buf: &[u8]) -> Result<(), OutOfBounds> {
        self.write_long(u64::from(at), buf)
    }

    number!(read_u8, write_u8, u8);
    number!(read_u16, write_u16, u16);
    number!(read_u64, write_u64, u64);
    number!(read_i32, write_i32, i32);
    number!(read_i64, write_i64, i64);
    number!(read_f64, write_f64, f64);

    /// Reads a little-endian `u32` at any alignment; atomically when aligned.
    ///
    /// # Errors
    /// [`OutOfBounds`] when it does not lie within the memory.
    #[inline]
    pub fn read_u32(&self, at: u32) -> Result<u32, OutOfBounds> {
        if at.is_multiple_of(4) {
            return Ok(u32::from_le(self.atomic_u32(at)?.load(Ordering::Relaxed)));
        }
        let mut bytes = [0; 4];
        self.read(at, &mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    /// Writes a little-endian `u32` at any alignment; atomically when aligned.
    ///
    /// # Errors
    /// [`OutOfBounds`] when it does not lie within the memory.
    #[inline]
    pub fn write_u32(&self, at: u32, value: u32) -> Result<(), OutOfBounds> {
        if at.is_multiple_of(4) {
            self.atomic_u32(at)?.store(value.to_le(), Ordering::Relaxed);
            return Ok(());
        }
        self.write(at, &value.to_le_bytes())
    }

    /// The aligned `u32` at `at` (rounded down) as the atomic that it is for the guest.
    pub(crate) fn atomic_u32(&self, at: u32) -> Result<&AtomicU32, OutOfBounds> {
        let pointer = self.pointer(u64::from(at & !3), 4)?.cast::<u32>();
        // SAFETY: within the memory, which lives as long as `self`, and aligned, since the
        // base is a page's. What races with it is the guest, outside Rust's memory model.
        Ok(unsafe { AtomicU32::from_ptr(pointer) })
    }

    /// Loads the aligned `u64` at `at` (rounded down), as an atomic of the guest would.
    pub(crate) fn load_u64(&self, at: u32, order: Ordering) -> Result<u64, OutOfBounds> {
        let pointer = self.pointer(u64::from(at & !7), 8)?.cast::<u64>();
        // SAFETY: as in `atomic_u32`.
        let cell = unsafe { AtomicU64::from_ptr(pointer) };
        Ok(u64::from_le(cell.load(order)))
    }

    /// Reads `len` bytes; checks before it allocates.
    ///
    /// # Errors
    /// [`OutOfBounds`] when those bytes do not lie within the memory.
    pub fn read_vec(&self, at: u32, len: u32) -> Result<Vec<u8>, OutOfBounds> {
        self.check(at, len)?;
        let mut bytes = vec![0; len as usize];
        self.read(at, &mut bytes)?;
        Ok(bytes)
    }

    /// Reads a C string, without its NUL, of at most `max` bytes: a longer one is cut.
    ///
    /// # Errors
    /// [`OutOfBounds`] when the memory ends before the NUL and before `max`.
    pub fn read_c_string(&self, at: u32, max: u32) -> Result<Vec<u8>, OutOfBounds> {
        let mut bytes = Vec::new();
        let mut piece = [0; 256];
        while bytes.len() < max as usize {
            let from = u64::from(at) + bytes.len() as u64;
            let want = (max as usize - bytes.len()).min(piece.len()) as u64;
            let have = self.size().saturating_sub(from).min(want) as usize;
            if have == 0 {
                return Err(self.out_of_bounds(from, 1));
            }
            let part = &mut piece[..have];
            self.read_long(from, part)?;
            if let Some(end) = part.iter().position(|byte| *byte == 0) {
                bytes.extend_from_slice(&part[..end]);
                return Ok(bytes);
            }
            bytes.extend_from_slice(part);
        }
        Ok(bytes)
    }

    /// Reads an array of `count` little-endian `u32`.
    ///
    /// # Errors
    /// [`OutOfBounds`] when it does not lie within the memory.
    pub fn read_u32s(&self, at: u32, count: u32) -> Result<Vec<u32>, OutOfBounds> {
        let len = u64::from(count) * 4;
        self.pointer(u64::from(at), len)?;
        let mut bytes = vec![0; len as usize];
        self.read(at, &mut bytes)?;
        let numbers = bytes.as_chunks::<4>().0.iter();
        Ok(numbers.map(|bytes| u32::from_le_bytes(*bytes)).collect())
    }

    /// Writes an array of little-endian `u32`.
    ///
    /// # Errors
    /// [`OutOfBounds`] when it does not lie within the memory.
    pub fn write_u32s(&self, at: u32, values: &[u32]) -> Result<(), OutOfBounds> {
        let bytes: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        self.write(at, &bytes)
    }

    /// Sets `len` bytes to `byte`.
    ///
    /// # Errors
    /// [`OutOfBounds`] when those bytes do not lie within the memory.
    pub fn fill(&self, at: u32, len: u32, byte: u8) -> Result<(), OutOfBounds> {
        let to = self.pointer(u64::from(at), u64::from(len))?;
        // SAFETY: `pointer` checked that `len` bytes at `to` are accessible guest memory.
        unsafe { to.write_bytes(byte, len as usize) };
        Ok(())
    }

    /// Copies `len` bytes straight into another guest's memory, or within this one.
    ///
    /// # Errors
    /// [`OutOfBounds`] when either stretch does not lie within its memory.
    pub fn copy(&self, at: u64, len: u64, to: &Self, to_at: u64) -> Result<(), OutOfBounds> {
        let from = self.pointer(at, len)?;
        let to = to.pointer(to_at, len)?;
        // SAFETY: both stretches were checked to be accessible; `copy` lets them overlap.
        unsafe { std::ptr::copy(from, to, len as usize) };
        Ok(())
    }

    fn read_long(&self, at: u64, buf: &mut [u8]) -> Result<(), OutOfBounds> {
        let from = self.pointer(at, buf.len() as u64)?;
        // SAFETY: `pointer` checked the source; `buf` is host memory, so they are disjoint.
        unsafe { std::ptr::copy_nonoverlapping(from, buf.as_mut_ptr(), buf.len()) };
        Ok(())
    }

    pub(crate) fn write_long(&self, at: u64, buf: &[u8]) -> Result<(), OutOfBounds> {
        let to = self.pointer(at, buf.len() as u64)?;
        // SAFETY: `pointer` checked the target; `buf` is host memory, so they are disjoint.
        unsafe { std::ptr::copy_nonoverlapping(buf.as_ptr(), to, buf.len()) };
        Ok(())
    }

    /// The kernel's half of [`Memory::send`] and [`Memory::receive`]: `call` is `send(2)`
    /// or `recv(2)` with its flags, on `len` bytes at `at`.
    fn transfer(
        &self,
        at: Addr,
        len: u64,
        call: impl FnOnce(*mut libc::c_void, usize) -> isize,
    ) -> io::Result<usize> {
        let pointer = self.pointer(at.0, len);
        let pointer =
            pointer.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let done = call(pointer.cast(), len as usize);
        usize::try_from(done).map_err(|_| io::Error::last_os_error())
    }

    /// What this memory is in: for the trap report and for ending waits.
    pub(crate) fn region(&self) -> &Arc<Region> {
        &self.0
    }

    /// The host address of `len` accessible bytes at `at`.
    #[inline]
    fn pointer(&self, at: u64, len: u64) -> Result<*mut u8, OutOfBounds> {
        match at.checked_add(len) {
            Some(end) if end <= self.size() => {
                // SAFETY: `at <= size`, which is inside the region's reservation.
                Ok(unsafe { self.0.base().add(at as usize) })
            }
            _ => Err(self.out_of_bounds(at, len)),
        }
    }

    #[cold]
    fn out_of_bounds(&self, at: u64, len: u64) -> OutOfBounds {
        OutOfBounds {
            at,
            len,
            size: self.size(),
        }
    }
}

impl Memory for GuestMemory {
    fn size(&self) -> u64 {
        self.size()
    }

    fn read(&self, at: Addr, buf: &mut [u8]) -> Result<(), OutOfBounds> {
        self.read_long(at.0, buf)
    }

    fn write(&self, at: Addr, buf: &[u8]) -> Result<(), OutOfBounds> {
        self.write_long(at.0, buf)
    }

    fn copy_to(&self, at: Addr, len: u64, to: &dyn Memory, to_at: Addr) -> Result<(), OutOfBounds> {
        if let Some(to) = to.as_any().downcast_ref::<Self>() {
            return self.copy(at.0, len, to, to_at.0);
        }
        self.pointer(at.0, len)?;
        to.write_with(to_at, len, &mut |done, part| {
            self.read_long(at.0 + done, part)
        })
    }

    fn receive(&self, at: Addr, len: u64, socket: BorrowedFd<'_>) -> io::Result<usize> {
        let socket = socket.as_raw_fd();
        // SAFETY: `transfer` gives accessible guest memory of that length, which may change
        // at any time; the kernel writes it as another guest thread would.
        let receive = |to, len| unsafe { libc::recv(socket, to, len, libc::MSG_DONTWAIT) };
        self.transfer(at, len, receive)
    }

    fn send(&self, at: Addr, len: u64, socket: BorrowedFd<'_>, wait: bool) -> io::Result<usize> {
        let socket = socket.as_raw_fd();
        let wait = if wait { 0 } else { libc::MSG_DONTWAIT };
        let flags = libc::MSG_NOSIGNAL | wait;
        // SAFETY: as in `receive`; the kernel only reads.
        self.transfer(at, len, |from, len| unsafe {
            libc::send(socket, from, len, flags)
        })
    }

    fn share(&self, at: Addr, len: u64) -> Result<Shared, ShareError> {
        self.0.share(at.0, len)
    }

    fn join(&self, at: Addr, len: u64, shared: &Shared) -> Result<(), ShareError> {
        self.0.join(at.0, len, shared)
    }

    fn leave(&self, at: Addr, len: u64) -> Result<(), ShareError> {
        self.0.leave(at.0, len)
    }

    /// The same kind, so that [`Memory::copy_to`] is one copy without a lock.
    fn scratch(&self, len: usize) -> Arc<dyn Memory> {
        match Region::fixed(len) {
            Ok(region) => Arc::new(Self(Arc::new(region))),
            // The system has no address space left for a mapping of its own.
            Err(_) => Arc::new(HostBuffer::zeroed(len)),
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl fmt::Debug for GuestMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GuestMemory({} bytes)", self.size())
    }
}
