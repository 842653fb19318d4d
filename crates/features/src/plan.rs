//! The plan of features: every expression of a system checked, every cell they need, and the reading of rows.

use crate::aggregate::text_of;
use crate::call;
use crate::eval::{At, Came, Ids, Numbers, Scratch, Slot, TextOf};
use crate::function::{Eval, Function, Per};
use crate::names::{Cx, Scope};
use crate::state::{
    Cells, Filter, Find, LIST_MAX, Met, STRETCH_MAX, State, Value, What, at_events, is_set, is_true, keys_of, passes,
};
use tamis_spec::MISSING;
use tamis_spec::actors::Actors;
use tamis_spec::decision::{Answer, Need};
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::encode::Encode;
use tamis_spec::events::{EventRows, Events};
use tamis_spec::expr::{Call, Expr, Node as Tree, parse};
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
    /// `[decision] eligible`.
    pub eligible: Option<Feature>,
    /// By event: which events a derived one is.
    pub derived: Vec<Option<Filter>>,
    /// The texts of a decision that needs ask for.
    pub texts: Vec<(Need, Box<dyn TextOf>)>,
    /// Of the label: its grades' outcomes, then those against.
    pub outcomes: Vec<Outcome>,
}

/// What follows a decision, ready to be looked for among past events.
pub struct Outcome {
    /// The event, declared or derived.
    pub event: usize,
    condition: Option<Box<dyn Numbers>>,
    amount: Option<Box<dyn Numbers>>,
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
        let Origin::Derived { condition, first, .. } = &event.origin else {
            derived.push(None);
            continue;
        };
        match cx.within(Scope::Event(system.base(index)), |cx| cx.number(condition)) {
            Ok((_, of)) => {
                let (about, first) = (String::new(), first.clone());
                derived.push(Some(Filter { about, own: Some(of), first, and: None }));
            }
            Err(d) => {
                derived.push(None);
                wrong.push(d);
            }
        }
    }
    let (found, texts) = answered(needs, &mut cx, &mut wrong);
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
            Ok(f) if f.per == Per::Decision || system.decision.lists.is_none() => condition = Some(f),
            Ok(_) => {
                wrong.push(Diagnostic::new(e.span.clone(), "the condition of a list cannot depend on the candidate"))
            }
            Err(d) => wrong.push(d),
        }
    }
    let mut eligible = None;
    if let Some(e) = &system.decision.eligible {
        match feature("eligible", e, &mut cx) {
            Ok(f) if f.after == 0 => eligible = Some(f),
            Ok(_) => wrong.push(Diagnostic::new(e.span.clone(), "an item is eligible before any stage has scored it")),
            Err(d) => wrong.push(d),
        }
    }
    let (mut outcomes, label) = (Vec::new(), &system.label);
    for spec in label.grades.iter().map(|g| &g.outcome).chain(label.against.iter().map(|(_, o)| o)) {
        let mut read = |e: &Option<Expr>| {
            let of = e.as_ref().map(|e| cx.within(Scope::Event(spec.event), |cx| cx.number(e)).map(|(_, of)| of));
            of.transpose().unwrap_or_else(|d| {
                wrong.push(d);
                None
            })
        };
        let (condition, amount) = (read(&spec.condition), read(&spec.amount));
        outcomes.push(Outcome { event: spec.event, condition, amount });
    }
    (FeaturePlan { features, cells, needs: found, condition, eligible, derived, texts, outcomes }, wrong)
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

/// Needs that cells answer, and those that texts of the decision do.
type Answered = (Vec<(Need, usize)>, Vec<(Need, Box<dyn TextOf>)>);

/// What answers each need, each once.
fn answered(needs: &[Need], cx: &mut Cx<'_>, wrong: &mut Vec<Diagnostic>) -> Answered {
    let (mut found, mut texts): Answered = (Vec::new(), Vec::new());
    for need in needs {
        if found.iter().any(|(n, _)| n == need) || texts.iter().any(|(n, _)| n == need) {
            continue;
        }
        let read = match need {
            Need::Text { of, at } => text_need(of, *at, cx).map(|text| texts.push((need.clone(), text))),
            _ => need_cell(need, cx).map(|cell| found.push((need.clone(), cell))),
        };
        wrong.extend(read.err());
    }
    (found, texts)
}

