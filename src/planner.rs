//! `faabric planner`: the planner as a service.

use crate::cluster;
use anyhow::{Context, Result};
use faabric_planner::{Config, Service};
use std::path::PathBuf;

/// Arguments of `faabric planner`; what is not given comes from the file, then from the defaults.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Configuration file (TOML); --dump-config shows its keys
    #[arg(long, env = "FAABRIC_PLANNER_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address to listen on; port 0 takes a free one
    #[arg(long, env = "FAABRIC_PLANNER_LISTEN", value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Folder for the durable log, modules and output; without one they are lost with the process
    #[arg(long, env = "FAABRIC_PLANNER_DATA", value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// How ranks are placed when a job does not say: bin-pack or spread
    #[arg(long, env = "FAABRIC_POLICY")]
    policy: Option<String>,
    /// Print the configuration in force as TOML and exit
    #[arg(long)]
    dump_config: bool,
    #[command(flatten)]
    lifetime: cluster::Lifetime,
}

/// Serves until a signal.
///
/// # Errors
/// When the configuration is wrong, the port is in use or the store cannot be opened.
pub(crate) fn run(args: Args) -> Result<u8> {
    let mut config: Config = cluster::config_from(args.config.as_deref())?;
    if let Some(listen) = args.listen {
        config.listen = listen;
    }
    if let Some(data_dir) = args.data_dir {
        config.data_dir = Some(data_dir);
    }
    if let Some(policy) = args.policy {
        config.policy = policy;
    }
    if args.dump_config {
        print!("{}", toml::to_string_pretty(&config)?);
        return Ok(0);
    }
    let runtime = tokio::runtime::Runtime::new().context("cannot start the I/O threads")?;
    runtime.block_on(async {
        let service = Service::bind(config).await?;
        eprintln!(
            "faabric: planner listens on http://{}",
            service.local_addr()
        );
        args.lifetime
            .announce(&format!("http://{}", service.local_addr()))?;
        service.run(args.lifetime.ended()?).await?;
        Ok(0)
    })
}
