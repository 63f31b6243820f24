//! What the planner must hear of: kept until it says that it has it.
//!
//! ```text
//!  ranks --report, output--> | received | sent | waiting |  --next--> session --> planner
//!                                ^         ^
//!                     dropped ---'         `--- a new connection starts again here
//! ```
//! Exits and aborts are always taken; output only while there is room, so that a guest
//! that prints for ever is slowed down to what the planner takes, and costs no memory.

use faabric_wire::proto::from_worker::Message;
use faabric_wire::proto::{FromWorker, Output};
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;

/// Bytes of output that may wait for the planner before ranks have to.
pub(crate) const ROOM: usize = 8 << 20;
/// Bytes of output and reports that may wait before reports are dropped: output goes on.
const REPORT_ROOM: usize = ROOM / 2;

/// The messages of this process to its planner, over all connections.
pub(crate) struct Outbox {
    state: Mutex<State>,
    /// Signalled when output was received, and when a job ends.
    room: Condvar,
    /// Signalled when there is something to send, or all is received.
    changed: Notify,
}

struct State {
    /// In the order of their sequence numbers, without gaps.
    kept: VecDeque<FromWorker>,
    /// How many of `kept` are sent on the present connection.
    sent: usize,
    /// Bytes of output in `kept`.
    bytes: usize,
    /// The last sequence number given.
    sequence: u64,
    /// Whether the planner sends receipts; if not, what is sent counts as received.
    receipts: bool,
}

/// The job whose output it is has ended, or is being ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct JobEnded;

impl Outbox {
    pub(crate) fn new() -> Self {
        let kept = VecDeque::new();
        let state = State {
            kept,
            sent: 0,
            bytes: 0,
            sequence: 0,
            receipts: true,
        };
        Self {
            state: Mutex::new(state),
            room: Condvar::new(),
            changed: Notify::new(),
        }
    }

    /// Takes what must be told, whatever waits already.
    pub(crate) fn report(&self, message: Message) {
        self.state.lock().push(message);
        self.changed.notify_waiters();
    }

    /// Takes output, waiting for room unless the job ends meanwhile.
    pub(crate) fn output(&self, output: Output, ended: &AtomicBool) -> Result<(), JobEnded> {
        let mut state = self.state.lock();
        while state.bytes >= ROOM {
            if ended.load(Ordering::Acquire) {
                return Err(JobEnded);
            }
            self.room.wait(&mut state);
        }
        state.push(Message::Output(output));
        drop(state);
        self.changed.notify_waiters();
        Ok(())
    }

    /// Takes a piece of a report on what a rank does, if there is room beside the output
    /// of ranks. False if it was dropped.
    pub(crate) fn try_report(&self, piece: Output) -> bool {
        let mut state = self.state.lock();
        let has_room = state.bytes < REPORT_ROOM;
        if has_room {
            state.push(Message::Output(piece));
            drop(state);
            self.changed.notify_waiters();
        }
        has_room
    }

    /// Takes output if there is room, else gives it back.
    pub(crate) fn try_output(&self, output: Output) -> Result<(), Output> {
        let mut state = self.state.lock();
        if state.bytes >= ROOM {
            return Err(output);
        }
        state.push(Message::Output(output));
        drop(state);
        self.changed.notify_waiters();
        Ok(())
    }

    /// Has those who wait for room look again at whether their job has ended.
    pub(crate) fn wake(&self) {
        drop(self.state.lock());
        self.room.notify_all();
    }

    /// Starts a connection: what was not received is sent again, then those `exits`
    /// that are not among it.
    pub(crate) fn reconnected(&self, receipts: bool, exits: Vec<Message>) {
        let mut state = self.state.lock();
        state.sent = 0;
        state.receipts = receipts;
        for exit in exits {
            if !state
                .kept
                .iter()
                .any(|kept| kept.message.as_ref() == Some(&exit))
            {
                state.push(exit);
            }
        }
    }

    /// The planner has everything up to `sequence`.
    pub(crate) fn received(&self, sequence: u64) {
        let mut state = self.state.lock();
        while state
            .kept
            .front()
            .is_some_and(|message| message.sequence <= sequence)
        {
            state.pop();
        }
        drop(state);
        self.room.notify_all();
        self.changed.notify_waiters();
    }

