//! Who is placed next: first come, first served.
//!
//! The first job of the queue gets its slots before any later one is looked at, so a
//! large job cannot be starved by small ones. Conservative backfill belongs here too: it
//! would go on behind a job that waits, with those that end before it could start.
//!
//! Ranks that a running job spawns come before the queue: see `spawn.rs`.

use super::state::{Fact, Phase, Share};
use super::{Command, Engine};
use crate::names::{Timestamp, WorkerName};
use crate::policy::{self, ClusterView, Placement, Request, WorkerView};
use faabric_wire::id::{JobId, Rank};
use std::sync::Arc;

impl Engine {
    /// Places jobs from the head of the queue while there is room.
    pub(super) fn schedule(&mut self, now: Timestamp) {
        if let Some(spawn) = self.serve_spawns(now)
            && let Some(id) = self.state.queue.first().copied()
        {
            return self.head_waits(id, format!("its turn: {spawn} waits for slots to spawn"));
        }
        while let Some(id) = self.state.queue.first().copied() {
            let placed = match &self.blocked {
                Some(reason) => Err(reason.clone()),
                None => self.find_room(id),
            };
            match placed {
                Ok((policy, placement)) => self.start(now, id, policy, placement),
                Err(reason) => return self.head_waits(id, reason),
            }
        }
        self.head = None;
        self.head_waits_for.clear();
    }

    /// Why a queued job is not running; "" for a job that is not queued.
    #[must_use]
    pub fn waiting_for(&self, id: JobId) -> String {
        match self.head {
            Some(head) if head == id => self.head_waits_for.clone(),
            Some(head) if self.state.queue.contains(&id) => {
                let reason = &self.head_waits_for;
                format!("its turn: {head} is first in the queue and waits for {reason}")
            }
            _ => String::new(),
        }
    }

    /// What a policy is shown: the workers that can be told to start something.
    pub(super) fn view(&self) -> ClusterView {
        let connected = self
            .links
            .iter()
            .filter(|(_, link)| link.connected && !link.leaving);
        let view = |(name, link): (&WorkerName, &super::workers::Link)| {
            let worker = self.state.workers.get(name)?;
            Some(WorkerView {
                name: name.clone(),
                slots: worker.slots,
                used: worker.used.saturating_add(link.stale_ranks()),
            })
        };
        ClusterView {
            workers: connected.filter_map(view).collect(),
        }
    }

    /// A placement for a queued job, or what it waits for.
    fn find_room(&self, id: JobId) -> Result<(&'static str, Placement), String> {
        let Some(job) = self.state.jobs.get(&id) else {
            return Err("nothing: the job is not known".to_owned());
        };
        let name = match job.spec.policy.as_str() {
            "" => &self.state.policy,
            name => name,
        };
        let cluster = self.view();
        let request = Request {
            ranks: job.spec.ranks,
        };
        place(name, &cluster, &request)
    }
}

/// A placement by the policy of this name, or what it waits for.
pub(super) fn place(
    name: &str,
    cluster: &ClusterView,
    request: &Request,
) -> Result<(&'static str, Placement), String> {
    let Some(policy) = policy::by_name(name) else {
        let known = policy::names();
        return Err(format!(
            "a planner that knows policy {name} (this one: {known})"
        ));
    };
    let Some(placement) = policy.place(cluster, request) else {
        return Err(shortage(cluster, request));
    };
    match policy::check(&placement, cluster, request) {
        Ok(()) => Ok((policy.name(), placement)),
        Err(fault) => Err(format!(
            "policy {name} to be mended (it placed the job wrongly: {fault})"
        )),
    }
}

impl Engine {
    /// These ranks on this worker, and where that is.
    pub(super) fn share(&self, worker: WorkerName, ranks: Vec<Rank>) -> Share {
        let known = self.state.workers.get(&worker);
        Share {
            data_address: known.map_or_else(String::new, |known| known.data_address.clone()),
            incarnation: known.map_or(0, |known| known.incarnation),
            worker,
            ranks,
        }
    }

    fn start(&mut self, now: Timestamp, id: JobId, policy: &str, placement: Placement) {
        let shares = placement.into_iter();
        let placement: Arc<[Share]> = shares.map(|(w, ranks)| self.share(w, ranks)).collect();
        self.record(Fact::JobPlaced {
            at: now,
            job: id,
            policy: policy.to_owned(),
            placement: placement.clone(),
        });
        for share in &*placement {
            self.tell_to_start(&share.worker, id, share.ranks.clone());
        }
        self.changed(id);
    }

    /// Tells `worker` to start these of its ranks of a running job, and all that there is
    /// of the job.
    pub(super) fn tell_to_start(&mut self, worker: &WorkerName, id: JobId, ranks: Vec<Rank>) {
        let universe = self.view().slots();
        let Some(job) = self.state.jobs.get(&id) else {
            return;
        };
        debug_assert_eq!(job.phase, Phase::Running);
        let command = Command::StartRanks {
            worker: worker.clone(),
            job: id,
            spec: job.spec.clone(),
            ranks,
            world: job.placement.clone(),
            families: job.families.clone(),
            universe: u32::try_from(universe).unwrap_or(u32::MAX).max(job.ranks()),
        };
        self.tell(worker, command);
    }

    fn head_waits(&mut self, id: JobId, reason: String) {
        if self.head != Some(id) || self.head_waits_for != reason {
            self.head = Some(id);
            self.head_waits_for = reason;
            self.changed(id);
        }
    }
}

/// What is missing, in words that say what to do.
fn shortage(cluster: &ClusterView, request: &Request) -> String {
    let ranks = request.ranks;
    let slots = cluster.slots();
    let on = match cluster.workers.len() {
        0 => return format!("workers with {ranks} slots: none has joined"),
        1 => "1 worker".to_owned(),
        n => format!("{n} workers"),
    };
    if slots < u64::from(ranks) {
        format!("{ranks} slots: the whole cluster has {slots}, on {on}; start more workers")
    } else {
        let free = cluster.free();
        format!("{ranks} free slots: {free} of {slots} are free, on {on}")
    }
}
