//! `similar`: how like an item is to what somebody met lately.

use super::cosine::{Measure, compare};
use crate::call;
use crate::eval::{At, Lists, Numbers, SetRef, Slot};
use crate::function::{Eval, Function, Node, Per, Ty};
use crate::names::{Cx, ITEM};
use tamis_spec::actors::Field;
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::expr::{Call, Node as Tree};
use tamis_spec::kind::Kind;

pub(super) const KIND: Kind<dyn Function> = Kind {
    name: "similar",
    about: "Cosine of a candidate's tags or vector with those of the latest actors met: their mean, or the best with take = \"best\".",
    example: "similar(recent(liked.movie, by = user, last = 5), movie.taste, take = \"best\")",
    params: &[],
    it: &Similar,
};

struct Similar;
impl Function for Similar {
    fn read(&self, call: &Call, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
        call::shape(call, 2, &["take"], false)?;
        let best = call::word(call, "take", &["best", "mean"])? == Some("best");
        let met = cx.node(&call.args[0])?;
        let (Eval::Lists(list), Ty::List(actor)) = (met.eval, met.ty) else {
            let help = "for example similar(recent(liked.movie, by = user), movie.genres)";
            return Err(call::wrong("similar", call.args[0].span.clone(), "a list of actors", met.ty.name()).help(help));
        };
        if met.per == Per::Candidate {
            return Err(Diagnostic::new(
                call.args[0].span.clone(),
                "the list of `similar` is kept by whoever the decision is for",
            ));
        }
        let of = cx.node(&call.args[1])?;
        let what = match (&of.ty, &call.args[1].node) {
            _ if actor != cx.system.decision.item => None,
            (Ty::Vector | Ty::Tags, Tree::Path(names)) if names.len() == 2 => {
                let name = names[1].0.as_str();
                let field = cx.system.actors[actor].fields.iter().position(|f| f.name.value == name);
                field.map(What::Field).or(cx.system.learned(name).map(What::Learned))
            }
            _ => None,
        };
        let what = what.ok_or_else(|| {
            let item = &cx.system.actors[cx.system.decision.item].name.value;
            Diagnostic::new(
                call.args[1].span.clone(),
                format!("`similar` takes a list of `{item}` and tags or a vector of `{item}`"),
            )
        })?;
        Ok(Node::number(Per::Candidate, ToList { list, what, actor, best }))
    }
}

#[derive(Clone, Copy)]
enum What {
    Field(usize),
    Learned(usize),
}

struct ToList {
    list: Box<dyn Lists>,
    what: What,
    actor: usize,
    best: bool,
}

impl ToList {
    fn cosine(&self, at: &At<'_>, a: u32, b: u32) -> f32 {
        match self.what {
            What::Learned(learned) => {
                let Some(vectors) = at.item_vectors.get(learned) else { return f32::NAN };
                compare(vectors.get(a).unwrap_or(&[]), vectors.get(b).unwrap_or(&[]), Measure::Cosine)
            }
            What::Field(field) => {
                let table = &at.actors.tables[self.actor];
                match (table.at(field, a, at.now), table.at(field, b, at.now)) {
                    (Some((Field::Vectors(x), a)), Some((Field::Vectors(y), b))) => {
                        compare(x.get(a).unwrap_or(&[]), y.get(b).unwrap_or(&[]), Measure::Cosine)
                    }
                    (Some((Field::Vectors(_), _)), None) | (None, Some((Field::Vectors(_), _))) => f32::NAN,
                    (a, b) => cosine_of_tags(tags_of(a), tags_of(b)),
                }
            }
        }
    }
}

/// The tags that stand there; none where nothing does.
fn tags_of(at: Option<(&Field, u32)>) -> (&[u32], &[f32]) {
    if let Some((Field::Tags(tags), row)) = at { tags.get(row) } else { (&[], &[]) }
}

/// Of two small sets, found by looking through both.
fn cosine_of_tags(a: (&[u32], &[f32]), b: (&[u32], &[f32])) -> f32 {
    let set = |(ids, weights)| SetRef { ids, weights, scale: 1.0 };
    let (a, b) = (set(a), set(b));
    let square = |s: &SetRef<'_>| s.weights.iter().map(|w| w * w).sum::<f32>();
    let mut shared = 0.0;
    for (id, w) in a.ids.iter().zip(a.weights) {
        if let Some(at) = b.ids.iter().position(|i| i == id) {
            shared += w * b.weights[at];
        }
    }
    let norm = (square(&a) * square(&b)).sqrt();
    if norm > 0.0 { shared / norm } else { 0.0 }
}

impl Numbers for ToList {
    fn numbers(&self, at: &At<'_>, out: &mut [f32]) {
        let list = self.list.list(at, 0);
        let items = at.slots[ITEM];
        for (row, o) in out.iter_mut().enumerate() {
            let item = match items {
                Slot::One(id) => id,
                Slot::Many(ids) => ids[row],
            };
            let (mut sum, mut best, mut n) = (0.0f32, f32::NEG_INFINITY, 0);
            for visit in list {
                let c = self.cosine(at, visit.item, item);
                if !c.is_nan() {
                    (sum, best, n) = (sum + c, best.max(c), n + 1);
                }
            }
            *o = match (n, self.best) {
                (0, _) => f32::NAN,
                (_, true) => best,
                (_, false) => sum / n as f32,
            };
        }
    }
}
