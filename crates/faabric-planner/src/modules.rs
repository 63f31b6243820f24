//! Stored programs, by the BLAKE3 hash of their bytes: in `<data folder>/modules`, or in
//! memory.
//!
//! ```text
//! PutModule chunks -> Upload (partial file, hashed as it comes) -> rename to its hash
//! ```
//! A name that exists is a complete program: the rename is the last step.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Bytes of one chunk when a program is streamed.
pub(crate) const CHUNK: usize = 256 << 10;
const PARTIAL: &str = "partial-";

/// What can go wrong with a program's bytes.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the module is larger than {max} bytes; the planner's max_module sets the limit")]
    TooLarge { max: u64 },
    #[error("the planner cannot store the module in {}: {source}; free space there", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("the planner cannot read the module {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("the stored module {hash} is damaged: upload it again")]
    Damaged { hash: String },
}

/// The stored programs.
#[derive(Debug)]
pub(crate) struct Modules {
    place: Place,
    max: u64,
    uploads: AtomicU64,
}

#[derive(Debug)]
enum Place {
    Memory(Mutex<HashMap<String, Arc<Vec<u8>>>>),
    Disk(PathBuf),
}

impl Modules {
    /// Opens the folder, or starts with none in memory. `max` is the largest program in
    /// bytes.
    pub(crate) fn open(data_dir: Option<&Path>, max: u64) -> Result<Self, crate::Error> {
        let place = match data_dir {
            None => Place::Memory(Mutex::default()),
            Some(dir) => {
                let path = dir.join("modules");
                clear_partial(&path).map_err(|source| crate::Error::DataDir {
                    path: path.clone(),
                    source,
                })?;
                Place::Disk(path)
            }
        };
        Ok(Self {
            place,
            max,
            uploads: AtomicU64::new(0),
        })
    }

    /// Whether a program is stored. `hash` must be checked by [`is_hash`].
    pub(crate) fn has(&self, hash: &str) -> bool {
        match &self.place {
            Place::Memory(modules) => lock(modules).contains_key(hash),
            Place::Disk(dir) => dir.join(hash).is_file(),
        }
    }

    /// Starts to store a program.
    pub(crate) async fn upload(&self) -> Result<Upload<'_>, Error> {
        let number = self.uploads.fetch_add(1, Ordering::Relaxed);
        let part = match &self.place {
            Place::Memory(_) => Part::Memory(Vec::new()),
            Place::Disk(dir) => {
                let path = dir.join(format!("{PARTIAL}{number}"));
                let file = tokio::fs::File::create(&path).await;
                let file = file.map_err(|source| Error::Write {
                    path: dir.clone(),
                    source,
                })?;
                Part::Disk(file, Partial(path))
            }
        };
        Ok(Upload {
            modules: self,
            part,
            hasher: blake3::Hasher::new(),
            len: 0,
        })
    }

    /// Opens a stored program; None when there is none of that hash.
    pub(crate) async fn download(&self, hash: &str) -> Result<Option<Download>, Error> {
        let from = match &self.place {
            Place::Memory(modules) => match lock(modules).get(hash) {
                Some(bytes) => From::Memory(bytes.clone(), 0),
                None => return Ok(None),
            },
            Place::Disk(dir) => {
                let path = dir.join(hash);
                match tokio::fs::File::open(&path).await {
                    Ok(file) => From::Disk(file, path),
                    Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
                    Err(source) => return Err(Error::Read { path, source }),
                }
            }
        };
        Ok(Some(Download {
            from,
            hash: hash.to_owned(),
            hasher: blake3::Hasher::new(),
        }))
    }
}

/// A program on its way in; dropped before [`Upload::finish`], it leaves nothing.
pub(crate) struct Upload<'a> {
    modules: &'a Modules,
    part: Part,
    hasher: blake3::Hasher,
    len: u64,
}

enum Part {
    Memory(Vec<u8>),
    Disk(tokio::fs::File, Partial),
}

/// Removes the partial file unless it was renamed.
struct Partial(PathBuf);

