//! `memory.atomic.wait` and `memory.atomic.notify`.
//!
//! A waiter re-reads the value under its address's lock; a notifier has stored the new
//! value before it takes that lock, so a wake-up between the guest's own check and its
//! sleep is never lost.

/// The waiting threads of one memory, by address.
#[derive(Debug, Default)]
pub(crate) struct Waiters {}
