//! What a client prints of a running job: its output, tagged if asked for, and how
//! it ended; and the mapping from a job's end to this process's exit code.

use faabric_wire::proto::{JobFinished, JobInfo, Output, Stream};
use serde_json::json;
use std::collections::HashMap;
use std::io::{self, Write};

/// The exit code of a command that could not do what it was asked.
pub(crate) const CANNOT_RUN: u8 = 125;

/// How output is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// As the ranks wrote it.
    Raw,
    /// Every line with `[job,rank]<stream>:` before it, as Open MPI's `--tag-output`.
    Tagged,
    /// One JSON object a line: output chunks, then the result.
    Json,
}

impl Format {
    /// The format that `--json` and `--tag-output` ask for; JSON has the tags anyway.
    pub(crate) fn from_flags(json: bool, tag_output: bool) -> Self {
        match (json, tag_output) {
            (true, _) => Self::Json,
            (_, true) => Self::Tagged,
            _ => Self::Raw,
        }
    }
}

/// Writes a job's output and result.
pub(crate) struct Reporter {
    format: Format,
    /// Per rank and stream, the start of a line whose end has not come yet.
    partial: HashMap<(u32, i32), Vec<u8>>,
}

impl Reporter {
    pub(crate) fn new(format: Format) -> Self {
        Self {
            format,
            partial: HashMap::new(),
        }
    }

    /// Shows one chunk.
    ///
    /// # Errors
    /// When stdout or stderr is closed.
    pub(crate) fn output(&mut self, chunk: &Output) -> io::Result<()> {
        match self.format {
            Format::Raw => write_to(chunk.stream, &chunk.data),
            Format::Tagged => self.tagged(chunk),
            Format::Json => {
                let mut line = json!({ "rank": chunk.rank, "stream": stream_name(chunk.stream) });
                match std::str::from_utf8(&chunk.data) {
                    Ok(text) => line["text"] = text.into(),
                    Err(_) => line["bytes"] = chunk.data.clone().into(),
                }
                writeln!(io::stdout(), "{line}")
            }
        }
    }

    fn tagged(&mut self, chunk: &Output) -> io::Result<()> {
        let pending = self.partial.entry((chunk.rank, chunk.stream)).or_default();
        pending.extend_from_slice(&chunk.data);
        let Some(end) = pending.iter().rposition(|&byte| byte == b'\n') else {
            return Ok(());
        };
        let rest = pending.split_off(end + 1);
        let lines = std::mem::replace(pending, rest);
        write_to(chunk.stream, &tag_lines(chunk, &lines))
    }

    /// Shows what is left and how the job ended; returns the exit code.
    ///
    /// # Errors
    /// When stdout or stderr is closed.
    pub(crate) fn finish(&mut self, job: &JobInfo, end: &JobFinished) -> io::Result<u8> {
        for ((rank, stream), rest) in std::mem::take(&mut self.partial) {
            if !rest.is_empty() {
                let chunk = Output {
                    job: end.job,
                    rank,
                    stream,
                    ..Output::default()
                };
                write_to(stream, &tag_lines(&chunk, &[&rest[..], b"\n"].concat()))?;
            }
        }
        if self.format == Format::Json {
            writeln!(
                io::stdout(),
                "{}",
                json!({ "result": result_json(job, end) })
            )?;
        } else if !end.reason.is_empty() {
            eprintln!("faabric: {}", told(end));
        }
        Ok(exit_code(end.code))
    }
}

/// Why the job ended, with the rank that it ended for and the worker of that rank.
fn told(end: &JobFinished) -> String {
    let (reason, worker) = (&end.reason, &end.worker);
    let Some(rank) = end.rank.filter(|_| !worker.is_empty()) else {
        return reason.clone();
    };
    // Most reasons name their rank already, some both.
    match reason.strip_prefix(&format!("rank {rank}")) {
        Some(rest) if rest.starts_with(" on worker ") => reason.clone(),
        Some(rest) if rest.starts_with([':', ' ']) => {
            format!("rank {rank} on worker {worker}{rest}")
        }
        _ => format!("rank {rank} on worker {worker}: {reason}"),
    }
}

/// A job's exit code as a process's: the low eight bits, as a shell would see it,
/// but never 0 for a code that is not 0.
pub(crate) fn exit_code(code: i32) -> u8 {
    match (code & 0xff) as u8 {
        0 if code != 0 => 1,
        low => low,
    }
}

fn result_json(job: &JobInfo, end: &JobFinished) -> serde_json::Value {
    json!({
        "job": end.job,
        "name": job.name,
        "ranks": job.ranks,
        "code": end.code,
        "reason": end.reason,
        "rank": end.rank,
        "worker": end.worker,
        "placement": job.placement.iter()
            .map(|p| json!({ "worker": p.worker, "ranks": p.ranks })).collect::<Vec<_>>(),
        "submitted_unix_ms": job.submitted_unix_ms,
        "started_unix_ms": job.started_unix_ms,
        "finished_unix_ms": job.finished_unix_ms,
    })
}

fn tag_lines(chunk: &Output, lines: &[u8]) -> Vec<u8> {
    let tag = format!(
        "[{},{}]<{}>:",
        chunk.job,
        chunk.rank,
        stream_name(chunk.stream)
    );
    let mut out = Vec::with_capacity(lines.len() + tag.len() * 4);
    for line in lines.split_inclusive(|&byte| byte == b'\n') {
        out.extend_from_slice(tag.as_bytes());
        out.extend_from_slice(line);
    }
    out
}

fn stream_name(stream: i32) -> &'static str {
    if stream == Stream::Stderr as i32 {
        "stderr"
    } else {
        "stdout"
    }
}

fn write_to(stream: i32, data: &[u8]) -> io::Result<()> {
    if stream == Stream::Stderr as i32 {
        io::stderr().write_all(data)
    } else {
        let mut stdout = io::stdout().lock();
        stdout.write_all(data)?;
        stdout.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_code_other_than_zero_never_becomes_zero() {
        assert_eq!(exit_code(0), 0);
        assert_eq!(exit_code(134), 134);
        assert_eq!(exit_code(256), 1);
        assert_eq!(exit_code(-1), 255);
    }

    #[test]
    fn an_end_names_rank_and_worker_once() {
        let end = |rank, reason: &str| JobFinished {
            rank,
            worker: "w1".to_owned(),
            reason: reason.to_owned(),
            ..JobFinished::default()
        };
        let cases = [
            (None, "cancelled", "cancelled"),
            (Some(2), "rank 2: trap", "rank 2 on worker w1: trap"),
            (Some(2), "rank 2 aborted", "rank 2 on worker w1 aborted"),
            (
                Some(2),
                "rank 2 on worker w1 ended",
                "rank 2 on worker w1 ended",
            ),
            (
                Some(2),
                "rank 25: trap",
                "rank 2 on worker w1: rank 25: trap",
            ),
            (
                Some(2),
                "out of memory",
                "rank 2 on worker w1: out of memory",
            ),
        ];
        for (rank, reason, expected) in cases {
            assert_eq!(told(&end(rank, reason)), expected);
        }
    }

    #[test]
    fn every_line_is_tagged_with_job_rank_and_stream() {
        let chunk = Output {
            job: 7,
            rank: 3,
            stream: Stream::Stderr as i32,
            ..Output::default()
        };
        assert_eq!(
            tag_lines(&chunk, b"a\nb\n"),
            b"[7,3]<stderr>:a\n[7,3]<stderr>:b\n"
        );
    }
}
