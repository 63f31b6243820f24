//! One member's part in one turn of its team: the steps that collectives are made of.
//! The rules that keep members out of each other's way are those of [`super::team`].

use super::share::Form;
use super::team::{BIGS, Cell, Crowd, PAGE, Team, reached};
use super::window::{Big, Span};
use crate::error::Result;
use crate::guest::Guest;
use crate::memory::Addr;
use crate::rank::Rank;
use parking_lot::RwLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// How often a member looks for the others' stamps before it looks whether one of them
/// sleeps: by then its own stamp has left the core, so nobody lies down without having
/// seen it (see `wait.rs`).
const FIRST_LOOKS: u32 = 64;

/// What a member keeps from turn to turn.
#[derive(Debug, Default)]
pub(crate) struct Place {
    /// Turns taken.
    turn: AtomicU32,
    /// All members are known to be done with this turn.
    safe: AtomicU32,
}

impl Place {
    pub(super) fn turns(&self) -> u32 {
        self.turn.load(Ordering::Relaxed)
    }
}

/// One member's part in one turn. The steps of a turn follow each other in the
/// caller's code; [`Turn::end`] must be the last.
pub(super) struct Turn<'a> {
    pub(super) team: &'a Team,
    pub(super) rank: &'a Rank,
    pub(super) guest: &'a mut dyn Guest,
    /// The caller's index among the members.
    pub(super) me: usize,
    place: &'a Place,
    turn: u32,
    /// How the caller's contribution is handed over.
    form: Form,
    /// The caller's stamp is set, but nobody who may sleep was woken yet.
    unrung: bool,
}

