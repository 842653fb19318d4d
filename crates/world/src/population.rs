//! Who and what there is: items with their qualities, visitors with their tastes.

use crate::chance::{Stream, happens, normal, one_of, stream};
use crate::words::{CATEGORIES, COUNTRIES, MATERIALS, MOODS};
use crate::{START_MS, Sizes, key};
use rand::Rng;
use std::collections::HashSet;
use tamis_spec::time::DAY_MS;

/// Length of the vectors of what is not said in any field.
pub(crate) const LATENT: usize = 4;

/// The share of items that appear while the market runs.
const LATE_SHARE: f64 = 0.2;

/// Something that is sold.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// `i0001`
    pub key: String,
    /// `Copper kettle`; no two are alike.
    pub title: String,
    /// `kitchen`
    pub category: &'static str,
    /// One to three words.
    pub tags: Vec<&'static str>,
    /// In hundredths.
    pub price_cents: u32,
    /// From when it can be shown, ms.
    pub added_ms: i64,
    pub(crate) category_idx: usize,
    pub(crate) quality: f64,
    pub(crate) latent: [f64; LATENT],
}

/// Somebody who comes.
#[derive(Clone, Debug, PartialEq)]
pub struct Visitor {
    /// `v0001`
    pub key: String,
    /// In years.
    pub age: u8,
    /// `NL`
    pub country: &'static str,
    pub(crate) likes: Vec<(usize, f64)>,
    pub(crate) avoids: usize,
    pub(crate) favourite_material: &'static str,
    pub(crate) price_sensitivity: f64,
    pub(crate) activity: f64,
    pub(crate) latent: [f64; LATENT],
}

impl Visitor {
    /// The categories that they like before any drift, strongest first, with strengths from 0 to 1.
    pub fn likes(&self) -> impl Iterator<Item = (&'static str, f64)> + '_ {
        self.likes.iter().map(|(category, strength)| (CATEGORIES[*category].0, *strength))
    }

    /// The category that they would rather not see.
    pub fn avoids(&self) -> &'static str {
        CATEGORIES[self.avoids].0
    }

    /// How much a price holds them back, 0 to 1.
    pub fn price_sensitivity(&self) -> f64 {
        self.price_sensitivity
    }
}

pub(crate) fn items(seed: u64, sizes: &Sizes) -> Vec<Item> {
    let mut rng = stream(seed, Stream::Items);
    let mut titles = HashSet::new();
    (0..sizes.items).map(|idx| item(idx, sizes, &mut titles, &mut rng)).collect()
}

fn item(idx: usize, sizes: &Sizes, titles: &mut HashSet<String>, rng: &mut impl Rng) -> Item {
    let category_idx = rng.random_range(0..CATEGORIES.len());
    let (category, nouns) = CATEGORIES[category_idx];
    let (noun, material) = (one_of(rng, &nouns), one_of(rng, &MATERIALS));
    let mut tags = vec![material];
    let mut title = format!("{material} {noun}");
    if happens(rng, 0.4) {
        let mood = one_of(rng, &MOODS);
        tags.push(mood);
        title = format!("{mood} {title}");
    }
    if happens(rng, 0.15) {
        tags.push("gift");
    }
    let title = unlike_others(capitalised(&title), titles);
    let late = happens(rng, LATE_SHARE) && sizes.days > 1;
    let day = if late { rng.random_range(1..sizes.days) as i64 } else { 0 };
    let price = (3.1 + 0.9 * normal(rng)).exp().clamp(1.0, 2000.0);
    Item {
        key: key('i', idx),
        title,
        category,
        tags,
        price_cents: (price * 100.0) as u32 / 50 * 50 + 49,
        added_ms: START_MS + day * DAY_MS,
        category_idx,
        quality: normal(rng),
        latent: std::array::from_fn(|_| normal(rng)),
    }
}

fn capitalised(text: &str) -> String {
    text[..1].to_uppercase() + &text[1..]
}

/// The title, numbered if there is one like it already.
fn unlike_others(title: String, titles: &mut HashSet<String>) -> String {
    let numbered = |n: usize| if n == 1 { title.clone() } else { format!("{title} no. {n}") };
    let free = (1..).map(numbered).find(|t| !titles.contains(t)).expect("some number is free");
    titles.insert(free.clone());
    free
}

pub(crate) fn visitors(seed: u64, sizes: &Sizes) -> Vec<Visitor> {
    let mut rng = stream(seed, Stream::Visitors);
    (0..sizes.visitors).map(|idx| visitor(idx, &mut rng)).collect()
}

fn visitor(idx: usize, rng: &mut impl Rng) -> Visitor {
    let mut categories: Vec<usize> = (0..CATEGORIES.len()).collect();
    for at in 0..4 {
        let other = rng.random_range(at..categories.len());
        categories.swap(at, other);
    }
    let n = rng.random_range(1..=3);
    Visitor {
        key: key('v', idx),
        age: (18.0 + 60.0 * rng.random::<f64>().powf(1.4)) as u8,
        country: one_of(rng, &COUNTRIES),
        likes: categories[..n].iter().copied().zip([1.0, 0.7, 0.5]).collect(),
        avoids: categories[3],
        favourite_material: one_of(rng, &MATERIALS),
        price_sensitivity: rng.random(),
        activity: (0.9 * normal(rng)).exp(),
        latent: std::array::from_fn(|_| normal(rng) / (LATENT as f64).sqrt()),
    }
}
