//! The service over real gRPC, on port 0, with workers that run nothing.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod clients;
mod failures;
mod restart;

use super::Service;
use crate::log::Store;
use crate::{Config, Error};
use faabric_wire::proto::{
    self, AttachRequest, FromWorker, Hello, JobEvent, JobFinished, JobInfo, JobRanks, JobSpec,
    JobState, JobsRequest, ModuleChunk, Output, RankExited, StartRanks, Stream, from_worker,
    job_event, planner_client::PlannerClient, to_worker, worker_link_client::WorkerLinkClient,
};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Status, Streaming};

const MODULE: &[u8] = b"\0asm a program";

/// A planner on a free port.
struct Planner {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), Error>>,
}

fn config() -> Config {
    Config {
        listen: "127.0.0.1:0".to_owned(),
        ..Config::default()
    }
}

fn config_in(dir: &Path) -> Config {
    Config {
        data_dir: Some(dir.to_owned()),
        ..config()
    }
}

impl Planner {
    async fn start(config: Config) -> Self {
        Self::start_with(config, None).await
    }

    async fn start_with(config: Config, store: Option<Arc<dyn Store>>) -> Self {
        let service = Service::bind_with(config, store).await.unwrap();
        let address = service.handle().local_addr();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(service.run(async {
            let _ = stopped.await;
        }));
        Self {
            address,
            stop,
            task,
        }
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap().unwrap();
    }

    async fn channel(&self) -> Channel {
        let url = format!("http://{}", self.address);
        Channel::from_shared(url).unwrap().connect().await.unwrap()
    }

    async fn client(&self) -> Client {
        Client(PlannerClient::new(self.channel().await))
    }

    /// A worker that has joined.
    async fn worker(&self, name: &str, slots: u32) -> Worker {
        let mut worker = self.join(hello(name, slots)).await.unwrap();
        let Some(to_worker::Message::Welcome(welcome)) = worker.hear().await else {
            panic!("not welcome");
        };
        assert!(welcome.receipts && welcome.lease_ms > 0);
        worker
    }

    async fn join(&self, hello: Hello) -> Result<Worker, Status> {
        let (say, said) = mpsc::channel(64);
        let message = from_worker::Message::Hello(hello);
        let message = FromWorker {
            message: Some(message),
            sequence: 0,
        };
        say.send(message).await.unwrap();
        let mut link = WorkerLinkClient::new(self.channel().await);
        let hear = link.join(ReceiverStream::new(said)).await?.into_inner();
        Ok(Worker {
            say,
            hear,
            sequence: 0,
        })
    }
}

fn hello(name: &str, slots: u32) -> Hello {
    Hello {
        worker: name.to_owned(),
        data_address: format!("{name}:1"),
        slots,
        running: Vec::new(),
        incarnation: 7,
    }
}

fn rehello(name: &str, slots: u32, job: u64, ranks: &[u32]) -> Hello {
    let running = JobRanks {
        job,
        ranks: ranks.to_vec(),
    };
    Hello {
        running: vec![running],
        ..hello(name, slots)
    }
}

/// A worker that does as it is told by the test.
struct Worker {
    say: mpsc::Sender<FromWorker>,
    hear: Streaming<proto::ToWorker>,
    sequence: u64,
}

impl Worker {
    /// The next message; None when the planner has closed the connection.
    async fn hear(&mut self) -> Option<to_worker::Message> {
        match self.hear.message().await {
            Ok(message) => message.map(|m| m.message.unwrap()),
            Err(_) => None,
        }
    }

    /// The next message that is no receipt.
    async fn told(&mut self) -> to_worker::Message {
        loop {
            match self.hear().await.expect("the connection is open") {
                to_worker::Message::Received(_) | to_worker::Message::Welcome(_) => {}
                message => return message,
            }
        }
    }

    /// Waits for a receipt of everything said so far.
    async fn acknowledged(&mut self) {
        loop {
            if let to_worker::Message::Received(r) = self.hear().await.unwrap()
                && r.sequence == self.sequence
            {
                return;
            }
        }
    }

    async fn started(&mut self) -> StartRanks {
        match self.told().await {
            to_worker::Message::Start(start) => start,
            other => panic!("expected to start ranks: {other:?}"),
        }
    }

    async fn stopped(&mut self) -> proto::StopJob {
        match self.told().await {
            to_worker::Message::Stop(stop) => stop,
            other => panic!("expected to stop a job: {other:?}"),
        }
    }

    async fn forgot(&mut self) -> u64 {
        match self.told().await {
            to_worker::Message::Ended(ended) => ended.job,
            other => panic!("expected to forget a job: {other:?}"),
        }
    }

