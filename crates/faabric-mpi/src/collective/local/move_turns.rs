//! Collectives within a team that move data and compute nothing.

use super::reduce_turns::leave_shown;
use super::share::Form;
use super::team::{Turn, Window};
use crate::error::Result;

/// All wait for all.
pub(super) fn barrier(mut turn: Turn<'_>) -> Result<()> {
    turn.claim(false)?;
    turn.arrive();
    turn.await_all()?;
    turn.end(true);
    Ok(())
}

/// All arrive; only `root` waits for it.
pub(super) fn assemble(mut turn: Turn<'_>, root: usize) -> Result<()> {
    let waits = turn.me == root;
    turn.claim(false)?;
    turn.arrive();
    if waits {
        turn.await_all()?;
    }
    turn.end(waits);
    Ok(())
}

/// The root's data to all. Unless the data is shown, the root goes on at once.
pub(super) fn bcast(mut turn: Turn<'_>, form: Form, root: usize, data: &Window) -> Result<()> {
    let is_root = turn.me == root;
    if is_root || form == Form::Shown {
        turn.claim(form.is_big())?;
    }
    if is_root {
        turn.offer(form, data, None)?;
        turn.stamp();
    } else {
        turn.await_member(root)?;
        turn.take(form, root, 0, data.len, data, 0)?;
    }
    if form == Form::Shown {
        turn.arrive();
        if is_root {
            turn.await_all()?;
            turn.withdraw();
        }
    }
    turn.end(is_root && form == Form::Shown);
    Ok(())
}

/// Everyone's block to the root, for blocks that are copied. `all` counts at the root.
pub(super) fn gather(
    mut turn: Turn<'_>,
    form: Form,
    root: usize,
    own: &Window,
    all: Option<&Window>,
) -> Result<()> {
    let size = turn.team.size();
    turn.claim(form.is_big())?;
    turn.offer(form, own, None)?;
    turn.arrive();
    let Some(all) = all.filter(|_| turn.me == root) else {
        turn.end(false);
        return Ok(());
    };
    turn.await_all()?;
    (0..size)
        .try_for_each(|member| turn.take(form, member, 0, own.len, all, member as u64 * own.len))?;
    turn.end(true);
    Ok(())
}

/// A block of the root's to each, when the root's buffer is copied. `all` is the
/// root's buffer; `own` is none when the root's block stays in place.
pub(super) fn scatter(
    mut turn: Turn<'_>,
    form: Form,
    root: usize,
    len: u64,
    all: Option<&Window>,
    own: Option<&Window>,
) -> Result<()> {
    if let Some(all) = all {
        turn.claim(form.is_big())?;
        turn.offer(form, all, None)?;
        turn.stamp();
    } else {
        turn.await_member(root)?;
    }
    if let Some(own) = own {
        turn.take(form, root, turn.me as u64 * len, len, own, 0)?;
    }
    turn.end(false);
    Ok(())
}

/// Everyone's block to everyone. The caller's `own` may be its place in `all`.
pub(super) fn allgather(
    mut turn: Turn<'_>,
    form: Form,
    own: &Window,
    all: &Window,
    in_place: bool,
) -> Result<()> {
    let (size, me, len) = (turn.team.size(), turn.me, own.len);
    turn.claim(form.is_big())?;
    turn.offer(form, own, None)?;
    turn.arrive();
    turn.await_all()?;
    for distance in 0..size {
        // Each starts with itself, so that not all read from one.
        let member = (me + distance) % size;
        if member != me || !in_place {
            turn.take(form, member, 0, len, all, member as u64 * len)?;
        }
    }
    finish(turn, form)
}

/// A block from everyone to everyone. In place only when the blocks are copied.
pub(super) fn alltoall(
    mut turn: Turn<'_>,
    form: Form,
    sends: &Window,
    recvs: &Window,
    len: u64,
) -> Result<()> {
    let (size, me) = (turn.team.size(), turn.me);
    turn.claim(form.is_big())?;
    turn.offer(form, sends, None)?;
    turn.arrive();
    turn.await_all()?;
    for distance in 0..size {
        let member = (me + distance) % size;
        turn.take(
            form,
            member,
            me as u64 * len,
            len,
            recvs,
            member as u64 * len,
        )?;
    }
    finish(turn, form)
}

fn finish(turn: Turn<'_>, form: Form) -> Result<()> {
    if form == Form::Shown {
        return leave_shown(turn);
    }
    turn.end(true);
    Ok(())
}
