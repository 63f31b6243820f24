//! Puts the guest's headers together.
//!
//! ```text
//! sysroot/include/                      musl's generic headers, wasi-libc's over them, and
//!                                       guest/include-base over those
//! sysroot/include/c++/v1/               libc++ and libc++abi, with our __config_site
//! sysroot/include/wasm32-wasip1*/       guest/include: found first, widens the above
//! ```

use std::path::Path;

use crate::error::{Error, Result};
use crate::target::Target;
use crate::tree;
use crate::zig::Zig;

/// musl headers about Linux itself, or about what no guest can have. Programs probe for headers to
/// learn what the system can do, so their presence would be a promise.
#[rustfmt::skip]
const LINUX_ONLY: &[&str] = &[
    "aio.h", "elf.h", "lastlog.h", "link.h", "mntent.h", "mqueue.h", "netpacket", "pty.h", "resolv.h",
    "scsi", "shadow.h", "stropts.h", "sys/acct.h", "sys/auxv.h", "sys/cachectl.h", "sys/epoll.h",
    "sys/fanotify.h", "sys/fsuid.h", "sys/inotify.h", "sys/io.h", "sys/ipc.h", "sys/kd.h",
    "sys/klog.h", "sys/membarrier.h", "sys/mount.h", "sys/msg.h", "sys/mtio.h",
    "sys/personality.h", "sys/prctl.h", "sys/procfs.h", "sys/ptrace.h", "sys/quota.h",
    "sys/reboot.h", "sys/reg.h", "sys/sem.h", "sys/sendfile.h", "sys/shm.h", "sys/signalfd.h",
    "sys/soundcard.h", "sys/statfs.h", "sys/stropts.h", "sys/swap.h", "sys/sysinfo.h",
    "sys/timerfd.h", "sys/timex.h", "sys/ucontext.h", "sys/user.h", "sys/vfs.h", "sys/vt.h",
    "sys/xattr.h", "ucontext.h", "ulimit.h", "utmp.h", "utmpx.h",
];

/// wasi-libc's headers whose hidden declarations `guest/posix` and `guest/libc-threads` define.
#[rustfmt::skip]
const REVEALED: &[&str] = &[
    "arpa/inet.h", "dirent.h", "fcntl.h", "ftw.h", "glob.h", "limits.h", "malloc.h", "signal.h",
    "stdio.h", "stdlib.h", "sys/param.h", "sys/select.h", "sys/socket.h", "sys/stat.h",
    "sys/time.h", "time.h", "unistd.h",
];

/// Fills `sysroot/include` from the wheel and from `guest`.
pub(super) fn assemble(zig: &Zig, guest: &Path, sysroot: &Path) -> Result<()> {
    let lib = zig.lib();
    let include = sysroot.join("include");
    tree::copy(
        &lib.join("libc/musl/arch/generic/bits"),
        &include.join("bits"),
    )?;
    tree::copy(&lib.join("libc/include/generic-musl"), &include)?;
    for name in LINUX_ONLY {
        tree::remove(&include.join(name))?;
    }
    tree::copy(&lib.join("libc/include/wasm-wasi-musl"), &include)?;
    tree::copy(&guest.join("include-base"), &include)?;
    for name in REVEALED {
        edit(&include.join(name), reveal)?;
    }
    // The compiler's own serve; musl's would hide them where its directory comes first.
    for name in ["stdarg.h", "stddef.h"] {
        tree::remove(&include.join(name))?;
    }

    let cxx = include.join("c++/v1");
    tree::copy(&lib.join("libcxx/include"), &cxx)?;
    tree::copy(&lib.join("libcxxabi/include"), &cxx)?;
    tree::copy(&guest.join("libcxx"), &cxx)?;
    restore_config_site(&cxx)?;
    let unwind = lib.join("libunwind/include");
    for name in ["unwind.h", "unwind_itanium.h", "unwind_arm_ehabi.h"] {
        let to = include.join(name);
        std::fs::copy(unwind.join(name), &to).map_err(Error::io("write", to))?;
    }

    for target in Target::ALL {
        tree::copy(&guest.join("include"), &include.join(target.triple()))?;
    }
    Ok(())
}

