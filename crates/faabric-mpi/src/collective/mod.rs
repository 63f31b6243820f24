//! Collective communication (MPI 4.1, chapter 6).
//!
//! ```text
//! Collective (call.rs)                 what the guest asked for
//!    |  plan.rs: checks, and chooses by select.rs
//!    v
//! Plan = Schedule (schedule.rs) + Streams (stream.rs) + Reducer (reducer.rs)
//!    |  run.rs
//!    v
//! post_send / post_recv                the engine's messages, collective context
//! ```
//! Schedules come from pure functions (`algorithm/`), each tested in a simulator
//! against the naive result.

pub(crate) mod algorithm;
mod call;
mod check;
mod local;
mod neighborhood;
mod ops;
mod plan;
mod plan_inter;
mod reducer;
mod run;
mod schedule;
mod select;
#[cfg(test)]
mod simulate;
mod stream;

pub use call::{Collective, Reduction, Spread, TypedSpread};
pub(crate) use ops::Ops;
pub use select::Thresholds;

use crate::comm::Comm;
use crate::error::Result;
use crate::guest::{Guest, GuestFn};
use crate::handle::{CommHandle, RequestHandle};
use crate::memory::{Addr, HostBuffer};
use crate::p2p::Started;
use crate::rank::Rank;
use crate::request::{Kind, Recipe};
use crate::{Error, error};
use plan::Planner;
use run::{Plan, Run};
use schedule::{Blocks, Seat};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use stream::Stream;

/// What collectives keep in each rank's view of a communicator.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// Collectives started so far. All ranks start them in the same order, so it
    /// names the operation: it is the tag of its messages.
    sequence: AtomicU32,
    /// The caller's place among those of its worker, looked up at the first operation.
    local: OnceLock<Option<local::Local>>,
}

impl State {
    /// The tag of the next operation. Tags repeat after 2^30 operations, when those
    /// of before are long over.
    pub(crate) fn next_tag(&self) -> i32 {
        (self.sequence.fetch_add(1, Ordering::Relaxed) & 0x3fff_ffff) as i32
    }
}

/// What the collectives of the ranks on one worker share.
#[derive(Default)]
pub(crate) struct Teams {
    /// When which algorithm is used.
    thresholds: Thresholds,
    registry: local::Registry,
}

impl Teams {
    /// The job ends: wakes all who wait in a collective.
    pub(crate) fn interrupt(&self) {
        self.registry.interrupt();
    }
}

impl Rank {
    /// Runs a collective operation to its end.
    ///
    /// # Errors
    /// Of the arguments, as far as one rank can see (`MPI_ERR_ROOT`, `MPI_ERR_COUNT`,
    /// `MPI_ERR_BUFFER`, `MPI_ERR_TYPE`, `MPI_ERR_OP`...), or of the messages.
    pub fn collective(
        &self,
        guest: &mut dyn Guest,
        comm: CommHandle,
        call: &Collective<'_>,
    ) -> Result<()> {
        let comm = self.comm(comm)?;
        let state = &comm.collective;
        let tag = state.next_tag();
        if let Some(local) = state.local.get_or_init(|| local::Local::new(self, &comm))
            && self
                .collective_local(guest, &comm, local, call, tag)?
                .is_some()
        {
            return Ok(());
        }
        let plan = Arc::new(self.plan(&comm, call)?);
        Run::new(plan, comm.into_owned(), tag)?.complete(self, guest)
    }

    /// Starts a collective operation: `MPI_Ibcast` and the like (MPI 4.1, section 6.12).
    ///
    /// # Errors
    /// As [`Rank::collective`] of the arguments; those of the messages end the request.
    pub fn collective_start(
        &self,
        guest: &mut dyn Guest,
        comm: CommHandle,
        call: &Collective<'_>,
    ) -> Result<RequestHandle> {
        let comm = self.comm(comm)?.into_owned();
        let tag = comm.collective.next_tag();
        let plan = Arc::new(self.plan(&comm, call)?);
        let run = Run::new(plan, Arc::clone(&comm), tag)?;
        let started = Started::Pending(self.start_operation(guest, Box::new(run)));
        self.request(comm, started, Kind::Operation)
    }

    /// Prepares a collective operation that `MPI_Start` starts again and again:
    /// `MPI_Bcast_init` and the like (MPI 4.1, section 6.13).
    ///
    /// # Errors
    /// As [`Rank::collective`] of the arguments.
    pub fn collective_init(
        &self,
        comm: CommHandle,
        call: &Collective<'_>,
    ) -> Result<RequestHandle> {
        let comm = self.comm(comm)?.into_owned();
        let plan = Arc::new(self.plan(&comm, call)?);
        self.inactive(Arc::clone(&comm), Arc::new(Persistent { comm, plan }))
    }

    fn plan(&self, comm: &Comm, call: &Collective<'_>) -> Result<Plan> {
        let seat = Seat {
            rank: comm.rank,
            size: comm.size(),
        };
        let planner = Planner {
            rank: self,
            comm,
            seat,
            table: &self.world.teams.thresholds,
        };
        if comm.remote.is_some() {
            planner.plan_inter(call)
        } else {
            planner.plan(call)
        }
    }
}

