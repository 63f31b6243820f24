//! One job's ranks on this worker.
//!
//! Every worker of a job has one [`World`]: the mailboxes of the ranks it runs, and a
//! [`Fabric`] to the others. Threads of ranks, and the threads that deliver packets,
//! all meet in the mailboxes; a world has no thread of its own.
//!
//! The ranks that the job was started with are known from the start. Those that it
//! spawns are numbered on from there, and join later: see [`crate::family`].

use crate::error::{Class, Error, Result};
use crate::family::{Families, Family};
use crate::mailbox::Mailbox;
use crate::observe::Recorder;
use crate::remote::Remote;
use crate::request::{Completion, Outcome};
use faabric_wire::fabric::{Fabric, LinkError};
use faabric_wire::id::{JobId, Rank};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock, Weak};

/// How a waiting rank looks before it sleeps, when every rank has a core: so many
/// times, about 15 ns each, between two offers of its core to others. In all about
/// what it costs to sleep and be woken.
const LOOKS: u32 = 64;
const TURNS: u32 = 32;

/// The same with more ranks than cores: one look, and whoever is waited for gets the
/// core. A round of the ranks by giving way costs a tenth of one by sleeping and
/// waking; beyond a few rounds the wait is a long one.
const CROWDED_LOOKS: u32 = 1;
const CROWDED_TURNS: u32 = 8;

/// Where a job's ranks run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The names of the job's workers.
    pub workers: Vec<String>,
    /// The worker of each rank, as an index into `workers`.
    pub of_rank: Vec<u32>,
    /// Which of the workers this is.
    pub here: u32,
}

impl Placement {
    /// All `size` ranks on one worker.
    #[must_use]
    pub fn single(size: u32, worker: impl Into<String>) -> Placement {
        Placement {
            workers: vec![worker.into()],
            of_rank: vec![0; size as usize],
            here: 0,
        }
    }
}

/// Why a job ended before its ranks did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// The exit code of the job.
    pub code: i32,
    /// What happened, for the user.
    pub reason: String,
    /// The rank that ended it, if one did.
    pub rank: Option<Rank>,
}

/// One job on this worker: where its ranks are, and the mailboxes of those here.
pub struct World {
    job: JobId,
    placement: Placement,
    /// Of the ranks that the job was started with.
    mailboxes: Box<[Option<Mailbox>]>,
    /// Which ranks share an `MPI_COMM_WORLD`, and those that joined later.
    pub(crate) families: Families,
    pub(crate) remote: Remote,
    ending: OnceLock<Ending>,
    /// Cores that this worker's ranks share.
    cores: u32,
    /// Local ranks that have not finalized.
    live: AtomicU32,
    me: Weak<World>,
    /// What the collectives of this worker's ranks share.
    pub(crate) teams: crate::collective::Teams,
    /// Of ranks that are to be recorded and have not begun.
    recorders: Mutex<HashMap<u32, Arc<Recorder>>>,
    /// What its ranks have of windows.
    pub(crate) windows: crate::rma::Windows,
    /// Shared pointers of files whose rank 0 is here.
    pub(crate) pointers: crate::io::Pointers,
    /// Ports that its ranks have opened, and names, if rank 0 is here.
    pub(crate) desk: crate::desk::Desk,
    /// Processes that its ranks have asked for.
    pub(crate) launches: crate::launch::Launches,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World")
            .field("job", &self.job)
            .field("placement", &self.placement)
            .field("ending", &self.ending)
            .finish_non_exhaustive()
    }
}

