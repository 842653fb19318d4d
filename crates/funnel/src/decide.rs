//! One decision: exclude, ask the sources, merge, score by stages, re-rank. Whatever a part drops, and what it spends, is told.

use crate::fitted::Fitted;
use crate::past::Past;
use crate::plan::Plan;
use tamis_features::Came;
use tamis_features::plan::{Moment, Reader};
use tamis_rerank::rerank::{Change, RerankAsk};
use tamis_retrieve::source::Memo;
use tamis_spec::actors::Actors;
use tamis_spec::decision::{Answer, Ask, Candidates, Need, Scored, by_key};
use tamis_spec::events::EventRows;
use tamis_spec::mask::Mask;
use tamis_spec::matrix::Matrix;

/// What is asked for.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The moment, ms; the past must have been brought to it.
    pub now: i64,
    /// Dense index of the actor that the list is for; `MISSING` when unknown.
    pub user: u32,
    /// How many items are wanted.
    pub limit: usize,
    /// The items to order, instead of those that sources propose; dense indices.
    pub given: Option<&'a [u32]>,
    /// The row of each given item among those of `asked`, in their order: what came with it. Empty when nothing did.
    pub rows: &'a [u32],
    /// Keys of given items that the system does not know and that came with values of their own: the first has the index behind the last
    /// known item, and so on.
    pub newcomers: &'a [String],
    /// Where the given items stood when they were shown, in their order: while a model learns from it.
    pub positions: Option<&'a [f32]>,
    /// What was asked beside: rows of the decision's own event, and which of them.
    pub asked: Option<(&'a EventRows, usize)>,
    /// Nanoseconds after which no further source or stage is begun.
    pub budget_ns: u64,
}

/// What one part did in one decision.
#[derive(Clone, Debug, PartialEq)]
pub struct PartTrace {
    /// Candidates it was given; 0 for a source.
    pub n_in: u32,
    /// Candidates it let through.
    pub n_out: u32,
    /// What it spent.
    pub nanos: u64,
    /// It was not asked, because the budget was spent.
    pub skipped: bool,
}

/// A decision.
#[derive(Clone, Debug, Default)]
pub struct Decided {
    /// What to show, best first.
    pub shown: Vec<Scored>,
    /// Sources in the order of the file, then `merge`, stages and re-ranking.
    pub parts: Vec<PartTrace>,
    /// What each step of re-ranking did.
    pub changes: Vec<Vec<Change>>,
    /// After each stage, the survivors, best first, with the stage's scores; then those it dropped, best first.
    pub ladder: Vec<Rung>,
    /// From the question to the list.
    pub nanos: u64,
}

/// The order that one stage made.
#[derive(Clone, Debug, Default)]
pub struct Rung {
    /// Everything it scored, best first.
    pub order: Vec<Scored>,
    /// So many of them went on.
    pub kept: usize,
}

/// What one thread keeps between decisions: buffers, and what sources remember.
#[derive(Default)]
pub struct Desk {
    /// The merged candidates of the last decision.
    pub candidates: Candidates,
    /// By source: its list in the last decision.
    pub found: Vec<Vec<Scored>>,
    /// The rows that each stage scored in the last decision.
    pub rows: Vec<Matrix>,
    /// The items of those rows.
    pub row_items: Vec<Vec<u32>>,
    excluded: Mask,
    memos: Vec<Memo>,
    learned_memos: Vec<Memo>,
    vectors: Vec<Vec<f32>>,
    reader: Reader,
    column: Vec<f32>,
    merged: Mask,
    eligible: Vec<bool>,
    survivors: Survivors,
}

/// Candidates that are still in, with what sources and stages said of them.
#[derive(Default)]
struct Survivors {
    items: Vec<u32>,
    scores: Matrix,
    ranks: Matrix,
    by_stage: Vec<Vec<f32>>,
}

/// Everything a decision looks at.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// What was fitted.
    pub fitted: &'a Fitted,
    /// All actors.
    pub actors: &'a Actors,
    /// What happened before.
    pub past: &'a Past,
    /// Nanoseconds from any fixed moment.
    pub clock: &'a dyn Fn() -> u64,
}

