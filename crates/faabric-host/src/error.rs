//! What can go wrong before a guest runs. What goes wrong while it runs is an exit
//! with a reason, see `Exit`.

use std::io;
use std::path::PathBuf;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes are no Wasm module.
    #[error("not a Wasm module: {0}")]
    NotWasm(String),
    /// The module uses what this host cannot run.
    #[error("the module cannot run here: {0}")]
    Unsupported(String),
    /// The module wants functions that nothing offers.
    #[error("{0}")]
    UnknownImports(String),
    /// The module is damaged.
    #[error("the module is invalid: {0}")]
    Invalid(String),
    /// The compiler failed.
    #[error("cannot compile the module: {0}")]
    Compile(String),
    /// The instance could not be made.
    #[error("cannot start the module: {0}")]
    Instantiate(String),
    /// No memory for the guest.
    #[error("cannot reserve linear memory: {0}")]
    Memory(String),
    /// The job does not run that rank here.
    #[error("cannot start the MPI rank: {0}")]
    Mpi(#[source] faabric_mpi::Error),
    /// A preopened directory cannot be opened.
    #[error("cannot open directory {} for the guest: {source}", path.display())]
    Dir {
        /// The host path.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// A process has state that cannot be carried to another worker.
    #[error("the process cannot move: {0}")]
    Immovable(String),
    /// An operation of the operating system failed.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
