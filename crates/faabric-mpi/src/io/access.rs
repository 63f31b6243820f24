//! Reading and writing (MPI 4.1, section 14.4): every combination of positioning,
//! synchronism and coordination, and the file pointers.

use super::convert::{Conversion, read_external, write_external};
use super::file::{File, Split};
use super::representation::Representation;
use super::storage::Storage;
use super::transfer;
use super::view::View;
use crate::data::Data;
use crate::error::{Class, Error, Result};
use crate::guest::Guest;
use crate::handle::{FileHandle, RequestHandle, TypeHandle};
use crate::memory::Addr;
use crate::p2p::Started;
use crate::rank::{Buffer, Rank};
use crate::request::{Kind, Outcome};
use crate::status::Status;
use std::sync::Arc;

/// Where an access begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// At an offset in etypes of the view (`_at`).
    At(i64),
    /// At the individual file pointer.
    Individual,
    /// At the shared file pointer (`_shared`; `_ordered` when collective).
    Shared,
}

/// One of the standard's accesses, but for how it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// To the file, else from it.
    pub write: bool,
    /// Where.
    pub place: Place,
    /// All ranks of the file call it.
    pub collective: bool,
}

/// What one rank's access moves; checked.
pub(super) struct Task {
    pub(super) view: Arc<View>,
    pub(super) data: Data,
    /// The guest's name of the data's type.
    datatype: TypeHandle,
    /// Bytes in the file.
    pub(super) len: u64,
    /// The same in etypes.
    pub(super) units: i64,
}

impl Rank {
    /// `MPI_File_read`, `_write` and all their blocking forms.
    ///
    /// # Errors
    /// `MPI_ERR_FILE`; of the arguments; `MPI_ERR_ACCESS` and `MPI_ERR_READ_ONLY` for what
    /// the file was not opened for, `MPI_ERR_UNSUPPORTED_OPERATION` for what a sequential
    /// file has not; what [`super::Files`] fails with. A collective access fails on all
    /// ranks when an argument is wrong on one.
    pub fn file_access(
        &self,
        guest: &mut dyn Guest,
        fh: FileHandle,
        access: Access,
        buffer: &Buffer,
    ) -> Result<Status> {
        let file = self.file(fh)?;
        self.move_data(guest, &file, access, buffer).map(moved)
    }

    /// `MPI_File_iread`, `_iwrite` and all their non-blocking forms: done when they
    /// return. The collective ones do not wait for the other ranks.
    ///
    /// # Errors
    /// As [`Rank::file_access`], of this rank alone.
    pub fn file_start(
        &self,
        guest: &mut dyn Guest,
        fh: FileHandle,
        access: Access,
        buffer: &Buffer,
    ) -> Result<RequestHandle> {
        let file = self.file(fh)?;
        if access.collective {
            file.check_no_split()?;
        }
        let alone = Access {
            collective: false,
            ..access
        };
        let bytes = self.move_data(guest, &file, alone, buffer)?;
        let outcome = Outcome {
            bytes,
            ..Outcome::EMPTY
        };
        let done = Started::Done(outcome, None);
        self.request(Arc::clone(&file.comm), done, Kind::Operation)
    }

    /// `MPI_File_read_all_begin` and all other first halves of split collectives
    /// (section 14.4.5): the access is done here.
    ///
    /// # Errors
    /// As [`Rank::file_access`]; nothing has begun then.
    pub fn file_begin(
        &self,
        guest: &mut dyn Guest,
        fh: FileHandle,
        access: Access,
        buffer: &Buffer,
    ) -> Result<()> {
        let file = self.file(fh)?;
        let status = self.move_data(guest, &file, access, buffer).map(moved)?;
        file.settings.lock().split = Some(Split {
            access,
            buffer: buffer.addr,
            status,
        });
        Ok(())
    }

    /// `MPI_File_read_all_end` and all other second halves.
    ///
    /// # Errors
    /// `MPI_ERR_FILE`; `MPI_ERR_OTHER` when not this access has begun, `MPI_ERR_BUFFER`
    /// when it began with another buffer.
    pub fn file_end(&self, fh: FileHandle, access: Access, buffer: Addr) -> Result<Status> {
        let file = self.file(fh)?;
        let mut settings = file.settings.lock();
        let alike = |split: &Split| {
            let kind = std::mem::discriminant(&split.access.place);
            split.access.write == access.write && kind == std::mem::discriminant(&access.place)
        };
        match &settings.split {
            Some(split) if alike(split) && split.buffer != buffer => Err(Error::new(
                Class::BUFFER,
                "buf: it is not the one that the access began with",
            )),
            Some(split) if alike(split) => {
                let status = split.status;
                settings.split = None;
                Ok(status)
            }
            _ => Err(Error::new(
                Class::OTHER,
                "fh: no split collective access of this kind has begun",
            )),
        }
    }