/// Makes a decision. Same scene and request, same answer, unless the budget runs out.
pub fn decide(scene: &Scene<'_>, request: &Request<'_>, desk: &mut Desk) -> Decided {
    let start = (scene.clock)();
    let mut decided = Decided::default();
    retrieve(scene, request, desk, start, &mut decided);
    for stage in 0..scene.fitted.models.len() {
        score(scene, request, desk, (stage, start), &mut decided);
    }
    rerank(scene, request, desk, &mut decided);
    decided.nanos = (scene.clock)() - start;
    decided
}

/// Asks the sources and merges what they found into `desk.candidates`.
pub fn retrieve(scene: &Scene<'_>, request: &Request<'_>, desk: &mut Desk, start: u64, decided: &mut Decided) {
    let n_items = scene.actors.tables[scene.plan.system.decision.item].len();
    exclude(scene, request, desk);
    learned_vectors(scene, request, desk);
    let n_sources = scene.past.sources.len();
    desk.memos.resize_with(n_sources, Memo::default);
    desk.found.resize_with(n_sources, Vec::new);
    let vectors = std::mem::take(&mut desk.vectors);
    let excluded = std::mem::take(&mut desk.excluded);
    let user_vectors: Vec<&[f32]> = vectors.iter().map(Vec::as_slice).collect();
    let answers: Vec<Vec<Answer<'_>>> =
        scene.plan.sources.iter().map(|s| answers_of(scene, &s.needs, request.user)).collect();
    let ask = |s: usize| Ask {
        now: request.now,
        user: request.user,
        n_items,
        answers: &answers[s],
        user_vectors: &user_vectors,
        excluded: &excluded,
    };
    for (s, source) in scene.past.sources.iter().enumerate() {
        let from = (scene.clock)();
        let skipped = from - start > request.budget_ns;
        desk.found[s].clear();
        if !skipped {
            let keep = scene.plan.system.candidates[s].params.count("keep").unwrap_or(0);
            source.candidates(&ask(s), keep, &mut desk.memos[s], &mut desk.found[s]);
        }
        let nanos = (scene.clock)() - from;
        decided.parts.push(PartTrace { n_in: 0, n_out: desk.found[s].len() as u32, nanos, skipped });
    }
    let from = (scene.clock)();
    merge(scene, request, desk, n_items);
    let n = desk.candidates.items.len();
    desk.column.resize(n, f32::NAN);
    // Sources know nothing of newcomers, which stand at the end.
    let known = desk.candidates.items.partition_point(|i| (*i as usize) < n_items);
    for (s, source) in scene.past.sources.iter().enumerate().filter(|(s, _)| !decided.parts[*s].skipped) {
        desk.column[known..n].fill(f32::NAN);
        source.score(&ask(s), &desk.candidates.items[..known], &mut desk.memos[s], &mut desk.column[..known]);
        let cells = desk.candidates.scores.values.iter_mut().skip(s).step_by(n_sources);
        cells.zip(&desk.column).for_each(|(o, v)| *o = *v);
    }
    let proposed = || desk.found.iter().map(|f| f.len() as u32).sum();
    let n_in = request.given.map_or_else(proposed, |given| given.len() as u32);
    decided.parts.push(PartTrace { n_in, n_out: n as u32, nanos: (scene.clock)() - from, skipped: false });
    (desk.vectors, desk.excluded) = (vectors, excluded);
}

fn answers_of<'a>(scene: &Scene<'a>, needs: &[Need], user: u32) -> Vec<Answer<'a>> {
    needs.iter().map(|n| scene.plan.features.answer(n, user, &scene.past.state)).collect()
}

fn exclude(scene: &Scene<'_>, request: &Request<'_>, desk: &mut Desk) {
    desk.excluded.clear();
    for plan in scene.plan.rerank.iter().filter(|p| p.excludes) {
        for answer in answers_of(scene, &plan.needs, request.user) {
            answer.visits().iter().for_each(|v| {
                desk.excluded.insert(v.item);
            });
        }
    }
}

