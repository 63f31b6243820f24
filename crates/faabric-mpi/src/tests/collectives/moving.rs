//! Collectives that move data and compute nothing.

use super::*;

#[test]
fn bcast_from_every_root() {
    for size in SIZES {
        run_all_ways(size, |p| {
            for count in COUNTS {
                for root in 0..p.size {
                    let buffer =
                        p.put_ints(SEND, &data(if p.me == root { root } else { -1 }, 0, count));
                    p.collective(&Collective::Bcast { buffer, root });
                    assert_eq!(
                        p.ints(SEND, count),
                        data(root, 0, count),
                        "root {root}, {count}"
                    );
                }
            }
        });
    }
}

#[test]
fn gather_and_scatter() {
    for size in SIZES {
        run_all_ways(size, |p| {
            let (me, n) = (p.me, p.size as usize);
            for count in [1, 40, 3000] {
                for root in 0..p.size {
                    let send = p.put_ints(SEND, &data(me, 0, count));
                    p.put_ints(RECV, &vec![-1; count * n]);
                    let recv = int_span(RECV, count);
                    p.collective(&Collective::Gather { send, recv, root });
                    let all = concat((0..p.size).map(|from| data(from, 0, count)));
                    let expected = if me == root {
                        all.clone()
                    } else {
                        vec![-1; count * n]
                    };
                    assert_eq!(
                        p.ints(RECV, count * n),
                        expected,
                        "gather {count} to {root}"
                    );

                    let send = Buffer {
                        addr: if me == root { IN_PLACE } else { Addr(SEND) },
                        ..send
                    };
                    if me == root {
                        p.put_ints(RECV, &vec![-1; count * n]);
                        p.put_ints(RECV + 4 * (count as i32 * root) as u64, &data(me, 0, count));
                    }
                    p.collective(&Collective::Gather { send, recv, root });
                    assert_eq!(
                        p.ints(RECV, count * n),
                        expected,
                        "gather in place {count} to {root}"
                    );

                    let blocks = concat((0..p.size).map(|to| data(root, to, count)));
                    let send = if me == root {
                        p.put_ints(SEND, &blocks)
                    } else {
                        int_span(SEND, 0)
                    };
                    let send = Buffer {
                        count: count as i64,
                        ..send
                    };
                    p.put_ints(RECV, &vec![-1; count]);
                    p.collective(&Collective::Scatter { send, recv, root });
                    assert_eq!(
                        p.ints(RECV, count),
                        data(root, me, count),
                        "scatter {count} from {root}"
                    );

                    p.put_ints(RECV, &vec![-1; count]);
                    let recv = Buffer {
                        addr: if me == root { IN_PLACE } else { Addr(RECV) },
                        ..recv
                    };
                    p.collective(&Collective::Scatter { send, recv, root });
                    let expected = if me == root {
                        vec![-1; count]
                    } else {
                        data(root, me, count)
                    };
                    assert_eq!(
                        p.ints(RECV, count),
                        expected,
                        "scatter in place {count} from {root}"
                    );
                }
            }
        });
    }
}

/// Block lengths that differ, one of them 0, laid out backwards with gaps.
fn uneven(size: i32) -> (Vec<i64>, Vec<i64>) {
    let counts: Vec<i64> = (0..i64::from(size)).map(|rank| rank * 37 % 101).collect();
    let mut end = 0;
    let mut displs: Vec<i64> = counts
        .iter()
        .rev()
        .map(|count| {
            let at = end;
            end += count + 3;
            at
        })
        .collect();
    displs.reverse();
    (counts, displs)
}

