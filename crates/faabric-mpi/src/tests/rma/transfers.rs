//! Puts, gets and accumulates of every kind.

use super::*;
use crate::datatype::{Constructor, Counts};

impl Process {
    /// A committed type of blocks of `blocklength` ints, `stride` ints apart.
    fn vector(&self, count: i64, blocklength: i64, stride: i64) -> TypeHandle {
        let old = self.rank.datatype(INT).unwrap().into_owned();
        let constructor = Constructor::Vector {
            count,
            blocklength,
            stride,
            old,
        };
        let made = self.rank.type_create(constructor, Counts::Int).unwrap();
        self.rank.type_commit(made).unwrap();
        made
    }
}

#[test]
fn puts_and_gets_move_the_bytes_that_they_name() {
    run_both(3, |p| {
        let win = p.window(400, 4);
        let (right, left) = ((p.me + 1) % 3, (p.me + 2) % 3);
        p.set_int(LOCAL, 10 + p.me);
        p.fence(win);
        let target = at(win, right, 5, 1, INT);
        p.rank.put(&mut p.guest, &ints(LOCAL, 1), &target).unwrap();
        p.fence(win);
        assert_eq!(p.int(WINDOW + 20), 10 + left);
        let target = at(win, left, 5, 1, INT);
        p.rank
            .get(&mut p.guest, &ints(LOCAL + 8, 1), &target)
            .unwrap();
        p.fence(win);
        assert_eq!(p.int(LOCAL + 8), 10 + (left + 2) % 3);
        p.free_window(win);
    });
}

#[test]
fn derived_types_work_on_both_sides() {
    run_both(2, |p| {
        let win = p.window(40_000, 1);
        let (strided, other) = (p.vector(1000, 1, 3), p.vector(500, 2, 5));
        let peer = 1 - p.me;
        for i in 0..3000 {
            p.set_int(LOCAL + 4 * i, (i as i32) * 2 + p.me);
        }
        p.fence(win);
        let from = Buffer {
            addr: Addr(LOCAL),
            count: 1,
            datatype: strided,
        };
        p.rank
            .put(&mut p.guest, &from, &at(win, peer, 8, 1, other))
            .unwrap();
        p.fence(win);
        for i in 0..1000u64 {
            let place = i / 2 * 5 + i % 2;
            assert_eq!(p.int(WINDOW + 8 + 4 * place), (i as i32) * 6 + peer, "{i}");
        }
        assert_eq!(p.int(WINDOW + 8 + 4 * 2), 0, "a gap stays as it was");
        let into = Buffer {
            addr: Addr(LOCAL + 64),
            count: 1,
            datatype: strided,
        };
        p.rank
            .get(&mut p.guest, &into, &at(win, peer, 8, 1, other))
            .unwrap();
        p.fence(win);
        for i in 0..1000u64 {
            assert_eq!(p.int(LOCAL + 64 + 12 * i), (i as i32) * 6 + p.me, "{i}");
        }
        p.free_window(win);
    });
}

#[test]
fn large_transfers_go_in_pieces() {
    const LEN: usize = 700_001;
    run_both(2, |p| {
        let win = p.window(LEN as i64, 1);
        let peer = 1 - p.me;
        let bytes: Vec<u8> = (0..LEN).map(|i| (i * 7 + p.me as usize) as u8).collect();
        let origin = p.put(2 << 20, &bytes);
        p.fence(win);
        let target = at(win, peer, 0, LEN as i64, BYTE);
        p.rank.put(&mut p.guest, &origin, &target).unwrap();
        // The buffer may be used again when the call returns: the copy is the library's.
        p.put(2 << 20, &vec![0; LEN]);
        p.fence(win);
        let expected: Vec<u8> = (0..LEN).map(|i| (i * 7 + peer as usize) as u8).collect();
        assert_eq!(p.get(WINDOW, LEN), expected);
        p.rank
            .get(&mut p.guest, &span(2 << 20, LEN), &target)
            .unwrap();
        p.fence(win);
        assert_eq!(p.get(2 << 20, LEN), bytes);
        p.free_window(win);
    });
}

