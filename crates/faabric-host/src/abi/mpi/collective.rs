//! Collective communication (MPI 4.1, chapter 6 and section 8.6).
//!
//! Each operation has three forms, in two widths of counts: `MPI_X` blocks, `MPI_IX`
//! gives a request, `MPI_X_init` gives a persistent one. One macro line an operation
//! makes all six handlers out of how its arguments are decoded.

use super::caller::{Caller, Code, Env, NO_COMM, call};
use super::count::Count;
use super::direct;
use super::p2p::buffer;
use super::topology::neighbours;
use crate::abi::{Import, functions};
use faabric_mpi::collective::{Reduction, Spread, TypedSpread};
use faabric_mpi::handle::{CommHandle, OpHandle, TypeHandle};
use faabric_mpi::memory::Addr;
use faabric_mpi::{Collective, GuestFn, Rank, Result, abi};

/// The form of a collective call.
#[derive(Clone, Copy)]
enum Form {
    Blocking,
    /// Writes the request here.
    Started(u32),
    Persistent(u32),
}

/// Does a decoded call in its form.
fn run(
    rank: &Rank,
    guest: &mut Caller<'_>,
    comm: u32,
    form: Form,
    operation: &Collective<'_>,
) -> Result<()> {
    let comm = CommHandle(comm);
    match form {
        Form::Blocking => rank.collective(guest, comm, operation),
        Form::Started(request) => {
            let started = rank.collective_start(guest, comm, operation)?;
            guest.put_handle(request, started)
        }
        Form::Persistent(request) => {
            let made = rank.collective_init(comm, operation)?;
            guest.put_handle(request, made)
        }
    }
}

/// The lists of a v-variant, as long as they are significant for the caller.
struct Lists {
    counts: Vec<i64>,
    displs: Vec<i64>,
}

impl Lists {
    /// Reads lists of `len` blocks; where `len` is 0 they may be no addresses at all.
    fn read<C: Count>(guest: &Caller<'_>, counts: u32, displs: u32, len: i32) -> Result<Lists> {
        Ok(Lists {
            counts: guest.counts::<C>(counts, len)?,
            displs: guest.addresses(displs, len)?,
        })
    }

    fn spread(&self, addr: u32, datatype: u32) -> Spread<'_> {
        Spread {
            addr: Addr(addr.into()),
            counts: &self.counts,
            displs: &self.displs,
            datatype: TypeHandle(datatype),
        }
    }

    fn typed<'a>(&'a self, addr: u32, datatypes: &'a [TypeHandle]) -> TypedSpread<'a> {
        TypedSpread {
            addr: Addr(addr.into()),
            counts: &self.counts,
            displs: &self.displs,
            datatypes,
        }
    }
}

/// How many blocks a rank exchanges in a collective: one for each rank of the other
/// side.
fn peers(rank: &Rank, comm: u32) -> Result<i32> {
    let comm = CommHandle(comm);
    match rank.comm_test_inter(comm)? {
        true => rank.comm_remote_size(comm),
        false => rank.comm_size(comm),
    }
}

/// The number of blocks at the root, where the lists of `MPI_Gatherv` and
/// `MPI_Scatterv` are significant; 0 elsewhere.
fn at_root(rank: &Rank, comm: u32, root: i32) -> Result<i32> {
    let inter = rank.comm_test_inter(CommHandle(comm))?;
    let is_root = match inter {
        true => root == abi::MPI_ROOT,
        false => root == rank.comm_rank(CommHandle(comm))?,
    };
    if is_root { peers(rank, comm) } else { Ok(0) }
}

/// The lists that `MPI_IN_PLACE` makes insignificant have no blocks.
fn unless_in_place(sendbuf: u32, blocks: i32) -> i32 {
    if sendbuf == abi::MPI_IN_PLACE {
        0
    } else {
        blocks
    }
}

