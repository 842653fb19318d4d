//! What the engine promises without a socket.

use super::fixture::{FILE, Interrupted, NOW, Shop, asks, keys, liked, plan_of};
use crate::{Engine, Key, RankRequest, Refusal, schema_with_decisions};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use tamis_log::faulty::Faulty;
use tamis_log::{Log, read};
use tamis_spec::batch::{Batch, Column};

/// Everything in a store, as one frame after the other.
fn frames(store: &Faulty) -> Vec<Batch> {
    let mut all = Vec::new();
    let schema = schema_with_decisions(&plan_of().system);
    read(store, 0, &schema, &mut |_, batch| {
        all.push(batch.clone());
        ControlFlow::Continue(())
    })
    .unwrap();
    all
}

/// Time, user, list_id, keys of items with scores.
type Listed = (i64, String, String, Vec<(String, f32)>);

/// The lists in a store.
fn lists(store: &Faulty) -> Vec<Listed> {
    let mut all = Vec::new();
    for batch in frames(store) {
        let rows = &batch.rows[batch.rows.len() - 2];
        let [Column::Texts(ids), Column::Tags(items), ..] = &rows.fields[..] else { panic!("{:?}", rows.fields) };
        for row in 0..rows.len() {
            let items = items.range(row).map(|i| (items.names.get(i).to_owned(), items.weights[i])).collect();
            all.push((rows.time[row], rows.keys[0].get(row).to_owned(), ids.get(row).to_owned(), items));
        }
    }
    all
}

#[test]
fn whoever_is_not_known_or_has_no_history_gets_a_list_that_says_so() {
    let (_shop, engine) = Shop::stocked();
    let check = |user: &str, known, reason: Option<&str>| {
        let list = engine.rank(&asks(user)).unwrap();
        assert_eq!((list.user_known, list.cold_start), (known, reason.is_some()), "{user}");
        assert_eq!(list.cold_start_reason.as_deref(), reason);
        list.items.len()
    };
    engine.events(&[json!({ "event": "rating", "user": "bob", "movie": "0", "stars": 1 })]).unwrap();
    let none = "no user `ann` is known: the list is made of what needs no history";
    assert_eq!(check("ann", false, Some(none)), 4);
    let no_like = "user `bob` has no `liked` yet: the list is made of what needs no history";
    assert_eq!(check("bob", true, Some(no_like)), 3);
    assert_eq!(check("fan1", true, None), 2);
    assert_eq!(engine.metrics().cold_starts.load(Relaxed), 2);
}

#[test]
fn an_acknowledged_event_is_reflected_in_the_next_list_even_when_the_clock_stands_still_or_goes_back() {
    let (shop, engine) = Shop::stocked();
    for (gone_back, movie) in [(0, "0"), (0, "1"), (60_000, "2")] {
        shop.clock.ms.store(NOW - gone_back, SeqCst);
        assert!(keys(&engine.rank(&asks("ann")).unwrap()).contains(&movie));
        engine.events(&[liked("ann", movie)]).unwrap();
        assert!(!keys(&engine.rank(&asks("ann")).unwrap()).contains(&movie));
    }
}

#[test]
fn moments_are_logical() {
    let (shop, engine) = Shop::stocked();
    let check = |clock: i64, expected: &str| {
        shop.clock.ms.store(clock, SeqCst);
        assert_eq!(engine.rank(&asks("ann")).unwrap().as_of, expected);
    };
    check(NOW, "2026-01-01T00:00:00.001Z");
    check(NOW - 5, "2026-01-01T00:00:00.001Z");
    check(NOW + 7, "2026-01-01T00:00:00.007Z");
    engine.events(&[liked("ann", "0")]).unwrap();
    check(NOW + 7, "2026-01-01T00:00:00.008Z");
    engine.events(&[liked("ann", "1"), liked("ann", "2")]).unwrap();
    check(NOW - 9, "2026-01-01T00:00:00.009Z");
}

