//! Intercommunicators: messages between two groups (MPI 4.1, section 7.6).
//!
//! ```text
//!   local group                      remote group
//!   0 1 2 3 ...  <--- messages --->  0 1 2 ...
//!   `-- comm.local: an intracommunicator of the group, for its own agreements
//! ```

use crate::agree::{self, TAG};
use crate::attribute::Attributes;
use crate::comm::Comm;
use crate::communicator::{NULL, garbled, ranks_within};
use crate::error::{Class, Error, Result};
use crate::group::Group;
use crate::guest::Guest;
use crate::handle::{CommHandle, GroupHandle};
use crate::info::Info;
use crate::rank::Rank;
use std::sync::Arc;

impl Rank {
    /// `MPI_Comm_test_inter` (MPI 4.1, section 7.6.1).
    ///
    /// # Errors
    /// `MPI_ERR_COMM`.
    pub fn comm_test_inter(&self, comm: CommHandle) -> Result<bool> {
        Ok(self.comm(comm)?.remote.is_some())
    }

    fn remote_of(&self, comm: CommHandle) -> Result<Arc<Group>> {
        let comm = self.comm(comm)?;
        let remote = comm.remote.clone();
        remote.ok_or_else(|| Error::new(Class::COMM, "comm: it is not an intercommunicator"))
    }

    /// `MPI_Comm_remote_size`.
    ///
    /// # Errors
    /// `MPI_ERR_COMM`, also for an intracommunicator.
    pub fn comm_remote_size(&self, comm: CommHandle) -> Result<i32> {
        Ok(self.remote_of(comm)?.size() as i32)
    }

    /// `MPI_Comm_remote_group`.
    ///
    /// # Errors
    /// `MPI_ERR_COMM`, also for an intracommunicator.
    pub fn comm_remote_group(&self, comm: CommHandle) -> Result<GroupHandle> {
        let remote = self.remote_of(comm)?;
        self.group_from(remote)
    }

    /// `MPI_Intercomm_create` (MPI 4.1, section 7.6.2).
    ///
    /// # Errors
    /// `MPI_ERR_COMM`, `MPI_ERR_RANK`, `MPI_ERR_TAG`; `MPI_ERR_GROUP` when the groups
    /// have a rank in common.
    pub fn intercomm_create(
        &self,
        guest: &mut dyn Guest,
        local_comm: CommHandle,
        local_leader: i32,
        peer_comm: CommHandle,
        remote_leader: i32,
        tag: i32,
    ) -> Result<CommHandle> {
        let local = self.active_comm(local_comm)?.into_owned();
        if local.remote.is_some() {
            return Err(Error::new(
                Class::COMM,
                "local_comm: it is an intercommunicator",
            ));
        }
        let leader = u32::try_from(local_leader)
            .ok()
            .filter(|&leader| leader < local.size());
        let leader = leader.ok_or_else(|| {
            Error::new(
                Class::RANK,
                format!("local_leader: {local_leader} is not a rank of local_comm"),
            )
        })?;
        let mut words = Vec::new();
        if local.rank == leader {
            let peers = self.active_comm(peer_comm)?.into_owned();
            let dest = crate::send::destination(&peers, remote_leader, tag)?;
            let dest = dest.ok_or_else(|| {
                Error::new(Class::RANK, "remote_leader: MPI_PROC_NULL leads no group")
            })?;
            words = self.meet_leader(guest, &local.group, &peers, dest, agree::tag_of(tag))?;
        }
        let everyone = Rank::everyone(&local, leader);
        let words = self.share(guest, &local, &everyone, TAG, words)?;
        let [id, local_id, others @ ..] = &words[..] else {
            return Err(garbled());
        };
        let others: Vec<_> = others.iter().map(|&word| word as u32).collect();
        self.know(guest, &others)?;
        let remote = Group::new(others);
        disjoint(&local.group, &remote)?;
        let new = inter(
            *id,
            *local_id,
            local.group.clone(),
            local.rank,
            Arc::new(remote),
        );
        self.install(&local, new, Attributes::default(), Info::default())
    }

