//! One rank's open file.

use super::access::Access;
use super::amode::AccessMode;
use super::storage::{FileName, Storage};
use super::view::View;
use crate::comm::Comm;
use crate::error::{Class, Error, Result};
use crate::info::Info;
use crate::memory::Addr;
use crate::rank::Rank;
use crate::status::Status;
use parking_lot::{Mutex, ReentrantMutex};
use std::sync::Arc;
use std::time::Duration;

/// One rank's open file.
pub(super) struct File {
    /// A communicator of its own, like the one it was opened with: its id names the file
    /// among those of the job.
    pub(super) comm: Arc<Comm>,
    pub(super) name: FileName,
    pub(super) mode: AccessMode,
    pub(super) storage: Arc<dyn Storage>,
    pub(super) settings: Mutex<Settings>,
    /// Held while a transfer holds the storage's lock, which does not tell the threads of
    /// this rank apart. The program's conversion functions run under it.
    atomic: ReentrantMutex<()>,
}

/// What calls change.
pub(super) struct Settings {
    pub(super) view: Arc<View>,
    /// The individual file pointer, in etypes of the view.
    pub(super) pointer: i64,
    /// `MPI_File_set_atomicity`.
    pub(super) atomic: bool,
    /// The split collective that has begun and not ended.
    pub(super) split: Option<Split>,
    pub(super) info: Info,
    pub(super) errhandler: u32,
    /// Something was written that was not synchronised.
    pub(super) unsynced: bool,
}

/// A split collective access under way: it was done when it began.
pub(super) struct Split {
    pub(super) access: Access,
    /// The program's buffer.
    pub(super) buffer: Addr,
    pub(super) status: Status,
}

impl File {
    pub(super) fn new(
        comm: Arc<Comm>,
        name: FileName,
        mode: AccessMode,
        storage: Arc<dyn Storage>,
        settings: Settings,
    ) -> File {
        File {
            comm,
            name,
            mode,
            storage,
            settings: Mutex::new(settings),
            atomic: ReentrantMutex::new(()),
        }
    }

    pub(super) fn view(&self) -> Arc<View> {
        Arc::clone(&self.settings.lock().view)
    }

    /// Fails while a split collective access is under way (section 14.4.5).
    pub(super) fn check_no_split(&self) -> Result<()> {
        match &self.settings.lock().split {
            None => Ok(()),
            Some(_) => Err(Error::new(
                Class::OTHER,
                "fh: a split collective access of this file has begun and not ended",
            )),
        }
    }

    /// Runs a transfer: in atomic mode while no other rank's can see a part of it.
    pub(super) fn transfer<T>(
        &self,
        rank: &Rank,
        write: bool,
        transfer: impl FnOnce(&dyn Storage) -> Result<T>,
    ) -> Result<T> {
        let atomic = {
            let mut settings = self.settings.lock();
            settings.unsynced |= write;
            settings.atomic
        };
        if !atomic {
            return transfer(&*self.storage);
        }
        let _alone = self.atomic.lock();
        self.lock(rank, write)?;
        let moved = transfer(&*self.storage);
        self.storage.unlock();
        moved
    }

    /// Waits for the storage's lock. Who has it holds it for one transfer, unless that is
    /// another program of the host's: the wait ends with the process.
    pub(super) fn lock(&self, rank: &Rank, exclusive: bool) -> Result<()> {
        let mut pause = Duration::from_micros(10);
        while !self.storage.try_lock(exclusive)? {
            rank.check()?;
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(1));
        }
        Ok(())
    }
}
