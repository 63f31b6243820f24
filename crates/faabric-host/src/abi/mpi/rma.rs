//! One-sided communication (MPI 4.1, chapter 12).

use super::caller::{Caller, Code, Env, call, call_on};
use super::count::Count;
use super::p2p::buffer;
use faabric_mpi::abi::{MPI_KEYVAL_INVALID, MPI_MAX_OBJECT_NAME};
use faabric_mpi::attribute::Object;
use faabric_mpi::handle::{
    CommHandle, ErrhandlerHandle, GroupHandle, InfoHandle, KeyvalHandle, OpHandle, TypeHandle,
    WinHandle,
};
use faabric_mpi::memory::Addr;
use faabric_mpi::rma::{Allocator, Extent, Target};
use faabric_mpi::{GuestFn, Rank, Result};

/// The object of calls before there is a window.
const NO_WIN: u32 = super::caller::NO_COMM;

/// Runs the body of a function on a window, whose error handler gets its errors.
fn on_win<'a>(
    env: Env<'a>,
    name: &str,
    win: u32,
    body: impl FnOnce(&Rank, &mut Caller<'a>, WinHandle) -> Result<()>,
) -> Code {
    let win = WinHandle(win);
    call_on(env, name, win, |rank, guest| body(rank, guest, win))
}

fn addr(at: u32) -> Addr {
    Addr(at.into())
}

fn target<C: Count>(rank: i32, disp: i32, count: C, datatype: u32, win: u32) -> Target {
    Target {
        rank,
        disp: disp.into(),
        count: count.into(),
        datatype: TypeHandle(datatype),
        win: WinHandle(win),
    }
}

fn allocator(allocate: u32, free: u32) -> Allocator {
    Allocator {
        allocate: GuestFn(allocate),
        free: GuestFn(free),
    }
}

fn extent(size: i32, disp_unit: i32) -> Extent {
    Extent {
        size: size.into(),
        disp_unit: disp_unit.into(),
    }
}

fn win_create(
    env: Env<'_>,
    base: u32,
    size: i32,
    disp_unit: i32,
    info: u32,
    comm: u32,
    win: u32,
) -> Code {
    call(env, "MPI_Win_create", comm, |rank, guest| {
        let extent = extent(size, disp_unit);
        let (info, comm) = (InfoHandle(info), CommHandle(comm));
        let made = rank.win_create(guest, addr(base), extent, info, comm)?;
        guest.put_handle(win, made)
    })
}

fn win_allocate(
    env: Env<'_>,
    size: i32,
    disp_unit: i32,
    info: u32,
    comm: u32,
    base: u32,
    win: u32,
    allocate: u32,
    free: u32,
) -> Code {
    call(env, "MPI_Win_allocate", comm, |rank, guest| {
        let extent = extent(size, disp_unit);
        let (info, comm) = (InfoHandle(info), CommHandle(comm));
        let allocator = allocator(allocate, free);
        let (made, at) = rank.win_allocate(guest, extent, info, comm, allocator)?;
        guest.put_u32(base, at.0 as u32)?;
        guest.put_handle(win, made)
    })
}

fn win_allocate_shared(
    env: Env<'_>,
    size: i32,
    disp_unit: i32,
    info: u32,
    comm: u32,
    base: u32,
    win: u32,
    allocate: u32,
    free: u32,
) -> Code {
    call(env, "MPI_Win_allocate_shared", comm, |rank, guest| {
        let extent = extent(size, disp_unit);
        let (info, comm) = (InfoHandle(info), CommHandle(comm));
        let allocator = allocator(allocate, free);
        let (made, at) = rank.win_allocate_shared(guest, extent, info, comm, allocator)?;
        guest.put_u32(base, at.0 as u32)?;
        guest.put_handle(win, made)
    })
}

fn win_shared_query(
    env: Env<'_>,
    win: u32,
    rank: i32,
    size: u32,
    disp_unit: u32,
    base: u32,
) -> Code {
    on_win(env, "MPI_Win_shared_query", win, |me, guest, win| {
        let portion = me.win_shared_query(win, rank)?;
        guest.put_u32(size, portion.size as u32)?;
        guest.put_u32(disp_unit, portion.disp_unit as u32)?;
        guest.put_u32(base, portion.base.0 as u32)
    })
}

