//! What the aggregates share: which event, of whom, since when; and the cells that answer it.

use crate::call;
use crate::eval::{At, Ids, Numbers, Slot};
use crate::function::{Eval, Node, Per, Ty};
use crate::names::{Cx, Scope};
use crate::state::{CellSpec, Filter, KeyPart, LATEST_MAX, Value, What, is_set};
use tamis_spec::MISSING;
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::expr::{Call, Expr, Node as Tree};
use tamis_spec::system::System;

/// The named arguments that every aggregate takes.
pub const BY: &str = "by";
/// What the key of `by` is in the event, where that is not the same.
pub const AS: &str = "as";
/// The `by` of all events together.
pub const ALL: &str = "all";

/// An aggregate's event, condition and key, before it is said what is kept of them.
pub struct Aggregate<'c> {
    /// The event, declared or derived.
    pub event: usize,
    /// `where`.
    pub condition: Option<&'c Expr>,
    /// The key space of `by`.
    pub space: usize,
    /// Where the event says the key: an index into what is read of it.
    pub key: usize,
    /// As the plan prints it: `liked`, with its condition.
    pub events: String,
    /// As the plan prints it: `by movie`.
    pub by: String,
}

/// Reads event, `where` and `by` of a call whose first argument is `about_event`; `by` is no set.
pub fn read<'c>(call: &'c Call, about_event: &'c Expr, cx: &mut Cx<'_>) -> Result<Aggregate<'c>, Diagnostic> {
    let of = read_pooled(call, about_event, cx)?;
    if is_set(&cx.cells.spaces[of.space].parts) {
        let span = call::named(call, BY).map_or(call.name.1.clone(), |e| e.span.clone());
        return Err(Diagnostic::new(
            span,
            format!("`{}` takes actors and categories behind `by`, found tags", call.name.0),
        )
        .help("count, rate, sum, mean, seen and trend take tags: the events of all their words together"));
    }
    Ok(of)
}

/// The same where `by` may have tags: the events of all their words count together.
pub fn read_pooled<'c>(call: &'c Call, about_event: &'c Expr, cx: &mut Cx<'_>) -> Result<Aggregate<'c>, Diagnostic> {
    if cx.scope != Scope::Decision {
        return Err(Diagnostic::new(call.name.1.clone(), "an aggregate cannot stand inside another")
            .help("name fields of the event"));
    }
    let event = event_of(cx.system, about_event)?;
    if let Some(condition) = &call.condition {
        check_condition(condition, event, cx)?;
    }
    let by = call::named(call, BY).ok_or_else(|| {
        Diagnostic::new(call.name.1.clone(), format!("`{}` does not say whose events it reads", call.name.0))
            .help(format!("add for example by = {}", cx.system.actors[cx.system.decision.user].name.value))
    })?;
    let (space, key) = cx.space(by, call::named(call, AS), event)?;
    let name = &cx.system.events[event].name.value;
    let condition = call.condition.as_ref().map(|c| format!(" where {}", text_of(c))).unwrap_or_default();
    let role = call::named(call, AS).map(|e| format!(" as {}", text_of(e))).unwrap_or_default();
    let (events, by) = (format!("{name}{condition}"), format!("by {}{role}", text_of(by)));
    Ok(Aggregate { event, condition: call.condition.as_deref(), space, key, events, by })
}

fn check_condition(condition: &Expr, event: usize, cx: &mut Cx<'_>) -> Result<(), Diagnostic> {
    cx.within(Scope::Event(event), |cx| cx.number(condition)).map(|_| ())
}

/// The key of a cell that keeps all events together.
pub const EVERYTHING: u32 = 0;

