//! `exclude`: no item that the user already met.

use crate::rerank::{Change, Rerank, RerankAsk, RerankKind, RerankPlan};
use tamis_spec::decision::{Need, Scored};
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::kind::Kind;
use tamis_spec::param::{Param, ParamType};
use tamis_spec::system::{Part, System};

/// The entry of the registry. What it drops it drops for `exclude`.
pub const KIND: Kind<dyn RerankKind> = Kind {
    name: "exclude",
    about: "Leaves out items that the user met in any of these events; sources do not propose them either.",
    example: "[rerank]\nexclude = [\"rating\"]\n",
    params: &[Param {
        name: "value",
        ty: ParamType::Events,
        required: true,
        about: "Events that join a user and an item.",
    }],
    it: &ExcludeKind,
};

struct ExcludeKind;

impl RerankKind for ExcludeKind {
    fn plan(&self, part: &Part, system: &System) -> Result<RerankPlan, Diagnostic> {
        let mut needs = Vec::new();
        for name in part.params.texts("value") {
            let Some(event) = system.event(&name.value) else {
                let known = system.events.iter().map(|e| e.name.value.as_str());
                return Err(Diagnostic::unknown(name.span.clone(), "event", &name.value, known));
            };
            let (user, item) = (&system.decision.user_name, &system.decision.item_name);
            for (role, actor) in [(system.user_role(event), user), (system.item_role(event), item)] {
                if role.is_none() {
                    let message = format!("event `{}` has no `{actor}`: it does not say who met what", name.value);
                    return Err(Diagnostic::new(name.span.clone(), message));
                }
            }
            needs.push(Need::History { event });
        }
        Ok(RerankPlan { needs, excludes: true })
    }

    fn open(&self, _: &Part, _: &System) -> Box<dyn Rerank> {
        Box::new(Exclude)
    }
}

struct Exclude;

impl Rerank for Exclude {
    fn order(&self, ask: &RerankAsk<'_>, list: &mut Vec<Scored>, changes: &mut Vec<Change>) {
        let mut met: Vec<u32> = ask.answers.iter().flat_map(|a| a.visits()).map(|v| v.item).collect();
        met.sort_unstable();
        list.retain(|s| {
            let keep = met.binary_search(&s.item).is_err();
            if !keep {
                changes.push(Change::Dropped { item: s.item, why: "exclude" });
            }
            keep
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{films, items, list, ordered, part, system};
    use tamis_spec::decision::{Answer, Visit};
    use tamis_spec::diagnostic::Spanned;
    use tamis_spec::param::ParamValue;

    fn of(events: &[&str]) -> Part {
        let event = |(k, name): (usize, &&str)| Spanned { value: name.to_string(), span: k..k + 1 };
        part("exclude", vec![("value", ParamValue::Texts(events.iter().enumerate().map(event).collect()))])
    }

    #[test]
    fn what_was_met_in_any_of_the_events_is_dropped() {
        let visits = |items: &[u32]| items.iter().map(|item| Visit { item: *item, time: 1 }).collect::<Vec<_>>();
        let check = |met: [&[u32]; 2], kept: &[u32], dropped: &[u32]| {
            let (first, second) = (visits(met[0]), visits(met[1]));
            let answers = [Answer::History(&first), Answer::History(&second)];
            let proposed = list(&[(4, 0.9), (1, 0.5), (7, 0.1)]);
            let (left, changes) = ordered(&KIND, &of(&["rating", "liked"]), &films(), &answers, 1, proposed);
            assert_eq!(items(&left), kept);
            let expected: Vec<_> = dropped.iter().map(|item| Change::Dropped { item: *item, why: "exclude" }).collect();
            assert_eq!(changes, expected);
        };
        check([&[], &[]], &[4, 1, 7], &[]);
        check([&[7, 2, 7], &[4]], &[1], &[4, 7]);
        check([&[9], &[1]], &[4, 7], &[1]);
    }

    #[test]
    fn it_needs_the_histories_of_its_events() {
        let plan = KIND.it.plan(&of(&["liked", "rating"]), &system()).unwrap();
        assert_eq!(plan.needs, [Need::History { event: 1 }, Need::History { event: 0 }]);
        assert!(plan.excludes);
        let check = |events: &[&str], message: &str, start| {
            let found = KIND.it.plan(&of(events), &system()).unwrap_err();
            assert_eq!((found.to_string().as_str(), found.span.start), (message, start));
        };
        check(&["liked", "ratng"], "unknown event `ratng` (did you mean `rating`?)", 1);
        check(&["visit"], "event `visit` has no `movie`: it does not say who met what", 0);
    }
}
