//! What is planted can be found again in what is written.

use super::*;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::collections::HashSet;
use std::path::PathBuf;
use tamis_spec::param::{Param, ParamType};
use tamis_spec::system::read::{PartKind, Vocabulary, read};
use tamis_spec::system::{FileSpec, Origin};
use tamis_spec::time::DAY_MS;

fn small() -> Sizes {
    Sizes { visitors: 300, items: 150, days: 20, lists_per_day: 120, drift_day: None }
}

fn is_click(e: &Event) -> bool {
    matches!(e.what, What::Click { .. })
}

fn position_of(e: &Event) -> Option<usize> {
    if let What::Impression { position } = e.what { Some(position) } else { None }
}

/// A directory that is removed when the test is over.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("tamis-world-{}-{name}", std::process::id())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let files = ["items.csv", "visitors.csv", "impressions.csv", "clicks.csv", "purchases.csv", "hides.csv"];
    let bytes = |name: &str, seed: u64| {
        let folder = Folder::new(name);
        World::new(seed, small()).write(&folder.0).unwrap();
        files.map(|f| std::fs::read(folder.0.join(f)).unwrap())
    };
    let (one, again, other) = (bytes("one", 1), bytes("again", 1), bytes("other", 2));
    for (at, name) in files.iter().enumerate() {
        assert!(one[at] == again[at], "{name} differs for the same seed");
        assert!(one[at] != other[at], "{name} is the same for another seed");
        assert!(one[at].iter().filter(|b| **b == b'\n').count() > 20, "{name} is almost empty");
    }
}

#[test]
fn rows_have_as_many_cells_as_their_heading() {
    let folder = Folder::new("rows");
    World::new(3, small()).write(&folder.0).unwrap();
    for name in ["items.csv", "visitors.csv", "impressions.csv", "clicks.csv", "purchases.csv", "hides.csv"] {
        let text = std::fs::read_to_string(folder.0.join(name)).unwrap();
        let n = text.lines().next().unwrap().split(',').count();
        assert!(text.lines().all(|l| l.split(',').count() == n && !l.contains('"')), "{name}");
    }
}

#[test]
fn events_are_in_the_order_of_time_and_follow_an_impression_of_their_list() {
    let world = World::new(1, small());
    let mut shown = HashSet::new();
    let mut last = i64::MIN;
    for e in world.events() {
        assert!(e.time_ms >= last && e.time_ms % 1000 == 0);
        last = e.time_ms;
        match e.what {
            What::Impression { .. } => assert!(shown.insert((e.list, e.visitor, e.item)), "shown twice in a list"),
            _ => assert!(shown.contains(&(e.list, e.visitor, e.item)), "{e:?} came from nowhere"),
        }
    }
}

#[test]
fn nothing_is_shown_before_it_is_there_or_after_it_was_bought_or_hidden() {
    let world = World::new(1, small());
    let mut gone = HashSet::new();
    for e in world.events() {
        assert!(e.time_ms >= world.items()[e.item].added_ms);
        match e.what {
            What::Impression { .. } => assert!(!gone.contains(&(e.visitor, e.item)), "{e:?}"),
            What::Purchase { .. } | What::Hide => {
                gone.insert((e.visitor, e.item));
            }
            What::Click { .. } => {}
        }
    }
    let late = world.items().iter().filter(|i| i.added_ms > START_MS).count();
    assert!((15..=50).contains(&late), "{late} of 150 items appear late");
}

#[test]
fn the_planted_position_bias_is_found_again_in_the_log() {
    let world = World::new(1, Sizes { lists_per_day: 1500, ..small() });
    let mut expected = [0.0; LIST_LENGTH];
    let mut found = [0.0; LIST_LENGTH];
    let mut places = std::collections::HashMap::new();
    for e in world.events() {
        if let Some(position) = position_of(e) {
            places.insert((e.list, e.item), position);
            expected[position - 1] += world.attraction(e.visitor, e.item, e.time_ms);
        } else if is_click(e) {
            found[places[&(e.list, e.item)] - 1] += 1.0;
        }
    }
    assert_eq!((examination(1), (examination(10) * 1000.0).round()), (1.0, 284.0));
    for at in 0..LIST_LENGTH {
        let (bias, planted) = (found[at] / expected[at], examination(at + 1));
        assert!((bias - planted).abs() < 0.04, "place {}: found {bias:.3}, planted {planted:.3}", at + 1);
    }
}

