//! Reads actors and events: their files, keys, fields and roles, and the conditions of derived events.

use super::keys::{ACTOR, EVENT, param};
use super::names::{TYPES, writable};
use super::read::{Reader, names_lost};
use super::stars;
use super::walk::{Place, entries, holds, key_span, span_of, text_of};
use super::{ActorSpec, EntriesSpec, EventSpec, FieldSpec, FileSpec, Origin, RoleSpec, Type};
use crate::diagnostic::{Diagnostic, Span, Spanned, nearest};
use crate::expr::{Expr, Node};
use crate::param::{Param, ParamType, ParamValue, Params};
use toml_edit::TableLike;

impl Reader<'_> {
    pub(super) fn actors(&mut self) -> Vec<ActorSpec> {
        let mut out = Vec::new();
        for (name, item) in entries(self.root, "actors") {
            let place =
                Place { title: format!("[actors.{}]", name.value), span: item.span().unwrap_or(name.span.clone()) };
            let Some(table) = item.as_table_like() else {
                self.no_table(&name.value, &place);
                continue;
            };
            let params = self.walk.table(&place, table, ACTOR);
            let file = self.file(&params);
            let key = text_of(&params, "key");
            if file.is_some() && !holds(table, ACTOR, "key") {
                let message = format!("{} has a `from` and needs `key`", place.title);
                self.walk.refuse(place.span, message, "name the column that identifies it");
            }
            let fields = self.fields(table, ACTOR);
            let as_of = params.table("as_of").and_then(moment);
            if let (None, Some(span)) = (&file, params.span("as_of")) {
                let message = format!("{} has no `from`, and so no column for `as_of`", place.title);
                self.walk.refuse(span, message, "records that come through the API hold from the moment they come");
            }
            out.push(ActorSpec { name, file, key, as_of, fields });
        }
        out
    }

    fn no_table(&mut self, name: &str, place: &Place) {
        self.lost.push(name.to_string());
        self.walk.refuse(place.span.clone(), format!("{} is a table", place.title), "");
    }

    fn file(&mut self, params: &Params) -> Option<FileSpec> {
        let paths = params.texts("from").to_vec();
        if paths.is_empty() {
            if let Some(span) = params.span("sql") {
                self.walk.refuse(span, "`sql` asks a database", "name it: from = \"shop.db\"");
            }
            return None;
        }
        if let (true, Some(span)) = (paths.len() > 1, params.span("sql")) {
            self.walk.refuse(span, "`sql` asks one database", "name one in `from`");
        }
        let mut delimiter = None;
        if let Some(text) = text_of(params, "delimiter") {
            let mut chars = text.value.chars();
            delimiter = chars.next();
            if chars.next().is_some() || !text.value.is_ascii() {
                self.walk.refuse(text.span, "`delimiter` is one ASCII character", "for a tab write \"\\t\"");
            }
        }
        let columns = params.texts("columns").iter().map(|c| c.value.clone()).collect();
        let bad_rows = params.number("bad_rows").unwrap_or(0.01);
        let sql = params.text("sql").map(String::from);
        let format = params.text("format").map(String::from);
        Some(FileSpec { paths, format, sql, delimiter, bad_rows, columns, each: params.table("each").and_then(each) })
    }

    /// The entries behind a key that is declared to hold some, each read as declared.
    pub(super) fn entries(
        &mut self,
        table: &dyn TableLike,
        declared: &'static [Param],
        key: &str,
    ) -> Vec<(Spanned<String>, Params)> {
        let Some(Param { ty: ParamType::Entries(ty), .. }) = param(declared, key) else { return Vec::new() };
        let mut out = Vec::new();
        for (name, item) in entries(table, key) {
            if let Err(wrong) = writable(&name) {
                self.walk.wrong.push(wrong);
            }
            let span = item.span().unwrap_or(name.span.clone());
            match self.walk.value(&name.value, ty, item, &span) {
                Some(ParamValue::Table(params)) => out.push((name, params)),
                _ => self.lost.push(name.value),
            }
        }
        out
    }

    fn fields(&mut self, table: &dyn TableLike, declared: &'static [Param]) -> Vec<FieldSpec> {
        let mut out = Vec::new();
        for (name, params) in self.entries(table, declared, "fields") {
            let Some(ty) = self.field_type(&params) else {
                self.lost.push(name.value);
                continue;
            };
            for (key, fits) in [("separator", Type::Tags), ("weighted", Type::Tags), ("pattern", Type::Time)] {
                if ty != fits
                    && let Some(span) = params.span(key)
                {
                    let help = format!("write type = \"{}\"", if fits == Type::Tags { "tags" } else { "time" });
                    self.walk.refuse(span, format!("a field of this type has no `{key}`"), help);
                }
            }
            let text = |key: &str, default: &str| params.text(key).unwrap_or(default).to_string();
            let one = FieldSpec {
                ty,
                column: text("column", &name.value),
                separator: text("separator", "|"),
                weighted: params.bool("weighted").unwrap_or(false),
                pattern: params.text("pattern").map(String::from),
                name,
            };
            match text_of(&params, "columns") {
                None => out.push(one),
                Some(_) if params.span("column").is_some() => {
                    let help = "keep one of them";
                    self.walk.refuse(one.name.span, "`column` and `columns` exclude each other", help);
                }
                Some(columns) => match stars::many(&one, &columns, self.walk.source) {
                    Ok(many) => out.extend(many),
                    Err(wrong) => {
                        self.lost.push(one.name.value);
                        self.walk.wrong.push(wrong);
                    }
                },
            }
        }
        for (at, field) in out.iter().enumerate() {
            if out[..at].iter().any(|f| f.name.value == field.name.value) {
                let message = format!("two fields are called `{}`", field.name.value);
                self.walk.refuse(field.name.span.clone(), message, "choose another name");
            }
        }
        out
    }

    fn field_type(&mut self, params: &Params) -> Option<Type> {
        let word = text_of(params, "type")?;
        Some(match word.value.as_str() {
            "number" => Type::Number,
            "bool" => Type::Bool,
            "category" => Type::Category,
            "tags" => Type::Tags,
            "text" => Type::Text,
            "vector" => Type::Vector,
            "time" => Type::Time,
            "place" => Type::Place,
            actor if self.walk.actors.contains(&actor) => Type::Actor(actor.into()),
            other => {
                let known = TYPES.into_iter().chain(self.walk.actors.iter().copied());
                let wrong = Diagnostic::unknown(word.span, "type", other, known);
                self.walk.wrong.push(wrong);
                return None;
            }
        })
    }

    /// Declared events.
    pub(super) fn events(&mut self) -> Vec<EventSpec> {
        let mut out = Vec::new();
        for (name, item) in entries(self.root, "events") {
            let place =
                Place { title: format!("[events.{}]", name.value), span: item.span().unwrap_or(name.span.clone()) };
            let Some(table) = item.as_table_like() else {
                self.no_table(&name.value, &place);
                continue;
            };
            let params = self.walk.table(&place, table, EVENT);
            if table.contains_key("where") {
                for (key, item) in
                    table.iter().filter(|(key, _)| !["where", "first"].contains(key) && param(EVENT, key).is_some())
                {
                    let span = key_span(table, key, item);
                    let message = format!("{} is derived by its `where` and has no `{key}`", place.title);
                    self.walk.refuse(
                        span,
                        message,
                        "a derived event has the actors and fields of the one it refers to",
                    );
                }
                continue;
            }
            if let Some(span) = params.span("first") {
                self.walk.refuse(span, "`first` is of a derived event", "add a `where`");
            }
            let file = self.file(&params);
            let time = params.table("time").and_then(moment);
            if file.is_some() && !holds(table, EVENT, "time") {
                self.timeless.push((name.value.clone(), place.span.clone()));
            }
            let roles = self.roles(table);
            if roles.len() < entries(table, "actors").len().max(1) {
                self.lost.push(name.value.clone());
            }
            let none = match table.get("actors") {
                Some(actors) => actors.as_table_like().is_some_and(|t| t.is_empty()),
                None => !holds(table, EVENT, "actors"),
            };
            if none {
                let message = format!("{} needs `actors`, or a `where`", place.title);
                self.walk.refuse(place.span, message, "say whom it happens to: actors = { user = \"user_id\" }");
            }
            let fields = self.fields(table, EVENT);
            for field in fields.iter().filter(|f| roles.iter().any(|r| r.role.value == f.name.value)) {
                let message = format!("`{}` is both a field and an actor of {}", field.name.value, place.title);
                self.walk.refuse(field.name.span.clone(), message, "choose another name");
            }
            out.push(EventSpec { name, origin: Origin::Declared { file, time, roles, fields } });
        }
        out
    }

    fn roles(&mut self, table: &dyn TableLike) -> Vec<RoleSpec> {
        let mut out = Vec::new();
        for (role, params) in self.entries(table, EVENT, "actors") {
            let column = params.text("column").unwrap_or(&role.value).to_string();
            let named = text_of(&params, "actor");
            let (actor, span) = named.as_ref().map_or((&role.value, &role.span), |a| (&a.value, &a.span));
            match self.walk.actors.iter().position(|a| a == actor) {
                Some(actor) => out.push(RoleSpec { role, actor, column }),
                None => {
                    let mut wrong = Diagnostic::unknown(span.clone(), "actor", actor, self.walk.actors.iter().copied());
                    if nearest(actor, self.walk.actors.iter().copied()).is_none() {
                        wrong.help +=
                            &format!("; to use another name, write {role} = {{ actor = \"NAME\" }}", role = role.value);
                    }
                    self.walk.wrong.push(wrong);
                }
            }
        }
        out
    }

    /// Appends derived events to the declared ones.
    pub(super) fn derived(&mut self, events: &mut Vec<EventSpec>) {
        let n_declared = events.len();
        for (name, item) in entries(self.root, "events") {
            let Some((table, text)) = item.as_table_like().and_then(|t| Some((t, t.get("where")?))) else { continue };
            let span = span_of(table, "where", text);
            let found = text.as_str().and_then(|text| self.walk.expression(text, &span).ok());
            let found = found.filter(|condition| !names_lost(condition, &self.lost, &[]));
            let base = found.map(|condition| (self.base(&condition, &events[..n_declared]), condition));
            match base {
                Some((Ok(base), condition)) => {
                    let first = self.first(table, &events[base]);
                    events.push(EventSpec { name, origin: Origin::Derived { base, condition, first } });
                }
                Some((Err(wrong), _)) => {
                    self.lost.push(name.value);
                    self.walk.wrong.push(wrong);
                }
                None => self.lost.push(name.value),
            }
        }
    }

    /// The roles that `first` names.
    fn first(&mut self, table: &dyn TableLike, base: &EventSpec) -> Vec<usize> {
        let Some(item) = table.get("first") else { return Vec::new() };
        let (Some(names), Origin::Declared { roles, .. }) = (item.as_array(), &base.origin) else { return Vec::new() };
        let mut out = Vec::new();
        for value in names {
            let Some(name) = value.as_str() else { continue };
            match roles.iter().position(|r| r.role.value == name) {
                Some(role) => out.push(role),
                None => {
                    let what = format!("actor of the event `{}`", base.name.value);
                    let span = value.span().unwrap_or_else(|| span_of(table, "first", item));
                    let known = roles.iter().map(|r| r.role.value.as_str());
                    self.walk.wrong.push(Diagnostic::unknown(span, &what, name, known));
                }
            }
        }
        if !(1..=2).contains(&names.len()) {
            let span = span_of(table, "first", item);
            self.walk.refuse(span, format!("`first` names one or two actors, found {}", names.len()), "");
        }
        out.truncate(2);
        out
    }

    /// The declared event that a condition refers to: the only one with whose name paths in it begin.
    fn base(&self, condition: &Expr, declared: &[EventSpec]) -> Result<usize, Diagnostic> {
        let mut heads: Vec<(&str, &Span)> = Vec::new();
        condition.walk(&mut |e| {
            if let Node::Path(names) = &e.node
                && !heads.iter().any(|(h, _)| *h == names[0].0)
            {
                heads.push((&names[0].0, &names[0].1));
            }
        });
        let events: Vec<_> = heads.iter().filter(|(h, _)| self.walk.events.contains(h)).collect();
        match events[..] {
            [] => {
                let known = declared.iter().map(|e| e.name.value.as_str());
                let near = heads.iter().find(|(h, _)| nearest(h, known.clone()).is_some());
                Err(match near {
                    Some((head, span)) => Diagnostic::unknown((*span).clone(), "event", head, known),
                    None => Diagnostic::new(condition.span.clone(), "the condition refers to no event")
                        .help("write for example rating.stars >= 4"),
                })
            }
            [(head, span)] => declared.iter().position(|e| e.name.value == **head).ok_or_else(|| {
                Diagnostic::new(
                    (*span).clone(),
                    format!("`{head}` is no declared event: a condition refers to one that is logged"),
                )
                .help("write out its own condition here")
            }),
            [(first, _), (second, span), ..] => {
                let message = format!("the condition refers to `{first}` and to `{second}`");
                Err(Diagnostic::new((*span).clone(), message).help("a derived event is made from one event"))
            }
        }
    }
}

/// `time = "at"`, or with a pattern.
fn moment(table: &Params) -> Option<(Spanned<String>, Option<String>)> {
    Some((text_of(table, "column")?, table.text("pattern").map(String::from)))
}

/// `each = { column = "shown", into = ["article", "clicked"], between = "-" }`
fn each(table: &Params) -> Option<EntriesSpec> {
    let column = table.text("column")?.to_string();
    let into: Vec<String> = table.texts("into").iter().map(|t| t.value.clone()).collect();
    Some(EntriesSpec {
        into: if into.is_empty() { vec![column.clone()] } else { into },
        separator: table.text("separator").map(String::from),
        between: table.text("between").unwrap_or(":").to_string(),
        column,
    })
}
