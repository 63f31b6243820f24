//! What comes in for one rank, and what it is waiting for.
//!
//! ```text
//!   senders of this worker --small--> inbox ring --drain--+
//!        |                                                v (lock)
//!        +------ not small, or the ring is full -----> posted | unexpected
//!   links to other workers ---------------------------->        ^
//!                                        receives, probes ------+
//! ```
//! Invariant: a message from the ring and one through the lock of the same sender
//! are matched in the order sent: whoever takes the lock to put a message in drains
//! everything that was begun in the ring before ([`Mailbox::settle`]).
//!
//! Flow control: once the unexpected messages reach [`BUFFERED_MAX`], the ring is closed,
//! and what comes through the lock is a request to fetch it from the sender's memory.

use crate::data::{Data, Flat};
use crate::error::{Error, Result};
use crate::handle::{ReceivedHandle, Table};
use crate::inbox::{Bytes, Inbox, SHORT};
use crate::matching::{Envelope, Pattern, Queues};
use crate::memory::{Addr, Memory};
use crate::observe::Numbers;
use crate::remote::{Incoming, Outgoing};
use crate::request::{Completion, Nth, Outcome};
use crate::wait::Doorbell;
use crate::world::World;
use faabric_wire::id::Rank;
use parking_lot::{Mutex, MutexGuard};
use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The most unexpected bytes a mailbox buffers for senders of this worker, give or take
/// what its ring holds. Beyond it a sender waits for its receiver, however small the message.
pub(crate) const BUFFERED_MAX: u64 = 1 << 20;

/// How often a waiting rank looks into its own memory before it asks the fabric, which
/// takes as long as ten looks or more.
const LOOKS_A_POLL: u32 = 8;

/// What a buffered message counts for beside its data.
pub(crate) const MESSAGE_COST: u64 = 64;

/// A posted receive.
#[derive(Clone)]
pub(crate) struct Receive {
    pub(crate) data: Data,
    pub(crate) completion: Arc<Completion>,
}

/// A send whose data stays where it is until the receive is found.
pub(crate) struct Sending {
    pub(crate) data: Data,
    pub(crate) completion: Arc<Completion>,
}

/// A message that came before its receive.
pub(crate) enum Message {
    /// All data is here. `from` is the sender on another worker that gets credit back.
    /// `name` is what its sender knows it by: a packet's number if it came from another
    /// worker, else its position in the ring, or what [`State::keep_bytes`] called it.
    Buffered {
        bytes: Box<[u8]>,
        from: Option<Rank>,
        name: u64,
    },
    /// The data is in the memory of a rank on this worker.
    Local(Arc<Sending>),
    /// The data is on another worker, at rank `from`, under the name `send`. `number` is
    /// its packet's.
    Remote {
        from: Rank,
        send: u64,
        len: u64,
        number: u64,
    },
}

impl Message {
    /// Whether this is what the operation of `completion` sends.
    pub(crate) fn is_of(&self, completion: &Arc<Completion>) -> bool {
        matches!(self, Message::Local(sending) if Arc::ptr_eq(&sending.completion, completion))
    }

    /// Whether this is what a sender of this worker knows by `name`.
    pub(crate) fn is_named(&self, name: u64) -> bool {
        matches!(self, Message::Buffered { from: None, name: its, .. } if *its == name)
    }

    /// Whether this came with packet `number` from `sender`, a rank of another worker.
    pub(crate) fn is_packet(&self, sender: Rank, number: u64) -> bool {
        match self {
            Message::Buffered { from, name, .. } => *from == Some(sender) && *name == number,
            Message::Remote {
                from, number: its, ..
            } => *from == sender && *its == number,
            Message::Local(_) => false,
        }
    }

    /// Bytes of data.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Message::Buffered { bytes, .. } => bytes.len() as u64,
            Message::Local(sending) => sending.data.len().unwrap_or(u64::MAX),
            Message::Remote { len, .. } => *len,
        }
    }
}

