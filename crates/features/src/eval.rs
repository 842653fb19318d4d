//! Evaluation: what an expression may look at, and the forms its values take. Everything is computed over whole columns:
//! over the candidates of a decision, or over a stretch of events of one kind.

use crate::state::State;
use std::cell::RefCell;
use tamis_spec::MISSING;
use tamis_spec::actors::Actors;
use tamis_spec::decision::Visit;
use tamis_spec::encode::Encode;
use tamis_spec::events::EventRows;
use tamis_spec::matrix::Matrix;
use tamis_spec::vectors::Vectors;

/// What an expression is evaluated at: `n` rows that share everything but some of their actors.
#[derive(Clone, Copy)]
pub struct At<'a> {
    /// Rows.
    pub n: usize,
    /// The moment of the decision, ms; unused over events.
    pub now: i64,
    /// All actors.
    pub actors: &'a Actors,
    /// The actors that paths begin with: of a decision, the one it is for and the candidates; of events, by role.
    pub slots: &'a [Slot<'a>],
    /// Over events: their rows, of which the first is `event_start`.
    pub event: Option<&'a EventRows>,
    /// See `event`.
    pub event_start: usize,
    /// Over events: when each became known; empty in a decision.
    pub known: &'a [i64],
    /// What cells hold, as of now.
    pub state: Option<&'a State>,
    /// For each key space: the key of every row, or of all rows.
    pub keys: &'a [Slot<'a>],
    /// For each key space of sets: where the keys of each row end; empty for the others.
    pub ends: &'a [&'a [u32]],
    /// [n, n_sources]: scores by the sources.
    pub source_scores: Option<&'a Matrix>,
    /// [n, n_sources]: places in the sources' lists.
    pub source_ranks: Option<&'a Matrix>,
    /// [n] for each stage that has scored.
    pub stage_scores: &'a [&'a [f32]],
    /// The learned vector of the actor that the decision is for, by `[learned]` index.
    pub user_vectors: &'a [&'a [f32]],
    /// The learned vectors of items, by `[learned]` index.
    pub item_vectors: &'a [&'a Vectors],
    /// What makes vectors of texts, by `[learned]` index.
    pub encoders: &'a [Option<&'a dyn Encode>],
    /// Places in the list that was shown, from 1, by item; empty when it is not known yet.
    pub positions: &'a [(u32, f32)],
    /// What came with the candidates.
    pub came: Came<'a>,
    /// Buffers for values in between.
    pub scratch: &'a Scratch,
}

/// The candidates of a decision as they came, before any stage chose among them, and what came with them.
#[derive(Clone, Copy, Default)]
pub struct Came<'a> {
    /// All of them, ascending.
    pub candidates: &'a [u32],
    /// Of those that came with values of their own, by item: the row of the decision's own event that has them.
    pub rows: &'a [(u32, u32)],
}

impl Came<'_> {
    /// The row that came with an item.
    #[inline]
    pub fn row(&self, item: u32) -> Option<u32> {
        self.rows.binary_search_by_key(&item, |(i, _)| *i).ok().map(|at| self.rows[at].1)
    }
}

impl At<'_> {
    /// The moment as of which a row reads the fields of actors: a decision's own, and of an event the one behind it, so that it
    /// sees what became known together with it.
    #[inline]
    pub fn moment(&self, row: usize) -> i64 {
        self.known.get(row).map_or(self.now, |known| known.saturating_add(1))
    }
}

/// Indices of rows: one for all, or one each.
#[derive(Clone, Copy, Debug)]
pub enum Slot<'a> {
    /// The same for all rows.
    One(u32),
    /// One for each row.
    Many(&'a [u32]),
}

impl Slot<'_> {
    /// The index of a row.
    #[inline]
    pub fn get(&self, row: usize) -> u32 {
        match self {
            Self::One(id) => *id,
            Self::Many(ids) => ids[row],
        }
    }
}

/// Buffers that are lent and taken back, so that evaluation allocates only until it has met its largest decision.
#[derive(Default)]
pub struct Scratch {
    numbers: RefCell<Vec<Vec<f32>>>,
    ids: RefCell<Vec<Vec<u32>>>,
    times: RefCell<Vec<Vec<i64>>>,
    sets: RefCell<Vec<SetBuffer>>,
}

impl Scratch {
    /// Lends `n` numbers to `f`; what they hold before is unspecified.
    pub fn numbers<R>(&self, n: usize, f: impl FnOnce(&mut [f32]) -> R) -> R {
        let mut buffer = self.numbers.borrow_mut().pop().unwrap_or_default();
        buffer.resize(n, 0.0);
        let out = f(&mut buffer);
        self.numbers.borrow_mut().push(buffer);
        out
    }

    /// Lends an empty vector.
    pub fn vector<R>(&self, f: impl FnOnce(&mut Vec<f32>) -> R) -> R {
        let mut buffer = self.numbers.borrow_mut().pop().unwrap_or_default();
        buffer.clear();
        let out = f(&mut buffer);
        self.numbers.borrow_mut().push(buffer);
        out
    }

    /// Lends `n` indices.
    pub fn ids<R>(&self, n: usize, f: impl FnOnce(&mut [u32]) -> R) -> R {
        let mut buffer = self.ids.borrow_mut().pop().unwrap_or_default();
        buffer.resize(n, MISSING);
        let out = f(&mut buffer);
        self.ids.borrow_mut().push(buffer);
        out
    }

