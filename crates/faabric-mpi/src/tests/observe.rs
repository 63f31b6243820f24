//! What a recorder sees of a rank's calls.

use super::*;
use crate::On;
use crate::collective::Spread;
use crate::observe::{Recorder, Sink};
use crate::send::SendMode::{Buffered, Standard, Synchronous};
use crate::{Attachable, Collective};
use faabric_wire::proto::{MpiMessage, MpiReport};
use parking_lot::Mutex;

type Reports = Arc<Mutex<Vec<MpiReport>>>;

struct Keep(Reports);

impl Sink for Keep {
    fn offer(&self, piece: MpiReport) -> bool {
        self.0.lock().push(piece);
        true
    }

    fn last(&self, piece: MpiReport) {
        self.0.lock().push(piece);
    }
}

/// Runs `program` in every rank, recorded; gives what each reported.
fn record(of_rank: &[u32], program: impl Fn(&mut Process) + Sync) -> Vec<Vec<MpiReport>> {
    let cluster = Cluster::new(of_rank);
    let kept: Vec<Reports> = of_rank.iter().map(|_| Arc::default()).collect();
    let recorders: Vec<Arc<Recorder>> = kept
        .iter()
        .map(|reports| Arc::new(Recorder::new(true, 0, Box::new(Keep(reports.clone())))))
        .collect();
    for (rank, recorder) in recorders.iter().enumerate() {
        let world = &cluster.worlds[of_rank[rank] as usize];
        world.record(id::Rank(rank as u32), recorder.clone());
    }
    cluster.run(|p| {
        assert!(p.rank.is_watched());
        p.rank.init().unwrap();
        program(p);
        p.rank.finalize(&mut p.guest).unwrap();
    });
    recorders.iter().for_each(|recorder| recorder.finish());
    kept.iter().map(|reports| reports.lock().clone()).collect()
}

/// One MPI call, as the host makes it.
fn call<T>(p: &mut Process, name: &str, body: impl FnOnce(&mut Process) -> T) -> T {
    let entered = p.rank.enter(0).unwrap();
    let result = body(p);
    p.rank.leave(entered, name, On::Comm(WORLD));
    result
}

fn messages(reports: &[MpiReport]) -> impl Iterator<Item = &MpiMessage> {
    let calls = reports.iter().flat_map(|report| &report.calls);
    calls.flat_map(|call| &call.messages)
}

/// Checks that every message that was received is one that was sent, and that all are.
fn check_arrows(reports: &[Vec<MpiReport>], expected: usize) {
    let mut sent = HashMap::new();
    for (rank, reports) in reports.iter().enumerate() {
        for message in messages(reports).filter(|message| !message.received) {
            assert_ne!(message.flow, 0);
            let again = sent.insert(message.flow, (rank as u32, *message));
            assert_eq!(again, None, "two messages with one number");
        }
    }
    assert_eq!(sent.len(), expected);
    for (rank, reports) in reports.iter().enumerate() {
        for message in messages(reports).filter(|message| message.received) {
            let (from, send) = sent.remove(&message.flow).expect("a message that was sent");
            assert_eq!((message.peer, send.peer), (from, rank as u32));
            let all = |m: &MpiMessage| (m.tag, m.bytes, m.comm);
            assert_eq!(all(message), all(&send));
        }
    }
    assert_eq!(sent.len(), 0, "what was sent was received");
}

/// On one worker, and on two.
const PLACES: [[u32; 2]; 2] = [[0, 0], [0, 1]];

#[test]
fn arrows_join_the_right_messages_however_they_are_sent_and_received() {
    for of_rank in PLACES {
        let reports = record(&of_rank, |p| {
            let peer = 1 - p.me;
            // The lengths tell the messages of one tag apart.
            if p.me == 0 {
                let room = 1 << 20;
                p.rank.buffer_attach(Attachable::Process, 8, room).unwrap();
                for len in [1, 5000, 100_000] {
                    for mode in [Standard, Buffered, Synchronous, Standard] {
                        let to = to(peer, 1);
                        call(p, "MPI_Send", |p| {
                            p.rank.send(&mut p.guest, mode, &span(0, len), to).unwrap();
                        });
                    }
                }
                p.rank
                    .buffer_detach(&mut p.guest, Attachable::Process)
                    .unwrap();
                let recipe = p
                    .rank
                    .send_init(Standard, &span(0, 7), to(peer, 1))
                    .unwrap();
                for _ in 0..3 {
                    call(p, "MPI_Start", |p| {
                        p.rank.start(&mut p.guest, recipe).unwrap()
                    });
                    call(p, "MPI_Wait", |p| {
                        p.rank.wait(&mut p.guest, &mut recipe.clone()).unwrap();
                    });
                }
            } else {
                // Four posted, and waited for from the last to the first.
                let post = |p: &mut Process| p.rank.irecv(&span(0, 1), from(ANY, ANY_TAG)).unwrap();
                let mut requests: Vec<_> = (0..4).map(|_| post(p)).collect();
                while let Some(mut request) = requests.pop() {
                    call(p, "MPI_Wait", |p| {
                        p.rank.wait(&mut p.guest, &mut request).unwrap()
                    });
                }
                for n in 0..4 {
                    call(p, "MPI_Recv", |p| {
                        let (buffer, from) =
                            (span(0, 5000), from(peer, if n < 2 { 1 } else { ANY_TAG }));
                        p.rank.recv(&mut p.guest, &buffer, from).unwrap();
                    });
                }
                for _ in 0..4 {
                    let mprobe = |p: &mut Process| p.rank.mprobe(&mut p.guest, from(ANY, 1));
                    let (mut message, _) = call(p, "MPI_Mprobe", mprobe).unwrap();
                    call(p, "MPI_Mrecv", |p| {
                        p.rank
                            .mrecv(&mut p.guest, &span(0, 100_000), &mut message)
                            .unwrap();
                    });
                }
                for _ in 0..3 {
                    let recv =
                        |p: &mut Process| p.rank.recv(&mut p.guest, &span(0, 7), from(peer, 1));
                    call(p, "MPI_Recv", recv).unwrap();
                }
            }
            call(p, "MPI_Sendrecv", |p| {
                let (out, into) = (span(0, 9), span(16, 9));
                let exchange =
                    p.rank
                        .sendrecv(&mut p.guest, &out, to(peer, 5), &into, from(peer, 5));
                exchange.unwrap();
            });
        });
        check_arrows(&reports, 12 + 3 + 2);
    }
}

