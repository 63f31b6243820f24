//! The file pointers, moved without data (MPI 4.1, sections 14.4.3 and 14.4.4).

use super::access::advanced;
use super::file::File;
use super::manage::same;
use crate::abi;
use crate::error::{Class, Error, Result};
use crate::guest::Guest;
use crate::handle::FileHandle;
use crate::rank::Rank;

impl Rank {
    /// `MPI_File_seek`.
    ///
    /// # Errors
    /// `MPI_ERR_FILE`; `MPI_ERR_ARG` for a place before the view's start or an unknown
    /// `whence`; `MPI_ERR_UNSUPPORTED_OPERATION` for a sequential file.
    pub fn file_seek(&self, fh: FileHandle, offset: i64, whence: i32) -> Result<()> {
        let file = self.file(fh)?;
        file.mode.check_not_sequential()?;
        let now = file.settings.lock().pointer;
        let target = target(&file, now, offset, whence)?;
        file.settings.lock().pointer = target;
        Ok(())
    }

    /// `MPI_File_get_position`: in etypes.
    ///
    /// # Errors
    /// `MPI_ERR_FILE`; `MPI_ERR_UNSUPPORTED_OPERATION` for a sequential file.
    pub fn file_get_position(&self, fh: FileHandle) -> Result<i64> {
        let file = self.file(fh)?;
        file.mode.check_not_sequential()?;
        Ok(file.settings.lock().pointer)
    }

    /// `MPI_File_get_byte_offset`: where in the file etype `offset` of the view begins.
    ///
    /// # Errors
    /// `MPI_ERR_FILE`; `MPI_ERR_ARG` for a negative offset;
    /// `MPI_ERR_UNSUPPORTED_OPERATION` for a sequential file.
    pub fn file_get_byte_offset(&self, fh: FileHandle, offset: i64) -> Result<i64> {
        let file = self.file(fh)?;
        file.mode.check_not_sequential()?;
        let view = file.view();
        Ok(view.offset_of(view.position(offset)?)? as i64)
    }

    /// `MPI_File_seek_shared`.
    ///
    /// # Errors
    /// As [`Rank::file_seek`]; `MPI_ERR_NOT_SAME` when the ranks' arguments differ.
    pub fn file_seek_shared(
        &self,
        guest: &mut dyn Guest,
        fh: FileHandle,
        offset: i64,
        whence: i32,
    ) -> Result<()> {
        let file = self.file(fh)?;
        let checked = file
            .check_no_split()
            .and_then(|()| file.mode.check_not_sequential());
        let mine = checked.map(|()| vec![offset.cast_unsigned(), whence as u64]);
        self.lead(guest, &file.comm, mine, |places| {
            same(places, "offset and whence")?;
            let (pointers, id) = (&self.world.pointers, file.comm.id());
            let target = target(&file, pointers.add(id, 0), offset, whence)?;
            pointers.set(id, target);
            Ok(Vec::new())
        })?;
        Ok(())
    }

    /// `MPI_File_get_position_shared`: in etypes.
    ///
    /// # Errors
    /// As [`Rank::file_get_position`].
    pub fn file_get_position_shared(&self, guest: &mut dyn Guest, fh: FileHandle) -> Result<i64> {
        let file = self.file(fh)?;
        file.mode.check_not_sequential()?;
        self.shared_add(guest, &file, 0)
    }
}

/// Where a pointer that is at `now` goes.
fn target(file: &File, now: i64, offset: i64, whence: i32) -> Result<i64> {
    let from = match whence {
        abi::MPI_SEEK_SET => 0,
        abi::MPI_SEEK_CUR => now,
        abi::MPI_SEEK_END => {
            let view = file.view();
            let bytes = view.position_of(file.storage.size()?);
            bytes.div_ceil(view.unit()) as i64
        }
        _ => {
            return Err(Error::new(
                Class::ARG,
                format!("whence: {whence} is not one of the MPI_SEEK_ constants"),
            ));
        }
    };
    match advanced(from, offset)? {
        target if target >= 0 => Ok(target),
        target => Err(Error::new(
            Class::ARG,
            format!("offset: the file pointer would be at {target}, before the view's start"),
        )),
    }
}
