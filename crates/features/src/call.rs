//! Reading the arguments of a call: how many, of which names, of which types.

use tamis_spec::diagnostic::{Diagnostic, Span};
use tamis_spec::expr::{Call, Expr, Node as Tree};

/// Refuses more or fewer than `n` arguments without a name, names that are not in `named`, and a `where` unless `condition`.
pub fn shape(call: &Call, n: usize, named: &[&str], condition: bool) -> Result<(), Diagnostic> {
    if call.args.len() != n {
        let wanted = if n == 1 { "1 argument".to_string() } else { format!("{n} arguments") };
        return Err(Diagnostic::new(
            call.name.1.clone(),
            format!("`{}` takes {wanted}, found {}", call.name.0, call.args.len()),
        ));
    }
    if let (Some(c), false) = (&call.condition, condition) {
        return Err(Diagnostic::new(c.span.clone(), format!("`{}` takes no `where`", call.name.0)));
    }
    // Whoever takes `by` takes `as`.
    let known = || named.iter().copied().chain(named.contains(&"by").then_some("as"));
    match call.named.iter().find(|(name, _, _)| !known().any(|n| n == name)) {
        Some((name, span, _)) => {
            Err(Diagnostic::unknown(span.clone(), &format!("argument of `{}`", call.name.0), name, known()))
        }
        None => Ok(()),
    }
}

/// The expression behind a name.
pub fn named<'c>(call: &'c Call, name: &str) -> Option<&'c Expr> {
    call.named.iter().find(|(n, _, _)| n == name).map(|(_, _, e)| e)
}

/// A time span behind a name, in ms, positive.
pub fn duration_ms(call: &Call, name: &str) -> Result<Option<i64>, Diagnostic> {
    match named(call, name) {
        None => Ok(None),
        Some(Expr { node: Tree::Duration(ms), .. }) if *ms > 0 => Ok(Some(*ms)),
        Some(e) => {
            Err(Diagnostic::new(e.span.clone(), format!("`{name}` takes a time span")).help("for example 7d, 12h, 30m"))
        }
    }
}

/// A number behind a name, between bounds.
pub fn number(call: &Call, name: &str, low: f64, high: f64) -> Result<Option<f64>, Diagnostic> {
    match named(call, name) {
        None => Ok(None),
        Some(Expr { node: Tree::Number(n), .. }) if (low..=high).contains(n) => Ok(Some(*n)),
        Some(e) => Err(Diagnostic::new(e.span.clone(), format!("`{name}` takes a number from {low} to {high}"))),
    }
}

/// A whole number behind a name, between bounds.
pub fn count(call: &Call, name: &str, low: usize, high: usize) -> Result<Option<usize>, Diagnostic> {
    match number(call, name, low as f64, high as f64)? {
        Some(n) if n.fract() != 0.0 => {
            let span = named(call, name).map_or(call.name.1.clone(), |e| e.span.clone());
            Err(Diagnostic::new(span, format!("`{name}` takes a whole number")))
        }
        n => Ok(n.map(|n| n as usize)),
    }
}

/// One of some words behind a name.
pub fn word<'c>(call: &'c Call, name: &str, words: &[&str]) -> Result<Option<&'c str>, Diagnostic> {
    match named(call, name) {
        None => Ok(None),
        Some(Expr { node: Tree::Text(t), .. }) if words.contains(&t.as_str()) => Ok(Some(t)),
        Some(e) => Err(Diagnostic::new(
            e.span.clone(),
            format!(
                "`{name}` takes one of: {}",
                words.iter().map(|w| format!("\"{w}\"")).collect::<Vec<_>>().join(", ")
            ),
        )),
    }
}

/// "`f` takes WANTED, found FOUND".
pub fn wrong(name: &str, span: Span, wanted: &str, found: &str) -> Diagnostic {
    Diagnostic::new(span, format!("`{name}` takes {wanted}, found {found}"))
}
