//! Start and end of MPI, versions, clocks, error handling (MPI 4.1, chapters 9 and 11).

use super::caller::{Code, Env, NO_COMM, call};
use faabric_mpi::abi::{
    MPI_ERRHANDLER_NULL, MPI_MAX_ERROR_STRING, MPI_MAX_LIBRARY_VERSION_STRING,
    MPI_MAX_PROCESSOR_NAME, MPI_SUBVERSION, MPI_VERSION,
};
use faabric_mpi::handle::{CommHandle, ErrhandlerHandle};
use faabric_mpi::{Class, Error, GuestFn};
use std::sync::LazyLock;
use std::time::Instant;

/// What `MPI_Get_library_version` says.
const LIBRARY: &str = concat!(
    "faabric ",
    env!("CARGO_PKG_VERSION"),
    " (MPI 4.1, MPI ABI 1.0)"
);

/// `MPI_Wtick`: the monotonic clock counts nanoseconds.
const TICK: f64 = 1e-9;

fn init(env: Env<'_>, _argc: u32, _argv: u32) -> Code {
    call(env, "MPI_Init", NO_COMM, |rank, _| rank.init())
}

fn init_thread(env: Env<'_>, _argc: u32, _argv: u32, required: i32, provided: u32) -> Code {
    call(env, "MPI_Init_thread", NO_COMM, |rank, guest| {
        guest.put_i32(provided, rank.init_thread(required)?)
    })
}

fn finalize(env: Env<'_>) -> Code {
    call(env, "MPI_Finalize", NO_COMM, |rank, guest| {
        rank.finalize(guest)
    })
}

fn initialized(env: Env<'_>, flag: u32) -> Code {
    call(env, "MPI_Initialized", NO_COMM, |rank, guest| {
        guest.put_flag(flag, rank.initialized())
    })
}

fn finalized(env: Env<'_>, flag: u32) -> Code {
    call(env, "MPI_Finalized", NO_COMM, |rank, guest| {
        guest.put_flag(flag, rank.finalized())
    })
}

fn query_thread(env: Env<'_>, provided: u32) -> Code {
    call(env, "MPI_Query_thread", NO_COMM, |rank, guest| {
        guest.put_i32(provided, rank.query_thread()?)
    })
}

fn is_thread_main(env: Env<'_>, flag: u32) -> Code {
    call(env, "MPI_Is_thread_main", NO_COMM, |rank, guest| {
        guest.put_flag(flag, rank.is_thread_main()?)
    })
}

fn abort(env: Env<'_>, comm: u32, code: i32) -> Code {
    call(env, "MPI_Abort", comm, |rank, _| Err(rank.abort(code)))
}

fn get_processor_name(env: Env<'_>, name: u32, len: u32) -> Code {
    call(env, "MPI_Get_processor_name", NO_COMM, |rank, guest| {
        let text = rank.get_processor_name();
        let written = guest.put_string(name, &text, MPI_MAX_PROCESSOR_NAME)?;
        guest.put_i32(len, written)
    })
}

fn get_version(env: Env<'_>, version: u32, subversion: u32) -> Code {
    call(env, "MPI_Get_version", NO_COMM, |_, guest| {
        guest.put_i32(version, MPI_VERSION)?;
        guest.put_i32(subversion, MPI_SUBVERSION)
    })
}

fn get_library_version(env: Env<'_>, version: u32, len: u32) -> Code {
    call(env, "MPI_Get_library_version", NO_COMM, |_, guest| {
        let written = guest.put_string(version, LIBRARY, MPI_MAX_LIBRARY_VERSION_STRING)?;
        guest.put_i32(len, written)
    })
}

fn get_hw_resource_info(env: Env<'_>, info: u32) -> Code {
    call(env, "MPI_Get_hw_resource_info", NO_COMM, |rank, guest| {
        guest.put_handle(info, rank.get_hw_resource_info()?)
    })
}

fn abi_get_info(env: Env<'_>, info: u32) -> Code {
    call(env, "MPI_Abi_get_info", NO_COMM, |rank, guest| {
        guest.put_handle(info, rank.abi_get_info()?)
    })
}

/// Seconds since some time before the first call on this worker.
fn wtime(_env: Env<'_>) -> f64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed().as_secs_f64()
}

fn wtick(_env: Env<'_>) -> f64 {
    TICK
}

/// What `libmpi.a` calls for the functions that nobody implements yet.
fn unsupported(env: Env<'_>, name: u32, comm: u32) -> Code {
    let name = env
        .data()
        .memory()
        .read_c_string(name, 64)
        .unwrap_or_default();
    let name = String::from_utf8_lossy(&name).into_owned();
    call(env, &name, comm, |_, _| {
        Err(Error::new(
            Class::UNSUPPORTED_OPERATION,
            format!("{name} is not supported yet by faabric"),
        ))
    })
}

