//! The guest's groups (MPI 4.1, section 7.3). They can be made and looked at at any
//! time; nothing here communicates.

use crate::abi;
use crate::error::{Class, Result};
use crate::group::{Group, Range};
use crate::handle::{GroupHandle, Handle};
use crate::rank::{Rank, unknown};
use std::sync::Arc;

/// `MPI_GROUP_EMPTY`.
const EMPTY: GroupHandle = GroupHandle(abi::MPI_GROUP_EMPTY);
/// `MPI_GROUP_NULL`.
const NULL: GroupHandle = GroupHandle(abi::MPI_GROUP_NULL);

impl Rank {
    /// The group that the guest names.
    pub(crate) fn group(&self, handle: GroupHandle) -> Result<Arc<Group>> {
        if handle == EMPTY {
            return Ok(Arc::default());
        }
        let found = self.groups.lock().get(handle).cloned();
        found.ok_or_else(|| unknown(Class::GROUP, "group", handle, NULL.raw()))
    }

    /// Names a group; the empty one is `MPI_GROUP_EMPTY`.
    pub(crate) fn group_from(&self, group: Arc<Group>) -> Result<GroupHandle> {
        if group.size() == 0 {
            Ok(EMPTY)
        } else {
            Rank::name(&self.groups, group)
        }
    }

    /// `MPI_Group_size`.
    ///
    /// # Errors
    /// `MPI_ERR_GROUP`.
    pub fn group_size(&self, group: GroupHandle) -> Result<i32> {
        Ok(self.group(group)?.size() as i32)
    }

    /// `MPI_Group_rank`: `MPI_UNDEFINED` for a rank that is not in it.
    ///
    /// # Errors
    /// `MPI_ERR_GROUP`.
    pub fn group_rank(&self, group: GroupHandle) -> Result<i32> {
        let rank = self.group(group)?.rank_of(self.world_rank);
        Ok(rank.map_or(abi::MPI_UNDEFINED, |rank| rank as i32))
    }

    /// `MPI_Group_translate_ranks`.
    ///
    /// # Errors
    /// `MPI_ERR_GROUP`, `MPI_ERR_RANK`.
    pub fn group_translate_ranks(
        &self,
        group: GroupHandle,
        ranks: &[i32],
        to: GroupHandle,
    ) -> Result<Vec<i32>> {
        self.group(group)?.translate(ranks, &*self.group(to)?)
    }

    /// `MPI_Group_compare`.
    ///
    /// # Errors
    /// `MPI_ERR_GROUP`.
    pub fn group_compare(&self, a: GroupHandle, b: GroupHandle) -> Result<i32> {
        Ok(self.group(a)?.compare(&*self.group(b)?))
    }

    /// `MPI_Group_union`.
    ///
    /// # Errors
    /// `MPI_ERR_GROUP`.
    pub fn group_union(&self, a: GroupHandle, b: GroupHandle) -> Result<GroupHandle> {
        let group = self.group(a)?.union(&*self.group(b)?);
        self.group_from(Arc::new(group))
    }

    /// `MPI_Group_intersection`.
    ///
    /// # Errors
    /// `MPI_ERR_GROUP`.
    pub fn group_intersection(&self, a: GroupHandle, b: GroupHandle) -> Result<GroupHandle> {
        let group = self.group(a)?.intersection(&*self.group(b)?);
        self.group_from(Arc::new(group))
    }

    /// `MPI_Group_difference`.
    ///
    /// # Errors
    /// `MPI_ERR_GROUP`.
    pub fn group_difference(&self, a: GroupHandle, b: GroupHandle) -> Result<GroupHandle> {
        let group = self.group(a)?.difference(&*self.group(b)?);
        self.group_from(Arc::new(group))
    }

    /// `MPI_Group_incl`.
    ///
    /// # Errors
    /// `MPI_ERR_GROUP`, `MPI_ERR_RANK`.
    pub fn group_incl(&self, group: GroupHandle, ranks: &[i32]) -> Result<GroupHandle> {
        let group = self.group(group)?.incl(ranks)?;
        self.group_from(Arc::new(group))
    }

    /// `MPI_Group_excl`.
    ///
    /// # Errors
    /// `MPI_ERR_GROUP`, `MPI_ERR_RANK`.
    pub fn group_excl(&self, group: GroupHandle, ranks: &[i32]) -> Result<GroupHandle> {
        let group = self.group(group)?.excl(ranks)?;
        self.group_from(Arc::new(group))
    }

    /// `MPI_Group_range_incl`.
    ///
    /// # Errors
    /// `MPI_ERR_GROUP`, `MPI_ERR_RANK`, `MPI_ERR_ARG`.
    pub fn group_range_incl(&self, group: GroupHandle, ranges: &[Range]) -> Result<GroupHandle> {
        let group = self.group(group)?.range_incl(ranges)?;
        self.group_from(Arc::new(group))
    }

    /// `MPI_Group_range_excl`.
    ///
    /// # Errors
    /// `MPI_ERR_GROUP`, `MPI_ERR_RANK`, `MPI_ERR_ARG`.
    pub fn group_range_excl(&self, group: GroupHandle, ranges: &[Range]) -> Result<GroupHandle> {
        let group = self.group(group)?.range_excl(ranges)?;
        self.group_from(Arc::new(group))
    }

    /// `MPI_Group_free`.
    ///
    /// # Errors
    /// `MPI_ERR_GROUP`.
    pub fn group_free(&self, group: &mut GroupHandle) -> Result<()> {
        // Freeing MPI_GROUP_EMPTY is allowed: a call may have given it as a result.
        if *group != EMPTY && self.groups.lock().remove(*group).is_none() {
            return Err(unknown(Class::GROUP, "group", *group, NULL.raw()));
        }
        *group = NULL;
        Ok(())
    }
}
