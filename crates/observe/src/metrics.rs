//! The formulas of metrics: ranking metrics of one list, and row metrics of labels beside predictions.
//!
//! Gain is 2^rel − 1, discount log2(1 + rank), ranks count from 1. Row metrics take weights, which is how intervals are
//! made; without any, every row weighs 1. What has no value (no relevant item, one class alone) is NaN.

/// The depths at which recall is reported when exactly one item is relevant.
pub const RECALL_AT: [u32; 4] = [10, 20, 100, 200];

/// A metric of rows: labels, predictions, weights (same lengths).
pub type RowMetric = fn(&[f64], &[f64], Option<&[f64]>) -> f64;

/// 1 if the one relevant item stands among the first k; `rank` from 1, none when it was not retrieved.
pub fn recall_at(rank: Option<u32>, k: u32) -> f64 {
    if rank.is_some_and(|r| r <= k) { 1.0 } else { 0.0 }
}

/// NDCG@k when exactly one item is relevant: 1/log2(1 + rank) within the first k, else 0 (Järvelin & Kekäläinen 2002).
pub fn ndcg_at(rank: Option<u32>, k: u32) -> f64 {
    rank.filter(|r| *r <= k).map_or(0.0, |r| 1.0 / f64::from(1 + r).log2())
}

/// Reciprocal rank within the first k, else 0; its mean over decisions is MRR@k (Voorhees 1999).
pub fn mrr_at(rank: Option<u32>, k: u32) -> f64 {
    rank.filter(|r| *r <= k).map_or(0.0, |r| 1.0 / f64::from(r))
}

/// Every metric of one relevant item, as columns over decisions: recall at [`RECALL_AT`], ndcg@10, mrr@10.
pub fn single_relevant(ranks: &[Option<u32>]) -> Vec<(String, Vec<f32>)> {
    let column = |f: &dyn Fn(Option<u32>) -> f64| ranks.iter().map(|r| f(*r) as f32).collect();
    let mut columns: Vec<_> =
        RECALL_AT.iter().map(|k| (format!("recall@{k}"), column(&|r| recall_at(r, *k)))).collect();
    columns.push(("ndcg@10".into(), column(&|r| ndcg_at(r, 10))));
    columns.push(("mrr@10".into(), column(&|r| mrr_at(r, 10))));
    columns
}

/// Discounted cumulative gain of the first k grades in ranked order (Burges et al. 2005).
pub fn dcg(grades: &[f64], k: usize) -> f64 {
    grades.iter().take(k).enumerate().map(|(i, rel)| (rel.exp2() - 1.0) / ((i + 2) as f64).log2()).sum()
}

/// DCG@k over that of the ideal order of `judged`; `judged` is the ranked list itself when none is given.
/// NaN without a relevant item.
pub fn ndcg(grades: &[f64], k: usize, judged: Option<&[f64]>) -> f64 {
    let mut ideal = judged.unwrap_or(grades).to_vec();
    ideal.sort_by(|a, b| b.total_cmp(a));
    let best = dcg(&ideal, k);
    if best > 0.0 { dcg(grades, k) / best } else { f64::NAN }
}

/// Mean over relevant items (grade above 0) of the precision at their rank. `n_relevant` counts those that were not
/// retrieved too; by default all were. NaN without a relevant item.
pub fn average_precision(grades: &[f64], n_relevant: Option<usize>) -> f64 {
    let mut found = 0usize;
    let mut sum = 0.0;
    for (i, grade) in grades.iter().enumerate() {
        if *grade > 0.0 {
            found += 1;
            sum += found as f64 / (i + 1) as f64;
        }
    }
    let n = n_relevant.unwrap_or(found);
    if n == 0 { f64::NAN } else { sum / n as f64 }
}

/// Area under the ROC curve; a tied pair counts one half (Mann & Whitney 1947). NaN when one class is absent.
pub fn auc(labels: &[f64], scores: &[f64], weights: Option<&[f64]>) -> f64 {
    let (mut below, mut area, mut n_positive) = (0.0, 0.0, 0.0);
    for tied in ties(&ascending(scores), scores) {
        let (mut positive, mut negative) = (0.0, 0.0);
        for &i in tied {
            let w = weight(weights, i);
            positive += w * labels[i];
            negative += w * (1.0 - labels[i]);
        }
        area += positive * (below + negative / 2.0);
        below += negative;
        n_positive += positive;
    }
    area / (n_positive * below)
}

