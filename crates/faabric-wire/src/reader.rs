//! Bytes of a connection to frames to sinks.
//!
//! What has been taken ([`Inbound`]) outlives a connection; the bytes of a frame that
//! a broken connection tore do not: it comes again, whole, on the next one.
//!
//! One buffer; a frame is handed on, as slices of it, once it is there whole: one
//! copy from the kernel, one into the receiver's memory. The body of a large piece does
//! without the second where the kernel can reach that memory.

use crate::fabric::{DirectDrain, Drain, MAX_HEADER};
use crate::frame::{self, Frame, Kind, LENGTH, MAX_FRAME};
use crate::jobs::{Jobs, Patience};
use crate::receipts::Receipts;
use crate::socket::is_passing;
use std::collections::HashMap;
use std::io::{self, Read};
use std::os::fd::BorrowedFd;

/// Room for a frame that has begun and about as much again, so that a busy link
/// needs few reads. It grows when a larger piece comes that has to go through it.
const BUFFER: usize = 2 * MAX_FRAME;

/// What is read at once otherwise.
const BATCH: usize = 64 << 10;

/// What is read of a connection at once while its frames are large: a few headers.
const AHEAD: usize = 4 << 10;

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
    #[error("an internal error while delivering")]
    Panic,
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
pub(crate) struct Reader {
    inbound: Inbound,
    buffer: Box<[u8]>,
    /// Where the bytes in `buffer` end that are of no frame taken yet.
    filled: usize,
    /// The most that the other side said to have taken.
    acknowledged: u64,
    /// The frame at the start of `buffer` must wait for its job.
    held: bool,
    /// The piece that goes from the kernel to where it belongs; `buffer` is empty then.
    piece: Option<Piece>,
    /// Streams that came to their end since [`Reader::take_whole`].
    whole: bool,
}

/// A frame whose body is on its way.
struct Piece {
    frame: Frame,
    /// Bytes that are there.
    done: usize,
}

/// What frames are read from.
pub(crate) trait Wire: Read {
    /// Its descriptor, if the kernel can put what comes where it belongs.
    fn fd(&self) -> Option<BorrowedFd<'_>>;
}

/// What came of reading once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// There was nothing to read.
    Nothing,
    /// Something was read, and all whole frames were handed on.
    Some,
    /// A frame has to wait for its job, and the caller may not wait.
    Held,
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

impl Reader {
    pub(crate) fn new(inbound: Inbound) -> Self {
        Self {
            inbound,
            buffer: vec![0; BUFFER].into_boxed_slice(),
            filled: 0,
            acknowledged: 0,
            held: false,
            piece: None,
            whole: false,
        }
    }

    /// What has arrived, once this connection is no longer read.
    pub(crate) fn take_inbound(&mut self) -> Inbound {
        if let Some(Piece { frame, done }) = self.piece.take()
            && let Some(incoming) = self.inbound.open.get_mut(&frame.packet)
            && let Some(direct) = incoming.direct()
        {
            direct.go_back(done as u64);
        }
        std::mem::take(&mut self.inbound)
    }

    /// Whether a stream has come to its end since the last call.
    pub(crate) fn take_whole(&mut self) -> bool {
        std::mem::take(&mut self.whole)
    }

    /// How many frames the other side has taken, as far as it said so.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// Whether a frame waits for its job, and so for a caller that may wait.
    pub(crate) fn is_held(&self) -> bool {
        self.held
    }

    /// Reads once and hands on the frames that are whole then.
    pub(crate) fn read(
        &mut self,
        socket: &mut impl Wire,
        (jobs, receipts): (&Jobs, &Receipts),
        patience: Patience,
    ) -> Result<Taken, Error> {
        if self.piece.is_some() {
            return self.read_piece(socket, receipts);
        }
        let direct = socket.fd().is_some();
        if !self.held {
            let end = self.filled + self.room(direct)?;
            self.grow(end);
            let read = socket.read(&mut self.buffer[self.filled..end]);
            let Some(read) = came(read)? else {
                return Ok(Taken::Nothing);
            };
            self.filled += read;
        } else if patience == Patience::None {
            return Ok(Taken::Held);
        }
        let buffer = std::mem::take(&mut self.buffer);
        let used = self.take_frames(&buffer[..self.filled], (jobs, receipts), patience);
        self.buffer = buffer;
        let used = used?;
        self.buffer.copy_within(used..self.filled, 0);
        self.filled -= used;
        if !self.held && direct {
            self.begin_piece()?;
        }
        Ok(if self.held { Taken::Held } else { Taken::Some })
    }

