//! `vector`: the items whose learned vectors have the largest inner product with the user's. In a small catalogue every item is looked
//! at; in a large one an index finds as many of the nearest as is declared.

use crate::learned::Learned;
use crate::source::{Bytes, Error, FitAsk, Memo, Opened, Source, SourceKind, SourcePlan};
use crate::{topk, wide};
use std::sync::Arc;
use tamis_nearest::{Index, Options};
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
        Param {
            name: "exact_below",
            ty: ParamType::Integer(0, 1_000_000_000),
            required: false,
            about: "In a catalogue of fewer items every one is looked at; by default 50000.",
        },
        Param {
            name: "recall",
            ty: ParamType::Number(0.5, 1.0),
            required: false,
            about: "In a larger one, the share of the true nearest that are found; by default 0.95.",
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
        // Of a catalogue that is larger than `exact_below`, about: codes, and the vectors once more.
        let bytes = Bytes { per_item: 5.0 * dimensions(part, system), ..Bytes::default() };
        let key = format!("{near} {} {} {}", exact_below(part), recall(part), keep(part));
        Ok(SourcePlan { fit_key: Some(key), of_texts: true, bytes, ..SourcePlan::default() })
    }

    fn fit(&self, part: &Part, ask: &FitAsk<'_>) -> Result<Vec<u8>, Error> {
        let refused = |reason: String| Error::Fit { part: part.name.value.clone(), reason };
        let at = learned_of(part, ask.system);
        let Some(mut items) = (ask.items)(at).filter(|items| items.len() >= exact_below(part).max(1)) else {
            return Ok(Vec::new());
        };
        // An item without a vector, or with one that says nothing, is near to nobody.
        let mut silent = Vec::new();
        for (item, vector) in items.values.chunks_exact_mut(items.dimensions).enumerate() {
            if vector.iter().any(|v| !v.is_finite()) || vector.iter().all(|v| *v == 0.0) {
                vector.fill(0.0);
                silent.push(item as u32);
            }
        }
        let options = Options { recall: recall(part), k: keep(part), seed: ask.seed, ..Options::default() };
        let threads = rayon::ThreadPoolBuilder::new().num_threads(ask.n_threads.max(1)).build();
        let threads = threads.map_err(|e| refused(format!("no threads could be started: {e}")))?;
        let mut index = threads.install(|| Index::build(&items, &options)).map_err(|e| refused(e.to_string()))?;
        silent.into_iter().for_each(|item| {
            index.remove(item);
        });
        index.settle();
        Ok(index.to_bytes())
    }

    fn open(&self, part: &Part, fitted: &Arc<Vec<u8>>, opened: &Opened<'_>) -> Result<Box<dyn Source>, Error> {
        let at = learned_of(part, opened.system);
        let damaged = |reason: String| Error::Damaged { part: part.name.value.clone(), reason };
        let index = match fitted.is_empty() {
            true => None,
            false => Some(Index::open(fitted.clone()).map_err(|e| damaged(format!("{e}; train again")))?),
        };
        Ok(Box::new(Nearest { at, learned: opened.learned[at].clone(), index: index.map(Arc::new) }))
    }
}

fn exact_below(part: &Part) -> usize {
    part.params.count("exact_below").unwrap_or(50_000)
}

fn recall(part: &Part) -> f32 {
    part.params.number("recall").unwrap_or(0.95) as f32
}

fn keep(part: &Part) -> usize {
    part.params.count("keep").unwrap_or(100).max(1)
}

/// Length of the learned vectors, as the file says it; that of most where it does not.
fn dimensions(part: &Part, system: &System) -> f64 {
    system.learned[learned_of(part, system)].params.number("dimensions").unwrap_or(64.0)
}

