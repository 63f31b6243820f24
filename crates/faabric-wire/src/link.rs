//! One connection to one other worker, shared by all jobs that have ranks on both.
//!
//! ```text
//!                    +------------------ Link ------------------+
//! rank thread  ------|--> link idle? --yes--> Writer (no wait) --|--> socket
//! rank thread  ------|--> queue (bounded) --> link thread -------|--> socket
//! reader of another--|--> queue (unbounded)       ^              |
//!                    +----------------------------|--------------+
//! socket --> reader thread --> Jobs --> Sink      `- dials first
//! ```
//! Phases: `Connecting` -> `Up` -> `Failed`, or `Connecting` -> `Failed`; never back:
//! a link that failed is forgotten by the endpoint, and a later job gets a new one.
//!
//! Invariant: [`Writer`] is in `State::writer` or owned by exactly one thread that
//! writes; a packet goes round the queue only when the queue is empty.
//!
//! A rank's thread that finds the socket broken only notes it. Telling the jobs and
//! dropping what was queued is left to the link's own threads, because a rank may
//! hold locks of the engine while it sends.

use crate::fabric::{Caller, LinkError, MAX_HEADER, MAX_INLINE, Payload, Source};
use crate::writer::{Address, Outgoing, Writer};
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::collections::VecDeque;
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// The sending half of a connection, and whether it stands.
pub(crate) struct Link {
    peer: String,
    /// Queued bytes above which ranks wait.
    limit: usize,
    state: Mutex<State>,
    /// Signalled when the queue shrinks, the link fails or a job ends.
    room: Condvar,
    /// Signalled when the link's thread has something to do.
    work: Condvar,
}

struct State {
    phase: Phase,
    writer: Option<Writer>,
    queue: VecDeque<Outgoing>,
    /// Bytes that `queue` holds.
    queued: usize,
}

/// Whether a link can be used.
#[derive(Clone)]
pub(crate) enum Phase {
    /// Packets queue until one side's connection counts.
    Connecting,
    /// Connected to the process that has this incarnation.
    Up {
        socket: Arc<TcpStream>,
        incarnation: u64,
    },
    /// Gone for good.
    Failed(LinkError),
}

impl Link {
    pub(crate) fn new(peer: &str, limit: usize) -> Self {
        let state = State {
            phase: Phase::Connecting,
            writer: None,
            queue: VecDeque::new(),
            queued: 0,
        };
        Self {
            peer: peer.to_owned(),
            limit,
            state: Mutex::new(state),
            room: Condvar::new(),
            work: Condvar::new(),
        }
    }

    pub(crate) fn peer(&self) -> &str {
        &self.peer
    }

    pub(crate) fn phase(&self) -> Phase {
        self.state.lock().phase.clone()
    }

    /// Why the link failed, if it did.
    pub(crate) fn failure(&self) -> Option<LinkError> {
        match &self.state.lock().phase {
            Phase::Failed(error) => Some(error.clone()),
            _ => None,
        }
    }

    /// Bytes that wait in the queue.
    pub(crate) fn queued(&self) -> usize {
        self.state.lock().queued
    }

    /// Makes `socket` the connection. False when there is one already, or the link
    /// has failed; the caller then closes the socket.
    pub(crate) fn install(&self, socket: &Arc<TcpStream>, incarnation: u64) -> bool {
        let mut state = self.state.lock();
        if !matches!(state.phase, Phase::Connecting) {
            return false;
        }
        state.phase = Phase::Up {
            socket: Arc::clone(socket),
            incarnation,
        };
        state.writer = Some(Writer::new(Arc::clone(socket)));
        self.work.notify_all();
        true
    }

    /// Waits at most `patience` for the phase to leave `Connecting`.
    pub(crate) fn wait_connected(&self, patience: Duration) -> Phase {
        let mut state = self.state.lock();
        if matches!(state.phase, Phase::Connecting) {
            self.work.wait_for(&mut state, patience);
        }
        state.phase.clone()
    }

    /// Sends a packet, as [`crate::fabric::Fabric::send`] says.
    pub(crate) fn send(
        &self,
        address: &Address,
        header: &[u8],
        payload: Payload<'_>,
        caller: Caller,
    ) -> Result<(), LinkError> {
        if header.len() > MAX_HEADER {
            let length = header.len();
            return Err(self.error(format!("a packet header of {length} bytes is over the cap")));
        }
        match payload {
            Payload::Empty => self.send_whole(address, header, &[], caller),
            Payload::Bytes(bytes) if bytes.len() <= MAX_INLINE => {
                self.send_whole(address, header, bytes, caller)
            }
            Payload::Bytes(bytes) => {
                let source = Box::new(Copied {
                    bytes: bytes.to_vec(),
                    read: 0,
                });
                self.send_stream(address, header, bytes.len() as u64, source, caller)
            }
            Payload::Stream(0, source) => {
                self.send_whole(address, header, &[], caller)?;
                source.sent();
                Ok(())
            }
            Payload::Stream(length, source) => {
                self.send_stream(address, header, length, source, caller)
            }
        }
    }

