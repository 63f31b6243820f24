//! One job on this worker: its ranks here, and how they end.
//!
//! ```text
//!            module ready            guest ends
//! Starting -------------> Running -----------------> Exited -- reported
//!     `---------- stop, module cannot run ------------^
//! ```
//! A job is stopped once, for the first reason: the planner says so, a local rank calls
//! `MPI_Abort`, a worker with other ranks of the job is lost, or this worker must end.
//! Stopping interrupts the guests and wakes all they may wait for: messages, room to
//! send or print, input. Ranks that are not gone [`PATIENCE`] later are reported as
//! ended and left behind: a host call of theirs hangs, in a dead file system say.
//!
//! Invariant: each rank that was started is reported as exited exactly once (until a
//! new connection repeats it).

use crate::input::{Input, TooMuch};
use crate::spawn::{Part, Spawner, Unanswered};
use crate::worker::Shared;
use faabric_host::Interrupter;
use faabric_mpi::tuning::Tuning;
use faabric_mpi::{Placement, World};
use faabric_wire::fabric::{Drain, Fabric, LinkError, Sink};
use faabric_wire::id::{JobId, Rank};
use faabric_wire::proto::from_worker::Message;
use faabric_wire::proto::{
    JobAborted, JobSpec, RankExited, RankLocation, RankStarted, StartRanks, StdinTaken,
};
use faabric_wire::tcp::{JobLinks, Place};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Exit codes that are this worker's and not the guest's.
pub(crate) mod code {
    /// The job cannot be started here: a shell's "cannot execute".
    pub(crate) const CANNOT_START: i32 = 126;
    /// A bug in this worker (`EX_SOFTWARE`).
    pub(crate) const INTERNAL: i32 = 70;
    /// The rank broke a rule of MPI, or lost the worker it talks to.
    pub(crate) const FAULT: i32 = 1;
    /// Ended from outside, as by SIGKILL.
    pub(crate) const KILLED: i32 = Interrupter::CODE;
    use faabric_host::Interrupter;
}

/// How long a rank may take to end after it was told to: less than the planner gives it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(8);

/// One job's part on this worker.
pub(crate) struct Job {
    pub(crate) id: JobId,
    pub(crate) spec: JobSpec,
    pub(crate) world: Arc<World>,
    links: Arc<JobLinks>,
    /// Set when the job is being stopped or has ended: nobody waits for it any more.
    pub(crate) ended: Arc<AtomicBool>,
    /// What rank 0 reads, if it runs here and gets any.
    pub(crate) input: Option<Arc<Input>>,
    pub(crate) shared: Arc<Shared>,
    /// What its ranks have asked the planner for.
    pub(crate) unanswered: Unanswered,
    state: Mutex<State>,
}

struct State {
    /// Why it is being stopped.
    stop: Option<String>,
    ranks: BTreeMap<Rank, Stage>,
    /// What all ranks of the job run, here or elsewhere, as far as it is known.
    parts: Vec<Arc<Part>>,
}

enum Stage {
    /// Its module is being prepared; `launched` once it has a thread.
    Starting {
        launched: bool,
    },
    Running(Interrupter),
    Exited(Exited),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Exited {
    code: i32,
    reason: String,
}

impl Job {
    /// Takes on a job: from now on its packets are received.
    /// Its ranks are those of [`Job::extend`].
    pub(crate) fn new(shared: &Arc<Shared>, start: &StartRanks) -> Arc<Self> {
        let id = JobId(start.job);
        let places = places(start);
        let links = shared.endpoint.job(id, &places);
        let fabric = Arc::clone(&links) as Arc<dyn Fabric>;
        let spec = start.spec.clone().unwrap_or_default();
        let placement = placement(&shared.name, spec.ranks, &places);
        let world = World::new(id, placement, Some(fabric), crate::config::cores());
        let outbox = Arc::clone(&shared.outbox);
        let taken = move |bytes| {
            outbox.report(Message::StdinTaken(StdinTaken { job: id.0, bytes }));
        };
        let reads = spec.stdin && start.ranks.contains(&0);
        let input = reads.then(|| Arc::new(Input::new(taken)));
        let job = Arc::new(Self {
            id,
            spec,
            world: Arc::clone(&world),
            links: Arc::clone(&links),
            ended: Arc::default(),
            input,
            shared: Arc::clone(shared),
            unanswered: Unanswered::default(),
            state: Mutex::new(State {
                stop: None,
                ranks: BTreeMap::new(),
                parts: Vec::new(),
            }),
        });
        job.world
            .set_launcher(Arc::new(Spawner(Arc::downgrade(&job))));
        links.attach(Arc::new(Ear {
            world,
            job: Arc::downgrade(&job),
        }));
        job
    }