    /// Does an access; gives the bytes of memory that were read or written.
    fn move_data(
        &self,
        guest: &mut dyn Guest,
        file: &File,
        access: Access,
        buffer: &Buffer,
    ) -> Result<u64> {
        let task = self.prepare(guest, file, access, buffer);
        if access.collective {
            return self.access_together(guest, file, access, task);
        }
        let task = task?;
        let position = match access.place {
            Place::At(offset) => task.view.position(offset)?,
            Place::Individual => {
                let mut settings = file.settings.lock();
                let start = settings.pointer;
                settings.pointer = advanced(start, task.units)?;
                task.view.position(start)?
            }
            Place::Shared => {
                let start = self.shared_add(guest, file, task.units)?;
                task.view.position(start)?
            }
        };
        self.transfer(guest, file, &task, position, access.write)
    }

    /// Checks an access as far as one rank can, and changes nothing.
    fn prepare(
        &self,
        guest: &mut dyn Guest,
        file: &File,
        access: Access,
        buffer: &Buffer,
    ) -> Result<Task> {
        file.mode.check_access(access.write)?;
        if access.place != Place::Shared {
            file.mode.check_not_sequential()?;
        }
        if access.collective {
            file.check_no_split()?;
        }
        let datatype = self.committed(buffer.datatype)?;
        let data = self.view(buffer, &datatype)?;
        let bytes = data.check(&self.world)?;
        let view = file.view();
        let len = if view.representation.is_native() {
            bytes
        } else {
            let in_file = self.in_file(guest, &view.representation, &datatype)?;
            in_file.bytes(buffer.count)?
        };
        let units = view.units(len)?;
        let start = match access.place {
            Place::At(offset) => offset,
            Place::Individual => file.settings.lock().pointer,
            Place::Shared => 0,
        };
        advanced(start, units)?;
        view.check(view.position(start)?, len)?;
        Ok(Task {
            view,
            data: data.to_data(),
            datatype: buffer.datatype,
            len,
            units,
        })
    }

    /// This rank's own transfer; gives the bytes of memory that were read or written.
    pub(super) fn transfer(
        &self,
        guest: &mut dyn Guest,
        file: &File,
        task: &Task,
        position: u64,
        write: bool,
    ) -> Result<u64> {
        let (view, data) = (&*task.view, &task.data);
        view.check(position, task.len)?;
        if task.len == 0 {
            return Ok(0);
        }
        let all = data.len().unwrap_or(0);
        let bytes_of = |values| data.datatype.bytes_of_elements(values);
        file.transfer(self, write, |storage| match &view.representation {
            Representation::Native | Representation::Internal => {
                task.move_bytes(storage, position, write)
            }
            Representation::External32 if write => {
                write_external(storage, view, position, data, task.len).map(|()| all)
            }
            Representation::External32 => {
                bytes_of(read_external(storage, view, position, data, task.len)?)
            }
            Representation::Registered(registered) => {
                let function = if write {
                    registered.write
                } else {
                    registered.read
                };
                if function.0 == 0 {
                    check_unconverted(all, task.len)?;
                    return task.move_bytes(storage, position, write);
                }
                let conversion = Conversion {
                    rank: self,
                    storage,
                    view,
                    registered,
                    data,
                    datatype: task.datatype,
                };
                if write {
                    conversion.write(guest, position).map(|()| all)
                } else {
                    bytes_of(conversion.read(guest, position, task.len)?)
                }
            }
        })
    }
}

impl Task {
    /// Moves the bytes as they are.
    fn move_bytes(&self, storage: &dyn Storage, position: u64, write: bool) -> Result<u64> {
        let data = self.data.clone();
        if write {
            transfer::write(storage, &self.view, position, data).map(|()| self.len)
        } else {
            transfer::read(storage, &self.view, position, data)
        }
    }
}

/// Without a conversion function the file holds the bytes of memory.
fn check_unconverted(memory: u64, file: u64) -> Result<()> {
    if memory == file {
        return Ok(());
    }
    Err(Error::new(
        Class::CONVERSION,
        format!(
            "the data representation converts nothing, but makes {file} bytes of {memory}: give \
             it a conversion function"
        ),
    ))
}

/// A pointer `units` etypes on.
pub(super) fn advanced(start: i64, units: i64) -> Result<i64> {
    start
        .checked_add(units)
        .ok_or_else(|| Error::new(Class::ARG, "the file pointer would go beyond 2^63 etypes"))
}

fn moved(bytes: u64) -> Status {
    Status {
        bytes,
        ..Status::EMPTY
    }
}
