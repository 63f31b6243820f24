//! Moves bytes between a file or stream and the many buffers of one guest call.
//!
//! ```text
//!  file / stream <-- read, write --> 64 KiB of this thread <-- copies --> iovecs in guest memory
//! ```
//! The buffer in between is what lets guest memory be shared: neither a `&[u8]` into it
//! is ever made, nor does a call allocate. Small writes of many pieces reach the file as
//! one, so lines that several ranks append to one file stay whole.

use super::Failure;
use super::types::Errno;
use crate::memory::GuestMemory;
use std::cell::RefCell;

/// Bytes moved in one piece.
const BUFFER_SIZE: usize = 64 << 10;

/// Most bytes of one call, as on Linux: more is a short read or write.
const MOST_BYTES: u32 = 0x7fff_f000;

/// Most buffers of one call.
const MOST_IOVECS: u32 = 65_536;

thread_local! {
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; BUFFER_SIZE].into_boxed_slice());
}

/// The buffers of one call, and how far they have been used.
pub(super) struct Iovecs<'a> {
    memory: &'a GuestMemory,
    /// The next 8-byte entry (address, length), and how many there are from it on.
    next: u32,
    entries: u32,
    /// What is left of the entry before it.
    at: u32,
    len: u32,
    /// Bytes left in all.
    left: u32,
}

impl<'a> Iovecs<'a> {
    /// Checks all entries, so that a bad one fails the call before it has moved anything.
    pub(super) fn decode(memory: &'a GuestMemory, at: u32, count: u32) -> Result<Self, Errno> {
        if count > MOST_IOVECS {
            return Err(Errno::INVAL);
        }
        memory.check(at, count * 8)?;
        let mut total = 0_u64;
        // The check above says that no entry's address overflows.
        for entry in (0..count).map(|index| at + index * 8) {
            let len = memory.read_u32(entry + 4)?;
            memory.check(memory.read_u32(entry)?, len)?;
            total += u64::from(len);
        }
        Ok(Self {
            memory,
            next: at,
            entries: count,
            at: 0,
            len: 0,
            left: total.min(u64::from(MOST_BYTES)) as u32,
        })
    }

    /// The next stretch of guest memory, of 1 to `most` bytes; there are `left` of them,
    /// unless another thread of the guest has changed the entries meanwhile.
    fn take(&mut self, most: usize) -> Result<(u32, usize), Errno> {
        while self.len == 0 {
            self.entries = self.entries.checked_sub(1).ok_or(Errno::FAULT)?;
            self.at = self.memory.read_u32(self.next)?;
            self.len = self.memory.read_u32(self.next + 4)?;
            // Wraps after the last entry of a memory of 4 GiB only.
            self.next = self.next.wrapping_add(8);
        }
        let taken = self.len.min(most as u32);
        let at = self.at;
        self.at = at.wrapping_add(taken);
        self.len -= taken;
        self.left = self.left.saturating_sub(taken);
        Ok((at, taken as usize))
    }

    /// Copies `bytes` into the buffers; there are no more than `left`.
    fn put(&mut self, mut bytes: &[u8]) -> Result<(), Errno> {
        while !bytes.is_empty() {
            let (at, len) = self.take(bytes.len())?;
            let (now, later) = bytes.split_at(len);
            self.memory.write(at, now)?;
            bytes = later;
        }
        Ok(())
    }

    /// Fills `bytes` from the buffers; there are no more than `left`.
    fn get(&mut self, mut bytes: &mut [u8]) -> Result<(), Errno> {
        while !bytes.is_empty() {
            let (at, len) = self.take(bytes.len())?;
            let (now, later) = bytes.split_at_mut(len);
            self.memory.read(at, now)?;
            bytes = later;
        }
        Ok(())
    }
}

/// When a call that has moved some bytes goes on for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// Until all buffers are used or the file ends: a regular file never blocks.
    Full,
    /// One piece: what comes next may be long in coming.
    FirstPiece,
}

/// Reads from `source` into the buffers; returns how many bytes.
///
/// An error after the first piece is dropped: the call is a short one, and the next
/// call will meet the error again.
pub(super) fn scatter(
    mut to: Iovecs<'_>,
    until: Until,
    mut source: impl FnMut(&mut [u8]) -> Result<usize, Failure>,
) -> Result<u32, Failure> {
    BUFFER.with_borrow_mut(|buffer| {
        let mut done = 0;
        while to.left > 0 {
            let piece = &mut buffer[..BUFFER_SIZE.min(to.left as usize)];
            let got = match source(piece) {
                Ok(got) => got,
                Err(Failure::Errno(_)) if done > 0 => break,
                Err(failure) => return Err(failure),
            };
            to.put(&piece[..got])?;
            done += got as u32;
            if got < piece.len() || until == Until::FirstPiece {
                break;
            }
        }
        Ok(done)
    })
}

