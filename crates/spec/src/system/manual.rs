//! The manual of the system file, printed from the declarations that the reader checks by.

use super::keys::{FILE, RERANK, SORTS, Sort, VALUE, param};
use super::read::{PartKind, Vocabulary};
use crate::param::{Param, ParamType};
use std::fmt::Write;

/// The manual of the system file as Markdown: every table, every key, every kind with its example.
pub fn reference(vocabulary: &Vocabulary) -> String {
    let mut out = String::from("# The system file\n\nKeys in **bold** are required.\n");
    let mut shown = Vec::new();
    for table in FILE {
        let (title, params) = match &table.ty {
            ParamType::Table(params) => (format!("[{}]", table.name), *params),
            ParamType::Entries(ParamType::Table(params)) => (format!("[{}.NAME]", table.name), *params),
            _ => (format!("[{}]", table.name), [].as_slice()),
        };
        heading(&mut out, 2, &title, table.about);
        if let ParamType::Entries(ty) = &table.ty
            && params.is_empty()
        {
            let _ = write!(out, "\nBehind every name stands {}.\n", written(ty));
        }
        keys(&mut out, params);
        for inner in params.iter().filter(|p| !shown.contains(&p.name)) {
            within(&mut out, inner);
        }
        shown.extend(params.iter().map(|p| p.name));
    }
    for sort in SORTS {
        heading(&mut out, 2, sort.title, sort.about);
        keys(&mut out, sort.common);
        for kind in sort.kinds(vocabulary) {
            describe(&mut out, sort, kind);
        }
    }
    out
}

fn heading(out: &mut String, level: usize, title: &str, about: &str) {
    let _ = write!(out, "\n{} `{title}`\n\n{about}\n", "#".repeat(level));
}

fn describe(out: &mut String, sort: &Sort, kind: &PartKind) {
    heading(out, 3, kind.name, kind.about);
    let _ = write!(out, "\n```toml\n{}\n```\n", kind.example.trim());
    match param(kind.params, VALUE) {
        Some(value) if sort.key == RERANK.key => {
            let _ = write!(out, "\nIts value is {}: {}\n", written(&value.ty), value.about);
        }
        _ => keys(out, kind.params),
    }
}

fn keys(out: &mut String, params: &[Param]) {
    if params.is_empty() {
        return;
    }
    out.push_str("\n| key | what stands there | meaning |\n|---|---|---|\n");
    for p in params {
        let name = if p.required { format!("**`{}`**", p.name) } else { format!("`{}`", p.name) };
        let _ = writeln!(out, "| {name} | {} | {} |", cell(&written(&p.ty)), cell(p.about));
    }
}

/// A `|` within a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// The tables that may stand behind a key.
fn within(out: &mut String, param: &Param) {
    let (what, params) = match &param.ty {
        ParamType::Entries(ParamType::Short(_, params)) => ("Behind a name of", params),
        ParamType::Short(_, params) => ("Behind", params),
        _ => return,
    };
    let _ = write!(out, "\n{what} `{}`, as a table:\n", param.name);
    keys(out, params);
}

/// What may stand behind a key, in words.
fn written(ty: &ParamType) -> String {
    match ty {
        ParamType::Text => "a text".into(),
        ParamType::Texts => "a list of texts".into(),
        ParamType::Several => "a text or a list of texts".into(),
        ParamType::Number(low, high) => format!("a number from {low} to {high}"),
        ParamType::Integer(low, high) => format!("a whole number from {low} to {high}"),
        ParamType::Integers(low, high) => format!("a list of whole numbers from {low} to {high}"),
        ParamType::Bool => "true or false".into(),
        ParamType::Duration => "a time span: `\"20ms\"`, `\"30d\"`; units ms, s, m, h, d, w".into(),
        ParamType::Share => "a share: `\"60%\"` or `0.6`".into(),
        ParamType::Portion => "a share, `\"10%\"`, or a time span, `\"14d\"`".into(),
        ParamType::Bytes => "a size: `\"2GB\"`, `\"512MiB\"`".into(),
        ParamType::Choice(words) => words.iter().map(|w| format!("`\"{w}\"`")).collect::<Vec<_>>().join(" or "),
        ParamType::Event => "the name of an event".into(),
        ParamType::Events => "a list of names of events".into(),
        ParamType::Actor => "the name of an actor".into(),
        ParamType::Expression => "an expression".into(),
        ParamType::Table(_) => "a table".into(),
        ParamType::Short(first, _) => format!("its `{first}`, or a table"),
        ParamType::Entries(ty) => format!("a table of names; behind each {}", written(ty)),
    }
}