pub(super) fn reduction(send: u32, recv: u32, count: i64, datatype: u32, op: u32) -> Reduction {
    Reduction {
        send: Addr(send.into()),
        recv: Addr(recv.into()),
        count,
        datatype: TypeHandle(datatype),
        op: OpHandle(op),
    }
}

/// `operation!(module, "name", Ixx, (arguments), |rank, guest, comm| -> decode)`: a
/// module with the handlers of all forms. `body` decodes the arguments and ends in
/// `run(rank, guest, comm, form, &Collective::..)`.
macro_rules! operation {
    ($module:ident: $name:literal, $start:literal, $init:literal,
     ($($arg:ident: $type:ty),*), |$rank:ident, $guest:ident, $comm:ident, $form:ident| $body:expr) => {
        mod $module {
            use super::*;

            fn decode<C: Count>(
                env: Env<'_>,
                name: &str,
                $($arg: $type,)*
                $comm: u32,
                $form: Form,
            ) -> Code {
                call(env, name, $comm, |$rank, $guest| $body)
            }

            pub(super) fn blocking<C: Count>(env: Env<'_>, $($arg: $type,)* $comm: u32) -> Code {
                decode::<C>(env, $name, $($arg,)* $comm, Form::Blocking)
            }

            pub(super) fn started<C: Count>(
                env: Env<'_>,
                $($arg: $type,)*
                $comm: u32,
                request: u32,
            ) -> Code {
                decode::<C>(env, $start, $($arg,)* $comm, Form::Started(request))
            }

            pub(super) fn persistent<C: Count>(
                env: Env<'_>,
                $($arg: $type,)*
                $comm: u32,
                _info: u32,
                request: u32,
            ) -> Code {
                decode::<C>(env, $init, $($arg,)* $comm, Form::Persistent(request))
            }
        }
    };
}

operation!(barrier: "MPI_Barrier", "MPI_Ibarrier", "MPI_Barrier_init", (),
    |rank, guest, comm, form| run(rank, guest, comm, form, &Collective::Barrier));

operation!(bcast: "MPI_Bcast", "MPI_Ibcast", "MPI_Bcast_init",
(buf: u32, count: C, datatype: u32, root: i32),
|rank, guest, comm, form| {
    let buffer = buffer(buf, count, datatype);
    run(rank, guest, comm, form, &Collective::Bcast { buffer, root })
});

operation!(gather: "MPI_Gather", "MPI_Igather", "MPI_Gather_init",
(sendbuf: u32, sendcount: C, sendtype: u32, recvbuf: u32, recvcount: C, recvtype: u32, root: i32),
|rank, guest, comm, form| {
    let send = buffer(sendbuf, sendcount, sendtype);
    let recv = buffer(recvbuf, recvcount, recvtype);
    run(rank, guest, comm, form, &Collective::Gather { send, recv, root })
});

operation!(gatherv: "MPI_Gatherv", "MPI_Igatherv", "MPI_Gatherv_init",
(sendbuf: u32, sendcount: C, sendtype: u32, recvbuf: u32, counts: u32, displs: u32, recvtype: u32, root: i32),
|rank, guest, comm, form| {
    let lists = Lists::read::<C>(guest, counts, displs, at_root(rank, comm, root)?)?;
    let send = buffer(sendbuf, sendcount, sendtype);
    let recv = lists.spread(recvbuf, recvtype);
    run(rank, guest, comm, form, &Collective::Gatherv { send, recv, root })
});

operation!(scatter: "MPI_Scatter", "MPI_Iscatter", "MPI_Scatter_init",
(sendbuf: u32, sendcount: C, sendtype: u32, recvbuf: u32, recvcount: C, recvtype: u32, root: i32),
|rank, guest, comm, form| {
    let send = buffer(sendbuf, sendcount, sendtype);
    let recv = buffer(recvbuf, recvcount, recvtype);
    run(rank, guest, comm, form, &Collective::Scatter { send, recv, root })
});

