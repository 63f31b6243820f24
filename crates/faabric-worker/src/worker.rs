//! A worker: what its parts share, its start and its end.

use crate::alignment::Alignment;
use crate::config::Config;
use crate::error::Error;
use crate::job::{Job, PATIENCE, code};
use crate::modules::Modules;
use crate::outbox::Outbox;
use crate::output::Outputs;
use crate::roots::Roots;
use crate::session;
use faabric_wire::id::JobId;
use faabric_wire::proto::from_worker::Message;
use faabric_wire::proto::{Hello, JobRanks, Leaving, SpawnDone, StartRanks, Stdin, StopJob};
use faabric_wire::tcp::{self, Endpoint};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, oneshot, watch};

/// How long the planner may take to hear of the last exits when the worker ends.
const FAREWELL: Duration = Duration::from_secs(2);

/// What the parts of one worker share. Nothing of it is global: a process may have
/// several workers.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) name: String,
    /// Where other workers reach the data plane.
    data_address: String,
    /// Tells this process from an earlier one of the same name; not 0.
    incarnation: u64,
    pub(crate) roots: Roots,
    pub(crate) endpoint: Endpoint,
    pub(crate) outbox: Arc<Outbox>,
    /// Of this worker's clock with the planner's.
    pub(crate) alignment: Alignment,
    pub(crate) outputs: Arc<Outputs>,
    pub(crate) modules: Modules,
    pub(crate) runtime: tokio::runtime::Handle,
    /// Signalled when a rank has ended.
    pub(crate) rank_ended: Notify,
    /// From StartRanks to JobEnded.
    jobs: Mutex<BTreeMap<JobId, Arc<Job>>>,
    /// Jobs that are started now are stopped at once; set under the lock of `jobs`.
    closing: AtomicBool,
}

/// A running worker.
pub struct Worker {
    handle: Handle,
    /// How the session ended.
    session: oneshot::Receiver<Result<(), Error>>,
    /// Ends the session, after the last reports.
    end: watch::Sender<bool>,
}

/// Reaches a running worker; cheap to clone.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    joined: watch::Receiver<bool>,
}

impl Worker {
    /// Opens the data plane and begins to join the planner, which need not be there
    /// yet. To be called within a tokio runtime; the worker's tasks run there, its
    /// ranks on threads of their own.
    ///
    /// # Errors
    /// When the configuration cannot be used on this machine.
    pub async fn start(config: Config) -> Result<Self, Error> {
        faabric_host::ignore_stray_interrupts();
        let name = config.worker_name();
        let incarnation = RandomState::new().hash_one(&name).max(1);
        let endpoint = Endpoint::listen(tcp::Config {
            worker: name.clone(),
            incarnation,
            cluster: config.cluster.clone(),
            listen: config.listen.clone(),
            reconnect_timeout: Duration::from_millis(config.reconnect_ms),
            congestion: config.congestion.clone(),
            tls: config.tls.clone(),
            ..tcp::Config::default()
        })?;
        let planner = session::channel(&config.planner)?;
        let outbox = Arc::new(Outbox::new());
        let shared = Arc::new(Shared {
            data_address: config.data_address(endpoint.local_address())?,
            incarnation,
            roots: Roots::new(&config.file_roots)?,
            endpoint,
            outputs: Outputs::start(Arc::clone(&outbox)).map_err(Error::Thread)?,
            outbox,
            alignment: Alignment::default(),
            modules: Modules::new(planner.clone(), config.cache.clone()),
            runtime: tokio::runtime::Handle::current(),
            rank_ended: Notify::new(),
            jobs: Mutex::default(),
            closing: AtomicBool::new(false),
            name,
            config,
        });
        let (end, ended) = watch::channel(false);
        let (joins, joined) = watch::channel(false);
        let session = session::start(Arc::clone(&shared), joins, ended).map_err(Error::Thread)?;
        let stop = watch::Sender::new(false);
        Ok(Self {
            end,
            handle: Handle {
                shared,
                stop,
                joined,
            },
            session,
        })
    }