    /// Says that it lives, often, until the task is aborted.
    fn beat(&self) -> JoinHandle<()> {
        let say = self.say.clone();
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(std::time::Duration::from_millis(50));
            loop {
                ticks.tick().await;
                let message = from_worker::Message::Heartbeat(proto::Heartbeat { sent_ns: 0 });
                let message = FromWorker {
                    message: Some(message),
                    sequence: 0,
                };
                if say.send(message).await.is_err() {
                    return;
                }
            }
        })
    }

    async fn say(&mut self, message: from_worker::Message) {
        self.sequence += 1;
        self.say_as(self.sequence, message).await;
    }

    async fn say_as(&mut self, sequence: u64, message: from_worker::Message) {
        let message = FromWorker {
            message: Some(message),
            sequence,
        };
        self.say.send(message).await.unwrap();
    }

    async fn exit(&mut self, job: u64, rank: u32, code: i32) {
        self.say(exited(job, rank, code)).await;
    }

    async fn print(&mut self, job: u64, rank: u32, text: &str) {
        self.say(output(job, rank, text)).await;
    }
}

fn exited(job: u64, rank: u32, code: i32) -> from_worker::Message {
    from_worker::Message::RankExited(RankExited {
        job,
        rank,
        code,
        reason: String::new(),
    })
}

fn output(job: u64, rank: u32, text: &str) -> from_worker::Message {
    from_worker::Message::Output(Output {
        job,
        rank,
        stream: Stream::Stdout.into(),
        data: text.as_bytes().to_vec(),
        offset: 0,
    })
}

struct Client(PlannerClient<Channel>);

impl Client {
    async fn put(&mut self, bytes: &[u8]) -> String {
        let chunks: Vec<ModuleChunk> = bytes
            .chunks(5)
            .map(|data| ModuleChunk {
                data: data.to_vec(),
            })
            .collect();
        let reply = self.0.put_module(tokio_stream::iter(chunks)).await;
        reply.unwrap().into_inner().hash
    }

    async fn submit(&mut self, ranks: u32) -> Result<u64, Status> {
        self.put(MODULE).await;
        let reply = self.0.submit(spec(ranks)).await?;
        Ok(reply.into_inner().job)
    }

    async fn attach(&mut self, job: u64, from_offset: u64) -> Result<Attached, Status> {
        let (say, said) = mpsc::channel(4);
        let first = AttachRequest {
            job,
            from_offset,
            ..AttachRequest::default()
        };
        say.send(first).await.unwrap();
        let events = self.0.attach(ReceiverStream::new(said)).await?.into_inner();
        Ok(Attached { say, events })
    }

    /// Follows a job to its end: its output, and how it ended.
    async fn wait(&mut self, job: u64) -> (Vec<Output>, JobFinished) {
        self.attach(job, 0).await.unwrap().rest().await
    }

    async fn job(&mut self, job: u64) -> JobInfo {
        let request = JobsRequest {
            jobs: vec![job],
            ..JobsRequest::default()
        };
        let reply = self.0.jobs(request).await.unwrap().into_inner();
        reply.jobs.into_iter().next().unwrap()
    }
}

fn spec(ranks: u32) -> JobSpec {
    JobSpec {
        name: "app.wasm".to_owned(),
        module: blake3::hash(MODULE).to_hex().to_string(),
        args: vec!["app.wasm".to_owned()],
        ranks,
        stdin: true,
        ..JobSpec::default()
    }
}

/// A client's connection to a job.
struct Attached {
    say: mpsc::Sender<AttachRequest>,
    events: Streaming<JobEvent>,
}

impl Attached {
    async fn next(&mut self) -> Option<job_event::Event> {
        let event = self.events.message().await.unwrap();
        event.map(|e| e.event.unwrap())
    }

    /// Skips to the next change of state to `state`.
    async fn until(&mut self, state: JobState) -> JobInfo {
        loop {
            match self.next().await.expect("the job has not ended") {
                job_event::Event::State(info) if info.state() == state => return info,
                _ => {}
            }
        }
    }

    async fn output(&mut self) -> Output {
        loop {
            match self.next().await.expect("the job has not ended") {
                job_event::Event::Output(output) => return output,
                job_event::Event::State(_) => {}
                job_event::Event::Finished(finished) => panic!("{finished:?}"),
            }
        }
    }

    async fn rest(mut self) -> (Vec<Output>, JobFinished) {
        let mut outputs = Vec::new();
        loop {
            match self.next().await.expect("the job finishes") {
                job_event::Event::State(_) => {}
                job_event::Event::Output(output) => outputs.push(output),
                job_event::Event::Finished(finished) => {
                    assert_eq!(self.next().await, None, "the end is the last event");
                    return (outputs, finished);
                }
            }
        }
    }
}

fn text(outputs: &[Output]) -> String {
    let texts = outputs.iter().map(|o| String::from_utf8_lossy(&o.data));
    texts.collect()
}
