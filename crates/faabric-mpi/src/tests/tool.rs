//! The tool interface: what it lets a program see and change.

use super::*;
use crate::Collective;
use crate::collective::Reduction;
use crate::handle::{PvarHandle, PvarSessionHandle};
use crate::send::SendMode::Standard;
use crate::tool::PvarValue::{Count, Seconds};
use crate::tuning::Tuning;

fn class_of<T: std::fmt::Debug>(result: Result<T>) -> i32 {
    result.unwrap_err().class.0
}

fn cvar(p: &Process, name: &str) -> crate::handle::CvarHandle {
    let index = p.rank.cvar_get_index(name).unwrap();
    assert_eq!(p.rank.cvar_get_info(index).unwrap().name, name);
    p.rank.cvar_handle_alloc(index).unwrap()
}

fn pvar(p: &Process, session: PvarSessionHandle, name: &str) -> PvarHandle {
    let count = p.rank.pvar_get_num().unwrap();
    let is_it = |&index: &i32| p.rank.pvar_get_info(index).unwrap().name == name;
    let index = (0..count).find(is_it).unwrap();
    p.rank.pvar_handle_alloc(session, index).unwrap()
}

#[test]
fn nothing_works_outside_of_init_and_finalize() {
    Cluster::new(&[0]).run(|p| {
        let none = abi::MPI_T_ERR_NOT_INITIALIZED;
        assert_eq!(class_of(p.rank.cvar_get_num()), none);
        assert_eq!(class_of(p.rank.tool_finalize()), none);
        assert_eq!(class_of(p.rank.tool_init(7)), abi::MPI_T_ERR_INVALID);
        // Before MPI_Init, and counted.
        for _ in 0..2 {
            let level = p.rank.tool_init(abi::MPI_THREAD_MULTIPLE).unwrap();
            assert_eq!(level, abi::MPI_THREAD_MULTIPLE);
        }
        let session = p.rank.pvar_session_create().unwrap();
        let handle = pvar(p, session, "bytes_sent");
        p.rank.pvar_start(session, handle).unwrap();
        assert!(p.rank.is_watched());
        p.rank.tool_finalize().unwrap();
        p.rank.pvar_read(session, handle).unwrap();
        p.rank.tool_finalize().unwrap();
        assert!(!p.rank.is_watched(), "the last use ends what was started");
        assert_eq!(class_of(p.rank.pvar_read(session, handle)), none);
        p.rank.tool_init(abi::MPI_THREAD_SINGLE).unwrap();
        let stale = class_of(p.rank.pvar_read(session, handle));
        assert_eq!(stale, abi::MPI_T_ERR_INVALID_SESSION);
        assert!(
            p.rank
                .error_string(none)
                .unwrap()
                .starts_with("MPI_T_ERR_NOT_INITIALIZED")
        );
    });
}

#[test]
fn control_variables_are_the_settings_of_the_rank() {
    run(2, |p| {
        p.rank.tool_init(abi::MPI_THREAD_SINGLE).unwrap();
        let eager = cvar(p, "eager");
        assert_eq!(p.rank.cvar_read(eager).unwrap(), Tuning::default().eager);
        p.rank.cvar_write(eager, 100).unwrap();
        assert_eq!(p.rank.cvar_read(eager).unwrap(), 100);
        // Longer than what the inbox takes without a lock.
        let (len, limit) = (5000, 100_000);
        if p.me == 0 {
            // Above the limit it waits for its receive, below it is gone at once.
            let mut late = p.rank.isend(Standard, &span(0, len), to(1, 1)).unwrap();
            assert_eq!(p.rank.test(&mut p.guest, &mut late).unwrap(), None);
            p.rank.cvar_write(eager, limit).unwrap();
            let mut early = p.rank.isend(Standard, &span(0, len), to(1, 1)).unwrap();
            assert!(p.rank.test(&mut p.guest, &mut early).unwrap().is_some());
            p.rank
                .send(&mut p.guest, Standard, &span(0, 0), to(1, 2))
                .unwrap();
            p.rank.wait(&mut p.guest, &mut late).unwrap();
        } else {
            p.rank.recv(&mut p.guest, &span(0, 0), from(0, 2)).unwrap();
            for _ in 0..2 {
                p.rank
                    .recv(&mut p.guest, &span(0, len), from(0, 1))
                    .unwrap();
            }
        }
        assert_eq!(
            class_of(p.rank.cvar_write(eager, 1 << 40)),
            abi::MPI_T_ERR_INVALID
        );
        let local = cvar(p, "local");
        assert!(p.rank.cvar_is_switch(local).unwrap());
        assert_eq!(
            class_of(p.rank.cvar_write(local, 0)),
            abi::MPI_T_ERR_CVAR_SET_NEVER
        );
        p.rank.cvar_handle_free(eager).unwrap();
        assert_eq!(
            class_of(p.rank.cvar_read(eager)),
            abi::MPI_T_ERR_INVALID_HANDLE
        );
        assert_eq!(
            class_of(p.rank.cvar_get_index("egaer")),
            abi::MPI_T_ERR_INVALID_NAME
        );
        assert_eq!(
            class_of(p.rank.cvar_get_info(-1)),
            abi::MPI_T_ERR_INVALID_INDEX
        );
        assert_eq!(
            class_of(p.rank.cvar_handle_alloc(999)),
            abi::MPI_T_ERR_INVALID_INDEX
        );
    });
}

