//! Operations of the program's own, and the calls on operations alone (MPI 4.1,
//! sections 6.9.5 and 6.9.7).

use super::call::Reduction;
use super::check;
use super::reducer::Reducer;
use super::schedule::Order;
use super::stream::Stream;
use crate::abi;
use crate::error::{Class, Error, Result};
use crate::guest::Guest;
use crate::handle::{OpHandle, Table};
use crate::op::{Op, UserOp};
use crate::p2p::Data;
use crate::rank::Rank;
use parking_lot::Mutex;
use std::sync::Arc;

/// The operations that a rank has created.
pub(crate) type Ops = Mutex<Table<OpHandle, UserOp>>;

impl Rank {
    /// The operation that the guest names.
    pub(crate) fn op(&self, handle: OpHandle) -> Result<Op> {
        if let Some(op) = Op::predefined(handle.0) {
            return Ok(op);
        }
        match self.ops.lock().get(handle) {
            Some(user) => Ok(Op::User(*user)),
            None => Err(crate::rank::unknown(
                Class::OP,
                "op",
                handle,
                abi::MPI_OP_NULL,
            )),
        }
    }

    /// `MPI_Op_create` and `MPI_Op_create_c`.
    ///
    /// # Errors
    /// `MPI_ERR_NO_MEM` when there are too many.
    pub fn op_create(&self, op: UserOp) -> Result<OpHandle> {
        Rank::name(&self.ops, op)
    }

    /// `MPI_Op_free`. Calls under way keep the operation.
    ///
    /// # Errors
    /// `MPI_ERR_OP` for a handle that is no operation of the program's own.
    pub fn op_free(&self, handle: OpHandle) -> Result<()> {
        if Op::predefined(handle.0).is_some() {
            return Err(Error::new(
                Class::OP,
                "op is predefined: it cannot be freed",
            ));
        }
        match self.ops.lock().remove(handle) {
            Some(_) => Ok(()),
            None => Err(crate::rank::unknown(
                Class::OP,
                "op",
                handle,
                abi::MPI_OP_NULL,
            )),
        }
    }

    /// `MPI_Op_commutative`.
    ///
    /// # Errors
    /// `MPI_ERR_OP` for a handle that is no operation.
    pub fn op_commutative(&self, handle: OpHandle) -> Result<bool> {
        Ok(self.op(handle)?.is_commutative())
    }

    /// `MPI_Reduce_local`: `inoutbuf = inbuf op inoutbuf` without communication.
    ///
    /// # Errors
    /// Of the arguments.
    pub fn reduce_local(&self, guest: &mut dyn Guest, data: Reduction) -> Result<()> {
        check::refuse_in_place(data.send, "inbuf")?;
        check::refuse_in_place(data.recv, "inoutbuf")?;
        let datatype = self.committed(data.datatype)?.into_owned();
        let bytes = check::bytes(&datatype, data.count)?;
        check::distinct(data.send, data.recv, bytes)?;
        let reducer = Reducer::new(self, data.op, &datatype, data.datatype)?;
        if bytes == 0 {
            return Ok(());
        }
        let typed = |addr| Data {
            memory: Arc::clone(&self.memory),
            addr,
            count: data.count as u64,
            datatype: Arc::clone(&datatype),
        };
        let (operand, acc) = (typed(data.send), typed(data.recv));
        if datatype.run_offset().is_some() {
            return reducer.reduce(self, guest, &acc, &operand, Order::OperandFirst);
        }
        let (from, to) = (Stream::new([operand])?, Stream::new([acc])?);
        let (operand, acc) = (from.pack()?, to.pack()?);
        let whole = |buffer| {
            Stream::host(buffer, bytes)
                .locate(0, bytes)
                .ok_or_else(|| check::overflow("inbuf"))
        };
        reducer.reduce(
            self,
            guest,
            &whole(Arc::clone(&acc))?,
            &whole(operand)?,
            Order::OperandFirst,
        )?;
        to.unpack(&acc)
    }
}
