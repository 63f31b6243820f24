//! The fast lane into a mailbox: a ring of small messages that senders fill without
//! a lock.
//!
//! ```text
//!   senders claim at `tail`                       slot: one or two cache lines
//!        |                                        +-------+-------+--------+-------
//!   ---->[ ][ ][x][x][x][ ][ ]                    | stamp | space | source | data
//!               |                                 | len   |       | tag    |
//!               +-- `head`: the receiver takes    +-------+-------+--------+-------
//! ```
//! An 8-byte message costs the receiver one cache miss: the line it polls holds the
//! stamp, the envelope and the data. `head` moves only under the mailbox's lock.
//! Messages of one sender keep their order, because it claims its slots in order.

use crate::matching::Envelope;
use std::sync::atomic::{AtomicU64, Ordering};

/// The most bytes of data that travel in a slot.
pub(crate) const INLINE: usize = (WORDS - HEADER) * 8;
/// 64-bit words in a slot.
const WORDS: usize = 16;
/// Words before the data: stamp with length; space; source and tag.
const HEADER: usize = 3;
/// Bits of the first word that hold the length.
const LEN_BITS: u32 = 8;
const _: () = assert!(INLINE < 1 << LEN_BITS);
/// Slots in a ring; a power of two.
const SLOTS: u64 = 64;

/// A position p is free for its p-th message once `head > p - SLOTS`, and holds it
/// once its first word's stamp is p + 1.
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

/// The first word of a slot that holds the message of this position, without its
/// length. The position has 56 bits, enough for a message a nanosecond for two years.
fn stamp(position: u64) -> u64 {
    (position + 1) << LEN_BITS
}

/// The ring. See the file's picture.
#[derive(Debug)]
pub(crate) struct Inbox {
    tail: Tail,
    head: Head,
    slots: Box<[Slot]>,
}

/// A message taken out of the ring.
pub(crate) struct Tiny {
    pub(crate) envelope: Envelope,
    bytes: [u8; INLINE],
    len: usize,
}

impl Tiny {
    /// The message's data.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl Inbox {
    pub(crate) fn new() -> Inbox {
        let slots = (0..SLOTS).map(|_| Slot::default()).collect();
        Inbox {
            tail: Tail::default(),
            head: Head::default(),
            slots,
        }
    }

    fn slot(&self, position: u64) -> &Slot {
        &self.slots[(position % SLOTS) as usize]
    }

    /// Puts a message of at most [`INLINE`] bytes in. False when the ring is full.
    pub(crate) fn push(&self, envelope: &Envelope, bytes: &[u8]) -> bool {
        debug_assert!(bytes.len() <= INLINE);
        let mut position = self.tail.next.load(Ordering::Relaxed);
        loop {
            if position.wrapping_sub(self.tail.head_seen.load(Ordering::Acquire)) >= SLOTS {
                let head = self.head.next.load(Ordering::Acquire);
                if position.wrapping_sub(head) >= SLOTS {
                    return false;
                }
                self.tail.head_seen.store(head, Ordering::Release);
            }
            match self.tail.next.compare_exchange_weak(
                position,
                position + 1,
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => break,
                Err(now) => position = now,
            }
        }
        let words = &self.slot(position).words;
        let put = |i: usize, value: u64| words[i].store(value, Ordering::Relaxed);
        put(1, envelope.space);
        put(
            2,
            u64::from(envelope.source as u32) << 32 | u64::from(envelope.tag as u32),
        );
        for (i, piece) in bytes.chunks(8).enumerate() {
            let mut word = [0; 8];
            word[..piece.len()].copy_from_slice(piece);
            put(HEADER + i, u64::from_le_bytes(word));
        }
        words[0].store(stamp(position) | bytes.len() as u64, Ordering::Release);
        true
    }

    /// Whether [`Inbox::pop`] would find a message.
    pub(crate) fn has_next(&self) -> bool {
        let position = self.head.next.load(Ordering::Relaxed);
        let first = self.slot(position).words[0].load(Ordering::Acquire);
        first >> LEN_BITS == stamp(position) >> LEN_BITS
    }

    /// How many messages senders have begun to put in, ever.
    pub(crate) fn begun(&self) -> u64 {
        self.tail.next.load(Ordering::Acquire)
    }

    /// How many messages were taken out, ever.
    pub(crate) fn taken(&self) -> u64 {
        self.head.next.load(Ordering::Relaxed)
    }

    /// Takes the next message out, if it is there whole. Only under the mailbox's lock.
    pub(crate) fn pop(&self) -> Option<Tiny> {
        let position = self.head.next.load(Ordering::Relaxed);
        let words = &self.slot(position).words;
        let first = words[0].load(Ordering::Acquire);
        if first >> LEN_BITS != stamp(position) >> LEN_BITS {
            return None;
        }
        let get = |i: usize| words[i].load(Ordering::Relaxed);
        let envelope = Envelope {
            space: get(1),
            source: (get(2) >> 32) as u32 as i32,
            tag: get(2) as u32 as i32,
        };
        let len = ((first & ((1 << LEN_BITS) - 1)) as usize).min(INLINE);
        let mut bytes = [0; INLINE];
        for (i, piece) in bytes[..len.next_multiple_of(8)]
            .chunks_exact_mut(8)
            .enumerate()
        {
            piece.copy_from_slice(&get(HEADER + i).to_le_bytes());
        }
        self.head.next.store(position + 1, Ordering::Release);
        Some(Tiny {
            envelope,
            bytes,
            len,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::Mutex;

    fn envelope(source: i32, tag: i32) -> Envelope {
        Envelope {
            space: 7,
            source,
            tag,
        }
    }

    #[test]
    fn a_full_ring_refuses_and_a_drained_one_accepts() {
        let inbox = Inbox::new();
        for i in 0..SLOTS as i32 {
            assert!(inbox.push(&envelope(0, i), &[i as u8; INLINE]));
        }
        assert!(!inbox.push(&envelope(0, 0), &[]));
        for i in 0..3 * SLOTS as i32 {
            let tiny = inbox.pop().expect("the ring is full");
            assert_eq!(tiny.envelope.tag, i);
            assert_eq!(
                tiny.bytes(),
                &vec![i as u8; if i < 64 { INLINE } else { i as usize % 105 }]
            );
            let next = i + SLOTS as i32;
            assert!(inbox.push(&envelope(0, next), &vec![next as u8; next as usize % 105]));
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
                        while !inbox.push(&envelope(source, tag), &tag.to_le_bytes()) {
                            std::thread::yield_now();
                        }
                    }
                });
            }
            let mut next = [0; 3];
            while next != [EACH; 3] {
                let _held = lock.lock();
                match inbox.pop() {
                    Some(tiny) => {
                        let expected = &mut next[tiny.envelope.source as usize];
                        assert_eq!(tiny.envelope.tag, *expected);
                        assert_eq!(tiny.bytes(), expected.to_le_bytes());
                        *expected += 1;
                    }
                    None => std::thread::yield_now(),
                }
            }
        });
        assert!(!inbox.has_next());
    }
}