impl<'c> Aggregate<'c> {
    /// The same events, whoever they are of: under the one key [`EVERYTHING`].
    pub fn of_all(&self, cx: &mut Cx<'_>) -> Aggregate<'c> {
        let (space, key) = cx.everything(self.event);
        let (events, by) = (self.events.clone(), format!("by {ALL}"));
        Aggregate { event: self.event, condition: self.condition, space, key, events, by }
    }

    /// The cell that keeps `what` of these events; the same for equal questions.
    pub fn cell(&self, what: What, value: Value<'_>, cx: &mut Cx<'_>) -> Result<usize, Diagnostic> {
        let about = format!("{} of {} {}{}", what.name(), self.events, self.by, value.about());
        if let Some(known) = cx.cells.specs.iter().position(|c| c.about == about) {
            return Ok(known);
        }
        let base = cx.system.base(self.event);
        let filter = cx.filter(self.event, self.condition)?;
        let from = match value {
            Value::Edge(from, _) => cx.value(self.event, Value::Ids(from))?,
            _ => None,
        };
        let value = cx.value(self.event, value)?;
        let (space, key) = (self.space, self.key);
        let in_columns = false;
        Ok(cx.cells.push(CellSpec { about, event: base, space, what, filter, key, value, from, in_columns }))
    }

    /// A node of numbers that reads a cell by its key.
    pub fn node<R: Fn(&crate::state::State, usize, u32, i64) -> f32 + Send + Sync + 'static>(
        &self,
        cell: usize,
        cx: &Cx<'_>,
        read: R,
    ) -> Node {
        self.pooled(cell, cx, move |state, cell, keys, now| read(state, cell, keys[0], now))
    }

    /// A node of numbers that reads a cell by all keys of a row.
    pub fn pooled<R: Fn(&crate::state::State, usize, &[u32], i64) -> f32 + Send + Sync + 'static>(
        &self,
        cell: usize,
        cx: &Cx<'_>,
        read: R,
    ) -> Node {
        Node::number(cx.cells.spaces[self.space].per, ByKey { cell, space: self.space, read })
    }
}

/// The one key of everything.
fn everything() -> KeyPart {
    KeyPart::One(Box::new(Everything))
}

struct Everything;
impl Ids for Everything {
    fn ids(&self, _: &At<'_>, out: &mut [u32]) {
        out.fill(EVERYTHING);
    }
    fn ready<'a>(&self, _: &At<'a>) -> Option<Slot<'a>> {
        Some(Slot::One(EVERYTHING))
    }
}

/// Reads a cell at the keys of every row.
struct ByKey<R> {
    cell: usize,
    space: usize,
    /// (state, cell, keys, now) to a number; keys may be some that were never met.
    read: R,
}

impl<R: Fn(&crate::state::State, usize, &[u32], i64) -> f32 + Send + Sync> Numbers for ByKey<R> {
    fn numbers(&self, at: &At<'_>, out: &mut [f32]) {
        let Some(state) = at.state else {
            out.fill(f32::NAN);
            return;
        };
        let value = |keys: &[u32]| (self.read)(state, self.cell, keys, at.now);
        match at.keys[self.space] {
            Slot::One(key) => out.fill(value(&[key])),
            Slot::Many(keys) if at.ends[self.space].is_empty() => {
                out.iter_mut().zip(keys).for_each(|(o, key)| *o = value(std::slice::from_ref(key)));
            }
            Slot::Many(keys) => {
                let mut start = 0;
                for (o, end) in out.iter_mut().zip(at.ends[self.space]) {
                    *o = value(&keys[start..*end as usize]);
                    start = *end as usize;
                }
                // A set of the decision has one row for all candidates.
                if let (&[_], [first, rest @ ..]) = (&at.ends[self.space], out) {
                    rest.fill(*first);
                }
            }
        }
    }
}

/// The event that an expression is about: its paths begin with the name of exactly one.
pub fn event_of(system: &System, e: &Expr) -> Result<usize, Diagnostic> {
    let mut found: Vec<(usize, tamis_spec::diagnostic::Span)> = Vec::new();
    let mut first_path = None;
    e.walk(&mut |e| {
        if let Tree::Path(names) = &e.node {
            first_path.get_or_insert(names[0].clone());
            if let Some(event) = system.event(&names[0].0) {
                found.push((event, names[0].1.clone()));
            }
        }
    });
    let known = system.events.iter().map(|e| e.name.value.as_str());
    match (found.first(), first_path) {
        (Some((event, _)), _) => match found.iter().find(|(e, _)| e != event) {
            None => Ok(*event),
            Some((_, span)) => Err(Diagnostic::new(span.clone(), "an aggregate reads one event, this is a second one")),
        },
        (None, Some((name, span))) => Err(Diagnostic::unknown(span, "event", &name, known)),
        (None, None) => Err(Diagnostic::new(e.span.clone(), "expected an event or something of an event")),
    }
}

