//! The one fold: events of one kind, a stretch at a time. What is read of the events is computed over the whole stretch, then each
//! cell takes it in, in the order of the log.

use super::{Cell, CellSpec, Cells, EventReads, Filter, LIST_SLACK, Met, Space, State, What, keys_of};
use crate::eval::{At, Scratch, SetBuffer, Slot};
use std::collections::VecDeque;
use std::ops::Range;
use tamis_spec::MISSING;
use tamis_spec::actors::Actors;
use tamis_spec::decision::Visit;
use tamis_spec::events::{EventRows, Events};

/// Events that are read at a time.
pub(crate) const STRETCH_MAX: usize = 1_024;

/// Told of every actor that joins a list: the cell, the key, the list before, the newcomer.
pub type Folded<'f> = &'f mut dyn FnMut(usize, u32, &[Visit], Visit);

/// What folding keeps between stretches to allocate nothing.
#[derive(Default)]
pub struct Buffers {
    scratch: Scratch,
    set: SetBuffer,
    filters: Vec<Vec<f32>>,
    numbers: Vec<Vec<f32>>,
    ids: Vec<Vec<u32>>,
    keys: Vec<Vec<u32>>,
    /// Where the keys of each row end, for keys that are sets; else empty.
    ends: Vec<Vec<u32>>,
    n_keys: Vec<usize>,
}

/// Folds the events of one declared kind in `rows` into the state. Events must come in the order in which they became known.
pub fn fold(
    cells: &Cells,
    actors: &Actors,
    state: &mut State,
    (events, event, rows): (&Events, usize, Range<usize>),
    buffers: &mut Buffers,
    folded: Folded<'_>,
) {
    let mut start = rows.start;
    while start < rows.end {
        let end = rows.end.min(start + STRETCH_MAX);
        stretch(cells, actors, state, (&events.kinds[event], event, start..end), buffers, folded);
        start = end;
    }
}

fn stretch(
    cells: &Cells,
    actors: &Actors,
    state: &mut State,
    (columns, event, rows): (&EventRows, usize, Range<usize>),
    buffers: &mut Buffers,
    folded: Folded<'_>,
) {
    let reads = &cells.events[event];
    let slots: Vec<Slot<'_>> = columns.actors.iter().map(|ids| Slot::Many(&ids[rows.clone()])).collect();
    let scratch = std::mem::take(&mut buffers.scratch);
    let at = at_events(columns, rows.clone(), &slots, actors, &scratch);
    buffers.read(reads, &at, &mut state.spaces, &mut state.met[event]);
    let times = &columns.known[rows];
    let mut set = std::mem::take(&mut buffers.set);
    for &i in &reads.cells {
        let spec = &cells.specs[i];
        state.cells[i].grow(buffers.n_keys[spec.key]);
        take_in(&mut state.cells[i], (i, spec), (reads, &at, times), (buffers, &mut set), folded);
    }
    buffers.set = set;
    for ring in state.rings.iter_mut().filter(|r| r.event == event) {
        ring.windows.iter().for_each(|w| state.cells[w.cell].grow(buffers.n_keys[ring.key]));
        for_counted((ring.key, ring.filter), buffers, |row, key| {
            let value = ring.value.map_or(1.0, |v| buffers.numbers[v][row]);
            if !value.is_nan() {
                ring.push(times[row], key, value, &mut state.cells);
            }
        });
    }
    buffers.scratch = scratch;
}

/// What expressions in the scope of an event are evaluated at: a stretch of events of one kind.
pub(crate) fn at_events<'a>(
    columns: &'a EventRows,
    rows: Range<usize>,
    slots: &'a [Slot<'a>],
    actors: &'a Actors,
    scratch: &'a Scratch,
) -> At<'a> {
    At {
        n: rows.len(),
        now: 0,
        actors,
        slots,
        event: Some(columns),
        event_start: rows.start,
        known: &columns.known[rows],
        state: None,
        keys: &[],
        ends: &[],
        source_scores: None,
        source_ranks: None,
        stage_scores: &[],
        user_vectors: &[],
        item_vectors: &[],
        encoders: &[],
        positions: &[],
        came: Default::default(),
        scratch,
    }
}

