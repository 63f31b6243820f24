//! MPI jobs over two workers in this process, with a fake planner.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../faabric-wire/src/tcp_tests/proxy.rs"]
mod proxy;
mod support;

use faabric_wire::proto::RankLocation;
use support::*;

/// A guest with MPI: `$me` and `$size` are set, MPI is initialised, `body` follows, with
/// locals `$left`, `$right` and `$round`.
fn mpi_guest(body: &str) -> String {
    let word = |count: usize| vec!["i32"; count].join(" ");
    let call = |name: &str, params: usize| {
        format!(
            "(import \"mpi\" \"{name}\" (func ${name} (param {}) (result i32)))",
            word(params)
        )
    };
    let imports = [
        call("MPI_Init", 2),
        call("MPI_Comm_rank", 2),
        call("MPI_Comm_size", 2),
        call("MPI_Sendrecv", 12),
        call("MPI_Recv", 7),
        call("MPI_Abort", 2),
        call("MPI_Allreduce", 6),
        call("MPI_Bcast", 5),
        call("MPI_Alltoall", 7),
        "(import \"mpi\" \"MPI_Finalize\" (func $MPI_Finalize (result i32)))".to_owned(),
    ];
    let prologue = "(local $me i32) (local $size i32)
        (local $left i32) (local $right i32) (local $round i32)
        (drop (call $MPI_Init (i32.const 0) (i32.const 0)))
        (drop (call $MPI_Comm_rank (i32.const 0x101) (i32.const 16)))
        (drop (call $MPI_Comm_size (i32.const 0x101) (i32.const 20)))
        (local.set $me (i32.load (i32.const 16)))
        (local.set $size (i32.load (i32.const 20)))";
    guest(&format!("{prologue} {body}"))
        .replacen("(module", &format!("(module {}", imports.join(" ")), 1)
        .replace(
            "(memory (export \"memory\") 4)",
            "(memory (export \"memory\") 64)",
        )
}

const RECEIVE_FROM_0: &str = "(drop (call $MPI_Recv (i32.const 4096) (i32.const 1) (i32.const BYTE)
    (i32.const 0) (i32.const 0) (i32.const 0x101) (i32.const 0)))";

/// Passes `length` bytes round the ring, `rounds` times, and says hello if all arrived.
fn ring(length: usize, rounds: usize) -> String {
    let (send, receive) = (1 << 20, 2 << 20);
    mpi_guest(&format!(
        "(local.set $left
           (i32.rem_u (i32.add (local.get $me) (i32.sub (local.get $size) (i32.const 1)))
             (local.get $size)))
         (local.set $right
           (i32.rem_u (i32.add (local.get $me) (i32.const 1)) (local.get $size)))
         (memory.fill (i32.const {send}) (i32.add (local.get $me) (i32.const 1))
           (i32.const {length}))
         (loop $again
           (if (call $MPI_Sendrecv
               (i32.const {send}) (i32.const {length}) (i32.const BYTE)
               (local.get $right) (local.get $round)
               (i32.const {receive}) (i32.const {length}) (i32.const BYTE)
               (local.get $left) (local.get $round)
               (i32.const 0x101) (i32.const 0))
             (then (call $proc_exit (i32.const 97))))
           (local.set $round (i32.add (local.get $round) (i32.const 1)))
           (br_if $again (i32.lt_u (local.get $round) (i32.const {rounds}))))
         (if (i32.ne (i32.load8_u (i32.const {last})) (i32.add (local.get $left) (i32.const 1)))
           (then (call $proc_exit (i32.const 96))))
         (call $write (i32.const 1024) (i32.const 19))
         (drop (call $MPI_Finalize))",
        last = receive + length - 1,
    ))
}

