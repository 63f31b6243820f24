//! The life of jobs on workers that behave.

use super::*;

#[test]
fn a_job_runs_and_ends() {
    let engine = table(&[
        (0, join("a", 2), ""),
        (0, join("b", 2), ""),
        (
            5,
            submit(1, 3),
            "a: start job 1, ranks 0-1
             b: start job 1, rank 2
             job 1 runs",
        ),
        (6, exit("a", 1, 1, 0), ""),
        (7, exit("b", 1, 2, 0), ""),
        (
            9,
            exit("a", 1, 0, 0),
            "a: forget job 1
             b: forget job 1
             job 1 ended with 0",
        ),
    ]);
    let job = &engine.state().jobs[&JobId(1)];
    assert_eq!(job.submitted, Timestamp(5));
    assert_eq!(job.started, Some(Timestamp(5)));
    assert_eq!(job.finished, Some(Timestamp(9)));
    assert_eq!(job.policy, "bin-pack");
    assert!(
        job.spec.args.is_empty(),
        "what a finished job does not need is dropped"
    );
    assert_eq!(engine.next_job(), JobId(2));
}

#[test]
fn the_queue_is_first_come_first_served() {
    table(&[
        (
            0,
            submit(1, 2),
            "job 1 waits for workers with 2 slots: none has joined",
        ),
        (
            0,
            submit(2, 1),
            "job 2 waits for its turn: job 1 is first in the queue and waits for \
              workers with 2 slots: none has joined",
        ),
        (
            1,
            join("a", 1),
            "job 1 waits for 2 slots: the whole cluster has 1, on 1 worker; start more workers",
        ),
        (
            2,
            join("b", 2),
            "b: start job 1, ranks 0-1
             a: start job 2, rank 0
             job 1 runs
             job 2 runs",
        ),
        (
            3,
            submit(3, 3),
            "job 3 waits for 3 free slots: 0 of 3 are free, on 2 workers",
        ),
        (
            3,
            submit(4, 1),
            "job 4 waits for its turn: job 3 is first in the queue and waits for \
              3 free slots: 0 of 3 are free, on 2 workers",
        ),
        // A free slot is not given to job 4, which would fit: job 3 could wait for ever.
        (
            4,
            exit("a", 2, 0, 0),
            "a: forget job 2
             job 2 ended with 0
             job 3 waits for 3 free slots: 1 of 3 are free, on 2 workers",
        ),
        // Slots are free when ranks end, not when jobs end.
        (
            5,
            exit("b", 1, 0, 0),
            "job 3 waits for 3 free slots: 2 of 3 are free, on 2 workers",
        ),
        (
            6,
            exit("b", 1, 1, 0),
            "b: forget job 1
             b: start job 3, ranks 0-1
             a: start job 3, rank 2
             job 1 ended with 0
             job 3 runs
             job 4 waits for 1 free slots: 0 of 3 are free, on 2 workers",
        ),
    ]);
}

#[test]
fn policies_by_job_and_by_default() {
    table(&[
        (0, join("a", 4), ""),
        (0, join("b", 4), ""),
        (
            1,
            submit_with(1, 2, "spread"),
            "a: start job 1, rank 0
             b: start job 1, rank 1
             job 1 runs",
        ),
        (
            2,
            Event::PolicySet {
                policy: "spread".to_owned(),
            },
            "",
        ),
        (
            3,
            submit(2, 2),
            "a: start job 2, rank 0
             b: start job 2, rank 1
             job 2 runs",
        ),
        (
            3,
            submit_with(3, 2, "bin-pack"),
            "a: start job 3, ranks 0-1
             job 3 runs",
        ),
        (
            4,
            Event::PolicySet {
                policy: "no such".to_owned(),
            },
            "",
        ),
        (
            5,
            submit(4, 1),
            "b: start job 4, rank 0
             job 4 runs",
        ),
        (
            6,
            submit_with(5, 1, "gone"),
            "job 5 waits for a planner that knows policy gone (this one: bin-pack, spread)",
        ),
    ]);
}

