//! What members give each other in a turn, and how they take it.

use super::team::{SMALL, Turn, Window};
use crate::error::{Class, Error, Result};
use crate::memory::{self, Addr, HostBuffer};
use crate::op::Kernel;
use crate::p2p::Data;
use std::ops::Range;
use std::sync::Arc;

/// Bytes combined at a time: both operands stay in the first-level cache.
const PIECE: usize = 4096;

/// How a contribution is handed over. All members choose the same, by its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Beside the stamp.
    Small,
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
        } else if len <= copied {
            Form::Copied
        } else {
            Form::Shown
        }
    }
}

impl Form {
    /// Does it need more than a cell?
    pub(super) fn is_big(self) -> bool {
        self != Form::Small
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
            .and_then(|run| data.addr.offset(run));
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
        let mut bytes = crate::collective::stream::zeroed(len)?;
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

    /// Block `index` of blocks of `len` bytes.
    pub(super) fn block(&self, index: u32, len: u64) -> Window {
        let at = u64::from(index) * len;
        self.window.part(at..at + len)
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

impl Window {
    /// The bytes `range` of this window.
    pub(super) fn part(&self, range: Range<u64>) -> Window {
        Window {
            memory: Arc::clone(&self.memory),
            addr: Addr(self.addr.0 + range.start),
            len: range.end - range.start,
        }
    }
}

/// The bytes of a contribution.
fn part(offset: u64, len: u64) -> Range<usize> {
    offset as usize..(offset + len) as usize
}

/// Members that pass different lengths choose different forms, and find less of each
/// other's data than they should.
#[cold]
fn unlike() -> Error {
    Error::new(
        Class::TRUNCATE,
        "the ranks of the communicator do not pass the same amount of data",
    )
}

impl Turn<'_> {
    /// Puts the caller's contribution into its cell. `result` is where it wants what
    /// the others make of it, when they write it there.
    pub(super) fn offer(&self, form: Form, input: &Window, result: Option<&Window>) -> Result<()> {
        match form {
            Form::Small => {
                let mut bytes = [0; SMALL];
                let bytes = &mut bytes[..input.len as usize];
                if !bytes.is_empty() {
                    input.read(0, bytes)?;
                }
                self.put_small(self.me, bytes);
            }
            Form::Copied => {
                let mut big = self.big(self.me).write();
                big.bytes.resize(input.len as usize, 0);
                input.read(0, &mut big.bytes)?;
            }
            Form::Shown => {
                let mut big = self.big(self.me).write();
                big.send = Some(input.clone());
                big.recv = result.cloned();
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

    /// Reads bytes at `offset` of a member's contribution.
    pub(super) fn fetch(
        &self,
        form: Form,
        member: usize,
        offset: u64,
        out: &mut [u8],
    ) -> Result<()> {
        let part = part(offset, out.len() as u64);
        match form {
            Form::Small => {
                let mut bytes = [0; SMALL];
                self.small(member, bytes.get_mut(..part.end).ok_or_else(unlike)?);
                out.copy_from_slice(&bytes[part]);
            }
            Form::Copied => {
                let big = self.big(member).read();
                out.copy_from_slice(big.bytes.get(part).ok_or_else(unlike)?);
            }
            Form::Shown => {
                if let Some(window) = &self.big(member).read().send {
                    window.read(offset, out)?;
                }
            }
        }
        Ok(())
    }

    /// Copies `len` bytes at `offset` of a member's contribution to the caller's `to`.
    pub(super) fn take(
        &self,
        form: Form,
        member: usize,
        offset: u64,
        len: u64,
        to: &Window,
        to_offset: u64,
    ) -> Result<()> {
        if len == 0 {
            return Ok(());
        }
        match form {
            Form::Small => {
                let part = part(offset, len);
                let mut bytes = [0; SMALL];
                let bytes = bytes.get_mut(..part.end).ok_or_else(unlike)?;
                self.small(member, bytes);
                to.write(to_offset, &bytes[part])
            }
            Form::Copied => {
                let big = self.big(member).read();
                let bytes = big.bytes.get(part(offset, len));
                to.write(to_offset, bytes.ok_or_else(unlike)?)
            }
            Form::Shown => match &self.big(member).read().send {
                Some(window) => window.copy_to(offset, len, to, to_offset),
                None => Ok(()),
            },
        }
    }

    /// Combines the bytes `range` of the contributions of `members`, in their order,
    /// and hands the result to `put` piece by piece, with its offset in the range.
    pub(super) fn combine(
        &self,
        form: Form,
        kernel: Kernel,
        unit: usize,
        members: Range<usize>,
        range: Range<u64>,
        put: impl FnMut(u64, &[u8]) -> Result<()>,
    ) -> Result<()> {
        // Small buffers are cheaper to clear than large ones are to fill.
        if range.end - range.start <= SMALL as u64 {
            self.combine_by::<SMALL>(form, kernel, unit, members, range, put)
        } else {
            self.combine_by::<PIECE>(form, kernel, unit, members, range, put)
        }
    }

    fn combine_by<const BYTES: usize>(
        &self,
        form: Form,
        kernel: Kernel,
        unit: usize,
        members: Range<usize>,
        range: Range<u64>,
        mut put: impl FnMut(u64, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let step = (BYTES - BYTES % unit) as u64;
        let (mut acc, mut operand) = ([0; BYTES], [0; BYTES]);
        let mut at = range.start;
        while at < range.end {
            let n = (range.end - at).min(step) as usize;
            let (acc, operand) = (&mut acc[..n], &mut operand[..n]);
            self.fetch(form, members.start, at, acc)?;
            for member in members.start + 1..members.end {
                self.fetch(form, member, at, operand)?;
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
        kernel: Kernel,
        len: u64,
        left: usize,
        right: usize,
    ) -> Result<()> {
        if form == Form::Small {
            let (mut acc, mut operand) = ([0; SMALL], [0; SMALL]);
            let (acc, operand) = (&mut acc[..len as usize], &mut operand[..len as usize]);
            self.small(left, acc);
            self.small(right, operand);
            kernel(acc, operand);
            self.put_small(left, acc);
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
