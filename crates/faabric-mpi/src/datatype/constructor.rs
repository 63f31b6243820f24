//! Datatype constructors (MPI 4.1, section 5.1) as data.
//!
//! A [`Constructor`] holds a call's arguments. [`Datatype::new`] checks them and
//! builds the type; the type keeps them for `MPI_Type_get_contents`, and so that it
//! can be built again elsewhere. The calls with `int` counts and the `_c` ones share
//! a variant: only the envelope tells them apart ([`Counts`]).

use super::bounds::{Bounds, overflow};
use super::layout::Placed;
use super::primitive::{Primitive, Repr};
use super::signature::Signature;
use super::{Datatype, array};
use crate::error::{Class, Error, Result};
use std::sync::Arc;

/// The arguments of the call that made a datatype. Counts and strides are as the
/// guest gave them: [`Datatype::new`] checks.
#[derive(Clone, Debug)]
pub enum Constructor {
    /// A predefined type.
    Named(Primitive),
    /// `MPI_Type_dup`.
    Dup(Arc<Datatype>),
    /// `MPI_Type_contiguous`.
    Contiguous {
        /// Elements.
        count: i64,
        /// Their type.
        old: Arc<Datatype>,
    },
    /// `MPI_Type_vector`: `stride` in elements.
    Vector {
        /// Blocks.
        count: i64,
        /// Elements a block.
        blocklength: i64,
        /// Elements from one block's start to the next.
        stride: i64,
        /// The elements' type.
        old: Arc<Datatype>,
    },
    /// `MPI_Type_create_hvector`: `stride` in bytes.
    Hvector {
        /// Blocks.
        count: i64,
        /// Elements a block.
        blocklength: i64,
        /// Bytes from one block's start to the next.
        stride: i64,
        /// The elements' type.
        old: Arc<Datatype>,
    },
    /// `MPI_Type_indexed`: displacements in elements.
    Indexed {
        /// Elements in each block.
        blocklengths: Vec<i64>,
        /// Where each block begins, in elements.
        displacements: Vec<i64>,
        /// The elements' type.
        old: Arc<Datatype>,
    },
    /// `MPI_Type_create_hindexed`: displacements in bytes.
    Hindexed {
        /// Elements in each block.
        blocklengths: Vec<i64>,
        /// Where each block begins, in bytes.
        displacements: Vec<i64>,
        /// The elements' type.
        old: Arc<Datatype>,
    },
    /// `MPI_Type_create_indexed_block`: displacements in elements.
    IndexedBlock {
        /// Elements in every block.
        blocklength: i64,
        /// Where each block begins, in elements.
        displacements: Vec<i64>,
        /// The elements' type.
        old: Arc<Datatype>,
    },
    /// `MPI_Type_create_hindexed_block`: displacements in bytes.
    HindexedBlock {
        /// Elements in every block.
        blocklength: i64,
        /// Where each block begins, in bytes.
        displacements: Vec<i64>,
        /// The elements' type.
        old: Arc<Datatype>,
    },
    /// `MPI_Type_create_struct`.
    Struct {
        /// Elements in each block.
        blocklengths: Vec<i64>,
        /// Where each block begins, in bytes.
        displacements: Vec<i64>,
        /// Each block's element type.
        types: Vec<Arc<Datatype>>,
    },
    /// `MPI_Type_create_resized`.
    Resized {
        /// The new lower bound, in bytes.
        lb: i64,
        /// The new extent, in bytes.
        extent: i64,
        /// The type whose bounds are replaced.
        old: Arc<Datatype>,
    },
    /// `MPI_Type_create_subarray`.
    Subarray(array::Subarray),
    /// `MPI_Type_create_darray`.
    Darray(array::Darray),
    /// `MPI_Type_create_f90_integer`: decimal digits.
    F90Integer(i32),
    /// `MPI_Type_create_f90_real`: decimal digits, decimal exponent.
    F90Real(i32, i32),
    /// `MPI_Type_create_f90_complex`: decimal digits, decimal exponent.
    F90Complex(i32, i32),
}

