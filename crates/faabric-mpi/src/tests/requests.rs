//! Requests, probes and persistent operations.

use super::*;
use crate::Attachable;
use crate::completion::NULL;
use crate::generalized::Callbacks;
use crate::handle::RequestHandle;
use crate::send::SendMode::{Buffered, Ready, Standard, Synchronous};
use crate::status::Status;

#[test]
fn the_wait_and_test_families_agree() {
    run_both(2, |p| {
        const COUNT: usize = 12;
        if p.me == 0 {
            for tag in (0..COUNT as i32).rev() {
                let buffer = p.put(0, &[tag as u8; 300]);
                p.rank
                    .send(&mut p.guest, Standard, &buffer, to(1, tag))
                    .unwrap();
            }
            return;
        }
        let mut requests: Vec<_> = (0..COUNT)
            .map(|tag| {
                p.rank
                    .irecv(&span(tag as u64 * 300, 300), from(0, tag as i32))
                    .unwrap()
            })
            .collect();
        let mut done = Vec::new();
        let (index, status) = p
            .rank
            .waitany(&mut p.guest, &mut requests)
            .unwrap()
            .unwrap();
        assert_eq!(status.unwrap().tag, index as i32);
        assert_eq!(requests[index], NULL);
        done.push(index);
        let some = p
            .rank
            .waitsome(&mut p.guest, &mut requests)
            .unwrap()
            .unwrap();
        assert!(!some.indices.is_empty());
        done.extend(&some.indices);
        while done.len() < COUNT / 2 {
            if let Some(Some((index, status))) =
                p.rank.testany(&mut p.guest, &mut requests).unwrap()
            {
                assert_eq!(status.unwrap().tag, index as i32);
                done.push(index);
            }
            let some = p
                .rank
                .testsome(&mut p.guest, &mut requests)
                .unwrap()
                .unwrap_or_default();
            done.extend(&some.indices);
        }
        let left: Vec<_> = (0..COUNT).filter(|i| !done.contains(i)).collect();
        if let Some(&index) = left.first() {
            while p
                .rank
                .test(&mut p.guest, &mut requests[index])
                .unwrap()
                .is_none()
            {}
        }
        let all = p.rank.waitall(&mut p.guest, &mut requests).unwrap();
        assert_eq!((all.statuses.len(), all.error), (COUNT, None));
        assert!(requests.iter().all(|&r| r == NULL));
        for tag in 0..COUNT {
            assert_eq!(p.get(tag as u64 * 300, 300), vec![tag as u8; 300]);
        }
        assert_eq!(p.rank.waitany(&mut p.guest, &mut requests).unwrap(), None);
        assert_eq!(p.rank.waitsome(&mut p.guest, &mut requests).unwrap(), None);
        assert_eq!(
            p.rank.testany(&mut p.guest, &mut requests).unwrap(),
            Some(None)
        );
        assert_eq!(
            p.rank.wait(&mut p.guest, &mut requests[0]).unwrap(),
            Status::EMPTY
        );
        assert!(
            p.rank
                .testall(&mut p.guest, &mut requests)
                .unwrap()
                .is_some()
        );
    });
}

#[test]
fn one_failed_request_of_several_is_in_its_status() {
    run(2, |p| {
        if p.me == 0 {
            let buffer = span(0, 20);
            p.rank
                .send(&mut p.guest, Standard, &buffer, to(1, 0))
                .unwrap();
            p.rank
                .send(&mut p.guest, Standard, &buffer, to(1, 1))
                .unwrap();
        } else {
            let mut requests = [
                p.rank.irecv(&span(0, 20), from(0, 0)).unwrap(),
                p.rank.irecv(&span(100, 10), from(0, 1)).unwrap(),
            ];
            let all = p.rank.waitall(&mut p.guest, &mut requests).unwrap();
            let error = all.error.unwrap();
            assert_eq!(
                (error.class, error.on),
                (Class::IN_STATUS, Some(WORLD.into()))
            );
            assert!(error.message.contains("request 1"), "{error}");
            let errors: Vec<_> = all.statuses.iter().map(|s| s.error).collect();
            assert_eq!(errors, [0, Class::TRUNCATE.0]);
        }
    });
}

