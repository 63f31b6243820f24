//! What can be adjusted in the engine: one table, read by the environment, by the tool
//! interface's control variables, and by people.
//!
//! ```text
//!   FAABRIC_MPI_ALLREDUCE_RING=8388608 --> Tuning of the job's worlds --> each rank's copy
//!                                                  MPI_T_cvar_write ----------^
//! ```
//! Sizes are bytes.

use crate::collective::Thresholds;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What names of the environment begin with.
pub const PREFIX: &str = "FAABRIC_MPI_";

/// The adjustable numbers of a rank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// The longest unexpected message that is buffered for a rank of the same worker.
    pub eager: u64,
    /// The longest message that goes to another worker without asking.
    pub eager_remote: u64,
    /// When which algorithm of a collective operation is used.
    pub thresholds: Thresholds,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            eager: crate::p2p::EAGER,
            eager_remote: crate::remote::EAGER,
            thresholds: Thresholds::default(),
        }
    }
}

/// Who may change a setting, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// A rank for itself, at any time.
    Local,
    /// All ranks alike, while no collective operation is under way.
    All,
    /// Nobody once the job runs.
    Start,
}

/// One adjustable number.
pub(crate) struct Setting {
    /// In lower case; in the environment in capitals, after [`PREFIX`].
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) scope: Scope,
    /// Its largest value.
    pub(crate) most: u64,
    pub(crate) place: fn(&mut Tuning) -> Place<'_>,
}

