//! Paths: the `path_*` calls, all confined below preopened directories.
//!
//! cap-std resolves every path beneath the directory it starts from (`openat2` with
//! `RESOLVE_BENEATH` on Linux): neither `..` nor a symbolic link nor a rename meanwhile
//! leads out of it; such a path is `EPERM`. What is added here: read-only directories
//! (`EROFS`), the flags of WASI, and where each open file came from, so that it can be
//! opened again elsewhere.

use super::Caller;
use super::Failure;
use super::dir::Directory;
use super::fd::timestamps;
use super::file::{Access, Open};
use super::table::Descriptor;
use super::types::{Errno, FdFlags, FileStat, FstFlags, LookupFlags, OFlags, Rights};
use crate::budget::Share;
use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};
use rustix::fs::AtFlags;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Longest path, in bytes: PATH_MAX of Linux.
const LONGEST_PATH: u32 = 4096;

/// A directory that the process was started with.
pub(super) struct Preopen {
    /// Its number among the preopened directories of the process.
    pub(super) index: u32,
    /// Its name for the guest.
    pub(super) name: String,
    /// Nothing below it may change.
    pub(super) read_only: bool,
    pub(super) host: Dir,
}

/// The longest path of an open file, in bytes. One that is opened from a directory that was
/// opened from another, and so on, would have the host keep any number.
const LONGEST: usize = 16 << 10;

/// Where an open file is: a path from a preopened directory, as the guest spelled it.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) preopen: Arc<Preopen>,
    /// Empty for the preopened directory itself.
    pub(super) path: PathBuf,
}

impl Place {
    /// The place that `path` names, seen from here. `ENAMETOOLONG` beyond [`LONGEST`].
    fn join(&self, path: &Path) -> Result<Self, Errno> {
        let joined = self.path.join(path);
        if joined.as_os_str().len() > LONGEST {
            return Err(Errno::NAMETOOLONG);
        }
        Ok(Self {
            preopen: Arc::clone(&self.preopen),
            path: joined,
        })
    }

    /// True for the entry that the process was started with.
    pub(super) fn is_preopen(&self) -> bool {
        self.path.as_os_str().is_empty()
    }

    /// The path for system calls, which want no empty one.
    pub(super) fn path_or_dot(&self) -> &Path {
        if self.is_preopen() {
            return Path::new(".");
        }
        &self.path
    }

    /// `EROFS` below a directory that is read-only for the guest.
    pub(super) fn check_writable(&self) -> Result<(), Errno> {
        if self.preopen.read_only {
            return Err(Errno::ROFS);
        }
        Ok(())
    }

    /// The file system of the guest that this is on: no links or renames between two.
    fn check_same(&self, other: &Self) -> Result<(), Errno> {
        let either_read_only = self.preopen.read_only || other.preopen.read_only;
        if either_read_only && self.preopen.index != other.preopen.index {
            return Err(Errno::XDEV);
        }
        self.check_writable()
    }
}

/// How to open: the decoded arguments of `path_open`.
#[derive(Debug, Clone, Copy)]
pub(super) struct How {
    pub(super) follow: bool,
    pub(super) oflags: OFlags,
    pub(super) flags: FdFlags,
    pub(super) access: Access,
}

impl How {
    fn options(&self) -> OpenOptions {
        let directory = self.oflags.contains(OFlags::DIRECTORY);
        let write = !directory && (self.access.write || self.oflags.contains(OFlags::TRUNC));
        let mut options = OpenOptions::new();
        options
            .read(self.access.read || !write)
            .write(write)
            .truncate(self.oflags.contains(OFlags::TRUNC))
            .follow(follow(self.follow))
            .sync(self.flags.contains(FdFlags::SYNC))
            .dsync(self.flags.contains(FdFlags::DSYNC))
            .rsync(self.flags.contains(FdFlags::RSYNC))
            .nonblock(true);
        if directory {
            options.custom_flags(libc::O_DIRECTORY | libc::O_NOCTTY);
        } else {
            options.custom_flags(libc::O_NOCTTY);
        }
        options
    }
}