#[test]
fn sums_are_of_what_was_sent_received_and_put_into_collectives() {
    for of_rank in PLACES {
        let reports = record(&of_rank, |p| {
            let peer = 1 - p.me;
            let mut request = p.rank.irecv(&span(64, 50), from(peer, 0)).unwrap();
            call(p, "MPI_Send", |p| {
                p.rank
                    .send(
                        &mut p.guest,
                        Standard,
                        &span(0, 30 + p.me as usize),
                        to(peer, 0),
                    )
                    .unwrap();
            });
            call(p, "MPI_Wait", |p| {
                p.rank.wait(&mut p.guest, &mut request).unwrap()
            });
            let buffer = span(0, 11);
            call(p, "MPI_Bcast", |p| {
                let bcast = Collective::Bcast { buffer, root: 0 };
                p.rank.collective(&mut p.guest, WORLD, &bcast).unwrap();
            });
        });
        for (rank, reports) in (0..2).zip(&reports) {
            let summary = reports.last().unwrap().summary.as_ref().unwrap();
            let of = |name: &str| summary.functions.iter().find(|f| f.name == name).unwrap();
            assert_eq!((of("MPI_Send").calls, of("MPI_Send").bytes), (1, 30 + rank));
            assert_eq!(of("MPI_Wait").bytes, 30 + (1 - rank));
            assert_eq!(of("MPI_Bcast").bytes, 11);
            let [peer] = &summary.sent[..] else {
                panic!("{:?}", summary.sent)
            };
            assert_eq!(
                (u64::from(peer.rank), peer.messages, peer.bytes),
                (1 - rank, 1, 30 + rank)
            );
            assert_eq!(reports.last().unwrap().calls[0].comm, Some(0));
        }
    }
}

#[test]
fn collectives_count_every_block_that_a_rank_sends() {
    const PERSISTENT: usize = 11;
    for of_rank in [[0, 0, 0], [0, 1, 0]] {
        let reports = record(&of_rank, |p| {
            let (rank, guest) = (&p.rank, &mut p.guest);
            let line = rank.cart_create(guest, WORLD, &[3], &[false]).unwrap();
            let side = i32::from(p.me > 0);
            let local = rank.comm_split(guest, WORLD, side, 0).unwrap();
            let inter = rank.intercomm_create(guest, local, 0, WORLD, 1 - side, 12);
            let inter = inter.unwrap();
            call(p, "MPI_Neighbor_alltoall", |p| {
                let (send, recv) = (span(0, 4), span(64, 4));
                let exchange = Collective::NeighborAlltoall { send, recv };
                p.rank.collective(&mut p.guest, line, &exchange).unwrap();
            });
            call(p, "MPI_Neighbor_alltoallv", |p| {
                let spread = |addr| Spread {
                    addr: Addr(addr),
                    counts: &[3, 5],
                    displs: &[0, 8],
                    datatype: BYTE,
                };
                // A rank gets from its left what that sends to its right.
                let recv = Spread {
                    counts: &[5, 3],
                    ..spread(64)
                };
                let exchange = Collective::NeighborAlltoallv {
                    send: spread(0),
                    recv,
                };
                p.rank.collective(&mut p.guest, line, &exchange).unwrap();
            });
            call(p, "MPI_Alltoall", |p| {
                let (send, recv) = (span(0, 5), span(64, 5));
                let exchange = Collective::Alltoall { send, recv };
                p.rank.collective(&mut p.guest, inter, &exchange).unwrap();
            });
            let buffer = span(0, PERSISTENT);
            let bcast = Collective::Bcast { buffer, root: 0 };
            let mut bcast = p.rank.collective_init(WORLD, &bcast).unwrap();
            for _ in 0..2 {
                call(p, "MPI_Start", |p| {
                    p.rank.start(&mut p.guest, bcast).unwrap();
                });
                p.rank.wait(&mut p.guest, &mut bcast).unwrap();
            }
        });
        for (rank, reports) in reports.iter().enumerate() {
            let summary = reports.last().unwrap().summary.as_ref().unwrap();
            let of = |name: &str| {
                let found = summary.functions.iter().find(|f| f.name == name);
                found.unwrap().bytes
            };
            // Between ranks of a line, and from the first to the other two.
            let expected = [([4, 5], 10), ([8, 8], 5), ([4, 3], 5)][rank];
            let neighbours = ["MPI_Neighbor_alltoall", "MPI_Neighbor_alltoallv"].map(of);
            assert_eq!((neighbours, of("MPI_Alltoall")), expected, "rank {rank}");
            assert_eq!(of("MPI_Start"), 2 * PERSISTENT as u64);
        }
    }
}
