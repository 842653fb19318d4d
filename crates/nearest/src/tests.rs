//! What an index promises, held against looking at every vector.

use crate::{Ask, Effort, Error, Flat, Index, Memo, Options, Similarity};
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;
use tamis_spec::decision::Scored;
use tamis_spec::mask::Mask;
use tamis_spec::vectors::Vectors;

const ALL: [Similarity; 3] = [Similarity::InnerProduct, Similarity::Cosine, Similarity::Euclidean];

/// n vectors in groups around planted centres.
fn planted(n: usize, d: usize, groups: usize, seed: u64) -> Vectors {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut centre = ChaCha8Rng::seed_from_u64(99);
    let centres: Vec<f32> = (0..groups * d).map(|_| centre.random::<f32>() * 2.0 - 1.0).collect();
    let of = |rng: &mut ChaCha8Rng| {
        let at = rng.random_range(0..groups) * d;
        centres[at..at + d].iter().map(|c| c + (rng.random::<f32>() - 0.5) * 0.6).collect::<Vec<_>>()
    };
    Vectors { values: (0..n).flat_map(|_| of(&mut rng)).collect(), dimensions: d }
}

/// Small whole numbers, of which many are equal.
fn coarse_grained(n: usize, d: usize, seed: u64) -> Vectors {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    Vectors { values: (0..n * d).map(|_| rng.random_range(-2..=2) as f32).collect(), dimensions: d }
}

fn options(similarity: Similarity) -> Options {
    Options { similarity, sample: 100, ..Options::default() }
}

fn asked(index: &Index, query: &[f32], ask: &Ask<'_>) -> Vec<Scored> {
    let mut out = Vec::new();
    index.search(query, ask, &mut Memo::default(), &mut out).unwrap();
    out
}

fn fully(k: usize) -> Ask<'static> {
    Ask { effort: Some(Effort::FULL), ..Ask::nearest(k) }
}

fn exactly(flat: &Flat, query: &[f32], k: usize, excluded: &Mask) -> Vec<Scored> {
    let mut out = Vec::new();
    flat.search(query, k, excluded, &mut out).unwrap();
    out
}

fn mask(ids: impl IntoIterator<Item = u32>) -> Mask {
    let mut out = Mask::default();
    ids.into_iter().for_each(|id| {
        out.insert(id);
    });
    out
}

fn recall(index: &Index, flat: &Flat, queries: &Vectors, k: usize) -> f64 {
    let mut hits = 0;
    for query in queries.values.chunks_exact(queries.dimensions) {
        let found = asked(index, query, &Ask::nearest(k));
        let exact = exactly(flat, query, k, &Mask::default());
        hits += exact.iter().filter(|e| found.iter().any(|f| f.item == e.item)).count();
    }
    hits as f64 / (queries.len() * k) as f64
}

#[test]
fn looking_at_everything_is_slow_and_right() {
    for similarity in ALL {
        let vectors = coarse_grained(200, 5, 3);
        let flat = Flat::new(&vectors, similarity).unwrap();
        let query = [1.0, -2.0, 0.5, 0.0, 3.0];
        let length = |x: &[f32]| x.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
        let likeness = |x: &[f32]| {
            let product: f64 = x.iter().zip(&query).map(|(a, b)| f64::from(a * b)).sum();
            match similarity {
                Similarity::InnerProduct => product,
                Similarity::Cosine => product / length(x) / length(&query),
                Similarity::Euclidean => -x.iter().zip(&query).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>(),
            }
        };
        let found = exactly(&flat, &query, 200, &mask([7, 8]));
        let there = |i: &u32| similarity != Similarity::Cosine || length(vectors.get(*i).unwrap()) > 0.0;
        assert_eq!(found.len(), (0..200).filter(there).count() - 2);
        for s in &found {
            assert!((f64::from(s.score) - likeness(vectors.get(s.item).unwrap())).abs() < 1e-5);
        }
        assert!(found.is_sorted_by(|a, b| a.order(b).is_lt()), "best first, ties by the smaller id");
    }
}