fn follow(follow: bool) -> FollowSymlinks {
    if follow {
        FollowSymlinks::Yes
    } else {
        FollowSymlinks::No
    }
}

/// Opens `path` as seen from `directory`.
pub(super) fn open(directory: &Directory, path: &Path, how: How) -> Result<Open, Errno> {
    let how = if directory.place.preopen.read_only {
        read_only(directory, path, how)?
    } else {
        how
    };
    // First, for it may refuse: what was made could not be opened then.
    let place = directory.place.join(path)?;
    let share = Share::of_descriptors().ok_or(Errno::NFILE)?;
    let host = if how.oflags.contains(OFlags::CREAT) {
        create(&directory.host, path, how)?
    } else {
        directory.host.open_with(path, &how.options())?.into_std()
    };
    Open::file(host, place, how.access, how.flags, share)
}

/// Opens or makes a file. The standard library's options want write access to make one,
/// while C may well ask for `O_RDONLY | O_CREAT`: then the host's file can be written, and
/// only the descriptor's rights cannot.
fn create(host: &Dir, path: &Path, how: How) -> io::Result<fs::File> {
    let mut options = how.options();
    let exclusive = how.oflags.contains(OFlags::EXCL);
    if !how.access.write && !exclusive {
        match host.open_with(path, &options) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            answer => return answer.map(cap_std::fs::File::into_std),
        }
    }
    options.write(true).create(!exclusive).create_new(exclusive);
    host.open_with(path, &options)
        .map(cap_std::fs::File::into_std)
}

/// What is left of `how` in a read-only directory, with the errors of a read-only mount.
fn read_only(directory: &Directory, path: &Path, mut how: How) -> Result<How, Errno> {
    let creates = how.oflags.contains(OFlags::CREAT);
    let exclusive = how.oflags.contains(OFlags::EXCL);
    let writes = how.access.write || how.oflags.contains(OFlags::TRUNC);
    if !creates && !writes {
        return Ok(how);
    }
    let stat = match stat(&directory.host, path, how.follow) {
        Ok(stat) => stat,
        Err(Errno::NOENT) if creates => return Err(Errno::ROFS),
        Err(errno) => return Err(errno),
    };
    if creates && exclusive {
        return Err(Errno::EXIST);
    }
    if writes && stat.filetype == super::types::FileType::Directory {
        return Err(Errno::ISDIR);
    }
    if writes {
        return Err(Errno::ROFS);
    }
    how.oflags = how.oflags.without(OFlags::CREAT);
    Ok(how)
}

/// A handle that only names the file `path`: opening it touches neither FIFO nor device.
fn locate(host: &Dir, path: &Path, follows: bool) -> Result<fs::File, Errno> {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .follow(follow(follows))
        .custom_flags(libc::O_PATH);
    Ok(host.open_with(path, &options)?.into_std())
}

/// `stat`, or `lstat` when the last symbolic link is not followed.
pub(super) fn stat(host: &Dir, path: &Path, follows: bool) -> Result<FileStat, Errno> {
    Ok(rustix::fs::fstat(locate(host, path, follows)?)?.into())
}

/// Reads the path of `len` bytes at `at`.
fn decode(guest: &Caller<'_>, at: u32, len: u32) -> Result<PathBuf, Errno> {
    if len >= LONGEST_PATH {
        return Err(Errno::NAMETOOLONG);
    }
    let bytes = guest.memory().read_vec(at, len)?;
    if bytes.is_empty() {
        return Err(Errno::NOENT);
    }
    if bytes.contains(&0) {
        return Err(Errno::ILSEQ);
    }
    Ok(OsString::from_vec(bytes).into())
}

/// The open directory `fd` with a path, the first arguments of most calls here.
struct At {
    open: Arc<Open>,
    path: PathBuf,
}

impl At {
    fn decode(guest: &Caller<'_>, fd: u32, path: u32, len: u32) -> Result<Self, Errno> {
        let open = guest.wasi().open_file(fd)?;
        open.as_directory()?;
        let path = decode(guest, path, len)?;
        Ok(Self { open, path })
    }