/// Makes the user's learned vectors; an empty one where there is nothing to make it from.
fn learned_vectors(scene: &Scene<'_>, request: &Request<'_>, desk: &mut Desk) {
    let n = scene.fitted.learned.len();
    desk.learned_memos.resize_with(n, Memo::default);
    desk.vectors.resize_with(n, Vec::new);
    for (i, learned) in scene.fitted.learned.iter().enumerate() {
        let answers = answers_of(scene, &scene.plan.learned[i].needs, request.user);
        let out = &mut desk.vectors[i];
        out.clear();
        out.resize(learned.items().dimensions, 0.0);
        learned.user(request.user, &answers, &mut desk.learned_memos[i], out);
        if out.iter().all(|v| *v == 0.0) {
            out.clear();
        }
    }
}

/// The union of the sources' lists, or what was given, by ascending index; with each source's ranks.
fn merge(scene: &Scene<'_>, request: &Request<'_>, desk: &mut Desk, n_items: usize) {
    let n_sources = desk.found.len();
    desk.merged.clear();
    let items = &mut desk.candidates.items;
    items.clear();
    match request.given {
        Some(given) => {
            let end = n_items + request.newcomers.len();
            items.extend(given.iter().copied().filter(|i| (*i as usize) < end && desk.merged.insert(*i)))
        }
        None => {
            for scored in desk.found.iter().flatten() {
                if desk.merged.insert(scored.item) {
                    items.push(scored.item);
                }
            }
        }
    }
    items.sort_unstable();
    if request.given.is_none() && scene.plan.features.eligible.is_some() && !items.is_empty() {
        let moment = bare(scene, request, items);
        scene.plan.features.eligible(&moment, &mut desk.reader, &mut desk.eligible);
        let mut eligible = desk.eligible.iter();
        items.retain(|_| eligible.next() == Some(&true));
    }
    for matrix in [&mut desk.candidates.scores, &mut desk.candidates.ranks] {
        matrix.n_columns = n_sources;
        matrix.reset(items.len());
    }
    for (s, found) in desk.found.iter().enumerate() {
        for (rank, scored) in found.iter().enumerate() {
            if let Ok(at) = items.binary_search(&scored.item) {
                desk.candidates.ranks.values[at * n_sources + s] = rank as f32 + 1.0;
            }
        }
    }
}

/// Lets one stage score what is still in and keeps its best. The first stage begins with the merged candidates.
pub fn score(
    scene: &Scene<'_>,
    request: &Request<'_>,
    desk: &mut Desk,
    (stage, start): (usize, u64),
    decided: &mut Decided,
) {
    let from = (scene.clock)();
    if stage == 0 {
        desk.restart();
    }
    let n = desk.survivors.items.len();
    let keep = scene.plan.system.stages[stage].params.count("keep").unwrap_or(n);
    if from - start > request.budget_ns {
        // The order of the stage before stands; the first stage's stand-in is the best place in any source's list.
        let order = match decided.ladder.last() {
            Some(rung) => rung.order[..rung.kept].to_vec(),
            None => by_best_rank(scene, request, &desk.survivors),
        };
        let kept = order.len().min(keep);
        decided.parts.push(PartTrace { n_in: n as u32, n_out: kept as u32, nanos: 0, skipped: true });
        keep_best(&mut desk.survivors, &order[..kept], None);
        decided.ladder.push(Rung { order, kept });
        return;
    }
    stage_rows(scene, request, desk, stage);
    desk.column.resize(n, 0.0);
    scene.fitted.models[stage].score(&desk.rows[stage].values, &mut desk.column[..n]);
    let scored = |(item, score): (&u32, &f32)| Scored { item: *item, score: *score };
    let mut order: Vec<Scored> = desk.survivors.items.iter().zip(&desk.column).map(scored).collect();
    sort(scene, request, &mut order);
    let kept = n.min(keep);
    let column = std::mem::take(&mut desk.column);
    keep_best(&mut desk.survivors, &order[..kept], Some(&column));
    desk.column = column;
    let nanos = (scene.clock)() - from;
    decided.parts.push(PartTrace { n_in: n as u32, n_out: kept as u32, nanos, skipped: false });
    decided.ladder.push(Rung { order, kept });
}

