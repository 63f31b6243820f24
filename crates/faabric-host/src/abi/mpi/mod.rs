//! The MPI ABI: one import of module "mpi" a function, by the constants of
//! [`faabric_mpi::abi`].
//!
//! ```text
//! caller      a call under way: pointers in, results out, errors, callbacks
//! count       int and MPI_Count forms of one call
//! direct      the commonest calls, on a shorter way
//! p2p, partitioned, request, collective, datatype, comm, session, spawn, topology, env,
//! attribute, rma, file, tool
//!             the handlers, by chapter of the standard
//! ```
//! A handler decodes its arguments, calls [`faabric_mpi::Rank`] and encodes what it
//! answers. `guest/mpi/functions.txt` lists what there is to handle; a test compares.
#![allow(
    clippy::too_many_arguments,
    reason = "a handler has the arguments of its C function"
)]

mod attribute;
mod caller;
mod collective;
mod comm;
mod count;
mod datatype;
mod direct;
mod env;
mod file;
mod p2p;
mod partitioned;
mod request;
mod rma;
mod session;
mod spawn;
mod tool;
mod topology;

use crate::abi::Import;

/// All functions, by chapter.
pub(crate) const FUNCTIONS: &[&[Import]] = &[
    env::FUNCTIONS,
    p2p::FUNCTIONS,
    partitioned::FUNCTIONS,
    request::FUNCTIONS,
    collective::BLOCKING,
    collective::STARTED,
    collective::PERSISTENT,
    collective::REDUCTIONS,
    datatype::FUNCTIONS,
    comm::FUNCTIONS,
    session::FUNCTIONS,
    topology::FUNCTIONS,
    attribute::FUNCTIONS,
    rma::WINDOWS,
    rma::SYNCHRONISATION,
    rma::TRANSFERS,
    spawn::FUNCTIONS,
    file::FUNCTIONS,
    file::ACCESSES,
    tool::VARIABLES,
    tool::CATEGORIES_AND_EVENTS,
];

#[cfg(test)]
mod tests {
    use super::*;
    use faabric_mpi::interface::{Support, functions};
    use std::collections::BTreeSet;

    /// Imports that C code in the guest uses and no program calls.
    const INTERNAL: [&str; 10] = [
        "MPI_Comm_get_attr",
        "MPI_Comm_spawn",
        "MPI_Comm_spawn_multiple",
        "MPI_File_delete",
        "MPI_File_open",
        "MPI_Win_allocate",
        "MPI_Win_allocate_shared",
        "MPI_Win_free",
        "MPI_Win_get_attr",
        "faabric_unsupported",
    ];

    #[test]
    fn the_host_offers_what_the_table_says() {
        let offered: Vec<&str> = FUNCTIONS.concat().iter().map(|f| f.0).collect();
        let names: BTreeSet<&str> = offered.iter().copied().collect();
        assert_eq!(names.len(), offered.len(), "a function is listed twice");
        let listed = functions().iter().filter(|f| f.support == Support::Host);
        let expected: BTreeSet<&str> = listed.map(|f| f.name).chain(INTERNAL).collect();
        let missing: Vec<_> = expected.difference(&names).collect();
        let unlisted: Vec<_> = names.difference(&expected).collect();
        assert!(missing.is_empty(), "not implemented: {missing:?}");
        assert!(
            unlisted.is_empty(),
            "not in guest/mpi/functions.txt: {unlisted:?}"
        );
    }
}
