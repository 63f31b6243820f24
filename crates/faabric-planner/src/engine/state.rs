//! What the planner must not forget: its durable state, and the facts it is made of.
//!
//! A [`Fact`] says what was decided, not what was asked, and [`State::apply`] is the only
//! code that changes a [`State`]. So replaying the log gives the same state even after a
//! policy has changed its mind:
//!
//! ```text
//! Event --Engine::on--> Fact --apply--> State          (deciding: once)
//!                        log --apply--> State          (replaying: at every start)
//! ```
//!
//! A job's life:
//!
//! ```text
//!           JobPlaced             JobStopping              last rank ended
//! Queued -------------> Running --------------> Stopping ------------------> Finished
//!    |                     +-- every rank exited with 0 ------------------------^ ^
//!    +-- cancelled ---------------------------------------------------------------+
//! ```

use crate::names::{Timestamp, WorkerName};
use faabric_wire::id::{JobId, Rank};
use faabric_wire::proto::{Family, JobSpec};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

/// How many finished jobs are remembered; of older ones `faabric ps --all` and
/// `faabric logs` know nothing.
pub const FINISHED_JOBS_KEPT: usize = 1000;
/// How many lost workers `faabric workers` still shows.
pub const LOST_WORKERS_KEPT: usize = 64;

/// Everything durable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The id that the next job gets.
    pub next_job: JobId,
    /// The policy of jobs that name none.
    pub policy: String,
    /// Live workers, and the last few lost ones.
    pub workers: BTreeMap<WorkerName, Worker>,
    /// Every job that is not finished, and the last finished ones.
    pub jobs: BTreeMap<JobId, Job>,
    /// The jobs in [`Phase::Queued`]. Ids count up, so their order is that of arrival.
    pub queue: BTreeSet<JobId>,
    /// The jobs in [`Phase::Running`] and [`Phase::Stopping`].
    pub active: BTreeSet<JobId>,
}

/// A worker, as far as it must survive the planner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Worker {
    /// `host:port` of its data plane.
    pub data_address: String,
    /// Which process of that name it is.
    pub incarnation: u64,
    /// How many ranks it may run at once.
    pub slots: u32,
    /// How many it runs. Invariant: the number of ranks left on it, over all jobs.
    pub used: u32,
    /// When it joined.
    pub joined: Timestamp,
    /// When it was given up, if it was.
    pub lost: Option<Timestamp>,
}

impl Worker {
    /// Whether it has not been given up.
    #[must_use]
    pub fn alive(&self) -> bool {
        self.lost.is_none()
    }
}

/// A job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// What was submitted; of a finished job without arguments, environment and
    /// directories, which may be large and have served.
    pub spec: Arc<JobSpec>,
    /// Where it is in its life.
    pub phase: Phase,
    /// The policy that placed it; before, the one asked for, or "".
    pub policy: String,
    /// When it came.
    pub submitted: Timestamp,
    /// When it was placed.
    pub started: Option<Timestamp>,
    /// When its last rank ended.
    pub finished: Option<Timestamp>,
    /// Where its ranks were put, for ever. Ranks are sorted within a share.
    pub placement: Arc<[Share]>,
    /// The ranks that hold a slot: placed and not known to have ended.
    pub left: BTreeSet<Rank>,
    /// How it ended, known from the first failure on.
    pub outcome: Option<Outcome>,
    /// What it has spawned, in order: their ranks follow those of `spec`. Empty once it is
    /// finished.
    #[serde(default)]
    pub families: Vec<Arc<Family>>,
    /// How many ranks those have.
    #[serde(default)]
    pub spawned: u32,
}

/// How many ranks a family has.
#[must_use]
pub fn size_of(family: &Family) -> u32 {
    family.programs.iter().map(|program| program.ranks).sum()
}

impl Job {
    /// How many ranks it has, those that it spawned included.
    #[must_use]
    pub fn ranks(&self) -> u32 {
        self.spec.ranks + self.spawned
    }

    /// The ranks that came together with `rank`.
    #[must_use]
    pub fn family_of(&self, rank: Rank) -> Range<u32> {
        let families = self.families.iter();
        let mut ranges = families.map(|family| family.first..family.first + size_of(family));
        let found = ranges.find(|range| range.contains(&rank.0));
        found.unwrap_or(0..self.spec.ranks)
    }

    /// The worker that `rank` was put on.
    #[must_use]
    pub fn worker_of(&self, rank: Rank) -> Option<&WorkerName> {
        let share = |s: &&Share| s.ranks.binary_search(&rank).is_ok();
        self.placement.iter().find(share).map(|s| &s.worker)
    }

    /// The ranks put on `worker`, ended or not.
    #[must_use]
    pub fn ranks_on(&self, worker: &WorkerName) -> &[Rank] {
        let share = self.placement.iter().find(|s| s.worker == *worker);
        share.map_or(&[], |s| &s.ranks)
    }

