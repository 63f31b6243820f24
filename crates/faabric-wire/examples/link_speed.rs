//! Measures the data plane between two endpoints of this process over loopback TCP:
//! round trips of small packets, rates of packets, bandwidth of a stream.
//!
//! `cargo run --release -p faabric-wire --example link_speed`

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement for people to run and read"
)]

use faabric_wire::clock;
use faabric_wire::fabric::{Caller, Drain, Fabric, Gone, LinkError, Payload, Sink, Source};
use faabric_wire::id::{JobId, Rank};
use faabric_wire::tcp::{Config, Endpoint, JobLinks, Place};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

/// Tells of every whole packet, and of every stream's end.
struct Ear(Sender<usize>);

struct Bucket(Sender<usize>, usize);

impl Sink for Ear {
    fn deliver(&self, _: Rank, _: &[u8], payload: &[u8]) {
        self.0.send(payload.len()).unwrap();
    }
    fn open(&self, _: Rank, _: &[u8], _: u64) -> Box<dyn Drain> {
        Box::new(Bucket(self.0.clone(), 0))
    }
    fn lost(&self, _: &LinkError) {}
}

impl Drain for Bucket {
    fn write(&mut self, bytes: &[u8]) {
        self.1 += bytes.len();
    }
    fn end(self: Box<Self>) {
        self.0.send(self.1).unwrap();
    }
}

/// Answers every packet from the delivery thread.
struct Echo(Arc<JobLinks>);

impl Sink for Echo {
    fn deliver(&self, _: Rank, header: &[u8], payload: &[u8]) {
        let payload = Payload::Bytes(payload);
        self.0
            .send(Rank(0), header, payload, Caller::Delivery)
            .unwrap();
    }
    fn open(&self, _: Rank, _: &[u8], _: u64) -> Box<dyn Drain> {
        Box::new(Bucket(channel().0, 0))
    }
    fn lost(&self, _: &LinkError) {}
}

struct Zeros;

impl Source for Zeros {
    fn read(&mut self, buf: &mut [u8]) -> Result<(), Gone> {
        buf.fill(0);
        Ok(())
    }
    fn sent(self: Box<Self>) {}
}

fn endpoint(worker: &str) -> Endpoint {
    Endpoint::listen(Config {
        worker: worker.to_owned(),
        ..Config::default()
    })
    .unwrap()
}

fn place(endpoint: &Endpoint, worker: &str, rank: u32) -> Place {
    let address = endpoint.local_address().to_string();
    Place {
        worker: worker.to_owned(),
        address,
        incarnation: 0,
        ranks: vec![Rank(rank)],
    }
}

/// Sends with a header as long as the engine's.
fn send(links: &JobLinks, payload: Payload<'_>) {
    links
        .send(Rank(1), &[0; 32], payload, Caller::Rank)
        .unwrap();
}

fn main() {
    let (a, b) = (endpoint("a"), endpoint("b"));
    let places = [place(&a, "a", 0), place(&b, "b", 1)];

    let (heard, answers) = channel();
    let (echoing, echo) = (a.job(JobId(1), &places), b.job(JobId(1), &places));
    echoing.attach(Arc::new(Ear(heard)));
    echo.attach(Arc::new(Echo(Arc::clone(&echo))));
    for bytes in [8, 1024, 65_536] {
        let (rounds, payload) = (5_000, vec![0; bytes]);
        let start = clock::now();
        for _ in 0..rounds {
            send(&echoing, Payload::Bytes(&payload));
            answers.recv().unwrap();
        }
        let each = start.elapsed().as_secs_f64() / f64::from(rounds) / 2.0;
        println!("{bytes:>6} B one way: {:.1} us", each * 1e6);
    }

    let (heard, arrived) = channel();
    let (out, into) = (a.job(JobId(2), &places), b.job(JobId(2), &places));
    out.attach(Arc::new(Ear(channel().0)));
    into.attach(Arc::new(Ear(heard)));
    let packets = 300_000;
    let start = clock::now();
    for _ in 0..packets {
        send(&out, Payload::Bytes(&[0; 8]));
    }
    arrived.iter().take(packets).count();
    println!(
        "8 B packets: {:.0} thousand/s",
        packets as f64 / start.elapsed().as_secs_f64() / 1e3
    );

    let length = 2 << 30;
    let start = clock::now();
    send(&out, Payload::Stream(length, Box::new(Zeros)));
    arrived.recv().unwrap();
    println!(
        "stream of 2 GiB: {:.2} GB/s",
        length as f64 / start.elapsed().as_secs_f64() / 1e9
    );
}