#[test]
fn the_first_failure_decides_and_stops_the_others() {
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
        (
            2,
            exit("b", 1, 3, 3),
            "a: stop job 1 with 3: rank 3 on worker b exited with code 3
             b: stop job 1 with 3: rank 3 on worker b exited with code 3
             job 1 stops with 3: rank 3 on worker b exited with code 3",
        ),
        // Later failures, and a cancel, change nothing.
        (3, fault("a", 1, 0, 134, "trap"), ""),
        (3, cancel(1, "too slow"), ""),
        (4, exit("b", 1, 2, 137), ""),
        (4, exit("b", 1, 2, 137), ""),
        (
            5,
            exit("a", 1, 1, 0),
            "a: forget job 1
             b: forget job 1
             job 1 ended with 3: rank 3 on worker b exited with code 3",
        ),
    ]);
    let outcome = engine.state().jobs[&JobId(1)].outcome.clone().unwrap();
    assert_eq!(outcome.rank, Some(Rank(3)));
    assert_eq!(outcome.worker, Some("b".into()));
}

#[test]
fn a_reason_fails_a_job_even_with_code_0() {
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
            fault("a", 1, 0, 0, "rank 0 ended without MPI_Finalize"),
            "a: forget job 1
             job 1 ended with 1: rank 0 ended without MPI_Finalize",
        ),
    ]);
}

#[test]
fn abort_ends_the_whole_job_with_its_code() {
    let abort = |worker: &str, rank| Event::JobAborted {
        worker: worker.into(),
        job: JobId(1),
        rank: Rank(rank),
        code: 17,
        reason: String::new(),
    };
    table(&[
        (0, join("a", 2), ""),
        (
            1,
            submit(1, 2),
            "a: start job 1, ranks 0-1
             job 1 runs",
        ),
        // Not its rank, not its job.
        (1, abort("b", 0), ""),
        (1, abort("a", 2), ""),
        (
            2,
            abort("a", 1),
            "a: stop job 1 with 17: rank 1 on worker a called MPI_Abort with code 17
             job 1 stops with 17: rank 1 on worker a called MPI_Abort with code 17",
        ),
        (3, abort("a", 0), ""),
        (4, exit("a", 1, 0, 17), ""),
        (
            4,
            exit("a", 1, 1, 17),
            "a: forget job 1
             job 1 ended with 17: rank 1 on worker a called MPI_Abort with code 17",
        ),
        (5, abort("a", 0), ""),
    ]);
}

#[test]
fn an_abort_said_after_the_ranks_own_end_counts() {
    let aborted = "rank 1 on worker a called MPI_Abort with code 0";
    let abort = Event::JobAborted {
        worker: "a".into(),
        job: JobId(1),
        rank: Rank(1),
        code: 0,
        reason: String::new(),
    };
    table(&[
        (0, join("a", 2), ""),
        (
            1,
            submit(1, 2),
            "a: start job 1, ranks 0-1
                           job 1 runs",
        ),
        (2, exit("a", 1, 1, 0), ""),
        (
            3,
            abort,
            &format!(
                "a: stop job 1 with 0: {aborted}
                             job 1 stops with 0: {aborted}"
            ),
        ),
        (
            4,
            exit("a", 1, 0, 0),
            &format!(
                "a: forget job 1
                                          job 1 ended with 0: {aborted}"
            ),
        ),
    ]);
}

#[test]
fn cancelling_queued_running_and_finished_jobs() {
    table(&[
        (0, join("a", 1), ""),
        (
            1,
            submit(1, 1),
            "a: start job 1, rank 0
             job 1 runs",
        ),
        (
            2,
            submit(2, 1),
            "job 2 waits for 1 free slots: 0 of 1 are free, on 1 worker",
        ),
        (
            2,
            submit(3, 1),
            "job 3 waits for its turn: job 2 is first in the queue and waits for \
              1 free slots: 0 of 1 are free, on 1 worker",
        ),
        (
            3,
            cancel(2, "no need"),
            "job 2 ended with 130: no need
             job 3 waits for 1 free slots: 0 of 1 are free, on 1 worker",
        ),
        (
            4,
            cancel(1, ""),
            "a: stop job 1 with 130: cancelled
             job 1 stops with 130: cancelled",
        ),
        (4, cancel(1, ""), ""),
        (
            5,
            exit("a", 1, 0, 137),
            "a: forget job 1
             a: start job 3, rank 0
             job 1 ended with 130: cancelled
             job 3 runs",
        ),
        (6, cancel(1, ""), ""),
        (6, cancel(99, ""), ""),
    ]);
}

