//! `faabric run`: like `mpirun`. Submits a job, streams its output here and this
//! process's standard input to rank 0, and exits as the job did.
//!
//! ```text
//! module -> PutModule -> Submit -> Attach <=== output, state, end
//!                                    ^======== standard input
//! ```

use crate::cluster::{self, Client, Embedded, PlannerArgs};
use crate::profile::{self, Profile};
use crate::report::{Format, Reporter};
use anyhow::{Context, Result, bail};
use faabric_wire::proto::{
    AttachRequest, CancelRequest, Dir, EnvVar, JobEvent, JobFinished, JobInfo, JobSpec,
    ModuleChunk, Stream, job_event,
};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// Bytes of a module in one message.
const MODULE_CHUNK: usize = 1 << 20;
/// Bytes of standard input in one message.
const STDIN_CHUNK: usize = 64 << 10;
/// How long a lost planner may take to come back before the client gives up.
const RECONNECT_FOR: Duration = Duration::from_secs(30);
/// How long a job may take to end after Ctrl-C before the client leaves it. The planner
/// waits `stop_ms` (10 s) for ranks that do not end, then ends the job itself, and that
/// must still get here on a busy machine.
const CANCEL_FOR: Duration = Duration::from_secs(30);

/// Arguments of `faabric run`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// MPI ranks to start
    #[arg(short = 'n', long = "ranks", visible_alias = "np", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    ranks: u32,
    /// OpenMP threads of each rank (sets OMP_NUM_THREADS)
    #[arg(short = 't', long, default_value_t = 0, hide_default_value = true)]
    threads: u32,
    /// Environment variable for the ranks: NAME=VALUE, or NAME to pass this one on
    #[arg(short = 'x', long = "env", value_name = "NAME[=VALUE]")]
    env: Vec<String>,
    /// Folder the ranks may use: HOST:GUEST, with :ro for read-only. The current folder always is
    #[arg(long = "dir", value_name = "HOST:GUEST[:ro]")]
    dirs: Vec<String>,
    /// How ranks are placed: bin-pack or spread (default: the planner's policy)
    #[arg(long, default_value = "", hide_default_value = true)]
    policy: String,
    /// Compiler of the module: auto, cranelift or llvm
    #[arg(long, default_value = "", hide_default_value = true)]
    tier: String,
    /// Put `[job,rank]<stream>:` before every line of output
    #[arg(long, conflicts_with = "json")]
    tag_output: bool,
    /// Print output and result as JSON, one object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    profile: profile::Flags,
    /// Do not pass standard input to rank 0
    #[arg(long)]
    no_stdin: bool,
    /// Workers of the embedded cluster, used when no planner is configured
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1024))]
    workers: u32,
    /// Slots of each embedded worker (default: enough for all ranks)
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    slots: Option<u32>,
    #[command(flatten)]
    planner: PlannerArgs,
    /// The program, a Wasm module, and its arguments
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "MODULE [ARGS]"
    )]
    command: Vec<String>,
}

/// Runs a job to its end; returns the exit code.
///
/// # Errors
/// When the job could not be run at all.
pub(crate) fn run(args: Args) -> Result<u8> {
    let module = read_module(Path::new(&args.command[0]))?;
    let spec = job_spec(&args, &module)?;
    let profile = Profile::start(&args.profile)?;
    let runtime = tokio::runtime::Runtime::new().context("cannot start the I/O threads")?;
    let code = runtime.block_on(async {
        let signals = Signals::new()?;
        let Some(url) = &args.planner.planner else {
            let cluster = Embedded::start(args.workers, embedded_slots(&args)).await?;
            let code = run_on(cluster.url(), &args, spec, module, profile, signals).await;
            cluster.stop().await;
            return code;
        };
        run_on(url, &args, spec, module, profile, signals).await
    });
    // A rank that is stuck must not keep this process: what is left ends with it.
    runtime.shutdown_background();
    code
}

/// Enough slots that the job starts at once, and never fewer than the machine's cores.
fn embedded_slots(args: &Args) -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get() as u32);
    args.slots
        .unwrap_or_else(|| cores.max(args.ranks.div_ceil(args.workers)))
}

async fn run_on(
    url: &str,
    args: &Args,
    spec: JobSpec,
    module: Vec<u8>,
    profile: Option<Profile>,
    signals: Signals,
) -> Result<u8> {
    let mut client = cluster::connect(url).await?;
    let job = submit(&mut client, spec, module).await?;
    let format = Format::from_flags(args.json, args.tag_output);
    let mut follower = Follower {
        url: url.to_owned(),
        client,
        job,
        seen: 0,
        info: JobInfo::default(),
        reporter: Reporter::new(format),
        profile,
        json: args.json,
        stdin: (!args.no_stdin).then(Stdin::start),
        interrupted: None,
        give_up: None,
    };
    follower.follow(signals).await
}

