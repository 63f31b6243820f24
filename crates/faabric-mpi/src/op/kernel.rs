//! The loops of the predefined operations, one for each operation and representation.

use super::Builtin;
use super::number::{Half, Integer, Number, Quad};
use crate::datatype::{Family, Primitive, Repr, Scalar};

/// `acc[i] = acc[i] op operand[i]` over packed values; what is not a whole value at
/// the end of either slice stays as it is.
pub type Kernel = fn(acc: &mut [u8], operand: &[u8]);

/// The kernel of `op` on `primitive`, where the standard defines one.
pub(super) fn find(op: Builtin, primitive: Primitive) -> Option<Kernel> {
    match op {
        Builtin::Replace => return Some(replace),
        Builtin::NoOp => return Some(keep),
        _ => {}
    }
    // Which operations a family has, then how the representation computes them.
    let computes = match primitive.family() {
        Family::Integer | Family::MultiLanguage => !matches!(op, Builtin::MinLoc | Builtin::MaxLoc),
        // Logical operations on floats are not the standard's, but MPICH has them.
        Family::Floating => matches!(
            op,
            Builtin::Sum
                | Builtin::Prod
                | Builtin::Min
                | Builtin::Max
                | Builtin::And
                | Builtin::Or
                | Builtin::Xor
        ),
        Family::Complex => matches!(op, Builtin::Sum | Builtin::Prod),
        Family::Logical => matches!(op, Builtin::And | Builtin::Or | Builtin::Xor),
        Family::Byte => matches!(op, Builtin::BitAnd | Builtin::BitOr | Builtin::BitXor),
        Family::Pair => matches!(op, Builtin::MinLoc | Builtin::MaxLoc),
        Family::Opaque => false,
    };
    if !computes {
        return None;
    }
    match primitive.repr() {
        Repr::Signed(1) => integer::<i8>(op),
        Repr::Signed(2) => integer::<i16>(op),
        Repr::Signed(4) => integer::<i32>(op),
        Repr::Signed(8) => integer::<i64>(op),
        Repr::Signed(16) => integer::<i128>(op),
        Repr::Unsigned(1) => integer::<u8>(op),
        Repr::Unsigned(2) => integer::<u16>(op),
        Repr::Unsigned(4) => integer::<u32>(op),
        Repr::Unsigned(8) => integer::<u64>(op),
        Repr::Unsigned(16) => integer::<u128>(op),
        Repr::Float(2) => number::<Half>(op),
        Repr::Float(4) => number::<f32>(op),
        Repr::Float(8) => number::<f64>(op),
        Repr::Float(16) => number::<Quad>(op),
        Repr::Complex(2) => complex::<Half>(op),
        Repr::Complex(4) => complex::<f32>(op),
        Repr::Complex(8) => complex::<f64>(op),
        Repr::Complex(16) => complex::<Quad>(op),
        Repr::Pair(value, index) => pair(op, value, index),
        Repr::Signed(_) | Repr::Unsigned(_) | Repr::Float(_) | Repr::Complex(_) => None,
    }
}

/// `MPI_NO_OP`.
pub(super) fn keep(_acc: &mut [u8], _operand: &[u8]) {}

/// `MPI_REPLACE`.
fn replace(acc: &mut [u8], operand: &[u8]) {
    let len = acc.len().min(operand.len());
    acc[..len].copy_from_slice(&operand[..len]);
}

fn number<T: Number>(op: Builtin) -> Option<Kernel> {
    Some(match op {
        Builtin::Sum => |acc, operand| T::zip(acc, operand, T::add),
        Builtin::Prod => |acc, operand| T::zip(acc, operand, T::mul),
        // The form that becomes one instruction; an operand that is not a number is kept.
        Builtin::Min => |acc, operand| T::zip(acc, operand, |a, b| if a < b { a } else { b }),
        Builtin::Max => |acc, operand| T::zip(acc, operand, |a, b| if a > b { a } else { b }),
        Builtin::And => {
            |acc, operand| T::zip(acc, operand, |a, b| T::from_bool(a.is_true() & b.is_true()))
        }
        Builtin::Or => {
            |acc, operand| T::zip(acc, operand, |a, b| T::from_bool(a.is_true() | b.is_true()))
        }
        Builtin::Xor => {
            |acc, operand| T::zip(acc, operand, |a, b| T::from_bool(a.is_true() ^ b.is_true()))
        }
        _ => return None,
    })
}

fn integer<T: Integer>(op: Builtin) -> Option<Kernel> {
    Some(match op {
        Builtin::BitAnd => |acc, operand| T::zip(acc, operand, T::and),
        Builtin::BitOr => |acc, operand| T::zip(acc, operand, T::or),
        Builtin::BitXor => |acc, operand| T::zip(acc, operand, T::xor),
        _ => return number::<T>(op),
    })
}

fn complex<T: Number>(op: Builtin) -> Option<Kernel> {
    Some(match op {
        Builtin::Sum => |acc, operand| T::zip(acc, operand, T::add),
        Builtin::Prod => |acc, operand| {
            T::zip_pairs(acc, operand, |(a, b), (c, d)| {
                (a.mul(c).sub(b.mul(d)), a.mul(d).add(b.mul(c)))
            })
        },
        _ => return None,
    })
}

fn pair(op: Builtin, value: Scalar, index: Scalar) -> Option<Kernel> {
    Some(match (value, index) {
        (Scalar::I16, Scalar::I32) => locate::<i16, i32>(op),
        (Scalar::I32, Scalar::I32) => locate::<i32, i32>(op),
        (Scalar::F32, Scalar::I32) => locate::<f32, i32>(op),
        (Scalar::F64, Scalar::I32) => locate::<f64, i32>(op),
        (Scalar::F128, Scalar::I32) => locate::<Quad, i32>(op),
        (Scalar::F32, Scalar::F32) => locate::<f32, f32>(op),
        (Scalar::F64, Scalar::F64) => locate::<f64, f64>(op),
        _ => return None,
    })
}

fn locate<V: Number, I: Number>(op: Builtin) -> Kernel {
    match op {
        Builtin::MinLoc => |acc, operand| zip_located::<V, I>(acc, operand, |a, b| b < a),
        _ => |acc, operand| zip_located::<V, I>(acc, operand, |a, b| b > a),
    }
}

/// Takes the operand's value and index where its value is `better(acc, operand)`, and
/// the smaller index where the values are equal.
fn zip_located<V: Number, I: Number>(
    acc: &mut [u8],
    operand: &[u8],
    better: impl Fn(V, V) -> bool,
) {
    let size = V::SIZE + I::SIZE;
    for (a, b) in acc.chunks_exact_mut(size).zip(operand.chunks_exact(size)) {
        let (mine, other) = (V::load(a), V::load(b));
        if better(mine, other) {
            a.copy_from_slice(b);
        } else if mine == other && I::load(&b[V::SIZE..]) < I::load(&a[V::SIZE..]) {
            a[V::SIZE..].copy_from_slice(&b[V::SIZE..]);
        }
    }
}
