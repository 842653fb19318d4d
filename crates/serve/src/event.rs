//! Events and actors' records as the API takes them: JSON objects to a batch of the log, every mistake of every one collected.
//!
//! `{"event": "rating", "time": "2026-01-31T12:00:00Z", "user": "42", "movie": "10", "stars": 5}` is an event: roles and fields stand
//! beside each other. A role must be there, `null` says that nobody played it; a field may be left out; without `time` it happened when
//! it became known. `{"actor": "movie", "key": "99", "title": "..."}` is a record of an actor; it replaces all of its fields.

use crate::error::{WRONG_MAX, Wrong};
use serde::Serialize;
use serde_json::{Map, Value};
use tamis_spec::batch::{Batch, Class, Column, RecordSchema, Schema, Texts};
use tamis_spec::diagnostic::nearest;
use tamis_spec::system::{Origin, System, Type};
use tamis_spec::time::{format_time, parse_time_ms};

/// Records in one request.
pub const EVENTS_MAX: usize = 100_000;
/// Bytes of a key, a category or a tag.
pub const KEY_BYTES_MAX: usize = 512;
/// Tags of one value.
pub const TAGS_MAX: usize = 1_000;
/// An event may have happened so long after the clock's now, for clocks that disagree.
pub const FUTURE_MS_MAX: i64 = 5 * 60_000;

/// Numbers below are seconds since 1970, from it on milliseconds.
const SECONDS_BELOW: f64 = 1e11;
/// The end of the year 9999.
const TIME_MS_MAX: i64 = 253_402_300_799_999;
/// The time of an event that says none, until it becomes known.
const WHEN_KNOWN: i64 = i64::MIN;

/// What is said when a batch is durable.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ack {
    /// Records that were kept: all of the batch.
    pub accepted: usize,
    /// Of them, events that name an actor without a record of its own: kept, and usable once there is one.
    pub unknown_actors: usize,
    /// The number of the first in the log.
    pub first: u64,
    /// The number behind the last.
    pub end: u64,
}

/// Reads records into `batch`, which has none; its vectors may have their length already. `now`: ms, what `time` must not be much later
/// than; when the records become known is for [`stamp`] to say.
pub(crate) fn read(
    system: &System,
    schema: &Schema,
    now: i64,
    batch: Batch,
    records: &[Value],
) -> Result<Batch, Vec<Wrong>> {
    let mut reading = Reading { system, schema, now, batch, index: 0, wrong: Vec::new() };
    for (index, value) in records.iter().enumerate() {
        reading.index = index;
        reading.record(value);
        if reading.wrong.len() >= WRONG_MAX {
            break;
        }
    }
    if reading.wrong.is_empty() { Ok(reading.batch) } else { Err(reading.wrong) }
}

/// Says when all of a batch becomes known, ms.
pub(crate) fn stamp(batch: &mut Batch, known: i64) {
    for rows in &mut batch.rows {
        rows.known.fill(known);
        rows.time.iter_mut().filter(|t| **t == WHEN_KNOWN).for_each(|t| *t = known);
    }
}

struct Reading<'a> {
    system: &'a System,
    /// The system's records; those behind them are the program's own and cannot be sent.
    schema: &'a Schema,
    now: i64,
    batch: Batch,
    index: usize,
    wrong: Vec<Wrong>,
}

impl<'a> Reading<'a> {
    fn record(&mut self, value: &Value) {
        let Some(object) = value.as_object() else {
            return self.wrong("", format!("{} instead of an object", shown(value)), "{\"event\": ..., ...}".into());
        };
        match (object.get("event"), object.get("actor")) {
            (Some(name), _) => self.event(object, name),
            (None, Some(name)) => self.actor(object, name),
            (None, None) => {
                self.wrong("", "neither `event` nor `actor`".into(), "say which with \"event\": NAME".into())
            }
        }
    }

