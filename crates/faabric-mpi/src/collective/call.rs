//! A collective call as the guest made it: typed, not yet checked.

use crate::handle::{OpHandle, TypeHandle};
use crate::memory::Addr;
use crate::rank::Buffer;

/// `MPI_IN_PLACE` as an address.
pub(crate) const IN_PLACE: Addr = Addr(crate::abi::MPI_IN_PLACE as u64);

/// One block a rank, at displacements of the caller's choice (the v-variants).
///
/// Where MPI says that the arguments are not significant, the lists may be empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spread<'a> {
    /// What the displacements count from.
    pub addr: Addr,
    /// Elements of each block.
    pub counts: &'a [i64],
    /// Start of each block, in extents of `datatype`.
    pub displs: &'a [i64],
    /// What the elements are.
    pub datatype: TypeHandle,
}

/// One block a rank, each with a datatype of its own (the w-variants).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypedSpread<'a> {
    /// What the displacements count from.
    pub addr: Addr,
    /// Elements of each block.
    pub counts: &'a [i64],
    /// Start of each block, in bytes.
    pub displs: &'a [i64],
    /// What the elements of each block are.
    pub datatypes: &'a [TypeHandle],
}

/// The buffers and the operation of a reduction.
#[derive(Clone, Copy, Debug)]
pub struct Reduction {
    /// The caller's operand, or `MPI_IN_PLACE`.
    pub send: Addr,
    /// Where the result goes.
    pub recv: Addr,
    /// Elements of the operand; of a block of it for `MPI_Reduce_scatter_block`.
    pub count: i64,
    /// What they are.
    pub datatype: TypeHandle,
    /// How they are combined.
    pub op: OpHandle,
}

/// A collective call with its arguments (MPI 4.1, chapter 6 and section 8.6).
///
/// One description serves the blocking, the non-blocking and the persistent form:
/// [`Rank::collective`](crate::Rank::collective),
/// [`Rank::collective_start`](crate::Rank::collective_start) and
/// [`Rank::collective_init`](crate::Rank::collective_init).
#[derive(Clone, Copy, Debug)]
pub enum Collective<'a> {
    /// `MPI_Barrier`, section 6.3.
    Barrier,
    /// `MPI_Bcast`, section 6.4.
    Bcast {
        /// Read at the root, written elsewhere.
        buffer: Buffer,
        /// Whose data it is.
        root: i32,
    },
    /// `MPI_Gather`, section 6.5.
    Gather {
        /// The caller's block.
        send: Buffer,
        /// At the root: all blocks; its count is that of one block.
        recv: Buffer,
        /// Who gets all blocks.
        root: i32,
    },
    /// `MPI_Gatherv`, section 6.5.
    Gatherv {
        /// The caller's block.
        send: Buffer,
        /// At the root: all blocks.
        recv: Spread<'a>,
        /// Who gets all blocks.
        root: i32,
    },
    /// `MPI_Scatter`, section 6.6.
    Scatter {
        /// At the root: all blocks; its count is that of one block.
        send: Buffer,
        /// The caller's block.
        recv: Buffer,
        /// Who has all blocks.
        root: i32,
    },
    /// `MPI_Scatterv`, section 6.6.
    Scatterv {
        /// At the root: all blocks.
        send: Spread<'a>,
        /// The caller's block.
        recv: Buffer,
        /// Who has all blocks.
        root: i32,
    },
    /// `MPI_Allgather`, section 6.7.
    Allgather {
        /// The caller's block.
        send: Buffer,
        /// All blocks; its count is that of one block.
        recv: Buffer,
    },
    /// `MPI_Allgatherv`, section 6.7.
    Allgatherv {
        /// The caller's block.
        send: Buffer,
        /// All blocks.
        recv: Spread<'a>,
    },
    /// `MPI_Alltoall`, section 6.8.
    Alltoall {
        /// A block for each rank; the count is that of one block.
        send: Buffer,
        /// A block from each rank; the count is that of one block.
        recv: Buffer,
    },
    /// `MPI_Alltoallv`, section 6.8.
    Alltoallv {
        /// A block for each rank.
        send: Spread<'a>,
        /// A block from each rank.
        recv: Spread<'a>,
    },
    /// `MPI_Alltoallw`, section 6.8.
    Alltoallw {
        /// A block for each rank.
        send: TypedSpread<'a>,
        /// A block from each rank.
        recv: TypedSpread<'a>,
    },
    /// `MPI_Reduce`, section 6.9.1.
    Reduce {
        /// Buffers and operation.
        data: Reduction,
        /// Who gets the result.
        root: i32,
    },
    /// `MPI_Allreduce`, section 6.9.6.
    Allreduce(Reduction),
    /// `MPI_Reduce_scatter_block`, section 6.10.1.
    ReduceScatterBlock(Reduction),
    /// `MPI_Reduce_scatter`, section 6.10.2. The count of `data` is not used.
    ReduceScatter {
        /// Buffers and operation.
        data: Reduction,
        /// Elements of the result for each rank.
        counts: &'a [i64],
    },
    /// `MPI_Scan`, section 6.11.1.
    Scan(Reduction),
    /// `MPI_Exscan`, section 6.11.2.
    Exscan(Reduction),
    /// `MPI_Neighbor_allgather`, section 8.6.1.
    NeighborAllgather {
        /// The block that all neighbours get.
        send: Buffer,
        /// A block from each neighbour; the count is that of one block.
        recv: Buffer,
    },
    /// `MPI_Neighbor_allgatherv`, section 8.6.1.
    NeighborAllgatherv {
        /// The block that all neighbours get.
        send: Buffer,
        /// A block from each neighbour.
        recv: Spread<'a>,
    },
    /// `MPI_Neighbor_alltoall`, section 8.6.2.
    NeighborAlltoall {
        /// A block for each neighbour; the count is that of one block.
        send: Buffer,
        /// A block from each neighbour; the count is that of one block.
        recv: Buffer,
    },
    /// `MPI_Neighbor_alltoallv`, section 8.6.2.
    NeighborAlltoallv {
        /// A block for each neighbour.
        send: Spread<'a>,
        /// A block from each neighbour.
        recv: Spread<'a>,
    },
    /// `MPI_Neighbor_alltoallw`, section 8.6.2.
    NeighborAlltoallw {
        /// A block for each neighbour.
        send: TypedSpread<'a>,
        /// A block from each neighbour.
        recv: TypedSpread<'a>,
    },
}
