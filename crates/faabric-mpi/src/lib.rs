//! The MPI engine: matching, datatypes, communicators and collectives, without Wasm.

pub mod abi;
