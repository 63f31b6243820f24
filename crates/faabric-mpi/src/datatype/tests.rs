//! Datatypes against a naive model: the type map as a list of (displacement, type),
//! built the way the standard's text builds it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::abi;
use crate::memory::{Addr, HostBuffer, Memory};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// Entries of a type map, with the bounds that the standard derives from them.
#[derive(Clone, Debug)]
struct Model {
    entries: Vec<(i64, Primitive)>,
    lb: i64,
    ub: i64,
    fixed: bool,
}

impl Model {
    fn named(primitive: Primitive) -> Model {
        let entries = match primitive.parts() {
            (one, None) => vec![(0, one)],
            (value, Some(index)) => vec![(0, value), (primitive.index_offset() as i64, index)],
        };
        Model {
            entries,
            lb: 0,
            ub: primitive.extent() as i64,
            fixed: false,
        }
    }

    fn extent(&self) -> i64 {
        self.ub - self.lb
    }

    fn is_void(&self) -> bool {
        self.entries.is_empty() && !self.fixed
    }

    /// Blocks of (elements, displacement in bytes, type).
    fn blocks(blocks: &[(i64, i64, &Model)]) -> Model {
        let mut all = Model {
            entries: vec![],
            lb: 0,
            ub: 0,
            fixed: false,
        };
        let mut bounds: Vec<(bool, i64, i64)> = vec![];
        for &(len, at, old) in blocks {
            for i in 0..len {
                let at = at + i * old.extent();
                all.entries
                    .extend(old.entries.iter().map(|&(d, p)| (d + at, p)));
                if !old.is_void() {
                    bounds.push((old.fixed, old.lb + at, old.ub + at));
                }
            }
        }
        all.fixed = bounds.iter().any(|b| b.0);
        bounds.retain(|b| b.0 == all.fixed);
        all.lb = bounds.iter().map(|b| b.1).min().unwrap_or(0);
        all.ub = bounds.iter().map(|b| b.2).max().unwrap_or(0);
        all
    }

    /// Offsets of all bytes of `count` elements, in packed order.
    fn bytes(&self, count: i64) -> Vec<i64> {
        (0..count)
            .flat_map(|i| {
                self.entries.iter().flat_map(move |&(at, p)| {
                    (0..p.size() as i64).map(move |b| i * self.extent() + at + b)
                })
            })
            .collect()
    }
}

type Pair = (Arc<Datatype>, Model);

fn named() -> impl Strategy<Value = Pair> {
    let handles = [
        abi::MPI_BYTE,
        abi::MPI_SHORT,
        abi::MPI_INT,
        abi::MPI_DOUBLE,
        abi::MPI_DOUBLE_INT,
    ];
    prop::sample::select(handles.to_vec()).prop_map(|handle| {
        let primitive = Primitive::from_handle(handle).unwrap();
        (Datatype::named(primitive), Model::named(primitive))
    })
}

fn build(constructor: Constructor) -> Arc<Datatype> {
    Datatype::new(constructor, Counts::Int).unwrap()
}