    /// Takes in what is new: ranks that other workers run, and ranks to start here.
    pub(crate) fn extend(self: &Arc<Self>, start: StartRanks) {
        let places = places(&start);
        self.links.add(&places);
        let named: Vec<_> = places.into_iter().map(|p| (p.worker, p.ranks)).collect();
        let original = faabric_mpi::Family {
            first: 0,
            counts: vec![self.spec.ranks],
            parents: Vec::new(),
            universe: start.universe,
        };
        self.world.add_family(original, &[]);
        for family in &start.families {
            let family = crate::spawn::known_to_engine(family, start.universe);
            self.world.add_family(family, &named);
        }
        let mut parts = vec![Part::of_job(&self.spec)];
        parts.extend(start.families.iter().flat_map(Part::of_family));
        let new = self.take_on(parts, &start.ranks);
        for (part, ranks) in new {
            self.shared
                .runtime
                .spawn(Arc::clone(self).start(part, ranks));
        }
    }

    /// Notes parts, and those of `ranks` that are new: to be started, by part.
    fn take_on(&self, parts: Vec<Part>, ranks: &[u32]) -> Vec<(Arc<Part>, Vec<Rank>)> {
        let mut state = self.state.lock();
        let mut new = Vec::new();
        for part in parts {
            let known = state.parts.iter().find(|p| p.ranks == part.ranks).cloned();
            let part = known.unwrap_or_else(|| Arc::new(part));
            if !state.parts.contains(&part) {
                state.parts.push(Arc::clone(&part));
            }
            let mut here = Vec::new();
            for rank in ranks.iter().filter(|rank| part.ranks.contains(rank)) {
                if let Entry::Vacant(new) = state.ranks.entry(Rank(*rank)) {
                    new.insert(Stage::Starting { launched: false });
                    here.push(Rank(*rank));
                }
            }
            if !here.is_empty() {
                new.push((part, here));
            }
        }
        let stopped = state.stop.clone();
        drop(state);
        if let Some(reason) = stopped {
            self.exit_all_starting(code::KILLED, &reason);
        }
        new
    }

    /// The hash of the module that `rank` runs.
    pub(crate) fn module_of(&self, rank: Rank) -> Option<String> {
        let state = self.state.lock();
        let part = state.parts.iter().find(|p| p.ranks.contains(&rank.0))?;
        Some(part.module.clone())
    }

    /// The ranks it was started with.
    pub(crate) fn ranks(&self) -> Vec<Rank> {
        self.state.lock().ranks.keys().copied().collect()
    }

    /// Prepares the module of a part, then gives each of these ranks a thread.
    async fn start(self: Arc<Self>, part: Arc<Part>, ranks: Vec<Rank>) {
        let prepared = async {
            self.tune()?;
            let mut dirs = self.shared.roots.allow(&self.spec.dirs)?;
            if !part.dir.is_empty() {
                dirs = crate::roots::start_in(&part.dir, dirs)?;
            }
            let module = self
                .shared
                .modules
                .load(&part.module, &self.spec.tier)
                .await?;
            Ok::<_, crate::Error>((module, dirs))
        };
        let (module, dirs) = match prepared.await {
            Ok(prepared) => prepared,
            Err(error) => {
                tracing::warn!(job = %self.id, %error, "cannot start a job");
                return self.exit_starting(&ranks, code::CANNOT_START, &error.to_string());
            }
        };
        for rank in ranks {
            if !self.launch(rank) {
                continue;
            }
            let (job, module, dirs) = (Arc::clone(&self), module.clone(), dirs.clone());
            let part = Arc::clone(&part);
            let thread = std::thread::Builder::new()
                .name(format!("j{}r{}", self.id.0, rank.0))
                .stack_size(faabric_host::HOST_STACK);
            let body = move || crate::rank::run(&job, &part, &module, dirs, rank);
            if let Err(error) = thread.spawn(body) {
                let reason = format!("no thread for the rank: {error}");
                self.exited(rank, code::CANNOT_START, &reason);
            }
        }
    }

