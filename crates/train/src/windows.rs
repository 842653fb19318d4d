//! The split, and the decisions in each window.

use crate::data::Data;
use crate::decisions::{Decision, Decisions};
use crate::error::Error;
use crate::members;
use std::collections::HashSet;
use tamis_funnel::Plan;
use tamis_observe::report::{Split, Window};
use tamis_spec::system::{SplitBy, SplitOf};
use tamis_spec::time::format_time;

/// Where windows begin and end: a window holds what became known at its start or later and before its end, ms.
#[derive(Clone, Debug, PartialEq)]
pub struct Windows {
    /// sources, train, validate, test: each ends where the next begins; five boundaries. Where windows are not cut by time, what is
    /// fitted before a window may see what became known before its boundary.
    pub bounds: [i64; 5],
    /// Events in each.
    pub n_events: [u64; 4],
    /// Of its decisions, each so-many-th counts.
    pub every: [usize; 4],
    /// The window of every decision, where it is not cut by time; [`NOWHERE`] for one that is left out.
    pub members: Option<Vec<u8>>,
    /// How they were cut: `time`, `random`, ...
    pub kind: String,
}

/// The window of a decision that is left out.
pub const NOWHERE: u8 = u8::MAX;

/// Windows of a system file, by their place in [`Windows::bounds`].
pub const SOURCES: usize = 0;
/// See [`SOURCES`].
pub const TRAIN: usize = 1;
/// See [`SOURCES`].
pub const VALIDATE: usize = 2;
/// See [`SOURCES`].
pub const TEST: usize = 3;

/// Cuts the log into windows: by time, by chance, or as a column or file says. Refuses a cut in which something that is fitted on events
/// would see what it is judged on.
pub fn cut(plan: &Plan, data: &Data, decisions: &Decisions) -> Result<Windows, Error> {
    let known: Vec<i64> = data.events.iter().map(|at| data.events.known(at)).collect();
    let (Some(first), Some(last)) = (known.first(), known.last()) else {
        return Err(Error::TooLittle {
            what: "the log holds no events".into(),
            help: "check the paths behind `from`, or send events to /v1/events".into(),
        });
    };
    let split = &plan.system.split;
    if decisions.all.is_empty() && split.by != SplitBy::Time {
        return Err(no_decision(plan));
    }
    let (bounds, members) = match members::of(plan, data, decisions)? {
        Some(members) => (members::bounds(plan, decisions, &members, (*first, *last))?, Some(members)),
        None => (by_time(plan, data, decisions, &known)?, None),
    };
    let before = |t: i64| known.partition_point(|k| *k < t) as u64;
    let n_events = std::array::from_fn(|w| before(bounds[w + 1]) - before(bounds[w]));
    let every = [1, split.every[0], split.every[1], split.every[2]];
    Ok(Windows { bounds, n_events, every, members, kind: members::kind(plan) })
}

/// Boundaries by shares or time spans. A boundary at event, or decision, ⌊share · n⌋ moves back to the first event of its moment, so that
/// no moment is split.
fn by_time(plan: &Plan, data: &Data, decisions: &Decisions, known: &[i64]) -> Result<[i64; 5], Error> {
    let split = &plan.system.split;
    let (first, last) = (known[0], known[known.len() - 1]);
    if let Some([train, validate, test]) = split.spans_ms {
        let end = last + 1;
        let starts = [train + validate + test, validate + test, test].map(|span| end.saturating_sub(span).max(first));
        return Ok([first, starts[0], starts[1], starts[2], end]);
    }
    let moments: Vec<i64> = match split.of {
        SplitOf::Events => known.to_vec(),
        SplitOf::Decisions => decisions.all.iter().map(|d| d.now).collect(),
        SplitOf::Event(event) => {
            let base = plan.system.base(event);
            let rows = plan.features.occurrences(event, base, &data.actors, &data.events);
            rows.iter().map(|row| data.events.kinds[base].known[*row as usize]).collect()
        }
    };
    let Some(end) = moments.len().checked_sub(1) else { return Err(no_decision(plan)) };
    let shares = [split.sources, split.sources + split.train, split.sources + split.train + split.validate];
    let at = |share: f64| moments[(((share + 1e-12) * moments.len() as f64).floor() as usize).min(end)];
    Ok([first, at(shares[0]), at(shares[1]), at(shares[2]), last + 1])
}

fn no_decision(plan: &Plan) -> Error {
    let event = &plan.system.events[plan.system.decision.event].name.value;
    Error::TooLittle {
        what: format!("the log holds no decision: `{event}` never happened, or [decision] where never held"),
        help: "check the file behind it, or send events to /v1/events".into(),
    }
}

impl Windows {
    /// The decisions of a window that count.
    pub fn of(&self, window: usize, decisions: &Decisions) -> Vec<Decision> {
        if let Some(members) = &self.members {
            let mine = decisions.all.iter().zip(members).filter(|(_, w)| usize::from(**w) == window);
            return mine.map(|(d, _)| *d).step_by(self.every[window]).collect();
        }
        let at = |t: i64| decisions.all.partition_point(|d| d.now < t);
        let mine = &decisions.all[at(self.bounds[window])..at(self.bounds[window + 1])];
        mine.iter().step_by(self.every[window]).copied().collect()
    }

    /// As the report tells it.
    pub fn report(&self, data: &Data, decisions: &Decisions) -> Split {
        let known: Vec<i64> = data.events.iter().map(|at| data.events.known(at)).collect();
        let window = |w: usize| {
            let mine = self.of(w, decisions);
            let (a, b) =
                (known.partition_point(|k| *k < self.bounds[w]), known.partition_point(|k| *k < self.bounds[w + 1]));
            let (a, b) = if self.members.is_some() { of_decisions(&known, &mine) } else { (a, b) };
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
            kind: self.kind.clone(),
            judged: "test".into(),
            sources: window(SOURCES),
            train: window(TRAIN),
            validate: window(VALIDATE),
            test: window(TEST),
        }
    }
}

/// From the first event at the first of some decisions to the one behind the last at the last of them.
fn of_decisions(known: &[i64], mine: &[Decision]) -> (usize, usize) {
    let (Some(first), Some(last)) = (mine.iter().map(|d| d.now).min(), mine.iter().map(|d| d.now).max()) else {
        return (0, 0);
    };
    (known.partition_point(|k| *k < first), known.partition_point(|k| *k <= last))
}
