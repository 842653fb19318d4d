//! Sums of what terms add to the documents of a window of ids.

use crate::list::List;
use crate::pack::BLOCK;

/// Words of a window's bits: as many as a word has bits.
const WORDS: usize = 64;
/// Ids of one window: their sums stay in the cache next to the core.
const WINDOW: usize = WORDS * 64;

/// A term of a query in one segment.
pub(crate) struct Scored<'a> {
    pub list: List<'a>,
    /// What its postings' worth is multiplied by.
    pub weight: f32,
}

/// The sums of a window.
pub(crate) struct Window {
    /// Its first id.
    pub from: u32,
    sums: Vec<f32>,
    /// A bit for each id that has a sum, and one for each word that has a bit.
    bits: [u64; WORDS],
    words: u64,
}

impl Default for Window {
    fn default() -> Self {
        Self { from: 0, sums: vec![0.0; WINDOW], bits: [0; WORDS], words: 0 }
    }
}

impl Window {
    /// Moves to the window of an id.
    pub(crate) fn move_to(&mut self, id: u32) {
        self.from = id / WINDOW as u32 * WINDOW as u32;
    }

    /// Its last id.
    #[inline]
    pub(crate) fn to(&self) -> u32 {
        self.from + (WINDOW - 1) as u32
    }

    #[inline]
    fn add(&mut self, doc: u32, score: f32) {
        let at = (doc - self.from) as usize % WINDOW;
        self.sums[at] += score;
        self.bits[at / 64] |= 1 << (at % 64);
        self.words |= 1 << (at / 64);
    }

    /// Tells each sum in the order of ids, and is empty again.
    #[inline]
    pub(crate) fn drain(&mut self, mut tell: impl FnMut(u32, f32)) {
        while self.words != 0 {
            let word = self.words.trailing_zeros() as usize;
            self.words &= self.words - 1;
            let mut bits = std::mem::take(&mut self.bits[word]);
            while bits != 0 {
                let at = word * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                tell(self.from + at as u32, std::mem::take(&mut self.sums[at]));
            }
        }
    }
}

/// Reads a list from one window to the next.
pub(crate) struct Reader<'a> {
    term: &'a Scored<'a>,
    block: usize,
    /// Which block is unpacked.
    unpacked: usize,
    docs: [u32; BLOCK],
    scores: [f32; BLOCK],
    n: usize,
    at: usize,
}

impl<'a> Reader<'a> {
    /// At the start of a list.
    pub(crate) fn of(term: &'a Scored<'a>) -> Self {
        Self { term, block: 0, unpacked: usize::MAX, docs: [0; BLOCK], scores: [0.0; BLOCK], n: 0, at: 0 }
    }

    /// An id from `from` on before which it has no document; none where it has none from there on.
    #[inline]
    pub(crate) fn next(&self, from: u32) -> Option<u32> {
        let list = &self.term.list;
        if self.unpacked == self.block {
            return Some(self.docs[self.at].max(from));
        }
        if self.block >= list.n_blocks() {
            return None;
        }
        Some(if self.block == 0 { from } else { from.max(list.last_of(self.block - 1) + 1) })
    }

    /// The most that a document of a window gets; moves to the window.
    #[inline]
    pub(crate) fn bound(&mut self, window: &Window) -> f32 {
        let list = &self.term.list;
        self.block = list.block_of(self.block, window.from);
        let mut most = 0.0f32;
        for block in self.block..list.n_blocks() {
            most = most.max(list.bound_of(block));
            if list.last_of(block) >= window.to() {
                break;
            }
        }
        self.term.weight * most
    }

    /// Adds its documents of a window, to which it was moved, to the sums.
    #[inline]
    pub(crate) fn add(&mut self, window: &mut Window) {
        let list = &self.term.list;
        while self.block < list.n_blocks() {
            if self.unpacked != self.block {
                self.n = list.docs(self.block, &mut self.docs);
                list.worths(self.block, &self.docs[..self.n], &mut self.scores);
                self.scores.iter_mut().for_each(|s| *s *= self.term.weight);
                self.unpacked = self.block;
                self.at = 0;
            }
            if self.docs[self.at] < window.from {
                // It began before the window, or windows were left out.
                self.at = self.docs[..self.n].partition_point(|d| *d < window.from);
            }
            let end = self.at + self.docs[self.at..self.n].partition_point(|d| *d <= window.to());
            for (doc, score) in self.docs[self.at..end].iter().zip(&self.scores[self.at..end]) {
                window.add(*doc, *score);
            }
            self.at = end;
            if end < self.n {
                return;
            }
            self.block += 1;
        }
    }
}
