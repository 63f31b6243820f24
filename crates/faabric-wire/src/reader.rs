//! The receiving side of a link: bytes to frames to sinks.
//!
//! What has been taken ([`Inbound`]) outlives a connection; the bytes of a frame that
//! a broken connection tore do not: it comes again, whole, on the next one.
//!
//! One buffer; a frame is handed on, as slices of it, once it is there whole: one
//! copy from the kernel, one into the receiver's memory.

use crate::fabric::{Drain, MAX_HEADER};
use crate::frame::{self, Frame, Kind, LENGTH, MAX_FRAME};
use crate::jobs::Jobs;
use crate::receipts::Receipts;
use std::collections::HashMap;
use std::io::{self, Read};

/// Room for a frame that has begun and about as much again, so that a busy link
/// needs few reads.
const BUFFER: usize = 2 * MAX_FRAME;

/// Why a connection can no longer be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("it was closed by the other side")]
    Closed,
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("the other side breaks the protocol: {0}")]
    Frame(#[from] frame::Error),
    #[error("{0}")]
    Bye(String),
}

impl Error {
    /// Whether another connection may go on where this one ended.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(self, Self::Closed | Self::Io(_))
    }
}

/// What has arrived on a link, over all its connections.
#[derive(Default)]
pub(crate) struct Inbound {
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

/// Reads one connection.
pub(crate) struct Reader<'a> {
    jobs: &'a Jobs,
    receipts: &'a Receipts,
    inbound: &'a mut Inbound,
    /// The most that the other side said to have taken.
    acknowledged: u64,
}

impl Inbound {
    /// How many frames have been taken: where another connection goes on.
    pub(crate) fn frames(&self) -> u64 {
        self.sequence
    }

    /// Drops the packets that are not whole: the rest will not come.
    pub(crate) fn clear(&mut self) {
        self.open.clear();
    }
}

impl<'a> Reader<'a> {
    pub(crate) fn new(jobs: &'a Jobs, receipts: &'a Receipts, inbound: &'a mut Inbound) -> Self {
        Self {
            jobs,
            receipts,
            inbound,
            acknowledged: 0,
        }
    }

    /// Delivers frames until the connection breaks; says why it did. `heard` is told,
    /// after each read, how many frames the other side has taken.
    pub(crate) fn run(
        &mut self,
        mut socket: impl Read,
        mut heard: impl FnMut(u64) -> Result<(), frame::Error>,
    ) -> Error {
        let mut buffer = vec![0; BUFFER].into_boxed_slice();
        let mut filled = 0;
        loop {
            match socket.read(&mut buffer[filled..]) {
                Ok(0) => return Error::Closed,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return error.into(),
            }
            let used = match self.take_frames(&buffer[..filled]) {
                Ok(used) => used,
                Err(error) => return error,
            };
            buffer.copy_within(used..filled, 0);
            filled -= used;
            if let Err(error) = heard(self.acknowledged) {
                return error.into();
            }
        }
    }

    /// Handles the whole frames at the start of `bytes`; returns how long they are.
    fn take_frames(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        let mut used = 0;
        while let Some(fixed) = bytes[used..].first_chunk::<LENGTH>() {
            let frame = Frame::decode(fixed)?;
            let body = used + LENGTH;
            let Some(body) = bytes.get(body..body + frame.body()) else {
                break;
            };
            used += LENGTH + body.len();
            self.acknowledged = self.acknowledged.max(frame.ack);
            if frame.kind == Kind::Bye {
                return Err(Error::Bye(String::from_utf8_lossy(body).into_owned()));
            }
            if frame.kind.is_numbered() && self.is_next(&frame)? {
                self.take(&frame, body)?;
                self.inbound.sequence += 1;
                self.receipts.take(LENGTH + body.len());
            }
        }
        Ok(used)
    }

