//! Evaluation: every decision of the test window through the funnel as judged, beside simpler methods, over the full catalogue.

use crate::data::Data;
use crate::decisions::{self, Decision, Decisions};
use crate::error::Error;
use crate::fit::fit_sources;
use crate::judge::Yardstick;
use crate::progress::{Progress, timed};
use crate::windows::{self, TEST, TRAIN};
use std::sync::Arc;
use tamis_funnel::decide::{Decided, Scene};
use tamis_funnel::{Bundle, Desk, Fitted, Past, Plan, Replay, decide};
use tamis_observe::attribution::{Funnel, PartKind, PartSeen};
use tamis_observe::bootstrap::mean_intervals;
use tamis_observe::metrics::{ece, logloss, reliability};
use tamis_observe::report::{Calibration, CurvePoint, Named, Report, Resources, Split, Stage};
use tamis_observe::resources::peak_resident_bytes;
use tamis_retrieve::source::{Memo, Opened, Source};
use tamis_spec::decision::{Ask, Need, Scored};
use tamis_spec::diagnostic::Spanned;
use tamis_spec::kind::find;
use tamis_spec::mask::Mask;
use tamis_spec::param::{ParamValue, Params};
use tamis_spec::system::Part;

/// Decisions whose candidates go into the calibration: every so-many-th one.
const CALIBRATION_EVERY: usize = 10;

/// Evaluates a bundle on a window, [`TEST`] or [`VALIDATE`]. `data` must have been seeded from it. For the validate window sources
/// and learned vectors are fitted as they were for the train window; stages stopped on it, so that it flatters them a little.
pub fn evaluate(
    plan: &Plan,
    data: &Data,
    bundle: &Bundle,
    on: usize,
    n_threads: usize,
    progress: &dyn Progress,
) -> Result<Report, Error> {
    let begin = progress.seconds();
    let decisions = decisions::decisions(plan, data);
    let judged = see(plan, data, bundle, (&decisions, on), n_threads, progress)?;
    let mut report = report_of(plan, data, &decisions, judged);
    report.resources.seconds = progress.seconds() - begin;
    Ok(report)
}

/// What was seen of a window.
pub(crate) struct Judged {
    bundle: String,
    split: Split,
    stages: Vec<Stage>,
    steps: Vec<(String, f64)>,
    test: Vec<Decision>,
    seen: Vec<Seen>,
}

impl Judged {
    /// Several windows as one; what is told of stages is the first's.
    pub(crate) fn together(all: Vec<Self>) -> Self {
        let mut all = all.into_iter();
        let mut out = all.next().expect("there is at least one window");
        for mut next in all {
            let before = out.test.len();
            next.seen.iter_mut().flat_map(|s| &mut s.index).for_each(|i| *i += before);
            out.test.append(&mut next.test);
            out.seen.append(&mut next.seen);
            out.steps.append(&mut next.steps);
            let windows = [(&mut out.split.validate, next.split.validate), (&mut out.split.test, next.split.test)];
            for (window, next) in windows {
                window.decisions += next.decisions;
                window.from = window.from.clone().min(next.from);
                window.to = window.to.clone().max(next.to);
            }
        }
        let users = out.test.iter().map(|d| d.user).collect::<std::collections::HashSet<_>>().len() as u64;
        let judged = if out.split.judged == "validate" { &mut out.split.validate } else { &mut out.split.test };
        judged.users = users;
        out
    }
}

/// Lets a bundle make every decision of a window.
pub(crate) fn see(
    plan: &Plan,
    data: &Data,
    bundle: &Bundle,
    (decisions, on): (&Decisions, usize),
    n_threads: usize,
    progress: &dyn Progress,
) -> Result<Judged, Error> {
    let mut steps = Vec::new();
    let windows = windows::cut(plan, data, decisions)?;
    let test = windows.of(on, decisions);
    let name = if on == TEST { "test" } else { "validate" };
    if test.is_empty() {
        return Err(Error::TooLittle {
            what: format!("the {name} window holds no decision"),
            help: "give it a larger share in [split], or loosen [decision] where".into(),
        });
    }
    let fitted = if on == TEST {
        bundle.fitted(plan, &data.actors, &bundle.manifest.judged)?
    } else {
        bundle.with_stages(plan, &data.actors, &fit_sources(plan, data, windows.bounds[TRAIN], n_threads)?)?
    };
    let seen = timed(progress, &mut steps, &format!("{name} decisions"), test.len() as u64, || {
        let of = Walk { plan, data, fitted: &fitted, decisions, progress };
        run(&of, &test, n_threads)
    });
    Ok(Judged {
        bundle: bundle.name.clone(),
        split: Split { judged: name.into(), ..windows.report(data, decisions) },
        stages: bundle.manifest.stages.iter().map(stage_report).collect(),
        steps,
        test,
        seen,
    })
}

