//! Files of MPI: what keeps a guest's other files in bounds keeps these.

use super::super::mpi_files::MpiFiles;
use super::*;
use faabric_mpi::Class;
use faabric_mpi::io::{FileName, Files, OpenMode, Storage};

const READ_WRITE: OpenMode = OpenMode {
    read: true,
    write: true,
    create: false,
    exclusive: false,
};
const MAKE: OpenMode = OpenMode {
    create: true,
    ..READ_WRITE
};
const READ_ONLY: OpenMode = OpenMode {
    write: false,
    ..READ_WRITE
};

fn name(directory: u32, path: &str) -> FileName {
    FileName {
        directory,
        path: path.to_owned(),
    }
}

/// The files of a guest in `inside` of a folder, 3 to be written and 4 not.
fn files() -> (MpiFiles, TempDir) {
    let outer = TempDir::new().unwrap();
    let inside = outer.path().join("inside");
    std::fs::create_dir(&inside).unwrap();
    std::fs::write(outer.path().join("secret"), "secret").unwrap();
    let dirs = vec![dir(&inside, "/", false), dir(&inside, "/ro", true)];
    let stdout: Arc<dyn Output> = Arc::<Capture>::default();
    let wasi = Wasi::new(&config(dirs, Arc::new(NoInput), stdout)).unwrap();
    (MpiFiles::new(Arc::new(wasi)), outer)
}

fn refused(files: &MpiFiles, name: &FileName, mode: OpenMode) -> Class {
    files.open(name, mode).map(drop).unwrap_err().class
}

#[test]
fn names_stay_within_the_directories() {
    let (files, outer) = files();
    let inside = outer.path().join("inside");
    std::os::unix::fs::symlink("../secret", inside.join("link")).unwrap();
    std::fs::write(inside.join("there"), "there").unwrap();
    for path in ["../secret", "/etc/passwd", "link", "a/../../secret"] {
        for mode in [READ_ONLY, READ_WRITE, MAKE] {
            let class = refused(&files, &name(ROOT, path), mode);
            assert!(
                [Class::ACCESS, Class::NO_SUCH_FILE].contains(&class),
                "{path}: {class:?}"
            );
        }
        let _ = files.delete(&name(ROOT, path));
    }
    let secret = std::fs::read_to_string(outer.path().join("secret"));
    assert_eq!(secret.unwrap(), "secret");
    assert_eq!(
        refused(&files, &name(99, "there"), READ_ONLY),
        Class::NO_SUCH_FILE
    );
    // Standard input is no directory: it has no right to open files below it.
    assert_eq!(refused(&files, &name(0, "there"), READ_ONLY), Class::ACCESS);
    assert_eq!(
        refused(&files, &name(ROOT, "."), READ_ONLY),
        Class::BAD_FILE
    );
    assert_eq!(
        refused(&files, &name(ROOT, ""), READ_ONLY),
        Class::NO_SUCH_FILE
    );
    assert_eq!(
        refused(&files, &name(ROOT, "there/below"), MAKE),
        Class::BAD_FILE
    );
}

#[test]
fn a_read_only_directory_stays_as_it_is() {
    let (files, outer) = files();
    std::fs::write(outer.path().join("inside/there"), "there").unwrap();
    let there = name(ROOT + 1, "there");
    assert_eq!(refused(&files, &there, READ_WRITE), Class::READ_ONLY);
    assert_eq!(
        refused(&files, &name(ROOT + 1, "new"), MAKE),
        Class::READ_ONLY
    );
    assert_eq!(files.delete(&there).unwrap_err().class, Class::READ_ONLY);
    let mut bytes = [0; 9];
    let open = files.open(&there, READ_ONLY).unwrap();
    assert_eq!(open.read_at(2, &mut bytes).unwrap(), 3);
    assert_eq!(&bytes[..3], b"ere");
    assert_eq!(open.write_at(0, b"x").unwrap_err().class, Class::ACCESS);
}

#[test]
fn bytes_sizes_and_locks() {
    let (files, _outer) = files();
    let new = name(ROOT, "new");
    let exclusive = OpenMode {
        exclusive: true,
        ..MAKE
    };
    let first = files.open(&new, exclusive).unwrap();
    assert_eq!(refused(&files, &new, exclusive), Class::FILE_EXISTS);
    let second = files.open(&new, READ_WRITE).unwrap();
    first.write_at(5, b"five").unwrap();
    assert_eq!(second.size().unwrap(), 9);
    second.preallocate(4).unwrap();
    assert_eq!(first.size().unwrap(), 9);
    second.preallocate(5000).unwrap();
    assert_eq!(first.size().unwrap(), 5000);
    second.set_size(6).unwrap();
    let mut bytes = [7; 8];
    assert_eq!(first.read_at(0, &mut bytes).unwrap(), 6);
    assert_eq!(&bytes, b"\0\0\0\0\0f\x07\x07");
    first.sync().unwrap();

    let lock = |file: &Arc<dyn Storage>, exclusive| file.try_lock(exclusive).unwrap();
    assert!(lock(&first, true) && !lock(&second, true) && !lock(&second, false));
    first.unlock();
    assert!(lock(&first, false) && lock(&second, false));
    assert!(!lock(&second, true));
    first.unlock();
    second.unlock();
    files.delete(&new).unwrap();
    assert_eq!(files.delete(&new).unwrap_err().class, Class::NO_SUCH_FILE);
}
