//! Reads the tables that name a kind: learned vectors, sources, stages and steps of re-ranking.

use super::Part;
use super::keys::{CANDIDATES, LEARNED, RERANK, STAGES, Sort, VALUE, param};
use super::names::{Space, writable};
use super::read::{PartKind, Vocabulary};
use super::walk::{Place, Walk, entries, key_span, span_of};
use crate::diagnostic::{Diagnostic, Span, Spanned};
use crate::param::{Param, ParamValue, Params};
use toml_edit::{Item, Table, TableLike};

/// The parts that could be read.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) learned: Vec<Part>,
    pub(super) candidates: Vec<Part>,
    pub(super) stages: Vec<Part>,
    pub(super) rerank: Vec<Part>,
    /// Names of sources and stages that could not be read: whoever refers to them is not to blame.
    pub(super) lost: Vec<String>,
    /// Names of learned vectors that could not be read.
    pub(super) learned_lost: Vec<String>,
}

/// A part before it has a name for certain.
struct Draft {
    kind: String,
    name: Option<Spanned<String>>,
    params: Params,
    span: Span,
    /// Whether its kind is known and has all it requires.
    whole: bool,
}

/// Reads all parts of the file.
pub(super) fn read(walk: &mut Walk<'_>, root: &Table, vocabulary: &Vocabulary) -> Parts {
    let mut parts = Parts::default();
    for (name, item) in entries(root, LEARNED.key) {
        let place =
            Place { title: format!("[learned.{}]", name.value), span: item.span().unwrap_or(name.span.clone()) };
        match draft(walk, &LEARNED, &vocabulary.learned, place, item.as_table_like()) {
            Some(d) if d.whole => parts.learned.push(Part { kind: d.kind, name, params: d.params, span: d.span }),
            _ => parts.learned_lost.push(name.value),
        }
    }
    let sources = list(walk, root, &CANDIDATES, &vocabulary.candidates);
    let stages = list(walk, root, &STAGES, &vocabulary.stages);
    let listed = root.get("decision").and_then(Item::as_table_like).is_some_and(|t| t.contains_key("from"));
    if root.get(CANDIDATES.key).is_none() && !listed {
        walk.refuse(0..0, "the file has no `[[candidates]]`: nothing proposes items", "add a source");
    }
    parts.rerank = rerank(walk, root, &vocabulary.rerank);
    let mut space = Space::default();
    // The funnel merges what sources propose under this name.
    space.free("merge", "a step of the funnel");
    for part in &parts.rerank {
        space.free(&part.kind, "a step of re-ranking");
    }
    for d in sources.iter().chain(&stages) {
        if let Some(name) = &d.name {
            let checked = writable(name).and_then(|()| space.take(name, "a part of the funnel"));
            walk.wrong.extend(checked.err());
        }
    }
    parts.candidates = named(sources, &mut space, &mut parts.lost);
    parts.stages = named(stages, &mut space, &mut parts.lost);
    parts
}

impl Parts {
    /// Leaves out the parts whose keys name something that could not be read.
    pub(super) fn leave_out(&mut self, names: &[String]) {
        let (mut gone, lost) = (Vec::new(), &mut self.lost);
        self.learned.retain(|p| {
            !refers(&p.params, names) || {
                gone.push(p.name.value.clone());
                false
            }
        });
        let names = [names, &gone].concat();
        for parts in [&mut self.candidates, &mut self.stages] {
            parts.retain(|p| {
                !refers(&p.params, &names) || {
                    lost.push(p.name.value.clone());
                    false
                }
            });
        }
        self.rerank.retain(|p| !refers(&p.params, &names));
        self.learned_lost.extend(gone);
    }
}

fn refers(params: &Params, names: &[String]) -> bool {
    let any = |text: &str| text.split('.').any(|name| names.iter().any(|n| n == name));
    params.values.iter().any(|(_, v)| match &v.value {
        ParamValue::Text(text) => any(text),
        ParamValue::Texts(texts) => texts.iter().any(|t| any(&t.value)),
        ParamValue::Table(table) => refers(table, names),
        _ => false,
    })
}

/// The parts of `[[candidates]]` or `[[stages]]`.
fn list(walk: &mut Walk<'_>, root: &Table, sort: &Sort, kinds: &[PartKind]) -> Vec<Draft> {
    let Some(item) = root.get(sort.key) else { return Vec::new() };
    let mut out = Vec::new();
    let place = |span: Option<Span>| Place { title: sort.title.into(), span: span.unwrap_or(0..0) };
    if let Some(tables) = item.as_array_of_tables() {
        for table in tables {
            out.extend(draft(walk, sort, kinds, place(table.span()), Some(table)));
        }
    } else if let Some(values) = item.as_array() {
        for value in values {
            let table = value.as_inline_table().map(|t| t as &dyn TableLike);
            out.extend(draft(walk, sort, kinds, place(value.span()), table));
        }
    } else {
        let span = span_of(root, sort.key, item);
        walk.refuse(span, format!("`{}` is a list of tables", sort.key), format!("write {}", sort.title));
    }
    out
}

