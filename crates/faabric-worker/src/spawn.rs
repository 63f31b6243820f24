//! What a job is made of on this worker, and how its ranks start more.
//!
//! ```text
//!  rank: Launcher::launch --> modules stored, compiled --Spawn--> planner
//!  rank: goes on  <-- World::launched <--SpawnDone-- planner (said again until then)
//!                     World::add_family     <--StartRanks--'  before, and on all workers
//! ```

use crate::error::Error;
use crate::job::Job;
use crate::outbox::Outbox;
use faabric_mpi::{Launch, Launched, Launcher};
use faabric_wire::id::Rank;
use faabric_wire::proto::from_worker::Message;
use faabric_wire::proto::{Family, JobSpec, Numbers, Program, Spawn, SpawnDone};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Weak;

/// What some of a job's ranks run: the program it was submitted with, or one command of a
/// spawn.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// Hash of the module.
    pub(crate) module: String,
    /// `argv`.
    pub(crate) args: Vec<String>,
    /// What PWD is to be; "" for what the job's environment says.
    pub(crate) dir: String,
    /// The ranks that run it.
    pub(crate) ranks: Range<u32>,
    /// The ranks that share an `MPI_COMM_WORLD` with them.
    pub(crate) family: Range<u32>,
}

impl Part {
    /// What a job was submitted with.
    pub(crate) fn of_job(spec: &JobSpec) -> Self {
        Self {
            module: spec.module.clone(),
            args: spec.args.clone(),
            dir: String::new(),
            ranks: 0..spec.ranks,
            family: 0..spec.ranks,
        }
    }

    /// The parts of what it has spawned.
    pub(crate) fn of_family(family: &Family) -> Vec<Self> {
        let mut next = family.first;
        let size: u32 = family.programs.iter().map(|program| program.ranks).sum();
        let all = family.first..family.first + size;
        let part = |program: &Program| {
            let ranks = next..next + program.ranks;
            next = ranks.end;
            Self {
                module: program.module.clone(),
                args: program.args.clone(),
                dir: program.dir.clone(),
                ranks,
                family: all.clone(),
            }
        };
        family.programs.iter().map(part).collect()
    }
}

/// The engine's view of a family.
pub(crate) fn known_to_engine(family: &Family, universe: u32) -> faabric_mpi::Family {
    faabric_mpi::Family {
        first: family.first,
        counts: family.programs.iter().map(|p| p.ranks).collect(),
        parents: family.parents.clone(),
        universe,
    }
}

/// Spawns that the planner has not answered, by question.
#[derive(Default)]
pub(crate) struct Unanswered(Mutex<BTreeMap<u64, Spawn>>);

impl Unanswered {
    /// Asks the planner.
    fn ask(&self, spawn: Spawn, outbox: &Outbox) {
        let mut asked = self.0.lock();
        asked.insert(spawn.question, spawn.clone());
        // Under the lock, so that a repeat for a new connection comes after it.
        outbox.report(Message::Spawn(spawn));
    }

    /// What a new connection must hear again.
    pub(crate) fn all(&self) -> Vec<Message> {
        self.0
            .lock()
            .values()
            .cloned()
            .map(Message::Spawn)
            .collect()
    }
}

/// Starts processes for the ranks of a job.
pub(crate) struct Spawner(pub(crate) Weak<Job>);

impl Launcher for Spawner {
    fn launch(&self, by: Rank, question: u64, launch: Launch) {
        let Some(job) = self.0.upgrade() else { return };
        let runtime = job.shared.runtime.clone();
        runtime.spawn(async move {
            match prepare(&job, by, question, launch).await {
                Ok(spawn) => job.unanswered.ask(spawn, &job.shared.outbox),
                Err(why) => job.world.launched(question, Err(why)),
            }
        });
    }
}

/// Stores the modules, and sees that they can run.
async fn prepare(job: &Job, by: Rank, question: u64, launch: Launch) -> Result<Spawn, String> {
    let mut programs = Vec::new();
    for program in launch.programs {
        let module = match program.module {
            Some(wasm) => {
                let stored = job.shared.modules.store(wasm, &job.spec.tier).await;
                stored.map_err(|error| cannot_run(&program.name, &error))?
            }
            None => job.module_of(by).unwrap_or_default(),
        };
        let fewer = program.fewer.iter().map(|numbers| Numbers {
            low: numbers.low,
            high: numbers.high,
            step: numbers.step,
        });
        programs.push(Program {
            fewer: fewer.collect(),
            name: program.name,
            module,
            args: program.args,
            dir: program.dir,
            ranks: program.most,
        });
    }
    Ok(Spawn {
        job: job.id.0,
        rank: by.0,
        question,
        programs,
        parents: launch.parents,
    })
}

fn cannot_run(name: &str, error: &Error) -> String {
    format!("command: {name:?} cannot be run: {error}")
}

impl Job {
    /// The planner's answer to a spawn.
    pub(crate) fn spawned(&self, done: SpawnDone) {
        self.unanswered.0.lock().remove(&done.question);
        let answer = match done.refused {
            why if !why.is_empty() => Err(why),
            _ => Ok(Launched {
                first: done.first,
                counts: done.ranks,
            }),
        };
        self.world.launched(done.question, answer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_cut_into_its_programs() {
        let program = |module: &str, ranks| Program {
            module: module.to_owned(),
            ranks,
            ..Program::default()
        };
        let family = Family {
            first: 4,
            programs: vec![program("a", 2), program("b", 0), program("c", 1)],
            ..Family::default()
        };
        let parts = Part::of_family(&family);
        let ranks: Vec<_> = parts.iter().map(|part| part.ranks.clone()).collect();
        assert_eq!(ranks, [4..6, 6..6, 6..7]);
        assert!(parts.iter().all(|part| part.family == (4..7)));
        assert_eq!(known_to_engine(&family, 9).counts, [2, 0, 1]);
    }
}
