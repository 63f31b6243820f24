//! Puts, gets and accumulates (MPI 4.1, section 12.3).

use super::apply::Combine;
use super::epoch::Need;
use super::message::{Action, Message};
use super::origin::{MOST, Wanted};
use super::part::{Flavor, Part, out_of_range};
use super::runs::{self, Pieces, Run};
use super::window::{Peer, Window};
use crate::data::View;
use crate::datatype::{Cursor, Datatype, Family, Side};
use crate::error::{Class, Error, Result};
use crate::guest::Guest;
use crate::handle::{OpHandle, RequestHandle, TypeHandle, WinHandle};
use crate::memory::Addr;
use crate::op::{Builtin, Op};
use crate::p2p::Started;
use crate::rank::{Buffer, Rank};
use crate::request::{Completion, Kind, Outcome};
use std::sync::Arc;

/// Bytes that are combined at a time on one worker.
const STEP: u64 = 16 << 10;

/// Where an operation reaches, as the guest says it.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// `target_rank`: a rank or `MPI_PROC_NULL`.
    pub rank: i32,
    /// `target_disp`, in the target's displacement units.
    pub disp: i64,
    /// `target_count`.
    pub count: i64,
    /// `target_datatype`.
    pub datatype: TypeHandle,
    /// `win`.
    pub win: WinHandle,
}

/// Where an operation reaches, checked as far as the origin can.
pub(crate) struct Place<'a> {
    pub(crate) window: &'a Window,
    /// The target's rank in the window.
    pub(crate) target: u32,
    /// Where the elements' address is, in bytes from the window's base.
    pub(crate) base: i64,
    pub(crate) count: u64,
    pub(crate) datatype: &'a Arc<Datatype>,
    /// Bytes of data.
    len: u64,
}

impl<'a> Place<'a> {
    pub(crate) fn peer(&self) -> &'a Peer {
        &self.window.peers[self.target as usize]
    }

    fn new(
        window: &'a Window,
        rank: u32,
        target: &Target,
        datatype: &'a Arc<Datatype>,
    ) -> Result<Place<'a>> {
        let len = datatype.bytes(target.count)?;
        let count = target.count as u64;
        let peer = &window.peers[rank as usize];
        let base = match window.flavor {
            // An address of the target: 32 bits that MPI_Aint makes a signed number of.
            Flavor::Dynamic => i64::from(target.disp as u32),
            _ => {
                let unit = peer.disp_unit as i64;
                let base = target.disp.checked_mul(unit).filter(|&base| base >= 0);
                base.ok_or_else(|| {
                    let disp = target.disp;
                    Error::new(Class::DISP, format!("target_disp: {disp} is out of range"))
                })?
            }
        };
        let (first, end) = datatype.span(count)?;
        let span = i128::from(base) + i128::from(first)..i128::from(base) + i128::from(end);
        let inside = span.start >= 0 && span.end <= i128::from(peer.size);
        // What is attached to a dynamic window, only the target knows.
        if len > 0 && !inside && window.flavor != Flavor::Dynamic {
            return Err(out_of_range(&span, peer.size));
        }
        Ok(Place {
            window,
            target: rank,
            base,
            count,
            datatype,
            len,
        })
    }

    /// The elements in the memory of a target on this worker.
    fn side<'b>(&'b self, part: &'b Part) -> Result<Side<'b>> {
        if part.regions.is_some() {
            for piece in self.pieces(self.len, 1, u64::MAX) {
                part.check(&piece.runs)?;
            }
        }
        Ok(Side {
            memory: &*part.memory,
            addr: part.addr(self.base),
            count: self.count,
            datatype: self.datatype,
        })
    }

    fn pieces(&self, len: u64, unit: u64, most: u64) -> Pieces<'_> {
        Pieces::new(self.datatype, self.count, self.base, len, unit, most)
    }
}

fn side<'a>(view: &View<'a>) -> Side<'a> {
    Side {
        memory: &**view.memory,
        addr: view.addr,
        count: view.count,
        datatype: view.datatype,
    }
}

