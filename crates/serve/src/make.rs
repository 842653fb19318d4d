//! One list, made of a request and a world that was brought to its moment: by the engine, and again by whoever checks it.

use crate::answer::{Candidate, RankRequest, UnknownItems};
use crate::event::short;
use crate::world::World;
use tamis_funnel::{Decided, Desk, Fitted, Plan, Request, decide};
use tamis_spec::MISSING;
use tamis_spec::actors::{Actors, Interner};
use tamis_spec::batch::{Rows, Schema};
use tamis_spec::decision::by_key;

/// Unknown items that are named.
const UNKNOWN_NAMED_MAX: usize = 10;

/// What does not change between lists.
#[derive(Clone, Copy)]
pub(crate) struct Maker<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) fitted: &'a Fitted,
    /// Begins with the system's own records.
    pub(crate) schema: &'a Schema,
    /// Nanoseconds from any fixed moment.
    pub(crate) clock: &'a dyn Fn() -> u64,
}

/// What is asked for.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// The moment of the decision, ms; the world was brought to it.
    pub(crate) time: i64,
    pub(crate) request: &'a RankRequest,
    /// The request's context as a record of the decision's event.
    pub(crate) context: Option<&'a Rows>,
    pub(crate) limit: usize,
    pub(crate) budget_ns: u64,
}

/// A list in indices; its rows stand on the world's desk.
pub(crate) struct Made {
    pub(crate) decided: Decided,
    /// `MISSING` when unknown.
    pub(crate) user: u32,
    pub(crate) unknown_items: Option<UnknownItems>,
    /// Keys of items that came with values of their own and are not known: their indices are behind the last known item.
    pub(crate) newcomers: Vec<String>,
}

impl Made {
    /// The key of an item that was decided on.
    pub(crate) fn key<'k>(&'k self, keys: &'k Interner, idx: u32) -> &'k str {
        match (idx as usize).checked_sub(keys.len()) {
            None => keys.name(idx),
            Some(new) => &self.newcomers[new],
        }
    }

    /// The index of an item that was decided on.
    pub(crate) fn find(&self, keys: &Interner, key: &str) -> Option<u32> {
        let new = || self.newcomers.iter().position(|n| n == key).map(|new| (keys.len() + new) as u32);
        Some(keys.find(key)).filter(|idx| *idx != MISSING).or_else(new)
    }
}

/// The items of a request.
#[derive(Default)]
struct Items {
    given: Vec<u32>,
    /// The row of the request's records that each came with.
    rows: Vec<u32>,
    newcomers: Vec<String>,
    unknown: Option<UnknownItems>,
}

impl Maker<'_> {
    pub(crate) fn make(&self, world: &mut World, of: &Asked<'_>) -> Made {
        let World { actors, past, desk, .. } = world;
        let system = &self.plan.system;
        let user = actors.tables[system.decision.user].keys.find(&of.request.user.0);
        let has_rows = of.context.is_some() && !system.decision.given.is_empty();
        let items = of.request.items.as_deref().map(|items| self.items(items, has_rows, actors));
        let is_given = items.is_some();
        let Items { given, rows, newcomers, unknown: unknown_items } = items.unwrap_or_default();
        let scene = decide::Scene { plan: self.plan, fitted: self.fitted, actors, past, clock: self.clock };
        let event = system.actors.len() + system.base(system.decision.event);
        let context = of.context.map(|rows| actors.asked(&self.schema.records[event], rows));
        let asked = context.as_ref().map(|rows| (rows, 0));
        let (now, limit, budget_ns) = (of.time, of.limit, of.budget_ns);
        let given = is_given.then_some(given.as_slice());
        let request =
            Request { now, user, limit, given, rows: &rows, newcomers: &newcomers, positions: None, asked, budget_ns };
        let decided = decide::decide(&scene, &request, desk);
        Made { decided, user, unknown_items, newcomers }
    }

    /// The items that can be ordered: those that are known, and those that come with values of their own. `has_rows`: the records of the
    /// request hold one for each item behind the first.
    fn items(&self, items: &[Candidate], has_rows: bool, actors: &Actors) -> Items {
        let keys = &actors.tables[self.plan.system.decision.item].keys;
        let mut out = Items::default();
        let mut unknown = UnknownItems { count: 0, keys: Vec::new() };
        let is_new = |c: &&Candidate| has_rows && !c.given.is_empty() && keys.find(&c.item.0) == MISSING;
        out.newcomers = items.iter().filter(is_new).map(|c| c.item.0.clone()).collect();
        // By key, so that the order in which a request names them says nothing.
        out.newcomers.sort_by(|a, b| by_key(a, b));
        out.newcomers.dedup();
        for (at, candidate) in items.iter().enumerate() {
            let key = &candidate.item.0;
            let idx = match keys.find(key) {
                MISSING => {
                    let new = out.newcomers.binary_search_by(|n| by_key(n, key));
                    new.map_or(MISSING, |new| (keys.len() + new) as u32)
                }
                idx => idx,
            };
            if idx == MISSING {
                unknown.count += 1;
                if unknown.keys.len() < UNKNOWN_NAMED_MAX {
                    unknown.keys.push(short(key));
                }
                continue;
            }
            out.given.push(idx);
            if has_rows {
                out.rows.push(at as u32 + 1);
            }
        }
        out.unknown = Some(unknown);
        out
    }
}

/// What each value of [`values`] is: of every stage its features, then its score.
pub(crate) fn value_names(plan: &Plan) -> Vec<String> {
    let mut names = Vec::new();
    for (part, which) in plan.system.stages.iter().zip(&plan.stages) {
        let stage = &part.name.value;
        let feature = |f: &usize| format!("feature `{}` of {stage}", plan.features.features[*f].name);
        names.extend(which.iter().map(feature));
        names.push(format!("the score of {stage}"));
    }
    names
}

/// The features that every stage read of an item and the scores it gave; NaN from the stage on that did not see it or was skipped.
pub(crate) fn values(plan: &Plan, decided: &Decided, desk: &Desk, item: u32, out: &mut Vec<f32>) {
    let first = plan.system.candidates.len() + 1;
    for (stage, which) in plan.stages.iter().enumerate() {
        let skipped = decided.parts.get(first + stage).is_none_or(|p| p.skipped);
        let row = desk.row_items.get(stage).filter(|_| !skipped).and_then(|items| items.binary_search(&item).ok());
        match row {
            Some(row) => out.extend_from_slice(desk.rows[stage].row(row)),
            None => out.extend(std::iter::repeat_n(f32::NAN, which.len())),
        }
        let scored = decided.ladder.get(stage).filter(|_| row.is_some());
        let scored = scored.and_then(|rung| rung.order.iter().find(|s| s.item == item));
        out.push(scored.map_or(f32::NAN, |s| s.score));
    }
}
