//! What ranks print, kept by job until the job is forgotten.
//!
//! ```text
//! worker --append--> [ recent, in memory ] --> followers that keep up
//!                    [ segments on disk  ] --> followers that do not, `faabric logs`
//! ```
//! A chunk's *offset* is its index in the job's log. A follower reads at its own pace from
//! memory or disk, so a slow one costs nothing but its own delay; one that is slower than
//! `max_output` allows is told how much it missed. Nothing is synced: output of the last
//! seconds before a power failure may be lost, results are not.

mod disk;

use disk::{Disk, Position};
use faabric_wire::id::{JobId, Rank};
use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// How much of a job's output is held in memory when it is on disk as well.
const RECENT: u64 = 1 << 20;
/// How much is read at once for a follower.
const BATCH: u64 = 256 << 10;

/// A piece of what one rank wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) rank: Rank,
    /// As in the protocol: standard output or error.
    pub(crate) stream: i32,
    pub(crate) data: Arc<[u8]>,
    pub(crate) source: Source,
}

/// Where a chunk comes from: a worker process counts its messages, and sends again those
/// that it has no receipt for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) incarnation: u64,
    pub(crate) sequence: u64,
}

impl Chunk {
    /// What the chunk counts against the limits: its bytes and a flat rate for the rest.
    fn cost(&self) -> u64 {
        self.data.len() as u64 + 32
    }
}

/// The output of all jobs that are remembered.
#[derive(Debug)]
pub(crate) struct Outputs {
    dir: Option<PathBuf>,
    limit: u64,
    logs: Mutex<Logs>,
}

#[derive(Debug, Default)]
struct Logs {
    by_job: HashMap<JobId, Arc<OutputLog>>,
    /// Finished jobs whose output is in memory only, oldest first.
    in_memory: VecDeque<(JobId, u64)>,
}

impl Outputs {
    /// Opens the folder; `limit` is how many bytes are kept of each job. Output of jobs
    /// that `known` denies is removed.
    pub(crate) fn open(
        data_dir: Option<&Path>,
        limit: u64,
        known: impl Fn(JobId) -> bool,
    ) -> Result<Self, crate::Error> {
        let dir = data_dir.map(|dir| dir.join("output"));
        if let Some(dir) = &dir {
            disk::clear(dir, known).map_err(|source| crate::Error::DataDir {
                path: dir.clone(),
                source,
            })?;
        }
        Ok(Self {
            dir,
            limit,
            logs: Mutex::default(),
        })
    }

    /// The log of a job that is remembered; opened, or made, at its first use.
    pub(crate) fn log(&self, job: JobId) -> Arc<OutputLog> {
        let mut logs = lock(&self.logs);
        let open = || Arc::new(OutputLog::open(self.dir.as_deref(), job, self.limit));
        logs.by_job.entry(job).or_insert_with(open).clone()
    }

    /// The last chunk of a worker process that an earlier planner kept in the logs of
    /// `jobs`: 0 when none.
    pub(crate) fn kept_of(&self, incarnation: u64, jobs: impl Iterator<Item = JobId>) -> u64 {
        let logs = lock(&self.logs);
        let found = jobs.filter_map(|job| logs.by_job.get(&job)?.found.get(&incarnation));
        found.copied().max().unwrap_or(0)
    }

    /// Whether a job's log was made; see [`Self::log`].
    pub(crate) fn knows(&self, job: JobId) -> bool {
        lock(&self.logs).by_job.contains_key(&job)
    }

    /// A job has ended: no more output is taken, and less memory is used.
    pub(crate) fn finish(&self, job: JobId) {
        let bytes = self.log(job).finish();
        let mut logs = lock(&self.logs);
        logs.in_memory.push_back((job, bytes));
        let mut total: u64 = logs.in_memory.iter().map(|(_, bytes)| bytes).sum();
        while total > self.limit {
            let Some((oldest, bytes)) = logs.in_memory.pop_front() else {
                break;
            };
            total -= bytes;
            if let Some(log) = logs.by_job.get(&oldest) {
                log.clear();
            }
        }
    }