/// One constructor around `old`, with small arguments.
fn derived(old: Pair, other: Pair, n: Vec<(i64, i64)>, which: u8) -> Pair {
    let (ty, model) = old;
    let (count, stride) = n[0];
    let (blocklength, _) = n[1];
    let lens: Vec<i64> = n.iter().map(|n| n.0).collect();
    let at: Vec<i64> = n.iter().map(|n| n.1).collect();
    let extent = model.extent();
    let listed = |unit: i64| -> Vec<(i64, i64, &Model)> {
        lens.iter()
            .zip(&at)
            .map(|(&l, &d)| (l, d * unit, &model))
            .collect()
    };
    let steps = |unit: i64| -> Vec<(i64, i64, &Model)> {
        (0..count)
            .map(|i| (blocklength, i * stride * unit, &model))
            .collect()
    };
    let old = Arc::clone(&ty);
    match which % 9 {
        0 => (
            build(Constructor::Contiguous { count, old }),
            Model::blocks(&[(count, 0, &model)]),
        ),
        1 => (
            build(Constructor::Vector {
                count,
                blocklength,
                stride,
                old,
            }),
            Model::blocks(&steps(extent)),
        ),
        2 => (
            build(Constructor::Hvector {
                count,
                blocklength,
                stride,
                old,
            }),
            Model::blocks(&steps(1)),
        ),
        3 => (
            build(Constructor::Indexed {
                blocklengths: lens.clone(),
                displacements: at.clone(),
                old,
            }),
            Model::blocks(&listed(extent)),
        ),
        4 => (
            build(Constructor::Hindexed {
                blocklengths: lens.clone(),
                displacements: at.clone(),
                old,
            }),
            Model::blocks(&listed(1)),
        ),
        5 => {
            let blocks: Vec<_> = at
                .iter()
                .map(|&d| (blocklength, d * extent, &model))
                .collect();
            (
                build(Constructor::IndexedBlock {
                    blocklength,
                    displacements: at.clone(),
                    old,
                }),
                Model::blocks(&blocks),
            )
        }
        6 => {
            let blocks = [(lens[0], at[0], &model), (lens[1], at[1], &other.1)];
            let mut all = Model::blocks(&blocks);
            let align = ty_align(&blocks);
            if !all.fixed {
                all.ub = all.lb + (all.ub - all.lb + align - 1).div_euclid(align) * align;
            }
            let ty =
                Datatype::structure(&[(lens[0], at[0], ty), (lens[1], at[1], other.0)]).unwrap();
            (ty, all)
        }
        7 => {
            let resized = Model {
                lb: stride,
                ub: stride + blocklength * 8,
                fixed: true,
                entries: model.entries.clone(),
            };
            (
                Datatype::resized(stride, blocklength * 8, &ty).unwrap(),
                resized,
            )
        }
        _ => (build(Constructor::Dup(old)), model),
    }
}

fn ty_align(blocks: &[(i64, i64, &Model)]) -> i64 {
    blocks
        .iter()
        .filter(|b| b.0 > 0)
        .flat_map(|b| b.2.entries.iter().map(|e| e.1.align() as i64))
        .max()
        .unwrap_or(1)
}

/// Types of a few nested constructors.
fn types() -> impl Strategy<Value = Pair> {
    let numbers = prop::collection::vec((0i64..4, -9i64..10), 2..5);
    named().prop_recursive(3, 16, 2, move |inner| {
        (inner.clone(), inner, numbers.clone(), any::<u8>())
            .prop_map(|(old, other, n, which)| derived(old, other, n, which))
    })
}

/// A buffer that holds `count` elements of `model` with all bytes different from
/// their neighbours, and the address that makes every offset fit.
fn buffer(model: &Model, count: i64) -> (HostBuffer, Addr) {
    let offsets = model.bytes(count);
    let low = offsets.iter().min().copied().unwrap_or(0).min(0);
    let high = offsets.iter().max().copied().unwrap_or(0).max(0);
    let bytes = (0..high - low + 1)
        .map(|i| (i * 7 + i / 256) as u8)
        .collect::<Vec<_>>();
    (HostBuffer::from(bytes), Addr(-low as u64))
}

