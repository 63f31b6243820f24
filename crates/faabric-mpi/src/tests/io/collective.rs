//! Collective access: the same bytes as each rank's own, in fewer writes.

use super::*;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// Sets hints on a file.
fn hint(p: &mut Process, fh: FileHandle, pairs: &[(&str, &str)]) {
    let info = p.rank.info_create().unwrap();
    for (key, value) in pairs {
        p.rank.info_set(info, key, value).unwrap();
    }
    p.rank.file_set_info(&mut p.guest, fh, info).unwrap();
    p.rank.info_free(info).unwrap();
}

#[test]
fn interleaved_pieces_are_written_together() {
    const COUNT: i64 = 5000;
    for (buffering, most) in [("true", 2), ("false", 1 << 20)] {
        run_files(
            4,
            MemoryFiles::default,
            |p| {
                let fh = p.open("f", NEW);
                hint(p, fh, &[("collective_buffering", buffering)]);
                let filetype = p.every(1, 4, i64::from(p.me));
                p.view(fh, 0, INT, filetype);
                let me = p.me;
                let data = p.fill(0, (0..COUNT as i32).map(|i| i * 4 + me));
                let together = all(write(Place::Individual));
                assert_eq!(p.access(fh, together, &data), COUNT as u64 * 4);
                assert_eq!(p.rank.file_get_position(fh).unwrap(), COUNT);
                p.rank
                    .memory()
                    .write(Addr(0), &vec![0; COUNT as usize * 4 + 40])
                    .unwrap();
                let wanted = ints(0, COUNT + 10);
                let got = p.access(fh, all(read(Place::At(0))), &wanted);
                assert_eq!(got, COUNT as u64 * 4, "the file ends");
                let values = p.values(0, COUNT as usize + 10);
                let expected = (0..COUNT as i32).map(|i| i * 4 + me).chain([0; 10]);
                assert!(values.into_iter().eq(expected));
                p.close(fh);
            },
            |files| {
                let expected: Vec<u8> = (0..COUNT as i32 * 4).flat_map(i32::to_le_bytes).collect();
                assert!(files.get("f").unwrap() == expected);
                let writes = files.writes.load(Ordering::Relaxed);
                assert!(writes <= most, "{writes} writes");
            },
        );
    }
}

#[test]
fn a_rank_without_data_takes_part() {
    run_files(
        3,
        MemoryFiles::default,
        |p| {
            let fh = p.open("f", NEW);
            let filetype = p.every(1, 2, i64::from(p.me % 2));
            p.view(fh, 0, INT, filetype);
            let count = if p.me == 2 { 0 } else { 100 };
            let data = p.fill(0, (0..100).map(|i| i * 2 + p.me));
            let data = Buffer { count, ..data };
            assert_eq!(
                p.access(fh, all(write(Place::At(0))), &data),
                count as u64 * 4
            );
            assert_eq!(
                p.access(fh, all(read(Place::At(0))), &ints(1000, count)),
                count as u64 * 4
            );
            if p.me != 2 {
                assert_eq!(p.values(1000, 100), p.values(0, 100));
            }
            p.close(fh);
        },
        |files| {
            let expected: Vec<u8> = (0..200).flat_map(i32::to_le_bytes).collect();
            assert_eq!(files.get("f").unwrap(), expected);
            assert_eq!(files.writes.load(Ordering::Relaxed), 1);
        },
    );
}

