//! Walks tables of a parsed file by the keys they are declared to have, and collects what is wrong with them.

use crate::diagnostic::{Diagnostic, Span, Spanned, nearest};
use crate::expr::{Expr, Node, Outcome, parse, parse_outcome};
use crate::param::{Param, ParamType, ParamValue, Params};
use crate::time::parse_duration_ms;
use toml_edit::{Item, TableLike, Value};

/// A table's name for messages, and where it begins.
pub(super) struct Place {
    /// `[decision]`
    pub(super) title: String,
    /// Its header, or its key.
    pub(super) span: Span,
}

/// What a walk knows, and what it found.
pub(super) struct Walk<'a> {
    /// The file.
    pub(super) source: &'a str,
    /// Names of actors.
    pub(super) actors: Vec<&'a str>,
    /// Names of events.
    pub(super) events: Vec<&'a str>,
    /// Mistakes so far.
    pub(super) wrong: Vec<Diagnostic>,
}

impl Walk<'_> {
    /// The values of a table's declared keys; keys that are not declared are mistakes, as are values that do not fit and
    /// required keys that are missing.
    pub(super) fn table(&mut self, place: &Place, table: &dyn TableLike, params: &[Param]) -> Params {
        self.unknown_keys(table, params.iter().map(|p| p.name));
        self.values(place, table, params)
    }

    /// The same without a look at other keys.
    pub(super) fn values(&mut self, place: &Place, table: &dyn TableLike, params: &[Param]) -> Params {
        let mut out = Params::default();
        for param in params {
            match table.get(param.name) {
                Some(item) => {
                    let span = span_of(table, param.name, item);
                    if let Some(value) = self.value(param.name, &param.ty, item, &span) {
                        out.values.push((param.name, Spanned { value, span }));
                    }
                }
                None if param.required && !holds(table, params, param.name) => {
                    let message = format!("{} needs `{}`", place.title, param.name);
                    self.wrong.push(Diagnostic::new(place.span.clone(), message).help(param.about));
                }
                None => {}
            }
        }
        out
    }

    /// Refuses keys that are not among `known`.
    pub(super) fn unknown_keys(&mut self, table: &dyn TableLike, known: impl Iterator<Item = &'static str> + Clone) {
        for (key, item) in table.iter() {
            if !known.clone().any(|k| k == key) {
                let span = key_span(table, key, item);
                self.wrong.push(Diagnostic::unknown(span, "key", key, known.clone()));
            }
        }
    }

    /// The value behind `name`; none if it does not fit, or is a table of entries that does.
    pub(super) fn value(&mut self, name: &str, ty: &ParamType, item: &Item, span: &Span) -> Option<ParamValue> {
        let found = self.fitting(name, ty, item, span);
        found.unwrap_or_else(|d| {
            self.wrong.push(d);
            None
        })
    }

    fn fitting(
        &mut self,
        name: &str,
        ty: &ParamType,
        item: &Item,
        span: &Span,
    ) -> Result<Option<ParamValue>, Diagnostic> {
        let value = match ty {
            ParamType::Several if item.as_str().is_some_and(|t| !t.is_empty()) => {
                let value = item.as_str().unwrap_or_default().into();
                ParamValue::Texts(vec![Spanned { value, span: span.clone() }])
            }
            ParamType::Several if item.as_array().is_none_or(|all| all.is_empty()) => {
                return Err(mismatch(ty, item, span));
            }
            ParamType::Texts | ParamType::Several | ParamType::Events => ParamValue::Texts(self.texts(ty, item, span)?),
            ParamType::Bool => ParamValue::Bool(item.as_bool().ok_or_else(|| mismatch(ty, item, span))?),
            ParamType::Number(..) | ParamType::Integer(..) | ParamType::Share | ParamType::Bytes => {
                ParamValue::Number(number(ty, item, span)?)
            }
            ParamType::Integers(low, high) => ParamValue::Numbers(integers((*low, *high), item, span)?),
            ParamType::Portion if item.as_str().is_some_and(|t| parse_duration_ms(t).is_some()) => {
                ParamValue::DurationMs(duration(ty, item, span)?)
            }
            ParamType::Portion => ParamValue::Number(number(ty, item, span)?),
            ParamType::Duration => ParamValue::DurationMs(duration(ty, item, span)?),
            ParamType::Table(params) => {
                let table = item.as_table_like().ok_or_else(|| mismatch(ty, item, span))?;
                ParamValue::Table(self.table(&Place { title: title(name, item), span: span.clone() }, table, params))
            }
            ParamType::Short(first, params) => match (item.as_table_like(), item.as_str()) {
                (Some(table), _) => {
                    let place = Place { title: title(name, item), span: span.clone() };
                    ParamValue::Table(self.table(&place, table, params))
                }
                (None, Some(text)) => {
                    let value = Spanned { value: ParamValue::Text(text.into()), span: span.clone() };
                    ParamValue::Table(Params { values: vec![(first, value)] })
                }
                _ => return Err(mismatch(ty, item, span)),
            },
            ParamType::Entries(_) => match item.as_table_like() {
                Some(_) => return Ok(None),
                None => return Err(mismatch(ty, item, span)),
            },
            ParamType::Text | ParamType::Choice(_) | ParamType::Event | ParamType::Actor | ParamType::Expression => {
                let text = item.as_str().ok_or_else(|| mismatch(ty, item, span))?;
                self.word(name, ty, text, span)?;
                ParamValue::Text(text.into())
            }
        };
        Ok(Some(value))
    }

    fn word(&self, name: &str, ty: &ParamType, text: &str, span: &Span) -> Result<(), Diagnostic> {
        let one_of = |what: &str, known: &[&str]| {
            if known.contains(&text) {
                return Ok(());
            }
            Err(Diagnostic::unknown(span.clone(), what, text, known.iter().copied()))
        };
        match ty {
            ParamType::Choice(words) => one_of(name, words),
            ParamType::Event => one_of("event", &self.events),
            ParamType::Actor => one_of("actor", &self.actors),
            ParamType::Expression => self.expression(text, span).map(drop),
            _ if text.is_empty() => Err(Diagnostic::new(span.clone(), format!("`{name}` is empty"))),
            _ => Ok(()),
        }
    }

    fn texts(&self, ty: &ParamType, item: &Item, span: &Span) -> Result<Vec<Spanned<String>>, Diagnostic> {
        let list = item.as_array().ok_or_else(|| {
            let wrong = mismatch(ty, item, span);
            if let Some(text) = item.as_str() { wrong.help(format!("write [\"{text}\"]")) } else { wrong }
        })?;
        let mut out = Vec::new();
        for value in list {
            let span = value.span().unwrap_or_else(|| span.clone());
            let Some(text) = value.as_str() else {
                let message = format!("expected a list of strings, found {} in it", found(value));
                return Err(Diagnostic::new(span, message));
            };
            if *ty == ParamType::Events && !self.events.contains(&text) {
                return Err(Diagnostic::unknown(span, "event", text, self.events.iter().copied()));
            }
            out.push(Spanned { value: text.into(), span });
        }
        Ok(out)
    }

    /// Reads the expression in a text that stands at `span`, quotes included. Where the text is not in the file as it is
    /// meant (it has escapes), every place is that of the whole text.
    pub(super) fn expression(&self, text: &str, span: &Span) -> Result<Expr, Diagnostic> {
        match content_at(self.source, span, text) {
            Some(offset) => parse(text, offset),
            None => match parse(text, 0) {
                Ok(mut expr) => {
                    move_to(&mut expr, span);
                    Ok(expr)
                }
                Err(wrong) => Err(Diagnostic { span: span.clone(), ..wrong }),
            },
        }
    }

    /// Reads an outcome, as [`Walk::expression`] reads an expression.
    pub(super) fn outcome(&self, text: &str, span: &Span) -> Result<Outcome, Diagnostic> {
        match content_at(self.source, span, text) {
            Some(offset) => parse_outcome(text, offset),
            None => match parse_outcome(text, 0) {
                Ok(mut read) => {
                    move_to(&mut read.of, span);
                    read.condition.iter_mut().for_each(|c| move_to(c, span));
                    Ok(read)
                }
                Err(wrong) => Err(Diagnostic { span: span.clone(), ..wrong }),
            },
        }
    }

    /// Adds a mistake.
    pub(super) fn refuse(&mut self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.wrong.push(Diagnostic::new(span, message).help(help));
    }
}

