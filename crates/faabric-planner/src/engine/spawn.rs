//! Ranks that a running job asks for: `MPI_Comm_spawn`.
//!
//! ```text
//!  Spawn --> room? --yes--> RanksSpawned, StartRanks (all its workers), SpawnDone
//!              | no: waits, at the most `spawn_ms`
//!              `--too late, or larger than the cluster--> SpawnDone, refused
//! ```
//! A spawn goes before the queue, since its job holds slots until it has an answer. It
//! waits a while, because ranks that have just ended may not have been reported yet; not
//! for ever, because it may wait for slots that its own job holds.
//!
//! The new ranks are of the same job: it ends when they have, and fails when one fails.
//! Their numbers follow those that the job has. All workers that run ranks of the job are
//! told of them, before the one that asked gets its answer.

use super::schedule::place;
use super::state::{Fact, Phase, Share, size_of};
use super::{Command, Engine};
use crate::names::{Timestamp, WorkerName};
use crate::policy::Request;
use faabric_wire::id::{JobId, Rank};
use faabric_wire::proto::{Family, Program, Spawn};
use std::sync::Arc;

/// More than any cluster's slots; guards the sums, and what workers keep a rank for.
const MAX_RANKS: u32 = 1 << 17;

/// A spawn that has no room yet.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    worker: WorkerName,
    spawn: Arc<Spawn>,
    pub(super) deadline: Timestamp,
}

impl Waiting {
    fn job(&self) -> JobId {
        JobId(self.spawn.job)
    }
}

impl Engine {
    pub(super) fn spawn_requested(
        &mut self,
        now: Timestamp,
        worker: &WorkerName,
        spawn: &Arc<Spawn>,
    ) {
        let (id, rank) = (JobId(spawn.job), Rank(spawn.rank));
        let Some(job) = self.state.jobs.get(&id) else {
            return;
        };
        let asks = job.left.contains(&rank) && job.worker_of(rank) == Some(worker);
        if job.phase != Phase::Running || !asks {
            return;
        }
        let is_it = |family: &&Arc<Family>| {
            family.asked_by == spawn.rank && family.question == spawn.question
        };
        if let Some(family) = job.families.iter().find(is_it).cloned() {
            // The answer was lost with a connection.
            return self.answer(worker, spawn, Ok(family));
        }
        let same = |waiting: &Waiting| {
            let other = &waiting.spawn;
            (other.job, other.rank, other.question) == (spawn.job, spawn.rank, spawn.question)
        };
        if self.spawns.iter().any(same) {
            return;
        }
        let asked: u64 = spawn.programs.iter().map(|p| u64::from(p.ranks)).sum();
        if asked == 0 || asked + u64::from(job.ranks()) > u64::from(MAX_RANKS) {
            let why = format!("{asked} more ranks: a job has at most {MAX_RANKS}");
            return self.answer(worker, spawn, Err(why));
        }
        self.spawns.push_back(Waiting {
            worker: worker.clone(),
            spawn: spawn.clone(),
            deadline: now.after(self.limits.spawn_ms),
        });
    }

    /// Places spawns from the first on while there is room; gives the job of one that
    /// waits.
    pub(super) fn serve_spawns(&mut self, now: Timestamp) -> Option<JobId> {
        while let Some(waiting) = self.spawns.front() {
            let (id, rank) = (waiting.job(), Rank(waiting.spawn.rank));
            let job = self.state.jobs.get(&id);
            if !job.is_some_and(|j| j.phase == Phase::Running && j.left.contains(&rank)) {
                self.spawns.pop_front();
                continue;
            }
            let late = waiting.deadline <= now;
            let outcome = match (self.room_for(&waiting.spawn), &self.blocked) {
                (_, Some(reason)) if late => Err(reason.clone()),
                (_, Some(_)) => return Some(id),
                (Ok(placed), None) => Ok(placed),
                (Err(Shortage { why, hopeless }), None) if late || hopeless => Err(why),
                (Err(_), None) => return Some(id),
            };
            if let Some(Waiting { worker, spawn, .. }) = self.spawns.pop_front() {
                let outcome = outcome.map(|(family, shares)| self.spawn(id, family, shares));
                self.answer(&worker, &spawn, outcome);
            }
        }
        None
    }

