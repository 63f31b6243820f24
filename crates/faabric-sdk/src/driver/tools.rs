//! The archive tools that build systems ask for beside the compiler.

use std::ffi::OsString;
use std::process::Command;

use super::wait;
use crate::error::{Error, Result};
use crate::sdk::Sdk;

/// Tools of the toolchain that [`tool`] runs, by the names build systems know them by.
const TOOLS: &[&str] = &["ar", "ranlib", "ld", "nm", "objcopy", "strip"];

/// Runs `ar`, `ranlib` or `ld` of the SDK (or, with `WASI_SDK_PATH`, any of its LLVM tools) and
/// returns its exit code.
///
/// # Errors
/// When there is no SDK, or it has no such tool.
pub fn tool(name: &str, args: Vec<OsString>) -> Result<i32> {
    if !TOOLS.contains(&name) {
        return Err(Error::Usage(format!(
            "there is no tool called {name}; there are {}",
            TOOLS.join(", ")
        )));
    }
    let sdk = Sdk::ensure()?;
    let mut command = match sdk.wasi_sdk()? {
        Some(clang) => {
            let bin = clang.parent().map(ToOwned::to_owned).unwrap_or_default();
            Command::new(bin.join(if name == "ld" {
                "wasm-ld".into()
            } else {
                format!("llvm-{name}")
            }))
        }
        None => match name {
            "ar" | "ranlib" => sdk.zig().tool(name),
            "ld" => sdk.zig().tool("wasm-ld"),
            _ => {
                return Err(Error::Usage(format!(
                    "the SDK has no {name} (LLVM's llvm-{name} reads the same files)"
                )));
            }
        },
    };
    command.args(args);
    wait(command)
}
