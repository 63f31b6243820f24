//! Turns Wasm into machine code: two compilers, and what was compiled before.
//!
//! ```text
//!  load(wasm) --> in memory? --> LLVM code in the cache? --> Cranelift code in the cache?
//!                                                               | no: check, compile, keep
//!                                    tier auto: LLVM compiles <-'
//!                                    in the background, for later loads
//! ```
//! Every module has a wasmer engine of its own, because an engine never frees code.

use crate::cache::Cache;
use crate::error::{Error, Result};
use crate::inspect;
use crate::module::{Module, Prepared};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use wasmer::sys::{CompilerConfig, Cranelift, EngineBuilder, Target};

/// How code is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tier {
    /// Cranelift now; LLVM, when compiled in, in the background for later loads.
    #[default]
    Auto,
    /// Cranelift: compiles fast.
    Cranelift,
    /// LLVM: compiles slowly, runs fast. Loads wait for it.
    Llvm,
}

/// One of the compilers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compiler {
    /// Cranelift.
    Cranelift,
    /// LLVM.
    Llvm,
}

/// What an [`Engine`] is made with.
#[derive(Debug, Clone, Default)]
pub struct EngineConfig {
    /// How code is made.
    pub tier: Tier,
    /// Where prepared modules are kept; nowhere with `None`.
    pub cache: Option<PathBuf>,
}

/// Loads modules. Cheap to clone.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    tier: Tier,
    cache: Option<Cache>,
    slots: Mutex<HashMap<blake3::Hash, Arc<Mutex<Slot>>>>,
}

/// What is known of one module.
#[derive(Default)]
struct Slot {
    /// In use by someone.
    loaded: Weak<Prepared>,
    /// Made in the background, and kept here only when there is no cache on disk.
    better: Option<Arc<Prepared>>,
    /// The background has begun.
    preparing: bool,
}

impl Engine {
    /// An engine. A cache that cannot be used is warned about and not used.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when the tier is LLVM and it is not compiled in.
    pub fn new(config: EngineConfig) -> Result<Self> {
        if config.tier == Tier::Llvm && !cfg!(feature = "llvm") {
            return Err(Error::Unsupported(
                "this faabric is built without LLVM; install LLVM 22 and build with \
                 `--features llvm`, or use the Cranelift tier"
                    .to_owned(),
            ));
        }
        crate::sys::ignore_stray_interrupts();
        let cache = config.cache.and_then(|dir| {
            Cache::open(&dir)
                .inspect_err(|error| tracing::warn!("prepared modules are not kept: {error}"))
                .ok()
        });
        Ok(Self(Arc::new(Inner {
            tier: config.tier,
            cache,
            slots: Mutex::default(),
        })))
    }

    /// Makes `wasm` ready to run. The same bytes loaded twice share their code.
    ///
    /// # Errors
    /// When they are no module, import what this host does not offer, use a proposal it
    /// does not run, or do not compile.
    pub fn load(&self, wasm: &[u8]) -> Result<Module> {
        let hash = blake3::hash(wasm);
        let slot = Arc::clone(self.0.slots.lock().entry(hash).or_default());
        // Held while compiling: others that load the same module want this result.
        let mut slot = slot.lock();
        if let Some(better) = &slot.better {
            return Ok(Module(Arc::clone(better)));
        }
        let wanted = match self.0.tier {
            Tier::Cranelift => Compiler::Cranelift,
            Tier::Llvm => Compiler::Llvm,
            Tier::Auto if self.0.is_cached(hash, Compiler::Llvm) => Compiler::Llvm,
            Tier::Auto => Compiler::Cranelift,
        };
        if let Some(loaded) = slot.loaded.upgrade()
            && loaded.compiler() == wanted
        {
            return Ok(Module(loaded));
        }
        let prepared = Arc::new(self.0.prepare(hash, wasm, wanted)?);
        slot.loaded = Arc::downgrade(&prepared);
        if self.0.tier == Tier::Auto
            && cfg!(feature = "llvm")
            && wanted == Compiler::Cranelift
            && !std::mem::replace(&mut slot.preparing, true)
        {
            self.prepare_in_background(hash, wasm.to_owned());
        }
        Ok(Module(prepared))
    }