/// An expression written out in one way: equal text, equal meaning.
pub fn text_of(e: &Expr) -> String {
    let list = |of: &[Expr]| of.iter().map(text_of).collect::<Vec<_>>().join(", ");
    match &e.node {
        Tree::Number(n) => n.to_string(),
        Tree::Duration(ms) => tamis_spec::time::format_duration(*ms),
        Tree::Text(t) => format!("{t:?}"),
        Tree::Bool(b) => b.to_string(),
        Tree::Path(names) => names.iter().map(|n| n.0.as_str()).collect::<Vec<_>>().join("."),
        Tree::Tuple(parts) => format!("({})", list(parts)),
        Tree::Call(call) => {
            let mut parts: Vec<String> = call.args.iter().map(text_of).collect();
            if let (Some(c), Some(first)) = (&call.condition, parts.first_mut()) {
                first.push_str(&format!(" where {}", text_of(c)));
            }
            parts.extend(call.named.iter().map(|(n, _, e)| format!("{n} = {}", text_of(e))));
            format!("{}({})", call.name.0, parts.join(", "))
        }
        Tree::Unary(tamis_spec::expr::Unary::Minus, a) => format!("-{}", text_of(a)),
        Tree::Unary(tamis_spec::expr::Unary::Not, a) => format!("not {}", text_of(a)),
        Tree::Binary(op, a, b) => format!("({} {} {})", text_of(a), op.sign(), text_of(b)),
        Tree::If(c, a, b) => format!("(if {} then {} else {})", text_of(c), text_of(a), text_of(b)),
    }
}

/// Which way numbers of a cell are kept, from `within` and `half_life`.
pub fn window(call: &Call) -> Result<What, Diagnostic> {
    match (call::duration_ms(call, "within")?, call::duration_ms(call, "half_life")?) {
        (None, None) => Ok(What::Total),
        (Some(within_ms), None) => Ok(What::Window { within_ms }),
        (None, Some(half_life_ms)) => Ok(What::Decay { half_life_ms }),
        (Some(_), Some(_)) => {
            let span = call::named(call, "half_life").map_or(call.name.1.clone(), |e| e.span.clone());
            Err(Diagnostic::new(span, "`within` and `half_life` exclude each other").help("keep one of them"))
        }
    }
}

/// The smallest or largest number over events, over all of them, within a span, or over the latest.
pub fn extreme(call: &Call, largest: bool, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
    call::shape(call, 1, &["by", "within", "last"], true)?;
    let of = read(call, &call.args[0], cx)?;
    let (within_ms, last) = (call::duration_ms(call, "within")?, call::count(call, "last", 1, LATEST_MAX)?);
    match (within_ms, last) {
        (Some(_), Some(_)) => {
            let span = call::named(call, "last").map_or(call.name.1.clone(), |e| e.span.clone());
            Err(Diagnostic::new(span, "`within` and `last` exclude each other").help("keep one of them"))
        }
        (_, Some(n)) => {
            let cell = of.cell(What::Latest { n }, Value::Number(&call.args[0]), cx)?;
            let better = if largest { f32::max } else { f32::min };
            Ok(of.node(cell, cx, move |state, cell, key, _| {
                let (older, newer) = state.latest_values(cell, key);
                older.iter().chain(newer).copied().reduce(better).unwrap_or(f32::NAN)
            }))
        }
        (_, None) => {
            let cell = of.cell(What::Extreme { largest, within_ms }, Value::Number(&call.args[0]), cx)?;
            Ok(of.node(cell, cx, |state, cell, key, now| state.extreme(cell, key, now)))
        }
    }
}

/// Sums as a function of (state, cell, keys, now), for the three ways of keeping them.
pub fn sum_reader() -> impl Fn(&crate::state::State, usize, &[u32], i64) -> f32 + Send + Sync + Copy + 'static {
    |state, cell, keys, now| state.sum_of(cell, keys, now) as f32
}

