//! `scaled`: where a candidate stands between the least and the most of all candidates that came.

use crate::call;
use crate::eval::{At, Numbers, Slot};
use crate::function::{Function, Node, Per};
use crate::names::{Cx, Scope, USER};
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::expr::{Call, Node as Tree};
use tamis_spec::kind::Kind;

pub(super) const KIND: Kind<dyn Function> = Kind {
    name: "scaled",
    about: "0 for the candidate with the least of something, 1 for the one with the most, of all that came with the request or that the \
            sources proposed, before any stage chose; 0 where all have the same. It reads what candidates are, not the past.",
    example: "scaled(movie.year)",
    params: &[],
    it: &Scaled,
};

struct Scaled;
impl Function for Scaled {
    fn read(&self, call: &Call, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
        call::shape(call, 1, &[], false)?;
        let span = call.args[0].span.clone();
        if cx.scope != Scope::Decision {
            return Err(Diagnostic::new(span, "past events have no candidates: `scaled` stands in a decision alone"));
        }
        let mut made = false;
        call.args[0].walk(&mut |e| {
            made |= matches!(&e.node, Tree::Path(names) if ["score", "rank", "position"].contains(&names[0].0.as_str()));
        });
        let before = cx.cells.touched.len();
        let (per, of) = cx.number(&call.args[0])?;
        if made || cx.cells.touched.len() > before {
            return Err(Diagnostic::new(
                span,
                "`scaled` compares what candidates are, not the past or the parts of the funnel",
            )
            .help("write for example scaled(given.x) or scaled(log1p(movie.year))"));
        }
        if per == Per::Decision {
            return Err(Diagnostic::new(span, "this is the same for every candidate: there is nothing to compare"));
        }
        Ok(Node::number(Per::Candidate, Between { of }))
    }
}

struct Between {
    of: Box<dyn Numbers>,
}

impl Numbers for Between {
    fn numbers(&self, at: &At<'_>, out: &mut [f32]) {
        let all = at.came.candidates;
        let slots = [at.slots[USER], Slot::Many(all)];
        let whole = At { n: all.len(), slots: &slots, keys: &[], ends: &[], ..*at };
        let (low, high) = at.scratch.numbers(all.len(), |values| {
            self.of.numbers(&whole, values);
            values.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), v| (low.min(*v), high.max(*v)))
        });
        self.of.numbers(at, out);
        let range = high - low;
        for value in out.iter_mut().filter(|v| !v.is_nan()) {
            *value = if range > 0.0 { (*value - low) / range } else { 0.0 };
        }
    }
}
