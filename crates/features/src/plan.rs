//! The plan of features: every expression of a system checked, every cell they need, and the reading of rows.

use crate::aggregate::text_of;
use crate::call;
use crate::eval::{At, Ids, Numbers, Scratch, Slot};
use crate::function::{Eval, Function, Per};
use crate::names::{Cx, Scope};
use crate::state::{Cells, LIST_MAX, STRETCH_MAX, State, Value, What, at_events};
use tamis_spec::MISSING;
use tamis_spec::actors::Actors;
use tamis_spec::decision::{Answer, Need};
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::events::Events;
use tamis_spec::expr::{Call, Expr, Node as Tree};
use tamis_spec::kind::Kind;
use tamis_spec::matrix::Matrix;
use tamis_spec::system::{Origin, System};
use tamis_spec::vectors::Vectors;

/// Features that were checked, and the cells they read.
pub struct FeaturePlan {
    /// In the order of the file.
    pub features: Vec<Feature>,
    /// What is kept of the past.
    pub cells: Cells,
    /// The cell that answers each need, in the order in which they were asked for.
    pub needs: Vec<(Need, usize)>,
    /// `[decision] where`.
    pub condition: Option<Feature>,
    /// By event: the condition of a derived one.
    pub derived: Vec<Option<Box<dyn Numbers>>>,
}

/// One feature.
pub struct Feature {
    /// Its name.
    pub name: String,
    /// Its expression, written out in one way.
    pub about: String,
    /// What computes it.
    pub value: Column,
    /// Whether candidates differ in it.
    pub per: Per,
    /// The key spaces it reads.
    pub spaces: Vec<usize>,
    /// How many stages must have scored before it can be read.
    pub after: usize,
}

/// What a feature's column holds.
pub enum Column {
    /// Numbers and truth values.
    Numbers(Box<dyn Numbers>),
    /// Words of the dictionary.
    Words(Box<dyn Ids>),
}

/// Checks all expressions of a system. `needs`: what sources, learned vectors and re-ranking want to know of the past.
/// The plan has whatever could be read; it can be used when there are no diagnostics.
pub fn plan(system: &System, functions: &[Kind<dyn Function>], needs: &[Need]) -> (FeaturePlan, Vec<Diagnostic>) {
    let mut cells = Cells::new(system.n_declared());
    let mut wrong = Vec::new();
    let stage_scores = system.stages.len();
    let mut cx = Cx { system, functions, cells: &mut cells, scope: Scope::Decision, stage_scores };
    let mut derived = Vec::new();
    for (index, event) in system.events.iter().enumerate() {
        let Origin::Derived { condition, .. } = &event.origin else {
            derived.push(None);
            continue;
        };
        match cx.within(Scope::Event(system.base(index)), |cx| cx.number(condition)) {
            Ok((_, of)) => derived.push(Some(of)),
            Err(d) => {
                derived.push(None);
                wrong.push(d);
            }
        }
    }
    let mut found = Vec::new();
    for need in needs {
        if found.iter().any(|(n, _)| n == need) {
            continue;
        }
        match need_cell(need, &mut cx) {
            Ok(cell) => found.push((need.clone(), cell)),
            Err(d) => wrong.push(d),
        }
    }
    let mut features = Vec::new();
    for spec in &system.features {
        match feature(&spec.name.value, &spec.expr, &mut cx) {
            Ok(feature) => features.push(feature),
            Err(d) => wrong.push(d),
        }
    }
    let mut condition = None;
    if let Some(e) = &system.decision.condition {
        match feature("decision", e, &mut cx) {
            Ok(f) if f.per == Per::Decision => condition = Some(f),
            Ok(_) => wrong
                .push(Diagnostic::new(e.span.clone(), "the condition of a decision cannot depend on the candidate")),
            Err(d) => wrong.push(d),
        }
    }
    (FeaturePlan { features, cells, needs: found, condition, derived }, wrong)
}

fn feature(name: &str, e: &Expr, cx: &mut Cx<'_>) -> Result<Feature, Diagnostic> {
    cx.cells.touched.clear();
    let node = cx.node(e)?;
    let value = match node.eval {
        Eval::Numbers(of) => Column::Numbers(of),
        Eval::Ids(of) if node.ty == crate::function::Ty::Category => Column::Words(of),
        _ => {
            return Err(call::wrong(
                &format!("feature {name}"),
                e.span.clone(),
                "a number or a category",
                node.ty.name(),
            )
            .help("compare it or count it: cosine, dot, overlap, similar, missing"));
        }
    };
    let mut spaces = std::mem::take(&mut cx.cells.touched);
    spaces.sort_unstable();
    spaces.dedup();
    Ok(Feature { name: name.to_string(), about: text_of(e), value, per: node.per, spaces, after: after(e, cx.system) })
}

