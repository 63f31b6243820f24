//! Where files are: what the engine asks of its embedding.
//!
//! The host implements [`Files`] over the directories that the guest was given, with the
//! same confinement as its other file calls. All ranks of a job must see the same files
//! under the same names: ranks on different workers share a file system, or the job has
//! one worker.

use crate::error::Result;
use crate::world::World;
use std::sync::Arc;

/// The name of a file: data that can travel with a rank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileName {
    /// Which of the rank's directories it is in: the embedding's number for it.
    pub directory: u32,
    /// The path from there.
    pub path: String,
}

/// How to open a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenMode {
    /// It will be read.
    pub read: bool,
    /// It will be written.
    pub write: bool,
    /// It is made when it is not there.
    pub create: bool,
    /// It must not be there before.
    pub exclusive: bool,
}

/// The files that a rank can reach.
///
/// Errors have the class that MPI wants (`MPI_ERR_NO_SUCH_FILE`, `MPI_ERR_FILE_EXISTS`,
/// `MPI_ERR_ACCESS`, `MPI_ERR_READ_ONLY`, `MPI_ERR_NO_SPACE`, `MPI_ERR_QUOTA`,
/// `MPI_ERR_BAD_FILE`, `MPI_ERR_FILE_IN_USE`, `MPI_ERR_IO`).
pub trait Files: Send + Sync + 'static {
    /// Opens a file.
    ///
    /// # Errors
    /// As said above.
    fn open(&self, name: &FileName, mode: OpenMode) -> Result<Arc<dyn Storage>>;

    /// Removes a file.
    ///
    /// # Errors
    /// As said above.
    fn delete(&self, name: &FileName) -> Result<()>;

    /// The name of what the guest calls by this absolute path, without `.` and `..`;
    /// whether it is there is not asked.
    ///
    /// # Errors
    /// `MPI_ERR_NO_SUCH_FILE` when it lies in none of the guest's directories.
    fn find(&self, path: &str) -> Result<FileName> {
        let why = format!("{path}: in none of this process's directories");
        Err(crate::Error::new(crate::Class::NO_SUCH_FILE, why))
    }
}

/// An open file: bytes by their offset from its start.
pub trait Storage: Send + Sync + 'static {
    /// Fills `buf` from `at` on; gives how many bytes there were, fewer than asked for
    /// only where the file ends.
    ///
    /// # Errors
    /// As [`Files`].
    fn read_at(&self, at: u64, buf: &mut [u8]) -> Result<usize>;

    /// Writes all of `buf` at `at`; the file grows as needed.
    ///
    /// # Errors
    /// As [`Files`]; some of the bytes may have been written.
    fn write_at(&self, at: u64, buf: &[u8]) -> Result<()>;

    /// Its length in bytes.
    ///
    /// # Errors
    /// As [`Files`].
    fn size(&self) -> Result<u64>;

    /// Cuts it, or makes it longer with zeros.
    ///
    /// # Errors
    /// As [`Files`].
    fn set_size(&self, size: u64) -> Result<()>;

    /// Makes sure that its first `size` bytes can be written without running out of
    /// space; it is then at least that long.
    ///
    /// # Errors
    /// As [`Files`].
    fn preallocate(&self, size: u64) -> Result<()>;

    /// Brings what was written to the device.
    ///
    /// # Errors
    /// As [`Files`].
    fn sync(&self) -> Result<()>;

    /// Takes a lock on the whole file, alone or together with other readers; false while
    /// another open file of the same name has one that conflicts. The engine unlocks
    /// within the same call.
    ///
    /// # Errors
    /// `MPI_ERR_UNSUPPORTED_OPERATION` where the file system has no locks.
    fn try_lock(&self, exclusive: bool) -> Result<bool>;

    /// Gives the lock up.
    fn unlock(&self);
}

/// A rank's file, whose transfers fail once the job or the rank's process has ended: types that
/// overlap themselves make them as long as they like.
pub(super) struct UntilEnd {
    pub(super) world: Arc<World>,
    pub(super) rank: u32,
    pub(super) storage: Arc<dyn Storage>,
}

impl UntilEnd {
    fn check(&self) -> Result<()> {
        self.world.own_mailbox(self.rank)?.check(&self.world)
    }
}

impl Storage for UntilEnd {
    fn read_at(&self, at: u64, buf: &mut [u8]) -> Result<usize> {
        self.check()?;
        self.storage.read_at(at, buf)
    }

    fn write_at(&self, at: u64, buf: &[u8]) -> Result<()> {
        self.check()?;
        self.storage.write_at(at, buf)
    }

    fn size(&self) -> Result<u64> {
        self.storage.size()
    }

    fn set_size(&self, size: u64) -> Result<()> {
        self.storage.set_size(size)
    }

    fn preallocate(&self, size: u64) -> Result<()> {
        self.storage.preallocate(size)
    }

    fn sync(&self) -> Result<()> {
        self.storage.sync()
    }

    fn try_lock(&self, exclusive: bool) -> Result<bool> {
        self.storage.try_lock(exclusive)
    }

    fn unlock(&self) {
        self.storage.unlock();
    }
}

/// Of an embedding without files.
pub(super) struct NoFiles;

impl Files for NoFiles {
    fn open(&self, _: &FileName, _: OpenMode) -> Result<Arc<dyn Storage>> {
        Err(none())
    }

    fn delete(&self, _: &FileName) -> Result<()> {
        Err(none())
    }
}

#[cold]
fn none() -> crate::Error {
    crate::Error::new(
        crate::Class::UNSUPPORTED_OPERATION,
        "this process was started without access to files",
    )
}
