//! What an origin does to reach targets, on its worker or on others.

use super::locks::Ask;
use super::message::{Action, Message};
use super::part::{Part, Signal, Waiter};
use super::replies::{Expected, Fetch};
use super::runs::{self, Pieces};
use super::transfer::Place;
use super::window::{Peer, Window};
use crate::data::{Data, View};
use crate::datatype::Cursor;
use crate::error::Result;
use crate::guest::Guest;
use crate::packet::{Body, Packet};
use crate::rank::Rank;
use crate::request::Completion;
use crate::world::World;
use faabric_wire::fabric::{Caller, Payload};
use faabric_wire::id;
use std::sync::Arc;

/// The most data in one packet, in bytes.
pub(crate) const MOST: u64 = 64 << 10;

/// A result that is to come back.
pub(crate) struct Wanted<'a> {
    pub(crate) into: View<'a>,
    /// Of the request, if the guest has one.
    pub(crate) completion: Option<Arc<Completion>>,
}

impl Rank {
    /// Does `action` at a target on another worker, to the first `len` bytes of `place`,
    /// with data from `from`. Returns when the data may be changed; results come later.
    pub(crate) fn apply_there(
        &self,
        guest: &mut dyn Guest,
        place: &Place<'_>,
        action: Action,
        (len, unit): (u64, u64),
        from: Option<View<'_>>,
        wanted: Option<Wanted<'_>>,
    ) -> Result<()> {
        let window = place.window;
        let mut reading = match &from {
            Some(view) => Some(Cursor::new(view.datatype.clone(), view.count)?),
            None => None,
        };
        let fetch = wanted.map(|wanted| {
            let (into, pending) = (wanted.into.to_data(), window.pending.clone());
            self.fetch(into, len, pending, place.target, wanted.completion)
        });
        let reply = fetch.as_ref().map_or(0, |(reply, _)| *reply);
        if !matches!(action, Action::Get) {
            window.pending.change(place.target);
        }
        let mut payload = Vec::new();
        for piece in Pieces::new(place.datatype, place.count, place.base, len, unit, MOST) {
            if let Some((_, fetch)) = &fetch {
                self.wait_for(guest, || window.pending.has_room().then_some(()))?;
                if !fetch.ask(piece.len) {
                    break;
                }
            }
            payload.clear();
            runs::encode(&piece.runs, &mut payload);
            if let (Some(cursor), Some(view)) = (&mut reading, &from) {
                let records = payload.len();
                payload.resize(records + piece.len as usize, 0);
                cursor.read(&**view.memory, view.addr, &mut payload[records..])?;
            }
            let message = Message::Apply {
                window: window.id(),
                action,
                runs: piece.runs.len() as u32,
                reply,
                position: piece.position,
            };
            self.tell_peer(place.peer(), message, &payload)?;
        }
        Ok(())
    }

    /// Expects the result of an operation.
    pub(crate) fn fetch(
        &self,
        into: Data,
        len: u64,
        pending: Arc<super::window::Pending>,
        target: u32,
        completion: Option<Arc<Completion>>,
    ) -> (u64, Arc<Fetch>) {
        let fetch = Arc::new(Fetch::new(into, len, pending, target, completion));
        let expected = Expected::Data(fetch.clone());
        (self.world.windows.replies.expect(expected), fetch)
    }

    /// Expects that something is done.
    pub(crate) fn expect_done(&self) -> (u64, Arc<Completion>) {
        let completion = Arc::new(Completion::new(self.world_rank));
        let expected = Expected::Done(completion.clone());
        (self.world.windows.replies.expect(expected), completion)
    }

    /// Sends a packet to a rank on another worker.
    pub(crate) fn tell_peer(&self, peer: &Peer, message: Message, payload: &[u8]) -> Result<()> {
        let (from, to) = (self.world_rank, peer.world_rank);
        self.world.tell(from, to, message, payload, Caller::Rank)
    }

    /// Gives a signal to a rank of the window.
    pub(crate) fn signal(&self, window: &Window, to: u32, signal: Signal) -> Result<()> {
        let peer = &window.peers[to as usize];
        match &peer.part {
            Some(part) => {
                part.signals.lock().add(signal, self.world_rank);
                self.world.wake(peer.world_rank);
                Ok(())
            }
            None => {
                let window = window.id();
                self.tell_peer(peer, Message::Signal { window, signal }, &[])
            }
        }
    }

