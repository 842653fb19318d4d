//! Fitting the logistic model: how columns enter, the loss and its gradient, and the weights back in their columns.

use super::solve::{Problem, minimise};
use super::{Column, Grid, Weights};
use crate::model::{Error, Examples, FitAsk};

/// Rows whose gradients are added up at a time: the sums, and so the model, do not depend on the number of threads.
const CHUNK: usize = 16_384;
/// Values that quantiles are taken from.
const QUANTILE_ROWS_MAX: usize = 50_000;

/// By iteration: the penalised log loss on the rows it learns from, and the log loss on those it is watched on.
type Curve = Vec<(usize, f64, f64)>;

/// The model and how it came about.
pub(super) fn fit(ask: &FitAsk<'_>) -> Result<(Weights, Curve), Error> {
    let positives = ask.train.labels.iter().filter(|l| **l > 0.0).count();
    if positives == 0 || positives == ask.train.labels.len() {
        let what = if positives == 0 { "no positive" } else { "no negative" };
        return Err(Error::Examples(format!("{} rows and {what} among them", ask.train.labels.len())));
    }
    let number = |name, default| ask.params.number(name).unwrap_or(default);
    let columns = columns(&ask.train, number("bins", 0.0) as usize);
    let train = Data::new(&ask.train, &columns);
    let validate = ask.validate.as_ref().map(|v| Data::new(v, &columns));
    let offsets = offsets(&columns);
    let n_weights = 1 + columns.iter().map(|c| 1 + c.n_codes()).sum::<usize>();
    let problem = Problem {
        loss: &|w: &[f64], gradient: &mut [f64]| train.loss(w, &columns, &offsets, Some(gradient), ask.n_threads),
        l1: number("l1", 0.0),
        l2: number("l2", 1e-6),
        n_free: 1,
    };
    let mut curve = Vec::new();
    let iterations = number("iterations", 60.0) as usize;
    let mut start = vec![0.0; n_weights];
    let share = train.weighted_positives();
    start[0] = (share / (1.0 - share)).ln();
    let w = minimise(&problem, start, iterations, &mut |round, w, loss| {
        (ask.progress)(round, iterations);
        let measured = match &validate {
            Some(v) if round % 10 == 0 || round == 1 => v.loss(w, &columns, &offsets, None, ask.n_threads),
            _ => f64::NAN,
        };
        if round % 10 == 0 || round == 1 {
            curve.push((round, loss, measured));
        }
    });
    Ok((weights(&w, columns, &offsets, &train), curve))
}

/// Means, deviations and bins of the columns.
fn columns(of: &Examples<'_>, bins: usize) -> Vec<Column> {
    let (d, n) = (of.columns.len(), of.labels.len());
    let column = |c: usize| {
        let empty = Column {
            mean: 0.0,
            scale: 0.0,
            edges: Vec::new(),
            categories: of.columns[c].categories,
            weight: 0.0,
            codes: Vec::new(),
            average: 0.0,
            grid: Grid::default(),
        };
        if empty.categories.is_some() {
            return empty;
        }
        let present = || (0..n).map(|i| of.rows[i * d + c]).filter(|x| x.is_finite());
        let (count, sum) = present().fold((0u64, 0.0f64), |(k, s), x| (k + 1, s + f64::from(x)));
        let mean = if count > 0 { sum / count as f64 } else { 0.0 };
        let squares: f64 = present().map(|x| (f64::from(x) - mean).powi(2)).sum();
        let deviation = (squares / count.max(1) as f64).sqrt();
        let scale = if deviation > 1e-12 * mean.abs().max(1e-12) { (1.0 / deviation) as f32 } else { 0.0 };
        let mut edges = Vec::new();
        if bins > 1 {
            let step = n.div_ceil(QUANTILE_ROWS_MAX).max(1);
            let mut some: Vec<f32> =
                (0..n).step_by(step).map(|i| of.rows[i * d + c]).filter(|x| x.is_finite()).collect();
            some.sort_unstable_by(f32::total_cmp);
            if !some.is_empty() {
                edges = (1..bins).map(|b| some[b * some.len() / bins]).collect();
                edges.dedup();
            }
        }
        let grid = Grid::new(&edges);
        Column { mean: mean as f32, scale, edges, grid, ..empty }
    };
    (0..d).map(column).collect()
}

/// Where the weights of each column begin: of its standardised value, then of its codes.
fn offsets(columns: &[Column]) -> Vec<usize> {
    let mut next = 1;
    columns
        .iter()
        .map(|c| {
            let at = next;
            next += 1 + c.n_codes();
            at
        })
        .collect()
}

/// Rows with their codes looked up once.
struct Data<'e> {
    of: &'e Examples<'e>,
    /// [n, d]
    codes: Vec<u16>,
    total_weight: f64,
}

impl<'e> Data<'e> {
    fn new(of: &'e Examples<'e>, columns: &[Column]) -> Self {
        let d = columns.len().max(1);
        let codes =
            of.rows.iter().enumerate().map(|(i, x)| columns[i % d].code(*x).min(u16::MAX as usize) as u16).collect();
        let total_weight = of.weights.map_or(of.labels.len() as f64, |w| w.iter().map(|w| f64::from(*w)).sum());
        Self { of, codes, total_weight }
    }

    fn weight(&self, row: usize) -> f64 {
        self.of.weights.map_or(1.0, |w| f64::from(w[row]))
    }

