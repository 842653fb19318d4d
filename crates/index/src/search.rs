//! The best documents of one segment for a query's lists, without looking at those that cannot be among them.
//!
//! Terms are in the order of their document frequency, rarest first; a score is always the sum in this order. By MaxScore (Turtle &
//! Flood 1995; Strohman, Turtle & Croft 2005), documents that have only terms from some place of the order on cannot win once the sum
//! of these terms' bounds is below the threshold. Rare lists are read first, document by document, which raises the threshold; where
//! many lists matter, they go window by window of ids into an array of sums. Bounds of blocks (Ding & Suel 2011) skip what cannot
//! matter.

use crate::list::{Cursor, List};
use crate::pack::BLOCK;
use crate::topk::TopK;
use crate::window::{Reader, Scored, Window};
use tamis_spec::mask::Mask;

/// So many terms that matter are read one by one; of more, the others are too many to look each document up in.
const FEW: usize = 4;
/// Sums of floats may be above the sum of their bounds by this share.
const SLACK: f32 = 1.0 + 2e-5;

/// Which documents of a segment may be found.
#[derive(Clone, Copy)]
pub(crate) struct Allowed<'a> {
    /// Only these.
    pub only: Option<&'a Mask>,
    /// None of these.
    pub gone: Option<&'a Mask>,
}

impl Allowed<'_> {
    #[inline]
    fn all(&self) -> bool {
        self.only.is_none() && self.gone.is_none()
    }

    #[inline]
    pub(crate) fn has(&self, doc: u32) -> bool {
        self.only.is_none_or(|m| m.has(doc)) && !self.gone.is_some_and(|m| m.has(doc))
    }
}

/// What is asked of a segment.
pub(crate) struct Search<'a> {
    /// Terms that add to a score, rarest first.
    pub scored: &'a [Scored<'a>],
    /// Documents have all of these.
    pub required: &'a [&'a List<'a>],
    /// Documents have none of these.
    pub excluded: &'a [&'a List<'a>],
    pub allowed: Allowed<'a>,
}