/// One more than the last stage whose score an expression reads.
fn after(e: &Expr, system: &System) -> usize {
    let mut after = 0;
    e.walk(&mut |e| {
        if let Tree::Path(names) = &e.node
            && names[0].0 == "score"
            && names.len() == 2
        {
            let source = system.candidates.iter().any(|p| p.name.value == names[1].0);
            let stage = system.stages.iter().position(|p| p.name.value == names[1].0);
            after = after.max(if source { 0 } else { stage.map_or(0, |s| s + 1) });
        }
    });
    after
}

fn need_cell(need: &Need, cx: &mut Cx<'_>) -> Result<usize, Diagnostic> {
    let system = cx.system;
    let name = |actor: usize| system.actors[actor].name.value.clone();
    let path = |names: &[String]| {
        let span = system.decision.span.clone();
        Expr { node: Tree::Path(names.iter().map(|n| (n.clone(), span.clone())).collect()), span: span.clone() }
    };
    let (event, by, what) = match need {
        Need::History { event } => (*event, system.decision.user, What::List { keep: LIST_MAX }),
        Need::Counts { event, within_ms: None } => (*event, system.decision.item, What::Total),
        Need::Counts { event, within_ms: Some(within_ms) } => {
            (*event, system.decision.item, What::Window { within_ms: *within_ms })
        }
    };
    let event_name = system.events[event].name.value.clone();
    let call = Call {
        name: (event_name.clone(), system.decision.span.clone()),
        args: vec![path(std::slice::from_ref(&event_name))],
        condition: None,
        named: vec![("by".into(), system.decision.span.clone(), path(&[name(by)]))],
    };
    let of = crate::aggregate::read(&call, &call.args[0], cx)?;
    let item = path(&[event_name, name(system.decision.item)]);
    let value = if matches!(what, What::List { .. }) { Value::Ids(&item) } else { Value::Nothing };
    of.cell(what, value, cx)
}

/// What a row is read at.
#[derive(Clone, Copy)]
pub struct Moment<'a> {
    /// ms.
    pub now: i64,
    /// Who the decision is for; `MISSING` when unknown.
    pub user: u32,
    /// The candidates.
    pub items: &'a [u32],
    /// All actors.
    pub actors: &'a Actors,
    /// As of now.
    pub state: &'a State,
    /// [n, n_sources].
    pub source_scores: Option<&'a Matrix>,
    /// [n, n_sources].
    pub source_ranks: Option<&'a Matrix>,
    /// [n] for each stage that has scored.
    pub stage_scores: &'a [&'a [f32]],
    /// By `[learned]` index.
    pub user_vectors: &'a [&'a [f32]],
    /// By `[learned]` index.
    pub item_vectors: &'a [&'a Vectors],
}

/// What reading rows keeps between decisions to allocate nothing.
#[derive(Default)]
pub struct Reader {
    scratch: Scratch,
    keys: Vec<Vec<u32>>,
    once: Vec<u32>,
    column: Vec<f32>,
    words: Vec<u32>,
}

