//! Endpoints on the loopback interface, as two workers would use them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::clock;
use crate::fabric::{Drain, Gone, Source};
use crate::frame::{Frame, Kind};
use crate::handshake::{Answer, Hello};
use parking_lot::{Condvar, Mutex};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;

const PATIENCE: Duration = Duration::from_secs(60);

/// What reached a sink, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Event {
    Packet {
        to: u32,
        header: Vec<u8>,
        payload: Vec<u8>,
    },
    Open {
        header: Vec<u8>,
        length: u64,
    },
    Piece {
        header: Vec<u8>,
        length: usize,
    },
    End {
        header: Vec<u8>,
        sum: u64,
    },
    Cut {
        header: Vec<u8>,
    },
    Lost(LinkError),
}

/// A sink that notes everything; `gate` makes delivery wait, as a slow receiver.
#[derive(Default)]
struct Recorder {
    events: Mutex<Vec<Event>>,
    changed: Condvar,
    gate: Mutex<bool>,
    gate_changed: Condvar,
}

impl Recorder {
    fn note(&self, event: Event) {
        self.events.lock().push(event);
        self.changed.notify_all();
    }

    fn shut(&self, shut: bool) {
        *self.gate.lock() = shut;
        self.gate_changed.notify_all();
    }

    /// Waits until the events satisfy `enough`.
    fn wait(&self, what: &str, mut enough: impl FnMut(&[Event]) -> bool) -> Vec<Event> {
        let deadline = clock::now() + PATIENCE;
        let mut events = self.events.lock();
        while !enough(&events) {
            let late = self.changed.wait_until(&mut events, deadline).timed_out();
            assert!(!late, "no {what} among {} events", events.len());
        }
        events.clone()
    }

    fn wait_lost(&self) -> LinkError {
        let lost = |event: &Event| match event {
            Event::Lost(error) => Some(error.clone()),
            _ => None,
        };
        let events = self.wait("loss", |events| events.iter().any(|e| lost(e).is_some()));
        events.iter().find_map(lost).unwrap()
    }
}

/// Lets the sink be shared with the drains it opens.
struct Ear(Arc<Recorder>);

impl Sink for Ear {
    fn deliver(&self, to: Rank, header: &[u8], payload: &[u8]) {
        let mut shut = self.0.gate.lock();
        while *shut {
            self.0.gate_changed.wait(&mut shut);
        }
        drop(shut);
        let (header, payload) = (header.to_vec(), payload.to_vec());
        self.0.note(Event::Packet {
            to: to.0,
            header,
            payload,
        });
    }

    fn open(&self, _: Rank, header: &[u8], length: u64) -> Box<dyn Drain> {
        let header = header.to_vec();
        self.0.note(Event::Open {
            header: header.clone(),
            length,
        });
        Box::new(Bucket {
            recorder: Arc::clone(&self.0),
            header,
            sum: 0,
            ended: false,
        })
    }

    fn lost(&self, error: &LinkError) {
        self.0.note(Event::Lost(error.clone()));
    }
}

struct Bucket {
    recorder: Arc<Recorder>,
    header: Vec<u8>,
    sum: u64,
    ended: bool,
}

impl Drain for Bucket {
    fn write(&mut self, bytes: &[u8]) {
        self.sum += bytes.iter().map(|&byte| u64::from(byte)).sum::<u64>();
        self.recorder.note(Event::Piece {
            header: self.header.clone(),
            length: bytes.len(),
        });
    }

    fn end(mut self: Box<Self>) {
        self.ended = true;
        self.recorder.note(Event::End {
            header: self.header.clone(),
            sum: self.sum,
        });
    }
}

impl std::ops::Drop for Bucket {
    fn drop(&mut self) {
        if !self.ended {
            self.recorder.note(Event::Cut {
                header: self.header.clone(),
            });
        }
    }
}

/// A payload of ones; calls `at_first` when its first piece is read.
struct Ones {
    at_first: Option<Box<dyn FnOnce() + Send>>,
    sent: Arc<AtomicBool>,
    gone_after: u64,
    read: u64,
}

impl Ones {
    fn new() -> Self {
        Self {
            at_first: None,
            sent: Arc::default(),
            gone_after: u64::MAX,
            read: 0,
        }
    }
}

