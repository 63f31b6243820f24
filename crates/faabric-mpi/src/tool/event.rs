//! Events (MPI 4.1, section 15.3.8): there are no types of events, so no handle of one
//! and no instance can exist. There is a source of time, which a tool can use by itself.

use super::{Code, at, error};
use crate::error::{Error, Result};
use crate::rank::Rank;
use faabric_wire::clock;

/// A source of events and of their times.
#[derive(Debug, PartialEq, Eq)]
pub struct EventSource {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
}

/// Ticks of every source in a second.
pub const EVENT_SOURCE_TICKS: i64 = 1_000_000_000;

const SOURCES: &[EventSource] = &[EventSource {
    name: "monotonic",
    about: "the worker's monotonic clock: the same for all ranks of a machine",
}];

impl Rank {
    /// `MPI_T_source_get_num`.
    ///
    /// # Errors
    /// `MPI_T_ERR_NOT_INITIALIZED`.
    pub fn source_get_num(&self) -> Result<i32> {
        self.tool_check()?;
        Ok(SOURCES.len() as i32)
    }

    /// `MPI_T_source_get_info`.
    ///
    /// # Errors
    /// `MPI_T_ERR_NOT_INITIALIZED`, `MPI_T_ERR_INVALID_INDEX`.
    pub fn source_get_info(&self, index: i32) -> Result<&'static EventSource> {
        self.tool_check()?;
        at(SOURCES, index, "sources")
    }

    /// `MPI_T_source_get_timestamp`: nanoseconds.
    ///
    /// # Errors
    /// As [`Rank::source_get_info`].
    pub fn source_get_timestamp(&self, index: i32) -> Result<i64> {
        self.source_get_info(index)?;
        Ok(clock::monotonic_ns())
    }

    /// `MPI_T_event_get_index`: there is none of this name.
    ///
    /// # Errors
    /// Always: `MPI_T_ERR_NOT_INITIALIZED`, `MPI_T_ERR_INVALID_NAME`.
    pub fn event_get_index(&self, name: &str) -> Result<i32> {
        self.tool_check()?;
        Err(error(Code::INVALID_NAME, format!("no event is {name:?}")))
    }

    /// What a call with the number of a type of events ends with: there is none.
    #[must_use]
    pub fn no_event_type(&self, index: i32) -> Error {
        match self.tool_check() {
            Ok(()) => error(
                Code::INVALID_INDEX,
                format!("{index}: there are no types of events"),
            ),
            Err(uninitialized) => uninitialized,
        }
    }

    /// What a call with a registration or an instance of an event ends with.
    #[must_use]
    pub fn no_event(&self, handle: u32) -> Error {
        match self.tool_check() {
            Ok(()) => error(
                Code::INVALID_HANDLE,
                format!("{handle:#x} is not of an event"),
            ),
            Err(uninitialized) => uninitialized,
        }
    }
}
