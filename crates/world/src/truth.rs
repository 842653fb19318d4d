//! The planted truth: what a visitor looks at, what they click, buy and hide, and how that drifts.

use crate::chance::{happens, normal};
use crate::words::GARDEN;
use crate::{Event, Item, START_MS, Visitor, What, World};
use rand::Rng;
use tamis_spec::time::DAY_MS;

/// Those younger than this turn to the garden when tastes drift.
const YOUNG_YEARS: u8 = 35;

/// How much of an old taste is left once the garden has come.
const LEFT_AFTER_DRIFT: f64 = 0.2;

/// The probability that a visitor looks at a place of a list, from 1: the position bias, 1 / (1 + 0.28 · (position − 1)).
pub fn examination(position: usize) -> f64 {
    1.0 / (1.0 + 0.28 * (position.max(1) - 1) as f64)
}

/// What a visitor did with one item of a list.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reaction {
    /// The item's place in the list, from 1.
    pub position: usize,
    /// The item's index.
    pub item: usize,
    /// Seconds since the list was shown.
    pub after_s: u32,
    /// A click, a purchase or a hide.
    pub what: What,
}

impl World {
    /// Whether a visitor's tastes have drifted by a moment.
    pub fn has_drifted(&self, visitor: usize, now_ms: i64) -> bool {
        let drift = |day: usize| now_ms >= START_MS + day as i64 * DAY_MS;
        self.sizes.drift_day.is_some_and(drift) && self.visitors[visitor].age < YOUNG_YEARS
    }

    /// The probability that a visitor who looks at an item clicks it: the logistic of what its category, its material, its
    /// price, its quality and what no field says mean to them.
    pub fn attraction(&self, visitor: usize, item: usize, now_ms: i64) -> f64 {
        let (v, i) = (&self.visitors[visitor], &self.items[item]);
        let taste = taste(v, i, self.has_drifted(visitor, now_ms));
        let latent: f64 = v.latent.iter().zip(&i.latent).map(|(a, b)| a * b).sum();
        let material = if i.tags[0] == v.favourite_material { 1.0 } else { 0.0 };
        let price = (f64::from(i.price_cents) / 100.0).ln() - 3.1;
        logistic(
            -2.3 + 3.0 * taste + 0.8 * latent + 0.5 * i.quality + 0.9 * material - 0.7 * v.price_sensitivity * price,
        )
    }

    /// The probability of a click at a place of a list, from 1: looked at, then attracted.
    pub fn click_probability(&self, visitor: usize, item: usize, position: usize, now_ms: i64) -> f64 {
        examination(position) * self.attraction(visitor, item, now_ms)
    }

    /// Whether an item is among what a visitor is more likely than not to click when they look at it.
    pub fn would_like(&self, visitor: usize, item: usize, now_ms: i64) -> bool {
        self.attraction(visitor, item, now_ms) > 0.5
    }

    /// What a visitor does with a list of items that is shown to them, best first; in the order of time.
    pub fn react(&self, visitor: usize, items: &[usize], now_ms: i64, rng: &mut impl Rng) -> Vec<Reaction> {
        let mut reactions = Vec::new();
        let mut after_s = 1;
        for (at, &item) in items.iter().enumerate() {
            let position = at + 1;
            if !happens(rng, examination(position)) {
                continue;
            }
            after_s += 1 + u32::from(happens(rng, 0.5));
            let attraction = self.attraction(visitor, item, now_ms);
            let reaction = |after_s, what| Reaction { position, item, after_s, what };
            if happens(rng, attraction) {
                let dwell_s = dwell_s(attraction, rng);
                reactions.push(reaction(after_s, What::Click { dwell_s }));
                after_s += dwell_s;
                if happens(rng, 0.15 * attraction) {
                    after_s += 5;
                    reactions.push(reaction(after_s, What::Purchase { amount_cents: self.items[item].price_cents }));
                }
            } else if happens(rng, self.annoyance(visitor, item)) {
                reactions.push(reaction(after_s, What::Hide));
            }
        }
        reactions
    }

    /// A visitor who comes next, in proportion to how active they are.
    pub fn next_visitor(&self, rng: &mut impl Rng) -> usize {
        let total: f64 = self.visitors.iter().map(|v| v.activity).sum();
        let mut left = rng.random::<f64>() * total;
        let found = self.visitors.iter().position(|v| {
            left -= v.activity;
            left < 0.0
        });
        found.unwrap_or(self.visitors.len() - 1)
    }

    /// The probability of hiding an item that was looked at and not clicked.
    fn annoyance(&self, visitor: usize, item: usize) -> f64 {
        if self.items[item].category_idx == self.visitors[visitor].avoids { 0.08 } else { 0.004 }
    }
}

impl Reaction {
    /// The event of a reaction to a list shown at a moment.
    pub fn event(&self, visitor: usize, list: usize, shown_ms: i64) -> Event {
        Event { time_ms: shown_ms + i64::from(self.after_s) * 1000, visitor, item: self.item, list, what: self.what }
    }
}

fn taste(visitor: &Visitor, item: &Item, drifted: bool) -> f64 {
    let liked = visitor.likes.iter().find(|(category, _)| *category == item.category_idx);
    let before = match liked {
        Some((_, strength)) => *strength,
        None if visitor.avoids == item.category_idx => -0.4,
        None => 0.0,
    };
    match drifted {
        false => before,
        true if item.category_idx == GARDEN => 1.0,
        true => before.min(before * LEFT_AFTER_DRIFT),
    }
}

fn dwell_s(attraction: f64, rng: &mut impl Rng) -> u32 {
    ((8.0 + 40.0 * attraction).ln() + 0.6 * normal(rng)).exp().clamp(1.0, 900.0) as u32
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}
