//! Actors in memory: keys interned to dense indices, fields in columns by that index, words in one dictionary.

use crate::MISSING;
use crate::batch::{Batch, Class, Column, Rows, Schema};
use crate::events::Events;
pub use crate::interner::Interner;
use crate::system::{Origin, System, Type};
use rustc_hash::FxHashMap;

/// Values of one field by dense index: of an actor, or of an event's row.
#[derive(Clone, Debug)]
pub enum Field {
    /// Number, and Bool as 0 and 1; NaN is missing.
    Numbers(Vec<f32>),
    /// Category: a word of the dictionary. Reference: an actor's index. [`MISSING`] is missing.
    Ids(Vec<u32>),
    /// Tags.
    Tags(Tags),
    /// Text; empty is missing.
    Texts {
        /// Start and length in `bytes` of each row's text.
        rows: Vec<(u32, u32)>,
        /// The texts.
        bytes: String,
    },
    /// Moments, ms; `i64::MIN` is missing.
    Times(Vec<i64>),
    /// Vectors; NaN throughout is missing.
    Vectors(crate::vectors::Vectors),
    /// Latitude and longitude in degrees.
    Places(Vec<[f32; 2]>),
}

/// A weighted set of words for each row.
#[derive(Clone, Debug, Default)]
pub struct Tags {
    /// Start and length in `ids` and `weights` of each row's set.
    pub rows: Vec<(u32, u32)>,
    /// Words of the dictionary; no row has one twice.
    pub ids: Vec<u32>,
    /// Their weights.
    pub weights: Vec<f32>,
}

impl Tags {
    /// Words and weights of a row; empty for an unknown row.
    #[inline]
    pub fn get(&self, row: u32) -> (&[u32], &[f32]) {
        let (start, len) = self.rows.get(row as usize).copied().unwrap_or((0, 0));
        let range = start as usize..(start + len) as usize;
        (&self.ids[range.clone()], &self.weights[range])
    }
}

impl Field {
    /// A field without rows.
    pub fn new(ty: &Type) -> Self {
        match ty {
            Type::Number | Type::Bool => Self::Numbers(Vec::new()),
            Type::Category | Type::Actor(_) => Self::Ids(Vec::new()),
            Type::Tags => Self::Tags(Tags::default()),
            Type::Text => Self::Texts { rows: Vec::new(), bytes: String::new() },
            Type::Time => Self::Times(Vec::new()),
            Type::Vector => Self::Vectors(Default::default()),
            Type::Place => Self::Places(Vec::new()),
        }
    }

    /// Makes it at least `n` rows long, new ones missing.
    fn grow(&mut self, n: usize) {
        match self {
            Self::Numbers(v) if v.len() < n => v.resize(n, f32::NAN),
            Self::Ids(v) if v.len() < n => v.resize(n, MISSING),
            Self::Tags(t) if t.rows.len() < n => t.rows.resize(n, (0, 0)),
            Self::Texts { rows, .. } if rows.len() < n => rows.resize(n, (0, 0)),
            Self::Times(v) if v.len() < n => v.resize(n, i64::MIN),
            Self::Vectors(v) if v.values.len() < n * v.dimensions => v.values.resize(n * v.dimensions, f32::NAN),
            Self::Places(v) if v.len() < n => v.resize(n, [f32::NAN; 2]),
            _ => {}
        }
    }

    /// Sets row `at`, which exists, to row `from` of a column of the same type.
    fn set(&mut self, at: usize, column: &Column, from: usize, mut id_of: impl FnMut(&str) -> u32) {
        match (self, column) {
            (Self::Numbers(v), Column::Numbers(c)) => v[at] = c[from] as f32,
            (Self::Ids(v), Column::Texts(c)) => {
                let text = c.get(from);
                v[at] = if text.is_empty() { MISSING } else { id_of(text) };
            }
            (Self::Tags(t), Column::Tags(c)) => {
                let start = t.ids.len();
                for k in c.range(from) {
                    let id = id_of(c.names.get(k));
                    if id != MISSING && !t.ids[start..].contains(&id) {
                        t.ids.push(id);
                        t.weights.push(c.weights[k]);
                    }
                }
                t.rows[at] = (start as u32, (t.ids.len() - start) as u32);
            }
            (Self::Texts { rows, bytes }, Column::Texts(c)) => {
                let text = c.get(from);
                rows[at] = (bytes.len() as u32, text.len() as u32);
                bytes.push_str(text);
            }
            (Self::Times(v), Column::Times(c)) => v[at] = c[from],
            (Self::Vectors(v), Column::Vectors { dimensions, values }) => {
                if v.dimensions == 0 && *dimensions > 0 {
                    v.dimensions = *dimensions;
                }
                let (d, n) = (v.dimensions, (at + 1) * v.dimensions);
                if v.values.len() < n {
                    v.values.resize(n, f32::NAN);
                }
                if *dimensions == d {
                    v.values[at * d..n].copy_from_slice(&values[from * d..(from + 1) * d]);
                }
            }
            (Self::Places(v), Column::Places(c)) => v[at] = c[from],
            (field, column) => panic!("a field {field:?} was given a column of another type: {column:?}"),
        }
    }

