//! What ranks print, on its way to the planner.
//!
//! ```text
//! guest write --> Stream (<= 64 KiB) --full--------------------> Outbox
//!                     `--2 ms later, whole lines; 20 ms, all---^
//! ```
//! Small writes that follow each other closely travel as one message. A line that is
//! not finished waits a little longer, so that lines of different ranks seldom mix;
//! not for ever, since it may be a prompt.
//!
//! Order is kept for each rank and stream. Between the two streams of a rank there is
//! none, as with two pipes.

use crate::outbox::Outbox;
use faabric_wire::clock;
use faabric_wire::id::{JobId, Rank};
use faabric_wire::proto;
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// The most bytes that wait in a stream, and that one message has.
const CHUNK: usize = 64 << 10;
/// How long a finished line waits for more.
const LINE: Duration = Duration::from_millis(2);
/// How long an unfinished line does.
const PART: Duration = Duration::from_millis(20);

/// All streams of this worker's ranks.
pub(crate) struct Outputs {
    outbox: Arc<Outbox>,
    late: Mutex<Late>,
    changed: Condvar,
}

#[derive(Default)]
struct Late {
    /// Streams that hold bytes.
    streams: Vec<Arc<Stream>>,
    closed: bool,
}

/// One rank's stdout or stderr.
pub(crate) struct Stream {
    outputs: Weak<Outputs>,
    outbox: Arc<Outbox>,
    job: JobId,
    rank: Rank,
    stream: proto::Stream,
    /// The job is being ended: no waiting for room any more.
    ended: Arc<AtomicBool>,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    bytes: Vec<u8>,
    /// When the oldest of `bytes` came.
    since: Option<Instant>,
    /// Whether the stream is among [`Late::streams`].
    listed: bool,
}

impl Outputs {
    /// Starts the thread that sends what has waited long enough.
    pub(crate) fn start(outbox: Arc<Outbox>) -> io::Result<Arc<Self>> {
        let outputs = Arc::new(Self {
            outbox,
            late: Mutex::default(),
            changed: Condvar::new(),
        });
        let kept = Arc::clone(&outputs);
        let thread = std::thread::Builder::new().name("faabric-output".to_owned());
        thread.spawn(move || kept.flush_until_closed())?;
        Ok(outputs)
    }

    /// Ends the thread.
    pub(crate) fn close(&self) {
        self.late.lock().closed = true;
        self.changed.notify_all();
    }

    /// A new stream.
    pub(crate) fn stream(
        self: &Arc<Self>,
        job: JobId,
        rank: Rank,
        stream: proto::Stream,
        ended: &Arc<AtomicBool>,
    ) -> Arc<Stream> {
        Arc::new(Stream {
            outputs: Arc::downgrade(self),
            outbox: Arc::clone(&self.outbox),
            job,
            rank,
            stream,
            ended: Arc::clone(ended),
            held: Mutex::default(),
        })
    }

    fn list(&self, stream: Arc<Stream>) {
        self.late.lock().streams.push(stream);
        self.changed.notify_all();
    }

    fn flush_until_closed(&self) {
        let mut late = self.late.lock();
        while !late.closed {
            if late.streams.is_empty() {
                self.changed.wait(&mut late);
                continue;
            }
            let due = clock::now() + LINE;
            while !late.closed && !self.changed.wait_until(&mut late, due).timed_out() {}
            let streams = std::mem::take(&mut late.streams);
            MutexGuard::unlocked(&mut late, || {
                for stream in streams {
                    if stream.flush_late() {
                        self.late.lock().streams.push(stream);
                    }
                }
            });
        }
    }
}

impl Stream {
    /// Sends all that is held, at the end of the rank: without waiting for room,
    /// since it is little and the end must be reported.
    pub(crate) fn finish(&self) {
        let mut held = self.held.lock();
        if !held.bytes.is_empty() {
            let bytes = std::mem::take(&mut held.bytes);
            self.outbox
                .report(proto::from_worker::Message::Output(self.message(bytes)));
        }
    }

