//! The ends of requests: the Wait and Test families, freeing and starting (MPI 4.1,
//! sections 3.7.3 to 3.9).

use crate::abi;
use crate::error::{Class, Error, Result};
use crate::guest::Guest;
use crate::handle::RequestHandle;
use crate::p2p::Started;
use crate::rank::{Rank, unknown};
use crate::request::{Completion, Kind, Outcome};
use crate::status::Status;
use std::sync::Arc;

/// `MPI_REQUEST_NULL`.
pub const NULL: RequestHandle = RequestHandle(abi::MPI_REQUEST_NULL);

/// The request of every send that was complete when it began: it has nothing to
/// remember, so it needs no entry in the table. In the range that the MPI 5.0 ABI
/// reserves for predefined requests.
pub(crate) const SENT: RequestHandle = RequestHandle(abi::MPI_REQUEST_NULL + 1);

/// What a request that has ended gives.
type Ended = (Outcome, Option<Error>);

/// How far a request is.
enum Look {
    /// It is null, or persistent and inactive: not waited for.
    Inactive,
    Pending(Arc<Completion>),
    /// With the number of its match, if it was a receive.
    Ended(u64),
}

/// Several requests that ended in one call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Several {
    /// Which of the given requests, in the order given.
    pub indices: Vec<usize>,
    /// The status of each of them. `error` is set in each when `error` below is.
    pub statuses: Vec<Status>,
    /// `MPI_ERR_IN_STATUS`, when one of them failed.
    pub error: Option<Error>,
}

impl Several {
    fn push(&mut self, index: usize, (outcome, error): Ended) {
        let mut status = Status::from(outcome);
        if let Some(error) = error {
            status.error = error.class.0;
            let earlier = self
                .error
                .take()
                .map(|e| e.message + "; ")
                .unwrap_or_default();
            let message = format!("{earlier}request {index}: {}", error.message);
            self.error = Some(Error {
                class: Class::IN_STATUS,
                message,
                on: error.on,
            });
        }
        self.indices.push(index);
        self.statuses.push(status);
    }
}

impl Rank {
    /// How an operation ended that was complete when it began; none for all others.
    pub(crate) fn begun_complete(&self, handle: RequestHandle) -> Result<Option<Outcome>> {
        if handle == SENT {
            return Ok(Some(Outcome::EMPTY));
        }
        let Some(received) = handle.received() else {
            return Ok(None);
        };
        let outcome = self.mailbox().lock().received.get(received).copied();
        outcome.map(Some).ok_or_else(|| not_a_request(handle))
    }

    /// The same, and frees the request.
    fn free_begun_complete(&self, handle: &mut RequestHandle) -> Result<Option<Outcome>> {
        let outcome = match handle.received() {
            Some(received) => self.mailbox().lock().received.remove(received),
            None if *handle == SENT => Some(Outcome::EMPTY),
            None => return Ok(None),
        };
        let outcome = outcome.ok_or_else(|| not_a_request(*handle))?;
        *handle = NULL;
        Ok(Some(outcome))
    }

    fn look(&self, handle: RequestHandle) -> Result<Look> {
        if handle == NULL {
            return Ok(Look::Inactive);
        }
        if let Some(outcome) = self.begun_complete(handle)? {
            return Ok(Look::Ended(outcome.nth.of_all));
        }
        let requests = self.requests.lock();
        let request = requests.get(handle).ok_or_else(|| not_a_request(handle))?;
        Ok(match &request.started {
            None => Look::Inactive,
            Some(Started::Pending(c)) if !c.is_complete() => Look::Pending(c.clone()),
            Some(Started::Pending(c)) => Look::Ended(c.outcome().nth.of_all),
            Some(Started::Done(outcome, _)) => Look::Ended(outcome.nth.of_all),
            Some(Started::Sent(_) | Started::Buffered(_)) => Look::Ended(0),
        })
    }

    /// Takes the result of a request that has ended: it is freed, or inactive if it is
    /// persistent, and `handle` is what the guest's variable becomes.
    fn retire(&self, guest: &mut dyn Guest, handle: &mut RequestHandle) -> Result<Ended> {
        if let Some(outcome) = self.free_begun_complete(handle)? {
            return Ok((outcome, None));
        }
        let mut requests = self.requests.lock();
        let request = requests
            .get_mut(*handle)
            .ok_or_else(|| not_a_request(*handle))?;
        let Some(started) = request.started.take() else {
            return Ok((Outcome::EMPTY, None));
        };
        let on = request.comm.on();
        let watched = self.is_watched().then(|| request.comm.clone());
        let mut generalized = None;
        if let Kind::Generalized(of) = &request.kind {
            generalized = Some(of.clone());
        }
        if !matches!(request.kind, Kind::Persistent(_)) {
            requests.remove(*handle);
            *handle = NULL;
        }
        drop(requests);
        let (outcome, error) = started.ended().unwrap_or((Outcome::EMPTY, None));
        if let Some(comm) = watched {
            self.note_received(&comm, &outcome);
        }
        match generalized {
            None => Ok((outcome, error.map(|e| Error { on: Some(on), ..e }))),
            Some(of) => of.query_and_free(self, guest),
        }
    }

