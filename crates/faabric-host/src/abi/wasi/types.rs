//! Facts of the WASI preview 1 ABI: error numbers, flags, and how structs lie in guest memory.
//!
//! Source: the `wasi_snapshot_preview1` witx, sizes and offsets as in wasi-libc's `wasi/api.h`.
//! All integers are little-endian. Nothing here acts; the other files of this module do.

use super::Failure;
use crate::ending::Stop;
use crate::memory::OutOfBounds;
use rustix::io::Errno as Host;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io;

/// A WASI error number, the answer of every call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Errno(pub(crate) u16);

/// The numbers, each with the host's error that it stands for.
macro_rules! errnos {
    ($($name:ident = $value:literal)*) => {
        impl Errno {
            $(pub(crate) const $name: Self = Self($value);)*

            /// The guest's number for an error of the host's kernel.
            fn from_host(error: Host) -> Self {
                match error {
                    $(Host::$name => Self::$name,)*
                    // Names that rustix spells in full, or that share a value on Linux.
                    Host::TOOBIG => Self(1),
                    Host::ACCESS => Self::ACCES,
                    Host::OPNOTSUPP => Self::NOTSUP,
                    _ => Self::IO,
                }
            }
        }

        impl fmt::Display for Errno {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match *self {
                    $(Self::$name => write!(f, concat!("E", stringify!($name))),)*
                    Self::ACCES => write!(f, "EACCES"),
                    Self(number) => write!(f, "WASI error {number}"),
                }
            }
        }
    };
}

impl Errno {
    /// The call worked.
    pub(crate) const SUCCESS: Self = Self(0);
    /// Permission denied by the file's mode.
    pub(crate) const ACCES: Self = Self(2);
    /// The file, or this descriptor, cannot do that.
    pub(crate) const NOTSUP: Self = Self(58);
}

errnos! {
    AGAIN = 6
    BADF = 8
    BUSY = 10
    DQUOT = 19
    EXIST = 20
    FAULT = 21
    FBIG = 22
    ILSEQ = 25
    INTR = 27
    INVAL = 28
    IO = 29
    ISDIR = 31
    LOOP = 32
    MFILE = 33
    MLINK = 34
    NAMETOOLONG = 37
    NFILE = 41
    NODEV = 43
    NOENT = 44
    NOLCK = 46
    NOMEM = 48
    NOSPC = 51
    NOSYS = 52
    NOTDIR = 54
    NOTEMPTY = 55
    NOTSOCK = 57
    NOTTY = 59
    NXIO = 60
    OVERFLOW = 61
    PERM = 63
    PIPE = 64
    RANGE = 68
    ROFS = 69
    SPIPE = 70
    STALE = 72
    TIMEDOUT = 73
    TXTBSY = 74
    XDEV = 75
}

impl From<Host> for Errno {
    fn from(error: Host) -> Self {
        Self::from_host(error)
    }
}

impl From<io::Error> for Errno {
    fn from(error: io::Error) -> Self {
        if let Some(host) = Host::from_io_error(&error) {
            return Self::from_host(host);
        }
        match error.kind() {
            // cap-std's word for a path that leads out of the preopened directory.
            io::ErrorKind::PermissionDenied => Self::PERM,
            // A path with a NUL in it.
            io::ErrorKind::InvalidInput => Self::INVAL,
            io::ErrorKind::BrokenPipe => Self::PIPE,
            io::ErrorKind::NotFound => Self::NOENT,
            io::ErrorKind::WouldBlock => Self::AGAIN,
            io::ErrorKind::StorageFull => Self::NOSPC,
            _ => Self::IO,
        }
    }
}

impl From<OutOfBounds> for Errno {
    fn from(_: OutOfBounds) -> Self {
        Self::FAULT
    }
}

impl<E: Into<Errno>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Errno(error.into())
    }
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

