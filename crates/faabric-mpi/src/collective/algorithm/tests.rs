//! Every algorithm against the naive result, over sizes, roots, counts, in place
//! or not, and with an operation that does not commute.

use super::reduce::Operands;
use super::scan::Kind;
use super::{
    allgather, allreduce, alltoall, barrier, bcast, gather, neighbor, reduce, reduce_scatter, scan,
    scatter,
};
use crate::collective::schedule::{Blocks, Place, Schedule, Seat};
use crate::collective::simulate::{self, Buffers};
use proptest::prelude::*;
use std::ops::RangeInclusive;

const SIZES: RangeInclusive<u32> = 1..=17;
/// Bytes of an element of the reductions: a 2x2 matrix of u32.
const UNIT: u64 = 16;
/// What nobody may have written.
const UNTOUCHED: u8 = 0xA5;

fn seats(size: u32) -> impl Iterator<Item = Seat> {
    (0..size).map(move |rank| Seat { rank, size })
}

/// `len` bytes that tell who wrote them, for whom, and where in the block.
fn data(from: u32, to: u32, len: u64) -> Vec<u8> {
    (0..len)
        .map(|i| (u64::from(from) * 31 + u64::from(to) * 7 + i * 3 + 1) as u8)
        .collect()
}

fn untouched(len: u64) -> Vec<u8> {
    vec![UNTOUCHED; len as usize]
}

fn numbers(bytes: &[u8]) -> Vec<u32> {
    bytes
        .chunks_exact(4)
        .map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect()
}

fn bytes(numbers: impl IntoIterator<Item = u32>) -> Vec<u8> {
    numbers.into_iter().flat_map(u32::to_le_bytes).collect()
}

/// The product of 2x2 matrices: associative, and does not commute.
fn product(left: &[u8], right: &[u8]) -> Vec<u8> {
    let (left, right) = (numbers(left), numbers(right));
    bytes(
        left.chunks_exact(4)
            .zip(right.chunks_exact(4))
            .flat_map(|(a, b)| {
                let dot = |i: usize, j: usize| {
                    a[i].wrapping_mul(b[j])
                        .wrapping_add(a[i + 1].wrapping_mul(b[j + 2]))
                };
                [dot(0, 0), dot(0, 1), dot(2, 0), dot(2, 1)]
            }),
    )
}

fn sum(left: &[u8], right: &[u8]) -> Vec<u8> {
    bytes(
        numbers(left)
            .into_iter()
            .zip(numbers(right))
            .map(|(a, b)| a.wrapping_add(b)),
    )
}

fn never(_: &[u8], _: &[u8]) -> Vec<u8> {
    panic!("nothing to combine here")
}

/// An algorithm's name, whether it keeps rank order, and the algorithm.
type Named<'a, F> = (&'a str, bool, F);

/// Runs one data-moving collective and compares every rank's receive stream.
fn moves(
    what: &str,
    size: u32,
    schedule: impl Fn(Seat) -> Schedule,
    before: impl Fn(u32) -> Buffers,
    after: impl Fn(u32) -> Vec<u8>,
) {
    let schedules: Vec<_> = seats(size).map(schedule).collect();
    let mut buffers: Vec<_> = (0..size).map(before).collect();
    simulate::run(&schedules, &mut buffers, never);
    for (rank, buffers) in (0..size).zip(&buffers) {
        assert_eq!(buffers.recv, after(rank), "{what}, rank {rank} of {size}");
    }
}

#[test]
fn barrier_lets_nobody_out_before_all_are_in() {
    for size in SIZES {
        let schedules: Vec<_> = seats(size).map(barrier::dissemination).collect();
        let mut buffers = vec![Buffers::default(); size as usize];
        simulate::run(&schedules, &mut buffers, never);
        // Who has heard, after each round, from whom (as a bit set)?
        let mut heard: Vec<u32> = (0..size).map(|rank| 1 << rank).collect();
        let mut distance = 1;
        while distance < size {
            let before = heard.clone();
            for rank in 0..size {
                heard[rank as usize] |= before[Seat { rank, size }.down(distance) as usize];
            }
            distance *= 2;
        }
        assert!(heard.iter().all(|&set| set == (1 << size) - 1));
        assert!(
            schedules
                .iter()
                .all(|s| s.rounds.len() as u32 == size.next_power_of_two().ilog2())
        );
    }
}

