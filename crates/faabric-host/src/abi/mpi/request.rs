//! Requests and statuses (MPI 4.1, sections 3.7 to 3.9 and 13.2).

use super::caller::{Caller, Code, Env, NO_COMM, call};
use super::count::Count;
use super::direct;
use faabric_mpi::abi::{MPI_STATUS_IGNORE, MPI_UNDEFINED, STATUS_SIZE};
use faabric_mpi::completion::Several;
use faabric_mpi::generalized::Callbacks;
use faabric_mpi::handle::{RequestHandle, TypeHandle};
use faabric_mpi::{GuestFn, Result, Status};

fn wait(env: Env<'_>, request: u32, status: u32) -> Code {
    call(env, "MPI_Wait", NO_COMM, |rank, guest| {
        let mut handle = guest.get_handle(request)?;
        let ended = rank.wait(guest, &mut handle);
        guest.put_handle(request, handle)?;
        guest.put_status(status, &ended?)
    })
}

fn test(env: Env<'_>, request: u32, flag: u32, status: u32) -> Code {
    call(env, "MPI_Test", NO_COMM, |rank, guest| {
        let mut handle = guest.get_handle(request)?;
        let ended = rank.test(guest, &mut handle);
        guest.put_handle(request, handle)?;
        guest.put_flag(flag, !matches!(ended, Ok(None)))?;
        ended?.map_or(Ok(()), |ended| guest.put_status(status, &ended))
    })
}

