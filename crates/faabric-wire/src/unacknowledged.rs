//! The frames that the other side may still need: written or to be written, and not
//! acknowledged.
//!
//! ```text
//!           chunk 0        chunk 1              chunk 2
//! front | f0 f1 f2 f3 | f4 ......... f4 | f5 f6 f7 ... free | <- frames are appended
//!           ^ acknowledged: chunks whole     ^ sent: where the kernel is
//! ```
//! The bytes of a frame are copied here once, from where its sender has them: what a
//! sender may then do with its buffer does not depend on the other side. Only the body
//! of a piece whose source the kernel can read ([`crate::fabric::Source::direct`]) stays there, and its
//! sender waits until it is acknowledged. A chunk is dropped when all frames in it are
//! acknowledged; after a reconnect what is not acknowledged is sent again.

use crate::frame::MAX_FRAME;
use crate::shared_source::SharedSource;
use std::collections::VecDeque;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

/// Bytes of a chunk that is shared by several frames: room for the largest one.
const CHUNK: usize = MAX_FRAME;

/// Empty chunks that are kept for later, so that a busy link allocates nothing.
const SPARE: usize = 8;

/// Frames of one direction of a link.
#[derive(Default)]
pub(crate) struct Unacknowledged {
    chunks: VecDeque<Chunk>,
    /// Number of bytes in `chunks`.
    bytes: usize,
    /// Which chunk the kernel takes next, and from which of its bytes on. Invariant:
    /// when everything is sent, that is the end of the last chunk.
    sent: (usize, usize),
    /// The room of chunks that are no more.
    spare: Vec<Vec<u8>>,
    /// Bodies that the other side has, to be ended when no lock is held.
    taken: Vec<Body>,
}

struct Chunk {
    /// Frames, and room for more: what has been filled once need not be cleared again.
    room: Vec<u8>,
    used: usize,
    /// Follows the bytes: that of the last frame.
    body: Option<Body>,
    /// The number after that of its last frame.
    end: u64,
}

/// The body of a frame, where its sender has it.
pub(crate) struct Body {
    pub(crate) source: Arc<SharedSource>,
    /// Where it begins in the payload.
    pub(crate) at: u64,
    pub(crate) length: usize,
}

