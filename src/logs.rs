//! `faabric logs`: what a job has printed so far, and with `--follow` what it prints.

use crate::cluster::{self, PlannerArgs};
use crate::listing::{only, refusal};
use crate::report::{Format, Reporter};
use anyhow::{Context, Result};
use faabric_wire::proto::{AttachRequest, JobsRequest, Stream, job_event};

/// Arguments of `faabric logs`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The job's number, as `faabric ps` shows it
    job: u64,
    /// Go on until the job ends, and exit as it did
    #[arg(short, long)]
    follow: bool,
    /// Put `[job,rank]<stream>:` before every line
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
    let format = Format::from_flags(args.json, args.tag_output);
    let mut reporter = Reporter::new(format);
    let request = AttachRequest {
        job: args.job,
        no_follow: !args.follow,
        ..AttachRequest::default()
    };
    let mut events = client
        .attach(tokio_stream::once(request))
        .await
        .map_err(|status| refusal("read the log", &status))?
        .into_inner();
    loop {
        let event = events
            .message()
            .await
            .map_err(|status| refusal("read the log", &status))?;
        match event.and_then(|event| event.event) {
            Some(job_event::Event::State(state)) => info = state,
            // Reports on MPI calls are for the client that asked for them.
            Some(job_event::Event::Output(chunk)) if chunk.stream == Stream::Mpi as i32 => {}
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
