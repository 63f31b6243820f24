//! Partitioned communication.

use super::*;
use crate::completion::NULL;
use crate::datatype::{Constructor, Counts};
use crate::handle::{InfoHandle, RequestHandle};

const NO_INFO: InfoHandle = InfoHandle(abi::MPI_INFO_NULL);

fn send_side(p: &Process, at: u64, partitions: i32, count: i64) -> RequestHandle {
    let one = Buffer {
        addr: Addr(at),
        count,
        datatype: INT,
    };
    p.rank
        .psend_init(&one, partitions, to(1, 4), NO_INFO)
        .unwrap()
}

fn receive_side(p: &Process, at: u64, partitions: i32, one: (i64, TypeHandle)) -> RequestHandle {
    let one = Buffer {
        addr: Addr(at),
        count: one.0,
        datatype: one.1,
    };
    p.rank
        .precv_init(&one, partitions, from(0, 4), NO_INFO)
        .unwrap()
}

fn ints(round: i32) -> Vec<u8> {
    (0..96)
        .flat_map(|i: i32| (i * 7 + round).to_le_bytes())
        .collect()
}

#[test]
fn partitions_arrive_in_any_order_and_division() {
    // The sender's partitions and elements, and the receiver's.
    for (sent, received) in [((1, 96), (1, 96)), ((8, 12), (4, 24)), ((6, 16), (96, 1))] {
        run_both(2, |p| {
            let mut request = match p.me {
                0 => send_side(p, 0, sent.0, sent.1),
                _ => receive_side(p, 0, received.0, (received.1, INT)),
            };
            for round in 0..3 {
                if p.me == 0 {
                    p.put(0, &ints(round));
                    p.rank.start(&mut p.guest, request).unwrap();
                    assert_eq!(p.rank.test(&mut p.guest, &mut request).unwrap(), None);
                    p.rank.pready(request, (0..sent.0).rev()).unwrap();
                    p.rank.wait(&mut p.guest, &mut request).unwrap();
                } else {
                    assert!(p.rank.parrived(&mut p.guest, request, 0).unwrap());
                    p.rank.start(&mut p.guest, request).unwrap();
                    for partition in (0..received.0).rev() {
                        while !p.rank.parrived(&mut p.guest, request, partition).unwrap() {}
                        let len = received.1 as usize * 4;
                        let at = partition as usize * len;
                        assert_eq!(p.get(at as u64, len), ints(round)[at..at + len]);
                    }
                    let status = p.rank.wait(&mut p.guest, &mut request).unwrap();
                    assert_eq!((status.source, status.tag, status.bytes), (0, 4, 384));
                }
            }
            p.rank.request_free(&mut p.guest, &mut request).unwrap();
        });
    }
}

#[test]
fn a_partition_may_cut_the_receivers_elements() {
    run_both(2, |p| {
        if p.me == 0 {
            p.put(0, &ints(1));
            let mut request = send_side(p, 0, 6, 16);
            p.rank.start(&mut p.guest, request).unwrap();
            p.rank.pready(request, 0..6).unwrap();
            p.rank.wait(&mut p.guest, &mut request).unwrap();
            return;
        }
        // Three ints, a gap of one and three more: 64 bytes are not whole elements.
        let old = p.rank.type_of(INT).unwrap();
        let gap = Constructor::Vector {
            count: 2,
            blocklength: 3,
            stride: 4,
            old,
        };
        let gap = p.rank.type_create(gap, Counts::Int).unwrap();
        p.rank.type_commit(gap).unwrap();
        let mut request = receive_side(p, 0, 4, (4, gap));
        p.rank.start(&mut p.guest, request).unwrap();
        let status = p.rank.wait(&mut p.guest, &mut request).unwrap();
        assert_eq!(status.bytes, 384);
        assert!(p.rank.parrived(&mut p.guest, request, 3).unwrap());
        let expected = ints(1);
        for element in 0..16 {
            let data = p.get(element * 28, 28);
            let at = element as usize * 24;
            assert_eq!(data[..12], expected[at..at + 12], "element {element}");
            assert_eq!(data[16..], expected[at + 12..at + 24], "element {element}");
        }
    });
}

