//! Broadcast (MPI 4.1, section 6.4). The buffer is [`Place::Recv`] on every rank.

use super::tree::{self, Node};
use crate::collective::schedule::{Blocks, Builder, Place, Schedule, Seat, Slice};
use std::ops::Range;

/// Binomial tree: log2(size) steps, each with all the data. For small messages.
pub(crate) fn binomial(seat: Seat, root: u32, bytes: u64) -> Schedule {
    let data = Slice::of(Place::Recv, bytes);
    let node = Node::new(seat, root);
    let mut build = Builder::new();
    if let Some(parent) = node.parent() {
        build.recv(tree::absolute(parent, root, seat.size), data);
        build.round();
    }
    // Deepest subtree first: it has the longest way to go.
    for child in node.children().rev() {
        build.send(tree::absolute(child.start, root, seat.size), data);
    }
    build.finish()
}

/// How the pieces of a scattered broadcast come together again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Collect {
    /// log2(size) steps; the size must be a power of two.
    RecursiveDoubling,
    /// size - 1 steps between neighbours.
    Ring,
}

/// Scatter along the binomial tree, then allgather: about twice the data over each
/// link whatever the size, where the tree alone sends log2(size) times the data
/// from the root. For large messages (van de Geijn).
pub(crate) fn scatter_allgather(seat: Seat, root: u32, bytes: u64, collect: Collect) -> Schedule {
    // Blocks belong to relative ranks.
    let blocks = Blocks::split(bytes, 1, seat.size);
    let data = Slice::of(Place::Recv, bytes);
    let node = Node::new(seat, root);
    let mut build = Builder::new();
    if let Some(parent) = node.parent() {
        build.recv(
            tree::absolute(parent, root, seat.size),
            data.part(blocks.span(node.subtree())),
        );
        build.round();
    }
    for child in node.children().rev() {
        build.send(
            tree::absolute(child.start, root, seat.size),
            data.part(blocks.span(child)),
        );
    }
    build.round();
    let relative = Seat {
        rank: seat.relative(root),
        size: seat.size,
    };
    let held = node.subtree();
    match collect {
        Collect::Ring => ring(&mut build, relative, root, &blocks, &held),
        Collect::RecursiveDoubling => {
            recursive_doubling(&mut build, relative, root, &blocks, &held)
        }
    }
    build.finish()
}

/// Passes blocks around the ring, except those that the receiver holds already as
/// an inner node of the scatter: it would write what it may be sending.
fn ring(build: &mut Builder, relative: Seat, root: u32, blocks: &Blocks, held: &Range<u32>) {
    let data = Slice::of(Place::Recv, blocks.total());
    let next = relative.up(1);
    let next_holds = Node::new(
        Seat {
            rank: next,
            ..relative
        },
        0,
    )
    .subtree();
    for step in 0..relative.size - 1 {
        let (out, into) = (relative.down(step), relative.down(step + 1));
        if !next_holds.contains(&out) {
            build.send(
                tree::absolute(next, root, relative.size),
                data.part(blocks.range(out)),
            );
        }
        if !held.contains(&into) {
            build.recv(
                tree::absolute(relative.down(1), root, relative.size),
                data.part(blocks.range(into)),
            );
        }
        build.round();
    }
}

/// Doubles the run of blocks each rank holds; a run the receiver holds whole is
/// not sent.
fn recursive_doubling(
    build: &mut Builder,
    relative: Seat,
    root: u32,
    blocks: &Blocks,
    held: &Range<u32>,
) {
    debug_assert!(relative.size.is_power_of_two());
    let data = Slice::of(Place::Recv, blocks.total());
    let within = |outer: &Range<u32>, inner: &Range<u32>| {
        outer.start <= inner.start && inner.end <= outer.end
    };
    let mut width = 1;
    while width < relative.size {
        let peer = relative.rank ^ width;
        let run = |rank: u32| rank & !(width - 1)..(rank & !(width - 1)) + width;
        let peer_holds = Node::new(
            Seat {
                rank: peer,
                ..relative
            },
            0,
        )
        .subtree();
        let peer_rank = tree::absolute(peer, root, relative.size);
        if !within(&peer_holds, &run(relative.rank)) {
            build.send(peer_rank, data.part(blocks.span(run(relative.rank))));
        }
        if !within(held, &run(peer)) {
            build.recv(peer_rank, data.part(blocks.span(run(peer))));
        }
        build.round();
        width *= 2;
    }
}
