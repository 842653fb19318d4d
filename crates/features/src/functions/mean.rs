//! `mean`: the mean of a number over events.

use crate::aggregate::{self, Aggregate};
use crate::call;
use crate::function::{Function, Node};
use crate::names::Cx;
use crate::state::{LATEST_MAX, Value, What};
use tamis_spec::diagnostic::{Diagnostic, Span};
use tamis_spec::expr::{Binary, Call, Expr, Node as Tree};
use tamis_spec::kind::Kind;

pub(super) const KIND: Kind<dyn Function> = Kind {
    name: "mean",
    about: "The mean of a number over events, of all time, within a span, fading, or over the last so many; missing when there is none.",
    example: "mean(rating.movie.year, by = user, last = 10)",
    params: &[],
    it: &Mean,
};

struct Mean;
impl Function for Mean {
    fn read(&self, call: &Call, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
        call::shape(call, 1, &["by", "within", "half_life", "last"], true)?;
        match call::count(call, "last", 1, LATEST_MAX)? {
            Some(n) => latest(&aggregate::read(call, &call.args[0], cx)?, n, call, cx),
            None => ratio(&aggregate::read_pooled(call, &call.args[0], cx)?, call, cx),
        }
    }
}

fn latest(of: &Aggregate<'_>, n: usize, call: &Call, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
    if let Some(e) = call::named(call, "within").or(call::named(call, "half_life")) {
        return Err(
            Diagnostic::new(e.span.clone(), "`last` and a span of time exclude each other").help("keep one of them")
        );
    }
    let cell = of.cell(What::Latest { n }, Value::Number(&call.args[0]), cx)?;
    Ok(of.node(cell, cx, |state, cell, key, _| match state.latest(cell, key) {
        (_, 0) => f32::NAN,
        (sum, met) => sum / met as f32,
    }))
}

/// Sum over number of events with a value.
fn ratio(of: &Aggregate<'_>, call: &Call, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
    let what = aggregate::window(call)?;
    let sum = of.cell(what, Value::Number(&call.args[0]), cx)?;
    let present = one_where_present(&call.args[0]);
    let met = of.cell(what, Value::Number(&present), cx)?;
    Ok(of.pooled(sum, cx, move |state, sum, keys, now| {
        let n = state.sum_of(met, keys, now);
        if n > 0.0 { (state.sum_of(sum, keys, now) / n) as f32 } else { f32::NAN }
    }))
}

/// `value == value`: 1 where there is a value, missing where there is none.
fn one_where_present(value: &Expr) -> Expr {
    let span: Span = value.span.clone();
    Expr { node: Tree::Binary(Binary::Equal, Box::new(value.clone()), Box::new(value.clone())), span }
}
