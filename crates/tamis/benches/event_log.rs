//! Features of ten million events: `cargo bench -p tamis --bench event_log -- DIR`, where DIR holds `events.parquet` (time, user, item, kind,
//! amount), `items.parquet` (item, category), `decisions.parquet` (id, time, user, item) and, to compare with, `oracle_10.parquet` and
//! `oracle_50.parquet` (id and the features). One thread. Prints one JSON object.

use std::path::PathBuf;
use std::time::Instant;
use tamis_features::plan::{Moment, Reader};
use tamis_features::state::{Buffers, fold};
use tamis_features::{FUNCTIONS, FeaturePlan, State, plan};
use tamis_ingest::{Sought, import};
use tamis_spec::actors::{Actors, Field, schema_of};
use tamis_spec::events::Events;
use tamis_spec::matrix::Matrix;
use tamis_spec::system::System;
use tamis_spec::system::read::{PartKind, Vocabulary, read};

/// The ten, by their names in the oracle.
const TEN: [&str; 10] = [
    "clicks_item_1d",
    "clicks_item_7d",
    "clicks_user_7d",
    "views_user_1d",
    "amount_user_30d",
    "rate_purchase_item_30d",
    "since_click_user",
    "since_click_pair",
    "half_clicks_item",
    "clicks_usercat_30d",
];

/// The fifty: names and what they mean.
fn fifty() -> Vec<(String, String)> {
    let mut out: Vec<(String, String)> = Vec::new();
    let mut add = |name: String, meaning: String| out.push((name, meaning));
    for kind in ["view", "click", "purchase"] {
        for by in ["item", "user"] {
            for within in ["1h", "1d", "7d", "30d"] {
                add(format!("{kind}s_{by}_{within}"), format!("count({kind}, by = {by}, within = {within})"));
            }
            add(format!("{kind}s_{by}_all"), format!("count({kind}, by = {by})"));
        }
    }
    let usercat = "by = (user, item.category)";
    for (name, meaning) in [
        ("clicks_usercat_7d", format!("count(click, {usercat}, within = 7d)")),
        ("clicks_usercat_30d", format!("count(click, {usercat}, within = 30d)")),
        ("clicks_usercat_all", format!("count(click, {usercat})")),
        ("views_pair_all", "count(view, by = (user, item))".into()),
        ("clicks_pair_all", "count(click, by = (user, item))".into()),
        ("amount_user_30d", "sum(purchase.amount, by = user, within = 30d)".into()),
        ("amount_user_all", "sum(purchase.amount, by = user)".into()),
        ("amount_item_30d", "sum(purchase.amount, by = item, within = 30d)".into()),
        ("amount_item_all", "sum(purchase.amount, by = item)".into()),
        ("mean_amount_item", "mean(purchase.amount, by = item)".into()),
        ("distinct_items_user_7d", "distinct(event.item, by = user, within = 7d)".into()),
        ("since_click_user", "since(click, by = user)".into()),
        ("since_click_item", "since(click, by = item)".into()),
        ("since_click_pair", "since(click, by = (user, item))".into()),
        ("since_purchase_user", "since(purchase, by = user)".into()),
        (
            "rate_purchase_item_30d",
            "(count(purchase, by = item, within = 30d) + 2) / (count(click, by = item, within = 30d) + 20)".into(),
        ),
        (
            "rate_click_item_7d",
            "(count(click, by = item, within = 7d) + 5) / (count(view, by = item, within = 7d) + 25)".into(),
        ),
        ("half_clicks_item", "count(click, by = item, half_life = 7d)".into()),
        ("half_clicks_user", "count(click, by = user, half_life = 7d)".into()),
        ("half_purchases_item", "count(purchase, by = item, half_life = 7d)".into()),
    ] {
        add(name.into(), meaning);
    }
    out
}

