//! Kernels against plain Rust, and the table of which operation is for which type.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

fn primitive(handle: u32) -> Primitive {
    Primitive::from_handle(handle).unwrap()
}

fn reduced(op: Builtin, handle: u32, acc: &[u8], operand: &[u8]) -> Vec<u8> {
    let mut acc = acc.to_vec();
    reduce(op, primitive(handle), &mut acc, operand).unwrap();
    acc
}

macro_rules! check {
    ($type:ty, $handle:ident, $op:ident, $f:expr) => {{
        // Enough values for vector loops with a rest.
        let a: Vec<$type> = (0..37).map(|i| (i * 5 % 11) as $type).collect();
        let b: Vec<$type> = (0..37).map(|i| (i * 3 % 7) as $type).collect();
        let bytes = |v: &[$type]| v.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
        let f: fn($type, $type) -> $type = $f;
        let expected: Vec<$type> = a.iter().zip(&b).map(|(&a, &b)| f(a, b)).collect();
        assert_eq!(
            reduced(Builtin::$op, abi::$handle, &bytes(&a), &bytes(&b)),
            bytes(&expected),
            "{} on {}",
            stringify!($op),
            stringify!($handle)
        );
    }};
}

macro_rules! check_integers {
    ($($type:ty: $handle:ident),* $(,)?) => {$(
        check!($type, $handle, Sum, |a, b| a.wrapping_add(b));
        check!($type, $handle, Prod, |a, b| a.wrapping_mul(b));
        check!($type, $handle, Min, |a, b| a.min(b));
        check!($type, $handle, Max, |a, b| a.max(b));
        check!($type, $handle, BitAnd, |a, b| a & b);
        check!($type, $handle, BitOr, |a, b| a | b);
        check!($type, $handle, BitXor, |a, b| a ^ b);
        check!($type, $handle, And, |a, b| (a != 0 && b != 0) as $type);
        check!($type, $handle, Or, |a, b| (a != 0 || b != 0) as $type);
        check!($type, $handle, Xor, |a, b| ((a != 0) != (b != 0)) as $type);
    )*};
}

#[test]
fn integers_compute_as_in_c() {
    check_integers!(
        i8: MPI_SIGNED_CHAR, i8: MPI_CHAR, u8: MPI_UNSIGNED_CHAR, i16: MPI_SHORT,
        u16: MPI_UNSIGNED_SHORT, i32: MPI_INT, u32: MPI_UNSIGNED, i32: MPI_LONG,
        u32: MPI_UNSIGNED_LONG, i64: MPI_LONG_LONG, u64: MPI_UINT64_T, i64: MPI_OFFSET,
        i32: MPI_AINT, i64: MPI_COUNT, i128: MPI_INTEGER16,
    );
}

#[test]
fn floats_compute_as_in_c() {
    check!(f32, MPI_FLOAT, Sum, |a, b| a + b);
    check!(f32, MPI_REAL, Prod, |a, b| a * b);
    check!(f64, MPI_DOUBLE, Sum, |a, b| a + b);
    check!(f64, MPI_DOUBLE, Prod, |a, b| a * b);
    check!(f64, MPI_DOUBLE, Min, |a, b| a.min(b));
    check!(f64, MPI_DOUBLE, Max, |a, b| a.max(b));
    check!(f64, MPI_DOUBLE, Xor, |a, b| {
        f64::from(u8::from((a != 0.0) != (b != 0.0)))
    });
}

/// Doubles as binary128: sign and fraction move up, the exponent's bias grows.
fn quad(value: f64) -> [u8; 16] {
    let bits = u128::from(value.to_bits());
    let (sign, exponent) = (bits >> 63 << 127, bits >> 52 & 0x7ff);
    let exponent = if value == 0.0 {
        0
    } else {
        (exponent + 16383 - 1023) << 112
    };
    (sign | exponent | (bits & ((1 << 52) - 1)) << 60).to_le_bytes()
}

#[test]
fn long_doubles_have_113_bits() {
    let sum = |a: f64, b: f64| reduced(Builtin::Sum, abi::MPI_LONG_DOUBLE, &quad(a), &quad(b));
    assert_eq!(sum(1.5, -4.25), quad(-2.75));
    assert_eq!(sum(0.0, 3.0), quad(3.0));
    // 2^80 + 1 needs 81 bits: back to 1 when 2^80 is taken away again.
    let big = 2f64.powi(80);
    let both = reduced(
        Builtin::Sum,
        abi::MPI_LONG_DOUBLE,
        &sum(big, 1.0),
        &quad(-big),
    );
    assert_eq!(both, quad(1.0));
    let max = reduced(Builtin::Max, abi::MPI_LONG_DOUBLE, &quad(-1.0), &quad(-0.5));
    assert_eq!(max, quad(-0.5));
}

