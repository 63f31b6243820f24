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
