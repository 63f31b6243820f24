//! The timeline: Chrome's trace-event JSON, which Perfetto and others open.
//!
//! | in the file | is |
//! |---|---|
//! | process | a worker |
//! | thread | a rank; a rank's further threads have tracks of their own |
//! | complete event (`X`) | an MPI call, with peer, tag, bytes and communicator |
//! | flow (`s`, `f`) | a message: from the call that began to send it to the call that received it |
//!
//! Times are microseconds of the planner's monotonic clock.

use faabric_wire::proto::{MpiCall, MpiMessage, MpiReport};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Messages of one call that are listed in its arguments; all have arrows.
const LISTED: usize = 8;

/// A timeline that is being written.
pub(super) struct Timeline {
    out: BufWriter<File>,
    workers: Vec<String>,
    tracks: HashSet<(u32, u32)>,
    any: bool,
}

impl Timeline {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let mut out = BufWriter::new(File::create(path)?);
        out.write_all(b"{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n")?;
        Ok(Self {
            out,
            workers: Vec::new(),
            tracks: HashSet::new(),
            any: false,
        })
    }

    /// Adds what a rank reports.
    pub(super) fn add(&mut self, rank: u32, report: &MpiReport) -> io::Result<()> {
        let worker = self.worker(&report.worker)?;
        for call in &report.calls {
            let track = self.track(worker, rank, call.thread)?;
            let name = usize::try_from(call.function).ok();
            let name = name.and_then(|at| report.functions.get(at));
            self.call(worker, track, name.map_or("MPI", String::as_str), call)?;
        }
        Ok(())
    }

    /// Ends the file; `lost` says what is missing in it.
    pub(super) fn finish(mut self, lost: &Value) -> io::Result<()> {
        let last = json!({ "lost": lost });
        write!(self.out, "\n],\"otherData\":{last}}}")?;
        self.out.flush()
    }

    /// The number of a worker's process, which is named when it first comes.
    fn worker(&mut self, name: &str) -> io::Result<usize> {
        if let Some(at) = self.workers.iter().position(|worker| worker == name) {
            return Ok(at + 1);
        }
        self.workers.push(name.to_owned());
        let pid = self.workers.len();
        let args = json!({ "name": format!("worker {name}") });
        self.event(&json!({ "ph": "M", "name": "process_name", "pid": pid, "args": args }))?;
        Ok(pid)
    }

    /// The number of a rank's track, or of one of its further threads.
    fn track(&mut self, pid: usize, rank: u32, thread: u32) -> io::Result<u64> {
        let tid = u64::from(thread) << 20 | u64::from(rank);
        if self.tracks.insert((rank, thread)) {
            let name = match thread {
                0 => format!("rank {rank}"),
                _ => format!("rank {rank}, thread {thread}"),
            };
            let order = u64::from(rank) << 12 | u64::from(thread).min(0xfff);
            for (what, args) in [
                ("thread_name", json!({ "name": name })),
                ("thread_sort_index", json!({ "sort_index": order })),
            ] {
                let event =
                    json!({ "ph": "M", "name": what, "pid": pid, "tid": tid, "args": args });
                self.event(&event)?;
            }
        }
        Ok(tid)
    }

    fn call(&mut self, pid: usize, tid: u64, name: &str, call: &MpiCall) -> io::Result<()> {
        let mut args = json!({});
        if let Some(comm) = call
            .comm
            .or(call.messages.first().map(|message| message.comm))
        {
            args["comm"] = comm_name(comm).into();
        }
        if call.bytes > 0 {
            args["bytes"] = call.bytes.into();
        }
        match &call.messages[..] {
            [] => {}
            [only] => {
                args[end(only)] = only.peer.into();
                args["tag"] = only.tag.into();
            }
            several => {
                let listed = several.iter().take(LISTED).map(|message| {
                    json!({ end(message): message.peer, "tag": message.tag, "bytes": message.bytes })
                });
                args["messages"] = listed.collect();
                if several.len() > LISTED {
                    args["more_messages"] = (several.len() - LISTED).into();
                }
            }
        }
        let took = i64::try_from(call.took_ns).unwrap_or(i64::MAX);
        let end_ns = call.begin_ns.saturating_add(took);
        self.event(&json!({
            "ph": "X", "cat": "mpi", "name": name, "pid": pid, "tid": tid,
            "ts": micros(call.begin_ns), "dur": micros(took), "args": args,
        }))?;
        for message in &call.messages {
            if message.flow == 0 {
                continue;
            }
            // An arrow ends in the slice that is open at its time: one that has just
            // ended is not.
            let (ph, at) = match message.received {
                false => ("s", call.begin_ns),
                true => ("f", end_ns.saturating_sub(1).max(call.begin_ns)),
            };
            let mut flow = json!({
                "ph": ph, "cat": "message", "name": "message", "pid": pid, "tid": tid,
                "ts": micros(at), "id": format!("{:#x}", message.flow),
            });
            if message.received {
                flow["bp"] = "e".into();
            }
            self.event(&flow)?;
        }
        Ok(())
    }

    fn event(&mut self, event: &Value) -> io::Result<()> {
        if std::mem::replace(&mut self.any, true) {
            self.out.write_all(b",\n")?;
        }
        serde_json::to_writer(&mut self.out, event).map_err(io::Error::from)
    }
}

