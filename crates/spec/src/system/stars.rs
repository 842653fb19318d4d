//! Many in one declaration: `columns = "1..46"` are many fields, and `given.x*` in a feature makes one for each field that begins so.

use super::decision::logged;
use super::walk::content_at;
use super::{ActorSpec, DecisionSpec, EventSpec, FeatureSpec, FieldSpec, Type};
use crate::diagnostic::{Diagnostic, Span, Spanned};
use crate::expr::{Expr, Node};

/// One declaration makes at most so many fields.
const FIELDS_MAX: u32 = 1_000;

/// The fields of a range of columns: `1..46`, or `v_{1..46}`. `one`: what they have in common; its name begins theirs.
pub(super) fn many(one: &FieldSpec, columns: &Spanned<String>, source: &str) -> Result<Vec<FieldSpec>, Diagnostic> {
    let text = columns.value.as_str();
    let at = content_at(source, &columns.span, text);
    let place = |from: usize, to: usize| at.map_or(columns.span.clone(), |at| at + from..at + to);
    let refused = |span: Span, message: String| {
        Diagnostic::new(span, message).help("write for example columns = \"1..46\" or \"v_{1..46}\"")
    };
    let wrong = |span: Span, message: String| Err(refused(span, message));
    let (start, end) = match (text.find('{'), text.find('}')) {
        (Some(open), Some(close)) if open < close => (open + 1, close),
        (None, None) => (0, text.len()),
        (open, close) => {
            let from = open.or(close).unwrap_or(0);
            return wrong(place(from, from + 1), "a range stands between `{` and `}`".into());
        }
    };
    let Some((low, high)) = text[start..end].split_once("..") else {
        return wrong(place(start, end), format!("`{}` is no range", &text[start..end]));
    };
    let number = |part: &str, from: usize| {
        let message = format!("`{part}` is no whole number");
        part.parse::<u32>().map_err(|_| refused(place(from, from + part.len()), message))
    };
    let (first, last) = (number(low, start)?, number(high, start + low.len() + 2)?);
    if last < first {
        return wrong(place(start, end), format!("the range ends at {last}, before it begins at {first}"));
    }
    if last - first >= FIELDS_MAX {
        let found = u64::from(last - first) + 1;
        return wrong(place(start, end), format!("one declaration makes at most {FIELDS_MAX} fields, found {found}"));
    }
    let (before, behind) = match text.contains('{') {
        true => (&text[..start - 1], &text[end + 1..]),
        false => ("", ""),
    };
    let field = |n: u32| FieldSpec {
        name: Spanned { value: format!("{}{n}", one.name.value), span: one.name.span.clone() },
        column: format!("{before}{n}{behind}"),
        ..one.clone()
    };
    Ok((first..=last).map(field).collect())
}

/// What paths lead through.
pub(super) struct Known<'s> {
    pub(super) actors: &'s [ActorSpec],
    pub(super) events: &'s [EventSpec],
    /// None when it could not be read: then nobody knows what a star stands for, and nothing is said of it.
    pub(super) decision: Option<&'s DecisionSpec>,
}

/// A feature for each field that its star stands for, or itself when it has none. Every star of an expression stands for the same.
pub(super) fn each(feature: FeatureSpec, known: &Known<'_>) -> Result<Vec<FeatureSpec>, Diagnostic> {
    let mut first = None;
    feature.expr.walk(&mut |e| {
        if let Node::Path(names) = &e.node
            && names.last().is_some_and(|(name, _)| name.ends_with('*'))
        {
            first.get_or_insert_with(|| names.clone());
        }
    });
    let (Some(path), Some(decision)) = (first, known.decision) else { return Ok(vec![feature]) };
    let ((name, span), before) = path.split_last().expect("a path has a name");
    let begins = name.trim_end_matches('*');
    let fields = fields(before, known, decision);
    let rests: Vec<&str> = fields.iter().filter_map(|f| f.strip_prefix(begins)).collect();
    if rests.is_empty() {
        let whose: Vec<&str> = before.iter().map(|(name, _)| name.as_str()).collect();
        let message = format!("no field of `{}` begins with `{begins}`", whose.join("."));
        let help = if fields.is_empty() { "it has none".into() } else { format!("known: {}", fields.join(", ")) };
        return Err(Diagnostic::new(span.clone(), message).help(help));
    }
    let one = |rest: &&str| {
        let mut one = feature.clone();
        one.name.value.push_str(rest);
        fill(&mut one.expr, rest);
        one
    };
    Ok(rests.iter().map(one).collect())
}