/// Sums, spreads and exchanges `words` words of each of four ranks, `rounds` times, and
/// says hello if all results were right.
fn collectives(words: usize, rounds: usize) -> String {
    let (send, receive, bytes) = (1 << 20, 2 << 20, 4 * words);
    let check = |at: usize, value: &str| {
        format!(
            "(if (i32.ne (i32.load8_u (i32.const {at})) {value})
               (then (call $proc_exit (i32.const 95))))"
        )
    };
    let checks = [
        // 1 + 2 + 3 + 4 in every byte.
        check(receive + bytes - 1, "(i32.const 10)"),
        // What rank 3 has sent to all.
        check(receive + bytes - 1, "(i32.const 77)"),
        // The last quarter is from rank 3.
        check(receive + bytes - 1, "(i32.const 4)"),
    ];
    mpi_guest(&format!(
        "(loop $again
           (memory.fill (i32.const {send}) (i32.add (local.get $me) (i32.const 1))
             (i32.const {bytes}))
           (drop (call $MPI_Allreduce (i32.const {send}) (i32.const {receive})
             (i32.const {words}) (i32.const INT32) (i32.const SUM) (i32.const 0x101)))
           {}
           (if (i32.eq (local.get $me) (i32.const 3))
             (then (memory.fill (i32.const {receive}) (i32.const 77) (i32.const {bytes}))))
           (drop (call $MPI_Bcast (i32.const {receive}) (i32.const {words})
             (i32.const INT32) (i32.const 3) (i32.const 0x101)))
           {}
           (drop (call $MPI_Alltoall (i32.const {send}) (i32.const {quarter})
             (i32.const INT32) (i32.const {receive}) (i32.const {quarter})
             (i32.const INT32) (i32.const 0x101)))
           {}
           (local.set $round (i32.add (local.get $round) (i32.const 1)))
           (br_if $again (i32.lt_u (local.get $round) (i32.const {rounds}))))
         (call $write (i32.const 1024) (i32.const 19))
         (drop (call $MPI_Finalize))",
        checks[0],
        checks[1],
        checks[2],
        quarter = words / 4,
    ))
}

fn put(planner: &FakePlanner, wat: &str) -> String {
    use faabric_mpi::abi;
    let names = [
        ("BYTE", abi::MPI_BYTE),
        ("INT32", abi::MPI_INT32_T),
        ("SUM", abi::MPI_SUM),
    ];
    let named = names.iter().fold(wat.to_owned(), |wat, (name, value)| {
        wat.replace(&format!("const {name})"), &format!("const {value:#x})"))
    });
    planner.put(&named)
}

/// Two workers and their sessions.
async fn pair(planner: &mut FakePlanner) -> [(Running, Session); 2] {
    let a = planner.worker(planner.config("a")).await;
    let b = planner.worker(planner.config("b")).await;
    [a, b]
}

/// Starts ranks 0 and 1 on the first worker, 2 and 3 on the second.
async fn start(sessions: [&Session; 2], job: u64, module: &str) {
    let [a, b] = sessions;
    let world: Vec<RankLocation> = vec![a.location(vec![0, 1]), b.location(vec![2, 3])];
    a.start_part(job, spec(module, 4), vec![0, 1], world.clone())
        .await;
    b.start_part(job, spec(module, 4), vec![2, 3], world).await;
}

#[tokio::test]
async fn messages_small_and_large_go_round_over_two_workers() {
    let mut planner = FakePlanner::start().await;
    let [(_a, mut a), (_b, mut b)] = pair(&mut planner).await;
    for (job, (length, rounds)) in [(1, 500), (1 << 20, 5)].into_iter().enumerate() {
        let job = job as u64 + 1;
        start([&a, &b], job, &put(&planner, &ring(length, rounds))).await;
        let (first, second) = tokio::join!(a.read_exits(2), b.read_exits(2));
        for (report, ranks) in [(first, 0..2), (second, 2..4)] {
            for rank in ranks {
                assert_eq!(report.exit(rank), (0, ""));
                assert_eq!(report.stdout(rank), "hello from a guest\n");
            }
            assert_eq!(report.aborted, []);
        }
        a.forget(job).await;
        b.forget(job).await;
    }
}