    /// Sets row `at`, which exists, to row `from` of a field of the same type; missing where that has none.
    fn copy(&mut self, at: usize, other: &Self, from: usize) {
        match (self, other) {
            (Self::Numbers(v), Self::Numbers(o)) => v[at] = o.get(from).copied().unwrap_or(f32::NAN),
            (Self::Ids(v), Self::Ids(o)) => v[at] = o.get(from).copied().unwrap_or(MISSING),
            (Self::Times(v), Self::Times(o)) => v[at] = o.get(from).copied().unwrap_or(i64::MIN),
            (Self::Places(v), Self::Places(o)) => v[at] = o.get(from).copied().unwrap_or([f32::NAN; 2]),
            (Self::Tags(t), Self::Tags(o)) => {
                let (ids, weights) = o.get(from as u32);
                t.rows[at] = (t.ids.len() as u32, ids.len() as u32);
                t.ids.extend_from_slice(ids);
                t.weights.extend_from_slice(weights);
            }
            (Self::Texts { rows, bytes }, other @ Self::Texts { .. }) => {
                let text = other.text(from as u32);
                rows[at] = (bytes.len() as u32, text.len() as u32);
                bytes.push_str(text);
            }
            (Self::Vectors(v), Self::Vectors(o)) => {
                let Some(vector) = o.get(from as u32) else { return };
                v.dimensions = o.dimensions;
                v.values.resize((at + 1) * o.dimensions, f32::NAN);
                v.values[at * o.dimensions..].copy_from_slice(vector);
            }
            (field, other) => panic!("a field {field:?} was given a value of another type: {other:?}"),
        }
    }

    /// Resident bytes, near enough.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Numbers(v) => v.capacity() * 4,
            Self::Ids(v) => v.capacity() * 4,
            Self::Tags(t) => t.rows.capacity() * 8 + (t.ids.capacity() + t.weights.capacity()) * 4,
            Self::Texts { rows, bytes } => rows.capacity() * 8 + bytes.capacity(),
            Self::Times(v) => v.capacity() * 8,
            Self::Vectors(v) => v.values.capacity() * 4,
            Self::Places(v) => v.capacity() * 8,
        }
    }

    /// The text of a row; empty when missing.
    pub fn text(&self, row: u32) -> &str {
        match self {
            Self::Texts { rows, bytes } => {
                rows.get(row as usize).map_or("", |(s, l)| &bytes[*s as usize..(*s + *l) as usize])
            }
            _ => "",
        }
    }
}

/// All actors of one kind.
#[derive(Clone, Debug)]
pub struct Table {
    /// The actor's name.
    pub name: String,
    /// Key to dense index.
    pub keys: Interner,
    /// Names and types of fields.
    pub schema: Vec<(String, Type)>,
    /// Values by dense index, in the schema's order; shorter than `keys` where the last ones have none.
    pub fields: Vec<Field>,
    /// Whether a record of its own has been seen, by dense index: an actor can be known from events alone.
    pub described: Vec<bool>,
    /// When each was first described, in the order of the log: `i64::MIN` before the first event, and the dense index.
    pub told: Vec<(i64, u32)>,
    /// When one that had been described was described again, and its dense index; in the order of the log, from the first event on.
    pub retold: Vec<(i64, u32)>,
    /// What fields were before they changed.
    pub earlier: Earlier,
}

/// Values that a later record has replaced, for whoever asks for a moment before it became known.
#[derive(Clone, Debug, Default)]
pub struct Earlier {
    /// By dense index, oldest first: a row of `fields`, good until this moment, ms. [`MISSING`] where nothing was known.
    rows: FxHashMap<u32, Vec<(i64, u32)>>,
    /// Values by row, in the schema's order.
    fields: Vec<Field>,
    n_rows: u32,
}

impl Earlier {
    /// Whether nothing has ever changed.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn find(&self, idx: u32, moment: i64) -> Option<u32> {
        let versions = self.rows.get(&idx)?;
        versions.get(versions.partition_point(|(until, _)| *until < moment)).map(|(_, row)| *row)
    }

    /// Resident bytes, near enough.
    pub fn bytes(&self) -> usize {
        self.rows.capacity() * 40 + self.fields.iter().map(Field::bytes).sum::<usize>()
    }
}

