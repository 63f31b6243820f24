//! The log in a redb file.
//!
//! ```text
//! <data folder>/planner.redb
//!   header    "magic"  -> b"FAABRIC PLANNER"     read first, before anything is decoded
//!             "format" -> u64, little-endian
//!   facts     number u64 -> blake3 (8 bytes) | JSON of Fact
//!   snapshot  number of the next fact u64 -> blake3 (8 bytes) | JSON of State
//! ```
//! redb brings transactions, one fsync a commit and recovery after a crash; the checksum
//! finds a disk that lies.

use super::{Kept, Store};
use crate::Error;
use crate::engine::state::{Fact, State};
use redb::{
    Database, DatabaseError, ReadableDatabase, ReadableTable, StorageError, TableDefinition,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

const MAGIC: &[u8] = b"FAABRIC PLANNER";
/// Version of what the tables hold. Raised when an older planner would misread it.
const FORMAT: u64 = 1;

const HEADER: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("header");
const FACTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("facts");
const SNAPSHOT: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("snapshot");

/// A redb file. See the module's documentation.
#[derive(Debug)]
pub struct Redb {
    path: PathBuf,
    /// None after a failed write: redb refuses everything then until it is opened again.
    database: Mutex<Option<Database>>,
}

impl Redb {
    /// Opens or creates the log in a data folder, which must exist.
    ///
    /// # Errors
    /// When it is in use, damaged, of a later version, or cannot be written.
    pub fn open(data_dir: &Path) -> Result<Self, Error> {
        let store = Self {
            path: data_dir.join("planner.redb"),
            database: Mutex::new(None),
        };
        store.locked(|_| Ok(()))?;
        Ok(store)
    }

    /// Works on the database, opening it first if need be.
    fn locked<T>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, redb::Error>,
    ) -> Result<T, Error> {
        // The database is taken out for the time of the work, so a panic in redb (on
        // damage, say) leaves None: the next call opens the file again.
        let mut guard = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        let database = match guard.take() {
            Some(database) => database,
            None => self.open_file()?,
        };
        match work(&database) {
            Ok(value) => {
                *guard = Some(database);
                Ok(value)
            }
            Err(error) => Err(self.error(error)),
        }
    }

    fn open_file(&self) -> Result<Database, Error> {
        let database = match Database::create(&self.path) {
            Ok(database) => database,
            Err(DatabaseError::DatabaseAlreadyOpen) => {
                let path = self.path.clone();
                return Err(Error::InUse { path });
            }
            Err(DatabaseError::Storage(StorageError::Io(error)))
                if error.kind() != std::io::ErrorKind::InvalidData =>
            {
                return Err(self.error(redb::Error::Io(error)));
            }
            Err(error) => return Err(self.corrupt(&error)),
        };
        match header(&database).map_err(|e| self.error(e))? {
            None => write_header(&database).map_err(|e| self.error(e))?,
            Some((magic, _)) if magic != MAGIC => {
                return Err(self.corrupt(&"another program's file"));
            }
            Some((_, FORMAT)) => {}
            Some((_, found)) => {
                return Err(Error::TooNew {
                    path: self.path.clone(),
                    found,
                    known: FORMAT,
                });
            }
        }
        Ok(database)
    }

    fn corrupt(&self, detail: &dyn std::fmt::Display) -> Error {
        Error::Corrupt {
            path: self.path.clone(),
            detail: detail.to_string(),
        }
    }

    fn error(&self, error: redb::Error) -> Error {
        match error {
            redb::Error::Io(_) | redb::Error::PreviousIo | redb::Error::DatabaseClosed => {
                Error::Write {
                    path: self.path.clone(),
                    detail: error.to_string(),
                }
            }
            error => self.corrupt(&error),
        }
    }

    fn decode<T: DeserializeOwned>(&self, what: &str, bytes: &[u8]) -> Result<T, Error> {
        let Some((sum, json)) = bytes.split_at_checked(8) else {
            return Err(self.corrupt(&format!("{what} is cut short")));
        };
        if sum != checksum(json) {
            return Err(self.corrupt(&format!("{what} has a wrong checksum")));
        }
        serde_json::from_slice(json).map_err(|e| self.corrupt(&format!("{what}: {e}")))
    }
}

