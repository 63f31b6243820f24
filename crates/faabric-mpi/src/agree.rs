//! What the ranks of a communicator tell each other to make a new one.
//!
//! Constructors are rare: these are plain messages in the collective message space,
//! under tags that collective operations do not use. A new communicator's id is made
//! up by one of its ranks and told to the others, so no agreement is needed: an id
//! holds the rank that made it up.

use crate::abi;
use crate::comm::{Comm, Context};
use crate::data::Data;
use crate::error::{Class, Error, Result};
use crate::guest::Guest;
use crate::handle::TypeHandle;
use crate::matching::Pattern;
use crate::memory::{Addr, HostBuffer};
use crate::p2p::Started;
use crate::rank::Rank;
use crate::scratch::Scratch;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Tags from here on are not those of collective operations.
const FIRST: i32 = 1 << 30;
/// The tag of constructors that all ranks of a communicator call in the same order.
pub(crate) const TAG: i32 = i32::MAX - 1;

/// The tag of constructors to which the program gives one (`MPI_Comm_create_group`).
pub(crate) fn tag_of(tag: i32) -> i32 {
    FIRST + tag % (1 << 29)
}

impl Rank {
    /// An id that no communicator of the job has.
    pub(crate) fn fresh_id(&self) -> u64 {
        let count = self.next_comm.fetch_add(1, Ordering::Relaxed);
        (u64::from(self.world_rank) + 1) << 32 | u64::from(count)
    }

    /// Sends words to rank `to` of `comm`.
    pub(crate) fn tell(
        &self,
        guest: &mut dyn Guest,
        comm: &Comm,
        to: u32,
        tag: i32,
        words: &[u64],
    ) -> Result<()> {
        let sent = self.start_telling(comm, to, tag, words)?;
        self.wait_started(guest, sent).map(|_| ())
    }

    /// Tells rank `other` of `comm` words and hears what it tells, in any order: neither may
    /// have room for the other's before it has sent its own.
    pub(crate) fn trade(
        &self,
        guest: &mut dyn Guest,
        comm: &Comm,
        other: u32,
        tag: i32,
        words: &[u64],
    ) -> Result<Vec<u64>> {
        let sent = self.start_telling(comm, other, tag, words)?;
        let heard = self.hear(guest, comm, other, tag)?;
        self.wait_started(guest, sent)?;
        Ok(heard)
    }

    fn start_telling(&self, comm: &Comm, to: u32, tag: i32, words: &[u64]) -> Result<Started> {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let data = self.bytes(bytes)?;
        let mode = crate::p2p::Mode::Standard;
        self.start_send(comm, Context::Collective, to, tag, data.view(), mode)
    }

