//! `Batch`: records in the order in which they became known, columns by kind of record, with keys and words as text.
//!
//! This is what files are read into and what the log stores. An actor's fields and an event are both records; so is a
//! decision, which is an event that the program itself writes.

use crate::system::Type;
use serde::{Deserialize, Serialize};

/// What the records of a log look like.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Schema {
    /// One for each kind of record; a batch refers to them by index.
    pub records: Vec<RecordSchema>,
}

/// One kind of record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordSchema {
    /// The actor's or the event's name.
    pub name: String,
    /// What a record of it says.
    pub class: Class,
    /// The actors it names: one for an actor's own record.
    pub keys: Vec<KeySchema>,
    /// Names and types of its fields.
    pub fields: Vec<(String, Type)>,
}

/// What a record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Class {
    /// The fields of an actor from this moment on.
    Actor,
    /// Something that happened.
    Event,
}

/// An actor that a record names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeySchema {
    /// What it is in the record: `user`, `follower`.
    pub role: String,
    /// Which actor it is.
    pub actor: String,
}

impl Schema {
    /// The index of a kind of record.
    pub fn find(&self, class: Class, name: &str) -> Option<usize> {
        self.records.iter().position(|r| r.class == class && r.name == name)
    }

    /// A batch without records.
    pub fn batch(&self) -> Batch {
        let rows = |r: &RecordSchema| Rows {
            time: Vec::new(),
            known: Vec::new(),
            keys: r.keys.iter().map(|_| Texts::default()).collect(),
            fields: r.fields.iter().map(|(_, ty)| Column::new(ty)).collect(),
        };
        Batch { order: Vec::new(), rows: self.records.iter().map(rows).collect() }
    }
}

/// Records in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// The kind of each record, in the order in which they became known.
    pub order: Vec<u16>,
    /// The records of each kind, in that order.
    pub rows: Vec<Rows>,
}

impl Batch {
    /// How many records there are.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }
}

/// Records of one kind, by column; all columns have one length.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    /// When it happened, ms.
    pub time: Vec<i64>,
    /// When it became known, ms; never decreases in the log.
    pub known: Vec<i64>,
    /// Keys of the actors it names, in the schema's order; an empty key is no actor.
    pub keys: Vec<Texts>,
    /// Its fields, in the schema's order.
    pub fields: Vec<Column>,
}

impl Rows {
    /// How many records there are.
    pub fn len(&self) -> usize {
        self.time.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.time.is_empty()
    }
}

/// Values of one field.
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    /// Number, and Bool as 0 and 1; NaN is missing.
    Numbers(Vec<f64>),
    /// Category, Text, and references as the actor's key; an empty text is missing.
    Texts(Texts),
    /// Tags with their weights.
    Tags(TagRows),
    /// Moments, ms; `i64::MIN` is missing.
    Times(Vec<i64>),
    /// One vector a row, all of `dimensions`; NaN throughout is missing.
    Vectors {
        /// Length of each; 0 until the first is known.
        dimensions: usize,
        /// Row-major.
        values: Vec<f32>,
    },
    /// Latitude and longitude in degrees; NaN is missing.
    Places(Vec<[f32; 2]>),
}

impl Column {
    /// An empty column for a type.
    pub fn new(ty: &Type) -> Self {
        match ty {
            Type::Number | Type::Bool => Self::Numbers(Vec::new()),
            Type::Category | Type::Text | Type::Actor(_) => Self::Texts(Texts::default()),
            Type::Tags => Self::Tags(TagRows::default()),
            Type::Time => Self::Times(Vec::new()),
            Type::Vector => Self::Vectors { dimensions: 0, values: Vec::new() },
            Type::Place => Self::Places(Vec::new()),
        }
    }

    /// Appends a missing value.
    pub fn push_missing(&mut self) {
        match self {
            Self::Numbers(v) => v.push(f64::NAN),
            Self::Texts(t) => t.push(""),
            Self::Tags(t) => t.end_row(),
            Self::Times(v) => v.push(i64::MIN),
            Self::Vectors { dimensions, values } => values.extend(std::iter::repeat_n(f32::NAN, *dimensions)),
            Self::Places(v) => v.push([f32::NAN; 2]),
        }
    }
}

/// Texts one after the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Texts {
    /// Where each ends in `bytes`.
    pub ends: Vec<u32>,
    /// All of them; UTF-8.
    pub bytes: String,
}

impl Texts {
    /// Appends one.
    pub fn push(&mut self, text: &str) {
        self.bytes.push_str(text);
        self.ends.push(self.bytes.len() as u32);
    }

    /// One of them.
    pub fn get(&self, i: usize) -> &str {
        let start = if i == 0 { 0 } else { self.ends[i - 1] as usize };
        &self.bytes[start..self.ends[i] as usize]
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// All of them in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> + Clone {
        (0..self.len()).map(|i| self.get(i))
    }
}

impl<'a> FromIterator<&'a str> for Texts {
    fn from_iter<I: IntoIterator<Item = &'a str>>(texts: I) -> Self {
        let mut out = Self::default();
        texts.into_iter().for_each(|t| out.push(t));
        out
    }
}

/// A weighted set of words for each row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TagRows {
    /// Where each row ends in `names` and `weights`.
    pub ends: Vec<u32>,
    /// Words.
    pub names: Texts,
    /// Their weights.
    pub weights: Vec<f32>,
}

impl TagRows {
    /// Adds a word to the row that is being written.
    pub fn push(&mut self, name: &str, weight: f32) {
        self.names.push(name);
        self.weights.push(weight);
    }

    /// Ends the row that is being written.
    pub fn end_row(&mut self) {
        self.ends.push(self.names.len() as u32);
    }

    /// The words of a row, as a range of `names` and `weights`.
    pub fn range(&self, row: usize) -> std::ops::Range<usize> {
        let start = if row == 0 { 0 } else { self.ends[row - 1] as usize };
        start..self.ends[row] as usize
    }
}