#[test]
fn with_full_effort_an_index_finds_what_looking_at_everything_finds() {
    for similarity in ALL {
        for (n, d, lists) in [(0, 3, 0), (1, 1, 0), (33, 2, 4), (700, 7, 9), (3_000, 20, 0)] {
            let vectors = coarse_grained(n, d, n as u64);
            let flat = Flat::new(&vectors, similarity).unwrap();
            let index = Index::build(&vectors, &Options { lists, ..options(similarity) }).unwrap();
            let excluded = mask((0..n as u32).step_by(7));
            for query in coarse_grained(20, d, 77).values.chunks_exact(d) {
                for k in [1, 10, n + 5] {
                    assert_eq!(asked(&index, query, &fully(k)), exactly(&flat, query, k, &Mask::default()));
                    let ask = Ask { excluded: Some(&excluded), ..fully(k) };
                    assert_eq!(
                        asked(&index, query, &ask),
                        exactly(&flat, query, k, &excluded),
                        "{similarity:?} {n} {k}"
                    );
                }
            }
        }
    }
}

#[test]
fn the_declared_recall_is_reached_on_new_queries() {
    for (similarity, compressed) in ALL.into_iter().zip([false, true, false]) {
        let (vectors, queries) = (planted(12_000, 24, 150, 1), planted(150, 24, 150, 2));
        let flat = Flat::new(&vectors, similarity).unwrap();
        for declared in [0.8, 0.95] {
            let options = Options { recall: declared, compressed, sample: 400, ..options(similarity) };
            let index = Index::build(&vectors, &options).unwrap();
            let reached = recall(&index, &flat, &queries, 10);
            assert!(reached > f64::from(declared) - 0.02, "{similarity:?} {declared}: {reached}");
            assert!(index.recall() >= declared, "{}", index.recall());
            let effort = index.effort();
            assert!(effort.lists * 4 < 12_000 / 32 && effort.rerank < 150, "{effort:?} is nearly everything");
        }
    }
}

#[test]
fn codes_alone_put_the_nearest_among_the_first_few() {
    for similarity in ALL {
        let (vectors, queries) = (planted(2_000, 16, 30, 12), planted(40, 16, 30, 13));
        let flat = Flat::new(&vectors, similarity).unwrap();
        let index = Index::build(&vectors, &options(similarity)).unwrap();
        let ask = Ask { effort: Some(Effort { lists: usize::MAX, rerank: 30 }), ..Ask::nearest(10) };
        let mut hits = 0;
        for query in queries.values.chunks_exact(16) {
            let found = asked(&index, query, &ask);
            let exact = exactly(&flat, query, 10, &Mask::default());
            hits += exact.iter().filter(|e| found.contains(e)).count();
        }
        assert!(hits > 320, "{similarity:?}: {hits} of 400");
    }
}

