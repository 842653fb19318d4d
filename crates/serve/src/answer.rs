//! What is asked for with a list and what is answered, in the API's words.

use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

/// Items that can be asked for.
pub const LIMIT_MAX: usize = 1_000;
/// Candidates that can be given.
pub const ITEMS_MAX: usize = 10_000;

/// An actor's key: a text; a whole number is read as its digits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Key(pub String);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Key;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a key: a text or a whole number")
            }
            fn visit_str<E>(self, text: &str) -> Result<Key, E> {
                Ok(Key(text.to_owned()))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Key, E> {
                Ok(Key(number.to_string()))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Key, E> {
                Ok(Key(number.to_string()))
            }
        }
        from.deserialize_any(Visitor)
    }
}

/// An item to order: its key, or with values of its own `{"item": "GX1", "given": {"x1": 0.5}}`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Candidate {
    /// Its key.
    pub item: Key,
    /// What comes with it: fields that `[decision] given` names; what is left out is missing.
    pub given: Map<String, Value>,
}

impl Serialize for Candidate {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if self.given.is_empty() {
            return self.item.serialize(to);
        }
        let mut map = to.serialize_map(Some(2))?;
        map.serialize_entry("item", &self.item)?;
        map.serialize_entry("given", &self.given)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Candidate {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Whole {
            item: Key,
            #[serde(default)]
            given: Map<String, Value>,
        }
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Candidate;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a key, or an object with `item` and `given`")
            }
            fn visit_str<E>(self, text: &str) -> Result<Candidate, E> {
                Ok(Candidate { item: Key(text.to_owned()), given: Map::new() })
            }
            fn visit_u64<E>(self, number: u64) -> Result<Candidate, E> {
                Ok(Candidate { item: Key(number.to_string()), given: Map::new() })
            }
            fn visit_i64<E>(self, number: i64) -> Result<Candidate, E> {
                Ok(Candidate { item: Key(number.to_string()), given: Map::new() })
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Candidate, A::Error> {
                let Whole { item, given } = Whole::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                Ok(Candidate { item, given })
            }
        }
        from.deserialize_any(Visitor)
    }
}

impl From<Key> for Candidate {
    fn from(item: Key) -> Self {
        Self { item, given: Map::new() }
    }
}

/// Asks for a list.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RankRequest {
    /// The key of the actor that it is for; one that is not known gets a cold start.
    pub user: Key,
    /// What else is known at the moment of the request: fields of the decision's event, as `[decision] request` names them; what is
    /// left out is missing.
    #[serde(default)]
    pub context: Map<String, Value>,
    /// How many items are wanted, 1 to [`LIMIT_MAX`]; by default the file's `rerank.limit`, else 20.
    pub limit: Option<usize>,
    /// The items to order, instead of those that sources propose; at most [`ITEMS_MAX`]. One that is not known is left out and told,
    /// unless it comes with values of its own.
    pub items: Option<Vec<Candidate>>,
    /// Whether to say why each item is there.
    #[serde(default)]
    pub explain: bool,
}

/// A list.
#[derive(Clone, Debug, Serialize)]
pub struct RankResponse {
    /// Its name in the log; no two lists share one.
    pub list_id: String,
    /// The moment of the decision, RFC 3339: it reflects what became known before and nothing else.
    pub as_of: String,
    /// Whether the actor that it is for has been met.
    pub user_known: bool,
    /// Whether there was no history to go by.
    pub cold_start: bool,
    /// Why it is a cold start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cold_start_reason: Option<Cold>,
    /// Best first.
    pub items: Vec<RankedItem>,
    /// What was given and is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown_items: Option<UnknownItems>,
    /// What each part of the funnel did: sources, `merge`, stages, re-ranking.
    pub trace: Vec<TracePart>,
    /// Parts that were skipped for the deadline.
    pub fallbacks: Vec<String>,
    /// The bundle that made it.
    pub bundle: String,
    /// Whether it is in the log.
    pub logged: bool,
}

/// A sentence that says why there was no history to go by.
pub type Cold = String;

/// One item of a list.
#[derive(Clone, Debug, Serialize)]
pub struct RankedItem {
    /// Its key.
    pub item: String,
    /// What the last stage gave it, or re-ranking after it; larger is better; null where nothing scored it.
    pub score: f32,
    /// From 1.
    pub position: usize,
    /// Who proposed it.
    pub sources: Vec<ItemSource>,
    /// Its text fields, by name.
    pub fields: Map<String, Value>,
    /// What made its score, the largest contributions first, at most [`WHY_MAX`]; only when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<Vec<Why>>,
}

/// So many contributions are told for an item.
pub(crate) const WHY_MAX: usize = 10;

/// A source that proposed an item.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ItemSource {
    /// The source.
    pub name: String,
    /// Its place in the source's own list, from 1.
    pub rank: u32,
}

/// What a feature added to a score.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Why {
    /// The feature.
    pub feature: String,
    /// Its value: a number, a word, or null when missing.
    pub value: Value,
    /// What it added, against the model's average.
    pub contribution: f32,
}

/// What was given and is not known.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UnknownItems {
    /// How many.
    pub count: usize,
    /// The first of them, at most 10.
    pub keys: Vec<String>,
}

/// What one part of the funnel did.
#[derive(Clone, Debug, Serialize)]
pub struct TracePart {
    /// The part.
    pub part: String,
    /// Candidates it was given; 0 for a source.
    #[serde(rename = "in")]
    pub n_in: u32,
    /// Candidates it let through.
    #[serde(rename = "out")]
    pub n_out: u32,
    /// What it spent, µs.
    pub micros: u64,
    /// Whether the budget was spent before it.
    pub skipped: bool,
    /// What a step of re-ranking dropped: why, and how many.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub dropped: Map<String, Value>,
}
