//! `MPI_Cancel` (MPI 4.1, section 3.8.4).
//!
//! What is not matched is taken back: a receive from the queue of the caller's own
//! mailbox, a send from the receiver's, also when its data lies there already. On another
//! worker the receiver is asked, and the request ends with its answer.
//!
//! ```text
//!   sender                               receiver's worker
//!   Recall(packet number) ------------>  still unexpected? out of the queue
//!   cancelled, or as if never asked <--  Recalled(yes or no)
//! ```

use crate::completion::not_a_request;
use crate::error::{Class, Error, Result};
use crate::guest::Guest;
use crate::handle::RequestHandle;
use crate::mailbox::Mailbox;
use crate::p2p::Started;
use crate::rank::Rank;
use crate::request::{Completion, Kind, Outcome};
use std::sync::Arc;

impl Rank {
    /// `MPI_Cancel` (MPI 4.1, section 3.8.4): the operation ends, cancelled if it was not
    /// matched yet, else as it would have.
    ///
    /// # Errors
    /// `MPI_ERR_REQUEST` for what is no active request, or one that cannot be cancelled.
    pub fn cancel(&self, guest: &mut dyn Guest, request: RequestHandle) -> Result<()> {
        if self.begun_complete(request)?.is_some() {
            return Ok(());
        }
        self.progress();
        let requests = self.requests.lock();
        let found = requests
            .get(request)
            .ok_or_else(|| not_a_request(request))?;
        let kind = match &found.kind {
            Kind::Persistent(recipe) => recipe.kind(),
            kind => kind.clone(),
        };
        let started = found.started.clone();
        drop(requests);
        let Some(started) = started else {
            return Err(Error::new(
                Class::REQUEST,
                "request: it is persistent and not active",
            ));
        };
        match (kind, started) {
            (Kind::Operation, _) => Err(Error::new(
                Class::REQUEST,
                "request: an operation of several messages cannot be cancelled",
            )),
            (Kind::Generalized(of), started) => {
                let complete = started.ended().is_some();
                of.cancel(guest, complete)
            }
            (Kind::Receive, Started::Pending(c)) => {
                self.cancel_receive(&c);
                Ok(())
            }
            (Kind::Send { to: Some(to) }, started) => match self.world.mailbox(to) {
                Some(mailbox) => {
                    self.cancel_send(request, mailbox, started);
                    Ok(())
                }
                None => self.cancel_remote(request, to, started),
            },
            _ => Ok(()),
        }
    }

    fn cancel_receive(&self, completion: &Arc<Completion>) {
        let mut state = self.mailbox().open();
        let withdrawn = state
            .queues
            .withdraw(|r| Arc::ptr_eq(&r.completion, completion));
        drop(state);
        if withdrawn.is_some() {
            self.world.finish(completion, Outcome::CANCELLED, None);
        }
    }

    /// Cancels a send to a rank of this worker, whose mailbox is given.
    fn cancel_send(&self, request: RequestHandle, mailbox: &Mailbox, started: Started) {
        let mut state = mailbox.settle();
        let recalled = state.queues.recall(|message| match &started {
            Started::Sent(name) => message.is_named(*name),
            Started::Pending(c) | Started::Buffered(c) => message.is_of(c),
            Started::Done(..) => false,
        });
        let Some(message) = recalled else {
            return;
        };
        state.release(&message);
        drop(state);
        if let Started::Pending(c) | Started::Buffered(c) = &started {
            self.world.finish(c, Outcome::CANCELLED, None);
        }
        self.replace(request, Started::Done(Outcome::CANCELLED, None));
    }

    /// Asks for the cancelling of a send to rank `to` of another worker.
    fn cancel_remote(&self, request: RequestHandle, to: u32, started: Started) -> Result<()> {
        let completion = match &started {
            Started::Sent(_) => Arc::new(Completion::new(self.world_rank)),
            Started::Pending(c) | Started::Buffered(c) => Arc::clone(c),
            Started::Done(..) => return Ok(()),
        };
        let number = match started {
            Started::Sent(number) => Some(number),
            _ => None,
        };
        if self.world.recall(to, number, &completion)? {
            self.replace(request, Started::Pending(completion));
        }
        Ok(())
    }

    /// How a request that is not waited for yet goes on.
    fn replace(&self, request: RequestHandle, started: Started) {
        if let Some(found) = self.requests.lock().get_mut(request) {
            found.started = Some(started);
        }
    }
}
