//! Spin, then park: how a rank waits.
//!
//! A message from a rank that runs on another core arrives within a microsecond, so
//! a waiting rank first spins. With more ranks than cores whoever is waited for may
//! need this very core: then it parks at once.
//!
//! ```text
//!   waiter                                   waker
//!   raise the flag, fence                    change what is waited for
//!   look once more (with the lock) -> done   take the flag down; if it was up:
//!   look again a little later -> done          move the epoch, wake all
//!   nap unless the epoch moved
//!   look again -> done
//!   sleep unless the epoch moved
//! ```
//! A waker under the lock that the waiter looks with cannot be missed. One without may have
//! read the flag before its change shows: a processor keeps stores back while it gets their
//! cache lines. The fence that would prevent this costs the sender of a short message as much
//! as the rest of the message, so the waiter pays, which has waited for long already: it
//! looks again when a store that was under way has surely arrived. If one should take longer,
//! the nap ends; no sleep is for ever.

use rustix::thread::futex;
use rustix::time::Timespec;
use std::sync::atomic::{AtomicU32, Ordering, fence};

/// Turns of an idle loop, about 2 us: longer than a store needs to show.
const STORE: u32 = 100;
/// What a wake-up that was missed all the same costs at the most.
const NAP: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 1_000_000,
};
const SLEEP: Timespec = Timespec {
    tv_sec: 1,
    tv_nsec: 0,
};

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
    /// Wakes whoever waits for the change that was just made.
    #[inline]
    pub(crate) fn ring(&self) {
        if self.flag.load(Ordering::Relaxed) != 0 {
            self.wake();
        }
    }

    /// As [`Doorbell::ring`], when the change comes after a copy of many words: all of those
    /// must show before it, which takes its time, so the flag is looked at then.
    pub(crate) fn ring_after_copy(&self) {
        fence(Ordering::SeqCst);
        self.ring();
    }

    #[cold]
    fn wake(&self) {
        if self.flag.swap(0, Ordering::AcqRel) != 0 {
            self.epoch.fetch_add(1, Ordering::Release);
            // Waking cannot fail: the address is that of a live atomic.
            let _ = futex::wake(&self.epoch, futex::Flags::PRIVATE, i32::MAX as u32);
        }
    }

    /// Sleeps until the next ring, unless `ready` says, after the flag is up, that
    /// there is nothing to wait for. May return early.
    pub(crate) fn park(&self, mut ready: impl FnMut() -> bool) {
        let epoch = self.epoch.load(Ordering::Acquire);
        // Ends early when the epoch has changed or a signal comes.
        let sleep = |most| futex::wait(&self.epoch, futex::Flags::PRIVATE, epoch, Some(most));
        self.flag.store(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        if ready() {
            return;
        }
        (0..STORE).for_each(|_| std::hint::spin_loop());
        if ready() || sleep(&NAP).is_ok() || ready() {
            return;
        }
        let _ = sleep(&SLEEP);
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
