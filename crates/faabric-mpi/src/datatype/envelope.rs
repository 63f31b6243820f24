//! What `MPI_Type_get_envelope` and `MPI_Type_get_contents` tell (MPI 4.1, section
//! 5.1.13): the constructor's arguments, sorted into four lists.

use super::Datatype;
use super::constructor::{Constructor, Counts};
use crate::abi;
use std::sync::Arc;

/// The lengths of [`Contents`]' lists and the constructor's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// How many integers.
    pub integers: u64,
    /// How many addresses.
    pub addresses: u64,
    /// How many large counts.
    pub large_counts: u64,
    /// How many datatypes.
    pub datatypes: u64,
    /// `MPI_COMBINER_*`.
    pub combiner: i32,
}

/// A constructor's arguments.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    /// Arguments that are `int` in C.
    pub integers: Vec<i32>,
    /// Arguments that are `MPI_Aint`.
    pub addresses: Vec<i64>,
    /// Arguments that are `MPI_Count`.
    pub large_counts: Vec<i64>,
    /// Arguments that are datatypes.
    pub datatypes: Vec<Arc<Datatype>>,
}

/// Sorts arguments as the constructor's C signature has them.
struct Sorter {
    counts: Counts,
    contents: Contents,
}

impl Sorter {
    /// `int` in both variants.
    fn int(&mut self, value: i32) {
        self.contents.integers.push(value);
    }

    /// `int`, or `MPI_Count` in the `_c` variant.
    fn count(&mut self, values: &[i64]) {
        match self.counts {
            // The guest gave them as `int`.
            Counts::Int => self
                .contents
                .integers
                .extend(values.iter().map(|&v| v as i32)),
            Counts::Large => self.contents.large_counts.extend(values),
        }
    }

    /// `MPI_Aint`, or `MPI_Count` in the `_c` variant.
    fn address(&mut self, values: &[i64]) {
        match self.counts {
            Counts::Int => self.contents.addresses.extend(values),
            Counts::Large => self.contents.large_counts.extend(values),
        }
    }

    fn sort(&mut self, constructor: &Constructor) {
        use Constructor as C;
        match constructor {
            C::Named(_) | C::Dup(_) => {}
            C::Contiguous { count, .. } => self.count(&[*count]),
            C::Vector {
                count,
                blocklength,
                stride,
                ..
            } => {
                self.count(&[*count, *blocklength, *stride]);
            }
            C::Hvector {
                count,
                blocklength,
                stride,
                ..
            } => {
                self.count(&[*count, *blocklength]);
                self.address(&[*stride]);
            }
            C::Indexed {
                blocklengths,
                displacements,
                ..
            } => {
                self.count(&[blocklengths.len() as i64]);
                self.count(blocklengths);
                self.count(displacements);
            }
            C::Hindexed {
                blocklengths,
                displacements,
                ..
            }
            | C::Struct {
                blocklengths,
                displacements,
                ..
            } => {
                self.count(&[blocklengths.len() as i64]);
                self.count(blocklengths);
                self.address(displacements);
            }
            C::IndexedBlock {
                blocklength,
                displacements,
                ..
            } => {
                self.count(&[displacements.len() as i64, *blocklength]);
                self.count(displacements);
            }
            C::HindexedBlock {
                blocklength,
                displacements,
                ..
            } => {
                self.count(&[displacements.len() as i64, *blocklength]);
                self.address(displacements);
            }
            C::Resized { lb, extent, .. } => self.address(&[*lb, *extent]),
            C::Subarray(array) => {
                self.int(array.sizes.len() as i32);
                self.count(&array.sizes);
                self.count(&array.subsizes);
                self.count(&array.starts);
                self.int(array.order.raw());
            }
            C::Darray(array) => {
                self.int(array.size);
                self.int(array.rank);
                self.int(array.gsizes.len() as i32);
                self.count(&array.gsizes);
                self.contents.integers.extend(&array.distribs);
                self.contents.integers.extend(&array.dargs);
                self.contents.integers.extend(&array.psizes);
                self.int(array.order.raw());
            }
            C::F90Integer(digits) => self.int(*digits),
            C::F90Real(digits, exponent) | C::F90Complex(digits, exponent) => {
                self.int(*digits);
                self.int(*exponent);
            }
        }
    }
}

impl Constructor {
    /// `MPI_COMBINER_*`.
    #[must_use]
    pub fn combiner(&self) -> i32 {
        match self {
            Constructor::Named(_) => abi::MPI_COMBINER_NAMED,
            Constructor::Dup(_) => abi::MPI_COMBINER_DUP,
            Constructor::Contiguous { .. } => abi::MPI_COMBINER_CONTIGUOUS,
            Constructor::Vector { .. } => abi::MPI_COMBINER_VECTOR,
            Constructor::Hvector { .. } => abi::MPI_COMBINER_HVECTOR,
            Constructor::Indexed { .. } => abi::MPI_COMBINER_INDEXED,
            Constructor::Hindexed { .. } => abi::MPI_COMBINER_HINDEXED,
            Constructor::IndexedBlock { .. } => abi::MPI_COMBINER_INDEXED_BLOCK,
            Constructor::HindexedBlock { .. } => abi::MPI_COMBINER_HINDEXED_BLOCK,
            Constructor::Struct { .. } => abi::MPI_COMBINER_STRUCT,
            Constructor::Resized { .. } => abi::MPI_COMBINER_RESIZED,
            Constructor::Subarray(_) => abi::MPI_COMBINER_SUBARRAY,
            Constructor::Darray(_) => abi::MPI_COMBINER_DARRAY,
            Constructor::F90Integer(_) => abi::MPI_COMBINER_F90_INTEGER,
            Constructor::F90Real(..) => abi::MPI_COMBINER_F90_REAL,
            Constructor::F90Complex(..) => abi::MPI_COMBINER_F90_COMPLEX,
        }
    }

    /// How many displacements are listed.
    pub(super) fn blocks(&self) -> usize {
        match self {
            Constructor::Indexed { displacements, .. }
            | Constructor::Hindexed { displacements, .. }
            | Constructor::IndexedBlock { displacements, .. }
            | Constructor::HindexedBlock { displacements, .. }
            | Constructor::Struct { displacements, .. } => displacements.len(),
            _ => 0,
        }
    }
}

impl Datatype {
    /// `MPI_Type_get_contents`: what the type was made from. The guest gets new
    /// handles for the datatypes. Empty for a predefined type.
    #[must_use]
    pub fn contents(&self) -> Contents {
        let mut sorter = Sorter {
            counts: self.counts,
            contents: Contents::default(),
        };
        sorter.sort(&self.constructor);
        sorter.contents.datatypes = self.constructor.types().to_vec();
        sorter.contents
    }

    /// `MPI_Type_get_envelope`.
    #[must_use]
    pub fn envelope(&self) -> Envelope {
        let contents = self.contents();
        Envelope {
            integers: contents.integers.len() as u64,
            addresses: contents.addresses.len() as u64,
            large_counts: contents.large_counts.len() as u64,
            datatypes: contents.datatypes.len() as u64,
            combiner: self.constructor.combiner(),
        }
    }
}
