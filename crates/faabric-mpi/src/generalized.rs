//! Generalized requests: operations that the program itself completes (MPI 4.1,
//! section 13.2).

use crate::abi;
use crate::error::{Class, Error, Result};
use crate::guest::{Guest, GuestFn};
use crate::handle::RequestHandle;
use crate::memory::Addr;
use crate::p2p::Started;
use crate::rank::Rank;
use crate::request::{Completion, Kind, Nth, Outcome};
use crate::status::Status;
use std::sync::Arc;

/// The program's functions of one generalized request, and their argument.
#[derive(Clone, Copy, Debug)]
pub struct Callbacks {
    /// `MPI_Grequest_query_function(extra_state, status)`.
    pub query: GuestFn,
    /// `MPI_Grequest_free_function(extra_state)`.
    pub free: GuestFn,
    /// `MPI_Grequest_cancel_function(extra_state, complete)`.
    pub cancel: GuestFn,
    /// `extra_state`.
    pub state: u32,
}

/// A generalized request.
#[derive(Debug)]
pub(crate) struct Generalized {
    callbacks: Callbacks,
    completion: Arc<Completion>,
}

impl Rank {
    /// `MPI_Grequest_start`.
    ///
    /// # Errors
    /// Before `MPI_Init`, or when there are too many requests.
    pub fn grequest_start(&self, callbacks: Callbacks) -> Result<RequestHandle> {
        self.check_active("MPI_Grequest_start")?;
        let completion = Arc::new(Completion::new(self.world_rank));
        let of = Generalized {
            callbacks,
            completion: completion.clone(),
        };
        let comm = self.comm_world().clone();
        self.request(
            comm,
            Started::Pending(completion),
            Kind::Generalized(Arc::new(of)),
        )
    }

    /// `MPI_Grequest_complete`. Of a request that was freed it is the end.
    ///
    /// # Errors
    /// `MPI_ERR_REQUEST` for what is no generalized request under way; what the program's
    /// function to free it returned.
    pub fn grequest_complete(&self, guest: &mut dyn Guest, request: RequestHandle) -> Result<()> {
        let mut requests = self.requests.lock();
        if let Some(Kind::Generalized(of)) = requests.get(request).map(|found| &found.kind)
            && !of.completion.is_complete()
        {
            // Under the lock, so that MPI_Request_free comes before or after.
            self.world.finish(&of.completion, Outcome::EMPTY, None);
            return Ok(());
        }
        let Some(of) = self.freed.lock().remove(&request) else {
            return Err(Error::new(
                Class::REQUEST,
                "request: it is not a generalized request under way",
            ));
        };
        requests.recycle(request);
        drop(requests);
        of.release(guest)
    }
}

impl Generalized {
    /// Asks the program for the status.
    pub(crate) fn query(&self, rank: &Rank, guest: &mut dyn Guest) -> Result<Outcome> {
        let at = guest.scratch(abi::STATUS_SIZE)?;
        let mut words = [0u8; 32];
        for (bytes, word) in words.chunks_exact_mut(4).zip(Status::EMPTY.to_words()) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        rank.memory.write(at, &words)?;
        call(
            guest,
            self.callbacks.query,
            &[self.callbacks.state, at.0 as u32],
        )?;
        let status = read_status(rank, at)?;
        Ok(Outcome {
            source: status.source,
            tag: status.tag,
            bytes: status.bytes,
            cancelled: status.cancelled,
            nth: Nth::NONE,
        })
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.completion.is_complete()
    }

    /// The request has been waited for: its status, and then its end.
    pub(crate) fn query_and_free(
        &self,
        rank: &Rank,
        guest: &mut dyn Guest,
    ) -> Result<(Outcome, Option<Error>)> {
        let outcome = self.query(rank, guest)?;
        let freed = self.release(guest);
        Ok((outcome, freed.err()))
    }

    /// Lets the program free what it keeps for it.
    pub(crate) fn release(&self, guest: &mut dyn Guest) -> Result<()> {
        call(guest, self.callbacks.free, &[self.callbacks.state])
    }

    /// Tells the program of an `MPI_Cancel`.
    pub(crate) fn cancel(&self, guest: &mut dyn Guest, complete: bool) -> Result<()> {
        call(
            guest,
            self.callbacks.cancel,
            &[self.callbacks.state, u32::from(complete)],
        )
    }
}

/// Calls a function that returns an MPI error code.
pub(crate) fn call(guest: &mut dyn Guest, f: GuestFn, args: &[u32]) -> Result<()> {
    match guest.call(f, args)? {
        None | Some(0) => Ok(()),
        Some(code) => Err(Error::new(
            Class(code as i32),
            format!(
                "a callback of the program returned error code {}",
                code as i32
            ),
        )),
    }
}

fn read_status(rank: &Rank, at: Addr) -> Result<Status> {
    let mut bytes = [0u8; 32];
    rank.memory.read(at, &mut bytes)?;
    let mut words = [0; 8];
    for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(4)) {
        *word = i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    }
    Ok(Status::from_words(words))
}