/// A text that is the same for all candidates.
fn text_need(of: &str, at: usize, cx: &mut Cx<'_>) -> Result<Box<dyn TextOf>, Diagnostic> {
    let e = parse(of, at)?;
    let node = cx.quoted(&e)?;
    match node.eval {
        Eval::Texts(text) if node.per == Per::Decision => Ok(text),
        Eval::Texts(_) => Err(Diagnostic::new(e.span, "what is asked with cannot depend on the candidate")),
        _ => Err(Diagnostic::new(e.span, format!("a text is asked with, found {}", node.ty.name()))),
    }
}

fn need_cell(need: &Need, cx: &mut Cx<'_>) -> Result<usize, Diagnostic> {
    let system = cx.system;
    let path = |names: &[String]| {
        let span = system.decision.span.clone();
        Expr { node: Tree::Path(names.iter().map(|n| (n.clone(), span.clone())).collect()), span: span.clone() }
    };
    let (user, item) = (&system.decision.user_name, &system.decision.item_name);
    let (event, by, what) = match need {
        Need::History { event } => (*event, user, What::List { keep: LIST_MAX }),
        Need::Counts { event, within_ms: None } => (*event, item, What::Total),
        Need::Counts { event, within_ms: Some(within_ms) } => (*event, item, What::Window { within_ms: *within_ms }),
        Need::Fading { event, half_life_ms } => (*event, item, What::Decay { half_life_ms: *half_life_ms }),
        Need::Moments { event, first: true } => (*event, item, What::FirstTime),
        Need::Moments { event, first: false } => (*event, item, What::LastTime),
        Need::Text { .. } => unreachable!("a text is read of the decision and kept in no cell"),
    };
    let event_name = system.events[event].name.value.clone();
    let call = Call {
        name: (event_name.clone(), system.decision.span.clone()),
        args: vec![path(std::slice::from_ref(&event_name))],
        condition: None,
        named: vec![("by".into(), system.decision.span.clone(), path(std::slice::from_ref(by)))],
    };
    let of = crate::aggregate::read(&call, &call.args[0], cx)?;
    let role = system.item_role(event).map_or(item, |role| &system.roles(event)[role].role.value);
    let item = path(&[event_name, role.clone()]);
    let value = if matches!(what, What::List { .. }) { Value::Ids(&item) } else { Value::Nothing };
    let cell = of.cell(what, value, cx)?;
    cx.cells.specs[cell].in_columns = true;
    Ok(cell)
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
    /// What makes vectors of texts, by `[learned]` index.
    pub encoders: &'a [Option<&'a dyn Encode>],
    /// Places in the list that was shown, from 1, ascending by item: while a model learns from it. Empty when a list is made.
    pub positions: &'a [(u32, f32)],
    /// What was asked: rows of the decision's own event, and which of them.
    pub request: Option<(&'a EventRows, usize)>,
    /// What came with the candidates; their rows are among those of the request.
    pub came: Came<'a>,
}

/// What reading rows keeps between decisions to allocate nothing.
#[derive(Default)]
pub struct Reader {
    scratch: Scratch,
    keys: Keys,
    column: Vec<f32>,
    words: Vec<u32>,
}

/// The keys of every space that was read, of each row or of all.
#[derive(Default)]
struct Keys {
    /// Whether a space is read.
    wanted: Vec<bool>,
    keys: Vec<Vec<u32>>,
    ends: Vec<Vec<u32>>,
}

/// Rows of so few candidates have their cells asked for ahead.
const PREFETCHED_ROWS_MAX: usize = 4;

impl FeaturePlan {
    /// The texts that needs ask for, in the order of [`Self::texts`].
    pub fn read_texts(&self, moment: &Moment<'_>, reader: &Reader, out: &mut Vec<String>) {
        out.resize_with(self.texts.len(), String::new);
        let slots = [Slot::One(moment.user), Slot::Many(&[])];
        let at = At { n: 1, ..at(moment, &slots, &[], &reader.scratch) };
        for ((_, of), out) in self.texts.iter().zip(out) {
            out.clear();
            out.push_str(of.text(&at, 0));
        }
    }

