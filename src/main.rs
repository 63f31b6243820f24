//! The `faabric` command: one file per subcommand.
//!
//! Data goes to stdout, everything else to stderr; a failure names its cause and
//! the remedy and becomes an exit code in one place, [`main`].
#![allow(clippy::print_stdout, reason = "a command's answer belongs on stdout")]

mod cancel;
mod cc;
mod cluster;
mod listing;
mod logs;
mod planner;
mod policy;
mod profile;
mod ps;
mod report;
mod run;
mod up;
mod worker;
mod workers;

use clap::{Parser, Subcommand};
use std::io::IsTerminal;

/// The version, with the compilers this binary has.
const VERSION: &str = if cfg!(feature = "llvm") {
    concat!(env!("CARGO_PKG_VERSION"), " (tiers: cranelift, llvm)")
} else {
    concat!(env!("CARGO_PKG_VERSION"), " (tiers: cranelift)")
};

/// Runs unmodified MPI programs, compiled to Wasm, over a cluster of workers.
#[derive(Parser)]
#[command(name = "faabric", version = VERSION, propagate_version = true, subcommand_required = true)]
struct Cli {
    /// Log more on stderr: -v for what happens, -vv for every step. FAABRIC_LOG takes a filter.
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    verbose: u8,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a program, like mpirun; on a cluster of its own when none is configured
    Run(run::Args),
    /// Start a planner and workers on this machine and keep them until Ctrl-C
    Up(up::Args),
    /// Run a planner, the service that places jobs on workers
    Planner(planner::Args),
    /// Run a worker, the service that runs ranks on one machine
    Worker(worker::Args),
    /// List jobs
    Ps(ps::Args),
    /// List workers
    Workers(workers::Args),
    /// Print what a job has printed
    Logs(logs::Args),
    /// End a job
    Cancel(cancel::Args),
    /// Show or set the planner's placement policy
    Policy(policy::Args),
    /// Compile C to Wasm; takes clang's arguments
    #[command(disable_help_flag = true, disable_version_flag = true)]
    Cc(cc::Args),
    /// Compile C++ to Wasm; takes clang++'s arguments
    #[command(name = "c++", disable_help_flag = true, disable_version_flag = true)]
    Cxx(cc::Args),
    /// Make a static library of Wasm objects; takes ar's arguments
    #[command(disable_help_flag = true, disable_version_flag = true)]
    Ar(cc::Args),
    /// Index a static library of Wasm objects; takes ranlib's arguments
    #[command(disable_help_flag = true, disable_version_flag = true)]
    Ranlib(cc::Args),
    /// List the symbols of a Wasm object; takes nm's arguments
    #[command(disable_help_flag = true, disable_version_flag = true)]
    Nm(cc::Args),
}

fn main() -> ! {
    let cli = Cli::parse();
    start_logging(cli.verbose);
    let outcome = match cli.command {
        Command::Run(args) => run::run(args),
        Command::Up(args) => up::run(args),
        Command::Planner(args) => planner::run(args),
        Command::Worker(args) => worker::run(args),
        Command::Ps(args) => block_on(ps::run(args)),
        Command::Workers(args) => block_on(workers::run(args)),
        Command::Logs(args) => block_on(logs::run(args)),
        Command::Cancel(args) => block_on(cancel::run(args)),
        Command::Policy(args) => block_on(policy::run(args)),
        Command::Cc(args) => cc::compile(faabric_sdk::driver::Language::C, args),
        Command::Cxx(args) => cc::compile(faabric_sdk::driver::Language::Cxx, args),
        Command::Ar(args) => cc::tool("ar", args),
        Command::Ranlib(args) => cc::tool("ranlib", args),
        Command::Nm(args) => cc::tool("nm", args),
    };
    // Not by returning: a compiler may be at work in the background.
    faabric_host::leave(outcome.unwrap_or_else(|error| {
        eprintln!("faabric: {error:#}");
        report::CANNOT_RUN
    }))
}

/// Runs a command that only asks the planner something.
fn block_on(command: impl Future<Output = anyhow::Result<u8>>) -> anyhow::Result<u8> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(command)
}

fn start_logging(verbose: u8) {
    let default = match verbose {
        0 => "warn",
        1 => "info",
        _ => "debug",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("FAABRIC_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
}
