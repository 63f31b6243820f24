//! What workers say to each other about windows: the headers of those packets.
//!
//! ```text
//!   origin's worker                                    target's worker
//!   Apply(put), runs + data ------------------------->  memory
//!   Apply(get...), runs (+ data), reply r ----------->  memory
//!      <-- Answer(r, position), data ----------------   what was there
//!   Lock, reply r ----------------------------------->  lock
//!      <-- Done(r) ----------------------------------   when it is granted
//!   Flush or Unlock, reply r ------------------------>  all before it was applied, since
//!      <-- Done(r) ----------------------------------   packets come in order
//!   Signal(post or complete) ------------------------>  counted
//!      <-- Refused(r), class + text -----------------   instead of Answer and Done, and
//!                                                       for what has no reply (r is 0)
//! ```
//! All headers have the same fields, little-endian; a field without a use is 0.

use super::locks::Ask;
use super::part::Signal;
use crate::datatype::Primitive;
use crate::op::Builtin;

/// What is to be done to a target's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Payload: runs, data.
    Put,
    /// Payload: runs.
    Get,
    /// Payload: runs, operand (none for `MPI_NO_OP`).
    Accumulate { op: Builtin, primitive: Primitive },
    /// The same, and the data before is answered.
    Fetch { op: Builtin, primitive: Primitive },
    /// Payload: runs, what to compare with, what to write.
    CompareAndSwap,
}

/// The header of a packet about a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// `runs` runs of the payload say where; `position` comes back with the answer.
    Apply {
        window: u64,
        action: Action,
        runs: u32,
        reply: u64,
        position: u64,
    },
    /// Data for the operation `reply`, to go to packed byte `position`.
    Answer { reply: u64, position: u64 },
    /// `reply` is done.
    Done { reply: u64 },
    /// An operation failed. Payload: the text.
    Refused { window: u64, reply: u64, class: i32 },
    /// Asks for the lock.
    Lock { window: u64, reply: u64, ask: Ask },
    /// Gives it back; `reply` is 0 when nobody waits for an answer.
    Unlock {
        window: u64,
        reply: u64,
        exclusive: bool,
    },
    /// Is everything before this applied?
    Flush { window: u64, reply: u64 },
    /// For the receiving rank to count.
    Signal { window: u64, signal: Signal },
}

/// Bytes of the header.
pub(crate) const LEN: usize = 40;

const PUT: u8 = 1;
const GET: u8 = 2;
const ACCUMULATE: u8 = 3;
const FETCH: u8 = 4;
const COMPARE_AND_SWAP: u8 = 5;
const ANSWER: u8 = 6;
const DONE: u8 = 7;
const REFUSED: u8 = 8;
const LOCK: u8 = 9;
const UNLOCK: u8 = 10;
const FLUSH: u8 = 11;
const POST: u8 = 12;
const COMPLETE: u8 = 13;

/// ```text
/// 0      1    2    4         8       12     16       24       32        40
/// | kind | op | 0 0| type    | arg   | runs | window | reply  | position |
/// ```
#[derive(Default)]
struct Fields {
    kind: u8,
    op: u8,
    primitive: u32,
    arg: u32,
    runs: u32,
    window: u64,
    reply: u64,
    position: u64,
}

impl Message {
    /// The header as it travels.
    pub(crate) fn encode(&self) -> [u8; LEN] {
        let fields = self.fields();
        let mut out = [0; LEN];
        out[0] = fields.kind;
        out[1] = fields.op;
        out[4..8].copy_from_slice(&fields.primitive.to_le_bytes());
        out[8..12].copy_from_slice(&fields.arg.to_le_bytes());
        out[12..16].copy_from_slice(&fields.runs.to_le_bytes());
        out[16..24].copy_from_slice(&fields.window.to_le_bytes());
        out[24..32].copy_from_slice(&fields.reply.to_le_bytes());
        out[32..40].copy_from_slice(&fields.position.to_le_bytes());
        out
    }