/// Whether the constructor was the one with `int` counts or its `_c` variant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Counts {
    /// `int` counts and `MPI_Aint` displacements.
    #[default]
    Int,
    /// `MPI_Count` for both.
    Large,
}

/// What a constructor makes of its arguments.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) layout: Placed,
    pub(super) bounds: Bounds,
    pub(super) signature: Signature,
    pub(super) size: u64,
    /// The one predefined type of all elements, if there is one.
    pub(super) primitive: Option<Primitive>,
}

/// A count from the guest: MPI_ERR_COUNT or MPI_ERR_ARG unless it is at least 0.
pub(super) fn count(value: i64, name: &str) -> Result<u64> {
    u64::try_from(value).map_err(|_| {
        Error::new(
            Class::COUNT,
            format!("{name} is {value}, must be at least 0"),
        )
    })
}

impl Constructor {
    /// Checks the arguments and lays the type out.
    pub(super) fn parts(&self) -> Result<Parts> {
        use Constructor as C;
        match self {
            C::Named(primitive) => Ok(Parts::named(*primitive)),
            C::Dup(old) => Ok(Parts::of(old)),
            C::Contiguous { count: n, old } => {
                Parts::of(old).repeated(count(*n, "count")?, old.extent())
            }
            C::Vector {
                count: n,
                blocklength,
                stride,
                old,
            } => {
                let stride = stride
                    .checked_mul(old.extent())
                    .ok_or_else(|| overflow("stride"))?;
                vector(*n, *blocklength, stride, old)
            }
            C::Hvector {
                count: n,
                blocklength,
                stride,
                old,
            } => vector(*n, *blocklength, *stride, old),
            C::Indexed {
                blocklengths,
                displacements,
                old,
            } => indexed(
                blocklengths.iter().copied(),
                displacements,
                old.extent(),
                old,
            ),
            C::Hindexed {
                blocklengths,
                displacements,
                old,
            } => indexed(blocklengths.iter().copied(), displacements, 1, old),
            C::IndexedBlock {
                blocklength,
                displacements,
                old,
            } => indexed(
                std::iter::repeat(*blocklength),
                displacements,
                old.extent(),
                old,
            ),
            C::HindexedBlock {
                blocklength,
                displacements,
                old,
            } => indexed(std::iter::repeat(*blocklength), displacements, 1, old),
            C::Struct {
                blocklengths,
                displacements,
                types,
            } => structure(blocklengths, displacements, types),
            C::Resized { lb, extent, old } => Parts::of(old).resized(*lb, *extent),
            C::Subarray(subarray) => subarray.parts(),
            C::Darray(darray) => darray.parts(),
            C::F90Integer(digits) => Ok(Parts::named(f90_integer(*digits)?)),
            C::F90Real(digits, exponent) => Ok(Parts::named(f90_real(*digits, *exponent)?.0)),
            C::F90Complex(digits, exponent) => Ok(Parts::named(f90_real(*digits, *exponent)?.1)),
        }
    }

    /// The types that the arguments name, in order.
    #[must_use]
    pub fn types(&self) -> &[Arc<Datatype>] {
        use Constructor as C;
        match self {
            C::Named(_) | C::F90Integer(_) | C::F90Real(..) | C::F90Complex(..) => &[],
            C::Struct { types, .. } => types,
            C::Dup(old)
            | C::Contiguous { old, .. }
            | C::Vector { old, .. }
            | C::Hvector { old, .. }
            | C::Indexed { old, .. }
            | C::Hindexed { old, .. }
            | C::IndexedBlock { old, .. }
            | C::HindexedBlock { old, .. }
            | C::Resized { old, .. } => std::slice::from_ref(old),
            C::Subarray(array) => std::slice::from_ref(&array.old),
            C::Darray(array) => std::slice::from_ref(&array.old),
        }
    }