    /// Removes the output of jobs that are not remembered any more.
    pub(crate) fn retain(&self, known: impl Fn(JobId) -> bool) {
        let mut logs = lock(&self.logs);
        logs.in_memory.retain(|(job, _)| known(*job));
        logs.by_job.retain(|job, log| {
            let keep = known(*job);
            if !keep {
                log.remove();
            }
            keep
        });
    }
}

/// The output of one job.
#[derive(Debug)]
pub(crate) struct OutputLog {
    job: JobId,
    limit: u64,
    /// What was on disk when the log was opened: the last sequence, by incarnation.
    found: HashMap<u64, u64>,
    inner: Mutex<Inner>,
    /// The offset of the next chunk: followers wait for it to grow.
    next: watch::Sender<u64>,
}

#[derive(Debug)]
struct Inner {
    /// The last chunks. Invariant: `first_recent` + their number is the next offset.
    recent: VecDeque<Chunk>,
    first_recent: u64,
    recent_bytes: u64,
    disk: Option<Disk>,
    finished: bool,
}

impl OutputLog {
    fn open(dir: Option<&Path>, job: JobId, limit: u64) -> Self {
        let mut found = HashMap::new();
        let disk = dir.and_then(|dir| match Disk::open(dir, job, limit, &mut found) {
            Ok(disk) => Some(disk),
            Err(error) => {
                tracing::warn!("the output of {job} is kept in memory: {error}");
                None
            }
        });
        let next = disk.as_ref().map_or(0, Disk::next);
        Self {
            job,
            limit,
            found,
            inner: Mutex::new(Inner {
                recent: VecDeque::new(),
                first_recent: next,
                recent_bytes: 0,
                disk,
                finished: false,
            }),
            next: watch::Sender::new(next),
        }
    }

    /// Adds a chunk, unless the job has finished.
    pub(crate) fn append(&self, chunk: Chunk) {
        let mut inner = lock(&self.inner);
        if inner.finished {
            return;
        }
        if let Some(disk) = &mut inner.disk
            && let Err(error) = disk.append(&chunk)
        {
            tracing::warn!(
                "the output of {} is kept in memory from here on: {error}",
                self.job
            );
            inner.disk = None;
        }
        let bound = match inner.disk {
            Some(_) => RECENT.min(self.limit),
            None => self.limit,
        };
        inner.push(chunk, bound);
        let next = inner.next();
        drop(inner);
        self.next.send_replace(next);
    }

    /// A reader from `offset` on, and its notice of more.
    pub(crate) fn follow(self: &Arc<Self>, offset: u64) -> Follower {
        Follower {
            log: self.clone(),
            next: offset,
            position: Position::default(),
            grown: self.next.subscribe(),
        }
    }

    /// Returns how many bytes stay in memory.
    fn finish(&self) -> u64 {
        let mut inner = lock(&self.inner);
        inner.finished = true;
        if inner.disk.is_some() {
            inner.forget_recent();
        }
        if let Some(disk) = &mut inner.disk {
            disk.close();
        }
        inner.recent_bytes
    }

    fn clear(&self) {
        lock(&self.inner).forget_recent();
    }

    fn remove(&self) {
        let mut inner = lock(&self.inner);
        inner.forget_recent();
        if let Some(disk) = inner.disk.take() {
            disk.remove();
        }
    }
}

impl Inner {
    fn next(&self) -> u64 {
        self.first_recent + self.recent.len() as u64
    }

    fn push(&mut self, chunk: Chunk, bound: u64) {
        self.recent_bytes += chunk.cost();
        self.recent.push_back(chunk);
        while self.recent_bytes > bound && self.recent.len() > 1 {
            let Some(oldest) = self.recent.pop_front() else {
                break;
            };
            self.recent_bytes -= oldest.cost();
            self.first_recent += 1;
        }
    }

    fn forget_recent(&mut self) {
        self.first_recent = self.next();
        self.recent = VecDeque::new();
        self.recent_bytes = 0;
    }
}