    fn event(&mut self, object: &Map<String, Value>, name: &Value) {
        let Some(kind) = self.kind(Class::Event, "event", name) else { return };
        let schema: &'a Schema = self.schema;
        let record = &schema.records[kind];
        self.unknown_names(object, record, &["event", "time"], record.keys.iter().map(|k| k.role.as_str()));
        let time = self.time(object.get("time"));
        self.batch.rows[kind].time.push(time);
        for (k, key) in record.keys.iter().enumerate() {
            let found = match object.get(&key.role) {
                Some(Value::Null) => Ok(String::new()),
                Some(value) => key_of(value),
                None => Err(("it is not there".to_owned(), format!("the key of a {}, or null for nobody", key.actor))),
            };
            let text = found.unwrap_or_else(|(found, help)| {
                self.wrong(&key.role, found, help);
                String::new()
            });
            self.batch.rows[kind].keys[k].push(&text);
        }
        self.fields(kind, object, record);
    }

    fn actor(&mut self, object: &Map<String, Value>, name: &Value) {
        let Some(kind) = self.kind(Class::Actor, "actor", name) else { return };
        let schema: &'a Schema = self.schema;
        let record = &schema.records[kind];
        self.unknown_names(object, record, &["actor", "key"], std::iter::empty());
        let found = object.get("key").map_or(Err(("it is not there".into(), "\"key\": \"...\"".into())), key_of);
        let key = found.unwrap_or_else(|(found, help)| {
            self.wrong("key", found, help);
            String::new()
        });
        self.batch.rows[kind].time.push(WHEN_KNOWN);
        self.batch.rows[kind].keys[0].push(&key);
        self.fields(kind, object, record);
    }

    /// Which kind of record is meant.
    fn kind(&mut self, class: Class, sort: &str, name: &Value) -> Option<usize> {
        let own = &self.schema.records[..self.system.actors.len() + self.system.n_declared()];
        let Some(name) = name.as_str() else {
            self.wrong(sort, format!("{} instead of a name", shown(name)), "a text".into());
            return None;
        };
        let found = own.iter().position(|r| r.class == class && r.name == name);
        if found.is_none() {
            let derived = self.system.events.iter().find(|e| class == Class::Event && e.name.value == name);
            let help = match derived.map(|e| &e.origin) {
                Some(Origin::Derived { base, .. }) => {
                    format!("it is derived from `{base}`: send that", base = self.system.events[*base].name.value)
                }
                _ => near(name, own.iter().filter(|r| r.class == class).map(|r| r.name.as_str())),
            };
            self.wrong(sort, format!("unknown {sort} `{}`", short(name)), help);
        }
        found
    }

    fn unknown_names<'n>(
        &mut self,
        object: &Map<String, Value>,
        record: &'n RecordSchema,
        fixed: &[&'n str],
        roles: impl Iterator<Item = &'n str>,
    ) {
        let fields = record.fields.iter().map(|(name, _)| name.as_str());
        let known: Vec<&str> = roles.chain(fields).chain(fixed.iter().copied()).collect();
        for name in object.keys().filter(|k| !known.contains(&k.as_str())) {
            let found = format!("`{}` has no such name", record.name);
            self.wrong(&short(name), found, near(name, known.iter().copied()));
        }
    }

    fn time(&mut self, value: Option<&Value>) -> i64 {
        let Some(value) = value.filter(|v| !v.is_null()) else { return WHEN_KNOWN };
        let Some(time) = moment_of(value) else {
            self.wrong("time", format!("{} is no moment", shown(value)), MOMENT.into());
            return WHEN_KNOWN;
        };
        if time > self.now.saturating_add(FUTURE_MS_MAX) {
            let found = format!("{} is in the future: it is {}", format_time(time), format_time(self.now));
            self.wrong("time", found, "the moment at which it happened".into());
        }
        time
    }

    fn fields(&mut self, kind: usize, object: &Map<String, Value>, record: &RecordSchema) {
        for (f, (name, ty)) in record.fields.iter().enumerate() {
            let rows = &mut self.batch.rows[kind];
            let n_before = rows.known.len();
            let column = &mut rows.fields[f];
            let given = object.get(name).filter(|v| !v.is_null());
            let pushed = match given {
                Some(value) => push(column, ty, value, n_before),
                None => {
                    column.push_missing();
                    Ok(())
                }
            };
            if let Err((found, help)) = pushed {
                self.wrong(name, found, help);
            }
        }
        self.batch.rows[kind].known.push(0);
        self.batch.order.push(kind as u16);
    }

    fn wrong(&mut self, place: &str, found: String, help: String) {
        self.wrong.push(Wrong { index: self.index, found, place: place.to_owned(), help });
    }
}