#[test]
fn a_list_that_is_made_while_events_are_written_is_made_without_them_and_not_after_them() {
    let (shop, engine) = Shop::stocked();
    drop(engine);
    let store = Interrupted { store: shop.store.clone(), on_sync: Arc::default() };
    let engine = Arc::new(shop.open_in(store.clone()));
    let (tell, told) = std::sync::mpsc::channel();
    let (asked, clock) = (Arc::downgrade(&engine), shop.clock.clone());
    let interrupt = move || {
        clock.ms.fetch_add(10, SeqCst);
        let (list, time, _) = asked.upgrade().unwrap().decide(&asks("ann"), None, 9);
        tell.send((list.items.len(), time)).unwrap();
    };
    assert!(store.on_sync.set(Box::new(interrupt)).is_ok());
    shop.clock.ms.store(NOW + 5, SeqCst);
    engine.events(&[liked("ann", "0")]).unwrap();
    assert_eq!(frames(&shop.store).pop().unwrap().rows[2].known, [NOW + 5]);
    assert_eq!(told.try_recv(), Ok((4, NOW + 5)));
    let (list, time, _) = engine.decide(&asks("ann"), None, 9);
    assert_eq!((list.items.len(), time), (3, NOW + 15));
    shop.clock.ms.store(NOW, SeqCst);
    engine.events(&[liked("ann", "1")]).unwrap();
    assert_eq!(frames(&shop.store).pop().unwrap().rows[2].known, [NOW + 15]);
}

#[test]
fn every_list_saw_what_became_known_before_its_moment_and_nothing_else() {
    let (shop, engine) = Shop::stocked();
    let n_films = 30;
    let key = |i: usize| format!("new{i}");
    engine.events(&(0..n_films).map(|i| liked("fan0", &key(i))).collect::<Vec<_>>()).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for i in 0..n_films {
                shop.clock.ms_each.store((i % 2) as i64, SeqCst);
                engine.events(&[liked("ann", &key(i))]).unwrap();
            }
        });
        for _ in 0..2 {
            scope.spawn(|| (0..40).for_each(|_| assert!(engine.rank(&asks("ann")).unwrap().logged)));
        }
    });
    let mut met: Vec<(i64, String)> = Vec::new();
    for batch in frames(&shop.store) {
        let ratings = &batch.rows[2];
        let of_ann = (0..ratings.len()).filter(|row| ratings.keys[0].get(*row) == "ann");
        met.extend(of_ann.map(|row| (ratings.known[row], ratings.keys[1].get(row).to_owned())));
    }
    let all: HashSet<String> = (0..4).map(|i: usize| i.to_string()).chain((0..n_films).map(key)).collect();
    let found = lists(&shop.store);
    assert_eq!((found.len(), met.len()), (80, n_films));
    for (time, _, _, items) in &found {
        let shown: HashSet<String> = items.iter().map(|(key, _)| key.clone()).collect();
        let seen: HashSet<String> = met.iter().filter(|(known, _)| known < time).map(|(_, key)| key.clone()).collect();
        assert_eq!(shown, &all - &seen, "at {time}");
    }
    let ids: HashSet<&String> = found.iter().map(|(_, _, id, _)| id).collect();
    assert_eq!(ids.len(), 80);
}

#[test]
fn an_event_of_an_unknown_actor_is_kept_and_counted_and_usable_once_there_is_a_record() {
    let (_shop, engine) = Shop::stocked();
    let ack = engine.events(&[liked("eve", "99"), liked("eve", "0")]).unwrap();
    assert_eq!((ack.accepted, ack.unknown_actors), (2, 1));
    let list = engine.rank(&asks("ann")).unwrap();
    let item = list.items.iter().find(|i| i.item == "99").unwrap();
    assert!(item.fields.is_empty());
    let ack = engine.events(&[json!({ "actor": "movie", "key": 99, "title": "Eraserhead", "country": "fr" })]).unwrap();
    assert_eq!((ack.accepted, ack.unknown_actors), (1, 0));
    assert_eq!(engine.events(&[liked("ann", "99")]).unwrap().unknown_actors, 0);
    let list = engine.rank(&asks("fan0")).unwrap();
    let item = list.items.iter().find(|i| i.item == "99").unwrap();
    assert_eq!(item.fields["title"], "Eraserhead");
    assert_eq!(engine.metrics().unknown_actor_events.load(Relaxed), 1);
}

#[test]
fn a_full_disk_is_told_and_loses_nothing_that_was_acknowledged() {
    let (shop, engine) = Shop::stocked();
    engine.rank(&asks("ann")).unwrap();
    shop.store.set_room(Some(10));
    let refused = engine.events(&[liked("ann", "0")]).unwrap_err();
    assert_eq!(refused.refusal, Refusal::Full, "{refused}");
    let list = engine.rank(&asks("ann")).unwrap();
    assert_eq!((list.logged, list.items.len()), (false, 4));
    assert_eq!(engine.metrics().unlogged_lists.load(Relaxed), 1);
    assert_eq!(engine.metrics().failed.load(Relaxed), 1);

    shop.store.set_room(None);
    assert_eq!(engine.events(&[liked("ann", "0")]).unwrap().accepted, 1);
    assert!(engine.rank(&asks("ann")).unwrap().logged);
    let events = engine.health().events;
    drop(engine);
    let again = shop.open();
    assert_eq!((again.health().events, events), (11, 11));
    assert_eq!(keys(&again.rank(&asks("ann")).unwrap()).len(), 3);
}

