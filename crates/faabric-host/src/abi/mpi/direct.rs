//! The commonest calls on the guest's own stack (see [`crate::sys::direct`]): each does
//! what [`faabric_mpi::Rank`] can do quickly, or declines.

use super::collective::reduction;
use super::p2p::{buffer, destination, origin};
use crate::granule::Shared;
use crate::memory::GuestMemory;
use faabric_mpi::abi::{MPI_STATUS_IGNORE, MPI_SUCCESS};
use faabric_mpi::handle::{CommHandle, Handle, RequestHandle};
use faabric_mpi::{Collective, SendMode, Status, Variable};

/// Bytes of a handle in the guest's memory.
const HANDLE: u32 = 4;

/// A place for `len` bytes of result; none where the general way must complain.
fn place(memory: &GuestMemory, at: u32, len: u32) -> Option<u32> {
    memory.check(at, len).ok()?;
    (at != 0).then_some(at)
}

/// A place for a status; none where the general way must complain.
fn status_place(memory: &GuestMemory, at: u32) -> Option<u32> {
    if at == MPI_STATUS_IGNORE {
        return Some(at);
    }
    place(memory, at, faabric_mpi::abi::STATUS_SIZE as u32)
}

/// Writes a status to where [`status_place`] found room.
fn put_status(memory: &GuestMemory, at: u32, status: &Status) -> Option<i32> {
    if at != MPI_STATUS_IGNORE {
        super::caller::write_status(memory, at, status).ok()?;
    }
    Some(MPI_SUCCESS)
}

pub(super) fn send(
    shared: &Shared,
    buf: u32,
    count: i32,
    datatype: u32,
    dest: i32,
    tag: i32,
    comm: u32,
) -> Option<i32> {
    let data = buffer(buf, count, datatype);
    let to = destination(dest, tag, comm);
    let sent = shared.rank()?.send_quick(SendMode::Standard, &data, to);
    sent.then_some(MPI_SUCCESS)
}

pub(super) fn isend(
    shared: &Shared,
    buf: u32,
    count: i32,
    datatype: u32,
    dest: i32,
    tag: i32,
    comm: u32,
    request: u32,
) -> Option<i32> {
    let request = place(&shared.memory, request, HANDLE)?;
    let data = buffer(buf, count, datatype);
    let to = destination(dest, tag, comm);
    let rank = shared.rank()?;
    let started = rank.isend_quick(SendMode::Standard, &data, to)?;
    shared.memory.write_u32(request, started.raw()).ok()?;
    Some(MPI_SUCCESS)
}

pub(super) fn recv(
    shared: &Shared,
    buf: u32,
    count: i32,
    datatype: u32,
    source: i32,
    tag: i32,
    comm: u32,
    status: u32,
) -> Option<i32> {
    let status = status_place(&shared.memory, status)?;
    let data = buffer(buf, count, datatype);
    let from = origin(source, tag, comm);
    let received = shared.rank()?.recv_quick(&data, from)?;
    put_status(&shared.memory, status, &received)
}

pub(super) fn irecv(
    shared: &Shared,
    buf: u32,
    count: i32,
    datatype: u32,
    source: i32,
    tag: i32,
    comm: u32,
    request: u32,
) -> Option<i32> {
    let request = place(&shared.memory, request, HANDLE)?;
    let data = buffer(buf, count, datatype);
    let from = origin(source, tag, comm);
    let started = shared.rank()?.irecv_quick(&data, from)?;
    shared.memory.write_u32(request, started.raw()).ok()?;
    Some(MPI_SUCCESS)
}

pub(super) fn wait(shared: &Shared, request: u32, status: u32) -> Option<i32> {
    let memory = &shared.memory;
    let status = status_place(memory, status)?;
    let request = place(memory, request, HANDLE)?;
    let mut handle = RequestHandle::from_raw(memory.read_u32(request).ok()?);
    let ended = shared.rank()?.wait_quick(&mut handle)?;
    memory.write_u32(request, handle.raw()).ok()?;
    put_status(memory, status, &ended)
}

