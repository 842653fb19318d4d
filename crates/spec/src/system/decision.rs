//! Reads `[decision]`, `[label]` and `[split]`: what is decided, what turned out right, and which of it is looked at when.

use super::keys::{DECISION, LABEL};
use super::read::{Reader, names_lost};
use super::walk::text_of;
use super::{
    ActorSpec, DecisionSpec, EventSpec, FieldSpec, GradeSpec, LabelSpec, ListsSpec, Origin, OutcomeSpec, RoleSpec,
    Split, SplitBy, SplitOf,
};
use crate::diagnostic::{Diagnostic, Span, Spanned};
use crate::expr::Node;
use crate::param::{ParamValue, Params};

/// An event with the roles and fields of the one that is logged.
pub(super) struct Logged<'e> {
    name: &'e str,
    roles: &'e [RoleSpec],
    pub(super) fields: &'e [FieldSpec],
}

/// The declared event behind an event.
fn base(events: &[EventSpec], event: usize) -> usize {
    match events[event].origin {
        Origin::Derived { base, .. } => base,
        Origin::Declared { .. } => event,
    }
}

pub(super) fn logged(events: &[EventSpec], event: usize) -> Logged<'_> {
    let name = &events[event].name.value;
    match &events[base(events, event)].origin {
        Origin::Declared { roles, fields, .. } => Logged { name, roles, fields },
        Origin::Derived { .. } => Logged { name, roles: &[], fields: &[] },
    }
}

