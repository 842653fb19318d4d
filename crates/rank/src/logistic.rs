//! `logistic`: a logistic model of whether a row is the positive; cheap enough for the first stage.
//!
//! A number enters standardised, and with `bins` also by the quantile bin it falls into, which makes the model piecewise constant in it;
//! what is missing has a weight of its own. A category has a weight for each word.

mod fit;
mod solve;

use crate::model::{CurvePoint, Error, Fit, FitAsk, Fitted, Model};
use crate::stored;
use serde::{Deserialize, Serialize};
use tamis_spec::kind::Kind;
use tamis_spec::matrix::ColumnSpec;
use tamis_spec::param::{Param, ParamType};

/// The kind.
pub const KIND: Kind<dyn Fit> = Kind {
    name: "logistic",
    about: "A logistic model on standardised and, if wanted, binned features, with L1 and L2 penalties.",
    example: "[[stages]]\nkind = \"logistic\"\nkeep = 200\nbins = 32",
    params: &[
        Param {
            name: "l1",
            ty: ParamType::Number(0.0, 1e3),
            required: false,
            about: "Penalty on |w| beside the mean log loss; 0 by default.",
        },
        Param {
            name: "l2",
            ty: ParamType::Number(0.0, 1e3),
            required: false,
            about: "Penalty on w²/2 beside the mean log loss; 1e-6 by default.",
        },
        Param {
            name: "bins",
            ty: ParamType::Integer(0, 250),
            required: false,
            about: "Quantile bins for each number; 0, the default, for none.",
        },
        Param {
            name: "iterations",
            ty: ParamType::Integer(1, 10_000),
            required: false,
            about: "Iterations at most; 60 by default.",
        },
    ],
    it: &Logistic,
};

struct Logistic;

/// How one column enters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Column {
    /// Mean of what is present; 0 for categories.
    mean: f32,
    /// 1 / standard deviation; 0 for categories and constants.
    scale: f32,
    /// Upper ends of all bins but the last, ascending; a value is in the first bin whose end is not below it.
    edges: Vec<f32>,
    /// Categories; none for numbers.
    categories: Option<u32>,
    /// Weight of the standardised value.
    weight: f32,
    /// Weights: of missing, then of each bin or category.
    codes: Vec<f32>,
    /// What the column adds to an average row.
    average: f32,
    /// Where to begin looking for a value's bin; made from the edges.
    #[serde(skip)]
    grid: Grid,
}

/// Equal cells over the range of a column's edges, and for each how many edges lie in cells before it: a value's bin is found by a step or
/// two from there instead of a search.
#[derive(Clone, Debug, Default, PartialEq)]
struct Grid {
    low: f32,
    per_cell: f32,
    starts: Vec<u8>,
}

/// Cells of a grid.
const CELLS: usize = 256;

impl Grid {
    /// A grid for ascending edges, at most 255 of them.
    fn new(edges: &[f32]) -> Self {
        let (Some(low), Some(high)) = (edges.first().copied(), edges.last().copied()) else { return Self::default() };
        let per_cell = (CELLS - 2) as f32 / (high - low);
        // A range too wide or too narrow to divide has one cell.
        let (low, per_cell) = if per_cell.is_normal() { (low, per_cell) } else { (0.0, 0.0) };
        let mut grid = Self { low, per_cell, starts: Vec::new() };
        // A value in a later cell than an edge is above it, because cells ascend with values: these edges need no look.
        let cells: Vec<usize> = edges.iter().map(|e| grid.cell(*e)).collect();
        grid.starts = (0..CELLS).map(|cell| cells.iter().filter(|c| **c < cell).count() as u8).collect();
        grid
    }

