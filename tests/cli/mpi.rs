//! MPI programs through `faabric run`, on one worker and on two.

use crate::harness::{faabric, finish, finish_with_input, guest, guest_with};

#[test]
fn ranks_on_two_workers_exchange_messages_of_every_protocol() {
    for workers in ["1", "2"] {
        let ring = finish(
            faabric()
                .args(["run", "-n", "4", "--workers", workers, "--slots", "4"])
                .arg(guest("ring.c")),
        )
        .expect_code(0);
        assert_eq!(ring.stdout, "ring of 4: all sizes right\n");
        let spread = finish(
            faabric()
                .args(["run", "-n", "4", "--workers", workers, "--policy", "spread"])
                .arg(guest("ring.c")),
        )
        .expect_code(0);
        assert_eq!(spread.stdout, "ring of 4: all sizes right\n");
    }
}

#[test]
fn the_exit_code_is_that_of_the_rank_that_failed_first() {
    let failed = finish(
        faabric()
            .args(["run", "-n", "3"])
            .arg(guest("endings.c"))
            .arg("exit"),
    )
    .expect_code(7);
    assert!(failed.stderr.contains("rank 1"), "{}", failed.stderr);
}

#[test]
fn abort_ends_every_rank_with_its_code() {
    finish(
        faabric()
            .args(["run", "-n", "4", "--workers", "2"])
            .arg(guest("endings.c"))
            .arg("abort"),
    )
    .expect_code(42);
}

#[test]
fn a_rank_that_leaves_without_finalize_fails_the_job_and_nobody_hangs() {
    for (way, missing) in [
        ("leave", "MPI_Finalize"),
        ("leave-session", "MPI_Session_finalize"),
    ] {
        let failed = finish(
            faabric()
                .args(["run", "-n", "3"])
                .arg(guest("endings.c"))
                .arg(way),
        );
        assert_ne!(failed.code, 0);
        assert!(failed.stderr.contains(missing), "{}", failed.stderr);
    }
}

#[test]
fn a_trap_ends_the_job_with_the_guests_backtrace() {
    let failed = finish(
        faabric()
            .args(["run", "-n", "2"])
            .arg(guest("endings.c"))
            .arg("trap"),
    )
    .expect_code(134);
    assert!(
        failed.stderr.contains("fall_over"),
        "no backtrace in: {}",
        failed.stderr
    );
}

#[test]
fn a_process_ends_though_another_of_its_threads_waits_in_mpi() {
    let program = guest_with("waiting_thread.c", &["-pthread"]);
    for workers in ["1", "2"] {
        for wait in ["recv", "probe", "wait", "barrier", "bcast"] {
            for (end, code) in [("exit", 7), ("trap", 134)] {
                let failed = finish(
                    faabric()
                        .args(["run", "-n", "2", "--workers", workers, "--policy", "spread"])
                        .arg(&program)
                        .args([wait, end]),
                )
                .expect_code(code);
                assert!(failed.stderr.contains("rank 1"), "{}", failed.stderr);
            }
        }
    }
}

#[test]
fn callbacks_without_end_end_their_program_alone() {
    for what in ["errhandler", "op", "copy"] {
        let failed = finish(
            faabric()
                .args(["run", "-n", "2"])
                .arg(guest("endless_callbacks.c"))
                .arg(what),
        )
        .expect_code(134);
        assert!(failed.stderr.contains("callbacks"), "{}", failed.stderr);
    }
}

#[test]
fn a_wrong_argument_is_an_mpi_error_that_names_the_function() {
    let failed = finish(
        faabric()
            .args(["run", "-n", "2"])
            .arg(guest("endings.c"))
            .arg("bad-rank"),
    );
    assert_ne!(failed.code, 0);
    assert!(failed.stderr.contains("MPI_Send"), "{}", failed.stderr);
}

#[test]
fn standard_input_goes_to_rank_0_alone() {
    let input = b"one line\nand another\n";
    let echoed = finish_with_input(
        faabric()
            .args(["run", "-n", "3", "--workers", "2"])
            .arg(guest("echo.c")),
        input,
    )
    .expect_code(0);
    assert_eq!(
        echoed.stdout,
        "rank 0 read 21 bytes in 2 lines\nranks 1.. read 0 bytes\n"
    );
}

#[test]
fn tagged_output_names_job_and_rank_on_every_line() {
    let tagged = finish(
        faabric()
            .args(["run", "-n", "2", "--tag-output"])
            .arg(guest("ring.c")),
    )
    .expect_code(0);
    assert_eq!(tagged.stdout, "[1,0]<stdout>:ring of 2: all sizes right\n");
}

#[test]
fn json_output_is_one_object_a_line_and_ends_with_the_result() {
    let run = finish(
        faabric()
            .args(["run", "-n", "2", "--json"])
            .arg(guest("ring.c")),
    )
    .expect_code(0);
    let lines: Vec<serde_json::Value> = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let text: String = lines
        .iter()
        .filter_map(|line| line["text"].as_str())
        .collect();
    assert_eq!(text, "ring of 2: all sizes right\n");
    let result = &lines.last().unwrap()["result"];
    assert_eq!(result["code"], 0);
    assert_eq!(result["ranks"], 2);
}

#[test]
fn more_ranks_than_cores_make_progress() {
    let run = finish(faabric().args(["run", "-n", "32"]).arg(guest("ring.c"))).expect_code(0);
    assert_eq!(run.stdout, "ring of 32: all sizes right\n");
}

#[test]
fn a_thousand_ranks_run_on_one_worker() {
    let run = finish(
        faabric()
            .args(["run", "-n", "1000"])
            .arg(guest("ring.c"))
            .arg("1024"),
    )
    .expect_code(0);
    assert_eq!(run.stdout, "ring of 1000: all sizes right\n");
}

#[test]
fn a_message_of_more_than_two_gib_arrives_within_and_between_workers() {
    for workers in ["1", "2"] {
        let run = finish(
            faabric()
                .args([
                    "run",
                    "-n",
                    "2",
                    "--workers",
                    workers,
                    "--slots",
                    "2",
                    "--policy",
                    "spread",
                ])
                .arg(guest("big_message.c")),
        )
        .expect_code(0);
        assert_eq!(run.stdout, "2 GiB and 64 bytes: 0 errors\n");
    }
}

#[test]
fn a_user_operation_may_call_mpi_and_user_operations_again() {
    for workers in ["1", "2"] {
        let run = finish(
            faabric()
                .args(["run", "-n", "4", "--workers", workers, "--policy", "spread"])
                .arg(guest("nested_callbacks.c")),
        )
        .expect_code(0);
        assert_eq!(run.stdout, "nested callbacks: right\n");
    }
}

/// 64 MiB that nobody reads: they wait where they come from.
#[test]
fn input_that_rank_0_does_not_read_stays_with_the_client() {
    use std::io::Write;
    let mut run = faabric()
        .args(["run", "-n", "1"])
        .arg(guest("program.c"))
        .arg("sleep")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = run.stdin.take().unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    let writer = std::thread::spawn(move || {
        let piece = vec![b'x'; 1 << 20];
        // Ends with an error when the program is killed.
        while stdin.write_all(&piece).is_ok() && tell.send(()).is_ok() {}
    });
    let mut taken = 0;
    while told.recv_timeout(std::time::Duration::from_secs(5)).is_ok() {
        taken += 1;
        assert!(taken < 64, "{taken} MiB were taken and not read");
    }
    assert!(taken >= 1, "not even the first");
    run.kill().unwrap();
    run.wait().unwrap();
    writer.join().unwrap();
}
