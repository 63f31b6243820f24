//! How many of the host's descriptors guests may hold.
//!
//! The kernel's limit is one for the whole worker: its guests, its connections to the
//! planner and to other workers. A guest that opens files until it cannot must not take the
//! last one, so part of the limit is not for guests. Beyond theirs, opening is `ENFILE`.

use super::types::Errno;
use rustix::process::{Resource, Rlimit};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Descriptors that the worker keeps for itself, unless its limit is a small one.
const RESERVED: usize = 512;

/// A number of descriptors, and how many of them are in use.
struct Budget {
    limit: usize,
    used: AtomicUsize,
}

/// One descriptor of the host's, given back when dropped.
pub(super) struct Share(&'static Budget);

impl Share {
    /// Takes a share for a file that is about to be opened.
    pub(super) fn take() -> Result<Self, Errno> {
        static HOST: OnceLock<Budget> = OnceLock::new();
        HOST.get_or_init(|| Budget::new(guests_part(raise_limit())))
            .take()
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

    fn take(&'static self) -> Result<Share, Errno> {
        let next = |used| (used < self.limit).then_some(used + 1);
        match self
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next)
        {
            Ok(_) => Ok(Share(self)),
            Err(_) => Err(Errno::NFILE),
        }
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
        assert_eq!(budget.take().err(), Some(Errno::NFILE));
        drop(one);
        assert!(budget.take().is_ok());
    }

    #[test]
    fn the_worker_keeps_some() {
        assert_eq!(guests_part(1024), 768);
        assert_eq!(guests_part(65_536), 65_024);
        assert_eq!(guests_part(0), 0);
    }
}
