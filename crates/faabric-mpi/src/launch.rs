//! More processes for a job: what the engine asks of whoever started it.
//!
//! ```text
//!   rank's thread --Launcher::launch--> worker --> planner
//!   (waits)      <---World::launched--- worker <-- planner    after World::add_family
//! ```
//! The engine only says what is to be started; where is the planner's to decide.

use crate::error::{Class, Error, Result};
use crate::guest::Guest;
use crate::rank::Rank;
use crate::request::{Completion, Outcome};
use crate::world::World;
use faabric_wire::id;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

/// Starts processes. See the module's documentation.
pub trait Launcher: Send + Sync + 'static {
    /// Begins to start processes for rank `by`. The answer comes through
    /// [`World::launched`] with this `question`, once the new ranks have joined the world.
    fn launch(&self, by: id::Rank, question: u64, launch: Launch);
}

/// What one spawn asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// The commands.
    pub programs: Vec<Program>,
    /// The ranks of the communicator that asks, in their order.
    pub parents: Vec<u32>,
}

/// One command of a spawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// What the guest called it, for messages.
    pub name: String,
    /// The module; none for the one that the asking rank runs.
    pub module: Option<Vec<u8>>,
    /// `argv`, the program's name first.
    pub args: Vec<String>,
    /// The directory that it starts in.
    pub dir: String,
    /// How many processes, at the most.
    pub most: u32,
    /// Smaller numbers that will do as well.
    pub fewer: Vec<Numbers>,
}

/// `low`, `low + step`, ... up to `high`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers {
    /// The smallest.
    pub low: u32,
    /// None is larger.
    pub high: u32,
    /// From one to the next; not 0.
    pub step: u32,
}

/// What was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launched {
    /// The first of the new ranks, as the job counts them.
    pub first: u32,
    /// How many of each command.
    pub counts: Vec<u32>,
}

/// What the ranks of one worker have asked for.
#[derive(Default)]
pub(crate) struct Launches {
    launcher: OnceLock<Arc<dyn Launcher>>,
    asked: Mutex<Asked>,
}

#[derive(Default)]
struct Asked {
    last: u64,
    waiting: HashMap<u64, Arc<Waiting>>,
}

struct Waiting {
    completion: Completion,
    launched: OnceLock<Launched>,
}

impl World {
    /// Who starts more processes for this job; the first time counts. Without it a spawn
    /// fails.
    pub fn set_launcher(&self, launcher: Arc<dyn Launcher>) {
        let _ = self.launches.launcher.set(launcher);
    }

    /// The answer to [`Launcher::launch`]: what was started, or why nothing was. One to a
    /// question that nobody waits for changes nothing.
    pub fn launched(&self, question: u64, answer: Result<Launched, String>) {
        let Some(waiting) = self.launches.asked.lock().waiting.remove(&question) else {
            return;
        };
        let refused = match answer {
            Ok(launched) => waiting.launched.set(launched).err().map(|_| String::new()),
            Err(why) => Some(why),
        };
        let error = refused.map(|why| Error::new(Class::SPAWN, why));
        self.finish(&waiting.completion, Outcome::EMPTY, error);
    }
}

impl Rank {
    /// Has processes started, and waits until they are known here.
    ///
    /// # Errors
    /// `MPI_ERR_SPAWN`.
    pub(crate) fn launch(&self, guest: &mut dyn Guest, launch: Launch) -> Result<Launched> {
        let launches = &self.world.launches;
        let Some(launcher) = launches.launcher.get() else {
            let why = "this job was started by something that cannot start more processes";
            return Err(Error::new(Class::SPAWN, why));
        };
        let waiting = Arc::new(Waiting {
            completion: Completion::new(self.world_rank),
            launched: OnceLock::new(),
        });
        let question = {
            let mut asked = launches.asked.lock();
            asked.last += 1;
            let question = asked.last;
            asked.waiting.insert(question, Arc::clone(&waiting));
            question
        };
        launcher.launch(self.world_rank(), question, launch);
        self.wait_for(guest, || waiting.completion.result())??;
        let launched = waiting.launched.get().cloned();
        launched.ok_or_else(|| Error::new(Class::INTERN, "a spawn ended without an answer"))
    }
}