#[test]
fn what_a_failing_sync_may_have_lost_is_not_folded() {
    let (shop, engine) = Shop::stocked();
    shop.store.set_fails_sync(true);
    assert_eq!(engine.events(&[liked("ann", "0")]).unwrap_err().refusal, Refusal::Unavailable);
    assert!(!engine.rank(&asks("ann")).unwrap().logged);
    shop.store.set_fails_sync(false);
    let list = engine.rank(&asks("ann")).unwrap();
    assert_eq!((list.logged, list.items.len()), (true, 4));
    assert_eq!(lists(&shop.store).len(), 1);
}

#[test]
fn a_served_list_is_in_the_log() {
    let (shop, engine) = Shop::stocked();
    let list = engine.rank(&asks("ann")).unwrap();
    assert!(list.logged);
    let expected: Vec<(String, f32)> = list.items.iter().map(|i| (i.item.clone(), i.score)).collect();
    assert_eq!(lists(&shop.store), [(NOW + 1, "ann".to_owned(), list.list_id.clone(), expected)]);
    let batch = frames(&shop.store).pop().unwrap();
    let [.., decided, shown] = &batch.rows[..] else { panic!() };
    let [.., Column::Texts(bundle), Column::Texts(parts), Column::Texts(request)] = &decided.fields[..] else {
        panic!()
    };
    assert_eq!((bundle.get(0), request.get(0)), (shop.bundle().name.as_str(), "{\"limit\":40}"));
    let parts: Value = serde_json::from_str(parts.get(0)).unwrap();
    let names: Vec<&str> = parts.as_array().unwrap().iter().map(|p| p["part"].as_str().unwrap()).collect();
    assert_eq!(names, ["popular", "lately", "merge", "sum", "exclude", "limit"]);
    let [_, Column::Numbers(positions), Column::Numbers(scores), Column::Vectors { dimensions, values }] =
        &shown.fields[..]
    else {
        panic!()
    };
    let items: Vec<(&str, f32)> = shown.keys[1].iter().zip(scores.iter().map(|s| *s as f32)).collect();
    assert_eq!(items, list.items.iter().map(|i| (i.item.as_str(), i.score)).collect::<Vec<_>>());
    assert_eq!((*dimensions, &positions[..]), (4, &[1.0, 2.0, 3.0, 4.0][..]));
    // popularity, country and year, and the stage's score, which is their sum.
    assert_eq!((values[0], values[3]), (4f32.ln_1p(), list.items[0].score));
    assert!(values[1].is_nan() && values[2].is_nan());
}

#[test]
fn whoever_has_met_everything_gets_an_empty_list() {
    let (_shop, engine) = Shop::stocked();
    let list = engine.rank(&asks("fan0")).unwrap();
    assert!(list.items.len() == 3 && list.logged);
    engine.events(&[liked("fan0", "1"), liked("fan0", "2"), liked("fan0", "3")]).unwrap();
    let list = engine.rank(&asks("fan0")).unwrap();
    assert!(list.items.is_empty() && list.logged);
}

#[test]
fn an_engine_opened_anew_gives_the_same_answer_at_the_same_moment() {
    let (shop, engine) = Shop::stocked();
    engine.events(&[json!({ "actor": "movie", "key": "1", "title": "Brazil", "country": "fr", "year": 0.1 })]).unwrap();
    engine.events(&[liked("ann", "3"), liked("late", "2")]).unwrap();
    shop.clock.ms.store(NOW + 86_400_000, SeqCst);
    let mut request = asks("ann");
    request.explain = true;
    let body = |engine: &Engine<Faulty>| {
        let list = engine.rank(&request).unwrap();
        let bits: Vec<u32> = list.items.iter().map(|i| i.score.to_bits()).collect();
        (bits, serde_json::to_value(&list.items).unwrap(), list.as_of, list.list_id)
    };
    let before = body(&engine);
    drop(engine);
    let after = body(&shop.open());
    assert_eq!((&before.0, &before.1, &before.2), (&after.0, &after.1, &after.2));
    assert_eq!(before.0.len(), 3);
    assert_ne!(before.3, after.3);
}

