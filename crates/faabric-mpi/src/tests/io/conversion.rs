//! Data representations.

use super::*;
use crate::io::Registered;

const AINT: TypeHandle = TypeHandle(abi::MPI_AINT);

#[test]
fn external32_is_big_endian_with_sizes_of_its_own() {
    for together in [false, true] {
        run_files(
            2,
            MemoryFiles::default,
            |p| {
                let how = |access| if together { all(access) } else { access };
                let fh = p.open("f", NEW);
                // Both see every second MPI_AINT, which has 4 bytes here and 8 there.
                use crate::datatype::{Constructor, Order, Subarray};
                let old = p.rank.type_of(AINT).unwrap();
                let filetype = p.make(Constructor::Subarray(Subarray {
                    sizes: vec![2],
                    subsizes: vec![1],
                    starts: vec![i64::from(p.me)],
                    order: Order::C,
                    old,
                }));
                p.view_as(fh, 1, (AINT, filetype), "external32").unwrap();
                let extent = p.rank.file_get_type_extent(&mut p.guest, fh, AINT).unwrap();
                assert_eq!(extent, 8);
                let data = p.fill(0, [p.me + 1, -1]);
                let data = Buffer {
                    datatype: AINT,
                    ..data
                };
                let status = p
                    .try_access(fh, how(write(Place::Individual)), &data)
                    .unwrap();
                assert_eq!(p.rank.get_count(&status, AINT).unwrap(), Some(2));
                p.rank.file_sync(&mut p.guest, fh).unwrap();
                let wanted = Buffer {
                    addr: Addr(100),
                    count: 3,
                    datatype: AINT,
                };
                let status = p.try_access(fh, how(read(Place::At(0))), &wanted).unwrap();
                assert_eq!(
                    p.rank.get_count(&status, AINT).unwrap(),
                    Some(2),
                    "the file ends"
                );
                assert_eq!(p.values(100, 3), [p.me + 1, -1, 0]);
                assert_eq!(p.rank.file_get_view(fh).unwrap().datarep, "external32");
                p.close(fh);
            },
            |files| {
                let value = |low| [0, 0, 0, 0, 0, 0, 0, low];
                let expected = [&[0][..], &value(1), &value(2), &[0xff; 16]].concat();
                assert_eq!(files.get("f").unwrap(), expected);
            },
        );
    }
}

#[test]
fn a_long_external32_transfer_is_staged() {
    const COUNT: i64 = 400_000;
    run_files(
        1,
        MemoryFiles::default,
        |p| {
            let fh = p.open("f", NEW);
            p.view_as(fh, 0, (INT, INT), "external32").unwrap();
            let data = p.fill(0, 0..COUNT as i32);
            assert_eq!(p.access(fh, write(Place::At(0)), &data), COUNT as u64 * 4);
            p.rank
                .memory()
                .write(Addr(0), &vec![0; COUNT as usize * 4])
                .unwrap();
            assert_eq!(p.access(fh, read(Place::At(0)), &data), COUNT as u64 * 4);
            assert!(p.values(0, COUNT as usize).into_iter().eq(0..COUNT as i32));
            p.close(fh);
        },
        |files| {
            let bytes = files.get("f").unwrap();
            assert!((0..COUNT as i32).flat_map(i32::to_be_bytes).eq(bytes));
        },
    );
}

/// A representation that stores ints as 3 bytes; functions 1 to 3 of the guest.
fn three_bytes(p: &mut Process, large: bool) -> Registered {
    let memory = p.rank.memory().clone();
    let word = move |at: u32| {
        let mut bytes = [0; 4];
        memory.read(Addr(at.into()), &mut bytes).unwrap();
        bytes
    };
    // user buffer, datatype, count, file buffer, position, state
    let memory = p.rank.memory().clone();
    let read = move |a: &[u32]| {
        assert_eq!((a[1], a[5]), (INT.0, 77));
        for i in 0..a[2] {
            let [x, y, z, _] = word(a[3] + 3 * i);
            let to = Addr((a[0] + 4 * (a[4] + i)).into());
            memory.write(to, &[x, y, z, 0]).unwrap();
        }
        Some(0)
    };
    let (memory, from) = (p.rank.memory().clone(), p.rank.memory().clone());
    let write = move |a: &[u32]| {
        for i in 0..a[2] {
            let mut bytes = [0; 3];
            from.read(Addr((a[0] + 4 * (a[4] + i)).into()), &mut bytes)
                .unwrap();
            memory.write(Addr((a[3] + 3 * i).into()), &bytes).unwrap();
        }
        Some(0)
    };
    let memory = p.rank.memory().clone();
    let extent = move |a: &[u32]| {
        let extent = if a[0] == INT.0 { 3i32 } else { 1 };
        memory
            .write(Addr(a[1].into()), &extent.to_le_bytes())
            .unwrap();
        Some(0)
    };
    p.guest.functions.insert(1, Box::new(read));
    p.guest.functions.insert(2, Box::new(write));
    p.guest.functions.insert(3, Box::new(extent));
    Registered {
        name: "three".to_owned(),
        read: GuestFn(1),
        write: GuestFn(2),
        extent: GuestFn(3),
        state: 77,
        large,
    }
}

#[test]
fn a_program_registers_a_representation() {
    const COUNT: i64 = 3000;
    for large in [false, true] {
        run_files(
            2,
            MemoryFiles::default,
            |p| {
                let registered = three_bytes(p, large);
                p.rank.register_datarep(registered.clone()).unwrap();
                assert_eq!(
                    class(p.rank.register_datarep(registered)),
                    Class::DUP_DATAREP
                );
                let fh = p.open("f", NEW);
                p.view_as(fh, i64::from(p.me) * COUNT * 3, (INT, INT), "three")
                    .unwrap();
                let extent = p.rank.file_get_type_extent(&mut p.guest, fh, INT).unwrap();
                assert_eq!(extent, 3);
                let data = p.fill(0, (0..COUNT as i32).map(|i| p.me * 100_000 + i));
                let status = p.try_access(fh, all(write(Place::At(0))), &data).unwrap();
                assert_eq!(p.rank.get_count(&status, INT).unwrap(), Some(COUNT as u64));
                p.rank.file_sync(&mut p.guest, fh).unwrap();
                let wanted = ints(100_000, COUNT + 1);
                let status = p.try_access(fh, read(Place::At(0)), &wanted).unwrap();
                let there = if p.me == 1 { COUNT } else { COUNT + 1 };
                assert_eq!(p.rank.get_count(&status, INT).unwrap(), Some(there as u64));
                assert_eq!(
                    p.values(100_000, COUNT as usize),
                    p.values(0, COUNT as usize)
                );
                p.close(fh);
            },
            |files| assert_eq!(files.get("f").unwrap().len(), 2 * 3 * COUNT as usize),
        );
    }
}
