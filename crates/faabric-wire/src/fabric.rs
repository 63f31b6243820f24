//! The seam between the MPI engine and the data plane.
//!
//! The engine hands packets to a [`Fabric`]; the fabric of the receiving worker
//! hands them to that job's [`Sink`]. TCP and in-process fabrics implement the
//! same traits, and another transport (libfabric, UCX) can.
//!
//! ```text
//! Payload::Bytes   engine --Fabric::send--> link ======> link --Sink::deliver--> engine
//! Payload::Stream  engine --Fabric::send--> link ======> link --Sink::open-----> engine
//!                         <--Source::read--      ======>      --Drain::write--->
//!                         <--Source::sent--      ======>      --Drain::end----->
//! ```
//! Invariant: `deliver` and `open` are called in the order in which the sending
//! worker called `send`, one at a time for each peer worker. Only the *bytes* of a
//! stream arrive later, in pieces between other packets: a 2 GiB message must not
//! hold up an 8-byte one.

use crate::id::Rank;
use std::io;
use std::os::fd::BorrowedFd;

/// The most bytes a packet's header may have.
pub const MAX_HEADER: usize = 256;

/// The most payload bytes that are delivered in one piece; [`Payload::Bytes`] beyond
/// it arrive through [`Sink::open`], as a stream does.
pub const MAX_INLINE: usize = 256 * 1024;

/// Sends one job's packets to ranks on other workers.
pub trait Fabric: Send + Sync + 'static {
    /// Sends `header` and `payload` to the worker that runs `to`.
    ///
    /// From a rank's own thread ([`Caller::Rank`]) the call blocks while the link has
    /// more queued than it may: that is the back-pressure on a fast sender. From a
    /// delivery thread ([`Caller::Delivery`]) it never blocks, because two workers
    /// that both wait for the other to read would never stop. The caller holds no lock
    /// that [`Sink`] methods take.
    ///
    /// # Errors
    /// [`LinkError`] when the worker cannot be reached any more.
    fn send(
        &self,
        to: Rank,
        header: &[u8],
        payload: Payload<'_>,
        caller: Caller,
    ) -> Result<(), LinkError>;

    /// Takes in what has arrived, as far as that goes without waiting: for a rank that has
    /// a core to itself and waits, or is about to have to. It may call [`Sink`] methods, of
    /// other jobs too, so the caller holds no lock that they take. Whether anything has
    /// arrived, or has left for another worker: then there may soon be more.
    fn poll(&self) -> bool {
        false
    }

    /// A rank that has called [`Fabric::poll`] goes to sleep, and wants to be woken by
    /// what arrives.
    fn rest(&self) {}
}

/// Which kind of thread calls [`Fabric::send`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
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
    /// So many bytes that the caller writes where the fabric wants them, once, before
    /// `send` returns; while the fabric holds no lock.
    Fill(usize, &'a mut dyn FnMut(&mut [u8])),
    /// `len` bytes read when the link is ready for them: a rendezvous send straight
    /// from linear memory. None at all (`len` 0) arrive through [`Sink::deliver`].
    Stream(u64, Box<dyn Source>),
}

impl Payload<'_> {
    /// The bytes of one that is at hand; none of a stream.
    #[must_use]
    pub fn into_vec(self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes.to_vec(),
            Self::Fill(length, fill) => {
                let mut bytes = vec![0; length];
                fill(&mut bytes);
                bytes
            }
            Self::Empty | Self::Stream(..) => Vec::new(),
        }
    }
}

/// A payload that the link reads in pieces. Dropped without [`Source::sent`] when
/// the link is lost or the job ends. Never called while the link holds a lock.
pub trait Source: Send {
    /// Fills `buf` with the next bytes; the caller asks for no more than there are.
    ///
    /// # Errors
    /// [`Gone`] when the bytes cannot be read any more; the link then cuts the stream,
    /// and the receiving [`Drain`] is dropped without [`Drain::end`].
    fn read(&mut self, buf: &mut [u8]) -> Result<(), Gone>;

    /// All bytes were read, or have arrived if they went out by [`Source::direct`]: the
    /// sender may reuse its buffer.
    fn sent(self: Box<Self>);

    /// The way past [`Source::read`], if the bytes are where the kernel can fetch them.
    fn direct(&mut self) -> Option<&mut dyn DirectSource> {
        None
    }
}

/// A payload that the kernel takes from where it lies. What was sent may be asked for
/// again, when a connection breaks, until the other side has it.
pub trait DirectSource {
    /// Sends up to `most` bytes of the payload, from byte `at` on, to `socket`; waits
    /// for room only if told to. Gives how many the kernel took.
    ///
    /// # Errors
    /// Those of `send(2)`.
    fn send(
        &mut self,
        at: u64,
        most: usize,
        socket: BorrowedFd<'_>,
        wait: bool,
    ) -> io::Result<usize>;
}

/// What a [`Source`] reads from is no more: its job has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the memory that the payload is read from is gone")]
pub struct Gone;

/// Takes the packets of one job on one worker. No method may block: every job that
/// talks to the sending worker waits behind it.
pub trait Sink: Send + Sync + 'static {
    /// Handles a packet for local rank `to` that is here whole.
    fn deliver(&self, to: Rank, header: &[u8], payload: &[u8]);

    /// A packet for local rank `to` whose payload of `len` bytes comes in pieces.
    fn open(&self, to: Rank, header: &[u8], len: u64) -> Box<dyn Drain>;

    /// The connection to a worker that runs ranks of this job is lost for good: no
    /// more packets come from it, and sends to it fail with the same error. Called
    /// from a thread of the link, never within [`Fabric::send`]; possibly twice.
    fn lost(&self, error: &LinkError);
}

/// Takes the payload of one streamed packet. Dropped without [`Drain::end`] when
/// the link is lost, or the sending job ends, before the last byte.
pub trait Drain: Send {
    /// The next bytes, never more in all than [`Sink::open`] was told.
    fn write(&mut self, bytes: &[u8]);

    /// The last byte was written.
    fn end(self: Box<Self>);

    /// The way past [`Drain::write`], if the kernel can put the next bytes where they
    /// belong.
    fn direct(&mut self) -> Option<&mut dyn DirectDrain> {
        None
    }
}

/// A payload that the kernel puts where it belongs.
pub trait DirectDrain {
    /// Takes up to `most` of the next bytes from `socket`, without waiting. Gives how
    /// many came; none when the connection is closed.
    ///
    /// # Errors
    /// Those of `recv(2)`.
    fn receive(&mut self, most: usize, socket: BorrowedFd<'_>) -> io::Result<usize>;

    /// Goes back by so many bytes: the connection broke within a piece, and the whole
    /// piece comes again on the next.
    fn go_back(&mut self, bytes: u64);
}

/// A worker that cannot be reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the connection from worker {from} to worker {worker} is lost: {reason}")]
pub struct LinkError {
    /// Who cannot reach it.
    pub from: String,
    /// Its name, as `faabric workers` shows it.
    pub worker: String,
    /// What the operating system said.
    pub reason: String,
}