/// What a part of a key is read from.
fn key_part(node: Node, e: &Expr) -> Result<KeyPart, Diagnostic> {
    match node.eval {
        Eval::Ids(ids) => Ok(KeyPart::One(ids)),
        Eval::Sets(sets) => Ok(KeyPart::Set(sets)),
        _ => {
            let message = format!("`by` takes actors, categories and tags, found {}", node.ty.name());
            Err(Diagnostic::new(e.span.clone(), message))
        }
    }
}

/// The one or two parts of a key.
fn parts_of<'e>(e: &'e Expr, name: &str) -> Result<Vec<&'e Expr>, Diagnostic> {
    let parts: Vec<&Expr> = match &e.node {
        Tree::Tuple(parts) => parts.iter().collect(),
        _ => vec![e],
    };
    match parts.len() {
        1 | 2 => Ok(parts),
        n => Err(Diagnostic::new(e.span.clone(), format!("`{name}` takes one or two keys, found {n}"))),
    }
}

/// The path to an actor or category in the scope of an event.
pub fn ids_of(e: &Expr, event: usize, cx: &mut Cx<'_>) -> Result<(Ty, Box<dyn Ids>), Diagnostic> {
    let node = cx.within(Scope::Event(event), |cx| cx.node(e))?;
    match node.eval {
        Eval::Ids(ids) => Ok((node.ty, ids)),
        _ => Err(Diagnostic::new(e.span.clone(), format!("expected an actor or a category, found {}", node.ty.name()))),
    }
}

