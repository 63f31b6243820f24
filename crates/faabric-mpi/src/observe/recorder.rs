//! One rank's calls, summed up, and on their way out piece by piece.
//!
//! ```text
//!   call --+--> sums by function and peer ---------------- finish --> last piece
//!          '--> piece (at most 1024 calls, half a second) --> Sink --> worker's outbox
//!                                                              '--no room: counted as dropped
//! ```
//! What a rank holds is bounded, and it never waits for whoever reads: what finds no room
//! is dropped and counted, and the next piece says how much.

use super::flow::Numbers;
use super::frame::Ended;
use crate::matching::Envelope;
use faabric_wire::clock;
use faabric_wire::proto::{MpiCall, MpiFunction, MpiPeer, MpiReport, MpiSummary};
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};

/// Calls, and messages of calls, in one piece: some 40 KiB.
const PIECE: usize = 1024;
/// How long a piece may wait for more, so that a rank that computes for hours shows what
/// it did before: nanoseconds.
const WAIT: i64 = 500_000_000;

/// Where the pieces go.
pub trait Sink: Send + Sync {
    /// Takes a piece if there is room.
    fn offer(&self, piece: MpiReport) -> bool;
    /// Takes the last one, which must not be lost.
    fn last(&self, piece: MpiReport);
}

/// Records one rank's calls.
pub struct Recorder {
    /// Every call, and not only the sums.
    trace: bool,
    /// What makes this worker's `CLOCK_MONOTONIC` the planner's.
    offset_ns: i64,
    began_ns: i64,
    sink: Box<dyn Sink>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    functions: Vec<MpiFunction>,
    index: HashMap<String, usize>,
    mpi_ns: u64,
    sent: BTreeMap<u32, (u64, u64)>,
    numbers: Numbers<(u32, Envelope)>,
    piece: Piece,
    dropped_calls: u64,
}

/// What is not sent yet.
#[derive(Default)]
struct Piece {
    report: MpiReport,
    /// Where in the piece's list each function is.
    names: HashMap<usize, u32>,
    weight: usize,
    /// When its first call ended.
    since_ns: i64,
}

impl Recorder {
    /// A recorder of sums and, for `trace`, of every call. `offset_ns` is added to this
    /// worker's `CLOCK_MONOTONIC`.
    #[must_use]
    pub fn new(trace: bool, offset_ns: i64, sink: Box<dyn Sink>) -> Recorder {
        Recorder {
            trace,
            offset_ns,
            began_ns: clock::monotonic_ns(),
            sink,
            state: Mutex::default(),
        }
    }

    /// Whether messages must be numbered.
    pub(crate) fn traces(&self) -> bool {
        self.trace
    }

    /// A message is sent; which one it is of its kind, or 0.
    pub(super) fn sent(&self, to: u32, bytes: u64, envelope: &Envelope) -> u32 {
        let mut state = self.state.lock();
        let sums = state.sent.entry(to).or_default();
        sums.0 += 1;
        sums.1 += bytes;
        match self.trace {
            true => state.numbers.next((to, *envelope)),
            false => 0,
        }
    }

    /// A call has ended.
    pub(super) fn call(&self, function: &str, comm: Option<u64>, ended: Ended) {
        let mut state = self.state.lock();
        let at = state.function(function);
        let sums = &mut state.functions[at];
        sums.calls += 1;
        sums.ns += ended.took_ns;
        sums.bytes = sums.bytes.saturating_add(ended.bytes);
        if !ended.nested {
            state.mpi_ns += ended.took_ns;
        }
        if self.trace {
            let now_ns = ended.began_ns.saturating_add_unsigned(ended.took_ns);
            state.keep(at, comm, ended, self.offset_ns);
            if state.piece.is_due(now_ns) {
                self.send(&mut state);
            }
        }
    }

    fn send(&self, state: &mut State) {
        let piece = std::mem::take(&mut state.piece);
        let mut report = piece.report;
        report.dropped_calls = std::mem::take(&mut state.dropped_calls);
        let lost = report.dropped_calls + report.calls.len() as u64;
        let dropped_messages = report.dropped_messages;
        if !self.sink.offer(report) {
            state.dropped_calls = lost;
            state.piece.report.dropped_messages = dropped_messages;
        }
    }

    /// The rank has ended: sends what is left, and the sums.
    pub fn finish(&self) {
        let mut state = self.state.lock();
        let total = clock::monotonic_ns().saturating_sub(self.began_ns);
        let mut report = std::mem::take(&mut state.piece).report;
        report.dropped_calls = std::mem::take(&mut state.dropped_calls);
        let sent = state.sent.iter();
        report.summary = Some(MpiSummary {
            total_ns: total.max(0).cast_unsigned(),
            mpi_ns: state.mpi_ns,
            functions: state.functions.clone(),
            sent: sent
                .map(|(&rank, &(messages, bytes))| MpiPeer {
                    rank,
                    messages,
                    bytes,
                })
                .collect(),
        });
        drop(state);
        self.sink.last(report);
    }
}

impl State {
    fn function(&mut self, name: &str) -> usize {
        if let Some(&at) = self.index.get(name) {
            return at;
        }
        self.functions.push(MpiFunction {
            name: name.to_owned(),
            ..MpiFunction::default()
        });
        let at = self.functions.len() - 1;
        self.index.insert(name.to_owned(), at);
        at
    }