#[test]
fn ranks_that_do_not_stop_are_taken_as_ended() {
    let overdue = "cancelled; rank 1 did not report an end within 500 ms of being stopped";
    let engine = table(&[
        (0, join("a", 2), ""),
        (
            1,
            submit(1, 2),
            "a: start job 1, ranks 0-1
             job 1 runs",
        ),
        (
            100,
            cancel(1, ""),
            "a: stop job 1 with 130: cancelled
             job 1 stops with 130: cancelled",
        ),
        (200, exit("a", 1, 0, 0), ""),
        (599, Event::Tick, ""),
        (
            600,
            Event::Tick,
            &format!(
                "a: forget job 1
             job 1 ended with 130: {overdue}"
            ),
        ),
        (700, exit("a", 1, 1, 0), ""),
    ]);
    assert_eq!(used(&engine, "a"), 0);
}

#[test]
fn what_a_worker_may_not_say_is_ignored() {
    let engine = table(&[
        (0, join("a", 2), ""),
        (0, join("b", 2), ""),
        (
            1,
            submit(1, 2),
            "a: start job 1, ranks 0-1
             job 1 runs",
        ),
        (2, exit("b", 1, 0, 1), ""),
        (2, exit("a", 1, 2, 1), ""),
        (2, exit("a", 9, 0, 1), ""),
        (2, exit("nobody", 1, 0, 1), ""),
        (2, heartbeat("nobody"), ""),
        (2, disconnect("nobody"), ""),
        (2, submit(1, 2), ""),
        (2, submit(7, 2), ""),
    ]);
    assert_eq!(used(&engine, "a"), 2);
}

#[test]
fn nothing_starts_while_the_log_is_blocked() {
    let blocked = |reason: Option<&str>| Event::LogBlocked {
        reason: reason.map(str::to_owned),
    };
    table(&[
        (0, join("a", 1), ""),
        (
            1,
            submit(1, 1),
            "a: start job 1, rank 0
             job 1 runs",
        ),
        (
            2,
            submit(2, 1),
            "job 2 waits for 1 free slots: 0 of 1 are free, on 1 worker",
        ),
        (
            3,
            blocked(Some("room on the disk")),
            "job 2 waits for room on the disk",
        ),
        (
            4,
            exit("a", 1, 0, 0),
            "a: forget job 1
             job 1 ended with 0",
        ),
        (
            5,
            blocked(None),
            "a: start job 2, rank 0
             job 2 runs",
        ),
    ]);
}

#[test]
fn a_withdrawn_job_never_was() {
    let withdraw = |job| Event::JobWithdrawn { job: JobId(job) };
    let engine = table(&[
        (0, join("a", 1), ""),
        (
            1,
            submit(1, 1),
            "a: start job 1, rank 0
             job 1 runs",
        ),
        (
            1,
            submit(2, 1),
            "job 2 waits for 1 free slots: 0 of 1 are free, on 1 worker",
        ),
        (1, withdraw(2), ""),
        (1, withdraw(1), ""),
        (1, withdraw(1), ""),
        (
            2,
            submit(3, 1),
            "a: start job 3, rank 0
             job 3 runs",
        ),
    ]);
    assert_eq!(engine.state().jobs.len(), 1);
}

#[test]
fn old_finished_jobs_are_forgotten() {
    let mut engine = engine();
    engine.on(Timestamp(0), join("a", 1));
    let kept = super::super::state::FINISHED_JOBS_KEPT as u64;
    engine.on(Timestamp(0), submit(1, 5));
    for job in 2..=kept + 3 {
        engine.on(Timestamp(job), submit(job, 1));
        engine.on(Timestamp(job), cancel(job, ""));
    }
    let jobs = &engine.state().jobs;
    assert_eq!(jobs.len() as u64, kept + 1);
    let first: Vec<u64> = jobs.keys().take(2).map(|j| j.0).collect();
    assert_eq!(first, [1, 4], "the job that waits is kept, however old");
}