#[test]
fn operations_match_in_the_order_made() {
    run_both(2, |p| {
        let mut requests = [0, 1, 2].map(|i| match p.me {
            0 => send_side(p, i * 400, 4, 24),
            _ => receive_side(p, i * 400, 2, (48, INT)),
        });
        // The first is never used; the other two are, at the same time.
        let order = if p.me == 0 { [2, 1] } else { [1, 2] };
        for i in order {
            if p.me == 0 {
                p.put(i as u64 * 400, &ints(i));
            }
            p.rank.start(&mut p.guest, requests[i as usize]).unwrap();
            if p.me == 0 {
                p.rank.pready(requests[i as usize], 0..4).unwrap();
            }
        }
        let all = p.rank.waitall(&mut p.guest, &mut requests[1..]).unwrap();
        assert_eq!(all.error, None);
        for i in [1, 2] {
            assert_eq!(p.get(i as u64 * 400, 384), ints(i));
        }
        for request in &mut requests {
            p.rank.request_free(&mut p.guest, request).unwrap();
            assert_eq!(*request, NULL);
        }
    });
}

#[test]
fn what_is_wrong_with_partitions_is_named() {
    run(2, |p| {
        let class = |result: Result<()>| result.unwrap_err().class;
        let one = span(0, 4);
        if p.me == 0 {
            let request = p.rank.psend_init(&one, 2, to(1, 1), NO_INFO).unwrap();
            assert_eq!(class(p.rank.pready(request, [0])), Class::REQUEST);
            p.rank.start(&mut p.guest, request).unwrap();
            assert_eq!(class(p.rank.pready(request, [2])), Class::ARG);
            assert_eq!(class(p.rank.pready(request, [-1])), Class::ARG);
            p.rank.pready(request, [1]).unwrap();
            assert_eq!(class(p.rank.pready(request, [1])), Class::ARG);
            let arrived = p.rank.parrived(&mut p.guest, request, 0);
            assert_eq!(arrived.unwrap_err().class, Class::REQUEST);
            assert_eq!(class(p.rank.cancel(&mut p.guest, request)), Class::REQUEST);
            p.rank.pready(request, [0]).unwrap();
            p.rank.wait(&mut p.guest, &mut { request }).unwrap();
        } else {
            // Four bytes of room for eight.
            let mut request = p.rank.precv_init(&one, 1, from(0, 1), NO_INFO).unwrap();
            assert_eq!(class(p.rank.pready(request, [0])), Class::REQUEST);
            p.rank.start(&mut p.guest, request).unwrap();
            let error = p.rank.wait(&mut p.guest, &mut request).unwrap_err();
            assert_eq!(error.class, Class::TRUNCATE);
        }
        let made = |result: Result<RequestHandle>| result.unwrap_err().class;
        assert_eq!(
            made(p.rank.psend_init(&one, 0, to(1, 1), NO_INFO)),
            Class::ARG
        );
        let any = from(abi::MPI_ANY_SOURCE, 1);
        assert_eq!(made(p.rank.precv_init(&one, 1, any, NO_INFO)), Class::RANK);
        let any = from(0, abi::MPI_ANY_TAG);
        assert_eq!(made(p.rank.precv_init(&one, 1, any, NO_INFO)), Class::TAG);
        let nobody = abi::MPI_PROC_NULL;
        let mut pair = [
            p.rank.psend_init(&one, 1, to(nobody, 1), NO_INFO).unwrap(),
            p.rank
                .precv_init(&one, 1, from(nobody, 1), NO_INFO)
                .unwrap(),
        ];
        p.rank.startall(&mut p.guest, &pair).unwrap();
        p.rank.pready(pair[0], [0]).unwrap();
        let all = p.rank.waitall(&mut p.guest, &mut pair).unwrap();
        assert_eq!(all.statuses[1].source, nobody);
    });
}
