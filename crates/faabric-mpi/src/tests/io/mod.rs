//! Files: on one worker and on two, in memory.

mod agreement;
mod collective;
mod conversion;
mod independent;
mod shared;

use super::*;
use crate::handle::{FileHandle, InfoHandle};
use crate::io::{Access, FileName, OpenMode, Place, Storage};
use crate::status::Status;
use abi::{MPI_MODE_CREATE, MPI_MODE_RDONLY, MPI_MODE_RDWR, MPI_MODE_WRONLY};
use parking_lot::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

pub(super) const NO_INFO: InfoHandle = InfoHandle(abi::MPI_INFO_NULL);
pub(super) const NEW: i32 = MPI_MODE_RDWR | MPI_MODE_CREATE;

/// The files of a test, in memory.
#[derive(Default)]
pub(super) struct MemoryFiles {
    files: Mutex<HashMap<String, Arc<Bytes>>>,
    /// How many writes there were.
    pub(super) writes: Arc<AtomicU64>,
    /// Writes beyond it fail as on a full disk; 0 for none.
    pub(super) space: u64,
}

/// The bytes of one file, and who has it locked.
#[derive(Default)]
struct Bytes {
    bytes: Mutex<Vec<u8>>,
    /// Readers, or -1 for a writer.
    locked: Mutex<i64>,
}

struct MemoryFile {
    file: Arc<Bytes>,
    writes: Arc<AtomicU64>,
    space: u64,
    exclusive: Mutex<bool>,
}

impl MemoryFiles {
    pub(super) fn put(&self, name: &str, bytes: &[u8]) {
        let file = Bytes {
            bytes: Mutex::new(bytes.to_vec()),
            ..Bytes::default()
        };
        self.files.lock().insert(name.to_owned(), Arc::new(file));
    }

    pub(super) fn get(&self, name: &str) -> Option<Vec<u8>> {
        Some(self.files.lock().get(name)?.bytes.lock().clone())
    }
}

impl Files for MemoryFiles {
    fn open(&self, name: &FileName, mode: OpenMode) -> Result<Arc<dyn Storage>> {
        let mut files = self.files.lock();
        let there = files.contains_key(&name.path);
        if there && mode.exclusive {
            return Err(Error::new(Class::FILE_EXISTS, "it is there"));
        }
        if !there && !mode.create {
            return Err(Error::new(Class::NO_SUCH_FILE, "it is not there"));
        }
        Ok(Arc::new(MemoryFile {
            file: files.entry(name.path.clone()).or_default().clone(),
            writes: self.writes.clone(),
            space: self.space,
            exclusive: Mutex::new(false),
        }))
    }

    fn delete(&self, name: &FileName) -> Result<()> {
        let removed = self.files.lock().remove(&name.path);
        removed
            .map(|_| ())
            .ok_or_else(|| Error::new(Class::NO_SUCH_FILE, "it is not there"))
    }

    fn find(&self, path: &str) -> Result<FileName> {
        Ok(file(path))
    }
}

