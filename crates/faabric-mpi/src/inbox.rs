//! The fast lane into a mailbox: a ring of messages that senders fill without the
//! receiver's lock.
//!
//! ```text
//!   senders claim at `tail`          a short message          a longer one
//!        |                           +-------+-------+--------+------+    +------------+
//!   ---->[ ][ ][x][x][x][ ][ ]       | stamp | space | source | data |    | ... | page |--> page
//!               |                    | len   |       | tag    |      |    +------------+
//!               +-- the receiver     +-------+-------+--------+------+
//!                   takes at `head`
//! ```
//! An 8-byte message costs the receiver one cache miss: the line it polls holds the
//! stamp, the envelope and the data. Longer ones lie in one of a few pages, which cost
//! a copy in and a copy out but no wait for the receiver's lock. `head` moves only
//! under the mailbox's lock. Messages of one sender keep their order, because it claims
//! its slots in order.
//!
//! Cache lines go one way: the receiver writes nothing but `head`, and a sender reads that
//! only when what it saw last does not do. So a page is free again when `head` has passed
//! the slot that named it, which its senders know. The exception is rare: a receiver that
//! has taken more messages out than it may keep closes the ring for a while.

use crate::error::Result;
use crate::matching::Envelope;
use crate::memory::{Addr, Memory};
use crate::words::{self, WORD};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// 64-bit words in a slot: two cache lines, which processors fetch together.
const WORDS: usize = 16;
/// Words before the data of a message: stamp with length; space; source and tag.
const HEADER: usize = 3;
/// Slots in a ring; a power of two.
const SLOTS: u64 = 128;
/// Bytes of data in a slot.
pub(crate) const SHORT: usize = (WORDS - HEADER) * WORD;
/// Bytes of data in a page, and so of the longest message that travels in the ring.
pub(crate) const LONGEST: usize = 4096;
/// How many pages a ring has; each is made when it is first used.
const PAGES: usize = 16;
/// Bits of the first word that hold the length.
const LEN_BITS: u32 = 13;
const _: () = assert!(LONGEST < 1 << LEN_BITS);

/// The data of a message, where it lies until it is taken.
#[derive(Clone, Copy)]
pub(crate) enum Bytes<'a> {
    Here(&'a [u8]),
    /// So many bytes in a page.
    Page(&'a Arc<dyn Memory>, Addr, usize),
}

impl Bytes<'_> {
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Here(bytes) => bytes.len(),
            Self::Page(_, _, len) => len,
        }
    }

    /// A copy.
    pub(crate) fn to_box(self) -> Box<[u8]> {
        match self {
            Self::Here(bytes) => bytes.into(),
            Self::Page(pages, at, len) => {
                let mut bytes = vec![0; len];
                // All of a page is there.
                let _ = pages.read(at, &mut bytes);
                bytes.into()
            }
        }
    }
}

/// A slot is free for position p once `head > p - SLOTS`, and holds it once its stamp
/// is that of p.
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
    /// The page that a sender tries first.
    page: AtomicUsize,
    /// The receiver wants no more for now.
    closed: AtomicBool,
}

#[derive(Debug, Default)]
#[repr(align(128))]
struct Head {
    next: AtomicU64,
}

/// Who has a page: [`FILLING`], or it is free once `head` is at least this.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Use {
    until: AtomicU64,
}

const FILLING: u64 = u64::MAX;

/// The first word of a slot that holds this position, without the length. A position
/// has 51 bits: enough for a message every 10 ns for eight months.
fn stamp(position: u64) -> u64 {
    (position + 1) << LEN_BITS
}

/// The ring. See the file's picture.
pub(crate) struct Inbox {
    tail: Tail,
    head: Head,
    slots: Box<[Slot; SLOTS as usize]>,
    uses: [Use; PAGES],
    /// All pages; the receiver reads this and not `uses`. Made when it is first used, in a
    /// kind of memory that is copied without a lock.
    pages: OnceLock<Arc<dyn Memory>>,
}

impl Inbox {
    pub(crate) fn new() -> Inbox {
        Inbox {
            tail: Tail::default(),
            head: Head::default(),
            slots: Box::new(std::array::from_fn(|_| Slot::default())),
            uses: std::array::from_fn(|_| Use::default()),
            pages: OnceLock::new(),
        }
    }

    fn words(&self, position: u64) -> &[AtomicU64; WORDS] {
        &self.slots[(position % SLOTS) as usize].words
    }

    /// Whether the receiver has taken `count` messages, ever: for senders.
    fn has_taken(&self, count: u64) -> bool {
        let seen = &self.tail.head_seen;
        if seen.load(Ordering::Acquire) >= count {
            return true;
        }
        let head = self.head.next.load(Ordering::Acquire);
        // Another sender may have seen more; then this one looks again in vain, at the worst.
        seen.store(head, Ordering::Release);
        head >= count
    }

