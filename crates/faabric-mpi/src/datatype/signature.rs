//! Type signatures: the sequence of basic elements that a datatype stands for,
//! without where they lie (MPI 4.1, section 5.1).
//!
//! Kept as a tree of repetitions, so that a million blocks of one type cost one node:
//!
//! ```text
//! struct { 3 x vector(1000, 2 double), 1 int }  =  Sequence[ Run(double, 6000), Run(int, 1) ]
//! ```

use super::primitive::Primitive;
use std::sync::Arc;

/// How many levels of repetition a type may have: walking a type recurses this deep.
pub(super) const MAX_DEPTH: u32 = 256;

/// A sequence of basic elements.
#[derive(Clone, Debug)]
pub(crate) struct Signature {
    shape: Shape,
    /// Bytes of data in all of it.
    bytes: u64,
    /// How many basic elements it has.
    elements: u64,
    /// Its bytes in the "external32" representation; none if too many.
    external: Option<u64>,
}

#[derive(Clone, Debug)]
enum Shape {
    Run(Primitive, u64),
    /// Of a sequence, so never of nothing.
    Repeat(u64, Arc<Signature>),
    /// At least two.
    Sequence(Arc<[Signature]>),
}

impl Signature {
    /// No elements.
    pub(crate) fn empty() -> Signature {
        Signature::run(Primitive::BYTE, 0)
    }

    /// `count` values of one predefined type. Its bytes must be known to fit.
    fn run(primitive: Primitive, count: u64) -> Signature {
        Signature {
            shape: Shape::Run(primitive, count),
            bytes: primitive.size().saturating_mul(count),
            elements: count,
            external: primitive.external_size().checked_mul(count),
        }
    }

    /// One value of a predefined type; a pair counts as its two parts.
    pub(crate) fn of(primitive: Primitive) -> Signature {
        match primitive.parts() {
            (one, None) => Signature::run(one, 1),
            (value, Some(index)) => {
                Signature::sequence(vec![Signature::run(value, 1), Signature::run(index, 1)])
            }
        }
    }

    /// `self`, `count` times. The caller has checked that the bytes fit.
    pub(crate) fn repeat(&self, count: u64) -> Signature {
        let shape = match (&self.shape, count) {
            (_, 0) => return Signature::empty(),
            (_, 1) => return self.clone(),
            (Shape::Run(primitive, n), _) => return Signature::run(*primitive, n * count),
            (Shape::Repeat(n, body), _) => Shape::Repeat(n * count, Arc::clone(body)),
            (Shape::Sequence(_), _) => Shape::Repeat(count, Arc::new(self.clone())),
        };
        Signature {
            shape,
            bytes: self.bytes * count,
            elements: self.elements * count,
            external: self.external.and_then(|one| one.checked_mul(count)),
        }
    }

    /// The parts one after another.
    pub(crate) fn sequence(parts: Vec<Signature>) -> Signature {
        let mut merged: Vec<Signature> = Vec::new();
        for part in parts.into_iter().filter(|p| p.elements > 0) {
            match (merged.last_mut().map(|m| &m.shape), &part.shape) {
                (Some(&Shape::Run(a, n)), &Shape::Run(b, m)) if a == b => {
                    merged.pop();
                    merged.push(Signature::run(a, n + m));
                }
                _ => merged.push(part),
            }
        }
        if merged.len() <= 1 {
            return merged.pop().unwrap_or_else(Signature::empty);
        }
        Signature {
            bytes: merged.iter().map(|p| p.bytes).sum(),
            elements: merged.iter().map(|p| p.elements).sum(),
            external: merged
                .iter()
                .try_fold(0u64, |sum, part| sum.checked_add(part.external?)),
            shape: Shape::Sequence(merged.into()),
        }
    }

    /// How many basic elements `bytes` bytes of data hold when the signature repeats
    /// for ever, and how many bytes of an incomplete element are left.
    pub(crate) fn elements_in(&self, bytes: u64) -> (u64, u64) {
        if self.bytes == 0 {
            return (0, bytes);
        }
        let whole = bytes / self.bytes * self.elements;
        let rest = bytes % self.bytes;
        let (some, left) = match &self.shape {
            Shape::Run(primitive, _) => (rest / primitive.size(), rest % primitive.size()),
            Shape::Repeat(_, body) => body.elements_in(rest),
            Shape::Sequence(parts) => {
                let mut elements = 0;
                let mut left = rest;
                for part in parts.iter() {
                    if left < part.bytes {
                        let (some, rest) = part.elements_in(left);
                        elements += some;
                        left = rest;
                        break;
                    }
                    elements += part.elements;
                    left -= part.bytes;
                }
                (elements, left)
            }
        };
        (whole + some, left)
    }

    /// Bytes of data in the first `elements` basic elements of the signature repeated;
    /// none if 64 bits do not count them.
    pub(crate) fn bytes_of(&self, elements: u64) -> Option<u64> {
        if self.elements == 0 {
            return Some(0);
        }
        let whole = (elements / self.elements).checked_mul(self.bytes)?;
        let rest = elements % self.elements;
        let some = match &self.shape {
            Shape::Run(primitive, _) => rest.checked_mul(primitive.size())?,
            Shape::Repeat(_, body) => body.bytes_of(rest)?,
            Shape::Sequence(parts) => {
                let (mut bytes, mut left) = (0, rest);
                for part in parts.iter() {
                    if left < part.elements {
                        bytes += part.bytes_of(left)?;
                        break;
                    }
                    bytes += part.bytes;
                    left -= part.elements;
                }
                bytes
            }
        };
        whole.checked_add(some)
    }

    /// Calls `f` for each run of equal elements, in order.
    pub(super) fn visit<E>(
        &self,
        f: &mut impl FnMut(Primitive, u64) -> Result<(), E>,
    ) -> Result<(), E> {
        match &self.shape {
            Shape::Run(_, 0) => Ok(()),
            Shape::Run(primitive, count) => f(*primitive, *count),
            Shape::Repeat(count, body) => (0..*count).try_for_each(|_| body.visit(f)),
            Shape::Sequence(parts) => parts.iter().try_for_each(|part| part.visit(f)),
        }
    }

    /// Bytes of all of it in the "external32" representation; none if too many.
    pub(super) fn external_size(&self) -> Option<u64> {
        self.external
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn nothing_is_repeated_at_no_cost() {
        let nothing = Signature::sequence(vec![Signature::empty(), Signature::empty()]);
        let all = nothing.repeat(u64::MAX).repeat(u64::MAX);
        let mut runs = 0;
        let visited = all.visit(&mut |_, _| {
            runs += 1;
            Ok::<_, ()>(())
        });
        assert_eq!((visited, runs, all.external_size()), (Ok(()), 0, Some(0)));
        assert_eq!(all.elements_in(0), (0, 0));
    }

    #[test]
    fn elements_and_bytes_are_inverse() {
        let (int, double) = (
            Signature::of(Primitive::INT),
            Signature::of(Primitive::DOUBLE),
        );
        let s = Signature::sequence(vec![int.repeat(2), double.repeat(3).clone(), int]).repeat(5);
        assert_eq!(s.bytes, 5 * 36);
        for elements in 0..70 {
            let bytes = s.bytes_of(elements).unwrap();
            assert_eq!(s.elements_in(bytes), (elements, 0));
            assert_eq!(s.elements_in(bytes + 3), (elements, 3));
        }
    }
}
