//! `vector`: the items whose learned vectors have the largest inner product with the user's. Every item is looked at,
//! whatever the size of the catalogue: the time grows with items × dimensions.

use crate::learned::Learned;
use crate::source::{Error, FitAsk, Memo, Opened, Source, SourceKind, SourcePlan};
use crate::{topk, wide};
use std::sync::Arc;
use tamis_spec::decision::{Ask, Happened, Scored};
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::kind::Kind;
use tamis_spec::param::{Param, ParamType};
use tamis_spec::system::{Part, System};

/// The entry of the registry.
pub const KIND: Kind<dyn SourceKind> = Kind {
    name: "vector",
    about: "Proposes the items whose learned vectors are nearest to the user's, by inner product, over the whole catalogue.",
    example: "[[candidates]]\nkind = \"vector\"\nnear = \"user.taste\"\nof = \"movie.taste\"\nkeep = 300\n",
    params: &[
        Param {
            name: "near",
            ty: ParamType::Text,
            required: true,
            about: "The learned vector of the actor that lists are for: `user.taste`.",
        },
        Param {
            name: "of",
            ty: ParamType::Text,
            required: true,
            about: "The same learned vector of the actor that is ranked: `movie.taste`.",
        },
    ],
    it: &VectorKind,
};

struct VectorKind;

impl SourceKind for VectorKind {
    fn plan(&self, part: &Part, system: &System) -> Result<SourcePlan, Diagnostic> {
        let (near, of) = (named(part, "near", system)?, named(part, "of", system)?);
        if near != of {
            let span = part.params.span("of").unwrap_or_else(|| part.span.clone());
            let name = &system.learned[near].name.value;
            let message = "`near` and `of` name different learned vectors, which cannot be compared";
            return Err(Diagnostic::new(span, message).help(format!("use `{name}` in both")));
        }
        Ok(SourcePlan::default())
    }

    fn fit(&self, _: &Part, _: &FitAsk<'_>) -> Result<Vec<u8>, Error> {
        Ok(Vec::new())
    }

    fn open(&self, part: &Part, _: &Arc<Vec<u8>>, opened: &Opened<'_>) -> Result<Box<dyn Source>, Error> {
        let at = part.params.text("near").and_then(|near| near.split_once('.'));
        let at = at.and_then(|(_, name)| opened.system.learned(name)).expect("the plan found the learned vector");
        Ok(Box::new(Nearest { at, learned: opened.learned[at].clone() }))
    }
}

/// Index of the learned vector that `key` names as `ACTOR.NAME`.
fn named(part: &Part, key: &str, system: &System) -> Result<usize, Diagnostic> {
    let span = part.params.span(key).unwrap_or_else(|| part.span.clone());
    let actor = if key == "near" { system.decision.user } else { system.decision.item };
    let actor = system.actors[actor].name.value.as_str();
    let written = part.params.text(key).unwrap_or_default();
    let (prefix, name) = written.split_once('.').unwrap_or(("", written));
    if prefix != actor {
        let message =
            format!("`{key}` is a learned vector of `{actor}`, written `{actor}.NAME`, but found `{written}`");
        return Err(Diagnostic::new(span, message).help(format!("`{actor}.{name}`?")));
    }
    let known = system.learned.iter().map(|l| l.name.value.as_str());
    system.learned(name).ok_or_else(|| Diagnostic::unknown(span, "learned vector", name, known))
}

/// Exact inner products with every item. An all-zero vector says nothing of its user or item.
struct Nearest {
    at: usize,
    learned: Arc<dyn Learned>,
}

impl Source for Nearest {
    fn candidates(&self, ask: &Ask<'_>, keep: usize, memo: &mut Memo, out: &mut Vec<Scored>) {
        let items = self.learned.items();
        let user = ask.user_vectors.get(self.at).copied().unwrap_or(&[]);
        memo.scores.clear();
        memo.scores.resize(ask.n_items, f32::NAN);
        if user.len() != items.dimensions || user.iter().all(|v| *v == 0.0) {
            return;
        }
        let n = items.len().min(ask.n_items);
        wide::products(&items.values[..n * items.dimensions], user, &mut memo.scores[..n]);
        for (item, score) in memo.scores[..n].iter_mut().enumerate() {
            if *score == 0.0 && items.get(item as u32).is_some_and(|v| v.iter().all(|v| *v == 0.0)) {
                *score = f32::NAN;
            }
        }
        topk::best(&memo.scores, ask.excluded, keep, out);
    }

