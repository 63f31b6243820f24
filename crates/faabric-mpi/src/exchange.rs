//! Sending and receiving in one call (MPI 4.1, section 3.11).

use crate::comm::{Comm, Context};
use crate::data::View;
use crate::error::Result;
use crate::guest::Guest;
use crate::handle::{CommHandle, RequestHandle};
use crate::p2p::Started;
use crate::progress::Operation;
use crate::rank::{Buffer, Rank};
use crate::request::{Kind, Outcome};
use crate::send::{Destination, Origin, SendMode, destination, origin};
use crate::status::Status;

/// Both halves of an exchange, as far as they are under way.
struct Exchange {
    sent: Started,
    received: Started,
}

impl Rank {
    /// `MPI_Sendrecv` (MPI 4.1, section 3.11); both ends are of `to`'s communicator.
    ///
    /// # Errors
    /// As [`Rank::send`] and [`Rank::recv`].
    pub fn sendrecv(
        &self,
        guest: &mut dyn Guest,
        send: &Buffer,
        to: Destination,
        recv: &Buffer,
        from: Origin,
    ) -> Result<Status> {
        let exchange = self.start_exchange(send, to, recv, from)?;
        self.finish_exchange(guest, to.comm, exchange)
    }

    /// `MPI_Sendrecv_replace` (MPI 4.1, section 3.11): what is sent is copied first.
    ///
    /// # Errors
    /// As [`Rank::sendrecv`].
    pub fn sendrecv_replace(
        &self,
        guest: &mut dyn Guest,
        buffer: &Buffer,
        to: Destination,
        from: Origin,
    ) -> Result<Status> {
        let exchange = self.start_replacing(buffer, to, from)?;
        self.finish_exchange(guest, to.comm, exchange)
    }

    /// `MPI_Isendrecv` (MPI 4.1, section 3.11): its status is that of the receive.
    ///
    /// # Errors
    /// As [`Rank::sendrecv`], for what can be seen now.
    pub fn isendrecv(
        &self,
        guest: &mut dyn Guest,
        send: &Buffer,
        to: Destination,
        recv: &Buffer,
        from: Origin,
    ) -> Result<RequestHandle> {
        let exchange = self.start_exchange(send, to, recv, from)?;
        self.request_exchange(guest, to, exchange)
    }

    /// `MPI_Isendrecv_replace` (MPI 4.1, section 3.11).
    ///
    /// # Errors
    /// As [`Rank::isendrecv`].
    pub fn isendrecv_replace(
        &self,
        guest: &mut dyn Guest,
        buffer: &Buffer,
        to: Destination,
        from: Origin,
    ) -> Result<RequestHandle> {
        let exchange = self.start_replacing(buffer, to, from)?;
        self.request_exchange(guest, to, exchange)
    }

    fn start_exchange(
        &self,
        send: &Buffer,
        to: Destination,
        recv: &Buffer,
        from: Origin,
    ) -> Result<Exchange> {
        let comm = self.active_comm(to.comm)?;
        let (send_type, recv_type) = (
            self.committed(send.datatype)?,
            self.committed(recv.datatype)?,
        );
        let (send, recv) = (self.view(send, &send_type)?, self.view(recv, &recv_type)?);
        self.post_exchange(&comm, (send, to), (recv, from))
    }

    fn start_replacing(&self, buffer: &Buffer, to: Destination, from: Origin) -> Result<Exchange> {
        let comm = self.active_comm(to.comm)?;
        let datatype = self.committed(buffer.datatype)?;
        let view = self.view(buffer, &datatype)?;
        let copy = self.copy_of(&view)?;
        self.post_exchange(&comm, (copy.view(), to), (view, from))
    }

    /// Posts the receive first: a message that finds it posted is copied once.
    fn post_exchange(
        &self,
        comm: &Comm,
        (send, to): (View<'_>, Destination),
        (recv, from): (View<'_>, Origin),
    ) -> Result<Exchange> {
        send.check(&self.world)?;
        let dest = destination(comm, to.rank, to.tag)?;
        let received = match origin(comm, from.rank, from.tag)? {
            None => Started::Done(Outcome::PROC_NULL, None),
            Some(source) => self.start_recv(comm, Context::PointToPoint, source, from.tag, recv)?,
        };
        let sent = match dest {
            None => Started::Done(Outcome::EMPTY, None),
            Some(dest) => self.start_mode(comm, SendMode::Standard, dest, to.tag, send)?,
        };
        Ok(Exchange { sent, received })
    }

    fn finish_exchange(
        &self,
        guest: &mut dyn Guest,
        comm: CommHandle,
        exchange: Exchange,
    ) -> Result<Status> {
        self.wait_started(guest, exchange.sent)?;
        let comm = self.active_comm(comm)?;
        Ok(self.wait_received(guest, &comm, exchange.received)?.into())
    }

    fn request_exchange(
        &self,
        guest: &mut dyn Guest,
        to: Destination,
        exchange: Exchange,
    ) -> Result<RequestHandle> {
        let comm = self.active_comm(to.comm)?.into_owned();
        let completion = self.start_operation(guest, Box::new(exchange));
        self.request(comm, Started::Pending(completion), Kind::Operation)
    }
}

impl Operation for Exchange {
    fn poll(&mut self, _: &Rank, _: &mut dyn Guest) -> Result<Option<Outcome>> {
        let (Some((_, failed)), Some((outcome, error))) =
            (self.sent.clone().ended(), self.received.clone().ended())
        else {
            return Ok(None);
        };
        failed.or(error).map_or(Ok(Some(outcome)), Err)
    }
}
