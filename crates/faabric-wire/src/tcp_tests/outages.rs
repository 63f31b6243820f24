//! Connections that break, and come back or do not.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::encryption::Authority;
use super::proxy::Proxy;
use super::*;
use crate::admission::{Dialler, Peer};
use crate::fabric::{DirectDrain, DirectSource};
use crate::frame::LENGTH;
use crate::link::Link;
use crate::socket::Socket;
use crate::tls;
use crate::writer::Address;
use rustix::net::{RecvFlags, SendFlags};
use std::os::fd::BorrowedFd;

/// Two endpoints; each reaches the other through a proxy.
fn apart(seed: u64, configure: impl Fn(&mut Config)) -> ([Endpoint; 2], [Proxy; 2], Vec<Place>) {
    let ends = ["a", "b"].map(|name| {
        let mut config = config(name);
        configure(&mut config);
        Endpoint::listen(config).unwrap()
    });
    let proxies = [0, 1].map(|side| Proxy::start(ends[side].local_address(), seed + side as u64));
    let mut places = places(&[&ends[0], &ends[1]]);
    for (place, proxy) in places.iter_mut().zip(&proxies) {
        place.address = proxy.address.to_string();
    }
    (ends, proxies, places)
}

/// The bytes of packet `number`: any length up to some thousand, now and then more.
fn body(number: u32) -> Vec<u8> {
    let length = match number % 50 {
        0 => 300_000,
        1 => 100_000,
        _ => (number.wrapping_mul(2_654_435_761) >> 20) as usize,
    };
    (0..length)
        .map(|at| (at as u32 ^ number.wrapping_mul(97)) as u8)
        .collect()
}

/// A payload that is read when its turn comes, or sent by the kernel.
struct Body {
    bytes: Vec<u8>,
    read: usize,
    direct: bool,
    /// Counts those that were sent.
    sent: Arc<AtomicU32>,
}

impl Source for Body {
    fn read(&mut self, buf: &mut [u8]) -> Result<(), Gone> {
        buf.copy_from_slice(&self.bytes[self.read..self.read + buf.len()]);
        self.read += buf.len();
        Ok(())
    }
    fn sent(self: Box<Self>) {
        self.sent.fetch_add(1, Ordering::SeqCst);
    }
    fn direct(&mut self) -> Option<&mut dyn DirectSource> {
        self.direct.then_some(self as &mut dyn DirectSource)
    }
}

impl DirectSource for Body {
    fn send(
        &mut self,
        at: u64,
        most: usize,
        socket: BorrowedFd<'_>,
        wait: bool,
    ) -> io::Result<usize> {
        let mut flags = SendFlags::NOSIGNAL;
        flags.set(SendFlags::DONTWAIT, !wait);
        let at = at as usize;
        Ok(rustix::net::send(
            socket,
            &self.bytes[at..at + most],
            flags,
        )?)
    }
}

/// Checks that packets come once, whole and in order; counts them.
struct Checker {
    next: [AtomicU32; 2],
    recorder: Arc<Recorder>,
    total: u32,
}

struct Whole(Arc<Checker>, Vec<u8>, Vec<u8>);

impl Checker {
    fn new(total: u32) -> Arc<Self> {
        Arc::new(Self {
            next: Default::default(),
            recorder: Arc::default(),
            total,
        })
    }

    /// `header` is the sender's thread and the packet's number, in the order of sends.
    fn start(&self, header: &[u8]) {
        let number = u32::from_le_bytes(header[1..].try_into().unwrap());
        let due = self.next[usize::from(header[0])].fetch_add(1, Ordering::SeqCst);
        assert_eq!(number, due, "thread {}", header[0]);
    }

    fn end(&self, header: &[u8], payload: &[u8]) {
        let number = u32::from_le_bytes(header[1..].try_into().unwrap());
        assert!(payload == body(number), "packet {number} is damaged");
        self.recorder.note(Event::End {
            header: header.to_vec(),
            sum: 0,
        });
    }

