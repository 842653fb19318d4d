//! `als`: vectors of users and items whose inner product is large where the user met the item.
//!
//! Hu, Koren and Volinsky, "Collaborative filtering for implicit feedback datasets", 2008, by exact alternating least squares.
//! A pair that occurred has confidence alpha and preference 1, all others confidence 1 and preference 0, as the Python library
//! `implicit` has it (its confidence is alpha times the value, not 1 plus that): a user's vector solves
//! (Y'Y + (alpha - 1) Σ y y' + regularisation I) x = alpha Σ y over the vectors y of the user's items.

use crate::event;
use crate::incidence::Incidence;
use crate::learned::{Learned, LearnedKind};
use crate::normal::{Normal, padded};
use crate::running::{Running, kept};
use crate::source::{Bytes, Error, FitAsk, Memo, SourcePlan};
use crate::stored::{self, Stored};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use std::sync::Arc;
use tamis_spec::decision::{Answer, Need};
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::kind::Kind;
use tamis_spec::param::{Param, ParamType};
use tamis_spec::system::{Part, System};
use tamis_spec::vectors::Vectors;

/// A memo keeps the equations of so many users at most, and of fewer where they would take more than `MEMO_BYTES`.
const MEMO_USERS: usize = 4096;
const MEMO_BYTES: usize = 64 << 20;
/// Vectors whose outer products are added up by one thread at a time.
const GRAM_ROWS: usize = 2048;
const LETTERS: &[u8; 8] = b"als   01";

/// The entry of the registry.
pub const KIND: Kind<dyn LearnedKind> = Kind {
    name: "als",
    about: "Learns vectors of users and items from who met what, by alternating least squares on implicit feedback.",
    example: "[learned.taste]\nkind = \"als\"\nevent = \"liked\"\ndimensions = 64\n",
    params: &[
        Param {
            name: "event",
            ty: ParamType::Event,
            required: true,
            about: "The event that says who met what; it joins a user and an item.",
        },
        Param {
            name: "dimensions",
            ty: ParamType::Integer(1, 512),
            required: false,
            about: "Length of the vectors; by default 64.",
        },
        Param {
            name: "regularisation",
            ty: ParamType::Number(1e-3, 1e6),
            required: false,
            about: "How strongly vectors are held small; by default 10.",
        },
        Param {
            name: "alpha",
            ty: ParamType::Number(1e-3, 1e6),
            required: false,
            about: "Confidence in what occurred, against 1 in what did not; by default 10.",
        },
        Param {
            name: "iterations",
            ty: ParamType::Integer(1, 1000),
            required: false,
            about: "How often users and items are solved for in turn; by default 15.",
        },
    ],
    it: &AlsKind,
};

struct AlsKind;

#[derive(Clone, Copy, Debug)]
struct Settings {
    dimensions: usize,
    regularisation: f32,
    alpha: f32,
    iterations: usize,
}

impl Settings {
    fn of(part: &Part) -> Self {
        let params = &part.params;
        Self {
            dimensions: params.count("dimensions").unwrap_or(64),
            regularisation: params.number("regularisation").unwrap_or(10.0) as f32,
            alpha: params.number("alpha").unwrap_or(10.0) as f32,
            iterations: params.count("iterations").unwrap_or(15),
        }
    }

    /// What an occurrence adds to A and to b.
    fn weights(&self) -> (f32, f32) {
        (self.alpha - 1.0, self.alpha)
    }
}

impl LearnedKind for AlsKind {
    fn plan(&self, part: &Part, system: &System) -> Result<SourcePlan, Diagnostic> {
        let event = event::of_list(part, "event", system)?;
        let s = Settings::of(part);
        let key = format!(
            "event={event} dimensions={} regularisation={} alpha={} iterations={}",
            s.dimensions, s.regularisation, s.alpha, s.iterations
        );
        Ok(SourcePlan {
            needs: vec![Need::History { event }],
            folds: None,
            fit_key: Some(key),
            of_texts: false,
            bytes: Bytes { constant: MEMO_BYTES as f64, per_item: 8.0 * s.dimensions as f64, ..Bytes::default() },
        })
    }

