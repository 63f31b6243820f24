//! Spin, then park: how a rank waits.
//!
//! A message from a rank that runs on another core arrives within a microsecond, so
//! a waiting rank first spins. With more ranks than cores whoever is waited for may
//! need this very core: then it parks at once.
//!
//! ```text
//!   waiter                                   waker
//!   raise the flag                           change what is waited for
//!   look once more (with the lock) -> done   fence, or under the same lock
//!   sleep unless the epoch moved             take the flag down; if it was up:
//!                                              move the epoch, wake all
//! ```
//! Either the waiter's second look sees the change, or the waker sees the flag.

use rustix::thread::futex;
use std::sync::atomic::{AtomicU32, Ordering, fence};

/// What the threads of one rank sleep on.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Doorbell {
    /// Moves with every wake-up; the futex word.
    epoch: AtomicU32,
    /// 1 while a thread sleeps or is about to.
    flag: AtomicU32,
}

impl Doorbell {
    /// Wakes whoever waits for a change that was made without the rank's lock.
    pub(crate) fn ring(&self) {
        fence(Ordering::SeqCst);
        self.ring_locked();
    }

    /// Wakes whoever waits for a change that was made under the rank's lock: a
    /// waiter takes it between raising the flag and sleeping, so no fence is needed.
    pub(crate) fn ring_locked(&self) {
        if self.flag.load(Ordering::Relaxed) != 0 && self.flag.swap(0, Ordering::AcqRel) != 0 {
            self.epoch.fetch_add(1, Ordering::Release);
            // Waking cannot fail: the address is that of a live atomic.
            let _ = futex::wake(&self.epoch, futex::Flags::PRIVATE, i32::MAX as u32);
        }
    }

    /// Sleeps until the next ring, unless `ready` says, after the flag is up, that
    /// there is nothing to wait for. May return early.
    pub(crate) fn park(&self, ready: impl FnOnce() -> bool) {
        let epoch = self.epoch.load(Ordering::Acquire);
        self.flag.store(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        if !ready() {
            // A changed epoch or a signal ends the wait early, which callers expect.
            let _ = futex::wait(&self.epoch, futex::Flags::PRIVATE, epoch, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;

    #[test]
    fn no_wake_up_is_lost() {
        const ROUNDS: u64 = 20_000;
        let bells = [Doorbell::default(), Doorbell::default()];
        let turn = AtomicU64::new(0);
        std::thread::scope(|s| {
            for me in 0..2u64 {
                let (bells, turn) = (&bells, &turn);
                s.spawn(move || {
                    for round in 0..ROUNDS {
                        let mine = || turn.load(Ordering::Acquire) == 2 * round + me;
                        while !mine() {
                            bells[me as usize].park(mine);
                        }
                        turn.fetch_add(1, Ordering::Release);
                        bells[1 - me as usize].ring();
                    }
                });
            }
        });
        assert_eq!(turn.into_inner(), 2 * ROUNDS);
    }
}
