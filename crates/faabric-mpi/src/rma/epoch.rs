//! Which one-sided calls a rank may make on a window now (MPI 4.1, section 12.5).
//!
//! ```text
//!            fence            fence without MPI_MODE_NOSUCCEED
//!   Closed ---------> Fenced ---> Fenced ...
//!     |  start              complete
//!     +--------> Started ------------> Closed
//!     |  lock, lock            unlock, unlock
//!     +--------> Locked ---------------> Closed
//!     |  lock_all                unlock_all
//!     +--------> LockedAll --------------> Closed
//! ```
//! A fence that no access followed opened nothing: any of the others may follow it. What
//! must be waited for at a target - its post, its lock - is waited for at the first
//! access, so that `start` and `lock_all` return at once.

use crate::abi;
use crate::error::{Class, Error, Result};
use std::collections::BTreeMap;

/// How far a rank is with what it has to wait for at a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing was done yet.
    Before,
    /// A thread waits.
    Waiting,
    /// Accesses may go on.
    Ready,
}

/// A lock that a rank has on a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Held {
    exclusive: bool,
    /// `MPI_MODE_NOCHECK`: nothing was taken.
    unchecked: bool,
    stage: Stage,
}

#[derive(Debug, Default)]
enum Access {
    #[default]
    Closed,
    Fenced {
        used: bool,
    },
    Started(BTreeMap<u32, Stage>),
    Locked(BTreeMap<u32, Held>),
    LockedAll {
        unchecked: bool,
        targets: BTreeMap<u32, Stage>,
    },
}

/// A rank's epochs on a window: of accesses to others, and of others to it.
#[derive(Debug, Default)]
pub(crate) struct Epoch {
    access: Access,
    /// Ranks that `MPI_Win_post` let in.
    exposed: Option<Vec<u32>>,
}

/// What is to be done before an access to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    Nothing,
    /// Another thread of the rank does it: wait until it has.
    Others,
    /// Wait for the target's post.
    Post,
    /// Take the target's lock, shared.
    Lock,
}

/// What a lock that was given back was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) exclusive: bool,
    /// False when the lock was not taken in truth.
    pub(crate) real: bool,
}

#[cold]
fn wrong(what: &str) -> Error {
    Error::new(Class::RMA_SYNC, what)
}

