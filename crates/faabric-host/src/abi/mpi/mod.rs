//! The MPI 5.0 ABI.

use crate::abi::Import;

pub(crate) const FUNCTIONS: &[Import] = &[];
