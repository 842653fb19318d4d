//! One list, made of a request and a world that was brought to its moment: by the engine, and again by whoever checks it.

use crate::answer::{RankRequest, UnknownItems};
use crate::event::short;
use crate::world::World;
use tamis_funnel::{Decided, Desk, Fitted, Plan, Request, decide};
use tamis_spec::MISSING;
use tamis_spec::actors::Actors;
use tamis_spec::batch::{Rows, Schema};

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
}

impl Maker<'_> {
    pub(crate) fn make(&self, world: &mut World, of: &Asked<'_>) -> Made {
        let World { actors, past, desk, .. } = world;
        let system = &self.plan.system;
        let user = actors.tables[system.decision.user].keys.find(&of.request.user.0);
        let (given, unknown_items) = self.given(of.request, actors);
        let scene = decide::Scene { plan: self.plan, fitted: self.fitted, actors, past, clock: self.clock };
        let event = system.actors.len() + system.base(system.decision.event);
        let context = of.context.map(|rows| actors.asked(&self.schema.records[event], rows));
        let asked = context.as_ref().map(|rows| (rows, 0));
        let (now, limit, budget_ns) = (of.time, of.limit, of.budget_ns);
        let given = given.as_deref();
        let request = Request { now, user, limit, given, positions: None, asked, budget_ns };
        Made { decided: decide::decide(&scene, &request, desk), user, unknown_items }
    }

    /// The known ones of the items that were given, and the others.
    fn given(&self, request: &RankRequest, actors: &Actors) -> (Option<Vec<u32>>, Option<UnknownItems>) {
        let Some(items) = &request.items else { return (None, None) };
        let keys = &actors.tables[self.plan.system.decision.item].keys;
        let mut unknown = UnknownItems { count: 0, keys: Vec::new() };
        let mut known = Vec::with_capacity(items.len());
        for item in items {
            match keys.find(&item.0) {
                MISSING => {
                    unknown.count += 1;
                    if unknown.keys.len() < UNKNOWN_NAMED_MAX {
                        unknown.keys.push(short(&item.0));
                    }
                }
                idx => known.push(idx),
            }
        }
        (Some(known), Some(unknown))
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