    /// The ranks put on `worker` that hold their slot still.
    #[must_use]
    pub fn left_on(&self, worker: &WorkerName) -> Vec<Rank> {
        let ranks = self.ranks_on(worker).iter().copied();
        ranks.filter(|r| self.left.contains(r)).collect()
    }
}

/// Where a job is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Phase {
    /// Waits for slots.
    Queued,
    /// Has its slots.
    Running,
    /// Has failed or was cancelled; some ranks have not ended yet.
    Stopping,
    /// Over: no rank holds a slot.
    Finished,
}

/// The ranks that one worker runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Which worker.
    pub worker: WorkerName,
    /// Where the others reach it.
    pub data_address: String,
    /// Which process of that name it is; 0 in logs of planners that did not note it.
    #[serde(default)]
    pub incarnation: u64,
    /// Which ranks, sorted.
    pub ranks: Vec<Rank>,
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// What the client's process exits with.
    pub code: i32,
    /// "" when every rank exited with 0.
    pub reason: String,
    /// The first rank that failed.
    pub rank: Option<Rank>,
    /// Where that rank ran.
    pub worker: Option<WorkerName>,
}

impl Outcome {
    /// Every rank exited with 0.
    #[must_use]
    pub fn success() -> Self {
        Self {
            code: 0,
            reason: String::new(),
            rank: None,
            worker: None,
        }
    }
}

/// One durable step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Fact {
    /// A worker joined, or came back with another number of slots.
    WorkerJoined {
        /// When.
        at: Timestamp,
        /// Which.
        worker: WorkerName,
        /// `host:port` of its data plane.
        data_address: String,
        /// Which process of that name.
        incarnation: u64,
        /// How many ranks it may run at once.
        slots: u32,
    },
    /// A worker was given up. The ranks it ran are ended by facts of their own, before.
    WorkerLost {
        /// When.
        at: Timestamp,
        /// Which.
        worker: WorkerName,
    },
    /// A job was queued.
    JobSubmitted {
        /// When.
        at: Timestamp,
        /// Its id.
        job: JobId,
        /// What it is.
        spec: Arc<JobSpec>,
    },
    /// A submission that could not be made durable was taken back: it never was.
    JobWithdrawn {
        /// Which.
        job: JobId,
    },
    /// A job got its slots.
    JobPlaced {
        /// When.
        at: Timestamp,
        /// Which.
        job: JobId,
        /// The policy that placed it.
        policy: String,
        /// Where.
        placement: Arc<[Share]>,
    },
    /// A running job got more ranks.
    RanksSpawned {
        /// Which.
        job: JobId,
        /// The new ones, and who asked for them.
        family: Arc<Family>,
        /// Where they were put.
        placement: Arc<[Share]>,
    },
    /// Ranks gave their slots back.
    RanksEnded {
        /// Of which job.
        job: JobId,
        /// Which.
        ranks: Vec<Rank>,
    },
    /// A job failed or was cancelled while ranks were left.
    JobStopping {
        /// Which.
        job: JobId,
        /// How it will end.
        outcome: Outcome,
    },
    /// A job is over.
    JobFinished {
        /// When.
        at: Timestamp,
        /// Which.
        job: JobId,
        /// How it ended.
        outcome: Outcome,
    },
    /// The policy of jobs that name none was changed.
    PolicySet {
        /// Its name.
        policy: String,
    },
}

impl State {
    /// A cluster that has seen nothing yet.
    #[must_use]
    pub fn new(policy: &str) -> Self {
        Self {
            next_job: JobId(1),
            policy: policy.to_owned(),
            workers: BTreeMap::new(),
            jobs: BTreeMap::new(),
            queue: BTreeSet::new(),
            active: BTreeSet::new(),
        }
    }

