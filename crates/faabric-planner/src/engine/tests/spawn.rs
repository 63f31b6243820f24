//! Ranks that running jobs ask for.

use super::*;
use faabric_wire::proto::{Numbers, Program, Spawn};

/// A spawn of commands with so many ranks; with `soft`, any smaller number will do too.
pub(super) fn request(job: u64, rank: u32, question: u64, programs: &[(u32, bool)]) -> Arc<Spawn> {
    let program = |&(ranks, soft): &(u32, bool)| Program {
        ranks,
        fewer: Vec::from_iter(soft.then_some(Numbers {
            low: 1,
            high: ranks,
            step: 1,
        })),
        ..Program::default()
    };
    Arc::new(Spawn {
        job,
        rank,
        question,
        programs: programs.iter().map(program).collect(),
        parents: vec![rank],
    })
}

pub(super) fn asks(worker: &WorkerName, spawn: Arc<Spawn>) -> Event {
    Event::SpawnRequested {
        worker: worker.clone(),
        spawn,
    }
}

fn ask(worker: &str, job: u64, rank: u32, question: u64, programs: &[(u32, bool)]) -> Event {
    asks(&worker.into(), request(job, rank, question, programs))
}

#[test]
fn spawned_ranks_are_of_the_job_and_all_its_workers_hear_of_them() {
    let engine = table(&[
        (0, join("a", 2), ""),
        (0, join("b", 4), ""),
        (
            1,
            submit_with(1, 2, "spread"),
            "a: start job 1, rank 0\n b: start job 1, rank 1\n job 1 runs",
        ),
        (
            2,
            ask("b", 1, 1, 1, &[(1, false), (2, false)]),
            "a: start job 1, rank 2
             b: start job 1, ranks 3-4
             b: job 1 spawned [1, 2] from 2 (1)
             job 1 runs",
        ),
        // Said again: the answer was lost.
        (
            3,
            ask("b", 1, 1, 1, &[(1, false), (2, false)]),
            "b: job 1 spawned [1, 2] from 2 (1)",
        ),
        (4, exit("a", 1, 0, 0), ""),
        (4, exit("b", 1, 1, 0), ""),
        (5, exit("a", 1, 2, 0), ""),
        (6, exit("b", 1, 3, 0), ""),
        (
            7,
            exit("b", 1, 4, 0),
            "a: forget job 1\n b: forget job 1\n job 1 ended with 0",
        ),
    ]);
    assert_eq!((used(&engine, "a"), used(&engine, "b")), (0, 0));
    assert_eq!(engine.state().jobs[&JobId(1)].ranks(), 5);
}

#[test]
fn a_worker_that_had_no_rank_of_the_job_gets_some() {
    table(&[
        (0, join("a", 2), ""),
        (0, join("b", 2), ""),
        (1, submit(1, 1), "a: start job 1, rank 0\n job 1 runs"),
        (
            2,
            ask("a", 1, 0, 1, &[(2, false)]),
            "a: know all of job 1
             b: start job 1, ranks 1-2
             a: job 1 spawned [2] from 1 (1)
             job 1 runs",
        ),
        // The first that fails ends all.
        (
            3,
            exit("b", 1, 2, 7),
            "a: stop job 1 with 7: rank 2 on worker b exited with code 7
             b: stop job 1 with 7: rank 2 on worker b exited with code 7
             job 1 stops with 7: rank 2 on worker b exited with code 7",
        ),
    ]);
}

#[test]
fn without_room_a_spawn_waits_a_while_before_the_queue() {
    table(&[
        (0, join("a", 3), ""),
        (0, submit(1, 2), "a: start job 1, ranks 0-1\n job 1 runs"),
        (1, ask("a", 1, 0, 1, &[(2, false)]), ""),
        (2, ask("a", 1, 0, 1, &[(2, false)]), ""),
        (
            3,
            submit(2, 1),
            "job 2 waits for its turn: job 1 waits for slots to spawn",
        ),
        (
            4,
            exit("a", 1, 1, 0),
            "a: start job 1, ranks 2-3
             a: job 1 spawned [2] from 2 (1)
             job 1 runs
             job 2 waits for 1 free slots: 0 of 3 are free, on 1 worker",
        ),
        // Nobody makes room this time: refused after 300 ms, and the queue goes on.
        (
            10,
            ask("a", 1, 0, 2, &[(1, false)]),
            "job 2 waits for its turn: job 1 waits for slots to spawn",
        ),
        (309, Event::Tick, ""),
        (
            310,
            Event::Tick,
            "a: job 1 spawned nothing (2): 1 slots are needed, and 0 of the cluster's 3 are free; \
             start more workers, or workers with more --slots
             job 2 waits for 1 free slots: 0 of 3 are free, on 1 worker",
        ),
    ]);
}

