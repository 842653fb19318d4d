//! The log as serving writes it: one frame for a batch of events, one frame for all the lists that wait at the same time.

use crate::answer::Candidate;
use serde::Serialize;
use serde_json::{Map, Value};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use tamis_log::{Log, Store};
use tamis_spec::actors::schema_of;
use tamis_spec::batch::{Batch, Class, Column, KeySchema, RecordSchema, Schema};
use tamis_spec::system::{System, Type};

/// The kind of record that a served list is.
pub const DECISION: &str = "tamis.decision";
/// The kind of record that an item of a served list is.
pub const SHOWN: &str = "tamis.shown";
/// Of a list the first so many items have a record of their own.
pub const NOTED_MAX: usize = 100;

/// The schema of a system's log with the lists that were served: the system's own records, then [`DECISION`], which names the actor
/// that the list is for and has `list_id`, `items` (keys with scores, best first), `bundle`, `parts` (the trace as JSON) and `request`
/// (what else was asked, as JSON), then [`SHOWN`] for each of the first [`NOTED_MAX`] items, which names whom it was shown to and the
/// item and has `list_id`, `position` from 1, `score` and `values`: of every stage the features it read of the item, then its score.
pub fn schema_with_decisions(system: &System) -> Schema {
    let mut schema = schema_of(system);
    let decision = &system.decision;
    let actor = |actor: usize| system.actors[actor].name.value.clone();
    let record = |name: &str, keys: Vec<KeySchema>, fields: &[(&str, Type)]| RecordSchema {
        name: name.to_owned(),
        class: Class::Event,
        keys,
        fields: fields.iter().map(|(name, ty)| (name.to_string(), ty.clone())).collect(),
    };
    let user = KeySchema { role: actor(decision.user), actor: actor(decision.user) };
    let list = ("list_id", Type::Text);
    let of_list = [
        list.clone(),
        ("items", Type::Tags),
        ("bundle", Type::Category),
        ("parts", Type::Text),
        ("request", Type::Text),
    ];
    schema.records.push(record(DECISION, vec![user], &of_list));
    let role = |name: &str, of: usize| KeySchema { role: name.to_owned(), actor: actor(of) };
    let both = vec![role(&decision.user_name, decision.user), role(&decision.item_name, decision.item)];
    let of_item = [list, ("position", Type::Number), ("score", Type::Number), ("values", Type::Vector)];
    schema.records.push(record(SHOWN, both, &of_item));
    schema
}

/// A list that was served.
pub(crate) struct Served<'a> {
    /// When, ms.
    pub(crate) time: i64,
    pub(crate) user: &'a str,
    pub(crate) list_id: &'a str,
    /// Keys with scores, best first.
    pub(crate) items: Vec<(&'a str, f32)>,
    pub(crate) bundle: &'a str,
    pub(crate) parts: &'a str,
    pub(crate) request: &'a str,
    /// Of the first [`NOTED_MAX`] items, as many of each.
    pub(crate) values: &'a [f32],
}

/// What else was asked, as the log keeps it.
#[derive(Serialize)]
pub(crate) struct Noted<'a> {
    pub(crate) limit: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) items: Option<&'a [Candidate]>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(crate) context: &'a Map<String, Value>,
}

/// A log that many threads append to.
///
/// Whoever gets the log first writes the lists of all that wait for it as one frame, so that they share one sync.
pub(crate) struct Journal<S> {
    log: Mutex<Log<S>>,
    waiting: Mutex<Waiting>,
    schema: Schema,
}

/// Lists that nobody has begun to write.
struct Waiting {
    batch: Batch,
    /// Whether they were written, once that is known.
    written: Arc<OnceLock<bool>>,
}

impl<S: Store> Journal<S> {
    /// `schema` ends with [`DECISION`] and [`SHOWN`].
    pub(crate) fn new(log: Log<S>, schema: Schema) -> Self {
        let waiting = Mutex::new(Waiting { batch: schema.batch(), written: Arc::default() });
        Self { log: Mutex::new(log), waiting, schema }
    }

    pub(crate) fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The log, for as long as the guard lives.
    pub(crate) fn log(&self) -> MutexGuard<'_, Log<S>> {
        self.log.lock().expect("no thread panics while it holds the log")
    }

    /// Writes a served list and returns whether it is durable.
    pub(crate) fn keep(&self, served: Served<'_>) -> bool {
        let written = {
            let mut waiting = self.waiting();
            push(&mut waiting.batch, served);
            waiting.written.clone()
        };
        let mut log = self.log();
        if let Some(written) = written.get() {
            return *written;
        }
        // Nobody has taken this list, so it is among those that are taken here.
        let mut taken = {
            let fresh = Waiting { batch: self.schema.batch(), written: Arc::default() };
            std::mem::replace(&mut *self.waiting(), fresh)
        };
        let times = taken.batch.rows.iter().flat_map(|rows| rows.time.iter().copied());
        let known = times.fold(log.last_known(), i64::max);
        taken.batch.rows.iter_mut().for_each(|rows| rows.known.fill(known));
        let is_written = log.append(&self.schema, &taken.batch).is_ok();
        taken.written.set(is_written).expect("a group of lists is written once");
        is_written
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().expect("no thread panics while it adds a list")
    }
}