    /// Adjusts the MPI engine as the job's environment says.
    fn tune(&self) -> Result<(), crate::Error> {
        let variables = self.spec.env.iter();
        let variables = variables.map(|var| (&*var.name, &*var.value));
        let tuning = Tuning::from_environment(variables).map_err(crate::Error::Setting)?;
        self.world.tune(tuning);
        Ok(())
    }

    /// Whether the rank is to get its thread now.
    fn launch(&self, rank: Rank) -> bool {
        match self.state.lock().ranks.get_mut(&rank) {
            Some(Stage::Starting {
                launched: launched @ false,
            }) => {
                *launched = true;
                true
            }
            _ => false,
        }
    }

    /// The rank's process is ready to run, and can be stopped through `interrupter`.
    pub(crate) fn running(&self, rank: Rank, interrupter: Interrupter) {
        let mut state = self.state.lock();
        if let Some(stop) = &state.stop {
            let reason = stop.clone();
            drop(state);
            return interrupter.interrupt(&reason);
        }
        state.ranks.insert(rank, Stage::Running(interrupter));
        let started = RankStarted {
            job: self.id.0,
            rank: rank.0,
        };
        self.shared.outbox.report(Message::RankStarted(started));
    }

    /// The rank has ended.
    pub(crate) fn exited(&self, rank: Rank, code: i32, reason: &str) {
        let mut state = self.state.lock();
        if matches!(state.ranks.get(&rank), Some(Stage::Exited(_)) | None) {
            return;
        }
        let exited = Exited {
            code,
            reason: reason.to_owned(),
        };
        let message = exit_message(self.id, rank, &exited);
        state.ranks.insert(rank, Stage::Exited(exited));
        // Under the lock, so that a repeat for a new connection comes after it.
        self.shared.outbox.report(message);
        drop(state);
        self.shared.rank_ended.notify_waiters();
    }

    /// A rank of this worker ends the whole job, here and now; the planner tells the
    /// other workers. Only the first reason to stop counts.
    pub(crate) fn abort(self: &Arc<Self>, rank: Rank, code: i32, reason: &str) {
        let first = self.stop_once(code, reason, |state| {
            if state.stop.is_none() {
                let (job, rank, reason) = (self.id.0, rank.0, reason.to_owned());
                let aborted = JobAborted {
                    job,
                    rank,
                    code,
                    reason,
                };
                self.shared.outbox.report(Message::Aborted(aborted));
            }
        });
        if first {
            tracing::info!(job = %self.id, %rank, code, reason, "a job is aborted");
        }
    }

    /// Ends all local ranks.
    pub(crate) fn stop(self: &Arc<Self>, code: i32, reason: &str) {
        self.stop_once(code, reason, |_| ());
    }

    fn stop_once(self: &Arc<Self>, code: i32, reason: &str, tell: impl FnOnce(&State)) -> bool {
        let mut state = self.state.lock();
        tell(&state);
        if state.stop.is_some() {
            return false;
        }
        state.stop = Some(reason.to_owned());
        let running = |stage: &Stage| match stage {
            Stage::Running(interrupter) => Some(interrupter.clone()),
            _ => None,
        };
        let interrupters: Vec<_> = state.ranks.values().filter_map(running).collect();
        drop(state);
        self.ended.store(true, Ordering::Release);
        self.world.abort(code, reason);
        self.links.abandon();
        self.shared.outbox.wake();
        for interrupter in interrupters {
            interrupter.interrupt(reason);
        }
        self.exit_all_starting(code::KILLED, reason);
        self.watch();
        true
    }

    /// Reports ranks that do not end in time.
    fn watch(self: &Arc<Self>) {
        // Weakly: a job that is forgotten before gives its memory back at once.
        let job = Arc::downgrade(self);
        self.shared.runtime.spawn(async move {
            tokio::time::sleep(PATIENCE).await;
            let Some(job) = job.upgrade() else { return };
            for rank in job.ranks() {
                let reason = format!(
                    "did not end within {} s of being stopped",
                    PATIENCE.as_secs()
                );
                job.exited(rank, code::KILLED, &reason);
            }
        });
    }

