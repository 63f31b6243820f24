//! Point-to-point communication (MPI 4.1, chapter 3).

use super::caller::{Code, Env, NO_COMM, call};
use super::count::Count;
use super::direct;
use faabric_mpi::handle::{CommHandle, Handle, MessageHandle, TypeHandle};
use faabric_mpi::memory::Addr;
use faabric_mpi::{Attachable, Buffer, Destination, Origin, SendMode, abi};

const STANDARD: u8 = SendMode::Standard as u8;
const BUFFERED: u8 = SendMode::Buffered as u8;
const SYNCHRONOUS: u8 = SendMode::Synchronous as u8;
const READY: u8 = SendMode::Ready as u8;

/// The mode of a handler that is generic over modes.
const fn mode(mode: u8) -> SendMode {
    match mode {
        BUFFERED => SendMode::Buffered,
        SYNCHRONOUS => SendMode::Synchronous,
        READY => SendMode::Ready,
        _ => SendMode::Standard,
    }
}

pub(super) fn buffer(addr: u32, count: impl Into<i64>, datatype: u32) -> Buffer {
    Buffer {
        addr: Addr(addr.into()),
        count: count.into(),
        datatype: TypeHandle(datatype),
    }
}

pub(super) fn destination(rank: i32, tag: i32, comm: u32) -> Destination {
    let comm = CommHandle(comm);
    Destination { rank, tag, comm }
}

pub(super) fn origin(rank: i32, tag: i32, comm: u32) -> Origin {
    let comm = CommHandle(comm);
    Origin { rank, tag, comm }
}

fn send<C: Count, const MODE: u8>(
    env: Env<'_>,
    buf: u32,
    count: C,
    datatype: u32,
    dest: i32,
    tag: i32,
    comm: u32,
) -> Code {
    let name = ["MPI_Send", "MPI_Bsend", "MPI_Ssend", "MPI_Rsend"][usize::from(MODE)];
    call(env, name, comm, |rank, guest| {
        let data = buffer(buf, count, datatype);
        rank.send(guest, mode(MODE), &data, destination(dest, tag, comm))
    })
}

fn isend<C: Count, const MODE: u8>(
    env: Env<'_>,
    buf: u32,
    count: C,
    datatype: u32,
    dest: i32,
    tag: i32,
    comm: u32,
    request: u32,
) -> Code {
    let name = ["MPI_Isend", "MPI_Ibsend", "MPI_Issend", "MPI_Irsend"][usize::from(MODE)];
    call(env, name, comm, |rank, guest| {
        let data = buffer(buf, count, datatype);
        let started = rank.isend(mode(MODE), &data, destination(dest, tag, comm))?;
        guest.put_handle(request, started)
    })
}

fn send_init<C: Count, const MODE: u8>(
    env: Env<'_>,
    buf: u32,
    count: C,
    datatype: u32,
    dest: i32,
    tag: i32,
    comm: u32,
    request: u32,
) -> Code {
    let names = [
        "MPI_Send_init",
        "MPI_Bsend_init",
        "MPI_Ssend_init",
        "MPI_Rsend_init",
    ];
    call(env, names[usize::from(MODE)], comm, |rank, guest| {
        let data = buffer(buf, count, datatype);
        let made = rank.send_init(mode(MODE), &data, destination(dest, tag, comm))?;
        guest.put_handle(request, made)
    })
}

fn recv<C: Count>(
    env: Env<'_>,
    buf: u32,
    count: C,
    datatype: u32,
    source: i32,
    tag: i32,
    comm: u32,
    status: u32,
) -> Code {
    call(env, "MPI_Recv", comm, |rank, guest| {
        let data = buffer(buf, count, datatype);
        let received = rank.recv(guest, &data, origin(source, tag, comm))?;
        guest.put_status(status, &received)
    })
}

fn irecv<C: Count>(
    env: Env<'_>,
    buf: u32,
    count: C,
    datatype: u32,
    source: i32,
    tag: i32,
    comm: u32,
    request: u32,
) -> Code {
    call(env, "MPI_Irecv", comm, |rank, guest| {
        let data = buffer(buf, count, datatype);
        let started = rank.irecv(&data, origin(source, tag, comm))?;
        guest.put_handle(request, started)
    })
}