impl Source for Ones {
    fn read(&mut self, buf: &mut [u8]) -> Result<(), Gone> {
        if let Some(act) = self.at_first.take() {
            act();
        }
        self.read += buf.len() as u64;
        if self.read > self.gone_after {
            return Err(Gone);
        }
        buf.fill(1);
        Ok(())
    }

    fn sent(self: Box<Self>) {
        self.sent.store(true, Ordering::Release);
    }
}

const JOB: JobId = JobId(7);

fn config(worker: &str) -> Config {
    Config {
        worker: worker.to_owned(),
        ..Config::default()
    }
}

fn endpoint(worker: &str) -> Endpoint {
    Endpoint::listen(config(worker)).unwrap()
}

/// Ranks 0..4 on the first endpoint, 4..8 on the second, and so on.
fn places(endpoints: &[&Endpoint]) -> Vec<Place> {
    let place = |(index, endpoint): (usize, &&Endpoint)| Place {
        worker: endpoint.shared.config.worker.clone(),
        address: endpoint.local_address().to_string(),
        ranks: (index as u32 * 4..index as u32 * 4 + 4).map(Rank).collect(),
    };
    endpoints.iter().enumerate().map(place).collect()
}

fn join(endpoint: &Endpoint, places: &[Place]) -> (Arc<JobLinks>, Arc<Recorder>) {
    let links = endpoint.job(JOB, places);
    let recorder = Arc::new(Recorder::default());
    links.attach(Arc::new(Ear(Arc::clone(&recorder))));
    (links, recorder)
}

fn pair() -> (Endpoint, Endpoint, Vec<Place>) {
    let (a, b) = (endpoint("a"), endpoint("b"));
    let places = places(&[&a, &b]);
    (a, b, places)
}