#[test]
fn split_collectives_end_what_they_began() {
    run_files(
        2,
        MemoryFiles::default,
        |p| {
            let fh = p.open("f", NEW);
            let data = p.fill(0, [p.me; 4]);
            let at = all(write(Place::At(16 * i64::from(p.me))));
            p.rank.file_begin(&mut p.guest, fh, at, &data).unwrap();
            let other = all(write(Place::Individual));
            assert_eq!(class(p.rank.file_end(fh, other, Addr(0))), Class::OTHER);
            assert_eq!(class(p.rank.file_end(fh, at, Addr(4))), Class::BUFFER);
            assert_eq!(
                class(p.try_access(fh, other, &data)),
                Class::OTHER,
                "one at a time"
            );
            assert_eq!(
                p.access(fh, read(Place::At(0)), &ints(100, 0)),
                0,
                "not collective"
            );
            assert_eq!(p.rank.file_end(fh, at, Addr(0)).unwrap().bytes, 16);
            assert_eq!(class(p.rank.file_end(fh, at, Addr(0))), Class::OTHER);
            let ordered = all(read(Place::Shared));
            p.rank
                .file_begin(&mut p.guest, fh, ordered, &span(200, 16))
                .unwrap();
            assert_eq!(p.rank.file_end(fh, ordered, Addr(200)).unwrap().bytes, 16);
            assert_eq!(p.values(200, 4), [p.me; 4]);
            p.close(fh);
        },
        |files| assert_eq!(files.get("f").unwrap().len(), 32),
    );
}

#[test]
fn a_full_disk_fails_on_all_ranks() {
    run_files(
        3,
        || MemoryFiles {
            space: 1000,
            ..MemoryFiles::default()
        },
        |p| {
            let fh = p.open("f", NEW);
            let filetype = p.every(1, 3, i64::from(p.me));
            p.view(fh, 0, INT, filetype);
            p.fill(0, 0..200);
            let together = all(write(Place::At(0)));
            assert_eq!(
                class(p.try_access(fh, together, &ints(0, 200))),
                Class::NO_SPACE
            );
            assert_eq!(
                p.access(fh, together, &ints(0, 50)),
                200,
                "there is room for less"
            );
            p.close(fh);
        },
        |_| {},
    );
}

#[test]
fn an_argument_that_is_wrong_on_one_rank_fails_on_all() {
    run_files(
        3,
        MemoryFiles::default,
        |p| {
            let fh = p.open("f", NEW);
            let count = if p.me == 1 { -1 } else { 1 };
            let data = Buffer {
                count,
                ..span(0, 0)
            };
            let together = all(write(Place::At(0)));
            assert_eq!(class(p.try_access(fh, together, &data)), Class::COUNT);
            assert_eq!(p.access(fh, together, &span(0, 1)), 1);
            p.close(fh);
        },
        |_| {},
    );
}

/// One rank's view and access, in ints.
#[derive(Clone, Debug)]
struct Plan {
    disp: i64,
    /// Lengths and gaps of the filetype's blocks.
    blocks: Vec<(i64, i64)>,
    /// Ints after the last block.
    tail: i64,
    offset: i64,
    count: i64,
}

fn plan() -> impl Strategy<Value = Plan> {
    let blocks = prop::collection::vec((1..4i64, 0..5i64), 1..4);
    (0..7i64, blocks, 0..4i64, 0..30i64, 0..60i64).prop_map(
        |(disp, blocks, tail, offset, count)| Plan {
            disp,
            blocks,
            tail,
            offset,
            count,
        },
    )
}

impl Plan {
    /// Where the blocks begin, and the extent.
    fn starts(&self) -> (Vec<i64>, i64) {
        let mut at = 0;
        let starts = self.blocks.iter().map(|(len, gap)| {
            let start = at + gap;
            at = start + len;
            start
        });
        (starts.collect(), at + self.tail)
    }

    /// The ints of the file that it sees, in order: the model of a view.
    fn places(&self) -> Vec<usize> {
        let (starts, extent) = self.starts();
        let tile = |tile: i64| {
            let blocks = self.blocks.iter().zip(starts.clone());
            let ints = blocks.flat_map(move |((len, _), start)| {
                (start..start + len).map(move |i| i + tile * extent)
            });
            ints.collect::<Vec<_>>()
        };
        let all = (0..).flat_map(tile).map(|i| (i + self.disp) as usize);
        all.skip(self.offset as usize)
            .take(self.count as usize)
            .collect()
    }

