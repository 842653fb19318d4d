//! `pagerank`: how much those count who point at somebody.

use crate::aggregate;
use crate::call;
use crate::function::{Function, Node, Ty};
use crate::names::{Cx, Scope};
use crate::state::{Value, What};
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::expr::{Call, Expr, Node as Tree};
use tamis_spec::kind::Kind;

pub(super) const KIND: Kind<dyn Function> = Kind {
    name: "pagerank",
    about: "PageRank (Page et al. 1999, damping 0.85) over events that join two actors of one kind, as edges from whoever does it to the one that is named; 1 is the average. Computed anew whenever the edges have grown by a tenth; missing for whom no edge had named by then.",
    example: "pagerank(follow.other, by = user)",
    params: &[],
    it: &PageRank,
};

struct PageRank;
impl Function for PageRank {
    fn read(&self, call: &Call, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
        call::shape(call, 1, &["by"], true)?;
        let to = &call.args[0];
        let event = cx.event_of(to)?;
        let met = cx.within(Scope::Event(event), |cx| cx.node(to))?;
        let refused = |help: String| {
            call::wrong("pagerank", to.span.clone(), "an actor that an event points at", met.ty.name()).help(help)
        };
        let (Ty::Actor(actor), Tree::Path(names)) = (met.ty, &to.node) else {
            return Err(refused("for example pagerank(follow.other, by = user)".into()));
        };
        let roles = cx.system.roles(event);
        let to_role = roles.iter().position(|r| names.len() == 2 && r.role.value == names[1].0);
        let from = roles.iter().enumerate().find(|(i, r)| Some(*i) != to_role && r.actor == actor);
        let (Some(_), Some((_, from))) = (to_role, from) else {
            let kind = &cx.system.actors[actor].name.value;
            return Err(refused(format!("the event joins no second `{kind}` whom the edge is from")));
        };
        let from = Expr {
            node: Tree::Path(vec![names[0].clone(), (from.role.value.clone(), names[1].1.clone())]),
            span: to.span.clone(),
        };
        let of = aggregate::read(call, to, cx)?;
        if cx.cells.spaces[of.space].tys != [Ty::Actor(actor)] {
            let span = call::named(call, "by").map_or(call.name.1.clone(), |e| e.span.clone());
            let kind = &cx.system.actors[actor].name.value;
            return Err(Diagnostic::new(
                span,
                format!("the edges are between actors of the kind `{kind}`: `by` is one"),
            ));
        }
        // The key that is asked for is whose rank it is; what an edge is from and to is read of the event.
        let cell = of.cell(What::PageRank, Value::Edge(&from, to), cx)?;
        Ok(of.node(cell, cx, |state, cell, key, _| state.page_rank(cell, key)))
    }
}
