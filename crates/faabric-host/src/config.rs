//! What a process is started with.

use crate::stdio::{Output, Stdin};
use faabric_mpi::World;
use faabric_wire::id::Rank;
use std::path::PathBuf;
use std::sync::Arc;

/// A host directory that the guest sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dir {
    /// Where it is on the host.
    pub host: PathBuf,
    /// Its name for the guest, e.g. `/data` or `.`.
    pub guest: String,
    /// Refuses every write, create, rename and delete below it.
    pub read_only: bool,
}

/// One process: arguments, environment, files, streams, and its place in an MPI job.
pub struct ProcessConfig {
    /// `argv`, the program's name first.
    pub args: Vec<String>,
    /// Environment variables.
    pub env: Vec<(String, String)>,
    /// Preopened directories.
    pub dirs: Vec<Dir>,
    /// Standard input.
    pub stdin: Arc<dyn Stdin>,
    /// Standard output.
    pub stdout: Arc<dyn Output>,
    /// Standard error.
    pub stderr: Arc<dyn Output>,
    /// The most bytes of linear memory it may have; the wasm32 limit is 4 GiB.
    pub memory_limit: u64,
    /// The most threads it may have at once, the main one included.
    pub thread_limit: u32,
    /// The job and the rank that it runs, when it is one of an MPI job.
    pub mpi: Option<(Arc<World>, Rank)>,
}
