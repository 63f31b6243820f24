//! What members give each other in a turn, and how they take it.

use super::reduce_turns::Operation;
use super::team::{PAGE, SMALL};
use super::turn::Turn;
use super::window::{Span, Window};
use crate::error::{Class, Error, Result};
use crate::memory::{self, Addr, HostBuffer};
use crate::p2p::Data;
use crate::words;
use std::ops::Range;
use std::sync::Arc;

/// Bytes combined at a time: both operands stay in the first-level cache.
const PIECE: usize = 4096;
/// Bytes of pages combined at a time: clearing a buffer takes time too.
const PART: usize = 512;

/// How a contribution is handed over. All members choose the same, by its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Beside the stamp.
    Small,
    /// Copied into a page of the team's memory.
    Paged,
    /// Copied into the team's memory: the giver can go on at once.
    Copied,
    /// Left in the giver's memory, where the others read it: it must wait for them.
    Shown,
}

impl Form {
    /// The form for `len` bytes, where up to `copied` bytes are worth copying.
    pub(super) fn of(len: u64, copied: u64) -> Form {
        if len <= SMALL as u64 {
            Form::Small
        } else if len <= copied.min(PAGE as u64) {
            Form::Paged
        } else if len <= copied {
            Form::Copied
        } else {
            Form::Shown
        }
    }
}

/// A caller's buffer as one run of bytes: its own memory where it has no gaps, a
/// packed copy otherwise.
pub(super) struct Flat {
    pub(super) window: Window,
    home: Option<(Arc<HostBuffer>, Data)>,
}

impl Flat {
    /// The packed bytes of `data`; all of it is in memory, so that nothing that is
    /// done with the window can fail after others have come to count on it.
    pub(super) fn new(data: Data, len: u64) -> Result<Flat> {
        let start = data
            .datatype
            .run_offset()
            .map(|run| memory::place(&*data.memory, data.addr, run));
        if let Some(addr) = start {
            if len > 0 {
                memory::check(addr, len, data.memory.size())?;
            }
            return Ok(Flat {
                window: Window {
                    memory: data.memory,
                    addr,
                    len,
                },
                home: None,
            });
        }
        let mut bytes = crate::collective::stream::scratch(len)?;
        data.datatype
            .pack(&*data.memory, data.addr, data.count, &mut bytes)?;
        let buffer = Arc::new(HostBuffer::from(bytes));
        let window = Window {
            memory: Arc::clone(&buffer) as _,
            addr: Addr(0),
            len,
        };
        Ok(Flat {
            window,
            home: Some((buffer, data)),
        })
    }

    /// All of it.
    pub(super) fn span(&self) -> Span<'_> {
        self.window.span()
    }

    /// Block `index` of blocks of `len` bytes.
    pub(super) fn block(&self, index: u32, len: u64) -> Span<'_> {
        let at = u64::from(index) * len;
        self.span().part(at..at + len)
    }

    /// Brings a result to where the caller wants it.
    pub(super) fn bring_home(&self) -> Result<()> {
        match &self.home {
            None => Ok(()),
            Some((buffer, data)) => buffer.with(|bytes| {
                data.datatype
                    .unpack(&*data.memory, data.addr, data.count, bytes)
            }),
        }
    }
}

impl Span<'_> {
    /// The bytes `range` of it.
    pub(super) fn part(self, range: Range<u64>) -> Self {
        Self {
            addr: Addr(self.addr.0 + range.start),
            len: range.end - range.start,
            ..self
        }
    }
}

/// Members that pass different lengths find less of each other's data than they should,
/// or elsewhere.
#[cold]
pub(super) fn unlike() -> Error {
    Error::new(
        Class::TRUNCATE,
        "the ranks of the communicator do not pass the same amount of data",
    )
}

