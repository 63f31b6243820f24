//! Messages between ranks: order, sizes, modes, wildcards, faults.

use super::*;
use crate::mailbox::BUFFERED_MAX;
use crate::send::SendMode::{Buffered, Ready, Standard, Synchronous};
use crate::status::Status;
use faabric_wire::fabric::{LinkError, Sink};
use proptest::prelude::*;
use std::time::{Duration, Instant};

/// Sizes on both sides of every threshold: the ring's slots and pages, local and remote
/// eager, a packet's inline payload.
pub(super) const SIZES: &[usize] = &[
    0, 1, 8, 104, 105, 4096, 4097, 8192, 8193, 65_536, 65_537, 300_000, 1_000_000,
];

pub(super) fn pattern(len: usize, seed: usize) -> Vec<u8> {
    (0..len)
        .map(|i| (i * 7 + seed * 13 + i / 251) as u8)
        .collect()
}

#[test]
fn every_size_arrives_whole_in_every_mode() {
    run_both(2, |p| {
        for (i, &len) in SIZES.iter().enumerate() {
            for mode in [Standard, Synchronous, Ready, Buffered] {
                if p.me == 0 {
                    if mode == Buffered {
                        p.rank
                            .buffer_attach(crate::Attachable::Process, 64, len as i64 + 512)
                            .unwrap();
                    }
                    let buffer = p.put(8, &pattern(len, i));
                    p.rank
                        .send(&mut p.guest, mode, &buffer, to(1, i as i32))
                        .unwrap();
                    if mode == Buffered {
                        p.put(8, &vec![0xee; len]);
                        p.rank
                            .buffer_detach(&mut p.guest, crate::Attachable::Process)
                            .unwrap();
                    }
                } else {
                    let buffer = span(16, len + 5);
                    let status = p
                        .rank
                        .recv(&mut p.guest, &buffer, from(0, i as i32))
                        .unwrap();
                    assert_eq!(
                        (status.source, status.tag, status.bytes),
                        (0, i as i32, len as u64)
                    );
                    assert_eq!(p.get(16, len), pattern(len, i), "{len} bytes, {mode:?}");
                }
            }
        }
    });
}

#[test]
fn messages_do_not_overtake_each_other() {
    run_both(2, |p| {
        const COUNT: usize = 400;
        let size = |i: usize| [8, 200, 20_000, 0, 70_000][i % 5];
        if p.me == 0 {
            let mut requests = Vec::new();
            for i in 0..COUNT {
                let mut bytes = pattern(size(i), i);
                if let Some(first) = bytes.first_mut() {
                    *first = i as u8;
                }
                let at = (i % 5 * 100_000) as u64;
                if i >= 5 {
                    p.rank.wait(&mut p.guest, &mut requests[i - 5]).unwrap();
                }
                let buffer = p.put(at, &bytes);
                requests.push(p.rank.isend(Standard, &buffer, to(1, 3)).unwrap());
            }
            p.rank.waitall(&mut p.guest, &mut requests).unwrap();
        } else {
            for i in 0..COUNT {
                let buffer = span(0, 100_000);
                let origin = if i % 3 == 0 {
                    from(ANY, ANY_TAG)
                } else {
                    from(0, 3)
                };
                let status = p.rank.recv(&mut p.guest, &buffer, origin).unwrap();
                assert_eq!(status.bytes as usize, size(i), "message {i}");
                if size(i) > 0 {
                    assert_eq!(p.get(0, 1), [i as u8]);
                }
            }
        }
    });
}

#[test]
fn a_flood_of_small_messages_is_bounded_and_whole() {
    run_both(3, |p| {
        const COUNT: i32 = 30_000;
        if p.me == 0 {
            // Nothing is received until both senders must have met the bound.
            let mut next = [0; 3];
            let mut first = None;
            while first.is_none() {
                first = p.rank.iprobe(&mut p.guest, from(2, 1)).unwrap();
            }
            // It looks for another message meanwhile, and so takes in what arrives.
            let end = Instant::now() + Duration::from_millis(300);
            while Instant::now() < end {
                let other = p.rank.iprobe(&mut p.guest, from(ANY, 2)).unwrap();
                assert!(other.is_none());
            }
            let buffered = p.rank.mailbox().lock().buffered;
            assert!(buffered < BUFFERED_MAX + BUFFERED_MAX / 4, "{buffered}");
            for _ in 0..2 * COUNT {
                let buffer = span(0, 4);
                let status = p.rank.recv(&mut p.guest, &buffer, from(ANY, 1)).unwrap();
                let source = status.source as usize;
                assert_eq!(p.get(0, 4), i32::to_le_bytes(next[source]));
                next[source] += 1;
            }
        } else {
            // Sends that wait for nothing, each of its own bytes.
            let mut requests = Vec::new();
            for i in 0..COUNT {
                let buffer = p.put(16 * i as u64, &i.to_le_bytes());
                requests.push(p.rank.isend(Standard, &buffer, to(0, 1)).unwrap());
            }
            p.rank.waitall(&mut p.guest, &mut requests).unwrap();
        }
    });
}

