//! Reading, writing, seeking, sizes, times, duplicates.

use super::*;

#[test]
fn ten_thousand_small_files_are_made_read_and_removed() {
    let guest = Guest::new();
    guest.mkdir("many").unwrap();
    for index in 0..10_000 {
        let name = format!("many/file-{index:05}");
        let file = guest.open(&name, CREATE, Rights::ALL).unwrap();
        assert_eq!(file, 4, "closed descriptors are used again");
        guest.write(file, name.as_bytes()).unwrap();
        guest.close(file).unwrap();
    }
    assert_eq!(
        std::fs::read_dir(guest.host("many")).unwrap().count(),
        10_000
    );
    for index in 0..10_000 {
        let name = format!("many/file-{index:05}");
        let file = guest.open(&name, OFlags::default(), READ).unwrap();
        assert_eq!(guest.read(file, 100).unwrap(), name.as_bytes());
        assert!(guest.read(file, 100).unwrap().is_empty());
        guest.close(file).unwrap();
        guest.unlink(&name).unwrap();
    }
    guest.rmdir("many").unwrap();
}

#[test]
fn appending_goes_to_the_end_and_moves_the_offset_there() {
    let guest = Guest::new();
    std::fs::write(guest.host("log"), "one\n").unwrap();
    let log = guest
        .open_at(ROOT, "log", CREATE, WRITE, FdFlags::APPEND)
        .unwrap();
    guest.write(log, b"two\n").unwrap();
    assert_eq!(guest.tell(log).unwrap(), 8);
    guest.seek(log, 0, 0).unwrap();
    // Another process appends in between.
    let mut other = std::fs::OpenOptions::new()
        .append(true)
        .open(guest.host("log"))
        .unwrap();
    io::Write::write_all(&mut other, b"other\n").unwrap();
    guest.write(log, b"three\n").unwrap();
    assert_eq!(guest.tell(log).unwrap(), 20);
    let all = std::fs::read_to_string(guest.host("log")).unwrap();
    assert_eq!(all, "one\ntwo\nother\nthree\n");
}

#[test]
fn append_can_be_switched_on_and_off() {
    let guest = Guest::new();
    let file = guest.open("f", CREATE, Rights::ALL).unwrap();
    guest.write(file, b"0123456789").unwrap();
    guest.seek(file, 2, 0).unwrap();
    let set = |flags: FdFlags| {
        errno(fd::fd_fdstat_set_flags(
            &guest.caller(),
            file,
            u32::from(flags.0),
        ))
    };
    set(FdFlags::APPEND).unwrap();
    guest.write(file, b"ab").unwrap();
    assert_eq!(guest.tell(file).unwrap(), 12);
    set(FdFlags::default()).unwrap();
    guest.seek(file, 0, 0).unwrap();
    guest.write(file, b"X").unwrap();
    assert_eq!(std::fs::read(guest.host("f")).unwrap(), b"X123456789ab");
    assert_eq!(set(FdFlags::SYNC), Err(Errno::NOTSUP));
    assert_eq!(set(FdFlags(0x40)), Err(Errno::INVAL));
}

#[test]
fn opening_truncates_refuses_or_creates_as_asked() {
    let guest = Guest::new();
    std::fs::write(guest.host("f"), "content").unwrap();
    let exclusive = CREATE.with(OFlags::EXCL);
    assert_eq!(guest.open("f", exclusive, Rights::ALL), Err(Errno::EXIST));
    assert_eq!(
        guest.open("none", OFlags::default(), READ),
        Err(Errno::NOENT)
    );
    assert_eq!(guest.open("f", OFlags::DIRECTORY, READ), Err(Errno::NOTDIR));
    assert_eq!(guest.open("f/x", CREATE, Rights::ALL), Err(Errno::NOTDIR));
    assert_eq!(guest.open("", CREATE, Rights::ALL), Err(Errno::NOENT));
    guest.open("f", OFlags::TRUNC, WRITE).unwrap();
    assert_eq!(guest.stat("f", true).unwrap().size, 0);
    guest.open("g", exclusive, Rights::ALL).unwrap();
    guest.mkdir("d").unwrap();
    assert_eq!(
        guest.open("d", OFlags::default(), Rights::ALL),
        Err(Errno::ISDIR)
    );
    assert_eq!(guest.open("d", CREATE, Rights::ALL), Err(Errno::ISDIR));
    guest.open("d", OFlags::DIRECTORY, Rights::ALL).unwrap();
    guest.open("d", OFlags::default(), READ).unwrap();
}

