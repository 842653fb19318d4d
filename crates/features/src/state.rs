//! Cells: the smallest pieces of state that events update and features read, dense by key; and the one fold that updates them.
//!
//! Strictly before: the state is read at t once every event known before t was folded and none known at t or later. What a cell
//! holds depends on the order of events alone, not on when or how often it was read.

mod cell;
mod distinct;
mod estimate;
mod fold;
mod keys;
mod memory;
mod pagerank;
mod ring;
mod rows;
mod space;

pub use cell::Cell;
pub use distinct::{Distinct, Sketch};
pub use estimate::Sizes;
pub use fold::{Buffers, Folded, fold};
pub(crate) use fold::{STRETCH_MAX, at_events, is_true, passes};
pub(crate) use keys::keys_of;
pub use keys::{KeyPart, SET_KEYS_MAX, is_set};
pub use pagerank::PageRank;
pub use rows::Field;
pub(crate) use space::Find;
pub use space::{Space, SpaceSpec};

use crate::eval::{Ids, Numbers, SetRef, Sets};
use crate::function::{Per, Ty};
use crate::texts::{Corpus, Statistics};
use ring::Ring;
use std::sync::Arc;
use tamis_spec::actors::Actors;
use tamis_spec::decision::Visit;
use tamis_spec::expr::Expr;
use tamis_spec::time::format_duration;

/// The cells of a plan and how events update them.
#[derive(Default)]
pub struct Cells {
    /// What is kept; a cell is referred to by its index here.
    pub specs: Vec<CellSpec>,
    /// By what it is kept.
    pub spaces: Vec<SpaceSpec>,
    /// What is read of each declared event.
    pub events: Vec<EventReads>,
    /// Fields of texts whose words are counted.
    pub corpora: Vec<Arc<Corpus>>,
    /// The spaces that were asked for since this was last emptied.
    pub(crate) touched: Vec<usize>,
}

/// One cell: what is kept, of which events, by which key.
pub struct CellSpec {
    /// Equal texts, equal cells.
    pub about: String,
    /// The declared event that updates it.
    pub event: usize,
    /// Its key space.
    pub space: usize,
    /// What is kept.
    pub what: What,
    /// Which of the events count: an index into [`EventReads::filters`]; all when none.
    pub filter: Option<usize>,
    /// Its keys among what is read of the event: an index into [`EventReads::keys`].
    pub key: usize,
    /// What is taken from each: an index into the reads that `what` calls for.
    pub value: Option<usize>,
    /// Of edges: whom they are from, an index into [`EventReads::ids`].
    pub from: Option<usize>,
    /// Whether it is read for all keys at once, and so stands in a column of its own, not in the rows of its keys.
    pub in_columns: bool,
}

/// What is kept in a cell for each key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The sum over all of the past.
    Total,
    /// The sum over [t - within, t).
    Window {
        /// Its length.
        within_ms: i64,
    },
    /// The sum, each summand halved with every half-life that passed since.
    Decay {
        /// Time to one half.
        half_life_ms: i64,
    },
    /// The latest number.
    LastNumber,
    /// The moment of the latest event.
    LastTime,
    /// The moment of the first event.
    FirstTime,
    /// The latest n numbers.
    Latest {
        /// How many, at most [`LATEST_MAX`].
        n: usize,
    },
    /// The smallest or largest number.
    Extreme {
        /// The largest, not the smallest.
        largest: bool,
        /// Over [t - within, t); without it over all of the past.
        within_ms: Option<i64>,
    },
    /// How many different actors or categories.
    Distinct {
        /// Over [t - within, t); without it over all of the past.
        within_ms: Option<i64>,
    },
    /// The same of all of the past, estimated.
    Sketch {
        /// 2^bits registers of a byte.
        bits: u32,
    },
    /// A weighted set, the sum of the events' sets; at most [`HISTOGRAM_MAX`] words, the lightest go.
    Histogram {
        /// Time to one half; without it nothing fades.
        half_life_ms: Option<i64>,
    },
    /// The latest actors met, with times.
    List {
        /// How many.
        keep: usize,
    },
    /// A graph, and the rank of every actor in it; one for all keys.
    PageRank,
}

/// Words in a histogram.
pub const HISTOGRAM_MAX: usize = 256;
/// Numbers that `last = n` can ask for.
pub const LATEST_MAX: usize = 1_000;
/// Actors that a list can hold; older ones go.
pub const LIST_MAX: usize = 10_000;
/// A list's room over what it must keep.
pub(crate) const LIST_SLACK: usize = 2;

