//! Moving data in and out of typed buffers: packing, unpacking, and copying from one
//! typed buffer to another.
//!
//! The packed form of a message is the bytes of its elements in type map order, with
//! no gaps. A position in it is all the state that a transfer in pieces has
//! ([`Cursor`]): finding the place in the layout again costs a few divisions a piece,
//! and a transfer can stop, travel to another worker and go on.
//!
//! ```text
//! memory   ..AA..BB..CC..        Cursor::read  ->  "AABB"   position 4
//! packed     AABBCC              Cursor::read  ->  "CC"     position 6
//! ```

use super::Datatype;
use super::layout::Window;
use crate::error::{Error, Result};
use crate::memory::{self, Addr, Memory, OutOfBounds, place};
use std::sync::Arc;

/// Bytes staged at a time where runs are too short to be copied one by one.
const STAGE: usize = 16 << 10;

/// Runs of fewer bytes than this on average are gathered in a stage: a direct copy
/// between memories costs about as much as copying this much twice.
const SHORT_RUN: u64 = 512;

/// A run of contiguous bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// Where it begins, relative to the buffer's address.
    pub offset: i64,
    /// Bytes.
    pub len: u64,
}

impl Datatype {
    /// Calls `f` with each run of the packed bytes `window` of `count` elements.
    fn visit<E>(
        &self,
        count: u64,
        mut window: Window,
        mut f: impl FnMut(i64, u64) -> Result<(), E>,
    ) -> Result<(), E> {
        let layout = &self.layout;
        layout
            .node
            .visit_repeated(count, self.extent(), layout.offset, &mut window, &mut f)
    }

    /// Calls `f` with the place and the length of each run of the packed bytes `skip` to
    /// `skip + take` of as many elements as those need, in packed order. The caller has
    /// checked that those elements' bytes all have an `i64` as their place.
    pub(crate) fn visit_packed<E>(
        &self,
        skip: u64,
        take: u64,
        f: impl FnMut(i64, u64) -> Result<(), E>,
    ) -> Result<(), E> {
        match self.size {
            0 => Ok(()),
            size => self.visit((skip + take).div_ceil(size), Window { skip, take }, f),
        }
    }

    /// Packs `count` elements at `addr` into `out`; stops early when `out` is full.
    ///
    /// # Errors
    /// When the buffer is not within `memory`.
    pub fn pack(&self, memory: &dyn Memory, addr: Addr, count: u64, out: &mut [u8]) -> Result<()> {
        let take = out.len() as u64;
        self.read(memory, addr, count, Window { skip: 0, take }, out)?;
        Ok(())
    }

    /// Unpacks `data` to `count` elements at `addr`; data for fewer elements, even to
    /// part of one, leaves the rest of the buffer as it was.
    ///
    /// # Errors
    /// When the buffer is not within `memory`.
    pub fn unpack(&self, memory: &dyn Memory, addr: Addr, count: u64, data: &[u8]) -> Result<()> {
        let take = data.len() as u64;
        self.write(memory, addr, count, Window { skip: 0, take }, data)?;
        Ok(())
    }

    /// Checks that each run of `count` elements at `addr` lies in `memory`; ends with the
    /// error of `go_on`, which is asked now and then.
    ///
    /// # Errors
    /// When one does not; those of `go_on`.
    pub(crate) fn check_runs(
        &self,
        memory: &dyn Memory,
        addr: Addr,
        count: u64,
        go_on: &mut dyn FnMut() -> Result<()>,
    ) -> Result<()> {
        let mut often = Often { go_on, left: OFTEN };
        let size = memory.size();
        let all = Window {
            skip: 0,
            take: u64::MAX,
        };
        self.visit(count, all, |offset, len| {
            often.run()?;
            memory::check(place(memory, addr, offset), len, size)?;
            Ok::<(), Stop>(())
        })?;
        Ok(())
    }

    fn read(
        &self,
        memory: &dyn Memory,
        addr: Addr,
        count: u64,
        window: Window,
        out: &mut [u8],
    ) -> Result<(), OutOfBounds> {
        let mut rest = out;
        self.visit(count, window, |offset, len| {
            let (piece, left) = std::mem::take(&mut rest).split_at_mut(len as usize);
            rest = left;
            memory.read(place(memory, addr, offset), piece)
        })
    }

    fn write(
        &self,
        memory: &dyn Memory,
        addr: Addr,
        count: u64,
        window: Window,
        data: &[u8],
    ) -> Result<(), OutOfBounds> {
        let mut rest = data;
        self.visit(count, window, |offset, len| {
            let (piece, left) = rest.split_at(len as usize);
            rest = left;
            memory.write(place(memory, addr, offset), piece)
        })
    }

    /// The runs of `count` elements in packed order, neighbours merged.
    #[must_use]
    pub fn segments(&self, count: u64) -> Segments<'_> {
        Segments {
            datatype: self,
            count,
            position: 0,
            batch: [Segment::default(); BATCH],
            ready: 0..0,
        }
    }

    /// Whether copying run by run would spend more time on the calls than on the bytes.
    pub(super) fn has_short_runs(&self) -> bool {
        self.size / self.layout.node.runs().max(1) < SHORT_RUN
    }
}

