//! Cancelling a send to another worker (MPI 4.1, 3.8.4): its receiver is asked to drop the
//! message, and says whether it still could.

use crate::error::Result;
use crate::packet::{Body, Packet};
use crate::request::{Completion, Outcome};
use crate::world::World;
use faabric_wire::fabric::{Caller, Payload};
use faabric_wire::id::Rank;
use std::sync::Arc;

/// A send that is being cancelled.
pub(super) struct Recalling {
    completion: Arc<Completion>,
    /// Its name among the sends that wait; none if its data has left.
    send: Option<u64>,
}

impl World {
    /// Asks rank `to` to drop a message: that of packet `packet` from the completion's
    /// owner, or without one that of the send which waits with this completion. False
    /// when there is none any more. The completion ends with the answer, or with the
    /// send if that went on.
    pub(crate) fn recall(
        &self,
        to: u32,
        packet: Option<u64>,
        completion: &Arc<Completion>,
    ) -> Result<bool> {
        let waiting = || {
            let sends = self.remote.sends.lock();
            let mut sends = sends.iter();
            let (&send, waiting) =
                sends.find(|(_, w)| Arc::ptr_eq(&w.sending.completion, completion))?;
            Some((waiting.packet, Some(send)))
        };
        let Some((packet, send)) = packet.map(|packet| (packet, None)).or_else(waiting) else {
            return Ok(false);
        };
        let name = self.remote.name();
        let recalling = Recalling {
            completion: Arc::clone(completion),
            send,
        };
        self.remote.recalls.lock().insert(name, recalling);
        let packet = Packet {
            source: Rank(completion.owner()),
            number: 0,
            body: Body::Recall { packet, name },
        };
        self.dispatch(Rank(to), &packet, Payload::Empty, Caller::Rank)?;
        Ok(true)
    }

    /// Drops a message that its sender cancels, if it is still there, and says so.
    pub(super) fn drop_recalled(
        &self,
        to: Rank,
        from: Rank,
        packet: u64,
        name: u64,
    ) -> Result<(), String> {
        let mailbox = self.mailbox(to.0).ok_or("a rank that is not here")?;
        let mut state = mailbox.lock();
        let dropped = state.queues.recall(|m| m.is_packet(from, packet));
        let credit = dropped.as_ref().and_then(|m| state.release(m));
        drop(state);
        if let Some((from, bytes)) = credit {
            self.give_credit(to.0, from, bytes);
        }
        let done = dropped.is_some();
        let answer = Packet {
            source: to,
            number: 0,
            body: Body::Recalled { name, done },
        };
        self.dispatch_or_end(from, &answer);
        Ok(())
    }

    pub(super) fn end_recall(&self, name: u64, done: bool) -> Result<(), String> {
        let recalling = self.remote.recalls.lock().remove(&name);
        let recalling = recalling.ok_or_else(|| format!("an answer to recall {name}"))?;
        let outcome = match (done, recalling.send) {
            (true, None) => Outcome::CANCELLED,
            (true, Some(send)) => {
                self.remote.sends.lock().remove(&send);
                Outcome::CANCELLED
            }
            (false, None) => Outcome::EMPTY,
            // Its receive was found: it ends when its data has left.
            (false, Some(_)) => return Ok(()),
        };
        self.finish(&recalling.completion, outcome, None);
        Ok(())
    }
}
