//! Calls as their team serves them: what all kinds share, barrier and broadcast.

use super::Local;
use super::move_turns as moves;
use super::share::{Flat, Form};
use super::turn::Turn;
use super::window::{Span, Window};
use crate::collective::algorithm::barrier;
use crate::collective::check;
use crate::collective::reducer::Reducer;
use crate::collective::run::{Plan, Run};
use crate::collective::schedule::{Schedule, Seat};
use crate::collective::select::Thresholds;
use crate::collective::stream::{self, Stream, byte};
use crate::comm::Comm;
use crate::datatype::Datatype;
use crate::error::Result;
use crate::guest::Guest;
use crate::memory::{Addr, HostBuffer};
use crate::p2p::Data;
use crate::rank::{Buffer, Rank};
use std::sync::Arc;

/// One call of one rank that its team serves.
pub(super) struct Caller<'a> {
    pub(super) rank: &'a Rank,
    pub(super) comm: &'a Arc<Comm>,
    pub(super) local: &'a Local,
    pub(super) table: &'a Thresholds,
    pub(super) tag: i32,
}

impl Caller<'_> {
    pub(super) fn turn<'b>(&'b self, guest: &'b mut dyn Guest) -> Turn<'b> {
        self.local.turn(self.rank, guest)
    }

    /// How `len` bytes of each member are handed over.
    pub(super) fn form(&self, len: u64) -> Form {
        self.local.form(self.table, len)
    }

    /// A schedule among the leaders, on the bytes of `data`; for the leaders.
    pub(super) fn among(
        &self,
        guest: &mut dyn Guest,
        leaders: Vec<u32>,
        data: Option<Span<'_>>,
        reducer: Option<Reducer>,
        schedule: impl FnOnce(Seat) -> Schedule,
    ) -> Result<()> {
        let home = self.local.worker[self.comm.rank as usize];
        let seat = Seat {
            rank: home,
            size: leaders.len() as u32,
        };
        let recv = match data {
            Some(span) => Stream::new([Data {
                memory: Arc::clone(span.memory),
                addr: span.addr,
                count: span.len,
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

    pub(super) fn barrier(&self, guest: &mut dyn Guest) -> Result<()> {
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
        let nothing = Flat::new(self.data(Addr(0), 0, &byte()), 0)?;
        moves::bcast(self.turn(guest), |_| Form::Small, leader, nothing.span())
    }

    /// What became of a step among leaders, at a leader whose team waits for a broadcast of
    /// what came of it: if nothing did, they are told.
    pub(super) fn lead(&self, guest: &mut dyn Guest, among: Result<()>) -> Result<()> {
        if among.is_err() {
            // Fails only when the job ends, which the team learns otherwise.
            let _ = moves::give_nothing(self.turn(guest));
        }
        among
    }

    fn data(&self, addr: Addr, count: u64, datatype: &Arc<Datatype>) -> Data {
        Data {
            memory: Arc::clone(&self.rank.memory),
            addr,
            count,
            datatype: Arc::clone(datatype),
        }
    }

    pub(super) fn flat(&self, addr: Addr, count: i64, datatype: &Arc<Datatype>) -> Result<Flat> {
        let len = check::bytes(datatype, count)?;
        Flat::new(self.data(addr, count as u64, datatype), len)
    }

    pub(super) fn bcast(&self, guest: &mut dyn Guest, buffer: Buffer, root: i32) -> Result<()> {
        let root = check::root(self.comm, root)?;
        check::refuse_in_place(buffer.addr, "buffer")?;
        let datatype = self.rank.committed(buffer.datatype)?;
        let flat = self.flat(buffer.addr, buffer.count, &datatype)?;
        let len = flat.window.len;
        let leader = if self.local.is_whole() {
            root as usize
        } else {
            let (leaders, leader) = self.local.leaders_with(root);
            if self.local.me == leader {
                let from = self.local.worker[root as usize];
                let among = self.among(guest, leaders, Some(flat.span()), None, |seat| {
                    self.table.bcast(seat, from, len)
                });
                self.lead(guest, among)?;
            }
            leader
        };
        moves::bcast(self.turn(guest), |len| self.form(len), leader, flat.span())?;
        if self.comm.rank == root {
            Ok(())
        } else {
            flat.bring_home()
        }
    }
}

/// What a call without data, or one that is left to messages, gives.
pub(super) fn left_alone(form: Form) -> Option<()> {
    (form != Form::Shown).then_some(())
}

/// Host memory for a leader's intermediate result.
pub(super) fn spare(len: u64) -> Result<Window> {
    let buffer = HostBuffer::from(stream::scratch(len)?);
    Ok(Window {
        memory: Arc::new(buffer),
        addr: Addr(0),
        len,
    })
}
