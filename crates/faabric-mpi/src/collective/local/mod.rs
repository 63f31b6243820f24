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

mod movement;
mod reduction;
mod share;
mod team;

use super::algorithm::barrier;
use super::algorithm::reduce::Operands;
use super::call::{Collective, IN_PLACE, Reduction};
use super::check::{self, Blocked};
use super::run::{Plan, Run};
use super::schedule::{Place, Schedule, Seat};
use super::select::Thresholds;
use super::stream::{Stream, byte};
use crate::comm::Comm;
use crate::datatype::Datatype;
use crate::error::Result;
use crate::guest::Guest;
use crate::op::{Builtin, Op};
use crate::p2p::Data;
use crate::rank::{Buffer, Rank};
use movement as moves;
use parking_lot::Mutex;
use reduction::{Operation, To};
use share::{Flat, Form};
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use team::{Team, Turn, Window};

/// The teams of one worker's ranks.
#[derive(Default)]
pub(super) struct Registry {
    /// By communicator and its first rank in the world: communicators that came of one
    /// split have the same id, but no rank in common.
    teams: Mutex<HashMap<(u64, u32), Weak<Team>>>,
}

impl Registry {
    /// The job ends: wakes all who wait.
    pub(super) fn interrupt(&self) {
        for team in self.teams.lock().values().filter_map(Weak::upgrade) {
            team.interrupt();
        }
    }

    fn team(&self, key: (u64, u32), ranks: Vec<u32>, cores: u32) -> Arc<Team> {
        let mut teams = self.teams.lock();
        if let Some(team) = teams.get(&key).and_then(Weak::upgrade) {
            return team;
        }
        teams.retain(|_, team| team.strong_count() > 0);
        let team = Arc::new(Team::new(ranks, cores));
        teams.insert(key, Arc::downgrade(&team));
        team
    }
}

/// A rank's place in the team of a communicator, and the communicator's workers.
pub(super) struct Local {
    team: Arc<Team>,
    me: usize,
    place: team::Place,
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
        let placement = &rank.world.placement().of_rank;
        let world_ranks: Option<Vec<u32>> =
            (0..comm.size()).map(|r| comm.group.world_rank(r)).collect();
        let world_ranks = world_ranks?;
        let hosts: Option<Vec<u32>> = world_ranks
            .iter()
            .map(|&r| placement.get(r as usize).copied())
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
        let key = (comm.id, world_ranks[0]);
        let team = rank
            .world
            .teams
            .registry
            .team(key, team_ranks, rank.world.cores());
        Some(Local {
            team,
            me,
            place: team::Place::default(),
            members,
            leaders,
            worker,
        })
    }

    /// Are all ranks of the communicator here?
    fn is_whole(&self) -> bool {
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

/// One call of one rank that its team serves.
struct Caller<'a> {
    rank: &'a Rank,
    comm: &'a Arc<Comm>,
    local: &'a Local,
    table: &'a Thresholds,
    tag: i32,
}

