//! Matching: which receive takes which message (MPI 4.1, section 3.5).
//!
//! Pure data, so that properties can be tested without threads. A message that
//! arrives goes to the first posted receive that takes it, else to the end of the
//! unexpected queue; a receive takes the first unexpected message that it matches,
//! else it goes to the end of the posted queue. Both orders together are the
//! standard's non-overtaking rule.

use crate::abi;
use std::collections::VecDeque;

/// What a message is matched by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Envelope {
    /// Communicator and context, see [`crate::comm::Comm::space`].
    pub(crate) space: u64,
    /// The sender's rank in the communicator.
    pub(crate) source: i32,
    /// The message's tag.
    pub(crate) tag: i32,
}

/// What a receive or probe matches: an envelope, with wildcards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// As in [`Envelope`].
    pub(crate) space: u64,
    /// A rank, or `MPI_ANY_SOURCE`.
    pub(crate) source: i32,
    /// A tag, or `MPI_ANY_TAG`.
    pub(crate) tag: i32,
}

impl Pattern {
    /// Whether a message with this envelope may be received.
    pub(crate) fn matches(&self, e: &Envelope) -> bool {
        self.space == e.space
            && (self.source == e.source || self.source == abi::MPI_ANY_SOURCE)
            && (self.tag == e.tag || self.tag == abi::MPI_ANY_TAG)
    }
}

/// The two queues of one receiver: receives `R` and messages `M`.
#[derive(Debug)]
pub(crate) struct Queues<R, M> {
    posted: VecDeque<(Pattern, R)>,
    unexpected: VecDeque<(Envelope, M)>,
    /// The most unexpected messages since somebody last asked.
    highest: usize,
}

impl<R, M> Default for Queues<R, M> {
    fn default() -> Self {
        Queues {
            posted: VecDeque::new(),
            unexpected: VecDeque::new(),
            highest: 0,
        }
    }
}

impl<R, M> Queues<R, M> {
    /// How many entries both queues have.
    pub(crate) fn len(&self) -> usize {
        self.posted.len() + self.unexpected.len()
    }

    /// How many receives wait for a message.
    pub(crate) fn posted(&self) -> usize {
        self.posted.len()
    }

    /// How many messages wait for a receive.
    pub(crate) fn unexpected(&self) -> usize {
        self.unexpected.len()
    }

    /// The most that waited since the last call.
    pub(crate) fn take_highest(&mut self) -> usize {
        std::mem::replace(&mut self.highest, self.unexpected.len())
    }

    /// The posted receive that takes a message with this envelope; it leaves the queue.
    pub(crate) fn arrive(&mut self, envelope: &Envelope) -> Option<R> {
        let at = self
            .posted
            .iter()
            .position(|(pattern, _)| pattern.matches(envelope))?;
        self.posted.remove(at).map(|(_, receive)| receive)
    }

    /// Keeps a message that [`Queues::arrive`] found no receive for.
    pub(crate) fn keep(&mut self, envelope: Envelope, message: M) {
        self.unexpected.push_back((envelope, message));
        self.highest = self.highest.max(self.unexpected.len());
    }

    /// The unexpected message that a receive takes; it leaves the queue.
    pub(crate) fn receive(&mut self, pattern: &Pattern) -> Option<(Envelope, M)> {
        let at = self
            .unexpected
            .iter()
            .position(|(envelope, _)| pattern.matches(envelope))?;
        self.unexpected.remove(at)
    }

    /// The unexpected message that a receive would take.
    pub(crate) fn peek(&self, pattern: &Pattern) -> Option<&(Envelope, M)> {
        self.unexpected
            .iter()
            .find(|(envelope, _)| pattern.matches(envelope))
    }

    /// Keeps a receive that [`Queues::receive`] found no message for.
    pub(crate) fn post(&mut self, pattern: Pattern, receive: R) {
        self.posted.push_back((pattern, receive));
    }

    /// Takes a posted receive out again (`MPI_Cancel`).
    pub(crate) fn withdraw(&mut self, is_it: impl Fn(&R) -> bool) -> Option<R> {
        let at = self.posted.iter().position(|(_, receive)| is_it(receive))?;
        self.posted.remove(at).map(|(_, receive)| receive)
    }

    /// Takes an unexpected message out again (`MPI_Cancel` of a send).
    pub(crate) fn recall(&mut self, is_it: impl Fn(&M) -> bool) -> Option<M> {
        let at = self
            .unexpected
            .iter()
            .position(|(_, message)| is_it(message))?;
        self.unexpected.remove(at).map(|(_, message)| message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Event {
        Send(Envelope),
        Receive(Pattern),
    }

    fn event() -> impl Strategy<Value = Event> {
        let envelope = (0..2u64, 0..3i32, 0..3i32).prop_map(|(space, source, tag)| Envelope {
            space,
            source,
            tag,
        });
        let pattern = (
            0..2u64,
            -1..3i32,
            prop_oneof![Just(abi::MPI_ANY_TAG), 0..3i32],
        )
            .prop_map(|(space, source, tag)| Pattern { space, source, tag });
        prop_oneof![
            envelope.prop_map(Event::Send),
            pattern.prop_map(Event::Receive)
        ]
    }

    /// The standard's rule, word for word: of all pairs of an unmatched message and
    /// an unmatched receive that match, every new arrival takes the earliest.
    fn naive(events: &[Event]) -> Vec<(usize, usize)> {
        let (mut messages, mut receives, mut pairs) = (Vec::new(), Vec::new(), Vec::new());
        for (now, event) in events.iter().enumerate() {
            match event {
                Event::Send(e) => messages.push((now, *e)),
                Event::Receive(p) => receives.push((now, *p)),
            }
            let found = receives.iter().enumerate().find_map(|(r, (_, p))| {
                let m = messages
                    .iter()
                    .position(|(_, e): &(usize, Envelope)| p.matches(e))?;
                Some((m, r))
            });
            if let Some((m, r)) = found {
                pairs.push((messages.remove(m).0, receives.remove(r).0));
            }
        }
        pairs
    }

    proptest! {
        #[test]
        fn queues_match_as_the_standard_says(events in prop::collection::vec(event(), 0..200)) {
            let mut queues = Queues::<usize, usize>::default();
            let mut pairs = Vec::new();
            for (now, event) in events.iter().enumerate() {
                match event {
                    Event::Send(e) => match queues.arrive(e) {
                        Some(receive) => pairs.push((now, receive)),
                        None => queues.keep(*e, now),
                    },
                    Event::Receive(p) => match queues.receive(p) {
                        Some((_, message)) => pairs.push((message, now)),
                        None => queues.post(*p, now),
                    },
                }
            }
            prop_assert_eq!(pairs, naive(&events));
        }
    }
}