    /// Lets senders put messages in, or refuses them. What is in the ring stays there.
    pub(crate) fn set_closed(&self, closed: bool) {
        self.tail.closed.store(closed, Ordering::Relaxed);
    }

    /// Claims a slot; none when the ring is full or closed.
    fn claim(&self) -> Option<u64> {
        let tail = &self.tail;
        if tail.closed.load(Ordering::Relaxed) {
            return None;
        }
        let mut position = tail.next.load(Ordering::Relaxed);
        loop {
            if !self.has_taken((position + 1).saturating_sub(SLOTS)) {
                return None;
            }
            let (success, failure) = (Ordering::AcqRel, Ordering::Relaxed);
            match tail
                .next
                .compare_exchange_weak(position, position + 1, success, failure)
            {
                Ok(_) => return Some(position),
                Err(now) => position = now,
            }
        }
    }

    /// Publishes a message in its claimed slot.
    fn publish(&self, position: u64, envelope: &Envelope, len: usize, data: &[u8]) {
        let words = self.words(position);
        words[1].store(envelope.space, Ordering::Relaxed);
        let (source, tag) = (envelope.source as u32, envelope.tag as u32);
        words[2].store(u64::from(source) << 32 | u64::from(tag), Ordering::Relaxed);
        words::store(words, HEADER, data);
        words[0].store(stamp(position) | len as u64, Ordering::Release);
    }

    /// Puts in a message of the first `len` of `bytes`, and gives its position. None when
    /// the ring is full or closed.
    #[inline]
    pub(crate) fn push(&self, envelope: &Envelope, bytes: &[u8; SHORT], len: usize) -> Option<u64> {
        let len = len.min(SHORT);
        let position = self.claim()?;
        self.publish(
            position,
            envelope,
            len,
            &bytes[..len.next_multiple_of(WORD)],
        );
        Some(position)
    }

    /// Puts in a message of `len` bytes, at most [`LONGEST`], that `copy` puts there, and says
    /// its position. None when there is no room. `memory` is what it mostly comes from.
    ///
    /// # Errors
    /// What `copy` fails with: then there is no message.
    pub(crate) fn push_long(
        &self,
        envelope: &Envelope,
        len: usize,
        memory: &dyn Memory,
        copy: impl FnOnce(&Arc<dyn Memory>, Addr) -> Result<()>,
    ) -> Result<Option<u64>> {
        let Some((page, before)) = self.take_page() else {
            return Ok(None);
        };
        let pages = self.pages.get_or_init(|| memory.scratch(PAGES * LONGEST));
        let copied = copy(pages, place(page));
        let claimed = copied.is_ok().then(|| self.claim()).flatten();
        if let Some(position) = claimed {
            self.publish(position, envelope, len, &(page as u64).to_le_bytes());
        }
        let until = claimed.map_or(before, |position| position + 1);
        self.uses[page].until.store(until, Ordering::Release);
        copied.map(|()| claimed)
    }

    /// A page that is free, and what its use was.
    fn take_page(&self) -> Option<(usize, u64)> {
        let first = self.tail.page.fetch_add(1, Ordering::Relaxed);
        // Two tries: with most pages taken the receiver is behind, and its lock is free.
        [first % PAGES, (first + 1) % PAGES]
            .into_iter()
            .find_map(|page| {
                let until = &self.uses[page].until;
                let before = until.load(Ordering::Relaxed);
                if before == FILLING || !self.has_taken(before) {
                    return None;
                }
                let (success, failure) = (Ordering::Acquire, Ordering::Relaxed);
                let taken = until.compare_exchange(before, FILLING, success, failure);
                taken.is_ok().then_some((page, before))
            })
    }

    /// Whether [`Inbox::peek`] would find a message.
    #[inline]
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

    /// The next message, if it is there whole: its position, its envelope and the length
    /// of its data. Only under the mailbox's lock.
    #[inline]
    pub(crate) fn peek(&self) -> Option<(u64, Envelope, usize)> {
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
        let len = (stamped & ((1 << LEN_BITS) - 1)) as usize;
        Some((position, envelope, len))
    }

