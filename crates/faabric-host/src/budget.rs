//! How much guests may hold of what the kernel gives a process a number of: descriptors and
//! mappings.
//!
//! The kernel's limit is one for the whole worker: its guests, its connections to the
//! planner and to other workers, the stacks of its threads. A guest that takes until it
//! cannot must not take the last one, so part of the limit is not for guests.

use rustix::process::{Resource, Rlimit};
use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Descriptors that the worker keeps for itself, unless its limit is a small one.
const RESERVED: usize = 512;

/// Guests may have one of so many mappings. Each makes up to two, as it divides the memory
/// that it is in.
const GUESTS_MAPPINGS: usize = 4;

/// What Linux gives where it does not say.
const MAPPINGS: usize = 65_530;

/// A number of things, and how many of them are in use.
struct Budget {
    limit: usize,
    used: AtomicUsize,
}

/// One of the host's things, given back when dropped.
pub(crate) struct Share(&'static Budget);

impl Share {
    /// For a file that is about to be opened; none when guests have as many as they may.
    pub(crate) fn of_descriptors() -> Option<Self> {
        static HOST: OnceLock<Budget> = OnceLock::new();
        HOST.get_or_init(|| Budget::new(guests_part(raise_limit())))
            .take()
    }

    /// For a stretch of a guest's memory that is about to be mapped to other pages; none as
    /// above.
    pub(crate) fn of_mappings() -> Option<Self> {
        static HOST: OnceLock<Budget> = OnceLock::new();
        let limit = || {
            let text = std::fs::read_to_string("/proc/sys/vm/max_map_count").ok();
            let most = text.and_then(|text| text.trim().parse().ok());
            most.unwrap_or(MAPPINGS) / GUESTS_MAPPINGS
        };
        HOST.get_or_init(|| Budget::new(limit())).take()
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "one of {}", self.0.limit)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.0.used.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Budget {
    const fn new(limit: usize) -> Self {
        Self {
            limit,
            used: AtomicUsize::new(0),
        }
    }

    fn take(&'static self) -> Option<Share> {
        let next = |used| (used < self.limit).then_some(used + 1);
        let relaxed = Ordering::Relaxed;
        let taken = self.used.fetch_update(relaxed, relaxed, next);
        taken.ok().map(|_| Share(self))
    }
}

/// What guests may have of `limit` descriptors.
fn guests_part(limit: usize) -> usize {
    limit - RESERVED.min(limit / 4)
}

/// Raises this process's limit as far as it may be raised, and says what it is. The low
/// default of most systems is for programs that call `select`; we do not.
fn raise_limit() -> usize {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let now = match rustix::process::setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    now.and_then(|now| usize::try_from(now).ok())
        .unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn shares_run_out_and_come_back() {
        let budget: &'static Budget = Box::leak(Box::new(Budget::new(2)));
        let one = budget.take().unwrap();
        let _two = budget.take().unwrap();
        assert!(budget.take().is_none());
        drop(one);
        assert!(budget.take().is_some());
    }

    #[test]
    fn the_worker_keeps_some() {
        assert_eq!(guests_part(1024), 768);
        assert_eq!(guests_part(65_536), 65_024);
        assert_eq!(guests_part(0), 0);
    }
}
