//! A planner that does what a test says.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "each test file uses its part")]

mod guests;

pub(crate) use guests::*;

use faabric_wire::proto::planner_server::{Planner, PlannerServer};
use faabric_wire::proto::worker_link_server::{WorkerLink, WorkerLinkServer};
use faabric_wire::proto::{
    AttachRequest, CancelReply, CancelRequest, FromWorker, GetPolicyRequest, Hello, JobEnded,
    JobEvent, JobRef, JobSpec, JobsReply, JobsRequest, ModuleChunk, ModuleRef, PolicyRef,
    RankExited, RankLocation, Received, StartRanks, Stdin, StopJob, ToWorker, Welcome,
    WorkersReply, WorkersRequest, from_worker, to_worker,
};
use faabric_worker::{Config, Worker};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::Stream;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status, Streaming};

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A planner in this process.
pub(crate) struct FakePlanner {
    pub(crate) url: String,
    state: Arc<State>,
    joins: mpsc::Receiver<Session>,
}

struct State {
    modules: Mutex<HashMap<String, Vec<u8>>>,
    joins: mpsc::Sender<Session>,
    lease_ms: u64,
    /// Calls fail as if the planner was not there.
    away: AtomicBool,
    /// How many calls failed so.
    turned_away: tokio::sync::watch::Sender<usize>,
    /// Joins fail for good.
    refuses: AtomicBool,
}

impl State {
    fn check_present(&self) -> Result<(), Status> {
        if self.away.load(Ordering::SeqCst) {
            self.turned_away.send_modify(|count| *count += 1);
            return Err(Status::unavailable("away"));
        }
        Ok(())
    }
}

/// One connection of a worker.
pub(crate) struct Session {
    pub(crate) hello: Hello,
    orders: mpsc::Sender<Result<ToWorker, Status>>,
    reports: Streaming<FromWorker>,
    /// Whether reports are acknowledged as they are read.
    pub(crate) receipts: bool,
}

/// What came of a job.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// By rank and stream (1 stdout, 2 stderr).
    pub(crate) output: HashMap<(u32, i32), Vec<u8>>,
    pub(crate) exits: HashMap<u32, RankExited>,
    pub(crate) aborted: Vec<faabric_wire::proto::JobAborted>,
    pub(crate) started: Vec<u32>,
    pub(crate) leaving: bool,
    pub(crate) stdin_taken: u64,
}

impl Report {
    pub(crate) fn stdout(&self, rank: u32) -> String {
        let bytes = self.output.get(&(rank, 1)).cloned().unwrap_or_default();
        String::from_utf8(bytes).unwrap()
    }

    pub(crate) fn exit(&self, rank: u32) -> (i32, &str) {
        let exit = &self.exits[&rank];
        (exit.code, &exit.reason)
    }

    pub(crate) fn output_bytes(&self) -> usize {
        self.output.values().map(Vec::len).sum()
    }
}

impl FakePlanner {
    pub(crate) async fn start() -> Self {
        Self::with_lease(10_000).await
    }

    pub(crate) async fn with_lease(lease_ms: u64) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        let (sender, joins) = mpsc::channel(16);
        let state = Arc::new(State {
            modules: Mutex::default(),
            joins: sender,
            lease_ms,
            away: AtomicBool::new(false),
            turned_away: tokio::sync::watch::Sender::new(0),
            refuses: AtomicBool::new(false),
        });
        let server = tonic::transport::Server::builder()
            .add_service(PlannerServer::new(Service(Arc::clone(&state))))
            .add_service(WorkerLinkServer::new(Service(Arc::clone(&state))));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        Self {
            url: format!("http://{address}"),
            state,
            joins,
        }
    }

    /// Stores a module; returns its hash.
    pub(crate) fn put(&self, wat: &str) -> String {
        let wasm = wat::parse_str(wat).unwrap();
        let hash = blake3::hash(&wasm).to_string();
        self.put_as(&hash, wasm);
        hash
    }

    pub(crate) fn put_as(&self, hash: &str, wasm: Vec<u8>) {
        self.state
            .modules
            .lock()
            .unwrap()
            .insert(hash.to_owned(), wasm);
    }

    pub(crate) fn set_away(&self, away: bool) {
        self.state.away.store(away, Ordering::SeqCst);
    }

    /// Waits until so many calls have failed because the planner is away.
    pub(crate) async fn turned_away(&self, count: usize) {
        let mut turned_away = self.state.turned_away.subscribe();
        let enough = turned_away.wait_for(|so_far| *so_far >= count);
        tokio::time::timeout(PATIENCE, enough)
            .await
            .unwrap()
            .unwrap();
    }

    pub(crate) fn set_refuses(&self) {
        self.state.refuses.store(true, Ordering::SeqCst);
    }

    /// The next worker that joins.
    pub(crate) async fn join(&mut self) -> Session {
        tokio::time::timeout(PATIENCE, self.joins.recv())
            .await
            .unwrap()
            .unwrap()
    }

    pub(crate) fn config(&self, name: &str) -> Config {
        let (name, planner) = (name.to_owned(), self.url.clone());
        Config {
            name,
            planner,
            slots: 4,
            ..Config::default()
        }
    }

    /// A worker that has joined.
    pub(crate) async fn worker(&mut self, config: Config) -> (Running, Session) {
        let worker = Worker::start(config).await.unwrap();
        let handle = worker.handle();
        let running = Running {
            handle,
            task: tokio::spawn(worker.run(std::future::pending())),
        };
        (running, self.join().await)
    }
}