/// Where a setting is.
pub(crate) enum Place<'a> {
    Bytes(&'a mut u64),
    Switch(&'a mut bool),
}

macro_rules! settings {
    ($($name:ident $scope:ident $most:expr, $kind:ident $($field:ident).+, $about:literal;)*) => {
        &[$(Setting {
            name: stringify!($name),
            about: $about,
            scope: Scope::$scope,
            most: $most,
            place: |tuning| Place::$kind(&mut tuning.$($field).+),
        }),*]
    };
}

/// More than any message has.
const ANY: u64 = 1 << 62;

/// All of them. The order is that of the control variables' numbers.
#[rustfmt::skip]
pub(crate) const SETTINGS: &[Setting] = settings! {
    eager Local crate::mailbox::BUFFERED_MAX, Bytes eager,
        "longest unexpected message that is buffered for a rank of the same worker; longer ones wait for their receive";
    eager_remote Local crate::remote::EAGER, Bytes eager_remote,
        "longest message that goes to another worker without asking; longer ones wait for their receive";
    bcast_tree All ANY, Bytes thresholds.bcast_tree,
        "MPI_Bcast goes along a tree below this; scattered and collected from it on";
    bcast_doubling All ANY, Bytes thresholds.bcast_doubling,
        "a scattered MPI_Bcast collects by recursive doubling below this, by ring from it on";
    reduce_tree All ANY, Bytes thresholds.reduce_tree,
        "MPI_Reduce goes along a tree below this; Rabenseifner's algorithm from it on";
    allreduce_doubling All ANY, Bytes thresholds.allreduce_doubling,
        "MPI_Allreduce by recursive doubling below this; Rabenseifner's algorithm from it on (two ranks know better)";
    allreduce_ring All ANY, Bytes thresholds.allreduce_ring,
        "MPI_Allreduce by ring from this on";
    rooted_tree All ANY, Bytes thresholds.rooted_tree,
        "MPI_Gather and MPI_Scatter along a tree for blocks below this; directly from it on";
    allgather_short All ANY, Bytes thresholds.allgather_short,
        "MPI_Allgather by recursive doubling or Bruck's algorithm below this in all; by ring from it on";
    alltoall_bruck All ANY, Bytes thresholds.alltoall_bruck,
        "MPI_Alltoall by Bruck's algorithm for blocks below this, on eight ranks or more";
    alltoall_scattered All ANY, Bytes thresholds.alltoall_scattered,
        "MPI_Alltoall with all messages at once for blocks below this; pairwise from it on";
    reduce_scatter_halving All ANY, Bytes thresholds.reduce_scatter_halving,
        "MPI_Reduce_scatter by recursive halving below this; pairwise from it on";
    scan_doubling All ANY, Bytes thresholds.scan_doubling,
        "MPI_Scan by recursive doubling below this; rank after rank from it on";
    local Start 1, Switch thresholds.local,
        "whether ranks of one worker meet in common memory for collective operations";
    local_copied Start ANY, Bytes thresholds.local_copied,
        "longest contribution that is copied into common memory, with a core for each rank";
    local_copied_crowded Start ANY, Bytes thresholds.local_copied_crowded,
        "the same with more ranks than cores";
    local_memory Start ANY, Bytes thresholds.local_memory,
        "common memory of a communicator with more ranks than cores";
};

impl Setting {
    /// Its value; a switch is 0 or 1.
    pub(crate) fn get(&self, tuning: &Tuning) -> u64 {
        match (self.place)(&mut tuning.clone()) {
            Place::Bytes(bytes) => *bytes,
            Place::Switch(on) => u64::from(*on),
        }
    }

    /// Sets it; false when the value is too large.
    pub(crate) fn set(&self, tuning: &mut Tuning, value: u64) -> bool {
        if value > self.most {
            return false;
        }
        match (self.place)(tuning) {
            Place::Bytes(bytes) => *bytes = value,
            Place::Switch(on) => *on = value != 0,
        }
        true
    }

    pub(crate) fn is_switch(&self) -> bool {
        matches!((self.place)(&mut Tuning::default()), Place::Switch(_))
    }
}

impl Tuning {
    /// What the variables of an environment that begin with [`PREFIX`] say; the rest is
    /// as usual.
    ///
    /// # Errors
    /// Names the variable and what is allowed.
    pub fn from_environment<'a>(
        variables: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Tuning, String> {
        let mut tuning = Tuning::default();
        for (variable, value) in variables {
            let Some(name) = variable.strip_prefix(PREFIX) else {
                continue;
            };
            let name = name.to_ascii_lowercase();
            let setting = SETTINGS.iter().find(|setting| setting.name == name);
            let setting = setting.ok_or_else(|| {
                let names: Vec<_> = SETTINGS
                    .iter()
                    .map(|s| s.name.to_ascii_uppercase())
                    .collect();
                format!(
                    "{variable}: there is no such setting; after {PREFIX} comes one of {}",
                    names.join(", ")
                )
            })?;
            let set = value.trim().parse().ok();
            if !set.is_some_and(|value| setting.set(&mut tuning, value)) {
                let most = setting.most;
                return Err(format!(
                    "{variable}: {value:?} is not a whole number up to {most}"
                ));
            }
        }
        Ok(tuning)
    }
}

/// A rank's own copy, which its program may change. What a send needs is there without
/// a lock.
pub(crate) struct Tuned {
    eager: AtomicU64,
    eager_remote: AtomicU64,
    /// As the job began.
    start: Arc<Tuning>,
    is_changed: AtomicBool,
    now: Mutex<Arc<Tuning>>,
}

impl Tuned {
    pub(crate) fn new(tuning: Arc<Tuning>) -> Tuned {
        Tuned {
            eager: AtomicU64::new(tuning.eager),
            eager_remote: AtomicU64::new(tuning.eager_remote),
            start: tuning.clone(),
            is_changed: AtomicBool::new(false),
            now: Mutex::new(tuning),
        }
    }

    pub(crate) fn get(&self) -> Arc<Tuning> {
        self.now.lock().clone()
    }

    /// As the job began, unless [`Tuned::changed`] says otherwise.
    #[inline]
    pub(crate) fn start(&self) -> &Tuning {
        &self.start
    }

    /// What the program has changed it to, if it has.
    #[inline]
    pub(crate) fn changed(&self) -> Option<Arc<Tuning>> {
        self.is_changed.load(Ordering::Relaxed).then(|| self.get())
    }

    pub(crate) fn eager(&self) -> u64 {
        self.eager.load(Ordering::Relaxed)
    }

    pub(crate) fn eager_remote(&self) -> u64 {
        self.eager_remote.load(Ordering::Relaxed)
    }

    /// Changes it, if `change` says that it did.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Tuning) -> bool) -> bool {
        let mut now = self.now.lock();
        let mut tuning = Tuning::clone(&now);
        let changed = change(&mut tuning);
        if changed {
            self.eager.store(tuning.eager, Ordering::Relaxed);
            self.eager_remote
                .store(tuning.eager_remote, Ordering::Relaxed);
            *now = Arc::new(tuning);
            self.is_changed.store(true, Ordering::Relaxed);
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn the_environment_sets_what_it_names() {
        let variables = [
            ("HOME", "/root"),
            ("FAABRIC_MPI_ALLREDUCE_RING", "123"),
            ("FAABRIC_MPI_LOCAL", "0"),
            ("FAABRIC_MPI_EAGER_REMOTE", " 4096 "),
        ];
        let tuning = Tuning::from_environment(variables).unwrap();
        let mut expected = Tuning::default();
        expected.thresholds.allreduce_ring = 123;
        expected.thresholds.local = false;
        expected.eager_remote = 4096;
        assert_eq!(tuning, expected);
        assert_eq!(Tuning::from_environment([]).unwrap(), Tuning::default());
    }

    #[test]
    fn what_is_wrong_in_the_environment_is_named() {
        for (variable, value, said) in [
            ("FAABRIC_MPI_EGAER", "1", "EAGER_REMOTE"),
            ("FAABRIC_MPI_EAGER", "-1", "whole number"),
            ("FAABRIC_MPI_EAGER", "1k", "whole number"),
            ("FAABRIC_MPI_LOCAL", "2", "up to 1"),
            ("FAABRIC_MPI_EAGER_REMOTE", "100000000", "up to"),
        ] {
            let error = Tuning::from_environment([(variable, value)]).unwrap_err();
            assert!(error.contains(variable) && error.contains(said), "{error}");
        }
    }

    #[test]
    fn every_setting_has_a_name_and_a_place_of_its_own() {
        for (at, setting) in SETTINGS.iter().enumerate() {
            let mut tuning = Tuning::default();
            let other = u64::from(setting.get(&tuning) == 0);
            assert!(setting.get(&tuning) <= setting.most);
            assert!(setting.set(&mut tuning, other));
            assert_eq!(setting.get(&tuning), other, "{}", setting.name);
            let changed = SETTINGS
                .iter()
                .filter(|s| s.get(&tuning) != s.get(&Tuning::default()));
            assert_eq!(changed.count(), 1, "{}", setting.name);
            assert!(SETTINGS[..at].iter().all(|s| s.name != setting.name));
        }
        // One for each of the collectives' thresholds, and the two others.
        let thresholds = format!("{:?}", Thresholds::default()).matches(": ").count();
        assert_eq!(SETTINGS.len(), thresholds + 2);
    }
}
