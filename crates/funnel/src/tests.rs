//! The room as a whole: a decision's parts account for what they did, and a bundle is what was written.

use crate::bundle::{self, Contents, FittedStage};
use crate::decide::{Decided, Scene};
use crate::fitted::FittedBytes;
use crate::plan::plan;
use crate::{Desk, Fitted, Past, Plan, Registries, Replay, Request, decide};
use std::cell::Cell;
use std::sync::Arc;
use tamis_rank::model::{Error, Fit, FitAsk, Fitted as FittedModel, Model};
use tamis_rerank::rerank::Change;
use tamis_spec::actors::{Actors, schema_of};
use tamis_spec::events::Events;
use tamis_spec::kind::Kind;
use tamis_spec::matrix::ColumnSpec;

const FILE: &str = r#"
[system]
name = "films"
task = "rank"
[constraints]
latency_p99 = "20ms"
[actors.user]
[actors.movie]
[events.rating]
actors = { user = "user_id", movie = "movie_id" }
[decision]
each = "rating"
for = "user"
item = "movie"
[features]
popularity = "count(rating, by = movie)"
near = "score.near"
first = "score.first"
[[candidates]]
kind = "popular"
event = "rating"
keep = 12
[[candidates]]
kind = "neighbours"
name = "near"
event = "rating"
keep = 10
[[stages]]
kind = "sum"
name = "first"
keep = 9
[[stages]]
kind = "sum"
name = "second"
keep = 7
[rerank]
exclude = ["rating"]
limit = 4
"#;

/// A stage whose score is the sum of its columns.
const MODELS: &[Kind<dyn Fit>] = &[Kind {
    name: "sum",
    about: "Adds up.",
    example: "[[stages]]\nkind = \"sum\"\nkeep = 1\n",
    params: &[],
    it: &Sum,
}];

struct Sum;

impl Fit for Sum {
    fn fit(&self, _: &FitAsk<'_>) -> Result<FittedModel, Error> {
        Ok(FittedModel::default())
    }
    fn open(&self, _: &[u8], columns: &[ColumnSpec]) -> Result<Box<dyn Model>, Error> {
        Ok(Box::new(SumOf(columns.len())))
    }
}

struct SumOf(usize);

impl Model for SumOf {
    fn score(&self, rows: &[f32], out: &mut [f32]) {
        for (row, o) in rows.chunks(self.0).zip(out) {
            *o = row.iter().filter(|v| !v.is_nan()).sum();
        }
    }
    fn explain(&self, row: &[f32], out: &mut [f32]) {
        out.copy_from_slice(row);
    }
}

const N_USERS: u32 = 12;
const N_ITEMS: u32 = 20;

/// A plan, 300 ratings, and what was fitted on nothing.
struct Films {
    plan: Plan,
    actors: Actors,
    events: Events,
    fitted: Fitted,
}

fn planned(text: &str) -> Plan {
    let (plan, wrong) = plan(text, Registries { models: MODELS, ..Registries::default() });
    assert_eq!(wrong, []);
    plan.unwrap()
}

fn films() -> Films {
    let plan = planned(FILE);
    let schema = schema_of(&plan.system);
    let mut batch = schema.batch();
    let mut state = 11u64;
    let mut below = move |n: u32| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u32 % n
    };
    for at in 0..300i64 {
        batch.order.push(2);
        let rows = &mut batch.rows[2];
        rows.time.push(at / 2 * 1_000);
        rows.known.push(at / 2 * 1_000);
        rows.keys[0].push(&below(N_USERS).to_string());
        rows.keys[1].push(&below(N_ITEMS).min(below(N_ITEMS)).to_string());
    }
    let (mut actors, mut events) = (Actors::new(&plan.system), Events::new(&plan.system));
    actors.apply(&schema, &batch, &mut events);
    let bytes = FittedBytes { learned: Vec::new(), sources: vec![Arc::default(); 2] };
    let mut fitted = Fitted::open(&plan, &bytes).unwrap();
    for stage in &plan.stages {
        fitted.models.push(Box::new(SumOf(stage.len())));
    }
    Films { plan, actors, events, fitted }
}

impl Films {
    fn past(&self, now: i64) -> Past {
        let mut past = Past::new(&self.plan, &self.fitted);
        Replay::new(&self.plan, &self.actors, &self.events).until(now, &mut past);
        past
    }

    fn decide(&self, past: &Past, request: &Request<'_>, clock: &dyn Fn() -> u64, desk: &mut Desk) -> Decided {
        let scene = Scene { plan: &self.plan, fitted: &self.fitted, actors: &self.actors, past, clock };
        decide(&scene, request, desk)
    }

