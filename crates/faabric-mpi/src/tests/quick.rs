//! Quick calls: the same as general ones, whichever a rank happens to take.

use super::p2p::{SIZES, pattern};
use super::*;
use crate::collective::{Collective, Reduction};
use crate::completion::NULL;
use crate::handle::{OpHandle, RequestHandle};
use crate::send::SendMode::{Standard, Synchronous};
use crate::status::Status;

/// As the host serves a call: quickly, and if that declines, in general.
fn send(p: &mut Process, quick: bool, buffer: &Buffer, dest: Destination) -> Result<()> {
    if quick && p.rank.send_quick(Standard, buffer, dest) {
        return Ok(());
    }
    p.rank.send(&mut p.guest, Standard, buffer, dest)
}

fn recv(p: &mut Process, quick: bool, buffer: &Buffer, origin: Origin) -> Result<Status> {
    if quick && let Some(status) = p.rank.recv_quick(buffer, origin) {
        return Ok(status);
    }
    p.rank.recv(&mut p.guest, buffer, origin)
}

#[test]
fn quick_and_general_calls_keep_the_order_of_messages() {
    const COUNT: usize = 3000;
    run_both(2, |p| {
        for i in 0..COUNT {
            let len = SIZES[i * 7 % (SIZES.len() - 2)];
            if p.me == 0 {
                let data = p.put(8, &pattern(len, i));
                send(p, i % 3 != 0, &data, to(1, i as i32 % 5)).unwrap();
            } else {
                let (source, tag) = [(0, i as i32 % 5), (ANY, ANY_TAG)][i % 2];
                let room = span(8, len + i % 2);
                let status = recv(p, i % 7 != 0, &room, from(source, tag)).unwrap();
                assert_eq!((status.source, status.tag), (0, i as i32 % 5));
                assert_eq!(status.bytes, len as u64);
                assert_eq!(p.get(8, len), pattern(len, i), "message {i} of {len} bytes");
            }
        }
    });
}

#[test]
fn a_posted_receive_comes_before_a_quick_one() {
    run(2, |p| {
        if p.me == 0 {
            for i in 0..2u8 {
                send(p, true, &span(8, 0), to(1, 9)).unwrap();
                let data = p.put(8, &[i; 8]);
                send(p, true, &data, to(1, 1)).unwrap();
            }
        } else {
            let mut posted = p.rank.irecv_quick(&span(8, 8), from(0, 1)).unwrap();
            recv(p, true, &span(64, 0), from(0, 9)).unwrap();
            recv(p, true, &span(64, 0), from(0, 9)).unwrap();
            recv(p, true, &span(16, 8), from(ANY, 1)).unwrap();
            p.rank.wait(&mut p.guest, &mut posted).unwrap();
            assert_eq!((p.get(8, 8), p.get(16, 8)), (vec![0; 8], vec![1; 8]));
        }
    });
}

#[test]
fn a_quick_call_that_fails_is_reported_once_by_the_general_one() {
    run(2, |p| {
        if p.me == 0 {
            let data = p.put(8, &[1; 64]);
            send(p, true, &data, to(1, 1)).unwrap();
            send(p, true, &data, to(1, 1)).unwrap();
            // Arguments that only the general call can complain of.
            for (buffer, dest) in [
                (span(MEMORY as u64 - 8, 64), to(1, 1)),
                (data, to(2, 1)),
                (data, to(1, -7)),
            ] {
                assert!(!p.rank.send_quick(Standard, &buffer, dest));
                assert!(p.rank.send(&mut p.guest, Standard, &buffer, dest).is_err());
            }
        } else {
            let error = recv(p, true, &span(8, 63), from(0, 1)).unwrap_err();
            assert_eq!(error.class, Class::TRUNCATE);
            let status = recv(p, true, &span(8, 64), from(0, 1)).unwrap();
            assert_eq!(status.bytes, 64);
        }
    });
}

