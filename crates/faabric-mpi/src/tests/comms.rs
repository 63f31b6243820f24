//! Communicators, groups, attributes, error handlers, info.

use super::*;
use crate::attribute::{Object, Value};
use crate::communicator::NULL;
use crate::from_group::Attached;
use crate::group::Range;
use crate::handle::{ErrhandlerHandle, GroupHandle, InfoHandle, KeyvalHandle};
use crate::send::SendMode::{Standard, Synchronous};
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

pub(super) fn on(comm: CommHandle, rank: i32, tag: i32) -> (Destination, Origin) {
    (Destination { rank, tag, comm }, Origin { rank, tag, comm })
}

/// A token around the ring of `comm`: it works, and is as large as it should be.
pub(super) fn ring(p: &mut Process, comm: CommHandle, size: i32) {
    let rank = p.rank.comm_rank(comm).unwrap();
    assert_eq!(p.rank.comm_size(comm).unwrap(), size);
    let (right, left) = ((rank + 1) % size, (rank + size - 1) % size);
    let buffer = p.put(0, &[rank as u8]);
    let (to, from) = (on(comm, right, 3).0, on(comm, left, 3).1);
    let mut sent = p.rank.isend(Standard, &buffer, to).unwrap();
    let status = p.rank.recv(&mut p.guest, &span(1, 1), from).unwrap();
    p.rank.wait(&mut p.guest, &mut sent).unwrap();
    assert_eq!((status.source, p.get(1, 1)), (left, vec![left as u8]));
}

#[test]
fn duplicates_have_messages_of_their_own() {
    run_both(3, |p| {
        let mut new = p.rank.comm_dup(&mut p.guest, WORLD).unwrap();
        assert_eq!(p.rank.comm_compare(WORLD, new).unwrap(), abi::MPI_CONGRUENT);
        assert_eq!(p.rank.comm_compare(new, new).unwrap(), abi::MPI_IDENT);
        ring(p, new, 3);
        if p.me == 0 {
            p.put(0, b"wd");
            let (world, dup) = (on(WORLD, 1, 1).0, on(new, 1, 1).0);
            p.rank
                .send(&mut p.guest, Standard, &span(0, 1), world)
                .unwrap();
            p.rank
                .send(&mut p.guest, Standard, &span(1, 1), dup)
                .unwrap();
        } else if p.me == 1 {
            p.rank
                .recv(&mut p.guest, &span(0, 1), on(new, ANY, 1).1)
                .unwrap();
            p.rank
                .recv(&mut p.guest, &span(1, 1), on(WORLD, ANY, 1).1)
                .unwrap();
            assert_eq!(p.get(0, 2), b"dw");
        }
        let old = new;
        p.rank.comm_free(&mut p.guest, &mut new).unwrap();
        assert_eq!(new, NULL);
        assert_eq!(p.rank.comm_size(old).unwrap_err().class, Class::COMM);
        assert!(
            p.rank
                .comm_free(&mut p.guest, &mut CommHandle(abi::MPI_COMM_WORLD))
                .is_err()
        );
        let (new, mut request) = p.rank.comm_idup(&mut p.guest, WORLD).unwrap();
        p.rank.wait(&mut p.guest, &mut request).unwrap();
        ring(p, new, 3);
    });
}

/// As MPICH's comm_idup: no rank may wait for another in MPI_Comm_idup.
#[test]
fn idup_does_not_wait_for_the_others() {
    run_both(4, |p| {
        let side = p.me % 2;
        let local = p.rank.comm_split(&mut p.guest, WORLD, side, 0).unwrap();
        let inter = p
            .rank
            .intercomm_create(&mut p.guest, local, 0, WORLD, 1 - side, 12)
            .unwrap();
        for comm in [WORLD, inter] {
            let begin = |p: &mut Process| p.rank.comm_idup(&mut p.guest, comm).unwrap();
            let (new, mut request) = if p.me == 0 {
                for other in 1..p.size {
                    let buffer = span(0, 1);
                    p.rank.recv(&mut p.guest, &buffer, from(other, 5)).unwrap();
                }
                begin(p)
            } else {
                let started = begin(p);
                let buffer = span(0, 1);
                p.rank
                    .send(&mut p.guest, Synchronous, &buffer, to(0, 5))
                    .unwrap();
                started
            };
            let (second, mut other) = p.rank.comm_idup(&mut p.guest, comm).unwrap();
            p.rank.wait(&mut p.guest, &mut other).unwrap();
            p.rank.wait(&mut p.guest, &mut request).unwrap();
            assert_eq!(
                p.rank.comm_compare(new, second).unwrap(),
                abi::MPI_CONGRUENT
            );
            if comm == WORLD {
                ring(p, new, 4);
                ring(p, second, 4);
            } else {
                for inter in [new, second] {
                    let merged = p.rank.intercomm_merge(&mut p.guest, inter, side == 0);
                    ring(p, merged.unwrap(), 4);
                }
            }
        }
    });
}

