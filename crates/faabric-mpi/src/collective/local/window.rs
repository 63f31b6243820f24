//! Runs of bytes in members' memory.

use crate::error::Result;
use crate::memory::{Addr, Memory};
use std::sync::Arc;

/// One run of bytes in a member's memory.
#[derive(Clone, Copy)]
pub(super) struct Span<'a> {
    pub(super) memory: &'a Arc<dyn Memory>,
    pub(super) addr: Addr,
    pub(super) len: u64,
}

/// The same, kept: shown to the others for a turn.
#[derive(Clone)]
pub(super) struct Window {
    pub(super) memory: Arc<dyn Memory>,
    pub(super) addr: Addr,
    pub(super) len: u64,
}

impl Window {
    pub(super) fn span(&self) -> Span<'_> {
        Span {
            memory: &self.memory,
            addr: self.addr,
            len: self.len,
        }
    }
}

impl Span<'_> {
    pub(super) fn to_window(self) -> Window {
        Window {
            memory: Arc::clone(self.memory),
            addr: self.addr,
            len: self.len,
        }
    }

    pub(super) fn read(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        Ok(self.memory.read(Addr(self.addr.0 + offset), out)?)
    }

    pub(super) fn write(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        Ok(self.memory.write(Addr(self.addr.0 + offset), bytes)?)
    }

    /// One copy of `len` bytes to another window.
    pub(super) fn copy_to(
        &self,
        offset: u64,
        len: u64,
        to: Span<'_>,
        to_offset: u64,
    ) -> Result<()> {
        let (at, to_at) = (Addr(self.addr.0 + offset), Addr(to.addr.0 + to_offset));
        Ok(self.memory.copy_to(at, len, &**to.memory, to_at)?)
    }
}

/// What does not fit beside the stamp.
#[derive(Default)]
pub(super) struct Big {
    /// A copy of the contribution.
    pub(super) bytes: Vec<u8>,
    /// Where the contribution lies in the member's own memory.
    pub(super) send: Option<Window>,
    /// Where the member wants its result.
    pub(super) recv: Option<Window>,
}