/// Reads the module and refuses what is plainly none, so that nobody uploads an
/// executable to learn that it should have been compiled with `faabric cc`.
fn read_module(path: &Path) -> Result<Vec<u8>> {
    let bytes = std::fs::read(path)
        .with_context(|| format!("cannot read the program {}", path.display()))?;
    if bytes.starts_with(b"\0asm") {
        return Ok(bytes);
    }
    let what = match &bytes[..] {
        [] => "is empty",
        [0x7f, b'E', b'L', b'F', ..] => "is a native executable",
        [b'#', b'!', ..] => "is a script",
        _ => "is not a Wasm module",
    };
    bail!(
        "{} {what}; build it with `faabric cc` or `faabric c++` instead of cc or mpicc",
        path.display()
    )
}

fn job_spec(args: &Args, module: &[u8]) -> Result<JobSpec> {
    let mut argv = args.command.clone();
    if argv.get(1).is_some_and(|arg| arg == "--") {
        argv.remove(1);
    }
    let name = Path::new(&argv[0])
        .file_name()
        .map_or_else(|| argv[0].clone(), |n| n.to_string_lossy().into_owned());
    let (mpi_summary, mpi_trace) = args.profile.asked();
    Ok(JobSpec {
        name,
        module: blake3::hash(module).to_hex().to_string(),
        args: argv,
        env: environment(&args.env)?,
        dirs: dirs(&args.dirs)?,
        ranks: args.ranks,
        threads: args.threads,
        policy: args.policy.clone(),
        tier: args.tier.clone(),
        stdin: !args.no_stdin,
        mpi_summary,
        mpi_trace,
    })
}

/// What `--env` asks for, and PWD: the guest's libc starts in the folder it names.
fn environment(requested: &[String]) -> Result<Vec<EnvVar>> {
    let pwd = EnvVar {
        name: "PWD".to_owned(),
        value: path_text(&current_dir()?)?,
    };
    let own = settings().filter(|setting| {
        let names = requested.iter().map(|entry| entry.split('=').next());
        !names.into_iter().flatten().any(|name| name == setting.name)
    });
    let own: Vec<_> = own.map(Ok).collect();
    let requested = requested.iter().map(|entry| env_var(entry));
    requested.chain(own).chain([Ok(pwd)]).collect()
}

/// What adjusts the MPI engine goes with every job, as mpirun's parameters do.
fn settings() -> impl Iterator<Item = EnvVar> {
    std::env::vars_os().filter_map(|(name, value)| {
        let (name, value) = (name.into_string().ok()?, value.into_string().ok()?);
        name.starts_with("FAABRIC_MPI_")
            .then_some(EnvVar { name, value })
    })
}

fn current_dir() -> Result<PathBuf> {
    std::env::current_dir().context("the current folder is gone")
}

fn env_var(entry: &str) -> Result<EnvVar> {
    if let Some((name, value)) = entry.split_once('=') {
        return Ok(EnvVar {
            name: name.to_owned(),
            value: value.to_owned(),
        });
    }
    let value = std::env::var(entry).with_context(|| {
        format!("--env {entry}: this variable is not set here; give it a value with {entry}=VALUE")
    })?;
    Ok(EnvVar {
        name: entry.to_owned(),
        value,
    })
}

/// The current folder, as `.` and under its own name, and what `--dir` adds.
fn dirs(requested: &[String]) -> Result<Vec<Dir>> {
    let here = path_text(&current_dir()?)?;
    let mut dirs = vec![
        Dir {
            host: here.clone(),
            guest: ".".to_owned(),
            read_only: false,
        },
        Dir {
            host: here.clone(),
            guest: here,
            read_only: false,
        },
    ];
    for entry in requested {
        let (pair, read_only) = match entry.strip_suffix(":ro") {
            Some(pair) => (pair, true),
            None => (entry.as_str(), false),
        };
        let (host, guest) = pair.split_once(':').unwrap_or((pair, pair));
        let path = std::fs::canonicalize(host)
            .with_context(|| format!("--dir {entry}: cannot use {host}"))?;
        if guest.is_empty() {
            bail!("--dir {entry}: the guest's name of the folder is empty; write HOST:GUEST");
        }
        dirs.push(Dir {
            host: path_text(&path)?,
            guest: guest.to_owned(),
            read_only,
        });
    }
    Ok(dirs)
}

fn path_text(path: &Path) -> Result<String> {
    let text = path
        .to_str()
        .with_context(|| format!("the folder {} has a name that is not UTF-8", path.display()))?;
    Ok(text.to_owned())
}

