//! A row that is many records: one for each entry of a list in one of its columns.

use crate::cell::Cell;
use tamis_spec::system::EntriesSpec;

/// Cells of a row, or what is wrong with them (found, expected).
type Cells<'a, 'r> = Result<&'a [Cell<'r>], (String, String)>;

/// Whole numbers below are themselves in a list of numbers, which is read in 32 bits.
const EXACT_BELOW: f32 = 16_777_216.0;

/// Takes rows apart.
pub(crate) struct Entries<'s> {
    spec: &'s EntriesSpec,
    /// By wanted column: the part of an entry that it is.
    parts: Vec<Option<usize>>,
    /// Where the list is among the wanted columns; behind them when no part of it is wanted.
    list: usize,
}

impl<'s> Entries<'s> {
    /// Puts the list's own column where parts of its entries are wanted.
    pub(crate) fn new(spec: &'s EntriesSpec, wanted: &mut Vec<&'s str>) -> Self {
        let parts: Vec<_> = wanted.iter().map(|w| spec.into.iter().position(|i| i == w)).collect();
        parts.iter().zip(wanted.iter_mut()).filter(|(part, _)| part.is_some()).for_each(|(_, w)| *w = &spec.column);
        let list = parts.iter().position(Option::is_some).unwrap_or(parts.len());
        if list == parts.len() {
            wanted.push(&spec.column);
        }
        Self { spec, parts, list }
    }

    /// Tells of every record in a row.
    pub(crate) fn of<'r>(&mut self, row: &[Cell<'r>], each: &mut dyn FnMut(Cells<'_, '_>)) {
        match &row[self.list] {
            Cell::Texts(all) => all.iter().for_each(|entry| self.one(row, entry, each)),
            Cell::Text(text) => match self.spec.separator.as_deref() {
                Some(separator) => text.split(separator).for_each(|entry| self.one(row, entry.trim(), each)),
                None => text.split_whitespace().for_each(|entry| self.one(row, entry, each)),
            },
            Cell::Missing => {}
            Cell::Numbers(all) if all.iter().all(|n| n.fract() == 0.0 && n.abs() < EXACT_BELOW) => {
                all.iter().for_each(|n| self.one(row, &n.to_string(), each));
            }
            Cell::Numbers(all) => {
                let expected = format!("keys in `{}` as texts: as numbers they are not exact", self.spec.column);
                each(Err((Cell::Numbers(all.clone()).shown(), expected)));
            }
            other => each(Err((other.shown(), format!("a list in `{}`", self.spec.column)))),
        }
    }

    fn one<'e, 'r: 'e>(&self, row: &[Cell<'r>], entry: &'e str, each: &mut dyn FnMut(Cells<'_, '_>)) {
        if entry.is_empty() {
            return;
        }
        let n = self.spec.into.len();
        let parts: Vec<&str> = entry.rsplitn(n, self.spec.between.as_str()).collect();
        if parts.len() != n {
            let expected = format!("{n} parts with `{}` between them in `{}`", self.spec.between, self.spec.column);
            return each(Err((Cell::Text(entry).shown(), expected)));
        }
        let cell = |(cell, part): (&Cell<'r>, &Option<usize>)| -> Cell<'e> {
            match part {
                Some(part) => Cell::Text(parts[n - 1 - part]),
                None => cell.clone(),
            }
        };
        let cells: Vec<Cell<'e>> = row.iter().zip(&self.parts).map(cell).collect();
        each(Ok(&cells));
    }
}
