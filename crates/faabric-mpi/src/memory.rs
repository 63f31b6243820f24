//! Memory that messages are read from and written to, and places in it.
//!
//! The engine never sees a pointer: a guest's linear memory, a collective's scratch
//! space and an attached send buffer are all a [`Memory`], and every access is
//! checked against its size.

use crate::scratch::Scratch;
use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags};
use rustix::net::{RecvFlags, SendFlags};
use std::any::Any;
use std::io;
use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

/// A place in a [`Memory`], in bytes from its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Addr(pub u64);

impl Addr {
    /// The address `offset` bytes on (or back), if an address can have that value.
    #[must_use]
    pub fn offset(self, offset: i64) -> Option<Addr> {
        self.0.checked_add_signed(offset).map(Addr)
    }
}

/// An access beyond the end of a memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{len} bytes at address {at:#x} are not within the memory of {size} bytes")]
pub struct OutOfBounds {
    /// Where the access began.
    pub at: u64,
    /// How many bytes it wanted.
    pub len: u64,
    /// How many bytes the memory has.
    pub size: u64,
}

/// Bytes that several memories have in common; what is in it is the business of the
/// implementation that made it.
pub type Shared = Arc<dyn Any + Send + Sync>;

/// Why memory cannot be shared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the memory cannot be shared: {0}")]
pub struct ShareError(pub String);

/// Fills a piece of memory with what belongs so many bytes behind its start.
pub type Fill<'a> = &'a mut dyn FnMut(u64, &mut [u8]) -> Result<(), OutOfBounds>;

/// Bytes that are moved at a time where they cannot move at once.
const PIECE: usize = 8192;

