//! Which sink takes the packets of which job.
//!
//! ```text
//!   (unknown) --packet--> Held --attach--> Here --end--> Ended
//!       `---------------------attach--------^
//! ```
//! A packet may arrive before its job: the planner told the sending worker first.
//! Whole packets are then held back, so that the other jobs of the link go on; when
//! too many bytes are held, or a stream opens, the link's reader waits for the job
//! instead. That cannot deadlock, because jobs are attached on the planner's word
//! alone, and it ends: after [`Jobs::patience`] the job counts as ended.
//!
//! Ended jobs are remembered for a while: packets that were still on their way are
//! dropped and counted, not held for ever.

use crate::clock;
use crate::fabric::{Drain, LinkError, Sink};
use crate::id::{JobId, Rank};
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Ended jobs that are remembered.
const REMEMBERED: usize = 4096;

/// The jobs of one worker.
pub(crate) struct Jobs {
    table: Mutex<Table>,
    /// Signalled when a job is attached or ends.
    changed: Condvar,
    /// Bytes that are held back for one job.
    hold: usize,
    /// How long a job may take to be attached after its first packet.
    patience: Duration,
    /// Packets for jobs that had ended.
    dropped: AtomicU64,
}

#[derive(Default)]
struct Table {
    jobs: HashMap<JobId, Job>,
    /// The keys of `jobs` that are `Ended`, oldest first.
    ended: VecDeque<JobId>,
}

enum Job {
    Held {
        since: Instant,
        bytes: usize,
        packets: Vec<Packet>,
    },
    Here {
        sink: Arc<dyn Sink>,
        peers: Vec<String>,
        since: Instant,
    },
    Ended,
}

/// A frame has to wait for its job to be started.
#[derive(Debug)]
pub(crate) struct Held;

/// Whether whoever delivers may wait for a job to be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// As long as that may take: a thread that does nothing else.
    Any,
    /// Not at all: a rank's thread, which may be of another job.
    None,
}

struct Packet {
    to: Rank,
    header: Vec<u8>,
    payload: Vec<u8>,
}

impl Jobs {
    pub(crate) fn new(hold: usize, patience: Duration) -> Self {
        Self {
            table: Mutex::default(),
            changed: Condvar::new(),
            hold,
            patience,
            dropped: AtomicU64::new(0),
        }
    }

    /// Packets that were dropped because their job had ended.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Gives `job` its sink and what was held back for it, in order. False when the
    /// job has ended.
    pub(crate) fn attach(&self, job: JobId, sink: Arc<dyn Sink>, peers: Vec<String>) -> bool {
        let mut table = self.table.lock();
        match table.jobs.remove(&job) {
            Some(Job::Ended) => {
                table.jobs.insert(job, Job::Ended);
                return false;
            }
            Some(Job::Held { packets, .. }) => {
                // Under the lock, so that no reader delivers a later packet first.
                for Packet {
                    to,
                    header,
                    payload,
                } in packets
                {
                    sink.deliver(to, &header, &payload);
                }
            }
            Some(Job::Here { .. }) | None => {}
        }
        let since = clock::now();
        table.jobs.insert(job, Job::Here { sink, peers, since });
        self.changed.notify_all();
        true
    }

    /// Adds workers that run ranks of `job` now.
    pub(crate) fn add_peers(&self, job: JobId, workers: impl Iterator<Item = String>) {
        if let Some(Job::Here { peers, .. }) = self.table.lock().jobs.get_mut(&job) {
            for worker in workers {
                if !peers.contains(&worker) {
                    peers.push(worker);
                }
            }
        }
    }

    /// Forgets `job`; its packets are dropped from now on.
    pub(crate) fn end(&self, job: JobId) {
        let before = self.table.lock().end(job);
        self.changed.notify_all();
        // May be the last reference to the engine's world: not under the lock.
        drop(before);
    }

