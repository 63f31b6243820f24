//! The way to one other worker, shared by all jobs that have ranks on both.
//!
//! ```text
//!                    +------------------ Link ------------------+
//! rank thread  ------|--> link idle? --yes--> Writer (no wait) --|--> socket
//! rank thread  ------|--> queue (bounded) --> link thread -------|--> socket
//! reader of another--|--> queue (unbounded)       ^              |
//!                    +----------------------------|--------------+
//! socket --> its thread, or a waiting rank --> Jobs --> Sink      `- dials
//! ```
//! Phases: `Down` -> `Up` -> `Down` -> ..., as connections come and break, and at last
//! `Failed`. A link that failed is forgotten by the endpoint, and a later job gets a
//! new one.
//!
//! While a link is down, packets queue as they do while it is busy, and ranks wait as
//! they then do. What was written and not acknowledged is written again.
//!
//! Invariant: [`Writer`] is in `State::writer` or owned by exactly one thread that
//! writes; a packet goes round the queue only when the queue is empty.
//! Invariant: while a connection is read, its thread holds `inbound`, whoever reads
//! ([`crate::intake`]).
//!
//! A rank's thread that finds the socket broken only notes it. The rest is left to the
//! link's own threads, because a rank may hold locks of the engine while it sends.

use crate::admission::{Dialler, Peer, Standing};
use crate::clock;
use crate::fabric::{Caller, LinkError, MAX_HEADER, MAX_INLINE, Payload, Source};
use crate::frame;
use crate::intake::Intake;
use crate::jobs::Jobs;
use crate::reader::Inbound;
use crate::receipts::{QUIET, Receipts};
use crate::socket::Socket;
use crate::tcp::Config;
use crate::unacknowledged::Body;
use crate::writer::{Address, Connection, Outgoing, Whole, Writer};
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Untold bytes that are worth a frame of their own.
const TELL: usize = 256 << 10;

/// One link, over all its connections.
pub(crate) struct Link {
    /// Counted up by this process.
    number: u64,
    /// This worker.
    own: String,
    peer: String,
    /// Queued bytes above which ranks wait.
    limit: usize,
    /// Untold bytes at which the other side is told.
    tell: u64,
    pub(crate) receipts: Arc<Receipts>,
    /// What has arrived.
    pub(crate) inbound: Mutex<Inbound>,
    /// The reading of the present connection, for ranks that take part in it.
    intake: Mutex<Option<Arc<Intake>>>,
    /// A rank takes in what has arrived, and then writes what there is to write: the
    /// link's thread need not be woken for it.
    polled: AtomicBool,
    state: Mutex<State>,
    /// Signalled when the queue shrinks, the link fails or a job ends.
    room: Condvar,
    /// Signalled when the link's thread has something to do, or the writer is back.
    work: Condvar,
}

struct State {
    phase: Phase,
    peer: Option<Peer>,
    dialler: Dialler,
    /// Connections so far.
    connections: u64,
    writer: Option<Writer>,
    queue: VecDeque<Outgoing>,
    /// Bytes that `queue` holds.
    queued: usize,
    /// Frames that the other side has.
    acknowledged: u64,
    /// The other side is to be told at once what has arrived here.
    tell_now: bool,
    /// It is to be told by then.
    tell_by: Option<Instant>,
}

/// Whether a link can be used.
#[derive(Clone)]
pub(crate) enum Phase {
    /// There is no connection now; why, if there was one.
    Down(Option<String>),
    Up(Connection),
    /// Gone for good, since when.
    Failed(LinkError, Instant),
}