operation!(scatterv: "MPI_Scatterv", "MPI_Iscatterv", "MPI_Scatterv_init",
(sendbuf: u32, counts: u32, displs: u32, sendtype: u32, recvbuf: u32, recvcount: C, recvtype: u32, root: i32),
|rank, guest, comm, form| {
    let lists = Lists::read::<C>(guest, counts, displs, at_root(rank, comm, root)?)?;
    let send = lists.spread(sendbuf, sendtype);
    let recv = buffer(recvbuf, recvcount, recvtype);
    run(rank, guest, comm, form, &Collective::Scatterv { send, recv, root })
});

operation!(allgather: "MPI_Allgather", "MPI_Iallgather", "MPI_Allgather_init",
(sendbuf: u32, sendcount: C, sendtype: u32, recvbuf: u32, recvcount: C, recvtype: u32),
|rank, guest, comm, form| {
    let send = buffer(sendbuf, sendcount, sendtype);
    let recv = buffer(recvbuf, recvcount, recvtype);
    run(rank, guest, comm, form, &Collective::Allgather { send, recv })
});

operation!(allgatherv: "MPI_Allgatherv", "MPI_Iallgatherv", "MPI_Allgatherv_init",
(sendbuf: u32, sendcount: C, sendtype: u32, recvbuf: u32, counts: u32, displs: u32, recvtype: u32),
|rank, guest, comm, form| {
    let lists = Lists::read::<C>(guest, counts, displs, peers(rank, comm)?)?;
    let send = buffer(sendbuf, sendcount, sendtype);
    let recv = lists.spread(recvbuf, recvtype);
    run(rank, guest, comm, form, &Collective::Allgatherv { send, recv })
});

operation!(alltoall: "MPI_Alltoall", "MPI_Ialltoall", "MPI_Alltoall_init",
(sendbuf: u32, sendcount: C, sendtype: u32, recvbuf: u32, recvcount: C, recvtype: u32),
|rank, guest, comm, form| {
    let send = buffer(sendbuf, sendcount, sendtype);
    let recv = buffer(recvbuf, recvcount, recvtype);
    run(rank, guest, comm, form, &Collective::Alltoall { send, recv })
});

operation!(alltoallv: "MPI_Alltoallv", "MPI_Ialltoallv", "MPI_Alltoallv_init",
(sendbuf: u32, sendcounts: u32, sdispls: u32, sendtype: u32, recvbuf: u32, recvcounts: u32, rdispls: u32, recvtype: u32),
|rank, guest, comm, form| {
    let blocks = peers(rank, comm)?;
    let sends = Lists::read::<C>(guest, sendcounts, sdispls, unless_in_place(sendbuf, blocks))?;
    let recvs = Lists::read::<C>(guest, recvcounts, rdispls, blocks)?;
    let send = sends.spread(sendbuf, sendtype);
    let recv = recvs.spread(recvbuf, recvtype);
    run(rank, guest, comm, form, &Collective::Alltoallv { send, recv })
});

operation!(alltoallw: "MPI_Alltoallw", "MPI_Ialltoallw", "MPI_Alltoallw_init",
(sendbuf: u32, sendcounts: u32, sdispls: u32, sendtypes: u32, recvbuf: u32, recvcounts: u32, rdispls: u32, recvtypes: u32),
|rank, guest, comm, form| {
    let blocks = peers(rank, comm)?;
    let sent = unless_in_place(sendbuf, blocks);
    let sends = Lists::read::<C>(guest, sendcounts, sdispls, sent)?;
    let recvs = Lists::read::<C>(guest, recvcounts, rdispls, blocks)?;
    let (sendtypes, recvtypes) = (guest.handles(sendtypes, sent)?, guest.handles(recvtypes, blocks)?);
    let send = sends.typed(sendbuf, &sendtypes);
    let recv = recvs.typed(recvbuf, &recvtypes);
    run(rank, guest, comm, form, &Collective::Alltoallw { send, recv })
});

