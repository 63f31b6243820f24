//! Requests: operations under way, and how they ended.

use std::sync::atomic::{AtomicU32, Ordering};

/// How a message operation ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The sender's rank in the communicator.
    pub(crate) source: i32,
    /// The message's tag.
    pub(crate) tag: i32,
    /// Bytes received.
    pub(crate) bytes: u64,
    /// `MPI_Cancel` was in time.
    pub(crate) cancelled: bool,
}

/// One operation that another thread may complete.
#[derive(Debug, Default)]
pub(crate) struct Completion {
    state: AtomicU32,
}

impl Completion {
    /// Whether the operation has ended.
    pub(crate) fn is_complete(&self) -> bool {
        self.state.load(Ordering::Acquire) != 0
    }
}
