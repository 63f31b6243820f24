//! The summary: what each rank did with MPI, as a table or as JSON.

use faabric_wire::proto::{JobInfo, MpiFunction, MpiSummary};
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// So many ranks have a line each, and a matrix of who sent to whom.
const LISTED: usize = 16;
const MATRIX: usize = 8;
/// So many functions and pairs of ranks are listed.
const TOP: usize = 20;

/// The sums of all ranks that have ended.
#[derive(Default)]
pub(super) struct Sums {
    ranks: BTreeMap<u32, (String, MpiSummary)>,
}

/// Messages and bytes from one rank to another.
#[derive(Clone, Copy)]
struct Pair {
    from: u32,
    to: u32,
    messages: u64,
    bytes: u64,
}

impl Sums {
    pub(super) fn add(&mut self, rank: u32, worker: String, summary: MpiSummary) {
        self.ranks.insert(rank, (worker, summary));
    }

    /// Functions with their sums over all ranks, the longest first.
    fn functions(&self) -> Vec<MpiFunction> {
        let mut sums = BTreeMap::<&str, MpiFunction>::new();
        for (_, summary) in self.ranks.values() {
            for function in &summary.functions {
                let sum = sums.entry(&function.name).or_default();
                sum.calls += function.calls;
                sum.ns += function.ns;
                sum.bytes += function.bytes;
            }
        }
        let named = sums.into_iter().map(|(name, sum)| MpiFunction {
            name: name.to_owned(),
            ..sum
        });
        let mut functions: Vec<_> = named.collect();
        functions.sort_by_key(|function| std::cmp::Reverse(function.ns));
        functions
    }

    /// All pairs that exchanged messages, the most bytes first.
    fn pairs(&self) -> Vec<Pair> {
        let pairs = self.ranks.iter().flat_map(|(&from, (_, summary))| {
            summary.sent.iter().map(move |peer| Pair {
                from,
                to: peer.rank,
                messages: peer.messages,
                bytes: peer.bytes,
            })
        });
        let mut pairs: Vec<_> = pairs.collect();
        pairs.sort_by_key(|pair| std::cmp::Reverse((pair.bytes, pair.messages)));
        pairs
    }

    /// Ranks of which nothing was heard.
    fn silent(&self, job: &JobInfo) -> Vec<u32> {
        let all = 0..job.ranks;
        all.filter(|rank| !self.ranks.contains_key(rank)).collect()
    }

    pub(super) fn as_json(&self, job: &JobInfo) -> serde_json::Value {
        let functions = |functions: &[MpiFunction]| -> Vec<serde_json::Value> {
            let function = |f: &MpiFunction| json!({ "name": f.name, "calls": f.calls, "ns": f.ns, "bytes": f.bytes });
            functions.iter().map(function).collect()
        };
        let ranks = self.ranks.iter().map(|(rank, (worker, summary))| {
            json!({
                "rank": rank,
                "worker": worker,
                "total_ns": summary.total_ns,
                "mpi_ns": summary.mpi_ns,
                "functions": functions(&summary.functions),
            })
        });
        let ranks: Vec<_> = ranks.collect();
        let pairs = self.pairs();
        let pairs = pairs.iter().map(
            |p| json!({ "from": p.from, "to": p.to, "messages": p.messages, "bytes": p.bytes }),
        );
        json!({ "mpi_summary": {
            "job": job.job,
            "ranks": ranks,
            "silent": self.silent(job),
            "functions": functions(&self.functions()),
            "pairs": pairs.collect::<Vec<_>>(),
        } })
    }

    pub(super) fn as_text(&self, job: &JobInfo) -> String {
        let mut text = format!(
            "\nMPI summary of job {} ({}, {} ranks)\n",
            job.job, job.name, job.ranks
        );
        self.write_ranks(&mut text);
        self.write_functions(&mut text);
        self.write_messages(&mut text, job);
        let silent = self.silent(job);
        if !silent.is_empty() {
            let first: Vec<_> = silent.iter().take(TOP).map(u32::to_string).collect();
            let more = silent.len().saturating_sub(TOP);
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            line(
                &mut text,
                format_args!(
                    "\nNo figures of rank {}{more}: they never ran, or did not end by themselves.",
                    first.join(", ")
                ),
            );
        }
        text
    }

    fn write_ranks(&self, text: &mut String) {
        let mut ranks: Vec<_> = self.ranks.iter().collect();
        if ranks.len() > LISTED {
            ranks.sort_by_key(|(_, (_, summary))| std::cmp::Reverse(summary.mpi_ns));
            ranks.truncate(LISTED);
            line(
                text,
                format_args!("\nThe {LISTED} ranks that spent most time in MPI:"),
            );
        } else {
            text.push('\n');
        }
        line(
            text,
            format_args!("  rank     total s    in MPI s   in MPI  worker"),
        );
        for (rank, (worker, summary)) in ranks {
            let (total, mpi) = (seconds(summary.total_ns), seconds(summary.mpi_ns));
            let share = 100.0 * mpi / total.max(1e-9);
            line(
                text,
                format_args!("{rank:>6} {total:>11.6} {mpi:>11.6} {share:>7.1}%  {worker}"),
            );
        }
    }

