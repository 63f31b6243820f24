//! One worker and a fake planner: how ranks start, run, print and end.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use faabric_wire::id::{JobId, Rank};
use faabric_wire::proto::{Dir, EnvVar, from_worker};
use faabric_wire::tcp::{self, Endpoint, Place};
use faabric_worker::{Config, Error, Worker};
use std::path::PathBuf;
use support::*;

#[tokio::test]
async fn ranks_print_and_exit() {
    let mut planner = FakePlanner::start().await;
    let (worker, mut session) = planner.worker(planner.config("a")).await;
    assert_eq!(session.hello.worker, "a");
    assert_eq!(session.hello.slots, 4);
    session.start(1, spec(&planner.put(&hello()), 3)).await;
    let report = session.read_exits(3).await;
    for rank in 0..3 {
        assert_eq!(report.stdout(rank), "hello from a guest\n");
        assert_eq!(report.exit(rank), (0, ""));
    }
    assert_eq!(report.started.len(), 3);
    session.forget(1).await;
    worker.shut_down().await;
}

#[tokio::test]
async fn exit_codes_and_traps_are_told_with_their_reason() {
    let mut planner = FakePlanner::start().await;
    let (_worker, mut session) = planner.worker(planner.config("a")).await;
    session
        .start(
            1,
            spec(&planner.put(&guest("(call $proc_exit (i32.const 7))")), 1),
        )
        .await;
    assert_eq!(session.read_exits(1).await.exit(0), (7, ""));
    session
        .start(2, spec(&planner.put(&guest("unreachable")), 1))
        .await;
    let report = session.read_exits(1).await;
    let (code, reason) = report.exit(0);
    assert_eq!(code, 134);
    assert!(reason.contains("unreachable"), "{reason}");
}

#[tokio::test]
async fn an_endless_loop_is_stopped() {
    let mut planner = FakePlanner::start().await;
    let (_worker, mut session) = planner.worker(planner.config("a")).await;
    session.start(1, spec(&planner.put(&endless()), 2)).await;
    session.read_started(2).await;
    session.stop(1, "cancelled by a test").await;
    let report = session.read_exits(2).await;
    for rank in 0..2 {
        assert_eq!(report.exit(rank), (137, "cancelled by a test"));
    }
}

#[tokio::test]
async fn standard_input_goes_to_rank_0() {
    let mut planner = FakePlanner::start().await;
    let (_worker, mut session) = planner.worker(planner.config("a")).await;
    let mut spec = spec(&planner.put(&echo()), 2);
    spec.stdin = true;
    session.start(1, spec).await;
    let text = "some input\n".repeat(10_000);
    session.stdin(1, &text.as_bytes()[..50_000], false).await;
    session.stdin(1, &text.as_bytes()[50_000..], true).await;
    let report = session.read_exits(2).await;
    assert!(report.stdout(0) == text);
    assert_eq!(report.stdout(1), "");
    assert_eq!((report.exit(0), report.exit(1)), ((0, ""), (0, "")));
}

#[tokio::test]
async fn a_guest_that_waits_for_input_is_stopped() {
    let mut planner = FakePlanner::start().await;
    let (_worker, mut session) = planner.worker(planner.config("a")).await;
    let mut spec = spec(&planner.put(&echo()), 1);
    spec.stdin = true;
    session.start(1, spec).await;
    session.read_started(1).await;
    session.stop(1, "enough").await;
    assert_eq!(session.read_exits(1).await.exit(0), (137, "enough"));
}

#[tokio::test]
async fn the_environment_names_rank_size_and_threads() {
    let mut planner = FakePlanner::start().await;
    let (_worker, mut session) = planner.worker(planner.config("a")).await;
    let mut spec = spec(&planner.put(&environment()), 2);
    spec.threads = 3;
    let pairs = [("COLOUR", "red"), ("OMP_NUM_THREADS", "99")];
    spec.env = pairs
        .map(|(name, value)| EnvVar {
            name: name.into(),
            value: value.into(),
        })
        .to_vec();
    session.start(5, spec).await;
    let report = session.read_exits(2).await;
    let text = report.stdout(1);
    let mut env: Vec<&str> = text.split_terminator('\0').collect();
    env.sort_unstable();
    let expected = [
        "COLOUR=red",
        "FAABRIC_JOB=5",
        "FAABRIC_RANK=1",
        "FAABRIC_SIZE=2",
        "FAABRIC_WORKER=a",
        "OMP_NUM_THREADS=3",
    ];
    assert_eq!(env, expected);
}

