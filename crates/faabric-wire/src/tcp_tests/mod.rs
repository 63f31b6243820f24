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
use std::sync::atomic::AtomicU32;
use std::thread;

mod encryption;
mod faults;
mod jobs;
mod outages;
mod proxy;
mod traffic;

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
        incarnation: endpoint.shared.incarnation,
        ranks: (index as u32 * 4..index as u32 * 4 + 4).map(Rank).collect(),
    };
    endpoints.iter().enumerate().map(place).collect()
}

fn join(endpoint: &Endpoint, places: &[Place]) -> (Arc<JobLinks>, Arc<Recorder>) {
    join_job(endpoint, JOB, places)
}

fn join_job(endpoint: &Endpoint, job: JobId, places: &[Place]) -> (Arc<JobLinks>, Arc<Recorder>) {
    let links = endpoint.job(job, places);
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