fn recv_init<C: Count>(
    env: Env<'_>,
    buf: u32,
    count: C,
    datatype: u32,
    source: i32,
    tag: i32,
    comm: u32,
    request: u32,
) -> Code {
    call(env, "MPI_Recv_init", comm, |rank, guest| {
        let data = buffer(buf, count, datatype);
        let made = rank.recv_init(&data, origin(source, tag, comm))?;
        guest.put_handle(request, made)
    })
}

fn sendrecv<C: Count>(
    env: Env<'_>,
    sendbuf: u32,
    sendcount: C,
    sendtype: u32,
    dest: i32,
    sendtag: i32,
    recvbuf: u32,
    recvcount: C,
    recvtype: u32,
    source: i32,
    recvtag: i32,
    comm: u32,
    status: u32,
) -> Code {
    call(env, "MPI_Sendrecv", comm, |rank, guest| {
        let send = buffer(sendbuf, sendcount, sendtype);
        let recv = buffer(recvbuf, recvcount, recvtype);
        let to = destination(dest, sendtag, comm);
        let from = origin(source, recvtag, comm);
        let received = rank.sendrecv(guest, &send, to, &recv, from)?;
        guest.put_status(status, &received)
    })
}

fn sendrecv_replace<C: Count>(
    env: Env<'_>,
    buf: u32,
    count: C,
    datatype: u32,
    dest: i32,
    sendtag: i32,
    source: i32,
    recvtag: i32,
    comm: u32,
    status: u32,
) -> Code {
    call(env, "MPI_Sendrecv_replace", comm, |rank, guest| {
        let data = buffer(buf, count, datatype);
        let to = destination(dest, sendtag, comm);
        let from = origin(source, recvtag, comm);
        let received = rank.sendrecv_replace(guest, &data, to, from)?;
        guest.put_status(status, &received)
    })
}

fn isendrecv<C: Count>(
    env: Env<'_>,
    sendbuf: u32,
    sendcount: C,
    sendtype: u32,
    dest: i32,
    sendtag: i32,
    recvbuf: u32,
    recvcount: C,
    recvtype: u32,
    source: i32,
    recvtag: i32,
    comm: u32,
    request: u32,
) -> Code {
    call(env, "MPI_Isendrecv", comm, |rank, guest| {
        let send = buffer(sendbuf, sendcount, sendtype);
        let recv = buffer(recvbuf, recvcount, recvtype);
        let to = destination(dest, sendtag, comm);
        let from = origin(source, recvtag, comm);
        let started = rank.isendrecv(guest, &send, to, &recv, from)?;
        guest.put_handle(request, started)
    })
}

fn isendrecv_replace<C: Count>(
    env: Env<'_>,
    buf: u32,
    count: C,
    datatype: u32,
    dest: i32,
    sendtag: i32,
    source: i32,
    recvtag: i32,
    comm: u32,
    request: u32,
) -> Code {
    call(env, "MPI_Isendrecv_replace", comm, |rank, guest| {
        let data = buffer(buf, count, datatype);
        let to = destination(dest, sendtag, comm);
        let from = origin(source, recvtag, comm);
        let started = rank.isendrecv_replace(guest, &data, to, from)?;
        guest.put_handle(request, started)
    })
}

fn probe(env: Env<'_>, source: i32, tag: i32, comm: u32, status: u32) -> Code {
    call(env, "MPI_Probe", comm, |rank, guest| {
        let found = rank.probe(guest, origin(source, tag, comm))?;
        guest.put_status(status, &found)
    })
}

fn iprobe(env: Env<'_>, source: i32, tag: i32, comm: u32, flag: u32, status: u32) -> Code {
    call(env, "MPI_Iprobe", comm, |rank, guest| {
        let found = rank.iprobe(guest, origin(source, tag, comm))?;
        guest.put_flag(flag, found.is_some())?;
        found.map_or(Ok(()), |found| guest.put_status(status, &found))
    })
}

fn mprobe(env: Env<'_>, source: i32, tag: i32, comm: u32, message: u32, status: u32) -> Code {
    call(env, "MPI_Mprobe", comm, |rank, guest| {
        let (found, envelope) = rank.mprobe(guest, origin(source, tag, comm))?;
        guest.put_handle(message, found)?;
        guest.put_status(status, &envelope)
    })
}

