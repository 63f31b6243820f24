//! Gather, scatter, allgather and alltoall as a team serves them: checks, the form of
//! hand-over, and the caller's buffers as runs of bytes.

use super::caller::{Caller, left_alone};
use super::move_turns as moves;
use super::share::{Flat, Form};
use crate::collective::call::IN_PLACE;
use crate::collective::check;
use crate::error::Result;
use crate::guest::Guest;
use crate::memory::{self, Addr};
use crate::rank::Buffer;

impl Caller<'_> {
    /// Packed bytes of a buffer, which must not be `MPI_IN_PLACE`.
    fn len(&self, buffer: &Buffer, name: &str) -> Result<u64> {
        check::refuse_in_place(buffer.addr, name)?;
        check::bytes(&*self.rank.committed(buffer.datatype)?, buffer.count)
    }

    /// `copies` times the buffer's elements, as one run of bytes.
    fn run(&self, buffer: &Buffer, copies: u32) -> Result<Flat> {
        let count = buffer.count.saturating_mul(i64::from(copies));
        self.flat(buffer.addr, count, &*self.rank.committed(buffer.datatype)?)
    }

    /// The caller's own block, when it is not in place: it must have the length of its
    /// place, `rank` blocks into `all`, and be elsewhere.
    fn own(&self, own: &Buffer, all: &Buffer, len: u64, rank: u32) -> Result<Option<Flat>> {
        if own.addr == IN_PLACE {
            return Ok(None);
        }
        let mine = self.len(own, "sendbuf")?;
        check::same_length("sendbuf", mine, "the caller's place in recvbuf", len)?;
        check::distinct(own.addr, self.place(all, rank)?, len)?;
        self.run(own, 1).map(Some)
    }

    /// Where block `rank` of a buffer of blocks is.
    fn place(&self, all: &Buffer, rank: u32) -> Result<Addr> {
        let extent = self.rank.committed(all.datatype)?.extent();
        let skip = all
            .count
            .checked_mul(extent)
            .and_then(|block| block.checked_mul(rank.into()));
        skip.map(|skip| memory::place(&*self.rank.memory, all.addr, skip))
            .ok_or_else(|| check::overflow("the buffer"))
    }

    pub(super) fn gather(
        &self,
        guest: &mut dyn Guest,
        send: Buffer,
        recv: Buffer,
        root: i32,
    ) -> Result<Option<()>> {
        let root = check::root(self.comm, root)?;
        let is_root = self.comm.rank == root;
        let len = if is_root {
            self.len(&recv, "recvbuf")?
        } else {
            self.len(&send, "sendbuf")?
        };
        let form = self.form(len);
        if form == Form::Shown || len == 0 {
            return Ok(left_alone(form));
        }
        if !is_root {
            let own = self.run(&send, 1)?;
            moves::gather(self.turn(guest), form, root as usize, own.span(), None)?;
            return Ok(Some(()));
        }
        let own = self.own(&send, &recv, len, root)?;
        let all = self.run(&recv, self.comm.size())?;
        let place = || all.block(root, len);
        moves::gather(
            self.turn(guest),
            form,
            root as usize,
            own.as_ref().map_or_else(place, Flat::span),
            Some(all.span()),
        )?;
        all.bring_home()?;
        Ok(Some(()))
    }

    pub(super) fn scatter(
        &self,
        guest: &mut dyn Guest,
        send: Buffer,
        recv: Buffer,
        root: i32,
    ) -> Result<Option<()>> {
        let root = check::root(self.comm, root)?;
        let is_root = self.comm.rank == root;
        let in_place = is_root && recv.addr == IN_PLACE;
        let len = if is_root {
            self.len(&send, "sendbuf")?
        } else {
            self.len(&recv, "recvbuf")?
        };
        let form = self.form(len.saturating_mul(self.comm.size().into()));
        if form == Form::Shown || len == 0 {
            return Ok(left_alone(form));
        }
        if is_root && !in_place {
            check::room(self.len(&recv, "recvbuf")?, len)?;
            check::distinct(recv.addr, self.place(&send, root)?, len)?;
        }
        let all = if is_root {
            Some(self.run(&send, self.comm.size())?)
        } else {
            None
        };
        let own = if in_place {
            None
        } else {
            Some(self.run(&recv, 1)?)
        };
        let (from, to) = (all.as_ref().map(Flat::span), own.as_ref().map(Flat::span));
        moves::scatter(self.turn(guest), form, root as usize, len, from, to)?;
        own.map_or(Ok(()), |own| own.bring_home())?;
        Ok(Some(()))
    }

    pub(super) fn allgather(
        &self,
        guest: &mut dyn Guest,
        send: Buffer,
        recv: Buffer,
    ) -> Result<()> {
        let len = self.len(&recv, "recvbuf")?;
        let own = self.own(&send, &recv, len, self.comm.rank)?;
        if len == 0 {
            return Ok(());
        }
        let all = self.run(&recv, self.comm.size())?;
        let in_place = own.is_none();
        let place = || all.block(self.comm.rank, len);
        moves::allgather(
            self.turn(guest),
            self.form(len),
            own.as_ref().map_or_else(place, Flat::span),
            all.span(),
            in_place,
        )?;
        all.bring_home()
    }

    pub(super) fn alltoall(
        &self,
        guest: &mut dyn Guest,
        send: Buffer,
        recv: Buffer,
    ) -> Result<Option<()>> {
        let size = self.comm.size();
        let len = self.len(&recv, "recvbuf")?;
        let in_place = send.addr == IN_PLACE;
        let form = self.form(len.saturating_mul(size.into()));
        if len == 0 || in_place && form == Form::Shown {
            return Ok(left_alone(form));
        }
        let mut sends = None;
        if !in_place {
            check::distinct(send.addr, recv.addr, len)?;
            check::same_length("sendbuf", self.len(&send, "sendbuf")?, "recvbuf", len)?;
            sends = Some(self.run(&send, size)?);
        }
        let recvs = self.run(&recv, size)?;
        let from = sends.as_ref().unwrap_or(&recvs);
        moves::alltoall(self.turn(guest), form, from.span(), recvs.span(), len)?;
        recvs.bring_home()?;
        Ok(Some(()))
    }
}
