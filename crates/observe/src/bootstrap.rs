//! 95 % intervals by the percentile bootstrap over decisions (Efron & Tibshirani 1993): same input and seed, same
//! interval, whatever the number of threads.

use crate::metrics::RowMetric;
use crate::report::{Named, nan_when_null};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde::{Deserialize, Serialize};
use std::thread;

/// Resamples for means over decisions.
pub const RESAMPLES: usize = 1000;

/// Resamples for metrics of rows, which sort the rows each time.
pub const ROW_RESAMPLES: usize = 200;

/// A metric with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// Over all decisions; NaN (null in JSON) when there are none.
    #[serde(deserialize_with = "nan_when_null")]
    pub value: f64,
    /// The 2.5th percentile over resamples.
    #[serde(deserialize_with = "nan_when_null")]
    pub low: f64,
    /// The 97.5th percentile over resamples.
    #[serde(deserialize_with = "nan_when_null")]
    pub high: f64,
}

/// Means of columns over decisions, with intervals. Columns have one length; a NaN leaves its decision out of that mean.
pub fn mean_intervals(columns: &[(String, Vec<f32>)], seed: u64) -> Named<Metric> {
    let n = columns.first().map_or(0, |(_, values)| values.len());
    let means: Vec<Column> = columns.iter().map(|(_, values)| Column::new(values)).collect();
    let draws = resample(n, RESAMPLES, seed, |counts| means.iter().map(|c| c.mean(counts)).collect());
    let metric = |(i, (name, values)): (usize, &(String, Vec<f32>))| {
        let (low, high) = interval(draws.iter().map(|d: &Vec<f64>| d[i]).collect());
        (name.clone(), Metric { value: mean(values), low, high })
    };
    Named(columns.iter().enumerate().map(metric).collect())
}

/// Metrics of labels beside predictions, with intervals from [`ROW_RESAMPLES`] resamples of the rows.
pub fn row_intervals(labels: &[f64], predictions: &[f64], metrics: &[(&str, RowMetric)], seed: u64) -> Named<Metric> {
    let draws = resample(labels.len(), ROW_RESAMPLES, seed, |counts| {
        let weights: Vec<f64> = counts.iter().map(|c| f64::from(*c)).collect();
        metrics.iter().map(|(_, metric)| metric(labels, predictions, Some(&weights))).collect()
    });
    let metric = |(i, (name, metric)): (usize, &(&str, RowMetric))| {
        let (low, high) = interval(draws.iter().map(|d: &Vec<f64>| d[i]).collect());
        ((*name).to_owned(), Metric { value: metric(labels, predictions, None), low, high })
    };
    Named(metrics.iter().enumerate().map(metric).collect())
}

/// One metric over decisions, laid out for weighted sums.
struct Column {
    values: Vec<f32>,
    /// 1 where there is a value; none when there is one everywhere.
    present: Option<Vec<f32>>,
}

impl Column {
    fn new(values: &[f32]) -> Self {
        let present = values.iter().any(|v| v.is_nan());
        Self {
            values: values.iter().map(|v| if v.is_nan() { 0.0 } else { *v }).collect(),
            present: present.then(|| values.iter().map(|v| if v.is_nan() { 0.0 } else { 1.0 }).collect()),
        }
    }

    fn mean(&self, counts: &[f32]) -> f64 {
        dot(&self.values, counts) / self.present.as_ref().map_or(counts.len() as f64, |p| dot(p, counts))
    }
}

fn mean(values: &[f32]) -> f64 {
    let present = values.iter().filter(|v| !v.is_nan());
    present.clone().map(|v| f64::from(*v)).sum::<f64>() / present.count() as f64
}

/// Sums in single precision over blocks short enough to lose nothing that is reported, then in double precision.
fn dot(a: &[f32], b: &[f32]) -> f64 {
    let mut total = 0.0;
    for (a, b) in a.chunks(BLOCK).zip(b.chunks(BLOCK)) {
        let mut lanes = [0.0f32; LANES];
        let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
        let rest: f32 = a.remainder().iter().zip(b.remainder()).map(|(x, y)| x * y).sum();
        for (a, b) in a.zip(b) {
            for lane in 0..LANES {
                lanes[lane] += a[lane] * b[lane];
            }
        }
        total += f64::from(lanes.iter().sum::<f32>() + rest);
    }
    total
}

const LANES: usize = 16;
const BLOCK: usize = 1024;

/// What `measure` says of each resample, in their order. It is given how often each of n decisions was drawn.
fn resample<T: Send>(n: usize, n_resamples: usize, seed: u64, measure: impl Fn(&[f32]) -> T + Sync) -> Vec<T> {
    let n_threads = thread::available_parallelism().map_or(1, |p| p.get()).min(n_resamples);
    let measure = &measure;
    thread::scope(|scope| {
        let run = |t: usize| {
            let range = t * n_resamples / n_threads..(t + 1) * n_resamples / n_threads;
            scope.spawn(move || {
                let mut draw = Draw::new(n);
                range.map(|b| measure(draw.counts(seed, b as u64))).collect::<Vec<T>>()
            })
        };
        let threads: Vec<_> = (0..n_threads).map(run).collect();
        threads.into_iter().flat_map(|t| t.join().expect("measuring a resample does not panic")).collect()
    })
}

/// Buffers for drawing n of n decisions with replacement.
struct Draw {
    counts: Vec<f32>,
    bytes: Vec<u8>,
}

impl Draw {
    fn new(n: usize) -> Self {
        assert!(n < u32::MAX as usize, "a bootstrap is over fewer than 2^32 decisions");
        Self { counts: vec![0.0; n], bytes: vec![0; 4 * 4096] }
    }

