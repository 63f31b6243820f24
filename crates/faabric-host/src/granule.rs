//! One Wasm instance: its host's data, and how it is made.
//!
//! ```text
//!   Shared (one a process): module, memory, WASI, ending, threads
//!     ^            ^
//!   Granule 0    Granule n      (one a thread: its own store, instance and OS thread)
//! ```

use crate::abi::wasi::Wasi;
use crate::caller::Callbacks;
use crate::ending::{Ending, Left, Stop};
use crate::memory::{GuestMemory, OutOfBounds};
use crate::module::{Import, Prepared};
use crate::sys::{Fault, filter_signals};
use crate::thread::{Live, Threads};
use crate::trap;
use faabric_mpi::Rank;
use std::sync::Arc;
use wasmer::{AsStoreMut, Extern, FunctionEnv, Instance, Memory, MemoryType, Store, Table};

/// What the threads of one process share.
pub(crate) struct Shared {
    pub(crate) prepared: Arc<Prepared>,
    /// The module's engine, with tunables that hand out this process's memory.
    pub(crate) engine: wasmer::Engine,
    pub(crate) memory: GuestMemory,
    pub(crate) wasi: Arc<Wasi>,
    pub(crate) ending: Arc<Ending>,
    pub(crate) threads: Arc<Threads>,
    /// Its place in an MPI job, if it has one.
    pub(crate) mpi: Option<Arc<Rank>>,
}

impl Shared {
    /// The rank that the process is, when it was started as one of an MPI job, and nobody
    /// watches its calls: then none is served on the guest's own stack.
    #[inline]
    pub(crate) fn rank(&self) -> Option<&Rank> {
        self.mpi.as_deref().filter(|rank| !rank.is_watched())
    }
}

/// The data of a Granule's host calls: `FunctionEnv<Granule>`.
pub struct Granule {
    shared: Arc<Shared>,
    thread: u32,
    table: Option<Table>,
    /// wasmer's handle to the memory, to grow it by.
    linear: Option<Memory>,
    /// What callbacks of host calls use: see [`crate::caller`].
    pub(crate) callbacks: Callbacks,
}

impl Granule {
    /// The linear memory of its process.
    #[must_use]
    pub fn memory(&self) -> &GuestMemory {
        &self.shared.memory
    }

    /// Files, arguments, clocks.
    pub(crate) fn wasi(&self) -> &Wasi {
        &self.shared.wasi
    }

    /// Tells blocking host calls that the process ends.
    pub(crate) fn ending(&self) -> &Arc<Ending> {
        &self.shared.ending
    }

    /// What it shares with the other threads of its process.
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The guest's function table, to call C function pointers with; `None` when the
    /// module exports none.
    pub(crate) fn table(&self) -> Option<&Table> {
        self.table.as_ref()
    }

    /// wasmer's handle to the memory; `None` when the module neither imports nor exports
    /// one.
    pub(crate) fn linear(&self) -> Option<&Memory> {
        self.linear.as_ref()
    }

    /// Its rank, when it was started as one of an MPI job.
    pub(crate) fn mpi(&self) -> Option<&Arc<Rank>> {
        self.shared.mpi.as_ref()
    }

    /// 0 for the main thread, else what `thread-spawn` returned for this one.
    #[must_use]
    pub fn thread(&self) -> u32 {
        self.thread
    }
}

/// A Granule's instance in its store, on the thread that will run it.
pub(crate) struct Running {
    store: Store,
    instance: Instance,
    fault: Arc<Fault>,
    shared: Arc<Shared>,
}

impl Running {
    /// Makes the instance of a thread. Its start function runs in here.
    pub(crate) fn new(shared: Arc<Shared>, live: &Live) -> Result<Self, Left> {
        let mut store = Store::new(shared.engine.clone());
        live.attach(&store);
        if shared.ending.has_begun() {
            // An end that began earlier may have found no store to interrupt.
            return Err(Left::Ending);
        }
        let fault = Arc::new(Fault::default());
        let filter = filter_signals(shared.prepared.code_range(), Arc::clone(&fault));
        store.set_trap_handler(Some(filter));
        let granule = Granule {
            shared: Arc::clone(&shared),
            thread: live.tid,
            table: None,
            linear: None,
            callbacks: Callbacks::default(),
        };
        let env = FunctionEnv::new(&mut store, granule);
        let imports = imports(&mut store, &env, &shared.prepared)
            .map_err(|error| trap::cannot_start(&error.to_string()))?;
        let instance = Instance::new_by_index(&mut store, shared.prepared.module(), &imports)
            .map_err(|error| trap::not_started(error, &shared, &fault))?;
        let table = instance.exports.get_table("__indirect_function_table").ok();
        let imported = imports.iter().find_map(|import| match import {
            Extern::Memory(memory) => Some(memory),
            _ => None,
        });
        let linear = imported.or(instance.exports.get_memory("memory").ok());
        let granule = env.as_mut(&mut store);
        granule.table = table.cloned();
        granule.linear = linear.cloned();
        Ok(Self {
            store,
            instance,
            fault,
            shared,
        })
    }

    /// Calls export `name` with 32-bit arguments, ignoring what it returns.
    pub(crate) fn call(mut self, name: &str, args: &[u32]) -> Result<(), Left> {
        let function = self.instance.exports.get_function(name).map_err(|_| {
            trap::cannot_start(&format!(
                "it exports no function {name}, so it is a library, not a program; link it with \
                 `faabric cc`, without -shared or -mexec-model=reactor"
            ))
        })?;
        let args: Vec<_> = args
            .iter()
            .map(|arg| wasmer::Value::I32(arg.cast_signed()))
            .collect();
        match function.call(&mut self.store, &args) {
            Ok(_) => Ok(()),
            Err(error) => {
                let thrown = error.to_exception().and_then(|exception| {
                    let values = exception.payload(&mut self.store);
                    Some(values.first()?.i32()?.cast_unsigned())
                });
                Err(trap::left(error, &self.shared, &self.fault, thrown))
            }
        }
    }
}

fn imports(
    store: &mut Store,
    env: &FunctionEnv<Granule>,
    prepared: &Prepared,
) -> Result<Vec<Extern>, wasmer::MemoryError> {
    let imports = prepared.imports().iter();
    let externs = imports.map(|import| match import {
        Import::Function(make) => Ok(make(&mut store.as_store_mut(), env).into()),
        // The tunables answer with the process's memory, whatever the type says.
        Import::Memory => Memory::new(store, MemoryType::new(0, None, true)).map(Extern::from),
    });
    externs.collect()
}

impl From<OutOfBounds> for Stop {
    fn from(error: OutOfBounds) -> Self {
        Self::Trap(format!("a host call was given a bad pointer: {error}"))
    }
}
