//! Attributes and error handlers of windows (MPI 4.1, sections 7.7, 9.3 and 12.2.6).

use super::create::Allocator;
use super::part::Flavor;
use super::window::Window;
use crate::abi;
use crate::attribute::Object;
use crate::error::Result;
use crate::guest::Guest;
use crate::handle::{ErrhandlerHandle, Handle, KeyvalHandle, WinHandle};
use crate::rank::Rank;
use std::sync::atomic::Ordering;

impl Rank {
    /// `MPI_Win_set_attr`. The old value's delete callback runs first.
    ///
    /// # Errors
    /// `MPI_ERR_WIN`, `MPI_ERR_KEYVAL`, what the callback returned.
    pub fn win_set_attr(
        &self,
        guest: &mut dyn Guest,
        win: WinHandle,
        key: KeyvalHandle,
        value: u32,
    ) -> Result<()> {
        let window = self.win(win)?;
        let key = self.keyval(Object::Win, key)?;
        let old = window.comm.settings.lock().attributes.get(&key);
        if let Some(old) = old {
            self.delete_callback(guest, win.raw(), &key, old)?;
        }
        window.comm.settings.lock().attributes.set(&key, value);
        Ok(())
    }

    /// `MPI_Win_get_attr`: none when it was not set. A predefined one is an address, of
    /// the window or of an integer in memory from `allocator`.
    ///
    /// # Errors
    /// `MPI_ERR_WIN`, `MPI_ERR_KEYVAL`, `MPI_ERR_NO_MEM`.
    pub fn win_get_attr(
        &self,
        guest: &mut dyn Guest,
        win: WinHandle,
        key: KeyvalHandle,
        allocator: Allocator,
    ) -> Result<Option<u32>> {
        let window = self.win(win)?;
        let index = match key.raw() as i32 {
            abi::MPI_WIN_BASE => return Ok(Some(window.mine.base as u32)),
            abi::MPI_WIN_SIZE => 0,
            abi::MPI_WIN_DISP_UNIT => 1,
            abi::MPI_WIN_CREATE_FLAVOR => 2,
            abi::MPI_WIN_MODEL => 3,
            _ => {
                let key = self.keyval(Object::Win, key)?;
                return Ok(window.comm.settings.lock().attributes.get(&key));
            }
        };
        let values = self.predefined_values(guest, &window, allocator)?;
        Ok(Some(values + 4 * index))
    }

    /// Where the guest finds size, displacement unit, flavor and model of a window.
    fn predefined_values(
        &self,
        guest: &mut dyn Guest,
        window: &Window,
        allocator: Allocator,
    ) -> Result<u32> {
        let known = window.values.load(Ordering::Acquire);
        if known != 0 {
            return Ok(known);
        }
        let flavor = match window.flavor {
            Flavor::Create => abi::MPI_WIN_FLAVOR_CREATE,
            Flavor::Allocate => abi::MPI_WIN_FLAVOR_ALLOCATE,
            Flavor::Dynamic => abi::MPI_WIN_FLAVOR_DYNAMIC,
            Flavor::Shared => abi::MPI_WIN_FLAVOR_SHARED,
        };
        let unit = window.peers[window.comm.rank as usize].disp_unit;
        let values = [
            window.mine.size as u32,
            unit as u32,
            flavor as u32,
            abi::MPI_WIN_UNIFIED as u32,
        ];
        let at = self.allocate(guest, allocator, 4, 16)?;
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.memory.write(at, &bytes)?;
        let (fresh, order) = (at.0 as u32, Ordering::AcqRel);
        match window
            .values
            .compare_exchange(0, fresh, order, Ordering::Acquire)
        {
            Ok(_) => Ok(fresh),
            Err(earlier) => {
                guest.call(allocator.free, &[fresh])?;
                Ok(earlier)
            }
        }
    }

    /// `MPI_Win_delete_attr`.
    ///
    /// # Errors
    /// `MPI_ERR_WIN`, `MPI_ERR_KEYVAL`, what the callback returned: it stays then.
    pub fn win_delete_attr(
        &self,
        guest: &mut dyn Guest,
        win: WinHandle,
        key: KeyvalHandle,
    ) -> Result<()> {
        let window = self.win(win)?;
        let key = self.keyval(Object::Win, key)?;
        let Some(value) = window.comm.settings.lock().attributes.get(&key) else {
            return Ok(());
        };
        self.delete_callback(guest, win.raw(), &key, value)?;
        window.comm.settings.lock().attributes.remove(&key);
        self.forget_freed(&key);
        Ok(())
    }

    /// Deletes all attributes of a window that goes away, the last set first.
    pub(crate) fn delete_win_attributes(
        &self,
        guest: &mut dyn Guest,
        win: WinHandle,
    ) -> Result<()> {
        let window = self.win(win)?;
        loop {
            let Some((key, value)) = window.comm.settings.lock().attributes.last() else {
                return Ok(());
            };
            self.delete_callback(guest, win.raw(), &key, value)?;
            window.comm.settings.lock().attributes.remove(&key);
            self.forget_freed(&key);
        }
    }

    /// `MPI_Win_set_errhandler` (MPI 4.1, section 9.3.2).
    ///
    /// # Errors
    /// `MPI_ERR_WIN`, `MPI_ERR_ERRHANDLER`.
    pub fn win_set_errhandler(&self, win: WinHandle, handler: ErrhandlerHandle) -> Result<()> {
        let window = self.win(win)?;
        self.retain_errhandler(handler)?;
        let errhandler = &mut window.comm.settings.lock().errhandler;
        let old = std::mem::replace(errhandler, handler.raw());
        self.release_errhandler(ErrhandlerHandle(old));
        Ok(())
    }

    /// `MPI_Win_get_errhandler`: to be freed like a new one.
    ///
    /// # Errors
    /// `MPI_ERR_WIN`.
    pub fn win_get_errhandler(&self, win: WinHandle) -> Result<ErrhandlerHandle> {
        let handler = ErrhandlerHandle(self.win(win)?.comm.settings.lock().errhandler);
        self.retain_errhandler(handler)?;
        Ok(handler)
    }

    /// `MPI_Win_call_errhandler` (MPI 4.1, section 9.5).
    ///
    /// # Errors
    /// As [`Rank::raise`]; `MPI_ERR_WIN`.
    pub fn win_call_errhandler(
        &self,
        guest: &mut dyn Guest,
        win: WinHandle,
        code: i32,
    ) -> Result<()> {
        self.win(win)?;
        self.call_handler(guest, win.into(), code)
    }
}
