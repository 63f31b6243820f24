//! Combining the operands of a reduction: with the engine's own operations in host
//! memory, or with a function of the guest in the guest's.

use super::schedule::Order;
use super::stream::scratch;
use crate::datatype::Datatype;
use crate::error::{Class, Error, Result};
use crate::guest::Guest;
use crate::handle::{OpHandle, TypeHandle};
use crate::memory::{self, Addr};
use crate::op::{Builtin, Kernel, Op, UserOp};
use crate::p2p::Data;
use crate::rank::Rank;
use std::sync::Arc;

/// Bytes combined at a time: both operands stay in the first-level cache.
const PIECE: usize = 4096;

/// The operation of one call, bound to its datatype.
pub(crate) struct Reducer {
    how: How,
    datatype: Arc<Datatype>,
    /// What the guest called the datatype, which it may have freed since.
    handle: TypeHandle,
}

enum How {
    /// A predefined operation on packed values of this many bytes. All of those that
    /// reductions take commute.
    Kernel(Kernel, usize),
    /// The guest's own.
    User(UserOp),
}

impl Reducer {
    /// The operation `op` on elements of `datatype`.
    ///
    /// # Errors
    /// `MPI_ERR_OP` when the operation is not defined for the datatype.
    pub(super) fn new(
        rank: &Rank,
        op: OpHandle,
        datatype: &Arc<Datatype>,
        handle: TypeHandle,
    ) -> Result<Reducer> {
        let how = match rank.op(op)? {
            Op::Builtin(Builtin::Replace | Builtin::NoOp) => {
                let message = "op: MPI_REPLACE and MPI_NO_OP are for one-sided calls only";
                return Err(Error::new(Class::OP, message));
            }
            Op::Builtin(builtin) => {
                let unit = datatype.primitive().map_or(1, |primitive| primitive.size());
                How::Kernel(builtin.kernel_for(datatype)?, unit as usize)
            }
            Op::User(user) => How::User(user),
        };
        Ok(Reducer {
            how,
            datatype: Arc::clone(datatype),
            handle,
        })
    }

    pub(super) fn is_commutative(&self) -> bool {
        match &self.how {
            How::Kernel(..) => true,
            How::User(user) => user.commutative,
        }
    }

    /// Combines `operand` into `acc`: two slices of the same number of packed bytes,
    /// each one run of bytes.
    pub(super) fn reduce(
        &self,
        rank: &Rank,
        guest: &mut dyn Guest,
        acc: &Data,
        operand: &Data,
        order: Order,
    ) -> Result<()> {
        match &self.how {
            How::Kernel(kernel, unit) => compute(*kernel, *unit, acc, operand),
            How::User(user) => self.call(rank, guest, user, acc, operand, order),
        }
    }

    /// Lays both operands out in the guest's memory as its function expects them:
    ///
    /// ```text
    /// scratch   | len (8) | datatype (8) | ... invec ... | ... inoutvec ... |
    /// ```
    /// and calls it: `inoutvec = invec op inoutvec`.
    fn call(
        &self,
        rank: &Rank,
        guest: &mut dyn Guest,
        user: &UserOp,
        acc: &Data,
        operand: &Data,
        order: Order,
    ) -> Result<()> {
        let (left, right) = match order {
            Order::OperandFirst => (operand, acc),
            Order::AccFirst => (acc, operand),
        };
        let bytes = len(acc);
        let count = self.datatype.count_in(bytes).unwrap_or(0);
        let (low, high) = self.datatype.span(count)?;
        let vector = (high - low).cast_unsigned().next_multiple_of(16);
        let base = guest.scratch(vector.saturating_mul(2).saturating_add(48))?;
        let header = Addr(base.0.next_multiple_of(16));
        let invec = Addr(header.0 + 16);
        let inoutvec = Addr(invec.0 + vector);
        // The address of an element 0 whose data would begin at the vector's start.
        let origin = |vector: Addr| memory::place(&*rank.memory, vector, low.wrapping_neg());

        rank.memory
            .write(header, &guest_count(count, user.large)?)?;
        self.lay_out(rank, left, origin(invec), count)?;
        self.lay_out(rank, right, origin(inoutvec), count)?;
        let word = |addr: Addr| addr.0 as u32;
        let args = [
            word(origin(invec)),
            word(origin(inoutvec)),
            word(header),
            word(header) + 8,
        ];
        self.with_handle(rank, |handle| {
            rank.memory
                .write(Addr(header.0 + 8), &handle.0.to_le_bytes())?;
            guest.call(user.function, &args)?;
            Ok(())
        })?;

        let mut packed = scratch(bytes)?;
        self.datatype
            .pack(&*rank.memory, origin(inoutvec), count, &mut packed)?;
        acc.memory.write(start(acc)?, &packed)?;
        Ok(())
    }

    /// Lends a function a handle of the datatype. It is the guest's own as long as that
    /// names it, because functions compare it with the handles they know, and else one for
    /// this call: a reduction under way outlives the guest's (MPI 4.1, section 5.1.9).
    fn with_handle(&self, rank: &Rank, f: impl FnOnce(TypeHandle) -> Result<()>) -> Result<()> {
        let own = rank.datatype(self.handle);
        if own.is_ok_and(|own| Arc::ptr_eq(&own, &self.datatype)) {
            return f(self.handle);
        }
        let lent = Rank::name(&rank.types, Arc::clone(&self.datatype))?;
        let done = f(lent);
        rank.types.lock().remove(lent);
        done
    }

    fn lay_out(&self, rank: &Rank, from: &Data, to: Addr, count: u64) -> Result<()> {
        let mut packed = scratch(len(from))?;
        from.memory.read(start(from)?, &mut packed)?;
        self.datatype.unpack(&*rank.memory, to, count, &packed)
    }
}

/// `*len` of the guest's function: an `int`, or an `MPI_Count` after `MPI_Op_create_c`.
fn guest_count(count: u64, large: bool) -> Result<[u8; 8]> {
    if !large && i32::try_from(count).is_err() {
        return Err(Error::new(
            Class::COUNT,
            format!(
                "count is {count}: op takes up to {} elements; create it with MPI_Op_create_c",
                i32::MAX
            ),
        ));
    }
    // Little-endian: the first half is the int.
    Ok(count.to_le_bytes())
}

/// Combines through the first-level cache: neither side's memory can be borrowed.
fn compute(kernel: Kernel, unit: usize, acc: &Data, operand: &Data) -> Result<()> {
    let (to, from) = (start(acc)?, start(operand)?);
    let len = len(acc);
    let step = (PIECE - PIECE % unit) as u64;
    let (mut left, mut right) = ([0_u8; PIECE], [0_u8; PIECE]);
    let mut done = 0;
    while done < len {
        let n = (len - done).min(step) as usize;
        let (left, right) = (&mut left[..n], &mut right[..n]);
        acc.memory.read(Addr(to.0 + done), left)?;
        operand.memory.read(Addr(from.0 + done), right)?;
        kernel(left, right);
        acc.memory.write(Addr(to.0 + done), left)?;
        done += n as u64;
    }
    Ok(())
}

/// Where the one run of bytes begins.
fn start(data: &Data) -> Result<Addr> {
    let run = data
        .datatype
        .run_offset()
        .map(|run| memory::place(&*data.memory, data.addr, run));
    run.ok_or_else(|| Error::new(Class::INTERN, "the operand of a reduction has gaps"))
}

fn len(data: &Data) -> u64 {
    data.count * data.datatype.size()
}