#[test]
fn communicators_come_of_groups_alone() {
    run_both(5, |p| {
        let attached = Attached {
            tag: "conf",
            info: InfoHandle(abi::MPI_INFO_NULL),
            errhandler: ErrhandlerHandle(abi::MPI_ERRORS_RETURN),
        };
        let all = p.rank.comm_group(WORLD).unwrap();
        // Ranks 0, 1 and 2, 3, 4, at the same time and under the same name.
        let sides = [&[0, 1][..], &[4, 3, 2][..]];
        let side = usize::from(p.me >= 2);
        let groups = sides.map(|ranks| p.rank.group_incl(all, ranks).unwrap());
        let new = p
            .rank
            .comm_create_from_group(&mut p.guest, groups[side], attached)
            .unwrap();
        let place = sides[side].iter().position(|&rank| rank == p.me);
        assert_eq!(p.rank.comm_rank(new).unwrap(), place.unwrap() as i32);
        ring(p, new, sides[side].len() as i32);
        let wrong = p.rank.comm_get_errhandler(new).unwrap();
        assert_eq!(wrong.0, abi::MPI_ERRORS_RETURN);
        let leaders = [1, 2];
        let inter = p
            .rank
            .intercomm_create_from_groups(
                &mut p.guest,
                (groups[side], leaders[side]),
                (groups[1 - side], leaders[1 - side]),
                attached,
            )
            .unwrap();
        let merged = p.rank.intercomm_merge(&mut p.guest, inter, side == 1);
        let merged = merged.unwrap();
        ring(p, merged, 5);
        let empty = GroupHandle(abi::MPI_GROUP_EMPTY);
        let none = p.rank.comm_create_from_group(&mut p.guest, empty, attached);
        assert_eq!(none.unwrap(), NULL);
        let foreign = p
            .rank
            .comm_create_from_group(&mut p.guest, groups[1 - side], attached);
        assert_eq!(foreign.unwrap_err().class, Class::GROUP);
        let overlapping = p.rank.intercomm_create_from_groups(
            &mut p.guest,
            (groups[side], place.unwrap() as i32),
            (all, 0),
            attached,
        );
        assert_eq!(overlapping.unwrap_err().class, Class::GROUP);
    });
}

#[test]
fn a_split_orders_by_key_and_leaves_out_the_undefined() {
    run_both(7, |p| {
        let color = if p.me == 6 {
            abi::MPI_UNDEFINED
        } else {
            p.me % 2
        };
        let new = p
            .rank
            .comm_split(&mut p.guest, WORLD, color, -p.me)
            .unwrap();
        if p.me == 6 {
            assert_eq!(new, NULL);
        } else {
            assert_eq!(p.rank.comm_rank(new).unwrap(), 2 - p.me / 2);
            ring(p, new, 3);
        }
        let kind = abi::MPI_COMM_TYPE_SHARED;
        let info = InfoHandle(abi::MPI_INFO_NULL);
        let shared = p
            .rank
            .comm_split_type(&mut p.guest, WORLD, kind, 0, info)
            .unwrap();
        let world = p.rank.world();
        let here = (0..p.size).filter(|&r| world.mailbox(r as u32).is_some());
        let here = here.count();
        ring(p, shared, here as i32);
    });
}

