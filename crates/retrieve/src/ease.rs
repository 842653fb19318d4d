//! `ease`: items that together foretell each other, in closed form.
//!
//! Steck, "Embarrassingly shallow autoencoders for sparse data", 2019: with P = (X'X + l2 I)⁻¹ over the binary matrix X of
//! users by items, B = -P / diag(P) with a zero diagonal, and a user's scores are the sum of the rows of B that belong to
//! the user's items. Items that nobody met before the fit are left out of B: nothing can be said of them.

use crate::incidence::Incidence;
use crate::running::{Running, kept};
use crate::source::{Bytes, Error, FitAsk, Memo, Opened, Source, SourceKind, SourcePlan};
use crate::stored::{self, Stored};
use crate::{event, topk, wide};
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::factor;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::linalg::triangular_inverse::invert_lower_triangular;
use faer::prelude::{Reborrow, ReborrowMut};
use faer::{Accum, MatMut, Par};
use rayon::prelude::*;
use std::sync::Arc;
use tamis_spec::decision::{Answer, Ask, Happened, Need, Scored, Visit};
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::kind::Kind;
use tamis_spec::mask::Mask;
use tamis_spec::param::{Param, ParamType};
use tamis_spec::system::{Part, System};

/// Most items with events that can be fitted: the fit takes 3 · 4 · items² bytes at its peak.
const MAX_ITEMS: usize = 20_000;
/// A memo keeps the running sums of so many users at most, and of fewer where they would take more than `MEMO_BYTES`.
const MEMO_USERS: usize = 4096;
const MEMO_BYTES: usize = 64 << 20;
const LETTERS: &[u8; 8] = b"ease  01";

/// The entry of the registry.
pub const KIND: Kind<dyn SourceKind> = Kind {
    name: "ease",
    about: "Proposes what a linear model of the whole catalogue foretells from the user's items; at most 20,000 items.",
    example: "[[candidates]]\nkind = \"ease\"\nevent = \"liked\"\nl2 = 500\nkeep = 300\n",
    params: &[
        Param {
            name: "event",
            ty: ParamType::Event,
            required: true,
            about: "The event that says who met what; it joins a user and an item.",
        },
        Param {
            name: "l2",
            ty: ParamType::Number(0.1, 1e9),
            required: false,
            about: "Regularisation: the more, the less rare pairs count; by default 500.",
        },
        Param {
            name: "history",
            ty: ParamType::Event,
            required: false,
            about: "The event whose items speak for the user; by default that of `event`.",
        },
        Param {
            name: "last",
            ty: ParamType::Integer(1, 100_000),
            required: false,
            about: "Only so many of the user's latest items speak; by default all.",
        },
        Param {
            name: "decay",
            ty: ParamType::Number(0.0, 1.0),
            required: false,
            about: "The k-th latest item speaks with weight decay^k, the latest with 1; by default 1.",
        },
    ],
    it: &EaseKind,
};

struct EaseKind;

fn l2(part: &Part) -> f64 {
    part.params.number("l2").unwrap_or(500.0)
}

impl SourceKind for EaseKind {
    fn plan(&self, part: &Part, system: &System) -> Result<SourcePlan, Diagnostic> {
        let event = event::of_list(part, "event", system)?;
        let history = match part.params.get("history") {
            Some(_) => event::of_list(part, "history", system)?,
            None => event,
        };
        Ok(SourcePlan {
            needs: vec![Need::History { event: history }],
            folds: None,
            fit_key: Some(format!("event={event} l2={}", l2(part))),
            of_texts: false,
            bytes: Bytes { constant: MEMO_BYTES as f64, per_item_pair: 4.0, ..Bytes::default() },
        })
    }

