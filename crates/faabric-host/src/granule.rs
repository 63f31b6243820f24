//! One Wasm instance as its host calls see it.

use crate::abi::wasi::Wasi;
use crate::ending::Ending;
use crate::memory::GuestMemory;
use std::sync::Arc;

/// What the threads of one process share on the host's side.
pub(crate) struct Shared {
    pub(crate) wasi: Wasi,
    pub(crate) ending: Arc<Ending>,
}

/// The data of a Granule's host calls: `FunctionEnv<Granule>`.
pub struct Granule {
    memory: GuestMemory,
    shared: Arc<Shared>,
    thread: u32,
}

impl Granule {
    pub(crate) fn new(memory: GuestMemory, shared: Arc<Shared>, thread: u32) -> Self {
        Self {
            memory,
            shared,
            thread,
        }
    }

    /// The linear memory of its process.
    #[must_use]
    pub fn memory(&self) -> &GuestMemory {
        &self.memory
    }

    /// Files, arguments, clocks.
    pub(crate) fn wasi(&self) -> &Wasi {
        &self.shared.wasi
    }

    /// Tells blocking host calls that the process ends.
    pub(crate) fn ending(&self) -> &Arc<Ending> {
        &self.shared.ending
    }

    /// 0 for the main thread, else what `thread-spawn` returned for this one.
    #[must_use]
    pub fn thread(&self) -> u32 {
        self.thread
    }
}