fn checksum(json: &[u8]) -> [u8; 8] {
    let mut sum = [0; 8];
    sum.copy_from_slice(&blake3::hash(json).as_bytes()[..8]);
    sum
}

fn encode(value: &impl Serialize) -> Vec<u8> {
    let json = serde_json::to_vec(value).expect("facts and states are plain data with string keys");
    [&checksum(&json)[..], &json].concat()
}

/// Magic and format; None in a new file.
fn header(database: &Database) -> Result<Option<(Vec<u8>, u64)>, redb::Error> {
    let read = database.begin_read()?;
    let table = match read.open_table(HEADER) {
        Ok(table) => table,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let magic = table.get("magic")?.map(|v| v.value().to_vec());
    let format = table.get("format")?.map(|v| v.value().to_vec());
    let format = format.and_then(|bytes| Some(u64::from_le_bytes(bytes.try_into().ok()?)));
    Ok(Some((magic.unwrap_or_default(), format.unwrap_or(0))))
}

fn write_header(database: &Database) -> Result<(), redb::Error> {
    let write = database.begin_write()?;
    {
        let mut table = write.open_table(HEADER)?;
        table.insert("magic", MAGIC)?;
        table.insert("format", &FORMAT.to_le_bytes()[..])?;
        write.open_table(FACTS)?;
        write.open_table(SNAPSHOT)?;
    }
    write.commit()?;
    Ok(())
}

type Raw = (Option<(u64, Vec<u8>)>, Vec<(u64, Vec<u8>)>);

fn read_all(database: &Database) -> Result<Raw, redb::Error> {
    let read = database.begin_read()?;
    let snapshots = read.open_table(SNAPSHOT)?;
    let snapshot = snapshots
        .last()?
        .map(|(number, bytes)| (number.value(), bytes.value().to_vec()));
    let from = snapshot.as_ref().map_or(0, |(number, _)| *number);
    let mut facts = Vec::new();
    for entry in read.open_table(FACTS)?.range(from..)? {
        let (number, bytes) = entry?;
        facts.push((number.value(), bytes.value().to_vec()));
    }
    Ok((snapshot, facts))
}

impl Store for Redb {
    fn load(&self) -> Result<Kept, Error> {
        let (snapshot, facts) = self.locked(read_all)?;
        let mut kept = Kept::default();
        if let Some((number, bytes)) = snapshot {
            kept.next = number;
            kept.snapshot = Some(self.decode("the snapshot", &bytes)?);
        }
        for (number, bytes) in facts {
            if number != kept.next {
                return Err(self.corrupt(&format!("fact {} is missing", kept.next)));
            }
            kept.facts
                .push(self.decode(&format!("fact {number}"), &bytes)?);
            kept.next += 1;
        }
        Ok(kept)
    }

    fn append(&self, first: u64, facts: &[Fact]) -> Result<(), Error> {
        self.locked(|database| {
            let write = database.begin_write()?;
            {
                let mut table = write.open_table(FACTS)?;
                for (number, fact) in (first..).zip(facts) {
                    table.insert(number, &encode(fact)[..])?;
                }
            }
            write.commit()?;
            Ok(())
        })
    }

    fn snapshot(&self, next: u64, state: &State) -> Result<(), Error> {
        self.locked(|database| {
            let write = database.begin_write()?;
            {
                let mut snapshots = write.open_table(SNAPSHOT)?;
                snapshots.retain(|_, _| false)?;
                snapshots.insert(next, &encode(state)[..])?;
                write
                    .open_table(FACTS)?
                    .retain(|number, _| number >= next)?;
            }
            write.commit()?;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::super::Log;
    use super::*;
    use std::sync::Arc;

    fn policy(name: &str) -> Fact {
        Fact::PolicySet {
            policy: name.to_owned(),
        }
    }

    fn open_error(dir: &Path) -> String {
        let error = Redb::open(dir).and_then(|store| store.load().map(|_| ()));
        error.unwrap_err().to_string()
    }

    #[test]
    fn facts_are_there_after_reopening_and_overwriting_is_harmless() {
        let dir = tempfile::tempdir().unwrap();
        let store = Redb::open(dir.path()).unwrap();
        store.append(0, &[policy("a"), policy("b")]).unwrap();
        store.append(1, &[policy("b"), policy("c")]).unwrap();
        drop(store);
        let kept = Redb::open(dir.path()).unwrap().load().unwrap();
        assert_eq!(kept.facts, [policy("a"), policy("b"), policy("c")]);
        assert_eq!((kept.next, kept.snapshot), (3, None));
    }

    #[test]
    fn a_snapshot_replaces_the_facts_before_it() {
        let dir = tempfile::tempdir().unwrap();
        let store = Redb::open(dir.path()).unwrap();
        store.append(0, &[policy("a"), policy("b")]).unwrap();
        store.snapshot(2, &State::new("b")).unwrap();
        store.append(2, &[policy("c")]).unwrap();
        let kept = store.load().unwrap();
        assert_eq!(kept.snapshot, Some(State::new("b")));
        assert_eq!((kept.facts, kept.next), (vec![policy("c")], 3));
    }

    #[tokio::test]
    async fn the_log_takes_snapshots_and_replays_to_the_same_state() {
        let dir = tempfile::tempdir().unwrap();
        let open = || Log::open(Arc::new(Redb::open(dir.path()).unwrap()), "bin-pack").unwrap();
        let (mut log, mut state) = open();
        for round in 0..10 {
            let facts: Vec<Fact> = (0..1000).map(|i| policy(&format!("{round}-{i}"))).collect();
            facts.iter().for_each(|fact| state.apply(fact));
            log.append(facts, &state).await.unwrap();
        }
        drop(log);
        let kept = Redb::open(dir.path()).unwrap().load().unwrap();
        assert!(kept.snapshot.is_some() && kept.facts.len() < 4096 && kept.next == 10_001);
        assert_eq!(open().1, state);
    }

    #[test]
    fn a_log_in_use_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let _first = Redb::open(dir.path()).unwrap();
        assert!(open_error(dir.path()).contains("in use by another planner"));
    }

    #[test]
    fn a_later_format_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let store = Redb::open(dir.path()).unwrap();
        let later = |database: &Database| {
            let write = database.begin_write()?;
            write
                .open_table(HEADER)?
                .insert("format", &7u64.to_le_bytes()[..])?;
            Ok(write.commit()?)
        };
        store.locked(later).unwrap();
        drop(store);
        let error = open_error(dir.path());
        assert!(
            error.contains("has format 7, and this planner knows formats up to 1"),
            "{error}"
        );
    }

    #[test]
    fn damage_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("planner.redb");
        std::fs::write(&file, "not a database at all").unwrap();
        assert!(
            open_error(dir.path()).contains("is damaged"),
            "{}",
            open_error(dir.path())
        );

        std::fs::remove_file(&file).unwrap();
        let store = Redb::open(dir.path()).unwrap();
        store.append(0, &[policy("a")]).unwrap();
        let flip = |database: &Database| {
            let write = database.begin_write()?;
            let mut bytes = encode(&policy("a"));
            bytes[9] ^= 1;
            write.open_table(FACTS)?.insert(0, &bytes[..])?;
            Ok(write.commit()?)
        };
        store.locked(flip).unwrap();
        drop(store);
        assert!(open_error(dir.path()).contains("fact 0 has a wrong checksum"));

        std::fs::remove_file(&file).unwrap();
        let store = Redb::open(dir.path()).unwrap();
        store.append(3, &[policy("a")]).unwrap();
        drop(store);
        assert!(open_error(dir.path()).contains("fact 0 is missing"));
    }
}