/// Reads one job's output from some offset on.
pub(crate) struct Follower {
    log: Arc<OutputLog>,
    next: u64,
    position: Position,
    grown: watch::Receiver<u64>,
}

/// What a follower gets next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// Chunks, with the offset of the first.
    Chunks(u64, Vec<Chunk>),
    /// This many chunks are not kept any more.
    Missed(u64),
    /// No more for now.
    End,
}

impl Follower {
    /// The offset of the next chunk.
    pub(crate) fn offset(&self) -> u64 {
        self.next
    }

    /// The next chunks that are there.
    pub(crate) async fn read(&mut self) -> Read {
        let segments = {
            let inner = lock(&self.log.inner);
            if self.next >= inner.next() {
                return Read::End;
            }
            if self.next >= inner.first_recent {
                let skip = (self.next - inner.first_recent) as usize;
                let mut bytes = 0;
                let batch = inner.recent.iter().skip(skip).take_while(|chunk| {
                    let more = bytes < BATCH;
                    bytes += chunk.cost();
                    more
                });
                let chunks: Vec<Chunk> = batch.cloned().collect();
                let first = self.next;
                self.next += chunks.len() as u64;
                return Read::Chunks(first, chunks);
            }
            let disk = inner.disk.as_ref();
            disk.map_or_else(Vec::new, Disk::segments)
        };
        self.read_disk(segments).await
    }

    async fn read_disk(&mut self, segments: Vec<disk::Segment>) -> Read {
        let (next, mut position) = (self.next, std::mem::take(&mut self.position));
        let read = tokio::task::spawn_blocking(move || {
            let chunks = disk::read(&segments, next, &mut position, BATCH);
            (chunks, position)
        });
        match read.await {
            Ok((Ok((first, chunks)), position)) if !chunks.is_empty() => {
                self.position = position;
                if first > self.next {
                    // Not read twice: the position is behind them, so start over there.
                    self.position = Position::default();
                    return self.missed(first);
                }
                self.next += chunks.len() as u64;
                Read::Chunks(first, chunks)
            }
            other => {
                if let Ok((Err(error), _)) = other {
                    tracing::warn!("cannot read the output of {}: {error}", self.log.job);
                }
                let first = lock(&self.log.inner).first_recent;
                self.missed(first)
            }
        }
    }

    fn missed(&mut self, first: u64) -> Read {
        let missed = first.saturating_sub(self.next);
        self.next = self.next.max(first);
        match missed {
            0 => Read::End,
            missed => Read::Missed(missed),
        }
    }

