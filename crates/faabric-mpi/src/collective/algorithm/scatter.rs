//! Scatter and Scatterv (MPI 4.1, section 6.6): gather, the other way round.

use super::gather::Lens;
use super::tree::{self, Node};
use crate::collective::schedule::{Blocks, Builder, Place, Schedule, Seat, Slice};

/// The root sends to each rank.
pub(crate) fn linear(seat: Seat, root: u32, lens: Lens<'_>, in_place: bool) -> Schedule {
    let mut build = Builder::new();
    match lens {
        Lens::Mine(len) => build.recv(root, Slice::of(Place::Recv, len)),
        Lens::Root(blocks) => {
            for distance in 1..seat.size {
                let to = seat.up(distance);
                build.send(to, blocks.slice(Place::Send, to));
            }
            if !in_place {
                build.copy(
                    blocks.slice(Place::Send, root),
                    Slice::of(Place::Recv, blocks.len(root)),
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
    let at_root = Slice::of(Place::Send, blocks.total());
    let own = Slice::of(Place::Recv, len);
    let mut build = Builder::new();

    let Some(parent) = node.parent() else {
        for child in node.children().rev() {
            let to = tree::absolute(child.start, root, seat.size);
            for (_, ranks) in tree::unwrap_run(child, root, seat.size) {
                build.send(to, at_root.part(blocks.span(ranks)));
            }
        }
        if !in_place {
            build.copy(blocks.slice(Place::Send, root), own);
        }
        return build.finish();
    };
    let leaf = subtree.len() == 1;
    let passing = if leaf {
        own
    } else {
        build.scratch(u64::from(subtree.end - subtree.start) * len)
    };
    let from = tree::absolute(parent, root, seat.size);
    if parent == 0 {
        for (run, _) in tree::unwrap_run(subtree.clone(), root, seat.size) {
            build.recv(
                from,
                passing.part(blocks.span(run.start - subtree.start..run.end - subtree.start)),
            );
        }
    } else {
        build.recv(from, passing);
    }
    build.round();
    for child in node.children().rev() {
        let to = tree::absolute(child.start, root, seat.size);
        build.send(
            to,
            passing.part(blocks.span(child.start - subtree.start..child.end - subtree.start)),
        );
    }
    if !leaf {
        build.copy(passing.part(0..len), own);
    }
    build.finish()
}
