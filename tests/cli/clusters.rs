//! Clusters of real processes, and what happens when one of them fails.

use crate::harness::{
    Cluster, Process, faabric, finish, guest, signal, wait_until, wait_with_output,
};

#[test]
fn a_job_runs_over_two_worker_processes() {
    let cluster = Cluster::start(2, 2);
    let run = finish(
        cluster
            .command()
            .args(["run", "-n", "4"])
            .arg(guest("ring.c")),
    )
    .expect_code(0);
    assert_eq!(run.stdout, "ring of 4: all sizes right\n");
    let jobs = cluster.jobs();
    assert_eq!(jobs.len(), 1);
    assert_eq!(
        jobs[0]["placement"].as_array().unwrap().len(),
        2,
        "{}",
        jobs[0]
    );
}

#[test]
fn a_job_without_room_waits_and_then_runs() {
    let mut cluster = Cluster::start(1, 2);
    let waiting = cluster.run_in_background(4, &guest("ring.c"));
    cluster.wait_for_job("queued");
    cluster.add_worker("late", 2);
    wait_with_output(waiting).expect_code(0);
}

#[test]
fn a_worker_killed_in_the_middle_fails_its_job_with_the_reason() {
    let mut cluster = Cluster::start(2, 1);
    let job = cluster.run_in_background(2, &guest("forever.c"));
    cluster.wait_for_job("running");
    cluster.workers[1].kill();
    let failed = wait_with_output(job);
    assert_ne!(failed.code, 0);
    assert!(
        failed.stderr.contains("w1"),
        "the reason does not name the worker: {}",
        failed.stderr
    );
    // The other worker is free again.
    let run = finish(
        cluster
            .command()
            .args(["run", "-n", "1"])
            .arg(guest("ring.c")),
    )
    .expect_code(0);
    assert_eq!(run.stdout, "ring of 1: all sizes right\n");
}

#[test]
fn a_planner_restarted_in_the_middle_loses_no_job() {
    let data = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start_with(2, 1, |planner| {
        planner.arg("--data-dir").arg(data.path());
    });
    let job = cluster.run_in_background(2, &guest("countdown.c"));
    cluster.wait_for_job("running");
    let address = cluster.url().strip_prefix("http://").unwrap().to_owned();
    cluster.planner.kill();
    cluster.planner = Process::start(
        faabric()
            .args([
                "planner",
                "--supervised",
                "--listen",
                &address,
                "--data-dir",
            ])
            .arg(data.path()),
    );
    let run = wait_with_output(job).expect_code(0);
    assert_eq!(run.stdout, "counted to the end with 2 ranks\n");
}

#[test]
fn ctrl_c_ends_the_ranks_on_all_workers() {
    let cluster = Cluster::start(2, 1);
    let job = cluster.run_in_background(2, &guest("forever.c"));
    cluster.wait_for_job("running");
    signal(job.id(), "INT");
    let ended = wait_with_output(job).expect_code(130);
    assert!(ended.stderr.contains("SIGINT"), "{}", ended.stderr);
    wait_until("the slots are free", || {
        let listing = finish(cluster.command().args(["workers", "--json"]));
        let workers: serde_json::Value = serde_json::from_str(&listing.stdout).ok()?;
        workers
            .as_array()?
            .iter()
            .all(|worker| worker["used"] == 0)
            .then_some(())
    });
}

#[test]
fn cancel_ends_a_running_job() {
    let cluster = Cluster::start(1, 2);
    let job = cluster.run_in_background(2, &guest("forever.c"));
    cluster.wait_for_job("running");
    let number = cluster.jobs()[0]["job"].to_string();
    finish(cluster.command().args(["cancel", &number])).expect_code(0);
    assert_ne!(wait_with_output(job).code, 0);
}

#[test]
fn the_log_of_a_finished_job_can_be_read_again() {
    let cluster = Cluster::start(1, 2);
    finish(
        cluster
            .command()
            .args(["run", "-n", "2"])
            .arg(guest("ring.c")),
    )
    .expect_code(0);
    let number = cluster.jobs()[0]["job"].to_string();
    let logs = finish(cluster.command().args(["logs", &number])).expect_code(0);
    assert_eq!(logs.stdout, "ring of 2: all sizes right\n");
}

#[test]
fn a_port_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let failed = finish(faabric().args(["planner", "--listen", &address])).expect_code(125);
    assert!(failed.stderr.contains(&address), "{}", failed.stderr);
}

#[test]
fn two_clusters_on_one_machine_do_not_meet() {
    let (one, other) = (Cluster::start(1, 1), Cluster::start(1, 1));
    finish(one.command().args(["run"]).arg(guest("ring.c"))).expect_code(0);
    assert_eq!(one.jobs().len(), 1);
    assert_eq!(other.jobs().len(), 0);
}

#[test]
fn no_planner_at_the_address_says_how_to_start_one() {
    let failed = finish(faabric().args(["ps", "--planner", "http://127.0.0.1:9"])).expect_code(125);
    assert!(failed.stderr.contains("faabric up"), "{}", failed.stderr);
}