/// Index of the learned vector that both keys name.
fn learned_of(part: &Part, system: &System) -> usize {
    let near = part.params.text("near").and_then(|near| near.split_once('.'));
    near.and_then(|(_, name)| system.learned(name)).expect("the plan found the learned vector")
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

/// Inner products, with every item or with those that an index finds. An all-zero vector says nothing of its user or item.
struct Nearest {
    at: usize,
    learned: Arc<dyn Learned>,
    index: Option<Arc<Index>>,
}

impl Nearest {
    /// The nearest that the index finds.
    fn found(&self, index: &Index, (ask, user): (&Ask<'_>, &[f32]), keep: usize, memo: &mut Memo) -> Vec<Scored> {
        let kept = memo.kept.get_or_insert_with(|| Box::new(tamis_nearest::Memo::default()));
        let kept = kept.downcast_mut().expect("a source's memo is its own");
        let wanted = tamis_nearest::Ask { k: keep, effort: None, excluded: Some(ask.excluded), filter: None };
        let mut out = Vec::new();
        // What cannot be compared, as a vector that is not finite, finds nothing.
        let _ = index.search(user, &wanted, kept, &mut out);
        out.retain(|s| (s.item as usize) < ask.n_items);
        out
    }
}

impl Source for Nearest {
    fn candidates(&self, ask: &Ask<'_>, keep: usize, memo: &mut Memo, out: &mut Vec<Scored>) {
        let items = self.learned.items();
        let user = ask.user_vectors.get(self.at).copied().unwrap_or(&[]);
        memo.scores.clear();
        let says_something = user.len() == items.dimensions && user.iter().any(|v| *v != 0.0);
        if let Some(index) = &self.index {
            if says_something {
                out.extend(self.found(index, (ask, user), keep, memo));
            }
            return;
        }
        memo.scores.resize(ask.n_items, f32::NAN);
        if !says_something {
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

    fn score(&self, ask: &Ask<'_>, items: &[u32], memo: &mut Memo, out: &mut [f32]) {
        if self.index.is_some() {
            let user = ask.user_vectors.get(self.at).copied().unwrap_or(&[]);
            let vectors = self.learned.items();
            for (o, item) in out.iter_mut().zip(items) {
                *o = f32::NAN;
                let vector = vectors.get(*item).filter(|v| v.len() == user.len() && v.iter().any(|v| *v != 0.0));
                if let Some(vector) = vector {
                    wide::products(vector, user, std::slice::from_mut(o));
                }
            }
            return;
        }
        for (o, item) in out.iter_mut().zip(items) {
            *o = memo.scores.get(*item as usize).copied().unwrap_or(f32::NAN);
        }
    }

    fn fold(&mut self, _: &Happened<'_>) {}

    fn replica(&self) -> Box<dyn Source> {
        Box::new(Self { at: self.at, learned: self.learned.clone(), index: self.index.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Draws, ask_of, asked_with, part, ranked, system, text, with_fit};
    use tamis_spec::decision::Answer;
    use tamis_spec::diagnostic::Spanned;
    use tamis_spec::mask::Mask;
    use tamis_spec::param::ParamValue;
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
    fn in_a_large_catalogue_an_index_finds_nearly_all_of_the_nearest() {
        let (d, n, mut draws) = (16, 3_000, Draws(3));
        let middles: Vec<f32> = (0..40 * d).map(|_| draws.signed()).collect();
        let mut values: Vec<f32> =
            (0..n * d).map(|i| middles[(i / d) % 40 * d + i % d] + 0.3 * draws.signed()).collect();
        values[7 * d..8 * d].fill(0.0);
        values[9 * d] = f32::NAN;
        let given = Vectors { values: values.clone(), dimensions: d };
        let mut part = part("vector", vec![("near", text("user.taste")), ("of", text("movie.taste"))]);
        for (name, value) in [("exact_below", 1_000.0), ("keep", 20.0)] {
            part.params.values.push((name, Spanned { value: ParamValue::Number(value), span: 1..2 }));
        }
        let system = system_with_taste();
        let items = |_: usize| Some(given.clone());
        let fit = |n_threads: usize| {
            let ask = |ask: &FitAsk<'_>| KIND.it.fit(&part, &FitAsk { system: &system, items: &items, ..*ask });
            with_fit(&[], 1, n, n_threads, ask).unwrap()
        };
        let bytes = Arc::new(fit(1));
        assert_eq!(*bytes, fit(3), "any number of threads");
        let learned: [Arc<dyn Learned>; 2] = [Arc::new(Given(Vectors::default())), Arc::new(Given(given.clone()))];
        let source = KIND.it.open(&part, &bytes, &Opened { system: &system, learned: &learned }).unwrap().replica();
        let (mut met, mut excluded, mut memo) = (0, Mask::default(), Memo::default());
        excluded.insert(11);
        for query in 0..50usize {
            let user: Vec<f32> = (0..d).map(|k| middles[query % 40 * d + k] + 0.3 * draws.signed()).collect();
            let vectors: [&[f32]; 2] = [&[], &user];
            let (list, scores) = asked_with(&*source, &ask_of(0, n + 5, &[], &vectors, &excluded), 20, &mut memo);
            assert!(scores[7].is_nan() && scores[9].is_nan() && scores[n].is_nan());
            let mut expected: Vec<f32> =
                scores.iter().map(|s| if s.is_nan() { f32::NEG_INFINITY } else { *s }).collect();
            expected[11] = f32::NEG_INFINITY;
            let expected = ranked(&expected, 20);
            assert!(list.iter().all(|s| ![7, 9, 11].contains(&s.item)));
            met += expected.iter().filter(|e| list.iter().any(|s| s.item == e.item)).count();
            let mut without = Mask::default();
            without.insert(list[0].item);
            let (rest, _) = asked_with(&*source, &ask_of(0, n + 5, &[], &vectors, &without), 20, &mut memo);
            assert!(rest.iter().all(|s| s.item != list[0].item), "what is excluded is not found");
        }
        assert!(met > 930, "{met} of 1000");
        let cut = Arc::new(bytes[..bytes.len() / 2].to_vec());
        assert!(KIND.it.open(&part, &cut, &Opened { system: &system, learned: &learned }).is_err());
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