#[test]
fn a_file_can_be_created_for_reading_only() {
    let guest = Guest::new();
    let lock = guest.open("lock", CREATE, READ).unwrap();
    assert!(guest.host("lock").exists());
    assert_eq!(guest.write(lock, b"x"), Err(Errno::BADF));
    assert_eq!(guest.read(lock, 1).unwrap(), b"");
    let lock = guest
        .open("lock2", CREATE.with(OFlags::EXCL), READ)
        .unwrap();
    assert_eq!(guest.write(lock, b"x"), Err(Errno::BADF));
}

#[test]
fn access_follows_the_rights_asked_for() {
    let guest = Guest::new();
    std::fs::write(guest.host("f"), "content").unwrap();
    let reader = guest.open("f", OFlags::default(), READ).unwrap();
    let writer = guest.open("f", OFlags::default(), WRITE).unwrap();
    assert_eq!(guest.write(reader, b"x"), Err(Errno::BADF));
    assert_eq!(guest.read(writer, 1), Err(Errno::BADF));
    let truncate = |file| errno(fd::fd_filestat_set_size(&guest.caller(), file, 1));
    assert_eq!(truncate(reader), Err(Errno::INVAL));
    assert_eq!(truncate(writer), Ok(()));
    let give_up = errno(fd::fd_fdstat_set_rights(&guest.caller(), writer, READ.0, 0));
    assert_eq!(give_up, Ok(()));
    assert_eq!(guest.write(writer, b"x"), Err(Errno::BADF));
}

#[test]
fn seeking_beyond_the_end_leaves_a_hole() {
    let guest = Guest::new();
    let file = guest.open("sparse", CREATE, Rights::ALL).unwrap();
    let far = 5_i64 << 30;
    assert_eq!(guest.seek(file, far, 0).unwrap(), far as u64);
    guest.write(file, b"end").unwrap();
    assert_eq!(guest.fstat(file).unwrap().size, far as u64 + 3);
    assert_eq!(guest.seek(file, -4, 2).unwrap(), far as u64 - 1);
    assert_eq!(guest.read(file, 10).unwrap(), b"\0end");
    assert_eq!(guest.seek(file, -far - 3, 1).unwrap(), 0);
    assert_eq!(guest.seek(file, -1, 1), Err(Errno::INVAL));
    assert_eq!(guest.seek(file, -1, 0), Err(Errno::INVAL));
    assert_eq!(guest.seek(file, i64::MAX, 2), Err(Errno::INVAL));
    assert_eq!(guest.seek(file, 0, 3), Err(Errno::INVAL));
    assert_eq!(guest.tell(file).unwrap(), 0);
}

#[test]
fn positioned_access_leaves_the_offset() {
    let guest = Guest::new();
    let file = guest.open("f", CREATE, Rights::ALL).unwrap();
    guest.write(file, b"0123456789").unwrap();
    guest.memory().write(DATA, b"AB").unwrap();
    guest.iovec(2);
    errno(fd::fd_pwrite(&guest.caller(), file, IOVECS, 1, 4, OUT)).unwrap();
    guest.iovec(4);
    errno(fd::fd_pread(&guest.caller(), file, IOVECS, 1, 3, OUT)).unwrap();
    assert_eq!(guest.memory().read_vec(DATA, 4).unwrap(), b"3AB6");
    assert_eq!(guest.tell(file).unwrap(), 10);
}

#[test]
fn large_transfers_are_whole() {
    let guest = Guest::new();
    let file = guest.open("big", CREATE, Rights::ALL).unwrap();
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|i| (i / 7) as u8).collect();
    assert_eq!(guest.write(file, &bytes).unwrap(), 3_000_000);
    guest.memory().fill(DATA, 3_000_000, 0).unwrap();
    guest.seek(file, 0, 0).unwrap();
    assert_eq!(guest.read(file, 3_500_000).unwrap(), bytes);
}

