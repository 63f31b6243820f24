//! Programs that start processes (`MPI_Comm_spawn`), on one worker and over two.

use crate::harness::{Cluster, faabric, finish, guest, signal, wait_until, wait_with_output};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// `faabric run` of the spawning program, with so many slots on each worker.
fn run(ranks: &str, (workers, slots): (&str, &str), what: &[&str]) -> Command {
    let mut command = faabric();
    command.args(["run", "--policy", "spread", "-n", ranks]);
    command.args(["--workers", workers, "--slots", slots]);
    command.arg(guest("spawn.c")).args(what);
    command
}

#[test]
fn children_talk_with_their_parents_merge_and_leave() {
    for workers in ["1", "2"] {
        let run = finish(&mut run("2", (workers, "4"), &["talk"])).expect_code(0);
        let mut lines: Vec<&str> = run.stdout.lines().collect();
        lines.sort_unstable();
        let places: Vec<&str> = lines[..2]
            .iter()
            .filter_map(|l| l.split(" on ").nth(1))
            .collect();
        assert!(lines[0].starts_with("child 0 of 2 on"), "{lines:?}");
        assert!(lines[1].starts_with("child 1 of 2 on"), "{lines:?}");
        assert_eq!(lines[2..], ["parents are done"]);
        // With the policy `spread`, each worker runs one of them.
        assert_eq!(places[0] != places[1], workers == "2", "{places:?}");
    }
}

#[test]
fn a_worker_without_a_rank_of_the_job_gets_some() {
    let run = finish(&mut run("1", ("3", "4"), &["talk"])).expect_code(0);
    let places = run
        .stdout
        .lines()
        .filter_map(|line| line.split(" on ").nth(1));
    let mut places: Vec<&str> = places.collect();
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), 2, "{}", run.stdout);
}

#[test]
fn spawned_groups_find_each_other_by_name() {
    for workers in ["1", "3"] {
        let run = finish(&mut run("1", (workers, "8"), &["family"])).expect_code(0);
        assert_eq!(run.stdout, "served\n");
    }
}

#[test]
fn slots_are_free_again_when_children_have_ended() {
    finish(&mut run("1", ("1", "2"), &["many"])).expect_code(0);
}

#[test]
fn the_output_of_children_has_their_tag_and_their_failure_is_the_jobs() {
    let mut command = faabric();
    command.args(["run", "--slots", "4", "--tag-output"]);
    let tagged = finish(command.arg(guest("spawn.c"))).expect_code(0);
    assert!(
        tagged.stdout.contains(",1]<stdout>:child 0 of 2"),
        "{}",
        tagged.stdout
    );
    let failed = finish(&mut run("2", ("2", "4"), &["fail"])).expect_code(9);
    assert!(failed.stderr.contains("rank 2"), "{}", failed.stderr);
}

#[test]
fn what_cannot_be_spawned_is_an_error_that_says_why() {
    let errors = finish(&mut run("2", ("2", "4"), &["none"])).expect_code(0);
    let lines: Vec<&str> = errors.stdout.lines().collect();
    assert!(
        lines.iter().all(|line| line.contains("MPI_ERR_SPAWN")),
        "{lines:?}"
    );
    assert_eq!(lines.len(), 2);
    let missing = finish(&mut run("2", ("2", "4"), &["other", "no-such-program"]));
    assert!(
        missing.stderr.contains("no program \"no-such-program\""),
        "{missing:?}"
    );
    let full = finish(&mut run("2", ("2", "1"), &["talk"]));
    let why = "2 slots are needed, and 0 of the cluster's 2 are free";
    assert!(full.code != 0 && full.stderr.contains(why), "{full:?}");
}

#[test]
fn another_program_is_read_below_the_directories_of_its_parent() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(guest("ring.c"), folder.path().join("child.wasm")).unwrap();
    std::fs::write(folder.path().join("text"), "no module").unwrap();
    for program in ["child.wasm", "./child"] {
        let mut command = run("1", ("2", "4"), &["other", program]);
        let run = finish(command.current_dir(&folder)).expect_code(0);
        assert_eq!(run.stdout, "ring of 2: all sizes right\n");
    }
    let mut command = run("1", ("1", "4"), &["other", "./text"]);
    let refused = finish(command.current_dir(&folder));
    assert!(
        refused.code != 0 && refused.stderr.contains("not a Wasm module"),
        "{refused:?}"
    );
}

/// Starts a job of two parents and two children that wait for ever, one of each on each
/// worker; all of them are in MPI when this returns.
fn start_waiting(cluster: &Cluster) -> Child {
    let mut command = cluster.command();
    command.args(["run", "-n", "2", "--policy", "spread"]);
    command.arg(guest("spawn.c")).arg("stay");
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut job = command.spawn().unwrap();
    let mut line = String::new();
    let mut stdout = BufReader::new(job.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "all are here\n");
    assert_eq!(cluster.jobs()[0]["ranks"], 4);
    job
}

#[test]
fn an_interrupt_ends_parents_and_children() {
    let cluster = Cluster::start(2, 2);
    let job = start_waiting(&cluster);
    signal(job.id(), "INT");
    assert_eq!(wait_with_output(job).code, 130);
    wait_until("the slots are free", || {
        let workers = finish(cluster.command().args(["workers", "--json"]));
        let workers: serde_json::Value = serde_json::from_str(&workers.stdout).ok()?;
        let used = workers.as_array()?.iter().map(|w| w["used"].as_u64());
        (used.sum::<Option<u64>>()? == 0).then_some(())
    });
}

#[test]
fn a_worker_that_dies_with_children_ends_their_parents() {
    let mut cluster = Cluster::start(2, 2);
    let job = start_waiting(&cluster);
    cluster.workers[1].kill();
    let ended = wait_with_output(job);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert!(ended.stderr.contains("w1"), "{}", ended.stderr);
}
