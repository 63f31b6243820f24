//! `faabric ps`: the jobs the planner knows, newest last.

use crate::cluster::{self, PlannerArgs};
use crate::listing::{age, print_table, rank_ranges, refusal, state_name};
use anyhow::Result;
use faabric_wire::proto::{JobInfo, JobsRequest};
use serde_json::json;

/// Arguments of `faabric ps`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Finished jobs too
    #[arg(short, long)]
    all: bool,
    /// Print JSON: an array of jobs
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    planner: PlannerArgs,
}

/// Lists jobs.
///
/// # Errors
/// When the planner cannot be reached.
pub(crate) async fn run(args: Args) -> Result<u8> {
    let mut client = cluster::connect(args.planner.url()).await?;
    let request = JobsRequest {
        all: args.all,
        jobs: Vec::new(),
    };
    let reply = client
        .jobs(request)
        .await
        .map_err(|status| refusal("list the jobs", &status))?;
    let jobs = reply.into_inner().jobs;
    if args.json {
        let all: Vec<_> = jobs.iter().map(to_json).collect();
        println!("{}", serde_json::to_string_pretty(&all)?);
        return Ok(0);
    }
    let rows: Vec<_> = jobs.iter().map(to_row).collect();
    print_table(&["JOB", "NAME", "STATE", "RANKS", "AGE", "WHERE"], &rows);
    Ok(0)
}

fn to_row(job: &JobInfo) -> Vec<String> {
    let state = match &job.finished {
        Some(end) if end.code != 0 => format!("failed ({})", end.code),
        _ => state_name(job).to_owned(),
    };
    let placed: Vec<String> = job
        .placement
        .iter()
        .map(|p| format!("{}:{}", p.worker, rank_ranges(&p.ranks)))
        .collect();
    let place = if placed.is_empty() {
        job.waiting_for.clone()
    } else {
        placed.join(" ")
    };
    vec![
        job.job.to_string(),
        job.name.clone(),
        state,
        job.ranks.to_string(),
        age(job.submitted_unix_ms),
        place,
    ]
}

/// A job as the listing commands print it.
pub(crate) fn to_json(job: &JobInfo) -> serde_json::Value {
    let finished = job.finished.as_ref().map(
        |end| json!({ "code": end.code, "reason": end.reason, "rank": end.rank, "worker": end.worker }),
    );
    json!({
        "job": job.job,
        "name": job.name,
        "state": state_name(job),
        "ranks": job.ranks,
        "policy": job.policy,
        "placement": job.placement.iter()
            .map(|p| json!({ "worker": p.worker, "ranks": p.ranks })).collect::<Vec<_>>(),
        "waiting_for": job.waiting_for,
        "submitted_unix_ms": job.submitted_unix_ms,
        "started_unix_ms": job.started_unix_ms,
        "finished_unix_ms": job.finished_unix_ms,
        "finished": finished,
    })
}