/// What the mailbox's lock guards.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) queues: Queues<Receive, Message>,
    /// Bytes (and message costs) of unexpected messages of this worker's ranks.
    pub(crate) buffered: u64,
    /// The ring is closed: too much is buffered. Known here too, because whoever looks at
    /// the ring's own flag takes a cache line from its senders.
    ring_closed: bool,
    /// Receives that were complete when they began, until their requests are waited for.
    /// They are here and not with the other requests, because both begin under this lock.
    pub(crate) received: Table<ReceivedHandle, Outcome>,
    /// Messages that were buffered without going through the ring.
    kept: u64,
    /// What came from each rank of other workers.
    pub(crate) incoming: HashMap<u32, Incoming>,
    /// Receives that have ended, to be dropped when the next is posted: the rank waits
    /// then, while now it is about to go on.
    spent: Vec<Receive>,
    /// How many messages were matched.
    matches: u64,
    /// How many messages of each envelope were matched, while that is counted.
    numbers: Option<Box<Numbers<Envelope>>>,
}

/// Names of messages that did not go through the ring begin here, beyond its positions.
const BESIDE_THE_RING: u64 = 1 << 63;

impl State {
    /// Keeps a message of this worker that no receive waits for; gives its name.
    pub(crate) fn keep_bytes(&mut self, envelope: Envelope, bytes: Box<[u8]>) -> u64 {
        self.kept += 1;
        let name = BESIDE_THE_RING | self.kept;
        self.keep_named(envelope, bytes, name);
        name
    }

    fn keep_named(&mut self, envelope: Envelope, bytes: Box<[u8]>, name: u64) {
        self.buffered += bytes.len() as u64 + MESSAGE_COST;
        let from = None;
        self.queues
            .keep(envelope, Message::Buffered { bytes, from, name });
    }

    /// A message left the unexpected queue: what it took up is free again. The credit
    /// to give to its sender on another worker, if it is time.
    pub(crate) fn release(&mut self, message: &Message) -> Option<(Rank, u64)> {
        let Message::Buffered { bytes, from, .. } = message else {
            return None;
        };
        let len = bytes.len() as u64;
        let Some(from) = *from else {
            self.buffered -= len + MESSAGE_COST;
            return None;
        };
        let credit = self.incoming.entry(from.0).or_default().receive(len)?;
        Some((from, credit))
    }

    /// Matches a message of the ring.
    fn take_in(&mut self, position: u64, envelope: &Envelope, bytes: Bytes<'_>) {
        match self.arrive(envelope) {
            None => self.keep_named(*envelope, bytes.to_box(), position),
            Some(receive) => {
                receive.fill(envelope, bytes);
                self.spent.push(receive);
            }
        }
    }

    /// From now on every match is numbered ([`crate::observe`]).
    pub(crate) fn number_matches(&mut self) {
        self.numbers = Some(Box::default());
    }

    fn number(&mut self, envelope: &Envelope) -> Nth {
        self.matches += 1;
        Nth {
            of_all: self.matches,
            of_envelope: match &mut self.numbers {
                None => 0,
                Some(numbers) => numbers.next(*envelope),
            },
        }
    }

    /// The posted receive that takes a message with this envelope; it leaves the queue.
    pub(crate) fn arrive(&mut self, envelope: &Envelope) -> Option<Receive> {
        let receive = self.queues.arrive(envelope)?;
        receive.completion.set_nth(self.number(envelope));
        Some(receive)
    }

    /// The unexpected message that a receive takes, and the number of the match; it
    /// leaves the queue.
    pub(crate) fn receive(&mut self, pattern: &Pattern) -> Option<(Envelope, Message, Nth)> {
        let (envelope, message) = self.queues.receive(pattern)?;
        let nth = self.number(&envelope);
        Some((envelope, message, nth))
    }

    /// Posts a receive.
    pub(crate) fn post(&mut self, pattern: Pattern, receive: Receive) {
        self.spent.clear();
        self.queues.post(pattern, receive);
    }
}

