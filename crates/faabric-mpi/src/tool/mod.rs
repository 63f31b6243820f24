//! The tool interface (MPI 4.1, chapter 15): what can be adjusted and what is counted.
//!
//! ```text
//!   MPI_T_cvar_...  --> control.rs      --> tuning.rs: the rank's settings
//!   MPI_T_pvar_...  --> performance.rs  --> observe/, mailbox: the rank's counters
//!   MPI_T_category_ --> category.rs         both, by theme
//!   MPI_T_event_... --> event.rs            no types of events; one source of time
//! ```
//! It may be used before `MPI_Init` and after `MPI_Finalize`, and its calls never run an
//! error handler: they return codes of their own, [`Code`].

mod category;
mod control;
mod event;
mod performance;

pub use category::Category;
pub use control::Control;
pub use event::{EVENT_SOURCE_TICKS, EventSource};
pub use performance::{Performance, PvarValue};

use crate::abi;
use crate::error::{Class, Error, Result};
use crate::handle::{CvarHandle, Table};
use crate::rank::Rank;
use parking_lot::Mutex;

/// What the tool interface keeps for a rank.
#[derive(Default)]
pub(crate) struct Tool {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// `MPI_T_init_thread` less `MPI_T_finalize`.
    users: u32,
    controls: Table<CvarHandle, usize>,
    performance: performance::Handles,
}

/// The error codes of the tool interface (MPI 4.1, section 15.3.10).
pub struct Code;

macro_rules! codes {
    ($($name:ident = $abi:ident, $text:literal;)*) => {
        impl Code {
            $(#[doc = concat!("`", stringify!($abi), "`: ", $text, ".")] pub const $name: Class = Class(abi::$abi);)*

            /// Name and meaning of a code, if it is one of these.
            pub(crate) fn text(code: i32) -> Option<(&'static str, &'static str)> {
                match code {
                    $(abi::$abi => Some((stringify!($abi), $text)),)*
                    _ => None,
                }
            }
        }
    };
}

codes! {
    CANNOT_INIT = MPI_T_ERR_CANNOT_INIT, "the tool interface cannot be initialized";
    NOT_ACCESSIBLE = MPI_T_ERR_NOT_ACCESSIBLE, "the object cannot be reached now";
    NOT_INITIALIZED = MPI_T_ERR_NOT_INITIALIZED, "the tool interface is not initialized";
    NOT_SUPPORTED = MPI_T_ERR_NOT_SUPPORTED, "not supported";
    MEMORY = MPI_T_ERR_MEMORY, "out of memory";
    INVALID = MPI_T_ERR_INVALID, "invalid use or argument";
    INVALID_INDEX = MPI_T_ERR_INVALID_INDEX, "no variable, category, event or source has this index";
    INVALID_ITEM = MPI_T_ERR_INVALID_ITEM, "the enumeration has no item of this index";
    INVALID_SESSION = MPI_T_ERR_INVALID_SESSION, "invalid session of performance variables";
    INVALID_HANDLE = MPI_T_ERR_INVALID_HANDLE, "invalid handle";
    INVALID_NAME = MPI_T_ERR_INVALID_NAME, "no variable, category or event has this name";
    OUT_OF_HANDLES = MPI_T_ERR_OUT_OF_HANDLES, "too many handles";
    OUT_OF_SESSIONS = MPI_T_ERR_OUT_OF_SESSIONS, "too many sessions";
    CVAR_SET_NOT_NOW = MPI_T_ERR_CVAR_SET_NOT_NOW, "the variable cannot be set now";
    CVAR_SET_NEVER = MPI_T_ERR_CVAR_SET_NEVER, "the variable cannot be set by the program";
    PVAR_NO_WRITE = MPI_T_ERR_PVAR_NO_WRITE, "the variable can only be read";
    PVAR_NO_STARTSTOP = MPI_T_ERR_PVAR_NO_STARTSTOP, "the variable always counts";
    PVAR_NO_ATOMIC = MPI_T_ERR_PVAR_NO_ATOMIC, "the variable cannot be read and reset at once";
}

#[cold]
pub(crate) fn error(code: Class, message: impl Into<String>) -> Error {
    Error::new(code, message)
}

/// The element of a table that the program's index names.
fn at<T>(table: &'static [T], index: i32, what: &str) -> Result<&'static T> {
    let found = usize::try_from(index)
        .ok()
        .and_then(|index| table.get(index));
    found.ok_or_else(|| {
        let message = format!("{index} is not among the {} {what}", table.len());
        error(Code::INVALID_INDEX, message)
    })
}

impl Rank {
    /// `MPI_T_init_thread`: the level that is given, which is the one asked for. Counted.
    ///
    /// # Errors
    /// `MPI_T_ERR_INVALID` for what is no level.
    pub fn tool_init(&self, required: i32) -> Result<i32> {
        let levels = [
            abi::MPI_THREAD_SINGLE,
            abi::MPI_THREAD_FUNNELED,
            abi::MPI_THREAD_SERIALIZED,
            abi::MPI_THREAD_MULTIPLE,
        ];
        if !levels.contains(&required) {
            return Err(error(
                Code::INVALID,
                format!("required: {required} is no thread level"),
            ));
        }
        self.tool.state.lock().users += 1;
        Ok(required)
    }

    /// `MPI_T_finalize`: the last one frees all handles and sessions.
    ///
    /// # Errors
    /// `MPI_T_ERR_NOT_INITIALIZED`.
    pub fn tool_finalize(&self) -> Result<()> {
        let mut state = self.tool_state()?;
        state.users -= 1;
        if state.users == 0 {
            state.controls = Table::new();
            let running = std::mem::take(&mut state.performance).running();
            (0..running).for_each(|_| self.watch.end());
        }
        Ok(())
    }

    /// Fails unless the tool interface is initialized.
    ///
    /// # Errors
    /// `MPI_T_ERR_NOT_INITIALIZED`.
    pub fn tool_check(&self) -> Result<()> {
        self.tool_state().map(|_| ())
    }

    fn tool_state(&self) -> Result<parking_lot::MutexGuard<'_, State>> {
        let state = self.tool.state.lock();
        if state.users == 0 {
            return Err(error(Code::NOT_INITIALIZED, "call MPI_T_init_thread first"));
        }
        Ok(state)
    }
}
