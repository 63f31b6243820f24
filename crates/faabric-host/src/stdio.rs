//! Where a guest's standard streams go: traits the worker implements, and a pipe.

use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Takes what a guest writes to stdout or stderr.
pub trait Output: Send + Sync + 'static {
    /// Takes all of `bytes`; may block to slow the guest down.
    ///
    /// # Errors
    /// When no one reads any more: the guest then sees `EPIPE`.
    fn write(&self, bytes: &[u8]) -> io::Result<()>;

    /// Whether the user sees a terminal there; libc buffers by line then.
    fn is_terminal(&self) -> bool {
        false
    }
}

/// What a guest reads from stdin.
pub trait Stdin: Send + Sync + 'static {
    /// Reads at least one byte, waiting for it; 0 is the end of the input.
    ///
    /// # Errors
    /// [`io::ErrorKind::Interrupted`] after [`Stdin::wake`].
    fn read(&self, buf: &mut [u8]) -> io::Result<usize>;

    /// Waits until a read would not block; false when `timeout` passes first.
    ///
    /// # Errors
    /// [`io::ErrorKind::Interrupted`] after [`Stdin::wake`].
    fn poll(&self, timeout: Option<Duration>) -> io::Result<bool>;

    /// Ends all waiting, now and later: the process is ending.
    fn wake(&self);

    /// Whether the user types it.
    fn is_terminal(&self) -> bool {
        false
    }
}

/// An input that is at its end: what every rank but 0 has.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoInput;

impl Stdin for NoInput {
    fn read(&self, _: &mut [u8]) -> io::Result<usize> {
        Ok(0)
    }

    fn poll(&self, _: Option<Duration>) -> io::Result<bool> {
        Ok(true)
    }

    fn wake(&self) {}
}

#[derive(Default)]
struct Queue {
    bytes: VecDeque<u8>,
    closed: bool,
    woken: bool,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

/// The reading end of an in-memory pipe, bounded by [`Pipe::CAPACITY`].
#[derive(Clone)]
pub struct Pipe(Arc<Shared>);

/// The writing end; dropping it ends the input.
pub struct PipeWriter(Arc<Shared>);

impl Pipe {
    /// Bytes that wait for the guest before the writer has to.
    pub const CAPACITY: usize = 1 << 20;

    /// A pipe: what is written to the one end is read from the other.
    #[must_use]
    pub fn new() -> (PipeWriter, Self) {
        let shared = Arc::<Shared>::default();
        (PipeWriter(Arc::clone(&shared)), Self(shared))
    }
}

impl PipeWriter {
    /// Queues what there is room for and says how much that was; never blocks.
    ///
    /// # Errors
    /// [`io::ErrorKind::BrokenPipe`] once the guest has ended.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut queue = self.0.queue.lock();
        if queue.woken {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let room = Pipe::CAPACITY.saturating_sub(queue.bytes.len());
        let taken = room.min(bytes.len());
        queue.bytes.extend(&bytes[..taken]);
        self.0.changed.notify_all();
        Ok(taken)
    }

    /// Queues all of `bytes`, waiting for room.
    ///
    /// # Errors
    /// [`io::ErrorKind::BrokenPipe`] once the guest has ended.
    pub fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let taken = self.try_write(bytes)?;
            bytes = &bytes[taken..];
            let mut queue = self.0.queue.lock();
            while queue.bytes.len() >= Pipe::CAPACITY && !queue.woken && !bytes.is_empty() {
                self.0.changed.wait(&mut queue);
            }
        }
        Ok(())
    }
}

impl Drop for PipeWriter {
    fn drop(&mut self) {
        self.0.queue.lock().closed = true;
        self.0.changed.notify_all();
    }
}

impl Stdin for Pipe {
    fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        self.poll(None)?;
        let mut queue = self.0.queue.lock();
        let taken = buf.len().min(queue.bytes.len());
        for (to, byte) in buf.iter_mut().zip(queue.bytes.drain(..taken)) {
            *to = byte;
        }
        self.0.changed.notify_all();
        Ok(taken)
    }

    fn poll(&self, timeout: Option<Duration>) -> io::Result<bool> {
        let until = timeout.and_then(|t| Instant::now().checked_add(t));
        let mut queue = self.0.queue.lock();
        loop {
            if queue.woken {
                return Err(io::ErrorKind::Interrupted.into());
            }
            if !queue.bytes.is_empty() || queue.closed {
                return Ok(true);
            }
            match until {
                None => self.0.changed.wait(&mut queue),
                Some(until) => {
                    if self.0.changed.wait_until(&mut queue, until).timed_out() {
                        return Ok(false);
                    }
                }
            }
        }
    }

    fn wake(&self) {
        self.0.queue.lock().woken = true;
        self.0.changed.notify_all();
    }
}
