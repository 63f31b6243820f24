//! Communicators made of groups, without a communicator to talk over (MPI 4.1,
//! sections 7.4.2 and 7.6.2).
//!
//! Those who call with the same string find each other in a message space that is
//! named by it: [`meeting`].

use crate::agree::TAG;
use crate::attribute::Attributes;
use crate::comm::Comm;
use crate::communicator::{NULL, garbled};
use crate::error::{Class, Error, Result};
use crate::group::Group;
use crate::guest::Guest;
use crate::handle::{CommHandle, ErrhandlerHandle, GroupHandle, InfoHandle};
use crate::intercomm::{disjoint, inter};
use crate::rank::Rank;
use std::sync::Arc;

/// What is attached to a communicator made of groups.
#[derive(Clone, Copy, Debug)]
pub struct Attached<'a> {
    /// `stringtag`: the same on all callers, and unlike that of any other such call that
    /// is under way.
    pub tag: &'a str,
    /// `info`.
    pub info: InfoHandle,
    /// `errhandler`.
    pub errhandler: ErrhandlerHandle,
}

/// Ids from here on are of meetings: the first word of others is a rank.
const MEETINGS: u64 = 1 << 61;

/// A message space of all the job's ranks that only calls with this string use. `group`
/// tells apart what different groups agree on under one string.
pub(crate) fn meeting(rank: &Rank, tag: &str, group: &[u32]) -> Comm {
    // Ranks of this communicator are those of the job. Later ones than the last that is
    // known here cannot be in a group of the caller's.
    let everyone = Arc::new(Group::new((0..rank.world.families.end()).collect()));
    let words = group.iter().flat_map(|member| member.to_le_bytes());
    let bytes = tag.bytes().chain([0]).chain(words);
    // FNV-1a: the same on every worker, whatever it was built with.
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let id = MEETINGS | hash >> 3;
    Comm::new(id, everyone, rank.world_rank)
}

impl Rank {
    /// `MPI_Comm_create_from_group` (MPI 4.1, section 7.4.2): null for the empty group.
    ///
    /// # Errors
    /// `MPI_ERR_GROUP`, also when the caller is not in it; `MPI_ERR_INFO`,
    /// `MPI_ERR_ERRHANDLER`.
    pub fn comm_create_from_group(
        &self,
        guest: &mut dyn Guest,
        group: GroupHandle,
        attached: Attached<'_>,
    ) -> Result<CommHandle> {
        self.check_active("MPI_Comm_create_from_group")?;
        let group = self.group(group)?;
        if group.size() == 0 {
            return Ok(NULL);
        }
        let me = self.member_of(&group, "group")?;
        let meeting = meeting(self, attached.tag, group.members());
        let ids = vec![self.fresh_id()];
        let ids = self.share(guest, &meeting, group.members(), TAG, ids)?;
        let id = ids.first().copied().ok_or_else(garbled)?;
        self.install_attached(Comm::new(id, group, me), attached)
    }

    /// `MPI_Intercomm_create_from_groups` (MPI 4.1, section 7.6.2). What names the other
    /// side is significant at the local leader only.
    ///
    /// # Errors
    /// As [`Rank::comm_create_from_group`]; `MPI_ERR_RANK` for a leader that is not in
    /// its group; `MPI_ERR_GROUP` when the groups have a rank in common.
    pub fn intercomm_create_from_groups(
        &self,
        guest: &mut dyn Guest,
        (local_group, local_leader): (GroupHandle, i32),
        (remote_group, remote_leader): (GroupHandle, i32),
        attached: Attached<'_>,
    ) -> Result<CommHandle> {
        self.check_active("MPI_Intercomm_create_from_groups")?;
        let group = self.group(local_group)?;
        if group.size() == 0 {
            return Ok(NULL);
        }
        let me = self.member_of(&group, "local_group")?;
        let leader = leader(&group, "local_leader", local_leader)?;
        let mut words = Vec::new();
        if group.world_rank(leader) == Some(self.world_rank) {
            let remote = self.group(remote_group)?;
            disjoint(&group, &remote)?;
            if remote.size() > 0 {
                let other = self::leader(&remote, "remote_leader", remote_leader)?;
                let other = remote.world_rank(other).ok_or_else(garbled)?;
                let meeting = meeting(self, attached.tag, &[]);
                words = self.meet_leader(guest, &group, &meeting, other, TAG)?;
            }
        }
        let mut members = group.members().to_vec();
        members.swap(0, leader as usize);
        let meeting = meeting(self, attached.tag, group.members());
        let words = self.share(guest, &meeting, &members, TAG, words)?;
        let [id, local_id, others @ ..] = &words[..] else {
            // The leader says that nobody is on the other side.
            return Ok(NULL);
        };
        let remote = Group::new(others.iter().map(|&word| word as u32).collect());
        disjoint(&group, &remote)?;
        let new = inter(*id, *local_id, group, me, Arc::new(remote));
        self.install_attached(new, attached)
    }

    fn member_of(&self, group: &Group, name: &str) -> Result<u32> {
        group.rank_of(self.world_rank).ok_or_else(|| {
            let message = format!("{name}: the calling process is not in it");
            Error::new(Class::GROUP, message)
        })
    }

    fn install_attached(&self, new: Comm, attached: Attached<'_>) -> Result<CommHandle> {
        let hints = self.hints(attached.info)?;
        self.install_with(attached.errhandler, new, Attributes::default(), hints)
    }
}

fn leader(group: &Group, name: &str, rank: i32) -> Result<u32> {
    let found = u32::try_from(rank).ok().filter(|&rank| rank < group.size());
    found.ok_or_else(|| {
        let message = format!("{name}: {rank} is not a rank of its group");
        Error::new(Class::RANK, message)
    })
}