const BATCH: usize = 32;

/// Iterator of [`Datatype::segments`].
#[derive(Debug)]
pub struct Segments<'a> {
    datatype: &'a Datatype,
    count: u64,
    /// Packed bytes before the next batch.
    position: u64,
    batch: [Segment; BATCH],
    ready: std::ops::Range<usize>,
}

impl Segments<'_> {
    fn refill(&mut self) {
        let (batch, mut len, mut seen) = (&mut self.batch, 0usize, 0);
        let window = Window {
            skip: self.position,
            take: u64::MAX,
        };
        // The error only says that the batch is full.
        let _full: Result<(), ()> = self.datatype.visit(self.count, window, |offset, bytes| {
            match len.checked_sub(1).map(|last: usize| &mut batch[last]) {
                Some(last) if last.offset.wrapping_add_unsigned(last.len) == offset => {
                    last.len += bytes;
                }
                _ if len == BATCH => return Err(()),
                _ => {
                    batch[len] = Segment { offset, len: bytes };
                    len += 1;
                }
            }
            seen += bytes;
            Ok(())
        });
        self.position += seen;
        self.ready = 0..len;
    }
}

impl Iterator for Segments<'_> {
    type Item = Segment;

    fn next(&mut self) -> Option<Segment> {
        if self.ready.is_empty() {
            self.refill();
        }
        self.ready.next().map(|i| self.batch[i])
    }
}

/// A transfer of `count` elements that proceeds in pieces of any length.
#[derive(Clone, Debug)]
pub struct Cursor {
    datatype: Arc<Datatype>,
    count: u64,
    position: u64,
    total: u64,
}

impl Cursor {
    /// At the first byte of `count` elements.
    ///
    /// # Errors
    /// `MPI_ERR_COUNT` when they are more bytes than 64 bits count.
    pub fn new(datatype: Arc<Datatype>, count: u64) -> Result<Cursor> {
        let total = datatype.bytes(i64::try_from(count).unwrap_or(i64::MAX))?;
        Ok(Cursor {
            datatype,
            count,
            position: 0,
            total,
        })
    }

    /// Packed bytes behind it.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Packed bytes ahead of it.
    #[must_use]
    pub fn remaining(&self) -> u64 {
        self.total - self.position
    }

    /// Moves to a packed byte; beyond the end is the end.
    pub fn seek(&mut self, position: u64) {
        self.position = position.min(self.total);
    }

    /// Packs the next bytes of the elements at `addr` into `out`; gives how many there
    /// were, which is `out`'s length unless the end was reached.
    ///
    /// # Errors
    /// When a byte is not within `memory`; the cursor has not moved.
    pub fn read(&mut self, memory: &dyn Memory, addr: Addr, out: &mut [u8]) -> Result<usize> {
        let window = self.window(out.len());
        let len = window.take as usize;
        let out = &mut out[..len];
        match self.datatype.run_offset() {
            // No bytes lie nowhere: an empty buffer may have any address.
            _ if window.take == 0 => {}
            Some(offset) => {
                let at = offset.wrapping_add_unsigned(self.position);
                memory.read(place(memory, addr, at), out)?;
            }
            None => self.datatype.read(memory, addr, self.count, window, out)?,
        }
        self.position += window.take;
        Ok(len)
    }

    /// Unpacks `data` to the next bytes of the elements at `addr`; gives how many were
    /// taken, which is `data`'s length unless the end was reached.
    ///
    /// # Errors
    /// When a byte is not within `memory`; the cursor has not moved.
    pub fn write(&mut self, memory: &dyn Memory, addr: Addr, data: &[u8]) -> Result<usize> {
        let window = self.window(data.len());
        let len = window.take as usize;
        let data = &data[..len];
        match self.datatype.run_offset() {
            // No bytes lie nowhere: an empty buffer may have any address.
            _ if window.take == 0 => {}
            Some(offset) => {
                let at = offset.wrapping_add_unsigned(self.position);
                memory.write(place(memory, addr, at), data)?;
            }
            None => self
                .datatype
                .write(memory, addr, self.count, window, data)?,
        }
        self.position += window.take;
        Ok(len)
    }

    fn window(&self, len: usize) -> Window {
        Window {
            skip: self.position,
            take: self.remaining().min(len as u64),
        }
    }
}

/// One side of a [`copy`].
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// Where the elements are.
    pub memory: &'a dyn Memory,
    /// The buffer's address.
    pub addr: Addr,
    /// How many elements.
    pub count: u64,
    /// What they are.
    pub datatype: &'a Arc<Datatype>,
}

/// Asks now and then whether to go on: types that overlap themselves make a walk within a
/// small memory as long as they like.
struct Often<'a> {
    go_on: &'a mut dyn FnMut() -> Result<()>,
    /// Runs until it asks again.
    left: u32,
}

