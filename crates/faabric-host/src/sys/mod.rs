//! What only the operating system can do, one file a mechanism.

mod reservation;

pub(crate) use reservation::Reservation;
