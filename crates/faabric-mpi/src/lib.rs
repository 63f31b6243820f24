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
pub mod attribute;
pub mod collective;
pub mod communicator;
pub mod completion;
pub mod datatype;
pub mod error;
pub mod generalized;
pub mod group;
pub mod guest;
pub mod handle;
pub mod info;
pub mod interface;
pub mod io;
pub mod memory;
pub mod observe;
pub mod op;
pub mod probe;
pub mod rma;
pub mod send;
pub mod tool;
pub mod topologies;
pub mod topology;
pub mod tuning;

mod agree;
mod bsend;
mod cancel;
mod comm;
mod connect;
mod data;
mod desk;
mod duplicate;
mod errhandler;
mod exchange;
mod family;
mod from_group;
mod groups;
mod inbox;
mod intercomm;
mod launch;
mod lifecycle;
mod mailbox;
mod matching;
mod p2p;
mod packet;
mod partitioned;
mod progress;
mod quick;
mod rank;
mod remote;
mod request;
mod scratch;
mod session;
mod spawn;
mod status;
mod wait;
mod words;
mod world;

#[cfg(test)]
mod tests;

pub use bsend::Attachable;
pub use collective::Collective;
pub use error::{Class, Error, On, Result};
pub use family::Family;
pub use from_group::Attached;
pub use group::Group;
pub use guest::{Argument, Guest, GuestFn};
pub use launch::{Launch, Launched, Launcher, Numbers, Program};
pub use quick::Variable;
pub use rank::{Buffer, Rank};
pub use send::{Destination, Origin, SendMode};
pub use spawn::{Codes, Command, Spawned};
pub use status::Status;
pub use topology::Topology;
pub use world::{Ending, Placement, World};