    /// Where the ranks of a spawn go, and how many of each program.
    fn room_for(&self, spawn: &Spawn) -> Result<(Arc<Family>, Arc<[Share]>), Shortage> {
        let job = self.state.jobs.get(&JobId(spawn.job));
        let job = job.ok_or_else(Shortage::default)?;
        let cluster = self.view();
        let least: u64 = spawn.programs.iter().map(|p| u64::from(least(p))).sum();
        if least > cluster.free() {
            let (free, slots) = (cluster.free(), cluster.slots());
            return Err(Shortage {
                why: format!(
                    "{least} slots are needed, and {free} of the cluster's {slots} are free; \
                     start more workers, or workers with more --slots"
                ),
                hopeless: least > slots,
            });
        }
        let first = job.ranks();
        let mut spare = u32::try_from(cluster.free() - least).unwrap_or(u32::MAX);
        let programs = spawn.programs.iter().map(|program| {
            let few = self::least(program);
            let ranks = largest(program, few.saturating_add(spare)).max(few);
            spare -= ranks - few;
            Program {
                ranks,
                fewer: Vec::new(),
                ..program.clone()
            }
        });
        let family = Family {
            first,
            programs: programs.collect(),
            parents: spawn.parents.clone(),
            asked_by: spawn.rank,
            question: spawn.question,
        };
        let ranks = size_of(&family);
        if ranks == 0 {
            return Err(Shortage {
                why: "no slot is free for any of its processes".to_owned(),
                hopeless: false,
            });
        }
        let placed = place(&job.policy, &cluster, &Request { ranks });
        let (_, placement) = placed.map_err(|why| Shortage {
            why,
            hopeless: false,
        })?;
        let share = |(worker, ranks): (WorkerName, Vec<Rank>)| {
            let ranks = ranks.iter().map(|rank| Rank(first + rank.0));
            self.share(worker, ranks.collect())
        };
        Ok((Arc::new(family), placement.into_iter().map(share).collect()))
    }

    fn spawn(&mut self, job: JobId, family: Arc<Family>, placement: Arc<[Share]>) -> Arc<Family> {
        self.record(Fact::RanksSpawned {
            job,
            family: family.clone(),
            placement: placement.clone(),
        });
        for worker in self.workers_of(job) {
            let new = placement.iter().find(|share| share.worker == worker);
            let ranks = new.map_or_else(Vec::new, |share| share.ranks.clone());
            self.tell_to_start(&worker, job, ranks);
        }
        self.changed(job);
        family
    }

    fn answer(&mut self, worker: &WorkerName, spawn: &Spawn, outcome: Result<Arc<Family>, String>) {
        let command = Command::SpawnDone {
            worker: worker.clone(),
            job: JobId(spawn.job),
            question: spawn.question,
            outcome,
        };
        self.tell(worker, command);
    }
}

/// Why a spawn is not placed.
#[derive(Debug, Default)]
struct Shortage {
    why: String,
    /// No end of a rank can help.
    hopeless: bool,
}

/// The smallest number of ranks that will do for a program.
fn least(program: &Program) -> u32 {
    let lows = program.fewer.iter().map(|numbers| numbers.low);
    lows.min()
        .map_or(program.ranks, |low| low.min(program.ranks))
}

/// The largest number up to `room` that will do; 0 if none does.
fn largest(program: &Program, room: u32) -> u32 {
    if program.ranks <= room {
        return program.ranks;
    }
    let fits = program.fewer.iter().filter_map(|numbers| {
        let high = numbers.high.min(room).min(program.ranks);
        let steps = high.checked_sub(numbers.low)? / numbers.step.max(1);
        Some(numbers.low + steps * numbers.step.max(1))
    });
    fits.max().unwrap_or(0)
}
