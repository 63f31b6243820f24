//! End-to-end tests: the `faabric` program as a user has it, on guests compiled by
//! its own toolchain. One binary, a module a theme.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cache;
mod clusters;
mod encryption;
mod endings;
mod files;
mod frozen;
mod harness;
mod mpi;
mod mpi_calls;
mod profile;
mod programs;
mod spawn;
