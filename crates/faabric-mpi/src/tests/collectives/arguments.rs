//! Wrong arguments, and jobs that end.

use super::*;

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
