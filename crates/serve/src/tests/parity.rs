//! What was served comes out again, and what would not is found and named.

use super::fixture::{FILE, MODELS, NOW, Shop, asks, liked, plan_of};
use crate::parity::{Parity, parity};
use crate::{DECISION, Engine, Key, RankRequest, SHOWN, schema_with_decisions};
use serde_json::json;
use std::ops::ControlFlow;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering::SeqCst;
use tamis_features::eval::{At, Numbers};
use tamis_features::names::Cx;
use tamis_features::{FUNCTIONS, Function, Node, Per};
use tamis_funnel::{Plan, Registries, plan};
use tamis_log::Log;
use tamis_log::faulty::Faulty;
use tamis_spec::batch::{Batch, Column};
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::expr::Call;
use tamis_spec::kind::Kind;

fn check(shop: &Shop, plan: &Plan, store: &Faulty) -> Parity {
    let (log, _) = Log::open(store.clone()).unwrap();
    let bundle = shop.bundle();
    let bundle_of = |name: &str| (name == bundle.name).then(|| shop.bundle());
    parity(plan, &log, &bundle_of, 1_000, &mut || {}).unwrap()
}

/// Lists and events in turn, with an item that changes, one that is new, and given items.
fn a_morning(shop: &Shop, engine: &Engine<Faulty>) {
    for hour in 0..6 {
        shop.clock.ms.store(NOW + hour * 3_600_000, SeqCst);
        let user = format!("fan{}", hour % 4);
        engine.rank(&asks(&user)).unwrap();
        let film = json!({ "actor": "movie", "key": format!("{}", hour % 5), "title": "Again", "year": 2000 + hour });
        engine.events(&[film]).unwrap();
        engine.rank(&asks(&user)).unwrap();
        engine.events(&[liked(&user, &format!("{}", (hour + 1) % 5)), liked("ann", "2")]).unwrap();
        let items = Some(["0", "4", "3"].map(|k| Key(k.into()).into()).to_vec());
        engine.rank(&RankRequest { items, limit: Some(2), ..asks("ann") }).unwrap();
    }
}

#[test]
fn what_was_served_comes_out_again_to_the_bit() {
    let (shop, engine) = Shop::stocked();
    a_morning(&shop, &engine);
    drop(engine);
    let engine = shop.open();
    shop.clock.nanos_each.store(8_000_000, SeqCst);
    engine.rank(&asks("ann")).unwrap();
    let found = check(&shop, &plan_of(), &shop.store);
    let Parity { lists, different, cut_short, first, .. } = &found;
    assert_eq!((*lists, *different, *cut_short, first), (18, 0, 1, &None));
    assert!(found.values > 150, "{found:?}");
    let none = parity(&plan_of(), &Log::open(shop.store.clone()).unwrap().0, &|_| None, 5, &mut || {}).unwrap();
    assert_eq!((none.lists, none.without_bundle), (0, 5));
}

/// A feature that looks at a clock of its own.
static CLOCK: AtomicI64 = AtomicI64::new(0);

struct Peek;
impl Function for Peek {
    fn read(&self, _: &Call, _: &mut Cx<'_>) -> Result<Node, Diagnostic> {
        struct Now;
        impl Numbers for Now {
            fn numbers(&self, _: &At<'_>, out: &mut [f32]) {
                out.fill(CLOCK.load(SeqCst) as f32);
            }
        }
        Ok(Node::number(Per::Candidate, Now))
    }
}

fn peeking() -> Plan {
    let again =
        |k: &Kind<dyn Function>| Kind { name: k.name, about: k.about, example: k.example, params: k.params, it: k.it };
    let peek = Kind { name: "peek", about: "", example: "", params: &[], it: &Peek as &dyn Function };
    let all: Vec<_> = FUNCTIONS.iter().map(again).chain([peek]).collect();
    let registries = Registries { models: MODELS, functions: all.leak(), ..Registries::default() };
    let (plan, wrong) = plan::plan(&FILE.replace("\"movie.year\"", "\"peek()\""), registries);
    assert_eq!(wrong, []);
    plan.unwrap()
}

