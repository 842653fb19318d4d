//! Rings: the events of windows, kept until they have left the longest.

use super::rows::Rows;
use super::{Cell, Cells, Field, What};
use std::collections::VecDeque;

/// So many events ahead of leaving a window, the row that will change is asked for.
const AHEAD: usize = 8;

/// The events of windows over the same thing.
#[derive(Clone, Debug)]
pub(super) struct Ring {
    pub(super) event: usize,
    pub(super) filter: Option<usize>,
    pub(super) key: usize,
    pub(super) value: Option<usize>,
    /// Where its keys' rows are.
    space: usize,
    windows: Vec<Window>,
    shortest_ms: i64,
    entries: VecDeque<(i64, u32, f32)>,
    /// Entries that have left the ring.
    gone: u64,
    /// Nothing leaves any of the windows up to this moment.
    due: i64,
}

#[derive(Clone, Debug)]
struct Window {
    within_ms: i64,
    cell: usize,
    /// Where in the row of its key its sum stands; none if it is a column.
    field: Option<Field>,
    /// Entries that have left the window.
    gone: u64,
}

/// One ring for all windows that differ in length alone.
pub(super) fn rings(cells: &Cells, fields: &[Option<Field>]) -> Vec<Ring> {
    let mut rings: Vec<Ring> = Vec::new();
    for (cell, (spec, field)) in cells.specs.iter().zip(fields).enumerate() {
        let What::Window { within_ms } = spec.what else { continue };
        let window = Window { within_ms, cell, field: *field, gone: 0 };
        let same = |r: &Ring| (r.event, r.filter, r.key, r.value) == (spec.event, spec.filter, spec.key, spec.value);
        match rings.iter_mut().find(|r| same(r)) {
            Some(ring) => {
                ring.shortest_ms = ring.shortest_ms.min(within_ms);
                ring.windows.push(window);
            }
            None => rings.push(Ring {
                event: spec.event,
                filter: spec.filter,
                key: spec.key,
                value: spec.value,
                space: spec.space,
                windows: vec![window],
                shortest_ms: within_ms,
                entries: VecDeque::new(),
                gone: 0,
                due: i64::MAX,
            }),
        }
    }
    rings
}

impl Ring {
    /// Takes out of each window what happened before now - within.
    #[inline]
    pub(super) fn expire(&mut self, now: i64, rows: &mut [Rows], cells: &mut [Cell]) {
        if now > self.due {
            self.let_go(now, &mut rows[self.space], cells);
        }
    }

    fn let_go(&mut self, now: i64, rows: &mut Rows, cells: &mut [Cell]) {
        self.due = i64::MAX;
        for window in &mut self.windows {
            let oldest = now.saturating_sub(window.within_ms);
            let mut at = (window.gone - self.gone) as usize;
            while let Some((time, key, value)) = self.entries.get(at).copied() {
                if time >= oldest {
                    self.due = self.due.min(time.saturating_add(window.within_ms));
                    break;
                }
                match window.field {
                    Some(field) => {
                        if let Some((_, key, _)) = self.entries.get(at + AHEAD) {
                            rows.prefetch(*key);
                        }
                        field.add(rows.get_mut(key), -value);
                    }
                    None => cells[window.cell].add_number(key as usize, -value, time),
                }
                at += 1;
            }
            window.gone = self.gone + at as u64;
        }
        let all_gone = self.windows.iter().map(|w| w.gone).min().unwrap_or(self.gone);
        self.entries.drain(..(all_gone - self.gone) as usize);
        self.gone = all_gone;
    }

    /// Expiry comes before the newcomer, so that the order of additions and subtractions does not hang on when the state was read.
    #[inline]
    pub(super) fn push(&mut self, (time, key, value): (i64, u32, f32), rows: &mut [Rows], cells: &mut [Cell]) {
        self.expire(time, rows, cells);
        self.entries.push_back((time, key, value));
        self.due = self.due.min(time.saturating_add(self.shortest_ms));
        let row = rows[self.space].get_mut(key);
        for window in &self.windows {
            match window.field {
                Some(field) => field.add(row, value),
                None => cells[window.cell].add_number(key as usize, value, time),
            }
        }
    }

    /// Nothing leaves up to this moment.
    pub(super) fn due(&self) -> i64 {
        self.due
    }

    /// Makes room in the columns that its windows have.
    pub(super) fn grow(&self, n_keys: usize, cells: &mut [Cell]) {
        self.windows.iter().filter(|w| w.field.is_none()).for_each(|w| cells[w.cell].grow(n_keys));
    }

    pub(super) fn bytes(&self) -> usize {
        self.entries.capacity() * 16
    }
}
