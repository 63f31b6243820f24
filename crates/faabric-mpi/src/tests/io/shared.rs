//! The shared file pointer.

use super::*;

#[test]
fn every_record_gets_a_place_of_its_own() {
    const RECORDS: i32 = 50;
    run_files(
        4,
        MemoryFiles::default,
        |p| {
            let fh = p.open("f", NEW);
            p.view(fh, 8, INT, INT);
            for record in 0..RECORDS {
                let data = p.fill(0, [p.me, record, p.me * record]);
                assert_eq!(p.access(fh, write(Place::Shared), &data), 12);
            }
            p.rank.file_sync(&mut p.guest, fh).unwrap();
            let position = p.rank.file_get_position_shared(&mut p.guest, fh).unwrap();
            assert_eq!(position, i64::from(RECORDS * 4 * 3));
            p.rank.file_sync(&mut p.guest, fh).unwrap();
            p.rank
                .file_seek_shared(&mut p.guest, fh, -6, abi::MPI_SEEK_END)
                .unwrap();
            let mut some = p
                .rank
                .file_start(&mut p.guest, fh, read(Place::Shared), &ints(0, 3))
                .unwrap();
            let read = p.rank.wait(&mut p.guest, &mut some).unwrap().bytes;
            assert!(read == 12 || read == 0, "two of four find a record");
            p.rank.file_sync(&mut p.guest, fh).unwrap();
            let position = p.rank.file_get_position_shared(&mut p.guest, fh).unwrap();
            assert_eq!(position, i64::from(RECORDS * 4 * 3) + 6);
            p.close(fh);
        },
        |files| {
            let bytes = files.get("f").unwrap();
            let (words, _) = bytes[8..].as_chunks::<4>();
            let values: Vec<i32> = words.iter().map(|word| i32::from_le_bytes(*word)).collect();
            let mut seen: Vec<_> = values.chunks(3).map(|r| (r[0], r[1], r[2])).collect();
            seen.sort_unstable();
            let expected = (0..4).flat_map(|me| (0..RECORDS).map(move |i| (me, i, me * i)));
            assert!(seen.into_iter().eq(expected));
        },
    );
}

#[test]
fn ordered_access_goes_by_rank() {
    run_files(
        3,
        MemoryFiles::default,
        |p| {
            let fh = p.open("f", NEW);
            p.view(fh, 0, INT, INT);
            for round in 0..5 {
                // Rank 0 writes nothing, rank 1 one int, rank 2 two.
                let data = p.fill(0, [p.me * 10 + round; 2]);
                let data = Buffer {
                    count: i64::from(p.me),
                    ..data
                };
                assert_eq!(
                    p.access(fh, all(write(Place::Shared)), &data),
                    p.me as u64 * 4
                );
            }
            let end = p.rank.file_get_position_shared(&mut p.guest, fh).unwrap();
            assert_eq!(end, 15);
            p.rank
                .file_seek_shared(&mut p.guest, fh, 0, abi::MPI_SEEK_SET)
                .unwrap();
            assert_eq!(p.access(fh, all(read(Place::Shared)), &ints(0, 5)), 20);
            let third = [
                [10, 20, 20, 11, 21],
                [21, 12, 22, 22, 13],
                [23, 23, 14, 24, 24],
            ];
            assert_eq!(p.values(0, 5), third[p.me as usize]);
            let differ = i64::from(p.me);
            let refused = p
                .rank
                .file_seek_shared(&mut p.guest, fh, differ, abi::MPI_SEEK_SET);
            assert_eq!(class(refused), Class::NOT_SAME);
            p.close(fh);
        },
        |_| {},
    );
}

#[test]
fn a_sequential_file_has_only_this_pointer() {
    run_files(
        2,
        MemoryFiles::default,
        |p| {
            let mode = MPI_MODE_WRONLY | MPI_MODE_CREATE | abi::MPI_MODE_SEQUENTIAL;
            let fh = p.open("f", mode);
            p.access(fh, all(write(Place::Shared)), &p.put(0, &[p.me as u8; 3]));
            let types = (INT, INT);
            assert_eq!(class(p.view_as(fh, 0, types, "native")), Class::ARG);
            p.view_as(fh, abi::MPI_DISPLACEMENT_CURRENT, types, "native")
                .unwrap();
            assert_eq!(p.rank.file_get_view(fh).unwrap().disp, 6);
            let data = p.fill(0, [7]);
            p.access(fh, write(Place::Shared), &data);
            p.close(fh);
        },
        |files| {
            assert_eq!(
                files.get("f").unwrap(),
                [0, 0, 0, 1, 1, 1, 7, 0, 0, 0, 7, 0, 0, 0]
            )
        },
    );
}
