//! Sessions: with, without, before and after the world of `MPI_Init`.

use super::*;
use crate::Attachable;
use crate::from_group::Attached;
use crate::handle::{ErrhandlerHandle, InfoHandle, SessionHandle};
use crate::send::SendMode::{Buffered, Standard};
use std::sync::mpsc::channel;

const NO_INFO: InfoHandle = InfoHandle(abi::MPI_INFO_NULL);
const RETURN: ErrhandlerHandle = ErrhandlerHandle(abi::MPI_ERRORS_RETURN);

fn open(p: &Process) -> SessionHandle {
    p.rank.session_init(NO_INFO, RETURN).unwrap()
}

/// A communicator of the ranks of `pset`, as a session's program makes it.
fn comm_of(p: &mut Process, session: SessionHandle, pset: &str, tag: &str) -> CommHandle {
    let mut group = p.rank.group_from_session_pset(session, pset).unwrap();
    let attached = Attached {
        tag,
        info: NO_INFO,
        errhandler: RETURN,
    };
    let comm = p.rank.comm_create_from_group(&mut p.guest, group, attached);
    p.rank.group_free(&mut group).unwrap();
    comm.unwrap()
}

/// Sends this rank's number around the ring of `comm`, and checks what comes.
fn pass_around(p: &mut Process, comm: CommHandle) {
    let (me, size) = (
        p.rank.comm_rank(comm).unwrap(),
        p.rank.comm_size(comm).unwrap(),
    );
    p.put(0, &[me as u8]);
    let to = Destination {
        rank: (me + 1) % size,
        tag: 3,
        comm,
    };
    let from = Origin {
        rank: (me + size - 1) % size,
        tag: 3,
        comm,
    };
    let mut received = p.rank.irecv(&span(1, 1), from).unwrap();
    p.rank
        .send(&mut p.guest, Standard, &span(0, 1), to)
        .unwrap();
    p.rank.wait(&mut p.guest, &mut received).unwrap();
    assert_eq!(p.get(1, 1), [((me + size - 1) % size) as u8]);
}

/// Runs `program` as four ranks, on one worker and on two, without `MPI_Init`.
fn run_without_world(program: impl Fn(&mut Process) + Sync) {
    for of_rank in [[0; 4], [0, 1, 0, 1]] {
        Cluster::new(&of_rank).run(&program);
    }
}

#[test]
fn sessions_communicate_without_the_world() {
    run_without_world(|p| {
        assert_eq!((p.rank.unfinished(), p.rank.used()), (None, false));
        for round in 0..3 {
            let mut session = open(p);
            assert_eq!(p.rank.unfinished(), Some("MPI_Session_finalize"));
            assert!(!p.rank.initialized());
            let mut comm = comm_of(p, session, "mpi://WORLD", &format!("round {round}"));
            assert_eq!(p.rank.comm_size(comm).unwrap(), p.size);
            pass_around(p, comm);
            let mut half = p.rank.comm_split(&mut p.guest, comm, p.me % 2, 0).unwrap();
            pass_around(p, half);
            let on_world = p.rank.send(&mut p.guest, Standard, &span(0, 1), to(0, 1));
            assert_eq!(on_world.unwrap_err().class, Class::OTHER);
            p.rank.comm_free(&mut p.guest, &mut half).unwrap();
            p.rank.comm_free(&mut p.guest, &mut comm).unwrap();
            p.rank.session_finalize(&mut p.guest, &mut session).unwrap();
            assert_eq!(session.0, abi::MPI_SESSION_NULL);
            assert_eq!((p.rank.unfinished(), p.rank.used()), (None, true));
            let stale = p.rank.session_get_num_psets(session).unwrap_err();
            assert_eq!(stale.class, Class::SESSION);
        }
    });
}

#[test]
fn sessions_overlap_each_other_and_the_world_in_any_order() {
    run_without_world(|p| {
        let mut before = open(p);
        let first = comm_of(p, before, "mpi://WORLD", "before");
        p.rank.init().unwrap();
        let mut meanwhile = open(p);
        let second = comm_of(p, meanwhile, "mpi://world", "meanwhile");
        pass_around(p, first);
        pass_around(p, second);
        pass_around(p, WORLD);
        p.rank.session_finalize(&mut p.guest, &mut before).unwrap();
        assert_eq!(p.rank.unfinished(), Some("MPI_Finalize"));
        p.rank.finalize(&mut p.guest).unwrap();
        assert_eq!(p.rank.unfinished(), Some("MPI_Session_finalize"));
        pass_around(p, second);
        let on_world = p.rank.irecv(&span(0, 1), from(0, 1)).unwrap_err();
        assert!(
            on_world.message.contains("after MPI_Finalize"),
            "{on_world}"
        );
        p.rank
            .session_finalize(&mut p.guest, &mut meanwhile)
            .unwrap();
        let mut after = open(p);
        let third = comm_of(p, after, "mpi://WORLD", "after");
        pass_around(p, third);
        p.rank.session_finalize(&mut p.guest, &mut after).unwrap();
        assert_eq!(p.rank.unfinished(), None);
    });
}

