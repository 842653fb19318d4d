//! Names to meaning: paths through actors and events, and the scope in which an expression stands.

use crate::column::{Column, Of};
use crate::eval::{At, Ids, Numbers, Slot, TextOf, Times, VectorsOf};
use crate::function::{Eval, Function, Node, Per, Ty};
use crate::state::Cells;
use crate::{aggregate, operators};
use tamis_spec::diagnostic::{Diagnostic, Span};
use tamis_spec::expr::{Expr, Node as Tree};
use tamis_spec::kind::Kind;
use tamis_spec::system::{System, Type};

/// Where an expression stands: what its paths may begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// In a feature: the actor that the decision is for, the candidate, `now`, `score` and `rank`.
    Decision,
    /// In what an aggregate reads of an event: its actors and fields.
    Event(usize),
}

/// The slot of the actor that a decision is for.
pub const USER: usize = 0;
/// The slot of the candidates.
pub const ITEM: usize = 1;

/// What reading an expression needs, and what it leaves behind.
pub struct Cx<'s> {
    /// The system.
    pub system: &'s System,
    /// The functions that are known.
    pub functions: &'s [Kind<dyn Function>],
    /// The cells that were asked for so far.
    pub cells: &'s mut Cells,
    /// Where the expression stands.
    pub scope: Scope,
    /// The stages whose scores can be read: those before this number.
    pub stage_scores: usize,
}

type Names<'p> = &'p [(String, Span)];

impl<'s> Cx<'s> {
    /// Checks an expression.
    pub fn node(&mut self, e: &Expr) -> Result<Node, Diagnostic> {
        match &e.node {
            Tree::Number(n) => Ok(Node::number(Per::Decision, Constant(*n as f32))),
            Tree::Bool(b) => Ok(Node::bool(Per::Decision, Constant(f32::from(*b)))),
            Tree::Duration(_) => {
                Err(Diagnostic::new(e.span.clone(), "a time span stands only behind `within` and `half_life`")
                    .help("times in features are numbers: hours in `since`, days in `age`"))
            }
            Tree::Text(_) => {
                Err(Diagnostic::new(e.span.clone(), "a quoted text can only be compared with a category or text")
                    .help("write for example user.gender == \"F\""))
            }
            Tree::Tuple(_) => Err(Diagnostic::new(e.span.clone(), "a pair stands only behind `by`")),
            Tree::Path(names) => self.path(names, &e.span),
            Tree::Call(call) => {
                let known = self.functions.iter().map(|k| k.name);
                match self.functions.iter().find(|k| k.name == call.name.0) {
                    Some(kind) => kind.it.read(call, self),
                    None => Err(Diagnostic::unknown(call.name.1.clone(), "function", &call.name.0, known)),
                }
            }
            Tree::Unary(op, of) => operators::unary(*op, of, self),
            Tree::Binary(op, a, b) => operators::binary(*op, a, b, self),
            Tree::If(c, a, b) => operators::choice(c, a, b, self),
        }
    }

    /// Checks an expression that may be a quoted text.
    pub fn quoted(&mut self, e: &Expr) -> Result<Node, Diagnostic> {
        match &e.node {
            Tree::Text(text) => {
                let of = Eval::Texts(Box::new(Quoted(text.clone())));
                Ok(Node { ty: Ty::Text, per: Per::Decision, eval: of })
            }
            _ => self.node(e),
        }
    }

    /// Checks an expression that must be a number (or true or false, which are 1 and 0).
    pub fn number(&mut self, e: &Expr) -> Result<(Per, Box<dyn Numbers>), Diagnostic> {
        let node = self.node(e)?;
        match node.eval {
            Eval::Numbers(of) => Ok((node.per, of)),
            _ => Err(Diagnostic::new(e.span.clone(), format!("expected a number, found {}", node.ty.name()))),
        }
    }

