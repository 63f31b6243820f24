//! Descriptors 0, 1 and 2: the streams the embedding hands in, as WASI files.
//!
//! What a guest writes goes out at once, unbuffered: the guest's libc has its own buffer,
//! and flushes it by line only when `isatty` says so. wasi-libc takes a descriptor for a
//! terminal when it is a character device without the rights to seek and tell. So a
//! stream is a character device exactly when the embedding says that a user is there.

use super::Caller;
use super::Failure;
use super::file::{Open, Stream};
use super::table::{Descriptor, Table};
use super::types::{Errno, FileType, Rights};
use crate::config::ProcessConfig;
use crate::ending::Stop;
use crate::stdio::{Output, Stdin};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// What kind of file a stream is for the guest.
pub(super) fn filetype(is_terminal: bool) -> FileType {
    if is_terminal {
        FileType::CharacterDevice
    } else {
        FileType::Unknown
    }
}

/// The streams of a process.
pub(super) struct Streams {
    stdin: Arc<dyn Stdin>,
    stdout: Arc<dyn Output>,
    stderr: Arc<dyn Output>,
}

impl Streams {
    pub(super) fn new(config: &ProcessConfig) -> Self {
        Self {
            stdin: Arc::clone(&config.stdin),
            stdout: Arc::clone(&config.stdout),
            stderr: Arc::clone(&config.stderr),
        }
    }

    /// The open file of a stream, by the number that it has at the start.
    pub(super) fn open(&self, number: u32) -> Open {
        match number {
            0 => Open::stdin(Arc::clone(&self.stdin)),
            1 => Open::output(Stream::Stdout, Arc::clone(&self.stdout)),
            _ => Open::output(Stream::Stderr, Arc::clone(&self.stderr)),
        }
    }
}

/// Enters the streams as descriptors 0, 1 and 2.
pub(super) fn insert(streams: &Streams, table: &mut Table) -> Result<(), Errno> {
    let rights = Rights::ALL.without(Rights::SEEKABLE);
    let reading = Rights::FD_READ.with(Rights::FD_READDIR);
    for number in 0..3 {
        let not_for = if number == 0 {
            Rights::FD_WRITE
        } else {
            reading
        };
        table.insert(
            number,
            Descriptor {
                open: Arc::new(streams.open(number)),
                base: rights.without(not_for),
                inheriting: Rights::default(),
            },
        )?;
    }
    Ok(())
}

/// Reads from stdin at least one byte, 0 at its end; `EAGAIN` if it must not wait.
pub(super) fn read(
    stdin: &dyn Stdin,
    guest: &Caller<'_>,
    buf: &mut [u8],
    waits: bool,
) -> Result<usize, Failure> {
    let answer = if waits {
        stdin.read(buf)
    } else {
        match stdin.poll(Some(Duration::ZERO)) {
            Ok(true) => stdin.read(buf),
            Ok(false) => return Err(Errno::AGAIN.into()),
            Err(error) => Err(error),
        }
    };
    answer.map_err(|error| interrupted(guest, error))
}

/// An error of stdin: its waiting also ends when the process does.
pub(super) fn interrupted(guest: &Caller<'_>, error: io::Error) -> Failure {
    if error.kind() == io::ErrorKind::Interrupted {
        if guest.ending().has_begun() {
            return Stop::Ended.into();
        }
        return Errno::INTR.into();
    }
    error.into()
}
