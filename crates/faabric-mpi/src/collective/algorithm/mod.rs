//! The algorithms of the collectives: pure functions that write one rank's
//! [`Schedule`](super::schedule::Schedule).
//!
//! They are the textbook ones (Thakur, Rabenseifner, Gropp: "Optimization of
//! Collective Communication Operations in MPICH", 2005; Bruck et al. 1997).
//! Which runs when is decided in `select.rs`, so that each can be tested alone.

pub(crate) mod accumulator;
pub(crate) mod allgather;
pub(crate) mod allreduce;
pub(crate) mod alltoall;
pub(crate) mod barrier;
pub(crate) mod bcast;
pub(crate) mod fold;
pub(crate) mod gather;
pub(crate) mod inter;
pub(crate) mod neighbor;
pub(crate) mod reduce;
pub(crate) mod reduce_scatter;
pub(crate) mod scan;
pub(crate) mod scatter;
#[cfg(test)]
mod tests;
pub(crate) mod tree;
