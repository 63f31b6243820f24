//! Messages between workers: eager, rendezvous, and the credit that bounds them.
//!
//! See [`crate::packet`] for what is said. A rendezvous send goes straight from the
//! sender's memory to the link ([`Outflow`]) and from the link into the receiver's
//! memory ([`Inflow`]), in pieces, through the datatypes' cursors.
//!
//! Flow control: a sender has at most [`WINDOW`] eager bytes in a receiver's mailbox
//! that were not received yet; beyond it even small messages wait at the sender. So
//! a mailbox holds at most `WINDOW` bytes a remote sender.

mod dispatch;
mod flow;
mod recall;

use crate::abi;
use crate::data::View;
use crate::desk::Answer;
use crate::error::Result;
use crate::inbox::Bytes;
use crate::mailbox::{MESSAGE_COST, Message, Receive, Sending};
use crate::matching::Envelope;
use crate::p2p::Started;
use crate::packet::{Body, Packet};
use crate::request::Completion;
use crate::world::World;
use dispatch::Early;
use faabric_wire::fabric::{Caller, Fabric, Payload};
use faabric_wire::id::Rank;
use parking_lot::{Mutex, RwLock};
use recall::Recalling;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The longest message between workers that is sent without asking first, in bytes.
pub(crate) const EAGER: u64 = 64 * 1024;

/// The most eager bytes one rank has under way to another, not received yet.
pub(crate) const WINDOW: u64 = 512 * 1024;

/// What a local rank has sent to one rank of another worker.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    /// The number of the last matchable packet. Held while the next is sent, so that
    /// numbers go out in order.
    number: Mutex<u64>,
    /// Eager bytes under way: sent, and no credit came back for them.
    unreceived: AtomicU64,
}

/// What a local rank has got from one rank of another worker.
#[derive(Debug, Default)]
pub(crate) struct Incoming {
    /// The number of the last matchable packet.
    number: u64,
    /// Eager bytes received since the last credit was given.
    received: u64,
}

/// The world's side of operations that wait for another worker.
pub(crate) struct Remote {
    /// The way to other workers, if the job has ranks there.
    fabric: Option<Arc<dyn Fabric>>,
    next: AtomicU64,
    sends: Mutex<HashMap<u64, Waiting>>,
    receives: Mutex<HashMap<u64, Receiving>>,
    recalls: Mutex<HashMap<u64, Recalling>>,
    /// Packets to ranks that have spoken first: the planner's word of them is on its way.
    early: Mutex<Vec<Early>>,
    /// Packets for ranks that are to run here, likewise. Whoever delivers to a rank that
    /// was spawned holds the lock, so that nothing overtakes what was kept.
    gate: RwLock<Vec<Early>>,
}

/// A send that waits for its receive.
struct Waiting {
    sending: Arc<Sending>,
    /// The number of its packet.
    packet: u64,
}

/// A receive that is matched and waits for its data.
struct Receiving {
    receive: Receive,
    envelope: Envelope,
    len: u64,
}

impl Remote {
    pub(crate) fn new(fabric: Option<Arc<dyn Fabric>>) -> Remote {
        Remote {
            fabric,
            next: AtomicU64::new(1),
            sends: Mutex::default(),
            receives: Mutex::default(),
            recalls: Mutex::default(),
            early: Mutex::default(),
            gate: RwLock::default(),
        }
    }

    fn name(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }
}

/// What a packet costs of the window.
fn cost(len: u64) -> u64 {
    len + MESSAGE_COST
}

