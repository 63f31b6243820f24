//! What it costs to give a core to another rank: threads of the system against coroutines.
//!
//! ```text
//! cargo run --release -p faabric-mpi --example switching [RANKS ...]
//! ```
//! Both run the same programs with the same mailboxes and differ in how a rank waits:
//! - ring: one token goes round, so every hop wakes one rank that sleeps;
//! - halo: every rank gives to both neighbours and takes from both, as a stencil does;
//!   once more with work in between.
//!
//! A thread parks in the kernel. A coroutine goes back to its carrier, of which there is
//! one for each core; a rank stays with its carrier, because a Wasm engine keeps its trap
//! state in the thread. This is the least that user-level switching can cost: no Wasm, no
//! locks but those of the ready queues.
//!
//! ARCHITECTURE.md, "Waiting", has the figures and what was concluded.

#![allow(clippy::print_stdout, reason = "it prints what it measured")]

use corosensei::{Coroutine, CoroutineResult, Yielder};
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How ranks wait for each other.
trait Waiting {
    /// Gives one token to `rank`, from its left (0) or right (1).
    fn give(&self, rank: usize, side: usize);
    /// Takes one, waiting for it.
    fn take(&self, rank: usize, side: usize);
}

#[derive(Clone, Copy)]
enum Program {
    Ring { rounds: usize },
    Halo { rounds: usize, work: Duration },
}

impl Program {
    fn run(self, me: usize, ranks: usize, waiting: &dyn Waiting) {
        let (left, right) = ((me + ranks - 1) % ranks, (me + 1) % ranks);
        match self {
            Self::Ring { rounds } => {
                for _ in 0..rounds {
                    if me != 0 {
                        waiting.take(me, 0);
                    }
                    waiting.give(right, 0);
                    if me == 0 {
                        waiting.take(me, 0);
                    }
                }
            }
            Self::Halo { rounds, work } => {
                for _ in 0..rounds {
                    compute(work);
                    waiting.give(left, 1);
                    waiting.give(right, 0);
                    waiting.take(me, 0);
                    waiting.take(me, 1);
                }
            }
        }
    }

    /// How often a rank has to wait, over all ranks.
    fn waits(self, ranks: usize) -> usize {
        match self {
            Self::Ring { rounds } => rounds * ranks,
            Self::Halo { rounds, .. } => rounds * ranks,
        }
    }
}

fn compute(time: Duration) {
    if time.is_zero() {
        return;
    }
    let start = Instant::now();
    while start.elapsed() < time {
        black_box(0);
    }
}

/// Ranks are threads: a rank that finds nothing parks in the kernel.
struct Threads(Vec<[(Mutex<u32>, Condvar); 2]>);

impl Waiting for Threads {
    fn give(&self, rank: usize, side: usize) {
        let (tokens, came) = &self.0[rank][side];
        *tokens.lock() += 1;
        came.notify_one();
    }

    fn take(&self, rank: usize, side: usize) {
        let (tokens, came) = &self.0[rank][side];
        let mut tokens = tokens.lock();
        came.wait_while(&mut tokens, |tokens| *tokens == 0);
        *tokens -= 1;
    }
}

fn on_threads(program: Program, ranks: usize) -> Duration {
    let waiting = Threads((0..ranks).map(|_| Default::default()).collect());
    let ready = std::sync::Barrier::new(ranks + 1);
    std::thread::scope(|scope| {
        for me in 0..ranks {
            let (waiting, ready) = (&waiting, &ready);
            let start = move || {
                ready.wait();
                program.run(me, ranks, waiting);
            };
            std::thread::Builder::new()
                .stack_size(64 << 10)
                .spawn_scoped(scope, start)
                .expect("a thread for each rank");
        }
        ready.wait();
        Instant::now()
    })
    .elapsed()
}

/// Ranks are coroutines: one that finds nothing goes back to its carrier.
struct Coroutines {
    tokens: Vec<[AtomicU32; 2]>,
    /// The rank waits for a token, and nobody has made it ready since.
    sleeps: Vec<AtomicBool>,
    carriers: Vec<(Mutex<VecDeque<usize>>, Condvar)>,
    left: AtomicUsize,
}

/// A rank that runs as a coroutine.
struct Seat<'a> {
    ranks: &'a Coroutines,
    carrier: &'a Yielder<(), ()>,
}

impl Coroutines {
    fn carrier_of(&self, rank: usize) -> &(Mutex<VecDeque<usize>>, Condvar) {
        // Neighbours together: what a good placement would do.
        &self.carriers[rank * self.carriers.len() / self.tokens.len()]
    }
}

