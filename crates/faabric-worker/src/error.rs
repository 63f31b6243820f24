//! Why a worker cannot start, or cannot start a job.

use std::io;
use std::path::PathBuf;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The planner's URL makes no sense.
    #[error("{url:?} is not the URL of a planner, such as http://10.0.0.1:7411")]
    PlannerUrl {
        /// As configured.
        url: String,
        /// What is wrong with it.
        #[source]
        source: tonic::transport::Error,
    },
    /// The planner will not have this worker.
    #[error("the planner at {url} refuses worker {worker}: {reason}")]
    Refused {
        /// Where the planner is.
        url: String,
        /// This worker's name.
        worker: String,
        /// What it said.
        reason: String,
    },
    /// The data plane cannot start.
    #[error(transparent)]
    DataPlane(#[from] faabric_wire::tcp::Error),
    /// No address that other workers could reach.
    #[error(
        "cannot tell at which address other workers reach this one; set the advertised \
         address (--advertise)"
    )]
    Advertise(#[source] io::Error),
    /// A thread of the worker cannot start.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
    /// A directory that jobs may map is not there.
    #[error("the file root {} cannot be used", path.display())]
    FileRoot {
        /// As configured.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// A job's directory is not there.
    #[error("directory {} of the job cannot be used on this worker: {source}", path.display())]
    Dir {
        /// As the job names it.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// A job's directory means different places on different workers.
    #[error("directory {} of the job is not an absolute path", path.display())]
    RelativeDir {
        /// As the job names it.
        path: PathBuf,
    },
    /// A job's directory is not one that this worker lets jobs see.
    #[error(
        "directory {} (that is, {}) is outside this worker's file roots; to let jobs use it, \
         start the worker with --file-root {}", path.display(), host.display(), host.display()
    )]
    OutsideRoots {
        /// As the job names it.
        path: PathBuf,
        /// With links resolved.
        host: PathBuf,
    },
    /// The job's environment adjusts the MPI engine in a way that is not possible.
    #[error("{0}")]
    Setting(String),
    /// A tier that is none.
    #[error("there is no tier {0:?}; the tiers are auto, cranelift and llvm")]
    Tier(String),
    /// The name of a module is none.
    #[error("{0:?} is not the BLAKE3 hash of a module")]
    Hash(String),
    /// The planner did not give the module.
    #[error("cannot fetch the module from the planner: {}", .0.message())]
    Fetch(#[source] Box<tonic::Status>),
    /// The planner did not take a module.
    #[error("cannot store the module at the planner: {}", .0.message())]
    Store(#[source] Box<tonic::Status>),
    /// The module came, but is another one.
    #[error("the planner sent a module with hash {got} instead of {wanted}")]
    WrongModule {
        /// What the job names.
        wanted: String,
        /// What came.
        got: String,
    },
    /// The module cannot run here.
    #[error(transparent)]
    Host(#[from] faabric_host::Error),
}
