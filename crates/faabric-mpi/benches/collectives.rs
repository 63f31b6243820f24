//! Times of collectives in one worker: threads as ranks, without Wasm. To tell the
//! engine's own time from the guest's and the ABI's in `make bench`, and to choose the
//! thresholds of `collective/select.rs`.
//!
//! `cargo bench -p faabric-mpi --bench collectives -- 2 16` runs 2 and 16 ranks.
#![allow(missing_docs, reason = "a program, not a library")]
#![allow(clippy::print_stdout, reason = "the table is its output")]

use anyhow::Result;
use faabric_mpi::collective::Reduction;
use faabric_mpi::error::{Error, Trap};
use faabric_mpi::handle::{CommHandle, OpHandle, TypeHandle};
use faabric_mpi::memory::{Addr, HostBuffer};
use faabric_mpi::{Buffer, Collective, Guest, GuestFn, Placement, Rank, World, abi};
use faabric_wire::id::{self, JobId};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

const WORLD: CommHandle = CommHandle(abi::MPI_COMM_WORLD);
const SIZES: [u64; 6] = [8, 1 << 10, 8 << 10, 64 << 10, 256 << 10, 1 << 20];
const SEND: u64 = 4096;
/// How long each row is measured.
const ROW: Duration = Duration::from_millis(200);

struct NoGuest;

impl Guest for NoGuest {
    fn call(&mut self, _: GuestFn, _: &[u32]) -> Result<Option<u32>, Trap> {
        Ok(None)
    }
    fn scratch(&mut self, _: u64) -> Result<Addr, Error> {
        Ok(Addr(0))
    }
}

type Make = fn(ranks: u64, bytes: u64) -> Collective<'static>;

const ROWS: [(&str, Make); 6] = [
    ("barrier", |_, _| Collective::Barrier),
    ("allreduce", |_, bytes| {
        Collective::Allreduce(reduction(bytes))
    }),
    ("reduce", |_, bytes| Collective::Reduce {
        data: reduction(bytes),
        root: 0,
    }),
    ("bcast", |_, bytes| Collective::Bcast {
        buffer: buffer(SEND, bytes),
        root: 0,
    }),
    ("allgather", |ranks, bytes| {
        let share = (bytes / ranks).max(8);
        Collective::Allgather {
            send: buffer(SEND, share),
            recv: buffer(recv(bytes), share),
        }
    }),
    ("alltoall", |ranks, bytes| {
        let share = (bytes / ranks).max(8);
        Collective::Alltoall {
            send: buffer(SEND, share),
            recv: buffer(recv(bytes), share),
        }
    }),
];

fn recv(bytes: u64) -> u64 {
    2 * SEND + bytes.max(4096)
}

fn buffer(addr: u64, bytes: u64) -> Buffer {
    Buffer {
        addr: Addr(addr),
        count: (bytes / 8) as i64,
        datatype: TypeHandle(abi::MPI_DOUBLE),
    }
}

fn reduction(bytes: u64) -> Reduction {
    Reduction {
        send: Addr(SEND),
        recv: Addr(recv(bytes)),
        count: (bytes / 8) as i64,
        datatype: TypeHandle(abi::MPI_DOUBLE),
        op: OpHandle(abi::MPI_SUM),
    }
}

fn main() -> Result<()> {
    let asked: Vec<u32> = std::env::args()
        .filter_map(|arg| arg.parse().ok())
        .collect();
    let cores = std::thread::available_parallelism()?.get() as u32;
    println!(
        "microseconds an operation, {cores} cores; allgather and alltoall: bytes of the whole buffer"
    );
    for ranks in if asked.is_empty() {
        vec![2, 4, 16]
    } else {
        asked
    } {
        println!("{ranks} ranks");
        measure(ranks, cores)?;
    }
    Ok(())
}

fn measure(ranks: u32, cores: u32) -> Result<()> {
    let world = World::new(JobId(1), Placement::single(ranks, "bench"), None, cores);
    let gate = Barrier::new(ranks as usize);
    std::thread::scope(|scope| {
        let run = |me: u32| {
            let (world, gate) = (world.clone(), &gate);
            move || -> Result<()> {
                let memory = Arc::new(HostBuffer::zeroed(4 << 20));
                let rank = Rank::new(world, id::Rank(me), memory)?;
                rank.init()?;
                rows(&rank, me, u64::from(ranks), gate)?;
                rank.finalize(&mut NoGuest)?;
                Ok(())
            }
        };
        let all: Vec<_> = (0..ranks).map(|me| scope.spawn(run(me))).collect();
        all.into_iter().try_for_each(|thread| {
            thread
                .join()
                .unwrap_or_else(|_| anyhow::bail!("a rank panicked"))
        })
    })
}

fn rows(rank: &Rank, me: u32, ranks: u64, gate: &Barrier) -> Result<()> {
    for (name, make) in ROWS {
        let mut line = format!("  {name:<10}");
        for bytes in SIZES
            .into_iter()
            .take(if name == "barrier" { 1 } else { SIZES.len() })
        {
            let call = make(ranks, bytes);
            let time = |rounds: u32| -> Result<Duration> {
                gate.wait();
                let start = Instant::now();
                for _ in 0..rounds {
                    rank.collective(&mut NoGuest, WORLD, &call)?;
                }
                Ok(start.elapsed())
            };
            // Every rank must make the same number of rounds: they agree on rank 0's.
            let warm = time(20)?;
            let rounds = agree(
                rank,
                (ROW.as_nanos() / (warm.as_nanos() / 20).max(100)).clamp(20, 200_000) as u32,
            )?;
            let spent = cpu();
            let taken = time(rounds)?;
            gate.wait();
            let each = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(rounds);
            line += &format!(" {:>8.2} {:>8.2}", each(taken), each(cpu() - spent));
        }
        if me == 0 {
            println!("{line}");
        }
    }
    Ok(())
}

/// Processor time of the whole process: tells a slow operation from a busy machine.
fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.cast_unsigned(), time.tv_nsec as u32)
}

fn agree(rank: &Rank, rounds: u32) -> Result<u32> {
    rank.memory().write(Addr(0), &rounds.to_le_bytes())?;
    let buffer = Buffer {
        addr: Addr(0),
        count: 4,
        datatype: TypeHandle(abi::MPI_BYTE),
    };
    rank.collective(&mut NoGuest, WORLD, &Collective::Bcast { buffer, root: 0 })?;
    let mut bytes = [0; 4];
    rank.memory().read(Addr(0), &mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}
