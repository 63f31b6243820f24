//! Who is let into an encrypted cluster: TLS 1.3, with a certificate on both sides.
//!
//! A worker shows a certificate that the cluster's authority signed for the cluster's
//! name, and asks its peer for one. So an address proves nothing, and may change; the
//! name that a worker says in the handshake ([`crate::handshake`]) is believed, since
//! only the cluster's own workers get to say one.

use rustls::client::verify_server_name;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::version::TLS13;
use rustls::{ClientConfig, ClientConnection, Connection, RootCertStore};
use rustls::{ServerConfig, ServerConnection};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where a worker finds what it needs to prove who it is, as PEM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Files {
    /// The worker's certificate, and those between it and the authority's.
    pub certificate: PathBuf,
    /// The certificate's private key.
    pub key: PathBuf,
    /// The certificates of who may sign for workers of this cluster.
    pub authority: PathBuf,
}

/// Why connections cannot be encrypted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file is not there, or not what it should be.
    #[error("cannot read {what} from {}: {source}", path.display())]
    File {
        /// What it should hold.
        what: &'static str,
        /// As configured.
        path: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// The authority's file says nothing about whom to trust.
    #[error("{} holds no certificate of an authority that can be used", .0.display())]
    Authority(PathBuf),
    /// A certificate cannot be for such a name.
    #[error("the cluster name {0:?} is no DNS name, which certificates need: choose another")]
    Cluster(String),
    /// The files are there, and do not belong together.
    #[error("the certificate {} cannot be used with its key: {source}", path.display())]
    Pair {
        /// As configured.
        path: PathBuf,
        /// What is wrong.
        source: rustls::Error,
    },
    /// Other workers would turn this one away.
    #[error(
        "the certificate {} is not for this cluster: it needs the DNS name {cluster:?} as a \
         subject alternative name ({source})",
        path.display()
    )]
    Name {
        /// As configured.
        path: PathBuf,
        /// The cluster's name.
        cluster: String,
        /// What is wrong.
        source: rustls::Error,
    },
}

/// What a worker needs to make encrypted connections.
pub(crate) struct Tls {
    cluster: ServerName<'static>,
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
}

impl Tls {
    /// Reads the files; they may be replaced afterwards, for the next start.
    pub(crate) fn load(files: &Files, cluster: &str) -> Result<Self, Error> {
        let provider = Arc::new(ring::default_provider());
        let roots = Arc::new(authority(&files.authority)?);
        let chain = certificates("a certificate", &files.certificate)?;
        let name = ServerName::try_from(cluster.to_owned());
        let name = name.map_err(|_| Error::Cluster(cluster.to_owned()))?;
        check_name(&chain, &name).map_err(|source| Error::Name {
            path: files.certificate.clone(),
            cluster: cluster.to_owned(),
            source,
        })?;
        let configs = || {
            let client = client(&provider, &roots, chain.clone(), key(&files.key)?);
            let server = server(&provider, &roots, chain.clone(), key(&files.key)?);
            Ok((client, server))
        };
        let pair = |source| Error::Pair {
            path: files.certificate.clone(),
            source,
        };
        let (client, server) = configs()?;
        Ok(Self {
            cluster: name,
            client: Arc::new(client.map_err(pair)?),
            server: Arc::new(server.map_err(pair)?),
        })
    }

    /// The dialler's side of the TLS handshake; the socket's timeouts hold.
    pub(crate) fn connect(&self, socket: &TcpStream) -> io::Result<Connection> {
        let client = ClientConnection::new(Arc::clone(&self.client), self.cluster.clone());
        self.shake_hands(client.map_err(io::Error::other)?.into(), socket)
    }

    /// The acceptor's.
    pub(crate) fn accept(&self, socket: &TcpStream) -> io::Result<Connection> {
        let server = ServerConnection::new(Arc::clone(&self.server));
        self.shake_hands(server.map_err(io::Error::other)?.into(), socket)
    }

    fn shake_hands(
        &self,
        mut session: Connection,
        mut socket: &TcpStream,
    ) -> io::Result<Connection> {
        let failed = |error: io::Error| {
            let hint = match error.kind() {
                io::ErrorKind::InvalidData => "; do both workers have TLS, and the same authority?",
                _ => "",
            };
            io::Error::new(error.kind(), format!("TLS: {error}{hint}"))
        };
        session.complete_io(&mut socket).map_err(failed)?;
        let chain = session.peer_certificates().unwrap_or_default();
        let named = check_name(chain, &self.cluster);
        named.map_err(|error| failed(io::Error::new(io::ErrorKind::InvalidData, error)))?;
        Ok(session)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("cluster", &self.cluster)
            .finish_non_exhaustive()
    }
}

fn client(
    provider: &Arc<CryptoProvider>,
    roots: &Arc<RootCertStore>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ClientConfig, rustls::Error> {
    ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&[&TLS13])?
        .with_root_certificates(Arc::clone(roots))
        .with_client_auth_cert(chain, key)
}

fn server(
    provider: &Arc<CryptoProvider>,
    roots: &Arc<RootCertStore>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, rustls::Error> {
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(provider))
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?;
    let mut config = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)?;
    // Connections last; nobody resumes one.
    config.send_tls13_tickets = 0;
    Ok(config)
}

fn authority(path: &Path) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    let (added, _) =
        roots.add_parsable_certificates(certificates("an authority's certificate", path)?);
    if added == 0 {
        return Err(Error::Authority(path.to_owned()));
    }
    Ok(roots)
}

fn certificates(what: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let failed = |source| Error::File {
        what,
        path: path.to_owned(),
        source,
    };
    let read = CertificateDer::pem_file_iter(path).map_err(failed)?;
    let all: Vec<_> = read.collect::<Result<_, _>>().map_err(failed)?;
    if all.is_empty() {
        return Err(failed(pem::Error::NoItemsFound));
    }
    Ok(all)
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, Error> {
    PrivateKeyDer::from_pem_file(path).map_err(|source| Error::File {
        what: "a private key",
        path: path.to_owned(),
        source,
    })
}

/// Whether the first certificate of a chain is for the cluster.
fn check_name(chain: &[CertificateDer<'_>], cluster: &ServerName<'_>) -> Result<(), rustls::Error> {
    let first = chain
        .first()
        .ok_or(rustls::Error::NoCertificatesPresented)?;
    verify_server_name(&ParsedCertificate::try_from(first)?, cluster)
}
