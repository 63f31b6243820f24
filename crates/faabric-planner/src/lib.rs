//! Places Granules: a pure decision engine, its policies, and the service around it.
//!
//! ```text
//!  clients --gRPC--> service --Event--> engine --ask--> policy
//!  workers <-------- (tokio) <-Command- (pure)  --Fact-> log (durable before the
//!                                                              commands are sent)
//! ```

pub mod engine;
pub mod names;
pub mod policy;