impl Buffers {
    /// Computes everything that is read of a stretch of events.
    fn read(&mut self, reads: &EventReads, at: &At<'_>, spaces: &mut [Space], met: &mut [Met]) {
        let n = at.n;
        columns(&mut self.filters, reads.filters.len(), n, 0.0, |i, out| {
            passes(&reads.filters[i], at, &mut met[i], out)
        });
        columns(&mut self.numbers, reads.numbers.len(), n, 0.0, |i, out| reads.numbers[i].1.numbers(at, out));
        columns(&mut self.ids, reads.ids.len(), n, MISSING, |i, out| reads.ids[i].1.ids(at, out));
        self.keys.resize_with(reads.keys.len().max(self.keys.len()), Vec::new);
        self.ends.resize_with(self.keys.len(), Vec::new);
        for ((space, _, parts), (keys, ends)) in reads.keys.iter().zip(self.keys.iter_mut().zip(&mut self.ends)) {
            let space = spaces.get_mut(*space);
            match space {
                Some(space) => keys_of(parts, at, |a, b| space.intern(a, b), keys, ends),
                None => keys_of(parts, at, |a, _| a, keys, ends),
            }
        }
        self.n_keys.clear();
        let highest = |keys: &Vec<u32>| keys.iter().filter(|k| **k != MISSING).max().map_or(0, |k| *k as usize + 1);
        self.n_keys.extend(self.keys.iter().map(highest));
    }
}

/// 1 where an event passes a filter, else 0.
pub(crate) fn passes(filter: &Filter, at: &At<'_>, met: &mut Met, out: &mut [f32]) {
    match &filter.own {
        Some(own) => own.numbers(at, out),
        None => out.fill(1.0),
    }
    if let [first, rest @ ..] = &filter.first[..] {
        for (row, o) in out.iter_mut().enumerate().filter(|(_, o)| is_true(**o)) {
            let key = (at.slots[*first].get(row), rest.first().map_or(MISSING, |second| at.slots[*second].get(row)));
            *o = f32::from(met.insert(key));
        }
    }
    if let Some(and) = &filter.and {
        at.scratch.numbers(out.len(), |one| {
            and.numbers(at, one);
            out.iter_mut().zip(one).filter(|(_, v)| !is_true(**v)).for_each(|(o, _)| *o = 0.0);
        });
    }
}

/// Whether a number counts as true: neither 0 nor missing.
pub(crate) fn is_true(value: f32) -> bool {
    value != 0.0 && !value.is_nan()
}

/// Makes `count` columns of `n` values each.
fn columns<T: Copy>(to: &mut Vec<Vec<T>>, count: usize, n: usize, empty: T, mut of: impl FnMut(usize, &mut [T])) {
    if to.len() < count {
        to.resize_with(count, Vec::new);
    }
    for (i, column) in to.iter_mut().enumerate().take(count) {
        column.resize(n, empty);
        of(i, column);
    }
}

/// Calls `f` with every row of a stretch that passes the filter, and with each of its keys.
#[inline]
fn for_counted((key, filter): (usize, Option<usize>), buffers: &Buffers, mut f: impl FnMut(usize, u32)) {
    let (keys, ends) = (&buffers.keys[key], &buffers.ends[key]);
    let keep = filter.map(|f| &buffers.filters[f]);
    let counts = |row: usize| keep.is_none_or(|k| is_true(k[row]));
    if ends.is_empty() {
        for (row, key) in keys.iter().enumerate().filter(|(row, key)| **key != MISSING && counts(*row)) {
            f(row, *key);
        }
        return;
    }
    let mut start = 0;
    for (row, end) in ends.iter().enumerate() {
        if counts(row) {
            keys[start..*end as usize].iter().for_each(|key| f(row, *key));
        }
        start = *end as usize;
    }
}

