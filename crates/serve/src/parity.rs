//! Parity: every list of the log made again from what had become known before it, and compared with what was served, to the bit.
//!
//! The past is folded frame by frame as serving folds it, so that an item that was not known yet is not known here either. What
//! differs points at the fold, a feature that looks at more than its past, or a log that is not the one that serving wrote.

use crate::answer::{Candidate, Key, RankRequest};
use crate::context::read_context;
use crate::error::Error;
use crate::journal::{DECISION, SHOWN, schema_with_decisions};
use crate::make::{Asked, Maker, value_names, values};
use crate::world::World;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{HashMap, VecDeque};
use std::ops::ControlFlow;
use tamis_funnel::{Bundle, Past, Plan};
use tamis_log::{Log, Store};
use tamis_spec::actors::{Actors, schema_of};
use tamis_spec::batch::{Batch, Class, Column, Schema};
use tamis_spec::time::format_time;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Parity {
    /// Lists that were made again and compared.
    pub lists: u64,
    /// Values and scores that were compared.
    pub values: u64,
    /// Lists that do not come out as they were served.
    pub different: u64,
    /// Lists that cannot be made again: a part had been skipped for the deadline.
    pub cut_short: u64,
    /// Lists of the log without a record of what was asked: an earlier version served them.
    pub without_request: u64,
    /// Lists of bundles that are gone, or were trained to another file.
    pub without_bundle: u64,
    /// The first that differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<Difference>,
}

/// Where a list differs from what was served.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The list.
    pub list_id: String,
    /// The moment of its decision.
    pub time: String,
    /// Whom it was for.
    pub user: String,
    /// The item.
    pub item: String,
    /// What differs: a feature of a stage, a score, or its place.
    pub what: String,
    /// As it was served; null is missing.
    pub served: Option<f32>,
    /// As it comes out now.
    pub replayed: Option<f32>,
    /// The last event before the decision that names the user or the item, as the log has it now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<EventNamed>,
}

/// An event of the log.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EventNamed {
    /// Its kind.
    pub event: String,
    /// Its number in the log.
    pub number: u64,
    /// When it became known.
    pub known: String,
    /// When it happened.
    pub happened: String,
}

/// A list of the log.
#[derive(Clone, Debug, Default)]
struct Listed {
    time: i64,
    user: String,
    list_id: String,
    bundle: String,
    items: Vec<(String, f32)>,
    request: Option<Request>,
    is_whole: bool,
    /// Of the items that have records of their own, in their order.
    values: Vec<Vec<f32>>,
}

#[derive(Clone, Debug, Deserialize)]
struct Request {
    limit: usize,
    items: Option<Vec<Candidate>>,
    #[serde(default)]
    context: Map<String, Value>,
}

/// Makes the latest `most` lists of a log again. `bundle_of`: the bundle of that name, none when it is gone; `told`: of each list.
pub fn parity<S: Store>(
    plan: &Plan,
    log: &Log<S>,
    bundle_of: &dyn Fn(&str) -> Option<Bundle>,
    most: usize,
    told: &mut dyn FnMut(),
) -> Result<Parity, Error> {
    let mut lists = Vec::from(served(plan, log, most)?);
    lists.sort_by_key(|l| l.time);
    let mut names: Vec<String> = Vec::new();
    for list in &lists {
        if !names.contains(&list.bundle) {
            names.push(list.bundle.clone());
        }
    }
    let mut out = Parity::default();
    let mut differences: Vec<(i64, Difference)> = Vec::new();
    for name in names {
        let mine: Vec<&Listed> = lists.iter().filter(|l| l.bundle == name).collect();
        match bundle_of(&name) {
            Some(bundle) => {
                let mut found = |time, difference| differences.push((time, difference));
                replay(&Check { plan, log, bundle: &bundle, lists: &mine }, &mut out, &mut found, told)?;
            }
            None => out.without_bundle += mine.len() as u64,
        }
    }
    differences.sort_by_key(|(time, _)| *time);
    out.different = differences.len() as u64;
    out.first = differences.into_iter().next().map(|(_, first)| first);
    if let Some(first) = &mut out.first {
        let time = lists.iter().find(|l| l.list_id == first.list_id).map_or(0, |l| l.time);
        first.event = last_event(plan, log, first, time)?;
    }
    Ok(out)
}

