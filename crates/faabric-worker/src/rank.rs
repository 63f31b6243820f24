//! One rank: a thread that runs one process and reports how it ended.

use crate::job::{Job, code};
use crate::output::{Stream, Writer};
use crate::recording::Recording;
use crate::spawn::Part;
use faabric_host::{Dir, Module, NoInput, Process, ProcessConfig, Stdin};
use faabric_wire::id::Rank;
use faabric_wire::proto;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// How a rank ended.
struct Outcome {
    code: i32,
    reason: String,
}

/// Runs a rank from start to end: the body of its thread.
pub(crate) fn run(job: &Arc<Job>, part: &Part, module: &Module, dirs: Vec<Dir>, rank: Rank) {
    let stream = |stream| job.shared.outputs.stream(job.id, rank, stream, &job.ended);
    let streams = [stream(proto::Stream::Stdout), stream(proto::Stream::Stderr)];
    // A panic is a bug of ours in this rank's service; the other ranks are not to blame.
    let run = || run_process((job, part), module, dirs, rank, &streams);
    let outcome = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| Outcome {
        code: code::INTERNAL,
        reason: format!("an internal error of faabric: {}", text(panic.as_ref())),
    });
    for stream in &streams {
        stream.finish();
    }
    if let Some(ending) = job.world.ended() {
        // The first rank to get here tells, maybe of another one; it does nothing if the
        // job is stopping.
        job.abort(ending.rank.unwrap_or(rank), ending.code, &ending.reason);
    }
    job.exited(rank, outcome.code, &outcome.reason);
}

fn run_process(
    (job, part): (&Arc<Job>, &Part),
    module: &Module,
    dirs: Vec<Dir>,
    rank: Rank,
    [stdout, stderr]: &[Arc<Stream>; 2],
) -> Outcome {
    let stdin: Arc<dyn Stdin> = match &job.input {
        Some(input) if rank == Rank(0) => Arc::clone(input) as Arc<dyn Stdin>,
        _ => Arc::new(NoInput),
    };
    let config = ProcessConfig {
        args: part.args.clone(),
        env: environment(job, part, rank),
        dirs,
        stdin,
        stdout: Arc::new(Writer(Arc::clone(stdout))),
        stderr: Arc::new(Writer(Arc::clone(stderr))),
        memory_limit: job.shared.config.memory_limit,
        thread_limit: job.shared.config.thread_limit,
        mpi: Some((Arc::clone(&job.world), rank)),
    };
    let recording = Recording::start(job, rank);
    let process = match Process::new(module, config) {
        Ok(process) => process,
        Err(error) => {
            return Outcome {
                code: code::CANNOT_START,
                reason: error.to_string(),
            };
        }
    };
    job.running(rank, process.interrupter());
    let exit = process.run();
    drop(recording);
    Outcome {
        code: exit.code,
        reason: exit.reason.unwrap_or_default(),
    }
}

/// The job's environment and what this worker adds; what it adds wins.
///
/// | variable | value |
/// |---|---|
/// | `FAABRIC_JOB` | the number of the job |
/// | `FAABRIC_RANK` | the rank in `MPI_COMM_WORLD`, from 0 |
/// | `FAABRIC_SIZE` | how many ranks `MPI_COMM_WORLD` has |
/// | `FAABRIC_WORKER` | the name of the worker |
/// | `OMP_NUM_THREADS` | the threads of each rank, if the job asks for some |
/// | `PWD` | where a spawned rank starts |
fn environment(job: &Job, part: &Part, rank: Rank) -> Vec<(String, String)> {
    let mut own = vec![
        ("FAABRIC_JOB", job.id.0.to_string()),
        ("FAABRIC_RANK", (rank.0 - part.family.start).to_string()),
        ("FAABRIC_SIZE", part.family.len().to_string()),
        ("FAABRIC_WORKER", job.shared.name.clone()),
    ];
    if job.spec.threads > 0 {
        own.push(("OMP_NUM_THREADS", job.spec.threads.to_string()));
    }
    if !part.dir.is_empty() {
        own.push(("PWD", part.dir.clone()));
    }
    let given = job
        .spec
        .env
        .iter()
        .filter(|given| own.iter().all(|(name, _)| *name != given.name));
    let given = given.map(|given| (given.name.clone(), given.value.clone()));
    let given: Vec<_> = given.collect();
    given
        .into_iter()
        .chain(
            own.into_iter()
                .map(|(name, value)| (name.to_owned(), value)),
        )
        .collect()
}

/// What a panic said.
fn text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without words")
}
