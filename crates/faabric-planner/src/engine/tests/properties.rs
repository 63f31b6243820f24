//! Random histories against a model of the workers, which knows what really runs.
//!
//! The model's workers keep to the protocol (they repeat exits until they are told to
//! forget, and list what they were told to start) on connections that break at random
//! and lose what was under way.

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

const WORKERS: usize = 4;

/// What may happen next; numbers pick among what there is.
#[derive(Clone, Debug)]
enum Happening {
    Connect(usize),
    Break(usize),
    Die(usize),
    Silence(usize, bool),
    Submit(u32, bool),
    Exit(usize, usize, i32),
    Abort(usize, usize),
    Spawn(usize, usize, u32, bool),
    Cancel(usize),
    Duplicate(usize, usize),
    Pass(u64),
    RestartPlanner,
    SetPolicy(bool),
}

fn happening() -> impl Strategy<Value = Happening> {
    use Happening::*;
    let code = prop_oneof![5 => Just(0), 1 => 1i32..4];
    prop_oneof![
        4 => (0..WORKERS).prop_map(Connect),
        2 => (0..WORKERS).prop_map(Break),
        1 => (0..WORKERS).prop_map(Die),
        2 => (0..WORKERS, any::<bool>()).prop_map(|(w, s)| Silence(w, s)),
        6 => (1u32..12, any::<bool>()).prop_map(|(n, p)| Submit(n, p)),
        12 => (0..WORKERS, 0..8usize, code).prop_map(|(w, r, c)| Exit(w, r, c)),
        1 => (0..WORKERS, 0..8usize).prop_map(|(w, r)| Abort(w, r)),
        3 => (0..WORKERS, 0..8usize, 1u32..5, any::<bool>())
            .prop_map(|(w, r, n, soft)| Spawn(w, r, n, soft)),
        1 => (0..20usize).prop_map(Cancel),
        2 => (0..WORKERS, 0..8usize).prop_map(|(w, r)| Duplicate(w, r)),
        4 => (1u64..700).prop_map(Pass),
        1 => Just(RestartPlanner),
        1 => any::<bool>().prop_map(SetPolicy),
    ]
}

/// A worker process that keeps to the protocol.
#[derive(Default)]
struct Process {
    incarnation: u64,
    connected: bool,
    /// Ranks told to start, of jobs not told to forget: the exit code once ended.
    ranks: BTreeMap<(JobId, Rank), Option<i32>>,
}

struct World {
    now: u64,
    /// Whether ranks end as soon as they are told to stop. If not, they outlive the
    /// engine's patience now and then.
    prompt: bool,
    /// Orders to stop that prompt workers have yet to follow.
    stopping: VecDeque<(WorkerName, JobId)>,
    /// Workers that are connected but say nothing, as a stopped process.
    silent: BTreeSet<usize>,
    engine: Engine,
    replayed: State,
    processes: Vec<Process>,
    questions: u64,
}

fn name(worker: usize) -> WorkerName {
    format!("w{worker}").as_str().into()
}

fn slots(worker: usize) -> u32 {
    worker as u32 + 1
}

impl World {
    fn new(prompt: bool) -> Self {
        Self {
            now: 0,
            prompt,
            stopping: VecDeque::new(),
            silent: BTreeSet::new(),
            engine: engine(),
            replayed: State::new("bin-pack"),
            processes: (0..WORKERS).map(|_| Process::default()).collect(),
            questions: 0,
        }
    }

    /// Feeds one event, carries out the commands, and checks every invariant.
    fn on(&mut self, event: Event) {
        self.engine.on(Timestamp(self.now), event);
        for fact in self.engine.take_facts() {
            self.replayed.apply(&fact);
        }
        for command in self.engine.take_commands() {
            self.carry_out(command);
        }
        assert_eq!(&self.replayed, self.engine.state(), "replay differs");
        self.check();
        while let Some((worker, job)) = self.stopping.pop_front() {
            self.stop(&worker, job);
        }
    }