    #[inline]
    fn cell(&self, x: f32) -> usize {
        // The cast holds numbers below zero at 0.
        (((x - self.low) * self.per_cell + 1.0) as usize).min(CELLS - 1)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Weights {
    bias: f32,
    columns: Vec<Column>,
}

/// Standardised values are held within ±this, so that one wild value does not outweigh everything.
const Z_MAX: f32 = 8.0;

impl Column {
    #[inline]
    fn z(&self, x: f32) -> f32 {
        if x.is_nan() { 0.0 } else { ((x - self.mean) * self.scale).clamp(-Z_MAX, Z_MAX) }
    }

    /// 0 for missing and for categories that fitting never met.
    #[inline]
    fn code(&self, x: f32) -> usize {
        if x.is_nan() {
            return 0;
        }
        match self.categories {
            Some(n) => {
                if x >= 0.0 && x < n as f32 {
                    x as usize + 1
                } else {
                    0
                }
            }
            None => 1 + self.bin(x),
        }
    }

    /// How many edges are below a value.
    #[inline]
    fn bin(&self, x: f32) -> usize {
        if self.edges.is_empty() {
            return 0;
        }
        let mut bin = self.grid.starts[self.grid.cell(x)] as usize;
        while bin < self.edges.len() && self.edges[bin] < x {
            bin += 1;
        }
        bin
    }

    fn n_codes(&self) -> usize {
        1 + self.categories.map_or(self.edges.len() + 1, |n| n as usize)
    }

    #[inline]
    fn term(&self, x: f32) -> f32 {
        self.weight * self.z(x) + self.codes[self.code(x)]
    }
}

impl Fit for Logistic {
    fn fit(&self, ask: &FitAsk<'_>) -> Result<Fitted, Error> {
        let (weights, curve) = fit::fit(ask)?;
        let importance = fit::importance(&weights, &ask.train);
        let model = serde_json::to_vec(&weights).expect("weights are plain data");
        let curve =
            curve.into_iter().map(|(round, train, validate)| CurvePoint { round, metric: "logloss", train, validate });
        Ok(Fitted { model: stored::pack(ask.train.columns, &model), curve: curve.collect(), importance })
    }

    fn open(&self, bytes: &[u8], columns: &[ColumnSpec]) -> Result<Box<dyn Model>, Error> {
        let mut weights: Weights = serde_json::from_slice(stored::unpack(bytes, columns)?)
            .map_err(|e| Error::Damaged(format!("the weights cannot be read: {e}")))?;
        let whole = |c: &Column| c.codes.len() == c.n_codes() && c.edges.is_sorted() && c.edges.len() < 256;
        if weights.columns.len() != columns.len() || !weights.columns.iter().all(whole) {
            return Err(Error::Damaged("the weights are not those of its columns".into()));
        }
        weights.columns.iter_mut().for_each(|c| c.grid = Grid::new(&c.edges));
        Ok(Box::new(weights))
    }
}

impl Model for Weights {
    fn score(&self, rows: &[f32], out: &mut [f32]) {
        out.fill(self.bias);
        let d = self.columns.len();
        // By column, so that its bins stay in the cache and its branches are those of one kind.
        for (c, column) in self.columns.iter().enumerate() {
            for (o, row) in out.iter_mut().zip(rows.chunks_exact(d)) {
                *o += column.term(row[c]);
            }
        }
    }

    fn explain(&self, row: &[f32], out: &mut [f32]) {
        for ((o, x), column) in out.iter_mut().zip(row).zip(&self.columns) {
            *o = column.term(*x) - column.average;
        }
    }
}

/// The probability that a score stands for.
pub fn probability(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Examples;
    use tamis_spec::diagnostic::Spanned;
    use tamis_spec::param::{ParamValue, Params};

    fn params(of: &[(&'static str, f64)]) -> Params {
        let value = |v: f64| Spanned { value: ParamValue::Number(v), span: 0..0 };
        Params { values: of.iter().map(|(n, v)| (*n, value(*v))).collect() }
    }

    fn number(name: &str) -> ColumnSpec {
        ColumnSpec { name: name.into(), categories: None }
    }

    /// Rows (x, missing now and then) with the log-odds 2x - 1, by a fixed sequence.
    fn rows(n: usize) -> (Vec<f32>, Vec<f32>) {
        let mut state = 7u64;
        let mut uniform = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1u64 << 24) as f32
        };
        let (mut x, mut y) = (Vec::new(), Vec::new());
        for _ in 0..n {
            let v = uniform() * 4.0 - 2.0;
            let missing = uniform() < 0.1;
            let odds = if missing { 0.5 } else { 2.0 * v - 1.0 };
            x.push(if missing { f32::NAN } else { v });
            y.push(f32::from(uniform() < probability(odds)));
        }
        (x, y)
    }

    fn fitted(of: &[(&'static str, f64)], threads: usize) -> (Box<dyn Model>, Vec<u8>) {
        let (x, y) = rows(40_000);
        let columns = [number("x")];
        let train = Examples { rows: &x, columns: &columns, labels: &y, weights: None, groups: &[40_000] };
        let ask =
            FitAsk { train, validate: None, params: &params(of), seed: 0, n_threads: threads, progress: &|_, _| {} };
        let fitted = Logistic.fit(&ask).expect("it can be fitted");
        (Logistic.open(&fitted.model, &columns).expect("its own columns"), fitted.model)
    }

    #[test]
    fn planted_log_odds_are_found() {
        let (model, _) = fitted(&[], 2);
        let mut out = [0.0; 4];
        model.score(&[1.0, 0.0, -1.0, f32::NAN], &mut out);
        for (found, planted) in out.iter().zip([1.0, -1.0, -3.0, 0.5]) {
            assert!((found - planted).abs() < 0.15, "{out:?}");
        }
    }

    #[test]
    fn the_model_does_not_depend_on_the_number_of_threads() {
        assert_eq!(fitted(&[("bins", 8.0)], 1).1, fitted(&[("bins", 8.0)], 3).1);
    }

    #[test]
    fn a_strong_l1_penalty_leaves_no_weight() {
        let (model, _) = fitted(&[("l1", 1.0)], 2);
        let mut out = [0.0; 3];
        model.score(&[2.0, 0.0, -2.0], &mut out);
        assert_eq!(out[0], out[1]);
        assert_eq!(out[1], out[2]);
    }

    #[test]
    fn other_columns_are_refused() {
        let (_, bytes) = fitted(&[], 1);
        let refused = Logistic.open(&bytes, &[number("y")]);
        assert!(matches!(refused, Err(Error::Columns { .. })));
    }

    #[test]
    fn a_cut_model_is_refused() {
        let (_, bytes) = fitted(&[], 1);
        for len in [0, 7, 15, bytes.len() / 2, bytes.len() - 1] {
            assert!(matches!(Logistic.open(&bytes[..len], &[number("x")]), Err(Error::Damaged(_))), "{len}");
        }
    }

    #[test]
    fn a_value_is_in_the_first_bin_whose_end_is_not_below_it() {
        let check = |edges: &[f32]| {
            let column = Column {
                mean: 0.0,
                scale: 1.0,
                edges: edges.to_vec(),
                categories: None,
                weight: 0.0,
                codes: Vec::new(),
                average: 0.0,
                grid: Grid::new(edges),
            };
            let near = |e: &f32| [*e, e.next_up(), e.next_down(), e + 0.5, e - 0.5, e * 1.5];
            let values = edges.iter().flat_map(near).chain([f32::INFINITY, f32::NEG_INFINITY, f32::MAX, 0.0, -1.0]);
            for x in values {
                assert_eq!(column.bin(x), edges.iter().filter(|e| **e < x).count(), "{edges:?} {x}");
            }
        };
        check(&[]);
        check(&[1.0]);
        check(&[-1e30, 0.0, 1e30]);
        check(&[f32::MIN, 1.0, f32::MAX]);
        check(&(0..31).map(|e| e as f32).collect::<Vec<_>>());
        check(&(0..200).map(|e| (e as f32 * 0.1).exp()).collect::<Vec<_>>());
    }
}
