//! The ends of requests: the Wait and Test families, freeing and starting (MPI 4.1,
//! sections 3.7.3 to 3.9).

use crate::abi;
use crate::error::{Class, Error, Result};
use crate::guest::Guest;
use crate::handle::{ReceivedHandle, RequestHandle};
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
    /// How a receive ended that was complete when it began.
    pub(crate) fn received(&self, handle: ReceivedHandle) -> Result<Outcome> {
        let outcome = self.mailbox().lock().received.get(handle).copied();
        outcome.ok_or_else(|| not_a_request(handle.into()))
    }

    fn forget_received(&self, handle: ReceivedHandle) -> Result<Outcome> {
        let outcome = self.mailbox().lock().received.remove(handle);
        outcome.ok_or_else(|| not_a_request(handle.into()))
    }

    fn look(&self, handle: RequestHandle) -> Result<Look> {
        if handle == NULL {
            return Ok(Look::Inactive);
        }
        if handle == SENT {
            return Ok(Look::Ended(0));
        }
        if let Some(received) = handle.received() {
            let outcome = self.received(received)?;
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
        if *handle == SENT {
            *handle = NULL;
            return Ok((Outcome::EMPTY, None));
        }
        if let Some(received) = handle.received() {
            let outcome = self.forget_received(received)?;
            *handle = NULL;
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
        let Some(index) = self.wait_for_any(guest, requests)? else {
            return Ok(None);
        };
        let (outcome, error) = self.retire(guest, &mut requests[index])?;
        Ok(Some((index, error.map_or(Ok(outcome.into()), Err))))
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
        match self.first_ended(requests)? {
            None => {
                self.yield_to_others()?;
                Ok(None)
            }
            Some(None) => Ok(Some(None)),
            Some(Some(index)) => {
                let (outcome, error) = self.retire(guest, &mut requests[index])?;
                Ok(Some(Some((index, error.map_or(Ok(outcome.into()), Err)))))
            }
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
            None => Ok(None),
            Some(_) => self.collect_ended(guest, requests).map(Some),
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
        if let Some(None) = self.first_ended(requests)? {
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

    /// A request that has ended; `pending` gets those that are under way. Looks at each once:
    /// what ends between two looks would be in neither.
    ///
    /// Of several receives the one that was matched first. Any would do (MPI 4.1, section
    /// 3.7.5), but programs that post several receives and count what the senders say at
    /// the end, as HPCC's RandomAccess does, lose data if that is seen before what came before.
    fn scan(
        &self,
        requests: &[RequestHandle],
        mut pending: impl FnMut(usize, Arc<Completion>),
    ) -> Result<Option<usize>> {
        let mut any = false;
        for (index, &request) in requests.iter().enumerate() {
            match self.look(request)? {
                Look::Inactive => {}
                Look::Pending(completion) => pending(index, completion),
                Look::Ended(_) => any = true,
            }
        }
        if !any {
            return Ok(None);
        }
        // Once more, because one that was matched earlier may have ended behind the first look.
        let mut first: Option<(u64, usize)> = None;
        for (index, &request) in requests.iter().enumerate() {
            if let Look::Ended(nth) = self.look(request)?
                && first.is_none_or(|(least, _)| nth < least)
            {
                first = Some((nth, index));
            }
        }
        Ok(first.map(|(_, index)| index))
    }

    /// Outer none: some are active and none has ended. Inner none: none is active.
    fn first_ended(&self, requests: &[RequestHandle]) -> Result<Option<Option<usize>>> {
        let mut active = false;
        let first = self.scan(requests, |_, _| active = true)?;
        Ok((first.is_some() || !active).then_some(first))
    }

    fn wait_for_any(
        &self,
        guest: &mut dyn Guest,
        requests: &[RequestHandle],
    ) -> Result<Option<usize>> {
        let mut pending = Vec::new();
        let first = self.scan(requests, |index, completion| {
            pending.push((index, completion))
        })?;
        if first.is_some() || pending.is_empty() {
            return Ok(first);
        }
        let ended = || {
            pending.iter().find(|(_, c)| c.is_complete())?;
            // Once more, as in `scan`.
            let ended = pending.iter().filter(|(_, c)| c.is_complete());
            let first = ended.min_by_key(|(_, c)| c.outcome().nth.of_all);
            first.map(|&(index, _)| index)
        };
        self.wait_for(guest, ended).map(Some)
    }

    /// A program that polls may keep the one it waits for from running: with more ranks
    /// than cores, a fruitless test gives the core away.
    pub(crate) fn yield_to_others(&self) -> Result<()> {
        if self.world.is_crowded() {
            std::thread::yield_now();
        }
        self.world.check()
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
            Look::Ended(_) if request == SENT => return Ok(Some(Status::EMPTY)),
            Look::Ended(_) => {}
        }
        if let Some(received) = request.received() {
            return self.received(received).map(|outcome| Some(outcome.into()));
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

    /// `MPI_Request_free` (MPI 4.1, section 3.7.3): what is under way goes on.
    ///
    /// # Errors
    /// `MPI_ERR_REQUEST` for what is no request.
    pub fn request_free(&self, guest: &mut dyn Guest, request: &mut RequestHandle) -> Result<()> {
        if *request == SENT {
            *request = NULL;
            return Ok(());
        }
        if let Some(received) = request.received() {
            self.forget_received(received)?;
            *request = NULL;
            return Ok(());
        }
        let freed = self.requests.lock().remove(*request);
        let freed = freed.ok_or_else(|| not_a_request(*request))?;
        *request = NULL;
        if let Kind::Generalized(of) = &freed.kind {
            return of.release(guest);
        }
        if let Some(Started::Pending(completion)) = freed.started {
            self.phase.detach(completion);
        }
        Ok(())
    }

    /// `MPI_Start` (MPI 4.1, section 3.9).
    ///
    /// # Errors
    /// `MPI_ERR_REQUEST` for what is no inactive persistent request.
    pub fn start(&self, guest: &mut dyn Guest, request: RequestHandle) -> Result<()> {
        if request == SENT || request.received().is_some() {
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
