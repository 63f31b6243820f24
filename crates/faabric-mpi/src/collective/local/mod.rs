//! Collectives through shared memory, for ranks of one worker; and the two-level ones
//! of communicators on several.
//!
//! ```text
//!   worker 0                      worker 1
//!   rank 0 <---+                  rank 4 <---+
//!   rank 1 ----+  1. team         rank 5 ----+  1. team
//!   rank 2 ----+                  rank 6 ----+
//!      0 <------- 2. messages between leaders -------> 4
//!   rank 0 ----> 1, 2             rank 4 ----> 5, 6    3. team
//! ```
//! A leader is the lowest rank of its worker, or the root where the root is. Within a
//! worker no message is sent: contributions meet in the team's memory (`team.rs`), or
//! are read where they lie, and one wake-up releases everyone.
//!
//! All members must take the same way, so [`Rank::collective_local`] decides by what
//! all of them know. Calls that it leaves alone run as schedules of messages: those
//! with a function of the guest (it can only run on its caller's own thread), those
//! whose blocks differ between ranks, and data so large that messages are as good.

mod caller;
mod move_calls;
mod move_turns;
mod plain;
mod reduce_calls;
mod reduce_turns;
mod share;
mod team;
mod turn;
mod window;

use super::call::Collective;
use super::select::Thresholds;
use crate::comm::Comm;
use crate::error::Result;
use crate::guest::Guest;
use crate::rank::Rank;
use caller::Caller;
use parking_lot::Mutex;
use share::Form;
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use team::Team;
use turn::Turn;

/// The teams of one worker's ranks.
#[derive(Default)]
pub(super) struct Registry {
    teams: Mutex<Teams>,
}

#[derive(Default)]
struct Teams {
    /// Teams that some members have yet to join, and how many have. By communicator and
    /// its first rank in the world: communicators that came of one split have the same
    /// id, but no rank in common. Held strongly: the root of a broadcast may have freed
    /// the communicator before its receivers come to it.
    forming: HashMap<(u64, u32), (Arc<Team>, usize)>,
    /// All teams, to be woken when the job ends.
    all: Vec<Weak<Team>>,
}

impl Registry {
    /// The job or a rank's process ends: wakes all who wait.
    pub(super) fn interrupt(&self) {
        for team in self.teams.lock().all.iter().filter_map(Weak::upgrade) {
            team.interrupt();
        }
    }

    /// Joins a team, once for each of its members.
    fn join(&self, key: (u64, u32), ranks: Vec<u32>, cores: u32) -> Arc<Team> {
        let mut teams = self.teams.lock();
        let (team, joined) = match teams.forming.remove(&key) {
            Some(forming) => forming,
            None => {
                teams.all.retain(|team| team.strong_count() > 0);
                let team = Arc::new(Team::new(ranks, cores));
                teams.all.push(Arc::downgrade(&team));
                (team, 0)
            }
        };
        if joined + 1 < team.size() {
            teams.forming.insert(key, (Arc::clone(&team), joined + 1));
        }
        team
    }
}

/// A rank's place in the team of a communicator, and the communicator's workers.
pub(crate) struct Local {
    team: Arc<Team>,
    me: usize,
    place: turn::Place,
    /// Ranks of the communicator that are members of the team.
    members: Vec<u32>,
    /// The lowest rank on each worker, in rank order.
    leaders: Vec<u32>,
    /// The entry of `leaders` for each rank's worker.
    worker: Vec<u32>,
}

impl std::fmt::Debug for Local {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Local")
            .field("me", &self.me)
            .field("leaders", &self.leaders)
            .finish_non_exhaustive()
    }
}

