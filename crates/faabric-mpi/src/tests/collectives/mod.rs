//! Every collective through the engine, against the naive result: on one worker and
//! over two, blocking and not, for several sizes, roots and datatypes.

mod arguments;
mod edges;
mod moving;
mod reducing;
mod sequences;

use super::*;
use crate::collective::{Collective, Reduction, Spread, Thresholds, TypedSpread};
use crate::datatype::Datatype;
use crate::handle::OpHandle;
use crate::op::UserOp;
use crate::tuning::Tuning;

const SIZES: [u32; 5] = [1, 2, 3, 5, 8];
/// Elements (of four bytes): small, copied and shown contributions.
const COUNTS: [usize; 4] = [1, 7, 1000, 20_000];
const SEND: u64 = 64;
const RECV: u64 = 2 << 20;
const SUM: OpHandle = OpHandle(abi::MPI_SUM);
const IN_PLACE: Addr = Addr(abi::MPI_IN_PLACE as u64);

impl Process {
    fn ints(&self, at: u64, count: usize) -> Vec<i32> {
        self.get(at, count * 4)
            .chunks_exact(4)
            .map(|b| i32::from_le_bytes(b.try_into().unwrap()))
            .collect()
    }

    fn put_ints(&self, at: u64, ints: &[i32]) -> Buffer {
        self.put(
            at,
            &ints
                .iter()
                .flat_map(|i| i.to_le_bytes())
                .collect::<Vec<_>>(),
        );
        int_span(at, ints.len())
    }

    fn collective(&mut self, call: &Collective<'_>) {
        self.rank.collective(&mut self.guest, WORLD, call).unwrap();
    }
}

fn int_span(at: u64, count: usize) -> Buffer {
    Buffer {
        addr: Addr(at),
        count: count as i64,
        datatype: INT,
    }
}

/// What rank `from` has for rank `to`.
fn data(from: i32, to: i32, count: usize) -> Vec<i32> {
    (0..count as i32)
        .map(|i| from * 1_000_003 + to * 7_919 + i)
        .collect()
}

fn sum_of(ranks: impl Iterator<Item = i32>, count: usize) -> Vec<i32> {
    let mut sum = vec![0; count];
    for rank in ranks {
        sum.iter_mut()
            .zip(data(rank, 0, count))
            .for_each(|(sum, x): (&mut i32, i32)| *sum = sum.wrapping_add(x));
    }
    sum
}

fn reduction(send: u64, recv: u64, count: usize) -> Reduction {
    Reduction {
        send: Addr(send),
        recv: Addr(recv),
        count: count as i64,
        datatype: INT,
        op: SUM,
    }
}

/// All elements of the blocks of `ranks` ranks.
fn concat(blocks: impl Iterator<Item = Vec<i32>>) -> Vec<i32> {
    blocks.flatten().collect()
}

/// Runs `program` on one worker and over two, with every way of choosing algorithms:
/// the default; messages only; and messages only with the algorithms for large data
/// from the first byte on.
fn run_all_ways(size: u32, program: impl Fn(&mut Process) + Sync) {
    let messages = Thresholds {
        local: false,
        ..Thresholds::default()
    };
    let large = Thresholds {
        bcast_tree: 0,
        bcast_doubling: 0,
        reduce_tree: 0,
        allreduce_doubling: 0,
        rooted_tree: 0,
        allgather_short: 0,
        alltoall_bruck: 0,
        alltoall_scattered: 0,
        reduce_scatter_halving: 0,
        scan_doubling: 0,
        ..messages.clone()
    };
    let ring = Thresholds {
        allreduce_ring: 0,
        ..large.clone()
    };
    let shown = Thresholds {
        local_copied: 0,
        local_copied_crowded: 0,
        ..Thresholds::default()
    };
    for thresholds in [Thresholds::default(), shown, messages, large, ring] {
        for workers in [1, 2] {
            let of_rank: Vec<u32> = (0..size).map(|rank| rank % workers).collect();
            let cluster = Cluster::new(&of_rank);
            let tuning = Tuning {
                thresholds: thresholds.clone(),
                ..Tuning::default()
            };
            cluster
                .worlds
                .iter()
                .for_each(|world| world.tune(tuning.clone()));
            cluster.run(|process| {
                process.rank.init().unwrap();
                program(process);
                process.rank.finalize(&mut process.guest).unwrap();
            });
        }
    }
}
