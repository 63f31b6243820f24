//! What a job must look like to be queued. Every complaint names the field.

use crate::modules::is_hash;
use crate::policy;
use faabric_wire::proto::JobSpec;
use tonic::Status;

/// More than any cluster's slots; guards the sums.
const MAX_RANKS: u32 = 1 << 17;
const MAX_THREADS: u32 = 1 << 12;
const MAX_NAME: usize = 255;
/// Of arguments and variables together, in bytes: what Linux gives a program.
const MAX_ARGS: usize = 2 << 20;
const TIERS: [&str; 4] = ["", "auto", "cranelift", "llvm"];

/// Checks everything but that the module is stored.
pub(super) fn job_spec(spec: &JobSpec) -> Result<(), Status> {
    let invalid =
        |field: &str, what: String| Err(Status::invalid_argument(format!("{field}: {what}")));
    let name = &spec.name;
    if name.is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control) {
        return invalid(
            "name",
            format!("1 to {MAX_NAME} bytes without control characters, not {name:?}"),
        );
    }
    if !is_hash(&spec.module) {
        return invalid(
            "module",
            format!(
                "a BLAKE3 hash, 64 hexadecimal digits, not {:?}",
                spec.module
            ),
        );
    }
    if !(1..=MAX_RANKS).contains(&spec.ranks) {
        return invalid(
            "ranks",
            format!("between 1 and {MAX_RANKS}, not {}", spec.ranks),
        );
    }
    if spec.threads > MAX_THREADS {
        return invalid(
            "threads",
            format!("at most {MAX_THREADS}, not {}", spec.threads),
        );
    }
    if !spec.policy.is_empty() {
        policy_name("policy", &spec.policy)?;
    }
    if !TIERS.contains(&&*spec.tier) {
        return invalid("tier", format!("cranelift or llvm, not {:?}", spec.tier));
    }
    if spec.args.is_empty() {
        return invalid("args", "at least argv[0], the program's name".to_owned());
    }
    if let Some(at) = spec.args.iter().position(|arg| arg.contains('\0')) {
        return invalid("args", format!("argument {at} has a NUL character in it"));
    }
    let args = spec.args.iter().map(String::len);
    let env = spec.env.iter().map(|var| var.name.len() + var.value.len());
    let bytes: usize = args.chain(env).map(|len| len + 1).sum();
    if bytes > MAX_ARGS {
        return invalid(
            "args",
            format!("arguments and variables have at most {MAX_ARGS} bytes, not {bytes}"),
        );
    }
    for var in &spec.env {
        if var.name.is_empty() || var.name.contains(['=', '\0']) || var.value.contains('\0') {
            return invalid(
                "env",
                format!(
                    "{:?} cannot be the name of a variable, or its value has a NUL character in it",
                    var.name
                ),
            );
        }
    }
    for dir in &spec.dirs {
        if !dir.host.starts_with('/') || dir.host.contains('\0') {
            return invalid(
                "dirs",
                format!("the host's folder {:?} is not an absolute path", dir.host),
            );
        }
        if dir.guest.is_empty() || dir.guest.contains('\0') {
            return invalid(
                "dirs",
                format!("{:?} cannot be the guest's name of a folder", dir.guest),
            );
        }
    }
    Ok(())
}

/// Checks the name of a policy.
pub(super) fn policy_name(field: &str, name: &str) -> Result<(), Status> {
    match policy::by_name(name) {
        Some(_) => Ok(()),
        None => Err(Status::invalid_argument(format!(
            "{field}: {} exist, not {name:?}",
            policy::names()
        ))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use faabric_wire::proto::{Dir, EnvVar};

    fn good() -> JobSpec {
        JobSpec {
            name: "app".to_owned(),
            module: "0".repeat(64),
            args: vec!["app".to_owned()],
            ranks: 1,
            ..JobSpec::default()
        }
    }

    #[test]
    fn complaints_name_the_field() {
        assert!(job_spec(&good()).is_ok());
        let var = |name: &str, value: &str| EnvVar {
            name: name.to_owned(),
            value: value.to_owned(),
        };
        let dir = |host: &str, guest: &str| Dir {
            host: host.to_owned(),
            guest: guest.to_owned(),
            read_only: false,
        };
        type Damage = Box<dyn Fn(&mut JobSpec)>;
        let table: Vec<(&str, Damage)> = vec![
            ("name", Box::new(|s| s.name.clear())),
            ("name", Box::new(|s| s.name = "a\nb".to_owned())),
            (
                "module",
                Box::new(|s| s.module = "../../etc/passwd".to_owned()),
            ),
            ("ranks", Box::new(|s| s.ranks = 0)),
            ("ranks", Box::new(|s| s.ranks = u32::MAX)),
            ("threads", Box::new(|s| s.threads = u32::MAX)),
            ("policy", Box::new(|s| s.policy = "random".to_owned())),
            ("tier", Box::new(|s| s.tier = "gcc".to_owned())),
            ("args", Box::new(|s| s.args.clear())),
            ("args", Box::new(|s| s.args.push("a\0b".to_owned()))),
            ("args", Box::new(|s| s.args.push("x".repeat(MAX_ARGS)))),
            ("args", Box::new(|s| s.args.push("x".repeat(MAX_ARGS)))),
            ("env", Box::new(move |s| s.env = vec![var("", "1")])),
            ("env", Box::new(move |s| s.env = vec![var("A=B", "1")])),
            ("env", Box::new(move |s| s.env = vec![var("A", "\0")])),
            (
                "dirs",
                Box::new(move |s| s.dirs = vec![dir("data", "/data")]),
            ),
            ("dirs", Box::new(move |s| s.dirs = vec![dir("/data", "")])),
        ];
        for (field, damage) in table {
            let mut spec = good();
            damage(&mut spec);
            let status = job_spec(&spec).unwrap_err();
            assert_eq!(status.code(), tonic::Code::InvalidArgument);
            assert!(
                status.message().starts_with(&format!("{field}: ")),
                "{status}"
            );
        }
    }
}