    fn fields(&self) -> Fields {
        let base = Fields::default();
        match *self {
            Message::Apply {
                window,
                action,
                runs,
                reply,
                position,
            } => {
                let (kind, combined) = match action {
                    Action::Put => (PUT, None),
                    Action::Get => (GET, None),
                    Action::Accumulate { op, primitive } => (ACCUMULATE, Some((op, primitive))),
                    Action::Fetch { op, primitive } => (FETCH, Some((op, primitive))),
                    Action::CompareAndSwap => (COMPARE_AND_SWAP, None),
                };
                Fields {
                    kind,
                    op: combined.map_or(0, |(op, _)| op.number()),
                    primitive: combined.map_or(0, |(_, primitive)| primitive.handle()),
                    runs,
                    window,
                    reply,
                    position,
                    ..base
                }
            }
            Message::Answer { reply, position } => Fields {
                kind: ANSWER,
                reply,
                position,
                ..base
            },
            Message::Done { reply } => Fields {
                kind: DONE,
                reply,
                ..base
            },
            Message::Refused {
                window,
                reply,
                class,
            } => Fields {
                kind: REFUSED,
                arg: class as u32,
                window,
                reply,
                ..base
            },
            Message::Lock {
                window,
                reply,
                ask: Ask { exclusive, holds },
            } => Fields {
                kind: LOCK,
                arg: u32::from(exclusive) | u32::from(holds) << 1,
                window,
                reply,
                ..base
            },
            Message::Unlock {
                window,
                reply,
                exclusive,
            } => Fields {
                kind: UNLOCK,
                arg: exclusive.into(),
                window,
                reply,
                ..base
            },
            Message::Flush { window, reply } => Fields {
                kind: FLUSH,
                window,
                reply,
                ..base
            },
            Message::Signal { window, signal } => Fields {
                kind: match signal {
                    Signal::Post => POST,
                    Signal::Complete => COMPLETE,
                },
                window,
                ..base
            },
        }
    }

    /// The message that these bytes are; none if they are none.
    pub(crate) fn decode(bytes: &[u8; LEN]) -> Option<Message> {
        let word = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let long = |at: usize| u64::from(word(at + 4)) << 32 | u64::from(word(at));
        let (arg, runs) = (word(8), word(12));
        let (window, reply, position) = (long(16), long(24), long(32));
        let apply = |action| Message::Apply {
            window,
            action,
            runs,
            reply,
            position,
        };
        let op = || Builtin::from_number(bytes[1]);
        let primitive = || Primitive::from_handle(word(4));
        let exclusive = arg & 1 == 1;
        let message = match bytes[0] {
            PUT => apply(Action::Put),
            GET => apply(Action::Get),
            ACCUMULATE => apply(Action::Accumulate {
                op: op()?,
                primitive: primitive()?,
            }),
            FETCH => apply(Action::Fetch {
                op: op()?,
                primitive: primitive()?,
            }),
            COMPARE_AND_SWAP => apply(Action::CompareAndSwap),
            ANSWER => Message::Answer { reply, position },
            DONE => Message::Done { reply },
            REFUSED => Message::Refused {
                window,
                reply,
                class: arg as i32,
            },
            LOCK => Message::Lock {
                window,
                reply,
                ask: Ask {
                    exclusive,
                    holds: arg & 2 == 2,
                },
            },
            UNLOCK => Message::Unlock {
                window,
                reply,
                exclusive,
            },
            FLUSH => Message::Flush { window, reply },
            POST => Message::Signal {
                window,
                signal: Signal::Post,
            },
            COMPLETE => Message::Signal {
                window,
                signal: Signal::Complete,
            },
            _ => return None,
        };
        // Nothing may be in the fields that the message does not have.
        (message.encode() == *bytes).then_some(message)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn message() -> impl Strategy<Value = Message> {
        let op = prop::sample::select(vec![Builtin::Sum, Builtin::NoOp, Builtin::MinLoc]);
        let of = (
            op,
            prop::sample::select(Primitive::all().collect::<Vec<_>>()),
        );
        let action = prop_oneof![
            Just(Action::Put),
            Just(Action::Get),
            Just(Action::CompareAndSwap),
            of.clone()
                .prop_map(|(op, primitive)| Action::Accumulate { op, primitive }),
            of.prop_map(|(op, primitive)| Action::Fetch { op, primitive }),
        ];
        let two = (any::<u64>(), any::<u64>());
        let ask = any::<(bool, bool)>().prop_map(|(exclusive, holds)| Ask { exclusive, holds });
        let signal = prop_oneof![Just(Signal::Post), Just(Signal::Complete)];
        prop_oneof![
            (two, action, any::<u32>(), any::<u64>()).prop_map(
                |((window, reply), action, runs, position)| Message::Apply {
                    window,
                    action,
                    runs,
                    reply,
                    position
                }
            ),
            two.prop_map(|(reply, position)| Message::Answer { reply, position }),
            any::<u64>().prop_map(|reply| Message::Done { reply }),
            (two, any::<i32>()).prop_map(|((window, reply), class)| Message::Refused {
                window,
                reply,
                class
            }),
            (two, ask).prop_map(|((window, reply), ask)| Message::Lock { window, reply, ask }),
            (any::<u64>(), any::<u64>(), any::<bool>()).prop_map(|(window, reply, exclusive)| {
                Message::Unlock {
                    window,
                    reply,
                    exclusive,
                }
            }),
            two.prop_map(|(window, reply)| Message::Flush { window, reply }),
            (any::<u64>(), signal).prop_map(|(window, signal)| Message::Signal { window, signal }),
        ]
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(message in message()) {
            prop_assert_eq!(Message::decode(&message.encode()), Some(message));
        }

        #[test]
        fn garbage_never_panics(bytes: [u8; LEN]) {
            let _ = Message::decode(&bytes);
        }
    }
}
