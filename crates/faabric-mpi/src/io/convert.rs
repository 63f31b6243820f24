//! One rank's transfer where values look different in the file than in memory.
//!
//! Values are converted one after another into a stage of bounded size, which is written
//! to or filled from the file as bytes.

use super::representation::{Extents, Registered};
use super::storage::Storage;
use super::transfer::{Reader, STAGE, stage, write_bytes};
use super::view::View;
use crate::data::Data;
use crate::error::{Class, Error, Result};
use crate::guest::{Guest, GuestFn};
use crate::handle::TypeHandle;
use crate::rank::Rank;
use crate::scratch::Scratch;

/// Bytes of guest memory that the program's conversion functions work on at a time.
const SCRATCH: u64 = 4096;

/// Writes `data`, which takes up `len` bytes in the file, as "external32".
pub(super) fn write_external(
    storage: &dyn Storage,
    view: &View,
    mut position: u64,
    data: &Data,
    len: u64,
) -> Result<()> {
    let mut stage = stage(len)?;
    let mut used = 0;
    let pack = |piece: &[u8]| {
        if used + piece.len() > stage.len() {
            write_bytes(storage, view, position, &stage[..used])?;
            position += used as u64;
            used = 0;
        }
        stage[used..used + piece.len()].copy_from_slice(piece);
        used += piece.len();
        Ok(())
    };
    let (memory, count) = (&*data.memory, data.count);
    data.datatype
        .pack_external(memory, data.addr, count, pack)?;
    write_bytes(storage, view, position, &stage[..used])
}

/// Fills `data` from `len` bytes of "external32" in the file; gives how many values there
/// were.
pub(super) fn read_external(
    storage: &dyn Storage,
    view: &View,
    position: u64,
    data: &Data,
    len: u64,
) -> Result<u64> {
    let mut bytes = Bytes::new(storage, view, position, len)?;
    let mut values = 0;
    let mut ended = false;
    let unpack = |piece: &mut [u8]| {
        ended = !bytes.take(piece)?;
        if ended {
            return Err(Error::new(Class::IO, "the file ends"));
        }
        values += 1;
        Ok(())
    };
    let (memory, count) = (&*data.memory, data.count);
    let unpacked = data
        .datatype
        .unpack_external(memory, data.addr, count, unpack);
    match unpacked {
        Err(_) if ended => Ok(values),
        unpacked => unpacked.map(|()| values),
    }
}

/// Bytes of the file in order, read ahead in stages.
struct Bytes<'a> {
    storage: &'a dyn Storage,
    view: &'a View,
    /// Of the next byte that is not in the stage.
    position: u64,
    /// Bytes behind it that may be wanted.
    left: u64,
    reader: Reader,
    stage: Scratch,
    used: usize,
    filled: usize,
}

impl<'a> Bytes<'a> {
    fn new(
        storage: &'a dyn Storage,
        view: &'a View,
        position: u64,
        left: u64,
    ) -> Result<Bytes<'a>> {
        Ok(Bytes {
            storage,
            view,
            position,
            left,
            reader: Reader::default(),
            stage: stage(left)?,
            used: 0,
            filled: 0,
        })
    }

    /// Fills `out`; false when the file has not so many bytes left.
    fn take(&mut self, out: &mut [u8]) -> Result<bool> {
        let mut done = 0;
        while done < out.len() {
            if self.used == self.filled && !self.refill()? {
                return Ok(false);
            }
            let n = (out.len() - done).min(self.filled - self.used);
            out[done..done + n].copy_from_slice(&self.stage[self.used..self.used + n]);
            self.used += n;
            done += n;
        }
        Ok(true)
    }

    fn refill(&mut self) -> Result<bool> {
        let want = self.left.min(STAGE) as usize;
        let stage = &mut self.stage[..want];
        let got = self
            .reader
            .read(self.storage, self.view, self.position, stage)?;
        self.position += got;
        // A short read is the end of the file.
        self.left = if got < want as u64 {
            0
        } else {
            self.left - got
        };
        (self.used, self.filled) = (0, got as usize);
        Ok(got > 0)
    }
}

/// A transfer in a representation that the program registered.
pub(super) struct Conversion<'a> {
    pub(super) rank: &'a Rank,
    pub(super) storage: &'a dyn Storage,
    pub(super) view: &'a View,
    pub(super) registered: &'a Registered,
    pub(super) data: &'a Data,
    /// The guest's name of the data's type.
    pub(super) datatype: TypeHandle,
}

