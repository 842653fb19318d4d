//! A row sees only its past: what a replay reads equals the slow reference, and to the bit however the log is cut.

use super::reference::{Asked, FEATURES, Film, Happening, Kind, World};
use super::system;
use crate::plan::{Moment, Reader};
use crate::state::{Buffers, fold};
use crate::{FUNCTIONS, FeaturePlan, State, plan};
use proptest::prelude::*;
use tamis_spec::actors::{Actors, schema_of};
use tamis_spec::batch::{Batch, Class, Column, Schema};
use tamis_spec::events::Events;
use tamis_spec::matrix::Matrix;
use tamis_spec::system::System;

const N_USERS: u32 = 3;
/// The last of them has never been heard of.
const N_FILMS: u32 = 6;

fn planned() -> (System, FeaturePlan) {
    let lines: Vec<String> = FEATURES.iter().enumerate().map(|(i, (e, _))| format!("f{i} = '{e}'")).collect();
    let system = system(&lines.join("\n"));
    let (plan, wrong) = plan(&system, FUNCTIONS, &[]);
    assert_eq!(wrong, []);
    (system, plan)
}

fn append(schema: &Schema, batch: &mut Batch, (class, name): (Class, &str), time: i64, keys: &[String]) -> usize {
    let kind = schema.find(class, name).expect("the fixture declares it");
    batch.order.push(kind as u16);
    let rows = &mut batch.rows[kind];
    rows.time.push(time);
    rows.known.push(time);
    rows.keys.iter_mut().zip(keys).for_each(|(k, key)| k.push(key));
    rows.fields.iter_mut().for_each(Column::push_missing);
    kind
}

/// Overwrites the missing value that `append` left in a field.
fn set(schema: &Schema, batch: &mut Batch, kind: usize, field: &str, write: impl FnOnce(&mut Column)) {
    let at = schema.records[kind].fields.iter().position(|(f, _)| f == field).expect("the fixture declares it");
    let column = &mut batch.rows[kind].fields[at];
    match column {
        Column::Numbers(v) => drop(v.pop()),
        Column::Texts(t) => drop(t.ends.pop()),
        Column::Tags(t) => drop(t.ends.pop()),
        other => panic!("no field of the fixture is {other:?}"),
    }
    write(column);
}

fn number(v: f32) -> impl FnOnce(&mut Column) {
    move |c| {
        if let Column::Numbers(c) = c {
            c.push(f64::from(v))
        }
    }
}

fn word(w: u32) -> impl FnOnce(&mut Column) {
    move |c| {
        if let Column::Texts(c) = c {
            c.push(&format!("w{w}"))
        }
    }
}

fn in_memory(system: &System, world: &World) -> (Actors, Events) {
    let schema = schema_of(system);
    let mut batch = schema.batch();
    for (user, gender) in world.genders.iter().enumerate() {
        let kind = append(&schema, &mut batch, (Class::Actor, "user"), 0, &[user.to_string()]);
        gender.iter().for_each(|g| set(&schema, &mut batch, kind, "gender", word(*g)));
    }
    for (movie, film) in world.films.iter().enumerate() {
        let kind = append(&schema, &mut batch, (Class::Actor, "movie"), 0, &[movie.to_string()]);
        film.year.into_iter().for_each(|y| set(&schema, &mut batch, kind, "year", number(y)));
        film.director.into_iter().for_each(|d| set(&schema, &mut batch, kind, "director", word(d)));
        set(&schema, &mut batch, kind, "genres", |c| {
            let Column::Tags(tags) = c else { panic!("genres are tags") };
            film.genres.iter().for_each(|(w, weight)| tags.push(&format!("w{w}"), *weight));
            tags.end_row();
        });
    }
    for e in &world.log {
        let name = match e.kind {
            Kind::Rating => "rating",
            Kind::Click => "click",
            Kind::Impression => "impression",
            Kind::Follow => "follow",
        };
        let key = |k: Option<u32>| k.map_or(String::new(), |k| k.to_string());
        let kind = append(&schema, &mut batch, (Class::Event, name), e.time, &[key(e.user), key(e.movie)]);
        if let (Some(stars), Kind::Rating) = (e.stars, e.kind) {
            set(&schema, &mut batch, kind, "stars", number(stars));
        }
    }
    let (mut actors, mut events) = (Actors::new(system), Events::new(system));
    actors.apply(&schema, &batch, &mut events);
    (actors, events)
}

