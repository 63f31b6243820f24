//! The pinned compiler: one Python wheel with clang, lld, ar and the C and C++ libraries' sources.
//!
//! ```text
//! pip download ziglang==0.15.2  ->  verify BLAKE3  ->  pip install --target  ->  rename into place
//! ```
//!
//! Nothing of Zig the language is used except to compile the compiler runtime (`guest/builtins`).

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::error::{Error, Result};

/// The pinned version of the `ziglang` package.
pub(crate) const VERSION: &str = "0.15.2";

/// BLAKE3 of the pinned wheel, for the platforms it was taken on.
const WHEEL: &[(&str, &str)] = &[(
    "manylinux_2_12_x86_64.manylinux2010_x86_64.musllinux_1_1_x86_64",
    "f0690173d9f263ebc24f8ea092aca70f5997ab9e15d447493c52ceab4702af75",
)];

/// Where the unpacked compiler is.
#[derive(Debug, Clone)]
pub struct Zig {
    root: PathBuf,
}

impl Zig {
    /// The compiler in `tools`, which is fetched into it the first time; `FAABRIC_ZIG` overrides it.
    ///
    /// # Errors
    /// When python3 or pip is missing, the download fails, or what came is not the pinned wheel.
    pub fn obtain(tools: &Path) -> Result<Self> {
        if let Some(path) = std::env::var_os("FAABRIC_ZIG").filter(|p| !p.is_empty()) {
            return Self::at(path.into());
        }
        let home = tools.join(format!("zig-{VERSION}"));
        let zig = Self {
            root: home.join("ziglang"),
        };
        if !zig.executable().exists() {
            fetch(tools, &home)?;
        }
        Ok(zig)
    }

    fn at(root: PathBuf) -> Result<Self> {
        let zig = Self { root };
        if !zig.executable().exists() {
            return Err(Error::NotAToolchain {
                variable: "FAABRIC_ZIG",
                missing: zig.executable(),
                path: zig.root,
            });
        }
        Ok(zig)
    }

    /// The one executable that is clang, lld and ar, told apart by the first argument.
    pub fn executable(&self) -> PathBuf {
        self.root.join("zig")
    }

    /// The directory of library sources and headers.
    pub fn lib(&self) -> PathBuf {
        self.root.join("lib")
    }

    /// `zig <tool>`, for example `zig clang`.
    pub fn tool(&self, tool: &str) -> Command {
        let mut command = Command::new(self.executable());
        command.arg(tool);
        command
    }
}

/// Downloads, verifies and unpacks the wheel so that `home` appears complete or not at all.
fn fetch(tools: &Path, home: &Path) -> Result<()> {
    std::fs::create_dir_all(tools).map_err(Error::io("create", tools))?;
    let staging = tempfile::Builder::new()
        .prefix("fetch-")
        .tempdir_in(tools)
        .map_err(Error::io("create a directory in", tools))?;
    let download = staging.path().join("wheel");
    let requirement = format!("ziglang=={VERSION}");
    pip("download", |args| {
        args.extend(["--no-deps", "--only-binary", ":all:", "--dest"].map(OsString::from));
        args.push(download.clone().into());
        args.push(requirement.into());
    })?;
    let wheel = only_entry(&download)?;
    verify(&wheel)?;

    let unpacked = staging.path().join("unpacked");
    pip("install", |args| {
        args.extend(["--no-deps", "--no-index", "--no-compile", "--target"].map(OsString::from));
        args.push(unpacked.clone().into());
        args.push(wheel.clone().into());
    })?;
    match std::fs::rename(&unpacked, home) {
        // Another process may have been faster where file locks do not work (NFS): its copy serves.
        Err(_) if home.join("ziglang").exists() => Ok(()),
        result => result.map_err(Error::io("create", home)),
    }
}

/// Runs `python3 -m pip <action> ...`.
fn pip(action: &'static str, fill: impl FnOnce(&mut Vec<OsString>)) -> Result<()> {
    let mut args: Vec<OsString> = [
        "-m",
        "pip",
        action,
        "--quiet",
        "--disable-pip-version-check",
    ]
    .map(OsString::from)
    .into();
    fill(&mut args);
    let Output { status, stderr, .. } =
        Command::new("python3")
            .args(&args)
            .output()
            .map_err(|source| Error::NoPython {
                version: VERSION,
                source,
            })?;
    if status.success() {
        return Ok(());
    }
    Err(Error::Pip {
        action,
        version: VERSION,
        status,
        stderr: String::from_utf8_lossy(&stderr).trim().to_owned(),
    })
}

fn only_entry(directory: &Path) -> Result<PathBuf> {
    let read = Error::io("read", directory);
    let mut entries = std::fs::read_dir(directory).map_err(read)?;
    match entries.next() {
        Some(entry) => Ok(entry.map_err(Error::io("read", directory))?.path()),
        None => Err(Error::io("find the downloaded wheel in", directory)(
            std::io::ErrorKind::NotFound.into(),
        )),
    }
}

/// Checks the wheel against its pin; on platforms without one, pip's own check has to do.
fn verify(wheel: &Path) -> Result<()> {
    let name = wheel
        .file_name()
        .map(OsStr::to_string_lossy)
        .unwrap_or_default();
    let Some((_, expected)) = WHEEL.iter().find(|(platform, _)| name.contains(platform)) else {
        tracing::warn!(wheel = %name, "no pinned hash for this platform's compiler; trusting pip's");
        return Ok(());
    };
    let mut hasher = blake3::Hasher::new();
    let mut file = std::fs::File::open(wheel).map_err(Error::io("open", wheel))?;
    std::io::copy(&mut file, &mut hasher).map_err(Error::io("read", wheel))?;
    let found = hasher.finalize().to_hex().to_string();
    if found != *expected {
        return Err(Error::Checksum {
            path: wheel.to_owned(),
            expected,
            found,
        });
    }
    Ok(())
}