/// What was seen, as it is told.
pub(crate) fn report_of(plan: &Plan, data: &Data, decisions: &Decisions, judged: Judged) -> Report {
    let Judged { bundle, split, stages, steps, test, seen } = judged;
    Report {
        system: plan.system.name.value.clone(),
        bundle,
        split,
        stages,
        resources: Resources { seconds: 0.0, peak_resident_bytes: peak_resident_bytes(), steps: Named(steps) },
        ..judge(plan, data, decisions, &test, seen)
    }
}

fn stage_report(stage: &tamis_funnel::bundle::Stage) -> Stage {
    let importance = stage.columns.iter().map(|c| c.name.clone()).zip(stage.fit.importance.iter().copied());
    let point = |(round, metric, train, validate): &(u64, String, Option<f64>, Option<f64>)| CurvePoint {
        round: *round,
        metric: metric.clone(),
        train: train.unwrap_or(f64::NAN),
        validate: validate.unwrap_or(f64::NAN),
    };
    Stage {
        name: stage.name.clone(),
        kind: stage.kind.clone(),
        importance: importance.collect(),
        curve: stage.fit.curve.iter().map(point).collect(),
    }
}

/// What was seen of some decisions, by decision.
#[derive(Default)]
struct Seen {
    index: Vec<usize>,
    /// What is measured of the funnel, a row for each decision.
    values: Vec<f32>,
    /// Whether the right item was a candidate.
    retrieved: Vec<f32>,
    /// The same of each source, then baseline.
    alone: Vec<Vec<f32>>,
    /// Traces.
    parts: Funnel,
    /// First stage's score and label of every candidate of some decisions.
    calibration: Vec<(f32, bool)>,
}

/// What all threads look at.
struct Walk<'a> {
    plan: &'a Plan,
    data: &'a Data,
    fitted: &'a Fitted,
    decisions: &'a Decisions,
    progress: &'a dyn Progress,
}

fn run(of: &Walk<'_>, test: &[Decision], n_threads: usize) -> Vec<Seen> {
    std::thread::scope(|scope| {
        let shard = |t: usize| {
            let mine: Vec<(usize, Decision)> =
                test.iter().copied().enumerate().filter(|(_, d)| d.user as usize % n_threads == t).collect();
            move || walk(of, &mine)
        };
        let running: Vec<_> = (0..n_threads).map(|t| scope.spawn(shard(t))).collect();
        running.into_iter().map(|r| r.join().expect("an evaluation does not panic")).collect()
    })
}

