//! Workers: joining, leases, coming back, being lost.
//!
//! ```text
//!             hello                 connection closed
//!  (unknown) -------> connected -----------------------> awaited --+
//!      ^                 ^  |             hello             |      | lease over
//!      |                 +--|-------------------------------+      |
//!      |                    | lease over, or a new process took the name
//!      +----- lost <--------+--------------------------------------+
//! ```
//!
//! There are three ways to be lost. A worker that says that it leaves is lost when its
//! connection closes. One whose connection closes without a word has a short grace to
//! come back: the end of a process closes its connections at once, and one that lives,
//! behind a proxy that was restarted say, connects again at once. One that is only silent
//! - frozen, or cut off - has a whole lease, however often packets are lost meanwhile.
//!
//! A worker that comes back says what it was told to start and was not yet told to
//! forget; [`Engine::worker_joined`] compares that with the state. The worker keeps a
//! rank on that list until its job has ended everywhere, so a rank that the same process
//! does not list was never received: it is started now. What it lists and the state does
//! not know (it was given up meanwhile) is *stale*: it is stopped, and holds its slots
//! until it says that it has ended.

use super::state::{Fact, Outcome, Phase, Worker};
use super::{Command, Engine, Limits, state::Job};
use crate::names::{RankList, Timestamp, WorkerName};
use faabric_wire::id::{JobId, Rank};
use std::collections::{BTreeMap, BTreeSet};

/// What is known of a live worker's connection. Not durable.
#[derive(Debug)]
pub(super) struct Link {
    /// Whether it can be told anything.
    pub(super) connected: bool,
    /// When something was last heard of it.
    last_seen: Timestamp,
    /// When its connection closed, if it did.
    closed: Option<Timestamp>,
    /// Whether it has said that it leaves.
    pub(super) leaving: bool,
    /// Whether it has not come back since the planner started.
    awaited: bool,
    /// Ranks it runs that the state counts as ended.
    stale: BTreeMap<JobId, Stale>,
}

#[derive(Debug)]
struct Stale {
    ranks: BTreeSet<Rank>,
    deadline: Timestamp,
}

impl Link {
    /// A worker known from the log, at the start of the planner.
    pub(super) fn awaited(now: Timestamp) -> Self {
        Self {
            connected: false,
            last_seen: now,
            closed: None,
            leaving: false,
            awaited: true,
            stale: BTreeMap::new(),
        }
    }

    /// Why the worker is to be given up, if so.
    fn overdue(&self, now: Timestamp, limits: &Limits, name: &WorkerName) -> Option<String> {
        let (lease, grace) = (limits.lease_ms, limits.grace_ms);
        let silent = now.since(self.last_seen) > lease;
        if silent && self.awaited {
            return Some(format!(
                "planner restarted and worker {name} did not come back within {lease} ms"
            ));
        }
        if silent {
            return Some(format!(
                "worker {name} is lost: nothing was heard of it for {lease} ms"
            ));
        }
        let gone = self.closed.is_some_and(|closed| now.since(closed) > grace);
        gone.then(|| {
            format!(
                "worker {name} is lost: its connection closed, and it did not come back within {grace} ms"
            )
        })
    }

    /// How many slots are held by ranks that the state counts as ended.
    pub(super) fn stale_ranks(&self) -> u32 {
        self.stale.values().map(|s| s.ranks.len() as u32).sum()
    }
}

/// What a worker brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// `host:port` of its data plane.
    pub data_address: String,
    /// Which process of that name.
    pub incarnation: u64,
    /// How many ranks it may run at once.
    pub slots: u32,
}

impl Offer {
    fn is_same_process(&self, worker: &Worker) -> bool {
        self.data_address == worker.data_address && self.incarnation == worker.incarnation
    }
}

/// Another live worker has the name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the name {worker} is taken by a live worker at {data_address}: give this one another name, or stop that one and try again once its lease is over"
)]
pub struct Refusal {
    worker: WorkerName,
    data_address: String,
}

/// A worker as `faabric workers` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerStatus {
    /// Its name.
    pub name: WorkerName,
    /// `host:port` of its data plane.
    pub data_address: String,
    /// How many ranks it may run at once.
    pub slots: u32,
    /// How many slots are taken.
    pub used: u32,
    /// Whether its lease holds.
    pub alive: bool,
    /// When something was last heard of it; of a lost worker: when it was given up.
    pub last_seen: Timestamp,
}