impl Receive {
    /// Ends the receive with a message that is here whole. Does not wake its owner.
    pub(crate) fn fill(&self, envelope: &Envelope, bytes: Bytes<'_>) {
        let (len, capacity) = (bytes.len() as u64, self.data.len().unwrap_or(u64::MAX));
        let filled = self.data.view().fill_from(bytes);
        if len <= capacity && filled.is_ok() {
            return self.completion.end(Outcome::received(envelope, len), None);
        }
        let (outcome, truncated) = crate::data::received(envelope, len, capacity);
        self.completion.end(outcome, filled.err().or(truncated));
    }
}

/// One local rank's mailbox.
pub(crate) struct Mailbox {
    pub(crate) inbox: Inbox,
    pub(crate) bell: Doorbell,
    state: Mutex<State>,
    /// How many entries the queues have, to be looked at without the lock.
    queued: AtomicUsize,
    /// What this rank has sent to ranks on other workers.
    pub(crate) outgoing: Mutex<HashMap<u32, Arc<Outgoing>>>,
    /// The rank's process ends: nobody waits here any longer.
    ended: AtomicBool,
}

/// The mailbox's lock, held.
pub(crate) struct Held<'a> {
    state: MutexGuard<'a, State>,
    mailbox: &'a Mailbox,
}

impl Deref for Held<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        &self.state
    }
}

impl DerefMut for Held<'_> {
    fn deref_mut(&mut self) -> &mut State {
        &mut self.state
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let Mailbox { queued, inbox, .. } = self.mailbox;
        let len = self.state.queues.len();
        if queued.load(Ordering::Relaxed) != len {
            queued.store(len, Ordering::Relaxed);
        }
        // Only a change is written: senders of every message look at it.
        let full = self.state.buffered >= BUFFERED_MAX;
        if self.state.ring_closed != full {
            self.state.ring_closed = full;
            inbox.set_closed(full);
        }
    }
}

impl Mailbox {
    pub(crate) fn new() -> Mailbox {
        Mailbox {
            inbox: Inbox::new(),
            bell: Doorbell::default(),
            state: Mutex::default(),
            queued: AtomicUsize::new(0),
            outgoing: Mutex::default(),
            ended: AtomicBool::new(false),
        }
    }

    /// The rank's process ends: who waits here fails, and who comes to.
    pub(crate) fn end_waits(&self) {
        self.ended.store(true, Ordering::SeqCst);
        self.bell.ring_after_copy();
    }

