//! Opening and closing files, and asking about them (MPI 4.1, sections 14.2 and 14.3).

use super::NULL;
use super::amode::AccessMode;
use super::exchange::garbled;
use super::file::{File, Settings};
use super::storage::{FileName, Storage, UntilEnd};
use super::view::View;
use crate::abi;
use crate::comm::Comm;
use crate::datatype::{Constructor, Datatype};
use crate::error::{Class, Error, Result};
use crate::guest::Guest;
use crate::handle::{
    CommHandle, ErrhandlerHandle, FileHandle, GroupHandle, InfoHandle, TypeHandle,
};
use crate::rank::Rank;
use std::sync::Arc;

/// What `MPI_File_get_view` tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Viewed {
    /// Where the view begins, in bytes.
    pub disp: i64,
    /// A new handle, unless it is a predefined type.
    pub etype: TypeHandle,
    /// A new handle, unless it is a predefined type.
    pub filetype: TypeHandle,
    /// The name of the data representation.
    pub datarep: String,
}

impl Rank {
    /// `MPI_File_open`. Rank 0 makes the file, the others then open what it made: they
    /// must see it, so ranks on different workers need a file system in common.
    ///
    /// # Errors
    /// The same class on all ranks: `MPI_ERR_COMM`, `MPI_ERR_AMODE`, `MPI_ERR_NOT_SAME`
    /// for modes that differ, `MPI_ERR_INFO`, and what [`super::Files`] fails with.
    pub fn file_open(
        &self,
        guest: &mut dyn Guest,
        comm: CommHandle,
        name: &FileName,
        amode: i32,
        info: InfoHandle,
    ) -> Result<FileHandle> {
        let comm = self.active_comm(comm)?.into_owned();
        if comm.remote.is_some() {
            return Err(Error::new(Class::COMM, "comm: it is an intercommunicator"));
        }
        let mode = AccessMode::new(amode);
        let info = mode
            .as_ref()
            .map_or(Ok(Default::default()), |_| self.info_or_null(info));
        let mine = mode
            .clone()
            .and_then(|mode| info.clone().map(|_| vec![mode.raw() as u64]));
        let mut made = None;
        let words = self.lead(guest, &comm, mine, |modes| {
            same(modes, "amode")?;
            let storage = self.io.files.open(name, mode.clone()?.open_mode(true))?;
            let size = storage.size()?;
            let id = self.fresh_id();
            let shared = if mode.clone()?.appends() {
                size as i64
            } else {
                0
            };
            self.world.pointers.set(id, shared);
            made = Some((storage, id));
            Ok(vec![id, size])
        })?;
        let [id, size] = words[..] else {
            return Err(garbled());
        };
        let mode = mode?;
        let storage = match &made {
            Some((storage, _)) => Ok(Arc::clone(storage)),
            None => self.open_made(&comm, name, mode),
        };
        let opened = storage.as_ref().map(|_| ()).map_err(Error::clone);
        if let Err(error) = self.all_or_none(guest, &comm, opened) {
            if made.is_some() {
                self.world.pointers.remove(id);
            }
            return Err(error);
        }
        let errhandler = *self.io.default_errhandler.lock();
        self.retain_errhandler(ErrhandlerHandle(errhandler))?;
        let settings = Settings {
            view: Arc::new(View::whole()?),
            pointer: if mode.appends() { size as i64 } else { 0 },
            atomic: false,
            split: None,
            info: info?,
            errhandler,
            unsynced: false,
        };
        let own = Arc::new(Comm::new(id, Arc::clone(&comm.group), comm.rank));
        let storage = Arc::new(UntilEnd {
            world: Arc::clone(&self.world),
            rank: self.world_rank,
            storage: storage?,
        });
        let file = File::new(own, name.clone(), mode, storage, settings);
        Rank::name(&self.io.open, Arc::new(file))
    }

