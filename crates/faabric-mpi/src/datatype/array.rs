//! Parts of multi-dimensional arrays: subarrays, and the blocks of an array that is
//! distributed over processes (MPI 4.1, sections 5.1.3 and 5.1.4).
//!
//! Both are built dimension by dimension, from the fastest-varying one outwards; each
//! step turns "one element" into "one row of elements" with the row's full extent.

use super::Datatype;
use super::bounds::overflow;
use super::constructor::Parts;
use crate::abi;
use crate::error::{Class, Error, Result};
use std::sync::Arc;

/// Whether the last dimension varies fastest (C) or the first (Fortran).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// `MPI_ORDER_C`.
    C,
    /// `MPI_ORDER_FORTRAN`.
    Fortran,
}

impl Order {
    /// The order that the guest's number stands for.
    ///
    /// # Errors
    /// `MPI_ERR_ARG` when it stands for none.
    pub fn from_raw(raw: i32) -> Result<Order> {
        match raw {
            abi::MPI_ORDER_C => Ok(Order::C),
            abi::MPI_ORDER_FORTRAN => Ok(Order::Fortran),
            _ => Err(argument(format!(
                "order is {raw}, must be MPI_ORDER_C or MPI_ORDER_FORTRAN"
            ))),
        }
    }

    /// Its number in the ABI.
    #[must_use]
    pub fn raw(self) -> i32 {
        match self {
            Order::C => abi::MPI_ORDER_C,
            Order::Fortran => abi::MPI_ORDER_FORTRAN,
        }
    }

    /// The dimensions from the fastest-varying one outwards.
    fn inside_out(self, dimensions: usize) -> impl Iterator<Item = usize> {
        (0..dimensions).map(move |i| match self {
            Order::C => dimensions - 1 - i,
            Order::Fortran => i,
        })
    }
}

/// `MPI_Type_create_subarray`. One entry a dimension in each list.
#[derive(Clone, Debug)]
pub struct Subarray {
    /// Elements of the whole array.
    pub sizes: Vec<i64>,
    /// Elements of the part.
    pub subsizes: Vec<i64>,
    /// Where the part begins, from 0.
    pub starts: Vec<i64>,
    /// Which dimension varies fastest.
    pub order: Order,
    /// The elements' type.
    pub old: Arc<Datatype>,
}

/// `MPI_Type_create_darray`. One entry a dimension in each list.
#[derive(Clone, Debug)]
pub struct Darray {
    /// Processes that the array is distributed over.
    pub size: i32,
    /// The process whose part this is.
    pub rank: i32,
    /// Elements of the whole array.
    pub gsizes: Vec<i64>,
    /// `MPI_DISTRIBUTE_*`.
    pub distribs: Vec<i32>,
    /// Elements a block, or `MPI_DISTRIBUTE_DFLT_DARG`.
    pub dargs: Vec<i32>,
    /// Processes.
    pub psizes: Vec<i32>,
    /// Which dimension varies fastest.
    pub order: Order,
    /// The elements' type.
    pub old: Arc<Datatype>,
}

#[cold]
fn argument(message: String) -> Error {
    Error::new(Class::ARG, message)
}

/// `count * extent`, in bytes.
fn bytes(count: i64, extent: i64) -> Result<i64> {
    count.checked_mul(extent).ok_or_else(|| overflow("extent"))
}

impl Subarray {
    fn check(&self) -> Result<()> {
        if self.sizes.is_empty() {
            return Err(argument("ndims is 0, must be at least 1".into()));
        }
        for (dimension, &size) in self.sizes.iter().enumerate() {
            let (subsize, start) = (self.subsizes[dimension], self.starts[dimension]);
            if subsize < 1 || subsize > size {
                return Err(argument(format!(
                    "array_of_subsizes[{dimension}] is {subsize}, must be from 1 to {size}"
                )));
            }
            if start < 0 || start > size - subsize {
                return Err(argument(format!(
                    "array_of_starts[{dimension}] is {start}, must be from 0 to {}",
                    size - subsize
                )));
            }
        }
        Ok(())
    }

    pub(super) fn parts(&self) -> Result<Parts> {
        self.check()?;
        let mut parts = Parts::of(&self.old);
        let mut extent = self.old.extent();
        for dimension in self.order.inside_out(self.sizes.len()) {
            parts = parts
                .repeated(self.subsizes[dimension] as u64, extent)?
                .shifted(bytes(self.starts[dimension], extent)?)?;
            extent = bytes(self.sizes[dimension], extent)?;
        }
        parts.resized(0, extent)
    }
}