fn improbe(
    env: Env<'_>,
    source: i32,
    tag: i32,
    comm: u32,
    flag: u32,
    message: u32,
    status: u32,
) -> Code {
    call(env, "MPI_Improbe", comm, |rank, guest| {
        let found = rank.improbe(guest, origin(source, tag, comm))?;
        guest.put_flag(flag, found.is_some())?;
        let null = MessageHandle::from_raw(abi::MPI_MESSAGE_NULL);
        guest.put_handle(message, found.map_or(null, |found| found.0))?;
        found.map_or(Ok(()), |found| guest.put_status(status, &found.1))
    })
}

fn mrecv<C: Count>(
    env: Env<'_>,
    buf: u32,
    count: C,
    datatype: u32,
    message: u32,
    status: u32,
) -> Code {
    call(env, "MPI_Mrecv", NO_COMM, |rank, guest| {
        let mut matched = guest.get_handle(message)?;
        let received = rank.mrecv(guest, &buffer(buf, count, datatype), &mut matched);
        guest.put_handle(message, matched)?;
        guest.put_status(status, &received?)
    })
}

fn imrecv<C: Count>(
    env: Env<'_>,
    buf: u32,
    count: C,
    datatype: u32,
    message: u32,
    request: u32,
) -> Code {
    call(env, "MPI_Imrecv", NO_COMM, |rank, guest| {
        let mut matched = guest.get_handle(message)?;
        let started = rank.imrecv(&buffer(buf, count, datatype), &mut matched);
        guest.put_handle(message, matched)?;
        guest.put_handle(request, started?)
    })
}

fn buffer_attach<C: Count>(env: Env<'_>, addr: u32, size: C) -> Code {
    call(env, "MPI_Buffer_attach", NO_COMM, |rank, _| {
        rank.buffer_attach(Attachable::Process, addr, size.into())
    })
}

fn buffer_detach<C: Count>(env: Env<'_>, addr: u32, size: u32) -> Code {
    call(env, "MPI_Buffer_detach", NO_COMM, |rank, guest| {
        let (attached, bytes) = rank.buffer_detach(guest, Attachable::Process)?;
        guest.put_u32(addr, attached)?;
        C::put_exact(guest, size, bytes)
    })
}

fn buffer_flush(env: Env<'_>) -> Code {
    call(env, "MPI_Buffer_flush", NO_COMM, |rank, guest| {
        rank.buffer_flush(guest, Attachable::Process)
    })
}

fn buffer_iflush(env: Env<'_>, request: u32) -> Code {
    call(env, "MPI_Buffer_iflush", NO_COMM, |rank, guest| {
        let started = rank.buffer_iflush(guest, Attachable::Process)?;
        guest.put_handle(request, started)
    })
}

fn comm_attach<C: Count>(env: Env<'_>, comm: u32, addr: u32, size: C) -> Code {
    call(env, "MPI_Comm_attach_buffer", comm, |rank, _| {
        rank.buffer_attach(Attachable::Comm(CommHandle(comm)), addr, size.into())
    })
}

fn comm_detach<C: Count>(env: Env<'_>, comm: u32, addr: u32, size: u32) -> Code {
    call(env, "MPI_Comm_detach_buffer", comm, |rank, guest| {
        let (attached, bytes) = rank.buffer_detach(guest, Attachable::Comm(CommHandle(comm)))?;
        guest.put_u32(addr, attached)?;
        C::put_exact(guest, size, bytes)
    })
}

fn comm_flush(env: Env<'_>, comm: u32) -> Code {
    call(env, "MPI_Comm_flush_buffer", comm, |rank, guest| {
        rank.buffer_flush(guest, Attachable::Comm(CommHandle(comm)))
    })
}

fn comm_iflush(env: Env<'_>, comm: u32, request: u32) -> Code {
    call(env, "MPI_Comm_iflush_buffer", comm, |rank, guest| {
        let started = rank.buffer_iflush(guest, Attachable::Comm(CommHandle(comm)))?;
        guest.put_handle(request, started)
    })
}

