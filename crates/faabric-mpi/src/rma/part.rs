//! One rank's part of a window, as others reach it: its memory, its lock, and what it
//! was told.
//!
//! Every worker holds the parts of its own ranks. Origins on the same worker use them
//! directly, on their own threads; for those on other workers the threads that deliver
//! packets do. Either way the rank itself need not take part.

use super::locks::Locks;
use super::runs::Run;
use crate::error::{Class, Error, Result};
use crate::memory::{Addr, Memory, Shared};
use crate::request::Completion;
use faabric_wire::id;
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};

/// How a window was made (MPI 4.1, section 12.2.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavor {
    /// `MPI_Win_create`.
    Create,
    /// `MPI_Win_allocate`.
    Allocate,
    /// `MPI_Win_create_dynamic`.
    Dynamic,
    /// `MPI_Win_allocate_shared`.
    Shared,
}

/// Who waits for a part's lock.
#[derive(Debug)]
pub(crate) enum Waiter {
    /// A rank of this worker.
    Here(Arc<Completion>),
    /// A rank of another, and the reply that it waits for.
    There { from: id::Rank, reply: u64 },
}

/// What other ranks told this one, by their world ranks.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    /// `MPI_Win_post`s that named this rank, and that it has not used yet.
    posts: HashMap<u32, u32>,
    /// `MPI_Win_complete`s likewise.
    completes: HashMap<u32, u32>,
}

/// What one rank tells another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// It exposes its memory to the other: `MPI_Win_post`.
    Post,
    /// It has ended its accesses to the other: `MPI_Win_complete`.
    Complete,
}

impl Signals {
    fn counts(&mut self, signal: Signal) -> &mut HashMap<u32, u32> {
        match signal {
            Signal::Post => &mut self.posts,
            Signal::Complete => &mut self.completes,
        }
    }

    /// Counts a signal of world rank `from`.
    pub(crate) fn add(&mut self, signal: Signal, from: u32) {
        *self.counts(signal).entry(from).or_default() += 1;
    }

    /// Uses up a signal from each of `from`, or none of them.
    pub(crate) fn take(&mut self, signal: Signal, from: &[u32]) -> bool {
        let counts = self.counts(signal);
        let all = from
            .iter()
            .all(|rank| counts.get(rank).is_some_and(|&n| n > 0));
        if all {
            for rank in from {
                if let Some(count) = counts.get_mut(rank) {
                    *count -= 1;
                }
            }
        }
        all
    }
}

/// Memory of a dynamic window.
#[derive(Default)]
pub(crate) struct Regions {
    /// Where each attached region ends, by its beginning.
    pub(crate) ends: BTreeMap<u64, u64>,
    /// How many regions of no bytes are attached at an address: they are nobody's neighbours.
    pub(crate) empty: BTreeMap<u64, u32>,
}

impl Regions {
    pub(crate) fn len(&self) -> usize {
        self.ends.len() + self.empty.len()
    }

    /// Forgets a region that begins at `base`; false when there is none.
    pub(crate) fn detach(&mut self, base: u64) -> bool {
        match self.empty.get_mut(&base) {
            Some(1) => self.empty.remove(&base).is_some(),
            Some(times) => {
                *times -= 1;
                true
            }
            None => self.ends.remove(&base).is_some(),
        }
    }
}

/// One rank's part of a window.
pub(crate) struct Part {
    /// The rank's linear memory.
    pub(crate) memory: Arc<dyn Memory>,
    /// Where the window lies in it: all of memory is address 0 on, in a dynamic one.
    pub(crate) base: u64,
    /// Bytes of the window.
    pub(crate) size: u64,
    /// What is attached to it, if it is a dynamic one.
    pub(crate) regions: Option<Mutex<Regions>>,
    /// The bytes behind a shared window, kept by the first of its ranks.
    pub(crate) shared: OnceLock<Shared>,
    pub(crate) locks: Mutex<Locks<Waiter>>,
    pub(crate) signals: Mutex<Signals>,
    /// The first thing that went wrong with an operation of this rank at a target on
    /// another worker, and that no request says.
    pub(crate) fault: Mutex<Option<Error>>,
}

impl Part {
    /// The part of a rank whose `size` bytes of window begin at `base`.
    pub(crate) fn new(memory: Arc<dyn Memory>, base: u64, size: u64, flavor: Flavor) -> Part {
        let regions = (flavor == Flavor::Dynamic).then(Mutex::default);
        Part {
            memory,
            base,
            size,
            regions,
            shared: OnceLock::new(),
            locks: Mutex::default(),
            signals: Mutex::default(),
            fault: Mutex::default(),
        }
    }