    /// Hands a whole packet to its job.
    ///
    /// # Errors
    /// When it has to wait for the job, and `patience` is none.
    pub(crate) fn deliver(
        &self,
        job: JobId,
        to: Rank,
        header: &[u8],
        payload: &[u8],
        patience: Patience,
    ) -> Result<(), Held> {
        let mut table = self.table.lock();
        loop {
            match table.jobs.get_mut(&job) {
                Some(Job::Here { sink, .. }) => {
                    let sink = Arc::clone(sink);
                    drop(table);
                    sink.deliver(to, header, payload);
                    return Ok(());
                }
                Some(Job::Ended) => {
                    self.count_dropped(job);
                    return Ok(());
                }
                Some(Job::Held { bytes, packets, .. }) if *bytes < self.hold => {
                    *bytes += size_of::<Packet>() + header.len() + payload.len();
                    packets.push(Packet {
                        to,
                        header: header.to_vec(),
                        payload: payload.to_vec(),
                    });
                    return Ok(());
                }
                Some(Job::Held { .. }) => self.wait(&mut table, job, patience)?,
                None => table.hold(job, self.patience),
            }
        }
    }

    /// Opens a stream to a job; to nobody when the job has ended.
    ///
    /// # Errors
    /// When it has to wait for the job, and `patience` is none.
    pub(crate) fn open(
        &self,
        job: JobId,
        to: Rank,
        header: &[u8],
        length: u64,
        patience: Patience,
    ) -> Result<Option<Box<dyn Drain>>, Held> {
        let mut table = self.table.lock();
        loop {
            match table.jobs.get(&job) {
                Some(Job::Here { sink, .. }) => {
                    let sink = Arc::clone(sink);
                    drop(table);
                    return Ok(Some(sink.open(to, header, length)));
                }
                Some(Job::Ended) => {
                    self.count_dropped(job);
                    return Ok(None);
                }
                Some(Job::Held { .. }) => self.wait(&mut table, job, patience)?,
                None => table.hold(job, self.patience),
            }
        }
    }

    /// Tells every job that has ranks on the worker, and had when the link to it failed:
    /// a later one has another link.
    pub(crate) fn lost(&self, error: &LinkError, failed: Instant) {
        let affected: Vec<Arc<dyn Sink>> = {
            let table = self.table.lock();
            let here = table.jobs.values().filter_map(|job| match job {
                Job::Here { sink, peers, since }
                    if *since <= failed && peers.contains(&error.worker) =>
                {
                    Some(sink)
                }
                _ => None,
            });
            here.cloned().collect()
        };
        for sink in affected {
            sink.lost(error);
        }
    }

    /// Whether a job here has ranks on the worker.
    pub(crate) fn any_with(&self, worker: &str) -> bool {
        let table = self.table.lock();
        let with = |job: &Job| matches!(job, Job::Here { peers, .. } if peers.iter().any(|peer| peer == worker));
        table.jobs.values().any(with)
    }

    /// Waits until the fate of a held job may have changed.
    fn wait(
        &self,
        table: &mut MutexGuard<'_, Table>,
        job: JobId,
        patience: Patience,
    ) -> Result<(), Held> {
        if patience == Patience::None {
            return Err(Held);
        }
        let Some(Job::Held { since, .. }) = table.jobs.get(&job) else {
            return Ok(());
        };
        let deadline = *since + self.patience;
        if self.changed.wait_until(table, deadline).timed_out()
            && clock::now() >= deadline
            && let Some(Job::Held { packets, .. }) = table.jobs.get(&job)
        {
            let packets = packets.len();
            tracing::warn!(%job, packets, "packets came for a job that was never started here");
            self.dropped.fetch_add(packets as u64, Ordering::Relaxed);
            table.end(job);
        }
        Ok(())
    }

    fn count_dropped(&self, job: JobId) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(%job, "dropped a packet of a job that has ended");
    }
}

impl Table {
    /// Begins to hold packets back, and stops for jobs that never came.
    fn hold(&mut self, job: JobId, patience: Duration) {
        let now = clock::now();
        let late = |held: &Job| matches!(held, Job::Held { since, .. } if now > *since + patience);
        let late = self
            .jobs
            .iter()
            .filter_map(|(&job, held)| late(held).then_some(job));
        for job in late.collect::<Vec<_>>() {
            self.end(job);
        }
        let held = Job::Held {
            since: clock::now(),
            bytes: 0,
            packets: Vec::new(),
        };
        self.jobs.insert(job, held);
    }

    fn end(&mut self, job: JobId) -> Option<Job> {
        let before = self.jobs.insert(job, Job::Ended);
        if !matches!(before, Some(Job::Ended)) {
            self.ended.push_back(job);
            if self.ended.len() > REMEMBERED
                && let Some(oldest) = self.ended.pop_front()
            {
                self.jobs.remove(&oldest);
            }
        }
        before
    }
}
