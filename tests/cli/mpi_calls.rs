//! What the MPI ABI promises a C program, call by call: `tests/guest/mpi_calls.c`,
//! `tests/guest/rma.c` for one-sided communication, `tests/guest/sessions.c`.

use crate::harness::{faabric, finish, guest};

#[test]
fn every_kind_of_call_does_what_the_standard_says() {
    no_failures("mpi_calls.c");
}

#[test]
fn windows_work_within_a_worker_and_between_two() {
    no_failures("rma.c");
}

#[test]
fn sessions_need_no_world() {
    no_failures("sessions.c");
}

/// Runs a program that counts what is wrong, on one worker and on two.
fn no_failures(program: &str) {
    for (ranks, workers) in [("1", "1"), ("4", "1"), ("5", "2")] {
        let run = finish(
            faabric()
                .args([
                    "run",
                    "-n",
                    ranks,
                    "--workers",
                    workers,
                    "--policy",
                    "spread",
                ])
                .arg(guest(program)),
        )
        .expect_code(0);
        assert_eq!(run.stdout, format!("{ranks} ranks: 0 failures\n"));
    }
}
