//! Jobs that start late, never, or end early on one side.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

#[test]
fn packets_wait_for_the_start_of_their_job() {
    let a = endpoint("a");
    let b = Endpoint::listen(Config {
        hold: 10_000,
        ..config("b")
    })
    .unwrap();
    let places = places(&[&a, &b]);
    let (to_b, _at_a) = join(&a, &places);
    // More than is held back: the link waits for the job.
    for number in 0..100u8 {
        send(&to_b, 4, &[number], &[0; 1_000]).unwrap();
    }
    to_b.send(
        Rank(4),
        b"s",
        Payload::Stream(5, Box::new(Ones::new())),
        Caller::Rank,
    )
    .unwrap();
    let (_to_a, at_b) = join(&b, &places);
    let ended = |event: &Event| matches!(event, Event::End { sum: 5, .. });
    let events = at_b.wait("all", |events| events.iter().any(ended));
    let order: Vec<u8> = events
        .iter()
        .filter_map(|event| match event {
            Event::Packet { header, .. } => Some(header[0]),
            _ => None,
        })
        .collect();
    assert_eq!(order, (0..100).collect::<Vec<u8>>());
}

#[test]
fn a_job_that_never_starts_costs_its_own_packets_only() {
    let a = endpoint("a");
    let hold_time = Duration::from_millis(1);
    let b = Endpoint::listen(Config {
        hold: 1,
        hold_time,
        ..config("b")
    })
    .unwrap();
    let places = places(&[&a, &b]);
    let stray = a.job(JobId(99), &places);
    for _ in 0..10 {
        send(&stray, 4, b"stray", b"").unwrap();
    }
    let (to_b, _at_a) = join(&a, &places);
    let (_to_a, at_b) = join(&b, &places);
    send(&to_b, 4, b"good", b"").unwrap();
    at_b.wait("packet", |events| events.len() == 1);
    assert_eq!(b.dropped(), 10);
    // Too late: the job is told instead of left to wait for what was dropped.
    let late = b.job(JobId(99), &places);
    let recorder = Arc::new(Recorder::default());
    late.attach(Arc::new(Ear(Arc::clone(&recorder))));
    assert!(recorder.wait_lost().reason.contains("not started in time"));
}

#[test]
fn the_end_of_a_job_frees_its_senders_and_drops_its_packets() {
    let a = Endpoint::listen(Config {
        queue: 1_000,
        ..config("a")
    })
    .unwrap();
    let b = endpoint("b");
    let places = places(&[&a, &b]);
    let (to_b, _at_a) = join(&a, &places);
    let (to_a, at_b) = join(&b, &places);
    at_b.shut(true);
    thread::scope(|scope| {
        let sender = scope.spawn(|| {
            loop {
                if let Err(error) = send(&to_b, 4, b"fill", &[0; 50_000]) {
                    return error;
                }
            }
        });
        while a.queued("b") < 1_000 {
            thread::yield_now();
        }
        to_b.end();
        assert_eq!(sender.join().unwrap().reason, "the job has ended");
    });
    at_b.shut(false);
    to_a.end();
    // The link lives on for other jobs.
    let other = b.job(JobId(8), &places);
    let recorder = Arc::new(Recorder::default());
    other.attach(Arc::new(Ear(Arc::clone(&recorder))));
    let from_a = a.job(JobId(8), &places);
    send(&from_a, 4, b"next job", b"").unwrap();
    recorder.wait("packet", |events| events.len() == 1);
}
