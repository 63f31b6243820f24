//! Collective communication (MPI 4.1, chapter 6).
#![allow(dead_code, reason = "the runner that uses the schedules lands next")]

pub(crate) mod algorithm;
pub(crate) mod schedule;
#[cfg(test)]
mod simulate;