fn walk(of: &Walk<'_>, mine: &[(usize, Decision)]) -> Seen {
    let Walk { plan, data, fitted, decisions, progress } = of;
    let yard = Yardstick::new(plan, data, decisions);
    let mut past = Past::new(plan, fitted);
    let mut baselines = Baselines::new(plan, &mut past);
    let mut replay = Replay::new(plan, &data.actors, &data.events);
    let mut desk = Desk::default();
    let n_sources = plan.system.candidates.len();
    let n_alone = n_sources + baselines.n();
    let mut seen = Seen { alone: vec![Vec::new(); n_alone], parts: Funnel::new(parts(plan)), ..Seen::default() };
    let start = progress.seconds();
    let clock = || ((progress.seconds() - start) * 1e9) as u64;
    for (i, (index, decision)) in mine.iter().enumerate() {
        replay.until(decision.now, &mut past);
        let scene = Scene { plan, fitted, actors: &data.actors, past: &past, clock: &clock };
        let decided = decide(&scene, &decisions.request(plan, data, decision), &mut desk);
        let best = decisions.best(decision);
        seen.index.push(*index);
        seen.parts.took(u32::try_from(decided.nanos).unwrap_or(u32::MAX));
        if decisions.grades(decision).iter().any(|g| *g > 0.0) {
            seen.parts.decision(&part_seen(&decided, &desk, best));
        }
        if decisions.lists {
            listed(&yard, &decided, &desk, decision, &mut seen);
            baselines.scores(&scene, decision, &desk.candidates.items, |b, scores| {
                yard.of_list(decision, &desk.candidates.items, scores, &mut seen.alone[n_sources + b]);
            });
        } else if decisions.sought {
            sought(&yard, (&decided, &desk), decision, &mut seen);
            baselines.sought(&yard, &scene, (decision, &desk), &mut seen.alone[n_sources..]);
        } else {
            let rank = rank_in(&decided, best);
            yard.of_rank(decision, rank, &mut seen.values);
            seen.retrieved.push(f32::from(rank.is_some()));
            for s in 0..n_sources {
                yard.of_rank(decision, rank_by(&desk, s, best), &mut seen.alone[s]);
            }
            baselines.ranks(&scene, (decision, best), desk.excluded(), |b, rank| {
                yard.of_rank(decision, rank, &mut seen.alone[n_sources + b]);
            });
        }
        if i % CALIBRATION_EVERY == 0 {
            let rung = decided.ladder.first().map_or(&[][..], |r| &r.order);
            let right = |item: u32| {
                let at = decisions.items(decision).iter().position(|i| *i == item);
                at.is_some_and(|at| decisions.grades(decision)[at] > 0.0)
            };
            seen.calibration.extend(rung.iter().map(|s| (s.score, right(s.item))));
        }
        progress.advance(1);
    }
    seen
}

/// Measures the funnel's order of a list, and each source's.
fn listed(yard: &Yardstick<'_>, decided: &Decided, desk: &Desk, decision: &Decision, seen: &mut Seen) {
    let items = &desk.candidates.items;
    let order: Vec<f32> =
        items.iter().map(|i| rank_in(decided, *i).map_or(f32::NEG_INFINITY, |r| -(r as f32))).collect();
    yard.of_list(decision, items, &order, &mut seen.values);
    seen.retrieved.push(1.0);
    let n_sources = desk.found.len();
    for s in 0..n_sources {
        let scores: Vec<f32> = desk.candidates.scores.values.iter().skip(s).step_by(n_sources).copied().collect();
        yard.of_list(decision, items, &scores, &mut seen.alone[s]);
    }
}

/// Measures where the funnel has what should be found, and where each source.
fn sought(yard: &Yardstick<'_>, (decided, desk): (&Decided, &Desk), decision: &Decision, seen: &mut Seen) {
    let right = yard.right(decision);
    let ranks = |rank: &dyn Fn(u32) -> Option<u32>| -> Vec<_> { right.iter().map(|(i, g)| (rank(*i), *g)).collect() };
    let funnel = ranks(&|item| rank_in(decided, item));
    yard.of_ranks(&funnel, &mut seen.values);
    seen.retrieved.push(funnel.iter().filter(|(rank, _)| rank.is_some()).count() as f32 / right.len() as f32);
    for s in 0..desk.found.len() {
        yard.of_ranks(&ranks(&|item| rank_by(desk, s, item)), &mut seen.alone[s]);
    }
}

/// Where a source alone has an item: in its order of the whole catalogue where it made one, else in its list.
fn rank_by(desk: &Desk, source: usize, item: u32) -> Option<u32> {
    match desk.catalogue(source) {
        [] => place(&desk.found[source], item),
        scores => rank_of(scores, item, desk.excluded()),
    }
}

fn place(list: &[Scored], item: u32) -> Option<u32> {
    list.iter().position(|s| s.item == item).map(|p| p as u32 + 1)
}

