//! Linear memory: what the guest computes on, and the one checked way in for the host.
//!
//! ```text
//!   compiled code --base + 32-bit address--> |  committed  |  no access ... guard  |  8 GiB
//!   host calls    --GuestMemory (checked)--> |             |
//! ```
//! - [`linear`]: wasmer's view, made through our `Tunables`; grows in place.
//! - [`access`]: [`GuestMemory`], the host's view: every access is checked against the
//!   current size and copies bytes; no Rust reference into guest memory ever exists.
//! - [`wait`]: `memory.atomic.wait` and `notify`.

mod access;
mod linear;
mod region;
mod wait;

pub use access::{GuestMemory, OutOfBounds, StringError};
pub(crate) use linear::Linear;
pub(crate) use region::Region;
