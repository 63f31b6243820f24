//! Workers that vanish or misbehave, logs that cannot be written, ports in use.

use super::*;
use crate::engine::state::{Fact, State};
use crate::log::{Kept, Memory};
use std::sync::atomic::{AtomicBool, Ordering};
use tonic::Code;

#[tokio::test]
async fn a_worker_that_vanishes_fails_its_job() {
    // Long enough for heartbeats to come in time on a busy machine.
    let short = Config {
        lease_ms: 2000,
        ..config()
    };
    let planner = Planner::start(short).await;
    let mut client = planner.client().await;
    let (mut a, mut b) = (planner.worker("a", 1).await, planner.worker("b", 1).await);
    let (a_beats, b_beats) = (a.beat(), b.beat());
    let job = client.submit(2).await.unwrap();
    a.started().await;
    b.started().await;
    b_beats.abort();
    drop(b);
    let reason = "worker b is lost: nothing was heard of it for 2000 ms; it ran rank 1";
    assert_eq!(a.stopped().await.reason, reason);
    a.exit(job, 0, 137).await;
    let (_, finished) = client.wait(job).await;
    assert_eq!((finished.code, &*finished.reason), (1, reason));
    assert_eq!((finished.rank, &*finished.worker), (Some(1), "b"));
    a_beats.abort();
}

#[tokio::test]
async fn a_worker_whose_connection_breaks_fails_its_job_before_its_lease_is_over() {
    let quick = Config {
        lease_ms: 60_000,
        grace_ms: 100,
        ..config()
    };
    let planner = Planner::start(quick).await;
    let mut client = planner.client().await;
    let mut worker = planner.worker("a", 1).await;
    let job = client.submit(1).await.unwrap();
    worker.started().await;
    drop(worker);
    let (_, finished) = client.wait(job).await;
    assert_eq!(
        finished.reason,
        "worker a is lost: its connection closed, and it did not come back within 100 ms; \
         it ran rank 0"
    );
}

#[tokio::test]
async fn a_worker_that_is_only_silent_is_disconnected_so_that_it_comes_back() {
    let short = Config {
        lease_ms: 100,
        ..config()
    };
    let planner = Planner::start(short).await;
    let mut silent = planner.join(hello("a", 1)).await.unwrap();
    while silent.hear().await.is_some() {}
    let mut again = planner.join(hello("a", 1)).await.unwrap();
    let _beats = again.beat();
    assert!(matches!(
        again.hear().await,
        Some(to_worker::Message::Welcome(_))
    ));
}

#[tokio::test]
async fn a_worker_that_reconnects_goes_on_and_repeats_harmlessly() {
    let planner = Planner::start(config()).await;
    let mut client = planner.client().await;
    let mut worker = planner.worker("a", 2).await;
    let job = client.submit(2).await.unwrap();
    worker.started().await;
    worker.print(job, 0, "one ").await;
    worker.exit(job, 1, 0).await;
    worker.acknowledged().await;
    // The new connection replaces the old one, which the planner may think is open.
    let mut again = planner.join(rehello("a", 2, job, &[0, 1])).await.unwrap();
    assert!(matches!(
        again.hear().await,
        Some(to_worker::Message::Welcome(_))
    ));
    assert!(
        worker.hear().await.is_none(),
        "the old connection is closed"
    );
    again.say_as(1, output(job, 0, "one ")).await;
    again.say_as(2, exited(job, 1, 0)).await;
    again.sequence = 2;
    again.print(job, 0, "two").await;
    again.acknowledged().await;
    again.exit(job, 0, 0).await;
    let (outputs, finished) = client.wait(job).await;
    assert_eq!((text(&outputs), finished.code), ("one two".to_owned(), 0));
    assert_eq!(again.forgot().await, job);
}

#[tokio::test]
async fn a_second_worker_of_the_name_is_refused() {
    let planner = Planner::start(config()).await;
    let _first = planner.worker("a", 1).await;
    let mut other = hello("a", 1);
    other.incarnation = 8;
    let Err(status) = planner.join(other).await else {
        panic!("the name is taken");
    };
    assert_eq!(status.code(), Code::AlreadyExists);
    assert!(
        status
            .message()
            .starts_with("the name a is taken by a live worker at a:1")
    );
}

#[tokio::test]
async fn nonsense_from_workers_is_ignored_or_refused() {
    let planner = Planner::start(config()).await;
    for (damage, field) in [
        (
            Hello {
                slots: 0,
                ..hello("a", 1)
            },
            "slots",
        ),
        (
            Hello {
                slots: u32::MAX,
                ..hello("a", 1)
            },
            "slots",
        ),
        (hello("", 1), "worker"),
        (hello("a b", 1), "worker"),
        (
            Hello {
                data_address: String::new(),
                ..hello("a", 1)
            },
            "data_address",
        ),
    ] {
        let Err(status) = planner.join(damage).await else {
            panic!("{field} is wrong");
        };
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().starts_with(field), "{status}");
    }
    let mut client = planner.client().await;
    let mut worker = planner.worker("a", 1).await;
    let job = client.submit(1).await.unwrap();
    worker.started().await;
    worker.exit(job, 99, 1).await;
    worker.exit(99, 0, 1).await;
    worker.print(99, 0, "whose?").await;
    worker.say(from_worker::Message::Hello(hello("a", 1))).await;
    worker.say.send(FromWorker::default()).await.unwrap();
    worker.print(job, 0, "fine").await;
    worker.exit(job, 0, 0).await;
    let (outputs, finished) = client.wait(job).await;
    assert_eq!((text(&outputs), finished.code), ("fine".to_owned(), 0));
}