/// What a persistent request starts.
struct Persistent {
    comm: Arc<Comm>,
    plan: Arc<Plan>,
}

impl Recipe for Persistent {
    fn start(&self, rank: &Rank, guest: &mut dyn Guest) -> Result<Started> {
        // Started in the same order on all ranks, as other collectives are.
        let tag = self.comm.collective.next_tag();
        let run = Run::new(Arc::clone(&self.plan), Arc::clone(&self.comm), tag)?;
        Ok(Started::Pending(rank.start_operation(guest, Box::new(run))))
    }

    fn kind(&self) -> Kind {
        Kind::Operation
    }
}

/// The largest of the ranks' values, for what all ranks of `comm` must agree on.
pub(crate) fn agree_max(rank: &Rank, comm: &Arc<Comm>, value: u32) -> Result<u32> {
    let values = exchange(rank, comm, &value.to_le_bytes())?;
    let number = |bytes: &Vec<u8>| {
        <[u8; 4]>::try_from(bytes.as_slice())
            .map(u32::from_le_bytes)
            .ok()
    };
    Ok(values.iter().filter_map(number).max().unwrap_or(value))
}

/// Each rank's bytes, by rank of `comm`; all must give the same number of bytes. On an
/// intercommunicator, the bytes of the remote group.
pub(crate) fn exchange(rank: &Rank, comm: &Arc<Comm>, bytes: &[u8]) -> Result<Vec<Vec<u8>>> {
    let len = bytes.len() as u64;
    let ranks = comm.peers().size();
    let blocks = Blocks::uniform(ranks, len);
    let schedule = if comm.remote.is_some() {
        algorithm::inter::allgather(len, &blocks)
    } else {
        algorithm::allgather::bruck(
            Seat {
                rank: comm.rank,
                size: ranks,
            },
            &blocks,
            false,
        )
    };
    let all = exchange_with(
        rank,
        comm,
        schedule,
        bytes,
        blocks.total(),
        comm.collective.next_tag(),
        None,
    )?;
    Ok(split(&all, bytes.len()))
}

/// [`exchange`] among some ranks of `comm` only (`MPI_Comm_create_group`): the
/// members, in the order of the result, which must include the caller. Its messages
/// are told from others by `tag`.
pub(crate) fn exchange_among(
    rank: &Rank,
    comm: &Arc<Comm>,
    tag: i32,
    members: &[u32],
    bytes: &[u8],
) -> Result<Vec<Vec<u8>>> {
    let seat = members.iter().position(|&member| member == comm.rank);
    let seat =
        seat.ok_or_else(|| Error::new(error::Class::GROUP, "the caller is not in the group"))?;
    let seat = Seat {
        rank: seat as u32,
        size: members.len() as u32,
    };
    let blocks = Blocks::uniform(seat.size, bytes.len() as u64);
    let schedule = algorithm::allgather::bruck(seat, &blocks, false);
    // Apart from the tags of `State::next_tag`.
    let tag = tag & 0x3fff_ffff | 0x4000_0000;
    let all = exchange_with(
        rank,
        comm,
        schedule,
        bytes,
        blocks.total(),
        tag,
        Some(members.to_vec()),
    )?;
    Ok(split(&all, bytes.len()))
}

fn exchange_with(
    rank: &Rank,
    comm: &Arc<Comm>,
    schedule: schedule::Schedule,
    bytes: &[u8],
    total: u64,
    tag: i32,
    members: Option<Vec<u32>>,
) -> Result<Vec<u8>> {
    let send = Arc::new(HostBuffer::from(bytes.to_vec()));
    let recv = Arc::new(HostBuffer::from(stream::zeroed(total)?));
    let plan = Plan {
        members,
        ..Plan::new(
            schedule,
            Stream::host(send, bytes.len() as u64),
            Stream::host(Arc::clone(&recv), total),
        )
    };
    Run::new(Arc::new(plan), Arc::clone(comm), tag)?.complete(rank, &mut Nobody)?;
    Ok(recv.to_vec())
}

fn split(all: &[u8], len: usize) -> Vec<Vec<u8>> {
    all.chunks_exact(len.max(1)).map(<[u8]>::to_vec).collect()
}

/// Stands for the guest in operations that never call it.
struct Nobody;

impl Guest for Nobody {
    fn call(&mut self, f: GuestFn, _args: &[u32]) -> Result<Option<u32>, error::Trap> {
        Err(error::Trap(format!(
            "an internal collective called function {} of the guest",
            f.0
        )))
    }

    fn scratch(&mut self, len: u64) -> Result<Addr, Error> {
        Err(Error::new(
            error::Class::INTERN,
            format!("an internal collective asked for {len} bytes of the guest"),
        ))
    }

    fn interrupted(&self) -> bool {
        false
    }
}
