//! Fields: of an actor that a path leads to, of the events of a stretch, of what was asked.

use crate::eval::{At, Ids, Numbers, Places, SetBuffer, SetRef, Sets, Slot, TextOf, Times, VectorsOf, with_ids};
use tamis_spec::MISSING;
use tamis_spec::actors::Field;

/// A field.
pub(crate) struct Column {
    pub(crate) of: Of,
    pub(crate) field: usize,
}

/// Whose field it is.
pub(crate) enum Of {
    /// Of the actor that this finds, of that kind.
    Actor(Box<dyn Ids>, usize),
    /// Of the events themselves.
    Events,
    /// Of the one event that says what was asked.
    Request,
}

impl Column {
    /// Calls `f` with the column and the row in it of every row.
    fn read<R>(&self, at: &At<'_>, f: impl FnOnce(Option<&Field>, Rows<'_>) -> R) -> R {
        match &self.of {
            Of::Actor(of, actor) => {
                let field = at.actors.tables.get(*actor).and_then(|t| t.fields.get(self.field));
                with_ids(of.as_ref(), at, |ids| f(field, Rows::Of(ids)))
            }
            Of::Events => f(at.event.map(|e| &e.fields[self.field]), Rows::From(at.event_start)),
            Of::Request => f(at.event.map(|e| &e.fields[self.field]), Rows::Of(Slot::One(at.event_start as u32))),
        }
    }

    /// The column and the row in it of one row.
    fn one<'a>(&self, at: &At<'a>, row: usize) -> Option<(&'a Field, u32)> {
        match &self.of {
            Of::Actor(of, actor) => {
                let field = at.actors.tables.get(*actor).and_then(|t| t.fields.get(self.field))?;
                let id = match of.ready(at) {
                    Some(slot) => slot.get(row),
                    None => with_ids(of.as_ref(), at, |slot| slot.get(row)),
                };
                (id != MISSING).then_some((field, id))
            }
            Of::Events => at.event.map(|e| (&e.fields[self.field], (at.event_start + row) as u32)),
            Of::Request => at.event.map(|e| (&e.fields[self.field], at.event_start as u32)),
        }
    }
}

/// The rows of a column that are read.
#[derive(Clone, Copy)]
enum Rows<'a> {
    Of(Slot<'a>),
    From(usize),
}

impl Rows<'_> {
    /// Fills `out` with values of `column`; `missing` for rows it does not have.
    fn take<T: Copy>(self, column: &[T], missing: T, out: &mut [T]) {
        match self {
            Rows::Of(Slot::One(id)) => out.fill(column.get(id as usize).copied().unwrap_or(missing)),
            Rows::Of(Slot::Many(ids)) => {
                for (o, id) in out.iter_mut().zip(ids) {
                    *o = column.get(*id as usize).copied().unwrap_or(missing);
                }
            }
            Rows::From(start) => out.copy_from_slice(&column[start..start + out.len()]),
        }
    }
}

impl Numbers for Column {
    fn numbers(&self, at: &At<'_>, out: &mut [f32]) {
        self.read(at, |field, rows| match field {
            Some(Field::Numbers(v)) => rows.take(v, f32::NAN, out),
            _ => out.fill(f32::NAN),
        });
    }
}

impl Ids for Column {
    fn ids(&self, at: &At<'_>, out: &mut [u32]) {
        self.read(at, |field, rows| match field {
            Some(Field::Ids(v)) => rows.take(v, MISSING, out),
            _ => out.fill(MISSING),
        });
    }
    fn ready<'a>(&self, at: &At<'a>) -> Option<Slot<'a>> {
        if matches!(self.of, Of::Actor(..)) {
            return None;
        }
        let Field::Ids(v) = &at.event?.fields[self.field] else { return None };
        match &self.of {
            Of::Actor(..) => None,
            Of::Events => Some(Slot::Many(&v[at.event_start..at.event_start + at.n])),
            Of::Request => Some(Slot::One(v[at.event_start])),
        }
    }
}

impl Times for Column {
    fn times(&self, at: &At<'_>, out: &mut [i64]) {
        self.read(at, |field, rows| match field {
            Some(Field::Times(v)) => rows.take(v, i64::MIN, out),
            _ => out.fill(i64::MIN),
        });
    }
}

impl Sets for Column {
    fn set<'a>(&self, at: &At<'a>, row: usize, _: &'a mut SetBuffer) -> SetRef<'a> {
        match self.one(at, row) {
            Some((Field::Tags(tags), id)) => {
                let (ids, weights) = tags.get(id);
                SetRef { ids, weights, scale: 1.0 }
            }
            _ => SetRef { ids: &[], weights: &[], scale: 1.0 },
        }
    }
}

impl VectorsOf for Column {
    fn vector<'a>(&self, at: &At<'a>, row: usize) -> &'a [f32] {
        match self.one(at, row) {
            Some((Field::Vectors(v), id)) => v.get(id).filter(|v| !v.iter().any(|x| x.is_nan())).unwrap_or(&[]),
            _ => &[],
        }
    }
}

impl Places for Column {
    fn place(&self, at: &At<'_>, row: usize) -> [f32; 2] {
        match self.one(at, row) {
            Some((Field::Places(places), id)) => places.get(id as usize).copied().unwrap_or([f32::NAN; 2]),
            _ => [f32::NAN; 2],
        }
    }
}

impl TextOf for Column {
    fn text<'a>(&'a self, at: &At<'a>, row: usize) -> &'a str {
        self.one(at, row).map_or("", |(field, id)| field.text(id))
    }
}
