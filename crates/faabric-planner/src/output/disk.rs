//! One job's output on disk: at most two segments, each up to half the limit. When the
//! second is full the first is removed, so that the end is kept.
//!
//! ```text
//! <data folder>/output/<job>.<offset of the first chunk>
//!   segment: "FAABOUT1", then chunks (little-endian):
//!     rank u32 | stream u32 | len u32 | incarnation u64 | sequence u64 | data
//! ```
//! A crash may tear the last chunk; it is cut off when the segment is opened again.

use super::{Chunk, Source};
use faabric_wire::id::{JobId, Rank};
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"FAABOUT1";
const CHUNK_HEADER: u64 = 28;
/// Larger than any message, so a longer chunk is damage.
const MAX_CHUNK: u32 = 64 << 20;

/// A file with the chunks from `first` on.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    first: u64,
    path: PathBuf,
}

/// The segments of a job, and the end of the last.
#[derive(Debug)]
pub(super) struct Disk {
    dir: PathBuf,
    job: JobId,
    limit: u64,
    segments: Vec<Segment>,
    /// The last segment, open for appending, and its length.
    open: Option<(File, u64)>,
    /// The length of the last segment when it was found, until it is opened.
    found: Option<u64>,
    next: u64,
}

impl Disk {
    /// Opens what is there, if anything; notes in `found` the last sequence of each
    /// incarnation.
    pub(super) fn open(
        dir: &Path,
        job: JobId,
        limit: u64,
        found: &mut HashMap<u64, u64>,
    ) -> io::Result<Self> {
        let mut segments: Vec<Segment> = list(dir)?
            .filter(|(found, _)| *found == job)
            .map(|(_, segment)| segment)
            .collect();
        segments.sort_by_key(|s| s.first);
        let mut disk = Self {
            dir: dir.to_owned(),
            job,
            limit,
            segments,
            open: None,
            found: None,
            next: 0,
        };
        for segment in &disk.segments {
            let (count, end) = scan(&segment.path, found)?;
            disk.next = segment.first + count;
            let file = OpenOptions::new().write(true).open(&segment.path)?;
            file.set_len(end)?;
            disk.found = Some(end).filter(|end| *end >= MAGIC.len() as u64);
        }
        Ok(disk)
    }

    pub(super) fn next(&self) -> u64 {
        self.next
    }

    pub(super) fn segments(&self) -> Vec<Segment> {
        self.segments.clone()
    }

    pub(super) fn append(&mut self, chunk: &Chunk) -> io::Result<()> {
        let size = CHUNK_HEADER + chunk.data.len() as u64;
        if let (Some(end), Some(last)) = (self.found.take(), self.segments.last()) {
            // So that a planner's restarts do not use up the segments.
            let file = OpenOptions::new().append(true).open(&last.path)?;
            self.open = Some((file, end));
        }
        let full = |(_, len): &(File, u64)| *len + size > self.limit / 2;
        if self.open.is_none() || self.open.as_ref().is_some_and(full) {
            self.rotate()?;
        }
        let Some((file, len)) = &mut self.open else {
            return Ok(());
        };
        let mut record = Vec::with_capacity(size as usize);
        record.extend(chunk.rank.0.to_le_bytes());
        record.extend(chunk.stream.to_le_bytes());
        record.extend((chunk.data.len() as u32).to_le_bytes());
        record.extend(chunk.source.incarnation.to_le_bytes());
        record.extend(chunk.source.sequence.to_le_bytes());
        record.extend(&*chunk.data);
        // One write, so that a reader never sees half a chunk but at the very end.
        file.write_all(&record)?;
        *len += size;
        self.next += 1;
        Ok(())
    }

    /// Starts a segment and removes all but the last before it.
    fn rotate(&mut self) -> io::Result<()> {
        let first = self.next;
        let path = self.dir.join(format!("{}.{first}", self.job.0));
        let mut file = OpenOptions::new();
        let mut file = file.append(true).create(true).open(&path)?;
        file.set_len(0)?;
        file.write_all(MAGIC)?;
        self.open = Some((file, MAGIC.len() as u64));
        self.segments.retain(|s| s.path != path);
        self.segments.push(Segment { first, path });
        while self.segments.len() > 2 {
            let oldest = self.segments.remove(0);
            std::fs::remove_file(oldest.path)?;
        }
        Ok(())
    }

    pub(super) fn close(&mut self) {
        self.open = None;
    }

    pub(super) fn remove(self) {
        for segment in self.segments {
            if let Err(error) = std::fs::remove_file(&segment.path) {
                tracing::warn!("cannot remove {}: {error}", segment.path.display());
            }
        }
    }
}

/// Where a reader stands: the segment's first offset, the next chunk's, and its place.
#[derive(Debug, Default)]
pub(super) struct Position(Option<(u64, u64, u64)>);