#[tokio::test]
async fn abort_ends_the_ranks_here_at_once_and_the_others_by_the_planner() {
    let mut planner = FakePlanner::start().await;
    let [(_a, mut a), (_b, mut b)] = pair(&mut planner).await;
    let module = put(
        &planner,
        &mpi_guest(&format!(
            "(if (i32.eq (local.get $me) (i32.const 1))
               (then (drop (call $MPI_Abort (i32.const 0x101) (i32.const 5)))))
             {RECEIVE_FROM_0}"
        )),
    );
    start([&a, &b], 1, &module).await;
    let report = a.read_exits(2).await;
    let aborted = &report.aborted[..];
    assert_eq!(aborted.len(), 1);
    assert_eq!((aborted[0].rank, aborted[0].code), (1, 5));
    assert_eq!(aborted[0].reason, "rank 1 called MPI_Abort with code 5");
    assert_eq!(report.exit(1).0, 5);
    b.stop(1, &aborted[0].reason).await;
    let report = b.read_exits(2).await;
    assert_eq!(report.aborted, []);
    assert!(
        report.exit(2).1.contains("rank 1 called MPI_Abort"),
        "{:?}",
        report.exit(2)
    );
}

#[tokio::test]
async fn a_rank_that_leaves_without_finalize_fails_the_job() {
    let mut planner = FakePlanner::start().await;
    let (_worker, mut session) = planner.worker(planner.config("a")).await;
    session
        .start(1, spec(&put(&planner, &mpi_guest("")), 1))
        .await;
    let report = session.read_exits(1).await;
    let (code, reason) = report.exit(0);
    assert_ne!(code, 0);
    assert!(reason.contains("without calling MPI_Finalize"), "{reason}");
}

#[tokio::test]
async fn ranks_that_wait_for_a_worker_that_is_gone_end_with_its_name() {
    let mut planner = FakePlanner::start().await;
    let [(a_running, mut a), (b_running, mut b)] = pair(&mut planner).await;
    // Connects the two, as any earlier exchange would.
    start([&a, &b], 1, &put(&planner, &ring(1, 1))).await;
    tokio::join!(a.read_exits(2), b.read_exits(2));
    start([&a, &b], 2, &put(&planner, &mpi_guest(RECEIVE_FROM_0))).await;
    tokio::join!(a.read_started(2), b.read_started(2));
    a_running.task.abort();
    let report = b.read_exits(2).await;
    let reason = &report.aborted[0].reason;
    assert!(
        reason.starts_with("the connection from worker b to worker a is lost"),
        "{reason}"
    );
    drop(b_running);
}

#[tokio::test]
async fn collectives_are_right_over_a_connection_that_is_cut_again_and_again() {
    let mut planner = FakePlanner::start().await;
    let [(_a, mut a), (_b, mut b)] = pair(&mut planner).await;
    let proxies = [&a, &b].map(|session| {
        let target = session.hello.data_address.parse().unwrap();
        proxy::Proxy::start(target, 1)
    });
    for (job, (words, rounds, most)) in [(8, 1_500, 20_000), (60_000, 30, 1_500_000)]
        .into_iter()
        .enumerate()
    {
        let job = job as u64 + 1;
        let before: usize = proxies.iter().map(proxy::Proxy::cuts).sum();
        for proxy in &proxies {
            proxy.cut_after(most);
            proxy.cut_all(false);
        }
        let mut world = vec![a.location(vec![0, 1]), b.location(vec![2, 3])];
        for (place, proxy) in world.iter_mut().zip(&proxies) {
            place.data_address = proxy.address.to_string();
        }
        let module = put(&planner, &collectives(words, rounds));
        a.start_part(job, spec(&module, 4), vec![0, 1], world.clone())
            .await;
        b.start_part(job, spec(&module, 4), vec![2, 3], world).await;
        let (first, second) = tokio::join!(a.read_exits(2), b.read_exits(2));
        for (report, ranks) in [(first, 0..2), (second, 2..4)] {
            for rank in ranks {
                assert_eq!(report.exit(rank), (0, ""));
                assert_eq!(report.stdout(rank), "hello from a guest\n");
            }
        }
        let cuts: usize = proxies.iter().map(proxy::Proxy::cuts).sum();
        let cuts = cuts - before;
        assert!(cuts >= 5, "only {cuts} connections were cut");
        a.forget(job).await;
        b.forget(job).await;
    }
}
