//! Collectives within a team that move data and compute nothing.

use super::reduce_turns::leave_shown;
use super::share::{Form, unlike};
use super::turn::Turn;
use super::window::Span;
use crate::error::Result;

/// All wait for all.
pub(super) fn barrier(mut turn: Turn<'_>) -> Result<()> {
    turn.claim(Form::Small)?;
    turn.arrive();
    turn.await_all()?;
    turn.end(true);
    Ok(())
}

/// All arrive; only `root` waits for it.
pub(super) fn assemble(mut turn: Turn<'_>, root: usize) -> Result<()> {
    let waits = turn.me == root;
    turn.claim(Form::Small)?;
    turn.arrive();
    if waits {
        turn.await_all()?;
    }
    turn.end(waits);
    Ok(())
}

/// What a root offers that has got no data itself: no length.
const NOTHING: u64 = u64::MAX;

/// The root's data to all. Unless the data is shown, the root goes on at once. `form_of`
/// gives the form for a length: a member that expects another length than the root's does
/// what the root counts on, and then fails.
pub(super) fn bcast(
    mut turn: Turn<'_>,
    form_of: impl Fn(u64) -> Form,
    root: usize,
    data: Span<'_>,
) -> Result<()> {
    if turn.me == root {
        let form = form_of(data.len);
        turn.claim(form)?;
        turn.offer(form, data, None)?;
        turn.stamp();
        if form == Form::Shown {
            turn.arrive();
            turn.await_all()?;
            turn.withdraw();
        }
        turn.end(form == Form::Shown);
        return Ok(());
    }
    turn.await_member(root)?;
    let offered = turn.offered(root);
    if offered == NOTHING {
        turn.end(false);
        return Err(unlike());
    }
    let form = form_of(offered);
    let taken = match offered == data.len {
        true => turn.take(form, root, 0, offered, data, 0),
        false => Err(unlike()),
    };
    if form == Form::Shown {
        turn.claim(form)?;
        turn.arrive();
    }
    turn.end(false);
    taken
}

/// Instead of [`bcast`], at a root that has no data to give: the others fail.
pub(super) fn give_nothing(mut turn: Turn<'_>) -> Result<()> {
    turn.claim(Form::Small)?;
    turn.set_offered(NOTHING);
    turn.stamp();
    turn.end(false);
    Ok(())
}

/// Everyone's block to the root, for blocks that are copied. `all` counts at the root.
pub(super) fn gather(
    mut turn: Turn<'_>,
    form: Form,
    root: usize,
    own: Span<'_>,
    all: Option<Span<'_>>,
) -> Result<()> {
    let size = turn.team.size();
    turn.claim(form)?;
    turn.offer(form, own, None)?;
    turn.arrive();
    let Some(all) = all.filter(|_| turn.me == root) else {
        turn.end(false);
        return Ok(());
    };
    turn.await_all()?;
    for member in 0..size {
        let place = member as u64 * own.len;
        if member != root {
            turn.take(form, member, 0, own.len, all, place)?;
        } else if own.addr.0 != all.addr.0 + place {
            own.copy_to(0, own.len, all, place)?;
        }
    }
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
    all: Option<Span<'_>>,
    own: Option<Span<'_>>,
) -> Result<()> {
    if let Some(all) = all {
        turn.claim(form)?;
        turn.offer(form, all, None)?;
        turn.stamp();
    } else {
        turn.await_member(root)?;
    }
    let mine = turn.me as u64 * len;
    match (all, own) {
        (_, None) => {}
        (Some(all), Some(own)) => all.copy_to(mine, len, own, 0)?,
        (None, Some(own)) => turn.take(form, root, mine, len, own, 0)?,
    }
    turn.end(false);
    Ok(())
}

/// Everyone's block to everyone. The caller's `own` may be its place in `all`.
pub(super) fn allgather(
    mut turn: Turn<'_>,
    form: Form,
    own: Span<'_>,
    all: Span<'_>,
    in_place: bool,
) -> Result<()> {
    let (size, me, len) = (turn.team.size(), turn.me, own.len);
    turn.claim(form)?;
    turn.offer(form, own, None)?;
    turn.arrive();
    turn.await_all()?;
    if !in_place {
        own.copy_to(0, len, all, me as u64 * len)?;
    }
    // Each starts after itself, so that not all read from one.
    for member in (me + 1..size).chain(0..me) {
        turn.take(form, member, 0, len, all, member as u64 * len)?;
    }
    finish(turn, form)
}

/// A block from everyone to everyone. In place only when the blocks are copied.
pub(super) fn alltoall(
    mut turn: Turn<'_>,
    form: Form,
    sends: Span<'_>,
    recvs: Span<'_>,
    len: u64,
) -> Result<()> {
    let (size, me) = (turn.team.size(), turn.me);
    turn.claim(form)?;
    turn.offer(form, sends, None)?;
    turn.arrive();
    turn.await_all()?;
    let mine = me as u64 * len;
    if sends.addr != recvs.addr {
        sends.copy_to(mine, len, recvs, mine)?;
    }
    for member in (me + 1..size).chain(0..me) {
        turn.take(form, member, mine, len, recvs, member as u64 * len)?;
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