    /// Waits until there may be more.
    pub(crate) async fn grown(&mut self) {
        // The sender is in the log, which this holds.
        let _ = self.grown.changed().await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    const JOB: JobId = JobId(3);

    fn chunk(number: u64) -> Chunk {
        Chunk {
            rank: Rank(number as u32 % 4),
            stream: 1 + number as i32 % 2,
            data: format!("chunk {number}\n").repeat(10).into_bytes().into(),
            source: Source {
                incarnation: 7 + number % 2,
                sequence: number,
            },
        }
    }

    /// Everything from `offset`; missed chunks are counted.
    async fn all(log: &Arc<OutputLog>, offset: u64) -> (u64, Vec<Chunk>) {
        let mut follower = log.follow(offset);
        let (mut missed, mut chunks) = (0, Vec::new());
        loop {
            match follower.read().await {
                Read::Chunks(first, more) => {
                    assert_eq!(first, offset + missed + chunks.len() as u64);
                    chunks.extend(more);
                }
                Read::Missed(n) => missed += n,
                Read::End => return (missed, chunks),
            }
        }
    }

    #[tokio::test]
    async fn what_is_appended_is_read_from_any_offset_in_memory_and_on_disk() {
        let dir = tempfile::tempdir().unwrap();
        for data_dir in [None, Some(dir.path())] {
            let outputs = Outputs::open(data_dir, 64 << 20, |_| true).unwrap();
            let log = outputs.log(JOB);
            // More than is held in memory beside the disk.
            let chunks: Vec<Chunk> = (0..20_000).map(chunk).collect();
            chunks.iter().for_each(|c| log.append(c.clone()));
            for offset in [0, 1, 9_999, 19_999, 20_000, 99_999] {
                let from = chunks.iter().skip(offset as usize).cloned();
                assert_eq!(all(&log, offset).await, (0, from.collect()));
            }
            outputs.finish(JOB);
            log.append(chunk(0));
            assert_eq!(all(&log, 0).await.1.len(), 20_000, "ended");
        }
        let outputs = Outputs::open(Some(dir.path()), 64 << 20, |_| true).unwrap();
        let log = outputs.log(JOB);
        assert_eq!(all(&log, 0).await.1.len(), 20_000, "after a restart");
        let kept = [7, 8, 9].map(|incarnation| outputs.kept_of(incarnation, [JOB].into_iter()));
        assert_eq!(kept, [19_998, 19_999, 0]);
        log.append(chunk(7));
        assert_eq!(all(&log, 20_000).await, (0, vec![chunk(7)]));
        drop(outputs);
        let outputs = Outputs::open(Some(dir.path()), 64 << 20, |_| false).unwrap();
        assert_eq!(
            all(&outputs.log(JOB), 0).await,
            (0, vec![]),
            "a job that is not known"
        );
    }

    #[tokio::test]
    async fn the_end_is_kept_and_what_is_missed_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        for data_dir in [None, Some(dir.path())] {
            let limit = 4 << 20;
            let outputs = Outputs::open(data_dir, limit, |_| true).unwrap();
            let log = outputs.log(JOB);
            (0..100_000).for_each(|i| log.append(chunk(i)));
            let (missed, chunks) = all(&log, 0).await;
            assert_eq!(missed + chunks.len() as u64, 100_000);
            assert_eq!(chunks.last(), Some(&chunk(99_999)));
            let kept: u64 = chunks.iter().map(Chunk::cost).sum();
            assert!(
                kept <= limit && kept >= limit / 2 - 1000,
                "{kept} of {limit}"
            );
        }
    }

    #[tokio::test]
    async fn a_follower_is_woken() {
        let outputs = Outputs::open(None, 1 << 20, |_| true).unwrap();
        let log = outputs.log(JOB);
        let mut follower = log.follow(0);
        assert_eq!(follower.read().await, Read::End);
        let appender = tokio::spawn(async move { log.append(chunk(0)) });
        follower.grown().await;
        assert_eq!(follower.read().await, Read::Chunks(0, vec![chunk(0)]));
        appender.await.unwrap();
    }

    #[tokio::test]
    async fn finished_jobs_share_a_limit_in_memory() {
        let outputs = Outputs::open(None, 10_000, |_| true).unwrap();
        for job in 1..=20 {
            (0..20).for_each(|i| outputs.log(JobId(job)).append(chunk(i)));
            outputs.finish(JobId(job));
        }
        assert_eq!(all(&outputs.log(JobId(1)), 0).await, (20, vec![]));
        assert_eq!(all(&outputs.log(JobId(20)), 0).await.0, 0);
        outputs.retain(|job| job == JobId(20));
        assert_eq!(lock(&outputs.logs).by_job.len(), 1);
    }

    #[tokio::test]
    async fn a_torn_end_is_cut_off() {
        for cut in [1, 80, 107] {
            let dir = tempfile::tempdir().unwrap();
            let open = || Outputs::open(Some(dir.path()), 1 << 20, |_| true).unwrap();
            let log = open().log(JOB);
            (0..3).for_each(|i| log.append(chunk(i)));
            let file = dir.path().join("output/3.0");
            let bytes = std::fs::read(&file).unwrap();
            std::fs::write(&file, &bytes[..bytes.len() - cut]).unwrap();
            for round in 0..3 {
                // Cut once, then added to at every start.
                let log = open().log(JOB);
                log.append(chunk(9));
                let added = vec![chunk(9); round + 1];
                let expected = [vec![chunk(0), chunk(1)], added].concat();
                assert_eq!(all(&log, 0).await, (0, expected));
            }
        }
    }
}