impl What {
    /// As the plan prints it.
    pub fn name(self) -> String {
        match self {
            Self::Total => "sum".into(),
            Self::Window { within_ms } => format!("sum within {}", format_duration(within_ms)),
            Self::Decay { half_life_ms } => format!("sum with half-life {}", format_duration(half_life_ms)),
            Self::LastNumber => "last value".into(),
            Self::LastTime => "last time".into(),
            Self::FirstTime => "first time".into(),
            Self::Latest { n } => format!("latest {n} values"),
            Self::Extreme { largest, within_ms } => {
                let name = if largest { "largest value" } else { "smallest value" };
                within_ms.map_or_else(|| name.into(), |ms| format!("{name} within {}", format_duration(ms)))
            }
            Self::Distinct { within_ms: None } => "different values".into(),
            Self::Distinct { within_ms: Some(ms) } => format!("different values within {}", format_duration(ms)),
            Self::Sketch { bits } => format!("sketch of 2^{bits}"),
            Self::Histogram { half_life_ms: None } => "histogram".into(),
            Self::Histogram { half_life_ms: Some(h) } => format!("histogram with half-life {}", format_duration(h)),
            Self::List { keep } => format!("latest {keep} actors"),
            Self::PageRank => "page rank".into(),
        }
    }
}

/// What a cell takes from an event.
#[derive(Clone, Copy)]
pub enum Value<'e> {
    /// Nothing: events are counted.
    Nothing,
    /// A number.
    Number(&'e Expr),
    /// An actor or category.
    Ids(&'e Expr),
    /// Tags, or one category or actor.
    Set(&'e Expr),
    /// From one actor to another.
    Edge(&'e Expr, &'e Expr),
}

impl Value<'_> {
    /// As the plan prints it.
    pub fn about(&self) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Number(e) | Self::Ids(e) | Self::Set(e) => format!(": {}", crate::aggregate::text_of(e)),
            Self::Edge(from, to) => {
                format!(": {} to {}", crate::aggregate::text_of(from), crate::aggregate::text_of(to))
            }
        }
    }
}

/// What is read of the events of one kind, each thing once.
#[derive(Default)]
pub struct EventReads {
    /// Conditions.
    pub filters: Vec<Filter>,
    /// Numbers.
    pub numbers: Vec<(String, Box<dyn Numbers>)>,
    /// Actors and categories.
    pub ids: Vec<(String, Box<dyn Ids>)>,
    /// Sets.
    pub sets: Vec<(String, Box<dyn Sets>)>,
    /// Keys: the space, how the event reads it as text, and what its parts are in this event.
    pub keys: Vec<(usize, String, Vec<KeyPart>)>,
    /// The cells that these events update, windows aside.
    pub cells: Vec<usize>,
}

/// Which events count.
pub struct Filter {
    /// Equal texts, equal filters.
    pub about: String,
    /// The condition of a derived event.
    pub own: Option<Box<dyn Numbers>>,
    /// Roles of whose every combination only the first event with that condition counts.
    pub first: Vec<usize>,
    /// The `where` of an aggregate.
    pub and: Option<Box<dyn Numbers>>,
}

/// Which combinations of actors were met: of filters that let the first of each through.
pub type Met = rustc_hash::FxHashSet<(u32, u32)>;

impl Cells {
    /// No cells, for a system with so many declared events.
    pub fn new(n_declared: usize) -> Self {
        Self { events: (0..n_declared).map(|_| EventReads::default()).collect(), ..Self::default() }
    }

    /// Whether a window's events are kept for an earlier cell already.
    pub fn shares_events(&self, cell: usize) -> bool {
        let of = |c: &CellSpec| (c.event, c.filter, c.key, c.value);
        let is_window = |c: &CellSpec| matches!(c.what, What::Window { .. });
        let spec = &self.specs[cell];
        is_window(spec) && self.specs[..cell].iter().any(|c| is_window(c) && of(c) == of(spec))
    }

    /// Adds a cell.
    pub(crate) fn push(&mut self, spec: CellSpec) -> usize {
        let cell = self.specs.len();
        if !matches!(spec.what, What::Window { .. }) {
            self.events[spec.event].cells.push(cell);
        }
        self.specs.push(spec);
        cell
    }

    /// The space of that text, made if it is new.
    pub(crate) fn space(&mut self, about: String, per: Per, tys: Vec<Ty>, here: Vec<KeyPart>) -> usize {
        let space = match self.spaces.iter().position(|s| s.about == about) {
            Some(known) => known,
            None => {
                self.spaces.push(SpaceSpec { about, per, tys, parts: here });
                self.spaces.len() - 1
            }
        };
        self.touched.push(space);
        space
    }