#[test]
fn blocks_of_different_lengths_at_displacements() {
    for size in SIZES {
        run_all_ways(size, |p| {
            let me = p.me;
            let (counts, displs) = uneven(p.size);
            let spread = |at| Spread {
                addr: Addr(at),
                counts: &counts,
                displs: &displs,
                datatype: INT,
            };
            let mine = counts[me as usize] as usize;
            let block = |p: &Process, at, rank: usize| {
                p.ints(at + displs[rank] as u64 * 4, counts[rank] as usize)
            };
            let root = p.size - 1;
            let all_here = |p: &Process, what| {
                for from in 0..p.size {
                    let expected = data(from, 0, counts[from as usize] as usize);
                    assert_eq!(
                        block(p, RECV, from as usize),
                        expected,
                        "{what} from {from}"
                    );
                }
            };

            let send = p.put_ints(SEND, &data(me, 0, mine));
            p.collective(&Collective::Gatherv {
                send,
                recv: spread(RECV),
                root,
            });
            if me == root {
                all_here(p, "gatherv");
            }
            p.put_ints(RECV, &vec![-1; 5000]);
            p.collective(&Collective::Allgatherv {
                send,
                recv: spread(RECV),
            });
            all_here(p, "allgatherv");
            assert_eq!(
                p.ints(RECV + 4 * counts[p.size as usize - 1] as u64, 3),
                [-1; 3],
                "gaps stay"
            );
            p.collective(&Collective::Allgatherv {
                send: Buffer {
                    addr: IN_PLACE,
                    ..send
                },
                recv: spread(RECV),
            });
            all_here(p, "allgatherv in place");

            if me == root {
                for to in 0..p.size {
                    let block = data(root, to, counts[to as usize] as usize);
                    p.put_ints(RECV + displs[to as usize] as u64 * 4, &block);
                }
            }
            let recv = int_span(SEND, mine);
            p.collective(&Collective::Scatterv {
                send: spread(RECV),
                recv,
                root,
            });
            assert_eq!(p.ints(SEND, mine), data(root, me, mine), "scatterv");
        });
    }
}

#[test]
fn alltoall_in_all_its_forms() {
    for size in [1, 2, 3, 8, 9] {
        run_all_ways(size, |p| {
            let (me, size, n) = (p.me, p.size, p.size as usize);
            for count in [1, 30, 4000] {
                let outgoing = concat((0..p.size).map(|to| data(me, to, count)));
                let incoming = concat((0..p.size).map(|from| data(from, me, count)));
                let send = Buffer {
                    count: count as i64,
                    ..p.put_ints(SEND, &outgoing)
                };
                let recv = int_span(RECV, count);
                p.collective(&Collective::Alltoall { send, recv });
                assert_eq!(p.ints(RECV, count * n), incoming, "alltoall {count}");
                p.put_ints(RECV, &outgoing);
                p.collective(&Collective::Alltoall {
                    send: Buffer {
                        addr: IN_PLACE,
                        ..send
                    },
                    recv,
                });
                assert_eq!(
                    p.ints(RECV, count * n),
                    incoming,
                    "alltoall in place {count}"
                );
            }
            // Rank a has (a + 2 b) % 50 elements for rank b.
            let len = |from: i32, to: i32| ((from + 2 * to) % 50) as usize;
            let counts =
                |of: &dyn Fn(i32) -> usize| (0..size).map(|r| of(r) as i64).collect::<Vec<_>>();
            let (sends, recvs) = (counts(&|to| len(me, to)), counts(&|from| len(from, me)));
            let displs: Vec<i64> = (0..n as i64).map(|r| r * 60).collect();
            let fill = |p: &Process| {
                p.put_ints(RECV, &vec![-1; 60 * n]);
                (0..p.size).for_each(|to| {
                    p.put_ints(SEND + to as u64 * 240, &data(me, to, len(me, to)));
                });
            };
            let check = |p: &Process, what| {
                for from in 0..p.size {
                    let (at, len) = (RECV + from as u64 * 240, len(from, me));
                    assert_eq!(p.ints(at, len), data(from, me, len), "{what}");
                    assert_eq!(
                        p.ints(at + len as u64 * 4, 10),
                        [-1; 10],
                        "{what}: beyond the block"
                    );
                }
            };
            let spread = |at, counts| Spread {
                addr: Addr(at),
                counts,
                displs: &displs,
                datatype: INT,
            };
            fill(p);
            p.collective(&Collective::Alltoallv {
                send: spread(SEND, &sends),
                recv: spread(RECV, &recvs),
            });
            check(p, "alltoallv");
            let bytes: Vec<i64> = displs.iter().map(|displ| displ * 4).collect();
            let types = vec![INT; n];
            let typed = |at, counts| TypedSpread {
                addr: Addr(at),
                counts,
                displs: &bytes,
                datatypes: &types,
            };
            fill(p);
            p.collective(&Collective::Alltoallw {
                send: typed(SEND, &sends),
                recv: typed(RECV, &recvs),
            });
            check(p, "alltoallw");
            // Both parts of one buffer.
            let behind: Vec<i64> = displs
                .iter()
                .map(|d| d + (RECV - SEND) as i64 / 4)
                .collect();
            fill(p);
            p.collective(&Collective::Alltoallv {
                send: spread(SEND, &sends),
                recv: Spread {
                    displs: &behind,
                    ..spread(SEND, &recvs)
                },
            });
            check(p, "alltoallv within a buffer");
            let ones = vec![1; n];
            let same = Collective::Alltoallv {
                send: spread(RECV, &ones),
                recv: spread(RECV, &ones),
            };
            let refused = p.rank.collective(&mut p.guest, WORLD, &same).unwrap_err();
            assert_eq!(refused.class, Class::BUFFER);
            // In place the lengths are symmetric.
            let both = counts(&|other| len(me.min(other), me.max(other)));
            (0..p.size).for_each(|to| {
                p.put_ints(
                    RECV + to as u64 * 240,
                    &data(me, to, both[to as usize] as usize),
                );
            });
            p.collective(&Collective::Alltoallv {
                send: Spread {
                    addr: IN_PLACE,
                    ..spread(0, &[])
                },
                recv: spread(RECV, &both),
            });
            for from in 0..p.size {
                let len = both[from as usize] as usize;
                assert_eq!(
                    p.ints(RECV + from as u64 * 240, len),
                    data(from, me, len),
                    "alltoallv in place"
                );
            }
        });
    }
}

