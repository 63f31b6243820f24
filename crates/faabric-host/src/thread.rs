//! The threads of a process, and `wasi:thread-spawn`.
//!
//! A thread Granule is an OS thread with a store and an instance of its own on the
//! process's memory; it runs the export `wasi_thread_start(tid, arg)`
//! (github.com/WebAssembly/wasi-threads). When the process ends, every thread is
//! interrupted again and again until it is gone: a single interrupt may be lost, by
//! wasmer's own account and because we drop those that come at a bad moment
//! (see [`crate::sys::filter_signals`]).

use crate::abi::{Import, functions};
use crate::ending::{Left, Reason, Stop};
use crate::granule::{Granule, Running, Shared};
use parking_lot::{Condvar, Mutex};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;
use wasmer::{FunctionEnvMut, Interrupter, Store};

/// Thread ids must be positive and leave the top bits free.
const MAX_TID: u32 = (1 << 29) - 1;

/// How long a thread has between two interrupts, at first and at most.
const PATIENCE: (Duration, Duration) = (Duration::from_micros(200), Duration::from_millis(20));

/// Bytes of the own stack of a thread that runs a guest. Host calls run on it, within each
/// other where they call the guest back, while the guest has a stack of its own. Whoever
/// calls [`crate::Process::run`] gives its thread as many.
pub const HOST_STACK: usize = 8 << 20;

/// What `thread-spawn` returns when there can be no further thread: any negative number
/// is an error, and wasi-libc makes each of them EAGAIN.
const NO_THREAD: i32 = -6;

/// Exit code of a process that a bug of the host ended: sysexits' EX_SOFTWARE.
const BUG: i32 = 70;

/// The live threads of one process.
pub(crate) struct Threads {
    state: Mutex<State>,
    gone: Condvar,
    limit: u32,
}

struct State {
    /// By id; no interrupter until the thread has its store.
    live: HashMap<u32, Option<Interrupter>>,
    next: u32,
    closed: bool,
}

impl Threads {
    pub(crate) fn new(limit: u32) -> Self {
        Self {
            state: Mutex::new(State {
                live: HashMap::new(),
                next: 1,
                closed: false,
            }),
            gone: Condvar::new(),
            limit: limit.max(1),
        }
    }

    /// Registers the main thread.
    pub(crate) fn enter_main(self: &Arc<Self>) -> Live {
        self.state.lock().live.insert(0, None);
        Live {
            threads: Arc::clone(self),
            tid: 0,
        }
    }

    /// Registers a thread before it runs; `None` when there are as many as may be, or
    /// the process is ending.
    fn enter(self: &Arc<Self>) -> Option<Live> {
        let mut state = self.state.lock();
        if state.closed || state.live.len() >= self.limit as usize || state.next > MAX_TID {
            return None;
        }
        let tid = state.next;
        state.next += 1;
        state.live.insert(tid, None);
        Some(Live {
            threads: Arc::clone(self),
            tid,
        })
    }

    /// True while any thread runs.
    pub(crate) fn any(&self) -> bool {
        !self.state.lock().live.is_empty()
    }

    /// Lets no further thread in, interrupts those that run, and returns when the last
    /// is gone.
    pub(crate) fn end(&self) {
        let (mut patience, longest) = PATIENCE;
        let mut state = self.state.lock();
        state.closed = true;
        while !state.live.is_empty() {
            for interrupter in state.live.values().flatten() {
                interrupter.interrupt();
            }
            self.gone.wait_for(&mut state, patience);
            patience = longest.min(patience * 2);
        }
    }
}

/// A thread's entry among the live ones; dropping it says that the thread is gone.
pub(crate) struct Live {
    threads: Arc<Threads>,
    pub(crate) tid: u32,
}

impl Live {
    /// From now on its guest can be interrupted.
    pub(crate) fn attach(&self, store: &Store) {
        let mut state = self.threads.state.lock();
        state.live.insert(self.tid, Some(store.interrupter()));
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.threads.state.lock().live.remove(&self.tid);
        self.threads.gone.notify_all();
    }
}

pub(crate) const FUNCTIONS: &[Import] = functions![("thread-spawn", thread_spawn)];

/// Starts a thread and returns its id, or a negative number.
fn thread_spawn(env: FunctionEnvMut<'_, Granule>, arg: u32) -> Result<i32, Stop> {
    let shared = Arc::clone(env.data().shared());
    if shared.ending.has_begun() {
        return Err(Stop::Ended);
    }
    // Two of its kind must meet in one memory, which a memory of the module's own is not.
    let can = shared
        .prepared
        .memory()
        .is_some_and(|memory| memory.imported && memory.ty.shared);
    if !can {
        return Err(Stop::Trap(
            "thread-spawn needs an imported shared memory; build with `faabric cc -pthread`"
                .to_owned(),
        ));
    }
    let Some(live) = shared.threads.enter() else {
        tracing::debug!(
            "thread-spawn refused: {} threads are the limit",
            shared.threads.limit
        );
        return Ok(NO_THREAD);
    };
    let tid = live.tid;
    let spawned = std::thread::Builder::new()
        .name(format!("guest-{tid}"))
        .stack_size(HOST_STACK)
        .spawn(move || run(&shared, live, arg));
    match spawned {
        Ok(_) => Ok(tid.cast_signed()),
        Err(error) => {
            tracing::warn!("thread-spawn: {error}");
            Ok(NO_THREAD)
        }
    }
}

fn run(shared: &Arc<Shared>, live: Live, arg: u32) {
    let tid = live.tid;
    let left = run_export(shared, &live, "wasi_thread_start", &[tid, arg]);
    // Gone before the end begins: `Threads::end` must not wait for its own caller.
    drop(live);
    if let Err(Left::Because(reason)) = left {
        shared.ending.begin(Reason {
            text: reason.text.map(|text| format!("thread {tid}: {text}")),
            ..reason
        });
        shared.threads.end();
    }
}

/// Makes a Granule on this thread and calls one export of it. A panic of a host call is
/// a bug; it ends this process and not the worker.
pub(crate) fn run_export(
    shared: &Arc<Shared>,
    live: &Live,
    name: &str,
    args: &[u32],
) -> Result<(), Left> {
    let granule = || Running::new(Arc::clone(shared), live)?.call(name, args);
    catch_unwind(AssertUnwindSafe(granule)).unwrap_or_else(|panic| {
        let words = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        Err(Left::Because(Reason {
            code: BUG,
            text: Some(format!("a bug in faabric, please report it: {words}")),
        }))
    })
}