    /// Where a declared event says the keys of a space: an index into its [`EventReads::keys`].
    pub(crate) fn key(&mut self, event: usize, space: usize, about: String, there: Vec<KeyPart>) -> usize {
        let keys = &mut self.events[event].keys;
        keys.iter().position(|(s, a, _)| *s == space && *a == about).unwrap_or_else(|| {
            keys.push((space, about, there));
            keys.len() - 1
        })
    }
}

/// What all cells hold as of a moment.
#[derive(Clone, Debug)]
pub struct State {
    pub(crate) cells: Vec<Cell>,
    pub(crate) spaces: Vec<Space>,
    /// By space.
    rows: Vec<rows::Rows>,
    /// By declared event: what one of them changes.
    targets: Arc<Vec<Vec<fold::Target>>>,
    rings: Vec<Ring>,
    /// No ring has anything to let go of up to this moment.
    due: i64,
    /// By declared event, then filter.
    met: Vec<Vec<Met>>,
    /// By corpus.
    statistics: Vec<Statistics>,
}

impl State {
    /// The state before the first event.
    pub fn new(cells: &Cells) -> Self {
        let (fields, rows) = rows::layout(cells);
        let cell = |(spec, field): (&CellSpec, &Option<Field>)| match field {
            Some(field) => Cell::InRow { space: spec.space, field: *field },
            None => Cell::new(spec.what),
        };
        let rings = ring::rings(cells, &fields);
        Self {
            cells: cells.specs.iter().zip(&fields).map(cell).collect(),
            spaces: cells.spaces.iter().map(|s| Space::new(s.parts.len())).collect(),
            rows,
            targets: Arc::new(fold::targets(cells, &fields, &rings)),
            rings,
            due: i64::MAX,
            met: cells.events.iter().map(|e| vec![Met::default(); e.filters.len()]).collect(),
            statistics: vec![Statistics::default(); cells.corpora.len()],
        }
    }

    /// Lets go of what left its window before `now`, and takes in the texts that became known before it. Called before reading; never
    /// goes back.
    pub fn advance(&mut self, of: &Cells, actors: &Actors, now: i64) {
        let Self { cells, rows, rings, statistics, due, .. } = self;
        if now > *due {
            rings.iter_mut().for_each(|r| r.expire(now, rows, cells));
            *due = rings.iter().map(Ring::due).min().unwrap_or(i64::MAX);
        }
        statistics.iter_mut().zip(&of.corpora).for_each(|(s, corpus)| s.advance(corpus, actors, now));
    }

    /// What is known of a corpus, by its place among the plan's.
    pub fn statistics(&self, corpus: usize) -> &Statistics {
        &self.statistics[corpus]
    }

    /// Whether `advance(now)` would change anything.
    pub fn is_due(&self, now: i64) -> bool {
        self.rings.iter().any(|ring| now > ring.due())
    }

    /// A sum: total, windowed or decayed to `now`; 0 for a key that was never met.
    #[inline]
    pub fn sum(&self, cell: usize, key: u32, now: i64) -> f64 {
        match &self.cells[cell] {
            Cell::InRow { space, field } => self.rows[*space].get(key).map_or(0.0, |row| field.sum(row, now)),
            Cell::Totals(v) => v.get(key as usize).copied().unwrap_or(0.0),
            Cell::Decays { half_life_ms, values } => {
                values.get(key as usize).map_or(0.0, |(v, t)| v * cell::fade(now - t, *half_life_ms) as f64)
            }
            _ => 0.0,
        }
    }

    /// Asks for what is kept of a key of a space to be near when it is read.
    #[inline]
    pub(crate) fn prefetch(&self, space: usize, key: u32) {
        self.rows[space].prefetch(key);
    }

    /// The sum over keys of [`Self::sum`].
    #[inline]
    pub fn sum_of(&self, cell: usize, keys: &[u32], now: i64) -> f64 {
        match keys {
            [key] => self.sum(cell, *key, now),
            // Beginning at 0: the sum of nothing is -0.
            keys => keys.iter().fold(0.0, |sum, key| sum + self.sum(cell, *key, now)),
        }
    }

    /// All sums by key of a total or window; none for keys past the end.
    pub fn sums(&self, cell: usize) -> &[f64] {
        if let Cell::Totals(v) = &self.cells[cell] { v } else { &[] }
    }

    /// The latest number; NaN for a key that was never met.
    #[inline]
    pub fn last_number(&self, cell: usize, key: u32) -> f32 {
        match &self.cells[cell] {
            Cell::InRow { space, field } => self.rows[*space].get(key).map_or(f32::NAN, |row| field.number(row)),
            _ => f32::NAN,
        }
    }