    fn keep(&mut self, function: usize, comm: Option<u64>, ended: Ended, offset_ns: i64) {
        let piece = &mut self.piece;
        let report = &mut piece.report;
        let named = *piece.names.entry(function).or_insert_with(|| {
            report.functions.push(self.functions[function].name.clone());
            report.functions.len() as u32 - 1
        });
        if report.calls.is_empty() {
            piece.since_ns = ended.began_ns.saturating_add_unsigned(ended.took_ns);
        }
        piece.weight += 1 + ended.messages.len();
        report.dropped_messages += ended.dropped_messages;
        report.calls.push(MpiCall {
            function: named,
            begin_ns: ended.began_ns.saturating_add(offset_ns),
            took_ns: ended.took_ns,
            thread: ended.thread,
            comm,
            bytes: ended.bytes,
            messages: ended.messages,
        });
    }
}

impl Piece {
    fn is_due(&self, now_ns: i64) -> bool {
        self.weight >= PIECE || now_ns.saturating_sub(self.since_ns) >= WAIT
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use std::sync::Arc;

    /// Takes `room` pieces, and no more.
    struct Shelf {
        room: usize,
        pieces: Arc<Mutex<Vec<MpiReport>>>,
    }

    impl Sink for Shelf {
        fn offer(&self, piece: MpiReport) -> bool {
            let mut pieces = self.pieces.lock();
            let has_room = pieces.len() < self.room;
            if has_room {
                pieces.push(piece);
            }
            has_room
        }

        fn last(&self, piece: MpiReport) {
            self.pieces.lock().push(piece);
        }
    }

    fn ended(began_ns: i64, took_ns: u64) -> Ended {
        Ended {
            began_ns,
            took_ns,
            thread: 0,
            nested: false,
            bytes: 3,
            messages: Vec::new(),
            dropped_messages: 0,
        }
    }

    fn record(trace: bool, room: usize, calls: &[(&str, Ended)]) -> Vec<MpiReport> {
        let pieces = Arc::default();
        let shelf = Shelf {
            room,
            pieces: Arc::clone(&pieces),
        };
        let recorder = Recorder::new(trace, 1000, Box::new(shelf));
        for (name, e) in calls {
            let e = Ended {
                messages: e.messages.clone(),
                ..*e
            };
            recorder.call(name, None, e);
        }
        recorder.finish();
        drop(recorder);
        Arc::into_inner(pieces).unwrap().into_inner()
    }

    #[test]
    fn every_call_is_in_one_piece_and_in_the_sums() {
        let name = |n: i64| if n % 2 == 0 { "MPI_Send" } else { "MPI_Recv" };
        let calls: Vec<_> = (0..3000).map(|n| (name(n), ended(n, 1))).collect();
        let pieces = record(true, 99, &calls);
        assert_eq!(pieces.len(), 3);
        let calls = pieces.iter().flat_map(|piece| {
            let names = &piece.functions;
            piece
                .calls
                .iter()
                .map(move |c| (&names[c.function as usize], c.begin_ns))
        });
        let expected = (0..3000).map(|n| (name(n), n + 1000));
        assert!(calls.map(|(name, at)| (&**name, at)).eq(expected));
        let summary = pieces[2].summary.as_ref().unwrap();
        assert_eq!(summary.mpi_ns, 3000);
        let sums: Vec<_> = summary.functions.iter().collect();
        assert_eq!(
            (sums[0].calls, sums[0].ns, sums[0].bytes),
            (1500, 1500, 4500)
        );
        assert!(pieces.iter().all(|piece| piece.dropped_calls == 0));
    }

    #[test]
    fn what_finds_no_room_is_counted_in_the_next_piece() {
        let calls: Vec<_> = (0..3000).map(|n| ("MPI_Send", ended(n, 1))).collect();
        let pieces = record(true, 1, &calls);
        assert_eq!(pieces.len(), 2);
        let kept: usize = pieces.iter().map(|piece| piece.calls.len()).sum();
        assert_eq!(pieces[1].dropped_calls, 1024);
        assert_eq!(kept + 1024, 3000);
        assert_eq!(pieces[1].summary.as_ref().unwrap().functions[0].calls, 3000);
    }

    #[test]
    fn a_slow_rank_shows_what_it_did() {
        let calls = [
            ("MPI_Send", ended(0, 1)),
            ("MPI_Send", ended(WAIT + 5, 1)),
            ("MPI_Send", ended(WAIT + 6, 1)),
        ];
        let pieces = record(true, 99, &calls);
        assert_eq!(pieces[0].calls.len(), 2);
    }

    #[test]
    fn without_a_trace_there_are_only_sums_and_callbacks_count_once() {
        let inner = Ended {
            nested: true,
            ..ended(2, 3)
        };
        let pieces = record(
            false,
            99,
            &[("MPI_Comm_rank", inner), ("MPI_Comm_dup", ended(0, 10))],
        );
        assert_eq!(pieces.len(), 1);
        assert!(pieces[0].calls.is_empty());
        assert_eq!(pieces[0].summary.as_ref().unwrap().mpi_ns, 10);
    }
}