    /// Receives the words that rank `from` of `comm` tells, however many.
    pub(crate) fn hear(
        &self,
        guest: &mut dyn Guest,
        comm: &Comm,
        from: u32,
        tag: i32,
    ) -> Result<Vec<u64>> {
        let bytes = self.hear_bytes(guest, comm, from, tag)?;
        let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap_or_default());
        Ok(bytes.chunks_exact(8).map(word).collect())
    }

    /// Receives the bytes that rank `from` of `comm` sends, however many.
    pub(crate) fn hear_bytes(
        &self,
        guest: &mut dyn Guest,
        comm: &Comm,
        from: u32,
        tag: i32,
    ) -> Result<Vec<u8>> {
        let space = comm.space(Context::Collective);
        let pattern = Pattern {
            space,
            source: from as i32,
            tag,
        };
        let (envelope, message, _) = self.wait_for(guest, || self.take(&pattern))?;
        let buffer = Arc::new(HostBuffer::from(Scratch::zeroed(
            message.len(),
            "a message",
        )?));
        let datatype = self.datatype(TypeHandle(abi::MPI_BYTE))?.into_owned();
        let (memory, count) = (buffer.clone(), message.len());
        let data = Data {
            memory,
            addr: Addr(0),
            count,
            datatype,
        };
        let started: Started = self.accept(envelope, message, data.view());
        self.wait_started(guest, started)?;
        Ok(buffer.take())
    }

    fn bytes(&self, bytes: Vec<u8>) -> Result<Data> {
        let datatype = self.datatype(TypeHandle(abi::MPI_BYTE))?.into_owned();
        let count = bytes.len() as u64;
        Ok(Data {
            memory: Arc::new(HostBuffer::from(bytes)),
            addr: Addr(0),
            count,
            datatype,
        })
    }

    /// Gives every one of `members` (ranks of `comm`, this one among them) the words of
    /// the first, over a binomial tree.
    pub(crate) fn share(
        &self,
        guest: &mut dyn Guest,
        comm: &Comm,
        members: &[u32],
        tag: i32,
        words: Vec<u64>,
    ) -> Result<Vec<u64>> {
        let me = members.iter().position(|&m| m == comm.rank).unwrap_or(0);
        let mut words = words;
        // The lowest set bit of `me` is the distance to its parent.
        let mut distance = 1;
        while distance < members.len() {
            if me & distance != 0 {
                words = self.hear(guest, comm, members[me - distance], tag)?;
                break;
            }
            distance *= 2;
        }
        while distance > 1 {
            distance /= 2;
            if let Some(&child) = members.get(me + distance) {
                self.tell(guest, comm, child, tag, &words)?;
            }
        }
        Ok(words)
    }

    /// Gives every one of `members` what came of a call at the first: words, or an error.
    ///
    /// # Errors
    /// The outer ones are of the telling itself.
    pub(crate) fn share_answer(
        &self,
        guest: &mut dyn Guest,
        comm: &Comm,
        members: &[u32],
        answer: Result<Vec<u64>>,
    ) -> Result<Result<Vec<u64>>> {
        let words = match answer {
            Err(e) if e.class == Class::INTERRUPTED => return Err(e),
            Err(e) => {
                let text = e.message.bytes().map(u64::from);
                [e.class.0 as u64].into_iter().chain(text).collect()
            }
            Ok(words) => [0].into_iter().chain(words).collect(),
        };
        let words = self.share(guest, comm, members, TAG, words)?;
        let Some((&class, rest)) = words.split_first() else {
            return Err(crate::communicator::garbled());
        };
        if class == 0 {
            return Ok(Ok(rest.to_vec()));
        }
        let text: Vec<u8> = rest.iter().map(|&word| word as u8).collect();
        let text = String::from_utf8_lossy(&text).into_owned();
        Ok(Err(Error::new(Class(class as i32), text)))
    }

    /// An id that all ranks of `comm`, a communicator of one group, agree on.
    pub(crate) fn common_id(&self, guest: &mut dyn Guest, comm: &Comm) -> Result<u64> {
        let everyone = Rank::everyone(comm, 0);
        let words = self.share(guest, comm, &everyone, TAG, vec![self.fresh_id()])?;
        words
            .first()
            .copied()
            .ok_or_else(crate::communicator::garbled)
    }

    /// Gives rank 0 of `comm` (a communicator of one group) the words of every rank, in
    /// rank order; the others get nothing.
    pub(crate) fn collect_words(
        &self,
        guest: &mut dyn Guest,
        comm: &Comm,
        words: &[u64],
    ) -> Result<Vec<Vec<u64>>> {
        if comm.rank != 0 {
            self.tell(guest, comm, 0, TAG, words)?;
            return Ok(Vec::new());
        }
        let mut all = vec![words.to_vec()];
        for from in 1..comm.size() {
            all.push(self.hear(guest, comm, from, TAG)?);
        }
        Ok(all)
    }

    /// All ranks of `comm`, for [`Rank::share`] with rank `root` as the first.
    pub(crate) fn everyone(comm: &Comm, root: u32) -> Vec<u32> {
        let mut members: Vec<u32> = (0..comm.size()).collect();
        members.swap(0, root as usize);
        members
    }
}
