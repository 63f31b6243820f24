//! `memory.atomic.wait` and `memory.atomic.notify`, on the kernel's futexes.
//!
//! A futex compares the value and goes to sleep in one step, and knows its waiters by
//! address, which is all that Wasm asks for. There is no 64-bit futex: a 64-bit wait
//! sleeps on the low half in slices and compares the whole between them. A wake-up that
//! it misses because only the high half changed then reads as "not equal", which is
//! what a wait that began a moment later would have returned.
//!
//! Waiting threads hold no lock. When the process ends, [`Region::end_waits`] and a
//! signal (which makes the kernel return) get them out.

use crate::memory::region::Region;
use crate::memory::{GuestMemory, OutOfBounds};
use rustix::io::Errno;
use rustix::thread::futex;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// What a wait expects to find.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Expected {
    /// `memory.atomic.wait32`.
    U32(u32),
    /// `memory.atomic.wait64`.
    U64(u64),
}

/// How a wait ended; the numbers are those of the Wasm instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Woken {
    Notified = 0,
    NotEqual = 1,
    TimedOut = 2,
}

/// The wait was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WaitError {
    #[error(transparent)]
    OutOfBounds(#[from] OutOfBounds),
    #[error("the process is ending")]
    Ended,
    #[error("the system refuses to wait: {0}")]
    System(Errno),
}

/// How long a 64-bit wait sleeps before it compares again.
const SLICE: Duration = Duration::from_millis(1);

/// Waits at `at` until notified, for `timeout` at most.
pub(crate) fn wait(
    region: &Arc<Region>,
    at: u32,
    expected: Expected,
    timeout: Option<Duration>,
) -> Result<Woken, WaitError> {
    let memory = GuestMemory::new(Arc::clone(region));
    let until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    loop {
        if region.waits_ended() {
            return Err(WaitError::Ended);
        }
        let (word, slice) = match expected {
            Expected::U32(value) => (value, None),
            Expected::U64(value) => {
                if memory.load_u64(at, Ordering::SeqCst)? != value {
                    return Ok(Woken::NotEqual);
                }
                (value as u32, Some(SLICE))
            }
        };
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO) && timeout != Some(Duration::ZERO) {
            return Ok(Woken::TimedOut);
        }
        let sleep = match (left, slice) {
            (Some(left), Some(slice)) => Some(left.min(slice)),
            (left, slice) => left.or(slice),
        };
        match sleep_on(&memory, at, word, sleep)? {
            Ok(()) => return Ok(Woken::Notified),
            Err(Errno::AGAIN) => return Ok(Woken::NotEqual),
            Err(Errno::TIMEDOUT) if sleep == left => return Ok(Woken::TimedOut),
            // A slice is over, or a signal came: perhaps the one that ends the process.
            Err(Errno::TIMEDOUT | Errno::INTR) => {}
            Err(error) => return Err(WaitError::System(error)),
        }
    }
}

/// Wakes up to `count` threads that wait at `at`, and says how many.
pub(crate) fn notify(region: &Arc<Region>, at: u32, count: u32) -> u32 {
    let memory = GuestMemory::new(Arc::clone(region));
    let Ok(word) = memory.atomic_u32(at) else {
        return 0;
    };
    let count = count.min(i32::MAX as u32);
    futex::wake(word, futex::Flags::PRIVATE, count).map_or(0, |woken| woken as u32)
}

fn sleep_on(
    memory: &GuestMemory,
    at: u32,
    word: u32,
    time: Option<Duration>,
) -> Result<Result<(), Errno>, OutOfBounds> {
    let futex = memory.atomic_u32(at)?;
    let time = time.map(|time| futex::Timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(time.subsec_nanos()),
    });
    Ok(futex::wait(
        futex,
        futex::Flags::PRIVATE,
        word.to_le(),
        time.as_ref(),
    ))
}
