//! `diversity`: maximal marginal relevance (Carbonell and Goldstein 1998).
//!
//! Places are filled one after the other with the item whose (1 - strength) · relevance - strength · similarity is largest,
//! where relevance is the score scaled to 0..1 over the list and similarity the largest cosine to an item that already has a
//! place. Equal items keep their order. An item without tags or vector is similar to nothing.

use crate::rerank::{Change, Rerank, RerankAsk, RerankKind, RerankPlan};
use tamis_spec::actors::{Field, Tags};
use tamis_spec::decision::Scored;
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::kind::Kind;
use tamis_spec::param::{Param, ParamType};
use tamis_spec::system::{FieldSpec, Part, System, Type};
use tamis_spec::vectors::Vectors;

/// The best so many of a list take part; those below stay where they are.
pub const MAX_PARTICIPANTS: usize = 200;

/// The entry of the registry. It drops nothing; of the items that took part it reports every one whose place changed.
pub const KIND: Kind<dyn RerankKind> = Kind {
    name: "diversity",
    about: "Moves items down that are similar to those above them; the best 200 take part.",
    example: "[rerank]\ndiversity = { by = \"movie.genres\", strength = 0.2 }\n",
    params: &[
        Param {
            name: "by",
            ty: ParamType::Text,
            required: true,
            about: "The field of the ranked actor that says how similar two are, tags or a vector: `movie.genres`.",
        },
        Param {
            name: "strength",
            ty: ParamType::Number(0.0, 1.0),
            required: true,
            about: "0 leaves the order as it is; 1 looks at similarity alone.",
        },
    ],
    it: &DiversityKind,
};

struct DiversityKind;

impl RerankKind for DiversityKind {
    fn plan(&self, part: &Part, system: &System) -> Result<RerankPlan, Diagnostic> {
        field(part, system)?;
        Ok(RerankPlan::default())
    }

    fn open(&self, part: &Part, system: &System) -> Box<dyn Rerank> {
        let field = field(part, system).expect("the plan found the field");
        Box::new(Diversity { field, strength: part.params.number("strength").unwrap_or(0.0) as f32 })
    }
}

/// The index of the field among those of the ranked actor.
fn field(part: &Part, system: &System) -> Result<usize, Diagnostic> {
    let span = part.params.span("by").unwrap_or_else(|| part.span.clone());
    let actor = &system.actors[system.decision.item];
    let (name, written) = (actor.name.value.as_str(), part.params.text("by").unwrap_or_default());
    let fits = |f: &&FieldSpec| matches!(f.ty, Type::Tags | Type::Vector);
    let fitting: Vec<_> = actor.fields.iter().filter(fits).map(|f| format!("`{name}.{}`", f.name.value)).collect();
    let help = if fitting.is_empty() { String::new() } else { format!("fields that can: {}", fitting.join(", ")) };
    let Some(found) = written.strip_prefix(name).and_then(|rest| rest.strip_prefix('.')) else {
        let message = format!("`by` is a field of `{name}`, written `{name}.FIELD`, but found `{written}`");
        return Err(Diagnostic::new(span, message).help(help));
    };
    let Some(at) = actor.fields.iter().position(|f| f.name.value == found) else {
        let known = actor.fields.iter().map(|f| f.name.value.as_str());
        return Err(Diagnostic::unknown(span, &format!("field of `{name}`"), found, known));
    };
    if !fits(&&actor.fields[at]) {
        let message = format!("`{written}` is neither tags nor a vector: it does not say how similar two are");
        return Err(Diagnostic::new(span, message).help(help));
    }
    Ok(at)
}

struct Diversity {
    field: usize,
    strength: f32,
}

impl Rerank for Diversity {
    fn order(&self, ask: &RerankAsk<'_>, list: &mut Vec<Scored>, changes: &mut Vec<Change>) {
        let n = list.len().min(MAX_PARTICIPANTS);
        let field = ask.actors.tables.get(ask.item_actor).and_then(|t| t.fields.get(self.field));
        let Some(mut space) = field.and_then(|f| Space::of(f, &list[..n])) else { return };
        let order = self.places(&relevances(&list[..n]), ask.limit, &mut space);
        let before: Vec<Scored> = list[..n].to_vec();
        for (to, from) in order.into_iter().enumerate() {
            list[to] = before[from];
            if from != to {
                changes.push(Change::Moved { item: before[from].item, from: from as u32 + 1, to: to as u32 + 1 });
            }
        }
    }
}

