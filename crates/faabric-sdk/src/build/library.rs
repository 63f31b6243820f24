//! The libraries of one sysroot: which sources, with which flags, into which archive.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::compile::{Recipe, Unit};
use super::sources::{self, Take};
use crate::error::Result;
use crate::target::{CXX_FLAGS, Target};
use crate::tree;
use crate::zig::Zig;

/// Where the inputs are, and where the outputs go.
pub(super) struct Places<'a> {
    pub(super) zig: &'a Zig,
    /// The extracted `guest/` tree.
    pub(super) guest: &'a Path,
    /// The sysroot being built; its headers are complete.
    pub(super) sysroot: &'a Path,
    /// musl's internal additions to them.
    pub(super) private: &'a Path,
    /// The compiler's own headers.
    pub(super) resource: &'a Path,
    /// Where object files go.
    pub(super) objects: &'a Path,
    /// Names the content of all headers but `guest/`'s own.
    pub(super) headers: blake3::Hash,
    /// Names the content of `guest/`.
    pub(super) guest_content: blake3::Hash,
}

/// An archive of the sysroot and the units it is made of.
pub(super) struct Library {
    /// File name: `libc.a`.
    pub(super) name: &'static str,
    pub(super) units: Vec<Unit>,
}

/// Names that programs link and whose content is in another library here, or nowhere needed.
#[rustfmt::skip]
pub(super) const EMPTY_LIBRARIES: &[&str] = &[
    "libcrypt.a", "libdl.a", "libgcc.a", "libgcc_s.a", "libm.a", "libmvec.a", "libpthread.a",
    "libresolv.a", "librt.a", "libunwind.a", "libutil.a", "libwasi-emulated-getpid.a",
    "libwasi-emulated-mman.a", "libwasi-emulated-process-clocks.a", "libwasi-emulated-signal.a",
    "libxnet.a",
];

/// Collects units of one library, giving every object a name of its own.
struct Collector<'a> {
    places: &'a Places<'a>,
    target: Target,
    units: Vec<Unit>,
    name: &'static str,
}

impl<'a> Collector<'a> {
    fn new(places: &'a Places<'a>, target: Target, name: &'static str) -> Self {
        Self {
            places,
            target,
            units: Vec::new(),
            name,
        }
    }

    fn add(&mut self, source: PathBuf, recipe: &Arc<Recipe>) {
        let stem = source.file_stem().unwrap_or_default().to_string_lossy();
        let library = self.name.trim_end_matches(".a");
        let object = format!(
            "{}-{library}-{:04}-{stem}.o",
            self.target.triple(),
            self.units.len()
        );
        self.units.push(Unit {
            object: self.places.objects.join(object),
            source,
            recipe: recipe.clone(),
        });
    }

    fn finish(self) -> Library {
        Library {
            name: self.name,
            units: self.units,
        }
    }
}

/// All libraries of a sysroot, the slowest to compile first.
pub(super) fn libraries(places: &Places<'_>, target: Target) -> Result<Vec<Library>> {
    let mut all = vec![
        libcxx(places, target)?,
        libcxxabi(places, target)?,
        libc(places, target)?,
    ];
    for (name, directory) in [("libmpi.a", "mpi"), ("libomp.a", "omp")] {
        let library = own(places, target, name, directory)?;
        let supported = directory != "omp" || target == Target::Threads;
        if supported && !library.units.is_empty() {
            all.push(library);
        }
    }
    Ok(all)
}

/// The start-up objects, by the names clang's driver asks for.
pub(super) fn startup(places: &Places<'_>, target: Target, lib: &Path) -> Vec<Unit> {
    let wasi = places.zig.lib().join("libc/wasi");
    let flags = lower_flags(places, target);
    ["crt1-command", "crt1-reactor"]
        .map(|name| Unit {
            source: wasi.join(format!("libc-bottom-half/crt/{name}.c")),
            object: lib.join(format!("{name}.o")),
            recipe: flags.clone(),
        })
        .into()
}