operation!(reduce: "MPI_Reduce", "MPI_Ireduce", "MPI_Reduce_init",
(sendbuf: u32, recvbuf: u32, count: C, datatype: u32, op: u32, root: i32),
|rank, guest, comm, form| {
    let data = reduction(sendbuf, recvbuf, count.into(), datatype, op);
    run(rank, guest, comm, form, &Collective::Reduce { data, root })
});

operation!(allreduce: "MPI_Allreduce", "MPI_Iallreduce", "MPI_Allreduce_init",
(sendbuf: u32, recvbuf: u32, count: C, datatype: u32, op: u32),
|rank, guest, comm, form| {
    let data = reduction(sendbuf, recvbuf, count.into(), datatype, op);
    run(rank, guest, comm, form, &Collective::Allreduce(data))
});

operation!(reduce_scatter_block: "MPI_Reduce_scatter_block", "MPI_Ireduce_scatter_block", "MPI_Reduce_scatter_block_init",
(sendbuf: u32, recvbuf: u32, count: C, datatype: u32, op: u32),
|rank, guest, comm, form| {
    let data = reduction(sendbuf, recvbuf, count.into(), datatype, op);
    run(rank, guest, comm, form, &Collective::ReduceScatterBlock(data))
});

operation!(reduce_scatter: "MPI_Reduce_scatter", "MPI_Ireduce_scatter", "MPI_Reduce_scatter_init",
(sendbuf: u32, recvbuf: u32, counts: u32, datatype: u32, op: u32),
|rank, guest, comm, form| {
    let counts = guest.counts::<C>(counts, rank.comm_size(CommHandle(comm))?)?;
    let data = reduction(sendbuf, recvbuf, 0, datatype, op);
    run(rank, guest, comm, form, &Collective::ReduceScatter { data, counts: &counts })
});

operation!(scan: "MPI_Scan", "MPI_Iscan", "MPI_Scan_init",
(sendbuf: u32, recvbuf: u32, count: C, datatype: u32, op: u32),
|rank, guest, comm, form| {
    let data = reduction(sendbuf, recvbuf, count.into(), datatype, op);
    run(rank, guest, comm, form, &Collective::Scan(data))
});

operation!(exscan: "MPI_Exscan", "MPI_Iexscan", "MPI_Exscan_init",
(sendbuf: u32, recvbuf: u32, count: C, datatype: u32, op: u32),
|rank, guest, comm, form| {
    let data = reduction(sendbuf, recvbuf, count.into(), datatype, op);
    run(rank, guest, comm, form, &Collective::Exscan(data))
});

operation!(neighbor_allgather: "MPI_Neighbor_allgather", "MPI_Ineighbor_allgather", "MPI_Neighbor_allgather_init",
(sendbuf: u32, sendcount: C, sendtype: u32, recvbuf: u32, recvcount: C, recvtype: u32),
|rank, guest, comm, form| {
    let send = buffer(sendbuf, sendcount, sendtype);
    let recv = buffer(recvbuf, recvcount, recvtype);
    run(rank, guest, comm, form, &Collective::NeighborAllgather { send, recv })
});

operation!(neighbor_allgatherv: "MPI_Neighbor_allgatherv", "MPI_Ineighbor_allgatherv", "MPI_Neighbor_allgatherv_init",
(sendbuf: u32, sendcount: C, sendtype: u32, recvbuf: u32, counts: u32, displs: u32, recvtype: u32),
|rank, guest, comm, form| {
    let lists = Lists::read::<C>(guest, counts, displs, neighbours(rank, comm)?.0)?;
    let send = buffer(sendbuf, sendcount, sendtype);
    let recv = lists.spread(recvbuf, recvtype);
    run(rank, guest, comm, form, &Collective::NeighborAllgatherv { send, recv })
});

