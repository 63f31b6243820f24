//! How a process ends while its threads run or wait, and what host calls return then.
//!
//! ```text
//!  proc_exit / trap / main returned / Interrupter
//!                    |
//!             Ending::begin(reason)  -- first one wins
//!                    |---- condvar: sleeps, poll, memory.atomic.wait return Stop::Ended
//!                    |---- wakers: stdin, MPI waits
//!                    '---- interrupters: Wasm code in loops traps
//! ```

use parking_lot::{Condvar, Mutex};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use wasmer::RuntimeError;

/// Leaves the guest from inside a host call: return it as the `Err` of a host function.
#[derive(Debug, Clone)]
pub(crate) enum Stop {
    /// The guest called `proc_exit` (or `MPI_Abort`) with this code.
    Exit(i32),
    /// The process is ending for a reason that [`Ending`] already knows.
    Ended,
    /// The call cannot go on, and the guest is to end with this trap text.
    Trap(String),
    /// Guest code that the call called back into did not return.
    Callback(RuntimeError),
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(code) => write!(f, "the guest exited with code {code}"),
            Self::Ended => write!(f, "the process is ending"),
            Self::Trap(text) => write!(f, "{text}"),
            Self::Callback(error) => write!(f, "in a callback: {error}"),
        }
    }
}

impl std::error::Error for Stop {}

/// Why a process ends: the code it ends with, and what to tell the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reason {
    /// Exit code, as a shell would show it.
    pub(crate) code: i32,
    /// Trap text with the guest backtrace, or what interrupted it.
    pub(crate) text: Option<String>,
}

/// How a Granule's code was left, when not by returning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Left {
    /// Because the process is ending, for a reason that [`Ending`] knows.
    Ending,
    /// For this reason, which ends the process.
    Because(Reason),
}

type Waker = Box<dyn Fn() + Send + Sync>;

/// The end of one process, shared by all its threads and host calls.
#[derive(Default)]
pub struct Ending {
    begun: AtomicBool,
    reason: Mutex<Option<Reason>>,
    changed: Condvar,
    wakers: Mutex<Vec<Waker>>,
}

impl Ending {
    /// True once the process is ending. Host calls that loop look at it.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Acquire)
    }

    /// Sleeps for `time`, or for ever with `None`, unless the process ends first.
    pub(crate) fn sleep(&self, time: Option<Duration>) -> Result<(), Stop> {
        let until = time.and_then(|t| Instant::now().checked_add(t));
        let mut reason = self.reason.lock();
        loop {
            if reason.is_some() {
                return Err(Stop::Ended);
            }
            match until {
                None => self.changed.wait(&mut reason),
                Some(until) => {
                    if self.changed.wait_until(&mut reason, until).timed_out() {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Runs `waker` when the process begins to end, or now if it has begun.
    pub(crate) fn on_begin(&self, waker: impl Fn() + Send + Sync + 'static) {
        let mut wakers = self.wakers.lock();
        if self.has_begun() {
            drop(wakers);
            waker();
        } else {
            wakers.push(Box::new(waker));
        }
    }

    /// Begins the end; false when it had begun before, for that other reason.
    pub(crate) fn begin(&self, reason: Reason) -> bool {
        {
            let mut slot = self.reason.lock();
            if slot.is_some() {
                return false;
            }
            *slot = Some(reason);
            self.begun.store(true, Ordering::Release);
        }
        self.changed.notify_all();
        // Taken under the lock that `on_begin` holds while it looks at `begun`, so no
        // waker is both missed here and pushed there.
        let wakers = std::mem::take(&mut *self.wakers.lock());
        for wake in wakers {
            wake();
        }
        true
    }

    /// Why the process ends, once it does.
    pub(crate) fn reason(&self) -> Option<Reason> {
        self.reason.lock().clone()
    }
}

impl fmt::Debug for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ending")
            .field("reason", &*self.reason.lock())
            .finish_non_exhaustive()
    }
}