    /// How many bytes are to be read at the most.
    fn room(&self, direct: bool) -> Result<usize, frame::Error> {
        let begun = match self.buffer[..self.filled].first_chunk() {
            Some(fixed) => LENGTH + Frame::decode(fixed)?.body(),
            None => 0,
        };
        let rest = begun.saturating_sub(self.filled);
        // While streams are open, little more than the next frame's header: the kernel is
        // to put its body where it belongs.
        Ok(match direct && !self.inbound.open.is_empty() {
            true => rest.max(AHEAD),
            false => rest.max(BATCH.saturating_sub(self.filled)).max(AHEAD),
        })
    }

    /// Makes the buffer at least so long.
    fn grow(&mut self, length: usize) {
        if length > self.buffer.len() {
            let mut buffer = std::mem::take(&mut self.buffer).into_vec();
            buffer.resize(length, 0);
            self.buffer = buffer.into_boxed_slice();
        }
    }

    /// If a piece has begun whose bytes the kernel can put where they belong, has them
    /// go there from now on.
    fn begin_piece(&mut self) -> Result<(), Error> {
        let Some(fixed) = self.buffer[..self.filled].first_chunk::<LENGTH>() else {
            return Ok(());
        };
        let frame = Frame::decode(fixed)?;
        let done = self.filled - LENGTH;
        if !matches!(frame.kind, Kind::Piece | Kind::Last) || !self.is_next(&frame)? {
            return Ok(());
        }
        let Some(incoming) = self.inbound.open.get_mut(&frame.packet) else {
            return Err(frame::Error::NotOpen(frame.packet).into());
        };
        if frame.body() as u64 > incoming.left {
            return Err(frame::Error::Total(frame.packet).into());
        }
        if incoming.direct().is_none() {
            return Ok(());
        }
        if let Some(drain) = &mut incoming.drain {
            drain.write(&self.buffer[LENGTH..self.filled]);
        }
        self.filled = 0;
        self.acknowledged = self.acknowledged.max(frame.ack);
        self.piece = Some(Piece { frame, done });
        Ok(())
    }

    /// Reads once, of the piece that is on its way.
    fn read_piece(&mut self, socket: &impl Wire, receipts: &Receipts) -> Result<Taken, Error> {
        let Some(Piece { frame, done }) = &mut self.piece else {
            return Ok(Taken::Nothing);
        };
        let incoming = self.inbound.open.get_mut(&frame.packet);
        let direct = incoming.and_then(Incoming::direct);
        let (Some(direct), Some(fd)) = (direct, socket.fd()) else {
            return Err(frame::Error::NotOpen(frame.packet).into());
        };
        let Some(read) = came(direct.receive(frame.body() - *done, fd))? else {
            return Ok(Taken::Nothing);
        };
        *done += read;
        if *done == frame.body()
            && let Some(Piece { frame, .. }) = self.piece.take()
        {
            self.end_piece(&frame, frame.body() as u64)?;
            self.inbound.sequence += 1;
            receipts.take(LENGTH + frame.body());
        }
        Ok(Taken::Some)
    }

