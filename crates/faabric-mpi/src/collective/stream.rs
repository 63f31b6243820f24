//! A caller's buffer seen as its packed stream.
//!
//! ```text
//! stream     |0123456789......|        offsets that schedules count in
//! pieces     [  0  ][ 1 ][ 2  ]        one for a plain buffer, one a block for the
//!                                      v-variants
//! memory     ..0.....2....1....        each at its own address with its own type
//! ```
//! Most slices of a schedule name whole elements of one piece: those move straight
//! from and to the caller's memory. Only when one does not (a broadcast that cuts an
//! element, a run of scattered blocks) is the buffer staged: packed into host memory
//! before the operation and unpacked after it.

use super::schedule::{Place, Schedule};
use crate::datatype::{Datatype, Primitive};
use crate::error::Result;
use crate::memory::{self, Addr, HostBuffer};
use crate::p2p::Data;
use crate::scratch::Scratch;
use std::sync::Arc;

/// One stretch of the stream.
#[derive(Clone)]
struct Piece {
    start: u64,
    len: u64,
    data: Data,
}

/// A typed buffer, or a list of them, as one stream of packed bytes.
#[derive(Clone, Default)]
pub(crate) struct Stream {
    pieces: Vec<Piece>,
}

impl Stream {
    /// The buffers, one after the other.
    pub(crate) fn new(buffers: impl IntoIterator<Item = Data>) -> Result<Stream> {
        let mut end = 0;
        let mut pieces = Vec::new();
        for data in buffers {
            let len = data
                .datatype
                .bytes(i64::try_from(data.count).unwrap_or(i64::MAX))?;
            if len > 0 {
                pieces.push(Piece {
                    start: end,
                    len,
                    data,
                });
                end += len;
            }
        }
        Ok(Stream { pieces })
    }

    /// `len` bytes of host memory.
    pub(crate) fn host(buffer: Arc<HostBuffer>, len: u64) -> Stream {
        let data = Data {
            memory: buffer,
            addr: Addr(0),
            count: len,
            datatype: byte(),
        };
        Stream {
            pieces: vec![Piece {
                start: 0,
                len,
                data,
            }],
        }
    }

    pub(crate) fn len(&self) -> u64 {
        self.pieces
            .last()
            .map_or(0, |piece| piece.start + piece.len)
    }

    /// The caller's memory that holds `len` bytes at `offset`, when that is whole
    /// elements of one piece.
    pub(crate) fn locate(&self, offset: u64, len: u64) -> Option<Data> {
        if len == 0 {
            return Some(self.nothing());
        }
        let at = self
            .pieces
            .partition_point(|piece| piece.start <= offset)
            .checked_sub(1)?;
        let piece = &self.pieces[at];
        let within = offset - piece.start;
        if within + len > piece.len {
            return None;
        }
        let (data, datatype) = (&piece.data, &piece.data.datatype);
        if within == 0 && len == piece.len {
            return Some(data.clone());
        }
        if let Some(run) = datatype.run_offset() {
            let offset = run.wrapping_add_unsigned(within);
            return Some(Data {
                memory: Arc::clone(&data.memory),
                addr: memory::place(&*data.memory, data.addr, offset),
                count: len,
                datatype: byte(),
            });
        }
        let size = datatype.size();
        if !within.is_multiple_of(size) || !len.is_multiple_of(size) {
            return None;
        }
        let skip = i64::try_from(within / size)
            .ok()?
            .checked_mul(datatype.extent())?;
        Some(Data {
            memory: Arc::clone(&data.memory),
            addr: memory::place(&*data.memory, data.addr, skip),
            count: len / size,
            datatype: Arc::clone(datatype),
        })
    }

    /// A message without data.
    fn nothing(&self) -> Data {
        let memory: Arc<dyn crate::memory::Memory> = match self.pieces.first() {
            Some(piece) => Arc::clone(&piece.data.memory),
            None => Arc::new(HostBuffer::zeroed(0)),
        };
        Data {
            memory,
            addr: Addr(0),
            count: 0,
            datatype: byte(),
        }
    }

    /// Can `schedule` run on the caller's memory itself? What is reduced must lie in
    /// one run of bytes besides.
    pub(crate) fn serves(&self, schedule: &Schedule, place: Place) -> bool {
        // The common case first: one piece without gaps can be cut anywhere.
        if let [piece] = self.pieces.as_slice()
            && piece.data.datatype.run_offset().is_some()
        {
            return true;
        }
        schedule
            .slices(place)
            .all(|slice| self.locate(slice.offset, slice.len).is_some())
            && schedule.reduced(place).all(|slice| {
                self.locate(slice.offset, slice.len)
                    .is_some_and(|data| data.datatype.run_offset().is_some())
            })
    }

    /// Packs the whole stream into host memory.
    pub(crate) fn pack(&self) -> Result<Arc<HostBuffer>> {
        let mut bytes = scratch(self.len())?;
        for piece in &self.pieces {
            let data = &piece.data;
            let out = &mut bytes[piece.start as usize..(piece.start + piece.len) as usize];
            data.datatype
                .pack(&*data.memory, data.addr, data.count, out)?;
        }
        Ok(Arc::new(HostBuffer::from(bytes)))
    }

    /// Unpacks what `pack` made, and the operation changed.
    pub(crate) fn unpack(&self, staged: &HostBuffer) -> Result<()> {
        for piece in &self.pieces {
            let data = &piece.data;
            staged.with(|bytes| {
                let from = &bytes[piece.start as usize..(piece.start + piece.len) as usize];
                data.datatype
                    .unpack(&*data.memory, data.addr, data.count, from)
            })?;
        }
        Ok(())
    }
}

/// The datatype of packed bytes.
pub(crate) fn byte() -> Arc<Datatype> {
    Datatype::named(Primitive::BYTE)
}

/// Bytes for what is neither input nor output, to be written before they are read.
///
/// # Errors
/// As [`Scratch::unset`].
pub(crate) fn scratch(len: u64) -> Result<Scratch> {
    Scratch::unset(len, "the intermediate data of a collective")
}
