//! Who reads a connection: its own thread, or a rank that waits.
//!
//! A thread that sleeps until bytes come costs two wake-ups a message, its own and the
//! rank's, each as much as the kernel needs for all the rest. So a rank that waits, and
//! has a core to spin on, reads the socket itself ([`Intake::poll`]):
//!
//! ```text
//!             bytes come                  polls went on       none for a NAP
//!   listening -----------> reads once --------------> napping ---------------> listening
//!                                                        '---- [`Intake::rest`] ----^
//! ```
//! The connection's thread naps while ranks poll, and looks every [`NAP`] whether they
//! still do: that is how long a message may lie that comes after the last poll. A rank
//! that goes to sleep says so, and the thread listens at once.
//!
//! Whoever holds the lock on the [`Reader`] reads; the order of frames is that of the
//! bytes, whoever takes them.

use crate::jobs::{Jobs, Patience};
use crate::link::Link;
use crate::reader::{Error, Inbound, Reader, Taken, Wire};
use crate::socket::Socket;
use parking_lot::Mutex;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fd::OwnedFd;
use std::io::{self, Read};
use std::os::fd::BorrowedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How long the thread leaves a connection to ranks that have polled it since it last
/// looked: long against a wake-up (a few microseconds), short against what a rank
/// computes between two calls.
const NAP: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 200_000,
};

/// The reading of one connection.
pub(crate) struct Intake {
    socket: Arc<Socket>,
    reading: Mutex<Reading>,
    /// How often ranks have polled.
    polls: AtomicU64,
    /// The thread naps.
    naps: AtomicBool,
    /// Wakes it from its nap, or from listening.
    alarm: OwnedFd,
}

struct Reading {
    reader: Reader,
    /// Why the connection can no longer be read: for its thread.
    broken: Option<Error>,
}

impl Intake {
    /// Goes on with what has arrived on earlier connections.
    ///
    /// # Errors
    /// When the process has no descriptor left; then `inbound` is as it was.
    pub(crate) fn new(socket: &Arc<Socket>, inbound: &mut Inbound) -> io::Result<Self> {
        let alarm = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let reading = Reading {
            reader: Reader::new(std::mem::take(inbound)),
            broken: None,
        };
        Ok(Self {
            socket: Arc::clone(socket),
            reading: Mutex::new(reading),
            polls: AtomicU64::new(0),
            naps: AtomicBool::new(false),
            alarm,
        })
    }

    /// Delivers frames until the connection breaks; says why it did, and what has
    /// arrived. Ranks that still poll find nothing any more.
    pub(crate) fn run(&self, jobs: &Jobs, link: &Link) -> (Error, Inbound) {
        loop {
            let polls = self.polls.load(Ordering::Relaxed);
            let waits = {
                let reading = self.reading.lock();
                let idle = reading.broken.is_none() && !reading.reader.is_held();
                idle && !self.socket.has_more()
            };
            if waits {
                self.sleep(None);
            }
            let mut reading = self.reading.lock();
            reading.take(&self.socket, jobs, link, Patience::Any);
            if let Some(error) = &mut reading.broken {
                // What stays says that there is nothing to read.
                let error = std::mem::replace(error, Error::Closed);
                return (error, reading.reader.take_inbound());
            }
            drop(reading);
            self.nap(polls);
        }
    }

    /// Leaves the connection to ranks as long as they poll; `before` is how often they
    /// had when it was last looked.
    fn nap(&self, mut before: u64) {
        loop {
            let polls = self.polls.load(Ordering::Relaxed);
            if polls == before {
                return;
            }
            before = polls;
            self.naps.store(true, Ordering::Release);
            let rung = self.sleep(Some(&NAP));
            self.naps.store(false, Ordering::Release);
            if rung {
                return;
            }
        }
    }

    /// Sleeps until the alarm rings or, without a time, there is something to read.
    /// True when the alarm has rung.
    fn sleep(&self, time: Option<&Timespec>) -> bool {
        let alarm = PollFd::new(&self.alarm, PollFlags::IN);
        let mut both = [alarm, PollFd::new(self.socket.tcp(), PollFlags::IN)];
        let listened = if time.is_some() {
            &mut both[..1]
        } else {
            &mut both[..]
        };
        // It fails when interrupted, or out of memory: the caller then looks early.
        let _ = poll(listened, time);
        // Fails when the alarm has not rung.
        rustix::io::read(&self.alarm, &mut [0; 8]).is_ok()
    }

    fn ring(&self) {
        // Fails only when it has been rung 2^64 times and nobody looked.
        let _ = rustix::io::write(&self.alarm, &1u64.to_ne_bytes());
    }

    /// A rank polls, or does what it will poll after.
    pub(crate) fn note_poll(&self) {
        self.polls.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes in what has arrived, without waiting: for a rank that waits. Another that
    /// is at it does this for all. Whether anything was there.
    pub(crate) fn poll(&self, jobs: &Jobs, link: &Link) -> bool {
        self.note_poll();
        let Some(mut reading) = self.reading.try_lock() else {
            return false;
        };
        if reading.broken.is_some() {
            return false;
        }
        let taken = reading.take(&self.socket, jobs, link, Patience::None);
        if taken == Taken::Held || reading.broken.is_some() {
            self.ring();
        }
        taken == Taken::Some
    }

    /// A rank that polled no longer does.
    pub(crate) fn rest(&self) {
        if self.naps.swap(false, Ordering::AcqRel) {
            self.ring();
        }
    }
}

impl Reading {
    /// Reads once, and what came with it.
    fn take(&mut self, socket: &Socket, jobs: &Jobs, link: &Link, patience: Patience) -> Taken {
        let read = || loop {
            let read = self
                .reader
                .read(&mut NoWait(socket), (jobs, &link.receipts), patience)?;
            if read != Taken::Nothing {
                let whole = self.reader.take_whole();
                link.heard(self.reader.acknowledged(), whole)?;
            }
            if read != Taken::Some || !socket.has_more() {
                return Ok(read);
            }
        };
        // A panic is a bug in a job's engine; it costs the link, not the worker.
        let read = catch_unwind(AssertUnwindSafe(read)).unwrap_or(Err(Error::Panic));
        read.unwrap_or_else(|error| {
            self.broken.get_or_insert(error);
            Taken::Nothing
        })
    }
}

/// Reads what there is.
struct NoWait<'a>(&'a Socket);

impl Read for NoWait<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.receive(buf)
    }
}

impl Wire for NoWait<'_> {
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.0.direct()
    }
}
