//! A collective operation as data: what one rank sends, receives, copies and
//! reduces, in rounds.
//!
//! Algorithms are pure functions from (rank, size, root, counts) to a [`Schedule`];
//! one runner executes any of them, for blocking, non-blocking and persistent calls
//! alike, and a simulator checks them without an engine. A schedule is plain data,
//! so a rank can be captured in the middle of a collective.
//!
//! ```text
//! Schedule ─ Round 0 ─ transfers (all at once) ─> locals (in order)
//!                                                    │ all complete
//!          ─ Round 1 ─ transfers ─> locals      <────┘
//! ```
//! Slices count bytes of the *packed stream* of a buffer: its data without holes,
//! in type-map order. The stream is the same on every rank whatever datatype each
//! one describes its buffer with, so algorithms may cut it where they like.

use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Which buffer of the calling rank a slice lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Place {
    /// The caller's send buffer.
    Send,
    /// The caller's receive buffer; the only buffer of a broadcast, and the input
    /// as well when the call is in place.
    Recv,
    /// Host memory that lives as long as the operation.
    Scratch,
}

/// `len` bytes at `offset` in the packed stream of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Slice {
    pub(crate) place: Place,
    pub(crate) offset: u64,
    pub(crate) len: u64,
}

impl Slice {
    /// The first `len` bytes of `place`.
    pub(crate) fn of(place: Place, len: u64) -> Self {
        Self {
            place,
            offset: 0,
            len,
        }
    }

    /// The bytes `range` of this slice.
    pub(crate) fn part(self, range: Range<u64>) -> Self {
        debug_assert!(
            range.start <= range.end && range.end <= self.len,
            "{range:?} of {self:?}"
        );
        Self {
            place: self.place,
            offset: self.offset + range.start,
            len: range.end - range.start,
        }
    }
}

/// Data on its way between two ranks of the communicator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Transfer {
    /// Sends `data` to a rank.
    Send {
        /// The receiving rank.
        to: u32,
        /// What is sent.
        data: Slice,
    },
    /// Receives into `data` from a rank.
    Recv {
        /// The sending rank.
        from: u32,
        /// Where it goes.
        data: Slice,
    },
}

/// Which side of a non-commutative operation the operand stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Order {
    /// `acc = operand op acc`: the operand is of lower ranks. MPI's own order, and
    /// the cheaper one for a user's function.
    OperandFirst,
    /// `acc = acc op operand`.
    AccFirst,
}

/// Work of a rank on its own buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Local {
    /// Copies between slices of the same length that do not overlap.
    Copy {
        /// Where from.
        from: Slice,
        /// Where to.
        to: Slice,
    },
    /// Combines `operand` into `acc` with the operation of the call.
    Reduce {
        /// One operand and the result.
        acc: Slice,
        /// The other operand.
        operand: Slice,
        /// Which is the left one.
        order: Order,
    },
}

/// Transfers that run at the same time, and then local steps in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Round {
    pub(crate) transfers: Vec<Transfer>,
    pub(crate) locals: Vec<Local>,
}

/// What one rank does for one collective operation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Schedule {
    /// Bytes of scratch that the slices refer to.
    pub(crate) scratch: u64,
    pub(crate) rounds: Vec<Round>,
}

impl Schedule {
    /// Every slice of the schedule that lies in `place`.
    pub(crate) fn slices(&self, place: Place) -> impl Iterator<Item = Slice> + '_ {
        let transfers = self
            .rounds
            .iter()
            .flat_map(|round| &round.transfers)
            .map(|transfer| match transfer {
                Transfer::Send { data, .. } | Transfer::Recv { data, .. } => *data,
            });
        let locals =
            self.rounds
                .iter()
                .flat_map(|round| &round.locals)
                .flat_map(|local| match local {
                    Local::Copy { from, to } => [*from, *to],
                    Local::Reduce { acc, operand, .. } => [*acc, *operand],
                });
        transfers
            .chain(locals)
            .filter(move |slice| slice.place == place)
    }

    /// Every slice in `place` that is an operand of a reduction.
    pub(crate) fn reduced(&self, place: Place) -> impl Iterator<Item = Slice> + '_ {
        let locals = self.rounds.iter().flat_map(|round| &round.locals);
        let slices = locals.flat_map(|local| match local {
            Local::Reduce { acc, operand, .. } => vec![*acc, *operand],
            Local::Copy { .. } => vec![],
        });
        slices.filter(move |slice| slice.place == place)
    }

    /// True when the schedule writes into `place`.
    pub(crate) fn writes(&self, place: Place) -> bool {
        self.rounds.iter().any(|round| {
            round
                .transfers
                .iter()
                .any(|t| matches!(t, Transfer::Recv { data, .. } if data.place == place))
                || round.locals.iter().any(|l| match l {
                    Local::Copy { to, .. } => to.place == place,
                    Local::Reduce { acc, .. } => acc.place == place,
                })
        })
    }
}

