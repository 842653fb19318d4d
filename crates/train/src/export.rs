//! Training rows for other programs: what the first stage learns from, and the same of the test window, with names.

use crate::data::Data;
use crate::decisions::{self, Decision, Decisions};
use crate::error::Error;
use crate::examples::{Collect, rows_of, sample};
use crate::fit::fit_sources;
use crate::progress::Progress;
use crate::windows::{self, TEST, TRAIN, VALIDATE, Windows};
use tamis_features::plan::Column;
use tamis_funnel::{Desk, Fitted, Past, Plan, Replay};

/// Rows of some decisions, by column.
#[derive(Default)]
pub struct Exported {
    /// Number of the decision in the order of the log, the same for its rows.
    pub decision: Vec<i64>,
    /// Its moment, ms.
    pub time: Vec<i64>,
    /// Dense index of whom it is for.
    pub user: Vec<u32>,
    /// Dense index of the item.
    pub item: Vec<u32>,
    /// [`TRAIN`], [`VALIDATE`] or [`TEST`].
    pub window: Vec<usize>,
    /// 0, 1, a grade or an amount.
    pub label: Vec<f32>,
    /// How many candidates the row stands for.
    pub weight: Vec<f32>,
    /// [n, n_features] row-major; words as indices of the dictionary, NaN is missing.
    pub values: Vec<f32>,
}

impl Exported {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.label.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.label.is_empty()
    }
}

/// What is exported, beside the rows.
pub struct Head {
    /// Names of the features and whether they are words.
    pub features: Vec<(String, bool)>,
    /// Decisions in each of train, validate and test.
    pub n_decisions: [usize; 3],
}

/// Rows handed over at a time, about.
const ROWS_AT_A_TIME: usize = 65_536;

/// Hands over the rows of the train and validate windows as the first stage learns from them, and those of the test window, in the
/// order of the log within each. `all`: every candidate, without a draw of negatives.
pub fn export(
    plan: &Plan,
    data: &Data,
    all: bool,
    n_threads: usize,
    progress: &dyn Progress,
    each: &mut dyn FnMut(&Head, Exported) -> std::io::Result<()>,
) -> Result<Head, Error> {
    let decisions = decisions::decisions(plan, data);
    let windows = windows::cut(plan, data, &decisions)?;
    let (mut sets, head) = chosen(plan, &windows, &decisions);
    if head.n_decisions.iter().all(|n| *n == 0) {
        return Err(Error::TooLittle {
            what: "no window holds a decision".into(),
            help: "look at [split] and at [decision] where".into(),
        });
    }
    progress.step("examples", sets.iter().map(|s| s.1.len() as u64).sum());
    let test = sets.split_off(2);
    for (sets, bound) in [(sets, windows.bounds[TRAIN]), (test, windows.bounds[TEST])] {
        let mut marked: Vec<(usize, Decision)> =
            sets.into_iter().flat_map(|(w, ds)| ds.into_iter().map(move |d| (w, d))).collect();
        marked.sort_by_key(|(_, d)| (d.now, d.start));
        let fitted = Fitted::open(plan, &fit_sources(plan, data, bound, n_threads)?)?;
        let of = Collect { plan, data, decisions: &decisions, fitted: &fitted, stage: 0, negatives: 0, n_threads };
        let negatives = if all { usize::MAX } else { plan.system.train.negatives };
        walk(&of, &marked, negatives, progress, &mut |rows| each(&head, rows)).map_err(Error::Write)?;
    }
    Ok(head)
}

fn chosen(plan: &Plan, windows: &Windows, decisions: &Decisions) -> (Vec<(usize, Vec<Decision>)>, Head) {
    let (seed, spec) = (plan.system.seed, &plan.system.train);
    let train = sample(&windows.of(TRAIN, decisions), spec.decisions, seed);
    let validate = sample(&windows.of(VALIDATE, decisions), spec.validate_decisions, seed ^ 1);
    let test = windows.of(TEST, decisions);
    let first = plan.stages.first().map_or(&[][..], Vec::as_slice);
    let features = first.iter().map(|f| &plan.features.features[*f]);
    let features = features.map(|f| (f.name.clone(), matches!(f.value, Column::Words(_)))).collect();
    let n_decisions = [train.len(), validate.len(), test.len()];
    (vec![(TRAIN, train), (VALIDATE, validate), (TEST, test)], Head { features, n_decisions })
}

fn walk(
    of: &Collect<'_>,
    marked: &[(usize, Decision)],
    negatives: usize,
    progress: &dyn Progress,
    each: &mut dyn FnMut(Exported) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let mut past = Past::new(of.plan, of.fitted);
    let mut replay = Replay::new(of.plan, &of.data.actors, &of.data.events);
    let (mut desk, mut out) = (Desk::default(), Exported::default());
    for (window, decision) in marked {
        replay.until(decision.now, &mut past);
        if let Some(labelled) = rows_of(of, &past, decision, (negatives, *window == TRAIN), &mut desk) {
            let items = &desk.row_items[of.stage];
            let number = of.decisions.all.partition_point(|d| d.start < decision.start) as i64;
            let n = items.len();
            out.decision.extend(std::iter::repeat_n(number, n));
            out.time.extend(std::iter::repeat_n(decision.now, n));
            out.user.extend(std::iter::repeat_n(decision.user, n));
            out.window.extend(std::iter::repeat_n(*window, n));
            out.item.extend(items);
            out.label.extend(&labelled.labels);
            out.weight.extend(&labelled.weights);
            out.values.extend(&desk.rows[of.stage].values);
        }
        progress.advance(1);
        if out.len() >= ROWS_AT_A_TIME {
            each(std::mem::take(&mut out))?;
        }
    }
    if out.is_empty() { Ok(()) } else { each(out) }
}
