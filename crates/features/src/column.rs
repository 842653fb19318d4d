//! Fields: of an actor that a path leads to, of the events of a stretch, of what was asked, of what came with each candidate.

use crate::eval::{At, Ids, Numbers, Places, SetBuffer, SetRef, Sets, Slot, TextOf, Times, VectorsOf, with_ids};
use crate::names::ITEM;
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
    /// Of the events that came with the candidates.
    Given,
}

impl Column {
    /// Fills `out` with the values of every row. `pick`: the column behind a field of that type.
    fn take<T: Copy>(&self, at: &At<'_>, pick: fn(&Field) -> Option<&[T]>, missing: T, out: &mut [T]) {
        let of = |values: &[T], id: u32| values.get(id as usize).copied().unwrap_or(missing);
        match &self.of {
            Of::Actor(ids, actor) => {
                let Some(table) = at.actors.tables.get(*actor) else { return out.fill(missing) };
                let values = table.fields.get(self.field).and_then(pick).unwrap_or(&[]);
                let is_still = table.earlier.is_empty();
                with_ids(ids.as_ref(), at, |slot| match slot {
                    Slot::One(id) if is_still => out.fill(of(values, id)),
                    Slot::Many(ids) if is_still => out.iter_mut().zip(ids).for_each(|(o, id)| *o = of(values, *id)),
                    slot => out.iter_mut().enumerate().for_each(|(row, o)| {
                        let found = table.at(self.field, slot.get(row), at.moment(row));
                        *o = found.map_or(missing, |(field, row)| of(pick(field).unwrap_or(&[]), row));
                    }),
                });
            }
            Of::Events => match at.event.and_then(|e| pick(&e.fields[self.field])).unwrap_or(&[]) {
                [] => out.fill(missing),
                values => out.copy_from_slice(&values[at.event_start..at.event_start + out.len()]),
            },
            Of::Request => {
                out.fill(of(at.event.and_then(|e| pick(&e.fields[self.field])).unwrap_or(&[]), at.event_start as u32));
            }
            Of::Given => {
                let values = at.event.and_then(|e| pick(&e.fields[self.field])).unwrap_or(&[]);
                let row = |row: usize| at.came.row(at.slots[ITEM].get(row));
                out.iter_mut().enumerate().for_each(|(r, o)| *o = row(r).map_or(missing, |row| of(values, row)));
            }
        }
    }

    /// The column and the row in it of one row.
    fn one<'a>(&self, at: &At<'a>, row: usize) -> Option<(&'a Field, u32)> {
        match &self.of {
            Of::Actor(of, actor) => {
                let table = at.actors.tables.get(*actor)?;
                table.at(self.field, of.id(at, row), at.moment(row))
            }
            Of::Events => at.event.map(|e| (&e.fields[self.field], (at.event_start + row) as u32)),
            Of::Request => at.event.map(|e| (&e.fields[self.field], at.event_start as u32)),
            Of::Given => at.event.map(|e| &e.fields[self.field]).zip(at.came.row(at.slots[ITEM].get(row))),
        }
    }
}

impl Numbers for Column {
    fn numbers(&self, at: &At<'_>, out: &mut [f32]) {
        fn values(field: &Field) -> Option<&[f32]> {
            if let Field::Numbers(v) = field { Some(v) } else { None }
        }
        self.take(at, values, f32::NAN, out);
    }
}

impl Ids for Column {
    fn ids(&self, at: &At<'_>, out: &mut [u32]) {
        fn values(field: &Field) -> Option<&[u32]> {
            if let Field::Ids(v) = field { Some(v) } else { None }
        }
        self.take(at, values, MISSING, out);
    }
    fn ready<'a>(&self, at: &At<'a>) -> Option<Slot<'a>> {
        if matches!(self.of, Of::Actor(..) | Of::Given) {
            return None;
        }
        let Field::Ids(v) = &at.event?.fields[self.field] else { return None };
        match &self.of {
            Of::Actor(..) | Of::Given => None,
            Of::Events => Some(Slot::Many(&v[at.event_start..at.event_start + at.n])),
            Of::Request => Some(Slot::One(v[at.event_start])),
        }
    }
    fn id(&self, at: &At<'_>, row: usize) -> u32 {
        match self.one(at, row) {
            Some((Field::Ids(v), id)) => v.get(id as usize).copied().unwrap_or(MISSING),
            _ => MISSING,
        }
    }
}

impl Times for Column {
    fn times(&self, at: &At<'_>, out: &mut [i64]) {
        fn values(field: &Field) -> Option<&[i64]> {
            if let Field::Times(v) = field { Some(v) } else { None }
        }
        self.take(at, values, i64::MIN, out);
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
    fn vector<'a>(&self, at: &At<'a>, row: usize, _: &'a mut Vec<f32>) -> &'a [f32] {
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