    /// The answer to a need as of the state; texts are answered by [`Self::read_texts`].
    pub fn answer<'a>(&self, need: &Need, user: u32, state: &'a State) -> Answer<'a> {
        let cell = self.needs.iter().find(|(n, _)| n == need).map(|(_, c)| *c).expect("every need was planned for");
        match need {
            Need::History { .. } => Answer::History(state.list(cell, user)),
            Need::Counts { .. } => Answer::Counts(state.sums(cell)),
            Need::Moments { .. } => Answer::Moments(state.times(cell)),
            Need::Text { .. } => unreachable!("texts are no cells"),
            Need::Fading { half_life_ms, .. } => {
                Answer::Fading { sums: state.fading(cell), half_life_ms: *half_life_ms }
            }
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
        let Reader { scratch, keys, column, words } = reader;
        self.read_keys(features(), moment, scratch, keys);
        let slots = [Slot::One(moment.user), Slot::Many(moment.items)];
        if n <= PREFETCHED_ROWS_MAX {
            self.prefetch(moment.state, keys);
        }
        let (key_slots, ends) = self.key_slots(keys);
        let at = At { ends: &ends, ..at(moment, &slots, &key_slots, scratch) };
        column.resize(n, f32::NAN);
        words.resize(n, MISSING);
        let width = out.n_columns;
        let once = At { n: 1, ..at };
        for (c, feature) in features().enumerate() {
            let at = if feature.per == Per::Decision { &once } else { &at };
            match &feature.value {
                Column::Numbers(of) => of.numbers(at, &mut column[..at.n]),
                Column::Words(of) => {
                    of.ids(at, &mut words[..at.n]);
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

    /// Asks for what the cells hold for these keys, all at once: the processor waits for memory once and not for every key anew. Of
    /// many candidates it does so by itself.
    fn prefetch(&self, state: &State, keys: &Keys) {
        for (space, keys) in keys.keys.iter().enumerate() {
            keys.iter().for_each(|key| state.prefetch(space, *key));
        }
    }

    /// The rows of an event's declared base at which the event, declared or derived, happened; in order.
    pub fn occurrences(&self, event: usize, base: usize, actors: &Actors, events: &Events) -> Vec<u32> {
        let columns = &events.kinds[base];
        let n = columns.known.len() as u32;
        let Some(filter) = &self.derived[event] else { return (0..n).collect() };
        let mut met = Met::default();
        let holds = over_events(columns, actors, |at, out| passes(filter, at, &mut met, out));
        (0..n).filter(|row| is_true(holds[*row as usize])).collect()
    }

    /// The rows of the base of an outcome's event at which it happened, in order, and how much: 1 where nothing is summed.
    pub fn happened(&self, outcome: usize, base: usize, actors: &Actors, events: &Events) -> Vec<(u32, f32)> {
        let Outcome { event, condition, amount } = &self.outcomes[outcome];
        let columns = &events.kinds[base];
        let column = |of: &Option<Box<dyn Numbers>>| {
            of.as_ref().map(|of| over_events(columns, actors, |at, out| of.numbers(at, out)))
        };
        let (holds, amounts) = (column(condition), column(amount));
        let rows = self.occurrences(*event, base, actors, events).into_iter();
        let rows = rows.filter(|row| holds.as_ref().is_none_or(|h| is_true(h[*row as usize])));
        let rows = rows.map(|row| (row, amounts.as_ref().map_or(1.0, |a| a[row as usize])));
        rows.filter(|(_, amount)| !amount.is_nan()).collect()
    }

    /// Whether a decision fulfils `[decision] where`; true when there is none, and when it asks for an item and none is given.
    pub fn counts(&self, moment: &Moment<'_>, reader: &mut Reader) -> bool {
        let Some(Feature { value: Column::Numbers(of), per, .. }) = &self.condition else { return true };
        if *per == Per::Candidate && moment.items.is_empty() {
            return true;
        }
        let Reader { scratch, keys, .. } = reader;
        self.read_keys(self.condition.iter(), moment, scratch, keys);
        let slots = [Slot::One(moment.user), Slot::Many(moment.items)];
        let (key_slots, ends) = self.key_slots(keys);
        let at = At { ends: &ends, ..at(moment, &slots, &key_slots, scratch) };
        is_true(crate::operators::once(of.as_ref(), &at))
    }

    /// Whether each of the moment's items may be proposed; all when nothing is said.
    pub fn eligible(&self, moment: &Moment<'_>, reader: &mut Reader, out: &mut Vec<bool>) {
        out.clear();
        out.resize(moment.items.len(), true);
        let Some(Feature { value: Column::Numbers(of), per, .. }) = &self.eligible else { return };
        let Reader { scratch, keys, column, .. } = reader;
        self.read_keys(self.eligible.iter(), moment, scratch, keys);
        let slots = [Slot::One(moment.user), Slot::Many(moment.items)];
        let (key_slots, ends) = self.key_slots(keys);
        let n = if *per == Per::Decision { 1 } else { moment.items.len() };
        let at = At { n, ends: &ends, ..at(moment, &slots, &key_slots, scratch) };
        column.resize(n, f32::NAN);
        of.numbers(&at, &mut column[..n]);
        out.iter_mut().enumerate().for_each(|(i, o)| *o = is_true(column[i.min(n - 1)]));
    }

    /// The keys of every space, and where those of a row end.
    fn key_slots<'k>(&self, keys: &'k Keys) -> (Vec<Slot<'k>>, Vec<&'k [u32]>) {
        let slot = |(i, s): (usize, &crate::state::SpaceSpec)| match s.per {
            Per::Decision if !is_set(&s.parts) => Slot::One(keys.keys[i].first().copied().unwrap_or(MISSING)),
            _ => Slot::Many(&keys.keys[i]),
        };
        let slots = self.cells.spaces.iter().enumerate().map(slot).collect();
        (slots, keys.ends.iter().map(Vec::as_slice).collect())
    }

    /// The keys of every space that the features read.
    fn read_keys<'f>(
        &self,
        features: impl Iterator<Item = &'f Feature>,
        moment: &Moment<'_>,
        scratch: &Scratch,
        to: &mut Keys,
    ) {
        to.keys.resize_with(self.cells.spaces.len(), Vec::new);
        to.ends.resize_with(self.cells.spaces.len(), Vec::new);
        to.wanted.clear();
        to.wanted.resize(self.cells.spaces.len(), false);
        features.for_each(|f| f.spaces.iter().for_each(|s| to.wanted[*s] = true));
        let slots = [Slot::One(moment.user), Slot::Many(moment.items)];
        for (i, space) in self.cells.spaces.iter().enumerate() {
            if !to.wanted[i] {
                to.keys[i].clear();
                continue;
            }
            let n = if space.per == Per::Decision { 1 } else { moment.items.len() };
            let at = At { n, ..at(moment, &slots, &[], scratch) };
            keys_of(&space.parts, &at, &mut Find(&moment.state.spaces[i]), &mut to.keys[i], &mut to.ends[i]);
        }
    }
}

fn at<'a>(moment: &Moment<'a>, slots: &'a [Slot<'a>], keys: &'a [Slot<'a>], scratch: &'a Scratch) -> At<'a> {
    At {
        n: moment.items.len(),
        now: moment.now,
        actors: moment.actors,
        slots,
        event: moment.request.map(|(rows, _)| rows),
        event_start: moment.request.map_or(0, |(_, row)| row),
        known: &[],
        state: Some(moment.state),
        keys,
        ends: &[],
        source_scores: moment.source_scores,
        source_ranks: moment.source_ranks,
        stage_scores: moment.stage_scores,
        user_vectors: moment.user_vectors,
        item_vectors: moment.item_vectors,
        encoders: moment.encoders,
        positions: moment.positions,
        came: moment.came,
        scratch,
    }
}

/// A column over all events of one kind.
fn over_events(columns: &EventRows, actors: &Actors, mut of: impl FnMut(&At<'_>, &mut [f32])) -> Vec<f32> {
    let mut out = vec![0.0; columns.known.len()];
    let scratch = Scratch::default();
    for (i, out) in out.chunks_mut(STRETCH_MAX).enumerate() {
        let rows = i * STRETCH_MAX..i * STRETCH_MAX + out.len();
        let slots: Vec<Slot<'_>> = columns.actors.iter().map(|ids| Slot::Many(&ids[rows.clone()])).collect();
        of(&at_events(columns, rows, &slots, actors, &scratch), out);
    }
    out
}