    fn fit(&self, part: &Part, ask: &FitAsk<'_>) -> Result<Vec<u8>, Error> {
        let refused = |reason: String| Error::Fit { part: part.name.value.clone(), reason };
        let event = event::of_list(part, "event", ask.system).map_err(|d| refused(d.to_string()))?;
        let met = Met::of(&Incidence::of(&(ask.pairs)(event), ask.n_users, ask.n_items), ask.n_items);
        let n = met.items.len();
        if n > MAX_ITEMS {
            let reason = format!("{n} items have events, more than {MAX_ITEMS}; use `neighbours` or `als` instead");
            return Err(refused(reason));
        }
        let threads = rayon::ThreadPoolBuilder::new().num_threads(ask.n_threads.max(1)).build();
        let threads = threads.map_err(|e| refused(format!("no threads could be started: {e}")))?;
        let inverse = threads.install(|| {
            let mut gram = met.gram(l2(part) as f32);
            invert(&mut gram, n, ask.n_threads.max(1)).map(|()| gram)
        });
        let inverse = inverse.ok_or_else(|| refused("its matrix cannot be inverted; use a larger `l2`".into()))?;
        let mut bytes = stored::begin(LETTERS, &met.items, n * n);
        let diagonal: Vec<f32> = (0..n).map(|i| inverse[i * n + i]).collect();
        for (i, row) in inverse.chunks_exact(n.max(1)).enumerate() {
            let mut row: Vec<f32> = row.iter().zip(&diagonal).map(|(p, d)| -p / d).collect();
            row[i] = 0.0;
            stored::append(&mut bytes, &row);
        }
        Ok(bytes)
    }

    fn open(&self, part: &Part, fitted: &Arc<Vec<u8>>, _: &Opened<'_>) -> Result<Box<dyn Source>, Error> {
        let stored = Stored::read(LETTERS, &part.name.value, fitted)?;
        let n = stored.ids.len();
        if stored.values().len() != n * n || stored.ids.windows(2).any(|w| w[0] >= w[1]) {
            let reason = format!("{} values for {n} items; train again", stored.values().len());
            return Err(Error::Damaged { part: part.name.value.clone(), reason });
        }
        let last = part.params.count("last");
        let decay = part.params.number("decay").unwrap_or(1.0) as f32;
        Ok(Box::new(Ease { fit: Arc::new(Fit::of(stored)), last, decay }))
    }
}

/// The binary matrix of users by those items that somebody met.
struct Met {
    /// Ascending.
    items: Vec<u32>,
    /// Places in `items` by user.
    of_user: Incidence,
    /// Users by place in `items`.
    of_item: Incidence,
}

impl Met {
    fn of(x: &Incidence, n_items: usize) -> Self {
        let mut place = vec![u32::MAX; n_items];
        x.columns.iter().for_each(|item| place[*item as usize] = 0);
        let items: Vec<u32> = (0..n_items as u32).filter(|item| place[*item as usize] == 0).collect();
        items.iter().enumerate().for_each(|(at, item)| place[*item as usize] = at as u32);
        let columns = x.columns.iter().map(|item| place[*item as usize]).collect();
        let of_user = Incidence { starts: x.starts.clone(), columns };
        let of_item = of_user.transposed(items.len());
        Self { items, of_user, of_item }
    }

    /// X'X + l2 I, [n, n].
    fn gram(&self, l2: f32) -> Vec<f32> {
        let n = self.items.len();
        let mut gram = vec![0.0f32; n * n];
        gram.par_chunks_exact_mut(n.max(1)).enumerate().for_each(|(i, row)| {
            for user in self.of_item.row(i) {
                self.of_user.row(*user as usize).iter().for_each(|j| row[*j as usize] += 1.0);
            }
            row[i] += l2;
        });
        gram
    }
}

/// Replaces a symmetric positive definite matrix, [n, n], by its inverse; none when it is not one.
fn invert(matrix: &mut [f32], n: usize, n_threads: usize) -> Option<()> {
    let par = if n_threads > 1 { Par::rayon(n_threads) } else { Par::Seq };
    let mut lower_inverse = vec![0.0f32; n * n];
    let mut whole = MatMut::from_column_major_slice_mut(matrix, n, n);
    let mut stack = MemBuffer::new(factor::cholesky_in_place_scratch::<f32>(n, par, Default::default()));
    let stack = MemStack::new(&mut stack);
    factor::cholesky_in_place(whole.rb_mut(), Default::default(), par, stack, Default::default()).ok()?;
    let mut lower = MatMut::from_column_major_slice_mut(&mut lower_inverse, n, n);
    invert_lower_triangular(lower.rb_mut(), whole.rb(), par);
    let (shape, product) = (BlockStructure::TriangularLower, lower.rb());
    let upper = BlockStructure::TriangularUpper;
    triangular::matmul(whole, shape, Accum::Replace, product.transpose(), upper, product, shape, 1.0, par);
    mirror(matrix, n);
    Some(())
}

