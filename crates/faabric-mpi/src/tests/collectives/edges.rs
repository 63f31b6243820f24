//! Collectives along the edges of a topology, and between two groups.

use super::*;
use crate::topology::Cart;

#[test]
fn neighbours_on_a_grid_exchange_by_direction() {
    // Two and one ranks in a periodic dimension: both neighbours are the same process.
    for (size, dims) in [(1, [1, 1]), (2, [2, 1]), (4, [2, 2]), (6, [3, 2])] {
        run_both(size, |p| {
            let comm = p
                .rank
                .cart_create(&mut p.guest, WORLD, &dims, &[true, false])
                .unwrap();
            let cart = Cart::new(&dims, &[true, false], p.size as u32).unwrap();
            let neighbours: Vec<i32> = (0..2)
                .flat_map(|d| {
                    let (below, above) = cart.shift(p.me, d, 1).unwrap();
                    [below, above]
                })
                .collect();
            let blocks = concat((0..4).map(|i| data(p.me, i, 3)));
            let send = Buffer {
                count: 3,
                ..p.put_ints(SEND, &blocks)
            };
            p.put_ints(RECV, &[-1; 12]);
            let recv = int_span(RECV, 3);
            let call = Collective::NeighborAlltoall { send, recv };
            p.rank.collective(&mut p.guest, comm, &call).unwrap();
            for (i, &from) in neighbours.iter().enumerate() {
                // What comes from below was sent up: block i ^ 1 of that neighbour.
                let expected = if from < 0 {
                    vec![-1; 3]
                } else {
                    data(from, i as i32 ^ 1, 3)
                };
                assert_eq!(
                    p.ints(RECV + 12 * i as u64, 3),
                    expected,
                    "from neighbour {i} of {dims:?}"
                );
            }
            p.put_ints(RECV, &[-1; 12]);
            let call = Collective::NeighborAllgather { send, recv };
            p.rank.collective(&mut p.guest, comm, &call).unwrap();
            for (i, &from) in neighbours.iter().enumerate() {
                let expected = if from < 0 {
                    vec![-1; 3]
                } else {
                    data(from, 0, 3)
                };
                assert_eq!(p.ints(RECV + 12 * i as u64, 3), expected);
            }
        });
    }
}

/// The even ranks and the odd ranks of the world, as an intercommunicator.
fn even_and_odd(p: &mut Process) -> CommHandle {
    let mine = p
        .rank
        .comm_split(&mut p.guest, WORLD, p.me % 2, p.me)
        .unwrap();
    p.rank
        .intercomm_create(&mut p.guest, mine, 0, WORLD, 1 - p.me % 2, 9)
        .unwrap()
}

#[test]
fn groups_get_what_the_other_group_gives() {
    for size in [2, 3, 6] {
        run_both(size, |p| {
            let comm = even_and_odd(p);
            let mine: Vec<i32> = (0..p.size).filter(|r| r % 2 == p.me % 2).collect();
            let others: Vec<i32> = (0..p.size).filter(|r| r % 2 != p.me % 2).collect();
            let count = 50;
            let send = p.put_ints(SEND, &data(p.me, 0, count));
            let recv = int_span(RECV, count);
            let call = |p: &mut Process, call: &Collective<'_>| {
                p.rank.collective(&mut p.guest, comm, call).unwrap()
            };

            call(p, &Collective::Barrier);
            call(p, &Collective::Allgather { send, recv });
            let all = concat(others.iter().map(|&from| data(from, 0, count)));
            assert_eq!(p.ints(RECV, count * others.len()), all, "allgather");
            call(p, &Collective::Allreduce(reduction(SEND, RECV, count)));
            assert_eq!(
                p.ints(RECV, count),
                sum_of(others.iter().copied(), count),
                "allreduce"
            );

            // The root is the first even rank.
            let root = match p.me {
                0 => abi::MPI_ROOT,
                _ if p.me % 2 == 0 => abi::MPI_PROC_NULL,
                _ => 0,
            };
            p.put_ints(RECV, &data(p.me, 4, count));
            call(p, &Collective::Bcast { buffer: recv, root });
            let expected = if p.me % 2 == 0 { p.me } else { 0 };
            assert_eq!(p.ints(RECV, count), data(expected, 4, count), "bcast");
            call(
                p,
                &Collective::Reduce {
                    data: reduction(SEND, RECV, count),
                    root,
                },
            );
            if p.me == 0 {
                assert_eq!(
                    p.ints(RECV, count),
                    sum_of(others.iter().copied(), count),
                    "reduce"
                );
            }
            call(p, &Collective::Gather { send, recv, root });
            if p.me == 0 {
                assert_eq!(p.ints(RECV, count * others.len()), all, "gather");
            }
            let blocks = concat(others.iter().map(|&to| data(p.me, to, count)));
            let send = Buffer {
                count: count as i64,
                ..p.put_ints(SEND, &blocks)
            };
            call(p, &Collective::Alltoall { send, recv });
            let incoming = concat(others.iter().map(|&from| data(from, p.me, count)));
            assert_eq!(p.ints(RECV, count * others.len()), incoming, "alltoall");

            // As many elements for all of one group as for all of the other.
            let total = mine.len() * others.len() * 5;
            p.put_ints(SEND, &data(p.me, 0, total));
            let share = total / mine.len();
            let before = mine.iter().position(|&r| r == p.me).unwrap() * share;
            let whole = sum_of(others.iter().copied(), total);
            call(
                p,
                &Collective::ReduceScatterBlock(reduction(SEND, RECV, share)),
            );
            assert_eq!(
                p.ints(RECV, share),
                whole[before..][..share],
                "reduce_scatter_block"
            );
            let counts = vec![share as i64; mine.len()];
            call(
                p,
                &Collective::ReduceScatter {
                    data: reduction(SEND, RECV, 0),
                    counts: &counts,
                },
            );
            assert_eq!(
                p.ints(RECV, share),
                whole[before..][..share],
                "reduce_scatter"
            );
        });
    }
}