fn libc(places: &Places<'_>, target: Target) -> Result<Library> {
    let mut units = Collector::new(places, target, "libc.a");
    let upper = upper_flags(places, target);
    let mut tables = vec![sources::MUSL, sources::MUSL_THREAD];
    if target == Target::Threads {
        tables.push(sources::MUSL_STDIO_LOCKS);
    }
    for source in musl(places.zig, &tables)? {
        units.add(source, &upper);
    }
    let lib = places.zig.lib().join("libc");
    units.add(lib.join("musl/src/string/strsignal.c"), &upper);
    units.add(lib.join("wasi/libc-top-half/sources/arc4random.c"), &upper);

    let lower = lower_flags(places, target);
    let bottom = lib.join("wasi/libc-bottom-half");
    for directory in ["cloudlibc/src/libc", "sources"] {
        for source in tree::files_below(&bottom.join(directory), Some(&["c"]))? {
            let stem = source.file_stem().unwrap_or_default().to_string_lossy();
            if stem == "__wasilibc_real" {
                units.add(source.clone(), &host_call_flags(places, target));
            } else if !sources::WASI_REPLACED.contains(&&*stem) {
                units.add(source, &lower);
            }
        }
    }

    let own = own_libc_flags(places, target);
    for directory in ["libc", "posix"] {
        for source in tree::files_below(&places.guest.join(directory), Some(&["c"]))? {
            units.add(source, &own);
        }
    }
    let threads = thread_flags(places, target);
    for source in tree::files_below(&places.guest.join("libc-threads"), Some(&["c", "S"]))? {
        units.add(source, &threads);
    }
    Ok(units.finish())
}

/// musl's files, each from wasi-libc's tree where that has its own version.
fn musl(zig: &Zig, tables: &[&[(&str, Take)]]) -> Result<Vec<PathBuf>> {
    let lib = zig.lib().join("libc");
    let mut picked = Vec::new();
    for (directory, take) in tables.iter().copied().flatten() {
        let mut found: BTreeMap<String, PathBuf> = BTreeMap::new();
        for base in ["musl/src", "wasi/libc-top-half/musl/src"] {
            let directory = lib.join(base).join(directory);
            if !directory.is_dir() {
                continue;
            }
            for path in tree::list(&directory)? {
                if path.extension().is_some_and(|e| e == "c") {
                    let stem = path.file_stem().unwrap_or_default();
                    found.insert(stem.to_string_lossy().into_owned(), path);
                }
            }
        }
        picked.extend(found.into_iter().filter_map(|(stem, path)| {
            let taken = match take {
                Take::All => true,
                Take::Only(names) => names.contains(&stem.as_str()),
                Take::Except(names) => !names.contains(&stem.as_str()),
            };
            taken.then_some(path)
        }));
    }
    Ok(picked)
}

fn libcxx(places: &Places<'_>, target: Target) -> Result<Library> {
    let lib = places.zig.lib();
    let mut flags = Flags::library(places, target);
    flags.cxx(places);
    flags.define(&[
        "NDEBUG",
        "LIBC_NAMESPACE=__llvm_libc_common_utils",
        "_LIBCPP_BUILDING_LIBRARY",
        "LIBCXX_BUILDING_LIBCXXABI",
    ]);
    flags.include(&[lib.join("libcxx/src"), lib.join("libcxx/libc")]);
    let flags = flags.done(places, Sees::Headers);
    let mut units = Collector::new(places, target, "libc++.a");
    let root = lib.join("libcxx/src");
    for source in tree::files_below(&root, Some(&["cpp"]))? {
        let name = source
            .strip_prefix(&root)
            .unwrap_or(&source)
            .to_string_lossy()
            .into_owned();
        if !sources::LIBCXX_EXCLUDED
            .iter()
            .any(|prefix| name.starts_with(prefix))
        {
            units.add(source, &flags);
        }
    }
    Ok(units.finish())
}