    /// Items that a user rated before a moment.
    fn rated(&self, user: u32, now: i64) -> Vec<u32> {
        let all = &self.events.kinds[0];
        let of = |i: &usize| all.actors[0][*i] == user && all.known[*i] < now;
        (0..all.known.len()).filter(of).map(|i| all.actors[1][i]).collect()
    }
}

fn request(user: u32, now: i64) -> Request<'static> {
    let (rows, newcomers) = (&[][..], &[][..]);
    Request {
        now,
        user,
        limit: usize::MAX,
        given: None,
        rows,
        newcomers,
        positions: None,
        asked: None,
        budget_ns: u64::MAX,
    }
}

fn still() -> u64 {
    0
}

#[test]
fn an_item_scores_the_same_whoever_stands_beside_it() {
    let films = films();
    let past = films.past(100_000);
    let mut desk = Desk::default();
    let all: Vec<u32> = (0..N_ITEMS).collect();
    for user in 0..N_USERS {
        // Two lists of 7: no stage drops anything.
        let scores = |given: &[u32], desk: &mut Desk| {
            let asked = Request { given: Some(given), ..request(user, 100_000) };
            let decided = films.decide(&past, &asked, &still, desk);
            let mut scored: Vec<(u32, u32)> =
                decided.ladder[1].order.iter().map(|s| (s.item, s.score.to_bits())).collect();
            scored.sort_unstable();
            scored
        };
        let (a, b) = (scores(&all[..7], &mut desk), scores(&all[4..11], &mut desk));
        assert_eq!((a.len(), b.len()), (7, 7));
        assert_eq!(a[4..], b[..3], "{user}");
    }
}

#[test]
fn every_part_accounts_for_what_it_was_given_and_what_it_let_through() {
    let films = films();
    let now = 140_000;
    let past = films.past(now);
    let mut desk = Desk::default();
    for user in 0..N_USERS {
        let decided = films.decide(&past, &request(user, now), &still, &mut desk);
        let [popular, near, merge, first, second, exclude, limit] = &decided.parts[..] else {
            panic!("{:?}", decided.parts)
        };
        assert_eq!(merge.n_in, popular.n_out + near.n_out);
        assert!(popular.n_out <= 12 && near.n_out <= 10 && merge.n_out <= merge.n_in);
        assert_eq!((first.n_in, first.n_out), (merge.n_out, merge.n_out.min(9)));
        assert_eq!((second.n_in, second.n_out), (first.n_out, first.n_out.min(7)));
        assert_eq!(exclude.n_in, second.n_out);
        assert_eq!((limit.n_in, limit.n_out), (exclude.n_out, decided.shown.len() as u32));
        for (part, changes) in [exclude, limit].into_iter().zip(&decided.changes) {
            let dropped = changes.iter().filter(|c| matches!(c, Change::Dropped { .. })).count();
            assert_eq!(part.n_in - part.n_out, dropped as u32, "everything dropped is named");
        }
        let rated = films.rated(user, now);
        assert!(rated.len() > 3);
        assert!(desk.candidates.items.iter().all(|i| !rated.contains(i)), "what was seen is not even proposed");
        assert_eq!(decided.shown.len(), 4);
        assert!(decided.shown.is_sorted_by(|a, b| a.score >= b.score));
        assert_eq!(decided.shown, decided.ladder[1].order[..4]);
    }
}

#[test]
fn a_given_list_is_ordered_once_and_what_was_seen_is_dropped_by_name() {
    let films = films();
    let past = films.past(140_000);
    let rated = films.rated(3, 140_000);
    let free = (0..N_ITEMS).find(|i| !rated.contains(i)).unwrap();
    let given = [rated[0], free, free, 1_000_000];
    let asked = Request { given: Some(&given), ..request(3, 140_000) };
    let mut desk = Desk::default();
    let decided = films.decide(&past, &asked, &still, &mut desk);
    assert_eq!(decided.shown.iter().map(|s| s.item).collect::<Vec<_>>(), [free]);
    assert!(matches!(decided.changes[0][..], [Change::Dropped { item, .. }] if item == rated[0]));
    let merge = &decided.parts[past.sources.len()];
    assert_eq!((merge.n_in, merge.n_out), (4, 2), "one was given twice, one is not known");
}

