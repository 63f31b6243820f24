//! `faabric up`: a cluster on this machine that stays: a planner and workers, each
//! a process of its own, until Ctrl-C.
//!
//! The services hold the read end of a pipe from this process as their standard
//! input. When this process ends, even by SIGKILL, the pipes close and they end.

use crate::cluster::{self, Client};
use anyhow::{Context, Result, bail};
use faabric_wire::proto::WorkersRequest;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long the services may take to be ready.
const READY_WITHIN: Duration = Duration::from_secs(20);
/// How long they may take to end.
const END_WITHIN: Duration = Duration::from_secs(5);

/// Arguments of `faabric up`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Workers to start
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=1024))]
    workers: u32,
    /// Slots of each worker (default: the cores of the machine)
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    slots: Option<u32>,
    /// Address of the planner; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:7411", value_name = "ADDRESS:PORT")]
    listen: String,
    /// How ranks are placed when a job does not say: bin-pack or spread
    #[arg(long)]
    policy: Option<String>,
    /// Folder for the planner's durable log; without one jobs are lost with the cluster
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
}

/// Keeps the cluster until a signal.
///
/// # Errors
/// When a service does not start.
pub(crate) fn run(args: Args) -> Result<u8> {
    let mut cluster = Cluster {
        children: Vec::new(),
    };
    let url = cluster.start_planner(&args)?;
    for index in 0..args.workers {
        cluster.start_worker(&args, index, &url)?;
    }
    let runtime = tokio::runtime::Runtime::new().context("cannot start the I/O threads")?;
    let outcome = runtime.block_on(async {
        let mut client = cluster::connect(&url).await?;
        cluster.wait_until_ready(&mut client, args.workers).await?;
        eprintln!(
            "faabric: {} workers are ready; Ctrl-C ends the cluster. In another shell:",
            args.workers
        );
        println!("export FAABRIC_PLANNER={url}");
        cluster.watch().await
    });
    runtime.shutdown_background();
    cluster.end();
    outcome
}

/// One service of the cluster.
struct Service {
    name: String,
    process: Child,
}

struct Cluster {
    children: Vec<Service>,
}

impl Cluster {
    fn start_planner(&mut self, args: &Args) -> Result<String> {
        let mut command = service("planner")?;
        command
            .arg("--listen")
            .arg(&args.listen)
            .stdout(Stdio::piped());
        if let Some(policy) = &args.policy {
            command.arg("--policy").arg(policy);
        }
        if let Some(data_dir) = &args.data_dir {
            command.arg("--data-dir").arg(data_dir);
        }
        let mut process = command.spawn().context("cannot start the planner")?;
        let stdout = process
            .stdout
            .take()
            .context("the planner's stdout is piped")?;
        self.children.push(Service {
            name: "planner".to_owned(),
            process,
        });
        let mut address = String::new();
        BufReader::new(stdout)
            .read_line(&mut address)
            .context("cannot hear from the planner")?;
        if address.is_empty() {
            bail!("the planner did not start; it says why above");
        }
        Ok(address.trim_end().to_owned())
    }

    fn start_worker(&mut self, args: &Args, index: u32, url: &str) -> Result<()> {
        let name = format!("worker-{index}");
        let mut command = service("worker")?;
        command.args(["--name", &name, "--planner", url, "--listen", "127.0.0.1:0"]);
        // This user's own machine: jobs may use what the user may use.
        command.args(["--file-root", "/"]);
        if let Some(slots) = args.slots {
            command.arg("--slots").arg(slots.to_string());
        }
        let process = command
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        self.children.push(Service { name, process });
        Ok(())
    }

    async fn wait_until_ready(&mut self, client: &mut Client, workers: u32) -> Result<()> {
        let start = Instant::now();
        loop {
            let reply = client.workers(WorkersRequest {}).await?.into_inner();
            if reply.workers.iter().filter(|worker| worker.alive).count() >= workers as usize {
                return Ok(());
            }
            if let Some(name) = self.ended() {
                bail!("{name} ended while the cluster was starting; it says why above");
            }
            if start.elapsed() > READY_WITHIN {
                bail!(
                    "the workers did not join the planner within {} s",
                    READY_WITHIN.as_secs()
                );
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits for a signal; a worker that ends on its own is reported, and the rest goes on.
    async fn watch(&mut self) -> Result<u8> {
        let lifetime = cluster::Lifetime::by_signal().ended()?;
        tokio::pin!(lifetime);
        loop {
            tokio::select! {
                () = &mut lifetime => return Ok(0),
                () = tokio::time::sleep(Duration::from_millis(200)) => {
                    if let Some(name) = self.ended() {
                        if name == "planner" {
                            bail!("the planner ended; it says why above");
                        }
                        eprintln!("faabric: {name} ended; the cluster goes on without it");
                    }
                }
            }
        }
    }

    /// Removes one service that has ended and names it.
    fn ended(&mut self) -> Option<String> {
        let index = self
            .children
            .iter_mut()
            .position(|child| matches!(child.process.try_wait(), Ok(Some(_))))?;
        Some(self.children.swap_remove(index).name)
    }

    /// Closes the services' standard input and waits for them; kills what does not end.
    fn end(&mut self) {
        for child in &mut self.children {
            drop(child.process.stdin.take());
        }
        let start = Instant::now();
        while !self.children.is_empty() && start.elapsed() < END_WITHIN {
            while self.ended().is_some() {}
            std::thread::sleep(Duration::from_millis(10));
        }
        for child in &mut self.children {
            eprintln!("faabric: {} did not end in time and is killed", child.name);
            let _ = child.process.kill();
            let _ = child.process.wait();
        }
        self.children.clear();
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.end();
    }
}

fn service(role: &str) -> Result<Command> {
    let program = std::env::current_exe().context("cannot find the faabric program itself")?;
    let mut command = Command::new(program);
    command.args([role, "--supervised"]).stdin(Stdio::piped());
    Ok(command)
}
