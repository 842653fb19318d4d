//! What changes as events come: actors, the past, and the moment as of which they stand.

use tamis_funnel::{Desk, Past, Plan, Replay};
use tamis_spec::MISSING;
use tamis_spec::actors::Actors;
use tamis_spec::batch::{Batch, Schema};
use tamis_spec::events::Events;

/// Actors and past. Everything in it became known before `as_of`.
pub(crate) struct World {
    pub(crate) actors: Actors,
    pub(crate) past: Past,
    /// No decision is made before this moment, ms, and no event becomes known: behind the last event, and at the last decision. Never
    /// behind `hold`.
    pub(crate) as_of: i64,
    /// When the events become known that are being written to the log: no decision is made after this moment, ms, until they are
    /// folded or refused.
    pub(crate) hold: Option<i64>,
    /// The buffers of decisions.
    pub(crate) desk: Desk,
    /// Events between being interned and being folded; empty otherwise.
    passing: Events,
}

impl World {
    pub(crate) fn new(plan: &Plan, actors: Actors, past: Past) -> Self {
        Self { actors, past, as_of: 0, hold: None, desk: Desk::default(), passing: Events::new(&plan.system) }
    }

    /// Brings the past to the moment of a decision that is asked for at `now`, and returns that moment, ms: behind every event that was
    /// folded, and not behind those that are being written.
    pub(crate) fn advance(&mut self, plan: &Plan, now: i64) -> i64 {
        let time = now.max(self.as_of).min(self.hold.unwrap_or(i64::MAX));
        self.past.advance(plan, &self.actors, time);
        self.as_of = time;
        time
    }

    /// Takes in a batch as the log has it, and returns how many of its events name an actor that has no record of its own.
    /// `schema` begins with the system's own records.
    pub(crate) fn fold(&mut self, plan: &Plan, schema: &Schema, batch: &Batch) -> usize {
        let Self { actors, past, passing, .. } = self;
        actors.apply(schema, batch, passing);
        Replay::new(plan, actors, passing).finish(past);
        let n_unknown = undescribed(plan, actors, passing);
        // Decisions come behind all that is known, so that what was there before it is asked for by nobody.
        let known = batch.rows.iter().filter_map(|rows| rows.known.last()).max();
        self.as_of = known.map_or(self.as_of, |known| self.as_of.max(known.saturating_add(1)));
        past.advance(plan, actors, self.as_of);
        actors.forget_earlier();
        self.passing.clear(&plan.system);
        n_unknown
    }
}

/// Events that name an actor without a record of its own. An actor that has neither file nor fields needs none.
fn undescribed(plan: &Plan, actors: &Actors, events: &Events) -> usize {
    let is_missed = |actor: usize, idx: u32| {
        let spec = &plan.system.actors[actor];
        let wants = spec.file.is_some() || !spec.fields.is_empty();
        wants && idx != MISSING && !actors.tables[actor].described.get(idx as usize).copied().unwrap_or(false)
    };
    let names_one = |rows: &tamis_spec::events::EventRows, row: usize| {
        rows.role_actors.iter().zip(&rows.actors).any(|(actor, column)| is_missed(*actor, column[row]))
    };
    events.iter().filter(|at| names_one(&events.kinds[at.event], at.row)).count()
}