operation!(neighbor_alltoall: "MPI_Neighbor_alltoall", "MPI_Ineighbor_alltoall", "MPI_Neighbor_alltoall_init",
(sendbuf: u32, sendcount: C, sendtype: u32, recvbuf: u32, recvcount: C, recvtype: u32),
|rank, guest, comm, form| {
    let send = buffer(sendbuf, sendcount, sendtype);
    let recv = buffer(recvbuf, recvcount, recvtype);
    run(rank, guest, comm, form, &Collective::NeighborAlltoall { send, recv })
});

operation!(neighbor_alltoallv: "MPI_Neighbor_alltoallv", "MPI_Ineighbor_alltoallv", "MPI_Neighbor_alltoallv_init",
(sendbuf: u32, sendcounts: u32, sdispls: u32, sendtype: u32, recvbuf: u32, recvcounts: u32, rdispls: u32, recvtype: u32),
|rank, guest, comm, form| {
    let (sources, destinations) = neighbours(rank, comm)?;
    let sends = Lists::read::<C>(guest, sendcounts, sdispls, destinations)?;
    let recvs = Lists::read::<C>(guest, recvcounts, rdispls, sources)?;
    let send = sends.spread(sendbuf, sendtype);
    let recv = recvs.spread(recvbuf, recvtype);
    run(rank, guest, comm, form, &Collective::NeighborAlltoallv { send, recv })
});

operation!(neighbor_alltoallw: "MPI_Neighbor_alltoallw", "MPI_Ineighbor_alltoallw", "MPI_Neighbor_alltoallw_init",
(sendbuf: u32, sendcounts: u32, sdispls: u32, sendtypes: u32, recvbuf: u32, recvcounts: u32, rdispls: u32, recvtypes: u32),
|rank, guest, comm, form| {
    let (sources, destinations) = neighbours(rank, comm)?;
    let sends = Lists::read::<C>(guest, sendcounts, sdispls, destinations)?;
    let recvs = Lists::read::<C>(guest, recvcounts, rdispls, sources)?;
    let (sendtypes, recvtypes) = (guest.handles(sendtypes, destinations)?, guest.handles(recvtypes, sources)?);
    let send = sends.typed(sendbuf, &sendtypes);
    let recv = recvs.typed(recvbuf, &recvtypes);
    run(rank, guest, comm, form, &Collective::NeighborAlltoallw { send, recv })
});

fn reduce_local<C: Count>(
    env: Env<'_>,
    inbuf: u32,
    inoutbuf: u32,
    count: C,
    datatype: u32,
    op: u32,
) -> Code {
    call(env, "MPI_Reduce_local", NO_COMM, |rank, guest| {
        rank.reduce_local(
            guest,
            reduction(inbuf, inoutbuf, count.into(), datatype, op),
        )
    })
}

fn op_create<const LARGE: bool>(env: Env<'_>, function: u32, commute: i32, op: u32) -> Code {
    call(env, "MPI_Op_create", NO_COMM, |rank, guest| {
        let made = rank.op_create(faabric_mpi::op::UserOp {
            function: GuestFn(function),
            commutative: commute != 0,
            large: LARGE,
        })?;
        guest.put_handle(op, made)
    })
}

fn op_free(env: Env<'_>, op: u32) -> Code {
    call(env, "MPI_Op_free", NO_COMM, |rank, guest| {
        rank.op_free(guest.get_handle(op)?)?;
        guest.put_handle(op, OpHandle(abi::MPI_OP_NULL))
    })
}

fn op_commutative(env: Env<'_>, op: u32, commute: u32) -> Code {
    call(env, "MPI_Op_commutative", NO_COMM, |rank, guest| {
        guest.put_flag(commute, rank.op_commutative(OpHandle(op))?)
    })
}

pub(crate) const REDUCTIONS: &[Import] = functions![
    ("MPI_Reduce_local", reduce_local::<i32>),
    ("MPI_Reduce_local_c", reduce_local::<i64>),
    ("MPI_Op_create", op_create::<false>),
    ("MPI_Op_create_c", op_create::<true>),
    ("MPI_Op_free", op_free),
    ("MPI_Op_commutative", op_commutative),
];