    fn send_whole(
        &self,
        address: &Address,
        header: &[u8],
        payload: &[u8],
        caller: Caller,
    ) -> Result<(), LinkError> {
        let mut state = self.state.lock();
        if state.queue.is_empty()
            && state.writer.as_ref().is_some_and(Writer::is_idle)
            && let Some(mut writer) = state.writer.take()
        {
            drop(state);
            let outcome = writer.try_whole(address, header, payload);
            return match outcome {
                Ok(()) => {
                    self.give_back(writer);
                    Ok(())
                }
                Err(error) => Err(self.fail(error.to_string())),
            };
        }
        let bytes = [header, payload].concat();
        let packet = Outgoing::Whole {
            address: address.clone(),
            header: header.len() as u16,
            bytes,
        };
        self.enqueue(state, packet, caller)
    }

    fn send_stream(
        &self,
        address: &Address,
        header: &[u8],
        length: u64,
        source: Box<dyn Source>,
        caller: Caller,
    ) -> Result<(), LinkError> {
        let (address, header) = (address.clone(), header.to_vec());
        let packet = Outgoing::Stream {
            address,
            header,
            length,
            source,
        };
        self.enqueue(self.state.lock(), packet, caller)
    }

    /// Queues a packet; a rank first waits for room.
    fn enqueue(
        &self,
        mut state: MutexGuard<'_, State>,
        packet: Outgoing,
        caller: Caller,
    ) -> Result<(), LinkError> {
        let refused = loop {
            if let Phase::Failed(error) = &state.phase {
                break error.clone();
            }
            if packet.ended() {
                break self.error("the job has ended".to_owned());
            }
            if caller == Caller::Delivery || state.queued < self.limit {
                state.queued += packet.held();
                state.queue.push_back(packet);
                if state.writer.is_some() {
                    self.work.notify_all();
                }
                return Ok(());
            }
            self.room.wait(&mut state);
        };
        // A source runs engine code when it is dropped: not under the lock.
        drop(state);
        drop(packet);
        Err(refused)
    }

    /// Ends a loan of the writer; the link's thread goes on with what is left.
    fn give_back(&self, writer: Writer) {
        let mut state = self.state.lock();
        if !state.queue.is_empty() || !writer.is_idle() {
            self.work.notify_all();
        }
        state.writer = Some(writer);
    }

    /// Writes what is queued until the link fails: the body of the link's thread.
    pub(crate) fn write_until_failed(&self) {
        let mut writer = None;
        while let Some(mut busy) = self.next_batch(writer) {
            if let Err(error) = busy.write() {
                self.fail(error.to_string());
                return;
            }
            writer = Some(busy);
        }
    }

    /// Has `writer` pull the packets that are queued; parks, with the writer put
    /// back, while there is nothing to write. None once the link has failed.
    fn next_batch(&self, mut writer: Option<Writer>) -> Option<Writer> {
        let mut state = self.state.lock();
        loop {
            if matches!(state.phase, Phase::Failed(_)) {
                return None;
            }
            if let Some(mut writer) = writer.take().or_else(|| state.writer.take()) {
                state.queued -= writer.pull(&mut state.queue);
                self.room.notify_all();
                if !writer.is_idle() {
                    return Some(writer);
                }
                state.writer = Some(writer);
            }
            self.work.wait(&mut state);
        }
    }

    /// Marks the link as lost and wakes everybody; the first reason counts.
    pub(crate) fn fail(&self, reason: String) -> LinkError {
        let mut state = self.state.lock();
        if let Phase::Failed(error) = &state.phase {
            return error.clone();
        }
        let error = self.error(reason);
        let before = std::mem::replace(&mut state.phase, Phase::Failed(error.clone()));
        if let Phase::Up { socket, .. } = before {
            // Fails only when the peer was faster. The reader sees the end of file.
            let _ = socket.shutdown(Shutdown::Both);
        }
        self.room.notify_all();
        self.work.notify_all();
        error
    }

    /// Drops what a failed link still holds.
    pub(crate) fn clear(&self) {
        let mut state = self.state.lock();
        state.queued = 0;
        let leftovers = (std::mem::take(&mut state.queue), state.writer.take());
        drop(state);
        // Not under the lock either.
        drop(leftovers);
    }

    /// Wakes ranks that wait for room, so that those of an ended job leave.
    pub(crate) fn wake_senders(&self) {
        drop(self.state.lock());
        self.room.notify_all();
    }

    fn error(&self, reason: String) -> LinkError {
        LinkError {
            worker: self.peer.clone(),
            reason,
        }
    }
}

/// Bytes that were too many to be one frame.
struct Copied {
    bytes: Vec<u8>,
    read: usize,
}

impl Source for Copied {
    fn read(&mut self, buf: &mut [u8]) -> Result<(), crate::fabric::Gone> {
        let end = self.read + buf.len();
        let piece = self.bytes.get(self.read..end).ok_or(crate::fabric::Gone)?;
        buf.copy_from_slice(piece);
        self.read = end;
        Ok(())
    }

    fn sent(self: Box<Self>) {}
}
