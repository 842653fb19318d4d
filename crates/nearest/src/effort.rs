//! `Effort`: how much of an index a search looks at, and the least that reaches a recall on queries whose nearest are known.

use crate::best::{Best, key, number};
use crate::build::Options;
use crate::index::Index;
use crate::kmeans;
use crate::search::{Ask, Memo};
use crate::vector::likeness;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use tamis_spec::mask::Mask;

/// How much a search looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    /// Lists that are scanned.
    pub lists: usize,
    /// Vectors that are compared as they are.
    pub rerank: usize,
}

impl Effort {
    /// Everything: the results are those of [`Flat`](crate::Flat).
    pub const FULL: Self = Self { lists: usize::MAX, rerank: usize::MAX };

    /// For more nearest than it was measured for.
    pub(crate) fn scaled(self, k: usize, measured: usize) -> Self {
        if k <= measured {
            return self;
        }
        let times = k as f64 / measured as f64;
        let most = |x: usize, times: f64| (x as f64 * times).ceil() as usize;
        Self { lists: most(self.lists, times.sqrt()), rerank: most(self.rerank, times) }
    }
}

/// What is added to the recall asked for, lest that of other queries falls short.
const MARGIN: f32 = 0.005;
/// Rerankings that are tried, as tenths of k.
const RERANKS: [usize; 15] = [10, 15, 20, 30, 40, 60, 80, 120, 160, 240, 480, 960, 1_920, 3_840, 7_680];
/// Lists that are tried, as tenths of the fewest that hold enough of the nearest.
const MORE_LISTS: [usize; 6] = [10, 12, 15, 20, 30, 50];

/// Queries that look together at so many rows at a time.
const QUERIES: usize = 32;
const ROWS: usize = 256;
/// Spreads that are tried.
const REACHES: [f32; 8] = [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0];

/// A query, who it is, and who is truly nearest.
struct Known {
    query: Vec<f32>,
    own: Option<u32>,
    nearest: Vec<u32>,
}

/// The index with the least effort that reaches the recall. `rows`: all vectors, [n, d], ids ascending; `queries`: prepared.
pub(crate) fn reaching(mut index: Index, rows: &[f32], queries: &[f32], options: &Options) -> Index {
    let known = known(&index, rows, queries, options);
    let goal = (options.recall + MARGIN).min(1.0);
    let fewest = |index: &mut Index, reach: f32| {
        index.image.amend(|h| h.reach = reach);
        fewest_lists(index, &known, goal)
    };
    let reach = REACHES.into_iter().min_by_key(|reach| fewest(&mut index, *reach)).unwrap_or(0.0);
    index.image.amend(|h| h.reach = reach);
    let (effort, recall) = least(&index, &known, options.k, goal);
    index.image.amend(|h| {
        h.effort_lists = effort.lists.min(h.lists as usize) as u32;
        h.effort_rerank = effort.rerank.min(u32::MAX as usize) as u32;
        h.recall = recall;
    });
    index
}

fn known(index: &Index, rows: &[f32], queries: &[f32], options: &Options) -> Vec<Known> {
    let d = index.dimensions();
    let mut ids = index.view().ids.to_vec();
    ids.sort_unstable();
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed ^ 0xEFF0);
    let own = queries.is_empty();
    let from = if own { rows } else { queries };
    let chosen = kmeans::chosen(from.len() / d, options.sample, &mut rng);
    let find = |chosen: &[u32]| {
        let mut known: Vec<Known> = chosen
            .iter()
            .map(|i| Known {
                query: from[*i as usize * d..][..d].to_vec(),
                own: own.then(|| ids[*i as usize]),
                nearest: Vec::new(),
            })
            .collect();
        let (mut best, mut scores) = (vec![Best::default(); known.len()], [0.0; ROWS]);
        best.iter_mut().for_each(|b| b.start(options.k));
        for (rows, ids) in rows.chunks(ROWS * d).zip(ids.chunks(ROWS)) {
            for (known, best) in known.iter().zip(&mut best) {
                likeness(index.similarity(), rows, &known.query, &mut scores);
                for (score, id) in scores.iter().zip(ids) {
                    if *score >= best.floor() && Some(*id) != known.own {
                        best.push(key(*id, *score));
                    }
                }
            }
        }
        for (known, best) in known.iter_mut().zip(&mut best) {
            known.nearest = best.unordered().iter().map(|k| number(*k)).collect();
        }
        known
    };
    chosen.par_chunks(QUERIES).map(find).flatten_iter().collect()
}

/// The cheapest effort that reaches the goal, and what it reaches; else the greatest.
fn least(index: &Index, known: &[Known], k: usize, goal: f32) -> (Effort, f32) {
    let n_lists = index.view().header.lists as usize;
    let fewest = fewest_lists(index, known, goal);
    let mut best: Option<(f64, Effort, f32)> = None;
    for more in MORE_LISTS {
        let lists = (fewest * more).div_ceil(10).min(n_lists);
        for tenths in RERANKS {
            let effort = Effort { lists, rerank: (k * tenths).div_ceil(10) };
            let cost = cost(index, effort);
            if best.is_some_and(|b| b.0 <= cost) {
                break;
            }
            let recall = recall(index, known, effort, k);
            if recall >= goal {
                best = Some((cost, effort, recall));
                break;
            }
        }
    }
    match best {
        Some((_, effort, recall)) => (effort, recall),
        None => {
            let effort = Effort { lists: n_lists, rerank: k * 1_000 };
            (effort, recall(index, known, effort, k))
        }
    }
}

/// About how long a search takes, in nanoseconds of one processor; only to compare efforts.
fn cost(index: &Index, effort: Effort) -> f64 {
    let h = index.view().header;
    let (d, per_list) = (f64::from(h.dimensions), f64::from(h.n) / f64::from(h.lists));
    effort.lists as f64 * (40.0 + per_list * d * 0.02) + effort.rerank as f64 * (50.0 + d)
}

/// So many lists must be looked at for them to hold enough of the nearest.
fn fewest_lists(index: &Index, known: &[Known], goal: f32) -> usize {
    let n_lists = index.view().header.lists as usize;
    let places = |memo: &mut Memo, known: &Known| {
        let mut place = vec![0u32; n_lists];
        for (at, list) in index.order_of_lists(&known.query, memo).iter().enumerate() {
            place[*list as usize] = at as u32;
        }
        let view = index.view();
        known.nearest.iter().map(|id| place[view.list_of(view.slots[*id as usize])]).collect::<Vec<_>>()
    };
    let mut all: Vec<u32> = known.par_iter().map_init(Memo::default, places).flatten_iter().collect();
    if all.is_empty() {
        return 1;
    }
    all.sort_unstable();
    let at = ((all.len() as f64 * f64::from(goal)).ceil() as usize).clamp(1, all.len());
    all[at - 1] as usize + 1
}

fn recall(index: &Index, known: &[Known], effort: Effort, k: usize) -> f32 {
    let found = |memo: &mut Memo, known: &Known| {
        let mut mask = Mask::default();
        known.own.iter().for_each(|id| {
            mask.insert(*id);
        });
        let ask = Ask { k, effort: Some(effort), excluded: Some(&mask), filter: None };
        let mut out = Vec::new();
        index.search(&known.query, &ask, memo, &mut out).expect("the query was prepared");
        known.nearest.iter().filter(|id| out.iter().any(|s| s.item == **id)).count()
    };
    let found: usize = known.par_iter().map_init(Memo::default, found).sum();
    let all: usize = known.iter().map(|k| k.nearest.len()).sum();
    if all == 0 { 1.0 } else { found as f32 / all as f32 }
}
