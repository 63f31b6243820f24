//! Allgather and Allgatherv (MPI 4.1, section 6.7).
//!
//! The receive stream is one block a rank, in rank order; in place, the caller's
//! own block is there already. Every rank knows all lengths, so one set of
//! functions serves both calls.

use crate::collective::schedule::{Blocks, Builder, Place, Schedule, Seat, Slice};

fn place_own(build: &mut Builder, seat: Seat, blocks: &Blocks, in_place: bool) {
    if !in_place {
        build.copy(
            Slice::of(Place::Send, blocks.len(seat.rank)),
            blocks.slice(Place::Recv, seat.rank),
        );
    }
}

/// size - 1 steps between neighbours, each block sent once a link. For large blocks.
pub(crate) fn ring(seat: Seat, blocks: &Blocks, in_place: bool) -> Schedule {
    let mut build = Builder::new();
    place_own(&mut build, seat, blocks, in_place);
    for step in 0..seat.size - 1 {
        build.send(seat.up(1), blocks.slice(Place::Recv, seat.down(step)));
        build.recv(seat.down(1), blocks.slice(Place::Recv, seat.down(step + 1)));
        build.round();
    }
    build.finish()
}

/// log2(size) steps in which the run of blocks each rank holds doubles. The size
/// must be a power of two.
pub(crate) fn recursive_doubling(seat: Seat, blocks: &Blocks, in_place: bool) -> Schedule {
    debug_assert!(seat.size.is_power_of_two());
    let all = Slice::of(Place::Recv, blocks.total());
    let mut build = Builder::new();
    place_own(&mut build, seat, blocks, in_place);
    let mut width = 1;
    while width < seat.size {
        let peer = seat.rank ^ width;
        let run = |rank: u32| blocks.span(rank & !(width - 1)..(rank & !(width - 1)) + width);
        build.send(peer, all.part(run(seat.rank)));
        build.recv(peer, all.part(run(peer)));
        build.round();
        width *= 2;
    }
    build.finish()
}

/// Bruck: log2(size) steps, rounded up, for any size. Each rank collects the blocks
/// from its own upwards in scratch and rotates them at the end. For small blocks.
pub(crate) fn bruck(seat: Seat, blocks: &Blocks, in_place: bool) -> Schedule {
    let size = seat.size;
    // starts[i]: where block (rank + i) lies in the rotated order of `rank`.
    let rotated = |rank: u32| {
        let of = Seat { rank, size };
        Blocks::of((0..size).map(|i| blocks.len(of.up(i))))
    };
    let mine = rotated(seat.rank);
    let mut build = Builder::new();
    let held = build.scratch(blocks.total());
    let own = if in_place {
        blocks.slice(Place::Recv, seat.rank)
    } else {
        Slice::of(Place::Send, blocks.len(seat.rank))
    };
    build.copy(own, held.part(mine.range(0)));
    let mut width = 1;
    while width < size {
        // The last step only sends what is still missing below.
        let run = width.min(size - width);
        build.send(seat.down(width), held.part(mine.span(0..run)));
        build.recv(seat.up(width), held.part(mine.span(width..width + run)));
        build.round();
        width *= 2;
    }
    // Blocks rank.. to the end, then 0..rank: two runs in both orders.
    let top = size - seat.rank;
    let all = Slice::of(Place::Recv, blocks.total());
    build.copy(
        held.part(mine.span(0..top)),
        all.part(blocks.span(seat.rank..size)),
    );
    build.copy(
        held.part(mine.span(top..size)),
        all.part(blocks.span(0..seat.rank)),
    );
    build.finish()
}
