//! `recent`: the latest things somebody met.

use crate::aggregate::{self, Aggregate};
use crate::call;
use crate::eval::{At, Lists, SetBuffer, SetRef, Sets};
use crate::function::{Eval, Function, Node, Per, Ty};
use crate::names::{Cx, Scope};
use crate::state::{LATEST_MAX, Value, What};
use tamis_spec::actors::Field;
use tamis_spec::decision::Visit;
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::expr::{Call, Expr, Node as Tree};
use tamis_spec::kind::Kind;

pub(super) const KIND: Kind<dyn Function> = Kind {
    name: "recent",
    about: "The latest actors that somebody met, as a list for `similar`; of a tags field, the sum of their tags. last = 10 by default.",
    example: "recent(rating.movie.genres, by = user, last = 10)",
    params: &[],
    it: &Recent,
};

struct Recent;
impl Function for Recent {
    fn read(&self, call: &Call, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
        call::shape(call, 1, &["by", "last"], true)?;
        let last = call::count(call, "last", 1, LATEST_MAX)?.unwrap_or(10);
        let of = aggregate::read(call, &call.args[0], cx)?;
        if cx.cells.spaces[of.space].per == Per::Candidate {
            let span = call::named(call, "by").map_or(call.name.1.clone(), |e| e.span.clone());
            return Err(Diagnostic::new(span, "`recent` is kept by whoever the decision is for, not by candidate"));
        }
        let whole = cx.within(Scope::Event(of.event), |cx| cx.node(&call.args[0]))?;
        match (whole.ty, split(&call.args[0])) {
            (Ty::Actor(actor), _) => {
                let list = list(&of, last, &call.args[0], cx)?;
                Ok(Node { ty: Ty::List(actor), per: Per::Decision, eval: Eval::Lists(Box::new(list)) })
            }
            (Ty::Tags, Some((path, field))) => {
                let met = cx.within(Scope::Event(of.event), |cx| cx.node(&path))?;
                let Ty::Actor(actor) = met.ty else { return Err(refusal(call, Ty::Tags)) };
                let fields = &cx.system.actors[actor].fields;
                let field = fields.iter().position(|f| f.name.value == field).expect("the whole path was read before");
                let list = list(&of, last, &path, cx)?;
                let tags = TagsOfList { list, actor, field };
                Ok(Node { ty: Ty::Tags, per: Per::Decision, eval: Eval::Sets(Box::new(tags)) })
            }
            (ty, _) => Err(refusal(call, ty)),
        }
    }
}

fn refusal(call: &Call, ty: Ty) -> Diagnostic {
    call::wrong("recent", call.args[0].span.clone(), "an actor of the event or its tags", ty.name())
}

/// `event.movie.genres` as `event.movie` and `genres`.
fn split(e: &Expr) -> Option<(Expr, String)> {
    let Tree::Path(names) = &e.node else { return None };
    let (last, rest) = names.split_last()?;
    let (first, end) = (rest.first()?.1.start, rest.last()?.1.end);
    Some((Expr { node: Tree::Path(rest.to_vec()), span: first..end }, last.0.clone()))
}

fn list(of: &Aggregate<'_>, last: usize, path: &Expr, cx: &mut Cx<'_>) -> Result<OfCell, Diagnostic> {
    let cell = of.cell(What::List { keep: last }, Value::Ids(path), cx)?;
    Ok(OfCell { cell, space: of.space })
}

/// The list that a cell keeps for each key of a space.
pub(super) struct OfCell {
    pub(super) cell: usize,
    pub(super) space: usize,
}

impl Lists for OfCell {
    fn list<'a>(&self, at: &At<'a>, row: usize) -> &'a [Visit] {
        at.state.map_or(&[], |state| state.list(self.cell, at.keys[self.space].get(row)))
    }
}

/// The sum of a tags field over a list.
struct TagsOfList {
    list: OfCell,
    actor: usize,
    field: usize,
}

impl Sets for TagsOfList {
    fn set<'a>(&self, at: &At<'a>, _: usize, buffer: &'a mut SetBuffer) -> SetRef<'a> {
        let table = &at.actors.tables[self.actor];
        for visit in self.list.list(at, 0) {
            if let Some((Field::Tags(tags), row)) = table.at(self.field, visit.item, at.now) {
                let (ids, weights) = tags.get(row);
                buffer.add_all(&SetRef { ids, weights, scale: 1.0 });
            }
        }
        buffer.finish()
    }
}
