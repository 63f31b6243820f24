//! The calls as a guest makes them, on a memory without a guest and a temporary directory.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod confinement;
mod directories;
mod files;
mod mpi;
mod robustness;
mod streams;
mod travel;

use super::types::{Errno, FdFlags, FileType, OFlags, Rights};
use super::{Caller, FUNCTIONS, Failure, Wasi, clock, fd, path, poll, process};
use crate::config::{Dir, ProcessConfig};
use crate::ending::Ending;
use crate::memory::GuestMemory;
use crate::stdio::{NoInput, Output, Stdin};
use parking_lot::Mutex;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// Where the harness puts what calls point to.
const PATH: u32 = 0x1000;
const OTHER_PATH: u32 = 0x3000;
const IOVECS: u32 = 0x5000;
const OUT: u32 = 0x6000;
const DATA: u32 = 0x10000;
const MEMORY: u32 = 4 << 20;

/// The first preopened directory.
const ROOT: u32 = 3;

const FOLLOW: u32 = 1;
const CREATE: OFlags = OFlags::CREAT;
const READ: Rights = Rights(Rights::ALL.0 & !Rights::FD_WRITE.0);
const WRITE: Rights = Rights(Rights::ALL.0 & !(Rights::FD_READ.0 | Rights::FD_READDIR.0));

/// Keeps what is written to it.
#[derive(Default)]
struct Capture {
    bytes: Mutex<Vec<u8>>,
    terminal: bool,
}

impl Output for Capture {
    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        self.bytes.lock().extend_from_slice(bytes);
        Ok(())
    }

    fn is_terminal(&self) -> bool {
        self.terminal
    }
}

/// A process that makes calls, in a directory of its own.
struct Guest {
    process: Parts,
    stdout: Arc<Capture>,
    directory: TempDir,
}

/// What a call answered: its errno, or the value of `T`.
type Answer<T = ()> = Result<T, Errno>;

/// The errno of a call that must not stop the guest.
fn errno(result: Result<(), Failure>) -> Answer {
    result.map_err(|failure| match failure {
        Failure::Errno(errno) => errno,
        Failure::Stop(stop) => panic!("the call stopped the guest: {stop}"),
    })
}

fn config(dirs: Vec<Dir>, stdin: Arc<dyn Stdin>, stdout: Arc<dyn Output>) -> ProcessConfig {
    ProcessConfig {
        args: vec!["program".to_owned(), "argument".to_owned()],
        env: vec![("HOME".to_owned(), "/home".to_owned())],
        dirs,
        stdin,
        stdout: Arc::clone(&stdout),
        stderr: stdout,
        memory_limit: u64::from(u32::MAX),
        thread_limit: 1,
        mpi: None,
    }
}

fn dir(host: &Path, guest: &str, read_only: bool) -> Dir {
    Dir {
        host: host.to_owned(),
        guest: guest.to_owned(),
        read_only,
    }
}

/// What calls act on.
struct Parts {
    memory: GuestMemory,
    wasi: Wasi,
    ending: Arc<Ending>,
}

impl Parts {
    fn new(config: &ProcessConfig) -> Self {
        Self {
            memory: GuestMemory::detached(MEMORY).unwrap(),
            wasi: Wasi::new(config).unwrap(),
            ending: Arc::new(Ending::default()),
        }
    }
}

impl Guest {
    fn new() -> Self {
        Self::with(&[false], Arc::new(NoInput))
    }

    /// Its directory is preopened once per entry of `read_only`: as 3, 4, ...
    fn with(read_only: &[bool], stdin: Arc<dyn Stdin>) -> Self {
        let directory = TempDir::new().unwrap();
        let stdout = Arc::<Capture>::default();
        let dirs = read_only.iter().map(|ro| dir(directory.path(), ".", *ro));
        let config = config(dirs.collect(), stdin, Arc::clone(&stdout) as _);
        Self {
            process: Parts::new(&config),
            stdout,
            directory,
        }
    }

