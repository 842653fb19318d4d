//! The engine: a plan, a bundle, the past and the log, asked for lists and told of events by many threads.
//!
//! Lists are made one after the other, as events are folded: one lock is on the past, and nobody holds it while the log is written.
//! Lists that are served at the same time share a sync; batches of events have one each. While events are being written the moment of
//! decisions stands still, so that no decision is made after events that it did not see. The limit: one process, and as many lists a
//! second as one core makes.

use crate::answer::{ITEMS_MAX, LIMIT_MAX, RankRequest, RankResponse};
use crate::clock::Clock;
use crate::context::read_context;
use crate::error::{Error, Refusal, Refused};
use crate::event::{Ack, EVENTS_MAX, KEY_BYTES_MAX, read, short, stamp};
use crate::journal::{Journal, NOTED_MAX, Noted, Served, schema_with_decisions};
use crate::make::{self, Asked, Maker};
use crate::metrics::Metrics;
use crate::world::World;
use serde::Serialize;
use serde_json::Value;
use std::ops::ControlFlow;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, MutexGuard};
use tamis_funnel::{Bundle, Fitted, Past, Plan};
use tamis_log::{Disk, Log, Store};
use tamis_spec::MISSING;
use tamis_spec::actors::{Actors, Field, schema_of};
use tamis_spec::batch::{Batch, Class, Column, Rows, Schema};
use tamis_spec::decision::Need;
use tamis_spec::time::format_time;

/// Items of a list when neither the request nor the file says how many.
const LIMIT_DEFAULT: usize = 20;

/// A system that is served.
pub struct Engine<S = Disk> {
    pub(crate) plan: Plan,
    pub(crate) bundle: Bundle,
    pub(crate) fitted: Fitted,
    /// Sources, `merge`, stages and re-ranking by name, as a trace has them.
    pub(crate) parts: Vec<String>,
    clock: Box<dyn Clock>,
    started_nanos: u64,
    world: Mutex<World>,
    journal: Journal<S>,
    /// What the next list is called by, besides its moment.
    serial: AtomicU64,
    metrics: Metrics,
}

/// How an engine is doing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Health {
    /// The system's name.
    pub system: String,
    /// The bundle's name.
    pub bundle: String,
    /// Events that were folded, those of the log included.
    pub events: u64,
    /// By actor: how many are known.
    pub actors: serde_json::Map<String, Value>,
    /// Seconds since it was opened.
    pub uptime_s: f64,
}

impl<S: Store> Engine<S> {
    /// Opens a bundle and brings it to the end of the log. `on_read` is told of records read so far; a log of tens of millions takes a
    /// while.
    pub fn open(
        plan: Plan,
        bundle: Bundle,
        log: Log<S>,
        clock: Box<dyn Clock>,
        on_read: &mut dyn FnMut(u64),
    ) -> Result<Self, Error> {
        let mut actors = Actors::new(&plan.system);
        bundle.seed(&mut actors).map_err(Error::Bundle)?;
        let fitted = bundle.fitted(&plan, &actors, &bundle.manifest.shipped).map_err(Error::Bundle)?;
        let mut world = World::new(&plan, actors, Past::new(&plan, &fitted));
        let schema = schema_of(&plan.system);
        let mut n_read = 0;
        // Lists that were served are not among the records of this schema and are passed over.
        log.read(0, &schema, &mut |_, batch| {
            world.fold(&plan, &schema, batch);
            n_read += batch.len() as u64;
            on_read(n_read);
            ControlFlow::Continue(())
        })
        .map_err(Error::Log)?;
        let parts = parts_of(&plan, &fitted);
        Ok(Self {
            serial: AtomicU64::new(log.next_seq()),
            started_nanos: clock.nanos(),
            metrics: Metrics::new(&parts),
            journal: Journal::new(log, schema_with_decisions(&plan.system)),
            world: Mutex::new(world),
            plan,
            bundle,
            fitted,
            parts,
            clock,
        })
    }

    /// Makes a list, writes it to the log and answers with it. A list that cannot be written is served all the same and says so.
    pub fn rank(&self, request: &RankRequest) -> Result<RankResponse, Refused> {
        let from = self.clock.nanos();
        let asked = check(request).inspect_err(|_| self.count_refused());
        let limit = asked?.unwrap_or_else(|| self.limit());
        if self.plan.system.candidates.is_empty() && request.items.is_none() {
            self.count_refused();
            let help = format!("send items: the key of each `{}` to order", self.plan.system.decision.item_name);
            let refused = Refused::new(Refusal::Unanswerable, "rank", "no items, and the system has no sources");
            return Err(refused.at("items").help(help));
        }
        let now = self.clock.now_ms();
        let context = read_context(&self.plan.system, self.journal.schema(), now, request);
        let context = context.inspect_err(|_| self.count_refused())?;
        let (mut response, time, values) = self.decide(request, context.as_ref(), limit);
        let trace = serde_json::to_string(&response.trace).expect("a trace is plain data");
        let asked = Noted { limit, items: request.items.as_deref(), context: &request.context };
        let asked = serde_json::to_string(&asked).expect("a request is plain data");
        response.logged = self.journal.keep(Served {
            time,
            user: &request.user.0,
            list_id: &response.list_id,
            items: response.items.iter().map(|i| (i.item.as_str(), i.score)).collect(),
            bundle: &self.bundle.name,
            parts: &trace,
            request: &asked,
            values: &values,
        });
        self.count(&response, self.clock.nanos().saturating_sub(from));
        Ok(response)
    }

