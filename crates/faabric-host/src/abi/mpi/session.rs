//! Sessions (MPI 4.1, section 11.3).

use super::caller::{Caller, Code, Env, NO_COMM, call, call_on};
use super::count::Count;
use faabric_mpi::abi::MPI_MAX_PSET_NAME_LEN;
use faabric_mpi::handle::{ErrhandlerHandle, InfoHandle, SessionHandle};
use faabric_mpi::{Attachable, GuestFn, Rank, Result};

/// Runs the body of a call on a session, whose error handler gets its errors.
fn on_session<'a>(
    env: Env<'a>,
    name: &str,
    session: u32,
    body: impl FnOnce(&Rank, &mut Caller<'a>, SessionHandle) -> Result<()>,
) -> Code {
    let session = SessionHandle(session);
    call_on(env, name, session, |rank, guest| body(rank, guest, session))
}

fn init(env: Env<'_>, info: u32, errhandler: u32, session: u32) -> Code {
    let errhandler = ErrhandlerHandle(errhandler);
    call_on(env, "MPI_Session_init", errhandler, |rank, guest| {
        super::caller::not_null(session)?;
        guest.put_handle(session, rank.session_init(InfoHandle(info), errhandler)?)
    })
}

fn finalize(env: Env<'_>, session: u32) -> Code {
    let named = env.data().memory().read_u32(session).unwrap_or_default();
    on_session(env, "MPI_Session_finalize", named, |rank, guest, _| {
        let mut ended = guest.get_handle(session)?;
        rank.session_finalize(guest, &mut ended)?;
        guest.put_handle(session, ended)
    })
}

fn get_info(env: Env<'_>, session: u32, info: u32) -> Code {
    on_session(
        env,
        "MPI_Session_get_info",
        session,
        |rank, guest, session| guest.put_handle(info, rank.session_get_info(session)?),
    )
}

fn get_num_psets(env: Env<'_>, session: u32, _info: u32, count: u32) -> Code {
    let name = "MPI_Session_get_num_psets";
    on_session(env, name, session, |rank, guest, session| {
        guest.put_i32(count, rank.session_get_num_psets(session)?)
    })
}

/// `pset_len` says how much room there is, and becomes how much is needed.
fn get_nth_pset(env: Env<'_>, session: u32, _info: u32, n: i32, len: u32, pset: u32) -> Code {
    let name = "MPI_Session_get_nth_pset";
    on_session(env, name, session, |rank, guest, session| {
        let text = rank.session_get_nth_pset(session, n)?;
        let room = guest.get_i32(len)?;
        if room > 0 {
            guest.put_string(pset, text, room)?;
        }
        guest.put_i32(len, text.len() as i32 + 1)
    })
}

fn get_pset_info(env: Env<'_>, session: u32, pset: u32, info: u32) -> Code {
    let name = "MPI_Session_get_pset_info";
    on_session(env, name, session, |rank, guest, session| {
        let pset = guest.string(pset, MPI_MAX_PSET_NAME_LEN)?;
        guest.put_handle(info, rank.session_get_pset_info(session, &pset)?)
    })
}

fn group_from_pset(env: Env<'_>, session: u32, pset: u32, group: u32) -> Code {
    let name = "MPI_Group_from_session_pset";
    on_session(env, name, session, |rank, guest, session| {
        let pset = guest.string(pset, MPI_MAX_PSET_NAME_LEN)?;
        guest.put_handle(group, rank.group_from_session_pset(session, &pset)?)
    })
}

fn create_errhandler(env: Env<'_>, function: u32, errhandler: u32) -> Code {
    let name = "MPI_Session_create_errhandler";
    call(env, name, NO_COMM, |rank, guest| {
        guest.put_handle(errhandler, rank.comm_create_errhandler(GuestFn(function))?)
    })
}

fn set_errhandler(env: Env<'_>, session: u32, errhandler: u32) -> Code {
    let name = "MPI_Session_set_errhandler";
    on_session(env, name, session, |rank, _, session| {
        rank.session_set_errhandler(session, ErrhandlerHandle(errhandler))
    })
}

fn get_errhandler(env: Env<'_>, session: u32, errhandler: u32) -> Code {
    let name = "MPI_Session_get_errhandler";
    on_session(env, name, session, |rank, guest, session| {
        guest.put_handle(errhandler, rank.session_get_errhandler(session)?)
    })
}

fn call_errhandler(env: Env<'_>, session: u32, code: i32) -> Code {
    let name = "MPI_Session_call_errhandler";
    on_session(env, name, session, |rank, guest, session| {
        rank.session_call_errhandler(guest, session, code)
    })
}

fn attach<C: Count>(env: Env<'_>, session: u32, addr: u32, size: C) -> Code {
    let name = "MPI_Session_attach_buffer";
    on_session(env, name, session, |rank, _, session| {
        rank.buffer_attach(Attachable::Session(session), addr, size.into())
    })
}

fn detach<C: Count>(env: Env<'_>, session: u32, addr: u32, size: u32) -> Code {
    let name = "MPI_Session_detach_buffer";
    on_session(env, name, session, |rank, guest, session| {
        let (attached, bytes) = rank.buffer_detach(guest, Attachable::Session(session))?;
        guest.put_u32(addr, attached)?;
        C::put_exact(guest, size, bytes)
    })
}

fn flush(env: Env<'_>, session: u32) -> Code {
    let name = "MPI_Session_flush_buffer";
    on_session(env, name, session, |rank, guest, session| {
        rank.buffer_flush(guest, Attachable::Session(session))
    })
}

fn iflush(env: Env<'_>, session: u32, request: u32) -> Code {
    let name = "MPI_Session_iflush_buffer";
    on_session(env, name, session, |rank, guest, session| {
        let started = rank.buffer_iflush(guest, Attachable::Session(session))?;
        guest.put_handle(request, started)
    })
}

pub(crate) const FUNCTIONS: &[crate::abi::Import] = crate::abi::functions![
    ("MPI_Session_init", init),
    ("MPI_Session_finalize", finalize),
    ("MPI_Session_get_info", get_info),
    ("MPI_Session_get_num_psets", get_num_psets),
    ("MPI_Session_get_nth_pset", get_nth_pset),
    ("MPI_Session_get_pset_info", get_pset_info),
    ("MPI_Group_from_session_pset", group_from_pset),
    ("MPI_Session_create_errhandler", create_errhandler),
    ("MPI_Session_set_errhandler", set_errhandler),
    ("MPI_Session_get_errhandler", get_errhandler),
    ("MPI_Session_call_errhandler", call_errhandler),
    ("MPI_Session_attach_buffer", attach::<i32>),
    ("MPI_Session_attach_buffer_c", attach::<i64>),
    ("MPI_Session_detach_buffer", detach::<i32>),
    ("MPI_Session_detach_buffer_c", detach::<i64>),
    ("MPI_Session_flush_buffer", flush),
    ("MPI_Session_iflush_buffer", iflush),
];
