//! The frames that the other side may still need: written or to be written, and not
//! acknowledged.
//!
//! ```text
//!           chunk 0        chunk 1              chunk 2
//! front | f0 f1 f2 f3 | f4 ......... f4 | f5 f6 f7 ... free | <- frames are appended
//!           ^ acknowledged: chunks whole     ^ sent: where the kernel is
//! ```
//! The bytes of a frame are copied here once, from where its sender has them: what a
//! sender may then do with its buffer does not depend on the other side. A chunk is
//! dropped when all frames in it are acknowledged; after a reconnect what is not
//! acknowledged is sent again.

use crate::frame::MAX_FRAME;
use std::collections::VecDeque;

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
    spare: Vec<Vec<u8>>,
}

struct Chunk {
    bytes: Vec<u8>,
    /// The number after that of its last frame.
    end: u64,
}

impl Unacknowledged {
    /// Number of bytes it holds.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether the kernel has taken all of it.
    pub(crate) fn is_sent(&self) -> bool {
        self.to_send().is_empty()
    }

    /// Appends a frame of `length` bytes, written by `fill`; `end` is the number of the
    /// next one.
    pub(crate) fn append(&mut self, length: usize, end: u64, fill: impl FnOnce(&mut Vec<u8>)) {
        let fits = |chunk: &Chunk| chunk.bytes.len() + length <= CHUNK;
        if !self.chunks.back().is_some_and(fits) {
            if self.is_sent() {
                self.sent = (self.chunks.len(), 0);
            }
            let bytes = self.spare.pop().unwrap_or_default();
            self.chunks.push_back(Chunk { bytes, end });
        }
        if let Some(chunk) = self.chunks.back_mut() {
            let before = chunk.bytes.len();
            fill(&mut chunk.bytes);
            chunk.end = end;
            self.bytes += chunk.bytes.len() - before;
        }
    }

    /// The next bytes for the kernel; empty when it has all.
    pub(crate) fn to_send(&self) -> &[u8] {
        let (chunk, at) = self.sent;
        self.chunks
            .get(chunk)
            .map_or(&[], |chunk| &chunk.bytes[at..])
    }

    /// The kernel has taken so many more bytes, at most those of [`Self::to_send`].
    pub(crate) fn note_sent(&mut self, bytes: usize) {
        self.sent.1 += bytes;
        let (chunk, at) = self.sent;
        let is_last = chunk + 1 >= self.chunks.len();
        if !is_last && self.chunks[chunk].bytes.len() == at {
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
                (0, at) if at == first.bytes.len() => {
                    // The last one, and all sent: what comes next goes in from its start.
                    self.bytes -= at;
                    first.bytes.clear();
                    self.sent = (0, 0);
                    return;
                }
                (0, _) => return,
                (chunk, at) => {
                    self.sent = (chunk - 1, at);
                    self.bytes -= first.bytes.len();
                    let first = self.chunks.pop_front();
                    if let (Some(mut first), true) = (first, self.spare.len() < SPARE) {
                        first.bytes.clear();
                        self.spare.push(first.bytes);
                    }
                }
            }
        }
    }

    /// What the other side does not have is to be sent again. `skip` is given bytes that
    /// start with a frame, and says how long that is if the other side has it.
    pub(crate) fn rewind(&mut self, skip: impl Fn(&[u8]) -> Option<usize>) {
        self.sent = (0, 0);
        while let Some(length) = skip(self.to_send()) {
            self.note_sent(length);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Step {
        Append(usize),
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
                        kept.append(length, u64::from(frames), |out| {
                            let end = out.len() + length;
                            out.extend(number.to_le_bytes());
                            out.extend((length as u32).to_le_bytes());
                            out.resize(end, 0);
                        });
                        prop_assert_eq!(kept.bytes(), before + length);
                    }
                    Step::Send(mut bytes) => {
                        while bytes > 0 && !kept.is_sent() {
                            let next = kept.to_send();
                            let next = &next[..next.len().min(bytes)];
                            wire.extend_from_slice(next);
                            let sent = next.len();
                            kept.note_sent(sent);
                            bytes -= sent;
                        }
                    }
                    Step::Acknowledge(fewer) => {
                        let count = take(&wire).saturating_sub(fewer as u32);
                        kept.acknowledge(u64::from(count));
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
            prop_assert_eq!(kept.bytes(), 0);
            prop_assert!(kept.is_sent());
        }
    }
}
