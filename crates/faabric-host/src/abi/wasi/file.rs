//! Open files: what descriptors refer to, and the `fd_*` work on files and streams.
//!
//! ```text
//!  Open --+-- Stdin, Output     streams of the embedding (crate::stdio)
//!         +-- File              host file + place (preopen, path) + access + offset
//!         '-- Directory         host directory + place + position of readdir (dir.rs)
//! ```
//! Invariant: the offset of a regular file is known here at any time, because it has to
//! travel with the Granule. It is ours, and reads and writes name it (`pread`), but for
//! `O_APPEND`, where only the kernel knows it: there it is asked for after each write.

use super::Caller;
use super::Failure;
use super::dir::Directory;
use super::path::Place;
use super::stdio;
use super::transfer::{Iovecs, Until, gather, scatter};
use super::types::{Errno, FdFlags, FileStat, FileType};
use crate::budget::Share;
use crate::stdio::{Output, Stdin};
use parking_lot::Mutex;
use rustix::event::PollFlags;
use rustix::fs::{FallocateFlags, OFlags, SeekFrom, Timestamps};
use serde::{Deserialize, Serialize};
use std::fs;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

/// An open file description: what all duplicates of a descriptor share.
pub(super) struct Open {
    pub(super) body: Body,
    pub(super) filetype: FileType,
    flags: AtomicU16,
}

/// What is open.
pub(super) enum Body {
    Stdin(Arc<dyn Stdin>),
    Output(Stream, Arc<dyn Output>),
    File(File),
    Directory(Directory),
}

/// The two outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    Stdout,
    Stderr,
}

/// How a file was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Access {
    /// It can be read.
    pub(crate) read: bool,
    /// It can be written.
    pub(crate) write: bool,
}

/// A file of the host. It is opened `O_NONBLOCK`, which regular files ignore, so that
/// a FIFO or device cannot hold a thread beyond the end of its process.
pub(super) struct File {
    host: fs::File,
    pub(super) place: Place,
    pub(super) access: Access,
    position: Position,
    _share: Share,
}

/// Where the next read or write happens.
enum Position {
    /// Bytes from the start of a regular file or block device.
    Ours(Mutex<u64>),
    /// FIFOs and devices: the kernel's business, if they have a position at all.
    Hosts,
}

impl Open {
    fn new(body: Body, filetype: FileType, flags: FdFlags) -> Self {
        Self {
            body,
            filetype,
            flags: AtomicU16::new(flags.0),
        }
    }

    pub(super) fn stdin(stdin: Arc<dyn Stdin>) -> Self {
        let filetype = stdio::filetype(stdin.is_terminal());
        Self::new(Body::Stdin(stdin), filetype, FdFlags::default())
    }

    pub(super) fn output(stream: Stream, output: Arc<dyn Output>) -> Self {
        let filetype = stdio::filetype(output.is_terminal());
        Self::new(Body::Output(stream, output), filetype, FdFlags::default())
    }

    pub(super) fn directory(directory: Directory, flags: FdFlags) -> Self {
        Self::new(Body::Directory(directory), FileType::Directory, flags)
    }

    /// A host file opened for `place`, of the type that it has turned out to be.
    pub(super) fn file(
        host: fs::File,
        place: Place,
        access: Access,
        flags: FdFlags,
        share: Share,
    ) -> Result<Self, Errno> {
        let filetype = FileStat::from(rustix::fs::fstat(&host)?).filetype;
        if filetype == FileType::Directory {
            let host = cap_std::fs::Dir::from_std_file(host);
            let directory = Directory::new(host, place, share);
            return Ok(Self::directory(directory, flags));
        }
        let position = match filetype {
            FileType::RegularFile | FileType::BlockDevice => Position::Ours(Mutex::new(0)),
            _ => Position::Hosts,
        };
        let file = File {
            host,
            place,
            access,
            position,
            _share: share,
        };
        if flags.contains(FdFlags::APPEND) {
            file.set_append(true)?;
        }
        Ok(Self::new(Body::File(file), filetype, flags))
    }

    /// The flags now.
    pub(super) fn flags(&self) -> FdFlags {
        FdFlags(self.flags.load(Ordering::Relaxed))
    }

    /// Sets `APPEND` and `NONBLOCK`; the kernel cannot change the others any more.
    pub(super) fn set_flags(&self, flags: FdFlags) -> Result<(), Errno> {
        let sync = flags.0 & FdFlags::SYNCS.0;
        if sync != 0 && sync != self.flags().0 & FdFlags::SYNCS.0 {
            return Err(Errno::NOTSUP);
        }
        if let Body::File(file) = &self.body {
            file.set_append(flags.contains(FdFlags::APPEND))?;
        }
        let kept = self.flags().0 & FdFlags::SYNCS.0;
        self.flags.store(flags.0 | kept, Ordering::Relaxed);
        Ok(())
    }

    /// The file, or the error that C programs expect of anything else.
    pub(super) fn as_file(&self, otherwise: Errno) -> Result<&File, Errno> {
        match &self.body {
            Body::File(file) => Ok(file),
            Body::Directory(_) => Err(Errno::ISDIR),
            _ => Err(otherwise),
        }
    }

