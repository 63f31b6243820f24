//! Making and ending connections.
//!
//! Both sides of a pair may dial at once. The connection that the lower name dials
//! is the one that counts:
//!
//! ```text
//! state of the link here      a peer dials in             answer
//! none, or failed             -                           welcome
//! connecting                  peer's name is lower        welcome
//! connecting                  peer's name is higher       busy: ours will do
//! up                          the same process            busy: until we know it broke
//! up                          a restarted process         welcome, the old link fails
//! ```
//! A dialler that is told "busy" waits for the other's connection and, should none
//! come, dials again until its time is up.
//!
//! Each link has two threads: one that dials if need be and then writes, one that
//! reads. The last of them to see the link fail tells the jobs.

use crate::clock;
use crate::handshake::{Answer, Hello};
use crate::jobs::Jobs;
use crate::link::{Link, Phase};
use crate::reader::Reader;
use crate::tcp::Config;
use parking_lot::Mutex;
use rustix::net::sockopt;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{TcpListener, TcpStream, ToSocketAddrs};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// Connections that may be in their handshake at once; more are turned away.
const MAX_GREETINGS: usize = 256;
/// How long a peer may take over each part of the handshake.
const GREETING_PATIENCE: Duration = Duration::from_secs(5);
/// Pause between two attempts to dial.
const RETRY: Duration = Duration::from_millis(25);

/// What an endpoint's threads share.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) jobs: Jobs,
    /// Tells this process from an earlier one of the same name.
    incarnation: u64,
    links: Mutex<HashMap<String, Arc<Link>>>,
    greetings: AtomicUsize,
    closed: AtomicBool,
}

