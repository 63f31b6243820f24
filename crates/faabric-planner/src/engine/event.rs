//! What the engine is told, and what it answers.

use super::state::Share;
use super::workers::Offer;
use crate::names::WorkerName;
use faabric_wire::id::{JobId, Rank};
use faabric_wire::proto::{Family, JobSpec, Spawn};
use std::sync::Arc;

/// Something that happened outside.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A worker's connection opened.
    WorkerJoined {
        /// Its name.
        worker: WorkerName,
        /// What it brings.
        offer: Offer,
        /// All ranks it was told to start, of jobs it was not told to forget.
        running: Vec<(JobId, Vec<Rank>)>,
    },
    /// A worker is alive. (So does every other message of a worker say.)
    WorkerHeartbeat {
        /// Its name.
        worker: WorkerName,
    },
    /// A worker's connection closed. It gets nothing to do, and is soon lost unless it
    /// comes back.
    WorkerDisconnected {
        /// Its name.
        worker: WorkerName,
    },
    /// A worker is being shut down: it gets nothing to do any more, and is gone once its
    /// connection closes.
    WorkerLeaving {
        /// Its name.
        worker: WorkerName,
    },
    /// The planner itself did not run for so many milliseconds: it was stopped, or its
    /// machine was. What it did not hear meanwhile is nobody's fault.
    Stalled {
        /// How long.
        ms: u64,
    },
    /// Time has passed.
    Tick,
    /// A client wants a job run. `job` is what [`super::Engine::next_job`] said.
    JobSubmitted {
        /// Its id.
        job: JobId,
        /// What it is; checked.
        spec: Arc<JobSpec>,
    },
    /// The submission could not be made durable, and no command about it was sent: undo it.
    JobWithdrawn {
        /// Which.
        job: JobId,
    },
    /// A rank ended.
    RankExited {
        /// Who says so.
        worker: WorkerName,
        /// Its job.
        job: JobId,
        /// Which rank.
        rank: Rank,
        /// Exit code.
        code: i32,
        /// "" for a normal exit.
        reason: String,
    },
    /// A rank called `MPI_Abort`.
    JobAborted {
        /// Who says so.
        worker: WorkerName,
        /// Its job.
        job: JobId,
        /// Which rank.
        rank: Rank,
        /// The code it asked for.
        code: i32,
        /// Why, or "".
        reason: String,
    },
    /// A rank asks for more ranks of its job.
    SpawnRequested {
        /// Who says so.
        worker: WorkerName,
        /// What it asks for.
        spawn: Arc<Spawn>,
    },
    /// A client wants a job ended.
    JobCancelled {
        /// Which.
        job: JobId,
        /// Why, or "".
        reason: String,
    },
    /// The policy of jobs that name none is now this one.
    PolicySet {
        /// A name that [`crate::policy::by_name`] knows.
        policy: String,
    },
    /// The log cannot be written (`Some`: why) or can again (`None`). Meanwhile no job is
    /// started, because a crash would forget where.
    LogBlocked {
        /// What the log said.
        reason: Option<String>,
    },
}

/// Something the service must do once the facts are durable.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Tell a worker to run ranks, and what there is of the job.
    StartRanks {
        /// Whom.
        worker: WorkerName,
        /// Of which job.
        job: JobId,
        /// Everything needed to run them.
        spec: Arc<JobSpec>,
        /// Which.
        ranks: Vec<Rank>,
        /// Where all ranks of the job are.
        world: Arc<[Share]>,
        /// What the job has spawned.
        families: Vec<Arc<Family>>,
        /// How many slots the cluster has.
        universe: u32,
    },
    /// Tell a worker what came of a spawn that a rank there has asked for.
    SpawnDone {
        /// Whom.
        worker: WorkerName,
        /// Of which job.
        job: JobId,
        /// As the worker calls it.
        question: u64,
        /// The new ranks, or why there are none.
        outcome: Result<Arc<Family>, String>,
    },
    /// Tell a worker to end its ranks of a job.
    StopJob {
        /// Whom.
        worker: WorkerName,
        /// Which job.
        job: JobId,
        /// The job's exit code.
        code: i32,
        /// Why.
        reason: String,
    },
    /// Tell a worker that all ranks of a job have ended, everywhere.
    JobEnded {
        /// Whom.
        worker: WorkerName,
        /// Which job.
        job: JobId,
    },
    /// End a worker's connection, if it has one: its lease is over. If it lives after
    /// all, it comes back and says what it runs.
    Disconnect {
        /// Whose.
        worker: WorkerName,
    },
    /// Tell those who follow a job that it changed.
    JobChanged {
        /// Which.
        job: JobId,
    },
}
