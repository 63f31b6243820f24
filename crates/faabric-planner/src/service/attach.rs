//! Clients that follow a job.
//!
//! ```text
//!  core.rs --JobInfo (latest)--+
//!                              +--> follow() --(at most 16 events)--> client
//!  output/ --from the offset---+
//!  client --standard input--> forward() --> rank 0's worker
//! ```
//! A slow client reads output from the log at its own pace; nothing is buffered for it but
//! the 16 events. A client that goes away leaves the job alone.

use super::core::{Core, Input};
use crate::output::{Follower, Read};
use faabric_wire::id::JobId;
use faabric_wire::proto::{
    AttachRequest, JobEvent, JobInfo, JobState, Output, Stdin, Stream, job_event::Event,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::error::SendError;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

const EVENTS: usize = 16;

/// How soon standard input is tried again whose worker has no connection.
const RETRY: Duration = Duration::from_millis(50);

/// What a client gets.
pub(super) type JobEvents = ReceiverStream<Result<JobEvent, Status>>;

type Jobs = watch::Receiver<Arc<JobInfo>>;

/// Starts to follow the job that the first request names.
pub(super) async fn start(
    core: &Core,
    mut requests: Streaming<AttachRequest>,
    stopped: watch::Receiver<bool>,
) -> Result<JobEvents, Status> {
    let first = requests.message().await?;
    let first = first.ok_or_else(|| Status::invalid_argument("job: missing"))?;
    let job = JobId(first.job);
    let info = core.ask(|reply| Input::Watch { job, reply }).await?;
    let output = core.outputs.log(job).follow(first.from_offset);
    let no_follow = first.no_follow;
    let (events, receive) = mpsc::channel(EVENTS);
    let input = forward(core.clone(), first, requests, info.clone());
    let mut until = stopped.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = input => {}
            () = set(&mut until) => {}
        }
    });
    tokio::spawn(async move {
        if no_follow {
            // A client that is gone is not told.
            let _ = replay(job, info, output, Events(events)).await;
        } else {
            follow(job, info, output, events, stopped).await;
        }
    });
    Ok(ReceiverStream::new(receive))
}

/// Nobody reads the events any more.
struct Gone;

struct Events(mpsc::Sender<Result<JobEvent, Status>>);

impl Events {
    async fn send(&self, event: Event) -> Result<(), Gone> {
        let event = JobEvent { event: Some(event) };
        self.0.send(Ok(event)).await.map_err(|_| Gone)
    }
}

/// Sends what is there now.
async fn replay(job: JobId, info: Jobs, mut output: Follower, events: Events) -> Result<(), Gone> {
    let now = info.borrow().clone();
    pump(job, &mut output, &events).await?;
    events.send(Event::State((*now).clone())).await?;
    match now.finished.clone() {
        Some(finished) => events.send(Event::Finished(finished)).await,
        None => Ok(()),
    }
}

async fn follow(
    job: JobId,
    mut info: Jobs,
    mut output: Follower,
    events: mpsc::Sender<Result<JobEvent, Status>>,
    mut stopped: watch::Receiver<bool>,
) {
    let events = Events(events);
    let mut news = true;
    loop {
        let now = info.borrow_and_update().clone();
        let finished = now.finished.clone();
        if news && finished.is_none() && events.send(Event::State((*now).clone())).await.is_err() {
            return;
        }
        // All output of a rank is in the log before its end is known, so what is there
        // once the job has finished is all of it.
        if pump(job, &mut output, &events).await.is_err() {
            return;
        }
        if let Some(finished) = finished {
            if events.send(Event::State((*now).clone())).await.is_ok() {
                let _ = events.send(Event::Finished(finished)).await;
            }
            return;
        }
        let ended = tokio::select! {
            changed = info.changed() => match changed {
                Ok(()) => {
                    news = true;
                    continue;
                }
                Err(_) => Status::not_found(format!("{job} is forgotten")),
            },
            () = output.grown() => {
                news = false;
                continue;
            }
            () = events.0.closed() => return,
            () = set(&mut stopped) => {
                Status::unavailable("the planner is shutting down; the job goes on")
            }
        };
        // If it cannot be sent, nobody wants to know.
        let _ = events.0.send(Err(ended)).await;
        return;
    }
}

/// Waits for the flag, or for the end of who would set it.
async fn set(flag: &mut watch::Receiver<bool>) {
    let _ = flag.wait_for(|set| *set).await;
}

/// Sends the output that is there.
async fn pump(job: JobId, output: &mut Follower, events: &Events) -> Result<(), Gone> {
    let mut offset = output.offset();
    loop {
        match output.read().await {
            Read::Chunks(first, chunks) => {
                offset = first;
                for chunk in chunks {
                    let event = Output {
                        job: job.0,
                        rank: chunk.rank.0,
                        stream: chunk.stream,
                        data: chunk.data.to_vec(),
                        offset,
                    };
                    events.send(Event::Output(event)).await?;
                    offset += 1;
                }
            }
            Read::Missed(chunks) => {
                offset += chunks;
                let note = format!(
                    "faabric: {chunks} pieces of output are not kept any more (the planner's max_output)\n"
                );
                let event = Output {
                    job: job.0,
                    rank: 0,
                    stream: Stream::Stderr.into(),
                    data: note.into_bytes(),
                    offset: offset.saturating_sub(1),
                };
                events.send(Event::Output(event)).await?;
            }
            Read::End => return Ok(()),
        }
    }
}

/// Passes standard input on to the worker of rank 0, once the job runs.
async fn forward(
    core: Core,
    first: AttachRequest,
    mut requests: Streaming<AttachRequest>,
    mut info: Jobs,
) {
    let job = first.job;
    let mut room = core.input.open(JobId(job));
    let mut request = first;
    loop {
        if !request.stdin.is_empty() || request.stdin_closed {
            let runs = info.wait_for(|info| info.state() != JobState::Queued).await;
            let Ok(now) = runs.map(|info| info.clone()) else {
                return;
            };
            let has_rank_0 = |p: &&faabric_wire::proto::Placement| p.ranks.contains(&0);
            let Some(place) = now.placement.iter().find(has_rank_0) else {
                return; // cancelled in the queue
            };
            if !request.stdin.is_empty() {
                let ended = info.wait_for(|info| info.state() == JobState::Finished);
                tokio::select! {
                    () = room.take(request.stdin.len()) => {}
                    _ = ended => return,
                }
            }
            let mut stdin = Stdin {
                job,
                data: std::mem::take(&mut request.stdin),
                closed: request.stdin_closed,
            };
            // Without a connection the worker comes back, or is lost and the job fails.
            loop {
                let unsent = match core.links.stdin(&place.worker) {
                    Some(link) => link.send(stdin).await.err(),
                    None => Some(SendError(stdin)),
                };
                let Some(SendError(again)) = unsent else {
                    break;
                };
                stdin = again;
                let ended = info.wait_for(|info| info.state() == JobState::Finished);
                if tokio::time::timeout(RETRY, ended).await.is_ok() {
                    return;
                }
            }
        }
        request = match requests.message().await {
            Ok(Some(request)) => request,
            // A client that goes away, or has no more to say.
            Ok(None) | Err(_) => return,
        };
    }
}
