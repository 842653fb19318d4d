//! Our forest against LightGBM and against the reference, to the last bit.

use super::read::{Test, read};
use super::*;
use crate::lightgbm::{Booster, Dataset};

const ONE_THREAD: &str = "num_threads=1 verbosity=-1";
/// Six numbers, then categories of 12 and of 300 values.
const COLUMNS: usize = 8;
const CATEGORIES: [f64; 2] = [12.0, 300.0];

struct Uniform(u64);

impl Uniform {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Rows whose numbers are missing and zero now and then.
fn rows(n: usize, seed: u64) -> Vec<f64> {
    let mut uniform = Uniform(seed);
    let mut out = Vec::new();
    for _ in 0..n {
        for c in 0..COLUMNS {
            let x = match c {
                0..6 => (uniform.next() + uniform.next() - 1.0) * 10f64.powi(c as i32 - 2),
                _ => (uniform.next().powi(2) * CATEGORIES[c - 6]).floor(),
            };
            let odd = uniform.next();
            out.push(if odd < 0.08 {
                f64::NAN
            } else if odd < 0.2 {
                0.0
            } else {
                x
            });
        }
    }
    out
}

/// A forest that LightGBM fitted.
fn fitted(params: &str, n_trees: usize) -> String {
    let rows = rows(3_000, 1);
    let mut uniform = Uniform(2);
    let label = |row: &[f64]| {
        let x: Vec<f64> = row.iter().map(|x| if x.is_nan() { -0.3 } else { *x }).collect();
        let score =
            (x[0] * 300.0).sin() + x[2] * 2.0 + (x[5] * 0.01 - 0.2).abs() + (x[6] * 1.3).sin() + (x[7] * 0.7).sin();
        f32::from(score > 0.6 + uniform.next())
    };
    let labels: Vec<f32> = rows.chunks(COLUMNS).map(label).collect();
    let params = format!(
        "{params} objective=binary min_data_in_leaf=3 min_data_in_bin=1 min_data_per_group=5 cat_smooth=1 max_cat_to_onehot=4 num_threads=1 \
         verbosity=-1 deterministic=true force_row_wise=true categorical_feature=6,7"
    );
    let mut data = Dataset::new(&rows, COLUMNS, &params, None).unwrap();
    data.set_floats("label", &labels).unwrap();
    let mut booster = Booster::new(&data, &params).unwrap();
    for _ in 0..n_trees {
        booster.update().unwrap();
    }
    booster.text(n_trees).unwrap()
}

/// The text with the sizes of its trees put right after it was changed.
fn resized(text: &str) -> String {
    let (head, rest) = text.split_once("\n\n").unwrap();
    let (trees, end) = rest.split_once("end of trees").unwrap();
    let starts: Vec<usize> = trees.match_indices("Tree=").map(|(i, _)| i).chain([trees.len()]).collect();
    let sizes: Vec<String> = starts.windows(2).map(|w| (w[1] - w[0]).to_string()).collect();
    let head: Vec<String> = head
        .lines()
        .map(|l| if l.starts_with("tree_sizes=") { format!("tree_sizes={}", sizes.join(" ")) } else { l.to_string() })
        .collect();
    format!("{}\n\n{trees}end of trees{end}", head.join("\n"))
}

/// Rows with one value at a place where implementations differ: beside numbers that are special to floats, every threshold and its
/// neighbours, and categories that are none.
fn edges(text: &str) -> Vec<f64> {
    let tiny = f64::from(1e-35f32);
    let numbers = [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        0.0,
        -0.0,
        1e-36,
        -1e-36,
        tiny,
        -tiny,
        tiny.next_up(),
        -tiny.next_up(),
    ];
    let numbers =
        numbers.into_iter().chain([1e300, -1e300, 5e-324, 3.5e38, -1.0, -0.5, 0.5, 2.5, 11.0, 12.0, 299.0, 300.0, 1e6]);
    let numbers = numbers.chain([2_147_483_647.0, 2_147_483_648.0, 3e9, 4_294_967_296.0, 1e19]);
    let mut values: Vec<(usize, f64)> = numbers.flat_map(|v| (0..COLUMNS).map(move |c| (c, v))).collect();
    for split in read(text).unwrap().trees.iter().flat_map(|t| &t.splits) {
        if let Test::UpTo { threshold: t, .. } = split.test {
            values.extend([t, t.next_up(), t.next_down(), f64::from(t as f32)].map(|v| (split.column, v)));
        }
    }
    let mut out = rows(values.len(), 3);
    for (row, (column, value)) in out.chunks_mut(COLUMNS).zip(values) {
        row[column] = value;
    }
    for v in [f64::NAN, 0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY] {
        out.extend([v; COLUMNS]);
    }
    out
}

/// Every way to score is LightGBM's and the reference's score of every row.
fn check(text: &str) {
    let rows: Vec<f64> = edges(text).into_iter().chain(rows(500, 4)).collect();
    check_rows(text, &rows, &rows);
    let narrow: Vec<f32> = rows.iter().map(|x| *x as f32).collect();
    check_rows(text, &narrow, &narrow.iter().map(|x| f64::from(*x)).collect::<Vec<_>>());
}

fn check_rows<T: Cell + crate::lightgbm::Value>(text: &str, rows: &[T], wide: &[f64]) {
    let n = rows.len() / COLUMNS;
    let mut theirs = vec![0.0; n];
    Booster::load(text).unwrap().predict(rows, COLUMNS, ONE_THREAD, &mut theirs).unwrap();
    let parsed = read(text).unwrap();
    if parsed.average {
        // LightGBM divides only where it makes a raw score a prediction.
        theirs.iter_mut().for_each(|t| *t /= parsed.trees.len() as f64);
    }
    let plain: Vec<f64> = wide.chunks(COLUMNS).map(|row| reference::score(&parsed, row)).collect();
    let forest = Forest::read(text).unwrap();
    equal("the reference", &plain, &theirs, wide);
    for processor in Processor::all_found() {
        let forest = Forest { processor, ..forest.clone() };
        for batch in [1, 9, WORTH_A_BLOCK, 64, 65, 200, 600, n] {
            let mut ours = vec![f64::NAN; n];
            for (rows, out) in rows.chunks(batch * COLUMNS).zip(ours.chunks_mut(batch)) {
                forest.score(rows, out);
            }
            equal(&format!("{processor:?}, {batch} at a time"), &ours, &theirs, wide);
        }
    }
}

fn equal(what: &str, ours: &[f64], theirs: &[f64], rows: &[f64]) {
    for ((ours, theirs), row) in ours.iter().zip(theirs).zip(rows.chunks(COLUMNS)) {
        assert_eq!(ours.to_bits(), theirs.to_bits(), "{what}: {ours} and {theirs} for {row:?}");
    }
}

#[test]
fn scores_are_those_of_lightgbm() {
    check(&fitted("num_leaves=31", 20));
    check(&fitted("num_leaves=63 zero_as_missing=true", 20));
    check(&fitted("num_leaves=31 use_missing=false", 20));
    check(&fitted("num_leaves=2", 30));
    check(&fitted("num_leaves=200 max_bin=1000", 5));
}

#[test]
fn trees_of_many_leaves_are_walked() {
    let text = fitted("num_leaves=400 min_data_in_leaf=1 min_sum_hessian_in_leaf=0", 3);
    assert!(Forest::read(&text).unwrap().blocks.is_none());
    check(&text);
}

#[test]
fn a_column_may_have_more_thresholds_than_a_byte_has_values() {
    let text = fitted("num_leaves=250 max_bin=5000", 20);
    let parsed = read(&text).unwrap();
    let mut found = vec![std::collections::HashSet::new(); COLUMNS];
    for split in parsed.trees.iter().flat_map(|t| &t.splits) {
        if let Test::UpTo { threshold, .. } = split.test {
            found[split.column].insert(threshold.to_bits());
        }
    }
    assert!(found.iter().any(|t| t.len() > 300), "{:?}", found.iter().map(|t| t.len()).collect::<Vec<_>>());
    check(&text);
}

#[test]
fn all_kinds_of_missing_stand_in_one_forest() {
    let text = fitted("num_leaves=31", 12);
    let mut kinds = ["0", "2", "4", "6", "8", "10"].iter().cycle();
    let lines: Vec<String> = text
        .lines()
        .map(|l| match l.strip_prefix("decision_type=") {
            Some(all) => {
                let some =
                    |d: &str| if matches!(d, "1" | "9") { d.to_string() } else { kinds.next().unwrap().to_string() };
                format!("decision_type={}", all.split(' ').map(some).collect::<Vec<_>>().join(" "))
            }
            None => l.to_string(),
        })
        .collect();
    check(&resized(&(lines.join("\n") + "\n")));
}

#[test]
fn a_random_forest_is_the_mean_of_its_trees() {
    let text = fitted("num_leaves=15 boosting=rf bagging_fraction=0.6 bagging_freq=1 seed=3", 10);
    assert!(read(&text).unwrap().average);
    check(&text);
}

#[test]
fn trees_of_one_leaf_add_their_value() {
    let text = fitted("min_data_in_leaf=100000", 1);
    assert!(read(&text).unwrap().trees.iter().all(|t| t.splits.is_empty()));
    check(&text);
}

#[test]
fn contributions_and_the_average_add_up_to_the_score() {
    let forest = Forest::read(&fitted("num_leaves=31", 20)).unwrap();
    for row in rows(100, 5).chunks(COLUMNS) {
        let (mut score, mut parts) = ([0.0], [0.0; COLUMNS]);
        forest.score(row, &mut score);
        let base = forest.contributions(row, &mut parts);
        assert!((base + parts.iter().sum::<f64>() - score[0]).abs() < 1e-9, "{base} {parts:?} {score:?}");
    }
}

#[test]
fn a_column_without_splits_contributes_nothing() {
    let text = fitted("num_leaves=2", 1);
    let used = read(&text).unwrap().trees[0].splits[0].column;
    let mut parts = [f64::NAN; COLUMNS];
    Forest::read(&text).unwrap().contributions(&rows(1, 6), &mut parts);
    for (column, part) in parts.into_iter().enumerate() {
        assert_eq!(part != 0.0, column == used, "{column} of {used}: {part}");
    }
}

#[test]
fn cut_text_is_refused() {
    let text = fitted("num_leaves=7", 3);
    let end = text.find("end of trees\n").unwrap() + "end of trees\n".len();
    assert!(Forest::read(&text[..end]).is_ok());
    for len in (0..end).step_by(7).chain(end - 20..end) {
        assert!(matches!(Forest::read(&text[..len]), Err(Error::Damaged(_))), "{len} of {end}");
    }
}

#[test]
fn damage_is_named() {
    let text = fitted("num_leaves=7", 3);
    let check = |from: &str, to: &str, expected: &str| {
        let at = text.find(from).unwrap_or_else(|| panic!("{from} stands in the text"));
        let end = at + text[at..].find('\n').unwrap();
        let damaged = format!("{}{to}{}", &text[..at], &text[end..]);
        let damaged = if damaged.contains("end of trees") { resized(&damaged) } else { damaged };
        match Forest::read(&damaged) {
            Err(Error::Damaged(reason)) => assert!(reason.contains(expected), "{to}: {reason}"),
            other => panic!("{to} was read as {other:?}"),
        }
    };
    check("max_feature_idx=", "max_feature_idx=0", "tree 0: it splits on column");
    check("max_feature_idx=", "max_feature_idx=some", "`max_feature_idx=some` is not a count");
    check("num_tree_per_iteration=", "num_tree_per_iteration=3", "several classes");
    check("num_leaves=", "num_leaves=8", "tree 0: `leaf_value` has 7 values, 8 were expected");
    check("num_leaves=", "num_leaves=0", "tree 0: it has no leaf");
    check("num_leaves=", "num_leaves=4294967295", "were expected");
    check("split_feature=", "split_feature=0 1 2 3 4", "tree 0: `split_feature` has 5 values, 6 were expected");
    check("threshold=", "threshold=0 0 0 0 x 0", "tree 0: `threshold` holds something that is no such number");
    check("threshold=", "threshold=0 0 0 0 nan 0", "tree 0: `threshold` holds something that is no number");
    check("decision_type=", "decision_type=2 2 2 2 2 12", "tree 0: `decision_type` holds 12");
    check("left_child=", "left_child=9 2 3 4 5 -1", "tree 0: a split leads to 9, which is not there");
    check("left_child=", "left_child=0 2 3 4 5 -1", "tree 0: two splits lead to one place");
    check("leaf_value=", "leaf_value=1 2 3 nan 5 6 7", "tree 0: `leaf_value` holds something that is no number");
    check("is_linear=", "is_linear=1", "tree 0: linear trees are not supported");
    check("Tree=1", "Tree=7", "tree 1: it is not where");
    check("end of trees", "end of tree", "does not follow the 3 trees");
}

#[test]
fn a_tree_whose_size_changed_is_refused() {
    let text = fitted("num_leaves=7", 3);
    let longer = text.replacen("leaf_value=", "leaf_value= ", 1);
    assert!(
        matches!(Forest::read(&longer), Err(Error::Damaged(reason)) if reason.contains("where the sizes in the head put it"))
    );
}
