//! WASI preview 1: the files, clocks, arguments and streams of a process.
//!
//! ```text
//!  import "fd_read" --> calls! --> fd::fd_read(guest, fd, ..)     decodes, checks, encodes
//!                                    |  table.rs: descriptor -> Arc<Open>, lock dropped
//!                                    v
//!                                  file.rs / dir.rs / stdio.rs    the work
//! ```
//! | file | holds |
//! |---|---|
//! | [`types`] | facts of the ABI: errno, flags, layouts |
//! | [`table`] | descriptors |
//! | [`mod@file`], [`dir`], [`stdio`] | what is open, and reading and writing it |
//! | [`transfer`] | bytes between guest buffers and files |
//! | [`path`] | names: opening, making, moving, removing below preopened directories |
//! | [`fd`], [`clock`], [`poll`], [`process`] | the other calls |
//! | [`description`] | the open files as data that can travel |
//! | [`mpi_files`] | files for MPI, opened the same way |
//!
//! The threads of a process share one [`Wasi`]. Its only lock held for long is none: the
//! table's is for the look-up, a file's offset has one of its own.

mod clock;
mod description;
mod dir;
mod fd;
mod file;
mod mpi_files;
mod path;
mod poll;
mod process;
mod stdio;
mod table;
#[cfg(test)]
mod tests;
mod transfer;
mod types;

pub use description::FileTable;
pub(crate) use mpi_files::MpiFiles;

use crate::abi::{Import, functions};
use crate::config::ProcessConfig;
use crate::ending::{Ending, Stop};
use crate::granule::Granule;
use crate::memory::GuestMemory;
use crate::{Error, Result};
use file::Open;
use parking_lot::RwLock;
use path::Preopen;
use poll::Alarm;
use process::Strings;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::{Arc, OnceLock};
use stdio::Streams;
use table::{Descriptor, Table};
use types::{Errno, FdFlags, Rights};
use wasmer::FunctionEnvMut;

/// How a call ends that does not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It returns this number to the guest.
    Errno(Errno),
    /// It does not return to the guest.
    Stop(Stop),
}

/// The Granule that makes a call, as far as WASI is concerned.
pub(crate) struct Caller<'a> {
    memory: &'a GuestMemory,
    wasi: &'a Wasi,
    ending: &'a Ending,
}

impl<'a> Caller<'a> {
    fn of(granule: &'a Granule) -> Self {
        Self {
            memory: granule.memory(),
            wasi: granule.wasi(),
            ending: granule.ending(),
        }
    }

    /// Its linear memory.
    fn memory(&self) -> &'a GuestMemory {
        self.memory
    }

    /// The state of its process.
    fn wasi(&self) -> &'a Wasi {
        self.wasi
    }

    /// What tells waiting calls that the process ends.
    fn ending(&self) -> &'a Ending {
        self.ending
    }
}

/// The WASI state of one process, shared by its threads.
pub(crate) struct Wasi {
    args: Strings,
    env: Strings,
    streams: Streams,
    preopens: Vec<Arc<Preopen>>,
    table: RwLock<Table>,
    /// Made by the first wait for a FIFO or device.
    alarm: OnceLock<Alarm>,
}

impl Wasi {
    /// Opens the directories of `config`: descriptors 3, 4, ... after the three streams.
    pub(crate) fn new(config: &ProcessConfig) -> Result<Self> {
        let variables = config.env.iter();
        let wasi = Self {
            args: Strings::new(config.args.iter().cloned()),
            env: Strings::new(variables.map(|(name, value)| format!("{name}={value}"))),
            streams: Streams::new(config),
            preopens: preopen(config)?,
            table: RwLock::default(),
            alarm: OnceLock::new(),
        };
        wasi.start_table().map_err(|errno| Error::Io {
            what: "cannot set up the guest's descriptors".to_owned(),
            source: std::io::Error::other(errno.to_string()),
        })?;
        Ok(wasi)
    }

    /// Enters the streams and directories that a process starts with.
    fn start_table(&self) -> Result<(), Errno> {
        let mut table = self.table.write();
        stdio::insert(&self.streams, &mut table)?;
        for preopen in &self.preopens {
            let directory = self.root(preopen.index)?;
            let descriptor = Descriptor {
                open: Arc::new(Open::directory(directory, FdFlags::default())),
                base: Rights::ALL.without(Rights::SEEKABLE.with(Rights::FD_WRITE)),
                inheriting: Rights::ALL,
            };
            table.insert(0, descriptor)?;
        }
        Ok(())
    }

