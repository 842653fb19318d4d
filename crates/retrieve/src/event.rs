//! The keys of a part that name events: each must say which item whom met.

use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::system::{Part, System};

/// Index of the event that `key` names. Refuses one that is unknown, and one without the actor that lists are for or the
/// actor that is ranked.
pub(crate) fn of_list(part: &Part, key: &str, system: &System) -> Result<usize, Diagnostic> {
    let span = part.params.span(key).unwrap_or_else(|| part.span.clone());
    let Some(name) = part.params.text(key) else {
        return Err(Diagnostic::new(span, format!("`{}` needs `{key}`, the name of an event", part.kind)));
    };
    let Some(event) = system.event(name) else {
        let known = system.events.iter().map(|e| e.name.value.as_str());
        return Err(Diagnostic::unknown(span, "event", name, known));
    };
    let (user, item) = (&system.decision.user_name, &system.decision.item_name);
    let roles =
        [(system.user_role(event), user, "that lists are for"), (system.item_role(event), item, "that is ranked")];
    for (role, actor, purpose) in roles {
        if role.is_none() {
            let message = format!("event `{name}` has no `{actor}`, the actor {purpose}");
            return Err(Diagnostic::new(span, message).help(with_both(system)));
        }
    }
    Ok(event)
}

fn with_both(system: &System) -> String {
    let both = |e: &usize| system.user_role(*e).is_some() && system.item_role(*e).is_some();
    let names: Vec<_> = (0..system.events.len()).filter(both).map(|e| system.events[e].name.value.as_str()).collect();
    if names.is_empty() { String::new() } else { format!("events with both: {}", names.join(", ")) }
}

#[cfg(test)]
mod tests {
    use crate::fixture::{part, system, text};

    #[test]
    fn an_event_must_be_known_and_join_a_user_and_an_item() {
        let found = |name| {
            super::of_list(&part("popular", vec![("event", text(name))]), "event", &system()).map_err(|d| {
                assert_eq!(d.span, 10..20);
                d.to_string()
            })
        };
        let check = |name, expected: Result<usize, &str>| assert_eq!(found(name), expected.map_err(String::from));
        check("liked", Ok(1));
        check("likd", Err("unknown event `likd` (did you mean `liked`?)"));
        check("visit", Err("event `visit` has no `movie`, the actor that is ranked (events with both: rating, liked)"));
    }
}
