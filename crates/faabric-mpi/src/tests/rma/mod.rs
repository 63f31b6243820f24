//! One-sided communication through the engine, on one worker and over two.

mod epochs;
mod model;
mod transfers;
mod windows;

use super::*;
use crate::handle::{GroupHandle, InfoHandle, OpHandle, WinHandle};
use crate::rma::{Allocator, Extent, Target};

const NO_INFO: InfoHandle = InfoHandle(abi::MPI_INFO_NULL);
const SUM: OpHandle = OpHandle(abi::MPI_SUM);
const REPLACE: OpHandle = OpHandle(abi::MPI_REPLACE);
const NO_OP: OpHandle = OpHandle(abi::MPI_NO_OP);
/// The "guest's" allocator.
const ALLOCATE: GuestFn = GuestFn(100);
const FREE: GuestFn = GuestFn(101);
const ALLOCATOR: Allocator = Allocator {
    allocate: ALLOCATE,
    free: FREE,
};
/// Where windows of tests lie.
const WINDOW: u64 = 1 << 20;
/// Where the tests' own buffers lie.
const LOCAL: u64 = 4096;

fn extent(size: i64, disp_unit: i64) -> Extent {
    Extent { size, disp_unit }
}

/// `count` elements of `datatype` at `disp` of rank `rank`.
fn at(win: WinHandle, rank: i32, disp: i64, count: i64, datatype: TypeHandle) -> Target {
    Target {
        rank,
        disp,
        count,
        datatype,
        win,
    }
}

fn ints(at: u64, count: i64) -> Buffer {
    Buffer {
        addr: Addr(at),
        count,
        datatype: INT,
    }
}

impl Process {
    /// A window of `size` bytes at [`WINDOW`] of every rank.
    fn window(&mut self, size: i64, disp_unit: i64) -> WinHandle {
        let extent = extent(size, disp_unit);
        self.rank
            .win_create(&mut self.guest, Addr(WINDOW), extent, NO_INFO, WORLD)
            .unwrap()
    }

    fn free_window(&mut self, mut win: WinHandle) {
        self.rank.win_free(&mut self.guest, &mut win, FREE).unwrap();
        assert_eq!(win, crate::rma::NULL);
    }

    fn fence(&mut self, win: WinHandle) {
        self.rank.win_fence(&mut self.guest, 0, win).unwrap();
    }

    fn lock(&mut self, exclusive: bool, rank: i32, win: WinHandle) {
        let kind = match exclusive {
            true => abi::MPI_LOCK_EXCLUSIVE,
            false => abi::MPI_LOCK_SHARED,
        };
        self.rank
            .win_lock(&mut self.guest, kind, rank, 0, win)
            .unwrap();
    }

    fn unlock(&mut self, rank: i32, win: WinHandle) {
        self.rank.win_unlock(&mut self.guest, rank, win).unwrap();
    }

    fn barrier(&mut self) {
        let barrier = crate::collective::Collective::Barrier;
        self.rank
            .collective(&mut self.guest, WORLD, &barrier)
            .unwrap();
    }

    fn int(&self, at: u64) -> i32 {
        i32::from_le_bytes(self.get(at, 4).try_into().unwrap())
    }

    fn set_int(&self, at: u64, value: i32) {
        self.put(at, &value.to_le_bytes());
    }

    /// A group of these ranks of the world.
    fn group(&self, ranks: &[i32]) -> GroupHandle {
        let world = self.rank.comm_group(WORLD).unwrap();
        self.rank.group_incl(world, ranks).unwrap()
    }

    /// An allocator that gives out memory from 2 MiB on, and counts what is not freed.
    fn with_allocator(&mut self) -> Arc<std::sync::atomic::AtomicI32> {
        use std::sync::atomic::{AtomicI32, Ordering};
        let live = Arc::new(AtomicI32::new(0));
        let (counted, mut next) = (live.clone(), 2u32 << 20);
        let allocate = move |args: &[u32]| {
            if args[1] > 1 << 20 {
                return Some(0);
            }
            counted.fetch_add(1, Ordering::Relaxed);
            next = next.next_multiple_of(args[0]);
            let at = next;
            next += args[1];
            Some(at)
        };
        let counted = live.clone();
        let free = move |_: &[u32]| {
            counted.fetch_sub(1, Ordering::Relaxed);
            None
        };
        self.guest.functions.insert(ALLOCATE.0, Box::new(allocate));
        self.guest.functions.insert(FREE.0, Box::new(free));
        live
    }
}
