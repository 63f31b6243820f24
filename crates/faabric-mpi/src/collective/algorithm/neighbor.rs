//! Neighbourhood collectives (MPI 4.1, section 8.6): one message along each edge of
//! the process topology.

use crate::collective::schedule::{Blocks, Builder, Place, Schedule};

/// The edges of the caller, in the order of its buffers. `None` stands for
/// MPI_PROC_NULL at the border of a grid: its block exists and is left alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Edges {
    /// Who sends to the caller.
    pub(crate) sources: Vec<Option<u32>>,
    /// Whom the caller sends to.
    pub(crate) destinations: Vec<Option<u32>>,
    /// The edges are pairs (down, up) along the dimensions of a grid. Data sent down
    /// arrives from above, and that must hold too where both neighbours are the same
    /// process because a periodic dimension has one or two of them.
    pub(crate) grid: bool,
}

/// Sends block `i` of the send stream along edge `i` (the only block along all of
/// them when `sends` has just one), and receives likewise.
pub(crate) fn linear(edges: &Edges, sends: &Blocks, recvs: &Blocks) -> Schedule {
    let mut build = Builder::new();
    let sources = (0..).zip(&edges.sources);
    // Messages between one pair match in order, so receives of a grid are posted
    // "from above" first: that is what the neighbour sent first.
    let swap = u32::from(edges.grid);
    for (i, _) in sources {
        let i: u32 = i ^ swap;
        if let Some(from) = edges.sources[i as usize] {
            build.recv(from, recvs.slice(Place::Recv, i));
        }
    }
    for (i, destination) in (0..).zip(&edges.destinations) {
        let block = if sends.count() == 1 { 0 } else { i };
        if let Some(to) = *destination {
            build.send(to, sends.slice(Place::Send, block));
        }
    }
    build.finish()
}