impl Rank {
    /// Runs `call` through the team, if it serves such calls.
    pub(super) fn collective_local(
        &self,
        guest: &mut dyn Guest,
        comm: &Arc<Comm>,
        local: &Local,
        call: &Collective<'_>,
        tag: i32,
    ) -> Result<Option<()>> {
        let table = &self.world.teams.thresholds;
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

impl Caller<'_> {
    fn turn<'b>(&'b self, guest: &'b mut dyn Guest) -> Turn<'b> {
        let local = self.local;
        Turn::begin(&local.team, &local.place, local.me, self.rank, guest)
    }

    /// How `len` bytes of each member are handed over.
    fn form(&self, len: u64) -> Form {
        Form::of(len, self.copied())
    }

    fn copied(&self) -> u64 {
        if self.local.team.is_few() {
            self.table.local_copied
        } else {
            self.table.local_copied_crowded
        }
    }

    /// A schedule among the leaders, on the bytes of `data`; for the leaders.
    fn among(
        &self,
        guest: &mut dyn Guest,
        leaders: Vec<u32>,
        data: Option<&Window>,
        reducer: Option<super::reducer::Reducer>,
        schedule: impl FnOnce(Seat) -> Schedule,
    ) -> Result<()> {
        let home = self.local.worker[self.comm.rank as usize];
        let seat = Seat {
            rank: home,
            size: leaders.len() as u32,
        };
        let recv = match data {
            Some(window) => Stream::new([Data {
                memory: Arc::clone(&window.memory),
                addr: window.addr,
                count: window.len,
                datatype: byte(),
            }])?,
            None => Stream::default(),
        };
        let plan = Plan {
            schedule: schedule(seat),
            send: Stream::default(),
            recv,
            reducer,
            members: Some(leaders),
        };
        Run::new(Arc::new(plan), Arc::clone(self.comm), self.tag)?.complete(self.rank, guest)
    }

    fn barrier(&self, guest: &mut dyn Guest) -> Result<()> {
        if self.local.is_whole() {
            return moves::barrier(self.turn(guest));
        }
        moves::assemble(self.turn(guest), 0)?;
        if self.local.me == 0 {
            self.among(
                guest,
                self.local.leaders.clone(),
                None,
                None,
                barrier::dissemination,
            )?;
        }
        self.release(guest, 0)
    }

    /// The leader lets its team go on.
    fn release(&self, guest: &mut dyn Guest, leader: usize) -> Result<()> {
        let nothing = Flat::new(self.data(crate::memory::Addr(0), 0, &byte()), 0)?;
        moves::bcast(self.turn(guest), Form::Small, leader, &nothing.window)
    }

    fn data(&self, addr: crate::memory::Addr, count: u64, datatype: &Arc<Datatype>) -> Data {
        Data {
            memory: Arc::clone(&self.rank.memory),
            addr,
            count,
            datatype: Arc::clone(datatype),
        }
    }

    fn flat(
        &self,
        addr: crate::memory::Addr,
        count: i64,
        datatype: &Arc<Datatype>,
    ) -> Result<Flat> {
        let len = check::bytes(datatype, count)?;
        Flat::new(self.data(addr, count as u64, datatype), len)
    }

    fn bcast(&self, guest: &mut dyn Guest, buffer: Buffer, root: i32) -> Result<()> {
        let root = check::root(self.comm, root)?;
        check::refuse_in_place(buffer.addr, "buffer")?;
        let datatype = self.rank.committed(buffer.datatype)?;
        let flat = self.flat(buffer.addr, buffer.count, &datatype)?;
        let len = flat.window.len;
        if len == 0 {
            return Ok(());
        }
        let leader = if self.local.is_whole() {
            root as usize
        } else {
            let (leaders, leader) = self.local.leaders_with(root);
            if self.local.me == leader {
                let from = self.local.worker[root as usize];
                self.among(guest, leaders, Some(&flat.window), None, |seat| {
                    self.table.bcast(seat, from, len)
                })?;
            }
            leader
        };
        moves::bcast(self.turn(guest), self.form(len), leader, &flat.window)?;
        if self.comm.rank == root {
            Ok(())
        } else {
            flat.bring_home()
        }
    }

    /// The operation and the buffers of a reduction with a predefined operation.
    fn operands(&self, data: &Reduction, count: i64) -> Result<Option<(Operation, Arc<Datatype>)>> {
        let builtin = match self.rank.op(data.op)? {
            // The last two are refused, with their reason, where schedules are made.
            Op::User(_) | Op::Builtin(Builtin::Replace | Builtin::NoOp) => return Ok(None),
            Op::Builtin(builtin) => builtin,
        };
        let datatype = self.rank.committed(data.datatype)?.into_owned();
        check::bytes(&datatype, count)?;
        let kernel = builtin.kernel_for(&datatype)?;
        let unit = datatype.primitive().map_or(1, |primitive| primitive.size()) as usize;
        Ok(Some((Operation { kernel, unit }, datatype)))
    }

    /// Reduce to `root`, or allreduce.
    fn reduce(
        &self,
        guest: &mut dyn Guest,
        data: Reduction,
        root: Option<i32>,
    ) -> Result<Option<()>> {
        let root = root.map(|root| check::root(self.comm, root)).transpose()?;
        let Some((op, datatype)) = self.operands(&data, data.count)? else {
            return Ok(None);
        };
        let in_place = data.send == IN_PLACE;
        let receives = root.is_none_or(|root| root == self.comm.rank);
        if receives {
            check::refuse_in_place(data.recv, "recvbuf")?;
            check::distinct(data.send, data.recv, datatype.bytes(data.count)?)?;
        } else {
            check::refuse_in_place(data.send, "sendbuf")?;
        }
        let input = self.flat(
            if in_place { data.recv } else { data.send },
            data.count,
            &datatype,
        )?;
        let len = input.window.len;
        if len == 0 {
            return Ok(Some(()));
        }
        let output = if receives && !in_place {
            Some(self.flat(data.recv, data.count, &datatype)?)
        } else {
            None
        };
        if self.local.is_whole() {
            let to = root.map_or(To::All, |root| To::One(root as usize));
            let target = output.as_ref().unwrap_or(&input);
            reduction::reduce(
                self.turn(guest),
                self.form(len),
                op,
                &input.window,
                &target.window,
                to,
            )?;
        } else {
            self.reduce_two_level(guest, data, &datatype, op, (&input, output.as_ref()), root)?;
        }
        if receives {
            output.as_ref().unwrap_or(&input).bring_home()?;
        }
        Ok(Some(()))
    }

    /// Team, leaders, and for an allreduce the team again.
    fn reduce_two_level(
        &self,
        guest: &mut dyn Guest,
        data: Reduction,
        datatype: &Arc<Datatype>,
        op: Operation,
        (input, output): (&Flat, Option<&Flat>),
        root: Option<u32>,
    ) -> Result<()> {
        let len = input.window.len;
        let (leaders, leader) = match root {
            Some(root) => self.local.leaders_with(root),
            None => (self.local.leaders.clone(), 0),
        };
        let leads = self.local.me == leader;
        // A leader that is not the root has nowhere to put its worker's result, and
        // must not put it into the caller's operand.
        let receives = root.is_none_or(|root| root == self.comm.rank);
        let spare = if leads && !receives {
            Some(spare(len)?)
        } else {
            None
        };
        let target = spare
            .as_ref()
            .unwrap_or_else(|| &output.unwrap_or(input).window);
        reduction::reduce(
            self.turn(guest),
            self.form(len),
            op,
            &input.window,
            target,
            To::One(leader),
        )?;
        if leads {
            let reducer =
                super::reducer::Reducer::new(self.rank, data.op, datatype, data.datatype)?;
            let unit = op.unit as u64;
            let operands = Operands {
                count: len / unit,
                unit,
                commutative: true,
                input: Place::Recv,
            };
            let home = root.map(|root| self.local.worker[root as usize]);
            self.among(
                guest,
                leaders,
                Some(target),
                Some(reducer),
                |seat| match home {
                    Some(root) => self.table.reduce(seat, root, operands),
                    None => self.table.allreduce(seat, operands),
                },
            )?;
        }
        if root.is_some() {
            return Ok(());
        }
        moves::bcast(self.turn(guest), self.form(len), 0, target)
    }

    fn gather(
        &self,
        guest: &mut dyn Guest,
        send: Buffer,
        recv: Buffer,
        root: i32,
    ) -> Result<Option<()>> {
        let root = check::root(self.comm, root)?;
        if self.comm.rank != root {
            let own = check::one(self.rank, send, "sendbuf")?;
            let form = self.form(own.blocks.total());
            if form == Form::Shown || own.blocks.total() == 0 {
                return Ok(form_none(form));
            }
            let own = flat_of(own)?;
            moves::gather(self.turn(guest), form, root as usize, &own.window, None)?;
            return Ok(Some(()));
        }
        let all = check::blocks(self.rank, recv, self.comm.size(), "recvbuf")?;
        let len = all.blocks.len(0);
        let form = self.form(len);
        if form == Form::Shown || len == 0 {
            return Ok(form_none(form));
        }
        let in_place = send.addr == IN_PLACE;
        let own = if in_place {
            None
        } else {
            Some(self.own(send, &all, root)?)
        };
        let all = flat_of(all)?;
        let at = u64::from(root) * len;
        let own = own.map_or_else(|| all.window.part(at..at + len), |own| own.window);
        moves::gather(
            self.turn(guest),
            form,
            root as usize,
            &own,
            Some(&all.window),
        )?;
        all.bring_home()?;
        Ok(Some(()))
    }

    /// The caller's own block, of the length of its place in `all`.
    fn own(&self, own: Buffer, all: &Blocked, rank: u32) -> Result<Flat> {
        flat_of(check::own_block(self.rank, own, all, rank)?)
    }

    fn scatter(
        &self,
        guest: &mut dyn Guest,
        send: Buffer,
        recv: Buffer,
        root: i32,
    ) -> Result<Option<()>> {
        let root = check::root(self.comm, root)?;
        let size = u64::from(self.comm.size());
        let is_root = self.comm.rank == root;
        let in_place = is_root && recv.addr == IN_PLACE;
        let all = if is_root {
            Some(check::blocks(self.rank, send, self.comm.size(), "sendbuf")?)
        } else {
            None
        };
        let own = if in_place {
            None
        } else {
            Some(check::one(self.rank, recv, "recvbuf")?)
        };
        let len = match (&all, &own) {
            (Some(all), _) => all.blocks.len(0),
            (None, Some(own)) => own.blocks.total(),
            (None, None) => 0,
        };
        let form = self.form(len.saturating_mul(size));
        if form == Form::Shown || len == 0 {
            return Ok(form_none(form));
        }
        if let (Some(all), Some(own)) = (&all, &own) {
            check::scattered_block(recv, own, all, root)?;
        }
        let (all, own) = (all.map(flat_of).transpose()?, own.map(flat_of).transpose()?);
        let (from, to) = (
            all.as_ref().map(|all| &all.window),
            own.as_ref().map(|own| &own.window),
        );
        moves::scatter(self.turn(guest), form, root as usize, len, from, to)?;
        own.map_or(Ok(()), |own| own.bring_home())?;
        Ok(Some(()))
    }

    fn allgather(&self, guest: &mut dyn Guest, send: Buffer, recv: Buffer) -> Result<()> {
        let all = check::blocks(self.rank, recv, self.comm.size(), "recvbuf")?;
        let in_place = send.addr == IN_PLACE;
        let own = if in_place {
            None
        } else {
            Some(self.own(send, &all, self.comm.rank)?)
        };
        let len = all.blocks.len(0);
        if len == 0 {
            return Ok(());
        }
        let all = flat_of(all)?;
        let at = u64::from(self.comm.rank) * len;
        let own = own.map_or_else(|| all.window.part(at..at + len), |own| own.window);
        moves::allgather(
            self.turn(guest),
            self.form(len),
            &own,
            &all.window,
            in_place,
        )?;
        all.bring_home()
    }

    fn alltoall(&self, guest: &mut dyn Guest, send: Buffer, recv: Buffer) -> Result<Option<()>> {
        let recvs = check::blocks(self.rank, recv, self.comm.size(), "recvbuf")?;
        let len = recvs.blocks.len(0);
        let total = recvs.blocks.total();
        let in_place = send.addr == IN_PLACE;
        let form = self.form(total);
        if len == 0 || in_place && form == Form::Shown {
            return Ok(form_none(form));
        }
        let sends = if in_place {
            None
        } else {
            check::distinct(send.addr, recv.addr, len)?;
            let sends = check::blocks(self.rank, send, self.comm.size(), "sendbuf")?;
            check::same_length("sendbuf", sends.blocks.total(), "recvbuf", total)?;
            Some(flat_of(sends)?)
        };
        let recvs = flat_of(recvs)?;
        let from = sends.as_ref().unwrap_or(&recvs);
        moves::alltoall(self.turn(guest), form, &from.window, &recvs.window, len)?;
        recvs.bring_home()?;
        Ok(Some(()))
    }

    fn reduce_scatter(
        &self,
        guest: &mut dyn Guest,
        data: Reduction,
        counts: &[i64],
    ) -> Result<Option<()>> {
        let (blocks, total) = check::counts(self.rank, data.datatype, counts, self.comm.size())?;
        let Some((op, datatype)) = self.operands(&data, total)? else {
            return Ok(None);
        };
        let in_place = data.send == IN_PLACE;
        check::refuse_in_place(data.recv, "recvbuf")?;
        check::distinct(data.send, data.recv, blocks.total())?;
        if blocks.total() == 0 {
            return Ok(Some(()));
        }
        let input = self.flat(
            if in_place { data.recv } else { data.send },
            total,
            &datatype,
        )?;
        let own = counts[self.comm.rank as usize];
        let output = if in_place {
            None
        } else {
            Some(self.flat(data.recv, own, &datatype)?)
        };
        let target = output.as_ref().unwrap_or(&input);
        let (form, range) = (self.form(blocks.total()), blocks.range(self.comm.rank));
        let turn = self.turn(guest);
        reduction::reduce_scatter(
            turn,
            form,
            op,
            &input.window,
            range,
            &target.window,
            in_place,
        )?;
        target.bring_home()?;
        Ok(Some(()))
    }

    fn scan(&self, guest: &mut dyn Guest, data: Reduction, inclusive: bool) -> Result<Option<()>> {
        let Some((op, datatype)) = self.operands(&data, data.count)? else {
            return Ok(None);
        };
        let form = self.form(datatype.bytes(data.count)?);
        if form == Form::Shown {
            return Ok(None);
        }
        let in_place = data.send == IN_PLACE;
        check::refuse_in_place(data.recv, "recvbuf")?;
        let input = self.flat(
            if in_place { data.recv } else { data.send },
            data.count,
            &datatype,
        )?;
        check::distinct(data.send, data.recv, input.window.len)?;
        if input.window.len == 0 {
            return Ok(Some(()));
        }
        let output = if in_place {
            None
        } else {
            Some(self.flat(data.recv, data.count, &datatype)?)
        };
        let target = output.as_ref().unwrap_or(&input);
        reduction::scan(
            self.turn(guest),
            form,
            op,
            &input.window,
            &target.window,
            inclusive,
        )?;
        target.bring_home()?;
        Ok(Some(()))
    }
}

/// What a call without data, or one that is left to messages, gives.
fn form_none(form: Form) -> Option<()> {
    (form != Form::Shown).then_some(())
}

/// Host memory for a leader's intermediate result.
fn spare(len: u64) -> Result<Window> {
    let buffer = crate::memory::HostBuffer::from(super::stream::zeroed(len)?);
    Ok(Window {
        memory: Arc::new(buffer),
        addr: crate::memory::Addr(0),
        len,
    })
}

fn flat_of(blocked: Blocked) -> Result<Flat> {
    let len = blocked.blocks.total();
    match blocked.stream.into_single() {
        Some(data) => Flat::new(data, len),
        None => Flat::new(
            Data {
                memory: Arc::new(crate::memory::HostBuffer::zeroed(0)),
                addr: crate::memory::Addr(0),
                count: 0,
                datatype: byte(),
            },
            0,
        ),
    }
}
