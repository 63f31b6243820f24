//! `faabric cancel`: ends a queued or running job.

use crate::cluster::{self, PlannerArgs};
use crate::listing::{refusal, state_name};
use anyhow::Result;
use faabric_wire::proto::CancelRequest;

/// Arguments of `faabric cancel`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The job's number, as `faabric ps` shows it
    job: u64,
    /// What its owner is told
    #[arg(long, default_value = "cancelled by `faabric cancel`")]
    reason: String,
    #[command(flatten)]
    planner: PlannerArgs,
}

/// Cancels one job; one that has ended already stays as it is.
///
/// # Errors
/// When the planner cannot be reached or does not know the job.
pub(crate) async fn run(args: Args) -> Result<u8> {
    let mut client = cluster::connect(args.planner.url()).await?;
    let request = CancelRequest {
        job: args.job,
        reason: args.reason,
    };
    let reply = client
        .cancel(request)
        .await
        .map_err(|status| refusal("cancel the job", &status))?;
    if let Some(job) = reply.into_inner().job {
        eprintln!("faabric: job {} is {}", job.job, state_name(&job));
    }
    Ok(0)
}
