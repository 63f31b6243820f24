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

#[test]
fn the_tool_interface_counts_and_adjusts() {
    no_failures("tool.c");
}

#[test]
fn the_environment_adjusts_the_engine_or_says_why_not() {
    let run = |setting: &str| {
        finish(
            faabric()
                .args(["run", "-n", "2", "--workers", "2", "--env", setting])
                .arg(guest("tool.c"))
                .arg("1000"),
        )
    };
    let right = run("FAABRIC_MPI_EAGER=1000").expect_code(0);
    assert_eq!(right.stdout, "2 ranks: 0 failures\n");
    let wrong = run("FAABRIC_MPI_EGAER=1000").expect_code(126);
    assert!(wrong.stderr.contains("EAGER_REMOTE"), "{}", wrong.stderr);
    let wrong = run("FAABRIC_MPI_LOCAL=perhaps").expect_code(126);
    assert!(
        wrong.stderr.contains("FAABRIC_MPI_LOCAL"),
        "{}",
        wrong.stderr
    );
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
