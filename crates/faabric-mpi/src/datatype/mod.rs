//! Datatypes (MPI 4.1, chapter 5).

/// How the elements of a message lie in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datatype {
    size: u64,
}

impl Datatype {
    /// Bytes of data in one element.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }
}
