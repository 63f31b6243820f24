//! Plans for intercommunicators (MPI 4.1, section 6.2.3): the data goes to the other
//! group, `MPI_IN_PLACE` has no meaning, and the root's own group takes no part.

use super::algorithm::inter::{self, Root};
use super::algorithm::reduce::Operands;
use super::call::{Collective, Reduction};
use super::check::{self, Blocked};
use super::plan::Planner;
use super::run::Plan;
use super::schedule::{Blocks, Schedule};
use super::stream::Stream;
use crate::error::{Class, Error, Result};
use crate::rank::Buffer;

impl Planner<'_> {
    pub(super) fn plan_inter(&self, call: &Collective<'_>) -> Result<Plan> {
        let remote = self.comm.peers().size();
        let rank = self.rank;
        match *call {
            Collective::Barrier => Ok(Plan::new(
                inter::barrier(remote),
                Stream::default(),
                Stream::default(),
            )),
            Collective::Bcast { buffer, root } => {
                let root = check::remote_root(self.comm, root)?;
                self.idle_or(root, || {
                    let data = check::one(rank, buffer, "buffer")?;
                    Ok(Plan::new(
                        inter::bcast(root, remote, data.blocks.total()),
                        Stream::default(),
                        data.stream,
                    ))
                })
            }
            Collective::Gather { send, recv, root } => {
                self.gathered_inter(root, send, || check::blocks(rank, recv, remote, "recvbuf"))
            }
            Collective::Gatherv { send, recv, root } => {
                self.gathered_inter(root, send, || check::spread(rank, recv, remote, "recvbuf"))
            }
            Collective::Scatter { send, recv, root } => {
                self.scattered_inter(root, recv, || check::blocks(rank, send, remote, "sendbuf"))
            }
            Collective::Scatterv { send, recv, root } => {
                self.scattered_inter(root, recv, || check::spread(rank, send, remote, "sendbuf"))
            }
            Collective::Allgather { send, recv } => allgathered(
                check::one(rank, send, "sendbuf")?,
                check::blocks(rank, recv, remote, "recvbuf")?,
            ),
            Collective::Allgatherv { send, recv } => allgathered(
                check::one(rank, send, "sendbuf")?,
                check::spread(rank, recv, remote, "recvbuf")?,
            ),
            Collective::Alltoall { send, recv } => exchanged(
                check::blocks(rank, send, remote, "sendbuf")?,
                check::blocks(rank, recv, remote, "recvbuf")?,
            ),
            Collective::Alltoallv { send, recv } => exchanged(
                check::spread(rank, send, remote, "sendbuf")?,
                check::spread(rank, recv, remote, "recvbuf")?,
            ),
            Collective::Alltoallw { send, recv } => exchanged(
                check::typed(rank, send, remote, "sendbuf")?,
                check::typed(rank, recv, remote, "recvbuf")?,
            ),
            Collective::Reduce { data, root } => {
                let root = check::remote_root(self.comm, root)?;
                let result = (root == Root::Me).then_some(data.count);
                self.idle_or(root, || {
                    self.reduction_inter(data, data.count, result, |operands| {
                        inter::reduce(root, remote, operands)
                    })
                })
            }
            Collective::Allreduce(data) => {
                let result = Some(data.count);
                self.reduction_inter(data, data.count, result, |operands| {
                    inter::allreduce(remote, operands)
                })
            }
            Collective::ReduceScatterBlock(data) => self.block_scatter_inter(data, remote),
            Collective::ReduceScatter { data, counts } => self.scatter_inter(data, counts, remote),
            _ => Err(Error::new(
                Class::COMM,
                "comm is an intercommunicator: this call needs one of a single group",
            )),
        }
    }

    fn idle_or(&self, root: Root, plan: impl FnOnce() -> Result<Plan>) -> Result<Plan> {
        match root {
            Root::Idle => Ok(Plan::new(
                Schedule::default(),
                Stream::default(),
                Stream::default(),
            )),
            Root::Me | Root::Remote(_) => plan(),
        }
    }

    fn gathered_inter(
        &self,
        root: i32,
        send: Buffer,
        recv: impl FnOnce() -> Result<Blocked>,
    ) -> Result<Plan> {
        let root = check::remote_root(self.comm, root)?;
        self.idle_or(root, || {
            if root == Root::Me {
                let all = recv()?;
                return Ok(Plan::new(
                    inter::gather(root, &all.blocks, 0),
                    Stream::default(),
                    all.stream,
                ));
            }
            let own = check::one(self.rank, send, "sendbuf")?;
            Ok(Plan::new(
                inter::gather(root, &own.blocks, own.blocks.total()),
                own.stream,
                Stream::default(),
            ))
        })
    }

    fn scattered_inter(
        &self,
        root: i32,
        recv: Buffer,
        send: impl FnOnce() -> Result<Blocked>,
    ) -> Result<Plan> {
        let root = check::remote_root(self.comm, root)?;
        self.idle_or(root, || {
            if root == Root::Me {
                let all = send()?;
                return Ok(Plan::new(
                    inter::scatter(root, &all.blocks, 0),
                    all.stream,
                    Stream::default(),
                ));
            }
            let own = check::one(self.rank, recv, "recvbuf")?;
            Ok(Plan::new(
                inter::scatter(root, &own.blocks, own.blocks.total()),
                Stream::default(),
                own.stream,
            ))
        })
    }

    fn reduction_inter(
        &self,
        data: Reduction,
        count: i64,
        result: Option<i64>,
        schedule: impl FnOnce(Operands) -> Schedule,
    ) -> Result<Plan> {
        if result.is_none_or(|_| count > 0) {
            check::refuse_in_place(data.send, "sendbuf")?;
        }
        self.reduction(data, count, result, schedule)
    }

    /// Both groups have the same total, but not the same size: a rank's block of the
    /// result is `count`, and its operand holds a block for each remote rank.
    fn block_scatter_inter(&self, data: Reduction, remote: u32) -> Result<Plan> {
        let total = data.count.checked_mul(i64::from(self.comm.size()));
        let total = total.ok_or_else(|| Error::new(Class::COUNT, "recvcount is too large"))?;
        let share = total / i64::from(remote);
        let (sends, _) = check::counts(
            self.rank,
            data.datatype,
            &vec![share; remote as usize],
            remote,
        )?;
        self.reduction_inter(data, total, Some(data.count), |operands| {
            inter::reduce_scatter(data.count as u64 * operands.unit, &sends)
        })
    }

    /// A rank knows the counts of its own group only; the sums of both groups are
    /// the same. So each remote rank gets the whole operand and takes what is its own.
    fn scatter_inter(&self, data: Reduction, counts: &[i64], remote: u32) -> Result<Plan> {
        let (blocks, total) = check::counts(self.rank, data.datatype, counts, self.comm.size())?;
        let own = counts[self.comm.rank as usize];
        let range = blocks.range(self.comm.rank);
        self.reduction_inter(data, total, Some(own), |operands| {
            inter::reduce_whole(remote, range, operands)
        })
    }
}

fn allgathered(own: Blocked, all: Blocked) -> Result<Plan> {
    Ok(Plan::new(
        inter::allgather(own.blocks.total(), &all.blocks),
        own.stream,
        all.stream,
    ))
}

fn exchanged(sends: Blocked, recvs: Blocked) -> Result<Plan> {
    let blocks: (&Blocks, &Blocks) = (&sends.blocks, &recvs.blocks);
    Ok(Plan::new(
        inter::alltoall(blocks.0, blocks.1),
        sends.stream,
        recvs.stream,
    ))
}