    /// `MPI_Wait` (MPI 4.1, section 3.7.3).
    ///
    /// # Errors
    /// What the operation failed with; `MPI_ERR_REQUEST` for what is no request.
    pub fn wait(&self, guest: &mut dyn Guest, request: &mut RequestHandle) -> Result<Status> {
        match self.look(*request)? {
            Look::Inactive => return Ok(Status::EMPTY),
            Look::Ended(_) => {}
            Look::Pending(c) => self.wait_for(guest, || c.is_complete().then_some(()))?,
        }
        let (outcome, error) = self.retire(guest, request)?;
        error.map_or(Ok(outcome.into()), Err)
    }

    /// `MPI_Test` (MPI 4.1, section 3.7.3): none while it is under way.
    ///
    /// # Errors
    /// As [`Rank::wait`].
    pub fn test(
        &self,
        guest: &mut dyn Guest,
        request: &mut RequestHandle,
    ) -> Result<Option<Status>> {
        self.advance(guest);
        match self.look(*request)? {
            Look::Inactive => Ok(Some(Status::EMPTY)),
            Look::Pending(_) => {
                self.yield_to_others()?;
                Ok(None)
            }
            Look::Ended(_) => {
                let (outcome, error) = self.retire(guest, request)?;
                error.map_or(Ok(Some(outcome.into())), Err)
            }
        }
    }

    /// `MPI_Waitall` (MPI 4.1, section 3.7.5): `indices` has all of them.
    ///
    /// # Errors
    /// `MPI_ERR_REQUEST` for what is no request; requests' own are in the statuses.
    pub fn waitall(
        &self,
        guest: &mut dyn Guest,
        requests: &mut [RequestHandle],
    ) -> Result<Several> {
        for &request in &*requests {
            self.look(request)?;
        }
        let mut all = Several::default();
        for (index, request) in requests.iter_mut().enumerate() {
            if let Look::Pending(c) = self.look(*request)? {
                self.wait_for(guest, || c.is_complete().then_some(()))?;
            }
            self.collect(guest, &mut all, index, request)?;
        }
        Ok(all)
    }

    /// `MPI_Testall` (MPI 4.1, section 3.7.5): none unless all have ended.
    ///
    /// # Errors
    /// As [`Rank::waitall`].
    pub fn testall(
        &self,
        guest: &mut dyn Guest,
        requests: &mut [RequestHandle],
    ) -> Result<Option<Several>> {
        self.advance(guest);
        let mut pending = false;
        for &request in &*requests {
            pending |= matches!(self.look(request)?, Look::Pending(_));
        }
        if pending {
            self.yield_to_others()?;
            return Ok(None);
        }
        let mut all = Several::default();
        for (index, request) in requests.iter_mut().enumerate() {
            self.collect(guest, &mut all, index, request)?;
        }
        Ok(Some(all))
    }

    /// `MPI_Waitany` (MPI 4.1, section 3.7.5): which one ended; none
    /// (`MPI_UNDEFINED`) when none is active.
    ///
    /// # Errors
    /// As [`Rank::wait`]; the index of the request that failed comes with its error.
    pub fn waitany(
        &self,
        guest: &mut dyn Guest,
        requests: &mut [RequestHandle],
    ) -> Result<Option<(usize, Result<Status>)>> {
        self.wait_for_any(guest, requests)?;
        self.retire_first(guest, requests)
    }

