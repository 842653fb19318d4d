//! All files of a system as one stream of records: actors first, then events in the order in which they happened.

use crate::cell::{Cell, push};
use crate::entries::Entries;
use crate::error::{BadRow, Error};
use crate::locate::{Place, Sought, locate};
use crate::rows;
use std::cell::RefCell;
use std::collections::HashSet;
use std::path::PathBuf;
use tamis_spec::actors::schema_of;
use tamis_spec::batch::{Batch, Column, Rows, Schema};
use tamis_spec::system::{FieldSpec, FileSpec, Origin, System};

/// Bad rows that are shown.
const SHOWN_MAX: usize = 5;
/// Records in a batch.
pub(crate) const BATCH_RECORDS: usize = 8_192;

/// What was read of one file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FileSummary {
    /// The actor or event it was read for.
    pub name: String,
    /// The file.
    pub file: PathBuf,
    /// Its rows.
    pub rows: u64,
    /// Those that could not be used.
    pub bad: u64,
    /// The first of these.
    pub examples: Vec<BadRow>,
    /// Rows of an actor whose key was there before: the later row wins.
    pub repeated: u64,
    /// Actors named by events without a record of their own: kept, and usable once one comes.
    pub unknown_actors: u64,
    /// First and last moment, ms; none for actors.
    pub span_ms: Option<(i64, i64)>,
}

/// Everything that was read, in columns, not yet in order.
pub struct Import {
    /// The records' schema.
    pub schema: Schema,
    /// By file.
    pub files: Vec<FileSummary>,
    pub(crate) rows: Vec<Rows>,
    n_actors: usize,
    /// By actor: whether its rows say from when they hold.
    dated: Vec<bool>,
}

/// Reads all files of a system. `now_ms`: rows that say they happened later are bad. `told`: rows read so far.
pub fn import(system: &System, sought: &Sought, now_ms: i64, told: &mut dyn FnMut(&str, u64)) -> Result<Import, Error> {
    let schema = schema_of(system);
    let n_actors = system.actors.len();
    let (rows, dated) = (schema.batch().rows, vec![false; n_actors]);
    let mut all = Import { rows, schema, files: Vec::new(), n_actors, dated };
    for (i, actor) in system.actors.iter().enumerate() {
        let (Some(file), Some(key)) = (&actor.file, &actor.key) else { continue };
        let time = actor.as_of.as_ref().map(|(column, pattern)| (column.value.as_str(), pattern.as_deref()));
        let (name, fields) = (&actor.name.value, &actor.fields);
        let reader = Reader { name, file, keys: vec![&key.value], time, fields, now_ms };
        all.read(i, &reader, sought, told)?;
    }
    for (e, event) in system.events.iter().enumerate() {
        let Origin::Declared { file: Some(file), time, roles, fields } = &event.origin else { continue };
        let reader = Reader {
            name: &event.name.value,
            file,
            keys: roles.iter().map(|r| r.column.as_str()).collect(),
            // Judgements have no moment: they are at the beginning of time.
            time: time.as_ref().map(|(column, pattern)| (column.value.as_str(), pattern.as_deref())),
            fields,
            now_ms,
        };
        all.read(system.actors.len() + e, &reader, sought, told)?;
    }
    all.count_unknown();
    Ok(all)
}

struct Reader<'s> {
    name: &'s str,
    file: &'s FileSpec,
    keys: Vec<&'s str>,
    time: Option<(&'s str, Option<&'s str>)>,
    fields: &'s [FieldSpec],
    now_ms: i64,
}