impl Darray {
    fn check(&self) -> Result<()> {
        let dimensions = self.gsizes.len();
        if dimensions == 0 {
            return Err(argument("ndims is 0, must be at least 1".into()));
        }
        if !(0..self.size).contains(&self.rank) {
            return Err(argument(format!(
                "rank is {}, must be from 0 to size - 1 = {}",
                self.rank,
                self.size.saturating_sub(1)
            )));
        }
        for dimension in 0..dimensions {
            let (gsize, psize) = (self.gsizes[dimension], self.psizes[dimension]);
            if gsize < 1 || psize < 1 {
                return Err(argument(format!(
                    "dimension {dimension} has {gsize} elements over {psize} processes, both must be at least 1"
                )));
            }
            self.block(dimension)?;
        }
        let processes = self
            .psizes
            .iter()
            .try_fold(1i32, |product, &n| product.checked_mul(n));
        if processes != Some(self.size) {
            return Err(argument(format!(
                "array_of_psizes must multiply to size = {}",
                self.size
            )));
        }
        Ok(())
    }

    /// Elements in each of this dimension's blocks, which go round the processes.
    fn block(&self, dimension: usize) -> Result<i64> {
        let (gsize, psize) = (self.gsizes[dimension], i64::from(self.psizes[dimension]));
        let darg = match self.dargs[dimension] {
            abi::MPI_DISTRIBUTE_DFLT_DARG => None,
            darg if darg > 0 => Some(i64::from(darg)),
            darg => {
                return Err(argument(format!(
                    "array_of_dargs[{dimension}] is {darg}, must be positive or MPI_DISTRIBUTE_DFLT_DARG"
                )));
            }
        };
        match self.distribs[dimension] {
            abi::MPI_DISTRIBUTE_NONE if psize == 1 => Ok(gsize),
            abi::MPI_DISTRIBUTE_NONE => Err(argument(format!(
                "array_of_psizes[{dimension}] is {psize}, must be 1 with MPI_DISTRIBUTE_NONE"
            ))),
            abi::MPI_DISTRIBUTE_CYCLIC => Ok(darg.unwrap_or(1)),
            abi::MPI_DISTRIBUTE_BLOCK => {
                // Rounded up; both are at least 1.
                let even = (gsize - 1) / psize + 1;
                match darg {
                    Some(darg) if darg < even => Err(argument(format!(
                        "array_of_dargs[{dimension}] is {darg}, but {psize} blocks of that do not hold {gsize} elements"
                    ))),
                    darg => Ok(darg.unwrap_or(even)),
                }
            }
            other => Err(argument(format!(
                "array_of_distribs[{dimension}] is {other}, must be one of MPI_DISTRIBUTE_*"
            ))),
        }
    }

    /// The process's coordinates in the process grid, which is always in C order.
    fn coordinates(&self) -> Vec<i64> {
        let mut rank = self.rank;
        let mut coordinates = vec![0; self.psizes.len()];
        for (coordinate, &n) in coordinates.iter_mut().zip(&self.psizes).rev() {
            *coordinate = i64::from(rank % n);
            rank /= n;
        }
        coordinates
    }

    pub(super) fn parts(&self) -> Result<Parts> {
        self.check()?;
        let coordinates = self.coordinates();
        let mut parts = Parts::of(&self.old);
        let mut extent = self.old.extent();
        for dimension in self.order.inside_out(self.gsizes.len()) {
            let gsize = self.gsizes[dimension];
            let psize = i64::from(self.psizes[dimension]);
            let block = self.block(dimension)?;
            // Block number b of this process begins at element (b * psize + me) * block.
            let first = bytes(coordinates[dimension], block)?;
            let round = bytes(psize, block)?;
            let mine = if first < gsize {
                (gsize - 1 - first) / round + 1
            } else {
                0
            };
            // Only the last block can be cut short by the end of the array.
            let last = (first + (mine - 1).max(0) * round).min(gsize);
            let cut = if mine > 0 { block.min(gsize - last) } else { 0 };
            let full = if cut == block {
                mine
            } else {
                (mine - 1).max(0)
            };
            let blocks = parts
                .clone()
                .repeated(block as u64, extent)?
                .repeated(full as u64, bytes(round, extent)?)?
                .shifted(bytes(first, extent)?)?;
            let rest = parts
                .repeated(if full == mine { 0 } else { cut as u64 }, extent)?
                .shifted(bytes(last, extent)?)?;
            extent = bytes(gsize, extent)?;
            parts = Parts::sequence(vec![blocks, rest])?.resized(0, extent)?;
        }
        Ok(parts)
    }
}