impl Storage for MemoryFile {
    fn read_at(&self, at: u64, buf: &mut [u8]) -> Result<usize> {
        let bytes = self.file.bytes.lock();
        let rest = bytes.get(at as usize..).unwrap_or(&[]);
        let len = rest.len().min(buf.len());
        buf[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    fn write_at(&self, at: u64, buf: &[u8]) -> Result<()> {
        let end = at as usize + buf.len();
        if self.space != 0 && end as u64 > self.space {
            return Err(Error::new(Class::NO_SPACE, "the disk is full"));
        }
        self.writes.fetch_add(1, Ordering::Relaxed);
        let mut bytes = self.file.bytes.lock();
        let len = bytes.len().max(end);
        bytes.resize(len, 0);
        bytes[at as usize..end].copy_from_slice(buf);
        Ok(())
    }

    fn size(&self) -> Result<u64> {
        Ok(self.file.bytes.lock().len() as u64)
    }

    fn set_size(&self, size: u64) -> Result<()> {
        self.file.bytes.lock().resize(size as usize, 0);
        Ok(())
    }

    fn preallocate(&self, size: u64) -> Result<()> {
        let now = self.size()?;
        self.set_size(now.max(size))
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }

    fn try_lock(&self, exclusive: bool) -> Result<bool> {
        let mut locked = self.file.locked.lock();
        let free = if exclusive {
            *locked == 0
        } else {
            *locked >= 0
        };
        if free {
            *self.exclusive.lock() = exclusive;
            *locked += if exclusive { -1 } else { 1 };
        }
        Ok(free)
    }

    fn unlock(&self) {
        *self.file.locked.lock() += if *self.exclusive.lock() { 1 } else { -1 };
    }
}

/// Runs `program` in ranks of one worker, and then over two, each time on the files that
/// `make` makes; `check` sees what became of them.
pub(super) fn run_files(
    size: u32,
    make: impl Fn() -> MemoryFiles,
    program: impl Fn(&mut Process) + Sync,
    check: impl Fn(&MemoryFiles),
) {
    for workers in [1, 2] {
        let files = Arc::new(make());
        let of_rank: Vec<u32> = (0..size).map(|rank| rank % workers).collect();
        let mut cluster = Cluster::new(&of_rank);
        cluster.files = vec![files.clone(); 2];
        cluster.run(|process| {
            process.rank.init().unwrap();
            program(process);
            process.rank.finalize(&mut process.guest).unwrap();
        });
        check(&files);
    }
}

pub(super) fn file(name: &str) -> FileName {
    FileName {
        directory: 3,
        path: name.to_owned(),
    }
}

pub(super) fn ints(at: u64, count: i64) -> Buffer {
    Buffer {
        addr: Addr(at),
        count,
        datatype: INT,
    }
}

pub(super) const fn write(place: Place) -> Access {
    Access {
        write: true,
        place,
        collective: false,
    }
}

pub(super) const fn read(place: Place) -> Access {
    Access {
        write: false,
        place,
        collective: false,
    }
}

pub(super) const fn all(access: Access) -> Access {
    Access {
        collective: true,
        ..access
    }
}

impl Process {
    pub(super) fn open(&mut self, name: &str, amode: i32) -> FileHandle {
        let opened = self
            .rank
            .file_open(&mut self.guest, WORLD, &file(name), amode, NO_INFO);
        opened.unwrap()
    }

    pub(super) fn close(&mut self, mut fh: FileHandle) {
        self.rank.file_close(&mut self.guest, &mut fh).unwrap();
        assert_eq!(fh, crate::io::NULL);
    }

    pub(super) fn view(
        &mut self,
        fh: FileHandle,
        disp: i64,
        etype: TypeHandle,
        filetype: TypeHandle,
    ) {
        self.view_as(fh, disp, (etype, filetype), "native").unwrap();
    }

    pub(super) fn view_as(
        &mut self,
        fh: FileHandle,
        disp: i64,
        types: (TypeHandle, TypeHandle),
        datarep: &str,
    ) -> Result<()> {
        self.rank
            .file_set_view(&mut self.guest, fh, disp, types, datarep, NO_INFO)
    }

    pub(super) fn try_access(
        &mut self,
        fh: FileHandle,
        access: Access,
        buffer: &Buffer,
    ) -> Result<Status> {
        self.rank.file_access(&mut self.guest, fh, access, buffer)
    }

    /// Bytes moved.
    pub(super) fn access(&mut self, fh: FileHandle, access: Access, buffer: &Buffer) -> u64 {
        self.try_access(fh, access, buffer).unwrap().bytes
    }

    pub(super) fn fill(&self, at: u64, values: impl IntoIterator<Item = i32>) -> Buffer {
        let bytes: Vec<u8> = values.into_iter().flat_map(i32::to_le_bytes).collect();
        self.rank.memory().write(Addr(at), &bytes).unwrap();
        ints(at, bytes.len() as i64 / 4)
    }

    pub(super) fn values(&self, at: u64, count: usize) -> Vec<i32> {
        let bytes = self.get(at, count * 4);
        let (words, _) = bytes.as_chunks::<4>();
        words.iter().map(|word| i32::from_le_bytes(*word)).collect()
    }

    /// A committed type.
    pub(super) fn make(&mut self, constructor: crate::datatype::Constructor) -> TypeHandle {
        let made = self
            .rank
            .type_create(constructor, crate::datatype::Counts::Int);
        let made = made.unwrap();
        self.rank.type_commit(made).unwrap();
        made
    }

    /// Every `of`-th block of `block` ints, from the `first` on.
    pub(super) fn every(&mut self, block: i64, of: i64, first: i64) -> TypeHandle {
        use crate::datatype::{Constructor, Order, Subarray};
        let old = self.rank.type_of(INT).unwrap();
        self.make(Constructor::Subarray(Subarray {
            sizes: vec![block * of],
            subsizes: vec![block],
            starts: vec![block * first],
            order: Order::C,
            old,
        }))
    }
}

/// The class that all fail with.
pub(super) fn class<T: std::fmt::Debug>(result: Result<T>) -> Class {
    result.unwrap_err().class
}