/// The blocking forms.
pub(crate) const BLOCKING: &[Import] = functions![
    ("MPI_Barrier", barrier::blocking::<i32>, direct::barrier),
    ("MPI_Bcast", bcast::blocking::<i32>, direct::bcast),
    ("MPI_Bcast_c", bcast::blocking::<i64>),
    ("MPI_Gather", gather::blocking::<i32>),
    ("MPI_Gather_c", gather::blocking::<i64>),
    ("MPI_Gatherv", gatherv::blocking::<i32>),
    ("MPI_Gatherv_c", gatherv::blocking::<i64>),
    ("MPI_Scatter", scatter::blocking::<i32>),
    ("MPI_Scatter_c", scatter::blocking::<i64>),
    ("MPI_Scatterv", scatterv::blocking::<i32>),
    ("MPI_Scatterv_c", scatterv::blocking::<i64>),
    (
        "MPI_Allgather",
        allgather::blocking::<i32>,
        direct::allgather
    ),
    ("MPI_Allgather_c", allgather::blocking::<i64>),
    ("MPI_Allgatherv", allgatherv::blocking::<i32>),
    ("MPI_Allgatherv_c", allgatherv::blocking::<i64>),
    ("MPI_Alltoall", alltoall::blocking::<i32>, direct::alltoall),
    ("MPI_Alltoall_c", alltoall::blocking::<i64>),
    ("MPI_Alltoallv", alltoallv::blocking::<i32>),
    ("MPI_Alltoallv_c", alltoallv::blocking::<i64>),
    ("MPI_Alltoallw", alltoallw::blocking::<i32>),
    ("MPI_Alltoallw_c", alltoallw::blocking::<i64>),
    ("MPI_Reduce", reduce::blocking::<i32>, direct::reduce),
    ("MPI_Reduce_c", reduce::blocking::<i64>),
    (
        "MPI_Allreduce",
        allreduce::blocking::<i32>,
        direct::allreduce
    ),
    ("MPI_Allreduce_c", allreduce::blocking::<i64>),
    (
        "MPI_Reduce_scatter_block",
        reduce_scatter_block::blocking::<i32>,
        direct::reduce_scatter_block
    ),
    (
        "MPI_Reduce_scatter_block_c",
        reduce_scatter_block::blocking::<i64>
    ),
    ("MPI_Reduce_scatter", reduce_scatter::blocking::<i32>),
    ("MPI_Reduce_scatter_c", reduce_scatter::blocking::<i64>),
    ("MPI_Scan", scan::blocking::<i32>, direct::scan),
    ("MPI_Scan_c", scan::blocking::<i64>),
    ("MPI_Exscan", exscan::blocking::<i32>, direct::exscan),
    ("MPI_Exscan_c", exscan::blocking::<i64>),
    (
        "MPI_Neighbor_allgather",
        neighbor_allgather::blocking::<i32>
    ),
    (
        "MPI_Neighbor_allgather_c",
        neighbor_allgather::blocking::<i64>
    ),
    (
        "MPI_Neighbor_allgatherv",
        neighbor_allgatherv::blocking::<i32>
    ),
    (
        "MPI_Neighbor_allgatherv_c",
        neighbor_allgatherv::blocking::<i64>
    ),
    ("MPI_Neighbor_alltoall", neighbor_alltoall::blocking::<i32>),
    (
        "MPI_Neighbor_alltoall_c",
        neighbor_alltoall::blocking::<i64>
    ),
    (
        "MPI_Neighbor_alltoallv",
        neighbor_alltoallv::blocking::<i32>
    ),
    (
        "MPI_Neighbor_alltoallv_c",
        neighbor_alltoallv::blocking::<i64>
    ),
    (
        "MPI_Neighbor_alltoallw",
        neighbor_alltoallw::blocking::<i32>
    ),
    (
        "MPI_Neighbor_alltoallw_c",
        neighbor_alltoallw::blocking::<i64>
    ),
];

