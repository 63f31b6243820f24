//! Watching a rank: what its MPI calls did, for `faabric run --mpi-summary` and
//! `--mpi-trace`, and for the tool interface's counters.
//!
//! ```text
//!   host: enter -----------------------------------------> leave    a call, on its thread
//!                  |  start_send --> sent                  |
//!   engine:        |  recv, Wait --> received              |
//!                  |  collective --> moved                 v
//!                  '-----------------------> Frame --> Recorder --> Sink (worker --> client)
//! ```
//! A rank that nobody watches pays one branch a call. One that is watched does without
//! the calls on the guest's own stack: all go the general way, which has the hooks.

mod flow;
mod frame;
mod recorder;

pub(crate) use flow::Numbers;
pub use frame::Entered;
pub use recorder::{Recorder, Sink};

use crate::abi::MPI_PROC_NULL;
use crate::collective::{Collective, Reduction, Spread, TypedSpread};
use crate::comm::{Comm, Context};
use crate::error::On;
use crate::handle::TypeHandle;
use crate::matching::Envelope;
use crate::rank::{Buffer, Rank};
use crate::request::Outcome;
use faabric_wire::clock;
use faabric_wire::proto::MpiMessage;
use frame::Frame;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Who watches a rank.
#[derive(Default)]
pub(crate) struct Watch {
    /// How many do: the recorder, and handles of the tool interface.
    watchers: AtomicU32,
    recorder: Option<Arc<Recorder>>,
    /// What is counted while somebody watches.
    pub(crate) counters: Counters,
}

/// Point-to-point messages of a rank.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) messages_sent: AtomicU64,
    pub(crate) bytes_sent: AtomicU64,
    pub(crate) messages_received: AtomicU64,
    pub(crate) bytes_received: AtomicU64,
    /// Time within [`Rank::wait_for`].
    pub(crate) waited_ns: AtomicU64,
}