    /// Handles the whole frames at the start of `bytes`; returns how long they are.
    fn take_frames(
        &mut self,
        bytes: &[u8],
        (jobs, receipts): (&Jobs, &Receipts),
        patience: Patience,
    ) -> Result<usize, Error> {
        self.held = false;
        let mut used = 0;
        while let Some(fixed) = bytes[used..].first_chunk::<LENGTH>() {
            let frame = Frame::decode(fixed)?;
            let body = used + LENGTH;
            let Some(body) = bytes.get(body..body + frame.body()) else {
                break;
            };
            self.acknowledged = self.acknowledged.max(frame.ack);
            if frame.kind == Kind::Bye {
                return Err(Error::Bye(String::from_utf8_lossy(body).into_owned()));
            }
            if frame.kind.is_numbered() && self.is_next(&frame)? {
                if !self.take(&frame, body, jobs, patience)? {
                    self.held = true;
                    break;
                }
                self.inbound.sequence += 1;
                receipts.take(LENGTH + body.len());
            }
            used += LENGTH + body.len();
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

    /// False when the frame has to wait for its job, and the caller may not.
    fn take(
        &mut self,
        frame: &Frame,
        body: &[u8],
        jobs: &Jobs,
        patience: Patience,
    ) -> Result<bool, frame::Error> {
        let Frame {
            job, to, packet, ..
        } = *frame;
        match frame.kind {
            Kind::Whole => {
                let (header, payload) = body.split_at(usize::from(frame.header));
                return Ok(jobs.deliver(job, to, header, payload, patience).is_ok());
            }
            Kind::Open => {
                if self.inbound.open.contains_key(&packet) {
                    return Err(frame::Error::OpenTwice(packet));
                }
                let Ok(drain) = jobs.open(job, to, body, frame.total, patience) else {
                    return Ok(false);
                };
                let left = frame.total;
                self.inbound.open.insert(packet, Incoming { drain, left });
            }
            Kind::Piece | Kind::Last | Kind::Cut => self.take_piece(frame, body)?,
            Kind::Ack | Kind::Bye => {}
        }
        Ok(true)
    }

    fn take_piece(&mut self, frame: &Frame, body: &[u8]) -> Result<(), frame::Error> {
        let packet = frame.packet;
        let incoming = self.inbound.open.get_mut(&packet);
        let incoming = incoming.ok_or(frame::Error::NotOpen(packet))?;
        if body.len() as u64 > incoming.left {
            return Err(frame::Error::Total(packet));
        }
        if let Some(drain) = &mut incoming.drain {
            drain.write(body);
        }
        self.end_piece(frame, body.len() as u64)
    }

    /// A piece has been handed on.
    fn end_piece(&mut self, frame: &Frame, length: u64) -> Result<(), frame::Error> {
        let packet = frame.packet;
        let incoming = self.inbound.open.get_mut(&packet);
        let incoming = incoming.ok_or(frame::Error::NotOpen(packet))?;
        let left = incoming.left.checked_sub(length);
        incoming.left = left.ok_or(frame::Error::Total(packet))?;
        if (frame.kind == Kind::Last) != (incoming.left == 0 && frame.kind != Kind::Cut) {
            return Err(frame::Error::Total(packet));
        }
        if frame.kind == Kind::Piece {
            return Ok(());
        }
        let finished = self.inbound.open.remove(&packet);
        let drain = finished.and_then(|incoming| incoming.drain);
        if let (Kind::Last, Some(drain)) = (frame.kind, drain) {
            drain.end();
        }
        self.whole = true;
        Ok(())
    }
}

impl Incoming {
    fn direct(&mut self) -> Option<&mut dyn DirectDrain> {
        self.drain.as_mut()?.direct()
    }
}

/// How many bytes came, if any.
fn came(read: io::Result<usize>) -> Result<Option<usize>, Error> {
    match read {
        Ok(0) => Err(Error::Closed),
        Ok(read) => Ok(Some(read)),
        Err(error) if is_passing(&error) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

// A header must fit a frame whose buffer it shares.
const _: () = assert!(BUFFER >= MAX_FRAME && MAX_HEADER < MAX_FRAME);

#[cfg(test)]
pub(crate) mod tests {
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
    pub(crate) struct Ear(pub(crate) Arc<Mutex<Vec<Vec<u8>>>>);

    pub(crate) struct Bucket(Ear, Vec<u8>);

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

    impl Wire for Dribble<'_> {
        fn fd(&self) -> Option<BorrowedFd<'_>> {
            None
        }
    }

    fn all(bytes: &[u8]) -> Dribble<'_> {
        Dribble(bytes, [usize::MAX].iter().cycle())
    }

    /// Reads to the end; says why it ended.
    fn read_all(
        reader: &mut Reader,
        socket: &mut Dribble<'_>,
        jobs: &Jobs,
        receipts: &Receipts,
    ) -> Error {
        loop {
            match reader.read(socket, (jobs, receipts), Patience::Any) {
                Ok(taken) => assert_ne!(taken, Taken::Held, "this caller may wait"),
                Err(error) => return error,
            }
        }
    }

    fn read(bytes: &[u8], sizes: &[usize]) -> (Vec<Vec<u8>>, String) {
        let jobs = Jobs::new(0, Duration::ZERO);
        let ear = Ear::default();
        assert!(jobs.attach(JOB, Arc::new(ear.clone()), Vec::new()));
        let receipts = Receipts::default();
        let mut socket = Dribble(bytes, sizes.iter().cycle());
        let why = read_all(
            &mut Reader::new(Inbound::default()),
            &mut socket,
            &jobs,
            &receipts,
        );
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

    #[test]
    fn the_largest_pieces_come_out_where_the_kernel_cannot_put_them() {
        let pieces = vec![vec![1; frame::MAX_PIECE], vec![2; 70_000], vec![3; 9]];
        let (bytes, expected) = traffic(&[(vec![7; 40], pieces), (vec![8], vec![vec![4; 5]])]);
        for sizes in [&[usize::MAX][..], &[100_000, 1]] {
            let (got, why) = read(&bytes, sizes);
            assert_eq!(why, "it was closed by the other side");
            assert!(got == expected, "{} packets", got.len());
        }
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
            let receipts = Receipts::default();
            let mut reader = Reader::new(Inbound::default());
            let why = read_all(&mut reader, &mut all(&bytes[..cut]), &jobs, &receipts);
            prop_assert!(why.is_passing());
            let inbound = reader.take_inbound();
            let taken = inbound.frames() as usize;
            prop_assert_eq!(receipts.frames(), taken as u64);
            let starts = starts(&bytes);
            prop_assert!(starts[taken] <= cut && (taken + 1 == starts.len() || cut < starts[taken + 1]));
            let again = &bytes[starts[taken.saturating_sub(back)]..];
            read_all(&mut Reader::new(inbound), &mut all(again), &jobs, &receipts);
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

        /// A thread that may not wait stops at a frame for a job that is still to start,
        /// and goes on with it when the job is there.
        #[test]
        fn who_may_not_wait_leaves_a_held_frame(packets in packets(), sizes in prop::collection::vec(1..5_000usize, 1..8)) {
            let (bytes, expected) = traffic(&packets);
            let jobs = Jobs::new(0, Duration::from_secs(60));
            let (receipts, ear) = (Receipts::default(), Ear::default());
            let mut reader = Reader::new(Inbound::default());
            let mut socket = Dribble(&bytes, sizes.iter().cycle());
            let mut read = |reader: &mut Reader| reader.read(&mut socket, (&jobs, &receipts), Patience::None);
            while !reader.is_held() && read(&mut reader).is_ok() {}
            prop_assert_eq!(reader.is_held(), !packets.is_empty());
            if reader.is_held() {
                prop_assert_eq!(read(&mut reader).ok(), Some(Taken::Held));
                prop_assert_eq!(receipts.frames(), 0);
            }
            prop_assert!(jobs.attach(JOB, Arc::new(ear.clone()), Vec::new()));
            read_all(&mut reader, &mut socket, &jobs, &receipts);
            prop_assert_eq!(ear.0.lock().clone(), expected);
        }

        #[test]
        fn garbage_is_an_error(bytes in prop::collection::vec(any::<u8>(), LENGTH..5_000)) {
            let (got, _) = read(&bytes, &[700]);
            prop_assert_eq!(got, Vec::<Vec<u8>>::new());
        }
    }
}
