//! A posting list as a search reads it: packed in an index, or made for one query; and a cursor that looks documents up in it.

use crate::block::{Block, Entry, Head};
use crate::bm25::Formula;
use crate::file::Sections;
use crate::pack::BLOCK;

/// Documents in ascending order and what each posting is worth, before idf.
pub(crate) enum List<'a> {
    /// In an index.
    Packed(Packed<'a>),
    /// Made for one query.
    Plain(Plain),
}

/// A list in an index.
#[derive(Clone, Copy)]
pub(crate) struct Packed<'a> {
    pub sections: Sections<'a>,
    pub formula: &'a Formula,
    pub heads: &'a [Head],
    /// Where its first block stands among all.
    pub first: usize,
    pub df: u32,
    /// By how much a posting's worth can have grown since the bounds were written.
    pub growth: f32,
}

/// A list in memory.
#[derive(Default)]
pub(crate) struct Plain {
    docs: Vec<u32>,
    worths: Vec<f32>,
    bounds: Vec<f32>,
}

impl Plain {
    /// Of documents in ascending order and what each is worth.
    pub(crate) fn of(docs: Vec<u32>, worths: Vec<f32>) -> Self {
        let bounds = worths.chunks(BLOCK).map(|w| w.iter().copied().fold(0.0, f32::max)).collect();
        Self { docs, worths, bounds }
    }
}

impl<'a> Packed<'a> {
    /// The list of an entry.
    pub(crate) fn of(sections: Sections<'a>, entry: Entry, formula: &'a Formula, growth: f32) -> Self {
        let first = entry.block as usize;
        let heads = &sections.heads[first..first + (entry.df as usize).div_ceil(BLOCK)];
        Self { sections, formula, heads, first, df: entry.df, growth }
    }

    /// A block of it.
    #[inline]
    pub(crate) fn block(&self, block: usize) -> Block<'a> {
        let head = self.heads[block];
        Block {
            words: &self.sections.words[head.at as usize..],
            bits: u32::from(head.bits),
            before: if block == 0 { u32::MAX } else { self.heads[block - 1].last },
            n: (self.df as usize - block * BLOCK).min(BLOCK),
            n_fields: self.formula.n_fields(),
        }
    }

    /// What posting `i` of a block is worth.
    #[inline]
    fn worth(&self, block: usize, i: usize, doc: u32) -> f32 {
        let block = self.block(block);
        let mut tfs = [0; crate::options::FIELDS_MAX];
        (0..block.n_fields).for_each(|f| tfs[f] = block.tf(f, i));
        self.formula.saturated(&tfs[..block.n_fields], |f| self.sections.lengths.of(f, doc))
    }

    /// What the postings of a block are worth.
    fn worths(&self, block: usize, docs: &[u32], out: &mut [f32; BLOCK]) {
        let block = self.block(block);
        if block.n_fields == 1 {
            let mut tfs = [0; BLOCK];
            block.tfs(0, &mut tfs);
            return self.formula.saturate_block(docs, &tfs, self.sections.lengths.field(0), out);
        }
        let mut columns = [[0; BLOCK]; crate::options::FIELDS_MAX];
        for (field, column) in columns[..block.n_fields].iter_mut().enumerate() {
            block.tfs(field, column);
        }
        for (i, (doc, out)) in docs.iter().zip(out).enumerate() {
            let mut tfs = [0; crate::options::FIELDS_MAX];
            (0..block.n_fields).for_each(|f| tfs[f] = columns[f][i]);
            *out = self.formula.saturated(&tfs[..block.n_fields], |f| self.sections.lengths.of(f, *doc));
        }
    }
}