/// A worker that runs until it is told to end.
pub(crate) struct Running {
    pub(crate) handle: faabric_worker::Handle,
    pub(crate) task: JoinHandle<Result<(), faabric_worker::Error>>,
}

impl Running {
    pub(crate) async fn shut_down(self) {
        self.handle.shutdown();
        tokio::time::timeout(PATIENCE, self.task)
            .await
            .unwrap()
            .unwrap()
            .unwrap();
    }
}

/// A job of `ranks` ranks.
pub(crate) fn spec(module: &str, ranks: u32) -> JobSpec {
    JobSpec {
        name: "test".to_owned(),
        module: module.to_owned(),
        args: vec!["test".to_owned()],
        tier: "cranelift".to_owned(),
        ranks,
        ..JobSpec::default()
    }
}

impl Session {
    pub(crate) async fn order(&self, message: to_worker::Message) {
        self.orders
            .send(Ok(ToWorker {
                message: Some(message),
            }))
            .await
            .unwrap();
    }

    /// Starts all ranks of a job on this worker.
    pub(crate) async fn start(&self, job: u64, spec: JobSpec) {
        let ranks: Vec<u32> = (0..spec.ranks).collect();
        let world = vec![self.location(ranks.clone())];
        self.start_part(job, spec, ranks, world).await;
    }

    pub(crate) fn location(&self, ranks: Vec<u32>) -> RankLocation {
        let (worker, data_address) = (self.hello.worker.clone(), self.hello.data_address.clone());
        RankLocation {
            worker,
            data_address,
            ranks,
            incarnation: self.hello.incarnation,
        }
    }

    /// Starts some ranks of a job.
    pub(crate) async fn start_part(
        &self,
        job: u64,
        spec: JobSpec,
        ranks: Vec<u32>,
        world: Vec<RankLocation>,
    ) {
        let start = StartRanks {
            job,
            spec: Some(spec),
            ranks,
            world,
            families: Vec::new(),
            universe: 8,
        };
        self.order(to_worker::Message::Start(start)).await;
    }

    pub(crate) async fn stop(&self, job: u64, reason: &str) {
        let reason = reason.to_owned();
        self.order(to_worker::Message::Stop(StopJob {
            job,
            code: 1,
            reason,
        }))
        .await;
    }

    pub(crate) async fn stdin(&self, job: u64, data: &[u8], closed: bool) {
        let data = data.to_vec();
        self.order(to_worker::Message::Stdin(Stdin { job, data, closed }))
            .await;
    }

    pub(crate) async fn forget(&self, job: u64) {
        self.order(to_worker::Message::Ended(JobEnded { job }))
            .await;
    }

    /// The next report.
    pub(crate) async fn next_any(&mut self) -> FromWorker {
        let report = tokio::time::timeout(PATIENCE, self.reports.message()).await;
        report.expect("a report in time").unwrap().unwrap()
    }

    /// The next report that is no heartbeat.
    pub(crate) async fn next(&mut self) -> FromWorker {
        loop {
            let report = self.next_any().await;
            if matches!(report.message, Some(from_worker::Message::Heartbeat(_))) {
                continue;
            }
            if self.receipts {
                let sequence = report.sequence;
                self.order(to_worker::Message::Received(Received { sequence }))
                    .await;
            }
            return report;
        }
    }

