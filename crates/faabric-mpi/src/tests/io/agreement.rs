//! What all ranks must agree on: opening, closing, sizes, modes; and errors.

use super::*;
use crate::handle::{ErrhandlerHandle, Handle};

fn try_open(p: &mut Process, name: &str, amode: i32) -> Class {
    class(
        p.rank
            .file_open(&mut p.guest, WORLD, &file(name), amode, NO_INFO),
    )
}

#[test]
fn an_open_that_fails_fails_on_all_ranks() {
    run_files(
        3,
        || {
            let files = MemoryFiles::default();
            files.put("there", b"");
            files
        },
        |p| {
            assert_eq!(try_open(p, "absent", MPI_MODE_RDWR), Class::NO_SUCH_FILE);
            assert_eq!(
                try_open(p, "there", NEW | abi::MPI_MODE_EXCL),
                Class::FILE_EXISTS
            );
            assert_eq!(try_open(p, "there", MPI_MODE_CREATE), Class::AMODE);
            let mode = if p.me == 1 {
                MPI_MODE_RDONLY
            } else {
                MPI_MODE_RDWR
            };
            assert_eq!(try_open(p, "there", mode), Class::NOT_SAME);
            let fh = p.open("new", NEW | abi::MPI_MODE_EXCL);
            p.close(fh);
            p.rank
                .collective(&mut p.guest, WORLD, &crate::Collective::Barrier)
                .unwrap();
            if p.me == 0 {
                p.rank.file_delete(&file("new"), NO_INFO).unwrap();
                assert_eq!(
                    class(p.rank.file_delete(&file("new"), NO_INFO)),
                    Class::NO_SUCH_FILE
                );
            }
        },
        |files| assert!(files.get("new").is_none()),
    );
}

#[test]
fn workers_without_a_common_file_system_are_named() {
    let mut cluster = Cluster::new(&[0, 1]);
    let (here, there) = (MemoryFiles::default(), MemoryFiles::default());
    cluster.files = vec![Arc::new(here), Arc::new(there)];
    cluster.run(|p| {
        p.rank.init().unwrap();
        let opened = p
            .rank
            .file_open(&mut p.guest, WORLD, &file("f"), NEW, NO_INFO);
        let error = opened.unwrap_err();
        assert_eq!(error.class, Class::NO_SUCH_FILE);
        if p.me == 1 {
            assert!(
                error.message.contains("worker-0 has opened"),
                "{}",
                error.message
            );
            assert!(
                error.message.contains("worker-1 does not see it"),
                "{}",
                error.message
            );
        }
        p.rank.finalize(&mut p.guest).unwrap();
    });
}

#[test]
fn sizes_and_modes() {
    run_files(
        2,
        MemoryFiles::default,
        |p| {
            let fh = p.open("f", NEW | abi::MPI_MODE_DELETE_ON_CLOSE);
            p.rank.file_set_size(&mut p.guest, fh, 100).unwrap();
            assert_eq!(p.rank.file_get_size(fh).unwrap(), 100);
            p.rank.file_sync(&mut p.guest, fh).unwrap();
            p.rank.file_preallocate(&mut p.guest, fh, 50).unwrap();
            assert_eq!(p.rank.file_get_size(fh).unwrap(), 100);
            p.rank.file_sync(&mut p.guest, fh).unwrap();
            p.rank.file_preallocate(&mut p.guest, fh, 150).unwrap();
            assert_eq!(p.rank.file_get_size(fh).unwrap(), 150);
            assert_eq!(
                class(p.rank.file_set_size(&mut p.guest, fh, -1)),
                Class::ARG
            );
            let differ = i64::from(p.me);
            assert_eq!(
                class(p.rank.file_set_size(&mut p.guest, fh, differ)),
                Class::NOT_SAME
            );
            let group = p.rank.file_get_group(fh).unwrap();
            assert_eq!(p.rank.group_size(group).unwrap(), 2);
            assert!(!p.rank.file_get_atomicity(fh).unwrap());

            // Two handles of one file; what is appended goes to its end.
            let second = p.open("f", MPI_MODE_RDWR | abi::MPI_MODE_APPEND);
            assert_eq!(p.rank.file_get_position(second).unwrap(), 150);
            let shared = p
                .rank
                .file_get_position_shared(&mut p.guest, second)
                .unwrap();
            assert_eq!(shared, 150);
            p.access(second, all(write(Place::Shared)), &span(0, 5));
            assert_eq!(p.rank.file_get_size(fh).unwrap() % 5, 0);
            p.close(second);
            p.close(fh);
        },
        |files| assert!(files.get("f").is_none(), "deleted on close"),
    );
}