/// What was found, and what to try.
type Mistake = (String, String);

/// Appends a value to a column that has `n_before` rows; nothing is appended when it is wrong.
fn push(column: &mut Column, ty: &Type, value: &Value, n_before: usize) -> Result<(), Mistake> {
    let instead = |wanted: &str| (format!("{} instead of a {}", shown(value), word(ty)), wanted.to_owned());
    match column {
        Column::Numbers(numbers) => numbers.push(match (ty, value) {
            (Type::Bool, Value::Bool(b)) => f64::from(u8::from(*b)),
            (Type::Number, Value::Number(n)) => n.as_f64().ok_or_else(|| instead("a finite number"))?,
            (Type::Bool, _) => return Err(instead("true or false")),
            _ => return Err(instead("a number, without quotes")),
        }),
        Column::Texts(texts) => push_text(texts, ty, value)?,
        Column::Tags(tags) => {
            let words = words_of(value).ok_or_else(|| instead("[\"a\", \"b\"], or {\"a\": 0.5}"))?;
            if words.len() > TAGS_MAX {
                return Err((format!("{} tags", words.len()), format!("at most {TAGS_MAX}")));
            }
            if let Some((word, _)) = words.iter().find(|(word, _)| word.len() > KEY_BYTES_MAX) {
                return Err(too_long(word));
            }
            words.iter().for_each(|(word, weight)| tags.push(word, *weight));
            tags.end_row();
        }
        Column::Times(times) => times.push(moment_of(value).ok_or_else(|| instead(MOMENT))?),
        Column::Vectors { dimensions, values } => {
            let vector = numbers_of(value).filter(|v| !v.is_empty()).ok_or_else(|| instead("[0.1, 0.2, ...]"))?;
            if vector.len() > tamis_log::codec::DIMENSIONS_MAX || (*dimensions > 0 && *dimensions != vector.len()) {
                let most = if *dimensions > 0 { *dimensions } else { tamis_log::codec::DIMENSIONS_MAX };
                return Err((
                    format!("a vector of {} numbers", vector.len()),
                    format!("{most} numbers, as in all of a batch"),
                ));
            }
            if *dimensions == 0 {
                *dimensions = vector.len();
                values.resize(n_before * vector.len(), f32::NAN);
            }
            values.extend_from_slice(&vector);
        }
        Column::Places(places) => match numbers_of(value).as_deref() {
            Some([latitude, longitude]) if latitude.abs() <= 90.0 && longitude.abs() <= 180.0 => {
                places.push([*latitude, *longitude]);
            }
            _ => return Err(instead("[latitude, longitude] in degrees")),
        },
    }
    Ok(())
}

fn push_text(texts: &mut Texts, ty: &Type, value: &Value) -> Result<(), Mistake> {
    match (ty, value) {
        (Type::Text, Value::String(text)) => texts.push(text),
        (Type::Text, _) => return Err((format!("{} instead of a text", shown(value)), "a text in quotes".into())),
        (Type::Category, Value::String(text)) if text.is_empty() => texts.push(""),
        _ => texts.push(&key_of(value)?),
    }
    Ok(())
}

/// A key or a category: a text, or a whole number as people write them.
pub(crate) fn key_of(value: &Value) -> Result<String, Mistake> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(n) if n.is_i64() || n.is_u64() => n.to_string(),
        _ => return Err((format!("{} instead of a key", shown(value)), "a text or a whole number".into())),
    };
    match text.len() {
        0 => Err(("an empty key".into(), "a text or a whole number".into())),
        n if n > KEY_BYTES_MAX => Err(too_long(&text)),
        _ => Ok(text),
    }
}

fn too_long(text: &str) -> Mistake {
    (format!("{} bytes", text.len()), format!("at most {KEY_BYTES_MAX} bytes"))
}

const MOMENT: &str = "RFC 3339 as in \"2026-01-31T12:00:00Z\", or seconds or milliseconds since 1970";

fn moment_of(value: &Value) -> Option<i64> {
    let ms = match value {
        Value::String(text) => parse_time_ms(text)?,
        Value::Number(n) => {
            let n = n.as_f64()?;
            (if n.abs() < SECONDS_BELOW { n * 1000.0 } else { n }).round() as i64
        }
        _ => return None,
    };
    (-TIME_MS_MAX..=TIME_MS_MAX).contains(&ms).then_some(ms)
}

