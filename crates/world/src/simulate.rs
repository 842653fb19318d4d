//! What happens: every day visitors come, are shown lists by a simple policy, and react.
//!
//! The logging policy knows nobody's tastes: it draws items in proportion to recent clicks, best first, and gives a
//! quarter of the places to items drawn evenly. It shows nobody what they have bought or hidden.

use crate::chance::{Stream, Weighted, happens, stream};
use crate::{Event, LIST_LENGTH, START_MS, What, World};
use rand::Rng;
use std::collections::HashSet;
use tamis_spec::time::DAY_MS;

/// Items that a visitor has in mind when they come: they seek the category of the one that attracts them most.
const SOUGHT_AMONG: usize = 12;
/// Share of draws from other categories that are passed over for the one that is sought.
const OF_SOUGHT: f64 = 0.9;
/// The share of places that are drawn evenly.
const EXPLORED: f64 = 0.25;

/// What is left of a click's weight after a day.
const KEPT_A_DAY: f64 = 0.85;

/// The probability that a visitor asks for one more list.
const GOES_ON: f64 = 0.45;

/// Weights of the hours of a day at which visits begin.
const HOURS: [f64; 24] =
    [2., 1., 1., 1., 1., 2., 4., 6., 7., 7., 7., 8., 9., 8., 7., 7., 8., 9., 11., 13., 14., 12., 8., 4.];

pub(crate) fn events(world: &World, seed: u64) -> Vec<Event> {
    let mut shop =
        Shop { world, clicks: vec![0.0; world.items.len()], gone: HashSet::new(), n_lists: 0, events: Vec::new() };
    let visitors = Weighted::new(world.visitors.iter().map(|v| v.activity));
    for day in 0..world.sizes.days {
        shop.day(day, &visitors, &mut stream(seed, Stream::Day(day)));
    }
    shop.events.sort_by_key(|e| e.time_ms);
    shop.events
}

/// The shop while it runs.
struct Shop<'a> {
    world: &'a World,
    /// Recent clicks by item, older ones counting less.
    clicks: Vec<f64>,
    /// (visitor, item) that was bought or hidden.
    gone: HashSet<(usize, usize)>,
    n_lists: usize,
    events: Vec<Event>,
}

/// What can be shown on a day, and how readily.
struct Shelf {
    available: Vec<usize>,
    popularity: Weighted,
}

impl Shop<'_> {
    fn day(&mut self, day: usize, visitors: &Weighted, rng: &mut impl Rng) {
        let start_ms = START_MS + day as i64 * DAY_MS;
        let shelf = self.shelf(start_ms);
        let hours = Weighted::new(HOURS.into_iter());
        let n_visits = (self.world.sizes.lists_per_day as f64 * (1.0 - GOES_ON)).round() as usize;
        let mut visits: Vec<(i64, usize)> = (0..n_visits)
            .map(|_| {
                let second = hours.draw(rng) as i64 * 3600 + rng.random_range(0..3600);
                (start_ms + second * 1000, visitors.draw(rng))
            })
            .collect();
        visits.sort_unstable();
        let from = self.events.len();
        for (begin_ms, visitor) in visits {
            self.visit(visitor, begin_ms, &shelf, rng);
        }
        self.clicks.iter_mut().for_each(|c| *c *= KEPT_A_DAY);
        for event in self.events[from..].iter().filter(|e| matches!(e.what, What::Click { .. })) {
            self.clicks[event.item] += 1.0;
        }
    }

    fn shelf(&self, now_ms: i64) -> Shelf {
        let items = &self.world.items;
        let available: Vec<usize> = (0..items.len()).filter(|i| items[*i].added_ms <= now_ms).collect();
        let popularity = Weighted::new(available.iter().map(|i| (1.0 + self.clicks[*i]).powf(0.7)));
        Shelf { available, popularity }
    }

    /// One list after the other until the visitor leaves.
    fn visit(&mut self, visitor: usize, begin_ms: i64, shelf: &Shelf, rng: &mut impl Rng) {
        let mut now_ms = begin_ms;
        let sought = self.sought(visitor, now_ms, rng);
        loop {
            let list = self.list((visitor, sought), shelf, rng);
            let shown = |(at, item): (usize, &usize)| Event {
                time_ms: now_ms,
                visitor,
                item: *item,
                list: self.n_lists,
                what: What::Impression { position: at + 1 },
            };
            self.events.extend(list.iter().enumerate().map(shown));
            let mut last_ms = now_ms;
            for reaction in self.world.react(visitor, &list, now_ms, rng) {
                let event = reaction.event(visitor, self.n_lists, now_ms);
                if !matches!(event.what, What::Click { .. }) {
                    self.gone.insert((visitor, event.item));
                }
                last_ms = event.time_ms;
                self.events.push(event);
            }
            self.n_lists += 1;
            now_ms = last_ms + rng.random_range(10..60) * 1000;
            if !happens(rng, GOES_ON) {
                return;
            }
        }
    }

    /// The category that a visitor has come for: mostly one that they like.
    fn sought(&self, visitor: usize, now_ms: i64, rng: &mut impl Rng) -> usize {
        let world = self.world;
        let mut best = (f64::NEG_INFINITY, 0);
        for _ in 0..SOUGHT_AMONG {
            let item = rng.random_range(0..world.items.len());
            let attraction = world.attraction(visitor, item, now_ms);
            if attraction > best.0 {
                best = (attraction, world.items[item].category_idx);
            }
        }
        best.1
    }

    /// A list without what the visitor has bought or hidden, part of it from the category they have come for; shorter when there is
    /// nothing else left.
    fn list(&self, (visitor, sought): (usize, usize), shelf: &Shelf, rng: &mut impl Rng) -> Vec<usize> {
        let mut list = Vec::with_capacity(LIST_LENGTH);
        for _ in 0..100 * LIST_LENGTH {
            if list.len() == LIST_LENGTH {
                break;
            }
            let at = if happens(rng, EXPLORED) {
                rng.random_range(0..shelf.available.len())
            } else {
                shelf.popularity.draw(rng)
            };
            let item = shelf.available[at];
            if self.world.items[item].category_idx != sought && happens(rng, OF_SOUGHT) {
                continue;
            }
            if !list.contains(&item) && !self.gone.contains(&(visitor, item)) {
                list.push(item);
            }
        }
        list
    }
}
