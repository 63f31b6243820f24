//! Every way a guest stops: its exit code, the words, and the backtrace.

use crate::{process, run, tiers};
use faabric_host::Exit;

/// `_start` calls `$inner`, which does `body`.
fn trapping(definitions: &str, body: &str) -> String {
    format!(
        r#"(module
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (memory 1)
            {definitions}
            (func $inner {body})
            (func $middle (call $inner) (call $exit (i32.const 1)))
            (func (export "_start") (call $middle)))"#
    )
}

fn expect(definitions: &str, body: &str, code: i32, words: &[&str]) {
    run(&trapping(definitions, body), |exit: Exit| {
        let reason = exit.reason.expect("a trap has a reason");
        assert_eq!(exit.code, code, "{reason}");
        for word in words {
            assert!(reason.contains(word), "{word:?} is not in: {reason}");
        }
    });
}

#[test]
fn unreachable_names_the_functions_it_went_through() {
    expect(
        "",
        "unreachable",
        134,
        &["unreachable", "at inner", "at middle", "at _start"],
    );
}

#[test]
fn memory_out_of_bounds_tells_the_address() {
    let body = "(call $exit (i32.load offset=16 (i32.const 0x10000)))";
    expect(
        "",
        body,
        139,
        &[
            "out of bounds",
            "address 0x10010",
            "65536 bytes",
            "at inner",
        ],
    );
}

#[test]
fn the_largest_address_and_offset_are_still_inside_the_guard() {
    // A compiler may store the halves one by one, in any order.
    let body = "(v128.store offset=0xffffffff (i32.const 0xffffffff) (v128.const i64x2 1 2))";
    expect("", body, 139, &["out of bounds", "address 0x"]);
}

#[test]
fn an_address_below_zero_hints_at_the_c_stack() {
    expect(
        "",
        "(i32.store (i32.const -16) (i32.const 1))",
        139,
        &["C stack"],
    );
}

#[test]
fn bulk_memory_out_of_bounds() {
    let body = "(memory.fill (i32.const 65530) (i32.const 1) (i32.const 100))";
    expect("", body, 139, &["out of bounds"]);
}

#[test]
fn arithmetic() {
    let zero = "(global $zero (mut i32) (i32.const 0))";
    let body = "(drop (i32.div_s (i32.const 1) (global.get $zero)))";
    expect(zero, body, 136, &["division by zero", "at inner"]);
    let body =
        "(drop (i32.div_s (i32.const 0x80000000) (i32.sub (global.get $zero) (i32.const 1))))";
    expect(zero, body, 136, &["overflow"]);
    let nan = "(global $nan (mut f64) (f64.const nan))";
    expect(
        nan,
        "(drop (i32.trunc_f64_s (global.get $nan)))",
        136,
        &["converted"],
    );
}

#[test]
fn endless_recursion_is_a_stack_overflow() {
    // Not a tail call, or LLVM makes it a loop.
    let recursion = "(global $depth (mut i32) (i32.const 0))
        (func $deeper (param i32) (result i32)
            (i32.add (call $deeper (i32.add (local.get 0) (i32.const 1))) (global.get $depth)))";
    expect(
        recursion,
        "(drop (call $deeper (i32.const 0)))",
        139,
        &["stack overflow"],
    );
}

#[test]
fn deep_recursion_is_fine() {
    // 50,000 levels: a C program on Linux has 8 MiB for them as well.
    let definitions = "(global $one (mut i32) (i32.const 1))
        (func $sum (param i32) (result i32)
            (if (result i32) (local.get 0)
                (then (i32.add (call $sum (i32.sub (local.get 0) (i32.const 1))) (global.get $one)))
                (else (i32.const 0))))";
    let body = "(i32.eq (call $sum (i32.const 50000)) (i32.const 50000))";
    crate::expect_code(&crate::exits_with(definitions, body), 1);
}

#[test]
fn indirect_calls() {
    let table = "(type $none (func)) (type $one (func (param i32)))
        (table 4 funcref) (elem (i32.const 0) $other)
        (func $other (param i32))";
    expect(
        table,
        "(call_indirect (type $none) (i32.const 0))",
        134,
        &["indirect call mismatch"],
    );
    expect(
        table,
        "(call_indirect (type $none) (i32.const 1))",
        134,
        &["null function pointer"],
    );
    expect(
        table,
        "(call_indirect (type $none) (i32.const 9))",
        134,
        &["no function's"],
    );
}

#[test]
fn indirect_calls_through_a_constant_table() {
    let table = "(type $none (func)) (type $one (func (param i32)))
        (global $at (mut i32) (i32.const 0))
        (table 2 2 funcref) (elem (i32.const 1) $other)
        (func $other (param i32))";
    let call =
        |at| format!("(call_indirect (type $none) (i32.add (global.get $at) (i32.const {at})))");
    expect(table, &call(1), 134, &["indirect call mismatch"]);
    expect(table, &call(0), 134, &["null function pointer"]);
    expect(table, &call(2), 134, &["no function's"]);
}

#[test]
fn an_uncaught_exception() {
    expect(
        "(tag $t (param i32))",
        "(throw $t (i32.const 7))",
        134,
        &["exception", "not caught"],
    );
}

#[test]
fn names_are_demangled() {
    let wat = r#"(module (func $_ZN5solve4stepEid unreachable)
        (func (export "_start") (call $_ZN5solve4stepEid)))"#;
    run(wat, |exit| {
        let reason = exit.reason.unwrap();
        assert!(reason.contains("solve::step(int, double)"), "{reason}");
    });
}

#[test]
fn a_trap_in_the_start_function_is_reported_too() {
    let wat = r#"(module (func $begin unreachable) (start $begin) (func (export "_start")))"#;
    run(wat, |exit| {
        assert_eq!(exit.code, 134);
        assert!(exit.reason.unwrap().contains("at begin"));
    });
}

#[test]
fn a_library_is_not_a_program() {
    run(r#"(module (func (export "f")))"#, |exit| {
        assert_eq!(exit.code, 126);
        assert!(exit.reason.unwrap().contains("library"));
    });
}

#[test]
fn an_endless_loop_is_interrupted() {
    for tier in tiers() {
        let process = process(r#"(module (func (export "_start") (loop (br 0))))"#, tier);
        let interrupter = process.interrupter();
        let guest = std::thread::spawn(move || process.run());
        // Whether the guest has begun or not: it ends.
        interrupter.interrupt("the job was cancelled");
        let exit = guest.join().unwrap();
        assert_eq!(exit.code, 137);
        assert_eq!(exit.reason.as_deref(), Some("the job was cancelled"));
    }
}
