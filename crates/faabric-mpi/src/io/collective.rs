//! Collective access: pieces of all ranks are put together before they meet the file.
//!
//! ```text
//! file        |.0.1.2.3.0.1.2.3.0.1.2.3|0.1.2.3.0.1.2.3 ...    whose bytes they are
//! domains     [ aggregator A           ][ aggregator B      ]
//! rounds       window 0 | window 1 ...    window 0 | ...       at most 1 MiB each
//! write       every rank sends its pieces of each window to the window's aggregator,
//!             which writes them in long runs;  a read goes the other way
//! ```
//! Where that does not pay (`domains.rs` decides), each rank does its own transfer. Where no
//! rank has bytes, nothing is written.

use super::access::{Access, Place, Task, advanced};
use super::domains::{Domains, Part, Window, part_of};
use super::exchange::garbled;
use super::file::File;
use crate::agree::TAG;
use crate::datatype::Cursor;
use crate::error::{Class, Error, Result};
use crate::guest::Guest;
use crate::p2p::Started;
use crate::rank::Rank;

/// Bytes of answers that an aggregator has under way before it waits for some.
const UNDER_WAY: usize = 16 << 20;

/// The tags of pieces and of answers; [`TAG`] is that of agreements.
const PIECES: i32 = TAG - 1;
const ANSWERS: i32 = TAG - 2;

impl Rank {
    /// A collective access; `task` is this rank's part, or what is wrong with it.
    pub(super) fn access_together(
        &self,
        guest: &mut dyn Guest,
        file: &File,
        access: Access,
        task: Result<Task>,
    ) -> Result<u64> {
        if access.place == Place::Shared {
            return self.access_in_order(guest, file, access, task);
        }
        let start = match access.place {
            Place::At(offset) => offset,
            _ => file.settings.lock().pointer,
        };
        let part = task.as_ref().map_err(Error::clone);
        let part = part.and_then(|task| part_of(file, task, task.view.position(start)?));
        let mine = part.map(Part::to_words);
        let words = self.lead(guest, &file.comm, mine, |parts| Ok(parts.concat()))?;
        let task = task?;
        if access.place == Place::Individual {
            file.settings.lock().pointer = advanced(start, task.units)?;
        }
        let position = task.view.position(start)?;
        let parts = words.chunks_exact(Part::WORDS).map(Part::from_words);
        let Some(domains) = Domains::new(parts.collect(), access.write) else {
            return self.transfer(guest, file, &task, position, access.write);
        };
        let exchange = Exchange {
            rank: self,
            file,
            domains: &domains,
            task: &task,
            position,
        };
        if access.write {
            file.settings.lock().unsynced = true;
            let written = exchange.write(guest)?;
            self.all_or_none(guest, &file.comm, written)?;
            Ok(task.len)
        } else {
            exchange.read(guest)
        }
    }

    /// `MPI_File_read_ordered`, `MPI_File_write_ordered`: one rank after another in the
    /// file, at the shared pointer.
    fn access_in_order(
        &self,
        guest: &mut dyn Guest,
        file: &File,
        access: Access,
        task: Result<Task>,
    ) -> Result<u64> {
        let mine = task.as_ref().map(|task| vec![task.units as u64]);
        let mine = mine.map_err(Error::clone);
        let (pointers, id) = (&self.world.pointers, file.comm.id());
        let words = self.lead(guest, &file.comm, mine, |units| {
            let mut starts = Vec::with_capacity(units.len());
            let mut next = pointers.add(id, 0);
            for units in units {
                starts.push(next.cast_unsigned());
                next = advanced(next, units.first().map_or(0, |&units| units as i64))?;
            }
            // Not set but added to: calls without collectives may move it meanwhile.
            let first = starts[0].cast_signed();
            let moved = pointers.add(id, next - first) - first;
            let starts = starts.into_iter();
            Ok(starts
                .map(|start| start.wrapping_add_signed(moved))
                .collect())
        })?;
        let task = task?;
        let start = words.get(file.comm.rank as usize).ok_or_else(garbled)?;
        let position = task.view.position(start.cast_signed())?;
        self.transfer(guest, file, &task, position, access.write)
    }
}

