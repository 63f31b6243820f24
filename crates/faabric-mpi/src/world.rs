//! One job's ranks on this worker.

/// One job on this worker: where its ranks are, and the mailboxes of those here.
#[derive(Debug)]
pub struct World {
    size: u32,
    /// What the collectives of this worker's ranks share.
    #[allow(dead_code, reason = "the in-worker collectives land next")]
    pub(crate) teams: crate::collective::Teams,
}

impl World {
    /// How many ranks the job has.
    #[must_use]
    pub fn size(&self) -> u32 {
        self.size
    }
}
