//! The connections of one worker: which links there are, and who is let in.
//!
//! Each link has a thread of its own ([`crate::dial`]), which connects it and writes;
//! each connection has one that reads. An accepted connection's thread first shakes
//! hands ([`crate::admission`] says who is let in), then reads.

use crate::admission::{Dialler, Peer, Verdict, judge};
use crate::handshake::{Answer, Hello, Welcome};
use crate::intake::Intake;
use crate::jobs::Jobs;
use crate::link::{Link, Phase};
use crate::reader::Inbound;
use crate::socket::Socket;
use crate::tcp::{CONGESTION, Config, Place};
use crate::tls::Tls;
use crate::writer::Connection;
use parking_lot::Mutex;
use rustix::net::sockopt;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// Connections that may be in their handshake at once; more are turned away.
const MAX_GREETINGS: usize = 256;
/// How long a peer may take over each part of the handshake.
pub(crate) const GREETING_PATIENCE: Duration = Duration::from_secs(5);
/// Pause after an accept that failed.
const RETRY: Duration = Duration::from_millis(25);

/// What an endpoint's threads share.
pub(crate) struct Shared {
    pub(crate) config: Config,
    /// None: connections are in the clear.
    pub(crate) tls: Option<Tls>,
    pub(crate) jobs: Jobs,
    /// Tells this process from an earlier one of the same name.
    pub(crate) incarnation: u64,
    /// The number of the last link that was made.
    last_link: AtomicU64,
    links: Mutex<HashMap<String, Arc<Link>>>,
    greetings: AtomicUsize,
    closed: AtomicBool,
}

impl Shared {
    pub(crate) fn new(config: Config, tls: Option<Tls>) -> Self {
        Self {
            tls,
            jobs: Jobs::new(config.hold, config.hold_time),
            incarnation: match config.incarnation {
                0 => RandomState::new().hash_one(std::process::id()),
                given => given,
            },
            config,
            last_link: AtomicU64::new(0),
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
        let link = this.new_link(peer, Dialler::Here, None);
        if this.closed.load(Ordering::Acquire) {
            link.fail("this worker is shutting down".to_owned());
            return link;
        }
        links.insert(peer.to_owned(), Arc::clone(&link));
        drop(links);
        this.start(&link, Some(address.to_owned()));
        link
    }

    /// Gives up a broken link to an earlier process of a worker's name, before a job that is
    /// to run on the present one would be told that it is lost.
    pub(crate) fn retire(&self, place: &Place) {
        let Some(link) = self.find(&place.worker) else {
            return;
        };
        let peer = link.standing().and_then(|standing| standing.peer);
        let is_other = peer.is_some_and(|peer| peer.incarnation != place.incarnation);
        if place.incarnation != 0 && is_other && matches!(link.phase(), Phase::Down(_)) {
            link.fail("the worker was restarted".to_owned());
        }
    }

    fn new_link(&self, peer: &str, dialler: Dialler, identity: Option<Peer>) -> Arc<Link> {
        let number = self.last_link.fetch_add(1, Ordering::Relaxed) + 1;
        Arc::new(Link::new(number, &self.config, peer, dialler, identity))
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
            if let Err(error) = this.greet(socket) {
                tracing::warn!(%error, "a connection to the data plane failed");
            }
        };
        if let Err(error) = spawn("faabric-greet", greet) {
            self.greetings.fetch_sub(1, Ordering::Relaxed);
            tracing::warn!(%error, "cannot start a thread for a worker's connection");
        }
    }

    /// The acceptor's half of the handshake, then the life of the connection.
    fn greet(self: &Arc<Self>, tcp: TcpStream) -> io::Result<()> {
        let greeted = self.shake_hands(tcp);
        self.greetings.fetch_sub(1, Ordering::Relaxed);
        let Some((socket, link, hello)) = greeted? else {
            return Ok(());
        };
        let socket = Arc::new(socket);
        // If the peer comes back, its last connection is broken, whether that was
        // noticed here or not.
        link.break_off_present("the worker came back on another connection");
        let mut stream = &*socket;
        let Some(mut inbound) = link.inbound.try_lock_for(GREETING_PATIENCE) else {
            return Answer::Busy.write(&mut stream);
        };
        let welcome = Welcome {
            incarnation: self.incarnation,
            link: link.number(),
            received: inbound.frames(),
        };
        Answer::Welcome(welcome).write(&mut stream)?;
        let peer = Peer {
            incarnation: hello.incarnation,
            link: hello.link,
        };
        let attempt = hello.attempt;
        let made = (peer, Dialler::There { attempt });
        if let Some(connection) = link.install(&socket, made, hello.received) {
            self.read(&link, &connection, &mut inbound);
        }
        Ok(())
    }