/// The non-blocking forms.
pub(crate) const STARTED: &[Import] = functions![
    ("MPI_Ibarrier", barrier::started::<i32>),
    ("MPI_Ibcast", bcast::started::<i32>),
    ("MPI_Ibcast_c", bcast::started::<i64>),
    ("MPI_Igather", gather::started::<i32>),
    ("MPI_Igather_c", gather::started::<i64>),
    ("MPI_Igatherv", gatherv::started::<i32>),
    ("MPI_Igatherv_c", gatherv::started::<i64>),
    ("MPI_Iscatter", scatter::started::<i32>),
    ("MPI_Iscatter_c", scatter::started::<i64>),
    ("MPI_Iscatterv", scatterv::started::<i32>),
    ("MPI_Iscatterv_c", scatterv::started::<i64>),
    ("MPI_Iallgather", allgather::started::<i32>),
    ("MPI_Iallgather_c", allgather::started::<i64>),
    ("MPI_Iallgatherv", allgatherv::started::<i32>),
    ("MPI_Iallgatherv_c", allgatherv::started::<i64>),
    ("MPI_Ialltoall", alltoall::started::<i32>),
    ("MPI_Ialltoall_c", alltoall::started::<i64>),
    ("MPI_Ialltoallv", alltoallv::started::<i32>),
    ("MPI_Ialltoallv_c", alltoallv::started::<i64>),
    ("MPI_Ialltoallw", alltoallw::started::<i32>),
    ("MPI_Ialltoallw_c", alltoallw::started::<i64>),
    ("MPI_Ireduce", reduce::started::<i32>),
    ("MPI_Ireduce_c", reduce::started::<i64>),
    ("MPI_Iallreduce", allreduce::started::<i32>),
    ("MPI_Iallreduce_c", allreduce::started::<i64>),
    (
        "MPI_Ireduce_scatter_block",
        reduce_scatter_block::started::<i32>
    ),
    (
        "MPI_Ireduce_scatter_block_c",
        reduce_scatter_block::started::<i64>
    ),
    ("MPI_Ireduce_scatter", reduce_scatter::started::<i32>),
    ("MPI_Ireduce_scatter_c", reduce_scatter::started::<i64>),
    ("MPI_Iscan", scan::started::<i32>),
    ("MPI_Iscan_c", scan::started::<i64>),
    ("MPI_Iexscan", exscan::started::<i32>),
    ("MPI_Iexscan_c", exscan::started::<i64>),
    (
        "MPI_Ineighbor_allgather",
        neighbor_allgather::started::<i32>
    ),
    (
        "MPI_Ineighbor_allgather_c",
        neighbor_allgather::started::<i64>
    ),
    (
        "MPI_Ineighbor_allgatherv",
        neighbor_allgatherv::started::<i32>
    ),
    (
        "MPI_Ineighbor_allgatherv_c",
        neighbor_allgatherv::started::<i64>
    ),
    ("MPI_Ineighbor_alltoall", neighbor_alltoall::started::<i32>),
    (
        "MPI_Ineighbor_alltoall_c",
        neighbor_alltoall::started::<i64>
    ),
    (
        "MPI_Ineighbor_alltoallv",
        neighbor_alltoallv::started::<i32>
    ),
    (
        "MPI_Ineighbor_alltoallv_c",
        neighbor_alltoallv::started::<i64>
    ),
    (
        "MPI_Ineighbor_alltoallw",
        neighbor_alltoallw::started::<i32>
    ),
    (
        "MPI_Ineighbor_alltoallw_c",
        neighbor_alltoallw::started::<i64>
    ),
];

