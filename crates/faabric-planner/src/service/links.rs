//! The connections of workers.
//!
//! ```text
//!             control (ordered, at most 16384) --+
//!  core.rs --------------------------------------+--> merged, control first --> worker
//!  attach.rs  stdin (at most 4 pieces) ----------+
//!
//!  worker --> reader task: output -> output/, the rest -> core.rs --> Received
//! ```
//! Standard input has a queue of its own, so that a program that does not read cannot keep
//! its worker from being told anything; control goes first, so that input never comes
//! before the order to start.
//!
//! Nothing a worker says can harm the planner: unknown jobs and ranks are ignored by the
//! engine, messages are bounded, and one that talks faster than the planner listens waits.

use super::core::{Core, Input};
use crate::engine::{Event, Offer};
use crate::names::WorkerName;
use crate::output::{Chunk, Source};
use faabric_wire::clock;
use faabric_wire::id::{JobId, Rank};
use faabric_wire::proto::{
    self, FromWorker, Hello, Stdin, ToWorker, from_worker::Message as Said,
    to_worker::Message as Told, worker_link_server::WorkerLink,
};
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status, Streaming};

/// Messages that may wait for a worker: enough to start and stop thousands of jobs at once
/// when it comes back. One that takes no more is disconnected, and told anew.
const CONTROL: usize = 1 << 14;
/// Pieces of standard input that may wait for a worker; the client waits then.
const STDIN: usize = 4;
/// How long a connection may take to say Hello.
const HELLO: Duration = Duration::from_secs(10);
/// Received is sent after so many chunks of output, or when none came for a while.
const UNACKNOWLEDGED: u32 = 64;
const IDLE: Duration = Duration::from_millis(50);
/// More slots than any machine has; guards the sums.
const MAX_SLOTS: u32 = 1 << 20;
const MAX_NAME: usize = 255;

/// The planner's end of one connection. Dropping it ends the connection.
pub(super) struct LinkHandle {
    connection: u64,
    control: mpsc::Sender<Told>,
    stdin: mpsc::Sender<Stdin>,
    _open: oneshot::Sender<()>,
}

/// The connected workers.
#[derive(Default)]
pub(super) struct Links {
    by_worker: Mutex<HashMap<WorkerName, LinkHandle>>,
    connections: AtomicU64,
    /// What was heard of each worker process.
    heard: Mutex<HashMap<WorkerName, Heard>>,
}

struct Heard {
    incarnation: u64,
    sequence: Arc<AtomicU64>,
}

impl Links {
    /// Makes `link` the connection of `worker`; a previous one ends.
    pub(super) fn insert(&self, worker: WorkerName, link: LinkHandle) {
        lock(&self.by_worker).insert(worker, link);
    }

    /// Ends a connection, if it is still the worker's.
    pub(super) fn remove(&self, worker: &WorkerName, connection: u64) -> bool {
        let mut links = lock(&self.by_worker);
        let is_it = links
            .get(worker)
            .is_some_and(|l| l.connection == connection);
        is_it && links.remove(worker).is_some()
    }

    /// Ends the worker's connection.
    pub(super) fn end(&self, worker: &WorkerName) {
        lock(&self.by_worker).remove(worker);
    }

    /// Ends all connections.
    pub(super) fn close(&self) {
        lock(&self.by_worker).clear();
    }

    /// Queues a message. False when the worker takes none: its connection is ended then.
    /// True as well when there is no connection: nothing is lost that it is not told again.
    pub(super) fn tell(&self, worker: &WorkerName, message: Told) -> bool {
        let mut links = lock(&self.by_worker);
        let Some(link) = links.get(worker) else {
            return true;
        };
        let taken = link.control.try_send(message).is_ok();
        if !taken {
            links.remove(worker);
        }
        taken
    }

    /// The way of standard input to a worker.
    pub(super) fn stdin(&self, worker: &str) -> Option<mpsc::Sender<Stdin>> {
        let links = lock(&self.by_worker);
        links
            .get(&WorkerName::from(worker))
            .map(|link| link.stdin.clone())
    }

