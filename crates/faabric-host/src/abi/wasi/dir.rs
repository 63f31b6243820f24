//! Directories: `fd_readdir`.
//!
//! The guest passes a cookie and a buffer; we fill the buffer with entries that follow the
//! cookie, the last one cut off when it does not fit.
//!
//! ```text
//!  getdents batch:   [a][b][c][d]...      guest asks for what follows cookie 2 (b)
//!  kernel's marks:    17 93 54 71           ^ position: goes on here without a system call
//!  cookies:            1  2  3  4         any other cookie -> lseek(its mark), next batch
//! ```
//! The kernel's marks (`d_off`) stay valid while entries come and go; so `telldir`, `seekdir`,
//! and removing files while walking a directory work as on Linux. But they are hashes of 63
//! bits, and a position of `telldir` has the 32 of the guest's `long`: cookies count from 1.

use super::path::Place;
use super::types::{DIRENT_SIZE, Errno, encode_dirent};
use crate::budget::Share;
use crate::memory::GuestMemory;
use parking_lot::Mutex;
use rustix::fs::DirEntry;

/// An open directory.
pub(super) struct Directory {
    pub(super) host: cap_std::fs::Dir,
    pub(super) place: Place,
    /// Opened by the first `fd_readdir`; it has a host descriptor of its own.
    walk: Mutex<Option<Walk>>,
    _share: Share,
}

/// Where `fd_readdir` stands.
struct Walk {
    entries: rustix::fs::Dir,
    /// The kernel's mark behind each entry seen: that of cookie 1, 2, ...
    marks: Vec<i64>,
    /// The cookie that the next entry follows; 0 at the start.
    position: u64,
    /// The next entry, when it was read but did not fit.
    pending: Option<DirEntry>,
    _share: Share,
}

impl Directory {
    pub(super) fn new(host: cap_std::fs::Dir, place: Place, share: Share) -> Self {
        Self {
            host,
            place,
            walk: Mutex::new(None),
            _share: share,
        }
    }

    /// Writes the entries after `cookie` to `len` bytes at `buf`; returns the bytes used.
    /// Fewer than `len` mean that there are no more entries.
    pub(super) fn read(
        &self,
        memory: &GuestMemory,
        buf: u32,
        len: u32,
        cookie: u64,
    ) -> Result<u32, Errno> {
        memory.check(buf, len)?;
        let mut walk = self.walk.lock();
        let walk = match &mut *walk {
            Some(walk) => walk,
            none => none.insert(Walk {
                _share: Share::of_descriptors().ok_or(Errno::NFILE)?,
                entries: rustix::fs::Dir::read_from(&self.host)?,
                marks: Vec::new(),
                position: 0,
                pending: None,
            }),
        };
        walk.go_to(cookie)?;
        let mut out = Out {
            memory,
            at: buf,
            left: len,
        };
        while out.left > 0 {
            let Some(entry) = walk.next()? else { break };
            let cookie = walk.cookie_after(&entry);
            if out.put(&self.encode(&entry, cookie), entry.file_name().to_bytes())? {
                walk.position = cookie;
            } else {
                walk.pending = Some(entry);
            }
        }
        Ok(len - out.left)
    }

    fn encode(&self, entry: &DirEntry, cookie: u64) -> [u8; DIRENT_SIZE] {
        let name = entry.file_name().to_bytes();
        // What lies above a preopened directory is not the guest's to know.
        let hidden = name == b".." && self.place.is_preopen();
        let ino = if hidden { 0 } else { entry.ino() };
        encode_dirent(cookie, ino, name.len() as u32, entry.file_type().into())
    }
}

impl Walk {
    /// Makes the entry after `cookie` the next one.
    fn go_to(&mut self, cookie: u64) -> Result<(), Errno> {
        if cookie == self.position && cookie != 0 {
            return Ok(());
        }
        let seen = usize::try_from(cookie).ok().and_then(|n| n.checked_sub(1));
        if let Some(mark) = seen.and_then(|index| self.marks.get(index)) {
            self.entries.seek(*mark)?;
            self.position = cookie;
            self.pending = None;
            return Ok(());
        }
        // 0 reads the directory anew: that is what `rewinddir` is for. A cookie never
        // given here is from before the Granule moved: as many entries are passed over.
        self.entries.seek(0)?;
        self.marks.clear();
        self.position = 0;
        self.pending = None;
        while self.position < cookie {
            let Some(entry) = self.next()? else { break };
            self.position = self.cookie_after(&entry);
        }
        Ok(())
    }

    /// The cookie of the place behind `entry`, the one that follows `position`.
    fn cookie_after(&mut self, entry: &DirEntry) -> u64 {
        let mark = entry.offset();
        let known = self.marks.iter().skip(self.position as usize);
        match (self.position + 1..).zip(known).find(|(_, m)| **m == mark) {
            Some((cookie, _)) => cookie,
            None => {
                self.marks.push(mark);
                self.marks.len() as u64
            }
        }
    }

    fn next(&mut self) -> Result<Option<DirEntry>, Errno> {
        if let Some(entry) = self.pending.take() {
            return Ok(Some(entry));
        }
        Ok(self.entries.next().transpose()?)
    }
}

/// What is left of the guest's buffer.
struct Out<'a> {
    memory: &'a GuestMemory,
    at: u32,
    left: u32,
}

impl Out<'_> {
    /// Writes header and name, or as much as fits; false when that was not all.
    fn put(&mut self, header: &[u8], name: &[u8]) -> Result<bool, Errno> {
        Ok(self.put_part(header)? && self.put_part(name)?)
    }

    fn put_part(&mut self, bytes: &[u8]) -> Result<bool, Errno> {
        let fits = bytes.len().min(self.left as usize);
        self.memory.write(self.at, &bytes[..fits])?;
        self.at = self.at.wrapping_add(fits as u32);
        self.left -= fits as u32;
        Ok(fits == bytes.len())
    }
}