#[test]
fn a_spent_budget_skips_what_is_left_and_still_gives_a_list() {
    let films = films();
    let past = films.past(140_000);
    let mut desk = Desk::default();
    let mut skipped_before = 0;
    for budget_ns in (0..20).rev() {
        let ticks = Cell::new(0);
        let clock = || ticks.replace(ticks.get() + 1);
        let asked = Request { budget_ns, ..request(5, 140_000) };
        let decided = films.decide(&past, &asked, &clock, &mut desk);
        let skipped = decided.parts.iter().filter(|p| p.skipped).count();
        assert!(skipped >= skipped_before, "less time, no fewer parts skipped");
        skipped_before = skipped;
        let n_asked = decided.parts[..2].iter().filter(|p| !p.skipped).count();
        assert_eq!(decided.shown.is_empty(), n_asked == 0, "{budget_ns}");
        // Merging and re-ranking are never skipped.
        let may_be = [0, 1, 3, 4].map(|p| decided.parts[p].skipped);
        assert!(may_be.is_sorted(), "once it is spent it stays spent: {may_be:?}");
    }
    assert_eq!(skipped_before, 4, "no budget: no source and no stage");
}

#[test]
fn a_replay_in_steps_and_at_once_reads_the_same_past() {
    let films = films();
    let answer = |past: &Past| {
        let mut desk = Desk::default();
        (0..N_USERS).map(|u| films.decide(past, &request(u, 120_000), &still, &mut desk).shown).collect::<Vec<_>>()
    };
    let mut stepwise = Past::new(&films.plan, &films.fitted);
    let mut replay = Replay::new(&films.plan, &films.actors, &films.events);
    (0..=120).for_each(|second| replay.until(second * 1_000, &mut stepwise));
    let once = films.past(120_000);
    assert_eq!((stepwise.n_events, stepwise.known), (once.n_events, once.known));
    assert_eq!((once.n_events, once.known), (240, 119_000), "two events a second, all before the moment");
    assert_eq!(answer(&stepwise), answer(&once));
}

#[test]
fn what_can_change_without_training_leaves_the_fingerprint_alone() {
    let same = |from: &str, to: &str| {
        let text = FILE.replace(from, to);
        assert_ne!(text, FILE, "{from}");
        planned(FILE).fingerprint() == planned(&text).fingerprint()
    };
    assert!(same("[system]", "# A comment.\n[system]"));
    assert!(same("limit = 4", "limit = 5"));
    assert!(same("20ms", "30ms"));
    assert!(!same("by = movie)", "by = movie, within = 1d)"));
    assert!(!same("keep = 9", "keep = 8"));
    assert!(!same("name = \"films\"", "name = \"movies\""));
}

#[test]
fn a_bundle_is_named_by_its_content_and_refused_when_a_byte_differs() {
    let films = films();
    let dir = tempfile::tempdir().unwrap();
    let bytes = FittedBytes { learned: Vec::new(), sources: vec![Arc::new(vec![1, 2, 3]), Arc::default()] };
    let stage = |name: &str, model: u8| FittedStage {
        name: name.into(),
        kind: "sum".into(),
        columns: vec![ColumnSpec { name: "popularity".into(), categories: None }],
        model: vec![model],
        fit: Default::default(),
    };
    let contents = |model| Contents {
        judged: bytes.clone(),
        shipped: bytes.clone(),
        stages: vec![stage("first", 7), stage("second", model)],
        codebooks: Default::default(),
        known_before_ms: 10,
        judged_before_ms: 5,
    };
    let write = |model| bundle::write(dir.path(), &films.plan, &films.actors, &contents(model)).unwrap();
    // A write that was cut short leaves a folder that nobody takes for a bundle, and the next is not in its way.
    std::fs::create_dir(dir.path().join(".making-cut-short")).unwrap();
    let (a, again, b) = (write(8), write(8), write(9));
    assert_eq!(a.name, again.name);
    assert_ne!(a.name, b.name);
    assert_eq!(bundle::current(dir.path(), &films.plan).unwrap().name, b.name, "the last one is the current one");
    let open = || {
        let bundle = bundle::open(&a.dir, &films.plan)?;
        bundle.seed(&mut Actors::new(&films.plan.system))?;
        bundle.fitted(&films.plan, &films.actors, &bundle.manifest.judged).map(|_| ())
    };
    open().unwrap();
    for file in std::fs::read_dir(&a.dir).unwrap() {
        let path = file.unwrap().path();
        let whole = std::fs::read(&path).unwrap();
        let mut changed = whole.clone();
        changed[0] ^= 1;
        for wrong in [changed, whole[..whole.len() - 1].to_vec()] {
            std::fs::write(&path, wrong).unwrap();
            let error = open().unwrap_err();
            assert!(matches!(error, bundle::Error::Damaged { .. }), "{}: {error}", path.display());
        }
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(open().unwrap_err(), bundle::Error::Io { .. }), "{}", path.display());
        std::fs::write(&path, whole).unwrap();
    }
    open().unwrap();
}

