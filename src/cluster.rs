//! The cluster a command talks to: the configured one, or for `faabric run` without
//! one, an embedded planner with workers in this very process.
//!
//! The embedded cluster runs the code of the real one, gRPC and data plane over
//! loopback on ports the system picks, so two on one machine never meet, and
//! nothing is left when the process ends, however it ends.

use anyhow::{Context, Result};
use faabric_wire::MAX_MESSAGE;
use faabric_wire::proto::planner_client::PlannerClient;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tonic::transport::{Channel, Endpoint};

/// Where `faabric planner` and `faabric up` listen unless told otherwise.
pub(crate) const DEFAULT_PLANNER: &str = "http://127.0.0.1:7411";

/// How long a first connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How often a silent planner is asked whether it is there, and how long it has to answer.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// How long the workers of an embedded cluster may take to join before a job is submitted.
const JOIN_TIMEOUT: Duration = Duration::from_secs(5);

/// How long each part of an embedded cluster may take to end.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// A client of the planner's service.
pub(crate) type Client = PlannerClient<Channel>;

/// Which planner to use.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct PlannerArgs {
    /// The planner's address, for example http://127.0.0.1:7411
    #[arg(long, env = "FAABRIC_PLANNER", value_name = "URL")]
    pub(crate) planner: Option<String>,
}

impl PlannerArgs {
    /// The planner to ask: the configured one, or where `faabric up` puts one.
    pub(crate) fn url(&self) -> &str {
        self.planner.as_deref().unwrap_or(DEFAULT_PLANNER)
    }
}

/// Connects to the planner at `url`.
///
/// # Errors
/// When nothing answers there.
pub(crate) async fn connect(url: &str) -> Result<Client> {
    let channel = Endpoint::from_shared(url.to_owned())
        .with_context(|| {
            format!("'{url}' is not a planner address; it looks like {DEFAULT_PLANNER}")
        })?
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        // A planner that is frozen, or whose machine is gone, says nothing.
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .keep_alive_while_idle(true)
        .connect()
        .await
        .with_context(|| {
            format!(
                "no planner answers at {url}; start one with `faabric up` or `faabric planner`, \
                 or name another with --planner or FAABRIC_PLANNER"
            )
        })?;
    Ok(PlannerClient::new(channel)
        .max_decoding_message_size(MAX_MESSAGE)
        .max_encoding_message_size(MAX_MESSAGE))
}

/// A planner and workers inside this process.
pub(crate) struct Embedded {
    url: String,
    planner: Part,
    workers: Vec<Part>,
}

/// One service of an embedded cluster.
struct Part {
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<()>>,
}

impl Part {
    fn start<S>(service: impl FnOnce(watch::Receiver<bool>) -> S) -> Self
    where
        S: Future<Output = Result<()>> + Send + 'static,
    {
        let (stop, stopped) = watch::channel(false);
        Self {
            stop,
            task: tokio::spawn(service(stopped)),
        }
    }

    async fn stop(self) {
        let _ = self.stop.send(true);
        match tokio::time::timeout(STOP_TIMEOUT, self.task).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => tracing::warn!("the embedded cluster ended with: {error:#}"),
            Ok(Err(error)) => tracing::warn!("a task of the embedded cluster failed: {error}"),
            Err(_) => tracing::info!("a part of the embedded cluster did not end in time"),
        }
    }
}

