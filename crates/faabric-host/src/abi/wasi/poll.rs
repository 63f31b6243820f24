//! `poll_oneoff`: waits for clocks, stdin, FIFOs and devices; also every sleep of a guest.
//!
//! ```text
//!  subscriptions --> ready at once? --yes--> events
//!                          | no
//!        wait, until the earliest clock, in the one way that fits what is waited for:
//!          only clocks         Ending::sleep        (condition variable)
//!          stdin               Stdin::poll          (the embedding's)
//!          FIFOs, devices      poll(2) with an alarm descriptor
//! ```
//! All three end when the process does. A mix of stdin and host files is looked at in
//! turns, 10 ms each.

use super::Caller;
use super::file::{Body, Open};
use super::types::{Errno, Event, Subscription, Want};
use super::{Failure, clock, stdio};
use crate::ending::{Ending, Stop};
use crate::stdio::Stdin;
use rustix::event::{EventfdFlags, PollFd, PollFlags};
use rustix::time::Timespec;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

/// Most subscriptions of one call: read and write on every descriptor, and a timeout.
const MOST_SUBSCRIPTIONS: u32 = 2 * super::table::LIMIT + 1;

/// How long to look at stdin before looking at host files, when both are waited for.
const TURN: Duration = Duration::from_millis(10);

/// A descriptor that becomes readable when the process begins to end, and stays so.
pub(super) struct Alarm(Arc<OwnedFd>);