fn take_in(
    cell: &mut Cell,
    (i, spec): (usize, &CellSpec),
    (reads, at, times): (&EventReads, &At<'_>, &[i64]),
    (buffers, set): (&Buffers, &mut SetBuffer),
    folded: Folded<'_>,
) {
    let rows = (spec.key, spec.filter);
    match spec.what {
        What::Window { .. } => {}
        What::Total | What::Decay { .. } | What::LastNumber | What::Latest { .. } | What::Extreme { .. } => {
            let values = spec.value.map(|v| &buffers.numbers[v]);
            for_counted(rows, buffers, |row, key| {
                let value = values.map_or(1.0, |v| v[row]);
                if !value.is_nan() {
                    cell.add_number(key as usize, value, times[row]);
                }
            });
        }
        What::LastTime | What::FirstTime => {
            for_counted(rows, buffers, |row, key| cell.add_time(key as usize, times[row]));
        }
        What::Distinct { .. } | What::Sketch { .. } => {
            let of = &buffers.ids[spec.value.expect("a count of different things takes ids")];
            for_counted(rows, buffers, |row, key| {
                if of[row] != MISSING {
                    cell.add_id(key as usize, of[row], times[row]);
                }
            });
        }
        What::Histogram { .. } => {
            let of = &reads.sets[spec.value.expect("a histogram takes a set")].1;
            for_counted(rows, buffers, |row, key| {
                set.clear();
                cell.add_set(key as usize, &of.set(at, row, set), times[row]);
            });
        }
        What::PageRank => {
            let [from, to] = [spec.from, spec.value].map(|i| &buffers.ids[i.expect("an edge has two ends")]);
            let keep = spec.filter.map(|f| &buffers.filters[f]);
            let Cell::PageRank(graph) = cell else { return };
            for row in (0..from.len()).filter(|row| keep.is_none_or(|k| is_true(k[*row]))) {
                graph.add(from[row], to[row]);
            }
        }
        What::List { keep } => {
            let of = &buffers.ids[spec.value.expect("a list takes actors")];
            let Cell::Lists { rows: lists, .. } = cell else { return };
            for_counted(rows, buffers, |row, key| {
                if of[row] == MISSING {
                    return;
                }
                let list = &mut lists[key as usize];
                let visit = Visit { item: of[row], time: times[row] };
                folded(i, key, &list[list.len().saturating_sub(keep)..], visit);
                // Room for more than is asked for lets many go at once, so that the bound costs O(1) a visit; readers take the end.
                if list.len() == keep * LIST_SLACK {
                    list.drain(..keep * (LIST_SLACK - 1));
                }
                list.push(visit);
            });
        }
    }
}

/// The events of windows over the same thing, kept until they have left the longest.
#[derive(Clone, Debug)]
pub(super) struct Ring {
    event: usize,
    filter: Option<usize>,
    key: usize,
    value: Option<usize>,
    windows: Vec<Window>,
    entries: VecDeque<(i64, u32, f32)>,
    /// Entries that have left the ring.
    gone: u64,
}

#[derive(Clone, Debug)]
struct Window {
    within_ms: i64,
    cell: usize,
    /// Entries that have left the window.
    gone: u64,
}

/// One ring for all windows that differ in length alone.
pub(super) fn rings(cells: &Cells) -> Vec<Ring> {
    let mut rings: Vec<Ring> = Vec::new();
    for (cell, spec) in cells.specs.iter().enumerate() {
        let What::Window { within_ms } = spec.what else { continue };
        let window = Window { within_ms, cell, gone: 0 };
        let same = |r: &Ring| (r.event, r.filter, r.key, r.value) == (spec.event, spec.filter, spec.key, spec.value);
        match rings.iter_mut().find(|r| same(r)) {
            Some(ring) => ring.windows.push(window),
            None => rings.push(Ring {
                event: spec.event,
                filter: spec.filter,
                key: spec.key,
                value: spec.value,
                windows: vec![window],
                entries: VecDeque::new(),
                gone: 0,
            }),
        }
    }
    rings
}

impl Ring {
    /// Takes out of each window what happened before now - within.
    pub(super) fn expire(&mut self, now: i64, cells: &mut [Cell]) {
        for window in &mut self.windows {
            let oldest = now.saturating_sub(window.within_ms);
            while let Some((time, key, value)) = self.entries.get((window.gone - self.gone) as usize) {
                if *time >= oldest {
                    break;
                }
                cells[window.cell].add_number(*key as usize, -*value, *time);
                window.gone += 1;
            }
        }
        let all_gone = self.windows.iter().map(|w| w.gone).min().unwrap_or(self.gone);
        self.entries.drain(..(all_gone - self.gone) as usize);
        self.gone = all_gone;
    }

    /// Whether `expire(now)` would take anything out.
    pub(super) fn is_due(&self, now: i64) -> bool {
        self.windows.iter().any(|w| {
            let next = self.entries.get((w.gone - self.gone) as usize);
            next.is_some_and(|(time, _, _)| *time < now.saturating_sub(w.within_ms))
        })
    }

    /// Expiry comes before the newcomer, so that the order of additions and subtractions does not hang on when the state was read.
    fn push(&mut self, time: i64, key: u32, value: f32, cells: &mut [Cell]) {
        self.expire(time, cells);
        self.entries.push_back((time, key, value));
        self.windows.iter().for_each(|w| cells[w.cell].add_number(key as usize, value, time));
    }

    pub(super) fn bytes(&self) -> usize {
        self.entries.capacity() * 16
    }
}