/// One rank's part of a collective access under way.
struct Exchange<'a> {
    rank: &'a Rank,
    file: &'a File,
    domains: &'a Domains,
    task: &'a Task,
    position: u64,
}

impl Exchange<'_> {
    fn me(&self) -> u32 {
        self.file.comm.rank
    }

    fn is_mine(&self, window: Window) -> bool {
        self.domains.parts[self.me() as usize].meets(window)
    }

    /// The positions of this rank's bytes in a window.
    fn positions(&self, window: Window) -> (u64, u64) {
        let end = self.position + self.task.len;
        let within = |offset| self.task.view.position_of(offset).clamp(self.position, end);
        (within(window.begin), within(window.end))
    }

    fn post(&self, to: u32, tag: i32, bytes: Vec<u8>) -> Result<Started> {
        self.rank.post_bytes(&self.file.comm, to, tag, bytes)
    }

    fn hear(&self, guest: &mut dyn Guest, from: u32, tag: i32) -> Result<Vec<u8>> {
        self.rank.hear_bytes(guest, &self.file.comm, from, tag)
    }

    fn finish(&self, guest: &mut dyn Guest, sent: impl IntoIterator<Item = Started>) -> Result<()> {
        for sent in sent {
            self.rank.wait_started(guest, sent)?;
        }
        Ok(())
    }

    /// Where this rank's pieces of a window lie: how many, then offset and length of each.
    fn pieces(&self, window: Window) -> Vec<u8> {
        let (from, to) = self.positions(window);
        let mut bytes = vec![0; 4];
        let mut count = 0u32;
        let _: Result<(), ()> = self.task.view.runs(from, to - from, |offset, len| {
            // A window has at most 4 MiB.
            bytes.extend(((offset - window.begin) as u32).to_le_bytes());
            bytes.extend((len as u32).to_le_bytes());
            count += 1;
            Ok(())
        });
        bytes[..4].copy_from_slice(&count.to_le_bytes());
        bytes
    }

    /// Writes; the inner error is what this rank's own writing failed with.
    fn write(&self, guest: &mut dyn Guest) -> Result<Result<()>> {
        let data = &self.task.data;
        let mut cursor = Cursor::new(data.datatype.clone(), data.count)?;
        let mut written = Ok(());
        for round in 0..self.domains.rounds() {
            let mut sent = Vec::new();
            for (aggregator, window) in self.domains.windows(round) {
                if !self.is_mine(window) {
                    continue;
                }
                let (from, to) = self.positions(window);
                let mut bytes = self.pieces(window);
                let head = bytes.len();
                bytes.resize(head + (to - from) as usize, 0);
                cursor.seek(from - self.position);
                cursor.read(&*data.memory, data.addr, &mut bytes[head..])?;
                sent.push(self.post(aggregator, PIECES, bytes)?);
            }
            for (_, window) in self.domains.windows(round).filter(|w| w.0 == self.me()) {
                let put_together = self.put_together(guest, window)?;
                written = written.and(put_together);
            }
            self.finish(guest, sent)?;
        }
        Ok(written)
    }

    /// Gathers all pieces of a window and writes them in as few runs as they make.
    fn put_together(&self, guest: &mut dyn Guest, window: Window) -> Result<Result<()>> {
        let mut buffer = vec![0; (window.end - window.begin) as usize];
        let mut runs: Vec<(usize, usize)> = Vec::new();
        for from in self.domains.ranks_in(window) {
            let bytes = self.hear(guest, from, PIECES)?;
            let (pieces, mut data) = split(&bytes).ok_or_else(garbled)?;
            for (at, len) in pieces {
                let (piece, rest) = data.split_at_checked(len).ok_or_else(garbled)?;
                let to = buffer.get_mut(at..at + len).ok_or_else(garbled)?;
                to.copy_from_slice(piece);
                data = rest;
                match runs.last_mut() {
                    Some((_, end)) if *end == at => *end = at + len,
                    _ => runs.push((at, at + len)),
                }
            }
        }
        runs.sort_unstable();
        let written = merged(&runs).try_for_each(|(begin, end)| {
            let storage = &self.file.storage;
            storage.write_at(window.begin + begin as u64, &buffer[begin..end])
        });
        Ok(written)
    }

    /// Reads; gives the bytes that there were.
    fn read(&self, guest: &mut dyn Guest) -> Result<u64> {
        let data = &self.task.data;
        let mut cursor = Cursor::new(data.datatype.clone(), data.count)?;
        let end = self.position + self.task.len;
        let (mut reached, mut failed) = (end, None);
        for round in 0..self.domains.rounds() {
            let mut sent = Vec::new();
            let mut asked = Vec::new();
            for (aggregator, window) in self.domains.windows(round) {
                if self.is_mine(window) {
                    sent.push(self.post(aggregator, PIECES, self.pieces(window))?);
                    asked.push((aggregator, self.positions(window)));
                }
            }
            for (_, window) in self.domains.windows(round).filter(|w| w.0 == self.me()) {
                sent.extend(self.hand_out(guest, window)?);
            }
            for (aggregator, (from, to)) in asked {
                let answer = self.hear(guest, aggregator, ANSWERS)?;
                let (class, bytes) = answer.split_at_checked(4).ok_or_else(garbled)?;
                let class = i32::from_le_bytes(class.try_into().unwrap_or_default());
                if class != 0 {
                    failed = failed.or(Some((aggregator, Class(class))));
                } else if (bytes.len() as u64) < to - from {
                    reached = reached.min(from + bytes.len() as u64);
                }
                cursor.seek(from - self.position);
                cursor.write(&*data.memory, data.addr, bytes)?;
            }
            self.finish(guest, sent)?;
        }
        match failed {
            None => Ok(reached - self.position),
            Some((rank, class)) => Err(Error::new(
                class,
                format!("rank {rank} of the file's communicator could not read for this one"),
            )),
        }
    }

    /// Reads a window and sends all ranks their pieces of it.
    fn hand_out(&self, guest: &mut dyn Guest, window: Window) -> Result<Vec<Started>> {
        let mut buffer = vec![0; (window.end - window.begin) as usize];
        let have = self.file.storage.read_at(window.begin, &mut buffer);
        let (mut sent, mut others, mut under_way) = (Vec::new(), Vec::new(), 0);
        for to in self.domains.ranks_in(window) {
            let request = self.hear(guest, to, PIECES)?;
            let (pieces, _) = split(&request).ok_or_else(garbled)?;
            let answer = match &have {
                Err(error) => error.class.0.to_le_bytes().to_vec(),
                Ok(have) => {
                    let mut answer = vec![0; 4];
                    for (at, len) in pieces {
                        let end = at.saturating_add(len).min(*have);
                        answer.extend(buffer.get(at.min(end)..end).ok_or_else(garbled)?);
                    }
                    answer
                }
            };
            under_way += answer.len();
            let answer = self.post(to, ANSWERS, answer)?;
            if self.domains.aggregators.contains(&to) {
                // It may be waiting for us to take its answer, later.
                sent.push(answer);
            } else {
                others.push(answer);
            }
            if under_way > UNDER_WAY {
                self.finish(guest, others.drain(..))?;
                under_way = 0;
            }
        }
        sent.extend(others);
        Ok(sent)
    }
}

/// A message of pieces: where each goes and how long it is, and what follows them.
fn split(bytes: &[u8]) -> Option<(impl Iterator<Item = (usize, usize)>, &[u8])> {
    let (count, rest) = bytes.split_first_chunk::<4>()?;
    let count = u32::from_le_bytes(*count) as usize;
    let (pieces, data) = rest.split_at_checked(count.checked_mul(8)?)?;
    let word = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap_or_default()) as usize;
    let pieces = pieces.chunks_exact(8);
    Some((pieces.map(move |p| (word(&p[..4]), word(&p[4..]))), data))
}

/// Sorted runs, those that touch or overlap as one.
fn merged(runs: &[(usize, usize)]) -> impl Iterator<Item = (usize, usize)> {
    let mut rest = runs;
    std::iter::from_fn(move || {
        let (&(begin, mut end), mut left) = rest.split_first()?;
        while let Some((&(next, next_end), after)) = left.split_first()
            && next <= end
        {
            end = end.max(next_end);
            left = after;
        }
        rest = left;
        Some((begin, end))
    })
}
