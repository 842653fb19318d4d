//! The split by time, and the decisions in each window.

use crate::data::Data;
use crate::error::Error;
use std::collections::HashSet;
use tamis_features::State;
use tamis_features::plan::{Moment, Reader};
use tamis_features::state::{Buffers, fold};
use tamis_funnel::Plan;
use tamis_observe::report::{Split, Window};
use tamis_spec::MISSING;
use tamis_spec::time::format_time;

/// Where windows begin and end: a window holds what became known at its start or later and before its end, ms.
#[derive(Clone, Debug, PartialEq)]
pub struct Windows {
    /// sources, train, validate, test: each ends where the next begins; five boundaries.
    pub bounds: [i64; 5],
    /// Events in each.
    pub n_events: [u64; 4],
}

/// One decision: at a moment, for somebody, with one item that turned out right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// ms; the past is what became known before.
    pub now: i64,
    /// Dense index.
    pub user: u32,
    /// Dense index of the positive.
    pub item: u32,
}

/// Windows of a system file, by their place in [`Windows::bounds`].
pub const SOURCES: usize = 0;
/// See [`SOURCES`].
pub const TRAIN: usize = 1;
/// See [`SOURCES`].
pub const VALIDATE: usize = 2;
/// See [`SOURCES`].
pub const TEST: usize = 3;

/// Cuts the log by its shares. A boundary at event ⌊share · n⌋ moves back to the first event of its moment, so that no moment is split.
pub fn cut(plan: &Plan, data: &Data) -> Result<Windows, Error> {
    let known: Vec<i64> = data.events.iter().map(|at| data.events.known(at)).collect();
    let (Some(first), Some(last)) = (known.first(), known.last()) else {
        return Err(Error::TooLittle {
            what: "the log holds no events".into(),
            help: "check the paths behind `from`, or send events to /v1/events".into(),
        });
    };
    let split = &plan.system.split;
    let shares = [split.sources, split.sources + split.train, split.sources + split.train + split.validate];
    let at = |share: f64| known[((share + 1e-12) * known.len() as f64).floor().min(known.len() as f64 - 1.0) as usize];
    let bounds = [*first, at(shares[0]), at(shares[1]), at(shares[2]), last + 1];
    let before = |t: i64| known.partition_point(|k| *k < t) as u64;
    let n_events = std::array::from_fn(|w| before(bounds[w + 1]) - before(bounds[w]));
    Ok(Windows { bounds, n_events })
}

/// All decisions that fulfil `[decision] where`, in the order of the log.
pub fn decisions(plan: &Plan, data: &Data) -> Vec<Decision> {
    let system = &plan.system;
    let each = system.decision.each;
    let base = system.base(each);
    let role = |actor: usize| system.role_of(each, actor).expect("the reader checked the decision's roles");
    let (user, item) = (role(system.decision.user), role(system.decision.item));
    let columns = &data.events.kinds[base];
    let rows = plan.features.occurrences(each, base, &data.actors, &data.events);
    let all = rows.into_iter().map(|row| Decision {
        now: columns.known[row as usize],
        user: columns.actors[user][row as usize],
        item: columns.actors[item][row as usize],
    });
    let all: Vec<Decision> = all.filter(|d| d.user != MISSING && d.item != MISSING).collect();
    if plan.features.condition.is_none() {
        return all;
    }
    fulfilled(plan, data, all)
}

/// Those for which the condition holds at their moment: a replay of the cells alone.
fn fulfilled(plan: &Plan, data: &Data, all: Vec<Decision>) -> Vec<Decision> {
    let mut state = State::new(&plan.features.cells);
    let (mut buffers, mut reader) = (Buffers::default(), Reader::default());
    let mut next = vec![0usize; data.events.kinds.len()];
    let mut order = data.events.order.iter().peekable();
    let mut out = Vec::new();
    for d in all {
        while let Some(event) = order.peek().map(|e| **e as usize) {
            let known = &data.events.kinds[event].known;
            let start = next[event];
            let mut end = start;
            while order.peek().is_some_and(|e| **e as usize == event) && known[end] < d.now {
                order.next();
                end += 1;
            }
            if end == start {
                break;
            }
            fold(
                &plan.features.cells,
                &data.actors,
                &mut state,
                (&data.events, event, start..end),
                &mut buffers,
                &mut |_, _, _, _| {},
            );
            next[event] = end;
        }
        state.advance(d.now);
        let moment = Moment {
            now: d.now,
            user: d.user,
            items: &[],
            actors: &data.actors,
            state: &state,
            source_scores: None,
            source_ranks: None,
            stage_scores: &[],
            user_vectors: &[],
            item_vectors: &[],
        };
        if plan.features.counts(&moment, &mut reader) {
            out.push(d);
        }
    }
    out
}

impl Windows {
    /// The decisions of a window.
    pub fn of<'d>(&self, window: usize, decisions: &'d [Decision]) -> &'d [Decision] {
        let at = |t: i64| decisions.partition_point(|d| d.now < t);
        &decisions[at(self.bounds[window])..at(self.bounds[window + 1])]
    }

    /// As the report tells it.
    pub fn report(&self, data: &Data, decisions: &[Decision]) -> Split {
        let known: Vec<i64> = data.events.iter().map(|at| data.events.known(at)).collect();
        let window = |w: usize| {
            let mine = self.of(w, decisions);
            let (a, b) =
                (known.partition_point(|k| *k < self.bounds[w]), known.partition_point(|k| *k < self.bounds[w + 1]));
            let time = |i: usize| known.get(i).map(|t| format_time(*t)).unwrap_or_default();
            Window {
                events: self.n_events[w],
                from: time(a),
                to: if b > a { time(b - 1) } else { String::new() },
                decisions: mine.len() as u64,
                users: mine.iter().map(|d| d.user).collect::<HashSet<_>>().len() as u64,
            }
        };
        Split {
            kind: "time".into(),
            sources: window(SOURCES),
            train: window(TRAIN),
            validate: window(VALIDATE),
            test: window(TEST),
        }
    }
}
