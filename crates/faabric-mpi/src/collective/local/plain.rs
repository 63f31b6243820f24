//! The plainest calls: buffers of predefined types in the caller's memory, with
//! contributions that fit beside the stamp or into a page. Nothing is looked up that a
//! plain call does not need, and nothing is counted or copied but the bytes: on two cores
//! that halves the time of an 8-byte allreduce, which is otherwise spent before and after
//! the wait.
//!
//! Whatever is not plain, or wrong, is declined before the turn begins; the general way
//! of the same call ([`super::caller`]) does it, or says what is wrong. Other members may
//! take the general way of the same turn.

use super::Local;
use super::move_turns as moves;
use super::reduce_turns::{self as reduction, Operation, To};
use super::share::Form;
use super::team::{PAGE, SMALL};
use super::window::Span;
use crate::collective::call::{Collective, IN_PLACE, Reduction};
use crate::collective::check;
use crate::comm::Comm;
use crate::datatype::Primitive;
use crate::error::Result;
use crate::guest::Guest;
use crate::memory::{self, Addr};
use crate::op::{Builtin, Op};
use crate::rank::{Buffer, Rank};

impl Local {
    /// How `len` bytes of each member are handed over, if that is plain.
    #[inline]
    fn plain_form(&self, rank: &Rank, len: u64) -> Option<Form> {
        if len <= SMALL as u64 {
            return Some(Form::Small);
        }
        if rank.tuned.changed().is_some() {
            return None;
        }
        let form = self.form(&rank.tuned.start().thresholds, len);
        (form == Form::Paged).then_some(form)
    }
}

impl Rank {
    /// Runs `call` among the members of `local`, which are all ranks of `comm`, if it is
    /// plain; none when nothing was done.
    pub(crate) fn collective_plain(
        &self,
        guest: &mut dyn Guest,
        comm: &Comm,
        local: &Local,
        call: &Collective<'_>,
    ) -> Option<Result<()>> {
        let size = local.team.size();
        let form = |len| local.plain_form(self, len);
        Some(match *call {
            Collective::Barrier => moves::barrier(local.turn(self, guest)),
            Collective::Bcast { buffer, root } => {
                let root = check::root(comm, root).ok()? as usize;
                let data = self.plain(&buffer, 1)?;
                form(data.len)?;
                let table = &self.tuned.start().thresholds;
                let form_of = |len| local.form(table, len);
                moves::bcast(local.turn(self, guest), form_of, root, data)
            }
            Collective::Allgather { send, recv } => {
                let own = self.plain(&send, 1)?;
                let all = self.plain(&recv, size)?;
                let fits = own.len * size as u64 == all.len;
                let place = all.addr.0 + local.me as u64 * own.len;
                if !fits || own.addr.0 == place {
                    return None;
                }
                let form = form(own.len)?;
                moves::allgather(local.turn(self, guest), form, own, all, false)
            }
            Collective::Alltoall { send, recv } => {
                let (sends, recvs) = (self.plain(&send, size)?, self.plain(&recv, size)?);
                if sends.len != recvs.len || sends.addr == recvs.addr {
                    return None;
                }
                let (form, block) = (form(sends.len)?, sends.len / size as u64);
                moves::alltoall(local.turn(self, guest), form, sends, recvs, block)
            }
            Collective::Allreduce(data) => {
                let (op, input, output) = self.plain_reduction(&data, 1, true)?;
                let form = form(input.len)?;
                reduction::reduce(local.turn(self, guest), form, op, input, output, To::All)
            }
            Collective::Reduce { data, root } => {
                let root = check::root(comm, root).ok()? as usize;
                let (op, input, output) = self.plain_reduction(&data, 1, local.me == root)?;
                let form = form(input.len)?;
                reduction::reduce(
                    local.turn(self, guest),
                    form,
                    op,
                    input,
                    output,
                    To::One(root),
                )
            }
            Collective::ReduceScatterBlock(data) => {
                let (op, input, output) = self.plain_reduction(&data, size, true)?;
                let block = input.len / size as u64;
                let own = local.me as u64 * block..(local.me as u64 + 1) * block;
                let (form, in_place) = (form(input.len)?, data.send == IN_PLACE);
                reduction::reduce_scatter(
                    local.turn(self, guest),
                    form,
                    op,
                    input,
                    own,
                    output,
                    in_place,
                )
            }
            Collective::Scan(data) => {
                let (op, input, output) = self.plain_reduction(&data, 1, true)?;
                let form = form(input.len)?;
                reduction::scan(local.turn(self, guest), form, op, input, output, true)
            }
            Collective::Exscan(data) => {
                let (op, input, output) = self.plain_reduction(&data, 1, true)?;
                let form = form(input.len)?;
                reduction::scan(local.turn(self, guest), form, op, input, output, false)
            }
            _ => return None,
        })
    }

    /// `copies` times the elements of a buffer of a predefined type, if there are any and
    /// one copy fits into a page.
    #[inline]
    fn plain(&self, buffer: &Buffer, copies: usize) -> Option<Span<'_>> {
        let one = self.flat_len(buffer)?;
        if one == 0 || one > PAGE as u64 || buffer.addr == IN_PLACE {
            return None;
        }
        self.plain_span(buffer.addr, one.checked_mul(copies as u64)?)
    }

    /// Bytes of the caller's memory.
    #[inline]
    fn plain_span(&self, addr: Addr, len: u64) -> Option<Span<'_>> {
        memory::check(addr, len, self.memory.size()).ok()?;
        Some(Span {
            memory: &self.memory,
            addr,
            len,
        })
    }

    /// The operation, the operand of `copies` times the elements, and the place of the
    /// caller's result, which is that of the operand for who does not receive one.
    #[inline]
    fn plain_reduction(
        &self,
        data: &Reduction,
        copies: usize,
        receives: bool,
    ) -> Option<(Operation, Span<'_>, Span<'_>)> {
        let builtin = match Op::predefined(data.op.0)? {
            Op::User(_) | Op::Builtin(Builtin::Replace | Builtin::NoOp) => return None,
            Op::Builtin(builtin) => builtin,
        };
        let primitive = Primitive::from_handle(data.datatype.0)?;
        let op = Operation {
            kernel: builtin.kernel(primitive)?,
            unit: primitive.size() as usize,
        };
        let count = u64::try_from(data.count).ok()?;
        let one = self.flat_size(data.datatype)?.checked_mul(count)?;
        let len = one.checked_mul(copies as u64)?;
        if len == 0 || len > PAGE as u64 {
            return None;
        }
        let in_place = data.send == IN_PLACE;
        if in_place && !receives || receives && (data.recv == IN_PLACE || data.recv == data.send) {
            return None;
        }
        let input = self.plain_span(if in_place { data.recv } else { data.send }, len)?;
        let output = match receives && !in_place {
            true => self.plain_span(data.recv, one)?,
            false => input,
        };
        Some((op, input, output))
    }
}