    fn wait(&self) {
        let total = self.total as usize;
        let lost = |event: &Event| matches!(event, Event::Lost(_));
        let events = self.recorder.wait("all packets", |events| {
            events.len() >= total || events.iter().any(lost)
        });
        assert!(!events.iter().any(lost), "{:?}", events.last());
        assert_eq!(events.len(), total);
    }
}

struct CheckerEar(Arc<Checker>);

impl Sink for CheckerEar {
    fn deliver(&self, _: Rank, header: &[u8], payload: &[u8]) {
        self.0.start(header);
        self.0.end(header, payload);
    }
    fn open(&self, _: Rank, header: &[u8], _: u64) -> Box<dyn Drain> {
        self.0.start(header);
        Box::new(Whole(Arc::clone(&self.0), header.to_vec(), Vec::new()))
    }
    fn lost(&self, error: &LinkError) {
        self.0.recorder.note(Event::Lost(error.clone()));
    }
}

impl Drain for Whole {
    fn write(&mut self, bytes: &[u8]) {
        self.2.extend_from_slice(bytes);
    }
    fn end(self: Box<Self>) {
        self.0.end(&self.1, &self.2);
    }
    fn direct(&mut self) -> Option<&mut dyn DirectDrain> {
        let number = self.1[1];
        (!number.is_multiple_of(3)).then_some(self as &mut dyn DirectDrain)
    }
}

impl DirectDrain for Whole {
    fn receive(&mut self, most: usize, socket: BorrowedFd<'_>) -> io::Result<usize> {
        let mut bytes = vec![0; most];
        let (_, came) = rustix::net::recv(socket, &mut bytes[..], RecvFlags::DONTWAIT)?;
        self.2.extend_from_slice(&bytes[..came]);
        Ok(came)
    }
    fn go_back(&mut self, bytes: u64) {
        self.2.truncate(self.2.len() - bytes as usize);
    }
}

/// Sends `count` packets as thread `thread`, some of them as streams; returns how many,
/// and where those are counted that were sent.
fn send_many(links: &JobLinks, to: u32, thread: u8, count: u32) -> (u32, Arc<AtomicU32>) {
    let (mut streams, sent) = (0, Arc::<AtomicU32>::default());
    for number in 0..count {
        let header = [&[thread][..], &number.to_le_bytes()].concat();
        let bytes = body(number);
        let payload = if number % 7 == 3 && !bytes.is_empty() {
            streams += 1;
            let body = Body {
                bytes: bytes.clone(),
                read: 0,
                direct: number % 2 == 0,
                sent: Arc::clone(&sent),
            };
            Payload::Stream(bytes.len() as u64, Box::new(body))
        } else {
            Payload::Bytes(&bytes)
        };
        links
            .send(Rank(to), &header, payload, Caller::Rank)
            .unwrap();
    }
    (streams, sent)
}

/// Polls as ranks do that wait, and now and then sleep.
fn poll_until(links: &JobLinks, done: &AtomicBool) {
    let mut round = 0u32;
    while !done.load(Ordering::Relaxed) {
        round += 1;
        if round.is_multiple_of(1_000) {
            links.rest();
            thread::sleep(Duration::from_millis(1));
        }
        links.poll();
    }
}

fn cut_while_both_send(
    seed: u64,
    most: u64,
    window: usize,
    polled: bool,
    tls: Option<&tls::Files>,
) {
    let count = 400;
    let (ends, proxies, places) = apart(seed, |config| {
        config.window = window;
        config.tls = tls.cloned();
    });
    let sides = [(0, 4), (1, 0)].map(|(side, to): (usize, u32)| {
        let links = ends[side].job(JOB, &places);
        let checker = Checker::new(2 * count);
        links.attach(Arc::new(CheckerEar(Arc::clone(&checker))));
        (links, checker, to)
    });
    proxies.iter().for_each(|proxy| proxy.cut_after(most));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let mut senders = Vec::new();
        for (links, _, to) in &sides {
            for thread in 0..2 {
                senders.push(scope.spawn(move || send_many(links, *to, thread, count)));
            }
            if polled {
                scope.spawn(|| poll_until(links, &done));
            }
        }
        let sent: Vec<_> = senders.into_iter().map(|s| s.join().unwrap()).collect();
        for (_, checker, _) in &sides {
            checker.wait();
        }
        let deadline = clock::now() + PATIENCE;
        for (streams, sent) in sent {
            while sent.load(Ordering::SeqCst) < streams && clock::now() < deadline {
                thread::yield_now();
            }
            assert_eq!(sent.load(Ordering::SeqCst), streams);
        }
        done.store(true, Ordering::Relaxed);
    });
    let cuts: usize = proxies.iter().map(Proxy::cuts).sum();
    assert!(cuts >= 10, "only {cuts} connections were cut");
}

