//! Spread: load is levelled over all workers.
//!
//! The rule: each rank in turn goes to the worker that will be the least loaded with it,
//! load being taken slots by offered slots, so that a large worker gets more than a small
//! one; ties go to the name that sorts first. The counts found so are then dealt in
//! contiguous blocks of ranks, by name.

use super::{ClusterView, Placement, Policy, Request, contiguous};

/// See the module's documentation.
#[derive(Clone, Copy, Debug)]
pub struct Spread;

impl Policy for Spread {
    fn name(&self) -> &'static str {
        "spread"
    }

    fn place(&self, cluster: &ClusterView, request: &Request) -> Option<Placement> {
        if cluster.free() < u64::from(request.ranks) {
            return None;
        }
        let mut counts = vec![0; cluster.workers.len()];
        for _ in 0..request.ranks {
            let open = (0..counts.len()).filter(|&i| counts[i] < cluster.workers[i].free());
            let at = open.min_by(|&i, &j| {
                let (a, b) = (&cluster.workers[i], &cluster.workers[j]);
                // a's load < b's load, by cross-multiplication: no rounding.
                let load_a = u64::from(a.used + counts[i] + 1) * u64::from(b.slots);
                let load_b = u64::from(b.used + counts[j] + 1) * u64::from(a.slots);
                load_a.cmp(&load_b).then(i.cmp(&j))
            })?;
            counts[at] += 1;
        }
        let names = cluster.workers.iter().map(|w| w.name.clone());
        Some(contiguous(names.zip(counts)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{cluster, show};
    use super::*;

    #[test]
    fn table() {
        let two = &[("a", 4, 0), ("b", 4, 0)][..];
        for (workers, ranks, expected) in [
            (two, 1, "a:0"),
            (two, 2, "a:0 b:1"),
            (two, 5, "a:0-2 b:3-4"),
            (two, 8, "a:0-3 b:4-7"),
            (two, 9, "wait"),
            (&[][..], 1, "wait"),
            // What is there already counts.
            (&[("a", 4, 3), ("b", 4, 0)][..], 3, "b:0-2"),
            (&[("a", 4, 3), ("b", 4, 0)][..], 4, "a:0 b:1-3"),
            (&[("a", 4, 3), ("b", 4, 0)][..], 5, "a:0 b:1-4"),
            // A worker of twice the size gets twice the ranks.
            (&[("a", 8, 0), ("b", 4, 0)][..], 6, "a:0-3 b:4-5"),
            (&[("a", 0, 0), ("b", 4, 0)][..], 2, "b:0-1"),
        ] {
            let placement = Spread.place(&cluster(workers), &Request { ranks });
            assert_eq!(show(placement), expected, "{ranks} ranks on {workers:?}");
        }
    }
}
