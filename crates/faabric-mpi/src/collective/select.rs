//! Which algorithm runs for which size: one table of thresholds, and the functions
//! that read it.
//!
//! Every rank must choose the same algorithm, so a choice depends only on what all
//! of them know: the size of the communicator, the data's bytes and the operation.

use super::algorithm::reduce::Operands;
use super::algorithm::scan::Kind;
use super::algorithm::{
    allgather, allreduce, alltoall, bcast, gather, reduce, reduce_scatter, scan, scatter,
};
use super::schedule::{Blocks, Place, Schedule, Seat};
use crate::remote::EAGER;
use serde::{Deserialize, Serialize};

/// Sizes, in bytes, at which one algorithm gives way to the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Bcast along the tree below this; scattered and collected above.
    pub bcast_tree: u64,
    /// Bcast on a power of two collects by recursive doubling below this, by ring above.
    pub bcast_doubling: u64,
    /// Reduce along the tree below this; Rabenseifner above.
    pub reduce_tree: u64,
    /// Allreduce by recursive doubling below this; Rabenseifner above.
    pub allreduce_doubling: u64,
    /// Allreduce by ring from this on.
    pub allreduce_ring: u64,
    /// Gather and scatter along the tree for blocks below this; directly above.
    pub rooted_tree: u64,
    /// Allgather by recursive doubling or Bruck while all blocks are below this
    /// together; by ring above.
    pub allgather_short: u64,
    /// Alltoall by Bruck for blocks below this, on eight ranks or more.
    pub alltoall_bruck: u64,
    /// Alltoall with all messages at once for blocks below this; pairwise above.
    pub alltoall_scattered: u64,
    /// Reduce_scatter by recursive halving below this; pairwise above.
    pub reduce_scatter_halving: u64,
    /// Scan by recursive doubling below this; rank after rank above.
    pub scan_doubling: u64,
    /// Whether ranks of one worker meet in common memory; messages otherwise.
    pub local: bool,
    /// Within a worker with a core for each rank: contributions up to this are copied
    /// into common memory; longer ones are read where they lie.
    pub local_copied: u64,
    /// The same with more ranks than cores, where a second meeting costs more.
    pub local_copied_crowded: u64,
    /// Common memory of a communicator with more ranks than cores, in bytes: bounds the
    /// one before.
    pub local_memory: u64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            bcast_tree: 64 << 10,
            bcast_doubling: 512 << 10,
            reduce_tree: 16 << 10,
            allreduce_doubling: 48 << 10,
            allreduce_ring: 4 << 20,
            rooted_tree: 4 << 10,
            allgather_short: 64 << 10,
            alltoall_bruck: 256,
            alltoall_scattered: 32 << 10,
            reduce_scatter_halving: 512 << 10,
            scan_doubling: 256 << 10,
            local: true,
            local_copied: 8 << 10,
            local_copied_crowded: 64 << 10,
            local_memory: 4 << 20,
        }
    }
}

impl Thresholds {
    pub(crate) fn bcast(&self, seat: Seat, root: u32, bytes: u64) -> Schedule {
        // Below four ranks the tree sends no byte twice over one link.
        if bytes < self.bcast_tree || seat.size < 4 || bytes < u64::from(seat.size) {
            bcast::binomial(seat, root, bytes)
        } else if seat.size.is_power_of_two() && bytes < self.bcast_doubling {
            bcast::scatter_allgather(seat, root, bytes, bcast::Collect::RecursiveDoubling)
        } else {
            bcast::scatter_allgather(seat, root, bytes, bcast::Collect::Ring)
        }
    }

    /// `len`: bytes of one block, which every rank knows.
    pub(crate) fn gather(&self, seat: Seat, root: u32, len: u64, in_place: bool) -> Schedule {
        if len < self.rooted_tree {
            return gather::binomial(seat, root, len, in_place);
        }
        let blocks;
        let lens = if seat.rank == root {
            blocks = Blocks::uniform(seat.size, len);
            gather::Lens::Root(&blocks)
        } else {
            gather::Lens::Mine(len)
        };
        gather::linear(seat, root, lens, in_place)
    }

    /// `len`: bytes of one block, which every rank knows.
    pub(crate) fn scatter(&self, seat: Seat, root: u32, len: u64, in_place: bool) -> Schedule {
        if len < self.rooted_tree {
            return scatter::binomial(seat, root, len, in_place);
        }
        let blocks;
        let lens = if seat.rank == root {
            blocks = Blocks::uniform(seat.size, len);
            gather::Lens::Root(&blocks)
        } else {
            gather::Lens::Mine(len)
        };
        scatter::linear(seat, root, lens, in_place)
    }

    pub(crate) fn allgather(&self, seat: Seat, blocks: &Blocks, in_place: bool) -> Schedule {
        if blocks.total() >= self.allgather_short {
            allgather::ring(seat, blocks, in_place)
        } else if seat.size.is_power_of_two() {
            allgather::recursive_doubling(seat, blocks, in_place)
        } else {
            allgather::bruck(seat, blocks, in_place)
        }
    }

