//! `faabric worker`: the worker as a service, one per VM.

use crate::cluster::{self, PlannerArgs};
use anyhow::{Context, Result};
use faabric_wire::tls;
use faabric_worker::{Config, Worker};
use std::path::PathBuf;

/// Arguments of `faabric worker`; what is not given comes from the file, then from the defaults.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Configuration file (TOML); --dump-config shows its keys
    #[arg(long, env = "FAABRIC_WORKER_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    planner: PlannerArgs,
    /// Name in the cluster, unique (default: made of the host's name and the process)
    #[arg(long, env = "FAABRIC_WORKER_NAME")]
    name: Option<String>,
    /// Ranks it runs at a time (default: the cores of the machine)
    #[arg(long, env = "FAABRIC_WORKER_SLOTS", value_parser = clap::value_parser!(u32).range(1..))]
    slots: Option<u32>,
    /// Address for messages from other workers; port 0 takes a free one
    #[arg(long, env = "FAABRIC_WORKER_LISTEN", value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Address under which other workers reach this one, when it is not the one it listens on
    #[arg(long, env = "FAABRIC_WORKER_ADVERTISE", value_name = "ADDRESS:PORT")]
    advertise: Option<String>,
    /// Certificate of this worker (PEM), for the cluster's name: messages between workers are
    /// then encrypted, and only workers with one get in
    #[arg(long, env = "FAABRIC_WORKER_TLS_CERT", value_name = "FILE", requires_all = ["tls_key", "tls_ca"])]
    tls_cert: Option<PathBuf>,
    /// Private key of the certificate (PEM)
    #[arg(
        long,
        env = "FAABRIC_WORKER_TLS_KEY",
        value_name = "FILE",
        requires = "tls_cert"
    )]
    tls_key: Option<PathBuf>,
    /// Certificate of the authority that signs for workers of the cluster (PEM)
    #[arg(
        long,
        env = "FAABRIC_WORKER_TLS_CA",
        value_name = "FILE",
        requires = "tls_cert"
    )]
    tls_ca: Option<PathBuf>,
    /// Folder that jobs may map with --dir, with all below it; may be given again
    #[arg(long = "file-root", value_name = "FOLDER")]
    file_roots: Vec<PathBuf>,
    /// Print the configuration in force as TOML and exit
    #[arg(long)]
    dump_config: bool,
    #[command(flatten)]
    lifetime: cluster::Lifetime,
}

/// Serves until a signal.
///
/// # Errors
/// When the configuration is wrong or the planner refuses the worker.
pub(crate) fn run(args: Args) -> Result<u8> {
    let mut config: Config = cluster::config_from(args.config.as_deref())?;
    if let Some(planner) = args.planner.planner {
        config.planner = planner;
    }
    if let Some(name) = args.name {
        config.name = name;
    }
    if let Some(slots) = args.slots {
        config.slots = slots;
    }
    if let Some(listen) = args.listen {
        config.listen = listen;
    }
    if let Some(advertise) = args.advertise {
        config.advertise = advertise;
    }
    if let (Some(certificate), Some(key), Some(authority)) =
        (args.tls_cert, args.tls_key, args.tls_ca)
    {
        config.tls = Some(tls::Files {
            certificate,
            key,
            authority,
        });
    }
    if !args.file_roots.is_empty() {
        config.file_roots = args.file_roots;
    }
    if config.cache.is_none() {
        config.cache = Some(faabric_sdk::cache_directory()?);
    }
    if args.dump_config {
        print!("{}", toml::to_string_pretty(&config)?);
        return Ok(0);
    }
    let runtime = tokio::runtime::Runtime::new().context("cannot start the I/O threads")?;
    let outcome = runtime.block_on(async {
        let worker = Worker::start(config).await?;
        let handle = worker.handle();
        eprintln!(
            "faabric: worker {} takes messages at {}",
            handle.name(),
            handle.data_address()
        );
        worker.run(args.lifetime.ended()?).await?;
        Ok(0)
    });
    runtime.shutdown_background();
    outcome
}
