//! Examples: decisions replayed through the funnel as it is being fitted, and the rows its next stage would have scored.

use crate::data::Data;
use crate::decisions::{Decision, Decisions};
use crate::progress::Progress;
use tamis_funnel::decide::{Decided, Scene, retrieve, score, stage_rows};
use tamis_funnel::{Desk, Fitted, Past, Plan, Replay, Request};
use tamis_spec::decision::by_key;
use tamis_spec::mix::{GOLDEN, mix};

/// Labelled rows of one stage, those of one decision one after the other.
#[derive(Default)]
pub struct Rows {
    /// [n, d] row-major.
    pub values: Vec<f32>,
    /// [n]: 1 for the positive, else 0.
    pub labels: Vec<f32>,
    /// [n]: how many candidates each row stands for.
    pub weights: Vec<f32>,
    /// Rows in each decision.
    pub groups: Vec<u32>,
    /// Decisions whose positive had been lost before this stage: they teach it nothing.
    pub n_lost: usize,
}

/// What is collected.
pub struct Collect<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The log.
    pub data: &'a Data,
    /// Items and grades of decisions.
    pub decisions: &'a Decisions,
    /// Sources as frozen for these windows, and the stages before this one.
    pub fitted: &'a Fitted,
    /// The stage whose rows are wanted.
    pub stage: usize,
    /// At most so many candidates beside the positive of a decision of the first set; the others keep all.
    pub negatives: usize,
    /// Threads that replay, each the whole log and its share of the users.
    pub n_threads: usize,
}

/// Collects the rows of two sets of decisions (to learn from, to stop on) in one replay. Both are in the order of the log. The rows
/// do not depend on the number of threads.
pub fn collect(of: &Collect<'_>, train: &[Decision], validate: &[Decision], progress: &dyn Progress) -> (Rows, Rows) {
    let mut marked: Vec<(usize, bool, Decision)> = train.iter().enumerate().map(|(i, d)| (i, true, *d)).collect();
    marked.extend(validate.iter().enumerate().map(|(i, d)| (i, false, *d)));
    marked.sort_by_key(|(i, is_train, d)| (d.now, !*is_train, *i));
    let shards = std::thread::scope(|scope| {
        let shard = |t: usize| {
            let mine: Vec<_> = marked.iter().filter(|m| m.2.user as usize % of.n_threads == t).copied().collect();
            move || replay(of, &mine, progress)
        };
        let running: Vec<_> = (0..of.n_threads).map(|t| scope.spawn(shard(t))).collect();
        running.into_iter().map(|r| r.join().expect("a replay does not panic")).collect::<Vec<_>>()
    });
    let mut all: Vec<One> = shards.into_iter().flatten().collect();
    all.sort_by_key(|one| (!one.is_train, one.index));
    let (mut a, mut b) = (Rows::default(), Rows::default());
    for one in all {
        let to = if one.is_train { &mut a } else { &mut b };
        if one.labels.is_empty() {
            to.n_lost += 1;
            continue;
        }
        to.groups.push(one.labels.len() as u32);
        to.values.extend_from_slice(&one.values);
        to.labels.extend_from_slice(&one.labels);
        to.weights.extend_from_slice(&one.weights);
    }
    (a, b)
}

/// The rows of one decision; none when its positive was lost.
struct One {
    index: usize,
    is_train: bool,
    values: Vec<f32>,
    labels: Vec<f32>,
    weights: Vec<f32>,
}

fn replay(of: &Collect<'_>, decisions: &[(usize, bool, Decision)], progress: &dyn Progress) -> Vec<One> {
    let mut past = Past::new(of.plan, of.fitted);
    let mut replay = Replay::new(of.plan, &of.data.actors, &of.data.events);
    let mut desk = Desk::default();
    let mut out = Vec::with_capacity(decisions.len());
    for (index, is_train, decision) in decisions {
        replay.until(decision.now, &mut past);
        let negatives = if *is_train { of.negatives } else { usize::MAX };
        let (index, is_train) = (*index, *is_train);
        out.push(match rows_of(of, &past, decision, (negatives, is_train), &mut desk) {
            Some(rows) => {
                let (values, Labelled { labels, weights }) = ordered(of, &desk, rows);
                One { index, is_train, values, labels, weights }
            }
            None => One { index, is_train, values: Vec::new(), labels: Vec::new(), weights: Vec::new() },
        });
        progress.advance(1);
    }
    out
}

/// Rows with their labels and weights. Those of a list stand in the order of keys: whoever learns may look at the order of equal rows,
/// and a file may list the right ones first.
fn ordered(of: &Collect<'_>, desk: &Desk, rows: Labelled) -> (Vec<f32>, Labelled) {
    let (matrix, items) = (&desk.rows[of.stage], &desk.row_items[of.stage]);
    if !of.decisions.lists {
        return (matrix.values.clone(), rows);
    }
    let keys = &of.data.actors.tables[of.plan.system.decision.item].keys;
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by(|a, b| by_key(keys.name(items[*a]), keys.name(items[*b])));
    let values = order.iter().flat_map(|row| matrix.row(*row)).copied().collect();
    let pick = |values: &[f32]| order.iter().map(|row| values[*row]).collect();
    (values, Labelled { labels: pick(&rows.labels), weights: pick(&rows.weights) })
}

