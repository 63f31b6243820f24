//! A file view (MPI 4.1, section 14.3): which bytes of a file a rank sees, in what order.
//!
//! ```text
//!          disp    tile          tile          tile
//! file   |......|AA..BB......|AA..BB......|AA..BB......      one filetype after another
//! view          |AABB|AABB|AABB ...                          positions: bytes of the view
//! ```
//! A position is all the state that a transfer has. The walk from positions to offsets is
//! that of a message's datatype; back again it is a division and a search in one tile.

use super::representation::Representation;
use crate::datatype::{Ascent, Datatype, Primitive};
use crate::error::{Class, Error, Result};
use std::sync::Arc;

/// One rank's view of a file. Never changes: `MPI_File_set_view` makes another.
#[derive(Clone, Debug)]
pub(super) struct View {
    /// Where the first tile begins, in bytes.
    pub(super) disp: i64,
    /// The unit of offsets, as the program gave it.
    pub(super) etype: Arc<Datatype>,
    /// As the program gave it.
    pub(super) filetype: Arc<Datatype>,
    /// How data are represented in the file.
    pub(super) representation: Representation,
    /// The filetype, with the sizes that values have in the file.
    tile: Arc<Datatype>,
    ascent: Ascent,
    /// Bytes of an etype in the file, at least 1.
    unit: u64,
}

impl View {
    /// What every file has at first: all of it, as bytes.
    pub(super) fn whole() -> Result<View> {
        let byte = Datatype::named(Primitive::BYTE);
        let (etype, filetype) = (Arc::clone(&byte), Arc::clone(&byte));
        let sizes = (Arc::clone(&byte), Arc::clone(&byte));
        View::new(0, etype, filetype, Representation::Native, sizes, true)
    }

    /// A view; `in_file` is `etype` and `filetype` with the sizes that values have in the
    /// file.
    ///
    /// # Errors
    /// `MPI_ERR_ARG` for a negative displacement, or types of which one has no data or the
    /// other not a whole number; `MPI_ERR_IO` for types whose displacements go back, or
    /// that see a byte twice in a file that is `writable`.
    pub(super) fn new(
        disp: i64,
        etype: Arc<Datatype>,
        filetype: Arc<Datatype>,
        representation: Representation,
        in_file: (Arc<Datatype>, Arc<Datatype>),
        writable: bool,
    ) -> Result<View> {
        let argument = |message: String| Err(Error::new(Class::ARG, message));
        if disp < 0 {
            return argument(format!("disp: {disp} is negative"));
        }
        let (unit, tile) = (in_file.0.size(), in_file.1);
        if unit == 0 {
            return argument("etype: it has no data".to_owned());
        }
        if !tile.size().is_multiple_of(unit) {
            return argument(format!(
                "filetype: its {} bytes are not a whole number of etypes of {unit} bytes",
                tile.size()
            ));
        }
        let wrong = |why| Error::new(Class::IO, format!("filetype: {why}"));
        let ascent = tile.ascent()?.tiled(tile.extent());
        let ascent = ascent.ok_or_else(|| wrong("one begins before the end of the one before"))?;
        if writable && !(ascent.disjoint && in_file.0.ascent()?.disjoint) {
            return Err(wrong(
                "it or the etype has bytes twice, and the file can be written",
            ));
        }
        in_file.0.ascent()?;
        Ok(View {
            disp,
            etype,
            filetype,
            representation,
            tile,
            ascent,
            unit,
        })
    }

    /// Bytes of an etype in the file.
    pub(super) fn unit(&self) -> u64 {
        self.unit
    }

    /// Whether no byte of the file is seen twice.
    pub(super) fn is_disjoint(&self) -> bool {
        self.ascent.disjoint
    }

    /// About how many runs `len` bytes of the view are.
    pub(super) fn runs_in(&self, len: u64) -> u64 {
        if self.tile.run_offset().is_some() {
            return 1;
        }
        let size = u128::from(self.tile.size().max(1));
        let runs = u128::from(self.ascent.runs) * u128::from(len) / size;
        u64::try_from(runs).unwrap_or(u64::MAX).max(1)
    }

