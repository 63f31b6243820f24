//! Every collective through the engine, against the naive result: on one worker and
//! over two, blocking and not, for several sizes, roots and datatypes.

use super::*;
use crate::collective::{self, Collective, Reduction, Spread, TypedSpread};
use crate::datatype::Datatype;
use crate::handle::OpHandle;
use crate::op::UserOp;

const SIZES: [u32; 5] = [1, 2, 3, 5, 8];
/// Elements (of four bytes): small, copied and shown contributions.
const COUNTS: [usize; 4] = [1, 7, 1000, 20_000];
const SEND: u64 = 64;
const RECV: u64 = 2 << 20;
const SUM: OpHandle = OpHandle(abi::MPI_SUM);
const IN_PLACE: Addr = Addr(abi::MPI_IN_PLACE as u64);

impl Process {
    fn ints(&self, at: u64, count: usize) -> Vec<i32> {
        self.get(at, count * 4)
            .chunks_exact(4)
            .map(|b| i32::from_le_bytes(b.try_into().unwrap()))
            .collect()
    }

    fn put_ints(&self, at: u64, ints: &[i32]) -> Buffer {
        self.put(
            at,
            &ints
                .iter()
                .flat_map(|i| i.to_le_bytes())
                .collect::<Vec<_>>(),
        );
        int_span(at, ints.len())
    }

    fn collective(&mut self, call: &Collective<'_>) {
        self.rank.collective(&mut self.guest, WORLD, call).unwrap();
    }
}

fn int_span(at: u64, count: usize) -> Buffer {
    Buffer {
        addr: Addr(at),
        count: count as i64,
        datatype: INT,
    }
}

/// What rank `from` has for rank `to`.
fn data(from: i32, to: i32, count: usize) -> Vec<i32> {
    (0..count as i32)
        .map(|i| from * 1_000_003 + to * 7_919 + i)
        .collect()
}

fn sum_of(ranks: impl Iterator<Item = i32>, count: usize) -> Vec<i32> {
    let mut sum = vec![0; count];
    for rank in ranks {
        sum.iter_mut()
            .zip(data(rank, 0, count))
            .for_each(|(sum, x): (&mut i32, i32)| *sum = sum.wrapping_add(x));
    }
    sum
}

fn reduction(send: u64, recv: u64, count: usize) -> Reduction {
    Reduction {
        send: Addr(send),
        recv: Addr(recv),
        count: count as i64,
        datatype: INT,
        op: SUM,
    }
}