    /// Appends a batch of events and actors' records, all or none, and folds it once it is durable. See the module `event` for how
    /// they are written; any mistake in any of them refuses all.
    pub fn events(&self, records: &[Value]) -> Result<Ack, Refused> {
        let batch = self.read_events(records).inspect_err(|_| self.count_refused())?;
        let ack = self.append(batch).inspect_err(|_| self.count_failed())?;
        self.metrics.events.fetch_add(ack.accepted as u64, Relaxed);
        self.metrics.unknown_actor_events.fetch_add(ack.unknown_actors as u64, Relaxed);
        Ok(ack)
    }

    /// The system that is served.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// How it is doing.
    pub fn health(&self) -> Health {
        let world = self.world();
        let actors = world.actors.tables.iter().map(|t| (t.name.clone(), t.len().into()));
        Health {
            system: self.plan.system.name.value.clone(),
            bundle: self.bundle.name.clone(),
            events: world.past.n_events,
            actors: actors.collect(),
            uptime_s: self.clock.nanos().saturating_sub(self.started_nanos) as f64 / 1e9,
        }
    }

    /// Whether it can answer: not once a thread has failed while it held the past.
    pub fn is_ready(&self) -> bool {
        !self.world.is_poisoned()
    }

    /// What was done since it was opened.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(crate) fn count_refused(&self) {
        self.metrics.refused.fetch_add(1, Relaxed);
    }

    pub(crate) fn count_failed(&self) {
        self.metrics.failed.fetch_add(1, Relaxed);
    }

    /// A list that is not in the log yet, the moment of its decision, ms, and what the stages read of the first of its items.
    pub(crate) fn decide(
        &self,
        request: &RankRequest,
        context: Option<&Rows>,
        limit: usize,
    ) -> (RankResponse, i64, Vec<f32>) {
        let now = self.clock.now_ms();
        let mut world = self.world();
        let time = world.advance(&self.plan, now);
        let budget_ns = self.plan.system.constraints.latency_p99_ms;
        let budget_ns = budget_ns.map_or(u64::MAX, |ms| ms.max(0) as u64 * 1_000_000);
        let (clock, schema) = (|| self.clock.nanos(), self.journal.schema());
        let maker = Maker { plan: &self.plan, fitted: &self.fitted, schema, clock: &clock };
        let made = maker.make(&mut world, &Asked { time, request, context, limit, budget_ns });
        let (decided, user) = (&made.decided, made.user);
        let World { actors, past, desk, .. } = &mut *world;
        let cold = self.cold(past, user, &request.user.0);
        let items = self.items(actors, &made, desk, request.explain);
        let mut values = Vec::new();
        let noted = decided.shown.iter().take(NOTED_MAX);
        noted.for_each(|shown| make::values(&self.plan, decided, desk, shown.item, &mut values));
        drop(world);
        let trace = self.trace(decided);
        let response = RankResponse {
            list_id: self.list_id(time),
            as_of: as_of(time),
            user_known: user != MISSING,
            cold_start: cold.is_some(),
            cold_start_reason: cold,
            items,
            unknown_items: made.unknown_items,
            fallbacks: trace.iter().filter(|p| p.skipped).map(|p| p.part.clone()).collect(),
            trace,
            bundle: self.bundle.name.clone(),
            logged: false,
        };
        (response, time, values)
    }

    /// Why there is no history to go by; none when there is one.
    fn cold(&self, past: &Past, user: u32, key: &str) -> Option<String> {
        let system = &self.plan.system;
        let (name, event) = (&system.decision.user_name, system.positive());
        if user == MISSING {
            let key = short(key);
            return Some(format!("no {name} `{key}` is known: the list is made of what needs no history"));
        }
        let history = self.plan.features.answer(&Need::History { event }, user, &past.state);
        let event = &system.events[event].name.value;
        let why = || format!("{name} `{}` has no `{event}` yet: the list is made of what needs no history", short(key));
        history.visits().is_empty().then(why)
    }

    /// Items of a list when the request does not say how many.
    fn limit(&self) -> usize {
        let part = self.plan.system.rerank.iter().find(|p| p.kind == "limit");
        part.and_then(|p| p.params.count("value")).unwrap_or(LIMIT_DEFAULT).clamp(1, LIMIT_MAX)
    }

    fn list_id(&self, time: i64) -> String {
        let serial = self.serial.fetch_add(1, Relaxed);
        format!("{time:012x}{serial:08x}{}", self.bundle.name.get(..8).unwrap_or(&self.bundle.name))
    }

    fn read_events(&self, records: &[Value]) -> Result<Batch, Refused> {
        let asked = "append events";
        if records.len() > EVENTS_MAX {
            let found = format!("{} records in one request", records.len());
            return Err(
                Refused::new(Refusal::TooLarge, asked, found).help(format!("send at most {EVENTS_MAX} at a time"))
            );
        }
        let now = self.clock.now_ms().max(self.world().as_of);
        let schema = self.journal.schema();
        let batch = self.empty_batch(schema);
        read(&self.plan.system, schema, now, batch, records).map_err(|each| {
            let found = format!("{} of {} records are wrong or more; none was kept", counted(&each), records.len());
            let first = &each[0];
            let place =
                format!("record {}{}{}", first.index, if first.place.is_empty() { "" } else { ", " }, first.place);
            let help = format!("{}: {}", first.found, first.help);
            Refused { each, ..Refused::new(Refusal::Wrong, asked, found).at(place).help(help) }
        })
    }

    /// A batch whose vectors are as long as those that the actors have already.
    fn empty_batch(&self, schema: &Schema) -> Batch {
        let mut batch = schema.batch();
        let world = self.world();
        let own = schema.records.iter().zip(&mut batch.rows).filter(|(r, _)| r.class == Class::Actor);
        for ((_, rows), table) in own.zip(&world.actors.tables) {
            for (column, field) in rows.fields.iter_mut().zip(&table.fields) {
                if let (Column::Vectors { dimensions, .. }, Field::Vectors(known)) = (column, field) {
                    *dimensions = known.dimensions;
                }
            }
        }
        batch
    }

    fn append(&self, mut batch: Batch) -> Result<Ack, Refused> {
        let schema = self.journal.schema();
        let mut log = self.journal.log();
        let known = {
            let mut world = self.world();
            let known = self.clock.now_ms().max(world.as_of).max(log.last_known());
            world.hold = Some(known);
            known
        };
        stamp(&mut batch, known);
        let written = log.append(schema, &batch);
        let mut world = self.world();
        world.hold = None;
        let range = written.map_err(|e| Refused::by_log(&e))?;
        let unknown_actors = world.fold(&self.plan, schema, &batch);
        Ok(Ack { accepted: batch.len(), unknown_actors, first: range.start, end: range.end })
    }

    fn count(&self, response: &RankResponse, nanos: u64) {
        let m = &self.metrics;
        m.cold_starts.fetch_add(u64::from(response.cold_start), Relaxed);
        m.unlogged_lists.fetch_add(u64::from(!response.logged), Relaxed);
        for ((_, counter), part) in m.fallbacks.iter().zip(&response.trace) {
            counter.fetch_add(u64::from(part.skipped), Relaxed);
        }
        m.served(nanos / 1000);
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("no thread panics while it holds the past")
    }
}

