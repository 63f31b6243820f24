//! Performance variables (MPI 4.1, section 15.3.7): what a rank sends, receives, holds
//! and waits for.
//!
//! A handle of what is counted has a value of its own, from when it was started:
//!
//! ```text
//!   stopped: value = kept                      running: value = kept + now - base
//! ```
//! Counting messages costs a little, so it is done while a handle runs and not else.

use super::{Code, at, error};
use crate::abi;
use crate::error::Result;
use crate::handle::{PvarHandle, PvarSessionHandle, Table};
use crate::rank::Rank;
use std::sync::atomic::Ordering;

/// What is known of a performance variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Performance {
    /// Its name.
    pub name: &'static str,
    /// What it says.
    pub about: &'static str,
    /// An `MPI_T_PVAR_CLASS_` constant.
    pub class: i32,
    /// Whether it is a `double`, of seconds; else an `unsigned long long`.
    pub seconds: bool,
    /// It cannot be written or reset, or started and stopped.
    pub fixed: bool,
}

/// A value of a performance variable.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PvarValue {
    /// `unsigned long long`.
    Count(u64),
    /// `double`.
    Seconds(f64),
}

struct Variable {
    name: &'static str,
    about: &'static str,
    kind: Kind,
    read: fn(&Rank) -> u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Grows.
    Counter,
    /// Grows, in nanoseconds.
    Timer,
    /// Goes up and down.
    Level,
    /// The most that a level was.
    Highest,
}

const VARIABLES: &[Variable] = &[
    Variable {
        name: "messages_sent",
        about: "point-to-point messages that the program began to send",
        kind: Kind::Counter,
        read: |rank| rank.watch.counters.messages_sent.load(Ordering::Relaxed),
    },
    Variable {
        name: "bytes_sent",
        about: "bytes of those messages",
        kind: Kind::Counter,
        read: |rank| rank.watch.counters.bytes_sent.load(Ordering::Relaxed),
    },
    Variable {
        name: "messages_received",
        about: "point-to-point messages that the program received",
        kind: Kind::Counter,
        read: |rank| {
            rank.watch
                .counters
                .messages_received
                .load(Ordering::Relaxed)
        },
    },
    Variable {
        name: "bytes_received",
        about: "bytes of those messages",
        kind: Kind::Counter,
        read: |rank| rank.watch.counters.bytes_received.load(Ordering::Relaxed),
    },
    Variable {
        name: "time_waiting",
        about: "seconds that calls of the rank waited for messages and requests",
        kind: Kind::Timer,
        read: |rank| rank.watch.counters.waited_ns.load(Ordering::Relaxed),
    },
    Variable {
        name: "unexpected_messages",
        about: "messages, of collective operations too, that have arrived and not been received",
        kind: Kind::Level,
        read: |rank| rank.mailbox().open().queues.unexpected() as u64,
    },
    Variable {
        name: "unexpected_messages_highest",
        about: "the most messages that had arrived and not been received",
        kind: Kind::Highest,
        read: |rank| rank.mailbox().open().queues.unexpected() as u64,
    },
    Variable {
        name: "posted_receives",
        about: "receives that wait for their message",
        kind: Kind::Level,
        read: |rank| rank.mailbox().open().queues.posted() as u64,
    },
];

impl Variable {
    fn performance(&self) -> Performance {
        Performance {
            name: self.name,
            about: self.about,
            class: match self.kind {
                Kind::Counter => abi::MPI_T_PVAR_CLASS_COUNTER,
                Kind::Timer => abi::MPI_T_PVAR_CLASS_TIMER,
                Kind::Level => abi::MPI_T_PVAR_CLASS_LEVEL,
                Kind::Highest => abi::MPI_T_PVAR_CLASS_HIGHWATERMARK,
            },
            seconds: self.kind == Kind::Timer,
            fixed: self.kind == Kind::Level,
        }
    }

    fn value(&self, raw: u64) -> PvarValue {
        match self.kind {
            Kind::Timer => PvarValue::Seconds(raw as f64 / 1e9),
            _ => PvarValue::Count(raw),
        }
    }

    fn raw(value: PvarValue) -> u64 {
        match value {
            PvarValue::Count(count) => count,
            // Saturates, and is 0 for what is no number.
            PvarValue::Seconds(seconds) => (seconds * 1e9) as u64,
        }
    }
}