#[test]
fn accumulates_of_all_ranks_are_atomic() {
    const ROUNDS: i32 = 300;
    run_both(4, |p| {
        let win = p.window(64, 4);
        p.barrier();
        p.rank.win_lock_all(&mut p.guest, 0, win).unwrap();
        p.set_int(LOCAL, 1);
        let mut seen = Vec::new();
        for round in 0..ROUNDS {
            let counter = at(win, 0, 0, 1, INT);
            let one = (Addr(LOCAL), Addr(LOCAL + 4));
            p.rank
                .fetch_and_op(&mut p.guest, one.0, one.1, &counter, SUM)
                .unwrap();
            p.rank.win_flush(&mut p.guest, 0, win).unwrap();
            seen.push(p.int(LOCAL + 4));
            let other = at(win, round % 4, 1, 1, INT);
            p.rank
                .accumulate(&mut p.guest, &ints(LOCAL, 1), &other, SUM)
                .unwrap();
        }
        p.rank.win_unlock_all(&mut p.guest, win).unwrap();
        assert!(seen.windows(2).all(|w| w[0] < w[1]), "each is fetched once");
        p.barrier();
        if p.me == 0 {
            assert_eq!(p.int(WINDOW), 4 * ROUNDS);
        }
        assert_eq!(p.int(WINDOW + 4), ROUNDS);
        p.barrier();
        p.free_window(win);
    });
}

#[test]
fn fetching_operations_give_what_was_there() {
    run_both(2, |p| {
        let win = p.window(64, 4);
        let peer = 1 - p.me;
        for i in 0..4 {
            p.set_int(WINDOW + 4 * i, 100 * p.me + i as i32);
            p.set_int(LOCAL + 4 * i, 1000 + i as i32);
        }
        p.barrier();
        p.lock(true, peer, win);
        let (result, target) = (ints(LOCAL + 64, 4), at(win, peer, 0, 4, INT));
        let rank = &p.rank;
        rank.get_accumulate(&mut p.guest, &ints(LOCAL, 4), &result, &target, SUM)
            .unwrap();
        rank.win_flush(&mut p.guest, peer, win).unwrap();
        for i in 0..4 {
            assert_eq!(p.int(LOCAL + 64 + 4 * i), 100 * peer + i as i32);
        }
        // With MPI_NO_OP the origin is not looked at: its datatype may be null.
        let nothing = Buffer {
            addr: Addr(u64::MAX),
            count: -1,
            datatype: TypeHandle(abi::MPI_DATATYPE_NULL),
        };
        let rank = &p.rank;
        rank.get_accumulate(&mut p.guest, &nothing, &result, &target, NO_OP)
            .unwrap();
        rank.win_flush_local(&mut p.guest, peer, win).unwrap();
        for i in 0..4 {
            assert_eq!(p.int(LOCAL + 64 + 4 * i), 1000 + 100 * peer + 2 * i as i32);
        }
        // A swap that fails, and one that does not.
        for (compare, new, before, after) in [(0, 5, 1, 1), (1, 7, 1, 7)] {
            p.set_int(LOCAL, new);
            p.set_int(LOCAL + 4, compare);
            let one = at(win, peer, 8, 1, INT);
            let set = Buffer {
                addr: Addr(LOCAL + 8),
                count: 1,
                datatype: INT,
            };
            if before == 1 && compare == 0 {
                p.set_int(LOCAL + 8, 1);
                let rank = &p.rank;
                rank.accumulate(&mut p.guest, &set, &one, REPLACE).unwrap();
            }
            let data = (Addr(LOCAL), Addr(LOCAL + 4));
            let rank = &p.rank;
            rank.compare_and_swap(&mut p.guest, data, Addr(LOCAL + 12), &one)
                .unwrap();
            rank.win_flush(&mut p.guest, peer, win).unwrap();
            assert_eq!(p.int(LOCAL + 12), before);
            let rank = &p.rank;
            rank.get(&mut p.guest, &ints(LOCAL + 16, 1), &one).unwrap();
            rank.win_flush(&mut p.guest, peer, win).unwrap();
            assert_eq!(p.int(LOCAL + 16), after);
        }
        p.unlock(peer, win);
        p.barrier();
        p.free_window(win);
    });
}

