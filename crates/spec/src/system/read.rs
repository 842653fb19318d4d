//! Text of a system file to a [`System`], collecting every mistake.

use super::keys::{FILE, LATER, SORTS, param};
use super::names::{Space, writable};
use super::parts::{self, Parts};
use super::stars;
use super::walk::{Place, Walk, entries, key_span, text_of};
use super::{ActorSpec, Constraints, FeatureSpec, System, Task, TrainSpec};
use crate::diagnostic::{Diagnostic, Span, Spanned};
use crate::expr::{Expr, Node};
use crate::param::{Param, ParamType, ParamValue, Params};
use toml_edit::{Document, Item, Table};

pub use super::manual::reference;
pub use super::schema::schema;

/// A system file is at most so long.
const FILE_BYTES_MAX: usize = 1 << 20;

/// A kind that `[learned.*]`, `[[candidates]]`, `[[stages]]` or `[rerank]` can name, as its registry declares it.
#[derive(Clone, Copy, Debug)]
pub struct PartKind {
    /// As written.
    pub name: &'static str,
    /// One sentence for the manual.
    pub about: &'static str,
    /// A table that the reader accepts.
    pub example: &'static str,
    /// Its keys.
    pub params: &'static [Param],
}

/// The kinds that are known.
#[derive(Clone, Debug, Default)]
pub struct Vocabulary {
    /// For `[learned.*]`.
    pub learned: Vec<PartKind>,
    /// For `[[candidates]]`.
    pub candidates: Vec<PartKind>,
    /// For `[[stages]]`.
    pub stages: Vec<PartKind>,
    /// For the keys of `[rerank]`, in the order in which they are applied.
    pub rerank: Vec<PartKind>,
}

/// Reads a system file. The system holds whatever could be read, so that later checks can add to the mistakes; there is none
/// when so little could be read that they would blame what is right.
pub fn read(text: &str, vocabulary: &Vocabulary) -> (Option<System>, Vec<Diagnostic>) {
    if text.len() > FILE_BYTES_MAX {
        return (None, vec![Diagnostic::new(0..0, format!("the file is longer than {FILE_BYTES_MAX} bytes"))]);
    }
    let document = match Document::parse(text) {
        Ok(document) => document,
        Err(e) => return (None, vec![Diagnostic::new(within(text, e.span()), e.message())]),
    };
    let root = document.as_table();
    let walk =
        Walk { source: text, actors: names_of(root, "actors"), events: names_of(root, "events"), wrong: Vec::new() };
    let mut reader = Reader { walk, root, lost: Vec::new(), timeless: Vec::new() };
    let system = reader.system(vocabulary);
    let mut wrong = reader.walk.wrong;
    wrong.sort_by_key(|d| d.span.start);
    (system, wrong)
}

/// A place in `text`, from whatever the parser said.
fn within(text: &str, span: Option<Span>) -> Span {
    let span = span.unwrap_or(0..0);
    let floor = |at: usize| (0..=at.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
    let start = floor(span.start);
    start..floor(span.end).max(start)
}

fn names_of<'t>(root: &'t Table, key: &str) -> Vec<&'t str> {
    let table = root.get(key).and_then(Item::as_table_like);
    table.map_or_else(Vec::new, |t| t.iter().map(|(name, _)| name).collect())
}

/// A file while it is read.
pub(super) struct Reader<'a> {
    pub(super) walk: Walk<'a>,
    pub(super) root: &'a Table,
    /// Names that are declared and could not be read: whoever refers to them is not to blame.
    pub(super) lost: Vec<String>,
    /// Events with a file and without a moment, and where they stand.
    pub(super) timeless: Vec<(String, Span)>,
}

