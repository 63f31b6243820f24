//! Files for MPI: opened below the same directories as the guest's other files, with the
//! same confinement, read-only directories and limit on descriptors.
//!
//! The guest names a file by one of its directory descriptors and a path from there, as
//! its libc finds them for `open` too.

use super::Wasi;
use super::file::{Access, Body, File, Open};
use super::path::{self, How};
use super::types::{Errno, FdFlags, FileType, OFlags, Rights};
use faabric_mpi::io::{FileName, Files, OpenMode, Storage};
use faabric_mpi::{Class, Error, Result};
use rustix::fs::FlockOperation;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

/// Zeros that are written at a time, where the file system cannot reserve space.
const ZEROS: usize = 1 << 20;

/// The files that a process can reach.
pub(crate) struct MpiFiles(Arc<Wasi>);

impl MpiFiles {
    pub(crate) fn new(wasi: Arc<Wasi>) -> Self {
        Self(wasi)
    }

    fn open_file(&self, name: &FileName, mode: OpenMode) -> Result<Open, Errno> {
        let parent = self.directory(name)?;
        let inherits = |right| parent.inheriting.contains(right);
        if (mode.read && !inherits(Rights::FD_READ)) || (mode.write && !inherits(Rights::FD_WRITE))
        {
            return Err(Errno::ACCES);
        }
        let mut oflags = OFlags::default();
        if mode.create {
            oflags = oflags.with(OFlags::CREAT);
        }
        if mode.exclusive {
            oflags = oflags.with(OFlags::EXCL);
        }
        let how = How {
            follow: true,
            oflags,
            flags: FdFlags::default(),
            access: Access {
                read: mode.read,
                write: mode.write,
            },
        };
        let open = path::open(parent.open.as_directory()?, Path::new(&name.path), how)?;
        match open.filetype {
            FileType::RegularFile | FileType::BlockDevice | FileType::CharacterDevice => Ok(open),
            FileType::Directory => Err(Errno::ISDIR),
            // What has no offsets cannot be accessed at them.
            _ => Err(Errno::SPIPE),
        }
    }

    /// The directory that a name counts from.
    fn directory(&self, name: &FileName) -> Result<super::Descriptor, Errno> {
        // Libc has none for a name outside of all directories.
        self.0.descriptor(name.directory).map_err(|_| Errno::NOENT)
    }

    fn remove(&self, name: &FileName) -> Result<(), Errno> {
        let parent = self.directory(name)?;
        let directory = parent.open.as_directory()?;
        directory.place.check_writable()?;
        Ok(directory.host.remove_file(&name.path)?)
    }
}

impl Files for MpiFiles {
    fn open(&self, name: &FileName, mode: OpenMode) -> Result<Arc<dyn Storage>> {
        match self.open_file(name, mode) {
            Ok(open) => Ok(Arc::new(Opened(open))),
            Err(errno) => Err(refused(name, errno)),
        }
    }

    fn delete(&self, name: &FileName) -> Result<()> {
        self.remove(name).map_err(|errno| refused(name, errno))
    }

    fn find(&self, path: &str) -> Result<FileName> {
        let found = self.0.find_directory(path);
        found.ok_or_else(|| {
            let text = format!("{path:?} lies in none of the process's directories");
            Error::new(Class::NO_SUCH_FILE, text)
        })
    }
}

/// An open file.
struct Opened(Open);

impl Opened {
    fn file(&self) -> Result<&File, Errno> {
        match &self.0.body {
            Body::File(file) => Ok(file),
            _ => Err(Errno::BADF),
        }
    }