fn packed(memory: &HostBuffer, addr: Addr, offsets: &[i64]) -> Vec<u8> {
    let bytes = memory.to_vec();
    offsets
        .iter()
        .map(|&o| bytes[addr.offset(o).unwrap().0 as usize])
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::with_cases(400) })]

    #[test]
    fn bounds_and_counts_are_the_models((ty, model) in types()) {
        prop_assert_eq!(ty.size() as usize, model.bytes(1).len());
        prop_assert_eq!((ty.lb(), ty.extent()), (model.lb, model.extent()));
        let offsets = model.bytes(1);
        let first = offsets.iter().min().copied().unwrap_or(0);
        let end = offsets.iter().max().map_or(0, |o| o + 1);
        prop_assert_eq!((ty.true_lb(), ty.true_extent()), (first, end - first));
        prop_assert_eq!(ty.elements_in(ty.size()), Some(model.entries.len() as u64));
        let kinds: Vec<_> = model.entries.iter().map(|e| e.1).collect();
        if let Some(primitive) = ty.primitive() {
            prop_assert!(kinds.iter().all(|&k| k == primitive.parts().0 || Some(k) == primitive.parts().1));
        }
    }

    #[test]
    fn packing_follows_the_type_map((ty, model) in types(), count in 0i64..4) {
        let offsets = model.bytes(count);
        let (memory, addr) = buffer(&model, count);
        let mut out = vec![0; offsets.len()];
        ty.pack(&memory, addr, count as u64, &mut out).unwrap();
        prop_assert_eq!(&out, &packed(&memory, addr, &offsets));
        let walked: Vec<i64> = ty.segments(count as u64)
            .flat_map(|s| s.offset..s.offset + s.len as i64)
            .collect();
        prop_assert_eq!(walked, offsets);
    }

    #[test]
    fn pieces_of_any_length_make_the_whole(
        (ty, model) in types(),
        count in 0i64..4,
        cuts in prop::collection::vec(1usize..40, 1..20),
    ) {
        let offsets = model.bytes(count);
        let (memory, addr) = buffer(&model, count);
        let mut cursor = Cursor::new(Arc::clone(&ty), count as u64).unwrap();
        let mut out = vec![];
        for cut in cuts.iter().cycle() {
            let mut piece = vec![0; *cut];
            let n = cursor.read(&memory, addr, &mut piece).unwrap();
            out.extend(&piece[..n]);
            if cursor.remaining() == 0 {
                break;
            }
        }
        prop_assert_eq!(&out, &packed(&memory, addr, &offsets));

        // Back again in other pieces, into a buffer of zeros.
        let target = HostBuffer::zeroed(memory.size() as usize);
        let mut cursor = Cursor::new(ty, count as u64).unwrap();
        let mut rest = &out[..];
        for cut in cuts.iter().rev().cycle() {
            let n = cursor.write(&target, addr, &rest[..rest.len().min(*cut)]).unwrap();
            rest = &rest[n..];
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(packed(&target, addr, &offsets), packed(&memory, addr, &offsets));
    }

    #[test]
    fn copying_is_packing_and_unpacking(
        (from, from_model) in types(),
        (to, to_model) in types(),
        (n, m) in (0i64..4, 0i64..4),
    ) {
        // Overlapping elements of the target would make the result depend on order.
        let targets = to_model.bytes(m);
        prop_assume!(targets.iter().collect::<std::collections::BTreeSet<_>>().len() == targets.len());
        let (source, source_addr) = buffer(&from_model, n);
        let (_, target_addr) = buffer(&to_model, m);
        let size = target_addr.0 as usize + targets.iter().max().map_or(1, |o| (o + 1).max(1)) as usize;
        let (direct, staged) = (HostBuffer::zeroed(size), HostBuffer::zeroed(size));
        let copied = copy(
            Side { memory: &source, addr: source_addr, count: n as u64, datatype: &from },
            Side { memory: &direct, addr: target_addr, count: m as u64, datatype: &to },
            &mut || Ok(()),
        ).unwrap();
        let mut data = vec![0; copied as usize];
        from.pack(&source, source_addr, n as u64, &mut data).unwrap();
        to.unpack(&staged, target_addr, m as u64, &data).unwrap();
        prop_assert_eq!(copied as usize, from_model.bytes(n).len().min(targets.len()));
        prop_assert_eq!(direct.to_vec(), staged.to_vec());
    }
}

#[test]
fn a_vector_of_a_million_blocks_is_one_node() {
    let double = Datatype::named(Primitive::DOUBLE);
    let vector = Datatype::vector(1_000_000, 1, 3, &double).unwrap();
    assert!(matches!(
        vector.layout.node,
        layout::Node::Strided {
            count: 1_000_000,
            ..
        }
    ));
    let matrix = Datatype::vector(1_000, 1, 1_000_000, &vector).unwrap();
    assert_eq!(matrix.size(), 8_000_000_000);
    let whole = Datatype::vector(1_000, 4, 4, &double).unwrap();
    assert!(whole.is_contiguous());
}

