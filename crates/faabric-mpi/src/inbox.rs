//! The fast lane into a mailbox: a ring of short messages that senders fill without
//! a lock.
//!
//! ```text
//!   senders claim at `tail`                 a message: one slot, or several in a row
//!        |                                  +-------+-------+--------+------+ +-------+---
//!   ---->[ ][ ][x][x][x][ ][ ]              | stamp | space | source | data | | stamp | data
//!               |                           | len   |       | tag    |      | |       |
//!               +-- the receiver takes      +-------+-------+--------+------+ +-------+---
//!                   at `head`
//! ```
//! An 8-byte message costs the receiver one cache miss: the line it polls holds the
//! stamp, the envelope and the data. `head` moves only under the mailbox's lock.
//! Messages of one sender keep their order, because it claims its slots in order.

use crate::matching::Envelope;
use std::sync::atomic::{AtomicU64, Ordering};

/// 64-bit words in a slot: two cache lines, which processors fetch together.
const WORDS: usize = 16;
/// Words before the data of a message: stamp with length; space; source and tag.
const HEADER: usize = 3;
/// Slots in a ring; a power of two.
const SLOTS: u64 = 128;
/// The most slots of one message. Beyond that many lines one copy from memory to
/// memory with wide stores is faster, although it has to take the receiver's lock.
const MOST: usize = 5;
/// Bytes of data in a message's first slot.
pub(crate) const FIRST: usize = (WORDS - HEADER) * 8;
/// Bytes of data in each further slot, after its stamp.
const FURTHER: usize = (WORDS - 1) * 8;
/// The most bytes of data that travel in the ring.
pub(crate) const LONGEST: usize = FIRST + (MOST - 1) * FURTHER;
/// Bits of the first word that hold the length.
const LEN_BITS: u32 = 12;
const _: () = assert!(LONGEST < 1 << LEN_BITS && MOST as u64 <= SLOTS);

/// A slot is free for position p once `head > p - SLOTS`, and holds it once its stamp
/// is that of p. Every slot has its stamp, so what is left of a message that went on
/// through it can never be taken for the beginning of one.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Slot {
    words: [AtomicU64; WORDS],
}

#[derive(Debug, Default)]
#[repr(align(128))]
struct Tail {
    next: AtomicU64,
    /// `head` as a sender last saw it: spares senders the receiver's cache line.
    head_seen: AtomicU64,
}

#[derive(Debug, Default)]
#[repr(align(128))]
struct Head {
    next: AtomicU64,
}

/// The first word of a slot that holds this position, without the length. A position
/// has 52 bits: enough for a message every 10 ns for a year.
fn stamp(position: u64) -> u64 {
    (position + 1) << LEN_BITS
}

/// How many slots a message of `len` bytes takes.
fn slots(len: usize) -> u64 {
    1 + len.saturating_sub(FIRST).div_ceil(FURTHER) as u64
}

/// The ring. See the file's picture.
#[derive(Debug)]
pub(crate) struct Inbox {
    tail: Tail,
    head: Head,
    slots: Box<[Slot; SLOTS as usize]>,
}

impl Inbox {
    pub(crate) fn new() -> Inbox {
        let slots = Box::new(std::array::from_fn(|_| Slot::default()));
        Inbox {
            tail: Tail::default(),
            head: Head::default(),
            slots,
        }
    }

    fn words(&self, position: u64) -> &[AtomicU64; WORDS] {
        &self.slots[(position % SLOTS) as usize].words
    }

    /// Claims `count` slots in a row; none when the ring is too full.
    fn claim(&self, count: u64) -> Option<u64> {
        let tail = &self.tail;
        let mut position = tail.next.load(Ordering::Relaxed);
        loop {
            let end = position + count;
            if end.wrapping_sub(tail.head_seen.load(Ordering::Acquire)) > SLOTS {
                let head = self.head.next.load(Ordering::Acquire);
                if end.wrapping_sub(head) > SLOTS {
                    return None;
                }
                tail.head_seen.store(head, Ordering::Release);
            }
            let (success, failure) = (Ordering::AcqRel, Ordering::Relaxed);
            match tail
                .next
                .compare_exchange_weak(position, end, success, failure)
            {
                Ok(_) => return Some(position),
                Err(now) => position = now,
            }
        }
    }

