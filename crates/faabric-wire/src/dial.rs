//! The thread of a link: makes its connections, or waits for them, and writes.
//!
//! ```text
//!        +--> down --dial, or wait to be dialled--> up --write until it breaks--+
//!        |     `-- no connection for too long --> failed                        |
//!        +----------------------------------------------------------------------+
//! ```
//! Attempts to dial back off exponentially. A connection that breaks soon, before anything
//! came across, does not end an outage: it goes on, less the time that the connection stood.

use crate::admission::{Dialler, Peer};
use crate::clock;
use crate::connect::{GREETING_PATIENCE, Shared, spawn};
use crate::handshake::{Answer, Hello, Welcome};
use crate::link::{Link, Phase};
use crate::socket::Socket;
use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The first pause between two attempts to dial, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The least time that one attempt gets.
const LEAST_PATIENCE: Duration = Duration::from_millis(25);

/// A time without a connection over which anything came across.
struct Outage {
    /// When it began; later by the time that connections have stood since.
    since: Instant,
    /// What the link's progress was then.
    progress: u64,
    /// Before the next attempt.
    pause: Option<Duration>,
    /// What the last attempt met with.
    problem: Option<String>,
}

impl Outage {
    fn new(progress: u64) -> Self {
        Self {
            since: clock::now(),
            progress,
            pause: None,
            problem: None,
        }
    }

    /// A connection has stood for `time`: if that was long, the outage is over.
    fn stood(&mut self, time: Duration, long: Duration) {
        match time < long {
            true => self.since += time,
            false => *self = Outage::new(self.progress),
        }
    }

    /// The pause before the next attempt: none, then ever longer.
    fn next_pause(&mut self) -> Duration {
        let pause = self.pause.unwrap_or_default();
        self.pause = Some((pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE));
        pause
    }
}

impl Shared {
    /// Starts a link's thread; `address` is where to dial, if this side does.
    pub(crate) fn start(self: &Arc<Self>, link: &Arc<Link>, address: Option<String>) {
        let (this, kept) = (Arc::clone(self), Arc::clone(link));
        let run = move || {
            let run = || this.run_link(&kept, address.as_deref());
            // A panic is a bug in a job's engine; it costs the link, not the worker.
            if catch_unwind(AssertUnwindSafe(run)).is_err() {
                kept.fail("an internal error while sending".to_owned());
            }
            // Once the reader is done: no packet is delivered after the loss is told.
            kept.inbound.lock().clear();
            this.bury(&kept);
            kept.clear();
        };
        if let Err(error) = spawn("faabric-link", run) {
            link.fail(format!("no thread for it: {error}"));
        }
    }

    fn run_link(self: &Arc<Self>, link: &Arc<Link>, address: Option<&str>) {
        let mut outage = Outage::new(link.progress());
        let mut attempt = 0;
        loop {
            match link.phase() {
                Phase::Up(_) => {
                    let up = clock::now();
                    link.write_while_up();
                    let limit = self.config.reconnect_timeout;
                    outage.stood(clock::now().saturating_duration_since(up), limit);
                }
                Phase::Failed(..) => return,
                Phase::Down(reason) => {
                    let progress = link.progress();
                    if progress != outage.progress {
                        outage = Outage::new(progress);
                    }
                    let limit = match reason {
                        Some(_) => self.config.reconnect_timeout,
                        None => self.config.connect_timeout,
                    };
                    let deadline = outage.since + limit;
                    if clock::now() >= deadline {
                        link.fail(gone_for(limit, reason, &outage));
                        return;
                    }
                    let dials = link.standing().map(|link| link.dialler) == Some(Dialler::Here);
                    match address {
                        Some(address) if dials => {
                            let next = clock::now() + outage.next_pause();
                            if let Phase::Down(_) = link.wait_up(next.min(deadline)) {
                                attempt += 1;
                                outage.problem = self.dial(link, address, attempt, deadline).err();
                            }
                        }
                        _ => drop(link.wait_up(deadline)),
                    }
                }
            }
        }
    }

