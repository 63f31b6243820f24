//! How much has arrived on a link, and how much of that the other side was told.
//!
//! Every frame that goes out tells it. A frame of its own is sent only when a good
//! part of what the other side may keep is untold, or when nothing has gone out for
//! [`QUIET`].

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long the other side may be left to keep what has arrived.
pub(crate) const QUIET: Duration = Duration::from_millis(50);

/// Counted by the reader, told by whoever writes.
#[derive(Debug, Default)]
pub(crate) struct Receipts {
    frames: AtomicU64,
    bytes: AtomicU64,
    told_frames: AtomicU64,
    told_bytes: AtomicU64,
}

impl Receipts {
    /// One more frame, of so many bytes, was taken.
    pub(crate) fn take(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        // After what the frame brought was handed on: a frame that is told to have
        // arrived is not sent again.
        self.frames.fetch_add(1, Ordering::Release);
    }

    /// How many frames were taken.
    pub(crate) fn frames(&self) -> u64 {
        self.frames.load(Ordering::Acquire)
    }

    /// How many frames were taken, to be put into a frame that goes out.
    pub(crate) fn tell(&self) -> u64 {
        let frames = self.frames();
        self.told_frames.store(frames, Ordering::Relaxed);
        let bytes = self.bytes.load(Ordering::Relaxed);
        self.told_bytes.store(bytes, Ordering::Relaxed);
        frames
    }

    /// Whether the other side knows of all frames.
    pub(crate) fn all_told(&self) -> bool {
        self.told_frames.load(Ordering::Relaxed) == self.frames()
    }

    /// How many bytes it does not know of.
    pub(crate) fn untold_bytes(&self) -> u64 {
        let told = self.told_bytes.load(Ordering::Relaxed);
        self.bytes.load(Ordering::Relaxed).saturating_sub(told)
    }
}
