//! The engine's types as the protocol's.

use crate::engine::WorkerStatus;
use crate::engine::state::{Job, Outcome, Phase, Share};
use crate::names::Timestamp;
use faabric_wire::id::{JobId, Rank};
use faabric_wire::proto;
use std::sync::Arc;

pub(super) fn job_info(id: JobId, job: &Job, waiting_for: String) -> proto::JobInfo {
    let state = match job.phase {
        Phase::Queued => proto::JobState::Queued,
        Phase::Running => proto::JobState::Running,
        Phase::Stopping => proto::JobState::Stopping,
        Phase::Finished => proto::JobState::Finished,
    };
    let placement = job.placement.iter().map(|share| proto::Placement {
        worker: share.worker.to_string(),
        ranks: numbers(&share.ranks),
    });
    let finished = job
        .outcome
        .as_ref()
        .filter(|_| job.phase == Phase::Finished);
    let ms = |at: Option<Timestamp>| at.map_or(0, |at| at.0);
    proto::JobInfo {
        job: id.0,
        name: job.spec.name.clone(),
        state: state.into(),
        ranks: job.ranks(),
        placement: placement.collect(),
        submitted_unix_ms: job.submitted.0,
        started_unix_ms: ms(job.started),
        finished_unix_ms: ms(job.finished),
        finished: finished.map(|outcome| job_finished(id, outcome)),
        waiting_for,
        policy: job.policy.clone(),
    }
}

fn job_finished(id: JobId, outcome: &Outcome) -> proto::JobFinished {
    let worker = outcome.worker.as_ref();
    proto::JobFinished {
        job: id.0,
        code: outcome.code,
        reason: outcome.reason.clone(),
        rank: outcome.rank.map(|rank| rank.0),
        worker: worker.map_or_else(String::new, ToString::to_string),
    }
}

pub(super) fn start_ranks(
    job: JobId,
    spec: &proto::JobSpec,
    ranks: &[Rank],
    world: &[Share],
    families: &[Arc<proto::Family>],
    universe: u32,
) -> proto::StartRanks {
    let location = |share: &Share| proto::RankLocation {
        worker: share.worker.to_string(),
        data_address: share.data_address.clone(),
        incarnation: share.incarnation,
        ranks: numbers(&share.ranks),
    };
    proto::StartRanks {
        job: job.0,
        spec: Some(spec.clone()),
        ranks: numbers(ranks),
        world: world.iter().map(location).collect(),
        families: families.iter().map(|family| (**family).clone()).collect(),
        universe,
    }
}

pub(super) fn spawn_done(
    job: JobId,
    question: u64,
    outcome: Result<Arc<proto::Family>, String>,
) -> proto::SpawnDone {
    let mut done = proto::SpawnDone {
        job: job.0,
        question,
        ..proto::SpawnDone::default()
    };
    match outcome {
        Ok(family) => {
            done.first = family.first;
            done.ranks = family.programs.iter().map(|p| p.ranks).collect();
        }
        Err(why) => done.refused = why,
    }
    done
}

pub(super) fn worker_info(status: WorkerStatus) -> proto::WorkerInfo {
    proto::WorkerInfo {
        worker: status.name.to_string(),
        data_address: status.data_address,
        slots: status.slots,
        used: status.used,
        alive: status.alive,
        last_seen_unix_ms: status.last_seen.0,
    }
}

fn numbers(ranks: &[Rank]) -> Vec<u32> {
    ranks.iter().map(|rank| rank.0).collect()
}
