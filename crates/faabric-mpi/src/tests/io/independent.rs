//! One rank's own access: pointers, offsets, views, ends of files, requests.

use super::*;
use crate::completion::NULL;

#[test]
fn the_individual_pointer_goes_on_and_seeks() {
    run_files(
        2,
        MemoryFiles::default,
        |p| {
            let fh = p.open("f", NEW);
            let base = i64::from(p.me) * 4;
            p.view(fh, base * 4, INT, INT);
            let values = p.fill(0, (0..4).map(|i| p.me * 10 + i));
            assert_eq!(p.access(fh, write(Place::Individual), &ints(0, 3)), 12);
            assert_eq!(p.rank.file_get_position(fh).unwrap(), 3);
            p.rank.file_seek(fh, -2, abi::MPI_SEEK_CUR).unwrap();
            assert_eq!(p.access(fh, read(Place::Individual), &ints(100, 1)), 4);
            assert_eq!(p.values(100, 1), [p.me * 10 + 1]);
            p.access(
                fh,
                write(Place::At(3)),
                &Buffer {
                    addr: Addr(12),
                    count: 1,
                    ..values
                },
            );
            assert_eq!(
                p.rank.file_get_position(fh).unwrap(),
                2,
                "not moved by an offset"
            );
            assert_eq!(p.rank.file_get_byte_offset(fh, 2).unwrap(), base * 4 + 8);
            p.rank.file_sync(&mut p.guest, fh).unwrap();
            p.view(fh, 0, INT, INT);
            assert_eq!(p.rank.file_get_position(fh).unwrap(), 0);
            p.rank.file_seek(fh, -1, abi::MPI_SEEK_END).unwrap();
            assert_eq!(p.rank.file_get_position(fh).unwrap(), 7);
            assert_eq!(
                p.access(fh, read(Place::Individual), &ints(200, 5)),
                4,
                "the file ends"
            );
            assert_eq!(p.values(200, 1), [13]);
            assert_eq!(
                class(p.rank.file_seek(fh, -1, abi::MPI_SEEK_SET)),
                Class::ARG
            );
            assert_eq!(class(p.rank.file_seek(fh, 0, 7)), Class::ARG);
            p.close(fh);
        },
        |files| {
            let expected = [0, 1, 2, 3, 10, 11, 12, 13].map(i32::to_le_bytes).concat();
            assert_eq!(files.get("f").unwrap(), expected);
        },
    );
}

#[test]
fn a_view_with_holes_leaves_them_alone() {
    run_files(
        1,
        || {
            let files = MemoryFiles::default();
            files.put("f", &[0xee; 100]);
            files
        },
        |p| {
            let fh = p.open("f", NEW);
            let filetype = p.every(2, 3, 1);
            p.view(fh, 4, INT, filetype);
            let data = p.fill(0, 1..=5);
            assert_eq!(p.access(fh, write(Place::At(1)), &data), 20);
            assert_eq!(p.access(fh, read(Place::At(0)), &ints(100, 6)), 24);
            assert_eq!(p.values(100, 6)[1..], [1, 2, 3, 4, 5]);
            p.rank.file_seek(fh, 0, abi::MPI_SEEK_END).unwrap();
            assert_eq!(
                p.rank.file_get_position(fh).unwrap(),
                8,
                "etypes before byte 100"
            );
            let view = p.rank.file_get_view(fh).unwrap();
            assert_eq!((view.disp, view.etype), (4, INT));
            assert_eq!(view.datarep, "native");
            p.close(fh);
        },
        |files| {
            let mut expected = vec![0xee; 100];
            // disp 4, tiles of 24 bytes, data at 8..16 of each; the first etype is skipped.
            for (at, value) in [(16, 1), (36, 2), (40, 3), (60, 4), (64, 5)] {
                expected[at..at + 4].copy_from_slice(&i32::to_le_bytes(value));
            }
            assert_eq!(files.get("f").unwrap(), expected);
        },
    );
}

#[test]
fn reads_of_many_small_runs_stop_at_the_end_of_the_file() {
    const RUNS: i64 = 40_000;
    run_files(
        1,
        || {
            let files = MemoryFiles::default();
            let values = (0..RUNS as i32 * 2).flat_map(i32::to_le_bytes);
            let mut bytes: Vec<u8> = values.collect();
            bytes.truncate(bytes.len() - 6);
            files.put("f", &bytes);
            files
        },
        |p| {
            let fh = p.open("f", MPI_MODE_RDONLY);
            let filetype = p.every(1, 2, 1);
            p.view(fh, 0, INT, filetype);
            let read = p.access(fh, read(Place::At(0)), &ints(0, RUNS + 5));
            assert_eq!(read, RUNS as u64 * 4 - 4, "the last one is not there");
            let values = p.values(0, RUNS as usize);
            assert!((0..RUNS - 1).all(|i| values[i as usize] == 2 * i as i32 + 1));
            assert_eq!(values[RUNS as usize - 1], 0);
            p.close(fh);
        },
        |_| {},
    );
}