    /// `MPI_Testany` (MPI 4.1, section 3.7.5): the outer none while none has ended,
    /// the inner none (`MPI_UNDEFINED`) when none is active.
    ///
    /// # Errors
    /// As [`Rank::waitany`].
    #[allow(
        clippy::type_complexity,
        reason = "flag, index and status, as the call returns them"
    )]
    pub fn testany(
        &self,
        guest: &mut dyn Guest,
        requests: &mut [RequestHandle],
    ) -> Result<Option<Option<(usize, Result<Status>)>>> {
        self.advance(guest);
        match self.any_ended(requests)? {
            None => Ok(Some(None)),
            Some(false) => {
                self.yield_to_others()?;
                Ok(None)
            }
            Some(true) => self.retire_first(guest, requests).map(Some),
        }
    }

    /// `MPI_Waitsome` (MPI 4.1, section 3.7.5): at least one; none (`MPI_UNDEFINED`)
    /// when none is active.
    ///
    /// # Errors
    /// As [`Rank::waitall`].
    pub fn waitsome(
        &self,
        guest: &mut dyn Guest,
        requests: &mut [RequestHandle],
    ) -> Result<Option<Several>> {
        match self.wait_for_any(guest, requests)? {
            false => Ok(None),
            true => self.collect_ended(guest, requests).map(Some),
        }
    }

    /// `MPI_Testsome` (MPI 4.1, section 3.7.5): perhaps no index; none
    /// (`MPI_UNDEFINED`) when none is active.
    ///
    /// # Errors
    /// As [`Rank::waitall`].
    pub fn testsome(
        &self,
        guest: &mut dyn Guest,
        requests: &mut [RequestHandle],
    ) -> Result<Option<Several>> {
        self.advance(guest);
        if self.any_ended(requests)?.is_none() {
            return Ok(None);
        }
        let some = self.collect_ended(guest, requests)?;
        if some.indices.is_empty() {
            self.yield_to_others()?;
        }
        Ok(Some(some))
    }

    fn collect_ended(
        &self,
        guest: &mut dyn Guest,
        requests: &mut [RequestHandle],
    ) -> Result<Several> {
        let mut some = Several::default();
        for (index, request) in requests.iter_mut().enumerate() {
            if let Look::Ended(_) = self.look(*request)? {
                self.collect(guest, &mut some, index, request)?;
            }
        }
        Ok(some)
    }

    fn collect(
        &self,
        guest: &mut dyn Guest,
        several: &mut Several,
        index: usize,
        request: &mut RequestHandle,
    ) -> Result<()> {
        let ended = match self.look(*request)? {
            Look::Ended(_) => self.retire(guest, request)?,
            _ => (Outcome::EMPTY, None),
        };
        several.push(index, ended);
        Ok(())
    }

    /// Takes the result of a request that has ended, if one has: of several receives that of
    /// the one that was matched first. Any would do (MPI 4.1, section 3.7.5), but programs
    /// that post several receives and count what the senders say at the end, as HPCC's
    /// RandomAccess does, lose data if that is seen before what came before.
    ///
    /// To be called after one was seen to have ended: whoever looks at each in turn may see
    /// a later one end and not the earlier one, which ended behind the look.
    fn retire_first(
        &self,
        guest: &mut dyn Guest,
        requests: &mut [RequestHandle],
    ) -> Result<Option<(usize, Result<Status>)>> {
        let mut first: Option<(u64, usize)> = None;
        for (index, &request) in requests.iter().enumerate() {
            if let Look::Ended(nth) = self.look(request)?
                && first.is_none_or(|(least, _)| nth < least)
            {
                first = Some((nth, index));
            }
        }
        let Some((_, index)) = first else {
            return Ok(None);
        };
        let (outcome, error) = self.retire(guest, &mut requests[index])?;
        Ok(Some((index, error.map_or(Ok(outcome.into()), Err))))
    }

    /// Whether one has ended; `pending` gets those that are under way. Looks at each once:
    /// what ends between two looks would be in neither.
    fn scan(
        &self,
        requests: &[RequestHandle],
        mut pending: impl FnMut(Arc<Completion>),
    ) -> Result<bool> {
        let mut ended = false;
        for &request in requests {
            match self.look(request)? {
                Look::Inactive => {}
                Look::Pending(completion) => pending(completion),
                Look::Ended(_) => ended = true,
            }
        }
        Ok(ended)
    }

    /// Whether one has ended; none when none is active.
    fn any_ended(&self, requests: &[RequestHandle]) -> Result<Option<bool>> {
        let mut active = false;
        let ended = self.scan(requests, |_| active = true)?;
        Ok((ended || active).then_some(ended))
    }

    /// Waits until one has ended; false when none is active.
    fn wait_for_any(&self, guest: &mut dyn Guest, requests: &[RequestHandle]) -> Result<bool> {
        let mut pending = Vec::new();
        let ended = self.scan(requests, |completion| pending.push(completion))?;
        if ended || pending.is_empty() {
            return Ok(ended);
        }
        let ended = || pending.iter().any(|c| c.is_complete()).then_some(true);
        self.wait_for(guest, ended)
    }

    /// A program that polls may keep the one it waits for from running: with more ranks
    /// than cores, a fruitless test gives the core away.
    pub(crate) fn yield_to_others(&self) -> Result<()> {
        if self.world.is_crowded() {
            std::thread::yield_now();
        }
        self.check()
    }

    /// Whether an operation of the request is under way or waits to be completed:
    /// `MPI_Request_get_status_any` passes over the others.
    ///
    /// # Errors
    /// `MPI_ERR_REQUEST` for what is no request.
    pub fn is_active(&self, request: RequestHandle) -> Result<bool> {
        Ok(!matches!(self.look(request)?, Look::Inactive))
    }

    /// `MPI_Request_get_status` (MPI 4.1, section 3.7.6): as [`Rank::test`], but the
    /// request stays.
    ///
    /// # Errors
    /// As [`Rank::wait`].
    pub fn request_get_status(
        &self,
        guest: &mut dyn Guest,
        request: RequestHandle,
    ) -> Result<Option<Status>> {
        self.advance(guest);
        match self.look(request)? {
            Look::Inactive => return Ok(Some(Status::EMPTY)),
            Look::Pending(_) => {
                self.yield_to_others()?;
                return Ok(None);
            }
            Look::Ended(_) => {}
        }
        if let Some(outcome) = self.begun_complete(request)? {
            return Ok(Some(outcome.into()));
        }
        let requests = self.requests.lock();
        let found = requests
            .get(request)
            .ok_or_else(|| not_a_request(request))?;
        let generalized = match &found.kind {
            Kind::Generalized(of) => Some(of.clone()),
            _ => None,
        };
        let ended = found.started.clone().and_then(Started::ended);
        let outcome = ended.map_or(Outcome::EMPTY, |(outcome, _)| outcome);
        drop(requests);
        match generalized {
            None => Ok(Some(outcome.into())),
            Some(of) => of.query(self, guest).map(|outcome| Some(outcome.into())),
        }
    }

    /// `MPI_Request_free` (MPI 4.1, section 3.7.3): what is under way goes on. A generalized
    /// request keeps its handle for `MPI_Grequest_complete`, and nothing else.
    ///
    /// # Errors
    /// `MPI_ERR_REQUEST` for what is no request.
    pub fn request_free(&self, guest: &mut dyn Guest, request: &mut RequestHandle) -> Result<()> {
        if self.free_begun_complete(request)?.is_some() {
            return Ok(());
        }
        let mut requests = self.requests.lock();
        let freed = requests.take(*request);
        let freed = freed.ok_or_else(|| not_a_request(*request))?;
        let handle = std::mem::replace(request, NULL);
        if let Kind::Generalized(of) = &freed.kind
            && !of.is_complete()
        {
            self.freed.lock().insert(handle, of.clone());
            return Ok(());
        }
        requests.recycle(handle);
        drop(requests);
        if let Kind::Generalized(of) = &freed.kind {
            return of.release(guest);
        }
        if let Some(Started::Pending(completion)) = freed.started {
            self.phase.detach(freed.comm.id(), completion);
        }
        Ok(())
    }

    /// `MPI_Start` (MPI 4.1, section 3.9).
    ///
    /// # Errors
    /// `MPI_ERR_REQUEST` for what is no inactive persistent request.
    pub fn start(&self, guest: &mut dyn Guest, request: RequestHandle) -> Result<()> {
        if self.begun_complete(request)?.is_some() {
            return Err(Error::new(Class::REQUEST, "request: it is not persistent"));
        }
        let requests = self.requests.lock();
        let found = requests
            .get(request)
            .ok_or_else(|| not_a_request(request))?;
        let Kind::Persistent(recipe) = &found.kind else {
            return Err(Error::new(Class::REQUEST, "request: it is not persistent"));
        };
        if found.started.is_some() {
            return Err(Error::new(Class::REQUEST, "request: it is active already"));
        }
        let recipe = recipe.clone();
        drop(requests);
        let started = recipe.start(self, guest)?;
        if let Some(found) = self.requests.lock().get_mut(request) {
            found.started = Some(started);
        }
        Ok(())
    }

    /// `MPI_Startall` (MPI 4.1, section 3.9).
    ///
    /// # Errors
    /// As [`Rank::start`], for the first that fails.
    pub fn startall(&self, guest: &mut dyn Guest, requests: &[RequestHandle]) -> Result<()> {
        requests
            .iter()
            .try_for_each(|&request| self.start(guest, request))
    }
}

#[cold]
pub(crate) fn not_a_request(handle: RequestHandle) -> Error {
    unknown(Class::REQUEST, "request", handle, abi::MPI_REQUEST_NULL)
}
