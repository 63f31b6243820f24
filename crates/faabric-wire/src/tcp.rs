//! The TCP data plane: one [`Endpoint`] a worker, one connection a worker pair, one
//! [`JobLinks`] a job.
//!
//! ```text
//! World --send--> JobLinks --rank's worker--> Link ==TCP==> Reader --> Jobs --> World
//!                 (a job)                  (a pair)        (a pair)
//! ```
//! Plain threads and blocking sockets: a packet costs one system call on the
//! sender's own thread when the link is idle, and no trip through an executor.

use crate::connect::Shared;
use crate::fabric::{Caller, Fabric, LinkError, Payload, Sink};
use crate::id::{JobId, Rank};
use crate::link::Link;
use crate::tls::{self, Tls};
use crate::writer::Address;
use parking_lot::RwLock;
use rustix::net::sockopt;
use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Links that one poll looks at: each look is a system call, about 0.3 us.
const POLLED: usize = 4;

/// Congestion control between workers. Some systems default to BBR, which spreads packets
/// over time for the sake of long ways: between machines that are microseconds apart, a timer
/// for each burst makes an exchange of messages 1.4 times as long.
pub const CONGESTION: &str = "cubic";

/// How a worker takes part in the data plane.
#[derive(Clone, Debug)]
pub struct Config {
    /// This worker's name, unique in its cluster, at most 256 bytes.
    pub worker: String,
    /// Which process of that name this is; 0 to have a number drawn.
    pub incarnation: u64,
    /// Connections of workers of another cluster are refused.
    pub cluster: String,
    /// Where to listen, `host:port`; port 0 is any free one.
    pub listen: String,
    /// Bytes that may wait for one link before ranks that send on it wait.
    pub queue: usize,
    /// Bytes held back for one job whose start is still on its way.
    pub hold: usize,
    /// How long that start may take.
    pub hold_time: Duration,
    /// Bytes that are kept of what a worker has not acknowledged, to be sent again after
    /// a connection broke; beyond them nothing more is written to it.
    pub window: usize,
    /// How long to try to reach a worker before its jobs are told that it is lost.
    pub connect_timeout: Duration,
    /// How long a connection that broke may take to come back before they are.
    pub reconnect_timeout: Duration,
    /// How long the network may be silent before a connection counts as lost. (A
    /// worker that is frozen while its kernel answers is found by the planner.)
    pub silence: Duration,
    /// Congestion control of the connections, as tcp(7) names it. None: [`CONGESTION`]
    /// where the system has it, else the system's own.
    pub congestion: Option<String>,
    /// Encrypts connections, and lets only those in who have a certificate; None:
    /// connections are in the clear.
    pub tls: Option<tls::Files>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            worker: String::new(),
            incarnation: 0,
            cluster: "faabric".to_owned(),
            listen: "127.0.0.1:0".to_owned(),
            queue: 4 << 20,
            hold: 16 << 20,
            hold_time: Duration::from_secs(60),
            window: 4 << 20,
            connect_timeout: Duration::from_secs(10),
            reconnect_timeout: Duration::from_secs(30),
            silence: Duration::from_secs(20),
            congestion: None,
            tls: None,
        }
    }
}

