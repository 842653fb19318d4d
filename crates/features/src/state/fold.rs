//! The one fold: events of one kind, in the order of the log. What is read of events is computed over a stretch of them at once, also
//! over some that are not folded yet; then each event changes the rows of its keys, and the cells that have a form of their own.

use super::ring::Ring;
use super::rows::Rows;
use super::space::Intern;
use super::{Cell, CellSpec, Cells, EventReads, Field, Filter, LIST_SLACK, Met, Space, State, What, keys_of};
use crate::eval::{At, Scratch, SetBuffer, Slot};
use std::ops::Range;
use tamis_spec::MISSING;
use tamis_spec::actors::Actors;
use tamis_spec::decision::Visit;
use tamis_spec::events::{EventRows, Events};

/// Events that are read at a time.
pub(crate) const STRETCH_MAX: usize = 1_024;
/// So many events before they are folded, the rows that they will change are asked for.
const AHEAD: usize = 8;

/// Told of every actor that joins a list: the cell, the key, the list before, the newcomer.
pub type Folded<'f> = &'f mut dyn FnMut(usize, u32, &[Visit], Visit);

/// What folding keeps between calls: what was read of events ahead, by declared event. It goes with one log, which may grow.
#[derive(Default)]
pub struct Buffers {
    set: SetBuffer,
    stretches: Vec<Stretch>,
}

/// What is read of a stretch of events of one kind.
#[derive(Default)]
struct Stretch {
    scratch: Scratch,
    /// Which events.
    rows: Range<usize>,
    /// The first that was not folded.
    next: usize,
    /// 1 where an event passes, else 0. Of a filter that lets the first of each through, before that is looked at.
    filters: Vec<Vec<f32>>,
    numbers: Vec<Vec<f32>>,
    ids: Vec<Vec<u32>>,
    keys: Vec<Vec<u32>>,
    /// Where the keys of each row end, for keys that are sets; else empty.
    ends: Vec<Vec<u32>>,
    n_keys: Vec<usize>,
}

/// What an event changes by one key: in its row, and the rings of windows.
#[derive(Clone, Debug)]
pub(super) struct Target {
    key: usize,
    space: usize,
    filter: Option<usize>,
    /// Whether no target before it has the same key.
    leads: bool,
    /// Fields, and which number each takes.
    fields: Vec<(Field, Option<usize>)>,
    rings: Vec<usize>,
}