    /// Takes the lock of a rank of the window, and waits until it has it.
    pub(crate) fn take_lock(
        &self,
        guest: &mut dyn Guest,
        window: &Window,
        target: u32,
        exclusive: bool,
    ) -> Result<()> {
        let peer = &window.peers[target as usize];
        let ask = Ask {
            exclusive,
            holds: window.epoch.lock().holds_besides(target),
        };
        let completion = match &peer.part {
            Some(part) => {
                let completion = Arc::new(Completion::new(self.world_rank));
                let waiter = || Waiter::Here(completion.clone());
                let mut locks = part.locks.lock();
                if locks.request(self.world_rank, ask, waiter) {
                    return Ok(());
                }
                completion
            }
            None => {
                let (reply, completion) = self.expect_done();
                let message = Message::Lock {
                    window: window.id(),
                    reply,
                    ask,
                };
                self.tell_peer(peer, message, &[])?;
                completion
            }
        };
        self.wait_completion(guest, &completion).map(|_| ())
    }

    /// Gives the lock of a rank of the window back. On another worker, that is done after
    /// all that was sent there before; the completion says when, where that matters.
    pub(crate) fn give_lock(
        &self,
        window: &Window,
        target: u32,
        exclusive: bool,
    ) -> Result<Option<Arc<Completion>>> {
        let peer = &window.peers[target as usize];
        if let Some(part) = &peer.part {
            let me = self.world_rank;
            self.world.release(me, part, (me, exclusive));
            return Ok(None);
        }
        let changed = window.pending.take_changed(target);
        let done = changed.then(|| self.expect_done());
        let message = Message::Unlock {
            window: window.id(),
            reply: done.as_ref().map_or(0, |(reply, _)| *reply),
            exclusive,
        };
        self.tell_peer(peer, message, &[])?;
        Ok(done.map(|(_, completion)| completion))
    }

    /// Waits until all accesses to `targets` are complete, here and there.
    ///
    /// # Errors
    /// What an access failed with at a target.
    pub(crate) fn flush(
        &self,
        guest: &mut dyn Guest,
        window: &Window,
        targets: impl Iterator<Item = u32> + Clone,
    ) -> Result<()> {
        let mut sent = Vec::new();
        for target in targets.clone() {
            let peer = &window.peers[target as usize];
            if peer.part.is_none() && window.pending.take_changed(target) {
                let (reply, completion) = self.expect_done();
                let window = window.id();
                self.tell_peer(peer, Message::Flush { window, reply }, &[])?;
                sent.push(completion);
            }
        }
        for completion in sent {
            self.wait_completion(guest, &completion)?;
        }
        self.flush_local(guest, window, targets)
    }

    /// Waits until all accesses to `targets` are complete here.
    ///
    /// # Errors
    /// What an access failed with at a target.
    pub(crate) fn flush_local(
        &self,
        guest: &mut dyn Guest,
        window: &Window,
        targets: impl Iterator<Item = u32>,
    ) -> Result<()> {
        for target in targets {
            let done = || window.pending.is_local_done(target).then_some(());
            if done().is_none() {
                self.wait_for(guest, done)?;
            }
        }
        match window.mine.fault.lock().take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

impl World {
    /// Sends a packet about a window.
    pub(crate) fn tell(
        &self,
        from: u32,
        to: u32,
        message: Message,
        payload: &[u8],
        caller: Caller,
    ) -> Result<()> {
        let packet = Packet {
            source: id::Rank(from),
            number: 0,
            body: Body::Window(message),
        };
        let payload = match payload {
            [] => Payload::Empty,
            bytes => Payload::Bytes(bytes),
        };
        self.dispatch(id::Rank(to), &packet, payload, caller)
    }

    /// Gives back what a world rank has of a part's lock, exclusively or not, and lets those
    /// who get it now go on. `me` is a rank of this worker.
    pub(crate) fn release(&self, me: u32, part: &Part, (holder, exclusive): (u32, bool)) {
        let granted = part.locks.lock().release(holder, exclusive);
        for waiter in granted {
            match waiter {
                Waiter::Here(completion) => {
                    self.finish(&completion, crate::request::Outcome::EMPTY, None);
                }
                Waiter::There { from, reply } => {
                    self.answer(me, from, Message::Done { reply }, &[]);
                }
            }
        }
    }

    /// Answers an origin on another worker; never waits. Without a connection the job
    /// has ended.
    pub(crate) fn answer(&self, me: u32, to: id::Rank, message: Message, payload: &[u8]) {
        if let Err(e) = self.tell(me, to.0, message, payload, Caller::Delivery) {
            self.abort(1, e.message);
        }
    }
}
