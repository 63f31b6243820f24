//! Directories: reading them, making, moving and removing what is in them.

use super::*;
use std::collections::BTreeSet;

/// One decoded `dirent`.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) next: u64,
    ino: u64,
    filetype: u8,
    pub(super) name: String,
}

impl Guest {
    /// One `fd_readdir`: the entries that are whole, and whether there may be more.
    pub(super) fn readdir(&self, fd: u32, len: u32, cookie: u64) -> Answer<(Vec<Entry>, bool)> {
        errno(fd::fd_readdir(&self.caller(), fd, DATA, len, cookie, OUT))?;
        let used = self.memory().read_u32(OUT).unwrap();
        let bytes = self.memory().read_vec(DATA, used).unwrap();
        let mut rest = bytes.as_slice();
        let mut entries = Vec::new();
        while rest.len() >= 24 {
            let name_len = u32::from_le_bytes(rest[16..20].try_into().unwrap()) as usize;
            let Some(name) = rest.get(24..24 + name_len) else {
                break;
            };
            entries.push(Entry {
                next: u64::from_le_bytes(rest[0..8].try_into().unwrap()),
                ino: u64::from_le_bytes(rest[8..16].try_into().unwrap()),
                filetype: rest[20],
                name: String::from_utf8(name.to_vec()).unwrap(),
            });
            rest = &rest[24 + name_len..];
        }
        Ok((entries, used == len))
    }

    /// Reads a directory as libc does, with a buffer of `len` bytes.
    pub(super) fn list(&self, fd: u32, len: u32) -> Vec<Entry> {
        let mut all: Vec<Entry> = Vec::new();
        loop {
            let cookie = all.last().map_or(0, |entry| entry.next);
            let (entries, more) = self.readdir(fd, len, cookie).unwrap();
            assert!(
                !more || !entries.is_empty(),
                "the buffer is too small for one"
            );
            all.extend(entries);
            if !more {
                return all;
            }
        }
    }
}

fn names(entries: &[Entry]) -> BTreeSet<String> {
    entries.iter().map(|entry| entry.name.clone()).collect()
}

#[test]
fn a_big_directory_is_read_through_buffers_of_any_size() {
    let guest = Guest::new();
    let mut expected = BTreeSet::from([".".to_owned(), "..".to_owned()]);
    for index in 0..3000 {
        let name = format!("{index}{}", "x".repeat(index % 50));
        std::fs::write(guest.host(&name), "").unwrap();
        expected.insert(name);
    }
    for len in [80, 127, 4096, 1 << 20] {
        let entries = guest.list(ROOT, len);
        assert_eq!(entries.len(), expected.len(), "buffer of {len}");
        assert_eq!(names(&entries), expected, "buffer of {len}");
    }
}

#[test]
fn entries_tell_type_and_inode() {
    let guest = Guest::new();
    std::fs::write(guest.host("file"), "").unwrap();
    guest.mkdir("dir").unwrap();
    guest.symlink("file", "link").unwrap();
    for entry in guest.list(ROOT, 4096) {
        let expected = match entry.name.as_str() {
            "file" => FileType::RegularFile,
            "link" => FileType::SymbolicLink,
            _ => FileType::Directory,
        };
        assert_eq!(entry.filetype, expected as u8, "{}", entry.name);
        if entry.name == ".." {
            assert_eq!(entry.ino, 0, "what is above is not told");
        } else {
            assert_eq!(entry.ino, guest.stat(&entry.name, false).unwrap().ino);
        }
    }
}

#[test]
fn a_cookie_continues_after_its_entry_and_zero_starts_anew() {
    let guest = Guest::new();
    for index in 0..100 {
        std::fs::write(guest.host(&format!("f{index}")), "").unwrap();
    }
    let all = guest.list(ROOT, 1 << 16);
    for at in [0, 17, 50, 3, 99] {
        let (rest, _) = guest.readdir(ROOT, 1 << 16, all[at].next).unwrap();
        let expected: Vec<_> = all[at + 1..].iter().map(|entry| &entry.name).collect();
        let found: Vec<_> = rest.iter().map(|entry| &entry.name).collect();
        assert_eq!(found, expected, "after entry {at}");
    }
    std::fs::write(guest.host("new"), "").unwrap();
    assert!(names(&guest.list(ROOT, 1 << 16)).contains("new"));
    // libc keeps positions in a `long` of 32 bits.
    assert!(all.iter().all(|entry| entry.next < 1 << 31));
    let (beyond, more) = guest.readdir(ROOT, 100, u64::MAX).unwrap();
    assert!(beyond.is_empty() && !more);
}

#[test]
fn files_can_be_removed_while_the_directory_is_read() {
    let guest = Guest::new();
    for index in 0..500 {
        std::fs::write(guest.host(&format!("f{index}")), "").unwrap();
    }
    let mut cookie = 0;
    let mut removed = 0;
    loop {
        let (entries, more) = guest.readdir(ROOT, 200, cookie).unwrap();
        for entry in &entries {
            cookie = entry.next;
            if entry.name.starts_with('f') {
                guest.unlink(&entry.name).unwrap();
                removed += 1;
            }
        }
        if !more {
            break;
        }
    }
    assert_eq!(removed, 500);
    assert_eq!(guest.list(ROOT, 4096).len(), 2);
}

