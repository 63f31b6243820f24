//! Process topologies (MPI 4.1, chapter 8).

/// The topology attached to a communicator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Topology {}