/// All sessions and handles of a rank.
#[derive(Default)]
pub(super) struct Handles {
    sessions: Table<PvarSessionHandle, ()>,
    handles: Table<PvarHandle, Handle>,
}

struct Handle {
    session: PvarSessionHandle,
    variable: &'static Variable,
    running: bool,
    /// The variable's own value when the handle was started or reset.
    base: u64,
    /// The handle's value until then; the highest so far of a level's.
    kept: u64,
}

impl Handle {
    fn read(&self, rank: &Rank) -> u64 {
        match self.variable.kind {
            Kind::Level => (self.variable.read)(rank),
            Kind::Highest => self.kept,
            Kind::Counter | Kind::Timer if self.running => {
                let now = (self.variable.read)(rank);
                self.kept.wrapping_add(now.wrapping_sub(self.base))
            }
            Kind::Counter | Kind::Timer => self.kept,
        }
    }

    /// Its value, which begins anew: one look at the variable serves both.
    fn take(&mut self, rank: &Rank) -> u64 {
        let now = (self.variable.read)(rank);
        let base = std::mem::replace(&mut self.base, now);
        match self.variable.kind {
            Kind::Level => now,
            Kind::Highest => std::mem::replace(&mut self.kept, now),
            Kind::Counter | Kind::Timer => {
                let since = if self.running {
                    now.wrapping_sub(base)
                } else {
                    0
                };
                std::mem::take(&mut self.kept).wrapping_add(since)
            }
        }
    }

    fn set(&mut self, rank: &Rank, value: u64) {
        self.base = (self.variable.read)(rank);
        self.kept = match self.variable.kind {
            Kind::Highest if self.running => value.max(self.base),
            _ => value,
        };
    }

    /// What a reset makes of it (section 15.3.7): 0, or what a level is now.
    fn reset(&mut self, rank: &Rank) {
        self.set(rank, 0);
        if self.variable.kind == Kind::Highest {
            self.kept = self.base;
        }
    }
}

impl Handles {
    /// Handles that count.
    pub(super) fn running(&self) -> usize {
        let counts = |handle: &Handle| handle.running && handle.variable.kind != Kind::Level;
        self.handles
            .iter()
            .filter(|(_, handle)| counts(handle))
            .count()
    }

    /// Gives the highest level since the last look to all handles that want it.
    fn look(&mut self, rank: &Rank) {
        let highest = rank.mailbox().open().queues.take_highest() as u64;
        let all: Vec<_> = self.handles.iter().map(|(name, _)| name).collect();
        for name in all {
            if let Some(handle) = self.handles.get_mut(name)
                && handle.running
                && handle.variable.kind == Kind::Highest
            {
                handle.kept = handle.kept.max(highest);
            }
        }
    }

    fn find(&mut self, session: PvarSessionHandle, handle: PvarHandle) -> Result<&mut Handle> {
        if self.sessions.get(session).is_none() {
            return Err(no_session(session));
        }
        let found = self.handles.get_mut(handle);
        let found = found.filter(|found| found.session == session);
        found.ok_or_else(|| {
            let message = format!("{:#x} is not a handle of this session", handle.0);
            error(Code::INVALID_HANDLE, message)
        })
    }

    /// The handle, or for `MPI_T_PVAR_ALL_HANDLES` those of the session that are not
    /// fixed.
    fn which(&mut self, session: PvarSessionHandle, handle: PvarHandle) -> Result<Vec<PvarHandle>> {
        if handle.0 != abi::MPI_T_PVAR_ALL_HANDLES {
            self.find(session, handle)?;
            return Ok(vec![handle]);
        }
        if self.sessions.get(session).is_none() {
            return Err(no_session(session));
        }
        let of = |found: &Handle| found.session == session && found.variable.kind != Kind::Level;
        let found = self.handles.iter().filter(|(_, found)| of(found));
        Ok(found.map(|(name, _)| name).collect())
    }
}

#[cold]
fn no_session(session: PvarSessionHandle) -> crate::Error {
    let message = format!("{:#x} is not a session of performance variables", session.0);
    error(Code::INVALID_SESSION, message)
}

#[cold]
fn fixed(code: crate::Class, variable: &Variable) -> crate::Error {
    error(code, format!("{} is what it is", variable.name))
}