/// The persistent forms.
pub(crate) const PERSISTENT: &[Import] = functions![
    ("MPI_Barrier_init", barrier::persistent::<i32>),
    ("MPI_Bcast_init", bcast::persistent::<i32>),
    ("MPI_Bcast_init_c", bcast::persistent::<i64>),
    ("MPI_Gather_init", gather::persistent::<i32>),
    ("MPI_Gather_init_c", gather::persistent::<i64>),
    ("MPI_Gatherv_init", gatherv::persistent::<i32>),
    ("MPI_Gatherv_init_c", gatherv::persistent::<i64>),
    ("MPI_Scatter_init", scatter::persistent::<i32>),
    ("MPI_Scatter_init_c", scatter::persistent::<i64>),
    ("MPI_Scatterv_init", scatterv::persistent::<i32>),
    ("MPI_Scatterv_init_c", scatterv::persistent::<i64>),
    ("MPI_Allgather_init", allgather::persistent::<i32>),
    ("MPI_Allgather_init_c", allgather::persistent::<i64>),
    ("MPI_Allgatherv_init", allgatherv::persistent::<i32>),
    ("MPI_Allgatherv_init_c", allgatherv::persistent::<i64>),
    ("MPI_Alltoall_init", alltoall::persistent::<i32>),
    ("MPI_Alltoall_init_c", alltoall::persistent::<i64>),
    ("MPI_Alltoallv_init", alltoallv::persistent::<i32>),
    ("MPI_Alltoallv_init_c", alltoallv::persistent::<i64>),
    ("MPI_Alltoallw_init", alltoallw::persistent::<i32>),
    ("MPI_Alltoallw_init_c", alltoallw::persistent::<i64>),
    ("MPI_Reduce_init", reduce::persistent::<i32>),
    ("MPI_Reduce_init_c", reduce::persistent::<i64>),
    ("MPI_Allreduce_init", allreduce::persistent::<i32>),
    ("MPI_Allreduce_init_c", allreduce::persistent::<i64>),
    (
        "MPI_Reduce_scatter_block_init",
        reduce_scatter_block::persistent::<i32>
    ),
    (
        "MPI_Reduce_scatter_block_init_c",
        reduce_scatter_block::persistent::<i64>
    ),
    ("MPI_Reduce_scatter_init", reduce_scatter::persistent::<i32>),
    (
        "MPI_Reduce_scatter_init_c",
        reduce_scatter::persistent::<i64>
    ),
    ("MPI_Scan_init", scan::persistent::<i32>),
    ("MPI_Scan_init_c", scan::persistent::<i64>),
    ("MPI_Exscan_init", exscan::persistent::<i32>),
    ("MPI_Exscan_init_c", exscan::persistent::<i64>),
    (
        "MPI_Neighbor_allgather_init",
        neighbor_allgather::persistent::<i32>
    ),
    (
        "MPI_Neighbor_allgather_init_c",
        neighbor_allgather::persistent::<i64>
    ),
    (
        "MPI_Neighbor_allgatherv_init",
        neighbor_allgatherv::persistent::<i32>
    ),
    (
        "MPI_Neighbor_allgatherv_init_c",
        neighbor_allgatherv::persistent::<i64>
    ),
    (
        "MPI_Neighbor_alltoall_init",
        neighbor_alltoall::persistent::<i32>
    ),
    (
        "MPI_Neighbor_alltoall_init_c",
        neighbor_alltoall::persistent::<i64>
    ),
    (
        "MPI_Neighbor_alltoallv_init",
        neighbor_alltoallv::persistent::<i32>
    ),
    (
        "MPI_Neighbor_alltoallv_init_c",
        neighbor_alltoallv::persistent::<i64>
    ),
    (
        "MPI_Neighbor_alltoallw_init",
        neighbor_alltoallw::persistent::<i32>
    ),
    (
        "MPI_Neighbor_alltoallw_init_c",
        neighbor_alltoallw::persistent::<i64>
    ),
];