impl Turn<'_> {
    /// Puts the caller's contribution into its cell. `result` is where it wants what
    /// the others make of it, when they write it there.
    #[inline]
    pub(super) fn offer(
        &self,
        form: Form,
        input: Span<'_>,
        result: Option<Span<'_>>,
    ) -> Result<()> {
        self.set_offered(input.len);
        match form {
            Form::Small => {
                let mut bytes = [0; SMALL];
                let bytes = &mut bytes[..input.len as usize];
                if !bytes.is_empty() {
                    input.read(0, bytes)?;
                }
                words::store(self.small(self.me), 0, bytes);
            }
            Form::Paged => input.copy_to(0, input.len, self.page(self.me), 0)?,
            Form::Copied => {
                let mut big = self.big(self.me).write();
                big.bytes.resize(input.len as usize, 0);
                input.read(0, &mut big.bytes)?;
            }
            Form::Shown => {
                let mut big = self.big(self.me).write();
                big.send = Some(input.to_window());
                big.recv = result.map(Span::to_window);
            }
        }
        Ok(())
    }

    /// Forgets what was shown, once nobody looks any more.
    pub(super) fn withdraw(&self) {
        let mut big = self.big(self.me).write();
        big.send = None;
        big.recv = None;
    }

    /// The `len` bytes at `offset` of a member's contribution, which must have them.
    #[inline]
    fn part_of(&self, form: Form, member: usize, offset: u64, len: u64) -> Result<Range<usize>> {
        let (end, offered) = (offset + len, self.offered(member));
        let room = match form {
            Form::Small => SMALL as u64,
            Form::Paged => PAGE as u64,
            Form::Copied | Form::Shown => u64::MAX,
        };
        if end > offered.min(room) {
            return Err(unlike());
        }
        Ok(offset as usize..end as usize)
    }

    /// Reads bytes at `offset` of a member's contribution.
    pub(super) fn fetch(
        &self,
        form: Form,
        member: usize,
        offset: u64,
        out: &mut [u8],
    ) -> Result<()> {
        let part = self.part_of(form, member, offset, out.len() as u64)?;
        match form {
            Form::Small => words::load(self.small(member), part.start, out),
            Form::Paged => self.page(member).read(offset, out)?,
            Form::Copied => {
                let big = self.big(member).read();
                out.copy_from_slice(big.bytes.get(part).ok_or_else(unlike)?);
            }
            Form::Shown => {
                if let Some(window) = &self.big(member).read().send {
                    window.span().read(offset, out)?;
                }
            }
        }
        Ok(())
    }

    /// Copies `len` bytes at `offset` of another member's contribution to the caller's `to`.
    #[inline]
    pub(super) fn take(
        &self,
        form: Form,
        member: usize,
        offset: u64,
        len: u64,
        to: Span<'_>,
        to_offset: u64,
    ) -> Result<()> {
        if len == 0 {
            return Ok(());
        }
        let part = self.part_of(form, member, offset, len)?;
        match form {
            Form::Small => {
                let mut bytes = [0; SMALL];
                let bytes = &mut bytes[..part.len()];
                words::load(self.small(member), part.start, bytes);
                to.write(to_offset, bytes)
            }
            Form::Paged => self.page(member).copy_to(offset, len, to, to_offset),
            Form::Copied => {
                let big = self.big(member).read();
                let bytes = big.bytes.get(part);
                to.write(to_offset, bytes.ok_or_else(unlike)?)
            }
            Form::Shown => match &self.big(member).read().send {
                Some(window) => window.span().copy_to(offset, len, to, to_offset),
                None => Ok(()),
            },
        }
    }

    /// Combines the bytes `range` of the contributions of `members`, in their order,
    /// and hands the result to `put` piece by piece, with its offset in the range. `own` is
    /// the caller's contribution: its cell has left for the cores of the others, and would
    /// take as long to come back as one of theirs.
    #[inline]
    pub(super) fn combine(
        &self,
        form: Form,
        op: Operation,
        members: Range<usize>,
        range: Range<u64>,
        own: Span<'_>,
        put: impl FnMut(u64, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let what = (form, op, own);
        match form {
            Form::Small => self.combine_by::<SMALL>(what, members, range, put),
            Form::Paged => self.combine_by::<PART>(what, members, range, put),
            Form::Copied | Form::Shown => self.combine_long(what, members, range, put),
        }
    }

    // Not inlined: its buffers would be on the stack of short operations too.
    #[inline(never)]
    fn combine_long(
        &self,
        what: (Form, Operation, Span<'_>),
        members: Range<usize>,
        range: Range<u64>,
        put: impl FnMut(u64, &[u8]) -> Result<()>,
    ) -> Result<()> {
        self.combine_by::<PIECE>(what, members, range, put)
    }

    #[inline]
    fn combine_by<const BYTES: usize>(
        &self,
        (form, Operation { kernel, unit }, own): (Form, Operation, Span<'_>),
        members: Range<usize>,
        range: Range<u64>,
        mut put: impl FnMut(u64, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let step = (BYTES - BYTES % unit) as u64;
        let (mut acc, mut operand) = ([0; BYTES], [0; BYTES]);
        let fetch = |member, at, out: &mut [u8]| match member == self.me {
            true => own.read(at, out),
            false => self.fetch(form, member, at, out),
        };
        let mut at = range.start;
        while at < range.end {
            let n = (range.end - at).min(step) as usize;
            let (acc, operand) = (&mut acc[..n], &mut operand[..n]);
            fetch(members.start, at, acc)?;
            for member in members.start + 1..members.end {
                fetch(member, at, operand)?;
                kernel(acc, operand);
            }
            put(at - range.start, acc)?;
            at += n as u64;
        }
        Ok(())
    }

    /// Combines the contribution of `right` into that of `left`, both copied: a step up
    /// the tree.
    pub(super) fn merge(
        &self,
        form: Form,
        Operation { kernel, unit }: Operation,
        len: u64,
        left: usize,
        right: usize,
    ) -> Result<()> {
        if form == Form::Small {
            let (left, right) = (self.small(left), self.small(right));
            let (mut acc, mut operand) = ([0; SMALL], [0; SMALL]);
            let (acc, operand) = (&mut acc[..len as usize], &mut operand[..len as usize]);
            words::load(left, 0, acc);
            words::load(right, 0, operand);
            kernel(acc, operand);
            words::store(left, 0, acc);
        } else if form == Form::Paged {
            let (left, right) = (self.page(left), self.page(right));
            let (mut acc, mut operand) = ([0; PART], [0; PART]);
            let (step, mut at) = ((PART - PART % unit) as u64, 0);
            while at < len {
                let n = step.min(len - at) as usize;
                let (acc, operand) = (&mut acc[..n], &mut operand[..n]);
                left.read(at, acc)?;
                right.read(at, operand)?;
                kernel(acc, operand);
                left.write(at, acc)?;
                at += n as u64;
            }
        } else {
            // Left before right: all who lock two go up the tree in this order.
            let mut left = self.big(left).write();
            let right = self.big(right).read();
            if left.bytes.len() != right.bytes.len() {
                return Err(unlike());
            }
            kernel(&mut left.bytes, &right.bytes);
        }
        Ok(())
    }
}
