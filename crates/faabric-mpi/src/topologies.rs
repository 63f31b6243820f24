//! Communicators with a topology (MPI 4.1, chapter 8). Ranks are never reordered: the
//! planner has placed them already.

use crate::abi;
use crate::agree::TAG;
use crate::attribute::Attributes;
use crate::comm::Comm;
use crate::communicator::NULL;
use crate::error::{Class, Error, Result};
use crate::group::Group;
use crate::guest::Guest;
use crate::handle::CommHandle;
use crate::info::Info;
use crate::rank::Rank;
use crate::topology::{Cart, DistGraph, Edge, Graph, Topology};
use std::sync::Arc;

/// Ranks and the weights of the edges to them; none for `MPI_UNWEIGHTED`.
pub type Edges<'a> = (&'a [i32], Option<&'a [i32]>);

impl Rank {
    fn intra(&self, comm: CommHandle) -> Result<Arc<Comm>> {
        let comm = self.active_comm(comm)?.into_owned();
        if comm.remote.is_some() {
            return Err(Error::new(
                Class::COMM,
                "comm: an intercommunicator cannot have a topology",
            ));
        }
        Ok(comm)
    }

    /// `MPI_Cart_create` (MPI 4.1, section 8.5.1): null for ranks beyond the grid.
    ///
    /// # Errors
    /// `MPI_ERR_COMM`, `MPI_ERR_DIMS`, `MPI_ERR_ARG`.
    pub fn cart_create(
        &self,
        guest: &mut dyn Guest,
        comm: CommHandle,
        dims: &[i32],
        periodic: &[bool],
    ) -> Result<CommHandle> {
        let comm = self.intra(comm)?;
        let cart = Cart::new(dims, periodic, comm.size())?;
        let members = comm.group.members().iter().take(cart.size() as usize);
        let group = Group::new(members.copied().collect()).of_session(comm.group.session());
        let group = Arc::new(group);
        self.with_topology(guest, &comm, group, Topology::Cart(cart))
    }

    /// `MPI_Cart_sub` (MPI 4.1, section 8.5.7).
    ///
    /// # Errors
    /// `MPI_ERR_COMM`, `MPI_ERR_TOPOLOGY`.
    pub fn cart_sub(
        &self,
        guest: &mut dyn Guest,
        comm: CommHandle,
        remain: &[bool],
    ) -> Result<CommHandle> {
        let cart = self.cart(comm)?;
        let comm = self.intra(comm)?;
        let slice = cart.sub(comm.rank as i32, remain)?;
        match self.split(guest, &comm, slice.color as i32, slice.key as i32)? {
            None => Ok(NULL),
            Some(mut new) => {
                new.topology = Some(Arc::new(Topology::Cart(slice.cart)));
                self.install(&comm, new, Attributes::default(), Info::default())
            }
        }
    }

    /// The grid of a communicator, for `MPI_Cart_get`, `_coords`, `_rank`, `_shift`
    /// and `MPI_Cartdim_get`.
    ///
    /// # Errors
    /// `MPI_ERR_COMM`, `MPI_ERR_TOPOLOGY`.
    pub fn cart(&self, comm: CommHandle) -> Result<Cart> {
        match self.topology(comm)?.as_deref() {
            Some(Topology::Cart(cart)) => Ok(cart.clone()),
            _ => Err(no_topology("a Cartesian")),
        }
    }

    /// `MPI_Graph_create` (MPI 4.1, section 8.5.3): null for ranks beyond the graph.
    ///
    /// # Errors
    /// `MPI_ERR_COMM`, `MPI_ERR_ARG`.
    pub fn graph_create(
        &self,
        guest: &mut dyn Guest,
        comm: CommHandle,
        index: &[i32],
        edges: &[i32],
    ) -> Result<CommHandle> {
        let comm = self.intra(comm)?;
        let graph = Graph::new(index, edges, comm.size())?;
        let members = comm.group.members().iter().take(graph.nodes() as usize);
        let group = Group::new(members.copied().collect()).of_session(comm.group.session());
        let group = Arc::new(group);
        if group.size() == 0 {
            return Ok(NULL);
        }
        self.with_topology(guest, &comm, group, Topology::Graph(graph))
    }

