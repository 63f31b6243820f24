//! The life of a job: submission, ends of ranks, failure, cancelling.
//!
//! As under `mpirun`, the first failure decides how the job ends, and ends it: the other
//! ranks are stopped wherever they are, and what they report then changes nothing.

use super::state::{Fact, Outcome, Phase};
use super::{Command, Engine};
use crate::names::{RankList, Timestamp, WorkerName};
use crate::policy;
use faabric_wire::id::{JobId, Rank};
use faabric_wire::proto::JobSpec;
use std::sync::Arc;

/// What a cancelled job's client exits with: 128 + SIGINT, as a shell would show it.
pub const CANCELLED: i32 = 130;

impl Engine {
    pub(super) fn job_submitted(&mut self, now: Timestamp, job: JobId, spec: Arc<JobSpec>) {
        // The service asks for the id and submits in one step; anything else is a
        // caller's mistake that must not overwrite a job.
        if job == self.next_job() {
            self.record(Fact::JobSubmitted { at: now, job, spec });
            self.changed(job);
        }
    }

    pub(super) fn job_withdrawn(&mut self, job: JobId) {
        if self.state.jobs.contains_key(&job) {
            self.record(Fact::JobWithdrawn { job });
            self.stop_deadlines.remove(&job);
        }
    }

    pub(super) fn policy_set(&mut self, policy: String) {
        if policy != self.state.policy && policy::by_name(&policy).is_some() {
            self.record(Fact::PolicySet { policy });
        }
    }

    pub(super) fn rank_exited(
        &mut self,
        now: Timestamp,
        worker: &WorkerName,
        id: JobId,
        rank: Rank,
        (code, reason): (i32, String),
    ) {
        self.stale_rank_ended(worker, id, rank);
        if !self.holds_slot(worker, id, rank) {
            return; // said before, or taken as ended before
        }
        let fault = code != 0 || !reason.is_empty();
        let outcome = fault.then(|| Outcome {
            // A rank that exits with 0 but not as it should fails all the same.
            code: if code == 0 { 1 } else { code },
            reason: if reason.is_empty() {
                format!("{rank} on worker {worker} exited with code {code}")
            } else {
                reason
            },
            rank: Some(rank),
            worker: Some(worker.clone()),
        });
        self.ranks_ended(now, id, vec![rank], outcome);
    }

    pub(super) fn job_aborted(
        &mut self,
        now: Timestamp,
        worker: &WorkerName,
        id: JobId,
        rank: Rank,
        (code, reason): (i32, String),
    ) {
        // The rank's own end may have been said before.
        let job = self.state.jobs.get(&id);
        if !job.is_some_and(|j| j.phase == Phase::Running && j.worker_of(rank) == Some(worker)) {
            return;
        }
        let reason = if reason.is_empty() {
            format!("{rank} on worker {worker} called MPI_Abort with code {code}")
        } else {
            reason
        };
        let outcome = Outcome {
            code,
            reason,
            rank: Some(rank),
            worker: Some(worker.clone()),
        };
        self.ranks_ended(now, id, Vec::new(), Some(outcome));
    }

    pub(super) fn job_cancelled(&mut self, now: Timestamp, id: JobId, reason: &str) {
        let reason = match reason {
            "" => "cancelled".to_owned(),
            reason => reason.to_owned(),
        };
        let outcome = Outcome {
            code: CANCELLED,
            reason,
            rank: None,
            worker: None,
        };
        match self.state.jobs.get(&id).map(|job| job.phase) {
            Some(Phase::Queued) => self.finish(now, id, outcome),
            Some(Phase::Running) => self.ranks_ended(now, id, Vec::new(), Some(outcome)),
            Some(Phase::Stopping | Phase::Finished) | None => {}
        }
    }

