//! Whatever the guest passes, calls answer with an errno: no panic, no huge allocation.

use super::*;

/// Numbers at which arithmetic on 32 bits goes wrong if it can.
const NASTY: [u32; 9] = [
    0,
    1,
    7,
    0xffff,
    MEMORY - 1,
    MEMORY,
    0x7fff_ffff,
    u32::MAX - 7,
    u32::MAX,
];

type Call = fn(&Caller<'_>, u32, u32, u32) -> Result<(), Failure>;

/// Calls with three of their arguments left open.
const CALLS: &[Call] = &[
    |g, a, b, _| process::args_get(g, a, b),
    |g, a, b, _| process::args_sizes_get(g, a, b),
    |g, a, b, _| process::environ_get(g, a, b),
    |g, a, b, c| process::random_get(g, a, b.min(c).min(1 << 20)),
    |g, a, b, _| clock::clock_res_get(g, a, b),
    |g, a, b, _| clock::clock_time_get(g, a, 0, b),
    |g, a, b, c| fd::fd_read(g, 4, a, b, c),
    |g, a, b, c| fd::fd_write(g, 4, a, b, c),
    |g, a, b, c| fd::fd_pread(g, 4, a, b, u64::MAX, c),
    |g, a, b, c| fd::fd_pwrite(g, 4, a, b, u64::MAX - 3, c),
    |g, a, b, c| fd::fd_write(g, 1, a, b, c),
    |g, a, b, c| fd::fd_read(g, 0, a, b, c),
    |g, a, b, c| fd::fd_readdir(g, ROOT, a, b, u64::from(c), OUT),
    |g, a, b, _| fd::fd_prestat_get(g, a, b),
    |g, a, b, _| fd::fd_prestat_dir_name(g, ROOT, a, b),
    |g, a, b, c| fd::fd_seek(g, 4, i64::from(a), b, c),
    |g, a, b, c| fd::fd_dup(g, a, b, c),
    |g, a, b, _| fd::fd_renumber(g, a.max(5), b.max(5)),
    // Never a length that a file system would try to find the space for.
    |g, a, b, _| fd::fd_allocate(g, 4, u64::from(a) << 40, u64::from(b) | 1 << 63),
    |g, a, b, c| fd::fd_advise(g, 4, u64::from(a) << 33, u64::from(b) << 33, c),
    |g, a, b, _| fd::fd_filestat_set_size(g, a, u64::from(b) << 33),
    |g, a, b, c| fd::fd_filestat_set_times(g, a, u64::from(b) << 32, u64::MAX, c),
    |g, a, b, c| path::path_open(g, ROOT, a, b, c, 0, u64::MAX, u64::MAX, 0, OUT),
    |g, a, b, c| path::path_open(g, ROOT, 1, PATH, 4, a, u64::MAX, u64::MAX, b, c),
    |g, a, b, c| path::path_create_directory(g, a, b, c),
    |g, a, b, c| path::path_filestat_get(g, ROOT, 0, a, b, c),
    |g, a, b, c| path::path_readlink(g, ROOT, PATH, 4, a, b, c),
    |g, a, b, c| path::path_rename(g, ROOT, a, b, ROOT, c, b),
    |g, a, b, c| path::path_symlink(g, a, b, ROOT, c, b),
    |g, a, b, c| path::path_link(g, ROOT, 1, a, b, ROOT, c, b),
    |g, a, b, c| path::path_unlink_file(g, a, b, c),
    |g, a, b, c| poll::poll_oneoff(g, a, b, c, OUT),
    |g, a, b, c| process::sock_recv(g, a, b, c, 0, 0, 0),
];

#[test]
fn nasty_numbers_are_answered() {
    let guest = Guest::new();
    guest.string(PATH, "file");
    guest.open("file", CREATE, Rights::ALL).unwrap();
    for call in CALLS {
        for a in NASTY {
            for b in NASTY {
                for c in NASTY {
                    // Any errno will do; a panic or a stop will not.
                    let _ = errno(call(&guest.caller(), a, b, c));
                }
            }
        }
    }
}

#[test]
fn pointers_beyond_memory_are_faults_and_nothing_is_opened() {
    let guest = Guest::new();
    let granule = &guest.caller();
    let len = guest.string(PATH, "f");
    let all = Rights::ALL.0;
    let open = path::path_open(granule, ROOT, 0, PATH, len, 1, all, all, 0, u32::MAX - 2);
    assert_eq!(errno(open), Err(Errno::FAULT));
    assert!(!guest.host("f").exists());
    let file = guest.open("f", CREATE, Rights::ALL).unwrap();
    guest.iovec(3);
    let write = fd::fd_write(granule, file, IOVECS, 1, MEMORY - 3);
    assert_eq!(errno(write), Err(Errno::FAULT));
    assert_eq!(guest.fstat(file).unwrap().size, 0);
    let random = process::random_get(granule, MEMORY - 10, 11);
    assert_eq!(errno(random), Err(Errno::FAULT));
}

#[test]
fn strange_names_are_refused() {
    let guest = Guest::new();
    assert_eq!(guest.open("a\0b", CREATE, Rights::ALL), Err(Errno::ILSEQ));
    let long = "x".repeat(300);
    assert_eq!(
        guest.open(&long, CREATE, Rights::ALL),
        Err(Errno::NAMETOOLONG)
    );
    let longer = "d/".repeat(2048);
    assert_eq!(
        guest.open(&longer, CREATE, Rights::ALL),
        Err(Errno::NAMETOOLONG)
    );
    guest.open("späße ☃", CREATE, Rights::ALL).unwrap();
    assert!(guest.host("späße ☃").exists());
}

#[test]
fn descriptors_run_out_with_emfile() {
    let guest = Guest::new();
    let file = guest.open("f", CREATE, Rights::ALL).unwrap();
    let mut last = file;
    let end = loop {
        match errno(fd::fd_dup(&guest.caller(), file, 0, OUT)) {
            Ok(()) => last = guest.memory().read_u32(OUT).unwrap(),
            Err(errno) => break errno,
        }
    };
    assert_eq!((last, end), (65_535, Errno::MFILE));
    let len = guest.string(PATH, "g");
    let open = path::path_open(&guest.caller(), ROOT, 0, PATH, len, 1, 2, 2, 0, OUT);
    assert_eq!(errno(open), Err(Errno::MFILE));
    guest.close(100).unwrap();
    assert_eq!(guest.open("g", CREATE, Rights::ALL), Ok(100));
}

#[test]
fn random_bytes_are_not_all_the_same() {
    let guest = Guest::new();
    errno(process::random_get(&guest.caller(), DATA, 5000)).unwrap();
    let bytes = guest.memory().read_vec(DATA, 5000).unwrap();
    let distinct: std::collections::BTreeSet<_> = bytes.iter().collect();
    assert!(distinct.len() > 200);
    assert_ne!(bytes[..1024], bytes[1024..2048]);
}

#[test]
fn sockets_are_not_supported() {
    let guest = Guest::new();
    let granule = &guest.caller();
    assert_eq!(
        errno(process::sock_accept(granule, 1, 0, OUT)),
        Err(Errno::NOTSUP)
    );
    assert_eq!(
        errno(process::sock_send(granule, 99, 0, 0, 0, OUT)),
        Err(Errno::BADF)
    );
}

#[test]
fn preopened_directories_are_found_from_three_on() {
    let guest = Guest::with(&[false, true], Arc::new(NoInput));
    for fd in [3, 4] {
        errno(fd::fd_prestat_get(&guest.caller(), fd, OUT)).unwrap();
        assert_eq!(guest.memory().read_u64(OUT).unwrap(), 1 << 32);
        errno(fd::fd_prestat_dir_name(&guest.caller(), fd, DATA, 1)).unwrap();
        assert_eq!(guest.memory().read_u8(DATA).unwrap(), b'.');
    }
    let none = fd::fd_prestat_get(&guest.caller(), 5, OUT);
    assert_eq!(errno(none), Err(Errno::BADF));
    let opened = guest.open(".", OFlags::DIRECTORY, READ).unwrap();
    let not_preopened = fd::fd_prestat_get(&guest.caller(), opened, OUT);
    assert_eq!(errno(not_preopened), Err(Errno::BADF));
}
