//! Which collective accesses are put together, and by whom.
//!
//! A pure function of what all ranks tell each other, so all decide the same. Putting
//! pieces together pays when the ranks' pieces interleave and are small; for reads, which
//! read along small gaps, only when each rank would read much more than it wants.
//!
//! Hints: `collective_buffering` ("true" or "false" instead of a guess), `cb_buffer_size`
//! (bytes of a window), `cb_nodes` (how many aggregators).

use super::access::Task;
use super::file::File;
use super::transfer::STAGE;
use crate::error::Result;

/// Pieces of at least this many bytes on average are moved by their own ranks: measured
/// with 4 ranks on a local file system, where putting pieces of 4 bytes together is 40
/// times as fast as writing them, of 64 bytes 5 times, and of 16 KiB half as fast.
const LARGE_PIECE: u128 = 4096;

/// Reads are put together where each rank would read this many times what it wants.
const READ_ALONG: u128 = 8;

/// Where fewer bytes than one in this many are accessed, windows would be mostly holes.
const SPARSE: u128 = 64;

/// The most rounds that the hint `cb_buffer_size` can lead to.
const ROUNDS: u64 = 1 << 16;

/// The most aggregators, unless the hint `cb_nodes` says otherwise.
const AGGREGATORS: u64 = 8;

/// What each rank tells of its part of a collective access.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    /// Where its first byte lies in the file, and the end of its last; 0 without any.
    begin: u64,
    end: u64,
    len: u64,
    /// About how many runs it has.
    runs: u64,
    /// Whether its bytes can be put together with others'.
    joins: Joins,
    /// Hints: bytes of a window, and how many aggregators.
    window: u64,
    aggregators: u64,
}

/// Whether a rank's bytes can be put together with others'.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Joins {
    #[default]
    Never,
    WhenItPays,
    /// The program says so.
    Always,
}

impl Part {
    pub(super) const WORDS: usize = 7;

    pub(super) fn to_words(self) -> Vec<u64> {
        vec![
            self.begin,
            self.end,
            self.len,
            self.runs,
            self.joins as u64,
            self.window,
            self.aggregators,
        ]
    }

    pub(super) fn from_words(words: &[u64]) -> Part {
        match *words {
            [begin, end, len, runs, joins, window, aggregators] => Part {
                begin,
                end,
                len,
                runs,
                joins: match joins {
                    0 => Joins::Never,
                    1 => Joins::WhenItPays,
                    _ => Joins::Always,
                },
                window,
                aggregators,
            },
            _ => Part::default(),
        }
    }

    pub(super) fn meets(&self, window: Window) -> bool {
        self.len > 0 && self.begin < window.end && self.end > window.begin
    }
}

/// A stretch of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) begin: u64,
    pub(super) end: u64,
}

/// Who puts together what.
#[derive(Debug)]
pub(super) struct Domains {
    pub(super) parts: Vec<Part>,
    /// Ranks, each with `width` bytes from `begin` on.
    pub(super) aggregators: Vec<u32>,
    begin: u64,
    end: u64,
    width: u64,
    /// Bytes that an aggregator has in memory at a time.
    window: u64,
}

impl Domains {
    /// How the ranks' parts are put together; none when each moves its own.
    pub(super) fn new(parts: Vec<Part>, write: bool) -> Option<Domains> {
        let busy = || parts.iter().filter(|part| part.len > 0);
        if busy().any(|part| part.joins == Joins::Never) || !interleave(busy()) {
            return None;
        }
        let sum = |f: fn(&Part) -> u64| busy().map(|p| u128::from(f(p))).sum::<u128>();
        let begin = busy().map(|part| part.begin).min()?;
        let end = busy().map(|part| part.end).max()?;
        let (span, wanted) = (u128::from(end - begin), sum(|p| p.len));
        let pays = wanted / sum(|p| p.runs).max(1) < LARGE_PIECE
            && (write || span * sum(|_| 1) > wanted * READ_ALONG);
        let told = parts.first()?.joins == Joins::Always;
        if span > wanted.saturating_mul(SPARSE) || !(pays || told) {
            return None;
        }
        // All follow the hints of rank 0, within what bounds memory and rounds.
        let hints = parts.first()?;
        let window = hints.window.max((end - begin) / ROUNDS);
        let window = window.clamp(1, 4 * STAGE);
        let begin = begin - begin % window;
        let size = parts.len() as u64;
        let count = hints.aggregators.clamp(1, size);
        let width = (end - begin).div_ceil(count).next_multiple_of(window);
        let used = (end - begin).div_ceil(width);
        let aggregators = (0..used).map(|i| (i * size / used) as u32).collect();
        Some(Domains {
            parts,
            aggregators,
            begin,
            end,
            width,
            window,
        })
    }

    pub(super) fn rounds(&self) -> u64 {
        self.width / self.window
    }