    /// Puts in a message of the first `len` of `bytes`; `N`, a multiple of 8, is at most
    /// [`LONGEST`]. False when the ring is full.
    pub(crate) fn push<const N: usize>(
        &self,
        envelope: &Envelope,
        bytes: &[u8; N],
        len: usize,
    ) -> bool {
        const { assert!(N.is_multiple_of(8) && N <= LONGEST) };
        let len = len.min(N);
        let Some(position) = self.claim(slots(len)) else {
            return false;
        };
        let whole = &bytes[..len.next_multiple_of(8)];
        let (first, rest) = whole.split_at(whole.len().min(FIRST));
        for (i, data) in rest.chunks(FURTHER).enumerate() {
            let position = position + 1 + i as u64;
            let words = self.words(position);
            store(&words[1..], data);
            words[0].store(stamp(position), Ordering::Relaxed);
        }
        let words = self.words(position);
        words[1].store(envelope.space, Ordering::Relaxed);
        let (source, tag) = (envelope.source as u32, envelope.tag as u32);
        words[2].store(u64::from(source) << 32 | u64::from(tag), Ordering::Relaxed);
        store(&words[HEADER..], first);
        words[0].store(stamp(position) | len as u64, Ordering::Release);
        true
    }

    /// Whether [`Inbox::pop`] would find a message.
    pub(crate) fn has_next(&self) -> bool {
        let position = self.head.next.load(Ordering::Relaxed);
        let words = self.words(position);
        words[0].load(Ordering::Acquire) >> LEN_BITS == stamp(position) >> LEN_BITS
    }

    /// How many slots senders have begun to fill, ever.
    pub(crate) fn begun(&self) -> u64 {
        self.tail.next.load(Ordering::Acquire)
    }

    /// How many slots were taken, ever.
    pub(crate) fn taken(&self) -> u64 {
        self.head.next.load(Ordering::Relaxed)
    }

    /// The next message, if it is there whole: its envelope and the length of its data.
    /// Only under the mailbox's lock.
    #[inline]
    pub(crate) fn peek(&self) -> Option<(Envelope, usize)> {
        let position = self.head.next.load(Ordering::Relaxed);
        let words = self.words(position);
        let stamped = words[0].load(Ordering::Acquire);
        if stamped >> LEN_BITS != stamp(position) >> LEN_BITS {
            return None;
        }
        let ends = words[2].load(Ordering::Relaxed);
        let envelope = Envelope {
            space: words[1].load(Ordering::Relaxed),
            source: (ends >> 32) as u32 as i32,
            tag: ends as u32 as i32,
        };
        let len = ((stamped & ((1 << LEN_BITS) - 1)) as usize).min(LONGEST);
        Some((envelope, len))
    }

    /// Takes the next message, as [`Inbox::peek`] gives it; its data is then in `bytes`.
    #[inline]
    pub(crate) fn pop(&self, bytes: &mut [u8; LONGEST]) -> Option<(Envelope, usize)> {
        let (envelope, len) = self.peek()?;
        let position = self.head.next.load(Ordering::Relaxed);
        let words = self.words(position);
        let whole = len.next_multiple_of(8);
        load(&words[HEADER..], &mut bytes[..whole.min(FIRST)]);
        if whole > FIRST {
            for (i, data) in bytes[FIRST..whole].chunks_mut(FURTHER).enumerate() {
                load(&self.words(position + 1 + i as u64)[1..], data);
            }
        }
        self.head
            .next
            .store(position + slots(len), Ordering::Release);
        Some((envelope, len))
    }
}

/// Stores bytes, a multiple of 8, as words.
fn store(words: &[AtomicU64], bytes: &[u8]) {
    for (word, bytes) in words.iter().zip(bytes.as_chunks::<8>().0) {
        word.store(u64::from_le_bytes(*bytes), Ordering::Relaxed);
    }
}

