//! `faabric run --mpi-summary` and `--mpi-trace`, on `tests/guest/profiled.c`.

use crate::harness::{Finished, faabric, finish, guest};
use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;

const RANKS: u64 = 4;

/// Runs the program on two workers with these flags.
fn run(flags: &[&str], arguments: &[&str]) -> Finished {
    finish(
        faabric()
            .args(["run", "-n", "4", "--workers", "2", "--policy", "spread"])
            .args(flags)
            .arg(guest("profiled.c"))
            .args(arguments),
    )
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn number(event: &Value, key: &str) -> f64 {
    event[key].as_f64().unwrap()
}

#[test]
fn the_matrix_is_exactly_what_the_program_sent() {
    let finished = run(&["--mpi-summary", "--json"], &[]).expect_code(0);
    let lines = finished.stdout.lines();
    let mut objects = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
    let object = objects.find(|object| object.get("mpi_summary").is_some());
    let summary = &object.unwrap()["mpi_summary"];
    let mut pairs: Vec<[u64; 4]> = summary["pairs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pair| ["from", "to", "messages", "bytes"].map(|key| pair[key].as_u64().unwrap()))
        .collect();
    pairs.sort_unstable();
    let expected: Vec<_> = (1..RANKS).map(|r| [r, 0, 3, 300 * (r + 1)]).collect();
    assert_eq!(pairs, expected);
    let calls = |name: &str| {
        let functions = summary["functions"].as_array().unwrap();
        let found = functions.iter().find(|f| f["name"] == name).unwrap();
        (
            found["calls"].as_u64().unwrap(),
            found["bytes"].as_u64().unwrap(),
        )
    };
    assert_eq!(calls("MPI_Send"), (9, 2700));
    assert_eq!(calls("MPI_Irecv"), (6, 0));
    assert_eq!(calls("MPI_Wait"), (6, 1800));
    assert_eq!(calls("MPI_Recv"), (3, 900));
    assert_eq!(calls("MPI_Barrier"), (RANKS, 0));
    let ranks = summary["ranks"].as_array().unwrap();
    assert_eq!(ranks.len() as u64, RANKS);
    for rank in ranks {
        assert!(number(rank, "mpi_ns") <= number(rank, "total_ns"), "{rank}");
    }
    // Rank 0 waited for the others, who slept.
    assert!(number(&ranks[0], "mpi_ns") >= 40e6, "{}", ranks[0]);
    assert_eq!(summary["silent"].as_array().map(Vec::len), Some(0));
}

#[test]
fn the_summary_is_for_people_on_stderr() {
    let finished = run(&["--mpi-summary"], &[]).expect_code(0);
    assert_eq!(finished.stdout, "");
    let text = finished.stderr;
    assert!(
        text.contains("Point-to-point: 9 messages, 2700 bytes"),
        "{text}"
    );
    assert!(text.contains("3 / 900"), "{text}");
}

#[test]
fn the_trace_shows_who_waits_for_whom() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace.json");
    let flags = ["--mpi-trace", path.to_str().unwrap(), "--mpi-summary"];
    run(&flags, &[]).expect_code(0);
    let trace = read(&path);
    let events = trace["traceEvents"].as_array().unwrap();
    let of = |ph: &str| events.iter().filter(|e| e["ph"] == ph).collect::<Vec<_>>();
    let processes = of("M")
        .iter()
        .filter(|e| e["name"] == "process_name")
        .count();
    assert_eq!(processes, 2, "one a worker");
    let track = |event: &Value| event["tid"].as_u64().unwrap();

    // Every send has an arrow, and every arrow ends in the call that got the message.
    let starts: HashMap<&str, &Value> = of("s")
        .iter()
        .map(|s| (s["id"].as_str().unwrap(), *s))
        .collect();
    let ends = of("f");
    assert_eq!((starts.len(), ends.len()), (9, 9));
    let slices = of("X");
    let around = |event: &Value| {
        let (at, tid) = (number(event, "ts"), track(event));
        let holds = |s: &&&Value| {
            let begin = number(s, "ts");
            track(s) == tid && begin <= at && at <= begin + number(s, "dur")
        };
        *slices.iter().find(holds).unwrap()
    };
    let mut waited = 0;
    for end in ends {
        let start = starts[end["id"].as_str().unwrap()];
        let (send, receive) = (around(start), around(end));
        assert_eq!(send["name"], "MPI_Send");
        assert_eq!(send["args"]["dest"], 0);
        assert_eq!(
            send["args"]["tag"], receive["args"]["tag"],
            "{send} {receive}"
        );
        assert_eq!(send["args"]["bytes"], receive["args"]["bytes"]);
        assert_eq!(receive["args"]["source"].as_u64(), Some(track(start)));
        let ended = number(receive, "ts") + number(receive, "dur");
        assert!(ended > number(start, "ts"), "{receive} ends before {start}");
        if receive["name"] == "MPI_Recv" && receive["args"]["source"] == 1 {
            // It was there first: it waited for a sender that slept.
            assert!(
                number(receive, "ts") < number(start, "ts"),
                "{receive} {start}"
            );
            waited += 1;
        }
    }
    assert_eq!(waited, 1);
    let lost = &trace["otherData"]["lost"];
    assert_eq!(lost["dropped_calls"], serde_json::json!({}));
    assert_eq!(lost["unaligned_workers"], serde_json::json!([]));
}

#[test]
fn a_job_that_fails_leaves_its_trace_so_far() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace.json");
    let flags = ["--mpi-summary", "--mpi-trace", path.to_str().unwrap()];
    let finished = run(&flags, &["9"]).expect_code(9);
    assert!(finished.stderr.contains("MPI_Send"), "{}", finished.stderr);
    let trace = read(&path);
    let events = trace["traceEvents"].as_array().unwrap();
    let sends = events
        .iter()
        .filter(|e| e["ph"] == "X" && e["name"] == "MPI_Send");
    assert!(
        sends.count() >= 7,
        "the ranks got as far as the barrier, and one to its end"
    );
}

#[test]
fn a_file_that_cannot_be_written_is_said_before_the_job_runs() {
    let finished = run(&["--mpi-trace", "/nowhere/trace.json"], &[]).expect_code(125);
    assert!(
        finished.stderr.contains("/nowhere/trace.json"),
        "{}",
        finished.stderr
    );
}
