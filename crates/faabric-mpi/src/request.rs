//! Operations under way: how another thread completes one, and how it ended.

use crate::comm::Comm;
use crate::error::{Error, Result};
use crate::guest::Guest;
use crate::matching::Envelope;
use crate::p2p::Started;
use crate::partitioned::Partitioned;
use crate::rank::Rank;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// How a message operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The sender's rank in the communicator.
    pub(crate) source: i32,
    /// The message's tag.
    pub(crate) tag: i32,
    /// Bytes received.
    pub(crate) bytes: u64,
    /// `MPI_Cancel` was in time.
    pub(crate) cancelled: bool,
    /// Which match it was.
    pub(crate) nth: Nth,
}

/// The number of a match of a message with a receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Nth {
    /// Among all of the receiver.
    pub(crate) of_all: u64,
    /// Among those of its envelope, from 1; 0 where that is not counted.
    pub(crate) of_envelope: u32,
}

impl Nth {
    /// Of what was no match.
    pub(crate) const NONE: Nth = Nth {
        of_all: 0,
        of_envelope: 0,
    };
}

impl Outcome {
    /// What is known of an operation without a message: a send, or one that went to
    /// or came from `MPI_PROC_NULL` (MPI 4.1, section 3.2.5: the empty status).
    pub(crate) const EMPTY: Outcome = Outcome {
        source: crate::abi::MPI_ANY_SOURCE,
        tag: crate::abi::MPI_ANY_TAG,
        bytes: 0,
        cancelled: false,
        nth: Nth::NONE,
    };

    /// What was cancelled ends with.
    pub(crate) const CANCELLED: Outcome = Outcome {
        cancelled: true,
        ..Outcome::EMPTY
    };

    /// What a receive from `MPI_PROC_NULL` ends with (MPI 4.1, section 3.11).
    pub(crate) const PROC_NULL: Outcome = Outcome {
        source: crate::abi::MPI_PROC_NULL,
        ..Outcome::EMPTY
    };

    /// A message with this envelope brought `bytes` bytes.
    pub(crate) fn received(envelope: &Envelope, bytes: u64) -> Outcome {
        Outcome {
            source: envelope.source,
            tag: envelope.tag,
            bytes,
            cancelled: false,
            nth: Nth::NONE,
        }
    }
}

/// One operation that another thread may complete.
///
/// The outcome is written once, by whoever moves the state from pending: a receive
/// by whoever matched it, a send by whoever took its data.
#[derive(Debug)]
pub(crate) struct Completion {
    state: AtomicU32,
    /// World rank of the local rank that waits for it.
    owner: u32,
    source: AtomicI32,
    tag: AtomicI32,
    bytes: AtomicU64,
    cancelled: AtomicBool,
    /// Set when the message is matched; see [`Nth`].
    nth_of_all: AtomicU64,
    nth_of_envelope: AtomicU32,
    error: OnceLock<Error>,
}

const PENDING: u32 = 0;
const DONE: u32 = 1;
const FAILED: u32 = 2;

impl Completion {
    /// A pending operation of local rank `owner`.
    pub(crate) fn new(owner: u32) -> Completion {
        Completion {
            state: AtomicU32::new(PENDING),
            owner,
            source: AtomicI32::new(0),
            tag: AtomicI32::new(0),
            bytes: AtomicU64::new(0),
            cancelled: AtomicBool::new(false),
            nth_of_all: AtomicU64::new(0),
            nth_of_envelope: AtomicU32::new(0),
            error: OnceLock::new(),
        }
    }

    /// The world rank of the local rank that waits for it.
    pub(crate) fn owner(&self) -> u32 {
        self.owner
    }

    /// Whether the operation has ended.
    #[inline]
    pub(crate) fn is_complete(&self) -> bool {
        self.state.load(Ordering::Acquire) != PENDING
    }

    /// How it ended, or `None` while it is pending.
    pub(crate) fn result(&self) -> Option<Result<Outcome>> {
        match self.state.load(Ordering::Acquire) {
            PENDING => None,
            FAILED => Some(Err(self.error.get().cloned().unwrap_or_else(|| {
                Error::new(crate::Class::INTERN, "an operation failed without a reason")
            }))),
            _ => Some(Ok(self.outcome())),
        }
    }

    /// What is known of the message, also when it failed (truncation). Only once complete.
    pub(crate) fn outcome(&self) -> Outcome {
        Outcome {
            source: self.source.load(Ordering::Relaxed),
            tag: self.tag.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            cancelled: self.cancelled.load(Ordering::Relaxed),
            nth: Nth {
                of_all: self.nth_of_all.load(Ordering::Relaxed),
                of_envelope: self.nth_of_envelope.load(Ordering::Relaxed),
            },
        }
    }

    /// A receive is matched.
    pub(crate) fn set_nth(&self, nth: Nth) {
        self.nth_of_all.store(nth.of_all, Ordering::Relaxed);
        self.nth_of_envelope
            .store(nth.of_envelope, Ordering::Relaxed);
    }

    /// Ends the operation with an outcome and perhaps an error. Called once; does not wake
    /// its owner.
    #[inline]
    pub(crate) fn end(&self, outcome: Outcome, error: Option<Error>) {
        self.source.store(outcome.source, Ordering::Relaxed);
        self.tag.store(outcome.tag, Ordering::Relaxed);
        self.bytes.store(outcome.bytes, Ordering::Relaxed);
        self.cancelled.store(outcome.cancelled, Ordering::Relaxed);
        let state = match error {
            None => DONE,
            Some(error) => {
                let _ = self.error.set(error);
                FAILED
            }
        };
        self.state.store(state, Ordering::Release);
    }
}

/// A request of the guest (MPI 4.1, section 3.7).
#[derive(Debug)]
pub(crate) struct Request {
    /// Whose error handler its errors go to, freed or not; it lives until the request is freed.
    pub(crate) comm: Arc<Comm>,
    /// What is under way; nothing for an inactive persistent request.
    pub(crate) started: Option<Started>,
    /// What the request is of.
    pub(crate) kind: Kind,
}

/// What a request is of.
#[derive(Clone)]
pub(crate) enum Kind {
    /// A send; `to` is the receiver's world rank, where there is one.
    Send { to: Option<u32> },
    /// A receive.
    Receive,
    /// A collective operation, or another that cannot be cancelled.
    Operation,
    /// A generalized request (MPI 4.1, section 13.2).
    Generalized(Arc<crate::generalized::Generalized>),
    /// A persistent request: what each `MPI_Start` starts.
    Persistent(Arc<dyn Recipe>),
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Kind::Send { .. } => "Send",
            Kind::Receive => "Receive",
            Kind::Operation => "Operation",
            Kind::Generalized(_) => "Generalized",
            Kind::Persistent(_) => "Persistent",
        })
    }
}

/// What a persistent request starts, again and again.
pub(crate) trait Recipe: Send + Sync {
    /// Starts it once more.
    fn start(&self, rank: &Rank, guest: &mut dyn Guest) -> Result<Started>;
    /// What it is then, to be cancelled.
    fn kind(&self) -> Kind;
    /// What it is if it is partitioned.
    fn partitioned(&self) -> Option<&Partitioned> {
        None
    }
}
