//! The descriptor table: numbers to open files, the lowest free number first, as POSIX asks.
//!
//! ```text
//!  fd 3 --\                      one `Open` (an "open file description"):
//!  fd 7 ---+--> Arc<Open>        offset and flags are shared by duplicates
//!  fd 8 ------> Arc<Open>
//! ```
//! Operations take the `Arc` out and drop the table's lock before they do anything
//! that may block: a thread that waits for stdin holds up no other thread's files.

use super::file::Open;
use super::types::{Errno, Rights};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Most descriptors a process may have; numbers are below it. One more is `EMFILE`.
pub(super) const LIMIT: u32 = 65_536;

/// One entry: an open file, and what this number may be used for.
#[derive(Clone)]
pub(super) struct Descriptor {
    pub(super) open: Arc<Open>,
    /// Rights to the file itself.
    pub(super) base: Rights,
    /// Rights that files opened through it may have.
    pub(super) inheriting: Rights,
}

/// The open descriptors of one process.
#[derive(Default)]
pub(super) struct Table {
    /// Indexed by descriptor. Invariant: the last slot is in use.
    slots: Vec<Option<Descriptor>>,
    /// Exactly the empty slots below `slots.len()`.
    free: BTreeSet<u32>,
}

impl Table {
    /// The entry of `fd`.
    pub(super) fn get(&self, fd: u32) -> Result<&Descriptor, Errno> {
        let slot = self.slots.get(fd as usize).and_then(Option::as_ref);
        slot.ok_or(Errno::BADF)
    }

    /// The entry of `fd`, to change its rights.
    pub(super) fn get_mut(&mut self, fd: u32) -> Result<&mut Descriptor, Errno> {
        let slot = self.slots.get_mut(fd as usize).and_then(Option::as_mut);
        slot.ok_or(Errno::BADF)
    }

    /// Gives `descriptor` the lowest free number that is not below `min`.
    pub(super) fn insert(&mut self, min: u32, descriptor: Descriptor) -> Result<u32, Errno> {
        let fd = match self.free.range(min..).next() {
            Some(fd) => *fd,
            None => min.max(self.len()),
        };
        if fd >= LIMIT {
            return Err(Errno::MFILE);
        }
        self.put(fd, descriptor);
        Ok(fd)
    }

    /// Gives `descriptor` the number `fd` and returns what had it.
    pub(super) fn replace(
        &mut self,
        fd: u32,
        descriptor: Descriptor,
    ) -> Result<Option<Descriptor>, Errno> {
        if fd >= LIMIT {
            return Err(Errno::BADF);
        }
        Ok(self.put(fd, descriptor))
    }

    /// Frees `fd`. The caller drops the entry after the table's lock: closing may block.
    pub(super) fn remove(&mut self, fd: u32) -> Result<Descriptor, Errno> {
        let slot = self.slots.get_mut(fd as usize).and_then(Option::take);
        let descriptor = slot.ok_or(Errno::BADF)?;
        self.free.insert(fd);
        while self.slots.last().is_some_and(Option::is_none) {
            self.slots.pop();
            self.free.remove(&self.len());
        }
        Ok(descriptor)
    }

    /// Moves `from` to the number `to`; returns what `to` was.
    pub(super) fn renumber(&mut self, from: u32, to: u32) -> Result<Option<Descriptor>, Errno> {
        self.get(from)?;
        if to >= LIMIT {
            return Err(Errno::BADF);
        }
        if from == to {
            return Ok(None);
        }
        let descriptor = self.remove(from)?;
        self.replace(to, descriptor)
    }

    /// All entries, by ascending number.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Descriptor)> {
        let numbered = (0_u32..).zip(&self.slots);
        numbered.filter_map(|(fd, slot)| slot.as_ref().map(|descriptor| (fd, descriptor)))
    }

    fn len(&self) -> u32 {
        // Never more than `LIMIT`, see `insert` and `replace`.
        self.slots.len() as u32
    }

    /// Fills slot `fd`, which is below `LIMIT`.
    fn put(&mut self, fd: u32, descriptor: Descriptor) -> Option<Descriptor> {
        for gap in self.len()..fd {
            self.free.insert(gap);
            self.slots.push(None);
        }
        if fd == self.len() {
            self.slots.push(Some(descriptor));
            return None;
        }
        self.free.remove(&fd);
        self.slots[fd as usize].replace(descriptor)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::stdio::NoInput;

    fn descriptor() -> Descriptor {
        Descriptor {
            open: Arc::new(Open::stdin(Arc::new(NoInput))),
            base: Rights::ALL,
            inheriting: Rights::ALL,
        }
    }

    #[test]
    fn the_lowest_free_number_is_given_first() {
        let mut table = Table::default();
        for fd in 0..6 {
            assert_eq!(table.insert(0, descriptor()), Ok(fd));
        }
        table.remove(4).unwrap();
        table.remove(1).unwrap();
        assert_eq!(table.insert(2, descriptor()), Ok(4));
        assert_eq!(table.insert(0, descriptor()), Ok(1));
        assert_eq!(table.insert(0, descriptor()), Ok(6));
    }

    #[test]
    fn numbers_far_apart_leave_gaps_that_are_filled() {
        let mut table = Table::default();
        assert_eq!(table.insert(10, descriptor()), Ok(10));
        assert_eq!(table.insert(0, descriptor()), Ok(0));
        assert_eq!(table.insert(10, descriptor()), Ok(11));
        table.remove(11).unwrap();
        table.remove(10).unwrap();
        assert_eq!(table.iter().map(|(fd, _)| fd).collect::<Vec<_>>(), [0]);
        assert_eq!(table.insert(5, descriptor()), Ok(5));
        assert_eq!(table.insert(0, descriptor()), Ok(1));
    }

    #[test]
    fn a_closed_number_is_bad() {
        let mut table = Table::default();
        table.insert(0, descriptor()).unwrap();
        table.remove(0).unwrap();
        assert!(matches!(table.get(0), Err(Errno::BADF)));
        assert!(matches!(table.remove(0), Err(Errno::BADF)));
        assert!(matches!(table.get(u32::MAX), Err(Errno::BADF)));
    }

    #[test]
    fn renumbering_frees_the_old_number() {
        let mut table = Table::default();
        for _ in 0..3 {
            table.insert(0, descriptor()).unwrap();
        }
        assert!(table.renumber(0, 2).unwrap().is_some());
        assert!(table.get(0).is_err());
        assert!(table.renumber(2, 9).unwrap().is_none());
        assert!(table.renumber(9, 9).unwrap().is_none());
        assert!(table.get(9).is_ok());
        assert!(matches!(table.renumber(9, LIMIT), Err(Errno::BADF)));
        assert!(matches!(table.renumber(5, 1), Err(Errno::BADF)));
    }

    #[test]
    fn a_full_table_says_so() {
        let mut table = Table::default();
        for _ in 0..LIMIT {
            table.insert(0, descriptor()).unwrap();
        }
        assert_eq!(table.insert(0, descriptor()), Err(Errno::MFILE));
        table.remove(77).unwrap();
        assert_eq!(table.insert(0, descriptor()), Ok(77));
    }
}
