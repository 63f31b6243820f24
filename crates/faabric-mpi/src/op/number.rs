//! Numbers as they lie in guest memory, and loops over slices of them.
//!
//! [`Number::zip`] is written once for each type, over arrays of the type's size, so
//! that the compiler sees loops without bounds checks and vectorises them.

use rustc_apfloat::Float as _;
use rustc_apfloat::ieee;

/// A number in little-endian bytes.
pub(super) trait Number: Copy + PartialOrd {
    /// Its bytes.
    const SIZE: usize;
    /// Reads it from the first `SIZE` bytes.
    fn load(bytes: &[u8]) -> Self;
    /// Writes it to the first `SIZE` bytes.
    fn store(self, bytes: &mut [u8]);
    /// Wraps around on overflow.
    fn add(self, other: Self) -> Self;
    /// Wraps around on overflow; IEEE rules for floats.
    fn sub(self, other: Self) -> Self;
    /// Wraps around on overflow.
    fn mul(self, other: Self) -> Self;
    /// 0 or 1.
    fn from_bool(value: bool) -> Self;
    /// Whether it is not zero.
    fn is_true(self) -> bool;
    /// `acc[i] = f(acc[i], operand[i])` for all whole numbers in both.
    fn zip(acc: &mut [u8], operand: &[u8], f: impl Fn(Self, Self) -> Self);
    /// The same, two numbers at a time: real and imaginary parts.
    fn zip_pairs(
        acc: &mut [u8],
        operand: &[u8],
        f: impl Fn((Self, Self), (Self, Self)) -> (Self, Self),
    ) {
        let pairs = acc.chunks_exact_mut(2 * Self::SIZE);
        for (a, b) in pairs.zip(operand.chunks_exact(2 * Self::SIZE)) {
            let load = |bytes: &[u8]| (Self::load(bytes), Self::load(&bytes[Self::SIZE..]));
            let (first, second) = f(load(a), load(b));
            first.store(a);
            second.store(&mut a[Self::SIZE..]);
        }
    }
}

/// A number that has bits to combine.
pub(super) trait Integer: Number {
    /// Bitwise and.
    fn and(self, other: Self) -> Self;
    /// Bitwise or.
    fn or(self, other: Self) -> Self;
    /// Bitwise exclusive or.
    fn xor(self, other: Self) -> Self;
}

macro_rules! loops {
    ($type:ty, $size:literal, $from:expr, $to:expr) => {
        const SIZE: usize = $size;

        fn load(bytes: &[u8]) -> Self {
            let mut array = [0; $size];
            array.copy_from_slice(&bytes[..$size]);
            $from(array)
        }

        fn store(self, bytes: &mut [u8]) {
            bytes[..$size].copy_from_slice(&$to(self));
        }

        fn zip(acc: &mut [u8], operand: &[u8], f: impl Fn(Self, Self) -> Self) {
            let (acc, _) = acc.as_chunks_mut::<$size>();
            let (operand, _) = operand.as_chunks::<$size>();
            for (a, b) in acc.iter_mut().zip(operand) {
                *a = $to(f($from(*a), $from(*b)));
            }
        }
    };
}

macro_rules! integers {
    ($($type:ty: $size:literal),*) => {$(
        impl Number for $type {
            loops!($type, $size, <$type>::from_le_bytes, <$type>::to_le_bytes);

            fn add(self, other: Self) -> Self {
                self.wrapping_add(other)
            }

            fn sub(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }

            fn mul(self, other: Self) -> Self {
                self.wrapping_mul(other)
            }

            fn from_bool(value: bool) -> Self {
                Self::from(value)
            }

            fn is_true(self) -> bool {
                self != 0
            }
        }

        impl Integer for $type {
            fn and(self, other: Self) -> Self {
                self & other
            }

            fn or(self, other: Self) -> Self {
                self | other
            }

            fn xor(self, other: Self) -> Self {
                self ^ other
            }
        }
    )*};
}

integers!(i8: 1, u8: 1, i16: 2, u16: 2, i32: 4, u32: 4, i64: 8, u64: 8, i128: 16, u128: 16);

macro_rules! floats {
    ($($type:ty: $size:literal),*) => {$(
        impl Number for $type {
            loops!($type, $size, <$type>::from_le_bytes, <$type>::to_le_bytes);

            fn add(self, other: Self) -> Self {
                self + other
            }

            fn sub(self, other: Self) -> Self {
                self - other
            }

            fn mul(self, other: Self) -> Self {
                self * other
            }

            fn from_bool(value: bool) -> Self {
                u8::from(value).into()
            }

            fn is_true(self) -> bool {
                self != 0.0
            }
        }
    )*};
}

floats!(f32: 4, f64: 8);

/// Floats that Rust has no stable type for, computed in software.
macro_rules! soft_floats {
    ($($(#[$doc:meta])* $name:ident, $inner:ty, $bits:ty: $size:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, PartialOrd)]
        pub(super) struct $name($inner);

        impl $name {
            fn from_le_bytes(bytes: [u8; $size]) -> Self {
                $name(<$inner>::from_bits(u128::from(<$bits>::from_le_bytes(bytes))))
            }

            fn to_le_bytes(self) -> [u8; $size] {
                // The value has no more bits than `$bits`.
                (self.0.to_bits() as $bits).to_le_bytes()
            }
        }

        impl Number for $name {
            loops!($name, $size, $name::from_le_bytes, $name::to_le_bytes);

            fn add(self, other: Self) -> Self {
                $name((self.0 + other.0).value)
            }

            fn sub(self, other: Self) -> Self {
                $name((self.0 - other.0).value)
            }

            fn mul(self, other: Self) -> Self {
                $name((self.0 * other.0).value)
            }

            fn from_bool(value: bool) -> Self {
                $name(<$inner>::from_u128(value.into()).value)
            }

            fn is_true(self) -> bool {
                !self.0.is_zero()
            }
        }
    )*};
}

soft_floats! {
    /// IEEE 754 binary16.
    Half, ieee::Half, u16: 2;
    /// IEEE 754 binary128: `long double` on wasm32.
    Quad, ieee::Quad, u128: 16;
}