fn draft(
    walk: &mut Walk<'_>,
    sort: &Sort,
    kinds: &[PartKind],
    place: Place,
    table: Option<&dyn TableLike>,
) -> Option<Draft> {
    let Some(table) = table else {
        walk.refuse(place.span, format!("a {} is a table", sort.what), format!("write {}", sort.title));
        return None;
    };
    let written = table.get("kind").and_then(Item::as_str);
    let kind = written.and_then(|k| kinds.iter().find(|known| known.name == k));
    let mut params = match kind {
        Some(kind) => walk.table(&place, table, &[sort.common, kind.params].concat()),
        None => {
            if let (Some(found), Some(item)) = (written, table.get("kind")) {
                let span = span_of(table, "kind", item);
                let known = kinds.iter().map(|k| k.name);
                walk.wrong.push(Diagnostic::unknown(span, &format!("kind of {}", sort.what), found, known));
            }
            let params = || sort.common.iter().chain(kinds.iter().flat_map(|k| k.params));
            walk.unknown_keys(table, params().map(|p| p.name).collect::<Vec<_>>().iter().copied());
            walk.values(&place, table, sort.common)
        }
    };
    let name = params.get("name").and_then(|v| match &v.value {
        ParamValue::Text(text) => Some(Spanned { value: text.clone(), span: v.span.clone() }),
        _ => None,
    });
    params.values.retain(|(key, _)| !["kind", "name"].contains(key));
    let whole = kind.is_some_and(|k| holds_required(&params, k.params));
    Some(Draft { kind: written.unwrap_or(sort.what).into(), name, params, span: place.span, whole })
}

fn holds_required(params: &Params, declared: &[Param]) -> bool {
    declared.iter().all(|p| !p.required || params.get(p.name).is_some())
}

/// Gives every draft a name; keeps those that are whole.
fn named(drafts: Vec<Draft>, space: &mut Space, lost: &mut Vec<String>) -> Vec<Part> {
    let mut out = Vec::new();
    for d in drafts {
        let name = d.name.unwrap_or_else(|| {
            let value = space.free(&d.kind, "a part of the funnel");
            Spanned { value, span: d.span.clone() }
        });
        if d.whole {
            out.push(Part { kind: d.kind, name, params: d.params, span: d.span });
        } else {
            lost.push(name.value);
        }
    }
    out
}

/// The steps of `[rerank]`, in the order in which they are applied.
fn rerank(walk: &mut Walk<'_>, root: &Table, kinds: &[PartKind]) -> Vec<Part> {
    let Some(item) = root.get(RERANK.key) else { return Vec::new() };
    let Some(table) = item.as_table_like() else {
        walk.refuse(span_of(root, RERANK.key, item), "`rerank` is a table", "write [rerank]");
        return Vec::new();
    };
    for (key, item) in table.iter() {
        if !kinds.iter().any(|k| k.name == key) {
            let span = key_span(table, key, item);
            walk.wrong.push(Diagnostic::unknown(span, RERANK.what, key, kinds.iter().map(|k| k.name)));
        }
    }
    let mut out = Vec::new();
    for kind in kinds {
        let Some(item) = table.get(kind.name) else { continue };
        let span = span_of(table, kind.name, item);
        let mut params = Params::default();
        let alone = param(kind.params, VALUE);
        match (item.as_table_like(), alone) {
            (Some(inner), None) => {
                let place = Place { title: format!("`{}`", kind.name), span: span.clone() };
                params = walk.table(&place, inner, kind.params);
            }
            (_, Some(value)) => {
                let read = walk.value(kind.name, &value.ty, item, &span);
                params.values.extend(read.map(|value| (VALUE, Spanned { value, span: span.clone() })));
            }
            (None, None) => {
                let keys: Vec<String> = kind.params.iter().map(|p| format!("{} = ...", p.name)).collect();
                let help = format!("write {} = {{ {} }}", kind.name, keys.join(", "));
                walk.refuse(span.clone(), format!("`{}` is a table", kind.name), help);
            }
        }
        if holds_required(&params, kind.params) {
            let name = Spanned { value: kind.name.to_string(), span: key_span(table, kind.name, item) };
            out.push(Part { kind: kind.name.into(), name, params, span });
        }
    }
    out
}