    fn dimensions(&self, part: &Part) -> usize {
        Settings::of(part).dimensions
    }

    fn fit(&self, part: &Part, ask: &FitAsk<'_>) -> Result<Vec<u8>, Error> {
        let refused = |reason: String| Error::Fit { part: part.name.value.clone(), reason };
        let event = event::of_list(part, "event", ask.system).map_err(|d| refused(d.to_string()))?;
        let by_user = Incidence::of(&(ask.pairs)(event), ask.n_users, ask.n_items);
        let by_item = by_user.transposed(ask.n_items);
        let settings = Settings::of(part);
        let d = settings.dimensions;
        let mut random = ChaCha8Rng::seed_from_u64(ask.seed);
        let mut items: Vec<f32> = (0..ask.n_items * d).map(|_| random.random::<f32>() * 0.01).collect();
        let mut users = vec![0.0; ask.n_users * d];
        let threads = rayon::ThreadPoolBuilder::new().num_threads(ask.n_threads.max(1)).build();
        let threads = threads.map_err(|e| refused(format!("no threads could be started: {e}")))?;
        let gram = threads.install(|| {
            for _ in 0..settings.iterations {
                solve_all(&settings, &by_user, &items, &mut users);
                solve_all(&settings, &by_item, &users, &mut items);
            }
            start(&settings, &items)
        });
        let mut bytes = stored::begin(LETTERS, &[ask.n_items as u32, d as u32], items.len() + gram.len());
        stored::append(&mut bytes, &items);
        stored::append(&mut bytes, &gram);
        Ok(bytes)
    }

    fn open(&self, part: &Part, fitted: &Arc<Vec<u8>>) -> Result<Arc<dyn Learned>, Error> {
        let stored = Stored::read(LETTERS, &part.name.value, fitted)?;
        let settings = Settings::of(part);
        let (d, width) = (settings.dimensions, padded(settings.dimensions));
        let n_items = stored.ids.first().map_or(0, |n| *n as usize);
        if stored.ids.get(1) != Some(&(d as u32)) || stored.values().len() != n_items * d + width * width {
            let reason = format!("it was not fitted with {d} dimensions; train again");
            return Err(Error::Damaged { part: part.name.value.clone(), reason });
        }
        let (items, gram) = stored.values().split_at(n_items * d);
        let items = Vectors { values: items.to_vec(), dimensions: d };
        Ok(Arc::new(Als { fit: Arc::new(Fit { settings, items, start: gram.to_vec() }) }))
    }
}

/// Y'Y + regularisation I, padded: where every solve starts. Blocks are added in order, however many threads there are.
fn start(settings: &Settings, vectors: &[f32]) -> Vec<f32> {
    let (d, width) = (settings.dimensions, padded(settings.dimensions));
    let blocks: Vec<Vec<f32>> = vectors
        .par_chunks(GRAM_ROWS * d)
        .map_init(Vec::new, |rows, block| {
            let mut normal = Normal::default();
            normal.reset(&vec![0.0; width * width]);
            let which: Vec<u32> = (0..(block.len() / d) as u32).collect();
            normal.add(block, d, &which, (1.0, 0.0), rows);
            normal.a
        })
        .collect();
    let mut gram = vec![0.0f64; width * width];
    for block in &blocks {
        gram.iter_mut().zip(block).for_each(|(g, b)| *g += f64::from(*b));
    }
    (0..d).for_each(|k| gram[k * width + k] += f64::from(settings.regularisation));
    gram.into_iter().map(|g| g as f32).collect()
}

/// Solves for all rows of one side, given the vectors of the other; a row without occurrences gets zeros.
fn solve_all(settings: &Settings, met: &Incidence, given: &[f32], out: &mut [f32]) {
    let start = start(settings, given);
    out.par_chunks_exact_mut(settings.dimensions).enumerate().for_each_init(
        || (Normal::default(), Vec::new()),
        |(normal, rows), (at, x)| {
            let which = met.row(at);
            if which.is_empty() {
                x.fill(0.0);
                return;
            }
            normal.reset(&start);
            normal.add(given, settings.dimensions, which, settings.weights(), rows);
            normal.solve(x);
        },
    );
}