/// A set of bits: `contains`, `with`, `without` and named constants.
macro_rules! flags {
    ($(#[$doc:meta])* $name:ident($bits:ty) { $($(#[$flag_doc:meta])* $flag:ident = $bit:literal)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
        pub(crate) struct $name(pub(crate) $bits);

        impl $name {
            $($(#[$flag_doc])* pub(crate) const $flag: Self = Self(1 << $bit);)*

            /// True when all bits of `other` are set.
            pub(crate) const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// These bits and those of `other`.
            #[allow(dead_code, reason = "not every set is put together by the host")]
            pub(crate) const fn with(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            /// These bits but those of `other`.
            #[allow(dead_code, reason = "not every set is taken apart by the host")]
            pub(crate) const fn without(self, other: Self) -> Self {
                Self(self.0 & !other.0)
            }
        }
    };
}

flags! {
    /// What a descriptor may be used for. libc derives `F_GETFL`'s access mode from it.
    Rights(u64) {
        FD_READ = 1
        FD_SEEK = 2
        FD_TELL = 5
        FD_WRITE = 6
        FD_READDIR = 14
    }
}

impl Rights {
    /// Every right of the ABI (bits 0 to 29).
    pub(crate) const ALL: Self = Self((1 << 30) - 1);
    /// What makes a character device no terminal for wasi-libc's `isatty`.
    pub(crate) const SEEKABLE: Self = Self::FD_SEEK.with(Self::FD_TELL);

    /// The rights that both sets have.
    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

flags! {
    /// Flags of an open file (`fdflags`), the low bits of libc's `O_*`.
    FdFlags(u16) {
        APPEND = 0
        DSYNC = 1
        NONBLOCK = 2
        RSYNC = 3
        SYNC = 4
    }
}

impl FdFlags {
    /// Every flag of the ABI.
    pub(crate) const ALL: Self = Self(0x1f);
    /// Those that the host's kernel fixes when the file is opened.
    pub(crate) const SYNCS: Self = Self::DSYNC.with(Self::RSYNC).with(Self::SYNC);
}

flags! {
    /// How `path_open` opens (`oflags`).
    OFlags(u16) {
        CREAT = 0
        DIRECTORY = 1
        EXCL = 2
        TRUNC = 3
    }
}

flags! {
    /// Which time stamps to set, and whether to the current time (`fstflags`).
    FstFlags(u16) {
        ATIM = 0
        ATIM_NOW = 1
        MTIM = 2
        MTIM_NOW = 3
    }
}

flags! {
    /// How a path is looked up (`lookupflags`).
    LookupFlags(u32) {
        /// Follow a symbolic link in the last component.
        SYMLINK_FOLLOW = 0
    }
}

/// What a file is (`filetype`); FIFOs have no number of their own and are `Unknown`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum FileType {
    Unknown = 0,
    BlockDevice = 1,
    CharacterDevice = 2,
    Directory = 3,
    RegularFile = 4,
    SocketStream = 6,
    SymbolicLink = 7,
}

impl From<rustix::fs::FileType> for FileType {
    fn from(host: rustix::fs::FileType) -> Self {
        use rustix::fs::FileType as Type;
        match host {
            Type::RegularFile => Self::RegularFile,
            Type::Directory => Self::Directory,
            Type::Symlink => Self::SymbolicLink,
            Type::CharacterDevice => Self::CharacterDevice,
            Type::BlockDevice => Self::BlockDevice,
            Type::Socket => Self::SocketStream,
            _ => Self::Unknown,
        }
    }
}

/// Bytes of an encoded `fdstat`.
pub(crate) const FDSTAT_SIZE: usize = 24;

/// Encodes an `fdstat`: type @0, flags @2, base rights @8, inheriting rights @16.
pub(crate) fn encode_fdstat(
    filetype: FileType,
    flags: FdFlags,
    base: Rights,
    inheriting: Rights,
) -> [u8; FDSTAT_SIZE] {
    let mut out = [0; FDSTAT_SIZE];
    out[0] = filetype as u8;
    out[2..4].copy_from_slice(&flags.0.to_le_bytes());
    out[8..16].copy_from_slice(&base.0.to_le_bytes());
    out[16..24].copy_from_slice(&inheriting.0.to_le_bytes());
    out
}

/// What `stat` tells (`filestat`). Times are nanoseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileStat {
    pub(crate) dev: u64,
    pub(crate) ino: u64,
    pub(crate) filetype: FileType,
    pub(crate) nlink: u64,
    pub(crate) size: u64,
    pub(crate) atim: u64,
    pub(crate) mtim: u64,
    pub(crate) ctim: u64,
}

impl FileStat {
    /// Bytes of the encoded struct.
    pub(crate) const SIZE: usize = 64;

    /// Of a standard stream, which is no file of the host's.
    pub(crate) const fn of_stream(filetype: FileType) -> Self {
        Self {
            dev: 0,
            ino: 0,
            filetype,
            nlink: 1,
            size: 0,
            atim: 0,
            mtim: 0,
            ctim: 0,
        }
    }

    /// Eight fields of 8 bytes; the file type is one byte @16.
    pub(crate) fn encode(&self) -> [u8; Self::SIZE] {
        let fields = [
            self.dev,
            self.ino,
            self.filetype as u64,
            self.nlink,
            self.size,
            self.atim,
            self.mtim,
            self.ctim,
        ];
        let mut out = [0; Self::SIZE];
        for (to, field) in out.chunks_exact_mut(8).zip(fields) {
            to.copy_from_slice(&field.to_le_bytes());
        }
        out
    }
}

impl From<rustix::fs::Stat> for FileStat {
    #[allow(
        clippy::useless_conversion,
        clippy::unnecessary_cast,
        reason = "the fields of `struct stat` differ in width between architectures"
    )]
    fn from(stat: rustix::fs::Stat) -> Self {
        Self {
            dev: stat.st_dev as u64,
            ino: stat.st_ino as u64,
            filetype: rustix::fs::FileType::from_raw_mode(stat.st_mode).into(),
            nlink: stat.st_nlink as u64,
            size: u64::try_from(stat.st_size).unwrap_or(0),
            atim: nanoseconds(stat.st_atime as i64, stat.st_atime_nsec as i64),
            mtim: nanoseconds(stat.st_mtime as i64, stat.st_mtime_nsec as i64),
            ctim: nanoseconds(stat.st_ctime as i64, stat.st_ctime_nsec as i64),
        }
    }
}

/// Seconds and nanoseconds as one unsigned number; what lies before 1970 is 1970.
pub(crate) fn nanoseconds(seconds: i64, nanos: i64) -> u64 {
    let total = i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
    u64::try_from(total.max(0)).unwrap_or(u64::MAX)
}

/// Bytes of a `dirent` before the name.
pub(crate) const DIRENT_SIZE: usize = 24;

/// Encodes a `dirent`: next cookie @0, inode @8, length of the name @16, type @20.
pub(crate) fn encode_dirent(
    next: u64,
    ino: u64,
    name_len: u32,
    filetype: FileType,
) -> [u8; DIRENT_SIZE] {
    let mut out = [0; DIRENT_SIZE];
    out[0..8].copy_from_slice(&next.to_le_bytes());
    out[8..16].copy_from_slice(&ino.to_le_bytes());
    out[16..20].copy_from_slice(&name_len.to_le_bytes());
    out[20] = filetype as u8;
    out
}

/// What to wait for (`subscription`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Subscription {
    /// Handed back in the event.
    pub(crate) userdata: u64,
    pub(crate) want: Want,
}