#[test]
fn collectives_are_right_with_whatever_thresholds_all_ranks_write() {
    run_on(&[0, 1, 0, 1], |p| {
        p.rank.tool_init(abi::MPI_THREAD_SINGLE).unwrap();
        let limits = ["allreduce_doubling", "allreduce_ring"].map(|name| cvar(p, name));
        for values in [[0, 0], [0, 1 << 30], [1 << 30, 1 << 30]] {
            for (handle, value) in limits.into_iter().zip(values) {
                p.rank.cvar_write(handle, value).unwrap();
            }
            let words: Vec<u8> = (0..64i32).flat_map(|n| (n + p.me).to_le_bytes()).collect();
            p.put(0, &words);
            let data = Reduction {
                send: Addr(0),
                recv: Addr(4096),
                count: 64,
                datatype: INT,
                op: crate::handle::OpHandle(abi::MPI_SUM),
            };
            let call = Collective::Allreduce(data);
            p.rank.collective(&mut p.guest, WORLD, &call).unwrap();
            let sums: Vec<u8> = (0..64i32).flat_map(|n| (4 * n + 6).to_le_bytes()).collect();
            assert_eq!(p.get(4096, 256), sums);
        }
    });
}

#[test]
fn performance_variables_count_from_where_their_handle_was_started() {
    run_both(2, |p| {
        let peer = 1 - p.me;
        let exchange = |p: &mut Process, len| {
            let (out, into) = (span(0, len), span(4096, len));
            let sent = p
                .rank
                .sendrecv(&mut p.guest, &out, to(peer, 0), &into, from(peer, 0));
            sent.unwrap();
        };
        p.rank.tool_init(abi::MPI_THREAD_SINGLE).unwrap();
        exchange(p, 1000);
        let session = p.rank.pvar_session_create().unwrap();
        let names = [
            "messages_sent",
            "bytes_sent",
            "messages_received",
            "bytes_received",
        ];
        let handles = names.map(|name| pvar(p, session, name));
        let read = |p: &Process| {
            handles.map(|handle| match p.rank.pvar_read(session, handle).unwrap() {
                Count(count) => count,
                Seconds(_) => panic!("a count is no time"),
            })
        };
        let all = PvarHandle(abi::MPI_T_PVAR_ALL_HANDLES);
        exchange(p, 100);
        assert_eq!(read(p), [0; 4], "they are not started");
        p.rank.pvar_start(session, all).unwrap();
        exchange(p, 10);
        exchange(p, 20);
        assert_eq!(read(p), [2, 30, 2, 30]);
        p.rank.pvar_stop(session, handles[1]).unwrap();
        exchange(p, 5);
        assert_eq!(read(p), [3, 30, 3, 35]);
        p.rank.pvar_start(session, handles[1]).unwrap();
        assert_eq!(
            p.rank.pvar_readreset(session, handles[3]).unwrap(),
            Count(35)
        );
        exchange(p, 7);
        assert_eq!(read(p), [4, 37, 4, 7]);
        p.rank.pvar_write(session, handles[0], Count(100)).unwrap();
        p.rank.pvar_reset(session, handles[1]).unwrap();
        exchange(p, 1);
        assert_eq!(read(p), [101, 1, 5, 8]);
        let other = p.rank.pvar_session_create().unwrap();
        let foreign = class_of(p.rank.pvar_read(other, handles[0]));
        assert_eq!(foreign, abi::MPI_T_ERR_INVALID_HANDLE);
        p.rank.pvar_handle_free(session, handles[0]).unwrap();
        assert!(p.rank.is_watched());
        p.rank.pvar_session_free(session).unwrap();
        assert!(!p.rank.is_watched());
        assert_eq!(
            class_of(p.rank.pvar_session_free(session)),
            abi::MPI_T_ERR_INVALID_SESSION
        );
    });
}

