//! A clang-compatible compiler driver: `faabric cc` and `faabric c++`.
//!
//! ```text
//! args --Request::parse--> what is asked --+-- Sdk's clang:   target, sysroot, -B, link flags
//!                                          +-- WASI_SDK_PATH: the same with that clang
//! ```
//! Behaves like clang under make, autotools and CMake: same flags, same output, same exit codes.

mod args;
mod tools;

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use crate::build::EMULATED;
use crate::error::{Error, Result};
use crate::sdk::Sdk;
use crate::target::{CXX_FLAGS, Target};
use args::{Question, Request};
pub use tools::tool;

/// What is being compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// `faabric cc`
    C,
    /// `faabric c++`
    Cxx,
}

/// Room for the main thread's C stack: what Linux gives a program.
const STACK_BYTES: u32 = 8 << 20;
/// All that 32-bit addresses reach.
const MAX_MEMORY_BYTES: u64 = 4 << 30;

/// Runs the compiler with `args` and returns its exit code.
///
/// # Errors
/// When there is no SDK, or the command line asks for what a guest cannot have.
pub fn run(language: Language, args: Vec<OsString>) -> Result<i32> {
    let request = Request::parse(args)?;
    let sdk = Sdk::ensure()?;
    match request.question {
        Some(Question::Sysroot) => return say(sdk.sysroot().display()),
        Some(Question::CmakeToolchain) => return say(sdk.cmake_toolchain().display()),
        Some(Question::Machine) => return say(request.target.triple()),
        Some(Question::Version) => say(format_args!(
            "faabric {} (guest compiler; target {})",
            env!("CARGO_PKG_VERSION"),
            request.target.triple()
        ))?,
        None => 0,
    };
    if request.verbose && !request.dropped.is_empty() {
        complain(format_args!(
            "ignored, native only: {}",
            request.dropped.join(" ")
        ));
    }
    let mut command = compiler(&sdk, language)?;
    if request.question == Some(Question::Version) {
        command.arg("--version");
    }
    add_target(&mut command, &sdk, &request, language);
    command.args(&request.args);
    if request.links() {
        add_link(&mut command, &sdk, &request)?;
    }
    let code = wait(command)?;
    if code == 0 && request.links() && !request.dry_run {
        make_executable(&request.output)?;
    }
    Ok(code)
}

/// The compiler's executable: `WASI_SDK_PATH`'s, or the SDK's.
fn compiler(sdk: &Sdk, language: Language) -> Result<Command> {
    let mut command = match sdk.wasi_sdk()? {
        Some(clang) => Command::new(clang),
        None => sdk.zig().tool("clang"),
    };
    if language == Language::Cxx {
        command.arg("--driver-mode=g++");
    }
    Ok(command)
}

/// Flags that hold for every phase. They come before the user's, so that the user's win.
fn add_target(command: &mut Command, sdk: &Sdk, request: &Request, language: Language) {
    command.arg("--start-no-unused-arguments");
    command.args(request.target.code_flags());
    command.arg(prefixed("--sysroot=", &sdk.compile_sysroot()));
    if sdk.is_wasi_sdk() {
        // Only our own additions; the C library is that SDK's.
        let include = sdk.sysroot().join("include").join(request.target.triple());
        command.arg("-idirafter").arg(include);
    } else {
        command.arg("-resource-dir").arg(sdk.resource());
        command.arg(prefixed("-B", &sdk.bin()));
        // A short copy is cheaper as a call within the guest than as one into the engine.
        command.arg("-mno-bulk-memory-opt");
    }
    command.args(EMULATED.iter().map(|name| format!("-D{name}")));
    command.arg("-D__faabric__=1");
    if language == Language::Cxx {
        command.args(CXX_FLAGS);
        // As g++ does; libstdc++ and many programs lean on it.
        command.arg("-D_GNU_SOURCE");
    }
    command.arg("--end-no-unused-arguments");
}

/// Flags of the final link.
fn add_link(command: &mut Command, sdk: &Sdk, request: &Request) -> Result<()> {
    command.arg("--start-no-unused-arguments");
    // clang would run any wasm-opt it finds in PATH over the result.
    command.arg("--no-wasm-opt");
    command.arg(format!("-Wl,-z,stack-size={STACK_BYTES}"));
    // Below the data, so that running out of stack is a trap and not a corruption.
    command.arg("-Wl,--stack-first");
    command.arg(format!("-Wl,--max-memory={MAX_MEMORY_BYTES}"));
    // The host calls reductions, attribute callbacks and error handlers by their index.
    command.arg("-Wl,--export-table");
    // Index 1 is MPI_COMM_DUP_FN and its like in the MPI ABI: no guest function may have it.
    command.arg("-Wl,--table-base=2");
    if request.target == Target::Threads {
        command.args([
            "-Wl,--shared-memory",
            "-Wl,--import-memory",
            "-Wl,--export-memory",
        ]);
    }
    if request.lto {
        for option in [
            "-wasm-enable-eh",
            "-wasm-enable-sjlj",
            "-exception-model=wasm",
        ] {
            command.arg(format!("-Wl,-mllvm,{option}"));
        }
        command.arg("-Wl,-mllvm,-wasm-use-legacy-eh=false");
    }
    if !request.no_default_libraries {
        let lib = sdk.lib(request.target);
        command.arg(prefixed("-L", &lib));
        if request.openmp {
            if !lib.join("libomp.a").exists() {
                return Err(Error::Usage(
                    "OpenMP programs cannot be linked yet: the OpenMP runtime arrives with a later \
                     release of Faabric; build without -fopenmp"
                        .into(),
                ));
            }
            command.arg("-lomp");
        }
        if lib.join("libmpi.a").exists() {
            command.arg("-lmpi");
        }
    }
    command.arg("--end-no-unused-arguments");
    Ok(())
}

fn prefixed(flag: &str, path: &Path) -> OsString {
    let mut arg = OsString::from(flag);
    arg.push(path);
    arg
}

/// Runs a tool in place of us: its output is ours, and so is its exit code.
fn wait(mut command: Command) -> Result<i32> {
    let status = command.status().map_err(|source| Error::Spawn {
        tool: command.get_program().into(),
        source,
    })?;
    // A compiler killed by a signal has failed.
    Ok(status.code().unwrap_or(1))
}

/// Executables are executable, as make and configure expect.
fn make_executable(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let Ok(metadata) = std::fs::metadata(path) else {
        return Ok(());
    };
    if !metadata.is_file() {
        return Ok(());
    }
    let mut permissions = metadata.permissions();
    // Whoever may read it may run it.
    permissions.set_mode(permissions.mode() | ((permissions.mode() & 0o444) >> 2));
    std::fs::set_permissions(path, permissions).map_err(Error::io("make executable", path))
}

#[allow(
    clippy::print_stdout,
    reason = "a compiler answers questions on stdout"
)]
fn say(answer: impl std::fmt::Display) -> Result<i32> {
    println!("{answer}");
    Ok(0)
}

#[allow(clippy::print_stderr, reason = "a compiler explains itself on stderr")]
fn complain(text: impl std::fmt::Display) {
    eprintln!("faabric cc: {text}");
}
