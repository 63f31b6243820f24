//! The sending side of one socket: turns packets into frames and frames into bytes.
//!
//! ```text
//! queue --pull--> waiting --Whole--------------> unsent --flush--> socket
//!                        `--Stream--> streams --piece--^  (one piece of one stream
//!                                        ^-----------'     a turn, round robin)
//! ```
//! Whoever owns the [`Writer`] owns the right to write: [`crate::link::Link`] lends
//! it to one thread at a time.

use crate::fabric::Source;
use crate::frame::{Frame, Kind, LENGTH};
use crate::id::{JobId, Rank};
use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg};
use std::collections::VecDeque;
use std::io::{self, IoSlice, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Payload bytes of one piece of a stream: what an 8-byte message waits for at most
/// on a link that is busy with a large one (about 0.1 ms at 1 GB/s).
const PIECE: usize = 128 * 1024;

/// Queued packets are written in batches of about this many bytes.
const BATCH: usize = 64 * 1024;

/// Where a packet goes, and whether anybody still wants it there.
#[derive(Clone)]
pub(crate) struct Address {
    pub(crate) job: JobId,
    pub(crate) to: Rank,
    /// The job has ended here: what is queued for it is thrown away.
    pub(crate) ended: Arc<AtomicBool>,
}

/// A packet that waits for the link.
pub(crate) enum Outgoing {
    /// `bytes` is the packet's header, then its payload.
    Whole {
        address: Address,
        header: u16,
        bytes: Vec<u8>,
    },
    /// The payload is read when it is its turn.
    Stream {
        address: Address,
        header: Vec<u8>,
        length: u64,
        source: Box<dyn Source>,
    },
}

impl Outgoing {
    /// Bytes of memory it holds while it waits.
    pub(crate) fn held(&self) -> usize {
        LENGTH
            + match self {
                Self::Whole { bytes, .. } => bytes.len(),
                Self::Stream { header, .. } => header.len(),
            }
    }

    pub(crate) fn ended(&self) -> bool {
        let (Self::Whole { address, .. } | Self::Stream { address, .. }) = self;
        address.ended.load(Ordering::Relaxed)
    }
}

/// The sending side of a connected socket.
pub(crate) struct Writer {
    socket: Arc<TcpStream>,
    /// Of the next frame.
    sequence: u64,
    /// Number of the next stream; 0 is never one.
    next_packet: u32,
    /// Encoded frames that the kernel has not taken.
    unsent: Vec<u8>,
    /// Taken from the queue, not encoded.
    waiting: Vec<Outgoing>,
    streams: VecDeque<Stream>,
}

/// A packet whose payload is being written.
struct Stream {
    address: Address,
    packet: u32,
    left: u64,
    source: Box<dyn Source>,
}

impl Writer {
    pub(crate) fn new(socket: Arc<TcpStream>) -> Self {
        Self {
            socket,
            sequence: 0,
            next_packet: 1,
            unsent: Vec::new(),
            waiting: Vec::new(),
            streams: VecDeque::new(),
        }
    }

    /// Whether everything it was given is in the kernel's hands.
    pub(crate) fn is_idle(&self) -> bool {
        self.unsent.is_empty() && self.waiting.is_empty() && self.streams.is_empty()
    }

    /// Takes about one batch from `queue`. Returns the bytes that the packets held.
    pub(crate) fn pull(&mut self, queue: &mut VecDeque<Outgoing>) -> usize {
        let mut held = 0;
        while held < BATCH {
            let Some(packet) = queue.pop_front() else {
                break;
            };
            held += packet.held();
            self.waiting.push(packet);
        }
        held
    }

    /// Writes what was pulled and one piece of one stream, waiting for the peer as
    /// long as it takes.
    pub(crate) fn write(&mut self) -> io::Result<()> {
        for packet in std::mem::take(&mut self.waiting) {
            self.encode(packet);
        }
        self.encode_piece();
        (&*self.socket).write_all(&self.unsent)?;
        self.unsent.clear();
        Ok(())
    }

    /// Writes a whole packet without waiting and without copying it; what the
    /// kernel does not take now stays for [`Writer::write`].
    pub(crate) fn try_whole(
        &mut self,
        address: &Address,
        header: &[u8],
        payload: &[u8],
    ) -> io::Result<()> {
        debug_assert!(
            self.is_idle(),
            "an idle link is written to directly, a busy one is not"
        );
        let frame = self.whole(address, header.len(), payload.len());
        let parts = [
            IoSlice::new(&frame),
            IoSlice::new(header),
            IoSlice::new(payload),
        ];
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        let mut control = SendAncillaryBuffer::default();
        let mut taken = match sendmsg(&*self.socket, &parts, &mut control, flags) {
            Ok(taken) => taken,
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => 0,
            Err(error) => return Err(error.into()),
        };
        for part in parts {
            let here = taken.min(part.len());
            self.unsent.extend_from_slice(&part[here..]);
            taken -= here;
        }
        Ok(())
    }

    /// Encodes a packet that waited. Packets of ended jobs go no further.
    fn encode(&mut self, packet: Outgoing) {
        if packet.ended() {
            return;
        }
        match packet {
            Outgoing::Whole {
                address,
                header,
                bytes,
            } => {
                let header = usize::from(header);
                let frame = self.whole(&address, header, bytes.len() - header);
                self.unsent.extend_from_slice(&frame);
                self.unsent.extend_from_slice(&bytes);
            }
            Outgoing::Stream {
                address,
                header,
                length,
                source,
            } => {
                let packet = self.next_packet;
                self.next_packet = self.next_packet.checked_add(1).unwrap_or(1);
                let frame = Frame {
                    total: length,
                    header: header.len() as u16,
                    ..self.frame(&address, packet, Kind::Open)
                };
                self.unsent.extend_from_slice(&frame.encode());
                self.unsent.extend_from_slice(&header);
                self.streams.push_back(Stream {
                    address,
                    packet,
                    left: length,
                    source,
                });
            }
        }
    }

    /// Reads the next piece of the stream whose turn it is, if there is one.
    fn encode_piece(&mut self) {
        let Some(mut stream) = self.streams.pop_front() else {
            return;
        };
        let length = stream.left.min(PIECE as u64) as usize;
        let start = self.unsent.len();
        let body = start + LENGTH;
        self.unsent.resize(body + length, 0);
        let gone = stream.address.ended.load(Ordering::Relaxed)
            || stream.source.read(&mut self.unsent[body..]).is_err();
        stream.left -= length as u64;
        let kind = match (gone, stream.left) {
            (true, _) => Kind::Cut,
            (false, 0) => Kind::Last,
            (false, _) => Kind::Piece,
        };
        let length = if gone { 0 } else { length };
        let frame = self.frame(&stream.address, stream.packet, kind);
        let frame = Frame {
            length: length as u32,
            ..frame
        };
        self.unsent.truncate(body + length);
        self.unsent[start..body].copy_from_slice(&frame.encode());
        match kind {
            Kind::Piece => self.streams.push_back(stream),
            Kind::Last => stream.source.sent(),
            _ => {}
        }
    }

    /// The frame of a packet that is sent whole, encoded.
    fn whole(&mut self, address: &Address, header: usize, payload: usize) -> [u8; LENGTH] {
        let frame = Frame {
            total: payload as u64,
            length: payload as u32,
            header: header as u16,
            ..self.frame(address, 0, Kind::Whole)
        };
        frame.encode()
    }

    /// The next frame in sequence, without lengths.
    fn frame(&mut self, address: &Address, packet: u32, kind: Kind) -> Frame {
        let sequence = self.sequence;
        self.sequence += 1;
        let Address { job, to, .. } = *address;
        Frame {
            sequence,
            job,
            total: 0,
            to,
            packet,
            length: 0,
            header: 0,
            kind,
        }
    }
}