    /// Takes as ended the ranks of jobs that were told to stop too long ago.
    pub(super) fn expire_stops(&mut self, now: Timestamp) {
        let due = self.stop_deadlines.iter().filter(|(_, at)| **at <= now);
        let due: Vec<JobId> = due.map(|(job, _)| *job).collect();
        for id in due {
            let Some(job) = self.state.jobs.get(&id) else {
                continue;
            };
            let left: Vec<Rank> = job.left.iter().copied().collect();
            let mut outcome = job.outcome.clone().unwrap_or_else(Outcome::success);
            let ranks = RankList(&left);
            let ms = self.limits.stop_ms;
            let note = format!("; {ranks} did not report an end within {ms} ms of being stopped");
            outcome.reason.push_str(&note);
            self.record(Fact::RanksEnded {
                job: id,
                ranks: left,
            });
            self.finish(now, id, outcome);
        }
    }

    /// Gives the slots of `ranks` back. With an `outcome`, the job has failed (for the
    /// first time or again: the first decides).
    pub(super) fn ranks_ended(
        &mut self,
        now: Timestamp,
        id: JobId,
        ranks: Vec<Rank>,
        outcome: Option<Outcome>,
    ) {
        if !ranks.is_empty() {
            self.record(Fact::RanksEnded { job: id, ranks });
        }
        let Some(job) = self.state.jobs.get(&id) else {
            return;
        };
        let first = job.outcome.clone().or_else(|| outcome.clone());
        if job.left.is_empty() {
            self.finish(now, id, first.unwrap_or_else(Outcome::success));
        } else if let (Phase::Running, Some(outcome)) = (job.phase, outcome) {
            self.stop(now, id, outcome);
        }
    }

    fn stop(&mut self, now: Timestamp, id: JobId, outcome: Outcome) {
        self.record(Fact::JobStopping { job: id, outcome });
        let deadline = now.after(self.limits.stop_ms);
        self.stop_deadlines.insert(id, deadline);
        for worker in self.workers_of(id) {
            let job = self.state.jobs.get(&id);
            if job.is_some_and(|j| !j.left_on(&worker).is_empty()) {
                self.tell_to_stop(&worker, id);
            }
        }
        self.changed(id);
    }

    /// Tells `worker` to end what it runs of a job that has an outcome.
    pub(super) fn tell_to_stop(&mut self, worker: &WorkerName, id: JobId) {
        let outcome = self.state.jobs.get(&id).and_then(|j| j.outcome.as_ref());
        let (code, reason) = match outcome {
            Some(outcome) => (outcome.code, outcome.reason.clone()),
            None => (1, format!("the planner does not know {id}")),
        };
        let command = Command::StopJob {
            worker: worker.clone(),
            job: id,
            code,
            reason,
        };
        self.tell(worker, command);
    }

    fn finish(&mut self, now: Timestamp, id: JobId, outcome: Outcome) {
        self.record(Fact::JobFinished {
            at: now,
            job: id,
            outcome,
        });
        self.stop_deadlines.remove(&id);
        for worker in self.workers_of(id) {
            // One that runs some of them still, after it was given up, is told later.
            if !self.has_stale(&worker, id) {
                self.tell_to_forget(&worker, id);
            }
        }
        self.changed(id);
    }

    /// Tells `worker` that all ranks of a job have ended.
    pub(super) fn tell_to_forget(&mut self, worker: &WorkerName, job: JobId) {
        let command = Command::JobEnded {
            worker: worker.clone(),
            job,
        };
        self.tell(worker, command);
    }

    pub(super) fn workers_of(&self, id: JobId) -> Vec<WorkerName> {
        let job = self.state.jobs.get(&id);
        let shares = job.map_or(&[][..], |j| &j.placement);
        shares.iter().map(|s| s.worker.clone()).collect()
    }

    /// Whether `rank` was put on `worker` and is not known to have ended.
    fn holds_slot(&self, worker: &WorkerName, id: JobId, rank: Rank) -> bool {
        let job = self.state.jobs.get(&id);
        job.is_some_and(|j| j.left.contains(&rank) && j.worker_of(rank) == Some(worker))
    }
}
