//! What workers say to each other about messages.
//!
//! ```text
//!   eager:       Eager(envelope, data) -------->
//!   rendezvous:  Ready(envelope, len, send) --->     the receive is found, now or later
//!                <------------ Go(send, receive)
//!                Data(receive), a stream ------>
//!   credit:      <--------------- Credit(bytes)      eager bytes that were consumed
//!   file:        Pointer(file, by) ------------>     adds to a shared file pointer
//!                <---------- PointerWas(value)
//!   cancel:      Recall(packet, name) --------->     of an Eager or Ready packet
//!                <--------- Recalled(name, done)
//!   desk:        Ask(topic, port), text ------->     see [`crate::desk`]
//!                <----- Answer(rank, number), text
//! ```
//! The header is fixed for each kind, little-endian, and decoded with its length
//! checked: a torn or foreign packet is an error, never a panic.
//!
//! ```text
//!  0      1      4        8       16
//!  | kind | 0 0 0| source | number | fields of the kind ...
//! ```
//! `source` is the sender's rank in the world; `number` counts the matchable
//! packets (Eager, Ready) of that pair of ranks from 1, and is 0 in others: a gap or
//! a repetition shows, and a moved rank can be told what it has seen already.

use crate::desk::Topic;
use crate::matching::Envelope;
use crate::rma::message::{self, Message};
use faabric_wire::id::Rank;

/// One packet's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    /// Who sent it.
    pub(crate) source: Rank,
    /// Its place among the pair's matchable packets, or 0.
    pub(crate) number: u64,
    /// What it says.
    pub(crate) body: Body,
}

/// What a packet says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// A message with all its data as the payload.
    Eager { envelope: Envelope },
    /// A message of `len` bytes waits at its sender under the name `send`.
    Ready {
        envelope: Envelope,
        len: u64,
        send: u64,
    },
    /// Send the data of `send`; it is to go to `receive`.
    Go { send: u64, receive: u64 },
    /// The data for `receive`, as a stream.
    Data { receive: u64 },
    /// `bytes` of eager data from you were taken out of the mailbox.
    Credit { bytes: u64 },
    /// About a window: see [`crate::rma`].
    Window(Message),
    /// Add `by` to the shared pointer of `file`, and say what it was.
    Pointer { file: u64, by: i64, question: u64 },
    /// What the shared pointer of that question was.
    PointerWas { question: u64, value: i64 },
    /// Drop the message of your packet number `packet` from me, unless it was received.
    Recall { packet: u64, name: u64 },
    /// What became of your recall `name`: whether the message was dropped.
    Recalled { name: u64, done: bool },
    /// A question about ports or names. The payload is text.
    Ask {
        question: u64,
        topic: Topic,
        port: u64,
    },
    /// What your question is answered. The payload is text.
    Answer {
        question: u64,
        class: i32,
        rank: u32,
        number: u64,
    },
}

const EAGER: u8 = 1;
const READY: u8 = 2;
const GO: u8 = 3;
const DATA: u8 = 4;
const CREDIT: u8 = 5;
const WINDOW: u8 = 6;
const POINTER: u8 = 7;
const POINTER_WAS: u8 = 8;
const RECALL: u8 = 9;
const RECALLED: u8 = 10;
const ASK: u8 = 11;
const ANSWER: u8 = 12;

/// The longest encoded header, in bytes.
const LONGEST: usize = 16 + message::LEN;

/// An encoded header.
pub(crate) struct Encoded {
    bytes: [u8; LONGEST],
    len: usize,
}

impl Encoded {
    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn put(&mut self, bytes: &[u8]) {
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    fn put_envelope(&mut self, e: &Envelope) {
        self.put(&e.space.to_le_bytes());
        self.put(&e.source.to_le_bytes());
        self.put(&e.tag.to_le_bytes());
    }
}

/// Bytes that are not a packet's header.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    /// No kind has this number.
    #[error("no packet has kind {0}")]
    Kind(u8),
    /// The kind's header has another length.
    #[error("a packet header of kind {kind} cannot have {len} bytes")]
    Length { kind: u8, len: usize },
    /// A question about something that is not known.
    #[error("a question about no known topic")]
    Topic,
    /// No bytes at all.
    #[error("a packet without a header")]
    Empty,
}

