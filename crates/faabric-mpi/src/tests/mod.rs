//! Ranks as threads, memories as host buffers, workers as worlds of one process: the
//! whole engine without Wasm and without a network.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod addresses;
mod collectives;
mod comms;
mod credit;
mod io;
mod observe;
mod p2p;
mod partitioned;
mod quick;
mod requests;
mod rma;
mod sessions;
mod spawn;
mod tool;

use crate::abi;
use crate::error::{Class, Error, Result, Trap};
use crate::guest::{Argument, Guest, GuestFn};
use crate::handle::{CommHandle, TypeHandle};
use crate::io::Files;
use crate::memory::{Addr, HostBuffer};
use crate::rank::{Buffer, Rank};
use crate::send::{Destination, Origin};
use crate::world::{Placement, World};
use faabric_wire::id::{self, JobId};
use faabric_wire::in_process::{self, Delivery, InProcess, Place};
use parking_lot::RwLock;
use std::collections::HashMap;
use std::sync::Arc;

/// Bytes of memory a test rank has.
pub(crate) const MEMORY: usize = 4 << 20;
/// The part of it that [`TestGuest::scratch`] gives out, from here to the end.
pub(crate) const SCRATCH: u64 = (MEMORY - 4096) as u64;

pub(crate) const WORLD: CommHandle = CommHandle(abi::MPI_COMM_WORLD);
pub(crate) const BYTE: TypeHandle = TypeHandle(abi::MPI_BYTE);
pub(crate) const INT: TypeHandle = TypeHandle(abi::MPI_INT);
pub(crate) const ANY: i32 = abi::MPI_ANY_SOURCE;
pub(crate) const ANY_TAG: i32 = abi::MPI_ANY_TAG;

/// A function of the "guest's" table.
pub(crate) type Function = Box<dyn FnMut(&[u32]) -> Option<u32> + Send>;

/// A guest whose functions are closures.
#[derive(Default)]
pub(crate) struct TestGuest {
    pub(crate) functions: HashMap<u32, Function>,
}

impl Guest for TestGuest {
    fn call(&mut self, f: GuestFn, args: &[u32]) -> Result<Option<u32>, Trap> {
        match self.functions.get_mut(&f.0) {
            Some(function) => Ok(function(args)),
            None => Err(Trap(format!("no function {}", f.0))),
        }
    }

    fn call_with(&mut self, f: GuestFn, args: &[Argument]) -> Result<Option<u32>, Trap> {
        let words: Vec<u32> = args
            .iter()
            .map(|argument| match *argument {
                Argument::Word(word) => word,
                Argument::Long(long) => long as u32,
            })
            .collect();
        self.call(f, &words)
    }

    fn scratch(&mut self, len: u64) -> Result<Addr, Error> {
        if len <= 4096 {
            Ok(Addr(SCRATCH))
        } else {
            Err(Error::new(Class::NO_MEM, "scratch"))
        }
    }
}

/// What a test's rank works with.
pub(crate) struct Process {
    pub(crate) rank: Rank,
    pub(crate) guest: TestGuest,
    pub(crate) me: i32,
    pub(crate) size: i32,
}

impl Process {
    fn of(rank: Rank) -> Process {
        let world = rank.comm_world();
        let (me, size) = (world.rank as i32, world.size() as i32);
        let guest = TestGuest::default();
        Process {
            rank,
            guest,
            me,
            size,
        }
    }

    /// Puts `bytes` into memory at `at`, and describes them.
    pub(crate) fn put(&self, at: u64, bytes: &[u8]) -> Buffer {
        self.rank.memory().write(Addr(at), bytes).unwrap();
        span(at, bytes.len())
    }

    /// The bytes of memory at `at`.
    pub(crate) fn get(&self, at: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.rank.memory().read(Addr(at), &mut bytes).unwrap();
        bytes
    }
}

/// `count` bytes at `at`.
pub(crate) fn span(at: u64, count: usize) -> Buffer {
    Buffer {
        addr: Addr(at),
        count: count as i64,
        datatype: BYTE,
    }
}

pub(crate) fn to(rank: i32, tag: i32) -> Destination {
    Destination {
        rank,
        tag,
        comm: WORLD,
    }
}