#[test]
fn cut_at_any_byte_packets_arrive_once_and_in_order() {
    for seed in 0..4 {
        cut_while_both_send(seed * 1_000, 700_000, 4 << 20, false, None);
    }
}

#[test]
fn cut_at_any_byte_with_little_room_to_keep() {
    for seed in 0..3 {
        cut_while_both_send(seed * 1_000 + 7, 300_000, 40_000, false, None);
    }
}

#[test]
fn cut_at_any_byte_while_ranks_read_and_write() {
    for seed in 0..4 {
        cut_while_both_send(seed * 1_000 + 3, 700_000, 400_000, true, None);
    }
}

/// Encrypted, the kernel takes nothing from where it is, and records lie between.
#[test]
fn cut_at_any_byte_under_tls() {
    let cluster = Authority::new().issue("faabric");
    for (seed, polled) in [(0, false), (1_003, true), (2_003, true)] {
        cut_while_both_send(seed, 700_000, 400_000, polled, Some(&cluster.files));
    }
    cut_while_both_send(7, 300_000, 40_000, false, Some(&cluster.files));
}

/// The connection breaks when all has arrived and nothing is acknowledged, and the link
/// has nothing more to say: the next handshake is all that the sender hears of it.
#[test]
fn what_only_the_next_handshake_acknowledges_counts_as_sent() {
    let link = Link::new(1, &config("a"), "b", Dialler::Here, None);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = Peer {
        incarnation: 1,
        link: 1,
    };
    let connect = |received| {
        let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let installed = link.install(
            &Arc::new(Socket::clear(socket)),
            (peer, Dialler::Here),
            received,
        );
        assert!(installed.is_some());
        listener.accept().unwrap().0
    };
    let (length, sent) = (10_000, Arc::<AtomicU32>::default());
    let body = Body {
        bytes: vec![1; length],
        read: 0,
        direct: true,
        sent: Arc::clone(&sent),
    };
    let address = Address {
        job: JOB,
        to: Rank(0),
        ended: Arc::default(),
    };
    thread::scope(|scope| {
        let mut wire = connect(0);
        let writes = scope.spawn(|| link.write_while_up());
        let payload = Payload::Stream(length as u64, Box::new(body));
        link.send(&address, b"h", payload, Caller::Rank).unwrap();
        wire.read_exact(&mut vec![0; 2 * LENGTH + 1 + length])
            .unwrap();
        link.break_off_present("a test");
        writes.join().unwrap();
    });
    assert_eq!(sent.load(Ordering::SeqCst), 0);
    let _wire = connect(2);
    assert_eq!(sent.load(Ordering::SeqCst), 1);
}

#[test]
fn connections_that_break_in_the_handshake_are_made_again() {
    let (ends, proxies, places) = apart(5, |_| ());
    let (to_b, at_a) = join(&ends[0], &places);
    let (to_a, at_b) = join(&ends[1], &places);
    // Hello and welcome are about 110 and 50 bytes.
    proxies.iter().for_each(|proxy| proxy.cut_after(300));
    for number in 0..100u8 {
        send(&to_b, 4, &[number], b"").unwrap();
        send(&to_a, 0, &[number], b"").unwrap();
    }
    for recorder in [&at_a, &at_b] {
        let events = recorder.wait("100 packets", |events| events.len() >= 100);
        let numbers = events.iter().map(|event| match event {
            Event::Packet { header, .. } => header[0],
            other => panic!("{other:?}"),
        });
        assert!(numbers.eq(0..100));
    }
}

