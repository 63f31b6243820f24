//! Threads: spawning, atomics, and how the process ends with them.

use crate::{config, engine, process, run, tiers};
use faabric_host::{Exit, Process};

/// A module whose threads run `thread` with local 0 = tid and 1 = arg, and whose main
/// thread runs `main`.
fn threaded(thread: &str, main: &str) -> String {
    format!(
        r#"(module
            (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (import "env" "memory" (memory 1 4096 shared))
            (func $spin (loop (br 0)))
            (func $wait_for_ever
                (drop (memory.atomic.wait32 (i32.const 64) (i32.const 0) (i64.const -1))))
            (func (export "wasi_thread_start") (param i32 i32) {thread})
            (func (export "_start") (local i32) {main}))"#
    )
}

const SPAWN: &str = "(if (i32.le_s (call $spawn (i32.const 0)) (i32.const 0)) (then unreachable))";

#[test]
fn threads_add_up_and_are_waited_for() {
    let thread = "
        (drop (i32.atomic.rmw.add (i32.const 0) (local.get 1)))
        (drop (i32.atomic.rmw.add (i32.const 4) (i32.const 1)))
        (drop (memory.atomic.notify (i32.const 4) (i32.const 1)))";
    // Spawns 8 with arguments 1..8, waits for the count to be 8, exits with the sum.
    let main = "
        (loop $more
            (local.set 0 (i32.add (local.get 0) (i32.const 1)))
            (if (i32.le_s (call $spawn (local.get 0)) (i32.const 0)) (then unreachable))
            (br_if $more (i32.lt_u (local.get 0) (i32.const 8))))
        (loop $wait
            (local.set 0 (i32.atomic.load (i32.const 4)))
            (if (i32.lt_u (local.get 0) (i32.const 8))
                (then
                    (drop (memory.atomic.wait32 (i32.const 4) (local.get 0) (i64.const -1)))
                    (br $wait))))
        (call $exit (i32.atomic.load (i32.const 0)))";
    crate::expect_code(&threaded(thread, main), 36);
}

#[test]
fn waits_compare_and_time_out() {
    let main = "
        ;; 32 bits: not equal, then timed out
        (local.set 0 (memory.atomic.wait32 (i32.const 8) (i32.const 5) (i64.const -1)))
        (local.set 0 (i32.add (i32.mul (local.get 0) (i32.const 10))
            (memory.atomic.wait32 (i32.const 8) (i32.const 0) (i64.const 1000))))
        ;; 64 bits: the same, where only the high half differs
        (i64.store (i32.const 16) (i64.const 0x500000000))
        (local.set 0 (i32.add (i32.mul (local.get 0) (i32.const 10))
            (memory.atomic.wait64 (i32.const 16) (i64.const 0) (i64.const -1))))
        (local.set 0 (i32.add (i32.mul (local.get 0) (i32.const 10))
            (memory.atomic.wait64 (i32.const 16) (i64.const 0x500000000) (i64.const 3000000))))
        (call $exit (local.get 0))";
    crate::expect_code(&threaded("", main), 1212);
}

#[test]
fn the_process_ends_when_main_returns() {
    for thread in ["(call $spin)", "(call $wait_for_ever)"] {
        crate::expect_code(&threaded(thread, &SPAWN.repeat(4)), 0);
    }
}

#[test]
fn proc_exit_of_a_thread_ends_all() {
    for main in ["(call $spin)", "(call $wait_for_ever)"] {
        let main = format!("{SPAWN} {main}");
        crate::expect_code(&threaded("(call $exit (i32.const 42))", &main), 42);
    }
}

#[test]
fn a_trap_of_a_thread_ends_all() {
    let main = format!("{SPAWN} (call $wait_for_ever)");
    run(&threaded("unreachable", &main), |exit| {
        assert_eq!(exit.code, 134);
        let reason = exit.reason.unwrap();
        assert!(reason.starts_with("thread 1: unreachable"), "{reason}");
    });
}

#[test]
fn a_blocked_wait_is_interrupted() {
    for tier in tiers() {
        let process = process(&threaded("", "(call $wait_for_ever)"), tier);
        let interrupter = process.interrupter();
        let guest = std::thread::spawn(move || process.run());
        interrupter.exit(3, None);
        assert_eq!(
            guest.join().unwrap(),
            Exit {
                code: 3,
                reason: None
            }
        );
    }
}

#[test]
fn memory_grown_by_one_thread_is_seen_by_all() {
    let thread = "
        (drop (memory.grow (i32.const 1000)))
        (i32.store (i32.const 64000000) (i32.const 77))
        (i32.atomic.store (i32.const 0) (i32.const 1))
        (drop (memory.atomic.notify (i32.const 0) (i32.const 1)))";
    let main = format!(
        "{SPAWN}
        (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1)))
        (if (i32.ne (memory.size) (i32.const 1001)) (then unreachable))
        (call $exit (i32.load (i32.const 64000000)))"
    );
    crate::expect_code(&threaded(thread, &main), 77);
}

#[test]
fn there_is_a_limit_and_it_is_an_error_not_an_end() {
    let main = "
        (loop $more
            (local.set 0 (i32.add (local.get 0) (i32.const 1)))
            (br_if $more (i32.gt_s (call $spawn (i32.const 0)) (i32.const 0))))
        (call $exit (local.get 0))";
    let wat = threaded("(call $wait_for_ever)", main);
    for tier in tiers() {
        let module = engine(tier).load(&wat::parse_str(&wat).unwrap()).unwrap();
        let mut config = config();
        config.thread_limit = 4;
        let exit = Process::new(&module, config).unwrap().run();
        assert_eq!(exit.code, 4, "the main thread, three more, and one refused");
    }
}

#[test]
fn threads_need_a_shared_memory() {
    let wat = r#"(module
        (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
        (memory 1)
        (func (export "_start") (drop (call $spawn (i32.const 0)))))"#;
    run(wat, |exit| {
        assert_eq!(exit.code, 134);
        assert!(exit.reason.unwrap().contains("-pthread"));
    });
}

#[test]
fn many_interrupted_threads_leave_nothing_behind() {
    // Interrupts land anywhere, in waits, in spawns, in calls; over and over.
    let thread = "(loop
        (drop (memory.atomic.wait32 (i32.const 64) (i32.const 0) (i64.const 1000)))
        (drop (memory.grow (i32.const 0)))
        (br 0))";
    let wat = threaded(thread, &SPAWN.repeat(8));
    let module = engine(tiers()[0])
        .load(&wat::parse_str(&wat).unwrap())
        .unwrap();
    for _ in 0..50 {
        let exit = Process::new(&module, config()).unwrap().run();
        assert_eq!(exit.code, 0, "{:?}", exit.reason);
    }
}
