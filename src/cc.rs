//! `faabric cc`, `c++`, `ar`, `ranlib`, `nm`: the guest toolchain under the names
//! that make, autotools and CMake call it by.

use faabric_sdk::driver::{self, Language};
use std::ffi::OsString;

/// Everything after the subcommand belongs to the tool.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

/// Compiles or links; the exit code is clang's.
pub(crate) fn compile(language: Language, args: Args) -> anyhow::Result<u8> {
    Ok(exit_code(driver::run(language, args.args)?))
}

/// Runs one of the SDK's binary tools; the exit code is the tool's.
pub(crate) fn tool(name: &str, args: Args) -> anyhow::Result<u8> {
    Ok(exit_code(driver::tool(name, args.args)?))
}

fn exit_code(code: i32) -> u8 {
    u8::try_from(code).unwrap_or(1)
}
