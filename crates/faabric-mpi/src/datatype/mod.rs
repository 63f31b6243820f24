//! Datatypes (MPI 4.1, chapter 5): how the elements of a message lie in memory.
//!
//! ```text
//! Constructor --parts()--> layout     where the bytes lie, as loops over runs
//!  (arguments)             bounds     lb, ub, extent, true extent
//!                          signature  which basic elements, without places
//! ```
//! A [`Datatype`] is immutable but for its name and its being committed, and shared
//! by `Arc`: freeing a handle never disturbs a message under way or another type
//! built on it. Everything that moves data is in [`transfer`] and [`external`].

mod array;
mod bounds;
mod calls;
mod constructor;
mod envelope;
mod external;
mod in_file;
mod layout;
mod primitive;
mod signature;
mod transfer;

#[cfg(test)]
mod tests;

pub use array::{Darray, Order, Subarray};
pub use calls::Packed;
pub use constructor::{Constructor, Counts};
pub use envelope::{Contents, Envelope};
pub(crate) use in_file::Ascent;
pub use primitive::{Family, Primitive, Repr, Scalar};
pub use transfer::{Cursor, Segment, Segments, Side, copy};

use crate::error::{Class, Error, Result};
use crate::scratch::Held;
use bounds::{Bounds, overflow};
use layout::Placed;
use parking_lot::Mutex;
use signature::{MAX_DEPTH, Signature};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

/// The most blocks that one constructor may list. A bound on what one call of a guest can
/// make the worker allocate.
pub const MAX_BLOCKS: usize = 1 << 24;

/// About as many bytes as a block costs here.
const BLOCK: u64 = 64;

/// How the elements of a message lie in memory.
#[derive(Debug)]
pub struct Datatype {
    constructor: Constructor,
    counts: Counts,
    layout: Placed,
    bounds: Bounds,
    signature: Signature,
    size: u64,
    primitive: Option<Primitive>,
    /// Constructors between this type and predefined ones.
    depth: u32,
    committed: AtomicBool,
    name: Mutex<Option<String>>,
    /// What the blocks take.
    _held: Held,
}

impl Datatype {
    /// The type that a constructor's arguments describe, not committed.
    ///
    /// # Errors
    /// `MPI_ERR_COUNT` or `MPI_ERR_ARG` for an argument that is out of range,
    /// `MPI_ERR_VALUE_TOO_LARGE` when the size or the extent does not fit 64 bits,
    /// `MPI_ERR_TYPE` when types are nested too deep, `MPI_ERR_NO_MEM` when the worker has no
    /// room for its blocks.
    pub fn new(constructor: Constructor, counts: Counts) -> Result<Arc<Datatype>> {
        let old = constructor.types();
        let depth = old.iter().map(|old| old.depth + 1).max().unwrap_or(0);
        if depth > MAX_DEPTH {
            return Err(Error::new(
                Class::TYPE,
                format!("the datatype is built of more than {MAX_DEPTH} nested constructors"),
            ));
        }
        let blocks = old.len().max(constructor.blocks());
        if blocks > MAX_BLOCKS {
            return Err(Error::new(
                Class::COUNT,
                format!("the datatype lists more than {MAX_BLOCKS} blocks"),
            ));
        }
        let held = Held::take(blocks as u64 * BLOCK, "the blocks of a datatype")?;
        let parts = constructor.parts()?;
        // Predefined types and those of Fortran's kinds need no commit; a duplicate
        // is as committed as its original.
        let (committed, name) = match &constructor {
            Constructor::Named(primitive) => (true, Some(primitive.name().to_owned())),
            Constructor::F90Integer(_) | Constructor::F90Real(..) | Constructor::F90Complex(..) => {
                (true, None)
            }
            Constructor::Dup(old) => (old.is_committed(), None),
            _ => (false, None),
        };
        Ok(Arc::new(Datatype {
            constructor,
            counts,
            layout: parts.layout,
            bounds: parts.bounds,
            signature: parts.signature,
            size: parts.size,
            primitive: parts.primitive,
            depth,
            committed: AtomicBool::new(committed),
            name: Mutex::new(name),
            _held: held,
        }))
    }

    /// The predefined type `primitive`; always the same one.
    #[must_use]
    pub fn named(primitive: Primitive) -> Arc<Datatype> {
        static NAMED: LazyLock<Vec<Arc<Datatype>>> = LazyLock::new(|| {
            Primitive::all()
                .map(|p| {
                    Datatype::new(Constructor::Named(p), Counts::Int)
                        .expect("a predefined type has no argument to be wrong")
                })
                .collect()
        });
        Arc::clone(&NAMED[primitive.index()])
    }

    /// The predefined type that `handle` names in the ABI.
    #[must_use]
    pub fn predefined(handle: u32) -> Option<Arc<Datatype>> {
        Primitive::from_handle(handle).map(Datatype::named)
    }

    /// Bytes of data in one element.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The lower bound, in bytes.
    #[must_use]
    pub fn lb(&self) -> i64 {
        self.bounds.lb
    }

    /// Bytes from one element to the next.
    #[must_use]
    pub fn extent(&self) -> i64 {
        self.bounds.extent()
    }

    /// Where the first byte of data lies.
    #[must_use]
    pub fn true_lb(&self) -> i64 {
        self.bounds.true_lb
    }

    /// Bytes from the first byte of data to the end of the last.
    #[must_use]
    pub fn true_extent(&self) -> i64 {
        self.bounds.true_ub - self.bounds.true_lb
    }

    /// Whether any number of elements is one stretch of bytes that begins at the
    /// buffer's address.
    #[must_use]
    pub fn is_contiguous(&self) -> bool {
        self.run_offset() == Some(0)
    }