#[test]
fn what_has_arrived_is_not_kept() {
    let (a, b, places) = pair();
    let (to_b, _at_a) = join(&a, &places);
    let (_to_a, at_b) = join(&b, &places);
    // Nothing goes the other way, and it is too little to be told at once.
    send(&to_b, 4, b"once", &[0; 1_000]).unwrap();
    at_b.wait("packet", |events| events.len() == 1);
    let deadline = clock::now() + PATIENCE;
    while a.unacknowledged("b") > 0 {
        assert!(clock::now() < deadline, "it is kept for ever");
        thread::yield_now();
    }
}

#[test]
fn no_more_is_kept_than_there_is_room_for() {
    let (window, queue) = (100_000, 100_000);
    let a = Endpoint::listen(Config {
        window,
        queue,
        ..config("a")
    })
    .unwrap();
    let b = endpoint("b");
    let places = places(&[&a, &b]);
    let (to_b, _at_a) = join(&a, &places);
    let (_to_a, at_b) = join(&b, &places);
    at_b.shut(true);
    let (taken, total) = (AtomicU32::new(0), 200);
    let (kept, most) = thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..total {
                send(&to_b, 4, b"fill", &[0; 10_000]).unwrap();
                taken.fetch_add(1, Ordering::SeqCst);
            }
        });
        while a.queued("b") < queue {
            thread::yield_now();
        }
        let found = (a.unacknowledged("b"), taken.load(Ordering::SeqCst));
        at_b.shut(false);
        found
    });
    // One batch may go beyond it. The kernel alone would have taken all 2 MB.
    assert!(kept <= window + 80_000, "{kept} bytes were kept");
    assert!(most <= 40, "{most} packets were taken");
    at_b.wait("all packets", |events| events.len() == total);
}

/// Ranks that compute say nothing, however often the connection breaks meanwhile.
#[test]
fn breaks_in_a_long_silence_are_outages_of_their_own() {
    let patience = Duration::from_secs(2);
    let (ends, proxies, places) = apart(2, |config| config.reconnect_timeout = patience);
    let (to_b, at_a) = join(&ends[0], &places);
    let (_to_a, at_b) = join(&ends[1], &places);
    send(&to_b, 4, b"before", b"").unwrap();
    at_b.wait("packet", |events| events.len() == 1);
    for silence in [
        patience * 3 / 5,
        patience * 3 / 5,
        patience * 6 / 5,
        patience / 5,
    ] {
        proxies.iter().for_each(|proxy| proxy.cut_all(false));
        thread::sleep(silence);
    }
    send(&to_b, 4, b"after", b"").unwrap();
    at_b.wait("packet", |events| events.len() == 2);
    assert_eq!(at_a.wait("nothing", |_| true), []);
}

#[test]
fn a_worker_that_does_not_come_back_is_lost_with_both_names() {
    let patience = Duration::from_millis(200);
    let (ends, proxies, places) = apart(1, |config| config.reconnect_timeout = patience);
    let (to_b, at_a) = join(&ends[0], &places);
    let (_to_a, at_b) = join(&ends[1], &places);
    send(&to_b, 4, b"hello", b"").unwrap();
    at_b.wait("packet", |events| events.len() == 1);
    proxies.iter().for_each(|proxy| proxy.cut_all(true));
    let error = at_a.wait_lost();
    let text = error.to_string();
    let start = "the connection from worker a to worker b is lost: ";
    assert!(text.starts_with(start), "{text}");
    let cause = "it could not be connected again within 200 ms";
    assert!(text.contains(cause), "{text}");
    assert_eq!(send(&to_b, 4, b"late", b""), Err(error));
    let text = at_b.wait_lost().to_string();
    assert!(text.contains("from worker b to worker a"), "{text}");
    assert!(text.contains("did not connect again"), "{text}");

    // A later job gets a new link.
    proxies[1].open_to(ends[1].local_address());
    let (later, recorder) = (ends[1].job(JobId(8), &places), Arc::<Recorder>::default());
    later.attach(Arc::new(Ear(Arc::clone(&recorder))));
    send(&ends[0].job(JobId(8), &places), 4, b"again", b"").unwrap();
    recorder.wait("packet", |events| events.len() == 1);
}

