//! Which host directories jobs may map into their guests.

use crate::error::Error;
use faabric_wire::proto;
use std::path::{Path, PathBuf};

/// The directories below which a worker lets jobs see files.
#[derive(Debug, Clone, Default)]
pub(crate) struct Roots(Vec<PathBuf>);

impl Roots {
    /// The roots as configured, with symbolic links resolved now: a link that is
    /// changed later does not widen what jobs may see.
    pub(crate) fn new(roots: &[PathBuf]) -> Result<Self, Error> {
        let resolve = |root: &PathBuf| {
            root.canonicalize().map_err(|source| Error::FileRoot {
                path: root.clone(),
                source,
            })
        };
        Ok(Self(roots.iter().map(resolve).collect::<Result<_, _>>()?))
    }

    /// Resolves a job's directories.
    pub(crate) fn allow(&self, dirs: &[proto::Dir]) -> Result<Vec<faabric_host::Dir>, Error> {
        dirs.iter().map(|dir| self.allow_one(dir)).collect()
    }

    fn allow_one(&self, dir: &proto::Dir) -> Result<faabric_host::Dir, Error> {
        let path = Path::new(&dir.host);
        if !path.is_absolute() {
            return Err(Error::RelativeDir {
                path: path.to_owned(),
            });
        }
        let host = path.canonicalize().map_err(|source| Error::Dir {
            path: path.to_owned(),
            source,
        })?;
        if !self.0.iter().any(|root| host.starts_with(root)) {
            return Err(Error::OutsideRoots {
                path: path.to_owned(),
                host,
            });
        }
        Ok(faabric_host::Dir {
            host,
            guest: dir.guest.clone(),
            read_only: dir.read_only,
        })
    }
}

/// Has a process start in the directory that it knows as `dir`, an absolute path without
/// `..`, below `dirs`: it becomes its `.`, where libc starts.
pub(crate) fn start_in(
    dir: &str,
    mut dirs: Vec<faabric_host::Dir>,
) -> Result<Vec<faabric_host::Dir>, Error> {
    let path = Path::new(dir);
    let depth = |d: &&faabric_host::Dir| Path::new(&d.guest).components().count();
    let above = dirs
        .iter()
        .filter(|d| d.guest.starts_with('/') && path.starts_with(&d.guest));
    let Some(above) = above.max_by_key(depth) else {
        // Of no directory of the host: the process starts where it would without.
        return Ok(dirs);
    };
    let rest = path.strip_prefix(&above.guest).unwrap_or(path);
    let missing = |source| Error::Dir {
        path: path.to_owned(),
        source,
    };
    let host = above.host.join(rest).canonicalize().map_err(missing)?;
    if !host.starts_with(&above.host) || !host.is_dir() {
        let kind = std::io::ErrorKind::NotADirectory;
        return Err(missing(kind.into()));
    }
    let here = faabric_host::Dir {
        host,
        guest: ".".to_owned(),
        read_only: above.read_only,
    };
    dirs.retain(|dir| dir.guest != ".");
    dirs.insert(0, here);
    Ok(dirs)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn dir(host: &Path) -> Vec<proto::Dir> {
        let host = host.to_str().unwrap().to_owned();
        vec![proto::Dir {
            host,
            guest: "/data".to_owned(),
            read_only: false,
        }]
    }

    #[test]
    fn links_and_dots_do_not_lead_out() {
        let temp = tempfile::tempdir().unwrap();
        let (inside, outside) = (temp.path().join("in"), temp.path().join("out"));
        std::fs::create_dir_all(inside.join("deep")).unwrap();
        std::fs::create_dir(&outside).unwrap();
        std::os::unix::fs::symlink(&outside, inside.join("link")).unwrap();
        let roots = Roots::new(std::slice::from_ref(&inside)).unwrap();
        assert!(roots.allow(&dir(&inside)).is_ok());
        assert!(roots.allow(&dir(&inside.join("deep/../deep"))).is_ok());
        for bad in [outside.clone(), inside.join("link"), inside.join("../out")] {
            let error = roots.allow(&dir(&bad)).unwrap_err().to_string();
            assert!(error.contains("--file-root"), "{error}");
        }
        // Not the same as a common prefix of the names.
        let twin = temp.path().join("inner");
        std::fs::create_dir(&twin).unwrap();
        assert!(roots.allow(&dir(&twin)).is_err());
    }

    #[test]
    fn a_process_starts_below_its_directories() {
        let temp = tempfile::tempdir().unwrap();
        let top = temp.path().canonicalize().unwrap();
        std::fs::create_dir_all(top.join("in/deep")).unwrap();
        std::fs::create_dir(top.join("out")).unwrap();
        std::os::unix::fs::symlink(top.join("out"), top.join("in/link")).unwrap();
        let dir = |host: &Path, guest: &str, read_only| faabric_host::Dir {
            host: host.to_owned(),
            guest: guest.to_owned(),
            read_only,
        };
        let dirs = || vec![dir(&top, ".", false), dir(&top.join("in"), "/data", true)];
        let started = start_in("/data/deep", dirs()).unwrap();
        let (here, others) = started.split_first().unwrap();
        assert_eq!((&*here.guest, &here.host), (".", &top.join("in/deep")));
        assert!(here.read_only && others.len() == 1);
        for wrong in ["/data/link", "/data/missing"] {
            assert!(start_in(wrong, dirs()).is_err(), "{wrong}");
        }
        assert_eq!(start_in("/elsewhere", dirs()).unwrap().len(), 2);
    }

    #[test]
    fn relative_and_missing_directories_are_errors() {
        let roots = Roots::new(&[PathBuf::from("/")]).unwrap();
        assert!(matches!(
            roots.allow(&dir(Path::new("x"))),
            Err(Error::RelativeDir { .. })
        ));
        assert!(matches!(
            roots.allow(&dir(Path::new("/no/such"))),
            Err(Error::Dir { .. })
        ));
        assert!(roots.allow(&dir(Path::new("/"))).is_ok());
    }
}
