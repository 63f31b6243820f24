//! The SDK in the cache: found, or built under a lock and renamed into place.
//!
//! ```text
//! <cache>/sdk/zig-0.15.2/      the wheel, unpacked
//! <cache>/sdk/<key>/           sysroot/ resource/ bin/ share/cmake/
//! <cache>/sdk/objects/         what SDKs with different keys have in common
//! <cache>/sdk/lock             held while either is being made
//! ```
//! The key covers everything that goes into the build, so an SDK is never stale and never changes.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use crate::build;
use crate::error::{Error, Result};
use crate::target::Target;
use crate::tree;
use crate::zig::{self, Zig};

/// A complete SDK on disk.
#[derive(Debug, Clone)]
pub struct Sdk {
    root: PathBuf,
    zig: Zig,
}

impl Sdk {
    /// The SDK for this build of Faabric; builds it if the cache does not have it yet.
    ///
    /// # Errors
    /// When the compiler cannot be fetched or the cache cannot be written.
    pub fn ensure() -> Result<Self> {
        let home = cache_directory()?.join("sdk");
        let root = home.join(key());
        std::fs::create_dir_all(&home).map_err(Error::io("create", home.as_path()))?;
        let lock_path = home.join("lock");
        if root.is_dir() {
            let zig = Zig::obtain(&home)?;
            return Ok(Self { root, zig });
        }
        let lock = File::create(&lock_path).map_err(Error::io("create", lock_path.as_path()))?;
        wait_for(&lock, lock_path)?;
        let zig = Zig::obtain(&home)?;
        if !root.is_dir() {
            make(&zig, &home, &root)?;
        }
        Ok(Self { root, zig })
    }

    /// Whether `WASI_SDK_PATH` names another SDK, whose compiler and C library are used then.
    pub(crate) fn is_wasi_sdk(&self) -> bool {
        wasi_sdk_path().is_some()
    }

    /// clang of the SDK that `WASI_SDK_PATH` names, if it is set.
    pub(crate) fn wasi_sdk(&self) -> Result<Option<PathBuf>> {
        let Some(path) = wasi_sdk_path() else {
            return Ok(None);
        };
        let clang = path.join("bin/clang");
        if !clang.exists() {
            return Err(Error::NotAToolchain {
                variable: "WASI_SDK_PATH",
                missing: clang,
                path,
            });
        }
        Ok(Some(clang))
    }

    /// The sysroot programs are compiled against: that of `WASI_SDK_PATH`, or ours.
    pub(crate) fn compile_sysroot(&self) -> PathBuf {
        wasi_sdk_path().map_or_else(|| self.sysroot(), |path| path.join("share/wasi-sysroot"))
    }

    /// The compiler it was built with.
    pub fn zig(&self) -> &Zig {
        &self.zig
    }

    /// The sysroot with both targets.
    pub fn sysroot(&self) -> PathBuf {
        self.root.join("sysroot")
    }

    /// Libraries of one target.
    pub fn lib(&self, target: Target) -> PathBuf {
        self.sysroot().join("lib").join(target.triple())
    }

    /// clang's resource directory: its headers and the compiler runtime.
    pub fn resource(&self) -> PathBuf {
        self.root.join("resource")
    }

    /// Where clang finds `wasm-ld`.
    pub fn bin(&self) -> PathBuf {
        self.root.join("bin")
    }

    /// The toolchain file for `cmake --toolchain`.
    pub fn cmake_toolchain(&self) -> PathBuf {
        self.root.join("share/cmake/faabric.cmake")
    }
}

/// Locks `lock`, saying so when it takes a while: the holder is building the SDK.
fn wait_for(lock: &File, path: PathBuf) -> Result<()> {
    match lock.try_lock() {
        Ok(()) => return Ok(()),
        Err(TryLockError::WouldBlock) => {
            say("another process is building the guest SDK; waiting for it");
        }
        // Whether locks work at all is for the blocking call to say.
        Err(TryLockError::Error(_)) => {}
    }
    lock.lock().map_err(Error::io("lock", path))
}

#[allow(clippy::print_stderr, reason = "what would otherwise look like a hang")]
fn say(text: &str) {
    eprintln!("faabric: {text}");
}

fn wasi_sdk_path() -> Option<PathBuf> {
    std::env::var_os("WASI_SDK_PATH")
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
}

/// Where SDKs and prepared modules are kept: `FAABRIC_CACHE`, or the user's cache directory.
///
/// # Errors
/// When there is neither.
pub fn cache_directory() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("FAABRIC_CACHE").filter(|p| !p.is_empty()) {
        return std::path::absolute(&path).map_err(Error::io("resolve", PathBuf::from(path)));
    }
    let base = directories::BaseDirs::new().ok_or(Error::NoCache)?;
    Ok(base.cache_dir().join("faabric"))
}

/// Names the SDK by what it is made of.
fn key() -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(zig::VERSION.as_bytes());
    hasher.update(&build::RECIPE.to_le_bytes());
    // The recipe itself: the flags and file lists compiled into this binary.
    for source in RECIPE_SOURCES {
        hasher.update(blake3::hash(source.as_bytes()).as_bytes());
    }
    hasher.update(tree::guest_digest().as_bytes());
    hasher.finalize().to_hex()[..16].to_owned()
}

/// The files that decide what an SDK contains.
const RECIPE_SOURCES: &[&str] = &[
    include_str!("build/mod.rs"),
    include_str!("build/headers.rs"),
    include_str!("build/library.rs"),
    include_str!("build/sources.rs"),
    include_str!("target.rs"),
];

/// Builds beside the final place and renames, so that an SDK directory is complete or absent.
fn make(zig: &Zig, home: &Path, root: &Path) -> Result<()> {
    let staging = tempfile::Builder::new()
        .prefix("build-")
        .tempdir_in(home)
        .map_err(Error::io("create a directory in", home))?;
    build::build(zig, staging.path(), &home.join("objects"))?;
    write_tools(zig, &staging.path().join("bin"))?;
    std::fs::rename(staging.path(), root).map_err(Error::io("create", root))?;
    // Renamed away: nothing is left to delete.
    let _ = staging.keep();
    Ok(())
}

/// The tools that others start by file name (clang its linker, CMake its archiver); the wheel has
/// them as subcommands.
fn write_tools(zig: &Zig, bin: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::create_dir_all(bin).map_err(Error::io("create", bin))?;
    let quoted = zig
        .executable()
        .display()
        .to_string()
        .replace('\'', r"'\''");
    for tool in ["wasm-ld", "ar", "ranlib"] {
        let path = bin.join(tool);
        let script = format!("#!/bin/sh\nexec '{quoted}' {tool} \"$@\"\n");
        std::fs::write(&path, script).map_err(Error::io("write", path.as_path()))?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))
            .map_err(Error::io("make executable", path))?;
    }
    Ok(())
}