impl FeaturePlan {
    /// The answer to a need as of the state.
    pub fn answer<'a>(&self, need: &Need, user: u32, state: &'a State) -> Answer<'a> {
        let cell = self.needs.iter().find(|(n, _)| n == need).map(|(_, c)| *c).expect("every need was planned for");
        match need {
            Need::History { .. } => Answer::History(state.list(cell, user)),
            Need::Counts { .. } => Answer::Counts(state.sums(cell)),
        }
    }

    /// Fills `out` with a row for each item and a column for each of `which` features.
    pub fn rows(&self, which: &[usize], moment: &Moment<'_>, reader: &mut Reader, out: &mut Matrix) {
        let n = moment.items.len();
        out.n_columns = which.len();
        out.reset(n);
        if n == 0 || which.is_empty() {
            return;
        }
        let features = || which.iter().map(|f| &self.features[*f]);
        let Reader { scratch, keys, once, column, words } = reader;
        self.read_keys(features(), moment, scratch, keys, once);
        let slots = [Slot::One(moment.user), Slot::Many(moment.items)];
        let key_slots: Vec<Slot<'_>> = self.key_slots(keys, once);
        let at = at(moment, &slots, &key_slots, scratch);
        column.resize(n, f32::NAN);
        words.resize(n, MISSING);
        let width = out.n_columns;
        for (c, feature) in features().enumerate() {
            let at = if feature.per == Per::Decision { At { n: 1, ..at } } else { at };
            match &feature.value {
                Column::Numbers(of) => of.numbers(&at, &mut column[..at.n]),
                Column::Words(of) => {
                    of.ids(&at, &mut words[..at.n]);
                    let code = |id: u32| if id == MISSING { f32::NAN } else { id as f32 };
                    column.iter_mut().zip(&words[..at.n]).for_each(|(o, id)| *o = code(*id));
                }
            }
            if feature.per == Per::Decision {
                let value = column[0];
                out.values[c..].iter_mut().step_by(width).for_each(|o| *o = value);
            } else {
                out.values[c..].iter_mut().step_by(width).zip(column.iter()).for_each(|(o, v)| *o = *v);
            }
        }
    }

    /// The rows of an event's declared base at which the event, declared or derived, happened; in order.
    pub fn occurrences(&self, event: usize, base: usize, actors: &Actors, events: &Events) -> Vec<u32> {
        let columns = &events.kinds[base];
        let n = columns.known.len();
        let Some(condition) = &self.derived[event] else { return (0..n as u32).collect() };
        let scratch = Scratch::default();
        let mut out = Vec::new();
        for start in (0..n).step_by(STRETCH_MAX) {
            let end = n.min(start + STRETCH_MAX);
            let slots: Vec<Slot<'_>> = columns.actors.iter().map(|ids| Slot::Many(&ids[start..end])).collect();
            let at = at_events(columns, start..end, &slots, actors, &scratch);
            scratch.numbers(end - start, |holds| {
                condition.numbers(&at, holds);
                let rows = holds.iter().enumerate().filter(|(_, v)| **v != 0.0 && !v.is_nan());
                out.extend(rows.map(|(i, _)| (start + i) as u32));
            });
        }
        out
    }

    /// Whether a decision for `user` fulfils `[decision] where`; true when there is none.
    pub fn counts(&self, moment: &Moment<'_>, reader: &mut Reader) -> bool {
        let Some(Feature { value: Column::Numbers(of), .. }) = &self.condition else { return true };
        let Reader { scratch, keys, once, .. } = reader;
        self.read_keys(self.condition.iter(), moment, scratch, keys, once);
        let slots = [Slot::One(moment.user), Slot::One(MISSING)];
        let key_slots = self.key_slots(keys, once);
        let value = crate::operators::once(of.as_ref(), &at(moment, &slots, &key_slots, scratch));
        value != 0.0 && !value.is_nan()
    }

    fn key_slots<'k>(&self, keys: &'k [Vec<u32>], once: &[u32]) -> Vec<Slot<'k>> {
        let slot = |(i, s): (usize, &crate::state::SpaceSpec)| match s.per {
            Per::Decision => Slot::One(once[i]),
            Per::Candidate => Slot::Many(&keys[i]),
        };
        self.cells.spaces.iter().enumerate().map(slot).collect()
    }

    /// The keys of every space that the features read.
    fn read_keys<'f>(
        &self,
        features: impl Iterator<Item = &'f Feature>,
        moment: &Moment<'_>,
        scratch: &Scratch,
        keys: &mut Vec<Vec<u32>>,
        once: &mut Vec<u32>,
    ) {
        keys.resize_with(self.cells.spaces.len(), Vec::new);
        once.clear();
        once.resize(self.cells.spaces.len(), MISSING);
        let mut wanted = vec![false; self.cells.spaces.len()];
        features.for_each(|f| f.spaces.iter().for_each(|s| wanted[*s] = true));
        let slots = [Slot::One(moment.user), Slot::Many(moment.items)];
        for (i, space) in self.cells.spaces.iter().enumerate().filter(|(i, _)| wanted[*i]) {
            let n = if space.per == Per::Decision { 1 } else { moment.items.len() };
            let at = At { n, ..at(moment, &slots, &[], scratch) };
            let out = &mut keys[i];
            out.resize(n, MISSING);
            space.parts[0].ids(&at, out);
            if let Some(second) = space.parts.get(1) {
                scratch.ids(n, |b| {
                    second.ids(&at, b);
                    out.iter_mut().zip(b).for_each(|(a, b)| *a = moment.state.pair(i, *a, *b));
                });
            }
            if space.per == Per::Decision {
                once[i] = out[0];
            }
        }
    }
}

fn at<'a>(moment: &Moment<'a>, slots: &'a [Slot<'a>], keys: &'a [Slot<'a>], scratch: &'a Scratch) -> At<'a> {
    At {
        n: moment.items.len(),
        now: moment.now,
        actors: moment.actors,
        slots,
        event: None,
        event_start: 0,
        state: Some(moment.state),
        keys,
        source_scores: moment.source_scores,
        source_ranks: moment.source_ranks,
        stage_scores: moment.stage_scores,
        user_vectors: moment.user_vectors,
        item_vectors: moment.item_vectors,
        scratch,
    }
}