fn check_bcast(size: u32, root: u32, len: u64) {
    type Algorithm = Box<dyn Fn(Seat) -> Schedule>;
    let mut algorithms: Vec<(&str, Algorithm)> = vec![
        (
            "binomial",
            Box::new(move |seat| bcast::binomial(seat, root, len)),
        ),
        (
            "scatter, ring",
            Box::new(move |seat| bcast::scatter_allgather(seat, root, len, bcast::Collect::Ring)),
        ),
    ];
    if size.is_power_of_two() {
        algorithms.push((
            "scatter, doubling",
            Box::new(move |seat| {
                bcast::scatter_allgather(seat, root, len, bcast::Collect::RecursiveDoubling)
            }),
        ));
    }
    for (name, algorithm) in algorithms {
        let before = |rank| {
            Buffers::new(
                vec![],
                if rank == root {
                    data(root, 0, len)
                } else {
                    untouched(len)
                },
            )
        };
        moves(name, size, algorithm, before, |_| data(root, 0, len));
    }
}

#[test]
fn bcast_reaches_everyone() {
    for size in SIZES {
        for root in 0..size {
            for len in [0, 1, 5, 64, 100] {
                check_bcast(size, root, len);
            }
        }
    }
}

#[test]
fn gather_and_scatter_of_equal_blocks() {
    for size in SIZES {
        for root in 0..size {
            for (len, in_place) in [(0, false), (3, false), (3, true), (16, false)] {
                check_gather(size, root, &Blocks::uniform(size, len), in_place, true);
                check_scatter(size, root, &Blocks::uniform(size, len), in_place, true);
            }
        }
    }
}

fn lens<'a>(rank: u32, root: u32, blocks: &'a Blocks) -> gather::Lens<'a> {
    if rank == root {
        gather::Lens::Root(blocks)
    } else {
        gather::Lens::Mine(blocks.len(rank))
    }
}

fn check_gather(size: u32, root: u32, blocks: &Blocks, in_place: bool, uniform: bool) {
    let here = |rank| in_place && rank == root;
    let linear =
        |seat: Seat| gather::linear(seat, root, lens(seat.rank, root, blocks), here(seat.rank));
    let binomial = |seat: Seat| gather::binomial(seat, root, blocks.len(0), here(seat.rank));
    let before = |rank: u32| {
        let own = data(rank, 0, blocks.len(rank));
        if rank != root {
            return Buffers::new(own, vec![]);
        }
        let mut recv = untouched(blocks.total());
        let at = blocks.range(rank);
        if in_place {
            recv[at.start as usize..at.end as usize].copy_from_slice(&own);
        }
        Buffers::new(if in_place { vec![] } else { own }, recv)
    };
    let after = |rank| {
        if rank == root {
            (0..size)
                .flat_map(|from| data(from, 0, blocks.len(from)))
                .collect()
        } else {
            vec![]
        }
    };
    moves("gather linear", size, linear, before, after);
    if uniform {
        moves("gather binomial", size, binomial, before, after);
    }
}

fn check_scatter(size: u32, root: u32, blocks: &Blocks, in_place: bool, uniform: bool) {
    let here = |rank| in_place && rank == root;
    let linear =
        |seat: Seat| scatter::linear(seat, root, lens(seat.rank, root, blocks), here(seat.rank));
    let binomial = |seat: Seat| scatter::binomial(seat, root, blocks.len(0), here(seat.rank));
    let before = |rank: u32| {
        let send = if rank == root {
            (0..size)
                .flat_map(|to| data(root, to, blocks.len(to)))
                .collect()
        } else {
            vec![]
        };
        Buffers::new(
            send,
            if here(rank) {
                vec![]
            } else {
                untouched(blocks.len(rank))
            },
        )
    };
    let after = |rank| {
        if here(rank) {
            vec![]
        } else {
            data(root, rank, blocks.len(rank))
        }
    };
    moves("scatter linear", size, linear, before, after);
    if uniform {
        moves("scatter binomial", size, binomial, before, after);
    }
}

