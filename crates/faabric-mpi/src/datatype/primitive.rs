//! The predefined datatypes: what each is on wasm32.
//!
//! One table says it all: the machine representation ([`Repr`], which decides size,
//! alignment and how a reduction computes) and the standard's group of types
//! ([`Family`], MPI 4.1 section 6.9.2, which decides the operations that are allowed).

use crate::abi;

/// How a value is represented in guest memory. All are little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Repr {
    /// A two's complement integer of this many bytes.
    Signed(u8),
    /// An unsigned integer of this many bytes.
    Unsigned(u8),
    /// An IEEE 754 binary floating-point number of this many bytes.
    Float(u8),
    /// Two floating-point numbers of this many bytes each: real part, imaginary part.
    Complex(u8),
    /// A value, padding, and an index or second value, laid out as a C `struct`:
    /// what `MPI_MINLOC` works on.
    Pair(Scalar, Scalar),
}

/// The value or the index of a [`Repr::Pair`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scalar {
    /// `short`.
    I16,
    /// `int` and `long`.
    I32,
    /// `float`.
    F32,
    /// `double`.
    F64,
    /// `long double`.
    F128,
}

impl Scalar {
    /// Bytes of the value, which is also its alignment.
    #[must_use]
    pub fn size(self) -> u64 {
        match self {
            Scalar::I16 => 2,
            Scalar::I32 | Scalar::F32 => 4,
            Scalar::F64 => 8,
            Scalar::F128 => 16,
        }
    }
}

/// The standard's groups of predefined types (MPI 4.1, section 6.9.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// C and Fortran integers, and `MPI_CHAR`, which the standard leaves out but
    /// every implementation takes for a C integer.
    Integer,
    /// Floating point.
    Floating,
    /// C and C++ `bool`, Fortran `LOGICAL`.
    Logical,
    /// Complex.
    Complex,
    /// `MPI_BYTE`.
    Byte,
    /// `MPI_AINT`, `MPI_OFFSET`, `MPI_COUNT`.
    MultiLanguage,
    /// Value and index: `MPI_MINLOC` and `MPI_MAXLOC` only.
    Pair,
    /// Text and packed data: no operation computes on them.
    Opaque,
}

/// A predefined datatype.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Primitive(u8);

struct Row {
    handle: u32,
    name: &'static str,
    repr: Repr,
    family: Family,
}

macro_rules! table {
    ($($handle:ident: $repr:expr, $family:ident;)*) => {
        const TABLE: &[Row] = &[$(Row {
            handle: abi::$handle,
            name: stringify!($handle),
            repr: $repr,
            family: Family::$family,
        }),*];
    };
}

use Repr::{Complex, Float, Pair, Signed, Unsigned};