/// The latest lists of a log with what is kept of their items, in its order.
fn served<S: Store>(plan: &Plan, log: &Log<S>, most: usize) -> Result<VecDeque<Listed>, Error> {
    let mut schema = schema_with_decisions(&plan.system);
    schema.records.retain(|r| r.name == DECISION || r.name == SHOWN);
    let mut lists: VecDeque<Listed> = VecDeque::new();
    log.read(0, &schema, &mut |_, batch| {
        take_lists(batch, &mut lists);
        while lists.len() > most {
            lists.pop_front();
        }
        ControlFlow::Continue(())
    })
    .map_err(Error::Log)?;
    Ok(lists)
}

fn take_lists(batch: &Batch, lists: &mut VecDeque<Listed>) {
    let [decided, shown] = &batch.rows[..] else { return };
    let [
        Column::Texts(ids),
        Column::Tags(items),
        Column::Texts(bundles),
        Column::Texts(parts),
        Column::Texts(requests),
    ] = &decided.fields[..]
    else {
        return;
    };
    let mut of_items: HashMap<&str, Vec<Vec<f32>>> = HashMap::new();
    if let [Column::Texts(ids), _, _, Column::Vectors { dimensions, values }] = &shown.fields[..] {
        for row in 0..shown.len() {
            let values = values[row * dimensions..(row + 1) * dimensions].to_vec();
            of_items.entry(ids.get(row)).or_default().push(values);
        }
    }
    for row in 0..decided.len() {
        // The trace says of every part whether it was skipped.
        let parts: Vec<Value> = serde_json::from_str(parts.get(row)).unwrap_or_default();
        lists.push_back(Listed {
            time: decided.time[row],
            user: decided.keys[0].get(row).to_owned(),
            list_id: ids.get(row).to_owned(),
            bundle: bundles.get(row).to_owned(),
            items: items.range(row).map(|i| (items.names.get(i).to_owned(), items.weights[i])).collect(),
            request: serde_json::from_str(requests.get(row)).ok(),
            is_whole: !parts.iter().any(|p| p["skipped"] == Value::Bool(true)),
            values: of_items.remove(ids.get(row)).unwrap_or_default(),
        });
    }
}

struct Check<'a, S: Store> {
    plan: &'a Plan,
    log: &'a Log<S>,
    bundle: &'a Bundle,
    lists: &'a [&'a Listed],
}

/// Folds the log and makes each list when what became known before it is folded.
fn replay<S: Store>(
    of: &Check<'_, S>,
    out: &mut Parity,
    found: &mut dyn FnMut(i64, Difference),
    told: &mut dyn FnMut(),
) -> Result<(), Error> {
    let Check { plan, log, bundle, lists } = of;
    let mut actors = Actors::new(&plan.system);
    bundle.seed(&mut actors).map_err(Error::Bundle)?;
    let fitted = bundle.fitted(plan, &actors, &bundle.manifest.shipped).map_err(Error::Bundle)?;
    let mut world = World::new(plan, actors, Past::new(plan, &fitted));
    let (own, schema) = (schema_of(&plan.system), schema_with_decisions(&plan.system));
    let maker = Maker { plan, fitted: &fitted, schema: &schema, clock: &|| 0 };
    let names = value_names(plan);
    let mut next = 0;
    let mut make_until = |t: i64, world: &mut World| {
        while let Some(list) = lists.get(next).filter(|l| l.time <= t) {
            next += 1;
            match &list.request {
                None => out.without_request += 1,
                Some(_) if !list.is_whole => out.cut_short += 1,
                Some(request) => {
                    let (n, difference) = compare(&maker, &names, world, list, request);
                    out.lists += 1;
                    out.values += n;
                    if let Some(difference) = difference {
                        found(list.time, difference);
                    }
                }
            }
            told();
        }
    };
    log.read(0, &own, &mut |_, batch| {
        let first = batch.rows.iter().filter_map(|rows| rows.known.first()).min();
        if let Some(first) = first {
            make_until(*first, &mut world);
        }
        world.fold(plan, &own, batch);
        ControlFlow::Continue(())
    })
    .map_err(Error::Log)?;
    make_until(i64::MAX, &mut world);
    Ok(())
}

