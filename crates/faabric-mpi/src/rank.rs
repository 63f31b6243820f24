//! One rank: what the guest's MPI calls reach. Methods are named as in MPI, in
//! snake case without the prefix.

use crate::handle::TypeHandle;
use crate::memory::{Addr, Memory};
use crate::world::World;
use std::sync::Arc;

/// A message buffer as the guest describes it; nothing about it is checked yet.
#[derive(Clone, Copy, Debug)]
pub struct Buffer {
    /// Where it begins.
    pub addr: Addr,
    /// How many elements of `datatype`.
    pub count: i64,
    /// What they are.
    pub datatype: TypeHandle,
}

/// One rank of a job, on this worker.
pub struct Rank {
    pub(crate) world: Arc<World>,
    /// Its rank in `MPI_COMM_WORLD`.
    pub(crate) world_rank: u32,
    /// The guest's linear memory.
    pub(crate) memory: Arc<dyn Memory>,
}

impl Rank {
    /// The job it belongs to.
    #[must_use]
    pub fn world(&self) -> &Arc<World> {
        &self.world
    }
}
