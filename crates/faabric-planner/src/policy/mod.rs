//! Where a job's ranks go: each policy is a pure function of a cluster view and a request.
//!
//! ```text
//! ClusterView (live workers, slots, used) --+
//!                                           +--> Policy::place --> Placement, or None: wait
//! Request (ranks) --------------------------+
//! ```
//! A new policy is one file and one line in [`ALL`]. The engine checks every placement
//! with [`check`] before it believes it, so a wrong policy can delay a job but never
//! double-book a slot.

mod bin_pack;
mod spread;

use crate::names::{RankList, WorkerName};
use faabric_wire::id::Rank;

pub use bin_pack::BinPack;
pub use spread::Spread;

/// Every policy there is; the first is the default.
pub const ALL: &[&dyn Policy] = &[&BinPack, &Spread];

/// The policy called `name`, as `faabric policy` and `--policy` take it.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static dyn Policy> {
    ALL.iter().copied().find(|p| p.name() == name)
}

/// The names of all policies, for messages: `bin-pack, spread`.
#[must_use]
pub fn names() -> String {
    ALL.iter().map(|p| p.name()).collect::<Vec<_>>().join(", ")
}

/// Decides where ranks go.
pub trait Policy: Send + Sync + std::fmt::Debug {
    /// What users call it.
    fn name(&self) -> &'static str;

    /// Places all ranks of `request`, or none when they do not fit now.
    ///
    /// Must depend on nothing but its arguments: the same view and request give the
    /// same placement.
    fn place(&self, cluster: &ClusterView, request: &Request) -> Option<Placement>;
}

/// The workers a job may be placed on: alive and connected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterView {
    /// Sorted by name, no name twice.
    pub workers: Vec<WorkerView>,
}

/// One worker, as a policy sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerView {
    /// Its name.
    pub name: WorkerName,
    /// How many ranks it may run at once.
    pub slots: u32,
    /// How many of them are taken.
    pub used: u32,
}

impl WorkerView {
    /// Slots that are not taken. A worker that came back with fewer slots may have
    /// more taken than it offers: then none.
    #[must_use]
    pub fn free(&self) -> u32 {
        self.slots.saturating_sub(self.used)
    }
}

impl ClusterView {
    /// Free slots of all workers.
    #[must_use]
    pub fn free(&self) -> u64 {
        self.workers.iter().map(|w| u64::from(w.free())).sum()
    }

    /// Slots of all workers, taken or not.
    #[must_use]
    pub fn slots(&self) -> u64 {
        self.workers.iter().map(|w| u64::from(w.slots)).sum()
    }
}

/// What is to be placed. One rank takes one slot, whatever its number of threads: the
/// threads of a rank share its slot until the elastic policy hands out more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Number of ranks, at least 1.
    pub ranks: u32,
}

/// Ranks by worker; no worker twice, none without ranks.
pub type Placement = Vec<(WorkerName, Vec<Rank>)>;

/// Deals ranks 0, 1, 2, ... in contiguous blocks: neighbours in `MPI_COMM_WORLD` are the
/// ones most programs talk to, so they should share a worker.
fn contiguous(blocks: impl IntoIterator<Item = (WorkerName, u32)>) -> Placement {
    let mut next = 0;
    let mut placement = Placement::new();
    for (worker, count) in blocks {
        if count > 0 {
            placement.push((worker, (next..next + count).map(Rank).collect()));
            next += count;
        }
    }
    placement
}