/// The names of the fields that a path leads to.
fn fields<'s>(path: &[(String, Span)], known: &Known<'s>, decision: &DecisionSpec) -> Vec<&'s str> {
    let of_actor = |actor: usize| known.actors[actor].fields.iter().collect::<Vec<_>>();
    let of_event = |event: usize| logged(known.events, event).fields;
    let some = |which: &[usize]| which.iter().map(|f| &of_event(decision.event)[*f]).collect::<Vec<_>>();
    let Some(((head, _), rest)) = path.split_first() else { return Vec::new() };
    let mut fields = match head.as_str() {
        "given" => some(&decision.given),
        "request" => some(&decision.request),
        name if name == decision.user_name => of_actor(decision.user),
        name if name == decision.item_name => of_actor(decision.item),
        name => match known.events.iter().position(|e| e.name.value == name) {
            Some(event) => of_event(event).iter().collect(),
            None => Vec::new(),
        },
    };
    for (name, _) in rest {
        let found = fields.iter().find(|f| f.name.value == *name).map(|f| &f.ty);
        let actor = match found {
            Some(Type::Actor(target)) => known.actors.iter().position(|a| a.name.value == *target),
            _ => None,
        };
        fields = actor.map_or_else(Vec::new, of_actor);
    }
    fields.into_iter().map(|f| f.name.value.as_str()).collect()
}