    /// Checks an expression in another scope.
    pub fn within<R>(&mut self, scope: Scope, read: impl FnOnce(&mut Cx<'_>) -> R) -> R {
        let mut inner = Cx {
            system: self.system,
            functions: self.functions,
            cells: self.cells,
            scope,
            stage_scores: self.stage_scores,
        };
        read(&mut inner)
    }

    fn path(&mut self, names: Names<'_>, span: &Span) -> Result<Node, Diagnostic> {
        match self.scope {
            Scope::Decision => self.decision_path(names, span),
            Scope::Event(event) => self.event_path(event, names, span),
        }
    }

    fn decision_path(&mut self, names: Names<'_>, span: &Span) -> Result<Node, Diagnostic> {
        let (first, rest) = (&names[0], &names[1..]);
        let (user, item) = (self.system.decision.user, self.system.decision.item);
        match first.0.as_str() {
            "now" if rest.is_empty() => Ok(Node { ty: Ty::Time, per: Per::Decision, eval: Eval::Times(Box::new(Now)) }),
            "position" if rest.is_empty() => match system_lists(self.system) {
                true => Ok(Node::number(Per::Candidate, Position)),
                false => Err(Diagnostic::new(span.clone(), "no positions were logged")
                    .help("it reads the field behind [decision] position, of lists that were shown")),
            },
            "score" | "rank" => self.part_path(names, span),
            "request" => self.request_path(names, span),
            "given" => self.given_path(names, span),
            name if name == self.system.decision.user_name => {
                self.chain(user, Box::new(Root(USER)), Per::Decision, rest, Some(USER))
            }
            name if name == self.system.decision.item_name => {
                self.chain(item, Box::new(Root(ITEM)), Per::Candidate, rest, Some(ITEM))
            }
            name if self.system.event(name).is_some() => {
                Err(Diagnostic::new(span.clone(), format!("the event `{name}` can only be read by an aggregate"))
                    .help(format!("write for example count({name}, by = {})", self.system.decision.user_name)))
            }
            name if self.system.actor(name).is_some() => {
                Err(Diagnostic::new(first.1.clone(), format!("no `{name}` takes part in the decision")).help(format!(
                    "it is for `{}` and ranks `{}`",
                    self.system.decision.user_name, self.system.decision.item_name
                )))
            }
            name => {
                let actors = [self.system.decision.user_name.as_str(), self.system.decision.item_name.as_str()];
                let known = actors.into_iter().chain(["now", "position", "request", "given", "score", "rank"]);
                let known: Vec<&str> = known.chain(self.system.events.iter().map(|e| e.name.value.as_str())).collect();
                Err(Diagnostic::unknown(first.1.clone(), "name", name, known))
            }
        }
    }

    /// `request.query`: what a decision's own event said beside whom it was for and what was shown.
    fn request_path(&mut self, names: Names<'_>, span: &Span) -> Result<Node, Diagnostic> {
        let system = self.system;
        let fields = system.event_fields(system.decision.event);
        let Some(first) = names.get(1) else {
            let message = "`request` is followed by a field of the decision's event";
            return Err(Diagnostic::new(span.clone(), message));
        };
        let Some(field) = fields.iter().position(|f| f.name.value == first.0) else {
            let known = fields.iter().map(|f| f.name.value.as_str());
            let what = format!("field of the event `{}`", system.events[system.decision.event].name.value);
            return Err(Diagnostic::unknown(first.1.clone(), &what, &first.0, known));
        };
        if system.label_fields().contains(&field) {
            let message = format!("`{}` says what turned out: a feature cannot read its own label", first.0);
            return Err(Diagnostic::new(first.1.clone(), message).help("past outcomes are read by aggregates"));
        }
        if system.decision.given.contains(&field) {
            let message = format!("`{}` comes with each candidate", first.0);
            return Err(Diagnostic::new(first.1.clone(), message).help(format!("write given.{}", first.0)));
        }
        if !system.decision.request.contains(&field) {
            let message = format!("was `{}` known when it was asked for?", first.0);
            return Err(Diagnostic::new(first.1.clone(), message)
                .help(format!("then write [decision] request = [\"{}\"]", first.0)));
        }
        let column = Column { of: Of::Request, field };
        self.field_node(&fields[field].ty, column, Per::Decision, first, &names[2..])
    }

    /// `given.x`: what came with each candidate.
    fn given_path(&mut self, names: Names<'_>, span: &Span) -> Result<Node, Diagnostic> {
        let system = self.system;
        let fields = system.event_fields(system.decision.event);
        let known = || system.decision.given.iter().map(|f| fields[*f].name.value.as_str());
        let Some(first) = names.get(1) else {
            return Err(Diagnostic::new(span.clone(), "`given` is followed by a field that comes with each candidate"));
        };
        let Some(field) =
            fields.iter().position(|f| f.name.value == first.0).filter(|f| system.decision.given.contains(f))
        else {
            let mut wrong =
                Diagnostic::unknown(first.1.clone(), "field that comes with each candidate", &first.0, known());
            if known().next().is_none() {
                wrong.help = format!("say that it does: [decision] given = [\"{}\"]", first.0);
            }
            return Err(wrong);
        };
        if system.label_fields().contains(&field) {
            let message = format!("`{}` says what turned out: a feature cannot read its own label", first.0);
            return Err(Diagnostic::new(first.1.clone(), message).help("past outcomes are read by aggregates"));
        }
        let column = Column { of: Of::Given, field };
        self.field_node(&fields[field].ty, column, Per::Candidate, first, &names[2..])
    }

    /// `score.ease`, `rank.ease`, `score.STAGE`.
    fn part_path(&mut self, names: Names<'_>, span: &Span) -> Result<Node, Diagnostic> {
        let what = names[0].0.as_str();
        let [_, (part, at)] = names else {
            return Err(Diagnostic::new(
                span.clone(),
                format!("`{what}` is followed by the name of one part of the funnel"),
            ));
        };
        let source = self.system.candidates.iter().position(|p| p.name.value == *part);
        let stage = self.system.stages.iter().position(|p| p.name.value == *part);
        let known = self.system.candidates.iter().chain(self.system.stages.iter()).map(|p| p.name.value.as_str());
        match (source, stage, what) {
            (Some(i), _, "score") => Ok(Node::number(Per::Candidate, SourceScore(i))),
            (Some(i), _, _) => Ok(Node::number(Per::Candidate, SourceRank(i))),
            (None, Some(i), "score") if i < self.stage_scores => Ok(Node::number(Per::Candidate, StageScore(i))),
            (None, Some(_), "score") => {
                Err(Diagnostic::new(at.clone(), format!("the score of `{part}` is not known before it has scored"))
                    .help("only later stages can read it"))
            }
            (None, Some(_), _) => {
                Err(Diagnostic::new(at.clone(), format!("`{part}` is a stage: it has a score and no rank")))
            }
            (None, None, _) => Err(Diagnostic::unknown(at.clone(), "source or stage", part, known)),
        }
    }

    fn event_path(&mut self, event: usize, names: Names<'_>, span: &Span) -> Result<Node, Diagnostic> {
        let system = self.system;
        let own = |name: &str| system.event(name).is_some_and(|e| e == event || e == system.base(event));
        if names[0].0 == "request" && system.base(event) != system.base(system.decision.event) {
            let message = format!("the event `{}` knows no request", system.events[event].name.value);
            return Err(Diagnostic::new(names[0].1.clone(), message)
                .help("say what it is in the event: by = (request.query, item), as = (query, item)"));
        }
        let rest = if own(&names[0].0) || names[0].0 == "request" { &names[1..] } else { names };
        let Some(first) = rest.first() else {
            return Err(
                Diagnostic::new(span.clone(), "an event alone is no value").help("name one of its fields or actors")
            );
        };
        if let Some(role) = system.roles(event).iter().position(|r| r.role.value == first.0) {
            let actor = system.roles(event)[role].actor;
            return self.chain(actor, Box::new(Root(role)), Per::Candidate, &rest[1..], None);
        }
        let fields = system.event_fields(event);
        let Some(field) = fields.iter().position(|f| f.name.value == first.0) else {
            let known = fields.iter().map(|f| f.name.value.as_str());
            let known: Vec<&str> = known.chain(system.roles(event).iter().map(|r| r.role.value.as_str())).collect();
            let what = format!("field or actor of the event `{}`", system.events[event].name.value);
            return Err(Diagnostic::unknown(first.1.clone(), &what, &first.0, known));
        };
        let column = Column { of: Of::Events, field };
        self.field_node(&fields[field].ty, column, Per::Candidate, first, &rest[1..])
    }

    /// Follows `rest` from an actor: its fields, what fields refer to, its learned vectors.
    fn chain(
        &mut self,
        actor: usize,
        of: Box<dyn Ids>,
        per: Per,
        rest: Names<'_>,
        slot: Option<usize>,
    ) -> Result<Node, Diagnostic> {
        let Some(first) = rest.first() else {
            return Ok(Node { ty: Ty::Actor(actor), per, eval: Eval::Ids(of) });
        };
        let system = self.system;
        let spec = &system.actors[actor];
        if let Some(field) = spec.fields.iter().position(|f| f.name.value == first.0) {
            let column = Column { of: Of::Actor(of, actor), field };
            return self.field_node(&spec.fields[field].ty, column, per, first, &rest[1..]);
        }
        match (system.learned(&first.0), slot) {
            (Some(learned), Some(slot)) if rest.len() == 1 => {
                Ok(Node { ty: Ty::Vector, per, eval: Eval::Vectors(Box::new(LearnedVector { learned, slot })) })
            }
            (Some(_), None) => Err(Diagnostic::new(
                first.1.clone(),
                format!("the learned vector `{}` of a past event cannot be read", first.0),
            )
            .help("only those of the decision's own actors are known")),
            _ => {
                let known = spec.fields.iter().map(|f| f.name.value.as_str());
                let known: Vec<&str> = known.chain(system.learned.iter().map(|l| l.name.value.as_str())).collect();
                let what = format!("field of `{}`", spec.name.value);
                Err(Diagnostic::unknown(first.1.clone(), &what, &first.0, known))
            }
        }
    }

    fn field_node(
        &mut self,
        ty: &Type,
        column: Column,
        per: Per,
        name: &(String, Span),
        rest: Names<'_>,
    ) -> Result<Node, Diagnostic> {
        if let Type::Actor(target) = ty {
            let actor = self.system.actor(target).ok_or_else(|| {
                Diagnostic::unknown(
                    name.1.clone(),
                    "actor",
                    target,
                    self.system.actors.iter().map(|a| a.name.value.as_str()),
                )
            })?;
            return self.chain(actor, Box::new(column), per, rest, None);
        }
        if let Some(more) = rest.first() {
            return Err(Diagnostic::new(more.1.clone(), format!("`{}` has no fields", name.0)));
        }
        let (ty, eval) = match ty {
            Type::Number => (Ty::Number, Eval::Numbers(Box::new(column))),
            Type::Bool => (Ty::Bool, Eval::Numbers(Box::new(column))),
            Type::Category => (Ty::Category, Eval::Ids(Box::new(column))),
            Type::Tags => (Ty::Tags, Eval::Sets(Box::new(column))),
            Type::Text => (Ty::Text, Eval::Texts(Box::new(column))),
            Type::Vector => (Ty::Vector, Eval::Vectors(Box::new(column))),
            Type::Time => (Ty::Time, Eval::Times(Box::new(column))),
            Type::Place => (Ty::Place, Eval::Places(Box::new(column))),
            Type::Actor(_) => unreachable!("a reference was followed above"),
        };
        Ok(Node { ty, per, eval })
    }

    /// The event that an expression inside an aggregate is about: the one whose name its paths begin with.
    pub fn event_of(&self, e: &Expr) -> Result<usize, Diagnostic> {
        aggregate::event_of(self.system, e)
    }
}

/// A constant.
pub struct Constant(pub f32);
impl Numbers for Constant {
    fn numbers(&self, _: &At<'_>, out: &mut [f32]) {
        out.fill(self.0);
    }
}

struct Quoted(String);
impl TextOf for Quoted {
    fn text<'a>(&'a self, _: &At<'a>, _: usize) -> &'a str {
        &self.0
    }
}

struct Now;
impl Times for Now {
    fn times(&self, at: &At<'_>, out: &mut [i64]) {
        out.fill(at.now);
    }
}

/// The actors of a slot.
pub(crate) struct Root(pub(crate) usize);
impl Ids for Root {
    fn ids(&self, at: &At<'_>, out: &mut [u32]) {
        match at.slots[self.0] {
            Slot::One(id) => out.fill(id),
            Slot::Many(ids) => out.copy_from_slice(&ids[..out.len()]),
        }
    }
    fn ready<'a>(&self, at: &At<'a>) -> Option<Slot<'a>> {
        Some(at.slots[self.0])
    }
}

