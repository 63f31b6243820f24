//! Arguments, environment, exit, signals, random numbers, and sockets, which are not offered.

use super::Caller;
use super::Failure;
use super::types::Errno;
use crate::ending::Stop;

/// Strings as `args_get` and `environ_get` hand them over: one block of C strings.
pub(super) struct Strings {
    /// All strings, each ended by a NUL.
    block: Vec<u8>,
    /// Where each begins in the block.
    starts: Vec<u32>,
}

impl Strings {
    /// Joins `strings`. One with a NUL in it ends there, as it would for `execve`.
    pub(super) fn new(strings: impl Iterator<Item = String>) -> Self {
        let (mut block, mut starts) = (Vec::new(), Vec::new());
        for string in strings {
            starts.push(block.len() as u32);
            block.extend(string.bytes().take_while(|byte| *byte != 0));
            block.push(0);
        }
        Self { block, starts }
    }

    /// Writes how many strings there are, and the size of the block.
    fn put_sizes(&self, guest: &Caller<'_>, count: u32, size: u32) -> Result<(), Failure> {
        guest.memory().write_u32(count, self.starts.len() as u32)?;
        Ok(guest.memory().write_u32(size, self.block.len() as u32)?)
    }

    /// Writes the block, and an array of pointers to the strings in it.
    fn put(&self, guest: &Caller<'_>, pointers: u32, block: u32) -> Result<(), Failure> {
        guest.memory().write(block, &self.block)?;
        let all: Vec<u32> = self.starts.iter().map(|start| block + start).collect();
        Ok(guest.memory().write_u32s(pointers, &all)?)
    }
}

/// `args_sizes_get`.
pub(super) fn args_sizes_get(guest: &Caller<'_>, count: u32, size: u32) -> Result<(), Failure> {
    guest.wasi().args.put_sizes(guest, count, size)
}

/// `args_get`.
pub(super) fn args_get(guest: &Caller<'_>, pointers: u32, block: u32) -> Result<(), Failure> {
    guest.wasi().args.put(guest, pointers, block)
}

/// `environ_sizes_get`.
pub(super) fn environ_sizes_get(guest: &Caller<'_>, count: u32, size: u32) -> Result<(), Failure> {
    guest.wasi().env.put_sizes(guest, count, size)
}

/// `environ_get`.
pub(super) fn environ_get(guest: &Caller<'_>, pointers: u32, block: u32) -> Result<(), Failure> {
    guest.wasi().env.put(guest, pointers, block)
}

/// `proc_raise`: the default action of a signal, there are no handlers. To end the
/// process it exits with 128 + signal, as a shell shows it.
pub(super) fn proc_raise(_guest: &Caller<'_>, signal: u32) -> Result<(), Failure> {
    match signal {
        // None; and CHLD, CONT, URG, WINCH, which do nothing by default.
        0 | 16 | 17 | 22 | 27 => Ok(()),
        1..=30 => Err(Stop::Exit(128 + signal.cast_signed()).into()),
        _ => Err(Errno::INVAL.into()),
    }
}

/// `sched_yield`.
pub(super) fn sched_yield(guest: &Caller<'_>) -> Result<(), Failure> {
    if guest.ending().has_begun() {
        return Err(Stop::Ended.into());
    }
    std::thread::yield_now();
    Ok(())
}

/// `random_get`: fills `len` bytes at `buf` with the kernel's random numbers.
pub(super) fn random_get(guest: &Caller<'_>, buf: u32, len: u32) -> Result<(), Failure> {
    let memory = guest.memory();
    memory.check(buf, len)?;
    let mut piece = [0; 1024];
    let mut done = 0;
    while done < len {
        let now = &mut piece[..(len - done).min(1024) as usize];
        getrandom::fill(now).map_err(|_| Errno::IO)?;
        memory.write(buf + done, now)?;
        done += now.len() as u32;
    }
    Ok(())
}

/// What every `sock_*` call answers: there are no sockets, and other files are none.
fn no_socket(guest: &Caller<'_>, fd: u32) -> Result<(), Failure> {
    guest.wasi().open_file(fd)?;
    Err(Errno::NOTSUP.into())
}

/// `sock_accept`: not supported.
pub(super) fn sock_accept(guest: &Caller<'_>, fd: u32, _: u32, _: u32) -> Result<(), Failure> {
    no_socket(guest, fd)
}

/// `sock_recv`: not supported.
pub(super) fn sock_recv(
    guest: &Caller<'_>,
    fd: u32,
    _: u32,
    _: u32,
    _: u32,
    _: u32,
    _: u32,
) -> Result<(), Failure> {
    no_socket(guest, fd)
}

/// `sock_send`: not supported.
pub(super) fn sock_send(
    guest: &Caller<'_>,
    fd: u32,
    _: u32,
    _: u32,
    _: u32,
    _: u32,
) -> Result<(), Failure> {
    no_socket(guest, fd)
}

/// `sock_shutdown`: not supported.
pub(super) fn sock_shutdown(guest: &Caller<'_>, fd: u32, _: u32) -> Result<(), Failure> {
    no_socket(guest, fd)
}