#[test]
fn soft_numbers_take_what_is_free_and_too_many_are_refused_at_once() {
    table(&[
        (0, join("a", 4), ""),
        (0, submit(1, 1), "a: start job 1, rank 0\n job 1 runs"),
        (
            1,
            ask("a", 1, 0, 1, &[(5, false)]),
            "a: job 1 spawned nothing (1): 5 slots are needed, and 3 of the cluster's 4 are free; \
             start more workers, or workers with more --slots",
        ),
        (
            2,
            ask("a", 1, 0, 2, &[(9, true), (1, false)]),
            "a: start job 1, ranks 1-3
             a: job 1 spawned [2, 1] from 1 (2)
             job 1 runs",
        ),
        // Ranks that are not there, and workers that do not run them, get nothing.
        (3, ask("a", 1, 9, 3, &[(1, false)]), ""),
        (3, ask("b", 1, 0, 3, &[(1, false)]), ""),
        (3, ask("a", 2, 0, 3, &[(1, false)]), ""),
        (
            3,
            ask("a", 1, 0, 4, &[]),
            "a: job 1 spawned nothing (4): 0 more ranks: a job has at most 131072",
        ),
    ]);
}

#[test]
fn a_spawn_whose_order_was_lost_is_given_again() {
    table(&[
        (0, join("a", 1), ""),
        (0, join("b", 2), ""),
        (
            1,
            submit_with(1, 2, "spread"),
            "a: start job 1, rank 0\n b: start job 1, rank 1\n job 1 runs",
        ),
        (2, disconnect("b"), ""),
        (2, rejoin("b", 2, &[(1, &[1])]), ""),
        (
            3,
            ask("a", 1, 0, 1, &[(1, false)]),
            "a: know all of job 1\n b: start job 1, rank 2\n a: job 1 spawned [1] from 2 (1)\n job 1 runs",
        ),
        (4, disconnect("b"), ""),
        (
            5,
            rejoin("b", 2, &[(1, &[1])]),
            "b: start job 1, rank 2\n b: know all of job 1",
        ),
        (6, disconnect("a"), ""),
        (7, rejoin("a", 1, &[(1, &[0])]), "a: know all of job 1"),
    ]);
}

#[test]
fn families_survive_a_restart_of_the_planner() {
    let before = table(&[
        (0, join("a", 3), ""),
        (0, submit(1, 1), "a: start job 1, rank 0\n job 1 runs"),
        (
            1,
            ask("a", 1, 0, 1, &[(2, false)]),
            "a: start job 1, ranks 1-2\n a: job 1 spawned [2] from 1 (1)\n job 1 runs",
        ),
    ]);
    let json = serde_json::to_string(before.state()).unwrap();
    let state: State = serde_json::from_str(&json).unwrap();
    assert_eq!(&state, before.state());
    let mut engine = Engine::new(LIMITS, state, Timestamp(10));
    for row in [
        (
            11,
            rejoin("a", 3, &[(1, &[0, 1, 2])]),
            "a: know all of job 1",
        ),
        (
            12,
            ask("a", 1, 0, 1, &[(2, false)]),
            "a: job 1 spawned [2] from 1 (1)",
        ),
        (13, exit("a", 1, 0, 0), ""),
        (13, exit("a", 1, 2, 0), ""),
        (
            14,
            exit("a", 1, 1, 0),
            "a: forget job 1\n job 1 ended with 0",
        ),
    ] {
        step(&mut engine, &row);
    }
}