#[test]
fn duplicates_share_the_offset_and_the_lowest_number_is_next() {
    let guest = Guest::new();
    let file = guest.open("f", CREATE, Rights::ALL).unwrap();
    let dup = |fd, min| {
        errno(fd::fd_dup(&guest.caller(), fd, min, OUT))?;
        Ok(guest.memory().read_u32(OUT).unwrap())
    };
    assert_eq!(dup(file, 0), Ok(5));
    assert_eq!(dup(file, 100), Ok(100));
    guest.write(5, b"abc").unwrap();
    assert_eq!(guest.tell(file).unwrap(), 3);
    guest.close(file).unwrap();
    guest.write(100, b"def").unwrap();
    assert_eq!(guest.tell(5).unwrap(), 6);
    // dup2(5, 1): what the guest prints from now on goes to the file.
    assert_eq!(dup(5, 0), Ok(4));
    errno(fd::fd_renumber(&guest.caller(), 4, 1)).unwrap();
    guest.write(1, b"print").unwrap();
    assert!(guest.stdout.bytes.lock().is_empty());
    assert_eq!(std::fs::read(guest.host("f")).unwrap(), b"abcdefprint");
    assert_eq!(dup(77, 0), Err(Errno::BADF));
    assert_eq!(dup(5, 65_536), Err(Errno::INVAL));
}

#[test]
fn time_stamps_are_set_to_the_nanosecond_kept_or_now() {
    let guest = Guest::new();
    std::fs::write(guest.host("f"), "").unwrap();
    let file = guest.open("f", OFlags::default(), READ).unwrap();
    let (atim, mtim) = (1_000_000_000_123_456_789, 1_500_000_000_987_654_321);
    errno(fd::fd_filestat_set_times(
        &guest.caller(),
        file,
        atim,
        mtim,
        0b0101,
    ))
    .unwrap();
    let stat = guest.fstat(file).unwrap();
    assert_eq!((stat.atim, stat.mtim), (atim, mtim));

    let len = guest.string(PATH, "f");
    let set = |which| {
        errno(path::path_filestat_set_times(
            &guest.caller(),
            ROOT,
            FOLLOW,
            PATH,
            len,
            5,
            7,
            which,
        ))
    };
    set(0b0100).unwrap();
    let stat = guest.stat("f", true).unwrap();
    assert_eq!((stat.atim, stat.mtim), (atim, 7));
    guest.string(PATH, "f");
    set(0b1000).unwrap();
    assert!(guest.stat("f", true).unwrap().mtim > mtim);
    guest.string(PATH, "f");
    assert_eq!(set(0b1100), Err(Errno::INVAL));
}

#[test]
fn a_links_own_time_stamps_can_be_set() {
    let guest = Guest::new();
    std::fs::write(guest.host("f"), "").unwrap();
    guest.symlink("f", "l").unwrap();
    let before = guest.stat("f", true).unwrap();
    let len = guest.string(PATH, "l");
    errno(path::path_filestat_set_times(
        &guest.caller(),
        ROOT,
        0,
        PATH,
        len,
        5,
        7,
        0b0101,
    ))
    .unwrap();
    let link = guest.stat("l", false).unwrap();
    assert!(link.is(FileType::SymbolicLink));
    assert_eq!(link.mtim, 7);
    assert_eq!(guest.stat("l", true).unwrap().mtim, before.mtim);
}

#[test]
fn space_is_allocated_and_data_synced() {
    let guest = Guest::new();
    let file = guest.open("f", CREATE, Rights::ALL).unwrap();
    errno(fd::fd_allocate(&guest.caller(), file, 0, 10_000)).unwrap();
    assert_eq!(guest.fstat(file).unwrap().size, 10_000);
    errno(fd::fd_datasync(&guest.caller(), file)).unwrap();
    errno(fd::fd_sync(&guest.caller(), file)).unwrap();
    errno(fd::fd_sync(&guest.caller(), ROOT)).unwrap();
    errno(fd::fd_advise(&guest.caller(), file, 0, 0, 1)).unwrap();
    let advise = errno(fd::fd_advise(&guest.caller(), file, 0, 0, 9));
    assert_eq!(advise, Err(Errno::INVAL));
    assert_eq!(errno(fd::fd_sync(&guest.caller(), 1)), Err(Errno::INVAL));
}

#[test]
fn devices_have_no_offset_of_ours() {
    let stdout: Arc<dyn Output> = Arc::<Capture>::default();
    let dev = config(
        vec![dir(Path::new("/dev"), "/dev", false)],
        Arc::new(NoInput),
        stdout,
    );
    let guest = Guest {
        process: Parts::new(&dev),
        ..Guest::new()
    };
    let zero = guest.open("zero", OFlags::default(), READ).unwrap();
    assert_eq!(guest.read(zero, 3).unwrap(), [0, 0, 0]);
    let null = guest.open("null", OFlags::default(), Rights::ALL).unwrap();
    assert_eq!(guest.write(null, b"abc").unwrap(), 3);
    assert_eq!(guest.read(null, 3).unwrap(), b"");
    assert!(guest.fstat(null).unwrap().is(FileType::CharacterDevice));
}