    /// The position of etype `offset`.
    ///
    /// # Errors
    /// `MPI_ERR_ARG` when it is negative or farther than 64 bits count.
    pub(super) fn position(&self, offset: i64) -> Result<u64> {
        let position = u64::try_from(offset)
            .ok()
            .and_then(|offset| offset.checked_mul(self.unit))
            .filter(|&position| position <= i64::MAX as u64);
        position.ok_or_else(|| {
            Error::new(
                Class::ARG,
                format!("offset: {offset} is negative or too large"),
            )
        })
    }

    /// How many etypes `len` bytes are.
    ///
    /// # Errors
    /// `MPI_ERR_IO` when they are not a whole number.
    pub(super) fn units(&self, len: u64) -> Result<i64> {
        if !len.is_multiple_of(self.unit) {
            return Err(Error::new(
                Class::IO,
                format!(
                    "{len} bytes are accessed, which is not a whole number of etypes of {} bytes",
                    self.unit
                ),
            ));
        }
        Ok((len / self.unit) as i64)
    }

    /// Checks that all bytes from `position` to `position + len` have an offset.
    ///
    /// # Errors
    /// `MPI_ERR_ARG` when one would be beyond 2^63; `MPI_ERR_IO` when the view has no
    /// bytes at all.
    pub(super) fn check(&self, position: u64, len: u64) -> Result<()> {
        if len == 0 {
            return Ok(());
        }
        let size = self.tile.size();
        if size == 0 {
            return Err(Error::new(
                Class::IO,
                "the filetype of the view has no data: nothing can be accessed",
            ));
        }
        let beyond = || Error::new(Class::ARG, "the access goes beyond 2^63 bytes");
        let end = position.checked_add(len).ok_or_else(beyond)?;
        let tiles = end.div_ceil(size);
        let (_, last) = self.tile.span(tiles).map_err(|_| beyond())?;
        self.disp.checked_add(last).map(|_| ()).ok_or_else(beyond)
    }

    /// Calls `f` with offset and length of each run of the bytes from `position` to
    /// `position + len`, which [`View::check`] accepted, neighbours merged.
    pub(super) fn runs<E>(
        &self,
        position: u64,
        len: u64,
        mut f: impl FnMut(u64, u64) -> Result<(), E>,
    ) -> Result<(), E> {
        if let Some(run) = self.tile.run_offset() {
            let offset = self.disp.wrapping_add(run) as u64 + position;
            return if len == 0 { Ok(()) } else { f(offset, len) };
        }
        let mut pending = (0, 0);
        self.tile.visit_packed(position, len, |at, len| {
            let offset = self.disp.wrapping_add(at) as u64;
            if pending.1 > 0 && pending.0 + pending.1 == offset {
                pending.1 += len;
                return Ok(());
            }
            let done = std::mem::replace(&mut pending, (offset, len));
            if done.1 > 0 {
                f(done.0, done.1)
            } else {
                Ok(())
            }
        })?;
        if pending.1 > 0 {
            f(pending.0, pending.1)?;
        }
        Ok(())
    }

    /// Where in the file the byte at `position` is.
    pub(super) fn offset_of(&self, position: u64) -> Result<u64> {
        if self.tile.size() == 0 {
            return Ok(self.disp as u64);
        }
        self.check(position, 1)?;
        let mut found = 0;
        let _: Result<(), ()> = self.runs(position, 1, |offset, _| {
            found = offset;
            Ok(())
        });
        Ok(found)
    }