    /// False for a frame that came before, on an earlier connection.
    fn is_next(&self, frame: &Frame) -> Result<bool, frame::Error> {
        let (expected, got) = (self.inbound.sequence, frame.sequence);
        if got > expected {
            return Err(frame::Error::Sequence { expected, got });
        }
        Ok(got == expected)
    }

    fn take(&mut self, frame: &Frame, body: &[u8]) -> Result<(), frame::Error> {
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
                if self.inbound.open.contains_key(&packet) {
                    return Err(frame::Error::OpenTwice(packet));
                }
                let drain = self.jobs.open(job, to, body, frame.total);
                self.inbound.open.insert(
                    packet,
                    Incoming {
                        drain,
                        left: frame.total,
                    },
                );
                Ok(())
            }
            Kind::Piece | Kind::Last | Kind::Cut => self.take_piece(frame, body),
            Kind::Ack | Kind::Bye => Ok(()),
        }
    }

    fn take_piece(&mut self, frame: &Frame, body: &[u8]) -> Result<(), frame::Error> {
        let packet = frame.packet;
        let incoming = self
            .inbound
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
                .inbound
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::fabric::{LinkError, Sink};
    use crate::id::{JobId, Rank};
    use parking_lot::Mutex;
    use proptest::prelude::*;
    use std::sync::Arc;
    use std::time::Duration;

    const JOB: JobId = JobId(3);

    /// Keeps whole packets, and streams that came to their end.
    #[derive(Clone, Default)]
    struct Ear(Arc<Mutex<Vec<Vec<u8>>>>);

    struct Bucket(Ear, Vec<u8>);

    impl Sink for Ear {
        fn deliver(&self, _: Rank, header: &[u8], payload: &[u8]) {
            self.0.lock().push([header, payload].concat());
        }
        fn open(&self, _: Rank, header: &[u8], _: u64) -> Box<dyn Drain> {
            Box::new(Bucket(self.clone(), header.to_vec()))
        }
        fn lost(&self, _: &LinkError) {}
    }

    impl Drain for Bucket {
        fn write(&mut self, bytes: &[u8]) {
            self.1.extend_from_slice(bytes);
        }
        fn end(self: Box<Self>) {
            self.0.0.lock().push(self.1);
        }
    }

    /// Yields its bytes in reads of the given sizes, over and over.
    struct Dribble<'a>(&'a [u8], std::iter::Cycle<std::slice::Iter<'a, usize>>);

    impl Read for Dribble<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            let most = self.1.next().copied().unwrap_or(1).max(1);
            let most = most.min(buf.len());
            self.0.read(&mut buf[..most])
        }
    }

    fn read(bytes: &[u8], sizes: &[usize]) -> (Vec<Vec<u8>>, String) {
        let jobs = Jobs::new(0, Duration::ZERO);
        let ear = Ear::default();
        assert!(jobs.attach(JOB, Arc::new(ear.clone()), Vec::new()));
        let (receipts, mut inbound) = (Receipts::default(), Inbound::default());
        let socket = Dribble(bytes, sizes.iter().cycle());
        let why = Reader::new(&jobs, &receipts, &mut inbound).run(socket, |_| Ok(()));
        let packets = ear.0.lock().clone();
        (packets, why.to_string())
    }

    /// Packets whole (one payload) or in pieces, as frames, with what is to come out.
    fn traffic(packets: &[(Vec<u8>, Vec<Vec<u8>>)]) -> (Vec<u8>, Vec<Vec<u8>>) {
        let (mut bytes, mut expected, mut sequence) = (Vec::new(), Vec::new(), 0);
        for (number, (header, pieces)) in packets.iter().enumerate() {
            let mut put = |kind, total: usize, header: &[u8], payload: &[u8]| {
                let whole = kind == Kind::Whole;
                let frame = Frame {
                    sequence,
                    ack: 0,
                    job: JOB,
                    total: total as u64,
                    to: Rank(0),
                    packet: if whole { 0 } else { number as u32 + 1 },
                    length: payload.len() as u32,
                    header: header.len() as u16,
                    kind,
                };
                sequence += 1;
                bytes.extend([&frame.encode()[..], header, payload].concat());
            };
            match pieces.as_slice() {
                [payload] => put(Kind::Whole, payload.len(), header, payload),
                pieces => {
                    put(Kind::Open, pieces.iter().map(Vec::len).sum(), header, &[]);
                    for (at, piece) in pieces.iter().enumerate() {
                        let last = at + 1 == pieces.len();
                        put(if last { Kind::Last } else { Kind::Piece }, 0, &[], piece);
                    }
                }
            }
            expected.push([header.clone(), pieces.concat()].concat());
        }
        (bytes, expected)
    }

    /// Where each frame starts, and where the last one ends.
    fn starts(bytes: &[u8]) -> Vec<usize> {
        let mut starts = vec![0];
        let mut at = 0;
        while let Some(fixed) = bytes[at..].first_chunk() {
            at += LENGTH + Frame::decode(fixed).unwrap().body();
            starts.push(at);
        }
        starts
    }

    fn packets() -> impl Strategy<Value = Vec<(Vec<u8>, Vec<Vec<u8>>)>> {
        let bytes = |range| prop::collection::vec(any::<u8>(), range);
        let pieces = prop::collection::vec(bytes(1..3_000), 1..5);
        prop::collection::vec((bytes(0..MAX_HEADER), pieces), 0..12)
    }

    proptest! {
        #[test]
        fn packets_come_out_however_the_bytes_come_in(
            packets in packets(), sizes in prop::collection::vec(1..5_000usize, 1..8),
        ) {
            let (bytes, expected) = traffic(&packets);
            let (got, why) = read(&bytes, &sizes);
            prop_assert_eq!(got, expected);
            prop_assert_eq!(why, "it was closed by the other side");
        }

        /// A connection is cut at any byte, and the next one starts with any frame that
        /// is due or was taken before.
        #[test]
        fn what_a_cut_tore_or_repeats_is_taken_once(
            packets in packets(), cut in any::<prop::sample::Index>(), back in 0..5usize,
        ) {
            let (bytes, expected) = traffic(&packets);
            let cut = cut.index(bytes.len() + 1);
            let jobs = Jobs::new(0, Duration::ZERO);
            let ear = Ear::default();
            prop_assert!(jobs.attach(JOB, Arc::new(ear.clone()), Vec::new()));
            let (receipts, mut inbound) = (Receipts::default(), Inbound::default());
            let why = Reader::new(&jobs, &receipts, &mut inbound).run(&bytes[..cut], |_| Ok(()));
            prop_assert!(why.is_passing());
            let taken = inbound.frames() as usize;
            prop_assert_eq!(receipts.frames(), taken as u64);
            let starts = starts(&bytes);
            prop_assert!(starts[taken] <= cut && (taken + 1 == starts.len() || cut < starts[taken + 1]));
            let again = &bytes[starts[taken.saturating_sub(back)]..];
            Reader::new(&jobs, &receipts, &mut inbound).run(again, |_| Ok(()));
            prop_assert_eq!(ear.0.lock().clone(), expected);
        }

        #[test]
        fn damaged_bytes_are_an_error_or_other_packets_and_never_a_panic(
            packets in packets(), damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        ) {
            let (mut bytes, _) = traffic(&packets);
            if !bytes.is_empty() {
                for (at, byte) in damage {
                    let at = at.index(bytes.len());
                    bytes[at] = byte;
                }
            }
            // A frame of another job waits for that job for no time at all.
            let _ = read(&bytes, &[1_000]);
        }

        #[test]
        fn garbage_is_an_error(bytes in prop::collection::vec(any::<u8>(), LENGTH..5_000)) {
            let (got, _) = read(&bytes, &[700]);
            prop_assert_eq!(got, Vec::<Vec<u8>>::new());
        }
    }
}
