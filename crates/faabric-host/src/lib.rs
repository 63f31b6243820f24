//! Runs Wasm: engine, linear memory, threads, module cache and the guest ABI.
//!
//! ```text
//!  wasm bytes --Engine::load--> Module --Process::new--> Process --run--> Exit
//!               (check, cache)           (memory, WASI,            |
//!                                         MPI rank)        Granules: one instance,
//!                                                          one store, one OS thread
//!                                                          each, one linear memory
//! ```
//! A *Granule* is one Wasm instance. A process is one Granule that owns its linear
//! memory, plus the thread Granules it spawned on that memory.
//!
//! Invariant: nothing a guest passes can panic the host or touch memory outside its
//! own; see [`GuestMemory`], the only way from host code into linear memory.

mod abi;
mod config;
mod ending;
mod error;
mod granule;
mod memory;
mod stdio;
mod sys;

pub use config::{Dir, ProcessConfig};
pub use ending::Ending;
pub use error::{Error, Result};
pub use granule::Granule;
pub use memory::{GuestMemory, OutOfBounds, StringError};
pub use stdio::{NoInput, Output, Pipe, PipeWriter, Stdin};