#[tokio::test]
async fn a_guest_that_prints_for_ever_is_slowed_down_and_can_be_stopped() {
    let mut planner = FakePlanner::start().await;
    let (_worker, mut session) = planner.worker(planner.config("a")).await;
    session.receipts = false;
    session.start(1, spec(&planner.put(&printer()), 1)).await;
    let mut report = Report::default();
    let full = 8 << 20;
    session
        .read_until(&mut report, |report| report.output_bytes() >= full)
        .await;
    session.stop(1, "enough").await;
    session
        .read_until(&mut report, |report| !report.exits.is_empty())
        .await;
    // What was under way when there was no room any more: one chunk, and the rest.
    assert!(
        report.output_bytes() <= full + 3 * 64 * 1024,
        "{}",
        report.output_bytes()
    );
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_over_a_lost_connection() {
    let mut planner = FakePlanner::start().await;
    let (_worker, mut session) = planner.worker(planner.config("a")).await;
    let mut spec = spec(&planner.put(&echo()), 1);
    spec.stdin = true;
    session.start(1, spec).await;
    session.stdin(1, b"one\n", false).await;
    let mut report = Report::default();
    session
        .read_until(&mut report, |report| report.output_bytes() == 4)
        .await;
    // Sent, perhaps read, never acknowledged.
    session.receipts = false;
    session.stdin(1, b"two\n", true).await;
    session
        .read_until(&mut Report::default(), |report| !report.exits.is_empty())
        .await;
    planner.set_away(true);
    drop(session);
    planner.set_away(false);
    let mut session = planner.join().await;
    assert_eq!(session.hello.running.len(), 1);
    assert_eq!(
        (
            session.hello.running[0].job,
            &session.hello.running[0].ranks
        ),
        (1, &vec![0])
    );
    session
        .read_until(&mut report, |report| !report.exits.is_empty())
        .await;
    assert_eq!(report.stdout(0), "one\ntwo\n");
    assert_eq!(report.exit(0), (0, ""));
    // Told to forget: a third connection hears nothing of the job.
    session.forget(1).await;
    session
        .start(2, support::spec(&planner.put(&hello()), 1))
        .await;
    session.read_exits(1).await;
    drop(session);
    let session = planner.join().await;
    assert_eq!(
        session
            .hello
            .running
            .iter()
            .map(|job| job.job)
            .collect::<Vec<_>>(),
        [2]
    );
}

#[tokio::test]
async fn a_job_that_runs_goes_on_while_the_planner_restarts() {
    let mut planner = FakePlanner::with_lease(600_000).await;
    let (_worker, mut session) = planner.worker(planner.config("a")).await;
    let mut spec = spec(&planner.put(&echo()), 1);
    spec.stdin = true;
    session.start(1, spec.clone()).await;
    session.read_started(1).await;
    drop(session);
    let mut session = planner.join().await;
    // Told twice: the planner may not know whether the first order arrived.
    session.start(1, spec).await;
    session.stdin(1, b"still here", true).await;
    let report = session.read_exits(1).await;
    assert_eq!(
        (report.stdout(0).as_str(), report.exit(0)),
        ("still here", (0, ""))
    );
}

#[tokio::test]
async fn a_planner_that_stays_away_for_a_lease_costs_the_jobs() {
    let mut planner = FakePlanner::with_lease(50).await;
    let (_worker, mut session) = planner.worker(planner.config("a")).await;
    session.start(1, spec(&planner.put(&endless()), 1)).await;
    session.read_started(1).await;
    planner.set_away(true);
    drop(session);
    // The worker pauses longer and longer between two attempts: the sixth comes 620 ms
    // after the first.
    planner.turned_away(6).await;
    planner.set_away(false);
    let mut session = planner.join().await;
    let report = session.read_exits(1).await;
    let (code, reason) = report.exit(0);
    assert_eq!(code, 137);
    assert!(
        reason.contains("worker a has not reached the planner for 50 ms"),
        "{reason}"
    );
}

#[tokio::test]
async fn what_cannot_start_says_why() {
    let mut planner = FakePlanner::start().await;
    let temp = tempfile::tempdir().unwrap();
    let config = Config {
        file_roots: vec![temp.path().to_owned()],
        ..planner.config("a")
    };
    let (_worker, mut session) = planner.worker(config).await;
    let good = planner.put(&hello());
    let wrong = blake3::hash(b"another").to_string();
    planner.put_as(&wrong, b"\0asm".to_vec());
    let text = b"#!/bin/sh\n".to_vec();
    let no_wasm = blake3::hash(&text).to_string();
    planner.put_as(&no_wasm, text);
    let outside = Dir {
        host: "/etc".into(),
        guest: "/etc".into(),
        read_only: true,
    };
    let mut mapped = spec(&good, 1);
    mapped.dirs = vec![outside];
    let mut tier = spec(&good, 1);
    tier.tier = "fast".to_owned();
    let missing = blake3::hash(b"missing").to_string();
    let cases = [
        (spec(&missing, 1), "no module"),
        (spec("nonsense", 1), "\"nonsense\" is not the BLAKE3 hash"),
        (spec(&wrong, 1), "sent a module with hash"),
        (spec(&no_wasm, 2), "not a Wasm module"),
        (mapped, "start the worker with --file-root /etc"),
        (tier, "there is no tier \"fast\""),
    ];
    for (job, (spec, wanted)) in cases.into_iter().enumerate() {
        let ranks = spec.ranks;
        session.start(job as u64 + 1, spec).await;
        let report = session.read_exits(ranks as usize).await;
        for rank in 0..ranks {
            let (code, reason) = report.exit(rank);
            assert_eq!(code, 126, "{reason}");
            assert!(reason.contains(wanted), "{wanted}: {reason}");
        }
    }
}

#[tokio::test]
async fn modules_are_kept_on_disk_and_checked() {
    let mut planner = FakePlanner::start().await;
    let cache = tempfile::tempdir().unwrap();
    let config = Config {
        cache: Some(cache.path().to_owned()),
        ..planner.config("a")
    };
    let (_worker, mut session) = planner.worker(config).await;
    let hash = planner.put(&hello());
    let kept: PathBuf = cache.path().join("modules").join(format!("{hash}.wasm"));
    for job in 1..=3 {
        session.start(job, spec(&hash, 1)).await;
        assert_eq!(
            session.read_exits(1).await.stdout(0),
            "hello from a guest\n"
        );
        match job {
            // From now on from the disk,
            1 => planner.put_as(&hash, b"gone".to_vec()),
            // unless what is there is damaged.
            2 => {
                planner.put_as(&hash, std::fs::read(&kept).unwrap());
                std::fs::write(&kept, b"damaged").unwrap();
            }
            _ => {}
        }
    }
    assert_eq!(
        blake3::hash(&std::fs::read(&kept).unwrap()).to_string(),
        hash
    );
}

#[tokio::test]
async fn a_module_is_fetched_again_from_a_planner_that_was_away() {
    let mut planner = FakePlanner::start().await;
    let (_worker, mut session) = planner.worker(planner.config("a")).await;
    planner.set_away(true);
    session.start(1, spec(&planner.put(&hello()), 1)).await;
    planner.turned_away(1).await;
    planner.set_away(false);
    assert_eq!(session.read_exits(1).await.exit(0), (0, ""));
}

#[tokio::test]
async fn a_worker_that_is_refused_says_so_and_one_that_is_shut_down_tells_its_exits() {
    let mut planner = FakePlanner::start().await;
    let (worker, mut session) = planner.worker(planner.config("a")).await;
    session.start(1, spec(&planner.put(&endless()), 1)).await;
    session.read_started(1).await;
    let reading = tokio::spawn(async move { session.read_exits(1).await });
    worker.shut_down().await;
    let report = reading.await.unwrap();
    assert_eq!(report.exit(0), (137, "worker a was shut down"));

    planner.set_refuses();
    let worker = Worker::start(planner.config("a")).await.unwrap();
    let error = worker.run(std::future::pending()).await.unwrap_err();
    assert!(matches!(&error, Error::Refused { reason, .. } if reason == "the name is taken"));
    let bad = Config {
        planner: "not a url".to_owned(),
        ..planner.config("a")
    };
    assert!(matches!(
        Worker::start(bad).await,
        Err(Error::PlannerUrl { .. })
    ));
}

#[tokio::test]
async fn losing_another_worker_ends_the_job_and_names_both() {
    let mut planner = FakePlanner::start().await;
    let (worker, mut session) = planner.worker(planner.config("a")).await;
    let b = Endpoint::listen(tcp::Config {
        worker: "b".to_owned(),
        ..tcp::Config::default()
    });
    let b = b.unwrap();
    let mut world = vec![session.location(vec![0, 1])];
    world.push(faabric_wire::proto::RankLocation {
        worker: "b".to_owned(),
        data_address: b.local_address().to_string(),
        ranks: vec![2],
        incarnation: 0,
    });
    session
        .start_part(1, spec(&planner.put(&endless()), 3), vec![0, 1], world)
        .await;
    session.read_started(2).await;
    // Any packet makes the connection, one of another job too.
    let place = Place {
        worker: "a".to_owned(),
        address: worker.handle.data_address().to_owned(),
        incarnation: 0,
        ranks: vec![Rank(0)],
    };
    let other = b.job(JobId(9), &[place]);
    let payload = faabric_wire::fabric::Payload::Empty;
    let rank = faabric_wire::fabric::Caller::Rank;
    faabric_wire::fabric::Fabric::send(&*other, Rank(0), b"x", payload, rank).unwrap();
    while !b.is_connected("a") {
        tokio::task::yield_now().await;
    }
    drop(b);
    let report = session.read_exits(2).await;
    let aborted = &report.aborted[0];
    assert_eq!((aborted.job, aborted.rank, aborted.code), (1, 0, 1));
    assert!(
        aborted
            .reason
            .starts_with("the connection from worker a to worker b is lost"),
        "{aborted:?}"
    );
    assert_eq!(report.exit(1).0, 137);
}

#[tokio::test]
async fn heartbeats_come_without_being_asked_for() {
    let mut planner = FakePlanner::with_lease(30).await;
    let (_worker, mut session) = planner.worker(planner.config("a")).await;
    for _ in 0..5 {
        let report = session.next_any().await;
        assert!(matches!(
            report.message,
            Some(from_worker::Message::Heartbeat(_))
        ));
    }
}
