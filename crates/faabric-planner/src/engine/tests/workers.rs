//! Workers that go silent, come back, or are taken for others; and the planner's restart.

use super::*;

#[test]
fn a_lost_worker_fails_its_jobs() {
    let lost = "worker b is lost: nothing was heard of it for 1000 ms; it ran ranks 2-3";
    let engine = table(&[
        (0, join("a", 2), ""),
        (0, join("b", 2), ""),
        (
            1,
            submit(1, 4),
            "a: start job 1, ranks 0-1
             b: start job 1, ranks 2-3
             job 1 runs",
        ),
        (900, heartbeat("a"), ""),
        (1000, Event::Tick, ""),
        (
            1001,
            Event::Tick,
            &format!(
                "b: disconnect
             a: stop job 1 with 1: {lost}
             job 1 stops with 1: {lost}"
            ),
        ),
        (1002, exit("a", 1, 0, 137), ""),
        (
            1003,
            exit("a", 1, 1, 137),
            &format!(
                "a: forget job 1
             job 1 ended with 1: {lost}"
            ),
        ),
        // Nothing is placed on it.
        (
            1004,
            submit(2, 3),
            "job 2 waits for 3 slots: the whole cluster has 2, on 1 worker; start more workers",
        ),
    ]);
    let outcome = engine.state().jobs[&JobId(1)].outcome.clone().unwrap();
    assert_eq!(
        (outcome.rank, outcome.worker),
        (Some(Rank(2)), Some("b".into()))
    );
    let b = engine.workers().find(|w| w.name == "b".into()).unwrap();
    assert_eq!((b.alive, b.used, b.last_seen), (false, 0, Timestamp(1001)));
}

#[test]
fn the_last_worker_of_a_job_is_lost() {
    let lost = "worker a is lost: nothing was heard of it for 1000 ms; it ran rank 0";
    table(&[
        (0, join("a", 2), ""),
        (
            1,
            submit(1, 1),
            "a: start job 1, rank 0
             job 1 runs",
        ),
        (
            2,
            submit(2, 2),
            "job 2 waits for 2 free slots: 1 of 2 are free, on 1 worker",
        ),
        (
            2000,
            Event::Tick,
            &format!(
                "a: disconnect
             job 1 ended with 1: {lost}
             job 2 waits for workers with 2 slots: none has joined"
            ),
        ),
    ]);
}

#[test]
fn a_worker_that_reconnects_within_its_lease_goes_on() {
    let engine = table(&[
        (0, join("a", 2), ""),
        (
            1,
            submit(1, 2),
            "a: start job 1, ranks 0-1
             job 1 runs",
        ),
        (500, disconnect("a"), ""),
        // Nothing is given to it meanwhile.
        (
            500,
            submit(2, 1),
            "job 2 waits for workers with 1 slots: none has joined",
        ),
        (
            900,
            rejoin("a", 2, &[(1, &[0, 1])]),
            "job 2 waits for 1 free slots: 0 of 2 are free, on 1 worker",
        ),
        (1500, Event::Tick, ""),
        (
            1600,
            exit("a", 1, 0, 0),
            "a: start job 2, rank 0
             job 2 runs",
        ),
        (
            1600,
            exit("a", 1, 1, 0),
            "a: forget job 1
             job 1 ended with 0",
        ),
    ]);
    assert_eq!(used(&engine, "a"), 1);
}

#[test]
fn an_exit_lost_with_the_connection_is_said_again() {
    table(&[
        (0, join("a", 2), ""),
        (
            1,
            submit(1, 2),
            "a: start job 1, ranks 0-1
             job 1 runs",
        ),
        (2, exit("a", 1, 1, 0), ""),
        (3, disconnect("a"), ""),
        // It lists all ranks of the job until it is told to forget the job.
        (4, rejoin("a", 2, &[(1, &[0, 1])]), ""),
        (4, exit("a", 1, 1, 0), ""),
        (
            4,
            exit("a", 1, 0, 0),
            "a: forget job 1
             job 1 ended with 0",
        ),
        (5, disconnect("a"), ""),
        // The order to forget was lost too.
        (6, rejoin("a", 2, &[(1, &[0, 1])]), "a: stop job 1 with 0:"),
        (7, exit("a", 1, 0, 0), ""),
        (7, exit("a", 1, 1, 0), "a: forget job 1"),
        (8, disconnect("a"), ""),
        (9, rejoin("a", 2, &[(1, &[])]), "a: forget job 1"),
    ]);
}