fn win_create_dynamic(env: Env<'_>, info: u32, comm: u32, win: u32) -> Code {
    call(env, "MPI_Win_create_dynamic", comm, |rank, guest| {
        let made = rank.win_create_dynamic(guest, InfoHandle(info), CommHandle(comm))?;
        guest.put_handle(win, made)
    })
}

fn win_attach(env: Env<'_>, win: u32, base: u32, size: i32) -> Code {
    on_win(env, "MPI_Win_attach", win, |rank, _, win| {
        rank.win_attach(win, addr(base), size.into())
    })
}

fn win_detach(env: Env<'_>, win: u32, base: u32) -> Code {
    on_win(env, "MPI_Win_detach", win, |rank, _, win| {
        rank.win_detach(win, addr(base))
    })
}

fn win_free(env: Env<'_>, at: u32, free: u32) -> Code {
    let named = env.data().memory().read_u32(at).unwrap_or_default();
    on_win(env, "MPI_Win_free", named, |rank, guest, _| {
        let mut win = guest.get_handle(at)?;
        let freed = rank.win_free(guest, &mut win, GuestFn(free));
        guest.put_handle(at, win)?;
        freed
    })
}

fn win_get_group(env: Env<'_>, win: u32, group: u32) -> Code {
    on_win(env, "MPI_Win_get_group", win, |rank, guest, win| {
        guest.put_handle(group, rank.win_get_group(win)?)
    })
}

fn win_set_name(env: Env<'_>, win: u32, name: u32) -> Code {
    on_win(env, "MPI_Win_set_name", win, |rank, guest, win| {
        rank.win_set_name(win, &guest.string(name, MPI_MAX_OBJECT_NAME)?)
    })
}

fn win_get_name(env: Env<'_>, win: u32, name: u32, len: u32) -> Code {
    on_win(env, "MPI_Win_get_name", win, |rank, guest, win| {
        let text = rank.win_get_name(win)?;
        let written = guest.put_string(name, &text, MPI_MAX_OBJECT_NAME)?;
        guest.put_i32(len, written)
    })
}

fn win_set_info(env: Env<'_>, win: u32, info: u32) -> Code {
    on_win(env, "MPI_Win_set_info", win, |rank, _, win| {
        rank.win_set_info(win, InfoHandle(info))
    })
}

fn win_get_info(env: Env<'_>, win: u32, info: u32) -> Code {
    on_win(env, "MPI_Win_get_info", win, |rank, guest, win| {
        guest.put_handle(info, rank.win_get_info(win)?)
    })
}

fn win_create_keyval(env: Env<'_>, copy: u32, delete: u32, keyval: u32, state: u32) -> Code {
    call(env, "MPI_Win_create_keyval", NO_WIN, |rank, guest| {
        let made = rank.create_keyval(Object::Win, GuestFn(copy), GuestFn(delete), state)?;
        guest.put_handle(keyval, made)
    })
}

fn win_free_keyval(env: Env<'_>, keyval: u32) -> Code {
    call(env, "MPI_Win_free_keyval", NO_WIN, |rank, guest| {
        rank.free_keyval(Object::Win, guest.get_handle(keyval)?)?;
        guest.put_i32(keyval, MPI_KEYVAL_INVALID)
    })
}

fn win_set_attr(env: Env<'_>, win: u32, keyval: u32, value: u32) -> Code {
    on_win(env, "MPI_Win_set_attr", win, |rank, guest, win| {
        rank.win_set_attr(guest, win, KeyvalHandle(keyval), value)
    })
}

fn win_get_attr(
    env: Env<'_>,
    win: u32,
    keyval: u32,
    value: u32,
    flag: u32,
    allocate: u32,
    free: u32,
) -> Code {
    on_win(env, "MPI_Win_get_attr", win, |rank, guest, win| {
        let allocator = allocator(allocate, free);
        let found = rank.win_get_attr(guest, win, KeyvalHandle(keyval), allocator)?;
        guest.put_flag(flag, found.is_some())?;
        found.map_or(Ok(()), |word| guest.put_u32(value, word))
    })
}

fn win_delete_attr(env: Env<'_>, win: u32, keyval: u32) -> Code {
    on_win(env, "MPI_Win_delete_attr", win, |rank, guest, win| {
        rank.win_delete_attr(guest, win, KeyvalHandle(keyval))
    })
}

fn win_create_errhandler(env: Env<'_>, function: u32, errhandler: u32) -> Code {
    call(env, "MPI_Win_create_errhandler", NO_WIN, |rank, guest| {
        guest.put_handle(errhandler, rank.comm_create_errhandler(GuestFn(function))?)
    })
}