/// What every declared event changes.
pub(super) fn targets(cells: &Cells, fields: &[Option<Field>], rings: &[Ring]) -> Vec<Vec<Target>> {
    let mut all: Vec<Vec<Target>> = cells.events.iter().map(|_| Vec::new()).collect();
    let mut change = |event: usize, (key, filter): (usize, Option<usize>), with: &mut dyn FnMut(&mut Target)| {
        let targets = &mut all[event];
        let known = targets.iter().position(|t| (t.key, t.filter) == (key, filter)).unwrap_or_else(|| {
            let space = cells.events[event].keys[key].0;
            let leads = targets.iter().all(|t| t.key != key);
            targets.push(Target { key, space, filter, leads, fields: Vec::new(), rings: Vec::new() });
            targets.len() - 1
        });
        with(&mut targets[known]);
    };
    for (spec, field) in cells.specs.iter().zip(fields) {
        if let (Some(field), false) = (field, matches!(spec.what, What::Window { .. })) {
            change(spec.event, (spec.key, spec.filter), &mut |t| t.fields.push((*field, spec.value)));
        }
    }
    for (i, ring) in rings.iter().enumerate() {
        change(ring.event, (ring.key, ring.filter), &mut |t| t.rings.push(i));
    }
    all
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
    let (reads, columns) = (&cells.events[event], &events.kinds[event]);
    buffers.stretches.resize_with(cells.events.len().max(buffers.stretches.len()), Stretch::default);
    let Buffers { set, stretches } = buffers;
    let stretch = &mut stretches[event];
    let mut start = rows.start;
    while start < rows.end {
        if !stretch.holds(start) {
            stretch.read(
                reads,
                (columns, start..columns.known.len().min(start + STRETCH_MAX)),
                actors,
                &mut state.spaces,
            );
            stretch.make_room(reads, event, state);
        }
        let end = rows.end.min(stretch.rows.end);
        let here = start - stretch.rows.start..end - stretch.rows.start;
        stretch.pass_first(reads, (columns, here.clone()), &mut state.met[event]);
        if !reads.cells.is_empty() {
            stretch.forms(cells, actors, &mut state.cells, (columns, event, here.clone()), (set, folded));
        }
        stretch.rows(&columns.known[stretch.rows.clone()], event, here, state);
        stretch.next = end;
        start = end;
    }
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

impl Stretch {
    /// Whether that event was read, and none was left out before it.
    fn holds(&self, row: usize) -> bool {
        self.next == row && self.rows.contains(&row)
    }

    /// Computes everything that is read of a stretch of events.
    fn read(
        &mut self,
        reads: &EventReads,
        (of, rows): (&EventRows, Range<usize>),
        actors: &Actors,
        spaces: &mut [Space],
    ) {
        let slots: Vec<Slot<'_>> = of.actors.iter().map(|ids| Slot::Many(&ids[rows.clone()])).collect();
        let at = at_events(of, rows.clone(), &slots, actors, &self.scratch);
        let n = at.n;
        columns(&mut self.filters, reads.filters.len(), n, 0.0, |i, out| passes_but_first(&reads.filters[i], &at, out));
        columns(&mut self.numbers, reads.numbers.len(), n, 0.0, |i, out| reads.numbers[i].1.numbers(&at, out));
        columns(&mut self.ids, reads.ids.len(), n, MISSING, |i, out| reads.ids[i].1.ids(&at, out));
        self.keys.resize_with(reads.keys.len(), Vec::new);
        self.ends.resize_with(reads.keys.len(), Vec::new);
        for ((space, _, parts), (keys, ends)) in reads.keys.iter().zip(self.keys.iter_mut().zip(&mut self.ends)) {
            let space = &mut spaces[*space];
            keys_of(parts, &at, &mut Intern(space), keys, ends);
        }
        self.n_keys.clear();
        let highest = |keys: &Vec<u32>| keys.iter().filter(|k| **k != MISSING).max().map_or(0, |k| *k as usize + 1);
        self.n_keys.extend(self.keys.iter().map(highest));
        (self.next, self.rows) = (rows.start, rows);
    }

    /// Makes room for every key of the stretch.
    fn make_room(&self, reads: &EventReads, event: usize, state: &mut State) {
        for ((space, ..), n) in reads.keys.iter().zip(&self.n_keys) {
            state.rows[*space].grow(*n);
        }
        for ring in state.rings.iter().filter(|r| r.event == event) {
            ring.grow(self.n_keys[ring.key], &mut state.cells);
        }
    }

    /// Of filters that let the first of each through, looks at which these are.
    fn pass_first(&mut self, reads: &EventReads, (of, here): (&EventRows, Range<usize>), met: &mut [Met]) {
        for ((filter, met), pass) in reads.filters.iter().zip(met).zip(&mut self.filters) {
            if filter.first.is_empty() {
                continue;
            }
            for row in here.clone() {
                pass[row] = f32::from(first(filter, pass[row], |role| of.actors[role][self.rows.start + row], met));
            }
        }
    }

    /// Lets the cells that have a form of their own take in some events of the stretch, one cell after the other.
    fn forms(
        &mut self,
        cells: &Cells,
        actors: &Actors,
        state: &mut [Cell],
        (of, event, here): (&EventRows, usize, Range<usize>),
        (set, folded): (&mut SetBuffer, Folded<'_>),
    ) {
        let reads = &cells.events[event];
        let slots: Vec<Slot<'_>> = of.actors.iter().map(|ids| Slot::Many(&ids[self.rows.clone()])).collect();
        let at = at_events(of, self.rows.clone(), &slots, actors, &self.scratch);
        for &i in &reads.cells {
            let spec = &cells.specs[i];
            if !matches!(state[i], Cell::InRow { .. }) {
                state[i].grow(self.n_keys[spec.key]);
                take_in(&mut state[i], (i, spec), (reads, &at), (self, here.clone()), (set, &mut *folded));
            }
        }
    }

    /// Lets rows and rings take in some events of the stretch, one event after the other.
    fn rows(&self, times: &[i64], event: usize, here: Range<usize>, state: &mut State) {
        let State { cells, rows, rings, targets, due, .. } = state;
        let targets = targets.clone();
        for row in here {
            for target in &targets[event] {
                if target.leads
                    && self.ends[target.key].is_empty()
                    && let Some(key) = self.keys[target.key].get(row + AHEAD)
                {
                    rows[target.space].prefetch(*key);
                }
                if target.filter.is_some_and(|f| !is_true(self.filters[f][row])) {
                    continue;
                }
                for key in self.keys_of(target.key, row) {
                    self.hit(target, (row, times[row], *key), rows);
                    for ring in &target.rings {
                        let ring = &mut rings[*ring];
                        let value = ring.value.map_or(1.0, |v| self.numbers[v][row]);
                        if !value.is_nan() {
                            ring.push((times[row], *key, value), rows, cells);
                            *due = (*due).min(ring.due());
                        }
                    }
                }
            }
        }
    }

    /// Changes the row of a key.
    #[inline]
    fn hit(&self, target: &Target, (row, time, key): (usize, i64, u32), rows: &mut [Rows]) {
        if target.fields.is_empty() {
            return;
        }
        let fields = rows[target.space].get_mut(key);
        for (field, number) in &target.fields {
            let value = number.map_or(1.0, |v| self.numbers[v][row]);
            if !value.is_nan() {
                field.take_in(fields, value, time);
            }
        }
    }

    /// The keys of an event that are known.
    #[inline]
    fn keys_of(&self, key: usize, row: usize) -> &[u32] {
        let (keys, ends) = (&self.keys[key], &self.ends[key]);
        if ends.is_empty() {
            return if keys[row] == MISSING { &[] } else { &keys[row..=row] };
        }
        let start = if row == 0 { 0 } else { ends[row - 1] as usize };
        &keys[start..ends[row] as usize]
    }

    /// Calls `f` with each of some events that passes the filter, and with each of its keys.
    #[inline]
    fn for_counted(&self, here: Range<usize>, (key, filter): (usize, Option<usize>), mut f: impl FnMut(usize, u32)) {
        let keep = filter.map(|f| &self.filters[f]);
        for row in here.filter(|row| keep.is_none_or(|k| is_true(k[*row]))) {
            self.keys_of(key, row).iter().for_each(|key| f(row, *key));
        }
    }
}

/// Both conditions of a filter, where it lets every event through that fulfils them; where it lets only the first of each through, 1
/// where the first condition alone holds and 2 where both do.
fn passes_but_first(filter: &Filter, at: &At<'_>, out: &mut [f32]) {
    match &filter.own {
        Some(own) => own.numbers(at, out),
        None => out.fill(1.0),
    }
    let is_first = !filter.first.is_empty();
    out.iter_mut().for_each(|o| *o = f32::from(u8::from(is_true(*o)) * if is_first { 2 } else { 1 }));
    if let Some(and) = &filter.and {
        let fails = |o: f32| if is_first && o != 0.0 { 1.0 } else { 0.0 };
        at.scratch.numbers(out.len(), |one| {
            and.numbers(at, one);
            out.iter_mut().zip(one).filter(|(_, v)| !is_true(**v)).for_each(|(o, _)| *o = fails(*o));
        });
    }
}

/// Whether an event is the first of its actors with the first condition, and fulfils both. `pass`: as [`passes_but_first`] says.
fn first(filter: &Filter, pass: f32, actor: impl Fn(usize) -> u32, met: &mut Met) -> bool {
    let [first, rest @ ..] = &filter.first[..] else { return is_true(pass) };
    let new = is_true(pass) && met.insert((actor(*first), rest.first().map_or(MISSING, |second| actor(*second))));
    new && pass > 1.0
}

/// 1 where an event passes a filter, else 0.
pub(crate) fn passes(filter: &Filter, at: &At<'_>, met: &mut Met, out: &mut [f32]) {
    passes_but_first(filter, at, out);
    if !filter.first.is_empty() {
        for (row, o) in out.iter_mut().enumerate() {
            *o = f32::from(first(filter, *o, |role| at.slots[role].get(row), met));
        }
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

fn take_in(
    cell: &mut Cell,
    (i, spec): (usize, &CellSpec),
    (reads, at): (&EventReads, &At<'_>),
    (stretch, here): (&Stretch, Range<usize>),
    (set, folded): (&mut SetBuffer, Folded<'_>),
) {
    let (rows, times) = ((spec.key, spec.filter), at.known);
    match spec.what {
        What::Window { .. } => {}
        What::Total | What::Decay { .. } | What::LastNumber | What::Latest { .. } | What::Extreme { .. } => {
            let values = spec.value.map(|v| &stretch.numbers[v]);
            stretch.for_counted(here, rows, |row, key| {
                let value = values.map_or(1.0, |v| v[row]);
                if !value.is_nan() {
                    cell.add_number(key as usize, value, times[row]);
                }
            });
        }
        What::LastTime | What::FirstTime => {
            stretch.for_counted(here, rows, |row, key| cell.add_time(key as usize, times[row]));
        }
        What::Distinct { .. } | What::Sketch { .. } => {
            let of = &stretch.ids[spec.value.expect("a count of different things takes ids")];
            stretch.for_counted(here, rows, |row, key| {
                if of[row] != MISSING {
                    cell.add_id(key as usize, of[row], times[row]);
                }
            });
        }
        What::Histogram { .. } => {
            let of = &reads.sets[spec.value.expect("a histogram takes a set")].1;
            stretch.for_counted(here, rows, |row, key| {
                set.clear();
                cell.add_set(key as usize, &of.set(at, row, set), times[row]);
            });
        }
        What::PageRank => {
            let [from, to] = [spec.from, spec.value].map(|i| &stretch.ids[i.expect("an edge has two ends")]);
            let keep = spec.filter.map(|f| &stretch.filters[f]);
            let Cell::PageRank(graph) = cell else { return };
            for row in here.filter(|row| keep.is_none_or(|k| is_true(k[*row]))) {
                graph.add(from[row], to[row]);
            }
        }
        What::List { keep } => {
            let of = &stretch.ids[spec.value.expect("a list takes actors")];
            let Cell::Lists { rows: lists, .. } = cell else { return };
            stretch.for_counted(here, rows, |row, key| {
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
