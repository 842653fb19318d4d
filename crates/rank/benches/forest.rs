//! Our forest against LightGBM's C API on one thread, in one run: rows a second by batch, and whether all scores are equal.
//!
//! `cargo bench -p tamis-rank --bench forest -- DIR` reads `a.txt`, `b.txt`, `c.txt` from DIR with `M_x64.npy` and `M_x32.npy` (rows),
//! `M_raw64.npy` and `M_raw32.npy` (their raw scores), `M_edge.npy` and `M_edge_raw.npy`. Without DIR it fits a forest of 500 trees of
//! 63 leaves on 50 columns itself.
//!
//! Both sides take turns and each is told by its fastest pass over all rows, which other work on the machine disturbs least.

use std::path::Path;
use std::time::Instant;
use tamis_rank::forest::{Cell, Forest};
use tamis_rank::lightgbm::{Booster, Dataset, Value};

const BATCHES: [usize; 5] = [1, 10, 100, 1_000, 10_000];
const ONE_THREAD: &str = "num_threads=1 verbosity=-1";
/// Passes over the rows of each side.
const REPEATS: usize = 5;
/// Rows of a pass.
const ROWS: usize = 10_000;

type Failed = Box<dyn std::error::Error>;

fn main() -> Result<(), Failed> {
    let dir = std::env::args().skip(1).find(|a| !a.starts_with("--")).or(std::env::var("FORESTS").ok());
    match dir {
        Some(dir) => {
            let dir = Path::new(&dir);
            for model in ["a", "b", "c"] {
                if dir.join(format!("{model}.txt")).exists() {
                    given(dir, model)?;
                }
            }
            Ok(())
        }
        None => own(),
    }
}

fn given(dir: &Path, model: &str) -> Result<(), Failed> {
    let text = std::fs::read_to_string(dir.join(format!("{model}.txt")))?;
    let forest = Forest::read(&text)?;
    let floats = |name: &str| npy(&dir.join(format!("{model}_{name}.npy")));
    println!("model {model}: {} trees, {} columns", forest.n_trees(), forest.n_columns());
    for (rows, scores) in [("x64", "raw64"), ("edge", "edge_raw")] {
        let (rows, scores) = (floats(rows)?, floats(scores)?);
        report(&scores, &all(&forest, &rows, scores.len()), &all_single(&forest, &rows));
    }
    let (rows, scores) = (floats("x32")?, floats("raw32")?);
    let narrow: Vec<f32> = rows.iter().map(|x| *x as f32).collect();
    report(&scores, &all(&forest, &narrow, scores.len()), &all_single(&forest, &narrow));
    compare(&text, &forest, &floats("x64")?)
}

/// Tells how many of our scores, in one batch and one by one, differ from the expected ones in any bit.
fn report(expected: &[f64], together: &[f64], single: &[f64]) {
    let differ = |found: &[f64]| expected.iter().zip(found).filter(|(a, b)| a.to_bits() != b.to_bits()).count();
    println!("  {} rows: {} differ in one batch, {} one by one", expected.len(), differ(together), differ(single));
}

fn all<T: Cell>(forest: &Forest, rows: &[T], n: usize) -> Vec<f64> {
    let mut out = vec![0.0; n];
    forest.score(rows, &mut out);
    out
}

fn all_single<T: Cell>(forest: &Forest, rows: &[T]) -> Vec<f64> {
    rows.chunks(forest.n_columns()).map(|row| all(forest, row, 1)[0]).collect()
}