fn check_allgather(size: u32, blocks: &Blocks, in_place: bool) {
    let before = |rank: u32| {
        let own = data(rank, 0, blocks.len(rank));
        let mut recv = untouched(blocks.total());
        let at = blocks.range(rank);
        if in_place {
            recv[at.start as usize..at.end as usize].copy_from_slice(&own);
        }
        Buffers::new(if in_place { vec![] } else { own }, recv)
    };
    let after = |_| {
        (0..size)
            .flat_map(|from| data(from, 0, blocks.len(from)))
            .collect()
    };
    moves(
        "allgather ring",
        size,
        |seat| allgather::ring(seat, blocks, in_place),
        before,
        after,
    );
    moves(
        "allgather bruck",
        size,
        |seat| allgather::bruck(seat, blocks, in_place),
        before,
        after,
    );
    if size.is_power_of_two() {
        moves(
            "allgather doubling",
            size,
            |seat| allgather::recursive_doubling(seat, blocks, in_place),
            before,
            after,
        );
    }
}

#[test]
fn allgather_of_equal_blocks() {
    for size in SIZES {
        for in_place in [false, true] {
            for len in [0, 1, 6] {
                check_allgather(size, &Blocks::uniform(size, len), in_place);
            }
        }
    }
}

/// `len(from, to)`: bytes that `from` has for `to`; symmetric when in place.
fn check_alltoall(size: u32, len: impl Fn(u32, u32) -> u64) {
    let sends = |rank| Blocks::of((0..size).map(|to| len(rank, to)));
    let recvs = |rank| Blocks::of((0..size).map(|from| len(from, rank)));
    let outgoing = |rank| {
        (0..size)
            .flat_map(|to| data(rank, to, len(rank, to)))
            .collect::<Vec<_>>()
    };
    let after = |rank| {
        (0..size)
            .flat_map(|from| data(from, rank, len(from, rank)))
            .collect::<Vec<_>>()
    };
    let before = |rank| Buffers::new(outgoing(rank), untouched(recvs(rank).total()));
    moves(
        "pairwise",
        size,
        |s| alltoall::pairwise(s, &sends(s.rank), &recvs(s.rank)),
        before,
        after,
    );
    moves(
        "scattered",
        size,
        |s| alltoall::scattered(s, &sends(s.rank), &recvs(s.rank)),
        before,
        after,
    );
    if (0..size).all(|a| (0..size).all(|b| len(a, b) == len(b, a))) {
        let before = |rank| Buffers::new(vec![], outgoing(rank));
        moves(
            "exchange in place",
            size,
            |s| alltoall::exchange_in_place(s, &sends(s.rank)),
            before,
            after,
        );
    }
    if (0..size).all(|a| (0..size).all(|b| len(a, b) == len(0, 0))) {
        moves(
            "bruck",
            size,
            |s| alltoall::bruck(s, len(0, 0), Place::Send),
            before,
            after,
        );
        let before = |rank| Buffers::new(vec![], outgoing(rank));
        moves(
            "bruck in place",
            size,
            |s| alltoall::bruck(s, len(0, 0), Place::Recv),
            before,
            after,
        );
    }
}

#[test]
fn alltoall_of_equal_and_of_symmetric_blocks() {
    for size in SIZES {
        for len in [0, 1, 4] {
            check_alltoall(size, |_, _| len);
        }
        check_alltoall(size, |a, b| u64::from((a + b) % 4));
        check_alltoall(size, |a, b| u64::from((a * 3 + b) % 5));
    }
}

fn operand(rank: u32, count: u64) -> Vec<u8> {
    bytes((0..count as u32 * 4).map(|i| {
        (rank + 2)
            .wrapping_mul(2_654_435_761)
            .wrapping_add(i * 40_503)
            >> 7
    }))
}

fn combined(
    ranks: impl IntoIterator<Item = u32>,
    count: u64,
    combine: simulate::Combine,
) -> Vec<u8> {
    ranks
        .into_iter()
        .map(|rank| operand(rank, count))
        .reduce(|left, right| combine(&left, &right))
        .unwrap_or_else(|| untouched(count * UNIT))
}

/// Runs a reduction and returns the receive streams.
fn reduces(
    size: u32,
    count: u64,
    combine: simulate::Combine,
    in_place: impl Fn(u32) -> bool,
    recv: impl Fn(u32) -> u64,
    schedule: impl Fn(Seat, Place) -> Schedule,
) -> Vec<Vec<u8>> {
    let place = |rank| {
        if in_place(rank) {
            Place::Recv
        } else {
            Place::Send
        }
    };
    let schedules: Vec<_> = seats(size)
        .map(|seat| schedule(seat, place(seat.rank)))
        .collect();
    let mut buffers: Vec<_> = (0..size)
        .map(|rank| {
            let own = operand(rank, count);
            if in_place(rank) {
                Buffers::new(vec![], own)
            } else {
                Buffers::new(own, untouched(recv(rank)))
            }
        })
        .collect();
    simulate::run(&schedules, &mut buffers, combine);
    buffers.into_iter().map(|buffers| buffers.recv).collect()
}

