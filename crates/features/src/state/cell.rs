//! What one cell holds for all keys: a closed set, because every store must be able to write each of them.

use super::{Distinct, Field, HISTOGRAM_MAX, PageRank, Sketch, What};
use crate::eval::SetRef;
use std::collections::VecDeque;
use tamis_spec::decision::Visit;

/// Values by dense key; keys past the end were never met.
#[derive(Clone, Debug)]
pub enum Cell {
    /// Not here: in the rows of its key space, side by side with what other cells keep of the same key.
    InRow {
        /// Whose rows.
        space: usize,
        /// Where in a row.
        field: Field,
    },
    /// Sums; of a window too, whose ring takes out what left.
    Totals(Vec<f64>),
    /// A sum and the moment to which it is faded.
    Decays {
        /// Time to one half.
        half_life_ms: i64,
        /// (sum, moment).
        values: Vec<(f64, i64)>,
    },
    /// Moments; `i64::MIN` when never met.
    Times {
        /// Keeps the first, not the last.
        first: bool,
        /// By key.
        values: Vec<i64>,
    },
    /// Rings of n numbers.
    Latest {
        /// Numbers in a ring.
        n: usize,
        /// Rings one after the other.
        values: Vec<f32>,
        /// Numbers met so far.
        counts: Vec<u32>,
    },
    /// Numbers that are, or will be when older ones have left the window, the smallest or largest: from the oldest to the newest, each
    /// closer to the middle than the one before. One without a window.
    Extremes {
        /// The largest, not the smallest.
        largest: bool,
        /// Length of the window.
        within_ms: Option<i64>,
        /// By key: moments and numbers.
        rows: Vec<VecDeque<(i64, f32)>>,
    },
    /// Different values.
    Distincts {
        /// Length of the window.
        within_ms: Option<i64>,
        /// By key.
        rows: Vec<Distinct>,
    },
    /// Different values, estimated.
    Sketches {
        /// 2^bits registers each.
        bits: u32,
        /// By key.
        rows: Vec<Sketch>,
    },
    /// Weighted sets.
    Histograms {
        /// Time to one half.
        half_life_ms: Option<i64>,
        /// By key.
        rows: Vec<Histogram>,
    },
    /// Latest actors, oldest first.
    Lists {
        /// How many at most.
        keep: usize,
        /// By key.
        rows: Vec<Vec<Visit>>,
    },
    /// One graph for all keys.
    PageRank(PageRank),
}

/// One weighted set.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    /// Each once.
    pub ids: Vec<u32>,
    /// As many.
    pub weights: Vec<f32>,
    /// The moment to which weights are faded.
    pub time: i64,
}

/// 2^(-elapsed / half_life).
#[inline]
pub(super) fn fade(elapsed_ms: i64, half_life_ms: i64) -> f32 {
    (-(elapsed_ms as f64) / half_life_ms as f64).exp2() as f32
}

/// A sum, halved with every half-life that elapsed.
#[inline]
pub(super) fn faded(sum: f64, elapsed_ms: i64, half_life_ms: i64) -> f64 {
    if sum == 0.0 { 0.0 } else { sum * (-(elapsed_ms as f64) / half_life_ms as f64).exp2() }
}

impl Cell {
    pub(super) fn new(what: What) -> Self {
        match what {
            What::Total | What::Window { .. } => Self::Totals(Vec::new()),
            What::Decay { half_life_ms } => Self::Decays { half_life_ms, values: Vec::new() },
            What::Distinct { within_ms } => Self::Distincts { within_ms, rows: Vec::new() },
            What::Sketch { bits } => Self::Sketches { bits, rows: Vec::new() },
            What::Extreme { largest, within_ms } => Self::Extremes { largest, within_ms, rows: Vec::new() },
            What::LastNumber => unreachable!("a last number always stands in a row"),
            What::LastTime => Self::Times { first: false, values: Vec::new() },
            What::FirstTime => Self::Times { first: true, values: Vec::new() },
            What::Latest { n } => Self::Latest { n, values: Vec::new(), counts: Vec::new() },
            What::Histogram { half_life_ms } => Self::Histograms { half_life_ms, rows: Vec::new() },
            What::List { keep } => Self::Lists { keep, rows: Vec::new() },
            What::PageRank => Self::PageRank(PageRank::default()),
        }
    }

    /// Makes room for keys below `n`.
    pub(super) fn grow(&mut self, n: usize) {
        fn to<T: Clone>(v: &mut Vec<T>, n: usize, empty: T) {
            if v.len() < n {
                v.resize(n, empty);
            }
        }
        match self {
            Self::Totals(v) => to(v, n, 0.0),
            Self::Decays { values, .. } => to(values, n, (0.0, 0)),
            Self::Times { values, .. } => to(values, n, i64::MIN),
            Self::Latest { n: each, values, counts } => {
                to(values, n * *each, 0.0);
                to(counts, n, 0);
            }
            Self::Extremes { rows, .. } => to(rows, n, VecDeque::new()),
            Self::Distincts { rows, .. } => to(rows, n, Distinct::default()),
            Self::Sketches { rows, .. } => to(rows, n, Sketch::default()),
            Self::Histograms { rows, .. } => to(rows, n, Histogram::default()),
            Self::Lists { rows, .. } => to(rows, n, Vec::new()),
            Self::PageRank(_) | Self::InRow { .. } => {}
        }
    }