    /// The graph of a communicator, for `MPI_Graphdims_get`, `MPI_Graph_get` and
    /// `MPI_Graph_neighbors`.
    ///
    /// # Errors
    /// `MPI_ERR_COMM`, `MPI_ERR_TOPOLOGY`.
    pub fn graph(&self, comm: CommHandle) -> Result<Graph> {
        match self.topology(comm)?.as_deref() {
            Some(Topology::Graph(graph)) => Ok(graph.clone()),
            _ => Err(no_topology("a graph")),
        }
    }

    /// `MPI_Dist_graph_create_adjacent` (MPI 4.1, section 8.5.4).
    ///
    /// # Errors
    /// `MPI_ERR_COMM`, `MPI_ERR_RANK`, `MPI_ERR_ARG`.
    pub fn dist_graph_create_adjacent(
        &self,
        guest: &mut dyn Guest,
        comm: CommHandle,
        sources: Edges<'_>,
        destinations: Edges<'_>,
    ) -> Result<CommHandle> {
        let comm = self.intra(comm)?;
        let graph = DistGraph::adjacent(comm.size(), sources, destinations)?;
        self.with_topology(guest, &comm, comm.group.clone(), Topology::DistGraph(graph))
    }

    /// `MPI_Dist_graph_create` (MPI 4.1, section 8.5.4): any rank contributes any edges.
    ///
    /// # Errors
    /// `MPI_ERR_COMM`, `MPI_ERR_RANK`, `MPI_ERR_ARG`.
    pub fn dist_graph_create(
        &self,
        guest: &mut dyn Guest,
        comm: CommHandle,
        sources: &[i32],
        degrees: &[i32],
        (destinations, weights): Edges<'_>,
    ) -> Result<CommHandle> {
        let comm = self.intra(comm)?;
        let mine = DistGraph::contributed(comm.size(), sources, degrees, destinations, weights)?;
        let words: Vec<u64> = mine
            .iter()
            .flat_map(|e| [e.source, e.destination, e.weight].map(|word| word as u32 as u64))
            .collect();
        let gathered = self.collect_words(guest, &comm, &words)?;
        let everyone = Rank::everyone(&comm, 0);
        let all = gathered.into_iter().flatten().collect();
        let all = self.share(guest, &comm, &everyone, TAG, all)?;
        let edges: Vec<Edge> = all
            .chunks_exact(3)
            .map(|words| Edge {
                source: words[0] as u32 as i32,
                destination: words[1] as u32 as i32,
                weight: words[2] as u32 as i32,
            })
            .collect();
        let graph = DistGraph::of_rank(comm.rank, &edges, weights.is_some());
        self.with_topology(guest, &comm, comm.group.clone(), Topology::DistGraph(graph))
    }

    /// This rank's part of the distributed graph of a communicator, for
    /// `MPI_Dist_graph_neighbors` and `_count`.
    ///
    /// # Errors
    /// `MPI_ERR_COMM`, `MPI_ERR_TOPOLOGY`.
    pub fn dist_graph(&self, comm: CommHandle) -> Result<DistGraph> {
        match self.topology(comm)?.as_deref() {
            Some(Topology::DistGraph(graph)) => Ok(graph.clone()),
            _ => Err(no_topology("a distributed graph")),
        }
    }

    /// `MPI_Topo_test`.
    ///
    /// # Errors
    /// `MPI_ERR_COMM`.
    pub fn topo_test(&self, comm: CommHandle) -> Result<i32> {
        Ok(self
            .topology(comm)?
            .map_or(abi::MPI_UNDEFINED, |topology| topology.kind()))
    }

    fn topology(&self, comm: CommHandle) -> Result<Option<Arc<Topology>>> {
        Ok(self.comm(comm)?.topology.clone())
    }
}

#[cold]
fn no_topology(kind: &str) -> Error {
    Error::new(
        Class::TOPOLOGY,
        format!("comm: it does not have {kind} topology"),
    )
}
