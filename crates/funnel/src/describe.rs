//! The plan as text and as JSON: what `tamis check` prints.

use crate::plan::Plan;
use serde_json::{Value, json};
use std::fmt::Write;
use tamis_features::Per;
use tamis_features::state;
use tamis_spec::system::{Origin, SplitBy, System, Type};
use tamis_spec::time::format_duration;

/// How many actors there are, for estimates; those of the log when there is one.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Actors that lists are for.
    pub users: f64,
    /// Actors that are ranked.
    pub items: f64,
    /// Events in the log.
    pub events: f64,
    /// Whether they were counted, not assumed.
    pub counted: bool,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { users: 100_000.0, items: 10_000.0, events: 10_000_000.0, counted: false }
    }
}

impl Sizes {
    fn of_state(&self) -> state::Sizes {
        state::Sizes { users: self.users, items: self.items, events: self.events }
    }
}

/// Estimated resident bytes of a served system.
pub fn memory_bytes(plan: &Plan, sizes: &Sizes) -> f64 {
    let bytes = |b: &tamis_retrieve::source::Bytes| {
        b.constant + b.per_user * sizes.users + b.per_item * sizes.items + b.per_item_pair * sizes.items * sizes.items
    };
    let mut fits: Vec<(&str, &str)> = Vec::new();
    let mut total: f64 = plan.learned.iter().map(|p| bytes(&p.bytes)).sum();
    for (part, source) in plan.system.candidates.iter().zip(&plan.sources) {
        if let Some(key) = &source.fit_key {
            if fits.contains(&(&part.kind, key)) {
                continue;
            }
            fits.push((&part.kind, key));
        }
        total += bytes(&source.bytes);
    }
    let cells = plan.features.cells.bytes(&sizes.of_state());
    let texts: f64 = (0..plan.features.cells.corpora.len()).map(|c| texts(plan, c, sizes) * text_bytes()).sum();
    total + cells + texts + 48.0 * (sizes.users + sizes.items)
}

/// Different terms of a text, about: of an abstract.
const TERMS: f64 = 60.0;

/// How many texts a corpus has.
fn texts(plan: &Plan, corpus: usize, sizes: &Sizes) -> f64 {
    let is_user = plan.features.cells.corpora[corpus].actor == plan.system.decision.user;
    if is_user { sizes.users } else { sizes.items }
}

/// Resident bytes of a text whose terms are counted.
fn text_bytes() -> f64 {
    tamis_features::texts::Corpus::bytes(1.0, TERMS)
}

/// Bytes as a person reads them.
pub fn human_bytes(bytes: f64) -> String {
    let (value, unit) = match bytes {
        b if b >= 1e9 => (b / 1e9, "GB"),
        b if b >= 1e6 => (b / 1e6, "MB"),
        b if b >= 1e3 => (b / 1e3, "kB"),
        b => (b, "bytes"),
    };
    if value >= 100.0 || unit == "bytes" { format!("{value:.0} {unit}") } else { format!("{value:.1} {unit}") }
}

/// The plan for reading.
pub fn text(plan: &Plan, sizes: &Sizes) -> String {
    let s = &plan.system;
    let mut out = String::new();
    let name = |actor: usize| s.actors[actor].name.value.as_str();
    let _ = writeln!(out, "{}: ranks {} for each {}\n", s.name.value, s.decision.item_name, s.decision.user_name);
    for a in &s.actors {
        let from = a.file.as_ref().map_or("events alone".to_string(), |f| f.shown());
        let _ = writeln!(out, "actor    {:<16} from {from}: {}", a.name.value, fields(&a.fields));
    }
    for e in &s.events {
        let _ = match &e.origin {
            Origin::Declared { file, roles, fields: f, .. } => {
                let roles: Vec<&str> = roles.iter().map(|r| r.role.value.as_str()).collect();
                let from = file.as_ref().map_or("the API alone".to_string(), |f| f.shown());
                writeln!(out, "event    {:<16} from {from}: {}; {}", e.name.value, roles.join(", "), fields(f))
            }
            Origin::Derived { condition, .. } => {
                writeln!(out, "event    {:<16} where {}", e.name.value, tamis_features::aggregate::text_of(condition))
            }
        };
    }
    let condition = plan.features.condition.as_ref().map(|c| format!(" where {}", c.about)).unwrap_or_default();
    let _ = writeln!(
        out,
        "decision {} {}{condition}\n",
        if s.decision.lists.is_some() { "from" } else { "each" },
        s.events[s.decision.event].name.value
    );
    funnel_text(plan, &mut out);
    features_text(plan, sizes, &mut out);
    let _ = writeln!(out, "split    {}", split_text(s));
    let how = if sizes.counted { "as last trained on" } else { "assumed; training counts them" };
    let _ = writeln!(
        out,
        "memory   about {} for {:.0} {}s, {:.0} {}s, {:.0} events ({how}){}",
        human_bytes(memory_bytes(plan, sizes)),
        sizes.users,
        name(s.decision.user),
        sizes.items,
        name(s.decision.item),
        sizes.events,
        s.constraints.memory_bytes.map(|b| format!(", {} allowed", human_bytes(b))).unwrap_or_default(),
    );
    if let Some(ms) = s.constraints.latency_p99_ms {
        let _ = writeln!(out, "latency  {} at most; no source or stage begins after it", format_duration(ms));
    }
    out
}

