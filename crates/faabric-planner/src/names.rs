//! Names and numbers that the engine's types are made of.

use faabric_wire::id::Rank;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// A worker's name, unique in the cluster. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct WorkerName(Arc<str>);

impl WorkerName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for WorkerName {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl fmt::Display for WorkerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Milliseconds since the Unix epoch. The engine is told the time and never asks for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Milliseconds from `earlier` to here; 0 when the clock was set back in between.
    #[must_use]
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This moment and `ms` milliseconds more.
    #[must_use]
    pub fn after(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

/// Ranks as people write them: `rank 3`, `ranks 0-3, 7`. Expects them sorted.
pub(crate) struct RankList<'a>(pub(crate) &'a [Rank]);

impl fmt::Display for RankList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.len() == 1 { "rank " } else { "ranks " })?;
        let mut at = 0;
        while let Some(first) = self.0.get(at) {
            let run = (1..).take_while(|i| {
                let next = self.0.get(at + *i as usize);
                next.is_some_and(|next| Some(next.0) == first.0.checked_add(*i))
            });
            let last = run.last().unwrap_or(0);
            let comma = if at == 0 { "" } else { ", " };
            match last {
                0 => write!(f, "{comma}{}", first.0)?,
                _ => write!(f, "{comma}{}-{}", first.0, first.0 + last)?,
            }
            at += last as usize + 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rank_lists_read_well() {
        for (ranks, text) in [
            (&[3][..], "rank 3"),
            (&[0, 1], "ranks 0-1"),
            (&[0, 1, 2, 3, 7, 9, 10], "ranks 0-3, 7, 9-10"),
            (&[u32::MAX - 1, u32::MAX], "ranks 4294967294-4294967295"),
        ] {
            let ranks: Vec<Rank> = ranks.iter().copied().map(Rank).collect();
            assert_eq!(RankList(&ranks).to_string(), text);
        }
    }
}