impl Table {
    /// The field of that name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.schema.iter().position(|(n, _)| n == name).map(|i| &self.fields[i])
    }

    /// Where a field of an actor stands as of a moment: what became known before it. None where nothing was.
    #[inline]
    pub fn at(&self, field: usize, idx: u32, moment: i64) -> Option<(&Field, u32)> {
        if idx == MISSING {
            return None;
        }
        match if self.earlier.is_empty() { None } else { self.earlier.find(idx, moment) } {
            None => Some((self.fields.get(field)?, idx)),
            Some(MISSING) => None,
            Some(row) => Some((self.earlier.fields.get(field)?, row)),
        }
    }

    /// Keeps what an actor's fields are now for moments up to `known`.
    fn keep(&mut self, idx: u32, known: i64) {
        let Self { earlier, fields, schema, described, .. } = self;
        let mut row = MISSING;
        if described.get(idx as usize).copied().unwrap_or(false) || earlier.rows.contains_key(&idx) {
            if earlier.fields.is_empty() {
                earlier.fields = schema.iter().map(|(_, ty)| Field::new(ty)).collect();
            }
            row = earlier.n_rows;
            earlier.n_rows += 1;
            for (to, from) in earlier.fields.iter_mut().zip(fields) {
                to.grow(row as usize + 1);
                to.copy(row as usize, from, idx as usize);
            }
        }
        let versions = earlier.rows.entry(idx).or_default();
        // Of several records of one moment the last counts, and what they replace is what was there before.
        if versions.last().is_none_or(|(until, _)| *until < known) {
            versions.push((known, row));
        }
    }

    /// Sets a reference that nothing has set yet, from a moment on.
    fn say(&mut self, field: usize, (idx, value): (u32, u32), known: i64) {
        let unset = |field: &Field| matches!(field, Field::Ids(v) if v.get(idx as usize).is_none_or(|v| *v == MISSING));
        if unset(&self.fields[field]) {
            self.keep(idx, known);
            self.fields[field].grow(idx as usize + 1);
            if let Field::Ids(values) = &mut self.fields[field] {
                values[idx as usize] = value;
            }
        }
    }

    /// How many actors there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

/// All actors of a system.
#[derive(Clone, Debug, Default)]
pub struct Actors {
    /// By the actor's index in the system.
    pub tables: Vec<Table>,
    /// Every category and tag of every field: equal words have equal ids wherever they stand.
    pub words: Interner,
    /// By declared event: fields that its first occurrence says.
    firsts: Vec<Vec<First>>,
    /// Whether an event was seen: records of actors before the first one describe what there has always been.
    begun: bool,
}

/// A field that the first event of an actor says.
#[derive(Clone, Copy, Debug)]
struct First {
    actor: usize,
    field: usize,
    /// The actor whose field it is and the one that is its value, as roles of the event.
    of: usize,
    value: usize,
}

impl Actors {
    /// No actors yet, of the kinds that a system declares.
    pub fn new(system: &System) -> Self {
        let table = |a: &crate::system::ActorSpec| Table {
            name: a.name.value.clone(),
            keys: Interner::default(),
            schema: a.fields.iter().map(|f| (f.name.value.clone(), f.ty.clone())).collect(),
            fields: a.fields.iter().map(|f| Field::new(&f.ty)).collect(),
            described: Vec::new(),
            told: Vec::new(),
            retold: Vec::new(),
            earlier: Earlier::default(),
        };
        let mut firsts = vec![Vec::new(); system.n_declared()];
        for (actor, spec) in system.actors.iter().enumerate() {
            for (field, first) in spec.fields.iter().enumerate().filter_map(|(i, f)| Some((i, f.first.as_ref()?))) {
                firsts[first.event].push(First { actor, field, of: first.of, value: first.value });
            }
        }
        let tables = system.actors.iter().map(table).collect();
        Self { tables, words: Interner::default(), firsts, begun: false }
    }

    /// Forgets what fields were before they changed: for whoever asks for the latest moment alone.
    pub fn forget_earlier(&mut self) {
        self.tables.iter_mut().filter(|t| !t.earlier.is_empty()).for_each(|t| t.earlier = Earlier::default());
    }

    /// Takes in a batch: actors' records set fields, events are interned and appended to `events`.
    /// `schema` is the system's own ([`schema_of`]).
    pub fn apply(&mut self, schema: &Schema, batch: &Batch, events: &mut Events) {
        let mut at = vec![0usize; batch.rows.len()];
        for &kind in &batch.order {
            let record = &schema.records[kind as usize];
            let (rows, row) = (&batch.rows[kind as usize], at[kind as usize]);
            at[kind as usize] += 1;
            match record.class {
                Class::Actor => self.describe(kind as usize, rows, row),
                Class::Event => self.happen(kind as usize - self.tables.len(), schema, rows, row, events),
            }
        }
    }