/// What was fitted.
struct Fit {
    settings: Settings,
    items: Vectors,
    /// [d, d] padded: where every solve starts.
    start: Vec<f32>,
}

struct Als {
    fit: Arc<Fit>,
}

/// Between questions: each user's equations, and scratch to solve them in.
#[derive(Default)]
struct Asked {
    running: Running<Fit, Normal>,
    normal: Normal,
    rows: Vec<f32>,
    known: Vec<u32>,
}

impl Learned for Als {
    fn items(&self) -> &Vectors {
        &self.fit.items
    }

    fn user(&self, user: u32, answers: &[Answer<'_>], memo: &mut Memo, out: &mut [f32]) {
        let (fit, visits) = (&self.fit, answers.first().map_or(&[][..], Answer::visits));
        let Asked { running, normal, rows, known } = kept(&mut memo.kept);
        let n_items = fit.items.len() as u32;
        if !visits.iter().any(|v| v.item < n_items) {
            out.fill(0.0);
            return;
        }
        let max_users = MEMO_USERS.min(MEMO_BYTES / (4 * fit.start.len()));
        let equations = running.of(
            fit,
            max_users,
            (user, visits),
            |e| e.reset(&fit.start),
            |e, items| {
                known.clear();
                known.extend(items.iter().filter(|item| **item < n_items));
                e.add(&fit.items.values, fit.items.dimensions, known, fit.settings.weights(), rows);
            },
        );
        normal.clone_from(equations);
        normal.solve(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Draws, bits, part, system, text, visits, with_fit};
    use tamis_spec::param::ParamValue;

    const SIZES: (usize, usize) = (40, 30);

    fn likes() -> Vec<(u32, u32)> {
        let mut draws = Draws(4);
        let mut like = || {
            let user = draws.below(40);
            (user, (user % 2) * 14 + draws.below(15))
        };
        (0..500).map(|_| like()).collect()
    }

    fn of(d: f64) -> Part {
        let number = |name, value| (name, ParamValue::Number(value));
        let rest = [number("regularisation", 0.5), number("alpha", 4.0), number("iterations", 6.0)];
        part("als", [("event", text("liked")), number("dimensions", d)].into_iter().chain(rest).collect())
    }

    fn fitted(d: f64, n_threads: usize) -> Vec<u8> {
        with_fit(&likes(), SIZES.0, SIZES.1, n_threads, |ask| KIND.it.fit(&of(d), ask)).unwrap()
    }

    fn opened(d: f64) -> Arc<dyn Learned> {
        KIND.it.open(&of(d), &Arc::new(fitted(d, 2))).unwrap()
    }

    /// Solves the normal equations of a row by elimination in f64.
    fn naive_row(given: &[Vec<f64>], met: &[usize]) -> Vec<f64> {
        let d = given[0].len();
        let mut a = vec![vec![0.0; d + 1]; d];
        for (j, y) in given.iter().enumerate() {
            let (confidence, preference) = if met.contains(&j) { (4.0, 1.0) } else { (1.0, 0.0) };
            for r in 0..d {
                for c in 0..d {
                    a[r][c] += confidence * y[r] * y[c];
                }
                a[r][d] += confidence * preference * y[r];
            }
        }
        a.iter_mut().enumerate().for_each(|(k, row)| row[k] += 0.5);
        for k in 0..d {
            let (pivot, lead) = (a[k][k], a[k].clone());
            for (_, row) in a.iter_mut().enumerate().filter(|(i, _)| *i != k) {
                let factor = row[k] / pivot;
                row.iter_mut().zip(&lead).for_each(|(v, l)| *v -= factor * l);
            }
        }
        (0..d).map(|k| a[k][d] / a[k][k]).collect()
    }

    /// The vectors of items, by the definition.
    fn naive(d: usize) -> Vec<Vec<f64>> {
        let mut random = ChaCha8Rng::seed_from_u64(7);
        let mut items: Vec<Vec<f64>> =
            (0..SIZES.1).map(|_| (0..d).map(|_| f64::from(random.random::<f32>() * 0.01)).collect()).collect();
        let (mut by_user, mut by_item) = (vec![Vec::new(); SIZES.0], vec![Vec::new(); SIZES.1]);
        for (user, item) in likes() {
            by_user[user as usize].push(item as usize);
            by_item[item as usize].push(user as usize);
        }
        let solve = |given: &[Vec<f64>], met: &[Vec<usize>]| -> Vec<Vec<f64>> {
            let row = |m: &Vec<usize>| if m.is_empty() { vec![0.0; d] } else { naive_row(given, m) };
            met.iter().map(row).collect()
        };
        for _ in 0..6 {
            let users = solve(&items, &by_user);
            items = solve(&users, &by_item);
        }
        items
    }

    #[test]
    fn vectors_are_those_of_alternating_least_squares_by_its_definition() {
        let (als, items) = (opened(5.0), naive(5));
        for (item, expected) in items.iter().enumerate() {
            let found = als.items().get(item as u32).unwrap();
            let near = found.iter().zip(expected).all(|(f, e)| (f64::from(*f) - e).abs() < 1e-3);
            assert!(near, "item {item}: {found:?} {expected:?}");
        }
        let check = |history: &[u32], met: &[usize]| {
            let mut user = vec![9.0; 5];
            als.user(1, &[Answer::History(&visits(history))], &mut Memo::default(), &mut user);
            let expected = if met.is_empty() { vec![0.0; 5] } else { naive_row(&items, met) };
            let near = user.iter().zip(&expected).all(|(f, e)| (f64::from(*f) - e).abs() < 1e-3);
            assert!(near, "{history:?}: {user:?} {expected:?}");
        };
        check(&[3, 20, 3, 7], &[3, 20, 7]);
        check(&[3, 20, 99], &[3, 20]);
        check(&[], &[]);
        check(&[99], &[]);
        assert!(als.items().get(30).is_none());
    }

    #[test]
    fn bytes_depend_on_the_seed_and_not_on_threads() {
        let bytes = fitted(20.0, 1);
        assert!(bytes == fitted(20.0, 3));
        let other =
            with_fit(&likes(), SIZES.0, SIZES.1, 1, |ask| KIND.it.fit(&of(20.0), &FitAsk { seed: 8, ..*ask })).unwrap();
        assert!(bytes != other);
        assert!(matches!(KIND.it.open(&of(21.0), &Arc::new(bytes)), Err(Error::Damaged { .. })));
        assert!(matches!(KIND.it.open(&of(20.0), &Arc::default()), Err(Error::Damaged { .. })));
    }

    #[test]
    fn what_a_memo_remembers_changes_no_bit() {
        let (als, mut memo, mut draws) = (opened(20.0), Memo::default(), Draws(2));
        let mut histories = vec![Vec::new(); 4];
        for _ in 0..200 {
            let user = draws.below(4);
            histories[user as usize].push(draws.below(33));
            let answer = visits(&histories[user as usize]);
            let (mut warm, mut cold) = (vec![0.0; 20], vec![0.0; 20]);
            als.user(user, &[Answer::History(&answer)], &mut memo, &mut warm);
            als.user(user, &[Answer::History(&answer)], &mut Memo::default(), &mut cold);
            assert_eq!(bits(&warm), bits(&cold));
        }
    }

    #[test]
    fn it_needs_the_history_of_its_event() {
        let plan = KIND.it.plan(&of(20.0), &system()).unwrap();
        assert_eq!(plan.needs, [Need::History { event: 1 }]);
        assert!(plan.fit_key.is_some() && plan.folds.is_none());
        assert_eq!(KIND.it.dimensions(&of(20.0)), 20);
        assert!(KIND.it.plan(&part("als", vec![("event", text("visits"))]), &system()).is_err());
    }
}