    fn view(&self, p: &mut Process, fh: FileHandle) {
        use crate::datatype::Constructor;
        let (displacements, extent) = self.starts();
        let old = p.rank.type_of(INT).unwrap();
        let blocklengths = self.blocks.iter().map(|b| b.0).collect();
        let indexed = p.make(Constructor::Indexed {
            blocklengths,
            displacements,
            old,
        });
        let old = p.rank.type_of(indexed).unwrap();
        let filetype = p.make(Constructor::Resized {
            lb: 0,
            extent: extent * 4,
            old,
        });
        p.view(fh, self.disp * 4, INT, filetype);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, rng_seed: RngSeed::Fixed(14), ..ProptestConfig::with_cases(60) })]
    #[test]
    fn random_views_read_and_write_what_a_model_says(
        plans in prop::collection::vec(plan(), 1..5),
        window in prop::sample::select(vec!["1", "12", "100", "4096"]),
        nodes in 1..4u32,
        together: bool,
    ) {
        let before: Vec<i32> = (0..150).map(|i| -1 - i).collect();
        let mut model = before.clone();
        for (me, plan) in plans.iter().enumerate() {
            for (index, place) in plan.places().into_iter().enumerate() {
                model.resize(model.len().max(place + 1), 0);
                model[place] = (me * 1000 + index) as i32;
            }
        }
        // Which of two ranks' values is in the file is not said: any of them will do.
        let allowed = |place: usize, value: i32| {
            let mine = plans.iter().enumerate().flat_map(|(me, plan)| {
                let at = plan.places().into_iter().position(|p| p == place)?;
                Some((me * 1000 + at) as i32)
            });
            let mine: Vec<i32> = mine.collect();
            if mine.is_empty() { model[place] == value } else { mine.contains(&value) }
        };
        run_files(
            plans.len() as u32,
            || {
                let files = MemoryFiles::default();
                let bytes: Vec<u8> = before.iter().flat_map(|v| v.to_le_bytes()).collect();
                files.put("f", &bytes);
                files
            },
            |p| {
                let plan = &plans[p.me as usize];
                let fh = p.open("f", NEW);
                let nodes = nodes.to_string();
                hint(p, fh, &[
                    ("collective_buffering", "true"),
                    ("cb_buffer_size", window),
                    ("cb_nodes", &nodes),
                ]);
                plan.view(p, fh);
                let how = |access| if together { all(access) } else { access };
                let place = Place::At(plan.offset);
                // First as it was, up to its end.
                let read_first = p.access(fh, how(read(place)), &ints(8000, plan.count));
                let places = plan.places();
                let there = places.iter().take_while(|&&place| place < 150).count();
                assert_eq!(read_first, there as u64 * 4);
                let expected: Vec<i32> = places[..there].iter().map(|&place| before[place]).collect();
                assert_eq!(p.values(8000, there), expected);
                p.rank.file_sync(&mut p.guest, fh).unwrap();
                let data = p.fill(0, (0..plan.count as i32).map(|i| p.me * 1000 + i));
                assert_eq!(p.access(fh, how(write(place)), &data), plan.count as u64 * 4);
                p.rank.file_sync(&mut p.guest, fh).unwrap();
                assert_eq!(p.access(fh, how(read(place)), &ints(8000, plan.count)), plan.count as u64 * 4);
                for (value, place) in p.values(8000, places.len()).into_iter().zip(places) {
                    assert!(allowed(place, value), "{value} at {place}");
                }
                p.close(fh);
            },
            |files| {
                let bytes = files.get("f").unwrap();
                let (words, rest) = bytes.as_chunks::<4>();
                assert!(rest.is_empty());
                assert_eq!(words.len(), model.len());
                for (place, word) in words.iter().enumerate() {
                    let value = i32::from_le_bytes(*word);
                    assert!(allowed(place, value), "{value} at {place}");
                }
            },
        );
    }
}
