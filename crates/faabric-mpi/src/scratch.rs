//! Memory of the worker that calls of guests make it hold: packed copies of messages,
//! intermediate data of collectives, the blocks of datatypes.
//!
//! A guest names the sizes, and types that overlap themselves can name more than its
//! memory has. What all guests of a worker can make it hold is bounded therefore; the
//! call that would exceed the bound fails, and the worker lives. The machine may have other
//! workers, and other work: a long one must also fit well into what is available just then.

use crate::error::{Class, Error, Result};
use std::cell::RefCell;
use std::ops::{Deref, DerefMut};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Shorter ones are not counted, so that short messages do without a shared counter:
/// a rank has room for 2^20 of them at most.
const COUNTED: u64 = 4096;

/// Longer ones are held against what the machine has left, which takes microseconds to
/// find out.
const LONG: u64 = 64 << 20;

/// How many bytes a thread keeps for its next calls: to clear as many anew takes a good part
/// of the time in which they are sent.
const KEPT: usize = 1 << 20;

thread_local! {
    /// What calls of this thread have held.
    static SPARE: RefCell<Spare> = const { RefCell::new(Spare::NONE) };
}

/// A few stretches of bytes, [`KEPT`] in all at the most.
struct Spare {
    all: Vec<Vec<u8>>,
    /// The thread has asked for bytes. One that only ends what others held keeps nothing: a
    /// worker has many of those, and they outlive the jobs.
    asks: bool,
}

impl Spare {
    const NONE: Spare = Spare {
        all: Vec::new(),
        asks: false,
    };
    const MOST: usize = 4;

    /// The shortest that is as long as `len`; empty when there is none.
    fn take(&mut self, len: u64) -> Vec<u8> {
        self.asks = true;
        let fits = |(_, bytes): &(usize, &Vec<u8>)| bytes.len() as u64 >= len;
        let all = self.all.iter().enumerate();
        let shortest = all.filter(fits).min_by_key(|(_, bytes)| bytes.len());
        let shortest = shortest.map(|(at, _)| at);
        shortest.map_or_else(Vec::new, |at| self.all.swap_remove(at))
    }

    /// Keeps `bytes`, if need be in the place of shorter ones.
    fn keep(&mut self, bytes: Vec<u8>) {
        if !self.asks {
            return;
        }
        self.all.push(bytes);
        while self.all.len() > Self::MOST || self.all.iter().map(Vec::len).sum::<usize>() > KEPT {
            let all = self.all.iter().enumerate();
            let shortest = all.min_by_key(|(_, bytes)| bytes.len());
            let Some((at, _)) = shortest else { return };
            self.all.swap_remove(at);
        }
    }
}

/// What this worker holds for all its guests.
static HELD: Account = Account::new();

/// Bytes that are held, and how many may be.
struct Account {
    held: AtomicU64,
    limit: OnceLock<u64>,
}

impl Account {
    const fn new() -> Account {
        Account {
            held: AtomicU64::new(0),
            limit: OnceLock::new(),
        }
    }

    /// Half of the machine's memory, or of what this process may use of it.
    fn limit(&self) -> u64 {
        *self.limit.get_or_init(|| {
            let machine = rustix::system::sysinfo();
            let machine = machine.totalram * u64::from(machine.mem_unit);
            let group = std::fs::read_to_string("/sys/fs/cgroup/memory.max");
            let group = group.ok().and_then(|text| text.trim().parse().ok());
            group.map_or(machine, |group: u64| group.min(machine)) / 2
        })
    }

    fn take(&self, len: u64) -> bool {
        let limit = self.limit();
        let more = |held: u64| held.checked_add(len).filter(|&sum| sum <= limit);
        let relaxed = Ordering::Relaxed;
        self.held.fetch_update(relaxed, relaxed, more).is_ok()
    }

    fn give_back(&self, len: u64) {
        self.held.fetch_sub(len, Ordering::Relaxed);
    }
}

/// Bytes that this process could have without taking them from others; none where the
/// system does not say.
fn available() -> Option<u64> {
    let machine = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = machine
        .lines()
        .find_map(|l| l.strip_prefix("MemAvailable:"))?;
    let machine = 1024 * line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?;
    let group = |name| {
        let text = std::fs::read_to_string(format!("/sys/fs/cgroup/memory.{name}")).ok()?;
        text.trim().parse::<u64>().ok()
    };
    let group = group("max").zip(group("current"));
    let group = group.map(|(max, now)| max.saturating_sub(now));
    Some(group.map_or(machine, |group| group.min(machine)))
}

/// So many bytes of the worker, counted as long as this lives.
#[derive(Debug, Default)]
pub(crate) struct Held(u64);

impl Held {
    /// `len` bytes for `purpose`, which the error names; few are not counted.
    ///
    /// # Errors
    /// `MPI_ERR_NO_MEM` when the worker does not have them.
    pub(crate) fn take(len: u64, purpose: &str) -> Result<Held> {
        if len < COUNTED {
            return Ok(Held(0));
        }
        if len >= LONG
            && let Some(available) = available()
            && len > available / 4
        {
            return Err(Error::new(
                Class::NO_MEM,
                format!(
                    "no {len} bytes for {purpose}: one call may hold a quarter of the {available} \
                     bytes that the worker's machine has left"
                ),
            ));
        }
        if !HELD.take(len) {
            return Err(Error::new(
                Class::NO_MEM,
                format!(
                    "no {len} bytes for {purpose}: the calls of all ranks on this worker may \
                     hold {} bytes, and hold {}",
                    HELD.limit(),
                    HELD.held.load(Ordering::Relaxed)
                ),
            ));
        }
        Ok(Held(len))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.0 > 0 {
            HELD.give_back(self.0);
        }
    }
}