/// The union in a `subscription`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    /// A clock reaching a time, in nanoseconds.
    Clock {
        id: u32,
        timeout: u64,
        absolute: bool,
    },
    /// A descriptor that can be read without waiting.
    Read(u32),
    /// A descriptor that can be written without waiting.
    Write(u32),
    /// No event type of the ABI.
    Unknown(u8),
}

impl Subscription {
    /// Bytes of the encoded struct.
    pub(crate) const SIZE: usize = 48;

    /// Decodes: user data @0, tag @8, then @16 either a descriptor, or a clock's id,
    /// timeout @24, precision @32 and flags @40.
    pub(crate) fn decode(bytes: &[u8; Self::SIZE]) -> Self {
        let word = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let long = |at: usize| u64::from(word(at)) | u64::from(word(at + 4)) << 32;
        let want = match bytes[8] {
            0 => Want::Clock {
                id: word(16),
                timeout: long(24),
                absolute: bytes[40] & 1 != 0,
            },
            1 => Want::Read(word(16)),
            2 => Want::Write(word(16)),
            other => Want::Unknown(other),
        };
        Self {
            userdata: long(0),
            want,
        }
    }
}

/// What happened (`event`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) userdata: u64,
    pub(crate) errno: Errno,
    /// 0 clock, 1 read, 2 write.
    pub(crate) kind: u8,
    /// Bytes that can be read or written at once, as far as that is known.
    pub(crate) nbytes: u64,
    /// The other end is closed.
    pub(crate) hangup: bool,
}

impl Event {
    /// Bytes of the encoded struct.
    pub(crate) const SIZE: usize = 32;

    /// Encodes: user data @0, error @8, type @10, bytes @16, flags @24.
    pub(crate) fn encode(&self) -> [u8; Self::SIZE] {
        let mut out = [0; Self::SIZE];
        out[0..8].copy_from_slice(&self.userdata.to_le_bytes());
        out[8..10].copy_from_slice(&self.errno.0.to_le_bytes());
        out[10] = self.kind;
        out[16..24].copy_from_slice(&self.nbytes.to_le_bytes());
        out[24] = u8::from(self.hangup);
        out
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn host_errors_keep_their_meaning() {
        let of = |raw| Errno::from(io::Error::from_raw_os_error(raw));
        assert_eq!(of(libc::ENOENT), Errno::NOENT);
        assert_eq!(of(libc::EACCES), Errno::ACCES);
        assert_eq!(of(libc::ENOTEMPTY), Errno::NOTEMPTY);
        assert_eq!(of(libc::EOPNOTSUPP), Errno::NOTSUP);
        assert_eq!(of(libc::E2BIG), Errno(1));
        assert_eq!(of(libc::EUCLEAN), Errno::IO);
        let escape = io::Error::new(io::ErrorKind::PermissionDenied, "outside");
        assert_eq!(Errno::from(escape), Errno::PERM);
    }

    #[test]
    fn a_clock_subscription_is_decoded_field_by_field() {
        let mut bytes = [0; Subscription::SIZE];
        bytes[0] = 7;
        bytes[16] = 1;
        bytes[24..32].copy_from_slice(&5_000_000_000_u64.to_le_bytes());
        bytes[40] = 1;
        let subscription = Subscription::decode(&bytes);
        assert_eq!(subscription.userdata, 7);
        assert_eq!(
            subscription.want,
            Want::Clock {
                id: 1,
                timeout: 5_000_000_000,
                absolute: true
            }
        );
    }

    #[test]
    fn times_before_the_epoch_are_the_epoch() {
        assert_eq!(nanoseconds(-5, 0), 0);
        assert_eq!(nanoseconds(2, 3), 2_000_000_003);
    }
}
