//! Jobs from submission to end, as clients see them.

use super::*;
use faabric_wire::proto::{CancelRequest, GetPolicyRequest, ModuleRef, PolicyRef, WorkersRequest};
use tonic::Code;

#[tokio::test]
async fn a_job_runs_on_two_workers() {
    let planner = Planner::start(config()).await;
    let mut client = planner.client().await;
    let (mut a, mut b) = (planner.worker("a", 2).await, planner.worker("b", 2).await);
    let job = client.submit(3).await.unwrap();
    let (on_a, on_b) = (a.started().await, b.started().await);
    assert_eq!((on_a.ranks, on_b.ranks), (vec![0, 1], vec![2]));
    assert_eq!(on_a.spec.unwrap().name, "app.wasm");
    assert_eq!(on_a.world, on_b.world);
    let places: Vec<_> = on_a
        .world
        .iter()
        .map(|l| (&*l.worker, &*l.data_address))
        .collect();
    assert_eq!(places, [("a", "a:1"), ("b", "b:1")]);

    let mut attached = client.attach(job, 0).await.unwrap();
    let info = attached.until(JobState::Running).await;
    assert_eq!((info.job, info.ranks, &*info.policy), (job, 3, "bin-pack"));
    a.print(job, 0, "from rank 0\n").await;
    let first = attached.output().await;
    assert_eq!(
        (first.rank, first.offset, first.stream()),
        (0, 0, Stream::Stdout)
    );
    b.print(job, 2, "from rank 2\n").await;
    attached.output().await;
    a.print(job, 1, "from rank 1\n").await;
    for rank in [0, 1] {
        a.exit(job, rank, 0).await;
    }
    b.exit(job, 2, 0).await;
    let (more, finished) = attached.rest().await;
    assert_eq!(text(&more), "from rank 1\n");
    assert_eq!(
        (finished.code, &*finished.reason, finished.rank),
        (0, "", None)
    );
    assert_eq!((a.forgot().await, b.forgot().await), (job, job));

    // Who comes later gets all of it, or what is new to him.
    let (all, again) = client.wait(job).await;
    assert_eq!(text(&all), "from rank 0\nfrom rank 2\nfrom rank 1\n");
    assert_eq!(again, finished);
    let (some, _) = client.attach(job, 2).await.unwrap().rest().await;
    assert_eq!(
        (text(&some), some[0].offset),
        ("from rank 1\n".to_owned(), 2)
    );

    let all = JobsRequest {
        all: true,
        jobs: Vec::new(),
    };
    let jobs = client.0.jobs(all).await.unwrap().into_inner().jobs;
    assert_eq!(jobs.len(), 1);
    assert_eq!(jobs[0].finished.as_ref(), Some(&finished));
    assert!(jobs[0].submitted_unix_ms > 0 && jobs[0].finished_unix_ms >= jobs[0].started_unix_ms);
    let current = client.0.jobs(JobsRequest::default()).await.unwrap();
    assert_eq!(current.into_inner().jobs, []);
    planner.stop().await;
}

#[tokio::test]
async fn jobs_wait_for_slots_and_say_so() {
    let planner = Planner::start(config()).await;
    let mut client = planner.client().await;
    let job = client.submit(2).await.unwrap();
    let mut attached = client.attach(job, 0).await.unwrap();
    let info = attached.until(JobState::Queued).await;
    assert_eq!(info.waiting_for, "workers with 2 slots: none has joined");
    let mut a = planner.worker("a", 1).await;
    let info = attached.until(JobState::Queued).await;
    assert_eq!(
        info.waiting_for,
        "2 slots: the whole cluster has 1, on 1 worker; start more workers"
    );
    let _b = planner.worker("b", 1).await;
    attached.until(JobState::Running).await;
    assert_eq!(a.started().await.ranks, [0]);
    let workers = client
        .0
        .workers(WorkersRequest {})
        .await
        .unwrap()
        .into_inner()
        .workers;
    let workers: Vec<_> = workers
        .iter()
        .map(|w| (&*w.worker, w.slots, w.used, w.alive))
        .collect();
    assert_eq!(workers, [("a", 1, 1, true), ("b", 1, 1, true)]);
}

