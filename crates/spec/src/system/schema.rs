//! The system file as a JSON Schema, for editors: made from the declarations that the reader checks by.

use super::keys::{FILE, RERANK, SORTS, Sort, VALUE, param};
use super::read::{PartKind, Vocabulary};
use crate::param::{Param, ParamType};
use serde_json::{Map, Value, json};

/// A JSON Schema (draft 2020-12) of the system file, with a description of every key.
pub fn schema(vocabulary: &Vocabulary) -> Value {
    let mut schema = object(FILE);
    for sort in SORTS {
        schema["properties"][sort.key] = parts(sort, sort.kinds(vocabulary));
    }
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["title"] = "tamis.toml".into();
    schema
}

impl Sort {
    /// The kinds of this sort.
    pub(super) fn kinds<'v>(&self, vocabulary: &'v Vocabulary) -> &'v [PartKind] {
        match self.key {
            "learned" => &vocabulary.learned,
            "candidates" => &vocabulary.candidates,
            "stages" => &vocabulary.stages,
            _ => &vocabulary.rerank,
        }
    }
}

fn parts(sort: &Sort, kinds: &[PartKind]) -> Value {
    if sort.key == RERANK.key {
        let steps = kinds.iter().map(|k| {
            let step = param(k.params, VALUE).map_or_else(|| object(k.params), |value| of_type(&value.ty));
            (k.name.to_string(), described(step, k.about))
        });
        let steps: Map<String, Value> = steps.collect();
        return json!({"type": "object", "description": sort.about, "properties": steps, "additionalProperties": false});
    }
    let one = |k: &PartKind| {
        let mut table = object(&[sort.common, k.params].concat());
        table["properties"]["kind"] = json!({"const": k.name, "description": k.about});
        table
    };
    let any = json!({"oneOf": kinds.iter().map(one).collect::<Vec<_>>()});
    match sort.title.starts_with("[[") {
        true => json!({"type": "array", "description": sort.about, "items": any}),
        false => json!({"type": "object", "description": sort.about, "additionalProperties": any}),
    }
}

fn object(params: &[Param]) -> Value {
    let properties = params.iter().map(|p| (p.name.to_string(), described(of_type(&p.ty), p.about)));
    let required: Vec<&str> = params.iter().filter(|p| p.required).map(|p| p.name).collect();
    json!({
        "type": "object",
        "properties": properties.collect::<Map<String, Value>>(),
        "required": required,
        "additionalProperties": false,
    })
}

fn described(mut schema: Value, about: &str) -> Value {
    schema["description"] = about.into();
    schema
}

fn of_type(ty: &ParamType) -> Value {
    match ty {
        ParamType::Text | ParamType::Event | ParamType::Actor | ParamType::Expression => {
            json!({"type": "string", "minLength": 1})
        }
        ParamType::Texts | ParamType::Events => json!({"type": "array", "items": {"type": "string"}}),
        ParamType::Several => json!({"anyOf": [of_type(&ParamType::Text), of_type(&ParamType::Texts)]}),
        ParamType::Number(low, high) => json!({"type": "number", "minimum": low, "maximum": high}),
        ParamType::Integer(low, high) => json!({"type": "integer", "minimum": low, "maximum": high}),
        ParamType::Integers(low, high) => {
            json!({"type": "array", "items": {"type": "integer", "minimum": low, "maximum": high}})
        }
        ParamType::Bool => json!({"type": "boolean"}),
        ParamType::Duration => json!({"type": "string", "pattern": "^\\s*([0-9.]+(ms|s|m|h|d|w)\\s*)+$"}),
        ParamType::Share => json!({"anyOf": [
            {"type": "number", "minimum": 0, "maximum": 1},
            {"type": "string", "pattern": "^\\s*[0-9.]+\\s*%?\\s*$"},
        ]}),
        ParamType::Portion => json!({"anyOf": [of_type(&ParamType::Share), of_type(&ParamType::Duration)]}),
        ParamType::Bytes => json!({"anyOf": [
            {"type": "integer", "minimum": 1},
            {"type": "string", "pattern": "^\\s*[0-9.]+\\s*([KMGT]i?)?B\\s*$"},
        ]}),
        ParamType::Choice(words) => json!({"enum": words}),
        ParamType::Table(params) => object(params),
        ParamType::Short(_, params) => json!({"anyOf": [{"type": "string", "minLength": 1}, object(params)]}),
        ParamType::Entries(ty) => json!({"type": "object", "additionalProperties": of_type(ty)}),
    }
}
