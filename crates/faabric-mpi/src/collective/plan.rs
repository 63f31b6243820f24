//! From a call to what its rank does: checks the arguments and chooses the schedule,
//! for communicators of one group.

use super::algorithm::gather::Lens;
use super::algorithm::reduce::Operands;
use super::algorithm::scan::Kind;
use super::algorithm::{allgather, alltoall, barrier, gather, scatter};
use super::call::{Collective, IN_PLACE, Reduction, Spread, TypedSpread};
use super::check::{self, Blocked};
use super::reducer::Reducer;
use super::run::Plan;
use super::schedule::{Blocks, Place, Schedule, Seat};
use super::select::Thresholds;
use super::stream::Stream;
use crate::comm::Comm;
use crate::error::Result;
use crate::p2p::Data;
use crate::rank::{Buffer, Rank};
use std::sync::Arc;

/// Who plans, and where.
pub(super) struct Planner<'a> {
    pub(super) rank: &'a Rank,
    pub(super) comm: &'a Comm,
    pub(super) seat: Seat,
    pub(super) table: &'a Thresholds,
}

impl Planner<'_> {
    pub(super) fn plan(&self, call: &Collective<'_>) -> Result<Plan> {
        match *call {
            Collective::Barrier => Ok(Plan::new(
                barrier::dissemination(self.seat),
                Stream::default(),
                Stream::default(),
            )),
            Collective::Bcast { buffer, root } => self.bcast(buffer, root),
            Collective::Gather { send, recv, root } => self.gather(send, recv, root),
            Collective::Gatherv { send, recv, root } => self.gatherv(send, recv, root),
            Collective::Scatter { send, recv, root } => self.scatter(send, recv, root),
            Collective::Scatterv { send, recv, root } => self.scatterv(send, recv, root),
            Collective::Allgather { send, recv } => self.allgather(send, recv),
            Collective::Allgatherv { send, recv } => self.allgatherv(send, recv),
            Collective::Alltoall { send, recv } => self.alltoall(send, recv),
            Collective::Alltoallv { send, recv } => self.alltoallv(send, recv),
            Collective::Alltoallw { send, recv } => self.alltoallw(send, recv),
            Collective::Reduce { data, root } => self.reduce(data, root),
            Collective::Allreduce(data) => {
                self.reduction(data, data.count, Some(data.count), |operands| {
                    self.table.allreduce(self.seat, operands)
                })
            }
            Collective::Scan(data) => {
                self.reduction(data, data.count, Some(data.count), |operands| {
                    self.table.scan(self.seat, operands, Kind::Inclusive)
                })
            }
            Collective::Exscan(data) => {
                self.reduction(data, data.count, Some(data.count), |operands| {
                    self.table.scan(self.seat, operands, Kind::Exclusive)
                })
            }
            Collective::ReduceScatterBlock(data) => {
                self.reduce_scatter(data, &vec![data.count; self.seat.size as usize])
            }
            Collective::ReduceScatter { data, counts } => self.reduce_scatter(data, counts),
            Collective::NeighborAllgather { .. }
            | Collective::NeighborAllgatherv { .. }
            | Collective::NeighborAlltoall { .. }
            | Collective::NeighborAlltoallv { .. }
            | Collective::NeighborAlltoallw { .. } => self.neighbor(call),
        }
    }

    fn root(&self, root: i32) -> Result<(u32, bool)> {
        let root = check::root(self.comm, root)?;
        Ok((root, root == self.seat.rank))
    }

    fn bcast(&self, buffer: Buffer, root: i32) -> Result<Plan> {
        let (root, _) = self.root(root)?;
        let data = check::one(self.rank, buffer, "buffer")?;
        let schedule = self.table.bcast(self.seat, root, data.blocks.total());
        Ok(Plan::new(schedule, Stream::default(), data.stream))
    }

    fn gather(&self, send: Buffer, recv: Buffer, root: i32) -> Result<Plan> {
        let (root, is_root) = self.root(root)?;
        if !is_root {
            let own = check::one(self.rank, send, "sendbuf")?;
            let schedule = self
                .table
                .gather(self.seat, root, own.blocks.total(), false);
            return Ok(Plan::new(schedule, own.stream, Stream::default()));
        }
        let all = check::blocks(self.rank, recv, self.seat.size, "recvbuf")?;
        let own = self.own_part(send, &all, root)?;
        let schedule = self
            .table
            .gather(self.seat, root, all.blocks.len(0), own.is_none());
        Ok(Plan::new(schedule, own.unwrap_or_default(), all.stream))
    }

    /// The caller's own block, which goes to (or comes from) its place in `all`; none
    /// when in place.
    fn own_part(&self, own: Buffer, all: &Blocked, rank: u32) -> Result<Option<Stream>> {
        if own.addr == IN_PLACE {
            return Ok(None);
        }
        Ok(Some(check::own_block(self.rank, own, all, rank)?.stream))
    }

    fn gatherv(&self, send: Buffer, recv: Spread<'_>, root: i32) -> Result<Plan> {
        let (root, is_root) = self.root(root)?;
        if !is_root {
            let own = check::one(self.rank, send, "sendbuf")?;
            let schedule = gather::linear(self.seat, root, Lens::Mine(own.blocks.total()), false);
            return Ok(Plan::new(schedule, own.stream, Stream::default()));
        }
        let all = check::spread(self.rank, recv, self.seat.size, "recvbuf")?;
        let own = self.own_part(send, &all, root)?;
        let schedule = gather::linear(self.seat, root, Lens::Root(&all.blocks), own.is_none());
        Ok(Plan::new(schedule, own.unwrap_or_default(), all.stream))
    }

    fn scatter(&self, send: Buffer, recv: Buffer, root: i32) -> Result<Plan> {
        let (root, is_root) = self.root(root)?;
        if !is_root {
            let own = check::one(self.rank, recv, "recvbuf")?;
            let schedule = self
                .table
                .scatter(self.seat, root, own.blocks.total(), false);
            return Ok(Plan::new(schedule, Stream::default(), own.stream));
        }
        let all = check::blocks(self.rank, send, self.seat.size, "sendbuf")?;
        let own = self.scattered_part(recv, &all, root)?;
        let schedule = self
            .table
            .scatter(self.seat, root, all.blocks.len(0), own.is_none());
        Ok(Plan::new(schedule, all.stream, own.unwrap_or_default()))
    }

    /// Where the root's own block of a scatter goes; none when it stays in place.
    fn scattered_part(&self, recv: Buffer, all: &Blocked, root: u32) -> Result<Option<Stream>> {
        if recv.addr == IN_PLACE {
            return Ok(None);
        }
        let part = check::one(self.rank, recv, "recvbuf")?;
        check::scattered_block(recv, &part, all, root)?;
        Ok(Some(part.stream))
    }

    fn scatterv(&self, send: Spread<'_>, recv: Buffer, root: i32) -> Result<Plan> {
        let (root, is_root) = self.root(root)?;
        if !is_root {
            let own = check::one(self.rank, recv, "recvbuf")?;
            let schedule = scatter::linear(self.seat, root, Lens::Mine(own.blocks.total()), false);
            return Ok(Plan::new(schedule, Stream::default(), own.stream));
        }
        let all = check::spread(self.rank, send, self.seat.size, "sendbuf")?;
        let own = self.scattered_part(recv, &all, root)?;
        let schedule = scatter::linear(self.seat, root, Lens::Root(&all.blocks), own.is_none());
        Ok(Plan::new(schedule, all.stream, own.unwrap_or_default()))
    }

    fn allgather(&self, send: Buffer, recv: Buffer) -> Result<Plan> {
        let all = check::blocks(self.rank, recv, self.seat.size, "recvbuf")?;
        self.gathered(send, all, |blocks, in_place| {
            self.table.allgather(self.seat, blocks, in_place)
        })
    }

    fn allgatherv(&self, send: Buffer, recv: Spread<'_>) -> Result<Plan> {
        let all = check::spread(self.rank, recv, self.seat.size, "recvbuf")?;
        self.gathered(send, all, |blocks, in_place| {
            // Runs of scattered blocks would have to be staged: the ring moves one
            // block at a time.
            if blocks.total() < self.table.allgather_short {
                allgather::bruck(self.seat, blocks, in_place)
            } else {
                allgather::ring(self.seat, blocks, in_place)
            }
        })
    }

    fn gathered(
        &self,
        send: Buffer,
        all: Blocked,
        schedule: impl FnOnce(&Blocks, bool) -> Schedule,
    ) -> Result<Plan> {
        let own = self.own_part(send, &all, self.seat.rank)?;
        let schedule = schedule(&all.blocks, own.is_none());
        Ok(Plan::new(schedule, own.unwrap_or_default(), all.stream))
    }

    fn alltoall(&self, send: Buffer, recv: Buffer) -> Result<Plan> {
        let recvs = check::blocks(self.rank, recv, self.seat.size, "recvbuf")?;
        let in_place = send.addr == IN_PLACE;
        let len = recvs.blocks.len(0);
        let sends = if in_place {
            Stream::default()
        } else {
            check::distinct(send.addr, recv.addr, len)?;
            check::blocks(self.rank, send, self.seat.size, "sendbuf")?.stream
        };
        Ok(Plan::new(
            self.table.alltoall(self.seat, len, in_place),
            sends,
            recvs.stream,
        ))
    }

    fn alltoallv(&self, send: Spread<'_>, recv: Spread<'_>) -> Result<Plan> {
        let recvs = check::spread(self.rank, recv, self.seat.size, "recvbuf")?;
        if send.addr == IN_PLACE {
            return Ok(self.exchanged(recvs));
        }
        // Other blocks from the same address on may well be apart.
        if send == recv {
            check::distinct(send.addr, recv.addr, recvs.blocks.total())?;
        }
        let sends = check::spread(self.rank, send, self.seat.size, "sendbuf")?;
        self.all_to_all(sends, recvs)
    }

    fn alltoallw(&self, send: TypedSpread<'_>, recv: TypedSpread<'_>) -> Result<Plan> {
        let recvs = check::typed(self.rank, recv, self.seat.size, "recvbuf")?;
        if send.addr == IN_PLACE {
            return Ok(self.exchanged(recvs));
        }
        if send == recv {
            check::distinct(send.addr, recv.addr, recvs.blocks.total())?;
        }
        let sends = check::typed(self.rank, send, self.seat.size, "sendbuf")?;
        self.all_to_all(sends, recvs)
    }

    fn exchanged(&self, both: Blocked) -> Plan {
        let schedule = alltoall::exchange_in_place(self.seat, &both.blocks);
        Plan::new(schedule, Stream::default(), both.stream)
    }

    fn all_to_all(&self, sends: Blocked, recvs: Blocked) -> Result<Plan> {
        let me = self.seat.rank;
        check::same_length(
            "the caller's block for itself",
            sends.blocks.len(me),
            "its place",
            recvs.blocks.len(me),
        )?;
        let schedule = self
            .table
            .alltoallv(self.seat, &sends.blocks, &recvs.blocks);
        Ok(Plan::new(schedule, sends.stream, recvs.stream))
    }

    fn reduce(&self, data: Reduction, root: i32) -> Result<Plan> {
        let (root, is_root) = self.root(root)?;
        if !is_root {
            check::refuse_in_place(data.send, "sendbuf")?;
        }
        let result = is_root.then_some(data.count);
        self.reduction(data, data.count, result, |operands| {
            self.table.reduce(self.seat, root, operands)
        })
    }

    /// A reduction with `count` elements of input and `result` elements of output,
    /// where the caller gets any.
    pub(super) fn reduction(
        &self,
        data: Reduction,
        count: i64,
        result: Option<i64>,
        schedule: impl FnOnce(Operands) -> Schedule,
    ) -> Result<Plan> {
        let datatype = check::datatype(self.rank, data.datatype)?;
        let bytes = check::bytes(&datatype, count)?;
        let reducer = Reducer::new(self.rank, data.op, &datatype, data.datatype)?;
        let in_place = data.send == IN_PLACE;
        if result.is_some() {
            check::refuse_in_place(data.recv, "recvbuf")?;
            check::distinct(data.send, data.recv, bytes)?;
        }
        let operands = Operands {
            count: count as u64,
            unit: datatype.size(),
            commutative: reducer.is_commutative(),
            input: if in_place { Place::Recv } else { Place::Send },
        };
        let stream = |addr, count: i64| {
            let (memory, datatype) = (Arc::clone(&self.rank.memory), Arc::clone(&datatype));
            Stream::new([Data {
                memory,
                addr,
                count: count as u64,
                datatype,
            }])
        };
        // In place the receive buffer holds the input too, which may be longer.
        let received = if in_place {
            result.map(|_| count)
        } else {
            result
        };
        Ok(Plan {
            schedule: schedule(operands),
            send: if in_place {
                Stream::default()
            } else {
                stream(data.send, count)?
            },
            recv: received.map_or(Ok(Stream::default()), |count| stream(data.recv, count))?,
            reducer: Some(reducer),
            members: None,
        })
    }

    fn reduce_scatter(&self, data: Reduction, counts: &[i64]) -> Result<Plan> {
        let (blocks, total) = check::counts(self.rank, data.datatype, counts, self.seat.size)?;
        let own = counts[self.seat.rank as usize];
        self.reduction(data, total, Some(own), |operands| {
            self.table.reduce_scatter(self.seat, &blocks, operands)
        })
    }
}