#[test]
fn non_blocking_access_is_complete_at_the_wait() {
    run_files(
        2,
        MemoryFiles::default,
        |p| {
            let fh = p.open("f", NEW);
            p.fill(0, [p.me; 8]);
            let at = Place::At(i64::from(p.me) * 32);
            let mut requests = [
                p.rank
                    .file_start(&mut p.guest, fh, write(at), &ints(0, 4))
                    .unwrap(),
                p.rank
                    .file_start(
                        &mut p.guest,
                        fh,
                        all(write(Place::At(16 + i64::from(p.me) * 32))),
                        &ints(0, 4),
                    )
                    .unwrap(),
            ];
            let ended = p.rank.waitall(&mut p.guest, &mut requests).unwrap();
            assert_eq!(requests, [NULL; 2]);
            assert!(ended.statuses.iter().all(|status| status.bytes == 16));
            assert_eq!(p.rank.get_count(&ended.statuses[0], INT).unwrap(), Some(4));
            // Nobody is waited for: rank 1 alone reads with a collective call first.
            if p.me == 1 {
                let mut alone = p
                    .rank
                    .file_start(&mut p.guest, fh, all(read(Place::At(32))), &ints(64, 1))
                    .unwrap();
                assert_eq!(p.rank.wait(&mut p.guest, &mut alone).unwrap().bytes, 4);
                assert_eq!(p.values(64, 1), [1]);
            } else {
                p.rank
                    .file_start(&mut p.guest, fh, all(read(Place::At(0))), &ints(64, 1))
                    .unwrap();
            }
            p.close(fh);
        },
        |files| assert_eq!(files.get("f").unwrap().len(), 64),
    );
}

#[test]
fn what_the_file_was_not_opened_for_is_refused() {
    run_files(
        2,
        || {
            let files = MemoryFiles::default();
            files.put("there", b"bytes");
            files
        },
        |p| {
            let place = Place::Individual;
            let fh = p.open("there", MPI_MODE_RDONLY);
            assert_eq!(
                class(p.try_access(fh, write(place), &span(0, 1))),
                Class::READ_ONLY
            );
            assert_eq!(
                class(p.rank.file_set_size(&mut p.guest, fh, 0)),
                Class::READ_ONLY
            );
            assert_eq!(p.rank.file_get_amode(fh).unwrap(), MPI_MODE_RDONLY);
            p.close(fh);
            assert_eq!(
                class(p.try_access(fh, read(place), &span(0, 1))),
                Class::FILE
            );

            let fh = p.open("there", MPI_MODE_WRONLY);
            assert_eq!(
                class(p.try_access(fh, read(place), &span(0, 1))),
                Class::ACCESS
            );
            assert_eq!(
                class(p.try_access(fh, all(read(place)), &span(0, 1))),
                Class::ACCESS
            );
            p.close(fh);

            let fh = p.open("there", MPI_MODE_WRONLY | abi::MPI_MODE_SEQUENTIAL);
            let unsupported = Class::UNSUPPORTED_OPERATION;
            assert_eq!(
                class(p.try_access(fh, write(place), &span(0, 1))),
                unsupported
            );
            assert_eq!(
                class(p.try_access(fh, write(Place::At(0)), &span(0, 1))),
                unsupported
            );
            assert_eq!(
                class(p.rank.file_seek(fh, 0, abi::MPI_SEEK_SET)),
                unsupported
            );
            p.close(fh);
        },
        |files| assert_eq!(files.get("there").unwrap(), b"bytes"),
    );
}

#[test]
fn wrong_arguments_are_errors() {
    run_files(
        1,
        MemoryFiles::default,
        |p| {
            let fh = p.open("f", NEW);
            let at = |offset| write(Place::At(offset));
            assert_eq!(class(p.try_access(fh, at(-1), &span(0, 1))), Class::ARG);
            assert_eq!(
                class(p.try_access(fh, at(i64::MAX), &span(0, 1))),
                Class::ARG
            );
            let beyond = span(MEMORY as u64, 1);
            assert_eq!(class(p.try_access(fh, at(0), &beyond)), Class::BUFFER);
            let negative = Buffer {
                count: -1,
                ..span(0, 0)
            };
            assert_eq!(class(p.try_access(fh, at(0), &negative)), Class::COUNT);
            let types = (INT, BYTE);
            assert_eq!(
                class(p.view_as(fh, 0, types, "native")),
                Class::ARG,
                "1 byte is no int"
            );
            assert_eq!(class(p.view_as(fh, -5, (BYTE, BYTE), "native")), Class::ARG);
            assert_eq!(
                class(p.view_as(fh, 0, (BYTE, BYTE), "morse")),
                Class::UNSUPPORTED_DATAREP
            );
            let current = abi::MPI_DISPLACEMENT_CURRENT;
            assert_eq!(
                class(p.view_as(fh, current, (BYTE, BYTE), "native")),
                Class::ARG
            );
            let old = p.rank.type_of(INT).unwrap();
            let displacements = vec![3, 1];
            let backwards = p.make(crate::datatype::Constructor::IndexedBlock {
                blocklength: 1,
                displacements,
                old,
            });
            assert_eq!(
                class(p.view_as(fh, 0, (INT, backwards), "native")),
                Class::IO
            );
            p.view(fh, 0, INT, INT);
            assert_eq!(
                class(p.try_access(fh, at(0), &span(0, 3))),
                Class::IO,
                "not whole etypes"
            );
            p.close(fh);
        },
        |files| assert_eq!(files.get("f").unwrap(), b""),
    );
}
