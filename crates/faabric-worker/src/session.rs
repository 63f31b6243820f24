//! The worker's connection to its planner, made anew whenever it breaks.
//!
//! ```text
//!  Hello --> Welcome --> what was not received, exits --> new reports, heartbeats
//!    ^                                                          |
//!    '---------- backoff <------------- connection lost <-------'
//!                    `-- too long without the planner: all jobs are stopped
//! ```
//! **Fencing.** A planner that does not hear of a worker for a lease takes its ranks for
//! dead, and may start them elsewhere after `Welcome.fence_ms`. So a worker that does not
//! reach its planner for so long stops them: a rank never runs at two places. It keeps
//! trying to join, and then offers empty slots. A planner that is back before finds the
//! jobs running.

use crate::error::Error;
use crate::worker::Shared;
use faabric_wire::MAX_MESSAGE;
use faabric_wire::clock;
use faabric_wire::proto::from_worker::Message;
use faabric_wire::proto::to_worker::Message as Order;
use faabric_wire::proto::worker_link_client::WorkerLinkClient;
use faabric_wire::proto::{Clock, FromWorker, Heartbeat, ToWorker, Welcome};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status, Streaming};

/// How long the planner's welcome may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long one attempt to connect may take: well below the planner's grace for a worker
/// whose connection broke, since a lost packet must not cost more than one attempt.
const CONNECT: Duration = Duration::from_secs(1);
/// The nice value of the session's thread.
const URGENT: i32 = -10;
/// Pause before the second attempt to connect; doubled for each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// The longest pause: how late a worker may notice that the planner is back.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// Silence after which the planner's machine is asked whether it is there.
const PROBE: Duration = Duration::from_secs(2);
/// Heartbeats and reports between here and the connection.
const BUFFERED: usize = 16;

/// The connection to a planner; made when it is first used.
pub(crate) fn channel(url: &str) -> Result<Channel, Error> {
    let endpoint = Endpoint::from_shared(url.to_owned()).map_err(|source| Error::PlannerUrl {
        url: url.to_owned(),
        source,
    })?;
    Ok(endpoint
        .connect_timeout(CONNECT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(PROBE)
        .keep_alive_timeout(PROBE)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(4 << 20)
        .connect_lazy())
}

/// Starts the thread that stays connected until `stopped`, or until the planner refuses
/// this worker.
///
/// The planner takes a worker that is silent for dead, so this must get to run however
/// many ranks compute or spin. It has a thread of its own, which shares no executor with
/// work that may take long, and which goes before them where the system lets it.
pub(crate) fn start(
    shared: Arc<Shared>,
    joined: watch::Sender<bool>,
    stopped: watch::Receiver<bool>,
) -> io::Result<oneshot::Receiver<Result<(), Error>>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (ended, end) = oneshot::channel();
    let body = move || {
        // Only this thread, on Linux; refused to who is not privileged. Then it shares
        // the processors fairly with the ranks, and as one that sleeps much it is
        // preferred when it wakes.
        let _ = rustix::process::setpriority_process(None, URGENT);
        let outcome = runtime.block_on(async {
            // Of this runtime: connections live where they are made.
            let planner = channel(&shared.config.planner)?;
            run(shared, planner, joined, stopped).await
        });
        // Nobody waits for it if the worker was dropped.
        let _ = ended.send(outcome);
    };
    let thread = std::thread::Builder::new().name("faabric-session".to_owned());
    thread.spawn(body)?;
    Ok(end)
}

/// Stays connected until `stopped`, or the planner refuses this worker.
async fn run(
    shared: Arc<Shared>,
    planner: Channel,
    joined: watch::Sender<bool>,
    mut stopped: watch::Receiver<bool>,
) -> Result<(), Error> {
    let mut pause = FIRST_PAUSE;
    let mut fence = Fence::default();
    loop {
        let mut welcomed = false;
        let welcome = |welcome: &Welcome, fence: &mut Fence| {
            fence.lift(welcome);
            joined.send_replace(true);
            welcomed = true;
        };
        let status = tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => return Ok(()),
            status = connection(&shared, &planner, &mut fence, welcome) => status,
        };
        if let Code::AlreadyExists | Code::InvalidArgument | Code::PermissionDenied = status.code()
        {
            let (url, worker) = (shared.config.planner.clone(), shared.name.clone());
            return Err(Error::Refused {
                url,
                worker,
                reason: status.message().to_owned(),
            });
        }
        if welcomed {
            tracing::warn!(reason = status.message(), "lost the planner");
            pause = FIRST_PAUSE;
        } else {
            tracing::debug!(reason = status.message(), "cannot reach the planner");
        }
        fence.raise(&shared);
        tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => return Ok(()),
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
        }
    }
}

