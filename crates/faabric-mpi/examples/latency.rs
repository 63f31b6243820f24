//! What the engine alone costs: ranks as threads, no Wasm.
//!
//! `cargo run --release -p faabric-mpi --example latency`
//!
//! Prints the one-way time of ping-pong messages between two ranks, the time of a
//! small message in a stream, and rings and pairs of sixteen ranks on however many
//! cores there are.
#![allow(clippy::print_stdout, reason = "a benchmark prints")]

use faabric_mpi::error::{Error, Result, Trap};
use faabric_mpi::handle::{CommHandle, TypeHandle};
use faabric_mpi::memory::{self, Addr, Memory, OutOfBounds};
use faabric_mpi::{
    Buffer, Class, Destination, Guest, GuestFn, Origin, Placement, Rank, SendMode, World, abi,
};
use faabric_wire::id::{self, JobId};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// A guest that is never called back.
struct Nobody;

impl Guest for Nobody {
    fn call(&mut self, _: GuestFn, _: &[u32]) -> Result<Option<u32>, Trap> {
        Err(Trap("no guest".into()))
    }
    fn scratch(&mut self, _: u64) -> Result<Addr> {
        Err(Error::new(Class::NO_MEM, "no guest"))
    }
}

const MEMORY: usize = 8 << 20;

/// Memory without a lock, as linear memory is. Lengths and addresses must be multiples
/// of 8, which those here are.
struct Words(Box<[AtomicU64]>);

impl Words {
    fn at(&self, at: Addr, len: u64) -> Result<&[AtomicU64], OutOfBounds> {
        memory::check(at, len, self.size())?;
        let first = at.0 as usize / 8;
        Ok(&self.0[first..first + len as usize / 8])
    }
}

impl Memory for Words {
    fn size(&self) -> u64 {
        self.0.len() as u64 * 8
    }
    fn read(&self, at: Addr, buf: &mut [u8]) -> Result<(), OutOfBounds> {
        let words = self.at(at, buf.len() as u64)?;
        for (word, bytes) in words.iter().zip(buf.as_chunks_mut::<8>().0) {
            *bytes = word.load(Relaxed).to_le_bytes();
        }
        Ok(())
    }
    fn write(&self, at: Addr, buf: &[u8]) -> Result<(), OutOfBounds> {
        let words = self.at(at, buf.len() as u64)?;
        for (word, bytes) in words.iter().zip(buf.as_chunks::<8>().0) {
            word.store(u64::from_le_bytes(*bytes), Relaxed);
        }
        Ok(())
    }
    fn copy_to(&self, at: Addr, len: u64, to: &dyn Memory, to_at: Addr) -> Result<(), OutOfBounds> {
        let Some(to) = to.as_any().downcast_ref::<Words>() else {
            return Ok(());
        };
        for (from, to) in self.at(at, len)?.iter().zip(to.at(to_at, len)?) {
            to.store(from.load(Relaxed), Relaxed);
        }
        Ok(())
    }
    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

fn buffer(len: usize) -> Buffer {
    Buffer {
        addr: Addr(0),
        count: len as i64,
        datatype: TypeHandle(abi::MPI_BYTE),
    }
}

fn to(rank: u32) -> Destination {
    Destination {
        rank: rank as i32,
        tag: 1,
        comm: CommHandle(abi::MPI_COMM_WORLD),
    }
}

fn from(rank: u32) -> Origin {
    Origin {
        rank: rank as i32,
        tag: 1,
        comm: CommHandle(abi::MPI_COMM_WORLD),
    }
}

/// Runs `program` in `size` ranks; gives the time of rank 0.
fn run(size: u32, program: impl Fn(&Rank, u32) -> Result<()> + Sync) -> Duration {
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get() as u32);
    let world = World::new(JobId(1), Placement::single(size, "here"), None, cores);
    std::thread::scope(|scope| {
        let ranks: Vec<_> = (0..size)
            .map(|me| {
                let (world, program) = (world.clone(), &program);
                scope.spawn(move || -> Result<Duration> {
                    let words = (0..MEMORY / 8).map(|_| AtomicU64::new(0));
                    let memory = Arc::new(Words(words.collect()));
                    let rank = Rank::new(world, id::Rank(me), memory)?;
                    rank.init()?;
                    let start = Instant::now();
                    program(&rank, me)?;
                    let took = start.elapsed();
                    rank.finalize(&mut Nobody)?;
                    Ok(took)
                })
            })
            .collect();
        let times: Vec<_> = ranks.into_iter().map(|rank| rank.join()).collect();
        match times.into_iter().next() {
            Some(Ok(Ok(time))) => time,
            other => panic!("rank 0 failed: {other:?}"),
        }
    })
}

