//! Ranks by the `MPI_COMM_WORLD` they share.
//!
//! ```text
//!   rank of the job   0 .. n-1        n .. n+a-1            n+a ..
//!                     started with    spawned by some of    spawned later, by any
//!                     the job         those before
//!   MPI_COMM_WORLD    one each: a family
//! ```
//! A job's ranks are numbered in the order in which they came, for ever: the number is
//! what packets are addressed with. A program sees ranks of communicators only.
//!
//! Every worker of the job learns of every family, before any of its own ranks can be
//! told of it by another ([`crate::rank::Rank::know`] waits for it).

use crate::mailbox::Mailbox;
use crate::world::Placement;
use faabric_wire::id::Rank;
use parking_lot::RwLock;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// The ranks of one `MPI_COMM_WORLD`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// The first of its ranks, as the job counts them.
    pub first: u32,
    /// How many it has of each command of the spawn (`MPI_APPNUM` counts these), or of
    /// the program that the job was started with.
    pub counts: Vec<u32>,
    /// The ranks of the communicator that spawned it, in their order; none of the ranks
    /// that the job was started with.
    pub parents: Vec<u32>,
    /// `MPI_UNIVERSE_SIZE`: how many slots the cluster has.
    pub universe: u32,
}

/// Numbers that a family's communicators have beside those that its ranks make up: these
/// count from 0, in the same 32 bits.
const COMM_WORLD: u64 = 0xffff_ffff;
const WITH_PARENTS: u64 = 0xffff_fffe;
const WITHIN_CHILDREN: u64 = 0xffff_fffd;

impl Family {
    /// Its ranks, as the job counts them.
    #[must_use]
    pub fn ranks(&self) -> Range<u32> {
        self.first..self.first + self.size()
    }

    /// How many ranks it has.
    #[must_use]
    pub fn size(&self) -> u32 {
        self.counts.iter().sum()
    }

    /// `MPI_APPNUM` of one of its ranks.
    #[must_use]
    pub fn app_number(&self, rank: u32) -> u32 {
        let mut left = rank.saturating_sub(self.first);
        let before = self.counts.iter().take_while(|count| {
            let is_before = left >= **count;
            left = left.saturating_sub(**count);
            is_before
        });
        before.count() as u32
    }

    fn id(&self, which: u64) -> u64 {
        (u64::from(self.first) + 1) << 32 | which
    }

    /// The id of its `MPI_COMM_WORLD`.
    pub(crate) fn world_id(&self) -> u64 {
        match self.first {
            0 => 0,
            _ => self.id(COMM_WORLD),
        }
    }

    /// The id of the intercommunicator between it and its parents.
    pub(crate) fn parent_id(&self) -> u64 {
        self.id(WITH_PARENTS)
    }

    /// The id of its side's own communicator within that.
    pub(crate) fn within_id(&self) -> u64 {
        self.id(WITHIN_CHILDREN)
    }
}

/// How many ranks the first of [`Later`]'s pieces holds.
const PIECE: usize = 64;
/// Pieces double: with so many, more ranks than there are numbers.
const PIECES: usize = 27;

/// What is known of a job's families on one worker.
pub(crate) struct Families {
    known: RwLock<Known>,
    /// The mailboxes of ranks that joined later.
    later: Later,
}

struct Known {
    /// The first is that of the ranks that the job was started with; by first rank.
    families: Vec<Arc<Family>>,
    /// Names of workers; new ones come last.
    workers: Vec<String>,
    /// How many ranks the job was started with.
    base: u32,
    /// The worker of each rank from `base` on.
    of_rank: Vec<Option<u32>>,
}

impl Families {
    pub(crate) fn new(placement: &Placement) -> Families {
        let base = placement.of_rank.len() as u32;
        let first = Family {
            first: 0,
            counts: vec![base],
            parents: Vec::new(),
            universe: base,
        };
        let known = Known {
            families: vec![Arc::new(first)],
            workers: placement.workers.clone(),
            base,
            of_rank: Vec::new(),
        };
        Families {
            known: RwLock::new(known),
            later: Later::new(base),
        }
    }

    /// Adds a family, or learns of a new universe of one; gives how many of its ranks run
    /// `here` and are new.
    pub(crate) fn join(&self, family: Family, places: &[(String, Vec<Rank>)], here: &str) -> u32 {
        let mut known = self.known.write();
        let at = known.families.partition_point(|f| f.first < family.first);
        let ranks = family.ranks();
        if known
            .families
            .get(at)
            .is_some_and(|f| f.first == family.first)
        {
            known.families[at] = Arc::new(family);
            return 0;
        }
        known.families.insert(at, Arc::new(family));
        let mut local = 0;
        for (name, theirs) in places {
            let theirs = theirs.iter().filter(|rank| ranks.contains(&rank.0));
            let mut theirs = theirs.peekable();
            if theirs.peek().is_none() {
                continue;
            }
            let worker = known.worker(name);
            for rank in theirs {
                known.put(rank.0, worker);
                if name == here && self.later.open(rank.0) {
                    local += 1;
                }
            }
        }
        local
    }

    pub(crate) fn of(&self, rank: u32) -> Option<Arc<Family>> {
        let known = self.known.read();
        let after = known.families.partition_point(|f| f.first <= rank);
        let family = known.families.get(after.checked_sub(1)?)?;
        family.ranks().contains(&rank).then(|| Arc::clone(family))
    }