/// musl's own view of the public headers: each adds internal declarations to the one it includes.
/// That has to be the header programs get, or the library would disagree with them about types.
pub(super) fn assemble_private(zig: &Zig, sysroot: &Path, private: &Path) -> Result<()> {
    let lib = zig.lib().join("libc");
    tree::copy(&lib.join("musl/src/include"), private)?;
    tree::copy(&lib.join("wasi/libc-top-half/musl/src/include"), private)?;
    let public = sysroot.join("include");
    for path in tree::files_below(private, Some(&["h"]))? {
        let relative = path.strip_prefix(private).unwrap_or(&path);
        let up = "../".repeat(relative.components().count() + 1);
        let from = format!("\"{up}include/");
        let to = format!("\"{}/", public.display());
        edit(&path, |text| text.replace(&from, &to))?;
    }
    Ok(())
}

/// Names the content of all headers that libraries are compiled with, but for the overlay's.
///
/// The private ones name the public ones by where they are, which says nothing of their content.
pub(super) fn digest(sysroot: &Path, private: &Path) -> Result<blake3::Hash> {
    let include = sysroot.join("include");
    let mut hasher = blake3::Hasher::new();
    for root in [include.as_path(), private] {
        for path in tree::files_below(root, None)? {
            let name = path.strip_prefix(root).unwrap_or(&path);
            let overlay = Target::ALL
                .iter()
                .any(|target| name.starts_with(target.triple()));
            if overlay {
                continue;
            }
            let content = std::fs::read(&path).map_err(Error::io("read", path.as_path()))?;
            let place = include.to_string_lossy().into_owned();
            let content = if root == private {
                String::from_utf8_lossy(&content)
                    .replace(&place, "@")
                    .into_bytes()
            } else {
                content
            };
            hasher.update(name.to_string_lossy().as_bytes());
            hasher.update(blake3::hash(&content).as_bytes());
        }
    }
    Ok(hasher.finalize())
}

/// Shows what wasi-libc hides because WASI itself has nothing like it: "WASI has no pipe", say.
/// Blocks that choose between two definitions ("Use alternate WASI libc headers") stay as they are.
fn reveal(text: &str) -> String {
    let hides = |line: &str| {
        line.starts_with("#if")
            && line.contains("__wasilibc_unmodified_upstream")
            && [
                "WASI has no",
                "WASI libc doesn't build",
                "_REENTRANT",
                "__wasilibc_use_wasip2",
            ]
            .iter()
            .any(|reason| line.contains(reason))
            && !line.contains("valid function pointer")
    };
    let shown = |line| {
        if hides(line) {
            "#if 1 /* in guest/ */"
        } else {
            line
        }
    };
    text.lines().flat_map(|line| [shown(line), "\n"]).collect()
}

/// The wheel's libc++ expects its configuration as `-D` flags, where upstream includes a file: a
/// comment stands where the `#include` was. Put back, the headers need no flags of ours.
fn restore_config_site(cxx: &Path) -> Result<()> {
    const COMMENT: &str =
        "/* zig patch: instead of including __config_site, zig adds -D flags when compiling */";
    for name in [
        "__config",
        "__configuration/abi.h",
        "__configuration/compiler.h",
        "__configuration/language.h",
        "__configuration/platform.h",
    ] {
        edit(&cxx.join(name), |text| {
            text.replace(COMMENT, "#include <__config_site>")
        })?;
    }
    Ok(())
}

/// Rewrites one text file.
fn edit(path: &Path, change: impl FnOnce(&str) -> String) -> Result<()> {
    let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
    std::fs::write(path, change(&text)).map_err(Error::io("write", path))
}
