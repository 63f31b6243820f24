//! Compiles many files at once, and stops at the first that fails.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::ProgressBar;

use crate::error::{Error, Result};
use crate::zig::Zig;

/// One compiler run: a source to an object.
pub(super) struct Unit {
    /// The source file.
    pub(super) source: PathBuf,
    /// The object file.
    pub(super) object: PathBuf,
    /// Everything between `zig clang` and `-c`; shared by the files of one library.
    pub(super) flags: Arc<[OsString]>,
}

/// Compiles all `units` on all cores, those that take longest first in the list.
pub(super) fn compile(zig: &Zig, units: &[Unit], bar: &ProgressBar) -> Result<()> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let failure: Mutex<Option<Error>> = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let Some(unit) = units.get(next.fetch_add(1, Ordering::Relaxed)) else {
                        return;
                    };
                    if let Err(error) = compile_one(zig, unit) {
                        stop.store(true, Ordering::Relaxed);
                        let mut slot = failure.lock().unwrap_or_else(PoisonError::into_inner);
                        slot.get_or_insert(error);
                        return;
                    }
                    bar.inc(1);
                }
            });
        }
    });
    failure
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
        .map_or(Ok(()), Err)
}

fn compile_one(zig: &Zig, unit: &Unit) -> Result<()> {
    let mut command = zig.tool("clang");
    command
        .args(unit.flags.iter())
        .arg("-c")
        .arg(&unit.source)
        .arg("-o")
        .arg(&unit.object);
    run(command, &unit.source)
}

/// Runs a tool to its end; failure carries the command and what it printed.
pub(super) fn run(mut command: Command, unit: &Path) -> Result<()> {
    let output = command.output().map_err(|source| Error::Spawn {
        tool: command.get_program().into(),
        source,
    })?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::Build {
        unit: unit.display().to_string(),
        command: display(&command),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// A command as one could type it, for messages.
fn display(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for arg in command.get_args() {
        line.push(' ');
        line.push_str(&arg.to_string_lossy());
    }
    line
}

/// Bundles objects into an archive; an empty one serves `-lm` and the like.
pub(super) fn archive(zig: &Zig, path: &Path, objects: &[PathBuf]) -> Result<()> {
    let mut command = zig.tool("ar");
    command.arg("crs").arg(path).args(objects);
    run(command, path)
}