    /// How often each decision is drawn in one resample; each has a random stream of its own. A draw is the upper half of
    /// n × 32 random bits: decisions differ in probability by less than n / 2^32.
    fn counts(&mut self, seed: u64, resample: u64) -> &[f32] {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(resample);
        self.counts.fill(0.0);
        let n = self.counts.len();
        let mut left = n;
        while left > 0 {
            let bytes = &mut self.bytes[..4 * left.min(4096)];
            rng.fill_bytes(bytes);
            left -= bytes.len() / 4;
            for four in bytes.chunks_exact(4) {
                let bits = u32::from_le_bytes([four[0], four[1], four[2], four[3]]);
                self.counts[((u64::from(bits) * n as u64) >> 32) as usize] += 1.0;
            }
        }
        &self.counts
    }
}

/// 2.5th and 97.5th percentile, resamples without a value left out; NaN when none has one.
fn interval(mut draws: Vec<f64>) -> (f64, f64) {
    draws.retain(|d| !d.is_nan());
    draws.sort_by(f64::total_cmp);
    (quantile(&draws, 0.025), quantile(&draws, 0.975))
}

/// The q-quantile of ascending values, linear between neighbours (Hyndman & Fan 1996, type 7); NaN of none.
fn quantile(ascending: &[f64], q: f64) -> f64 {
    let Some(last) = ascending.len().checked_sub(1) else { return f64::NAN };
    let at = q * last as f64;
    let (below, above) = (ascending[at.floor() as usize], ascending[at.ceil() as usize]);
    below + (above - below) * at.fract()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{auc, logloss};

    fn columns(n: usize) -> Vec<(String, Vec<f32>)> {
        let third = (0..n).map(|i| if i % 3 == 0 { 1.0 } else { 0.0 }).collect();
        let holes = (0..n).map(|i| if i % 5 == 0 { f32::NAN } else { i as f32 / n as f32 }).collect();
        vec![("third".into(), third), ("holes".into(), holes)]
    }

    #[test]
    fn intervals_agree_with_numpy_up_to_the_noise_of_resampling() {
        let found = mean_intervals(&columns(500), 0);
        let check = |name: &str, value: f64, low: f64, high: f64| {
            let m = found.get(name).expect("the metric is there");
            assert!((m.value - value).abs() < 1e-7, "{name} {m:?}");
            assert!((m.low - low).abs() < 6e-3 && (m.high - high).abs() < 6e-3, "{name} {m:?}");
        };
        // Of 100,000 resamples in numpy; the percentile of 1,000 has a standard error of 0.0018.
        check("third", 0.334, 0.294, 0.376);
        check("holes", 0.5, 0.4716211284683059, 0.5284399002557544);
    }

    #[test]
    fn the_same_seed_gives_the_same_interval_and_another_seed_another() {
        assert_eq!(mean_intervals(&columns(300), 1), mean_intervals(&columns(300), 1));
        assert_ne!(mean_intervals(&columns(300), 1), mean_intervals(&columns(300), 2));
    }

    #[test]
    fn a_resample_depends_on_its_number_and_not_on_its_thread() {
        let sums = |n| resample(50, n, 3, |counts| counts.iter().enumerate().map(|(i, c)| i as f32 * c).sum::<f32>());
        assert_eq!(sums(40)[..20], sums(20)[..]);
        assert_eq!(sums(20).first(), sums(1).first());
    }

    #[test]
    fn every_resample_draws_as_many_decisions_as_there_are() {
        for n in [1, 7, 4096, 9_001] {
            let totals = resample(n, 3, 0, |counts| counts.iter().sum::<f32>());
            assert_eq!(totals, [n as f32; 3]);
        }
    }

    #[test]
    fn an_interval_holds_the_truth_about_95_times_in_100() {
        let held = (0..200).filter(|world| {
            let mut rng = ChaCha8Rng::seed_from_u64(*world);
            let values = (0..80).map(|_| if rng.next_u32() % 10 < 3 { 1.0 } else { 0.0 }).collect();
            let m = mean_intervals(&[("share".to_owned(), values)], 0).0[0].1;
            (m.low..=m.high).contains(&0.3)
        });
        let held = held.count();
        assert!((180..=198).contains(&held), "held {held} times in 200");
    }

    #[test]
    fn metrics_of_rows_have_intervals_around_their_value() {
        let labels: Vec<f64> = (0..200).map(|i| f64::from(u8::from(i % 4 == 0))).collect();
        let scores: Vec<f64> = (0..200).map(|i| ((i * 37 % 100) as f64 / 100.0 + labels[i] * 0.3) / 1.3).collect();
        for (name, m) in row_intervals(&labels, &scores, &[("auc", auc), ("logloss", logloss)], 0).0 {
            assert!(m.low < m.value && m.value < m.high && m.high - m.low < 0.3, "{name} {m:?}");
        }
    }

    #[test]
    fn no_decisions_have_no_value() {
        let found = mean_intervals(&[("recall@10".to_owned(), Vec::new())], 0);
        let m = found.get("recall@10").expect("the metric is there");
        assert!(m.value.is_nan() && m.low.is_nan() && m.high.is_nan());
        assert!(mean_intervals(&[], 0).0.is_empty());
    }

    #[test]
    fn quantiles_lie_between_neighbours() {
        let check = |q, expected| assert_eq!(quantile(&[1.0, 2.0, 4.0], q), expected);
        check(0.0, 1.0);
        check(0.25, 1.5);
        check(0.75, 3.0);
        check(1.0, 4.0);
    }
}
