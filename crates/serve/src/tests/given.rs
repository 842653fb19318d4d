//! Items that come with values of their own: known ones, new ones, and the same list again from the log.

use super::fixture::{FILE, MODELS, Shop, keys};
use crate::parity::{Parity, parity};
use crate::{RankRequest, RankResponse, Refused};
use serde_json::{Value, json};
use tamis_funnel::{Plan, Registries, plan};
use tamis_log::Log;

fn plan_of() -> Plan {
    let file = FILE
        .replace(
            "fields = { stars = \"number\" }",
            "fields = { stars = \"number\", place = \"category\", x = \"number\" }",
        )
        .replace("each = \"liked\"\n", "from = \"rating\"\ngiven = [\"x\"]\n")
        .replace("[features]", "[label]\nvalue = \"liked\"\n[features]")
        .replace("\"movie.year\"", "\"given.x\"")
        .replace("country = \"movie.country\"", "country = \"request.place\"");
    let (plan, wrong) = plan::plan(&file, Registries { models: MODELS, ..Registries::default() });
    assert_eq!(wrong, []);
    plan.unwrap()
}

fn stocked() -> (Shop, impl Fn(Value) -> Result<RankResponse, Refused>) {
    let (shop, engine) = Shop::of(plan_of).stock();
    (shop, move |items| {
        let request: RankRequest = serde_json::from_value(json!({ "user": "ann", "items": items })).unwrap();
        engine.rank(&request)
    })
}

#[test]
fn what_comes_with_an_item_is_read_and_makes_new_items_known_for_one_list() {
    let (_shop, rank) = stocked();
    let item = |key: &str, x: f64| json!({ "item": key, "given": { "x": x } });
    let list = rank(json!([item("3", 5.0), "0", item("new", 9.5), "unheard", { "item": "unseen" }])).unwrap();
    assert_eq!(keys(&list), ["new", "3", "0"]);
    assert_eq!(list.items[0].score, 9.5);
    let unknown = list.unknown_items.unwrap();
    assert_eq!(unknown.keys, ["unheard", "unseen"], "nothing is known of them, and nothing came with them");
    // It was new for that list: nobody has learned of it.
    assert_eq!(rank(json!(["new"])).unwrap().items.len(), 0);
    // Equal scores go by key, whatever the request names first.
    for names in [["b", "10", "9", "a"], ["9", "a", "b", "10"]] {
        let list = rank(names.iter().map(|n| item(n, 1.0)).collect()).unwrap();
        assert_eq!(keys(&list), ["9", "10", "a", "b"]);
    }
}

#[test]
fn lists_of_items_with_values_come_out_again_to_the_bit() {
    let (shop, rank) = stocked();
    for k in 0..4 {
        let x = f64::from(k) * 0.1 - 0.05;
        let items = json!([{ "item": "2", "given": { "x": x } }, { "item": "n2", "given": { "x": 0.1 } }, "1", "n2"]);
        assert_eq!(rank(items).unwrap().items.len(), 3);
    }
    let bundle_of = |_: &str| Some(shop.bundle());
    let found = parity(&plan_of(), &Log::open(shop.store.clone()).unwrap().0, &bundle_of, 10, &mut || {}).unwrap();
    let Parity { lists, values, different, first, .. } = found;
    assert_eq!((lists, different, first), (4, 0, None));
    assert_eq!(values, 4 * 3 * 5, "three features and a score of each item, and its place");
}

#[test]
fn values_that_do_not_fit_are_refused_with_their_place() {
    let (_shop, rank) = stocked();
    let check = |items: Value, found: &str, help: &str| {
        let refused = rank(items).unwrap_err();
        assert_eq!(refused.place, "items[1].given");
        assert!(refused.found.contains(found) && refused.help.contains(help), "{refused}");
    };
    check(json!(["0", { "item": "1", "given": { "y": 1 } }]), "`y`", "x");
    check(json!(["0", { "item": "1", "given": { "stars": 1 } }]), "`stars`", "known: x");
    check(json!(["0", { "item": "1", "given": { "x": "much" } }]), "x: ", "number");
    let (_shop, engine) = Shop::stocked();
    let request = json!({ "user": "ann", "items": ["0", { "item": "1", "given": { "x": 1 } }] });
    let refused = engine.rank(&serde_json::from_value(request).unwrap()).unwrap_err();
    assert!(refused.help.contains("says nothing of [decision] given"), "{refused}");
    let wrong = serde_json::from_value::<RankRequest>(json!({ "user": "ann", "items": [{ "item": "1", "x": 1 }] }));
    assert!(wrong.unwrap_err().to_string().contains("unknown field `x`"));
}
