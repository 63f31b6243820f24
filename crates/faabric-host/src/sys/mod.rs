//! What only the operating system can do, one file a mechanism.

mod exit;
mod reservation;
mod signal;

pub(crate) use exit::BackgroundWork;
pub(crate) use reservation::Reservation;
pub(crate) use signal::{Fault, filter_signals};
