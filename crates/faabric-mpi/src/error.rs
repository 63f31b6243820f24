//! What an MPI call can fail with.

use crate::handle::{CommHandle, ErrhandlerHandle, FileHandle, SessionHandle, WinHandle};
use crate::memory::OutOfBounds;
use std::fmt;

/// The result of an MPI call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An MPI error class (MPI 4.1, section 9.4), or a code that the guest added with
/// `MPI_Add_error_class` or `MPI_Add_error_code`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Class(pub i32);

macro_rules! classes {
    ($($name:ident = $value:literal, $text:literal;)*) => {
        impl Class {
            $(#[doc = concat!("`MPI_ERR_", stringify!($name), "`: ", $text, ".")]
            pub const $name: Class = Class($value);)*

            /// The class's name in `mpi.h`, or none for what the guest added.
            #[must_use]
            pub fn name(self) -> Option<&'static str> {
                match self.0 {
                    0 => Some("MPI_SUCCESS"),
                    $($value => Some(concat!("MPI_ERR_", stringify!($name))),)*
                    _ => None,
                }
            }

            /// What the class means, or none for what the guest added.
            #[must_use]
            pub fn text(self) -> Option<&'static str> {
                match self.0 {
                    0 => Some("no error"),
                    $($value => Some($text),)*
                    _ => None,
                }
            }
        }
    };
}

classes! {
    BUFFER = 1, "invalid buffer";
    COUNT = 2, "invalid count";
    TYPE = 3, "invalid datatype";
    TAG = 4, "invalid tag";
    COMM = 5, "invalid communicator";
    RANK = 6, "invalid rank";
    REQUEST = 7, "invalid request";
    ROOT = 8, "invalid root";
    GROUP = 9, "invalid group";
    OP = 10, "invalid reduction operation";
    TOPOLOGY = 11, "invalid topology";
    DIMS = 12, "invalid dimension";
    ARG = 13, "invalid argument";
    UNKNOWN = 14, "unknown error";
    TRUNCATE = 15, "message longer than the receive buffer";
    OTHER = 16, "error without a class of its own";
    INTERN = 17, "error within the MPI library";
    PENDING = 18, "the request is still pending";
    IN_STATUS = 19, "the error is in the status";
    ACCESS = 20, "permission denied";
    AMODE = 21, "invalid access mode";
    ASSERT = 22, "invalid assertion";
    BAD_FILE = 23, "invalid file name";
    BASE = 24, "invalid base of a window";
    CONVERSION = 25, "a data conversion failed";
    DISP = 26, "invalid displacement";
    DUP_DATAREP = 27, "the data representation is already defined";
    FILE_EXISTS = 28, "the file exists";
    FILE_IN_USE = 29, "the file is in use";
    FILE = 30, "invalid file";
    INFO_KEY = 31, "the info key is too long";
    INFO_NOKEY = 32, "no such info key";
    INFO_VALUE = 33, "the info value is too long";
    INFO = 34, "invalid info object";
    IO = 35, "input or output failed";
    KEYVAL = 36, "invalid key";
    LOCKTYPE = 37, "invalid lock type";
    NAME = 38, "no such service name";
    NO_MEM = 39, "out of memory";
    NOT_SAME = 40, "an argument differs between processes";
    NO_SPACE = 41, "no space left";
    NO_SUCH_FILE = 42, "no such file";
    PORT = 43, "invalid port name";
    QUOTA = 44, "quota exceeded";
    READ_ONLY = 45, "the file or file system is read-only";
    RMA_ATTACH = 46, "the memory cannot be attached";
    RMA_CONFLICT = 47, "conflicting accesses to a window";
    RMA_RANGE = 48, "the target memory is not part of the window";
    RMA_SHARED = 49, "the memory cannot be shared";
    RMA_SYNC = 50, "wrong synchronisation of one-sided calls";
    SERVICE = 51, "the service name is not published, or published already";
    SIZE = 52, "invalid size";
    SPAWN = 53, "the processes could not be started";
    UNSUPPORTED_DATAREP = 54, "unsupported data representation";
    UNSUPPORTED_OPERATION = 55, "unsupported operation";
    WIN = 56, "invalid window";
    RMA_FLAVOR = 57, "the window has the wrong flavor";
    PROC_ABORTED = 58, "a process of the job was aborted";
    VALUE_TOO_LARGE = 59, "the value does not fit its type";
    SESSION = 60, "invalid session";
    ERRHANDLER = 61, "invalid error handler";
    ABI = 62, "a call about the ABI failed";
}

impl Class {
    /// Not an MPI class: the job is being ended, or the guest trapped within a
    /// callback. The host unwinds the guest instead of returning to it.
    pub const INTERRUPTED: Class = Class(-1);
}

impl fmt::Debug for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "Class({})", self.0),
        }
    }
}

/// Which error handler an error goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// That of a communicator.
    Comm(CommHandle),
    /// That of a window.
    Win(WinHandle),
    /// That of a file, or `MPI_FILE_NULL` for calls on files that have none.
    File(FileHandle),
    /// That of a session.
    Session(SessionHandle),
    /// This one, of an object that is not made yet or freed already.
    Handler(ErrhandlerHandle),
}

impl From<CommHandle> for On {
    fn from(comm: CommHandle) -> On {
        On::Comm(comm)
    }
}

impl From<FileHandle> for On {
    fn from(fh: FileHandle) -> On {
        On::File(fh)
    }
}

impl From<ErrhandlerHandle> for On {
    fn from(handler: ErrhandlerHandle) -> On {
        On::Handler(handler)
    }
}

impl From<SessionHandle> for On {
    fn from(session: SessionHandle) -> On {
        On::Session(session)
    }
}

impl From<WinHandle> for On {
    fn from(win: WinHandle) -> On {
        On::Win(win)
    }
}

/// Why an MPI call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What the guest sees as the call's error class.
    pub class: Class,
    /// Names the argument and what is allowed, for the person who reads the output.
    pub message: String,
    /// Whose error handler it goes to, where that is not the object of the call.
    pub on: Option<On>,
}

impl Error {
    /// An error of `class`; `message` names the argument and what is allowed.
    #[must_use]
    #[cold]
    pub fn new(class: Class, message: impl Into<String>) -> Error {
        Error {
            class,
            message: message.into(),
            on: None,
        }
    }

    /// The job is being ended for `reason`.
    #[must_use]
    #[cold]
    pub fn interrupted(reason: impl Into<String>) -> Error {
        Error::new(Class::INTERRUPTED, reason)
    }
}

impl From<OutOfBounds> for Error {
    #[cold]
    fn from(e: OutOfBounds) -> Error {
        Error::new(Class::BUFFER, format!("buffer: {e}"))
    }
}

/// A guest function that the engine called did not return.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Trap(pub String);

impl From<Trap> for Error {
    fn from(trap: Trap) -> Error {
        Error::interrupted(trap.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_of_the_header_has_its_name_and_a_text() {
        let groups = crate::abi::GROUPS.iter();
        let classes = groups.filter(|group| group.title == "error class");
        let classes = classes
            .flat_map(|group| group.constants)
            .filter(|(name, _)| !name.starts_with("MPI_T_") && *name != "MPI_ERR_LASTCODE");
        let mut next = 0;
        for &(name, value) in classes {
            assert_eq!(value, i64::from(next), "{name}");
            assert_eq!(Class(next).name(), Some(name));
            assert!(Class(next).text().is_some(), "{name}");
            next += 1;
        }
        assert_eq!((next, Class(next).name()), (63, None));
        assert_eq!(format!("{:?}", Class::TRUNCATE), "MPI_ERR_TRUNCATE");
    }
}