impl Import {
    fn read(
        &mut self,
        kind: usize,
        of: &Reader<'_>,
        sought: &Sought,
        told: &mut dyn FnMut(&str, u64),
    ) -> Result<(), Error> {
        let mut places = Vec::new();
        for path in &of.file.paths {
            places.extend(locate(of.file, &path.value, sought)?);
        }
        let mut wanted = of.keys.clone();
        wanted.extend(of.time.map(|(column, _)| column));
        wanted.extend(of.fields.iter().map(|f| f.column.as_str()));
        let mut entries = of.file.each.as_ref().map(|spec| Entries::new(spec, &mut wanted));
        // Of several files what is written stands for all.
        let file = if let [one] = &places[..] { one.shown().to_path_buf() } else { PathBuf::from(of.file.shown()) };
        let mut summary = FileSummary { name: of.name.to_string(), file: file.clone(), ..FileSummary::default() };
        let rows = &mut self.rows[kind];
        let mut take = |place: &Place, line: u64, cells: Result<&[Cell<'_>], (String, String)>| {
            summary.rows += 1;
            if summary.rows.is_multiple_of(65_536) {
                told(of.name, summary.rows);
            }
            let bad = match cells {
                Ok(cells) => of.take(cells, rows).err(),
                Err(bad) => Some(bad),
            };
            if let Some((found, expected)) = bad {
                summary.bad += 1;
                if summary.examples.len() < SHOWN_MAX {
                    let file = place.shown().to_path_buf();
                    summary.examples.push(BadRow { file, line, found, expected });
                }
            }
        };
        let (delimiter, columns) = (of.file.delimiter, &of.file.columns[..]);
        let (format, sql, met) = (of.file.format.as_deref(), of.file.sql.as_deref(), RefCell::default());
        let layout = rows::Layout { format, delimiter, columns, sql, met: &met };
        for place in &places {
            let mut each = |(line, cells): rows::Row<'_, '_>| {
                match (&mut entries, cells) {
                    (Some(entries), Ok(cells)) => entries.of(cells, &mut |cells| take(place, line, cells)),
                    (_, cells) => take(place, line, cells),
                }
                true
            };
            rows::read(place, &layout, &wanted, &mut each)?;
        }
        met.borrow().check(&file, &wanted)?;
        if summary.rows == 0 {
            return Err(Error::Empty { file });
        }
        if summary.bad as f64 > of.file.bad_rows * summary.rows as f64 {
            let FileSummary { bad, rows, examples, .. } = summary;
            return Err(Error::TooManyBad { file, bad, rows, allowed: of.file.bad_rows, examples });
        }
        if of.time.is_some() {
            summary.span_ms = rows.time.iter().copied().min().zip(rows.time.iter().copied().max());
        }
        if kind < self.n_actors {
            self.dated[kind] = of.time.is_some();
        }
        if kind < self.n_actors && of.time.is_none() {
            let distinct = rows.keys[0].iter().collect::<HashSet<_>>().len();
            summary.repeated = (rows.len() - distinct) as u64;
        }
        self.files.push(summary);
        Ok(())
    }

    fn count_unknown(&mut self) {
        let known: Vec<HashSet<&str>> = self.rows[..self.n_actors].iter().map(|r| r.keys[0].iter().collect()).collect();
        let names: Vec<&str> = self.schema.records[..self.n_actors].iter().map(|r| r.name.as_str()).collect();
        for summary in &mut self.files {
            let event = self.schema.records[self.n_actors..].iter().position(|r| r.name == summary.name);
            let is_event = || !names.contains(&summary.name.as_str());
            let Some(event) = event.filter(|_| is_event()) else { continue };
            let record = &self.schema.records[self.n_actors + event];
            let mut unknown: HashSet<(usize, &str)> = HashSet::new();
            for (k, key) in record.keys.iter().enumerate() {
                let Some(actor) = names.iter().position(|n| *n == key.actor) else { continue };
                // An actor without a file has no records: all its keys are known from events alone, and that is as declared.
                if known[actor].is_empty() {
                    continue;
                }
                let keys = self.rows[self.n_actors + event].keys[k].iter();
                unknown.extend(keys.filter(|key| !known[actor].contains(key)).map(|key| (actor, key)));
            }
            summary.unknown_actors = unknown.len() as u64;
        }
    }

    /// Hands over all records in batches, in the order in which they became known: actors at the moment of the first event, then events
    /// and actors' rows that say from when they hold by time, those of one moment in the order of the system file, actors first, and of
    /// their lines. Stops at the first error.
    pub fn batches<E>(&mut self, mut each: impl FnMut(&Batch) -> Result<(), E>) -> Result<(), E> {
        let mut order: Vec<(i64, u32, u32)> = Vec::new();
        let timed = |kind: usize| self.dated.get(kind).copied().unwrap_or(true);
        for (kind, rows) in self.rows.iter().enumerate().filter(|(kind, _)| timed(*kind)) {
            order.extend(rows.time.iter().enumerate().map(|(row, time)| (*time, kind as u32, row as u32)));
        }
        order.sort_unstable();
        let first = order.first().map_or(0, |o| o.0);
        for (rows, _) in self.rows.iter_mut().zip(&self.dated).filter(|(_, dated)| !**dated) {
            rows.time.fill(first);
            rows.known.fill(first);
        }
        let still = (0..self.n_actors).filter(|kind| !self.dated[*kind]);
        let actors = still.flat_map(|kind| (0..self.rows[kind].len()).map(move |row| (kind, row)));
        let events = order.iter().map(|(_, kind, row)| (*kind as usize, *row as usize));
        let mut batch = self.schema.batch();
        for (kind, row) in actors.chain(events) {
            batch.order.push(kind as u16);
            copy(&self.rows[kind], row, &mut batch.rows[kind]);
            if batch.len() == BATCH_RECORDS {
                each(&batch)?;
                batch = self.schema.batch();
            }
        }
        if batch.is_empty() { Ok(()) } else { each(&batch) }
    }