    fn caller(&self) -> Caller<'_> {
        Caller {
            memory: &self.process.memory,
            wasi: &self.process.wasi,
            ending: &self.process.ending,
        }
    }

    fn host(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn memory(&self) -> &GuestMemory {
        &self.process.memory
    }

    fn string(&self, at: u32, string: &str) -> u32 {
        self.memory().write(at, string.as_bytes()).unwrap();
        string.len() as u32
    }

    fn open_at(
        &self,
        at: u32,
        name: &str,
        oflags: OFlags,
        base: Rights,
        flags: FdFlags,
    ) -> Answer<u32> {
        let len = self.string(PATH, name);
        let all = Rights::ALL.0;
        errno(path::path_open(
            &self.caller(),
            at,
            FOLLOW,
            PATH,
            len,
            u32::from(oflags.0),
            base.0,
            all,
            u32::from(flags.0),
            OUT,
        ))?;
        Ok(self.memory().read_u32(OUT).unwrap())
    }

    fn open(&self, name: &str, oflags: OFlags, base: Rights) -> Answer<u32> {
        self.open_at(ROOT, name, oflags, base, FdFlags::default())
    }

    /// Points the first iovec to `len` bytes of [`DATA`].
    fn iovec(&self, len: u32) {
        self.memory().write_u32(IOVECS, DATA).unwrap();
        self.memory().write_u32(IOVECS + 4, len).unwrap();
    }

    fn write(&self, file: u32, bytes: &[u8]) -> Answer<u32> {
        self.memory().write(DATA, bytes).unwrap();
        self.iovec(bytes.len() as u32);
        errno(fd::fd_write(&self.caller(), file, IOVECS, 1, OUT))?;
        Ok(self.memory().read_u32(OUT).unwrap())
    }

    fn read(&self, file: u32, len: u32) -> Answer<Vec<u8>> {
        self.iovec(len);
        errno(fd::fd_read(&self.caller(), file, IOVECS, 1, OUT))?;
        let got = self.memory().read_u32(OUT).unwrap();
        Ok(self.memory().read_vec(DATA, got).unwrap())
    }

    fn seek(&self, file: u32, delta: i64, whence: u32) -> Answer<u64> {
        errno(fd::fd_seek(&self.caller(), file, delta, whence, OUT))?;
        Ok(self.memory().read_u64(OUT).unwrap())
    }

    fn tell(&self, file: u32) -> Answer<u64> {
        errno(fd::fd_tell(&self.caller(), file, OUT))?;
        Ok(self.memory().read_u64(OUT).unwrap())
    }

    fn close(&self, file: u32) -> Answer {
        errno(fd::fd_close(&self.caller(), file))
    }

    fn mkdir(&self, name: &str) -> Answer {
        let len = self.string(PATH, name);
        errno(path::path_create_directory(&self.caller(), ROOT, PATH, len))
    }

    fn rmdir(&self, name: &str) -> Answer {
        let len = self.string(PATH, name);
        errno(path::path_remove_directory(&self.caller(), ROOT, PATH, len))
    }

    fn unlink(&self, name: &str) -> Answer {
        let len = self.string(PATH, name);
        errno(path::path_unlink_file(&self.caller(), ROOT, PATH, len))
    }

    fn rename(&self, from: &str, to: &str) -> Answer {
        let (from, to) = (self.string(PATH, from), self.string(OTHER_PATH, to));
        let guest = &self.caller();
        errno(path::path_rename(
            guest, ROOT, PATH, from, ROOT, OTHER_PATH, to,
        ))
    }

    fn symlink(&self, target: &str, name: &str) -> Answer {
        let (target, len) = (self.string(OTHER_PATH, target), self.string(PATH, name));
        let guest = &self.caller();
        errno(path::path_symlink(
            guest, OTHER_PATH, target, ROOT, PATH, len,
        ))
    }

    fn link(&self, from: &str, to: &str) -> Answer {
        let (from, to) = (self.string(PATH, from), self.string(OTHER_PATH, to));
        let guest = &self.caller();
        errno(path::path_link(
            guest, ROOT, 0, PATH, from, ROOT, OTHER_PATH, to,
        ))
    }

    fn stat(&self, name: &str, follow: bool) -> Answer<Stat> {
        let len = self.string(PATH, name);
        let lookup = u32::from(follow);
        errno(path::path_filestat_get(
            &self.caller(),
            ROOT,
            lookup,
            PATH,
            len,
            OUT,
        ))?;
        Ok(self.decode_stat())
    }

    fn fstat(&self, file: u32) -> Answer<Stat> {
        errno(fd::fd_filestat_get(&self.caller(), file, OUT))?;
        Ok(self.decode_stat())
    }

    fn decode_stat(&self) -> Stat {
        let field = |at| self.memory().read_u64(OUT + at).unwrap();
        Stat {
            ino: field(8),
            filetype: self.memory().read_u8(OUT + 16).unwrap(),
            nlink: field(24),
            size: field(32),
            atim: field(40),
            mtim: field(48),
        }
    }
}

/// A decoded `filestat`.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    ino: u64,
    filetype: u8,
    nlink: u64,
    size: u64,
    atim: u64,
    mtim: u64,
}

impl Stat {
    fn is(&self, filetype: FileType) -> bool {
        self.filetype == filetype as u8
    }
}

/// All functions of the ABI, from its specification.
const SPECIFIED: &str = "args_get args_sizes_get clock_res_get clock_time_get environ_get \
    environ_sizes_get fd_advise fd_allocate fd_close fd_datasync fd_fdstat_get \
    fd_fdstat_set_flags fd_fdstat_set_rights fd_filestat_get fd_filestat_set_size \
    fd_filestat_set_times fd_pread fd_prestat_dir_name fd_prestat_get fd_pwrite fd_read \
    fd_readdir fd_renumber fd_seek fd_sync fd_tell fd_write path_create_directory \
    path_filestat_get path_filestat_set_times path_link path_open path_readlink \
    path_remove_directory path_rename path_symlink path_unlink_file poll_oneoff proc_exit \
    proc_raise random_get sched_yield sock_accept sock_recv sock_send sock_shutdown";

#[test]
fn every_function_of_the_abi_is_offered() {
    let mut offered: Vec<_> = FUNCTIONS.iter().map(|(name, _)| *name).collect();
    offered.sort_unstable();
    let specified: Vec<_> = SPECIFIED.split_whitespace().collect();
    assert_eq!(offered, specified);
    assert_eq!(offered.len(), 46);
}
