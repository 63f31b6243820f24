//! Builds an SDK directory from the wheel's sources and the embedded `guest/` tree.
//!
//! ```text
//! headers  ->  compiler runtime (zig)  ->  objects of both sysroots, on all cores  ->  archives
//! ```

mod compile;
mod headers;
mod library;
mod sources;

use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::error::{Error, Result};
use crate::target::Target;
use crate::tree;
use crate::zig::Zig;
pub(crate) use library::EMULATED;
use library::{EMPTY_LIBRARIES, Library, Places};

/// Raised when the recipe changes in a way that neither the wheel nor `guest/` shows.
pub(crate) const RECIPE: u32 = 1;

/// Builds the SDK in `into`, an empty directory on the cache's file system; `cache` keeps the objects that
/// later builds can use again.
pub(crate) fn build(zig: &Zig, into: &Path, cache: &Path) -> Result<()> {
    let scratch = into.join("scratch");
    let sysroot = into.join("sysroot");
    let objects = scratch.join("objects");
    let guest = scratch.join("guest");
    for directory in [sysroot.as_path(), &objects, cache] {
        std::fs::create_dir_all(directory).map_err(Error::io("create", directory))?;
    }
    tree::extract_guest(&guest)?;
    headers::assemble(zig, &guest, &sysroot)?;
    let private = scratch.join("private");
    headers::assemble_private(zig, &sysroot, &private)?;
    let resource = into.join("resource");
    tree::copy(&zig.lib().join("include"), &resource.join("include"))?;
    tree::copy(&guest.join("cmake"), &into.join("share/cmake"))?;

    let places = Places {
        zig,
        guest: &guest,
        sysroot: &sysroot,
        private: &private,
        resource: &resource,
        objects: &objects,
        headers: headers::digest(&sysroot, &private)?,
        guest_content: tree::guest_digest(),
    };
    let mut plans = Vec::new();
    for target in Target::ALL {
        plans.push((target, library::libraries(&places, target)?));
    }
    build_libraries(&places, plans, cache)?;
    for target in Target::ALL {
        build_runtime(zig, &guest, &scratch, &resource, target)?;
    }
    tree::remove(&scratch)
}

/// Compiles and archives the planned libraries.
fn build_libraries(
    places: &Places<'_>,
    plans: Vec<(Target, Vec<Library>)>,
    cache: &Path,
) -> Result<()> {
    let mut units = Vec::new();
    let mut archives: Vec<(PathBuf, Vec<PathBuf>)> = Vec::new();
    for (target, libraries) in plans {
        let lib = places.sysroot.join("lib").join(target.triple());
        std::fs::create_dir_all(&lib).map_err(Error::io("create", lib.as_path()))?;
        archives.extend(
            EMPTY_LIBRARIES
                .iter()
                .map(|name| (lib.join(name), Vec::new())),
        );
        units.extend(library::startup(places, target, &lib));
        for library in libraries {
            let objects = library.units.iter().map(|unit| unit.object.clone());
            archives.push((lib.join(library.name), objects.collect()));
            units.extend(library.units);
        }
    }
    let bar = progress(units.len());
    let compiled = compile::compile(places.zig, &units, cache, &bar);
    bar.finish_and_clear();
    compiled?;
    for (path, objects) in archives {
        compile::archive(places.zig, &path, &objects)?;
    }
    Ok(())
}

/// Compiles the compiler runtime: what clang calls for `long double`, 128-bit integers and `sin`.
fn build_runtime(
    zig: &Zig,
    guest: &Path,
    scratch: &Path,
    resource: &Path,
    target: Target,
) -> Result<()> {
    let work = scratch.join("builtins").join(target.triple());
    tree::copy(&zig.lib().join("compiler_rt"), &work.join("compiler_rt"))?;
    tree::copy(&guest.join("builtins"), &work)?;
    let object = work.join("builtins.o");
    let cpu = match target {
        Target::Single => "-mcpu=generic+simd128+bulk_memory",
        Target::Threads => "-mcpu=generic+simd128+bulk_memory+atomics",
    };
    let mut command = zig.tool("build-obj");
    command
        .arg(work.join("builtins.zig"))
        .args([
            "-target",
            "wasm32-wasi",
            cpu,
            "-O",
            "ReleaseFast",
            "-fstrip",
        ])
        // Otherwise Zig adds its own start of a thread.
        .arg("-fsingle-threaded")
        .arg(format!("-femit-bin={}", object.display()))
        .env("ZIG_GLOBAL_CACHE_DIR", scratch.join("zig-cache"))
        .env("ZIG_LOCAL_CACHE_DIR", scratch.join("zig-cache"));
    compile::run(command, &object)?;
    let lib = resource.join("lib").join(target.runtime_directory());
    std::fs::create_dir_all(&lib).map_err(Error::io("create", lib.as_path()))?;
    compile::archive(zig, &lib.join("libclang_rt.builtins.a"), &[object])
}

fn progress(files: usize) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(files as u64), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template(
        "building the guest SDK (once) {bar:32} {pos}/{len} files, {elapsed} elapsed",
    );
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}
