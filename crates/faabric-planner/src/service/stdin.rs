//! How much standard input may be under way to rank 0 of a job.
//!
//! ```text
//! client --AttachRequest--> attach.rs --room?--> links.rs --> worker --> rank 0 reads
//!                               ^                                            |
//!                               '------------- StdinTaken -------------------'
//! ```
//! A program that does not read costs the planner and its worker at most [`WINDOW`] bytes:
//! beyond it the client's stream is not read on, so that the client stops to read its own
//! input, as the writer of a full pipe does.

use faabric_wire::id::JobId;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Bytes that may be under way; one piece may go beyond it.
pub(super) const WINDOW: u64 = 1 << 20;

/// Flows without a client that are remembered.
const REMEMBERED: usize = 1024;

/// The input of all jobs.
#[derive(Default)]
pub(super) struct Flows(Mutex<HashMap<JobId, watch::Sender<Flow>>>);

/// Bytes of one job's input, since it started.
#[derive(Clone, Copy, Debug, Default)]
struct Flow {
    sent: u64,
    /// Rank 0 has read them.
    taken: u64,
}

/// One client's part of a job's input.
pub(super) struct Room {
    flow: watch::Sender<Flow>,
    changes: watch::Receiver<Flow>,
}

impl Flows {
    /// The input of `job`, for a client that sends some.
    pub(super) fn open(&self, job: JobId) -> Room {
        let mut flows = self.lock();
        if flows.len() >= REMEMBERED {
            flows.retain(|_, flow| flow.receiver_count() > 0);
        }
        let flow = flows.entry(job).or_default().clone();
        let changes = flow.subscribe();
        Room { flow, changes }
    }

    /// Rank 0 has read `bytes` in all. Nothing is noted of a job that no client sends to:
    /// a worker cannot fill the table.
    pub(super) fn taken(&self, job: JobId, bytes: u64) {
        if let Some(flow) = self.lock().get(&job) {
            flow.send_modify(|flow| {
                flow.taken = flow.taken.max(bytes);
                // Sent by the planner before this one.
                flow.sent = flow.sent.max(flow.taken);
            });
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<JobId, watch::Sender<Flow>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    /// Waits until there is room, then takes it for so many bytes.
    pub(super) async fn take(&mut self, bytes: usize) {
        // The sender is kept here, so that waiting cannot fail.
        let has_room = |flow: &Flow| flow.sent - flow.taken < WINDOW;
        let _ = self.changes.wait_for(has_room).await;
        self.flow.send_modify(|flow| flow.sent += bytes as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn input_waits_until_some_is_read() {
        let (flows, job) = (Flows::default(), JobId(1));
        let mut room = flows.open(job);
        room.take(WINDOW as usize - 1).await;
        room.take(100_000).await;
        let waits = tokio::time::timeout(Duration::from_millis(10), room.take(1)).await;
        assert!(waits.is_err());
        flows.taken(job, 200_000);
        room.take(1).await;
        // Another client goes on where this one left; an older report changes nothing.
        drop(room);
        flows.taken(job, 1);
        let mut room = flows.open(job);
        room.take(100_000).await;
        let waits = tokio::time::timeout(Duration::from_millis(10), room.take(1)).await;
        assert!(waits.is_err());
    }

    #[tokio::test]
    async fn what_an_earlier_planner_sent_is_not_given_again() {
        let (flows, job) = (Flows::default(), JobId(1));
        let mut room = flows.open(job);
        flows.taken(job, 5 << 30);
        room.take(WINDOW as usize).await;
        let waits = tokio::time::timeout(Duration::from_millis(10), room.take(1)).await;
        assert!(waits.is_err());
    }
}