impl Diversity {
    /// Who stands at each place: the first `n_places` are chosen, the rest follow in their order.
    fn places(&self, relevances: &[f32], n_places: usize, space: &mut Space<'_>) -> Vec<usize> {
        let n = relevances.len();
        let (mut order, mut left): (Vec<usize>, Vec<usize>) = (Vec::with_capacity(n), (0..n).collect());
        let mut nearest = vec![None::<f32>; n];
        while order.len() < n_places && !left.is_empty() {
            let gain = |i: usize| (1.0 - self.strength) * relevances[i] - self.strength * nearest[i].unwrap_or(0.0);
            let mut best = 0;
            for k in 1..left.len() {
                if gain(left[k]) > gain(left[best]) {
                    best = k;
                }
            }
            let chosen = left.remove(best);
            order.push(chosen);
            space.stand_at(chosen);
            for i in &left {
                let cosine = space.cosine(*i);
                nearest[*i] = Some(nearest[*i].map_or(cosine, |near| near.max(cosine)));
            }
        }
        order.extend(left);
        order
    }
}

/// Scores scaled to 0..1; all 0 when they are equal. Infinite ones are at the ends.
fn relevances(list: &[Scored]) -> Vec<f32> {
    let finite = || list.iter().map(|s| s.score).filter(|s| s.is_finite());
    let (low, high) = (finite().fold(f32::INFINITY, f32::min), finite().fold(f32::NEG_INFINITY, f32::max));
    let scale = |s: &Scored| match high - low {
        range if range > 0.0 => ((s.score - low) / range).clamp(0.0, 1.0),
        _ => f32::from(s.score == f32::INFINITY),
    };
    list.iter().map(scale).collect()
}

/// Where participants lie, and the one that others are compared with.
enum Space<'a> {
    /// Words are numbered from 0 within the list.
    Tags {
        /// Where each participant's words start, and the end.
        starts: Vec<usize>,
        words: Vec<usize>,
        /// Scaled to length 1.
        weights: Vec<f32>,
        /// Weights of the one that others are compared with, by word.
        here: Vec<f32>,
    },
    /// Vectors, the inverse of their lengths (0 for none), and the one that others are compared with.
    Vectors(&'a Vectors, Vec<(u32, f32)>, usize),
}

impl<'a> Space<'a> {
    /// None for a field that does not say how similar two are.
    fn of(field: &'a Field, list: &[Scored]) -> Option<Self> {
        match field {
            Field::Tags(tags) => Some(Self::of_tags(tags, list)),
            Field::Vectors(vectors) => {
                let inverse = |s: &Scored| {
                    let squares: f32 = vectors.get(s.item).map_or(0.0, |v| v.iter().map(|x| x * x).sum());
                    (s.item, if squares > 0.0 && squares.is_finite() { squares.sqrt().recip() } else { 0.0 })
                };
                Some(Self::Vectors(vectors, list.iter().map(inverse).collect(), 0))
            }
            _ => None,
        }
    }

    fn of_tags(tags: &Tags, list: &[Scored]) -> Self {
        let mut known: Vec<u32> = list.iter().flat_map(|s| tags.get(s.item).0).copied().collect();
        known.sort_unstable();
        known.dedup();
        let (mut starts, mut words, mut weights) = (vec![0], Vec::new(), Vec::new());
        for s in list {
            let (ids, own) = tags.get(s.item);
            let squares: f32 = own.iter().map(|w| w * w).sum();
            let inverse = if squares > 0.0 && squares.is_finite() { squares.sqrt().recip() } else { 0.0 };
            words.extend(ids.iter().map(|id| known.binary_search(id).expect("every word of the list is known")));
            weights.extend(own.iter().map(|w| if inverse > 0.0 { w * inverse } else { 0.0 }));
            starts.push(words.len());
        }
        Self::Tags { starts, words, weights, here: vec![0.0; known.len()] }
    }

    /// From now on others are compared with `participant`.
    fn stand_at(&mut self, participant: usize) {
        match self {
            Self::Tags { starts, words, weights, here } => {
                here.fill(0.0);
                let own = starts[participant]..starts[participant + 1];
                words[own.clone()].iter().zip(&weights[own]).for_each(|(word, weight)| here[*word] = *weight);
            }
            Self::Vectors(_, _, at) => *at = participant,
        }
    }

