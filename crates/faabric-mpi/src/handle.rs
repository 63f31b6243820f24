//! Handles: the numbers by which a guest names the engine's objects.
//!
//! Predefined handles are the constants of the MPI 5.0 ABI, all below `0x1000`
//! (see [`crate::abi`]). Handles of created objects are
//!
//! ```text
//!  31 30    27 26        20 19                      0
//! +--+--------+------------+-------------------------+
//! |1 |  kind  | generation |          index          |
//! +--+--------+------------+-------------------------+
//! ```
//! so that a handle of another kind, a handle that was freed and a number that was
//! never a handle are all told from a live one. (A slot's generations repeat after
//! 128 uses, so a very stale handle may go unnoticed: it then names a live object of
//! its kind, never anything else.)

use std::marker::PhantomData;

/// How many objects of one kind a rank can have at a time.
const CAPACITY: u32 = 1 << 20;
const INDEX_MASK: u32 = CAPACITY - 1;
const GENERATION_MASK: u32 = 0x7f;

/// A handle of one kind of object.
pub trait Handle: Copy + Eq + std::fmt::Debug {
    /// The kind's number, below 16.
    const KIND: u32;
    /// What error messages call it.
    const NAME: &'static str;
    /// The guest's number.
    fn raw(self) -> u32;
    /// The handle that the guest's number stands for; any number is allowed.
    fn from_raw(raw: u32) -> Self;

    /// Whether the guest's number can name a created object of this kind.
    fn is_of(raw: u32) -> bool {
        raw >> 27 == 16 | Self::KIND
    }
}

macro_rules! handles {
    ($($name:ident = $kind:literal, $text:literal;)*) => {$(
        #[doc = concat!("Names a ", $text, ". Any value may come from the guest.")]
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub u32);

        impl Handle for $name {
            const KIND: u32 = $kind;
            const NAME: &'static str = $text;
            fn raw(self) -> u32 {
                self.0
            }
            fn from_raw(raw: u32) -> Self {
                Self(raw)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({:#x})"), self.0)
            }
        }
    )*};
}

handles! {
    CommHandle = 0, "communicator";
    GroupHandle = 1, "group";
    TypeHandle = 2, "datatype";
    OpHandle = 3, "operation";
    RequestHandle = 4, "request";
    ErrhandlerHandle = 5, "error handler";
    InfoHandle = 6, "info object";
    MessageHandle = 7, "message";
    WinHandle = 8, "window";
    FileHandle = 9, "file";
    SessionHandle = 10, "session";
    KeyvalHandle = 11, "attribute key";
    CvarHandle = 12, "handle of a control variable";
    PvarHandle = 13, "handle of a performance variable";
    PvarSessionHandle = 14, "session of performance variables";
    ReceivedHandle = 15, "request of a receive that was complete at once";
}

impl RequestHandle {
    /// What a request names whose receive was complete when it began: those have a table of
    /// their own.
    #[inline]
    pub(crate) fn received(self) -> Option<ReceivedHandle> {
        ReceivedHandle::is_of(self.0).then_some(ReceivedHandle(self.0))
    }
}

impl From<ReceivedHandle> for RequestHandle {
    fn from(received: ReceivedHandle) -> Self {
        Self(received.0)
    }
}

/// The objects of one kind that a rank created, by handle.
#[derive(Debug)]
pub struct Table<H, T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    kind: PhantomData<fn() -> H>,
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    value: Option<T>,
}

impl<H: Handle, T> Default for Table<H, T> {
    fn default() -> Self {
        Table {
            slots: Vec::new(),
            free: Vec::new(),
            kind: PhantomData,
        }
    }
}

impl<H: Handle, T> Table<H, T> {
    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps `value` and names it. Gives it back when the table is full.
    ///
    /// # Errors
    /// `value`, when there are 2^20 objects of this kind already.
    pub fn insert(&mut self, value: T) -> Result<H, T> {
        let index = match self.free.pop() {
            Some(index) => index,
            None if self.slots.len() as u32 == CAPACITY => return Err(value),
            None => {
                self.slots.push(Slot {
                    generation: 0,
                    value: None,
                });
                self.slots.len() as u32 - 1
            }
        };
        let slot = &mut self.slots[index as usize];
        slot.value = Some(value);
        Ok(H::from_raw(
            1 << 31 | H::KIND << 27 | slot.generation << 20 | index,
        ))
    }

