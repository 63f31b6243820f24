//! The open files of a process as plain data: what travels with a Granule.
//!
//! ```text
//!  descriptors          files (open file descriptions)
//!   0 -> 0               0: stdin
//!   3 -> 1               1: preopen 0, "", directory
//!   4 -> 2               2: preopen 0, "out/log", offset 812, APPEND
//!   9 -> 2               (4 and 9 are duplicates: they share the offset)
//! ```
//! [`Granule::files`] makes it, [`Granule::reopen`] opens the same files again, on this
//! worker or another one, given that the preopened directories there have the same files.

use super::Wasi;
use super::dir::Directory;
use super::file::{Access, Body, Open, Stream};
use super::path::{self, How, Place};
use super::table::{Descriptor, Table};
use super::types::{Errno, FdFlags, FileType, OFlags, Rights};
use crate::budget::Share;
use crate::granule::Granule;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Every open file of a process, and which descriptors refer to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileTable {
    files: Vec<FileDescription>,
    descriptors: Vec<DescriptorDescription>,
}

/// One open file description.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileDescription {
    origin: Origin,
    flags: FdFlags,
    /// Bytes from its start; 0 for what has no offset.
    offset: u64,
}

/// What it was opened from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Origin {
    Stdin,
    Stdout,
    Stderr,
    /// The directory that the process was started with, by its number.
    Preopen(u32),
    /// A path below one.
    Path {
        preopen: u32,
        path: OsString,
        access: Access,
        directory: bool,
    },
}

/// One descriptor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DescriptorDescription {
    fd: u32,
    /// Index into the files.
    file: u32,
    base: Rights,
    inheriting: Rights,
}

impl Granule {
    /// Describes every open file of this Granule's process.
    ///
    /// # Errors
    /// [`Error::Immovable`] when one cannot be opened again by its path: it was removed or
    /// renamed while open, or is a FIFO.
    pub fn files(&self) -> Result<FileTable> {
        self.wasi().describe()
    }

    /// Closes all files and opens those of `files` in their place.
    ///
    /// # Errors
    /// [`Error::Immovable`] with the file that cannot be opened; all stay as they were.
    pub fn reopen(&self, files: &FileTable) -> Result<()> {
        self.wasi().reopen(files)
    }
}

impl Wasi {
    pub(super) fn describe(&self) -> Result<FileTable> {
        let mut indices = HashMap::new();
        let mut table = FileTable {
            files: Vec::new(),
            descriptors: Vec::new(),
        };
        for (fd, descriptor) in self.table.read().iter() {
            let file = match indices.get(&Arc::as_ptr(&descriptor.open)) {
                Some(index) => *index,
                None => {
                    let index = table.files.len() as u32;
                    table.files.push(describe(&descriptor.open)?);
                    indices.insert(Arc::as_ptr(&descriptor.open), index);
                    index
                }
            };
            table.descriptors.push(DescriptorDescription {
                fd,
                file,
                base: descriptor.base,
                inheriting: descriptor.inheriting,
            });
        }
        Ok(table)
    }

    pub(super) fn reopen(&self, files: &FileTable) -> Result<()> {
        let opened = files.files.iter().map(|file| {
            self.reopen_one(file).map(Arc::new).map_err(|errno| {
                immovable(&file.origin, &format!("cannot be opened here: {errno}"))
            })
        });
        let opened = opened.collect::<Result<Vec<_>>>()?;
        let mut table = Table::default();
        for entry in &files.descriptors {
            let open = opened.get(entry.file as usize).ok_or_else(damaged)?;
            let descriptor = Descriptor {
                open: Arc::clone(open),
                base: entry.base,
                inheriting: entry.inheriting,
            };
            table.replace(entry.fd, descriptor).map_err(|_| damaged())?;
        }
        let old = std::mem::replace(&mut *self.table.write(), table);
        drop(old);
        Ok(())
    }

    fn reopen_one(&self, file: &FileDescription) -> Result<Open, Errno> {
        let open = match &file.origin {
            Origin::Stdin => self.streams.open(0),
            Origin::Stdout => self.streams.open(1),
            Origin::Stderr => self.streams.open(2),
            Origin::Preopen(index) => Open::directory(self.root(*index)?, file.flags),
            Origin::Path {
                preopen,
                path,
                access,
                directory,
            } => {
                let oflags = if *directory {
                    OFlags::DIRECTORY
                } else {
                    OFlags::default()
                };
                let how = How {
                    follow: true,
                    oflags,
                    flags: file.flags,
                    access: *access,
                };
                path::open(&self.root(*preopen)?, Path::new(path), how)?
            }
        };
        open.set_flags(file.flags)?;
        if let (Body::File(host), FileType::RegularFile | FileType::BlockDevice) =
            (&open.body, open.filetype)
        {
            host.seek(rustix::fs::SeekFrom::Start(file.offset))?;
        }
        Ok(open)
    }

    /// Preopened directory `index`, opened once more.
    pub(super) fn root(&self, index: u32) -> Result<Directory, Errno> {
        let preopen = self.preopens.get(index as usize).ok_or(Errno::NOENT)?;
        let place = Place {
            preopen: Arc::clone(preopen),
            path: PathBuf::new(),
        };
        let share = Share::of_descriptors().ok_or(Errno::NFILE)?;
        Ok(Directory::new(preopen.host.try_clone()?, place, share))
    }
}

fn describe(open: &Open) -> Result<FileDescription> {
    let mut offset = 0;
    let origin = match &open.body {
        Body::Stdin(_) => Origin::Stdin,
        Body::Output(Stream::Stdout, _) => Origin::Stdout,
        Body::Output(Stream::Stderr, _) => Origin::Stderr,
        Body::Directory(directory) if directory.place.is_preopen() => {
            Origin::Preopen(directory.place.preopen.index)
        }
        Body::Directory(directory) => {
            let access = Access {
                read: true,
                write: false,
            };
            origin(&directory.place, access, true)
        }
        Body::File(file) => {
            let origin = origin(&file.place, file.access, false);
            if open.filetype == FileType::Unknown {
                return Err(immovable(&origin, "is a FIFO"));
            }
            offset = file.offset().unwrap_or(0);
            origin
        }
    };
    if let Some(place) = open.place() {
        let here = open.stat().map(|stat| (stat.dev, stat.ino));
        let there = path::stat(&place.preopen.host, place.path_or_dot(), true);
        if here != there.map(|stat| (stat.dev, stat.ino)) {
            return Err(immovable(
                &origin,
                "was removed or renamed while it is open",
            ));
        }
    }
    Ok(FileDescription {
        origin,
        flags: open.flags(),
        offset,
    })
}

fn origin(place: &Place, access: Access, directory: bool) -> Origin {
    Origin::Path {
        preopen: place.preopen.index,
        path: place.path.as_os_str().to_owned(),
        access,
        directory,
    }
}

fn immovable(origin: &Origin, why: &str) -> Error {
    let what = match origin {
        Origin::Stdin => "stdin".to_owned(),
        Origin::Stdout => "stdout".to_owned(),
        Origin::Stderr => "stderr".to_owned(),
        Origin::Preopen(index) => format!("preopened directory {index}"),
        Origin::Path { preopen, path, .. } => {
            format!("file {} in directory {preopen}", Path::new(path).display())
        }
    };
    Error::Immovable(format!("{what} {why}"))
}

fn damaged() -> Error {
    Error::Immovable("the description of its open files is damaged".to_owned())
}
