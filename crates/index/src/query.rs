//! What a user typed, as clauses. Every text is a query: what cannot be understood is left out and told.
//!
//! ```text
//! red shoe        documents with any of the words; more of them and rarer ones are better
//! +red -shoe      red is required, shoe is excluded
//! "red shoe"      the words one behind the other, as one term
//! sho*            words that begin so
//! shoo~ shoo~2    words one edit away, two edits away
//! ```

use crate::edits::EDITS_MAX;
use crate::options::Readers;
use std::fmt;

/// Bytes of a text that are read as a query.
pub const QUERY_BYTES_MAX: usize = 16_384;
/// Clauses of one query at most.
pub const CLAUSES_MAX: usize = 64;
/// Of these, those that are more than one term of the vocabulary: each costs as much as many terms.
pub const COSTLY_MAX: usize = 16;
/// Words of a phrase at most; those behind are not read.
pub const PHRASE_WORDS_MAX: usize = 16;
/// Pieces that were left out are named up to so many.
pub const IGNORED_MAX: usize = 16;

/// A query as it was understood.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// What is looked for, in the order of the text.
    pub clauses: Vec<Clause>,
    /// Pieces of the text that say nothing: words that are in every text, signs, emoji.
    pub ignored: Vec<String>,
    /// Whether the text was longer than [`QUERY_BYTES_MAX`] or had more than [`CLAUSES_MAX`] clauses or [`COSTLY_MAX`] costly
    /// ones, and the rest was left out.
    pub cut: bool,
}

/// One thing that is looked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Clause {
    /// Whether documents may, must or must not match.
    pub occur: Occur,
    /// What matches.
    pub matches: Matches,
    /// How much it counts: 1 for each time it stands in the text.
    pub weight: f32,
}

/// Whether documents may, must or must not match a clause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occur {
    /// A match adds to the score.
    May,
    /// Only matches are found, and a match adds to the score.
    Must,
    /// No match is found.
    MustNot,
}

/// What matches a clause. All that matches counts as one term: its frequencies are added, and its document frequency is that of
/// documents that have any of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Matches {
    /// Any of these terms: the same word as the languages of the fields write it.
    Term(Vec<String>),
    /// Any of these sequences of terms, in one field.
    Phrase(Vec<Vec<String>>),
    /// Terms that begin so; the commonest where there are many.
    Prefix(String),
    /// Terms at most `distance` edits from any of `terms`; an edit halves what a match is worth.
    Fuzzy {
        /// From which.
        terms: Vec<String>,
        /// Edits, 1 or 2.
        distance: u8,
    },
}