fn libcxxabi(places: &Places<'_>, target: Target) -> Result<Library> {
    let lib = places.zig.lib();
    let mut flags = Flags::library(places, target);
    flags.cxx(places);
    flags.define(&[
        "NDEBUG",
        "_LIBCPP_BUILDING_LIBRARY",
        "_LIBCXXABI_BUILDING_LIBRARY",
    ]);
    flags.include(&[
        lib.join("libcxxabi/src"),
        lib.join("libcxx/src"),
        lib.join("libunwind/include"),
    ]);
    let flags = flags.done(places, Sees::Headers);
    let mut units = Collector::new(places, target, "libc++abi.a");
    for source in tree::files_below(&lib.join("libcxxabi/src"), Some(&["cpp"]))? {
        let name = source
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if !sources::LIBCXXABI_EXCLUDED.contains(&name.as_str()) {
            units.add(source, &flags);
        }
    }
    // libunwind's only part that Wasm needs: the engine itself unwinds the stack.
    let mut unwind = Flags::library(places, target);
    unwind.raw(CXX_FLAGS);
    unwind.raw(&["-std=gnu17"]);
    unwind.define(&["NDEBUG", "_LIBUNWIND_HIDE_SYMBOLS"]);
    unwind.include(&[lib.join("libunwind/include"), lib.join("libunwind/src")]);
    units.add(
        lib.join("libunwind/src/Unwind-wasm.c"),
        &unwind.done(places, Sees::Headers),
    );
    Ok(units.finish())
}

/// A library whose sources are all ours: `guest/<directory>`.
fn own(
    places: &Places<'_>,
    target: Target,
    name: &'static str,
    directory: &str,
) -> Result<Library> {
    let mut flags = Flags::library(places, target);
    flags.overlay(places, target);
    flags.raw(&["-std=gnu17", "-Wall", "-Wextra"]);
    let flags = flags.done(places, Sees::Guest);
    let mut units = Collector::new(places, target, name);
    for source in tree::files_below(&places.guest.join(directory), Some(&["c"]))? {
        units.add(source, &flags);
    }
    Ok(units.finish())
}

/// Flags of musl's files: its private headers, and none of our overlay's declarations.
fn upper_flags(places: &Places<'_>, target: Target) -> Arc<Recipe> {
    let mut flags = Flags::library(places, target);
    flags.raw(&["-std=gnu17", "-w", "-fno-builtin-memset"]);
    flags.musl_private(places);
    flags.done(places, Sees::Headers)
}

/// Flags of wasi-libc's own files.
fn lower_flags(places: &Places<'_>, target: Target) -> Arc<Recipe> {
    lower(places, target).done(places, Sees::Headers)
}

fn lower(places: &Places<'_>, target: Target) -> Flags {
    let bottom = places.zig.lib().join("libc/wasi/libc-bottom-half");
    let mut flags = Flags::library(places, target);
    flags.raw(&["-std=gnu17", "-w"]);
    flags.include(&[
        bottom.join("headers/private"),
        bottom.join("cloudlibc/src/include"),
        bottom.join("cloudlibc/src"),
    ]);
    flags.musl_private(places);
    flags
}

/// Flags of the file with the calls into the host.
fn host_call_flags(places: &Places<'_>, target: Target) -> Arc<Recipe> {
    let mut flags = lower(places, target);
    let renamed = sources::HOST_CALLS.iter();
    flags
        .0
        .extend(renamed.map(|name| OsString::from(format!("-D__wasi_{name}=__host_{name}"))));
    flags.done(places, Sees::Headers)
}

/// Flags of our part of the C library, which sees both the public headers and musl's private ones.
fn own_libc_flags(places: &Places<'_>, target: Target) -> Arc<Recipe> {
    let mut flags = Flags::library(places, target);
    flags.raw(&[
        "-std=gnu17",
        "-Wall",
        "-Wextra",
        "-Wno-unused-parameter",
        "-D_GNU_SOURCE",
    ]);
    flags.include(&[places.guest.join("libc"), places.guest.join("libc-threads")]);
    flags.overlay(places, target);
    flags.done(places, Sees::Guest)
}

