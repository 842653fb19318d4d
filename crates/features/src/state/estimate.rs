//! What cells will take: estimates from how many actors and events there are.

use super::{CellSpec, Cells, What, is_set};
use crate::aggregate::ALL;
use crate::function::Per;

/// How many there are.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Actors that lists are for.
    pub users: f64,
    /// Actors that are ranked.
    pub items: f64,
    /// Events in the log.
    pub events: f64,
}

/// What an event takes as long as it is in a window; windows that differ in length alone share it.
const WINDOW_EVENT_BYTES: f64 = 16.0;
/// Of a pair that has a key: its slot and the free ones beside it.
const PAIR_BYTES: f64 = 18.0;
/// Of a pair that was met, of events of which the first alone counts.
const MET_BYTES: f64 = 16.0;

impl Cells {
    /// How many keys a space will have; of a pair at most one an event.
    pub fn keys(&self, space: usize, sizes: &Sizes) -> f64 {
        let space = &self.spaces[space];
        match (space.parts.len(), space.per) {
            (1, _) if space.about == ALL => 1.0,
            (1, _) if is_set(&space.parts) => sizes.items,
            (1, Per::Decision) => sizes.users,
            (1, Per::Candidate) => sizes.items,
            _ => sizes.events,
        }
    }

    /// How many keys a cell will have, and the resident bytes of each.
    pub fn bytes_per_key(&self, cell: usize, sizes: &Sizes) -> (f64, f64) {
        let keys = self.keys(self.specs[cell].space, sizes);
        let events_per_key = sizes.events / keys.max(1.0);
        let shared = if self.shares_events(cell) { WINDOW_EVENT_BYTES * events_per_key } else { 0.0 };
        (keys, self.specs[cell].bytes_per_key(events_per_key) - shared)
    }

    /// Resident bytes of all cells, the keys of pairs, and whom events of which the first counts have met.
    pub fn bytes(&self, sizes: &Sizes) -> f64 {
        let all = |cell: usize| {
            let (keys, bytes) = self.bytes_per_key(cell, sizes);
            keys * bytes
        };
        let pairs = self.spaces.iter().enumerate().filter(|(_, s)| s.parts.len() > 1);
        let pairs: f64 = pairs.map(|(space, _)| self.keys(space, sizes) * PAIR_BYTES).sum();
        let firsts = self.events.iter().flat_map(|e| &e.filters).filter(|f| !f.first.is_empty()).count();
        (0..self.specs.len()).map(all).sum::<f64>() + pairs + firsts as f64 * MET_BYTES * sizes.events
    }
}

impl CellSpec {
    /// Estimated resident bytes for each key that was met `events_per_key` times.
    fn bytes_per_key(&self, events_per_key: f64) -> f64 {
        let sum = if self.value.is_none() && !self.in_columns { 4.0 } else { 8.0 };
        match self.what {
            What::Total => sum,
            What::LastTime | What::FirstTime => 8.0,
            What::Window { .. } => sum + WINDOW_EVENT_BYTES * events_per_key,
            What::Decay { .. } => 16.0,
            What::LastNumber => 4.0,
            What::Latest { n } => 4.0 + 4.0 * n as f64,
            // Of n values in no order about ln n are larger than all after them.
            What::Extreme { .. } => 32.0 + 16.0 * (1.0 + events_per_key).ln(),
            What::Distinct { .. } => 24.0 + 24.0 * events_per_key,
            What::Sketch { bits } => 16.0 + f64::from(1u32 << bits),
            What::Histogram { .. } => 56.0 + 8.0 * events_per_key.min(32.0),
            What::List { keep } => 24.0 + 16.0 * events_per_key.min(keep as f64),
            What::PageRank => 4.0 + 8.0 * events_per_key,
        }
    }
}
