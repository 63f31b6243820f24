//! Runs one module without a cluster and says what each step took:
//! `run [--llvm | --auto] [--cache DIR] [--dir HOST:GUEST] [--repeat N] MODULE [ARGS]`.
//!
//! For work on this crate; users have `faabric run`.
#![allow(
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a command-line tool that reports times"
)]

use faabric_host::{Dir, Engine, EngineConfig, NoInput, Output, Process, ProcessConfig, Tier};
use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

struct Stdout;
struct Stderr;

impl Output for Stdout {
    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        io::stdout().write_all(bytes)
    }
}

impl Output for Stderr {
    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        io::stderr().write_all(bytes)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut tier = Tier::Cranelift;
    let mut cache = None;
    let mut dirs = Vec::new();
    let mut repeat = 1;
    let mut args = std::env::args().skip(1).peekable();
    while let Some(option) = args.next_if(|arg| arg.starts_with("--")) {
        let mut value = || args.next().ok_or(format!("{option} wants a value"));
        match option.as_str() {
            "--llvm" => tier = Tier::Llvm,
            "--auto" => tier = Tier::Auto,
            "--cache" => cache = Some(PathBuf::from(value()?)),
            "--repeat" => repeat = value()?.parse()?,
            "--dir" => {
                let value = value()?;
                let (host, guest) = value.split_once(':').unwrap_or((&value, &value));
                dirs.push(Dir {
                    host: host.into(),
                    guest: guest.to_owned(),
                    read_only: false,
                });
            }
            other => return Err(format!("unknown option {other}").into()),
        }
    }
    let args: Vec<String> = args.collect();
    let path = args.first().ok_or("which module?")?;
    let wasm = std::fs::read(path)?;

    let begin = Instant::now();
    let engine = Engine::new(EngineConfig { tier, cache })?;
    let module = engine.load(&wasm)?;
    eprintln!("load {:?} ({:?})", begin.elapsed(), module.compiler());

    let mut code = 0;
    for _ in 0..repeat {
        let begin = Instant::now();
        let process = Process::new(
            &module,
            ProcessConfig {
                args: args.clone(),
                env: std::env::vars().collect(),
                dirs: dirs.clone(),
                stdin: Arc::new(NoInput),
                stdout: Arc::new(Stdout),
                stderr: Arc::new(Stderr),
                memory_limit: 4 << 30,
                thread_limit: 1024,
                mpi: None,
            },
        )?;
        let made = begin.elapsed();
        let exit = process.run();
        eprintln!("new {made:?}, new and run {:?}", begin.elapsed());
        if let Some(reason) = exit.reason {
            eprintln!("{reason}");
        }
        code = exit.code;
    }
    std::process::exit(code);
}
