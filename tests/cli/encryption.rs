//! Workers that talk to each other under TLS.

use crate::harness::{Cluster, faabric, finish, guest};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Puts a certificate for the cluster of the default name into `folder`.
fn issue(folder: &Path) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["faabric".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    fs::write(folder.join("ca.pem"), authority.pem()).unwrap();
    fs::write(folder.join("worker.pem"), certificate.pem()).unwrap();
    fs::write(folder.join("worker.key"), key.serialize_pem()).unwrap();
}

/// The flags of a worker that has the files of `folder`.
fn with_tls(folder: &Path) -> impl Fn(&mut Command) {
    let folder = folder.to_owned();
    move |worker| {
        for (flag, file) in [
            ("--tls-cert", "worker.pem"),
            ("--tls-key", "worker.key"),
            ("--tls-ca", "ca.pem"),
        ] {
            worker.arg(flag).arg(folder.join(file));
        }
    }
}

#[test]
fn a_job_runs_over_encrypted_connections_and_strangers_cannot_take_part() {
    let folder = tempfile::tempdir().unwrap();
    issue(folder.path());
    let mut cluster = Cluster::start(0, 1);
    cluster.add_worker_with("w0", 1, with_tls(folder.path()));
    cluster.add_worker_with("w1", 1, with_tls(folder.path()));
    cluster.wait_for_workers(2);
    for name in ["ring.c", "every_collective.c"] {
        let ran = finish(cluster.command().args(["run", "-n", "2"]).arg(guest(name)));
        assert_eq!(ran.code, 0, "{name}: {}", ran.stderr);
    }
    // In the clear: it joins the planner, and no job gets through to it.
    cluster.add_worker_with("w2", 1, |_| {});
    cluster.wait_for_workers(3);
    let refused = finish(
        cluster
            .command()
            .args(["run", "-n", "3"])
            .arg(guest("ring.c")),
    );
    assert_ne!(refused.code, 0);
    assert!(refused.stderr.contains("TLS"), "{}", refused.stderr);
}

#[test]
fn half_of_the_files_are_not_enough() {
    let half = finish(faabric().args(["worker", "--tls-cert", "worker.pem"]));
    assert_eq!(half.code, 2, "{}", half.stderr);
    assert!(half.stderr.contains("--tls-key"), "{}", half.stderr);
}