    /// How many bytes of the view lie before `offset` of the file.
    pub(super) fn position_of(&self, offset: u64) -> u64 {
        let size = self.tile.size();
        let start = self.disp as u64 + self.ascent.first as u64;
        let Some(beyond) = offset.checked_sub(start).filter(|_| size > 0) else {
            return 0;
        };
        if self.tile.run_offset().is_some() {
            return beyond;
        }
        let tile = match u64::try_from(self.tile.extent()) {
            Ok(extent) if extent > 0 => beyond / extent,
            _ => 0,
        };
        // Later tiles begin behind the offset, earlier ones end before it: what is left
        // is to find the first byte of this one that is not before the offset.
        let Some(first) = tile.checked_mul(size) else {
            return i64::MAX as u64;
        };
        let (mut low, mut high) = (first, first.saturating_add(size));
        while low < high {
            let middle = low + (high - low) / 2;
            match self.offset_of(middle) {
                Ok(at) if at < offset => low = middle + 1,
                _ => high = middle,
            }
        }
        low
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    /// Ints at 1 and 4 of every six, from byte 10 on.
    fn view() -> View {
        let int = Datatype::named(Primitive::from_handle(crate::abi::MPI_INT).unwrap());
        let blocks = [(1, 4, Arc::clone(&int)), (1, 16, Arc::clone(&int))];
        let tile = Datatype::structure(&blocks).unwrap();
        let tile = Datatype::resized(0, 24, &tile).unwrap();
        let types = (Arc::clone(&int), Arc::clone(&tile));
        View::new(10, int, tile, Representation::Native, types, true).unwrap()
    }

    #[test]
    fn positions_and_offsets_are_each_others_inverse() {
        let view = view();
        let mut places = Vec::new();
        for position in 0..40 {
            let offset = view.offset_of(position).unwrap();
            let (tile, within) = (position / 8, position % 8);
            let start = if within < 4 { 4 } else { 12 };
            assert_eq!(
                offset,
                10 + tile * 24 + start + within,
                "position {position}"
            );
            assert_eq!(view.position_of(offset), position);
            places.push(offset);
        }
        for offset in 0..100 {
            let before = places.iter().filter(|&&place| place < offset).count();
            assert_eq!(view.position_of(offset), before as u64, "offset {offset}");
        }
    }

    #[test]
    fn runs_are_merged_and_cut() {
        let view = view();
        let mut runs = Vec::new();
        let seen: Result<(), ()> = view.runs(2, 11, |offset, len| {
            runs.push((offset, len));
            Ok(())
        });
        assert_eq!(seen, Ok(()));
        assert_eq!(runs, [(16, 2), (26, 4), (38, 4), (50, 1)]);
        assert_eq!(view.runs_in(16), 4);
        assert!(view.is_disjoint());
        let whole = View::whole().unwrap();
        assert_eq!(whole.runs_in(1 << 40), 1);
        assert_eq!(whole.position_of(77), 77);
    }

    #[test]
    fn what_lies_beyond_64_bits_is_refused() {
        let view = view();
        assert_eq!(view.position(-1).unwrap_err().class, Class::ARG);
        assert_eq!(view.position(i64::MAX).unwrap_err().class, Class::ARG);
        let far = view.position(i64::MAX / 8).unwrap();
        assert_eq!(view.check(far, 8).unwrap_err().class, Class::ARG);
        assert_eq!(view.check(u64::MAX, 2).unwrap_err().class, Class::ARG);
        assert!(view.check(0, 1 << 40).is_ok());
        let whole = View::whole().unwrap();
        assert!(whole.check(i64::MAX as u64 - 1, 1).is_ok());
        assert!(whole.check(i64::MAX as u64, 1).is_err());
    }

    #[test]
    fn types_that_go_back_or_overlap_are_told_apart() {
        let int = Datatype::named(Primitive::from_handle(crate::abi::MPI_INT).unwrap());
        let make = |offsets: [i64; 2], extent, writable| {
            let blocks = offsets.map(|at| (1, at, Arc::clone(&int)));
            let tile = Datatype::structure(&blocks).unwrap();
            let tile = Datatype::resized(0, extent, &tile).unwrap();
            let types = (Arc::clone(&int), Arc::clone(&tile));
            View::new(
                0,
                Arc::clone(&int),
                tile,
                Representation::Native,
                types,
                writable,
            )
        };
        let class = |made: Result<View>| made.map(|_| ()).unwrap_err().class;
        for writable in [false, true] {
            assert_eq!(class(make([8, 0], 12, writable)), Class::IO);
            assert_eq!(class(make([-4, 4], 8, writable)), Class::IO);
            assert_eq!(class(make([0, 8], 4, writable)), Class::IO, "the next tile");
            assert!(make([0, 4], 8, writable).unwrap().is_disjoint());
        }
        assert!(!make([0, 2], 8, false).unwrap().is_disjoint());
        assert_eq!(class(make([0, 2], 8, true)), Class::IO);
        assert_eq!(class(make([0, 8], 8, true)), Class::IO, "tiles overlap");
    }
}