    /// The rank of an actor in a graph; NaN for one that no edge had named when it was computed.
    pub fn page_rank(&self, cell: usize, actor: u32) -> f32 {
        if let Cell::PageRank(graph) = &self.cells[cell] { graph.get(actor) } else { f32::NAN }
    }

    /// The latest or first moment; none for a key that was never met.
    #[inline]
    pub fn time(&self, cell: usize, key: u32) -> Option<i64> {
        let time = match &self.cells[cell] {
            Cell::InRow { space, field } => self.rows[*space].get(key).map(|row| field.time(row)),
            Cell::Times { values, .. } => values.get(key as usize).copied(),
            _ => None,
        };
        time.filter(|t| *t != i64::MIN)
    }

    /// All fading sums by key, with the moments to which they are faded.
    pub fn fading(&self, cell: usize) -> &[(f64, i64)] {
        if let Cell::Decays { values, .. } = &self.cells[cell] { values } else { &[] }
    }

    /// All first or last moments by key; `i64::MIN` for one that was never met.
    pub fn times(&self, cell: usize) -> &[i64] {
        if let Cell::Times { values, .. } = &self.cells[cell] { values } else { &[] }
    }

    /// Sum and number of the latest values.
    #[inline]
    pub fn latest(&self, cell: usize, key: u32) -> (f32, usize) {
        // From the oldest to the newest, so that the order of addition is that of the log.
        let (older, newer) = self.latest_values(cell, key);
        (older.iter().chain(newer).sum(), older.len() + newer.len())
    }

    /// The smallest or largest number as of `now`; NaN when there was none.
    #[inline]
    pub fn extreme(&self, cell: usize, key: u32, now: i64) -> f32 {
        let Cell::Extremes { within_ms, rows, .. } = &self.cells[cell] else { return f32::NAN };
        let Some(row) = rows.get(key as usize) else { return f32::NAN };
        let oldest = within_ms.map_or(i64::MIN, |ms| now.saturating_sub(ms));
        let first = row.partition_point(|(time, _)| *time < oldest);
        row.get(first).map_or(f32::NAN, |(_, value)| *value)
    }

    /// How many different values, as of `now`; 0 when there was none.
    #[inline]
    pub fn distinct(&self, cell: usize, key: u32, now: i64) -> f64 {
        match &self.cells[cell] {
            Cell::Distincts { within_ms, rows } => {
                let oldest = within_ms.map_or(i64::MIN, |ms| now.saturating_sub(ms));
                rows.get(key as usize).map_or(0.0, |row| row.count(oldest) as f64)
            }
            Cell::Sketches { rows, .. } => rows.get(key as usize).map_or(0.0, Sketch::count),
            _ => 0.0,
        }
    }

    /// The latest numbers, oldest first, as the two parts of a ring.
    #[inline]
    pub fn latest_values(&self, cell: usize, key: u32) -> (&[f32], &[f32]) {
        let Cell::Latest { n, values, counts } = &self.cells[cell] else { return (&[], &[]) };
        let met = counts.get(key as usize).copied().unwrap_or(0) as usize;
        let ring = values.get(key as usize * n..(key as usize + 1) * n).unwrap_or(&[]);
        if met <= *n { (&ring[..met.min(ring.len())], &[]) } else { (&ring[met % n..], &ring[..met % n]) }
    }

    /// The weighted set of a key, faded to `now`.
    pub fn histogram(&self, cell: usize, key: u32, now: i64) -> SetRef<'_> {
        let empty = SetRef { ids: &[], weights: &[], scale: 1.0 };
        let Cell::Histograms { half_life_ms, rows } = &self.cells[cell] else { return empty };
        rows.get(key as usize).map_or(empty, |row| SetRef {
            ids: &row.ids,
            weights: &row.weights,
            scale: half_life_ms.map_or(1.0, |h| cell::fade(now - row.time, h)),
        })
    }

    /// The latest actors met, oldest first.
    pub fn list(&self, cell: usize, key: u32) -> &[Visit] {
        let Cell::Lists { keep, rows } = &self.cells[cell] else { return &[] };
        rows.get(key as usize).map_or(&[], |v| &v[v.len().saturating_sub(*keep)..])
    }

    /// Resident bytes, near enough.
    pub fn bytes(&self) -> usize {
        let rings: usize = self.rings.iter().map(Ring::bytes).sum();
        let rows: usize = self.rows.iter().map(rows::Rows::bytes).sum();
        let met: usize = self.met.iter().flatten().map(|m| m.capacity() * 9).sum();
        let spaces: usize = self.spaces.iter().map(Space::bytes).sum();
        let texts: usize = self.statistics.iter().map(Statistics::bytes).sum();
        self.cells.iter().map(Cell::bytes).sum::<usize>() + rows + spaces + rings + met + texts
    }
}
