//! Scan and Exscan (MPI 4.1, section 6.11).

use super::reduce::Operands;
use crate::collective::schedule::{Builder, Order, Place, Schedule, Seat, Slice};

/// Does the result of a rank include its own operand?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Scan.
    Inclusive,
    /// Exscan: rank 0 gets nothing, its receive buffer stays as it is.
    Exclusive,
}

/// log2(size) exchanges of the sum of a growing run of ranks: with a lower partner's
/// run a rank extends its result, with either its own run. Keeps rank order.
pub(crate) fn recursive_doubling(seat: Seat, operands: Operands, kind: Kind) -> Schedule {
    let bytes = operands.bytes();
    let result = Slice::of(Place::Recv, bytes);
    let mut build = Builder::new();
    let (run, spare) = (build.scratch(bytes), build.scratch(bytes));
    build.copy(operands.input(), run);
    let mut has_result = kind == Kind::Inclusive;
    if has_result {
        build.copy(operands.input(), result);
    }
    let mut width = 1;
    while width < seat.size {
        let peer = seat.rank ^ width;
        width *= 2;
        if peer >= seat.size {
            continue;
        }
        build.send(peer, run);
        build.recv(peer, spare);
        if peer > seat.rank {
            build.reduce(run, spare, Order::AccFirst);
        } else {
            build.reduce(run, spare, Order::OperandFirst);
            if has_result {
                build.reduce(result, spare, Order::OperandFirst);
            } else {
                build.copy(spare, result);
                has_result = true;
            }
        }
        build.round();
    }
    build.finish()
}

/// Each rank waits for the one below: size steps in all, but each rank sends and
/// receives the data once. For large data.
pub(crate) fn chain(seat: Seat, operands: Operands, kind: Kind) -> Schedule {
    let bytes = operands.bytes();
    let result = Slice::of(Place::Recv, bytes);
    let mut build = Builder::new();
    let below = build.scratch(bytes);
    let last = seat.rank + 1 == seat.size;
    if seat.rank == 0 {
        if kind == Kind::Inclusive {
            build.copy(operands.input(), result);
        }
        if !last {
            build.send(1, operands.input());
        }
        return build.finish();
    }
    build.recv(seat.rank - 1, below);
    match kind {
        Kind::Inclusive => {
            build.copy(operands.input(), result);
            build.reduce(result, below, Order::OperandFirst);
            if !last {
                build.send(seat.rank + 1, result);
            }
        }
        Kind::Exclusive => {
            if !last {
                let sum = build.scratch(bytes);
                build.copy(operands.input(), sum);
                build.reduce(sum, below, Order::OperandFirst);
                build.round();
                build.send(seat.rank + 1, sum);
            }
            build.copy(below, result);
        }
    }
    build.finish()
}
