//! What actors, events, fields and parts may be called.

use crate::diagnostic::{Diagnostic, Spanned};
use crate::expr::KEYWORDS;

/// Words with a meaning of their own where an expression expects an actor or an event.
const RESERVED: [&str; 9] = ["now", "request", "given", "all", "score", "rank", "position", "true", "false"];

/// The words for types of fields.
pub(super) const TYPES: [&str; 8] = ["number", "bool", "category", "tags", "text", "vector", "time", "place"];

/// Refuses a name that an expression cannot hold.
pub(super) fn writable(name: &Spanned<String>) -> Result<(), Diagnostic> {
    let text = name.value.as_str();
    let begins = text.starts_with(|c: char| c == '_' || c.is_alphabetic());
    if !begins || !text.chars().all(|c| c == '_' || c.is_alphanumeric()) {
        let message = format!("`{text}` cannot be written in an expression");
        return Err(Diagnostic::new(name.span.clone(), message)
            .help("names begin with a letter and hold letters, digits and `_`"));
    }
    if KEYWORDS.contains(&text) || text == "true" || text == "false" {
        return Err(Diagnostic::new(name.span.clone(), format!("`{text}` is a word of the expression language"))
            .help("choose another name"));
    }
    Ok(())
}

/// Names that share a space, in which each stands for one thing.
#[derive(Default)]
pub(super) struct Space {
    taken: Vec<(String, &'static str)>,
}

impl Space {
    /// The names with which an expression may begin.
    pub(super) fn of_expressions() -> Self {
        let reserved = RESERVED.iter().map(|r| (r.to_string(), "a word of the expression language"));
        let types = TYPES.iter().map(|t| (t.to_string(), "a type of field"));
        Self { taken: reserved.chain(types).collect() }
    }

    /// Takes a name for `what`; refuses one that is taken.
    pub(super) fn take(&mut self, name: &Spanned<String>, what: &'static str) -> Result<(), Diagnostic> {
        let Some((_, first)) = self.taken.iter().find(|(n, _)| *n == name.value) else {
            self.taken.push((name.value.clone(), what));
            return Ok(());
        };
        let message = match *first == what {
            true => format!("two are called `{}`, both {what}", name.value),
            false => format!("`{}` is {what}, and already {first}", name.value),
        };
        Err(Diagnostic::new(name.span.clone(), message).help("choose another name"))
    }

    /// The first of `name`, `name_2`, `name_3` ... that is free, taken for `what`.
    pub(super) fn free(&mut self, name: &str, what: &'static str) -> String {
        let free = |n: &String| !self.taken.iter().any(|(t, _)| t == n);
        let numbered = (2..).map(|i| format!("{name}_{i}"));
        let found = std::iter::once(name.to_string()).chain(numbered).find(free).expect("numbers do not end");
        self.taken.push((found.clone(), what));
        found
    }
}