/// Copies the lower triangle of a column-major matrix to its upper one.
fn mirror(matrix: &mut [f32], n: usize) {
    const BLOCK: usize = 64;
    for left in (0..n).step_by(BLOCK) {
        for top in (left..n).step_by(BLOCK) {
            for column in left..(left + BLOCK).min(n) {
                for row in top.max(column + 1)..(top + BLOCK).min(n) {
                    matrix[row * n + column] = matrix[column * n + row];
                }
            }
        }
    }
}

/// B, shared by everything that was opened from the same bytes.
struct Fit {
    stored: Stored,
    /// Place in B by item; `u32::MAX` where it has none.
    place: Vec<u32>,
}

impl Fit {
    fn of(stored: Stored) -> Self {
        let mut place = vec![u32::MAX; stored.ids.last().map_or(0, |last| *last as usize + 1)];
        stored.ids.iter().enumerate().for_each(|(at, item)| place[*item as usize] = at as u32);
        Self { stored, place }
    }

    fn row(&self, item: u32) -> Option<&[f32]> {
        let (n, at) = (self.stored.ids.len(), *self.place.get(item as usize)? as usize);
        self.stored.values().get(at * n..(at + 1) * n).filter(|_| at < n)
    }

    /// Writes a sum over B's items as scores of the whole catalogue.
    fn spread(&self, sum: &Sum, n_items: usize, scores: &mut Vec<f32>) {
        scores.clear();
        scores.resize(n_items, f32::NAN);
        if sum.n_rows > 0 {
            let known = self.stored.ids.iter().zip(&sum.values).take_while(|(item, _)| (**item as usize) < n_items);
            known.for_each(|(item, score)| scores[*item as usize] = *score);
        }
    }
}

/// Rows of B added up, in the order of its items.
#[derive(Default)]
struct Sum {
    values: Vec<f32>,
    n_rows: usize,
}

impl Sum {
    fn reset(&mut self, n: usize) {
        self.values.clear();
        self.values.resize(n, 0.0);
        self.n_rows = 0;
    }
}

struct Ease {
    fit: Arc<Fit>,
    last: Option<usize>,
    decay: f32,
}

impl Ease {
    /// The sum over a part or a weighting of the history, latest first; an item counts once, at its latest visit.
    fn weigh(&self, visits: &[Visit], sum: &mut Sum, seen: &mut Mask) {
        sum.reset(self.fit.stored.ids.len());
        seen.clear();
        let mut weight = 1.0;
        for visit in visits.iter().rev().take(self.last.unwrap_or(usize::MAX)) {
            if seen.insert(visit.item)
                && let Some(row) = self.fit.row(visit.item)
            {
                wide::add_scaled(&mut sum.values, row, weight);
                sum.n_rows += 1;
            }
            weight *= self.decay;
        }
    }
}

impl Source for Ease {
    fn candidates(&self, ask: &Ask<'_>, keep: usize, memo: &mut Memo, out: &mut Vec<Scored>) {
        let visits = ask.answers.first().map_or(&[][..], Answer::visits);
        let (fit, n) = (&self.fit, self.fit.stored.ids.len());
        if self.last.is_none() && self.decay == 1.0 {
            let running: &mut Running<Fit, Sum> = kept(&mut memo.kept);
            let max_users = MEMO_USERS.min(MEMO_BYTES / (4 * n).max(1));
            let sum = running.of(
                fit,
                max_users,
                (ask.user, visits),
                |sum| sum.reset(n),
                |sum, items| {
                    for row in items.iter().filter_map(|item| fit.row(*item)) {
                        wide::add(&mut sum.values, row);
                        sum.n_rows += 1;
                    }
                },
            );
            fit.spread(sum, ask.n_items, &mut memo.scores);
        } else {
            let (sum, seen): &mut (Sum, Mask) = kept(&mut memo.kept);
            self.weigh(visits, sum, seen);
            fit.spread(sum, ask.n_items, &mut memo.scores);
        }
        topk::best(&memo.scores, ask.excluded, keep, out);
    }