/// 1 + items with a higher score + items with the same score and a smaller index, of those that are not excluded; none for an item
/// without a score.
fn rank_of(scores: &[f32], item: u32, excluded: &Mask) -> Option<u32> {
    let mine = scores.get(item as usize).copied().filter(|s| !s.is_nan())?;
    let (before, after) = scores.split_at(item as usize);
    // All are counted in one sweep without branches, then the excluded ones, which are few, are taken out again.
    let all = before.iter().map(|s| u32::from(*s >= mine)).sum::<u32>()
        + after.iter().map(|s| u32::from(*s > mine)).sum::<u32>();
    let is_before = |i: u32| scores.get(i as usize).is_some_and(|s| *s > mine || (*s == mine && i < item));
    let out = excluded.iter().filter(|i| is_before(*i)).count() as u32;
    Some(all - out + 1)
}

/// The place of an item in what is shown, then in what re-ranking left out, then in what each stage dropped, the last stage first.
fn rank_in(decided: &Decided, item: u32) -> Option<u32> {
    if let Some(rank) = place(&decided.shown, item) {
        return Some(rank);
    }
    let mut above = decided.shown.len() as u32;
    for (r, rung) in decided.ladder.iter().enumerate().rev() {
        let last = r + 1 == decided.ladder.len();
        let rest = if last { &rung.order[..] } else { &rung.order[rung.kept..] };
        let shown = |s: &&Scored| last && decided.shown.iter().any(|x| x.item == s.item);
        if let Some(at) = rest.iter().position(|s| s.item == item) {
            let before = rest[..at].iter().filter(|s| !shown(s)).count() as u32;
            return Some(above + before + 1);
        }
        above += (rest.len() - rest.iter().filter(shown).count()) as u32;
    }
    None
}

fn parts(plan: &Plan) -> Vec<(String, PartKind)> {
    let s = &plan.system;
    let mut parts: Vec<_> = s.candidates.iter().map(|p| (p.name.value.clone(), PartKind::Source)).collect();
    parts.push(("merge".into(), PartKind::Merge));
    parts.extend(s.stages.iter().map(|p| (p.name.value.clone(), PartKind::Stage)));
    parts.extend(s.rerank.iter().map(|p| (p.kind.clone(), PartKind::Rerank)));
    parts
}

fn part_seen(decided: &Decided, desk: &Desk, item: u32) -> Vec<PartSeen> {
    let n_sources = desk.found.len();
    let mut has: Vec<bool> = desk.found.iter().map(|f| place(f, item).is_some()).collect();
    has.push(desk.candidates.items.binary_search(&item).is_ok());
    has.extend(decided.ladder.iter().map(|r| place(&r.order[..r.kept], item).is_some()));
    let mut in_list = has.last().copied().unwrap_or(false);
    for changes in &decided.changes {
        use tamis_rerank::rerank::Change;
        in_list &= !changes.iter().any(|c| matches!(c, Change::Dropped { item: gone, .. } if *gone == item));
        has.push(in_list);
    }
    let merged = desk.candidates.items.len() as u32;
    let seen = |(i, (part, has)): (usize, (&tamis_funnel::decide::PartTrace, bool))| PartSeen {
        n_in: if i < n_sources { merged } else { part.n_in },
        n_out: part.n_out,
        has_positive: has,
        nanos: u32::try_from(part.nanos).unwrap_or(u32::MAX),
    };
    decided.parts.iter().zip(has).enumerate().map(seen).collect()
}

/// What every report lays beside the funnel: popular, recent (30 days), and neighbours unless the file has such a source.
struct Baselines {
    names: Vec<String>,
    scores: Vec<f32>,
    neighbours: Option<(usize, Vec<Need>, Memo, Vec<Scored>)>,
}

impl Baselines {
    fn new(plan: &Plan, past: &mut Past) -> Self {
        let mut names = vec!["popular".to_string(), "recent".to_string()];
        let mut neighbours = None;
        let known = plan.system.candidates.iter().any(|p| p.kind == "neighbours");
        if let (false, Some((needs, source))) = (known, neighbours_source(plan)) {
            names.push("neighbours".into());
            past.listeners.push((plan.system.positive(), source));
            neighbours = Some((past.listeners.len() - 1, needs, Memo::default(), Vec::new()));
        }
        Self { names, scores: Vec::new(), neighbours }
    }

    fn n(&self) -> usize {
        self.names.len()
    }

