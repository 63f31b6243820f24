//! Collective communication (MPI 4.1, chapter 6).
//!
//! ```text
//! Collective (call.rs)                 what the guest asked for
//!    |  plan.rs: checks, and chooses by select.rs
//!    v
//! Plan = Schedule (schedule.rs) + Streams (stream.rs) + Reducer (reducer.rs)
//!    |  run.rs
//!    v
//! start_send / start_recv              the engine's messages, collective context
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

pub(crate) use call::IN_PLACE;
pub use call::{Collective, Reduction, Spread, TypedSpread};
pub(crate) use ops::Ops;
pub use select::Thresholds;

use crate::comm::Comm;
use crate::error::Result;
use crate::guest::Guest;
use crate::handle::{CommHandle, RequestHandle};
use crate::p2p::Started;
use crate::quick::Begun;
use crate::rank::Rank;
use crate::request::{Kind, Recipe};
use crate::tuning::Tuning;
use crate::world::World;
use plan::Planner;
pub(crate) use run::{Plan, Run};
pub(crate) use schedule::{Builder, Place, Seat, Slice};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};
pub(crate) use stream::Stream;

/// Tags from here on are those of persistent collectives; below are those of the
/// others and of communicator constructors ([`crate::agree`]).
const FIRST_PERSISTENT: i32 = 0x6000_0000;

/// What collectives keep in each rank's view of a communicator.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// Collectives started so far. All ranks start them in the same order, so it
    /// names the operation: it is the tag of its messages.
    sequence: AtomicU32,
    /// Persistent operations initialized so far, in the same order on all ranks too.
    /// They may be started in any order: each has a tag of its own, all its life.
    persistent: AtomicU32,
    /// The caller's place among those of its worker, looked up at the first operation.
    local: OnceLock<Option<local::Local>>,
}

impl State {
    /// The caller's place in its team, once a collective has looked it up, if all ranks
    /// of the communicator are in the team.
    pub(crate) fn team(&self) -> Option<&local::Local> {
        self.local.get()?.as_ref().filter(|local| local.is_whole())
    }

    /// The tag of the next operation. Tags repeat after 2^30 operations, when those
    /// of before are long over.
    pub(crate) fn next_tag(&self) -> i32 {
        // One thread of a rank at a time starts collectives of a communicator.
        let tag = self.sequence.load(Ordering::Relaxed);
        self.sequence.store(tag.wrapping_add(1), Ordering::Relaxed);
        (tag & 0x3fff_ffff) as i32
    }

    /// The last tag was not used: the call had a wrong argument, maybe on this rank only,
    /// which may make it again.
    fn give_back(&self, tag: i32) {
        self.sequence.store(tag.cast_unsigned(), Ordering::Relaxed);
    }

    /// The tag of a new persistent operation.
    fn next_persistent_tag(&self) -> i32 {
        FIRST_PERSISTENT + (self.persistent.fetch_add(1, Ordering::Relaxed) & 0x0fff_ffff) as i32
    }
}

/// What the collectives of the ranks on one worker share.
#[derive(Default)]
pub(crate) struct Teams {
    /// When which algorithm is used, unless it is the default.
    tuned: OnceLock<Arc<Tuning>>,
    registry: local::Registry,
}

impl Teams {
    /// What ranks begin with.
    pub(crate) fn tuning(&self) -> Arc<Tuning> {
        static DEFAULT: LazyLock<Arc<Tuning>> = LazyLock::new(Arc::default);
        self.tuned.get().unwrap_or(&DEFAULT).clone()
    }

    /// The job ends: wakes all who wait in a collective.
    pub(crate) fn interrupt(&self) {
        self.registry.interrupt();
    }
}

impl World {
    /// Adjusts the engine. The worlds of a job must all be given the same, before any
    /// rank is made; only the first counts.
    pub fn tune(&self, tuning: Tuning) {
        let _ = self.teams.tuned.set(Arc::new(tuning));
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
        if let Some(begun) = Begun::take() {
            return begun.outcome();
        }
        let comm = self.active_comm(comm)?;
        if self.is_watched() {
            self.note_collective(&comm, call);
        }
        self.collective_on(guest, &comm, call)
    }

    /// As [`Rank::collective`], on a communicator that need not be the guest's.
    pub(crate) fn collective_on(
        &self,
        guest: &mut dyn Guest,
        comm: &Arc<Comm>,
        call: &Collective<'_>,
    ) -> Result<()> {
        let state = &comm.collective;
        let tag = state.next_tag();
        if let Some(local) = state.local.get_or_init(|| local::Local::new(self, comm)) {
            let turns = local.turns();
            match self.collective_local(guest, comm, local, call, tag) {
                Ok(None) => {}
                Ok(Some(())) => return Ok(()),
                Err(error) => {
                    if local.turns() == turns {
                        state.give_back(tag);
                    }
                    return Err(error);
                }
            }
        }
        let plan = self.plan(comm, call);
        let plan = plan.inspect_err(|_| state.give_back(tag))?;
        Run::new(Arc::new(plan), Arc::clone(comm), tag)?.complete(self, guest)
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
        let comm = self.active_comm(comm)?.into_owned();
        let plan = Arc::new(self.plan(&comm, call)?);
        if self.is_watched() {
            self.note_collective(&comm, call);
        }
        let tag = comm.collective.next_tag();
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
        let comm = self.active_comm(comm)?.into_owned();
        let plan = Arc::new(self.plan(&comm, call)?);
        let tag = comm.collective.next_persistent_tag();
        let bytes = match self.is_watched() {
            true => self.contributed(&comm, call),
            false => 0,
        };
        let recipe = Persistent {
            comm: Arc::clone(&comm),
            plan,
            tag,
            bytes,
        };
        self.inactive(comm, Arc::new(recipe))
    }

    fn plan(&self, comm: &Comm, call: &Collective<'_>) -> Result<Plan> {
        let seat = Seat {
            rank: comm.rank,
            size: comm.size(),
        };
        let changed = self.tuned.changed();
        let tuning = changed.as_deref().unwrap_or(self.tuned.start());
        let planner = Planner {
            rank: self,
            comm,
            seat,
            table: &tuning.thresholds,
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
    tag: i32,
    /// What each start counts as; 0 unless the rank is watched.
    bytes: u64,
}

impl Recipe for Persistent {
    fn start(&self, rank: &Rank, guest: &mut dyn Guest) -> Result<Started> {
        if self.bytes != 0 {
            rank.note_contributed(self.bytes);
        }
        let run = Run::new(Arc::clone(&self.plan), Arc::clone(&self.comm), self.tag)?;
        Ok(Started::Pending(rank.start_operation(guest, Box::new(run))))
    }

    fn kind(&self) -> Kind {
        Kind::Operation
    }
}
