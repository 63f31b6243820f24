//! The `fd_*` calls: each decodes guest memory, asks the open file, and encodes the answer.
//!
//! Where a call changes something, its result pointer is checked before, so that `EFAULT`
//! means that nothing has happened.

use super::Caller;
use super::Failure;
use super::file::{Body, Open};
use super::table::Descriptor;
use super::transfer::Iovecs;
use super::types::{Errno, FdFlags, FstFlags, Rights, encode_fdstat};
use rustix::fs::{SeekFrom, Timestamps};
use rustix::time::Timespec;
use std::sync::Arc;

impl FdFlags {
    /// The flags that a call passed.
    pub(super) fn decode(bits: u32) -> Result<Self, Errno> {
        let known = u16::try_from(bits)
            .ok()
            .filter(|bits| bits & !Self::ALL.0 == 0);
        known.map(Self).ok_or(Errno::INVAL)
    }
}

impl FstFlags {
    /// The flags that a call passed; a time is either given or "now".
    pub(super) fn decode(bits: u32) -> Result<Self, Errno> {
        let flags = u16::try_from(bits).map(Self).map_err(|_| Errno::INVAL)?;
        let both_a = flags.contains(Self::ATIM.with(Self::ATIM_NOW));
        let both_m = flags.contains(Self::MTIM.with(Self::MTIM_NOW));
        if both_a || both_m || flags.0 > 0xf {
            return Err(Errno::INVAL);
        }
        Ok(flags)
    }
}

/// The host's time stamps for nanoseconds since the epoch.
pub(super) fn timestamps(atim: u64, mtim: u64, which: FstFlags) -> Result<Timestamps, Errno> {
    let one = |nanos: u64, given, now| -> Timespec {
        let tv_nsec = match (which.contains(given), which.contains(now)) {
            (_, true) => rustix::fs::UTIME_NOW,
            (false, false) => rustix::fs::UTIME_OMIT,
            (true, false) => (nanos % 1_000_000_000) as _,
        };
        Timespec {
            tv_sec: (nanos / 1_000_000_000) as _,
            tv_nsec,
        }
    };
    Ok(Timestamps {
        last_access: one(atim, FstFlags::ATIM, FstFlags::ATIM_NOW),
        last_modification: one(mtim, FstFlags::MTIM, FstFlags::MTIM_NOW),
    })
}

/// The open file of a descriptor that has `right`; `EBADF` as POSIX has it otherwise.
fn with_right(guest: &Caller<'_>, fd: u32, right: Rights) -> Result<Arc<Open>, Errno> {
    let descriptor = guest.wasi().descriptor(fd)?;
    if !descriptor.base.contains(right) {
        return Err(match descriptor.open.body {
            Body::Directory(_) if right == Rights::FD_READ => Errno::ISDIR,
            _ => Errno::BADF,
        });
    }
    Ok(descriptor.open)
}

/// `fd_read`: from the offset on.
pub(super) fn fd_read(
    guest: &Caller<'_>,
    fd: u32,
    iovs: u32,
    count: u32,
    out: u32,
) -> Result<(), Failure> {
    read(guest, fd, iovs, count, None, out)
}

/// `fd_pread`: from `at` on; the offset stays.
pub(super) fn fd_pread(
    guest: &Caller<'_>,
    fd: u32,
    iovs: u32,
    count: u32,
    at: u64,
    out: u32,
) -> Result<(), Failure> {
    read(guest, fd, iovs, count, Some(at), out)
}

fn read(
    guest: &Caller<'_>,
    fd: u32,
    iovs: u32,
    count: u32,
    at: Option<u64>,
    out: u32,
) -> Result<(), Failure> {
    let memory = guest.memory();
    memory.check(out, 4)?;
    let open = with_right(guest, fd, Rights::FD_READ)?;
    let got = open.read(guest, Iovecs::decode(memory, iovs, count)?, at)?;
    Ok(memory.write_u32(out, got)?)
}

/// `fd_write`: at the offset, or at the end of a file opened for appending.
pub(super) fn fd_write(
    guest: &Caller<'_>,
    fd: u32,
    iovs: u32,
    count: u32,
    out: u32,
) -> Result<(), Failure> {
    write(guest, fd, iovs, count, None, out)
}