    /// Counts by item, popular then recent: zero for items past the end.
    fn counts<'s>(scene: &Scene<'s>, user: u32) -> [&'s [f64]; 2] {
        let [popular, recent, _] = tamis_funnel::plan::baseline_needs(&scene.plan.system);
        [popular, recent].map(|need| scene.plan.features.answer(&need, user, &scene.past.state).counts())
    }

    /// Where each stands alone with its order of the whole catalogue.
    fn ranks(
        &mut self,
        scene: &Scene<'_>,
        (decision, item): (&Decision, u32),
        excluded: &Mask,
        mut each: impl FnMut(usize, Option<u32>),
    ) {
        let n_items = scene.actors.tables[scene.plan.system.decision.item].len();
        for (b, counts) in Self::counts(scene, decision.user).into_iter().enumerate() {
            self.scores.clear();
            self.scores.extend(counts.iter().take(n_items).map(|c| *c as f32));
            self.scores.resize(n_items, 0.0);
            each(b, rank_of(&self.scores, item, excluded));
        }
        if let Some((at, needs, memo, found)) = &mut self.neighbours {
            let answers: Vec<_> =
                needs.iter().map(|n| scene.plan.features.answer(n, decision.user, &scene.past.state)).collect();
            let ask =
                Ask { now: decision.now, user: decision.user, n_items, answers: &answers, user_vectors: &[], excluded };
            found.clear();
            scene.past.listeners[*at].1.candidates(&ask, n_items, memo, found);
            each(2, place(found, item));
        }
    }

    /// Measures where each has what should be found.
    fn sought(
        &mut self,
        yard: &Yardstick<'_>,
        scene: &Scene<'_>,
        (decision, desk): (&Decision, &Desk),
        alone: &mut [Vec<f32>],
    ) {
        let mut ranks = vec![Vec::new(); alone.len()];
        for (item, grade) in yard.right(decision) {
            self.ranks(scene, (decision, item), desk.excluded(), |b, rank| ranks[b].push((rank, grade)));
        }
        ranks.iter().zip(alone).for_each(|(ranks, out)| yard.of_ranks(ranks, out));
    }

    /// What each thinks of the items of a list.
    fn scores(&mut self, scene: &Scene<'_>, decision: &Decision, items: &[u32], mut each: impl FnMut(usize, &[f32])) {
        let n_items = scene.actors.tables[scene.plan.system.decision.item].len();
        for (b, counts) in Self::counts(scene, decision.user).into_iter().enumerate() {
            self.scores.clear();
            self.scores.extend(items.iter().map(|i| counts.get(*i as usize).copied().unwrap_or(0.0) as f32));
            each(b, &self.scores);
        }
        if let Some((at, needs, memo, _)) = &mut self.neighbours {
            let answers: Vec<_> =
                needs.iter().map(|n| scene.plan.features.answer(n, decision.user, &scene.past.state)).collect();
            let (user, excluded) = (decision.user, &Mask::default());
            let ask = Ask { now: decision.now, user, n_items, answers: &answers, user_vectors: &[], excluded };
            self.scores.clear();
            self.scores.resize(items.len(), f32::NAN);
            scene.past.listeners[*at].1.score(&ask, items, memo, &mut self.scores);
            each(2, &self.scores);
        }
    }
}

/// Item neighbours over the decision's own event, with the kind's defaults.
fn neighbours_source(plan: &Plan) -> Option<(Vec<Need>, Box<dyn Source>)> {
    let kind = find(plan.registries.sources, "neighbours")?;
    let span = plan.system.decision.span.clone();
    let each = plan.system.events[plan.system.positive()].name.value.clone();
    let event = Spanned { value: ParamValue::Text(each), span: span.clone() };
    let part = Part {
        kind: "neighbours".into(),
        name: Spanned { value: "neighbours".into(), span: span.clone() },
        params: Params { values: vec![("event", event)] },
        span,
    };
    let planned = kind.it.plan(&part, &plan.system).ok()?;
    let source = kind.it.open(&part, &Arc::default(), &Opened { system: &plan.system, learned: &[] }).ok()?;
    Some((planned.needs, source))
}

