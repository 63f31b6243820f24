//! Groups: ordered sets of processes (MPI 4.1, section 7.3).

use crate::abi;
use crate::error::{Class, Error, Result};
use crate::handle::SessionHandle;
use std::sync::OnceLock;

/// Groups up to this size are searched; larger ones get an index when first asked.
const SEARCHED: usize = 16;

/// An ordered set of world ranks.
#[derive(Clone, Debug, Default)]
pub struct Group {
    members: Vec<u32>,
    /// The session that it is derived from; none for those of `MPI_COMM_WORLD`.
    session: Option<SessionHandle>,
    /// (world rank, rank) sorted by world rank.
    index: OnceLock<Vec<(u32, u32)>>,
}

impl PartialEq for Group {
    fn eq(&self, other: &Group) -> bool {
        self.members == other.members
    }
}

impl Eq for Group {}

/// `first`, `first + stride`, ... up to `last`: a range of `MPI_Group_range_incl`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first rank.
    pub first: i32,
    /// No rank beyond this one.
    pub last: i32,
    /// From one rank to the next; not 0.
    pub stride: i32,
}

impl Group {
    /// A group of these world ranks, in this order.
    #[must_use]
    pub fn new(members: Vec<u32>) -> Group {
        Group {
            members,
            session: None,
            index: OnceLock::new(),
        }
    }

    /// The same, derived from what is of this session.
    #[must_use]
    pub(crate) fn of_session(mut self, session: Option<SessionHandle>) -> Group {
        self.session = session;
        self
    }

    /// The session that it is derived from, if any.
    pub(crate) fn session(&self) -> Option<SessionHandle> {
        self.session
    }

    /// How many ranks it has.
    #[must_use]
    pub fn size(&self) -> u32 {
        self.members.len() as u32
    }

    /// The world ranks, in order.
    #[must_use]
    pub fn members(&self) -> &[u32] {
        &self.members
    }

    /// The world rank of its rank `rank`.
    #[must_use]
    pub fn world_rank(&self, rank: u32) -> Option<u32> {
        self.members.get(rank as usize).copied()
    }

    /// Which of its ranks has this world rank.
    #[must_use]
    pub fn rank_of(&self, world_rank: u32) -> Option<u32> {
        // Most groups are a world's first ranks in order.
        if self.members.get(world_rank as usize) == Some(&world_rank) {
            return Some(world_rank);
        }
        if self.members.len() <= SEARCHED {
            let at = self.members.iter().position(|&m| m == world_rank);
            return at.map(|i| i as u32);
        }
        let index = self.index.get_or_init(|| {
            let mut index: Vec<_> = self.members.iter().copied().zip(0..).collect();
            index.sort_unstable();
            index
        });
        let at = index.binary_search_by_key(&world_rank, |e| e.0).ok()?;
        Some(index[at].1)
    }

    fn contains(&self, world_rank: u32) -> bool {
        self.rank_of(world_rank).is_some()
    }

    /// `MPI_Group_union`: this group, then what only the other has.
    #[must_use]
    pub fn union(&self, other: &Group) -> Group {
        let more = other.members.iter().filter(|&&m| !self.contains(m));
        let members = self.members.iter().chain(more).copied().collect();
        Group::new(members).of_session(self.session.or(other.session))
    }

    /// `MPI_Group_intersection`, in this group's order.
    #[must_use]
    pub fn intersection(&self, other: &Group) -> Group {
        let both = self.members.iter().filter(|&&m| other.contains(m));
        Group::new(both.copied().collect()).of_session(self.session)
    }

    /// `MPI_Group_difference`, in this group's order.
    #[must_use]
    pub fn difference(&self, other: &Group) -> Group {
        let rest = self.members.iter().filter(|&&m| !other.contains(m));
        Group::new(rest.copied().collect()).of_session(self.session)
    }

    /// `MPI_Group_incl`: these ranks, in this order.
    ///
    /// # Errors
    /// `MPI_ERR_RANK` when a rank is not in the group, or is listed twice.
    pub fn incl(&self, ranks: &[i32]) -> Result<Group> {
        let mut taken = vec![false; self.members.len()];
        let members = ranks
            .iter()
            .map(|&rank| self.take(rank, &mut taken))
            .collect::<Result<_>>()?;
        Ok(Group::new(members).of_session(self.session))
    }

    /// `MPI_Group_excl`: all but these ranks.
    ///
    /// # Errors
    /// `MPI_ERR_RANK` when a rank is not in the group, or is listed twice.
    pub fn excl(&self, ranks: &[i32]) -> Result<Group> {
        let mut taken = vec![false; self.members.len()];
        for &rank in ranks {
            self.take(rank, &mut taken)?;
        }
        let rest = self.members.iter().zip(taken).filter(|(_, taken)| !taken);
        let members = rest.map(|(&m, _)| m).collect();
        Ok(Group::new(members).of_session(self.session))
    }

    /// `MPI_Group_range_incl`.
    ///
    /// # Errors
    /// As [`Group::incl`]; `MPI_ERR_ARG` when a stride is 0 or leads away from the last rank.
    pub fn range_incl(&self, ranges: &[Range]) -> Result<Group> {
        self.incl(&self.expand(ranges)?)
    }

    /// `MPI_Group_range_excl`.
    ///
    /// # Errors
    /// As [`Group::range_incl`].
    pub fn range_excl(&self, ranges: &[Range]) -> Result<Group> {
        self.excl(&self.expand(ranges)?)
    }

