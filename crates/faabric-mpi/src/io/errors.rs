//! Error handlers of files (MPI 4.1, sections 9.3.3 and 14.7): unlike those of
//! communicators they return, until the program says otherwise.

use super::NULL;
use super::file::File;
use crate::error::Result;
use crate::guest::{Guest, GuestFn};
use crate::handle::{ErrhandlerHandle, FileHandle, Handle};
use crate::rank::Rank;
use std::sync::Arc;

impl Rank {
    /// `MPI_File_create_errhandler`.
    ///
    /// # Errors
    /// `MPI_ERR_NO_MEM` when there are too many.
    pub fn file_create_errhandler(&self, function: GuestFn) -> Result<ErrhandlerHandle> {
        self.comm_create_errhandler(function)
    }

    /// `MPI_File_set_errhandler`; for `MPI_FILE_NULL` that of files opened later.
    ///
    /// # Errors
    /// `MPI_ERR_FILE`, `MPI_ERR_ERRHANDLER`.
    pub fn file_set_errhandler(&self, fh: FileHandle, handler: ErrhandlerHandle) -> Result<()> {
        let file = self.file_or_null(fh)?;
        self.retain_errhandler(handler)?;
        let old = match file {
            Some(file) => std::mem::replace(&mut file.settings.lock().errhandler, handler.raw()),
            None => std::mem::replace(&mut *self.io.default_errhandler.lock(), handler.raw()),
        };
        self.release_errhandler(ErrhandlerHandle(old));
        Ok(())
    }

    /// `MPI_File_get_errhandler`: to be freed like a new one.
    ///
    /// # Errors
    /// `MPI_ERR_FILE`.
    pub fn file_get_errhandler(&self, fh: FileHandle) -> Result<ErrhandlerHandle> {
        let handler = self.file_handler(self.file_or_null(fh)?.as_deref());
        self.retain_errhandler(handler)?;
        Ok(handler)
    }

    /// `MPI_File_call_errhandler` (MPI 4.1, section 9.5).
    ///
    /// # Errors
    /// As [`Rank::raise`]; `MPI_ERR_FILE`.
    pub fn file_call_errhandler(
        &self,
        guest: &mut dyn Guest,
        fh: FileHandle,
        code: i32,
    ) -> Result<()> {
        self.file_or_null(fh)?;
        self.call_handler(guest, fh.into(), code)
    }

    /// The error handler of `fh`, or of `MPI_FILE_NULL` if that is no open file.
    pub(crate) fn errhandler_of_file(&self, fh: FileHandle) -> u32 {
        let file = self.io.open.lock().get(fh).cloned();
        self.file_handler(file.as_deref()).raw()
    }

    fn file_or_null(&self, fh: FileHandle) -> Result<Option<Arc<File>>> {
        if fh == NULL {
            return Ok(None);
        }
        self.file(fh).map(Some)
    }

    fn file_handler(&self, file: Option<&File>) -> ErrhandlerHandle {
        ErrhandlerHandle(match file {
            Some(file) => file.settings.lock().errhandler,
            None => *self.io.default_errhandler.lock(),
        })
    }
}