#[test]
fn lists_that_others_served_are_passed_over_when_the_log_is_read() {
    let (shop, engine) = Shop::stocked();
    engine.rank(&asks("ann")).unwrap();
    drop(engine);
    let again = shop.open();
    assert_eq!(again.health().events, 10);
    assert!(!again.rank(&asks("ann")).unwrap().user_known);
    assert_eq!(lists(&shop.store).len(), 2);
}

#[test]
fn any_mistake_refuses_the_batch_and_every_mistake_is_told() {
    let (shop, engine) = Shop::stocked();
    let seq = |shop: &Shop| Log::open(shop.store.clone()).unwrap().0.next_seq();
    let before = seq(&shop);
    let check = |record: Value, place: &str, found: &str, help: &str| {
        let refused = engine.events(&[liked("ann", "0"), record.clone()]).unwrap_err();
        assert_eq!((refused.refusal, refused.each.len()), (Refusal::Wrong, 1), "{record} {:?}", refused.each);
        let wrong = &refused.each[0];
        assert_eq!((wrong.index, wrong.place.as_str()), (1, place), "{record}");
        assert!(wrong.found.contains(found) && wrong.help.contains(help), "{record}: {} / {}", wrong.found, wrong.help);
    };
    let rating = |more: Value| {
        let mut record = liked("ann", "0");
        record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        record
    };
    check(json!(7), "", "7 instead of an object", "event");
    check(json!({ "user": "ann" }), "", "neither", "event");
    check(json!({ "event": "ratng" }), "event", "unknown event `ratng`", "did you mean `rating`?");
    check(json!({ "event": "liked" }), "event", "unknown event `liked`", "derived from `rating`");
    check(json!({ "event": "tamis.decision" }), "event", "unknown event", "known: rating");
    check(json!({ "event": 1 }), "event", "1 instead of a name", "text");
    check(json!({ "actor": "film", "key": "1" }), "actor", "unknown actor `film`", "known: user, movie");
    check(json!({ "actor": "movie" }), "key", "not there", "key");
    check(rating(json!({ "star": 5 })), "star", "`rating` has no such name", "did you mean `stars`?");
    check(rating(json!({ "stars": "5" })), "stars", "the text `5` instead of a number", "without quotes");
    check(rating(json!({ "user": 1.5 })), "user", "1.5 instead of a key", "whole number");
    check(rating(json!({ "user": "" })), "user", "empty key", "text");
    check(rating(json!({ "time": "soon" })), "time", "`soon` is no moment", "RFC 3339");
    check(rating(json!({ "time": NOW + 300_002 })), "time", "in the future", "happened");
    check(json!({ "event": "rating", "user": "ann", "stars": 5 }), "movie", "not there", "key of a movie");
    check(json!({ "actor": "movie", "key": "1", "genres": "drama" }), "genres", "instead of a tags", "[");

    let many: Vec<Value> = (0..3).map(|_| json!({ "event": "rating", "user": [], "film": 1 })).collect();
    let refused = engine.events(&many).unwrap_err();
    let places: Vec<(usize, &str)> = refused.each.iter().map(|w| (w.index, w.place.as_str())).collect();
    let of = |i| [(i, "film"), (i, "user"), (i, "movie")];
    assert_eq!(places, [of(0), of(1), of(2)].concat());
    drop(engine);
    assert_eq!(seq(&shop), before);
    assert_eq!(shop.open().health().events, 10);
}

#[test]
fn an_event_happened_when_it_says_or_when_it_became_known() {
    let (shop, engine) = Shop::stocked();
    let mut past = liked("ann", "0");
    past["time"] = json!("2020-01-01T00:00:00Z");
    engine.events(&[past, liked("ann", "1"), json!({ "event": "rating", "user": null, "movie": "1" })]).unwrap();
    let batch = frames(&shop.store).pop().unwrap();
    let rows = &batch.rows[2];
    assert_eq!(rows.time, [1_577_836_800_000, NOW + 1, NOW + 1]);
    assert_eq!(rows.known, [NOW + 1; 3]);
    assert_eq!(rows.keys[0].get(2), "");
}

