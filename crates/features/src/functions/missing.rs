//! `missing`: whether there is a value at all.

use crate::call;
use crate::eval::{At, Numbers};
use crate::function::{Eval, Function, Node, Per};
use crate::names::Cx;
use crate::operators::{Map, OfTimes};
use tamis_spec::MISSING;
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::expr::Call;
use tamis_spec::kind::Kind;

pub(super) const KIND: Kind<dyn Function> = Kind {
    name: "missing",
    about: "1 where there is no value, 0 where there is one.",
    example: "missing(user.age)",
    params: &[],
    it: &Missing,
};

struct Missing;
impl Function for Missing {
    fn read(&self, call: &Call, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
        call::shape(call, 1, &[], false)?;
        let of = cx.node(&call.args[0])?;
        let per = of.per;
        Ok(match of.eval {
            Eval::Numbers(of) => Node::bool(per, Map { of, f: |v: f32| f32::from(v.is_nan()) }),
            Eval::Times(of) => Node::bool(per, Absent(OfTimes { of, f: |_, _| 0.0 })),
            other => Node::bool(per, Empty { of: other, per }),
        })
    }
}

/// 1 where a number is missing.
struct Absent<N>(N);
impl<N: Numbers> Numbers for Absent<N> {
    fn numbers(&self, at: &At<'_>, out: &mut [f32]) {
        self.0.numbers(at, out);
        out.iter_mut().for_each(|v| *v = f32::from(v.is_nan()));
    }
}

/// 1 where a word, set, text, vector or list is empty.
struct Empty {
    of: Eval,
    per: Per,
}

impl Numbers for Empty {
    fn numbers(&self, at: &At<'_>, out: &mut [f32]) {
        let n = if self.per == Per::Decision { 1 } else { out.len() };
        for (row, o) in out.iter_mut().enumerate().take(n) {
            let empty = match &self.of {
                Eval::Ids(of) => crate::eval::with_ids(of.as_ref(), at, |slot| slot.get(row)) == MISSING,
                Eval::Sets(of) => at.scratch.set(|buffer| of.set(at, row, buffer).ids.is_empty()),
                Eval::Vectors(of) => at.scratch.vector(|buffer| of.vector(at, row, buffer).is_empty()),
                Eval::Texts(of) => of.text(at, row).is_empty(),
                Eval::Places(of) => of.place(at, row)[0].is_nan(),
                Eval::Lists(of) => of.list(at, row).is_empty(),
                Eval::Numbers(_) | Eval::Times(_) => false,
            };
            *o = f32::from(empty);
        }
        if n < out.len() {
            let value = out[0];
            out.fill(value);
        }
    }
}
