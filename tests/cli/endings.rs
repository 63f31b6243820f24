//! However `faabric run` ends, nothing of it stays behind.

use crate::harness::{faabric, guest, wait_until, wait_with_output};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Stdio};

/// `faabric run` of a guest that has said "started".
struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// In the environment of every process that comes from it.
    mark: String,
}

impl Running {
    fn start(what: &str) -> Self {
        let mark = format!("FAABRIC_TEST_MARK={}-{what}", std::process::id());
        let (name, value) = mark.split_once('=').unwrap();
        let mut child = faabric()
            .args(["run", "-n", "2", "--workers", "2"])
            .arg(guest("program.c"))
            .arg(what)
            .env(name, value)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        for _ in 0..2 {
            let mut line = String::new();
            stdout.read_line(&mut line).unwrap();
            assert_eq!(line, "started\n");
        }
        Self {
            child,
            stdout,
            mark,
        }
    }

    fn signal(&self, signal: &str) {
        crate::harness::signal(self.child.id(), signal);
    }

    /// Waits for its end: the exit code, and what it said on stderr.
    fn end(self) -> (i32, String) {
        // Open until then, for a guest that prints must not be ended by that.
        let _stdout = self.stdout;
        let ended = wait_with_output(self.child);
        (ended.code, ended.stderr)
    }
}

/// The processes with `mark` in their environment.
fn marked(mark: &str) -> Vec<String> {
    let has_mark = |pid: &str| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let mut variables = environment.split(|byte| *byte == 0);
        variables.any(|variable| variable == mark.as_bytes())
    };
    let names = std::fs::read_dir("/proc").unwrap();
    names
        .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()) && has_mark(name))
        .collect()
}

#[test]
fn signals_end_ranks_that_compute_sleep_or_read() {
    for (what, signal, code) in [
        ("spin", "INT", 130),
        ("sleep", "INT", 130),
        ("read", "INT", 130),
        ("spin", "TERM", 143),
    ] {
        let running = Running::start(what);
        let mark = running.mark.clone();
        assert_ne!(marked(&mark), [""; 0]);
        running.signal(signal);
        let (ended, stderr) = running.end();
        assert_eq!(ended, code, "{what} by {signal}: {stderr}");
        assert!(stderr.contains(signal), "{stderr}");
        assert_eq!(marked(&mark), [""; 0], "{what} by {signal}");
    }
}

#[test]
fn a_stray_interrupt_from_outside_changes_nothing() {
    for what in ["spin", "sleep"] {
        let running = Running::start(what);
        for _ in 0..20 {
            running.signal("USR1");
        }
        running.signal("INT");
        let (ended, stderr) = running.end();
        assert_eq!(ended, 130, "{what}: {stderr}");
    }
}

#[test]
fn killed_it_leaves_no_process() {
    let mut running = Running::start("sleep");
    running.child.kill().unwrap();
    running.child.wait().unwrap();
    wait_until("all processes are gone", || {
        marked(&running.mark).is_empty().then_some(())
    });
}

#[test]
fn a_program_that_waits_for_input_gets_it() {
    let mut running = Running::start("read");
    let mut stdin = running.child.stdin.take().unwrap();
    stdin.write_all(b"x").unwrap();
    drop(stdin);
    let (code, stderr) = running.end();
    assert_eq!(code, 0, "{stderr}");
}

#[test]
fn two_runs_at_once_do_not_meet() {
    let (one, mut other) = (Running::start("sleep"), Running::start("read"));
    one.signal("INT");
    assert_eq!(one.end().0, 130);
    // The other has not noticed.
    drop(other.child.stdin.take());
    assert_eq!(other.end().0, 0);
}