    /// Lends `n` moments.
    pub fn times<R>(&self, n: usize, f: impl FnOnce(&mut [i64]) -> R) -> R {
        let mut buffer = self.times.borrow_mut().pop().unwrap_or_default();
        buffer.resize(n, i64::MIN);
        let out = f(&mut buffer);
        self.times.borrow_mut().push(buffer);
        out
    }

    /// Lends a buffer for a set.
    pub fn set<R>(&self, f: impl FnOnce(&mut SetBuffer) -> R) -> R {
        let mut buffer = self.sets.borrow_mut().pop().unwrap_or_default();
        buffer.clear();
        let out = f(&mut buffer);
        buffer.clear();
        self.sets.borrow_mut().push(buffer);
        out
    }
}

/// Computes numbers.
pub trait Numbers: Send + Sync {
    /// Fills `out`, which is as long as there are rows; NaN is missing.
    fn numbers(&self, at: &At<'_>, out: &mut [f32]);
}

/// Computes indices of words or actors.
pub trait Ids: Send + Sync {
    /// Fills `out`, which is as long as there are rows.
    fn ids(&self, at: &At<'_>, out: &mut [u32]);
    /// The indices, where they stand ready.
    fn ready<'a>(&self, at: &At<'a>) -> Option<Slot<'a>>;
    /// The index of one row.
    fn id(&self, at: &At<'_>, row: usize) -> u32 {
        match self.ready(at) {
            Some(slot) => slot.get(row),
            None => with_ids(self, at, |slot| slot.get(row)),
        }
    }
}

/// Computes moments.
pub trait Times: Send + Sync {
    /// Fills `out`, which is as long as there are rows; `i64::MIN` is missing.
    fn times(&self, at: &At<'_>, out: &mut [i64]);
}

/// Finds weighted sets.
pub trait Sets: Send + Sync {
    /// The set of a row; it may be made in `buffer`, which is empty.
    fn set<'a>(&self, at: &At<'a>, row: usize, buffer: &'a mut SetBuffer) -> SetRef<'a>;
}

/// Finds vectors.
pub trait VectorsOf: Send + Sync {
    /// The vector of a row; empty when missing. It may be made in `buffer`.
    fn vector<'a>(&self, at: &At<'a>, row: usize, buffer: &'a mut Vec<f32>) -> &'a [f32];
}

/// Finds places.
pub trait Places: Send + Sync {
    /// Latitude and longitude of a row, degrees; NaN when missing.
    fn place(&self, at: &At<'_>, row: usize) -> [f32; 2];
}

/// Finds texts.
pub trait TextOf: Send + Sync {
    /// The text of a row; empty when missing.
    fn text<'a>(&'a self, at: &At<'a>, row: usize) -> &'a str;
}

/// Finds lists of actors.
pub trait Lists: Send + Sync {
    /// The list of a row, oldest first.
    fn list<'a>(&self, at: &At<'a>, row: usize) -> &'a [Visit];
}

/// A weighted set: the weight of `ids[i]` is `weights[i] * scale`.
#[derive(Clone, Copy, Debug)]
pub struct SetRef<'a> {
    /// Each once.
    pub ids: &'a [u32],
    /// As many.
    pub weights: &'a [f32],
    /// For all weights.
    pub scale: f32,
}

/// A set in the making: dense weights by index, so that adding and looking up take no search.
#[derive(Clone, Debug, Default)]
pub struct SetBuffer {
    dense: Vec<f32>,
    place: Vec<u32>,
    ids: Vec<u32>,
    weights: Vec<f32>,
}

impl SetBuffer {
    /// Adds to the weight of an index.
    pub fn add(&mut self, id: u32, weight: f32) {
        if id == MISSING {
            return;
        }
        let at = id as usize;
        if at >= self.dense.len() {
            self.dense.resize(at + 1, 0.0);
            self.place.resize(at + 1, MISSING);
        }
        if self.place[at] == MISSING {
            self.place[at] = self.ids.len() as u32;
            self.ids.push(id);
        }
        self.dense[at] += weight;
    }

    /// Adds an index of weight 1 and says whether it was not there.
    pub fn add_new(&mut self, id: u32) -> bool {
        let is_new = self.weight(id) == 0.0;
        if is_new {
            self.add(id, 1.0);
        }
        is_new
    }

    /// Adds a whole set.
    pub fn add_all(&mut self, set: &SetRef<'_>) {
        for (id, weight) in set.ids.iter().zip(set.weights) {
            self.add(*id, weight * set.scale);
        }
    }

    /// The weight of an index; 0 when it is not in the set.
    #[inline]
    pub fn weight(&self, id: u32) -> f32 {
        self.dense.get(id as usize).copied().unwrap_or(0.0)
    }

    /// What was added, as a set.
    pub fn finish(&mut self) -> SetRef<'_> {
        self.weights.clear();
        self.weights.extend(self.ids.iter().map(|id| self.dense[*id as usize]));
        SetRef { ids: &self.ids, weights: &self.weights, scale: 1.0 }
    }

    /// Empties it.
    pub fn clear(&mut self) {
        for id in self.ids.drain(..) {
            self.dense[id as usize] = 0.0;
            self.place[id as usize] = MISSING;
        }
        self.weights.clear();
    }
}

/// Calls `f` with the indices of all rows, copied only where they do not stand ready.
pub fn with_ids<R>(of: &(impl Ids + ?Sized), at: &At<'_>, f: impl FnOnce(Slot<'_>) -> R) -> R {
    match of.ready(at) {
        Some(slot) => f(slot),
        None => at.scratch.ids(at.n, |ids| {
            of.ids(at, ids);
            f(Slot::Many(ids))
        }),
    }
}