/// `fd_pwrite`: at `at`; the offset stays.
pub(super) fn fd_pwrite(
    guest: &Caller<'_>,
    fd: u32,
    iovs: u32,
    count: u32,
    at: u64,
    out: u32,
) -> Result<(), Failure> {
    write(guest, fd, iovs, count, Some(at), out)
}

fn write(
    guest: &Caller<'_>,
    fd: u32,
    iovs: u32,
    count: u32,
    at: Option<u64>,
    out: u32,
) -> Result<(), Failure> {
    let memory = guest.memory();
    memory.check(out, 4)?;
    let open = with_right(guest, fd, Rights::FD_WRITE)?;
    let taken = open.write(guest, Iovecs::decode(memory, iovs, count)?, at)?;
    Ok(memory.write_u32(out, taken)?)
}

/// `fd_seek`: moves the offset and writes it.
pub(super) fn fd_seek(
    guest: &Caller<'_>,
    fd: u32,
    delta: i64,
    whence: u32,
    out: u32,
) -> Result<(), Failure> {
    guest.memory().check(out, 8)?;
    let open = guest.wasi().open_file(fd)?;
    let file = open.as_file(Errno::SPIPE)?;
    let from = match whence {
        0 => SeekFrom::Start(u64::try_from(delta).map_err(|_| Errno::INVAL)?),
        1 => SeekFrom::Current(delta),
        2 => SeekFrom::End(delta),
        _ => return Err(Errno::INVAL.into()),
    };
    Ok(guest.memory().write_u64(out, file.seek(from)?)?)
}

/// `fd_tell`: writes the offset.
pub(super) fn fd_tell(guest: &Caller<'_>, fd: u32, out: u32) -> Result<(), Failure> {
    let open = guest.wasi().open_file(fd)?;
    let offset = open.as_file(Errno::SPIPE)?.offset()?;
    Ok(guest.memory().write_u64(out, offset)?)
}

/// `fd_close`.
pub(super) fn fd_close(guest: &Caller<'_>, fd: u32) -> Result<(), Failure> {
    Ok(guest.wasi().close(fd)?)
}

/// `fd_renumber`: `dup2` followed by closing `from`; `to` need not be open.
pub(super) fn fd_renumber(guest: &Caller<'_>, from: u32, to: u32) -> Result<(), Failure> {
    Ok(guest.wasi().renumber(from, to)?)
}

/// `faabric.fd_dup`: `fcntl(fd, F_DUPFD, min)`. Writes the new descriptor, which shares
/// offset and flags with the old one. WASI preview 1 has nothing for this.
pub(super) fn fd_dup(guest: &Caller<'_>, fd: u32, min: u32, out: u32) -> Result<(), Failure> {
    guest.memory().check(out, 4)?;
    let descriptor = guest.wasi().descriptor(fd)?;
    if min >= super::table::LIMIT {
        return Err(Errno::INVAL.into());
    }
    let fd = guest.wasi().insert(min, descriptor)?;
    Ok(guest.memory().write_u32(out, fd)?)
}

/// `fd_fdstat_get`: writes an `fdstat`.
pub(super) fn fd_fdstat_get(guest: &Caller<'_>, fd: u32, out: u32) -> Result<(), Failure> {
    let Descriptor {
        open,
        base,
        inheriting,
    } = guest.wasi().descriptor(fd)?;
    let stat = encode_fdstat(open.filetype, open.flags(), base, inheriting);
    Ok(guest.memory().write(out, &stat)?)
}

/// `fd_fdstat_set_flags`: `fcntl(fd, F_SETFL)`.
pub(super) fn fd_fdstat_set_flags(guest: &Caller<'_>, fd: u32, flags: u32) -> Result<(), Failure> {
    let flags = FdFlags::decode(flags)?;
    Ok(guest.wasi().open_file(fd)?.set_flags(flags)?)
}

/// `fd_fdstat_set_rights`: gives up rights; none can be gained.
pub(super) fn fd_fdstat_set_rights(
    guest: &Caller<'_>,
    fd: u32,
    base: u64,
    inheriting: u64,
) -> Result<(), Failure> {
    Ok(guest
        .wasi()
        .restrict(fd, Rights(base), Rights(inheriting))?)
}

