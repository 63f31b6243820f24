//! Runs a schedule on the engine: posts a round's transfers, waits for them, does its
//! local steps, goes on.
//!
//! Blocking calls run it to the end; `MPI_Test` takes it as far as it goes without
//! waiting; a persistent request starts the same plan again and again.
//!
//! A message of another length than its receiver expects is an error of the program: ranks
//! pass different amounts of data. The schedule goes on, because others wait for what this
//! rank sends, but it sends no data any more, so that they notice too; it fails in the end.

use super::reducer::Reducer;
use super::schedule::{Local, Order, Place, Schedule, Slice, Transfer};
use super::stream::{self, Stream};
use crate::comm::{Comm, Context};
use crate::error::{Class, Error, Result};
use crate::guest::Guest;
use crate::memory::HostBuffer;
use crate::p2p::{Data, Mode, Started};
use crate::progress::Operation;
use crate::rank::Rank;
use crate::request::{Completion, Outcome};
use std::sync::Arc;

/// What one rank does for one collective call, and on which buffers.
pub(crate) struct Plan {
    pub(crate) schedule: Schedule,
    pub(crate) send: Stream,
    pub(crate) recv: Stream,
    pub(crate) reducer: Option<Reducer>,
    /// The ranks of the communicator that the schedule's ranks stand for, when they
    /// are not all of them.
    pub(crate) members: Option<Vec<u32>>,
}

impl Plan {
    /// A plan without reduction over all ranks of the communicator.
    pub(crate) fn new(schedule: Schedule, send: Stream, recv: Stream) -> Plan {
        Plan {
            schedule,
            send,
            recv,
            reducer: None,
            members: None,
        }
    }
}

/// A plan under way.
pub(crate) struct Run {
    plan: Arc<Plan>,
    comm: Arc<Comm>,
    tag: i32,
    /// The next round to post, or the one whose transfers are under way.
    round: usize,
    posted: bool,
    /// What is under way of this round, with the bytes that a receive expects.
    pending: Vec<(Arc<Completion>, Option<u64>)>,
    /// The first message of the wrong length.
    unlike: Option<Error>,
    scratch: Stream,
    /// Packed copies of buffers that the schedule cannot use as they are.
    staged_send: Option<Staged>,
    staged_recv: Option<Staged>,
}

struct Staged {
    buffer: Arc<HostBuffer>,
    stream: Stream,
}

impl Staged {
    /// A packed copy of `stream`, if the schedule needs one.
    fn when_needed(stream: &Stream, schedule: &Schedule, place: Place) -> Result<Option<Staged>> {
        if stream.serves(schedule, place) {
            return Ok(None);
        }
        let buffer = stream.pack()?;
        let stream = Stream::host(Arc::clone(&buffer), stream.len());
        Ok(Some(Staged { buffer, stream }))
    }
}

impl Run {
    /// Prepares `plan` to run with messages tagged `tag`; posts nothing yet.
    pub(crate) fn new(plan: Arc<Plan>, comm: Arc<Comm>, tag: i32) -> Result<Run> {
        let schedule = &plan.schedule;
        let scratch = match schedule.scratch {
            0 => Stream::default(),
            len => Stream::host(Arc::new(HostBuffer::from(stream::scratch(len)?)), len),
        };
        Ok(Run {
            staged_send: Staged::when_needed(&plan.send, schedule, Place::Send)?,
            staged_recv: Staged::when_needed(&plan.recv, schedule, Place::Recv)?,
            scratch,
            comm,
            tag,
            round: 0,
            posted: false,
            pending: Vec::new(),
            unlike: None,
            plan,
        })
    }

    /// Goes as far as possible without waiting; true when the operation has ended.
    pub(crate) fn progress(&mut self, rank: &Rank, guest: &mut dyn Guest) -> Result<bool> {
        while self.round < self.plan.schedule.rounds.len() {
            self.post(rank)?;
            while let Some((completion, expected)) = self.pending.last() {
                let Some(result) = completion.result() else {
                    return Ok(false);
                };
                let expected = *expected;
                self.pending.pop();
                self.ended(result, expected)?;
            }
            self.finish_round(rank, guest)?;
        }
        self.finish()?;
        Ok(true)
    }

    /// Waits for the end of the operation.
    pub(crate) fn complete(&mut self, rank: &Rank, guest: &mut dyn Guest) -> Result<()> {
        while self.round < self.plan.schedule.rounds.len() {
            self.post(rank)?;
            while let Some((completion, expected)) = self.pending.pop() {
                let result = rank.wait_for(guest, || completion.result())?;
                self.ended(result, expected)?;
            }
            self.finish_round(rank, guest)?;
        }
        self.finish()
    }