    fn open_made(
        &self,
        comm: &Comm,
        name: &FileName,
        mode: AccessMode,
    ) -> Result<Arc<dyn Storage>> {
        let opened = self.io.files.open(name, mode.open_mode(false));
        opened.map_err(|mut error| {
            let first = comm.group.world_rank(0).unwrap_or(0);
            let worker = |rank| self.world.worker_of(faabric_wire::id::Rank(rank));
            let (there, here) = (worker(first), worker(self.world_rank));
            if error.class == Class::NO_SUCH_FILE && there != here {
                error.message = format!(
                    "filename: worker {} has opened {:?}, but worker {} does not see it: workers \
                     must share a file system for ranks on both to use one file",
                    there.as_deref().unwrap_or("?"),
                    name.path,
                    here.as_deref().unwrap_or("?"),
                );
            }
            error
        })
    }

    /// `MPI_File_close`: what was written reaches the device first. `fh` becomes null.
    ///
    /// # Errors
    /// `MPI_ERR_FILE`; `MPI_ERR_OTHER` while a split collective access is under way; what
    /// [`super::Files`] fails with.
    pub fn file_close(&self, guest: &mut dyn Guest, fh: &mut FileHandle) -> Result<()> {
        let file = self.file(*fh)?;
        file.check_no_split()?;
        let deletes = file.mode.deletes_on_close();
        let unsynced = file.settings.lock().unsynced && !deletes;
        let synced = if unsynced {
            file.storage.sync()
        } else {
            Ok(())
        };
        let mine = synced.map(|()| Vec::new());
        let closed = self.lead(guest, &file.comm, mine, |_| {
            if deletes {
                self.io.files.delete(&file.name)?;
            }
            Ok(Vec::new())
        });
        if file.comm.rank == 0 {
            self.world.pointers.remove(file.comm.id());
        }
        self.io.open.lock().remove(*fh);
        self.release_errhandler(ErrhandlerHandle(file.settings.lock().errhandler));
        *fh = NULL;
        closed.map(|_| ())
    }

    /// `MPI_File_delete`.
    ///
    /// # Errors
    /// `MPI_ERR_INFO`; what [`super::Files`] fails with.
    pub fn file_delete(&self, name: &FileName, info: InfoHandle) -> Result<()> {
        self.check_active("MPI_File_delete")?;
        self.info_or_null(info)?;
        self.io.files.delete(name)
    }

    /// `MPI_File_get_size`: in bytes.
    ///
    /// # Errors
    /// `MPI_ERR_FILE`, `MPI_ERR_IO`.
    pub fn file_get_size(&self, fh: FileHandle) -> Result<i64> {
        Ok(self.file(fh)?.storage.size()? as i64)
    }

    /// `MPI_File_set_size`.
    ///
    /// # Errors
    /// `MPI_ERR_FILE`, `MPI_ERR_READ_ONLY`; `MPI_ERR_ARG` for a negative size,
    /// `MPI_ERR_NOT_SAME` for sizes that differ; what [`super::Files`] fails with.
    pub fn file_set_size(&self, guest: &mut dyn Guest, fh: FileHandle, size: i64) -> Result<()> {
        self.resize(guest, fh, size, |storage, size| storage.set_size(size))
    }

    /// `MPI_File_preallocate`.
    ///
    /// # Errors
    /// As [`Rank::file_set_size`].
    pub fn file_preallocate(&self, guest: &mut dyn Guest, fh: FileHandle, size: i64) -> Result<()> {
        self.resize(guest, fh, size, |storage, size| storage.preallocate(size))
    }

    fn resize(
        &self,
        guest: &mut dyn Guest,
        fh: FileHandle,
        size: i64,
        resize: impl Fn(&dyn Storage, u64) -> Result<()>,
    ) -> Result<()> {
        let file = self.file(fh)?;
        let checked = || {
            file.check_no_split()?;
            file.mode.check_access(true)?;
            file.mode.check_not_sequential()?;
            let size = u64::try_from(size);
            let size = size.map_err(|_| Error::new(Class::ARG, "size: it is negative"))?;
            Ok(vec![size])
        };
        self.lead(guest, &file.comm, checked(), |sizes| {
            same(sizes, "size")?;
            resize(&*file.storage, sizes[0][0])?;
            Ok(Vec::new())
        })?;
        file.settings.lock().unsynced = true;
        Ok(())
    }