#[test]
fn a_request_that_no_list_can_be_made_for_is_refused() {
    let (_shop, engine) = Shop::stocked();
    let check = |request: RankRequest, place: &str, found: &str, help: &str| {
        let refused = engine.rank(&request).unwrap_err();
        assert_eq!((refused.refusal, refused.place.as_str()), (Refusal::Unanswerable, place));
        assert!(refused.found.contains(found) && refused.help.contains(help), "{refused}");
    };
    check(asks(""), "user", "0 bytes", "1 to 512");
    check(RankRequest { limit: Some(0), ..asks("ann") }, "limit", "0 items", "1 to 1000");
    check(RankRequest { limit: Some(1001), ..asks("ann") }, "limit", "1001", "1000");
    let million = vec![Key("7".into()).into(); 1_000_000];
    check(RankRequest { items: Some(million), ..asks("ann") }, "items", "1000000 candidates", "at most 10000");
    let context = json!({ "page": 1 }).as_object().unwrap().clone();
    check(RankRequest { context, ..asks("ann") }, "context", "`page`", "names no request: leave it out");
    assert_eq!(engine.metrics().refused.load(Relaxed), 5);
}

#[test]
fn given_items_are_ordered_and_unknown_ones_are_named() {
    let (_shop, engine) = Shop::stocked();
    let items = ["3", "x0", "0", "3"].into_iter().map(str::to_owned).chain((1..15).map(|i| format!("x{i}")));
    let items = items.map(|key| Key(key).into());
    let list = engine.rank(&RankRequest { items: Some(items.collect()), ..asks("ann") }).unwrap();
    assert_eq!(keys(&list), ["0", "3"]);
    let unknown = list.unknown_items.unwrap();
    assert_eq!((unknown.count, unknown.keys.len(), unknown.keys[9].as_str()), (15, 10, "x9"));
}

#[test]
fn a_list_tells_where_each_item_came_from_and_why_it_is_there() {
    let (shop, engine) = Shop::stocked();
    engine.events(&[json!({ "actor": "movie", "key": "3", "title": "Diva", "country": "fr", "year": 9 })]).unwrap();
    shop.clock.ms.store(NOW + 8 * 86_400_000, SeqCst);
    engine.events(&[liked("late", "2")]).unwrap();
    let list = engine.rank(&RankRequest { explain: true, limit: Some(1), ..asks("ann") }).unwrap();
    let why = json!([
        { "feature": "year", "value": 9.0, "contribution": 9.0 },
        { "feature": "popularity", "value": 2.0_f32.ln(), "contribution": 2.0_f32.ln() },
        { "feature": "country", "value": "fr", "contribution": 0.0 },
    ]);
    let item = serde_json::to_value(&list.items[0]).unwrap();
    assert_eq!(
        (&item["item"], &item["position"], &item["fields"]),
        (&json!("3"), &json!(1), &json!({ "title": "Diva" }))
    );
    assert_eq!(item["sources"], json!([{ "name": "popular", "rank": 4 }]));
    assert_eq!(item["why"], why);
    assert!((list.items[0].score - (9.0 + 2.0_f32.ln())).abs() < 1e-6);
    assert_eq!(list.trace.last().unwrap().dropped, *json!({ "limit": 3 }).as_object().unwrap());
}

#[test]
fn what_misses_the_deadline_is_skipped_and_named_and_counted() {
    let (shop, engine) = Shop::stocked();
    assert!(engine.rank(&asks("ann")).unwrap().fallbacks.is_empty());
    // Each look at the clock costs 8 ms: the budget of 20 ms is spent before the stage.
    shop.clock.nanos_each.store(8_000_000, SeqCst);
    let list = engine.rank(&RankRequest { explain: true, ..asks("ann") }).unwrap();
    assert_eq!(list.fallbacks, ["lately", "sum"]);
    assert_eq!(keys(&list), ["0", "1", "2", "3"]);
    assert_eq!(list.items[0].why.as_deref(), Some(&[][..]));
    let text = engine.metrics().text();
    assert!(text.contains("tamis_fallbacks_total{part=\"sum\"} 1"), "{text}");
}

#[test]
fn the_file_says_how_long_a_list_is_unless_the_request_does() {
    let (_shop, engine) = Shop::stocked();
    let ratings: Vec<Value> = (0..60).map(|i| liked("fan0", &format!("new{i}"))).collect();
    engine.events(&ratings).unwrap();
    assert!(FILE.contains("limit = 40"));
    let check = |limit, expected| {
        let list = engine.rank(&RankRequest { limit, ..asks("ann") }).unwrap();
        assert_eq!(list.items.len(), expected);
    };
    check(None, 40);
    check(Some(3), 3);
    check(Some(1000), 40);
}
