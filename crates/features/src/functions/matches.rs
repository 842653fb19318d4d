//! `matches`: whether a word is in a set.

use crate::call;
use crate::eval::{At, Ids, Numbers, Sets, with_ids};
use crate::function::{Eval, Function, Node};
use crate::names::Cx;
use tamis_spec::MISSING;
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::expr::Call;
use tamis_spec::kind::Kind;

pub(super) const KIND: Kind<dyn Function> = Kind {
    name: "matches",
    about: "The weight of a category in a weighted set, 0 when it is not in it; missing when the category is.",
    example: "matches(user.favourite, movie.genres)",
    params: &[],
    it: &Matches,
};

struct Matches;
impl Function for Matches {
    fn read(&self, call: &Call, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
        call::shape(call, 2, &[], false)?;
        let (word, set) = (cx.node(&call.args[0])?, cx.node(&call.args[1])?);
        let per = word.per.max(set.per);
        match (word.eval, set.eval) {
            (Eval::Ids(word), Eval::Sets(set)) => Ok(Node::number(per, WeightOf { word, set })),
            (Eval::Ids(_), _) => Err(call::wrong("matches", call.args[1].span.clone(), "tags", set.ty.name())),
            _ => Err(call::wrong("matches", call.args[0].span.clone(), "a category", word.ty.name())),
        }
    }
}

struct WeightOf {
    word: Box<dyn Ids>,
    set: Box<dyn Sets>,
}

impl Numbers for WeightOf {
    fn numbers(&self, at: &At<'_>, out: &mut [f32]) {
        with_ids(self.word.as_ref(), at, |words| {
            at.scratch.set(|buffer| {
                for (row, o) in out.iter_mut().enumerate() {
                    let word = words.get(row);
                    let set = self.set.set(at, row, buffer);
                    let found = set.ids.iter().position(|id| *id == word);
                    *o = if word == MISSING { f32::NAN } else { found.map_or(0.0, |i| set.weights[i] * set.scale) };
                    buffer.clear();
                }
            });
        });
    }
}