#[test]
fn communicators_of_groups() {
    run_both(5, |p| {
        let world = p.rank.comm_group(WORLD).unwrap();
        let odd = p
            .rank
            .group_range_incl(
                world,
                &[Range {
                    first: 1,
                    last: 3,
                    stride: 2,
                }],
            )
            .unwrap();
        let rest = p.rank.group_difference(world, odd).unwrap();
        let mine = if p.me % 2 == 1 { odd } else { rest };
        // Disjoint groups in one call.
        let new = p.rank.comm_create(&mut p.guest, WORLD, mine).unwrap();
        ring(p, new, if p.me % 2 == 1 { 2 } else { 3 });
        let new = p.rank.comm_create(&mut p.guest, WORLD, odd).unwrap();
        assert_eq!(new == NULL, p.me % 2 == 0);
        if p.me % 2 == 1 {
            let new = p
                .rank
                .comm_create_group(&mut p.guest, WORLD, odd, 77)
                .unwrap();
            ring(p, new, 2);
            let group = p.rank.comm_group(new).unwrap();
            assert_eq!(p.rank.group_compare(group, odd).unwrap(), abi::MPI_IDENT);
            assert_eq!(
                p.rank.group_translate_ranks(group, &[0, 1], world).unwrap(),
                [1, 3]
            );
        }
        let mut empty = p.rank.group_intersection(odd, rest).unwrap();
        assert_eq!(empty, GroupHandle(abi::MPI_GROUP_EMPTY));
        assert_eq!(
            p.rank.comm_create(&mut p.guest, WORLD, empty).unwrap(),
            NULL
        );
        p.rank.group_free(&mut empty).unwrap();
        assert_eq!(p.rank.group_size(empty).unwrap_err().class, Class::GROUP);
    });
}

#[test]
fn intercommunicators_reach_the_other_group_and_merge() {
    run_both(5, |p| {
        let side = i32::from(p.me >= 2);
        let local = p.rank.comm_split(&mut p.guest, WORLD, side, 0).unwrap();
        let leader = if side == 0 { 2 } else { 0 };
        let inter = p
            .rank
            .intercomm_create(&mut p.guest, local, 0, WORLD, leader, 12)
            .unwrap();
        assert!(p.rank.comm_test_inter(inter).unwrap());
        assert_eq!(
            p.rank.comm_size(inter).unwrap(),
            if side == 0 { 2 } else { 3 }
        );
        assert_eq!(
            p.rank.comm_remote_size(inter).unwrap(),
            if side == 0 { 3 } else { 2 }
        );
        let dup = p.rank.comm_dup(&mut p.guest, inter).unwrap();
        for comm in [inter, dup] {
            let rank = p.rank.comm_rank(comm).unwrap();
            if side == 0 && rank == 1 {
                let buffer = p.put(0, b"hi");
                p.rank
                    .send(&mut p.guest, Standard, &buffer, on(comm, 2, 1).0)
                    .unwrap();
            } else if side == 1 && rank == 2 {
                let status = p
                    .rank
                    .recv(&mut p.guest, &span(0, 2), on(comm, ANY, 1).1)
                    .unwrap();
                assert_eq!((status.source, p.get(0, 2)), (1, b"hi".to_vec()));
            }
        }
        let merged = p
            .rank
            .intercomm_merge(&mut p.guest, inter, side == 0)
            .unwrap();
        ring(p, merged, 5);
        assert_eq!(p.rank.comm_rank(merged).unwrap(), (p.me + 3) % 5);
        let split = p.rank.comm_split(&mut p.guest, inter, p.me % 2, 0).unwrap();
        assert_eq!(
            p.rank.comm_size(split).unwrap(),
            if p.me % 2 == 0 && side == 1 { 2 } else { 1 }
        );
        let merged = p.rank.intercomm_merge(&mut p.guest, split, false).unwrap();
        ring(p, merged, if p.me % 2 == 0 { 3 } else { 2 });
    });
}

