//! The receiving side of one socket: bytes to frames to sinks.
//!
//! One buffer; a frame is handed on, as slices of it, once it is there whole: one
//! copy from the kernel, one into the receiver's memory.

use crate::fabric::{Drain, MAX_HEADER};
use crate::frame::{self, Frame, Kind, LENGTH, MAX_FRAME};
use crate::jobs::Jobs;
use std::collections::HashMap;
use std::io::{self, Read};

/// Room for a frame that has begun and about as much again, so that a busy link
/// needs few reads.
const BUFFER: usize = 2 * MAX_FRAME;

/// Why a link can no longer be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("it was closed by the other side")]
    Closed,
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("the other side breaks the protocol: {0}")]
    Frame(#[from] frame::Error),
}

/// Reads one connection.
pub(crate) struct Reader<'a> {
    jobs: &'a Jobs,
    /// Of the next frame.
    sequence: u64,
    open: HashMap<u32, Incoming>,
}

/// A packet whose payload is arriving.
struct Incoming {
    /// None when its job has ended: the bytes are skipped.
    drain: Option<Box<dyn Drain>>,
    left: u64,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(jobs: &'a Jobs) -> Self {
        Self {
            jobs,
            sequence: 0,
            open: HashMap::new(),
        }
    }

    /// Delivers frames until the connection breaks; says why it did.
    pub(crate) fn run(&mut self, mut socket: impl Read) -> Error {
        let mut buffer = vec![0; BUFFER].into_boxed_slice();
        let mut filled = 0;
        loop {
            match socket.read(&mut buffer[filled..]) {
                Ok(0) => return Error::Closed,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return error.into(),
            }
            match self.take_frames(&buffer[..filled]) {
                Ok(used) => {
                    buffer.copy_within(used..filled, 0);
                    filled -= used;
                }
                Err(error) => return error.into(),
            }
        }
    }

    /// Handles the whole frames at the start of `bytes`; returns how long they are.
    fn take_frames(&mut self, bytes: &[u8]) -> Result<usize, frame::Error> {
        let mut used = 0;
        while let Some(fixed) = bytes[used..].first_chunk::<LENGTH>() {
            let frame = Frame::decode(fixed)?;
            let body = used + LENGTH;
            let Some(body) = bytes.get(body..body + frame.body()) else {
                break;
            };
            self.take(&frame, body)?;
            used += LENGTH + body.len();
        }
        Ok(used)
    }

    fn take(&mut self, frame: &Frame, body: &[u8]) -> Result<(), frame::Error> {
        if frame.sequence != self.sequence {
            let (expected, got) = (self.sequence, frame.sequence);
            return Err(frame::Error::Sequence { expected, got });
        }
        self.sequence += 1;
        let Frame {
            job, to, packet, ..
        } = *frame;
        match frame.kind {
            Kind::Whole => {
                let (header, payload) = body.split_at(usize::from(frame.header));
                self.jobs.deliver(job, to, header, payload);
                Ok(())
            }
            Kind::Open => {
                if self.open.contains_key(&packet) {
                    return Err(frame::Error::OpenTwice(packet));
                }
                let drain = self.jobs.open(job, to, body, frame.total);
                self.open.insert(
                    packet,
                    Incoming {
                        drain,
                        left: frame.total,
                    },
                );
                Ok(())
            }
            Kind::Piece | Kind::Last | Kind::Cut => self.take_piece(frame, body),
        }
    }

    fn take_piece(&mut self, frame: &Frame, body: &[u8]) -> Result<(), frame::Error> {
        let packet = frame.packet;
        let incoming = self
            .open
            .get_mut(&packet)
            .ok_or(frame::Error::NotOpen(packet))?;
        let left = incoming.left.checked_sub(body.len() as u64);
        incoming.left = left.ok_or(frame::Error::Total(packet))?;
        if (frame.kind == Kind::Last) != (incoming.left == 0 && frame.kind != Kind::Cut) {
            return Err(frame::Error::Total(packet));
        }
        if let Some(drain) = &mut incoming.drain {
            drain.write(body);
        }
        if frame.kind != Kind::Piece {
            let finished = self
                .open
                .remove(&packet)
                .and_then(|incoming| incoming.drain);
            if let (Kind::Last, Some(drain)) = (frame.kind, finished) {
                drain.end();
            }
        }
        Ok(())
    }
}

// A header must fit a frame whose buffer it shares.
const _: () = assert!(BUFFER >= MAX_FRAME && MAX_HEADER < MAX_FRAME);
