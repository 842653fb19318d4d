//! One core: events a second through the cells of features like those of `systems/movies`, and how long a matrix takes to fill.
//!
//! A million made-up ratings by 6,040 users of 3,883 films. Folded in one go, and as a replay that stops before every tenth event as
//! for a decision. `cargo bench -p tamis-features`.

use std::time::Instant;
use tamis_features::plan::{Moment, Reader};
use tamis_features::state::{Buffers, fold};
use tamis_features::{FUNCTIONS, FeaturePlan, State, plan};
use tamis_spec::actors::{Actors, schema_of};
use tamis_spec::batch::Column;
use tamis_spec::events::Events;
use tamis_spec::matrix::Matrix;
use tamis_spec::system::System;
use tamis_spec::system::read::{PartKind, Vocabulary, read};

const EVENTS: usize = 1_000_000;
const USERS: u64 = 6_040;
const FILMS: u64 = 3_883;
const GENRES: [&str; 18] = [
    "action",
    "adventure",
    "animation",
    "children",
    "comedy",
    "crime",
    "documentary",
    "drama",
    "fantasy",
    "noir",
    "horror",
    "musical",
    "mystery",
    "romance",
    "science",
    "thriller",
    "war",
    "western",
];
/// Of `systems/movies`, those that are not scores of sources.
const FEATURES: &[&str] = &[
    "log1p(count(liked, by = movie, within = 1d))",
    "log1p(count(liked, by = movie, within = 7d))",
    "log1p(count(liked, by = movie, within = 30d))",
    "log1p(count(liked, by = movie))",
    "log1p(count(rating, by = movie))",
    "mean(rating.stars, by = movie)",
    "since(liked, by = movie)",
    "movie.year",
    "user.age",
    "user.gender == 'M'",
    "user.occupation",
    "log1p(count(rating, by = user))",
    "rate(liked / rating, by = user)",
    "mean(rating.stars, by = user)",
    "last(rating.stars, by = user)",
    "log1p(since(rating, by = user))",
    "since(rating, by = user, from = 'first')",
    "cosine(histogram(liked.movie.genres, by = user), movie.genres)",
    "cosine(recent(rating.movie.genres, by = user, last = 10), movie.genres)",
    "cosine(recent(rating.movie.genres, by = user, last = 3), movie.genres)",
    "movie.year - mean(liked.movie.year, by = user)",
    "movie.year - mean(rating.movie.year, by = user, last = 10)",
    "mean(rating.stars, by = movie) - mean(rating.stars, by = user, last = 10)",
    "similar(recent(rating.movie, by = user, last = 3), movie.genres)",
];

fn main() {
    // 50 features: the same ones, then over again with other windows, so that they need cells of their own.
    let windows = ["2d", "3d", "5d", "10d", "15d", "20d", "45d", "60d", "90d", "120d", "150d", "180d", "360d"];
    let more =
        windows.iter().flat_map(|w| ["movie", "user"].map(|by| format!("count(rating, by = {by}, within = {w})")));
    let all: Vec<String> = FEATURES.iter().map(|f| f.to_string()).chain(more).collect();
    for n in [FEATURES.len(), all.len()] {
        run(&all[..n]);
    }
}

fn run(features: &[String]) {
    let system = system(features);
    let (plan, wrong) = plan(&system, FUNCTIONS, &[]);
    assert!(wrong.is_empty(), "{wrong:?}");
    let (actors, events) = log(&system);
    println!("{} features, {} cells, {EVENTS} events", plan.features.len(), plan.cells.specs.len());
    for each in [EVENTS, 10] {
        let from = Instant::now();
        let state = folded(&plan, &actors, &events, each);
        let seconds = from.elapsed().as_secs_f64();
        let how = if each == EVENTS { "in one go" } else { "ten at a time" };
        println!("  {how}: {seconds:.3} s, {:.2} million events a second", EVENTS as f64 / seconds / 1e6);
        if each == 10 {
            [100, 700].into_iter().for_each(|n| matrix(&plan, &actors, &state, n));
        }
    }
}