    /// Reads reports until `enough`.
    pub(crate) async fn read_until(
        &mut self,
        report: &mut Report,
        enough: impl Fn(&Report) -> bool,
    ) {
        while !enough(report) {
            match self.next().await.message.unwrap() {
                from_worker::Message::Output(output) => {
                    let key = (output.rank, output.stream);
                    report.output.entry(key).or_default().extend(output.data);
                }
                from_worker::Message::RankExited(exit) => {
                    report.exits.insert(exit.rank, exit);
                }
                from_worker::Message::RankStarted(started) => report.started.push(started.rank),
                from_worker::Message::Aborted(aborted) => report.aborted.push(aborted),
                from_worker::Message::StdinTaken(taken) => report.stdin_taken = taken.bytes,
                from_worker::Message::Leaving(_) => report.leaving = true,
                other => panic!("{other:?}"),
            }
        }
    }

    /// Reads reports until `ranks` ranks have exited.
    pub(crate) async fn read_exits(&mut self, ranks: usize) -> Report {
        let mut report = Report::default();
        self.read_until(&mut report, |report| report.exits.len() == ranks)
            .await;
        report
    }

    /// Reads reports until `ranks` ranks run.
    pub(crate) async fn read_started(&mut self, ranks: usize) -> Report {
        let mut report = Report::default();
        self.read_until(&mut report, |report| report.started.len() == ranks)
            .await;
        report
    }
}

#[derive(Clone)]
struct Service(Arc<State>);

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl WorkerLink for Service {
    type JoinStream = ReceiverStream<Result<ToWorker, Status>>;

    async fn join(
        &self,
        request: Request<Streaming<FromWorker>>,
    ) -> Result<Response<Self::JoinStream>, Status> {
        let Self(state) = self;
        state.check_present()?;
        if state.refuses.load(Ordering::SeqCst) {
            return Err(Status::already_exists("the name is taken"));
        }
        let mut reports = request.into_inner();
        let hello = match reports.message().await?.and_then(|report| report.message) {
            Some(from_worker::Message::Hello(hello)) => hello,
            other => return Err(Status::invalid_argument(format!("{other:?}"))),
        };
        let (orders, stream) = mpsc::channel(64);
        let welcome = Welcome {
            lease_ms: state.lease_ms,
            receipts: true,
            ..Welcome::default()
        };
        let message = Some(to_worker::Message::Welcome(welcome));
        orders.send(Ok(ToWorker { message })).await.unwrap();
        let session = Session {
            hello,
            orders,
            reports,
            receipts: true,
        };
        state
            .joins
            .send(session)
            .await
            .map_err(|_| Status::unavailable("the test is over"))?;
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

fn not_here<T>() -> Result<Response<T>, Status> {
    Err(Status::unimplemented("workers do not call this"))
}

#[tonic::async_trait]
impl Planner for Service {
    type GetModuleStream = Answers<ModuleChunk>;
    type AttachStream = Answers<JobEvent>;

    async fn get_module(
        &self,
        request: Request<ModuleRef>,
    ) -> Result<Response<Self::GetModuleStream>, Status> {
        self.0.check_present()?;
        let hash = request.into_inner().hash;
        let module = self.0.modules.lock().unwrap().get(&hash).cloned();
        let module = module.ok_or_else(|| Status::not_found(format!("no module {hash}")))?;
        let chunks: Vec<_> = module
            .chunks(1000)
            .map(|data| {
                Ok(ModuleChunk {
                    data: data.to_vec(),
                })
            })
            .collect();
        Ok(Response::new(Box::pin(tokio_stream::iter(chunks))))
    }

    async fn put_module(
        &self,
        _: Request<Streaming<ModuleChunk>>,
    ) -> Result<Response<ModuleRef>, Status> {
        not_here()
    }

    async fn submit(&self, _: Request<JobSpec>) -> Result<Response<JobRef>, Status> {
        not_here()
    }

    async fn attach(
        &self,
        _: Request<Streaming<AttachRequest>>,
    ) -> Result<Response<Self::AttachStream>, Status> {
        not_here()
    }

    async fn jobs(&self, _: Request<JobsRequest>) -> Result<Response<JobsReply>, Status> {
        not_here()
    }

    async fn cancel(&self, _: Request<CancelRequest>) -> Result<Response<CancelReply>, Status> {
        not_here()
    }

    async fn workers(&self, _: Request<WorkersRequest>) -> Result<Response<WorkersReply>, Status> {
        not_here()
    }

    async fn set_policy(&self, _: Request<PolicyRef>) -> Result<Response<PolicyRef>, Status> {
        not_here()
    }

    async fn get_policy(
        &self,
        _: Request<GetPolicyRequest>,
    ) -> Result<Response<PolicyRef>, Status> {
        not_here()
    }
}