/// What the kernel is to take next.
pub(crate) enum Next<'a> {
    Nothing,
    /// Bytes, and whether a body follows them.
    Bytes(&'a [u8], bool),
    /// A body, from one of its bytes on.
    Body(&'a Body, usize),
}

impl Body {
    /// Has the kernel take some of it.
    pub(crate) fn send(
        &self,
        from: usize,
        socket: BorrowedFd<'_>,
        wait: bool,
    ) -> io::Result<usize> {
        let mut source = self.source.lock();
        let direct = source.direct().ok_or(io::ErrorKind::NotConnected)?;
        direct.send(self.at + from as u64, self.length - from, socket, wait)
    }

    /// The other side has it. Called without locks, as [`SharedSource::let_go`] is.
    pub(crate) fn end(self) {
        self.source.let_go();
    }
}

impl Chunk {
    fn len(&self) -> usize {
        self.used + self.body.as_ref().map_or(0, |body| body.length)
    }

    /// Makes its bytes so many more; those.
    fn extend(&mut self, length: usize) -> &mut [u8] {
        let start = self.used;
        self.used += length;
        if self.room.len() < self.used {
            self.room.resize(self.used, 0);
        }
        &mut self.room[start..self.used]
    }
}

impl Unacknowledged {
    /// Number of bytes it holds.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether the kernel has taken all of it.
    pub(crate) fn is_sent(&self) -> bool {
        matches!(self.to_send(), Next::Nothing)
    }

    /// The bodies that the other side has got since this was called last.
    pub(crate) fn take_bodies(&mut self) -> Vec<Body> {
        std::mem::take(&mut self.taken)
    }

    /// As [`Self::append`], for a frame whose header is `bytes` and whose body stays
    /// where it is.
    pub(crate) fn append_direct(&mut self, bytes: &[u8], end: u64, body: Body) {
        self.append(bytes.len(), end, |out| out.copy_from_slice(bytes));
        if let Some(chunk) = self.chunks.back_mut() {
            self.bytes += body.length;
            chunk.body = Some(body);
        }
    }

    /// Appends a frame of `length` bytes, written by `fill`; `end` is the number of the
    /// next one.
    pub(crate) fn append(&mut self, length: usize, end: u64, fill: impl FnOnce(&mut [u8])) {
        let fits = |chunk: &Chunk| chunk.body.is_none() && chunk.used + length <= CHUNK;
        if !self.chunks.back().is_some_and(fits) {
            if self.is_sent() {
                self.sent = (self.chunks.len(), 0);
            }
            self.chunks.push_back(Chunk {
                room: self.spare.pop().unwrap_or_default(),
                used: 0,
                body: None,
                end,
            });
        }
        if let Some(chunk) = self.chunks.back_mut() {
            fill(chunk.extend(length));
            chunk.end = end;
            self.bytes += length;
        }
    }

    /// Takes the last bytes of the frame that was appended last away again.
    pub(crate) fn shorten(&mut self, by: usize) {
        if let Some(chunk) = self.chunks.back_mut() {
            chunk.used -= by;
            self.bytes -= by;
        }
    }

    /// What the kernel is to take next.
    pub(crate) fn to_send(&self) -> Next<'_> {
        let (chunk, at) = self.sent;
        let Some(chunk) = self.chunks.get(chunk) else {
            return Next::Nothing;
        };
        match (&chunk.room[at.min(chunk.used)..chunk.used], &chunk.body) {
            ([], Some(body)) if at < chunk.len() => Next::Body(body, at - chunk.used),
            ([], _) => Next::Nothing,
            (bytes, body) => Next::Bytes(bytes, body.is_some()),
        }
    }

    /// The kernel has taken so many more bytes of that.
    pub(crate) fn note_sent(&mut self, bytes: usize) {
        self.sent.1 += bytes;
        let (chunk, at) = self.sent;
        let is_last = chunk + 1 >= self.chunks.len();
        if !is_last && self.chunks[chunk].len() == at {
            self.sent = (chunk + 1, 0);
        }
    }

    /// The other side has all frames before number `count`.
    pub(crate) fn acknowledge(&mut self, count: u64) {
        while let Some(first) = self.chunks.front_mut() {
            if first.end > count {
                return;
            }
            match self.sent {
                (0, at) if at == first.len() => {
                    // The last one, and all sent: what comes next goes in from its start.
                    self.bytes -= at;
                    self.taken.extend(first.body.take());
                    first.used = 0;
                    self.sent = (0, 0);
                    return;
                }
                (0, _) => return,
                (chunk, at) => {
                    self.sent = (chunk - 1, at);
                    self.bytes -= first.len();
                    let Some(first) = self.chunks.pop_front() else {
                        return;
                    };
                    self.taken.extend(first.body);
                    if self.spare.len() < SPARE {
                        self.spare.push(first.room);
                    }
                }
            }
        }
    }

    /// What the other side does not have is to be sent again. `skip` is given bytes that
    /// start with a frame, and says how long that is if the other side has it.
    pub(crate) fn rewind(&mut self, skip: impl Fn(&[u8]) -> Option<usize>) {
        self.sent = (0, 0);
        while let Next::Bytes(bytes, _) = self.to_send()
            && let Some(length) = skip(bytes)
        {
            self.note_sent(length);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::fabric::{Gone, Source};
    use proptest::prelude::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Counts the sources that were told to be sent.
    struct Counted(Arc<AtomicUsize>);

    impl Source for Counted {
        fn read(&mut self, _: &mut [u8]) -> Result<(), Gone> {
            Err(Gone)
        }
        fn sent(self: Box<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Append(usize),
        /// As `Append`, with a body that stays with its sender.
        Direct(usize),
        Send(usize),
        /// The other side takes some of the whole frames that it has got.
        Acknowledge(usize),
        /// The connection breaks, and another goes on.
        Reconnect,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            (8..100_000usize).prop_map(Step::Append),
            (8..200usize).prop_map(Step::Append),
            (1..100_000usize).prop_map(Step::Direct),
            (1..300_000usize).prop_map(Step::Send),
            (0..9usize).prop_map(Step::Acknowledge),
            Just(Step::Reconnect),
        ];
        prop::collection::vec(step, 1..80)
    }

    /// The numbers of the whole frames at the start of `bytes`: each frame is its
    /// number and its length, then zeros.
    fn whole_frames(mut bytes: &[u8]) -> Vec<u32> {
        let mut found = Vec::new();
        while bytes.len() >= 8 {
            let part = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
            let length = part(4) as usize;
            if bytes.len() < length {
                break;
            }
            found.push(part(0));
            bytes = &bytes[length..];
        }
        found
    }

    proptest! {
        /// The other side gets every frame, and after a reconnect nothing is missing
        /// from what it did not acknowledge.
        #[test]
        fn nothing_unacknowledged_is_forgotten(steps in steps()) {
            let mut kept = Unacknowledged::default();
            let (mut frames, mut received, mut wire) = (0u32, 0u32, Vec::new());
            let (ended, mut directs) = (Arc::new(AtomicUsize::new(0)), Vec::new());
            let mut take = |wire: &[u8]| {
                for number in whole_frames(wire) {
                    assert!(number <= received, "frame {received} is missing");
                    received = received.max(number + 1);
                }
                received
            };
            for step in steps.into_iter().chain([Step::Reconnect, Step::Send(usize::MAX)]) {
                match step {
                    Step::Append(length) => {
                        let (number, before) = (frames, kept.bytes());
                        frames += 1;
                        let spare = length / 3;
                        kept.append(length + spare, u64::from(frames), |out| {
                            out.fill(0);
                            out[..4].copy_from_slice(&number.to_le_bytes());
                            out[4..8].copy_from_slice(&(length as u32).to_le_bytes());
                        });
                        kept.shorten(spare);
                        prop_assert_eq!(kept.bytes(), before + length);
                    }
                    Step::Direct(length) => {
                        let number = frames;
                        frames += 1;
                        let header = [number.to_le_bytes(), (length as u32 + 8).to_le_bytes()];
                        let source = SharedSource::new(Box::new(Counted(Arc::clone(&ended))));
                        source.set_whole();
                        let body = Body {
                            source,
                            at: 0,
                            length,
                        };
                        directs.push(number);
                        kept.append_direct(header.as_flattened(), u64::from(frames), body);
                    }
                    Step::Send(mut bytes) => {
                        while bytes > 0 && !kept.is_sent() {
                            let sent = match kept.to_send() {
                                Next::Nothing => break,
                                Next::Bytes(next, _) => {
                                    let next = &next[..next.len().min(bytes)];
                                    wire.extend_from_slice(next);
                                    next.len()
                                }
                                Next::Body(body, from) => {
                                    let sent = (body.length - from).min(bytes);
                                    wire.resize(wire.len() + sent, 0);
                                    sent
                                }
                            };
                            kept.note_sent(sent);
                            bytes -= sent;
                        }
                    }
                    Step::Acknowledge(fewer) => {
                        let count = take(&wire).saturating_sub(fewer as u32);
                        kept.acknowledge(u64::from(count));
                        kept.take_bodies().into_iter().for_each(Body::end);
                    }
                    Step::Reconnect => {
                        let count = take(&wire);
                        kept.acknowledge(u64::from(count));
                        kept.rewind(|bytes| {
                            let number = u32::from_le_bytes(*bytes.first_chunk()?);
                            let length = u32::from_le_bytes(bytes[4..8].try_into().unwrap());
                            (number < count).then_some(length as usize)
                        });
                        wire.clear();
                    }
                }
            }
            prop_assert_eq!(take(&wire), frames);
            kept.acknowledge(u64::from(frames));
            kept.take_bodies().into_iter().for_each(Body::end);
            prop_assert_eq!(kept.bytes(), 0);
            prop_assert!(kept.is_sent());
            prop_assert_eq!(ended.load(Ordering::Relaxed), directs.len());
        }
    }

    /// Two threads that have taken bodies of one payload end them in either order.
    #[test]
    fn the_sender_is_told_once_whichever_body_ends_last() {
        for reverse in [false, true] {
            let ended = Arc::new(AtomicUsize::new(0));
            let source = SharedSource::new(Box::new(Counted(Arc::clone(&ended))));
            let mut kept = Unacknowledged::default();
            for number in 0..2u64 {
                let body = Body {
                    source: Arc::clone(&source),
                    at: number * 8,
                    length: 8,
                };
                kept.append_direct(&[0; 8], number + 1, body);
                kept.note_sent(8);
                kept.note_sent(8);
            }
            source.set_whole();
            source.let_go();
            kept.acknowledge(1);
            let mut taken = vec![kept.take_bodies()];
            kept.acknowledge(2);
            taken.push(kept.take_bodies());
            assert_eq!(taken.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1]);
            if reverse {
                taken.reverse();
            }
            let told = taken.into_iter().map(|bodies| {
                bodies.into_iter().for_each(Body::end);
                ended.load(Ordering::Relaxed)
            });
            assert_eq!(told.collect::<Vec<_>>(), [0, 1]);
        }
    }
}
