//! A fabric among workers of one process: queues instead of connections.
//!
//! ```text
//!   rank of worker 0 --send--> queue of worker 1 --Delivery::run--> Sink of worker 1
//! ```
//! What [`crate::tcp`] promises holds here too: packets of one worker to another arrive
//! once and in order, streams in pieces between them, a rank waits while a queue is full
//! and a delivery thread never does. Nothing is lost but by the end of the receiver, which
//! its peers are told of as of a broken connection. For tests and measurements of what
//! stands on a fabric, without sockets.

use crate::fabric::{Caller, Drain, Fabric, LinkError, MAX_INLINE, Payload, Sink, Source};
use crate::id::Rank;
use crate::link::Copied;
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::sync::Arc;

/// Which worker a rank runs on, as an index among those connected; none for a rank that
/// is not known.
pub type Place = Arc<dyn Fn(Rank) -> Option<usize> + Send + Sync>;

/// How workers are connected.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Queued bytes above which ranks wait.
    pub queue: usize,
    /// Payload bytes of one piece of a stream.
    pub piece: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            queue: 4 << 20,
            piece: 128 << 10,
        }
    }
}

/// One worker's way to the others.
pub struct InProcess {
    here: usize,
    place: Place,
    queues: Vec<Arc<Queue>>,
}

/// What comes for one worker. The worker is gone when this is dropped.
pub struct Delivery {
    queue: Arc<Queue>,
    piece: usize,
}

/// Connects workers of these names; in their order, what each sends by and what comes to it.
#[must_use]
pub fn connect(
    workers: &[String],
    place: &Place,
    config: Config,
) -> Vec<(Arc<InProcess>, Delivery)> {
    let queue = |name: &String| Arc::new(Queue::new(name, config.queue));
    let queues: Vec<_> = workers.iter().map(queue).collect();
    let ends = queues.iter().enumerate().map(|(here, queue)| {
        let fabric = InProcess {
            here,
            place: Arc::clone(place),
            queues: queues.clone(),
        };
        let delivery = Delivery {
            queue: Arc::clone(queue),
            piece: config.piece.max(1),
        };
        (Arc::new(fabric), delivery)
    });
    ends.collect()
}

/// What waits for one worker.
struct Queue {
    worker: String,
    limit: usize,
    state: Mutex<State>,
    /// Signalled when something is put in.
    filled: Condvar,
    /// Signalled when something is taken out, or nobody takes any more.
    emptied: Condvar,
}

#[derive(Default)]
struct State {
    items: VecDeque<Item>,
    /// Bytes that they hold.
    held: usize,
    closed: bool,
}

enum Item {
    Whole(Rank, Vec<u8>, Vec<u8>),
    Stream(Rank, Vec<u8>, u64, Box<dyn Source>),
}

impl Item {
    fn held(&self) -> usize {
        match self {
            Self::Whole(_, header, payload) => header.len() + payload.len(),
            Self::Stream(_, header, _, _) => header.len(),
        }
    }
}

impl Queue {
    fn new(worker: &str, limit: usize) -> Self {
        Self {
            worker: worker.to_owned(),
            limit,
            state: Mutex::default(),
            filled: Condvar::new(),
            emptied: Condvar::new(),
        }
    }

    /// Puts an item in; false when nobody takes it.
    fn put(&self, item: Item, caller: Caller) -> bool {
        let mut state = self.state.lock();
        while caller == Caller::Rank && state.held >= self.limit && !state.closed {
            self.emptied.wait(&mut state);
        }
        if state.closed {
            // A source runs the engine's code when it is dropped: not under the lock.
            drop(state);
            drop(item);
            return false;
        }
        state.held += item.held();
        state.items.push_back(item);
        self.filled.notify_one();
        true
    }

    /// Takes the next item; if there is none, waits for one or gives none.
    fn take(&self, wait: bool) -> Option<Item> {
        let mut state = self.state.lock();
        while wait && state.items.is_empty() && !state.closed {
            self.filled.wait(&mut state);
        }
        let item = state.items.pop_front()?;
        state.held -= item.held();
        self.emptied.notify_all();
        Some(item)
    }

    /// Nothing is put in or taken any more.
    fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        state.held = 0;
        let left = std::mem::take(&mut state.items);
        self.filled.notify_all();
        self.emptied.notify_all();
        drop(state);
        drop(left);
    }
}

impl InProcess {
    /// Ends every worker's [`Delivery::run`]. What is still queued is dropped.
    pub fn close(&self) {
        for queue in &self.queues {
            queue.close();
        }
    }
}

