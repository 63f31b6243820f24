//! Point-to-point messages: what `MPI_Send`, `MPI_Recv` and the collectives stand on.

use crate::comm::{Comm, Context};
use crate::datatype::Datatype;
use crate::error::{Class, Error, Result};
use crate::memory::{Addr, Memory};
use crate::rank::Rank;
use crate::request::{Completion, Outcome};
use std::sync::Arc;

/// Where a message's data is.
#[derive(Clone)]
pub(crate) struct Data {
    /// The memory that holds it.
    pub(crate) memory: Arc<dyn Memory>,
    /// Its first element's address (before the datatype's lower bound is added).
    pub(crate) addr: Addr,
    /// How many elements.
    pub(crate) count: u64,
    /// How each element lies in memory.
    pub(crate) datatype: Arc<Datatype>,
}

impl Data {
    /// Bytes of data, without gaps. None when that is more than a `u64` holds.
    pub(crate) fn len(&self) -> Option<u64> {
        self.count.checked_mul(self.datatype.size())
    }
}

impl Rank {
    /// Starts sending `data` to rank `to` of `comm` (of its remote group, for an
    /// intercommunicator) in standard mode. The data must not change until the send
    /// is complete.
    pub(crate) fn post_send(
        &self,
        comm: &Arc<Comm>,
        context: Context,
        to: u32,
        tag: i32,
        data: Data,
    ) -> Result<Arc<Completion>> {
        let _ = (comm, context, to, tag, data);
        Err(Error::new(
            Class::INTERN,
            "point-to-point messages are not landed yet",
        ))
    }

    /// Starts receiving into `data` from rank `from` of `comm`.
    pub(crate) fn post_recv(
        &self,
        comm: &Arc<Comm>,
        context: Context,
        from: u32,
        tag: i32,
        data: Data,
    ) -> Result<Arc<Completion>> {
        let _ = (comm, context, from, tag, data);
        Err(Error::new(
            Class::INTERN,
            "point-to-point messages are not landed yet",
        ))
    }

    /// Waits until `c` is complete.
    ///
    /// # Errors
    /// The message's own (truncation, say), or [`Error::interrupted`] when the job ends.
    pub(crate) fn complete(&self, c: &Completion) -> Result<Outcome> {
        let _ = c;
        Err(Error::new(
            Class::INTERN,
            "point-to-point messages are not landed yet",
        ))
    }

    /// Whether `c` is complete, without waiting.
    pub(crate) fn is_complete(&self, c: &Completion) -> bool {
        c.is_complete()
    }
}