/// Submits the job; uploads its module only when the planner does not have it.
async fn submit(client: &mut Client, spec: JobSpec, module: Vec<u8>) -> Result<u64> {
    match client.submit(spec.clone()).await {
        Ok(reply) => return Ok(reply.into_inner().job),
        Err(status) if status.code() == tonic::Code::NotFound => {}
        Err(status) => return Err(refused(&status)),
    }
    let chunks: Vec<ModuleChunk> = module
        .chunks(MODULE_CHUNK)
        .map(|data| ModuleChunk {
            data: data.to_vec(),
        })
        .collect();
    client
        .put_module(tokio_stream::iter(chunks))
        .await
        .map_err(|status| refused(&status))?;
    let reply = client
        .submit(spec)
        .await
        .map_err(|status| refused(&status))?;
    Ok(reply.into_inner().job)
}

fn refused(status: &tonic::Status) -> anyhow::Error {
    anyhow::anyhow!("the planner refused the job: {}", status.message())
}

/// Follows one job over as many connections as it takes.
struct Follower {
    url: String,
    client: Client,
    job: u64,
    /// Output chunks shown so far: where a new connection goes on.
    seen: u64,
    info: JobInfo,
    reporter: Reporter,
    profile: Option<Profile>,
    json: bool,
    stdin: Option<Stdin>,
    /// The signal that has the job cancelled.
    interrupted: Option<EndSignal>,
    /// When to leave a job that was cancelled and does not end.
    give_up: Option<tokio::time::Instant>,
}

/// Why one connection's worth of following ended.
enum Pause {
    Finished(JobFinished),
    ConnectionLost(tonic::Status),
}

impl Follower {
    /// Follows the job to its end, or to where it is lost: what was reported until then
    /// is shown in any case.
    async fn follow(&mut self, signals: Signals) -> Result<u8> {
        let code = self.follow_to_end(signals).await;
        if let Some(profile) = &mut self.profile {
            profile.finish(&self.info, self.json)?;
        }
        code
    }

    async fn follow_to_end(&mut self, mut signals: Signals) -> Result<u8> {
        let mut lost_since: Option<Instant> = None;
        loop {
            match self
                .follow_connection(&mut signals, &mut lost_since)
                .await?
            {
                Pause::Finished(end) => {
                    let code = self.reporter.finish(&self.info, &end)?;
                    // The planner ends every cancelled job alike; a shell wants to know
                    // which signal it was.
                    return Ok(match self.interrupted {
                        Some(signal) if code == EndSignal::Interrupt.exit_code() => {
                            signal.exit_code()
                        }
                        _ => code,
                    });
                }
                Pause::ConnectionLost(status) => {
                    if matches!(
                        status.code(),
                        tonic::Code::NotFound | tonic::Code::InvalidArgument
                    ) {
                        bail!("job {} is lost: {}", self.job, status.message());
                    }
                    let since = *lost_since.get_or_insert_with(Instant::now);
                    if since.elapsed() > RECONNECT_FOR {
                        bail!(
                            "the planner at {} does not answer any more ({}); job {} may still be running: \
                             `faabric ps` tells once the planner is back",
                            self.url,
                            status.message(),
                            self.job
                        );
                    }
                    tracing::info!("lost the planner ({}), trying again", status.message());
                    let pause = tokio::time::sleep(Duration::from_millis(200));
                    self.unless_interrupted(&mut signals, pause).await?;
                }
            }
        }
    }

    async fn follow_connection(
        &mut self,
        signals: &mut Signals,
        lost_since: &mut Option<Instant>,
    ) -> Result<Pause> {
        let (requests, outbound) = mpsc::channel(4);
        let first = AttachRequest {
            job: self.job,
            from_offset: self.seen,
            ..AttachRequest::default()
        };
        requests
            .send(first)
            .await
            .context("the channel is new and has room")?;
        let mut client = self.client.clone();
        let attached = client.attach(ReceiverStream::new(outbound));
        let mut events = match self.unless_interrupted(signals, attached).await? {
            Ok(reply) => reply.into_inner(),
            Err(status) => return Ok(Pause::ConnectionLost(status)),
        };
        // On this connection: what was said on the last one may not have arrived.
        let mut told = false;
        loop {
            if let Some(signal) = self.interrupted
                && !std::mem::replace(&mut told, true)
            {
                let cancel = self.cancel(format!("interrupted by {}", signal.name()));
                self.unless_interrupted(signals, cancel).await?;
            }
            tokio::select! {
                event = events.message() => match event {
                    Ok(Some(event)) => {
                        *lost_since = None;
                        match self.take(event) {
                            Ok(None) => {}
                            Ok(Some(end)) => return Ok(Pause::Finished(end)),
                            Err(error) => {
                                // Nobody sees what the job still does.
                                let cancel = self.cancel("its output cannot be written".to_owned());
                                let _ = tokio::time::timeout(CANCEL_FOR, cancel).await;
                                return Err(error);
                            }
                        }
                    }
                    Ok(None) => return Ok(Pause::ConnectionLost(tonic::Status::unavailable("the planner hung up"))),
                    Err(status) => return Ok(Pause::ConnectionLost(status)),
                },
                Some(request) = next_stdin(&mut self.stdin) => {
                    if requests.send(request).await.is_err() {
                        self.stdin = None;
                    }
                }
                signal = signals.next() => self.interrupt(signal)?,
                () = at(self.give_up) => return Err(self.too_late()),
            }
        }
    }