fn operands(count: u64, commutative: bool, input: Place) -> Operands {
    Operands {
        count,
        unit: UNIT,
        commutative,
        input,
    }
}

fn check_reduce(size: u32, root: u32, count: u64, in_place: bool) {
    type Algorithm = fn(Seat, u32, Operands) -> Schedule;
    let algorithms: [Named<'_, Algorithm>; 3] = [
        ("binomial in order", true, reduce::binomial),
        ("binomial", false, reduce::binomial),
        ("rabenseifner", false, reduce::rabenseifner),
    ];
    for (name, ordered, algorithm) in algorithms {
        let combine = if ordered { product } else { sum };
        let results = reduces(
            size,
            count,
            combine,
            |rank| in_place && rank == root,
            |rank| if rank == root { count * UNIT } else { 0 },
            |seat, input| algorithm(seat, root, operands(count, !ordered, input)),
        );
        for (rank, result) in (0..size).zip(results) {
            let expected = if rank == root {
                combined(0..size, count, combine)
            } else {
                vec![]
            };
            assert_eq!(
                result, expected,
                "{name}: rank {rank} of {size}, root {root}, {count} elements"
            );
        }
    }
}

#[test]
fn reduce_combines_in_order_at_any_root() {
    for size in SIZES {
        for root in 0..size {
            for (count, in_place) in [(0, false), (1, false), (3, true), (20, false)] {
                check_reduce(size, root, count, in_place);
            }
        }
    }
}

fn check_allreduce(size: u32, count: u64, in_place: bool) {
    type Algorithm = fn(Seat, Operands) -> Schedule;
    let algorithms: [Named<'_, Algorithm>; 3] = [
        ("recursive doubling", true, allreduce::recursive_doubling),
        ("rabenseifner", false, allreduce::rabenseifner),
        ("ring", false, allreduce::ring),
    ];
    for (name, ordered, algorithm) in algorithms {
        let combine = if ordered { product } else { sum };
        let results = reduces(
            size,
            count,
            combine,
            |_| in_place,
            |_| count * UNIT,
            |seat, input| algorithm(seat, operands(count, !ordered, input)),
        );
        for (rank, result) in (0..size).zip(results) {
            assert_eq!(
                result,
                combined(0..size, count, combine),
                "{name}: rank {rank} of {size}, {count} elements"
            );
        }
    }
}

#[test]
fn allreduce_gives_all_the_same() {
    for size in SIZES {
        for count in [0, 1, 3, 7, 40] {
            check_allreduce(size, count, false);
            check_allreduce(size, count, true);
        }
    }
}

fn check_reduce_scatter(size: u32, counts: &[u64], in_place: bool) {
    type Algorithm = fn(Seat, &Blocks, Operands) -> Schedule;
    let count: u64 = counts.iter().sum();
    let blocks = Blocks::of(counts.iter().map(|count| count * UNIT));
    let algorithms: [Named<'_, Algorithm>; 3] = [
        ("in order", true, reduce_scatter::in_order),
        ("halving", false, |seat, blocks, operands| {
            reduce_scatter::recursive_halving(seat, blocks, operands.input)
        }),
        ("pairwise", false, |seat, blocks, operands| {
            reduce_scatter::pairwise(seat, blocks, operands.input)
        }),
    ];
    for (name, ordered, algorithm) in algorithms {
        let combine = if ordered { product } else { sum };
        let results = reduces(
            size,
            count,
            combine,
            |_| in_place,
            |rank| blocks.len(rank),
            |seat, input| algorithm(seat, &blocks, operands(count, !ordered, input)),
        );
        let whole = combined(0..size, count, combine);
        for (rank, result) in (0..size).zip(results) {
            let own = blocks.range(rank);
            let own = &whole[own.start as usize..own.end as usize];
            assert_eq!(
                &result[..own.len()],
                own,
                "{name}: rank {rank} of {size}, {counts:?}"
            );
        }
    }
}

#[test]
fn reduce_scatter_of_equal_blocks() {
    for size in SIZES {
        for count in [0, 1, 4] {
            for in_place in [false, true] {
                check_reduce_scatter(size, &vec![count; size as usize], in_place);
            }
        }
    }
}