#[test]
fn hostile_arguments_are_errors() {
    let int = Datatype::named(Primitive::INT);
    let class = |r: Result<Arc<Datatype>>| r.unwrap_err().class;
    assert_eq!(class(Datatype::contiguous(-1, &int)), Class::COUNT);
    assert_eq!(
        class(Datatype::contiguous(i64::MAX, &int)),
        Class::VALUE_TOO_LARGE
    );
    assert_eq!(
        class(Datatype::vector(2, i64::MAX / 2, 1, &int)),
        Class::VALUE_TOO_LARGE
    );
    assert_eq!(
        class(Datatype::vector(3, 1, i64::MIN, &int)),
        Class::VALUE_TOO_LARGE
    );
    assert_eq!(
        class(Datatype::resized(i64::MAX, 1, &int)),
        Class::VALUE_TOO_LARGE
    );
    let far = Datatype::resized(i64::MAX - 1, 1, &int).unwrap();
    assert_eq!(
        class(Datatype::structure(&[(1, 100, far)])),
        Class::VALUE_TOO_LARGE
    );
    let ends = [
        (1, i64::MIN, Arc::clone(&int)),
        (1, i64::MAX - 4, Arc::clone(&int)),
    ];
    assert_eq!(class(Datatype::structure(&ends)), Class::VALUE_TOO_LARGE);
    assert_eq!(int.bytes(-1).unwrap_err().class, Class::COUNT);
    assert_eq!(int.bytes(i64::MAX).unwrap_err().class, Class::COUNT);

    let mut deep = int;
    let error = loop {
        let byte = Datatype::named(Primitive::BYTE);
        match Datatype::structure(&[(1, 0, deep), (1, 7, byte)]) {
            Ok(more) => deep = more,
            Err(error) => break error,
        }
    };
    assert_eq!(error.class, Class::TYPE);
}

#[test]
fn a_buffer_beyond_memory_is_refused() {
    let int = Datatype::named(Primitive::INT);
    let memory = HostBuffer::zeroed(64);
    let mut out = [0; 8];
    let spread = Datatype::vector(2, 1, 1 << 40, &int).unwrap();
    for ty in [&int, &spread] {
        for addr in [Addr(60), Addr(64), Addr(u64::MAX)] {
            let e = ty.pack(&memory, addr, 2, &mut out).unwrap_err();
            assert_eq!(e.class, Class::BUFFER);
        }
    }
    let below = Datatype::structure(&[(1, -8, Arc::clone(&int))]).unwrap();
    assert!(below.pack(&memory, Addr(4), 1, &mut out[..4]).is_err());
}

#[test]
fn a_subarray_is_the_rows_of_its_box() {
    let int = Datatype::named(Primitive::INT);
    let subarray = |order, sizes: [i64; 2], subsizes: [i64; 2], starts: [i64; 2]| {
        build(Constructor::Subarray(Subarray {
            sizes: sizes.to_vec(),
            subsizes: subsizes.to_vec(),
            starts: starts.to_vec(),
            order,
            old: Arc::clone(&int),
        }))
    };
    let c = subarray(Order::C, [4, 6], [2, 3], [1, 2]);
    let runs: Vec<_> = c.segments(1).map(|s| (s.offset, s.len)).collect();
    assert_eq!(runs, [(4 * 8, 12), (4 * 14, 12)]);
    assert_eq!((c.lb(), c.extent()), (0, 96));
    let fortran = subarray(Order::Fortran, [6, 4], [3, 2], [2, 1]);
    assert_eq!(
        fortran.segments(1).collect::<Vec<_>>(),
        c.segments(1).collect::<Vec<_>>()
    );
    assert_eq!((c.size(), c.elements_in(24)), (24, Some(6)));
}