    /// Checks that all bytes of the runs are in the window.
    ///
    /// # Errors
    /// `MPI_ERR_RMA_RANGE`.
    pub(crate) fn check(&self, runs: &[Run]) -> Result<()> {
        let Some(regions) = &self.regions else {
            let size = i128::from(self.size);
            return match runs
                .iter()
                .map(Run::span)
                .find(|s| s.start < 0 || s.end > size)
            {
                None => Ok(()),
                Some(span) => Err(out_of_range(&span, self.size)),
            };
        };
        let regions = regions.lock();
        for run in runs {
            let span = run.span();
            if attached(&regions, span.start, span.end) {
                continue;
            }
            // Between the runs there may be memory that is not attached.
            let len = i128::from(run.len);
            let alone = |at: i64| attached(&regions, at.into(), i128::from(at) + len);
            if run.count == 1 || !run.offsets().all(alone) {
                return Err(not_attached(&span));
            }
        }
        Ok(())
    }

    /// Where a byte of the window lies in memory. Only for what [`Part::check`] passed.
    pub(crate) fn addr(&self, offset: i64) -> Addr {
        Addr(self.base.wrapping_add_signed(offset))
    }
}

/// Whether all of these bytes are attached; regions that touch are as good as one.
fn attached(regions: &Regions, from: i128, end: i128) -> bool {
    let Ok(mut at) = u64::try_from(from) else {
        return false;
    };
    loop {
        match regions.ends.range(..=at).next_back() {
            Some((_, &region_end)) if i128::from(region_end) >= end => return true,
            Some((_, &region_end)) if region_end > at => at = region_end,
            _ => return false,
        }
    }
}

/// The error of an access beyond the window.
#[cold]
pub(crate) fn out_of_range(span: &std::ops::Range<i128>, size: u64) -> Error {
    let (start, end) = (span.start, span.end);
    Error::new(
        Class::RMA_RANGE,
        format!("the access is to bytes {start} to {end} of the target's window, which has {size}"),
    )
}

#[cold]
fn not_attached(span: &std::ops::Range<i128>) -> Error {
    let (start, end) = (span.start, span.end);
    Error::new(
        Class::RMA_RANGE,
        format!("memory from {start:#x} to {end:#x} is not attached to the target's window"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::HostBuffer;

    fn run(offset: i64, len: u64, stride: i64, count: u64) -> Run {
        Run {
            offset,
            len,
            stride,
            count,
        }
    }

    #[test]
    fn only_bytes_of_the_window_pass() {
        let memory = Arc::new(HostBuffer::zeroed(100));
        let part = Part::new(memory, 20, 40, Flavor::Create);
        let ok = |r: Run| part.check(&[r]).is_ok();
        assert!(ok(run(0, 40, 0, 1)) && ok(run(36, 4, -12, 4)));
        assert!(!ok(run(-1, 4, 0, 1)) && !ok(run(37, 4, 0, 1)) && !ok(run(36, 4, -13, 4)));
        assert!(!ok(run(i64::MAX, u64::MAX, i64::MAX, u64::MAX)));
        assert!(!ok(run(i64::MIN, 1, i64::MIN, u64::MAX)));
        assert_eq!(part.addr(3), Addr(23));
    }

    #[test]
    fn only_attached_memory_passes() {
        let memory = Arc::new(HostBuffer::zeroed(1000));
        let part = Part::new(memory, 0, 0, Flavor::Dynamic);
        if let Some(regions) = &part.regions {
            let all = [(100, 120), (120, 150), (200, 210)];
            regions.lock().ends.extend(all);
        }
        let ok = |r: Run| part.check(&[r]).is_ok();
        assert!(ok(run(100, 50, 0, 1)), "over two regions that touch");
        assert!(ok(run(140, 10, 60, 2)), "one run in each of two regions");
        assert!(!ok(run(140, 11, 60, 2)) && !ok(run(99, 2, 0, 1)) && !ok(run(-5, 2, 0, 1)));
        assert!(!ok(run(205, 6, 0, 1)) && !ok(run(150, 1, 0, 1)));
    }

    #[test]
    fn a_signal_is_used_once_and_only_with_the_others() {
        let mut signals = Signals::default();
        signals.add(Signal::Post, 3);
        assert!(!signals.take(Signal::Post, &[3, 4]) && !signals.take(Signal::Complete, &[3]));
        signals.add(Signal::Post, 4);
        assert!(signals.take(Signal::Post, &[3, 4]) && !signals.take(Signal::Post, &[4]));
    }
}
