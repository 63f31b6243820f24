//! Frames: how packets of many jobs share one connection.
//!
//! ```text
//! 0          8     16      24      32     36       40       44       46     48
//! | sequence | ack |  job  | total |  to  | packet | length | header | kind | header bytes | payload bytes
//! |   u64    | u64 |  u64  |  u64  | u32  |  u32   |  u32   |  u16   | u16  |   `header`   |   `length`
//! ```
//! All little-endian. A packet is one [`Kind::Whole`] frame, or an [`Kind::Open`]
//! that only announces it, [`Kind::Piece`]s between which frames of other packets
//! may come, and one [`Kind::Last`] (or [`Kind::Cut`] when its sender went away).
//! `sequence` counts these frames for one direction of a link from 0, over all its
//! connections: one that comes again after a reconnect is known and dropped, and one
//! that is missing is noticed. `ack` says how many of the other direction's frames
//! have been taken; an [`Kind::Ack`] says only that, where no other frame goes that
//! way. [`Kind::Bye`] ends the link for good; its packet header is the reason. Those
//! two have no number: they are never missed and never sent again on purpose.
//!
//! There is no checksum: TCP has one and so has every link layer under it; what is
//! left is a bug on either side, which the sequence and the caps below catch.

use crate::fabric::{MAX_HEADER, MAX_INLINE};
use crate::id::{JobId, Rank};

/// Bytes of a frame before its packet header.
pub(crate) const LENGTH: usize = 48;

/// The most bytes of a whole frame.
pub(crate) const MAX_FRAME: usize = LENGTH + MAX_HEADER + MAX_INLINE;

/// The most payload bytes of a piece.
pub(crate) const MAX_PIECE: usize = 1 << 20;

/// Which part of its packet a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// All of it.
    Whole,
    /// Its header and the length of what follows.
    Open,
    /// Payload, and more comes.
    Piece,
    /// The end of the payload.
    Last,
    /// Nothing: the rest of the payload will not come.
    Cut,
    /// Nothing of any packet, only how many frames have arrived.
    Ack,
    /// Nothing of any packet: the sender gives the link up.
    Bye,
}

/// The fixed part of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) sequence: u64,
    /// Frames of the other direction that have been taken.
    pub(crate) ack: u64,
    pub(crate) job: JobId,
    /// Payload bytes of the whole packet; 0 on all but its first frame.
    pub(crate) total: u64,
    pub(crate) to: Rank,
    /// Tells apart the packets that are open on a link; 0 for a whole one.
    pub(crate) packet: u32,
    /// Payload bytes in this frame.
    pub(crate) length: u32,
    /// Packet header bytes in this frame.
    pub(crate) header: u16,
    pub(crate) kind: Kind,
}

/// What a peer that follows the protocol never sends.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    #[error("unknown frame kind {0}")]
    Kind(u16),
    #[error("a packet header of {0} bytes is over the cap of {MAX_HEADER}")]
    Header(u16),
    #[error("a {kind:?} frame of {length} bytes is over the cap of {cap}")]
    Length { kind: Kind, length: u32, cap: usize },
    #[error("a {kind:?} frame cannot have total {total}, length {length}, header {header}")]
    Shape {
        kind: Kind,
        total: u64,
        length: u32,
        header: u16,
    },
    #[error("frame {got} came where {expected} was due")]
    Sequence { expected: u64, got: u64 },
    #[error("it acknowledges {got} frames of the {sent} that were sent")]
    Ack { sent: u64, got: u64 },
    #[error("packet {0} is not open")]
    NotOpen(u32),
    #[error("packet {0} is open already")]
    OpenTwice(u32),
    #[error("packet {0} has another length than it announced")]
    Total(u32),
}

impl Kind {
    fn from_wire(value: u16) -> Result<Self, Error> {
        Ok(match value {
            1 => Self::Whole,
            2 => Self::Open,
            3 => Self::Piece,
            4 => Self::Last,
            5 => Self::Cut,
            6 => Self::Ack,
            7 => Self::Bye,
            other => return Err(Error::Kind(other)),
        })
    }

    fn to_wire(self) -> u16 {
        match self {
            Self::Whole => 1,
            Self::Open => 2,
            Self::Piece => 3,
            Self::Last => 4,
            Self::Cut => 5,
            Self::Ack => 6,
            Self::Bye => 7,
        }
    }

    /// Whether such frames are numbered, kept until acknowledged, and sent again.
    pub(crate) fn is_numbered(self) -> bool {
        !matches!(self, Self::Ack | Self::Bye)
    }
}

