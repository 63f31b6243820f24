//! Barrier (MPI 4.1, section 6.3).

use crate::collective::schedule::{Builder, Schedule, Seat};

/// Dissemination: in round k every rank signals the one 2^k above it, so after
/// log2(size) rounds each has heard, at second hand or further, from all.
pub(crate) fn dissemination(seat: Seat) -> Schedule {
    let mut build = Builder::new();
    let mut distance = 1;
    while distance < seat.size {
        build.signal(seat.up(distance));
        build.await_signal(seat.down(distance));
        build.round();
        distance *= 2;
    }
    build.finish()
}