/// Checks that `len` bytes fit into `room`.
fn fits(len: u64, room: u64, what: &str) -> Result<()> {
    if len <= room {
        return Ok(());
    }
    Err(Error::new(
        Class::TRUNCATE,
        format!("{len} bytes do not fit into the {room} of the {what} buffer"),
    ))
}

impl Rank {
    /// `MPI_Put` (MPI 4.1, section 12.3.1).
    ///
    /// # Errors
    /// Names the argument that is wrong; `MPI_ERR_RMA_SYNC` outside an access epoch of the
    /// target; `MPI_ERR_RMA_RANGE`, now or at the next synchronisation.
    pub fn put(&self, guest: &mut dyn Guest, origin: &Buffer, target: &Target) -> Result<()> {
        self.start_put(guest, origin, target, false)
    }

    /// `MPI_Rput` (MPI 4.1, section 12.3.5): complete when the data may be changed.
    ///
    /// # Errors
    /// As [`Rank::put`].
    pub fn rput(
        &self,
        guest: &mut dyn Guest,
        origin: &Buffer,
        target: &Target,
    ) -> Result<RequestHandle> {
        self.start_put(guest, origin, target, true)?;
        self.rma_request(target.win, None)
    }

    fn start_put(
        &self,
        guest: &mut dyn Guest,
        origin: &Buffer,
        target: &Target,
        passive: bool,
    ) -> Result<()> {
        let window = self.active_win(target.win)?;
        let Some(rank) = window.target("target_rank", target.rank)? else {
            return Ok(());
        };
        let types = (
            self.committed(origin.datatype)?,
            self.committed(target.datatype)?,
        );
        let from = self.view(origin, &types.0)?;
        let len = from.check(&self.world)?;
        let place = Place::new(&window, rank, target, &types.1)?;
        fits(len, place.len, "target")?;
        self.access(guest, &window, rank, passive)?;
        match &place.peer().part {
            _ if len == 0 => Ok(()),
            Some(part) => self.world.copy(side(&from), place.side(part)?),
            None => self.apply_there(guest, &place, Action::Put, (len, 1), Some(from), None),
        }
    }

    /// `MPI_Get` (MPI 4.1, section 12.3.2).
    ///
    /// # Errors
    /// As [`Rank::put`].
    pub fn get(&self, guest: &mut dyn Guest, origin: &Buffer, target: &Target) -> Result<()> {
        self.start_get(guest, origin, target, None)
    }

    /// `MPI_Rget` (MPI 4.1, section 12.3.5): complete when the data is here.
    ///
    /// # Errors
    /// As [`Rank::put`].
    pub fn rget(
        &self,
        guest: &mut dyn Guest,
        origin: &Buffer,
        target: &Target,
    ) -> Result<RequestHandle> {
        let completion = Arc::new(Completion::new(self.world_rank));
        self.start_get(guest, origin, target, Some(completion.clone()))?;
        self.rma_request(target.win, Some(completion))
    }

    fn start_get(
        &self,
        guest: &mut dyn Guest,
        origin: &Buffer,
        target: &Target,
        completion: Option<Arc<Completion>>,
    ) -> Result<()> {
        let window = self.active_win(target.win)?;
        let Some(rank) = window.target("target_rank", target.rank)? else {
            return ended(completion);
        };
        let types = (
            self.committed(origin.datatype)?,
            self.committed(target.datatype)?,
        );
        let into = self.view(origin, &types.0)?;
        let room = into.check(&self.world)?;
        let place = Place::new(&window, rank, target, &types.1)?;
        fits(place.len, room, "origin")?;
        self.access(guest, &window, rank, completion.is_some())?;
        match &place.peer().part {
            _ if place.len == 0 => ended(completion),
            Some(part) => {
                self.world.copy(place.side(part)?, side(&into))?;
                ended(completion)
            }
            None => {
                let wanted = Wanted { into, completion };
                let len = (place.len, 1);
                self.apply_there(guest, &place, Action::Get, len, None, Some(wanted))
            }
        }
    }