impl Reader<'_> {
    fn system(&mut self, vocabulary: &Vocabulary) -> Option<System> {
        self.later();
        let top = self.walk.values(&Place { title: "the file".into(), span: 0..0 }, self.root, FILE);
        let known = FILE.iter().map(|p| p.name).chain(SORTS.iter().map(|s| s.key)).chain(LATER);
        self.walk.unknown_keys(self.root, known);
        let (name, task, seed) = self.about(&top);
        let actors = self.actors();
        let mut events = self.events();
        self.derived(&mut events);
        let mut parts = parts::read(&mut self.walk, self.root, vocabulary);
        self.namespace(&actors, &parts);
        self.lost.append(&mut parts.learned_lost);
        parts.leave_out(&self.lost);
        self.lost.append(&mut parts.learned_lost);
        let decision = self.decision(&top, &actors, &events);
        let label = self.label(&top, decision.as_ref(), &events);
        let split = self.split(&top, decision.as_ref(), &events, !parts.learned.is_empty());
        self.moments(&events, decision.as_ref(), &split);
        let features =
            self.features(&parts, &stars::Known { actors: &actors, events: &events, decision: decision.as_ref() });
        Some(System {
            name,
            task,
            seed,
            constraints: constraints(&top),
            actors,
            events,
            learned: parts.learned,
            decision: decision?,
            label,
            split,
            features,
            candidates: parts.candidates,
            stages: parts.stages,
            rerank: parts.rerank,
            train: train(&top),
        })
    }

    /// Tables of later versions.
    fn later(&mut self) {
        for key in LATER {
            if let Some(item) = self.root.get(key) {
                let span = key_span(self.root, key, item);
                self.walk.refuse(span, format!("`[{key}]` is not available in this version"), "leave it out");
            }
        }
    }

    /// Only judgements have no moment: lists that are split in another way than by time.
    fn moments(&mut self, events: &[super::EventSpec], decision: Option<&super::DecisionSpec>, split: &super::Split) {
        for (name, span) in std::mem::take(&mut self.timeless) {
            let judged = decision.is_some_and(|d| d.lists.is_some() && events[d.event].name.value == name);
            if !judged {
                let message = format!("[events.{name}] has a `from` and needs `time`");
                self.walk.refuse(span, message, "name the column of its moment");
            } else if split.by == super::SplitBy::Time {
                let message = format!("[events.{name}] has no `time`, and the split is by time");
                self.walk.refuse(span, message, "name the column of its moment, or split for example by = \"random\"");
            }
        }
    }

    fn about(&mut self, top: &Params) -> (Spanned<String>, Task, u64) {
        let table = top.table("system");
        let name = table.and_then(|t| text_of(t, "name"));
        if let Some((word, span)) = table.and_then(|t| Some((t.text("task")?, t.span("task")?)))
            && word != "rank"
        {
            self.walk.refuse(span, format!("`{word}` is not available: this version ranks only"), "write \"rank\"");
        }
        let seed = table.and_then(|t| t.number("seed")).unwrap_or(0.0) as u64;
        (name.unwrap_or(Spanned { value: String::new(), span: 0..0 }), Task::Rank, seed)
    }

    /// Actors, events and learned vectors share the beginnings of paths; a learned vector reads like a field.
    fn namespace(&mut self, actors: &[ActorSpec], parts: &Parts) {
        let mut space = Space::of_expressions();
        for (key, what) in [("actors", "an actor"), ("events", "an event"), ("learned", "a learned vector")] {
            for (name, _) in entries(self.root, key) {
                let checked = writable(&name).and_then(|()| space.take(&name, what));
                self.walk.wrong.extend(checked.err());
            }
        }
        for learned in &parts.learned {
            let name = &learned.name;
            if let Some(actor) = actors.iter().find(|a| a.fields.iter().any(|f| f.name.value == name.value)) {
                let message = format!("`{}` is a learned vector, and a field of `{}`", name.value, actor.name.value);
                self.walk.refuse(name.span.clone(), message, "choose another name");
            }
        }
    }

    /// A feature that could not be read stands in as 0, so that whoever names it is not blamed.
    fn features(&mut self, parts: &Parts, known: &stars::Known<'_>) -> Vec<FeatureSpec> {
        let mut out: Vec<FeatureSpec> = Vec::new();
        let Some(Param { ty: ParamType::Entries(ty), .. }) = param(FILE, "features") else { return out };
        for (name, item) in entries(self.root, "features") {
            if let Err(wrong) = writable(&name) {
                self.walk.wrong.push(wrong);
            }
            let span = item.span().unwrap_or(name.span.clone());
            let source = match self.walk.value(&name.value, ty, item, &span) {
                Some(ParamValue::Text(text)) => text,
                _ => String::new(),
            };
            let read = self.walk.expression(&source, &span).ok().filter(|e| !names_lost(e, &self.lost, &parts.lost));
            let expr = read.unwrap_or(Expr { node: Node::Number(0.0), span });
            match stars::each(FeatureSpec { name, source, expr }, known) {
                Ok(all) => out.extend(all),
                Err(wrong) => self.walk.wrong.push(wrong),
            }
        }
        for (at, feature) in out.iter().enumerate() {
            if out[..at].iter().any(|f| f.name.value == feature.name.value) {
                let message = format!("two features are called `{}`", feature.name.value);
                self.walk.refuse(feature.name.span.clone(), message, "choose another name");
            }
        }
        out
    }
}

/// Whether an expression names something that could not be read: `lost`, or the score or the place of one of `parts`.
pub(super) fn names_lost(expr: &Expr, lost: &[String], parts: &[String]) -> bool {
    let mut found = false;
    expr.walk(&mut |e| {
        if let Node::Path(names) = &e.node {
            found |= names.iter().any(|(name, _)| lost.contains(name));
            if let [(of, _), (part, _)] = &names[..] {
                found |= ["score", "rank"].contains(&of.as_str()) && parts.contains(part);
            }
        }
    });
    found
}

fn constraints(top: &Params) -> Constraints {
    let table = top.table("constraints");
    Constraints {
        latency_p99_ms: table.and_then(|t| t.duration_ms("latency_p99")),
        requests_per_second: table.and_then(|t| t.number("requests_per_second")),
        memory_bytes: table.and_then(|t| t.number("memory")),
    }
}

fn train(top: &Params) -> TrainSpec {
    let count = |key: &str, default: usize| top.table("train").and_then(|t| t.count(key)).unwrap_or(default);
    TrainSpec {
        decisions: count("decisions", 24_000),
        validate_decisions: count("validate_decisions", 3_000),
        negatives: count("negatives", 100),
    }
}