#[test]
fn a_message_longer_than_the_buffer_is_truncated_and_both_lengths_are_named() {
    run_both(2, |p| {
        for len in [50, 500, 20_000, 100_000] {
            for posted_first in [true, false] {
                if p.me == 0 {
                    let buffer = p.put(0, &pattern(len, 1));
                    if posted_first {
                        let mut none = span(0, 0);
                        none.addr = Addr(0);
                        p.rank.recv(&mut p.guest, &none, from(1, 9)).unwrap();
                    }
                    p.rank
                        .send(&mut p.guest, Standard, &buffer, to(1, 2))
                        .unwrap();
                } else {
                    p.put(0, &vec![0xaa; len]);
                    let buffer = span(0, 40);
                    let mut request = p.rank.irecv(&buffer, from(0, 2)).unwrap();
                    if posted_first {
                        let none = span(0, 0);
                        p.rank
                            .send(&mut p.guest, Standard, &none, to(0, 9))
                            .unwrap();
                    }
                    let error = p.rank.wait(&mut p.guest, &mut request).unwrap_err();
                    assert_eq!(error.class, Class::TRUNCATE);
                    assert!(error.message.contains(&format!("{len} bytes")), "{error}");
                    assert!(error.message.contains("buffer 40"), "{error}");
                    assert_eq!(
                        p.get(40, len - 40),
                        vec![0xaa; len - 40],
                        "nothing beyond it"
                    );
                }
            }
        }
    });
}

#[test]
fn a_synchronous_send_waits_for_its_receive() {
    run_both(2, |p| {
        if p.me == 0 {
            let buffer = p.put(0, b"x");
            let mut request = p.rank.isend(Synchronous, &buffer, to(1, 1)).unwrap();
            // The receiver answers only what was sent after; it has not received ours.
            p.rank
                .send(&mut p.guest, Standard, &buffer, to(1, 2))
                .unwrap();
            p.rank.recv(&mut p.guest, &span(8, 1), from(1, 3)).unwrap();
            assert_eq!(p.rank.test(&mut p.guest, &mut request).unwrap(), None);
            p.rank
                .send(&mut p.guest, Standard, &buffer, to(1, 4))
                .unwrap();
            p.rank.wait(&mut p.guest, &mut request).unwrap();
        } else {
            let buffer = span(0, 1);
            p.rank.recv(&mut p.guest, &buffer, from(0, 2)).unwrap();
            p.rank
                .send(&mut p.guest, Standard, &buffer, to(0, 3))
                .unwrap();
            p.rank.recv(&mut p.guest, &buffer, from(0, 4)).unwrap();
            p.rank.recv(&mut p.guest, &buffer, from(0, 1)).unwrap();
        }
    });
}

#[test]
fn derived_types_cross_every_path() {
    use crate::datatype::Datatype;
    run_both(2, |p| {
        // Every other int of an array: gaps on the sender's side only.
        for ints in [4usize, 40, 5_000, 100_000] {
            if p.me == 0 {
                let int = p.rank.datatype(INT).unwrap().into_owned();
                let vector = Datatype::vector(ints as i64, 1, 2, &int).unwrap();
                vector.commit();
                let datatype = Rank::name(&p.rank.types, vector).unwrap();
                let values: Vec<u8> = (0..2 * ints as u32).flat_map(u32::to_le_bytes).collect();
                p.put(0, &values);
                let buffer = Buffer {
                    addr: Addr(0),
                    count: 1,
                    datatype,
                };
                p.rank
                    .send(&mut p.guest, Standard, &buffer, to(1, 0))
                    .unwrap();
            } else {
                let buffer = Buffer {
                    addr: Addr(0),
                    count: ints as i64,
                    datatype: INT,
                };
                let status = p.rank.recv(&mut p.guest, &buffer, from(0, 0)).unwrap();
                assert_eq!(p.rank.get_count(&status, INT).unwrap(), Some(ints as u64));
                let expected: Vec<u8> = (0..ints as u32)
                    .flat_map(|i| (2 * i).to_le_bytes())
                    .collect();
                assert!(p.get(0, 4 * ints) == expected);
            }
        }
    });
}