/// The labels and weights of the rows that a decision gives a stage, which stand in the desk; none when what was right is lost.
pub(crate) struct Labelled {
    pub(crate) labels: Vec<f32>,
    pub(crate) weights: Vec<f32>,
}
/// Makes the rows of one decision in `desk.rows` and `desk.row_items` of the stage; all that are right, at most `negatives` others.
pub(crate) fn rows_of(
    of: &Collect<'_>,
    past: &Past,
    decision: &Decision,
    (negatives, is_train): (usize, bool),
    desk: &mut Desk,
) -> Option<Labelled> {
    let scene = Scene { plan: of.plan, fitted: of.fitted, actors: &of.data.actors, past, clock: &|| 0 };
    // Only what is learned from stood somewhere: where it is judged, as in serving, nothing stands anywhere yet.
    let positions = (is_train && of.decisions.lists).then(|| of.decisions.positions(decision));
    let request = Request { positions, ..of.decisions.request(of.plan, of.data, decision) };
    let mut decided = Decided::default();
    retrieve(&scene, &request, desk, 0, &mut decided);
    desk.restart();
    for stage in 0..of.stage {
        score(&scene, &request, desk, (stage, 0), &mut decided);
    }
    let listed = of.decisions.items(decision).iter().zip(of.decisions.grades(decision));
    let mut right: Vec<(u32, f32)> = listed.filter(|(_, g)| **g > 0.0).map(|(item, grade)| (*item, *grade)).collect();
    right.sort_unstable_by_key(|(item, _)| *item);
    let grade = |item: u32| right.binary_search_by_key(&item, |(i, _)| *i).map_or(0.0, |at| right[at].1);
    let n_right = desk.items().iter().filter(|i| grade(**i) > 0.0).count();
    if n_right == 0 && !of.decisions.lists {
        return None;
    }
    let n_negatives = desk.items().len() - n_right;
    let mut weight = 1.0;
    if n_negatives > negatives {
        let seed = of.plan.system.seed ^ mix(decision.now as u64 ^ u64::from(decision.user) << 32);
        let drawn = draw(desk.items().iter().copied().filter(|i| grade(*i) == 0.0), negatives, seed);
        weight = n_negatives as f32 / negatives as f32;
        desk.narrow(|item| grade(item) > 0.0 || drawn.binary_search(&item).is_ok());
    }
    stage_rows(&scene, &request, desk, of.stage);
    let labels: Vec<f32> = desk.items().iter().map(|i| grade(*i)).collect();
    let weights = labels.iter().map(|l| if *l > 0.0 { 1.0 } else { weight }).collect();
    Some(Labelled { labels, weights })
}

/// `n` of the items, ascending: those with the smallest hashes, so that the draw depends on the seed alone.
fn draw(items: impl Iterator<Item = u32>, n: usize, seed: u64) -> Vec<u32> {
    let mut hashed: Vec<(u64, u32)> = items.map(|i| (mix(seed ^ u64::from(i).wrapping_mul(GOLDEN)), i)).collect();
    if n > 0 && n < hashed.len() {
        hashed.select_nth_unstable(n - 1);
    }
    let mut drawn: Vec<u32> = hashed[..n.min(hashed.len())].iter().map(|(_, i)| *i).collect();
    drawn.sort_unstable();
    drawn
}

/// At most `n` decisions, drawn evenly; in their order.
pub fn sample(decisions: &[Decision], n: usize, seed: u64) -> Vec<Decision> {
    let mut hashed: Vec<(u64, usize)> =
        (0..decisions.len()).map(|i| (mix(seed ^ (i as u64).wrapping_mul(GOLDEN)), i)).collect();
    if n < hashed.len() {
        hashed.select_nth_unstable(n);
        hashed.truncate(n);
    }
    let mut places: Vec<usize> = hashed.into_iter().map(|(_, i)| i).collect();
    places.sort_unstable();
    places.into_iter().map(|i| decisions[i]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_leaves_the_positive_out_and_depends_on_the_seed_alone() {
        let items: Vec<u32> = (0..100).collect();
        let draw = |seed| super::draw(items.iter().copied().filter(|i| *i != 7), 20, seed);
        let drawn = draw(1);
        assert_eq!(drawn.len(), 20);
        assert!(!drawn.contains(&7) && drawn.is_sorted());
        assert_eq!(drawn, draw(1));
        assert_ne!(drawn, draw(2));
    }

    #[test]
    fn a_sample_keeps_the_order_and_is_whole_when_there_are_few() {
        let all: Vec<Decision> = (0..50).map(|i| Decision { now: i, user: 0, row: 0, start: 0, len: 0 }).collect();
        assert_eq!(sample(&all, 80, 0), all);
        let some = sample(&all, 10, 0);
        assert_eq!(some.len(), 10);
        assert!(some.windows(2).all(|w| w[0].now < w[1].now));
    }
}