    fn directory(&self) -> Result<&Directory, Errno> {
        self.open.as_directory()
    }

    /// The directory, when entries in it may change.
    fn writable(&self) -> Result<&Dir, Errno> {
        let directory = self.directory()?;
        directory.place.check_writable()?;
        Ok(&directory.host)
    }

    fn place(&self) -> Result<&Place, Errno> {
        Ok(&self.directory()?.place)
    }

    /// The path without the slashes at its end: `rmdir("a/")` removes `a`.
    fn trimmed(&self) -> &Path {
        let bytes = self.path.as_os_str().as_bytes();
        let end = bytes.iter().rposition(|byte| *byte != b'/');
        let kept = end.map_or(bytes, |end| &bytes[..=end]);
        Path::new(std::ffi::OsStr::from_bytes(kept))
    }
}

/// `path_open`: opens or makes a file or directory; writes the lowest free descriptor.
#[allow(clippy::too_many_arguments, reason = "the ABI's")]
pub(super) fn path_open(
    guest: &Caller<'_>,
    fd: u32,
    lookup: u32,
    path: u32,
    path_len: u32,
    oflags: u32,
    base: u64,
    inheriting: u64,
    flags: u32,
    out: u32,
) -> Result<(), Failure> {
    // Checked first: a descriptor that the guest is never told of would stay open.
    guest.memory().check(out, 4)?;
    let parent = guest.wasi().descriptor(fd)?;
    let directory = parent.open.as_directory()?;
    let path = decode(guest, path, path_len)?;
    let oflags = u16::try_from(oflags).map_err(|_| Errno::INVAL)?;
    let base = Rights(base).and(parent.inheriting);
    let how = How {
        follow: LookupFlags(lookup).contains(LookupFlags::SYMLINK_FOLLOW),
        oflags: OFlags(oflags),
        flags: FdFlags::decode(flags)?,
        access: Access {
            read: base.contains(Rights::FD_READ) || base.contains(Rights::FD_READDIR),
            write: base.contains(Rights::FD_WRITE),
        },
    };
    if how.oflags.contains(OFlags::CREAT.with(OFlags::DIRECTORY)) {
        return Err(Errno::INVAL.into());
    }
    let descriptor = Descriptor {
        open: Arc::new(open(directory, &path, how)?),
        base,
        inheriting: Rights(inheriting).and(parent.inheriting),
    };
    let fd = guest.wasi().insert(0, descriptor)?;
    Ok(guest.memory().write_u32(out, fd)?)
}

/// `path_create_directory`.
pub(super) fn path_create_directory(
    guest: &Caller<'_>,
    fd: u32,
    path: u32,
    len: u32,
) -> Result<(), Failure> {
    let at = At::decode(guest, fd, path, len)?;
    match at.writable() {
        Ok(host) => Ok(host.create_dir(&at.path)?),
        // As on a read-only mount: `mkdir -p` has to get past what is there.
        Err(errno) => match stat(&at.directory()?.host, &at.path, false) {
            Ok(_) => Err(Errno::EXIST.into()),
            Err(_) => Err(errno.into()),
        },
    }
}

/// `path_filestat_get`: writes a `filestat`.
pub(super) fn path_filestat_get(
    guest: &Caller<'_>,
    fd: u32,
    lookup: u32,
    path: u32,
    len: u32,
    out: u32,
) -> Result<(), Failure> {
    let at = At::decode(guest, fd, path, len)?;
    let follows = LookupFlags(lookup).contains(LookupFlags::SYMLINK_FOLLOW);
    let stat = stat(&at.directory()?.host, &at.path, follows)?;
    Ok(guest.memory().write(out, &stat.encode())?)
}