    /// Tries once to connect `link`; says what went wrong if another try may help.
    fn dial(
        self: &Arc<Self>,
        link: &Arc<Link>,
        address: &str,
        attempt: u64,
        deadline: Instant,
    ) -> Result<(), String> {
        let left = deadline.saturating_duration_since(clock::now());
        let known = link.standing().and_then(|standing| standing.peer);
        // Held by the last connection's reader until it has taken all that it got, or
        // by that of one which the other side has just made.
        let Some(received) = link.inbound.try_lock().map(|inbound| inbound.frames()) else {
            return Err("what came on the last connection is still being taken".to_owned());
        };
        let hello = Hello {
            incarnation: self.incarnation,
            link: link.number(),
            attempt,
            resumes: known.map_or(0, |peer| peer.link),
            received,
            cluster: self.config.cluster.clone(),
            from: self.config.worker.clone(),
            to: link.peer().to_owned(),
        };
        let dialled = self.dial_once(&hello, address, left);
        match dialled.map_err(|error| format!("{address}: {error}"))? {
            (socket, Answer::Welcome(welcome)) => {
                self.welcomed(link, socket, known, welcome);
                Ok(())
            }
            (_, Answer::Refused(reason)) => {
                link.fail(reason);
                Ok(())
            }
            (_, Answer::Busy) => Err(format!("{address}: it waits for another connection")),
        }
    }

    /// The acceptor has taken the connection.
    fn welcomed(
        self: &Arc<Self>,
        link: &Arc<Link>,
        socket: Socket,
        known: Option<Peer>,
        welcome: Welcome,
    ) {
        let peer = Peer {
            incarnation: welcome.incarnation,
            link: welcome.link,
        };
        if known.is_some_and(|known| known != peer) {
            link.fail("the worker was restarted".to_owned());
            return;
        }
        let socket = Arc::new(socket);
        let Some(connection) = link.install(&socket, (peer, Dialler::Here), welcome.received)
        else {
            return;
        };
        let (this, kept) = (Arc::clone(self), Arc::clone(link));
        let read = move || this.read(&kept, &connection, &mut kept.inbound.lock());
        if let Err(error) = spawn("faabric-read", read) {
            link.fail(format!("no thread for it: {error}"));
        }
    }

    /// The dialler's half of the handshake.
    fn dial_once(
        &self,
        hello: &Hello,
        address: &str,
        patience: Duration,
    ) -> io::Result<(Socket, Answer)> {
        let no_address = || io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        let to = address.to_socket_addrs()?.next().ok_or_else(no_address)?;
        let patience = patience.clamp(LEAST_PATIENCE, GREETING_PATIENCE);
        let tcp = TcpStream::connect_timeout(&to, patience)?;
        tcp.set_read_timeout(Some(patience))?;
        tcp.set_write_timeout(Some(patience))?;
        self.tune(&tcp)?;
        let socket = match &self.tls {
            Some(tls) => {
                let session = tls.connect(&tcp)?;
                Socket::sealed(tcp, session)
            }
            None => Socket::clear(tcp),
        };
        hello.write(&mut &socket)?;
        let answer = Answer::read(&mut &socket)?;
        Ok((socket, answer))
    }
}

/// Why a link fails after a time without a connection.
fn gone_for(limit: Duration, reason: Option<String>, outage: &Outage) -> String {
    let problem = outage.problem.clone();
    let Some(reason) = reason else {
        return problem.unwrap_or_else(|| "it did not connect".to_owned());
    };
    let ms = limit.as_millis();
    match problem {
        Some(problem) => {
            format!("{reason}; it could not be connected again within {ms} ms: {problem}")
        }
        None => format!("{reason}; the worker did not connect again within {ms} ms"),
    }
}
