//! The lock of one rank's window, that of `MPI_Win_lock` (MPI 4.1, section 12.5.3).
//!
//! ```text
//! held: nobody | n sharers | one alone        waiting: s s X s ...   first come, first served
//! ```
//! A shared request behind a waiting exclusive one waits too: so nobody waits for ever.

use std::collections::VecDeque;

/// A readers-writer lock as data: who waits is told by [`Locks::release`].
#[derive(Debug)]
pub(crate) struct Locks<W> {
    sharers: u64,
    alone: bool,
    waiting: VecDeque<(W, bool)>,
}

impl<W> Default for Locks<W> {
    fn default() -> Self {
        Locks {
            sharers: 0,
            alone: false,
            waiting: VecDeque::new(),
        }
    }
}

impl<W> Locks<W> {
    fn grant(&mut self, exclusive: bool) -> bool {
        let free = !self.alone && (self.sharers == 0 || !exclusive);
        if free && exclusive {
            self.alone = true;
        } else if free {
            self.sharers += 1;
        }
        free
    }

    /// Takes the lock, or has `who` wait for it: true when it is taken.
    pub(crate) fn request(&mut self, exclusive: bool, who: impl FnOnce() -> W) -> bool {
        let granted = self.waiting.is_empty() && self.grant(exclusive);
        if !granted {
            self.waiting.push_back((who(), exclusive));
        }
        granted
    }

    /// Gives back what one holder has; the lock is now held by those returned.
    pub(crate) fn release(&mut self, exclusive: bool) -> Vec<W> {
        if exclusive {
            self.alone = false;
        } else {
            self.sharers = self.sharers.saturating_sub(1);
        }
        let mut granted = Vec::new();
        while let Some(&(_, exclusive)) = self.waiting.front()
            && self.grant(exclusive)
        {
            granted.extend(self.waiting.pop_front().map(|(who, _)| who));
        }
        granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        /// Each client asks, is granted, and releases; whatever the order, holders never
        /// conflict, grants are in the order of requests, and all are served.
        #[test]
        fn holders_never_conflict_and_nobody_is_forgotten(
            steps in prop::collection::vec((any::<bool>(), any::<bool>()), 1..200),
        ) {
            let mut locks = Locks::default();
            let (mut held, mut order, mut next) = (BTreeMap::new(), Vec::new(), 0u32);
            let mut kinds = BTreeMap::new();
            let check = |held: &BTreeMap<u32, bool>| {
                held.len() <= 1 || held.values().all(|exclusive| !exclusive)
            };
            for (ask, exclusive) in steps {
                if ask {
                    kinds.insert(next, exclusive);
                    if locks.request(exclusive, || next) {
                        held.insert(next, exclusive);
                        order.push(next);
                    }
                    next += 1;
                } else if let Some((who, exclusive)) = held.pop_first() {
                    let _ = who;
                    for granted in locks.release(exclusive) {
                        held.insert(granted, kinds[&granted]);
                        order.push(granted);
                    }
                }
                prop_assert!(check(&held));
            }
            while let Some((_, exclusive)) = held.pop_first() {
                for granted in locks.release(exclusive) {
                    held.insert(granted, kinds[&granted]);
                    order.push(granted);
                }
                prop_assert!(check(&held));
            }
            prop_assert_eq!(order, (0..next).collect::<Vec<_>>());
        }
    }
}
