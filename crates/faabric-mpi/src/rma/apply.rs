//! What is done to a part's memory: by an origin's own thread, or by the thread that
//! delivers its packets.
//!
//! Operations of the accumulate family are atomic for each element, whoever applies them
//! and through whichever window: those that may touch the same bytes take the same
//! [`Stripes`] of the worker.
//!
//! ```text
//! address modulo 64 KiB   |  2 KiB  |  2 KiB  | ...          32 stripes
//! ```
//! By the address modulo 64 KiB, because memory that ranks share has different addresses
//! in each, but the same ones modulo that ([`super::shared`]).

use super::part::Part;
use super::runs::Run;
use crate::datatype::Primitive;
use crate::error::{Class, Error, Result};
use crate::op::{Builtin, Kernel};
use parking_lot::{Mutex, MutexGuard};

const STRIPES: usize = 32;
/// Bytes of memory that share a stripe, once every [`PERIOD`].
const BLOCK: u64 = PERIOD / STRIPES as u64;
/// What the addresses of shared memory agree in.
const PERIOD: u64 = crate::memory::SHARED_GRAIN;

/// The locks of accumulating operations. See the file's head.
#[derive(Default)]
pub(crate) struct Stripes {
    locks: [Stripe; STRIPES],
}

#[derive(Default)]
#[repr(align(128))]
struct Stripe(Mutex<()>);

/// Stripes that are held until this is dropped: of most operations it is one.
#[allow(dead_code, reason = "the guards only have to live")]
enum Held<'a> {
    One(MutexGuard<'a, ()>),
    Several(Vec<MutexGuard<'a, ()>>),
}

impl Stripes {
    /// Those of the runs of a part, as bits.
    fn of(part: &Part, runs: &[Run]) -> u32 {
        let mut bits = 0;
        for run in runs {
            if run.len >= PERIOD || run.count > 64 {
                return u32::MAX;
            }
            for offset in run.offsets() {
                let at = part.addr(offset).0;
                let (first, last) = (at / BLOCK, at.wrapping_add(run.len.max(1) - 1) / BLOCK);
                for block in first..=last {
                    bits |= 1 << (block % STRIPES as u64);
                }
            }
        }
        bits
    }

    /// Takes those of `bits`, always in the same order.
    fn lock(&self, bits: u32) -> Held<'_> {
        if bits.count_ones() == 1 {
            return Held::One(self.locks[bits.trailing_zeros() as usize].0.lock());
        }
        let lock = |i: usize| (bits >> i & 1 == 1).then(|| self.locks[i].0.lock());
        Held::Several((0..STRIPES).filter_map(lock).collect())
    }
}

impl Part {
    fn read(&self, runs: &[Run], out: &mut [u8]) -> Result<()> {
        let mut rest = out;
        for run in runs {
            for offset in run.offsets() {
                let len = (run.len as usize).min(rest.len());
                let (piece, left) = std::mem::take(&mut rest).split_at_mut(len);
                rest = left;
                self.memory.read(self.addr(offset), piece)?;
            }
        }
        Ok(())
    }

    fn write(&self, runs: &[Run], bytes: &[u8]) -> Result<()> {
        let mut rest = bytes;
        for run in runs {
            for offset in run.offsets() {
                let (piece, left) = rest.split_at((run.len as usize).min(rest.len()));
                rest = left;
                self.memory.write(self.addr(offset), piece)?;
            }
        }
        Ok(())
    }

    /// `MPI_Put` of `bytes`, as many as the runs have.
    ///
    /// # Errors
    /// `MPI_ERR_RMA_RANGE`; nothing is written then.
    pub(crate) fn put(&self, runs: &[Run], bytes: &[u8]) -> Result<()> {
        self.check(runs)?;
        self.write(runs, bytes)
    }

    /// `MPI_Get` into `out`, which has as many bytes as the runs.
    ///
    /// # Errors
    /// `MPI_ERR_RMA_RANGE`.
    pub(crate) fn get(&self, runs: &[Run], out: &mut [u8]) -> Result<()> {
        self.check(runs)?;
        self.read(runs, out)
    }

    /// `MPI_Accumulate` of `operand`, as many bytes as the runs; `before` gets what was
    /// there (`MPI_Get_accumulate`).
    ///
    /// # Errors
    /// `MPI_ERR_RMA_RANGE`; nothing is written then.
    pub(crate) fn accumulate(
        &self,
        stripes: &Stripes,
        runs: &[Run],
        combine: &Combine,
        operand: &[u8],
        before: Option<&mut [u8]>,
    ) -> Result<()> {
        self.check(runs)?;
        let _held = stripes.lock(Stripes::of(self, runs));
        if combine.op == Builtin::Replace && before.is_none() {
            return self.write(runs, operand);
        }
        if combine.op == Builtin::NoOp {
            return before.map_or(Ok(()), |before| self.read(runs, before));
        }
        let mut small = [0; 64];
        let mut large = Vec::new();
        let acc = match small.get_mut(..operand.len()) {
            Some(small) => small,
            None => {
                large.resize(operand.len(), 0);
                &mut large[..]
            }
        };
        self.read(runs, acc)?;
        if let Some(before) = before {
            before.copy_from_slice(acc);
        }
        (combine.kernel)(acc, operand);
        self.write(runs, acc)
    }

    /// `MPI_Compare_and_swap`: gives what was there.
    ///
    /// # Errors
    /// `MPI_ERR_RMA_RANGE`; nothing is written then.
    pub(crate) fn compare_and_swap(
        &self,
        stripes: &Stripes,
        runs: &[Run],
        compare: &[u8],
        new: &[u8],
        before: &mut [u8],
    ) -> Result<()> {
        self.check(runs)?;
        let _held = stripes.lock(Stripes::of(self, runs));
        self.read(runs, before)?;
        if before == compare {
            self.write(runs, new)?;
        }
        Ok(())
    }
}

/// How elements of an accumulating operation are combined.
#[derive(Clone, Copy)]
pub(crate) struct Combine {
    pub(crate) op: Builtin,
    /// What the elements are.
    pub(crate) primitive: Primitive,
    kernel: Kernel,
}

impl Combine {
    /// Elements of `primitive` combined by `op`.
    ///
    /// # Errors
    /// `MPI_ERR_OP` when the operation is not defined on the type.
    pub(crate) fn new(op: Builtin, primitive: Primitive) -> Result<Combine> {
        let kernel = op.kernel(primitive).ok_or_else(|| {
            let (op, primitive) = (op.name(), primitive.name());
            Error::new(Class::OP, format!("op: {op} is not defined on {primitive}"))
        })?;
        Ok(Combine {
            op,
            primitive,
            kernel,
        })
    }
}
