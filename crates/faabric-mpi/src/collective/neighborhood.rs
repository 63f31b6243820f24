//! Plans for neighbourhood collectives (MPI 4.1, section 8.6).

use super::algorithm::neighbor::{self, Edges};
use super::call::Collective;
use super::check::{self, Blocked};
use super::plan::Planner;
use super::run::Plan;
use crate::error::{Class, Error, Result};
use crate::topology::Topology;

impl Planner<'_> {
    pub(super) fn neighbor(&self, call: &Collective<'_>) -> Result<Plan> {
        let edges = self.edges()?;
        let (ins, outs) = (edges.sources.len() as u32, edges.destinations.len() as u32);
        let rank = self.rank;
        let (sends, recvs) = match *call {
            Collective::NeighborAllgather { send, recv } => (
                check::one(rank, send, "sendbuf")?,
                check::blocks(rank, recv, ins, "recvbuf")?,
            ),
            Collective::NeighborAllgatherv { send, recv } => (
                check::one(rank, send, "sendbuf")?,
                check::spread(rank, recv, ins, "recvbuf")?,
            ),
            Collective::NeighborAlltoall { send, recv } => (
                check::blocks(rank, send, outs, "sendbuf")?,
                check::blocks(rank, recv, ins, "recvbuf")?,
            ),
            Collective::NeighborAlltoallv { send, recv } => (
                check::spread(rank, send, outs, "sendbuf")?,
                check::spread(rank, recv, ins, "recvbuf")?,
            ),
            Collective::NeighborAlltoallw { send, recv } => (
                check::typed(rank, send, outs, "sendbuf")?,
                check::typed(rank, recv, ins, "recvbuf")?,
            ),
            _ => return Err(Error::new(Class::INTERN, "not a neighbourhood collective")),
        };
        Ok(along(&edges, sends, recvs))
    }

    fn edges(&self) -> Result<Edges> {
        let topology = self.comm.topology.as_ref().ok_or_else(|| {
            Error::new(
                Class::TOPOLOGY,
                "comm has no topology: create one with MPI_Cart_create or MPI_Dist_graph_create",
            )
        })?;
        let (sources, destinations) = topology.neighbours(self.comm.rank);
        let ranks = |list: Vec<i32>| {
            list.into_iter()
                .map(|rank| u32::try_from(rank).ok())
                .collect()
        };
        Ok(Edges {
            sources: ranks(sources),
            destinations: ranks(destinations),
            grid: matches!(**topology, Topology::Cart(_)),
        })
    }
}

fn along(edges: &Edges, sends: Blocked, recvs: Blocked) -> Plan {
    Plan::new(
        neighbor::linear(edges, &sends.blocks, &recvs.blocks),
        sends.stream,
        recvs.stream,
    )
}