/// Reads chunks from offset `next` on, or from the first that is kept, about `bytes` of
/// them and at least one; gives the offset of the first.
pub(super) fn read(
    segments: &[Segment],
    next: u64,
    position: &mut Position,
    bytes: u64,
) -> io::Result<(u64, Vec<Chunk>)> {
    let Some(mut at) = segments.iter().rposition(|s| s.first <= next).or_else(|| {
        // Everything kept is later.
        (!segments.is_empty()).then_some(0)
    }) else {
        return Ok((next, Vec::new()));
    };
    while let Some(segment) = segments.get(at) {
        let start = next.max(segment.first);
        let (first, chunks) = read_segment(segment, start, position, bytes)?;
        if !chunks.is_empty() {
            return Ok((first, chunks));
        }
        at += 1;
    }
    Ok((next, Vec::new()))
}

fn read_segment(
    segment: &Segment,
    start: u64,
    position: &mut Position,
    bytes: u64,
) -> io::Result<(u64, Vec<Chunk>)> {
    let mut file = match File::open(&segment.path) {
        Ok(file) => file,
        // Removed since: what follows is in the next one.
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok((start, Vec::new())),
        Err(e) => return Err(e),
    };
    let (mut offset, mut place) = match position.0 {
        Some((first, offset, place)) if first == segment.first && offset <= start => {
            (offset, place)
        }
        _ => (segment.first, MAGIC.len() as u64),
    };
    file.seek(SeekFrom::Start(place))?;
    let mut file = BufReader::with_capacity(64 << 10, file);
    let (mut chunks, mut read) = (Vec::new(), 0);
    while read < bytes {
        let Some(header) = read_header(&mut file)? else {
            break;
        };
        let size = CHUNK_HEADER + u64::from(header.len);
        if offset < start {
            file.seek_relative(i64::from(header.len))?;
        } else {
            let mut data = vec![0; header.len as usize];
            match file.read_exact(&mut data) {
                Ok(()) => {}
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => break,
                Err(e) => return Err(e),
            }
            chunks.push(Chunk {
                rank: header.rank,
                stream: header.stream,
                data: data.into(),
                source: header.source,
            });
            read += size;
        }
        (offset, place) = (offset + 1, place + size);
    }
    position.0 = Some((segment.first, offset, place));
    Ok((start, chunks))
}

struct Header {
    rank: Rank,
    stream: i32,
    len: u32,
    source: Source,
}

/// None at the end, or before a header that is torn or damaged.
fn read_header(file: &mut impl Read) -> io::Result<Option<Header>> {
    let mut words = [[0; 4]; 3];
    let mut numbers = [[0; 8]; 2];
    let mut fields = words.iter_mut().map(|w| &mut w[..]);
    let numbers_too = numbers.iter_mut().map(|n| &mut n[..]);
    match fields
        .by_ref()
        .chain(numbers_too)
        .try_for_each(|field| file.read_exact(field))
    {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(e) => return Err(e),
    }
    let [rank, stream, len] = words.map(u32::from_le_bytes);
    let [incarnation, sequence] = numbers.map(u64::from_le_bytes);
    Ok((len <= MAX_CHUNK).then_some(Header {
        rank: Rank(rank),
        stream: stream as i32,
        len,
        source: Source {
            incarnation,
            sequence,
        },
    }))
}

/// How many whole chunks a segment holds, and where they end.
fn scan(path: &Path, found: &mut HashMap<u64, u64>) -> io::Result<(u64, u64)> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    let mut file = BufReader::new(file);
    let mut magic = [0; MAGIC.len()];
    let (mut chunks, mut end) = (0, MAGIC.len() as u64);
    if size < end {
        return Ok((0, size));
    }
    file.read_exact(&mut magic)?;
    if magic != *MAGIC {
        let fault = format!("{} is not a file of output", path.display());
        return Err(io::Error::other(fault));
    }
    while let Some(header) = read_header(&mut file)? {
        let next = end + CHUNK_HEADER + u64::from(header.len);
        if next > size {
            break;
        }
        file.seek_relative(i64::from(header.len))?;
        (chunks, end) = (chunks + 1, next);
        let last = found.entry(header.source.incarnation).or_default();
        *last = header.source.sequence.max(*last);
    }
    Ok((chunks, end))
}

/// Creates the folder, and removes the output of jobs that `known` denies.
pub(super) fn clear(dir: &Path, known: impl Fn(JobId) -> bool) -> io::Result<()> {
    std::fs::create_dir_all(dir)?;
    for (job, segment) in list(dir)? {
        if !known(job) {
            std::fs::remove_file(segment.path)?;
        }
    }
    Ok(())
}

fn list(dir: &Path) -> io::Result<impl Iterator<Item = (JobId, Segment)>> {
    let entries = std::fs::read_dir(dir)?.collect::<io::Result<Vec<_>>>()?;
    Ok(entries.into_iter().filter_map(|entry| {
        let name = entry.file_name();
        let (job, first) = name.to_str()?.split_once('.')?;
        let segment = Segment {
            first: first.parse().ok()?,
            path: entry.path(),
        };
        Some((JobId(job.parse().ok()?), segment))
    }))
}
