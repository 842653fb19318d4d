//! What a request says beside whom it is for: the fields of the decision's event that are known when a list is asked for, and those that
//! come with each item.

use crate::answer::RankRequest;
use crate::error::{Refusal, Refused};
use crate::event::read;
use serde_json::{Map, Value};
use tamis_spec::batch::{Rows, Schema};
use tamis_spec::diagnostic::nearest;
use tamis_spec::system::System;

/// The context as a record of the decision's event, whose actors are nobody, and behind it one for each item with what came with it,
/// where anything may; none where the system knows neither. Refuses names that it does not know and values that do not fit.
pub(crate) fn read_context(
    system: &System,
    schema: &Schema,
    now: i64,
    request: &RankRequest,
) -> Result<Option<Rows>, Refused> {
    let event = system.base(system.decision.event);
    let fields = system.event_fields(event);
    let known: Vec<&str> = system.decision.request.iter().map(|f| fields[*f].name.value.as_str()).collect();
    let refused =
        |found: String, help: String| Refused::new(Refusal::Unanswerable, "rank", found).at("context").help(help);
    check_names(&request.context, &known, "the system file names no request: leave it out")
        .map_err(|(found, help)| refused(found, help))?;
    let given: Vec<&str> = system.decision.given.iter().map(|f| fields[*f].name.value.as_str()).collect();
    let items = request.items.as_deref().unwrap_or_default();
    let of_item = |at: usize, (found, help): (String, String)| {
        Refused::new(Refusal::Unanswerable, "rank", found).at(format!("items[{at}].given")).help(help)
    };
    for (at, item) in items.iter().enumerate() {
        check_names(&item.given, &given, "the system file says nothing of [decision] given: send keys alone")
            .map_err(|wrong| of_item(at, wrong))?;
    }
    if known.is_empty() && given.is_empty() {
        return Ok(None);
    }
    let record = |fields: &Map<String, Value>| {
        let mut object = fields.clone();
        object.insert("event".into(), Value::String(system.events[event].name.value.clone()));
        for role in system.roles(event) {
            object.insert(role.role.value.clone(), Value::Null);
        }
        Value::Object(object)
    };
    let mut records = vec![record(&request.context)];
    if !given.is_empty() {
        records.extend(items.iter().map(|item| record(&item.given)));
    }
    let mut batch = read(system, schema, now, schema.batch(), &records).map_err(|wrong| {
        let first = wrong.into_iter().next();
        let at = first.as_ref().map_or(0, |w| w.index);
        let (found, help) = first.map_or_else(Default::default, |w| (format!("{}: {}", w.place, w.found), w.help));
        match at.checked_sub(1) {
            Some(item) => of_item(item, (found, help)),
            None => refused(found, help),
        }
    })?;
    Ok(Some(batch.rows.swap_remove(system.actors.len() + event)))
}

/// Refuses a name that is not among `known`: what was found, and what to try. `none`: what to say where nothing is known.
fn check_names(said: &Map<String, Value>, known: &[&str], none: &str) -> Result<(), (String, String)> {
    let Some(name) = said.keys().find(|name| !known.contains(&name.as_str())) else { return Ok(()) };
    let help = match (nearest(name, known.iter().copied()), known.is_empty()) {
        (Some(near), _) => format!("did you mean `{near}`?"),
        (None, true) => none.to_owned(),
        (None, false) => format!("known: {}", known.join(", ")),
    };
    Err((format!("`{}`", name.chars().take(80).collect::<String>()), help))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Key;
    use serde_json::json;
    use tamis_funnel::{Registries, plan};
    use tamis_spec::actors::schema_of;
    use tamis_spec::batch::Column;

    const FILE: &str = r#"
[system]
name = "search"
task = "rank"
[actors.user]
[actors.page]
[events.shown]
actors = { user = "user", page = "page" }
fields = { query = "text", device = "category", clicked = "bool" }
[decision]
from = "shown"
for = "user"
item = "page"
[label]
value = "shown where clicked"
[features]
mobile = "request.device == 'phone'"
"#;

    #[test]
    fn a_context_is_a_record_of_the_decisions_event_or_is_refused_with_its_place() {
        let (plan, wrong) = plan::plan(FILE, Registries::default());
        assert_eq!(wrong, []);
        let system = plan.expect("it has no mistakes").system;
        let read = |context: Value| {
            let context = context.as_object().expect("an object").clone();
            let request = RankRequest { user: Key("ann".into()), context, ..RankRequest::default() };
            read_context(&system, &schema_of(&system), 0, &request)
        };
        let rows = read(json!({"query": "rust", "device": "phone"})).expect("it fits").expect("there is context");
        assert_eq!((rows.len(), rows.keys[0].get(0)), (1, ""));
        let Column::Texts(query) = &rows.fields[0] else { panic!("a query is a text") };
        assert_eq!(query.get(0), "rust");
        let check = |context: Value, found: &str, help: &str| {
            let refused = read(context).unwrap_err();
            assert_eq!(refused.place, "context");
            assert!(refused.found.contains(found) && refused.help.contains(help), "{refused}");
        };
        check(json!({"devise": "phone"}), "`devise`", "did you mean `device`?");
        check(json!({"page": "7"}), "`page`", "known: query, device, clicked");
        check(json!({"clicked": "perhaps"}), "clicked", "true");
    }
}
