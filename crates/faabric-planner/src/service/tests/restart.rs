//! A planner that stops and one that goes on from its log.

use super::*;
use faabric_wire::proto::{GetPolicyRequest, PolicyRef};

#[tokio::test]
async fn running_jobs_go_on_with_the_next_planner() {
    let dir = tempfile::tempdir().unwrap();
    let planner = Planner::start(config_in(dir.path())).await;
    let mut client = planner.client().await;
    let spread = PolicyRef {
        policy: "spread".to_owned(),
    };
    client.0.set_policy(spread.clone()).await.unwrap();
    let mut worker = planner.worker("a", 2).await;
    let running = client.submit(2).await.unwrap();
    let next = client.submit(1).await.unwrap();
    worker.started().await;
    worker.print(running, 0, "before ").await;
    worker.exit(running, 1, 0).await;
    worker.acknowledged().await;
    let mut attached = client.attach(running, 0).await.unwrap();
    attached.output().await;
    planner.stop().await;
    assert!(worker.hear().await.is_none(), "the connection is closed");
    let told = loop {
        match attached.events.message().await {
            Ok(Some(_)) => {}
            end => break end,
        }
    };
    assert!(
        told.is_err(),
        "the client is told that the planner went: {told:?}"
    );

    let planner = Planner::start(config_in(dir.path())).await;
    let mut client = planner.client().await;
    let reply = client
        .0
        .get_policy(GetPolicyRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!(reply, spread);
    assert_eq!(client.job(running).await.state(), JobState::Running);
    let mut worker = planner
        .join(rehello("a", 2, running, &[0, 1]))
        .await
        .unwrap();
    // The rank that ended left a free slot for the next job; the worker does not list
    // it, so the order was lost with the connection, and is given again.
    assert_eq!(worker.started().await.job, next);
    // What it has no receipt for comes again; the planner before this one kept it.
    worker.say_as(1, output(running, 0, "before ")).await;
    worker.say_as(2, exited(running, 1, 0)).await;
    worker.sequence = 2;
    worker.print(running, 0, "after").await;
    worker.exit(running, 0, 0).await;
    let (outputs, finished) = client.wait(running).await;
    assert_eq!(
        (text(&outputs), finished.code),
        ("before after".to_owned(), 0)
    );
    worker.exit(next, 0, 0).await;
    client.wait(next).await;
    assert_eq!(client.submit(1).await.unwrap(), next + 1);
    planner.stop().await;
}

#[tokio::test]
async fn jobs_of_workers_that_do_not_come_back_fail() {
    let dir = tempfile::tempdir().unwrap();
    let planner = Planner::start(config_in(dir.path())).await;
    let mut client = planner.client().await;
    let mut worker = planner.worker("a", 2).await;
    let job = client.submit(2).await.unwrap();
    worker.started().await;
    planner.stop().await;
    let short = Config {
        lease_ms: 200,
        ..config_in(dir.path())
    };
    let planner = Planner::start(short).await;
    let (_, finished) = planner.client().await.wait(job).await;
    let reason = "planner restarted and worker a did not come back within 200 ms; it ran ranks 0-1";
    assert_eq!((finished.code, &*finished.reason), (1, reason));
}
