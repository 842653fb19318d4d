//! `neighbours`: those whom events join somebody with.

use super::recent::OfCell;
use crate::aggregate;
use crate::call;
use crate::function::{Eval, Function, Node, Ty};
use crate::names::{Cx, Scope};
use crate::state::{LIST_MAX, Value, What};
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::expr::Call;
use tamis_spec::kind::Kind;

pub(super) const KIND: Kind<dyn Function> = Kind {
    name: "neighbours",
    about: "Those whom events join somebody or something with, as a list for `common` and `length`: whom a user follows, who liked a film. The latest 10,000, or last = n.",
    example: "length(neighbours(follow.other, by = user))",
    params: &[],
    it: &Neighbours,
};

struct Neighbours;
impl Function for Neighbours {
    fn read(&self, call: &Call, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
        call::shape(call, 1, &["by", "last"], true)?;
        let last = call::count(call, "last", 1, LIST_MAX)?.unwrap_or(LIST_MAX);
        let of = aggregate::read(call, &call.args[0], cx)?;
        let met = cx.within(Scope::Event(of.event), |cx| cx.node(&call.args[0]))?;
        let Ty::Actor(actor) = met.ty else {
            let help = "name whom it joins: neighbours(follow.other, by = user)";
            let wrong = call::wrong("neighbours", call.args[0].span.clone(), "an actor of an event", met.ty.name());
            return Err(wrong.help(help));
        };
        let cell = of.cell(What::List { keep: last }, Value::Ids(&call.args[0]), cx)?;
        let per = cx.cells.spaces[of.space].per;
        let list = OfCell { cell, space: of.space };
        Ok(Node { ty: Ty::List(actor), per, eval: Eval::Lists(Box::new(list)) })
    }
}
