//! The loop that owns the engine.
//!
//! ```text
//! round:  inputs (all that wait, at most 256) --> engine.on(now, event)...
//!         --> facts to the log, in one transaction
//!         --> commands to workers, changes to watchers, replies to callers
//! ```
//! If the log cannot be written (disk full), the planner goes on with what runs and starts
//! nothing new: the submissions of the round are taken back and refused, orders to start
//! are held until the log has caught up, everything else is carried out. What was decided
//! meanwhile is written as soon as the log can be.

use super::Parts;
use super::convert;
use super::links::{LinkHandle, Links};
use super::stdin::Flows;
use crate::engine::state::{Phase, State};
use crate::engine::{Command, Engine, Event, Limits, Offer, WorkerStatus};
use crate::log::Log;
use crate::modules::Modules;
use crate::names::{Timestamp, WorkerName};
use crate::output::Outputs;
use crate::{Config, Error};
use faabric_wire::clock;
use faabric_wire::id::{JobId, Rank};
use faabric_wire::proto::{self, JobInfo, JobSpec, to_worker::Message as ToWorker};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot, watch};
use tonic::Status;

/// Inputs that may wait for the loop; who sends more has to wait.
const INPUTS: usize = 1024;
/// Inputs taken in one round.
const ROUND: usize = 256;

/// How many jobs may wait.
const MAX_QUEUED: usize = 100_000;

/// How long a log that cannot be written is left alone.
const RETRY: Duration = Duration::from_millis(500);

/// How much later than its ticks the loop may come to look before that counts as a stall.
const STALL: Duration = Duration::from_millis(500);

type Reply<T> = oneshot::Sender<Result<T, Status>>;

/// Everything that the loop reacts to.
pub(super) enum Input {
    /// A worker's connection, after its Hello.
    Joined {
        worker: WorkerName,
        offer: Offer,
        running: Vec<(JobId, Vec<Rank>)>,
        link: LinkHandle,
        reply: Reply<()>,
    },
    /// A worker's connection ended.
    Left {
        worker: WorkerName,
        connection: u64,
    },
    /// A worker said something; `sequence` is to be acknowledged, unless it is 0.
    Said {
        worker: WorkerName,
        sequence: u64,
        event: Option<Event>,
    },
    /// A checked job.
    Submit {
        spec: Arc<JobSpec>,
        reply: Reply<JobId>,
    },
    Cancel {
        job: JobId,
        reason: String,
        reply: Reply<JobInfo>,
    },
    /// A checked policy; the reply is the one in force.
    SetPolicy {
        policy: String,
        reply: Reply<String>,
    },
    GetPolicy {
        reply: Reply<String>,
    },
    Jobs {
        request: proto::JobsRequest,
        reply: Reply<Vec<JobInfo>>,
    },
    Workers {
        reply: Reply<Vec<WorkerStatus>>,
    },
    /// Follow a job's state.
    Watch {
        job: JobId,
        reply: Reply<watch::Receiver<Arc<JobInfo>>>,
    },
}

/// What the handlers share: the way to the loop, and what they may use without it.
#[derive(Clone)]
pub(super) struct Core {
    inputs: mpsc::Sender<Input>,
    pub(super) modules: Arc<Modules>,
    pub(super) outputs: Arc<Outputs>,
    pub(super) links: Arc<Links>,
    pub(super) input: Arc<Flows>,
}

impl Core {
    /// Sends an input; an error when the planner is shutting down.
    pub(super) async fn send(&self, input: Input) -> Result<(), Status> {
        self.inputs.send(input).await.map_err(|_| shutting_down())
    }

    /// Sends an input made from a reply channel and waits for the reply.
    pub(super) async fn ask<T>(&self, input: impl FnOnce(Reply<T>) -> Input) -> Result<T, Status> {
        let (reply, answer) = oneshot::channel();
        self.send(input(reply)).await?;
        answer.await.map_err(|_| shutting_down())?
    }
}

fn shutting_down() -> Status {
    Status::unavailable("the planner is shutting down; try again when it is back")
}

/// The loop, not yet running.
pub(super) struct Loop {
    inputs: mpsc::Receiver<Input>,
    engine: Engine,
    log: Log,
    config: Config,
    started: (Instant, u64),
    outputs: Arc<Outputs>,
    links: Arc<Links>,
    watches: HashMap<JobId, watch::Sender<Arc<JobInfo>>>,
    /// Submissions of this round: answered once they are durable.
    submitted: Vec<(JobId, Reply<JobId>)>,
    /// Other replies of this round.
    replies: Vec<Box<dyn FnOnce() + Send>>,
    /// The highest sequence of this round, by worker: acknowledged once it is durable.
    said: BTreeMap<WorkerName, u64>,
    /// Orders to start that wait for the log.
    held: Vec<Command>,
    /// Why the log cannot be written, if so.
    blocked: Option<String>,
    /// When to try again.
    retry_at: Instant,
}

