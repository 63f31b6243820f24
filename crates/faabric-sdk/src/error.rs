//! What can go wrong while building or using the SDK; every message names a cause and a remedy.

use std::path::PathBuf;

/// Why the SDK could not be built, or a compiler could not be run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Neither `FAABRIC_CACHE` nor a home directory is known.
    #[error("no place to keep the SDK: set FAABRIC_CACHE to a directory (HOME is not set either)")]
    NoCache,

    /// Reading or writing a file failed.
    #[error("cannot {action} {}: {source}{}", path.display(), remedy(source))]
    Io {
        /// What was attempted, as a verb phrase: "write", "create".
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The operating system's answer.
        #[source]
        source: std::io::Error,
    },

    /// `python3` could not be started.
    #[error(
        "the guest compiler comes as the Python package ziglang=={version}, and python3 cannot be \
         run: {source}; install python3 with pip (Debian: apt install python3-pip), or set \
         FAABRIC_ZIG to an unpacked `ziglang` directory, or WASI_SDK_PATH to a wasi-sdk"
    )]
    NoPython {
        /// The pinned package version.
        version: &'static str,
        /// Why python3 did not start.
        #[source]
        source: std::io::Error,
    },

    /// `pip` ran and failed.
    #[error(
        "pip could not {action} ziglang=={version} ({status}); check the network, the disk space \
         and that `python3 -m pip` works (Debian: apt install python3-pip); pip said:\n{stderr}"
    )]
    Pip {
        /// "download" or "install".
        action: &'static str,
        /// The pinned package version.
        version: &'static str,
        /// Its exit status.
        status: std::process::ExitStatus,
        /// The end of what it printed.
        stderr: String,
    },

    /// The downloaded wheel is not the pinned one.
    #[error(
        "{} is not the pinned compiler: its BLAKE3 is {found}, expected {expected}; check which \
         package index pip uses (`python3 -m pip config list`)", path.display()
    )]
    Checksum {
        /// The downloaded wheel.
        path: PathBuf,
        /// The pinned hash.
        expected: &'static str,
        /// The hash of what was downloaded.
        found: String,
    },

    /// `FAABRIC_ZIG` or `WASI_SDK_PATH` names something that is not a toolchain.
    #[error("{variable} is {}, but {} does not exist; unset it or correct it", path.display(), missing.display())]
    NotAToolchain {
        /// The environment variable.
        variable: &'static str,
        /// Its value.
        path: PathBuf,
        /// What should have been there.
        missing: PathBuf,
    },

    /// A tool of the toolchain could not be started.
    #[error("cannot run {}: {source}", tool.display())]
    Spawn {
        /// The executable.
        tool: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },

    /// A source of the SDK did not compile: a bug of this SDK, or a broken toolchain.
    #[error("building the guest SDK failed at {unit}: `{command}`\n{stderr}")]
    Build {
        /// The object or archive being built.
        unit: String,
        /// The command line.
        command: String,
        /// What the tool printed.
        stderr: String,
    },

    /// The command line asks for something a Wasm guest cannot have.
    #[error("{0}")]
    Usage(String),
}

impl Error {
    /// Wraps an I/O error: `Error::io("write", path)`.
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}

/// What a user can do about an I/O error, where that is known.
fn remedy(source: &std::io::Error) -> &'static str {
    use std::io::ErrorKind;
    match source.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "; free about 1 GiB there, or point FAABRIC_CACHE at another disk"
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "; point FAABRIC_CACHE at a directory you may write"
        }
        _ => "",
    }
}

/// The crate's result.
pub type Result<T> = std::result::Result<T, Error>;