#[test]
fn leaders_meet_though_neither_has_room_for_messages() {
    run_both(2, |p| {
        let peer = 1 - p.me;
        let buffer = p.put(0, &[7; 1024]);
        let mut requests: Vec<_> = (0..1100)
            .map(|_| p.rank.isend(Standard, &buffer, to(peer, 1)).unwrap())
            .collect();
        let inter = p
            .rank
            .intercomm_create(
                &mut p.guest,
                CommHandle(abi::MPI_COMM_SELF),
                0,
                WORLD,
                peer,
                12,
            )
            .unwrap();
        let split = p.rank.comm_split(&mut p.guest, inter, 0, 0).unwrap();
        let merged = p
            .rank
            .intercomm_merge(&mut p.guest, split, p.me == 0)
            .unwrap();
        for request in &mut requests {
            let received = p.rank.recv(&mut p.guest, &span(4096, 1024), from(peer, 1));
            assert_eq!(received.unwrap().source, peer);
            p.rank.wait(&mut p.guest, request).unwrap();
        }
        ring(p, merged, 2);
    });
}

#[test]
fn topologies_survive_dup_and_sub() {
    run_both(6, |p| {
        let cart = p
            .rank
            .cart_create(&mut p.guest, WORLD, &[2, 2], &[false, true])
            .unwrap();
        assert_eq!(cart == NULL, p.me >= 4);
        if cart != NULL {
            let dup = p.rank.comm_dup(&mut p.guest, cart).unwrap();
            assert_eq!(p.rank.topo_test(dup).unwrap(), abi::MPI_CART);
            assert_eq!(p.rank.cart(dup).unwrap().coords(3).unwrap(), [1, 1]);
            let row = p.rank.cart_sub(&mut p.guest, dup, &[false, true]).unwrap();
            assert_eq!(p.rank.cart(row).unwrap().dims(), [2]);
            ring(p, row, 2);
        }
        assert_eq!(p.rank.cart(WORLD).unwrap_err().class, Class::TOPOLOGY);
        let next = (p.me + 1) % 6;
        let graph = p
            .rank
            .dist_graph_create(&mut p.guest, WORLD, &[p.me], &[1], (&[next], Some(&[p.me])))
            .unwrap();
        let graph = p.rank.dist_graph(graph).unwrap();
        let before = (p.me + 5) % 6;
        assert_eq!(
            (graph.sources, graph.source_weights),
            (vec![before], vec![before])
        );
        assert_eq!(graph.destinations, [next]);
    });
}

#[test]
fn attributes_are_copied_and_deleted_by_their_callbacks() {
    run(2, |p| {
        let log = Arc::new(Mutex::new(Vec::new()));
        let (memory, copied) = (p.rank.memory().clone(), log.clone());
        p.guest.functions.insert(
            5,
            Box::new(move |args| {
                copied.lock().push(("copy", args[3]));
                memory
                    .write(Addr(u64::from(args[4])), &(args[3] + 1).to_le_bytes())
                    .unwrap();
                memory
                    .write(Addr(u64::from(args[5])), &1u32.to_le_bytes())
                    .unwrap();
                Some(0)
            }),
        );
        let deleted = log.clone();
        p.guest.functions.insert(
            6,
            Box::new(move |args| {
                deleted.lock().push(("delete", args[2]));
                Some(0)
            }),
        );
        let (rank, guest) = (&p.rank, &mut p.guest);
        let key = rank
            .create_keyval(Object::Comm, GuestFn(5), GuestFn(6), 9)
            .unwrap();
        let plain = rank
            .create_keyval(Object::Comm, GuestFn(0), GuestFn(0), 0)
            .unwrap();
        let always = rank
            .create_keyval(Object::Comm, GuestFn(1), GuestFn(0), 0)
            .unwrap();
        let first = rank.comm_dup(guest, WORLD).unwrap();
        for (key, value) in [(key, 10), (plain, 20), (always, 30)] {
            assert_eq!(rank.comm_get_attr(first, key).unwrap(), None);
            rank.comm_set_attr(guest, first, key, value).unwrap();
        }
        rank.free_keyval(Object::Comm, key).unwrap();
        assert_eq!(
            rank.comm_get_attr(first, key).unwrap(),
            Some(Value::Word(10))
        );
        let mut second = rank.comm_dup(guest, first).unwrap();
        assert_eq!(rank.comm_get_attr(second, plain).unwrap(), None);
        assert_eq!(
            rank.comm_get_attr(second, always).unwrap(),
            Some(Value::Word(30))
        );
        rank.comm_free(guest, &mut second).unwrap();
        assert_eq!(*log.lock(), [("copy", 10), ("delete", 11)]);
        let tag_ub = KeyvalHandle(abi::MPI_TAG_UB as u32);
        assert_eq!(
            rank.comm_get_attr(first, tag_ub).unwrap(),
            Some(Value::Int(i32::MAX))
        );
        assert!(rank.comm_set_attr(guest, first, tag_ub, 1).is_err());
        let of_type = rank
            .create_keyval(Object::Type, GuestFn(1), GuestFn(0), 0)
            .unwrap();
        assert!(rank.comm_set_attr(guest, first, of_type, 1).is_err());
        rank.type_set_attr(guest, INT, of_type, 4).unwrap();
        assert_eq!(rank.type_get_attr(INT, of_type).unwrap(), Some(4));
        rank.type_delete_attr(guest, INT, of_type).unwrap();
        assert_eq!(rank.type_get_attr(INT, of_type).unwrap(), None);
    });
}

