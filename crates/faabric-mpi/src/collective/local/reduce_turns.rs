//! Reductions within a team.

use super::share::Form;
use super::turn::Turn;
use super::window::{Span, Window};
use crate::collective::schedule::Blocks;
use crate::error::Result;
use crate::memory::{Addr, HostBuffer};
use crate::op::Kernel;
use std::ops::Range;
use std::sync::Arc;

/// A predefined operation on one kind of value.
#[derive(Clone, Copy)]
pub(super) struct Operation {
    pub(super) kernel: Kernel,
    /// Bytes of a value.
    pub(super) unit: usize,
}

/// Who gets the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum To {
    All,
    One(usize),
}

impl To {
    fn includes(self, member: usize) -> bool {
        match self {
            To::All => true,
            To::One(one) => one == member,
        }
    }
}

/// Allreduce and Reduce. `output` counts for members that get the result.
pub(super) fn reduce(
    mut turn: Turn<'_>,
    form: Form,
    op: Operation,
    input: Span<'_>,
    output: Span<'_>,
    to: To,
) -> Result<()> {
    if form == Form::Shown {
        return reduce_shown(turn, op, input, output, to);
    }
    let (team, me, len) = (turn.team, turn.me, input.len);
    let receives = to.includes(me);
    turn.claim(form)?;
    turn.offer(form, input, None)?;
    if team.is_few() {
        turn.arrive();
        if receives {
            turn.await_all()?;
            turn.combine(form, op, 0..team.size(), 0..len, input, |at, bytes| {
                output.write(at, bytes)
            })?;
        }
    } else {
        if turn.climb(|left, right| turn.merge(form, op, len, left, right))? {
            turn.set_complete();
        }
        if receives {
            turn.await_complete()?;
            turn.take(form, 0, 0, len, output, 0)?;
        }
    }
    turn.end(receives);
    Ok(())
}

/// Each member combines its slice of everyone's data and writes the result to all
/// who want it: each byte is read once and written once a receiver, by all members
/// at the same time. (In place too: slice `i` of every buffer is read and written by
/// member `i` only.)
fn reduce_shown(
    mut turn: Turn<'_>,
    op: Operation,
    input: Span<'_>,
    output: Span<'_>,
    to: To,
) -> Result<()> {
    let (team, me) = (turn.team, turn.me);
    turn.claim(Form::Shown)?;
    turn.offer(Form::Shown, input, to.includes(me).then_some(output))?;
    turn.arrive();
    turn.await_all()?;
    let slices = Blocks::split(
        input.len / op.unit as u64,
        op.unit as u64,
        team.size() as u32,
    );
    let mine = slices.range(me as u32);
    let targets: Vec<Window> = match to {
        To::All => (0..team.size())
            .filter_map(|member| turn.big(member).read().recv.clone())
            .collect(),
        To::One(member) => turn.big(member).read().recv.clone().into_iter().collect(),
    };
    turn.combine(
        Form::Shown,
        op,
        0..team.size(),
        mine.clone(),
        input,
        |at, bytes| {
            targets
                .iter()
                .try_for_each(|target| target.span().write(mine.start + at, bytes))
        },
    )?;
    leave_shown(turn)
}

/// Ends an operation in which members looked at each other's memory: nobody leaves
/// before all have finished.
pub(super) fn leave_shown(turn: Turn<'_>) -> Result<()> {
    let mut last = turn.next();
    last.claim(Form::Small)?;
    last.arrive();
    last.await_all()?;
    last.withdraw_previous();
    last.end(true);
    Ok(())
}

/// Reduce_scatter: the caller gets the bytes `own` of the combined input.
pub(super) fn reduce_scatter(
    mut turn: Turn<'_>,
    form: Form,
    op: Operation,
    input: Span<'_>,
    own: Range<u64>,
    output: Span<'_>,
    in_place: bool,
) -> Result<()> {
    let team = turn.team;
    turn.claim(form)?;
    turn.offer(form, input, None)?;
    turn.arrive();
    turn.await_all()?;
    let members = 0..team.size();
    if form != Form::Shown {
        turn.combine(form, op, members, own, input, |at, bytes| {
            output.write(at, bytes)
        })?;
        turn.end(true);
        return Ok(());
    }
    if !in_place {
        turn.combine(form, op, members, own, input, |at, bytes| {
            output.write(at, bytes)
        })?;
        return leave_shown(turn);
    }
    // The result's place is input that others still read.
    let len = own.end - own.start;
    let spare = Arc::new(HostBuffer::from(crate::collective::stream::scratch(len)?));
    let result = Window {
        memory: spare,
        addr: Addr(0),
        len,
    };
    turn.combine(form, op, members, own, input, |at, bytes| {
        result.span().write(at, bytes)
    })?;
    leave_shown(turn)?;
    result.span().copy_to(0, len, output, 0)
}

/// Scan and Exscan, for contributions that are copied: each member combines what is
/// below it.
pub(super) fn scan(
    mut turn: Turn<'_>,
    form: Form,
    op: Operation,
    input: Span<'_>,
    output: Span<'_>,
    inclusive: bool,
) -> Result<()> {
    let members = 0..turn.me + usize::from(inclusive);
    turn.claim(form)?;
    turn.offer(form, input, None)?;
    turn.arrive();
    turn.await_all()?;
    if !members.is_empty() {
        turn.combine(form, op, members, 0..input.len, input, |at, bytes| {
            output.write(at, bytes)
        })?;
    }
    turn.end(true);
    Ok(())
}