impl Packet {
    /// The header as it travels.
    pub(crate) fn encode(&self) -> Encoded {
        let mut out = Encoded {
            bytes: [0; LONGEST],
            len: 0,
        };
        let kind = match self.body {
            Body::Eager { .. } => EAGER,
            Body::Ready { .. } => READY,
            Body::Go { .. } => GO,
            Body::Data { .. } => DATA,
            Body::Credit { .. } => CREDIT,
            Body::Window(_) => WINDOW,
            Body::Pointer { .. } => POINTER,
            Body::PointerWas { .. } => POINTER_WAS,
            Body::Recall { .. } => RECALL,
            Body::Recalled { .. } => RECALLED,
            Body::Ask { .. } => ASK,
            Body::Answer { .. } => ANSWER,
        };
        out.put(&[kind, 0, 0, 0]);
        out.put(&self.source.0.to_le_bytes());
        out.put(&self.number.to_le_bytes());
        match self.body {
            Body::Eager { envelope } => out.put_envelope(&envelope),
            Body::Ready {
                envelope,
                len,
                send,
            } => {
                out.put_envelope(&envelope);
                out.put(&len.to_le_bytes());
                out.put(&send.to_le_bytes());
            }
            Body::Go { send, receive } => {
                out.put(&send.to_le_bytes());
                out.put(&receive.to_le_bytes());
            }
            Body::Data { receive } => out.put(&receive.to_le_bytes()),
            Body::Credit { bytes } => out.put(&bytes.to_le_bytes()),
            Body::Window(message) => out.put(&message.encode()),
            Body::Pointer { file, by, question } => {
                out.put(&file.to_le_bytes());
                out.put(&by.to_le_bytes());
                out.put(&question.to_le_bytes());
            }
            Body::PointerWas { question, value } => {
                out.put(&question.to_le_bytes());
                out.put(&value.to_le_bytes());
            }
            Body::Recall { packet, name } => {
                out.put(&packet.to_le_bytes());
                out.put(&name.to_le_bytes());
            }
            Body::Recalled { name, done } => {
                out.put(&name.to_le_bytes());
                out.put(&u32::from(done).to_le_bytes());
            }
            Body::Ask {
                question,
                topic,
                port,
            } => {
                out.put(&question.to_le_bytes());
                out.put(&(topic as u32).to_le_bytes());
                out.put(&port.to_le_bytes());
            }
            Body::Answer {
                question,
                class,
                rank,
                number,
            } => {
                out.put(&question.to_le_bytes());
                out.put(&class.to_le_bytes());
                out.put(&rank.to_le_bytes());
                out.put(&number.to_le_bytes());
            }
        }
        out
    }

