//! Window objects: their memory, their attributes, what they refuse.

use super::*;
use crate::attribute::Object;
use crate::error::On;
use crate::handle::{ErrhandlerHandle, KeyvalHandle};
use std::sync::atomic::Ordering;

#[test]
fn an_allocated_window_brings_its_memory_and_frees_it() {
    run_both(2, |p| {
        let live = p.with_allocator();
        let extent = extent(64 * i64::from(p.me + 1), 4 << p.me);
        let (win, base) = p
            .rank
            .win_allocate(&mut p.guest, extent, NO_INFO, WORLD, ALLOCATOR)
            .unwrap();
        assert_eq!(live.load(Ordering::Relaxed), 1);
        let mut attribute = |key: i32| {
            let key = KeyvalHandle(key as u32);
            let found = p.rank.win_get_attr(&mut p.guest, win, key, ALLOCATOR);
            found.unwrap().unwrap()
        };
        assert_eq!(u64::from(attribute(abi::MPI_WIN_BASE)), base.0);
        let places: Vec<u32> = [
            abi::MPI_WIN_SIZE,
            abi::MPI_WIN_DISP_UNIT,
            abi::MPI_WIN_CREATE_FLAVOR,
            abi::MPI_WIN_MODEL,
        ]
        .map(&mut attribute)
        .into();
        let values: Vec<i32> = places.iter().map(|&at| p.int(at.into())).collect();
        let (size, unit) = (64 * (p.me + 1), 4 << p.me);
        let expected = [
            size,
            unit,
            abi::MPI_WIN_FLAVOR_ALLOCATE,
            abi::MPI_WIN_UNIFIED,
        ];
        assert_eq!(values, expected);
        // A displacement counts in the target's units.
        p.set_int(LOCAL, 9 + p.me);
        p.fence(win);
        let target = at(win, 1 - p.me, 1, 1, INT);
        p.rank.put(&mut p.guest, &ints(LOCAL, 1), &target).unwrap();
        p.fence(win);
        assert_eq!(p.int(base.0 + unit as u64), 10 - p.me);
        p.free_window(win);
        assert_eq!(live.load(Ordering::Relaxed), 0, "values and memory");
    });
}

#[test]
fn a_call_that_fails_at_one_rank_fails_at_all() {
    run_both(3, |p| {
        let live = p.with_allocator();
        let (mut size, mut unit) = (64, 1);
        let guest = &mut p.guest;
        if p.me == 2 {
            size = 2 << 20;
        }
        let made = p
            .rank
            .win_allocate(guest, extent(size, unit), NO_INFO, WORLD, ALLOCATOR);
        assert_eq!(made.unwrap_err().class, Class::NO_MEM);
        assert_eq!(live.load(Ordering::Relaxed), 0);
        size = if p.me == 1 { -1 } else { 64 };
        let base = Addr(WINDOW);
        let made = p
            .rank
            .win_create(guest, base, extent(size, unit), NO_INFO, WORLD);
        assert_eq!(made.unwrap_err().class, Class::SIZE);
        unit = if p.me == 0 { 0 } else { 4 };
        let made = p
            .rank
            .win_create(guest, base, extent(64, unit), NO_INFO, WORLD);
        assert_eq!(made.unwrap_err().class, Class::DISP);
        let base = Addr(if p.me == 0 { MEMORY as u64 - 63 } else { 0 });
        let made = p
            .rank
            .win_create(guest, base, extent(64, 1), NO_INFO, WORLD);
        assert_eq!(made.unwrap_err().class, Class::BASE);
        // What failed left nothing behind: the next call works.
        let win = p.window(64, 1);
        p.free_window(win);
    });
}

#[test]
fn only_attached_memory_of_a_dynamic_window_is_reached() {
    run_both(2, |p| {
        let win = p
            .rank
            .win_create_dynamic(&mut p.guest, NO_INFO, WORLD)
            .unwrap();
        let other = p.window(8, 1);
        let class = |result: Result<()>| result.unwrap_err().class;
        let base = Addr(WINDOW);
        assert_eq!(class(p.rank.win_attach(other, base, 8)), Class::RMA_FLAVOR);
        assert_eq!(class(p.rank.win_attach(win, base, -8)), Class::SIZE);
        let beyond = Addr(MEMORY as u64);
        assert_eq!(class(p.rank.win_attach(win, beyond, 8)), Class::RMA_ATTACH);
        p.rank.win_attach(win, base, 64).unwrap();
        let inside = Addr(WINDOW + 60);
        assert_eq!(class(p.rank.win_attach(win, inside, 8)), Class::RMA_ATTACH);
        p.rank.win_attach(win, Addr(WINDOW + 64), 64).unwrap();
        // No bytes are attached and detached like others, anywhere.
        for _ in 0..2 {
            p.rank.win_attach(win, inside, 0).unwrap();
        }
        for _ in 0..2 {
            p.rank.win_detach(win, inside).unwrap();
        }
        assert_eq!(class(p.rank.win_detach(win, inside)), Class::BASE);
        p.set_int(LOCAL, 70 + p.me);
        p.put(WINDOW + 128, &[0xee; 16]);
        p.barrier();
        let peer = 1 - p.me;
        p.lock(true, peer, win);
        let target = at(win, peer, WINDOW as i64 + 62, 1, INT);
        p.rank.put(&mut p.guest, &ints(LOCAL, 1), &target).unwrap();
        p.rank.win_flush(&mut p.guest, peer, win).unwrap();
        // At once where the target is here, else when its worker has been asked.
        let target = at(win, peer, WINDOW as i64 + 126, 1, INT);
        let refused = p
            .rank
            .put(&mut p.guest, &ints(LOCAL, 1), &target)
            .and_then(|()| p.rank.win_flush(&mut p.guest, peer, win));
        assert_eq!(class(refused), Class::RMA_RANGE);
        let got = p.rank.rget(&mut p.guest, &ints(LOCAL + 8, 1), &target);
        let refused = got.and_then(|mut got| p.rank.wait(&mut p.guest, &mut got).map(|_| ()));
        assert_eq!(class(refused), Class::RMA_RANGE);
        p.unlock(peer, win);
        p.barrier();
        assert_eq!(p.int(WINDOW + 62), 70 + peer);
        assert_eq!(p.get(WINDOW + 128, 16), [0xee; 16]);
        p.rank.win_detach(win, base).unwrap();
        p.free_window(win);
        p.free_window(other);
    });
}

