//! Operations after and beside each other.

use super::*;

#[test]
fn nobody_leaves_a_barrier_before_all_have_come() {
    use std::sync::atomic::{AtomicI32, Ordering};
    for size in SIZES {
        let arrived = AtomicI32::new(0);
        run_all_ways(size, |p| {
            for round in 1..50 {
                let before = arrived.fetch_add(1, Ordering::SeqCst);
                p.collective(&Collective::Barrier);
                let now = arrived.load(Ordering::SeqCst);
                // All of this round are in; nobody is more than a round ahead.
                assert!(
                    before < round * p.size && now >= round * p.size && now <= (round + 1) * p.size
                );
                p.collective(&Collective::Barrier);
            }
            if p.me == 0 {
                arrived.store(0, Ordering::SeqCst);
            }
            p.collective(&Collective::Barrier);
        });
    }
}

/// Operations that let some ranks run ahead of others, in every order: a cell that is
/// used again too early, or a message taken for another's, shows as a wrong value.
#[test]
fn collectives_follow_each_other_without_mixing() {
    for size in [2, 3, 8, 12] {
        run_all_ways(size, |p| {
            for round in 0..300_i32 {
                let root = round * 7 % p.size;
                let count = [1, 30, 3000][(round / 5 % 3) as usize];
                let mine = data(p.me + round, 1, count);
                match round * 31 / 7 % 6 {
                    0 => p.collective(&Collective::Barrier),
                    1 | 2 => {
                        let value = data(root + round, 1, count);
                        let buffer = p.put_ints(SEND, if p.me == root { &value } else { &[] });
                        p.collective(&Collective::Bcast {
                            buffer: Buffer {
                                count: count as i64,
                                ..buffer
                            },
                            root,
                        });
                        assert_eq!(p.ints(SEND, count), value, "bcast, round {round}");
                    }
                    3 => {
                        p.put_ints(SEND, &mine);
                        p.collective(&Collective::Allreduce(reduction(SEND, RECV, count)));
                        let first = (0..p.size)
                            .map(|r| data(r + round, 1, 1)[0])
                            .fold(0, i32::wrapping_add);
                        assert_eq!(p.ints(RECV, 1)[0], first, "allreduce, round {round}");
                    }
                    4 => {
                        p.put_ints(SEND, &mine);
                        p.collective(&Collective::Reduce {
                            data: reduction(SEND, RECV, count),
                            root,
                        });
                        if p.me == root {
                            let first = (0..p.size)
                                .map(|r| data(r + round, 1, 1)[0])
                                .fold(0, i32::wrapping_add);
                            assert_eq!(p.ints(RECV, 1)[0], first, "reduce, round {round}");
                        }
                    }
                    _ => {
                        let send = p.put_ints(SEND, &mine[..1]);
                        p.collective(&Collective::Gather {
                            send,
                            recv: int_span(RECV, 1),
                            root,
                        });
                        if p.me == root {
                            let all: Vec<i32> =
                                (0..p.size).map(|r| data(r + round, 1, 1)[0]).collect();
                            assert_eq!(p.ints(RECV, p.size as usize), all, "gather, round {round}");
                        }
                    }
                }
            }
        });
    }
}

#[test]
fn nonblocking_and_persistent_collectives_overlap() {
    for size in SIZES {
        run_all_ways(size, |p| {
            let all = sum_of(0..p.size, 1000);
            let buffer = p.put_ints(
                SEND + 8000,
                &if p.me == 0 {
                    data(0, 5, 500)
                } else {
                    vec![0; 500]
                },
            );
            p.put_ints(SEND, &data(p.me, 0, 1000));
            let sum = Collective::Allreduce(reduction(SEND, RECV, 1000));
            let persistent = p.rank.collective_init(WORLD, &sum).unwrap();
            for round in 0..3 {
                p.put_ints(RECV, &vec![0; 1000]);
                p.rank.start(&mut p.guest, persistent).unwrap();
                let bcast = Collective::Bcast { buffer, root: 0 };
                let bcast = p
                    .rank
                    .collective_start(&mut p.guest, WORLD, &bcast)
                    .unwrap();
                let barrier = p
                    .rank
                    .collective_start(&mut p.guest, WORLD, &Collective::Barrier)
                    .unwrap();
                // A blocking one in between, by which the others must go on too.
                p.collective(&Collective::Barrier);
                for mut request in [barrier, persistent, bcast] {
                    p.rank.wait(&mut p.guest, &mut request).unwrap();
                }
                assert_eq!(p.ints(RECV, 1000), all, "round {round}");
                assert_eq!(p.ints(SEND + 8000, 500), data(0, 5, 500));
            }
        });
    }
}

/// As MPICH's errors/coll/noalias: the root alone sees its error, and calls again.
#[test]
fn a_call_with_a_wrong_argument_can_be_made_again() {
    run_all_ways(3, |p| {
        p.put_ints(SEND, &data(p.me, 0, 10));
        let right = Collective::Reduce {
            data: reduction(SEND, RECV, 10),
            root: 0,
        };
        for blocking in [true, false] {
            if p.me == 0 {
                let wrong = Collective::Reduce {
                    data: reduction(SEND, SEND, 10),
                    root: 0,
                };
                let error = match blocking {
                    true => p.rank.collective(&mut p.guest, WORLD, &wrong).unwrap_err(),
                    false => p
                        .rank
                        .collective_start(&mut p.guest, WORLD, &wrong)
                        .unwrap_err(),
                };
                assert_eq!(error.class, Class::BUFFER);
            }
            if blocking {
                p.collective(&right);
            } else {
                let started = p.rank.collective_start(&mut p.guest, WORLD, &right);
                p.rank.wait(&mut p.guest, &mut started.unwrap()).unwrap();
            }
            if p.me == 0 {
                assert_eq!(p.ints(RECV, 10), sum_of(0..p.size, 10));
            }
        }
    });
}

