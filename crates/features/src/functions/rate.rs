//! `rate`: how often one event follows from another.

use crate::aggregate;
use crate::call;
use crate::function::{Function, Node};
use crate::names::Cx;
use crate::state::Value;
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::expr::{Binary, Call, Node as Tree};
use tamis_spec::kind::Kind;

pub(super) const KIND: Kind<dyn Function> = Kind {
    name: "rate",
    about: "Events of one kind per event of another, (a + prior · expected) / (b + prior); missing when there is neither b nor a prior.",
    example: "rate(liked / rating, by = movie, prior = 10, expected = 0.5)",
    params: &[],
    it: &Rate,
};

/// With `prior = n`, the rate is that of n imagined events at the `expected` rate (by default 0) and of those that happened: the
/// posterior mean under a Beta(n·expected, n·(1 − expected)) prior.
struct Rate;
impl Function for Rate {
    fn read(&self, call: &Call, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
        call::shape(call, 1, &["by", "within", "half_life", "prior", "expected"], false)?;
        let Tree::Binary(Binary::Divide, above, below) = &call.args[0].node else {
            return Err(Diagnostic::new(call.args[0].span.clone(), "`rate` takes one event per another")
                .help("for example rate(click / impression, by = item)"));
        };
        let what = aggregate::window(call)?;
        let prior = call::number(call, "prior", 0.0, 1e9)?.unwrap_or(0.0);
        let expected = call::number(call, "expected", 0.0, 1e9)?.unwrap_or(0.0);
        let of = aggregate::read(call, above, cx)?;
        let met = of.cell(what, Value::Nothing, cx)?;
        let per = aggregate::read(call, below, cx)?;
        let base = per.cell(what, Value::Nothing, cx)?;
        Ok(of.node(met, cx, move |state, met, key, now| {
            let n = state.sum(base, key, now) + prior;
            if n > 0.0 { ((state.sum(met, key, now) + prior * expected) / n) as f32 } else { f32::NAN }
        }))
    }
}