/// One connection, from Hello to its end; returns why it ended.
async fn connection(
    shared: &Arc<Shared>,
    planner: &Channel,
    fence: &mut Fence,
    welcomed: impl FnOnce(&Welcome, &mut Fence),
) -> Status {
    let (sender, receiver) = mpsc::channel(BUFFERED);
    let hello = FromWorker {
        sequence: 0,
        message: Some(Message::Hello(shared.hello())),
    };
    let sent_ns = clock::monotonic_ns();
    if sender.send(hello).await.is_err() {
        return Status::internal("the connection did not start");
    }
    let (welcome, mut orders) = match join(planner, receiver).await {
        Ok(joined) => joined,
        Err(status) => return status,
    };
    welcomed(&welcome, fence);
    // An older planner does not say.
    if welcome.planner_ns != 0 {
        shared.alignment.answered(&Clock {
            sent_ns,
            planner_ns: welcome.planner_ns,
            boot: welcome.boot.clone(),
        });
    }
    let lease = Duration::from_millis(welcome.lease_ms.max(1));
    tokio::select! {
        closed = report(shared, &sender, welcome.receipts) => closed,
        closed = beat(&sender, lease / 3) => closed,
        status = obey(shared, &mut orders) => status,
    }
}

/// Says hello and waits for the welcome.
async fn join(
    planner: &Channel,
    reports: mpsc::Receiver<FromWorker>,
) -> Result<(Welcome, Streaming<ToWorker>), Status> {
    let mut client = WorkerLinkClient::new(planner.clone())
        .max_decoding_message_size(MAX_MESSAGE)
        .max_encoding_message_size(MAX_MESSAGE);
    let joining = async {
        let mut orders = client
            .join(ReceiverStream::new(reports))
            .await?
            .into_inner();
        match orders.message().await?.and_then(|order| order.message) {
            Some(Order::Welcome(welcome)) => Ok((welcome, orders)),
            Some(other) => Err(Status::internal(format!("no welcome but {other:?}"))),
            None => Err(Status::unavailable("the planner closed the connection")),
        }
    };
    let late = |_| Status::deadline_exceeded("the planner does not answer");
    tokio::time::timeout(PATIENCE, joining)
        .await
        .map_err(late)?
}

/// Sends reports until the connection closes.
async fn report(shared: &Shared, sender: &mpsc::Sender<FromWorker>, receipts: bool) -> Status {
    let exits = shared.jobs().iter().flat_map(|job| job.exits()).collect();
    shared.outbox.reconnected(receipts, exits);
    loop {
        // First the room, then the message: none is taken that cannot be sent.
        let Ok(room) = sender.reserve().await else {
            return Status::unavailable("the planner closed the connection");
        };
        room.send(shared.outbox.next().await);
    }
}

/// Tells the planner that this worker lives.
async fn beat(sender: &mpsc::Sender<FromWorker>, every: Duration) -> Status {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let sent_ns = clock::monotonic_ns();
        let message = Some(Message::Heartbeat(Heartbeat { sent_ns }));
        if sender
            .send(FromWorker {
                sequence: 0,
                message,
            })
            .await
            .is_err()
        {
            return Status::unavailable("the planner closed the connection");
        }
    }
}

/// Does what the planner says. Nothing here waits for a job.
async fn obey(shared: &Arc<Shared>, orders: &mut Streaming<ToWorker>) -> Status {
    loop {
        match orders.message().await {
            Ok(Some(order)) => match order.message {
                Some(Order::Start(start)) => shared.start_job(start),
                Some(Order::Stop(stop)) => shared.stop_job(&stop),
                Some(Order::Stdin(stdin)) => shared.feed_job(&stdin),
                Some(Order::Ended(ended)) => shared.forget_job(ended.job),
                Some(Order::Spawned(done)) => shared.answer_spawn(done),
                Some(Order::Received(received)) => shared.outbox.received(received.sequence),
                Some(Order::Clock(clock)) => shared.alignment.answered(&clock),
                // A newer planner's order that this worker does not know.
                Some(Order::Welcome(_)) | None => {}
            },
            Ok(None) => return Status::unavailable("the planner closed the connection"),
            Err(status) => return status,
        }
    }
}

/// Stops all jobs when the planner has been away for too long.
#[derive(Default)]
struct Fence {
    /// As the last planner said.
    after: Duration,
    timer: Option<JoinHandle<()>>,
}

impl Fence {
    fn lift(&mut self, welcome: &Welcome) {
        let ms = match welcome.fence_ms {
            0 => welcome.lease_ms,
            ms => ms,
        };
        self.after = Duration::from_millis(ms);
        if let Some(timer) = self.timer.take() {
            timer.abort();
        }
    }

    /// Starts the time, if it does not run yet.
    fn raise(&mut self, shared: &Arc<Shared>) {
        let (shared, after) = (Arc::clone(shared), self.after);
        self.timer.get_or_insert_with(|| {
            tokio::spawn(async move {
                tokio::time::sleep(after).await;
                let reason = format!(
                    "worker {} has not reached the planner for {} ms and counts as dead there",
                    shared.name,
                    after.as_millis()
                );
                shared.stop_all(&reason);
            })
        });
    }
}

impl Drop for Fence {
    fn drop(&mut self) {
        if let Some(timer) = self.timer.take() {
            timer.abort();
        }
    }
}