/// Fills `desk.rows[stage]` with the features that a stage reads, of everything that is still in.
pub fn stage_rows(scene: &Scene<'_>, request: &Request<'_>, desk: &mut Desk, stage: usize) {
    desk.rows.resize_with(scene.plan.stages.len(), Matrix::default);
    desk.row_items.resize_with(scene.plan.stages.len(), Vec::new);
    let item_vectors: Vec<_> = scene.fitted.learned.iter().map(|l| l.items()).collect();
    let shown = request.given.unwrap_or_default().iter().zip(request.positions.unwrap_or_default());
    let mut positions: Vec<(u32, f32)> = shown.map(|(item, place)| (*item, *place)).collect();
    positions.sort_unstable_by_key(|(item, _)| *item);
    let rows = came_with(request);
    let encoders: Vec<_> = scene.fitted.learned.iter().map(|l| l.encoder()).collect();
    let user_vectors: Vec<&[f32]> = desk.vectors.iter().map(Vec::as_slice).collect();
    let by_stage: Vec<&[f32]> = desk.survivors.by_stage.iter().map(Vec::as_slice).collect();
    let moment = Moment {
        now: request.now,
        user: request.user,
        items: &desk.survivors.items,
        actors: scene.actors,
        state: &scene.past.state,
        source_scores: Some(&desk.survivors.scores),
        source_ranks: Some(&desk.survivors.ranks),
        stage_scores: &by_stage,
        user_vectors: &user_vectors,
        item_vectors: &item_vectors,
        encoders: &encoders,
        positions: &positions,
        request: request.asked,
        came: Came { candidates: &desk.candidates.items, rows: &rows },
    };
    let which = &scene.plan.stages[stage];
    let out = &mut desk.rows[stage];
    scene.plan.features.rows(which, &moment, &mut desk.reader, out);
    let width = out.n_columns;
    for (c, feature) in which.iter().enumerate() {
        if let Some(codes) = &scene.fitted.codes[*feature] {
            codes.apply(out.values.iter_mut().skip(c).step_by(width.max(1)));
        }
    }
    desk.row_items[stage].clone_from(&desk.survivors.items);
}

/// The row that came with each given item, ascending by item; of one that is given twice the first.
fn came_with(request: &Request<'_>) -> Vec<(u32, u32)> {
    let given = request.given.unwrap_or_default().iter().zip(request.rows);
    let mut rows: Vec<(u32, u32)> = given.map(|(item, row)| (*item, *row)).collect();
    rows.sort_by_key(|(item, _)| *item);
    rows.dedup_by_key(|(item, _)| *item);
    rows
}

/// Keeps `best` of the survivors, by ascending index, and adds the scores of the stage that chose them.
fn keep_best(survivors: &mut Survivors, best: &[Scored], scores: Option<&[f32]>) {
    survivors.by_stage.push(scores.map_or_else(|| vec![f32::NAN; survivors.items.len()], <[f32]>::to_vec));
    narrow(survivors, best);
}

/// Keeps `best` of the survivors and their columns.
fn narrow(survivors: &mut Survivors, best: &[Scored]) {
    let mut kept: Vec<u32> = best.iter().map(|s| s.item).collect();
    kept.sort_unstable();
    let places: Vec<usize> =
        kept.iter().map(|i| survivors.items.binary_search(i).expect("a stage keeps what it was given")).collect();
    for column in &mut survivors.by_stage {
        places.iter().enumerate().for_each(|(to, from)| column[to] = column[*from]);
        column.truncate(places.len());
    }
    for matrix in [&mut survivors.scores, &mut survivors.ranks] {
        let width = matrix.n_columns;
        for (to, from) in places.iter().enumerate() {
            matrix.values.copy_within(from * width..(from + 1) * width, to * width);
        }
        matrix.values.truncate(places.len() * width);
    }
    survivors.items = kept;
}

/// Items by their best place in any source's list; the score is minus that place.
fn by_best_rank(scene: &Scene<'_>, request: &Request<'_>, survivors: &Survivors) -> Vec<Scored> {
    let best = |i: usize| survivors.ranks.row(i).iter().copied().fold(f32::INFINITY, f32::min);
    let mut order: Vec<Scored> =
        survivors.items.iter().enumerate().map(|(i, item)| Scored { item: *item, score: -best(i) }).collect();
    sort(scene, request, &mut order);
    order
}

