//! The sending side of a link: turns packets into frames and frames into bytes.
//!
//! ```text
//! queue --pull--> waiting --Whole--------------> unacknowledged --flush--> socket
//!                        `--Stream--> streams --piece--^  (one piece of one stream
//!                                        ^-----------'     a turn, round robin)
//! ```
//! Whoever owns the [`Writer`] owns the right to write: [`crate::link::Link`] lends
//! it to one thread at a time. It outlives the connections of its link: a new socket
//! goes on where the other side says that the last one ended.

use crate::fabric::{MAX_HEADER, Source};
use crate::frame::{self, Frame, Kind, LENGTH, MAX_PIECE};
use crate::id::{JobId, Rank};
use crate::receipts::Receipts;
use crate::shared_source::SharedSource;
use crate::socket::{Socket, is_passing};
use crate::unacknowledged::{Body, Next, Unacknowledged};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Payload bytes of one piece of a stream that the kernel takes from where it lies. Half
/// the time of a long message goes into what comes with each piece; a short one that comes
/// behind it waits about 0.2 ms at 5 GB/s, and longer for what is in the kernel already.
const PIECE: usize = MAX_PIECE;

/// The same of one that is copied: it is kept until it is acknowledged.
const COPIED_PIECE: usize = 256 << 10;

/// However little may be kept.
const LEAST_PIECE: usize = 16 << 10;

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

/// The payload of a packet that is sent whole.
pub(crate) enum Whole<'a> {
    Bytes(&'a [u8]),
    /// As many bytes as the caller writes.
    Fill(usize, &'a mut dyn FnMut(&mut [u8])),
}

impl Whole<'_> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Fill(length, _) => *length,
        }
    }

    /// Writes it to `out`, which has its length.
    pub(crate) fn write(self, out: &mut [u8]) {
        match self {
            Self::Bytes(bytes) => out.copy_from_slice(bytes),
            Self::Fill(_, fill) => fill(out),
        }
    }
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

/// The sending side of a link.
pub(crate) struct Writer {
    /// The present connection; None while there is none.
    connection: Option<Connection>,
    receipts: Arc<Receipts>,
    /// Bytes of unacknowledged frames above which nothing new is encoded.
    window: usize,
    /// Of the next frame.
    sequence: u64,
    /// Number of the next stream; 0 is never one.
    next_packet: u32,
    /// Encoded frames.
    kept: Unacknowledged,
    /// Taken from the queue, not encoded.
    waiting: Vec<Outgoing>,
    streams: VecDeque<Stream>,
}

/// One of the connections of a link, which are numbered from 1.
#[derive(Clone)]
pub(crate) struct Connection {
    pub(crate) socket: Arc<Socket>,
    pub(crate) number: u64,
}

/// A packet whose payload is being written.
struct Stream {
    address: Address,
    packet: u32,
    /// How much of it is encoded.
    done: u64,
    length: u64,
    source: Arc<SharedSource>,
}

impl Writer {
    pub(crate) fn new(receipts: Arc<Receipts>, window: usize) -> Self {
        Self {
            connection: None,
            receipts,
            window,
            sequence: 0,
            next_packet: 1,
            kept: Unacknowledged::default(),
            waiting: Vec::new(),
            streams: VecDeque::new(),
        }
    }

    /// Goes on with `connection`, on which the other side has told that it has
    /// `received` frames.
    pub(crate) fn connect(
        &mut self,
        connection: Connection,
        received: u64,
    ) -> Result<(), frame::Error> {
        self.acknowledge(received)?;
        self.kept.rewind(|bytes| {
            let frame = Frame::decode(bytes.first_chunk()?).ok()?;
            let has_it = frame.sequence < received || !frame.kind.is_numbered();
            has_it.then(|| LENGTH + frame.body())
        });
        self.connection = Some(connection);
        Ok(())
    }

    /// The connection is broken: nothing more is written to it.
    pub(crate) fn disconnect(&mut self) {
        self.connection = None;
    }

    /// Number of bytes that it keeps.
    pub(crate) fn unacknowledged(&self) -> usize {
        self.kept.bytes()
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.connection.is_some()
    }

    /// The number of the present connection; 0 when there is none.
    pub(crate) fn connection(&self) -> u64 {
        self.connection.as_ref().map_or(0, |c| c.number)
    }