    /// The queues, with what has arrived in the ring taken in: for the receiver.
    pub(crate) fn open(&self) -> Held<'_> {
        let mut state = self.lock();
        self.drain(&mut state);
        state
    }

    /// Puts a message into the ring as [`Inbox::push`] does, and wakes the receiver.
    #[inline]
    pub(crate) fn push(&self, envelope: &Envelope, bytes: &[u8; SHORT], len: usize) -> Option<u64> {
        let name = self.inbox.push(envelope, bytes, len)?;
        self.bell.ring();
        Some(name)
    }

    /// The same, as [`Inbox::push_long`].
    ///
    /// # Errors
    /// What `copy` fails with.
    pub(crate) fn push_long(
        &self,
        envelope: &Envelope,
        len: usize,
        memory: &dyn Memory,
        copy: impl FnOnce(&Arc<dyn Memory>, Addr) -> Result<()>,
    ) -> Result<Option<u64>> {
        let name = self.inbox.push_long(envelope, len, memory, copy)?;
        if name.is_some() {
            self.bell.ring_after_copy();
        }
        Ok(name)
    }

    /// Takes in what has arrived in the ring, if anything has.
    #[inline]
    pub(crate) fn progress(&self) {
        if self.inbox.has_next() {
            drop(self.open());
        }
    }

    /// The queues, with all that senders began to put into the ring taken in: for a
    /// sender, whose own earlier messages may be in the ring behind one that another
    /// sender has not finished.
    pub(crate) fn settle(&self) -> Held<'_> {
        let mut state = self.lock();
        let goal = self.inbox.begun();
        loop {
            self.drain(&mut state);
            if self.inbox.taken() >= goal {
                return state;
            }
            // That sender is between two instructions, or lost its core there.
            std::thread::yield_now();
        }
    }

    /// The queues as they are: for messages of other workers, whose order has nothing
    /// to do with the ring.
    pub(crate) fn lock(&self) -> Held<'_> {
        Held {
            state: self.state.lock(),
            mailbox: self,
        }
    }

    /// Whether receives or messages stand in the queues: a hint, the lock is not held.
    pub(crate) fn has_queued(&self) -> bool {
        self.queued.load(Ordering::Relaxed) != 0
    }

    /// Takes the next message of the ring that no posted receive takes, if it matches, has at
    /// most `room` bytes and no message in the queues came before it. `fill` gets its data,
    /// and cannot fail. What comes after it stays in the ring: it would be copied into the
    /// queue, only to be copied out again.
    pub(crate) fn take_next(
        &self,
        pattern: &Pattern,
        room: u64,
        fill: impl FnOnce(Bytes<'_>) -> Result<()>,
    ) -> Option<Outcome> {
        self.next(&mut self.lock(), pattern, room, fill)
    }

    /// As [`Mailbox::take_next`], for a receive that is waited for later.
    pub(crate) fn receive_next(
        &self,
        pattern: &Pattern,
        target: Flat<'_>,
    ) -> Option<ReceivedHandle> {
        let mut state = self.lock();
        if !state.received.has_room() {
            return None;
        }
        let fill = |bytes: Bytes<'_>| target.fill_from(bytes);
        let outcome = self.next(&mut state, pattern, target.len(), fill)?;
        state.received.insert(outcome).ok()
    }

    #[inline]
    fn next(
        &self,
        state: &mut Held<'_>,
        pattern: &Pattern,
        room: u64,
        fill: impl FnOnce(Bytes<'_>) -> Result<()>,
    ) -> Option<Outcome> {
        if state.queues.unexpected() != 0 {
            return None;
        }
        loop {
            let (_, envelope, len) = self.inbox.peek()?;
            // Asked first, because most messages that are taken here find none posted.
            if state.queues.posted() != 0
                && let Some(receive) = state.arrive(&envelope)
            {
                self.inbox.take(len, |bytes| receive.fill(&envelope, bytes));
                state.spent.push(receive);
                self.bell.ring();
                continue;
            }
            if !pattern.matches(&envelope) || len as u64 > room {
                return None;
            }
            self.inbox.take(len, fill).ok()?;
            let nth = state.number(&envelope);
            return Some(Outcome {
                nth,
                ..Outcome::received(&envelope, len as u64)
            });
        }
    }

    fn drain(&self, state: &mut State) {
        let mut any = false;
        while let Some((position, envelope, len)) = self.inbox.peek() {
            self.inbox
                .take(len, |bytes| state.take_in(position, &envelope, bytes));
            any = true;
        }
        if any {
            self.bell.ring();
        }
    }

    /// Waits until `ready` gives something, taking in what arrives.
    ///
    /// # Errors
    /// When the job or the rank's process ends first.
    pub(crate) fn wait<T>(&self, world: &World, mut ready: impl FnMut() -> Option<T>) -> Result<T> {
        loop {
            let fabric = world.polled();
            let (mut looks, mut moved) = (0, false);
            let found = world.linger(|| {
                self.progress();
                let found = ready();
                looks += 1;
                if let (None, 0, Some(fabric)) = (&found, looks % LOOKS_A_POLL, fabric) {
                    moved |= fabric.poll();
                }
                found
            });
            if let Some(found) = found {
                return Ok(found);
            }
            if moved {
                // A long message is on its way: whoever sleeps now is woken at once.
                self.check(world)?;
                continue;
            }
            if let Some(fabric) = fabric {
                fabric.rest();
            }
            let mut found = None;
            self.bell.park(|| {
                drop(self.open());
                found = ready();
                found.is_some() || self.check(world).is_err()
            });
            if let Some(found) = found {
                return Ok(found);
            }
            self.check(world)?;
        }
    }

    /// Fails once the job, or the rank's process, has ended.
    pub(crate) fn check(&self, world: &World) -> Result<()> {
        world.check()?;
        match self.ended.load(Ordering::Acquire) {
            true => Err(Error::interrupted("the process ends")),
            false => Ok(()),
        }
    }
}