/// Reads a text.
pub(crate) fn parse(text: &str, readers: &Readers) -> Query {
    let end = (0..=QUERY_BYTES_MAX.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
    let mut query = Query { cut: end < text.len(), ..Query::default() };
    let mut rest = text[..end].trim_start();
    while !rest.is_empty() {
        if query.clauses.len() >= CLAUSES_MAX {
            query.cut = true;
            break;
        }
        let (occur, after) = sign(rest);
        let (piece, quoted, after) = piece(after);
        let found = if quoted { phrase(piece, readers).into_iter().collect() } else { words(occur, piece, readers) };
        if found.is_empty() && query.ignored.len() < IGNORED_MAX && !piece.is_empty() {
            query.ignored.push(piece.chars().take(64).collect());
        }
        found.into_iter().for_each(|matches| query.push(occur, matches));
        rest = after.trim_start();
    }
    query
}

/// What a sign before a piece says, and the piece.
fn sign(text: &str) -> (Occur, &str) {
    let signed = |c: char| text.strip_prefix(c).filter(|rest| rest.starts_with(|c: char| !c.is_whitespace()));
    match (signed('+'), signed('-')) {
        (Some(rest), _) => (Occur::Must, rest),
        (_, Some(rest)) => (Occur::MustNot, rest),
        _ => (Occur::May, text),
    }
}

/// The piece with which a text begins, whether it was quoted, and what comes after it. A quote that does not end goes on to the end.
fn piece(text: &str) -> (&str, bool, &str) {
    let quote = |c: char| matches!(c, '"' | '“' | '”' | '„' | '«' | '»');
    if let Some(inner) = text.strip_prefix(quote) {
        let end = inner.find(quote).unwrap_or(inner.len());
        return (&inner[..end], true, inner[end..].strip_prefix(quote).unwrap_or(""));
    }
    let end = text.find(|c: char| c.is_whitespace() || quote(c)).unwrap_or(text.len());
    (&text[..end], false, &text[end..])
}

/// A text's terms, as each language writes them; languages that agree once.
fn sequences(text: &str, readers: &Readers) -> Vec<Vec<String>> {
    let mut out: Vec<Vec<String>> = Vec::new();
    for analyser in readers.each() {
        let mut terms = Vec::new();
        analyser.terms(text, &mut |t| {
            if terms.len() < CLAUSES_MAX {
                terms.push(t.to_owned());
            }
        });
        if !terms.is_empty() && !out.contains(&terms) {
            out.push(terms);
        }
    }
    out
}

/// A quoted text: a phrase, or a term where it is one word.
fn phrase(text: &str, readers: &Readers) -> Option<Matches> {
    let mut sequences = sequences(text, readers);
    sequences.iter_mut().for_each(|s| s.truncate(PHRASE_WORDS_MAX));
    match sequences.iter().map(Vec::len).max()? {
        1 => Some(Matches::Term(sequences.concat())),
        _ => Some(Matches::Phrase(sequences)),
    }
}

/// What a piece without quotes is read as.
fn words(occur: Occur, piece: &str, readers: &Readers) -> Vec<Matches> {
    if let Some(stem) = piece.strip_suffix('*') {
        // What stands before the last word's beginning is words of their own.
        let mut words = readers.words(stem);
        let last = words.pop().map(Matches::Prefix);
        let mut out: Vec<Matches> = words.iter().filter_map(|w| phrase(w, readers)).collect();
        out.extend(last);
        return out;
    }
    if let Some((word, distance)) = fuzzy(piece) {
        let terms: Vec<String> = sequences(word, readers).into_iter().filter(|s| s.len() == 1).flatten().collect();
        if !terms.is_empty() {
            return vec![Matches::Fuzzy { terms, distance }];
        }
    }
    let sequences = sequences(piece, readers);
    let n = sequences.iter().map(Vec::len).max().unwrap_or(0);
    if n > 1 && occur != Occur::May {
        return phrase(piece, readers).into_iter().collect();
    }
    if sequences.iter().all(|s| s.len() == n) {
        let alike = |i: usize| {
            let mut terms: Vec<String> = Vec::new();
            sequences.iter().for_each(|s| {
                if !terms.contains(&s[i]) {
                    terms.push(s[i].clone())
                }
            });
            Matches::Term(terms)
        };
        return (0..n).map(alike).collect();
    }
    let mut out: Vec<Matches> = Vec::new();
    for term in sequences.concat() {
        let term = Matches::Term(vec![term]);
        if !out.contains(&term) {
            out.push(term);
        }
    }
    out
}

/// A word and a distance behind it: `word~`, `word~1`, `word~2`.
fn fuzzy(piece: &str) -> Option<(&str, u8)> {
    let (word, distance) = piece.rsplit_once('~')?;
    let distance = if distance.is_empty() { 1 } else { distance.parse::<u8>().ok()?.min(EDITS_MAX) };
    (!word.is_empty() && distance > 0).then_some((word, distance))
}

impl Query {
    fn n_costly(&self) -> usize {
        self.clauses.iter().filter(|c| c.matches.costly()).count()
    }

    /// Takes a clause in; one that is there already counts once more.
    fn push(&mut self, occur: Occur, matches: Matches) {
        if let Some(known) = self.clauses.iter_mut().find(|c| c.occur == occur && c.matches == matches) {
            known.weight += 1.0;
        } else if self.clauses.len() < CLAUSES_MAX && (!matches.costly() || self.n_costly() < COSTLY_MAX) {
            self.clauses.push(Clause { occur, matches, weight: 1.0 });
        } else {
            self.cut = true;
        }
    }
}

impl Matches {
    fn costly(&self) -> bool {
        !matches!(self, Self::Term(_))
    }
}

impl fmt::Display for Query {
    /// The query as it was understood, in its own language.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, clause) in self.clauses.iter().enumerate() {
            let space = if i == 0 { "" } else { " " };
            let sign = match clause.occur {
                Occur::May => "",
                Occur::Must => "+",
                Occur::MustNot => "-",
            };
            let what = match &clause.matches {
                Matches::Term(terms) => terms.join("|"),
                Matches::Phrase(words) => {
                    let quoted: Vec<String> = words.iter().map(|w| format!("\"{}\"", w.join(" "))).collect();
                    quoted.join("|")
                }
                Matches::Prefix(start) => format!("{start}*"),
                Matches::Fuzzy { terms, distance } => format!("{}~{distance}", terms.join("|")),
            };
            write!(f, "{space}{sign}{what}")?;
            if clause.weight != 1.0 {
                write!(f, "^{}", clause.weight)?;
            }
        }
        Ok(())
    }
}
