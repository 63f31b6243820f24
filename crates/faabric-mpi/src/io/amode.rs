//! Access modes (MPI 4.1, section 14.2.1), and what each lets a program do.

use super::storage::OpenMode;
use crate::abi;
use crate::error::{Class, Error, Result};

/// A checked `amode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AccessMode(i32);

const ALL: i32 = abi::MPI_MODE_APPEND
    | abi::MPI_MODE_CREATE
    | abi::MPI_MODE_DELETE_ON_CLOSE
    | abi::MPI_MODE_EXCL
    | abi::MPI_MODE_RDONLY
    | abi::MPI_MODE_RDWR
    | abi::MPI_MODE_SEQUENTIAL
    | abi::MPI_MODE_UNIQUE_OPEN
    | abi::MPI_MODE_WRONLY;

impl AccessMode {
    /// The mode that the guest's number stands for.
    ///
    /// # Errors
    /// `MPI_ERR_AMODE` for bits that are none or do not go together.
    pub(super) fn new(raw: i32) -> Result<AccessMode> {
        let mode = AccessMode(raw);
        let wrong = |why: &str| Err(Error::new(Class::AMODE, format!("amode {raw:#x}: {why}")));
        if raw & !ALL != 0 {
            return wrong("it has bits that are no MPI_MODE_ constant for files");
        }
        let accesses = [
            abi::MPI_MODE_RDONLY,
            abi::MPI_MODE_WRONLY,
            abi::MPI_MODE_RDWR,
        ];
        if accesses.iter().filter(|&&bit| mode.has(bit)).count() != 1 {
            return wrong("exactly one of MPI_MODE_RDONLY, _WRONLY and _RDWR is wanted");
        }
        let makes = mode.has(abi::MPI_MODE_CREATE) || mode.has(abi::MPI_MODE_EXCL);
        if mode.has(abi::MPI_MODE_RDONLY) && makes {
            return wrong("MPI_MODE_RDONLY does not go with MPI_MODE_CREATE or MPI_MODE_EXCL");
        }
        if mode.has(abi::MPI_MODE_RDWR) && mode.is_sequential() {
            return wrong("MPI_MODE_RDWR does not go with MPI_MODE_SEQUENTIAL");
        }
        Ok(mode)
    }

    pub(super) fn raw(self) -> i32 {
        self.0
    }

    fn has(self, bit: i32) -> bool {
        self.0 & bit != 0
    }

    pub(super) fn is_sequential(self) -> bool {
        self.has(abi::MPI_MODE_SEQUENTIAL)
    }

    pub(super) fn appends(self) -> bool {
        self.has(abi::MPI_MODE_APPEND)
    }

    pub(super) fn deletes_on_close(self) -> bool {
        self.has(abi::MPI_MODE_DELETE_ON_CLOSE)
    }

    /// How the first rank opens the file, which makes it; the others only open it.
    pub(super) fn open_mode(self, first: bool) -> OpenMode {
        OpenMode {
            read: !self.has(abi::MPI_MODE_WRONLY),
            write: !self.has(abi::MPI_MODE_RDONLY),
            create: first && self.has(abi::MPI_MODE_CREATE),
            exclusive: first && self.has(abi::MPI_MODE_CREATE) && self.has(abi::MPI_MODE_EXCL),
        }
    }

    /// Fails unless the file may be written, or else read.
    pub(super) fn check_access(self, write: bool) -> Result<()> {
        if write && self.has(abi::MPI_MODE_RDONLY) {
            return Err(Error::new(
                Class::READ_ONLY,
                "fh: the file was opened with MPI_MODE_RDONLY",
            ));
        }
        if !write && self.has(abi::MPI_MODE_WRONLY) {
            return Err(Error::new(
                Class::ACCESS,
                "fh: the file was opened with MPI_MODE_WRONLY",
            ));
        }
        Ok(())
    }

    /// Fails for a file that can only be accessed through the shared pointer.
    pub(super) fn check_not_sequential(self) -> Result<()> {
        if self.is_sequential() {
            return Err(Error::new(
                Class::UNSUPPORTED_OPERATION,
                "fh: a file opened with MPI_MODE_SEQUENTIAL has only its shared file pointer",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::abi::*;

    #[test]
    fn modes_that_contradict_themselves_are_refused() {
        for wrong in [
            0,
            MPI_MODE_CREATE,
            MPI_MODE_RDONLY | MPI_MODE_WRONLY,
            MPI_MODE_RDWR | MPI_MODE_WRONLY,
            MPI_MODE_RDONLY | MPI_MODE_CREATE,
            MPI_MODE_RDONLY | MPI_MODE_EXCL,
            MPI_MODE_RDWR | MPI_MODE_SEQUENTIAL,
            MPI_MODE_RDWR | MPI_MODE_NOCHECK,
            -1,
        ] {
            let refused = AccessMode::new(wrong).map_err(|e| e.class);
            assert_eq!(refused, Err(Class::AMODE), "{wrong:#x}");
        }
        let mode = MPI_MODE_WRONLY | MPI_MODE_SEQUENTIAL | MPI_MODE_CREATE | MPI_MODE_EXCL;
        let mode = AccessMode::new(mode).unwrap();
        assert!(mode.check_access(true).is_ok());
        assert_eq!(mode.check_access(false).unwrap_err().class, Class::ACCESS);
        let (first, other) = (mode.open_mode(true), mode.open_mode(false));
        assert!(first.create && first.exclusive && !first.read);
        assert!(!other.create && !other.exclusive && other.write);
    }
}
