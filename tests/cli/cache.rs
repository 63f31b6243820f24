//! What a broken or full cache does to a run: nothing but a warning.

use crate::harness::{faabric, finish, guest};
use std::process::Command;

/// A file system of 256 KiB, too small for any prepared module.
struct TinyDisk(tempfile::TempDir);

impl TinyDisk {
    fn mount() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"])
            .arg(folder.path())
            .status();
        assert!(
            status.unwrap().success(),
            "this test mounts a tmpfs and has to run as root"
        );
        Self(folder)
    }
}

impl Drop for TinyDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_under_the_cache_is_warned_about_and_the_job_runs() {
    let disk = TinyDisk::mount();
    let program = guest("ring.c");
    let run = finish(
        faabric()
            .env("FAABRIC_CACHE", disk.0.path())
            .args(["run", "-n", "2"])
            .arg(program),
    )
    .expect_code(0);
    assert_eq!(run.stdout, "ring of 2: all sizes right\n");
}

#[test]
fn a_damaged_prepared_module_is_built_again() {
    let cache = tempfile::tempdir().unwrap();
    let program = guest("ring.c");
    let run = || {
        let run = finish(
            faabric()
                .env("FAABRIC_CACHE", cache.path())
                .args(["run", "-n", "2"])
                .arg(&program),
        )
        .expect_code(0);
        assert_eq!(run.stdout, "ring of 2: all sizes right\n");
        run
    };
    run();
    let mut damaged = 0;
    for entry in files_below(cache.path()) {
        let mut bytes = std::fs::read(&entry).unwrap();
        if let Some(middle) = bytes.len().checked_div(2).filter(|&middle| middle > 0) {
            bytes[middle] ^= 0xff;
            std::fs::write(&entry, bytes).unwrap();
            damaged += 1;
        }
    }
    assert!(damaged > 0, "the first run cached nothing");
    run();
}

fn files_below(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| {
            if path.is_dir() {
                files_below(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}
