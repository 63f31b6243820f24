//! What only the operating system can do, one file a mechanism.

mod direct;
mod exit;
mod reservation;
mod signal;
mod stray;

pub(crate) use direct::{attach, direct};
pub use exit::leave;
pub(crate) use reservation::Reservation;
pub(crate) use signal::{Fault, filter_signals};
pub use stray::ignore_stray_interrupts;
