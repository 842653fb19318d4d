//! `clip`: a number held between two others.

use crate::call;
use crate::function::{Function, Node};
use crate::names::Cx;
use crate::operators::{Map, written};
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::expr::Call;
use tamis_spec::kind::Kind;

pub(super) const KIND: Kind<dyn Function> = Kind {
    name: "clip",
    about: "A number held between a lower and an upper bound; missing stays missing.",
    example: "clip(movie.year, 1950, 2000)",
    params: &[],
    it: &Clip,
};

struct Clip;
impl Function for Clip {
    fn read(&self, call: &Call, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
        call::shape(call, 3, &[], false)?;
        let (per, of) = cx.number(&call.args[0])?;
        let (low, high) = (written("clip", &call.args[1])?, written("clip", &call.args[2])?);
        if low > high {
            let span = call.args[1].span.start..call.args[2].span.end;
            return Err(Diagnostic::new(span, format!("the lower bound {low} is above the upper bound {high}")));
        }
        Ok(Node::number(per, Map { of, f: move |v: f32| if v.is_nan() { v } else { v.clamp(low, high) } }))
    }
}