#[test]
fn a_feature_that_looks_at_a_clock_is_caught_and_named() {
    let (shop, engine) = Shop::of(peeking).stock();
    CLOCK.store(5, SeqCst);
    let list = engine.rank(&asks("ann")).unwrap();
    CLOCK.store(7, SeqCst);
    let found = check(&shop, &peeking(), &shop.store);
    let first = found.first.unwrap();
    assert_eq!((found.different, first.what.as_str()), (1, "feature `year` of sum"));
    assert_eq!((first.served, first.replayed, first.item.as_str()), (Some(5.0), Some(7.0), "0"));
    assert_eq!((first.list_id, first.user.as_str()), (list.list_id, "ann"));
    CLOCK.store(5, SeqCst);
    assert_eq!(check(&shop, &peeking(), &shop.store).different, 0);
}

/// Every frame of a store.
fn frames(store: &Faulty) -> Vec<Batch> {
    let (mut all, schema) = (Vec::new(), schema_with_decisions(&plan_of().system));
    let mut keep = |_: u64, batch: &Batch| {
        all.push(batch.clone());
        ControlFlow::Continue(())
    };
    tamis_log::read(store, 0, &schema, &mut keep).unwrap();
    all
}

#[test]
fn a_late_event_counts_from_when_it_became_known_and_a_log_that_backdates_it_is_caught() {
    let (shop, engine) = Shop::stocked();
    shop.clock.ms.store(NOW + 1_000, SeqCst);
    engine.rank(&asks("ann")).unwrap();
    shop.clock.ms.store(NOW + 5_000, SeqCst);
    // It happened before the list and was told after it.
    let happened = "2026-01-01T00:00:00.500Z";
    let late = json!({ "event": "rating", "time": happened, "user": "bob", "movie": "2", "stars": 5 });
    engine.events(&[late]).unwrap();
    engine.rank(&asks("ann")).unwrap();
    assert_eq!(check(&shop, &plan_of(), &shop.store).different, 0);
    // The same log as somebody would have it who takes events for known when they happened.
    let mut all = frames(&shop.store);
    let mut moved = all.remove(2);
    moved.rows[2].known.fill(NOW + 500);
    all.insert(1, moved);
    let (schema, other) = (schema_with_decisions(&plan_of().system), Faulty::default());
    let (mut log, _) = Log::open(other.clone()).unwrap();
    for batch in &all {
        log.append(&schema, batch).unwrap();
    }
    drop(log);
    let found = check(&shop, &plan_of(), &other);
    let first = found.first.unwrap();
    assert_eq!((found.different, first.what.as_str(), first.item.as_str()), (1, "feature `popularity` of sum", "2"));
    let event = first.event.unwrap();
    assert_eq!((event.event.as_str(), event.number), ("rating", 14));
    assert_eq!(event.happened, "2026-01-01T00:00:00Z");
}

#[test]
fn a_list_of_an_earlier_version_without_what_was_asked_is_counted() {
    let (shop, engine) = Shop::stocked();
    engine.rank(&asks("ann")).unwrap();
    let mut schema = schema_with_decisions(&plan_of().system);
    let mut all = frames(&shop.store);
    let decided = schema.records.iter().position(|r| r.name == DECISION).unwrap();
    schema.records.retain(|r| r.name != SHOWN);
    schema.records[decided].fields.pop();
    let other = Faulty::default();
    let (mut log, _) = Log::open(other.clone()).unwrap();
    for batch in &mut all {
        batch.rows.pop();
        batch.order.retain(|kind| usize::from(*kind) < batch.rows.len());
        assert!(matches!(batch.rows[decided].fields.pop(), Some(Column::Texts(_))));
        log.append(&schema, batch).unwrap();
    }
    let found = check(&shop, &plan_of(), &other);
    assert_eq!((found.lists, found.without_request), (0, 1));
}