#[test]
fn levels_and_their_highest_follow_the_unexpected_queue() {
    run(1, |p| {
        p.rank.tool_init(abi::MPI_THREAD_SINGLE).unwrap();
        let session = p.rank.pvar_session_create().unwrap();
        let level = pvar(p, session, "unexpected_messages");
        let highest = pvar(p, session, "unexpected_messages_highest");
        let posted = pvar(p, session, "posted_receives");
        let read = |p: &Process, handle| p.rank.pvar_read(session, handle).unwrap();
        let send = |p: &mut Process| {
            p.rank
                .send(&mut p.guest, Standard, &span(0, 8), to(0, 0))
                .unwrap();
        };
        let receive = |p: &mut Process| {
            p.rank.recv(&mut p.guest, &span(0, 8), from(0, 0)).unwrap();
        };
        for _ in 0..3 {
            send(p);
        }
        assert_eq!(read(p, level), Count(3), "a level needs no start");
        receive(p);
        assert_eq!((read(p, level), read(p, highest)), (Count(2), Count(0)));
        p.rank.pvar_start(session, highest).unwrap();
        receive(p);
        assert_eq!(
            read(p, highest),
            Count(2),
            "what it was when it was started"
        );
        for _ in 0..4 {
            send(p);
        }
        for _ in 0..5 {
            assert_eq!(read(p, highest), Count(5));
            receive(p);
        }
        assert_eq!((read(p, level), read(p, highest)), (Count(0), Count(5)));
        p.rank.pvar_reset(session, highest).unwrap();
        assert_eq!(read(p, highest), Count(0));
        let mut request = p.rank.irecv(&span(0, 8), from(0, 0)).unwrap();
        assert_eq!(read(p, posted), Count(1));
        send(p);
        p.rank.wait(&mut p.guest, &mut request).unwrap();
        assert_eq!(read(p, posted), Count(0));
        for (result, code) in [
            (
                p.rank.pvar_start(session, level),
                abi::MPI_T_ERR_PVAR_NO_STARTSTOP,
            ),
            (
                p.rank.pvar_reset(session, level),
                abi::MPI_T_ERR_PVAR_NO_WRITE,
            ),
            (
                p.rank.pvar_write(session, level, Count(1)),
                abi::MPI_T_ERR_PVAR_NO_WRITE,
            ),
            (
                p.rank.pvar_readreset(session, level).map(|_| ()),
                abi::MPI_T_ERR_PVAR_NO_ATOMIC,
            ),
        ] {
            assert_eq!(class_of(result), code);
        }
    });
}

#[test]
fn time_is_counted_while_a_call_waits() {
    run(2, |p| {
        p.rank.tool_init(abi::MPI_THREAD_SINGLE).unwrap();
        let session = p.rank.pvar_session_create().unwrap();
        let waited = pvar(p, session, "time_waiting");
        p.rank.pvar_start(session, waited).unwrap();
        if p.me == 0 {
            p.rank.recv(&mut p.guest, &span(0, 8), from(1, 0)).unwrap();
            let Seconds(first) = p.rank.pvar_read(session, waited).unwrap() else {
                panic!("time is a double");
            };
            assert!(first > 0.0 && first < 60.0);
            p.rank.pvar_write(session, waited, Seconds(100.0)).unwrap();
            assert_eq!(p.rank.pvar_read(session, waited).unwrap(), Seconds(100.0));
        } else {
            // Not before the other is in its call, as far as one can see from here.
            while p
                .rank
                .world()
                .mailbox(0)
                .is_some_and(|mailbox| mailbox.open().queues.posted() == 0)
            {
                std::thread::yield_now();
            }
            p.rank
                .send(&mut p.guest, Standard, &span(0, 8), to(0, 0))
                .unwrap();
        }
    });
}

#[test]
fn categories_have_every_variable_once_and_events_have_a_clock_only() {
    run(1, |p| {
        p.rank.tool_init(abi::MPI_THREAD_SINGLE).unwrap();
        let (mut controls, mut counters) = (Vec::new(), Vec::new());
        for index in 0..p.rank.category_get_num().unwrap() {
            let name = p.rank.category_get_info(index).unwrap().name;
            assert_eq!(p.rank.category_get_index(name).unwrap(), index);
            controls.extend(p.rank.category_get_cvars(index).unwrap());
            counters.extend(p.rank.category_get_pvars(index).unwrap());
        }
        controls.sort_unstable();
        assert!(controls.into_iter().eq(0..p.rank.cvar_get_num().unwrap()));
        assert!(counters.into_iter().eq(0..p.rank.pvar_get_num().unwrap()));
        assert_eq!(
            class_of(p.rank.category_get_index("x")),
            abi::MPI_T_ERR_INVALID_NAME
        );
        assert_eq!(p.rank.source_get_num().unwrap(), 1);
        let first = p.rank.source_get_timestamp(0).unwrap();
        assert!(p.rank.source_get_timestamp(0).unwrap() >= first);
        assert_eq!(
            class_of(p.rank.source_get_timestamp(1)),
            abi::MPI_T_ERR_INVALID_INDEX
        );
        assert_eq!(
            class_of(p.rank.event_get_index("x")),
            abi::MPI_T_ERR_INVALID_NAME
        );
        assert_eq!(p.rank.no_event(5).class.0, abi::MPI_T_ERR_INVALID_HANDLE);
    });
}