#[test]
fn requests_end_quickly_or_in_general() {
    run(2, |p| {
        let other = 1 - p.me;
        for (i, &len) in SIZES.iter().enumerate() {
            let data = p.put(8, &pattern(len, i));
            let room = span(2 << 20, len);
            let mut receive = p.rank.irecv_quick(&room, from(other, 1)).unwrap();
            let quick = p.rank.isend_quick(Standard, &data, to(other, 1));
            let mut sent = match quick {
                Some(sent) => sent,
                None => p.rank.isend(Standard, &data, to(other, 1)).unwrap(),
            };
            for request in [&mut receive, &mut sent] {
                if p.rank.wait_quick(request).is_none() {
                    p.rank.wait(&mut p.guest, request).unwrap();
                }
                assert_eq!(*request, NULL);
                assert_eq!(p.rank.wait_quick(request), Some(Status::EMPTY));
            }
            assert_eq!(p.get(2 << 20, len), pattern(len, i), "{len} bytes");
        }
    });
}

#[test]
fn a_request_of_a_finished_send_takes_every_call() {
    run(2, |p| {
        if p.me == 1 {
            for _ in 0..5 {
                recv(p, false, &span(8, 8), from(0, 1)).unwrap();
            }
            return;
        }
        let data = p.put(8, &[5; 8]);
        let start = |p: &Process| p.rank.isend_quick(Standard, &data, to(1, 1)).unwrap();
        let mut one = start(p);
        let status = p.rank.request_get_status(&mut p.guest, one).unwrap();
        assert_eq!(status, Some(Status::EMPTY));
        p.rank.cancel(&mut p.guest, one).unwrap();
        assert!(p.rank.start(&mut p.guest, one).is_err());
        let tested = p.rank.test(&mut p.guest, &mut one).unwrap();
        assert_eq!((tested, one), (Some(Status::EMPTY), NULL));
        let mut freed = start(p);
        p.rank.request_free(&mut p.guest, &mut freed).unwrap();
        assert_eq!(freed, NULL);
        let mut several = [start(p), NULL, start(p)];
        let all = p.rank.waitall(&mut p.guest, &mut several).unwrap();
        assert_eq!((all.statuses.len(), several), (3, [NULL; 3]));
        let mut any = [NULL, start(p)];
        let (index, _) = p.rank.waitany(&mut p.guest, &mut any).unwrap().unwrap();
        assert_eq!(index, 1);
    });
}

#[test]
fn a_request_of_a_finished_receive_takes_every_call() {
    run(1, |p| {
        // A message of a rank to itself is there when its receive begins.
        let start = |p: &mut Process, value: u8| {
            let data = p.put(8, &[value; 8]);
            send(p, true, &data, to(0, 1)).unwrap();
            let request = p
                .rank
                .irecv_quick(&span(64, 16), from(ANY, ANY_TAG))
                .unwrap();
            assert!(request.received().is_some());
            assert_eq!(p.get(64, 8), [value; 8]);
            request
        };
        let is_whole = |status: Status| (status.source, status.tag, status.bytes) == (0, 1, 8);
        let mut one = start(p, 1);
        let status = p.rank.request_get_status(&mut p.guest, one).unwrap();
        assert!(is_whole(status.unwrap()));
        p.rank.cancel(&mut p.guest, one).unwrap();
        assert!(p.rank.start(&mut p.guest, one).is_err());
        let stale = one;
        let tested = p.rank.test(&mut p.guest, &mut one).unwrap();
        assert!(is_whole(tested.unwrap()) && one == NULL);
        let mut freed = start(p, 2);
        p.rank.request_free(&mut p.guest, &mut freed).unwrap();
        assert_eq!(freed, NULL);
        let mut several = [start(p, 3), NULL, start(p, 4)];
        let all = p.rank.waitall(&mut p.guest, &mut several).unwrap();
        assert!(is_whole(all.statuses[0]) && is_whole(all.statuses[2]));
        assert_eq!((all.statuses[1], several), (Status::EMPTY, [NULL; 3]));
        let mut any = [NULL, start(p, 5)];
        let (index, status) = p.rank.waitany(&mut p.guest, &mut any).unwrap().unwrap();
        assert!(index == 1 && is_whole(status.unwrap()));
        let mut quick = start(p, 6);
        assert!(is_whole(p.rank.wait_quick(&mut quick).unwrap()) && quick == NULL);
        // What was freed is no request any more, to any of them.
        for handle in [stale, never_made(stale)] {
            let (mut a, mut b) = (handle, handle);
            assert!(p.rank.wait_quick(&mut a).is_none());
            assert!(p.rank.wait(&mut p.guest, &mut a).is_err());
            assert!(p.rank.request_free(&mut p.guest, &mut b).is_err());
            assert!(p.rank.cancel(&mut p.guest, handle).is_err());
            assert!(p.rank.request_get_status(&mut p.guest, handle).is_err());
        }
    });
}

