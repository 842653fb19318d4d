//! The best so many of what is offered: larger scores first, equal ones by smaller id.

use rustc_hash::FxHashSet;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A document and what it is worth to a query.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// The document's id.
    pub doc: u32,
    /// Its score, above 0.
    pub score: f32,
}

/// A heap of the best `k`.
pub(crate) struct TopK {
    k: usize,
    /// Scores are above 0, so that their bits order as they do; ids are turned round for smaller ones to win.
    heap: BinaryHeap<Reverse<u64>>,
    /// What an offer must reach; below every score while there is room.
    threshold: f32,
    known: FxHashSet<u32>,
}

impl TopK {
    /// Of at most `k`.
    pub(crate) fn of(k: usize) -> Self {
        let threshold = if k == 0 { f32::INFINITY } else { f32::NEG_INFINITY };
        Self { k, heap: BinaryHeap::with_capacity(k.min(4096) + 1), threshold, known: FxHashSet::default() }
    }

    /// A score below this is not among the best; an equal one may be.
    #[inline]
    pub(crate) fn threshold(&self) -> f32 {
        self.threshold
    }

    /// Takes a document in if it is among the best.
    #[inline]
    pub(crate) fn offer(&mut self, doc: u32, score: f32) {
        if score < self.threshold {
            return;
        }
        let key = Reverse(u64::from(score.to_bits()) << 32 | u64::from(!doc));
        if self.heap.len() < self.k {
            self.heap.push(key);
            if self.heap.len() < self.k {
                return;
            }
        } else if let Some(mut worst) = self.heap.peek_mut() {
            if key >= *worst {
                return;
            }
            *worst = key;
        }
        if let Some(Reverse(worst)) = self.heap.peek() {
            self.threshold = f32::from_bits((worst >> 32) as u32);
        }
    }

    /// Remembers documents that have been offered with all of their terms, and may be offered again with some.
    pub(crate) fn remember(&mut self, docs: &[u32]) {
        self.known.extend(docs);
    }

    /// Whether a document was remembered.
    #[inline]
    pub(crate) fn remembers(&self, doc: u32) -> bool {
        !self.known.is_empty() && self.known.contains(&doc)
    }

    /// The best, best first.
    pub(crate) fn hits(self) -> Vec<Hit> {
        let keys = self.heap.into_sorted_vec();
        keys.into_iter()
            .map(|Reverse(key)| Hit { doc: !(key as u32), score: f32::from_bits((key >> 32) as u32) })
            .collect()
    }
}