    /// Reaches the worker from elsewhere.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Runs until `shutdown`, or [`Handle::shutdown`], or the planner refuses this
    /// worker. Ranks that still run are stopped, and the planner is told.
    ///
    /// # Errors
    /// [`Error::Refused`].
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
        let mut stopped = self.handle.stop.subscribe();
        let refused = tokio::select! {
            () = shutdown => None,
            _ = stopped.wait_for(|stop| *stop) => None,
            ended = &mut self.session => Some(ended),
        };
        let shared = &self.handle.shared;
        if refused.is_none() && *self.handle.joined.borrow() {
            shared.outbox.report(Message::Leaving(Leaving {}));
        }
        shared.stop_for_good(&format!("worker {} was shut down", shared.name));
        if refused.is_none() {
            let _ = tokio::time::timeout(PATIENCE + FAREWELL, shared.all_ended()).await;
            let _ = tokio::time::timeout(FAREWELL, shared.outbox.drained()).await;
        }
        self.end.send_replace(true);
        let ended = match refused {
            Some(ended) => ended,
            None => (&mut self.session).await,
        };
        shared.close();
        // A session that panicked is a bug; the worker has stopped in order all the same.
        ended.unwrap_or(Ok(()))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.end.send_replace(true);
        self.handle.shared.stop_for_good("the worker is gone");
        self.handle.shared.close();
    }
}

impl Handle {
    /// The worker's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Where other workers reach it.
    #[must_use]
    pub fn data_address(&self) -> &str {
        &self.shared.data_address
    }

    /// Waits until the planner has taken the worker in for the first time.
    pub async fn joined(&self) {
        // An error means that the session is over: nothing will change any more.
        let _ = self.joined.clone().wait_for(|joined| *joined).await;
    }

    /// Makes [`Worker::run`] end.
    pub fn shutdown(&self) {
        self.stop.send_replace(true);
    }
}

impl Shared {
    /// What this worker says first on every connection.
    pub(crate) fn hello(&self) -> Hello {
        let running = |job: &Arc<Job>| JobRanks {
            job: job.id.0,
            ranks: job.ranks().into_iter().map(|rank| rank.0).collect(),
        };
        Hello {
            worker: self.name.clone(),
            data_address: self.data_address.clone(),
            slots: self.config.slots(),
            running: self.jobs.lock().values().map(running).collect(),
            incarnation: self.incarnation,
        }
    }

    /// All jobs that the planner has not had forgotten.
    pub(crate) fn jobs(&self) -> Vec<Arc<Job>> {
        self.jobs.lock().values().cloned().collect()
    }

    fn find(&self, job: u64) -> Option<Arc<Job>> {
        self.jobs.lock().get(&JobId(job)).cloned()
    }

    /// Takes a job on, or what is new of one: more ranks, here or elsewhere.
    pub(crate) fn start_job(self: &Arc<Self>, start: StartRanks) {
        let id = JobId(start.job);
        let mut jobs = self.jobs.lock();
        let closing = self.closing.load(Ordering::Relaxed);
        let job = match jobs.get(&id) {
            Some(job) => Arc::clone(job),
            // Nothing of it is here: an earlier process of this name had a part of it.
            None if start.ranks.is_empty() => return,
            None => {
                let job = Job::new(self, &start);
                jobs.insert(id, Arc::clone(&job));
                job
            }
        };
        drop(jobs);
        tracing::info!(job = %id, ranks = start.ranks.len(), name = job.spec.name, "starting");
        job.extend(start);
        if closing {
            job.stop(code::KILLED, "the worker shuts down");
        }
    }

    pub(crate) fn answer_spawn(&self, done: SpawnDone) {
        if let Some(job) = self.find(done.job) {
            job.spawned(done);
        }
    }

    pub(crate) fn stop_job(&self, stop: &StopJob) {
        match self.find(stop.job) {
            Some(job) => job.stop(stop.code, &stop.reason),
            None => self.endpoint.forget(JobId(stop.job)),
        }
    }

    pub(crate) fn feed_job(&self, stdin: &Stdin) {
        if let Some(job) = self.find(stdin.job) {
            job.feed(&stdin.data, stdin.closed);
        }
    }

    pub(crate) fn forget_job(&self, job: u64) {
        let id = JobId(job);
        let job = self.jobs.lock().remove(&id);
        if let Some(job) = job {
            job.forget();
        }
        self.endpoint.forget(id);
    }

    /// Stops everything that runs.
    pub(crate) fn stop_all(&self, reason: &str) {
        for job in self.jobs() {
            job.stop(code::KILLED, reason);
        }
    }

    /// Stops everything that runs, and what is started from now on.
    fn stop_for_good(&self, reason: &str) {
        let jobs = self.jobs.lock();
        self.closing.store(true, Ordering::Relaxed);
        drop(jobs);
        self.stop_all(reason);
    }

    async fn all_ended(&self) {
        loop {
            let ended = self.rank_ended.notified();
            tokio::pin!(ended);
            ended.as_mut().enable();
            if self.jobs().iter().all(|job| job.first_alive().is_none()) {
                return;
            }
            ended.await;
        }
    }

    fn close(&self) {
        for job in std::mem::take(&mut *self.jobs.lock()).into_values() {
            job.forget();
        }
        self.endpoint.close();
        self.outputs.close();
    }
}
