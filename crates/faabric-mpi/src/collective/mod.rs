//! Collective communication (MPI 4.1, chapter 6).
#![allow(dead_code, reason = "the runner that uses the schedules lands next")]

pub(crate) mod algorithm;
pub(crate) mod schedule;
#[cfg(test)]
mod simulate;

use std::sync::atomic::{AtomicU32, Ordering};

/// What collectives keep in each rank's view of a communicator.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// Collectives started so far. All ranks start them in the same order, so it
    /// names the operation: it is the tag of its messages.
    sequence: AtomicU32,
}

impl State {
    /// The tag of the next operation. Tags repeat after 2^30 operations, when those
    /// of before are long over.
    pub(crate) fn next_tag(&self) -> i32 {
        (self.sequence.fetch_add(1, Ordering::Relaxed) & 0x3fff_ffff) as i32
    }
}

/// What the collectives of the ranks on one worker share.
#[derive(Debug, Default)]
pub(crate) struct Teams {}