fn check_scan(size: u32, count: u64, in_place: bool) {
    type Algorithm = fn(Seat, Operands, Kind) -> Schedule;
    let algorithms: [(&str, Algorithm); 2] = [
        ("doubling", scan::recursive_doubling),
        ("chain", scan::chain),
    ];
    for (name, algorithm) in algorithms {
        for kind in [Kind::Inclusive, Kind::Exclusive] {
            let results = reduces(
                size,
                count,
                product,
                |_| in_place,
                |_| count * UNIT,
                |seat, input| algorithm(seat, operands(count, false, input), kind),
            );
            for (rank, result) in (0..size).zip(results) {
                let expected = match kind {
                    Kind::Inclusive => combined(0..=rank, count, product),
                    Kind::Exclusive if rank == 0 && in_place => operand(0, count),
                    Kind::Exclusive => combined(0..rank, count, product),
                };
                assert_eq!(result, expected, "{name} {kind:?}: rank {rank} of {size}");
            }
        }
    }
}

#[test]
fn scan_and_exscan_in_rank_order() {
    for size in SIZES {
        for count in [0, 1, 5] {
            check_scan(size, count, false);
            check_scan(size, count, true);
        }
    }
}

/// The edges of a periodic ring of `size` processes, as a one-dimensional grid.
fn ring_edges(seat: Seat) -> neighbor::Edges {
    let both = vec![Some(seat.down(1)), Some(seat.up(1))];
    neighbor::Edges {
        sources: both.clone(),
        destinations: both,
        grid: true,
    }
}

#[test]
fn neighbours_on_a_periodic_grid_match_by_direction_whatever_its_size() {
    for size in SIZES {
        let blocks = Blocks::uniform(2, 3);
        moves(
            "neighbor alltoall",
            size,
            |seat| neighbor::linear(&ring_edges(seat), &blocks, &blocks),
            |rank| Buffers::new([data(rank, 0, 3), data(rank, 1, 3)].concat(), untouched(6)),
            |rank| {
                let seat = Seat { rank, size };
                // From below comes what it sent up (1), from above what it sent down (0).
                [data(seat.down(1), 1, 3), data(seat.up(1), 0, 3)].concat()
            },
        );
    }
}

#[test]
fn a_border_of_a_grid_is_left_alone() {
    let size = 3;
    let edges = |seat: Seat| {
        let both = vec![
            seat.rank.checked_sub(1),
            Some(seat.rank + 1).filter(|&r| r < size),
        ];
        neighbor::Edges {
            sources: both.clone(),
            destinations: both,
            grid: true,
        }
    };
    let (one, two) = (Blocks::uniform(1, 2), Blocks::uniform(2, 2));
    moves(
        "neighbor allgather",
        size,
        |seat| neighbor::linear(&edges(seat), &one, &two),
        |rank| Buffers::new(data(rank, 0, 2), untouched(4)),
        |rank| {
            let of = |peer: Option<u32>| peer.map_or(untouched(2), |peer| data(peer, 0, 2));
            [
                of(rank.checked_sub(1)),
                of(Some(rank + 1).filter(|&r| r < size)),
            ]
            .concat()
        },
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn blocks_of_different_lengths(
        lens in proptest::collection::vec(0_u64..9, 1..18),
        root in any::<proptest::sample::Index>(),
        in_place in any::<bool>(),
    ) {
        let size = lens.len() as u32;
        let root = root.index(lens.len()) as u32;
        let blocks = Blocks::of(lens.iter().copied());
        check_gather(size, root, &blocks, in_place, false);
        check_scatter(size, root, &blocks, in_place, false);
        check_allgather(size, &blocks, in_place);
        check_reduce_scatter(size, &lens, in_place);
    }

    #[test]
    fn alltoall_of_any_lengths(size in 1_u32..14, seed in any::<u64>()) {
        check_alltoall(size, |from, to| {
            (seed.rotate_left(from * 5 + to * 11) ^ u64::from(from * 17 + to)) % 6
        });
    }

    #[test]
    fn large_counts_and_roots(size in 1_u32..18, root in any::<u32>(), count in 0_u64..300) {
        check_bcast(size, root % size, count);
        check_reduce(size, root % size, count / 8, count % 2 == 0);
        check_allreduce(size, count / 4, count % 2 == 0);
    }
}
