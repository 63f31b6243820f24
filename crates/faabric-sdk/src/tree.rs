//! Copying, hashing and listing trees of files, always in the same order.

use std::path::{Path, PathBuf};

use include_dir::{Dir, DirEntry, include_dir};

use crate::error::{Error, Result};

/// The guest side of Faabric, as it was when this binary was built.
pub(crate) static GUEST: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../guest");

/// Writes the embedded guest tree to `to`.
pub(crate) fn extract_guest(to: &Path) -> Result<()> {
    std::fs::create_dir_all(to).map_err(Error::io("create", to))?;
    GUEST.extract(to).map_err(Error::io("write", to))
}

/// Names the embedded guest tree: every path and content.
pub(crate) fn guest_digest() -> blake3::Hash {
    fn visit(dir: &Dir<'_>, hasher: &mut blake3::Hasher) {
        let mut entries: Vec<_> = dir.entries().iter().collect();
        entries.sort_by_key(|entry| entry.path());
        for entry in entries {
            match entry {
                DirEntry::Dir(dir) => visit(dir, hasher),
                DirEntry::File(file) => {
                    let path = file.path().to_string_lossy();
                    // Lengths keep "ab" + "c" apart from "a" + "bc".
                    hasher.update(&(path.len() as u64).to_le_bytes());
                    hasher.update(path.as_bytes());
                    hasher.update(&(file.contents().len() as u64).to_le_bytes());
                    hasher.update(file.contents());
                }
            }
        }
    }
    let mut hasher = blake3::Hasher::new();
    visit(&GUEST, &mut hasher);
    hasher.finalize()
}

/// Copies a directory over another, replacing files of the same name.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to).map_err(Error::io("create", to))?;
    for path in list(from)? {
        let name = path.file_name().unwrap_or_default();
        let target = to.join(name);
        if path.is_dir() {
            copy(&path, &target)?;
        } else {
            std::fs::copy(&path, &target).map_err(Error::io("write", target))?;
        }
    }
    Ok(())
}

/// Removes a file or directory; one that is not there is fine.
pub(crate) fn remove(path: &Path) -> Result<()> {
    let result = if path.is_dir() {
        std::fs::remove_dir_all(path)
    } else {
        std::fs::remove_file(path)
    };
    match result {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}

/// The entries of a directory, sorted by name.
pub(crate) fn list(directory: &Path) -> Result<Vec<PathBuf>> {
    let read = |source| Error::io("read", directory)(source);
    let mut entries = std::fs::read_dir(directory)
        .map_err(read)?
        .map(|entry| Ok(entry.map_err(read)?.path()))
        .collect::<Result<Vec<_>>>()?;
    entries.sort();
    Ok(entries)
}

/// Every file below a directory, sorted, or those with one of these extensions; none if the
/// directory does not exist.
pub(crate) fn files_below(directory: &Path, only: Option<&[&str]>) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    if !directory.is_dir() {
        return Ok(found);
    }
    for path in list(directory)? {
        if path.is_dir() {
            found.extend(files_below(&path, only)?);
            continue;
        }
        let extension = path.extension().unwrap_or_default();
        if only.is_none_or(|extensions| extensions.iter().any(|e| extension == *e)) {
            found.push(path);
        }
    }
    Ok(found)
}