    /// `MPI_Accumulate` (MPI 4.1, section 12.3.4).
    ///
    /// # Errors
    /// As [`Rank::put`]; `MPI_ERR_OP` for an operation that is the program's own, or not
    /// defined on the type; `MPI_ERR_TYPE` when the types differ.
    pub fn accumulate(
        &self,
        guest: &mut dyn Guest,
        origin: &Buffer,
        target: &Target,
        op: OpHandle,
    ) -> Result<()> {
        self.start_accumulate(guest, origin, None, target, op, false)
    }

    /// `MPI_Raccumulate` (MPI 4.1, section 12.3.5): complete when the data may be changed.
    ///
    /// # Errors
    /// As [`Rank::accumulate`].
    pub fn raccumulate(
        &self,
        guest: &mut dyn Guest,
        origin: &Buffer,
        target: &Target,
        op: OpHandle,
    ) -> Result<RequestHandle> {
        self.start_accumulate(guest, origin, None, target, op, true)?;
        self.rma_request(target.win, None)
    }

    /// `MPI_Get_accumulate` (MPI 4.1, section 12.3.4).
    ///
    /// # Errors
    /// As [`Rank::accumulate`].
    pub fn get_accumulate(
        &self,
        guest: &mut dyn Guest,
        origin: &Buffer,
        result: &Buffer,
        target: &Target,
        op: OpHandle,
    ) -> Result<()> {
        self.start_accumulate(guest, origin, Some((result, None)), target, op, false)
    }

    /// `MPI_Rget_accumulate` (MPI 4.1, section 12.3.5): complete when the result is here.
    ///
    /// # Errors
    /// As [`Rank::accumulate`].
    pub fn rget_accumulate(
        &self,
        guest: &mut dyn Guest,
        origin: &Buffer,
        result: &Buffer,
        target: &Target,
        op: OpHandle,
    ) -> Result<RequestHandle> {
        let completion = Arc::new(Completion::new(self.world_rank));
        let wanted = Some((result, Some(completion.clone())));
        self.start_accumulate(guest, origin, wanted, target, op, true)?;
        self.rma_request(target.win, Some(completion))
    }

    /// `MPI_Fetch_and_op` (MPI 4.1, section 12.3.4) of the one element at `target`.
    ///
    /// # Errors
    /// As [`Rank::accumulate`]; `MPI_ERR_TYPE` unless the type is predefined.
    pub fn fetch_and_op(
        &self,
        guest: &mut dyn Guest,
        origin: Addr,
        result: Addr,
        target: &Target,
        op: OpHandle,
    ) -> Result<()> {
        let datatype = target.datatype;
        self.one_element(target, |_| true)?;
        let one = |addr| Buffer {
            addr,
            count: 1,
            datatype,
        };
        self.get_accumulate(guest, &one(origin), &one(result), target, op)
    }

    /// The type of an operation on one element; `allowed` says which there may be.
    fn one_element(&self, target: &Target, allowed: fn(Family) -> bool) -> Result<u64> {
        let datatype = self.datatype(target.datatype)?;
        match datatype.primitive() {
            Some(primitive) if datatype.is_predefined() && allowed(primitive.family()) => {
                Ok(primitive.size())
            }
            _ => Err(Error::new(
                Class::TYPE,
                format!("datatype: {} is not allowed here", datatype.name()),
            )),
        }
    }