    fn score(&self, _: &Ask<'_>, items: &[u32], memo: &mut Memo, out: &mut [f32]) {
        for (o, item) in out.iter_mut().zip(items) {
            *o = memo.scores.get(*item as usize).copied().unwrap_or(f32::NAN);
        }
    }

    fn fold(&mut self, _: &Happened<'_>) {}

    fn replica(&self) -> Box<dyn Source> {
        Box::new(Self { fit: self.fit.clone(), last: self.last, decay: self.decay })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Draws, asked, bits, part, ranked, system, text, visits, with_fit};
    use tamis_spec::param::ParamValue;

    const N_ITEMS: usize = 60;

    /// Random likes of few clusters; items 7 and 50 up have none.
    fn likes() -> Vec<(u32, u32)> {
        let mut draws = Draws(5);
        let mut like = || {
            let user = draws.below(80);
            (user, (user % 3) * 15 + draws.below(20))
        };
        (0..1200).map(|_| like()).filter(|(_, item)| *item != 7).collect()
    }

    fn fitted(n_threads: usize) -> Vec<u8> {
        let part = part("ease", vec![("event", text("liked")), ("l2", ParamValue::Number(5.0))]);
        with_fit(&likes(), 80, N_ITEMS, n_threads, |ask| KIND.it.fit(&part, ask)).unwrap()
    }

    fn opened(params: Vec<(&'static str, ParamValue)>) -> Box<dyn Source> {
        let opened = Opened { system: &system(), learned: &[] };
        KIND.it.open(&part("ease", params), &Arc::new(fitted(2)), &opened).unwrap()
    }

    /// B by Gauss-Jordan elimination in f64 over all items, those without events included.
    fn naive_b() -> Vec<Vec<f64>> {
        let n = N_ITEMS;
        let mut met = vec![vec![0.0f64; n]; 80];
        likes().iter().for_each(|(u, i)| met[*u as usize][*i as usize] = 1.0);
        let mut a = vec![vec![0.0f64; 2 * n]; n];
        for (i, row) in a.iter_mut().enumerate() {
            for (j, value) in row[..n].iter_mut().enumerate() {
                *value = met.iter().map(|u| u[i] * u[j]).sum::<f64>() + if i == j { 5.0 } else { 0.0 };
            }
            row[n + i] = 1.0;
        }
        for k in 0..n {
            let pivot = a[k][k];
            a[k].iter_mut().for_each(|v| *v /= pivot);
            let lead = a[k].clone();
            for (i, row) in a.iter_mut().enumerate().filter(|(i, _)| *i != k) {
                let (factor, _) = (row[k], i);
                row.iter_mut().zip(&lead).for_each(|(v, l)| *v -= factor * l);
            }
        }
        let p = |i: usize, j: usize| a[i][n + j];
        (0..n).map(|i| (0..n).map(|j| if i == j { 0.0 } else { -p(i, j) / p(j, j) }).collect()).collect()
    }

    #[test]
    fn scores_are_those_of_the_closed_form() {
        let b = naive_b();
        let check = |params: Vec<(&'static str, ParamValue)>, history: &[u32], weights: &[(u32, f64)]| {
            let (list, scores) =
                asked(&*opened(params), 3, Answer::History(&visits(history)), N_ITEMS, 12, &mut Memo::default());
            for item in 0..N_ITEMS {
                let expected = weights.iter().map(|(i, w)| w * b[*i as usize][item]).sum::<f64>();
                match item {
                    7 | 50.. => assert!(scores[item].is_nan(), "nobody met {item}"),
                    _ => assert!(
                        (f64::from(scores[item]) - expected).abs() < 1e-5,
                        "{item}: {} {expected}",
                        scores[item]
                    ),
                }
            }
            assert_eq!(list, ranked(&scores, 12));
        };
        let decay = || ("decay", ParamValue::Number(0.5));
        let last = || ("last", ParamValue::Number(2.0));
        check(vec![], &[3, 16, 3, 40], &[(3, 1.0), (16, 1.0), (40, 1.0)]);
        check(vec![last()], &[3, 16, 40], &[(16, 1.0), (40, 1.0)]);
        check(vec![decay()], &[3, 16, 40], &[(3, 0.25), (16, 0.5), (40, 1.0)]);
        check(vec![decay(), last()], &[9, 16, 9], &[(9, 1.0), (16, 0.5)]);
    }

    #[test]
    fn a_history_of_nothing_known_says_nothing() {
        for history in [vec![], vec![7], vec![55, 1000]] {
            for params in [vec![], vec![("last", ParamValue::Number(9.0))]] {
                let answer = visits(&history);
                let (list, scores) =
                    asked(&*opened(params), 3, Answer::History(&answer), N_ITEMS, 5, &mut Memo::default());
                assert!(list.is_empty() && scores.iter().all(|s| s.is_nan()));
            }
        }
    }

    #[test]
    fn what_a_memo_remembers_changes_no_bit() {
        let (source, mut memo, mut draws) = (opened(vec![]), Memo::default(), Draws(2));
        let mut histories = vec![Vec::new(); 5];
        for _ in 0..300 {
            let user = draws.below(5);
            let history = &mut histories[user as usize];
            if draws.below(3) > 0 {
                history.push(draws.below(52));
            }
            if draws.below(40) == 0 {
                history.clear();
            }
            let answer = visits(history);
            let warm = asked(&*source, user, Answer::History(&answer), N_ITEMS, 9, &mut memo);
            let cold = asked(&*source.replica(), user, Answer::History(&answer), N_ITEMS, 9, &mut Memo::default());
            assert_eq!((warm.0, bits(&warm.1)), (cold.0, bits(&cold.1)));
        }
    }

    #[test]
    fn the_bytes_do_not_depend_on_threads_and_damage_is_refused() {
        let bytes = fitted(1);
        assert!(bytes == fitted(3));
        let open = |bytes: Vec<u8>| {
            KIND.it
                .open(&part("ease", vec![]), &Arc::new(bytes), &Opened { system: &system(), learned: &[] })
                .map(|_| ())
        };
        assert!(open(bytes.clone()).is_ok());
        assert!(matches!(open(bytes[..bytes.len() - 4].to_vec()), Err(Error::Damaged { .. })));
        assert!(matches!(open(crate::stored::begin(LETTERS, &[1, 2], 0)), Err(Error::Damaged { .. })));
        assert!(matches!(open(Vec::new()), Err(Error::Damaged { .. })));
    }

    #[test]
    fn nobody_and_nothing_can_be_fitted_but_not_too_many_items() {
        let part = part("ease", vec![("event", text("liked"))]);
        let fit = |pairs: &[(u32, u32)], n_items| with_fit(pairs, 1, n_items, 1, |ask| KIND.it.fit(&part, ask));
        assert!(fit(&[], 0).is_ok() && fit(&[], 9).is_ok());
        let many: Vec<_> = (0..=MAX_ITEMS as u32).map(|item| (0, item)).collect();
        assert!(matches!(fit(&many, many.len()), Err(Error::Fit { .. })));
    }

    #[test]
    fn parts_that_differ_in_how_they_ask_share_one_fit() {
        let plan = |params| KIND.it.plan(&part("ease", params), &system()).unwrap();
        let plain = plan(vec![("event", text("liked"))]);
        let recent = plan(vec![
            ("event", text("liked")),
            ("history", text("rating")),
            ("last", ParamValue::Number(10.0)),
            ("l2", ParamValue::Number(500.0)),
        ]);
        assert_eq!(plain.fit_key, recent.fit_key);
        assert_eq!((plain.needs, recent.needs), (vec![Need::History { event: 1 }], vec![Need::History { event: 0 }]));
        assert_ne!(plain.fit_key, plan(vec![("event", text("rating"))]).fit_key);
        assert_ne!(plain.fit_key, plan(vec![("event", text("liked")), ("l2", ParamValue::Number(5.0))]).fit_key);
    }
}