impl Drop for Partial {
    fn drop(&mut self) {
        // Gone after the rename; what cannot be removed is at the next start.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Upload<'_> {
    pub(crate) async fn write(&mut self, data: &[u8]) -> Result<(), Error> {
        self.len += data.len() as u64;
        let max = self.modules.max;
        if self.len > max {
            return Err(Error::TooLarge { max });
        }
        self.hasher.update(data);
        match &mut self.part {
            Part::Memory(bytes) => bytes.extend_from_slice(data),
            Part::Disk(file, partial) => {
                let written = file.write_all(data).await;
                written.map_err(|source| write_error(partial, source))?;
            }
        }
        Ok(())
    }

    /// Stores the program for good and returns its hash.
    pub(crate) async fn finish(self) -> Result<String, Error> {
        let hash = self.hasher.finalize().to_hex().to_string();
        match (self.part, &self.modules.place) {
            (Part::Memory(bytes), Place::Memory(modules)) => {
                lock(modules)
                    .entry(hash.clone())
                    .or_insert_with(|| Arc::new(bytes));
            }
            (Part::Disk(file, partial), Place::Disk(dir)) => {
                let synced = file.sync_all().await;
                synced.map_err(|source| write_error(&partial, source))?;
                let renamed = tokio::fs::rename(&partial.0, dir.join(&hash)).await;
                renamed.map_err(|source| write_error(&partial, source))?;
            }
            _ => unreachable!("an upload is made by the place that it goes to"),
        }
        Ok(hash)
    }
}

fn write_error(partial: &Partial, source: io::Error) -> Error {
    let folder = partial.0.parent().unwrap_or(&partial.0);
    Error::Write {
        path: folder.to_owned(),
        source,
    }
}

/// A program on its way out.
pub(crate) struct Download {
    from: From,
    hash: String,
    hasher: blake3::Hasher,
}

enum From {
    Memory(Arc<Vec<u8>>, usize),
    Disk(tokio::fs::File, PathBuf),
}

impl Download {
    /// The next bytes; None after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        match &mut self.from {
            From::Memory(bytes, at) => {
                let chunk = bytes[*at..].chunks(CHUNK).next().map(<[u8]>::to_vec);
                *at += chunk.as_ref().map_or(0, Vec::len);
                Ok(chunk)
            }
            From::Disk(file, path) => {
                let mut chunk = Vec::with_capacity(CHUNK);
                let read = file.take(CHUNK as u64).read_to_end(&mut chunk).await;
                read.map_err(|source| Error::Read {
                    path: path.clone(),
                    source,
                })?;
                self.hasher.update(&chunk);
                if !chunk.is_empty() {
                    return Ok(Some(chunk));
                }
                if self.hasher.finalize().to_hex().as_str() != self.hash {
                    // So that the next upload replaces it.
                    let _ = tokio::fs::remove_file(path).await;
                    let hash = self.hash.clone();
                    return Err(Error::Damaged { hash });
                }
                Ok(None)
            }
        }
    }
}

/// Whether `text` can name a program: 64 lower-case hexadecimal digits, so no path either.
pub(crate) fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Creates the folder, and removes what interrupted uploads left there.
fn clear_partial(dir: &Path) -> io::Result<()> {
    std::fs::create_dir_all(dir)?;
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(PARTIAL) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    async fn put(modules: &Modules, bytes: &[u8]) -> String {
        let mut upload = modules.upload().await.unwrap();
        for chunk in bytes.chunks(1000) {
            upload.write(chunk).await.unwrap();
        }
        upload.finish().await.unwrap()
    }

    async fn get(modules: &Modules, hash: &str) -> Result<Vec<u8>, Error> {
        let mut download = modules.download(hash).await?.unwrap();
        let mut bytes = Vec::new();
        while let Some(chunk) = download.next().await? {
            bytes.extend(chunk);
        }
        Ok(bytes)
    }

    #[tokio::test]
    async fn what_is_put_is_got_and_survives_on_disk() {
        let dir = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> = (0..600_000u32).map(|i| ((i * 7) >> 3) as u8).collect();
        for data_dir in [None, Some(dir.path())] {
            let modules = Modules::open(data_dir, 1 << 20).unwrap();
            let hash = put(&modules, &bytes).await;
            assert_eq!(hash, blake3::hash(&bytes).to_hex().as_str());
            assert!(is_hash(&hash) && modules.has(&hash));
            assert_eq!(put(&modules, &bytes).await, hash);
            assert_eq!(get(&modules, &hash).await.unwrap(), bytes);
            assert!(modules.download(&"0".repeat(64)).await.unwrap().is_none());
        }
        let modules = Modules::open(Some(dir.path()), 1 << 20).unwrap();
        let hash = blake3::hash(&bytes).to_hex().to_string();
        assert_eq!(get(&modules, &hash).await.unwrap(), bytes);
    }

    #[tokio::test]
    async fn too_large_and_abandoned_uploads_leave_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let modules = Modules::open(Some(dir.path()), 1000).unwrap();
        let mut upload = modules.upload().await.unwrap();
        upload.write(&[0; 600]).await.unwrap();
        let error = upload.write(&[0; 600]).await.unwrap_err();
        assert!(error.to_string().contains("larger than 1000 bytes"));
        drop(upload);
        assert_eq!(
            std::fs::read_dir(dir.path().join("modules"))
                .unwrap()
                .count(),
            0
        );
        std::fs::write(dir.path().join("modules/partial-9"), "x").unwrap();
        Modules::open(Some(dir.path()), 1000).unwrap();
        assert_eq!(
            std::fs::read_dir(dir.path().join("modules"))
                .unwrap()
                .count(),
            0
        );
    }

    #[tokio::test]
    async fn a_damaged_module_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let modules = Modules::open(Some(dir.path()), 1000).unwrap();
        let hash = put(&modules, b"program").await;
        std::fs::write(dir.path().join("modules").join(&hash), b"prograM").unwrap();
        assert!(matches!(
            get(&modules, &hash).await,
            Err(Error::Damaged { .. })
        ));
        assert!(!modules.has(&hash));
    }

    #[test]
    fn hashes_are_no_paths() {
        for text in [
            "",
            "../../etc/passwd",
            &"A".repeat(64),
            &"0".repeat(63),
            &"/".repeat(64),
        ] {
            assert!(!is_hash(text), "{text}");
        }
    }
}
