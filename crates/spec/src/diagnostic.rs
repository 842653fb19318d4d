//! What is wrong with a text that a person wrote, and where: facts, not prose put together at the caller.

use std::fmt;
use std::ops::Range;

/// Bytes of a source text.
pub type Span = Range<usize>;

/// A value and where it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Spanned<T> {
    /// What was written.
    pub value: T,
    /// Where, in bytes of the file.
    pub span: Span,
}

/// One mistake in a system file.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    /// What is wrong: what was asked and what was found, in one sentence without a full stop.
    pub message: String,
    /// Where, in bytes of the system file.
    pub span: Span,
    /// What to try: the nearest known name, the permitted values. Empty when there is nothing to say.
    pub help: String,
}

impl Diagnostic {
    /// A mistake at `span`.
    pub fn new(span: Span, message: impl Into<String>) -> Self {
        Self { message: message.into(), span, help: String::new() }
    }

    /// The same with something to try.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }

    /// "unknown WHAT `found`", with the nearest of `known` or all of them as help.
    pub fn unknown<'a>(span: Span, what: &str, found: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        let message = format!("unknown {what} `{found}`");
        let help = match nearest(found, known.iter().copied()) {
            Some(name) => format!("did you mean `{name}`?"),
            None if known.is_empty() => format!("no {what} is declared"),
            None => format!("known: {}", known.join(", ")),
        };
        Self { message, span, help }
    }

    /// Line and column of the start in `source`, both from 1, the column in characters.
    pub fn line_column(&self, source: &str) -> (usize, usize) {
        let before = &source[..self.span.start.min(source.len())];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
        (line, column)
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message)?;
        if !self.help.is_empty() {
            write!(f, " ({})", self.help)?;
        }
        Ok(())
    }
}

/// The known name closest to `found`, if one is close: at most a third of its letters differ.
pub fn nearest<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = found.chars().count().div_ceil(3).max(1);
    known.into_iter().map(|k| (edit_distance(found, k), k)).filter(|(d, _)| *d <= limit).min().map(|(_, k)| k)
}

/// Damerau–Levenshtein distance with adjacent transpositions (optimal string alignment).
fn edit_distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<_>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let swap = (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]).then(|| rows[i - 2][j - 2] + 1);
            let change = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let best = change.min(row[j - 1] + 1).min(rows[i - 1][j] + 1);
            row.push(swap.map_or(best, |s| s.min(best)));
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested_only_when_it_is_near() {
        let check = |found, expected| assert_eq!(nearest(found, ["user", "movie", "rating"]), expected);
        check("usr", Some("user"));
        check("moive", Some("movie"));
        check("ratings", Some("rating"));
        check("purchase", None);
    }

    #[test]
    fn a_place_is_told_in_lines_and_characters() {
        let source = "é = 1\nab = 2\n";
        let at = |start| Diagnostic::new(start..start + 1, "").line_column(source);
        assert_eq!(at(3), (1, 3));
        assert_eq!(at(10), (2, 4));
    }
}