#[test]
fn complex_products_are_complex() {
    let pair = |re: f64, im: f64| [re.to_le_bytes(), im.to_le_bytes()].concat();
    let product = reduced(
        Builtin::Prod,
        abi::MPI_C_DOUBLE_COMPLEX,
        &pair(1.0, 2.0),
        &pair(3.0, -1.0),
    );
    assert_eq!(product, pair(5.0, 5.0));
    let quads = [quad(1.0), quad(2.0)].concat();
    let product = reduced(
        Builtin::Prod,
        abi::MPI_C_LONG_DOUBLE_COMPLEX,
        &quads,
        &quads,
    );
    assert_eq!(product, [quad(-3.0), quad(4.0)].concat());
}

#[test]
fn the_smaller_index_wins_a_tie() {
    let pair = |value: f64, index: i32| [&value.to_le_bytes()[..], &index.to_le_bytes()].concat();
    let min = |a: &[u8], b: &[u8]| reduced(Builtin::MinLoc, abi::MPI_DOUBLE_INT, a, b);
    assert_eq!(min(&pair(2.0, 7), &pair(1.0, 9)), pair(1.0, 9));
    assert_eq!(min(&pair(1.0, 7), &pair(1.0, 3)), pair(1.0, 3));
    assert_eq!(min(&pair(1.0, 3), &pair(1.0, 7)), pair(1.0, 3));
    let long = |value: f64, index: i32| [&quad(value)[..], &index.to_le_bytes()].concat();
    let max = reduced(
        Builtin::MaxLoc,
        abi::MPI_LONG_DOUBLE_INT,
        &long(1.0, 0),
        &long(2.0, 5),
    );
    assert_eq!(max, long(2.0, 5));
}

/// MPI 4.1, section 6.9.2, as a table: families in rows, operations in columns. Logical
/// operations on floats are an extension, and MPI_CHAR counts as an integer.
#[test]
fn operations_are_defined_where_the_standard_says() {
    let table = [
        (
            abi::MPI_INT,
            "MPI_SUM MPI_PROD MPI_MIN MPI_MAX MPI_BAND MPI_BOR MPI_BXOR MPI_LAND MPI_LOR MPI_LXOR",
        ),
        (
            abi::MPI_AINT,
            "MPI_SUM MPI_PROD MPI_MIN MPI_MAX MPI_BAND MPI_BOR MPI_BXOR MPI_LAND MPI_LOR MPI_LXOR",
        ),
        (
            abi::MPI_DOUBLE,
            "MPI_SUM MPI_PROD MPI_MIN MPI_MAX MPI_LAND MPI_LOR MPI_LXOR",
        ),
        (abi::MPI_C_BOOL, "MPI_LAND MPI_LOR MPI_LXOR"),
        (abi::MPI_C_FLOAT_COMPLEX, "MPI_SUM MPI_PROD"),
        (abi::MPI_BYTE, "MPI_BAND MPI_BOR MPI_BXOR"),
        (abi::MPI_2INT, "MPI_MINLOC MPI_MAXLOC"),
        (abi::MPI_WCHAR, ""),
        (abi::MPI_PACKED, ""),
    ];
    for (handle, expected) in table {
        let defined: Vec<_> = BUILTINS
            .iter()
            .filter(|b| !matches!(b.1, Builtin::Replace | Builtin::NoOp))
            .filter(|b| b.1.kernel(primitive(handle)).is_some())
            .map(|b| b.2)
            .collect();
        assert_eq!(defined.join(" "), expected, "{}", primitive(handle).name());
    }
    for p in Primitive::all() {
        let any = BUILTINS.iter().filter(|b| b.1.kernel(p).is_some()).count();
        assert!(
            any > 2 || p.family() == crate::datatype::Family::Opaque,
            "{p:?}"
        );
        assert!(Builtin::Replace.kernel(p).is_some());
    }
    let struct_type = Datatype::structure(&[
        (1, 0, Datatype::named(Primitive::INT)),
        (1, 8, Datatype::named(Primitive::DOUBLE)),
    ])
    .unwrap();
    assert_eq!(
        Builtin::Sum.kernel_for(&struct_type).unwrap_err().class,
        Class::OP
    );
    let ints = Datatype::contiguous(4, &Datatype::named(Primitive::INT)).unwrap();
    assert!(Builtin::Sum.kernel_for(&ints).is_ok());
}
