//! Gather and Gatherv (MPI 4.1, section 6.5).
//!
//! The root's receive stream is one block a rank, in rank order. In place, the
//! root's own block is there already.

use super::tree::{self, Node};
use crate::collective::schedule::{Blocks, Builder, Place, Schedule, Seat, Slice};

/// What a rank knows of the blocks: only the root knows all of them.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lens<'a> {
    /// The caller is the root.
    Root(&'a Blocks),
    /// The caller is not, and its own block has this many bytes.
    Mine(u64),
}

/// Each rank sends to the root. For large blocks, few ranks, or blocks of
/// different lengths, which inner nodes of a tree would not know.
pub(crate) fn linear(seat: Seat, root: u32, lens: Lens<'_>, in_place: bool) -> Schedule {
    let mut build = Builder::new();
    match lens {
        Lens::Mine(len) => build.send(root, Slice::of(Place::Send, len)),
        Lens::Root(blocks) => {
            for distance in 1..seat.size {
                let from = seat.up(distance);
                build.recv(from, blocks.slice(Place::Recv, from));
            }
            if !in_place {
                build.copy(
                    Slice::of(Place::Send, blocks.len(root)),
                    blocks.slice(Place::Recv, root),
                );
            }
        }
    }
    build.finish()
}

/// Binomial tree with blocks of `len` bytes. For small blocks.
pub(crate) fn binomial(seat: Seat, root: u32, len: u64, in_place: bool) -> Schedule {
    let node = Node::new(seat, root);
    let subtree = node.subtree();
    let blocks = Blocks::uniform(seat.size, len);
    let at_root = Slice::of(Place::Recv, blocks.total());
    let own = Slice::of(Place::Send, len);
    let mut build = Builder::new();

    let Some(parent) = node.parent() else {
        for child in node.children() {
            let from = tree::absolute(child.start, root, seat.size);
            for (_, ranks) in tree::unwrap_run(child, root, seat.size) {
                build.recv(from, at_root.part(blocks.span(ranks)));
            }
        }
        if !in_place {
            build.copy(own, blocks.slice(Place::Recv, root));
        }
        return build.finish();
    };
    // A leaf sends from the caller's buffer; an inner node collects its subtree first.
    let mut collected = own;
    if subtree.len() > 1 {
        collected = build.scratch(u64::from(subtree.end - subtree.start) * len);
        for child in node.children() {
            let from = tree::absolute(child.start, root, seat.size);
            let within = child.start - subtree.start..child.end - subtree.start;
            build.recv(from, collected.part(blocks.span(within)));
        }
        build.copy(own, collected.part(0..len));
        build.round();
    }
    let to = tree::absolute(parent, root, seat.size);
    if parent == 0 {
        for (run, _) in tree::unwrap_run(subtree.clone(), root, seat.size) {
            build.send(
                to,
                collected.part(blocks.span(run.start - subtree.start..run.end - subtree.start)),
            );
        }
    } else {
        build.send(to, collected);
    }
    build.finish()
}