impl Rank {
    /// `MPI_T_pvar_get_num`.
    ///
    /// # Errors
    /// `MPI_T_ERR_NOT_INITIALIZED`.
    pub fn pvar_get_num(&self) -> Result<i32> {
        self.tool_check()?;
        Ok(VARIABLES.len() as i32)
    }

    /// `MPI_T_pvar_get_info`.
    ///
    /// # Errors
    /// `MPI_T_ERR_NOT_INITIALIZED`, `MPI_T_ERR_INVALID_INDEX`.
    pub fn pvar_get_info(&self, index: i32) -> Result<Performance> {
        self.tool_check()?;
        Ok(at(VARIABLES, index, "performance variables")?.performance())
    }

    /// `MPI_T_pvar_get_index`.
    ///
    /// # Errors
    /// `MPI_T_ERR_NOT_INITIALIZED`, `MPI_T_ERR_INVALID_NAME`.
    pub fn pvar_get_index(&self, name: &str, class: i32) -> Result<i32> {
        self.tool_check()?;
        let is_it = |v: &Variable| v.name == name && v.performance().class == class;
        let found = VARIABLES.iter().position(is_it).map(|index| index as i32);
        found.ok_or_else(|| {
            let message = format!("no performance variable of class {class} is {name:?}");
            error(Code::INVALID_NAME, message)
        })
    }

    /// `MPI_T_pvar_session_create`.
    ///
    /// # Errors
    /// `MPI_T_ERR_NOT_INITIALIZED`, `MPI_T_ERR_OUT_OF_SESSIONS`.
    pub fn pvar_session_create(&self) -> Result<PvarSessionHandle> {
        let mut state = self.tool_state()?;
        let made = state.performance.sessions.insert(());
        made.map_err(|()| error(Code::OUT_OF_SESSIONS, "too many sessions"))
    }

    /// `MPI_T_pvar_session_free`: its handles are freed with it.
    ///
    /// # Errors
    /// `MPI_T_ERR_NOT_INITIALIZED`, `MPI_T_ERR_INVALID_SESSION`.
    pub fn pvar_session_free(&self, session: PvarSessionHandle) -> Result<()> {
        let mut state = self.tool_state()?;
        let all = &mut state.performance;
        let running = all.running();
        all.sessions
            .remove(session)
            .ok_or_else(|| no_session(session))?;
        let of = all
            .handles
            .iter()
            .filter(|(_, handle)| handle.session == session);
        let of: Vec<_> = of.map(|(name, _)| name).collect();
        for handle in of {
            all.handles.remove(handle);
        }
        (all.running()..running).for_each(|_| self.watch.end());
        Ok(())
    }

    /// `MPI_T_pvar_handle_alloc`: no variable is bound to an object, and each is one
    /// value. What is fixed runs from now on; the rest is to be started.
    ///
    /// # Errors
    /// `MPI_T_ERR_NOT_INITIALIZED`, `MPI_T_ERR_INVALID_SESSION`,
    /// `MPI_T_ERR_INVALID_INDEX`, `MPI_T_ERR_OUT_OF_HANDLES`.
    pub fn pvar_handle_alloc(&self, session: PvarSessionHandle, index: i32) -> Result<PvarHandle> {
        let mut state = self.tool_state()?;
        let all = &mut state.performance;
        if all.sessions.get(session).is_none() {
            return Err(no_session(session));
        }
        let variable = at(VARIABLES, index, "performance variables")?;
        let handle = Handle {
            session,
            variable,
            running: variable.kind == Kind::Level,
            base: 0,
            kept: 0,
        };
        let made = all.handles.insert(handle);
        made.map_err(|_| error(Code::OUT_OF_HANDLES, "too many handles"))
    }

    /// `MPI_T_pvar_handle_free`.
    ///
    /// # Errors
    /// `MPI_T_ERR_NOT_INITIALIZED`, `MPI_T_ERR_INVALID_SESSION`,
    /// `MPI_T_ERR_INVALID_HANDLE`.
    pub fn pvar_handle_free(&self, session: PvarSessionHandle, handle: PvarHandle) -> Result<()> {
        let mut state = self.tool_state()?;
        let all = &mut state.performance;
        let running = all.running();
        all.find(session, handle)?;
        all.handles.remove(handle);
        (all.running()..running).for_each(|_| self.watch.end());
        Ok(())
    }

