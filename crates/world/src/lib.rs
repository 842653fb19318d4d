//! A seeded simulated market with planted truth: known tastes, a known position bias, a drift on a known day.
//!
//! The same seed and sizes give the same bytes. What is planted can be asked ([`World::attraction`], [`examination`],
//! [`World::has_drifted`]), so that a test can say what should have been found.

mod chance;
mod files;
mod population;
mod simulate;
mod truth;
mod words;

pub use population::{Item, Visitor};
pub use truth::{Reaction, examination};

/// How large a market is and how long it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Visitors; at most 65,535.
    pub visitors: usize,
    /// Items; at most 65,535. A fifth of them appears while the market runs, the others are there from the start.
    pub items: usize,
    /// Days.
    pub days: usize,
    /// Lists shown a day, on average.
    pub lists_per_day: usize,
    /// The day, counted from 0, from which the young turn to the garden; none for a market without drift.
    pub drift_day: Option<usize>,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { visitors: 2000, items: 800, days: 60, lists_per_day: 340, drift_day: Some(45) }
    }
}

/// Items in a list of the logging policy.
pub const LIST_LENGTH: usize = 10;

/// When the market opens, ms: 2025-03-01T00:00:00Z.
pub const START_MS: i64 = 1_740_787_200_000;

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Event {
    /// When, ms; a whole second.
    pub time_ms: i64,
    /// Index into [`World::visitors`].
    pub visitor: usize,
    /// Index into [`World::items`].
    pub item: usize,
    /// The list it came from, counted from 0 in the order in which lists were shown.
    pub list: usize,
    /// What it was.
    pub what: What,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum What {
    /// The item was shown.
    Impression {
        /// Its place in the list, from 1.
        position: usize,
    },
    /// The visitor opened it.
    Click {
        /// Seconds spent on it.
        dwell_s: u32,
    },
    /// The visitor bought it.
    Purchase {
        /// In hundredths.
        amount_cents: u32,
    },
    /// The visitor asked not to see it again.
    Hide,
}

/// A market, its people and all that happened in it.
#[derive(Clone, Debug)]
pub struct World {
    sizes: Sizes,
    items: Vec<Item>,
    visitors: Vec<Visitor>,
    events: Vec<Event>,
}

impl World {
    /// The market of a seed.
    pub fn new(seed: u64, sizes: Sizes) -> Self {
        assert!(
            sizes.visitors > 0 && sizes.items >= 2 * LIST_LENGTH,
            "a market has visitors and enough items for lists"
        );
        assert!(sizes.visitors <= 65_535 && sizes.items <= 65_535, "a market has at most 65,535 visitors and items");
        let items = population::items(seed, &sizes);
        let visitors = population::visitors(seed, &sizes);
        let mut world = Self { sizes, items, visitors, events: Vec::new() };
        world.events = simulate::events(&world, seed);
        world
    }

    /// How large it is.
    pub fn sizes(&self) -> &Sizes {
        &self.sizes
    }

    /// All items, those that appear late too.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// All visitors.
    pub fn visitors(&self) -> &[Visitor] {
        &self.visitors
    }

    /// All that happened, in the order of time.
    pub fn events(&self) -> impl ExactSizeIterator<Item = &Event> + Clone {
        self.events.iter()
    }

    /// The index of an item by its key.
    pub fn item_idx(&self, key: &str) -> Option<usize> {
        numbered(key, 'i', self.items.len())
    }

    /// The index of a visitor by their key.
    pub fn visitor_idx(&self, key: &str) -> Option<usize> {
        numbered(key, 'v', self.visitors.len())
    }

    /// When the market's log ends, ms; live visitors come after it.
    pub fn end_ms(&self) -> i64 {
        START_MS + self.sizes.days as i64 * tamis_spec::time::DAY_MS
    }
}

/// The system file of this market; data files stand beside it, as [`World::write`] names them.
pub fn system_toml() -> String {
    include_str!("tamis.toml").to_owned()
}

/// Keys are a letter and a number from 1: `i0001`.
fn key(letter: char, idx: usize) -> String {
    format!("{letter}{:04}", idx + 1)
}

fn numbered(text: &str, letter: char, n: usize) -> Option<usize> {
    let idx = text.strip_prefix(letter)?.parse::<usize>().ok()?.checked_sub(1)?;
    (idx < n && key(letter, idx) == text).then_some(idx)
}

#[cfg(test)]
mod tests;