    fn stop(&mut self, worker: &WorkerName, job: JobId) {
        let at = (0..WORKERS).find(|w| name(*w) == *worker).unwrap();
        let ranks = self.processes[at].ranks.iter();
        let running = ranks.filter(|((j, _), code)| *j == job && code.is_none());
        for (job, rank) in running.map(|(key, _)| *key).collect::<Vec<_>>() {
            self.processes[at].ranks.insert((job, rank), Some(137));
            self.report(at, job, rank, 137);
        }
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::StartRanks {
                worker, job, ranks, ..
            } => {
                let process = self.process(&worker);
                assert!(process.connected, "{worker} was told something unconnected");
                for rank in ranks {
                    let before = process.ranks.insert((job, rank), None);
                    assert_eq!(before, None, "{job} {rank} was started twice on {worker}");
                }
            }
            Command::StopJob { worker, job, .. } if self.prompt => {
                self.stopping.push_back((worker, job));
            }
            // Unhurried ranks end when an `Exit` happens to them.
            Command::StopJob { .. } | Command::JobChanged { .. } | Command::SpawnDone { .. } => {}
            Command::Disconnect { worker } => self.process(&worker).connected = false,
            Command::JobEnded { worker, job } => {
                self.process(&worker).ranks.retain(|(j, _), _| *j != job);
            }
        }
    }

    fn process(&mut self, worker: &WorkerName) -> &mut Process {
        let at = (0..WORKERS).find(|w| name(*w) == *worker).unwrap();
        &mut self.processes[at]
    }

    fn check(&self) {
        let state = self.engine.state();
        let mut used: BTreeMap<WorkerName, u32> = BTreeMap::new();
        for (id, job) in &state.jobs {
            assert_eq!(state.queue.contains(id), job.phase == Phase::Queued);
            let active = matches!(job.phase, Phase::Running | Phase::Stopping);
            assert_eq!(state.active.contains(id), active);
            assert_eq!(job.left.is_empty(), !active, "{id} {:?}", job.phase);
            assert_eq!(job.outcome.is_some(), job.phase >= Phase::Stopping);
            for rank in &job.left {
                let worker = job.worker_of(*rank).unwrap();
                assert!(
                    state.workers[worker].alive(),
                    "{id} {rank} is on a lost worker"
                );
                *used.entry(worker.clone()).or_default() += 1;
            }
        }
        for status in self.engine.workers() {
            let worker = &state.workers[&status.name];
            assert_eq!(worker.used, used.get(&status.name).copied().unwrap_or(0));
            assert!(!worker.alive() || worker.used <= worker.slots, "{status:?}");
        }
        // What really runs never exceeds the slots, but for ranks that outlived the
        // engine's patience.
        for (at, process) in self.processes.iter().enumerate() {
            let counted = |(id, rank): &&(JobId, Rank)| {
                let job = state.jobs.get(id);
                self.prompt || job.is_some_and(|job| job.left.contains(rank))
            };
            let running = process.ranks.iter().filter(|(_, code)| code.is_none());
            let running = running.map(|(key, _)| key).filter(counted).count();
            assert!(running as u32 <= slots(at), "w{at}: {:?}", process.ranks);
        }
    }

    fn connect(&mut self, at: usize) {
        let process = &mut self.processes[at];
        if process.connected {
            return;
        }
        let mut running: BTreeMap<JobId, Vec<Rank>> = BTreeMap::new();
        for (job, rank) in process.ranks.keys() {
            running.entry(*job).or_default().push(*rank);
        }
        let offer = Offer {
            data_address: format!("w{at}:1"),
            incarnation: process.incarnation,
            slots: slots(at),
        };
        if self.engine.admit(&name(at), &offer).is_err() {
            return; // tries again when the lease of its predecessor is over
        }
        process.connected = true;
        let ended: Vec<_> = process
            .ranks
            .iter()
            .filter_map(|(k, c)| Some((*k, (*c)?)))
            .collect();
        self.on(Event::WorkerJoined {
            worker: name(at),
            offer,
            running: running.into_iter().collect(),
        });
        for ((job, rank), code) in ended {
            self.report(at, job, rank, code);
        }
    }

    fn report(&mut self, at: usize, job: JobId, rank: Rank, code: i32) {
        if self.processes[at].connected {
            self.on(Event::RankExited {
                worker: name(at),
                job,
                rank,
                code,
                reason: String::new(),
            });
        }
    }

    /// The `pick`-th rank of a process that has, or has not, ended.
    fn pick(&self, at: usize, pick: usize, ended: bool) -> Option<(JobId, Rank)> {
        let ranks = self.processes[at].ranks.iter();
        let ranks: Vec<_> = ranks.filter(|(_, code)| code.is_some() == ended).collect();
        Some(*ranks.get(pick.checked_rem(ranks.len())?)?.0)
    }

    fn exit(&mut self, at: usize, pick: usize, code: i32) {
        if let Some((job, rank)) = self.pick(at, pick, false) {
            self.processes[at].ranks.insert((job, rank), Some(code));
            self.report(at, job, rank, code);
        }
    }

    fn happen(&mut self, what: Happening) {
        match what {
            Happening::Connect(at) => self.connect(at),
            Happening::Break(at) => {
                if std::mem::take(&mut self.processes[at].connected) {
                    self.on(Event::WorkerDisconnected { worker: name(at) });
                }
            }
            Happening::Die(at) => {
                let connected = self.processes[at].connected;
                self.processes[at] = Process {
                    incarnation: self.processes[at].incarnation + 1,
                    ..Process::default()
                };
                if connected {
                    self.on(Event::WorkerDisconnected { worker: name(at) });
                }
            }
            Happening::Silence(at, true) => drop(self.silent.insert(at)),
            Happening::Silence(at, false) => drop(self.silent.remove(&at)),
            Happening::Submit(ranks, spread) => {
                let policy = if spread { "spread" } else { "" };
                self.on(submit_with(self.engine.next_job().0, ranks, policy));
            }
            Happening::Exit(at, pick, code) => self.exit(at, pick, code),
            Happening::Abort(at, pick) => {
                if let (Some((job, rank)), true) =
                    (self.pick(at, pick, false), self.processes[at].connected)
                {
                    self.on(Event::JobAborted {
                        worker: name(at),
                        job,
                        rank,
                        code: 5,
                        reason: String::new(),
                    });
                }
            }
            Happening::Spawn(at, pick, ranks, soft) => {
                if let (Some((job, rank)), true) =
                    (self.pick(at, pick, false), self.processes[at].connected)
                {
                    self.questions += 1;
                    let asked = spawn::request(job.0, rank.0, self.questions, &[(ranks, soft)]);
                    self.on(spawn::asks(&name(at), asked.clone()));
                    // Said again, as after a reconnect: nothing starts twice.
                    self.on(spawn::asks(&name(at), asked));
                }
            }
            Happening::Cancel(pick) => self.on(cancel(pick as u64, "")),
            Happening::Duplicate(at, pick) => {
                if let Some((job, rank)) = self.pick(at, pick, true) {
                    self.report(at, job, rank, 0);
                }
            }
            Happening::Pass(ms) => self.pass(ms),
            Happening::RestartPlanner => {
                let json = serde_json::to_string(self.engine.state()).unwrap();
                let state: State = serde_json::from_str(&json).unwrap();
                assert_eq!(&state, self.engine.state(), "JSON loses something");
                self.engine = Engine::new(LIMITS, state, Timestamp(self.now));
                self.processes.iter_mut().for_each(|p| p.connected = false);
            }
            Happening::SetPolicy(spread) => {
                let policy = if spread { "spread" } else { "bin-pack" };
                self.on(Event::PolicySet {
                    policy: policy.to_owned(),
                });
            }
        }
    }

    fn pass(&mut self, ms: u64) {
        for _ in 0..ms.div_ceil(100) {
            self.now += 100;
            for at in 0..WORKERS {
                if self.processes[at].connected && !self.silent.contains(&at) {
                    self.on(Event::WorkerHeartbeat { worker: name(at) });
                }
            }
            self.on(Event::Tick);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn whatever_happens_slots_are_sound_and_jobs_end(
        history in prop::collection::vec(happening(), 0..120),
        prompt: bool,
    ) {
        let mut world = World::new(prompt);
        for what in history {
            world.happen(what);
        }
        // From here on nothing breaks, and every rank ends: so must every job, except
        // those that are larger than the cluster and those behind them.
        world.silent.clear();
        let all: u32 = (0..WORKERS).map(slots).sum();
        for _ in 0..200 {
            (0..WORKERS).for_each(|at| world.connect(at));
            world.pass(300);
            for at in 0..WORKERS {
                let running = world.processes[at].ranks.len();
                (0..running).for_each(|_| world.exit(at, 0, 0));
            }
            let head = world.engine.state().queue.first().copied();
            let too_large = |id: &JobId| world.engine.state().jobs[id].spec.ranks > all;
            if let Some(head) = head.filter(too_large) {
                world.on(cancel(head.0, ""));
            }
        }
        prop_assert!(world.engine.state().queue.is_empty());
        prop_assert!(world.engine.state().active.is_empty());
        let free: BTreeSet<u32> = world.engine.workers().map(|w| w.used).collect();
        prop_assert_eq!(free, BTreeSet::from([0]));
        prop_assert!(world.processes.iter().all(|p| p.ranks.is_empty()), "told to forget all");
    }
}