    /// How many records there are.
    pub fn n_records(&self) -> u64 {
        self.rows.iter().map(|r| r.len() as u64).sum()
    }
}

impl Reader<'_> {
    /// Appends a row; nothing of it when something is wrong.
    fn take(&self, cells: &[Cell<'_>], rows: &mut Rows) -> Result<(), (String, String)> {
        let before = rows.len();
        let taken = self.try_take(cells, rows);
        if taken.is_err() {
            cut(rows, before);
        }
        taken
    }

    fn try_take(&self, cells: &[Cell<'_>], rows: &mut Rows) -> Result<(), (String, String)> {
        let (keys, rest) = cells.split_at(self.keys.len());
        let (time, fields) = rest.split_at(usize::from(self.time.is_some()));
        for ((key, column), to) in keys.iter().zip(&self.keys).zip(&mut rows.keys) {
            let found = key.word(|w| {
                if w.is_empty() {
                    false
                } else {
                    to.push(w);
                    true
                }
            });
            if found != Some(true) {
                return Err((key.shown(), format!("a key in `{column}`")));
            }
        }
        for ((cell, field), to) in fields.iter().zip(self.fields).zip(&mut rows.fields) {
            push(to, field, cell).map_err(|expected| (cell.shown(), format!("{expected} in `{}`", field.column)))?;
        }
        let moment = match (&self.time, time.first()) {
            (Some((column, pattern)), Some(cell)) => {
                let moment = cell.time(*pattern).ok_or_else(|| (cell.shown(), format!("a time in `{column}`")))?;
                if moment > self.now_ms {
                    return Err((cell.shown(), format!("a time in the past in `{column}`")));
                }
                moment
            }
            _ => 0,
        };
        rows.time.push(moment);
        rows.known.push(moment);
        Ok(())
    }
}

/// Takes back what was appended beyond `n` rows.
fn cut(rows: &mut Rows, n: usize) {
    let texts = |t: &mut tamis_spec::batch::Texts, n: usize| {
        if t.len() > n {
            t.ends.truncate(n);
            t.bytes.truncate(t.ends.last().map_or(0, |e| *e as usize));
        }
    };
    rows.keys.iter_mut().for_each(|k| texts(k, n));
    for field in &mut rows.fields {
        match field {
            Column::Numbers(v) => v.truncate(n),
            Column::Texts(t) => texts(t, n),
            Column::Times(v) => v.truncate(n),
            Column::Places(v) => v.truncate(n),
            Column::Vectors { dimensions, values } => values.truncate(n * *dimensions),
            Column::Tags(tags) => {
                tags.ends.truncate(n);
                let kept = tags.ends.last().map_or(0, |e| *e as usize);
                texts(&mut tags.names, kept);
                tags.weights.truncate(kept);
            }
        }
    }
}

fn copy(from: &Rows, row: usize, to: &mut Rows) {
    to.time.push(from.time[row]);
    to.known.push(from.known[row]);
    from.keys.iter().zip(&mut to.keys).for_each(|(f, t)| t.push(f.get(row)));
    for (from, to) in from.fields.iter().zip(&mut to.fields) {
        match (from, to) {
            (Column::Numbers(f), Column::Numbers(t)) => t.push(f[row]),
            (Column::Texts(f), Column::Texts(t)) => t.push(f.get(row)),
            (Column::Times(f), Column::Times(t)) => t.push(f[row]),
            (Column::Places(f), Column::Places(t)) => t.push(f[row]),
            (Column::Tags(f), Column::Tags(t)) => {
                f.range(row).for_each(|k| t.push(f.names.get(k), f.weights[k]));
                t.end_row();
            }
            (Column::Vectors { dimensions, values }, Column::Vectors { dimensions: d, values: t }) => {
                *d = *dimensions;
                t.extend_from_slice(&values[row * dimensions..(row + 1) * dimensions]);
            }
            _ => unreachable!("both are columns of one schema"),
        }
    }
}
