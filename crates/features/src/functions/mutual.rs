//! `common`: how many two lists share.

use crate::call;
use crate::eval::{At, Lists, Numbers};
use crate::function::{Eval, Function, Node, Per, Ty};
use crate::names::Cx;
use tamis_spec::decision::Visit;
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::expr::{Call, Expr};
use tamis_spec::kind::Kind;

pub(super) const KIND: Kind<dyn Function> = Kind {
    name: "common",
    about: "How many actors are in both of two lists: how many of those I follow liked this, how many friends we share.",
    example: "common(neighbours(follow.other, by = user), neighbours(liked.user, by = movie))",
    params: &[],
    it: &Common,
};

struct Common;
impl Function for Common {
    fn read(&self, call: &Call, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
        call::shape(call, 2, &[], false)?;
        let (a, b) = (list(&call.args[0], cx)?, list(&call.args[1], cx)?);
        if a.0 != b.0 {
            let name = |actor: usize| &cx.system.actors[actor].name.value;
            let message = format!("`common` takes two lists of one kind, found `{}` and `{}`", name(a.0), name(b.0));
            return Err(Diagnostic::new(call.args[1].span.clone(), message));
        }
        let per = a.1.max(b.1);
        // The side that stands still is laid out once for all candidates.
        let (still, moving) = if b.1 == Per::Decision { (b, a) } else { (a, b) };
        Ok(Node::number(per, Shared { is_still: still.1 == Per::Decision, still: still.2, moving: moving.2 }))
    }
}

fn list(e: &Expr, cx: &mut Cx<'_>) -> Result<(usize, Per, Box<dyn Lists>), Diagnostic> {
    let node = cx.node(e)?;
    match (node.ty, node.eval) {
        (Ty::List(actor), Eval::Lists(list)) => Ok((actor, node.per, list)),
        (ty, _) => Err(call::wrong("common", e.span.clone(), "lists of actors", ty.name())
            .help("neighbours(EVENT.ACTOR, by = ...) and recent(EVENT.ACTOR, by = ...) make them")),
    }
}

struct Shared {
    still: Box<dyn Lists>,
    is_still: bool,
    moving: Box<dyn Lists>,
}

impl Numbers for Shared {
    fn numbers(&self, at: &At<'_>, out: &mut [f32]) {
        at.scratch.set(|marked| {
            for (row, o) in out.iter_mut().enumerate() {
                if row == 0 || !self.is_still {
                    marked.clear();
                    self.still.list(at, row).iter().for_each(|v| marked.add(v.item, 1.0));
                }
                *o = at.scratch.set(|met| {
                    let shared = |v: &&Visit| marked.weight(v.item) > 0.0 && met.add_new(v.item);
                    self.moving.list(at, row).iter().filter(shared).count()
                }) as f32;
            }
        });
    }
}
