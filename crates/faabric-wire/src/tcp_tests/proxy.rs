//! A network between two workers that breaks: a TCP proxy that cuts connections.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "each test that uses it uses its part")]

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Passes connections on to a worker, and cuts them.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    target: Mutex<SocketAddr>,
    /// Draws after how many bytes a connection is cut; the same for the same seed.
    dice: AtomicU64,
    /// The most bytes that a connection carries; 0: as many as there are.
    most: AtomicU64,
    /// Connections are not taken at all.
    shut: AtomicBool,
    cuts: AtomicUsize,
    open: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// Passes everything on to `target`.
    pub(crate) fn start(target: SocketAddr, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            target: Mutex::new(target),
            dice: AtomicU64::new(seed),
            most: AtomicU64::new(0),
            shut: AtomicBool::new(false),
            cuts: AtomicUsize::new(0),
            open: Mutex::default(),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                accepting.pass_on(client);
            }
        });
        Self { address, shared }
    }

    /// From now on, cuts every connection after at most `most` bytes (0: never).
    pub(crate) fn cut_after(&self, most: u64) {
        self.shared.most.store(most, Ordering::SeqCst);
    }

    /// How many connections were cut by their bytes.
    pub(crate) fn cuts(&self) -> usize {
        self.shared.cuts.load(Ordering::SeqCst)
    }

    /// Cuts all connections now and, if `shut`, takes no more until [`Self::open_to`].
    pub(crate) fn cut_all(&self, shut: bool) {
        self.shared.shut.store(shut, Ordering::SeqCst);
        for socket in self.shared.open.lock().unwrap().drain(..) {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    /// Passes connections on to `target` from now on.
    pub(crate) fn open_to(&self, target: SocketAddr) {
        *self.shared.target.lock().unwrap() = target;
        self.shared.shut.store(false, Ordering::SeqCst);
    }
}

impl Shared {
    fn pass_on(self: &Arc<Self>, client: TcpStream) {
        let target = *self.target.lock().unwrap();
        if self.shut.load(Ordering::SeqCst) {
            return;
        }
        let Ok(server) = TcpStream::connect(target) else {
            return;
        };
        for socket in [&client, &server] {
            socket.set_nodelay(true).unwrap();
            let mut open = self.open.lock().unwrap();
            open.push(socket.try_clone().unwrap());
        }
        let most = self.most.load(Ordering::SeqCst);
        let budget = match most {
            0 => u64::MAX,
            most => 1 + self.draw() % most,
        };
        let budget = Arc::new(AtomicU64::new(budget));
        let ways = [
            (client.try_clone().unwrap(), server.try_clone().unwrap()),
            (server, client),
        ];
        for (from, to) in ways {
            let (this, budget) = (Arc::clone(self), Arc::clone(&budget));
            thread::spawn(move || this.pump(&from, &to, &budget));
        }
    }

    /// A number that looks random.
    fn draw(&self) -> u64 {
        let step = |x: u64| {
            x.wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407)
        };
        let order = Ordering::SeqCst;
        let before = self.dice.fetch_update(order, order, |x| Some(step(x)));
        step(before.unwrap()) >> 33
    }

    /// Copies until the budget of the connection is used up, then cuts it: half of the
    /// times so that what is on its way is lost, too.
    fn pump(&self, mut from: &TcpStream, mut to: &TcpStream, budget: &AtomicU64) {
        let mut buffer = [0; 16 << 10];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            let order = Ordering::SeqCst;
            let spend = |left: u64| Some(left.saturating_sub(read as u64));
            let left = budget.fetch_update(order, order, spend).unwrap();
            let fits = (read as u64).min(left) as usize;
            if to.write_all(&buffer[..fits]).is_err() {
                break;
            }
            if fits < read {
                if left > 0 {
                    self.cuts.fetch_add(1, Ordering::SeqCst);
                }
                if left % 2 == 1 {
                    for socket in [from, to] {
                        let linger = Some(Duration::ZERO);
                        let _ = rustix::net::sockopt::set_socket_linger(socket, linger);
                    }
                }
                break;
            }
        }
        for socket in [from, to] {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}
