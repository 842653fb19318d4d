//! The log as a specification: what survives, what is cut, what is refused.

use crate::faulty::Faulty;
use crate::{Damage, Disk, Error, Log, Recovered, codec, conformance, read};
use proptest::prelude::*;
use std::ops::ControlFlow;
use tamis_spec::batch::{Batch, Class, Column, KeySchema, RecordSchema, Schema};
use tamis_spec::system::Type;

fn record(class: Class, name: &str, keys: &[&str], fields: &[(&str, Type)]) -> RecordSchema {
    let key = |k: &&str| KeySchema { role: k.to_string(), actor: k.to_string() };
    let fields = fields.iter().map(|(n, t)| (n.to_string(), t.clone())).collect();
    RecordSchema { name: name.into(), class, keys: keys.iter().map(key).collect(), fields }
}

/// A kind with fields of all types, one with two keys, and one with nothing.
fn schema() -> Schema {
    let all = [
        ("age", Type::Number),
        ("paying", Type::Bool),
        ("gender", Type::Category),
        ("likes", Type::Tags),
        ("about", Type::Text),
        ("taste", Type::Vector),
        ("joined", Type::Time),
        ("home", Type::Place),
        ("friend", Type::Actor("user".into())),
    ];
    Schema {
        records: vec![
            record(Class::Actor, "user", &["user"], &all),
            record(Class::Event, "rating", &["user", "film"], &[("stars", Type::Number)]),
            record(Class::Event, "tick", &[], &[]),
        ],
    }
}

/// Ratings number `from` to `to`, each with its number as the user and as the moment.
fn ratings(range: std::ops::Range<usize>) -> Batch {
    let mut batch = schema().batch();
    for i in range {
        batch.order.push(1);
        let rows = &mut batch.rows[1];
        rows.time.push(i as i64);
        rows.known.push(i as i64);
        rows.keys[0].push(&i.to_string());
        rows.keys[1].push("film");
        let Column::Numbers(stars) = &mut rows.fields[0] else { panic!("stars are numbers") };
        stars.push(3.5);
    }
    batch
}

fn open(store: &Faulty) -> (Log<Faulty>, Recovered) {
    Log::open(store.clone()).expect("the log opens")
}

/// The users of all ratings from a sequence number on, which are their numbers.
fn users(log: &Log<Faulty>, from_seq: u64) -> Vec<usize> {
    let mut users = Vec::new();
    let add = &mut |_, batch: &Batch| {
        users.extend(batch.rows[1].keys[0].iter().map(|u| u.parse::<usize>().unwrap()));
        ControlFlow::Continue(())
    };
    log.read(from_seq, &schema(), add).expect("the log can be read");
    users
}

fn damage(store: &Faulty) -> (u64, u64, Damage) {
    match Log::open(store.clone()) {
        Err(Error::Damaged { segment, offset, damage }) => (segment, offset, damage),
        other => panic!("the log was not refused as damaged: {other:?}"),
    }
}

fn header_bytes() -> usize {
    crate::frame::segment_header(0, &schema()).len()
}

#[test]
fn every_store_passes_the_conformance_suite() {
    conformance::check(&mut Faulty::default());
    let dir = tempfile::tempdir().unwrap();
    conformance::check(&mut Disk::open(&dir.path().join("deep/log")).unwrap());
}