fn folded(plan: &FeaturePlan, actors: &Actors, events: &Events, each: usize) -> State {
    let (mut state, mut buffers) = (State::new(&plan.cells), Buffers::default());
    for start in (0..EVENTS).step_by(each) {
        let rows = start..(start + each).min(EVENTS);
        state.advance(&plan.cells, actors, events.kinds[0].known[start]);
        fold(&plan.cells, actors, &mut state, (events, 0, rows), &mut buffers, &mut |_, _, _, _| {});
    }
    state.advance(&plan.cells, actors, events.kinds[0].known[EVENTS - 1] + 1);
    state
}

/// Fills matrices for many users and tells the quickest half's slowest and the slowest of a hundred.
fn matrix(plan: &FeaturePlan, actors: &Actors, state: &State, n_items: u32) {
    let which: Vec<usize> = (0..plan.features.len()).collect();
    let (mut reader, mut rows, mut micros) = (Reader::default(), Matrix::default(), Vec::new());
    for user in 0..2_000u32 {
        let items: Vec<u32> = (0..n_items).map(|i| (user * 31 + i * 5) % FILMS as u32).collect();
        let moment = Moment {
            now: events_end(),
            user,
            items: &items,
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
        };
        let from = Instant::now();
        plan.rows(&which, &moment, &mut reader, &mut rows);
        micros.push(from.elapsed().as_secs_f64() * 1e6);
    }
    micros.sort_unstable_by(f64::total_cmp);
    println!(
        "  {n_items} candidates by {} features: p50 {:.0} us, p99 {:.0} us",
        which.len(),
        micros[micros.len() / 2],
        micros[micros.len() * 99 / 100]
    );
}

/// One rating every 90 seconds.
fn time_of(event: usize) -> i64 {
    956_703_932_000 + event as i64 * 90_000
}

fn events_end() -> i64 {
    time_of(EVENTS)
}

fn log(system: &System) -> (Actors, Events) {
    let mut state = 1u64;
    let mut below = move |n: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    };
    let schema = schema_of(system);
    let mut batch = schema.batch();
    for (kind, n) in [(0u16, USERS), (1, FILMS)] {
        for key in 0..n {
            batch.order.push(kind);
            let rows = &mut batch.rows[usize::from(kind)];
            rows.time.push(0);
            rows.known.push(0);
            rows.keys[0].push(&key.to_string());
            for column in &mut rows.fields {
                match column {
                    Column::Numbers(c) => c.push(1_920.0 + below(80) as f64),
                    Column::Texts(c) => c.push(["M", "F"][below(2) as usize]),
                    Column::Tags(c) => {
                        (0..=below(3)).for_each(|_| c.push(GENRES[below(18) as usize], 1.0));
                        c.end_row();
                    }
                    other => other.push_missing(),
                }
            }
        }
    }
    let rows = &mut batch.rows[2];
    for event in 0..EVENTS {
        batch.order.push(2);
        rows.time.push(time_of(event));
        rows.known.push(time_of(event));
        rows.keys[0].push(&below(USERS).to_string());
        rows.keys[1].push(&below(FILMS).min(below(FILMS)).to_string());
        if let Column::Numbers(stars) = &mut rows.fields[0] {
            stars.push(1.0 + below(5) as f64);
        }
    }
    let (mut actors, mut events) = (Actors::new(system), Events::new(system));
    actors.apply(&schema, &batch, &mut events);
    (actors, events)
}

fn system(features: &[String]) -> System {
    let lines: Vec<String> = features.iter().enumerate().map(|(i, f)| format!("f{i} = \"{f}\"")).collect();
    let text = format!(
        r#"
[system]
name = "films"
task = "rank"
[actors.user]
fields = {{ age = "number", gender = "category", occupation = "category" }}
[actors.movie]
fields = {{ genres = "tags", year = "number" }}
[events.rating]
actors = {{ user = "user_id", movie = "item_idx" }}
fields = {{ stars = "number" }}
[events.liked]
where = "rating.stars >= 4"
[decision]
each = "liked"
for = "user"
item = "movie"
[features]
{}
[[candidates]]
kind = "some"
keep = 1
"#,
        lines.join("\n")
    );
    let some = PartKind { name: "some", about: "", example: "", params: &[] };
    let (system, wrong) = read(&text, &Vocabulary { candidates: vec![some], ..Vocabulary::default() });
    assert!(wrong.is_empty(), "{wrong:?}");
    system.expect("it has no mistakes")
}
