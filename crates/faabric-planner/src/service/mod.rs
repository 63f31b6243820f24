//! The service around the engine: gRPC in, events through, commands out.
//!
//! ```text
//!  client.rs  Planner RPCs ---+                        +--> log (durable)
//!  attach.rs  Attach streams -+--Input--> core.rs -----+--> links.rs: to workers
//!  links.rs   worker streams -+   (one loop,           +--> watchers of jobs
//!             time (ticks) ---+    owns the engine)    +--> replies
//!
//!  output of ranks goes from links.rs straight to output/, and from there to attach.rs
//! ```
//! The loop owns the engine and is the only one that touches it; everyone else holds a
//! [`core::Core`] and sends one of the [`core::Input`]s.

mod attach;
mod client;
mod convert;
mod core;
mod links;
mod stdin;
#[cfg(test)]
mod tests;
mod validate;

use crate::log::{Log, Memory, Redb, Store};
use crate::modules::Modules;
use crate::output::Outputs;
use crate::{Config, Error, policy};
use faabric_wire::MAX_MESSAGE;
use faabric_wire::proto::planner_server::PlannerServer;
use faabric_wire::proto::worker_link_server::WorkerLinkServer;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tonic::transport::server::TcpIncoming;

/// How long open requests get to end after the shutdown signal.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(1);
/// A peer that does not answer an HTTP/2 ping for as long is gone.
const KEEPALIVE: Duration = Duration::from_secs(10);

/// A planner that has its port and its log.
pub struct Service {
    listener: TcpListener,
    handle: Handle,
    core: core::Core,
    main_loop: core::Loop,
}

/// Tells where a planner is. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle {
    local_addr: SocketAddr,
}

impl Handle {
    /// The address it listens on; with port 0 configured, the port it got.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }
}

impl Service {
    /// Takes the port and opens the log, so that what is wrong shows before anything runs.
    ///
    /// # Errors
    /// When the configuration makes no sense, the port is in use, or the data folder or
    /// its log cannot be used.
    pub async fn bind(config: Config) -> Result<Self, Error> {
        Self::bind_with(config, None).await
    }

    /// [`Self::bind`] with another log than the configured one.
    async fn bind_with(config: Config, store: Option<Arc<dyn Store>>) -> Result<Self, Error> {
        check(&config)?;
        let listen_error = |source| Error::Listen {
            address: config.listen.clone(),
            source,
        };
        let listener = TcpListener::bind(&config.listen)
            .await
            .map_err(listen_error)?;
        let local_addr = listener.local_addr().map_err(listen_error)?;
        // Opening may recover from a crash and read a lot: not on an I/O thread.
        let opened = tokio::task::spawn_blocking(move || open(config, store)).await;
        let (log, parts) = opened.unwrap_or_else(|panic| Err(Error::Log(panic.to_string())))?;
        let (core, main_loop) = core::new(log, parts);
        Ok(Self {
            listener,
            handle: Handle { local_addr },
            core,
            main_loop,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.handle.local_addr
    }

    /// A handle that outlives [`Self::run`].
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Serves until `shutdown` completes. Jobs and workers are left as they are: they go on
    /// with the next planner on the same log.
    ///
    /// # Errors
    /// When the server fails.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) -> Result<(), Error> {
        let (stop, stopped) = watch::channel(false);
        let planner = PlannerServer::new(client::Client::new(self.core.clone(), stopped.clone()))
            .max_decoding_message_size(MAX_MESSAGE)
            .max_encoding_message_size(MAX_MESSAGE);
        let workers = WorkerLinkServer::new(links::WorkerService::new(self.core.clone()))
            .max_decoding_message_size(MAX_MESSAGE)
            .max_encoding_message_size(MAX_MESSAGE);
        let main_loop = tokio::spawn(self.main_loop.run(stopped.clone()));
        let mut until_stopped = stopped;
        let server = tonic::transport::Server::builder()
            .http2_keepalive_interval(Some(KEEPALIVE))
            .http2_keepalive_timeout(Some(KEEPALIVE))
            .add_service(planner)
            .add_service(workers)
            .serve_with_incoming_shutdown(
                TcpIncoming::from(self.listener).with_nodelay(Some(true)),
                async move {
                    // An error means that the sender is gone: the same.
                    let _ = until_stopped.wait_for(|stopped| *stopped).await;
                },
            );
        let mut server = std::pin::pin!(server);
        tokio::select! {
            served = &mut server => served?,
            () = shutdown => {
                let _ = stop.send(true);
                if let Ok(served) = tokio::time::timeout(SHUTDOWN_PATIENCE, server).await {
                    served?;
                }
            }
        }
        // The log is closed when this returns: the next planner may open it at once.
        let _ = stop.send(true);
        if let Err(panic) = main_loop.await {
            return Err(Error::Log(panic.to_string()));
        }
        Ok(())
    }
}

/// What the loop and the handlers work with.
struct Parts {
    config: Config,
    modules: Modules,
    outputs: Outputs,
    state: crate::engine::state::State,
}

fn open(config: Config, store: Option<Arc<dyn Store>>) -> Result<(Log, Parts), Error> {
    let dir = config.data_dir.as_deref();
    if let Some(dir) = dir {
        std::fs::create_dir_all(dir).map_err(|source| Error::DataDir {
            path: dir.to_owned(),
            source,
        })?;
    }
    let store = match (store, dir) {
        (Some(store), _) => store,
        (None, Some(dir)) => Arc::new(Redb::open(dir)?),
        (None, None) => Arc::new(Memory),
    };
    let (log, state) = Log::open(store, &config.policy)?;
    let parts = Parts {
        modules: Modules::open(dir, config.max_module)?,
        outputs: Outputs::open(dir, config.max_output, |job| state.jobs.contains_key(&job))?,
        config,
        state,
    };
    Ok((log, parts))
}

fn check(config: &Config) -> Result<(), Error> {
    if policy::by_name(&config.policy).is_none() {
        return Err(Error::Policy {
            name: config.policy.clone(),
            known: policy::names(),
        });
    }
    for (field, least, found) in [
        ("lease_ms", 100, config.lease_ms),
        ("stop_ms", 1, config.stop_ms),
        ("max_module", 8, config.max_module),
        ("max_output", 4096, config.max_output),
    ] {
        if found < least {
            return Err(Error::Limit {
                field,
                least,
                found,
            });
        }
    }
    Ok(())
}
