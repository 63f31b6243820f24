//! Combining one operand after the other, with the fewest copies.
//!
//! ```text
//! first    recv ---> acc      acc = acc op input      nothing is copied before
//! later    recv -> spare      acc = acc op spare
//! ```
//! In place the input is `acc` itself, and every operand goes through `spare`.

use crate::collective::schedule::{Builder, Order, Slice};
use std::ops::Range;

/// What the caller has combined so far: at first its input, which stays where it is.
#[derive(Debug)]
pub(crate) struct Accumulator {
    own: Slice,
    acc: Slice,
    spare: Option<Slice>,
}

impl Accumulator {
    /// Will combine what comes with `input`, in `acc`.
    pub(crate) fn new(input: Slice, acc: Slice) -> Self {
        Self {
            own: input,
            acc,
            spare: None,
        }
    }

    /// The same, with memory for operands that is there already: as much as the longest.
    pub(crate) fn with_spare(self, spare: Slice) -> Self {
        Self {
            spare: Some(spare),
            ..self
        }
    }

    /// What has been combined.
    pub(crate) fn sum(&self) -> Slice {
        self.own
    }

    /// Receives part `part` of an operand, of ranks `below` the caller or above it, and
    /// combines it. From then on the sum has that part only, so an operand has no more
    /// bytes than the one before.
    pub(crate) fn take(&mut self, build: &mut Builder, from: u32, part: Range<u64>, below: bool) {
        let len = part.end - part.start;
        let (acc, own) = (self.acc.part(part.clone()), self.own.part(part));
        let order = |operand_below| match operand_below {
            true => Order::OperandFirst,
            false => Order::AccFirst,
        };
        if self.own == self.acc {
            let spare = *self.spare.get_or_insert_with(|| build.scratch(len));
            let operand = spare.part(0..len);
            build.recv(from, operand);
            build.reduce(acc, operand, order(below));
            return;
        }
        build.recv(from, acc);
        // The operand of this step is the caller's own, and what came is on the other side.
        build.reduce(acc, own, order(!below));
        self.own = self.acc;
    }

    /// Where the sum is in the end, whatever was combined.
    pub(crate) fn settle(self, build: &mut Builder) -> Slice {
        build.copy(self.own, self.acc);
        self.acc
    }
}