/// Makes a list again; how many values were compared, and the first that differs.
fn compare(
    maker: &Maker<'_>,
    names: &[String],
    world: &mut World,
    list: &Listed,
    noted: &Request,
) -> (u64, Option<Difference>) {
    let request = RankRequest {
        user: Key(list.user.clone()),
        context: noted.context.clone(),
        limit: Some(noted.limit),
        items: noted.items.clone(),
        explain: false,
    };
    let differs = |item: &str, what: String, served: f32, replayed: f32| Difference {
        list_id: list.list_id.clone(),
        time: format_time(list.time),
        user: list.user.clone(),
        item: item.to_owned(),
        what,
        served: (!served.is_nan()).then_some(served),
        replayed: (!replayed.is_nan()).then_some(replayed),
        event: None,
    };
    let Ok(context) = read_context(&maker.plan.system, maker.schema, list.time, &request) else {
        return (0, Some(differs("", "what was asked: it no longer fits the file".into(), f32::NAN, f32::NAN)));
    };
    let time = world.advance(maker.plan, list.time);
    if time != list.time {
        let what = format!("the moment: the log has events of {} before it", format_time(time - 1));
        return (0, Some(differs("", what, f32::NAN, f32::NAN)));
    }
    let asked = Asked { time, request: &request, context: context.as_ref(), limit: noted.limit, budget_ns: u64::MAX };
    let made = maker.make(world, &asked);
    let decided = &made.decided;
    let table = &world.actors.tables[maker.plan.system.decision.item];
    let (mut n, mut now) = (0, Vec::new());
    for ((item, _), served) in list.items.iter().zip(&list.values) {
        now.clear();
        if let Some(idx) = made.find(&table.keys, item) {
            values(maker.plan, decided, &world.desk, idx, &mut now);
        }
        now.resize(names.len(), f32::NAN);
        n += served.len() as u64;
        let mut pairs = served.iter().zip(&now).zip(names);
        if let Some(((served, now), name)) = pairs.find(|((a, b), _)| !same(**a, **b)) {
            return (n, Some(differs(item, name.clone(), *served, *now)));
        }
    }
    let shown: Vec<(&str, f32)> = decided.shown.iter().map(|s| (made.key(&table.keys, s.item), s.score)).collect();
    for (place, (item, score)) in list.items.iter().enumerate() {
        n += 1;
        match shown.get(place) {
            Some((other, now)) if other == item && same(*score, *now) => {}
            Some((other, now)) if other == item => {
                return (n, Some(differs(item, "its score after re-ranking".into(), *score, *now)));
            }
            other => {
                let there = other.map_or("nothing".to_owned(), |(other, _)| format!("`{other}`"));
                let what = format!("place {}: {there} stands there now", place + 1);
                return (n, Some(differs(item, what, *score, other.map_or(f32::NAN, |o| o.1))));
            }
        }
    }
    let more = shown.get(list.items.len());
    (n, more.map(|(item, score)| differs(item, "it was not on the list".into(), f32::NAN, *score)))
}

/// The same bits; what is missing is missing.
fn same(a: f32, b: f32) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}

/// The last event of the log known before `time` that names the user or the item of a difference.
fn last_event<S: Store>(plan: &Plan, log: &Log<S>, of: &Difference, time: i64) -> Result<Option<EventNamed>, Error> {
    let own: Schema = schema_of(&plan.system);
    let mut last: Option<EventNamed> = None;
    let mut number_of = |first: u64, batch: &Batch| {
        let mut at = vec![0usize; batch.rows.len()];
        for (k, kind) in batch.order.iter().enumerate() {
            let (record, rows) = (&own.records[usize::from(*kind)], &batch.rows[usize::from(*kind)]);
            let row = at[usize::from(*kind)];
            at[usize::from(*kind)] += 1;
            let names = |(key, keys): (&tamis_spec::batch::KeySchema, &tamis_spec::batch::Texts)| {
                let actors = [&plan.system.actors[plan.system.decision.user].name.value, &of.user];
                let items = [&plan.system.actors[plan.system.decision.item].name.value, &of.item];
                [actors, items].iter().any(|[actor, named]| key.actor == **actor && keys.get(row) == named.as_str())
            };
            let is_event = record.class == Class::Event && rows.known[row] < time;
            if is_event && record.keys.iter().zip(&rows.keys).any(names) {
                let (known, happened) = (format_time(rows.known[row]), format_time(rows.time[row]));
                last = Some(EventNamed { event: record.name.clone(), number: first + k as u64, known, happened });
            }
        }
        ControlFlow::Continue(())
    };
    log.read(0, &own, &mut number_of).map_err(Error::Log)?;
    Ok(last)
}
