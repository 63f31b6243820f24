//! The binomial tree over ranks counted from a root.
//!
//! ```text
//! 0 ─┬─ 4 ─┬─ 6 ── 7        The children of `r` are r + 2^k for the bits k below
//!    ├─ 2 ── 3  └─ 5        the lowest set bit of `r`; the subtree of child r + 2^k
//!    └─ 1                   is the run [r + 2^k, r + 2^(k+1)).
//! ```

use crate::collective::schedule::Seat;
use std::ops::Range;

/// A rank's node in the tree; all numbers are relative to the root.
pub(crate) struct Node {
    relative: u32,
    size: u32,
}

impl Node {
    pub(crate) fn new(seat: Seat, root: u32) -> Self {
        Self {
            relative: seat.relative(root),
            size: seat.size,
        }
    }

    /// The number of subtree places: the lowest set bit, or all for the root.
    fn reach(&self) -> u32 {
        if self.relative == 0 {
            self.size.next_power_of_two()
        } else {
            self.relative & self.relative.wrapping_neg()
        }
    }

    pub(crate) fn parent(&self) -> Option<u32> {
        (self.relative != 0).then(|| self.relative & (self.relative - 1))
    }

    /// This node and all below it.
    pub(crate) fn subtree(&self) -> Range<u32> {
        self.relative..self.relative.saturating_add(self.reach()).min(self.size)
    }

    /// The subtrees of the children, nearest (smallest) first; a child is the start
    /// of its subtree.
    pub(crate) fn children(&self) -> impl DoubleEndedIterator<Item = Range<u32>> + use<> {
        let (relative, size, reach) = (self.relative, self.size, self.reach());
        let bits = reach.trailing_zeros();
        (0..bits).filter_map(move |bit| {
            let child = relative + (1 << bit);
            (child < size).then(|| child..child.saturating_add(1 << bit).min(size))
        })
    }
}

/// The rank that stands at `relative` when counting from `root`.
pub(crate) fn absolute(relative: u32, root: u32, size: u32) -> u32 {
    Seat { rank: root, size }.up(relative)
}

/// A run of relative ranks as runs of (relative, absolute) ranks: two when the run
/// passes the last rank, as the blocks of a root's buffer are in absolute order.
pub(crate) fn unwrap_run(
    run: Range<u32>,
    root: u32,
    size: u32,
) -> impl Iterator<Item = (Range<u32>, Range<u32>)> {
    let wrap = size - root;
    let below = run.start.min(wrap)..run.end.min(wrap);
    let above = run.start.max(wrap)..run.end.max(wrap);
    [
        (below.clone(), below.start + root..below.end + root),
        (above.clone(), above.start - wrap..above.end - wrap),
    ]
    .into_iter()
    .filter(|(relative, _)| !relative.is_empty())
}
