//! Workers that die, lie, speak nonsense, or dial at the same time.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

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
        incarnation: 0,
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
        link: 1,
        attempt: 1,
        resumes: 0,
        received: 0,
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
        incarnation: 0,
        ranks: vec![Rank(0)],
    };
    let frame = Frame {
        sequence: 0,
        ack: 0,
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
        assert!(matches!(answer, Answer::Welcome(_)), "{answer:?}");
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
        incarnation: 0,
        ranks: vec![Rank(0)],
    };
    let (_links, at_b) = join(&b, &[place]);
    let (_first, answer) = shake_hands(&b, "a", 1);
    assert!(matches!(answer, Answer::Welcome(_)));
    assert_eq!(shake_hands(&b, "a", 1).1, Answer::Busy);
    let (_second, answer) = shake_hands(&b, "a", 2);
    assert!(matches!(answer, Answer::Welcome(_)));
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

#[test]
fn connections_have_the_congestion_control_that_is_asked_for() {
    let chosen = |congestion: Option<&str>| {
        let congestion = congestion.map(str::to_owned);
        let end = Endpoint::listen(Config {
            congestion,
            ..config("a")
        })?;
        let socket = TcpStream::connect(end.local_address()).unwrap();
        end.shared.tune(&socket).unwrap();
        Ok::<_, Error>(sockopt::tcp_congestion(&socket).unwrap())
    };
    assert_eq!(chosen(Some("reno")).unwrap(), "reno", "every system has it");
    let all = "/proc/sys/net/ipv4/tcp_allowed_congestion_control";
    if std::fs::read_to_string(all).unwrap().contains(CONGESTION) {
        assert_eq!(chosen(None).unwrap(), CONGESTION);
    }
    let error = chosen(Some("none such")).unwrap_err().to_string();
    assert!(
        error.contains("none such") && error.contains(all),
        "{error}"
    );
}