#[test]
fn persistent_requests_start_again_and_again() {
    run_both(2, |p| {
        const ROUNDS: u8 = 20;
        let mut requests = if p.me == 0 {
            [
                p.rank.send_init(Standard, &span(0, 50), to(1, 1)).unwrap(),
                p.rank
                    .send_init(Synchronous, &span(100, 100_000), to(1, 2))
                    .unwrap(),
            ]
        } else {
            [
                p.rank.recv_init(&span(0, 50), from(0, 1)).unwrap(),
                p.rank.recv_init(&span(100, 100_000), from(ANY, 2)).unwrap(),
            ]
        };
        for round in 0..ROUNDS {
            if p.me == 0 {
                p.put(0, &[round; 50]);
                p.put(100, &[round; 100_000]);
            }
            p.rank.startall(&mut p.guest, &requests).unwrap();
            assert!(
                p.rank.start(&mut p.guest, requests[0]).is_err(),
                "it is active"
            );
            p.rank.waitall(&mut p.guest, &mut requests).unwrap();
            assert!(requests.iter().all(|&r| r != NULL));
            assert_eq!(
                (p.get(0, 50), p.get(100_099, 1)),
                (vec![round; 50], vec![round])
            );
        }
        for request in &mut requests {
            p.rank.request_free(&mut p.guest, request).unwrap();
            assert_eq!(*request, NULL);
        }
    });
}

#[test]
fn what_is_not_matched_can_be_cancelled() {
    run_both(2, |p| {
        if p.me == 1 {
            // What was cancelled is not there, and what was not is there whole.
            p.rank.recv(&mut p.guest, &span(0, 1), from(0, 9)).unwrap();
            p.rank.recv(&mut p.guest, &span(0, 8), from(0, 1)).unwrap();
            assert_eq!(p.get(0, 8), b"received");
            assert_eq!(
                p.rank.iprobe(&mut p.guest, from(ANY, ANY_TAG)).unwrap(),
                None
            );
            return;
        }
        let mut receive = p.rank.irecv(&span(0, 8), from(1, 1)).unwrap();
        p.rank.cancel(&mut p.guest, receive).unwrap();
        assert!(p.rank.wait(&mut p.guest, &mut receive).unwrap().cancelled);
        p.rank
            .buffer_attach(Attachable::Process, 8, 1 << 20)
            .unwrap();
        for len in [0, 8, 5000, 60_000, 200_000] {
            let data = p.put(0, &vec![0; len]);
            for mode in [Standard, Synchronous, Buffered, Ready] {
                let mut send = p.rank.isend(mode, &data, to(1, 1)).unwrap();
                p.rank.cancel(&mut p.guest, send).unwrap();
                let status = p.rank.wait(&mut p.guest, &mut send).unwrap();
                assert!(status.cancelled, "{mode:?} of {len}");
                let mut again = p.rank.send_init(mode, &data, to(1, 1)).unwrap();
                p.rank.start(&mut p.guest, again).unwrap();
                p.rank.cancel(&mut p.guest, again).unwrap();
                let status = p.rank.wait(&mut p.guest, &mut again).unwrap();
                assert!(status.cancelled, "persistent, {mode:?} of {len}");
            }
        }
        p.rank
            .buffer_detach(&mut p.guest, Attachable::Process)
            .unwrap();
        let received = p.put(0, b"received");
        let mut kept = p.rank.isend(Standard, &received, to(1, 1)).unwrap();
        let dropped = p.put(8, b"dropped!");
        let mut dropped = p.rank.isend(Standard, &dropped, to(1, 1)).unwrap();
        p.rank.cancel(&mut p.guest, dropped).unwrap();
        assert!(p.rank.wait(&mut p.guest, &mut dropped).unwrap().cancelled);
        assert!(!p.rank.wait(&mut p.guest, &mut kept).unwrap().cancelled);
        p.rank
            .send(&mut p.guest, Standard, &span(0, 1), to(1, 9))
            .unwrap();
        let mut stale = RequestHandle(receive.0 | 1 << 31);
        assert_eq!(
            p.rank.wait(&mut p.guest, &mut stale).unwrap_err().class,
            Class::REQUEST
        );
    });
}

