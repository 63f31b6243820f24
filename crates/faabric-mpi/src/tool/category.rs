//! Categories (MPI 4.1, section 15.3.9): the variables by theme.

use super::{Code, at, error};
use crate::error::Result;
use crate::rank::Rank;

/// A category.
#[derive(Debug, PartialEq, Eq)]
pub struct Category {
    /// Its name.
    pub name: &'static str,
    /// What it is about.
    pub about: &'static str,
    /// Names of its control variables.
    controls: &'static [&'static str],
    /// Whether all performance variables are of it.
    performance: bool,
}

const CATEGORIES: &[Category] = &[
    Category {
        name: "messages",
        about: "point-to-point messages: what is sent, received and waited for",
        controls: &["eager", "eager_remote"],
        performance: true,
    },
    Category {
        name: "collectives",
        about: "which algorithm of a collective operation is used for which size",
        controls: &[
            "bcast_tree",
            "bcast_doubling",
            "reduce_tree",
            "allreduce_doubling",
            "allreduce_ring",
            "rooted_tree",
            "allgather_short",
            "alltoall_bruck",
            "alltoall_scattered",
            "reduce_scatter_halving",
            "scan_doubling",
            "local",
            "local_copied",
            "local_copied_crowded",
            "local_memory",
        ],
        performance: false,
    },
];

impl Rank {
    /// `MPI_T_category_get_num`.
    ///
    /// # Errors
    /// `MPI_T_ERR_NOT_INITIALIZED`.
    pub fn category_get_num(&self) -> Result<i32> {
        self.tool_check()?;
        Ok(CATEGORIES.len() as i32)
    }

    /// `MPI_T_category_get_info`.
    ///
    /// # Errors
    /// `MPI_T_ERR_NOT_INITIALIZED`, `MPI_T_ERR_INVALID_INDEX`.
    pub fn category_get_info(&self, index: i32) -> Result<&'static Category> {
        self.tool_check()?;
        at(CATEGORIES, index, "categories")
    }

    /// `MPI_T_category_get_index`.
    ///
    /// # Errors
    /// `MPI_T_ERR_NOT_INITIALIZED`, `MPI_T_ERR_INVALID_NAME`.
    pub fn category_get_index(&self, name: &str) -> Result<i32> {
        self.tool_check()?;
        let found = CATEGORIES.iter().position(|category| category.name == name);
        let found = found.map(|index| index as i32);
        found.ok_or_else(|| error(Code::INVALID_NAME, format!("no category is {name:?}")))
    }

    /// `MPI_T_category_get_cvars`: the numbers of its control variables.
    ///
    /// # Errors
    /// As [`Rank::category_get_info`].
    pub fn category_get_cvars(&self, index: i32) -> Result<Vec<i32>> {
        let controls = self.category_get_info(index)?.controls.iter();
        controls.map(|name| self.cvar_get_index(name)).collect()
    }

    /// `MPI_T_category_get_pvars`: the numbers of its performance variables.
    ///
    /// # Errors
    /// As [`Rank::category_get_info`].
    pub fn category_get_pvars(&self, index: i32) -> Result<Vec<i32>> {
        match self.category_get_info(index)?.performance {
            true => Ok((0..self.pvar_get_num()?).collect()),
            false => Ok(Vec::new()),
        }
    }
}
