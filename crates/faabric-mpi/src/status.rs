//! `MPI_Status`: what is known of a message that was received or probed.

use crate::abi;
use crate::error::{Class, Error, Result};
use crate::handle::TypeHandle;
use crate::rank::Rank;
use crate::request::Outcome;

/// `MPI_Status` (MPI 4.1, section 3.2.5): three public fields, and what
/// `MPI_Get_count` and `MPI_Test_cancelled` need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// The sender's rank.
    pub source: i32,
    /// The message's tag.
    pub tag: i32,
    /// The error class, where a call ends several requests.
    pub error: i32,
    /// Bytes of data in the message.
    pub bytes: u64,
    /// The operation was cancelled.
    pub cancelled: bool,
}

impl Status {
    /// The empty status (MPI 4.1, section 3.7.3).
    pub const EMPTY: Status = Status {
        source: abi::MPI_ANY_SOURCE,
        tag: abi::MPI_ANY_TAG,
        error: abi::MPI_SUCCESS,
        bytes: 0,
        cancelled: false,
    };

    /// What a receive from `MPI_PROC_NULL` gives (MPI 4.1, section 3.11).
    pub const PROC_NULL: Status = Status {
        source: abi::MPI_PROC_NULL,
        ..Status::EMPTY
    };

    /// As the guest holds it: `{ int SOURCE, TAG, ERROR, internal[5] }`.
    #[must_use]
    pub fn to_words(self) -> [i32; 8] {
        let (low, high) = (self.bytes as u32 as i32, (self.bytes >> 32) as i32);
        [
            self.source,
            self.tag,
            self.error,
            low,
            high,
            i32::from(self.cancelled),
            0,
            0,
        ]
    }

    /// Reads one that the guest holds.
    #[must_use]
    pub fn from_words(words: [i32; 8]) -> Status {
        let [source, tag, error, low, high, cancelled, ..] = words;
        let bytes = u64::from(high as u32) << 32 | u64::from(low as u32);
        Status {
            source,
            tag,
            error,
            bytes,
            cancelled: cancelled != 0,
        }
    }
}

impl From<Outcome> for Status {
    fn from(o: Outcome) -> Status {
        Status {
            source: o.source,
            tag: o.tag,
            error: abi::MPI_SUCCESS,
            bytes: o.bytes,
            cancelled: o.cancelled,
        }
    }
}

impl Rank {
    /// `MPI_Get_count` (MPI 4.1, section 3.2.5): whole elements of `datatype` in the
    /// message; none (`MPI_UNDEFINED`) when it ends within one.
    ///
    /// # Errors
    /// `MPI_ERR_TYPE` for what is no datatype.
    pub fn get_count(&self, status: &Status, datatype: TypeHandle) -> Result<Option<u64>> {
        Ok(self.datatype(datatype)?.count_in(status.bytes))
    }

    /// `MPI_Get_elements` (MPI 4.1, section 5.1.11): basic elements in the message;
    /// none (`MPI_UNDEFINED`) when it ends within one.
    ///
    /// # Errors
    /// `MPI_ERR_TYPE` for what is no datatype.
    pub fn get_elements(&self, status: &Status, datatype: TypeHandle) -> Result<Option<u64>> {
        Ok(self.datatype(datatype)?.elements_in(status.bytes))
    }

    /// `MPI_Status_set_elements` (MPI 4.1, section 13.3).
    ///
    /// # Errors
    /// `MPI_ERR_TYPE` for what is no datatype, `MPI_ERR_COUNT` for a count that is
    /// negative or too large.
    pub fn status_set_elements(
        &self,
        status: &mut Status,
        datatype: TypeHandle,
        count: i64,
    ) -> Result<()> {
        let elements = u64::try_from(count)
            .map_err(|_| Error::new(Class::COUNT, format!("count: {count} is negative")))?;
        status.bytes = self.datatype(datatype)?.bytes_of_elements(elements)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_survives_the_guest() {
        for bytes in [0, 1, u64::from(u32::MAX), 1 << 33, u64::MAX] {
            let status = Status {
                source: 3,
                tag: 9,
                error: 15,
                bytes,
                cancelled: bytes == 1,
            };
            assert_eq!(Status::from_words(status.to_words()), status);
        }
    }
}