#[test]
fn a_compressed_index_is_small_and_its_scores_are_nearly_right() {
    for similarity in ALL {
        let vectors = planted(5_000, 32, 50, 5);
        let flat = Flat::new(&vectors, similarity).unwrap();
        let index = Index::build(&vectors, &Options { compressed: true, ..options(similarity) }).unwrap();
        let whole = Index::build(&vectors, &options(similarity)).unwrap();
        let raw = vectors.values.len() * 4;
        assert!(index.bytes() * 10 < raw * 6 && whole.bytes() * 10 < raw * 15, "{} {}", index.bytes(), whole.bytes());
        let query = vectors.get(17).unwrap();
        let exact = exactly(&flat, query, 5_000, &Mask::default());
        for found in asked(&index, query, &fully(50)) {
            let score = exact.iter().find(|s| s.item == found.item).unwrap().score;
            assert!((score - found.score).abs() < 0.03, "{similarity:?}: {score} {}", found.score);
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_byte() {
    for similarity in [Similarity::InnerProduct, Similarity::Euclidean] {
        let vectors = planted(3_000, 9, 20, 4);
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| Index::build(&vectors, &options(similarity)).unwrap().to_bytes())
        };
        let one = on(1);
        assert!(one == on(2) && one == on(3));
        let other = Index::build(&vectors, &Options { seed: 1, ..options(similarity) }).unwrap();
        assert!(one != other.to_bytes(), "another seed draws other samples");
    }
}

#[test]
fn only_allowed_ids_are_found_be_they_few_or_many() {
    let (n, d) = (70_000, 4);
    let vectors = planted(n, d, 300, 6);
    for similarity in ALL {
        let flat = Flat::new(&vectors, similarity).unwrap();
        let mut index = Index::build(&vectors, &options(similarity)).unwrap();
        index.remove(0);
        index.insert(n as u32 + 3, vectors.get(0).unwrap()).unwrap();
        for every in [1_000, 16, 17, 3] {
            let allowed = |id: &u32| id.is_multiple_of(every);
            let filter = index.filter((0..=n as u32 + 3).filter(allowed));
            let others = mask((0..n as u32).filter(|id| !allowed(id)).chain([0, 17 * 16]));
            let excluded = mask([17 * 16]);
            let ask = |effort| Ask { filter: Some(&filter), excluded: Some(&excluded), effort, k: 10 };
            let mut hits = 0;
            for query in planted(20, d, 300, 8).values.chunks_exact(d) {
                let mut exact = exactly(&flat, query, 10, &others);
                if allowed(&(n as u32 + 3)) {
                    let score = exactly(&flat, query, n, &Mask::default()).iter().find(|s| s.item == 0).unwrap().score;
                    exact.push(Scored { item: n as u32 + 3, score });
                    exact.sort_by(Scored::order);
                    exact.truncate(10);
                }
                assert_eq!(asked(&index, query, &ask(Some(Effort::FULL))), exact, "{similarity:?} 1 in {every}");
                let found = asked(&index, query, &ask(None));
                assert!(found.iter().all(|s| filter.has(s.item) && !excluded.has(s.item)));
                hits += exact.iter().filter(|e| found.iter().any(|f| f.item == e.item)).count();
            }
            assert!(hits >= 180, "{similarity:?} 1 in {every}: {hits} of 200");
        }
        let none = index.filter([]);
        assert!(none.is_empty() && asked(&index, &[1.0; 4], &Ask { filter: Some(&none), ..fully(5) }).is_empty());
    }
}

/// What happens to an index.
#[derive(Clone, Debug)]
enum Change {
    Insert(u32, Vec<f32>),
    Remove(u32),
    Settle,
    Store,
}

fn change(d: usize) -> impl Strategy<Value = Change> {
    let value = prop_oneof![3 => -3i32..=3, 1 => Just(0)];
    let vector = prop::collection::vec(value.prop_map(|v| v as f32), d);
    prop_oneof![
        6 => (0u32..150, vector).prop_map(|(id, x)| Change::Insert(id, x)),
        4 => (0u32..150).prop_map(Change::Remove),
        1 => Just(Change::Settle),
        1 => Just(Change::Store),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_change_is_seen_by_the_next_search(
        changes in prop::collection::vec(change(3), 0..160),
        which in 0usize..3,
        n in 0usize..100,
        compressed in any::<bool>(),
    ) {
        let (similarity, vectors) = (ALL[which], coarse_grained(n, 3, 1));
        let options = Options { lists: 3, compressed, ..options(similarity) };
        let mut index = Index::build(&vectors, &options).unwrap();
        let mut flat = Flat::new(&vectors, similarity).unwrap();
        for change in &changes {
            match change {
                Change::Insert(id, x) => {
                    index.insert(*id, x).unwrap();
                    flat.insert(*id, x).unwrap();
                }
                Change::Remove(id) => prop_assert_eq!(index.remove(*id), flat.remove(*id)),
                Change::Settle => index.settle(),
                Change::Store => index = Index::open(Arc::new(index.to_bytes())).unwrap(),
            }
            let query = [1.0, 2.0, -1.5];
            let (found, exact) = (asked(&index, &query, &fully(200)), exactly(&flat, &query, 200, &Mask::default()));
            prop_assert_eq!(index.len(), exact.len());
            if compressed {
                let ids = |l: &[Scored]| { let mut i: Vec<u32> = l.iter().map(|s| s.item).collect(); i.sort(); i };
                prop_assert_eq!(ids(&found), ids(&exact));
            } else {
                prop_assert_eq!(found, exact);
            }
        }
    }
}

#[test]
fn what_changed_is_laid_out_before_it_is_too_much() {
    let mut index = Index::build(&Vectors { values: Vec::new(), dimensions: 1 }, &Options::default()).unwrap();
    let most = Index::PENDING_MAX as u32;
    (0..most).for_each(|id| index.insert(id, &[id as f32]).unwrap());
    assert_eq!(index.n_pending(), Index::PENDING_MAX);
    index.insert(most, &[0.5]).unwrap();
    assert_eq!((index.n_pending(), index.len()), (1, Index::PENDING_MAX + 1));
    let found: Vec<u32> = asked(&index, &[1.0], &fully(2)).iter().map(|s| s.item).collect();
    assert_eq!(found, [most - 1, most - 2]);
}

#[test]
fn bytes_depend_on_what_is_there_and_not_on_how_it_came() {
    let vectors = planted(500, 6, 10, 7);
    let later = planted(40, 6, 10, 8);
    for compressed in [false, true] {
        let new = || Index::build(&vectors, &Options { compressed, ..options(Similarity::Euclidean) }).unwrap();
        let (mut a, mut b) = (new(), new());
        for id in 0..40 {
            a.insert(480 + id, later.get(id).unwrap()).unwrap();
        }
        a.remove(3);
        b.insert(490, vectors.get(0).unwrap()).unwrap();
        b.remove(3);
        b.settle();
        for id in (0..40).rev() {
            b.insert(480 + id, later.get(id).unwrap()).unwrap();
        }
        assert!(a.n_pending() > 0 && a.to_bytes() == b.to_bytes());
        let opened = Index::open(Arc::new(a.to_bytes())).unwrap();
        assert_eq!((opened.len(), opened.n_ids(), opened.n_pending()), (a.len(), 520, 0));
        assert!(opened.has(519) && !opened.has(3));
        assert_eq!(opened.effort(), a.effort());
    }
}

#[test]
fn a_stored_index_searches_as_it_did_from_memory_and_from_a_file() {
    let vectors = planted(2_000, 12, 30, 9);
    let index = Index::build(&vectors, &options(Similarity::Cosine)).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), index.to_bytes()).unwrap();
    // One byte further on, nothing is where values may be read in place.
    let shifted: Vec<u8> = [0].into_iter().chain(index.to_bytes()).collect();
    struct After(Vec<u8>);
    impl AsRef<[u8]> for After {
        fn as_ref(&self) -> &[u8] {
            &self.0[1..]
        }
    }
    let again = [
        Index::open(Arc::new(index.to_bytes())).unwrap(),
        Index::open(Arc::new(After(shifted))).unwrap(),
        Index::open_file(file.path()).unwrap(),
    ];
    for query in planted(30, 12, 30, 10).values.chunks_exact(12) {
        let expected = asked(&index, query, &Ask::nearest(10));
        assert!(again.iter().all(|i| asked(i, query, &Ask::nearest(10)) == expected));
    }
    let missing = Index::open_file(std::path::Path::new("no/such.file")).err().map(|e| e.to_string());
    assert!(missing.is_some_and(|m| m.starts_with("no/such.file: ")));
}

