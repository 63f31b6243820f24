//! The seam between the MPI engine and the data plane.
//!
//! The engine hands packets to a [`Fabric`]; the fabric of the receiving worker
//! hands them to that job's [`Sink`]. TCP and in-process fabrics implement the
//! same trait, and another transport (libfabric, UCX) can.
//!
//! ```text
//! engine --Fabric::send--> link ==TCP==> link --Sink::deliver--> engine
//! ```
//! Invariant: packets between one pair of workers are delivered in the order sent.

use crate::id::Rank;
use std::io;

/// The most bytes a packet's header may have.
pub const MAX_HEADER: usize = 256;

/// Sends one job's packets to ranks on other workers.
pub trait Fabric: Send + Sync + 'static {
    /// Sends `header` and `payload` to the worker that runs `to`.
    ///
    /// From a rank's own thread ([`From::Rank`]) the call blocks while the link has
    /// more queued than it may: that is the back-pressure on a fast sender. From a
    /// delivery thread ([`From::Delivery`]) it never blocks, because two workers
    /// that both wait for the other to read would never stop.
    ///
    /// # Errors
    /// [`LinkError`] when the worker cannot be reached any more.
    fn send(&self, to: Rank, header: &[u8], payload: Payload<'_>, from: From) -> Result<(), LinkError>;
}

/// Which kind of thread calls [`Fabric::send`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// A rank's thread: may wait for room.
    Rank,
    /// The thread that delivers packets: must not wait.
    Delivery,
}

/// The bytes that follow a packet's header.
pub enum Payload<'a> {
    /// No bytes.
    Empty,
    /// Bytes that the fabric copies before `send` returns, if it has to queue them.
    Bytes(&'a [u8]),
    /// `len` bytes read when the link is ready for them: a rendezvous send straight
    /// from linear memory. [`Source::sent`] is called once the last byte is read.
    Stream(u64, Box<dyn Source>),
}

/// A payload that the link reads in pieces.
pub trait Source: Send {
    /// Fills `buf` with the next bytes; the caller asks for no more than there are.
    ///
    /// # Errors
    /// When the bytes cannot be read (the job has ended); the link then sends zeros
    /// for the rest, so that the stream of packets stays in step.
    fn read(&mut self, buf: &mut [u8]) -> io::Result<()>;
    /// All bytes were read: the sender may reuse its buffer.
    fn sent(self: Box<Self>);
}

/// Takes the packets of one job on one worker.
pub trait Sink: Send + Sync + 'static {
    /// Handles one packet for local rank `to`. `payload` yields exactly `len` bytes;
    /// what is left unread is skipped. Must not block on anything but `payload`.
    fn deliver(&self, to: Rank, header: &[u8], len: u64, payload: &mut dyn io::Read);
}

/// A worker that cannot be reached.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the connection to worker {worker} is lost: {reason}")]
pub struct LinkError {
    /// Its name, as `faabric workers` shows it.
    pub worker: String,
    /// What the operating system said.
    pub reason: String,
}
