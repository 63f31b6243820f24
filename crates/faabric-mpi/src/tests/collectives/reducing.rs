//! Reductions: predefined operations and functions of the guest.

use super::*;

#[test]
fn allreduce_and_reduce() {
    for size in SIZES {
        run_all_ways(size, |p| {
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

#[test]
fn reduce_scatter_and_scans() {
    for size in SIZES {
        run_all_ways(size, |p| {
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
        run_all_ways(size, |p| {
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

/// A guest whose only function asks about the datatype it is given.
struct Asking<'a> {
    rank: &'a Rank,
    given: Vec<(TypeHandle, u64)>,
}

impl Guest for Asking<'_> {
    fn call(&mut self, _: GuestFn, args: &[u32]) -> Result<Option<u32>, Trap> {
        let mut handle = [0; 4];
        self.rank
            .memory()
            .read(Addr(args[3].into()), &mut handle)
            .unwrap();
        let handle = TypeHandle(u32::from_le_bytes(handle));
        let size = self.rank.type_of(handle).unwrap().size();
        self.given.push((handle, size));
        Ok(None)
    }

    fn call_with(&mut self, _: GuestFn, _: &[Argument]) -> Result<Option<u32>, Trap> {
        Err(Trap("it has one function".into()))
    }

    fn scratch(&mut self, len: u64) -> Result<Addr> {
        TestGuest::default().scratch(len)
    }
}

#[test]
fn a_function_gets_the_datatype_also_when_it_was_freed() {
    run_both(2, |p| {
        let rank = &p.rank;
        let mut guest = Asking {
            rank,
            given: Vec::new(),
        };
        let contiguous = |ints| {
            let int = Datatype::predefined(abi::MPI_INT).unwrap();
            let made = Datatype::contiguous(ints, &int).unwrap();
            made.commit();
            Rank::name(&rank.types, made).unwrap()
        };
        let op = UserOp {
            function: GuestFn(7),
            commutative: true,
            large: false,
        };
        let op = rank.op_create(op).unwrap();
        let freed = contiguous(4);
        let reduction = Reduction {
            send: Addr(SEND),
            recv: Addr(RECV),
            count: 3,
            datatype: freed,
            op,
        };
        let allreduce = Collective::Allreduce(reduction);
        let mut again = rank.collective_init(WORLD, &allreduce).unwrap();
        rank.start(&mut guest, again).unwrap();
        rank.wait(&mut guest, &mut again).unwrap();
        rank.collective(&mut guest, WORLD, &allreduce).unwrap();
        assert_eq!(guest.given.len(), 2);
        assert!(
            guest.given.drain(..).all(|given| given == (freed, 16)),
            "it gets the handle that the call got"
        );

        // Rank 1 takes part when rank 0 has freed its type and used its slot again.
        if p.me == 1 {
            rank.recv(&mut guest, &span(0, 1), from(0, 1)).unwrap();
        }
        let mut once = rank
            .collective_start(&mut guest, WORLD, &allreduce)
            .unwrap();
        rank.type_free(&mut guest, &mut { freed }).unwrap();
        let mut other = contiguous(5);
        if p.me == 0 {
            let mode = crate::send::SendMode::Standard;
            rank.send(&mut guest, mode, &span(0, 1), to(1, 1)).unwrap();
        }
        rank.wait(&mut guest, &mut once).unwrap();
        rank.start(&mut guest, again).unwrap();
        rank.wait(&mut guest, &mut again).unwrap();
        assert_eq!(guest.given.len(), 2);
        assert!(guest.given.iter().all(|&(_, size)| size == 16));
        assert!(rank.type_of(guest.given[1].0).is_err(), "it was lent only");
        rank.request_free(&mut guest, &mut again).unwrap();
        rank.type_free(&mut guest, &mut other).unwrap();
        assert!(rank.types.lock().is_empty());
    });
}
