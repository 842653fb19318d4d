//! Actors whose fields change: what is read is what was known.

use super::system;
use crate::plan::{Moment, Reader};
use crate::state::{Buffers, fold};
use crate::{FUNCTIONS, State, plan};
use tamis_spec::actors::{Actors, schema_of};
use tamis_spec::batch::{Batch, Class, Column, Schema};
use tamis_spec::events::Events;
use tamis_spec::matrix::Matrix;
use tamis_spec::system::read::{PartKind, Vocabulary, read};

/// A record of a film, or a rating of it by user 1.
#[derive(Clone, Copy)]
enum Record {
    Film(&'static str, f64, &'static str),
    Rating(&'static str),
}
use Record::{Film, Rating};

fn append(schema: &Schema, batch: &mut Batch, known: i64, record: Record) {
    let (class, name, keys): (_, _, Vec<&str>) = match record {
        Film(key, _, _) => (Class::Actor, "movie", vec![key]),
        Rating(movie) => (Class::Event, "rating", vec!["1", movie]),
    };
    let kind = schema.find(class, name).expect("the fixture declares it");
    batch.order.push(kind as u16);
    let rows = &mut batch.rows[kind];
    rows.time.push(known);
    rows.known.push(known);
    rows.keys.iter_mut().zip(keys).for_each(|(k, key)| k.push(key));
    for (column, (name, _)) in rows.fields.iter_mut().zip(&schema.records[kind].fields) {
        match (column, name.as_str(), record) {
            (Column::Numbers(c), "year", Film(_, year, _)) => c.push(year),
            (Column::Texts(c), "title" | "director", Film(_, _, word)) => c.push(word),
            (Column::Tags(c), "genres", Film(_, _, word)) => {
                c.push(word, 1.0);
                c.end_row();
            }
            (other, _, _) => other.push_missing(),
        }
    }
}

const LOG: [(i64, Record); 8] = [
    (0, Film("a", 1990.0, "one")),
    (5, Rating("a")),
    (5, Rating("b")),
    (10, Film("a", 2000.0, "longer")),
    (10, Rating("a")),
    (20, Film("b", 1980.0, "two")),
    (30, Film("a", 2010.0, "three")),
    (40, Rating("a")),
];

/// The value of an expression for film a and film b, at every moment of `asked`; `whole`: the log is known to its end before the
/// first is read, else what is folded is forgotten by the actors.
fn values(expression: &str, asked: &[i64], whole: bool) -> Vec<[f32; 2]> {
    let system = system(&format!("x = '{expression}'"));
    let (plan, wrong) = plan(&system, FUNCTIONS, &[]);
    assert_eq!(wrong, [], "{expression}");
    let schema = schema_of(&system);
    let (mut actors, mut events) = (Actors::new(&system), Events::new(&system));
    let (mut state, mut buffers) = (State::new(&plan.cells), Buffers::default());
    let mut next = 0;
    let mut folded = 0;
    let mut apply = |until: i64, actors: &mut Actors, events: &mut Events| {
        while let Some((known, record)) = LOG.get(next).filter(|(known, _)| *known < until) {
            let mut batch = schema.batch();
            append(&schema, &mut batch, *known, *record);
            actors.apply(&schema, &batch, events);
            next += 1;
        }
    };
    if whole {
        apply(i64::MAX, &mut actors, &mut events);
    }
    let mut out = Vec::new();
    for now in asked {
        apply(*now, &mut actors, &mut events);
        let end = events.kinds[0].known.partition_point(|k| k < now);
        fold(&plan.cells, &actors, &mut state, (&events, 0, folded..end), &mut buffers, &mut |_, _, _, _| {});
        folded = end;
        if !whole {
            actors.forget_earlier();
        }
        state.advance(&plan.cells, &actors, *now);
        let find = |table: usize, key: &str| actors.tables[table].keys.find(key);
        let items = [find(1, "a"), find(1, "b")];
        let moment = Moment {
            now: *now,
            user: find(0, "1"),
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
        plan.rows(&[0], &moment, &mut Reader::default(), &mut rows);
        out.push([rows.values[0], rows.values[1]]);
    }
    out
}

#[test]
fn a_field_is_what_was_known_before_the_moment_and_an_event_reads_what_came_with_it() {
    let n = f32::NAN;
    let check = |expression: &str, expected: &[(i64, [f32; 2])]| {
        let asked: Vec<i64> = expected.iter().map(|e| e.0).collect();
        for whole in [true, false] {
            let found = values(expression, &asked, whole);
            for ((now, expected), found) in expected.iter().zip(&found) {
                let same = |(a, b): (&f32, &f32)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
                assert!(found.iter().zip(expected).all(same), "{expression} at {now}, {whole}: {found:?}");
            }
        }
    };
    check("movie.year", &[(6, [1990.0, n]), (10, [1990.0, n]), (11, [2000.0, n]), (31, [2010.0, 1980.0])]);
    check("length(movie.title)", &[(6, [3.0, n]), (11, [6.0, n]), (31, [5.0, 3.0])]);
    check("movie.director == \"longer\"", &[(10, [0.0, n]), (11, [1.0, n]), (31, [0.0, 0.0])]);
    check("length(movie.genres)", &[(10, [1.0, 0.0]), (21, [1.0, 1.0])]);
    check("sum(rating.movie.year, by = movie)", &[(6, [1990.0, 0.0]), (11, [3990.0, 0.0]), (41, [6000.0, 0.0])]);
    // Of the words that film a had when it was rated, each counts once.
    check(
        "count(rating, by = movie.director)",
        &[(6, [1.0, 0.0]), (11, [1.0, 0.0]), (35, [0.0, 0.0]), (41, [1.0, 0.0])],
    );
    check("cosine(recent(rating.movie.genres, by = user), movie.genres)", &[(6, [1.0, 0.0])]);
}

#[test]
fn actors_may_refer_to_each_other_in_a_circle() {
    let system = system("x = 'user.mentor.mentor.mentor.age'");
    let (plan, wrong) = plan(&system, FUNCTIONS, &[]);
    assert_eq!(wrong, []);
    let schema = schema_of(&system);
    let mut batch = schema.batch();
    for (key, mentor, age) in [("ann", "bob", 30.0), ("bob", "ann", 40.0), ("eve", "eve", 50.0)] {
        batch.order.push(0);
        let rows = &mut batch.rows[0];
        rows.time.push(0);
        rows.known.push(0);
        rows.keys[0].push(key);
        for (column, (name, _)) in rows.fields.iter_mut().zip(&schema.records[0].fields) {
            match (column, name.as_str()) {
                (Column::Numbers(c), "age") => c.push(age),
                (Column::Texts(c), "mentor") => c.push(mentor),
                (other, _) => other.push_missing(),
            }
        }
    }
    let (mut actors, mut events) = (Actors::new(&system), Events::new(&system));
    actors.apply(&schema, &batch, &mut events);
    for (user, expected) in [("ann", 40.0), ("bob", 30.0), ("eve", 50.0)] {
        let moment = Moment {
            now: 10,
            user: actors.tables[0].keys.find(user),
            items: &[0],
            actors: &actors,
            state: &State::new(&plan.cells),
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
        plan.rows(&[0], &moment, &mut Reader::default(), &mut rows);
        assert_eq!(rows.values, [expected], "{user}");
    }
}

#[test]
fn a_field_that_the_first_event_says_is_known_from_then_on() {
    let text = r#"
[system]
name = "notes"
task = "rank"
[actors.person]
[actors.note]
fields = { author = { type = "person", first = "act.person" } }
[events.act]
actors = { person = "person", note = "note" }
[decision]
each = "act"
for = "person"
item = "note"
[features]
own = "note.author == person"
by_author = "count(act, by = (person, note.author))"
[[candidates]]
kind = "some"
keep = 1
"#;
    let some = PartKind { name: "some", about: "", example: "", params: &[] };
    let (system, wrong) = read(text, &Vocabulary { candidates: vec![some], ..Vocabulary::default() });
    assert!(wrong.is_empty(), "{wrong:?}");
    let system = system.expect("it has no mistakes");
    let (plan, wrong) = plan(&system, FUNCTIONS, &[]);
    assert_eq!(wrong, []);
    let (schema, mut actors, mut events) = (schema_of(&system), Actors::new(&system), Events::new(&system));
    let mut batch = schema.batch();
    let acts = [(10, "ann", "a"), (10, "bob", "a"), (20, "bob", "b"), (30, "ann", "b"), (40, "bob", "a")];
    for (known, person, note) in acts {
        batch.order.push(2);
        let rows = &mut batch.rows[2];
        rows.time.push(known);
        rows.known.push(known);
        rows.keys.iter_mut().zip([person, note]).for_each(|(k, key)| k.push(key));
    }
    actors.apply(&schema, &batch, &mut events);
    let items: Vec<u32> = ["a", "b"].iter().map(|key| actors.tables[1].keys.find(key)).collect();
    // Of each moment: whether each note is the person's own (none: unknown), and how often the person acted on notes of its author.
    let check = |now: i64, person: &str, expected: [[Option<f32>; 2]; 2]| {
        let (mut state, mut buffers) = (State::new(&plan.cells), Buffers::default());
        let end = events.kinds[0].known.partition_point(|k| *k < now);
        fold(&plan.cells, &actors, &mut state, (&events, 0, 0..end), &mut buffers, &mut |_, _, _, _| {});
        state.advance(&plan.cells, &actors, now);
        let moment = Moment {
            now,
            user: actors.tables[0].keys.find(person),
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
        plan.rows(&[0, 1], &moment, &mut Reader::default(), &mut rows);
        let found: Vec<Option<f32>> = rows.values.iter().map(|v| (!v.is_nan()).then_some(*v)).collect();
        assert_eq!(found, expected.concat(), "{person} at {now}");
    };
    check(10, "ann", [[None, Some(0.0)], [None, Some(0.0)]]);
    check(11, "ann", [[Some(1.0), Some(1.0)], [None, Some(0.0)]]);
    check(20, "bob", [[Some(0.0), Some(1.0)], [None, Some(0.0)]]);
    check(25, "bob", [[Some(0.0), Some(1.0)], [Some(1.0), Some(1.0)]]);
    check(41, "bob", [[Some(0.0), Some(2.0)], [Some(1.0), Some(1.0)]]);
    check(41, "ann", [[Some(1.0), Some(1.0)], [Some(0.0), Some(1.0)]]);
}