/// Metrics, intervals and attribution of what all threads saw.
fn judge(plan: &Plan, data: &Data, decisions: &Decisions, test: &[Decision], seen: Vec<Seen>) -> Report {
    let yard = Yardstick::new(plan, data, decisions);
    let n: usize = seen.iter().map(|s| s.index.len()).sum();
    let gather = |width: usize, of: &dyn Fn(&Seen) -> &Vec<f32>| {
        let mut all = vec![0.0; n * width];
        for s in &seen {
            for (i, row) in s.index.iter().zip(of(s).chunks_exact(width)) {
                all[i * width..(i + 1) * width].copy_from_slice(row);
            }
        }
        all
    };
    let seed = plan.system.seed;
    let mut columns = yard.columns(&gather(yard.width(), &|s| &s.values), test);
    if !decisions.lists {
        columns.push(("candidate_recall".into(), gather(1, &|s| &s.retrieved)));
    }
    let mut names: Vec<String> = plan.source_names();
    let n_alone = seen.first().map_or(0, |s| s.alone.len());
    for extra in ["popular", "recent", "neighbours"].into_iter().take(n_alone - names.len()) {
        let taken = names.iter().any(|n| n == extra);
        names.push(if taken { format!("{extra} (baseline)") } else { extra.to_string() });
    }
    let baselines = names.into_iter().enumerate().map(|(b, name)| {
        let alone = yard.columns(&gather(yard.width(), &|s| &s.alone[b]), test);
        (name, mean_intervals(&alone, seed))
    });
    let baselines = baselines.collect();
    let mut parts = Funnel::new(self::parts(plan));
    seen.iter().for_each(|s| parts.merge(&s.parts));
    Report {
        metrics: mean_intervals(&columns, seed),
        baselines,
        funnel: parts.counts(),
        latency: parts.latency(),
        lost: parts.lost(),
        calibration: calibration(plan, &seen),
        ..Report::default()
    }
}

/// Of the first stage that is logistic and comes first: its scores are logits of being the positive.
fn calibration(plan: &Plan, seen: &[Seen]) -> Option<Calibration> {
    let stage = plan.system.stages.first().filter(|p| p.kind == "logistic")?;
    let mut all: Vec<(f64, f64)> = Vec::new();
    for (score, label) in seen.iter().flat_map(|s| &s.calibration) {
        all.push((1.0 / (1.0 + (-f64::from(*score)).exp()), f64::from(u8::from(*label))));
    }
    if all.is_empty() {
        return None;
    }
    let (p, y): (Vec<f64>, Vec<f64>) = all.into_iter().unzip();
    Some(Calibration {
        name: stage.name.value.clone(),
        bins: reliability(&y, &p, 20),
        ece: ece(&y, &p, 20),
        logloss: logloss(&y, &p, None),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tamis_funnel::decide::Rung;

    fn list(items: &[u32]) -> Vec<Scored> {
        items.iter().enumerate().map(|(k, item)| Scored { item: *item, score: -(k as f32) }).collect()
    }

    #[test]
    fn what_was_not_shown_ranks_behind_it_by_how_far_it_came() {
        let decided = Decided {
            shown: list(&[5, 3]),
            ladder: vec![
                Rung { order: list(&[3, 5, 7, 9, 1, 2]), kept: 4 },
                Rung { order: list(&[9, 5, 7, 3]), kept: 3 },
            ],
            ..Decided::default()
        };
        // 9 and 7 reached the end and re-ranking left them out; 1 and 2 were dropped by the first stage.
        let order = [5, 3, 9, 7, 1, 2];
        for (k, item) in order.iter().enumerate() {
            assert_eq!(rank_in(&decided, *item), Some(k as u32 + 1), "{item}");
        }
        assert_eq!(rank_in(&decided, 4), None);
    }

    #[test]
    fn a_rank_counts_what_scores_higher_and_ties_before_it_but_nothing_excluded() {
        let scores = [2.0, 1.0, f32::NAN, 1.0, 3.0, 1.0];
        let mut excluded = Mask::default();
        let check = |item, excluded: &Mask, rank| assert_eq!(rank_of(&scores, item, excluded), rank, "{item}");
        check(4, &excluded, Some(1));
        check(1, &excluded, Some(3));
        check(5, &excluded, Some(5));
        check(2, &excluded, None);
        check(9, &excluded, None);
        [0, 3, 8].into_iter().for_each(|i| {
            excluded.insert(i);
        });
        check(5, &excluded, Some(3));
    }
}