impl Frame {
    /// The frame as it goes over the wire.
    pub(crate) fn encode(&self) -> [u8; LENGTH] {
        let mut out = [0; LENGTH];
        out[0..8].copy_from_slice(&self.sequence.to_le_bytes());
        out[8..16].copy_from_slice(&self.ack.to_le_bytes());
        out[16..24].copy_from_slice(&self.job.0.to_le_bytes());
        out[24..32].copy_from_slice(&self.total.to_le_bytes());
        out[32..36].copy_from_slice(&self.to.0.to_le_bytes());
        out[36..40].copy_from_slice(&self.packet.to_le_bytes());
        out[40..44].copy_from_slice(&self.length.to_le_bytes());
        out[44..46].copy_from_slice(&self.header.to_le_bytes());
        out[46..48].copy_from_slice(&self.kind.to_wire().to_le_bytes());
        out
    }

    /// Reads the fixed part and checks all that can be checked without knowing
    /// which packets are open.
    pub(crate) fn decode(bytes: &[u8; LENGTH]) -> Result<Self, Error> {
        let frame = Self {
            sequence: u64::from_le_bytes(part(bytes, 0)),
            ack: u64::from_le_bytes(part(bytes, 8)),
            job: JobId(u64::from_le_bytes(part(bytes, 16))),
            total: u64::from_le_bytes(part(bytes, 24)),
            to: Rank(u32::from_le_bytes(part(bytes, 32))),
            packet: u32::from_le_bytes(part(bytes, 36)),
            length: u32::from_le_bytes(part(bytes, 40)),
            header: u16::from_le_bytes(part(bytes, 44)),
            kind: Kind::from_wire(u16::from_le_bytes(part(bytes, 46)))?,
        };
        if usize::from(frame.header) > MAX_HEADER {
            return Err(Error::Header(frame.header));
        }
        let Self {
            total,
            length,
            header,
            kind,
            ..
        } = frame;
        let cap = match kind {
            Kind::Piece | Kind::Last => MAX_PIECE,
            _ => MAX_INLINE,
        };
        if length as usize > cap {
            return Err(Error::Length { kind, length, cap });
        }
        let well_formed = match kind {
            Kind::Whole => total == u64::from(length),
            Kind::Open => length == 0 && total > 0,
            Kind::Piece | Kind::Last => header == 0 && total == 0 && length > 0,
            Kind::Cut | Kind::Ack => header == 0 && total == 0 && length == 0,
            Kind::Bye => total == 0 && length == 0,
        };
        if !well_formed {
            return Err(Error::Shape {
                kind,
                total,
                length,
                header,
            });
        }
        Ok(frame)
    }

    /// Bytes that follow the fixed part.
    pub(crate) fn body(&self) -> usize {
        usize::from(self.header) + self.length as usize
    }
}

fn part<const N: usize>(bytes: &[u8; LENGTH], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use proptest::prelude::*;

    fn frames() -> impl Strategy<Value = Frame> {
        let sizes = (0..=MAX_INLINE as u32, 0..=MAX_HEADER as u16, 1..u64::MAX);
        (
            0..7u16,
            any::<[u64; 2]>(),
            any::<u64>(),
            any::<u32>(),
            any::<u32>(),
            sizes,
        )
            .prop_map(
                |(kind, [sequence, ack], job, to, packet, (length, header, total))| {
                    let kind = Kind::from_wire(kind + 1).unwrap();
                    let (total, length, header) = match kind {
                        Kind::Whole => (u64::from(length), length, header),
                        Kind::Open => (total, 0, header),
                        Kind::Piece | Kind::Last => (0, length.max(1), 0),
                        Kind::Cut | Kind::Ack => (0, 0, 0),
                        Kind::Bye => (0, 0, header),
                    };
                    let (job, to) = (JobId(job), Rank(to));
                    Frame {
                        sequence,
                        ack,
                        job,
                        total,
                        to,
                        packet,
                        length,
                        header,
                        kind,
                    }
                },
            )
    }

    proptest! {
        #[test]
        fn decode_undoes_encode(frame in frames()) {
            prop_assert_eq!(Frame::decode(&frame.encode()), Ok(frame));
        }

        #[test]
        fn whatever_decodes_is_within_the_caps_and_encodes_to_the_same(bytes: [u8; LENGTH]) {
            if let Ok(frame) = Frame::decode(&bytes) {
                let pieces = matches!(frame.kind, Kind::Piece | Kind::Last);
                let most = if pieces { LENGTH + MAX_PIECE } else { MAX_FRAME };
                prop_assert!(LENGTH + frame.body() <= most);
                prop_assert_eq!(frame.encode(), bytes);
            }
        }

        #[test]
        fn a_flipped_bit_is_refused_or_decodes_to_another_frame(
            frame in frames(), bit in 0..LENGTH * 8,
        ) {
            let mut bytes = frame.encode();
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_ne!(Frame::decode(&bytes), Ok(frame));
        }
    }

    #[test]
    fn a_frame_of_the_wrong_shape_names_what_is_wrong() {
        let frame = Frame {
            sequence: 0,
            ack: 0,
            job: JobId(1),
            total: 9,
            to: Rank(0),
            packet: 0,
            length: 8,
            header: 0,
            kind: Kind::Whole,
        };
        let error = Frame::decode(&frame.encode()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a Whole frame cannot have total 9, length 8, header 0"
        );
    }
}