    /// The other side has `received` frames.
    pub(crate) fn acknowledge(&mut self, received: u64) -> Result<(), frame::Error> {
        if received > self.sequence {
            let (sent, got) = (self.sequence, received);
            return Err(frame::Error::Ack { sent, got });
        }
        self.kept.acknowledge(received);
        Ok(())
    }

    /// Whether a packet can be written at once: there is a connection, and the kernel
    /// has everything, and there is room to keep the packet.
    pub(crate) fn is_free(&self) -> bool {
        self.connection.is_some() && self.has_sent_all() && self.has_room()
    }

    /// Whether what goes out next does not cut a frame in two.
    pub(crate) fn has_sent_all(&self) -> bool {
        self.is_written() && self.waiting.is_empty() && self.streams.is_empty()
    }

    /// Whether [`Writer::write`] has something to do.
    pub(crate) fn can_write(&self) -> bool {
        let more = !(self.waiting.is_empty() && self.streams.is_empty());
        self.connection.is_some() && (!self.is_written() || more && self.has_room())
    }

    /// Whether the kernel has all that is encoded.
    fn is_written(&self) -> bool {
        let connection = self.connection.as_ref();
        self.kept.is_sent() && connection.is_none_or(|c| c.socket.is_flushed())
    }

    /// Whether new frames may be kept, before the other side acknowledges more.
    pub(crate) fn has_room(&self) -> bool {
        self.kept.bytes() < self.window
    }

