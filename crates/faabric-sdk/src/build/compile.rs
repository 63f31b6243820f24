//! Compiles many files at once, and stops at the first that fails.
//!
//! ```text
//!  flags, headers, source --hash--> <cache>/sdk/objects/<hash>.o   there: link it; not: compile
//! ```
//! Most of an SDK does not change when a part of `guest/` does, so objects outlive their SDK.

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
    /// How it is compiled; shared by the files of one library.
    pub(super) recipe: Arc<Recipe>,
}

/// What an object depends on besides its source.
pub(super) struct Recipe {
    /// Everything between `zig clang` and `-c`.
    pub(super) flags: Vec<OsString>,
    /// Names the flags and all headers they make visible, wherever the build takes place.
    pub(super) digest: blake3::Hash,
}

impl Unit {
    /// Where the object is kept for later builds.
    fn cached(&self, objects: &Path) -> Result<PathBuf> {
        let source = std::fs::read(&self.source).map_err(Error::io("read", &*self.source))?;
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.recipe.digest.as_bytes());
        hasher.update(&source);
        Ok(objects.join(format!("{}.o", hasher.finalize().to_hex())))
    }
}

/// Compiles all `units` on all cores, those that take longest first in the list. Objects are taken
/// from and added to the directory `objects`.
pub(super) fn compile(zig: &Zig, units: &[Unit], objects: &Path, bar: &ProgressBar) -> Result<()> {
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
                    if let Err(error) = compile_one(zig, unit, objects) {
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

fn compile_one(zig: &Zig, unit: &Unit, objects: &Path) -> Result<()> {
    let cached = unit.cached(objects)?;
    if std::fs::hard_link(&cached, &unit.object).is_ok() {
        return Ok(());
    }
    let mut command = zig.tool("clang");
    command
        .args(&unit.recipe.flags)
        .arg("-c")
        .arg(&unit.source)
        .arg("-o")
        .arg(&unit.object);
    run(command, &unit.source)?;
    // A cache that cannot be written costs time, not correctness.
    let _ = std::fs::hard_link(&unit.object, cached);
    Ok(())
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