#[test]
fn a_communicator_may_have_a_send_buffer_of_its_own() {
    run_both(2, |p| {
        let dup = p.rank.comm_dup(&mut p.guest, WORLD).unwrap();
        if p.me == 1 {
            p.rank.recv(&mut p.guest, &span(0, 0), from(0, 2)).unwrap();
            let from = Origin {
                comm: dup,
                ..from(0, 1)
            };
            p.rank.recv(&mut p.guest, &span(0, 200_000), from).unwrap();
            return;
        }
        let size = 200_000 + i64::from(abi::MPI_BSEND_OVERHEAD);
        p.rank
            .buffer_attach(Attachable::Comm(dup), 64, size)
            .unwrap();
        let data = span(0, 200_000);
        let on_world = p.rank.send(&mut p.guest, Buffered, &data, to(1, 1));
        assert_eq!(on_world.unwrap_err().class, Class::BUFFER);
        let to_dup = Destination {
            comm: dup,
            ..to(1, 1)
        };
        p.rank.send(&mut p.guest, Buffered, &data, to_dup).unwrap();
        let again = p.rank.send(&mut p.guest, Buffered, &data, to_dup);
        assert_eq!(again.unwrap_err().class, Class::BUFFER);
        let mut none = p
            .rank
            .buffer_iflush(&mut p.guest, Attachable::Process)
            .unwrap();
        p.rank.wait(&mut p.guest, &mut none).unwrap();
        let mut flush = p
            .rank
            .buffer_iflush(&mut p.guest, Attachable::Comm(dup))
            .unwrap();
        assert_eq!(p.rank.test(&mut p.guest, &mut flush).unwrap(), None);
        p.rank
            .send(&mut p.guest, Standard, &span(0, 0), to(1, 2))
            .unwrap();
        p.rank.wait(&mut p.guest, &mut flush).unwrap();
        let detached = p
            .rank
            .buffer_detach(&mut p.guest, Attachable::Comm(dup))
            .unwrap();
        assert_eq!(detached, (64, size));
    });
}

#[test]
fn cancelling_what_was_received_changes_nothing() {
    run_both(2, |p| {
        for len in [8, 5000, 200_000] {
            if p.me == 1 {
                let mut receive = p.rank.irecv(&span(0, len), from(0, 1)).unwrap();
                p.rank
                    .send(&mut p.guest, Standard, &span(0, 0), to(0, 2))
                    .unwrap();
                let status = p.rank.wait(&mut p.guest, &mut receive).unwrap();
                assert_eq!((status.bytes, p.get(0, len)), (len as u64, vec![7; len]));
                continue;
            }
            let data = p.put(0, &vec![7; len]);
            p.rank.recv(&mut p.guest, &span(0, 0), from(1, 2)).unwrap();
            let mut send = p.rank.isend(Standard, &data, to(1, 1)).unwrap();
            p.rank.cancel(&mut p.guest, send).unwrap();
            assert!(!p.rank.wait(&mut p.guest, &mut send).unwrap().cancelled);
        }
    });
}

#[test]
fn isendrecv_exchanges_while_the_rank_goes_on() {
    run_both(5, |p| {
        let (right, left) = ((p.me + 1) % p.size, (p.me + p.size - 1) % p.size);
        for len in [0, 4, 300, 200_000] {
            let data = p.put(0, &vec![p.me as u8; len]);
            let into = span(300_000, len);
            let mut request = p
                .rank
                .isendrecv(&mut p.guest, &data, to(right, 1), &into, from(left, 1))
                .unwrap();
            assert_eq!(
                p.rank.cancel(&mut p.guest, request).unwrap_err().class,
                Class::REQUEST
            );
            let status = p.rank.wait(&mut p.guest, &mut request).unwrap();
            assert_eq!((status.source, status.bytes), (left, len as u64));
            assert_eq!(p.get(300_000, len), vec![left as u8; len]);
            let mut request = p
                .rank
                .isendrecv_replace(&mut p.guest, &data, to(right, 2), from(left, 2))
                .unwrap();
            p.rank.wait(&mut p.guest, &mut request).unwrap();
            assert_eq!(p.get(0, len), vec![left as u8; len]);
        }
        let nobody = abi::MPI_PROC_NULL;
        let data = span(0, 4);
        let mut request = p
            .rank
            .isendrecv(&mut p.guest, &data, to(nobody, 1), &data, from(nobody, 1))
            .unwrap();
        let status = p.rank.wait(&mut p.guest, &mut request).unwrap();
        assert_eq!(status, Status::PROC_NULL);
        let short = p.put(0, &[1; 8]);
        let mut request = p
            .rank
            .isendrecv(
                &mut p.guest,
                &short,
                to(right, 3),
                &span(8, 4),
                from(left, 3),
            )
            .unwrap();
        let error = p.rank.wait(&mut p.guest, &mut request).unwrap_err();
        assert_eq!(error.class, Class::TRUNCATE);
    });
}