    /// Cosine to the one that others are compared with.
    fn cosine(&self, participant: usize) -> f32 {
        match self {
            Self::Tags { starts, words, weights, here } => {
                let own = starts[participant]..starts[participant + 1];
                words[own.clone()].iter().zip(&weights[own]).map(|(word, weight)| here[*word] * weight).sum()
            }
            Self::Vectors(vectors, inverses, at) => {
                let ((a, a_inverse), (b, b_inverse)) = (inverses[participant], inverses[*at]);
                match (vectors.get(a), vectors.get(b)) {
                    (Some(a), Some(b)) if a_inverse > 0.0 && b_inverse > 0.0 => {
                        a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>() * a_inverse * b_inverse
                    }
                    _ => 0.0,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{films, items, list, ordered, part, system, text};
    use tamis_spec::param::ParamValue;

    fn of(by: &str, strength: f64) -> Part {
        part("diversity", vec![("by", text(by)), ("strength", ParamValue::Number(strength))])
    }

    fn check(by: &str, strength: f64, limit: usize, scored: &[(u32, f32)], expected: &[u32]) {
        let before = list(scored);
        let (after, changes) = ordered(&KIND, &of(by, strength), &films(), &[], limit, before.clone());
        assert_eq!(items(&after), expected, "{by} {strength}");
        let mut undone = after.clone();
        for change in &changes {
            let Change::Moved { item, from, to } = *change else { panic!("{change:?}") };
            assert!(from != to && after[to as usize - 1].item == item);
            undone[from as usize - 1] = after[to as usize - 1];
        }
        assert_eq!(undone, before, "every move is reported, and scores stay with their items");
    }

    // Genres of the films: 0 war, 1 war, 2 war and love, 3 love, 4 none, 5 unknown to the table.
    #[test]
    fn an_item_moves_down_for_being_similar_to_those_above() {
        let scored = [(0, 1.0), (1, 0.9), (2, 0.8), (3, 0.5), (4, 0.0)];
        check("movie.genres", 0.0, 9, &scored, &[0, 1, 2, 3, 4]);
        check("movie.genres", 0.2, 9, &scored, &[0, 1, 2, 3, 4]);
        // 1: 0.45 - 0.5; 2: 0.4 - 0.5 · 0.707; 3: 0.25. Then 4: 0, 1: -0.05, 2: 0.4 - 0.354.
        check("movie.genres", 0.5, 9, &scored, &[0, 3, 2, 4, 1]);
        check("movie.genres", 0.5, 2, &scored, &[0, 3, 1, 2, 4]);
        check("movie.genres", 1.0, 9, &scored, &[0, 3, 4, 2, 1]);
        check("movie.genres", 0.5, 0, &scored, &[0, 1, 2, 3, 4]);
    }

    // Vectors: 0 (1, 0), 1 (2, 0), 2 (-1, 0), 3 (0, 1), 4 missing, 5 past the end.
    #[test]
    fn vectors_say_how_similar_two_are_as_well() {
        let scored = [(0, 1.0), (1, 1.0), (2, 1.0), (3, 1.0), (4, 1.0), (5, 1.0)];
        check("movie.style", 0.0, 9, &scored, &[0, 1, 2, 3, 4, 5]);
        check("movie.style", 0.5, 9, &scored, &[0, 2, 3, 4, 5, 1]);
    }

    #[test]
    fn equal_items_keep_their_order() {
        for strength in [0.0, 0.3, 1.0] {
            check("movie.genres", strength, 9, &[(4, 0.5), (5, 0.5), (6, 0.5), (7, 0.5)], &[4, 5, 6, 7]);
            check("movie.genres", strength, 9, &[(0, 0.5), (1, 0.5)], &[0, 1]);
            check("movie.genres", strength, 9, &[], &[]);
        }
    }

    #[test]
    fn infinite_scores_are_the_ends() {
        let (high, low) = (f32::INFINITY, f32::NEG_INFINITY);
        assert_eq!(relevances(&list(&[(0, high), (1, 3.0), (2, 2.0), (3, 1.0), (4, low)])), [1.0, 1.0, 0.5, 0.0, 0.0]);
        assert_eq!(relevances(&list(&[(0, high), (1, 3.0), (2, low)])), [1.0, 0.0, 0.0]);
    }

    #[test]
    fn what_is_below_the_participants_stays() {
        // Love among the participants moves up; films without genres below them would, if they took part.
        let film = |k| if k < 150 { 0 } else { 3 + u32::from(k >= 250) };
        let scored: Vec<(u32, f32)> = (0..300).map(|k| (film(k), 300.0 - k as f32)).collect();
        let before = list(&scored);
        let (after, changes) = ordered(&KIND, &of("movie.genres", 0.9), &films(), &[], 1000, before.clone());
        assert!(!changes.is_empty());
        assert_eq!(after[MAX_PARTICIPANTS..], before[MAX_PARTICIPANTS..]);
    }

    #[test]
    fn it_goes_by_a_field_of_tags_or_vectors_of_the_ranked_actor() {
        let check = |by, expected: &str| {
            let found = KIND.it.plan(&of(by, 0.2), &system()).err();
            assert!(found.as_ref().is_none_or(|d| d.span == (10..20)));
            assert_eq!(found.map(|d| d.to_string()).unwrap_or_default(), expected);
        };
        check("movie.genres", "");
        check("movie.style", "");
        check("movie.genre", "unknown field of `movie` `genre` (did you mean `genres`?)");
        check(
            "movie.year",
            "`movie.year` is neither tags nor a vector: it does not say how similar two are (fields that can: \
             `movie.genres`, `movie.style`)",
        );
        check(
            "genres",
            "`by` is a field of `movie`, written `movie.FIELD`, but found `genres` (fields that can: `movie.genres`, \
             `movie.style`)",
        );
    }
}