pub(crate) const FUNCTIONS: &[crate::abi::Import] = crate::abi::functions![
    ("MPI_Send", send::<i32, STANDARD>, direct::send),
    ("MPI_Send_c", send::<i64, STANDARD>),
    ("MPI_Bsend", send::<i32, BUFFERED>),
    ("MPI_Bsend_c", send::<i64, BUFFERED>),
    ("MPI_Ssend", send::<i32, SYNCHRONOUS>),
    ("MPI_Ssend_c", send::<i64, SYNCHRONOUS>),
    ("MPI_Rsend", send::<i32, READY>),
    ("MPI_Rsend_c", send::<i64, READY>),
    ("MPI_Isend", isend::<i32, STANDARD>, direct::isend),
    ("MPI_Isend_c", isend::<i64, STANDARD>),
    ("MPI_Ibsend", isend::<i32, BUFFERED>),
    ("MPI_Ibsend_c", isend::<i64, BUFFERED>),
    ("MPI_Issend", isend::<i32, SYNCHRONOUS>),
    ("MPI_Issend_c", isend::<i64, SYNCHRONOUS>),
    ("MPI_Irsend", isend::<i32, READY>),
    ("MPI_Irsend_c", isend::<i64, READY>),
    ("MPI_Send_init", send_init::<i32, STANDARD>),
    ("MPI_Send_init_c", send_init::<i64, STANDARD>),
    ("MPI_Bsend_init", send_init::<i32, BUFFERED>),
    ("MPI_Bsend_init_c", send_init::<i64, BUFFERED>),
    ("MPI_Ssend_init", send_init::<i32, SYNCHRONOUS>),
    ("MPI_Ssend_init_c", send_init::<i64, SYNCHRONOUS>),
    ("MPI_Rsend_init", send_init::<i32, READY>),
    ("MPI_Rsend_init_c", send_init::<i64, READY>),
    ("MPI_Recv", recv::<i32>, direct::recv),
    ("MPI_Recv_c", recv::<i64>),
    ("MPI_Irecv", irecv::<i32>, direct::irecv),
    ("MPI_Irecv_c", irecv::<i64>),
    ("MPI_Recv_init", recv_init::<i32>),
    ("MPI_Recv_init_c", recv_init::<i64>),
    ("MPI_Sendrecv", sendrecv::<i32>),
    ("MPI_Sendrecv_c", sendrecv::<i64>),
    ("MPI_Sendrecv_replace", sendrecv_replace::<i32>),
    ("MPI_Sendrecv_replace_c", sendrecv_replace::<i64>),
    ("MPI_Isendrecv", isendrecv::<i32>),
    ("MPI_Isendrecv_c", isendrecv::<i64>),
    ("MPI_Isendrecv_replace", isendrecv_replace::<i32>),
    ("MPI_Isendrecv_replace_c", isendrecv_replace::<i64>),
    ("MPI_Probe", probe),
    ("MPI_Iprobe", iprobe),
    ("MPI_Mprobe", mprobe),
    ("MPI_Improbe", improbe),
    ("MPI_Mrecv", mrecv::<i32>),
    ("MPI_Mrecv_c", mrecv::<i64>),
    ("MPI_Imrecv", imrecv::<i32>),
    ("MPI_Imrecv_c", imrecv::<i64>),
    ("MPI_Buffer_attach", buffer_attach::<i32>),
    ("MPI_Buffer_attach_c", buffer_attach::<i64>),
    ("MPI_Buffer_detach", buffer_detach::<i32>),
    ("MPI_Buffer_detach_c", buffer_detach::<i64>),
    ("MPI_Buffer_flush", buffer_flush),
    ("MPI_Buffer_iflush", buffer_iflush),
    ("MPI_Comm_attach_buffer", comm_attach::<i32>),
    ("MPI_Comm_attach_buffer_c", comm_attach::<i64>),
    ("MPI_Comm_detach_buffer", comm_detach::<i32>),
    ("MPI_Comm_detach_buffer_c", comm_detach::<i64>),
    ("MPI_Comm_flush_buffer", comm_flush),
    ("MPI_Comm_iflush_buffer", comm_iflush),
];