/// The rows of decisions, which are in the order of time; each fold takes at most `most` events.
fn replayed(system: &System, plan: &FeaturePlan, world: &World, asked: &[(i64, u32)], most: usize) -> Vec<Matrix> {
    let (actors, events) = in_memory(system, world);
    let (mut state, mut buffers, mut reader) = (State::new(&plan.cells), Buffers::default(), Reader::default());
    let find = |actor: &str, key: u32| actors.tables[system.actor(actor).unwrap()].keys.find(&key.to_string());
    let items: Vec<u32> = (0..N_FILMS).map(|m| find("movie", m)).collect();
    let which: Vec<usize> = (0..plan.features.len()).collect();
    let mut next = vec![0; events.kinds.len()];
    let mut out = Vec::new();
    for &(now, user) in asked {
        for (event, rows) in events.kinds.iter().enumerate() {
            let end = rows.known.partition_point(|k| *k < now);
            while next[event] < end {
                let stretch = next[event]..end.min(next[event].saturating_add(most));
                next[event] = stretch.end;
                fold(&plan.cells, &actors, &mut state, (&events, event, stretch), &mut buffers, &mut |_, _, _, _| {});
            }
        }
        state.advance(&plan.cells, &actors, now);
        let moment = Moment {
            now,
            user: find("user", user),
            items: &items,
            actors: &actors,
            state: &state,
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
        let mut rows = Matrix::default();
        plan.rows(&which, &moment, &mut reader, &mut rows);
        out.push(rows);
    }
    out
}

/// Counts to the bit; the rest to 1e-4 of its size.
fn agree(expression: &str, found: f32, expected: f32) -> bool {
    let exact = expression.starts_with("count") || expression.starts_with("seen");
    if exact && !expression.contains("half_life") {
        return found == expected;
    }
    (found.is_nan() && expected.is_nan()) || (found - expected).abs() <= 1e-4 * expected.abs().max(0.01)
}

fn compare(world: &World, asked: &[(i64, u32)], rows: &[Matrix]) -> Result<(), String> {
    for (&(now, user), rows) in asked.iter().zip(rows) {
        for movie in 0..N_FILMS {
            for (f, (expression, definition)) in FEATURES.iter().enumerate() {
                let (found, expected) = (rows.row(movie as usize)[f], definition(&Asked { world, now, user, movie }));
                if !agree(expression, found, expected) {
                    return Err(format!("{expression} at {now}, {user} and {movie}: {found}, expected {expected}"));
                }
            }
        }
    }
    Ok(())
}

fn maybe<T: Clone + std::fmt::Debug + 'static>(
    of: impl Strategy<Value = T> + 'static,
) -> impl Strategy<Value = Option<T>> {
    prop::option::weighted(0.85, of)
}

fn worlds(n_events: usize) -> impl Strategy<Value = World> {
    let genders = prop::collection::vec(maybe(0u32..2), 2..=N_USERS as usize);
    let weights = prop::sample::select(vec![0.5f32, 1.0, 2.0]);
    let genres = prop::collection::btree_map(0u32..4, weights, 0..3).prop_map(|g| g.into_iter().collect());
    let film = (maybe((1980u32..2000).prop_map(|y| y as f32)), maybe(0u32..3), genres);
    let film = film.prop_map(|(year, director, genres)| Film { year, director, genres });
    let films = prop::collection::vec(film, 3..N_FILMS as usize - 1);
    let kind = prop::sample::select(vec![Kind::Rating, Kind::Rating, Kind::Click, Kind::Impression, Kind::Follow]);
    let stars = (2u32..11).prop_map(|s| s as f32 / 2.0);
    let event = (0i64..30, kind, maybe(0..N_USERS), maybe(0..N_FILMS - 1), maybe(stars))
        .prop_map(|(second, kind, user, movie, stars)| Happening { time: second * 1_000, kind, user, movie, stars });
    (genders, films, prop::collection::vec(event, 0..n_events)).prop_map(|(genders, films, mut log)| {
        log.sort_by_key(|e| e.time);
        World { genders, films, log }
    })
}

fn decisions() -> impl Strategy<Value = Vec<(i64, u32)>> {
    prop::collection::vec((0i64..45, 0..=N_USERS), 1..8).prop_map(|mut asked| {
        asked.sort_unstable();
        asked.into_iter().map(|(second, user)| (second * 1_000, user)).collect()
    })
}

proptest! {
    #[test]
    fn a_row_sees_only_its_past(world in worlds(80), asked in decisions()) {
        let (system, plan) = planned();
        let rows = replayed(&system, &plan, &world, &asked, usize::MAX);
        prop_assert_eq!(compare(&world, &asked, &rows), Ok(()));
    }

    #[test]
    fn how_the_log_is_cut_and_when_it_is_read_change_no_bit(
        world in worlds(60),
        asked in decisions(),
        others in decisions(),
        most in 1usize..5,
    ) {
        let (system, plan) = planned();
        let mut all: Vec<(i64, u32, bool)> = asked.iter().map(|a| (a.0, a.1, true)).collect();
        all.extend(others.iter().map(|a| (a.0, a.1, false)));
        all.sort_by_key(|a| a.0);
        let moments: Vec<(i64, u32)> = all.iter().map(|a| (a.0, a.1)).collect();
        let whole = replayed(&system, &plan, &world, &asked, usize::MAX);
        let cut = replayed(&system, &plan, &world, &moments, most);
        let cut = cut.iter().zip(&all).filter(|(_, a)| a.2).map(|(m, _)| bits(m));
        prop_assert_eq!(whole.iter().map(bits).collect::<Vec<_>>(), cut.collect::<Vec<_>>());
    }
}

fn bits(of: &Matrix) -> Vec<u32> {
    of.values.iter().map(|v| v.to_bits()).collect()
}

#[test]
fn a_log_of_many_stretches_reads_the_same() {
    let (system, plan) = planned();
    let mut seed = 7u64;
    let mut draw = |n: u32| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as u32 % n
    };
    let films = (0..4).map(|i| Film { year: Some(1985.0 + i as f32), director: Some(i % 3), genres: vec![(i, 1.0)] });
    let mut world = World { genders: vec![Some(0), Some(1), None], films: films.collect(), log: Vec::new() };
    for i in 0..6_000 {
        let kind = [Kind::Rating, Kind::Rating, Kind::Click, Kind::Impression][draw(4) as usize];
        let (user, movie, stars) = (Some(draw(N_USERS)), Some(draw(N_FILMS - 1)), Some(1.0 + draw(5) as f32));
        world.log.push(Happening { time: i * 10, kind, user, movie, stars });
    }
    let asked = [(15_005, 0), (30_000, 1), (59_990, 2), (70_000, 0)];
    let rows = replayed(&system, &plan, &world, &asked, usize::MAX);
    assert_eq!(compare(&world, &asked, &rows), Ok(()));
    let cut = replayed(&system, &plan, &world, &asked, 333);
    assert_eq!(rows.iter().map(bits).collect::<Vec<_>>(), cut.iter().map(bits).collect::<Vec<_>>());
}