/// Bytes of the worker, counted as long as they are held.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// The bytes, and perhaps more behind them.
    bytes: Vec<u8>,
    len: usize,
    _held: Held,
}

impl Scratch {
    /// `len` zero bytes for `purpose`, which the error names.
    ///
    /// # Errors
    /// `MPI_ERR_NO_MEM` when the worker does not have them.
    pub(crate) fn zeroed(len: u64, purpose: &str) -> Result<Scratch> {
        Scratch::new(len, purpose, Vec::new())
    }

    /// `len` bytes for `purpose`, which are to be written before they are read: they hold
    /// what an earlier call of this thread has left there.
    ///
    /// # Errors
    /// As [`Scratch::zeroed`].
    pub(crate) fn unset(len: u64, purpose: &str) -> Result<Scratch> {
        let spare = SPARE.with_borrow_mut(|spare| spare.take(len));
        Scratch::new(len, purpose, spare)
    }

    /// The first `len` of these bytes, or as many new ones.
    fn new(len: u64, purpose: &str, bytes: Vec<u8>) -> Result<Scratch> {
        let mut scratch = Scratch {
            bytes,
            len: 0,
            _held: Held::take(len, purpose)?,
        };
        if len <= scratch.bytes.len() as u64 {
            scratch.len = len as usize;
            return Ok(scratch);
        }
        let mut bytes = Vec::new();
        if !usize::try_from(len).is_ok_and(|len| bytes.try_reserve_exact(len).is_ok()) {
            return Err(Error::new(
                Class::NO_MEM,
                format!("the worker has no {len} bytes for {purpose}"),
            ));
        }
        scratch.len = len as usize;
        bytes.resize(scratch.len, 0);
        scratch.bytes = bytes;
        Ok(scratch)
    }

    /// The bytes, which are no longer counted.
    pub(crate) fn into_vec(mut self) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.truncate(self.len);
        bytes
    }
}

impl From<Vec<u8>> for Scratch {
    /// Bytes that are not counted: the worker's own.
    fn from(bytes: Vec<u8>) -> Scratch {
        Scratch {
            len: bytes.len(),
            bytes,
            _held: Held::default(),
        }
    }
}

impl Deref for Scratch {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.len]
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        if (1..=KEPT).contains(&bytes.len()) {
            // Fails when the thread ends.
            let _ = SPARE.try_with(|spare| spare.borrow_mut().keep(bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn an_account_gives_no_more_than_its_limit() {
        let account = Account::new();
        account.limit.set(100).unwrap();
        assert!(account.take(60) && account.take(40));
        assert!(!account.take(1) && !account.take(u64::MAX));
        account.give_back(40);
        assert!(!account.take(41) && account.take(40));
    }

    #[test]
    fn what_is_held_is_counted_while_it_lives() {
        // Other tests hold much less.
        let held = || HELD.held.load(Ordering::Relaxed);
        let one = Held::take(LONG - 1, "a test").unwrap();
        assert!(held() >= LONG - 1);
        drop(one);
        assert!(held() < LONG - 1);
        assert!(Held::take(u64::MAX, "a test").is_err());
    }

    #[test]
    fn the_system_says_what_is_left() {
        let machine = rustix::system::sysinfo();
        let all = machine.totalram * u64::from(machine.mem_unit);
        assert!(available().is_some_and(|available| 0 < available && available <= all));
    }

    #[test]
    fn more_than_the_machine_has_is_refused() {
        let refused = Scratch::zeroed(1 << 60, "a test").unwrap_err();
        assert_eq!(refused.class, Class::NO_MEM);
        assert!(refused.message.contains("a test"), "{}", refused.message);
        let scratch = Scratch::zeroed(COUNTED, "a test").unwrap();
        assert!(scratch.iter().all(|&byte| byte == 0) && scratch.len() as u64 == COUNTED);
    }

    #[test]
    fn a_thread_gets_again_what_it_had_and_zeros_where_it_asks_for_them() {
        let mut first = Scratch::unset(1000, "a test").unwrap();
        first.fill(7);
        drop(first);
        let again = Scratch::unset(10, "a test").unwrap();
        assert_eq!(*again, [7; 10]);
        assert!(
            Scratch::unset(10, "a test")
                .unwrap()
                .iter()
                .all(|&b| b == 0)
        );
        drop(again);
        let more = Scratch::unset(1001, "a test").unwrap();
        assert!(more.len() == 1001 && more.iter().all(|&b| b == 0));
        drop(more);
        assert_eq!(*Scratch::zeroed(10, "a test").unwrap(), [0; 10]);
        assert_eq!(Scratch::unset(20, "a test").unwrap().into_vec().len(), 20);
        for len in [KEPT + 1, KEPT, 5, 6, 7, KEPT - 30, 8, 9, 10] {
            drop(Scratch::unset(len as u64, "a test").unwrap());
        }
        let kept = SPARE.with_borrow(|spare| spare.all.iter().map(Vec::len).collect::<Vec<_>>());
        assert!(kept.iter().sum::<usize>() <= KEPT && kept.len() <= Spare::MOST);
        assert!(kept.contains(&KEPT), "{kept:?}");
    }

    #[test]
    fn a_thread_that_never_asks_keeps_nothing() {
        let scratch = Scratch::unset(1000, "a test").unwrap();
        let other = std::thread::spawn(move || {
            drop(scratch);
            SPARE.with_borrow(|spare| spare.all.len())
        });
        assert_eq!(other.join().unwrap(), 0);
    }
}