    fn write_functions(&self, text: &mut String) {
        let functions = self.functions();
        let all: u64 = functions.iter().map(|function| function.ns).sum();
        let width = functions
            .iter()
            .take(TOP)
            .map(|f| f.name.len())
            .max()
            .unwrap_or(8);
        line(
            text,
            format_args!(
                "\n  {:<width$} {:>12} {:>12} {:>7} {:>16}",
                "function", "calls", "time s", "of all", "bytes"
            ),
        );
        for f in functions.iter().take(TOP) {
            let share = 100.0 * f.ns as f64 / (all as f64).max(1.0);
            line(
                text,
                format_args!(
                    "  {:<width$} {:>12} {:>12.6} {share:>6.1}% {:>16}",
                    f.name,
                    f.calls,
                    seconds(f.ns),
                    f.bytes
                ),
            );
        }
        if functions.len() > TOP {
            line(
                text,
                format_args!("  and {} more functions", functions.len() - TOP),
            );
        }
    }

    fn write_messages(&self, text: &mut String, job: &JobInfo) {
        let pairs = self.pairs();
        let (messages, bytes) = pairs
            .iter()
            .fold((0, 0), |(m, b), pair| (m + pair.messages, b + pair.bytes));
        line(
            text,
            format_args!("\nPoint-to-point: {messages} messages, {bytes} bytes"),
        );
        if pairs.is_empty() {
            return;
        }
        // What was spawned may have reported before the job's number of ranks was heard again.
        let last = self.ranks.keys().next_back();
        let ranks = last.map_or(0, |last| last + 1).max(job.ranks) as usize;
        if ranks > MATRIX {
            line(
                text,
                format_args!("    from       to     messages            bytes"),
            );
            for pair in pairs.iter().take(TOP) {
                line(
                    text,
                    format_args!(
                        "{:>8} {:>8} {:>12} {:>16}",
                        pair.from, pair.to, pair.messages, pair.bytes
                    ),
                );
            }
            if pairs.len() > TOP {
                line(text, format_args!("  and {} more pairs", pairs.len() - TOP));
            }
            return;
        }
        line(text, format_args!("  from \\ to, as messages / bytes:"));
        let cell = |from: usize, to: usize| {
            let pair = pairs
                .iter()
                .find(|p| (p.from as usize, p.to as usize) == (from, to));
            pair.map_or_else(
                || "-".to_owned(),
                |p| format!("{} / {}", p.messages, p.bytes),
            )
        };
        let cells: Vec<Vec<String>> = (0..ranks)
            .map(|from| (0..ranks).map(|to| cell(from, to)).collect())
            .collect();
        let width = cells
            .iter()
            .flatten()
            .map(String::len)
            .max()
            .unwrap_or(1)
            .max(4);
        let head: String = (0..ranks).map(|to| format!("  {to:>width$}")).collect();
        line(text, format_args!("        {head}"));
        for (from, row) in cells.iter().enumerate() {
            let row: String = row.iter().map(|cell| format!("  {cell:>width$}")).collect();
            line(text, format_args!("{from:>8}{row}"));
        }
    }
}

fn line(text: &mut String, what: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{what}");
}

fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use faabric_wire::proto::MpiPeer;

    fn sums(ranks: u32) -> (Sums, JobInfo) {
        let mut sums = Sums::default();
        for rank in 0..ranks {
            let send = MpiFunction {
                name: "MPI_Send".to_owned(),
                calls: 2,
                ns: 1_000_000_000,
                bytes: 16,
            };
            let summary = MpiSummary {
                total_ns: 4_000_000_000,
                mpi_ns: 1_000_000_000 + u64::from(rank),
                functions: vec![send],
                sent: vec![MpiPeer {
                    rank: (rank + 1) % ranks,
                    messages: 2,
                    bytes: 16 + u64::from(rank),
                }],
            };
            sums.add(rank, "w".to_owned(), summary);
        }
        let job = JobInfo {
            job: 5,
            ranks,
            ..JobInfo::default()
        };
        (sums, job)
    }

    #[test]
    fn few_ranks_have_a_line_each_and_a_matrix() {
        let (sums, job) = sums(3);
        let text = sums.as_text(&job);
        assert!(text.contains("25.0%"), "{text}");
        assert!(
            text.contains("Point-to-point: 6 messages, 51 bytes"),
            "{text}"
        );
        assert!(
            text.lines()
                .any(|l| l.split_whitespace().eq(["1", "-", "-", "2", "/", "17"])),
            "{text}"
        );
    }

    #[test]
    fn of_many_ranks_the_largest_are_shown() {
        let (sums, job) = sums(100);
        let text = sums.as_text(&job);
        assert!(text.contains("The 16 ranks that spent most"), "{text}");
        assert!(text.contains("and 80 more pairs"), "{text}");
        assert!(
            text.lines()
                .any(|l| l.split_whitespace().eq(["99", "0", "2", "115"])),
            "{text}"
        );
        assert!(text.lines().count() < 60);
    }

    #[test]
    fn ranks_without_a_report_are_named() {
        let (sums, mut job) = sums(3);
        job.ranks = 5;
        let text = sums.as_text(&job);
        assert!(text.contains("No figures of rank 3, 4:"));
        let heads = |l: &str| l.split_whitespace().eq(["0", "1", "2", "3", "4"]);
        assert!(text.lines().any(heads), "{text}");
        let json = sums.as_json(&job);
        assert_eq!(json["mpi_summary"]["silent"], json!([3, 4]));
        assert_eq!(
            json["mpi_summary"]["pairs"][0],
            json!({ "from": 2, "to": 0, "messages": 2, "bytes": 18 })
        );
        assert_eq!(json["mpi_summary"]["functions"][0]["calls"], 6);
    }
}
