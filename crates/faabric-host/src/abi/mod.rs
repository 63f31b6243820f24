//! The functions a guest may import, by module.
//!
//! Each ABI module lists its functions in a table (see [`functions!`]). The link check
//! reads the names; an instance gets only the functions its module imports, so that a
//! thread Granule costs microseconds however large the ABI is.
//!
//! A handler is a plain function on the calling Granule:
//! ```ignore
//! fn fd_close(env: FunctionEnvMut<'_, Granule>, fd: u32) -> Result<u32, Stop> { .. }
//! pub(crate) const FUNCTIONS: &[Import] = functions![fd_close, ("MPI_Send", send)];
//! ```
//! It decodes guest memory through `env.data().memory()`, calls the engine and encodes
//! the answer. Returning `Err(Stop)` leaves the guest.

pub(crate) mod mpi;
pub(crate) mod wasi;

use crate::granule::Granule;
use crate::thread;
use wasmer::{Function, FunctionEnv, StoreMut};

/// Makes a host function in a store.
pub(crate) type Make = fn(&mut StoreMut<'_>, &FunctionEnv<Granule>) -> Function;

/// One function of an ABI: its import name, and how to make it.
pub(crate) type Import = (&'static str, Make);

/// A table of [`Import`]s: `functions![name, ("import name", path::to::handler)]`. A third
/// element is a direct function that is tried before the handler ([`crate::sys::direct`]).
macro_rules! functions {
    (@one ($name:literal, $handler:path, $direct:path)) => {
        ($name, (|store, env| {
            let function = wasmer::Function::new_typed_with_env(store, env, $handler);
            $crate::sys::attach(store, env, $crate::sys::direct($direct));
            function
        }) as $crate::abi::Make)
    };
    (@one ($name:literal, $handler:path)) => {
        ($name, (|store, env| wasmer::Function::new_typed_with_env(store, env, $handler)) as $crate::abi::Make)
    };
    (@one $handler:ident) => {
        (stringify!($handler), (|store, env| wasmer::Function::new_typed_with_env(store, env, $handler)) as $crate::abi::Make)
    };
    ($($entry:tt),* $(,)?) => {
        &[$($crate::abi::functions!(@one $entry)),*]
    };
}
pub(crate) use functions;

/// Every import module with its functions, in one list or several.
pub(crate) const MODULES: &[(&str, &[&[Import]])] = &[
    ("wasi_snapshot_preview1", &[wasi::FUNCTIONS]),
    ("wasi", &[thread::FUNCTIONS]),
    ("mpi", mpi::FUNCTIONS),
    ("faabric", &[wasi::FAABRIC_FUNCTIONS]),
];

/// How to make function `name` of import module `module`, if there is one.
pub(crate) fn find(module: &str, name: &str) -> Option<Make> {
    let (_, lists) = MODULES.iter().find(|(m, _)| *m == module)?;
    let (_, make) = lists.iter().copied().flatten().find(|(n, _)| *n == name)?;
    Some(*make)
}