    /// Makes `fact` part of the state. A fact about a job that is not known any more
    /// changes nothing.
    pub fn apply(&mut self, fact: &Fact) {
        match fact {
            Fact::WorkerJoined {
                at,
                worker,
                data_address,
                incarnation,
                slots,
            } => {
                let known = self.workers.get(worker).filter(|w| w.alive());
                let joined = Worker {
                    data_address: data_address.clone(),
                    incarnation: *incarnation,
                    slots: *slots,
                    used: known.map_or(0, |w| w.used),
                    joined: known.map_or(*at, |w| w.joined),
                    lost: None,
                };
                self.workers.insert(worker.clone(), joined);
            }
            Fact::WorkerLost { at, worker } => self.lose(*at, worker),
            Fact::JobSubmitted { at, job, spec } => self.submit(*at, *job, spec),
            Fact::JobWithdrawn { job } => {
                let left = self.jobs.get(job).map(|j| j.left.clone());
                self.end_ranks(
                    *job,
                    &left.unwrap_or_default().into_iter().collect::<Vec<_>>(),
                );
                self.queue.remove(job);
                self.active.remove(job);
                self.jobs.remove(job);
            }
            Fact::JobPlaced {
                at,
                job,
                policy,
                placement,
            } => self.place(*at, *job, policy, placement),
            Fact::RanksSpawned {
                job,
                family,
                placement,
            } => self.spawn(*job, family, placement),
            Fact::RanksEnded { job, ranks } => self.end_ranks(*job, ranks),
            Fact::JobStopping { job, outcome } => {
                if let Some(job) = self.jobs.get_mut(job) {
                    job.phase = Phase::Stopping;
                    job.outcome = Some(outcome.clone());
                }
            }
            Fact::JobFinished { at, job, outcome } => self.finish(*at, *job, outcome),
            Fact::PolicySet { policy } => self.policy.clone_from(policy),
        }
    }

    fn submit(&mut self, at: Timestamp, id: JobId, spec: &Arc<JobSpec>) {
        let job = Job {
            spec: spec.clone(),
            phase: Phase::Queued,
            policy: spec.policy.clone(),
            submitted: at,
            started: None,
            finished: None,
            placement: Arc::new([]),
            left: BTreeSet::new(),
            outcome: None,
            families: Vec::new(),
            spawned: 0,
        };
        self.jobs.insert(id, job);
        self.queue.insert(id);
        self.next_job = self.next_job.max(JobId(id.0 + 1));
    }

    fn place(&mut self, at: Timestamp, id: JobId, policy: &str, placement: &Arc<[Share]>) {
        let Some(job) = self.jobs.get_mut(&id) else {
            return;
        };
        policy.clone_into(&mut job.policy);
        job.phase = Phase::Running;
        job.started = Some(at);
        job.placement = placement.clone();
        for share in &**placement {
            job.left.extend(&share.ranks);
            if let Some(worker) = self.workers.get_mut(&share.worker) {
                worker.used += share.ranks.len() as u32;
            }
        }
        self.queue.remove(&id);
        self.active.insert(id);
    }

    fn spawn(&mut self, id: JobId, family: &Arc<Family>, placement: &Arc<[Share]>) {
        let Some(job) = self.jobs.get_mut(&id) else {
            return;
        };
        job.families.push(family.clone());
        job.spawned += size_of(family);
        let mut shares = job.placement.to_vec();
        for new in &**placement {
            job.left.extend(&new.ranks);
            if let Some(worker) = self.workers.get_mut(&new.worker) {
                worker.used += new.ranks.len() as u32;
            }
            // New ranks have the highest numbers, so shares stay sorted.
            match shares.iter_mut().find(|share| share.worker == new.worker) {
                Some(share) => share.ranks.extend(&new.ranks),
                None => shares.push(new.clone()),
            }
        }
        job.placement = shares.into();
    }

    fn end_ranks(&mut self, id: JobId, ranks: &[Rank]) {
        let Some(job) = self.jobs.get_mut(&id) else {
            return;
        };
        for rank in ranks {
            if !job.left.remove(rank) {
                continue;
            }
            let worker = job.worker_of(*rank).and_then(|w| self.workers.get_mut(w));
            if let Some(worker) = worker {
                worker.used = worker.used.saturating_sub(1);
            }
        }
    }

    fn finish(&mut self, at: Timestamp, id: JobId, outcome: &Outcome) {
        let Some(job) = self.jobs.get_mut(&id) else {
            return;
        };
        let spec = Arc::make_mut(&mut job.spec);
        (spec.args, spec.env, spec.dirs) = Default::default();
        job.families.clear();
        job.phase = Phase::Finished;
        job.finished = Some(at);
        job.outcome = Some(outcome.clone());
        self.queue.remove(&id);
        self.active.remove(&id);
        let finished = self.jobs.len() - self.queue.len() - self.active.len();
        if finished > FINISHED_JOBS_KEPT {
            let over = |job: &&JobId| !self.queue.contains(job) && !self.active.contains(job);
            if let Some(oldest) = self.jobs.keys().find(over).copied() {
                self.jobs.remove(&oldest);
            }
        }
    }

    fn lose(&mut self, at: Timestamp, name: &WorkerName) {
        if let Some(worker) = self.workers.get_mut(name) {
            worker.lost = Some(at);
        }
        let lost = self.workers.iter().filter(|(_, w)| !w.alive());
        if lost.clone().count() > LOST_WORKERS_KEPT {
            let oldest = lost
                .min_by_key(|(_, w)| w.lost)
                .map(|(name, _)| name.clone());
            oldest.map(|name| self.workers.remove(&name));
        }
    }
}
