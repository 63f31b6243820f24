//! One job's ranks on this worker.

/// One job on this worker: where its ranks are, and the mailboxes of those here.
#[derive(Debug)]
pub struct World {
    size: u32,
}

impl World {
    /// How many ranks the job has.
    #[must_use]
    pub fn size(&self) -> u32 {
        self.size
    }
}