/// Runs `f` on the guest's array of requests, and writes what became of them.
fn with_requests<T>(
    guest: &mut Caller<'_>,
    at: u32,
    count: i32,
    f: impl FnOnce(&mut Caller<'_>, &mut [RequestHandle]) -> Result<T>,
) -> Result<T> {
    let mut requests = guest.handles(at, count)?;
    let result = f(guest, &mut requests);
    guest.put_handles(at, &requests)?;
    result
}

/// Writes the statuses of requests that ended together, and fails if one of them did.
fn put_statuses(guest: &Caller<'_>, statuses: u32, several: Several) -> Result<()> {
    if statuses != MPI_STATUS_IGNORE {
        for (index, status) in several.statuses.iter().enumerate() {
            let at = Caller::element(statuses, index, STATUS_SIZE)?;
            match several.error {
                None => guest.put_status(at, status)?,
                Some(_) => guest.put_status_with_error(at, status)?,
            }
        }
    }
    several.error.map_or(Ok(()), Err)
}

/// Writes which requests ended, and their statuses.
fn put_some(
    guest: &Caller<'_>,
    outcount: u32,
    indices: u32,
    statuses: u32,
    some: Option<Several>,
) -> Result<()> {
    let Some(some) = some else {
        return guest.put_i32(outcount, MPI_UNDEFINED);
    };
    guest.put_i32(outcount, some.indices.len() as i32)?;
    let ended: Vec<i32> = some.indices.iter().map(|&index| index as i32).collect();
    guest.put_ints(indices, &ended)?;
    put_statuses(guest, statuses, some)
}

/// Writes which one request ended; none was active without one.
fn put_any(
    guest: &Caller<'_>,
    index: u32,
    status: u32,
    any: Option<(usize, Result<Status>)>,
) -> Result<()> {
    match any {
        None => {
            guest.put_i32(index, MPI_UNDEFINED)?;
            guest.put_status(status, &Status::EMPTY)
        }
        Some((at, ended)) => {
            guest.put_i32(index, at as i32)?;
            guest.put_status(status, &ended?)
        }
    }
}

fn waitall(env: Env<'_>, count: i32, requests: u32, statuses: u32) -> Code {
    call(env, "MPI_Waitall", NO_COMM, |rank, guest| {
        let all = with_requests(guest, requests, count, |guest, requests| {
            rank.waitall(guest, requests)
        })?;
        put_statuses(guest, statuses, all)
    })
}

fn testall(env: Env<'_>, count: i32, requests: u32, flag: u32, statuses: u32) -> Code {
    call(env, "MPI_Testall", NO_COMM, |rank, guest| {
        let all = with_requests(guest, requests, count, |guest, requests| {
            rank.testall(guest, requests)
        })?;
        guest.put_flag(flag, all.is_some())?;
        all.map_or(Ok(()), |all| put_statuses(guest, statuses, all))
    })
}

fn waitany(env: Env<'_>, count: i32, requests: u32, index: u32, status: u32) -> Code {
    call(env, "MPI_Waitany", NO_COMM, |rank, guest| {
        let any = with_requests(guest, requests, count, |guest, requests| {
            rank.waitany(guest, requests)
        })?;
        put_any(guest, index, status, any)
    })
}

fn testany(env: Env<'_>, count: i32, requests: u32, index: u32, flag: u32, status: u32) -> Code {
    call(env, "MPI_Testany", NO_COMM, |rank, guest| {
        let any = with_requests(guest, requests, count, |guest, requests| {
            rank.testany(guest, requests)
        })?;
        guest.put_flag(flag, any.is_some())?;
        match any {
            None => guest.put_i32(index, MPI_UNDEFINED),
            Some(any) => put_any(guest, index, status, any),
        }
    })
}

fn waitsome(
    env: Env<'_>,
    incount: i32,
    requests: u32,
    outcount: u32,
    indices: u32,
    statuses: u32,
) -> Code {
    call(env, "MPI_Waitsome", NO_COMM, |rank, guest| {
        let some = with_requests(guest, requests, incount, |guest, requests| {
            rank.waitsome(guest, requests)
        })?;
        put_some(guest, outcount, indices, statuses, some)
    })
}

fn testsome(
    env: Env<'_>,
    incount: i32,
    requests: u32,
    outcount: u32,
    indices: u32,
    statuses: u32,
) -> Code {
    call(env, "MPI_Testsome", NO_COMM, |rank, guest| {
        let some = with_requests(guest, requests, incount, |guest, requests| {
            rank.testsome(guest, requests)
        })?;
        put_some(guest, outcount, indices, statuses, some)
    })
}

fn request_get_status(env: Env<'_>, request: u32, flag: u32, status: u32) -> Code {
    call(env, "MPI_Request_get_status", NO_COMM, |rank, guest| {
        let ended = rank.request_get_status(guest, RequestHandle(request))?;
        guest.put_flag(flag, ended.is_some())?;
        ended.map_or(Ok(()), |ended| guest.put_status(status, &ended))
    })
}

fn request_get_status_all(
    env: Env<'_>,
    count: i32,
    requests: u32,
    flag: u32,
    statuses: u32,
) -> Code {
    call(env, "MPI_Request_get_status_all", NO_COMM, |rank, guest| {
        let requests = guest.handles::<RequestHandle>(requests, count)?;
        let mut ended = Vec::with_capacity(requests.len());
        for request in requests {
            match rank.request_get_status(guest, request)? {
                Some(status) => ended.push(status),
                None => return guest.put_flag(flag, false),
            }
        }
        guest.put_flag(flag, true)?;
        if statuses != MPI_STATUS_IGNORE {
            for (index, status) in ended.iter().enumerate() {
                guest.put_status(Caller::element(statuses, index, STATUS_SIZE)?, status)?;
            }
        }
        Ok(())
    })
}

fn request_get_status_any(
    env: Env<'_>,
    count: i32,
    requests: u32,
    index: u32,
    flag: u32,
    status: u32,
) -> Code {
    call(env, "MPI_Request_get_status_any", NO_COMM, |rank, guest| {
        let requests = guest.handles::<RequestHandle>(requests, count)?;
        let mut active = false;
        for (at, &request) in requests.iter().enumerate() {
            if !rank.is_active(request)? {
                continue;
            }
            active = true;
            if let Some(ended) = rank.request_get_status(guest, request)? {
                guest.put_flag(flag, true)?;
                guest.put_i32(index, at as i32)?;
                return guest.put_status(status, &ended);
            }
        }
        guest.put_flag(flag, !active)?;
        guest.put_i32(index, MPI_UNDEFINED)?;
        match active {
            true => Ok(()),
            false => guest.put_status(status, &Status::EMPTY),
        }
    })
}

fn request_get_status_some(
    env: Env<'_>,
    incount: i32,
    requests: u32,
    outcount: u32,
    indices: u32,
    statuses: u32,
) -> Code {
    call(
        env,
        "MPI_Request_get_status_some",
        NO_COMM,
        |rank, guest| {
            let requests = guest.handles::<RequestHandle>(requests, incount)?;
            let mut some = Several::default();
            let mut active = false;
            for (at, &request) in requests.iter().enumerate() {
                if !rank.is_active(request)? {
                    continue;
                }
                active = true;
                if let Some(ended) = rank.request_get_status(guest, request)? {
                    some.indices.push(at);
                    some.statuses.push(ended);
                }
            }
            put_some(guest, outcount, indices, statuses, active.then_some(some))
        },
    )
}

fn request_free(env: Env<'_>, request: u32) -> Code {
    call(env, "MPI_Request_free", NO_COMM, |rank, guest| {
        let mut handle = guest.get_handle(request)?;
        let freed = rank.request_free(guest, &mut handle);
        guest.put_handle(request, handle)?;
        freed
    })
}

fn cancel(env: Env<'_>, request: u32) -> Code {
    call(env, "MPI_Cancel", NO_COMM, |rank, guest| {
        let handle = guest.get_handle(request)?;
        rank.cancel(guest, handle)
    })
}

fn start(env: Env<'_>, request: u32) -> Code {
    call(env, "MPI_Start", NO_COMM, |rank, guest| {
        let handle = guest.get_handle(request)?;
        rank.start(guest, handle)
    })
}

fn startall(env: Env<'_>, count: i32, requests: u32) -> Code {
    call(env, "MPI_Startall", NO_COMM, |rank, guest| {
        let handles = guest.handles(requests, count)?;
        rank.startall(guest, &handles)
    })
}

fn grequest_start(
    env: Env<'_>,
    query: u32,
    free: u32,
    cancel: u32,
    state: u32,
    request: u32,
) -> Code {
    call(env, "MPI_Grequest_start", NO_COMM, |rank, guest| {
        let made = rank.grequest_start(Callbacks {
            query: GuestFn(query),
            free: GuestFn(free),
            cancel: GuestFn(cancel),
            state,
        })?;
        guest.put_handle(request, made)
    })
}

fn grequest_complete(env: Env<'_>, request: u32) -> Code {
    call(env, "MPI_Grequest_complete", NO_COMM, |rank, guest| {
        rank.grequest_complete(guest, RequestHandle(request))
    })
}

fn get_count<C: Count>(env: Env<'_>, status: u32, datatype: u32, count: u32) -> Code {
    call(env, "MPI_Get_count", NO_COMM, |rank, guest| {
        let status = guest.status(status)?;
        C::put(guest, count, rank.get_count(&status, TypeHandle(datatype))?)
    })
}

fn get_elements<C: Count>(env: Env<'_>, status: u32, datatype: u32, count: u32) -> Code {
    call(env, "MPI_Get_elements", NO_COMM, |rank, guest| {
        let status = guest.status(status)?;
        C::put(
            guest,
            count,
            rank.get_elements(&status, TypeHandle(datatype))?,
        )
    })
}

fn status_set_elements<C: Count>(env: Env<'_>, status: u32, datatype: u32, count: C) -> Code {
    call(env, "MPI_Status_set_elements", NO_COMM, |rank, guest| {
        let mut value = guest.status(status)?;
        rank.status_set_elements(&mut value, TypeHandle(datatype), count.into())?;
        guest.put_status(status, &value)
    })
}

fn status_set_cancelled(env: Env<'_>, status: u32, flag: i32) -> Code {
    call(env, "MPI_Status_set_cancelled", NO_COMM, |_, guest| {
        let mut value = guest.status(status)?;
        value.cancelled = flag != 0;
        guest.put_status(status, &value)
    })
}

fn test_cancelled(env: Env<'_>, status: u32, flag: u32) -> Code {
    call(env, "MPI_Test_cancelled", NO_COMM, |_, guest| {
        let value = guest.status(status)?;
        guest.put_flag(flag, value.cancelled)
    })
}

pub(crate) const FUNCTIONS: &[crate::abi::Import] = crate::abi::functions![
    ("MPI_Wait", wait, direct::wait),
    ("MPI_Test", test),
    ("MPI_Waitall", waitall, direct::waitall),
    ("MPI_Testall", testall),
    ("MPI_Waitany", waitany),
    ("MPI_Testany", testany),
    ("MPI_Waitsome", waitsome),
    ("MPI_Testsome", testsome),
    ("MPI_Request_get_status", request_get_status),
    ("MPI_Request_get_status_all", request_get_status_all),
    ("MPI_Request_get_status_any", request_get_status_any),
    ("MPI_Request_get_status_some", request_get_status_some),
    ("MPI_Request_free", request_free),
    ("MPI_Cancel", cancel),
    ("MPI_Start", start),
    ("MPI_Startall", startall),
    ("MPI_Grequest_start", grequest_start),
    ("MPI_Grequest_complete", grequest_complete),
    ("MPI_Get_count", get_count::<i32>),
    ("MPI_Get_count_c", get_count::<i64>),
    ("MPI_Get_elements", get_elements::<i32>),
    ("MPI_Get_elements_c", get_elements::<i64>),
    ("MPI_Get_elements_x", get_elements::<i64>),
    ("MPI_Status_set_elements", status_set_elements::<i32>),
    ("MPI_Status_set_elements_c", status_set_elements::<i64>),
    ("MPI_Status_set_elements_x", status_set_elements::<i64>),
    ("MPI_Status_set_cancelled", status_set_cancelled),
    ("MPI_Test_cancelled", test_cancelled),
];
