//! Order, turns and back-pressure between two workers that are well.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::encryption::Authority;
use super::*;
use crate::tls;

#[test]
fn packets_of_each_sender_arrive_in_order() {
    let (a, b, places) = pair();
    let (to_b, _at_a) = join(&a, &places);
    let (_to_a, at_b) = join(&b, &places);
    thread::scope(|scope| {
        for sender in 0..4u8 {
            let to_b = &to_b;
            scope.spawn(move || {
                for number in 0..2_000u32 {
                    let body = vec![sender; number as usize % 700];
                    let header = [&[sender][..], &number.to_le_bytes()].concat();
                    send(to_b, 4 + u32::from(sender), &header, &body).unwrap();
                }
            });
        }
    });
    let events = at_b.wait("8,000 packets", |events| events.len() == 8_000);
    let mut next = [0u32; 4];
    for event in events {
        let Event::Packet {
            to,
            header,
            payload,
        } = event
        else {
            panic!("{event:?}")
        };
        let sender = usize::from(header[0]);
        assert_eq!(header[1..], next[sender].to_le_bytes());
        assert_eq!(payload, vec![header[0]; next[sender] as usize % 700]);
        assert_eq!(to, 4 + sender as u32);
        next[sender] += 1;
    }
}

#[test]
fn a_small_packet_overtakes_the_bytes_of_a_large_one_but_not_its_start() {
    let (a, b, places) = pair();
    let (to_b, _at_a) = join(&a, &places);
    let (_to_a, at_b) = join(&b, &places);
    let again = Arc::clone(&to_b);
    let source = Ones {
        at_first: Some(Box::new(move || {
            again
                .send(Rank(4), b"small", Payload::Empty, Caller::Delivery)
                .unwrap();
        })),
        ..Ones::new()
    };
    let sent = Arc::clone(&source.sent);
    let length = 3 << 20;
    to_b.send(
        Rank(4),
        b"large",
        Payload::Stream(length, Box::new(source)),
        Caller::Rank,
    )
    .unwrap();
    let ended = |event: &Event| matches!(event, Event::End { .. });
    let events = at_b.wait("end", |events| events.iter().any(ended));
    let place = |wanted: fn(&Event) -> bool| events.iter().position(wanted).unwrap();
    let opened = place(|event| matches!(event, Event::Open { .. }));
    let small = place(|event| matches!(event, Event::Packet { .. }));
    assert!(
        opened < small && small < events.len() - 1,
        "{opened} {small}"
    );
    assert_eq!(
        events.last(),
        Some(&Event::End {
            header: b"large".to_vec(),
            sum: length
        })
    );
    assert!(sent.load(Ordering::Acquire));
}

#[test]
fn streams_take_turns_and_long_bytes_travel_as_one() {
    let (a, b, places) = pair();
    let (to_b, _at_a) = join(&a, &places);
    let (_to_a, at_b) = join(&b, &places);
    let again = Arc::clone(&to_b);
    let long = vec![1; 2 << 20];
    let second = move || {
        again
            .send(Rank(5), b"second", Payload::Bytes(&long), Caller::Delivery)
            .unwrap();
    };
    let source = Ones {
        at_first: Some(Box::new(second)),
        ..Ones::new()
    };
    let payload = Payload::Stream(2 << 20, Box::new(source));
    to_b.send(Rank(4), b"first", payload, Caller::Rank).unwrap();
    let ends = |events: &[Event]| {
        events
            .iter()
            .filter(|event| matches!(event, Event::End { sum: 2_097_152, .. }))
            .count()
    };
    let events = at_b.wait("two ends", |events| ends(events) == 2);
    let turns: Vec<u8> = events
        .iter()
        .filter_map(|event| match event {
            Event::Piece { header, .. } => Some(header[0]),
            _ => None,
        })
        .collect();
    assert!(turns.windows(4).any(|turns| turns == b"fsfs"), "{turns:?}");
}

#[test]
fn an_empty_stream_is_a_packet() {
    let (a, b, places) = pair();
    let (to_b, _at_a) = join(&a, &places);
    let (_to_a, at_b) = join(&b, &places);
    let source = Ones::new();
    let sent = Arc::clone(&source.sent);
    to_b.send(
        Rank(4),
        b"none",
        Payload::Stream(0, Box::new(source)),
        Caller::Rank,
    )
    .unwrap();
    let packet = Event::Packet {
        to: 4,
        header: b"none".to_vec(),
        payload: Vec::new(),
    };
    at_b.wait("packet", |events| events == [packet.clone()]);
    assert!(sent.load(Ordering::Acquire));
}

