//! A process: a guest program with its memory, files and threads, from start to exit.
//!
//! ```text
//!  new: reserve memory, open directories
//!  run: main Granule --_start--> returns | proc_exit | traps
//!            |  thread-spawn                  |
//!       thread Granules ---------- end: all interrupted, all gone --> Exit
//! ```
//! The first reason to end wins: of a trap in one thread and the interrupts it causes in
//! the others, the trap is what the user sees.

use crate::abi::wasi::{MpiFiles, Wasi};
use crate::config::ProcessConfig;
use crate::ending::{Ending, Left, Reason};
use crate::error::{Error, Result};
use crate::granule::Shared;
use crate::memory::{GuestMemory, INDEX_SPACE, Linear, PAGE, ProcessTunables, Region};
use crate::module::{Memory, Module};
use crate::thread::{Threads, run_export};
use faabric_mpi::{Rank, World};
use std::sync::Arc;
use wasmer::MemoryType;
use wasmer::sys::NativeEngineExt;

/// Bytes of a Granule's call stack: what Linux gives a program's main thread. Reserved,
/// not used, until a guest recurses that deep.
const CALL_STACK: usize = 8 << 20;

/// Exit code of a rank that returned 0 without `MPI_Finalize`, as under mpirun.
const NO_FINALIZE: i32 = 1;

/// One process, ready to run.
pub struct Process {
    shared: Arc<Shared>,
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// The code of `proc_exit`, 0 when the program returned, 128 + a signal's number
    /// after a trap: 134 abort, 136 arithmetic, 139 memory.
    pub code: i32,
    /// Why it did not end by itself: the trap with the guest's backtrace, or the reason
    /// given to [`Interrupter::interrupt`].
    pub reason: Option<String>,
}

impl Process {
    /// Prepares a process: reserves its memory and opens its directories.
    ///
    /// # Errors
    /// [`Error::Memory`] when the memory is refused, [`Error::Dir`] for a directory that
    /// cannot be opened.
    pub fn new(module: &Module, config: ProcessConfig) -> Result<Self> {
        let prepared = Arc::clone(&module.0);
        let (region, ty) = memory(prepared.memory(), config.memory_limit)?;
        let region = Arc::new(region);
        let linear = Linear::new(Arc::clone(&region), ty);
        let mut engine = prepared.engine().clone();
        engine.set_tunables(ProcessTunables::new(linear, CALL_STACK));

        let ending = Arc::<Ending>::default();
        let threads = Arc::new(Threads::new(config.thread_limit));
        let stdin = Arc::clone(&config.stdin);
        ending.on_begin(move || stdin.wake());
        let waits = Arc::clone(&region);
        ending.on_begin(move || waits.end_waits());

        let memory = GuestMemory::new(region);
        let wasi = Arc::new(Wasi::new(&config)?);
        let mpi = match &config.mpi {
            Some((world, rank)) => Some(rank_of((world, *rank), &config, &memory, &wasi, &ending)?),
            None => None,
        };

        let shared = Arc::new(Shared {
            prepared,
            engine,
            memory,
            wasi,
            ending,
            threads,
            mpi,
        });
        Ok(Self { shared })
    }

    /// Ends the process from outside.
    #[must_use]
    pub fn interrupter(&self) -> Interrupter {
        Interrupter {
            ending: Arc::clone(&self.shared.ending),
            threads: Arc::clone(&self.shared.threads),
        }
    }

    /// Runs the guest on the calling thread until it and all its threads have ended.
    #[must_use]
    pub fn run(self) -> Exit {
        let live = self.shared.threads.enter_main();
        let left = run_export(&self.shared, &live, "_start", &[]);
        drop(live);
        let reason = match left {
            Ok(()) => Some(Reason {
                code: 0,
                text: None,
            }),
            Err(Left::Because(reason)) => Some(reason),
            Err(Left::Ending) => None,
        };
        if let Some(reason) = reason {
            self.shared.ending.begin(reason);
        }
        self.shared.threads.end();
        // wasmer keeps every stack that a guest had, with the pages that it used. The last of
        // this one's threads may be about to return theirs; the next process lets go of those.
        wasmer_vm::drain_stack_pool();
        // There is one: from just above, or what made the main thread leave.
        let reason = self.shared.ending.reason().unwrap_or(Reason {
            code: Interrupter::CODE,
            text: None,
        });
        let reason = match &self.shared.mpi {
            Some(rank) => leave_job(rank, reason),
            None => reason,
        };
        Exit {
            code: reason.code,
            reason: reason.text,
        }
    }
}