/// `path_filestat_set_times`: `utimensat`.
#[allow(clippy::too_many_arguments, reason = "the ABI's")]
pub(super) fn path_filestat_set_times(
    guest: &Caller<'_>,
    fd: u32,
    lookup: u32,
    path: u32,
    len: u32,
    atim: u64,
    mtim: u64,
    which: u32,
) -> Result<(), Failure> {
    let at = At::decode(guest, fd, path, len)?;
    let times = timestamps(atim, mtim, FstFlags::decode(which)?)?;
    let follows = LookupFlags(lookup).contains(LookupFlags::SYMLINK_FOLLOW);
    let file = locate(at.writable()?, &at.path, follows)?;
    Ok(rustix::fs::utimensat(
        file,
        "",
        &times,
        AtFlags::EMPTY_PATH,
    )?)
}

/// `path_link`: makes a hard link.
#[allow(clippy::too_many_arguments, reason = "the ABI's")]
pub(super) fn path_link(
    guest: &Caller<'_>,
    old_fd: u32,
    lookup: u32,
    old_path: u32,
    old_len: u32,
    new_fd: u32,
    new_path: u32,
    new_len: u32,
) -> Result<(), Failure> {
    let old = At::decode(guest, old_fd, old_path, old_len)?;
    let new = At::decode(guest, new_fd, new_path, new_len)?;
    old.place()?.check_same(new.place()?)?;
    let (from, to) = (&old.directory()?.host, new.writable()?);
    if LookupFlags(lookup).contains(LookupFlags::SYMLINK_FOLLOW) {
        let target = from.canonicalize(&old.path)?;
        return Ok(from.hard_link(target, to, &new.path)?);
    }
    Ok(from.hard_link(&old.path, to, &new.path)?)
}

/// `path_symlink`: makes a symbolic link. One to an absolute path is refused: it would
/// lead the guest nowhere, and programs of the host to any place.
pub(super) fn path_symlink(
    guest: &Caller<'_>,
    target: u32,
    target_len: u32,
    fd: u32,
    path: u32,
    len: u32,
) -> Result<(), Failure> {
    let target = decode(guest, target, target_len)?;
    let at = At::decode(guest, fd, path, len)?;
    let host = at.writable()?;
    Ok(host.symlink(target, &at.path)?)
}

/// `path_readlink`: writes as much of the link's target as fits, and how much that was.
pub(super) fn path_readlink(
    guest: &Caller<'_>,
    fd: u32,
    path: u32,
    len: u32,
    buf: u32,
    buf_len: u32,
    out: u32,
) -> Result<(), Failure> {
    let at = At::decode(guest, fd, path, len)?;
    let target = at.directory()?.host.read_link_contents(&at.path)?;
    let bytes = target.as_os_str().as_bytes();
    let used = bytes.len().min(buf_len as usize);
    guest.memory().write(buf, &bytes[..used])?;
    Ok(guest.memory().write_u32(out, used as u32)?)
}

/// `path_rename`: moves a file or directory, replacing what has the new name.
pub(super) fn path_rename(
    guest: &Caller<'_>,
    old_fd: u32,
    old_path: u32,
    old_len: u32,
    new_fd: u32,
    new_path: u32,
    new_len: u32,
) -> Result<(), Failure> {
    let old = At::decode(guest, old_fd, old_path, old_len)?;
    let new = At::decode(guest, new_fd, new_path, new_len)?;
    old.place()?.check_same(new.place()?)?;
    let (from, to) = (old.writable()?, new.writable()?);
    Ok(from.rename(&old.path, to, &new.path)?)
}

/// `path_remove_directory`: `rmdir`.
pub(super) fn path_remove_directory(
    guest: &Caller<'_>,
    fd: u32,
    path: u32,
    len: u32,
) -> Result<(), Failure> {
    let at = At::decode(guest, fd, path, len)?;
    Ok(at.writable()?.remove_dir(at.trimmed())?)
}

/// `path_unlink_file`: `unlink`; `EISDIR` for a directory.
pub(super) fn path_unlink_file(
    guest: &Caller<'_>,
    fd: u32,
    path: u32,
    len: u32,
) -> Result<(), Failure> {
    let at = At::decode(guest, fd, path, len)?;
    Ok(at.writable()?.remove_file(&at.path)?)
}
