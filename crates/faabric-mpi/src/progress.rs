//! Operations of several steps that go on while their rank waits for anything.
//!
//! A non-blocking collective, say, sends and receives in rounds. Its rank drives it:
//! every blocking call and every test polls all operations under way, so that one
//! rank's `MPI_Recv` lets another's `MPI_Wait` on their common `MPI_Ibarrier` end
//! (MPI 4.1, section 2.9: progress).

use crate::error::Result;
use crate::guest::Guest;
use crate::rank::Rank;
use crate::request::{Completion, Outcome};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// An operation of several steps.
pub(crate) trait Operation: Send {
    /// Goes on as far as it can without waiting. Gives the outcome at the end; it is
    /// not called again then, nor after an error.
    fn poll(&mut self, rank: &Rank, guest: &mut dyn Guest) -> Result<Option<Outcome>>;
}

struct Running {
    operation: Mutex<Box<dyn Operation>>,
    completion: Arc<Completion>,
}

/// A rank's operations under way.
#[derive(Default)]
pub(crate) struct Operations {
    running: Mutex<Vec<Arc<Running>>>,
    /// `running.len()`, to be read without the lock.
    count: AtomicUsize,
}

impl Rank {
    /// Starts an operation; a first poll is made at once.
    pub(crate) fn start_operation(
        &self,
        guest: &mut dyn Guest,
        operation: Box<dyn Operation>,
    ) -> Arc<Completion> {
        let completion = Arc::new(Completion::new(self.world_rank));
        let running = Arc::new(Running {
            operation: Mutex::new(operation),
            completion: completion.clone(),
        });
        if !self.step(guest, &running) {
            let mut all = self.operations.running.lock();
            all.push(running);
            self.operations.count.store(all.len(), Ordering::Release);
        }
        completion
    }

    /// Whether it has operations under way, which only go on when it lets them.
    pub(crate) fn has_operations(&self) -> bool {
        self.operations.count.load(Ordering::Acquire) != 0
    }

    /// Takes in what has arrived, and lets all operations go on.
    pub(crate) fn advance(&self, guest: &mut dyn Guest) {
        self.progress();
        if self.operations.count.load(Ordering::Acquire) == 0 {
            return;
        }
        let all = self.operations.running.lock().clone();
        let mut ended = false;
        for running in &all {
            ended |= self.step(guest, running);
        }
        if ended {
            let mut all = self.operations.running.lock();
            all.retain(|running| !running.completion.is_complete());
            self.operations.count.store(all.len(), Ordering::Release);
        }
    }

    /// Polls one operation; true if it has ended. One that another thread is polling,
    /// or that stands in a callback of its own, is left alone.
    fn step(&self, guest: &mut dyn Guest, running: &Running) -> bool {
        let Some(mut operation) = running.operation.try_lock() else {
            return false;
        };
        if running.completion.is_complete() {
            return true;
        }
        match operation.poll(self, guest) {
            Ok(None) => return false,
            Ok(Some(outcome)) => self.world.finish(&running.completion, outcome, None),
            Err(e) => self
                .world
                .finish(&running.completion, Outcome::EMPTY, Some(e)),
        }
        true
    }

    /// Waits until `ready` gives something; all operations go on meanwhile.
    pub(crate) fn wait_for<T>(
        &self,
        guest: &mut dyn Guest,
        ready: impl FnMut() -> Option<T>,
    ) -> Result<T> {
        if self.is_watched() {
            return self.note_wait(|| self.wait_unwatched(guest, ready));
        }
        self.wait_unwatched(guest, ready)
    }

    fn wait_unwatched<T>(
        &self,
        guest: &mut dyn Guest,
        mut ready: impl FnMut() -> Option<T>,
    ) -> Result<T> {
        self.mailbox().wait(&self.world, || {
            if self.operations.count.load(Ordering::Acquire) != 0 {
                self.advance(guest);
            }
            ready()
        })
    }
}