/// As MPICH's attr/fkeyval: a key that was freed works while an attribute is under it.
#[test]
fn a_freed_key_lives_while_it_is_used() {
    run(1, |p| {
        let none = GuestFn(abi::MPI_COMM_NULL_COPY_FN);
        let key = p.rank.create_keyval(Object::Comm, none, none, 0).unwrap();
        p.rank.comm_set_attr(&mut p.guest, WORLD, key, 7).unwrap();
        p.rank.free_keyval(Object::Comm, key).unwrap();
        let value = p.rank.comm_get_attr(WORLD, key).unwrap();
        assert_eq!(value, Some(Value::Word(7)));
        p.rank.free_keyval(Object::Comm, key).unwrap();
        p.rank.comm_delete_attr(&mut p.guest, WORLD, key).unwrap();
        let gone = p.rank.free_keyval(Object::Comm, key);
        assert_eq!(gone.unwrap_err().class, Class::KEYVAL);
    });
}

/// Programs from before MPI 4 set the handler of MPI_COMM_WORLD alone.
#[test]
fn errors_of_no_object_go_to_the_handler_that_was_set() {
    run(1, |p| {
        let nothing = CommHandle(abi::MPI_COMM_NULL);
        let error = || Error::new(Class::ARG, "test");
        let returns = ErrhandlerHandle(abi::MPI_ERRORS_RETURN);
        p.rank.comm_set_errhandler(WORLD, returns).unwrap();
        let code = p.rank.raise(&mut p.guest, nothing, error()).unwrap();
        assert_eq!(code, Class::ARG.0);
        let code = p.rank.raise(&mut p.guest, returns, error()).unwrap();
        assert_eq!(code, Class::ARG.0);
    });
}

#[test]
fn attributes_of_self_are_deleted_in_finalize() {
    let deleted = Arc::new(Mutex::new(Vec::new()));
    run(1, |p| {
        let log = deleted.clone();
        p.guest.functions.insert(
            6,
            Box::new(move |args| {
                log.lock().push(args[2]);
                Some(0)
            }),
        );
        for value in [1, 2] {
            let key = p
                .rank
                .create_keyval(Object::Comm, GuestFn(0), GuestFn(6), 0)
                .unwrap();
            let this = CommHandle(abi::MPI_COMM_SELF);
            p.rank
                .comm_set_attr(&mut p.guest, this, key, value)
                .unwrap();
        }
    });
    assert_eq!(*deleted.lock(), [2, 1]);
}

