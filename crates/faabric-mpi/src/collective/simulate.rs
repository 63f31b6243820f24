//! Runs the schedules of all ranks in memory: what an algorithm computes, without
//! an engine, threads or time.
//!
//! Sends are synchronous (they end when their receive is posted), the strictest
//! reading of MPI: a schedule that needs buffering deadlocks here.

use super::schedule::{Local, Order, Place, Round, Schedule, Slice, Transfer};
use std::collections::{HashMap, VecDeque};

/// The buffers of one rank, as packed streams.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Buffers {
    pub(crate) send: Vec<u8>,
    pub(crate) recv: Vec<u8>,
    scratch: Vec<u8>,
}

impl Buffers {
    pub(crate) fn new(send: Vec<u8>, recv: Vec<u8>) -> Self {
        Self {
            send,
            recv,
            scratch: Vec::new(),
        }
    }

    fn at(&mut self, slice: Slice) -> &mut [u8] {
        let place = match slice.place {
            Place::Send => &mut self.send,
            Place::Recv => &mut self.recv,
            Place::Scratch => &mut self.scratch,
        };
        &mut place[slice.offset as usize..(slice.offset + slice.len) as usize]
    }
}

/// `left op right`, on packed elements.
pub(crate) type Combine = fn(left: &[u8], right: &[u8]) -> Vec<u8>;

fn overlap(a: Slice, b: Slice) -> bool {
    a.place == b.place && a.offset < b.offset + b.len && b.offset < a.offset + a.len
}

/// What is received must touch nothing else that is under way, and the send buffer
/// is the caller's to read only.
fn check(round: &Round) {
    for (i, transfer) in round.transfers.iter().enumerate() {
        let Transfer::Recv { data, .. } = *transfer else {
            continue;
        };
        assert_ne!(data.place, Place::Send, "receives into the send buffer");
        for (j, other) in round.transfers.iter().enumerate() {
            let (Transfer::Recv { data: other, .. } | Transfer::Send { data: other, .. }) = *other;
            assert!(
                i == j || !overlap(data, other),
                "{data:?} is received while {other:?} moves"
            );
        }
    }
    for local in &round.locals {
        match *local {
            Local::Copy { from, to } => {
                assert_ne!(to.place, Place::Send);
                assert_eq!(from.len, to.len);
                assert!(!overlap(from, to), "{from:?} overlaps {to:?}");
            }
            Local::Reduce { acc, operand, .. } => {
                assert_ne!(acc.place, Place::Send);
                assert_eq!(acc.len, operand.len);
                assert!(!overlap(acc, operand), "{acc:?} overlaps {operand:?}");
            }
        }
    }
}

struct Running {
    round: usize,
    posted: bool,
    pending: usize,
}

type Channel = (VecDeque<Slice>, VecDeque<Slice>);

/// Runs the schedules to their end; the buffers are those of ranks 0, 1, ...
pub(crate) fn run(schedules: &[Schedule], buffers: &mut [Buffers], combine: Combine) {
    let mut ranks: Vec<Running> = schedules
        .iter()
        .map(|_| Running {
            round: 0,
            posted: false,
            pending: 0,
        })
        .collect();
    for (schedule, buffers) in schedules.iter().zip(buffers.iter_mut()) {
        buffers.scratch = vec![0xEE; schedule.scratch as usize];
        schedule.rounds.iter().for_each(check);
    }
    let mut channels: HashMap<(usize, usize), Channel> = HashMap::new();
    loop {
        let mut moved = false;
        for rank in 0..ranks.len() {
            let Some(round) = schedules[rank].rounds.get(ranks[rank].round) else {
                continue;
            };
            if !ranks[rank].posted {
                moved = true;
                ranks[rank].posted = true;
                ranks[rank].pending = round.transfers.len();
                for transfer in &round.transfers {
                    let (pair, data, is_send) = match *transfer {
                        Transfer::Send { to, data } => ((rank, to as usize), data, true),
                        Transfer::Recv { from, data } => ((from as usize, rank), data, false),
                    };
                    let (sends, recvs) = channels.entry(pair).or_default();
                    (if is_send { &mut *sends } else { &mut *recvs }).push_back(data);
                    if sends.is_empty() || recvs.is_empty() {
                        continue;
                    }
                    if let (Some(from), Some(to)) = (sends.pop_front(), recvs.pop_front()) {
                        assert_eq!(from.len, to.len, "lengths between ranks {pair:?}");
                        let bytes = buffers[pair.0].at(from).to_vec();
                        buffers[pair.1].at(to).copy_from_slice(&bytes);
                        ranks[pair.0].pending -= 1;
                        ranks[pair.1].pending -= 1;
                    }
                }
            }
            if ranks[rank].pending == 0 {
                moved = true;
                round
                    .locals
                    .iter()
                    .for_each(|local| apply(local, &mut buffers[rank], combine));
                ranks[rank].round += 1;
                ranks[rank].posted = false;
            }
        }
        if !moved {
            break;
        }
    }
    for (rank, (running, schedule)) in ranks.iter().zip(schedules).enumerate() {
        assert_eq!(
            running.round,
            schedule.rounds.len(),
            "rank {rank} of {} is stuck",
            ranks.len()
        );
    }
    assert!(
        channels
            .values()
            .all(|(sends, recvs)| sends.is_empty() && recvs.is_empty()),
        "left over messages"
    );
}

fn apply(local: &Local, buffers: &mut Buffers, combine: Combine) {
    match *local {
        Local::Copy { from, to } => {
            let bytes = buffers.at(from).to_vec();
            buffers.at(to).copy_from_slice(&bytes);
        }
        Local::Reduce {
            acc,
            operand,
            order,
        } => {
            let (a, o) = (buffers.at(acc).to_vec(), buffers.at(operand).to_vec());
            let result = match order {
                Order::OperandFirst => combine(&o, &a),
                Order::AccFirst => combine(&a, &o),
            };
            buffers.at(acc).copy_from_slice(&result);
        }
    }
}
