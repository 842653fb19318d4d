//! `distinct`: how many different things.

use crate::aggregate;
use crate::call;
use crate::function::{Function, Node};
use crate::names::Cx;
use crate::state::{Value, What};
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::expr::Call;
use tamis_spec::kind::Kind;

pub(super) const KIND: Kind<dyn Function> = Kind {
    name: "distinct",
    about: "How many different actors or categories events named, of all time or within a span; 0 when none. With sketch = b it is estimated from \
            2^b bytes a key, to about 104 / sqrt(2^b) percent: for keys that meet very many.",
    example: "distinct(click.movie, by = user, within = 30d)",
    params: &[],
    it: &OfKinds,
};

struct OfKinds;
impl Function for OfKinds {
    fn read(&self, call: &Call, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
        call::shape(call, 1, &["by", "within", "sketch"], true)?;
        let of = aggregate::read(call, &call.args[0], cx)?;
        let (within_ms, sketch) = (call::duration_ms(call, "within")?, call::count(call, "sketch", 4, 16)?);
        let what = match (within_ms, sketch) {
            (Some(_), Some(_)) => {
                let span = call::named(call, "sketch").map_or(call.name.1.clone(), |e| e.span.clone());
                let wrong = Diagnostic::new(span, "a sketch forgets nothing: `within` and `sketch` exclude each other");
                return Err(wrong.help("keep one of them"));
            }
            (_, Some(bits)) => What::Sketch { bits: bits as u32 },
            (_, None) => What::Distinct { within_ms },
        };
        let cell = of.cell(what, Value::Ids(&call.args[0]), cx)?;
        Ok(of.node(cell, cx, |state, cell, key, now| state.distinct(cell, key, now) as f32))
    }
}
