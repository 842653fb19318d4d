//! The log in memory: actors and events, interned, in the order in which they became known.

use crate::error::Error;
use std::path::PathBuf;
use tamis_funnel::{Bundle, Plan};
use tamis_spec::actors::{Actors, schema_of};
use tamis_spec::batch::Batch;
use tamis_spec::events::Events;

/// Everything that is known.
pub struct Data {
    /// Who and what there is.
    pub actors: Actors,
    /// What happened.
    pub events: Events,
    /// Where folders that the system file names are sought, in this order.
    pub folders: Vec<PathBuf>,
}

impl Data {
    /// Nothing yet; keys and words begin in the order of a bundle's, if one is given.
    pub fn new(plan: &Plan, bundle: Option<&Bundle>) -> Result<Self, Error> {
        let mut actors = Actors::new(&plan.system);
        if let Some(bundle) = bundle {
            bundle.seed(&mut actors)?;
        }
        Ok(Self { actors, events: Events::new(&plan.system), folders: Vec::new() })
    }

    /// Takes in records of the system's own schema.
    pub fn apply(&mut self, plan: &Plan, batch: &Batch) {
        self.actors.apply(&schema_of(&plan.system), batch, &mut self.events);
    }

    /// The moment, ms, behind all that is known; 0 where nothing happened.
    pub fn end(&self) -> i64 {
        let last = self.events.kinds.iter().filter_map(|rows| rows.known.last()).max();
        last.map_or(0, |known| known.saturating_add(1))
    }

    /// How many users and items there are.
    pub fn sizes(&self, plan: &Plan) -> (usize, usize) {
        let decision = &plan.system.decision;
        (self.actors.tables[decision.user].len(), self.actors.tables[decision.item].len())
    }
}
