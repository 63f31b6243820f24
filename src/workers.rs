//! `faabric workers`: the workers the planner knows, and how full they are.

use crate::cluster::{self, PlannerArgs};
use crate::listing::{age, print_table, refusal};
use anyhow::Result;
use faabric_wire::proto::{WorkerInfo, WorkersRequest};
use serde_json::json;

/// Arguments of `faabric workers`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Print JSON: an array of workers
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    planner: PlannerArgs,
}

/// Lists workers.
///
/// # Errors
/// When the planner cannot be reached.
pub(crate) async fn run(args: Args) -> Result<u8> {
    let mut client = cluster::connect(args.planner.url()).await?;
    let reply = client
        .workers(WorkersRequest {})
        .await
        .map_err(|status| refusal("list the workers", &status))?;
    let workers = reply.into_inner().workers;
    if args.json {
        let all: Vec<_> = workers.iter().map(to_json).collect();
        println!("{}", serde_json::to_string_pretty(&all)?);
        return Ok(0);
    }
    let rows: Vec<_> = workers.iter().map(to_row).collect();
    print_table(
        &["WORKER", "STATE", "USED", "SLOTS", "SEEN", "ADDRESS"],
        &rows,
    );
    Ok(0)
}

fn to_row(worker: &WorkerInfo) -> Vec<String> {
    vec![
        worker.worker.clone(),
        if worker.alive { "alive" } else { "lost" }.to_owned(),
        worker.used.to_string(),
        worker.slots.to_string(),
        age(worker.last_seen_unix_ms),
        worker.data_address.clone(),
    ]
}

fn to_json(worker: &WorkerInfo) -> serde_json::Value {
    json!({
        "worker": worker.worker,
        "alive": worker.alive,
        "used": worker.used,
        "slots": worker.slots,
        "last_seen_unix_ms": worker.last_seen_unix_ms,
        "data_address": worker.data_address,
    })
}