impl Conversion<'_> {
    /// Writes the data from `position` on.
    pub(super) fn write(&self, guest: &mut dyn Guest, mut position: u64) -> Result<()> {
        self.in_groups(guest, self.registered.write, |run, group| {
            run.convert(group)?;
            let mut bytes = vec![0; group.bytes as usize];
            let at = run.guest.scratch(SCRATCH)?;
            self.rank.memory.read(at, &mut bytes)?;
            write_bytes(self.storage, self.view, position, &bytes)?;
            position += group.bytes;
            Ok(true)
        })
        .map(|_| ())
    }

    /// Fills the data from the `len` bytes at `position`; gives how many values there were.
    pub(super) fn read(&self, guest: &mut dyn Guest, position: u64, len: u64) -> Result<u64> {
        let mut bytes = Bytes::new(self.storage, self.view, position, len)?;
        self.in_groups(guest, self.registered.read, |run, group| {
            let mut values = 0;
            let mut filled = Vec::with_capacity(group.bytes as usize);
            for &(size, n) in &group.sizes {
                for _ in 0..n {
                    let at = filled.len();
                    filled.resize(at + size as usize, 0);
                    if !bytes.take(&mut filled[at..])? {
                        filled.truncate(at);
                        break;
                    }
                    values += 1;
                }
            }
            let whole = values == group.values;
            let at = run.guest.scratch(SCRATCH)?;
            self.rank.memory.write(at, &filled)?;
            run.convert(&Group {
                values,
                ..group.clone()
            })?;
            run.converted += values;
            Ok(whole)
        })
    }

    /// Calls `f` for groups of values that fit the scratch memory, until it says that there
    /// are no more; gives how many values were read.
    fn in_groups(
        &self,
        guest: &mut dyn Guest,
        function: GuestFn,
        mut f: impl FnMut(&mut Running<'_, '_>, &Group) -> Result<bool>,
    ) -> Result<u64> {
        // Room for the largest group first: scratch memory that grows moves.
        guest.scratch(SCRATCH)?;
        let mut extents = Extents::new(self.registered);
        let mut run = Running {
            conversion: self,
            guest,
            function,
            converted: 0,
        };
        let mut group = Group::default();
        let mut ended = false;
        let each = self
            .data
            .datatype
            .each_element(self.data.count, |primitive| {
                let size = extents.of(self.rank, run.guest, primitive)?;
                if size > SCRATCH {
                    return Err(Error::new(
                        Class::CONVERSION,
                        format!("a value of {size} bytes in the file is longer than {SCRATCH}"),
                    ));
                }
                if group.bytes + size > SCRATCH {
                    ended = !f(&mut run, &group)?;
                    group = group.next();
                    if ended {
                        return Err(Error::new(Class::IO, "the file ends"));
                    }
                }
                group.push(size);
                Ok(())
            });
        match each {
            Err(_) if ended => {}
            each => {
                each?;
                if group.values > 0 {
                    f(&mut run, &group)?;
                }
            }
        }
        Ok(run.converted)
    }
}

/// Values that are converted in one call.
#[derive(Clone, Default)]
struct Group {
    /// Values before them.
    before: u64,
    values: u64,
    /// Their bytes in the file.
    bytes: u64,
    /// The size of each value there, and how many have it.
    sizes: Vec<(u64, u64)>,
}

impl Group {
    fn push(&mut self, size: u64) {
        self.values += 1;
        self.bytes += size;
        match self.sizes.last_mut() {
            Some((last, n)) if *last == size => *n += 1,
            _ => self.sizes.push((size, 1)),
        }
    }

    fn next(&self) -> Group {
        Group {
            before: self.before + self.values,
            ..Group::default()
        }
    }
}

struct Running<'a, 'g> {
    conversion: &'a Conversion<'a>,
    guest: &'g mut dyn Guest,
    function: GuestFn,
    converted: u64,
}

impl Running<'_, '_> {
    fn convert(&mut self, group: &Group) -> Result<()> {
        let Conversion {
            registered,
            data,
            datatype,
            ..
        } = *self.conversion;
        let file = self.guest.scratch(SCRATCH)?;
        let user = (data.addr, datatype);
        registered.convert(
            self.guest,
            self.function,
            user,
            group.values,
            file,
            group.before,
        )
    }
}