/// Loads bytes, a multiple of 8, from words.
fn load(words: &[AtomicU64], bytes: &mut [u8]) {
    for (word, bytes) in words.iter().zip(bytes.as_chunks_mut::<8>().0) {
        *bytes = word.load(Ordering::Relaxed).to_le_bytes();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use parking_lot::Mutex;

    fn envelope(source: i32, tag: i32) -> Envelope {
        Envelope {
            space: 7,
            source,
            tag,
        }
    }

    fn put(inbox: &Inbox, envelope: &Envelope, data: &[u8]) -> bool {
        let mut bytes = [0; LONGEST];
        bytes[..data.len()].copy_from_slice(data);
        inbox.push(envelope, &bytes, data.len())
    }

    fn take(inbox: &Inbox) -> Option<(Envelope, Vec<u8>)> {
        let mut bytes = [0xaa; LONGEST];
        let (envelope, len) = inbox.pop(&mut bytes)?;
        Some((envelope, bytes[..len].to_vec()))
    }

    #[test]
    fn a_full_ring_refuses_and_a_drained_one_accepts() {
        let inbox = Inbox::new();
        for i in 0..SLOTS as i32 {
            assert!(put(&inbox, &envelope(0, i), &[i as u8; FIRST]));
        }
        assert!(!put(&inbox, &envelope(0, 0), &[]));
        for i in 0..3 * SLOTS as i32 {
            let (envelope, data) = take(&inbox).unwrap();
            assert_eq!(envelope.tag, i);
            let len = if i < SLOTS as i32 {
                FIRST
            } else {
                i as usize % (FIRST + 1)
            };
            assert_eq!(data, vec![i as u8; len]);
            let next = i + SLOTS as i32;
            let data = vec![next as u8; next as usize % (FIRST + 1)];
            assert!(put(&inbox, &super::tests::envelope(0, next), &data));
        }
    }

    #[test]
    fn messages_of_every_length_survive_the_wrap() {
        let inbox = Inbox::new();
        for round in 0..3 {
            for len in 0..=LONGEST {
                let data: Vec<u8> = (0..len).map(|i| (i * 31 + len + round) as u8).collect();
                assert!(put(&inbox, &envelope(1, len as i32), &data));
                assert!(inbox.has_next());
                assert_eq!(take(&inbox), Some((envelope(1, len as i32), data)));
                assert!(!inbox.has_next());
            }
        }
    }

    #[test]
    fn data_is_never_taken_for_the_beginning_of_a_message() {
        let inbox = Inbox::new();
        // Data that looks like the stamps of all positions to come.
        let words: Vec<u8> = (0..LONGEST as u64 / 8)
            .flat_map(|i| stamp(SLOTS + i % SLOTS).to_le_bytes())
            .collect();
        for _ in 0..SLOTS / MOST as u64 {
            assert!(put(&inbox, &envelope(0, 0), &words));
            assert!(take(&inbox).is_some());
        }
        for position in inbox.taken()..inbox.taken() + SLOTS {
            let first = inbox.words(position)[0].load(Ordering::Relaxed);
            assert_ne!(first >> LEN_BITS, stamp(position) >> LEN_BITS);
        }
    }

    #[test]
    fn messages_of_every_sender_arrive_once_and_in_order() {
        const EACH: i32 = 20_000;
        let inbox = Inbox::new();
        let lock = Mutex::new(());
        std::thread::scope(|s| {
            for source in 0..3 {
                let inbox = &inbox;
                s.spawn(move || {
                    for tag in 0..EACH {
                        let data = vec![tag as u8; (tag % 300) as usize];
                        while !put(inbox, &envelope(source, tag), &data) {
                            std::thread::yield_now();
                        }
                    }
                });
            }
            let mut next = [0; 3];
            while next != [EACH; 3] {
                let _held = lock.lock();
                match take(&inbox) {
                    Some((envelope, data)) => {
                        let expected = &mut next[envelope.source as usize];
                        assert_eq!(envelope.tag, *expected);
                        assert_eq!(data, vec![*expected as u8; (*expected % 300) as usize]);
                        *expected += 1;
                    }
                    None => std::thread::yield_now(),
                }
            }
        });
        assert!(!inbox.has_next());
    }
}
