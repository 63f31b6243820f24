//! Places Granules: a pure decision engine, its policies, and the service around it.
//!
//! ```text
//!  clients --gRPC--> service --Event--> engine --asks--> policy
//!  workers <-------- (tokio) <-Command- (pure)  --Fact--> log: durable before the
//!                       |                                     commands are sent
//!                       +--> modules, output
//! ```
//!
//! | Module | Holds |
//! |---|---|
//! | [`engine`] | what happens next: queue, placements, failures, leases |
//! | [`policy`] | where ranks go: one file each |
//! | [`log`] | the durable log of facts: redb, or memory |
//! | `modules`, `output` | stored programs; what ranks printed |
//! | `service` | gRPC, connections, time |

mod config;
pub mod engine;
mod error;
pub mod log;
mod modules;
pub mod names;
mod output;
pub mod policy;
mod service;

pub use config::Config;
pub use error::Error;
pub use service::{Handle, Service};
