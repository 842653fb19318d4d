//! What passes between the parts of a funnel while one decision is made.

use crate::mask::Mask;
use crate::matrix::Matrix;

/// One event of somebody's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visit {
    /// Dense index of the item.
    pub item: u32,
    /// When it became known, ms.
    pub time: i64,
}

/// What a source or a learned vector wants to know of the past at every decision; kept by the one fold.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Need {
    /// The items of the user's events of this kind, oldest first.
    History {
        /// Index of the event in the system.
        event: usize,
    },
    /// The number of events of this kind for every item.
    Counts {
        /// Index of the event in the system.
        event: usize,
        /// In [now - within, now); all of the past when none.
        within_ms: Option<i64>,
    },
    /// The number of events of this kind for every item, each halved with every half-life that passed since.
    Fading {
        /// Index of the event in the system.
        event: usize,
        /// Time to one half.
        half_life_ms: i64,
    },
    /// The moment of the first or last event of this kind of every item.
    Moments {
        /// Index of the event in the system.
        event: usize,
        /// The first, not the last.
        first: bool,
    },
}

/// The answer to a [`Need`] as of the decision: nothing in it happened at `now` or later.
#[derive(Clone, Copy, Debug)]
pub enum Answer<'a> {
    /// Oldest first; empty for an unknown user.
    History(&'a [Visit]),
    /// By item; items past the end have none.
    Counts(&'a [f64]),
    /// By item: the number and the moment to which it is faded; items past the end have none.
    Fading {
        /// (number, ms).
        sums: &'a [(f64, i64)],
        /// Time to one half.
        half_life_ms: i64,
    },
    /// By item, ms; `i64::MIN` for those that had none, and items past the end have none.
    Moments(&'a [i64]),
}

impl<'a> Answer<'a> {
    /// The visits; empty when this answers something else.
    pub fn visits(&self) -> &'a [Visit] {
        if let Self::History(v) = self { v } else { &[] }
    }

    /// The moments; empty when this answers something else.
    pub fn moments(&self) -> &'a [i64] {
        if let Self::Moments(m) = self { m } else { &[] }
    }

    /// The counts; empty when this answers something else.
    pub fn counts(&self) -> &'a [f64] {
        if let Self::Counts(c) = self { c } else { &[] }
    }
}

/// What a source is told of a decision.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The moment, ms.
    pub now: i64,
    /// Dense index of the actor that the list is for; `MISSING` when unknown.
    pub user: u32,
    /// How many items there are.
    pub n_items: usize,
    /// Answers to the source's own needs, in its order.
    pub answers: &'a [Answer<'a>],
    /// The user's learned vector by index of `[learned]`; empty where there is none.
    pub user_vectors: &'a [&'a [f32]],
    /// Items that must not be proposed.
    pub excluded: &'a Mask,
}

/// An item and how much a source or stage thinks of it; larger is better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored {
    /// Dense index.
    pub item: u32,
    /// Never NaN.
    pub score: f32,
}

impl Scored {
    /// Best first; equal scores by the smaller index.
    #[inline]
    pub fn order(&self, other: &Self) -> std::cmp::Ordering {
        other.score.total_cmp(&self.score).then(self.item.cmp(&other.item))
    }
}

/// The order of keys: whole numbers by their size, before all other keys, which go by their characters.
pub fn by_key(a: &str, b: &str) -> std::cmp::Ordering {
    let number = |key: &str| !key.is_empty() && key.bytes().all(|b| b.is_ascii_digit());
    match (number(a), number(b)) {
        (true, true) => {
            let (x, y) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
            x.len().cmp(&y.len()).then_with(|| x.cmp(y)).then_with(|| a.cmp(b))
        }
        (true, false) => std::cmp::Ordering::Less,
        (false, true) => std::cmp::Ordering::Greater,
        (false, false) => a.cmp(b),
    }
}

/// The candidates of one decision, once the sources are merged.
#[derive(Clone, Debug, Default)]
pub struct Candidates {
    /// Dense indices, each once, ascending.
    pub items: Vec<u32>,
    /// [n, n_sources]: what each source thinks of each; NaN where it cannot say.
    pub scores: Matrix,
    /// [n, n_sources]: place in each source's own list, from 1; NaN where it did not propose it.
    pub ranks: Matrix,
}

/// Something that happened to an item of whoever a list is for; what folded sources learn from.
#[derive(Clone, Copy, Debug)]
pub struct Happened<'a> {
    /// Dense index of the actor it happened to.
    pub user: u32,
    /// Dense index of the item.
    pub item: u32,
    /// When it became known, ms.
    pub time: i64,
    /// The user's earlier events of the same kind, oldest first; without this one.
    pub history: &'a [Visit],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_are_numbers_go_by_their_size_and_stand_before_words() {
        let mut keys = ["b", "10", "GX2", "9", "", "007", "7", "123456789012345678901", "a"];
        keys.sort_by(|a, b| by_key(a, b));
        assert_eq!(keys, ["007", "7", "9", "10", "123456789012345678901", "", "GX2", "a", "b"]);
    }
}