#[test]
fn errors_go_to_the_communicators_handler() {
    let cluster = Cluster::new(&[0]);
    cluster.run(|p| {
        p.rank.init().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (log, memory) = (seen.clone(), p.rank.memory().clone());
        p.guest.functions.insert(
            8,
            Box::new(move |args| {
                let mut word = [0; 4];
                memory.read(Addr(u64::from(args[1])), &mut word).unwrap();
                log.lock().push(i32::from_le_bytes(word));
                None
            }),
        );
        let handler = p.rank.comm_create_errhandler(GuestFn(8)).unwrap();
        p.rank.comm_set_errhandler(WORLD, handler).unwrap();
        p.rank.errhandler_free(handler).unwrap();
        assert_eq!(p.rank.comm_get_errhandler(WORLD).unwrap(), handler);
        p.rank.errhandler_free(handler).unwrap();
        let error = || Error::new(Class::RANK, "dest");
        let dup = p.rank.comm_dup(&mut p.guest, WORLD).unwrap();
        assert_eq!(
            p.rank.raise(&mut p.guest, dup, error()).unwrap(),
            Class::RANK.0
        );
        assert_eq!(
            *seen.lock(),
            [Class::RANK.0],
            "a duplicate inherits the handler"
        );
        let return_it = ErrhandlerHandle(abi::MPI_ERRORS_RETURN);
        p.rank.comm_set_errhandler(WORLD, return_it).unwrap();
        assert_eq!(
            p.rank.raise(&mut p.guest, WORLD, error()).unwrap(),
            Class::RANK.0
        );
        let class = p.rank.add_error_class();
        let code = p.rank.add_error_code(class).unwrap();
        p.rank.add_error_string(code, "out of coffee").unwrap();
        assert_eq!(p.rank.error_class(code).unwrap(), class);
        assert_eq!(p.rank.error_string(code).unwrap(), "out of coffee");
        assert!(
            p.rank
                .error_string(Class::RANK.0)
                .unwrap()
                .contains("MPI_ERR_RANK")
        );
        assert!(p.rank.error_class(code + 1).is_err() && p.rank.add_error_code(code + 1).is_err());
        let fatal = ErrhandlerHandle(abi::MPI_ERRORS_ARE_FATAL);
        p.rank.comm_set_errhandler(WORLD, fatal).unwrap();
        assert!(p.rank.raise(&mut p.guest, WORLD, error()).is_err());
    });
    let ending = cluster.worlds[0].ended().unwrap();
    assert!(
        ending.reason.contains("rank 0: MPI_ERR_RANK: dest"),
        "{}",
        ending.reason
    );
}

#[test]
fn a_communicator_keeps_the_hints_it_knows() {
    run(1, |p| {
        let hints = |pairs: &[(&str, &str)]| {
            let info = p.rank.info_create().unwrap();
            for (key, value) in pairs {
                p.rank.info_set(info, key, value).unwrap();
            }
            info
        };
        let (tag, source) = ("mpi_assert_no_any_tag", "mpi_assert_no_any_source");
        let given = hints(&[("unknown", "1"), (tag, "true")]);
        let new = p.rank.comm_dup_with_info(&mut p.guest, WORLD, given);
        let new = new.unwrap();
        p.rank
            .comm_set_info(new, hints(&[(source, "true")]))
            .unwrap();
        let kept = p.rank.comm_get_info(new).unwrap();
        let value = |key| p.rank.info_get(kept, key).unwrap();
        assert_eq!((value("unknown"), value(tag)), (None, Some("true".into())));
        assert_eq!(value(source).as_deref(), Some("true"));
        let dup = p.rank.comm_dup(&mut p.guest, new).unwrap();
        let kept = p.rank.comm_get_info(dup).unwrap();
        assert_eq!(p.rank.info_get_nkeys(kept).unwrap(), 0);
    });
}

#[test]
fn info_objects_keep_their_order() {
    run(1, |p| {
        let info = p.rank.info_create().unwrap();
        for (key, value) in [("b", "1"), ("a", "2"), ("b", "3")] {
            p.rank.info_set(info, key, value).unwrap();
        }
        let copy = p.rank.info_dup(info).unwrap();
        p.rank.info_delete(info, "b").unwrap();
        assert_eq!(
            p.rank.info_delete(info, "b").unwrap_err().class,
            Class::INFO_NOKEY
        );
        assert_eq!(p.rank.info_get_nkeys(copy).unwrap(), 2);
        assert_eq!(p.rank.info_get_nthkey(copy, 0).unwrap(), "b");
        assert_eq!(p.rank.info_get(copy, "b").unwrap().as_deref(), Some("3"));
        assert_eq!(p.rank.info_get(copy, "c").unwrap(), None);
        let too_long = "k".repeat(256);
        assert_eq!(
            p.rank.info_set(copy, &too_long, "").unwrap_err().class,
            Class::INFO_KEY
        );
        let new = p
            .rank
            .comm_dup_with_info(&mut p.guest, WORLD, copy)
            .unwrap();
        let of_comm = p.rank.comm_get_info(new).unwrap();
        assert_eq!(p.rank.info_get_nkeys(of_comm).unwrap(), 0);
        p.rank.info_free(info).unwrap();
        assert_eq!(p.rank.info_get_nkeys(info).unwrap_err().class, Class::INFO);
    });
}