impl Search<'_> {
    /// Offers every document to `best` that can be among them.
    pub(crate) fn run(&self, best: &mut TopK) {
        let rest = self.rest();
        if self.required.is_empty() {
            self.any(&rest, best);
        } else {
            self.every(&rest, best);
        }
    }

    /// Scores of ascending `docs`; 0 for what does not match.
    pub(crate) fn scores(&self, docs: &[u32], out: &mut [f32]) {
        let mut required: Vec<Cursor<'_>> = self.required.iter().map(|list| Cursor::of(list)).collect();
        let mut excluded: Vec<Cursor<'_>> = self.excluded.iter().map(|list| Cursor::of(list)).collect();
        let mut scored: Vec<Cursor<'_>> = self.scored.iter().map(|s| Cursor::of(&s.list)).collect();
        for (doc, out) in docs.iter().zip(out) {
            let asked = self.allowed.has(*doc)
                && required.iter_mut().all(|c| c.has(*doc))
                && !excluded.iter_mut().any(|c| c.has(*doc));
            if asked {
                for (cursor, term) in scored.iter_mut().zip(self.scored) {
                    if cursor.has(*doc) {
                        *out += term.weight * cursor.worth();
                    }
                }
            }
        }
    }

    /// For each place in the order, the most that the terms from there on add.
    fn rest(&self) -> Vec<f32> {
        let mut rest = vec![0.0; self.scored.len() + 1];
        for (i, term) in self.scored.iter().enumerate().rev() {
            rest[i] = rest[i + 1] + term.weight * term.list.bound() * SLACK;
        }
        rest
    }

    /// Documents that have any of the terms.
    fn any(&self, rest: &[f32], best: &mut TopK) {
        for first in 0..self.scored.len() {
            if rest[first] < best.threshold() {
                return;
            }
            let end = essential(first, rest, best.threshold());
            best.begin();
            let mut excluded: Vec<Cursor<'_>> = self.excluded.iter().map(|list| Cursor::of(list)).collect();
            if end - first > FEW {
                return self.windows(first, rest, &mut excluded, best);
            }
            self.round(first, rest, &mut excluded, best);
        }
    }

    /// Offers the documents of term `first` that none of those before it has.
    fn round(&self, first: usize, rest: &[f32], excluded: &mut [Cursor<'_>], best: &mut TopK) {
        let term = &self.scored[first];
        let mut later: Vec<Cursor<'_>> = self.scored[first + 1..].iter().map(|s| Cursor::of(&s.list)).collect();
        let (mut docs, mut worths) = ([0; BLOCK], [0.0; BLOCK]);
        let mut found = Batch::default();
        for block in 0..term.list.n_blocks() {
            let most = term.weight * term.list.bound_of(block) * SLACK + rest[first + 1];
            if most < best.threshold() {
                continue;
            }
            let n = term.list.docs(block, &mut docs);
            term.list.worths(block, &docs[..n], &mut worths);
            let least = best.threshold() - rest[first + 1];
            found.clear();
            for (doc, worth) in docs[..n].iter().zip(&worths) {
                let score = term.weight * worth;
                if score * SLACK >= least && (self.allowed.all() || self.allowed.has(*doc)) {
                    found.push(*doc, score);
                }
            }
            self.finish(first + 1, rest, &mut later, &mut found, best);
            offer(&found, excluded, best);
            best.remember(&found.docs[..found.n]);
        }
    }

    /// Adds the terms from `first` on to documents that were found, and lets go of those that cannot win.
    fn finish(&self, first: usize, rest: &[f32], later: &mut [Cursor<'_>], found: &mut Batch, best: &TopK) {
        let threshold = best.threshold();
        for ((term, cursor), after) in self.scored[first..].iter().zip(later).zip(&rest[first + 1..]) {
            let mut kept = 0;
            for i in 0..found.n {
                let (doc, mut score) = (found.docs[i], found.scores[i]);
                if let Some(bound) = cursor.shallow(doc)
                    && (score + term.weight * bound) * SLACK + after >= threshold
                    && cursor.find(doc)
                {
                    score += term.weight * cursor.worth();
                }
                (found.docs[kept], found.scores[kept]) = (doc, score);
                kept += usize::from(score * SLACK + after >= threshold);
            }
            found.n = kept;
        }
    }

    /// Offers the documents of the terms from `first` on, window by window.
    fn windows(&self, first: usize, rest: &[f32], excluded: &mut [Cursor<'_>], best: &mut TopK) {
        let mut readers: Vec<Reader<'_>> = self.scored[first..].iter().map(Reader::of).collect();
        let mut later: Vec<Cursor<'_>> = self.scored[first..].iter().map(|s| Cursor::of(&s.list)).collect();
        let mut window = Window::default();
        let mut found = Batch::default();
        let mut end = self.scored.len();
        let mut from = 0;
        while rest[first] >= best.threshold() {
            end = essential(first, rest, best.threshold()).min(end);
            let read = &mut readers[..end - first];
            let Some(next) = read.iter().filter_map(|r| r.next(from)).min() else { return };
            window.move_to(next);
            from = window.to() + 1;
            let most: f32 = read.iter_mut().map(|r| r.bound(&window)).sum();
            if most * SLACK + rest[end] < best.threshold() {
                continue;
            }
            read.iter_mut().for_each(|r| r.add(&mut window));
            window.drain(|doc, score| {
                if score * SLACK + rest[end] >= best.threshold() && (self.allowed.all() || self.allowed.has(doc)) {
                    found.push(doc, score);
                    if found.n == BLOCK {
                        self.finish(end, rest, &mut later[end - first..], &mut found, best);
                        offer(&found, excluded, best);
                        found.clear();
                    }
                }
            });
            self.finish(end, rest, &mut later[end - first..], &mut found, best);
            offer(&found, excluded, best);
            found.clear();
        }
    }

    /// Documents that have every required term.
    fn every(&self, rest: &[f32], best: &mut TopK) {
        let mut required = self.required.to_vec();
        required.sort_by_key(|list| list.len());
        let (driver, others) = (required[0], &required[1..]);
        let mut others: Vec<Cursor<'_>> = others.iter().map(|list| Cursor::of(list)).collect();
        let mut excluded: Vec<Cursor<'_>> = self.excluded.iter().map(|list| Cursor::of(list)).collect();
        let mut scored: Vec<Cursor<'_>> = self.scored.iter().map(|s| Cursor::of(&s.list)).collect();
        let mut docs = [0; BLOCK];
        let mut found = Batch::default();
        for block in 0..driver.n_blocks() {
            if rest[0] < best.threshold() {
                return;
            }
            let n = driver.docs(block, &mut docs);
            found.clear();
            for doc in &docs[..n] {
                if self.allowed.has(*doc) && others.iter_mut().all(|c| c.has(*doc)) {
                    found.push(*doc, 0.0);
                }
            }
            self.finish(0, rest, &mut scored, &mut found, best);
            offer(&found, &mut excluded, best);
        }
    }
}

/// Behind which place of the order the terms alone cannot win.
fn essential(first: usize, rest: &[f32], threshold: f32) -> usize {
    (first + 1..rest.len()).find(|i| rest[*i] < threshold).unwrap_or(rest.len() - 1)
}

/// Offers documents that are neither excluded nor were offered with more of their terms.
fn offer(found: &Batch, excluded: &mut [Cursor<'_>], best: &mut TopK) {
    for (doc, score) in found.docs[..found.n].iter().zip(&found.scores) {
        let barred = *score < best.threshold() || best.remembers(*doc) || excluded.iter_mut().any(|c| c.has(*doc));
        if !barred {
            best.offer(*doc, *score);
        }
    }
}

/// Documents on their way through a query's terms.
struct Batch {
    docs: [u32; BLOCK],
    scores: [f32; BLOCK],
    n: usize,
}

impl Default for Batch {
    fn default() -> Self {
        Self { docs: [0; BLOCK], scores: [0.0; BLOCK], n: 0 }
    }
}

impl Batch {
    #[inline]
    fn push(&mut self, doc: u32, score: f32) {
        (self.docs[self.n], self.scores[self.n]) = (doc, score);
        self.n += 1;
    }

    fn clear(&mut self) {
        self.n = 0;
    }
}
