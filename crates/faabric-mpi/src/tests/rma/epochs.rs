//! Synchronisation: what it waits for, and what it refuses.

use super::*;

#[test]
fn posts_and_completes_pair_up() {
    run_both(4, |p| {
        let win = p.window(64, 4);
        // Rank 0 is the target of all others, and each of them of rank 0, at once.
        for round in 0..20 {
            let others: Vec<i32> = (1..4).collect();
            let group = match p.me {
                0 => p.group(&others),
                _ => p.group(&[0]),
            };
            p.set_int(LOCAL, round * 10 + p.me);
            // Accesses may begin before this rank's own post.
            p.rank.win_start(group, 0, win).unwrap();
            p.rank.win_post(group, 0, win).unwrap();
            let targets = if p.me == 0 { 1..4 } else { 0..1 };
            for target in targets {
                let target = at(win, target, p.me.into(), 1, INT);
                p.rank.put(&mut p.guest, &ints(LOCAL, 1), &target).unwrap();
            }
            p.rank.win_complete(&mut p.guest, win).unwrap();
            if round % 2 == 0 {
                p.rank.win_wait(&mut p.guest, win).unwrap();
            } else {
                while !p.rank.win_test(&mut p.guest, win).unwrap() {}
            }
            let from = if p.me == 0 { 1..4 } else { 0..1 };
            for rank in from {
                assert_eq!(p.int(WINDOW + 4 * rank as u64), round * 10 + rank);
            }
            p.rank.group_free(&mut { group }).unwrap();
        }
        p.free_window(win);
    });
}

#[test]
fn an_epoch_without_accesses_uses_its_post_up() {
    run_both(2, |p| {
        let win = p.window(64, 4);
        let peer = 1 - p.me;
        let group = p.group(&[peer]);
        for round in 0..10 {
            p.rank.win_post(group, 0, win).unwrap();
            p.rank.win_start(group, 0, win).unwrap();
            if round % 3 == 0 {
                p.set_int(LOCAL, round);
                let target = at(win, peer, 0, 1, INT);
                p.rank.put(&mut p.guest, &ints(LOCAL, 1), &target).unwrap();
            }
            p.rank.win_complete(&mut p.guest, win).unwrap();
            p.rank.win_wait(&mut p.guest, win).unwrap();
            assert_eq!(p.int(WINDOW), round - round % 3);
        }
        p.free_window(win);
    });
}

#[test]
fn exclusive_locks_exclude() {
    const ROUNDS: i32 = 100;
    run_both(4, |p| {
        let win = p.window(64, 4);
        p.barrier();
        for _ in 0..ROUNDS {
            // Reading and writing back loses updates unless nobody comes between.
            p.lock(true, 1, win);
            let target = at(win, 1, 0, 1, INT);
            p.rank.get(&mut p.guest, &ints(LOCAL, 1), &target).unwrap();
            p.rank.win_flush(&mut p.guest, 1, win).unwrap();
            p.set_int(LOCAL, p.int(LOCAL) + 1);
            p.rank.put(&mut p.guest, &ints(LOCAL, 1), &target).unwrap();
            p.unlock(1, win);
        }
        p.barrier();
        if p.me == 1 {
            assert_eq!(p.int(WINDOW), 4 * ROUNDS);
        }
        p.barrier();
        p.free_window(win);
    });
}

#[test]
fn a_target_that_does_nothing_is_reached() {
    run_both(3, |p| {
        let win = p.window(64, 4);
        p.barrier();
        if p.me > 0 {
            p.set_int(LOCAL, 40 + p.me);
            p.lock(false, 0, win);
            let target = at(win, 0, p.me.into(), 1, INT);
            p.rank.put(&mut p.guest, &ints(LOCAL, 1), &target).unwrap();
            p.unlock(0, win);
            if p.me == 1 {
                let told = p.put(LOCAL, b"!");
                let mode = crate::send::SendMode::Standard;
                p.rank.send(&mut p.guest, mode, &told, to(0, 5)).unwrap();
            }
        } else {
            // Not in MPI until rank 1 is done: nothing here moves its data on.
            std::thread::yield_now();
            p.rank
                .recv(&mut p.guest, &span(LOCAL, 1), from(1, 5))
                .unwrap();
            p.lock(true, 0, win);
            assert_eq!(p.int(WINDOW + 4), 41);
            p.unlock(0, win);
        }
        p.barrier();
        p.free_window(win);
    });
}

