//! Machines that freeze: processes stopped with SIGSTOP, for a while or for ever.

use crate::harness::{Cluster, faabric, finish, guest, signal, wait_until, wait_with_output};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// A cluster of two workers, one slot each, that waits `lease` for silent workers.
fn cluster(lease: Duration) -> (Cluster, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("planner.toml");
    let keys = format!("lease_ms = {}\n", lease.as_millis());
    std::fs::write(&config, keys).unwrap();
    let cluster = Cluster::start_with(2, 1, |planner| {
        planner.arg("--config").arg(&config);
    });
    (cluster, folder)
}

/// Lets time pass while something is stopped.
fn frozen_for(time: Duration) {
    let start = Instant::now();
    wait_until("the time is over", || {
        (start.elapsed() >= time).then_some(())
    });
}

#[test]
fn a_worker_frozen_for_less_than_its_lease_costs_only_time() {
    let (cluster, _folder) = cluster(Duration::from_secs(30));
    let job = cluster.run_in_background(2, &guest("countdown.c"));
    cluster.wait_for_job("running");
    signal(cluster.workers[1].child.id(), "STOP");
    frozen_for(Duration::from_secs(10));
    signal(cluster.workers[1].child.id(), "CONT");
    let run = wait_with_output(job).expect_code(0);
    assert_eq!(run.stdout, "counted to the end with 2 ranks\n");
}

#[test]
fn a_worker_frozen_for_ever_fails_its_job_with_its_name_and_rank() {
    let (cluster, _folder) = cluster(Duration::from_secs(3));
    let job = cluster.run_in_background(2, &guest("countdown.c"));
    cluster.wait_for_job("running");
    let ranks = &cluster.jobs()[0]["placement"];
    let of_w1 = ranks.as_array().unwrap().iter();
    let of_w1 = of_w1.clone().find(|place| place["worker"] == "w1").unwrap();
    let rank = of_w1["ranks"][0].as_u64().unwrap();
    signal(cluster.workers[1].child.id(), "STOP");
    let failed = wait_with_output(job);
    signal(cluster.workers[1].child.id(), "CONT");
    assert_eq!(failed.code, 1, "{}", failed.stderr);
    let reason = format!("nothing was heard of it for 3000 ms; it ran rank {rank}");
    assert!(failed.stderr.contains("worker w1"), "{}", failed.stderr);
    assert!(failed.stderr.contains(&reason), "{}", failed.stderr);
    // It comes back, and can be used again.
    cluster.wait_for_workers(2);
    let again = cluster
        .command()
        .args(["run", "-n", "2"])
        .arg(guest("ring.c"))
        .output();
    assert!(again.unwrap().status.success());
}

#[test]
fn a_planner_frozen_for_longer_than_the_lease_blames_nobody() {
    let (cluster, _folder) = cluster(Duration::from_secs(3));
    let job = cluster.run_in_background(2, &guest("countdown.c"));
    cluster.wait_for_job("running");
    signal(cluster.planner.child.id(), "STOP");
    frozen_for(Duration::from_secs(15));
    signal(cluster.planner.child.id(), "CONT");
    let run = wait_with_output(job).expect_code(0);
    assert_eq!(run.stdout, "counted to the end with 2 ranks\n");
}

#[test]
fn a_worker_that_is_stopped_in_order_fails_its_job_at_once_and_is_gone() {
    let (cluster, _folder) = cluster(Duration::from_secs(60));
    let job = cluster.run_in_background(2, &guest("forever.c"));
    cluster.wait_for_job("running");
    signal(cluster.workers[1].child.id(), "INT");
    let failed = wait_with_output(job);
    assert_ne!(failed.code, 0);
    let reason = "worker w1 was shut down";
    assert!(failed.stderr.contains(reason), "{}", failed.stderr);
    cluster.wait_for_workers(1);
}

#[test]
fn a_worker_whose_process_dies_is_lost_long_before_its_lease() {
    let (mut cluster, _folder) = cluster(Duration::from_secs(3600));
    let job = cluster.run_in_background(2, &guest("forever.c"));
    cluster.wait_for_job("running");
    cluster.workers[1].kill();
    let failed = wait_with_output(job);
    assert_eq!(failed.code, 1);
    assert!(failed.stderr.contains("worker w1"), "{}", failed.stderr);
    assert!(failed.stderr.contains("rank "), "{}", failed.stderr);
}

/// Heartbeats come while far more ranks than there are processors spin in MPI calls.
#[test]
fn ranks_that_spin_do_not_cost_their_worker_its_lease() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("planner.toml");
    std::fs::write(&config, "lease_ms = 2000\n").unwrap();
    let mut cluster = Cluster::start_with(0, 1, |planner| {
        planner.arg("--config").arg(&config);
    });
    cluster.add_worker("w0", 64);
    cluster.wait_for_workers(1);
    let run = cluster
        .command()
        .args(["run", "-n", "64"])
        .arg(guest("program.c"))
        .args(["compute", "5"])
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(run.status.success(), "{stderr}");
}

#[test]
fn a_rank_that_is_killed_fails_the_job_with_its_name() {
    for cause in ["abort", "divide"] {
        let mut command = faabric();
        command.args(["run", "-n", "2", "--workers", "2"]);
        command.arg(guest("program.c")).arg(cause);
        let failed = finish(command.stdin(Stdio::null()));
        assert_ne!(failed.code, 0, "{cause}");
        assert!(
            failed.stderr.contains("rank "),
            "{cause}: {}",
            failed.stderr
        );
    }
}