    /// Takes in a number for a key that there is room for.
    #[inline]
    pub(super) fn add_number(&mut self, key: usize, value: f32, time: i64) {
        match self {
            Self::Totals(v) => v[key] += f64::from(value),
            Self::Decays { half_life_ms, values } => {
                let (sum, at) = &mut values[key];
                (*sum, *at) = (faded(*sum, time - *at, *half_life_ms) + f64::from(value), time);
            }
            Self::Latest { n, values, counts } => {
                values[key * *n + counts[key] as usize % *n] = value;
                counts[key] += 1;
            }
            Self::Extremes { largest, within_ms, rows } => {
                let row = &mut rows[key];
                let beaten = |v: f32| if *largest { v <= value } else { v >= value };
                if let Some(ms) = *within_ms {
                    let oldest = time.saturating_sub(ms);
                    while row.front().is_some_and(|(t, _)| *t < oldest) {
                        row.pop_front();
                    }
                    while row.back().is_some_and(|(_, v)| beaten(*v)) {
                        row.pop_back();
                    }
                    row.push_back((time, value));
                } else if row.front().is_none_or(|(_, v)| beaten(*v)) {
                    row.clear();
                    row.push_back((time, value));
                }
            }
            Self::InRow { .. }
            | Self::Times { .. }
            | Self::Distincts { .. }
            | Self::Sketches { .. }
            | Self::Histograms { .. }
            | Self::Lists { .. }
            | Self::PageRank(_) => {}
        }
    }

    /// Takes in an actor or category.
    #[inline]
    pub(super) fn add_id(&mut self, key: usize, id: u32, time: i64) {
        match self {
            Self::Distincts { within_ms, rows } => rows[key].add(id, time, *within_ms),
            Self::Sketches { bits, rows } => rows[key].add(id, *bits),
            _ => {}
        }
    }

    /// Takes in the moment of an event.
    #[inline]
    pub(super) fn add_time(&mut self, key: usize, time: i64) {
        if let Self::Times { first, values } = self
            && (!*first || values[key] == i64::MIN)
        {
            values[key] = time;
        }
    }

    /// Takes in a weighted set.
    pub(super) fn add_set(&mut self, key: usize, set: &SetRef<'_>, time: i64) {
        let Self::Histograms { half_life_ms, rows } = self else { return };
        let row = &mut rows[key];
        if let (Some(h), false) = (*half_life_ms, row.ids.is_empty()) {
            let faded = fade(time - row.time, h);
            row.weights.iter_mut().for_each(|w| *w *= faded);
        }
        row.time = time;
        for (id, weight) in set.ids.iter().zip(set.weights) {
            let weight = weight * set.scale;
            match row.ids.iter().position(|i| i == id) {
                Some(at) => row.weights[at] += weight,
                None => {
                    if row.ids.len() == HISTOGRAM_MAX {
                        row.drop_lightest();
                    }
                    row.ids.push(*id);
                    row.weights.push(weight);
                }
            }
        }
    }

    /// Resident bytes, near enough.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::InRow { .. } => 0,
            Self::Totals(v) => v.capacity() * 8,
            Self::Decays { values, .. } => values.capacity() * 16,
            Self::Times { values, .. } => values.capacity() * 8,
            Self::Latest { values, counts, .. } => (values.capacity() + counts.capacity()) * 4,
            Self::Extremes { rows, .. } => rows.capacity() * 32 + rows.iter().map(|r| r.capacity() * 16).sum::<usize>(),
            Self::Distincts { rows, .. } => {
                rows.capacity() * size_of::<Distinct>() + rows.iter().map(Distinct::bytes).sum::<usize>()
            }
            Self::Sketches { rows, .. } => rows.capacity() * 16 + rows.iter().map(Sketch::bytes).sum::<usize>(),
            Self::Histograms { rows, .. } => {
                rows.capacity() * 56
                    + rows.iter().map(|r| r.ids.capacity() * 4 + r.weights.capacity() * 4).sum::<usize>()
            }
            Self::PageRank(graph) => graph.bytes(),
            Self::Lists { rows, .. } => rows.capacity() * 24 + rows.iter().map(|r| r.capacity() * 16).sum::<usize>(),
        }
    }
}

impl Histogram {
    fn drop_lightest(&mut self) {
        let lightest = (0..self.ids.len()).min_by(|a, b| self.weights[*a].total_cmp(&self.weights[*b]));
        if let Some(at) = lightest {
            self.ids.remove(at);
            self.weights.remove(at);
        }
    }
}