    /// `MPI_Compare_and_swap` (MPI 4.1, section 12.3.4) of the one element at `target`.
    ///
    /// # Errors
    /// As [`Rank::put`]; `MPI_ERR_TYPE` unless the type is an integer, a logical or a byte.
    pub fn compare_and_swap(
        &self,
        guest: &mut dyn Guest,
        (origin, compare): (Addr, Addr),
        result: Addr,
        target: &Target,
    ) -> Result<()> {
        let window = self.active_win(target.win)?;
        let Some(rank) = window.target("target_rank", target.rank)? else {
            return Ok(());
        };
        let size = self.one_element(target, |family| {
            use Family::{Byte, Integer, Logical, MultiLanguage};
            matches!(family, Integer | Logical | MultiLanguage | Byte)
        })? as usize;
        let datatype = self.datatype(target.datatype)?;
        let place = Place::new(&window, rank, target, &datatype)?;
        let mut bytes = [0; 32];
        let (new, rest) = bytes.split_at_mut(size);
        let compare_with = &mut rest[..size];
        self.memory.read(origin, new)?;
        self.memory.read(compare, compare_with)?;
        let into = Buffer {
            addr: result,
            count: 1,
            datatype: target.datatype,
        };
        let into = self.view(&into, &datatype)?;
        into.check(&self.world)?;
        self.access(guest, &window, rank, false)?;
        let run = [Run {
            offset: place.base,
            len: size as u64,
            stride: 0,
            count: 1,
        }];
        if let Some(part) = &place.peer().part {
            let mut before = [0; 16];
            let before = &mut before[..size];
            let stripes = &self.world.windows.stripes;
            part.compare_and_swap(stripes, &run, compare_with, new, before)?;
            return into.fill(before);
        }
        let mut payload = Vec::new();
        runs::encode(&run, &mut payload);
        payload.extend_from_slice(compare_with);
        payload.extend_from_slice(new);
        self.wait_for(guest, || window.pending.has_room().then_some(()))?;
        let pending = window.pending.clone();
        let (reply, fetch) = self.fetch(into.to_data(), size as u64, pending, rank, None);
        fetch.ask(size as u64);
        window.pending.change(rank);
        let message = Message::Apply {
            window: window.id(),
            action: Action::CompareAndSwap,
            runs: 1,
            reply,
            position: 0,
        };
        self.tell_peer(place.peer(), message, &payload)
    }

    fn start_accumulate(
        &self,
        guest: &mut dyn Guest,
        origin: &Buffer,
        result: Option<(&Buffer, Option<Arc<Completion>>)>,
        target: &Target,
        op: OpHandle,
        passive: bool,
    ) -> Result<()> {
        let window = self.active_win(target.win)?;
        let op = self.accumulating(op)?;
        let Some(rank) = window.target("target_rank", target.rank)? else {
            return ended(result.and_then(|(_, completion)| completion));
        };
        let target_type = self.committed(target.datatype)?;
        let place = Place::new(&window, rank, target, &target_type)?;
        // With MPI_NO_OP the origin's buffer is not looked at.
        let origin_type = match op {
            Builtin::NoOp => target_type.clone(),
            _ => self.committed(origin.datatype)?,
        };
        let from = match op {
            Builtin::NoOp => None,
            _ => Some(self.view(origin, &origin_type)?),
        };
        let len = match &from {
            Some(from) => from.check(&self.world)?,
            None => place.len,
        };
        fits(len, place.len, "target")?;
        let result_type;
        let wanted = match result {
            None => None,
            Some((buffer, completion)) => {
                result_type = self.committed(buffer.datatype)?;
                let into = self.view(buffer, &result_type)?;
                fits(len, into.check(&self.world)?, "result")?;
                Some(Wanted { into, completion })
            }
        };
        let combine = match len {
            0 => None,
            _ => Some(combine(op, &origin_type, &target_type)?),
        };
        self.access(guest, &window, rank, passive)?;
        let Some(combine) = combine else {
            return ended(wanted.and_then(|wanted| wanted.completion));
        };
        if let Some(part) = &place.peer().part {
            return self.accumulate_here(&place, part, len, &combine, from, wanted);
        }
        let (op, primitive) = (combine.op, combine.primitive);
        let action = match wanted {
            Some(_) => Action::Fetch { op, primitive },
            None if op == Builtin::NoOp => return Ok(()),
            None => Action::Accumulate { op, primitive },
        };
        let len = (len, primitive.size());
        self.apply_there(guest, &place, action, len, from, wanted)
    }