    /// The highest sequence heard of a worker process, over all its connections.
    fn heard(&self, worker: &WorkerName, incarnation: u64) -> Arc<AtomicU64> {
        let mut heard = lock(&self.heard);
        match heard.get(worker) {
            Some(known) if known.incarnation == incarnation => known.sequence.clone(),
            _ => {
                if heard.len() > 4096 {
                    let links = lock(&self.by_worker);
                    heard.retain(|worker, _| links.contains_key(worker));
                }
                let sequence = Arc::default();
                let new = Heard {
                    incarnation,
                    sequence: Arc::clone(&sequence),
                };
                heard.insert(worker.clone(), new);
                sequence
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the planner tells one worker, control before input.
pub(super) struct Outbound {
    control: mpsc::Receiver<Told>,
    stdin: mpsc::Receiver<Stdin>,
}

impl Stream for Outbound {
    type Item = Result<ToWorker, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let message = match self.control.poll_recv(cx) {
            Poll::Ready(Some(message)) => message,
            // The planner has ended the connection.
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Pending => match self.stdin.poll_recv(cx) {
                Poll::Ready(Some(stdin)) => Told::Stdin(stdin),
                Poll::Ready(None) | Poll::Pending => return Poll::Pending,
            },
        };
        Poll::Ready(Some(Ok(ToWorker {
            message: Some(message),
        })))
    }
}

/// The gRPC service that workers connect to.
pub(super) struct WorkerService {
    core: Core,
}

impl WorkerService {
    pub(super) fn new(core: Core) -> Self {
        Self { core }
    }
}

#[tonic::async_trait]
impl WorkerLink for WorkerService {
    type JoinStream = Outbound;

    async fn join(
        &self,
        request: Request<Streaming<FromWorker>>,
    ) -> Result<Response<Outbound>, Status> {
        let mut inbound = request.into_inner();
        let hello = tokio::time::timeout(HELLO, inbound.message()).await;
        let hello = hello.map_err(|_| Status::deadline_exceeded("a worker says Hello first"))??;
        let Some(Said::Hello(hello)) = hello.and_then(|m| m.message) else {
            return Err(Status::invalid_argument("a worker says Hello first"));
        };
        check(&hello)?;
        let worker = WorkerName::from(&*hello.worker);
        let connection = self.core.links.connections.fetch_add(1, Ordering::Relaxed);
        let jobs: Vec<JobId> = hello.running.iter().map(|j| JobId(j.job)).collect();
        let (control, control_out) = mpsc::channel(CONTROL);
        let (stdin, stdin_out) = mpsc::channel(STDIN);
        let (open, closed) = oneshot::channel();
        let link = LinkHandle {
            connection,
            control,
            stdin,
            _open: open,
        };
        self.core
            .ask(|reply| Input::Joined {
                worker: worker.clone(),
                offer: Offer {
                    data_address: hello.data_address,
                    incarnation: hello.incarnation,
                    slots: hello.slots,
                },
                running: running(hello.running),
                link,
                reply,
            })
            .await?;
        // Not before: a second worker of the name, which is refused, is another.
        let heard = self.core.links.heard(&worker, hello.incarnation);
        let reader = Reader {
            core: self.core.clone(),
            worker,
            incarnation: hello.incarnation,
            heard,
            kept: self
                .core
                .outputs
                .kept_of(hello.incarnation, jobs.into_iter()),
        };
        tokio::spawn(reader.run(inbound, connection, closed));
        Ok(Response::new(Outbound {
            control: control_out,
            stdin: stdin_out,
        }))
    }
}

fn running(jobs: Vec<proto::JobRanks>) -> Vec<(JobId, Vec<Rank>)> {
    let ranks = |j: proto::JobRanks| (JobId(j.job), j.ranks.into_iter().map(Rank).collect());
    jobs.into_iter().map(ranks).collect()
}

fn check(hello: &Hello) -> Result<(), Status> {
    let name = &hello.worker;
    let invalid = |what: String| Err(Status::invalid_argument(what));
    if name.is_empty()
        || name.len() > MAX_NAME
        || name.chars().any(|c| c.is_control() || c.is_whitespace())
    {
        return invalid(format!(
            "worker: a name has 1 to {MAX_NAME} bytes without spaces, and {name:?} has not"
        ));
    }
    if !(1..=MAX_SLOTS).contains(&hello.slots) {
        return invalid(format!(
            "slots: between 1 and {MAX_SLOTS}, not {}",
            hello.slots
        ));
    }
    if hello.data_address.is_empty() {
        return invalid("data_address: other workers must be able to reach this one".to_owned());
    }
    Ok(())
}

/// Reads what one worker says.
struct Reader {
    core: Core,
    worker: WorkerName,
    incarnation: u64,
    /// The highest sequence that was heard since the planner started.
    heard: Arc<AtomicU64>,
    /// Output up to this sequence was kept by the planner before this one.
    kept: u64,
}

impl Reader {
    async fn run(
        self,
        mut inbound: Streaming<FromWorker>,
        connection: u64,
        mut closed: oneshot::Receiver<()>,
    ) {
        let mut unsaid = Unsaid::default();
        let ended = loop {
            let next = async {
                match unsaid.messages {
                    0 => Ok(inbound.next().await),
                    _ => tokio::time::timeout(IDLE, inbound.next()).await,
                }
            };
            let next = tokio::select! {
                // Ends when the planner has dropped its end.
                _ = &mut closed => break "replaced or closed".to_owned(),
                next = next => next,
            };
            let handled = match next {
                Ok(Some(Ok(message))) => self.handle(message, &mut unsaid).await,
                Ok(Some(Err(status))) => break status.to_string(),
                Ok(None) => break "closed by the worker".to_owned(),
                // Nothing came for a while.
                Err(_) => self.say(None, &mut unsaid).await,
            };
            if handled.is_err() {
                break "the planner is shutting down".to_owned();
            }
        };
        tracing::debug!(worker = %self.worker, "connection ended: {ended}");
        let worker = self.worker;
        // An error means that the loop is gone, and with it the connection.
        let _ = self.core.send(Input::Left { worker, connection }).await;
    }

    async fn handle(&self, message: FromWorker, unsaid: &mut Unsaid) -> Result<(), Status> {
        let sequence = message.sequence;
        let again = sequence > 0 && self.heard.fetch_max(sequence, Ordering::Relaxed) >= sequence;
        if again && matches!(message.message, Some(Said::Output(_) | Said::StdinTaken(_))) {
            // Heard on an earlier connection; only the receipt was lost. With all else the
            // answer may have been lost too: the engine knows what it has heard, and repeats
            // what it said.
            unsaid.sequence = unsaid.sequence.max(sequence);
            unsaid.messages += 1;
            return Ok(());
        }
        unsaid.sequence = unsaid.sequence.max(sequence);
        let event = match message.message {
            Some(Said::Output(output)) => {
                unsaid.messages += 1;
                self.output(sequence, output);
                if unsaid.messages < UNACKNOWLEDGED {
                    return Ok(());
                }
                None
            }
            Some(Said::RankExited(exited)) => Some(Event::RankExited {
                worker: self.worker.clone(),
                job: JobId(exited.job),
                rank: Rank(exited.rank),
                code: exited.code,
                reason: exited.reason,
            }),
            Some(Said::Aborted(aborted)) => Some(Event::JobAborted {
                worker: self.worker.clone(),
                job: JobId(aborted.job),
                rank: Rank(aborted.rank),
                code: aborted.code,
                reason: aborted.reason,
            }),
            Some(Said::RankStarted(started)) => {
                tracing::debug!(worker = %self.worker, job = started.job, rank = started.rank, "rank started");
                None
            }
            Some(Said::Spawn(spawn)) => Some(Event::SpawnRequested {
                worker: self.worker.clone(),
                spawn: Arc::new(spawn),
            }),
            Some(Said::Leaving(_)) => Some(Event::WorkerLeaving {
                worker: self.worker.clone(),
            }),
            Some(Said::StdinTaken(taken)) => {
                self.core.input.taken(JobId(taken.job), taken.bytes);
                None
            }
            Some(Said::Heartbeat(beat)) => {
                self.answer_clock(beat.sent_ns);
                None
            }
            Some(Said::Hello(_)) | None => {
                tracing::debug!(worker = %self.worker, "a message without meaning is ignored");
                None
            }
        };
        self.say(event, unsaid).await
    }

    /// Tells a worker what time it is here. At once: the answer is worth as much as it
    /// is quick.
    fn answer_clock(&self, sent_ns: i64) {
        if sent_ns == 0 {
            return; // an older worker, which does not ask
        }
        let clock = proto::Clock {
            sent_ns,
            planner_ns: clock::monotonic_ns(),
            boot: clock::boot().to_owned(),
        };
        // A worker that takes no messages is noticed when it matters.
        self.core.links.tell(&self.worker, Told::Clock(clock));
    }

    /// Tells the loop, and with it what was kept so far.
    async fn say(&self, event: Option<Event>, unsaid: &mut Unsaid) -> Result<(), Status> {
        let sequence = std::mem::take(unsaid).sequence;
        let worker = self.worker.clone();
        let input = Input::Said {
            worker,
            sequence,
            event,
        };
        self.core.send(input).await
    }

    fn output(&self, sequence: u64, output: proto::Output) {
        if (1..=self.kept).contains(&sequence) {
            return;
        }
        let job = JobId(output.job);
        let stream = output.stream;
        if !self.core.outputs.knows(job) {
            tracing::debug!(worker = %self.worker, %job, "output of an unknown job is ignored");
            return;
        }
        self.core.outputs.log(job).append(Chunk {
            rank: Rank(output.rank),
            stream,
            data: output.data.into(),
            source: Source {
                incarnation: self.incarnation,
                sequence,
            },
        });
    }
}

/// What was heard and not yet told to the loop.
#[derive(Default)]
struct Unsaid {
    messages: u32,
    sequence: u64,
}
