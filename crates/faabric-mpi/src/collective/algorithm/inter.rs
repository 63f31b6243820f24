//! Collectives between the two groups of an intercommunicator (MPI 4.1, section
//! 6.2.3): what one group contributes, the other receives.
//!
//! Ranks are those of the remote group. Every algorithm is direct: such calls set
//! programs up, they are not what programs spend their time in.

use super::reduce::Operands;
use crate::collective::schedule::{Blocks, Builder, Order, Place, Schedule, Slice};
use std::ops::Range;

/// A rooted call as the caller sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Root {
    /// `MPI_ROOT`: the caller is the root.
    Me,
    /// The root is this rank of the remote group.
    Remote(u32),
    /// `MPI_PROC_NULL`: the root is another rank of the caller's group.
    Idle,
}

/// Each rank hears from all of the other group; those heard from all have entered,
/// but a rank's own group may not have: so the groups signal once more.
pub(crate) fn barrier(remote: u32) -> Schedule {
    let mut build = Builder::new();
    for _ in 0..2 {
        for rank in 0..remote {
            build.signal(rank);
            build.await_signal(rank);
        }
        build.round();
    }
    build.finish()
}

/// The root's buffer to all of the other group.
pub(crate) fn bcast(root: Root, remote: u32, bytes: u64) -> Schedule {
    let data = Slice::of(Place::Recv, bytes);
    let mut build = Builder::new();
    match root {
        Root::Me => (0..remote).for_each(|rank| build.send(rank, data)),
        Root::Remote(rank) => build.recv(rank, data),
        Root::Idle => {}
    }
    build.finish()
}

/// `blocks` are those of the root's buffer; others have one block in `own`.
pub(crate) fn gather(root: Root, blocks: &Blocks, own: u64) -> Schedule {
    let mut build = Builder::new();
    match root {
        Root::Me => {
            (0..blocks.count()).for_each(|rank| build.recv(rank, blocks.slice(Place::Recv, rank)))
        }
        Root::Remote(rank) => build.send(rank, Slice::of(Place::Send, own)),
        Root::Idle => {}
    }
    build.finish()
}

/// `blocks` are those of the root's buffer; others get one block of `own` bytes.
pub(crate) fn scatter(root: Root, blocks: &Blocks, own: u64) -> Schedule {
    let mut build = Builder::new();
    match root {
        Root::Me => {
            (0..blocks.count()).for_each(|rank| build.send(rank, blocks.slice(Place::Send, rank)))
        }
        Root::Remote(rank) => build.recv(rank, Slice::of(Place::Recv, own)),
        Root::Idle => {}
    }
    build.finish()
}

/// The caller's block to each of the other group, and a block from each.
pub(crate) fn allgather(own: u64, recvs: &Blocks) -> Schedule {
    let mut build = Builder::new();
    for rank in 0..recvs.count() {
        build.recv(rank, recvs.slice(Place::Recv, rank));
        build.send(rank, Slice::of(Place::Send, own));
    }
    build.finish()
}

/// A block to each of the other group, and a block from each.
pub(crate) fn alltoall(sends: &Blocks, recvs: &Blocks) -> Schedule {
    let mut build = Builder::new();
    for rank in 0..recvs.count() {
        build.recv(rank, recvs.slice(Place::Recv, rank));
        build.send(rank, sends.slice(Place::Send, rank));
    }
    build.finish()
}

/// The root gets the other group's operands, combined in rank order.
pub(crate) fn reduce(root: Root, remote: u32, operands: Operands) -> Schedule {
    let mut build = Builder::new();
    match root {
        Root::Me => collect(&mut build, remote, operands.bytes()),
        Root::Remote(rank) => build.send(rank, operands.input()),
        Root::Idle => {}
    }
    build.finish()
}

/// Each rank gets the other group's operands, combined in rank order.
pub(crate) fn allreduce(remote: u32, operands: Operands) -> Schedule {
    let mut build = Builder::new();
    (0..remote).for_each(|rank| build.send(rank, operands.input()));
    collect(&mut build, remote, operands.bytes());
    build.finish()
}

/// The other group's combined operands are spread over the caller's group: the
/// caller gets `own` bytes, and the remote ranks get blocks `sends` of its operand.
pub(crate) fn reduce_scatter(own: u64, sends: &Blocks) -> Schedule {
    let mut build = Builder::new();
    (0..sends.count()).for_each(|rank| build.send(rank, sends.slice(Place::Send, rank)));
    collect(&mut build, sends.count(), own);
    build.finish()
}

/// As [`reduce_scatter`] where a rank does not know the remote ranks' blocks: each gets
/// the whole operand, and takes `own` of the combined ones.
pub(crate) fn reduce_whole(remote: u32, own: Range<u64>, operands: Operands) -> Schedule {
    let mut build = Builder::new();
    (0..remote).for_each(|rank| build.send(rank, operands.input()));
    let others: Vec<_> = (0..remote)
        .map(|rank| (rank, build.scratch(operands.bytes())))
        .collect();
    for &(rank, spare) in &others {
        build.recv(rank, spare);
    }
    let result = Slice::of(Place::Recv, own.end - own.start);
    for (i, (_, spare)) in others.into_iter().enumerate() {
        let part = spare.part(own.clone());
        if i == 0 {
            build.copy(part, result);
        } else {
            build.reduce(result, part, Order::AccFirst);
        }
    }
    build.finish()
}

/// Receives from all and combines in rank order into the receive buffer.
fn collect(build: &mut Builder, remote: u32, bytes: u64) {
    let result = Slice::of(Place::Recv, bytes);
    let others: Vec<_> = (1..remote)
        .map(|rank| (rank, build.scratch(bytes)))
        .collect();
    build.recv(0, result);
    for &(rank, spare) in &others {
        build.recv(rank, spare);
    }
    for (_, spare) in others {
        build.reduce(result, spare, Order::AccFirst);
    }
}
