//! `cap`: at most so many items of one author, shop, genre in a list.
//!
//! Items are looked at best first. One whose value was met so often already is over the cap: it goes down behind all that are not, in
//! the order in which such items came, or it is dropped. An item without a value has nothing in common with others and is never over.

use crate::rerank::{Change, Rerank, RerankAsk, RerankKind, RerankPlan};
use std::collections::HashMap;
use tamis_spec::MISSING;
use tamis_spec::actors::Field;
use tamis_spec::decision::Scored;
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::kind::Kind;
use tamis_spec::param::{Param, ParamType};
use tamis_spec::system::{Part, System, Type};

/// The entry of the registry. What it drops it drops for `cap`; what it moves it reports, of both sides.
pub const KIND: Kind<dyn RerankKind> = Kind {
    name: "cap",
    about: "Lets at most so many items of one author, shop or genre into the list; what is over goes down or is dropped.",
    example: "[rerank]\ncap = { by = \"movie.country\", most = 2 }\n",
    params: &[
        Param {
            name: "by",
            ty: ParamType::Text,
            required: true,
            about: "A category or reference of the ranked actor, or of what it refers to: `article.author`, `article.author.region`.",
        },
        Param {
            name: "most",
            ty: ParamType::Integer(1, 10_000),
            required: true,
            about: "So many items of one value are within the cap.",
        },
        Param {
            name: "over",
            ty: ParamType::Choice(&["down", "drop"]),
            required: false,
            about: "What becomes of the others: `down`, the default, behind all that are within it; or `drop`.",
        },
    ],
    it: &CapKind,
};

struct CapKind;

impl RerankKind for CapKind {
    fn plan(&self, part: &Part, system: &System) -> Result<RerankPlan, Diagnostic> {
        steps(part, system)?;
        Ok(RerankPlan::default())
    }

    fn open(&self, part: &Part, system: &System) -> Box<dyn Rerank> {
        Box::new(Cap {
            steps: steps(part, system).expect("the plan found the fields"),
            most: part.params.count("most").unwrap_or(usize::MAX),
            drops: part.params.text("over") == Some("drop"),
        })
    }
}

/// The fields that `by` leads through, each an actor and an index among its fields.
fn steps(part: &Part, system: &System) -> Result<Vec<(usize, usize)>, Diagnostic> {
    let span = part.params.span("by").unwrap_or_else(|| part.span.clone());
    let written = part.params.text("by").unwrap_or_default();
    let item = &system.actors[system.decision.item].name.value;
    let mut names = written.split('.');
    if names.next() != Some(item.as_str()) {
        let message = format!("`by` is a field of `{item}`, written `{item}.FIELD`, but found `{written}`");
        return Err(Diagnostic::new(span, message));
    }
    let (mut actor, mut out, mut last) = (Some(system.decision.item), Vec::new(), None);
    for name in names {
        let Some(at) = actor else {
            let message = format!("`{}` has no fields", last.unwrap_or_default());
            return Err(Diagnostic::new(span, message));
        };
        let spec = &system.actors[at];
        let Some(field) = spec.fields.iter().position(|f| f.name.value == name) else {
            let known = spec.fields.iter().map(|f| f.name.value.as_str());
            return Err(Diagnostic::unknown(span, &format!("field of `{}`", spec.name.value), name, known));
        };
        actor = match &spec.fields[field].ty {
            Type::Actor(target) => system.actor(target),
            Type::Category => None,
            _ => {
                let message =
                    format!("`{written}` is neither a category nor a reference: it names no one thing to cap by");
                return Err(Diagnostic::new(span, message));
            }
        };
        out.push((at, field));
        last = Some(name);
    }
    if out.is_empty() {
        return Err(Diagnostic::new(span, format!("`{written}` names no field: every `{item}` is its own")));
    }
    Ok(out)
}

struct Cap {
    steps: Vec<(usize, usize)>,
    most: usize,
    drops: bool,
}

impl Cap {
    /// What an item has in common with others; [`MISSING`] for nothing.
    fn value(&self, ask: &RerankAsk<'_>, item: u32) -> u32 {
        self.steps.iter().fold(item, |idx, (actor, field)| {
            match ask.actors.tables.get(*actor).and_then(|t| t.at(*field, idx, ask.now)) {
                Some((Field::Ids(ids), row)) => ids.get(row as usize).copied().unwrap_or(MISSING),
                _ => MISSING,
            }
        })
    }
}

