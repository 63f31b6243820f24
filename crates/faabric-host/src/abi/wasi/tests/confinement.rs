//! No path leads out of a preopened directory, and nothing changes in a read-only one.

use super::*;
use std::os::unix::fs::symlink;

/// A guest in `inside`, beside a file it must not reach.
fn guest_beside_a_secret() -> (Guest, TempDir) {
    let outer = TempDir::new().unwrap();
    std::fs::create_dir(outer.path().join("inside")).unwrap();
    std::fs::write(outer.path().join("secret"), "secret").unwrap();
    let inside = dir(&outer.path().join("inside"), "/", false);
    let stdout: Arc<dyn Output> = Arc::<Capture>::default();
    let guest = Guest {
        process: Parts::new(&config(vec![inside], Arc::new(NoInput), stdout)),
        ..Guest::new()
    };
    (guest, outer)
}

/// Every call that takes a path, with one that leads to `path`.
fn all_calls(guest: &Guest, path: &str) -> Vec<(&'static str, Answer)> {
    vec![
        ("open", guest.open(path, OFlags::default(), READ).map(drop)),
        ("create", guest.open(path, CREATE, Rights::ALL).map(drop)),
        ("truncate", guest.open(path, OFlags::TRUNC, WRITE).map(drop)),
        ("stat", guest.stat(path, true).map(drop)),
        ("mkdir", guest.mkdir(&format!("{path}.d"))),
        ("rmdir", guest.rmdir(path)),
        ("unlink", guest.unlink(path)),
        ("rename from", guest.rename(path, "stolen")),
        ("rename to", guest.rename("mine", path)),
        ("link from", guest.link(path, "stolen")),
        ("link to", guest.link("mine", path)),
        ("symlink", guest.symlink("mine", path)),
        ("readlink", {
            let len = guest.string(PATH, path);
            errno(path::path_readlink(
                &guest.caller(),
                ROOT,
                PATH,
                len,
                DATA,
                9,
                OUT,
            ))
        }),
        ("times", {
            let len = guest.string(PATH, path);
            let granule = &guest.caller();
            errno(path::path_filestat_set_times(
                granule, ROOT, FOLLOW, PATH, len, 0, 0, 5,
            ))
        }),
    ]
}

#[test]
fn neither_dots_nor_absolute_paths_lead_out() {
    let (guest, outer) = guest_beside_a_secret();
    guest.open("mine", CREATE, Rights::ALL).unwrap();
    guest.mkdir("d").unwrap();
    let absolute = outer.path().join("secret");
    for path in [
        "../secret",
        "d/../../secret",
        "./../secret",
        absolute.to_str().unwrap(),
    ] {
        for (call, answer) in all_calls(&guest, path) {
            assert_eq!(answer, Err(Errno::PERM), "{call} {path}");
        }
    }
    assert_eq!(
        std::fs::read(outer.path().join("secret")).unwrap(),
        b"secret"
    );
    assert_eq!(std::fs::read_dir(outer.path()).unwrap().count(), 2);
    assert!(guest.open("d/../mine", OFlags::default(), READ).is_ok());
}

#[test]
fn symbolic_links_do_not_lead_out() {
    let (guest, outer) = guest_beside_a_secret();
    guest.open("mine", CREATE, Rights::ALL).unwrap();
    let inside = outer.path().join("inside");
    symlink("..", inside.join("up")).unwrap();
    symlink(outer.path(), inside.join("away")).unwrap();
    for path in ["up/secret", "away/secret"] {
        for (call, answer) in all_calls(&guest, path) {
            assert_eq!(answer, Err(Errno::PERM), "{call} {path}");
        }
    }
    symlink("../secret", inside.join("file")).unwrap();
    assert_eq!(
        guest.open("file", OFlags::default(), READ),
        Err(Errno::PERM)
    );
    assert_eq!(guest.open("file", CREATE, Rights::ALL), Err(Errno::PERM));
    assert_eq!(guest.stat("file", true), Err(Errno::PERM));
    assert!(
        guest
            .stat("file", false)
            .unwrap()
            .is(FileType::SymbolicLink)
    );
    assert_eq!(guest.symlink("/etc/passwd", "absolute"), Err(Errno::PERM));
    assert_eq!(
        std::fs::read(outer.path().join("secret")).unwrap(),
        b"secret"
    );
}

#[test]
fn an_open_directory_is_a_root_too() {
    let guest = Guest::new();
    guest.mkdir("d").unwrap();
    let d = guest.open("d", OFlags::DIRECTORY, READ).unwrap();
    let up = guest.open_at(d, "../f", CREATE, Rights::ALL, FdFlags::default());
    assert_eq!(up, Err(Errno::PERM));
}

#[test]
fn nothing_changes_below_a_read_only_directory() {
    // The same directory twice: 3 can be written, 4 cannot.
    let guest = Guest::with(&[false, true], Arc::new(NoInput));
    std::fs::write(guest.host("f"), "content").unwrap();
    guest.mkdir("d").unwrap();
    let open = |name, oflags, rights| guest.open_at(4, name, oflags, rights, FdFlags::default());
    let plain = OFlags::default();
    assert_eq!(open("f", plain, Rights::ALL), Err(Errno::ROFS));
    assert_eq!(open("f", plain, WRITE), Err(Errno::ROFS));
    assert_eq!(open("f", OFlags::TRUNC, READ), Err(Errno::ROFS));
    assert_eq!(open("new", CREATE, Rights::ALL), Err(Errno::ROFS));
    assert_eq!(open("new", CREATE, READ), Err(Errno::ROFS));
    assert_eq!(open("new", plain, Rights::ALL), Err(Errno::NOENT));
    assert_eq!(
        open("f", CREATE.with(OFlags::EXCL), READ),
        Err(Errno::EXIST)
    );
    assert_eq!(open("d", plain, Rights::ALL), Err(Errno::ISDIR));
    let file = open("f", CREATE, READ).unwrap();
    assert_eq!(guest.read(file, 9).unwrap(), b"content");
    let times = errno(fd::fd_filestat_set_times(&guest.caller(), file, 0, 0, 5));
    assert_eq!(times, Err(Errno::ROFS));

    let granule = &guest.caller();
    let f = guest.string(PATH, "f");
    let new = guest.string(OTHER_PATH, "new");
    let refused = [
        path::path_unlink_file(granule, 4, PATH, f),
        path::path_remove_directory(granule, 4, PATH, f),
        path::path_create_directory(granule, 4, OTHER_PATH, new),
        path::path_rename(granule, 4, PATH, f, 4, OTHER_PATH, new),
        path::path_link(granule, 4, 0, PATH, f, 4, OTHER_PATH, new),
        path::path_symlink(granule, PATH, f, 4, OTHER_PATH, new),
        path::path_filestat_set_times(granule, 4, FOLLOW, PATH, f, 0, 0, 5),
    ];
    for (index, result) in refused.into_iter().enumerate() {
        assert_eq!(errno(result), Err(Errno::ROFS), "call {index}");
    }
    // A link from the one that can be written would be a way around.
    let link = path::path_link(granule, 4, 0, PATH, f, 3, OTHER_PATH, new);
    assert_eq!(errno(link), Err(Errno::XDEV));
    let rename = path::path_rename(granule, 4, PATH, f, 3, OTHER_PATH, new);
    assert_eq!(errno(rename), Err(Errno::XDEV));
    // `mkdir -p` goes past what exists.
    let d = guest.string(PATH, "d");
    let mkdir = path::path_create_directory(granule, 4, PATH, d);
    assert_eq!(errno(mkdir), Err(Errno::EXIST));
}