/// Flags of our threads, which share musl's layout of a thread and of a `FILE`.
fn thread_flags(places: &Places<'_>, target: Target) -> Arc<Recipe> {
    let mut flags = Flags::library(places, target);
    flags.raw(&[
        "-std=gnu17",
        "-Wall",
        "-Wextra",
        "-Wno-unused-parameter",
        "-D_GNU_SOURCE",
    ]);
    if target == Target::Threads {
        // For the assembler, which takes no hint from -pthread.
        flags.raw(&["-matomics", "-mbulk-memory"]);
    }
    flags.include(&[places.guest.join("libc"), places.guest.join("libc-threads")]);
    flags.musl_private(places);
    flags.done(places, Sees::Guest)
}

/// Which headers can make a difference to an object.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sees {
    /// Those of the sysroot, without the overlay.
    Headers,
    /// And everything in `guest/`.
    Guest,
}

/// A compiler command line in the making.
struct Flags(Vec<OsString>);

impl Flags {
    /// What every library file is compiled with.
    fn library(places: &Places<'_>, target: Target) -> Self {
        let mut flags = Self(Vec::new());
        flags.raw(target.code_flags());
        flags.raw(&[
            "-O3",
            "-fno-trapping-math",
            "-nostdlibinc",
            "-Qunused-arguments",
        ]);
        flags.define(EMULATED);
        flags.define(&["BULK_MEMORY_THRESHOLD=32"]);
        flags.0.push("-resource-dir".into());
        flags.0.push(places.resource.into());
        flags.0.push("-idirafter".into());
        flags.0.push(places.sysroot.join("include").into());
        flags
    }

    fn raw(&mut self, flags: &[&str]) {
        self.0.extend(flags.iter().map(OsString::from));
    }

    fn define(&mut self, names: &[&str]) {
        self.0
            .extend(names.iter().map(|name| OsString::from(format!("-D{name}"))));
    }

    fn include(&mut self, directories: &[PathBuf]) {
        for directory in directories {
            self.0.push("-I".into());
            self.0.push(directory.into());
        }
    }

    /// The public headers as a program sees them.
    fn overlay(&mut self, places: &Places<'_>, target: Target) {
        self.0.push("-isystem".into());
        self.0
            .push(places.sysroot.join("include").join(target.triple()).into());
    }

    fn cxx(&mut self, places: &Places<'_>) {
        self.raw(CXX_FLAGS);
        self.raw(&[
            "-std=c++23",
            "-nostdinc++",
            "-w",
            "-fvisibility-inlines-hidden",
            "-D_GNU_SOURCE",
        ]);
        self.0.push("-isystem".into());
        self.0.push(places.sysroot.join("include/c++/v1").into());
    }

    fn musl_private(&mut self, places: &Places<'_>) {
        let lib = places.zig.lib().join("libc");
        let top = lib.join("wasi/libc-top-half");
        self.include(&[
            places.private.to_owned(),
            top.join("musl/src/internal"),
            lib.join("musl/src/internal"),
            top.join("musl/arch/wasm32"),
            lib.join("musl/arch/generic"),
            top.join("headers/private"),
        ]);
    }

    /// Names what the flags make visible. Paths of this build are left out of the name: the next
    /// build is elsewhere.
    fn done(self, places: &Places<'_>, sees: Sees) -> Arc<Recipe> {
        let mut hasher = blake3::Hasher::new();
        let build = places.sysroot.parent().unwrap_or(places.sysroot);
        for flag in &self.0 {
            let flag = flag
                .to_string_lossy()
                .replace(&*build.to_string_lossy(), "@");
            hasher.update(&(flag.len() as u64).to_le_bytes());
            hasher.update(flag.as_bytes());
        }
        hasher.update(places.headers.as_bytes());
        if sees == Sees::Guest {
            hasher.update(places.guest_content.as_bytes());
        }
        Arc::new(Recipe {
            flags: self.0,
            digest: hasher.finalize(),
        })
    }
}

/// wasi-libc hides these parts of its headers unless their emulation is asked for; `guest/posix`
/// is that emulation, always linked.
pub(crate) const EMULATED: &[&str] = &[
    "_WASI_EMULATED_GETPID",
    "_WASI_EMULATED_MMAN",
    "_WASI_EMULATED_PROCESS_CLOCKS",
    "_WASI_EMULATED_SIGNAL",
];