impl Rerank for Cap {
    fn order(&self, ask: &RerankAsk<'_>, list: &mut Vec<Scored>, changes: &mut Vec<Change>) {
        let mut met: HashMap<u32, usize> = HashMap::new();
        let mut is_over = |item: u32| {
            let value = self.value(ask, item);
            let n = met.entry(value).or_default();
            *n += 1;
            value != MISSING && *n > self.most
        };
        let all: Vec<(usize, Scored)> = std::mem::take(list).into_iter().enumerate().collect();
        let (over, within): (Vec<_>, Vec<_>) = all.into_iter().partition(|(_, s)| is_over(s.item));
        if self.drops {
            changes.extend(over.iter().map(|(_, s)| Change::Dropped { item: s.item, why: "cap" }));
            list.extend(within.into_iter().map(|(_, s)| s));
            return;
        }
        for (to, (from, scored)) in within.into_iter().chain(over).enumerate() {
            list.push(scored);
            if from != to {
                changes.push(Change::Moved { item: scored.item, from: from as u32 + 1, to: to as u32 + 1 });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{films, items, list, ordered, part, system, text};
    use tamis_spec::param::ParamValue;

    fn of(by: &str, most: f64, over: &str) -> Part {
        let number = ParamValue::Number(most);
        part("cap", vec![("by", text(by)), ("most", number), ("over", text(over))])
    }

    // Countries of the films: 0 and 1 and 2 fr, 3 it, 4 and 5 none. Studios, which have countries of their own: 0 a, 1 b, 2 b, 3 a.
    const SCORED: [(u32, f32); 6] = [(0, 0.9), (1, 0.8), (2, 0.7), (4, 0.6), (3, 0.5), (5, 0.4)];

    #[test]
    fn what_is_over_the_cap_goes_down_in_its_order_and_every_move_is_told() {
        let check = |by: &str, most: f64, expected: &[u32]| {
            let before = list(&SCORED);
            let (after, changes) = ordered(&KIND, &of(by, most, "down"), &films(), &[], 9, before.clone());
            assert_eq!(items(&after), expected, "{by} {most}");
            let mut undone = after.clone();
            for change in &changes {
                let Change::Moved { item, from, to } = *change else { panic!("{change:?}") };
                assert!(from != to && after[to as usize - 1].item == item);
                undone[from as usize - 1] = after[to as usize - 1];
            }
            assert_eq!(undone, before, "scores stay with their items");
        };
        check("movie.country", 3.0, &[0, 1, 2, 4, 3, 5]);
        check("movie.country", 2.0, &[0, 1, 4, 3, 5, 2]);
        check("movie.country", 1.0, &[0, 4, 3, 5, 1, 2]);
        check("movie.studio", 1.0, &[0, 1, 4, 5, 2, 3]);
        check("movie.studio.country", 2.0, &[0, 1, 4, 5, 2, 3]);
    }

    #[test]
    fn what_is_over_the_cap_is_dropped_where_the_file_says_so() {
        let dropped = |item| Change::Dropped { item, why: "cap" };
        let (left, changes) = ordered(&KIND, &of("movie.country", 1.0, "drop"), &films(), &[], 9, list(&SCORED));
        assert_eq!((items(&left), changes), (vec![0, 4, 3, 5], vec![dropped(1), dropped(2)]));
        let (left, changes) = ordered(&KIND, &of("movie.country", 1.0, "drop"), &films(), &[], 9, Vec::new());
        assert_eq!((left, changes), (Vec::new(), Vec::new()));
    }

    #[test]
    fn it_goes_by_a_category_or_reference_of_the_ranked_actor() {
        let check = |by, expected: &str| {
            let found = KIND.it.plan(&of(by, 2.0, "down"), &system()).err();
            assert!(found.as_ref().is_none_or(|d| d.span == (10..20)));
            assert_eq!(found.map(|d| d.to_string()).unwrap_or_default(), expected);
        };
        check("movie.country", "");
        check("movie.studio", "");
        check("movie.studio.country", "");
        check("movie.contry", "unknown field of `movie` `contry` (did you mean `country`?)");
        check("movie.country.code", "`country` has no fields");
        check("movie", "`movie` names no field: every `movie` is its own");
        check("user.country", "`by` is a field of `movie`, written `movie.FIELD`, but found `user.country`");
        check("movie.year", "`movie.year` is neither a category nor a reference: it names no one thing to cap by");
    }
}