/// How decisions are divided among the windows.
fn split_text(s: &System) -> String {
    let split = &s.split;
    let field = |f: usize| &s.event_fields(s.decision.event)[f].name.value;
    let by = match &split.by {
        SplitBy::Time => "by time".to_string(),
        SplitBy::Random => "by chance".to_string(),
        SplitBy::User => format!("by {}", s.decision.user_name),
        SplitBy::Item => format!("by {}", s.decision.item_name),
        SplitBy::Field(f) => format!("by {}", field(*f)),
        SplitBy::Column(f) => format!("as the column {} says", field(*f)),
        SplitBy::File(file) => format!("as {file} says"),
    };
    let share = |v: f64| format!("{:.0} %", v * 100.0);
    match (split.folds, split.spans_ms, &split.by) {
        (Some((n, k)), _, _) => format!("{by}: {n} folds, {k} is tested"),
        (_, Some([train, validate, test]), _) => {
            let [train, validate, test] = [train, validate, test].map(format_duration);
            format!("{by}: train {train}, validate {validate}, test {test}, back from the end")
        }
        (_, _, SplitBy::Column(_) | SplitBy::File(_)) => by,
        _ => {
            let sources =
                if split.by == SplitBy::Time { format!("sources {}, ", share(split.sources)) } else { String::new() };
            let [train, validate, test] = [split.train, split.validate, split.test].map(share);
            format!("{by}: {sources}train {train}, validate {validate}, test {test}")
        }
    }
}

fn fields(fields: &[tamis_spec::system::FieldSpec]) -> String {
    let one = |f: &tamis_spec::system::FieldSpec| format!("{} {}", f.name.value, type_name(&f.ty));
    if fields.is_empty() { "no fields".into() } else { fields.iter().map(one).collect::<Vec<_>>().join(", ") }
}

fn type_name(ty: &Type) -> String {
    match ty {
        Type::Actor(name) => format!("→ {name}"),
        other => format!("{other:?}").to_lowercase(),
    }
}

fn funnel_text(plan: &Plan, out: &mut String) {
    let keep = |p: &tamis_spec::system::Part| p.params.count("keep").map(|k| k.to_string()).unwrap_or_default();
    for part in &plan.system.learned {
        let _ = writeln!(out, "learned  {:<16} {}", part.name.value, part.kind);
    }
    for (part, source) in plan.system.candidates.iter().zip(&plan.sources) {
        let how = match (&source.fit_key, source.folds) {
            (Some(_), _) => "fitted",
            (None, Some(_)) => "folded as events come",
            (None, None) => "read from cells",
        };
        let _ = writeln!(out, "source   {:<16} {:<12} best {:>5}   {how}", part.name.value, part.kind, keep(part));
    }
    for (part, features) in plan.system.stages.iter().zip(&plan.stages) {
        let _ = writeln!(
            out,
            "stage    {:<16} {:<12} keeps {:>4}   reads {} features",
            part.name.value,
            part.kind,
            keep(part),
            features.len()
        );
    }
    for part in &plan.system.rerank {
        let _ = writeln!(out, "rerank   {}", part.kind);
    }
    out.push('\n');
}

fn features_text(plan: &Plan, sizes: &Sizes, out: &mut String) {
    for f in &plan.features.features {
        let per = if f.per == Per::Decision { "once" } else { "each" };
        let _ = writeln!(out, "feature  {:<24} {per}   {}", f.name, f.about);
    }
    let _ = writeln!(out, "\nstate    {} cells", plan.features.cells.specs.len());
    for (i, c) in plan.features.cells.specs.iter().enumerate() {
        let (keys, bytes) = plan.features.cells.bytes_per_key(i, &sizes.of_state());
        let _ = writeln!(out, "cell     {:>7} B for each of {keys:<9.0} {}", bytes.ceil(), c.about);
    }
    for (i, c) in plan.features.cells.corpora.iter().enumerate() {
        let (bytes, n) = (text_bytes(), texts(plan, i, sizes));
        let _ = writeln!(out, "texts    {bytes:>7} B for each of {n:<9.0} terms of {}, at {TERMS} each", c.about);
    }
    out.push('\n');
}

fn cell_json(plan: &Plan, cell: usize, sizes: &Sizes) -> Value {
    let (keys, bytes) = plan.features.cells.bytes_per_key(cell, &sizes.of_state());
    json!({"about": plan.features.cells.specs[cell].about, "keys": keys, "bytes_per_key": bytes})
}

/// The plan for programs.
pub fn to_json(plan: &Plan, sizes: &Sizes) -> Value {
    let s = &plan.system;
    let parts = |parts: &[tamis_spec::system::Part]| -> Vec<Value> {
        let one = |p: &tamis_spec::system::Part| json!({"name": p.name.value, "kind": p.kind, "keep": p.params.count("keep")});
        parts.iter().map(one).collect()
    };
    let features = plan.features.features.iter().map(|f| json!({"name": f.name, "expression": f.about, "per": if f.per == Per::Decision { "decision" } else { "candidate" }}));
    json!({
        "system": s.name.value,
        "actors": s.actors.iter().map(|a| json!({"name": a.name.value, "fields": a.fields.iter().map(|f| json!({"name": f.name.value, "type": type_name(&f.ty)})).collect::<Vec<_>>()})).collect::<Vec<_>>(),
        "events": s.events.iter().map(|e| e.name.value.clone()).collect::<Vec<_>>(),
        "learned": parts(&s.learned),
        "sources": parts(&s.candidates),
        "stages": parts(&s.stages),
        "rerank": s.rerank.iter().map(|p| p.kind.clone()).collect::<Vec<_>>(),
        "features": features.collect::<Vec<_>>(),
        "cells": (0..plan.features.cells.specs.len()).map(|c| cell_json(plan, c, sizes)).collect::<Vec<_>>(),
        "split": {"sources": s.split.sources, "train": s.split.train, "validate": s.split.validate, "test": s.split.test},
        "memory_bytes": memory_bytes(plan, sizes),
        "sizes_counted": sizes.counted,
        "fingerprint": plan.fingerprint(),
    })
}
