//! Texts: what is read equals the definition, over the texts that were known by then.

use super::system;
use crate::plan::{Moment, Reader};
use crate::{FUNCTIONS, State, plan};
use proptest::prelude::*;
use std::collections::BTreeMap;
use tamis_spec::actors::{Actors, schema_of};
use tamis_spec::batch::{Batch, Class, Column, Schema};
use tamis_spec::encode::Encode;
use tamis_spec::events::Events;
use tamis_spec::matrix::Matrix;

/// A film becomes known, or gets another title; an empty one is a user's event, from which on what is new was not always there.
type Told = (i64, u32, String);

fn append(schema: &Schema, batch: &mut Batch, (known, film, title): &Told) {
    let name = if title.is_empty() { (Class::Event, "click") } else { (Class::Actor, "movie") };
    let kind = schema.find(name.0, name.1).expect("the fixture declares it");
    batch.order.push(kind as u16);
    let rows = &mut batch.rows[kind];
    rows.time.push(*known);
    rows.known.push(*known);
    rows.keys.iter_mut().for_each(|k| k.push(&film.to_string()));
    for (column, (field, _)) in rows.fields.iter_mut().zip(&schema.records[kind].fields) {
        match (column, field.as_str()) {
            (Column::Texts(c), "title") => c.push(title),
            (other, _) => other.push_missing(),
        }
    }
}

/// A vector of how often a text has the letters a and b.
struct Letters;
impl Encode for Letters {
    fn dimensions(&self) -> usize {
        2
    }
    fn encode(&self, text: &str, out: &mut Vec<f32>) {
        out.extend(['a', 'b'].map(|l| text.chars().filter(|c| *c == l).count() as f32));
    }
}

/// Values of an expression for films 0 to 3 at a moment, by a replay that was asked before as well.
fn values(expression: &str, log: &[Told], asked: &[i64]) -> Vec<Vec<f32>> {
    let system = system(&format!("x = '''{expression}'''"));
    let (plan, wrong) = plan(&system, FUNCTIONS, &[]);
    assert_eq!(wrong, [], "{expression}");
    let schema = schema_of(&system);
    let (mut actors, mut events) = (Actors::new(&system), Events::new(&system));
    for told in log {
        let mut batch = schema.batch();
        append(&schema, &mut batch, told);
        actors.apply(&schema, &batch, &mut events);
    }
    let mut state = State::new(&plan.cells);
    let items: Vec<u32> = (0..4u32).map(|f| actors.tables[1].keys.find(&f.to_string())).collect();
    let mut out = Vec::new();
    for now in asked {
        state.advance(&plan.cells, &actors, *now);
        let moment = Moment {
            now: *now,
            user: tamis_spec::MISSING,
            items: &items,
            actors: &actors,
            state: &state,
            source_scores: None,
            source_ranks: None,
            stage_scores: &[],
            user_vectors: &[],
            item_vectors: &[],
            encoders: &[Some(&Letters)],
            positions: &[],
            came: Default::default(),
            request: None,
        };
        let mut rows = Matrix::default();
        plan.rows(&[0], &moment, &mut Reader::default(), &mut rows);
        out.push(rows.values);
    }
    out
}

fn counts(text: &str) -> BTreeMap<&str, f64> {
    let mut out = BTreeMap::new();
    text.split_whitespace().for_each(|w| *out.entry(w).or_insert(0.0) += 1.0);
    out
}

/// The texts that count at a moment, and the text that each film has then.
fn known(log: &[Told], now: i64) -> (Vec<String>, BTreeMap<u32, String>) {
    let begun = log.iter().position(|t| t.2.is_empty()).unwrap_or(log.len());
    let (mut first, mut latest): (BTreeMap<u32, String>, BTreeMap<u32, String>) = Default::default();
    for (i, (time, film, title)) in log.iter().enumerate().filter(|(_, t)| !t.2.is_empty()) {
        if i < begun {
            first.insert(*film, title.clone());
            latest.insert(*film, title.clone());
        } else if *time < now {
            // Of several records of one moment the last counts.
            let is_first = log[begun..i].iter().all(|t| t.1 != *film || t.2.is_empty() || t.0 == *time);
            let was_there = log[..begun].iter().any(|t| t.1 == *film);
            if is_first && !was_there {
                first.insert(*film, title.clone());
            }
            latest.insert(*film, title.clone());
        }
    }
    (first.into_values().collect(), latest)
}