    fn describe(&mut self, actor: usize, rows: &Rows, row: usize) {
        let at = self.tables[actor].keys.intern(rows.keys[0].get(row)) as usize;
        if self.begun {
            self.tables[actor].keep(at as u32, rows.known[row]);
        }
        for f in 0..self.tables[actor].fields.len() {
            if self.firsts.iter().flatten().any(|first| (first.actor, first.field) == (actor, f)) {
                continue;
            }
            let mut field = std::mem::replace(&mut self.tables[actor].fields[f], Field::Numbers(Vec::new()));
            let ty = self.tables[actor].schema[f].1.clone();
            field.grow(at + 1);
            field.set(at, &rows.fields[f], row, |text| self.id_of(&ty, text));
            self.tables[actor].fields[f] = field;
        }
        let table = &mut self.tables[actor];
        if table.described.len() <= at {
            table.described.resize(at + 1, false);
        }
        if !std::mem::replace(&mut table.described[at], true) {
            table.told.push((if self.begun { rows.known[row] } else { i64::MIN }, at as u32));
        } else if self.begun {
            table.retold.push((rows.known[row], at as u32));
        }
    }

    fn happen(&mut self, event: usize, schema: &Schema, rows: &Rows, row: usize, events: &mut Events) {
        self.begun = true;
        let out = &mut events.kinds[event];
        let at = out.time.len();
        events.order.push(event as u16);
        out.time.push(rows.time[row]);
        out.known.push(rows.known[row]);
        for (k, keys) in rows.keys.iter().enumerate() {
            let key = keys.get(row);
            let actor = out.role_actors[k];
            out.actors[k].push(if key.is_empty() { MISSING } else { self.tables[actor].keys.intern(key) });
        }
        for first in &self.firsts[event] {
            let (of, value) = (out.actors[first.of][at], out.actors[first.value][at]);
            if of != MISSING && value != MISSING {
                self.tables[first.actor].say(first.field, (of, value), rows.known[row]);
            }
        }
        let fields = &schema.records[self.tables.len() + event].fields;
        for (f, (_, ty)) in fields.iter().enumerate() {
            out.fields[f].grow(at + 1);
            out.fields[f].set(at, &rows.fields[f], row, |text| self.id_of(ty, text));
        }
    }

    /// One record of an event as columns of one row, for what is asked and never becomes known: actors and words that are new are
    /// missing. `rows`: of the declared event, with one record; `schema`: its own.
    pub fn asked(&self, record: &crate::batch::RecordSchema, rows: &Rows) -> crate::events::EventRows {
        let n = rows.time.len();
        let mut out = crate::events::EventRows { time: rows.time.clone(), known: vec![0; n], ..Default::default() };
        for (key, keys) in record.keys.iter().zip(&rows.keys) {
            let table = self.tables.iter().position(|t| t.name == key.actor);
            out.role_actors.push(table.unwrap_or(0));
            let find = |row: usize| table.map_or(MISSING, |t| self.tables[t].keys.find(keys.get(row)));
            out.actors.push((0..n).map(find).collect());
        }
        for ((_, ty), column) in record.fields.iter().zip(&rows.fields) {
            let mut field = Field::new(ty);
            field.grow(n);
            for row in 0..n {
                field.set(row, column, row, |text| match ty {
                    Type::Actor(name) => {
                        self.tables.iter().find(|t| t.name == *name).map_or(MISSING, |t| t.keys.find(text))
                    }
                    _ => self.words.find(text),
                });
            }
            out.fields.push(field);
        }
        out
    }

    fn id_of(&mut self, ty: &Type, text: &str) -> u32 {
        match ty {
            Type::Actor(name) => match self.tables.iter().position(|t| t.name == *name) {
                Some(actor) => self.tables[actor].keys.intern(text),
                None => MISSING,
            },
            _ => self.words.intern(text),
        }
    }
}

/// The schema of a system's log: its actors, then its declared events, in the order of their indices.
pub fn schema_of(system: &System) -> Schema {
    use crate::batch::{KeySchema, RecordSchema};
    let fields =
        |fields: &[crate::system::FieldSpec]| fields.iter().map(|f| (f.name.value.clone(), f.ty.clone())).collect();
    let mut records = Vec::new();
    for a in &system.actors {
        let name = a.name.value.clone();
        let keys = vec![KeySchema { role: name.clone(), actor: name.clone() }];
        records.push(RecordSchema { name, class: Class::Actor, keys, fields: fields(&a.fields) });
    }
    for e in &system.events {
        if let Origin::Declared { roles, fields: own, .. } = &e.origin {
            let key = |r: &crate::system::RoleSpec| KeySchema {
                role: r.role.value.clone(),
                actor: system.actors[r.actor].name.value.clone(),
            };
            let keys = roles.iter().map(key).collect();
            records.push(RecordSchema { name: e.name.value.clone(), class: Class::Event, keys, fields: fields(own) });
        }
    }
    Schema { records }
}