/// Bytes that messages come from and go to.
///
/// A guest's threads may write while the engine reads: an implementation must make
/// that no worse than reading a mix of old and new bytes.
pub trait Memory: Send + Sync + 'static {
    /// How many bytes there are. May grow, never shrinks.
    fn size(&self) -> u64;

    /// Fills `buf` from `at`.
    ///
    /// # Errors
    /// [`OutOfBounds`] when any of those bytes is beyond the end; `buf` is then unspecified.
    fn read(&self, at: Addr, buf: &mut [u8]) -> Result<(), OutOfBounds>;

    /// Writes `buf` to `at`.
    ///
    /// # Errors
    /// [`OutOfBounds`] when any of those bytes is beyond the end; nothing is then written.
    fn write(&self, at: Addr, buf: &[u8]) -> Result<(), OutOfBounds>;

    /// Writes `len` bytes to `at` that `fill` gives, in pieces and in order: those from a
    /// number of bytes on. It must not touch this memory. An implementation that has the
    /// bytes at hand lets it fill them where they are.
    ///
    /// # Errors
    /// [`OutOfBounds`] when any of those bytes is beyond the end, and nothing is then written;
    /// and those of `fill`.
    fn write_with(&self, at: Addr, len: u64, fill: Fill<'_>) -> Result<(), OutOfBounds> {
        check(at, len, self.size())?;
        let mut buf = [0u8; PIECE];
        let mut done = 0;
        while done < len {
            let piece = &mut buf[..(len - done).min(PIECE as u64) as usize];
            fill(done, piece)?;
            self.write(Addr(at.0 + done), piece)?;
            done += piece.len() as u64;
        }
        Ok(())
    }

    /// Copies `len` bytes to `to_at` of another memory, or of this one (where the two
    /// stretches must not overlap). An implementation that knows the other's kind
    /// makes this one direct copy.
    ///
    /// # Errors
    /// [`OutOfBounds`] when either stretch is beyond the end of its memory.
    fn copy_to(&self, at: Addr, len: u64, to: &dyn Memory, to_at: Addr) -> Result<(), OutOfBounds> {
        check(at, len, self.size())?;
        to.write_with(to_at, len, &mut |done, piece| {
            self.read(Addr(at.0 + done), piece)
        })
    }

    /// Fills up to `len` bytes at `at` with what `socket` has, without waiting; gives how
    /// many came. An implementation whose bytes the kernel can reach makes this one copy.
    ///
    /// # Errors
    /// Those of `recv(2)`; `InvalidInput` when the bytes are beyond the end.
    fn receive(&self, at: Addr, len: u64, socket: BorrowedFd<'_>) -> io::Result<usize> {
        check(at, len, self.size()).map_err(beyond)?;
        let mut buf = [0u8; PIECE];
        let piece = &mut buf[..len.min(PIECE as u64) as usize];
        let (_, came) = rustix::net::recv(socket, &mut *piece, RecvFlags::DONTWAIT)?;
        self.write(at, &piece[..came]).map_err(beyond)?;
        Ok(came)
    }

    /// Sends up to `len` bytes from `at` on `socket`, waiting for room only if told to;
    /// gives how many the kernel took. As [`Memory::receive`], one copy if it can be.
    ///
    /// # Errors
    /// Those of `send(2)`; `InvalidInput` when the bytes are beyond the end.
    fn send(&self, at: Addr, len: u64, socket: BorrowedFd<'_>, wait: bool) -> io::Result<usize> {
        check(at, len, self.size()).map_err(beyond)?;
        let mut buf = [0u8; PIECE];
        let piece = &mut buf[..len.min(PIECE as u64) as usize];
        self.read(at, piece).map_err(beyond)?;
        let mut flags = SendFlags::NOSIGNAL;
        flags.set(SendFlags::DONTWAIT, !wait);
        Ok(rustix::net::send(socket, piece, flags)?)
    }

    /// Makes `len` bytes at `at` ones that other memories can [`Memory::join`]; both are
    /// multiples of [`SHARED_GRAIN`]. They read as zero afterwards.
    ///
    /// # Errors
    /// [`ShareError`] when the bytes are beyond the end, or cannot be shared; nothing has
    /// changed then.
    fn share(&self, at: Addr, len: u64) -> Result<Shared, ShareError> {
        let _ = (at, len);
        Err(ShareError("this memory is not one of pages".into()))
    }

    /// Makes `len` bytes at `at` the same as those of the memory that `shared` came from.
    ///
    /// # Errors
    /// As [`Memory::share`]; also when `shared` is of another length.
    fn join(&self, at: Addr, len: u64, shared: &Shared) -> Result<(), ShareError> {
        let _ = (at, len, shared);
        Err(ShareError("this memory is not one of pages".into()))
    }

    /// Makes `len` bytes at `at`, shared before, this memory's own again, and zero.
    ///
    /// # Errors
    /// As [`Memory::share`].
    fn leave(&self, at: Addr, len: u64) -> Result<(), ShareError> {
        let _ = (at, len);
        Err(ShareError("this memory is not one of pages".into()))
    }

    /// `len` zero bytes of the worker's own, to which this memory is copied best.
    fn scratch(&self, len: usize) -> Arc<dyn Memory> {
        Arc::new(HostBuffer::zeroed(len))
    }

    /// Lets an implementation recognise its own kind in [`Memory::copy_to`].
    fn as_any(&self) -> &dyn Any;
}

/// [`OutOfBounds`] among the errors of a system call.
fn beyond(error: OutOfBounds) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error)
}

/// What the address and the length of shared memory are multiples of, in bytes: a page
/// of Wasm, which every system's pages divide.
pub const SHARED_GRAIN: u64 = 64 << 10;

/// How many addresses a guest has.
pub(crate) const ADDRESSES: u64 = 1 << 32;

/// The place `offset` bytes on from `addr` (or back), which need not be in the memory.
///
/// Guests' addresses wrap around, once: `MPI_Aint` has 32 bits and a sign, so it makes
/// negative numbers of addresses from 2 GiB on, and distances are modulo 4 GiB. Only memory
/// of the worker's own has places beyond.
#[inline]
pub(crate) fn place(memory: &dyn Memory, addr: Addr, offset: i64) -> Addr {
    let at = addr.0.wrapping_add_signed(offset);
    if at < ADDRESSES || at < memory.size() {
        return Addr(at);
    }
    match at.wrapping_add(ADDRESSES) < 3 * ADDRESSES {
        true => Addr(at % ADDRESSES),
        false => Addr(at),
    }
}