impl Waiting for Seat<'_> {
    fn give(&self, rank: usize, side: usize) {
        let ranks = self.ranks;
        ranks.tokens[rank][side].fetch_add(1, Ordering::SeqCst);
        if ranks.sleeps[rank].swap(false, Ordering::SeqCst) {
            let (queue, came) = ranks.carrier_of(rank);
            queue.lock().push_back(rank);
            came.notify_one();
        }
    }

    fn take(&self, rank: usize, side: usize) {
        let (tokens, sleeps) = (&self.ranks.tokens[rank][side], &self.ranks.sleeps[rank]);
        while tokens.load(Ordering::SeqCst) == 0 {
            sleeps.store(true, Ordering::SeqCst);
            // Given meanwhile: whoever swaps first decides whether the rank is queued.
            if tokens.load(Ordering::SeqCst) != 0 && sleeps.swap(false, Ordering::SeqCst) {
                break;
            }
            self.carrier.suspend(());
        }
        tokens.fetch_sub(1, Ordering::SeqCst);
    }
}

fn on_coroutines(program: Program, ranks: usize, cores: usize) -> Duration {
    let waiting = Arc::new(Coroutines {
        tokens: (0..ranks).map(|_| Default::default()).collect(),
        sleeps: (0..ranks).map(|_| AtomicBool::new(false)).collect(),
        carriers: (0..cores).map(|_| Default::default()).collect(),
        left: AtomicUsize::new(ranks),
    });
    for rank in 0..ranks {
        waiting.carrier_of(rank).0.lock().push_back(rank);
    }
    let start = Instant::now();
    std::thread::scope(|scope| {
        for (queue, came) in &waiting.carriers {
            let waiting = &waiting;
            scope.spawn(move || carry(program, ranks, waiting, queue, came));
        }
    });
    start.elapsed()
}

/// Runs the ranks of one core until all ranks have ended.
fn carry(
    program: Program,
    ranks: usize,
    waiting: &Arc<Coroutines>,
    queue: &Mutex<VecDeque<usize>>,
    came: &Condvar,
) {
    let mut started = std::collections::HashMap::new();
    while waiting.left.load(Ordering::SeqCst) > 0 {
        let next = {
            let mut queue = queue.lock();
            if queue.is_empty() {
                // Woken when a rank of another carrier gives, or to see that all ended.
                came.wait_for(&mut queue, Duration::from_millis(5));
            }
            queue.pop_front()
        };
        let Some(rank) = next else { continue };
        let coroutine = started.entry(rank).or_insert_with(|| {
            let waiting = Arc::clone(waiting);
            Coroutine::new(move |carrier: &Yielder<(), ()>, ()| {
                let seat = Seat {
                    ranks: &waiting,
                    carrier,
                };
                program.run(rank, ranks, &seat);
            })
        });
        if let CoroutineResult::Return(()) = coroutine.resume(()) {
            waiting.left.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn main() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let given: Vec<usize> = std::env::args()
        .skip(1)
        .filter_map(|n| n.parse().ok())
        .collect();
    let counts = if given.is_empty() {
        vec![4, 16, 64, 1000]
    } else {
        given
    };
    println!("microseconds a wait, median of 5; {cores} cores\n");
    println!(
        "{:>22} {:>6} {:>9} {:>11} {:>6}",
        "", "ranks", "threads", "coroutines", "ratio"
    );
    for ranks in counts {
        let rounds = (40_000 / ranks).max(20);
        let work = Duration::from_micros(20);
        for (name, program) in [
            ("ring", Program::Ring { rounds }),
            (
                "halo",
                Program::Halo {
                    rounds,
                    work: Duration::ZERO,
                },
            ),
            ("halo, 20 us of work", Program::Halo { rounds, work }),
        ] {
            let (mut threads, mut coroutines) = (Vec::new(), Vec::new());
            for _ in 0..5 {
                threads.push(on_threads(program, ranks));
                coroutines.push(on_coroutines(program, ranks, cores));
            }
            let waits = program.waits(ranks) as f64;
            let [threads, coroutines] =
                [threads, coroutines].map(|times| median(times).as_secs_f64() * 1e6 / waits);
            println!(
                "{name:>22} {ranks:>6} {threads:>9.2} {coroutines:>11.2} {:>6.1}",
                threads / coroutines
            );
        }
    }
}