/// Declining half-way is right too: the general way finds the requests that have ended
/// here to be null, which is why it must not be asked for their statuses.
pub(super) fn waitall(shared: &Shared, count: i32, requests: u32, statuses: u32) -> Option<i32> {
    let memory = &shared.memory;
    let bytes = u32::try_from(count).ok()?.checked_mul(HANDLE)?;
    let requests = place(memory, requests, bytes)?;
    if statuses != MPI_STATUS_IGNORE {
        return None;
    }
    let array = (requests..requests + bytes).step_by(HANDLE as usize);
    let variables = array.map(|at| Request { memory, at });
    shared.rank()?.waitall_quick(variables)?;
    Some(MPI_SUCCESS)
}

/// A request in the guest's memory.
struct Request<'a> {
    memory: &'a GuestMemory,
    at: u32,
}

impl Variable for Request<'_> {
    fn get(&self) -> Option<RequestHandle> {
        self.memory
            .read_u32(self.at)
            .ok()
            .map(RequestHandle::from_raw)
    }

    fn set(&self, request: RequestHandle) -> Option<()> {
        self.memory.write_u32(self.at, request.raw()).ok()
    }
}

pub(super) fn comm_rank(shared: &Shared, comm: u32, result: u32) -> Option<i32> {
    let result = place(&shared.memory, result, 4)?;
    let rank = shared.rank()?.comm_rank(CommHandle(comm)).ok()?;
    shared.memory.write_i32(result, rank).ok()?;
    Some(MPI_SUCCESS)
}

pub(super) fn comm_size(shared: &Shared, comm: u32, result: u32) -> Option<i32> {
    let result = place(&shared.memory, result, 4)?;
    let size = shared.rank()?.comm_size(CommHandle(comm)).ok()?;
    shared.memory.write_i32(result, size).ok()?;
    Some(MPI_SUCCESS)
}

fn collective(shared: &Shared, comm: u32, call: &Collective<'_>) -> Option<i32> {
    shared.rank()?.collective_quick(CommHandle(comm), call)?;
    Some(MPI_SUCCESS)
}

pub(super) fn barrier(shared: &Shared, comm: u32) -> Option<i32> {
    collective(shared, comm, &Collective::Barrier)
}

pub(super) fn bcast(
    shared: &Shared,
    buf: u32,
    count: i32,
    datatype: u32,
    root: i32,
    comm: u32,
) -> Option<i32> {
    let buffer = buffer(buf, count, datatype);
    collective(shared, comm, &Collective::Bcast { buffer, root })
}

pub(super) fn reduce(
    shared: &Shared,
    send: u32,
    recv: u32,
    count: i32,
    datatype: u32,
    op: u32,
    root: i32,
    comm: u32,
) -> Option<i32> {
    let data = reduction(send, recv, count.into(), datatype, op);
    collective(shared, comm, &Collective::Reduce { data, root })
}

/// Reductions that differ in nothing but who gets what of the result.
macro_rules! reductions {
    ($($name:ident: $call:ident;)*) => {$(
        pub(super) fn $name(
            shared: &Shared,
            send: u32,
            recv: u32,
            count: i32,
            datatype: u32,
            op: u32,
            comm: u32,
        ) -> Option<i32> {
            let data = reduction(send, recv, count.into(), datatype, op);
            collective(shared, comm, &Collective::$call(data))
        }
    )*};
}

reductions! {
    allreduce: Allreduce;
    reduce_scatter_block: ReduceScatterBlock;
    scan: Scan;
    exscan: Exscan;
}

pub(super) fn allgather(
    shared: &Shared,
    sendbuf: u32,
    sendcount: i32,
    sendtype: u32,
    recvbuf: u32,
    recvcount: i32,
    recvtype: u32,
    comm: u32,
) -> Option<i32> {
    let send = buffer(sendbuf, sendcount, sendtype);
    let recv = buffer(recvbuf, recvcount, recvtype);
    collective(shared, comm, &Collective::Allgather { send, recv })
}

pub(super) fn alltoall(
    shared: &Shared,
    sendbuf: u32,
    sendcount: i32,
    sendtype: u32,
    recvbuf: u32,
    recvcount: i32,
    recvtype: u32,
    comm: u32,
) -> Option<i32> {
    let send = buffer(sendbuf, sendcount, sendtype);
    let recv = buffer(recvbuf, recvcount, recvtype);
    collective(shared, comm, &Collective::Alltoall { send, recv })
}