    /// `MPI_File_get_group`: a new handle.
    ///
    /// # Errors
    /// `MPI_ERR_FILE`.
    pub fn file_get_group(&self, fh: FileHandle) -> Result<GroupHandle> {
        let group = Arc::clone(&self.file(fh)?.comm.group);
        self.group_from(group)
    }

    /// `MPI_File_get_amode`.
    ///
    /// # Errors
    /// `MPI_ERR_FILE`.
    pub fn file_get_amode(&self, fh: FileHandle) -> Result<i32> {
        Ok(self.file(fh)?.mode.raw())
    }

    /// `MPI_File_set_info`: what is set adds to what was.
    ///
    /// # Errors
    /// `MPI_ERR_FILE`, `MPI_ERR_INFO`.
    pub fn file_set_info(
        &self,
        guest: &mut dyn Guest,
        fh: FileHandle,
        info: InfoHandle,
    ) -> Result<()> {
        let file = self.file(fh)?;
        let info = self.info_or_null(info);
        let known = info.as_ref().map(|_| ()).map_err(Error::clone);
        self.all_or_none(guest, &file.comm, known)?;
        file.settings.lock().info.merge(&info?);
        Ok(())
    }

    /// `MPI_File_get_info`: a new object.
    ///
    /// # Errors
    /// `MPI_ERR_FILE`.
    pub fn file_get_info(&self, fh: FileHandle) -> Result<InfoHandle> {
        let info = self.file(fh)?.settings.lock().info.clone();
        self.info_from(info)
    }

    /// `MPI_File_set_view` (MPI 4.1, section 14.3): both file pointers go to its start.
    ///
    /// # Errors
    /// `MPI_ERR_FILE`, `MPI_ERR_TYPE`, `MPI_ERR_INFO`, `MPI_ERR_UNSUPPORTED_DATAREP`;
    /// `MPI_ERR_ARG` and `MPI_ERR_IO` for types that are no etype and filetype;
    /// `MPI_ERR_NOT_SAME` when the ranks' etypes have different sizes.
    pub fn file_set_view(
        &self,
        guest: &mut dyn Guest,
        fh: FileHandle,
        disp: i64,
        (etype, filetype): (TypeHandle, TypeHandle),
        datarep: &str,
        info: InfoHandle,
    ) -> Result<()> {
        let file = self.file(fh)?;
        let mut view = self.make_view(guest, &file, disp, (etype, filetype), datarep);
        let info = self.info_or_null(info);
        let mine = match (&view, &info) {
            (Err(error), _) | (_, Err(error)) => Err(error.clone()),
            (Ok(view), Ok(_)) => Ok(vec![view.unit()]),
        };
        self.lead(guest, &file.comm, mine, |units| {
            same(units, "etype: its size in the file")?;
            self.world.pointers.set(file.comm.id(), 0);
            Ok(Vec::new())
        })?;
        let mut settings = file.settings.lock();
        if let Ok(view) = &mut view {
            settings.view = Arc::new(view.clone());
        }
        settings.pointer = 0;
        settings.info.merge(&info?);
        Ok(())
    }

    fn make_view(
        &self,
        guest: &mut dyn Guest,
        file: &File,
        disp: i64,
        (etype, filetype): (TypeHandle, TypeHandle),
        datarep: &str,
    ) -> Result<View> {
        file.check_no_split()?;
        let etype = self.committed(etype)?.into_owned();
        let filetype = self.committed(filetype)?.into_owned();
        let representation = self.representation(datarep)?;
        let disp = match disp {
            abi::MPI_DISPLACEMENT_CURRENT if file.mode.is_sequential() => {
                let view = file.view();
                let shared = self.shared_add(guest, file, 0)?;
                view.offset_of(view.position(shared)?)? as i64
            }
            abi::MPI_DISPLACEMENT_CURRENT => {
                return Err(Error::new(
                    Class::ARG,
                    "disp: MPI_DISPLACEMENT_CURRENT is for files opened with MPI_MODE_SEQUENTIAL",
                ));
            }
            _ if file.mode.is_sequential() => {
                return Err(Error::new(
                    Class::ARG,
                    "disp: a file opened with MPI_MODE_SEQUENTIAL takes MPI_DISPLACEMENT_CURRENT only",
                ));
            }
            disp => disp,
        };
        let in_file = (
            self.in_file(guest, &representation, &etype)?,
            self.in_file(guest, &representation, &filetype)?,
        );
        let writable = file.mode.check_access(true).is_ok();
        View::new(disp, etype, filetype, representation, in_file, writable)
    }

