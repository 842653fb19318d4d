//! From the schema that records were stored with to the one that is asked for, by names.

use crate::Error;
use tamis_spec::batch::{Batch, Column, RecordSchema, Rows, Schema, Texts};
use tamis_spec::system::Type;

/// What becomes of each stored kind of record.
pub(crate) struct Mapping {
    kinds: Vec<Kind>,
}

enum Kind {
    /// The wanted schema has no such record.
    Skipped,
    /// Taken over as `kind`: for each wanted key and field the stored one's index.
    Taken { kind: u16, keys: Vec<Option<usize>>, fields: Vec<Option<usize>> },
    /// A key or field has another type.
    Changed { field: String, stored: Type, wanted: Type },
}

impl Mapping {
    /// None when the two are equal and batches can be handed on as they are.
    pub(crate) fn new(stored: &Schema, wanted: &Schema) -> Option<Self> {
        if stored == wanted {
            return None;
        }
        let kind = |s: &RecordSchema| match wanted.find(s.class, &s.name) {
            Some(w) => map_kind(s, &wanted.records[w], w as u16),
            None => Kind::Skipped,
        };
        Some(Self { kinds: stored.records.iter().map(kind).collect() })
    }

    /// The batch in the wanted schema, and how many records were skipped.
    pub(crate) fn apply(&self, batch: Batch, stored: &Schema, wanted: &Schema) -> Result<(Batch, u64), Error> {
        let mut out = wanted.batch();
        for (k, rows) in batch.rows.into_iter().enumerate().filter(|(_, r)| !r.is_empty()) {
            match &self.kinds[k] {
                Kind::Skipped => {}
                Kind::Changed { field, stored: from, wanted: to } => {
                    let record = stored.records[k].name.clone();
                    return Err(Error::Changed {
                        record,
                        field: field.clone(),
                        stored: from.clone(),
                        wanted: to.clone(),
                    });
                }
                Kind::Taken { kind, keys, fields } => {
                    out.rows[usize::from(*kind)] = take(rows, keys, fields, &wanted.records[usize::from(*kind)]);
                }
            }
        }
        for k in &batch.order {
            if let Kind::Taken { kind, .. } = self.kinds[usize::from(*k)] {
                out.order.push(kind);
            }
        }
        let skipped = (batch.order.len() - out.order.len()) as u64;
        Ok((out, skipped))
    }
}

fn map_kind(stored: &RecordSchema, wanted: &RecordSchema, kind: u16) -> Kind {
    let mut keys = Vec::new();
    for key in &wanted.keys {
        let at = stored.keys.iter().position(|k| k.role == key.role);
        if let Some(other) = at.map(|at| &stored.keys[at]).filter(|k| k.actor != key.actor) {
            let [stored, wanted] = [&other.actor, &key.actor].map(|a| Type::Actor(a.clone()));
            return Kind::Changed { field: key.role.clone(), stored, wanted };
        }
        keys.push(at);
    }
    let mut fields = Vec::new();
    for (name, ty) in &wanted.fields {
        let at = stored.fields.iter().position(|(n, _)| n == name);
        if let Some((_, other)) = at.map(|at| &stored.fields[at]).filter(|(_, t)| t != ty) {
            return Kind::Changed { field: name.clone(), stored: other.clone(), wanted: ty.clone() };
        }
        fields.push(at);
    }
    Kind::Taken { kind, keys, fields }
}

fn take(mut rows: Rows, keys: &[Option<usize>], fields: &[Option<usize>], wanted: &RecordSchema) -> Rows {
    let n = rows.len();
    let key = |at: &Option<usize>| match at {
        Some(at) => std::mem::take(&mut rows.keys[*at]),
        None => Texts { ends: vec![0; n], bytes: String::new() },
    };
    let keys = keys.iter().map(key).collect();
    let field = |(at, (_, ty)): (&Option<usize>, &(String, Type))| match at {
        Some(at) => std::mem::replace(&mut rows.fields[*at], Column::Times(Vec::new())),
        None => {
            let mut column = Column::new(ty);
            (0..n).for_each(|_| column.push_missing());
            column
        }
    };
    let fields = fields.iter().zip(&wanted.fields).map(field).collect();
    Rows { time: rows.time, known: rows.known, keys, fields }
}
