//! The written part of an index: terms to lists, lists to postings, and which of its documents have been replaced since.

use crate::block::{Entry, Postings, number};
use crate::bm25::Formula;
use crate::file::{File, Sections};
use crate::list::Packed;
use crate::pack::BLOCK;
use fst::raw::Fst;
use rustc_hash::FxHashMap;
use tamis_spec::mask::Mask;

/// Documents that were replaced or removed after the segment was written.
#[derive(Default)]
pub(crate) struct Gone {
    /// Which.
    pub mask: Mask,
    /// How many.
    pub n: usize,
    /// By how many documents a term has become rarer.
    rarer: FxHashMap<u32, u32>,
    /// The terms of each document, made when the first one goes.
    terms: Option<TermsOf>,
}

/// The terms of each document.
struct TermsOf {
    starts: Vec<u64>,
    terms: Vec<u32>,
}

/// A written segment and what has gone from it.
pub(crate) struct Segment<'a> {
    pub sections: Sections<'a>,
    pub vocabulary: Fst<&'a [u8]>,
    pub gone: &'a Gone,
}

impl<'a> Segment<'a> {
    /// Of a file.
    pub(crate) fn of(file: &'a File, gone: &'a Gone) -> Self {
        let sections = file.sections();
        let vocabulary = Fst::new(sections.vocabulary).expect("it was read when the file was opened");
        Self { sections, vocabulary, gone }
    }

    /// Whether a document is there and has not gone.
    pub(crate) fn has(&self, doc: u32) -> bool {
        is_set(self.sections.alive, doc) && !self.gone.mask.has(doc)
    }

    /// What is known of a term: its number, its entry.
    pub(crate) fn find(&self, term: &str) -> Option<(u32, Entry)> {
        let idx = self.vocabulary.get(term)?.value();
        Some((idx as u32, self.sections.entries[idx as usize]))
    }

    /// How many documents have a term now.
    pub(crate) fn df(&self, term: &str) -> u32 {
        self.find(term).map_or(0, |(idx, _)| self.df_of(idx))
    }

    /// The same by the term's number.
    pub(crate) fn df_of(&self, idx: u32) -> u32 {
        self.sections.entries[idx as usize].df - self.gone.rarer.get(&idx).copied().unwrap_or(0)
    }

    /// A term's list.
    pub(crate) fn packed(&self, term: &str, formula: &'a Formula, growth: f32) -> Option<Packed<'a>> {
        self.find(term).map(|(_, entry)| Packed::of(self.sections, entry, formula, growth))
    }

    /// Appends the postings of a list that have not gone, with places where they are asked for.
    pub(crate) fn postings(&self, list: &Packed<'_>, positions: bool, out: &mut Postings) {
        let n_fields = list.formula.n_fields();
        let mut docs = [0; BLOCK];
        let mut columns = vec![[0; BLOCK]; n_fields];
        let mut places = Vec::new();
        for at in 0..list.heads.len() {
            let block = list.block(at);
            block.docs(&mut docs);
            columns.iter_mut().enumerate().for_each(|(f, column)| block.tfs(f, column));
            let mut read = positions.then(|| self.sections.places_at[list.first + at] as usize);
            for i in 0..block.n {
                places.clear();
                if let Some(read) = &mut read {
                    for column in &columns {
                        let mut place = 0;
                        for _ in 0..column[i] {
                            place += number(self.sections.places, read);
                            places.push(place);
                        }
                    }
                }
                if !self.gone.mask.has(docs[i]) {
                    out.docs.push(docs[i]);
                    out.tfs.extend(columns.iter().map(|c| c[i]));
                    out.positions.extend_from_slice(&places);
                }
            }
        }
    }
}

/// Lets a document of a segment go; its lengths. The first time reads every list, to know the terms of each document.
pub(crate) fn remove(file: &File, gone: &mut Gone, doc: u32) -> Vec<u32> {
    let sections = file.sections();
    let terms = gone.terms.get_or_insert_with(|| terms_of(&sections, file.options.fields.len()));
    for term in &terms.terms[terms.starts[doc as usize] as usize..terms.starts[doc as usize + 1] as usize] {
        *gone.rarer.entry(*term).or_default() += 1;
    }
    gone.mask.insert(doc);
    gone.n += 1;
    (0..file.options.fields.len()).map(|f| sections.lengths.of(f, doc)).collect()
}

impl Gone {
    /// Bytes that it takes, about.
    pub(crate) fn bytes(&self) -> usize {
        let terms = self.terms.as_ref().map_or(0, |t| t.starts.len() * 8 + t.terms.len() * 4);
        self.mask.words().len() * 8 + self.rarer.len() * 12 + terms
    }
}

/// Turns lists round: the terms of each document.
fn terms_of(sections: &Sections<'_>, n_fields: usize) -> TermsOf {
    let mut docs = [0; BLOCK];
    let mut each = |then: &mut dyn FnMut(u32, u32)| {
        for (term, entry) in sections.entries.iter().enumerate() {
            for at in 0..(entry.df as usize).div_ceil(BLOCK) {
                let n = block_docs(sections, *entry, at, n_fields, &mut docs);
                docs[..n].iter().for_each(|doc| then(term as u32, *doc));
            }
        }
    };
    let mut starts = vec![0u64; sections.lengths.n_docs + 1];
    each(&mut |_, doc| starts[doc as usize + 1] += 1);
    for i in 1..starts.len() {
        starts[i] += starts[i - 1];
    }
    let mut next = starts.clone();
    let mut terms = vec![0; starts[starts.len() - 1] as usize];
    each(&mut |term, doc| {
        terms[next[doc as usize] as usize] = term;
        next[doc as usize] += 1;
    });
    TermsOf { starts, terms }
}

/// Unpacks the documents of a block of a list.
fn block_docs(sections: &Sections<'_>, entry: Entry, at: usize, n_fields: usize, out: &mut [u32; BLOCK]) -> usize {
    let first = entry.block as usize;
    let head = sections.heads[first + at];
    let block = crate::block::Block {
        words: &sections.words[head.at as usize..],
        bits: u32::from(head.bits),
        before: if at == 0 { u32::MAX } else { sections.heads[first + at - 1].last },
        n: (entry.df as usize - at * BLOCK).min(BLOCK),
        n_fields,
    };
    block.docs(out);
    block.n
}

/// Whether a bit is set.
pub(crate) fn is_set(words: &[u64], at: u32) -> bool {
    words.get(at as usize / 64).is_some_and(|w| w >> (at % 64) & 1 == 1)
}