    /// Waits for `what`, as long as signals allow: after the first one the job is cancelled as
    /// soon as the planner can be told, and has its time to end; the second one ends the wait.
    async fn unless_interrupted<T>(
        &mut self,
        signals: &mut Signals,
        what: impl Future<Output = T>,
    ) -> Result<T> {
        let mut what = pin!(what);
        loop {
            tokio::select! {
                done = &mut what => return Ok(done),
                signal = signals.next() => self.interrupt(signal)?,
                () = at(self.give_up) => return Err(self.too_late()),
            }
        }
    }

    fn interrupt(&mut self, signal: EndSignal) -> Result<()> {
        if self.give_up.is_some() {
            bail!(
                "interrupted again; job {} may still be running: `faabric ps` tells",
                self.job
            );
        }
        self.give_up = Some(tokio::time::Instant::now() + CANCEL_FOR);
        self.interrupted = Some(signal);
        Ok(())
    }

    fn too_late(&self) -> anyhow::Error {
        let seconds = CANCEL_FOR.as_secs();
        anyhow::anyhow!(
            "job {} did not end within {seconds} s of being cancelled",
            self.job
        )
    }

    fn take(&mut self, event: JobEvent) -> Result<Option<JobFinished>> {
        match event.event {
            Some(job_event::Event::State(info)) => {
                if !info.waiting_for.is_empty() && info.waiting_for != self.info.waiting_for {
                    eprintln!("faabric: job {} is queued: {}", self.job, info.waiting_for);
                }
                self.info = info;
            }
            // A reconnect may repeat a chunk; showing it twice would be wrong.
            Some(job_event::Event::Output(chunk)) if chunk.offset >= self.seen => {
                self.seen = chunk.offset + 1;
                if chunk.stream == Stream::Mpi as i32 {
                    if let Some(profile) = &mut self.profile {
                        profile.take(&chunk)?;
                    }
                } else {
                    self.reporter
                        .output(&chunk)
                        .context("cannot write the job's output")?;
                }
            }
            Some(job_event::Event::Finished(end)) => return Ok(Some(end)),
            Some(job_event::Event::Output(_)) | None => {}
        }
        Ok(None)
    }

    fn cancel(&self, reason: String) -> impl Future<Output = ()> + use<> {
        let (mut client, job) = (self.client.clone(), self.job);
        async move {
            if let Err(status) = client.cancel(CancelRequest { job, reason }).await {
                eprintln!("faabric: cannot cancel job {job}: {}", status.message());
            }
        }
    }
}

async fn next_stdin(stdin: &mut Option<Stdin>) -> Option<AttachRequest> {
    let request = match stdin {
        Some(open) => open.requests.recv().await,
        None => return std::future::pending().await,
    };
    if request.is_none() {
        *stdin = None;
    }
    request
}

async fn at(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Standard input, read by a thread of its own: a blocked read must not keep the
/// process from ending.
struct Stdin {
    requests: mpsc::Receiver<AttachRequest>,
}

impl Stdin {
    fn start() -> Self {
        let (sender, requests) = mpsc::channel(4);
        std::thread::spawn(move || {
            let mut buffer = vec![0; STDIN_CHUNK];
            loop {
                let read = std::io::stdin().read(&mut buffer).unwrap_or(0);
                let request = AttachRequest {
                    stdin: buffer[..read].to_vec(),
                    stdin_closed: read == 0,
                    ..AttachRequest::default()
                };
                if sender.blocking_send(request).is_err() || read == 0 {
                    return;
                }
            }
        });
        Self { requests }
    }
}

/// A signal that ends a job.
#[derive(Clone, Copy)]
enum EndSignal {
    Interrupt,
    Terminate,
    Hangup,
}

impl EndSignal {
    fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
            Self::Hangup => "SIGHUP",
        }
    }

    /// What a shell shows of a process that this signal ended: 128 and its number.
    fn exit_code(self) -> u8 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
            Self::Hangup => 129,
        }
    }
}

/// Where the signals that end a job arrive.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> EndSignal {
        tokio::select! {
            _ = self.interrupt.recv() => EndSignal::Interrupt,
            _ = self.terminate.recv() => EndSignal::Terminate,
            _ = self.hangup.recv() => EndSignal::Hangup,
        }
    }
}