#[test]
fn visitors_click_the_categories_they_like_more_than_others_and_those_they_avoid_least() {
    let world = World::new(1, small());
    let mut counts = [[0.0f64; 2]; 3];
    for e in world.events() {
        let (visitor, category) = (&world.visitors()[e.visitor], world.items()[e.item].category);
        let sort = if visitor.likes().any(|(c, _)| c == category) {
            0
        } else if visitor.avoids() == category {
            2
        } else {
            1
        };
        counts[sort][0] += f64::from(u8::from(position_of(e).is_some()));
        counts[sort][1] += f64::from(u8::from(is_click(e)));
    }
    let [liked, neutral, avoided] = counts.map(|[shown, clicked]| clicked / shown);
    assert!(liked > 2.5 * neutral, "liked {liked:.3}, neutral {neutral:.3}");
    assert!(avoided < 0.6 * neutral, "avoided {avoided:.3}, neutral {neutral:.3}");
}

/// The garden's share of the clicks of the young, before and from day 10 on.
fn garden_shares(world: &World) -> [f64; 2] {
    let drift_ms = START_MS + 10 * DAY_MS;
    let mut counts = [[0.0; 2]; 2];
    for e in world.events().filter(|e| is_click(e) && world.visitors()[e.visitor].age < 35) {
        let of = &mut counts[usize::from(e.time_ms >= drift_ms)];
        of[0] += 1.0;
        of[1] += if world.items()[e.item].category == "garden" { 1.0 } else { 0.0 };
    }
    counts.map(|[all, garden]| garden / all)
}

#[test]
fn the_planted_drift_shows_in_the_log_and_without_it_nothing_does() {
    let calm = World::new(1, Sizes { lists_per_day: 300, ..small() });
    let drifting = World::new(1, Sizes { drift_day: Some(10), lists_per_day: 300, ..small() });
    let [before, after] = garden_shares(&drifting);
    assert!(after > 1.8 * before, "the garden went from {before:.3} to {after:.3}");
    let [before, after] = garden_shares(&calm);
    assert!((after - before).abs() < 0.03, "without drift the garden went from {before:.3} to {after:.3}");
    let start = |w: &World| w.events().filter(|e| e.time_ms < START_MS + 10 * DAY_MS).copied().collect::<Vec<_>>();
    assert_eq!(start(&calm), start(&drifting), "until the drift, the two markets are one");
}

#[test]
fn live_visitors_react_as_the_truth_says() {
    let world = World::new(1, small());
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let now = world.end_ms();
    let (visitor, list) = (7, (20..30).collect::<Vec<usize>>());
    let n = 20_000;
    let mut clicks = [0usize; 10];
    for _ in 0..n {
        for r in world.react(visitor, &list, now, &mut rng) {
            assert_eq!(list[r.position - 1], r.item);
            clicks[r.position - 1] += usize::from(matches!(r.what, What::Click { .. }));
        }
    }
    for (at, item) in list.iter().enumerate() {
        let (rate, truth) = (clicks[at] as f64 / f64::from(n), world.click_probability(visitor, *item, at + 1, now));
        assert!((rate - truth).abs() < 0.015, "place {}: {rate:.3} beside {truth:.3}", at + 1);
        assert_eq!(world.would_like(visitor, *item, now), world.attraction(visitor, *item, now) > 0.5);
    }
    assert!((0..100).all(|_| world.next_visitor(&mut rng) < 300));
}