    /// Ends the ranks that have no thread.
    fn exit_all_starting(&self, code: i32, reason: &str) {
        self.exit_starting(&self.ranks(), code, reason);
    }

    fn exit_starting(&self, ranks: &[Rank], code: i32, reason: &str) {
        for &rank in ranks {
            if self.launch(rank) {
                self.exited(rank, code, reason);
            }
        }
    }

    /// Input for rank 0.
    pub(crate) fn feed(self: &Arc<Self>, bytes: &[u8], closed: bool) {
        let Some(input) = &self.input else { return };
        if let Err(error @ TooMuch) = input.push(bytes) {
            self.abort(Rank(0), code::FAULT, &error.to_string());
        }
        if closed {
            input.close();
        }
    }

    /// What a new connection must hear again.
    pub(crate) fn exits(&self) -> Vec<Message> {
        let state = self.state.lock();
        let exited = state.ranks.iter().filter_map(|(&rank, stage)| match stage {
            Stage::Exited(exited) => Some(exit_message(self.id, rank, exited)),
            _ => None,
        });
        let exited: Vec<_> = exited.collect();
        drop(state);
        exited.into_iter().chain(self.unanswered.all()).collect()
    }

    /// The first rank that has not ended here.
    pub(crate) fn first_alive(&self) -> Option<Rank> {
        let state = self.state.lock();
        let mut alive = state
            .ranks
            .iter()
            .filter(|(_, stage)| !matches!(stage, Stage::Exited(_)));
        alive.next().map(|(&rank, _)| rank)
    }

    /// All its ranks, everywhere, have ended: nothing of it is needed any more.
    pub(crate) fn forget(&self) {
        self.ended.store(true, Ordering::Release);
        self.links.end();
        self.shared.outbox.wake();
    }
}

/// Where an order says that ranks are.
fn places(start: &StartRanks) -> Vec<Place> {
    let place = |location: &RankLocation| Place {
        worker: location.worker.clone(),
        address: location.data_address.clone(),
        incarnation: location.incarnation,
        ranks: location.ranks.iter().copied().map(Rank).collect(),
    };
    start.world.iter().map(place).collect()
}

fn exit_message(job: JobId, rank: Rank, exited: &Exited) -> Message {
    let (job, rank, code, reason) = (job.0, rank.0, exited.code, exited.reason.clone());
    Message::RankExited(RankExited {
        job,
        rank,
        code,
        reason,
    })
}

/// The engine's view of where the ranks are. A rank that nobody was given counts as one
/// of a worker without a name, and cannot be reached.
fn placement(own: &str, size: u32, places: &[Place]) -> Placement {
    let mut workers: Vec<String> = places.iter().map(|place| place.worker.clone()).collect();
    let here = workers
        .iter()
        .position(|worker| worker == own)
        .unwrap_or_else(|| {
            workers.push(own.to_owned());
            workers.len() - 1
        });
    let nobody = workers.len() as u32;
    let mut of_rank = vec![nobody; size as usize];
    for (worker, place) in places.iter().enumerate() {
        for rank in &place.ranks {
            if let Some(of) = of_rank.get_mut(rank.index()) {
                *of = worker as u32;
            }
        }
    }
    if of_rank.contains(&nobody) {
        workers.push(String::new());
    }
    Placement {
        workers,
        of_rank,
        here: here as u32,
    }
}

/// What the data plane delivers to: the engine, and the job when a worker is lost.
struct Ear {
    world: Arc<World>,
    job: Weak<Job>,
}

impl Sink for Ear {
    fn deliver(&self, to: Rank, header: &[u8], payload: &[u8]) {
        self.world.deliver(to, header, payload);
    }

    fn open(&self, to: Rank, header: &[u8], len: u64) -> Box<dyn Drain> {
        self.world.open(to, header, len)
    }

    fn lost(&self, error: &LinkError) {
        // When all ranks here have ended, the loss is nobody's.
        let Some(job) = self.job.upgrade() else {
            return;
        };
        if let Some(rank) = job.first_alive() {
            job.abort(rank, code::FAULT, &error.to_string());
        }
    }
}