    fn read(&self, at: u64, buf: &mut [u8]) -> Result<usize, Errno> {
        let host = self.file()?.host();
        let mut done = 0;
        while done < buf.len() {
            match host.read_at(&mut buf[done..], at + done as u64) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(done)
    }

    /// Space for the first `size` bytes.
    fn reserve(&self, size: u64) -> Result<(), Errno> {
        let file = self.file()?;
        if size == 0 {
            return Ok(());
        }
        match file.allocate(0, size) {
            Err(Errno::NOTSUP) => {}
            answer => return answer,
        }
        // What cannot be reserved is written.
        let zeros = vec![0; ZEROS];
        let mut at = file.size()?;
        while at < size {
            let len = (size - at).min(ZEROS as u64);
            file.host().write_all_at(&zeros[..len as usize], at)?;
            at += len;
        }
        Ok(())
    }
}

impl Storage for Opened {
    fn read_at(&self, at: u64, buf: &mut [u8]) -> Result<usize> {
        self.read(at, buf).map_err(|e| failed("reading", e))
    }

    fn write_at(&self, at: u64, buf: &[u8]) -> Result<()> {
        let written = self.file().and_then(|file| {
            let host = file.host();
            host.write_all_at(buf, at).map_err(Errno::from)
        });
        written.map_err(|e| failed("writing", e))
    }

    fn size(&self) -> Result<u64> {
        let size = self.file().and_then(File::size);
        size.map_err(|e| failed("asking for the size", e))
    }

    fn set_size(&self, size: u64) -> Result<()> {
        let set = self.file().and_then(|file| file.set_size(size));
        set.map_err(|e| failed("setting the size", e))
    }

    fn preallocate(&self, size: u64) -> Result<()> {
        self.reserve(size).map_err(|e| failed("reserving space", e))
    }

    fn sync(&self) -> Result<()> {
        match self.0.sync(false) {
            // Devices that keep nothing have nothing to bring anywhere.
            Ok(()) | Err(Errno::INVAL) => Ok(()),
            Err(errno) => Err(failed("synchronising", errno)),
        }
    }

    fn try_lock(&self, exclusive: bool) -> Result<bool> {
        let operation = if exclusive {
            FlockOperation::NonBlockingLockExclusive
        } else {
            FlockOperation::NonBlockingLockShared
        };
        let file = self.file().map_err(|e| failed("locking", e))?;
        match rustix::fs::flock(file.host(), operation) {
            Ok(()) => Ok(true),
            Err(error) if error == rustix::io::Errno::WOULDBLOCK => Ok(false),
            Err(error) if error == rustix::io::Errno::INTR => Ok(false),
            Err(error) => Err(Error::new(
                Class::UNSUPPORTED_OPERATION,
                format!("atomic mode: the file system does not lock files: {error}"),
            )),
        }
    }

    fn unlock(&self) {
        if let Ok(file) = self.file() {
            // It was locked, so it can be unlocked; closing the file would do it too.
            let _ = rustix::fs::flock(file.host(), FlockOperation::Unlock);
        }
    }
}

/// The error of a file that cannot be opened or removed.
fn refused(name: &FileName, errno: Errno) -> Error {
    let class = match errno {
        Errno::ISDIR
        | Errno::NOTDIR
        | Errno::NAMETOOLONG
        | Errno::LOOP
        | Errno::ILSEQ
        | Errno::INVAL
        | Errno::SPIPE
        | Errno::NXIO => Class::BAD_FILE,
        errno => class_of(errno),
    };
    Error::new(class, format!("filename: {:?}: {errno}", name.path))
}

/// The error of an open file.
fn failed(what: &str, errno: Errno) -> Error {
    Error::new(class_of(errno), format!("{what} failed: {errno}"))
}

/// The error class that the standard has for an error of the system (MPI 4.1, section 14.7).
fn class_of(errno: Errno) -> Class {
    match errno {
        Errno::NOENT => Class::NO_SUCH_FILE,
        Errno::EXIST => Class::FILE_EXISTS,
        Errno::ACCES | Errno::PERM | Errno::BADF => Class::ACCESS,
        Errno::ROFS => Class::READ_ONLY,
        Errno::NOSPC => Class::NO_SPACE,
        Errno::DQUOT => Class::QUOTA,
        Errno::TXTBSY | Errno::BUSY => Class::FILE_IN_USE,
        _ => Class::IO,
    }
}
