//! The lock of one rank's window, that of `MPI_Win_lock` (MPI 4.1, section 12.5.3).
//!
//! ```text
//! held: nobody | sharers | one alone          waiting: s s X s ...   first come, first served
//!                     ^                                      |
//!                     '-- who must not wait for X -----------'
//! ```
//! An exclusive request waits for the sharers, who may wait for what other ranks do once
//! they share the lock too. Those must get it, since no lock conflicts with theirs (section
//! 12.7.3); but if everybody passed X, ranks that lock and unlock in a loop would keep it
//! waiting for ever. So X is passed by
//!
//! - ranks that have an epoch of `MPI_Win_lock_all`, or hold the lock of another target:
//!   others may wait for them, and they do not come again and again;
//! - all others while one of the sharers that were there before X still is: X has to wait
//!   for that one anyway.
//!
//! What is left to wait: a rank without another lock, once only ranks that passed X share it.

use std::collections::VecDeque;

/// What a rank asks a lock for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) exclusive: bool,
    /// It locks other targets of the window too.
    pub(crate) holds: bool,
}

/// A readers-writer lock as data: who waits is told by [`Locks::release`].
#[derive(Debug)]
pub(crate) struct Locks<W> {
    /// World ranks, in the order in which they got it.
    sharers: Vec<u32>,
    /// How many of them, the first ones, the exclusive request that waits first found there.
    seniors: usize,
    alone: bool,
    waiting: VecDeque<Waiting<W>>,
}

#[derive(Debug)]
struct Waiting<W> {
    rank: u32,
    exclusive: bool,
    who: W,
}

impl<W> Default for Locks<W> {
    fn default() -> Self {
        Locks {
            sharers: Vec::new(),
            seniors: 0,
            alone: false,
            waiting: VecDeque::new(),
        }
    }
}

impl<W> Locks<W> {
    fn grant(&mut self, rank: u32, exclusive: bool) -> bool {
        let free = !self.alone && (self.sharers.is_empty() || !exclusive);
        if free && exclusive {
            self.alone = true;
        } else if free {
            self.sharers.push(rank);
        }
        free
    }

    /// Gives world rank `rank` the lock, or has `who` wait for it: true when it has it.
    pub(crate) fn request(&mut self, rank: u32, ask: Ask, who: impl FnOnce() -> W) -> bool {
        let exclusive = ask.exclusive;
        let passes = !exclusive && (ask.holds || self.seniors > 0);
        let granted = (self.waiting.is_empty() || passes) && self.grant(rank, exclusive);
        if !granted {
            if self.waiting.is_empty() {
                self.seniors = self.sharers.len();
            }
            let who = who();
            self.waiting.push_back(Waiting {
                rank,
                exclusive,
                who,
            });
        }
        granted
    }

    #[cfg(test)]
    pub(crate) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Gives back what `rank` has; the lock is now held by those returned.
    pub(crate) fn release(&mut self, rank: u32, exclusive: bool) -> Vec<W> {
        if exclusive {
            self.alone = false;
        } else if let Some(at) = self.sharers.iter().position(|&sharer| sharer == rank) {
            self.sharers.remove(at);
            self.seniors -= usize::from(at < self.seniors);
        }
        let mut granted = Vec::new();
        while let Some(&Waiting {
            rank, exclusive, ..
        }) = self.waiting.front()
            && self.grant(rank, exclusive)
        {
            granted.extend(self.waiting.pop_front().map(|waiting| waiting.who));
        }
        if !granted.is_empty() {
            self.seniors = self.sharers.len();
        }
        granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const EXCLUSIVE: Ask = Ask {
        exclusive: true,
        holds: false,
    };
    const SHARED: Ask = Ask {
        exclusive: false,
        holds: false,
    };
    const ONE_MORE: Ask = Ask {
        exclusive: false,
        holds: true,
    };

    #[test]
    fn a_waiting_exclusive_request_is_passed_while_it_waits_for_others_anyway() {
        let mut locks = Locks::default();
        assert!(locks.request(1, SHARED, || 1));
        assert!(!locks.request(2, EXCLUSIVE, || 2));
        for _ in 0..3 {
            assert!(locks.request(3, SHARED, || 3), "1 may wait for 3");
            assert!(locks.release(3, false).is_empty());
        }
        assert!(locks.request(3, SHARED, || 3));
        assert!(locks.release(1, false).is_empty());
        assert!(!locks.request(4, SHARED, || 4), "3 came after 2");
        assert!(locks.request(5, ONE_MORE, || 5), "3 may wait for 5");
        assert!(locks.release(3, false).is_empty());
        assert_eq!(locks.release(5, false), [2]);
        assert!(!locks.request(5, ONE_MORE, || 5), "2 has it alone");
        assert!(!locks.request(6, EXCLUSIVE, || 6));
        assert_eq!(locks.release(2, true), [4, 5]);
        assert!(locks.request(7, SHARED, || 7), "6 waits for 4 and 5");
    }

    proptest! {
        /// Each client asks, is granted, and releases; whatever the order, holders never
        /// conflict, exclusive grants are in the order of requests, and all are served.
        #[test]
        fn holders_never_conflict_and_nobody_is_forgotten(
            steps in prop::collection::vec((any::<bool>(), any::<bool>(), any::<bool>()), 1..200),
        ) {
            let mut locks = Locks::default();
            let (mut held, mut order, mut next) = (BTreeMap::new(), Vec::new(), 0u32);
            let mut kinds = BTreeMap::new();
            let check = |held: &BTreeMap<u32, bool>| {
                held.len() <= 1 || held.values().all(|exclusive| !exclusive)
            };
            for (asks, exclusive, holds) in steps {
                if asks {
                    kinds.insert(next, exclusive);
                    if locks.request(next, Ask { exclusive, holds }, || next) {
                        held.insert(next, exclusive);
                        order.push(next);
                    }
                    next += 1;
                } else if let Some((who, exclusive)) = held.pop_first() {
                    for granted in locks.release(who, exclusive) {
                        held.insert(granted, kinds[&granted]);
                        order.push(granted);
                    }
                }
                prop_assert!(check(&held));
            }
            while let Some((who, exclusive)) = held.pop_first() {
                for granted in locks.release(who, exclusive) {
                    held.insert(granted, kinds[&granted]);
                    order.push(granted);
                }
                prop_assert!(check(&held));
            }
            prop_assert!(order.iter().filter(|who| kinds[who]).is_sorted());
            order.sort_unstable();
            prop_assert_eq!(order, (0..next).collect::<Vec<_>>());
        }
    }
}