fn system(features: &[(String, String)], oracle: Option<&str>) -> System {
    let lines: Vec<String> = features.iter().map(|(name, meaning)| format!("{name} = \"{meaning}\"")).collect();
    let fields: Vec<String> = features.iter().map(|(name, _)| format!("{name} = \"number\"")).collect();
    let oracle = oracle
        .map(|file| format!("[actors.oracle]\nfrom = \"{file}\"\nkey = \"id\"\nfields = {{ {} }}", fields.join(", ")));
    let text = format!(
        r#"
[system]
name = "log"
task = "rank"
[actors.user]
[actors.item]
from = "items.parquet"
key = "item"
fields = {{ category = "category" }}
[actors.question]
{}
[events.event]
from = "events.parquet"
time = "time"
actors = {{ user = "user", item = "item" }}
fields = {{ kind = "number", amount = "number" }}
[events.view]
where = "event.kind == 0"
[events.click]
where = "event.kind == 1"
[events.purchase]
where = "event.kind == 2"
[events.asked]
from = "decisions.parquet"
time = "time"
actors = {{ user = "user", item = "item", question = "id" }}
[decision]
each = "asked"
for = "user"
item = "item"
[features]
{}
[[candidates]]
kind = "some"
keep = 1
"#,
        oracle.unwrap_or_default(),
        lines.join("\n")
    );
    let some = PartKind { name: "some", about: "", example: "", params: &[] };
    let (system, wrong) = read(&text, &Vocabulary { candidates: vec![some], ..Vocabulary::default() });
    assert!(wrong.is_empty(), "{wrong:?}");
    system.expect("it has no mistakes")
}

fn main() {
    let Some(dir) = std::env::args().skip(1).find(|a| !a.starts_with("--")).map(PathBuf::from) else {
        println!("give a folder with events.parquet, items.parquet and decisions.parquet");
        return;
    };
    let all = fifty();
    let ten: Vec<_> = TEN.iter().map(|t| all.iter().find(|(n, _)| n == t).expect("one of the fifty").clone()).collect();
    let mut out = serde_json::Map::new();
    for (n, features) in [(10, &ten), (50, &all)] {
        let oracle = format!("oracle_{n}.parquet");
        let oracle = dir.join(&oracle).exists().then_some(oracle.as_str());
        out.extend(run(&dir, n, features, oracle));
    }
    let peak = tamis_observe::resources::peak_resident_bytes();
    out.insert("peak_mb".into(), (peak as f64 / 1e6).into());
    println!("{}", serde_json::Value::Object(out));
}

fn run(
    dir: &std::path::Path,
    n: usize,
    features: &[(String, String)],
    oracle: Option<&str>,
) -> Vec<(String, serde_json::Value)> {
    let system = system(features, oracle);
    let (plan, wrong) = plan(&system, FUNCTIONS, &[]);
    assert!(wrong.is_empty(), "{wrong:?}");
    let begin = Instant::now();
    let (actors, events) = load(dir, &system);
    let loaded = begin.elapsed().as_secs_f64();
    let n_events = events.kinds[0].known.len();
    let begin = Instant::now();
    let (rows, state) = at_decisions(&plan, &actors, &events);
    let at = begin.elapsed().as_secs_f64();
    let begin = Instant::now();
    let sum = at_every_event(&plan, &actors, &events);
    let every = begin.elapsed().as_secs_f64();
    let cells = plan.cells.specs.len();
    let off = oracle.map(|_| off(&system, &actors, &events, &rows, features.len()));
    let figure = |name: &str, value: f64| (format!("{name}_{n}"), value.into());
    let mut out = vec![
        figure("cells", cells as f64),
        figure("read_s", loaded),
        figure("at_s", at),
        figure("replay_events_per_s", n_events as f64 / at),
        figure("all_s", every),
        figure("all_per_s", n_events as f64 / every),
        figure("all_mean", sum / (n_events * features.len()) as f64),
        figure("state_mb", state as f64 / 1e6),
    ];
    out.extend(off.map(|off| figure("diff", off)));
    out
}

fn load(dir: &std::path::Path, system: &System) -> (Actors, Events) {
    let sought = Sought { folder: dir.to_path_buf(), data: None };
    let mut read = import(system, &sought, i64::MAX, &mut |_, _| {}).unwrap_or_else(|e| panic!("{e}"));
    let schema = schema_of(system);
    let (mut actors, mut events) = (Actors::new(system), Events::new(system));
    let done: Result<(), ()> = read.batches(|batch| {
        actors.apply(&schema, batch, &mut events);
        Ok(())
    });
    done.expect("nothing stops it");
    (actors, events)
}

