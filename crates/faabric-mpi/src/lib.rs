//! The MPI engine: matching, datatypes, communicators and collectives, without Wasm.
//!
//! ```text
//! abi/mpi.rs --> Rank --+--> comm, attribute, errhandler, info   (this rank's objects)
//!                       +--> collective --> schedule --+
//!                       +--> p2p <---------------------+
//!                             |  mailbox (matching)
//!                             +--> another rank's Memory      same worker: one copy
//!                             +--> packet --> wire::Fabric    another worker
//! ```

pub mod abi;
pub mod datatype;
pub mod error;
pub mod guest;
pub mod handle;
pub mod memory;
pub mod op;

mod collective;
mod comm;
pub mod group;
mod p2p;
mod rank;
mod request;
pub mod topology;
mod world;

pub use error::{Class, Error, Result};
pub use group::Group;
pub use guest::{Guest, GuestFn};
pub use rank::{Buffer, Rank};
pub use topology::Topology;
pub use world::World;