/// Puts an expression and everything in it at one place.
fn move_to(expr: &mut Expr, span: &Span) {
    expr.span = span.clone();
    match &mut expr.node {
        Node::Path(names) => names.iter_mut().for_each(|(_, s)| *s = span.clone()),
        Node::Tuple(parts) => parts.iter_mut().for_each(|e| move_to(e, span)),
        Node::Call(call) => {
            call.name.1 = span.clone();
            call.args.iter_mut().for_each(|e| move_to(e, span));
            call.condition.iter_mut().for_each(|e| move_to(e, span));
            for (_, at, value) in &mut call.named {
                *at = span.clone();
                move_to(value, span);
            }
        }
        Node::Unary(_, a) => move_to(a, span),
        Node::Binary(_, a, b) => [a, b].into_iter().for_each(|e| move_to(e, span)),
        Node::If(a, b, c) => [a, b, c].into_iter().for_each(|e| move_to(e, span)),
        Node::Number(_) | Node::Duration(_) | Node::Text(_) | Node::Bool(_) => {}
    }
}

/// Where the characters of a quoted text begin in the file, if they stand there one by one.
pub(super) fn content_at(source: &str, span: &Span, text: &str) -> Option<usize> {
    let raw = source.get(span.clone())?;
    let quotes = if raw.starts_with("\"\"\"") || raw.starts_with("'''") { 3 } else { 1 };
    // A line break right behind three quotes is not part of the text.
    let begins = |skip: &usize| raw.get(*skip..).is_some_and(|r| r.starts_with(text) && r.len() == text.len() + quotes);
    (quotes..=quotes + 2).find(begins).map(|skip| span.start + skip)
}