/// Puts what a star stands for in its place, everywhere.
fn fill(expr: &mut Expr, rest: &str) {
    match &mut expr.node {
        Node::Path(names) => {
            if let Some((name, _)) = names.last_mut()
                && name.ends_with('*')
            {
                name.pop();
                name.push_str(rest);
            }
        }
        Node::Tuple(parts) => parts.iter_mut().for_each(|e| fill(e, rest)),
        Node::Call(call) => {
            call.args.iter_mut().for_each(|e| fill(e, rest));
            call.condition.iter_mut().for_each(|e| fill(e, rest));
            call.named.iter_mut().for_each(|(_, _, e)| fill(e, rest));
        }
        Node::Unary(_, of) => fill(of, rest),
        Node::Binary(_, a, b) => [a, b].into_iter().for_each(|e| fill(e, rest)),
        Node::If(a, b, c) => [a, b, c].into_iter().for_each(|e| fill(e, rest)),
        Node::Number(_) | Node::Duration(_) | Node::Text(_) | Node::Bool(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use crate::system::read::{Vocabulary, read};
    use crate::system::{Origin, System};

    const FILE: &str = r#"
[system]
name = "search"
task = "rank"
[actors.shop]
fields = { q = { type = "number", columns = "1..2" } }
[actors.query]
fields = { words = "number" }
[actors.page]
fields = { shop = "shop", w1 = "number", w3 = "number", title = "text" }
[events.judged]
from = "judged.letor"
actors = { query = "query", page = "page" }
fields = { grade = "number", x = { type = "number", columns = "2..4" } }
[decision]
from = "judged"
for = "query"
item = "page"
given = ["x*"]
[label]
value = "judged.grade"
[split]
by = "query"
folds = 5
[features]
x = "given.x*"
"#;

    fn read_with(from: &str, to: &str) -> (Option<System>, Vec<(String, String, String)>) {
        let text = FILE.replace(from, to);
        assert!(from == to || text != FILE, "{from}");
        let (system, wrong) = read(&text, &Vocabulary::default());
        (system, wrong.into_iter().map(|d| (text[d.span.clone()].to_string(), d.message, d.help)).collect())
    }

    #[test]
    fn one_declaration_makes_a_field_for_each_column_of_its_range() {
        let check = |columns: &str, expected: &[(&str, &str)]| {
            let (system, wrong) = read_with("columns = \"2..4\"", &format!("columns = \"{columns}\""));
            assert_eq!(wrong, []);
            let system = system.unwrap();
            let Origin::Declared { fields, .. } = &system.events[0].origin else { panic!("it is declared") };
            let found: Vec<_> = fields[1..].iter().map(|f| (f.name.value.as_str(), f.column.as_str())).collect();
            assert_eq!(found, expected);
            assert_eq!(system.decision.given, (1..=expected.len()).collect::<Vec<_>>());
            assert!(!system.decision.request.contains(&1), "what comes with each candidate is not what was asked");
        };
        check("2..4", &[("x2", "2"), ("x3", "3"), ("x4", "4")]);
        check("v_{9..10}_sum", &[("x9", "v_9_sum"), ("x10", "v_10_sum")]);
        check("0..0", &[("x0", "0")]);
    }

    #[test]
    fn a_range_that_is_none_is_refused_at_its_character() {
        let check = |columns: &str, at: &str, message: &str| {
            let (_, wrong) = read_with("columns = \"2..4\"", &format!("columns = \"{columns}\""));
            assert!(wrong.iter().any(|(a, m, _)| a == at && m.contains(message)), "{columns}: {wrong:?}");
        };
        check("2-4", "2-4", "`2-4` is no range");
        check("2..b", "b", "`b` is no whole number");
        check("v_{a..3}", "a", "`a` is no whole number");
        check("4..2", "4..2", "the range ends at 2, before it begins at 4");
        check("1..1001", "1..1001", "at most 1000 fields, found 1001");
        check("v_{1..2", "{", "between `{` and `}`");
        let (_, wrong) = read_with("grade = \"number\", x =", "grade = \"number\", x3 = \"number\", x =");
        assert_eq!(wrong[0].1, "two fields are called `x3`");
    }

    #[test]
    fn a_star_makes_a_feature_for_each_field_that_begins_so() {
        let check = |feature: &str, expected: &[&str]| {
            let (system, wrong) = read_with("x = \"given.x*\"", feature);
            assert_eq!(wrong, [], "{feature}");
            let features = system.unwrap().features;
            assert_eq!(features.iter().map(|f| f.name.value.as_str()).collect::<Vec<_>>(), expected, "{feature}");
        };
        check("x = \"given.x*\"", &["x2", "x3", "x4"]);
        check("log_ = \"log1p(given.x* )\"", &["log_2", "log_3", "log_4"]);
    }

    #[test]
    fn stars_follow_references_and_stand_for_the_same_everywhere() {
        let names = |feature: &str| {
            let (system, wrong) = read_with("x = \"given.x*\"", feature);
            (system.unwrap().features, wrong)
        };
        let (features, wrong) = names("s = \"page.shop.q*\"");
        assert_eq!((features.len(), wrong.len(), features[1].name.value.as_str()), (2, 0, "s2"));
        let (features, _) = names("d = \"clip(page.w*, 0, min(given.x*))\"");
        assert_eq!(features.iter().map(|f| f.name.value.as_str()).collect::<Vec<_>>(), ["d1", "d3"]);
        assert!(format!("{:?}", features[1].expr).contains("x3"), "the second star stands for what the first does");
        // A star with something behind it multiplies.
        let (features, wrong) = names("m = \"given.x2 * 2 + page.w1*3\"");
        assert_eq!((features.len(), wrong), (1, vec![]));
    }

    #[test]
    fn a_star_that_stands_for_nothing_is_refused_where_it_stands() {
        let check = |feature: &str, at: &str, message: &str, help: &str| {
            let (_, wrong) = read_with("x = \"given.x*\"", feature);
            assert_eq!(wrong, [(at.to_string(), message.to_string(), help.to_string())]);
        };
        check("x = \"log1p(given.y*)\"", "y*", "no field of `given` begins with `y`", "known: x2, x3, x4");
        check("x = \"query.shop.q*\"", "q*", "no field of `query.shop` begins with `q`", "it has none");
        check("x2 = \"given.x2\"\nx = \"given.x*\"", "x", "two features are called `x2`", "choose another name");
        let (_, wrong) = read_with("given = [\"x*\"]", "given = [\"x*\", \"z*\"]");
        assert_eq!((wrong[0].0.as_str(), wrong[0].1.as_str()), ("\"z*\"", "unknown field of the event `judged` `z*`"));
    }
}