table! {
    MPI_AINT: Signed(4), MultiLanguage;
    MPI_COUNT: Signed(8), MultiLanguage;
    MPI_OFFSET: Signed(8), MultiLanguage;
    MPI_PACKED: Unsigned(1), Opaque;
    MPI_SHORT: Signed(2), Integer;
    MPI_INT: Signed(4), Integer;
    MPI_LONG: Signed(4), Integer;
    MPI_LONG_LONG: Signed(8), Integer;
    MPI_UNSIGNED_SHORT: Unsigned(2), Integer;
    MPI_UNSIGNED: Unsigned(4), Integer;
    MPI_UNSIGNED_LONG: Unsigned(4), Integer;
    MPI_UNSIGNED_LONG_LONG: Unsigned(8), Integer;
    MPI_FLOAT: Float(4), Floating;
    MPI_C_FLOAT_COMPLEX: Complex(4), Complex;
    MPI_CXX_FLOAT_COMPLEX: Complex(4), Complex;
    MPI_DOUBLE: Float(8), Floating;
    MPI_C_DOUBLE_COMPLEX: Complex(8), Complex;
    MPI_CXX_DOUBLE_COMPLEX: Complex(8), Complex;
    MPI_LOGICAL: Signed(4), Logical;
    MPI_INTEGER: Signed(4), Integer;
    MPI_REAL: Float(4), Floating;
    MPI_COMPLEX: Complex(4), Complex;
    MPI_DOUBLE_PRECISION: Float(8), Floating;
    MPI_DOUBLE_COMPLEX: Complex(8), Complex;
    MPI_LONG_DOUBLE: Float(16), Floating;
    MPI_C_LONG_DOUBLE_COMPLEX: Complex(16), Complex;
    MPI_CXX_LONG_DOUBLE_COMPLEX: Complex(16), Complex;
    MPI_FLOAT_INT: Pair(Scalar::F32, Scalar::I32), Pair;
    MPI_DOUBLE_INT: Pair(Scalar::F64, Scalar::I32), Pair;
    MPI_LONG_INT: Pair(Scalar::I32, Scalar::I32), Pair;
    MPI_2INT: Pair(Scalar::I32, Scalar::I32), Pair;
    MPI_SHORT_INT: Pair(Scalar::I16, Scalar::I32), Pair;
    MPI_LONG_DOUBLE_INT: Pair(Scalar::F128, Scalar::I32), Pair;
    MPI_2REAL: Pair(Scalar::F32, Scalar::F32), Pair;
    MPI_2DOUBLE_PRECISION: Pair(Scalar::F64, Scalar::F64), Pair;
    MPI_2INTEGER: Pair(Scalar::I32, Scalar::I32), Pair;
    MPI_C_BOOL: Unsigned(1), Logical;
    MPI_CXX_BOOL: Unsigned(1), Logical;
    MPI_WCHAR: Signed(4), Opaque;
    MPI_INT8_T: Signed(1), Integer;
    MPI_UINT8_T: Unsigned(1), Integer;
    MPI_CHAR: Signed(1), Integer;
    MPI_SIGNED_CHAR: Signed(1), Integer;
    MPI_UNSIGNED_CHAR: Unsigned(1), Integer;
    MPI_BYTE: Unsigned(1), Byte;
    MPI_INT16_T: Signed(2), Integer;
    MPI_UINT16_T: Unsigned(2), Integer;
    MPI_INT32_T: Signed(4), Integer;
    MPI_UINT32_T: Unsigned(4), Integer;
    MPI_INT64_T: Signed(8), Integer;
    MPI_UINT64_T: Unsigned(8), Integer;
    MPI_LOGICAL1: Signed(1), Logical;
    MPI_INTEGER1: Signed(1), Integer;
    MPI_CHARACTER: Unsigned(1), Opaque;
    MPI_LOGICAL2: Signed(2), Logical;
    MPI_INTEGER2: Signed(2), Integer;
    MPI_REAL2: Float(2), Floating;
    MPI_LOGICAL4: Signed(4), Logical;
    MPI_INTEGER4: Signed(4), Integer;
    MPI_REAL4: Float(4), Floating;
    MPI_COMPLEX4: Complex(2), Complex;
    MPI_LOGICAL8: Signed(8), Logical;
    MPI_INTEGER8: Signed(8), Integer;
    MPI_REAL8: Float(8), Floating;
    MPI_COMPLEX8: Complex(4), Complex;
    MPI_LOGICAL16: Signed(16), Logical;
    MPI_INTEGER16: Signed(16), Integer;
    MPI_REAL16: Float(16), Floating;
    MPI_COMPLEX16: Complex(8), Complex;
    MPI_COMPLEX32: Complex(16), Complex;
}

impl Primitive {
    /// `MPI_BYTE`.
    pub const BYTE: Primitive = Primitive(find(abi::MPI_BYTE));
    /// `MPI_INT`.
    pub const INT: Primitive = Primitive(find(abi::MPI_INT));
    /// `MPI_DOUBLE`.
    pub const DOUBLE: Primitive = Primitive(find(abi::MPI_DOUBLE));

    /// All of them.
    pub fn all() -> impl Iterator<Item = Primitive> {
        (0..TABLE.len() as u8).map(Primitive)
    }

    /// The type that a predefined handle names.
    #[must_use]
    pub fn from_handle(handle: u32) -> Option<Primitive> {
        // A handle in the predefined range is an index of the reverse table.
        let index = *BY_HANDLE.get(handle.checked_sub(HANDLES)? as usize)?;
        (index != NONE).then_some(Primitive(index))
    }

