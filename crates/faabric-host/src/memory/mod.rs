//! Linear memory: what the guest computes on, and the one checked way in for the host.
//!
//! ```text
//!   compiled code --base + 32-bit address--> |  committed  |  no access ... guard  |  8 GiB
//!   host calls    --GuestMemory (checked)--> |             |
//! ```
//! - [`region`]: the address space and its size; grows in place, never moves.
//! - [`linear`]: wasmer's view of it, made through our `Tunables`.
//! - [`access`]: [`GuestMemory`], the host's view: every access is checked against the
//!   current size and copies bytes; no Rust reference into guest memory ever exists,
//!   except to atomics.
//! - [`share`]: pages that memories of several ranks have in common.
//! - [`wait`]: `memory.atomic.wait` and `notify`.

mod access;
mod linear;
mod region;
mod share;
mod wait;

pub use access::GuestMemory;
pub(crate) use faabric_mpi::memory::OutOfBounds;
pub(crate) use linear::{Linear, ProcessTunables};
pub(crate) use region::{INDEX_SPACE, PAGE, Region};