impl Link {
    /// A link without a connection, which `dialler` is to make.
    pub(crate) fn new(
        number: u64,
        config: &Config,
        peer: &str,
        dialler: Dialler,
        identity: Option<Peer>,
    ) -> Self {
        let receipts = Arc::<Receipts>::default();
        let state = State {
            phase: Phase::Down(None),
            peer: identity,
            dialler,
            connections: 0,
            writer: Some(Writer::new(Arc::clone(&receipts), config.window)),
            queue: VecDeque::new(),
            queued: 0,
            acknowledged: 0,
            tell_now: false,
            tell_by: None,
        };
        Self {
            number,
            own: config.worker.clone(),
            peer: peer.to_owned(),
            limit: config.queue,
            tell: TELL.min(config.window / 4) as u64,
            receipts,
            inbound: Mutex::default(),
            intake: Mutex::default(),
            polled: AtomicBool::new(false),
            state: Mutex::new(state),
            room: Condvar::new(),
            work: Condvar::new(),
        }
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn peer(&self) -> &str {
        &self.peer
    }

    pub(crate) fn phase(&self) -> Phase {
        self.state.lock().phase.clone()
    }

    /// What counts of it when the other side dials; None when it has failed.
    pub(crate) fn standing(&self) -> Option<Standing> {
        let state = self.state.lock();
        let alive = !matches!(state.phase, Phase::Failed(..));
        alive.then_some(Standing {
            number: self.number,
            peer: state.peer,
            dialler: state.dialler,
        })
    }

    /// Why the link failed, if it did.
    pub(crate) fn failure(&self) -> Option<LinkError> {
        self.failed().map(|(error, _)| error)
    }

    /// Why and when the link failed, if it did.
    pub(crate) fn failed(&self) -> Option<(LinkError, Instant)> {
        match &self.state.lock().phase {
            Phase::Failed(error, since) => Some((error.clone(), *since)),
            _ => None,
        }
    }

    /// Bytes that wait in the queue.
    pub(crate) fn queued(&self) -> usize {
        self.state.lock().queued
    }

    /// Bytes that are written and not acknowledged; 0 while the writer is busy.
    pub(crate) fn unacknowledged(&self) -> usize {
        self.state
            .lock()
            .writer
            .as_ref()
            .map_or(0, Writer::unacknowledged)
    }

    /// Grows when anything has come across, either way.
    pub(crate) fn progress(&self) -> u64 {
        self.state.lock().acknowledged + self.receipts.frames()
    }

    /// Makes `socket` the connection, which `dialler` has made to `peer`, who has
    /// `received` frames. None when there is one already, or the link has failed; the
    /// caller then closes the socket.
    pub(crate) fn install(
        &self,
        socket: &Arc<Socket>,
        (peer, dialler): (Peer, Dialler),
        received: u64,
    ) -> Option<Connection> {
        let mut guard = self.state.lock();
        while matches!(guard.phase, Phase::Down(_)) && guard.writer.is_none() {
            self.work.wait(&mut guard);
        }
        let state = &mut *guard;
        let number = state.connections + 1;
        let (Phase::Down(_), Some(writer)) = (&state.phase, &mut state.writer) else {
            return None;
        };
        let connection = Connection {
            socket: Arc::clone(socket),
            number,
        };
        if let Err(error) = writer.connect(connection.clone(), received) {
            drop(guard);
            self.fail(error.to_string());
            return None;
        }
        let bodies = writer.take_bodies();
        (state.peer, state.dialler) = (Some(peer), dialler);
        state.connections = number;
        state.acknowledged = state.acknowledged.max(received);
        state.phase = Phase::Up(connection.clone());
        self.work.notify_all();
        drop(guard);
        // What arrived before the last connection broke, and was not acknowledged on it.
        bodies.into_iter().for_each(Body::end);
        Some(connection)
    }

    /// Waits until the link is up or has failed, at most until `deadline`.
    pub(crate) fn wait_up(&self, deadline: Instant) -> Phase {
        let mut state = self.state.lock();
        while matches!(state.phase, Phase::Down(_)) {
            if self.work.wait_until(&mut state, deadline).timed_out() {
                break;
            }
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
            Payload::Empty => self.send_whole(address, header, Whole::Bytes(&[]), caller),
            Payload::Bytes(bytes) if bytes.len() <= MAX_INLINE => {
                self.send_whole(address, header, Whole::Bytes(bytes), caller)
            }
            Payload::Fill(length, fill) if length <= MAX_INLINE => {
                self.send_whole(address, header, Whole::Fill(length, fill), caller)
            }
            Payload::Bytes(_) | Payload::Fill(..) => {
                let bytes = payload.into_vec();
                let (length, source) = (bytes.len() as u64, Box::new(Copied::new(bytes)));
                self.send_stream(address, header, length, source, caller)
            }
            Payload::Stream(0, source) => {
                self.send_whole(address, header, Whole::Bytes(&[]), caller)?;
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
        payload: Whole<'_>,
        caller: Caller,
    ) -> Result<(), LinkError> {
        let mut state = self.state.lock();
        if state.queue.is_empty()
            && state.writer.as_ref().is_some_and(Writer::is_free)
            && let Some(mut writer) = state.writer.take()
        {
            drop(state);
            let outcome = writer.try_whole(address, header, payload);
            // If it was not written, it is kept, and goes out on the next connection.
            self.give_back(writer, outcome);
            return Ok(());
        }
        // What it is filled with is the engine's: not under the lock.
        drop(state);
        let mut bytes = vec![0; header.len() + payload.len()];
        let (place, rest) = bytes.split_at_mut(header.len());
        place.copy_from_slice(header);
        payload.write(rest);
        let packet = Outgoing::Whole {
            address: address.clone(),
            header: header.len() as u16,
            bytes,
        };
        self.enqueue(packet, caller)
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
        self.enqueue(packet, caller)
    }

    /// Queues a packet; a rank first waits for room.
    fn enqueue(&self, packet: Outgoing, caller: Caller) -> Result<(), LinkError> {
        let mut state = self.state.lock();
        let refused = loop {
            if let Phase::Failed(error, _) = &state.phase {
                break error.clone();
            }
            if packet.ended() {
                break self.error("the job has ended".to_owned());
            }
            if caller == Caller::Delivery || state.queued < self.limit {
                state.queued += packet.held();
                state.queue.push_back(packet);
                if state.writer.is_some() {
                    self.wake_writer();
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
    fn give_back(&self, mut writer: Writer, outcome: io::Result<()>) {
        let mut state = self.state.lock();
        if let Phase::Failed(..) = state.phase {
            // Perhaps after `clear`: what it holds would keep the job, and that the link.
            drop(state);
            return drop(writer);
        }
        if let Err(error) = outcome {
            state.break_off(writer.connection(), error.to_string());
        }
        // What came meanwhile; a wrong number is for [`Self::prepare`] to complain about.
        let _ = writer.acknowledge(state.acknowledged);
        let bodies = writer.take_bodies();
        let is_up = matches!(state.phase, Phase::Up(_));
        if !is_up {
            writer.disconnect();
        }
        if !is_up || !state.queue.is_empty() || !writer.has_sent_all() || state.tell_now {
            self.work.notify_all();
        }
        state.writer = Some(writer);
        drop(state);
        bodies.into_iter().for_each(Body::end);
    }

    /// Writes what there is to write until the link is no longer up.
    pub(crate) fn write_while_up(&self) {
        let mut state = self.state.lock();
        while matches!(state.phase, Phase::Up(_)) {
            if let Some(mut writer) = state.writer.take() {
                match self.prepare(&mut state, &mut writer) {
                    Ok(true) => {
                        drop(state);
                        let outcome = writer.write();
                        self.give_back(writer, outcome);
                        state = self.state.lock();
                        continue;
                    }
                    Ok(false) => state.writer = Some(writer),
                    Err(error) => {
                        drop(state);
                        drop(writer);
                        self.fail(error.to_string());
                        return;
                    }
                }
            }
            let Some(deadline) = state.tell_by else {
                self.work.wait(&mut state);
                continue;
            };
            if self.work.wait_until(&mut state, deadline).timed_out() {
                state.tell_by = None;
                state.tell_now = !self.receipts.all_told();
            }
        }
    }

    /// Gives `writer` what there is for it; whether it then has something to write.
    fn prepare(&self, state: &mut State, writer: &mut Writer) -> Result<bool, frame::Error> {
        writer.acknowledge(state.acknowledged)?;
        let taken = writer.pull(&mut state.queue);
        if taken > 0 {
            state.queued -= taken;
            self.room.notify_all();
        }
        if std::mem::take(&mut state.tell_now) && !self.receipts.all_told() {
            writer.encode_ack();
        }
        Ok(writer.can_write())
    }

    /// Ranks that wait may read from now on; or no longer.
    pub(crate) fn publish(&self, intake: Option<Arc<Intake>>) {
        *self.intake.lock() = intake;
    }

    /// Takes in what has arrived, and writes what there is to write, as far as both go
    /// without waiting. Whether anything was read or written.
    pub(crate) fn poll(&self, jobs: &Jobs) -> bool {
        let Some(intake) = self.intake.lock().clone() else {
            return false;
        };
        self.polled.store(true, Ordering::Relaxed);
        let read = intake.poll(jobs, self);
        self.polled.store(false, Ordering::Relaxed);
        let wrote = self.write_now(&intake);
        read || wrote
    }

    /// Writes what there is to write, as far as that goes without waiting. Whoever does
    /// goes on to poll afterwards, so the reading need not be taken from it meanwhile.
    fn write_now(&self, intake: &Intake) -> bool {
        let mut state = self.state.lock();
        let idle = state.queue.is_empty() && state.writer.as_ref().is_none_or(|w| !w.can_write());
        if idle || !matches!(state.phase, Phase::Up(_)) {
            return false;
        }
        let Some(mut writer) = state.writer.take() else {
            return false;
        };
        // What cannot be now is for the link's thread, which is woken by its return.
        let prepared = self.prepare(&mut state, &mut writer);
        drop(state);
        let outcome = match prepared {
            Ok(true) => writer.write_now(|| intake.note_poll()),
            _ => Ok(false),
        };
        let wrote = *outcome.as_ref().unwrap_or(&false);
        self.give_back(writer, outcome.map(drop));
        wrote
    }

    /// Wakes the link's thread, unless a rank is about to do what there is to do. To be
    /// called with the lock on the state: whoever polls takes it afterwards.
    fn wake_writer(&self) {
        if !self.polled.load(Ordering::Relaxed) {
            self.work.notify_all();
        }
    }

    /// A rank that polled goes to sleep.
    pub(crate) fn rest(&self) {
        if let Some(intake) = &*self.intake.lock() {
            intake.rest();
        }
    }

    /// Something was read, and the other side has taken so many frames. `whole`: a
    /// stream has come to its end, for which its sender waits.
    pub(crate) fn heard(&self, acknowledged: u64, whole: bool) -> Result<(), frame::Error> {
        let mut state = self.state.lock();
        let mut bodies = Vec::new();
        if acknowledged > state.acknowledged {
            state.acknowledged = acknowledged;
            if let Some(writer) = &mut state.writer {
                let was_full = !writer.has_room();
                writer.acknowledge(acknowledged)?;
                bodies = writer.take_bodies();
                if was_full && writer.has_room() {
                    self.wake_writer();
                }
            }
        }
        if whole || self.receipts.untold_bytes() >= self.tell {
            self.tell(state);
        } else {
            if state.tell_by.is_none() && !self.receipts.all_told() {
                state.tell_by = Some(clock::now() + QUIET);
                self.work.notify_all();
            }
            drop(state);
        }
        bodies.into_iter().for_each(Body::end);
        Ok(())
    }

    /// Tells the other side how much has arrived, at once if the link is idle.
    fn tell(&self, mut state: MutexGuard<'_, State>) {
        if let Some(mut writer) = state.writer.take_if(|writer| writer.is_free()) {
            drop(state);
            let outcome = writer.try_ack();
            self.give_back(writer, outcome);
            return;
        }
        state.tell_now = true;
        if state.writer.is_some() {
            self.work.notify_all();
        }
    }

    /// Ends connection `number`, if it is the present one; another may follow.
    pub(crate) fn break_off(&self, number: u64, reason: String) {
        self.state.lock().break_off(number, reason);
        self.work.notify_all();
    }

    /// Ends the present connection, if there is one.
    pub(crate) fn break_off_present(&self, reason: &str) {
        if let Phase::Up(connection) = self.phase() {
            self.break_off(connection.number, reason.to_owned());
        }
    }

    /// Marks the link as lost and wakes everybody; the first reason counts.
    pub(crate) fn fail(&self, reason: String) -> LinkError {
        let mut state = self.state.lock();
        if let Phase::Failed(error, _) = &state.phase {
            return error.clone();
        }
        if let Some(writer) = &mut state.writer
            && writer.is_connected()
            && writer.has_sent_all()
        {
            // The other side need not wait for another connection. If this does not
            // reach it, it waits in vain.
            let _ = writer.try_bye(&reason);
        }
        if let Phase::Up(Connection { number, .. }) = state.phase {
            state.break_off(number, reason.clone());
        }
        let error = self.error(reason);
        state.phase = Phase::Failed(error.clone(), clock::now());
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
            from: self.own.clone(),
            worker: self.peer.clone(),
            reason,
        }
    }
}

impl State {
    fn break_off(&mut self, number: u64, reason: String) {
        match &self.phase {
            Phase::Up(connection) if connection.number == number => {
                // The reader sees the end of file.
                connection.socket.shut();
            }
            _ => return,
        }
        self.phase = Phase::Down(Some(reason));
        if let Some(writer) = &mut self.writer {
            writer.disconnect();
        }
    }
}

/// Bytes that were too many to be one frame.
pub(crate) struct Copied {
    bytes: Vec<u8>,
    read: usize,
}

impl Copied {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, read: 0 }
    }
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
