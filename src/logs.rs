//! `faabric logs`: what a job has printed so far, and with `--follow` what it prints.

use crate::cluster::{self, PlannerArgs};
use crate::listing::{only, refusal};
use crate::report::{Format, Reporter};
use anyhow::{Context, Result};
use faabric_wire::proto::{AttachRequest, JobInfo, JobState, JobsRequest, job_event};
use tokio_stream::StreamExt;

/// Arguments of `faabric logs`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The job's number, as `faabric ps` shows it
    job: u64,
    /// Go on until the job ends, and exit as it did
    #[arg(short, long)]
    follow: bool,
    /// Put [job,rank]<stream>: before every line
    #[arg(long)]
    tag_output: bool,
    /// Print JSON, one object a line
    #[arg(long, conflicts_with = "tag_output")]
    json: bool,
    #[command(flatten)]
    planner: PlannerArgs,
}

/// Prints a job's output.
///
/// # Errors
/// When the planner cannot be reached or does not know the job.
pub(crate) async fn run(args: Args) -> Result<u8> {
    let mut client = cluster::connect(args.planner.url()).await?;
    let request = JobsRequest {
        all: true,
        jobs: vec![args.job],
    };
    let reply = client
        .jobs(request)
        .await
        .map_err(|status| refusal("read the log", &status))?;
    let mut info = only(reply.into_inner().jobs, args.job)?;
    let format = match (args.json, args.tag_output) {
        (true, _) => Format::Json,
        (_, true) => Format::Tagged,
        _ => Format::Raw,
    };
    let mut reporter = Reporter::new(format);
    // The stream of requests stays open: its end would be a detach.
    let first = AttachRequest {
        job: args.job,
        ..AttachRequest::default()
    };
    let requests = tokio_stream::once(first).chain(tokio_stream::pending());
    let mut events = client
        .attach(requests)
        .await
        .map_err(|status| refusal("read the log", &status))?
        .into_inner();
    loop {
        let next = if args.follow || has_ended(&info) {
            events.message().await
        } else {
            // Without --follow, what has been printed so far comes at once.
            match tokio::time::timeout(QUIET, events.message()).await {
                Ok(event) => event,
                Err(_) => return Ok(0),
            }
        };
        let event = next.map_err(|status| refusal("read the log", &status))?;
        match event.and_then(|event| event.event) {
            Some(job_event::Event::State(state)) => info = state,
            Some(job_event::Event::Output(chunk)) => {
                reporter
                    .output(&chunk)
                    .context("cannot write the job's output")?;
            }
            Some(job_event::Event::Finished(end)) if args.follow => {
                return Ok(reporter.finish(&info, &end)?);
            }
            Some(job_event::Event::Finished(_)) | None => return Ok(0),
        }
    }
}

/// A running job's log has been read when nothing comes for this long.
const QUIET: std::time::Duration = std::time::Duration::from_millis(300);

fn has_ended(info: &JobInfo) -> bool {
    info.state() == JobState::Finished
}
