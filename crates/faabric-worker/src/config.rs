//! What a worker is started with, and what it makes of what is left open.

use crate::error::Error;
use faabric_wire::tls;
use serde::{Deserialize, Serialize};
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::path::PathBuf;

/// How a worker runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Its name, unique in the cluster. Empty: made of the host's name and the process.
    pub name: String,
    /// Where the planner is.
    pub planner: String,
    /// How many ranks it runs at once; 0: one a core.
    pub slots: u32,
    /// Workers of another cluster are refused on the data plane.
    pub cluster: String,
    /// Where to listen for other workers; port 0 is any free one.
    pub listen: String,
    /// Where other workers reach it, `host` or `host:port`. Empty: the address it
    /// listens on or, where that is every address, the one that faces the planner.
    pub advertise: String,
    /// How long a broken connection to another worker may take to come back before the
    /// jobs that use it fail, in milliseconds.
    pub reconnect_ms: u64,
    /// Congestion control of connections to other workers, one of those that
    /// /proc/sys/net/ipv4/tcp_allowed_congestion_control lists. When not set: cubic where
    /// the system has it, else the system's own.
    pub congestion: Option<String>,
    /// Encrypts messages between workers, and lets only those in that prove to be of the
    /// cluster: `certificate`, `key` and `authority` are PEM files. The certificate is for
    /// the cluster's name. All workers of a cluster have it, or none.
    pub tls: Option<tls::Files>,
    /// Where modules and their compiled code are kept; nowhere when not set.
    pub cache: Option<PathBuf>,
    /// Jobs may map host directories below these into their guests, and no others.
    pub file_roots: Vec<PathBuf>,
    /// The most bytes of linear memory of one rank; wasm32 ends at 4 GiB.
    pub memory_limit: u64,
    /// The most threads of one rank.
    pub thread_limit: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: String::new(),
            planner: "http://127.0.0.1:7411".to_owned(),
            slots: 0,
            cluster: "faabric".to_owned(),
            listen: "127.0.0.1:0".to_owned(),
            advertise: String::new(),
            reconnect_ms: 30_000,
            congestion: None,
            tls: None,
            cache: None,
            file_roots: Vec::new(),
            memory_limit: 4 << 30,
            thread_limit: 1024,
        }
    }
}

impl Config {
    /// The name, made up if none is set.
    pub(crate) fn worker_name(&self) -> String {
        if !self.name.is_empty() {
            return self.name.clone();
        }
        let host = rustix::system::uname();
        format!(
            "{}-{}",
            host.nodename().to_string_lossy(),
            std::process::id()
        )
    }

    /// How many ranks it runs at once.
    pub(crate) fn slots(&self) -> u32 {
        if self.slots > 0 { self.slots } else { cores() }
    }

    /// Where other workers reach a data plane that listens on `local`.
    pub(crate) fn data_address(&self, local: SocketAddr) -> Result<String, Error> {
        if self.advertise.is_empty() {
            let ip = if local.ip().is_unspecified() {
                self.address_facing_planner(local)
                    .map_err(Error::Advertise)?
            } else {
                local.ip()
            };
            return Ok(SocketAddr::new(ip, local.port()).to_string());
        }
        match self.advertise.parse::<IpAddr>() {
            Ok(ip) => Ok(SocketAddr::new(ip, local.port()).to_string()),
            Err(_) if self.advertise.contains(':') => Ok(self.advertise.clone()),
            Err(_) => Ok(format!("{}:{}", self.advertise, local.port())),
        }
    }

    /// This machine's address on the way to the planner; asks the routing table, and
    /// sends nothing.
    fn address_facing_planner(&self, local: SocketAddr) -> io::Result<IpAddr> {
        let authority = self.planner.split("://").last().unwrap_or_default();
        let authority = authority.split('/').next().unwrap_or_default();
        let mut found = authority.to_socket_addrs()?;
        let same_family = found.find(|address| address.is_ipv4() == local.is_ipv4());
        let planner = same_family.ok_or(io::ErrorKind::AddrNotAvailable)?;
        let probe = UdpSocket::bind(SocketAddr::new(local.ip(), 0))?;
        probe.connect(planner)?;
        Ok(probe.local_addr()?.ip())
    }
}

/// How many cores this process may use.
pub(crate) fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn address(advertise: &str, local: &str) -> String {
        let config = Config {
            advertise: advertise.to_owned(),
            ..Config::default()
        };
        config.data_address(local.parse().unwrap()).unwrap()
    }

    #[test]
    fn the_advertised_address_has_the_port_that_is_listened_on_unless_it_names_one() {
        assert_eq!(address("", "10.0.0.5:99"), "10.0.0.5:99");
        assert_eq!(address("worker-3", "10.0.0.5:99"), "worker-3:99");
        assert_eq!(address("worker-3:7", "10.0.0.5:99"), "worker-3:7");
        assert_eq!(address("1.2.3.4", "10.0.0.5:99"), "1.2.3.4:99");
        assert_eq!(address("::1", "10.0.0.5:99"), "[::1]:99");
        assert_eq!(address("1.2.3.4:7", "10.0.0.5:99"), "1.2.3.4:7");
    }

    #[test]
    fn listening_everywhere_advertises_the_address_that_faces_the_planner() {
        assert_eq!(address("", "0.0.0.0:99"), "127.0.0.1:99");
    }

    #[test]
    fn a_worker_without_a_name_gets_one() {
        assert!(
            Config::default()
                .worker_name()
                .ends_with(&format!("-{}", std::process::id()))
        );
        assert!(Config::default().slots() > 0);
    }
}