#[test]
fn an_order_lost_with_the_connection_is_given_again() {
    table(&[
        (0, join("a", 1), ""),
        (0, join("b", 1), ""),
        (
            1,
            submit(1, 2),
            "a: start job 1, rank 0
             b: start job 1, rank 1
             job 1 runs",
        ),
        (2, disconnect("b"), ""),
        (3, rejoin("b", 1, &[]), "b: start job 1, rank 1"),
        (4, disconnect("b"), ""),
        (
            5,
            exit("a", 1, 0, 9),
            "job 1 stops with 9: rank 0 on worker a exited with code 9",
        ),
        (
            6,
            rejoin("b", 1, &[(1, &[1])]),
            "b: stop job 1 with 9: rank 0 on worker a exited with code 9",
        ),
        (
            7,
            exit("b", 1, 1, 137),
            "a: forget job 1
             b: forget job 1
             job 1 ended with 9: rank 0 on worker a exited with code 9",
        ),
    ]);
}

#[test]
fn a_stopping_job_does_not_wait_for_ranks_that_never_started() {
    table(&[
        (0, join("a", 1), ""),
        (
            1,
            submit(1, 1),
            "a: start job 1, rank 0
             job 1 runs",
        ),
        (2, disconnect("a"), ""),
        (3, cancel(1, ""), "job 1 stops with 130: cancelled"),
        (
            4,
            rejoin("a", 1, &[]),
            "a: forget job 1
             job 1 ended with 130: cancelled",
        ),
    ]);
}

#[test]
fn a_worker_that_comes_back_without_some_ranks_fails_the_job() {
    let without = "worker a came back without rank 1";
    table(&[
        (0, join("a", 2), ""),
        (
            1,
            submit(1, 2),
            "a: start job 1, ranks 0-1
             job 1 runs",
        ),
        (2, disconnect("a"), ""),
        (
            3,
            rejoin("a", 2, &[(1, &[0])]),
            &format!(
                "a: stop job 1 with 1: {without}
             job 1 stops with 1: {without}"
            ),
        ),
        (
            4,
            exit("a", 1, 0, 0),
            &format!(
                "a: forget job 1
             job 1 ended with 1: {without}"
            ),
        ),
    ]);
}

#[test]
fn a_lost_worker_that_comes_back_stops_its_stale_ranks() {
    let lost = "worker a is lost: nothing was heard of it for 1000 ms; it ran ranks 0-1";
    let engine = table(&[
        (0, join("a", 2), ""),
        (
            1,
            submit(1, 2),
            "a: start job 1, ranks 0-1
             job 1 runs",
        ),
        (
            2000,
            Event::Tick,
            &format!(
                "a: disconnect
             job 1 ended with 1: {lost}"
            ),
        ),
        (
            2100,
            submit(2, 2),
            "job 2 waits for workers with 2 slots: none has joined",
        ),
        // What it runs still holds its slots.
        (
            2200,
            rejoin("a", 2, &[(1, &[0, 1])]),
            &format!(
                "a: stop job 1 with 1: {lost}
             job 2 waits for 2 free slots: 0 of 2 are free, on 1 worker"
            ),
        ),
        (
            2300,
            exit("a", 1, 1, 137),
            "job 2 waits for 2 free slots: 1 of 2 are free, on 1 worker",
        ),
        (
            2400,
            exit("a", 1, 0, 137),
            "a: forget job 1
             a: start job 2, ranks 0-1
             job 2 runs",
        ),
    ]);
    assert_eq!(used(&engine, "a"), 2);
}

#[test]
fn a_lost_worker_that_comes_back_while_its_job_stops() {
    let lost = "worker b is lost: nothing was heard of it for 1000 ms; it ran rank 1";
    table(&[
        (0, join("a", 1), ""),
        (0, join("b", 1), ""),
        (
            1,
            submit(1, 2),
            "a: start job 1, rank 0
             b: start job 1, rank 1
             job 1 runs",
        ),
        (900, heartbeat("a"), ""),
        (
            1100,
            Event::Tick,
            &format!(
                "b: disconnect
             a: stop job 1 with 1: {lost}
             job 1 stops with 1: {lost}"
            ),
        ),
        (
            1200,
            rejoin("b", 1, &[(1, &[1])]),
            &format!("b: stop job 1 with 1: {lost}"),
        ),
        (
            1300,
            exit("a", 1, 0, 137),
            &format!(
                "a: forget job 1
             job 1 ended with 1: {lost}"
            ),
        ),
        // Told to forget it only once its own ranks have ended.
        (1400, exit("b", 1, 1, 137), "b: forget job 1"),
    ]);
}

#[test]
fn stale_ranks_that_never_end_are_given_up() {
    let engine = table(&[
        (
            0,
            rejoin("a", 2, &[(33, &[0])]),
            "a: stop job 33 with 1: the planner does not know job 33",
        ),
        (
            100,
            submit(1, 2),
            "job 1 waits for 2 free slots: 1 of 2 are free, on 1 worker",
        ),
        (499, Event::Tick, ""),
        (
            500,
            Event::Tick,
            "a: forget job 33
             a: start job 1, ranks 0-1
             job 1 runs",
        ),
    ]);
    assert_eq!(used(&engine, "a"), 2);
}