#[test]
fn damaged_bytes_are_refused_with_what_was_found() {
    let vectors = planted(300, 6, 5, 11);
    let whole = Index::build(&vectors, &options(Similarity::InnerProduct)).unwrap().to_bytes();
    let opened = |bytes: Vec<u8>| Index::open(Arc::new(bytes)).err();
    assert_eq!(opened(whole.clone()), None);
    for length in (0..whole.len()).step_by(97).chain([whole.len() - 1]) {
        assert!(matches!(opened(whole[..length].to_vec()), Some(Error::Bytes { .. })), "cut at {length}");
    }
    assert!(opened([&whole[..], &[0; 64]].concat()).is_some(), "something follows");
    let check = |at: usize, expected: &str| {
        let mut bytes = whole.clone();
        bytes[at] ^= 4;
        let found = opened(bytes).map(|e| e.to_string()).unwrap_or_default();
        let expected = format!("not an index of nearest neighbours that can be read: {expected}");
        assert!(found.starts_with(&expected), "{at}: {found}");
    };
    check(0, "the beginning is PAMISNN\\n, expected TAMISNN\\n");
    check(8, "the version is 5, expected 1");
    check(20, "the header's checksum is ");
    check(384, "the checksum of centroids is ");
    check(whole.len() - 1 - 64, "the checksum of rows is ");
    for at in (0..whole.len()).step_by(53).chain(whole.len() - 64..whole.len()) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        assert!(opened(bytes).is_some(), "{at} of {} was changed unnoticed", whole.len());
    }
}

