//! Alltoall, Alltoallv and Alltoallw (MPI 4.1, section 6.8).
//!
//! The send stream is one block for each receiver, the receive stream one block
//! from each sender.

use crate::collective::schedule::{Blocks, Builder, Place, Schedule, Seat, Slice};

/// Everything at once: for few ranks or short blocks of different lengths.
pub(crate) fn scattered(seat: Seat, sends: &Blocks, recvs: &Blocks) -> Schedule {
    let mut build = Builder::new();
    for distance in 1..seat.size {
        build.recv(
            seat.down(distance),
            recvs.slice(Place::Recv, seat.down(distance)),
        );
    }
    for distance in 1..seat.size {
        build.send(
            seat.up(distance),
            sends.slice(Place::Send, seat.up(distance)),
        );
    }
    build.copy(
        sends.slice(Place::Send, seat.rank),
        recvs.slice(Place::Recv, seat.rank),
    );
    build.finish()
}

/// One partner to send to and one to receive from at a time: no rank is the
/// target of all others at once. For large blocks.
pub(crate) fn pairwise(seat: Seat, sends: &Blocks, recvs: &Blocks) -> Schedule {
    let mut build = Builder::new();
    build.copy(
        sends.slice(Place::Send, seat.rank),
        recvs.slice(Place::Recv, seat.rank),
    );
    for distance in 1..seat.size {
        build.send(
            seat.up(distance),
            sends.slice(Place::Send, seat.up(distance)),
        );
        build.recv(
            seat.down(distance),
            recvs.slice(Place::Recv, seat.down(distance)),
        );
        build.round();
    }
    build.finish()
}

/// In place: pairs exchange the blocks they hold for each other, which are of the
/// same length.
pub(crate) fn exchange_in_place(seat: Seat, blocks: &Blocks) -> Schedule {
    let longest = (0..seat.size)
        .map(|rank| blocks.len(rank))
        .max()
        .unwrap_or(0);
    let mut build = Builder::new();
    let spare = build.scratch(longest);
    for step in 0..seat.size {
        // a + b = step (mod size) pairs the ranks: each meets every other once.
        let peer = Seat {
            rank: step,
            size: seat.size,
        }
        .down(seat.rank);
        if peer == seat.rank {
            continue;
        }
        let block = blocks.slice(Place::Recv, peer);
        let incoming = spare.part(0..block.len);
        build.send(peer, block);
        build.recv(peer, incoming);
        build.copy(incoming, block);
        build.round();
    }
    build.finish()
}

/// Bruck: log2(size) steps, in each of which a block whose distance to its receiver
/// has the step's bit set moves on. Latency-bound, for small blocks. `input` is
/// [`Place::Recv`] when in place.
pub(crate) fn bruck(seat: Seat, len: u64, input: Place) -> Schedule {
    let size = seat.size;
    let blocks = Blocks::uniform(size, len);
    let mut build = Builder::new();
    let held = build.scratch(blocks.total());
    let packed_max = u64::from(size.div_ceil(2)) * len;
    let (outgoing, incoming) = (build.scratch(packed_max), build.scratch(packed_max));

    // held[i] is for the rank i above.
    let all = Slice::of(input, blocks.total());
    let top = size - seat.rank;
    build.copy(
        all.part(blocks.span(seat.rank..size)),
        held.part(blocks.span(0..top)),
    );
    build.copy(
        all.part(blocks.span(0..seat.rank)),
        held.part(blocks.span(top..size)),
    );
    let mut bit = 1;
    while bit < size {
        let moving: Vec<u32> = (0..size).filter(|distance| distance & bit != 0).collect();
        let packed = Blocks::uniform(moving.len() as u32, len);
        for (slot, &distance) in (0..).zip(&moving) {
            build.copy(
                held.part(blocks.range(distance)),
                outgoing.part(packed.range(slot)),
            );
        }
        build.send(seat.up(bit), outgoing.part(0..packed.total()));
        build.recv(seat.down(bit), incoming.part(0..packed.total()));
        for (slot, &distance) in (0..).zip(&moving) {
            build.copy(
                incoming.part(packed.range(slot)),
                held.part(blocks.range(distance)),
            );
        }
        bit *= 2;
    }
    // held[i] is now from the rank i below.
    for distance in 0..size {
        build.copy(
            held.part(blocks.range(distance)),
            blocks.slice(Place::Recv, seat.down(distance)),
        );
    }
    build.finish()
}
