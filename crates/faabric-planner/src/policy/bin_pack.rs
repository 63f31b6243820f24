//! Bin-pack: a job takes as few workers as it can, and of those the fullest.
//!
//! The rule: while ranks are left, if some worker has room for all of them, take the one
//! with the least room to spare (best fit: it leaves the large gaps for large jobs);
//! otherwise fill the worker with the most free slots, and go on. Ties go to the fuller
//! worker, then to the name that sorts first. Taking the largest gaps first gives the
//! fewest workers there can be.

use super::{ClusterView, Placement, Policy, Request, WorkerView, contiguous};
use std::cmp::Reverse;

/// See the module's documentation.
#[derive(Clone, Copy, Debug)]
pub struct BinPack;

impl Policy for BinPack {
    fn name(&self) -> &'static str {
        "bin-pack"
    }

    fn place(&self, cluster: &ClusterView, request: &Request) -> Option<Placement> {
        if cluster.free() < u64::from(request.ranks) {
            return None;
        }
        let mut open: Vec<&WorkerView> = cluster.workers.iter().filter(|w| w.free() > 0).collect();
        let mut left = request.ranks;
        let mut blocks = Vec::new();
        while left > 0 {
            let at = best_fit(&open, left).or_else(|| largest(&open))?;
            let worker = open.remove(at);
            let take = left.min(worker.free());
            left -= take;
            blocks.push((worker.name.clone(), take));
        }
        Some(contiguous(blocks))
    }
}

/// The worker with the least room that still holds `ranks`.
fn best_fit(open: &[&WorkerView], ranks: u32) -> Option<usize> {
    let fits = open.iter().enumerate().filter(|(_, w)| w.free() >= ranks);
    fits.min_by_key(|(at, w)| (w.free(), Reverse(w.used), *at))
        .map(|(at, _)| at)
}

/// The worker with the most room.
fn largest(open: &[&WorkerView]) -> Option<usize> {
    let all = open.iter().enumerate();
    all.min_by_key(|(at, w)| (Reverse(w.free()), Reverse(w.used), *at))
        .map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{cluster, show};
    use super::*;

    #[test]
    fn table() {
        let two = &[("a", 4, 0), ("b", 4, 0)][..];
        let uneven = &[("a", 8, 0), ("b", 4, 1), ("c", 4, 2)][..];
        for (workers, ranks, expected) in [
            (two, 1, "a:0"),
            (two, 4, "a:0-3"),
            (two, 5, "a:0-3 b:4"),
            (two, 8, "a:0-3 b:4-7"),
            (two, 9, "wait"),
            (&[][..], 1, "wait"),
            // The fullest that fits.
            (uneven, 1, "c:0"),
            (uneven, 2, "c:0-1"),
            (uneven, 3, "b:0-2"),
            (uneven, 4, "a:0-3"),
            // None fits: the largest gap, then the best fit for the rest.
            (uneven, 9, "a:0-7 c:8"),
            (uneven, 11, "a:0-7 b:8-10"),
            (uneven, 13, "a:0-7 b:8-10 c:11-12"),
            // Equal room: the fuller one.
            (&[("a", 4, 0), ("b", 8, 4)][..], 2, "b:0-1"),
            // More taken than offered, after a worker came back smaller.
            (&[("a", 2, 5), ("b", 2, 0)][..], 2, "b:0-1"),
        ] {
            let placement = BinPack.place(&cluster(workers), &Request { ranks });
            assert_eq!(show(placement), expected, "{ranks} ranks on {workers:?}");
        }
    }
}