    /// The same call with other types, as many as [`Constructor::types`] gives.
    pub(super) fn with_types(&self, new: Vec<Arc<Datatype>>) -> Constructor {
        use Constructor as C;
        let mut constructor = self.clone();
        match &mut constructor {
            C::Named(_) | C::F90Integer(_) | C::F90Real(..) | C::F90Complex(..) => {}
            C::Struct { types, .. } => *types = new,
            C::Dup(old)
            | C::Contiguous { old, .. }
            | C::Vector { old, .. }
            | C::Hvector { old, .. }
            | C::Indexed { old, .. }
            | C::Hindexed { old, .. }
            | C::IndexedBlock { old, .. }
            | C::HindexedBlock { old, .. }
            | C::Resized { old, .. }
            | C::Subarray(array::Subarray { old, .. })
            | C::Darray(array::Darray { old, .. }) => {
                if let Some(new) = new.into_iter().next() {
                    *old = new;
                }
            }
        }
        constructor
    }
}

impl Parts {
    fn empty() -> Parts {
        Parts {
            layout: Placed::EMPTY,
            bounds: Bounds::EMPTY,
            signature: Signature::empty(),
            size: 0,
            primitive: None,
        }
    }

    fn named(primitive: Primitive) -> Parts {
        let layout = match primitive.repr() {
            Repr::Pair(_, index) => Placed::sequence([
                Placed::run(primitive.value_size()),
                Placed::run(index.size()).shifted(primitive.index_offset() as i64),
            ]),
            _ => Placed::run(primitive.size()),
        };
        let data = primitive.index_offset() + primitive.size() - primitive.value_size();
        let end = match primitive.repr() {
            Repr::Pair(..) => data,
            _ => primitive.size(),
        };
        Parts {
            layout,
            bounds: Bounds {
                ub: primitive.extent() as i64,
                true_ub: end as i64,
                align: primitive.align(),
                ..Bounds::EMPTY
            },
            signature: Signature::of(primitive),
            size: primitive.size(),
            primitive: Some(primitive),
        }
    }

    pub(super) fn of(old: &Datatype) -> Parts {
        Parts {
            layout: old.layout.clone(),
            bounds: old.bounds,
            signature: old.signature.clone(),
            size: old.size,
            primitive: old.primitive,
        }
    }

    /// `count` of them, `stride` bytes from one to the next.
    pub(super) fn repeated(self, count: u64, stride: i64) -> Result<Parts> {
        let size = size(self.size.checked_mul(count))?;
        Ok(Parts {
            bounds: self.bounds.repeated(count, stride)?,
            layout: self.layout.repeated(count, stride),
            signature: self.signature.repeat(count),
            primitive: self.primitive.filter(|_| size > 0),
            size,
        })
    }

    pub(super) fn shifted(mut self, by: i64) -> Result<Parts> {
        if !self.bounds.is_void() {
            self.bounds = self.bounds.shifted(by)?;
        }
        self.layout = self.layout.shifted(by);
        Ok(self)
    }

    pub(super) fn resized(mut self, lb: i64, extent: i64) -> Result<Parts> {
        let ub = lb
            .checked_add(extent)
            .ok_or_else(|| overflow("upper bound"))?;
        self.bounds = Bounds {
            lb,
            ub,
            fixed_lb: true,
            fixed_ub: true,
            ..self.bounds
        };
        Ok(self)
    }

    pub(super) fn sequence(parts: Vec<Parts>) -> Result<Parts> {
        let mut bounds = Bounds::EMPTY;
        let mut total = 0u64;
        let mut primitive = None;
        for part in parts.iter() {
            bounds = bounds.union(&part.bounds)?;
            if part.size > 0 {
                let same = total == 0 || primitive == part.primitive;
                primitive = part.primitive.filter(|_| same);
            }
            total = size(total.checked_add(part.size))?;
        }
        let (layouts, signatures): (Vec<_>, Vec<_>) = parts
            .into_iter()
            .map(|part| (part.layout, part.signature))
            .unzip();
        Ok(Parts {
            layout: Placed::sequence(layouts),
            bounds,
            signature: Signature::sequence(signatures),
            size: total,
            primitive,
        })
    }
}

/// A size that `MPI_Count` can hold.
fn size(bytes: Option<u64>) -> Result<u64> {
    bytes
        .filter(|&bytes| bytes <= i64::MAX as u64)
        .ok_or_else(|| overflow("size"))
}