#[test]
fn a_new_process_with_the_name_means_that_the_old_one_is_gone() {
    let gone = "worker a was restarted, and what it ran is gone; it ran rank 0";
    let mut engine = table(&[
        (0, join("a", 1), ""),
        (
            1,
            submit(1, 1),
            "a: start job 1, rank 0
             job 1 runs",
        ),
        (2, disconnect("a"), ""),
        (3, replace("a", 4), &format!("job 1 ended with 1: {gone}")),
        (
            4,
            submit(2, 4),
            "a: start job 2, ranks 0-3
             job 2 runs",
        ),
    ]);
    // While it is connected, the name is taken for others.
    let refusal = engine.admit(&"a".into(), &offer("a", 1)).unwrap_err();
    assert!(
        refusal
            .to_string()
            .starts_with("the name a is taken by a live worker at a:1:")
    );
    assert_eq!(engine.admit(&"b".into(), &offer("b", 1)), Ok(()));
    step(&mut engine, &(5, disconnect("a"), ""));
    assert_eq!(engine.admit(&"a".into(), &offer("a", 1)), Ok(()));
}

#[test]
fn a_worker_may_come_back_with_other_slots() {
    let engine = table(&[
        (0, join("a", 4), ""),
        (
            1,
            submit(1, 4),
            "a: start job 1, ranks 0-3
             job 1 runs",
        ),
        (2, disconnect("a"), ""),
        (3, rejoin("a", 2, &[(1, &[0, 1, 2, 3])]), ""),
        (
            4,
            submit(2, 1),
            "job 2 waits for 1 free slots: 0 of 2 are free, on 1 worker",
        ),
        (5, exit("a", 1, 0, 0), ""),
        (5, exit("a", 1, 1, 0), ""),
        (
            5,
            exit("a", 1, 2, 0),
            "a: start job 2, rank 0
             job 2 runs",
        ),
    ]);
    assert_eq!(used(&engine, "a"), 2);
}

/// An engine that went on from the state of `before`, as after a restart.
fn restart(before: &Engine, now: u64) -> Engine {
    Engine::new(LIMITS, before.state().clone(), Timestamp(now))
}

#[test]
fn after_a_restart_workers_come_back_and_jobs_go_on() {
    let before = table(&[
        (0, join("a", 2), ""),
        (
            1,
            submit(1, 2),
            "a: start job 1, ranks 0-1
             job 1 runs",
        ),
        (
            1,
            submit(2, 1),
            "job 2 waits for 1 free slots: 0 of 2 are free, on 1 worker",
        ),
        (
            2,
            exit("a", 1, 1, 0),
            "a: start job 2, rank 0
             job 2 runs",
        ),
    ]);
    let mut engine = restart(&before, 50_000);
    for row in [
        (50_000, Event::Tick, ""),
        // Job 2's order never left the planner that stopped.
        (
            50_900,
            rejoin("a", 2, &[(1, &[0, 1])]),
            "a: start job 2, rank 0",
        ),
        (50_900, exit("a", 1, 1, 0), ""),
        (
            51_500,
            exit("a", 1, 0, 0),
            "a: forget job 1
             job 1 ended with 0",
        ),
        (
            51_600,
            exit("a", 2, 0, 0),
            "a: forget job 2
             job 2 ended with 0",
        ),
    ] {
        step(&mut engine, &row);
    }
}

#[test]
fn after_a_restart_workers_that_stay_away_fail_their_jobs() {
    let before = table(&[
        (0, join("a", 2), ""),
        (
            1,
            submit(1, 2),
            "a: start job 1, ranks 0-1
             job 1 runs",
        ),
    ]);
    let mut engine = restart(&before, 50_000);
    let away = "planner restarted and worker a did not come back within 1000 ms; it ran ranks 0-1";
    for row in [
        (51_000, Event::Tick, ""),
        (51_001, Event::Tick, &*format!("job 1 ended with 1: {away}")),
    ] {
        step(&mut engine, &row);
    }
}

