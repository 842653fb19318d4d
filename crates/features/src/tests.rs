//! The room as a whole: every example is read, and a row sees only its past.

use crate::plan::{Moment, Reader};
use crate::state::{Buffers, fold};
use crate::{FUNCTIONS, FeaturePlan, State, plan};
use proptest::prelude::*;
use tamis_spec::actors::{Actors, schema_of};
use tamis_spec::batch::{Batch, Column};
use tamis_spec::events::Events;
use tamis_spec::matrix::Matrix;
use tamis_spec::param::{Param, ParamType};
use tamis_spec::system::System;
use tamis_spec::system::read::{PartKind, Vocabulary, read};

fn system(features: &str) -> System {
    let text = format!(
        r#"
[system]
name = "films"
task = "rank"
[actors.user]
fields = {{ age = "number", gender = "category", favourite = "category" }}
[actors.movie]
fields = {{ title = "text", genres = "tags", year = "number", released = "time" }}
[events.rating]
actors = {{ user = "user_id", movie = "movie_id" }}
fields = {{ stars = "number" }}
[events.liked]
where = "rating.stars >= 4"
[events.click]
actors = {{ user = "user_id", movie = "movie_id" }}
[events.impression]
actors = {{ user = "user_id", movie = "movie_id" }}
[learned.taste]
kind = "als"
event = "liked"
[decision]
each = "liked"
for = "user"
item = "movie"
[split]
sources = 0.6
train = 0.2
validate = 0.1
test = 0.1
[features]
{features}
[[candidates]]
kind = "some"
keep = 1
[[stages]]
kind = "any"
keep = 1
"#
    );
    let kind = |name, params| PartKind { name, about: "", example: "", params };
    const EVENT: Param = Param { name: "event", ty: ParamType::Event, required: true, about: "" };
    let vocabulary = Vocabulary {
        learned: vec![kind("als", const { &[EVENT] })],
        candidates: vec![kind("some", &[])],
        stages: vec![kind("any", &[])],
        rerank: Vec::new(),
    };
    let (system, wrong) = read(&text, &vocabulary);
    assert_eq!(wrong, [], "{features}");
    system.expect("it has no mistakes")
}

#[test]
fn every_function_says_what_it_does_and_its_example_is_read() {
    for kind in FUNCTIONS {
        assert!(kind.about.ends_with('.'), "{}", kind.name);
        assert!(kind.example.contains(kind.name), "{}", kind.name);
        let as_number = match kind.name {
            "histogram" | "recent" => format!("cosine({}, movie.genres)", kind.example),
            _ => kind.example.to_string(),
        };
        let (_, wrong) = plan(&system(&format!("x = '{as_number}'")), FUNCTIONS, &[]);
        assert_eq!(wrong, [], "{}", kind.name);
        assert_eq!(FUNCTIONS.iter().filter(|k| k.name == kind.name).count(), 1);
    }
}

#[test]
fn mistakes_of_type_and_name_are_told_where_they_stand() {
    let check = |expression: &str, at: &str, message: &str| {
        let source = format!("x = '{expression}'");
        let found = system(&source);
        let (_, wrong) = plan(&found, FUNCTIONS, &[]);
        assert_eq!(wrong.len(), 1, "{expression}: {wrong:?}");
        let start = found.features[0].expr.span.start;
        let span = wrong[0].span.start - start..wrong[0].span.end - start;
        assert_eq!((&expression[span], wrong[0].message.as_str()), (at, message), "{expression}");
    };
    check("user.agee", "agee", "unknown field of `user` `agee`");
    check("cuont(liked, by = user)", "cuont", "unknown function `cuont`");
    check("count(likd, by = user)", "likd", "unknown event `likd`");
    check("count(liked)", "count", "`count` does not say whose events it reads");
    check("user.gender + 1", "user.gender", "`+` takes numbers, found a category");
    check("cosine(user.age, movie.genres)", "user.age", "`cosine` takes tags or a vector, found a number");
    check("liked", "liked", "the event `liked` can only be read by an aggregate");
    check("count(liked, by = user, within = 7d, half_life = 7d)", "7d", "`within` and `half_life` exclude each other");
    check("count(liked, by = user.age)", "user.age", "`by` takes actors and categories, found a number");
    check("score.some + score.other", "other", "unknown source or stage `other`");
    check("movie.genres", "movie.genres", "`feature x` takes a number or a category, found tags");
}

/// (time, user, movie, stars; missing when negative)
type Rating = (i64, u32, u32, f32);

const FEATURES: &str = "
count = 'count(rating, by = movie)'
window = 'count(liked, by = movie, within = 10s)'
low = 'count(rating where rating.stars < 3, by = user)'
sum = 'sum(rating.stars, by = user, within = 20s)'
mean = 'mean(rating.stars, by = movie)'
latest = 'mean(rating.stars, by = user, last = 2)'
last = 'last(rating.stars, by = user)'
since = 'since(liked, by = user)'
first = 'since(rating, by = movie, from = \"first\")'
fading = 'count(rating, by = movie, half_life = 5s)'
pair = 'count(rating, by = (user, movie))'
rate = 'rate(liked / rating, by = movie, prior = 2, expected = 0.5)'
";

