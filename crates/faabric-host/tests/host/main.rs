//! Guests, as text, through the real host: one binary, because linking LLVM is slow.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod language;
mod load;
mod memory;
mod mpi;
mod threads;
mod traps;

use faabric_host::{
    Compiler, Engine, EngineConfig, Exit, NoInput, Output, Process, ProcessConfig, Tier,
};
use parking_lot::Mutex;
use std::io;
use std::sync::Arc;

/// The tiers that are compiled in.
fn tiers() -> Vec<Tier> {
    if cfg!(feature = "llvm") {
        vec![Tier::Cranelift, Tier::Llvm]
    } else {
        vec![Tier::Cranelift]
    }
}

/// Collects what a guest writes.
#[derive(Default)]
struct Collected(Mutex<Vec<u8>>);

impl Output for Collected {
    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        self.0.lock().extend_from_slice(bytes);
        Ok(())
    }
}

fn config() -> ProcessConfig {
    ProcessConfig {
        args: vec!["guest".to_owned()],
        env: Vec::new(),
        dirs: Vec::new(),
        stdin: Arc::new(NoInput),
        stdout: Arc::new(Collected::default()),
        stderr: Arc::new(Collected::default()),
        memory_limit: 4 << 30,
        thread_limit: 64,
        mpi: None,
    }
}

fn engine(tier: Tier) -> Engine {
    Engine::new(EngineConfig { tier, cache: None }).unwrap()
}

fn process(wat: &str, tier: Tier) -> Process {
    let module = engine(tier).load(&wat::parse_str(wat).unwrap()).unwrap();
    let made_by = match tier {
        Tier::Llvm => Compiler::Llvm,
        _ => Compiler::Cranelift,
    };
    assert_eq!(module.compiler(), made_by);
    Process::new(&module, config()).unwrap()
}

/// Runs `_start` of the module in every tier and gives each exit to `check`.
fn run(wat: &str, check: impl Fn(Exit)) {
    for tier in tiers() {
        check(process(wat, tier).run());
    }
}

/// Runs it and expects this exit code and no trap.
fn expect_code(wat: &str, code: i32) {
    run(wat, |exit| assert_eq!(exit, Exit { code, reason: None }));
}

/// A module that ends with the result of `body` as its exit code.
fn exits_with(definitions: &str, body: &str) -> String {
    format!(
        r#"(module
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            {definitions}
            (func (export "_start") (call $exit {body})))"#
    )
}