    fn weighted_positives(&self) -> f64 {
        let sum: f64 = (0..self.of.labels.len()).filter(|i| self.of.labels[*i] > 0.0).map(|i| self.weight(i)).sum();
        (sum / self.total_weight).clamp(1e-9, 1.0 - 1e-9)
    }

    /// Mean log loss at `w`; adds its gradient, which is zero before, if wanted.
    fn loss(
        &self,
        w: &[f64],
        columns: &[Column],
        offsets: &[usize],
        gradient: Option<&mut [f64]>,
        n_threads: usize,
    ) -> f64 {
        let n = self.of.labels.len();
        let chunks: Vec<(usize, usize)> = (0..n).step_by(CHUNK).map(|a| (a, n.min(a + CHUNK))).collect();
        let wanted = gradient.is_some();
        let flat: Vec<f32> = w.iter().map(|w| *w as f32).collect();
        let parts = in_threads(&chunks, n_threads, |(a, b)| self.chunk(&flat, columns, offsets, (*a, *b), wanted));
        let mut loss = 0.0;
        if let Some(gradient) = gradient {
            for (_, part) in &parts {
                gradient.iter_mut().zip(part).for_each(|(g, p)| *g += p / self.total_weight);
            }
        }
        parts.iter().for_each(|(l, _)| loss += l);
        loss / self.total_weight
    }

    fn chunk(
        &self,
        w: &[f32],
        columns: &[Column],
        offsets: &[usize],
        (a, b): (usize, usize),
        wanted: bool,
    ) -> (f64, Vec<f64>) {
        let d = columns.len();
        let mut gradient = vec![0.0f64; if wanted { w.len() } else { 0 }];
        let mut z = vec![0.0f32; d];
        let mut loss = 0.0;
        for row in a..b {
            let (x, codes) = (&self.of.rows[row * d..(row + 1) * d], &self.codes[row * d..(row + 1) * d]);
            let mut logit = w[0];
            for c in 0..d {
                z[c] = columns[c].z(x[c]);
                logit += w[offsets[c]] * z[c] + w[offsets[c] + 1 + codes[c] as usize];
            }
            let (logit, label, weight) = (f64::from(logit), f64::from(self.of.labels[row] > 0.0), self.weight(row));
            // log(1 + e^x) without overflow.
            let softplus = logit.max(0.0) + (-logit.abs()).exp().ln_1p();
            loss += weight * (softplus - label * logit);
            if wanted {
                let slope = weight * (1.0 / (1.0 + (-logit).exp()) - label);
                gradient[0] += slope;
                for c in 0..d {
                    gradient[offsets[c]] += slope * f64::from(z[c]);
                    gradient[offsets[c] + 1 + codes[c] as usize] += slope;
                }
            }
        }
        (loss, gradient)
    }
}

/// `f` of every input, in order, on so many threads.
fn in_threads<I: Sync, O: Send>(inputs: &[I], n_threads: usize, f: impl Fn(&I) -> O + Sync) -> Vec<O> {
    let n_threads = n_threads.clamp(1, inputs.len().max(1));
    let mut out: Vec<(usize, O)> = std::thread::scope(|scope| {
        let f = &f;
        let work =
            |t: usize| move || (t..inputs.len()).step_by(n_threads).map(|i| (i, f(&inputs[i]))).collect::<Vec<_>>();
        let running: Vec<_> = (0..n_threads).map(|t| scope.spawn(work(t))).collect();
        running.into_iter().flat_map(|r| r.join().expect("a gradient does not panic")).collect()
    });
    out.sort_by_key(|(i, _)| *i);
    out.into_iter().map(|(_, o)| o).collect()
}

fn weights(w: &[f64], mut columns: Vec<Column>, offsets: &[usize], train: &Data<'_>) -> Weights {
    for (column, at) in columns.iter_mut().zip(offsets) {
        column.weight = w[*at] as f32;
        column.codes = w[at + 1..at + 1 + column.n_codes()].iter().map(|w| *w as f32).collect();
    }
    let d = columns.len();
    let n = train.of.labels.len();
    let step = n.div_ceil(QUANTILE_ROWS_MAX).max(1);
    for (c, column) in columns.iter_mut().enumerate() {
        let terms = (0..n).step_by(step).map(|i| f64::from(column.term(train.of.rows[i * d + c])));
        let (count, sum) = terms.fold((0u64, 0.0), |(k, s), t| (k + 1, s + t));
        column.average = (sum / count.max(1) as f64) as f32;
    }
    Weights { bias: w[0] as f32, columns }
}

/// Share of each column in the spread of the logits: the standard deviation of what it adds.
pub(super) fn importance(weights: &Weights, of: &Examples<'_>) -> Vec<f64> {
    let (d, n) = (weights.columns.len(), of.labels.len());
    let step = n.div_ceil(QUANTILE_ROWS_MAX).max(1);
    let spread = |(c, column): (usize, &Column)| {
        let squares = (0..n).step_by(step).map(|i| f64::from(column.term(of.rows[i * d + c]) - column.average).powi(2));
        squares.sum::<f64>().sqrt()
    };
    let spreads: Vec<f64> = weights.columns.iter().enumerate().map(spread).collect();
    let all: f64 = spreads.iter().sum();
    spreads.iter().map(|s| if all > 0.0 { s / all } else { 0.0 }).collect()
}