/// The loop and the way to it.
pub(super) fn new(log: Log, parts: Parts) -> (Core, Loop) {
    let Parts {
        config,
        modules,
        outputs,
        state,
    } = parts;
    let (sender, inputs) = mpsc::channel(INPUTS);
    let core = Core {
        inputs: sender,
        modules: Arc::new(modules),
        outputs: Arc::new(outputs),
        links: Arc::default(),
        input: Arc::default(),
    };
    for job in state.active.union(&state.queue) {
        core.outputs.log(*job);
    }
    let started = (clock::now(), clock::unix_ms());
    let limits = Limits {
        lease_ms: config.lease_ms,
        grace_ms: config.grace_ms,
        stop_ms: config.stop_ms,
        spawn_ms: config.spawn_ms,
    };
    let main_loop = Loop {
        inputs,
        engine: Engine::new(limits, state, Timestamp(started.1)),
        log,
        config,
        started,
        outputs: core.outputs.clone(),
        links: core.links.clone(),
        watches: HashMap::new(),
        submitted: Vec::new(),
        replies: Vec::new(),
        said: BTreeMap::new(),
        held: Vec::new(),
        blocked: None,
        retry_at: started.0,
    };
    (core, main_loop)
}

impl Loop {
    /// Runs until `stopped`.
    pub(super) async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        let shortest = self.config.lease_ms.min(self.config.stop_ms);
        let period = Duration::from_millis((shortest / 8).clamp(10, 500));
        let mut ticks = tokio::time::interval(period);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut round = Vec::with_capacity(ROUND);
        self.commit().await;
        let mut looked = clock::now();
        loop {
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => break,
                _ = ticks.tick() => {
                    self.notice_stall(&mut looked, period);
                    self.on(Event::Tick);
                }
                taken = self.inputs.recv_many(&mut round, ROUND) => {
                    self.notice_stall(&mut looked, period);
                    if taken == 0 {
                        break; // no handler is left
                    }
                    round.drain(..).for_each(|input| self.take(input));
                }
            }
            self.commit().await;
        }
        // Ends the workers' streams: they look for the planner's successor.
        self.links.close();
    }

    /// Tells the engine when this process did not get to run: it hears of what happened
    /// meanwhile only now, after the first ticks.
    fn notice_stall(&mut self, looked: &mut Instant, period: Duration) {
        let now = clock::now();
        let pause = now.saturating_duration_since(*looked);
        *looked = now;
        if pause > 2 * period + STALL {
            let ms = pause.as_millis() as u64;
            tracing::warn!(
                ms,
                "the planner was stopped, or its machine was too busy for it"
            );
            self.on(Event::Stalled { ms });
        }
    }

    /// Wall-clock time at the start plus monotonic time since: never goes back, so leases
    /// are right when somebody sets the clock.
    fn now(&self) -> Timestamp {
        let since = clock::now().saturating_duration_since(self.started.0);
        Timestamp(self.started.1).after(since.as_millis() as u64)
    }

    fn on(&mut self, event: Event) {
        self.engine.on(self.now(), event);
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Joined {
                worker,
                offer,
                running,
                link,
                reply,
            } => self.joined(worker, offer, running, link, reply),
            Input::Left { worker, connection } => {
                if self.links.remove(&worker, connection) {
                    tracing::info!(%worker, "worker disconnected");
                    self.on(Event::WorkerDisconnected { worker });
                }
            }
            Input::Said {
                worker,
                sequence,
                event,
            } => {
                let heartbeat = || Event::WorkerHeartbeat {
                    worker: worker.clone(),
                };
                self.on(event.unwrap_or_else(heartbeat));
                if sequence > 0 {
                    self.said.insert(worker, sequence);
                }
            }
            Input::Submit { spec, reply } => self.submit(spec, reply),
            Input::Cancel { job, reason, reply } => {
                self.on(Event::JobCancelled { job, reason });
                let info = self.info(job).ok_or_else(|| unknown(job));
                self.answer(reply, info);
            }
            Input::SetPolicy { policy, reply } => {
                self.on(Event::PolicySet { policy });
                let policy = self.engine.state().policy.clone();
                self.answer(reply, Ok(policy));
            }
            Input::GetPolicy { reply } => {
                let policy = self.engine.state().policy.clone();
                self.answer(reply, Ok(policy));
            }
            Input::Jobs { request, reply } => {
                let jobs = self.list(&request);
                self.answer(reply, Ok(jobs));
            }
            Input::Workers { reply } => {
                let workers = self.engine.workers().collect();
                self.answer(reply, Ok(workers));
            }
            Input::Watch { job, reply } => {
                let watch = self.watch(job).ok_or_else(|| unknown(job));
                self.answer(reply, watch);
            }
        }
    }

    /// Answers when the round is durable.
    fn answer<T: Send + 'static>(&mut self, reply: Reply<T>, answer: Result<T, Status>) {
        // Nobody waits any more if sending fails.
        self.replies
            .push(Box::new(move || drop(reply.send(answer))));
    }

    fn joined(
        &mut self,
        worker: WorkerName,
        offer: Offer,
        running: Vec<(JobId, Vec<Rank>)>,
        link: LinkHandle,
        reply: Reply<()>,
    ) {
        if let Err(refusal) = self.engine.admit(&worker, &offer) {
            tracing::warn!(%worker, "worker refused: {refusal}");
            let refusal = Status::already_exists(refusal.to_string());
            return self.answer(reply, Err(refusal));
        }
        tracing::info!(%worker, slots = offer.slots, data_address = offer.data_address, "worker joined");
        // It says what it has, so what is held for it is decided anew.
        self.held.retain(|command| match command {
            Command::StartRanks { worker: told, .. } | Command::SpawnDone { worker: told, .. } => {
                *told != worker
            }
            _ => true,
        });
        self.links.insert(worker.clone(), link);
        let lease_ms = self.config.lease_ms;
        let welcome = proto::Welcome {
            lease_ms,
            receipts: true,
            fence_ms: self.config.fence_ms.max(lease_ms),
            planner_ns: clock::monotonic_ns(),
            boot: clock::boot().to_owned(),
        };
        self.tell(&worker, ToWorker::Welcome(welcome));
        self.answer(reply, Ok(()));
        self.on(Event::WorkerJoined {
            worker,
            offer,
            running,
        });
    }

    fn submit(&mut self, spec: Arc<JobSpec>, reply: Reply<JobId>) {
        if let Some(reason) = &self.blocked {
            let refusal = Status::resource_exhausted(format!("no new jobs now: {reason}"));
            return self.answer(reply, Err(refusal));
        }
        if self.engine.state().queue.len() >= MAX_QUEUED {
            let refusal = Status::resource_exhausted(format!("{MAX_QUEUED} jobs are queued"));
            return self.answer(reply, Err(refusal));
        }
        let job = self.engine.next_job();
        tracing::info!(%job, name = spec.name, ranks = spec.ranks, "submitted");
        self.on(Event::JobSubmitted { job, spec });
        // Made here, so that a worker cannot make logs of jobs that do not exist.
        self.outputs.log(job);
        self.submitted.push((job, reply));
    }

    /// Makes what the engine decided durable, and carries it out.
    async fn commit(&mut self) {
        loop {
            let facts = self.engine.take_facts();
            let commands = self.engine.take_commands();
            if self.blocked.is_some() && clock::now() < self.retry_at {
                self.log.hold(facts);
                self.carry_out_blocked(commands);
            } else {
                match self.log.append(facts, self.engine.state()).await {
                    Ok(()) => {
                        self.unblock();
                        self.carry_out(commands);
                    }
                    Err(error) => self.block(&error, commands),
                }
            }
            // Carrying out may have found a connection dead, and unblocking may have
            // started jobs.
            if !self.engine.has_output() {
                break;
            }
        }
        for (job, reply) in self.submitted.drain(..) {
            // The client may be gone; the job runs all the same.
            let _ = reply.send(Ok(job));
        }
        self.replies.drain(..).for_each(|reply| reply());
        self.acknowledge();
    }

    fn unblock(&mut self) {
        if self.blocked.take().is_some() {
            tracing::info!("the log can be written again");
            self.on(Event::LogBlocked { reason: None });
            let held = std::mem::take(&mut self.held);
            self.carry_out(held);
        }
    }

    /// The log cannot be written: takes back this round's submissions.
    fn block(&mut self, error: &Error, commands: Vec<Command>) {
        let reason = error.to_string();
        if self.blocked.as_ref() != Some(&reason) {
            tracing::error!("no job is started any more: {reason}");
        }
        self.on(Event::LogBlocked {
            reason: Some(format!("the planner's log: {reason}")),
        });
        let refusal = format!("no new jobs now: {reason}");
        self.blocked = Some(reason);
        self.retry_at = clock::now() + RETRY;
        for (job, reply) in std::mem::take(&mut self.submitted) {
            self.on(Event::JobWithdrawn { job });
            let _ = reply.send(Err(Status::resource_exhausted(&*refusal)));
        }
        self.carry_out_blocked(commands);
    }

    /// Holds the orders to start, the answers to those who wait for it, and the word that a
    /// job is over, without which its workers tell a planner that is started anew of it: its
    /// log would say that the job runs, and was never received. Carries out the rest.
    fn carry_out_blocked(&mut self, commands: Vec<Command>) {
        let waits = |command: &Command| {
            matches!(
                command,
                Command::StartRanks { .. } | Command::SpawnDone { .. } | Command::JobEnded { .. }
            )
        };
        let (held, rest): (Vec<_>, Vec<_>) = commands.into_iter().partition(waits);
        self.held.extend(held);
        self.carry_out(rest);
    }

    fn carry_out(&mut self, commands: Vec<Command>) {
        for command in commands {
            match command {
                Command::StartRanks {
                    worker,
                    job,
                    spec,
                    ranks,
                    world,
                    families,
                    universe,
                } => {
                    // One that was held may have been cancelled since.
                    if is_running(self.engine.state(), job) {
                        tracing::info!(%job, %worker, ranks = ranks.len(), "start");
                        let start =
                            convert::start_ranks(job, &spec, &ranks, &world, &families, universe);
                        self.tell(&worker, ToWorker::Start(start));
                    }
                }
                Command::SpawnDone {
                    worker,
                    job,
                    question,
                    outcome,
                } => {
                    let done = convert::spawn_done(job, question, outcome);
                    tracing::info!(%job, %worker, first = done.first, refused = done.refused, "spawn");
                    self.tell(&worker, ToWorker::Spawned(done));
                }
                Command::StopJob {
                    worker,
                    job,
                    code,
                    reason,
                } => {
                    tracing::info!(%job, %worker, code, reason, "stop");
                    let job = job.0;
                    self.tell(
                        &worker,
                        ToWorker::Stop(proto::StopJob { job, code, reason }),
                    );
                }
                Command::JobEnded { worker, job } => {
                    let ended = proto::JobEnded { job: job.0 };
                    self.tell(&worker, ToWorker::Ended(ended));
                }
                Command::Disconnect { worker } => {
                    tracing::warn!(%worker, "the worker's lease is over");
                    self.links.end(&worker);
                }
                Command::JobChanged { job } => self.publish(job),
            }
        }
    }

    fn tell(&mut self, worker: &WorkerName, message: ToWorker) {
        if !self.links.tell(worker, message) {
            tracing::warn!(%worker, "worker does not take its messages: disconnected");
            let worker = worker.clone();
            self.on(Event::WorkerDisconnected { worker });
        }
    }

    /// Tells workers what need not be said again.
    fn acknowledge(&mut self) {
        // While the log is behind, what was said is not durable.
        if self.log.is_behind() {
            return;
        }
        for (worker, sequence) in std::mem::take(&mut self.said) {
            self.tell(&worker, ToWorker::Received(proto::Received { sequence }));
        }
    }

    fn publish(&mut self, job: JobId) {
        let Some(info) = self.info(job) else {
            // Withdrawn, or forgotten at once: those who follow it are told by the end.
            self.watches.remove(&job);
            return;
        };
        let finished = info.state() == proto::JobState::Finished;
        tracing::info!(%job, state = info.state().as_str_name(), waiting_for = info.waiting_for, "changed");
        if let Some(watch) = self.watches.get(&job) {
            watch.send_replace(Arc::new(info));
        }
        if finished {
            self.watches.remove(&job);
            self.outputs.finish(job);
            let jobs = &self.engine.state().jobs;
            self.outputs.retain(|job| jobs.contains_key(&job));
        }
    }

    fn watch(&mut self, job: JobId) -> Option<watch::Receiver<Arc<JobInfo>>> {
        let info = self.info(job)?;
        if info.state() == proto::JobState::Finished {
            return Some(watch::channel(Arc::new(info)).1);
        }
        let watch = self.watches.entry(job);
        Some(
            watch
                .or_insert_with(|| watch::Sender::new(Arc::new(info)))
                .subscribe(),
        )
    }

    fn info(&self, job: JobId) -> Option<JobInfo> {
        let waiting_for = self.engine.waiting_for(job);
        let found = self.engine.state().jobs.get(&job)?;
        Some(convert::job_info(job, found, waiting_for))
    }

    fn list(&self, request: &proto::JobsRequest) -> Vec<JobInfo> {
        let state = self.engine.state();
        if !request.jobs.is_empty() {
            // Each once, however often it is named.
            let jobs: BTreeSet<_> = request.jobs.iter().map(|&job| JobId(job)).collect();
            return jobs.into_iter().filter_map(|job| self.info(job)).collect();
        }
        let jobs = state.jobs.iter();
        let shown = jobs.filter(|(_, job)| request.all || job.phase != Phase::Finished);
        shown.filter_map(|(id, _)| self.info(*id)).collect()
    }
}

fn is_running(state: &State, job: JobId) -> bool {
    state
        .jobs
        .get(&job)
        .is_some_and(|job| job.phase == Phase::Running)
}

fn unknown(job: JobId) -> Status {
    Status::not_found(format!("there is no {job}, or it is forgotten"))
}