fn compare(text: &str, forest: &Forest, rows: &[f64]) -> Result<(), Failed> {
    let d = forest.n_columns();
    let booster = Booster::load(text)?;
    let mut single = booster.single::<f64>(d, ONE_THREAD)?;
    let n = rows.len() / d;
    println!("  {:>6} {:>14} {:>14} {:>8}", "batch", "LightGBM", "ours, rows/s", "ratio");
    for batch in BATCHES.into_iter().filter(|b| *b <= n) {
        let mut out = vec![0.0; n];
        let (mut theirs_s, mut ours_s) = (f64::INFINITY, f64::INFINITY);
        for _ in 0..REPEATS {
            let start = Instant::now();
            for (rows, out) in rows.chunks_exact(batch * d).zip(out.chunks_exact_mut(batch)) {
                if batch == 1 {
                    out[0] = single.predict(rows)?;
                } else {
                    booster.predict(rows, d, ONE_THREAD, out)?;
                }
            }
            theirs_s = theirs_s.min(start.elapsed().as_secs_f64());
            let start = Instant::now();
            for (rows, out) in rows.chunks_exact(batch * d).zip(out.chunks_exact_mut(batch)) {
                forest.score(rows, out);
            }
            ours_s = ours_s.min(start.elapsed().as_secs_f64());
        }
        let done = (n / batch * batch) as f64;
        println!("  {batch:>6} {:>14.0} {:>14.0} {:>8.1}", done / theirs_s, done / ours_s, theirs_s / ours_s);
    }
    Ok(())
}

/// Values of a `.npy` file of little-endian floats in C order, widened.
fn npy(path: &Path) -> Result<Vec<f64>, Failed> {
    let bytes = std::fs::read(path)?;
    if !bytes.starts_with(b"\x93NUMPY") || bytes.len() < 12 {
        return Err(format!("{} is no .npy file", path.display()).into());
    }
    let (len, start) = match bytes[6] {
        1 => (u16::from_le_bytes([bytes[8], bytes[9]]) as usize, 10),
        _ => (u32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]) as usize, 12),
    };
    let head = String::from_utf8_lossy(&bytes[start..start + len]);
    let values = &bytes[start + len..];
    if head.contains("'fortran_order': True") {
        return Err(format!("{} is in Fortran order", path.display()).into());
    }
    if head.contains("<f8") {
        Ok(values.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect())
    } else if head.contains("<f4") {
        Ok(values.as_chunks().0.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect())
    } else {
        Err(format!("{} holds no floats", path.display()).into())
    }
}

/// A forest fitted here: 40 numbers, some missing and some zero, and ten categories.
fn own() -> Result<(), Failed> {
    let (d, n) = (50, 40_000);
    let mut state = 1u64;
    let mut uniform = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    let sizes = [3.0, 5.0, 8.0, 12.0, 20.0, 40.0, 80.0, 200.0, 500.0, 1_000.0];
    let (mut rows, mut labels) = (Vec::new(), Vec::new());
    for _ in 0..n {
        let mut score = 0.0;
        for c in 0..d {
            let x = match c {
                0..25 => uniform() + uniform() + uniform() - 1.5,
                25..40 => (uniform() * 3.0 - 2.0).max(0.0),
                _ => (uniform().powi(3) * sizes[c - 40]).floor(),
            };
            let effect = ((c * c) as f64 * 0.7).sin();
            score += if c < 40 { effect * (2.0 * x).tanh() } else { effect * (x * 1.7 + c as f64).sin() };
            rows.push(if c % 2 == 0 && uniform() < 0.1 { f64::NAN } else { x });
        }
        labels.push(f32::from(uniform() < 1.0 / (1.0 + (-score).exp())));
    }
    let params = "objective=binary num_leaves=63 learning_rate=0.05 min_data_in_leaf=20 max_cat_to_onehot=4 num_threads=2 verbosity=-1 \
                  deterministic=true force_row_wise=true categorical_feature=40,41,42,43,44,45,46,47,48,49";
    let text = fit(&rows, d, &labels, params)?;
    let forest = Forest::read(&text)?;
    println!("own model: {} trees, {} columns", forest.n_trees(), forest.n_columns());
    let rows = &rows[..ROWS * d];
    let mut expected = vec![0.0; ROWS];
    Booster::load(&text)?.predict(rows, d, ONE_THREAD, &mut expected)?;
    report(&expected, &all(&forest, rows, ROWS), &all_single(&forest, rows));
    compare(&text, &forest, rows)
}

fn fit<T: Value>(rows: &[T], d: usize, labels: &[f32], params: &str) -> Result<String, Failed> {
    let mut data = Dataset::new(rows, d, params, None)?;
    data.set_floats("label", labels)?;
    let mut booster = Booster::new(&data, params)?;
    for _ in 0..500 {
        booster.update()?;
    }
    Ok(booster.text(500)?)
}