fn vector(n: i64, blocklength: i64, stride: i64, old: &Arc<Datatype>) -> Result<Parts> {
    let n = count(n, "count")?;
    let blocklength = count(blocklength, "blocklength")?;
    Parts::of(old)
        .repeated(blocklength, old.extent())?
        .repeated(n, stride)
}

/// Blocks of one type at `displacements` in units of `unit` bytes.
fn indexed(
    blocklengths: impl Iterator<Item = i64>,
    displacements: &[i64],
    unit: i64,
    old: &Arc<Datatype>,
) -> Result<Parts> {
    let mut bounds = Bounds::EMPTY;
    let (mut total, mut bytes) = (0u64, 0);
    let mut layouts = Vec::new();
    for (blocklength, displacement) in blocklengths.zip(displacements) {
        let blocklength = count(blocklength, "a block length")?;
        let at = displacement
            .checked_mul(unit)
            .ok_or_else(|| overflow("displacement"))?;
        total = total
            .checked_add(blocklength)
            .ok_or_else(|| overflow("size"))?;
        // Before it is laid out: blocks that lie on each other have no bounds to exceed.
        bytes = size(old.size.checked_mul(total))?;
        let block = old.bounds.repeated(blocklength, old.extent())?;
        if !block.is_void() {
            bounds = bounds.union(&block.shifted(at)?)?;
            layouts.push(old.layout.repeated(blocklength, old.extent()).shifted(at));
        }
    }
    Ok(Parts {
        layout: Placed::sequence(layouts),
        bounds,
        signature: old.signature.repeat(total),
        primitive: old.primitive.filter(|_| bytes > 0),
        size: bytes,
    })
}

fn structure(
    blocklengths: &[i64],
    displacements: &[i64],
    types: &[Arc<Datatype>],
) -> Result<Parts> {
    let mut parts = Vec::with_capacity(types.len());
    for ((&blocklength, &at), old) in blocklengths.iter().zip(displacements).zip(types) {
        let blocklength = count(blocklength, "a block length")?;
        if blocklength > 0 {
            parts.push(
                Parts::of(old)
                    .repeated(blocklength, old.extent())?
                    .shifted(at)?,
            );
        }
    }
    let mut all = match parts.is_empty() {
        true => Parts::empty(),
        false => Parts::sequence(parts)?,
    };
    all.bounds = all.bounds.padded()?;
    Ok(all)
}

/// The smallest integer with this many decimal digits.
fn f90_integer(digits: i32) -> Result<Primitive> {
    let bytes = match digits {
        ..=2 => 1,
        3..=4 => 2,
        5..=9 => 4,
        10..=18 => 8,
        19..=38 => 16,
        39.. => 0,
    };
    Primitive::of_class(crate::abi::MPI_TYPECLASS_INTEGER, bytes).ok_or_else(|| {
        Error::new(
            Class::ARG,
            format!("r is {digits}, but integers have at most 38 decimal digits"),
        )
    })
}

/// The smallest real type, and its complex type, with this precision and range;
/// `MPI_UNDEFINED` for either asks for nothing.
fn f90_real(digits: i32, exponent: i32) -> Result<(Primitive, Primitive)> {
    use crate::abi::{MPI_TYPECLASS_COMPLEX, MPI_TYPECLASS_REAL, MPI_UNDEFINED};
    let wanted = |value| if value == MPI_UNDEFINED { 0 } else { value };
    if digits == MPI_UNDEFINED && exponent == MPI_UNDEFINED {
        return Err(Error::new(
            Class::ARG,
            "p and r must not both be MPI_UNDEFINED",
        ));
    }
    let bytes = match (wanted(digits), wanted(exponent)) {
        (..=6, ..=37) => 4,
        (..=15, ..=307) => 8,
        (..=33, ..=4931) => 16,
        _ => 0,
    };
    Primitive::of_class(MPI_TYPECLASS_REAL, bytes)
        .zip(Primitive::of_class(MPI_TYPECLASS_COMPLEX, 2 * bytes))
        .ok_or_else(|| {
            Error::new(
                Class::ARG,
                format!("no real type has {digits} digits and exponents up to {exponent}"),
            )
        })
}
