//! The keys that tables of the system file take, declared as data: the reader, the refusal of unknown keys, the editor
//! schema and the manual all come from these.

use crate::diagnostic::{Span, Spanned};

/// One key of a table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Param {
    /// As written.
    pub name: &'static str,
    /// What is written behind it.
    pub ty: ParamType,
    /// Whether a table without it is wrong.
    pub required: bool,
    /// One sentence for the manual and the editor, with the default.
    pub about: &'static str,
}

/// What may stand behind a key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ParamType {
    /// Any text.
    Text,
    /// A list of texts.
    Texts,
    /// A text, or a list of texts.
    Several,
    /// A number within bounds, both included.
    Number(f64, f64),
    /// A whole number within bounds, both included.
    Integer(i64, i64),
    /// A list of whole numbers within bounds, both included.
    Integers(i64, i64),
    /// true or false.
    Bool,
    /// A time span: `"30d"`, `"250ms"`.
    Duration,
    /// A share: `"60%"` or `0.6`.
    Share,
    /// A share, or a time span: `"10%"`, `"14d"`.
    Portion,
    /// A size: `"2GB"`, `"512MB"`.
    Bytes,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// The name of an event, declared or derived.
    Event,
    /// A list of names of events.
    Events,
    /// The name of an actor.
    Actor,
    /// An expression of the feature language.
    Expression,
    /// A table of these keys.
    Table(&'static [Param]),
    /// A table of these keys, or a text alone, which stands behind the one that is named first.
    Short(&'static str, &'static [Param]),
    /// A table whose keys are names of the file's own, with this behind each; its entries are not among [`Params`].
    Entries(&'static ParamType),
}

/// What stood behind a key.
#[derive(Clone, Debug, PartialEq)]
pub enum ParamValue {
    /// Text, Choice, Event, Actor, Expression.
    Text(String),
    /// Texts, Several, Events.
    Texts(Vec<Spanned<String>>),
    /// Number, Integer, Share and Portion (0 to 1), Bytes.
    Number(f64),
    /// Integers.
    Numbers(Vec<f64>),
    /// Bool.
    Bool(bool),
    /// Duration, and a Portion that is one, in milliseconds.
    DurationMs(i64),
    /// Table, Short.
    Table(Params),
}

/// The keys a table had, checked against its declaration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Params {
    /// In the order of the declaration.
    pub values: Vec<(&'static str, Spanned<ParamValue>)>,
}

impl Params {
    /// The value of a key and its place.
    pub fn get(&self, name: &str) -> Option<&Spanned<ParamValue>> {
        self.values.iter().find(|(n, _)| *n == name).map(|(_, v)| v)
    }

    /// Where the key's value stands.
    pub fn span(&self, name: &str) -> Option<Span> {
        self.get(name).map(|v| v.span.clone())
    }

    /// A Text, Choice, Event, Actor or Expression.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(|v| if let ParamValue::Text(t) = &v.value { Some(t.as_str()) } else { None })
    }

    /// A list of texts; empty when absent.
    pub fn texts(&self, name: &str) -> &[Spanned<String>] {
        self.get(name).map_or(&[], |v| if let ParamValue::Texts(t) = &v.value { t.as_slice() } else { &[] })
    }

    /// A Number, Integer, Share or Bytes.
    pub fn number(&self, name: &str) -> Option<f64> {
        self.get(name).and_then(|v| if let ParamValue::Number(n) = v.value { Some(n) } else { None })
    }

    /// A list of Integers; empty when absent.
    pub fn numbers(&self, name: &str) -> &[f64] {
        self.get(name).map_or(&[], |v| if let ParamValue::Numbers(n) = &v.value { n.as_slice() } else { &[] })
    }

    /// A whole number that is not negative.
    pub fn count(&self, name: &str) -> Option<usize> {
        self.number(name).map(|n| n as usize)
    }

    /// A Bool.
    pub fn bool(&self, name: &str) -> Option<bool> {
        self.get(name).and_then(|v| if let ParamValue::Bool(b) = v.value { Some(b) } else { None })
    }

    /// A Duration in milliseconds.
    pub fn duration_ms(&self, name: &str) -> Option<i64> {
        self.get(name).and_then(|v| if let ParamValue::DurationMs(d) = v.value { Some(d) } else { None })
    }

    /// A table.
    pub fn table(&self, name: &str) -> Option<&Params> {
        self.get(name).and_then(|v| if let ParamValue::Table(t) = &v.value { Some(t) } else { None })
    }
}