fn number(ty: &ParamType, item: &Item, span: &Span) -> Result<f64, Diagnostic> {
    let exact = item.as_integer().map(|i| i as f64);
    let any = exact.or_else(|| item.as_float());
    let read = match ty {
        ParamType::Number(..) => any,
        ParamType::Integer(..) => exact,
        ParamType::Share | ParamType::Portion => any.or_else(|| parse_share(item.as_str()?)),
        _ => exact.or_else(|| parse_bytes(item.as_str()?)),
    };
    let Some(n) = read else {
        return Err(mismatch(ty, item, span));
    };
    let (low, high) = match ty {
        ParamType::Number(low, high) => (*low, *high),
        ParamType::Integer(low, high) => (*low as f64, *high as f64),
        ParamType::Share | ParamType::Portion => (0.0, 1.0),
        _ => (1.0, 1e15),
    };
    if (low..=high).contains(&n) {
        return Ok(n);
    }
    let message = match ty {
        ParamType::Share | ParamType::Portion => "a share is from 0 to 1, or from 0% to 100%".to_string(),
        ParamType::Bytes => "a size is from 1B to 1000TB".to_string(),
        _ => format!("expected {} from {low} to {high}, found {}", expected(ty), written(item)),
    };
    Err(Diagnostic::new(span.clone(), message))
}

fn integers((low, high): (i64, i64), item: &Item, span: &Span) -> Result<Vec<f64>, Diagnostic> {
    let list = item.as_array().ok_or_else(|| mismatch(&ParamType::Integers(low, high), item, span))?;
    let number = |value: &Value| {
        let fits = value.as_integer().filter(|n| (low..=high).contains(n));
        fits.map(|n| n as f64).ok_or_else(|| {
            let span = value.span().unwrap_or_else(|| span.clone());
            Diagnostic::new(span, format!("expected whole numbers from {low} to {high}"))
        })
    };
    list.iter().map(number).collect()
}

fn duration(ty: &ParamType, item: &Item, span: &Span) -> Result<i64, Diagnostic> {
    match item.as_str().and_then(parse_duration_ms) {
        Some(ms) if ms > 0 => Ok(ms),
        Some(_) => Err(Diagnostic::new(span.clone(), "a time span is longer than zero")),
        None => Err(mismatch(ty, item, span).help("write a number and a unit: ms, s, m, h, d, w")),
    }
}

/// `"60%"`, or `"0.6"`.
fn parse_share(text: &str) -> Option<f64> {
    match text.trim().strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().ok().map(|p| p / 100.0),
        None => text.trim().parse().ok(),
    }
}

