//! Writes an index anew: what is left of the written segment and what came since, term by term. The bytes are those of an index
//! that is built from the same documents at once.

use crate::block::{Encoded, Lengths, Postings};
use crate::bm25::Formula;
use crate::build::vocabulary;
use crate::file::{Contents, write};
use crate::options::Options;
use crate::plan::View;
use fst::Streamer;
use std::collections::BTreeSet;

/// The bytes of what is alive.
pub(crate) fn merge(view: &View<'_>, options: &Options) -> Vec<u8> {
    let (alive, lengths) = documents(view, options.fields.len());
    let columns = Lengths { values: &lengths, n_docs: lengths.len() / options.fields.len() };
    let formula = Formula::of(options, view.stats);
    let mut terms = Vec::new();
    let mut encoded = Encoded::default();
    let (mut written, mut tail, mut all) = (Postings::default(), Postings::default(), Postings::default());
    for term in all_terms(view) {
        written.clear();
        tail.clear();
        if let Some(segment) = &view.segment
            && let Some(list) = segment.packed(&term, view.formula, view.growth)
        {
            segment.postings(&list, options.positions, &mut written);
        }
        view.tail.postings(&term, options.positions, &mut tail);
        join(&written, &tail, options.fields.len(), &mut all);
        if !all.docs.is_empty() {
            encoded.push(&all, &formula, &columns, options.positions);
            terms.push(term);
        }
    }
    let vocabulary = vocabulary(terms.iter().map(|t| &t[..]));
    write(&Contents {
        options,
        stats: view.stats,
        alive: &alive,
        lengths: &lengths,
        vocabulary: &vocabulary,
        encoded: &encoded,
    })
}

/// Every term that is or was, in order.
fn all_terms(view: &View<'_>) -> impl Iterator<Item = String> {
    let mut out: BTreeSet<String> = view.tail.terms("").map(|t| t.0.to_owned()).collect();
    if let Some(segment) = &view.segment {
        let mut terms = segment.vocabulary.stream();
        while let Some((term, _)) = terms.next() {
            if let Ok(term) = std::str::from_utf8(term) {
                out.insert(term.to_owned());
            }
        }
    }
    out.into_iter()
}

/// A bit for each living document, and lengths field by field.
fn documents(view: &View<'_>, n_fields: usize) -> (Vec<u64>, Vec<u32>) {
    let n_written = view.segment.as_ref().map_or(0, |s| s.sections.lengths.n_docs as u32);
    let written = (0..n_written).filter(|doc| view.segment.as_ref().is_some_and(|s| s.has(*doc)));
    let last_tail = view.tail.documents().last().map(|d| d.0 + 1);
    let n_ids = written.clone().next_back().map(|doc| doc + 1).max(last_tail).unwrap_or(0) as usize;
    let mut alive = vec![0u64; n_ids.div_ceil(64)];
    let mut lengths = vec![0; n_ids * n_fields];
    let mut put = |doc: u32, len: &dyn Fn(usize) -> u32| {
        alive[doc as usize / 64] |= 1 << (doc % 64);
        (0..n_fields).for_each(|f| lengths[f * n_ids + doc as usize] = len(f));
    };
    if let Some(segment) = &view.segment {
        written.for_each(|doc| put(doc, &|f| segment.sections.lengths.of(f, doc)));
    }
    view.tail.documents().for_each(|(doc, of)| put(doc, &|f| of[f]));
    (alive, lengths)
}

/// Two lists of different documents as one.
fn join(a: &Postings, b: &Postings, n_fields: usize, out: &mut Postings) {
    out.clear();
    let (mut i, mut j, mut place_i, mut place_j) = (0, 0, 0, 0);
    while i < a.docs.len() || j < b.docs.len() {
        let from_a = j == b.docs.len() || i < a.docs.len() && a.docs[i] < b.docs[j];
        let (list, at, place) = if from_a { (a, &mut i, &mut place_i) } else { (b, &mut j, &mut place_j) };
        let tfs = &list.tfs[*at * n_fields..(*at + 1) * n_fields];
        out.docs.push(list.docs[*at]);
        out.tfs.extend_from_slice(tfs);
        if !list.positions.is_empty() {
            let n = tfs.iter().sum::<u32>() as usize;
            out.positions.extend_from_slice(&list.positions[*place..*place + n]);
            *place += n;
        }
        *at += 1;
    }
}
