//! A message's data where it lies: read, filled and copied through its datatype.

use crate::datatype::{self, Cursor, Datatype, Side};
use crate::error::{Class, Error, Result};
use crate::inbox::{self, Bytes};
use crate::matching::Envelope;
use crate::memory::{self, ADDRESSES, Addr, Memory};
use crate::request::Outcome;
use crate::world::World;
use rustix::net::RecvFlags;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

/// Where a message's data is.
#[derive(Clone)]
pub(crate) struct Data {
    /// The memory that holds it.
    pub(crate) memory: Arc<dyn Memory>,
    /// The address that the datatype's offsets count from.
    pub(crate) addr: Addr,
    /// How many elements.
    pub(crate) count: u64,
    /// How each element lies in memory.
    pub(crate) datatype: Arc<Datatype>,
}

/// [`Data`] that is only borrowed: what a call looks at before it knows whether the
/// data must outlive it.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) memory: &'a Arc<dyn Memory>,
    pub(crate) addr: Addr,
    pub(crate) count: u64,
    pub(crate) datatype: &'a Arc<Datatype>,
}

/// A buffer that is one stretch of bytes, all of them in memory.
#[derive(Clone, Copy)]
pub(crate) struct Flat<'a> {
    memory: &'a dyn Memory,
    at: Addr,
    len: u64,
}

impl<'a> Flat<'a> {
    /// None when the memory ends before the buffer.
    #[inline]
    pub(crate) fn new(memory: &'a dyn Memory, at: Addr, len: u64) -> Option<Self> {
        let is_there = len == 0 || memory::check(at, len, memory.size()).is_ok();
        is_there.then_some(Self { memory, at, len })
    }

    /// Its bytes.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Fills its first bytes from the ring. They must not be more than it has.
    #[inline]
    pub(crate) fn fill_from(&self, bytes: Bytes<'_>) -> Result<()> {
        match bytes {
            Bytes::Here([]) => Ok(()),
            Bytes::Here(bytes) => Ok(self.memory.write(self.at, bytes)?),
            Bytes::Page(page, at, len) => Ok(page.copy_to(at, len as u64, self.memory, self.at)?),
        }
    }
}

impl Data {
    /// The same, borrowed.
    pub(crate) fn view(&self) -> View<'_> {
        View {
            memory: &self.memory,
            addr: self.addr,
            count: self.count,
            datatype: &self.datatype,
        }
    }

    /// Bytes of data, without gaps. None when that is more than a `u64` holds.
    pub(crate) fn len(&self) -> Option<u64> {
        self.view().len()
    }
}

impl<'a> View<'a> {
    /// The same, kept beyond the call.
    pub(crate) fn to_data(self) -> Data {
        Data {
            memory: self.memory.clone(),
            addr: self.addr,
            count: self.count,
            datatype: self.datatype.clone(),
        }
    }

    /// Bytes of data, without gaps. None when that is more than a `u64` holds.
    pub(crate) fn len(&self) -> Option<u64> {
        self.count.checked_mul(self.datatype.size())
    }

    /// Where the data begins, if it is one stretch of bytes.
    fn start(&self) -> Option<Addr> {
        let offset = self.datatype.run_offset()?;
        Some(memory::place(&**self.memory, self.addr, offset))
    }

    /// Checks that all bytes lie in memory, and gives their number. After that no
    /// copy from or to this data can fail, because memory never shrinks.
    pub(crate) fn check(&self, world: &World) -> Result<u64> {
        // One stretch of bytes, all in memory: what nearly every message is.
        if let (Some(at), Some(len)) = (self.start(), self.len())
            && (len == 0 || memory::check(at, len, self.memory.size()).is_ok())
        {
            return Ok(len);
        }
        self.check_layout(world)
    }

    fn check_layout(&self, world: &World) -> Result<u64> {
        let count = i64::try_from(self.count).unwrap_or(i64::MAX);
        let len = self.datatype.bytes(count)?;
        if len == 0 {
            return Ok(0);
        }
        let (first, end) = self.datatype.span(self.count)?;
        let bytes = i128::from(end) - i128::from(first);
        let (memory, size) = (&**self.memory, self.memory.size());
        let at = memory::place(memory, self.addr, first).0;
        let reach = i128::from(at) + bytes;
        if reach <= i128::from(size) {
            return Ok(len);
        }
        if reach > i128::from(ADDRESSES) {
            // Of bytes at low and at high addresses, MPI_Aint puts the high ones first:
            // where the first is and how far it is to the last does not say what is between.
            let go_on = &mut || world.check();
            self.datatype
                .check_runs(memory, self.addr, self.count, go_on)?;
            return Ok(len);
        }
        Err(Error::new(
            Class::BUFFER,
            format!(
                "buffer: {} elements at address {:#x} reach from {at:#x} to {reach:#x}, \
                 the memory has {size:#x} bytes",
                self.count, self.addr.0
            ),
        ))
    }

    /// Reads all data into `out`, which has exactly as many bytes.
    pub(crate) fn read(&self, out: &mut [u8]) -> Result<()> {
        if out.is_empty() {
            return Ok(());
        }
        match self.start() {
            Some(at) => Ok(self.memory.read(at, out)?),
            None => self
                .datatype
                .pack(&**self.memory, self.addr, self.count, out),
        }
    }