    /// The packet that these bytes are.
    ///
    /// # Errors
    /// [`Malformed`] when they are not exactly one header.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Packet, Malformed> {
        let kind = *bytes.first().ok_or(Malformed::Empty)?;
        let mut rest = Reader { bytes, at: 4 };
        let torn = || Malformed::Length {
            kind,
            len: bytes.len(),
        };
        let parsed = (|| {
            let source = Rank(rest.u32()?);
            let number = rest.u64()?;
            let body = match kind {
                EAGER => Body::Eager {
                    envelope: rest.envelope()?,
                },
                READY => Body::Ready {
                    envelope: rest.envelope()?,
                    len: rest.u64()?,
                    send: rest.u64()?,
                },
                GO => Body::Go {
                    send: rest.u64()?,
                    receive: rest.u64()?,
                },
                DATA => Body::Data {
                    receive: rest.u64()?,
                },
                CREDIT => Body::Credit { bytes: rest.u64()? },
                WINDOW => Body::Window(Message::decode(&rest.take()?)?),
                POINTER => Body::Pointer {
                    file: rest.u64()?,
                    by: rest.u64()?.cast_signed(),
                    question: rest.u64()?,
                },
                POINTER_WAS => Body::PointerWas {
                    question: rest.u64()?,
                    value: rest.u64()?.cast_signed(),
                },
                RECALL => Body::Recall {
                    packet: rest.u64()?,
                    name: rest.u64()?,
                },
                RECALLED => Body::Recalled {
                    name: rest.u64()?,
                    done: rest.u32()? != 0,
                },
                ASK => Body::Ask {
                    question: rest.u64()?,
                    topic: match Topic::from_number(rest.u32()?) {
                        Some(topic) => topic,
                        None => return Some(Err(Malformed::Topic)),
                    },
                    port: rest.u64()?,
                },
                ANSWER => Body::Answer {
                    question: rest.u64()?,
                    class: rest.u32()?.cast_signed(),
                    rank: rest.u32()?,
                    number: rest.u64()?,
                },
                _ => return Some(Err(Malformed::Kind(kind))),
            };
            Some(Ok(Packet {
                source,
                number,
                body,
            }))
        })();
        let packet = parsed.ok_or_else(torn)??;
        if rest.at == bytes.len() {
            Ok(packet)
        } else {
            Err(torn())
        }
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let bytes = self.bytes.get(self.at..self.at + N)?.try_into().ok()?;
        self.at += N;
        Some(bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn envelope(&mut self) -> Option<Envelope> {
        Some(Envelope {
            space: self.u64()?,
            source: self.u32()? as i32,
            tag: self.u32()? as i32,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn body() -> impl Strategy<Value = Body> {
        let envelope = (any::<u64>(), any::<i32>(), any::<i32>())
            .prop_map(|(space, source, tag)| Envelope { space, source, tag });
        prop_oneof![
            envelope
                .clone()
                .prop_map(|envelope| Body::Eager { envelope }),
            (envelope, any::<u64>(), any::<u64>()).prop_map(|(envelope, len, send)| Body::Ready {
                envelope,
                len,
                send
            }),
            (any::<u64>(), any::<u64>()).prop_map(|(send, receive)| Body::Go { send, receive }),
            any::<u64>().prop_map(|receive| Body::Data { receive }),
            any::<u64>().prop_map(|bytes| Body::Credit { bytes }),
            message::tests::message().prop_map(Body::Window),
            any::<(u64, i64, u64)>().prop_map(|(file, by, question)| Body::Pointer {
                file,
                by,
                question
            }),
            any::<(u64, i64)>().prop_map(|(question, value)| Body::PointerWas { question, value }),
            (any::<u64>(), any::<u64>()).prop_map(|(packet, name)| Body::Recall { packet, name }),
            (any::<u64>(), any::<bool>()).prop_map(|(name, done)| Body::Recalled { name, done }),
            any::<(u64, u64)>().prop_map(|(question, port)| Body::Ask {
                question,
                topic: Topic::Unpublish,
                port
            }),
            any::<(u64, i32, u32, u64)>().prop_map(|(question, class, rank, number)| {
                Body::Answer {
                    question,
                    class,
                    rank,
                    number,
                }
            }),
        ]
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(source: u32, number: u64, body in body()) {
            let packet = Packet { source: Rank(source), number, body };
            prop_assert_eq!(Packet::decode(packet.encode().as_slice()), Ok(packet));
        }

        #[test]
        fn a_torn_or_longer_packet_is_refused(body in body(), cut in 0usize..LONGEST, more in 1usize..9) {
            let whole = Packet { source: Rank(3), number: 9, body }.encode();
            let bytes = whole.as_slice();
            prop_assert!(Packet::decode(&bytes[..cut.min(bytes.len() - 1)]).is_err());
            prop_assert!(Packet::decode(&[bytes, &vec![0; more]].concat()).is_err());
        }

        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Packet::decode(&bytes);
        }
    }
}