    /// Where in the buffer the one stretch of bytes begins that any number of
    /// elements is; none if they have gaps.
    #[must_use]
    pub(crate) fn run_offset(&self) -> Option<i64> {
        match self.layout.node {
            layout::Node::Run { len } if i64::try_from(len) == Ok(self.extent()) => {
                Some(self.layout.offset)
            }
            layout::Node::Empty => Some(0),
            _ => None,
        }
    }

    /// The one predefined type that all its data are of, if there is one.
    #[must_use]
    pub fn primitive(&self) -> Option<Primitive> {
        self.primitive
    }

    /// Whether it is one of the types of the ABI, which cannot be freed.
    #[must_use]
    pub fn is_predefined(&self) -> bool {
        matches!(self.constructor, Constructor::Named(_))
    }

    /// Whether it may be used in communication.
    #[must_use]
    pub fn is_committed(&self) -> bool {
        self.committed.load(Ordering::Relaxed)
    }

    /// `MPI_Type_commit`. Layouts are ready when they are built, so nothing else
    /// happens here.
    pub fn commit(&self) {
        self.committed.store(true, Ordering::Relaxed);
    }

    /// `MPI_Type_get_name`: empty unless it was set or the type is predefined.
    #[must_use]
    pub fn name(&self) -> String {
        self.name.lock().clone().unwrap_or_default()
    }

    /// `MPI_Type_set_name`.
    pub fn set_name(&self, name: &str) {
        *self.name.lock() = Some(name.to_owned());
    }

    /// The arguments it was made from.
    #[must_use]
    pub fn constructor(&self) -> &Constructor {
        &self.constructor
    }

    /// Bytes of data in `count` elements.
    ///
    /// # Errors
    /// `MPI_ERR_COUNT` when `count` is negative, or so large that either the bytes or
    /// the buffer's length exceed 64 bits.
    pub fn bytes(&self, count: i64) -> Result<u64> {
        let elements = constructor::count(count, "count")?;
        self.bounds
            .repeated(elements, self.extent())
            .ok()
            .and_then(|_| self.size.checked_mul(elements))
            .filter(|&bytes| bytes <= i64::MAX as u64)
            .ok_or_else(|| {
                Error::new(
                    Class::COUNT,
                    format!(
                        "count is {count}: that many elements of {} bytes are too many",
                        self.size
                    ),
                )
            })
    }

    /// First byte of data of `count` elements and the byte after the last, relative
    /// to the buffer's address; both 0 when there is none.
    ///
    /// # Errors
    /// `MPI_ERR_VALUE_TOO_LARGE` when they do not fit 64 bits.
    pub fn span(&self, count: u64) -> Result<(i64, i64)> {
        let bounds = self.bounds.repeated(count, self.extent())?;
        Ok((bounds.true_lb, bounds.true_ub))
    }

    /// How many basic elements `bytes` bytes of this type's data hold
    /// (`MPI_Get_elements`); none if they end within one.
    #[must_use]
    pub fn elements_in(&self, bytes: u64) -> Option<u64> {
        match self.signature.elements_in(bytes) {
            (elements, 0) => Some(elements),
            _ => None,
        }
    }

    /// Bytes of the first `elements` basic elements (`MPI_Status_set_elements`).
    ///
    /// # Errors
    /// `MPI_ERR_COUNT` when they are too many to count.
    pub fn bytes_of_elements(&self, elements: u64) -> Result<u64> {
        self.signature
            .bytes_of(elements)
            .ok_or_else(|| overflow("size"))
    }

    /// How many whole elements of this type `bytes` bytes are (`MPI_Get_count`);
    /// none if they end within one.
    #[must_use]
    pub fn count_in(&self, bytes: u64) -> Option<u64> {
        match self.size {
            0 => (bytes == 0).then_some(0),
            size => bytes.is_multiple_of(size).then_some(bytes / size),
        }
    }
}

/// The constructors that the engine itself uses, with `int` counts.
impl Datatype {
    /// `MPI_Type_contiguous`.
    ///
    /// # Errors
    /// As [`Datatype::new`].
    pub fn contiguous(count: i64, old: &Arc<Datatype>) -> Result<Arc<Datatype>> {
        let old = Arc::clone(old);
        Datatype::new(Constructor::Contiguous { count, old }, Counts::Int)
    }

    /// `MPI_Type_vector`.
    ///
    /// # Errors
    /// As [`Datatype::new`].
    pub fn vector(
        count: i64,
        blocklength: i64,
        stride: i64,
        old: &Arc<Datatype>,
    ) -> Result<Arc<Datatype>> {
        let old = Arc::clone(old);
        Datatype::new(
            Constructor::Vector {
                count,
                blocklength,
                stride,
                old,
            },
            Counts::Int,
        )
    }

    /// `MPI_Type_create_resized`.
    ///
    /// # Errors
    /// As [`Datatype::new`].
    pub fn resized(lb: i64, extent: i64, old: &Arc<Datatype>) -> Result<Arc<Datatype>> {
        let old = Arc::clone(old);
        Datatype::new(Constructor::Resized { lb, extent, old }, Counts::Int)
    }

    /// `MPI_Type_create_struct`: (block length, displacement in bytes, type) each.
    ///
    /// # Errors
    /// As [`Datatype::new`].
    pub fn structure(blocks: &[(i64, i64, Arc<Datatype>)]) -> Result<Arc<Datatype>> {
        Datatype::new(
            Constructor::Struct {
                blocklengths: blocks.iter().map(|b| b.0).collect(),
                displacements: blocks.iter().map(|b| b.1).collect(),
                types: blocks.iter().map(|b| Arc::clone(&b.2)).collect(),
            },
            Counts::Int,
        )
    }
}