impl World {
    /// Starts sending to a rank of another worker.
    pub(crate) fn send_remote(
        &self,
        from: u32,
        to: u32,
        envelope: Envelope,
        view: View<'_>,
        len: u64,
        synchronous: bool,
    ) -> Result<Started> {
        let outgoing = self
            .own_mailbox(from)?
            .outgoing
            .lock()
            .entry(to)
            .or_default()
            .clone();
        if outgoing.unreceived.load(Ordering::Relaxed) > WINDOW / 2
            && let Some(fabric) = self.polled()
        {
            // A rank that only sends would find no credit before it waits for a receiver
            // that has long been ready.
            fabric.poll();
        }
        let mut number = outgoing.number.lock();
        let packet = |number, body| Packet {
            source: Rank(from),
            number,
            body,
        };
        let room = outgoing.unreceived.load(Ordering::Relaxed) + cost(len) <= WINDOW;
        if !synchronous && len <= EAGER && room {
            let mut read = Ok(());
            let mut fill = |out: &mut [u8]| {
                read = view.read(out);
                if read.is_err() {
                    // Not what other messages, of other jobs even, have left there.
                    out.fill(0);
                }
            };
            outgoing.unreceived.fetch_add(cost(len), Ordering::Relaxed);
            *number += 1;
            let packet = packet(*number, Body::Eager { envelope });
            self.dispatch(
                Rank(to),
                &packet,
                Payload::Fill(len as usize, &mut fill),
                Caller::Rank,
            )?;
            return read.map(|()| Started::Sent(packet.number));
        }
        let completion = Arc::new(Completion::new(from));
        let sending = Sending {
            data: view.to_data(),
            completion: completion.clone(),
        };
        let send = self.remote.name();
        *number += 1;
        let waiting = Waiting {
            sending: Arc::new(sending),
            packet: *number,
        };
        self.remote.sends.lock().insert(send, waiting);
        let packet = packet(
            *number,
            Body::Ready {
                envelope,
                len,
                send,
            },
        );
        self.dispatch(Rank(to), &packet, Payload::Empty, Caller::Rank)?;
        Ok(Started::Pending(completion))
    }

    /// Asks for the data of a message that `receive` takes.
    pub(crate) fn pull(
        &self,
        from: Rank,
        send: u64,
        envelope: Envelope,
        len: u64,
        receive: Receive,
    ) {
        let name = self.remote.name();
        let me = Rank(receive.completion.owner());
        self.remote.receives.lock().insert(
            name,
            Receiving {
                receive,
                envelope,
                len,
            },
        );
        let packet = Packet {
            source: me,
            number: 0,
            body: Body::Go {
                send,
                receive: name,
            },
        };
        self.dispatch_or_end(from, &packet);
    }

    /// The way to other workers, if there are any and ranks are to poll it: they have cores
    /// to themselves.
    pub(crate) fn polled(&self) -> Option<&dyn Fabric> {
        let fabric = self.remote.fabric.as_deref();
        fabric.filter(|_| !self.is_crowded())
    }

    /// Gives `from` credit back.
    pub(crate) fn give_credit(&self, me: u32, from: Rank, bytes: u64) {
        let packet = Packet {
            source: Rank(me),
            number: 0,
            body: Body::Credit { bytes },
        };
        self.dispatch_or_end(from, &packet);
    }

    /// Handles a packet that is here whole.
    fn handle(&self, to: Rank, packet: &Packet, payload: &[u8]) -> Result<(), String> {
        match packet.body {
            Body::Eager { envelope } => self.arrive_eager(to, packet, envelope, payload),
            Body::Ready {
                envelope,
                len,
                send,
            } => self.arrive_ready(to, packet, envelope, len, send),
            Body::Go { send, receive } => self.push_data(packet.source, send, receive),
            Body::Data { .. } => {
                self.inflow(packet)?.take(payload);
                Ok(())
            }
            Body::Pointer { file, by, question } => {
                self.answer_pointer(to.0, packet.source, file, by, question);
                Ok(())
            }
            Body::PointerWas { question, value } => self.take_pointer(question, value),
            Body::Credit { bytes } => {
                let mailbox = self.mailbox(to.0).ok_or("a rank that is not here")?;
                if let Some(outgoing) = mailbox.outgoing.lock().get(&packet.source.0) {
                    let give = |now: u64| Some(now.saturating_sub(bytes));
                    let order = Ordering::Relaxed;
                    let _ = outgoing.unreceived.fetch_update(order, order, give);
                }
                Ok(())
            }
            Body::Window(message) => self.handle_window(to.0, packet.source, message, payload),
            Body::Recall { packet: of, name } => self.drop_recalled(to, packet.source, of, name),
            Body::Recalled { name, done } => self.end_recall(name, done),
            Body::Ask {
                question,
                topic,
                port,
            } => {
                let text = String::from_utf8_lossy(payload);
                let ranks = (to.0, packet.source.0);
                self.serve_desk(ranks, question, (topic, port), &text);
                Ok(())
            }
            Body::Answer {
                question,
                class,
                rank,
                number,
            } => {
                let text = String::from_utf8_lossy(payload).into_owned();
                let answer = Answer {
                    class,
                    rank,
                    number,
                    text,
                };
                self.take_desk_answer(question, answer)
            }
        }
    }