    /// The next message to send, once there is one. Dropping the future loses none.
    pub(crate) async fn next(&self) -> FromWorker {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Before the look: a push right after it must not be missed.
            changed.as_mut().enable();
            if let Some(message) = self.take() {
                return message;
            }
            changed.await;
        }
    }

    /// Waits until the planner has everything.
    pub(crate) async fn drained(&self) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.state.lock().kept.is_empty() {
                return;
            }
            changed.await;
        }
    }

    fn take(&self) -> Option<FromWorker> {
        let mut state = self.state.lock();
        if state.receipts {
            let message = state.kept.get(state.sent)?.clone();
            state.sent += 1;
            return Some(message);
        }
        let message = state.pop()?;
        drop(state);
        self.room.notify_all();
        self.changed.notify_waiters();
        Some(message)
    }
}

impl State {
    fn push(&mut self, message: Message) {
        self.sequence += 1;
        self.bytes += size(&message);
        self.kept.push_back(FromWorker {
            sequence: self.sequence,
            message: Some(message),
        });
    }

    fn pop(&mut self) -> Option<FromWorker> {
        let message = self.kept.pop_front()?;
        self.sent = self.sent.saturating_sub(1);
        self.bytes -= message.message.as_ref().map_or(0, size);
        Some(message)
    }
}

fn size(message: &Message) -> usize {
    match message {
        Message::Output(output) => output.data.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use faabric_wire::proto::RankStarted;
    use std::sync::Arc;

    fn started(rank: u32) -> Message {
        Message::RankStarted(RankStarted { job: 1, rank })
    }

    fn output(bytes: usize) -> Output {
        Output {
            data: vec![0; bytes],
            ..Output::default()
        }
    }

    #[tokio::test]
    async fn what_was_not_received_is_sent_again_in_order() {
        let outbox = Outbox::new();
        for rank in 0..4 {
            outbox.report(started(rank));
        }
        for sequence in 1..=3 {
            assert_eq!(outbox.next().await.sequence, sequence);
        }
        outbox.received(2);
        outbox.reconnected(true, vec![started(2), started(9)]);
        assert_eq!(outbox.next().await.sequence, 3);
        assert_eq!(outbox.next().await.message, Some(started(3)));
        assert_eq!(outbox.next().await.message, Some(started(9)));
        assert_eq!(outbox.take(), None);
        outbox.received(5);
        outbox.drained().await;
    }

    #[tokio::test]
    async fn without_receipts_what_was_sent_is_forgotten() {
        let outbox = Outbox::new();
        outbox.reconnected(false, Vec::new());
        outbox.report(started(0));
        outbox.next().await;
        outbox.drained().await;
        outbox.reconnected(false, Vec::new());
        assert_eq!(outbox.take(), None);
    }

    #[test]
    fn reports_leave_room_for_output() {
        let outbox = Outbox::new();
        let ended = AtomicBool::new(false);
        assert!(outbox.try_report(output(REPORT_ROOM)));
        assert!(!outbox.try_report(output(1)));
        outbox.output(output(1), &ended).unwrap();
        outbox.received(1);
        assert!(outbox.try_report(output(1)));
    }

    #[test]
    fn output_waits_for_room_until_its_job_ends_and_exits_do_not() {
        let outbox = Arc::new(Outbox::new());
        let ended = Arc::new(AtomicBool::new(false));
        outbox.output(output(ROOM), &ended).unwrap();
        assert_eq!(outbox.try_output(output(1)), Err(output(1)));
        let (full, stop) = (Arc::clone(&outbox), Arc::clone(&ended));
        let waiting = std::thread::spawn(move || full.output(output(1), &stop));
        outbox.report(started(0));
        ended.store(true, Ordering::Release);
        outbox.wake();
        assert_eq!(waiting.join().unwrap(), Err(JobEnded));
        outbox.received(1);
        assert_eq!(outbox.try_output(output(1)), Ok(()));
    }
}