/// Checks that `len` bytes at `at` lie within `size` bytes.
///
/// # Errors
/// [`OutOfBounds`] when they do not.
pub fn check(at: Addr, len: u64, size: u64) -> Result<(), OutOfBounds> {
    match at.0.checked_add(len) {
        Some(end) if end <= size => Ok(()),
        _ => Err(OutOfBounds {
            at: at.0,
            len,
            size,
        }),
    }
}

/// Where `len` bytes at `at` lie among `bytes`.
fn stretch(at: Addr, len: u64, bytes: &[u8]) -> Result<Range<usize>, OutOfBounds> {
    check(at, len, bytes.len() as u64)?;
    Ok(at.0 as usize..(at.0 + len) as usize)
}

/// Memory of the worker itself: scratch space of collectives, buffered sends, tests.
#[derive(Debug, Default)]
pub struct HostBuffer {
    bytes: Mutex<Scratch>,
}

impl HostBuffer {
    /// `len` zero bytes.
    #[must_use]
    pub fn zeroed(len: usize) -> HostBuffer {
        HostBuffer::from(vec![0; len])
    }

    /// Runs `f` on the bytes, without copying them. `f` must not touch this buffer
    /// through [`Memory`] again: it would wait for itself.
    pub fn with<R>(&self, f: impl FnOnce(&mut [u8]) -> R) -> R {
        f(&mut self.bytes.lock())
    }

    /// All bytes; none are left.
    #[must_use]
    pub fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.bytes.lock()).into_vec()
    }

    /// A copy of all bytes.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        self.bytes.lock().to_vec()
    }
}

impl From<Vec<u8>> for HostBuffer {
    fn from(bytes: Vec<u8>) -> HostBuffer {
        HostBuffer::from(Scratch::from(bytes))
    }
}

impl From<Scratch> for HostBuffer {
    fn from(bytes: Scratch) -> HostBuffer {
        HostBuffer {
            bytes: Mutex::new(bytes),
        }
    }
}

impl Memory for HostBuffer {
    fn size(&self) -> u64 {
        self.bytes.lock().len() as u64
    }

    fn read(&self, at: Addr, buf: &mut [u8]) -> Result<(), OutOfBounds> {
        let bytes = self.bytes.lock();
        buf.copy_from_slice(&bytes[stretch(at, buf.len() as u64, &bytes)?]);
        Ok(())
    }

    fn write(&self, at: Addr, buf: &[u8]) -> Result<(), OutOfBounds> {
        let mut bytes = self.bytes.lock();
        let place = stretch(at, buf.len() as u64, &bytes)?;
        bytes[place].copy_from_slice(buf);
        Ok(())
    }

    fn write_with(&self, at: Addr, len: u64, fill: Fill<'_>) -> Result<(), OutOfBounds> {
        let mut bytes = self.bytes.lock();
        let place = stretch(at, len, &bytes)?;
        fill(0, &mut bytes[place])
    }

    fn copy_to(&self, at: Addr, len: u64, to: &dyn Memory, to_at: Addr) -> Result<(), OutOfBounds> {
        let Some(other) = to.as_any().downcast_ref::<HostBuffer>() else {
            let bytes = self.bytes.lock();
            return to.write(to_at, &bytes[stretch(at, len, &bytes)?]);
        };
        if std::ptr::eq(self, other) {
            let mut bytes = self.bytes.lock();
            check(at, len, bytes.len() as u64)?;
            check(to_at, len, bytes.len() as u64)?;
            let at = at.0 as usize;
            bytes.copy_within(at..at + len as usize, to_at.0 as usize);
            return Ok(());
        }
        // Two ranks may copy between the same two buffers in opposite directions:
        // both lock the lower address first, so that neither waits for the other.
        let (bytes, mut other) = if std::ptr::from_ref(self) < std::ptr::from_ref(other) {
            let bytes = self.bytes.lock();
            (bytes, other.bytes.lock())
        } else {
            let other = other.bytes.lock();
            (self.bytes.lock(), other)
        };
        check(at, len, bytes.len() as u64)?;
        check(to_at, len, other.len() as u64)?;
        let (at, to_at, len) = (at.0 as usize, to_at.0 as usize, len as usize);
        other[to_at..to_at + len].copy_from_slice(&bytes[at..at + len]);
        Ok(())
    }