    /// Accumulates into a target on this worker.
    fn accumulate_here(
        &self,
        place: &Place<'_>,
        part: &Part,
        len: u64,
        combine: &Combine,
        from: Option<View<'_>>,
        wanted: Option<Wanted<'_>>,
    ) -> Result<()> {
        let mut reading = match &from {
            Some(view) => Some((view, Cursor::new(view.datatype.clone(), view.count)?)),
            None => None,
        };
        let (into, completion) = match wanted {
            Some(wanted) => (Some(wanted.into), wanted.completion),
            None => (None, None),
        };
        let mut writing = match &into {
            Some(view) => Some((view, Cursor::new(view.datatype.clone(), view.count)?)),
            None => None,
        };
        let stripes = &self.world.windows.stripes;
        let (mut operand, mut before) = (Vec::new(), Vec::new());
        for piece in place.pieces(len, combine.primitive.size(), STEP.min(MOST)) {
            // Types that overlap themselves name any number of bytes.
            self.check()?;
            if let Some((view, cursor)) = &mut reading {
                operand.resize(piece.len as usize, 0);
                cursor.read(&**view.memory, view.addr, &mut operand)?;
            }
            match &mut writing {
                None => part.accumulate(stripes, &piece.runs, combine, &operand, None)?,
                Some((view, cursor)) => {
                    before.resize(piece.len as usize, 0);
                    let before = &mut before[..];
                    part.accumulate(stripes, &piece.runs, combine, &operand, Some(before))?;
                    cursor.write(&**view.memory, view.addr, before)?;
                }
            }
        }
        ended(completion)
    }

    /// The predefined operation that the guest names.
    fn accumulating(&self, op: OpHandle) -> Result<Builtin> {
        match self.op(op)? {
            Op::Builtin(op) => Ok(op),
            Op::User(_) => Err(Error::new(
                Class::OP,
                "op: one-sided communication takes predefined operations only",
            )),
        }
    }

    /// Makes sure that accesses to `target` may begin, waiting for its post or its lock
    /// where that is what is missing.
    pub(crate) fn access(
        &self,
        guest: &mut dyn Guest,
        window: &Window,
        target: u32,
        passive: bool,
    ) -> Result<()> {
        let need = window.epoch.lock().access(target, passive)?;
        match need {
            Need::Nothing => return Ok(()),
            Need::Others => {
                let ready = || window.epoch.lock().is_ready(target).then_some(());
                return self.wait_for(guest, ready);
            }
            Need::Post => self.await_posts(guest, window, &[target])?,
            Need::Lock => self.take_lock(guest, window, target, false)?,
        }
        window.epoch.lock().ready(target);
        self.wake();
        Ok(())
    }

    /// A request of an operation that was started; without a completion it has ended.
    fn rma_request(
        &self,
        win: WinHandle,
        completion: Option<Arc<Completion>>,
    ) -> Result<RequestHandle> {
        let comm = self.win(win)?.comm.clone();
        let started = match completion {
            Some(completion) => Started::Pending(completion),
            None => Started::Done(Outcome::EMPTY, None),
        };
        self.request(comm, started, Kind::Operation)
    }
}

/// An operation has ended at once.
fn ended(completion: Option<Arc<Completion>>) -> Result<()> {
    if let Some(completion) = completion {
        completion.end(Outcome::EMPTY, None);
    }
    Ok(())
}

/// How the elements of an accumulating operation are combined.
fn combine(op: Builtin, origin: &Datatype, target: &Datatype) -> Result<Combine> {
    let moved = matches!(op, Builtin::Replace | Builtin::NoOp);
    let primitive = match (origin.primitive(), target.primitive()) {
        (Some(origin), Some(target)) if origin.repr() == target.repr() => target,
        // Bytes are only moved: any will do.
        _ if moved => crate::datatype::Primitive::BYTE,
        (Some(_), Some(_)) => {
            return Err(Error::new(
                Class::TYPE,
                "the origin's elements are of another type than the target's",
            ));
        }
        _ => {
            return Err(Error::new(
                Class::TYPE,
                "the elements of a datatype are not all of one predefined type",
            ));
        }
    };
    Combine::new(op, primitive)
}
