//! The MPI call that a thread is in. Calls nest: a callback of one may make others.

use faabric_wire::proto::MpiMessage;
use std::cell::RefCell;

/// Messages of one call that are kept. `MPI_Waitall` may have any number.
const MOST_MESSAGES: usize = 4096;

thread_local! {
    static CURRENT: RefCell<Option<Frame>> = const { RefCell::new(None) };
}

/// What was noted of a call under way.
#[derive(Debug, Default)]
pub(super) struct Frame {
    bytes: u64,
    messages: Vec<MpiMessage>,
    dropped_messages: u64,
}

impl Frame {
    /// The thread's call sends or receives a message. Ignored where there is no call: the
    /// engine goes on with operations whenever it can.
    pub(super) fn message(message: MpiMessage) {
        Self::with(|frame| {
            frame.bytes = frame.bytes.saturating_add(message.bytes);
            if frame.messages.len() < MOST_MESSAGES {
                frame.messages.push(message);
            } else {
                frame.dropped_messages += 1;
            }
        });
    }

    /// The thread's call moves bytes otherwise.
    pub(super) fn bytes(bytes: u64) {
        Self::with(|frame| frame.bytes = frame.bytes.saturating_add(bytes));
    }

    fn with(note: impl FnOnce(&mut Frame)) {
        CURRENT.with_borrow_mut(|current| {
            if let Some(frame) = current {
                note(frame);
            }
        });
    }
}

/// A call that has begun: to be given back to [`Rank::leave`](crate::Rank::leave).
#[derive(Debug)]
pub struct Entered {
    began_ns: i64,
    thread: u32,
    /// The call from within which it is made.
    outer: Option<Frame>,
}

/// A call that has ended.
pub(super) struct Ended {
    pub(super) began_ns: i64,
    pub(super) took_ns: u64,
    pub(super) thread: u32,
    /// It was made by a callback of another call.
    pub(super) nested: bool,
    pub(super) bytes: u64,
    pub(super) messages: Vec<MpiMessage>,
    pub(super) dropped_messages: u64,
}

impl Entered {
    pub(super) fn new(began_ns: i64, thread: u32) -> Entered {
        Entered {
            began_ns,
            thread,
            outer: CURRENT.replace(Some(Frame::default())),
        }
    }

    pub(super) fn end(self, now_ns: i64) -> Ended {
        let nested = self.outer.is_some();
        let frame = CURRENT.replace(self.outer).unwrap_or_default();
        Ended {
            began_ns: self.began_ns,
            took_ns: now_ns.saturating_sub(self.began_ns).max(0).cast_unsigned(),
            thread: self.thread,
            nested,
            bytes: frame.bytes,
            messages: frame.messages,
            dropped_messages: frame.dropped_messages,
        }
    }
}