/// `MPI_Comm_free` lets operations under way end normally (MPI 4.1, section 7.4.3).
#[test]
fn requests_keep_the_error_handler_of_a_freed_communicator() {
    run(1, |p| {
        let called = Arc::new(Mutex::new(Vec::new()));
        let (log, memory) = (called.clone(), p.rank.memory().clone());
        let function = move |args: &[u32]| {
            let mut words = [0; 8];
            memory.read(Addr(u64::from(args[0])), &mut words).unwrap();
            log.lock().push(u64::from_le_bytes(words));
            None
        };
        p.guest.functions.insert(8, Box::new(function));
        let mut fail = |handler, early: bool| {
            let mut dup = p.rank.comm_dup(&mut p.guest, WORLD).unwrap();
            p.rank.comm_set_errhandler(dup, handler).unwrap();
            p.rank.errhandler_free(handler).unwrap();
            let (to, from) = on(dup, 0, 0);
            let send = || p.rank.isend(Standard, &span(0, 20), to).unwrap();
            let receive = || p.rank.irecv(&span(100, 10), from).unwrap();
            let (mut sent, mut received) = match early {
                true => (send(), receive()),
                false => {
                    let received = receive();
                    (send(), received)
                }
            };
            p.rank.comm_free(&mut p.guest, &mut dup).unwrap();
            p.rank.wait(&mut p.guest, &mut sent).unwrap();
            let error = p.rank.wait(&mut p.guest, &mut received).unwrap_err();
            assert_eq!(error.on, Some(handler.into()));
            let code = p.rank.raise(&mut p.guest, WORLD, error).unwrap();
            assert_eq!(code, Class::TRUNCATE.0);
        };
        for early in [true, false] {
            fail(ErrhandlerHandle(abi::MPI_ERRORS_RETURN), early);
            assert!(called.lock().is_empty());
        }
        for early in [true, false] {
            let handler = p.rank.comm_create_errhandler(GuestFn(8)).unwrap();
            fail(handler, early);
            let null = u64::from(abi::MPI_COMM_NULL);
            let expected = null | (Class::TRUNCATE.0 as u64) << 32;
            assert_eq!(std::mem::take(&mut *called.lock()), [expected]);
            assert!(
                p.rank.errhandlers.lock().len() == 1,
                "only the last is kept"
            );
        }
    });
}

#[test]
fn a_disconnect_waits_for_what_is_under_way() {
    for of_rank in [[0, 0], [0, 1]] {
        let (frees, receives) = (AtomicBool::new(false), AtomicBool::new(false));
        run_on(&of_rank, |p| {
            let mut world = WORLD;
            let refused = p.rank.comm_disconnect(&mut p.guest, &mut world);
            assert_eq!(refused.unwrap_err().class, Class::COMM);
            let mut comm = p.rank.comm_dup(&mut p.guest, WORLD).unwrap();
            let (to, from) = on(comm, 1 - p.me, 7);
            if p.me == 0 {
                let mut sent = p.rank.isend(Synchronous, &span(0, 1), to).unwrap();
                p.rank.request_free(&mut p.guest, &mut sent).unwrap();
                frees.store(true, Ordering::Release);
                p.rank.comm_disconnect(&mut p.guest, &mut comm).unwrap();
                assert!(receives.load(Ordering::Acquire));
            } else {
                while !frees.load(Ordering::Acquire) {
                    std::thread::yield_now();
                }
                // Time enough for a disconnect that does not wait.
                std::thread::sleep(std::time::Duration::from_millis(20));
                receives.store(true, Ordering::Release);
                let mut received = p.rank.irecv(&span(1, 1), from).unwrap();
                p.rank.comm_disconnect(&mut p.guest, &mut comm).unwrap();
                let ended = p.rank.test(&mut p.guest, &mut received).unwrap();
                assert_eq!(ended.map(|status| status.tag), Some(7));
            }
            assert_eq!(comm, NULL);
        });
    }
}