#[test]
fn a_matched_message_is_received_by_its_probe_alone() {
    run_both(2, |p| {
        for len in [8usize, 1000, 100_000] {
            if p.me == 0 {
                for value in [1u8, 2] {
                    let buffer = p.put(u64::from(value) * 200_000, &vec![value; len]);
                    let mut request = p.rank.isend(Standard, &buffer, to(1, 7)).unwrap();
                    p.rank.request_free(&mut p.guest, &mut request).unwrap();
                }
                p.rank.recv(&mut p.guest, &span(0, 1), from(1, 8)).unwrap();
                continue;
            }
            let status = p.rank.probe(&mut p.guest, from(ANY, ANY_TAG)).unwrap();
            assert_eq!((status.tag, status.bytes), (7, len as u64));
            let (mut first, _) = p.rank.mprobe(&mut p.guest, from(0, 7)).unwrap();
            let mut found = None;
            while found.is_none() {
                found = p.rank.improbe(&mut p.guest, from(0, 7)).unwrap();
            }
            let (mut second, status) = found.unwrap();
            assert_eq!(status.bytes, len as u64);
            let mut request = p.rank.imrecv(&span(0, len), &mut second).unwrap();
            p.rank
                .mrecv(&mut p.guest, &span(200_000, len), &mut first)
                .unwrap();
            p.rank.wait(&mut p.guest, &mut request).unwrap();
            assert_eq!((first, second), (crate::probe::NULL, crate::probe::NULL));
            assert_eq!(
                (p.get(0, len), p.get(200_000, len)),
                (vec![2; len], vec![1; len])
            );
            p.rank
                .send(&mut p.guest, Standard, &span(0, 1), to(0, 8))
                .unwrap();
        }
    });
}

