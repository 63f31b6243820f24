//! Addresses of 2 GiB and more, of which `MPI_Aint` makes negative numbers.

use super::p2p::pattern;
use super::*;
use crate::collective::Collective;
use crate::datatype::{Constructor, Counts, Packed};
use crate::send::SendMode::Standard;

/// Bytes of memory of a rank here. Hardly any is ever touched.
const LARGE: usize = 3 << 30;
const LOW: u64 = 0x1000;
const HIGH: u64 = 0x8980_0010;
const BOTTOM: u64 = 0;
/// Where packed bytes are.
const PACKED: u64 = 0x10_0000;

/// Runs `program` in two ranks of one worker, and of two.
fn run_large(program: impl Fn(&mut Process) + Sync) {
    for of_rank in [[0, 0], [0, 1]] {
        let mut cluster = Cluster::new(&of_rank);
        cluster.memory = LARGE;
        cluster.run(|p| {
            p.rank.init().unwrap();
            program(p);
            p.rank.finalize(&mut p.guest).unwrap();
        });
    }
}

/// As the guest's `MPI_Aint` has it.
fn aint(address: u64) -> i64 {
    i64::from((address as u32).cast_signed())
}

/// One element with `len` bytes at each of `places`, in a buffer at `base`.
fn element(p: &Process, base: u64, len: usize, places: &[u64]) -> Buffer {
    let byte = p.rank.datatype(BYTE).unwrap().into_owned();
    let constructor = Constructor::Struct {
        blocklengths: vec![len as i64; places.len()],
        displacements: places
            .iter()
            .map(|place| aint(place.wrapping_sub(base)))
            .collect(),
        types: vec![byte; places.len()],
    };
    let datatype = p.rank.type_create(constructor, Counts::Int).unwrap();
    p.rank.type_commit(datatype).unwrap();
    Buffer {
        addr: Addr(base),
        count: 1,
        datatype,
    }
}

/// Addresses of members, and what a struct's displacements count from.
fn layouts(len: u64) -> [(u64, Vec<u64>); 7] {
    let next = HIGH + 2 * len;
    [
        (BOTTOM, vec![HIGH]),
        (BOTTOM, vec![HIGH, next, next + 3 * len]),
        (BOTTOM, vec![LOW, HIGH]),
        (BOTTOM, vec![HIGH, LOW, next]),
        (LOW, vec![LOW, HIGH]),
        (HIGH, vec![HIGH, LOW]),
        (HIGH, vec![LOW]),
    ]
}

fn clear(p: &Process, places: &[u64], len: usize) {
    for &place in places {
        p.put(place, &vec![0; len]);
    }
}

fn fill(p: &Process, places: &[u64], len: usize) {
    for (i, &place) in places.iter().enumerate() {
        p.put(place, &pattern(len, i));
    }
}

fn is_filled(p: &Process, places: &[u64], len: usize) -> bool {
    let mut all = places.iter().enumerate();
    all.all(|(i, &place)| p.get(place, len) == pattern(len, i))
}

#[test]
fn messages_come_from_and_go_to_any_address() {
    run_large(|p| {
        for len in [8, 1000, 300_000] {
            for (base, places) in layouts(len as u64) {
                let buffer = element(p, base, len, &places);
                if p.me == 0 {
                    fill(p, &places, len);
                    p.rank
                        .send(&mut p.guest, Standard, &buffer, to(1, 0))
                        .unwrap();
                } else {
                    clear(p, &places, len);
                    p.rank.recv(&mut p.guest, &buffer, from(0, 0)).unwrap();
                    assert!(is_filled(p, &places, len), "{len} at {places:x?}");
                }
            }
        }
    });
}

#[test]
fn collectives_take_any_address() {
    run_large(|p| {
        for len in [8, 300_000] {
            for (base, places) in layouts(len as u64) {
                let buffer = element(p, base, len, &places);
                match p.me {
                    0 => fill(p, &places, len),
                    _ => clear(p, &places, len),
                }
                let call = Collective::Bcast { buffer, root: 0 };
                p.rank.collective(&mut p.guest, WORLD, &call).unwrap();
                assert!(is_filled(p, &places, len), "{len} at {places:x?}");
            }
        }
    });
}

#[test]
fn packing_takes_any_address() {
    run_large(|p| {
        let len = 1000;
        for (base, places) in layouts(len as u64) {
            let buffer = element(p, base, len, &places);
            let packed = Packed {
                addr: Addr(PACKED),
                size: (places.len() * len) as i64,
                position: 0,
            };
            fill(p, &places, len);
            assert_eq!(p.rank.pack(&buffer, packed).unwrap(), packed.size);
            for i in 0..places.len() {
                assert!(p.get(PACKED + (i * len) as u64, len) == pattern(len, i));
            }
            clear(p, &places, len);
            p.rank.unpack(packed, &buffer).unwrap();
            assert!(is_filled(p, &places, len), "{places:x?}");
        }
    });
}

#[test]
fn an_address_beyond_the_memory_is_refused() {
    run_large(|p| {
        let end = LARGE as u64;
        for (base, places) in [
            (BOTTOM, vec![end - 4]),
            (BOTTOM, vec![HIGH, end - 4]),
            (BOTTOM, vec![LOW, end - 4]),
            (BOTTOM, vec![LOW, u64::from(u32::MAX) - 3, HIGH]),
            (HIGH, vec![LOW, end]),
        ] {
            let buffer = element(p, base, 8, &places);
            let sent = p.rank.send(&mut p.guest, Standard, &buffer, to(0, 0));
            assert_eq!(sent.unwrap_err().class, Class::BUFFER, "{places:x?}");
            let received = p.rank.irecv(&buffer, from(0, 0));
            assert_eq!(received.unwrap_err().class, Class::BUFFER, "{places:x?}");
            let packed = Packed {
                addr: Addr(PACKED),
                size: 100,
                position: 0,
            };
            let packed = p.rank.pack(&buffer, packed);
            assert_eq!(packed.unwrap_err().class, Class::BUFFER, "{places:x?}");
        }
    });
}
