//! Folding a communicator of any size onto a power of two.
//!
//! The first `2 * rest` ranks pair up, where `rest` is what the size exceeds the
//! power of two by: the even one gives its data to the odd one above it and takes no
//! part until the result comes back. Pairs are neighbours, so rank order survives.
//!
//! ```text
//! rank   0   1   2   3   4   5   6      size 7, power 4, rest 3
//!         \  |    \  |    \  |   |
//! place      0       1       2   3
//! ```

use super::accumulator::Accumulator;
use crate::collective::schedule::{Builder, Seat, Slice};
use std::ops::Range;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Fold {
    seat: Seat,
    /// The number of places: the largest power of two that is not above the size.
    pub(crate) places: u32,
    rest: u32,
}

impl Fold {
    pub(crate) fn new(seat: Seat) -> Self {
        let places = 1 << seat.size.ilog2();
        Self {
            seat,
            places,
            rest: seat.size - places,
        }
    }

    /// The caller's place; none for the rank that gave its data away.
    pub(crate) fn place(&self) -> Option<u32> {
        let rank = self.seat.rank;
        if rank >= 2 * self.rest {
            Some(rank - self.rest)
        } else {
            (rank % 2 == 1).then_some(rank / 2)
        }
    }

    /// The rank that acts for a place.
    pub(crate) fn rank(&self, place: u32) -> u32 {
        self.ranks(place).end - 1
    }

    /// The ranks whose data a place holds.
    pub(crate) fn ranks(&self, place: u32) -> Range<u32> {
        if place < self.rest {
            2 * place..2 * place + 2
        } else {
            place + self.rest..place + self.rest + 1
        }
    }

    /// The other rank of the caller's pair.
    fn partner(&self) -> Option<u32> {
        (self.seat.rank < 2 * self.rest).then_some(self.seat.rank ^ 1)
    }

    /// Pairs combine: what the even rank has goes into the sum of the odd one.
    pub(crate) fn fold(&self, build: &mut Builder, sum: &mut Accumulator) {
        let own = sum.sum();
        match (self.partner(), self.place()) {
            (Some(partner), None) => build.send(partner, own),
            (Some(partner), Some(_)) => sum.take(build, partner, 0..own.len, true),
            (None, _) => {}
        }
        build.round();
    }

    /// The odd rank's `from` goes to the even rank's `to`.
    pub(crate) fn unfold(&self, build: &mut Builder, from: Slice, to: Slice) {
        build.round();
        match (self.partner(), self.place()) {
            (Some(partner), None) => build.recv(partner, to),
            (Some(partner), Some(_)) => build.send(partner, from),
            (None, _) => {}
        }
    }
}