fn bm25(query: &str, log: &[Told], now: i64, film: u32) -> f64 {
    let (all, titles) = known(log, now);
    let Some(title) = titles.get(&film) else { return f64::NAN };
    let n = all.len() as f64;
    let mean = all.iter().map(|t| t.split_whitespace().count() as f64).sum::<f64>() / n;
    let (text, length) = (counts(title), title.split_whitespace().count() as f64);
    let with = |w: &str| all.iter().filter(|t| t.split_whitespace().any(|x| x == w)).count() as f64;
    let term = |w: &str| {
        let tf = text.get(w).copied().unwrap_or(0.0);
        let idf = (1.0 + (n - with(w) + 0.5).max(0.0) / (with(w) + 0.5)).ln();
        idf * tf * 2.2 / (tf + 1.2 * (0.25 + 0.75 * length / mean))
    };
    query.split_whitespace().map(term).sum()
}

fn tfidf(query: &str, log: &[Told], now: i64, film: u32) -> f64 {
    let (all, titles) = known(log, now);
    let Some(title) = titles.get(&film) else { return f64::NAN };
    let with = |w: &str| all.iter().filter(|t| t.split_whitespace().any(|x| x == w)).count() as f64;
    let weights = |text: &str| -> Vec<(String, f64)> {
        let weight = |(w, tf): (&str, f64)| (1.0 + tf.ln()) * (1.0 + ((1.0 + all.len() as f64) / (1.0 + with(w))).ln());
        counts(text).into_iter().map(|(w, tf)| (w.to_string(), weight((w, tf)))).collect()
    };
    let (a, b) = (weights(query), weights(title));
    let norm = |v: &[(String, f64)]| v.iter().map(|(_, x)| x * x).sum::<f64>().sqrt();
    let dot: f64 = a.iter().filter_map(|(w, x)| b.iter().find(|(v, _)| v == w).map(|(_, y)| x * y)).sum();
    dot / norm(&a) / norm(&b)
}

fn logs() -> impl Strategy<Value = Vec<Told>> {
    let word = prop::sample::select(vec!["ash", "birch", "cedar", "elm"]);
    let title = prop::collection::vec(word, 1..6).prop_map(|w| w.join(" "));
    let told = (1i64..20, 0u32..4, prop_oneof![5 => title, 1 => Just(String::new())]);
    prop::collection::vec(told, 1..12).prop_map(|mut log| {
        log.sort_by_key(|t| t.0);
        log
    })
}

proptest! {
    #[test]
    fn texts_are_weighed_against_those_that_were_known(log in logs(), asked in prop::collection::vec(0i64..25, 1..4)) {
        let mut asked = asked;
        asked.sort_unstable();
        let query = "elm elm ash oak";
        for (name, definition) in [("bm25", bm25 as fn(&str, &[Told], i64, u32) -> f64), ("tfidf", tfidf)] {
            let nobody = values(&format!("{name}(user.about, movie.title)"), &log, &asked);
            prop_assert!(nobody.iter().flatten().all(|v| v.is_nan()));
            let found = values(&format!("{name}(\"{query}\", movie.title)"), &log, &asked);
            for (now, row) in asked.iter().zip(&found) {
                for (film, v) in row.iter().enumerate() {
                    let expected = definition(query, &log, *now, film as u32);
                    let same = (v.is_nan() && expected.is_nan()) || (f64::from(*v) - expected).abs() <= 1e-4 * expected.abs().max(0.01);
                    prop_assert!(same, "{} at {}, film {}: {} instead of {}", name, now, film, v, expected);
                }
            }
        }
    }
}

#[test]
fn words_are_cut_to_stems_where_a_language_is_named_and_texts_become_vectors() {
    let log: Vec<Told> =
        vec![(0, 0, "The running cats".into()), (0, 1, "A dog baab".into()), (0, 2, "the of and".into())];
    let check = |expression: &str, expected: [f32; 3]| {
        let found = &values(expression, &log, &[10])[0];
        for (found, expected) in found.iter().zip(expected) {
            let same = (found.is_nan() && expected.is_nan()) || (found - expected).abs() < 1e-5;
            assert!(same, "{expression}: {found}, expected {expected}");
        }
    };
    let n = f32::NAN;
    check("bm25(\"cat run\", movie.title, language = \"english\") > 0", [1.0, 0.0, n]);
    check("bm25(\"cat run\", movie.title) > 0", [0.0, 0.0, 0.0]);
    check("tfidf(\"cats RUN\", movie.title, language = \"english\")", [1.0, 0.0, n]);
    check("tfidf(\"\", movie.title)", [n, n, n]);
    check("cosine(embed(movie.title, taste), embed(\"aabb\", taste))", [0.5f32.sqrt(), 1.0, 0.5f32.sqrt()]);
    check("missing(embed(user.about, taste))", [1.0, 1.0, 1.0]);
}