type Calls = Arc<parking_lot::Mutex<Vec<(&'static str, u32)>>>;

/// Functions of a generalized request, and which of them were called.
fn callbacks(p: &mut Process) -> (Callbacks, Calls) {
    let calls = Calls::default();
    for (function, name) in [(10, "query"), (11, "free"), (12, "cancel")] {
        let calls = calls.clone();
        let memory = p.rank.memory().clone();
        p.guest.functions.insert(
            function,
            Box::new(move |args| {
                calls.lock().push((name, args[0]));
                if name == "query" {
                    memory
                        .write(Addr(u64::from(args[1])), &77i32.to_le_bytes())
                        .unwrap();
                }
                Some(0)
            }),
        );
    }
    let callbacks = Callbacks {
        query: GuestFn(10),
        free: GuestFn(11),
        cancel: GuestFn(12),
        state: 5,
    };
    (callbacks, calls)
}

#[test]
fn a_generalized_request_asks_the_program_for_its_status() {
    run(1, |p| {
        let (callbacks, calls) = callbacks(p);
        let mut request = p.rank.grequest_start(callbacks).unwrap();
        assert_eq!(p.rank.test(&mut p.guest, &mut request).unwrap(), None);
        p.rank.cancel(&mut p.guest, request).unwrap();
        p.rank.grequest_complete(&mut p.guest, request).unwrap();
        assert_eq!(p.rank.wait(&mut p.guest, &mut request).unwrap().source, 77);
        assert_eq!(*calls.lock(), [("cancel", 5), ("query", 5), ("free", 5)]);
    });
}

#[test]
fn a_generalized_request_ends_when_it_is_both_freed_and_complete() {
    run(1, |p| {
        let (callbacks, calls) = callbacks(p);
        let (rank, guest) = (&p.rank, &mut p.guest);
        let request = rank.grequest_start(callbacks).unwrap();
        rank.grequest_complete(guest, request).unwrap();
        assert_eq!(*calls.lock(), []);
        rank.request_free(guest, &mut { request }).unwrap();
        assert_eq!(*calls.lock(), [("free", 5)]);
        calls.lock().clear();

        let request = rank.grequest_start(callbacks).unwrap();
        let mut variable = request;
        rank.request_free(guest, &mut variable).unwrap();
        assert_eq!((variable, &calls.lock()[..]), (NULL, &[][..]));
        // Its handle is good for one thing only, and nobody else's.
        let class = |error: Error| error.class;
        let mut stale = [request];
        let stale = &mut stale;
        assert_eq!(
            [
                rank.wait(guest, &mut stale[0]).map_err(class).err(),
                rank.test(guest, &mut stale[0]).map_err(class).err(),
                rank.waitany(guest, stale).map_err(class).err(),
                rank.request_get_status(guest, request).map_err(class).err(),
                rank.cancel(guest, request).map_err(class).err(),
                rank.start(guest, request).map_err(class).err(),
                rank.request_free(guest, &mut stale[0]).map_err(class).err(),
            ],
            [Some(Class::REQUEST); 7]
        );
        for _ in 0..300 {
            let mut other = rank.grequest_start(callbacks).unwrap();
            assert_ne!(other, request);
            rank.grequest_complete(guest, other).unwrap();
            rank.wait(guest, &mut other).unwrap();
        }
        calls.lock().clear();
        rank.grequest_complete(guest, request).unwrap();
        assert_eq!(*calls.lock(), [("free", 5)]);
        let again = rank.grequest_complete(guest, request);
        assert_eq!(again.unwrap_err().class, Class::REQUEST);
        assert!(rank.freed.lock().is_empty() && rank.requests.lock().is_empty());
    });
}

#[test]
fn threads_of_one_rank_wait_independently() {
    run_both(2, |p| {
        const EACH: i32 = 300;
        let (rank, other) = (&p.rank, 1 - p.me);
        std::thread::scope(|scope| {
            for thread in 0..3 {
                scope.spawn(move || {
                    let mut guest = TestGuest::default();
                    for round in 0..EACH {
                        let len = [8, 700, 20_000][(round % 3) as usize];
                        let (out, back) =
                            (thread as u64 * 100_000, thread as u64 * 100_000 + 50_000);
                        rank.memory()
                            .write(Addr(out), &vec![round as u8; len])
                            .unwrap();
                        let (send, recv) = (span(out, len), span(back, len));
                        let (to, from) = (to(other, thread), from(other, thread));
                        let status = rank.sendrecv(&mut guest, &send, to, &recv, from).unwrap();
                        assert_eq!(status.bytes as usize, len);
                        let mut last = [0];
                        rank.memory()
                            .read(Addr(back + len as u64 - 1), &mut last)
                            .unwrap();
                        assert_eq!(last, [round as u8]);
                    }
                });
            }
        });
    });
}

#[test]
fn waitany_sees_what_ends_while_it_looks() {
    run_both(2, |p| {
        let other = 1 - p.me;
        for round in 0..10_000 {
            let len = [8, 5000][round % 2];
            let mut requests = [p.rank.irecv(&span(0, len), from(other, 1)).unwrap(); 1];
            let data = span(100_000, len);
            p.rank
                .send(&mut p.guest, Standard, &data, to(other, 1))
                .unwrap();
            let ended = p.rank.waitany(&mut p.guest, &mut requests).unwrap();
            assert_eq!(ended.unwrap().1.unwrap().bytes, len as u64);
        }
    });
}

#[test]
fn of_several_ended_receives_the_one_matched_first_is_given_first() {
    run_both(2, |p| {
        const COUNT: usize = 6;
        if p.me == 0 {
            for i in 0..COUNT {
                let data = p.put(8, &[i as u8; 100]);
                let to = to(1, i as i32);
                p.rank.send(&mut p.guest, Standard, &data, to).unwrap();
            }
            p.rank
                .send(&mut p.guest, Standard, &span(8, 0), to(1, 99))
                .unwrap();
            return;
        }
        // The first to be posted, and so to be matched, is the last of the array. Some are
        // complete when they begin, for others the message is yet to come.
        let mut requests = [NULL; COUNT];
        for (i, request) in requests.iter_mut().rev().enumerate() {
            let room = span(1000 * i as u64, 100);
            *request = match p.rank.irecv_quick(&room, from(0, ANY_TAG)) {
                Some(request) => request,
                None => p.rank.irecv(&room, from(0, ANY_TAG)).unwrap(),
            };
        }
        p.rank.recv(&mut p.guest, &span(0, 0), from(0, 99)).unwrap();
        for i in 0..COUNT {
            let (index, status) = match i % 2 {
                0 => p.rank.waitany(&mut p.guest, &mut requests).unwrap(),
                _ => p
                    .rank
                    .testany(&mut p.guest, &mut requests)
                    .unwrap()
                    .unwrap(),
            }
            .unwrap();
            assert_eq!((index, status.unwrap().tag), (COUNT - 1 - i, i as i32));
        }
    });
}
