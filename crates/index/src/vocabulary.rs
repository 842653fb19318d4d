//! Questions to the vocabulary: which terms begin so, which are near a word, which of them is meant.

use crate::edits::Edits;
use crate::plan::View;
use fst::{IntoStreamer, Streamer};
use std::collections::BTreeMap;

/// Terms that one prefix or inexact word stands for at most: the commonest.
pub const EXPANSIONS_MAX: usize = 64;
/// Terms that are looked at for one prefix at most, in their order.
pub const PREFIX_TERMS_MAX: usize = 20_000;

/// A term of the vocabulary near a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correction {
    /// The term.
    pub term: String,
    /// Edits between the word and the term; 0 where the word is a term.
    pub distance: u8,
    /// Documents that have the term.
    pub df: u32,
}

/// The commonest terms that begin with `start`, commonest first.
pub(crate) fn beginning(view: &View<'_>, start: &str) -> Vec<(String, u32)> {
    let mut found: BTreeMap<String, u32> = BTreeMap::new();
    if let Some(segment) = &view.segment {
        let mut terms = segment.vocabulary.range().ge(start).into_stream();
        while let Some((term, idx)) = terms.next() {
            let Some(term) = std::str::from_utf8(term).ok().filter(|t| t.starts_with(start)) else { break };
            let df = segment.df_of(idx.value() as u32);
            if df > 0 {
                found.insert(term.to_owned(), df);
            }
            if found.len() == PREFIX_TERMS_MAX {
                break;
            }
        }
    }
    let live = view.tail.terms(start).take_while(|t| t.0.starts_with(start)).filter(|t| t.1 > 0);
    for (term, df) in live.take(PREFIX_TERMS_MAX) {
        *found.entry(term.to_owned()).or_default() += df;
    }
    let mut found: Vec<(String, u32)> = found.into_iter().take(PREFIX_TERMS_MAX).collect();
    found.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    found.truncate(EXPANSIONS_MAX);
    found
}

/// Terms at most `distance` edits from a word: the nearest first, then the commonest.
pub(crate) fn near(view: &View<'_>, word: &str, distance: u8) -> Vec<Correction> {
    let edits = Edits::of(word, distance);
    let mut found: BTreeMap<String, u32> = BTreeMap::new();
    if let Some(segment) = &view.segment {
        let mut terms = segment.vocabulary.search(&edits).into_stream();
        while let Some((term, idx)) = terms.next() {
            if let Ok(term) = std::str::from_utf8(term) {
                found.insert(term.to_owned(), segment.df_of(idx.value() as u32));
            }
        }
    }
    for (term, df) in view.tail.terms("") {
        if edits.distance(term).is_some() {
            *found.entry(term.to_owned()).or_default() += df;
        }
    }
    let live = found.into_iter().filter(|(_, df)| *df > 0);
    let mut out: Vec<Correction> =
        live.filter_map(|(term, df)| edits.distance(&term).map(|distance| Correction { term, distance, df })).collect();
    out.sort_by(|a, b| a.distance.cmp(&b.distance).then(b.df.cmp(&a.df)).then_with(|| a.term.cmp(&b.term)));
    out.truncate(EXPANSIONS_MAX);
    out
}
