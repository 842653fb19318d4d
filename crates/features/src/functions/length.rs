//! `length`: how long a text is, or how many tags there are.

use crate::call;
use crate::eval::{At, Lists, Numbers, Sets};
use crate::function::{Eval, Function, Node, Ty};
use crate::names::Cx;
use crate::operators::of_text;
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::expr::Call;
use tamis_spec::kind::Kind;

pub(super) const KIND: Kind<dyn Function> = Kind {
    name: "length",
    about: "The characters of a text, missing when there is none; of tags, how many there are; of a list, how many different actors.",
    example: "length(movie.title)",
    params: &[],
    it: &Length,
};

struct Length;
impl Function for Length {
    fn read(&self, call: &Call, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
        if let [first] = &call.args[..]
            && let Ok(Node { ty: Ty::Tags, per, eval: Eval::Sets(sets) }) = cx.node(first)
        {
            call::shape(call, 1, &[], false)?;
            return Ok(Node::number(per, Size(sets)));
        }
        if let [first] = &call.args[..]
            && let Ok(Node { ty: Ty::List(_), per, eval: Eval::Lists(list) }) = cx.node(first)
        {
            call::shape(call, 1, &[], false)?;
            return Ok(Node::number(per, Members(list)));
        }
        of_text(call, 1, cx, |text| text.chars().count() as f32)
    }
}

struct Size(Box<dyn Sets>);
impl Numbers for Size {
    fn numbers(&self, at: &At<'_>, out: &mut [f32]) {
        for (row, o) in out.iter_mut().enumerate() {
            *o = at.scratch.set(|buffer| self.0.set(at, row, buffer).ids.len()) as f32;
        }
    }
}

struct Members(Box<dyn Lists>);
impl Numbers for Members {
    fn numbers(&self, at: &At<'_>, out: &mut [f32]) {
        for (row, o) in out.iter_mut().enumerate() {
            *o = at.scratch.set(|met| self.0.list(at, row).iter().filter(|v| met.add_new(v.item)).count()) as f32;
        }
    }
}