    /// `MPI_T_pvar_start`, of one handle or `MPI_T_PVAR_ALL_HANDLES`.
    ///
    /// # Errors
    /// Those of a wrong handle; `MPI_T_ERR_PVAR_NO_STARTSTOP` for what always counts.
    pub fn pvar_start(&self, session: PvarSessionHandle, handle: PvarHandle) -> Result<()> {
        self.pvar_switch(session, handle, true)
    }

    /// `MPI_T_pvar_stop`.
    ///
    /// # Errors
    /// As [`Rank::pvar_start`].
    pub fn pvar_stop(&self, session: PvarSessionHandle, handle: PvarHandle) -> Result<()> {
        self.pvar_switch(session, handle, false)
    }

    fn pvar_switch(&self, session: PvarSessionHandle, which: PvarHandle, on: bool) -> Result<()> {
        let mut state = self.tool_state()?;
        let all = &mut state.performance;
        all.look(self);
        for name in all.which(session, which)? {
            let handle = all.find(session, name)?;
            if handle.variable.kind == Kind::Level {
                return Err(fixed(Code::PVAR_NO_STARTSTOP, handle.variable));
            }
            if handle.running == on {
                continue;
            }
            if on {
                // First it is counted, then from where.
                self.watch.begin();
                handle.running = true;
                let kept = handle.kept;
                handle.set(self, kept);
            } else {
                handle.kept = handle.read(self);
                handle.running = false;
                self.watch.end();
            }
        }
        Ok(())
    }

    /// `MPI_T_pvar_read`.
    ///
    /// # Errors
    /// Those of a wrong handle.
    pub fn pvar_read(&self, session: PvarSessionHandle, handle: PvarHandle) -> Result<PvarValue> {
        let mut state = self.tool_state()?;
        let all = &mut state.performance;
        all.look(self);
        let found = all.find(session, handle)?;
        Ok(found.variable.value(found.read(self)))
    }

    /// `MPI_T_pvar_readreset`.
    ///
    /// # Errors
    /// Those of a wrong handle; `MPI_T_ERR_PVAR_NO_ATOMIC` for what cannot be reset.
    pub fn pvar_readreset(
        &self,
        session: PvarSessionHandle,
        handle: PvarHandle,
    ) -> Result<PvarValue> {
        let mut state = self.tool_state()?;
        let all = &mut state.performance;
        all.look(self);
        let found = all.find(session, handle)?;
        if found.variable.kind == Kind::Level {
            return Err(fixed(Code::PVAR_NO_ATOMIC, found.variable));
        }
        let value = found.take(self);
        Ok(found.variable.value(value))
    }

    /// `MPI_T_pvar_reset`, of one handle or `MPI_T_PVAR_ALL_HANDLES`.
    ///
    /// # Errors
    /// Those of a wrong handle; `MPI_T_ERR_PVAR_NO_WRITE` for what cannot be reset.
    pub fn pvar_reset(&self, session: PvarSessionHandle, handle: PvarHandle) -> Result<()> {
        let mut state = self.tool_state()?;
        let all = &mut state.performance;
        all.look(self);
        for name in all.which(session, handle)? {
            let found = all.find(session, name)?;
            if found.variable.kind == Kind::Level {
                return Err(fixed(Code::PVAR_NO_WRITE, found.variable));
            }
            found.reset(self);
        }
        Ok(())
    }

    /// `MPI_T_pvar_write`.
    ///
    /// # Errors
    /// Those of a wrong handle; `MPI_T_ERR_PVAR_NO_WRITE` for what can only be read.
    pub fn pvar_write(
        &self,
        session: PvarSessionHandle,
        handle: PvarHandle,
        value: PvarValue,
    ) -> Result<()> {
        let mut state = self.tool_state()?;
        let all = &mut state.performance;
        all.look(self);
        let found = all.find(session, handle)?;
        if found.variable.kind == Kind::Level {
            return Err(fixed(Code::PVAR_NO_WRITE, found.variable));
        }
        found.set(self, Variable::raw(value));
        Ok(())
    }

    /// Whether a handle's values are seconds, as a `double`.
    ///
    /// # Errors
    /// Those of a wrong handle.
    pub fn pvar_is_seconds(&self, session: PvarSessionHandle, handle: PvarHandle) -> Result<bool> {
        let mut state = self.tool_state()?;
        let found = state.performance.find(session, handle)?;
        Ok(found.variable.kind == Kind::Timer)
    }
}
