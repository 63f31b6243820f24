//! What `faabric run --mpi-summary` and `--mpi-trace` make of the ranks' reports.
//!
//! ```text
//!   Output of STREAM_MPI --decode--> MpiReport --+--> Timeline (a file, written as it comes)
//!                                                '--> Sums ----- at the end --> stderr or JSON
//! ```
//! Nothing of a trace is held here: what arrives is in the file at once, so a job that
//! fails or is cancelled leaves the part that it reported.

mod sums;
mod timeline;

use anyhow::{Context, Result};
use faabric_wire::proto::{JobInfo, MpiReport, Output};
use prost::Message;
use std::collections::BTreeMap;
use std::path::PathBuf;
use sums::Sums;
use timeline::Timeline;

/// What is asked for.
#[derive(clap::Args, Debug)]
pub(crate) struct Flags {
    /// Print at the end what each rank did with MPI: time, calls, bytes, who sent how much to whom
    #[arg(long)]
    mpi_summary: bool,
    /// Write a timeline of all MPI calls and messages to FILE; it opens in ui.perfetto.dev
    #[arg(long, value_name = "FILE")]
    mpi_trace: Option<PathBuf>,
}

impl Flags {
    /// Whether ranks are to sum up their calls, and whether to report each of them.
    pub(crate) fn asked(&self) -> (bool, bool) {
        (self.mpi_summary, self.mpi_trace.is_some())
    }
}

/// The reports of one job.
pub(crate) struct Profile {
    summary: bool,
    timeline: Option<(PathBuf, Timeline)>,
    sums: Sums,
    lost: Lost,
}

/// What is not in the trace.
#[derive(Default)]
struct Lost {
    calls: BTreeMap<u32, u64>,
    messages: BTreeMap<u32, u64>,
    /// Workers whose clock was not compared with the planner's.
    unaligned: BTreeMap<String, ()>,
}

impl Profile {
    /// Begins; none when nothing is asked for. The file is made now, before the job is.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn start(flags: &Flags) -> Result<Option<Self>> {
        if flags.asked() == (false, false) {
            return Ok(None);
        }
        let timeline = match &flags.mpi_trace {
            None => None,
            Some(path) => {
                let made = Timeline::create(path);
                let made = made.with_context(|| format!("--mpi-trace: {}", path.display()))?;
                Some((path.clone(), made))
            }
        };
        Ok(Some(Self {
            summary: flags.mpi_summary,
            timeline,
            sums: Sums::default(),
            lost: Lost::default(),
        }))
    }

    /// Takes a rank's report.
    ///
    /// # Errors
    /// When it is not one, or the file cannot be written.
    pub(crate) fn take(&mut self, chunk: &Output) -> Result<()> {
        let report = MpiReport::decode(&chunk.data[..]).context("a report on MPI calls")?;
        let rank = chunk.rank;
        if report.dropped_calls > 0 {
            *self.lost.calls.entry(rank).or_default() += report.dropped_calls;
        }
        if report.dropped_messages > 0 {
            *self.lost.messages.entry(rank).or_default() += report.dropped_messages;
        }
        if let Some((path, timeline)) = &mut self.timeline {
            if report.clock_error_ns.is_none() {
                self.lost.unaligned.insert(report.worker.clone(), ());
            }
            let written = timeline.add(rank, &report);
            written.with_context(|| format!("cannot write {}", path.display()))?;
        }
        if let Some(summary) = report.summary {
            self.sums.add(rank, report.worker, summary);
        }
        Ok(())
    }

    /// Ends the file, and prints what is to be printed: on stderr, or for `json` as an
    /// object on stdout.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn finish(&mut self, job: &JobInfo, json: bool) -> Result<()> {
        if let Some((path, timeline)) = self.timeline.take() {
            let ended = timeline.finish(&self.lost.as_json());
            ended.with_context(|| format!("cannot write {}", path.display()))?;
            for line in self.lost.lines() {
                eprintln!("faabric: {}: {line}", path.display());
            }
        }
        if self.summary && json {
            println!("{}", self.sums.as_json(job));
        } else if self.summary {
            eprint!("{}", self.sums.as_text(job));
        }
        Ok(())
    }
}

impl Lost {
    /// One sentence for each kind of thing that is missing.
    fn lines(&self) -> Vec<String> {
        let counted =
            |counts: &BTreeMap<u32, u64>| -> (u64, usize) { (counts.values().sum(), counts.len()) };
        let mut lines = Vec::new();
        if let (calls @ 1.., ranks) = counted(&self.calls) {
            lines.push(format!(
                "{calls} calls of {ranks} ranks are missing: the planner did not take them as \
                 quickly as they came"
            ));
        }
        if let (messages @ 1.., ranks) = counted(&self.messages) {
            lines.push(format!(
                "{messages} messages of calls with thousands of them are missing, on {ranks} ranks"
            ));
        }
        if !self.unaligned.is_empty() {
            let workers: Vec<_> = self.unaligned.keys().map(String::as_str).collect();
            lines.push(format!(
                "the clock of {} was not compared with the planner's yet: times of different \
                 workers do not fit together",
                workers.join(", ")
            ));
        }
        lines
    }

    fn as_json(&self) -> serde_json::Value {
        serde_json::json!({
            "dropped_calls": self.calls,
            "dropped_messages": self.messages,
            "unaligned_workers": self.unaligned.keys().collect::<Vec<_>>(),
        })
    }
}
