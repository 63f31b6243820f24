//! What an origin waits for from targets on other workers.

use super::window::Pending;
use crate::data::{Data, Stream};
use crate::error::{Error, Result};
use crate::request::{Completion, Outcome};
use crate::world::World;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The most bytes that a rank has asked for through one window and not got yet: what the
/// targets' links may have to queue for it.
pub(crate) const MOST_ASKED: u64 = 1 << 20;

/// What an answer costs of that beside its data.
const ANSWER_COST: u64 = 64;

/// Replies that are expected, by the numbers that come back with them.
#[derive(Default)]
pub(crate) struct Replies {
    last: AtomicU64,
    expected: Mutex<HashMap<u64, Expected>>,
}

/// What is expected.
#[derive(Clone)]
pub(crate) enum Expected {
    /// That something is done.
    Done(Arc<Completion>),
    /// Data.
    Data(Arc<Fetch>),
}

impl Replies {
    /// Expects a reply; gives its number, which is not 0.
    pub(crate) fn expect(&self, what: Expected) -> u64 {
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        self.expected.lock().insert(number, what);
        number
    }

    pub(crate) fn get(&self, number: u64) -> Option<Expected> {
        self.expected.lock().get(&number).cloned()
    }

    pub(crate) fn take(&self, number: u64) -> Option<Expected> {
        self.expected.lock().remove(&number)
    }
}

/// An operation whose result comes in answers: a get, an accumulate that fetches.
pub(crate) struct Fetch {
    /// Where the result goes.
    into: Data,
    pending: Arc<Pending>,
    /// The target's rank in the window.
    target: u32,
    /// Of the request, if the guest has one.
    completion: Option<Arc<Completion>>,
    progress: Mutex<Progress>,
}

struct Progress {
    /// Bytes that have not come.
    left: u64,
    /// What was asked for and has not come, with what its answers cost.
    asked: u64,
    /// The result is here, or will not come.
    ended: bool,
}

impl Fetch {
    /// A result of `len` bytes, more than 0, that goes to `into`.
    pub(crate) fn new(
        into: Data,
        len: u64,
        pending: Arc<Pending>,
        target: u32,
        completion: Option<Arc<Completion>>,
    ) -> Fetch {
        pending.began(target);
        let progress = Mutex::new(Progress {
            left: len,
            asked: 0,
            ended: false,
        });
        Fetch {
            into,
            pending,
            target,
            completion,
            progress,
        }
    }

    /// A piece of `len` bytes is to be asked for. False when the operation has failed.
    pub(crate) fn ask(&self, len: u64) -> bool {
        let mut progress = self.progress.lock();
        if !progress.ended {
            progress.asked += len + ANSWER_COST;
            self.pending.asked(len + ANSWER_COST);
        }
        !progress.ended
    }

    /// A piece has come. True with the last.
    pub(crate) fn answer(&self, position: u64, bytes: &[u8]) -> Result<bool> {
        let mut stream = Stream::new(self.into.clone())?;
        stream.seek(position);
        stream.write(bytes)?;
        let cost = bytes.len() as u64 + ANSWER_COST;
        let mut progress = self.progress.lock();
        if progress.ended {
            return Ok(false);
        }
        let cost = cost.min(progress.asked);
        progress.asked -= cost;
        self.pending.answered(cost);
        progress.left = progress.left.saturating_sub(bytes.len() as u64);
        progress.ended = progress.left == 0;
        Ok(progress.ended)
    }

    /// Ends the operation. An error goes to its request, or is given back without one.
    pub(crate) fn end(&self, world: &World, error: Option<Error>) -> Option<Error> {
        let mut progress = self.progress.lock();
        progress.ended = true;
        self.pending.answered(std::mem::take(&mut progress.asked));
        drop(progress);
        let left = match &self.completion {
            Some(completion) => {
                completion.end(Outcome::EMPTY, error);
                None
            }
            None => error,
        };
        self.pending.ended(self.target);
        world.wake(self.pending.owner);
        left
    }

    /// The rank of the world whose operation it is.
    pub(crate) fn owner(&self) -> u32 {
        self.pending.owner
    }
}
