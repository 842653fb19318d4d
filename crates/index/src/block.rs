//! Posting lists as they lie in an index: blocks of 128 documents as packed gaps, then their frequencies field by field, each
//! block with the best that a posting in it can be worth.

use crate::bm25::Formula;
use crate::pack::{BLOCK, pack, unpack, value, width, words};
use bytemuck::{Pod, Zeroable};

/// What is known of a term without reading its postings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct Entry {
    /// Documents that have it.
    pub df: u32,
    /// Its first block.
    pub block: u32,
}

/// What is known of a block without unpacking it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct Head {
    /// Its last document.
    pub last: u32,
    /// Its first word.
    pub at: u32,
    /// The most that one of its postings is worth, of 65,535, rounded up.
    pub bound: u16,
    /// Bits of a gap.
    pub bits: u8,
    /// Zero.
    pub spare: u8,
}

impl Head {
    /// The most that one of its postings is worth.
    #[inline]
    pub(crate) fn bound(&self) -> f32 {
        f32::from(self.bound) / 65_535.0
    }
}

/// Postings of one term in the order of documents.
#[derive(Debug, Default)]
pub(crate) struct Postings {
    /// Documents, ascending.
    pub docs: Vec<u32>,
    /// [n, fields]: how often it stands in each field.
    pub tfs: Vec<u32>,
    /// Places, ascending in each field of each document, in the order of `tfs`; empty where they are not kept.
    pub positions: Vec<u32>,
}

impl Postings {
    /// Empties them.
    pub(crate) fn clear(&mut self) {
        self.docs.clear();
        self.tfs.clear();
        self.positions.clear();
    }
}

/// Posting lists of some terms, encoded.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Encoded {
    pub entries: Vec<Entry>,
    pub heads: Vec<Head>,
    pub words: Vec<u32>,
    /// For each block, where its places begin; empty where they are not kept.
    pub places_at: Vec<u64>,
    /// Gaps of places, seven bits a byte.
    pub places: Vec<u8>,
}

impl Encoded {
    /// Appends the postings of a term. `lengths`: field by field, `n_docs` each.
    pub(crate) fn push(&mut self, postings: &Postings, formula: &Formula, lengths: &Lengths<'_>, positions: bool) {
        let n_fields = formula.n_fields();
        self.entries.push(Entry { df: postings.docs.len() as u32, block: self.heads.len() as u32 });
        let mut before = u32::MAX;
        let mut column = Vec::with_capacity(BLOCK);
        let mut place = 0;
        for (docs, tfs) in postings.docs.chunks(BLOCK).zip(postings.tfs.chunks(BLOCK * n_fields)) {
            let worth = |i: usize| formula.saturated(&tfs[i * n_fields..][..n_fields], |f| lengths.of(f, docs[i]));
            let bound = (0..docs.len()).map(worth).fold(0.0, f32::max);
            column.clear();
            for doc in docs {
                column.push(doc.wrapping_sub(before).wrapping_sub(1));
                before = *doc;
            }
            let bits = width(&column);
            self.heads.push(Head {
                last: before,
                at: self.words.len() as u32,
                bound: (f64::from(bound) * 65_535.0 * 1.000_001).ceil().min(65_535.0) as u16,
                bits: bits as u8,
                spare: 0,
            });
            let widths_at = self.words.len();
            self.words.resize(widths_at + width_words(n_fields), 0);
            pack(&column, bits, &mut self.words);
            for field in 0..n_fields {
                column.clear();
                column.extend(tfs.iter().skip(field).step_by(n_fields));
                let bits = width(&column);
                self.words[widths_at + field / 4] |= bits << (field % 4 * 8);
                pack(&column, bits, &mut self.words);
            }
            if positions {
                self.places_at.push(self.places.len() as u64);
                for tf in tfs {
                    let mut before = 0;
                    for at in &postings.positions[place..place + *tf as usize] {
                        push_number(at - before, &mut self.places);
                        before = *at;
                    }
                    place += *tf as usize;
                }
            }
        }
    }

    /// Appends the lists of `other`.
    pub(crate) fn append(&mut self, other: &Self) {
        let (block, word, place) = (self.heads.len() as u32, self.words.len() as u32, self.places.len() as u64);
        self.entries.extend(other.entries.iter().map(|e| Entry { block: e.block + block, ..*e }));
        self.heads.extend(other.heads.iter().map(|h| Head { at: h.at + word, ..*h }));
        self.words.extend_from_slice(&other.words);
        self.places_at.extend(other.places_at.iter().map(|at| at + place));
        self.places.extend_from_slice(&other.places);
    }
}

/// Lengths of documents, field by field.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lengths<'a> {
    pub values: &'a [u32],
    pub n_docs: usize,
}

impl<'a> Lengths<'a> {
    /// A document's terms in a field.
    #[inline]
    pub(crate) fn of(&self, field: usize, doc: u32) -> u32 {
        self.values[field * self.n_docs + doc as usize]
    }

    /// One field's, by document.
    #[inline]
    pub(crate) fn field(&self, field: usize) -> &'a [u32] {
        &self.values[field * self.n_docs..][..self.n_docs]
    }
}

/// A block as it lies in an index.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block<'a> {
    /// From its first word on.
    pub words: &'a [u32],
    pub bits: u32,
    /// The last document before it; `u32::MAX` where there is none.
    pub before: u32,
    /// Documents in it.
    pub n: usize,
    pub n_fields: usize,
}

impl Block<'_> {
    /// Unpacks its documents.
    #[inline]
    pub(crate) fn docs(&self, out: &mut [u32; BLOCK]) {
        unpack(&self.words[width_words(self.n_fields)..], self.n, self.bits, out);
        let mut doc = self.before;
        for gap in &mut out[..self.n] {
            doc = doc.wrapping_add(*gap).wrapping_add(1);
            *gap = doc;
        }
    }

    /// Where a field's frequencies begin, and their bits.
    #[inline]
    fn column(&self, field: usize) -> (usize, u32) {
        let bits = |f: usize| self.words[f / 4] >> (f % 4 * 8) & 255;
        let before: usize = (0..field).map(|f| words(self.n, bits(f))).sum();
        (width_words(self.n_fields) + words(self.n, self.bits) + before, bits(field))
    }

    /// Unpacks the frequencies of a field.
    #[inline]
    pub(crate) fn tfs(&self, field: usize, out: &mut [u32; BLOCK]) {
        let (at, bits) = self.column(field);
        unpack(&self.words[at..], self.n, bits, out);
    }

    /// The frequency of posting `i` in a field.
    #[inline]
    pub(crate) fn tf(&self, field: usize, i: usize) -> u32 {
        let (at, bits) = self.column(field);
        value(&self.words[at..], self.n, bits, i)
    }
}

/// Words that say how many bits each field's frequencies have.
#[inline]
fn width_words(n_fields: usize) -> usize {
    n_fields.div_ceil(4)
}

/// Appends a number, seven bits a byte, lowest first.
#[inline]
pub(crate) fn push_number(mut value: u32, out: &mut Vec<u8>) {
    while value >= 128 {
        out.push(value as u8 | 128);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Reads a number and moves on.
#[inline]
pub(crate) fn number(bytes: &[u8], at: &mut usize) -> u32 {
    let (mut value, mut shift) = (0, 0);
    loop {
        let byte = bytes[*at];
        *at += 1;
        value |= u32::from(byte & 127) << shift;
        if byte < 128 {
            return value;
        }
        shift += 7;
    }
}
