//! Clocks, straight from the kernel.
//!
//! The process clock of a guest is not that of the worker, which has many guests. It is
//! the CPU time of the calling thread: exact for a process of one thread.

use super::Caller;
use super::Failure;
use super::types::{Errno, nanoseconds};
use rustix::time::{ClockId, Timespec};

/// Nanoseconds since the epoch.
pub(super) const REALTIME: u32 = 0;
/// Nanoseconds since some fixed time; never set back.
pub(super) const MONOTONIC: u32 = 1;
/// CPU time of the process.
const PROCESS_CPUTIME: u32 = 2;
/// CPU time of the calling thread.
const THREAD_CPUTIME: u32 = 3;

fn host(id: u32) -> Result<ClockId, Errno> {
    match id {
        REALTIME => Ok(ClockId::Realtime),
        MONOTONIC => Ok(ClockId::Monotonic),
        PROCESS_CPUTIME | THREAD_CPUTIME => Ok(ClockId::ThreadCPUTime),
        _ => Err(Errno::INVAL),
    }
}

fn total(time: Timespec) -> u64 {
    nanoseconds(time.tv_sec, time.tv_nsec)
}

/// What clock `id` shows, in nanoseconds.
pub(super) fn now(id: u32) -> Result<u64, Errno> {
    Ok(total(rustix::time::clock_gettime(host(id)?)))
}

/// `clock_res_get`: writes the resolution of clock `id` in nanoseconds.
pub(super) fn clock_res_get(guest: &Caller<'_>, id: u32, out: u32) -> Result<(), Failure> {
    let resolution = total(rustix::time::clock_getres(host(id)?));
    Ok(guest.memory().write_u64(out, resolution.max(1))?)
}

/// `clock_time_get`: writes the time of clock `id` in nanoseconds.
pub(super) fn clock_time_get(
    guest: &Caller<'_>,
    id: u32,
    _precision: u64,
    out: u32,
) -> Result<(), Failure> {
    Ok(guest.memory().write_u64(out, now(id)?)?)
}
