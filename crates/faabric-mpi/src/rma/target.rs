//! What the threads that deliver packets do with those about windows: they apply them to
//! the target's memory, and hand answers to the origin. They never wait, except for the
//! few bytes that another thread is just combining.

use super::apply::Combine;
use super::message::{Action, Message};
use super::origin::MOST;
use super::part::{Part, Waiter};
use super::replies::Expected;
use super::runs;
use crate::error::{Class, Error};
use crate::request::Outcome;
use crate::world::World;
use faabric_wire::id;

/// The most bytes that a packet may ask for: a piece, and an element that was not cut.
const MOST_RESULT: u64 = MOST + 64;

/// What an action gave: the data that goes back, if any.
type Result<T, E = Error> = crate::error::Result<T, E>;

impl World {
    /// Handles a packet from rank `from` about a window of local rank `to`.
    pub(crate) fn handle_window(
        &self,
        to: u32,
        from: id::Rank,
        message: Message,
        payload: &[u8],
    ) -> Result<(), String> {
        let part = |window| self.windows.part(window, to);
        match message {
            Message::Apply {
                window,
                action,
                runs,
                reply,
                position,
            } => {
                let done = match part(window) {
                    None => Err(unknown()),
                    Some(part) => self.apply(&part, action, runs, payload)?,
                };
                match done {
                    Ok(None) => {}
                    Ok(Some(data)) => {
                        self.answer(to, from, Message::Answer { reply, position }, &data);
                    }
                    Err(e) => self.refuse_access(to, from, (window, reply), &e),
                }
            }
            Message::Answer { reply, position } => self.take_answer(reply, position, payload),
            Message::Done { reply } => {
                if let Some(Expected::Done(completion)) = self.windows.replies.take(reply) {
                    self.finish(&completion, Outcome::EMPTY, None);
                }
            }
            Message::Refused {
                window,
                reply,
                class,
            } => {
                let error = Error::new(Class(class), String::from_utf8_lossy(payload));
                self.fail(to, window, reply, error);
            }
            Message::Lock { window, reply, ask } => match part(window) {
                None => self.refuse_access(to, from, (window, reply), &unknown()),
                Some(part) => {
                    let waiter = || Waiter::There { from, reply };
                    let granted = part.locks.lock().request(from.0, ask, waiter);
                    if granted {
                        self.answer(to, from, Message::Done { reply }, &[]);
                    }
                }
            },
            Message::Unlock {
                window,
                reply,
                exclusive,
            } => {
                // A window may be freed before the last unlock comes, which nobody waits for.
                if let Some(part) = part(window) {
                    self.release(to, &part, (from.0, exclusive));
                }
                if reply != 0 {
                    self.answer(to, from, Message::Done { reply }, &[]);
                }
            }
            Message::Flush { reply, .. } => {
                self.answer(to, from, Message::Done { reply }, &[]);
            }
            Message::Signal { window, signal } => {
                let part = part(window).ok_or("a signal for a window that is not")?;
                part.signals.lock().add(signal, from.0);
                self.wake(to);
            }
        }
        Ok(())
    }

    /// Does what a packet asks for. The outer error is a packet that cannot be.
    fn apply(
        &self,
        part: &Part,
        action: Action,
        count: u32,
        payload: &[u8],
    ) -> Result<Result<Option<Vec<u8>>>, String> {
        let (runs, len, data) = runs::decode(payload, count).ok_or("runs that cannot be")?;
        if len > MOST_RESULT {
            return Err(format!("an access to {len} bytes at once"));
        }
        let size = len as usize;
        let expected = match action {
            Action::Get => 0,
            Action::Accumulate { op, .. } | Action::Fetch { op, .. }
                if op == crate::op::Builtin::NoOp =>
            {
                0
            }
            Action::CompareAndSwap => 2 * size,
            _ => size,
        };
        if data.len() != expected {
            return Err(format!(
                "{} bytes of data for an access to {len}",
                data.len()
            ));
        }
        let stripes = &self.windows.stripes;
        Ok(match action {
            Action::Put => part.put(&runs, data).map(|()| None),
            Action::Get => {
                let mut out = vec![0; size];
                part.get(&runs, &mut out).map(|()| Some(out))
            }
            Action::Accumulate { op, primitive } => Combine::new(op, primitive)
                .and_then(|combine| part.accumulate(stripes, &runs, &combine, data, None))
                .map(|()| None),
            Action::Fetch { op, primitive } => {
                let mut out = vec![0; size];
                Combine::new(op, primitive)
                    .and_then(|combine| {
                        part.accumulate(stripes, &runs, &combine, data, Some(&mut out))
                    })
                    .map(|()| Some(out))
            }
            Action::CompareAndSwap => {
                let mut out = vec![0; size];
                let (compare, new) = data.split_at(size);
                part.compare_and_swap(stripes, &runs, compare, new, &mut out)
                    .map(|()| Some(out))
            }
        })
    }

    /// Tells an origin that an access failed.
    fn refuse_access(&self, to: u32, from: id::Rank, of: (u64, u64), error: &Error) {
        let (window, reply) = of;
        let message = Message::Refused {
            window,
            reply,
            class: error.class.0,
        };
        self.answer(to, from, message, error.message.as_bytes());
    }

    /// Puts data where an operation of this worker wants it.
    fn take_answer(&self, reply: u64, position: u64, data: &[u8]) {
        let replies = &self.windows.replies;
        // What is not expected any more belongs to an operation that has failed.
        let Some(Expected::Data(fetch)) = replies.get(reply) else {
            return;
        };
        let error = match fetch.answer(position, data) {
            Ok(false) => {
                self.wake(fetch.owner());
                return;
            }
            Ok(true) => None,
            Err(e) => Some(e),
        };
        if replies.take(reply).is_some() {
            fetch.end(self, error);
        }
    }

    /// An operation of local rank `me` failed at its target.
    fn fail(&self, me: u32, window: u64, reply: u64, error: Error) {
        let unsaid = match self.windows.replies.take(reply) {
            Some(Expected::Done(completion)) => {
                self.finish(&completion, Outcome::EMPTY, Some(error));
                None
            }
            Some(Expected::Data(fetch)) => fetch.end(self, Some(error)),
            None => Some(error),
        };
        if let (Some(error), Some(part)) = (unsaid, self.windows.part(window, me)) {
            part.fault.lock().get_or_insert(error);
        }
    }
}

#[cold]
fn unknown() -> Error {
    Error::new(Class::WIN, "the target has no such window any more")
}