pub(crate) fn from(rank: i32, tag: i32) -> Origin {
    Origin {
        rank,
        tag,
        comm: WORLD,
    }
}

/// Runs `program` as `size` ranks of one worker.
pub(crate) fn run(size: u32, program: impl Fn(&mut Process) + Sync) {
    run_on(&vec![0; size as usize], program);
}

/// Runs `program` twice: as `size` ranks of one worker, and spread over two.
pub(crate) fn run_both(size: u32, program: impl Fn(&mut Process) + Sync) {
    run(size, &program);
    run_on(&(0..size).map(|rank| rank % 2).collect::<Vec<_>>(), program);
}

/// Runs `program` in every rank, each on the worker that `of_rank` says, from
/// `MPI_Init` to `MPI_Finalize`.
pub(crate) fn run_on(of_rank: &[u32], program: impl Fn(&mut Process) + Sync) {
    let cluster = Cluster::new(of_rank);
    cluster.run(|process| {
        process.rank.init().unwrap();
        program(process);
        process.rank.finalize(&mut process.guest).unwrap();
    });
}

/// Several workers of one job, connected within the process.
pub(crate) struct Cluster {
    pub(crate) worlds: Vec<Arc<World>>,
    of_rank: Vec<u32>,
    /// The same of all ranks, those that were spawned included.
    everyone: Arc<RwLock<Vec<u32>>>,
    /// What each worker's ranks see as files.
    pub(crate) files: Vec<Arc<dyn Files>>,
    /// Bytes of memory of each rank.
    pub(crate) memory: usize,
    fabric: Arc<InProcess>,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.fabric.close();
    }
}

impl Cluster {
    pub(crate) fn new(of_rank: &[u32]) -> Cluster {
        let workers = of_rank.iter().max().map_or(1, |max| max + 1);
        let names: Vec<_> = (0..workers)
            .map(|worker| format!("worker-{worker}"))
            .collect();
        let everyone = Arc::new(RwLock::new(of_rank.to_vec()));
        let places = everyone.clone();
        let place: Place = Arc::new(move |rank: id::Rank| {
            let worker = places.read().get(rank.index()).copied();
            worker.map(|worker| worker as usize)
        });
        let config = in_process::Config {
            piece: 1000,
            ..in_process::Config::default()
        };
        let ends = in_process::connect(&names, &place, config);
        let fabric = ends[0].0.clone();
        let world = |(here, (fabric, delivery)): (usize, (Arc<InProcess>, Delivery))| {
            let placement = Placement {
                workers: names.clone(),
                of_rank: of_rank.to_vec(),
                here: here as u32,
            };
            let world = World::new(JobId(1), placement, Some(fabric), 2);
            let sink = world.clone();
            std::thread::spawn(move || delivery.run(&*sink));
            world
        };
        let worlds = ends.into_iter().enumerate().map(world).collect();
        Cluster {
            worlds,
            of_rank: of_rank.to_vec(),
            everyone,
            files: Vec::new(),
            memory: MEMORY,
            fabric,
        }
    }

    /// Runs `program` as each rank's process, without `MPI_Init` and `MPI_Finalize`.
    pub(crate) fn run(&self, program: impl Fn(&mut Process) + Sync) {
        std::thread::scope(|scope| {
            for (me, &worker) in self.of_rank.iter().enumerate() {
                let (program, world) = (&program, self.worlds[worker as usize].clone());
                let files = self.files.get(worker as usize).cloned();
                scope.spawn(move || {
                    let memory = Arc::new(HostBuffer::zeroed(self.memory));
                    let mut rank = Rank::new(world.clone(), id::Rank(me as u32), memory).unwrap();
                    if let Some(files) = files {
                        rank = rank.with_files(files);
                    }
                    let mut process = Process::of(rank);
                    // A rank that fails must not leave the others waiting for it.
                    let guard = EndOnPanic(&self.worlds);
                    program(&mut process);
                    std::mem::forget(guard);
                });
            }
        });
    }
}

struct EndOnPanic<'a>(&'a [Arc<World>]);

impl Drop for EndOnPanic<'_> {
    fn drop(&mut self) {
        for world in self.0 {
            world.abort(99, "a rank of the test panicked");
        }
    }
}