#[test]
fn calls_outside_their_epoch_are_refused() {
    run_both(2, |p| {
        let win = p.window(64, 4);
        let peer = 1 - p.me;
        let target = at(win, peer, 0, 1, INT);
        let (shared, check) = (abi::MPI_LOCK_SHARED, abi::MPI_MODE_NOCHECK);
        let sync = |result: Result<()>| assert_eq!(result.unwrap_err().class, Class::RMA_SYNC);
        let guest = &mut p.guest;
        sync(p.rank.put(guest, &ints(LOCAL, 1), &target));
        sync(p.rank.win_unlock(guest, peer, win));
        sync(p.rank.win_unlock_all(guest, win));
        sync(p.rank.win_flush(guest, peer, win));
        sync(p.rank.win_complete(guest, win));
        sync(p.rank.win_wait(guest, win));
        p.rank.win_lock(guest, shared, peer, check, win).unwrap();
        sync(p.rank.win_lock(guest, shared, peer, 0, win));
        sync(p.rank.win_lock_all(guest, 0, win));
        sync(p.rank.win_fence(guest, 0, win));
        sync(p.rank.win_free(guest, &mut { win }, FREE));
        p.rank.put(guest, &ints(LOCAL, 1), &target).unwrap();
        p.rank.win_unlock(guest, peer, win).unwrap();
        let class = |result: Result<()>| result.unwrap_err().class;
        let failed = p.rank.win_lock(guest, 7, peer, 0, win);
        assert_eq!(class(failed), Class::LOCKTYPE);
        let failed = p.rank.win_lock(guest, shared, peer, 1 << 30, win);
        assert_eq!(class(failed), Class::ASSERT);
        let failed = p.rank.win_fence(guest, check, win);
        assert_eq!(class(failed), Class::ASSERT);
        let nobody = abi::MPI_PROC_NULL;
        p.rank.win_lock(guest, shared, nobody, 0, win).unwrap();
        p.rank.win_unlock(guest, nobody, win).unwrap();
        p.fence(win);
        p.free_window(win);
    });
}

#[test]
fn threads_of_a_rank_share_its_epoch() {
    const ROUNDS: i32 = 200;
    run_both(2, |p| {
        let win = p.window(64, 4);
        p.barrier();
        p.rank.win_lock_all(&mut p.guest, 0, win).unwrap();
        std::thread::scope(|s| {
            for thread in 0..3u64 {
                let rank = &p.rank;
                s.spawn(move || {
                    // All threads come to the target's lock at once; one takes it.
                    let mut guest = TestGuest::default();
                    let own = Addr(LOCAL + 64 * thread);
                    rank.memory().write(own, &1i32.to_le_bytes()).unwrap();
                    let (target, result) = (at(win, 1, 0, 1, INT), Addr(own.0 + 4));
                    for _ in 0..ROUNDS {
                        rank.fetch_and_op(&mut guest, own, result, &target, SUM)
                            .unwrap();
                        rank.win_flush(&mut guest, 1, win).unwrap();
                    }
                });
            }
        });
        p.rank.win_unlock_all(&mut p.guest, win).unwrap();
        p.barrier();
        // Free again: an exclusive lock can be had.
        p.lock(true, 1, win);
        if p.me == 1 {
            assert_eq!(p.int(WINDOW), 6 * ROUNDS);
        }
        p.unlock(1, win);
        p.barrier();
        p.free_window(win);
    });
}

#[test]
fn a_wait_for_a_lock_ends_with_the_job() {
    for of_rank in [[0, 0], [0, 1]] {
        let cluster = Cluster::new(&of_rank);
        cluster.run(|p| {
            p.rank.init().unwrap();
            let win = p.window(64, 4);
            if p.me == 0 {
                p.lock(true, 0, win);
            }
            p.barrier();
            if p.me == 1 {
                let kind = abi::MPI_LOCK_SHARED;
                let failed = p.rank.win_lock(&mut p.guest, kind, 0, 0, win);
                assert_eq!(failed.unwrap_err().class, Class::INTERRUPTED);
            } else {
                cluster
                    .worlds
                    .iter()
                    .for_each(|w| w.abort(3, "the test ends"));
            }
        });
    }
}

#[test]
fn who_shares_a_lock_may_wait_for_another_that_shares_it_later() {
    for of_rank in [[0, 0, 0], [0, 1, 0], [0, 1, 1], [0, 1, 2]] {
        for all in [true, false] {
            let locked = std::sync::OnceLock::new();
            run_on(&of_rank, |p| {
                let win = p.window(64, 4);
                let token = span(LOCAL + 8, 1);
                let mode = crate::send::SendMode::Standard;
                if p.me == 2 {
                    // Rank 1 has the lock.
                    p.rank.recv(&mut p.guest, &token, from(1, 5)).unwrap();
                    let part = p.rank.win(win).unwrap().mine.clone();
                    assert!(locked.set(part).is_ok());
                    p.lock(true, 2, win);
                    p.unlock(2, win);
                } else {
                    if p.me == 0 {
                        let waits = || locked.get().is_some_and(|p| p.locks.lock().has_waiting());
                        while !waits() {
                            std::thread::yield_now();
                        }
                    }
                    match all {
                        true => p.rank.win_lock_all(&mut p.guest, 0, win).unwrap(),
                        false => p.lock(false, 2, win),
                    }
                    let target = at(win, 2, p.me.into(), 1, INT);
                    p.rank.get(&mut p.guest, &ints(LOCAL, 1), &target).unwrap();
                    p.rank.win_flush(&mut p.guest, 2, win).unwrap();
                    if p.me == 1 {
                        p.rank.send(&mut p.guest, mode, &token, to(2, 5)).unwrap();
                        p.rank.recv(&mut p.guest, &token, from(0, 5)).unwrap();
                    } else {
                        p.rank.send(&mut p.guest, mode, &token, to(1, 5)).unwrap();
                    }
                    match all {
                        true => p.rank.win_unlock_all(&mut p.guest, win).unwrap(),
                        false => p.unlock(2, win),
                    }
                }
                p.barrier();
                p.free_window(win);
            });
        }
    }
}
