//! Synchronisation without the target (MPI 4.1, sections 12.5.3 and 12.5.4).
//!
//! The lock of a target is at its worker. [`Rank::win_lock`] waits for it, since memory
//! may be loaded and stored directly as soon as it returns; [`Rank::win_lock_all`] takes
//! the locks of targets that can only be reached by calls when they are reached.

use super::active::check_assert;
use super::part::Flavor;
use crate::abi;
use crate::error::{Class, Error, Result};
use crate::guest::Guest;
use crate::handle::WinHandle;
use crate::rank::Rank;
use std::sync::atomic::{Ordering, fence};

impl Rank {
    /// `MPI_Win_lock` (MPI 4.1, section 12.5.3).
    ///
    /// # Errors
    /// `MPI_ERR_WIN`, `MPI_ERR_RANK`, `MPI_ERR_LOCKTYPE`, `MPI_ERR_ASSERT`;
    /// `MPI_ERR_RMA_SYNC` when it is locked already, or within another kind of epoch.
    pub fn win_lock(
        &self,
        guest: &mut dyn Guest,
        lock_type: i32,
        rank: i32,
        assert: i32,
        win: WinHandle,
    ) -> Result<()> {
        let window = self.active_win(win)?;
        let exclusive = match lock_type {
            abi::MPI_LOCK_EXCLUSIVE => true,
            abi::MPI_LOCK_SHARED => false,
            _ => {
                return Err(Error::new(
                    Class::LOCKTYPE,
                    format!("lock_type: {lock_type} is not one of the MPI_LOCK_ constants"),
                ));
            }
        };
        check_assert(assert, abi::MPI_MODE_NOCHECK)?;
        let Some(target) = window.target("rank", rank)? else {
            return Ok(());
        };
        let unchecked = assert & abi::MPI_MODE_NOCHECK != 0;
        window.epoch.lock().lock(target, exclusive, unchecked)?;
        if !unchecked {
            self.take_lock(guest, &window, target, exclusive)?;
            window.epoch.lock().ready(target);
            self.wake();
        }
        Ok(())
    }

    /// `MPI_Win_unlock` (MPI 4.1, section 12.5.3).
    ///
    /// # Errors
    /// `MPI_ERR_WIN`, `MPI_ERR_RANK`; `MPI_ERR_RMA_SYNC` unless it is locked; what an access
    /// failed with at the target.
    pub fn win_unlock(&self, guest: &mut dyn Guest, rank: i32, win: WinHandle) -> Result<()> {
        let window = self.active_win(win)?;
        let Some(target) = window.target("rank", rank)? else {
            return Ok(());
        };
        window.epoch.lock().check_unlock(target)?;
        let done = self.flush_local(guest, &window, [target].into_iter());
        let Some(taken) = window.epoch.lock().unlock(target) else {
            return done;
        };
        if !taken.real {
            return done.and(self.flush(guest, &window, [target].into_iter()));
        }
        if let Some(there) = self.give_lock(&window, target, taken.exclusive)? {
            self.wait_completion(guest, &there)?;
        }
        done.and(self.flush_local(guest, &window, [target].into_iter()))
    }

    /// `MPI_Win_lock_all` (MPI 4.1, section 12.5.3).
    ///
    /// # Errors
    /// `MPI_ERR_WIN`, `MPI_ERR_ASSERT`; `MPI_ERR_RMA_SYNC` within another access epoch.
    pub fn win_lock_all(&self, guest: &mut dyn Guest, assert: i32, win: WinHandle) -> Result<()> {
        let window = self.active_win(win)?;
        check_assert(assert, abi::MPI_MODE_NOCHECK)?;
        window
            .epoch
            .lock()
            .lock_all(assert & abi::MPI_MODE_NOCHECK != 0)?;
        let me = window.comm.rank;
        let direct = match window.flavor {
            Flavor::Shared => 0..window.size(),
            _ => me..me + 1,
        };
        for target in direct {
            self.access(guest, &window, target, true)?;
        }
        Ok(())
    }

    /// `MPI_Win_unlock_all` (MPI 4.1, section 12.5.3).
    ///
    /// # Errors
    /// `MPI_ERR_WIN`; `MPI_ERR_RMA_SYNC` without [`Rank::win_lock_all`]; what an access
    /// failed with at its target.
    pub fn win_unlock_all(&self, guest: &mut dyn Guest, win: WinHandle) -> Result<()> {
        let window = self.active_win(win)?;
        window.epoch.lock().check_unlock_all()?;
        let done = self.flush(guest, &window, 0..window.size());
        let taken = window.epoch.lock().unlock_all();
        for target in taken {
            self.give_lock(&window, target, false)?;
        }
        done
    }

    /// `MPI_Win_flush` (MPI 4.1, section 12.5.4).
    ///
    /// # Errors
    /// `MPI_ERR_WIN`, `MPI_ERR_RANK`; `MPI_ERR_RMA_SYNC` unless the target is locked; what
    /// an access failed with at the target.
    pub fn win_flush(&self, guest: &mut dyn Guest, rank: i32, win: WinHandle) -> Result<()> {
        let window = self.active_win(win)?;
        let Some(target) = window.target("rank", rank)? else {
            return Ok(());
        };
        window.epoch.lock().check_passive(Some(target))?;
        self.flush(guest, &window, [target].into_iter())?;
        self.yield_to_others()
    }

    /// `MPI_Win_flush_all`.
    ///
    /// # Errors
    /// As [`Rank::win_flush`].
    pub fn win_flush_all(&self, guest: &mut dyn Guest, win: WinHandle) -> Result<()> {
        let window = self.active_win(win)?;
        window.epoch.lock().check_passive(None)?;
        self.flush(guest, &window, 0..window.size())?;
        self.yield_to_others()
    }

    /// `MPI_Win_flush_local`.
    ///
    /// # Errors
    /// As [`Rank::win_flush`].
    pub fn win_flush_local(&self, guest: &mut dyn Guest, rank: i32, win: WinHandle) -> Result<()> {
        let window = self.active_win(win)?;
        let Some(target) = window.target("rank", rank)? else {
            return Ok(());
        };
        window.epoch.lock().check_passive(Some(target))?;
        self.flush_local(guest, &window, [target].into_iter())?;
        self.yield_to_others()
    }

    /// `MPI_Win_flush_local_all`.
    ///
    /// # Errors
    /// As [`Rank::win_flush`].
    pub fn win_flush_local_all(&self, guest: &mut dyn Guest, win: WinHandle) -> Result<()> {
        let window = self.active_win(win)?;
        window.epoch.lock().check_passive(None)?;
        self.flush_local(guest, &window, 0..window.size())?;
        self.yield_to_others()
    }

    /// `MPI_Win_sync` (MPI 4.1, section 12.5.4): there is only one copy of the window, so
    /// this orders loads and stores.
    ///
    /// # Errors
    /// `MPI_ERR_WIN`.
    pub fn win_sync(&self, win: WinHandle) -> Result<()> {
        self.active_win(win)?;
        fence(Ordering::SeqCst);
        // A program that polls memory which others share calls this in its loop.
        self.yield_to_others()
    }
}