    /// The directory, if it is one.
    pub(super) fn as_directory(&self) -> Result<&Directory, Errno> {
        match &self.body {
            Body::Directory(directory) => Ok(directory),
            _ => Err(Errno::NOTDIR),
        }
    }

    /// The host's descriptor, unless it is a stream of the embedding.
    fn host(&self) -> Option<BorrowedFd<'_>> {
        match &self.body {
            Body::File(file) => Some(file.host.as_fd()),
            Body::Directory(directory) => Some(directory.host.as_fd()),
            _ => None,
        }
    }

    /// Where it is, unless it is a stream of the embedding.
    pub(super) fn place(&self) -> Option<&Place> {
        match &self.body {
            Body::File(file) => Some(&file.place),
            Body::Directory(directory) => Some(&directory.place),
            _ => None,
        }
    }

    /// `fstat`.
    pub(super) fn stat(&self) -> Result<FileStat, Errno> {
        match self.host() {
            Some(host) => Ok(rustix::fs::fstat(host)?.into()),
            None => Ok(FileStat::of_stream(self.filetype)),
        }
    }

    /// `futimens`.
    pub(super) fn set_times(&self, times: &Timestamps) -> Result<(), Errno> {
        let host = self.host().ok_or(Errno::INVAL)?;
        self.place().map_or(Ok(()), Place::check_writable)?;
        Ok(rustix::fs::futimens(host, times)?)
    }

    /// `fsync`, or `fdatasync` when `data_only`.
    pub(super) fn sync(&self, data_only: bool) -> Result<(), Errno> {
        let host = self.host().ok_or(Errno::INVAL)?;
        if data_only {
            rustix::fs::fdatasync(host)?;
        } else {
            rustix::fs::fsync(host)?;
        }
        Ok(())
    }

    /// Reads into `to`, from `at` or else from the file's offset on.
    pub(super) fn read(
        &self,
        guest: &Caller<'_>,
        to: Iovecs<'_>,
        at: Option<u64>,
    ) -> Result<u32, Failure> {
        let waits = !self.flags().contains(FdFlags::NONBLOCK);
        match &self.body {
            Body::Stdin(_) if at.is_some() => Err(Errno::SPIPE.into()),
            Body::Stdin(stdin) => scatter(to, Until::FirstPiece, |buf| {
                stdio::read(&**stdin, guest, buf, waits)
            }),
            Body::Output(..) => Err(Errno::BADF.into()),
            Body::Directory(_) => Err(Errno::ISDIR.into()),
            Body::File(file) => file.read(guest, to, at, waits),
        }
    }

    /// Writes `from`, at `at` or else at the file's offset.
    pub(super) fn write(
        &self,
        guest: &Caller<'_>,
        from: Iovecs<'_>,
        at: Option<u64>,
    ) -> Result<u32, Failure> {
        let flags = self.flags();
        match &self.body {
            Body::Stdin(_) | Body::Directory(_) => Err(Errno::BADF.into()),
            Body::Output(..) if at.is_some() => Err(Errno::SPIPE.into()),
            Body::Output(_, output) => gather(from, |bytes| {
                output.write(bytes)?;
                Ok(bytes.len())
            }),
            Body::File(file) => file.write(guest, from, at, flags),
        }
    }
}

impl File {
    fn read(
        &self,
        guest: &Caller<'_>,
        to: Iovecs<'_>,
        at: Option<u64>,
        waits: bool,
    ) -> Result<u32, Failure> {
        if let Some(mut at) = at {
            return scatter(to, Until::Full, |buf| self.read_at(buf, &mut at));
        }
        match &self.position {
            Position::Ours(offset) => {
                let mut offset = offset.lock();
                scatter(to, Until::Full, |buf| self.read_at(buf, &mut offset))
            }
            Position::Hosts => scatter(to, Until::FirstPiece, |buf| {
                self.when_ready(guest, PollFlags::IN, waits, |host| {
                    rustix::io::read(host, &mut *buf)
                })
            }),
        }
    }

    fn write(
        &self,
        guest: &Caller<'_>,
        from: Iovecs<'_>,
        at: Option<u64>,
        flags: FdFlags,
    ) -> Result<u32, Failure> {
        if let Some(mut at) = at {
            return gather(from, |bytes| self.write_at(bytes, &mut at));
        }
        match &self.position {
            Position::Ours(offset) => {
                let mut offset = offset.lock();
                if flags.contains(FdFlags::APPEND) {
                    gather(from, |bytes| self.append(bytes, &mut offset))
                } else {
                    gather(from, |bytes| self.write_at(bytes, &mut offset))
                }
            }
            Position::Hosts => {
                let waits = !flags.contains(FdFlags::NONBLOCK);
                gather(from, |bytes| {
                    self.when_ready(guest, PollFlags::OUT, waits, |host| {
                        rustix::io::write(host, bytes)
                    })
                })
            }
        }
    }

