//! What a term in a document is worth: BM25F, with the statistics of the documents that are alive.
//!
//! Everything is computed by the same operations in the same order wherever a posting is kept, so that answers are equal bit for bit.

use crate::options::Options;
use crate::pack::BLOCK;

/// What the score needs to know of all documents.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Stats {
    /// How many documents there are.
    pub n_docs: u32,
    /// The terms of each field, over all documents.
    pub totals: Vec<u64>,
}

impl Stats {
    /// Of no documents.
    pub(crate) fn none(n_fields: usize) -> Self {
        Self { n_docs: 0, totals: vec![0; n_fields] }
    }

    /// Takes a document of these lengths in.
    pub(crate) fn add(&mut self, lengths: impl Iterator<Item = u32>) {
        self.n_docs += 1;
        self.totals.iter_mut().zip(lengths).for_each(|(total, len)| *total += u64::from(len));
    }

    /// Leaves a document of these lengths out.
    pub(crate) fn remove(&mut self, lengths: impl Iterator<Item = u32>) {
        self.n_docs -= 1;
        self.totals.iter_mut().zip(lengths).for_each(|(total, len)| *total -= u64::from(len));
    }

    /// The mean length of a field; 0 where there is no document.
    pub(crate) fn average(&self, field: usize) -> f64 {
        self.totals[field] as f64 / f64::from(self.n_docs.max(1))
    }

    /// ln(1 + (N - df + 0.5) / (df + 0.5)): above 0 for every df of 0 to N.
    pub(crate) fn idf(&self, df: u32) -> f32 {
        let (n, df) = (f64::from(self.n_docs), f64::from(df));
        (1.0 + (n - df + 0.5) / (df + 0.5)).ln() as f32
    }
}

/// The formula with its constants filled in.
#[derive(Clone, Debug)]
pub(crate) struct Formula {
    k1: f32,
    fields: Vec<FieldFormula>,
}

/// A field's part: `weight * tf / (base + slope * len)`.
#[derive(Clone, Copy, Debug)]
struct FieldFormula {
    weight: f32,
    base: f32,
    slope: f32,
}

impl Formula {
    /// With the mean lengths of `stats`.
    pub(crate) fn of(options: &Options, stats: &Stats) -> Self {
        let field = |(i, field): (usize, &crate::options::Field)| {
            let average = stats.average(i);
            let slope = if average > 0.0 { (f64::from(options.b) / average) as f32 } else { 0.0 };
            FieldFormula { weight: field.weight, base: 1.0 - options.b, slope }
        };
        Self { k1: options.k1, fields: options.fields.iter().enumerate().map(field).collect() }
    }

    /// How many fields there are.
    #[inline]
    pub(crate) fn n_fields(&self) -> usize {
        self.fields.len()
    }

    /// What one posting adds, before the term's idf: x / (k1 + x), above 0 and at most 1.
    #[inline]
    pub(crate) fn saturated(&self, tfs: &[u32], len: impl Fn(usize) -> u32) -> f32 {
        match &self.fields[..] {
            [one] => self.saturated_one(one, tfs[0], len(0)),
            _ => self.saturate(self.frequency(tfs, len)),
        }
    }

    /// The same for each posting of a block, in an index with one field.
    #[inline]
    pub(crate) fn saturate_block(&self, docs: &[u32], tfs: &[u32; BLOCK], lengths: &[u32], out: &mut [f32; BLOCK]) {
        let field = self.fields[0];
        // Looked up first, so that the arithmetic is that of vectors.
        let mut of_docs = [1; BLOCK];
        for (len, doc) in of_docs.iter_mut().zip(docs) {
            *len = lengths[*doc as usize];
        }
        for ((out, tf), len) in out.iter_mut().zip(tfs).zip(&of_docs) {
            *out = self.saturated_one(&field, *tf, *len);
        }
    }

    /// x / (k1 + x) with x = w tf / B, written with one division.
    #[inline]
    fn saturated_one(&self, field: &FieldFormula, tf: u32, len: u32) -> f32 {
        let tf = field.weight * tf as f32;
        tf / (tf + self.k1 * (field.base + field.slope * len as f32))
    }

    /// x: a term's frequency over all fields, each by its weight and the document's length there.
    #[inline]
    pub(crate) fn frequency(&self, tfs: &[u32], len: impl Fn(usize) -> u32) -> f32 {
        let mut x = 0.0;
        for (i, (field, tf)) in self.fields.iter().zip(tfs).enumerate() {
            if *tf > 0 {
                x += field.weight * *tf as f32 / (field.base + field.slope * len(i) as f32);
            }
        }
        x
    }

    /// x / (k1 + x) for an x above 0.
    #[inline]
    pub(crate) fn saturate(&self, x: f32) -> f32 {
        x / (self.k1 + x)
    }
}

/// By how much a posting's worth can have grown since `then`: longer means make a document of the same length worth more.
pub(crate) fn growth(then: &Stats, now: &Stats) -> f32 {
    let ratio = |field: usize| match then.average(field) {
        // No document had a term there: nothing of `then` grows.
        0.0 => 1.0,
        average => now.average(field) / average,
    };
    (0..then.totals.len()).map(ratio).fold(1.0, f64::max) as f32 * 1.00001
}
