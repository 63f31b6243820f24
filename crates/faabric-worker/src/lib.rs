//! Runs the Granules that the planner places on one VM, and carries their messages.
//!
//! ```text
//!              planner
//!         orders |  ^ reports                  tokio tasks
//!  +-------------v--|--------------------+
//!  |           session    outbox <--.    |
//!  |              |                 |    |
//!  |  modules <-- job ------> rank, rank |     one thread a rank:
//!  |              |             |    |   |     faabric_host::Process
//!  |              `--> World <--'----'   |
//!  |                     |               |
//!  +---------------- Endpoint -----------+     one connection a peer
//!                        |
//!                  other workers
//! ```
//! Nothing here decides where ranks run; that is the planner's. Nothing here knows MPI
//! or Wasm; that is `faabric-mpi`'s and `faabric-host`'s.

mod alignment;
mod config;
mod error;
mod input;
mod job;
mod modules;
mod outbox;
mod output;
mod rank;
mod recording;
mod roots;
mod session;
mod spawn;
mod worker;

pub use config::Config;
pub use error::Error;
pub use worker::{Handle, Worker};
