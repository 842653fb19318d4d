//! `histogram`: what somebody's events were about, as a weighted set.

use crate::aggregate;
use crate::call;
use crate::eval::{At, SetBuffer, SetRef, Sets};
use crate::function::{Eval, Function, Node, Ty};
use crate::names::Cx;
use crate::state::{Value, What};
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::expr::Call;
use tamis_spec::kind::Kind;

pub(super) const KIND: Kind<dyn Function> = Kind {
    name: "histogram",
    about: "How much of each tag or category the events had, as tags; with a half-life older events weigh less. At most 256 words a key.",
    example: "histogram(liked.movie.genres, by = user, half_life = 90d)",
    params: &[],
    it: &Histogram,
};

struct Histogram;
impl Function for Histogram {
    fn read(&self, call: &Call, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
        call::shape(call, 1, &["by", "half_life"], true)?;
        let half_life_ms = call::duration_ms(call, "half_life")?;
        let of = aggregate::read(call, &call.args[0], cx)?;
        let cell = of.cell(What::Histogram { half_life_ms }, Value::Set(&call.args[0]), cx)?;
        let per = cx.cells.spaces[of.space].per;
        Ok(Node { ty: Ty::Tags, per, eval: Eval::Sets(Box::new(OfCell { cell, space: of.space })) })
    }
}

struct OfCell {
    cell: usize,
    space: usize,
}

impl Sets for OfCell {
    fn set<'a>(&self, at: &At<'a>, row: usize, _: &'a mut SetBuffer) -> SetRef<'a> {
        match at.state {
            Some(state) => state.histogram(self.cell, at.keys[self.space].get(row), at.now),
            None => SetRef { ids: &[], weights: &[], scale: 1.0 },
        }
    }
}