    /// The leaders tell each other their groups over `peers`, where the other one is rank
    /// `other`: the new id, an id for this side's own
    /// communicator, and the other side's members.
    pub(crate) fn meet_leader(
        &self,
        guest: &mut dyn Guest,
        group: &Group,
        peers: &Comm,
        other: u32,
        tag: i32,
    ) -> Result<Vec<u64>> {
        let mut mine = vec![self.fresh_id()];
        mine.extend(group.members().iter().map(|&member| u64::from(member)));
        let theirs = self.trade(guest, peers, other, tag, &mine)?;
        let (&their_id, members) = theirs.split_first().ok_or_else(garbled)?;
        let mut words = vec![mine[0].max(their_id), self.fresh_id()];
        words.extend(members);
        Ok(words)
    }

    /// `MPI_Intercomm_merge` (MPI 4.1, section 7.6.2).
    ///
    /// # Errors
    /// `MPI_ERR_COMM` for what is no intercommunicator.
    pub fn intercomm_merge(
        &self,
        guest: &mut dyn Guest,
        comm: CommHandle,
        high: bool,
    ) -> Result<CommHandle> {
        let remote = self.remote_of(comm)?;
        let comm = self.active_comm(comm)?.into_owned();
        let local = comm.local.clone().ok_or_else(garbled)?;
        let mut words = Vec::new();
        if comm.rank == 0 {
            let mine = [u64::from(high), u64::from(self.world_rank), self.fresh_id()];
            let theirs = self.trade(guest, &comm, 0, TAG, &mine)?;
            let [their_high, their_rank, their_id] = theirs[..] else {
                return Err(garbled());
            };
            // Where both sides say the same, the order is the implementation's to choose.
            let first = (mine[0], mine[1]) < (their_high, their_rank);
            words = vec![mine[2].max(their_id), u64::from(first)];
        }
        let everyone = Rank::everyone(&local, 0);
        let words = self.share(guest, &local, &everyone, TAG, words)?;
        let [id, first] = words[..] else {
            return Err(garbled());
        };
        let (mine, theirs) = (comm.group.members(), remote.members());
        let members = if first != 0 {
            [mine, theirs].concat()
        } else {
            [theirs, mine].concat()
        };
        let group = Arc::new(Group::new(members).of_session(comm.group.session()));
        let me = group.rank_of(self.world_rank).ok_or_else(garbled)?;
        let new = Comm::new(id, group, me);
        self.install(&comm, new, Attributes::default(), Info::default())
    }

    /// `MPI_Comm_create` on an intercommunicator: each side names members of its own.
    pub(crate) fn create_inter(
        &self,
        guest: &mut dyn Guest,
        comm: &Comm,
        group: &Arc<Group>,
    ) -> Result<CommHandle> {
        ranks_within(comm, group)?;
        let local = comm.local.clone().ok_or_else(garbled)?;
        let mut words = Vec::new();
        if comm.rank == 0 {
            let mut mine = vec![self.fresh_id()];
            mine.extend(group.members().iter().map(|&member| u64::from(member)));
            let theirs = self.trade(guest, comm, 0, TAG, &mine)?;
            let (&their_id, members) = theirs.split_first().ok_or_else(garbled)?;
            words = vec![mine[0].max(their_id), self.fresh_id()];
            words.extend(members);
        }
        let everyone = Rank::everyone(&local, 0);
        let words = self.share(guest, &local, &everyone, TAG, words)?;
        let [id, local_id, others @ ..] = &words[..] else {
            return Err(garbled());
        };
        let Some(me) = group.rank_of(self.world_rank) else {
            return Ok(NULL);
        };
        if others.is_empty() {
            return Ok(NULL);
        }
        let remote = Group::new(others.iter().map(|&word| word as u32).collect());
        let new = inter(*id, *local_id, group.clone(), me, Arc::new(remote));
        self.install(comm, new, Attributes::default(), Info::default())
    }
}

/// Fails when two groups have a rank in common.
pub(crate) fn disjoint(one: &Group, other: &Group) -> Result<()> {
    let mut members = other.members().iter();
    if members.any(|&member| one.rank_of(member).is_some()) {
        let message = "the two groups have a rank in common";
        return Err(Error::new(Class::GROUP, message));
    }
    Ok(())
}

/// An intercommunicator between this rank's group and another.
pub(crate) fn inter(
    id: u64,
    local_id: u64,
    group: Arc<Group>,
    me: u32,
    remote: Arc<Group>,
) -> Comm {
    let mut new = Comm::new(id, group.clone(), me);
    new.remote = Some(remote);
    new.local = Some(Arc::new(Comm::new(local_id, group, me)));
    new
}
