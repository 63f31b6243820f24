//! Synchronisation in which the target takes part (MPI 4.1, sections 12.5.1 and 12.5.2).
//!
//! ```text
//!   target: post --Post--> origin: start ... accesses ... complete --Complete--> target: wait
//! ```
//! A signal to another worker follows the data of the accesses on the same link, so what
//! a `Complete` ends was applied before it is counted.

use super::part::Signal;
use super::window::Window;
use crate::abi;
use crate::communicator::ranks_within;
use crate::error::{Class, Error, Result};
use crate::guest::Guest;
use crate::handle::{GroupHandle, WinHandle};
use crate::rank::Rank;

/// Checks the bits of an `assert` argument.
pub(crate) fn check_assert(assert: i32, allowed: i32) -> Result<()> {
    match assert & !allowed {
        0 => Ok(()),
        other => Err(Error::new(
            Class::ASSERT,
            format!("assert: {other:#x} is no assertion of this call"),
        )),
    }
}

impl Window {
    fn world_ranks(&self, ranks: &[u32]) -> Vec<u32> {
        let world_rank = |&rank: &u32| self.peers[rank as usize].world_rank;
        ranks.iter().map(world_rank).collect()
    }
}

impl Rank {
    /// `MPI_Win_fence` (MPI 4.1, section 12.5.1).
    ///
    /// # Errors
    /// `MPI_ERR_WIN`, `MPI_ERR_ASSERT`; `MPI_ERR_RMA_SYNC` within another kind of epoch;
    /// what an access failed with at its target.
    pub fn win_fence(&self, guest: &mut dyn Guest, assert: i32, win: WinHandle) -> Result<()> {
        let window = self.active_win(win)?;
        let hints = abi::MPI_MODE_NOSTORE | abi::MPI_MODE_NOPUT;
        let epochs = abi::MPI_MODE_NOPRECEDE | abi::MPI_MODE_NOSUCCEED;
        check_assert(assert, hints | epochs)?;
        window.epoch.lock().check_fence()?;
        let flushed = self.flush(guest, &window, 0..window.size());
        if let Err(e) = &flushed
            && e.class == Class::INTERRUPTED
        {
            return flushed;
        }
        // The others wait for this rank, whatever became of its accesses.
        self.meet(guest, &window.comm)?;
        window.epoch.lock().fenced(assert);
        flushed
    }

    /// `MPI_Win_start` (MPI 4.1, section 12.5.2): the targets' posts are waited for when
    /// they are accessed.
    ///
    /// # Errors
    /// `MPI_ERR_WIN`, `MPI_ERR_GROUP`, `MPI_ERR_ASSERT`; `MPI_ERR_RMA_SYNC` within another
    /// access epoch.
    pub fn win_start(&self, group: GroupHandle, assert: i32, win: WinHandle) -> Result<()> {
        let window = self.active_win(win)?;
        check_assert(assert, abi::MPI_MODE_NOCHECK)?;
        let targets = ranks_within(&window.comm, &*self.group(group)?)?;
        window.epoch.lock().start(&targets)
    }

    /// `MPI_Win_complete` (MPI 4.1, section 12.5.2).
    ///
    /// # Errors
    /// `MPI_ERR_WIN`; `MPI_ERR_RMA_SYNC` without [`Rank::win_start`]; what an access failed
    /// with at its target.
    pub fn win_complete(&self, guest: &mut dyn Guest, win: WinHandle) -> Result<()> {
        let window = self.active_win(win)?;
        let (targets, fresh) = window.epoch.lock().started()?;
        let done = self.flush_local(guest, &window, targets.iter().copied());
        self.await_posts(guest, &window, &fresh)?;
        for &target in &targets {
            // What was sent is before the signal on the link: no need to ask.
            let _ = window.pending.take_changed(target);
            self.signal(&window, target, Signal::Complete)?;
        }
        window.epoch.lock().completed();
        done
    }

    /// Waits for, and uses up, the posts of targets.
    pub(crate) fn await_posts(
        &self,
        guest: &mut dyn Guest,
        window: &Window,
        targets: &[u32],
    ) -> Result<()> {
        let from = window.world_ranks(targets);
        let posted = || {
            let mut signals = window.mine.signals.lock();
            signals.take(Signal::Post, &from).then_some(())
        };
        self.wait_for(guest, posted)
    }

    /// `MPI_Win_post` (MPI 4.1, section 12.5.2).
    ///
    /// # Errors
    /// `MPI_ERR_WIN`, `MPI_ERR_GROUP`, `MPI_ERR_ASSERT`; `MPI_ERR_RMA_SYNC` when an exposure
    /// epoch is open already.
    pub fn win_post(&self, group: GroupHandle, assert: i32, win: WinHandle) -> Result<()> {
        let window = self.active_win(win)?;
        let hints = abi::MPI_MODE_NOSTORE | abi::MPI_MODE_NOPUT;
        check_assert(assert, hints | abi::MPI_MODE_NOCHECK)?;
        let origins = ranks_within(&window.comm, &*self.group(group)?)?;
        window.epoch.lock().post(origins.clone())?;
        for origin in origins {
            self.signal(&window, origin, Signal::Post)?;
        }
        Ok(())
    }

    /// `MPI_Win_wait` (MPI 4.1, section 12.5.2).
    ///
    /// # Errors
    /// `MPI_ERR_WIN`; `MPI_ERR_RMA_SYNC` without [`Rank::win_post`].
    pub fn win_wait(&self, guest: &mut dyn Guest, win: WinHandle) -> Result<()> {
        let window = self.active_win(win)?;
        let origins = window.epoch.lock().exposed()?;
        let origins = window.world_ranks(&origins);
        let completed = || {
            let mut signals = window.mine.signals.lock();
            signals.take(Signal::Complete, &origins).then_some(())
        };
        self.wait_for(guest, completed)?;
        window.epoch.lock().concealed();
        Ok(())
    }

    /// `MPI_Win_test` (MPI 4.1, section 12.5.2): whether the exposure epoch has ended.
    ///
    /// # Errors
    /// As [`Rank::win_wait`].
    pub fn win_test(&self, guest: &mut dyn Guest, win: WinHandle) -> Result<bool> {
        let window = self.active_win(win)?;
        let origins = window.epoch.lock().exposed()?;
        let origins = window.world_ranks(&origins);
        self.advance(guest);
        let ended = window.mine.signals.lock().take(Signal::Complete, &origins);
        if ended {
            window.epoch.lock().concealed();
        } else {
            self.yield_to_others()?;
        }
        Ok(ended)
    }
}