/// Whether lists were logged with positions.
fn system_lists(system: &System) -> bool {
    system.decision.lists.is_some_and(|lists| lists.position.is_some())
}

/// Where a candidate stood in the list that a model learns from; 1 when a list is made, so that all are asked for as if they were on top.
struct Position;
impl Numbers for Position {
    fn numbers(&self, at: &At<'_>, out: &mut [f32]) {
        let place =
            |item: u32| at.positions.binary_search_by_key(&item, |(i, _)| *i).map(|found| at.positions[found].1);
        for (row, o) in out.iter_mut().enumerate() {
            *o = if at.positions.is_empty() { 1.0 } else { place(at.slots[ITEM].get(row)).unwrap_or(f32::NAN) };
        }
    }
}

struct SourceScore(usize);
impl Numbers for SourceScore {
    fn numbers(&self, at: &At<'_>, out: &mut [f32]) {
        column_of(at.source_scores, self.0, out);
    }
}

struct SourceRank(usize);
impl Numbers for SourceRank {
    fn numbers(&self, at: &At<'_>, out: &mut [f32]) {
        column_of(at.source_ranks, self.0, out);
    }
}

fn column_of(matrix: Option<&tamis_spec::matrix::Matrix>, column: usize, out: &mut [f32]) {
    match matrix {
        Some(m) => out.iter_mut().enumerate().for_each(|(i, o)| *o = m.values[i * m.n_columns + column]),
        None => out.fill(f32::NAN),
    }
}

struct StageScore(usize);
impl Numbers for StageScore {
    fn numbers(&self, at: &At<'_>, out: &mut [f32]) {
        match at.stage_scores.get(self.0) {
            Some(scores) => out.copy_from_slice(&scores[..out.len()]),
            None => out.fill(f32::NAN),
        }
    }
}

struct LearnedVector {
    learned: usize,
    slot: usize,
}
impl VectorsOf for LearnedVector {
    fn vector<'a>(&self, at: &At<'a>, row: usize, _: &'a mut Vec<f32>) -> &'a [f32] {
        if self.slot == USER {
            return at.user_vectors.get(self.learned).copied().unwrap_or(&[]);
        }
        let item = at.slots[self.slot].get(row);
        at.item_vectors.get(self.learned).and_then(|v| v.get(item)).unwrap_or(&[])
    }
}