/// A request of the same kind that never was.
fn never_made(stale: RequestHandle) -> RequestHandle {
    RequestHandle(stale.0 ^ 0x1_2345)
}

#[test]
fn a_synchronous_send_waits_for_its_receive() {
    run(2, |p| {
        if p.me == 0 {
            let data = p.put(8, &[1; 8]);
            if !p.rank.send_quick(Synchronous, &data, to(1, 1)) {
                p.rank
                    .send(&mut p.guest, Synchronous, &data, to(1, 1))
                    .unwrap();
            }
            send(p, true, &data, to(1, 2)).unwrap();
        } else {
            // Nothing of tag 2 can come before the first was received.
            let early = p.rank.iprobe(&mut p.guest, from(0, 2)).unwrap();
            assert!(early.is_none());
            recv(p, true, &span(8, 8), from(0, 1)).unwrap();
            recv(p, true, &span(8, 8), from(0, 2)).unwrap();
        }
    });
}

#[test]
fn ranks_may_differ_in_how_they_take_a_collective() {
    const ROUNDS: usize = 600;
    for size in [2, 3, 5] {
        run(size, |p| {
            for i in 0..ROUNDS {
                // A block for each rank, all the same.
                let mine = (p.me + i as i32).to_le_bytes();
                p.put(8, &mine.repeat(size as usize));
                let data = Reduction {
                    send: Addr(8),
                    recv: Addr(64),
                    count: 1,
                    datatype: INT,
                    op: OpHandle(abi::MPI_SUM),
                };
                let root = i as i32 % p.size;
                let call = match i % 6 {
                    0 => Collective::Allreduce(data),
                    1 => Collective::Bcast {
                        buffer: span(8, 4),
                        root,
                    },
                    2 => Collective::ReduceScatterBlock(data),
                    3 => Collective::Scan(data),
                    4 => Collective::Exscan(data),
                    _ => Collective::Barrier,
                };
                let quick = !(i + p.me as usize).is_multiple_of(5);
                if !quick || p.rank.collective_quick(WORLD, &call).is_none() {
                    p.rank.collective(&mut p.guest, WORLD, &call).unwrap();
                }
                let number = |bytes: Vec<u8>| i32::from_le_bytes(bytes.try_into().unwrap());
                // Of the first ranks.
                let sum = |ranks: i32| ranks * (ranks - 1) / 2 + ranks * i as i32;
                match i % 6 {
                    0 | 2 => assert_eq!(number(p.get(64, 4)), sum(p.size)),
                    1 => assert_eq!(number(p.get(8, 4)), root + i as i32),
                    3 => assert_eq!(number(p.get(64, 4)), sum(p.me + 1)),
                    4 if p.me > 0 => assert_eq!(number(p.get(64, 4)), sum(p.me)),
                    _ => {}
                }
            }
        });
    }
}

#[test]
fn a_quick_collective_notices_that_the_job_ends() {
    let cluster = Cluster::new(&[0, 0]);
    cluster.run(|p| {
        p.rank.init().unwrap();
        // The first one looks up the team.
        let barrier = Collective::Barrier;
        p.rank.collective(&mut p.guest, WORLD, &barrier).unwrap();
        if p.me == 0 {
            p.rank.world().abort(3, "enough");
            return;
        }
        assert!(p.rank.collective_quick(WORLD, &barrier).is_none());
        let error = p.rank.collective(&mut p.guest, WORLD, &barrier);
        assert_eq!(error.unwrap_err().class, Class::INTERRUPTED);
    });
}