#[test]
fn a_stream_whose_source_goes_away_is_cut() {
    let (a, b, places) = pair();
    let (to_b, _at_a) = join(&a, &places);
    let (_to_a, at_b) = join(&b, &places);
    let source = Ones {
        gone_after: 1 << 20,
        ..Ones::new()
    };
    let payload = Payload::Stream(2 << 30, Box::new(source));
    to_b.send(Rank(4), b"half", payload, Caller::Rank).unwrap();
    send(&to_b, 4, b"after", b"").unwrap();
    let after = |event: &Event| matches!(event, Event::Packet { .. });
    let cut = |event: &Event| matches!(event, Event::Cut { .. });
    at_b.wait("cut", |events| {
        events.iter().any(after) && events.iter().any(cut)
    });
}

#[test]
fn a_rank_waits_for_room_and_a_delivery_does_not() {
    let a = Endpoint::listen(Config {
        queue: 100_000,
        ..config("a")
    })
    .unwrap();
    let b = endpoint("b");
    let places = places(&[&a, &b]);
    let (to_b, _at_a) = join(&a, &places);
    let (_to_a, at_b) = join(&b, &places);
    at_b.shut(true);
    let (body, total) = (vec![0; 50_000], 600);
    let most = thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..total {
                send(&to_b, 4, b"fill", &body).unwrap();
            }
        });
        // The kernel's buffers fill first, then the queue: 30 MB do not fit both.
        let mut most = 0;
        while a.queued("b") < 100_000 {
            thread::yield_now();
        }
        for _ in 0..100 {
            most = most.max(a.queued("b"));
            to_b.send(Rank(4), b"control", Payload::Empty, Caller::Delivery)
                .unwrap();
        }
        at_b.shut(false);
        most
    });
    assert!(most < 200_000, "{most} bytes were queued");
    at_b.wait("all packets", |events| events.len() == total + 100);
}

#[test]
fn floods_both_ways_with_replies_come_to_an_end() {
    flood_both_ways(None);
}

#[test]
fn so_do_floods_under_tls() {
    let cluster = Authority::new().issue("faabric");
    flood_both_ways(Some(cluster.files.clone()));
}

fn flood_both_ways(tls: Option<tls::Files>) {
    /// Answers every packet that asks for it, from the delivery thread.
    struct Echo {
        links: Arc<JobLinks>,
        to: Rank,
        ear: Ear,
    }
    impl Sink for Echo {
        fn deliver(&self, to: Rank, header: &[u8], payload: &[u8]) {
            if header == b"ask" {
                let reply = Payload::Bytes(&payload[..1_000]);
                self.links
                    .send(self.to, b"reply", reply, Caller::Delivery)
                    .unwrap();
            } else {
                self.ear.deliver(to, header, &[]);
            }
        }
        fn open(&self, to: Rank, header: &[u8], len: u64) -> Box<dyn Drain> {
            self.ear.open(to, header, len)
        }
        fn lost(&self, error: &LinkError) {
            self.ear.lost(error);
        }
    }
    let a = Endpoint::listen(Config {
        queue: 50_000,
        tls: tls.clone(),
        ..config("a")
    })
    .unwrap();
    let b = Endpoint::listen(Config {
        queue: 50_000,
        tls,
        ..config("b")
    })
    .unwrap();
    let places = places(&[&a, &b]);
    let sides = [(&a, 4), (&b, 0)].map(|(endpoint, other)| {
        let links = endpoint.job(JOB, &places);
        let recorder = Arc::new(Recorder::default());
        let ear = Ear(Arc::clone(&recorder));
        links.attach(Arc::new(Echo {
            links: Arc::clone(&links),
            to: Rank(other),
            ear,
        }));
        (links, recorder, other)
    });
    thread::scope(|scope| {
        for (links, _, other) in &sides {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..1_000 {
                        send(links, *other, b"ask", &[5; 4_000]).unwrap();
                    }
                });
            }
        }
    });
    for (_, recorder, _) in &sides {
        recorder.wait("3,000 replies", |events| events.len() == 3_000);
    }
}