#[test]
fn bcast_from_every_root() {
    for size in SIZES {
        run_both(size, |p| {
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
fn allreduce_and_reduce() {
    for size in SIZES {
        run_both(size, |p| {
            for count in COUNTS {
                let all = sum_of(0..p.size, count);
                p.put_ints(SEND, &data(p.me, 0, count));
                p.collective(&Collective::Allreduce(reduction(SEND, RECV, count)));
                assert_eq!(p.ints(RECV, count), all, "allreduce {count}");
                p.put_ints(RECV, &data(p.me, 0, count));
                let data = Reduction {
                    send: IN_PLACE,
                    ..reduction(SEND, RECV, count)
                };
                p.collective(&Collective::Allreduce(data));
                assert_eq!(p.ints(RECV, count), all, "allreduce in place {count}");
                for root in 0..p.size {
                    p.put_ints(RECV, &vec![-5; count]);
                    p.collective(&Collective::Reduce {
                        data: reduction(SEND, RECV, count),
                        root,
                    });
                    let expected = if p.me == root {
                        all.clone()
                    } else {
                        vec![-5; count]
                    };
                    assert_eq!(p.ints(RECV, count), expected, "reduce to {root}, {count}");
                    assert_eq!(p.ints(SEND, count), self::data(p.me, 0, count));
                }
            }
        });
    }
}

/// All elements of the blocks of `ranks` ranks.
fn concat(blocks: impl Iterator<Item = Vec<i32>>) -> Vec<i32> {
    blocks.flatten().collect()
}

#[test]
fn gather_and_scatter() {
    for size in SIZES {
        run_both(size, |p| {
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
        run_both(size, |p| {
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
        run_both(size, |p| {
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

#[test]
fn reduce_scatter_and_scans() {
    for size in SIZES {
        run_both(size, |p| {
            let (me, n) = (p.me, p.size as usize);
            for count in [1, 40, 5000] {
                let whole = sum_of(0..p.size, count * n);
                let mine = &whole[me as usize * count..][..count];
                p.put_ints(SEND, &data(me, 0, count * n));
                p.collective(&Collective::ReduceScatterBlock(reduction(
                    SEND, RECV, count,
                )));
                assert_eq!(p.ints(RECV, count), mine, "reduce_scatter_block {count}");
                p.put_ints(RECV, &data(me, 0, count * n));
                p.collective(&Collective::ReduceScatterBlock(Reduction {
                    send: IN_PLACE,
                    ..reduction(0, RECV, count)
                }));
                assert_eq!(p.ints(RECV, count), mine, "in place {count}");

                let counts: Vec<i64> = (0..p.size)
                    .map(|rank| count as i64 + i64::from(rank % 3))
                    .collect();
                let before: i64 = counts[..me as usize].iter().sum();
                let own = counts[me as usize] as usize;
                let total = counts.iter().sum::<i64>() as usize;
                let mine = sum_of(0..p.size, total)[before as usize..][..own].to_vec();
                p.put_ints(SEND, &data(me, 0, total));
                p.put_ints(RECV, &vec![-1; own + 5]);
                p.collective(&Collective::ReduceScatter {
                    data: reduction(SEND, RECV, 0),
                    counts: &counts,
                });
                assert_eq!(p.ints(RECV, own), mine, "reduce_scatter {count}");
                assert_eq!(p.ints(RECV + own as u64 * 4, 5), [-1; 5]);

                p.put_ints(SEND, &data(me, 0, count));
                p.collective(&Collective::Scan(reduction(SEND, RECV, count)));
                assert_eq!(p.ints(RECV, count), sum_of(0..=me, count), "scan {count}");
                p.put_ints(RECV, &data(me, 0, count));
                p.collective(&Collective::Exscan(Reduction {
                    send: IN_PLACE,
                    ..reduction(0, RECV, count)
                }));
                let expected = if me == 0 {
                    data(0, 0, count)
                } else {
                    sum_of(0..me, count)
                };
                assert_eq!(p.ints(RECV, count), expected, "exscan in place {count}");
            }
        });
    }
}

/// 2x2 matrices of i32: their product is associative and does not commute.
fn product(a: &[i32], b: &[i32]) -> Vec<i32> {
    let dot = |i: usize, j: usize| {
        a[i].wrapping_mul(b[j])
            .wrapping_add(a[i + 1].wrapping_mul(b[j + 2]))
    };
    vec![dot(0, 0), dot(0, 1), dot(2, 0), dot(2, 1)]
}

/// A function of the guest that multiplies `*len` matrices.
fn multiply(p: &mut Process) -> OpHandle {
    let memory = Arc::clone(p.rank.memory());
    let ints = move |at: u32, count: usize| {
        let mut bytes = vec![0; count * 4];
        memory.read(Addr(at.into()), &mut bytes).unwrap();
        bytes
            .chunks_exact(4)
            .map(|b| i32::from_le_bytes(b.try_into().unwrap()))
            .collect::<Vec<_>>()
    };
    let memory = Arc::clone(p.rank.memory());
    let function = move |args: &[u32]| {
        let len = ints(args[2], 1)[0] as usize;
        let (left, right) = (ints(args[0], len * 4), ints(args[1], len * 4));
        let products = left
            .chunks_exact(4)
            .zip(right.chunks_exact(4))
            .flat_map(|(a, b)| product(a, b));
        let bytes: Vec<u8> = products.flat_map(i32::to_le_bytes).collect();
        memory.write(Addr(args[1].into()), &bytes).unwrap();
        None
    };
    p.guest.functions.insert(7, Box::new(function));
    p.rank
        .op_create(UserOp {
            function: GuestFn(7),
            commutative: false,
            large: false,
        })
        .unwrap()
}

#[test]
fn a_function_of_the_guest_combines_in_rank_order() {
    for size in SIZES {
        run_both(size, |p| {
            let op = multiply(p);
            let matrix =
                Datatype::contiguous(4, &Datatype::predefined(abi::MPI_INT).unwrap()).unwrap();
            matrix.commit();
            let datatype = Rank::name(&p.rank.types, matrix).unwrap();
            let count = 20;
            let mine = data(p.me, 3, count * 4);
            let combined = |ranks: std::ops::Range<i32>| {
                ranks.map(|rank| data(rank, 3, count * 4)).reduce(|a, b| {
                    a.chunks_exact(4)
                        .zip(b.chunks_exact(4))
                        .flat_map(|(a, b)| product(a, b))
                        .collect()
                })
            };
            p.put_ints(SEND, &mine);
            let reduction = Reduction {
                send: Addr(SEND),
                recv: Addr(RECV),
                count: count as i64,
                datatype,
                op,
            };
            p.collective(&Collective::Allreduce(reduction));
            assert_eq!(
                Some(p.ints(RECV, count * 4)),
                combined(0..p.size),
                "allreduce"
            );
            for root in 0..p.size {
                p.collective(&Collective::Reduce {
                    data: reduction,
                    root,
                });
                if p.me == root {
                    assert_eq!(
                        Some(p.ints(RECV, count * 4)),
                        combined(0..p.size),
                        "reduce to {root}"
                    );
                }
            }
            p.collective(&Collective::Scan(reduction));
            assert_eq!(Some(p.ints(RECV, count * 4)), combined(0..p.me + 1), "scan");
            p.rank.op_free(op).unwrap();
            assert_eq!(p.rank.op_free(op).unwrap_err().class, Class::OP);
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
        run_both(size, |p| {
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

#[test]
fn nobody_leaves_a_barrier_before_all_have_come() {
    use std::sync::atomic::{AtomicI32, Ordering};
    for size in SIZES {
        let arrived = AtomicI32::new(0);
        run_both(size, |p| {
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
        run_both(size, |p| {
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
        run_both(size, |p| {
            let op = multiply(p);
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
            p.rank.op_free(op).unwrap();
        });
    }
}

#[test]
fn wrong_arguments_are_named() {
    run(2, |p| {
        let rank = |p: &mut Process, call: &Collective<'_>| {
            p.rank
                .collective(&mut p.guest, WORLD, call)
                .unwrap_err()
                .class
        };
        let ints = int_span(SEND, 4);
        for root in [-1, 2, abi::MPI_ROOT, i32::MAX] {
            assert_eq!(
                rank(p, &Collective::Bcast { buffer: ints, root }),
                Class::ROOT
            );
        }
        let negative = Buffer { count: -1, ..ints };
        assert_eq!(
            rank(
                p,
                &Collective::Bcast {
                    buffer: negative,
                    root: 0
                }
            ),
            Class::COUNT
        );
        let huge = Buffer {
            count: i64::MAX,
            ..ints
        };
        assert_eq!(
            rank(
                p,
                &Collective::Allgather {
                    send: huge,
                    recv: huge
                }
            ),
            Class::COUNT
        );
        let beyond = Buffer {
            addr: Addr(MEMORY as u64 - 4),
            ..ints
        };
        assert_eq!(
            rank(
                p,
                &Collective::Bcast {
                    buffer: beyond,
                    root: p.me
                }
            ),
            Class::BUFFER
        );
        let in_place = Buffer {
            addr: IN_PLACE,
            ..ints
        };
        assert_eq!(
            rank(
                p,
                &Collective::Bcast {
                    buffer: in_place,
                    root: 0
                }
            ),
            Class::BUFFER
        );
        assert_eq!(
            rank(p, &Collective::Allreduce(reduction(SEND, SEND, 4))),
            Class::BUFFER
        );
        assert_eq!(
            rank(
                p,
                &Collective::Alltoall {
                    send: ints,
                    recv: ints
                }
            ),
            Class::BUFFER
        );
        let data = Reduction {
            op: OpHandle(abi::MPI_OP_NULL),
            ..reduction(SEND, RECV, 4)
        };
        assert_eq!(rank(p, &Collective::Allreduce(data)), Class::OP);
        let data = Reduction {
            op: OpHandle(abi::MPI_REPLACE),
            ..reduction(SEND, RECV, 4)
        };
        assert_eq!(rank(p, &Collective::Allreduce(data)), Class::OP);
        let data = Reduction {
            datatype: TypeHandle(abi::MPI_FLOAT),
            op: OpHandle(abi::MPI_BAND),
            ..reduction(SEND, RECV, 4)
        };
        assert_eq!(rank(p, &Collective::Allreduce(data)), Class::OP);
        let untyped = Buffer {
            datatype: TypeHandle(abi::MPI_DATATYPE_NULL),
            ..ints
        };
        assert_eq!(
            rank(
                p,
                &Collective::Bcast {
                    buffer: untyped,
                    root: 0
                }
            ),
            Class::TYPE
        );
        let other = CommHandle(abi::MPI_COMM_NULL);
        let error = p
            .rank
            .collective(&mut p.guest, other, &Collective::Barrier)
            .unwrap_err();
        assert_eq!(error.class, Class::COMM);
        assert_eq!(
            rank(
                p,
                &Collective::NeighborAllgather {
                    send: ints,
                    recv: ints
                }
            ),
            Class::TOPOLOGY
        );
    });
}

#[test]
fn an_ending_job_wakes_who_waits_in_a_collective() {
    for of_rank in [[0, 0, 0], [0, 0, 1]] {
        let cluster = Cluster::new(&of_rank);
        cluster.run(|p| {
            p.rank.init().unwrap();
            if p.me == 2 {
                cluster
                    .worlds
                    .iter()
                    .for_each(|world| world.abort(3, "enough"));
                return;
            }
            let error = p
                .rank
                .collective(&mut p.guest, WORLD, &Collective::Barrier)
                .unwrap_err();
            assert_eq!(error.class, Class::INTERRUPTED);
        });
    }
}

#[test]
fn ranks_exchange_values_of_the_host() {
    for size in SIZES {
        run_both(size, |p| {
            let comm = p.rank.comm(WORLD).unwrap().into_owned();
            assert_eq!(
                collective::agree_max(&p.rank, &comm, 10 + p.me as u32 % 3).unwrap(),
                10 + (p.size as u32 - 1).min(2)
            );
            let all = collective::exchange(&p.rank, &comm, &[p.me as u8, 9]).unwrap();
            assert_eq!(
                all,
                (0..p.size as u8).map(|r| vec![r, 9]).collect::<Vec<_>>()
            );
            // The even ranks, from the top.
            let members: Vec<u32> = (0..p.size as u32).filter(|r| r % 2 == 0).rev().collect();
            if p.me % 2 == 0 {
                let all =
                    collective::exchange_among(&p.rank, &comm, 5, &members, &[p.me as u8]).unwrap();
                assert_eq!(
                    all,
                    members.iter().map(|&r| vec![r as u8]).collect::<Vec<_>>()
                );
            }
        });
    }
}