/// The rank that the process is; its waits end with the process.
fn rank_of(
    (world, rank): (&Arc<World>, faabric_wire::id::Rank),
    config: &ProcessConfig,
    memory: &GuestMemory,
    wasi: &Arc<Wasi>,
    ending: &Ending,
) -> Result<Arc<Rank>> {
    let rank = Rank::new(Arc::clone(world), rank, Arc::new(memory.clone())).map_err(Error::Mpi)?;
    let files = MpiFiles::new(Arc::clone(wasi));
    let program = config.args.first().map_or("", String::as_str);
    let rank = Arc::new(rank.with_files(Arc::new(files)).with_program(program));
    let waits = Arc::downgrade(&rank);
    ending.on_begin(move || {
        if let Some(rank) = waits.upgrade() {
            rank.end_waits();
        }
    });
    Ok(rank)
}

/// Ends the job with the rank, unless the rank ended as MPI wants it: the other ranks
/// would wait for it for ever.
fn leave_job(rank: &Rank, reason: Reason) -> Reason {
    let missing = rank.unfinished();
    if missing.is_none() && (reason.code == 0 || rank.used()) {
        return reason;
    }
    let me = rank.world_rank();
    let reason = if reason.code == 0 {
        Reason {
            code: NO_FINALIZE,
            text: Some(format!(
                "{me} ended without calling {}, so the job cannot go on",
                missing.unwrap_or("MPI_Finalize")
            )),
        }
    } else {
        reason
    };
    let text = match &reason.text {
        Some(text) => format!("{me}: {text}"),
        None => format!("{me} exited with code {}", reason.code),
    };
    rank.world().abort_by(me, reason.code, text);
    reason
}

/// Reserves the memory that the module declares.
fn memory(declared: Option<Memory>, limit: u64) -> Result<(Region, MemoryType)> {
    let ty = declared.map_or(MemoryType::new(0, Some(0), false), |memory| memory.ty);
    let minimum = ty.minimum.0 as usize * PAGE;
    let maximum = ty
        .maximum
        .map_or(INDEX_SPACE, |pages| pages.0 as usize * PAGE);
    let limit = usize::try_from(limit).unwrap_or(INDEX_SPACE);
    if minimum > limit {
        return Err(Error::Memory(format!(
            "the module needs {minimum} bytes from the start, its limit is {limit}"
        )));
    }
    Region::new(minimum, maximum.min(limit))
        .map(|region| (region, ty))
        .map_err(|error| Error::Memory(error.to_string()))
}

/// Ends a process, running or blocked, from any thread.
#[derive(Clone)]
pub struct Interrupter {
    ending: Arc<Ending>,
    threads: Arc<Threads>,
}

impl Interrupter {
    /// Exit code of an interrupted process: as if killed by SIGKILL.
    pub const CODE: i32 = 137;

    /// Ends the process with [`Interrupter::CODE`] and `reason`, unless it is ending
    /// already. Returns at once; `Process::run` returns when the guest is gone.
    pub fn interrupt(&self, reason: &str) {
        self.exit(Self::CODE, Some(reason.to_owned()));
    }

    /// Ends the process with a code: another rank called `MPI_Abort`, say.
    pub fn exit(&self, code: i32, reason: Option<String>) {
        self.ending.begin(Reason { code, text: reason });
        if !self.threads.any() {
            return;
        }
        // A thread, because interrupting takes as long as the guest takes to notice.
        let threads = Arc::clone(&self.threads);
        let spawned = std::thread::Builder::new()
            .name("interrupt".to_owned())
            .spawn(move || threads.end());
        if let Err(error) = spawned {
            tracing::warn!("no thread to interrupt the guest from ({error}); waiting instead");
            self.threads.end();
        }
    }
}
