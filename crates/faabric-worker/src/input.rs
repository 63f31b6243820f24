//! Standard input of rank 0, as it comes from the planner.

use faabric_host::Stdin;
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::io;
use std::time::Duration;

/// Bytes that may wait for the guest to read them. The planner sends no more than a
/// fraction of it before it hears that some were read; beyond it the job fails.
pub(crate) const LIMIT: usize = 16 << 20;

/// Bytes that the guest reads before the planner hears of it, unless it has read all.
const TELL: u64 = 256 << 10;

/// Bytes that a guest has not read.
pub(crate) struct Input {
    state: Mutex<State>,
    changed: Condvar,
    /// Told how many bytes were read in all.
    taken: Box<dyn Fn(u64) + Send + Sync>,
}

#[derive(Default)]
struct State {
    bytes: VecDeque<u8>,
    /// Bytes that were read, and that the planner knows of.
    taken: u64,
    told: u64,
    /// No more will come.
    closed: bool,
    /// The process is ending.
    woken: bool,
}

/// More input came than can wait.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "the planner sent more than {} MiB of standard input that rank 0 has not read", LIMIT >> 20
)]
pub(crate) struct TooMuch;

impl Input {
    /// No input yet. `taken` is told of bytes that the guest has read.
    pub(crate) fn new(taken: impl Fn(u64) + Send + Sync + 'static) -> Self {
        Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            taken: Box::new(taken),
        }
    }

    /// Takes bytes from the client. Those that come after the end are dropped.
    pub(crate) fn push(&self, bytes: &[u8]) -> Result<(), TooMuch> {
        let mut state = self.state.lock();
        if state.closed || state.woken {
            return Ok(());
        }
        if state.bytes.len() + bytes.len() > LIMIT {
            return Err(TooMuch);
        }
        state.bytes.extend(bytes);
        self.changed.notify_all();
        Ok(())
    }

    /// The client's input is at its end.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.changed.notify_all();
    }
}

impl Stdin for Input {
    fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        let mut state = self.state.lock();
        while state.bytes.is_empty() && !state.closed && !state.woken {
            self.changed.wait(&mut state);
        }
        if state.woken {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let read = io::Read::read(&mut state.bytes, buf)?;
        state.taken += read as u64;
        let tell = state.bytes.is_empty() || state.taken - state.told >= TELL;
        if read > 0 && tell {
            state.told = state.taken;
            // Under the lock, so that the numbers are told in order.
            (self.taken)(state.taken);
        }
        Ok(read)
    }

    fn poll(&self, timeout: Option<Duration>) -> io::Result<bool> {
        let until = timeout.and_then(|timeout| faabric_wire::clock::now().checked_add(timeout));
        let mut state = self.state.lock();
        while state.bytes.is_empty() && !state.closed && !state.woken {
            match until {
                None => self.changed.wait(&mut state),
                Some(until) => {
                    if self.changed.wait_until(&mut state, until).timed_out() {
                        return Ok(false);
                    }
                }
            }
        }
        if state.woken {
            Err(io::ErrorKind::Interrupted.into())
        } else {
            Ok(true)
        }
    }

    fn wake(&self) {
        self.state.lock().woken = true;
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use std::sync::Arc;

    #[test]
    fn a_reader_gets_bytes_then_the_end() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let telling = Arc::clone(&told);
        let input = Arc::new(Input::new(move |taken| telling.lock().push(taken)));
        let reading = Arc::clone(&input);
        let reader = std::thread::spawn(move || {
            let (mut all, mut buf) = (Vec::new(), [0; 3]);
            loop {
                match reading.read(&mut buf).unwrap() {
                    0 => return all,
                    read => all.extend_from_slice(&buf[..read]),
                }
            }
        });
        input.push(b"hello ").unwrap();
        input.push(b"rank 0").unwrap();
        input.close();
        input.push(b"late").unwrap();
        assert_eq!(reader.join().unwrap(), b"hello rank 0");
        assert_eq!(told.lock().last(), Some(&12));
    }

    #[test]
    fn polling_times_out_and_waking_ends_reads() {
        let input = Arc::new(Input::new(|_| ()));
        assert!(!input.poll(Some(Duration::ZERO)).unwrap());
        let reading = Arc::clone(&input);
        let reader = std::thread::spawn(move || reading.read(&mut [0; 1]));
        input.wake();
        assert_eq!(
            reader.join().unwrap().unwrap_err().kind(),
            io::ErrorKind::Interrupted
        );
    }

    #[test]
    fn too_much_is_refused() {
        let input = Input::new(|_| ());
        input.push(&vec![0; LIMIT]).unwrap();
        assert_eq!(input.push(&[0]), Err(TooMuch));
    }
}