    /// Copies all data, `len` bytes of at most [`inbox::LONGEST`], to `at` of `to`.
    pub(crate) fn copy_into(&self, to: &Arc<dyn Memory>, at: Addr, len: u64) -> Result<()> {
        if let Some(start) = self.start() {
            return Ok(self.memory.copy_to(start, len, &**to, at)?);
        }
        let mut bytes = [0; inbox::LONGEST];
        let bytes = &mut bytes[..len as usize];
        self.read(bytes)?;
        Ok(to.write(at, bytes)?)
    }

    /// As [`View::fill`], from the ring.
    pub(crate) fn fill_from(&self, bytes: Bytes<'_>) -> Result<()> {
        match (bytes, self.start()) {
            (Bytes::Here(bytes), _) => self.fill(bytes),
            (Bytes::Page(page, at, len), Some(start)) => {
                let fits = self.len().unwrap_or(u64::MAX).min(len as u64);
                Ok(page.copy_to(at, fits, &**self.memory, start)?)
            }
            (bytes, None) => self.fill(&bytes.to_box()),
        }
    }

    /// Fills the data's first bytes from `bytes`; what does not fit is left out.
    pub(crate) fn fill(&self, bytes: &[u8]) -> Result<()> {
        let fits = self.len().unwrap_or(u64::MAX).min(bytes.len() as u64) as usize;
        let bytes = &bytes[..fits];
        if bytes.is_empty() {
            return Ok(());
        }
        match self.start() {
            Some(at) => self.memory.write(at, bytes)?,
            None => {
                let mut cursor = Cursor::new(self.datatype.clone(), self.count)?;
                cursor.write(&**self.memory, self.addr, bytes)?;
            }
        }
        Ok(())
    }

    /// One copy from here to there, as much as fits; ends early when the job of `world` does.
    pub(crate) fn copy_to(&self, to: &View<'a>, world: &World) -> Result<()> {
        let side = |view: &View<'a>| Side {
            memory: &**view.memory,
            addr: view.addr,
            count: view.count,
            datatype: view.datatype,
        };
        world.copy(side(self), side(to))
    }
}

impl World {
    /// [`datatype::copy`] that ends early when the job does.
    pub(crate) fn copy(&self, from: Side<'_>, to: Side<'_>) -> Result<()> {
        datatype::copy(from, to, &mut || self.check()).map(drop)
    }
}

/// [`Data`] that is read or filled in pieces, in order.
pub(crate) struct Stream {
    data: Data,
    cursor: Cursor,
}

impl Stream {
    /// At the first byte of `data`.
    ///
    /// # Errors
    /// When its length does not fit 64 bits.
    pub(crate) fn new(data: Data) -> Result<Stream> {
        let cursor = Cursor::new(data.datatype.clone(), data.count)?;
        Ok(Stream { data, cursor })
    }

    /// Moves to a packed byte.
    pub(crate) fn seek(&mut self, position: u64) {
        self.cursor.seek(position);
    }

    /// Reads the next bytes.
    pub(crate) fn read(&mut self, out: &mut [u8]) -> Result<()> {
        self.cursor.read(&*self.data.memory, self.data.addr, out)?;
        Ok(())
    }

    /// Whether the bytes lie in one stretch, for [`Self::send`] and [`Self::receive`].
    pub(crate) fn is_flat(&self) -> bool {
        self.data.view().start().is_some()
    }

    /// Sends up to `most` bytes from packed byte `at` on; flat data only.
    pub(crate) fn send(
        &self,
        at: u64,
        most: u64,
        socket: BorrowedFd<'_>,
        wait: bool,
    ) -> io::Result<usize> {
        self.data.memory.send(self.place(at)?, most, socket, wait)
    }

    /// Takes up to `most` of the next bytes from a socket; flat data only. What does not
    /// fit is left out.
    pub(crate) fn receive(&mut self, most: u64, socket: BorrowedFd<'_>) -> io::Result<usize> {
        let room = self.cursor.remaining().min(most);
        if room == 0 {
            let mut rest = [0u8; 8192];
            let rest = &mut rest[..most.min(8192) as usize];
            let (_, came) = rustix::net::recv(socket, rest, RecvFlags::DONTWAIT)?;
            return Ok(came);
        }
        let at = self.cursor.position();
        let came = self.data.memory.receive(self.place(at)?, room, socket)?;
        self.cursor.seek(at + came as u64);
        Ok(came)
    }

    /// Where packed byte `at` of flat data lies.
    fn place(&self, at: u64) -> io::Result<Addr> {
        let start = self.data.view().start();
        let place = start.and_then(|start| start.0.checked_add(at));
        place.map(Addr).ok_or(io::ErrorKind::InvalidInput.into())
    }

    /// Fills the next bytes; what does not fit is left out.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.cursor
            .write(&*self.data.memory, self.data.addr, bytes)?;
        Ok(())
    }
}

/// What a receive of a message ends with: its outcome, and the error when the message
/// was longer than the buffer (MPI 4.1, section 3.2.4).
pub(crate) fn received(envelope: &Envelope, len: u64, capacity: u64) -> (Outcome, Option<Error>) {
    let outcome = Outcome::received(envelope, len.min(capacity));
    let error = (len > capacity).then(|| {
        Error::new(
            Class::TRUNCATE,
            format!(
                "the message from rank {} with tag {} has {len} bytes, the receive buffer {capacity}",
                envelope.source, envelope.tag
            ),
        )
    });
    (outcome, error)
}