/// Writes the buffers to `sink`, which says how many bytes it took; returns the sum.
pub(super) fn gather(
    mut from: Iovecs<'_>,
    mut sink: impl FnMut(&[u8]) -> Result<usize, Failure>,
) -> Result<u32, Failure> {
    BUFFER.with_borrow_mut(|buffer| {
        let mut done = 0;
        while from.left > 0 {
            let piece = &mut buffer[..BUFFER_SIZE.min(from.left as usize)];
            from.get(piece)?;
            let taken = match sink(piece) {
                Ok(taken) => taken,
                Err(Failure::Errno(_)) if done > 0 => break,
                Err(failure) => return Err(failure),
            };
            done += taken as u32;
            if taken < piece.len() {
                break;
            }
        }
        Ok(done)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    /// A memory with iovecs at address 0 for the given (address, length) pairs.
    fn memory(iovecs: &[(u32, u32)]) -> GuestMemory {
        let memory = GuestMemory::detached(1 << 20).unwrap();
        for (at, (base, len)) in (0..).step_by(8).zip(iovecs) {
            memory.write_u32(at, *base).unwrap();
            memory.write_u32(at + 4, *len).unwrap();
        }
        memory
    }

    #[test]
    fn pieces_arrive_in_order_over_empty_and_large_buffers() {
        let memory = memory(&[
            (1000, 0),
            (1000, 3),
            (5000, 0),
            (2000, 200_000),
            (300_000, 1),
        ]);
        let iovecs = Iovecs::decode(&memory, 0, 5).unwrap();
        let mut next = 0_u8;
        let source = |buf: &mut [u8]| {
            for byte in &mut *buf {
                *byte = next;
                next = next.wrapping_add(1);
            }
            Ok(buf.len())
        };
        assert_eq!(scatter(iovecs, Until::Full, source).ok(), Some(200_004));
        assert_eq!(memory.read_u8(1002).unwrap(), 2);
        assert_eq!(memory.read_u8(2000).unwrap(), 3);
        assert_eq!(memory.read_u8(300_000).unwrap(), (200_003 % 256) as u8);

        let mut seen = Vec::new();
        let iovecs = Iovecs::decode(&memory, 0, 5).unwrap();
        let sink = |bytes: &[u8]| {
            seen.extend_from_slice(bytes);
            Ok(bytes.len())
        };
        assert_eq!(gather(iovecs, sink).ok(), Some(200_004));
        assert!(seen.iter().enumerate().all(|(i, byte)| *byte == i as u8));
    }

    #[test]
    fn small_pieces_are_one_write() {
        let memory = memory(&[(100, 5), (200, 5), (300, 5)]);
        let mut calls = 0;
        let iovecs = Iovecs::decode(&memory, 0, 3).unwrap();
        let sum = gather(iovecs, |bytes| {
            calls += 1;
            Ok(bytes.len())
        });
        assert_eq!((sum.ok(), calls), (Some(15), 1));
    }

    #[test]
    fn a_bad_buffer_fails_before_anything_moves() {
        let memory = memory(&[(100, 5), (0xffff_fff0, 5)]);
        assert!(matches!(Iovecs::decode(&memory, 0, 2), Err(Errno::FAULT)));
        assert!(matches!(
            Iovecs::decode(&memory, 0xffff_fff8, 3),
            Err(Errno::FAULT)
        ));
        assert!(matches!(
            Iovecs::decode(&memory, 0, u32::MAX),
            Err(Errno::INVAL)
        ));
    }

    #[test]
    fn an_error_after_some_bytes_is_a_short_call() {
        let memory = memory(&[(1000, 100_000)]);
        let mut first = true;
        let iovecs = Iovecs::decode(&memory, 0, 1).unwrap();
        let sum = gather(iovecs, |bytes| {
            if std::mem::take(&mut first) {
                Ok(bytes.len())
            } else {
                Err(Errno::NOSPC.into())
            }
        });
        assert_eq!(sum.ok(), Some(BUFFER_SIZE as u32));
    }
}