#[test]
fn directories_are_made_and_removed_when_empty() {
    let guest = Guest::new();
    guest.mkdir("a").unwrap();
    assert_eq!(guest.mkdir("a"), Err(Errno::EXIST));
    assert_eq!(guest.mkdir("none/b"), Err(Errno::NOENT));
    guest.mkdir("a/b/").unwrap();
    assert_eq!(guest.rmdir("a"), Err(Errno::NOTEMPTY));
    assert_eq!(guest.unlink("a/b"), Err(Errno::ISDIR));
    guest.rmdir("a/b/").unwrap();
    guest.rmdir("a").unwrap();
    assert_eq!(guest.rmdir("a"), Err(Errno::NOENT));
    std::fs::write(guest.host("f"), "").unwrap();
    assert_eq!(guest.rmdir("f"), Err(Errno::NOTDIR));
    assert_eq!(guest.unlink("none"), Err(Errno::NOENT));
    assert_eq!(guest.mkdir("f/x"), Err(Errno::NOTDIR));
}

#[test]
fn renaming_replaces_files_and_empty_directories() {
    let guest = Guest::new();
    std::fs::write(guest.host("new"), "new").unwrap();
    std::fs::write(guest.host("old"), "old").unwrap();
    let open = guest.open("old", OFlags::default(), READ).unwrap();
    guest.rename("new", "old").unwrap();
    assert_eq!(std::fs::read(guest.host("old")).unwrap(), b"new");
    assert_eq!(guest.read(open, 9).unwrap(), b"old", "an open file stays");
    assert_eq!(guest.rename("new", "x"), Err(Errno::NOENT));

    guest.mkdir("d").unwrap();
    guest.mkdir("empty").unwrap();
    assert_eq!(guest.rename("old", "d"), Err(Errno::ISDIR));
    assert_eq!(guest.rename("d", "old"), Err(Errno::NOTDIR));
    guest.rename("d", "empty").unwrap();
    guest.mkdir("e").unwrap();
    std::fs::write(guest.host("e/f"), "").unwrap();
    assert_eq!(guest.rename("empty", "e"), Err(Errno::NOTEMPTY));
    assert_eq!(guest.rename("e", "e/inside"), Err(Errno::INVAL));
}

#[test]
fn links_share_the_file_and_symlinks_tell_their_target() {
    let guest = Guest::new();
    std::fs::write(guest.host("f"), "content").unwrap();
    guest.link("f", "g").unwrap();
    let (f, g) = (
        guest.stat("f", true).unwrap(),
        guest.stat("g", true).unwrap(),
    );
    assert_eq!((f.ino, f.nlink), (g.ino, 2));
    assert_eq!(guest.link("f", "g"), Err(Errno::EXIST));

    guest.symlink("some/where", "l").unwrap();
    let len = guest.string(PATH, "l");
    errno(path::path_readlink(
        &guest.caller(),
        ROOT,
        PATH,
        len,
        DATA,
        6,
        OUT,
    ))
    .unwrap();
    assert_eq!(guest.memory().read_u32(OUT).unwrap(), 6);
    assert_eq!(guest.memory().read_vec(DATA, 6).unwrap(), b"some/w");
    assert_eq!(guest.stat("l", true), Err(Errno::NOENT));
    assert!(guest.stat("l", false).unwrap().is(FileType::SymbolicLink));
    let len = guest.string(PATH, "f");
    let not_a_link = path::path_readlink(&guest.caller(), ROOT, PATH, len, DATA, 6, OUT);
    assert_eq!(errno(not_a_link), Err(Errno::INVAL));
    guest.symlink("loop", "loop").unwrap();
    assert_eq!(guest.stat("loop", true), Err(Errno::LOOP));
}

#[test]
fn a_directory_is_not_read_or_written_as_a_file() {
    let guest = Guest::new();
    guest.mkdir("d").unwrap();
    let d = guest.open("d", OFlags::DIRECTORY, READ).unwrap();
    assert_eq!(guest.read(d, 1), Err(Errno::ISDIR));
    assert_eq!(guest.write(d, b"x"), Err(Errno::BADF));
    assert!(guest.fstat(d).unwrap().is(FileType::Directory));
    let file = guest.open("f", CREATE, Rights::ALL).unwrap();
    assert!(matches!(guest.readdir(file, 100, 0), Err(Errno::NOTDIR)));
    assert_eq!(
        guest.open_at(file, "x", CREATE, Rights::ALL, FdFlags::default()),
        Err(Errno::NOTDIR)
    );
}

#[test]
fn paths_start_from_the_directory_they_are_given() {
    let guest = Guest::new();
    guest.mkdir("d").unwrap();
    let d = guest.open("d", OFlags::DIRECTORY, READ).unwrap();
    guest
        .open_at(d, "f", CREATE, Rights::ALL, FdFlags::default())
        .unwrap();
    assert!(guest.host("d/f").exists());
    guest.rename("d", "moved").unwrap();
    guest
        .open_at(d, "g", CREATE, Rights::ALL, FdFlags::default())
        .unwrap();
    assert!(guest.host("moved/g").exists());
}