impl<'a> Turn<'a> {
    pub(super) fn begin(
        team: &'a Team,
        place: &'a Place,
        me: usize,
        rank: &'a Rank,
        guest: &'a mut dyn Guest,
    ) -> Turn<'a> {
        // One thread of a rank at a time is in a collective of a communicator.
        let turn = place.turn.load(Ordering::Relaxed).wrapping_add(1);
        place.turn.store(turn, Ordering::Relaxed);
        Turn {
            team,
            rank,
            guest,
            me,
            place,
            turn,
            form: Form::Small,
            unrung: false,
        }
    }

    /// The next turn of the same operation, when the caller has seen all members
    /// arrive in this one. It may still be read from.
    pub(super) fn next(mut self) -> Turn<'a> {
        if self.unrung {
            self.ring();
        }
        self.place
            .safe
            .store(self.turn.wrapping_sub(1), Ordering::Relaxed);
        Turn::begin(self.team, self.place, self.me, self.rank, self.guest)
    }

    fn cell(&self, member: usize) -> &'a Cell {
        &self.team.members[member].cells[self.team.cell_of(self.turn)]
    }

    fn crowd(&self) -> &'a Crowd {
        &self.team.crowds[self.team.cell_of(self.turn)]
    }

    /// What does not fit into the cell of a member.
    pub(super) fn big(&self, member: usize) -> &'a RwLock<Big> {
        &self.team.members[member].big[self.turn as usize % BIGS]
    }

    /// Waits until the caller's cell is free, and its page or big if `form` uses that. To
    /// be called before anything is put there, and before the caller arrives.
    pub(super) fn claim(&mut self, form: Form) -> Result<()> {
        self.form = form;
        let depth = match form {
            Form::Small => self.team.crowds.len(),
            Form::Paged | Form::Copied | Form::Shown => BIGS,
        };
        let free = self.turn.wrapping_sub(depth as u32);
        if reached(self.place.safe.load(Ordering::Relaxed), free) {
            return Ok(());
        }
        let team = self.team;
        // How far behind this turn the slowest member is.
        let behind = |turn: u32| {
            let done = team
                .members
                .iter()
                .map(|member| member.done.0.load(Ordering::Acquire));
            // Others may be ahead: they are not behind at all.
            let behind = done.map(|done| (turn.wrapping_sub(done) as i32).max(0));
            behind.max().unwrap_or(0) as u32
        };
        let turn = self.turn;
        self.wait(|| behind(turn) <= depth as u32)?;
        self.place
            .safe
            .store(turn.wrapping_sub(behind(turn)), Ordering::Relaxed);
        Ok(())
    }

    /// Waits until `ready`. First only looks: see [`FIRST_LOOKS`].
    fn wait(&mut self, ready: impl Fn() -> bool) -> Result<()> {
        if self.unrung {
            for _ in 0..FIRST_LOOKS {
                if ready() {
                    return Ok(());
                }
                std::hint::spin_loop();
            }
            self.ring();
        }
        self.team.wait(self.rank, self.guest, ready)
    }

    fn ring(&mut self) {
        self.unrung = false;
        self.team.ring(self.rank, self.form != Form::Small);
    }

    /// Notes how many bytes the caller contributes.
    #[inline]
    pub(super) fn set_offered(&self, len: u64) {
        let cell = self.cell(self.me);
        cell.offered.store(len, Ordering::Relaxed);
    }

    /// How many bytes a member that has arrived contributes.
    #[inline]
    pub(super) fn offered(&self, member: usize) -> u64 {
        self.cell(member).offered.load(Ordering::Relaxed)
    }

    /// Where a contribution lies that is beside the stamp.
    #[inline]
    pub(super) fn small(&self, member: usize) -> &'a [AtomicU64] {
        &self.cell(member).small
    }

    /// A member's page.
    #[inline]
    pub(super) fn page(&self, member: usize) -> Span<'a> {
        let team = self.team;
        let pages = team.pages.get_or_init(|| {
            let all = team.size() * BIGS * PAGE;
            self.rank.memory.scratch(all)
        });
        let index = member * BIGS + self.turn as usize % BIGS;
        Span {
            memory: pages,
            addr: Addr((index * PAGE) as u64),
            len: PAGE as u64,
        }
    }

    /// The caller's contribution is in its cell, for whoever waits for this member.
    pub(super) fn stamp(&mut self) {
        self.cell(self.me).turn.store(self.turn, Ordering::Release);
        self.unrung = true;
        // What is done with long contributions takes time.
        if matches!(self.form, Form::Copied | Form::Shown) {
            self.ring();
        }
    }

    /// Waits for one member's stamp.
    pub(super) fn await_member(&mut self, member: usize) -> Result<()> {
        let (cell, turn) = (self.cell(member), self.turn);
        self.wait(|| reached(cell.turn.load(Ordering::Acquire), turn))
    }

    /// The caller has arrived; does not wait.
    pub(super) fn arrive(&mut self) {
        if self.team.few {
            return self.stamp();
        }
        let size = self.team.size() as u32;
        if self.crowd().arrived.0.fetch_add(1, Ordering::AcqRel) == size - 1 {
            // Nobody counts here again before all, the caller too, are done.
            self.crowd().arrived.0.store(0, Ordering::Relaxed);
            self.set_complete();
        }
    }

    /// Waits until all members have arrived.
    pub(super) fn await_all(&mut self) -> Result<()> {
        if !self.team.few {
            return self.await_complete();
        }
        let (team, turn) = (self.team, self.turn);
        let cell = team.cell_of(turn);
        // Not at the caller's own: its line has left for the cores of the others.
        let (before, after) = team.members.split_at(self.me);
        let others = || before.iter().chain(&after[1..]);
        self.wait(|| {
            others().all(|member| reached(member.cells[cell].turn.load(Ordering::Acquire), turn))
        })
    }

    /// Says that the turn's result is there.
    pub(super) fn set_complete(&mut self) {
        self.crowd().complete.0.store(self.turn, Ordering::Release);
        self.ring();
    }

    /// Waits for [`Turn::set_complete`].
    pub(super) fn await_complete(&mut self) -> Result<()> {
        let (complete, turn) = (&self.crowd().complete.0, self.turn);
        self.wait(|| reached(complete.load(Ordering::Acquire), turn))
    }

    /// Climbs the combining tree: `combine(left, right)` is called by the second to
    /// arrive at a node of two runs of members, which begin with `left` and `right`,
    /// and puts the result in place of `left`'s. True for the one that combined the
    /// whole. So members combine while others are still on their way, in rank order.
    pub(super) fn climb(
        &self,
        mut combine: impl FnMut(usize, usize) -> Result<()>,
    ) -> Result<bool> {
        let size = self.team.size();
        let tree = &self.crowd().tree;
        let (mut run, mut base) = (1, 0);
        while run < size {
            let left = self.me / (2 * run) * 2 * run;
            let right = left + run;
            if right < size {
                let node = base + self.me / (2 * run);
                // Two come by in each turn; the second finds an odd number.
                if tree[node].fetch_add(1, Ordering::AcqRel).is_multiple_of(2) {
                    return Ok(false);
                }
                combine(left, right)?;
            }
            base += size.next_power_of_two() / (2 * run);
            run *= 2;
        }
        Ok(true)
    }

    /// Forgets what was shown in the turn before.
    pub(super) fn withdraw_previous(&self) {
        let mut big = self.team.members[self.me].big[(self.turn as usize + 1) % BIGS].write();
        big.send = None;
        big.recv = None;
    }

    /// The caller is done with this turn: it reads nobody's cell any more. `all` says
    /// that it has seen all members arrive.
    pub(super) fn end(mut self, all: bool) {
        self.team.members[self.me]
            .done
            .0
            .store(self.turn, Ordering::Release);
        self.ring();
        if all {
            // Whoever arrives is done with the turn before.
            self.place
                .safe
                .store(self.turn.wrapping_sub(1), Ordering::Relaxed);
        }
    }
}