    /// Hears a peer out; its connection and the link that it is for, if it is let in.
    fn shake_hands(
        self: &Arc<Self>,
        tcp: TcpStream,
    ) -> io::Result<Option<(Socket, Arc<Link>, Hello)>> {
        tcp.set_read_timeout(Some(GREETING_PATIENCE))?;
        tcp.set_write_timeout(Some(GREETING_PATIENCE))?;
        let socket = match &self.tls {
            Some(tls) => {
                let session = tls.accept(&tcp)?;
                Socket::sealed(tcp, session)
            }
            None => Socket::clear(tcp),
        };
        let mut stream = &socket;
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
        self.tune(socket.tcp())?;
        match self.admit(&hello) {
            Ok(link) => Ok(Some((socket, link, hello))),
            Err(answer) => answer.write(&mut stream).map(|()| None),
        }
    }

    /// The link that the connection of a peer is for; or the answer that sends it away.
    fn admit(self: &Arc<Self>, hello: &Hello) -> Result<Arc<Link>, Answer> {
        let mut links = self.links.lock();
        if self.closed.load(Ordering::Acquire) {
            return Err(Answer::Refused(self.closing()));
        }
        let known = links.get(&hello.from).cloned();
        let standing = known.as_ref().and_then(|link| link.standing());
        match (judge(&self.config.worker, standing.as_ref(), hello), known) {
            (Verdict::Join, Some(link)) => return Ok(link),
            (Verdict::Replace(reason), Some(link)) => drop(link.fail(reason.to_owned())),
            (Verdict::Busy, _) => return Err(Answer::Busy),
            (Verdict::Refuse(reason), _) => return Err(Answer::Refused(reason.to_owned())),
            (Verdict::New | Verdict::Join | Verdict::Replace(_), _) => {}
        }
        let peer = Peer {
            incarnation: hello.incarnation,
            link: hello.link,
        };
        let dialler = Dialler::There {
            attempt: hello.attempt,
        };
        let link = self.new_link(&hello.from, dialler, Some(peer));
        links.insert(hello.from.clone(), Arc::clone(&link));
        drop(links);
        self.start(&link, None);
        Ok(link)
    }

    fn closing(&self) -> String {
        format!("worker {} is shutting down", self.config.worker)
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
            Some(self.closing())
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

    /// Sets what every data connection needs: no waiting for more bytes, an end to waiting
    /// for a peer whose machine is gone, and a congestion control for short ways.
    pub(crate) fn tune(&self, socket: &TcpStream) -> io::Result<()> {
        let silence = self.config.silence;
        socket.set_nodelay(true)?;
        sockopt::set_socket_keepalive(socket, true)?;
        sockopt::set_tcp_keepidle(socket, (silence / 4).max(Duration::from_secs(1)))?;
        sockopt::set_tcp_keepintvl(socket, (silence / 4).max(Duration::from_secs(1)))?;
        sockopt::set_tcp_keepcnt(socket, 3)?;
        let milliseconds = u32::try_from(silence.as_millis()).unwrap_or(u32::MAX);
        sockopt::set_tcp_user_timeout(socket, milliseconds)?;
        match &self.config.congestion {
            Some(name) => sockopt::set_tcp_congestion(socket, name)?,
            // A system without it keeps its own.
            None => drop(sockopt::set_tcp_congestion(socket, CONGESTION)),
        }
        Ok(())
    }

    /// Reads a connection until it breaks: the body of its thread.
    pub(crate) fn read(&self, link: &Link, connection: &Connection, inbound: &mut Inbound) {
        let socket = &connection.socket;
        let intake = socket
            .tcp()
            .set_write_timeout(None)
            .and_then(|()| Intake::new(socket, inbound));
        let intake = match intake {
            Ok(intake) => Arc::new(intake),
            Err(error) => return link.break_off(connection.number, error.to_string()),
        };
        link.publish(Some(Arc::clone(&intake)));
        let (error, arrived) = intake.run(&self.jobs, link);
        link.publish(None);
        *inbound = arrived;
        if error.is_passing() {
            tracing::info!(worker = link.peer(), %error, "a data connection broke");
            link.break_off(connection.number, error.to_string());
        } else {
            link.fail(error.to_string());
        }
    }

    /// Forgets a link that has failed and tells its jobs.
    pub(crate) fn bury(&self, link: &Arc<Link>) {
        let mut links = self.links.lock();
        if links
            .get(link.peer())
            .is_some_and(|current| Arc::ptr_eq(current, link))
        {
            links.remove(link.peer());
        }
        drop(links);
        if let Some((error, since)) = link.failed() {
            tracing::info!(
                worker = error.worker,
                reason = error.reason,
                "lost a data connection"
            );
            self.jobs.lost(&error, since);
        }
    }

    /// Gives the broken link to a worker up if no job needs it any more. Otherwise it
    /// would wait to be connected again with a side that may have given it up, and a
    /// job that starts meanwhile would be lost with it.
    pub(crate) fn drop_broken(&self, peer: &str) {
        if let Some(link) = self.find(peer)
            && let Phase::Down(Some(reason)) = link.phase()
            && !self.jobs.any_with(peer)
        {
            link.fail(format!("{reason}; no job needs it any more"));
        }
    }
}

pub(crate) fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(body)
        .map(drop)
}
