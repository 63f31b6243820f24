//! The durable log: what was decided is kept before anybody is told.
//!
//! ```text
//! facts of one round of the service's loop
//!   --> backlog --one transaction--> store     (group commit: one fsync a round)
//!          ^            | fails (disk full)
//!          +------------+  kept, tried again; meanwhile no job starts
//! ```
//! A [`Store`] keeps numbered facts and now and then the whole state, after which older
//! facts are dropped. [`Redb`] is the embedded one; [`Memory`] forgets, for the embedded
//! cluster of `faabric run`. A replicated one (etcd) is another implementation.

mod redb;

pub use self::redb::Redb;
use crate::Error;
use crate::engine::state::{Fact, State};
use std::sync::Arc;

/// After so many facts the state is written whole, so that a start does not replay the
/// cluster's whole history.
const FACTS_A_SNAPSHOT: u64 = 4096;

/// Keeps facts. All calls may block.
pub trait Store: Send + Sync + 'static {
    /// What was kept: the last snapshot, and the facts since, and the number of the next.
    ///
    /// # Errors
    /// When the store is damaged or of a later version.
    fn load(&self) -> Result<Kept, Error>;

    /// Keeps facts, numbered from `first`, all or none; a number that is there already is
    /// overwritten. Durable when it returns.
    ///
    /// # Errors
    /// When they could not be made durable. The call may be repeated.
    fn append(&self, first: u64, facts: &[Fact]) -> Result<(), Error>;

    /// Keeps the state as it is after all facts before `next`, and drops those.
    ///
    /// # Errors
    /// When it could not be made durable; the facts are then still there.
    fn snapshot(&self, next: u64, state: &State) -> Result<(), Error>;
}

/// What a store kept.
#[derive(Debug, Default)]
pub struct Kept {
    /// The last snapshot, if one was taken.
    pub snapshot: Option<State>,
    /// The facts since.
    pub facts: Vec<Fact>,
    /// The number of the next fact.
    pub next: u64,
}

/// Keeps nothing: the cluster ends with the process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory;

impl Store for Memory {
    fn load(&self) -> Result<Kept, Error> {
        Ok(Kept::default())
    }

    fn append(&self, _first: u64, _facts: &[Fact]) -> Result<(), Error> {
        Ok(())
    }

    fn snapshot(&self, _next: u64, _state: &State) -> Result<(), Error> {
        Ok(())
    }
}

/// The log on top of a store: numbers the facts and holds those that could not be kept yet.
pub struct Log {
    store: Arc<dyn Store>,
    next: u64,
    backlog: Vec<Fact>,
    since_snapshot: u64,
}

impl Log {
    /// Reads the store and gives the log and the state. A new cluster starts with `policy`.
    ///
    /// # Errors
    /// When the store is damaged or of a later version.
    pub fn open(store: Arc<dyn Store>, policy: &str) -> Result<(Self, State), Error> {
        let kept = store.load()?;
        let mut log = Self {
            store,
            next: kept.next,
            backlog: Vec::new(),
            since_snapshot: kept.facts.len() as u64,
        };
        let mut state = kept.snapshot.unwrap_or_else(|| State::new(policy));
        kept.facts.iter().for_each(|fact| state.apply(fact));
        if log.next == 0 {
            // So that the policy does not change when the configuration does.
            log.backlog.push(Fact::PolicySet {
                policy: policy.to_owned(),
            });
        }
        Ok((log, state))
    }

    /// Makes `facts` durable, and those of earlier calls that failed. `state` is what all
    /// of them lead to.
    ///
    /// # Errors
    /// When the store cannot be written. The facts are held for the next call.
    pub async fn append(&mut self, facts: Vec<Fact>, state: &State) -> Result<(), Error> {
        self.backlog.extend(facts);
        if self.backlog.is_empty() {
            return Ok(());
        }
        let facts = Arc::new(std::mem::take(&mut self.backlog));
        let count = facts.len() as u64;
        let snapshot = self.since_snapshot + count >= FACTS_A_SNAPSHOT;
        let snapshot = snapshot.then(|| state.clone());
        let (store, first, to_write) = (self.store.clone(), self.next, facts.clone());
        let write = move || {
            store.append(first, &to_write)?;
            Ok(snapshot.map(|state| store.snapshot(first + count, &state)))
        };
        // A store that panics (on damage, say) is one that cannot be written.
        let written = tokio::task::spawn_blocking(write).await;
        let shortened = match written.unwrap_or_else(|panic| Err(Error::Log(panic.to_string()))) {
            Ok(shortened) => shortened,
            Err(error) => {
                self.backlog = Arc::unwrap_or_clone(facts);
                return Err(error);
            }
        };
        self.next += count;
        self.since_snapshot += count;
        match shortened {
            Some(Ok(())) => self.since_snapshot = 0,
            Some(Err(error)) => tracing::warn!("the log is not shortened: {error}"),
            None => {}
        }
        Ok(())
    }

    /// Holds `facts` for the next [`Self::append`], when it is known to be no use now.
    pub fn hold(&mut self, facts: Vec<Fact>) {
        self.backlog.extend(facts);
    }

    /// Whether facts wait for the store.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        !self.backlog.is_empty()
    }
}
