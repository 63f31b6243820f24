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
mod budget;
mod cache;
mod caller;
mod config;
mod cpp;
mod ending;
mod engine;
mod error;
mod granule;
mod inspect;
mod memory;
mod module;
mod process;
mod stdio;
mod sys;
mod thread;
mod trap;

pub use abi::wasi::FileTable;
pub use config::{Dir, ProcessConfig};
pub use ending::Ending;
pub use engine::{Compiler, Engine, EngineConfig, Tier};
pub use error::{Error, Result};
pub use faabric_mpi::memory::OutOfBounds;
pub use granule::Granule;
pub use memory::GuestMemory;
pub use module::Module;
pub use process::{Exit, Interrupter, Process};
pub use stdio::{NoInput, Output, Pipe, PipeWriter, Stdin};
pub use sys::{ignore_stray_interrupts, leave};
pub use thread::HOST_STACK;