    /// Whether another object can be named.
    #[must_use]
    pub fn has_room(&self) -> bool {
        !self.free.is_empty() || (self.slots.len() as u32) < CAPACITY
    }

    fn index(&self, handle: H) -> Option<usize> {
        let raw = handle.raw();
        let index = (raw & INDEX_MASK) as usize;
        let slot = self.slots.get(index)?;
        (H::is_of(raw) && raw >> 20 & GENERATION_MASK == slot.generation).then_some(index)
    }

    /// The object that `handle` names.
    #[must_use]
    pub fn get(&self, handle: H) -> Option<&T> {
        self.slots[self.index(handle)?].value.as_ref()
    }

    /// The object that `handle` names, to change.
    pub fn get_mut(&mut self, handle: H) -> Option<&mut T> {
        let index = self.index(handle)?;
        self.slots[index].value.as_mut()
    }

    /// Takes the object out; its handle is stale from now on.
    pub fn remove(&mut self, handle: H) -> Option<T> {
        let value = self.take(handle)?;
        self.recycle(handle);
        Some(value)
    }

    /// Takes the object out; its handle names nothing, and is not given to another before
    /// [`Table::recycle`].
    pub(crate) fn take(&mut self, handle: H) -> Option<T> {
        let index = self.index(handle)?;
        self.slots[index].value.take()
    }

    /// Ends the use of a handle whose object was taken out.
    pub(crate) fn recycle(&mut self, handle: H) {
        if let Some(index) = self.index(handle) {
            let slot = &mut self.slots[index];
            slot.generation = slot.generation.wrapping_add(1) & GENERATION_MASK;
            self.free.push(index as u32);
        }
    }

    /// All objects with their handles.
    pub fn iter(&self) -> impl Iterator<Item = (H, &T)> {
        self.slots.iter().enumerate().filter_map(|(index, slot)| {
            let raw = 1 << 31 | H::KIND << 27 | slot.generation << 20 | index as u32;
            Some((H::from_raw(raw), slot.value.as_ref()?))
        })
    }

    /// How many handles are in use.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn stale_and_foreign_handles_are_told_from_live_ones() {
        let mut comms = Table::<CommHandle, &str>::new();
        let mut groups = Table::<GroupHandle, &str>::new();
        let a = comms.insert("a").unwrap();
        let group = groups.insert("g").unwrap();
        assert!(a.raw() >= 1 << 31);
        assert_eq!(comms.get(a), Some(&"a"));
        assert_eq!(comms.get(CommHandle(group.raw())), None, "another kind");
        assert_eq!(comms.remove(a), Some("a"));
        let b = comms.insert("b").unwrap();
        assert_ne!(a, b, "the slot is used again under another generation");
        assert_eq!(comms.get(a), None);
        assert_eq!(comms.remove(a), None);
        assert_eq!(comms.get(b), Some(&"b"));
        for raw in [0, 0x101, u32::MAX, 1 << 31 | 5, a.raw() ^ 1 << 31] {
            assert_eq!(comms.get(CommHandle(raw)), None, "{raw:#x}");
        }
        assert_eq!(comms.iter().collect::<Vec<_>>(), [(b, &"b")]);
        assert_eq!(comms.len(), 1);
    }

    #[test]
    fn the_handle_of_what_was_taken_out_is_kept() {
        let mut requests = Table::<RequestHandle, &str>::new();
        let a = requests.insert("a").unwrap();
        assert_eq!(requests.take(a), Some("a"));
        assert_eq!(requests.get(a), None);
        assert_eq!(requests.remove(a), None);
        for _ in 0..2 * GENERATION_MASK {
            let b = requests.insert("b").unwrap();
            assert_ne!(a, b);
            requests.remove(b);
        }
        requests.recycle(a);
        let c = requests.insert("c").unwrap();
        assert_eq!(c.raw() & INDEX_MASK, a.raw() & INDEX_MASK);
        assert_ne!(a, c);
    }
}
