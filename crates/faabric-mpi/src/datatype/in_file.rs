//! Datatypes as file views use them (MPI 4.1, section 14.3): in what order their runs
//! lie, and what they become where basic elements have other sizes than in memory.

use super::layout::Node;
use super::{Counts, Datatype, Primitive};
use crate::error::{Class, Error, Result};
use std::collections::HashMap;
use std::sync::Arc;

/// The most runs that are looked at to find a type's order: a bound on the time that a
/// guest can make the worker spend on types whose parts share parts.
const MAX_STEPS: u64 = 1 << 26;

/// Runs that each begin no earlier than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ascent {
    /// Where the first run begins, in bytes from the type's origin.
    pub(crate) first: i64,
    /// Where the last one begins.
    last: i64,
    /// Where the one that reaches farthest ends.
    end: i64,
    /// No byte is in two runs.
    pub(crate) disjoint: bool,
    /// How many runs.
    pub(crate) runs: u64,
}

impl Ascent {
    fn run(offset: i64, len: u64) -> Ascent {
        Ascent {
            first: offset,
            last: offset,
            end: offset.wrapping_add_unsigned(len),
            disjoint: true,
            runs: 1,
        }
    }

    fn shifted(mut self, by: i64) -> Ascent {
        for offset in [&mut self.first, &mut self.last, &mut self.end] {
            *offset = offset.wrapping_add(by);
        }
        self
    }

    /// The same, known to be disjoint only if elements `extent` bytes apart share no byte
    /// either; none if the second such element goes back behind the first.
    pub(crate) fn tiled(self, extent: i64) -> Option<Ascent> {
        let two = self.then(self.shifted(extent))?;
        Some(Ascent {
            disjoint: two.disjoint,
            ..self
        })
    }

    /// These runs and then those of `next`; none if they go back.
    fn then(self, next: Ascent) -> Option<Ascent> {
        (next.first >= self.last).then(|| Ascent {
            first: self.first,
            last: next.last,
            end: self.end.max(next.end),
            disjoint: self.disjoint && next.disjoint && next.first >= self.end,
            runs: self.runs.saturating_add(next.runs),
        })
    }

    /// These runs at 0, `stride`, ...; none if they go back.
    fn repeated(self, count: u64, stride: i64) -> Option<Ascent> {
        if count <= 1 {
            return Some(self);
        }
        // Each repetition is to the one before as the second is to the first.
        let two = self.then(self.shifted(stride))?;
        let by = stride.wrapping_mul(count as i64 - 1);
        Some(Ascent {
            disjoint: two.disjoint,
            runs: self.runs.saturating_mul(count),
            ..self.then(self.shifted(by))?
        })
    }
}

impl Node {
    /// How its runs lie; none if they go back, or are more than `steps` to look at.
    fn ascent(&self, steps: &mut u64) -> Option<Ascent> {
        *steps = steps.checked_sub(1)?;
        match self {
            Node::Empty => Some(Ascent::run(0, 0)),
            Node::Run { len } => Some(Ascent::run(0, *len)),
            Node::Strided { count, stride, len } => Ascent::run(0, *len).repeated(*count, *stride),
            Node::Blocks(blocks) => {
                *steps = steps.checked_sub(blocks.len() as u64)?;
                let mut runs = blocks.iter().map(|b| Ascent::run(b.offset, b.len));
                let first = runs.next()?;
                runs.try_fold(first, Ascent::then)
            }
            Node::Repeat {
                count,
                stride,
                body,
                ..
            } => body.ascent(steps)?.repeated(*count, *stride),
            Node::Sequence(parts) => {
                let mut all: Option<Ascent> = None;
                for part in parts.iter() {
                    let next = part.node().ascent(steps)?.shifted(part.offset);
                    all = Some(match all {
                        None => next,
                        Some(all) => all.then(next)?,
                    });
                }
                all
            }
        }
    }
}

impl Datatype {
    /// How the runs of one element lie.
    ///
    /// # Errors
    /// `MPI_ERR_IO` when they go back, or begin before the element's origin: what no etype
    /// and no filetype may do (section 14.3).
    pub(crate) fn ascent(&self) -> Result<Ascent> {
        let layout = &self.layout;
        let ascent = layout.node.ascent(&mut { MAX_STEPS });
        let ascent = ascent.map(|ascent| ascent.shifted(layout.offset));
        ascent.filter(|ascent| ascent.first >= 0).ok_or_else(|| {
            Error::new(
                Class::IO,
                "the displacements of etype and filetype must not be negative or decrease",
            )
        })
    }

    /// The same type where a value of each predefined type takes up as many bytes as
    /// `size_of` says. Displacements that were given in bytes stay what they are.
    ///
    /// # Errors
    /// As [`Datatype::new`]; what `size_of` fails with.
    pub(crate) fn in_file(
        self: &Arc<Datatype>,
        size_of: &mut dyn FnMut(Primitive) -> Result<u64>,
    ) -> Result<Arc<Datatype>> {
        let mut done = HashMap::new();
        self.in_file_once(&mut done, size_of)
    }

    fn in_file_once(
        self: &Arc<Datatype>,
        done: &mut HashMap<*const Datatype, Arc<Datatype>>,
        size_of: &mut dyn FnMut(Primitive) -> Result<u64>,
    ) -> Result<Arc<Datatype>> {
        if let Some(found) = done.get(&Arc::as_ptr(self)) {
            return Ok(Arc::clone(found));
        }
        let old = self.constructor.types();
        let new = match (old.is_empty(), self.primitive) {
            (true, Some(primitive)) => {
                let size = match primitive.parts() {
                    (one, None) => size_of(one)?,
                    (value, Some(index)) => size_of(value)?.saturating_add(size_of(index)?),
                };
                if i64::try_from(size) == Ok(self.extent()) && size == self.size {
                    Arc::clone(self)
                } else {
                    let size = i64::try_from(size).unwrap_or(i64::MAX);
                    Datatype::contiguous(size, &Datatype::named(Primitive::BYTE))?
                }
            }
            (true, None) => Arc::clone(self),
            (false, _) => {
                let mut new = Vec::with_capacity(old.len());
                for old in old {
                    new.push(old.in_file_once(done, size_of)?);
                }
                if old.iter().zip(&new).all(|(old, new)| Arc::ptr_eq(old, new)) {
                    Arc::clone(self)
                } else {
                    Datatype::new(self.constructor.with_types(new), Counts::Large)?
                }
            }
        };
        done.insert(Arc::as_ptr(self), Arc::clone(&new));
        Ok(new)
    }
}