    fn receive(&self, at: Addr, len: u64, socket: BorrowedFd<'_>) -> io::Result<usize> {
        let mut bytes = self.bytes.lock();
        let place = stretch(at, len, &bytes).map_err(beyond)?;
        let (_, came) = rustix::net::recv(socket, &mut bytes[place], RecvFlags::DONTWAIT)?;
        Ok(came)
    }

    fn send(&self, at: Addr, len: u64, socket: BorrowedFd<'_>, wait: bool) -> io::Result<usize> {
        loop {
            let bytes = self.bytes.lock();
            let place = stretch(at, len, &bytes).map_err(beyond)?;
            let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
            let sent = rustix::net::send(socket, &bytes[place], flags);
            drop(bytes);
            match sent {
                // Waiting without the lock: who reads may have to write into this buffer.
                Err(rustix::io::Errno::WOULDBLOCK) if wait => {
                    rustix::event::poll(&mut [PollFd::new(&socket, PollFlags::OUT)], None)?;
                }
                sent => return Ok(sent?),
            }
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn an_access_beyond_the_end_is_refused_and_changes_nothing() {
        let memory = HostBuffer::from(vec![1, 2, 3, 4]);
        for (at, len) in [(4, 1), (0, 5), (u64::MAX, 1), (3, u64::from(u32::MAX))] {
            assert!(
                check(Addr(at), len, memory.size()).is_err(),
                "{len} at {at}"
            );
        }
        assert_eq!(
            memory.write(Addr(3), &[9, 9]),
            Err(OutOfBounds {
                at: 3,
                len: 2,
                size: 4
            })
        );
        assert_eq!(memory.to_vec(), [1, 2, 3, 4]);
    }

    #[test]
    fn addresses_wrap_around_once() {
        let memory = HostBuffer::zeroed(64);
        let wrapped = |addr, offset| place(&memory, Addr(addr), offset).0;
        assert_eq!(wrapped(0, -16), 0xffff_fff0);
        assert_eq!(wrapped(0x9000_0000, 0x7000_0010), 16);
        assert_eq!(wrapped(0xffff_fff0, 0xffff_ffff), 0xffff_ffef);
        assert_eq!(wrapped(16, 1 << 40), (1 << 40) + 16, "it is no address");
        assert_eq!(
            wrapped(16, -(1 << 40)),
            (16 - (1_i64 << 40)).cast_unsigned()
        );
    }

    #[test]
    fn copies_within_one_buffer_and_between_two() {
        let a = HostBuffer::from((0..20_000u32).map(|i| i as u8).collect::<Vec<_>>());
        let b = HostBuffer::zeroed(20_000);
        a.copy_to(Addr(0), 20_000, &b, Addr(0)).unwrap();
        assert_eq!(a.to_vec(), b.to_vec());
        a.copy_to(Addr(100), 50, &a, Addr(0)).unwrap();
        assert_eq!(a.to_vec()[..50], b.to_vec()[100..150]);
        assert!(a.copy_to(Addr(19_990), 11, &b, Addr(0)).is_err());
    }

    #[test]
    fn copies_in_opposite_directions_do_not_wait_for_each_other() {
        let (a, b) = (HostBuffer::zeroed(64), HostBuffer::zeroed(64));
        std::thread::scope(|scope| {
            for (from, to) in [(&a, &b), (&b, &a)] {
                scope.spawn(move || {
                    for _ in 0..20_000 {
                        from.copy_to(Addr(0), 64, to, Addr(0)).unwrap();
                    }
                });
            }
        });
    }
}