/// Why an endpoint could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be listened on.
    #[error("cannot listen for other workers on {address}")]
    Listen {
        /// As configured.
        address: String,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The system does not know this congestion control, or does not let it be chosen.
    #[error(
        "cannot use the congestion control {name:?}: {source}; \
         /proc/sys/net/ipv4/tcp_allowed_congestion_control lists what can be chosen"
    )]
    Congestion {
        /// As configured.
        name: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// A name that peers would not accept.
    #[error("the worker name {0:?} must have 1 to 256 bytes")]
    Name(String),
    /// The files for encryption cannot be used.
    #[error(transparent)]
    Tls(#[from] tls::Error),
}

/// The ranks of a job that run on one worker.
#[derive(Clone, Debug)]
pub struct Place {
    /// The worker's name.
    pub worker: String,
    /// `host:port` of its data plane.
    pub address: String,
    /// Its [`Config::incarnation`]; 0 where that is not known.
    pub incarnation: u64,
    /// The ranks it runs.
    pub ranks: Vec<Rank>,
}

/// One worker's end of the data plane. Dropping it closes all connections.
pub struct Endpoint {
    shared: Arc<Shared>,
    listener: Arc<TcpListener>,
    address: SocketAddr,
}

impl Endpoint {
    /// Listens for other workers.
    ///
    /// # Errors
    /// When the name, the congestion control or the files for TLS are not usable, or the
    /// address cannot be listened on.
    pub fn listen(config: Config) -> Result<Self, Error> {
        if config.worker.is_empty() || config.worker.len() > 256 {
            return Err(Error::Name(config.worker));
        }
        let files = config.tls.as_ref();
        let tls = files.map(|files| Tls::load(files, &config.cluster));
        let tls = tls.transpose()?;
        let failed = |source| Error::Listen {
            address: config.listen.clone(),
            source,
        };
        let listener = Arc::new(TcpListener::bind(config.listen.as_str()).map_err(failed)?);
        let address = listener.local_addr().map_err(failed)?;
        if let Some(name) = &config.congestion {
            sockopt::set_tcp_congestion(&*listener, name).map_err(|source| Error::Congestion {
                name: name.clone(),
                source: source.into(),
            })?;
        }
        let shared = Arc::new(Shared::new(config.clone(), tls));
        Shared::accept_in_background(&shared, Arc::clone(&listener)).map_err(failed)?;
        Ok(Self {
            shared,
            listener,
            address,
        })
    }

    /// Where it listens, with the port it got.
    #[must_use]
    pub fn local_address(&self) -> SocketAddr {
        self.address
    }

    /// The way to the ranks of `job` that run on other workers. Packets from them
    /// are held back until [`JobLinks::attach`].
    #[must_use]
    pub fn job(&self, job: JobId, places: &[Place]) -> Arc<JobLinks> {
        let own = &self.shared.config.worker;
        let mut peers = Vec::new();
        let mut by_rank = HashMap::new();
        for place in places.iter().filter(|place| place.worker != *own) {
            self.shared.retire(place);
            by_rank.extend(place.ranks.iter().map(|&rank| (rank, peers.len())));
            let (worker, address) = (place.worker.clone(), place.address.clone());
            peers.push(Peer::new(worker, address));
        }
        let shared = Arc::clone(&self.shared);
        Arc::new(JobLinks {
            shared,
            job,
            ended: Arc::default(),
            by_rank,
            peers,
            polled: AtomicUsize::new(0),
            later: RwLock::default(),
        })
    }

    /// Forgets a job that this worker was never given a part of, or has no
    /// [`JobLinks`] of any more: packets for it are dropped.
    pub fn forget(&self, job: JobId) {
        self.shared.jobs.end(job);
    }

    /// Packets that came for jobs that had ended or were never started here.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.shared.jobs.dropped()
    }

    /// Bytes that wait for the link to a worker; 0 when there is no link.
    #[must_use]
    pub fn queued(&self, worker: &str) -> usize {
        self.shared.find(worker).map_or(0, |link| link.queued())
    }

    /// Bytes that are kept for a worker until it acknowledges them; 0 when there is no
    /// link, and while it is being written to.
    #[must_use]
    pub fn unacknowledged(&self, worker: &str) -> usize {
        self.shared
            .find(worker)
            .map_or(0, |link| link.unacknowledged())
    }

    /// Whether there is a connection to a worker.
    #[must_use]
    pub fn is_connected(&self, worker: &str) -> bool {
        let link = self.shared.find(worker);
        link.is_some_and(|link| matches!(link.phase(), crate::link::Phase::Up(_)))
    }

    /// Ends all connections; their jobs are told. Sending fails from now on.
    pub fn close(&self) {
        self.shared.close();
        // Wakes the thread that accepts. It fails only on a listener that is gone.
        let _ = rustix::net::shutdown(&*self.listener, rustix::net::Shutdown::Both);
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.close();
    }
}

/// One job's part of the data plane.
pub struct JobLinks {
    shared: Arc<Shared>,
    job: JobId,
    ended: Arc<AtomicBool>,
    /// Index into `peers`; ranks of this worker are not in it.
    by_rank: HashMap<Rank, usize>,
    peers: Vec<Arc<Peer>>,
    /// Ranks that joined the job later; looked at when the others do not have it.
    later: RwLock<HashMap<Rank, Arc<Peer>>>,
    /// Where in `peers` the next poll begins.
    polled: AtomicUsize,
}

struct Peer {
    worker: String,
    address: String,
    /// Set by the first send.
    link: OnceLock<Arc<Link>>,
}

impl Peer {
    fn new(worker: String, address: String) -> Arc<Self> {
        Arc::new(Self {
            worker,
            address,
            link: OnceLock::new(),
        })
    }
}