/// One row for each decision, and the bytes of the state at the end.
fn at_decisions(plan: &FeaturePlan, actors: &Actors, events: &Events) -> (Vec<f32>, usize) {
    let which: Vec<usize> = (0..plan.features.len()).collect();
    let (mut state, mut buffers) = (State::new(&plan.cells), Buffers::default());
    let (mut reader, mut rows, mut out) = (Reader::default(), Matrix::default(), Vec::new());
    let (log, asked) = (&events.kinds[0], &events.kinds[1]);
    let mut next = 0;
    for d in 0..asked.known.len() {
        let now = asked.known[d];
        let end = next + log.known[next..].partition_point(|k| *k < now);
        fold(&plan.cells, actors, &mut state, (events, 0, next..end), &mut buffers, &mut |_, _, _, _| {});
        next = end;
        state.advance(&plan.cells, actors, now);
        let moment = moment(now, asked.actors[0][d], &asked.actors[1][d..=d], actors, &state);
        plan.rows(&which, &moment, &mut reader, &mut rows);
        out.extend_from_slice(&rows.values);
    }
    let end = log.known.len();
    fold(&plan.cells, actors, &mut state, (events, 0, next..end), &mut buffers, &mut |_, _, _, _| {});
    (out, state.bytes())
}

/// One row for each event, of what came strictly before it; their sum, so that nothing is left out.
fn at_every_event(plan: &FeaturePlan, actors: &Actors, events: &Events) -> f64 {
    let which: Vec<usize> = (0..plan.features.len()).collect();
    let (mut state, mut buffers) = (State::new(&plan.cells), Buffers::default());
    let (mut reader, mut rows, mut sum) = (Reader::default(), Matrix::default(), 0.0f64);
    let log = &events.kinds[0];
    let (mut start, n) = (0, log.known.len());
    while start < n {
        let now = log.known[start];
        let end = start + log.known[start..].partition_point(|k| *k == now);
        state.advance(&plan.cells, actors, now);
        for e in start..end {
            let moment = moment(now, log.actors[0][e], &log.actors[1][e..=e], actors, &state);
            plan.rows(&which, &moment, &mut reader, &mut rows);
            sum += rows.values.iter().filter(|v| !v.is_nan()).map(|v| f64::from(*v)).sum::<f64>();
        }
        fold(&plan.cells, actors, &mut state, (events, 0, start..end), &mut buffers, &mut |_, _, _, _| {});
        start = end;
    }
    sum
}

fn moment<'a>(now: i64, user: u32, items: &'a [u32], actors: &'a Actors, state: &'a State) -> Moment<'a> {
    Moment {
        now,
        user,
        items,
        actors,
        state,
        source_scores: None,
        source_ranks: None,
        stage_scores: &[],
        user_vectors: &[],
        item_vectors: &[],
        encoders: &[],
        positions: &[],
        came: Default::default(),
        request: None,
    }
}

/// The largest |value - oracle| / (1 + |oracle|); infinite where one of them is missing.
fn off(system: &System, actors: &Actors, events: &Events, rows: &[f32], width: usize) -> f64 {
    let oracle = &actors.tables[system.actor("oracle").expect("it was declared")];
    let questions = &actors.tables[system.actor("question").expect("it was declared")].keys;
    let mut worst = 0.0f64;
    for (row, question) in rows.chunks_exact(width).zip(&events.kinds[1].actors[2]) {
        let known = oracle.keys.find(questions.name(*question));
        for (value, field) in row.iter().zip(&oracle.fields) {
            let Field::Numbers(column) = field else { panic!("a feature is a number") };
            let Some(expected) = column.get(known as usize) else { continue };
            worst = worst.max(match (value.is_nan(), expected.is_nan()) {
                (true, true) => 0.0,
                (false, false) => f64::from((value - expected).abs() / (1.0 + expected.abs())),
                _ => f64::INFINITY,
            });
        }
    }
    worst
}