impl Fabric for InProcess {
    fn send(
        &self,
        to: Rank,
        header: &[u8],
        payload: Payload<'_>,
        caller: Caller,
    ) -> Result<(), LinkError> {
        let from = self.queues[self.here].worker.clone();
        let Some(queue) = (self.place)(to).and_then(|worker| self.queues.get(worker)) else {
            return Err(LinkError {
                from,
                worker: "?".to_owned(),
                reason: format!("nobody knows where {to} runs"),
            });
        };
        let header = header.to_vec();
        let item = match payload {
            Payload::Empty => Item::Whole(to, header, Vec::new()),
            Payload::Bytes(_) | Payload::Fill(..) => match payload.into_vec() {
                bytes if bytes.len() <= MAX_INLINE => Item::Whole(to, header, bytes),
                bytes => {
                    let length = bytes.len() as u64;
                    Item::Stream(to, header, length, Box::new(Copied::new(bytes)))
                }
            },
            Payload::Stream(0, source) => {
                source.sent();
                Item::Whole(to, header, Vec::new())
            }
            Payload::Stream(length, source) => Item::Stream(to, header, length, source),
        };
        match queue.put(item, caller) {
            true => Ok(()),
            false => Err(LinkError {
                from,
                worker: queue.worker.clone(),
                reason: "it has ended".to_owned(),
            }),
        }
    }
}

/// A stream on its way.
struct Streaming {
    left: u64,
    source: Box<dyn Source>,
    drain: Box<dyn Drain>,
}

impl Delivery {
    /// Hands what comes to `sink`, until [`InProcess::close`] is called: whole packets at
    /// once, streams in pieces, one of each in turn.
    pub fn run(self, sink: &dyn Sink) {
        let mut streams = VecDeque::new();
        loop {
            match self.queue.take(streams.is_empty()) {
                Some(Item::Whole(to, header, payload)) => sink.deliver(to, &header, &payload),
                Some(Item::Stream(to, header, left, source)) => {
                    let drain = sink.open(to, &header, left);
                    streams.push_back(Streaming {
                        left,
                        source,
                        drain,
                    });
                }
                None => match streams.pop_front() {
                    Some(stream) => streams.extend(self.go_on(stream)),
                    None => return,
                },
            }
        }
    }

    /// Moves a piece of a stream; gives it back if there are more. One whose source is gone
    /// is cut.
    fn go_on(&self, mut stream: Streaming) -> Option<Streaming> {
        let mut piece = vec![0; stream.left.min(self.piece as u64) as usize];
        stream.source.read(&mut piece).ok()?;
        stream.drain.write(&piece);
        stream.left -= piece.len() as u64;
        if stream.left > 0 {
            return Some(stream);
        }
        stream.source.sent();
        stream.drain.end();
        None
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        self.queue.close();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::reader::tests::Ear;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn two(config: Config) -> Vec<(Arc<InProcess>, Delivery)> {
        let place: Place = Arc::new(|rank: Rank| (rank.0 < 2).then_some(rank.index()));
        connect(&["a".to_owned(), "b".to_owned()], &place, config)
    }

    #[test]
    fn packets_arrive_in_order_and_streams_between_them() {
        let mut ends = two(Config {
            piece: 1_000,
            ..Config::default()
        });
        let (_, delivery) = ends.remove(1);
        let (fabric, _) = ends.remove(0);
        let ear = Ear::default();
        let long = vec![9; 2 * MAX_INLINE];
        std::thread::scope(|scope| {
            let sink = ear.clone();
            scope.spawn(move || delivery.run(&sink));
            let send = |header: &[u8], payload: &[u8]| {
                let payload = Payload::Bytes(payload);
                fabric.send(Rank(1), header, payload, Caller::Rank).unwrap();
            };
            send(&[0], &long);
            for i in 1..100 {
                send(&[i], &[i; 3]);
            }
            while ear.0.lock().len() < 100 {
                std::thread::yield_now();
            }
            fabric.close();
        });
        let got = ear.0.lock().clone();
        let (streams, whole): (Vec<_>, Vec<_>) = got.into_iter().partition(|p| p.len() > 4);
        assert_eq!(streams, [[&[0][..], &long].concat()]);
        assert_eq!(whole, (1..100).map(|i| vec![i; 4]).collect::<Vec<_>>());
    }

    #[test]
    fn a_rank_waits_for_room_and_a_delivery_thread_does_not() {
        let mut ends = two(Config {
            queue: 100,
            ..Config::default()
        });
        let (_, delivery) = ends.remove(1);
        let (fabric, _) = ends.remove(0);
        let sent = AtomicUsize::new(0);
        let send = |caller| fabric.send(Rank(1), &[1; 60], Payload::Empty, caller);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                send(Caller::Delivery).unwrap();
            }
            scope.spawn(|| {
                send(Caller::Rank).unwrap();
                sent.store(1, Ordering::SeqCst);
            });
            send(Caller::Delivery).unwrap();
            assert_eq!(sent.load(Ordering::SeqCst), 0, "there is no room");
            let ear = Ear::default();
            let sink = ear.clone();
            scope.spawn(move || delivery.run(&sink));
            while ear.0.lock().len() < 4 {
                std::thread::yield_now();
            }
            fabric.close();
        });
        assert_eq!(sent.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn who_sends_to_a_worker_that_is_gone_learns_who() {
        let mut ends = two(Config::default());
        drop(ends.remove(1));
        let (fabric, _) = &ends[0];
        let send = |to| fabric.send(Rank(to), &[], Payload::Empty, Caller::Rank);
        let error = send(1).unwrap_err();
        assert_eq!((&*error.from, &*error.worker), ("a", "b"));
        assert!(send(7).unwrap_err().reason.contains("rank 7"));
    }
}
