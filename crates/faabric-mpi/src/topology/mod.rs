//! Process topologies (MPI 4.1, chapter 8): who is whose neighbour. Pure data; ranks
//! are those of the communicator that the topology is attached to.

mod cart;
mod dims;
mod graph;

pub use cart::{Cart, Slice};
pub use dims::dims_create;
pub use graph::{DistGraph, Edge, Graph};

use crate::abi;

/// The topology attached to a communicator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Topology {
    /// `MPI_Cart_create`.
    Cart(Cart),
    /// `MPI_Graph_create`.
    Graph(Graph),
    /// `MPI_Dist_graph_create` and `MPI_Dist_graph_create_adjacent`.
    DistGraph(DistGraph),
}

impl Topology {
    /// `MPI_Topo_test`'s answer.
    #[must_use]
    pub fn kind(&self) -> i32 {
        match self {
            Topology::Cart(_) => abi::MPI_CART,
            Topology::Graph(_) => abi::MPI_GRAPH,
            Topology::DistGraph(_) => abi::MPI_DIST_GRAPH,
        }
    }

    /// The ranks that `rank` receives from and sends to in neighbourhood collectives,
    /// in the order of their blocks; `MPI_PROC_NULL` stands beyond a border.
    #[must_use]
    pub fn neighbours(&self, rank: u32) -> (Vec<i32>, Vec<i32>) {
        match self {
            Topology::Cart(cart) => {
                let both = cart.neighbours(rank);
                (both.clone(), both)
            }
            Topology::Graph(graph) => {
                let both = graph.neighbours(rank).unwrap_or_default().to_vec();
                (both.clone(), both)
            }
            Topology::DistGraph(graph) => (graph.sources.clone(), graph.destinations.clone()),
        }
    }
}
