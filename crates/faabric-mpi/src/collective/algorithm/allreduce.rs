//! Allreduce (MPI 4.1, section 6.9.6).
//!
//! All ranks get the same bits: where two ranks combine the same two operands, both
//! do it in rank order.

use super::accumulator::Accumulator;
use super::fold::Fold;
use super::reduce::Operands;
use super::reduce_scatter;
use crate::collective::schedule::{Blocks, Builder, Place, Schedule, Seat, Slice};

/// log2(size) exchanges of all the data; keeps rank order, so any operation may use
/// it. For small data, and for operations that do not commute.
pub(crate) fn recursive_doubling(seat: Seat, operands: Operands) -> Schedule {
    let fold = Fold::new(seat);
    let acc = Slice::of(Place::Recv, operands.bytes());
    let mut build = Builder::new();
    let mut sum = Accumulator::new(operands.input(), acc);
    fold.fold(&mut build, &mut sum);
    if let Some(place) = fold.place() {
        let mut width = 1;
        while width < fold.places {
            let peer = place ^ width;
            build.send(fold.rank(peer), sum.sum());
            sum.take(&mut build, fold.rank(peer), 0..acc.len, peer < place);
            build.round();
            width *= 2;
        }
        sum.settle(&mut build);
    }
    fold.unfold(&mut build, acc, acc);
    build.finish()
}

/// Rabenseifner: reduce-scatter by recursive halving, allgather by recursive
/// doubling. For large data and commutative operations.
pub(crate) fn rabenseifner(seat: Seat, operands: Operands) -> Schedule {
    let fold = Fold::new(seat);
    let blocks = Blocks::split(operands.count, operands.unit, fold.places);
    let acc = Slice::of(Place::Recv, operands.bytes());
    let mut build = Builder::new();
    let sum = Accumulator::new(operands.input(), acc);
    reduce_scatter::halve(&mut build, &fold, &blocks, sum);
    build.round();
    if let Some(place) = fold.place() {
        let mut width = 1;
        while width < fold.places {
            let peer = place ^ width;
            let run =
                |place: u32| blocks.span(place & !(width - 1)..(place & !(width - 1)) + width);
            build.send(fold.rank(peer), acc.part(run(place)));
            build.recv(fold.rank(peer), acc.part(run(peer)));
            build.round();
            width *= 2;
        }
    }
    fold.unfold(&mut build, acc, acc);
    build.finish()
}

/// Reduce-scatter and allgather around the ring: 2 (size - 1) steps with the least
/// data over each link, between neighbours only. For very large data.
pub(crate) fn ring(seat: Seat, operands: Operands) -> Schedule {
    let blocks = Blocks::split(operands.count, operands.unit, seat.size);
    let acc = Slice::of(Place::Recv, operands.bytes());
    let mut build = Builder::new();
    let (next, previous) = (seat.up(1), seat.down(1));
    let in_place = operands.input() == acc;
    let spare = build.scratch(if in_place { blocks.len(0) } else { 0 });
    let block = |block| {
        let range = blocks.range(block);
        let input = operands.input().part(range.clone());
        Accumulator::new(input, acc.part(range)).with_spare(spare)
    };
    let mut sum = block(seat.rank);
    for step in 0..seat.size - 1 {
        build.send(next, sum.sum());
        sum = block(seat.down(step + 1));
        sum.take(&mut build, previous, 0..sum.sum().len, true);
        build.round();
    }
    sum.settle(&mut build);
    for step in 0..seat.size - 1 {
        build.send(
            next,
            acc.part(blocks.range(Seat { rank: next, ..seat }.down(step))),
        );
        build.recv(previous, acc.part(blocks.range(seat.down(step))));
        build.round();
    }
    build.finish()
}