impl Cx<'_> {
    /// The key space of a `by`, and where events of this kind say its keys.
    fn space(&mut self, by: &Expr, role: Option<&Expr>, event: usize) -> Result<(usize, usize), Diagnostic> {
        if matches!(&by.node, Tree::Path(names) if names.len() == 1 && names[0].0 == ALL) {
            return Ok(self.everything(event));
        }
        let parts = parts_of(by, BY)?;
        let mut here = Vec::new();
        let mut per = Per::Decision;
        let mut tys = Vec::new();
        for part in &parts {
            let node = self.node(part)?;
            per = per.max(node.per);
            tys.push(node.ty);
            here.push(key_part(node, part)?);
        }
        if here.iter().filter(|p| matches!(p, KeyPart::Set(_))).count() > 1 {
            return Err(Diagnostic::new(by.span.clone(), "only one part of a key can be tags"));
        }
        let roles = match role {
            Some(role) => parts_of(role, AS)?.into_iter().cloned().collect(),
            None => parts.iter().map(|part| self.in_event(part, event)).collect::<Vec<_>>(),
        };
        if roles.len() != parts.len() {
            let span = role.map_or(by.span.clone(), |r| r.span.clone());
            return Err(Diagnostic::new(span, format!("`as` names {}, `by` {}", roles.len(), parts.len())));
        }
        let mut there = Vec::new();
        for (part, ty) in roles.iter().zip(&tys) {
            let found = self.within(Scope::Event(event), |cx| cx.node(part));
            let found = found.and_then(|node| Ok((node.ty, key_part(node, part)?)));
            let (found, part_of) = found.map_err(|mut d| {
                d.help = format!(
                    "`by` must mean the same in the decision and in the event `{}`, or `as` say what it is there; {}",
                    self.system.events[event].name.value, d.help
                );
                d
            })?;
            if found != *ty {
                return Err(Diagnostic::new(
                    part.span.clone(),
                    "in the event this is another kind of thing than in the decision",
                ));
            }
            there.push(part_of);
        }
        let about: Vec<String> = roles.iter().map(text_of).collect();
        let space = self.cells.space(text_of(by), per, tys, here);
        let key = self.cells.key(self.system.base(event), space, about.join(", "), there);
        Ok((space, key))
    }

    /// A path of the decision as the event would write it: whom the decision is for and the item may play other roles there.
    fn in_event(&self, e: &Expr, event: usize) -> Expr {
        let mut e = e.clone();
        if let Tree::Path(names) = &mut e.node {
            let decision = &self.system.decision;
            let role = match names[0].0.as_str() {
                name if name == decision.user_name => self.system.user_role(event),
                name if name == decision.item_name => self.system.item_role(event),
                _ => None,
            };
            if let Some(role) = role {
                names[0].0.clone_from(&self.system.roles(event)[role].role.value);
            }
        }
        e
    }

    /// The space of the one key of all events, and where these say it.
    fn everything(&mut self, event: usize) -> (usize, usize) {
        let space = self.cells.space(ALL.into(), Per::Decision, vec![Ty::Category], vec![everything()]);
        (space, self.cells.key(self.system.base(event), space, ALL.into(), vec![everything()]))
    }

    /// The number of a filter over events: the derived event's condition and the `where`; none if every event counts.
    fn filter(&mut self, event: usize, condition: Option<&Expr>) -> Result<Option<usize>, Diagnostic> {
        let base = self.system.base(event);
        let (own, first) = match &self.system.events[event].origin {
            tamis_spec::system::Origin::Derived { condition, first, .. } => (Some(condition), first.clone()),
            _ => (None, Vec::new()),
        };
        if own.is_none() && condition.is_none() {
            return Ok(None);
        }
        let text = |e: Option<&Expr>| e.map(text_of).unwrap_or_default();
        let about = format!("{} first {first:?} and {}", text(own), text(condition));
        if let Some(known) = self.cells.events[base].filters.iter().position(|f| f.about == about) {
            return Ok(Some(known));
        }
        let own = own.map(|e| self.within(Scope::Event(base), |cx| cx.number(e))).transpose()?.map(|(_, of)| of);
        let and = condition.map(|e| self.within(Scope::Event(event), |cx| cx.number(e))).transpose()?.map(|(_, of)| of);
        self.cells.events[base].filters.push(Filter { about, own, first, and });
        Ok(Some(self.cells.events[base].filters.len() - 1))
    }

    /// The number of a value among what is read of these events.
    fn value(&mut self, event: usize, value: Value<'_>) -> Result<Option<usize>, Diagnostic> {
        let base = self.system.base(event);
        let scope = Scope::Event(event);
        let about = match value {
            // Equal texts, equal reads: an edge's end is an actor like others.
            Value::Edge(_, to) => Value::Ids(to).about(),
            value => value.about(),
        };
        Ok(match value {
            Value::Nothing => None,
            Value::Number(e) => {
                let of = self.within(scope, |cx| cx.number(e))?.1;
                Some(push(&mut self.cells.events[base].numbers, about, of))
            }
            Value::Ids(e) | Value::Edge(_, e) => {
                let of = ids_of(e, event, self)?.1;
                Some(push(&mut self.cells.events[base].ids, about, of))
            }
            Value::Set(e) => {
                let node = self.within(scope, |cx| cx.node(e))?;
                let of = match node.eval {
                    Eval::Sets(of) => of,
                    Eval::Ids(of) => Box::new(Single(of)),
                    _ => {
                        return Err(Diagnostic::new(
                            e.span.clone(),
                            format!("expected tags, a category or an actor, found {}", node.ty.name()),
                        ));
                    }
                };
                Some(push(&mut self.cells.events[base].sets, about, of))
            }
        })
    }
}

fn push<T>(to: &mut Vec<(String, T)>, about: String, of: T) -> usize {
    match to.iter().position(|(a, _)| *a == about) {
        Some(known) => known,
        None => {
            to.push((about, of));
            to.len() - 1
        }
    }
}

/// The set of one word.
struct Single(Box<dyn Ids>);
impl crate::eval::Sets for Single {
    fn set<'a>(&self, at: &At<'a>, row: usize, buffer: &'a mut crate::eval::SetBuffer) -> crate::eval::SetRef<'a> {
        let id = crate::eval::with_ids(self.0.as_ref(), at, |slot| slot.get(row));
        if id != MISSING {
            buffer.add(id, 1.0);
        }
        buffer.finish()
    }
}

/// Refuses a first argument that is more than an event's name.
pub fn event_alone(call: &Call, cx: &Cx<'_>) -> Result<(), Diagnostic> {
    match &call.args[0].node {
        Tree::Path(names) if names.len() == 1 => Ok(()),
        _ => {
            let event = event_of(cx.system, &call.args[0]).map_or("", |e| cx.system.events[e].name.value.as_str());
            Err(Diagnostic::new(call.args[0].span.clone(), format!("`{}` takes an event", call.name.0))
                .help(format!("write `{event}` alone")))
        }
    }
}
