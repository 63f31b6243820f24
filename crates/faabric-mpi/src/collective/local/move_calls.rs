//! Gather, scatter, allgather and alltoall as a team serves them: checks, the form of
//! hand-over, and the caller's buffers as runs of bytes.

use super::caller::{Caller, flat_of, left_alone};
use super::move_turns as moves;
use super::share::{Flat, Form};
use crate::collective::call::IN_PLACE;
use crate::collective::check::{self, Blocked};
use crate::error::Result;
use crate::guest::Guest;
use crate::rank::Buffer;

impl Caller<'_> {
    pub(super) fn gather(
        &self,
        guest: &mut dyn Guest,
        send: Buffer,
        recv: Buffer,
        root: i32,
    ) -> Result<Option<()>> {
        let root = check::root(self.comm, root)?;
        if self.comm.rank != root {
            let own = check::one(self.rank, send, "sendbuf")?;
            let form = self.form(own.blocks.total());
            if form == Form::Shown || own.blocks.total() == 0 {
                return Ok(left_alone(form));
            }
            let own = flat_of(own)?;
            moves::gather(self.turn(guest), form, root as usize, &own.window, None)?;
            return Ok(Some(()));
        }
        let all = check::blocks(self.rank, recv, self.comm.size(), "recvbuf")?;
        let len = all.blocks.len(0);
        let form = self.form(len);
        if form == Form::Shown || len == 0 {
            return Ok(left_alone(form));
        }
        let in_place = send.addr == IN_PLACE;
        let own = if in_place {
            None
        } else {
            Some(self.own(send, &all, root)?)
        };
        let all = flat_of(all)?;
        let at = u64::from(root) * len;
        let own = own.map_or_else(|| all.window.part(at..at + len), |own| own.window);
        moves::gather(
            self.turn(guest),
            form,
            root as usize,
            &own,
            Some(&all.window),
        )?;
        all.bring_home()?;
        Ok(Some(()))
    }

    /// The caller's own block, of the length of its place in `all`.
    fn own(&self, own: Buffer, all: &Blocked, rank: u32) -> Result<Flat> {
        flat_of(check::own_block(self.rank, own, all, rank)?)
    }

    pub(super) fn scatter(
        &self,
        guest: &mut dyn Guest,
        send: Buffer,
        recv: Buffer,
        root: i32,
    ) -> Result<Option<()>> {
        let root = check::root(self.comm, root)?;
        let size = u64::from(self.comm.size());
        let is_root = self.comm.rank == root;
        let in_place = is_root && recv.addr == IN_PLACE;
        let all = if is_root {
            Some(check::blocks(self.rank, send, self.comm.size(), "sendbuf")?)
        } else {
            None
        };
        let own = if in_place {
            None
        } else {
            Some(check::one(self.rank, recv, "recvbuf")?)
        };
        let len = match (&all, &own) {
            (Some(all), _) => all.blocks.len(0),
            (None, Some(own)) => own.blocks.total(),
            (None, None) => 0,
        };
        let form = self.form(len.saturating_mul(size));
        if form == Form::Shown || len == 0 {
            return Ok(left_alone(form));
        }
        if let (Some(all), Some(own)) = (&all, &own) {
            check::scattered_block(recv, own, all, root)?;
        }
        let (all, own) = (all.map(flat_of).transpose()?, own.map(flat_of).transpose()?);
        let (from, to) = (
            all.as_ref().map(|all| &all.window),
            own.as_ref().map(|own| &own.window),
        );
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
        let all = check::blocks(self.rank, recv, self.comm.size(), "recvbuf")?;
        let in_place = send.addr == IN_PLACE;
        let own = if in_place {
            None
        } else {
            Some(self.own(send, &all, self.comm.rank)?)
        };
        let len = all.blocks.len(0);
        if len == 0 {
            return Ok(());
        }
        let all = flat_of(all)?;
        let at = u64::from(self.comm.rank) * len;
        let own = own.map_or_else(|| all.window.part(at..at + len), |own| own.window);
        moves::allgather(
            self.turn(guest),
            self.form(len),
            &own,
            &all.window,
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
        let recvs = check::blocks(self.rank, recv, self.comm.size(), "recvbuf")?;
        let len = recvs.blocks.len(0);
        let total = recvs.blocks.total();
        let in_place = send.addr == IN_PLACE;
        let form = self.form(total);
        if len == 0 || in_place && form == Form::Shown {
            return Ok(left_alone(form));
        }
        let sends = if in_place {
            None
        } else {
            check::distinct(send.addr, recv.addr, len)?;
            let sends = check::blocks(self.rank, send, self.comm.size(), "sendbuf")?;
            check::same_length("sendbuf", sends.blocks.total(), "recvbuf", total)?;
            Some(flat_of(sends)?)
        };
        let recvs = flat_of(recvs)?;
        let from = sends.as_ref().unwrap_or(&recvs);
        moves::alltoall(self.turn(guest), form, &from.window, &recvs.window, len)?;
        recvs.bring_home()?;
        Ok(Some(()))
    }
}
