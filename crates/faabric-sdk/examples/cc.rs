//! `faabric cc` without the rest of Faabric: `cargo run --example cc -- [--cxx] clang-args...`

use std::process::ExitCode;

use faabric_sdk::driver::{self, Language};

fn main() -> ExitCode {
    let mut args: Vec<_> = std::env::args_os().skip(1).collect();
    let cxx = args.first().is_some_and(|arg| arg == "--cxx");
    let language = if cxx { Language::Cxx } else { Language::C };
    if cxx {
        args.remove(0);
    }
    match driver::run(language, args) {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        Err(error) => {
            eprintln!("faabric cc: error: {error}");
            ExitCode::FAILURE
        }
    }
}