#[test]
fn what_was_appended_is_read_from_any_record_on() {
    let store = Faulty::default();
    let (mut log, recovered) = open(&store);
    assert_eq!(recovered, Recovered::default());
    assert_eq!(log.append(&schema(), &ratings(0..3)).unwrap(), 0..3);
    assert_eq!(log.append(&schema(), &ratings(3..4)).unwrap(), 3..4);
    assert_eq!(log.append(&schema(), &ratings(4..4)).unwrap(), 4..4);
    assert_eq!(log.append(&schema(), &ratings(4..9)).unwrap(), 4..9);
    for from in 0..12 {
        assert_eq!(users(&log, from as u64), (from.min(9)..9).collect::<Vec<_>>());
    }
    let mut firsts = Vec::new();
    let stop_at_second = &mut |first, _: &Batch| {
        firsts.push(first);
        if firsts.len() == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let summary = log.read(2, &schema(), stop_at_second).unwrap();
    assert_eq!((firsts, summary.records, summary.next_seq), (vec![2, 3], 2, 4));
}

#[test]
fn segments_follow_each_other_and_a_missing_one_is_noticed() {
    let store = Faulty::default();
    let mut log = open(&store).0.with_segment_bytes_max(header_bytes() as u64 + 100);
    for i in 0..20 {
        log.append(&schema(), &ratings(i..i + 1)).unwrap();
    }
    let (log, recovered) = open(&store);
    assert_eq!((recovered.records, recovered.cut_bytes), (20, 0));
    assert!(recovered.segments > 5, "{recovered:?}");
    for from in 0..20 {
        assert_eq!(users(&log, from as u64), (from..20).collect::<Vec<_>>());
    }
    store.set_bytes(2, Vec::new());
    assert!(matches!(damage(&store), (3, 0, Damage::Gap { .. })));
}

#[test]
fn every_prefix_of_a_segment_holds_exactly_its_whole_frames() {
    let store = Faulty::default();
    let mut ends = vec![0];
    let mut log = open(&store).0;
    for i in 0..6 {
        log.append(&schema(), &ratings(i..i + 1)).unwrap();
        ends.push(store.bytes(0).len());
    }
    let all = store.bytes(0);
    for len in 0..=all.len() {
        let store = Faulty::default();
        store.set_bytes(0, all[..len].to_vec());
        let (mut log, recovered) = open(&store);
        let whole = ends.iter().filter(|e| **e <= len).count() - 1;
        let kept = if len < header_bytes() { 0 } else { ends[whole].max(header_bytes()) };
        assert_eq!(users(&log, 0), (0..whole).collect::<Vec<_>>(), "{len} bytes");
        assert_eq!(recovered.cut_bytes, (len - kept) as u64, "{len} bytes");
        assert_eq!(recovered.cut_at, (len > kept).then_some((0, kept as u64)), "{len} bytes");
        assert_eq!(log.append(&schema(), &ratings(whole..whole + 2)).unwrap().start, whole as u64);
        assert_eq!(users(&open(&store).0, 0), (0..whole + 2).collect::<Vec<_>>());
    }
}

#[test]
fn damage_before_the_tail_is_refused_with_its_place_and_nothing_is_changed() {
    let store = Faulty::default();
    let mut log = open(&store).0;
    let mut starts = Vec::new();
    for i in 0..4 {
        starts.push(store.bytes(0).len().max(header_bytes()) as u64);
        log.append(&schema(), &ratings(i..i + 1)).unwrap();
    }
    let all = store.bytes(0);
    let check = |at: usize, expected: Option<(u64, Damage)>| {
        let mut bytes = all.clone();
        bytes[at] ^= 0x40;
        store.set_bytes(0, bytes.clone());
        if let Some((offset, expected)) = expected {
            assert_eq!(damage(&store), (0, offset, expected), "byte {at}");
            assert_eq!(store.bytes(0), bytes);
            return;
        }
        let (log, recovered) = open(&store);
        assert_eq!((users(&log, 0), recovered.cut_at), (vec![0, 1, 2], Some((0, starts[3]))), "byte {at}");
    };
    let frame = |i: usize| Some((starts[i], Damage::Frame { seq: i as u64, followed_at: Some(starts[i + 1]) }));
    for at in starts[1]..starts[2] {
        check(at as usize, frame(1));
    }
    check(starts[0] as usize + 5, frame(0));
    check(2, Some((0, Damage::Header)));
    check(40, Some((0, Damage::Header)));
    // The last frame: nothing says that it was acknowledged.
    check(starts[3] as usize + 30, None);
}

#[test]
fn damage_among_frames_of_one_sync_is_told_from_a_crash_before_it() {
    let write = |is_synced: bool| {
        let store = Faulty::default();
        let mut log = open(&store).0;
        for i in 0..3 {
            log.append_unsynced(&schema(), &ratings(i..i + 1)).unwrap();
        }
        if is_synced {
            log.sync().unwrap();
        }
        let mut bytes = store.bytes(0);
        bytes[header_bytes() + 30] ^= 1;
        store.set_bytes(0, bytes);
        store
    };
    assert!(matches!(damage(&write(true)), (0, _, Damage::Frame { seq: 0, followed_at: Some(_) })));
    // Unsynced frames may reach the disk in any order: the first is missing, so all are cut.
    assert!(users(&open(&write(false)).0, 0).is_empty());
}

#[test]
fn a_full_disk_loses_nothing_and_leaves_nothing() {
    for room in 0..400 {
        for fails_cut in [false, true] {
            let store = Faulty::default();
            let mut log = open(&store).0.with_segment_bytes_max(header_bytes() as u64 + 90);
            log.append(&schema(), &ratings(0..2)).unwrap();
            store.set_room(Some(room));
            store.set_fails_cut(fails_cut);
            let mut next = 2;
            while next < 8 {
                match log.append(&schema(), &ratings(next..next + 2)) {
                    Ok(_) => next += 2,
                    Err(Error::Store { kept, .. }) => {
                        assert_eq!(kept, Some(next as u64));
                        break;
                    }
                    Err(other) => panic!("{other}"),
                }
            }
            assert_eq!(users(&log, 0), (0..next).collect::<Vec<_>>());
            store.set_fails_cut(false);
            store.set_room(None);
            assert_eq!(log.append(&schema(), &ratings(next..next + 3)).unwrap().start, next as u64);
            assert_eq!(users(&log, 0), (0..next + 3).collect::<Vec<_>>());
            store.crash(0);
            assert_eq!(users(&open(&store).0, 0), (0..next + 3).collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_failed_sync_takes_back_all_that_was_not_durable() {
    for n_synced in [0, 2] {
        let store = Faulty::default();
        let mut log = open(&store).0;
        log.append(&schema(), &ratings(0..n_synced)).unwrap();
        log.append_unsynced(&schema(), &ratings(n_synced..5)).unwrap();
        store.set_fails_sync(true);
        let error = log.append(&schema(), &ratings(5..6)).unwrap_err();
        assert!(matches!(error, Error::Store { doing: "sync", kept: Some(k), .. } if k == n_synced as u64), "{error}");
        assert_eq!((log.next_seq(), users(&log, 0)), (n_synced as u64, (0..n_synced).collect()));
        store.set_fails_sync(false);
        log.append(&schema(), &ratings(n_synced..7)).unwrap();
        store.crash(0);
        assert_eq!(users(&open(&store).0, 0), (0..7).collect::<Vec<_>>());
    }
}

#[test]
fn what_became_known_never_decreases() {
    let store = Faulty::default();
    let mut log = open(&store).0;
    log.append(&schema(), &ratings(5..8)).unwrap();
    let check = |log: &mut Log<Faulty>, batch: Batch, expected: (usize, i64, i64)| {
        match log.append(&schema(), &batch) {
            Err(Error::KnownDecreases { at, before, found }) => assert_eq!((at, before, found), expected),
            other => panic!("{other:?}"),
        }
        assert_eq!(users(log, 0), [5, 6, 7]);
    };
    check(&mut log, ratings(6..9), (0, 7, 6));
    check(&mut open(&store).0, ratings(6..9), (0, 7, 6));
    let mut swapped = ratings(8..10);
    swapped.rows[1].known.swap(0, 1);
    check(&mut log, swapped, (1, 9, 8));
    log.append(&schema(), &ratings(7..8)).unwrap();
}

#[test]
fn a_batch_of_another_shape_is_refused() {
    let mut log = open(&Faulty::default()).0;
    let check = |log: &mut Log<Faulty>, change: &dyn Fn(&mut Batch), expected: &str| {
        let mut batch = ratings(0..2);
        change(&mut batch);
        let error = log.append(&schema(), &batch).unwrap_err();
        assert!(matches!(&error, Error::Shape { record, .. } if record == expected), "{error}");
    };
    check(&mut log, &|b| b.order[0] = 9, "");
    check(&mut log, &|b| b.order[0] = 2, "rating");
    check(&mut log, &|b| drop(b.rows.pop()), "");
    check(&mut log, &|b| b.rows[1].keys[0].push("x"), "rating");
    check(&mut log, &|b| b.rows[1].fields[0] = Column::Times(vec![0, 0]), "rating");
    check(&mut log, &|b| b.rows[2].known.push(1), "tick");
}

#[test]
fn stored_records_are_read_in_the_schema_that_is_asked_for() {
    let mut log = open(&Faulty::default()).0;
    log.append(&schema(), &ratings(0..3)).unwrap();
    let mut later = Schema { records: vec![record(Class::Event, "tick", &[], &[]), schema().records[1].clone()] };
    later.records[1].keys.insert(0, KeySchema { role: "device".into(), actor: "device".into() });
    later.records[1].fields.insert(0, ("place".into(), Type::Place));
    let mut batch = later.batch();
    batch.order = vec![0];
    (batch.rows[0].time, batch.rows[0].known) = (vec![9], vec![9]);
    assert_eq!(log.append(&later, &batch).unwrap(), 3..4);

    let mut seen = Vec::new();
    let mut add = |first: u64, batch: &Batch| {
        let rating = &batch.rows[1];
        let device: Vec<String> = rating.keys[0].iter().map(String::from).collect();
        let users: Vec<String> = rating.keys[1].iter().map(String::from).collect();
        seen.push((first, batch.order.clone(), device, users, format!("{:?}", rating.fields)));
        ControlFlow::Continue(())
    };
    log.read(1, &later, &mut add).unwrap();
    let text = |t: &[&str]| t.iter().map(|t| t.to_string()).collect::<Vec<_>>();
    let fields = "[Places([[NaN, NaN], [NaN, NaN]]), Numbers([3.5, 3.5])]".to_string();
    let none = "[Places([]), Numbers([])]".to_string();
    let expected = [(1, vec![1, 1], text(&["", ""]), text(&["1", "2"]), fields), (3, vec![0], vec![], vec![], none)];
    assert_eq!(seen, expected);

    let ticks = Schema { records: vec![record(Class::Event, "tick", &[], &[])] };
    let summary = log.read(0, &ticks, &mut |_, _| ControlFlow::Continue(())).unwrap();
    assert_eq!((summary.records, summary.skipped, summary.next_seq), (1, 3, 4));

    let check = |change: &dyn Fn(&mut RecordSchema), expected: &str| {
        let mut changed = schema();
        change(&mut changed.records[1]);
        let error = log.read(0, &changed, &mut |_, _| ControlFlow::Continue(())).unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
    };
    check(&|r| r.fields[0].1 = Type::Category, "`rating.stars` is stored as Number and was asked for as Category");
    check(&|r| r.keys[1].actor = "album".into(), "`rating.film` is stored as Actor(\"film\")");
}

#[test]
fn one_process_appends_and_others_read_meanwhile() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = Log::open(Disk::open(dir.path()).unwrap()).unwrap().0;
    log.append(&schema(), &ratings(0..3)).unwrap();
    assert!(matches!(Disk::open(dir.path()), Err(Error::Locked { dir: d }) if d == dir.path()));

    let reader = Disk::reading(dir.path()).unwrap();
    let count = |from| read(&reader, from, &schema(), &mut |_, _| ControlFlow::Continue(())).unwrap();
    assert_eq!((count(0).records, count(0).next_seq), (3, 3));
    log.append(&schema(), &ratings(3..5)).unwrap();
    assert_eq!((count(3).records, count(3).next_seq), (2, 5));
    let refused = Log::open(Disk::reading(dir.path()).unwrap()).unwrap_err();
    assert!(refused.to_string().contains("opened to be read"), "{refused}");

    // A frame that is being written: the reader ends before it.
    let path = dir.path().join(crate::disk::file_name(0));
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 3]).unwrap();
    assert_eq!(count(0).records, 3);
    std::fs::write(&path, &whole).unwrap();
    drop(log);
    assert_eq!(Log::open(Disk::open(dir.path()).unwrap()).unwrap().1.records, 5);
}

#[test]
fn numbers_come_back_to_the_bit_and_small_ones_are_small() {
    let check = |values: &[f64], bytes_max: usize| {
        let schema = Schema { records: vec![record(Class::Event, "e", &[], &[("x", Type::Number)])] };
        let mut batch = schema.batch();
        batch.order = vec![0; values.len()];
        (batch.rows[0].time, batch.rows[0].known) = (vec![0; values.len()], vec![0; values.len()]);
        batch.rows[0].fields = vec![Column::Numbers(values.to_vec())];
        let mut bytes = Vec::new();
        codec::encode(&batch, &mut bytes);
        assert!(bytes.len() <= bytes_max + values.len() + 8, "{} bytes for {values:?}", bytes.len());
        let back = codec::decode(&bytes, &schema, values.len()).unwrap();
        assert_eq!(format!("{back:?}"), format!("{batch:?}"));
    };
    check(&[1.0, 5.0, -3.0, f64::NAN, 0.0], 5);
    check(&[0.5, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, -0.0], 20);
    check(&[0.1, 1e300, f64::MIN_POSITIVE], 24);
    check(&[9_007_199_254_740_993.0, 9e18], 16);
    check(&[], 0);
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-c]", "[a-zé漢]{1,9}"]
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![(-9i32..99).prop_map(f64::from), (0i32..9).prop_map(|v| f64::from(v) / 2.0), any::<f64>()]
}

/// A batch of [`schema`] from the seeds of its records.
fn batches() -> impl Strategy<Value = Batch> {
    let row = (
        0u16..3,
        any::<i64>(),
        0i64..1000,
        number(),
        (word(), word()),
        prop::collection::vec((word(), any::<f32>()), 0..4),
    );
    prop::collection::vec(row, 0..60).prop_map(|seeds| {
        let mut batch = schema().batch();
        let mut known = -5000;
        for (kind, time, later, number, (a, b), tags) in seeds {
            batch.order.push(kind);
            let rows = &mut batch.rows[usize::from(kind)];
            known += later;
            rows.time.push(if later % 2 == 0 { known } else { time });
            rows.known.push(known);
            rows.keys.iter_mut().for_each(|k| k.push(&a));
            for column in &mut rows.fields {
                match column {
                    Column::Numbers(v) => v.push(number),
                    Column::Texts(t) => t.push(&b),
                    Column::Tags(t) => {
                        tags.iter().for_each(|(n, w)| t.push(n, if later % 3 == 0 { 1.0 } else { *w }));
                        t.end_row();
                    }
                    Column::Times(v) => v.push(time),
                    Column::Vectors { dimensions, values } => {
                        *dimensions = 3;
                        values.extend([number as f32, f32::NAN, 1.0]);
                    }
                    Column::Places(v) => v.push([number as f32, 0.5]),
                }
            }
        }
        batch
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_batch_comes_back_as_it_was(batch in batches()) {
        let mut bytes = Vec::new();
        codec::encode(&batch, &mut bytes);
        let back = codec::decode(&bytes, &schema(), batch.len()).unwrap();
        prop_assert_eq!(format!("{back:?}"), format!("{batch:?}"));
    }

    #[test]
    fn a_batch_without_its_first_records_has_the_others(batch in batches(), share in 0.0..1.0f64) {
        let n = (batch.len() as f64 * share) as usize;
        let mut log = open(&Faulty::default()).0;
        log.append(&schema(), &batch).unwrap();
        let mut cut = batch.clone();
        crate::cut::drop_first(&mut cut, n);
        let check = &mut |first, got: &Batch| {
            assert_eq!((first, format!("{got:?}")), (n as u64, format!("{cut:?}")));
            ControlFlow::Continue(())
        };
        let summary = log.read(n as u64, &schema(), check).unwrap();
        prop_assert_eq!(summary.records, (batch.len() - n) as u64);
    }

    #[test]
    fn changed_bytes_are_an_error_or_another_batch_and_never_a_panic(
        batch in batches(), at in any::<prop::sample::Index>(), to in any::<u8>(), garbage in any::<Vec<u8>>(), n in 0usize..100,
    ) {
        let mut bytes = Vec::new();
        codec::encode(&batch, &mut bytes);
        let at = at.index(bytes.len());
        bytes[at] = to;
        let _ = codec::decode(&bytes, &schema(), batch.len());
        let _ = codec::decode(&bytes[..at], &schema(), batch.len());
        let _ = codec::decode(&garbage, &schema(), n);
    }

    #[test]
    fn garbage_in_a_segment_is_cut_or_refused_and_never_a_panic(
        garbage in prop::collection::vec(any::<u8>(), 1..300), after in 0usize..3,
    ) {
        let store = Faulty::default();
        let mut log = open(&store).0;
        for i in 0..after {
            log.append(&schema(), &ratings(i..i + 1)).unwrap();
        }
        let mut bytes = store.bytes(0);
        bytes.extend(&garbage);
        store.set_bytes(0, bytes);
        if let Ok((log, recovered)) = Log::open(store.clone()) {
            prop_assert_eq!(users(&log, 0), (0..after).collect::<Vec<_>>());
            prop_assert_eq!(recovered.cut_bytes, garbage.len() as u64);
        }
    }

    #[test]
    fn after_a_crash_all_that_was_acknowledged_is_there_and_a_frame_is_whole_or_not_there(
        steps in prop::collection::vec((1usize..5, 0u8..4), 1..12), kept in 0usize..600, segment in 200u64..2000,
    ) {
        let store = Faulty::default();
        let mut log = open(&store).0.with_segment_bytes_max(segment);
        let (mut next, mut acknowledged, mut ends) = (0, 0, vec![0]);
        for (n, how) in steps {
            match how {
                0 => log.sync().unwrap(),
                1 => drop(log.append(&schema(), &ratings(next..next + n)).unwrap()),
                _ => drop(log.append_unsynced(&schema(), &ratings(next..next + n)).unwrap()),
            }
            if how > 0 {
                next += n;
                ends.push(next);
            }
            if how < 2 {
                acknowledged = next;
            }
        }
        let unsynced = store.unsynced();
        drop(log);
        store.crash(kept);
        let (mut log, recovered) = open(&store);
        let found = users(&log, 0);
        prop_assert_eq!(&found, &(0..found.len()).collect::<Vec<_>>());
        prop_assert!(found.len() >= acknowledged && ends.contains(&found.len()));
        prop_assert!(kept < unsynced || found.len() == next);
        prop_assert_eq!(recovered.records, found.len() as u64);
        log.append(&schema(), &ratings(found.len()..found.len() + 1)).unwrap();
        prop_assert_eq!(users(&open(&store).0, 0).len(), found.len() + 1);
    }
}