/// Writes a schedule from front to back.
///
/// A transfer after a local step opens a new round by itself; transfers that must
/// wait for those before them need a call of [`Builder::round`].
#[derive(Debug, Default)]
pub(crate) struct Builder {
    schedule: Schedule,
    current: Round,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// `len` bytes of scratch, apart from all others.
    pub(crate) fn scratch(&mut self, len: u64) -> Slice {
        let offset = self.schedule.scratch;
        // Pieces start at multiples of 16, the strictest alignment of an MPI type.
        self.schedule.scratch = (offset + len).next_multiple_of(16);
        Slice {
            place: Place::Scratch,
            offset,
            len,
        }
    }

    /// Steps from here on wait for all steps so far.
    pub(crate) fn round(&mut self) {
        if !self.current.transfers.is_empty() || !self.current.locals.is_empty() {
            self.schedule.rounds.push(std::mem::take(&mut self.current));
        }
    }

    /// Sends `data`; nothing when it is empty, as the receiver knows that too.
    pub(crate) fn send(&mut self, to: u32, data: Slice) {
        if data.len > 0 {
            self.transfer(Transfer::Send { to, data });
        }
    }

    /// Receives `data`; nothing when it is empty.
    pub(crate) fn recv(&mut self, from: u32, data: Slice) {
        if data.len > 0 {
            self.transfer(Transfer::Recv { from, data });
        }
    }

    /// Sends a message without data.
    pub(crate) fn signal(&mut self, to: u32) {
        self.transfer(Transfer::Send {
            to,
            data: Slice::of(Place::Scratch, 0),
        });
    }

    /// Receives a message without data.
    pub(crate) fn await_signal(&mut self, from: u32) {
        self.transfer(Transfer::Recv {
            from,
            data: Slice::of(Place::Scratch, 0),
        });
    }

    fn transfer(&mut self, transfer: Transfer) {
        if !self.current.locals.is_empty() {
            self.round();
        }
        self.current.transfers.push(transfer);
    }

    pub(crate) fn copy(&mut self, from: Slice, to: Slice) {
        debug_assert_eq!(from.len, to.len);
        if from.len > 0 && from != to {
            self.current.locals.push(Local::Copy { from, to });
        }
    }

    pub(crate) fn reduce(&mut self, acc: Slice, operand: Slice, order: Order) {
        debug_assert_eq!(acc.len, operand.len);
        if acc.len > 0 {
            self.current.locals.push(Local::Reduce {
                acc,
                operand,
                order,
            });
        }
    }

    pub(crate) fn finish(mut self) -> Schedule {
        self.round();
        self.schedule
    }
}

/// The caller's place in its communicator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seat {
    pub(crate) rank: u32,
    pub(crate) size: u32,
}

impl Seat {
    /// The rank `distance` above this one, around the ring.
    pub(crate) fn up(self, distance: u32) -> u32 {
        ((u64::from(self.rank) + u64::from(distance)) % u64::from(self.size)) as u32
    }

    /// The rank `distance` below this one, around the ring.
    pub(crate) fn down(self, distance: u32) -> u32 {
        self.up(self.size - distance % self.size)
    }

    /// This rank counted from `root`.
    pub(crate) fn relative(self, root: u32) -> u32 {
        self.down(root)
    }
}

/// A stream cut into consecutive blocks, mostly one a rank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Blocks {
    /// Start of each block, and the end of the last.
    starts: Vec<u64>,
}

impl Blocks {
    /// Blocks of the given lengths in bytes.
    pub(crate) fn of(lens: impl IntoIterator<Item = u64>) -> Self {
        let mut starts = vec![0];
        let mut end = 0;
        for len in lens {
            end += len;
            starts.push(end);
        }
        Self { starts }
    }

    /// `parts` blocks of `len` bytes.
    pub(crate) fn uniform(parts: u32, len: u64) -> Self {
        Self {
            starts: (0..=u64::from(parts)).map(|i| i * len).collect(),
        }
    }

    /// `count` elements of `unit` bytes in `parts` blocks that differ by one
    /// element at most: a reduction must not cut an element.
    pub(crate) fn split(count: u64, unit: u64, parts: u32) -> Self {
        let parts = u64::from(parts);
        let start = |i: u64| i * (count / parts) + i.min(count % parts);
        Self {
            starts: (0..=parts).map(|i| start(i) * unit).collect(),
        }
    }

    pub(crate) fn count(&self) -> u32 {
        (self.starts.len() - 1) as u32
    }

    pub(crate) fn len(&self, block: u32) -> u64 {
        self.starts[block as usize + 1] - self.starts[block as usize]
    }

    pub(crate) fn total(&self) -> u64 {
        self.starts[self.starts.len() - 1]
    }

    /// Where block `block` lies.
    pub(crate) fn range(&self, block: u32) -> Range<u64> {
        self.span(block..block + 1)
    }

    /// Where a run of blocks lies.
    pub(crate) fn span(&self, blocks: Range<u32>) -> Range<u64> {
        self.starts[blocks.start as usize]..self.starts[blocks.end as usize]
    }

    /// The slice of `place` that block `block` fills.
    pub(crate) fn slice(&self, place: Place, block: u32) -> Slice {
        Slice::of(place, self.total()).part(self.range(block))
    }

    /// The same blocks, merged: block `i` of the result spans `groups[i]`.
    pub(crate) fn merged(&self, groups: impl IntoIterator<Item = Range<u32>>) -> Self {
        Self::of(groups.into_iter().map(|group| {
            let span = self.span(group);
            span.end - span.start
        }))
    }
}