impl World {
    /// The world of `job`. `fabric` reaches the ranks that `placement` has on other
    /// workers; `cores` is how many cores the local ranks share.
    #[must_use]
    pub fn new(
        job: JobId,
        placement: Placement,
        fabric: Option<Arc<dyn Fabric>>,
        cores: u32,
    ) -> Arc<World> {
        let local = |&worker: &u32| (worker == placement.here).then(Mailbox::new);
        let mailboxes: Box<[_]> = placement.of_rank.iter().map(local).collect();
        let live = mailboxes.iter().flatten().count() as u32;
        Arc::new_cyclic(|me| World {
            job,
            families: Families::new(&placement),
            placement,
            mailboxes,
            remote: Remote::new(fabric),
            ending: OnceLock::new(),
            cores,
            live: AtomicU32::new(live),
            me: me.clone(),
            teams: crate::collective::Teams::default(),
            recorders: Mutex::default(),
            windows: crate::rma::Windows::default(),
            pointers: crate::io::Pointers::default(),
            desk: crate::desk::Desk::default(),
            launches: crate::launch::Launches::default(),
        })
    }

    /// Has the calls of a rank recorded. Before its [`Rank`](crate::Rank) is made.
    pub fn record(&self, rank: Rank, recorder: Arc<Recorder>) {
        self.recorders.lock().insert(rank.0, recorder);
    }

    pub(crate) fn take_recorder(&self, world_rank: u32) -> Option<Arc<Recorder>> {
        self.recorders.lock().remove(&world_rank)
    }

    /// The job.
    #[must_use]
    pub fn job(&self) -> JobId {
        self.job
    }

    /// The ranks that `rank` shares its `MPI_COMM_WORLD` with; none for a rank that this
    /// worker has not heard of.
    #[must_use]
    pub fn family(&self, rank: Rank) -> Option<Arc<Family>> {
        self.families.of(rank.0)
    }

    /// Takes in ranks that were spawned: from now on they can be sent to, and those that
    /// run here can be made. `places` has the names of workers with what they run. A
    /// family that is known already changes nothing.
    pub fn add_family(&self, family: Family, places: &[(String, Vec<Rank>)]) {
        let Some(here) = self.placement.workers.get(self.placement.here as usize) else {
            return;
        };
        let join = || {
            let local = self.families.join(family, places, here);
            self.live.fetch_add(local, Ordering::Relaxed);
        };
        self.deliver_early(join);
        self.send_early();
        // Those who wait to know these ranks may go on; a job that has ended stays so.
        self.ring_all();
    }

    /// Whether the job was started with this rank.
    pub(crate) fn is_original(&self, world_rank: u32) -> bool {
        (world_rank as usize) < self.mailboxes.len()
    }

    /// Whether this worker has heard of a rank.
    pub(crate) fn knows(&self, world_rank: u32) -> bool {
        self.is_original(world_rank) || self.families.knows(world_rank)
    }

    /// The worker that runs `world_rank`, as a number that only compares within this world.
    pub(crate) fn worker_number(&self, world_rank: u32) -> Option<u32> {
        let first = self.placement.of_rank.get(world_rank as usize).copied();
        first.or_else(|| self.families.worker(world_rank))
    }

    /// The first of the job's ranks that run on the worker of this one.
    pub(crate) fn first_beside(&self, world_rank: u32) -> u32 {
        let worker = self.worker_number(world_rank);
        let mut before = 0..world_rank;
        let first = before.find(|&rank| self.worker_number(rank) == worker);
        first.unwrap_or(world_rank)
    }

    /// Whether all ranks of the job, so far, run on one worker.
    pub(crate) fn is_on_one_worker(&self) -> bool {
        self.families.workers() == 1
    }

    /// The name of the worker that runs `rank`.
    #[must_use]
    pub fn worker_of(&self, rank: Rank) -> Option<String> {
        self.families.worker_name(self.worker_number(rank.0)?)
    }

    /// Whether the job has ranks on other workers.
    pub(crate) fn is_spread(&self) -> bool {
        self.placement.workers.len() > 1
    }

    /// The mailbox of a local rank.
    pub(crate) fn mailbox(&self, world_rank: u32) -> Option<&Mailbox> {
        match self.mailboxes.get(world_rank as usize) {
            Some(mailbox) => mailbox.as_ref(),
            None => self.families.mailbox(world_rank),
        }
    }