    fn arrive_eager(
        &self,
        to: Rank,
        packet: &Packet,
        envelope: Envelope,
        payload: &[u8],
    ) -> Result<(), String> {
        let mailbox = self.mailbox(to.0).ok_or("a rank that is not here")?;
        let mut state = mailbox.lock();
        let incoming = state.incoming.entry(packet.source.0).or_default();
        if !incoming.is_next(packet)? {
            return Ok(());
        }
        let Some(receive) = state.arrive(&envelope) else {
            let message = Message::Buffered {
                bytes: payload.into(),
                from: Some(packet.source),
                name: packet.number,
            };
            state.queues.keep(envelope, message);
            mailbox.bell.ring();
            return Ok(());
        };
        let incoming = state.incoming.entry(packet.source.0).or_default();
        let credit = incoming.receive(payload.len() as u64);
        drop(state);
        receive.fill(&envelope, Bytes::Here(payload));
        self.wake(to.0);
        if let Some(bytes) = credit {
            self.give_credit(to.0, packet.source, bytes);
        }
        Ok(())
    }

    fn arrive_ready(
        &self,
        to: Rank,
        packet: &Packet,
        envelope: Envelope,
        len: u64,
        send: u64,
    ) -> Result<(), String> {
        let mailbox = self.mailbox(to.0).ok_or("a rank that is not here")?;
        let mut state = mailbox.lock();
        if !state
            .incoming
            .entry(packet.source.0)
            .or_default()
            .is_next(packet)?
        {
            return Ok(());
        }
        match state.arrive(&envelope) {
            None => {
                state.queues.keep(
                    envelope,
                    Message::Remote {
                        from: packet.source,
                        send,
                        len,
                        number: packet.number,
                    },
                );
                mailbox.bell.ring();
            }
            Some(receive) => {
                drop(state);
                self.pull(packet.source, send, envelope, len, receive);
            }
        }
        Ok(())
    }

    fn refuse(&self, to: Rank, what: &str) {
        self.abort(1, format!("{to} got a packet that cannot be: {what}"));
    }
}

impl Incoming {
    /// Counts eager bytes that were received; the credit to give back, if it is time.
    pub(crate) fn receive(&mut self, len: u64) -> Option<u64> {
        self.received += cost(len);
        (self.received >= WINDOW / 4).then(|| std::mem::take(&mut self.received))
    }

    /// Whether this packet is the next of its pair. A repeated one is not, and is
    /// dropped; a gap is an error.
    fn is_next(&mut self, packet: &Packet) -> Result<bool, String> {
        if packet.number <= self.number {
            return Ok(false);
        }
        if packet.number != self.number + 1 {
            let (last, number, source) = (self.number, packet.number, packet.source);
            return Err(format!(
                "number {number} from {source} follows {last}: packets are lost"
            ));
        }
        self.number = packet.number;
        Ok(true)
    }
}

const _: () = assert!(EAGER <= faabric_wire::fabric::MAX_INLINE as u64);
const _: () = assert!(EAGER + MESSAGE_COST <= WINDOW && abi::MPI_ANY_SOURCE < 0);