    /// Posts the transfers of the current round, receives first: a message that finds
    /// its receive posted is copied once.
    fn post(&mut self, rank: &Rank) -> Result<()> {
        if std::mem::replace(&mut self.posted, true) {
            return Ok(());
        }
        let plan = Arc::clone(&self.plan);
        let transfers = &plan.schedule.rounds[self.round].transfers;
        let peer = |rank: u32| {
            plan.members
                .as_ref()
                .map_or(rank, |members| members[rank as usize])
        };
        for transfer in transfers {
            if let Transfer::Recv { from, data } = *transfer {
                let expected = Some(data.len);
                let data = self.locate(data)?;
                let from = peer(from) as i32;
                let started =
                    rank.start_recv(&self.comm, Context::Collective, from, self.tag, data.view())?;
                self.started(started, expected)?;
            }
        }
        for transfer in transfers {
            if let Transfer::Send { to, mut data } = *transfer {
                if self.unlike.is_some() {
                    data.len = 0;
                }
                let data = self.locate(data)?;
                let (context, mode) = (Context::Collective, Mode::Standard);
                let started =
                    rank.start_send(&self.comm, context, peer(to), self.tag, data.view(), mode)?;
                self.started(started, None)?;
            }
        }
        Ok(())
    }

    fn started(&mut self, started: Started, expected: Option<u64>) -> Result<()> {
        match started {
            Started::Sent(_) | Started::Buffered(_) => Ok(()),
            Started::Done(outcome, None) => self.ended(Ok(outcome), expected),
            Started::Done(_, Some(error)) => self.ended(Err(error), expected),
            Started::Pending(completion) => {
                self.pending.push((completion, expected));
                Ok(())
            }
        }
    }

    /// A transfer has ended: a receive that expected so many bytes, or a send.
    fn ended(&mut self, result: Result<Outcome>, expected: Option<u64>) -> Result<()> {
        match (result, expected) {
            (Ok(Outcome { bytes, .. }), Some(expected)) if bytes != expected => {
                let error = Error::new(
                    Class::TRUNCATE,
                    format!(
                        "the ranks of the communicator do not pass the same amount of data: \
                         {bytes} bytes came where {expected} were expected"
                    ),
                );
                self.unlike.get_or_insert(error);
            }
            (Err(error), Some(_)) if error.class == Class::TRUNCATE => {
                self.unlike.get_or_insert(error);
            }
            (result, _) => drop(result?),
        }
        Ok(())
    }

    fn finish_round(&mut self, rank: &Rank, guest: &mut dyn Guest) -> Result<()> {
        let plan = Arc::clone(&self.plan);
        for local in &plan.schedule.rounds[self.round].locals {
            match *local {
                Local::Copy { from, to } => copy(rank, &self.locate(from)?, &self.locate(to)?)?,
                Local::Reduce {
                    acc,
                    operand,
                    order,
                } => self.reduce(rank, guest, acc, operand, order)?,
            }
        }
        self.round += 1;
        self.posted = false;
        Ok(())
    }

    fn reduce(
        &self,
        rank: &Rank,
        guest: &mut dyn Guest,
        acc: Slice,
        operand: Slice,
        order: Order,
    ) -> Result<()> {
        match &self.plan.reducer {
            Some(reducer) => reducer.reduce(
                rank,
                guest,
                &self.locate(acc)?,
                &self.locate(operand)?,
                order,
            ),
            None => Ok(()),
        }
    }

    /// Brings a staged result home.
    fn finish(&mut self) -> Result<()> {
        if let Some(error) = self.unlike.take() {
            return Err(error);
        }
        match self.staged_recv.take() {
            Some(staged) if self.plan.schedule.writes(Place::Recv) => {
                self.plan.recv.unpack(&staged.buffer)
            }
            _ => Ok(()),
        }
    }

    fn locate(&self, slice: Slice) -> Result<Data> {
        let stream = match slice.place {
            Place::Send => self
                .staged_send
                .as_ref()
                .map_or(&self.plan.send, |staged| &staged.stream),
            Place::Recv => self
                .staged_recv
                .as_ref()
                .map_or(&self.plan.recv, |staged| &staged.stream),
            Place::Scratch => &self.scratch,
        };
        // A slice beyond its stream would be an error of an algorithm; it must not
        // become an access to the wrong bytes.
        stream.locate(slice.offset, slice.len).ok_or_else(|| {
            crate::Error::new(
                crate::Class::INTERN,
                format!(
                    "a collective's schedule names {slice:?}, but the buffer has {} bytes",
                    stream.len()
                ),
            )
        })
    }
}

impl Operation for Run {
    fn poll(&mut self, rank: &Rank, guest: &mut dyn Guest) -> Result<Option<Outcome>> {
        Ok(self.progress(rank, guest)?.then_some(Outcome::EMPTY))
    }
}

/// Copies between two typed buffers of the same length.
fn copy(rank: &Rank, from: &Data, to: &Data) -> Result<()> {
    from.view().copy_to(&to.view(), &rank.world)
}