    fn score(&self, _: &Ask<'_>, items: &[u32], memo: &mut Memo, out: &mut [f32]) {
        for (o, item) in out.iter_mut().zip(items) {
            *o = memo.scores.get(*item as usize).copied().unwrap_or(f32::NAN);
        }
    }

    fn fold(&mut self, _: &Happened<'_>) {}

    fn replica(&self) -> Box<dyn Source> {
        Box::new(Self { at: self.at, learned: self.learned.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Draws, ask_of, asked_with, part, ranked, system, text};
    use tamis_spec::decision::Answer;
    use tamis_spec::mask::Mask;
    use tamis_spec::vectors::Vectors;

    struct Given(Vectors);

    impl Learned for Given {
        fn items(&self) -> &Vectors {
            &self.0
        }

        fn user(&self, _: u32, _: &[Answer<'_>], _: &mut Memo, _: &mut [f32]) {}
    }

    fn system_with_taste() -> System {
        let mut system = system();
        let mut learn = |name: &str| {
            let mut learned = part("als", Vec::new());
            learned.name.value = name.into();
            system.learned.push(learned);
        };
        learn("style");
        learn("taste");
        system
    }

    fn opened(values: Vec<f32>, dimensions: usize) -> Box<dyn Source> {
        let given = |values| Arc::new(Given(Vectors { values, dimensions })) as Arc<dyn Learned>;
        let system = system_with_taste();
        let part = part("vector", vec![("near", text("user.taste")), ("of", text("movie.taste"))]);
        KIND.it.plan(&part, &system).unwrap();
        let learned = [given(Vec::new()), given(values)];
        KIND.it.open(&part, &Arc::default(), &Opened { system: &system, learned: &learned }).unwrap()
    }

    #[test]
    fn the_nearest_are_those_of_looking_at_every_item() {
        let (d, n, mut draws) = (24, 300, Draws(1));
        let values: Vec<f32> = (0..d * n).map(|_| draws.below(9) as f32 - 4.0).collect();
        let user: Vec<f32> = (0..d).map(|_| draws.below(9) as f32 - 4.0).collect();
        let product = |i: usize| (0..d).map(|k| values[i * d + k] * user[k]).sum::<f32>();
        let expected: Vec<f32> = (0..n).map(product).collect();
        let source = opened(values.clone(), d);
        let vectors: [&[f32]; 2] = [&[], &user];
        let mask = Mask::default();
        let (list, scores) =
            asked_with(&*source.replica(), &ask_of(0, n + 2, &[], &vectors, &mask), 20, &mut Memo::default());
        assert_eq!(list, ranked(&expected, 20));
        assert_eq!(scores[..n], expected);
        assert!(scores[n].is_nan() && scores[n + 1].is_nan());
    }

    #[test]
    fn a_vector_of_zeros_says_nothing() {
        let source = opened(vec![0.0, 0.0, 1.0, -1.0, -2.0, 0.0], 2);
        let mask = Mask::default();
        let check = |user: &[f32], expected: &[u32]| {
            let vectors: [&[f32]; 2] = [&[], user];
            let (list, scores) = asked_with(&*source, &ask_of(0, 3, &[], &vectors, &mask), 9, &mut Memo::default());
            assert_eq!(list.iter().map(|s| s.item).collect::<Vec<_>>(), expected);
            assert!(scores[0].is_nan());
        };
        check(&[1.0, 1.0], &[1, 2]);
        check(&[0.0, 0.0], &[]);
        check(&[], &[]);
    }

    #[test]
    fn both_keys_name_one_learned_vector() {
        let check = |near, of, expected: &str| {
            let part = part("vector", vec![("near", text(near)), ("of", text(of))]);
            let found = KIND.it.plan(&part, &system_with_taste()).err().map(|d| d.to_string()).unwrap_or_default();
            assert_eq!(found, expected);
        };
        check("user.taste", "movie.taste", "");
        check("user.tase", "movie.taste", "unknown learned vector `tase` (did you mean `taste`?)");
        check(
            "taste",
            "movie.taste",
            "`near` is a learned vector of `user`, written `user.NAME`, but found `taste` (`user.taste`?)",
        );
        check(
            "user.taste",
            "user.taste",
            "`of` is a learned vector of `movie`, written `movie.NAME`, but found `user.taste` (`movie.taste`?)",
        );
        check(
            "user.taste",
            "movie.style",
            "`near` and `of` name different learned vectors, which cannot be compared (use `taste` in both)",
        );
    }
}