    fn read_at(&self, buf: &mut [u8], at: &mut u64) -> Result<usize, Failure> {
        let got = self.host.read_at(buf, *at)?;
        *at += got as u64;
        Ok(got)
    }

    fn write_at(&self, bytes: &[u8], at: &mut u64) -> Result<usize, Failure> {
        let taken = self.host.write_at(bytes, *at)?;
        *at += taken as u64;
        Ok(taken)
    }

    /// Writes at the end, wherever other processes have moved it.
    fn append(&self, bytes: &[u8], offset: &mut u64) -> Result<usize, Failure> {
        let taken = rustix::io::write(&self.host, bytes)?;
        *offset = rustix::fs::tell(&self.host)?;
        Ok(taken)
    }

    /// Tries `transfer` until it does not answer "would block", waiting in between.
    fn when_ready(
        &self,
        guest: &Caller<'_>,
        event: PollFlags,
        waits: bool,
        mut transfer: impl FnMut(BorrowedFd<'_>) -> rustix::io::Result<usize>,
    ) -> Result<usize, Failure> {
        loop {
            match transfer(self.host.as_fd()) {
                Err(rustix::io::Errno::AGAIN) if waits => {
                    let alarm = guest.wasi().alarm(guest.ending())?;
                    alarm.wait(&[(self.host.as_fd(), event)], None)?;
                }
                answer => return Ok(answer?),
            }
        }
    }

    /// `lseek`. `from` is decoded by the caller.
    pub(super) fn seek(&self, from: SeekFrom) -> Result<u64, Errno> {
        let Position::Ours(offset) = &self.position else {
            return Ok(rustix::fs::seek(&self.host, from)?);
        };
        let mut offset = offset.lock();
        let (base, delta) = match from {
            SeekFrom::Start(at) => (at, 0),
            SeekFrom::Current(delta) => (*offset, delta),
            SeekFrom::End(delta) => (self.size()?, delta),
            _ => return Err(Errno::INVAL),
        };
        let target = base.checked_add_signed(delta).ok_or(Errno::INVAL)?;
        if i64::try_from(target).is_err() {
            return Err(Errno::INVAL);
        }
        *offset = target;
        Ok(target)
    }

    /// Bytes in it. A block device has no size in its metadata.
    pub(super) fn size(&self) -> Result<u64, Errno> {
        let stat = FileStat::from(rustix::fs::fstat(&self.host)?);
        if stat.filetype == FileType::BlockDevice {
            return Ok(rustix::fs::seek(&self.host, SeekFrom::End(0))?);
        }
        Ok(stat.size)
    }

    /// Where the next read or write happens.
    pub(super) fn offset(&self) -> Result<u64, Errno> {
        match &self.position {
            Position::Ours(offset) => Ok(*offset.lock()),
            Position::Hosts => Ok(rustix::fs::tell(&self.host)?),
        }
    }

    /// Bytes from the offset to the end, for `poll`.
    pub(super) fn readable_bytes(&self) -> u64 {
        let left = |offset: u64| self.size().map(|size| size.saturating_sub(offset));
        match &self.position {
            Position::Ours(offset) => left(*offset.lock()).unwrap_or(0),
            Position::Hosts => rustix::io::ioctl_fionread(&self.host).unwrap_or(0),
        }
    }

    /// A descriptor to wait on, unless it is always ready.
    pub(super) fn waitable(&self) -> Option<BorrowedFd<'_>> {
        match &self.position {
            Position::Ours(_) => None,
            Position::Hosts => Some(self.host.as_fd()),
        }
    }

    fn set_append(&self, append: bool) -> Result<(), Errno> {
        let append = if append {
            OFlags::APPEND
        } else {
            OFlags::empty()
        };
        Ok(rustix::fs::fcntl_setfl(
            &self.host,
            append | OFlags::NONBLOCK,
        )?)
    }

    /// The host's file, for reads and writes at offsets.
    pub(super) fn host(&self) -> &fs::File {
        &self.host
    }

    /// `ftruncate`.
    pub(super) fn set_size(&self, size: u64) -> Result<(), Errno> {
        Ok(rustix::fs::ftruncate(&self.host, size)?)
    }

    /// `posix_fallocate`.
    pub(super) fn allocate(&self, offset: u64, len: u64) -> Result<(), Errno> {
        Ok(rustix::fs::fallocate(
            &self.host,
            FallocateFlags::empty(),
            offset,
            len,
        )?)
    }

    /// `posix_fadvise`; the numbers of `advice` are those of POSIX on Linux.
    pub(super) fn advise(&self, offset: u64, len: u64, advice: u32) -> Result<(), Errno> {
        use rustix::fs::Advice;
        let advice = match advice {
            0 => Advice::Normal,
            1 => Advice::Sequential,
            2 => Advice::Random,
            3 => Advice::WillNeed,
            4 => Advice::DontNeed,
            5 => Advice::NoReuse,
            _ => return Err(Errno::INVAL),
        };
        let len = std::num::NonZeroU64::new(len);
        Ok(rustix::fs::fadvise(&self.host, offset, len, advice)?)
    }
}
