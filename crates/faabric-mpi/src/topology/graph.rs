//! Graph topologies (MPI 4.1, sections 8.5.3 and 8.5.4): the whole graph known to
//! every rank, or each rank's own edges only.

use crate::error::{Class, Error, Result};

/// `MPI_Graph_create`: the neighbours of all nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graph {
    /// `index[i]` is where node `i`'s edges end in `edges`.
    index: Vec<i32>,
    edges: Vec<i32>,
}

#[cold]
fn argument(message: String) -> Error {
    Error::new(Class::ARG, message)
}

impl Graph {
    /// The graph that `index` and `edges` describe, on a communicator of `ranks`.
    ///
    /// # Errors
    /// `MPI_ERR_ARG` when `index` decreases or does not end at the number of edges,
    /// when an edge leads to no node, or when there are more nodes than ranks.
    pub fn new(index: &[i32], edges: &[i32], ranks: u32) -> Result<Graph> {
        let nodes = index.len();
        if nodes > ranks as usize {
            return Err(argument(format!(
                "the graph has {nodes} nodes, the communicator only {ranks} ranks"
            )));
        }
        let mut end = 0;
        for (i, &next) in index.iter().enumerate() {
            if next < end {
                return Err(argument(format!(
                    "index[{i}] is {next}, must be at least {end}"
                )));
            }
            end = next;
        }
        if edges.len() != end as usize {
            return Err(argument(format!(
                "index ends at {end}, but {} edges are given",
                edges.len()
            )));
        }
        match edges.iter().position(|&to| to < 0 || to as usize >= nodes) {
            Some(i) => Err(argument(format!(
                "edges[{i}] is {}, but the graph has {nodes} nodes from 0",
                edges[i]
            ))),
            None => Ok(Graph {
                index: index.to_vec(),
                edges: edges.to_vec(),
            }),
        }
    }

    /// How many nodes it has: ranks of the old communicator from this one on are left out.
    #[must_use]
    pub fn nodes(&self) -> u32 {
        self.index.len() as u32
    }

    /// Where each node's edges end.
    #[must_use]
    pub fn index(&self) -> &[i32] {
        &self.index
    }

    /// All edges, node by node.
    #[must_use]
    pub fn edges(&self) -> &[i32] {
        &self.edges
    }

    /// The neighbours of `rank`; none if it is not a node.
    #[must_use]
    pub fn neighbours(&self, rank: u32) -> Option<&[i32]> {
        let i = rank as usize;
        let end = *self.index.get(i)? as usize;
        let start = i
            .checked_sub(1)
            .map_or(0, |before| self.index[before] as usize);
        self.edges.get(start..end)
    }
}

/// One edge of a distributed graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// The rank that sends.
    pub source: i32,
    /// The rank that receives.
    pub destination: i32,
    /// Its weight; 1 in a graph without weights.
    pub weight: i32,
}

/// One rank's edges in a distributed graph.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DistGraph {
    /// The ranks it receives from.
    pub sources: Vec<i32>,
    /// Their edges' weights; empty in a graph without weights.
    pub source_weights: Vec<i32>,
    /// The ranks it sends to.
    pub destinations: Vec<i32>,
    /// Their edges' weights; empty in a graph without weights.
    pub destination_weights: Vec<i32>,
    /// Whether edges have weights.
    pub weighted: bool,
}

/// Checks a list of ranks of a communicator.
fn check_ranks(ranks: &[i32], name: &str, size: u32) -> Result<()> {
    match ranks.iter().position(|&r| r < 0 || r as u32 >= size) {
        Some(i) => Err(Error::new(
            Class::RANK,
            format!(
                "{name}[{i}] is {}, but the communicator has {size} ranks",
                ranks[i]
            ),
        )),
        None => Ok(()),
    }
}

fn check_weights(weights: Option<&[i32]>, name: &str) -> Result<Vec<i32>> {
    let weights = weights.unwrap_or_default();
    match weights.iter().position(|&w| w < 0) {
        Some(i) => Err(argument(format!(
            "{name}[{i}] is {}, must not be negative",
            weights[i]
        ))),
        None => Ok(weights.to_vec()),
    }
}

impl DistGraph {
    /// `MPI_Dist_graph_create_adjacent`: (ranks, weights) of the edges that arrive and
    /// of those that leave. Either both have weights or neither has.
    ///
    /// # Errors
    /// `MPI_ERR_RANK` for a rank that the communicator of `size` does not have,
    /// `MPI_ERR_ARG` for a negative weight.
    pub fn adjacent(
        size: u32,
        (sources, source_weights): (&[i32], Option<&[i32]>),
        (destinations, destination_weights): (&[i32], Option<&[i32]>),
    ) -> Result<DistGraph> {
        check_ranks(sources, "sources", size)?;
        check_ranks(destinations, "destinations", size)?;
        if source_weights.is_some() != destination_weights.is_some() {
            return Err(argument(
                "MPI_UNWEIGHTED must be given for both kinds of edges or for neither".into(),
            ));
        }
        Ok(DistGraph {
            sources: sources.to_vec(),
            source_weights: check_weights(source_weights, "sourceweights")?,
            destinations: destinations.to_vec(),
            destination_weights: check_weights(destination_weights, "destweights")?,
            weighted: source_weights.is_some(),
        })
    }