/// Every element of a distributed array belongs to exactly one process, and to the
/// one that the standard's rule says.
#[test]
fn a_distributed_array_is_dealt_out_completely() {
    let int = Datatype::named(Primitive::INT);
    let (block, cyclic, none) = (
        abi::MPI_DISTRIBUTE_BLOCK,
        abi::MPI_DISTRIBUTE_CYCLIC,
        abi::MPI_DISTRIBUTE_NONE,
    );
    let default = abi::MPI_DISTRIBUTE_DFLT_DARG;
    for (distribs, dargs, psizes) in [
        ([block, cyclic], [default, 2], [2, 3]),
        ([cyclic, block], [default, 4], [3, 2]),
        ([none, cyclic], [default, 3], [1, 4]),
    ] {
        let (rows, columns) = (5i64, 7i64);
        let mut owner = vec![None; (rows * columns) as usize];
        let size = psizes[0] * psizes[1];
        for rank in 0..size {
            let ty = build(Constructor::Darray(Darray {
                size,
                rank,
                gsizes: vec![rows, columns],
                distribs: distribs.to_vec(),
                dargs: dargs.to_vec(),
                psizes: psizes.to_vec(),
                order: Order::C,
                old: Arc::clone(&int),
            }));
            assert_eq!((ty.lb(), ty.extent()), (0, rows * columns * 4));
            for segment in ty.segments(1) {
                for element in segment.offset / 4..(segment.offset + segment.len as i64) / 4 {
                    assert_eq!(owner[element as usize].replace(rank), None);
                }
            }
        }
        for (element, owner) in owner.into_iter().enumerate() {
            let at = [
                element as i32 / columns as i32,
                element as i32 % columns as i32,
            ];
            let coordinate = |d: usize| {
                let (gsize, n) = ([rows, columns][d] as i32, psizes[d]);
                let block_size = match (distribs[d], dargs[d]) {
                    (d, _) if d == none => gsize,
                    (d, darg) if d == block && darg == default => (gsize + n - 1) / n,
                    (_, darg) if darg == default => 1,
                    (_, darg) => darg,
                };
                at[d] / block_size % n
            };
            assert_eq!(
                owner,
                Some(coordinate(0) * psizes[1] + coordinate(1)),
                "element {element}"
            );
        }
    }
}

#[test]
fn contents_are_the_arguments_in_the_order_of_the_call() {
    let int = Datatype::named(Primitive::INT);
    let args = || Constructor::Hindexed {
        blocklengths: vec![1, 2],
        displacements: vec![0, 100],
        old: Arc::clone(&int),
    };
    let small = Datatype::new(args(), Counts::Int).unwrap().contents();
    assert_eq!(
        (small.integers, small.addresses),
        (vec![2, 1, 2], vec![0, 100])
    );
    let large = Datatype::new(args(), Counts::Large).unwrap();
    assert_eq!(large.contents().large_counts, [2, 1, 2, 0, 100]);
    let envelope = large.envelope();
    assert_eq!(
        (envelope.integers, envelope.large_counts, envelope.datatypes),
        (0, 5, 1)
    );
    assert_eq!(int.envelope().combiner, abi::MPI_COMBINER_NAMED);
}

#[test]
fn external_form_is_big_endian_and_comes_back() {
    let aint = Datatype::predefined(abi::MPI_AINT).unwrap();
    let ty = Datatype::structure(&[
        (1, 0, Arc::clone(&aint)),
        (2, 4, Datatype::predefined(abi::MPI_SHORT).unwrap()),
        (
            1,
            8,
            Datatype::predefined(abi::MPI_C_FLOAT_COMPLEX).unwrap(),
        ),
    ])
    .unwrap();
    let bytes: Vec<u8> = [
        &(-2i32).to_le_bytes()[..],
        &0x0102i16.to_le_bytes(),
        &0x0304i16.to_le_bytes(),
        &1f32.to_le_bytes(),
        &(-2f32).to_le_bytes(),
    ]
    .concat();
    let memory = HostBuffer::from(bytes.clone());
    let mut out = vec![];
    ty.pack_external(&memory, Addr(0), 1, |piece| {
        out.extend_from_slice(piece);
        Ok(())
    })
    .unwrap();
    let expected = [
        &(-2i64).to_be_bytes()[..],
        &[1, 2, 3, 4],
        &1f32.to_be_bytes(),
        &(-2f32).to_be_bytes(),
    ]
    .concat();
    assert_eq!(out, expected);
    assert_eq!(ty.external_size(3).unwrap(), 3 * 20);
    let back = HostBuffer::zeroed(bytes.len());
    let mut rest = &out[..];
    ty.unpack_external(&back, Addr(0), 1, |piece| {
        let (now, later) = rest.split_at(piece.len());
        piece.copy_from_slice(now);
        rest = later;
        Ok(())
    })
    .unwrap();
    assert_eq!(back.to_vec(), bytes);
}

