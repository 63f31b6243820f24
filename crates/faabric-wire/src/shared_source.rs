//! The source of a stream, held by the pieces of it that are on their way.

use crate::fabric::Source;
use parking_lot::{Mutex, MutexGuard};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A source that its stream holds until the last piece is encoded, and each piece until
/// the other side has it.
pub(crate) struct SharedSource {
    source: Mutex<Box<dyn Source>>,
    /// The last piece is encoded.
    whole: AtomicBool,
}

impl SharedSource {
    pub(crate) fn new(source: Box<dyn Source>) -> Arc<Self> {
        Arc::new(Self {
            source: Mutex::new(source),
            whole: AtomicBool::new(false),
        })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Box<dyn Source>> {
        self.source.lock()
    }

    /// The last piece is encoded.
    pub(crate) fn set_whole(&self) {
        self.whole.store(true, Ordering::Relaxed);
    }

    /// One that held it needs it no more; the last one tells the sender. That need not be
    /// the last piece: two threads may end pieces at once. Called without locks: this is
    /// the engine's code.
    pub(crate) fn let_go(self: Arc<Self>) {
        if let Some(last) = Arc::into_inner(self)
            && last.whole.into_inner()
        {
            last.source.into_inner().sent();
        }
    }
}