/// Different amounts of data are an error of the program, and nothing worse.
#[test]
fn ranks_that_pass_different_amounts_get_an_error() {
    for (more, less) in [(100, 10), (1000, 10), (1000, 100), (20, 10)] {
        run(2, |p| {
            // The root's block is the shorter one: the other finds too little.
            let count = if p.me == 0 { less } else { more };
            let scatter = Collective::Scatter {
                send: p.put_ints(SEND, &vec![1; less as usize]),
                recv: p.put_ints(RECV, &vec![0; count as usize]),
                root: 0,
            };
            let done = p.rank.collective(&mut p.guest, WORLD, &scatter);
            assert!(p.me == 0 || done.is_err(), "{more} and {less}");
        });
    }
}

/// As MPICH's errors/coll/bcastlength: every rank but the root notices, and what follows is
/// as if nothing had been.
fn broadcast_unlike(p: &mut Process, lengths: &[(usize, usize)]) {
    for (round, &(mine, others)) in (0..).zip(lengths) {
        let root = round % p.size;
        let count = if p.me == root { mine } else { others };
        let buffer = p.put_ints(SEND, &vec![7; count]);
        let call = Collective::Bcast { buffer, root };
        let blocking = p.rank.collective(&mut p.guest, WORLD, &call);
        let started = p.rank.collective_start(&mut p.guest, WORLD, &call);
        let other = p.rank.wait(&mut p.guest, &mut started.unwrap()).map(drop);
        for done in [blocking, other] {
            let right = p.me == root;
            assert_eq!(
                done.is_ok(),
                right,
                "{mine} of the root, {others}: {done:?}"
            );
        }
        p.put_ints(SEND, &data(p.me, 0, 10));
        p.collective(&Collective::Allreduce(reduction(SEND, RECV, 10)));
        assert_eq!(p.ints(RECV, 10), sum_of(0..p.size, 10));
    }
}

#[test]
fn who_expects_another_length_than_the_root_broadcasts_gets_an_error() {
    for size in [2, 3, 5, 8] {
        for workers in [1, 2] {
            let of_rank: Vec<u32> = (0..size).map(|rank| rank % workers).collect();
            Cluster::new(&of_rank).run(|p| {
                p.rank.init().unwrap();
                broadcast_unlike(p, &[(1, 10), (10, 1), (300, 10), (10, 300)]);
            });
        }
    }
}

/// Among ranks of one worker whatever the lengths are; elsewhere lengths decide how
/// messages go.
#[test]
fn a_team_notices_any_other_length() {
    const LENGTHS: [usize; 5] = [1, 10, 300, 5_000, 50_000];
    for size in [2, 3, 5, 8] {
        run(size, |p| {
            for (mine, others) in LENGTHS.into_iter().flat_map(|a| LENGTHS.map(|b| (a, b))) {
                let count = if p.me == 1 { mine } else { others };
                let buffer = p.put_ints(SEND, &vec![7; count]);
                let call = Collective::Bcast { buffer, root: 1 };
                let done = p.rank.collective(&mut p.guest, WORLD, &call);
                let right = p.me == 1 || mine == others;
                assert_eq!(
                    done.is_ok(),
                    right,
                    "{mine} of the root, {others}: {done:?}"
                );
            }
        });
    }
}

#[test]
fn persistent_collectives_start_in_any_order() {
    run_all_ways(3, |p| {
        let mut shown = data(9, 0, 500);
        let root = p.put_ints(SEND, if p.me == 0 { &shown } else { &[0; 500] });
        let bcast = Collective::Bcast {
            buffer: root,
            root: 0,
        };
        let first = p.rank.collective_init(WORLD, &bcast).unwrap();
        let sum = Collective::Allreduce(reduction(SEND + 8000, RECV, 10));
        p.put_ints(SEND + 8000, &data(p.me, 0, 10));
        let second = p.rank.collective_init(WORLD, &sum).unwrap();
        for round in 0..3 {
            shown[0] = round;
            if p.me == 0 {
                p.put_ints(SEND, &shown);
            }
            let order = if p.me == 0 {
                [first, second]
            } else {
                [second, first]
            };
            p.rank.startall(&mut p.guest, &order).unwrap();
            p.rank.waitall(&mut p.guest, &mut order.clone()).unwrap();
            assert_eq!(p.ints(SEND, 500), shown);
            assert_eq!(p.ints(RECV, 10), sum_of(0..p.size, 10));
        }
    });
}

/// The root of a scatter does not wait for the others, who may come to the communicator
/// when it has freed it already (MPICH's coll/coll4 hung on this).
#[test]
fn a_root_may_free_its_communicator_before_the_others_come_to_it() {
    for size in SIZES {
        run_all_ways(size, |p| {
            for _ in 0..20 {
                let mut comm = p.rank.comm_dup(&mut p.guest, WORLD).unwrap();
                if p.me != 0 {
                    std::thread::yield_now();
                }
                let blocks = concat((0..p.size).map(|to| data(0, to, 10)));
                let send = Buffer {
                    count: 10,
                    ..p.put_ints(SEND, &blocks)
                };
                let call = Collective::Scatter {
                    send,
                    recv: int_span(RECV, 10),
                    root: 0,
                };
                p.rank.collective(&mut p.guest, comm, &call).unwrap();
                p.rank.comm_free(&mut p.guest, &mut comm).unwrap();
                assert_eq!(p.ints(RECV, 10), data(0, p.me, 10));
            }
        });
    }
}
