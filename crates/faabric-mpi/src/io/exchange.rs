//! What the ranks of a file tell each other.
//!
//! Plain messages on the file's own communicator, which carries nothing else. A rank that
//! has found an error takes part all the same and says so: all then fail together, and
//! none waits for a rank that left.

use crate::agree::TAG;
use crate::comm::{Comm, Context};
use crate::data::Data;
use crate::error::{Class, Error, Result};
use crate::guest::Guest;
use crate::memory::{Addr, HostBuffer};
use crate::p2p::{Mode, Started};
use crate::rank::Rank;
use std::sync::Arc;

impl Rank {
    /// Rank 0 calls `f` with the words of all ranks, once all are here, and all get the
    /// words that it gives.
    ///
    /// # Errors
    /// This rank's own, else that of the first rank that has one, else that of `f`: on all
    /// ranks, or on none.
    pub(super) fn lead(
        &self,
        guest: &mut dyn Guest,
        comm: &Comm,
        mine: Result<Vec<u64>>,
        f: impl FnOnce(&[Vec<u64>]) -> Result<Vec<u64>>,
    ) -> Result<Vec<u64>> {
        let (words, own) = match mine {
            Ok(words) => (words, None),
            Err(error) if error.class == Class::INTERRUPTED => return Err(error),
            Err(error) => (Vec::new(), Some(error)),
        };
        let told = tagged(own.as_ref(), comm.rank, words);
        let told = self.collect_words(guest, comm, &told)?;
        let mut led = None;
        let answer = if comm.rank == 0 {
            let (answer, error) = answer(told, f);
            led = error;
            answer
        } else {
            Vec::new()
        };
        let everyone = Rank::everyone(comm, 0);
        let answer = self.share(guest, comm, &everyone, TAG, answer)?;
        if let Some(error) = own.or(led) {
            return Err(error);
        }
        match answer.split_at_checked(2) {
            Some(([0, _], words)) => Ok(words.to_vec()),
            Some((&[class, rank], _)) => {
                let class = Class(class as u32 as i32);
                let name = class.name().unwrap_or("an error of the program's own");
                Err(Error::new(
                    class,
                    format!("rank {rank} of the file's communicator failed with {name}"),
                ))
            }
            _ => Err(garbled()),
        }
    }

    /// Fails on all ranks if it failed on one.
    pub(super) fn all_or_none(
        &self,
        guest: &mut dyn Guest,
        comm: &Comm,
        mine: Result<()>,
    ) -> Result<()> {
        let mine = mine.map(|()| Vec::new());
        self.lead(guest, comm, mine, |_| Ok(Vec::new())).map(|_| ())
    }

    /// Starts sending bytes to rank `to` of `comm`.
    pub(super) fn post_bytes(
        &self,
        comm: &Comm,
        to: u32,
        tag: i32,
        bytes: Vec<u8>,
    ) -> Result<Started> {
        let count = bytes.len() as u64;
        let data = Data {
            memory: Arc::new(HostBuffer::from(bytes)),
            addr: Addr(0),
            count,
            datatype: crate::datatype::Datatype::named(crate::datatype::Primitive::BYTE),
        };
        let context = Context::Collective;
        self.start_send(comm, context, to, tag, data.view(), Mode::Standard)
    }
}

/// Words after the error class and the rank that has it.
fn tagged(error: Option<&Error>, rank: u32, words: Vec<u64>) -> Vec<u64> {
    let class = error.map_or(0, |error| u64::from(error.class.0 as u32));
    let mut tagged = vec![class, u64::from(rank)];
    tagged.extend(words);
    tagged
}

/// What rank 0 tells the others, and its own error if `f` gave one.
fn answer(
    told: Vec<Vec<u64>>,
    f: impl FnOnce(&[Vec<u64>]) -> Result<Vec<u64>>,
) -> (Vec<u64>, Option<Error>) {
    let failed = told.iter().find(|words| words.first() != Some(&0));
    if let Some(failed) = failed {
        let head: Vec<u64> = failed.iter().copied().take(2).collect();
        return (head, None);
    }
    let words: Vec<Vec<u64>> = told
        .into_iter()
        .map(|words| words.into_iter().skip(2).collect())
        .collect();
    match f(&words) {
        Ok(words) => (tagged(None, 0, words), None),
        Err(error) => (tagged(Some(&error), 0, Vec::new()), Some(error)),
    }
}

/// What another rank told cannot be: the ranks made different calls.
#[cold]
pub(super) fn garbled() -> Error {
    Error::new(
        Class::NOT_SAME,
        "the ranks of the file did not make the same collective call",
    )
}
