//! Tables: events in, exact commands out. See [`table`].
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod jobs;
mod properties;
mod spawn;
mod workers;

use super::state::{Phase, State, size_of};
use super::{Command, Engine, Event, Limits, Offer};
use crate::names::{RankList, Timestamp, WorkerName};
use faabric_wire::id::{JobId, Rank};
use faabric_wire::proto::JobSpec;
use std::sync::Arc;

/// Lease 1000 ms, patience with stopping ranks 500 ms, no less for closed connections.
const LIMITS: Limits = Limits {
    lease_ms: 1000,
    grace_ms: 1000,
    stop_ms: 500,
    spawn_ms: 300,
};

fn engine() -> Engine {
    Engine::new(LIMITS, State::new("bin-pack"), Timestamp(0))
}

/// One row of a table: at this time, this event, then exactly these commands, one a line.
type Row<'a> = (u64, Event, &'a str);

/// Feeds the rows to a new engine and compares; after every row, the facts so far must
/// give the engine's state.
fn table(rows: &[Row<'_>]) -> Engine {
    table_of(engine(), rows)
}

/// The same, with another engine.
fn table_of(mut engine: Engine, rows: &[Row<'_>]) -> Engine {
    let mut replayed = State::new("bin-pack");
    for row in rows {
        step(&mut engine, row);
        for fact in engine.take_facts() {
            replayed.apply(&fact);
        }
        assert_eq!(&replayed, engine.state(), "replay after {:?}", row.1);
    }
    engine
}

fn step(engine: &mut Engine, (at, event, expected): &Row<'_>) {
    engine.on(Timestamp(*at), event.clone());
    let commands = engine.take_commands();
    let got: Vec<String> = commands.iter().map(|c| show(engine, c)).collect();
    let expected: Vec<&str> = expected
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty())
        .collect();
    assert_eq!(got, expected, "at {at} after {event:?}");
}

/// A command as text. A changed job shows what it has changed to.
fn show(engine: &Engine, command: &Command) -> String {
    match command {
        Command::StartRanks {
            worker,
            job,
            ranks,
            world,
            families,
            spec,
            universe,
        } => {
            let spawned: u32 = families.iter().map(|f| size_of(f)).sum();
            let placed: usize = world.iter().map(|s| s.ranks.len()).sum();
            assert_eq!((spec.ranks + spawned) as usize, placed);
            assert!(*universe >= spec.ranks + spawned);
            match ranks[..] {
                [] => format!("{worker}: know all of {job}"),
                _ => format!("{worker}: start {job}, {}", RankList(ranks)),
            }
        }
        Command::SpawnDone {
            worker,
            job,
            question,
            outcome,
        } => match outcome {
            Ok(family) => {
                let counts: Vec<u32> = family.programs.iter().map(|p| p.ranks).collect();
                let first = family.first;
                format!("{worker}: {job} spawned {counts:?} from {first} ({question})")
            }
            Err(why) => format!("{worker}: {job} spawned nothing ({question}): {why}"),
        },
        Command::StopJob {
            worker,
            job,
            code,
            reason,
        } => format!("{worker}: stop {job} with {code}: {reason}")
            .trim_end()
            .to_owned(),
        Command::JobEnded { worker, job } => format!("{worker}: forget {job}"),
        Command::Disconnect { worker } => format!("{worker}: disconnect"),
        Command::JobChanged { job: id } => {
            let job = &engine.state().jobs[id];
            match (job.phase, &job.outcome) {
                (Phase::Queued, _) => format!("{id} waits for {}", engine.waiting_for(*id)),
                (Phase::Running, _) => format!("{id} runs"),
                (Phase::Stopping, Some(o)) => format!("{id} stops with {}: {}", o.code, o.reason),
                (Phase::Finished, Some(o)) if o.reason.is_empty() => {
                    format!("{id} ended with {}", o.code)
                }
                (Phase::Finished, Some(o)) => format!("{id} ended with {}: {}", o.code, o.reason),
                (phase, None) => panic!("{id} is {phase:?} without an outcome"),
            }
        }
    }
}

fn offer(worker: &str, slots: u32) -> Offer {
    Offer {
        data_address: format!("{worker}:1"),
        incarnation: 7,
        slots,
    }
}

fn join(worker: &str, slots: u32) -> Event {
    rejoin(worker, slots, &[])
}

fn rejoin(worker: &str, slots: u32, running: &[(u64, &[u32])]) -> Event {
    let ranks = |ranks: &[u32]| ranks.iter().copied().map(Rank).collect();
    Event::WorkerJoined {
        worker: worker.into(),
        offer: offer(worker, slots),
        running: running.iter().map(|(j, r)| (JobId(*j), ranks(r))).collect(),
    }
}

/// Another process that took the name.
fn replace(worker: &str, slots: u32) -> Event {
    let mut offer = offer(worker, slots);
    offer.incarnation += 1;
    Event::WorkerJoined {
        worker: worker.into(),
        offer,
        running: Vec::new(),
    }
}

fn heartbeat(worker: &str) -> Event {
    Event::WorkerHeartbeat {
        worker: worker.into(),
    }
}

fn disconnect(worker: &str) -> Event {
    Event::WorkerDisconnected {
        worker: worker.into(),
    }
}

fn leave(worker: &str) -> Event {
    Event::WorkerLeaving {
        worker: worker.into(),
    }
}

fn spec(ranks: u32, policy: &str) -> Arc<JobSpec> {
    Arc::new(JobSpec {
        ranks,
        policy: policy.to_owned(),
        args: vec!["app".to_owned()],
        ..JobSpec::default()
    })
}

fn submit(job: u64, ranks: u32) -> Event {
    submit_with(job, ranks, "")
}

fn submit_with(job: u64, ranks: u32, policy: &str) -> Event {
    Event::JobSubmitted {
        job: JobId(job),
        spec: spec(ranks, policy),
    }
}

fn exit(worker: &str, job: u64, rank: u32, code: i32) -> Event {
    fault(worker, job, rank, code, "")
}

fn fault(worker: &str, job: u64, rank: u32, code: i32, reason: &str) -> Event {
    Event::RankExited {
        worker: worker.into(),
        job: JobId(job),
        rank: Rank(rank),
        code,
        reason: reason.to_owned(),
    }
}

fn cancel(job: u64, reason: &str) -> Event {
    Event::JobCancelled {
        job: JobId(job),
        reason: reason.to_owned(),
    }
}

fn used(engine: &Engine, worker: &str) -> u32 {
    let name = WorkerName::from(worker);
    engine.workers().find(|w| w.name == name).unwrap().used
}
