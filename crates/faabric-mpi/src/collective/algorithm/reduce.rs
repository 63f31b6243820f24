//! Reduce (MPI 4.1, section 6.9.1).

use super::accumulator::Accumulator;
use super::fold::Fold;
use super::reduce_scatter;
use super::tree::{self, Node};
use crate::collective::schedule::{Blocks, Builder, Order, Place, Schedule, Seat, Slice};

/// The data of one reduction, the same on every rank.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operands {
    /// Number of elements.
    pub(crate) count: u64,
    /// Packed bytes of an element, which no algorithm may cut.
    pub(crate) unit: u64,
    /// May operands change places?
    pub(crate) commutative: bool,
    /// Where the caller's own operand is: [`Place::Recv`] when in place.
    pub(crate) input: Place,
}

impl Operands {
    pub(crate) fn bytes(&self) -> u64 {
        self.count * self.unit
    }

    pub(crate) fn input(&self) -> Slice {
        Slice::of(self.input, self.bytes())
    }
}

/// Binomial tree. An operation that does not commute is combined at rank 0, where
/// the tree's runs of ranks are in order, and then sent to the root.
pub(crate) fn binomial(seat: Seat, root: u32, operands: Operands) -> Schedule {
    let top = if operands.commutative { root } else { 0 };
    let mut build = Builder::new();
    let result = Slice::of(Place::Recv, operands.bytes());
    let combined = combine(
        &mut build,
        seat,
        top,
        operands,
        (seat.rank == root && root == top).then_some(result),
    );
    if root != top {
        build.round();
        if seat.rank == top {
            build.send(root, combined);
        } else if seat.rank == root {
            build.recv(top, result);
        }
    }
    build.finish()
}

/// Combines up the tree of `top`; returns where the caller's combined data is.
/// `result` is the slice to combine in, when there is one.
pub(crate) fn combine(
    build: &mut Builder,
    seat: Seat,
    top: u32,
    operands: Operands,
    result: Option<Slice>,
) -> Slice {
    let node = Node::new(seat, top);
    let input = operands.input();
    let mut acc = input;
    let children: Vec<_> = node
        .children()
        .map(|child| tree::absolute(child.start, top, seat.size))
        .collect();
    if children.is_empty() {
        if let Some(result) = result {
            build.copy(input, result);
            acc = result;
        }
    } else {
        acc = result.unwrap_or_else(|| build.scratch(operands.bytes()));
        let spare = build.scratch(if children.len() > 1 || acc == input {
            operands.bytes()
        } else {
            0
        });
        for (i, &child) in children.iter().enumerate() {
            if i == 0 && acc != input {
                // Saves a copy: the child's data lands in acc, the own comes before it.
                build.recv(child, acc);
                build.reduce(acc, input, Order::OperandFirst);
            } else {
                build.recv(child, spare);
                build.reduce(acc, spare, Order::AccFirst);
            }
        }
    }
    if let Some(parent) = node.parent() {
        build.round();
        build.send(tree::absolute(parent, top, seat.size), acc);
    }
    acc
}

/// Rabenseifner: reduce-scatter by recursive halving, then each rank sends its
/// block of the result to the root. For large data and commutative operations.
pub(crate) fn rabenseifner(seat: Seat, root: u32, operands: Operands) -> Schedule {
    let fold = Fold::new(seat);
    let blocks = Blocks::split(operands.count, operands.unit, fold.places);
    let mut build = Builder::new();
    let acc = if seat.rank == root {
        Slice::of(Place::Recv, operands.bytes())
    } else {
        build.scratch(operands.bytes())
    };
    let sum = Accumulator::new(operands.input(), acc);
    reduce_scatter::halve(&mut build, &fold, &blocks, sum);
    build.round();
    match fold.place() {
        Some(place) if seat.rank != root => build.send(root, acc.part(blocks.range(place))),
        _ => {}
    }
    if seat.rank == root {
        for place in (0..fold.places).filter(|&place| fold.rank(place) != root) {
            build.recv(fold.rank(place), acc.part(blocks.range(place)));
        }
    }
    build.finish()
}