/// {int, 4 bytes nobody may touch, int}.
fn gapped(p: &Process) -> TypeHandle {
    let gapped = Datatype::vector(2, 1, 2, &Datatype::predefined(abi::MPI_INT).unwrap()).unwrap();
    let gapped = Datatype::resized(0, 16, &gapped).unwrap();
    gapped.commit();
    Rank::name(&p.rank.types, gapped).unwrap()
}

#[test]
fn ranks_may_describe_the_same_data_with_different_datatypes() {
    for size in SIZES {
        run_all_ways(size, |p| {
            let gapped = gapped(p);
            let (me, n) = (p.me, p.size as usize);
            // Spreads ints as the datatype does, with -7 in the gaps.
            let spread = |ints: &[i32]| {
                ints.chunks(2)
                    .flat_map(|c| [c[0], -7, c[1], -7])
                    .collect::<Vec<_>>()
            };
            for count in [2, 100, 30_000] {
                let typed = |at| Buffer {
                    addr: Addr(at),
                    count: count as i64 / 2,
                    datatype: gapped,
                };
                let value = data(0, 0, count);
                if me % 2 == 0 {
                    p.put_ints(
                        SEND,
                        &spread(&if me == 0 {
                            value.clone()
                        } else {
                            vec![-1; count]
                        }),
                    );
                    p.collective(&Collective::Bcast {
                        buffer: typed(SEND),
                        root: 0,
                    });
                    assert_eq!(
                        p.ints(SEND, 2 * count),
                        spread(&value),
                        "bcast of {count} to a type with gaps"
                    );
                } else {
                    p.collective(&Collective::Bcast {
                        buffer: int_span(SEND, count),
                        root: 0,
                    });
                    assert_eq!(
                        p.ints(SEND, count),
                        value,
                        "bcast of {count} from a type with gaps"
                    );
                }
            }
            for count in [2, 100, 5000] {
                let send = p.put_ints(SEND, &data(me, 0, count));
                let all = concat((0..p.size).map(|from| data(from, 0, count)));
                p.put_ints(RECV, &vec![-7; 2 * n * count]);
                let recv = Buffer {
                    addr: Addr(RECV),
                    count: count as i64 / 2,
                    datatype: gapped,
                };
                p.collective(&Collective::Allgather { send, recv });
                assert_eq!(
                    p.ints(RECV, 2 * n * count),
                    spread(&all),
                    "allgather of {count}"
                );
                p.put_ints(RECV, &spread(&data(me, 0, count)));
                let reduction = Reduction {
                    datatype: gapped,
                    send: IN_PLACE,
                    ..reduction(0, RECV, count / 2)
                };
                p.collective(&Collective::Allreduce(reduction));
                assert_eq!(
                    p.ints(RECV, 2 * count),
                    spread(&sum_of(0..p.size, count)),
                    "allreduce of {count}"
                );
            }
        });
    }
}