    /// Takes the message that [`Inbox::peek`] gave: `read` sees its data.
    #[inline]
    pub(crate) fn take<T>(&self, len: usize, read: impl FnOnce(Bytes<'_>) -> T) -> T {
        let position = self.head.next.load(Ordering::Relaxed);
        let words = self.words(position);
        let done = if len <= SHORT {
            let mut bytes = [0; SHORT];
            words::load(
                words,
                HEADER * WORD,
                &mut bytes[..len.next_multiple_of(WORD)],
            );
            read(Bytes::Here(&bytes[..len]))
        } else {
            let page = words[HEADER].load(Ordering::Relaxed) as usize % PAGES;
            match self.pages.get() {
                Some(pages) => read(Bytes::Page(pages, place(page), len)),
                // It was published after they were made.
                None => read(Bytes::Here(&[])),
            }
        };
        // After the data was read: then its slot and page are free.
        self.head.next.store(position + 1, Ordering::Release);
        done
    }
}

/// Where a page begins.
fn place(page: usize) -> Addr {
    Addr((page * LONGEST) as u64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::error::{Class, Error};
    use crate::memory::HostBuffer;
    use parking_lot::Mutex;

    fn envelope(source: i32, tag: i32) -> Envelope {
        Envelope {
            space: 7,
            source,
            tag,
        }
    }

    fn put(inbox: &Inbox, envelope: &Envelope, data: &[u8]) -> bool {
        if data.len() <= SHORT {
            let mut bytes = [0; SHORT];
            bytes[..data.len()].copy_from_slice(data);
            return inbox.push(envelope, &bytes, data.len()).is_some();
        }
        let copy = |page: &Arc<dyn Memory>, at| Ok(page.write(at, data)?);
        let pushed = inbox.push_long(envelope, data.len(), &HostBuffer::zeroed(0), copy);
        pushed.unwrap().is_some()
    }

    fn take(inbox: &Inbox) -> Option<(Envelope, Vec<u8>)> {
        let (_, envelope, len) = inbox.peek()?;
        Some((envelope, inbox.take(len, |bytes| bytes.to_box().into_vec())))
    }

    #[test]
    fn a_full_ring_refuses_and_a_drained_one_accepts() {
        let inbox = Inbox::new();
        for i in 0..SLOTS as i32 {
            assert!(put(&inbox, &envelope(0, i), &[i as u8; SHORT]));
        }
        assert!(!put(&inbox, &envelope(0, 0), &[]));
        assert!(!put(&inbox, &envelope(0, 0), &[0; LONGEST]));
        for i in 0..3 * SLOTS as i32 {
            let (envelope, data) = take(&inbox).unwrap();
            assert_eq!(envelope.tag, i);
            let len = if i < SLOTS as i32 {
                SHORT
            } else {
                i as usize % (SHORT + 1)
            };
            assert_eq!(data, vec![i as u8; len]);
            let next = i + SLOTS as i32;
            let data = vec![next as u8; next as usize % (SHORT + 1)];
            assert!(put(&inbox, &super::tests::envelope(0, next), &data));
        }
    }

    #[test]
    fn a_closed_ring_refuses_and_still_gives() {
        let inbox = Inbox::new();
        assert!(put(&inbox, &envelope(0, 1), &[1; 300]));
        inbox.set_closed(true);
        assert!(!put(&inbox, &envelope(0, 2), &[]));
        for _ in 0..2 * PAGES {
            assert!(!put(&inbox, &envelope(0, 2), &[2; 300]));
        }
        assert_eq!(take(&inbox).unwrap().0.tag, 1);
        assert!(take(&inbox).is_none());
        inbox.set_closed(false);
        assert!(put(&inbox, &envelope(0, 3), &[3; 300]));
        assert_eq!(take(&inbox).unwrap().1, [3; 300]);
    }

    #[test]
    fn taken_pages_refuse_and_come_back() {
        let inbox = Inbox::new();
        let long = vec![3; LONGEST];
        for round in 0..3 {
            let accepted = (0..SLOTS as i32).filter(|i| put(&inbox, &envelope(round, *i), &long));
            assert_eq!(accepted.count(), PAGES);
            for _ in 0..PAGES {
                assert_eq!(take(&inbox).unwrap().1, long);
            }
            assert!(take(&inbox).is_none());
        }
    }

    #[test]
    fn a_message_that_cannot_be_read_is_none() {
        let inbox = Inbox::new();
        for _ in 0..2 * PAGES {
            let refuse = |_: &Arc<dyn Memory>, _| Err(Error::new(Class::BUFFER, "no memory"));
            let pushed = inbox.push_long(&envelope(0, 0), 500, &HostBuffer::zeroed(0), refuse);
            assert!(pushed.is_err());
        }
        assert!(take(&inbox).is_none());
        assert!(put(&inbox, &envelope(0, 1), &[1; 500]));
        assert_eq!(take(&inbox).unwrap().0.tag, 1);
    }

    #[test]
    fn messages_of_every_length_survive_the_wrap() {
        let inbox = Inbox::new();
        for round in 0..3 {
            for len in (0..=SHORT + 9).chain(LONGEST - 3..=LONGEST) {
                let data: Vec<u8> = (0..len).map(|i| (i * 31 + len + round) as u8).collect();
                assert!(put(&inbox, &envelope(1, len as i32), &data));
                assert!(inbox.has_next());
                assert_eq!(take(&inbox), Some((envelope(1, len as i32), data)));
                assert!(!inbox.has_next());
            }
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