    /// `MPI_Dist_graph_create`: the edges that one rank contributes. `degrees[i]` of
    /// the destinations (and weights) belong to `sources[i]`.
    ///
    /// # Errors
    /// As [`DistGraph::adjacent`]; `MPI_ERR_ARG` for a negative degree, or degrees
    /// that do not add up to the number of destinations.
    pub fn contributed(
        size: u32,
        sources: &[i32],
        degrees: &[i32],
        destinations: &[i32],
        weights: Option<&[i32]>,
    ) -> Result<Vec<Edge>> {
        check_ranks(sources, "sources", size)?;
        check_ranks(destinations, "destinations", size)?;
        let weights = weights
            .map(|w| check_weights(Some(w), "weights"))
            .transpose()?;
        let mut rest = destinations.iter().enumerate();
        let mut edges = Vec::with_capacity(destinations.len());
        for (&source, &degree) in sources.iter().zip(degrees) {
            let degree = usize::try_from(degree)
                .map_err(|_| argument(format!("a degree is {degree}, must be at least 0")))?;
            edges.extend(rest.by_ref().take(degree).map(|(i, &destination)| {
                Edge {
                    source,
                    destination,
                    weight: weights
                        .as_ref()
                        .and_then(|w| w.get(i))
                        .copied()
                        .unwrap_or(1),
                }
            }));
        }
        let degrees = degrees.iter().map(|&d| i64::from(d)).sum::<i64>();
        if degrees != destinations.len() as i64 {
            return Err(argument(format!(
                "the degrees add up to {degrees}, but there are {} destinations",
                destinations.len()
            )));
        }
        Ok(edges)
    }

    /// The part of the graph that `rank` sees, from the edges of all ranks.
    #[must_use]
    pub fn of_rank(rank: u32, edges: &[Edge], weighted: bool) -> DistGraph {
        let mut graph = DistGraph {
            weighted,
            ..DistGraph::default()
        };
        for edge in edges {
            if edge.destination == rank as i32 {
                graph.sources.push(edge.source);
                graph.source_weights.extend(weighted.then_some(edge.weight));
            }
            if edge.source == rank as i32 {
                graph.destinations.push(edge.destination);
                graph
                    .destination_weights
                    .extend(weighted.then_some(edge.weight));
            }
        }
        graph
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_graph_knows_its_neighbours() {
        // The standard's example: 0 - 1, 0 - 3, 2 - 3.
        let graph = Graph::new(&[2, 3, 4, 6], &[1, 3, 0, 3, 0, 2], 5).unwrap();
        assert_eq!(graph.neighbours(0), Some(&[1, 3][..]));
        assert_eq!(graph.neighbours(3), Some(&[0, 2][..]));
        assert_eq!(graph.neighbours(4), None);
        for (index, edges) in [
            (&[1, 0][..], &[1][..]),
            (&[1, 2], &[1, 2]),
            (&[1, 3], &[1, 0]),
            (&[0; 6], &[]),
            (&[i32::MAX], &[0]),
        ] {
            assert_eq!(Graph::new(index, edges, 5).unwrap_err().class, Class::ARG);
        }
    }

    #[test]
    fn contributed_edges_reach_both_their_ends() {
        let edges =
            DistGraph::contributed(3, &[0, 2], &[2, 1], &[1, 2, 0], Some(&[7, 8, 9])).unwrap();
        let zero = DistGraph::of_rank(0, &edges, true);
        assert_eq!((zero.sources, zero.source_weights), (vec![2], vec![9]));
        assert_eq!(
            (zero.destinations, zero.destination_weights),
            (vec![1, 2], vec![7, 8])
        );
        let class = |r: Result<Vec<Edge>>| r.unwrap_err().class;
        assert_eq!(
            class(DistGraph::contributed(3, &[3], &[1], &[0], None)),
            Class::RANK
        );
        assert_eq!(
            class(DistGraph::contributed(3, &[0], &[-1], &[], None)),
            Class::ARG
        );
        assert_eq!(
            class(DistGraph::contributed(3, &[0], &[2], &[1], None)),
            Class::ARG
        );
        assert_eq!(
            class(DistGraph::contributed(3, &[0], &[1], &[1], Some(&[-4]))),
            Class::ARG
        );
    }
}