/// The features by their definitions: a look at every earlier rating for each.
fn reference(past: &[Rating], now: i64, user: u32, movie: u32) -> Vec<f32> {
    let past: Vec<&Rating> = past.iter().filter(|r| r.0 < now).collect();
    let of_user: Vec<&Rating> = past.iter().filter(|r| r.1 == user).copied().collect();
    let of_movie: Vec<&Rating> = past.iter().filter(|r| r.2 == movie).copied().collect();
    let liked = |r: &&&Rating| r.3 >= 4.0;
    let stars = |of: &[&Rating]| of.iter().map(|r| r.3).filter(|s| *s >= 0.0).collect::<Vec<f32>>();
    let mean = |v: &[f32]| if v.is_empty() { f32::NAN } else { v.iter().sum::<f32>() / v.len() as f32 };
    let hours = |t: Option<i64>| t.map_or(f32::NAN, |t| (now - t) as f32 / 3_600_000.0);
    let all = stars(&of_user);
    let n = of_movie.len() as f32;
    let recent: Vec<&Rating> = of_user.iter().filter(|r| r.0 >= now - 20_000).copied().collect();
    vec![
        n,
        of_movie.iter().filter(liked).filter(|r| r.0 >= now - 10_000).count() as f32,
        of_user.iter().filter(|r| (0.0..3.0).contains(&r.3)).count() as f32,
        stars(&recent).iter().sum(),
        mean(&stars(&of_movie)),
        mean(&all[all.len().saturating_sub(2)..]),
        all.last().copied().unwrap_or(f32::NAN),
        hours(of_user.iter().filter(liked).map(|r| r.0).max()),
        hours(of_movie.iter().map(|r| r.0).min()),
        of_movie.iter().map(|r| (-(now - r.0) as f32 / 5_000.0).exp2()).sum(),
        of_movie.iter().filter(|r| r.1 == user).count() as f32,
        (of_movie.iter().filter(liked).count() as f32 + 1.0) / (n + 2.0),
    ]
}

fn log_of(system: &System, ratings: &[Rating]) -> (Actors, Events) {
    let schema = schema_of(system);
    let mut batch: Batch = schema.batch();
    // All actors are known from the start, so that their indices are their numbers.
    for (kind, n) in [(0u16, 4), (1, 5)] {
        for key in 0..n {
            batch.order.push(kind);
            let rows = &mut batch.rows[kind as usize];
            rows.time.push(0);
            rows.known.push(0);
            rows.keys[0].push(&key.to_string());
            rows.fields.iter_mut().for_each(Column::push_missing);
        }
    }
    for (time, user, movie, stars) in ratings {
        batch.order.push(2);
        let rows = &mut batch.rows[2];
        rows.time.push(*time);
        rows.known.push(*time);
        rows.keys[0].push(&user.to_string());
        rows.keys[1].push(&movie.to_string());
        let Column::Numbers(column) = &mut rows.fields[0] else { panic!("stars are numbers") };
        column.push(if *stars < 0.0 { f64::NAN } else { f64::from(*stars) });
    }
    let (mut actors, mut events) = (Actors::new(system), Events::new(system));
    actors.apply(&schema, &batch, &mut events);
    (actors, events)
}

/// The rows of decisions, in the order of time, as a replay reads them.
fn replayed(plan: &FeaturePlan, system: &System, ratings: &[Rating], decisions: &[(i64, u32)]) -> Vec<Matrix> {
    let (actors, events) = log_of(system, ratings);
    let mut state = State::new(&plan.cells);
    let (mut buffers, mut reader, mut next) = (Buffers::default(), Reader::default(), 0);
    let which: Vec<usize> = (0..plan.features.len()).collect();
    let mut out = Vec::new();
    for (now, user) in decisions {
        let end = events.kinds[0].known.partition_point(|k| k < now);
        fold(&plan.cells, &actors, &mut state, (&events, 0, next..end), &mut buffers, &mut |_, _, _, _| {});
        next = end;
        state.advance(*now);
        let moment = Moment {
            now: *now,
            user: *user,
            items: &[0, 1, 2, 3, 4],
            actors: &actors,
            state: &state,
            source_scores: None,
            source_ranks: None,
            stage_scores: &[],
            user_vectors: &[],
            item_vectors: &[],
        };
        let mut rows = Matrix::default();
        plan.rows(&which, &moment, &mut reader, &mut rows);
        out.push(rows);
    }
    out
}

proptest! {
    #[test]
    fn a_row_sees_only_its_past(
        mut ratings in prop::collection::vec((0i64..40, 0u32..4, 0u32..5, -1i32..6), 0..60),
        mut decisions in prop::collection::vec((0i64..45, 0u32..4), 1..12),
    ) {
        ratings.sort();
        decisions.sort();
        let ratings: Vec<Rating> = ratings.iter().map(|r| (r.0 * 1000, r.1, r.2, r.3 as f32)).collect();
        let decisions: Vec<(i64, u32)> = decisions.iter().map(|d| (d.0 * 1000, d.1)).collect();
        let system = system(FEATURES);
        let (plan, wrong) = plan(&system, FUNCTIONS, &[]);
        prop_assert_eq!(wrong, []);
        let rows = replayed(&plan, &system, &ratings, &decisions);
        for ((now, user), rows) in decisions.iter().zip(&rows) {
            for movie in 0..5u32 {
                let expected = reference(&ratings, *now, *user, movie);
                for ((feature, found), expected) in plan.features.iter().zip(rows.row(movie as usize)).zip(expected) {
                    let same = (found.is_nan() && expected.is_nan()) || (found - expected).abs() <= 1e-4 * expected.abs().max(1.0);
                    prop_assert!(same, "{} at {now} for {user}, {movie}: {found}, expected {expected}", feature.name);
                }
            }
        }
        // Reading at fewer moments changes no bit of what is read at the last.
        let alone = replayed(&plan, &system, &ratings, &decisions[decisions.len() - 1..]);
        let bits = |m: &Matrix| m.values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(rows.last().map(bits), alone.last().map(bits));
    }
}
