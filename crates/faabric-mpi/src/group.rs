//! Groups: ordered sets of processes (MPI 4.1, section 7.3).

/// An ordered set of world ranks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    members: Vec<u32>,
}

impl Group {
    /// A group of these world ranks, in this order.
    #[must_use]
    pub fn new(members: Vec<u32>) -> Group {
        Group { members }
    }

    /// How many ranks it has.
    #[must_use]
    pub fn size(&self) -> u32 {
        self.members.len() as u32
    }

    /// The world rank of its rank `rank`.
    #[must_use]
    pub fn world_rank(&self, rank: u32) -> Option<u32> {
        self.members.get(rank as usize).copied()
    }

    /// Which of its ranks has this world rank.
    #[must_use]
    pub fn rank_of(&self, world_rank: u32) -> Option<u32> {
        self.members
            .iter()
            .position(|&m| m == world_rank)
            .map(|i| i as u32)
    }
}