    fn row(self) -> &'static Row {
        &TABLE[self.0 as usize]
    }

    /// Its place among all of them, from 0.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }

    /// Its handle in the ABI.
    #[must_use]
    pub fn handle(self) -> u32 {
        self.row().handle
    }

    /// Its name in C, which is also what `MPI_Type_get_name` says. Where the standard
    /// has two, the one that it does not call a synonym.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.row().name {
            "MPI_LONG_LONG" => "MPI_LONG_LONG_INT",
            "MPI_C_FLOAT_COMPLEX" => "MPI_C_COMPLEX",
            name => name,
        }
    }

    /// How its values are represented.
    #[must_use]
    pub fn repr(self) -> Repr {
        self.row().repr
    }

    /// The standard's group of types it belongs to.
    #[must_use]
    pub fn family(self) -> Family {
        self.row().family
    }

    /// Bytes of data in one value: what a message carries. Padding is not counted.
    #[must_use]
    pub fn size(self) -> u64 {
        match self.repr() {
            Signed(n) | Unsigned(n) | Float(n) => u64::from(n),
            Complex(n) => 2 * u64::from(n),
            Pair(value, index) => value.size() + index.size(),
        }
    }

    /// The alignment that C gives it on wasm32, in bytes.
    #[must_use]
    pub fn align(self) -> u64 {
        match self.repr() {
            Signed(n) | Unsigned(n) | Float(n) | Complex(n) => u64::from(n),
            Pair(value, index) => value.size().max(index.size()),
        }
    }

    /// Bytes from one value to the next in an array.
    #[must_use]
    pub fn extent(self) -> u64 {
        match self.repr() {
            Pair(..) => (self.index_offset() + self.size() - self.value_size())
                .next_multiple_of(self.align()),
            _ => self.size(),
        }
    }

    /// Bytes of a pair's value; of the whole for anything else.
    #[must_use]
    pub fn value_size(self) -> u64 {
        match self.repr() {
            Pair(value, _) => value.size(),
            _ => self.size(),
        }
    }

    /// Where a pair's index lies; the size for anything else.
    #[must_use]
    pub fn index_offset(self) -> u64 {
        match self.repr() {
            Pair(value, index) => value.size().next_multiple_of(index.size()),
            _ => self.size(),
        }
    }

    /// The parts that `MPI_Get_elements` counts: a pair has two.
    #[must_use]
    pub fn parts(self) -> (Primitive, Option<Primitive>) {
        match self.repr() {
            Pair(value, index) => (Primitive::scalar(value), Some(Primitive::scalar(index))),
            _ => (self, None),
        }
    }

    fn scalar(scalar: Scalar) -> Primitive {
        const SHORT: u8 = find(abi::MPI_SHORT);
        const INT: u8 = find(abi::MPI_INT);
        const FLOAT: u8 = find(abi::MPI_FLOAT);
        const DOUBLE: u8 = find(abi::MPI_DOUBLE);
        const LONG_DOUBLE: u8 = find(abi::MPI_LONG_DOUBLE);
        Primitive(match scalar {
            Scalar::I16 => SHORT,
            Scalar::I32 => INT,
            Scalar::F32 => FLOAT,
            Scalar::F64 => DOUBLE,
            Scalar::F128 => LONG_DOUBLE,
        })
    }

    /// Bytes of one value in the "external32" representation (MPI 4.1, section 14.5.2).
    #[must_use]
    pub fn external_size(self) -> u64 {
        match self.handle() {
            abi::MPI_AINT => 8,
            abi::MPI_WCHAR => 2,
            _ => self.size(),
        }
    }

    /// The Fortran type of this class and size (`MPI_Type_match_size`).
    #[must_use]
    pub fn of_class(typeclass: i32, size: i64) -> Option<Primitive> {
        let handle = match (typeclass, size) {
            (abi::MPI_TYPECLASS_INTEGER, 1) => abi::MPI_INTEGER1,
            (abi::MPI_TYPECLASS_INTEGER, 2) => abi::MPI_INTEGER2,
            (abi::MPI_TYPECLASS_INTEGER, 4) => abi::MPI_INTEGER4,
            (abi::MPI_TYPECLASS_INTEGER, 8) => abi::MPI_INTEGER8,
            (abi::MPI_TYPECLASS_INTEGER, 16) => abi::MPI_INTEGER16,
            (abi::MPI_TYPECLASS_REAL, 2) => abi::MPI_REAL2,
            (abi::MPI_TYPECLASS_REAL, 4) => abi::MPI_REAL4,
            (abi::MPI_TYPECLASS_REAL, 8) => abi::MPI_REAL8,
            (abi::MPI_TYPECLASS_REAL, 16) => abi::MPI_REAL16,
            (abi::MPI_TYPECLASS_COMPLEX, 4) => abi::MPI_COMPLEX4,
            (abi::MPI_TYPECLASS_COMPLEX, 8) => abi::MPI_COMPLEX8,
            (abi::MPI_TYPECLASS_COMPLEX, 16) => abi::MPI_COMPLEX16,
            (abi::MPI_TYPECLASS_COMPLEX, 32) => abi::MPI_COMPLEX32,
            (abi::MPIX_TYPECLASS_LOGICAL, 1) => abi::MPI_LOGICAL1,
            (abi::MPIX_TYPECLASS_LOGICAL, 2) => abi::MPI_LOGICAL2,
            (abi::MPIX_TYPECLASS_LOGICAL, 4) => abi::MPI_LOGICAL4,
            (abi::MPIX_TYPECLASS_LOGICAL, 8) => abi::MPI_LOGICAL8,
            (abi::MPIX_TYPECLASS_LOGICAL, 16) => abi::MPI_LOGICAL16,
            _ => return None,
        };
        Primitive::from_handle(handle)
    }

    /// The predefined pair of these two types (`MPI_Type_get_value_index`).
    #[must_use]
    pub fn value_index(value: Primitive, index: Primitive) -> Option<Primitive> {
        let handle = match (value.handle(), index.handle()) {
            (abi::MPI_FLOAT, abi::MPI_INT) => abi::MPI_FLOAT_INT,
            (abi::MPI_DOUBLE, abi::MPI_INT) => abi::MPI_DOUBLE_INT,
            (abi::MPI_LONG, abi::MPI_INT) => abi::MPI_LONG_INT,
            (abi::MPI_INT, abi::MPI_INT) => abi::MPI_2INT,
            (abi::MPI_SHORT, abi::MPI_INT) => abi::MPI_SHORT_INT,
            (abi::MPI_LONG_DOUBLE, abi::MPI_INT) => abi::MPI_LONG_DOUBLE_INT,
            (abi::MPI_REAL, abi::MPI_REAL) => abi::MPI_2REAL,
            (abi::MPI_DOUBLE_PRECISION, abi::MPI_DOUBLE_PRECISION) => abi::MPI_2DOUBLE_PRECISION,
            (abi::MPI_INTEGER, abi::MPI_INTEGER) => abi::MPI_2INTEGER,
            _ => return None,
        };
        Primitive::from_handle(handle)
    }
}

