//! Modules by the hash of their bytes: on disk, else from the planner; then compiled.
//!
//! What is on disk is checked against its name each time it is read, so a file that was
//! damaged is fetched again and not run.

use crate::error::Error;
use faabric_host::{Engine, EngineConfig, Module, Tier};
use faabric_wire::proto::planner_client::PlannerClient;
use faabric_wire::proto::{ModuleChunk, ModuleRef};
use parking_lot::Mutex;
use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;
use tonic::transport::Channel;

/// Bytes of one piece of a module that is sent.
const CHUNK: usize = 1 << 20;
/// The most bytes of one piece of a module.
const MAX_CHUNK: usize = 16 << 20;

/// How long the planner may be away while a module is fetched from it.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pause between two attempts.
const PAUSE: Duration = Duration::from_millis(100);

/// The modules of one worker.
pub(crate) struct Modules {
    planner: Channel,
    cache: Option<PathBuf>,
    /// Hashes of modules that were stored at the planner from here.
    stored: Mutex<HashSet<String>>,
    /// By tier: how code is made belongs to the engine.
    engines: Mutex<Vec<(Tier, Engine)>>,
}

impl Modules {
    pub(crate) fn new(planner: Channel, cache: Option<PathBuf>) -> Self {
        Self {
            planner,
            cache,
            stored: Mutex::default(),
            engines: Mutex::default(),
        }
    }

    /// The module with this hash, ready to run in `tier`.
    pub(crate) async fn load(&self, hash: &str, tier: &str) -> Result<Module, Error> {
        let engine = self.engine(tier)?;
        let wasm = self.bytes(hash).await?;
        let loaded = tokio::task::spawn_blocking(move || engine.load(&wasm)).await;
        match loaded {
            Ok(loaded) => Ok(loaded?),
            // A bug in a compiler: of this module only.
            Err(panic) => Err(faabric_host::Error::Compile(panic.to_string()).into()),
        }
    }

    /// Stores a module at the planner, once it is known that it can run; gives its hash.
    pub(crate) async fn store(&self, wasm: Vec<u8>, tier: &str) -> Result<String, Error> {
        let hash = blake3::hash(&wasm).to_hex().to_string();
        if self.stored.lock().contains(&hash) {
            return Ok(hash);
        }
        let engine = self.engine(tier)?;
        let checked = tokio::task::spawn_blocking(move || engine.load(&wasm).map(|_| wasm)).await;
        let wasm = match checked {
            Ok(checked) => checked?,
            Err(panic) => return Err(faabric_host::Error::Compile(panic.to_string()).into()),
        };
        let chunks = wasm.chunks(CHUNK).map(|data| ModuleChunk {
            data: data.to_vec(),
        });
        let chunks: Vec<_> = chunks.collect();
        let mut planner = PlannerClient::new(self.planner.clone());
        let stored = planner.put_module(tokio_stream::iter(chunks)).await;
        stored.map_err(|status| Error::Store(Box::new(status)))?;
        self.stored.lock().insert(hash.clone());
        Ok(hash)
    }

    fn engine(&self, tier: &str) -> Result<Engine, Error> {
        let tier = match tier {
            "" | "auto" => Tier::Auto,
            "cranelift" => Tier::Cranelift,
            "llvm" => Tier::Llvm,
            other => return Err(Error::Tier(other.to_owned())),
        };
        let mut engines = self.engines.lock();
        if let Some((_, engine)) = engines.iter().find(|(of, _)| *of == tier) {
            return Ok(engine.clone());
        }
        let cache = self.cache.as_ref().map(|cache| cache.join("code"));
        let engine = Engine::new(EngineConfig { tier, cache })?;
        engines.push((tier, engine.clone()));
        Ok(engine)
    }

    async fn bytes(&self, hash: &str) -> Result<Vec<u8>, Error> {
        let wanted = blake3::Hash::from_hex(hash).map_err(|_| Error::Hash(hash.to_owned()))?;
        let path = self
            .cache
            .as_ref()
            .map(|cache| cache.join("modules").join(format!("{hash}.wasm")));
        if let Some(path) = &path
            && let Ok(bytes) = tokio::fs::read(path).await
        {
            if blake3::hash(&bytes) == wanted {
                return Ok(bytes);
            }
            tracing::warn!("{} is damaged and fetched again", path.display());
        }
        let fetched = self.fetch_patiently(hash).await;
        let bytes = fetched.map_err(|status| Error::Fetch(Box::new(status)))?;
        let got = blake3::hash(&bytes);
        if got != wanted {
            let (wanted, got) = (hash.to_owned(), got.to_string());
            return Err(Error::WrongModule { wanted, got });
        }
        if let Some(path) = path
            && let Err(error) = keep(&path, &bytes).await
        {
            // A full disk, say: the next job fetches it again.
            tracing::warn!("module {hash} is not kept in {}: {error}", path.display());
        }
        Ok(bytes)
    }

    /// Fetches a module; a planner that is being restarted is given time to come back.
    async fn fetch_patiently(&self, hash: &str) -> Result<Vec<u8>, tonic::Status> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            match self.fetch(hash).await {
                Err(status)
                    if is_passing(status.code()) && tokio::time::Instant::now() < deadline =>
                {
                    tracing::debug!(hash, reason = status.message(), "fetching it again");
                    tokio::time::sleep(PAUSE).await;
                }
                fetched => return fetched,
            }
        }
    }

    async fn fetch(&self, hash: &str) -> Result<Vec<u8>, tonic::Status> {
        let mut planner =
            PlannerClient::new(self.planner.clone()).max_decoding_message_size(MAX_CHUNK);
        let mut pieces = planner
            .get_module(ModuleRef {
                hash: hash.to_owned(),
            })
            .await?
            .into_inner();
        let mut bytes = Vec::new();
        while let Some(piece) = pieces.message().await? {
            bytes.extend(piece.data);
        }
        Ok(bytes)
    }
}

/// Whether a planner that comes back may answer otherwise: one that ends in the middle of
/// an answer is `Unknown` or `Internal`, not `Unavailable`.
fn is_passing(code: tonic::Code) -> bool {
    use tonic::Code::{Aborted, Cancelled, Internal, Unavailable, Unknown};
    matches!(code, Unavailable | Unknown | Internal | Cancelled | Aborted)
}

/// Writes a file that is there whole or not at all.
async fn keep(path: &std::path::Path, bytes: &[u8]) -> std::io::Result<()> {
    let dir = path.parent().unwrap_or(path);
    tokio::fs::create_dir_all(dir).await?;
    // Workers of one machine may share the directory: a name of this one's own.
    static COUNT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let draft = path.with_extension(format!("{}-{count}.part", std::process::id()));
    let written = async {
        tokio::fs::write(&draft, bytes).await?;
        tokio::fs::rename(&draft, path).await
    };
    let outcome = written.await;
    if outcome.is_err() {
        // Nothing more can be done about a draft that cannot be removed.
        let _ = tokio::fs::remove_file(&draft).await;
    }
    outcome
}
