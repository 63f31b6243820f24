//! What the listing commands share: a table for people, JSON for programs.

use anyhow::{Result, bail};
use faabric_wire::proto::{JobInfo, JobState};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Prints rows under headings, each column as wide as its widest cell.
pub(crate) fn print_table(headings: &[&str], rows: &[Vec<String>]) {
    let widths: Vec<usize> = headings
        .iter()
        .enumerate()
        .map(|(column, heading)| {
            rows.iter()
                .map(|row| row[column].chars().count())
                .chain([heading.len()])
                .max()
                .unwrap_or(0)
        })
        .collect();
    let line = |cells: Vec<&str>| {
        let padded: Vec<String> = cells
            .iter()
            .zip(&widths)
            .map(|(cell, &width)| format!("{cell:width$}"))
            .collect();
        println!("{}", padded.join("  ").trim_end());
    };
    line(headings.to_vec());
    for row in rows {
        line(row.iter().map(String::as_str).collect());
    }
}

/// A job's state in one word.
pub(crate) fn state_name(job: &JobInfo) -> &'static str {
    match job.state() {
        JobState::Unspecified => "unknown",
        JobState::Queued => "queued",
        JobState::Running => "running",
        JobState::Stopping => "stopping",
        JobState::Finished => "finished",
    }
}

/// Ranks as ranges: `0-3,8`.
pub(crate) fn rank_ranges(ranks: &[u32]) -> String {
    let mut sorted = ranks.to_vec();
    sorted.sort_unstable();
    let ranges = sorted.chunk_by(|a, b| a + 1 == *b);
    let text: Vec<String> = ranges
        .map(|range| match range {
            [one] => one.to_string(),
            many => format!("{}-{}", many[0], many[many.len() - 1]),
        })
        .collect();
    text.join(",")
}

/// How long ago a moment (milliseconds since 1970) was, in its largest unit.
pub(crate) fn age(unix_ms: u64) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let seconds = now.saturating_sub(Duration::from_millis(unix_ms)).as_secs();
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86400),
    }
}

/// The planner's refusal as an error that starts with what was tried.
pub(crate) fn refusal(what: &str, status: &tonic::Status) -> anyhow::Error {
    anyhow::anyhow!("cannot {what}: {}", status.message())
}

/// The one job a reply should hold.
///
/// # Errors
/// When the planner does not know the job.
pub(crate) fn only(jobs: Vec<JobInfo>, job: u64) -> Result<JobInfo> {
    match jobs.into_iter().next() {
        Some(info) => Ok(info),
        None => bail!("the planner knows no job {job}; `faabric ps --all` lists those it knows"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consecutive_ranks_are_ranges() {
        assert_eq!(rank_ranges(&[3, 0, 1, 2, 8]), "0-3,8");
        assert_eq!(rank_ranges(&[]), "");
    }
}
