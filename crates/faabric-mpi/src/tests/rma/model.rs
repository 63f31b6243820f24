//! Random accesses against a model: what a window holds after a fence is what the
//! accesses, in any order that MPI allows, must have left there.

use super::*;
use proptest::prelude::*;

const RANKS: u32 = 4;
const INTS: usize = 64;

/// One access of one rank in one round. Each rank puts only into its own stripe of every
/// window, and all ranks add to the rest: so the result does not depend on the order.
#[derive(Clone, Copy, Debug)]
enum Access {
    Put { target: i32, at: usize, len: usize },
    Add { target: i32, at: usize, len: usize },
    FetchAdd { target: i32, at: usize },
}

const STRIPE: usize = 8;
const ADDED: usize = RANKS as usize * STRIPE;

fn access() -> impl Strategy<Value = Access> {
    let target = 0..RANKS as i32;
    let stripe = (0..STRIPE).prop_flat_map(|at| (Just(at), 1..=STRIPE - at));
    let added = (ADDED..INTS).prop_flat_map(|at| (Just(at), 1..=INTS - at));
    prop_oneof![
        (target.clone(), stripe).prop_map(|(target, (at, len))| Access::Put { target, at, len }),
        (target.clone(), added).prop_map(|(target, (at, len))| Access::Add { target, at, len }),
        (target, ADDED..INTS).prop_map(|(target, at)| Access::FetchAdd { target, at }),
    ]
}

/// The value that a rank's `n`-th access carries.
fn value(rank: i32, round: usize, n: usize) -> i32 {
    rank * 100_000 + round as i32 * 1000 + n as i32 + 1
}

type Plan = Vec<Vec<Vec<Access>>>;

/// What rank `me`'s window holds at the end.
fn model(plan: &Plan, me: i32) -> Vec<i32> {
    let mut window = vec![0i32; INTS];
    for (round, ranks) in plan.iter().enumerate() {
        for (rank, accesses) in ranks.iter().enumerate() {
            for (n, access) in accesses.iter().enumerate() {
                let value = value(rank as i32, round, n);
                match *access {
                    Access::Put { target, at, len } if target == me => {
                        window[rank * STRIPE + at..][..len].fill(value);
                    }
                    Access::Add { target, at, len } if target == me => {
                        let added = window[at..][..len].iter_mut();
                        added.for_each(|int| *int = int.wrapping_add(value));
                    }
                    Access::FetchAdd { target, at } if target == me => {
                        window[at] = window[at].wrapping_add(value);
                    }
                    _ => {}
                }
            }
        }
    }
    window
}

fn perform(p: &mut Process, win: WinHandle, access: Access, value: i32) {
    for i in 0..INTS as u64 {
        p.set_int(LOCAL + 4 * i, value);
    }
    match access {
        Access::Put {
            target,
            at: to,
            len,
        } => {
            let to = (p.me as usize * STRIPE + to) as i64;
            // Puts of one rank to one place are in no order: a flush of the same
            // epoch would be needed, so they are accumulates that replace.
            let target = at(win, target, to, len as i64, INT);
            p.rank
                .accumulate(&mut p.guest, &ints(LOCAL, len as i64), &target, REPLACE)
                .unwrap();
        }
        Access::Add {
            target,
            at: to,
            len,
        } => {
            let target = at(win, target, to as i64, len as i64, INT);
            p.rank
                .accumulate(&mut p.guest, &ints(LOCAL, len as i64), &target, SUM)
                .unwrap();
        }
        Access::FetchAdd { target, at: to } => {
            let target = at(win, target, to as i64, 1, INT);
            let (data, result) = (Addr(LOCAL), Addr(LOCAL + 1024));
            p.rank
                .fetch_and_op(&mut p.guest, data, result, &target, SUM)
                .unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn windows_hold_what_the_model_says(
        plan in prop::collection::vec(
            prop::collection::vec(prop::collection::vec(access(), 0..12), RANKS as usize),
            1..4,
        ),
        locked: bool,
    ) {
        run_both(RANKS, |p| {
            let win = p.window(4 * INTS as i64, 4);
            p.fence(win);
            for (round, ranks) in plan.iter().enumerate() {
                if locked {
                    p.rank.win_fence(&mut p.guest, abi::MPI_MODE_NOSUCCEED, win).unwrap();
                    p.rank.win_lock_all(&mut p.guest, 0, win).unwrap();
                }
                for (n, &access) in ranks[p.me as usize].iter().enumerate() {
                    let value = value(p.me, round, n);
                    perform(p, win, access, value);
                }
                if locked {
                    p.rank.win_unlock_all(&mut p.guest, win).unwrap();
                }
                p.fence(win);
            }
            let expected = model(&plan, p.me);
            let found: Vec<i32> = (0..INTS as u64).map(|i| p.int(WINDOW + 4 * i)).collect();
            assert_eq!(found, expected);
            p.free_window(win);
        });
    }
}
