//! An index: a written segment that nothing changes, and in memory what changed since.

use crate::bm25::{Formula, Stats, growth};
use crate::build::{Builder, check};
use crate::error::Error;
use crate::file::{File, Shared};
use crate::merge::merge;
use crate::options::{Options, Readers};
use crate::plan::{Plan, View};
use crate::query::{Query, parse};
use crate::segment::{self, Gone, Segment};
use crate::tail::{Tail, document};
use crate::topk::{Hit, TopK};
use crate::vocabulary::{Correction, near};
use std::path::Path;
use std::sync::Arc;
use tamis_spec::mask::Mask;

/// Documents that come, go or change before an index is written anew.
pub const CHANGES_MAX: usize = 65_536;

/// A full-text index. Its answers depend on the documents that are in it and not on the way in which they came.
pub struct Index {
    file: File,
    readers: Readers,
    gone: Gone,
    tail: Tail,
    /// Of the documents that are alive.
    stats: Stats,
    formula: Formula,
    growth: f32,
}

impl Index {
    /// An index without documents.
    pub fn empty(options: &Options) -> Result<Self, Error> {
        Self::open(Arc::new(Builder::new(options)?.finish()))
    }

    /// Reads an index where it lies: bytes are checked, and copied only where they do not begin at a multiple of 8.
    pub fn open(bytes: Shared) -> Result<Self, Error> {
        let file = File::open(bytes)?;
        let readers = Readers::of(&file.options)?;
        let (stats, formula) = (file.stats.clone(), Formula::of(&file.options, &file.stats));
        let tail = Tail::of(file.options.fields.len());
        let growth = growth(&stats, &stats);
        Ok(Self { file, readers, gone: Gone::default(), tail, stats, formula, growth })
    }

    /// Reads an index from a file that stays as it is while the index lives, through a memory map.
    pub fn map(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::File { path: path.to_owned(), source };
        let file = std::fs::File::open(path).map_err(failed)?;
        // SAFETY: whoever calls keeps the file as it is; a bundle is never written to again.
        let map = unsafe { memmap2::Mmap::map(&file) }.map_err(failed)?;
        Self::open(Arc::new(map))
    }

    /// How it reads and weighs documents.
    pub fn options(&self) -> &Options {
        &self.file.options
    }

    /// How many documents it has.
    pub fn len(&self) -> usize {
        self.stats.n_docs as usize
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that it takes: the written segment and what is in memory beside it.
    pub fn bytes(&self) -> usize {
        self.file.bytes().len() + self.gone.bytes() + self.tail.bytes()
    }

    /// The written segment: all of the index after [`Index::merge`].
    pub fn written(&self) -> &[u8] {
        self.file.bytes()
    }

    /// Whether a document is in it.
    pub fn has(&self, doc: u32) -> bool {
        self.tail.lengths(doc).is_some() || Segment::of(&self.file, &self.gone).has(doc)
    }

    /// Takes a document in, in place of what was there under its id. `texts`: one a field. The next search sees it.
    pub fn insert(&mut self, doc: u32, texts: &[&str]) -> Result<(), Error> {
        check(doc, texts, self.file.options.fields.len())?;
        self.take_out(doc);
        let (mut tokens, mut lengths) = (Vec::new(), Vec::with_capacity(texts.len()));
        for (field, text) in texts.iter().enumerate() {
            let mut n = 0u32;
            self.readers.field(field).terms(text, &mut |term| {
                tokens.push((term.to_owned(), (field as u64) << 32 | u64::from(n)));
                n += 1;
            });
            lengths.push(n);
        }
        self.stats.add(lengths.iter().copied());
        self.tail.insert(doc, document(lengths, tokens));
        self.changed()
    }

    /// Leaves a document out; whether it was there. The next search does not see it.
    pub fn remove(&mut self, doc: u32) -> Result<bool, Error> {
        let was = self.take_out(doc);
        self.changed()?;
        Ok(was)
    }

    /// Writes the index anew, with what changed. Happens by itself after [`CHANGES_MAX`] changes.
    pub fn merge(&mut self) -> Result<(), Error> {
        if self.tail.len() + self.gone.n > 0 {
            let bytes = merge(&self.view(), &self.file.options);
            *self = Self::open(Arc::new(bytes))?;
        }
        Ok(())
    }

    /// Reads what a user typed; never fails.
    pub fn parse(&self, text: &str) -> Query {
        parse(text, &self.readers)
    }

    /// The best `k` documents, best first, equal ones by smaller id. `only`: no others are found.
    pub fn search(&self, query: &Query, k: usize, only: Option<&Mask>) -> Vec<Hit> {
        let view = self.view();
        let mut best = TopK::of(k.min(self.len()));
        Plan::of(&view, query).run(only, &mut best);
        best.hits()
    }

    /// The scores of `docs`, in their order; 0 for what does not match. Equal to what a search says.
    pub fn scores(&self, query: &Query, docs: &[u32]) -> Vec<f32> {
        let mut order: Vec<usize> = (0..docs.len()).collect();
        order.sort_by_key(|i| docs[*i]);
        let sorted: Vec<u32> = order.iter().map(|i| docs[*i]).collect();
        let mut scores = vec![0.0; docs.len()];
        let view = self.view();
        Plan::of(&view, query).scores(&sorted, &mut scores);
        let mut out = vec![0.0; docs.len()];
        order.iter().zip(scores).for_each(|(i, score)| out[*i] = score);
        out
    }

    /// How many documents have a term, as the analyser of a field writes it.
    pub fn df(&self, term: &str) -> u32 {
        self.view().df(term)
    }

    /// What is meant by a word: of the terms at most `distance` edits (1 or 2) away the nearest, of these the commonest.
    pub fn correct(&self, word: &str, distance: u8) -> Option<Correction> {
        near(&self.view(), word, distance).into_iter().next()
    }

    fn view(&self) -> View<'_> {
        View {
            segment: (self.file.stats.n_docs > 0).then(|| Segment::of(&self.file, &self.gone)),
            tail: &self.tail,
            stats: &self.stats,
            formula: &self.formula,
            growth: self.growth,
            positions: self.file.options.positions,
        }
    }

    /// Leaves a document out of all but the formula.
    fn take_out(&mut self, doc: u32) -> bool {
        let lengths = match self.tail.remove(doc) {
            Some(lengths) => lengths,
            None if Segment::of(&self.file, &self.gone).has(doc) => segment::remove(&self.file, &mut self.gone, doc),
            None => return false,
        };
        self.stats.remove(lengths.into_iter());
        true
    }

    /// Brings the formula to the statistics, and writes the index anew where too much has changed.
    fn changed(&mut self) -> Result<(), Error> {
        self.formula = Formula::of(&self.file.options, &self.stats);
        self.growth = growth(&self.file.stats, &self.stats);
        if self.tail.len() + self.gone.n >= CHANGES_MAX {
            self.merge()?;
        }
        Ok(())
    }
}
