//! One rank's transfer between its memory and the file, through a buffer of bounded size.
//!
//! ```text
//! memory --Stream--> stage (1 MiB at most) --runs of the view--> file
//! memory <--Stream-- stage <--copied-- near runs read together <-- file
//! ```
//! Reading over a small gap is cheaper than a system call, so near runs are read in one
//! go. Gaps are never written: another rank may be writing there.

use super::storage::Storage;
use super::view::View;
use crate::data::{Data, Stream};
use crate::error::Result;
use crate::scratch::Scratch;

/// Bytes staged at a time.
pub(super) const STAGE: u64 = 1 << 20;

/// The most runs that are noted before they are read.
const BATCH: usize = 1 << 14;

/// The longest gap that is read along, in bytes.
const GAP: u64 = 4096;

/// A stage for a transfer of `len` bytes.
pub(super) fn stage(len: u64) -> Result<Scratch> {
    zeroed(len.min(STAGE))
}

/// Zero bytes.
pub(super) fn zeroed(len: u64) -> Result<Scratch> {
    Scratch::zeroed(len, "the data of a file")
}

/// Writes all of `data` to the view from `position` on.
pub(super) fn write(storage: &dyn Storage, view: &View, position: u64, data: Data) -> Result<()> {
    let len = data.len().unwrap_or(0);
    let mut stage = stage(len)?;
    let mut stream = Stream::new(data)?;
    let mut done = 0;
    while done < len {
        let take = (len - done).min(STAGE);
        let piece = &mut stage[..take as usize];
        stream.read(piece)?;
        write_bytes(storage, view, position + done, piece)?;
        done += take;
    }
    Ok(())
}

/// Writes `bytes` to the view from `position` on.
pub(super) fn write_bytes(
    storage: &dyn Storage,
    view: &View,
    position: u64,
    bytes: &[u8],
) -> Result<()> {
    let mut rest = bytes;
    view.runs(position, bytes.len() as u64, |offset, len| {
        let (run, left) = rest.split_at(len as usize);
        rest = left;
        storage.write_at(offset, run)
    })
}

/// Fills `data` from the view from `position` on; gives the bytes that there were.
pub(super) fn read(storage: &dyn Storage, view: &View, position: u64, data: Data) -> Result<u64> {
    let len = data.len().unwrap_or(0);
    let mut stage = stage(len)?;
    let mut stream = Stream::new(data)?;
    let mut reader = Reader::default();
    let mut done = 0;
    while done < len {
        let take = (len - done).min(STAGE);
        let piece = &mut stage[..take as usize];
        let got = reader.read(storage, view, position + done, piece)?;
        stream.write(&piece[..got as usize])?;
        done += got;
        if got < take {
            break;
        }
    }
    Ok(done)
}

/// Reads bytes of a view; keeps its buffers from one call to the next.
#[derive(Default)]
pub(super) struct Reader {
    runs: Vec<(u64, u64)>,
    near: Vec<u8>,
}

impl Reader {
    /// Fills `out`, no more than [`STAGE`] bytes, from `position` on; gives how many bytes
    /// there were before the end of the file.
    pub(super) fn read(
        &mut self,
        storage: &dyn Storage,
        view: &View,
        position: u64,
        out: &mut [u8],
    ) -> Result<u64> {
        let mut done = 0;
        while done < out.len() as u64 {
            let wanted = self.note(view, position + done, out.len() as u64 - done);
            let piece = &mut out[done as usize..(done + wanted) as usize];
            let got = self.read_noted(storage, piece)?;
            done += got;
            if got < wanted {
                break;
            }
        }
        Ok(done)
    }

    /// Notes the next runs; gives the bytes they have.
    fn note(&mut self, view: &View, position: u64, len: u64) -> u64 {
        self.runs.clear();
        let mut noted = 0;
        // The error only says that the batch is full.
        let _full: Result<(), ()> = view.runs(position, len, |offset, len| {
            if self.runs.len() == BATCH {
                return Err(());
            }
            self.runs.push((offset, len));
            noted += len;
            Ok(())
        });
        noted
    }

    fn read_noted(&mut self, storage: &dyn Storage, out: &mut [u8]) -> Result<u64> {
        let mut done = 0usize;
        let mut rest = self.runs.as_slice();
        while let Some(&(start, first)) = rest.first() {
            let near = together(rest);
            let (group, left) = rest.split_at(near);
            rest = left;
            if let [(_, len)] = *group {
                let got = storage.read_at(start, &mut out[done..done + len as usize])?;
                done += got;
                if (got as u64) < first {
                    break;
                }
                continue;
            }
            let end = group.iter().map(|&(at, len)| at + len).max().unwrap_or(0);
            self.near.resize((end - start) as usize, 0);
            let have = storage.read_at(start, &mut self.near)?;
            for &(at, len) in group {
                let from = ((at - start) as usize).min(have);
                let got = (have - from).min(len as usize);
                out[done..done + got].copy_from_slice(&self.near[from..from + got]);
                done += got;
                if (got as u64) < len {
                    return Ok(done as u64);
                }
            }
        }
        Ok(done as u64)
    }
}

/// How many of the first runs are to be read in one go.
fn together(runs: &[(u64, u64)]) -> usize {
    let (start, first) = runs[0];
    let mut end = start + first;
    for (index, &(at, len)) in runs.iter().enumerate().skip(1) {
        if at < start || at > end + GAP || at + len > start + STAGE {
            return index;
        }
        end = end.max(at + len);
    }
    runs.len()
}