#[test]
fn windows_have_names_groups_attributes_and_hints() {
    run_both(2, |p| {
        let info = p.rank.info_create().unwrap();
        p.rank.info_set(info, "no_locks", "true").unwrap();
        p.rank.info_set(info, "what", "ever").unwrap();
        let extent = extent(8, 1);
        let win = p
            .rank
            .win_create(&mut p.guest, Addr(WINDOW), extent, info, WORLD)
            .unwrap();
        assert_eq!(p.rank.win_get_name(win).unwrap(), "");
        p.rank.win_set_name(win, "halo").unwrap();
        assert_eq!(p.rank.win_get_name(win).unwrap(), "halo");
        let group = p.rank.win_get_group(win).unwrap();
        assert_eq!(p.rank.group_size(group).unwrap(), 2);
        let hints = p.rank.win_get_info(win).unwrap();
        let hint = |key| p.rank.info_get(hints, key).unwrap();
        assert_eq!(hint("no_locks").as_deref(), Some("true"));
        assert_eq!(hint("accumulate_ops").as_deref(), Some("same_op_no_op"));
        assert_eq!(hint("what"), None);
        let deleted = Arc::new(parking_lot::Mutex::new(Vec::new()));
        let log = deleted.clone();
        let delete = move |args: &[u32]| {
            log.lock().push((args[0], args[2]));
            Some(0)
        };
        p.guest.functions.insert(9, Box::new(delete));
        let never = GuestFn(abi::MPI_WIN_NULL_COPY_FN);
        let key = p.rank.create_keyval(Object::Win, never, GuestFn(9), 0);
        let key = key.unwrap();
        let guest = &mut p.guest;
        p.rank.win_set_attr(guest, win, key, 5).unwrap();
        p.rank.win_set_attr(guest, win, key, 6).unwrap();
        let found = p.rank.win_get_attr(guest, win, key, ALLOCATOR).unwrap();
        assert_eq!(found, Some(6));
        let base = KeyvalHandle(abi::MPI_WIN_BASE as u32);
        let refused = p.rank.win_set_attr(guest, win, base, 6);
        assert_eq!(refused.unwrap_err().class, Class::KEYVAL);
        let raw = win.0;
        p.free_window(win);
        assert_eq!(*deleted.lock(), [(raw, 5), (raw, 6)]);
        assert_eq!(p.rank.win_get_name(win).unwrap_err().class, Class::WIN);
    });
}

#[test]
fn errors_go_to_the_windows_handler() {
    run(1, |p| {
        let win = p.window(8, 1);
        let error = || Error::new(Class::RMA_RANGE, "far out");
        let called = Arc::new(parking_lot::Mutex::new(0));
        let count = called.clone();
        let handler = move |_: &[u32]| {
            *count.lock() += 1;
            None
        };
        p.guest.functions.insert(3, Box::new(handler));
        let handler = p.rank.comm_create_errhandler(GuestFn(3)).unwrap();
        p.rank.win_set_errhandler(win, handler).unwrap();
        assert_eq!(p.rank.win_get_errhandler(win).unwrap(), handler);
        let code = p.rank.raise(&mut p.guest, win, error()).unwrap();
        assert_eq!((code, *called.lock()), (Class::RMA_RANGE.0, 1));
        p.rank
            .win_call_errhandler(&mut p.guest, win, Class::WIN.0)
            .unwrap();
        assert_eq!(*called.lock(), 2);
        let returns = ErrhandlerHandle(abi::MPI_ERRORS_RETURN);
        p.rank.win_set_errhandler(win, returns).unwrap();
        assert!(p.rank.raise(&mut p.guest, win, error()).is_ok());
        assert_eq!(*called.lock(), 2);
        // The errors of a window's requests go there too.
        let on = p.rank.win(win).unwrap().comm.on();
        assert_eq!(on, On::Win(win));
        p.free_window(win);
    });
}

#[test]
fn ranks_of_several_workers_share_no_memory() {
    run_on(&[0, 1], |p| {
        p.with_allocator();
        let extent = extent(8, 1);
        let made = p
            .rank
            .win_allocate_shared(&mut p.guest, extent, NO_INFO, WORLD, ALLOCATOR);
        assert_eq!(made.unwrap_err().class, Class::RMA_SHARED);
        let win = p.window(8, 1);
        let portion = p.rank.win_shared_query(win, 0).unwrap();
        assert_eq!((portion.base, portion.size), (Addr(0), 0));
        p.free_window(win);
    });
}