impl Embedded {
    /// Starts a planner that keeps everything in memory and `workers` workers of
    /// `slots` slots each, which have joined it if the machine is not too busy.
    ///
    /// # Errors
    /// When no loopback port can be had or a component refuses its configuration.
    pub(crate) async fn start(workers: u32, slots: u32) -> Result<Self> {
        let config = faabric_planner::Config {
            listen: "127.0.0.1:0".to_owned(),
            data_dir: None,
            ..faabric_planner::Config::default()
        };
        let service = faabric_planner::Service::bind(config).await?;
        let url = format!("http://{}", service.local_addr());
        let planner =
            Part::start(|stopped| async move { Ok(service.run(until_set(stopped)).await?) });
        let mut cluster = Self {
            url,
            planner,
            workers: Vec::new(),
        };
        let mut handles = Vec::new();
        for index in 0..workers {
            let config = faabric_worker::Config {
                name: format!("local-{index}"),
                planner: cluster.url.clone(),
                slots,
                listen: "127.0.0.1:0".to_owned(),
                cache: Some(faabric_sdk::cache_directory()?),
                // This user's own process: jobs may use what the user may use.
                file_roots: vec![PathBuf::from("/")],
                ..faabric_worker::Config::default()
            };
            let worker = faabric_worker::Worker::start(config).await?;
            handles.push(worker.handle());
            let part =
                Part::start(|stopped| async move { Ok(worker.run(until_set(stopped)).await?) });
            cluster.workers.push(part);
        }
        // Else the planner would call the job queued for want of workers, and say so.
        let all_joined = async {
            for worker in &handles {
                worker.joined().await;
            }
        };
        if tokio::time::timeout(JOIN_TIMEOUT, all_joined)
            .await
            .is_err()
        {
            tracing::warn!("not all workers of the embedded cluster have joined it yet");
        }
        Ok(cluster)
    }

    /// Where its planner listens.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Ends the workers, then the planner they report to; what does not end in time
    /// ends with the process.
    pub(crate) async fn stop(self) {
        for worker in self.workers {
            worker.stop().await;
        }
        self.planner.stop().await;
    }
}

async fn until_set(mut flag: watch::Receiver<bool>) {
    // An error means the sender is gone, which is a request to stop as well.
    let _ = flag.wait_for(|set| *set).await;
}

/// Reads a component's configuration file; without one, its defaults.
///
/// # Errors
/// When the file cannot be read, or has a key or value the component does not know.
pub(crate) fn config_from<C: serde::de::DeserializeOwned + Default>(
    file: Option<&Path>,
) -> Result<C> {
    let Some(file) = file else {
        return Ok(C::default());
    };
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    toml::from_str(&text).with_context(|| {
        format!(
            "{} is not a valid configuration; --dump-config shows one",
            file.display()
        )
    })
}

/// How a service learns that it should end. `faabric up` starts its services with
/// `--supervised`: they say on stdout where they listen, and end when their standard
/// input closes, which the kernel does for them even if `up` is killed.
#[derive(clap::Args, Clone, Copy, Debug)]
pub(crate) struct Lifetime {
    #[arg(long, hide = true)]
    supervised: bool,
}

impl Lifetime {
    /// The lifetime of a service that only signals end.
    pub(crate) fn by_signal() -> Self {
        Self { supervised: false }
    }

    /// Tells the supervisor, if there is one, where this service listens.
    ///
    /// # Errors
    /// When the supervisor is gone.
    pub(crate) fn announce(self, address: &str) -> Result<()> {
        if self.supervised {
            let mut stdout = std::io::stdout();
            writeln!(stdout, "{address}")
                .and_then(|()| stdout.flush())
                .context("the supervisor is gone")?;
        }
        Ok(())
    }

    /// Resolves at SIGINT or SIGTERM, or when the supervisor is gone.
    ///
    /// # Errors
    /// When the signals cannot be watched.
    pub(crate) fn ended(self) -> Result<impl Future<Output = ()> + Send + 'static> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let supervisor_gone = async move {
            if !self.supervised {
                return std::future::pending().await;
            }
            let (gone, told) = tokio::sync::oneshot::channel();
            std::thread::spawn(move || {
                // Nothing is ever written to it: the copy ends when the pipe does.
                let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
                let _ = gone.send(());
            });
            let _ = told.await;
        };
        Ok(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                () = supervisor_gone => {}
            }
        })
    }
}
