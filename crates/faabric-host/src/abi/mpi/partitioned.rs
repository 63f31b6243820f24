//! Partitioned communication (MPI 4.1, chapter 4).

use super::caller::{Code, Env, NO_COMM, call};
use super::p2p::{buffer, destination, origin};
use faabric_mpi::handle::{InfoHandle, RequestHandle};

fn psend_init(
    env: Env<'_>,
    buf: u32,
    partitions: i32,
    count: i64,
    datatype: u32,
    dest: i32,
    tag: i32,
    comm: u32,
    info: u32,
    request: u32,
) -> Code {
    call(env, "MPI_Psend_init", comm, |rank, guest| {
        let (data, to) = (buffer(buf, count, datatype), destination(dest, tag, comm));
        let made = rank.psend_init(&data, partitions, to, InfoHandle(info))?;
        guest.put_handle(request, made)
    })
}

fn precv_init(
    env: Env<'_>,
    buf: u32,
    partitions: i32,
    count: i64,
    datatype: u32,
    source: i32,
    tag: i32,
    comm: u32,
    info: u32,
    request: u32,
) -> Code {
    call(env, "MPI_Precv_init", comm, |rank, guest| {
        let (data, from) = (buffer(buf, count, datatype), origin(source, tag, comm));
        let made = rank.precv_init(&data, partitions, from, InfoHandle(info))?;
        guest.put_handle(request, made)
    })
}

fn pready(env: Env<'_>, partition: i32, request: u32) -> Code {
    call(env, "MPI_Pready", NO_COMM, |rank, _| {
        rank.pready(RequestHandle(request), [partition])
    })
}

fn pready_range(env: Env<'_>, low: i32, high: i32, request: u32) -> Code {
    call(env, "MPI_Pready_range", NO_COMM, |rank, _| {
        rank.pready(RequestHandle(request), low..=high)
    })
}

fn pready_list(env: Env<'_>, length: i32, partitions: u32, request: u32) -> Code {
    call(env, "MPI_Pready_list", NO_COMM, |rank, guest| {
        let partitions = guest.ints(partitions, length)?;
        rank.pready(RequestHandle(request), partitions)
    })
}

fn parrived(env: Env<'_>, request: u32, partition: i32, flag: u32) -> Code {
    call(env, "MPI_Parrived", NO_COMM, |rank, guest| {
        let arrived = rank.parrived(guest, RequestHandle(request), partition)?;
        guest.put_flag(flag, arrived)
    })
}

pub(crate) const FUNCTIONS: &[crate::abi::Import] = crate::abi::functions![
    ("MPI_Psend_init", psend_init),
    ("MPI_Precv_init", precv_init),
    ("MPI_Pready", pready),
    ("MPI_Pready_range", pready_range),
    ("MPI_Pready_list", pready_list),
    ("MPI_Parrived", parrived),
];