/// Verifies that `placement` answers `request` on `cluster`: every rank exactly once,
/// on known workers with room.
///
/// # Errors
/// Says what is wrong with it.
pub fn check(
    placement: &Placement,
    cluster: &ClusterView,
    request: &Request,
) -> Result<(), String> {
    let mut seen = vec![false; request.ranks as usize];
    let mut taken = std::collections::BTreeMap::new();
    for (worker, ranks) in placement {
        let view = cluster.workers.iter().find(|w| w.name == *worker);
        let view = view.ok_or_else(|| format!("worker {worker} is not in the cluster"))?;
        if taken.insert(worker, ()).is_some() {
            return Err(format!("worker {worker} is named twice"));
        }
        if ranks.len() > view.free() as usize {
            let ranks = RankList(ranks);
            return Err(format!("{ranks} do not fit on worker {worker}"));
        }
        for rank in ranks {
            match seen.get_mut(rank.index()) {
                Some(seen) if !*seen => *seen = true,
                Some(_) => return Err(format!("{rank} is placed twice")),
                None => return Err(format!("there is no {rank}")),
            }
        }
    }
    match seen.iter().position(|seen| !seen) {
        Some(rank) => Err(format!("rank {rank} is not placed")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use proptest::prelude::*;

    /// `name slots/used` triples.
    pub(super) fn cluster(workers: &[(&str, u32, u32)]) -> ClusterView {
        let view = |&(name, slots, used): &(&str, u32, u32)| WorkerView {
            name: name.into(),
            slots,
            used,
        };
        ClusterView {
            workers: workers.iter().map(view).collect(),
        }
    }

    /// The placement as text: `a:0-3 b:4`.
    pub(super) fn show(placement: Option<Placement>) -> String {
        let Some(placement) = placement else {
            return "wait".to_owned();
        };
        let share = |(w, r): &(WorkerName, Vec<Rank>)| {
            let list = RankList(r).to_string();
            let (_, numbers) = list.split_once(' ').unwrap();
            format!("{w}:{}", numbers.replace(", ", ","))
        };
        placement.iter().map(share).collect::<Vec<_>>().join(" ")
    }

    fn any_cluster() -> impl Strategy<Value = ClusterView> {
        prop::collection::vec((0u32..20, 0u32..24), 0..12).prop_map(|workers| {
            let view = |(i, (slots, used)): (usize, (u32, u32))| WorkerView {
                name: format!("w{i:02}").as_str().into(),
                slots,
                used,
            };
            ClusterView {
                workers: workers.into_iter().enumerate().map(view).collect(),
            }
        })
    }

    proptest! {
        #[test]
        fn every_policy_places_all_ranks_within_the_slots_or_none(
            cluster in any_cluster(),
            ranks in 1u32..100,
        ) {
            let request = Request { ranks };
            for policy in ALL {
                match policy.place(&cluster, &request) {
                    Some(placement) => {
                        prop_assert_eq!(check(&placement, &cluster, &request), Ok(()));
                        prop_assert!(placement.iter().all(|(_, ranks)| !ranks.is_empty()));
                        prop_assert_eq!(policy.place(&cluster, &request), Some(placement));
                    }
                    // None may only mean that there is no room.
                    None => prop_assert!(cluster.free() < u64::from(ranks), "{}", policy.name()),
                }
            }
        }

        #[test]
        fn bin_pack_uses_the_fewest_workers(cluster in any_cluster(), ranks in 1u32..100) {
            if let Some(placement) = BinPack.place(&cluster, &Request { ranks }) {
                let mut free: Vec<u32> = cluster.workers.iter().map(WorkerView::free).collect();
                free.sort_unstable_by(|a, b| b.cmp(a));
                let mut room = 0;
                let fewest = free.iter().take_while(|free| {
                    let go_on = room < ranks;
                    room += **free;
                    go_on
                });
                prop_assert_eq!(placement.len(), fewest.count());
            }
        }
    }

    #[test]
    fn a_wrong_placement_is_found() {
        let cluster = cluster(&[("a", 4, 2), ("b", 4, 0)]);
        let request = Request { ranks: 3 };
        let place = |shares: &[(&str, &[u32])]| -> Placement {
            shares
                .iter()
                .map(|(w, r)| ((*w).into(), r.iter().copied().map(Rank).collect()))
                .collect()
        };
        for (placement, complaint) in [
            (place(&[("a", &[0, 1]), ("b", &[2])]), None),
            (
                place(&[("a", &[0, 1, 2])]),
                Some("ranks 0-2 do not fit on worker a"),
            ),
            (
                place(&[("c", &[0, 1, 2])]),
                Some("worker c is not in the cluster"),
            ),
            (
                place(&[("b", &[0]), ("b", &[1, 2])]),
                Some("worker b is named twice"),
            ),
            (place(&[("b", &[0, 1, 1])]), Some("rank 1 is placed twice")),
            (place(&[("b", &[0, 1, 3])]), Some("there is no rank 3")),
            (place(&[("b", &[0, 2])]), Some("rank 1 is not placed")),
        ] {
            let complaint = complaint.map_or(Ok(()), |c| Err(c.to_owned()));
            assert_eq!(check(&placement, &cluster, &request), complaint);
        }
    }

    #[test]
    fn policies_are_found_by_their_names() {
        for policy in ALL {
            assert_eq!(by_name(policy.name()).unwrap().name(), policy.name());
        }
        assert!(by_name("first-come").is_none());
        assert_eq!(names(), "bin-pack, spread");
    }
}
