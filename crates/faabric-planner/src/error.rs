//! What can keep a planner from starting or going on.

use std::io;
use std::path::PathBuf;

/// Says what is wrong and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The port is taken, or the address is not this machine's.
    #[error(
        "cannot listen on {address}: {source}; name another address with --listen (port 0 takes a free one)"
    )]
    Listen {
        /// As configured.
        address: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// The data folder cannot be used.
    #[error("cannot use {} as the planner's data folder: {source}; make it writable or name another with --data-dir", path.display())]
    DataDir {
        /// The folder, or what in it.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The log is open in another process.
    #[error("{} is in use by another planner; stop that one or name another folder with --data-dir", path.display())]
    InUse {
        /// The log.
        path: PathBuf,
    },
    /// The log was written by a later version.
    #[error("{} has format {found}, and this planner knows formats up to {known}; run the version that wrote it, or name another folder with --data-dir", path.display())]
    TooNew {
        /// The log.
        path: PathBuf,
        /// Its format.
        found: u64,
        /// The latest format that this planner knows.
        known: u64,
    },
    /// The log cannot be read.
    #[error("{} is not a planner's log or is damaged ({detail}); restore it from a backup, or move it away to start with an empty cluster (workers and modules are kept)", path.display())]
    Corrupt {
        /// The log.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// The log cannot be written.
    #[error("cannot write {}: {detail}; free space there or make it writable, and the planner goes on by itself", path.display())]
    Write {
        /// The log.
        path: PathBuf,
        /// What the operating system said.
        detail: String,
    },
    /// The log's store failed in a way it should not.
    #[error("the planner's log failed: {0}; restart the planner")]
    Log(String),
    /// The configured policy does not exist.
    #[error("there is no policy {name:?}; this planner knows {known}")]
    Policy {
        /// As configured.
        name: String,
        /// What there is.
        known: String,
    },
    /// A limit in the configuration makes no sense.
    #[error("{field} must be at least {least}, and is {found}")]
    Limit {
        /// Which.
        field: &'static str,
        /// Its smallest value.
        least: u64,
        /// As configured.
        found: u64,
    },
    /// The gRPC server ended.
    #[error("the planner's server failed: {0}")]
    Serve(#[from] tonic::transport::Error),
}