#[test]
fn a_rank_sends_to_itself_and_to_nobody() {
    run(1, |p| {
        let buffer = p.put(0, b"hello");
        let mut request = p.rank.irecv(&span(100, 5), from(0, 1)).unwrap();
        p.rank
            .send(&mut p.guest, Standard, &buffer, to(0, 1))
            .unwrap();
        p.rank.wait(&mut p.guest, &mut request).unwrap();
        assert_eq!(p.get(100, 5), b"hello");
        let status = p
            .rank
            .sendrecv(&mut p.guest, &buffer, to(0, 5), &span(200, 9), from(0, 5))
            .unwrap();
        assert_eq!((status.bytes, p.get(200, 5)), (5, b"hello".to_vec()));
        let nobody = abi::MPI_PROC_NULL;
        p.rank
            .send(&mut p.guest, Standard, &buffer, to(nobody, 1))
            .unwrap();
        let status = p
            .rank
            .recv(&mut p.guest, &buffer, from(nobody, ANY_TAG))
            .unwrap();
        assert_eq!(status, Status::PROC_NULL);
    });
}

#[test]
fn sendrecv_replace_swaps_in_a_ring() {
    run_both(5, |p| {
        for len in [4, 300, 200_000] {
            let buffer = p.put(0, &vec![p.me as u8; len]);
            let (right, left) = ((p.me + 1) % p.size, (p.me + p.size - 1) % p.size);
            p.rank
                .sendrecv_replace(&mut p.guest, &buffer, to(right, 1), from(left, 1))
                .unwrap();
            assert_eq!(p.get(0, len), vec![left as u8; len]);
        }
    });
}

#[test]
fn wrong_arguments_name_themselves() {
    run(2, |p| {
        let good = span(0, 4);
        let (rank, guest) = (&p.rank, &mut p.guest);
        let mut fails = |buffer: Buffer, to: Destination, class, word: &str| {
            let error = rank.send(guest, Standard, &buffer, to).unwrap_err();
            assert_eq!(error.class, class, "{error}");
            assert!(error.message.contains(word), "{error}");
        };
        fails(good, to(2, 0), Class::RANK, "dest");
        fails(good, to(-7, 0), Class::RANK, "dest");
        fails(good, to(1, -1), Class::TAG, "tag");
        fails(
            Buffer { count: -1, ..good },
            to(1, 0),
            Class::COUNT,
            "count",
        );
        fails(
            Buffer {
                count: i64::MAX,
                datatype: INT,
                ..good
            },
            to(1, 0),
            Class::COUNT,
            "count",
        );
        fails(
            Buffer {
                addr: Addr(MEMORY as u64 - 3),
                ..good
            },
            to(1, 0),
            Class::BUFFER,
            "buffer",
        );
        fails(
            Buffer {
                addr: Addr(u64::MAX),
                ..good
            },
            to(1, 0),
            Class::BUFFER,
            "buffer",
        );
        fails(
            Buffer {
                datatype: TypeHandle(0x9999),
                ..good
            },
            to(1, 0),
            Class::TYPE,
            "datatype",
        );
        let comm = CommHandle(0x8000_0001);
        fails(good, Destination { comm, ..to(1, 0) }, Class::COMM, "comm");
        let error = rank.recv(guest, &good, from(5, 0)).unwrap_err();
        assert_eq!(error.class, Class::RANK);
    });
}

#[test]
fn calls_outside_of_init_and_finalize_are_errors() {
    let cluster = Cluster::new(&[0]);
    cluster.run(|p| {
        let buffer = span(0, 1);
        let early = p
            .rank
            .send(&mut p.guest, Standard, &buffer, to(0, 0))
            .unwrap_err();
        assert!(early.message.contains("before MPI_Init"));
        assert!(!p.rank.initialized());
        p.rank.init().unwrap();
        assert!(p.rank.init().is_err());
        p.rank.finalize(&mut p.guest).unwrap();
        assert!(p.rank.initialized() && p.rank.finalized());
        assert!(
            p.rank
                .finalize(&mut p.guest)
                .unwrap_err()
                .message
                .contains("after")
        );
    });
}

#[test]
fn abort_wakes_every_blocked_rank() {
    for of_rank in [[0, 0, 0, 0], [0, 1, 0, 1]] {
        let cluster = Cluster::new(&of_rank);
        cluster.run(|p| {
            p.rank.init().unwrap();
            let (small, large) = (span(0, 8), span(0, 500_000));
            let result = match p.me {
                0 => {
                    p.rank.recv(&mut p.guest, &small, from(1, 0)).unwrap();
                    let error = p.rank.abort(7);
                    // What the worker does between processes.
                    cluster.worlds[1 % cluster.worlds.len()].abort(7, "told");
                    Err(error)
                }
                1 => {
                    p.rank
                        .send(&mut p.guest, Standard, &small, to(0, 0))
                        .unwrap();
                    p.rank.probe(&mut p.guest, from(0, 0)).map(|_| ())
                }
                2 => p.rank.recv(&mut p.guest, &small, from(ANY, 0)).map(|_| ()),
                _ => p.rank.send(&mut p.guest, Standard, &large, to(0, 0)),
            };
            assert_eq!(result.unwrap_err().class, Class::INTERRUPTED);
        });
        assert_eq!(cluster.worlds[0].ended().unwrap().code, 7);
    }
}