impl Epoch {
    fn describe(&self) -> &'static str {
        match &self.access {
            Access::Closed => "no access epoch is open",
            Access::Fenced { .. } => "an epoch of MPI_Win_fence is open",
            Access::Started(_) => "an epoch of MPI_Win_start is open",
            Access::Locked(_) => "a target is locked",
            Access::LockedAll { .. } => "an epoch of MPI_Win_lock_all is open",
        }
    }

    /// Fails unless a new access epoch may begin.
    fn vacant(&self) -> Result<()> {
        match self.access {
            Access::Closed | Access::Fenced { used: false } => Ok(()),
            _ => Err(wrong(self.describe())),
        }
    }

    /// `MPI_Win_fence` may be called.
    pub(crate) fn check_fence(&self) -> Result<()> {
        match (&self.access, &self.exposed) {
            (_, Some(_)) => Err(wrong("an epoch of MPI_Win_post is open")),
            (Access::Closed | Access::Fenced { .. }, None) => Ok(()),
            _ => Err(wrong(self.describe())),
        }
    }

    /// `MPI_Win_fence` was called with this `assert`.
    pub(crate) fn fenced(&mut self, assert: i32) {
        self.access = match assert & abi::MPI_MODE_NOSUCCEED {
            0 => Access::Fenced { used: false },
            _ => Access::Closed,
        };
    }

    /// `MPI_Win_free` may be called.
    pub(crate) fn check_free(&self) -> Result<()> {
        if self.exposed.is_some() {
            return Err(wrong("an epoch of MPI_Win_post is open"));
        }
        self.vacant()
    }

    /// `MPI_Win_start` for these targets.
    pub(crate) fn start(&mut self, targets: &[u32]) -> Result<()> {
        self.vacant()?;
        let stages = targets.iter().map(|&target| (target, Stage::Before));
        self.access = Access::Started(stages.collect());
        Ok(())
    }

    /// The targets of the epoch that `MPI_Win_complete` is to end, and those of them
    /// whose post is not used up yet.
    pub(crate) fn started(&self) -> Result<(Vec<u32>, Vec<u32>)> {
        match &self.access {
            Access::Started(targets) => {
                let fresh = targets.iter().filter(|(_, stage)| **stage == Stage::Before);
                let fresh = fresh.map(|(&target, _)| target).collect();
                Ok((targets.keys().copied().collect(), fresh))
            }
            _ => Err(wrong("no epoch of MPI_Win_start is open")),
        }
    }

    /// `MPI_Win_complete` has ended the epoch.
    pub(crate) fn completed(&mut self) {
        self.access = Access::Closed;
    }

    /// `MPI_Win_post` to these ranks.
    pub(crate) fn post(&mut self, origins: Vec<u32>) -> Result<()> {
        if self.exposed.is_some() {
            return Err(wrong("an epoch of MPI_Win_post is open already"));
        }
        if let Access::Fenced { used: true } = self.access {
            return Err(wrong(self.describe()));
        }
        self.exposed = Some(origins);
        Ok(())
    }

    /// Whom `MPI_Win_wait` waits for.
    pub(crate) fn exposed(&self) -> Result<Vec<u32>> {
        let exposed = self.exposed.clone();
        exposed.ok_or_else(|| wrong("no epoch of MPI_Win_post is open"))
    }

    /// `MPI_Win_wait` has ended the epoch.
    pub(crate) fn concealed(&mut self) {
        self.exposed = None;
    }

    /// `MPI_Win_lock` of `target`; the lock is to be taken next, unless `unchecked`.
    pub(crate) fn lock(&mut self, target: u32, exclusive: bool, unchecked: bool) -> Result<()> {
        let held = Held {
            exclusive,
            unchecked,
            stage: match unchecked {
                true => Stage::Ready,
                false => Stage::Waiting,
            },
        };
        match &mut self.access {
            Access::Locked(targets) if targets.contains_key(&target) => {
                return Err(wrong("the target is locked already"));
            }
            Access::Locked(targets) => {
                targets.insert(target, held);
            }
            _ => {
                self.vacant()?;
                self.access = Access::Locked(BTreeMap::from([(target, held)]));
            }
        }
        Ok(())
    }

    /// Whether it has the lock of another target than this, or takes all.
    pub(crate) fn holds_besides(&self, target: u32) -> bool {
        match &self.access {
            Access::Locked(targets) => targets.keys().any(|&other| other != target),
            Access::LockedAll { .. } => true,
            _ => false,
        }
    }

    /// `MPI_Win_lock_all`; locks are taken as they are needed.
    pub(crate) fn lock_all(&mut self, unchecked: bool) -> Result<()> {
        self.vacant()?;
        self.access = Access::LockedAll {
            unchecked,
            targets: BTreeMap::new(),
        };
        Ok(())
    }

    /// Fails unless `MPI_Win_unlock` of `target` may be called.
    pub(crate) fn check_unlock(&self, target: u32) -> Result<()> {
        match &self.access {
            Access::Locked(targets) if targets.contains_key(&target) => Ok(()),
            _ => Err(wrong("the target is not locked by MPI_Win_lock")),
        }
    }

    /// `MPI_Win_unlock` of `target`, whose accesses are complete: what is to be given
    /// back.
    pub(crate) fn unlock(&mut self, target: u32) -> Option<Taken> {
        let Access::Locked(targets) = &mut self.access else {
            return None;
        };
        let held = targets.remove(&target)?;
        if targets.is_empty() {
            self.access = Access::Closed;
        }
        Some(Taken {
            exclusive: held.exclusive,
            real: !held.unchecked,
        })
    }

    /// Fails unless `MPI_Win_unlock_all` may be called.
    pub(crate) fn check_unlock_all(&self) -> Result<()> {
        match &self.access {
            Access::LockedAll { .. } => Ok(()),
            _ => Err(wrong("no epoch of MPI_Win_lock_all is open")),
        }
    }

    /// `MPI_Win_unlock_all`: the targets whose locks are to be given back.
    pub(crate) fn unlock_all(&mut self) -> Vec<u32> {
        match std::mem::take(&mut self.access) {
            Access::LockedAll {
                unchecked: false,
                targets,
            } => targets.into_keys().collect(),
            _ => Vec::new(),
        }
    }

    /// Fails outside an epoch of locks, where alone `MPI_Win_flush` is allowed; `target`
    /// is whose lock it must be.
    pub(crate) fn check_passive(&self, target: Option<u32>) -> Result<()> {
        match (&self.access, target) {
            (Access::LockedAll { .. } | Access::Locked(_), None) => Ok(()),
            (Access::LockedAll { .. }, _) => Ok(()),
            (Access::Locked(targets), Some(target)) if targets.contains_key(&target) => Ok(()),
            _ => Err(wrong("the target is not locked")),
        }
    }

    /// An access to `target` is to be made, by a call that needs a lock if `passive`.
    pub(crate) fn access(&mut self, target: u32, passive: bool) -> Result<Need> {
        let (stage, need) = match &mut self.access {
            Access::Fenced { used } if !passive => {
                *used = true;
                return Ok(Need::Nothing);
            }
            Access::Started(targets) if !passive => match targets.get_mut(&target) {
                Some(stage) => (stage, Need::Post),
                None => return Err(wrong("the target is not in the group of MPI_Win_start")),
            },
            Access::Locked(targets) => match targets.get_mut(&target) {
                Some(held) => (&mut held.stage, Need::Lock),
                None => return Err(wrong("the target is not locked")),
            },
            Access::LockedAll {
                unchecked: true, ..
            } => return Ok(Need::Nothing),
            Access::LockedAll { targets, .. } => {
                (targets.entry(target).or_insert(Stage::Before), Need::Lock)
            }
            Access::Closed => return Err(wrong("no access epoch is open")),
            _ => {
                return Err(wrong(
                    "a request-based operation needs a lock, and the epoch is another",
                ));
            }
        };
        Ok(match stage {
            Stage::Ready => Need::Nothing,
            Stage::Waiting => Need::Others,
            Stage::Before => {
                *stage = Stage::Waiting;
                need
            }
        })
    }

    /// What [`Epoch::access`] or [`Epoch::lock`] asked for is done.
    pub(crate) fn ready(&mut self, target: u32) {
        let stage = match &mut self.access {
            Access::Started(targets) | Access::LockedAll { targets, .. } => {
                targets.get_mut(&target)
            }
            Access::Locked(targets) => targets.get_mut(&target).map(|held| &mut held.stage),
            _ => None,
        };
        if let Some(stage) = stage {
            *stage = Stage::Ready;
        }
    }

    /// Whether another thread has done what it does; also when the epoch is over.
    pub(crate) fn is_ready(&self, target: u32) -> bool {
        let stage = match &self.access {
            Access::Started(targets) | Access::LockedAll { targets, .. } => targets.get(&target),
            Access::Locked(targets) => targets.get(&target).map(|held| &held.stage),
            _ => None,
        };
        stage.is_none_or(|stage| *stage != Stage::Waiting)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_fence_opens_an_epoch_only_for_accesses_that_follow() {
        let mut epoch = Epoch::default();
        assert!(epoch.access(0, false).is_err());
        epoch.fenced(0);
        assert!(epoch.start(&[1]).is_ok(), "nothing was accessed since");
        epoch.completed();
        epoch.fenced(0);
        assert_eq!(epoch.access(0, false), Ok(Need::Nothing));
        assert!(epoch.access(0, true).is_err(), "a request needs a lock");
        assert!(epoch.lock(0, true, false).is_err() && epoch.lock_all(false).is_err());
        assert!(epoch.check_free().is_err() && epoch.check_fence().is_ok());
        epoch.fenced(abi::MPI_MODE_NOSUCCEED);
        assert!(epoch.access(0, false).is_err() && epoch.check_free().is_ok());
    }

    #[test]
    fn locks_are_of_one_target_each() {
        let mut epoch = Epoch::default();
        epoch.lock(1, true, false).unwrap();
        epoch.ready(1);
        epoch.lock(2, false, true).unwrap();
        assert!(epoch.lock(1, false, false).is_err());
        assert_eq!(epoch.access(1, true), Ok(Need::Nothing));
        assert!(epoch.access(3, false).is_err() && epoch.check_passive(Some(3)).is_err());
        assert!(epoch.check_passive(Some(2)).is_ok() && epoch.check_unlock_all().is_err());
        let taken = |exclusive, real| Some(Taken { exclusive, real });
        assert_eq!(epoch.unlock(1), taken(true, true));
        assert_eq!(epoch.unlock(2), taken(false, false));
        assert!(epoch.check_unlock(2).is_err() && epoch.check_passive(None).is_err());
    }

    #[test]
    fn waiting_is_for_the_first_access_and_one_thread() {
        let mut epoch = Epoch::default();
        epoch.lock_all(false).unwrap();
        assert_eq!(epoch.access(4, true), Ok(Need::Lock));
        assert_eq!(epoch.access(4, true), Ok(Need::Others));
        assert!(!epoch.is_ready(4));
        epoch.ready(4);
        assert!(epoch.is_ready(4));
        assert_eq!(epoch.access(4, false), Ok(Need::Nothing));
        assert_eq!(epoch.unlock_all(), [4]);
        epoch.lock_all(true).unwrap();
        assert_eq!(epoch.access(4, false), Ok(Need::Nothing));
        assert!(epoch.unlock_all().is_empty());
    }

    #[test]
    fn exposure_and_access_are_apart() {
        let mut epoch = Epoch::default();
        epoch.post(vec![1]).unwrap();
        epoch.start(&[1, 2]).unwrap();
        assert!(epoch.check_fence().is_err() && epoch.post(vec![]).is_err());
        assert_eq!(epoch.access(2, false), Ok(Need::Post));
        assert!(epoch.access(3, false).is_err() && epoch.access(1, true).is_err());
        epoch.ready(2);
        assert_eq!(epoch.started().unwrap(), (vec![1, 2], vec![1]));
        epoch.completed();
        assert!(epoch.check_free().is_err());
        assert_eq!(epoch.exposed().unwrap(), [1]);
        epoch.concealed();
        assert!(epoch.check_free().is_ok() && epoch.exposed().is_err());
    }
}