#[test]
fn counting_elements_ends_within_one() {
    let ty = Datatype::structure(&[
        (2, 0, Datatype::named(Primitive::INT)),
        (1, 8, Datatype::named(Primitive::DOUBLE)),
    ])
    .unwrap();
    assert_eq!(ty.count_in(32), Some(2));
    assert_eq!(ty.count_in(20), None);
    assert_eq!(ty.elements_in(20), Some(4));
    assert_eq!(ty.elements_in(21), None);
    assert_eq!(ty.bytes_of_elements(4).unwrap(), 20);
    assert!(ty.bytes_of_elements(u64::MAX).is_err());
    let byte = Datatype::named(Primitive::BYTE);
    assert_eq!(byte.bytes_of_elements(u64::MAX).unwrap(), u64::MAX);
}

/// `depth` times two of the type before it, a few bytes apart: 2^depth runs.
fn overlapping(depth: u32) -> Arc<Datatype> {
    let two = |old: &Arc<Datatype>, apart: i64| {
        let constructor = Constructor::Struct {
            blocklengths: vec![1, 1],
            displacements: vec![0, apart],
            types: vec![Arc::clone(old), Arc::clone(old)],
        };
        Datatype::new(constructor, Counts::Int).unwrap()
    };
    let byte = Datatype::named(Primitive::BYTE);
    (1..depth).fold(two(&byte, 3), |old, level| two(&old, i64::from(level)))
}

#[test]
fn parts_that_share_parts_are_not_looked_at_again_and_again() {
    let (shallow, deep) = (overlapping(10), overlapping(50));
    assert_eq!(shallow.size(), 1 << 10);
    assert_eq!(shallow.segments(1).map(|run| run.len).sum::<u64>(), 1 << 10);
    assert_eq!(deep.size(), 1 << 50);
    assert_eq!(deep.signature.external_size(), Some(1 << 50));
    assert!(deep.has_short_runs());
    let memory = HostBuffer::zeroed(2000);
    let mut some = [1; 100];
    let mut cursor = Cursor::new(Arc::clone(&deep), 1).unwrap();
    cursor.seek((1 << 50) - 100);
    assert_eq!(cursor.read(&memory, Addr(0), &mut some).unwrap(), 100);
    assert_eq!(some, [0; 100]);
}

#[test]
fn a_copy_that_would_take_days_ends_when_it_is_told_to() {
    let deep = overlapping(50);
    let (from, to) = (HostBuffer::zeroed(2000), HostBuffer::zeroed(2000));
    let side = |memory| Side {
        memory,
        addr: Addr(0),
        count: 1,
        datatype: &deep,
    };
    let mut asked = 0;
    let copied = copy(side(&from), side(&to), &mut || {
        asked += 1;
        match asked {
            3 => Err(Error::interrupted("the job has ended")),
            _ => Ok(()),
        }
    });
    assert!(copied.unwrap_err().message.contains("the job has ended"));
}

#[test]
fn blocks_on_top_of_each_other_are_too_many_bytes_at_some_time() {
    let old = Datatype::named(Primitive::BYTE);
    let (count, blocklength, stride) = (1 << 40, 1, 0);
    let vector = Constructor::Hvector {
        count,
        blocklength,
        stride,
        old,
    };
    let old = Datatype::new(vector, Counts::Large).unwrap();
    let (lb, extent) = (0, 0);
    let resized = Constructor::Resized { lb, extent, old };
    let old = Datatype::new(resized, Counts::Large).unwrap();
    for (blocks, fits) in [(1 << 20, true), (1 << 23, false), (1 << 40, false)] {
        let indexed = Constructor::Hindexed {
            blocklengths: vec![blocks, 1],
            displacements: vec![0, 0],
            old: Arc::clone(&old),
        };
        assert_eq!(Datatype::new(indexed, Counts::Large).is_ok(), fits);
    }
}