    /// The descriptor of the preopened directory that this absolute path leads deepest
    /// into, and the path from there; none if it leads into none that is open.
    fn find_directory(&self, path: &str) -> Option<faabric_mpi::io::FileName> {
        let rest_in = |name: &str| {
            let rest = path.strip_prefix(name.trim_end_matches('/'))?;
            let rest = (rest.is_empty() || rest.starts_with('/')).then_some(rest)?;
            Some(rest.trim_start_matches('/').to_owned())
        };
        let table = self.table.read();
        let places = table.iter().filter_map(|(fd, descriptor)| {
            let directory = descriptor.open.as_directory().ok()?;
            let place = Some(&directory.place).filter(|place| place.is_preopen())?;
            let name = &place.preopen.name;
            let rest = name.starts_with('/').then(|| rest_in(name))??;
            Some((name.len(), fd, rest))
        });
        let (_, directory, rest) = places.max_by_key(|(len, ..)| *len)?;
        let path = if rest.is_empty() {
            ".".to_owned()
        } else {
            rest
        };
        Some(faabric_mpi::io::FileName { directory, path })
    }

    /// The entry of `fd`. The table is not locked any more when this returns.
    fn descriptor(&self, fd: u32) -> Result<Descriptor, Errno> {
        self.table.read().get(fd).cloned()
    }

    /// What `fd` refers to.
    fn open_file(&self, fd: u32) -> Result<Arc<Open>, Errno> {
        Ok(Arc::clone(&self.table.read().get(fd)?.open))
    }

    fn insert(&self, min: u32, descriptor: Descriptor) -> Result<u32, Errno> {
        self.table.write().insert(min, descriptor)
    }

    fn close(&self, fd: u32) -> Result<(), Errno> {
        let closed = self.table.write().remove(fd)?;
        drop(closed);
        Ok(())
    }

    fn renumber(&self, from: u32, to: u32) -> Result<(), Errno> {
        let closed = self.table.write().renumber(from, to)?;
        drop(closed);
        Ok(())
    }

    /// Leaves `fd` no rights but these.
    fn restrict(&self, fd: u32, base: Rights, inheriting: Rights) -> Result<(), Errno> {
        let mut table = self.table.write();
        let descriptor = table.get_mut(fd)?;
        descriptor.base = descriptor.base.and(base);
        descriptor.inheriting = descriptor.inheriting.and(inheriting);
        Ok(())
    }

    /// What ends waits for host files when the process ends.
    fn alarm(&self, ending: &Ending) -> Result<&Alarm, Errno> {
        if let Some(alarm) = self.alarm.get() {
            return Ok(alarm);
        }
        let made = Alarm::new(ending)?;
        // Two threads may make one each; the one that lost is never waited for.
        Ok(self.alarm.get_or_init(|| made))
    }
}

/// Opens the directories of `config`.
fn preopen(config: &ProcessConfig) -> Result<Vec<Arc<Preopen>>> {
    let numbered = (0..).zip(&config.dirs);
    let opened = numbered.map(|(index, dir)| {
        let host = open_root(&dir.host).map_err(|source| Error::Dir {
            path: dir.host.clone(),
            source,
        })?;
        Ok(Arc::new(Preopen {
            index,
            name: dir.guest.clone(),
            read_only: dir.read_only,
            host,
        }))
    });
    opened.collect()
}

/// Opens a directory of the host by its name there. cap-std would open it `O_PATH`, which
/// can be neither listed nor synced.
fn open_root(path: &std::path::Path) -> std::io::Result<cap_std::fs::Dir> {
    let file = std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_DIRECTORY)
        .open(path)?;
    Ok(cap_std::fs::Dir::from_std_file(file))
}

/// What the guest gets as the result of a call.
fn answer(result: Result<(), Failure>) -> Result<u32, Stop> {
    match result {
        Ok(()) => Ok(u32::from(Errno::SUCCESS.0)),
        Err(Failure::Errno(errno)) => Ok(u32::from(errno.0)),
        Err(Failure::Stop(stop)) => Err(stop),
    }
}

