//! The planner's decisions: a pure, synchronous state machine.
//!
//! ```text
//!                    +------------------------------------+
//! now, Event ------->| Engine::on                         |---> take_facts():    to the log
//! (service, tests,   |   workers.rs  leases, reconnects   |---> take_commands(): to workers and
//!  simulation)       |   jobs.rs     life of a job        |     watchers, once the facts are
//!                    |   schedule.rs who is placed next   |     durable
//!                    |   spawn.rs    ranks for running jobs|
//!                    +------------------------------------+
//! ```
//!
//! No clock, no randomness, no tokio, no channels: the same events at the same times give
//! the same facts and commands. What must survive the process is [`State`]; the rest
//! (connections, leases, deadlines) starts anew when a planner starts, which gives every
//! worker a full lease to come back.
//!
//! Invariants, each a property test in `tests/`:
//! - the ranks that hold slots on a worker are never more than its slots;
//! - a slot is free only once its rank has ended or its worker is lost;
//! - every job comes to an end once its workers answer or stop answering;
//! - replaying the facts gives the state.

mod event;
mod jobs;
mod schedule;
mod spawn;
pub mod state;
#[cfg(test)]
mod tests;
mod workers;

pub use event::{Command, Event};
pub use jobs::CANCELLED;
pub use workers::{Offer, Refusal, WorkerStatus};

use crate::names::{Timestamp, WorkerName};
use faabric_wire::id::JobId;
use state::{Fact, State};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Time limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A worker that is silent for longer is lost, in milliseconds.
    pub lease_ms: u64,
    /// A worker whose connection closed is lost when it does not come back within this
    /// many milliseconds: sooner than one that is only silent, because a process that
    /// lives connects again at once, and one that has died closes its connection.
    pub grace_ms: u64,
    /// Ranks that were told to stop and have not said that they did are taken as ended
    /// after this many milliseconds.
    pub stop_ms: u64,
    /// A spawn for which there is no room fails after this many milliseconds.
    pub spawn_ms: u64,
}

/// The state machine. See the module's documentation.
#[derive(Debug)]
pub struct Engine {
    limits: Limits,
    state: State,
    /// What is known of each live worker's connection.
    links: BTreeMap<WorkerName, workers::Link>,
    /// When the patience with a stopping job ends.
    stop_deadlines: BTreeMap<JobId, Timestamp>,
    /// Why the first job of the queue is not placed. Invariant: "" when the queue is empty.
    head_waits_for: String,
    /// The job that `head_waits_for` is about.
    head: Option<JobId>,
    /// Spawns that wait for room, first come first. Not durable: the workers ask again.
    spawns: VecDeque<spawn::Waiting>,
    /// Why nothing may be started, if so.
    blocked: Option<String>,
    facts: Vec<Fact>,
    commands: Vec<Command>,
    /// Jobs that the event at hand has changed: said once each, last.
    changed: BTreeSet<JobId>,
}

impl Engine {
    /// An engine that goes on from `state` at `now`. Workers that the state knows have a
    /// lease from now on to come back.
    #[must_use]
    pub fn new(limits: Limits, state: State, now: Timestamp) -> Self {
        let alive = state.workers.iter().filter(|(_, w)| w.alive());
        let links = alive
            .map(|(name, _)| (name.clone(), workers::Link::awaited(now)))
            .collect();
        let stopping = state.active.iter().copied();
        let stopping =
            stopping.filter(|job| state.jobs.get(job).is_some_and(|j| j.outcome.is_some()));
        let stop_deadlines = stopping
            .map(|job| (job, now.after(limits.lease_ms + limits.stop_ms)))
            .collect();
        Self {
            limits,
            links,
            stop_deadlines,
            state,
            head_waits_for: String::new(),
            head: None,
            spawns: VecDeque::new(),
            blocked: None,
            facts: Vec::new(),
            commands: Vec::new(),
            changed: BTreeSet::new(),
        }
    }

    /// Takes in one event. Afterwards the facts and commands that follow from it, in
    /// order, can be taken.
    pub fn on(&mut self, now: Timestamp, event: Event) {
        match event {
            Event::WorkerJoined {
                worker,
                offer,
                running,
            } => self.worker_joined(now, &worker, &offer, &running),
            // Frees nothing and adds nothing, so nobody is placed.
            Event::WorkerHeartbeat { worker } => return self.heard_of(now, &worker),
            Event::WorkerDisconnected { worker } => self.worker_disconnected(now, &worker),
            Event::WorkerLeaving { worker } => self.worker_leaving(now, &worker),
            Event::Stalled { ms } => return self.stalled(ms),
            Event::Tick => {
                self.expire_leases(now);
                self.expire_stops(now);
            }
            Event::JobSubmitted { job, spec } => self.job_submitted(now, job, spec),
            Event::JobWithdrawn { job } => self.job_withdrawn(job),
            Event::RankExited {
                worker,
                job,
                rank,
                code,
                reason,
            } => {
                self.heard_of(now, &worker);
                self.rank_exited(now, &worker, job, rank, (code, reason));
            }
            Event::JobAborted {
                worker,
                job,
                rank,
                code,
                reason,
            } => {
                self.heard_of(now, &worker);
                self.job_aborted(now, &worker, job, rank, (code, reason));
            }
            Event::SpawnRequested { worker, spawn } => {
                self.heard_of(now, &worker);
                self.spawn_requested(now, &worker, &spawn);
            }
            Event::JobCancelled { job, reason } => self.job_cancelled(now, job, &reason),
            Event::PolicySet { policy } => self.policy_set(policy),
            Event::LogBlocked { reason } => self.blocked = reason,
        }
        self.schedule(now);
        let changed = std::mem::take(&mut self.changed).into_iter();
        self.commands
            .extend(changed.map(|job| Command::JobChanged { job }));
    }

    /// The facts since the last call, to be made durable.
    pub fn take_facts(&mut self) -> Vec<Fact> {
        std::mem::take(&mut self.facts)
    }

    /// The commands since the last call, to be carried out once the facts are durable.
    pub fn take_commands(&mut self) -> Vec<Command> {
        std::mem::take(&mut self.commands)
    }

    /// Whether there is anything to take.
    #[must_use]
    pub fn has_output(&self) -> bool {
        !self.facts.is_empty() || !self.commands.is_empty()
    }

    /// The durable state.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The id that the next job must have.
    #[must_use]
    pub fn next_job(&self) -> JobId {
        self.state.next_job
    }

    /// Makes `fact` true, and queues it for the log.
    fn record(&mut self, fact: Fact) {
        self.state.apply(&fact);
        self.facts.push(fact);
    }

    /// Notes that those who follow `job` must be told.
    fn changed(&mut self, job: JobId) {
        self.changed.insert(job);
    }

    /// Queues a command for `worker`, if it is connected: when it comes back it says what
    /// it runs, and is told then what has changed.
    fn tell(&mut self, worker: &WorkerName, command: Command) {
        if self.links.get(worker).is_some_and(|l| l.connected) {
            self.commands.push(command);
        }
    }
}
