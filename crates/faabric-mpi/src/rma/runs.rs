//! Where the bytes of a transfer lie at the target, as it travels: runs of bytes, those
//! of equal length at equal distances as one record.
//!
//! ```text
//! vector(3 blocks of 2, stride 4, int):   one Run { offset 0, len 8, stride 16, count 3 }
//! wire:   | offset | len | stride | count |  8 bytes each, little-endian
//! ```
//! Runs are all that the target has to know of a datatype, so a target needs no copy of
//! the origin's types, and what comes from a link is checked by comparing a few numbers
//! with the window's bounds. A transfer is cut into [`Pieces`], which bounds what a
//! worker has to hold of it.

use crate::datatype::{Datatype, Segment, Segments};
use std::ops::Range;

/// Equal runs of bytes at equal distances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// Where the first begins, in bytes from the window's base (from address 0, in a
    /// dynamic window).
    pub(crate) offset: i64,
    /// Bytes of each.
    pub(crate) len: u64,
    /// Bytes from the start of one to that of the next.
    pub(crate) stride: i64,
    /// How many, at least 1.
    pub(crate) count: u64,
}

/// Bytes of a run in a packet.
pub(crate) const RECORD: usize = 32;

/// The most runs of a piece, beside the few that end an element.
const MOST_RUNS: usize = 1024;

impl Run {
    fn one(segment: Segment) -> Run {
        Run {
            offset: segment.offset,
            len: segment.len,
            stride: 0,
            count: 1,
        }
    }

    /// Where the `i`-th begins. Wraps around, like a sum that [`Run::span`] refuses.
    fn at(&self, i: u64) -> i64 {
        self.offset.wrapping_add(self.stride.wrapping_mul(i as i64))
    }

    /// Bytes of all of them; none when 64 bits do not count them.
    pub(crate) fn bytes(&self) -> Option<u64> {
        self.len.checked_mul(self.count)
    }

    /// From the first byte to beyond the last, whatever the sign of the stride.
    pub(crate) fn span(&self) -> Range<i128> {
        let first = i128::from(self.offset);
        let last = first + i128::from(self.stride) * i128::from(self.count.saturating_sub(1));
        first.min(last)..first.max(last) + i128::from(self.len)
    }

    /// Where each begins.
    pub(crate) fn offsets(&self) -> impl Iterator<Item = i64> + use<> {
        let run = *self;
        (0..run.count).map(move |i| run.at(i))
    }

    /// Takes in a run that follows, if the result is one record.
    fn extend(&mut self, next: Segment) -> bool {
        let follows = self.offset.checked_add_unsigned(self.len) == Some(next.offset);
        if self.count == 1 && follows {
            self.len += next.len;
        } else if next.len != self.len {
            return false;
        } else if self.count == 1 {
            let Some(stride) = next.offset.checked_sub(self.offset) else {
                return false;
            };
            self.stride = stride;
            self.count = 2;
        } else if self.at(self.count) == next.offset {
            self.count += 1;
        } else {
            return false;
        }
        true
    }
}

/// Appends the runs as they travel.
pub(crate) fn encode(runs: &[Run], out: &mut Vec<u8>) {
    for run in runs {
        out.extend_from_slice(&run.offset.to_le_bytes());
        out.extend_from_slice(&run.len.to_le_bytes());
        out.extend_from_slice(&run.stride.to_le_bytes());
        out.extend_from_slice(&run.count.to_le_bytes());
    }
}

/// The first `count` runs of a payload, the bytes that they are in all, and what follows
/// them in the payload. None when they are not there, or too many bytes to count.
pub(crate) fn decode(payload: &[u8], count: u32) -> Option<(Vec<Run>, u64, &[u8])> {
    let len = (count as usize).checked_mul(RECORD)?;
    let (records, rest) = payload.split_at_checked(len)?;
    let mut runs = Vec::with_capacity(count as usize);
    let mut total = 0u64;
    for record in records.as_chunks::<RECORD>().0 {
        let word = |i: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&record[8 * i..8 * i + 8]);
            u64::from_le_bytes(bytes)
        };
        let run = Run {
            offset: word(0) as i64,
            len: word(1),
            stride: word(2) as i64,
            count: word(3),
        };
        // No run is empty: so they are no more than their bytes.
        total = total.checked_add(run.bytes().filter(|&bytes| bytes > 0)?)?;
        runs.push(run);
    }
    Some((runs, total, rest))
}

/// A piece of a transfer: its place in the packed data, and in the target's window.
#[derive(Clone, Debug, Default)]
pub(crate) struct Piece {
    /// Its first packed byte.
    pub(crate) position: u64,
    /// Its bytes.
    pub(crate) len: u64,
    /// Where they lie.
    pub(crate) runs: Vec<Run>,
}

/// Cuts a transfer into pieces.
pub(crate) struct Pieces<'a> {
    segments: Segments<'a>,
    /// What of the last segment no piece has yet.
    rest: Segment,
    /// Where the buffer begins, in bytes from the window's base.
    base: i64,
    position: u64,
    len: u64,
    /// Bytes of an element that must not be cut.
    unit: u64,
    most: u64,
}

