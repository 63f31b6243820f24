//! Reductions as a team serves them, within a worker and on two levels.

use super::caller::{Caller, spare};
use super::move_turns as moves;
use super::reduce_turns::{self as reduction, Operation, To};
use super::share::{Flat, Form};
use crate::collective::algorithm::reduce::Operands;
use crate::collective::call::{IN_PLACE, Reduction};
use crate::collective::check;
use crate::collective::reducer::Reducer;
use crate::collective::schedule::Place;
use crate::datatype::Datatype;
use crate::error::Result;
use crate::guest::Guest;
use crate::op::{Builtin, Op};
use std::borrow::Cow;
use std::sync::Arc;

impl Caller<'_> {
    /// The operation and the buffers of a reduction with a predefined operation.
    fn operands(
        &self,
        data: &Reduction,
        count: i64,
    ) -> Result<Option<(Operation, Cow<'_, Arc<Datatype>>)>> {
        let builtin = match self.rank.op(data.op)? {
            // The last two are refused, with their reason, where schedules are made.
            Op::User(_) | Op::Builtin(Builtin::Replace | Builtin::NoOp) => return Ok(None),
            Op::Builtin(builtin) => builtin,
        };
        let datatype = self.rank.committed(data.datatype)?;
        check::bytes(&datatype, count)?;
        let kernel = builtin.kernel_for(&datatype)?;
        let unit = datatype.primitive().map_or(1, |primitive| primitive.size()) as usize;
        Ok(Some((Operation { kernel, unit }, datatype)))
    }

    /// Reduce to `root`, or allreduce.
    pub(super) fn reduce(
        &self,
        guest: &mut dyn Guest,
        data: Reduction,
        root: Option<i32>,
    ) -> Result<Option<()>> {
        let root = root.map(|root| check::root(self.comm, root)).transpose()?;
        let Some((op, datatype)) = self.operands(&data, data.count)? else {
            return Ok(None);
        };
        let in_place = data.send == IN_PLACE;
        let receives = root.is_none_or(|root| root == self.comm.rank);
        if receives {
            check::refuse_in_place(data.recv, "recvbuf")?;
            check::distinct(data.send, data.recv, datatype.bytes(data.count)?)?;
        } else {
            check::refuse_in_place(data.send, "sendbuf")?;
        }
        let input = self.flat(
            if in_place { data.recv } else { data.send },
            data.count,
            &datatype,
        )?;
        let len = input.window.len;
        if len == 0 {
            return Ok(Some(()));
        }
        let output = if receives && !in_place {
            Some(self.flat(data.recv, data.count, &datatype)?)
        } else {
            None
        };
        if self.local.is_whole() {
            let to = root.map_or(To::All, |root| To::One(root as usize));
            let target = output.as_ref().unwrap_or(&input);
            reduction::reduce(
                self.turn(guest),
                self.form(len),
                op,
                input.span(),
                target.span(),
                to,
            )?;
        } else {
            self.reduce_two_level(guest, data, &datatype, op, (&input, output.as_ref()), root)?;
        }
        if receives {
            output.as_ref().unwrap_or(&input).bring_home()?;
        }
        Ok(Some(()))
    }

    /// Team, leaders, and for an allreduce the team again.
    fn reduce_two_level(
        &self,
        guest: &mut dyn Guest,
        data: Reduction,
        datatype: &Arc<Datatype>,
        op: Operation,
        (input, output): (&Flat, Option<&Flat>),
        root: Option<u32>,
    ) -> Result<()> {
        let len = input.window.len;
        let (leaders, leader) = match root {
            Some(root) => self.local.leaders_with(root),
            None => (self.local.leaders.clone(), 0),
        };
        let leads = self.local.me == leader;
        // A leader that is not the root has nowhere to put its worker's result, and
        // must not put it into the caller's operand.
        let receives = root.is_none_or(|root| root == self.comm.rank);
        let spare = if leads && !receives {
            Some(spare(len)?)
        } else {
            None
        };
        let target = spare
            .as_ref()
            .unwrap_or_else(|| &output.unwrap_or(input).window)
            .span();
        reduction::reduce(
            self.turn(guest),
            self.form(len),
            op,
            input.span(),
            target,
            To::One(leader),
        )?;
        if leads {
            let reducer = Reducer::new(self.rank, data.op, datatype, data.datatype)?;
            let unit = op.unit as u64;
            let operands = Operands {
                count: len / unit,
                unit,
                commutative: true,
                input: Place::Recv,
            };
            let home = root.map(|root| self.local.worker[root as usize]);
            let schedule = |seat| match home {
                Some(root) => self.table.reduce(seat, root, operands),
                None => self.table.allreduce(seat, operands),
            };
            let among = self.among(guest, leaders, Some(target), Some(reducer), schedule);
            match root {
                Some(_) => among?,
                None => self.lead(guest, among)?,
            }
        }
        if root.is_some() {
            return Ok(());
        }
        moves::bcast(self.turn(guest), |len| self.form(len), 0, target)
    }

    pub(super) fn reduce_scatter(
        &self,
        guest: &mut dyn Guest,
        data: Reduction,
        counts: &[i64],
    ) -> Result<Option<()>> {
        let (blocks, total) = check::counts(self.rank, data.datatype, counts, self.comm.size())?;
        let Some((op, datatype)) = self.operands(&data, total)? else {
            return Ok(None);
        };
        let in_place = data.send == IN_PLACE;
        check::refuse_in_place(data.recv, "recvbuf")?;
        check::distinct(data.send, data.recv, blocks.total())?;
        if blocks.total() == 0 {
            return Ok(Some(()));
        }
        let input = self.flat(
            if in_place { data.recv } else { data.send },
            total,
            &datatype,
        )?;
        let own = counts[self.comm.rank as usize];
        let output = if in_place {
            None
        } else {
            Some(self.flat(data.recv, own, &datatype)?)
        };
        let target = output.as_ref().unwrap_or(&input);
        let (form, range) = (self.form(blocks.total()), blocks.range(self.comm.rank));
        let turn = self.turn(guest);
        reduction::reduce_scatter(turn, form, op, input.span(), range, target.span(), in_place)?;
        target.bring_home()?;
        Ok(Some(()))
    }

    pub(super) fn scan(
        &self,
        guest: &mut dyn Guest,
        data: Reduction,
        inclusive: bool,
    ) -> Result<Option<()>> {
        let Some((op, datatype)) = self.operands(&data, data.count)? else {
            return Ok(None);
        };
        let form = self.form(datatype.bytes(data.count)?);
        if form == Form::Shown {
            return Ok(None);
        }
        let in_place = data.send == IN_PLACE;
        check::refuse_in_place(data.recv, "recvbuf")?;
        let input = self.flat(
            if in_place { data.recv } else { data.send },
            data.count,
            &datatype,
        )?;
        check::distinct(data.send, data.recv, input.window.len)?;
        if input.window.len == 0 {
            return Ok(Some(()));
        }
        let output = if in_place {
            None
        } else {
            Some(self.flat(data.recv, data.count, &datatype)?)
        };
        let target = output.as_ref().unwrap_or(&input);
        reduction::scan(
            self.turn(guest),
            form,
            op,
            input.span(),
            target.span(),
            inclusive,
        )?;
        target.bring_home()?;
        Ok(Some(()))
    }
}