fn win_set_errhandler(env: Env<'_>, win: u32, errhandler: u32) -> Code {
    on_win(env, "MPI_Win_set_errhandler", win, |rank, _, win| {
        rank.win_set_errhandler(win, ErrhandlerHandle(errhandler))
    })
}

fn win_get_errhandler(env: Env<'_>, win: u32, errhandler: u32) -> Code {
    on_win(env, "MPI_Win_get_errhandler", win, |rank, guest, win| {
        guest.put_handle(errhandler, rank.win_get_errhandler(win)?)
    })
}

fn win_call_errhandler(env: Env<'_>, win: u32, code: i32) -> Code {
    on_win(env, "MPI_Win_call_errhandler", win, |rank, guest, win| {
        rank.win_call_errhandler(guest, win, code)
    })
}

fn win_fence(env: Env<'_>, assert: i32, win: u32) -> Code {
    on_win(env, "MPI_Win_fence", win, |rank, guest, win| {
        rank.win_fence(guest, assert, win)
    })
}

fn win_start(env: Env<'_>, group: u32, assert: i32, win: u32) -> Code {
    on_win(env, "MPI_Win_start", win, |rank, _, win| {
        rank.win_start(GroupHandle(group), assert, win)
    })
}

fn win_complete(env: Env<'_>, win: u32) -> Code {
    on_win(env, "MPI_Win_complete", win, |rank, guest, win| {
        rank.win_complete(guest, win)
    })
}

fn win_post(env: Env<'_>, group: u32, assert: i32, win: u32) -> Code {
    on_win(env, "MPI_Win_post", win, |rank, _, win| {
        rank.win_post(GroupHandle(group), assert, win)
    })
}

fn win_wait(env: Env<'_>, win: u32) -> Code {
    on_win(env, "MPI_Win_wait", win, |rank, guest, win| {
        rank.win_wait(guest, win)
    })
}

fn win_test(env: Env<'_>, win: u32, flag: u32) -> Code {
    on_win(env, "MPI_Win_test", win, |rank, guest, win| {
        let ended = rank.win_test(guest, win)?;
        guest.put_flag(flag, ended)
    })
}

fn win_lock(env: Env<'_>, lock_type: i32, target: i32, assert: i32, win: u32) -> Code {
    on_win(env, "MPI_Win_lock", win, |rank, guest, win| {
        rank.win_lock(guest, lock_type, target, assert, win)
    })
}

fn win_unlock(env: Env<'_>, target: i32, win: u32) -> Code {
    on_win(env, "MPI_Win_unlock", win, |rank, guest, win| {
        rank.win_unlock(guest, target, win)
    })
}

fn win_lock_all(env: Env<'_>, assert: i32, win: u32) -> Code {
    on_win(env, "MPI_Win_lock_all", win, |rank, guest, win| {
        rank.win_lock_all(guest, assert, win)
    })
}

fn win_unlock_all(env: Env<'_>, win: u32) -> Code {
    on_win(env, "MPI_Win_unlock_all", win, |rank, guest, win| {
        rank.win_unlock_all(guest, win)
    })
}

fn win_flush(env: Env<'_>, target: i32, win: u32) -> Code {
    on_win(env, "MPI_Win_flush", win, |rank, guest, win| {
        rank.win_flush(guest, target, win)
    })
}

fn win_flush_all(env: Env<'_>, win: u32) -> Code {
    on_win(env, "MPI_Win_flush_all", win, |rank, guest, win| {
        rank.win_flush_all(guest, win)
    })
}

fn win_flush_local(env: Env<'_>, target: i32, win: u32) -> Code {
    on_win(env, "MPI_Win_flush_local", win, |rank, guest, win| {
        rank.win_flush_local(guest, target, win)
    })
}

fn win_flush_local_all(env: Env<'_>, win: u32) -> Code {
    on_win(env, "MPI_Win_flush_local_all", win, |rank, guest, win| {
        rank.win_flush_local_all(guest, win)
    })
}

fn win_sync(env: Env<'_>, win: u32) -> Code {
    on_win(env, "MPI_Win_sync", win, |rank, _, win| rank.win_sync(win))
}