/// `fd_filestat_get`: writes a `filestat`.
pub(super) fn fd_filestat_get(guest: &Caller<'_>, fd: u32, out: u32) -> Result<(), Failure> {
    let stat = guest.wasi().open_file(fd)?.stat()?;
    Ok(guest.memory().write(out, &stat.encode())?)
}

/// `fd_filestat_set_size`: `ftruncate`.
pub(super) fn fd_filestat_set_size(guest: &Caller<'_>, fd: u32, size: u64) -> Result<(), Failure> {
    // POSIX: EINVAL for a descriptor that is not open for writing.
    let open = match with_right(guest, fd, Rights::FD_WRITE) {
        Err(Errno::BADF) => {
            guest.wasi().open_file(fd)?;
            return Err(Errno::INVAL.into());
        }
        answer => answer?,
    };
    Ok(open.as_file(Errno::INVAL)?.set_size(size)?)
}

/// `fd_filestat_set_times`: `futimens`.
pub(super) fn fd_filestat_set_times(
    guest: &Caller<'_>,
    fd: u32,
    atim: u64,
    mtim: u64,
    which: u32,
) -> Result<(), Failure> {
    let times = timestamps(atim, mtim, FstFlags::decode(which)?)?;
    Ok(guest.wasi().open_file(fd)?.set_times(&times)?)
}

/// `fd_advise`: `posix_fadvise`.
pub(super) fn fd_advise(
    guest: &Caller<'_>,
    fd: u32,
    offset: u64,
    len: u64,
    advice: u32,
) -> Result<(), Failure> {
    let open = guest.wasi().open_file(fd)?;
    Ok(open.as_file(Errno::SPIPE)?.advise(offset, len, advice)?)
}

/// `fd_allocate`: `posix_fallocate`.
pub(super) fn fd_allocate(
    guest: &Caller<'_>,
    fd: u32,
    offset: u64,
    len: u64,
) -> Result<(), Failure> {
    let open = with_right(guest, fd, Rights::FD_WRITE)?;
    Ok(open.as_file(Errno::SPIPE)?.allocate(offset, len)?)
}

/// `fd_datasync`.
pub(super) fn fd_datasync(guest: &Caller<'_>, fd: u32) -> Result<(), Failure> {
    Ok(guest.wasi().open_file(fd)?.sync(true)?)
}

/// `fd_sync`.
pub(super) fn fd_sync(guest: &Caller<'_>, fd: u32) -> Result<(), Failure> {
    Ok(guest.wasi().open_file(fd)?.sync(false)?)
}

/// `fd_readdir`: fills `len` bytes at `buf` with entries; writes how many bytes it used.
pub(super) fn fd_readdir(
    guest: &Caller<'_>,
    fd: u32,
    buf: u32,
    len: u32,
    cookie: u64,
    out: u32,
) -> Result<(), Failure> {
    guest.memory().check(out, 4)?;
    let open = guest.wasi().open_file(fd)?;
    let directory = open.as_directory()?;
    let used = directory.read(guest.memory(), buf, len, cookie)?;
    Ok(guest.memory().write_u32(out, used)?)
}

/// The name under which `fd` was preopened. libc looks at 3, 4, ... until `EBADF`.
fn preopened(guest: &Caller<'_>, fd: u32) -> Result<String, Errno> {
    let open = guest.wasi().open_file(fd)?;
    let place = open.place().filter(|place| place.is_preopen());
    place
        .map(|place| place.preopen.name.clone())
        .ok_or(Errno::BADF)
}

/// `fd_prestat_get`: writes the tag for a directory, and the length of its name @4.
pub(super) fn fd_prestat_get(guest: &Caller<'_>, fd: u32, out: u32) -> Result<(), Failure> {
    let name = preopened(guest, fd)?;
    let prestat = (name.len() as u64) << 32;
    Ok(guest.memory().write_u64(out, prestat)?)
}

/// `fd_prestat_dir_name`: writes the name, without a NUL.
pub(super) fn fd_prestat_dir_name(
    guest: &Caller<'_>,
    fd: u32,
    buf: u32,
    len: u32,
) -> Result<(), Failure> {
    let name = preopened(guest, fd)?;
    if (len as usize) < name.len() {
        return Err(Errno::NAMETOOLONG.into());
    }
    Ok(guest.memory().write(buf, name.as_bytes())?)
}
