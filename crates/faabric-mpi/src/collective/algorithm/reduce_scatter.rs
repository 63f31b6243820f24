//! Reduce_scatter and Reduce_scatter_block (MPI 4.1, section 6.10).
//!
//! The input stream is one block a rank; the receive stream starts with the caller's
//! block of the result. In place, the input is the receive buffer as well.

use super::accumulator::Accumulator;
use super::fold::Fold;
use super::reduce::{self, Operands};
use crate::collective::schedule::{Blocks, Builder, Place, Schedule, Seat, Slice};

/// Reduces `sum` over the places of `fold` so that each place ends with its block of the
/// result where the sum settles. Half of what is left goes to the partner in each step.
/// For commutative operations: a place combines its own data with that of places on both
/// sides.
pub(crate) fn halve(build: &mut Builder, fold: &Fold, blocks: &Blocks, mut sum: Accumulator) {
    fold.fold(build, &mut sum);
    let Some(place) = fold.place() else { return };
    let mut run = 0..fold.places;
    let mut width = fold.places / 2;
    while width > 0 {
        let middle = run.start + width;
        let (low, high) = (run.start..middle, middle..run.end);
        let (keep, give) = if place < middle {
            (low, high)
        } else {
            (high, low)
        };
        let peer = fold.rank(place ^ width);
        build.send(peer, sum.sum().part(blocks.span(give)));
        sum.take(build, peer, blocks.span(keep.clone()), place >= middle);
        build.round();
        run = keep;
        width /= 2;
    }
    sum.settle(build);
}

/// Recursive halving. For commutative operations and data that is not large.
pub(crate) fn recursive_halving(seat: Seat, blocks: &Blocks, input: Place) -> Schedule {
    let fold = Fold::new(seat);
    let merged = blocks.merged((0..fold.places).map(|place| fold.ranks(place)));
    let mut build = Builder::new();
    let acc = build.scratch(blocks.total());
    let sum = Accumulator::new(Slice::of(input, blocks.total()), acc);
    halve(&mut build, &fold, &merged, sum);
    let result = Slice::of(Place::Recv, blocks.len(seat.rank));
    if fold.place().is_some() {
        build.copy(acc.part(blocks.range(seat.rank)), result);
    }
    // Only a pair has anything to unfold, and the block of the even rank is below.
    let even = seat.rank - seat.rank % 2;
    fold.unfold(&mut build, acc.part(blocks.range(even)), result);
    build.finish()
}

/// size - 1 steps, in each of which a rank gets one more contribution to its own
/// block: the least data moved. For commutative operations and large data.
pub(crate) fn pairwise(seat: Seat, blocks: &Blocks, input: Place) -> Schedule {
    let whole = Slice::of(input, blocks.total());
    let result = Slice::of(Place::Recv, blocks.len(seat.rank));
    let mut build = Builder::new();
    // In place the result lies where other blocks of the input are.
    let acc = match input {
        Place::Recv => build.scratch(result.len),
        _ => result,
    };
    let mut sum = Accumulator::new(whole.part(blocks.range(seat.rank)), acc);
    for distance in 1..seat.size {
        let (to, from) = (seat.up(distance), seat.down(distance));
        build.send(to, whole.part(blocks.range(to)));
        sum.take(&mut build, from, 0..result.len, from < seat.rank);
        build.round();
    }
    let sum = sum.settle(&mut build);
    build.copy(sum, result);
    build.finish()
}

/// In rank order at rank 0, then scattered: for operations that do not commute.
pub(crate) fn in_order(seat: Seat, blocks: &Blocks, operands: Operands) -> Schedule {
    let mut build = Builder::new();
    let combined = reduce::combine(
        &mut build,
        seat,
        0,
        Operands {
            commutative: false,
            ..operands
        },
        None,
    );
    build.round();
    let result = Slice::of(Place::Recv, blocks.len(seat.rank));
    if seat.rank == 0 {
        for rank in 1..seat.size {
            build.send(rank, combined.part(blocks.range(rank)));
        }
        build.copy(combined.part(blocks.range(0)), result);
    } else {
        build.recv(0, result);
    }
    build.finish()
}
