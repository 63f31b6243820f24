//! Open files as data: described, carried, opened again.

use super::*;
use crate::FileTable;

/// A second process on the same directory, which takes over the files of `guest`.
fn moved(guest: &Guest, files: &FileTable) -> Guest {
    let stdout = Arc::<Capture>::default();
    let same = dir(guest.directory.path(), ".", false);
    let config = config(vec![same], Arc::new(NoInput), Arc::clone(&stdout) as _);
    let next = Guest {
        process: Parts::new(&config),
        stdout,
        directory: TempDir::new().unwrap(),
    };
    next.process.wasi.reopen(files).unwrap();
    next
}

#[test]
fn files_go_on_where_they_were() {
    let guest = Guest::new();
    std::fs::write(guest.host("input"), "0123456789").unwrap();
    guest.mkdir("d").unwrap();
    let d = guest.open("d", OFlags::DIRECTORY, READ).unwrap();
    let input = guest.open("input", OFlags::default(), READ).unwrap();
    guest.read(input, 4).unwrap();
    let log = guest
        .open_at(d, "log", CREATE, WRITE, FdFlags::APPEND)
        .unwrap();
    guest.write(log, b"before ").unwrap();
    errno(fd::fd_dup(&guest.caller(), input, 40, OUT)).unwrap();
    errno(fd::fd_dup(&guest.caller(), log, 2, OUT)).unwrap();
    guest.close(0).unwrap();

    let files = guest.process.wasi.describe().unwrap();
    let text = serde_json::to_string(&files).unwrap();
    let carried: FileTable = serde_json::from_str(&text).unwrap();
    assert_eq!(carried, files);
    let next = moved(&guest, &carried);
    drop(guest.process);

    assert_eq!(
        next.process.wasi.describe().unwrap(),
        files,
        "described again, it is the same"
    );
    assert_eq!(next.read(input, 2).unwrap(), b"45");
    assert_eq!(
        next.read(40, 2).unwrap(),
        b"67",
        "the duplicate shares the offset"
    );
    next.write(log, b"after").unwrap();
    next.write(1, b"still here").unwrap();
    assert_eq!(&*next.stdout.bytes.lock(), b"still here");
    assert_eq!(
        next.open_at(d, "new", CREATE, WRITE, FdFlags::default()),
        Ok(0)
    );
    let root = guest.directory.path();
    assert_eq!(std::fs::read(root.join("d/log")).unwrap(), b"before after");
    assert!(root.join("d/new").exists());
}

#[test]
fn a_directory_is_read_on_from_where_it_was() {
    let guest = Guest::new();
    for index in 0..50 {
        std::fs::write(guest.host(&format!("f{index}")), "").unwrap();
    }
    let all = guest.list(ROOT, 4096);
    let next = moved(&guest, &guest.process.wasi.describe().unwrap());
    let (rest, _) = next.readdir(ROOT, 4096, all[30].next).unwrap();
    assert_eq!(rest.len(), all.len() - 31);
    assert_eq!(rest[0].name, all[31].name);
}

#[test]
fn rights_and_access_are_kept() {
    let guest = Guest::new();
    std::fs::write(guest.host("f"), "content").unwrap();
    let reader = guest.open("f", OFlags::default(), READ).unwrap();
    let writer = guest.open("f", OFlags::default(), WRITE).unwrap();
    let next = moved(&guest, &guest.process.wasi.describe().unwrap());
    assert_eq!(next.write(reader, b"x"), Err(Errno::BADF));
    assert_eq!(next.read(writer, 1), Err(Errno::BADF));
    assert_eq!(next.write(writer, b"C"), Ok(1));
    assert_eq!(next.fstat(writer).unwrap().size, 7, "it is not truncated");
}

#[test]
fn what_cannot_be_opened_again_is_named() {
    let guest = Guest::new();
    guest.open("gone", CREATE, Rights::ALL).unwrap();
    guest.unlink("gone").unwrap();
    let error = guest.process.wasi.describe().unwrap_err().to_string();
    assert!(
        error.contains("gone") && error.contains("removed"),
        "{error}"
    );

    let guest = Guest::new();
    guest.open("moves", CREATE, Rights::ALL).unwrap();
    let files = guest.process.wasi.describe().unwrap();
    guest.rename("moves", "moved").unwrap();
    assert!(guest.process.wasi.describe().is_err());
    let error = guest.process.wasi.reopen(&files).unwrap_err().to_string();
    assert!(
        error.contains("moves") && error.contains("ENOENT"),
        "{error}"
    );
    assert!(guest.write(4, b"x").is_ok(), "the files stay as they were");
}