#[test]
fn every_mistake_is_told_at_once_and_nobody_is_blamed_for_what_he_refers_to() {
    let check = |changes: &[(&str, &str)], expected: &[&str]| {
        let mut text = FILE.to_string();
        for (from, to) in changes {
            assert!(text.contains(from), "{from}");
            text = text.replace(from, to);
        }
        let (_, wrong) = plan(&text, Registries { models: MODELS, ..Registries::default() });
        let told: Vec<&str> = wrong.iter().map(|w| w.message.as_str()).collect();
        assert_eq!(told.len(), expected.len(), "{told:?}");
        for (told, expected) in told.iter().zip(expected) {
            assert!(told.contains(expected), "{told}, expected {expected}");
        }
    };
    let function = ("popularity = \"count(", "popularity = \"cuont(");
    let field = ("[actors.movie]", "[actors.movie]\nfields = { year = \"nubmer\", length = \"number\" }");
    let year = ("near = \"score.near\"", "near = \"movie.year\"\nlong = \"movie.lenght\"");
    check(&[function], &["cuont"]);
    check(&[field, function], &["nubmer", "cuont"]);
    check(&[field, year, function], &["nubmer", "cuont", "lenght"]);
    let second = (
        "[decision]",
        "[events.click]\nactors = { usr = \"user_id\", movie = \"movie_id\" }\n[events.far]\nwhere = \"click.movie == 'a'\"\n[decision]",
    );
    let reads = (
        "near = \"score.near\"",
        "near = \"count(click, by = user) + count(far, by = movie)\"\nlong = \"movie.lenght\"",
    );
    let source = (
        "[[stages]]\nkind = \"sum\"\nname = \"first\"",
        "[[candidates]]\nkind = \"popular\"\nname = \"clicked\"\nevent = \"far\"\nkeep = 3\n[[stages]]\nkind = \"sum\"\nname = \"first\"",
    );
    check(&[second, reads, source], &["usr", "lenght"]);
    // The decision's own event: nothing can be resolved without it.
    check(&[("user = \"user_id\"", "usr = \"user_id\""), function], &["usr"]);
}

#[test]
fn the_plan_says_what_a_key_of_every_cell_takes() {
    let text = r#"
[system]
name = "small"
task = "rank"
[actors.user]
[actors.item]
fields = { tags = "tags" }
[events.view]
actors = { user = "user", item = "item" }
[decision]
each = "view"
for = "user"
item = "item"
[features]
week = "count(view, by = user, within = 7d)"
day = "count(view, by = user, within = 1d)"
always = "count(view, by = all)"
topic = "count(view, by = item.tags)"
pair = "seen(view, by = (user, item))"
[[candidates]]
kind = "popular"
event = "view"
keep = 5
"#;
    let (plan, wrong) = plan(text, Registries::default());
    assert_eq!(wrong, []);
    let plan = plan.expect("it has no mistakes");
    let sizes = crate::describe::Sizes { users: 100.0, items: 50.0, events: 1_000.0, counted: true };
    let told = crate::describe::to_json(&plan, &sizes);
    let check = |about: &str, keys: f64, bytes: f64| {
        let cells = told["cells"].as_array().expect("a list");
        let cell = cells.iter().find(|c| c["about"] == about).unwrap_or_else(|| panic!("no {about}: {cells:?}"));
        assert_eq!((cell["keys"].as_f64(), cell["bytes_per_key"].as_f64()), (Some(keys), Some(bytes)), "{about}");
    };
    check("sum within 7d of view by user", 100.0, 8.0 + 16.0 * 10.0);
    check("sum within 1d of view by user", 100.0, 8.0);
    check("sum of view by all", 1.0, 8.0);
    check("sum of view by item.tags", 50.0, 8.0);
    check("sum of view by (user, item)", 1_000.0, 8.0);
    assert!(crate::describe::text(&plan, &sizes).contains("168 B for each of 100"));
    let first = text.replace("[decision]", "[events.read]\nwhere = \"missing(view.user)\"\n[decision]");
    let needs = |text: &str| {
        let text = text.replace("week = \"count(view", "week = \"count(read");
        let (plan, wrong) = super::plan::plan(&text, Registries::default());
        assert_eq!(wrong, []);
        crate::describe::memory_bytes(&plan.expect("it has no mistakes"), &sizes)
    };
    let once = first.replace("missing(view.user)\"", "missing(view.user)\"\nfirst = [\"user\", \"item\"]");
    assert_eq!(needs(&once) - needs(&first), 1_000.0 * 16.0, "what was met is kept");
}
