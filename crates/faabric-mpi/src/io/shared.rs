//! Shared file pointers (MPI 4.1, section 14.4.4).
//!
//! ```text
//! rank on another worker --Pointer(file, by)--> worker of the file's rank 0: += by
//!                        <--PointerWas(value)--
//! ```
//! The worker's delivery thread answers, so nobody waits for rank 0 itself.

use super::file::File;
use crate::error::{Class, Error, Result};
use crate::guest::Guest;
use crate::packet::{Body, Packet};
use crate::rank::Rank;
use crate::request::{Completion, Outcome};
use crate::world::World;
use faabric_wire::id;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// The shared file pointers that a worker keeps, and the questions it has asked others.
#[derive(Default)]
pub(crate) struct Pointers {
    /// In etypes, by the id of the file's communicator.
    kept: Mutex<HashMap<u64, i64>>,
    asked: Mutex<Asked>,
}

#[derive(Default)]
struct Asked {
    last: u64,
    waiting: HashMap<u64, Arc<Completion>>,
}

/// What is answered about a file that is not open.
const UNKNOWN: i64 = i64::MIN;

impl Pointers {
    /// Sets the pointer of a file, which may be new.
    pub(super) fn set(&self, file: u64, value: i64) {
        self.kept.lock().insert(file, value);
    }

    /// Forgets a file that is closed.
    pub(super) fn remove(&self, file: u64) {
        self.kept.lock().remove(&file);
    }

    /// Adds to the pointer of a file; gives what it was.
    pub(super) fn add(&self, file: u64, by: i64) -> i64 {
        match self.kept.lock().get_mut(&file) {
            Some(value) => {
                let was = *value;
                *value = was.saturating_add(by);
                was
            }
            None => UNKNOWN,
        }
    }

    fn ask(&self, completion: Arc<Completion>) -> u64 {
        let mut asked = self.asked.lock();
        asked.last += 1;
        let question = asked.last;
        asked.waiting.insert(question, completion);
        question
    }
}

impl World {
    /// A rank of another worker adds to a pointer that is kept here.
    pub(crate) fn answer_pointer(&self, me: u32, to: id::Rank, file: u64, by: i64, question: u64) {
        let value = self.pointers.add(file, by);
        let packet = Packet {
            source: id::Rank(me),
            number: 0,
            body: Body::PointerWas { question, value },
        };
        self.dispatch_or_end(to, &packet);
    }

    /// The answer to a question of this worker.
    pub(crate) fn take_pointer(&self, question: u64, value: i64) -> Result<(), String> {
        let waiting = self.pointers.asked.lock().waiting.remove(&question);
        let completion = waiting.ok_or_else(|| format!("an answer to question {question}"))?;
        let outcome = Outcome {
            bytes: value.cast_unsigned(),
            ..Outcome::EMPTY
        };
        self.finish(&completion, outcome, None);
        Ok(())
    }
}

impl Rank {
    /// Adds to the shared pointer of `file`; gives what it was, in etypes.
    pub(super) fn shared_add(&self, guest: &mut dyn Guest, file: &File, by: i64) -> Result<i64> {
        let id = file.comm.id();
        let owner = file.comm.group.world_rank(0).unwrap_or(0);
        let was = if self.world.mailbox(owner).is_some() {
            self.world.pointers.add(id, by)
        } else {
            let completion = Arc::new(Completion::new(self.world_rank));
            let question = self.world.pointers.ask(Arc::clone(&completion));
            let body = Body::Pointer {
                file: id,
                by,
                question,
            };
            let packet = Packet {
                source: id::Rank(self.world_rank),
                number: 0,
                body,
            };
            self.world.ask(id::Rank(owner), &packet)?;
            let outcome = self.wait_for(guest, || completion.result())??;
            outcome.bytes.cast_signed()
        };
        if was == UNKNOWN {
            return Err(Error::new(
                Class::FILE,
                "fh: rank 0 has closed this file already",
            ));
        }
        Ok(was)
    }
}