#[test]
fn a_lost_connection_ends_the_job_with_the_workers_name() {
    let cluster = Cluster::new(&[0, 1]);
    let lost = LinkError {
        from: "worker-0".into(),
        worker: "worker-1".into(),
        reason: "reset".into(),
    };
    cluster.run(|p| {
        p.rank.init().unwrap();
        if p.me == 1 {
            Sink::lost(&*cluster.worlds[0], &lost);
            return;
        }
        let error = p
            .rank
            .recv(&mut p.guest, &span(0, 8), from(1, 0))
            .unwrap_err();
        assert!(error.message.contains("worker-1"), "{error}");
    });
}

#[test]
fn packets_that_cannot_be_end_the_job_with_a_reason() {
    let none = crate::matching::Envelope {
        space: 0,
        source: 1,
        tag: 0,
    };
    let packet = |number, body| crate::packet::Packet {
        source: id::Rank(1),
        number,
        body,
    };
    use crate::packet::Body;
    let bad = [
        vec![],
        vec![200, 1, 2],
        vec![1; 40],
        packet(2, Body::Eager { envelope: none })
            .encode()
            .as_slice()
            .to_vec(),
        packet(
            0,
            Body::Go {
                send: 77,
                receive: 1,
            },
        )
        .encode()
        .as_slice()
        .to_vec(),
        packet(0, Body::Data { receive: 77 })
            .encode()
            .as_slice()
            .to_vec(),
    ];
    for header in bad {
        for opened in [false, true] {
            let cluster = Cluster::new(&[0, 1]);
            let world = &cluster.worlds[0];
            if opened {
                let mut drain = world.open(id::Rank(0), &header, 5);
                drain.write(b"12345");
                drain.end();
            } else {
                world.deliver(id::Rank(0), &header, b"12345");
            }
            let ending = world.ended().expect("the packet was refused");
            assert!(ending.reason.contains("packet"), "{}", ending.reason);
        }
    }
}

#[test]
fn a_repeated_packet_is_received_once() {
    let cluster = Cluster::new(&[0, 1]);
    let envelope = crate::matching::Envelope {
        space: 0,
        source: 1,
        tag: 4,
    };
    let body = crate::packet::Body::Eager { envelope };
    let header = crate::packet::Packet {
        source: id::Rank(1),
        number: 1,
        body,
    }
    .encode();
    let world = &cluster.worlds[0];
    world.deliver(id::Rank(0), header.as_slice(), b"once");
    world.deliver(id::Rank(0), header.as_slice(), b"once");
    cluster.run(|p| {
        p.rank.init().unwrap();
        if p.me == 0 {
            p.rank.recv(&mut p.guest, &span(0, 4), from(1, 4)).unwrap();
            assert_eq!(
                p.rank.iprobe(&mut p.guest, from(ANY, ANY_TAG)).unwrap(),
                None
            );
        }
    });
    assert_eq!(world.ended(), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    /// Three ranks send rank 0 random messages; it receives with random wildcards.
    /// Whatever the interleaving: each pair's messages of a tag come in order, none is
    /// lost, none comes twice.
    #[test]
    fn nothing_is_lost_duplicated_or_reordered(
        sizes in prop::collection::vec(prop::sample::select(vec![0usize, 8, 100, 200, 2000, 9000, 70_000]), 1..40),
        wild in prop::collection::vec(any::<bool>(), 120),
        spread: bool,
    ) {
        let of_rank: Vec<u32> = if spread { vec![0, 1, 0, 1] } else { vec![0; 4] };
        run_on(&of_rank, |p| {
            if p.me > 0 {
                for (i, &len) in sizes.iter().enumerate() {
                    let mut bytes = pattern(len.max(4), 0);
                    bytes[..4].copy_from_slice(&(i as u32).to_le_bytes());
                    let buffer = p.put(0, &bytes);
                    p.rank.send(&mut p.guest, Standard, &buffer, to(0, 5)).unwrap();
                }
                return;
            }
            let mut next = [0u32; 4];
            for &any in &wild[..3 * sizes.len()] {
                let behind = (1..4).min_by_key(|&r| next[r as usize]).unwrap();
                let origin = if any { from(ANY, ANY_TAG) } else { from(behind, 5) };
                let status = p.rank.recv(&mut p.guest, &span(0, 70_000), origin).unwrap();
                let expected = &mut next[status.source as usize];
                assert_eq!(p.get(0, 4), expected.to_le_bytes());
                assert_eq!(status.bytes as usize, sizes[*expected as usize].max(4));
                *expected += 1;
            }
            assert_eq!(next[1..], [sizes.len() as u32; 3]);
        });
    }
}