/// Which end of a message the other rank is.
fn end(message: &MpiMessage) -> &'static str {
    if message.received { "source" } else { "dest" }
}

/// Nanoseconds as microseconds: exact below 2^53 / 1000, a hundred days of up-time.
fn micros(ns: i64) -> f64 {
    ns as f64 / 1000.0
}

/// What a communicator is called, by its id: the engine makes ids of the rank that made
/// it up, plus one, and that rank's count.
fn comm_name(id: u64) -> String {
    match id {
        0 => "MPI_COMM_WORLD".to_owned(),
        1 => "MPI_COMM_SELF".to_owned(),
        _ => format!("{}.{}", (id >> 32).saturating_sub(1), id & 0xffff_ffff),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn message(received: bool, peer: u32) -> MpiMessage {
        MpiMessage {
            received,
            peer,
            tag: 7,
            bytes: 8,
            comm: 0,
            flow: 0xabc,
        }
    }

    #[test]
    fn a_timeline_is_json_with_tracks_slices_and_arrows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trace.json");
        let mut timeline = Timeline::create(&path).unwrap();
        let report = |worker: &str, function: &str, message| MpiReport {
            worker: worker.to_owned(),
            functions: vec![function.to_owned()],
            calls: vec![MpiCall {
                begin_ns: 5_000,
                took_ns: 1_500,
                bytes: 8,
                messages: vec![message],
                ..MpiCall::default()
            }],
            ..MpiReport::default()
        };
        timeline
            .add(0, &report("a", "MPI_Send", message(false, 1)))
            .unwrap();
        timeline
            .add(1, &report("b", "MPI_Recv", message(true, 0)))
            .unwrap();
        timeline.finish(&json!({})).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let trace: Value = serde_json::from_str(&text).unwrap();
        let events = trace["traceEvents"].as_array().unwrap();
        let of = |ph: &str| -> Vec<&Value> { events.iter().filter(|e| e["ph"] == ph).collect() };
        let [send, receive] = of("X")[..] else {
            panic!("{text}")
        };
        assert_eq!(
            (&send["name"], &send["args"]["dest"]),
            (&json!("MPI_Send"), &json!(1))
        );
        assert_eq!(receive["args"]["source"], 0);
        assert_eq!(receive["args"]["comm"], "MPI_COMM_WORLD");
        assert_eq!(
            (&receive["ts"], &receive["dur"]),
            (&json!(5.0), &json!(1.5))
        );
        assert_ne!(send["pid"], receive["pid"], "workers are processes");
        let ([start], [end]) = (&of("s")[..], &of("f")[..]) else {
            panic!("{text}")
        };
        assert_eq!(start["id"], end["id"]);
        assert_eq!((&start["ts"], &end["ts"]), (&json!(5.0), &json!(6.499)));
        assert_eq!(of("M").len(), 6);
    }

    #[test]
    fn a_trace_without_calls_is_json_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trace.json");
        Timeline::create(&path)
            .unwrap()
            .finish(&json!({ "dropped_calls": {} }))
            .unwrap();
        let trace: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(trace["traceEvents"], json!([]));
        assert!(trace["otherData"]["lost"]["dropped_calls"].is_object());
    }
}