impl<'a> Pieces<'a> {
    /// The first `len` packed bytes of `count` elements at `base`, in pieces of about
    /// `most` bytes and whole elements of `unit` bytes. `len` must be a multiple of
    /// `unit`, and no more than there are.
    pub(crate) fn new(
        datatype: &'a Datatype,
        count: u64,
        base: i64,
        len: u64,
        unit: u64,
        most: u64,
    ) -> Pieces<'a> {
        let unit = unit.max(1);
        Pieces {
            segments: datatype.segments(count),
            rest: Segment::default(),
            base,
            position: 0,
            len,
            unit,
            most: (most - most % unit).max(unit),
        }
    }

    /// How many bytes of the next run the piece takes; none when it is full.
    fn room(&self, piece: &Piece) -> u64 {
        let left = (self.len - piece.position).min(self.most) - piece.len;
        if piece.runs.len() < MOST_RUNS {
            return left;
        }
        match piece.len % self.unit {
            0 => 0,
            begun => self.unit - begun,
        }
    }
}

impl Iterator for Pieces<'_> {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        let mut piece = Piece {
            position: self.position,
            ..Piece::default()
        };
        loop {
            let room = self.room(&piece);
            if room == 0 {
                break;
            }
            if self.rest.len == 0 {
                let Some(next) = self.segments.next() else {
                    break;
                };
                self.rest = Segment {
                    offset: next.offset.wrapping_add(self.base),
                    len: next.len,
                };
            }
            let taken = Segment {
                len: self.rest.len.min(room),
                ..self.rest
            };
            self.rest.offset = self.rest.offset.wrapping_add_unsigned(taken.len);
            self.rest.len -= taken.len;
            piece.len += taken.len;
            let last = piece.runs.last_mut();
            if !last.is_some_and(|last| last.extend(taken)) {
                piece.runs.push(Run::one(taken));
            }
        }
        self.position += piece.len;
        (piece.len > 0).then_some(piece)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::datatype::Primitive;
    use proptest::prelude::*;
    use std::sync::Arc;

    fn bytes_of(runs: &[Run]) -> Vec<i64> {
        let run = |run: &Run| {
            let len = run.len as i64;
            run.offsets()
                .flat_map(move |at| at..at + len)
                .collect::<Vec<_>>()
        };
        runs.iter().flat_map(run).collect()
    }

    fn int() -> Arc<Datatype> {
        Datatype::named(Primitive::INT)
    }

    fn datatype() -> impl Strategy<Value = Arc<Datatype>> {
        let block = (0..5i64, -40..40i64);
        prop_oneof![
            (0..6i64, 0..4i64, -5..6i64)
                .prop_map(|(n, len, stride)| { Datatype::vector(n, len, stride, &int()).unwrap() }),
            prop::collection::vec(block, 0..8).prop_map(|blocks| {
                let blocks: Vec<_> = blocks.into_iter().map(|(n, at)| (n, at, int())).collect();
                Datatype::structure(&blocks).unwrap()
            }),
            Just(Datatype::predefined(crate::abi::MPI_SHORT_INT).unwrap()),
        ]
    }

    proptest! {
        #[test]
        fn pieces_are_the_bytes_of_the_type_in_order(
            datatype in datatype(), count in 0..5u64, base in -9..9i64, most in 1..40u64, unit in 1..3u64,
        ) {
            let unit = if unit == 1 { 1 } else { datatype.primitive().map_or(1, Primitive::size) };
            let len = datatype.size() * count;
            let mut expected = Vec::new();
            for segment in datatype.segments(count) {
                let from = segment.offset + base;
                expected.extend(from..from + segment.len as i64);
            }
            let mut found = Vec::new();
            for piece in Pieces::new(&datatype, count, base, len, unit, most) {
                prop_assert_eq!(piece.position, found.len() as u64);
                prop_assert_eq!(piece.len % unit, 0);
                prop_assert!(piece.len <= most.max(unit));
                let mut wire = Vec::new();
                encode(&piece.runs, &mut wire);
                wire.push(7);
                let (runs, total, rest) = decode(&wire, piece.runs.len() as u32).unwrap();
                prop_assert_eq!(&runs, &piece.runs);
                prop_assert_eq!((total, rest), (piece.len, &[7u8][..]));
                for run in &runs {
                    let bytes = bytes_of(&[*run]);
                    let span = run.span();
                    prop_assert_eq!(span.start, i128::from(*bytes.iter().min().unwrap()));
                    prop_assert_eq!(span.end, i128::from(*bytes.iter().max().unwrap()) + 1);
                }
                found.extend(bytes_of(&runs));
            }
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn garbage_is_no_run(bytes in prop::collection::vec(any::<u8>(), 0..200), count: u32) {
            let _ = decode(&bytes, count);
        }
    }

    #[test]
    fn a_vector_is_one_record() {
        let vector = Datatype::vector(1000, 2, 4, &int()).unwrap();
        let mut pieces = Pieces::new(&vector, 1, 8, 8000, 1, 1 << 20);
        let piece = pieces.next().unwrap();
        assert_eq!(piece.runs.len(), 1);
        assert_eq!(piece.runs[0].count, 1000);
        assert!(pieces.next().is_none());
    }

    #[test]
    fn a_transfer_of_many_runs_is_cut_between_elements() {
        let scattered: Vec<_> = (0..3000)
            .map(|i| {
                (
                    1,
                    i * i * 8,
                    Datatype::predefined(crate::abi::MPI_SHORT_INT).unwrap(),
                )
            })
            .collect();
        let datatype = Datatype::structure(&scattered).unwrap();
        let len = datatype.size();
        let pieces: Vec<_> = Pieces::new(&datatype, 1, 0, len, 6, 1 << 20).collect();
        assert!(pieces.len() > 1);
        assert!(
            pieces
                .iter()
                .all(|p| p.len % 6 == 0 && p.runs.len() <= MOST_RUNS + 2)
        );
        assert_eq!(pieces.iter().map(|p| p.len).sum::<u64>(), len);
    }
}