    /// Takes about one batch from `queue`. Returns the bytes that the packets held.
    pub(crate) fn pull(&mut self, queue: &mut VecDeque<Outgoing>) -> usize {
        let mut held = 0;
        while self.has_room() && held < BATCH {
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
        self.encode_some();
        while self.connection.is_some() && !self.is_written() {
            self.push(true)?;
        }
        Ok(())
    }

    /// Has the kernel take some of what is kept; whether it took any.
    fn push(&mut self, wait: bool) -> io::Result<bool> {
        let Some(Connection { socket, .. }) = &self.connection else {
            return Ok(false);
        };
        let taken = match self.kept.to_send() {
            Next::Nothing => return socket.flush(wait),
            Next::Bytes(bytes, more) => socket.send(bytes, wait, more)?,
            Next::Body(body, from) => {
                let direct = socket.direct().ok_or(io::ErrorKind::Unsupported)?;
                match body.send(from, direct, wait) {
                    Err(error) if is_passing(&error) => 0,
                    sent => sent?,
                }
            }
        };
        self.kept.note_sent(taken);
        Ok(taken > 0)
    }

    /// The bodies that the other side has got: to be ended without locks.
    pub(crate) fn take_bodies(&mut self) -> Vec<Body> {
        self.kept.take_bodies()
    }

    /// Writes as much of what was pulled, and of the streams, as the kernel takes now; calls
    /// `alive` before each of the system calls that this takes. Whether it took any.
    pub(crate) fn write_now(&mut self, alive: impl Fn()) -> io::Result<bool> {
        let mut any = false;
        while self.can_write() {
            alive();
            if self.kept.is_sent() {
                self.encode_some();
            }
            if !self.push(false)? {
                break;
            }
            any = true;
        }
        Ok(any)
    }

    /// Encodes what was pulled and one piece of one stream.
    fn encode_some(&mut self) {
        if self.has_room() {
            for packet in std::mem::take(&mut self.waiting) {
                self.encode(packet);
            }
            self.encode_piece();
        }
    }

    /// Writes a whole packet without waiting; what the kernel does not take now stays for
    /// [`Writer::write`], also when this fails.
    pub(crate) fn try_whole(
        &mut self,
        address: &Address,
        header: &[u8],
        payload: Whole<'_>,
    ) -> io::Result<()> {
        debug_assert!(
            self.is_free(),
            "an idle link is written to directly, a busy one is not"
        );
        let frame = self.whole(address, header.len(), payload.len());
        let length = LENGTH + header.len() + payload.len();
        self.kept.append(length, self.sequence, |out| {
            let (start, rest) = out.split_at_mut(LENGTH);
            start.copy_from_slice(&frame);
            let (place, rest) = rest.split_at_mut(header.len());
            place.copy_from_slice(header);
            payload.write(rest);
        });
        self.push(false).map(drop)
    }

    /// Tells the other side how much has arrived, without waiting.
    pub(crate) fn try_ack(&mut self) -> io::Result<()> {
        self.encode_ack();
        self.push(false).map(drop)
    }

    /// As [`Writer::try_ack`], with the next [`Writer::write`].
    pub(crate) fn encode_ack(&mut self) {
        let frame = self.unnumbered(Kind::Ack, 0);
        self.kept
            .append(LENGTH, self.sequence, |out| out.copy_from_slice(&frame));
    }

    /// Tells the other side that the link is given up, without waiting and only as far
    /// as the kernel takes it.
    pub(crate) fn try_bye(&mut self, reason: &str) -> io::Result<()> {
        let fits = |&end: &usize| end <= MAX_HEADER && reason.is_char_boundary(end);
        let end = (0..=reason.len()).rev().find(fits).unwrap_or(0);
        let frame = self.unnumbered(Kind::Bye, end as u16);
        self.kept.append(LENGTH + end, self.sequence, |out| {
            out[..LENGTH].copy_from_slice(&frame);
            out[LENGTH..].copy_from_slice(&reason.as_bytes()[..end]);
        });
        self.push(false).map(drop)
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
                self.kept
                    .append(LENGTH + bytes.len(), self.sequence, |out| {
                        out[..LENGTH].copy_from_slice(&frame);
                        out[LENGTH..].copy_from_slice(&bytes);
                    });
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
                self.kept
                    .append(LENGTH + header.len(), self.sequence, |out| {
                        out[..LENGTH].copy_from_slice(&frame.encode());
                        out[LENGTH..].copy_from_slice(&header);
                    });
                self.streams.push_back(Stream {
                    address,
                    packet,
                    done: 0,
                    length,
                    source: SharedSource::new(source),
                });
            }
        }
    }

    /// Encodes the next piece of the stream whose turn it is, if there is one.
    fn encode_piece(&mut self) {
        let Some(mut stream) = self.streams.pop_front() else {
            return;
        };
        let ended = stream.address.ended.load(Ordering::Relaxed);
        let socket = self.connection.as_ref().and_then(|c| c.socket.direct());
        let direct = !ended && socket.is_some() && stream.source.lock().direct().is_some();
        let at = stream.done;
        let most = if direct { PIECE } else { COPIED_PIECE };
        // Several at a time: one is acknowledged while the next is on its way.
        let most = most.min(self.window / 4).max(LEAST_PIECE);
        let length = (stream.length - at).min(most as u64) as usize;
        stream.done += length as u64;
        let is_last = stream.done == stream.length;
        let kind = if is_last { Kind::Last } else { Kind::Piece };
        let frame = Frame {
            length: length as u32,
            ..self.frame(&stream.address, stream.packet, kind)
        };
        if direct {
            let body = Body {
                source: Arc::clone(&stream.source),
                at,
                length,
            };
            self.go_on(stream);
            self.kept
                .append_direct(&frame.encode(), self.sequence, body);
            return;
        }
        self.encode_copy(stream, &frame, ended);
    }

    /// Copies the piece that `frame` is to carry from its source.
    fn encode_copy(&mut self, stream: Stream, frame: &Frame, mut gone: bool) {
        let length = frame.length as usize;
        self.kept.append(LENGTH + length, self.sequence, |out| {
            let (start, body) = out.split_at_mut(LENGTH);
            gone = gone || stream.source.lock().read(body).is_err();
            let mut frame = *frame;
            if gone {
                (frame.kind, frame.length) = (Kind::Cut, 0);
            }
            start.copy_from_slice(&frame.encode());
        });
        if gone {
            self.kept.shorten(length);
            return;
        }
        self.go_on(stream);
    }

    /// A piece of `stream` is encoded: the next one is when it is its turn again.
    fn go_on(&mut self, stream: Stream) {
        if stream.done < stream.length {
            self.streams.push_back(stream);
        } else {
            stream.source.set_whole();
            stream.source.let_go();
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

    /// A frame that is of no packet, encoded.
    fn unnumbered(&self, kind: Kind, header: u16) -> [u8; LENGTH] {
        let frame = Frame {
            sequence: self.sequence,
            ack: self.receipts.tell(),
            job: JobId(0),
            total: 0,
            to: Rank(0),
            packet: 0,
            length: 0,
            header,
            kind,
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
            ack: self.receipts.tell(),
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