/// The names of the parts in the order in which a decision tells of them.
fn parts_of(plan: &Plan, fitted: &Fitted) -> Vec<String> {
    let system = &plan.system;
    let name = |p: &tamis_spec::system::Part| p.name.value.clone();
    let stages = system.stages.iter().take(fitted.models.len());
    let sources = system.candidates.iter().map(name).chain(["merge".to_owned()]);
    sources.chain(stages.map(name)).chain(system.rerank.iter().map(name)).collect()
}

/// Refuses what no list can be made for; the limit if the request has one.
fn check(request: &RankRequest) -> Result<Option<usize>, Refused> {
    let asked = "rank";
    let wrong = |found: String, place: &str, help: String| {
        Err(Refused::new(Refusal::Unanswerable, asked, found).at(place).help(help))
    };
    let user = &request.user.0;
    if user.is_empty() || user.len() > KEY_BYTES_MAX {
        return wrong(format!("a key of {} bytes", user.len()), "user", format!("1 to {KEY_BYTES_MAX} bytes"));
    }
    if let Some(limit) = request.limit.filter(|l| !(1..=LIMIT_MAX).contains(l)) {
        return wrong(format!("a list of {limit} items"), "limit", format!("1 to {LIMIT_MAX}"));
    }
    if let Some(n) = request.items.as_ref().map(Vec::len).filter(|n| *n > ITEMS_MAX) {
        return wrong(
            format!("{n} candidates"),
            "items",
            format!("at most {ITEMS_MAX}, or none to let the sources propose"),
        );
    }
    Ok(request.limit)
}

/// How many records are wrong.
fn counted(each: &[crate::error::Wrong]) -> usize {
    each.chunk_by(|a, b| a.index == b.index).count()
}

/// RFC 3339 to the millisecond.
fn as_of(ms: i64) -> String {
    let text = format_time(ms);
    format!("{}.{:03}Z", text.trim_end_matches('Z'), ms.rem_euclid(1000))
}