impl std::fmt::Debug for Primitive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The first datatype handle, and how many numbers the ABI gives to datatypes.
const HANDLES: u32 = abi::MPI_DATATYPE_NULL;
const RANGE: usize = 0x100;
const NONE: u8 = u8::MAX;

/// Table rows by handle, so that looking a handle up is one load.
static BY_HANDLE: [u8; RANGE] = {
    let mut rows = [NONE; RANGE];
    let mut i = 0;
    while i < TABLE.len() {
        rows[(TABLE[i].handle - HANDLES) as usize] = i as u8;
        i += 1;
    }
    rows
};

/// The row of a handle that the table has; anything else fails the build.
const fn find(handle: u32) -> u8 {
    let mut i = 0;
    while TABLE[i].handle != handle {
        i += 1;
    }
    i as u8
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn every_datatype_of_the_abi_is_in_the_table() {
        let group = abi::GROUPS.iter().find(|g| g.title == "datatype").unwrap();
        for &(name, handle) in group.constants {
            let found = Primitive::from_handle(handle as u32);
            match name {
                "MPI_DATATYPE_NULL" => assert_eq!(found, None),
                _ => assert_eq!(found.unwrap().row().name, name),
            }
        }
        for handle in [0, 0x100, 0x1ff, 0x204, 0x2ff, 0x300, u32::MAX] {
            assert_eq!(Primitive::from_handle(handle), None, "{handle:#x}");
        }
    }

    #[test]
    fn pairs_have_the_layout_of_c_structs() {
        let of = |handle| {
            let p = Primitive::from_handle(handle).unwrap();
            (p.size(), p.index_offset(), p.extent())
        };
        assert_eq!(of(abi::MPI_SHORT_INT), (6, 4, 8));
        assert_eq!(of(abi::MPI_DOUBLE_INT), (12, 8, 16));
        assert_eq!(of(abi::MPI_LONG_DOUBLE_INT), (20, 16, 32));
        assert_eq!(of(abi::MPI_2INT), (8, 4, 8));
    }
}