fn add(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

impl Watch {
    pub(crate) fn new(recorder: Option<Arc<Recorder>>) -> Watch {
        Watch {
            watchers: AtomicU32::new(u32::from(recorder.is_some())),
            recorder,
            counters: Counters::default(),
        }
    }

    /// Somebody begins to watch.
    pub(crate) fn begin(&self) {
        self.watchers.fetch_add(1, Ordering::Relaxed);
    }

    /// Somebody who began has seen enough.
    pub(crate) fn end(&self) {
        self.watchers.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Rank {
    /// Whether somebody watches what its calls do: then none may take a shorter way.
    #[inline]
    #[must_use]
    pub fn is_watched(&self) -> bool {
        self.watch.watchers.load(Ordering::Relaxed) != 0
    }

    /// An MPI call begins on this thread, whose number in its process is `thread`. None
    /// unless calls are recorded.
    #[inline]
    #[must_use]
    pub fn enter(&self, thread: u32) -> Option<Entered> {
        if !self.is_watched() || self.watch.recorder.is_none() {
            return None;
        }
        Some(Entered::new(clock::monotonic_ns(), thread))
    }

    /// The call `function` ends, on an object that `on` names.
    #[cold]
    pub fn leave(&self, entered: Entered, function: &str, on: On) {
        let Some(recorder) = &self.watch.recorder else {
            return;
        };
        let comm = match on {
            On::Comm(comm) => self.comm(comm).ok().map(|comm| comm.id()),
            On::Win(_) | On::File(_) | On::Session(_) | On::Handler(_) => None,
        };
        let ended = entered.end(clock::monotonic_ns());
        recorder.call(function, comm, ended);
    }

    /// Runs a wait, and counts how long it takes.
    #[cold]
    pub(crate) fn note_wait<T>(&self, wait: impl FnOnce() -> T) -> T {
        let began = clock::monotonic_ns();
        let waited = wait();
        let took = clock::monotonic_ns().saturating_sub(began).max(0);
        add(&self.watch.counters.waited_ns, took.cast_unsigned());
        waited
    }

    /// A send of the program begins.
    #[cold]
    pub(crate) fn note_sent(&self, envelope: &Envelope, context: Context, to: u32, bytes: u64) {
        if !matches!(context, Context::PointToPoint | Context::Partition) {
            return;
        }
        add(&self.watch.counters.messages_sent, 1);
        add(&self.watch.counters.bytes_sent, bytes);
        let Some(recorder) = &self.watch.recorder else {
            return;
        };
        let nth = recorder.sent(to, bytes, envelope);
        Frame::message(MpiMessage {
            received: false,
            peer: to,
            tag: envelope.tag,
            bytes,
            comm: envelope.space >> 2,
            flow: flow::id(envelope, to, nth),
        });
    }

    /// A receive of the program has ended, if that is what the outcome is of.
    #[cold]
    pub(crate) fn note_received(&self, comm: &Comm, outcome: &Outcome) {
        let source = u32::try_from(outcome.source).ok();
        let Some(peer) = source.and_then(|source| comm.peers().world_rank(source)) else {
            return; // a send, a collective, a receive from MPI_PROC_NULL
        };
        add(&self.watch.counters.messages_received, 1);
        add(&self.watch.counters.bytes_received, outcome.bytes);
        let envelope = Envelope {
            space: comm.space(Context::PointToPoint),
            source: outcome.source,
            tag: outcome.tag,
        };
        Frame::message(MpiMessage {
            received: true,
            peer,
            tag: outcome.tag,
            bytes: outcome.bytes,
            comm: comm.id(),
            flow: flow::id(&envelope, self.world_rank, outcome.nth.of_envelope),
        });
    }

    /// The program takes part in a collective operation.
    #[cold]
    pub(crate) fn note_collective(&self, comm: &Comm, call: &Collective<'_>) {
        if self.watch.recorder.is_some() {
            self.note_contributed(self.contributed(comm, call));
        }
    }

    /// The program starts a collective operation into which this rank puts `bytes`.
    #[cold]
    pub(crate) fn note_contributed(&self, bytes: u64) {
        Frame::bytes(bytes);
    }

    /// Bytes that this rank puts into a collective operation, or that it gets where others
    /// put them in. Called before arguments are checked.
    pub(crate) fn contributed(&self, comm: &Comm, call: &Collective<'_>) -> u64 {
        let elements = |count: i64, datatype: TypeHandle| {
            let count = u64::try_from(count).unwrap_or(0);
            let size = self
                .datatype(datatype)
                .map_or(0, |datatype| datatype.size());
            count.saturating_mul(size)
        };
        let block = |buffer: &Buffer| elements(buffer.count, buffer.datatype);
        let either = |send: &Buffer, recv: &Buffer| match send.addr {
            crate::collective::IN_PLACE => block(recv),
            _ => block(send),
        };
        let sum = |parts: Vec<u64>| parts.into_iter().fold(0, u64::saturating_add);
        let each = |counts: &[i64], datatype: TypeHandle| -> Vec<u64> {
            let counts = counts.iter();
            counts.map(|&count| elements(count, datatype)).collect()
        };
        let each_typed = |spread: &TypedSpread<'_>| -> Vec<u64> {
            let pairs = spread.counts.iter().zip(spread.datatypes);
            let bytes = pairs.map(|(&count, &datatype)| elements(count, datatype));
            bytes.collect()
        };
        let spread = |spread: &Spread<'_>| each(spread.counts, spread.datatype);
        // Blocks beyond the borders of a grid go nowhere.
        let topology = comm.topology.as_ref();
        let outs = || topology.map_or_else(Vec::new, |t| t.neighbours(comm.rank).1);
        let to_outs = |blocks: Vec<u64>| {
            let pairs = blocks.into_iter().zip(outs());
            let sent = pairs.filter(|&(_, to)| to != MPI_PROC_NULL);
            sum(sent.map(|(bytes, _)| bytes).collect())
        };
        let operand = |data: &Reduction| elements(data.count, data.datatype);
        match call {
            Collective::Barrier => 0,
            Collective::Bcast { buffer, .. } => block(buffer),
            Collective::Gather { send, recv, .. } | Collective::Allgather { send, recv } => {
                either(send, recv)
            }
            Collective::Gatherv { send, .. } | Collective::Allgatherv { send, .. } => {
                match send.addr {
                    crate::collective::IN_PLACE => 0,
                    _ => block(send),
                }
            }
            Collective::Scatter { send, recv, .. } => either(recv, send),
            Collective::Scatterv { recv, .. } => match recv.addr {
                crate::collective::IN_PLACE => 0,
                _ => block(recv),
            },
            Collective::Alltoall { send, recv } => {
                either(send, recv).saturating_mul(comm.peers().size().into())
            }
            Collective::Alltoallv { send, recv } => match send.addr {
                crate::collective::IN_PLACE => sum(spread(recv)),
                _ => sum(spread(send)),
            },
            Collective::Alltoallw { send, recv } => match send.addr {
                crate::collective::IN_PLACE => sum(each_typed(recv)),
                _ => sum(each_typed(send)),
            },
            Collective::Reduce { data, .. }
            | Collective::Allreduce(data)
            | Collective::Scan(data)
            | Collective::Exscan(data) => operand(data),
            Collective::ReduceScatterBlock(data) => {
                operand(data).saturating_mul(comm.size().into())
            }
            Collective::ReduceScatter { data, counts } => sum(each(counts, data.datatype)),
            Collective::NeighborAllgather { send, .. }
            | Collective::NeighborAllgatherv { send, .. } => block(send),
            Collective::NeighborAlltoall { send, .. } => to_outs(vec![block(send); outs().len()]),
            Collective::NeighborAlltoallv { send, .. } => to_outs(spread(send)),
            Collective::NeighborAlltoallw { send, .. } => to_outs(each_typed(send)),
        }
    }
}