impl List<'_> {
    /// How many documents it has.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Packed(list) => list.df as usize,
            Self::Plain(list) => list.docs.len(),
        }
    }

    /// How many blocks of 128 it has.
    pub(crate) fn n_blocks(&self) -> usize {
        self.len().div_ceil(BLOCK)
    }

    /// The most that any posting is worth.
    pub(crate) fn bound(&self) -> f32 {
        (0..self.n_blocks()).map(|b| self.bound_of(b)).fold(0.0, f32::max)
    }

    /// The most that a posting of a block is worth.
    #[inline]
    pub(crate) fn bound_of(&self, block: usize) -> f32 {
        match self {
            Self::Packed(list) => (list.heads[block].bound() * list.growth).min(1.0),
            Self::Plain(list) => list.bounds[block],
        }
    }

    /// The last document of a block.
    #[inline]
    pub(crate) fn last_of(&self, block: usize) -> u32 {
        match self {
            Self::Packed(list) => list.heads[block].last,
            Self::Plain(list) => list.docs[((block + 1) * BLOCK).min(list.docs.len()) - 1],
        }
    }

    /// The first block from `block` on that can have `doc`.
    #[inline]
    pub(crate) fn block_of(&self, block: usize, doc: u32) -> usize {
        let n = self.n_blocks();
        let (mut from, mut step) = (block, 1);
        while from < n && self.last_of(from) < doc {
            if from + step >= n || self.last_of(from + step) >= doc {
                // Between the two: halve.
                let (mut low, mut high) = (from + 1, (from + step).min(n));
                while low < high {
                    let middle = (low + high) / 2;
                    if self.last_of(middle) < doc { low = middle + 1 } else { high = middle }
                }
                return low;
            }
            from += step;
            step *= 2;
        }
        from
    }

    /// Reads the documents of a block; returns how many.
    #[inline]
    pub(crate) fn docs(&self, block: usize, out: &mut [u32; BLOCK]) -> usize {
        match self {
            Self::Packed(list) => {
                let block = list.block(block);
                block.docs(out);
                block.n
            }
            Self::Plain(list) => {
                let docs = &list.docs[block * BLOCK..((block + 1) * BLOCK).min(list.docs.len())];
                out[..docs.len()].copy_from_slice(docs);
                docs.len()
            }
        }
    }

    /// What the postings of a block are worth; `docs` are its documents.
    #[inline]
    pub(crate) fn worths(&self, block: usize, docs: &[u32], out: &mut [f32; BLOCK]) {
        match self {
            Self::Packed(list) => list.worths(block, docs, out),
            Self::Plain(list) => out[..docs.len()].copy_from_slice(&list.worths[block * BLOCK..][..docs.len()]),
        }
    }

    /// What posting `i` of a block is worth.
    #[inline]
    fn worth(&self, block: usize, i: usize, doc: u32) -> f32 {
        match self {
            Self::Packed(list) => list.worth(block, i, doc),
            Self::Plain(list) => list.worths[block * BLOCK + i],
        }
    }
}

/// Looks documents up in a list, in ascending order.
pub(crate) struct Cursor<'a> {
    list: &'a List<'a>,
    block: usize,
    /// Which block `docs` are of.
    unpacked: usize,
    docs: [u32; BLOCK],
    n: usize,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// At the start of a list.
    pub(crate) fn of(list: &'a List<'a>) -> Self {
        Self { list, block: 0, unpacked: usize::MAX, docs: [0; BLOCK], n: 0, at: 0 }
    }

    /// Moves to the block that can have `doc`, which is not before the last one asked for, and tells the most that a posting there
    /// is worth; none where no block can have it.
    #[inline]
    pub(crate) fn shallow(&mut self, doc: u32) -> Option<f32> {
        self.block = self.list.block_of(self.block, doc);
        (self.block < self.list.n_blocks()).then(|| self.list.bound_of(self.block))
    }

    /// Whether `doc`, for which [`Cursor::shallow`] was called, is in the list; leaves the cursor at it.
    #[inline]
    pub(crate) fn find(&mut self, doc: u32) -> bool {
        if self.unpacked != self.block {
            self.n = self.list.docs(self.block, &mut self.docs);
            self.docs[self.n..].fill(u32::MAX);
            self.unpacked = self.block;
            self.at = 0;
        }
        // The first not before `doc`; there is one, as the block's last is not before it.
        let mut at = self.at;
        if self.docs[(at + 8).min(BLOCK - 1)] < doc {
            at = self.docs.partition_point(|d| *d < doc);
        } else {
            while self.docs[at] < doc {
                at += 1;
            }
        }
        self.at = at;
        self.docs[at] == doc
    }

    /// What the posting that was found is worth.
    #[inline]
    pub(crate) fn worth(&self) -> f32 {
        self.list.worth(self.block, self.at, self.docs[self.at])
    }

    /// Whether a document, not before the last one asked for, is in the list.
    #[inline]
    pub(crate) fn has(&mut self, doc: u32) -> bool {
        self.shallow(doc).is_some() && self.find(doc)
    }
}
