//! `log1p`: the logarithm of one more.

use crate::call;
use crate::function::{Function, Node};
use crate::names::Cx;
use crate::operators::Map;
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::expr::Call;
use tamis_spec::kind::Kind;

pub(super) const KIND: Kind<dyn Function> = Kind {
    name: "log1p",
    about: "The natural logarithm of 1 + x; missing where x is not above -1.",
    example: "log1p(count(liked, by = movie))",
    params: &[],
    it: &Log1p,
};

struct Log1p;
impl Function for Log1p {
    fn read(&self, call: &Call, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
        call::shape(call, 1, &[], false)?;
        let (per, of) = cx.number(&call.args[0])?;
        Ok(Node::number(per, Map { of, f: |v: f32| if v > -1.0 { v.ln_1p() } else { f32::NAN } }))
    }
}