/// The planner has heard the question, and its answer went down with the connection.
#[tokio::test]
async fn a_spawn_that_is_asked_again_is_answered_again() {
    let planner = Planner::start(config()).await;
    let mut client = planner.client().await;
    let mut worker = planner.worker("a", 2).await;
    let job = client.submit(1).await.unwrap();
    worker.started().await;
    let program = proto::Program {
        module: spec(1).module,
        args: vec!["app".to_owned()],
        ranks: 1,
        ..proto::Program::default()
    };
    let question = from_worker::Message::Spawn(proto::Spawn {
        job,
        rank: 0,
        question: 1,
        programs: vec![program],
        ..proto::Spawn::default()
    });
    worker.say_as(1, question.clone()).await;
    assert_eq!(answer(&mut worker).await, [1]);
    let mut again = planner.join(rehello("a", 2, job, &[0, 1])).await.unwrap();
    again.say_as(1, question).await;
    assert_eq!(answer(&mut again).await, [1]);
}

/// How many ranks of each program were spawned, by the next answer.
async fn answer(worker: &mut Worker) -> Vec<u32> {
    loop {
        if let to_worker::Message::Spawned(done) = worker.told().await {
            assert_eq!(done.refused, "");
            return done.ranks;
        }
    }
}

#[tokio::test]
async fn an_oversized_message_ends_only_its_own_call() {
    let planner = Planner::start(config()).await;
    let mut client = planner.client().await;
    let mut huge = spec(1);
    huge.args.push("x".repeat(super::super::MAX_MESSAGE));
    let status = client.0.submit(huge).await.unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange, "{status}");
    client.submit(1).await.unwrap();
}

#[tokio::test]
async fn noise_on_the_port_harms_nobody() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let planner = Planner::start(config()).await;
    for noise in [
        &b"GET / HTTP/1.1\r\nHost: planner\r\n\r\n"[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        &[0xff; 4096],
    ] {
        let mut stream = tokio::net::TcpStream::connect(planner.address)
            .await
            .unwrap();
        // The planner may hang up while this is being written.
        let _ = stream.write_all(noise).await;
        let _ = stream.shutdown().await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }
    planner.client().await.submit(1).await.unwrap();
}

/// A log whose disk can be filled up.
#[derive(Default)]
struct Disk {
    full: AtomicBool,
}

impl Store for Disk {
    fn load(&self) -> Result<Kept, Error> {
        Memory.load()
    }

    fn append(&self, _first: u64, _facts: &[Fact]) -> Result<(), Error> {
        if self.full.load(Ordering::SeqCst) {
            return Err(Error::Write {
                path: "/data/planner.redb".into(),
                detail: "No space left on device".to_owned(),
            });
        }
        Ok(())
    }

    fn snapshot(&self, _next: u64, _state: &State) -> Result<(), Error> {
        Ok(())
    }
}

#[tokio::test]
async fn with_a_full_disk_jobs_end_but_none_starts() {
    let disk = Arc::new(Disk::default());
    let planner = Planner::start_with(config(), Some(disk.clone())).await;
    let mut client = planner.client().await;
    let mut worker = planner.worker("a", 1).await;
    let first = client.submit(1).await.unwrap();
    worker.started().await;
    let second = client.submit(1).await.unwrap();

    disk.full.store(true, Ordering::SeqCst);
    for _ in 0..2 {
        let status = client.submit(1).await.unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert!(
            status
                .message()
                .contains("No space left on device; free space"),
            "{status}"
        );
    }
    worker.print(first, 0, "done").await;
    worker.exit(first, 0, 0).await;
    let (outputs, finished) = client.wait(first).await;
    assert_eq!((text(&outputs), finished.code), ("done".to_owned(), 0));
    let info = client.job(second).await;
    assert_eq!(info.state(), JobState::Queued);
    assert!(
        info.waiting_for.contains("No space left on device"),
        "{}",
        info.waiting_for
    );

    // Only now is the end of the first one in the log.
    disk.full.store(false, Ordering::SeqCst);
    assert_eq!(worker.forgot().await, first);
    assert_eq!(worker.started().await.job, second);
    worker.exit(second, 0, 0).await;
    assert_eq!(client.wait(second).await.1.code, 0);
    let third = client.submit(1).await.unwrap();
    assert_eq!(worker.forgot().await, second);
    assert_eq!(worker.started().await.job, third);
}

#[tokio::test]
async fn a_port_in_use_is_named_with_the_flag() {
    let planner = Planner::start(config()).await;
    let taken = Config {
        listen: planner.address.to_string(),
        ..config()
    };
    let error = Service::bind(taken).await.err().unwrap().to_string();
    assert!(error.contains(&planner.address.to_string()), "{error}");
    assert!(error.contains("--listen"), "{error}");
}

#[tokio::test]
async fn a_wrong_configuration_is_refused() {
    for (config, complaint) in [
        (
            Config {
                policy: "random".to_owned(),
                ..config()
            },
            "there is no policy \"random\"",
        ),
        (
            Config {
                lease_ms: 1,
                ..config()
            },
            "lease_ms must be at least 100",
        ),
        (
            Config {
                data_dir: Some("/dev/null/x".into()),
                ..config()
            },
            "cannot use /dev/null/x",
        ),
        (
            Config {
                listen: "nowhere".to_owned(),
                ..config()
            },
            "cannot listen on nowhere",
        ),
    ] {
        let error = Service::bind(config).await.err().unwrap().to_string();
        assert!(error.starts_with(complaint), "{error}");
    }
}