    /// `len`: bytes of one block, the same for all pairs.
    pub(crate) fn alltoall(&self, seat: Seat, len: u64, in_place: bool) -> Schedule {
        let blocks = Blocks::uniform(seat.size, len);
        if len < self.alltoall_bruck && seat.size >= 8 {
            alltoall::bruck(seat, len, if in_place { Place::Recv } else { Place::Send })
        } else if in_place {
            alltoall::exchange_in_place(seat, &blocks)
        } else if len < self.alltoall_scattered {
            alltoall::scattered(seat, &blocks, &blocks)
        } else {
            alltoall::pairwise(seat, &blocks, &blocks)
        }
    }

    /// Blocks of lengths that only their sender and receiver know: there is one
    /// algorithm for all of them, because ranks could not agree on another. What is
    /// in flight at a time is bounded by the rounds.
    pub(crate) fn alltoallv(&self, seat: Seat, sends: &Blocks, recvs: &Blocks) -> Schedule {
        // The two write the same messages in the same order for each pair, so
        // ranks may differ in what they choose.
        if sends.total().max(recvs.total()) < self.alltoall_scattered * u64::from(seat.size) {
            alltoall::scattered(seat, sends, recvs)
        } else {
            alltoall::pairwise(seat, sends, recvs)
        }
    }

    pub(crate) fn reduce(&self, seat: Seat, root: u32, operands: Operands) -> Schedule {
        let cut = operands.count >= u64::from(seat.size);
        if operands.commutative && cut && operands.bytes() >= self.reduce_tree && seat.size > 2 {
            reduce::rabenseifner(seat, root, operands)
        } else {
            reduce::binomial(seat, root, operands)
        }
    }

    pub(crate) fn allreduce(&self, seat: Seat, operands: Operands) -> Schedule {
        let cut = operands.count >= u64::from(seat.size);
        let short = operands.bytes() < self.allreduce_doubling || goes_at_once(seat, operands);
        if !operands.commutative || !cut || short {
            allreduce::recursive_doubling(seat, operands)
        } else if operands.bytes() < self.allreduce_ring {
            allreduce::rabenseifner(seat, operands)
        } else {
            allreduce::ring(seat, operands)
        }
    }

    pub(crate) fn reduce_scatter(
        &self,
        seat: Seat,
        blocks: &Blocks,
        operands: Operands,
    ) -> Schedule {
        if !operands.commutative {
            reduce_scatter::in_order(seat, blocks, operands)
        // Between two ranks both send the same, and the other copies less.
        } else if blocks.total() < self.reduce_scatter_halving && seat.size > 2 {
            reduce_scatter::recursive_halving(seat, blocks, operands.input)
        } else {
            reduce_scatter::pairwise(seat, blocks, operands.input)
        }
    }

    pub(crate) fn scan(&self, seat: Seat, operands: Operands, kind: Kind) -> Schedule {
        if operands.bytes() < self.scan_doubling {
            scan::recursive_doubling(seat, operands, kind)
        } else {
            scan::chain(seat, operands, kind)
        }
    }
}

/// Between two ranks halving sends as much, in two messages. It saves half of the
/// combining, which is less than a message costs; only where the halves need not ask
/// their receiver and the whole would have to, it pays.
fn goes_at_once(seat: Seat, operands: Operands) -> bool {
    let asks = EAGER + 1..=2 * EAGER;
    seat.size == 2 && !asks.contains(&operands.bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEAT: Seat = Seat { rank: 1, size: 8 };

    fn operands(bytes: u64, commutative: bool) -> Operands {
        Operands {
            count: bytes / 8,
            unit: 8,
            commutative,
            input: Place::Send,
        }
    }

    #[test]
    fn an_operation_that_does_not_commute_keeps_rank_order_at_every_size() {
        let table = Thresholds::default();
        for bytes in [8, 64 << 10, 64 << 20] {
            let ordered = operands(bytes, false);
            assert_eq!(
                table.allreduce(SEAT, ordered),
                allreduce::recursive_doubling(SEAT, ordered)
            );
            assert_eq!(
                table.reduce(SEAT, 3, ordered),
                reduce::binomial(SEAT, 3, ordered)
            );
        }
    }

    #[test]
    fn two_ranks_halve_only_what_would_have_to_ask() {
        let (table, pair) = (Thresholds::default(), Seat { rank: 0, size: 2 });
        for (bytes, halves) in [
            (EAGER, false),
            (EAGER + 8, true),
            (2 * EAGER, true),
            (2 * EAGER + 8, false),
            (64 << 20, false),
        ] {
            let operands = operands(bytes, true);
            let expected = match halves {
                true => allreduce::rabenseifner(pair, operands),
                false => allreduce::recursive_doubling(pair, operands),
            };
            assert_eq!(table.allreduce(pair, operands), expected, "{bytes}");
        }
    }

    #[test]
    fn a_threshold_is_the_first_size_of_the_next_algorithm() {
        let table = Thresholds {
            allreduce_doubling: 1024,
            allreduce_ring: 2048,
            ..Thresholds::default()
        };
        for (bytes, algorithm) in [
            (
                1016,
                allreduce::recursive_doubling as fn(Seat, Operands) -> Schedule,
            ),
            (1024, allreduce::rabenseifner),
            (2048, allreduce::ring),
        ] {
            assert_eq!(
                table.allreduce(SEAT, operands(bytes, true)),
                algorithm(SEAT, operands(bytes, true))
            );
        }
    }
}