    /// The world rank of `rank`, which must not have been taken before.
    fn take(&self, rank: i32, taken: &mut [bool]) -> Result<u32> {
        let known = usize::try_from(rank).ok();
        match known.and_then(|r| Some((self.members.get(r)?, taken.get_mut(r)?))) {
            Some((&member, taken)) if !*taken => {
                *taken = true;
                Ok(member)
            }
            Some(_) => Err(Error::new(
                Class::RANK,
                format!("rank {rank} is listed twice"),
            )),
            None => Err(self.no_such_rank(rank)),
        }
    }

    #[cold]
    fn no_such_rank(&self, rank: i32) -> Error {
        Error::new(
            Class::RANK,
            format!(
                "rank is {rank}, but the group has {} ranks from 0",
                self.size()
            ),
        )
    }

    fn expand(&self, ranges: &[Range]) -> Result<Vec<i32>> {
        let mut ranks = Vec::new();
        for &Range {
            first,
            last,
            stride,
        } in ranges
        {
            if stride == 0 || (last > first) != (stride > 0) && first != last {
                return Err(Error::new(
                    Class::ARG,
                    format!("the range from {first} to {last} has stride {stride}"),
                ));
            }
            // Both ends in the group bound the number of ranks.
            for end in [first, last] {
                if u32::try_from(end).map_or(true, |end| end >= self.size()) {
                    return Err(self.no_such_rank(end));
                }
            }
            let steps = i64::from(last - first) / i64::from(stride);
            ranks.extend((0..=steps).map(|i| first + (i * i64::from(stride)) as i32));
        }
        Ok(ranks)
    }

    /// `MPI_Group_translate_ranks`: the ranks in `other` of these ranks, with
    /// `MPI_UNDEFINED` for those that it does not have.
    ///
    /// # Errors
    /// `MPI_ERR_RANK` when a rank is neither in this group nor `MPI_PROC_NULL`.
    pub fn translate(&self, ranks: &[i32], other: &Group) -> Result<Vec<i32>> {
        ranks
            .iter()
            .map(|&rank| match rank {
                abi::MPI_PROC_NULL => Ok(abi::MPI_PROC_NULL),
                rank => {
                    let member = u32::try_from(rank)
                        .ok()
                        .and_then(|r| self.world_rank(r))
                        .ok_or_else(|| self.no_such_rank(rank))?;
                    Ok(other
                        .rank_of(member)
                        .map_or(abi::MPI_UNDEFINED, |r| r as i32))
                }
            })
            .collect()
    }

    /// `MPI_Group_compare`: `MPI_IDENT`, `MPI_SIMILAR` (another order) or `MPI_UNEQUAL`.
    #[must_use]
    pub fn compare(&self, other: &Group) -> i32 {
        if self == other {
            abi::MPI_IDENT
        } else if self.size() == other.size() && self.members.iter().all(|&m| other.contains(m)) {
            abi::MPI_SIMILAR
        } else {
            abi::MPI_UNEQUAL
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn group(members: &[u32]) -> Group {
        Group::new(members.to_vec())
    }

    #[test]
    fn sets_keep_the_first_groups_order() {
        let (a, b) = (group(&[5, 1, 3]), group(&[3, 4, 5]));
        assert_eq!(a.union(&b).members(), [5, 1, 3, 4]);
        assert_eq!(a.intersection(&b).members(), [5, 3]);
        assert_eq!(a.difference(&b).members(), [1]);
        assert_eq!(b.difference(&b), Group::default());
    }

    #[test]
    fn ranges_and_lists_are_checked() {
        let world = Group::new((10..20).collect());
        let range = |first, last, stride| Range {
            first,
            last,
            stride,
        };
        let some = world
            .range_incl(&[range(6, 1, -2), range(7, 9, 2)])
            .unwrap();
        assert_eq!(some.members(), [16, 14, 12, 17, 19]);
        assert_eq!(world.range_excl(&[range(0, 8, 1)]).unwrap().members(), [19]);
        assert_eq!(world.excl(&[0, 9]).unwrap().size(), 8);
        let class = |r: Result<Group>| r.unwrap_err().class;
        assert_eq!(class(world.incl(&[0, 10])), Class::RANK);
        assert_eq!(class(world.incl(&[-1])), Class::RANK);
        assert_eq!(class(world.incl(&[2, 2])), Class::RANK);
        assert_eq!(class(world.range_incl(&[range(0, 3, 0)])), Class::ARG);
        assert_eq!(class(world.range_incl(&[range(0, 3, -1)])), Class::ARG);
        assert_eq!(
            class(world.range_incl(&[range(0, i32::MAX, 1)])),
            Class::RANK
        );
        assert_eq!(
            class(world.range_incl(&[range(i32::MIN, 0, 1)])),
            Class::RANK
        );
    }

    #[test]
    fn ranks_translate_between_groups() {
        let (a, b) = (group(&[5, 1, 3]), group(&[3, 4, 5]));
        let null = abi::MPI_PROC_NULL;
        assert_eq!(
            a.translate(&[0, 1, null, 2], &b).unwrap(),
            [2, abi::MPI_UNDEFINED, null, 0]
        );
        assert_eq!(a.translate(&[3], &b).unwrap_err().class, Class::RANK);
        assert_eq!(a.compare(&group(&[1, 3, 5])), abi::MPI_SIMILAR);
        assert_eq!(
            (a.compare(&a), a.compare(&b)),
            (abi::MPI_IDENT, abi::MPI_UNEQUAL)
        );
    }

    #[test]
    fn a_large_group_finds_every_rank() {
        let reversed = Group::new((0..1000).rev().collect());
        for world_rank in 0..1000 {
            assert_eq!(reversed.rank_of(world_rank), Some(999 - world_rank));
        }
        assert_eq!(reversed.rank_of(1000), None);
    }
}
