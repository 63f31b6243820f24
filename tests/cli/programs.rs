//! Ordinary programs: what they compute, print, read and end with is what they would
//! compute, print, read and end with natively.

use crate::harness::{faabric, finish, finish_with_input, guest, guest_with};
use std::path::Path;
use std::process::Command;

/// `faabric run` of `tests/guest/program.c` with `args`.
fn program(args: &[&str]) -> Command {
    let mut command = faabric();
    command.arg("run").arg(guest("program.c")).args(args);
    command
}

/// Runs a guest that checks itself, in a folder of its own.
fn check(program: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let run = finish(faabric().arg("run").arg(program).current_dir(folder.path())).expect_code(0);
    assert!(run.stdout.ends_with("\n0 failed\n"), "{}", run.stdout);
}

#[test]
fn the_c_library_computes_as_it_should() {
    check(&guest("libc.c"));
}

#[test]
fn the_posix_layer_works_or_says_that_it_does_not() {
    check(&guest("posix.c"));
}

#[test]
fn the_cxx_library_works() {
    check(&guest_with("cxxlib.cpp", &["-std=c++20"]));
}

#[test]
fn exceptions_cross_frames() {
    check(&guest("exceptions.cpp"));
}

#[test]
fn setjmp_returns_to_where_it_was() {
    check(&guest("setjmp.c"));
    check(&guest("setjmp_cpp.cpp"));
}

#[test]
fn threads_of_posix_and_of_cxx_work() {
    check(&guest_with("pthreads.c", &["-pthread"]));
    check(&guest_with("threads.cpp", &["-pthread", "-std=c++20"]));
}

#[test]
fn a_heap_of_three_gib_is_there() {
    check(&guest("large_heap.c"));
}

#[test]
fn recursion_is_deep_and_without_end_a_stack_overflow() {
    check(&guest("deep_recursion.c"));
    let endless = finish(
        faabric()
            .arg("run")
            .arg(guest("deep_recursion.c"))
            .arg("endless"),
    );
    assert!(endless.code > 128, "{endless:?}");
    assert!(endless.stderr.contains("stack"), "{}", endless.stderr);
    assert!(endless.stderr.contains("recurse"), "{}", endless.stderr);
}

#[test]
fn the_exit_code_is_the_programs() {
    for code in [0, 1, 77, 255] {
        finish(&mut program(&["exit", &code.to_string()])).expect_code(code);
    }
}

#[test]
fn what_ends_a_program_by_a_signal_natively_shows_as_that_signal() {
    let aborted = finish(&mut program(&["abort"])).expect_code(134);
    assert!(!aborted.stderr.is_empty());
    let divided = finish(&mut program(&["divide"])).expect_code(136);
    assert!(divided.stderr.contains("divide"), "{}", divided.stderr);
    let beyond = finish(&mut program(&["beyond"])).expect_code(139);
    assert!(beyond.stderr.contains("beyond"), "{}", beyond.stderr);
}

#[test]
fn arguments_arrive_as_they_were_given() {
    let run = finish(&mut program(&["args", "-n", "two words", "", "--", "*"])).expect_code(0);
    assert_eq!(run.stdout, "<-n><two words><><--><*>");
}

#[test]
fn the_environment_is_what_was_asked_for() {
    let run = |variables: &[&str], name| {
        let mut command = faabric();
        command.env("FROM_HERE", "passed on").env("SECRET", "stays");
        command.arg("run");
        for variable in variables {
            command.args(["--env", variable]);
        }
        finish(command.arg(guest("program.c")).args(["env", name]))
            .expect_code(0)
            .stdout
    };
    assert_eq!(run(&["A=1", "B=2=3"], "B"), "2=3");
    assert_eq!(run(&["FROM_HERE"], "FROM_HERE"), "passed on");
    assert_eq!(run(&[], "SECRET"), "(unset)");
}

#[test]
fn stdout_and_stderr_stay_apart() {
    let run = finish(&mut program(&["both"])).expect_code(0);
    assert_eq!(run.stdout, "to stdout\n");
    assert_eq!(run.stderr, "to stderr\n");
}

#[test]
fn megabytes_of_output_arrive_whole() {
    let run = finish(&mut program(&["flood", "200000"])).expect_code(0);
    let mut lines = run.stdout.lines();
    for index in 0..200_000 {
        assert_eq!(
            lines.next().unwrap(),
            format!("this is line number {index}")
        );
    }
    assert_eq!(lines.next(), None);
}

#[test]
fn megabytes_of_input_arrive_whole() {
    let line = "input that is passed through\n";
    let input = line.repeat(100_000);
    let run = finish_with_input(&mut program(&["cat"]), input.as_bytes()).expect_code(0);
    assert_eq!(run.stdout.len(), input.len());
    assert!(run.stdout == input);
}

#[test]
fn a_program_sees_the_folder_it_was_started_in() {
    let folder = tempfile::tempdir().unwrap();
    let run = finish(program(&["cwd"]).current_dir(folder.path())).expect_code(0);
    assert_eq!(
        Path::new(&run.stdout),
        folder.path().canonicalize().unwrap()
    );
}

/// What `faabric run` says to a file with these bytes.
fn refusal(bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("program");
    std::fs::write(&file, bytes).unwrap();
    finish(faabric().arg("run").arg(file))
        .expect_code(125)
        .stderr
}

#[test]
fn what_is_no_wasm_module_is_told_by_its_kind() {
    let native = std::fs::read("/bin/true").unwrap();
    assert!(refusal(&native).contains("native executable"));
    assert!(refusal(b"#!/bin/sh\necho hello\n").contains("script"));
    assert!(refusal(b"").contains("empty"));
    assert!(refusal(b"hello").contains("not a Wasm module"));
    let missing = finish(faabric().args(["run", "/no/such/program.wasm"])).expect_code(125);
    assert!(
        missing.stderr.contains("/no/such/program.wasm"),
        "{}",
        missing.stderr
    );
}

#[test]
fn a_damaged_module_does_not_run() {
    let mut bytes = std::fs::read(guest("program.c")).unwrap();
    bytes.truncate(bytes.len() / 2);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("half.wasm");
    std::fs::write(&file, bytes).unwrap();
    let run = finish(faabric().arg("run").arg(file));
    assert_ne!(run.code, 0);
    assert!(run.stderr.contains("module"), "{}", run.stderr);
}

#[test]
fn all_unknown_imports_are_named() {
    // (module (import "env" "missing_one" (func)) (import "nowhere" "missing_two" (func)))
    let module = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x02\x29\x02\
        \x03env\x0bmissing_one\0\0\x07nowhere\x0bmissing_two\0\0";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("unknown.wasm");
    std::fs::write(&file, module).unwrap();
    let run = finish(faabric().arg("run").arg(file));
    assert_ne!(run.code, 0);
    for name in ["missing_one", "missing_two"] {
        assert!(run.stderr.contains(name), "{}", run.stderr);
    }
}