impl Shared {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            jobs: Jobs::new(config.hold, config.hold_time),
            config,
            incarnation: RandomState::new().hash_one(std::process::id()),
            links: Mutex::default(),
            greetings: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
        }
    }

    pub(crate) fn find(&self, peer: &str) -> Option<Arc<Link>> {
        self.links.lock().get(peer).cloned()
    }

    /// The link to a worker, dialled in the background if there is none.
    pub(crate) fn link(this: &Arc<Self>, peer: &str, address: &str) -> Arc<Link> {
        let mut links = this.links.lock();
        if let Some(link) = links.get(peer)
            && link.failure().is_none()
        {
            return Arc::clone(link);
        }
        let link = Arc::new(Link::new(peer, this.config.queue));
        if this.closed.load(Ordering::Acquire) {
            link.fail("this worker is shutting down".to_owned());
            return link;
        }
        links.insert(peer.to_owned(), Arc::clone(&link));
        drop(links);
        this.start(&link, Some(address.to_owned()));
        link
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        let links: Vec<_> = self.links.lock().values().cloned().collect();
        for link in links {
            link.fail("this worker is shutting down".to_owned());
        }
    }

    /// Accepts connections until the listener is shut down.
    pub(crate) fn accept_in_background(
        this: &Arc<Self>,
        listener: Arc<TcpListener>,
    ) -> io::Result<()> {
        let this = Arc::clone(this);
        let accept = move || {
            while !this.closed.load(Ordering::Acquire) {
                match listener.accept() {
                    Ok((socket, _)) => this.greet_in_background(socket),
                    Err(_) if this.closed.load(Ordering::Acquire) => return,
                    Err(error) => {
                        // Out of descriptors, say: give others time to close some.
                        tracing::warn!(%error, "cannot accept a worker's connection");
                        thread::sleep(RETRY);
                    }
                }
            }
        };
        spawn("faabric-accept", accept)
    }

    /// Shakes hands on a thread of its own, which then reads the connection.
    fn greet_in_background(self: &Arc<Self>, socket: TcpStream) {
        if self.greetings.fetch_add(1, Ordering::Relaxed) >= MAX_GREETINGS {
            self.greetings.fetch_sub(1, Ordering::Relaxed);
            tracing::warn!("too many connections at once, one is turned away");
            return;
        }
        let this = Arc::clone(self);
        let greet = move || {
            let socket = Arc::new(socket);
            let link = this.greet(&socket);
            this.greetings.fetch_sub(1, Ordering::Relaxed);
            match link {
                Ok(Some(link)) => this.read(&link, &socket),
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "a connection to the data plane failed"),
            }
        };
        if let Err(error) = spawn("faabric-greet", greet) {
            self.greetings.fetch_sub(1, Ordering::Relaxed);
            tracing::warn!(%error, "cannot start a thread for a worker's connection");
        }
    }

    /// The acceptor's half of the handshake.
    fn greet(self: &Arc<Self>, socket: &Arc<TcpStream>) -> io::Result<Option<Arc<Link>>> {
        socket.set_read_timeout(Some(GREETING_PATIENCE))?;
        socket.set_write_timeout(Some(GREETING_PATIENCE))?;
        let mut stream = &**socket;
        let hello = match Hello::read(&mut stream) {
            Ok(hello) => hello,
            Err(error) => {
                // A best effort: who spoke another protocol may not listen.
                let _ = Answer::Refused(error.to_string()).write(&mut stream);
                return Err(error);
            }
        };
        if let Some(reason) = self.objection(&hello) {
            Answer::Refused(reason.clone()).write(&mut stream)?;
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, reason));
        }
        self.tune(socket)?;
        // Under the lock: the answer must go out before the link can carry a frame.
        let mut links = self.links.lock();
        let (link, new) = match links.get(&hello.from) {
            Some(link) => match link.phase() {
                Phase::Connecting if hello.from < self.config.worker => (Arc::clone(link), false),
                Phase::Up { incarnation, .. } if incarnation != hello.incarnation => {
                    link.fail("the worker was restarted".to_owned());
                    (Arc::new(Link::new(&hello.from, self.config.queue)), true)
                }
                Phase::Failed(_) => (Arc::new(Link::new(&hello.from, self.config.queue)), true),
                Phase::Connecting | Phase::Up { .. } => {
                    Answer::Busy.write(&mut stream)?;
                    return Ok(None);
                }
            },
            None => (Arc::new(Link::new(&hello.from, self.config.queue)), true),
        };
        Answer::Welcome {
            incarnation: self.incarnation,
        }
        .write(&mut stream)?;
        if !link.install(socket, hello.incarnation) {
            return Ok(None);
        }
        if new {
            links.insert(hello.from, Arc::clone(&link));
            drop(links);
            self.start(&link, None);
        }
        Ok(Some(link))
    }

    /// Why a peer that shook hands is not let in.
    fn objection(&self, hello: &Hello) -> Option<String> {
        let Config {
            worker, cluster, ..
        } = &self.config;
        let Hello {
            from,
            to,
            cluster: theirs,
            ..
        } = hello;
        if self.closed.load(Ordering::Acquire) {
            Some(format!("worker {worker} is shutting down"))
        } else if theirs != cluster {
            Some(format!(
                "worker {worker} belongs to cluster {cluster:?}, worker {from} to {theirs:?}"
            ))
        } else if to != worker {
            Some(format!(
                "this is worker {worker}, not {to}: it was restarted under another name"
            ))
        } else if from == worker {
            Some(format!(
                "two workers are named {worker}: give one of them another --name"
            ))
        } else {
            None
        }
    }

    /// Starts a link's own thread, which dials `address` if there is one.
    fn start(self: &Arc<Self>, link: &Arc<Link>, address: Option<String>) {
        let (this, kept) = (Arc::clone(self), Arc::clone(link));
        let run = move || {
            let run = || {
                if let Some(address) = address {
                    this.dial(&kept, &address);
                }
                let connected = matches!(kept.phase(), Phase::Up { .. });
                kept.write_until_failed();
                connected
            };
            // A panic is a bug in a job's engine; it costs the link, not the worker.
            let connected = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
                kept.fail("an internal error while sending".to_owned());
                true
            });
            kept.clear();
            if !connected {
                this.bury(&kept);
            }
        };
        if let Err(error) = spawn("faabric-link", run) {
            link.fail(format!("no thread for it: {error}"));
        }
    }

    /// Connects `link`, or fails it when the time is up.
    fn dial(self: &Arc<Self>, link: &Arc<Link>, address: &str) {
        let deadline = clock::now() + self.config.connect_timeout;
        loop {
            let left = deadline.saturating_duration_since(clock::now());
            let problem = match self.dial_once(link.peer(), address, left) {
                Ok((socket, Answer::Welcome { incarnation })) => {
                    let socket = Arc::new(socket);
                    if link.install(&socket, incarnation) {
                        self.read_in_background(link, socket);
                    }
                    return;
                }
                Ok((_, Answer::Refused(reason))) => {
                    link.fail(reason);
                    return;
                }
                Ok((_, Answer::Busy)) => "it waits for another connection".to_owned(),
                Err(error) => error.to_string(),
            };
            if !matches!(link.wait_connected(RETRY), Phase::Connecting) {
                return;
            }
            if clock::now() >= deadline {
                link.fail(format!("{address}: {problem}"));
                return;
            }
        }
    }

    /// The dialler's half of the handshake.
    fn dial_once(
        &self,
        peer: &str,
        address: &str,
        patience: Duration,
    ) -> io::Result<(TcpStream, Answer)> {
        let no_address = || io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        let to = address.to_socket_addrs()?.next().ok_or_else(no_address)?;
        let patience = patience.clamp(RETRY, GREETING_PATIENCE);
        let mut socket = TcpStream::connect_timeout(&to, patience)?;
        socket.set_read_timeout(Some(GREETING_PATIENCE))?;
        self.tune(&socket)?;
        let hello = Hello {
            incarnation: self.incarnation,
            cluster: self.config.cluster.clone(),
            from: self.config.worker.clone(),
            to: peer.to_owned(),
        };
        hello.write(&mut socket)?;
        let answer = Answer::read(&mut socket)?;
        Ok((socket, answer))
    }

    /// Sets what every data connection needs: no waiting for more bytes, and an end
    /// to waiting for a peer whose machine is gone.
    fn tune(&self, socket: &TcpStream) -> io::Result<()> {
        let silence = self.config.silence;
        socket.set_nodelay(true)?;
        sockopt::set_socket_keepalive(socket, true)?;
        sockopt::set_tcp_keepidle(socket, (silence / 4).max(Duration::from_secs(1)))?;
        sockopt::set_tcp_keepintvl(socket, (silence / 4).max(Duration::from_secs(1)))?;
        sockopt::set_tcp_keepcnt(socket, 3)?;
        let milliseconds = u32::try_from(silence.as_millis()).unwrap_or(u32::MAX);
        sockopt::set_tcp_user_timeout(socket, milliseconds)?;
        Ok(())
    }

    fn read_in_background(self: &Arc<Self>, link: &Arc<Link>, socket: Arc<TcpStream>) {
        let (this, kept) = (Arc::clone(self), Arc::clone(link));
        if let Err(error) = spawn("faabric-read", move || this.read(&kept, &socket)) {
            link.fail(format!("no thread for it: {error}"));
            self.bury(link);
        }
    }

    /// Reads a connection until it breaks: the body of a link's reader.
    fn read(&self, link: &Arc<Link>, socket: &TcpStream) {
        let blocking = socket
            .set_read_timeout(None)
            .and_then(|()| socket.set_write_timeout(None))
            .map_err(|error| error.to_string());
        let run = || Reader::new(&self.jobs).run(socket).to_string();
        let reason = match blocking {
            Ok(()) => catch_unwind(AssertUnwindSafe(run))
                .unwrap_or_else(|_| "an internal error while delivering".to_owned()),
            Err(reason) => reason,
        };
        link.fail(reason);
        self.bury(link);
    }

    /// Forgets a link that has failed and tells its jobs.
    fn bury(&self, link: &Arc<Link>) {
        let mut links = self.links.lock();
        if links
            .get(link.peer())
            .is_some_and(|current| Arc::ptr_eq(current, link))
        {
            links.remove(link.peer());
        }
        drop(links);
        if let Some(error) = link.failure() {
            tracing::info!(
                worker = error.worker,
                reason = error.reason,
                "lost a data connection"
            );
            self.jobs.lost(&error);
        }
    }
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(body)
        .map(drop)
}