    /// Whether a rank that joined later is known.
    pub(crate) fn knows(&self, rank: u32) -> bool {
        self.worker(rank).is_some()
    }

    /// The worker of a rank that joined later.
    pub(crate) fn worker(&self, rank: u32) -> Option<u32> {
        let known = self.known.read();
        let index = rank.checked_sub(known.base)?;
        *known.of_rank.get(index as usize)?
    }

    pub(crate) fn worker_name(&self, number: u32) -> Option<String> {
        self.known.read().workers.get(number as usize).cloned()
    }

    pub(crate) fn workers(&self) -> usize {
        self.known.read().workers.len()
    }

    /// One more than the last rank that is known.
    pub(crate) fn end(&self) -> u32 {
        let known = self.known.read();
        known.families.last().map_or(0, |family| family.ranks().end)
    }

    pub(crate) fn mailbox(&self, rank: u32) -> Option<&Mailbox> {
        self.later.mailbox(rank)
    }

    pub(crate) fn for_each_mailbox(&self, each: impl FnMut(&Mailbox)) {
        self.later.for_each(each);
    }
}

impl Known {
    fn worker(&mut self, name: &str) -> u32 {
        let found = self.workers.iter().position(|worker| worker == name);
        let number = found.unwrap_or_else(|| {
            self.workers.push(name.to_owned());
            self.workers.len() - 1
        });
        number as u32
    }

    fn put(&mut self, rank: u32, worker: u32) {
        let Some(index) = rank.checked_sub(self.base) else {
            return;
        };
        let index = index as usize;
        if self.of_rank.len() <= index {
            self.of_rank.resize(index + 1, None);
        }
        self.of_rank[index] = Some(worker);
    }
}

type Piece = OnceLock<Box<[OnceLock<Box<Mailbox>>]>>;

/// Mailboxes that are added while others are in use: pieces that never move, each twice
/// as long as the one before.
struct Later {
    base: u32,
    pieces: [Piece; PIECES],
}

impl Later {
    fn new(base: u32) -> Later {
        Later {
            base,
            pieces: std::array::from_fn(|_| OnceLock::new()),
        }
    }

    /// The piece of a rank, and its place there.
    fn place(&self, rank: u32) -> Option<(usize, usize)> {
        let index = rank.checked_sub(self.base)? as usize / PIECE + 1;
        let piece = index.ilog2() as usize;
        let begin = (PIECE << piece) - PIECE;
        Some((piece, (rank - self.base) as usize - begin))
    }

    /// Gives a rank its mailbox; false if it has one.
    fn open(&self, rank: u32) -> bool {
        let Some((piece, at)) = self.place(rank) else {
            return false;
        };
        let boxes = self.pieces[piece]
            .get_or_init(|| (0..PIECE << piece).map(|_| OnceLock::new()).collect());
        boxes[at].set(Box::new(Mailbox::new())).is_ok()
    }

    fn mailbox(&self, rank: u32) -> Option<&Mailbox> {
        let (piece, at) = self.place(rank)?;
        self.pieces[piece].get()?.get(at)?.get().map(Box::as_ref)
    }

    fn for_each(&self, mut each: impl FnMut(&Mailbox)) {
        let boxes = self.pieces.iter().filter_map(OnceLock::get);
        let boxes = boxes.flat_map(|boxes| boxes.iter().filter_map(OnceLock::get));
        boxes.for_each(|mailbox| each(mailbox));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn family(first: u32, counts: &[u32]) -> Family {
        Family {
            first,
            counts: counts.to_vec(),
            parents: vec![0],
            universe: 8,
        }
    }

    #[test]
    fn ranks_belong_to_families_and_have_workers() {
        let families = Families::new(&Placement::single(2, "a"));
        let ranks = |range: Range<u32>| range.map(Rank).collect::<Vec<_>>();
        let places = [("a".to_owned(), ranks(0..3)), ("b".to_owned(), ranks(3..5))];
        assert_eq!(families.join(family(2, &[1, 2]), &places, "a"), 1);
        assert_eq!(families.join(family(2, &[1, 2]), &places, "a"), 0);
        assert_eq!(families.of(1).map(|f| f.first), Some(0));
        assert_eq!(families.of(4).map(|f| f.first), Some(2));
        assert!(families.of(5).is_none() && !families.knows(5));
        assert_eq!((families.worker(2), families.worker(4)), (Some(0), Some(1)));
        assert_eq!(families.worker_name(1).as_deref(), Some("b"));
        assert!(families.mailbox(2).is_some() && families.mailbox(3).is_none());
        let numbers: Vec<_> = (2..5).map(|r| family(2, &[1, 2]).app_number(r)).collect();
        assert_eq!(numbers, [0, 1, 1]);
        assert_eq!(families.end(), 5);
    }

    #[test]
    fn mailboxes_never_move() {
        let later = Later::new(3);
        assert!(later.mailbox(2).is_none() && later.place(u32::MAX).is_some());
        assert!(later.open(3));
        let first: *const Mailbox = later.mailbox(3).unwrap_or_else(|| unreachable!());
        for rank in 4..1000 {
            assert!(later.mailbox(rank).is_none());
            assert!(later.open(rank) && !later.open(rank));
        }
        let mut seen = 0;
        later.for_each(|_| seen += 1);
        assert_eq!(seen, 997);
        assert!(later.mailbox(3).is_some_and(|m| std::ptr::eq(m, first)));
    }
}
