//! Lower and upper bounds, extents and true extents (MPI 4.1, sections 5.1.6 to 5.1.8).

use crate::error::{Class, Error, Result};

/// How far a type reaches, in bytes relative to the buffer's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    /// Where the type begins, for the purpose of laying out many.
    pub(super) lb: i64,
    /// Where it ends; `ub - lb` is the extent.
    pub(super) ub: i64,
    /// `MPI_Type_create_resized` set `lb` somewhere within: it then wins over data.
    pub(super) fixed_lb: bool,
    /// The same for `ub`.
    pub(super) fixed_ub: bool,
    /// First byte of data, and the byte after the last. Both 0 when there is none.
    pub(super) true_lb: i64,
    pub(super) true_ub: i64,
    /// The strictest alignment of any element, in bytes: a struct's extent is padded to it.
    pub(super) align: u64,
}

/// A sum or product of the guest's numbers does not fit 64 bits.
#[cold]
pub(super) fn overflow(what: &str) -> Error {
    Error::new(
        Class::VALUE_TOO_LARGE,
        format!("the datatype's {what} does not fit a 64-bit integer"),
    )
}

fn add(a: i64, b: i64) -> Result<i64> {
    a.checked_add(b).ok_or_else(|| overflow("extent"))
}

impl Bounds {
    /// No data and no extent.
    pub(super) const EMPTY: Bounds = Bounds {
        lb: 0,
        ub: 0,
        fixed_lb: false,
        fixed_ub: false,
        true_lb: 0,
        true_ub: 0,
        align: 1,
    };

    pub(super) fn extent(&self) -> i64 {
        // `checked` saw to it that the difference fits.
        self.ub - self.lb
    }

    /// Whether neither data nor a marker is in it: it then counts for nothing.
    pub(super) fn is_void(&self) -> bool {
        self.true_lb == self.true_ub && !self.fixed_lb && !self.fixed_ub
    }

    /// The same, `by` bytes further on.
    pub(super) fn shifted(&self, by: i64) -> Result<Bounds> {
        let data = if self.true_lb == self.true_ub { 0 } else { by };
        Ok(Bounds {
            lb: add(self.lb, by)?,
            ub: add(self.ub, by)?,
            true_lb: add(self.true_lb, data)?,
            true_ub: add(self.true_ub, data)?,
            ..*self
        })
    }

    /// `count` copies, each `stride` bytes after the one before.
    pub(super) fn repeated(&self, count: u64, stride: i64) -> Result<Bounds> {
        if count == 0 || self.is_void() {
            return Ok(Bounds::EMPTY);
        }
        let last = i64::try_from(count - 1)
            .ok()
            .and_then(|n| n.checked_mul(stride))
            .ok_or_else(|| overflow("extent"))?;
        let end = self.shifted(last)?;
        Bounds {
            lb: self.lb.min(end.lb),
            ub: self.ub.max(end.ub),
            true_lb: self.true_lb.min(end.true_lb),
            true_ub: self.true_ub.max(end.true_ub),
            ..*self
        }
        .checked()
    }

    /// Both, side by side: a marker beats what only data says.
    pub(super) fn union(&self, other: &Bounds) -> Result<Bounds> {
        match (self.is_void(), other.is_void()) {
            (true, _) => return Ok(*other),
            (_, true) => return Ok(*self),
            _ => {}
        }
        let pick = |fixed: (bool, bool), values: (i64, i64), both: fn(i64, i64) -> i64| match fixed
        {
            (true, false) => values.0,
            (false, true) => values.1,
            _ => both(values.0, values.1),
        };
        let data = match (self.true_lb == self.true_ub, other.true_lb == other.true_ub) {
            (true, _) => (other.true_lb, other.true_ub),
            (_, true) => (self.true_lb, self.true_ub),
            _ => (
                self.true_lb.min(other.true_lb),
                self.true_ub.max(other.true_ub),
            ),
        };
        Bounds {
            lb: pick(
                (self.fixed_lb, other.fixed_lb),
                (self.lb, other.lb),
                i64::min,
            ),
            ub: pick(
                (self.fixed_ub, other.fixed_ub),
                (self.ub, other.ub),
                i64::max,
            ),
            fixed_lb: self.fixed_lb || other.fixed_lb,
            fixed_ub: self.fixed_ub || other.fixed_ub,
            true_lb: data.0,
            true_ub: data.1,
            align: self.align.max(other.align),
        }
        .checked()
    }

    /// A struct's bounds: its extent padded so that the next one is aligned.
    pub(super) fn padded(mut self) -> Result<Bounds> {
        let over = self.extent().rem_euclid(self.align as i64);
        if !self.fixed_ub && over != 0 {
            self.ub = add(self.ub, self.align as i64 - over)?;
        }
        self.checked()
    }

    fn checked(self) -> Result<Bounds> {
        match (
            self.ub.checked_sub(self.lb),
            self.true_ub.checked_sub(self.true_lb),
        ) {
            (Some(_), Some(_)) => Ok(self),
            _ => Err(overflow("extent")),
        }
    }
}
