//! The one way messages go: what `MPI_Send`, `MPI_Recv` and the collectives stand on.
//!
//! ```text
//!              small, same worker       -> the receiver's inbox ring
//!   send ----> larger, same worker      -> posted receive: one copy, memory to memory
//!                                          none: buffered, or left for the receiver
//!              other worker             -> remote/
//! ```
//! Matching happens under the receiver's lock, copying outside of it.

use crate::comm::{Comm, Context};
pub(crate) use crate::data::Data;
use crate::data::{View, received};
use crate::error::{Class, Error, Result};
use crate::inbox;
use crate::mailbox::{BUFFERED_MAX, MESSAGE_COST, Message, Receive, Sending};
use crate::matching::{Envelope, Pattern};
use crate::memory::Memory;
use crate::rank::Rank;
use crate::request::{Completion, Nth, Outcome};
use crate::world::World;
use std::sync::Arc;

/// The longest unexpected message of this worker's ranks that is buffered, in bytes:
/// it is copied under the receiver's lock.
pub(crate) const EAGER: u64 = 8 * 1024;

/// How a send ends (MPI 4.1, section 3.4). A buffered send is a standard one of a
/// copy, a ready send is a standard one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// When the data may be overwritten.
    Standard,
    /// When the receive was found.
    Synchronous,
}

/// An operation that was started.
#[derive(Clone, Debug)]
pub(crate) enum Started {
    /// It has ended already.
    Done(Outcome, Option<Error>),
    /// A send whose data the receiver's mailbox took at once, under this name.
    Sent(u64),
    /// A buffered send: it has ended, while its copy waits.
    Buffered(Arc<Completion>),
    /// Another thread will end it.
    Pending(Arc<Completion>),
}

impl Rank {
    /// Starts sending `data` to rank `to` of `comm` (of its remote group, for an
    /// intercommunicator) in standard mode. The data must not change until the send
    /// is complete.
    pub(crate) fn post_send(
        &self,
        comm: &Arc<Comm>,
        context: Context,
        to: u32,
        tag: i32,
        data: Data,
    ) -> Result<Arc<Completion>> {
        let started = self.start_send(comm, context, to, tag, data.view(), Mode::Standard)?;
        self.completion(started)
    }

    /// Starts receiving into `data` from rank `from` of `comm`.
    pub(crate) fn post_recv(
        &self,
        comm: &Arc<Comm>,
        context: Context,
        from: u32,
        tag: i32,
        data: Data,
    ) -> Result<Arc<Completion>> {
        let started = self.start_recv(comm, context, from as i32, tag, data.view())?;
        self.completion(started)
    }

    fn completion(&self, started: Started) -> Result<Arc<Completion>> {
        match started {
            Started::Pending(completion) => Ok(completion),
            ended => {
                let completion = Completion::new(self.world_rank);
                let (outcome, error) = ended.ended().unwrap_or((Outcome::EMPTY, None));
                completion.end(outcome, error);
                Ok(Arc::new(completion))
            }
        }
    }

    /// Takes in what has arrived in the ring.
    pub(crate) fn progress(&self) {
        self.mailbox().progress();
    }

    /// Starts a send. The data has not been checked.
    pub(crate) fn start_send(
        &self,
        comm: &Comm,
        context: Context,
        to: u32,
        tag: i32,
        view: View<'_>,
        mode: Mode,
    ) -> Result<Started> {
        let world = &*self.world;
        let len = view.check(&self.world)?;
        let to = comm.peers().world_rank(to).ok_or_else(|| {
            Error::new(
                Class::RANK,
                format!("dest: the communicator has no rank {to}"),
            )
        })?;
        let envelope = Envelope {
            space: comm.space(context),
            source: comm.rank as i32,
            tag,
        };
        if self.is_watched() {
            self.note_sent(&envelope, context, to, len);
        }
        let Some(mailbox) = world.mailbox(to) else {
            let asks = mode == Mode::Synchronous || len > self.tuned.eager_remote();
            return world.send_remote(self.world_rank, to, envelope, view, len, asks);
        };
        if mode == Mode::Standard && len <= inbox::LONGEST as u64 {
            let pushed = if len <= inbox::SHORT as u64 {
                let mut bytes = [0; inbox::SHORT];
                view.read(&mut bytes[..len as usize])?;
                mailbox.push(&envelope, &bytes, len as usize)
            } else {
                let copy = |page: &Arc<dyn Memory>, at| view.copy_into(page, at, len);
                let from = &**view.memory;
                mailbox.push_long(&envelope, len as usize, from, copy)?
            };
            if let Some(name) = pushed {
                return Ok(Started::Sent(name));
            }
        }
        let mut state = mailbox.settle();
        if let Some(receive) = state.arrive(&envelope) {
            drop(state);
            return Ok(hand_over(world, view, len, &envelope, &receive));
        }
        let room = state.buffered + len + MESSAGE_COST <= BUFFERED_MAX;
        let started = if mode == Mode::Standard && len <= self.tuned.eager() && room {
            let mut bytes = vec![0; len as usize].into_boxed_slice();
            view.read(&mut bytes)?;
            Started::Sent(state.keep_bytes(envelope, bytes))
        } else {
            let completion = Arc::new(Completion::new(self.world_rank));
            let sending = Sending {
                data: view.to_data(),
                completion: completion.clone(),
            };
            state
                .queues
                .keep(envelope, Message::Local(Arc::new(sending)));
            Started::Pending(completion)
        };
        mailbox.bell.ring();
        Ok(started)
    }