fn put<C: Count>(
    env: Env<'_>,
    origin: u32,
    count: C,
    datatype: u32,
    to: i32,
    disp: i32,
    to_count: C,
    to_datatype: u32,
    win: u32,
) -> Code {
    on_win(env, "MPI_Put", win, |rank, guest, _| {
        let target = target(to, disp, to_count, to_datatype, win);
        rank.put(guest, &buffer(origin, count, datatype), &target)
    })
}

fn rput<C: Count>(
    env: Env<'_>,
    origin: u32,
    count: C,
    datatype: u32,
    to: i32,
    disp: i32,
    to_count: C,
    to_datatype: u32,
    win: u32,
    request: u32,
) -> Code {
    on_win(env, "MPI_Rput", win, |rank, guest, _| {
        let target = target(to, disp, to_count, to_datatype, win);
        let made = rank.rput(guest, &buffer(origin, count, datatype), &target)?;
        guest.put_handle(request, made)
    })
}

fn get<C: Count>(
    env: Env<'_>,
    origin: u32,
    count: C,
    datatype: u32,
    from: i32,
    disp: i32,
    from_count: C,
    from_datatype: u32,
    win: u32,
) -> Code {
    on_win(env, "MPI_Get", win, |rank, guest, _| {
        let target = target(from, disp, from_count, from_datatype, win);
        rank.get(guest, &buffer(origin, count, datatype), &target)
    })
}

fn rget<C: Count>(
    env: Env<'_>,
    origin: u32,
    count: C,
    datatype: u32,
    from: i32,
    disp: i32,
    from_count: C,
    from_datatype: u32,
    win: u32,
    request: u32,
) -> Code {
    on_win(env, "MPI_Rget", win, |rank, guest, _| {
        let target = target(from, disp, from_count, from_datatype, win);
        let made = rank.rget(guest, &buffer(origin, count, datatype), &target)?;
        guest.put_handle(request, made)
    })
}

fn accumulate<C: Count>(
    env: Env<'_>,
    origin: u32,
    count: C,
    datatype: u32,
    to: i32,
    disp: i32,
    to_count: C,
    to_datatype: u32,
    op: u32,
    win: u32,
) -> Code {
    on_win(env, "MPI_Accumulate", win, |rank, guest, _| {
        let target = target(to, disp, to_count, to_datatype, win);
        let data = buffer(origin, count, datatype);
        rank.accumulate(guest, &data, &target, OpHandle(op))
    })
}

fn raccumulate<C: Count>(
    env: Env<'_>,
    origin: u32,
    count: C,
    datatype: u32,
    to: i32,
    disp: i32,
    to_count: C,
    to_datatype: u32,
    op: u32,
    win: u32,
    request: u32,
) -> Code {
    on_win(env, "MPI_Raccumulate", win, |rank, guest, _| {
        let target = target(to, disp, to_count, to_datatype, win);
        let data = buffer(origin, count, datatype);
        let made = rank.raccumulate(guest, &data, &target, OpHandle(op))?;
        guest.put_handle(request, made)
    })
}

fn get_accumulate<C: Count>(
    env: Env<'_>,
    origin: u32,
    count: C,
    datatype: u32,
    result: u32,
    result_count: C,
    result_datatype: u32,
    to: i32,
    disp: i32,
    to_count: C,
    to_datatype: u32,
    op: u32,
    win: u32,
) -> Code {
    on_win(env, "MPI_Get_accumulate", win, |rank, guest, _| {
        let target = target(to, disp, to_count, to_datatype, win);
        let data = buffer(origin, count, datatype);
        let result = buffer(result, result_count, result_datatype);
        rank.get_accumulate(guest, &data, &result, &target, OpHandle(op))
    })
}

fn rget_accumulate<C: Count>(
    env: Env<'_>,
    origin: u32,
    count: C,
    datatype: u32,
    result: u32,
    result_count: C,
    result_datatype: u32,
    to: i32,
    disp: i32,
    to_count: C,
    to_datatype: u32,
    op: u32,
    win: u32,
    request: u32,
) -> Code {
    on_win(env, "MPI_Rget_accumulate", win, |rank, guest, _| {
        let target = target(to, disp, to_count, to_datatype, win);
        let data = buffer(origin, count, datatype);
        let result = buffer(result, result_count, result_datatype);
        let made = rank.rget_accumulate(guest, &data, &result, &target, OpHandle(op))?;
        guest.put_handle(request, made)
    })
}