    /// Sends what has waited long enough; true when something still waits.
    fn flush_late(&self) -> bool {
        // A rank that holds the lock is sending: there is nothing late here.
        let Some(mut held) = self.held.try_lock() else {
            return true;
        };
        let old = held.since.is_some_and(|since| clock::now() >= since + PART);
        let line = held
            .bytes
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map(|at| at + 1);
        let due = if old {
            held.bytes.len()
        } else {
            line.unwrap_or(0)
        };
        if due > 0 {
            let rest = held.bytes.split_off(due);
            let bytes = std::mem::replace(&mut held.bytes, rest);
            match self.outbox.try_output(self.message(bytes)) {
                Ok(()) => held.since = Some(clock::now()),
                Err(mut refused) => {
                    refused.data.append(&mut held.bytes);
                    held.bytes = refused.data;
                }
            }
        }
        held.listed = !held.bytes.is_empty();
        held.listed
    }

    fn message(&self, data: Vec<u8>) -> proto::Output {
        let (job, rank, stream) = (self.job.0, self.rank.0, self.stream.into());
        proto::Output {
            job,
            rank,
            stream,
            data,
            offset: 0,
        }
    }
}

/// The end of a stream that a guest writes to.
pub(crate) struct Writer(pub(crate) Arc<Stream>);

impl faabric_host::Output for Writer {
    fn write(&self, mut bytes: &[u8]) -> io::Result<()> {
        let Self(stream) = self;
        let mut held = stream.held.lock();
        while held.bytes.len() + bytes.len() >= CHUNK {
            let (now, later) = bytes.split_at(CHUNK - held.bytes.len());
            let mut chunk = std::mem::take(&mut held.bytes);
            chunk.extend_from_slice(now);
            let sent = stream.outbox.output(stream.message(chunk), &stream.ended);
            sent.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
            bytes = later;
        }
        if bytes.is_empty() {
            return Ok(());
        }
        if held.bytes.is_empty() {
            held.since = Some(clock::now());
        }
        held.bytes.extend_from_slice(bytes);
        let list = !std::mem::replace(&mut held.listed, true);
        drop(held);
        if let (true, Some(outputs)) = (list, stream.outputs.upgrade()) {
            outputs.list(Arc::clone(stream));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use faabric_host::Output as _;
    use faabric_wire::proto::from_worker::Message;

    fn writer(outputs: &Arc<Outputs>) -> Writer {
        Writer(outputs.stream(JobId(1), Rank(2), proto::Stream::Stdout, &Arc::default()))
    }

    async fn next(outbox: &Outbox) -> Vec<u8> {
        let message = outbox.next().await.message;
        let Some(Message::Output(output)) = message else {
            panic!("{message:?}")
        };
        assert_eq!((output.job, output.rank), (1, 2));
        output.data
    }

    #[tokio::test]
    async fn small_writes_travel_together_and_an_unfinished_line_travels_too() {
        let outbox = Arc::new(Outbox::new());
        let outputs = Outputs::start(Arc::clone(&outbox)).unwrap();
        let out = writer(&outputs);
        let text = b"one\ntwo\nprompt> ";
        for byte in text {
            out.write(&[*byte]).unwrap();
        }
        let mut all = Vec::new();
        while all.len() < text.len() {
            all.extend(next(&outbox).await);
        }
        assert_eq!(all, text);
        outputs.close();
    }

    #[tokio::test]
    async fn order_is_kept_and_messages_are_bounded() {
        let outbox = Arc::new(Outbox::new());
        let outputs = Outputs::start(Arc::clone(&outbox)).unwrap();
        let out = writer(&outputs);
        let text: Vec<u8> = (0..200_000u32).flat_map(u32::to_le_bytes).collect();
        let sent = text.clone();
        let rank = std::thread::spawn(move || {
            for piece in sent.chunks(999) {
                out.write(piece).unwrap();
            }
            out.write(&sent).unwrap();
            out.0.finish();
        });
        let mut all = Vec::new();
        while all.len() < 2 * text.len() {
            let piece = next(&outbox).await;
            assert!(piece.len() <= CHUNK);
            all.extend(piece);
        }
        rank.join().unwrap();
        assert!(all == [text.as_slice(), text.as_slice()].concat());
        outputs.close();
    }
}
