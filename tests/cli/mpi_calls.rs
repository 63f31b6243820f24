//! What the MPI ABI promises a C program, call by call: `tests/guest/mpi_calls.c`.

use crate::harness::{faabric, finish, guest};

#[test]
fn every_kind_of_call_does_what_the_standard_says() {
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
                .arg(guest("mpi_calls.c")),
        )
        .expect_code(0);
        assert_eq!(run.stdout, format!("{ranks} ranks: 0 failures\n"));
    }
}