    fn prepare_in_background(&self, hash: blake3::Hash, wasm: Vec<u8>) {
        // Weak: a host that is done does not wait for a compiler.
        let engine = Arc::downgrade(&self.0);
        let spawned = std::thread::Builder::new()
            .name("llvm".to_owned())
            .spawn(move || {
                // The guests that run meanwhile come first; compiler threads inherit it.
                let _ = rustix::process::nice(19);
                let Some(inner) = engine.upgrade() else {
                    return;
                };
                match inner.prepare(hash, &wasm, Compiler::Llvm) {
                    Ok(prepared) if inner.cache.is_none() => {
                        let slot = inner.slots.lock().get(&hash).cloned();
                        if let Some(slot) = slot {
                            slot.lock().better = Some(Arc::new(prepared));
                        }
                    }
                    Ok(_) => tracing::debug!("module {hash} is ready in the LLVM tier"),
                    Err(error) => tracing::warn!("LLVM tier: {error}; Cranelift's code stays"),
                }
            });
        if let Err(error) = spawned {
            tracing::warn!("LLVM tier: cannot start a thread: {error}");
        }
    }
}

impl Inner {
    fn is_cached(&self, hash: blake3::Hash, compiler: Compiler) -> bool {
        cfg!(feature = "llvm")
            && self
                .cache
                .as_ref()
                .is_some_and(|cache| cache.has(&key(hash, compiler)))
    }

    fn prepare(&self, hash: blake3::Hash, wasm: &[u8], compiler: Compiler) -> Result<Prepared> {
        let shared = inspect::shares_memory(wasm);
        let engine = native_engine(compiler, threads(self.tier, compiler), shared);
        let key = key(hash, compiler);
        if let Some(cache) = &self.cache
            && let Some(code) = cache.get(&key)
        {
            match Prepared::restore(engine.clone(), code, hash, compiler) {
                Ok(prepared) => return Ok(prepared),
                Err(error) => {
                    tracing::warn!("prepared module {key} cannot be used: {error}; built again");
                    cache.discard(&key);
                }
            }
        }
        inspect::check(wasm)?;
        let prepared = Prepared::compile(engine, wasm, hash, compiler)?;
        if let Some(cache) = &self.cache {
            match prepared.code() {
                Ok(code) => cache.put(&key, &code),
                Err(error) => tracing::warn!("prepared module {key} is not kept: {error}"),
            }
        }
        Ok(prepared)
    }
}

/// How many threads a compiler gets: in the background one, else all.
fn threads(tier: Tier, compiler: Compiler) -> Option<NonZero<usize>> {
    (tier == Tier::Auto && compiler == Compiler::Llvm).then_some(NonZero::<usize>::MIN)
}

/// A fresh engine. `shared` says that the module's memory is shared by threads.
fn native_engine(
    compiler: Compiler,
    threads: Option<NonZero<usize>>,
    shared: bool,
) -> wasmer::Engine {
    let config: Box<dyn CompilerConfig> = match compiler {
        #[cfg(feature = "llvm")]
        Compiler::Llvm => Box::new(llvm(threads, shared)),
        _ => {
            let _ = shared;
            let mut config = Cranelift::new();
            if let Some(threads) = threads {
                config.num_threads(threads);
            }
            Box::new(config)
        }
    };
    EngineBuilder::new(config)
        .set_target(Some(Target::default()))
        .engine()
        .into()
}

/// LLVM's options. By default wasmer marks every access to linear memory volatile, so
/// that an access out of bounds traps even if its result is not used. That keeps LLVM
/// from combining, reordering or hoisting accesses and made the five kernels of
/// `bench/kernels` 1.14 times as slow as native code, dgemm 1.6 times; without it they
/// take 0.97 times as long (geometric mean). Rather than that trap, which C does not
/// promise either, we give the speed - except to modules whose memory is shared: there
/// a loop may wait for a C `volatile` variable that another thread sets, and hoisting
/// its load would make the loop endless.
#[cfg(feature = "llvm")]
fn llvm(threads: Option<NonZero<usize>>, shared: bool) -> wasmer::sys::LLVM {
    let mut config = wasmer::sys::LLVM::new();
    config.non_volatile_memops(!shared);
    // Tables that no instruction writes; the host writes none.
    config.readonly_funcref_table(true);
    if let Some(threads) = threads {
        config.num_threads(threads);
    }
    config
}

/// The name of a module's entry in the cache: all that decides what code comes out.
fn key(hash: blake3::Hash, compiler: Compiler) -> String {
    let target = Target::default();
    let made_by = format!(
        "{} {WASMER} {OPTIONS} {compiler:?} {} {:?}",
        env!("CARGO_PKG_VERSION"),
        target.triple(),
        target.cpu_features(),
    );
    let made_by = blake3::hash(made_by.as_bytes()).to_hex();
    format!("{}-{}", hash.to_hex(), &made_by[..16])
}

/// To be counted up with every change to the compilers' options above.
const OPTIONS: u32 = 1;

/// The exact version of the engine, whose code and formats change with it.
const WASMER: &str = "wasmer 7.4.2";