/// The two sides do not give a link up at the same moment.
#[test]
fn a_job_that_starts_after_a_loss_does_not_depend_on_the_lost_link() {
    let (ends, proxies, places) = apart(1, |config| {
        // Side b alone would wait for long.
        if config.worker == "a" {
            config.reconnect_timeout = Duration::from_millis(50);
        }
    });
    let (to_b, at_a) = join(&ends[0], &places);
    let (to_a, at_b) = join(&ends[1], &places);
    send(&to_b, 4, b"hello", b"").unwrap();
    at_b.wait("packet", |events| events.len() == 1);
    proxies.iter().for_each(|proxy| proxy.cut_all(true));
    at_a.wait_lost();
    let deadline = clock::now() + PATIENCE;
    while ends[1].is_connected("a") {
        assert!(clock::now() < deadline, "b does not notice");
        thread::yield_now();
    }
    to_b.abandon();
    to_a.abandon();
    for (proxy, end) in proxies.iter().zip(&ends) {
        proxy.open_to(end.local_address());
    }
    let later = ends.each_ref().map(|end| join_job(end, JobId(8), &places));
    send(&later[1].0, 0, b"to a", b"").unwrap();
    send(&later[0].0, 4, b"to b", b"").unwrap();
    for (_, recorder) in &later {
        let events = recorder.wait("packet", |events| !events.is_empty());
        assert!(matches!(events[..], [Event::Packet { .. }]), "{events:?}");
    }
}

/// The broken connection is to the worker's earlier process, and no job's any more.
#[test]
fn a_job_that_starts_after_a_restart_does_not_depend_on_the_broken_link() {
    let ([a, b], proxies, before) = apart(1, |_| ());
    let (to_b, _at_a) = join(&a, &before);
    let (to_a, at_b) = join(&b, &before);
    send(&to_b, 4, b"hello", b"").unwrap();
    at_b.wait("packet", |events| events.len() == 1);
    to_b.end();
    to_a.end();
    proxies.iter().for_each(|proxy| proxy.cut_all(true));
    let deadline = clock::now() + PATIENCE;
    while a.is_connected("b") {
        assert!(clock::now() < deadline, "a does not notice");
        thread::yield_now();
    }
    drop(b);
    let restarted = endpoint("b");
    let mut now = places(&[&a, &restarted]);
    for (place, before) in now.iter_mut().zip(&before) {
        place.address.clone_from(&before.address);
    }
    let later = [&a, &restarted].map(|end| join_job(end, JobId(8), &now));
    for (proxy, end) in proxies.iter().zip([&a, &restarted]) {
        proxy.open_to(end.local_address());
    }
    send(&later[0].0, 4, b"to b", b"").unwrap();
    send(&later[1].0, 0, b"to a", b"").unwrap();
    for (_, recorder) in &later {
        let events = recorder.wait("packet", |events| !events.is_empty());
        assert!(matches!(events[..], [Event::Packet { .. }]), "{events:?}");
    }
}

#[test]
fn a_worker_restarted_while_the_connection_is_down_is_another() {
    let (ends, proxies, places) = apart(1, |_| ());
    let (to_b, at_a) = join(&ends[0], &places);
    let (_to_a, at_b) = join(&ends[1], &places);
    send(&to_b, 4, b"hello", b"").unwrap();
    at_b.wait("packet", |events| events.len() == 1);
    proxies.iter().for_each(|proxy| proxy.cut_all(true));
    let [_a, b] = ends;
    drop(b);
    let restarted = endpoint("b");
    proxies[1].open_to(restarted.local_address());
    let reason = at_a.wait_lost().reason;
    assert!(reason.contains("was restarted"), "{reason}");
}