#[test]
fn atomic_writes_are_seen_whole() {
    const LEN: usize = 3 << 20;
    run_files(
        2,
        MemoryFiles::default,
        |p| {
            let fh = p.open("f", NEW);
            p.rank.file_set_atomicity(&mut p.guest, fh, true).unwrap();
            assert!(p.rank.file_get_atomicity(fh).unwrap());
            let data = p.put(0, &vec![p.me as u8 + 1; LEN]);
            for _ in 0..3 {
                p.access(fh, write(Place::At(0)), &data);
                let got = p.access(fh, read(Place::At(0)), &data);
                assert_eq!(got, LEN as u64);
                let bytes = p.get(0, LEN);
                assert!(
                    bytes.iter().all(|byte| *byte == bytes[0]),
                    "two writes are mixed"
                );
            }
            let differ = p.me == 0;
            let refused = p.rank.file_set_atomicity(&mut p.guest, fh, differ);
            assert_eq!(class(refused), Class::NOT_SAME);
            p.close(fh);
        },
        |_| {},
    );
}

#[test]
fn errors_go_to_the_files_handler() {
    run_files(
        1,
        MemoryFiles::default,
        |p| {
            let seen = Arc::new(Mutex::new(Vec::new()));
            let (inner, memory) = (seen.clone(), p.rank.memory().clone());
            let handler = move |arguments: &[u32]| {
                let word = |at: u32| {
                    let mut bytes = [0; 4];
                    memory.read(Addr(at.into()), &mut bytes).unwrap();
                    u32::from_le_bytes(bytes)
                };
                inner.lock().push((word(arguments[0]), word(arguments[1])));
                None
            };
            p.guest.functions.insert(9, Box::new(handler));
            let made = p.rank.file_create_errhandler(GuestFn(9)).unwrap();

            // Files have MPI_ERRORS_RETURN, and so has MPI_FILE_NULL.
            let fh = p.open("f", NEW);
            let returns = ErrhandlerHandle(abi::MPI_ERRORS_RETURN);
            assert_eq!(p.rank.file_get_errhandler(fh).unwrap(), returns);
            let error = || Error::new(Class::IO, "broken");
            let raised = p.rank.raise(&mut p.guest, fh, error());
            assert_eq!(raised.unwrap(), Class::IO.0);

            p.rank.file_set_errhandler(fh, made).unwrap();
            p.rank.errhandler_free(made).unwrap();
            p.rank.raise(&mut p.guest, fh, error()).unwrap();
            p.rank
                .file_call_errhandler(&mut p.guest, fh, Class::QUOTA.0)
                .unwrap();
            let io = Class::IO.0 as u32;
            assert_eq!(
                *seen.lock(),
                [(fh.raw(), io), (fh.raw(), Class::QUOTA.0 as u32)]
            );

            let null = crate::io::NULL;
            p.rank
                .file_set_errhandler(null, p.rank.file_get_errhandler(fh).unwrap())
                .unwrap();
            p.close(fh);
            p.rank.raise(&mut p.guest, fh, error()).unwrap();
            assert_eq!(seen.lock().len(), 3, "a closed file is MPI_FILE_NULL's");
            let fh = p.open("f", NEW);
            assert_ne!(
                p.rank.file_get_errhandler(fh).unwrap(),
                returns,
                "inherited"
            );
            p.close(fh);
        },
        |_| {},
    );
}