fn fetch_and_op(
    env: Env<'_>,
    origin: u32,
    result: u32,
    datatype: u32,
    to: i32,
    disp: i32,
    op: u32,
    win: u32,
) -> Code {
    on_win(env, "MPI_Fetch_and_op", win, |rank, guest, _| {
        let target = target(to, disp, 1, datatype, win);
        rank.fetch_and_op(guest, addr(origin), addr(result), &target, OpHandle(op))
    })
}

fn compare_and_swap(
    env: Env<'_>,
    origin: u32,
    compare: u32,
    result: u32,
    datatype: u32,
    to: i32,
    disp: i32,
    win: u32,
) -> Code {
    on_win(env, "MPI_Compare_and_swap", win, |rank, guest, _| {
        let target = target(to, disp, 1, datatype, win);
        let data = (addr(origin), addr(compare));
        rank.compare_and_swap(guest, data, addr(result), &target)
    })
}

pub(crate) const WINDOWS: &[crate::abi::Import] = crate::abi::functions![
    ("MPI_Win_create", win_create),
    ("MPI_Win_create_c", win_create),
    ("MPI_Win_allocate", win_allocate),
    ("MPI_Win_allocate_shared", win_allocate_shared),
    ("MPI_Win_shared_query", win_shared_query),
    ("MPI_Win_shared_query_c", win_shared_query),
    ("MPI_Win_create_dynamic", win_create_dynamic),
    ("MPI_Win_attach", win_attach),
    ("MPI_Win_detach", win_detach),
    ("MPI_Win_free", win_free),
    ("MPI_Win_get_group", win_get_group),
    ("MPI_Win_set_name", win_set_name),
    ("MPI_Win_get_name", win_get_name),
    ("MPI_Win_set_info", win_set_info),
    ("MPI_Win_get_info", win_get_info),
    ("MPI_Win_create_keyval", win_create_keyval),
    ("MPI_Win_free_keyval", win_free_keyval),
    ("MPI_Win_set_attr", win_set_attr),
    ("MPI_Win_get_attr", win_get_attr),
    ("MPI_Win_delete_attr", win_delete_attr),
    ("MPI_Win_create_errhandler", win_create_errhandler),
    ("MPI_Win_set_errhandler", win_set_errhandler),
    ("MPI_Win_get_errhandler", win_get_errhandler),
    ("MPI_Win_call_errhandler", win_call_errhandler),
];

pub(crate) const SYNCHRONISATION: &[crate::abi::Import] = crate::abi::functions![
    ("MPI_Win_fence", win_fence),
    ("MPI_Win_start", win_start),
    ("MPI_Win_complete", win_complete),
    ("MPI_Win_post", win_post),
    ("MPI_Win_wait", win_wait),
    ("MPI_Win_test", win_test),
    ("MPI_Win_lock", win_lock),
    ("MPI_Win_unlock", win_unlock),
    ("MPI_Win_lock_all", win_lock_all),
    ("MPI_Win_unlock_all", win_unlock_all),
    ("MPI_Win_flush", win_flush),
    ("MPI_Win_flush_all", win_flush_all),
    ("MPI_Win_flush_local", win_flush_local),
    ("MPI_Win_flush_local_all", win_flush_local_all),
    ("MPI_Win_sync", win_sync),
];

pub(crate) const TRANSFERS: &[crate::abi::Import] = crate::abi::functions![
    ("MPI_Put", put::<i32>),
    ("MPI_Put_c", put::<i64>),
    ("MPI_Rput", rput::<i32>),
    ("MPI_Rput_c", rput::<i64>),
    ("MPI_Get", get::<i32>),
    ("MPI_Get_c", get::<i64>),
    ("MPI_Rget", rget::<i32>),
    ("MPI_Rget_c", rget::<i64>),
    ("MPI_Accumulate", accumulate::<i32>),
    ("MPI_Accumulate_c", accumulate::<i64>),
    ("MPI_Raccumulate", raccumulate::<i32>),
    ("MPI_Raccumulate_c", raccumulate::<i64>),
    ("MPI_Get_accumulate", get_accumulate::<i32>),
    ("MPI_Get_accumulate_c", get_accumulate::<i64>),
    ("MPI_Rget_accumulate", rget_accumulate::<i32>),
    ("MPI_Rget_accumulate_c", rget_accumulate::<i64>),
    ("MPI_Fetch_and_op", fetch_and_op),
    ("MPI_Compare_and_swap", compare_and_swap),
];