impl JobLinks {
    /// The link to a worker, if there is one.
    fn link_to<'a>(&self, peer: &'a Peer) -> Option<&'a Arc<Link>> {
        if peer.link.get().is_none() {
            // The worker may have made it. One that failed is not this job's.
            let link = self.shared.find(&peer.worker);
            let _ = peer.link.set(link.filter(|link| link.failure().is_none())?);
        }
        peer.link.get()
    }

    /// Adds ranks that joined the job, on workers that may be new to it. Those that are
    /// known, and those of this worker, change nothing. To be called after
    /// [`JobLinks::attach`]; the sink is told when one of them is lost.
    pub fn add(&self, places: &[Place]) {
        let own = &self.shared.config.worker;
        let others = || places.iter().filter(|place| place.worker != *own);
        let mut later = self.later.write();
        for place in others() {
            self.shared.retire(place);
            let is = |peer: &&Arc<Peer>| peer.worker == place.worker;
            let known = self.peers.iter().chain(later.values()).find(is).cloned();
            let peer =
                known.unwrap_or_else(|| Peer::new(place.worker.clone(), place.address.clone()));
            let new = place
                .ranks
                .iter()
                .filter(|rank| !self.by_rank.contains_key(rank));
            for rank in new {
                later.entry(*rank).or_insert_with(|| Arc::clone(&peer));
            }
        }
        drop(later);
        let workers = others().map(|place| place.worker.clone());
        self.shared.jobs.add_peers(self.job, workers);
    }

    /// Every worker that runs other ranks of the job.
    fn all_peers(&self) -> Vec<Arc<Peer>> {
        let later = self.later.read();
        let mut all: Vec<_> = self.peers.iter().chain(later.values()).cloned().collect();
        all.sort_by(|a, b| a.worker.cmp(&b.worker));
        all.dedup_by(|a, b| Arc::ptr_eq(a, b));
        all
    }

    /// Starts to deliver: first, in order, what was held back. The sink is told of
    /// workers that are lost already.
    pub fn attach(&self, sink: Arc<dyn Sink>) {
        let workers = self.peers.iter().map(|peer| peer.worker.clone()).collect();
        if !self
            .shared
            .jobs
            .attach(self.job, Arc::clone(&sink), workers)
        {
            let worker = self.shared.config.worker.clone();
            let reason = "packets came for a job that had not started in time".to_owned();
            sink.lost(&LinkError {
                from: worker.clone(),
                worker,
                reason,
            });
        }
        for link in self.peers.iter().filter_map(|peer| peer.link.get()) {
            if let Some(error) = link.failure() {
                sink.lost(&error);
            }
        }
    }

    /// Drops the sink and what is queued for the job, here and as it arrives; ranks
    /// that wait to send get an error. To be called when the job has ended or must.
    pub fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
        for peer in self.all_peers() {
            let Some(link) = peer.link.get() else {
                continue;
            };
            link.wake_senders();
        }
        self.shared.jobs.end(self.job);
    }

    /// [`Self::end`] for a job that is stopped: the links that are broken and that no
    /// other job needs are given up, as their other sides may have been already.
    pub fn abandon(&self) {
        self.end();
        for worker in self.workers() {
            self.shared.drop_broken(&worker);
        }
    }

    /// The workers that run other ranks of the job.
    pub fn workers(&self) -> impl Iterator<Item = String> {
        self.all_peers().into_iter().map(|peer| peer.worker.clone())
    }
}

impl Fabric for JobLinks {
    fn send(
        &self,
        to: Rank,
        header: &[u8],
        payload: Payload<'_>,
        caller: Caller,
    ) -> Result<(), LinkError> {
        let found = self.by_rank.get(&to).map(|&index| &self.peers[index]);
        let later = match found {
            Some(_) => None,
            None => self.later.read().get(&to).cloned(),
        };
        let Some(peer) = found.or(later.as_ref()) else {
            let reason = format!("{to} of {} runs on no other worker", self.job);
            let worker = self.shared.config.worker.clone();
            return Err(LinkError {
                from: worker.clone(),
                worker,
                reason,
            });
        };
        let link = peer
            .link
            .get_or_init(|| Shared::link(&self.shared, &peer.worker, &peer.address));
        let address = Address {
            job: self.job,
            to,
            ended: Arc::clone(&self.ended),
        };
        link.send(&address, header, payload, caller)
    }

    fn poll(&self) -> bool {
        let count = self.peers.len();
        if count == 0 {
            return false;
        }
        let mut moved = false;
        let first = self.polled.fetch_add(POLLED, Ordering::Relaxed);
        for nth in 0..count.min(POLLED) {
            if let Some(link) = self.link_to(&self.peers[(first + nth) % count]) {
                moved |= link.poll(&self.shared.jobs);
            }
        }
        moved
    }

    fn rest(&self) {
        for link in self.peers.iter().filter_map(|peer| peer.link.get()) {
            link.rest();
        }
    }
}

#[cfg(test)]
#[path = "tcp_tests/mod.rs"]
mod tests;