/// Best first. Equal scores of what sources propose are ordered by index; of what was given by key, because the order in which files or
/// requests name items must say nothing: a file may list the right ones first.
fn sort(scene: &Scene<'_>, request: &Request<'_>, order: &mut [Scored]) {
    if request.given.is_none() {
        return order.sort_unstable_by(Scored::order);
    }
    let keys = &scene.actors.tables[scene.plan.system.decision.item].keys;
    let known = keys.len();
    order.sort_unstable_by(|a, b| {
        let key = |s: &Scored| match (s.item as usize).checked_sub(known) {
            None => keys.name(s.item),
            Some(new) => request.newcomers.get(new).map_or("", String::as_str),
        };
        b.score.total_cmp(&a.score).then_with(|| by_key(key(a), key(b))).then(a.item.cmp(&b.item))
    });
}

fn rerank(scene: &Scene<'_>, request: &Request<'_>, desk: &mut Desk, decided: &mut Decided) {
    let mut list = match decided.ladder.last() {
        Some(rung) => rung.order[..rung.kept].to_vec(),
        None => {
            desk.restart();
            by_best_rank(scene, request, &desk.survivors)
        }
    };
    let plans = scene.plan.rerank.iter();
    for (part, plan) in scene.fitted.rerank.iter().zip(plans) {
        let from = (scene.clock)();
        let n_in = list.len() as u32;
        let mut changes = Vec::new();
        let ask = RerankAsk {
            now: request.now,
            actors: scene.actors,
            item_actor: scene.plan.system.decision.item,
            answers: &answers_of(scene, &plan.needs, request.user),
            limit: request.limit,
        };
        part.order(&ask, &mut list, &mut changes);
        let nanos = (scene.clock)() - from;
        decided.parts.push(PartTrace { n_in, n_out: list.len() as u32, nanos, skipped: false });
        decided.changes.push(changes);
    }
    list.truncate(request.limit);
    decided.shown = list;
}

/// Whether a condition of `[decision] where` holds.
pub fn counts(scene: &Scene<'_>, request: &Request<'_>, desk: &mut Desk) -> bool {
    scene.plan.features.counts(&bare(scene, request, &[]), &mut desk.reader)
}

/// A moment before anything was proposed.
fn bare<'a>(scene: &Scene<'a>, request: &Request<'a>, items: &'a [u32]) -> Moment<'a> {
    Moment {
        now: request.now,
        user: request.user,
        items,
        actors: scene.actors,
        state: &scene.past.state,
        source_scores: None,
        source_ranks: None,
        stage_scores: &[],
        user_vectors: &[],
        item_vectors: &[],
        encoders: &[],
        positions: &[],
        request: request.asked,
        came: Came::default(),
    }
}

impl Desk {
    /// Narrows the candidates before the next stage to those that `keep` says, given their items: for callers that collect
    /// rows of some candidates instead of scoring all.
    pub fn narrow(&mut self, keep: impl Fn(u32) -> bool) {
        let kept: Vec<Scored> =
            self.survivors.items.iter().filter(|i| keep(**i)).map(|item| Scored { item: *item, score: 0.0 }).collect();
        narrow(&mut self.survivors, &kept);
    }

    /// Puts all merged candidates before the first stage.
    pub fn restart(&mut self) {
        self.survivors.items.clone_from(&self.candidates.items);
        self.survivors.scores.clone_from(&self.candidates.scores);
        self.survivors.ranks.clone_from(&self.candidates.ranks);
        self.survivors.by_stage.clear();
    }

    /// The candidates before the next stage, by ascending index.
    pub fn items(&self) -> &[u32] {
        &self.survivors.items
    }

    /// What a source thinks of the whole catalogue in the last decision, if it scored it; by item.
    pub fn catalogue(&self, source: usize) -> &[f32] {
        self.memos.get(source).map_or(&[], |m| m.scores.as_slice())
    }

    /// What may not be proposed in the last decision.
    pub fn excluded(&self) -> &Mask {
        &self.excluded
    }
}
