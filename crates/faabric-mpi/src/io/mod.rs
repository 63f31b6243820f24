//! Files (MPI 4.1, chapter 14).
//!
//! ```text
//! access.rs      what a call asks for: where, which pointer, how it ends
//!    |  view.rs: positions in a view <-> offsets in the file
//!    |  representation.rs, convert.rs: how values look in the file
//!    v
//! transfer.rs    one rank's own transfer         collective.rs    pieces of all ranks,
//!    |                                              |  domains.rs    put together first
//!    v                                              v
//! storage.rs     Files, Storage: the embedding's files
//! ```
//! The shared file pointer of a file is a number on the worker of the file's rank 0
//! (`shared.rs`). Non-blocking calls do their transfer at once, without waiting for any
//! other rank; so do the collective ones among them.
//!
//! An open file is plain data - name, mode, view, pointers - and the embedding's open file.

mod access;
mod amode;
mod collective;
mod convert;
mod domains;
mod errors;
mod exchange;
mod file;
mod manage;
mod pointer;
mod representation;
mod shared;
mod storage;
mod transfer;
mod view;

pub use access::{Access, Place};
pub use manage::Viewed;
pub use representation::Registered;
pub(crate) use shared::Pointers;
pub use storage::{FileName, Files, OpenMode, Storage};

use crate::abi;
use crate::error::{Class, Result};
use crate::handle::{FileHandle, Table};
use crate::rank::{Rank, unknown};
use file::File;
use parking_lot::Mutex;
use std::sync::Arc;

/// `MPI_FILE_NULL`.
pub const NULL: FileHandle = FileHandle(abi::MPI_FILE_NULL);

/// A rank's files.
pub(crate) struct State {
    files: Arc<dyn Files>,
    open: Mutex<Table<FileHandle, Arc<File>>>,
    /// The error handler of `MPI_FILE_NULL`, which new files get.
    default_errhandler: Mutex<u32>,
    representations: Mutex<Vec<Arc<Registered>>>,
}

impl Default for State {
    fn default() -> State {
        State {
            files: Arc::new(storage::NoFiles),
            open: Mutex::default(),
            default_errhandler: Mutex::new(abi::MPI_ERRORS_RETURN),
            representations: Mutex::default(),
        }
    }
}

impl State {
    /// What the process can reach.
    pub(crate) fn files(&self) -> &dyn Files {
        &*self.files
    }
}

impl Rank {
    /// The rank with the files that its process can reach: none unless it is told so.
    #[must_use]
    pub fn with_files(mut self, files: Arc<dyn Files>) -> Rank {
        self.io.files = files;
        self
    }

    /// The file that the guest names.
    fn file(&self, handle: FileHandle) -> Result<Arc<File>> {
        self.check_active("a file call")?;
        let found = self.io.open.lock().get(handle).cloned();
        found.ok_or_else(|| unknown(Class::FILE, "fh", handle, abi::MPI_FILE_NULL))
    }
}