fn ping_pong(rounds: u32, len: usize) -> Duration {
    let both = run(2, |rank, me| {
        for _ in 0..rounds {
            for turn in [0, 1] {
                if turn == me {
                    rank.send(&mut Nobody, SendMode::Standard, &buffer(len), to(1 - me))?;
                } else {
                    rank.recv(&mut Nobody, &buffer(len), from(1 - me))?;
                }
            }
        }
        Ok(())
    });
    both / (2 * rounds)
}

fn stream(count: u32, len: usize) -> Duration {
    let all = run(2, |rank, me| {
        for _ in 0..count {
            if me == 0 {
                rank.send(&mut Nobody, SendMode::Standard, &buffer(len), to(1))?;
            } else {
                rank.recv(&mut Nobody, &buffer(len), from(0))?;
            }
        }
        Ok(())
    });
    all / count
}

/// A rank's message to itself: what the code costs without any other core.
fn alone(count: u32, len: usize) -> Duration {
    let all = run(1, |rank, _| {
        for _ in 0..count {
            rank.send(&mut Nobody, SendMode::Standard, &buffer(len), to(0))?;
            rank.recv(&mut Nobody, &buffer(len), from(0))?;
        }
        Ok(())
    });
    all / count
}

fn ring(size: u32, rounds: u32) -> Duration {
    let all = run(size, |rank, me| {
        let (right, left) = ((me + 1) % size, (me + size - 1) % size);
        for _ in 0..rounds {
            if me == 0 {
                rank.send(&mut Nobody, SendMode::Standard, &buffer(8), to(right))?;
                rank.recv(&mut Nobody, &buffer(8), from(left))?;
            } else {
                rank.recv(&mut Nobody, &buffer(8), from(left))?;
                rank.send(&mut Nobody, SendMode::Standard, &buffer(8), to(right))?;
            }
        }
        Ok(())
    });
    all / (rounds * size)
}

fn pairs(size: u32, rounds: u32) -> Duration {
    let all = run(size, |rank, me| {
        for _ in 0..rounds {
            let peer = me ^ 1;
            let data = buffer(8);
            rank.sendrecv(&mut Nobody, &data, to(peer), &data, from(peer))?;
        }
        Ok(())
    });
    all / rounds
}

fn main() {
    println!(
        "to itself        8 B  {:>12.3?} both calls",
        alone(1_000_000, 8)
    );
    for len in [
        0,
        8,
        64,
        256,
        1024,
        4096,
        16 << 10,
        64 << 10,
        256 << 10,
        1 << 20,
        4 << 20,
    ] {
        let rounds = (100_000_000 / (len as u32 + 1000)).clamp(50, 200_000);
        let best = (0..3)
            .map(|_| ping_pong(rounds, len))
            .min()
            .unwrap_or_default();
        let rate = len as f64 / best.as_secs_f64() / 1e9;
        println!("ping-pong {len:>8} B  {best:>12.3?} one way  {rate:7.2} GB/s");
    }
    println!(
        "stream           8 B  {:>12.3?} a message",
        stream(300_000, 8)
    );
    for size in [2, 4, 16] {
        println!(
            "ring   {size:>3} ranks       {:>12.3?} a hop",
            ring(size, 40_000 / size)
        );
        println!(
            "pairs  {size:>3} ranks       {:>12.3?} an exchange",
            pairs(size, 20_000 / size)
        );
    }
}