/// `"2GB"`, `"512MiB"`: thousands, or powers of 1024 with an `i`.
fn parse_bytes(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 9] = [
        ("KiB", 1024.0),
        ("MiB", 1_048_576.0),
        ("GiB", 1_073_741_824.0),
        ("TiB", 1_099_511_627_776.0),
        ("KB", 1e3),
        ("MB", 1e6),
        ("GB", 1e9),
        ("TB", 1e12),
        ("B", 1.0),
    ];
    let text = text.trim();
    let (amount, size) = UNITS.iter().find_map(|(unit, size)| Some((text.strip_suffix(unit)?, size)))?;
    amount.trim().parse::<f64>().ok().map(|n| n * size)
}

fn mismatch(ty: &ParamType, item: &Item, span: &Span) -> Diagnostic {
    let found = match (ty, item.as_str()) {
        (ParamType::Duration | ParamType::Share | ParamType::Portion | ParamType::Bytes, Some(text)) => {
            format!("{text:?}")
        }
        _ => written(item),
    };
    Diagnostic::new(span.clone(), format!("expected {}, found {found}", expected(ty)))
}

/// What is expected, in words.
fn expected(ty: &ParamType) -> &'static str {
    match ty {
        ParamType::Text | ParamType::Choice(_) => "a string",
        ParamType::Texts => "a list of strings",
        ParamType::Several => "a string or a list of strings",
        ParamType::Number(..) => "a number",
        ParamType::Integer(..) => "a whole number",
        ParamType::Integers(..) => "a list of whole numbers",
        ParamType::Bool => "true or false",
        ParamType::Duration => "a time span such as \"30d\"",
        ParamType::Portion => "a share such as \"10%\" or a time span such as \"14d\"",
        ParamType::Share => "a share such as \"60%\" or 0.6",
        ParamType::Bytes => "a size such as \"2GB\"",
        ParamType::Event => "the name of an event",
        ParamType::Events => "a list of names of events",
        ParamType::Actor => "the name of an actor",
        ParamType::Expression => "an expression in quotes",
        ParamType::Table(_) | ParamType::Entries(_) => "a table",
        ParamType::Short(..) => "a string or a table",
    }
}

/// What was found: a short value itself, else what sort of value it is.
fn written(item: &Item) -> String {
    match item.as_value() {
        Some(Value::Integer(n)) => n.value().to_string(),
        Some(Value::Float(n)) => n.value().to_string(),
        Some(Value::Boolean(b)) => b.value().to_string(),
        Some(value) => found(value).to_string(),
        None if item.is_array_of_tables() => "a list of tables".to_string(),
        None => "a table".to_string(),
    }
}

fn found(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a string",
        Value::Integer(_) | Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::InlineTable(_) => "a table",
    }
}

fn title(name: &str, item: &Item) -> String {
    if item.is_table() { format!("[{name}]") } else { format!("`{name}`") }
}

/// Whether a table has a key, or another that is likely meant to be it and is refused as unknown.
pub(super) fn holds(table: &dyn TableLike, params: &[Param], name: &str) -> bool {
    let names = || params.iter().map(|p| p.name);
    let meant = |key: &str| !names().any(|n| n == key) && nearest(key, names()) == Some(name);
    table.iter().any(|(key, _)| key == name || meant(key))
}

/// Where the value of a key stands: a table's header, or what was written behind the key.
pub(super) fn span_of(table: &dyn TableLike, key: &str, item: &Item) -> Span {
    item.span().or_else(|| table.key(key).and_then(|k| k.span())).unwrap_or(0..0)
}

/// Where a key stands.
pub(super) fn key_span(table: &dyn TableLike, key: &str, item: &Item) -> Span {
    table.key(key).and_then(|k| k.span()).or_else(|| item.span()).unwrap_or(0..0)
}

/// The entries of a table of names, with the places of the names; none if it is no table.
pub(super) fn entries<'t>(table: &'t dyn TableLike, key: &str) -> Vec<(Spanned<String>, &'t Item)> {
    let Some(entries) = table.get(key).and_then(Item::as_table_like) else { return Vec::new() };
    let entry = |(name, item): (&str, &'t Item)| {
        (Spanned { value: name.to_string(), span: key_span(entries, name, item) }, item)
    };
    entries.iter().map(entry).collect()
}

/// A text and its place.
pub(super) fn text_of(params: &Params, key: &str) -> Option<Spanned<String>> {
    let found = params.get(key)?;
    match &found.value {
        ParamValue::Text(text) => Some(Spanned { value: text.clone(), span: found.span.clone() }),
        _ => None,
    }
}
