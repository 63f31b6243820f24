//! `MPI_Pack_external` and `MPI_Unpack_external`: the "external32" representation
//! (MPI 4.1, section 14.5.2), big-endian and of fixed sizes on every platform.
//!
//! Native packed bytes and external ones run side by side, element by element, as the
//! type signature says; on wasm32 only `MPI_AINT` (4 to 8 bytes) and `MPI_WCHAR`
//! (4 to 2 bytes) have another size there.

use super::primitive::{Primitive, Repr};
use super::{Cursor, Datatype};
use crate::error::{Class, Error, Result};
use crate::memory::{Addr, Memory};
use std::sync::Arc;

/// Converts one element; both slices have the element's full size in their form.
fn convert(primitive: Primitive, from: &[u8], to: &mut [u8], to_external: bool) {
    let part = match primitive.repr() {
        Repr::Complex(n) => usize::from(n),
        _ => from.len(),
    };
    if from.len() == to.len() {
        for (from, to) in from.chunks_exact(part).zip(to.chunks_exact_mut(part)) {
            for (a, b) in from.iter().rev().zip(to) {
                *b = *a;
            }
        }
        return;
    }
    // An integer that changes its size: cut, or extended with its sign.
    let little = |i: usize| match to_external {
        true => from.get(i).copied(),
        false => from.len().checked_sub(i + 1).map(|i| from[i]),
    };
    let top = little(from.len() - 1).unwrap_or(0);
    let sign = if top & 0x80 != 0 { 0xff } else { 0 };
    let len = to.len();
    for i in 0..len {
        let at = if to_external { len - 1 - i } else { i };
        to[at] = little(i).unwrap_or(sign);
    }
}

impl Datatype {
    /// Bytes of `count` elements in the external representation
    /// (`MPI_Pack_external_size`).
    ///
    /// # Errors
    /// `MPI_ERR_COUNT` when they are more than 64 bits count.
    pub fn external_size(&self, count: i64) -> Result<u64> {
        self.bytes(count)?;
        self.signature
            .external_size()
            .and_then(|size| size.checked_mul(count as u64))
            .filter(|&size| size <= i64::MAX as u64)
            .ok_or_else(|| Error::new(Class::COUNT, format!("count is {count}: too many elements")))
    }

    /// Packs `count` elements at `addr` in the external representation, handing the
    /// bytes to `sink` in pieces.
    ///
    /// # Errors
    /// When the buffer is not within `memory`, or `sink`'s.
    pub fn pack_external(
        self: &Arc<Datatype>,
        memory: &dyn Memory,
        addr: Addr,
        count: u64,
        mut sink: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let mut cursor = Cursor::new(Arc::clone(self), count)?;
        self.each_element(count, |primitive| {
            let (mut native, mut external) = ([0; 32], [0; 32]);
            let native = &mut native[..primitive.size() as usize];
            let external = &mut external[..primitive.external_size() as usize];
            cursor.read(memory, addr, native)?;
            convert(primitive, native, external, true);
            sink(external)
        })
    }

    /// Unpacks `count` elements to `addr` from the external representation, asking
    /// `source` to fill one element's bytes at a time.
    ///
    /// # Errors
    /// When the buffer is not within `memory`, or `source`'s.
    pub fn unpack_external(
        self: &Arc<Datatype>,
        memory: &dyn Memory,
        addr: Addr,
        count: u64,
        mut source: impl FnMut(&mut [u8]) -> Result<()>,
    ) -> Result<()> {
        let mut cursor = Cursor::new(Arc::clone(self), count)?;
        self.each_element(count, |primitive| {
            let (mut native, mut external) = ([0; 32], [0; 32]);
            let native = &mut native[..primitive.size() as usize];
            let external = &mut external[..primitive.external_size() as usize];
            source(external)?;
            convert(primitive, external, native, false);
            cursor.write(memory, addr, native)?;
            Ok(())
        })
    }

    /// Calls `f` for each basic element of `count` elements, in order; a pair is two.
    pub(crate) fn each_element(
        &self,
        count: u64,
        mut f: impl FnMut(Primitive) -> Result<()>,
    ) -> Result<()> {
        for _ in 0..if self.size() == 0 { 0 } else { count } {
            self.signature
                .visit(&mut |primitive, n| (0..n).try_for_each(|_| f(primitive)))?;
        }
        Ok(())
    }
}