    /// Starts a receive from rank `from` of the communicator, or `MPI_ANY_SOURCE`. The
    /// data has not been checked.
    pub(crate) fn start_recv(
        &self,
        comm: &Comm,
        context: Context,
        from: i32,
        tag: i32,
        view: View<'_>,
    ) -> Result<Started> {
        let len = view.check(&self.world)?;
        let pattern = Pattern {
            space: comm.space(context),
            source: from,
            tag,
        };
        let mailbox = self.mailbox();
        if !self.is_watched()
            && mailbox.inbox.has_next()
            && let Some(outcome) = mailbox.take_next(&pattern, len, |bytes| view.fill_from(bytes))
        {
            return Ok(Started::Done(outcome, None));
        }
        let mut state = mailbox.open();
        let Some((envelope, message, nth)) = state.receive(&pattern) else {
            let completion = Arc::new(Completion::new(self.world_rank));
            let receive = Receive {
                data: view.to_data(),
                completion: completion.clone(),
            };
            state.post(pattern, receive);
            return Ok(Started::Pending(completion));
        };
        let credit = state.release(&message);
        drop(state);
        if let Some((from, bytes)) = credit {
            self.world.give_credit(self.world_rank, from, bytes);
        }
        Ok(self.accept(envelope, message, view).numbered(nth))
    }

    /// Takes a message that has left the unexpected queue.
    pub(crate) fn accept(&self, envelope: Envelope, message: Message, view: View<'_>) -> Started {
        let len = message.len();
        match message {
            Message::Buffered { bytes, .. } => {
                let (outcome, mut error) = received(&envelope, len, view.len().unwrap_or(u64::MAX));
                if let Err(e) = view.fill(&bytes) {
                    error = Some(e);
                }
                Started::Done(outcome, error)
            }
            Message::Local(sending) => {
                let (outcome, mut error) = received(&envelope, len, view.len().unwrap_or(u64::MAX));
                let copied = sending.data.view().copy_to(&view, &self.world);
                self.world
                    .finish(&sending.completion, Outcome::EMPTY, copied.clone().err());
                if let Err(e) = copied {
                    error = Some(e);
                }
                Started::Done(outcome, error)
            }
            Message::Remote {
                from, send, len, ..
            } => {
                let completion = Arc::new(Completion::new(self.world_rank));
                let receive = Receive {
                    data: view.to_data(),
                    completion: completion.clone(),
                };
                self.world.pull(from, send, envelope, len, receive);
                Started::Pending(completion)
            }
        }
    }
}

impl Started {
    /// The same, of a receive whose match has this number.
    pub(crate) fn numbered(self, nth: Nth) -> Started {
        match self {
            Started::Done(outcome, error) => Started::Done(Outcome { nth, ..outcome }, error),
            Started::Pending(completion) => {
                completion.set_nth(nth);
                Started::Pending(completion)
            }
            sent => sent,
        }
    }

    /// How it ended, unless it is under way.
    pub(crate) fn ended(self) -> Option<(Outcome, Option<Error>)> {
        match self {
            Started::Done(outcome, error) => Some((outcome, error)),
            Started::Sent(_) | Started::Buffered(_) => Some((Outcome::EMPTY, None)),
            Started::Pending(c) => {
                let error = c.result()?.err();
                Some((c.outcome(), error))
            }
        }
    }
}

/// One copy from the sender's memory into that of a receive that waited for it.
fn hand_over(
    world: &World,
    view: View<'_>,
    len: u64,
    envelope: &Envelope,
    receive: &Receive,
) -> Started {
    let target = receive.data.view();
    let (outcome, mut error) = received(envelope, len, target.len().unwrap_or(u64::MAX));
    let copied = view.copy_to(&target, world).err();
    if copied.is_some() {
        error = copied.clone();
    }
    world.finish(&receive.completion, outcome, error);
    Started::Done(Outcome::EMPTY, copied)
}
