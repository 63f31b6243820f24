//! Runs one module as the ranks of an MPI job, all in this process, without planner or
//! worker: `mpirun [--llvm] [-n ranks] module.wasm [args]`. For working on the MPI ABI.

use faabric_host::{Engine, EngineConfig, NoInput, Output, Process, ProcessConfig, Tier};
use faabric_mpi::{Placement, World};
use faabric_wire::id::{JobId, Rank};
use std::error::Error;
use std::io::Write;
use std::sync::Arc;

struct Stream<W>(fn() -> W);

impl<W: Write + 'static> Output for Stream<W> {
    fn write(&self, bytes: &[u8]) -> std::io::Result<()> {
        (self.0)().write_all(bytes)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let (mut tier, mut ranks) = (Tier::default(), 1);
    let mut args = std::env::args().skip(1).peekable();
    while let Some(option) = args.next_if(|arg| arg.starts_with('-')) {
        match option.as_str() {
            "--llvm" => tier = Tier::Llvm,
            "-n" => ranks = args.next().ok_or("-n wants a number")?.parse()?,
            other => return Err(format!("unknown option {other}").into()),
        }
    }
    let args: Vec<String> = args.collect();
    let path = args.first().ok_or("which module?")?;
    let engine = Engine::new(EngineConfig { tier, cache: None })?;
    let module = engine.load(&std::fs::read(path)?)?;
    let cores = std::thread::available_parallelism()?.get() as u32;
    let world = World::new(JobId(1), Placement::single(ranks, "here"), None, cores);
    let mut threads = Vec::new();
    for rank in (0..ranks).map(Rank) {
        let config = ProcessConfig {
            args: args.clone(),
            env: Vec::new(),
            dirs: Vec::new(),
            stdin: Arc::new(NoInput),
            stdout: Arc::new(Stream(std::io::stdout)),
            stderr: Arc::new(Stream(std::io::stderr)),
            memory_limit: 4 << 30,
            thread_limit: 64,
            mpi: Some((Arc::clone(&world), rank)),
        };
        let process = Process::new(&module, config)?;
        threads.push(std::thread::spawn(move || process.run()));
    }
    let mut code = 0;
    for (rank, thread) in threads.into_iter().enumerate() {
        let exit = thread.join().map_err(|_| "a rank's thread panicked")?;
        if let Some(reason) = exit.reason {
            eprintln!("rank {rank}: {reason}");
        }
        code = if code == 0 { exit.code } else { code };
    }
    std::process::exit(code)
}
