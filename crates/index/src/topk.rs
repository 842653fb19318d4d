//! The best so many of what is offered: larger scores first, equal ones by smaller id.

/// A document and what it is worth to a query.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// The document's id.
    pub doc: u32,
    /// Its score, above 0.
    pub score: f32,
}

/// The best `k` of what was offered, and some that are no longer among them.
pub(crate) struct TopK {
    k: usize,
    /// Scores are above 0, so that their bits order as they do; ids are turned round for smaller ones to win.
    keys: Vec<u64>,
    /// How many keys there are when the best are picked out.
    limit: usize,
    /// What an offer must reach; below every score while there is room.
    threshold: f32,
    /// Documents that were offered with all of their terms, ascending up to the last beginning, and where the search in them is.
    known: Vec<u32>,
    fresh: Vec<u32>,
    at: usize,
}

impl TopK {
    /// Of at most `k`.
    pub(crate) fn of(k: usize) -> Self {
        let limit = k + 1 + k / 4;
        let threshold = if k == 0 { f32::INFINITY } else { f32::NEG_INFINITY };
        let keys = Vec::with_capacity(limit.min(4096));
        Self { k, keys, limit, threshold, known: Vec::new(), fresh: Vec::new(), at: 0 }
    }

    /// A score below this is not among the best; an equal one may be.
    #[inline]
    pub(crate) fn threshold(&self) -> f32 {
        self.threshold
    }

    /// Takes a document in if it can be among the best.
    #[inline]
    pub(crate) fn offer(&mut self, doc: u32, score: f32) {
        if score >= self.threshold {
            self.keys.push(u64::from(score.to_bits()) << 32 | u64::from(!doc));
            if self.keys.len() == self.limit {
                self.pick();
            }
        }
    }

    /// Keeps the best of the keys.
    fn pick(&mut self) {
        let (_, worst, _) = self.keys.select_nth_unstable_by(self.k - 1, |a, b| b.cmp(a));
        self.threshold = f32::from_bits((*worst >> 32) as u32);
        self.keys.truncate(self.k);
    }

    /// Begins to be offered documents from the first on: in ascending order until it begins again.
    pub(crate) fn begin(&mut self) {
        self.known.append(&mut self.fresh);
        self.known.sort_unstable();
        self.at = 0;
    }

    /// Remembers documents that have been offered with all of their terms, and may be offered again with some.
    pub(crate) fn remember(&mut self, docs: &[u32]) {
        self.fresh.extend_from_slice(docs);
    }

    /// Whether a document was remembered before the last beginning.
    #[inline]
    pub(crate) fn remembers(&mut self, doc: u32) -> bool {
        while self.known.get(self.at).is_some_and(|known| *known < doc) {
            self.at += 1;
        }
        self.known.get(self.at) == Some(&doc)
    }

    /// The best, best first.
    pub(crate) fn hits(mut self) -> Vec<Hit> {
        self.keys.sort_unstable_by(|a, b| b.cmp(a));
        self.keys.truncate(self.k);
        self.keys.iter().map(|key| Hit { doc: !(*key as u32), score: f32::from_bits((key >> 32) as u32) }).collect()
    }
}
