//! Mistakes in a system file, shown where they stand.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde_json::{Value, json};
use std::io::IsTerminal;
use tamis_spec::diagnostic::Diagnostic;

/// All mistakes with their lines and carets.
pub fn text(path: &str, source: &str, wrong: &[Diagnostic]) -> String {
    let renderer = if std::io::stderr().is_terminal() { Renderer::styled() } else { Renderer::plain() };
    let mut out = String::new();
    for d in wrong {
        let span = clamp(source, d);
        let snippet = Snippet::source(source).path(path).annotation(AnnotationKind::Primary.span(span));
        let group = Level::ERROR.primary_title(&d.message).element(snippet);
        let group = if d.help.is_empty() { group } else { group.element(Level::HELP.message(&d.help)) };
        out.push_str(&renderer.render(&[group]));
        out.push_str("\n\n");
    }
    out
}

/// A span that lies within the text, on whole characters.
fn clamp(source: &str, d: &Diagnostic) -> std::ops::Range<usize> {
    let mut start = d.span.start.min(source.len());
    let mut end = d.span.end.clamp(start, source.len());
    while !source.is_char_boundary(start) {
        start -= 1;
    }
    while !source.is_char_boundary(end) {
        end += 1;
    }
    start..end
}

/// All mistakes for programs.
pub fn json(path: &str, source: &str, wrong: &[Diagnostic]) -> Value {
    let one = |d: &Diagnostic| {
        let (line, column) = d.line_column(source);
        json!({"file": path, "line": line, "column": column, "message": d.message, "help": d.help})
    };
    json!({"errors": wrong.iter().map(one).collect::<Vec<_>>()})
}
