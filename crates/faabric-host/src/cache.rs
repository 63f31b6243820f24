//! Prepared modules on disk.
//!
//! ```text
//!  <module hash>-<engine hash>.prepared:   compiled code | magic | version | length | BLAKE3
//!                                          ^ at offset 0, so that it stays aligned   trailer
//! ```
//! The name holds the hash of the module and of all that decides what code comes out
//! (compiler, version, options, CPU features), so an entry never goes stale; another
//! version just does not find it. Entries are written to a temporary file and renamed,
//! so that two processes at once are safe and a torn write is never seen; a checksum
//! finds what the disk did to them. A cache that cannot be used costs a warning and
//! time, never the run.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

const MAGIC: &[u8; 8] = b"FAABPREP";
const VERSION: u32 = 1;
const TRAILER: usize = 8 + 4 + 8 + 32;

/// A directory of prepared modules that only this user may write.
#[derive(Debug)]
pub(crate) struct Cache {
    dir: PathBuf,
}

/// Compiled code that came out of the cache as this host once put it in.
#[derive(Debug)]
pub(crate) struct Verified(Vec<u8>);

impl Verified {
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

impl Cache {
    /// Opens (and creates) the cache.
    ///
    /// # Errors
    /// When it cannot be created, or others may write to it: what is in it gets
    /// executed, so it must be this user's alone.
    pub(crate) fn open(dir: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        let metadata = fs::metadata(dir)?;
        let owner = rustix::process::geteuid().as_raw();
        if metadata.uid() != owner || metadata.mode() & 0o022 != 0 {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!(
                    "{} can be written by other users, and compiled code is executed from it; \
                     run `chmod go-w` on it or name another directory",
                    dir.display()
                ),
            ));
        }
        Ok(Self {
            dir: dir.to_owned(),
        })
    }

    /// The entry `key`, if it is there and whole. A damaged one is removed.
    pub(crate) fn get(&self, key: &str) -> Option<Verified> {
        let path = self.path(key);
        let mut bytes = Vec::new();
        match File::open(&path).and_then(|mut file| file.read_to_end(&mut bytes)) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!("cannot read prepared module {}: {error}", path.display());
                return None;
            }
        }
        match verify(bytes) {
            Some(verified) => Some(verified),
            None => {
                tracing::warn!(
                    "prepared module {} is damaged; it is discarded and built again",
                    path.display()
                );
                self.discard(key);
                None
            }
        }
    }

    /// Whether there is an entry `key`, without reading it.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.path(key).exists()
    }

    /// Puts an entry. Failure (a full disk) is logged and otherwise without effect.
    pub(crate) fn put(&self, key: &str, code: &[u8]) {
        let path = self.path(key);
        if let Err(error) = self.write(&path, code) {
            tracing::warn!(
                "cannot keep prepared module {}: {error}; the next run compiles again",
                path.display()
            );
        }
    }

    /// Removes an entry that turned out to be unusable.
    pub(crate) fn discard(&self, key: &str) {
        let path = self.path(key);
        if let Err(error) = fs::remove_file(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!("cannot remove {}: {error}", path.display());
        }
    }

    fn write(&self, path: &Path, code: &[u8]) -> io::Result<()> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let temporary = self.dir.join(format!(
            ".{}.{}.tmp",
            std::process::id(),
            COUNTER.fetch_add(1, Ordering::Relaxed)
        ));
        let written = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)
            .and_then(|mut file| {
                file.write_all(code)?;
                file.write_all(&trailer(code))?;
                file.sync_data()
            })
            .and_then(|()| fs::rename(&temporary, path));
        if written.is_err() {
            // Best effort: the error to report is the one that brought us here.
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    fn path(&self, key: &str) -> PathBuf {
        self.dir.join(format!("{key}.prepared"))
    }
}

fn trailer(code: &[u8]) -> [u8; TRAILER] {
    let mut trailer = [0; TRAILER];
    trailer[..8].copy_from_slice(MAGIC);
    trailer[8..12].copy_from_slice(&VERSION.to_le_bytes());
    trailer[12..20].copy_from_slice(&(code.len() as u64).to_le_bytes());
    trailer[20..].copy_from_slice(blake3::hash(code).as_bytes());
    trailer
}

fn verify(mut bytes: Vec<u8>) -> Option<Verified> {
    let len = bytes.len().checked_sub(TRAILER)?;
    let (code, found) = bytes.split_at(len);
    if found != trailer(code) {
        return None;
    }
    bytes.truncate(len);
    Some(Verified(bytes))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn an_entry_comes_back_and_a_damaged_one_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(&dir.path().join("a/b")).unwrap();
        assert!(cache.get("k").is_none());
        cache.put("k", b"code");
        assert_eq!(cache.get("k").unwrap().into_bytes(), b"code");

        let path = cache.path("k");
        for damage in [0, 5, 13, 30] {
            cache.put("k", b"code");
            let mut bytes = fs::read(&path).unwrap();
            bytes[damage] ^= 1;
            fs::write(&path, &bytes).unwrap();
            assert!(cache.get("k").is_none(), "byte {damage} was changed");
            assert!(!path.exists(), "the damaged entry is removed");
        }
        cache.put("k", b"code");
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 3]).unwrap();
        assert!(cache.get("k").is_none(), "a torn entry");
    }

    #[test]
    fn a_directory_others_may_write_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(Cache::open(dir.path()).is_err());
    }

    #[test]
    fn a_cache_that_cannot_be_written_is_no_error() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(&dir.path().join("c")).unwrap();
        fs::remove_dir(dir.path().join("c")).unwrap();
        cache.put("k", b"code");
        assert!(cache.get("k").is_none());
    }
}