/// Area under the precision-recall curve as a sum of recall steps times precision, one step for each distinct score
/// (average precision as scikit-learn computes it). NaN without a positive.
pub fn pr_auc(labels: &[f64], scores: &[f64], weights: Option<&[f64]>) -> f64 {
    let order = ascending(scores);
    let (mut positives, mut all, mut area) = (0.0, 0.0f64, 0.0);
    for tied in ties(&order, scores).rev() {
        let step: f64 = tied.iter().map(|i| weight(weights, *i) * labels[*i]).sum();
        positives += step;
        all += tied.iter().map(|i| weight(weights, *i)).sum::<f64>();
        area += step * positives / all.max(1e-300);
    }
    area / positives
}

/// Mean negative log likelihood in nats, probabilities clipped to [1e-15, 1 − 1e-15].
pub fn logloss(labels: &[f64], probabilities: &[f64], weights: Option<&[f64]>) -> f64 {
    mean(labels, probabilities, weights, |y, p| {
        let p = p.clamp(1e-15, 1.0 - 1e-15);
        -(y * p.ln() + (1.0 - y) * (1.0 - p).ln())
    })
}

/// Log loss over the log loss of always saying these rows' own base rate (He et al. 2014); below 1 is better than it.
pub fn normalised_entropy(labels: &[f64], probabilities: &[f64], weights: Option<&[f64]>) -> f64 {
    let base = mean(labels, probabilities, weights, |y, _| y);
    logloss(labels, probabilities, weights) / -(base * base.ln() + (1.0 - base) * (1.0 - base).ln())
}

/// Root of the mean squared error.
pub fn rmse(labels: &[f64], predictions: &[f64], weights: Option<&[f64]>) -> f64 {
    mean(labels, predictions, weights, |y, p| (y - p) * (y - p)).sqrt()
}

/// Mean absolute error.
pub fn mae(labels: &[f64], predictions: &[f64], weights: Option<&[f64]>) -> f64 {
    mean(labels, predictions, weights, |y, p| (y - p).abs())
}

/// One part of a reliability curve.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Bin {
    /// Mean of what was predicted.
    pub mean_predicted: f64,
    /// Mean of what happened.
    pub mean_observed: f64,
    /// Rows.
    pub n: usize,
}

/// Rows sorted by probability (ties in row order), cut into `n_bins` parts at floor(i·n/n_bins); empty parts are left out.
pub fn reliability(labels: &[f64], probabilities: &[f64], n_bins: usize) -> Vec<Bin> {
    let (order, n) = (ascending(probabilities), labels.len());
    let part = |i: usize| {
        let rows = &order[i * n / n_bins..(i + 1) * n / n_bins];
        let mean = |values: &[f64]| rows.iter().map(|r| values[*r]).sum::<f64>() / rows.len() as f64;
        Bin { mean_predicted: mean(probabilities), mean_observed: mean(labels), n: rows.len() }
    };
    (0..n_bins).map(part).filter(|b| b.n > 0).collect()
}

/// Expected calibration error: the size-weighted mean of |predicted − observed| over the parts of [`reliability`]
/// (Naeini et al. 2015, with parts of equal size). 20 parts is the custom here.
pub fn ece(labels: &[f64], probabilities: &[f64], n_bins: usize) -> f64 {
    let bins = reliability(labels, probabilities, n_bins);
    let gap = |b: &Bin| (b.mean_predicted - b.mean_observed).abs() * b.n as f64;
    bins.iter().map(gap).sum::<f64>() / labels.len() as f64
}

fn mean(labels: &[f64], predictions: &[f64], weights: Option<&[f64]>, f: impl Fn(f64, f64) -> f64) -> f64 {
    let (mut sum, mut total) = (0.0, 0.0);
    for (i, (y, p)) in labels.iter().zip(predictions).enumerate() {
        let w = weight(weights, i);
        sum += w * f(*y, *p);
        total += w;
    }
    sum / total
}

fn weight(weights: Option<&[f64]>, row: usize) -> f64 {
    weights.map_or(1.0, |w| w[row])
}

/// Rows by value, smallest first, ties in row order.
fn ascending(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    order
}

/// Runs of equal values in an order.
fn ties<'a>(order: &'a [usize], values: &'a [f64]) -> impl DoubleEndedIterator<Item = &'a [usize]> {
    order.chunk_by(|a, b| values[*a] == values[*b])
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod tests;