impl Reader<'_> {
    pub(super) fn decision(
        &mut self,
        top: &Params,
        actors: &[ActorSpec],
        events: &[EventSpec],
    ) -> Option<DecisionSpec> {
        let (table, span) = (top.table("decision")?, top.span("decision")?);
        let expression = |key: &str| {
            let read = text_of(table, key).and_then(|t| self.walk.expression(&t.value, &t.span).ok());
            read.filter(|c| !names_lost(c, &self.lost, &[]))
        };
        let (condition, eligible) = (expression("where"), expression("eligible"));
        let named = |key: &str| events.iter().position(|e| Some(e.name.value.as_str()) == table.text(key));
        let event = match (table.text("each"), table.text("from")) {
            (Some(_), Some(_)) => {
                let span = table.span("from").unwrap_or(span.clone());
                self.walk.refuse(span, "`each` and `from` exclude each other", "were lists logged? then keep `from`");
                return None;
            }
            (None, None) if self.says("each") || self.says("from") => return None,
            (None, None) => {
                let help =
                    "each = \"EVENT\" when every occurrence was a decision, from = \"EVENT\" when lists were logged";
                self.walk.refuse(span, "[decision] needs `each` or `from`", help);
                return None;
            }
            (Some(_), None) => named("each")?,
            (None, Some(_)) => named("from")?,
        };
        if self.lost.contains(&events[base(events, event)].name.value) {
            return None;
        }
        let of = logged(events, event);
        let (user_name, item_name) = (text_of(table, "for")?, text_of(table, "item")?);
        let user = self.player(&user_name, &of, actors);
        let item = self.player(&item_name, &of, actors);
        if user_name.value == item_name.value {
            let help = "where both are of one kind, name their roles in the event";
            self.walk.refuse(item_name.span.clone(), "`for` and `item` name the same actor", help);
            return None;
        }
        let lists = table.text("from").map(|_| ListsSpec {
            id: self.field(table, "list", &of),
            position: self.field(table, "position", &of),
            retrieve: table.bool("retrieve").unwrap_or(false),
        });
        for key in ["list", "position", "retrieve"] {
            if let (None, Some(span)) = (&lists, table.span(key)) {
                self.walk.refuse(span, format!("`{key}` is a field of lists that were logged"), "write `from`");
            }
        }
        let given = self.given(table, &of, lists.is_some());
        let mut request = self.request(table, &of, lists.is_some());
        request.retain(|f| !given.contains(f));
        let (user_name, item_name) = (user_name.value, item_name.value);
        Some(DecisionSpec {
            event,
            lists,
            user: user?,
            item: item?,
            user_name,
            item_name,
            condition,
            eligible,
            request,
            given,
            span,
        })
    }

    /// Whether `[decision]` has a key, or another that is likely meant to be it.
    fn says(&self, key: &str) -> bool {
        let table = self.root.get("decision").and_then(|t| t.as_table_like());
        table.is_some_and(|t| super::walk::holds(t, DECISION, key))
    }

    /// The fields of the decision's event that were known before it.
    fn request(&mut self, table: &Params, of: &Logged<'_>, listed: bool) -> Vec<usize> {
        if listed {
            return (0..of.fields.len()).collect();
        }
        let mut request = Vec::new();
        for name in table.texts("request") {
            match of.fields.iter().position(|f| f.name.value == name.value) {
                Some(field) => request.push(field),
                None if self.lost.contains(&name.value) => {}
                None => {
                    let known = of.fields.iter().map(|f| f.name.value.as_str());
                    let what = format!("field of the event `{}`", of.name);
                    self.walk.wrong.push(Diagnostic::unknown(name.span.clone(), &what, &name.value, known));
                }
            }
        }
        request
    }

    /// The fields of the decision's event that come with each candidate.
    fn given(&mut self, table: &Params, of: &Logged<'_>, listed: bool) -> Vec<usize> {
        if let (false, Some(span)) = (listed, table.span("given")) {
            let help = "write `from`, or fields of the item's own actor";
            self.walk.refuse(span, "`given` are fields of lists that were logged", help);
            return Vec::new();
        }
        let mut given = Vec::new();
        for name in table.texts("given") {
            let fits = |f: &FieldSpec| match name.value.strip_suffix('*') {
                Some(begins) => f.name.value.starts_with(begins),
                None => f.name.value == name.value,
            };
            let before = given.len();
            given.extend((0..of.fields.len()).filter(|f| fits(&of.fields[*f])));
            if given.len() == before && !self.lost.iter().any(|l| l == name.value.trim_end_matches('*')) {
                let known = of.fields.iter().map(|f| f.name.value.as_str());
                let what = format!("field of the event `{}`", of.name);
                self.walk.wrong.push(Diagnostic::unknown(name.span.clone(), &what, &name.value, known));
            }
        }
        given.sort_unstable();
        given.dedup();
        given
    }

    /// The actor that a name means: by a role of the event, or by its own.
    fn player(&mut self, name: &Spanned<String>, of: &Logged<'_>, actors: &[ActorSpec]) -> Option<usize> {
        if let Some(role) = of.roles.iter().find(|r| r.role.value == name.value) {
            return Some(role.actor);
        }
        let Some(actor) = actors.iter().position(|a| a.name.value == name.value) else {
            if !self.lost.contains(&name.value) {
                let known = actors.iter().map(|a| a.name.value.as_str());
                let known: Vec<&str> = known.chain(of.roles.iter().map(|r| r.role.value.as_str())).collect();
                self.walk.wrong.push(Diagnostic::unknown(name.span.clone(), "actor", &name.value, known));
            }
            return None;
        };
        match of.roles.iter().filter(|r| r.actor == actor).count() {
            0 => {
                let message = format!("the event `{}` has no `{}`", of.name, name.value);
                let help = "a decision's event joins whom it is for with the item";
                self.walk.refuse(name.span.clone(), message, help);
                None
            }
            1 => Some(actor),
            n => {
                let roles = of.roles.iter().filter(|r| r.actor == actor).map(|r| format!("`{}`", r.role.value));
                let help = format!("write one of {}", roles.collect::<Vec<_>>().join(", "));
                let message = format!("{n} actors of the event `{}` are of the kind `{}`", of.name, name.value);
                self.walk.refuse(name.span.clone(), message, help);
                None
            }
        }
    }

    /// The index of the field of an event that a key names.
    fn field(&mut self, table: &Params, key: &str, of: &Logged<'_>) -> Option<usize> {
        let name = text_of(table, key)?;
        let found = of.fields.iter().position(|f| f.name.value == name.value);
        if found.is_none() && !self.lost.contains(&name.value) {
            let known = of.fields.iter().map(|f| f.name.value.as_str());
            let what = format!("field of the event `{}`", of.name);
            self.walk.wrong.push(Diagnostic::unknown(name.span, &what, &name.value, known));
        }
        found
    }

    pub(super) fn label(&mut self, top: &Params, decision: Option<&DecisionSpec>, events: &[EventSpec]) -> LabelSpec {
        let mut out = LabelSpec::default();
        let Some(decision) = decision else { return out };
        let table = self.root.get("label").and_then(|t| t.as_table_like());
        if let Some(value) = top.table("label").and_then(|t| text_of(t, "value")) {
            let outcome = self.outcome(value, decision, events);
            let graded = |outcome: OutcomeSpec| {
                let name = events[outcome.event].name.value.clone();
                GradeSpec { name, grade: 1.0, outcome }
            };
            out.grades.extend(outcome.map(graded));
        }
        if let Some(table) = table {
            for (name, case) in self.entries(table, LABEL, "case") {
                let outcome = text_of(&case, "when").and_then(|text| self.outcome(text, decision, events));
                let grade = case.number("grade").unwrap_or(0.0);
                out.grades.extend(outcome.map(|outcome| GradeSpec { name: name.value, grade, outcome }));
            }
            for (name, item) in super::walk::entries(table, "against") {
                let span = item.span().unwrap_or(name.span.clone());
                let Some(text) = item.as_str() else {
                    self.walk.refuse(span, "an outcome is a string", "for example \"hide within 1d\"");
                    continue;
                };
                let text = Spanned { value: text.to_string(), span };
                let outcome = self.outcome(text, decision, events);
                out.against.extend(outcome.map(|o| (name, o)));
            }
        }
        let of = logged(events, decision.event);
        out.raters = top.table("label").and_then(|t| self.field(t, "raters", &of));
        let merged =
            matches!(&out.grades[..], [one] if one.outcome.amount.is_some() && one.outcome.within_ms.is_none());
        if let (Some(span), false) =
            (top.table("label").and_then(|t| t.span("raters")), merged && decision.lists.is_some())
        {
            let help = format!("write value = \"{}.GRADE\" and no `case`", of.name);
            self.walk.refuse(span, "`raters` merges grades that stand in the rows of lists", help);
        }
        let says = |key: &str| table.is_some_and(|t| super::walk::holds(t, LABEL, key));
        if decision.lists.is_some() && !says("value") && !says("case") {
            let help = "say what makes an item a good one: value = \"click within 30m\"";
            self.walk.refuse(
                decision.span.clone(),
                "lists that were shown need a [label] with `value` or `case`",
                help,
            );
        }
        out
    }

    fn outcome(&mut self, text: Spanned<String>, decision: &DecisionSpec, events: &[EventSpec]) -> Option<OutcomeSpec> {
        let read = match self.walk.outcome(&text.value, &text.span) {
            Ok(read) => read,
            Err(wrong) => {
                self.walk.wrong.push(wrong);
                return None;
            }
        };
        let mut named = Vec::new();
        read.of.walk(&mut |e| {
            if let Node::Path(names) = &e.node {
                named.push((names[0].clone(), names.len()));
            }
        });
        let Some(((name, span), n)) = named.first().cloned() else {
            self.walk.refuse(text.span, "an outcome names an event", "for example click within 30m");
            return None;
        };
        if self.lost.contains(&name) {
            return None;
        }
        let Some(event) = events.iter().position(|e| e.name.value == name) else {
            let known = events.iter().map(|e| e.name.value.as_str());
            self.walk.wrong.push(Diagnostic::unknown(span, "event", &name, known));
            return None;
        };
        let same = base(events, event) == base(events, decision.event);
        if read.within_ms.is_none() && !same && self.list_of(decision, events, event).is_none() {
            let message = format!("how soon does `{name}` have to follow?");
            self.walk.refuse(text.span, message, format!("write for example {name} within 30m"));
            return None;
        }
        let joined = |actor: usize| logged(events, event).roles.iter().any(|r| r.actor == actor);
        if !joined(decision.user) || !joined(decision.item) {
            let help = "an outcome happens to the one that the decision was for, with the item";
            let message = format!("`{name}` does not have both `{}` and `{}`", decision.user_name, decision.item_name);
            self.walk.refuse(span, message, help);
            return None;
        }
        let amount = (n > 1 || named.len() > 1).then_some(read.of);
        Some(OutcomeSpec { event, amount, within_ms: read.within_ms, condition: read.condition, text })
    }

    /// The field of an event that has the id of the list: the one with the name of the decision's own.
    fn list_of(&self, decision: &DecisionSpec, events: &[EventSpec], event: usize) -> Option<usize> {
        let id = decision.lists?.id?;
        let name = &logged(events, decision.event).fields[id].name.value;
        logged(events, event).fields.iter().position(|f| f.name.value == *name)
    }

    fn split_of(&mut self, table: &Params, events: &[EventSpec]) -> SplitOf {
        let Some(word) = text_of(table, "of") else { return SplitOf::Events };
        match (word.value.as_str(), events.iter().position(|e| e.name.value == word.value)) {
            ("events", _) => SplitOf::Events,
            ("decisions", _) => SplitOf::Decisions,
            (_, Some(event)) => SplitOf::Event(event),
            (name, None) => {
                if !self.lost.contains(&word.value) {
                    let known = events.iter().map(|e| e.name.value.as_str()).chain(["events", "decisions"]);
                    self.walk.wrong.push(Diagnostic::unknown(word.span, "event", name, known.collect::<Vec<_>>()));
                }
                SplitOf::Events
            }
        }
    }

    /// What decides where decisions belong.
    fn split_by(&mut self, table: &Params, decision: Option<&DecisionSpec>, events: &[EventSpec]) -> SplitBy {
        let named: Vec<Spanned<String>> = ["by", "column", "file"].iter().filter_map(|k| text_of(table, k)).collect();
        if let [_, second, ..] = &named[..] {
            self.walk.refuse(second.span.clone(), "`by`, `column` and `file` exclude each other", "keep one of them");
        }
        if let Some(file) = table.text("file") {
            return SplitBy::File(file.to_string());
        }
        let Some(decision) = decision else { return SplitBy::Time };
        let of = logged(events, decision.event);
        if table.text("column").is_some() {
            return self.field(table, "column", &of).map_or(SplitBy::Time, SplitBy::Column);
        }
        match table.text("by") {
            None | Some("time") => SplitBy::Time,
            Some("random") => SplitBy::Random,
            Some(name) if name == decision.user_name => SplitBy::User,
            Some(name) if name == decision.item_name && decision.lists.is_none() => SplitBy::Item,
            Some(name) => match of.fields.iter().position(|f| f.name.value == name) {
                Some(field) => SplitBy::Field(field),
                None => {
                    let own = ["time", "random", decision.user_name.as_str(), decision.item_name.as_str()];
                    let known = own.into_iter().chain(of.fields.iter().map(|f| f.name.value.as_str()));
                    let span = table.span("by").unwrap_or(decision.span.clone());
                    self.walk.wrong.push(Diagnostic::unknown(span, "word for `by`", name, known.collect::<Vec<_>>()));
                    SplitBy::Time
                }
            },
        }
    }

    pub(super) fn split(
        &mut self,
        top: &Params,
        decision: Option<&DecisionSpec>,
        events: &[EventSpec],
        fits: bool,
    ) -> Split {
        let Some((table, span)) = top.table("split").zip(top.span("split")) else { return Split::default() };
        let by = self.split_by(table, decision, events);
        let of = self.split_of(table, events);
        let every = |key: &str| match table.get("every").map(|v| &v.value) {
            Some(ParamValue::Table(every)) => every.count(key).unwrap_or(1),
            _ => 1,
        };
        let every = [every("train"), every("validate"), every("test")];
        let folds = table.count("folds").map(|n| (n, table.count("fold").unwrap_or(0)));
        if let Some((n, k)) = folds.filter(|(n, k)| k >= n) {
            let at = table.span("fold").unwrap_or(span.clone());
            self.walk.refuse(at, format!("there is no fold {k}"), format!("{n} folds are 0 to {}", n - 1));
        }
        let validates_before = table.text("validate_fold") == Some("before");
        if let (None, Some(at)) = (folds, table.span("validate_fold")) {
            self.walk.refuse(at, "`validate_fold` is one of `folds`", "write for example folds = 5");
        }
        let out = Split { of, by, folds, validates_before, every, ..Split::default() };
        let said = matches!(out.by, SplitBy::Column(_) | SplitBy::File(_));
        if said || (folds.is_some() && out.by != SplitBy::Time) {
            for key in ["sources", "train", "validate", "test"] {
                if let Some(at) = table.span(key) {
                    let help = "leave the shares out";
                    self.walk.refuse(at, "it is said already where each decision belongs", help);
                }
            }
            return Split { sources: 0.0, train: 0.0, validate: 0.0, test: 0.0, ..out };
        }
        if folds.is_some() {
            let help = "write by = \"random\", or what keeps together";
            self.walk.refuse(span, "`folds` are cut by chance, and windows by time are not", help);
            return out;
        }
        self.shares(table, &span, fits, out)
    }

    /// How much of the log, or of time, each window has.
    fn shares(&mut self, table: &Params, span: &Span, fits: bool, mut out: Split) -> Split {
        const WINDOWS: [&str; 3] = ["train", "validate", "test"];
        let written = self.root.get("split").and_then(|t| t.as_table_like());
        let lacks = |key: &&&str| written.is_none_or(|t| !super::walk::holds(t, super::keys::SPLIT, key));
        if let Some(key) = WINDOWS.iter().find(lacks) {
            let help = "name what it has of the log, \"10%\", or of time, \"14d\"";
            self.walk.refuse(span.clone(), format!("[split] needs `{key}`"), help);
            return out;
        }
        let spans = WINDOWS.map(|key| table.duration_ms(key));
        if spans.iter().any(Option::is_some) {
            let (true, [Some(a), Some(b), Some(c)]) = (out.by == SplitBy::Time, spans) else {
                let help = "write all three as time spans, by time, or all as shares";
                self.walk.refuse(span.clone(), "some windows are time spans and some are not", help);
                return out;
            };
            if let Some(at) = table.span("sources") {
                self.walk.refuse(at, "what comes before the windows is for sources", "leave `sources` out");
            }
            if out.of != SplitOf::Events {
                self.walk.refuse(
                    span.clone(),
                    "`of` says what shares are of, and these are time spans",
                    "leave it out",
                );
            }
            out.spans_ms = Some([a, b, c]);
            return out;
        }
        let mut share = |key: &str| {
            let share = table.number(key)?;
            if share <= 0.0 {
                let span = table.span(key).unwrap_or(span.clone());
                self.walk.refuse(span, format!("`{key}` has no share of the log"), "every window needs some of it");
            }
            Some(share)
        };
        let sources = if table.get("sources").is_some() { share("sources") } else { Some(0.0) };
        let shares = [sources, share("train"), share("validate"), share("test")];
        let [Some(sources), Some(train), Some(validate), Some(test)] = shares else { return out };
        if fits && out.by == SplitBy::Time && table.get("sources").is_none() {
            let help = "name the share of the log that learned vectors may see while stages are trained";
            self.walk.refuse(span.clone(), "[split] needs `sources`: the file has learned vectors", help);
        }
        if let (false, Some(at)) = (out.by == SplitBy::Time, table.span("sources")) {
            self.walk.refuse(at, "a window for sources is cut by time", "leave `sources` out, or write by = \"time\"");
        }
        let sum = sources + train + validate + test;
        if (sum - 1.0).abs() > 1e-9 {
            let percent = (sum * 1e8).round() / 1e6;
            self.walk.refuse(span.clone(), format!("the shares add up to {percent}%"), "they have to add up to 100%");
        }
        Split { sources, train, validate, test, ..out }
    }
}
