//! What happened so far: cells and folded sources as of a moment, and the replay that brings them there.

use crate::fitted::Fitted;
use crate::plan::Plan;
use tamis_features::State;
use tamis_features::state::{Buffers, fold};
use tamis_retrieve::source::Source;
use tamis_spec::actors::Actors;
use tamis_spec::decision::{Happened, Need, Visit};
use tamis_spec::events::Events;

/// Everything of a funnel that changes as events come.
pub struct Past {
    /// The cells.
    pub state: State,
    /// By `[[candidates]]` index.
    pub sources: Vec<Box<dyn Source>>,
    /// Others that fold an event (index in the system) without being asked by the funnel.
    pub listeners: Vec<(usize, Box<dyn Source>)>,
    /// Events that were folded.
    pub n_events: u64,
    /// When the last of them became known, ms; `i64::MIN` before the first.
    pub known: i64,
    buffers: Buffers,
}

impl Past {
    /// The state before the first event.
    pub fn new(plan: &Plan, fitted: &Fitted) -> Self {
        Self {
            state: State::new(&plan.features.cells),
            sources: fitted.sources.iter().map(|s| s.replica()).collect(),
            listeners: Vec::new(),
            n_events: 0,
            known: i64::MIN,
            buffers: Buffers::default(),
        }
    }

    /// Brings everything to `t`, of which nothing at `t` or later is read: windows let go, and what became known of actors is taken in.
    pub fn advance(&mut self, plan: &Plan, actors: &Actors, t: i64) {
        self.state.advance(&plan.features.cells, actors, t);
        self.sources.iter_mut().for_each(|s| s.learn(actors, t));
    }

    /// Folds events of one declared kind.
    pub fn fold(&mut self, plan: &Plan, actors: &Actors, events: &Events, event: usize, rows: std::ops::Range<usize>) {
        let Self { state, sources, listeners, buffers, .. } = self;
        let folds = plan.sources.iter().map(|s| s.folds).zip(sources);
        let mut all: Vec<(Option<usize>, &mut Box<dyn Source>)> = folds.collect();
        all.extend(listeners.iter_mut().map(|(event, source)| (Some(*event), source)));
        // A folding source learns from the newcomers to the cell that keeps the history of its event.
        let cell_of =
            |event: usize| plan.features.needs.iter().find(|(n, _)| *n == Need::History { event }).map(|(_, c)| *c);
        let mut all: Vec<(usize, &mut Box<dyn Source>)> =
            all.into_iter().filter_map(|(event, source)| Some((cell_of(event?)?, source))).collect();
        let mut told = |cell: usize, user: u32, history: &[Visit], visit: Visit| {
            for (_, source) in all.iter_mut().filter(|(c, _)| *c == cell) {
                source.fold(&Happened { user, item: visit.item, time: visit.time, history });
            }
        };
        let last = rows.end.checked_sub(1).filter(|last| *last >= rows.start);
        let n = rows.len();
        fold(&plan.features.cells, actors, state, (events, event, rows), buffers, &mut told);
        self.n_events += n as u64;
        if let Some(last) = last {
            self.known = self.known.max(events.kinds[event].known[last]);
        }
    }
}

/// Walks through a stretch of the log.
pub struct Replay<'a> {
    plan: &'a Plan,
    actors: &'a Actors,
    events: &'a Events,
    next: usize,
    rows: Vec<usize>,
}

impl<'a> Replay<'a> {
    /// Starts before the first event.
    pub fn new(plan: &'a Plan, actors: &'a Actors, events: &'a Events) -> Self {
        Self { plan, actors, events, next: 0, rows: vec![0; events.kinds.len()] }
    }

    /// Folds every event known before `t` into `past` and brings it to `t`: what is read then is strictly before `t`.
    pub fn until(&mut self, t: i64, past: &mut Past) {
        self.fold_before(t, past);
        past.advance(self.plan, self.actors, t);
    }

    /// Folds all the rest.
    pub fn finish(&mut self, past: &mut Past) {
        self.fold_before(i64::MAX, past);
    }

    fn fold_before(&mut self, t: i64, past: &mut Past) {
        let order = &self.events.order;
        while self.next < order.len() {
            let event = order[self.next] as usize;
            let start = self.rows[event];
            let known = &self.events.kinds[event].known;
            let mut n = 0;
            while order.get(self.next + n) == Some(&(event as u16)) && known[start + n] < t {
                n += 1;
            }
            if n == 0 {
                return;
            }
            past.fold(self.plan, self.actors, self.events, event, start..start + n);
            self.next += n;
            self.rows[event] += n;
        }
    }
}