    /// This world, to be kept by what outlives the call.
    pub(crate) fn arc(&self) -> Option<Arc<World>> {
        self.me.upgrade()
    }

    /// Ends the job here: every blocked call of its ranks returns, and every later one
    /// fails. Only the first ending counts. Telling the other workers is the caller's.
    pub fn abort(&self, code: i32, reason: impl Into<String>) {
        self.end(None, code, reason.into());
    }

    /// As [`World::abort`], because of what `rank` did.
    pub fn abort_by(&self, rank: Rank, code: i32, reason: impl Into<String>) {
        self.end(Some(rank), code, reason.into());
    }

    fn end(&self, rank: Option<Rank>, code: i32, reason: String) {
        let _ = self.ending.set(Ending { code, reason, rank });
        self.ring_all();
        self.teams.interrupt();
    }

    fn ring_all(&self) {
        for mailbox in self.mailboxes.iter().flatten() {
            mailbox.bell.ring();
        }
        self.families
            .for_each_mailbox(|mailbox| mailbox.bell.ring());
    }

    /// The connection to a worker is gone for good: the job cannot go on.
    pub fn lost(&self, error: &LinkError) {
        self.abort(1, error.to_string());
    }

    /// Why the job ended early, once it has.
    #[must_use]
    pub fn ended(&self) -> Option<&Ending> {
        self.ending.get()
    }

    /// Fails once the job has ended.
    pub(crate) fn check(&self) -> Result<()> {
        match self.ending.get() {
            None => Ok(()),
            Some(ending) => Err(Error::interrupted(ending.reason.clone())),
        }
    }

    /// How many cores the local ranks share.
    pub(crate) fn cores(&self) -> u32 {
        self.cores
    }

    /// Are there more ranks here than cores?
    pub(crate) fn is_crowded(&self) -> bool {
        self.live.load(Ordering::Relaxed) > self.cores
    }

    /// Looks for a while for what a rank waits for: to be called before it sleeps.
    pub(crate) fn linger<T>(&self, mut look: impl FnMut() -> Option<T>) -> Option<T> {
        let (turns, looks) = if self.is_crowded() {
            (CROWDED_TURNS, CROWDED_LOOKS)
        } else {
            (TURNS, LOOKS)
        };
        for _ in 0..turns {
            for _ in 0..looks {
                let found = look();
                if found.is_some() {
                    return found;
                }
                std::hint::spin_loop();
            }
            std::thread::yield_now();
        }
        None
    }

    /// As [`World::linger`], for a caller that lingers again if nothing comes: where
    /// ranks outnumber cores it looks only once.
    pub(crate) fn linger_quick<T>(&self, mut look: impl FnMut() -> Option<T>) -> Option<T> {
        if self.is_crowded() {
            return look();
        }
        self.linger(look)
    }

    /// A local rank begins with MPI again, after it had left.
    pub(crate) fn join(&self) {
        self.live.fetch_add(1, Ordering::Relaxed);
    }

    /// A local rank is done with MPI: it no longer competes for cores.
    pub(crate) fn leave(&self) {
        self.live.fetch_sub(1, Ordering::Relaxed);
    }

    /// Ends an operation of a local rank and wakes it.
    pub(crate) fn finish(&self, completion: &Completion, outcome: Outcome, error: Option<Error>) {
        completion.end(outcome, error);
        self.wake(completion.owner());
    }

    /// Wakes a local rank that waits for something that changed without its lock, perhaps
    /// after a copy.
    pub(crate) fn wake(&self, world_rank: u32) {
        if let Some(mailbox) = self.mailbox(world_rank) {
            mailbox.bell.ring_after_copy();
        }
    }

    /// The mailbox of a rank that must be local.
    pub(crate) fn own_mailbox(&self, world_rank: u32) -> Result<&Mailbox> {
        self.mailbox(world_rank).ok_or_else(|| {
            Error::new(
                Class::INTERN,
                format!("rank {world_rank} does not run on this worker"),
            )
        })
    }
}