impl Local {
    /// None when the caller has the communicator for itself, or shares no worker in it.
    pub(super) fn new(rank: &Rank, comm: &Comm) -> Option<Local> {
        let world_ranks: Option<Vec<u32>> =
            (0..comm.size()).map(|r| comm.group.world_rank(r)).collect();
        let world_ranks = world_ranks?;
        let hosts: Option<Vec<u32>> = world_ranks
            .iter()
            .map(|&r| rank.world.worker_number(r))
            .collect();
        let hosts = hosts?;
        let mut leaders: Vec<u32> = Vec::new();
        let mut worker = Vec::with_capacity(hosts.len());
        for (r, host) in (0..).zip(&hosts) {
            let known = leaders
                .iter()
                .position(|&leader| hosts[leader as usize] == *host);
            worker.push(known.unwrap_or(leaders.len()) as u32);
            if known.is_none() {
                leaders.push(r);
            }
        }
        if comm.remote.is_some() || comm.size() < 2 || leaders.len() == comm.size() as usize {
            return None;
        }
        let home = worker[comm.rank as usize];
        let members: Vec<u32> = (0..comm.size())
            .filter(|&r| worker[r as usize] == home)
            .collect();
        let me = members.iter().position(|&r| r == comm.rank)?;
        let team_ranks = members.iter().map(|&r| world_ranks[r as usize]).collect();
        let key = (comm.id(), world_ranks[0]);
        let team = rank
            .world
            .teams
            .registry
            .join(key, team_ranks, rank.world.cores());
        Some(Local {
            team,
            me,
            place: turn::Place::default(),
            members,
            leaders,
            worker,
        })
    }

    /// The caller's part in the next turn.
    fn turn<'a>(&'a self, rank: &'a Rank, guest: &'a mut dyn Guest) -> Turn<'a> {
        Turn::begin(&self.team, &self.place, self.me, rank, guest)
    }

    /// How `len` bytes of each member are handed over.
    fn form(&self, table: &Thresholds, len: u64) -> Form {
        let copied = if self.team.is_few() {
            table.local_copied
        } else {
            // Each member keeps two contributions of this length for the team's lifetime.
            let share = table.local_memory / (2 * self.team.size() as u64);
            table.local_copied_crowded.min(share)
        };
        Form::of(len, copied)
    }

    /// How many turns the caller has begun.
    pub(crate) fn turns(&self) -> u32 {
        self.place.turns()
    }

    /// Are all ranks of the communicator here?
    pub(super) fn is_whole(&self) -> bool {
        self.leaders.len() == 1
    }

    /// The leaders when `root` leads its worker, and the index of the caller's leader
    /// in its team.
    fn leaders_with(&self, root: u32) -> (Vec<u32>, usize) {
        let mut leaders = self.leaders.clone();
        leaders[self.worker[root as usize] as usize] = root;
        let mine = leaders[self.worker[self.members[0] as usize] as usize];
        let index = self.members.iter().position(|&r| r == mine).unwrap_or(0);
        (leaders, index)
    }
}

impl Rank {
    /// Runs `call` through the team, if it serves such calls.
    pub(crate) fn collective_local(
        &self,
        guest: &mut dyn Guest,
        comm: &Arc<Comm>,
        local: &Local,
        call: &Collective<'_>,
        tag: i32,
    ) -> Result<Option<()>> {
        let changed = self.tuned.changed();
        let table = &changed.as_deref().unwrap_or(self.tuned.start()).thresholds;
        let caller = Caller {
            rank: self,
            comm,
            local,
            table,
            tag,
        };
        match *call {
            Collective::Barrier => caller.barrier(guest).map(Some),
            Collective::Bcast { buffer, root } => caller.bcast(guest, buffer, root).map(Some),
            Collective::Reduce { data, root } => caller.reduce(guest, data, Some(root)),
            Collective::Allreduce(data) => caller.reduce(guest, data, None),
            _ if !local.is_whole() => Ok(None),
            Collective::Gather { send, recv, root } => caller.gather(guest, send, recv, root),
            Collective::Scatter { send, recv, root } => caller.scatter(guest, send, recv, root),
            Collective::Allgather { send, recv } => caller.allgather(guest, send, recv).map(Some),
            Collective::Alltoall { send, recv } => caller.alltoall(guest, send, recv),
            Collective::ReduceScatterBlock(data) => {
                caller.reduce_scatter(guest, data, &vec![data.count; comm.size() as usize])
            }
            Collective::ReduceScatter { data, counts } => {
                caller.reduce_scatter(guest, data, counts)
            }
            Collective::Scan(data) => caller.scan(guest, data, true),
            Collective::Exscan(data) => caller.scan(guest, data, false),
            _ => Ok(None),
        }
    }
}