    /// `MPI_File_get_view`.
    ///
    /// # Errors
    /// `MPI_ERR_FILE`.
    pub fn file_get_view(&self, fh: FileHandle) -> Result<Viewed> {
        let view = self.file(fh)?.view();
        Ok(Viewed {
            disp: view.disp,
            etype: self.name_of(&view.etype)?,
            filetype: self.name_of(&view.filetype)?,
            datarep: view.representation.name().to_owned(),
        })
    }

    fn name_of(&self, datatype: &Arc<Datatype>) -> Result<TypeHandle> {
        match datatype.constructor() {
            Constructor::Named(primitive) => Ok(TypeHandle(primitive.handle())),
            _ => Rank::name(&self.types, Arc::clone(datatype)),
        }
    }

    /// `MPI_File_get_type_extent` (MPI 4.1, section 14.5.1): in bytes.
    ///
    /// # Errors
    /// `MPI_ERR_FILE`, `MPI_ERR_TYPE`.
    pub fn file_get_type_extent(
        &self,
        guest: &mut dyn Guest,
        fh: FileHandle,
        datatype: TypeHandle,
    ) -> Result<i64> {
        let view = self.file(fh)?.view();
        let datatype = self.datatype(datatype)?;
        let in_file = self.in_file(guest, &view.representation, &datatype)?;
        Ok(in_file.extent())
    }

    /// `MPI_File_set_atomicity` (MPI 4.1, section 14.6.1).
    ///
    /// # Errors
    /// `MPI_ERR_FILE`; `MPI_ERR_NOT_SAME` when the ranks want different things;
    /// `MPI_ERR_UNSUPPORTED_OPERATION` where the file system has no locks.
    pub fn file_set_atomicity(
        &self,
        guest: &mut dyn Guest,
        fh: FileHandle,
        on: bool,
    ) -> Result<()> {
        let file = self.file(fh)?;
        let locked = file.check_no_split().and_then(|()| match on {
            true => {
                let locked = file.lock(self, false);
                locked.map(|()| file.storage.unlock())
            }
            false => Ok(()),
        });
        let mine = locked.map(|()| vec![u64::from(on)]);
        self.lead(guest, &file.comm, mine, |flags| {
            same(flags, "flag")?;
            Ok(Vec::new())
        })?;
        file.settings.lock().atomic = on;
        Ok(())
    }

    /// `MPI_File_get_atomicity`.
    ///
    /// # Errors
    /// `MPI_ERR_FILE`.
    pub fn file_get_atomicity(&self, fh: FileHandle) -> Result<bool> {
        Ok(self.file(fh)?.settings.lock().atomic)
    }

    /// `MPI_File_sync` (MPI 4.1, section 14.6.1).
    ///
    /// # Errors
    /// `MPI_ERR_FILE`; what [`super::Files`] fails with.
    pub fn file_sync(&self, guest: &mut dyn Guest, fh: FileHandle) -> Result<()> {
        let file = self.file(fh)?;
        let synced = file.check_no_split().and_then(|()| file.storage.sync());
        file.settings.lock().unsynced &= synced.is_err();
        self.all_or_none(guest, &file.comm, synced)
    }
}

/// Fails unless all ranks gave the same.
pub(super) fn same(words: &[Vec<u64>], argument: &str) -> Result<()> {
    if words.windows(2).all(|pair| pair[0] == pair[1]) {
        return Ok(());
    }
    Err(Error::new(
        Class::NOT_SAME,
        format!("{argument}: it is not the same on all ranks"),
    ))
}