impl Engine {
    /// Whether a worker may join. To be asked before [`super::Event::WorkerJoined`].
    ///
    /// # Errors
    /// When another process of that name is connected.
    pub fn admit(&self, worker: &WorkerName, offer: &Offer) -> Result<(), Refusal> {
        let connected = self.links.get(worker).is_some_and(|l| l.connected);
        match self.state.workers.get(worker) {
            Some(known) if connected && !offer.is_same_process(known) => Err(Refusal {
                worker: worker.clone(),
                data_address: known.data_address.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// All workers that are shown, by name.
    pub fn workers(&self) -> impl Iterator<Item = WorkerStatus> {
        self.state.workers.iter().map(|(name, worker)| {
            let link = self.links.get(name);
            WorkerStatus {
                name: name.clone(),
                data_address: worker.data_address.clone(),
                slots: worker.slots,
                used: worker.used + link.map_or(0, Link::stale_ranks),
                alive: worker.alive(),
                last_seen: worker
                    .lost
                    .or(link.map(|l| l.last_seen))
                    .unwrap_or_default(),
            }
        })
    }

    pub(super) fn heard_of(&mut self, now: Timestamp, worker: &WorkerName) {
        if let Some(link) = self.links.get_mut(worker) {
            link.last_seen = now;
        }
    }

    pub(super) fn worker_disconnected(&mut self, now: Timestamp, worker: &WorkerName) {
        let Some(link) = self.links.get_mut(worker) else {
            return;
        };
        link.connected = false;
        link.closed = Some(now);
        if link.leaving {
            self.lose(now, worker, &format!("worker {worker} was shut down"));
        }
    }

    pub(super) fn worker_leaving(&mut self, now: Timestamp, worker: &WorkerName) {
        if let Some(link) = self.links.get_mut(worker) {
            link.last_seen = now;
            link.leaving = true;
        }
    }

    /// Moves everything that has a limit by the time in which the planner did not look.
    pub(super) fn stalled(&mut self, ms: u64) {
        for link in self.links.values_mut() {
            link.last_seen = link.last_seen.after(ms);
            link.closed = link.closed.map(|closed| closed.after(ms));
            for stale in link.stale.values_mut() {
                stale.deadline = stale.deadline.after(ms);
            }
        }
        for deadline in self.stop_deadlines.values_mut() {
            *deadline = deadline.after(ms);
        }
        for spawn in &mut self.spawns {
            spawn.deadline = spawn.deadline.after(ms);
        }
    }

    pub(super) fn worker_joined(
        &mut self,
        now: Timestamp,
        name: &WorkerName,
        offer: &Offer,
        running: &[(JobId, Vec<Rank>)],
    ) {
        let known = |engine: &Self| {
            engine
                .state
                .workers
                .get(name)
                .filter(|w| w.alive())
                .cloned()
        };
        if known(self).is_some_and(|w| !offer.is_same_process(&w)) {
            let why = format!("worker {name} was restarted, and what it ran is gone");
            self.lose(now, name, &why);
        }
        if known(self).is_none_or(|w| w.slots != offer.slots) {
            self.record(Fact::WorkerJoined {
                at: now,
                worker: name.clone(),
                data_address: offer.data_address.clone(),
                incarnation: offer.incarnation,
                slots: offer.slots,
            });
        }
        let mut link = Link::awaited(now);
        (link.connected, link.awaited) = (true, false);
        self.links.insert(name.clone(), link);

        let mut listed: BTreeMap<JobId, BTreeSet<Rank>> = BTreeMap::new();
        for (job, ranks) in running {
            listed.entry(*job).or_default().extend(ranks);
        }
        for (id, left) in self.left_on(name) {
            self.go_on(now, name, id, &left, listed.get(&id));
        }
        for id in listed.keys() {
            self.tell_of_families(name, *id);
        }
        for (id, ranks) in listed {
            self.stop_stale(now, name, id, ranks);
        }
    }

    /// Brings one job's ranks on a worker that came back in step: `left` hold slots,
    /// `listed` are there.
    fn go_on(
        &mut self,
        now: Timestamp,
        worker: &WorkerName,
        id: JobId,
        left: &[Rank],
        listed: Option<&BTreeSet<Rank>>,
    ) {
        let missing = left.iter().copied();
        let missing = missing.filter(|r| listed.is_none_or(|listed| !listed.contains(r)));
        let missing: Vec<Rank> = missing.collect();
        let Some(job) = self.state.jobs.get(&id) else {
            return;
        };
        // What came together and is missing together was never received.
        let came = |rank: Rank| {
            let family = job.family_of(rank);
            let mut on = job.ranks_on(worker).iter();
            on.any(|r| family.contains(&r.0) && !missing.contains(r))
        };
        match job.phase {
            Phase::Running if !missing.is_empty() && !missing.iter().any(|r| came(*r)) => {
                self.tell_to_start(worker, id, missing);
            }
            Phase::Running if !missing.is_empty() => {
                let ranks = RankList(&missing);
                let reason = format!("worker {worker} came back without {ranks}");
                let outcome = failure(worker, &missing, reason);
                self.ranks_ended(now, id, missing, Some(outcome));
            }
            Phase::Stopping => {
                if missing.len() < left.len() {
                    self.tell_to_stop(worker, id);
                }
                self.ranks_ended(now, id, missing, None);
            }
            Phase::Running | Phase::Queued | Phase::Finished => {}
        }
    }

    /// Tells a worker that came back what a job has spawned: it may have missed some.
    fn tell_of_families(&mut self, worker: &WorkerName, id: JobId) {
        let job = self.state.jobs.get(&id);
        let running = job.filter(|job| job.phase == Phase::Running && !job.families.is_empty());
        if running.is_some_and(|job| !job.ranks_on(worker).is_empty()) {
            self.tell_to_start(worker, id, Vec::new());
        }
    }

    /// Stops those of a returning worker's ranks that the state counts as ended.
    fn stop_stale(
        &mut self,
        now: Timestamp,
        worker: &WorkerName,
        id: JobId,
        ranks: BTreeSet<Rank>,
    ) {
        let job = self.state.jobs.get(&id);
        let phase = job.map(|j| j.phase);
        let placed = |r: &Rank| job.is_some_and(|j| j.worker_of(*r) == Some(worker));
        let left = |r: &Rank| job.is_some_and(|j| placed(r) && j.left.contains(r));
        let stale: BTreeSet<Rank> = match phase {
            // Those that are not left have ended, and will be said again to have ended.
            Some(Phase::Running) => ranks.into_iter().filter(|r| !placed(r)).collect(),
            Some(Phase::Stopping) => ranks.into_iter().filter(|r| !left(r)).collect(),
            Some(Phase::Queued | Phase::Finished) | None => ranks,
        };
        if !stale.is_empty() {
            let stale = Stale {
                ranks: stale,
                deadline: now.after(self.limits.stop_ms),
            };
            if let Some(link) = self.links.get_mut(worker) {
                link.stale.insert(id, stale);
            }
            self.tell_to_stop(worker, id);
        } else if !self.state.active.contains(&id) {
            self.tell_to_forget(worker, id);
        }
    }

    /// Whether `worker` still runs ranks of `id` that the state counts as ended.
    pub(super) fn has_stale(&self, worker: &WorkerName, id: JobId) -> bool {
        let link = self.links.get(worker);
        link.is_some_and(|l| l.stale.contains_key(&id))
    }

    pub(super) fn stale_rank_ended(&mut self, worker: &WorkerName, id: JobId, rank: Rank) {
        let Some(link) = self.links.get_mut(worker) else {
            return;
        };
        let Some(stale) = link.stale.get_mut(&id) else {
            return;
        };
        stale.ranks.remove(&rank);
        if stale.ranks.is_empty() {
            self.forget_stale(worker, id);
        }
    }

    fn forget_stale(&mut self, worker: &WorkerName, id: JobId) {
        if let Some(link) = self.links.get_mut(worker) {
            link.stale.remove(&id);
        }
        // An active job's end tells it to all its workers.
        if !self.state.active.contains(&id) {
            self.tell_to_forget(worker, id);
        }
    }

    /// Gives up workers that were silent for longer than their lease or did not come back,
    /// and stale ranks that did not end.
    pub(super) fn expire_leases(&mut self, now: Timestamp) {
        let mut silent = Vec::new();
        let mut overdue = Vec::new();
        for (name, link) in &self.links {
            if let Some(why) = link.overdue(now, &self.limits, name) {
                silent.push((name.clone(), why));
            } else {
                let due = link.stale.iter().filter(|(_, stale)| stale.deadline <= now);
                overdue.extend(due.map(|(job, _)| (name.clone(), *job)));
            }
        }
        for (name, why) in silent {
            self.tell(
                &name,
                Command::Disconnect {
                    worker: name.clone(),
                },
            );
            self.lose(now, &name, &why);
        }
        for (name, job) in overdue {
            self.forget_stale(&name, job);
        }
    }

    /// Gives `worker` up: its ranks have ended, and their jobs fail.
    fn lose(&mut self, now: Timestamp, worker: &WorkerName, why: &str) {
        self.links.remove(worker);
        for (id, left) in self.left_on(worker) {
            let reason = format!("{why}; it ran {}", RankList(&left));
            let outcome = failure(worker, &left, reason);
            self.ranks_ended(now, id, left, Some(outcome));
        }
        self.record(Fact::WorkerLost {
            at: now,
            worker: worker.clone(),
        });
    }

    /// The ranks that hold slots on `worker`, by job.
    fn left_on(&self, worker: &WorkerName) -> Vec<(JobId, Vec<Rank>)> {
        let jobs = self.state.active.iter();
        let jobs = jobs.filter_map(|id| Some((*id, self.state.jobs.get(id)?)));
        let left = jobs.map(|(id, job): (JobId, &Job)| (id, job.left_on(worker)));
        left.filter(|(_, left)| !left.is_empty()).collect()
    }
}

/// A job failed because `ranks` are gone with their worker.
fn failure(worker: &WorkerName, ranks: &[Rank], reason: String) -> Outcome {
    Outcome {
        code: 1,
        reason,
        rank: ranks.first().copied(),
        worker: Some(worker.clone()),
    }
}