#[test]
fn wrong_vectors_options_and_queries_are_refused() {
    let vectors = Vectors { values: vec![1.0, 2.0, f32::NAN, 4.0], dimensions: 2 };
    assert_eq!(Index::build(&vectors, &Options::default()).err(), Some(Error::NotFinite { id: Some(1), at: 0 }));
    assert_eq!(Flat::new(&vectors, Similarity::Cosine).err(), Some(Error::NotFinite { id: Some(1), at: 0 }));
    let good = planted(100, 2, 3, 1);
    let refused = |options: Options| Index::build(&good, &options).err().map(|e| e.to_string()).unwrap_or_default();
    assert_eq!(
        refused(Options { recall: 1.5, ..Options::default() }),
        "`recall` is above 0 and at most 1, but found 1.5"
    );
    assert_eq!(refused(Options { k: 0, ..Options::default() }), "`k` is at least 1, but found 0");
    assert_eq!(refused(Options { lists: 1 << 30, ..Options::default() }), "1073741824 lists, more than 1048576");
    let mut index = Index::build(&good, &Options::default()).unwrap();
    let mut out = Vec::new();
    let mut search = |query: &[f32]| index.search(query, &Ask::nearest(3), &mut Memo::default(), &mut out).err();
    assert_eq!(search(&[1.0]), Some(Error::Length { expected: 2, found: 1 }));
    assert_eq!(search(&[1.0, f32::INFINITY]), Some(Error::NotFinite { id: None, at: 1 }));
    assert_eq!(index.insert(5, &[1.0]), Err(Error::Length { expected: 2, found: 1 }));
    assert_eq!(index.insert(5, &[1.0, f32::NAN]), Err(Error::NotFinite { id: Some(5), at: 1 }));
    assert!(index.insert(u32::MAX, &[1.0, 1.0]).is_err() && index.has(5) && index.len() == 100);
}

#[test]
fn nothing_is_like_a_vector_of_zeros_by_its_angle() {
    let mut vectors = planted(200, 3, 4, 1);
    vectors.values[3 * 50..3 * 51].fill(0.0);
    let mut index = Index::build(&vectors, &options(Similarity::Cosine)).unwrap();
    assert!(!index.has(50) && index.len() == 199 && index.n_ids() == 200);
    assert!(asked(&index, &[0.0; 3], &fully(5)).is_empty());
    index.insert(7, &[0.0; 3]).unwrap();
    index.insert(300, &[0.0; 3]).unwrap();
    let found = asked(&index, &[-1.0, 1.0, 1.0], &fully(500));
    assert!(found.len() == 198 && found.iter().all(|s| ![7, 50, 300].contains(&s.item)));
    index.insert(50, &[-1.0, 1.0, 1.0]).unwrap();
    assert_eq!(asked(&index, &[-2.0, 2.0, 2.0], &fully(1))[0].item, 50);
    let products = Index::build(&vectors, &options(Similarity::InnerProduct)).unwrap();
    assert!(asked(&products, &[1.0; 3], &fully(500)).iter().any(|s| s.item == 50 && s.score == 0.0));
}