fn words_of(value: &Value) -> Option<Vec<(&str, f32)>> {
    match value {
        Value::Array(words) => words.iter().map(|w| w.as_str().map(|w| (w, 1.0))).collect(),
        Value::Object(words) => words.iter().map(|(w, weight)| Some((w.as_str(), weight.as_f64()? as f32))).collect(),
        _ => None,
    }
}

fn numbers_of(value: &Value) -> Option<Vec<f32>> {
    value.as_array()?.iter().map(|v| v.as_f64().map(|v| v as f32)).collect()
}

fn word(ty: &Type) -> String {
    match ty {
        Type::Actor(name) => format!("key of a {name}"),
        other => format!("{other:?}").to_lowercase(),
    }
}

/// "did you mean ...", or all that is known.
fn near<'n>(found: &str, known: impl Iterator<Item = &'n str> + Clone) -> String {
    match nearest(&short(found), known.clone()) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("known: {}", known.collect::<Vec<_>>().join(", ")),
    }
}

/// The beginning of a text that may be long.
pub(crate) fn short(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// The beginning of a value as JSON.
fn shown(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "an object".into(),
        Value::String(text) => format!("the text `{}`", short(text)),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_moment_is_rfc_3339_or_seconds_or_milliseconds() {
        let check = |value: Value, expected| assert_eq!(moment_of(&value), expected, "{value}");
        check(json!("2000-12-29T23:43:34Z"), Some(978_133_414_000));
        check(json!(978_133_414), Some(978_133_414_000));
        check(json!(978_133_414.25), Some(978_133_414_250));
        check(json!(978_133_414_250_i64), Some(978_133_414_250));
        check(json!(1e300), None);
        check(json!("yesterday"), None);
        check(json!(true), None);
    }

    #[test]
    fn a_value_is_of_its_field_s_type_or_refused() {
        let check = |ty: Type, value: Value, expected: Option<Column>| {
            let mut column = Column::new(&ty);
            let pushed = push(&mut column, &ty, &value, 0);
            assert_eq!(pushed.is_ok(), expected.is_some(), "{value} as {ty:?}: {pushed:?}");
            assert_eq!(column, expected.unwrap_or(Column::new(&ty)));
        };
        let texts = |text: &str| Column::Texts([text].into_iter().collect());
        check(Type::Number, json!(4.5), Some(Column::Numbers(vec![4.5])));
        check(Type::Number, json!("4.5"), None);
        check(Type::Bool, json!(true), Some(Column::Numbers(vec![1.0])));
        check(Type::Bool, json!(1), None);
        check(Type::Category, json!(7), Some(texts("7")));
        check(Type::Category, json!("a"), Some(texts("a")));
        check(Type::Category, json!("a".repeat(KEY_BYTES_MAX + 1)), None);
        check(Type::Text, json!(7), None);
        check(Type::Text, json!("Brazil"), Some(texts("Brazil")));
        check(Type::Actor("user".into()), json!(""), None);
        check(Type::Time, json!(0), Some(Column::Times(vec![0])));
        check(Type::Place, json!([52.5, 13.4]), Some(Column::Places(vec![[52.5, 13.4]])));
        check(Type::Place, json!([152.5, 13.4]), None);
        check(Type::Vector, json!([]), None);
        check(Type::Vector, json!([1, 2]), Some(Column::Vectors { dimensions: 2, values: vec![1.0, 2.0] }));
        check(Type::Tags, json!(["a", 1]), None);
        check(Type::Tags, json!(vec!["a"; TAGS_MAX + 1]), None);
    }

    #[test]
    fn the_first_vector_of_a_batch_says_how_long_all_are() {
        let mut column = Column::new(&Type::Vector);
        column.push_missing();
        push(&mut column, &Type::Vector, &json!([1, 2]), 1).unwrap();
        assert!(push(&mut column, &Type::Vector, &json!([1]), 2).is_err());
        let Column::Vectors { dimensions, values } = column else { panic!() };
        assert_eq!((dimensions, values.len(), values[3]), (2, 4, 2.0));
    }
}