#[tokio::test]
async fn cancelling_is_idempotent() {
    let planner = Planner::start(config()).await;
    let mut client = planner.client().await;
    let mut worker = planner.worker("a", 1).await;
    let job = client.submit(1).await.unwrap();
    worker.started().await;
    for _ in 0..2 {
        let request = CancelRequest {
            job,
            reason: "no need".to_owned(),
        };
        let reply = client.0.cancel(request).await.unwrap().into_inner();
        assert_eq!(reply.job.unwrap().state(), JobState::Stopping);
    }
    let stop = worker.stopped().await;
    assert_eq!((stop.job, stop.code, &*stop.reason), (job, 130, "no need"));
    worker.exit(job, 0, 137).await;
    let (_, finished) = client.wait(job).await;
    assert_eq!((finished.code, &*finished.reason), (130, "no need"));
    let request = CancelRequest {
        job,
        reason: String::new(),
    };
    let reply = client.0.cancel(request).await.unwrap().into_inner();
    assert_eq!(reply.job.unwrap().finished, Some(finished));
    let request = CancelRequest {
        job: 99,
        reason: String::new(),
    };
    assert_eq!(
        client.0.cancel(request).await.unwrap_err().code(),
        Code::NotFound
    );
}

#[tokio::test]
async fn standard_input_reaches_rank_0_after_the_order_to_start() {
    let planner = Planner::start(config()).await;
    let mut client = planner.client().await;
    let job = client.submit(1).await.unwrap();
    let attached = client.attach(job, 0).await.unwrap();
    for (text, stdin_closed) in [("hello ", false), ("world", true)] {
        let request = AttachRequest {
            stdin: text.as_bytes().to_vec(),
            stdin_closed,
            ..AttachRequest::default()
        };
        attached.say.send(request).await.unwrap();
    }
    let mut worker = planner.worker("a", 1).await;
    worker.started().await;
    let mut input = Vec::new();
    loop {
        let to_worker::Message::Stdin(stdin) = worker.told().await else {
            panic!("expected input");
        };
        assert_eq!(stdin.job, job);
        input.extend(stdin.data);
        if stdin.closed {
            break;
        }
    }
    assert_eq!(input, b"hello world");
}

#[tokio::test]
async fn a_program_that_does_not_read_its_input_stops_the_client() {
    let planner = Planner::start(config()).await;
    let mut client = planner.client().await;
    let job = client.submit(1).await.unwrap();
    let attached = client.attach(job, 0).await.unwrap();
    let (piece, pieces) = (vec![7; 64 << 10], 64);
    let sending = tokio::spawn(async move {
        for _ in 0..pieces {
            let stdin = piece.clone();
            let request = AttachRequest {
                stdin,
                ..AttachRequest::default()
            };
            attached.say.send(request).await.unwrap();
        }
        attached
    });
    let mut worker = planner.worker("a", 1).await;
    worker.started().await;
    let (mut got, mut taken) = (0, 0);
    while got < pieces * (64 << 10) {
        let to_worker::Message::Stdin(stdin) = worker.told().await else {
            panic!("expected input");
        };
        got += stdin.data.len() as u64;
        let window = crate::service::stdin::WINDOW;
        assert!(got - taken <= window + (64 << 10), "{got} {taken}");
        if got - taken >= window {
            taken = got;
            let message = proto::StdinTaken { job, bytes: taken };
            worker.say(from_worker::Message::StdinTaken(message)).await;
        }
    }
    drop(sending.await.unwrap());
}

#[tokio::test]
async fn a_client_that_detaches_leaves_the_job_alone() {
    let planner = Planner::start(config()).await;
    let mut client = planner.client().await;
    let mut worker = planner.worker("a", 1).await;
    let job = client.submit(1).await.unwrap();
    worker.started().await;
    let mut stays = client.attach(job, 0).await.unwrap();
    stays.until(JobState::Running).await;
    let mut goes = client.attach(job, 0).await.unwrap();
    goes.until(JobState::Running).await;
    drop(goes);
    worker.print(job, 0, "still here").await;
    assert_eq!(stays.output().await.data, b"still here");
    worker.exit(job, 0, 3).await;
    let (_, finished) = stays.rest().await;
    assert_eq!(
        (finished.code, finished.rank, &*finished.worker),
        (3, Some(0), "a")
    );
}