#[test]
fn process_sets_are_all_ranks_the_own_one_and_those_of_the_worker() {
    run_without_world(|p| {
        let mut session = open(p);
        let sets = p.rank.session_get_num_psets(session).unwrap();
        let workers = p.rank.world().families.workers() as i32;
        let expected = [
            ("mpi://WORLD", p.size),
            ("mpi://SELF", 1),
            ("faabric://worker", p.size / workers),
        ];
        assert_eq!(sets, expected.len() as i32);
        for (n, (name, size)) in expected.into_iter().enumerate() {
            let found = p.rank.session_get_nth_pset(session, n as i32).unwrap();
            assert_eq!(found, name);
            let info = p.rank.session_get_pset_info(session, name).unwrap();
            let members = p.rank.info_get(info, "mpi_size").unwrap();
            assert_eq!(members, Some(size.to_string()));
            let comm = comm_of(p, session, name, name);
            assert_eq!(p.rank.comm_size(comm).unwrap(), size);
            pass_around(p, comm);
        }
        let beyond = p.rank.session_get_nth_pset(session, sets);
        assert_eq!(beyond.unwrap_err().class, Class::ARG);
        let unknown = p.rank.session_get_pset_info(session, "mpi://NOBODY");
        assert_eq!(unknown.unwrap_err().class, Class::ARG);
        let none = p.rank.group_from_session_pset(session, "mpi://NOBODY");
        assert_eq!(none.unwrap().0, abi::MPI_GROUP_NULL);
        p.rank.session_finalize(&mut p.guest, &mut session).unwrap();
    });
}

#[test]
fn a_session_gives_the_thread_level_that_is_asked_for() {
    run_without_world(|p| {
        for (asked, given) in [
            (None, "MPI_THREAD_MULTIPLE"),
            (Some("MPI_THREAD_SERIALIZED"), "MPI_THREAD_SERIALIZED"),
            (Some("MPI_THREAD_SOME"), "MPI_THREAD_MULTIPLE"),
        ] {
            let info = p.rank.info_create().unwrap();
            if let Some(level) = asked {
                p.rank.info_set(info, "thread_level", level).unwrap();
            }
            let mut session = p.rank.session_init(info, RETURN).unwrap();
            let used = p.rank.session_get_info(session).unwrap();
            let level = p.rank.info_get(used, "thread_level").unwrap();
            assert_eq!(level.as_deref(), Some(given));
            p.rank.session_finalize(&mut p.guest, &mut session).unwrap();
        }
        let bad = p.rank.session_init(InfoHandle(7), RETURN).unwrap_err();
        assert_eq!(bad.class, Class::INFO);
        let bad = p.rank.session_init(NO_INFO, ErrhandlerHandle(7));
        assert_eq!(bad.unwrap_err().class, Class::ERRHANDLER);
        assert_eq!(p.rank.unfinished(), None);
    });
}

#[test]
fn a_sessions_buffer_serves_its_communicators_and_is_delivered_before_the_end() {
    run_without_world(|p| {
        let mut session = open(p);
        let mut comm = comm_of(p, session, "mpi://WORLD", "buffered");
        let mut half = p.rank.comm_split(&mut p.guest, comm, p.me / 2, 0).unwrap();
        let size = 200_000 + i64::from(abi::MPI_BSEND_OVERHEAD);
        let data = span(0, 200_000);
        let (me, peer) = (p.me % 2, 1 - p.me % 2);
        if me == 0 {
            let to = Destination {
                rank: peer,
                tag: 1,
                comm: half,
            };
            let unattached = p.rank.send(&mut p.guest, Buffered, &data, to);
            assert_eq!(unattached.unwrap_err().class, Class::BUFFER);
            let attach = p.rank.buffer_attach(Attachable::Session(session), 64, size);
            attach.unwrap();
            p.rank.send(&mut p.guest, Buffered, &data, to).unwrap();
            let again = p.rank.send(&mut p.guest, Buffered, &data, to);
            assert_eq!(again.unwrap_err().class, Class::BUFFER);
            p.rank
                .send(
                    &mut p.guest,
                    Standard,
                    &span(0, 0),
                    Destination { tag: 2, ..to },
                )
                .unwrap();
        } else {
            let from = Origin {
                rank: peer,
                tag: 2,
                comm: half,
            };
            p.rank.recv(&mut p.guest, &span(0, 0), from).unwrap();
            p.rank
                .recv(&mut p.guest, &data, Origin { tag: 1, ..from })
                .unwrap();
        }
        p.rank.comm_free(&mut p.guest, &mut half).unwrap();
        p.rank.comm_free(&mut p.guest, &mut comm).unwrap();
        // It waits for the message in its buffer.
        p.rank.session_finalize(&mut p.guest, &mut session).unwrap();
    });
}

#[test]
fn errors_of_a_session_go_to_its_handler() {
    run_without_world(|p| {
        let (sender, raised) = channel();
        let handler = move |args: &[u32]| {
            sender.send(args.to_vec()).unwrap();
            None
        };
        p.guest.functions.insert(9, Box::new(handler));
        let errhandler = p.rank.comm_create_errhandler(GuestFn(9)).unwrap();
        let mut session = p.rank.session_init(NO_INFO, errhandler).unwrap();
        p.rank.errhandler_free(errhandler).unwrap();
        let code = abi::MPI_ERR_ARG;
        p.rank
            .session_call_errhandler(&mut p.guest, session, code)
            .unwrap();
        let args = raised.try_recv().unwrap();
        assert_eq!(p.get(args[0].into(), 4), session.0.to_le_bytes());
        assert_eq!(p.get(args[1].into(), 4), code.to_le_bytes());
        let same = p.rank.session_get_errhandler(session).unwrap();
        assert_eq!(same, errhandler);
        p.rank.errhandler_free(same).unwrap();
        p.rank.session_set_errhandler(session, RETURN).unwrap();
        p.rank
            .session_call_errhandler(&mut p.guest, session, code)
            .unwrap();
        assert!(raised.try_recv().is_err(), "the handler was replaced");
        // Nobody uses it any more.
        let freed = p.rank.session_set_errhandler(session, errhandler);
        assert_eq!(freed.unwrap_err().class, Class::ERRHANDLER);
        p.rank.session_finalize(&mut p.guest, &mut session).unwrap();
    });
}