impl Alarm {
    pub(super) fn new(ending: &Ending) -> Result<Self, Errno> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let bell = Arc::new(rustix::event::eventfd(0, flags)?);
        let rung = Arc::clone(&bell);
        ending.on_begin(move || {
            // Cannot fail: the counter is far from full, and the descriptor is open.
            let _ = rustix::io::write(&*rung, &1_u64.to_ne_bytes());
        });
        Ok(Self(bell))
    }

    /// Waits until one of `files` is ready (true) or `timeout` has passed (false).
    pub(super) fn wait(
        &self,
        files: &[(BorrowedFd<'_>, PollFlags)],
        timeout: Option<Duration>,
    ) -> Result<bool, Failure> {
        let bell = PollFd::new(&*self.0, PollFlags::IN);
        let files = files.iter().map(|(fd, event)| PollFd::new(fd, *event));
        let mut all: Vec<_> = std::iter::once(bell).chain(files).collect();
        let timeout = timeout.and_then(|time| Timespec::try_from(time).ok());
        match rustix::event::poll(&mut all, timeout.as_ref()) {
            // A signal of the host's: what waits looks again.
            Err(rustix::io::Errno::INTR) => Ok(true),
            Err(error) => Err(error.into()),
            Ok(_) if !all[0].revents().is_empty() => Err(Stop::Ended.into()),
            Ok(ready) => Ok(ready > 0),
        }
    }
}

/// `poll_oneoff`: `count` subscriptions at `subscriptions`, room for as many at `events`.
pub(super) fn poll_oneoff(
    guest: &Caller<'_>,
    subscriptions: u32,
    events: u32,
    count: u32,
    out: u32,
) -> Result<(), Failure> {
    if count == 0 || count > MOST_SUBSCRIPTIONS {
        return Err(Errno::INVAL.into());
    }
    let memory = guest.memory();
    memory.check(subscriptions, count * Subscription::SIZE as u32)?;
    memory.check(events, count * Event::SIZE as u32)?;
    memory.check(out, 4)?;
    let mut round = Round::decode(guest, subscriptions, count)?;
    let happened = round.wait(guest)?;
    for (index, event) in (0..).zip(&happened) {
        memory.write(events + index * Event::SIZE as u32, &event.encode())?;
    }
    Ok(memory.write_u32(out, happened.len() as u32)?)
}

/// One thing to wait for, its clock or file looked up.
enum Source {
    /// The time to wait until, in nanoseconds on the monotonic clock.
    Until(u64),
    /// What a descriptor refers to.
    File(Arc<Open>, Direction),
    /// An event that has happened already.
    Failed(Errno),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Read,
    Write,
}

/// The subscriptions of one call.
struct Round(Vec<(Subscription, Source)>);

impl Round {
    fn decode(guest: &Caller<'_>, at: u32, count: u32) -> Result<Self, Failure> {
        let now = clock::now(clock::MONOTONIC)?;
        let mut sources = Vec::with_capacity(count as usize);
        for index in 0..count {
            let mut bytes = [0; Subscription::SIZE];
            let at = at + index * Subscription::SIZE as u32;
            guest.memory().read(at, &mut bytes)?;
            let subscription = Subscription::decode(&bytes);
            let source = Source::of(guest, subscription.want, now);
            sources.push((subscription, source.unwrap_or_else(Source::Failed)));
        }
        Ok(Self(sources))
    }

    /// Waits until at least one event has happened; returns all that have.
    fn wait(&mut self, guest: &Caller<'_>) -> Result<Vec<Event>, Failure> {
        loop {
            let happened = self.look(guest)?;
            if !happened.is_empty() {
                return Ok(happened);
            }
            self.sleep(guest)?;
        }
    }

    fn look(&self, guest: &Caller<'_>) -> Result<Vec<Event>, Failure> {
        let now = clock::now(clock::MONOTONIC)?;
        let mut happened = Vec::new();
        for (subscription, source) in &self.0 {
            if let Some(event) = source.look(guest, subscription, now)? {
                happened.push(event);
            }
        }
        Ok(happened)
    }

    /// Sleeps until something may have happened.
    fn sleep(&self, guest: &Caller<'_>) -> Result<(), Failure> {
        let deadline = self.0.iter().filter_map(|(_, source)| source.deadline());
        let now = clock::now(clock::MONOTONIC)?;
        let timeout = deadline
            .min()
            .map(|until| Duration::from_nanos(until.saturating_sub(now)));
        let stdin = self.0.iter().find_map(|(_, source)| source.stdin());
        let files: Vec<_> = self.0.iter().filter_map(|(_, s)| s.waitable()).collect();
        match (stdin, files.is_empty()) {
            (None, true) => guest.ending().sleep(timeout)?,
            (None, false) => {
                guest.wasi().alarm(guest.ending())?.wait(&files, timeout)?;
            }
            (Some(stdin), alone) => {
                let turn = if alone {
                    timeout
                } else {
                    Some(timeout.map_or(TURN, |t| t.min(TURN)))
                };
                let waited = stdin.poll(turn);
                waited.map_err(|error| stdio::interrupted(guest, error))?;
            }
        }
        Ok(())
    }
}

impl Source {
    fn of(guest: &Caller<'_>, want: Want, now: u64) -> Result<Self, Errno> {
        match want {
            Want::Clock {
                id,
                timeout,
                absolute: true,
            } => {
                // Another clock's time, as one of the monotonic clock. A realtime clock
                // that is set while the guest waits does not wake it earlier or later.
                let left = timeout.saturating_sub(clock::now(id)?);
                Ok(Self::Until(now.saturating_add(left)))
            }
            Want::Clock { id, timeout, .. } => {
                clock::now(id)?;
                Ok(Self::Until(now.saturating_add(timeout)))
            }
            Want::Read(fd) => Ok(Self::File(guest.wasi().open_file(fd)?, Direction::Read)),
            Want::Write(fd) => Ok(Self::File(guest.wasi().open_file(fd)?, Direction::Write)),
            Want::Unknown(_) => Err(Errno::INVAL),
        }
    }

    /// The event, if it has happened by `now`.
    fn look(
        &self,
        guest: &Caller<'_>,
        subscription: &Subscription,
        now: u64,
    ) -> Result<Option<Event>, Failure> {
        let mut event = Event {
            userdata: subscription.userdata,
            errno: Errno::SUCCESS,
            kind: match subscription.want {
                Want::Clock { .. } => 0,
                Want::Read(_) => 1,
                Want::Write(_) => 2,
                Want::Unknown(tag) => tag,
            },
            nbytes: 0,
            hangup: false,
        };
        let happened = match self {
            Self::Failed(errno) => {
                event.errno = *errno;
                true
            }
            Self::Until(until) => *until <= now,
            Self::File(open, direction) => match (&open.body, direction) {
                (Body::Stdin(stdin), Direction::Read) => {
                    event.nbytes = 1;
                    let ready = stdin.poll(Some(Duration::ZERO));
                    ready.map_err(|error| stdio::interrupted(guest, error))?
                }
                (Body::Output(..), Direction::Write) | (Body::Directory(_), _) => true,
                (Body::File(file), _) => match file.waitable() {
                    Some(host) => look_at_host(host, *direction, &mut event)?,
                    None => {
                        event.nbytes = file.readable_bytes();
                        true
                    }
                },
                (Body::Stdin(_) | Body::Output(..), _) => {
                    event.errno = Errno::BADF;
                    true
                }
            },
        };
        Ok(happened.then_some(event))
    }

    fn deadline(&self) -> Option<u64> {
        match self {
            Self::Until(until) => Some(*until),
            _ => None,
        }
    }

    fn stdin(&self) -> Option<&dyn Stdin> {
        match self {
            Self::File(open, Direction::Read) => match &open.body {
                Body::Stdin(stdin) => Some(&**stdin),
                _ => None,
            },
            _ => None,
        }
    }

    fn waitable(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        match self {
            Self::File(open, direction) => match &open.body {
                Body::File(file) => file.waitable().map(|fd| (fd, direction.flags())),
                _ => None,
            },
            _ => None,
        }
    }
}

impl Direction {
    fn flags(self) -> PollFlags {
        match self {
            Self::Read => PollFlags::IN,
            Self::Write => PollFlags::OUT,
        }
    }
}

/// Looks at a FIFO or device without waiting.
fn look_at_host(
    host: BorrowedFd<'_>,
    direction: Direction,
    event: &mut Event,
) -> Result<bool, Failure> {
    let mut one = [PollFd::from_borrowed_fd(host.as_fd(), direction.flags())];
    rustix::event::poll(&mut one, Some(&Timespec::default()))?;
    let seen = one[0].revents();
    event.hangup = seen.contains(PollFlags::HUP);
    if direction == Direction::Read {
        event.nbytes = rustix::io::ioctl_fionread(host).unwrap_or(0);
    }
    Ok(!seen.is_empty())
}