    /// The windows of a round, with their aggregators.
    pub(super) fn windows(&self, round: u64) -> impl Iterator<Item = (u32, Window)> {
        let windows = self.aggregators.iter().zip(0u64..);
        windows.filter_map(move |(&aggregator, index)| {
            let domain = self.begin + index * self.width;
            let begin = domain + round * self.window;
            let end = (begin + self.window).min(domain + self.width).min(self.end);
            (begin < end).then_some((aggregator, Window { begin, end }))
        })
    }

    /// The ranks that have a part in a window.
    pub(super) fn ranks_in(&self, window: Window) -> impl Iterator<Item = u32> {
        let ranks = self.parts.iter().zip(0u32..);
        ranks.filter_map(move |(part, rank)| part.meets(window).then_some(rank))
    }
}

/// Whether bytes of one rank lie between those of another.
fn interleave<'a>(parts: impl Iterator<Item = &'a Part>) -> bool {
    let mut spans: Vec<_> = parts.map(|part| (part.begin, part.end)).collect();
    spans.sort_unstable();
    spans.windows(2).any(|pair| pair[1].0 < pair[0].1)
}

/// What a rank tells of its part, which begins at `position` of its view.
pub(super) fn part_of(file: &File, task: &Task, position: u64) -> Result<Part> {
    let view = &task.view;
    let settings = file.settings.lock();
    let number = |key, default| {
        let given = settings.info.get(key).and_then(|text| text.parse().ok());
        given.unwrap_or(default)
    };
    let can = !settings.atomic && view.is_disjoint() && view.representation.is_native();
    let joins = match settings.info.get("collective_buffering") {
        _ if !can => Joins::Never,
        Some("false") => Joins::Never,
        Some("true") => Joins::Always,
        _ => Joins::WhenItPays,
    };
    let (mut begin, mut end) = (0, 0);
    if task.len > 0 {
        begin = view.offset_of(position)?;
        end = view.offset_of(position + task.len - 1)? + 1;
    }
    Ok(Part {
        begin,
        end,
        len: task.len,
        runs: view.runs_in(task.len),
        joins,
        window: number("cb_buffer_size", STAGE),
        aggregators: number("cb_nodes", AGGREGATORS),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    /// `size` ranks that take turns with pieces of `piece` bytes, `turns` each.
    fn turns(size: u64, piece: u64, turns: u64, joins: Joins) -> Vec<Part> {
        let part = |rank| Part {
            begin: rank * piece,
            end: (turns - 1) * size * piece + (rank + 1) * piece,
            len: turns * piece,
            runs: turns,
            joins,
            window: STAGE,
            aggregators: AGGREGATORS,
        };
        (0..size).map(part).collect()
    }

    #[test]
    fn small_interleaved_pieces_are_put_together() {
        let decided = |parts: Vec<Part>, write| Domains::new(parts, write).is_some();
        let (pays, always) = (Joins::WhenItPays, Joins::Always);
        assert!(decided(turns(4, 64, 100, pays), true));
        assert!(!decided(turns(4, 64, 100, pays), false), "reads along gaps");
        assert!(decided(turns(16, 64, 100, pays), false));
        assert!(decided(turns(4, 64, 100, always), false));
        assert!(!decided(turns(4, 1 << 16, 100, pays), true), "large pieces");
        assert!(decided(turns(4, 1 << 16, 100, always), true));
        assert!(!decided(turns(4, 64, 1, always), true), "one after another");
        assert!(!decided(turns(4, 64, 100, Joins::Never), true));
        let mut sparse = turns(4, 64, 100, always);
        sparse[0].end = 1 << 60;
        assert!(!decided(sparse, true), "windows full of holes");
        assert!(!decided(Vec::new(), true));
    }

    #[test]
    fn windows_cover_the_access_once() {
        for (size, piece, count) in [(4, 64, 100), (3, 1000, 5000), (7, 17, 3), (2, 1, 2)] {
            for window in [1, 100, 4096, STAGE] {
                let mut parts = turns(size, piece, count, Joins::Always);
                parts[0].window = window;
                let domains = Domains::new(parts, true).unwrap();
                let mut all: Vec<Window> = (0..domains.rounds())
                    .flat_map(|round| domains.windows(round).map(|(_, window)| window))
                    .collect();
                all.sort_unstable_by_key(|window| window.begin);
                let total = size * piece * count;
                assert!(all.windows(2).all(|pair| pair[0].end == pair[1].begin));
                assert_eq!((all[0].begin, all[all.len() - 1].end), (0, total));
                assert!(domains.aggregators.iter().all(|&a| u64::from(a) < size));
            }
        }
    }

    #[test]
    fn a_part_survives_the_way() {
        for joins in [Joins::Never, Joins::WhenItPays, Joins::Always] {
            let part = turns(3, 5, 7, joins)[1];
            assert_eq!(Part::from_words(&part.to_words()), part);
        }
    }
}