#[test]
fn what_a_visitor_likes_is_a_small_part_of_the_market() {
    let world = World::new(1, small());
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let liked = (0..4000).filter(|_| {
        let (visitor, item) = (rng.random_range(0..300), rng.random_range(0..150));
        world.would_like(visitor, item, START_MS)
    });
    let share = liked.count() as f64 / 4000.0;
    assert!((0.05..0.25).contains(&share), "{share:.3} of pairs are likes");
}

#[test]
fn keys_lead_back_to_their_index() {
    let world = World::new(1, small());
    let check = |key: &str, expected| assert_eq!(world.item_idx(key), expected, "{key}");
    check("i0001", Some(0));
    check("i0150", Some(149));
    check("i0151", None);
    check("i0000", None);
    check("i1", None);
    check("v0001", None);
    assert_eq!(world.visitor_idx("v0300"), Some(299));
    assert!(world.items().iter().enumerate().all(|(at, i)| world.item_idx(&i.key) == Some(at)));
}

#[test]
fn no_two_items_have_one_title() {
    let world = World::new(1, Sizes { items: 5000, days: 1, ..small() });
    let titles: HashSet<_> = world.items().iter().map(|i| &i.title).collect();
    assert_eq!(titles.len(), 5000);
}

/// Kinds as the registries have them, with the keys that this market uses.
fn vocabulary() -> Vocabulary {
    const fn key(name: &'static str, ty: ParamType) -> Param {
        Param { name, ty, required: true, about: "What it is for." }
    }
    const EVENT: Param = key("event", ParamType::Event);
    let kind = |name, params| PartKind { name, about: "What it does.", example: "kind = ...\n", params };
    Vocabulary {
        learned: vec![kind("als", const { &[EVENT, key("dimensions", ParamType::Integer(1, 512))] })],
        candidates: vec![
            kind("ease", const { &[EVENT, key("l2", ParamType::Number(0.1, 1e9))] }),
            kind("neighbours", const { &[EVENT] }),
            kind("vector", const { &[key("near", ParamType::Text), key("of", ParamType::Text)] }),
            kind("popular", const { &[EVENT, key("within", ParamType::Duration)] }),
        ],
        stages: vec![
            kind("logistic", &[]),
            kind(
                "lambdamart",
                const {
                    &[
                        key("learning_rate", ParamType::Number(0.0, 1.0)),
                        key("leaves", ParamType::Integer(2, 1_000)),
                        key("rows_in_leaf", ParamType::Integer(1, 1_000)),
                    ]
                },
            ),
        ],
        rerank: vec![
            kind("exclude", const { &[key("value", ParamType::Events)] }),
            kind("diversity", const { &[key("by", ParamType::Text), key("strength", ParamType::Number(0.0, 1.0))] }),
            kind("limit", const { &[key("value", ParamType::Integer(1, 10_000))] }),
        ],
    }
}

#[test]
fn the_system_file_is_read_without_mistakes_and_names_the_files_that_are_written() {
    let (system, wrong) = read(&system_toml(), &vocabulary());
    assert!(wrong.is_empty(), "{wrong:?}");
    let system = system.unwrap();
    let folder = Folder::new("system");
    World::new(1, small()).write(&folder.0).unwrap();
    let head = |file: &FileSpec| {
        let text = std::fs::read_to_string(folder.0.join(&file.paths[0].value)).unwrap();
        text.lines().next().unwrap().split(',').map(str::to_owned).collect::<Vec<_>>()
    };
    for actor in &system.actors {
        let columns = head(actor.file.as_ref().unwrap());
        assert!(columns.contains(&actor.key.as_ref().unwrap().value), "{columns:?}");
        assert!(actor.fields.iter().all(|f| columns.contains(&f.column)), "{columns:?}");
    }
    for event in &system.events {
        let Origin::Declared { file: Some(file), time: Some((time, _)), roles, fields } = &event.origin else {
            panic!("{} comes from a file", event.name.value);
        };
        let columns = head(file);
        let named = roles.iter().map(|r| &r.column).chain(fields.iter().map(|f| &f.column)).chain([&time.value]);
        named.for_each(|c| assert!(columns.contains(c), "{c} is not among {columns:?}"));
    }
}
