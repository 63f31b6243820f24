//! The ranks of one communicator on one worker, and the memory they meet in.
//!
//! ```text
//!              cell 0, 1, 2 ...              page 0, 1   big 0, 1
//! member 0   [turn, length | small data] ...  [data] ...  [copy or window] ...    done
//! member 1   [turn, length | small data] ...  [data] ...  [copy or window] ...    done
//!   ...
//! team       arrived, tree, complete ...                                      bell
//! ```
//! Collectives of the team are numbered: operation `t` is a *turn*, the same number on
//! every member, and uses cell `t % cells`. A member puts its contribution into its own
//! cell, stamps the cell with the turn, and reads others' once they are stamped. What
//! does not fit into a cell lies in page or big `t % 2`. Cells and pages have no lock.
//!
//! Invariant: a member writes a cell (a page, a big) in turn `t` only when every member is done
//! with the last turn that used it, `t - cells` (`t - 2`). After a turn in which all wait
//! for all this is known without looking; otherwise the members' `done` is looked at.
//! So the root of broadcasts is up to [`MOST_CELLS`] of them ahead of its slowest
//! receiver: with more members than cores that is how often they must change places.
//!
//! Two ways to learn that all have arrived: with a core for each member, everyone
//! looks at everyone's stamp (no shared counter: one cache line a pair moves); with
//! more members than cores the last to arrive says so, and rings the bell once.

use super::window::Big;
use crate::error::Result;
use crate::guest::Guest;
use crate::memory::Memory;
use crate::rank::Rank;
use crate::wait::Doorbell;
use crate::words::WORD;
use parking_lot::RwLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// Bytes that lie beside the stamp: one cache line moves both, or two neighbours.
pub(super) const SMALL: usize = WORDS * WORD;
const WORDS: usize = 14;

/// Bytes of a page: what is worth copying twice, rather than taking a lock that moves
/// between the cores.
pub(super) const PAGE: usize = 2048;

/// The most members that look at each other's stamps.
const FEW: usize = 8;

/// Turns that use different cells, at the most and at the least; powers of two.
const MOST_CELLS: usize = 32;
const LEAST_CELLS: usize = 8;
/// A team has so many cells of all members together, as far as these bounds allow.
const ALL_CELLS: usize = 1024;
/// Turns that use different pages or bigs.
pub(super) const BIGS: usize = 2;

// In this order: the first words of the data are in the line of the stamp.
#[derive(Default)]
#[repr(C, align(128))]
pub(super) struct Cell {
    pub(super) turn: AtomicU32,
    /// Bytes of the contribution, wherever it lies.
    pub(super) offered: AtomicU64,
    pub(super) small: [AtomicU64; WORDS],
}

/// A value that one member writes and others read, on a cache line of its own.
#[derive(Default)]
#[repr(align(128))]
pub(super) struct Line(pub(super) AtomicU32);

pub(super) struct Member {
    pub(super) cells: Box<[Cell]>,
    pub(super) big: [RwLock<Big>; BIGS],
    pub(super) done: Line,
}

/// How the members of a crowd find out about each other.
#[derive(Default)]
pub(super) struct Crowd {
    /// Members that have arrived in this turn.
    pub(super) arrived: Line,
    /// The nodes of the combining tree, as a binary heap's levels.
    pub(super) tree: Box<[AtomicU32]>,
    /// The last turn that is complete.
    pub(super) complete: Line,
}

/// The members of a communicator on one worker.
pub(crate) struct Team {
    pub(super) members: Box<[Member]>,
    /// One for each cell of a member.
    pub(super) crowds: Box<[Crowd]>,
    /// The pages of all members. Made when they are first used.
    pub(super) pages: OnceLock<Arc<dyn Memory>>,
    bell: Doorbell,
    /// Members that wait at their own mailbox, because they have other operations
    /// under way.
    elsewhere: AtomicU32,
    /// World ranks of the members.
    ranks: Box<[u32]>,
    /// Does every member have a core?
    pub(super) few: bool,
}

/// Is turn `a` at or after turn `b`? Turns wrap around.
pub(super) fn reached(a: u32, b: u32) -> bool {
    a.wrapping_sub(b) as i32 >= 0
}

impl Team {
    /// The team of these world ranks, which share `cores`.
    pub(super) fn new(ranks: Vec<u32>, cores: u32) -> Team {
        let size = ranks.len();
        let cells = (ALL_CELLS / size.next_power_of_two()).clamp(LEAST_CELLS, MOST_CELLS);
        let nodes = || {
            (0..size.next_power_of_two())
                .map(|_| AtomicU32::new(0))
                .collect()
        };
        let crowd = || Crowd {
            tree: nodes(),
            ..Crowd::default()
        };
        let member = || Member {
            cells: (0..cells).map(|_| Cell::default()).collect(),
            big: Default::default(),
            done: Line::default(),
        };
        Team {
            members: (0..size).map(|_| member()).collect(),
            crowds: (0..cells).map(|_| crowd()).collect(),
            pages: OnceLock::new(),
            bell: Doorbell::default(),
            elsewhere: AtomicU32::new(0),
            ranks: ranks.into(),
            few: size <= FEW && size <= cores as usize,
        }
    }

    pub(super) fn size(&self) -> usize {
        self.members.len()
    }

    /// Which of a member's cells a turn uses.
    pub(super) fn cell_of(&self, turn: u32) -> usize {
        turn as usize & (self.crowds.len() - 1)
    }

    /// Everyone looks at everyone, rather than the last to arrive telling all.
    pub(super) fn is_few(&self) -> bool {
        self.few
    }

    /// The job ends, or a member's process does: those who wait look whether they still may.
    pub(super) fn interrupt(&self) {
        self.bell.ring();
    }

    /// Wakes the members that wait for a change, which may come after a `copy`.
    pub(super) fn ring(&self, rank: &Rank, copy: bool) {
        match copy {
            true => self.bell.ring_after_copy(),
            false => self.bell.ring(),
        }
        // Whoever counts itself in too late to be seen here looks for the change before it
        // sleeps, and again after that: see `wait.rs`.
        if self.elsewhere.load(Ordering::Relaxed) != 0 {
            self.ranks
                .iter()
                .for_each(|&member| rank.world.wake(member));
        }
    }

    pub(super) fn wait(
        &self,
        rank: &Rank,
        guest: &mut dyn Guest,
        ready: impl Fn() -> bool,
    ) -> Result<()> {
        let world = &rank.world;
        if world.linger(|| ready().then_some(())).is_some() {
            return Ok(());
        }
        if rank.has_operations() {
            self.elsewhere.fetch_add(1, Ordering::SeqCst);
            let waited = rank.wait_for(guest, || ready().then_some(()));
            self.elsewhere.fetch_sub(1, Ordering::SeqCst);
            return waited;
        }
        while !ready() {
            rank.check()?;
            self.bell.park(|| ready() || rank.check().is_err());
        }
        Ok(())
    }
}
