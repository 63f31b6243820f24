//! The two widths of counts: `int` in most calls, `MPI_Count` in those with `_c`.

use super::caller::Caller;
use faabric_mpi::datatype::Counts;
use faabric_mpi::{Class, Error, Result, abi};
use wasmer::FromToNativeWasmType;

/// A count as a call takes it: one handler serves both forms of a call.
pub(super) trait Count: FromToNativeWasmType + Copy + Into<i64> + 'static {
    /// Whether this is `MPI_Count`.
    const LARGE: bool;
    /// What a datatype remembers of it.
    const COUNTS: Counts;

    /// Writes a result; one that does not fit is `MPI_UNDEFINED`.
    fn put(caller: &Caller<'_>, at: u32, value: Option<u64>) -> Result<()>;

    /// Writes a result that must fit.
    fn put_exact(caller: &Caller<'_>, at: u32, value: i64) -> Result<()>;
}

impl Count for i32 {
    const LARGE: bool = false;
    const COUNTS: Counts = Counts::Int;

    fn put(caller: &Caller<'_>, at: u32, value: Option<u64>) -> Result<()> {
        let fits = value.and_then(|value| i32::try_from(value).ok());
        caller.put_i32(at, fits.unwrap_or(abi::MPI_UNDEFINED))
    }

    fn put_exact(caller: &Caller<'_>, at: u32, value: i64) -> Result<()> {
        let value = i32::try_from(value).map_err(|_| {
            Error::new(
                Class::VALUE_TOO_LARGE,
                format!("{value} does not fit an int; use the call's _c form"),
            )
        })?;
        caller.put_i32(at, value)
    }
}

impl Count for i64 {
    const LARGE: bool = true;
    const COUNTS: Counts = Counts::Large;

    fn put(caller: &Caller<'_>, at: u32, value: Option<u64>) -> Result<()> {
        let fits = value.and_then(|value| i64::try_from(value).ok());
        caller.put_i64(at, fits.unwrap_or(abi::MPI_UNDEFINED.into()))
    }

    fn put_exact(caller: &Caller<'_>, at: u32, value: i64) -> Result<()> {
        caller.put_i64(at, value)
    }
}