fn send(links: &JobLinks, to: u32, header: &[u8], payload: &[u8]) -> Result<(), LinkError> {
    links.send(Rank(to), header, Payload::Bytes(payload), Caller::Rank)
}

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
        ..config("a")
    })
    .unwrap();
    let b = Endpoint::listen(Config {
        queue: 50_000,
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

#[test]
fn a_dead_worker_is_told_to_jobs_and_senders() {
    let (a, b, places) = pair();
    let (to_b, at_a) = join(&a, &places);
    let (_to_a, at_b) = join(&b, &places);
    send(&to_b, 4, b"hello", b"").unwrap();
    at_b.wait("packet", |events| !events.is_empty());
    drop(b);
    assert_eq!(at_a.wait_lost().worker, "b");
    assert_eq!(send(&to_b, 4, b"hello", b"").unwrap_err().worker, "b");
    assert_eq!(at_b.wait_lost().reason, "this worker is shutting down");
}

#[test]
fn a_worker_that_cannot_be_reached_is_lost_after_the_time_out() {
    let timeout = Duration::from_millis(100);
    let a = Endpoint::listen(Config {
        connect_timeout: timeout,
        ..config("a")
    })
    .unwrap();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap().to_string();
    drop(nobody);
    let place = Place {
        worker: "b".to_owned(),
        address: address.clone(),
        ranks: vec![Rank(1)],
    };
    let (to_b, at_a) = join(&a, &[place]);
    send(&to_b, 1, b"queued", b"").unwrap();
    let error = at_a.wait_lost();
    assert!(error.reason.contains(&address), "{error}");
    assert_eq!(send(&to_b, 1, b"late", b""), Err(error));
}

#[test]
fn workers_of_other_clusters_and_names_are_refused_with_the_reason() {
    let a = endpoint("a");
    let b = Endpoint::listen(Config {
        cluster: "other".to_owned(),
        ..config("b")
    })
    .unwrap();
    let both = places(&[&a, &b]);
    let (to_b, at_a) = join(&a, &both);
    send(&to_b, 4, b"hello", b"").unwrap();
    let reason = at_a.wait_lost().reason;
    assert_eq!(
        reason,
        "worker b belongs to cluster \"other\", worker a to \"faabric\""
    );

    let c = endpoint("c");
    let mut wrong = places(&[&a, &c]);
    wrong[1].worker = "d".to_owned();
    let job = a.job(JobId(8), &wrong);
    let recorder = Arc::new(Recorder::default());
    job.attach(Arc::new(Ear(Arc::clone(&recorder))));
    send(&job, 4, b"hello", b"").unwrap();
    assert!(
        recorder
            .wait_lost()
            .reason
            .starts_with("this is worker c, not d")
    );
}

#[test]
fn garbage_on_the_port_is_answered_and_harms_nobody() {
    let (a, b, places) = pair();
    let (to_b, _at_a) = join(&a, &places);
    let (_to_a, at_b) = join(&b, &places);
    let mut browser = TcpStream::connect(b.local_address()).unwrap();
    browser
        .write_all(b"GET / HTTP/1.1\r\nHost: worker\r\n\r\n")
        .unwrap();
    let Answer::Refused(reason) = Answer::read(&mut browser).unwrap() else {
        panic!("let in");
    };
    assert_eq!(reason, "the peer is not a faabric worker's data plane");
    let mut scanner = TcpStream::connect(b.local_address()).unwrap();
    scanner.write_all(&[0xff; 5_000]).unwrap();
    drop(scanner);
    send(&to_b, 4, b"still here", b"").unwrap();
    at_b.wait("packet", |events| events.len() == 1);
}

/// Shakes hands with `with` as worker `name`, by hand.
fn shake_hands(with: &Endpoint, name: &str, incarnation: u64) -> (TcpStream, Answer) {
    let mut socket = TcpStream::connect(with.local_address()).unwrap();
    let config = &with.shared.config;
    let (from, to) = (name.to_owned(), config.worker.clone());
    let hello = Hello {
        incarnation,
        cluster: config.cluster.clone(),
        from,
        to,
    };
    hello.write(&mut socket).unwrap();
    let answer = Answer::read(&mut socket).unwrap();
    (socket, answer)
}

#[test]
fn a_peer_that_breaks_the_protocol_loses_its_link() {
    let b = endpoint("b");
    let place = Place {
        worker: "a".to_owned(),
        address: "-".to_owned(),
        ranks: vec![Rank(0)],
    };
    let frame = Frame {
        sequence: 0,
        job: JOB,
        total: 3,
        to: Rank(1),
        packet: 0,
        length: 3,
        header: 0,
        kind: Kind::Whole,
    };
    let bad = [
        (
            Frame {
                sequence: 5,
                ..frame
            },
            "frame 5 came where 1 was due",
        ),
        (
            Frame {
                sequence: 1,
                length: 1 << 30,
                total: 1 << 30,
                ..frame
            },
            "over the cap",
        ),
        (
            Frame {
                sequence: 1,
                packet: 9,
                total: 0,
                kind: Kind::Last,
                ..frame
            },
            "9 is not open",
        ),
    ];
    for (index, (bad, complaint)) in bad.into_iter().enumerate() {
        let (_links, at_b) = join(&b, std::slice::from_ref(&place));
        let (mut socket, answer) = shake_hands(&b, "a", index as u64);
        assert!(matches!(answer, Answer::Welcome { .. }), "{answer:?}");
        for frame in [frame, bad] {
            socket.write_all(&frame.encode()).unwrap();
            socket.write_all(b"abc").unwrap();
        }
        let reason = at_b.wait_lost().reason;
        assert!(reason.contains(complaint), "{reason}");
        let first = Event::Packet {
            to: 1,
            header: Vec::new(),
            payload: b"abc".to_vec(),
        };
        assert_eq!(at_b.events.lock()[0], first);
        // The other side sees it too: the end of the file, or that we are gone.
        let _ = socket.read(&mut [0; 1]);
    }
}

#[test]
fn a_second_connection_is_busy_and_a_restarted_worker_is_let_in() {
    let b = endpoint("b");
    let place = Place {
        worker: "a".to_owned(),
        address: "-".to_owned(),
        ranks: vec![Rank(0)],
    };
    let (_links, at_b) = join(&b, &[place]);
    let (_first, answer) = shake_hands(&b, "a", 1);
    assert!(matches!(answer, Answer::Welcome { .. }));
    assert_eq!(shake_hands(&b, "a", 1).1, Answer::Busy);
    let (_second, answer) = shake_hands(&b, "a", 2);
    assert!(matches!(answer, Answer::Welcome { .. }));
    assert_eq!(at_b.wait_lost().reason, "the worker was restarted");
}

#[test]
fn both_may_dial_at_once() {
    for _ in 0..50 {
        let (a, b, places) = pair();
        let (to_b, at_a) = join(&a, &places);
        let (to_a, at_b) = join(&b, &places);
        thread::scope(|scope| {
            scope.spawn(|| send(&to_b, 4, b"to b", b"").unwrap());
            scope.spawn(|| send(&to_a, 0, b"to a", b"").unwrap());
        });
        for recorder in [&at_a, &at_b] {
            let events = recorder.wait("packet", |events| !events.is_empty());
            assert!(matches!(events[..], [Event::Packet { .. }]), "{events:?}");
        }
        let up = |endpoint: &Endpoint, peer| endpoint.shared.find(peer).unwrap().failure();
        assert_eq!((up(&a, "b"), up(&b, "a")), (None, None));
    }
}

#[test]
fn packets_wait_for_the_start_of_their_job() {
    let a = endpoint("a");
    let b = Endpoint::listen(Config {
        hold: 10_000,
        ..config("b")
    })
    .unwrap();
    let places = places(&[&a, &b]);
    let (to_b, _at_a) = join(&a, &places);
    // More than is held back: the link waits for the job.
    for number in 0..100u8 {
        send(&to_b, 4, &[number], &[0; 1_000]).unwrap();
    }
    to_b.send(
        Rank(4),
        b"s",
        Payload::Stream(5, Box::new(Ones::new())),
        Caller::Rank,
    )
    .unwrap();
    let (_to_a, at_b) = join(&b, &places);
    let ended = |event: &Event| matches!(event, Event::End { sum: 5, .. });
    let events = at_b.wait("all", |events| events.iter().any(ended));
    let order: Vec<u8> = events
        .iter()
        .filter_map(|event| match event {
            Event::Packet { header, .. } => Some(header[0]),
            _ => None,
        })
        .collect();
    assert_eq!(order, (0..100).collect::<Vec<u8>>());
}

#[test]
fn a_job_that_never_starts_costs_its_own_packets_only() {
    let a = endpoint("a");
    let hold_time = Duration::from_millis(1);
    let b = Endpoint::listen(Config {
        hold: 1,
        hold_time,
        ..config("b")
    })
    .unwrap();
    let places = places(&[&a, &b]);
    let stray = a.job(JobId(99), &places);
    for _ in 0..10 {
        send(&stray, 4, b"stray", b"").unwrap();
    }
    let (to_b, _at_a) = join(&a, &places);
    let (_to_a, at_b) = join(&b, &places);
    send(&to_b, 4, b"good", b"").unwrap();
    at_b.wait("packet", |events| events.len() == 1);
    assert_eq!(b.dropped(), 10);
    // Too late: the job is told instead of left to wait for what was dropped.
    let late = b.job(JobId(99), &places);
    let recorder = Arc::new(Recorder::default());
    late.attach(Arc::new(Ear(Arc::clone(&recorder))));
    assert!(recorder.wait_lost().reason.contains("not started in time"));
}

#[test]
fn the_end_of_a_job_frees_its_senders_and_drops_its_packets() {
    let a = Endpoint::listen(Config {
        queue: 1_000,
        ..config("a")
    })
    .unwrap();
    let b = endpoint("b");
    let places = places(&[&a, &b]);
    let (to_b, _at_a) = join(&a, &places);
    let (to_a, at_b) = join(&b, &places);
    at_b.shut(true);
    thread::scope(|scope| {
        let sender = scope.spawn(|| {
            loop {
                if let Err(error) = send(&to_b, 4, b"fill", &[0; 50_000]) {
                    return error;
                }
            }
        });
        while a.queued("b") < 1_000 {
            thread::yield_now();
        }
        to_b.end();
        assert_eq!(sender.join().unwrap().reason, "the job has ended");
    });
    at_b.shut(false);
    to_a.end();
    // The link lives on for other jobs.
    let other = b.job(JobId(8), &places);
    let recorder = Arc::new(Recorder::default());
    other.attach(Arc::new(Ear(Arc::clone(&recorder))));
    let from_a = a.job(JobId(8), &places);
    send(&from_a, 4, b"next job", b"").unwrap();
    recorder.wait("packet", |events| events.len() == 1);
}

#[test]
fn a_name_nobody_could_accept_and_a_port_in_use_are_errors() {
    assert!(Endpoint::listen(config("")).is_err());
    let a = endpoint("a");
    let taken = a.local_address().to_string();
    let error = Endpoint::listen(Config {
        listen: taken.clone(),
        ..config("b")
    })
    .err()
    .unwrap();
    assert_eq!(
        error.to_string(),
        format!("cannot listen for other workers on {taken}")
    );
}
