//! Reduction operations (MPI 4.1, section 6.9).
//!
//! A predefined operation is a kernel over packed bytes, chosen once a call from the
//! operation and the type ([`Builtin::kernel`]); a user operation is a function of the
//! guest's table, called by the collective that holds the guest.
//!
//! ```text
//! MPI_SUM  x  MPI_DOUBLE   -->  kernel: acc[i] = acc[i] + operand[i]
//!   (op)      (primitive)       none if the standard has no such pair: MPI_ERR_OP
//! ```

mod kernel;
mod number;

#[cfg(test)]
mod tests;

use crate::abi;
use crate::datatype::{Datatype, Primitive};
use crate::error::{Class, Error, Result};
use crate::guest::GuestFn;

pub use kernel::Kernel;

/// A reduction operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// One of the standard's.
    Builtin(Builtin),
    /// `MPI_Op_create`.
    User(UserOp),
}

/// An operation that the guest defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserOp {
    /// `(void *invec, void *inoutvec, int *len, MPI_Datatype *datatype)`.
    pub function: GuestFn,
    /// Whether the order of operands may be changed.
    pub commutative: bool,
    /// Made by `MPI_Op_create_c`: `len` then points to an `MPI_Count`.
    pub large: bool,
}

/// A predefined operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Builtin {
    /// `MPI_SUM`.
    Sum,
    /// `MPI_PROD`.
    Prod,
    /// `MPI_MIN`.
    Min,
    /// `MPI_MAX`.
    Max,
    /// `MPI_BAND`.
    BitAnd,
    /// `MPI_BOR`.
    BitOr,
    /// `MPI_BXOR`.
    BitXor,
    /// `MPI_LAND`.
    And,
    /// `MPI_LOR`.
    Or,
    /// `MPI_LXOR`.
    Xor,
    /// `MPI_MINLOC`.
    MinLoc,
    /// `MPI_MAXLOC`.
    MaxLoc,
    /// `MPI_REPLACE`: one-sided accumulation only.
    Replace,
    /// `MPI_NO_OP`: one-sided accumulation only.
    NoOp,
}

const BUILTINS: [(u32, Builtin, &str); 14] = [
    (abi::MPI_SUM, Builtin::Sum, "MPI_SUM"),
    (abi::MPI_PROD, Builtin::Prod, "MPI_PROD"),
    (abi::MPI_MIN, Builtin::Min, "MPI_MIN"),
    (abi::MPI_MAX, Builtin::Max, "MPI_MAX"),
    (abi::MPI_BAND, Builtin::BitAnd, "MPI_BAND"),
    (abi::MPI_BOR, Builtin::BitOr, "MPI_BOR"),
    (abi::MPI_BXOR, Builtin::BitXor, "MPI_BXOR"),
    (abi::MPI_LAND, Builtin::And, "MPI_LAND"),
    (abi::MPI_LOR, Builtin::Or, "MPI_LOR"),
    (abi::MPI_LXOR, Builtin::Xor, "MPI_LXOR"),
    (abi::MPI_MINLOC, Builtin::MinLoc, "MPI_MINLOC"),
    (abi::MPI_MAXLOC, Builtin::MaxLoc, "MPI_MAXLOC"),
    (abi::MPI_REPLACE, Builtin::Replace, "MPI_REPLACE"),
    (abi::MPI_NO_OP, Builtin::NoOp, "MPI_NO_OP"),
];

impl Builtin {
    /// The operation that a predefined handle names.
    #[must_use]
    pub fn from_handle(handle: u32) -> Option<Builtin> {
        BUILTINS.iter().find(|b| b.0 == handle).map(|b| b.1)
    }

    /// Its place in the table of all: how it is named between workers.
    pub(crate) fn number(self) -> u8 {
        BUILTINS.iter().position(|b| b.1 == self).unwrap_or(0) as u8
    }

    /// The operation of this number.
    pub(crate) fn from_number(number: u8) -> Option<Builtin> {
        BUILTINS.get(usize::from(number)).map(|b| b.1)
    }

    /// Its name in C.
    #[must_use]
    pub fn name(self) -> &'static str {
        // Every variant is listed: the test of the table says so.
        BUILTINS
            .iter()
            .find(|b| b.1 == self)
            .map_or("MPI_OP_NULL", |b| b.2)
    }

    /// The code that combines values of `primitive`; none if the standard does not
    /// define this operation on that type (MPI 4.1, section 6.9.2).
    #[must_use]
    pub fn kernel(self, primitive: Primitive) -> Option<Kernel> {
        kernel::find(self, primitive)
    }

    /// The kernel for a reduction of elements of `datatype`, which may be derived as
    /// long as all its data are of one predefined type.
    ///
    /// # Errors
    /// `MPI_ERR_OP` when the operation is not defined on the type.
    pub fn kernel_for(self, datatype: &Datatype) -> Result<Kernel> {
        let primitive = match datatype.primitive() {
            Some(primitive) => primitive,
            // Nothing to combine.
            None if datatype.size() == 0 => Primitive::BYTE,
            None => {
                return Err(Error::new(
                    Class::OP,
                    format!(
                        "{} is for predefined datatypes; use MPI_Op_create for derived ones",
                        self.name()
                    ),
                ));
            }
        };
        match self.kernel(primitive) {
            Some(kernel) => Ok(kernel),
            None if datatype.size() == 0 => Ok(kernel::keep),
            None => Err(Error::new(
                Class::OP,
                format!("{} is not defined on {}", self.name(), primitive.name()),
            )),
        }
    }
}

impl Op {
    /// The predefined operation that a handle names.
    #[must_use]
    pub fn predefined(handle: u32) -> Option<Op> {
        Builtin::from_handle(handle).map(Op::Builtin)
    }

    /// Whether the order of operands may be changed.
    #[must_use]
    pub fn is_commutative(self) -> bool {
        match self {
            Op::Builtin(builtin) => builtin != Builtin::Replace,
            Op::User(user) => user.commutative,
        }
    }
}

/// `acc = acc op operand` for packed values of one predefined type (pairs without
/// padding). Both slices have the same whole number of values.
///
/// # Errors
/// `MPI_ERR_OP` when the operation is not defined on the type.
pub fn reduce(op: Builtin, primitive: Primitive, acc: &mut [u8], operand: &[u8]) -> Result<()> {
    let kernel = op.kernel(primitive).ok_or_else(|| {
        Error::new(
            Class::OP,
            format!("{} is not defined on {}", op.name(), primitive.name()),
        )
    })?;
    kernel(acc, operand);
    Ok(())
}
