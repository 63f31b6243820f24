//! Who gets in under TLS, and what the others are told.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::tls::Files;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::fs;
use tempfile::TempDir;

/// Signs certificates for the workers of a cluster.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// What one worker has. Its files live as long.
pub(super) struct Issued {
    pub(super) files: Files,
    folder: TempDir,
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    /// A certificate with `name`.
    pub(super) fn issue(&self, name: &str) -> Issued {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let files = Files {
            certificate: put("worker.pem", &certificate.pem()),
            key: put("worker.key", &key.serialize_pem()),
            authority: put("authority.pem", &self.0.pem()),
        };
        Issued { files, folder }
    }
}

fn with(worker: &str, tls: Option<&Issued>) -> Endpoint {
    Endpoint::listen(Config {
        tls: tls.map(|issued| issued.files.clone()),
        connect_timeout: Duration::from_millis(500),
        ..config(worker)
    })
    .unwrap()
}

/// Why `a` does not reach `b`.
fn refusal(a: &Endpoint, b: &Endpoint) -> String {
    let places = places(&[a, b]);
    let (to_b, at_a) = join(a, &places);
    let (_to_a, _at_b) = join(b, &places);
    // Queued, until the link is given up.
    let _ = send(&to_b, 4, b"secret", b"");
    at_a.wait_lost().reason
}

#[test]
fn workers_of_one_authority_talk() {
    let authority = Authority::new();
    let issued = ["a", "b"].map(|_| authority.issue("faabric"));
    let (a, b) = (with("a", Some(&issued[0])), with("b", Some(&issued[1])));
    let places = places(&[&a, &b]);
    let (to_b, _at_a) = join(&a, &places);
    let (_to_a, at_b) = join(&b, &places);
    let body = vec![7; 200_000];
    send(&to_b, 4, b"header", &body).unwrap();
    let events = at_b.wait("packet", |events| events.len() == 1);
    let packet = Event::Packet {
        to: 4,
        header: b"header".to_vec(),
        payload: body,
    };
    assert_eq!(events, [packet]);
}

#[test]
fn nobody_else_gets_in() {
    let authority = Authority::new();
    let ours = authority.issue("faabric");
    let strangers = Authority::new().issue("faabric");
    // Both sides check: whoever dials.
    for (dials, accepts) in [(&ours, &strangers), (&strangers, &ours)] {
        let reason = refusal(&with("a", Some(dials)), &with("b", Some(accepts)));
        assert!(reason.contains("TLS"), "{reason}");
    }
    let reason = refusal(&with("a", None), &with("b", Some(&ours)));
    assert!(reason.contains("the peer speaks TLS"), "{reason}");
    let reason = refusal(&with("a", Some(&ours)), &with("b", None));
    assert!(reason.contains("do both workers have TLS"), "{reason}");
}

/// The authority signs for other clusters as well.
#[test]
fn a_certificate_for_another_cluster_does_not_get_in() {
    let authority = Authority::new();
    let (ours, theirs) = (authority.issue("faabric"), authority.issue("other"));
    let other = |worker| {
        Endpoint::listen(Config {
            tls: Some(theirs.files.clone()),
            cluster: "other".to_owned(),
            connect_timeout: Duration::from_millis(500),
            ..config(worker)
        })
        .unwrap()
    };
    let reason = refusal(&with("a", Some(&ours)), &other("b"));
    assert!(reason.contains("TLS"), "{reason}");
    let reason = refusal(&other("a"), &with("b", Some(&ours)));
    assert!(reason.contains("TLS"), "{reason}");
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let authority = Authority::new();
    let (good, other) = (authority.issue("faabric"), authority.issue("faabric"));
    let refused = |cluster: &str, files: Files| {
        let listened = Endpoint::listen(Config {
            tls: Some(files),
            cluster: cluster.to_owned(),
            ..config("a")
        });
        listened.err().unwrap().to_string()
    };
    let text = refused("elsewhere", good.files.clone());
    assert!(text.contains(r#"the DNS name "elsewhere""#), "{text}");
    let text = refused("no name", good.files.clone());
    assert!(text.contains("is no DNS name"), "{text}");
    let mut mixed = good.files.clone();
    mixed.key = other.files.key.clone();
    let text = refused("faabric", mixed);
    assert!(text.contains("cannot be used with its key"), "{text}");
    let mut absent = good.files.clone();
    absent.key = good.folder.path().join("absent");
    let text = refused("faabric", absent);
    assert!(
        text.contains("private key") && text.contains("absent"),
        "{text}"
    );
    let mut empty = good.files.clone();
    empty.authority = good.folder.path().join("empty");
    fs::write(&empty.authority, "").unwrap();
    let text = refused("faabric", empty);
    assert!(text.contains("authority's certificate"), "{text}");
}