#[test]
fn requests_end_one_by_one() {
    run_both(2, |p| {
        let win = p.window(1 << 19, 4);
        let peer = 1 - p.me;
        p.set_int(LOCAL, 3 + p.me);
        p.barrier();
        p.lock(false, peer, win);
        let (one, many) = (at(win, peer, p.me.into(), 1, INT), 100_000);
        let guest = &mut p.guest;
        let mut put = p.rank.rput(guest, &ints(LOCAL, 1), &one).unwrap();
        p.rank.wait(guest, &mut put).unwrap();
        let mut sum = p
            .rank
            .raccumulate(guest, &ints(LOCAL, 1), &one, SUM)
            .unwrap();
        let mut got = p
            .rank
            .rget(guest, &ints(2 << 20, many), &at(win, peer, 0, many, INT))
            .unwrap();
        let mut fetched = p
            .rank
            .rget_accumulate(guest, &ints(LOCAL, 1), &ints(LOCAL + 4, 1), &one, SUM)
            .unwrap();
        for request in [&mut fetched, &mut got, &mut sum] {
            p.rank.wait(guest, request).unwrap();
            assert_eq!(*request, crate::completion::NULL);
        }
        assert_eq!(p.int(LOCAL + 4), 2 * (3 + p.me));
        p.unlock(peer, win);
        p.barrier();
        assert_eq!(p.int(WINDOW + 4 * peer as u64), 3 * (3 + peer));
        p.barrier();
        p.free_window(win);
    });
}

#[test]
fn nothing_outside_the_window_is_touched() {
    run_both(2, |p| {
        let win = p.window(40, 4);
        let peer = 1 - p.me;
        p.put(WINDOW - 64, &[0xee; 64]);
        p.put(WINDOW + 40, &[0xee; 64]);
        p.fence(win);
        let put = |p: &mut Process, target: Target| {
            let failed = p.rank.put(&mut p.guest, &ints(LOCAL, 1), &target);
            failed.unwrap_err().class
        };
        for (disp, count) in [(10, 1), (9, 2), (i64::from(i32::MAX), 1), (0, 11)] {
            let class = put(p, at(win, peer, disp, count, INT));
            assert_eq!(class, Class::RMA_RANGE, "{count} at {disp}");
        }
        assert_eq!(put(p, at(win, peer, -1, 1, INT)), Class::DISP);
        assert_eq!(put(p, at(win, peer, i64::MAX, 1, INT)), Class::DISP);
        assert_eq!(put(p, at(win, peer, 0, -1, INT)), Class::COUNT);
        assert_eq!(put(p, at(win, 2, 0, 1, INT)), Class::RANK);
        assert_eq!(put(p, at(win, peer, 0, 0, INT)), Class::TRUNCATE);
        let null = TypeHandle(abi::MPI_DATATYPE_NULL);
        assert_eq!(put(p, at(win, peer, 0, 1, null)), Class::TYPE);
        assert_eq!(put(p, at(WinHandle(9), peer, 0, 1, INT)), Class::WIN);
        let nobody = at(win, abi::MPI_PROC_NULL, 77, 1, INT);
        p.rank.put(&mut p.guest, &ints(LOCAL, 1), &nobody).unwrap();
        let (data, target) = (ints(LOCAL, 1), at(win, peer, 0, 1, INT));
        let ops = [abi::MPI_OP_NULL, abi::MPI_MINLOC, 77];
        for op in ops {
            let failed = p
                .rank
                .accumulate(&mut p.guest, &data, &target, OpHandle(op));
            assert_eq!(failed.unwrap_err().class, Class::OP);
        }
        let float = at(win, peer, 0, 1, TypeHandle(abi::MPI_FLOAT));
        let failed = p.rank.accumulate(&mut p.guest, &data, &float, SUM);
        assert_eq!(failed.unwrap_err().class, Class::TYPE);
        let beyond = ints(MEMORY as u64, 1);
        let failed = p.rank.put(&mut p.guest, &beyond, &target);
        assert_eq!(failed.unwrap_err().class, Class::BUFFER);
        p.fence(win);
        assert_eq!(p.get(WINDOW - 64, 64), [0xee; 64]);
        assert_eq!(p.get(WINDOW + 40, 64), [0xee; 64]);
        p.free_window(win);
    });
}