/// Appends a list and its items; when they become known is settled when they are written.
fn push(batch: &mut Batch, served: Served<'_>) {
    let kind = batch.rows.len() as u16;
    let n = served.items.len().min(NOTED_MAX);
    batch.order.push(kind - 2);
    batch.order.extend(std::iter::repeat_n(kind - 1, n));
    let [.., lists, shown] = &mut batch.rows[..] else { unreachable!("the schema ends with lists and their items") };
    lists.time.push(served.time);
    lists.known.push(served.time);
    lists.keys[0].push(served.user);
    let [
        Column::Texts(list_id),
        Column::Tags(items),
        Column::Texts(bundle),
        Column::Texts(parts),
        Column::Texts(request),
    ] = &mut lists.fields[..]
    else {
        unreachable!("lists have the fields that their schema says");
    };
    list_id.push(served.list_id);
    served.items.iter().for_each(|(key, score)| items.push(key, *score));
    items.end_row();
    bundle.push(served.bundle);
    parts.push(served.parts);
    request.push(served.request);
    let [
        Column::Texts(list_id),
        Column::Numbers(position),
        Column::Numbers(score),
        Column::Vectors { dimensions, values },
    ] = &mut shown.fields[..]
    else {
        unreachable!("items have the fields that their schema says");
    };
    for (at, (key, of_item)) in served.items[..n].iter().enumerate() {
        shown.time.push(served.time);
        shown.known.push(served.time);
        shown.keys[0].push(served.user);
        shown.keys[1].push(key);
        list_id.push(served.list_id);
        position.push(at as f64 + 1.0);
        score.push(f64::from(*of_item));
    }
    *dimensions = served.values.len().checked_div(n).unwrap_or(*dimensions);
    values.extend_from_slice(served.values);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::fixture::plan_of;
    use std::ops::ControlFlow;
    use tamis_log::faulty::Faulty;

    fn journal(store: &Faulty) -> Journal<Faulty> {
        Journal::new(Log::open(store.clone()).unwrap().0, schema_with_decisions(&plan_of().system))
    }

    fn keep(journal: &Journal<Faulty>, time: i64) -> bool {
        let items = vec![("a", 0.5)];
        let (parts, request, values) = ("[]", "{}", &[0.5][..]);
        journal.keep(Served { time, user: "ann", list_id: "1", items, bundle: "b", parts, request, values })
    }

    /// Time and known of the lists in each frame.
    fn frames(journal: &Journal<Faulty>) -> Vec<Vec<(i64, i64)>> {
        let mut all = Vec::new();
        let mut sink = |_, batch: &Batch| {
            let rows = &batch.rows[batch.rows.len() - 2];
            all.push(rows.time.iter().copied().zip(rows.known.iter().copied()).collect());
            ControlFlow::Continue(())
        };
        journal.log().read(0, journal.schema(), &mut sink).unwrap();
        all
    }

    #[test]
    fn a_list_that_is_written_after_later_ones_becomes_known_with_them() {
        let journal = journal(&Faulty::default());
        assert!(keep(&journal, 10) && keep(&journal, 7) && keep(&journal, 12));
        assert_eq!(frames(&journal), [[(10, 10)], [(7, 10)], [(12, 12)]]);
    }

    #[test]
    fn lists_that_wait_at_the_same_time_share_a_frame_and_its_fate() {
        let check = |room: Option<usize>, is_kept: bool| {
            let store = Faulty::default();
            let journal = journal(&store);
            store.set_room(room);
            std::thread::scope(|scope| {
                let log = journal.log();
                let kept: Vec<_> = (0..3).map(|_| scope.spawn(|| keep(&journal, 1))).collect();
                while journal.waiting().batch.len() < 6 {
                    std::thread::yield_now();
                }
                drop(log);
                assert!(kept.into_iter().all(|kept| kept.join().unwrap() == is_kept));
            });
            assert_eq!(
                frames(&journal).iter().map(Vec::len).collect::<Vec<_>>(),
                if is_kept { vec![3] } else { vec![] }
            );
        };
        check(None, true);
        check(Some(100), false);
    }
}