fn comm_create_errhandler(env: Env<'_>, function: u32, errhandler: u32) -> Code {
    call(env, "MPI_Comm_create_errhandler", NO_COMM, |rank, guest| {
        guest.put_handle(errhandler, rank.comm_create_errhandler(GuestFn(function))?)
    })
}

fn comm_set_errhandler(env: Env<'_>, comm: u32, errhandler: u32) -> Code {
    call(env, "MPI_Comm_set_errhandler", comm, |rank, _| {
        rank.comm_set_errhandler(CommHandle(comm), ErrhandlerHandle(errhandler))
    })
}

fn comm_get_errhandler(env: Env<'_>, comm: u32, errhandler: u32) -> Code {
    call(env, "MPI_Comm_get_errhandler", comm, |rank, guest| {
        guest.put_handle(errhandler, rank.comm_get_errhandler(CommHandle(comm))?)
    })
}

fn comm_call_errhandler(env: Env<'_>, comm: u32, code: i32) -> Code {
    call(env, "MPI_Comm_call_errhandler", comm, |rank, guest| {
        rank.comm_call_errhandler(guest, CommHandle(comm), code)
    })
}

fn errhandler_free(env: Env<'_>, errhandler: u32) -> Code {
    call(env, "MPI_Errhandler_free", NO_COMM, |rank, guest| {
        rank.errhandler_free(guest.get_handle(errhandler)?)?;
        guest.put_handle(errhandler, ErrhandlerHandle(MPI_ERRHANDLER_NULL))
    })
}

fn error_class(env: Env<'_>, code: i32, class: u32) -> Code {
    call(env, "MPI_Error_class", NO_COMM, |rank, guest| {
        guest.put_i32(class, rank.error_class(code)?)
    })
}

fn error_string(env: Env<'_>, code: i32, string: u32, len: u32) -> Code {
    call(env, "MPI_Error_string", NO_COMM, |rank, guest| {
        let text = rank.error_string(code)?;
        let written = guest.put_string(string, &text, MPI_MAX_ERROR_STRING)?;
        guest.put_i32(len, written)
    })
}

fn add_error_class(env: Env<'_>, class: u32) -> Code {
    call(env, "MPI_Add_error_class", NO_COMM, |rank, guest| {
        guest.put_i32(class, rank.add_error_class())
    })
}

fn add_error_code(env: Env<'_>, class: i32, code: u32) -> Code {
    call(env, "MPI_Add_error_code", NO_COMM, |rank, guest| {
        guest.put_i32(code, rank.add_error_code(class)?)
    })
}

fn add_error_string(env: Env<'_>, code: i32, string: u32) -> Code {
    call(env, "MPI_Add_error_string", NO_COMM, |rank, guest| {
        let text = guest.string(string, MPI_MAX_ERROR_STRING)?;
        rank.add_error_string(code, &text)
    })
}

fn remove_error_class(env: Env<'_>, class: i32) -> Code {
    call(env, "MPI_Remove_error_class", NO_COMM, |rank, _| {
        rank.remove_error_code(class)
    })
}

fn remove_error_code(env: Env<'_>, code: i32) -> Code {
    call(env, "MPI_Remove_error_code", NO_COMM, |rank, _| {
        rank.remove_error_code(code)
    })
}

fn remove_error_string(env: Env<'_>, code: i32) -> Code {
    call(env, "MPI_Remove_error_string", NO_COMM, |rank, _| {
        rank.remove_error_string(code)
    })
}

pub(crate) const FUNCTIONS: &[crate::abi::Import] = crate::abi::functions![
    ("MPI_Init", init),
    ("MPI_Init_thread", init_thread),
    ("MPI_Finalize", finalize),
    ("MPI_Initialized", initialized),
    ("MPI_Finalized", finalized),
    ("MPI_Query_thread", query_thread),
    ("MPI_Is_thread_main", is_thread_main),
    ("MPI_Abort", abort),
    ("MPI_Get_processor_name", get_processor_name),
    ("MPI_Get_version", get_version),
    ("MPI_Get_library_version", get_library_version),
    ("MPI_Get_hw_resource_info", get_hw_resource_info),
    ("MPI_Abi_get_info", abi_get_info),
    ("MPI_Wtime", wtime),
    ("MPI_Wtick", wtick),
    ("MPI_Comm_create_errhandler", comm_create_errhandler),
    ("MPI_Comm_set_errhandler", comm_set_errhandler),
    ("MPI_Comm_get_errhandler", comm_get_errhandler),
    ("MPI_Comm_call_errhandler", comm_call_errhandler),
    ("MPI_Errhandler_free", errhandler_free),
    ("MPI_Error_class", error_class),
    ("MPI_Error_string", error_string),
    ("MPI_Add_error_class", add_error_class),
    ("MPI_Add_error_code", add_error_code),
    ("MPI_Add_error_string", add_error_string),
    ("MPI_Remove_error_class", remove_error_class),
    ("MPI_Remove_error_code", remove_error_code),
    ("MPI_Remove_error_string", remove_error_string),
    ("faabric_unsupported", unsupported),
];