/// Runs between two times of asking, which takes no time beside them.
const OFTEN: u32 = 4096;

/// Why a walk has stopped: small, because what gives it does so for each run.
enum Stop {
    Bounds(OutOfBounds),
    Ended(Box<Error>),
}

impl Often<'_> {
    #[inline]
    fn run(&mut self) -> Result<(), Stop> {
        match self.left.checked_sub(1) {
            Some(left) => self.left = left,
            None => {
                self.left = OFTEN;
                (self.go_on)().map_err(|error| Stop::Ended(Box::new(error)))?;
            }
        }
        Ok(())
    }
}

impl From<OutOfBounds> for Stop {
    fn from(error: OutOfBounds) -> Stop {
        Stop::Bounds(error)
    }
}

impl From<Stop> for Error {
    fn from(stop: Stop) -> Error {
        match stop {
            Stop::Bounds(error) => error.into(),
            Stop::Ended(error) => *error,
        }
    }
}

/// Copies elements from one typed buffer to another in one pass, as far as the
/// shorter one goes; gives the bytes copied. Contiguous to contiguous is a single
/// [`Memory::copy_to`]. The buffers must not overlap. A long copy asks `go_on` now and then,
/// and ends with its error.
///
/// # Errors
/// When either buffer is not within its memory, or longer than 64 bits count; those of
/// `go_on`.
pub fn copy(from: Side<'_>, to: Side<'_>, go_on: &mut dyn FnMut() -> Result<()>) -> Result<u64> {
    let mut often = Often { go_on, left: OFTEN };
    let bytes = |side: &Side<'_>| {
        side.datatype
            .bytes(i64::try_from(side.count).unwrap_or(i64::MAX))
    };
    let len = bytes(&from)?.min(bytes(&to)?);
    let window = Window { skip: 0, take: len };
    match (from.datatype.run_offset(), to.datatype.run_offset()) {
        _ if len == 0 => {}
        (Some(a), Some(b)) => {
            let (a, b) = (from.place(a), to.place(b));
            from.memory.copy_to(a, len, to.memory, b)?;
        }
        (Some(run), None) if !to.datatype.has_short_runs() => {
            let mut at = from.place(run);
            to.datatype.visit(to.count, window, |offset, n| {
                often.run()?;
                from.memory.copy_to(at, n, to.memory, to.place(offset))?;
                at.0 += n;
                Ok::<(), Stop>(())
            })?;
        }
        (None, Some(run)) if !from.datatype.has_short_runs() => {
            let mut at = to.place(run);
            from.datatype.visit(from.count, window, |offset, n| {
                often.run()?;
                from.memory.copy_to(from.place(offset), n, to.memory, at)?;
                at.0 += n;
                Ok::<(), Stop>(())
            })?;
        }
        (None, None) if !from.datatype.has_short_runs() && !to.datatype.has_short_runs() => {
            copy_runs(from, to, len, &mut often)?;
        }
        _ => copy_staged(from, to, len, &mut often)?,
    }
    Ok(len)
}

impl Side<'_> {
    fn place(&self, offset: i64) -> Addr {
        place(self.memory, self.addr, offset)
    }
}

/// Walks the runs of both sides together.
fn copy_runs(
    from: Side<'_>,
    to: Side<'_>,
    mut len: u64,
    often: &mut Often<'_>,
) -> Result<(), Stop> {
    let mut sources = from.datatype.segments(from.count);
    let mut targets = to.datatype.segments(to.count);
    let (mut source, mut target) = (Segment::default(), Segment::default());
    while len > 0 {
        if source.len == 0 {
            source = sources.next().unwrap_or_default();
        }
        if target.len == 0 {
            target = targets.next().unwrap_or_default();
        }
        often.run()?;
        let n = source.len.min(target.len).min(len);
        let (a, b) = (from.place(source.offset), to.place(target.offset));
        from.memory.copy_to(a, n, to.memory, b)?;
        source.advance(n);
        target.advance(n);
        len -= n;
    }
    Ok(())
}

impl Segment {
    fn advance(&mut self, by: u64) {
        self.offset = self.offset.wrapping_add_unsigned(by);
        self.len -= by;
    }
}

/// Gathers short runs in a buffer that stays in the first-level cache.
fn copy_staged(from: Side<'_>, to: Side<'_>, len: u64, often: &mut Often<'_>) -> Result<()> {
    let mut stage = [0u8; STAGE];
    let mut reader = Cursor::new(Arc::clone(from.datatype), from.count)?;
    let mut writer = Cursor::new(Arc::clone(to.datatype), to.count)?;
    while reader.position() < len {
        often.run()?;
        let want = (len - reader.position()).min(STAGE as u64) as usize;
        let piece = &mut stage[..want];
        reader.read(from.memory, from.addr, piece)?;
        writer.write(to.memory, to.addr, piece)?;
    }
    Ok(())
}