/// The imports: each the call of the same name, with its answer as the result.
macro_rules! calls {
    ($table:ident, $($own:ident)?: $($module:ident::$name:ident($($arg:ident: $type:ty),*);)*) => {
        /// The functions of one import module.
        pub(crate) const $table: &[Import] = {
            $(
                #[allow(clippy::too_many_arguments, reason = "the ABI's")]
                fn $name(env: FunctionEnvMut<'_, Granule>, $($arg: $type),*) -> Result<u32, Stop> {
                    answer($module::$name(&Caller::of(env.data()), $($arg),*))
                }
            )*
            functions![$($name,)* $($own)?]
        };
    };
}

calls! { FUNCTIONS, proc_exit:
    process::args_get(pointers: u32, block: u32);
    process::args_sizes_get(count: u32, size: u32);
    process::environ_get(pointers: u32, block: u32);
    process::environ_sizes_get(count: u32, size: u32);
    clock::clock_res_get(id: u32, out: u32);
    clock::clock_time_get(id: u32, precision: u64, out: u32);
    fd::fd_advise(fd: u32, offset: u64, len: u64, advice: u32);
    fd::fd_allocate(fd: u32, offset: u64, len: u64);
    fd::fd_close(fd: u32);
    fd::fd_datasync(fd: u32);
    fd::fd_fdstat_get(fd: u32, out: u32);
    fd::fd_fdstat_set_flags(fd: u32, flags: u32);
    fd::fd_fdstat_set_rights(fd: u32, base: u64, inheriting: u64);
    fd::fd_filestat_get(fd: u32, out: u32);
    fd::fd_filestat_set_size(fd: u32, size: u64);
    fd::fd_filestat_set_times(fd: u32, atim: u64, mtim: u64, which: u32);
    fd::fd_pread(fd: u32, iovs: u32, count: u32, at: u64, out: u32);
    fd::fd_prestat_get(fd: u32, out: u32);
    fd::fd_prestat_dir_name(fd: u32, buf: u32, len: u32);
    fd::fd_pwrite(fd: u32, iovs: u32, count: u32, at: u64, out: u32);
    fd::fd_read(fd: u32, iovs: u32, count: u32, out: u32);
    fd::fd_readdir(fd: u32, buf: u32, len: u32, cookie: u64, out: u32);
    fd::fd_renumber(from: u32, to: u32);
    fd::fd_seek(fd: u32, delta: i64, whence: u32, out: u32);
    fd::fd_sync(fd: u32);
    fd::fd_tell(fd: u32, out: u32);
    fd::fd_write(fd: u32, iovs: u32, count: u32, out: u32);
    path::path_create_directory(fd: u32, path: u32, len: u32);
    path::path_filestat_get(fd: u32, lookup: u32, path: u32, len: u32, out: u32);
    path::path_filestat_set_times(
        fd: u32, lookup: u32, path: u32, len: u32, atim: u64, mtim: u64, which: u32);
    path::path_link(
        old_fd: u32, lookup: u32, old_path: u32, old_len: u32,
        new_fd: u32, new_path: u32, new_len: u32);
    path::path_open(
        fd: u32, lookup: u32, path: u32, len: u32,
        oflags: u32, base: u64, inheriting: u64, flags: u32, out: u32);
    path::path_readlink(fd: u32, path: u32, len: u32, buf: u32, buf_len: u32, out: u32);
    path::path_remove_directory(fd: u32, path: u32, len: u32);
    path::path_rename(
        old_fd: u32, old_path: u32, old_len: u32, new_fd: u32, new_path: u32, new_len: u32);
    path::path_symlink(target: u32, target_len: u32, fd: u32, path: u32, len: u32);
    path::path_unlink_file(fd: u32, path: u32, len: u32);
    poll::poll_oneoff(subscriptions: u32, events: u32, count: u32, out: u32);
    process::proc_raise(signal: u32);
    process::sched_yield();
    process::random_get(buf: u32, len: u32);
    process::sock_accept(fd: u32, flags: u32, out: u32);
    process::sock_recv(
        fd: u32, iovs: u32, count: u32, flags: u32, len_out: u32, flags_out: u32);
    process::sock_send(fd: u32, iovs: u32, count: u32, flags: u32, out: u32);
    process::sock_shutdown(fd: u32, how: u32);
}

/// `proc_exit`: ends the process, all its threads included. It has no result.
fn proc_exit(_: FunctionEnvMut<'_, Granule>, code: u32) -> Result<(), Stop> {
    Err(Stop::Exit(code.cast_signed()))
}

calls! { FAABRIC_FUNCTIONS,:
    fd::fd_dup(fd: u32, min: u32, out: u32);
}