#[tokio::test]
async fn a_client_may_ask_for_what_is_there_now() {
    let planner = Planner::start(config()).await;
    let mut client = planner.client().await;
    let mut worker = planner.worker("a", 1).await;
    let job = client.submit(1).await.unwrap();
    worker.started().await;
    worker.print(job, 0, "so far").await;
    worker.acknowledged().await;
    let request = AttachRequest {
        job,
        no_follow: true,
        ..AttachRequest::default()
    };
    let requests = tokio_stream::once(request);
    let mut events = client.0.attach(requests).await.unwrap().into_inner();
    let mut got = Vec::new();
    while let Some(event) = events.message().await.unwrap() {
        got.push(event.event.unwrap());
    }
    let [
        job_event::Event::Output(output),
        job_event::Event::State(info),
    ] = &got[..]
    else {
        panic!("{got:?}");
    };
    assert_eq!(
        (&*output.data, info.state()),
        (&b"so far"[..], JobState::Running)
    );
}

#[tokio::test]
async fn a_slow_client_delays_nobody_and_misses_nothing_that_is_kept() {
    let planner = Planner::start(config()).await;
    let mut client = planner.client().await;
    let mut worker = planner.worker("a", 1).await;
    let job = client.submit(1).await.unwrap();
    worker.started().await;
    let slow = client.attach(job, 0).await.unwrap();
    let piece = "0123456789abcdef".repeat(4096);
    for _ in 0..300 {
        worker.print(job, 0, &piece).await;
    }
    worker.exit(job, 0, 0).await;
    // Another client on another connection sees the end before the slow one reads at all.
    let (outputs, _) = planner.client().await.wait(job).await;
    assert_eq!(outputs.len(), 300);
    let (outputs, _) = slow.rest().await;
    assert_eq!(text(&outputs).len(), 300 * piece.len());
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_the_field() {
    let planner = Planner::start(config()).await;
    let mut client = planner.client().await;
    let status = client.0.submit(spec(1)).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound, "{status}");
    assert!(status.message().contains("upload it first"));
    let status = client.submit(0).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(status.message(), "ranks: between 1 and 131072, not 0");
    let Err(status) = client.attach(1, 0).await else {
        panic!("there is no job 1");
    };
    assert_eq!(status.code(), Code::NotFound);
    let hash = ModuleRef {
        hash: "../../etc/passwd".to_owned(),
    };
    let status = client.0.get_module(hash).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let policy = PolicyRef {
        policy: "random".to_owned(),
    };
    let status = client.0.set_policy(policy).await.unwrap_err();
    assert_eq!(
        status.message(),
        "policy: bin-pack, spread exist, not \"random\""
    );
}

#[tokio::test]
async fn modules_come_back_as_they_were_put() {
    let dir = tempfile::tempdir().unwrap();
    for config in [config(), config_in(dir.path())] {
        let planner = Planner::start(config).await;
        let mut client = planner.client().await;
        let hash = client.put(MODULE).await;
        let mut stream = client
            .0
            .get_module(ModuleRef { hash })
            .await
            .unwrap()
            .into_inner();
        let mut bytes = Vec::new();
        while let Some(chunk) = stream.message().await.unwrap() {
            bytes.extend(chunk.data);
        }
        assert_eq!(bytes, MODULE);
        planner.stop().await;
    }
}

#[tokio::test]
async fn the_policy_is_set_and_got() {
    let planner = Planner::start(config()).await;
    let mut client = planner.client().await;
    let spread = PolicyRef {
        policy: "spread".to_owned(),
    };
    let reply = client
        .0
        .set_policy(spread.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(reply, spread);
    let reply = client
        .0
        .get_policy(GetPolicyRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!(reply, spread);
    let (mut a, mut b) = (planner.worker("a", 2).await, planner.worker("b", 2).await);
    client.submit(2).await.unwrap();
    assert_eq!(
        (a.started().await.ranks, b.started().await.ranks),
        (vec![0], vec![1])
    );
}
