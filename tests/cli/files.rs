//! Files and folders as programs see them.

use crate::harness::{faabric, finish, guest, guest_with};
use std::path::Path;
use std::process::Command;

/// How many entries `folder` has.
fn entries(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

#[test]
fn c_programs_use_files_and_folders_as_ever() {
    let (folder, given) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(given.path().join("data"), "read me").unwrap();
    let mapping = format!("{}:/given:ro", given.path().display());
    let run = finish(
        faabric()
            .args(["run", "--dir", &mapping])
            .arg(guest("files.c"))
            .arg("/given")
            .current_dir(folder.path()),
    )
    .expect_code(0);
    assert!(run.stdout.ends_with("\n0 failed\n"), "{}", run.stdout);
    assert_eq!(entries(folder.path()), 0);
    assert_eq!(entries(given.path()), 1);
}

#[test]
fn cxx_programs_use_the_filesystem_library() {
    let folder = tempfile::tempdir().unwrap();
    let run = finish(
        faabric()
            .arg("run")
            .arg(guest_with("filesystem.cpp", &["-std=c++20"]))
            .current_dir(folder.path()),
    )
    .expect_code(0);
    assert!(run.stdout.ends_with("\n0 failed\n"), "{}", run.stdout);
    assert_eq!(entries(folder.path()), 0);
}

#[test]
fn ten_thousand_small_files_come_and_go() {
    let folder = tempfile::tempdir().unwrap();
    let run = finish(
        faabric()
            .arg("run")
            .arg(guest("many_files.c"))
            .current_dir(folder.path()),
    )
    .expect_code(0);
    assert_eq!(
        run.stdout,
        "10000 made, 10000 listed, 10000 right, 10000 removed\n"
    );
}

#[test]
fn lines_that_ranks_append_to_one_file_stay_whole() {
    let folder = tempfile::tempdir().unwrap();
    finish(
        faabric()
            .args(["run", "-n", "4", "--workers", "2"])
            .arg(guest("program.c"))
            .arg("append")
            .current_dir(folder.path()),
    )
    .expect_code(0);
    let text = std::fs::read_to_string(folder.path().join("together")).unwrap();
    assert_eq!(text.lines().count(), 800);
    for number in 0..200 {
        let line = format!("a line that is written as one, number {number}");
        assert_eq!(text.lines().filter(|l| **l == line).count(), 4);
    }
}

#[test]
fn mpi_programs_share_files_through_mpi() {
    for (ranks, workers) in [("1", "1"), ("4", "1"), ("5", "2")] {
        let (folder, given) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mapping = format!("{}:/given:ro", given.path().display());
        let run = finish(
            faabric()
                .args([
                    "run",
                    "-n",
                    ranks,
                    "--workers",
                    workers,
                    "--policy",
                    "spread",
                ])
                .args(["--dir", &mapping])
                .arg(guest("mpi_files.c"))
                .arg("/given")
                .current_dir(folder.path()),
        )
        .expect_code(0);
        assert_eq!(run.stdout, format!("{ranks} ranks: 0 failures\n"));
        assert_eq!(entries(folder.path()) + entries(given.path()), 0);
    }
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let run = finish(
        faabric()
            .args(["run", "--dir", "/no/such/folder:/x"])
            .arg(guest("program.c")),
    )
    .expect_code(125);
    assert!(run.stderr.contains("/no/such/folder"), "{}", run.stderr);
}

#[test]
fn a_program_that_hoards_files_leaves_the_worker_its_connections() {
    let folder = tempfile::tempdir().unwrap();
    let program = faabric();
    let run = finish(
        Command::new("prlimit")
            .args(["--nofile=300:300", "--"])
            .arg(program.get_program())
            .args(["run", "-n", "1"])
            .arg(guest("program.c"))
            .arg("hoard")
            .env_remove("FAABRIC_PLANNER")
            .current_dir(folder.path()),
    )
    .expect_code(0);
    assert!(run.stdout.ends_with("no more"), "{}", run.stdout);
}