#[test]
fn a_restart_while_a_job_stops() {
    let before = table(&[
        (0, join("a", 2), ""),
        (
            1,
            submit(1, 2),
            "a: start job 1, ranks 0-1
             job 1 runs",
        ),
        (
            2,
            cancel(1, ""),
            "a: stop job 1 with 130: cancelled
             job 1 stops with 130: cancelled",
        ),
    ]);
    let mut engine = restart(&before, 50_000);
    for row in [
        (50_900, rejoin("a", 2, &[(1, &[0, 1])]), "a: stop job 1 with 130: cancelled"),
        (51_499, Event::Tick, ""),
        // A lease to come back, and then the usual patience.
        (51_500, Event::Tick, "a: forget job 1
             job 1 ended with 130: cancelled; ranks 0-1 did not report an end within 500 ms of being stopped"),
    ] {
        step(&mut engine, &row);
    }
}

/// An engine that waits 200 ms for a worker whose connection closed.
fn with_grace() -> Engine {
    let limits = Limits {
        grace_ms: 200,
        ..LIMITS
    };
    Engine::new(limits, State::new("bin-pack"), Timestamp(0))
}

#[test]
fn a_worker_whose_connection_closed_and_stays_closed_is_lost_before_its_lease_is_over() {
    let lost = "worker a is lost: its connection closed, and it did not come back within \
                200 ms; it ran rank 0";
    table_of(
        with_grace(),
        &[
            (0, join("a", 1), ""),
            (
                1,
                submit(1, 1),
                "a: start job 1, rank 0
                 job 1 runs",
            ),
            (10, disconnect("a"), ""),
            (210, Event::Tick, ""),
            // A blip: it is back.
            (210, rejoin("a", 1, &[(1, &[0])]), ""),
            (700, Event::Tick, ""),
            (700, disconnect("a"), ""),
            (901, Event::Tick, &format!("job 1 ended with 1: {lost}")),
        ],
    );
}

#[test]
fn a_worker_that_is_only_silent_keeps_its_lease() {
    table_of(
        with_grace(),
        &[
            (0, join("a", 1), ""),
            (
                1,
                submit(1, 1),
                "a: start job 1, rank 0
                 job 1 runs",
            ),
            (990, Event::Tick, ""),
            (995, heartbeat("a"), ""),
            (1900, Event::Tick, ""),
            (
                1901,
                exit("a", 1, 0, 0),
                "a: forget job 1
                 job 1 ended with 0",
            ),
        ],
    );
}

#[test]
fn a_worker_that_leaves_gets_nothing_and_is_lost_when_it_is_gone() {
    let engine = table(&[
        (0, join("a", 3), ""),
        (
            1,
            submit(1, 2),
            "a: start job 1, ranks 0-1
             job 1 runs",
        ),
        (2, leave("a"), ""),
        (
            3,
            submit(2, 1),
            "job 2 waits for workers with 1 slots: none has joined",
        ),
        // It ends its ranks and says so; one is stuck.
        (
            4,
            fault("a", 1, 0, 137, "worker a was shut down"),
            "a: stop job 1 with 137: worker a was shut down
             job 1 stops with 137: worker a was shut down",
        ),
        (
            5,
            disconnect("a"),
            "job 1 ended with 137: worker a was shut down",
        ),
    ]);
    assert!(engine.workers().all(|worker| !worker.alive));
}

#[test]
fn a_worker_that_leaves_in_the_middle_fails_its_job_at_once() {
    let gone = "worker a was shut down; it ran rank 0";
    table(&[
        (0, join("a", 1), ""),
        (
            1,
            submit(1, 1),
            "a: start job 1, rank 0
             job 1 runs",
        ),
        (2, leave("a"), ""),
        (3, disconnect("a"), &format!("job 1 ended with 1: {gone}")),
        // One of that name may come at once.
        (4, replace("a", 1), ""),
        (
            5,
            submit(2, 1),
            "a: start job 2, rank 0
             job 2 runs",
        ),
    ]);
}

#[test]
fn a_planner_that_was_stopped_blames_nobody_for_its_own_silence() {
    table(&[
        (0, join("a", 1), ""),
        (0, join("b", 1), ""),
        (
            1,
            submit(1, 2),
            "a: start job 1, rank 0
             b: start job 1, rank 1
             job 1 runs",
        ),
        (500, heartbeat("a"), ""),
        (500, heartbeat("b"), ""),
        (
            600,
            cancel(1, ""),
            "a: stop job 1 with 130: cancelled
             b: stop job 1 with 130: cancelled
             job 1 stops with 130: cancelled",
        ),
        // Neither the leases nor the patience with the ranks are over.
        (15_600, Event::Stalled { ms: 15_000 }, ""),
        (15_600, Event::Tick, ""),
        (15_700, heartbeat("a"), ""),
        (15_800, exit("a", 1, 0, 137), ""),
        (
            16_101,
            Event::Tick,
            "a: forget job 1
             b: forget job 1
             job 1 ended with 130: cancelled; rank 1 did not report an end within 500 ms of being stopped",
        ),
        // Of b nothing was heard for 500 ms before and 1001 ms after.
        (16_501, Event::Tick, "b: disconnect"),
    ]);
}
