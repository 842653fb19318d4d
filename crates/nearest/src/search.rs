//! A search: which lists, what codes say of their vectors, and the best of those as they are.

use crate::best::{Best, key, number};
use crate::blocks::{LANES, Portable, Simd};
use crate::books::Tables;
use crate::coarse;
use crate::effort::Effort;
use crate::error::Error;
use crate::filter::Filter;
use crate::index::Index;
use crate::layout::{Rows, View};
use crate::pending::{LATER, Pending};
use crate::scan::{self, List};
use crate::vector::Similarity;
use crate::wide::{self, dot};
use tamis_spec::decision::Scored;
use tamis_spec::mask::Mask;

/// What is asked of a search beside its query.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// How many nearest.
    pub k: usize,
    /// None for the effort that was measured to reach the declared recall, more of it where `k` is larger than declared.
    pub effort: Option<Effort>,
    /// Ids that must not be found.
    pub excluded: Option<&'a Mask>,
    /// Ids that alone may be found.
    pub filter: Option<&'a Filter>,
}

impl Ask<'_> {
    /// The nearest `k` of all.
    pub fn nearest(k: usize) -> Self {
        Self { k, effort: None, excluded: None, filter: None }
    }
}

/// Memory that searches use again.
#[derive(Clone, Debug, Default)]
pub struct Memo {
    query: Vec<f32>,
    /// The query from the middle.
    centred: Vec<f32>,
    whole: Vec<i8>,
    products: Vec<i32>,
    scores: Vec<f32>,
    tops: Vec<f32>,
    leaders: Vec<f32>,
    lists: Best,
    /// The lists to be looked at, best first, and their own scores.
    picked: Vec<(f32, u32)>,
    tables: Tables,
    first: Best,
    slots: Vec<u32>,
    last: Best,
    made: Vec<f32>,
}

impl Index {
    /// Appends the nearest that may be found, best first, ties by the smaller id.
    pub fn search(&self, query: &[f32], ask: &Ask<'_>, memo: &mut Memo, out: &mut Vec<Scored>) -> Result<(), Error> {
        let view = self.view();
        memo.query.clear();
        if !view.similarity.prepare(query, view.d, None, &mut memo.query)? || ask.k == 0 || self.is_empty() {
            return Ok(());
        }
        let ground = Ground { view, pending: &self.pending, ask };
        let effort = ask.effort.unwrap_or_else(|| self.effort().scaled(ask.k, view.header.k as usize));
        memo.last.start(ask.k);
        match ask.filter {
            Some(filter) if filter.is_few() => {
                memo.slots.clear();
                memo.slots.extend(filter.slots());
                memo.slots.extend(filter.later(&self.pending));
                ground.compare_all(memo);
            }
            Some(filter) => {
                let lists = filter.lists(effort.lists, self.len(), view.header.lists as usize);
                ground.pick(lists, memo);
                if filter.is_sparse(self.len()) {
                    ground.allowed_in_lists(filter, memo);
                    ground.compare_all(memo);
                } else {
                    ground.by_codes(effort.rerank.max(ask.k), memo);
                }
            }
            None => {
                ground.pick(effort.lists, memo);
                ground.by_codes(effort.rerank.max(ask.k), memo);
            }
        }
        memo.last.finish(out);
        Ok(())
    }

    /// The lists in the order in which a search looks at them.
    pub(crate) fn order_of_lists(&self, query: &[f32], memo: &mut Memo) -> Vec<u32> {
        let ask = Ask::nearest(1);
        let ground = Ground { view: self.view(), pending: &self.pending, ask: &ask };
        memo.query.clear();
        memo.query.extend_from_slice(query);
        ground.pick(usize::MAX, memo);
        memo.picked.iter().map(|p| p.1).collect()
    }
}

/// Lists whose beginnings are on their way while one is scanned.
const FETCHED_LISTS: usize = 4;
/// How much of each; the processor sees for itself how it goes on.
const FETCHED_BYTES: usize = 1_024;

/// A score that at least `keep` reach, from the best of each block.
#[inline(always)]
fn likely_floor(tops: &[f32], keep: usize, leaders: &mut Vec<f32>) -> f32 {
    /// So few are kept in order as they come.
    const FEW: usize = 32;
    leaders.clear();
    if tops.len() < keep {
        return f32::NEG_INFINITY;
    }
    if keep > FEW {
        leaders.extend_from_slice(tops);
        return *leaders.select_nth_unstable_by(keep - 1, |a, b| b.total_cmp(a)).1;
    }
    leaders.resize(keep, f32::NEG_INFINITY);
    let mut least = f32::NEG_INFINITY;
    for top in tops {
        if *top > least {
            let mut at = keep - 1;
            while at > 0 && leaders[at - 1] < *top {
                leaders[at] = leaders[at - 1];
                at -= 1;
            }
            leaders[at] = *top;
            least = leaders[keep - 1];
        }
    }
    least
}

/// What one search stands on.
#[derive(Clone, Copy)]
struct Ground<'a> {
    view: View<'a>,
    pending: &'a Pending,
    ask: &'a Ask<'a>,
}

macro_rules! widest {
    ($name:ident as $body:ident($($arg:ident: $ty:ty),*)) => {
        fn $name(self, $($arg: $ty),*) {
            #[cfg(target_arch = "x86_64")]
            {
                use crate::blocks::x86::Avx2;
                #[target_feature(enable = "avx2")]
                fn with_avx2(ground: Ground<'_>, simd: Avx2, $($arg: $ty),*) {
                    ground.$body(simd, $($arg),*);
                }
                if let Some(simd) = Avx2::found() {
                    // SAFETY: the processor has what the function is compiled for.
                    return unsafe { with_avx2(self, simd, $($arg),*) };
                }
            }
            self.$body(Portable, $($arg),*);
        }
    };
}

impl Ground<'_> {
    widest!(pick as pick_with(lists: usize, memo: &mut Memo));
    widest!(by_codes as by_codes_with(rerank: usize, memo: &mut Memo));
    widest!(compare_all as compare_all_with(memo: &mut Memo));

    /// Finds the lists whose centroids are best.
    #[inline(always)]
    fn pick_with<S: Simd>(self, _: S, lists: usize, memo: &mut Memo) {
        let (view, grid) = (&self.view, &self.view.grid);
        let n_lists = view.header.lists as usize;
        memo.centred.clear();
        memo.centred.extend(memo.query.iter().zip(grid.middle).map(|(q, m)| q - m));
        let worth = coarse::query(&memo.centred, &mut memo.whole);
        coarse::products(view.coarse, &memo.whole, &mut memo.products);
        memo.scores.resize(memo.products.len(), 0.0);
        memo.tops.resize(memo.products.len() / coarse::BLOCK, 0.0);
        let scale = worth * view.header.coarse_step;
        let length = dot(&memo.query, &memo.query).sqrt();
        let (by_list, scales) = ([view.coarse_bias, view.spread], [scale, view.header.reach * length]);
        coarse::scores(&memo.products, &by_list, scales, &mut memo.scores, &mut memo.tops);
        let lists = lists.clamp(1, n_lists);
        memo.lists.start(lists);
        let floor = likely_floor(&memo.tops, lists, &mut memo.leaders);
        for (b, top) in memo.tops.iter().enumerate() {
            if *top < floor {
                continue;
            }
            let at = b * coarse::BLOCK;
            for (l, score) in memo.scores[at..n_lists.min(at + coarse::BLOCK)].iter().enumerate() {
                if *score >= floor {
                    memo.lists.push(key((at + l) as u32, *score));
                }
            }
        }
        memo.picked.clear();
        for key in memo.lists.ordered() {
            wide::fetch(grid.centroid(number(*key) as usize));
        }
        for key in memo.lists.ordered() {
            let list = number(*key);
            let likeness = view.similarity.between(&memo.query, grid.centroid(list as usize));
            let score = if view.similarity == Similarity::Euclidean { likeness / 2.0 } else { likeness };
            memo.picked.push((score, list));
        }
    }

    /// Scans the picked lists by codes and compares the best `rerank`.
    #[inline(always)]
    fn by_codes_with<S: Simd>(self, simd: S, rerank: usize, memo: &mut Memo) {
        let (view, pending) = (&self.view, self.pending);
        let soon = |at: usize, bytes: usize| {
            if let Some((_, list)) = memo.picked.get(at) {
                let codes = view.codes_of(*list as usize);
                wide::fetch(&codes[..codes.len().min(bytes)]);
            }
        };
        (0..FETCHED_LISTS).for_each(|at| soon(at, FETCHED_BYTES));
        memo.tables.fill(view.grid.books, &memo.centred);
        memo.first.start(rerank);
        for (at, (score, list)) in memo.picked.iter().enumerate() {
            soon(at + FETCHED_LISTS, FETCHED_BYTES);
            let list = *list as usize;
            let (start, end) = (view.starts[list], view.starts[list + 1]);
            let blocks = view.blocks[list] as usize * LANES..view.blocks[list + 1] as usize * LANES;
            let bias = view.bias.get(blocks).unwrap_or(&[]);
            let stored = List { codes: view.codes_of(list), bias, n: (end - start) as usize, offset: *score };
            let keep = |slot: u32| self.may_find(slot);
            scan::list(simd, &memo.tables, &stored, &mut memo.first, |lane| start + lane as u32, keep);
            if let Some(grown) = pending.list(list) {
                let bias = if view.bias.is_empty() { &[] } else { &grown.bias[..] };
                let came = List { codes: &grown.codes, bias, n: grown.rows.len(), offset: *score };
                scan::list(simd, &memo.tables, &came, &mut memo.first, |lane| grown.rows[lane] | LATER, keep);
            }
        }
        memo.slots.clear();
        memo.slots.extend(memo.first.unordered().iter().map(|k| number(*k)));
        self.compare(memo);
    }

    /// Collects the allowed slots of the picked lists.
    fn allowed_in_lists(self, filter: &Filter, memo: &mut Memo) {
        memo.slots.clear();
        for (_, list) in &memo.picked {
            memo.slots.extend_from_slice(filter.slots_of(*list as usize));
        }
        memo.slots.extend(filter.later(self.pending));
    }

    #[inline(always)]
    fn compare_all_with<S: Simd>(self, _: S, memo: &mut Memo) {
        memo.slots.retain(|slot| self.may_find(*slot));
        self.compare(memo);
    }

    /// Compares the query with the vectors of `memo.slots`.
    #[inline(always)]
    fn compare(self, memo: &mut Memo) {
        /// Vectors that are on their way while one is compared.
        const AHEAD: usize = 16;
        let view = &self.view;
        memo.slots.iter().take(AHEAD).for_each(|slot| self.fetch(*slot));
        for (i, slot) in memo.slots.iter().enumerate() {
            if let Some(next) = memo.slots.get(i + AHEAD) {
                self.fetch(*next);
            }
            let row = if slot & LATER != 0 {
                self.pending.row(slot & !LATER, view.d)
            } else {
                view.row(*slot, &mut memo.made)
            };
            let score = view.similarity.between(&memo.query, row);
            if score >= memo.last.floor() {
                memo.last.push(key(self.id(*slot), score));
            }
        }
    }

    /// Tells the processor that the vector of a slot will be read.
    #[inline(always)]
    fn fetch(self, slot: u32) {
        if slot & LATER != 0 {
            return;
        }
        let (at, d) = (slot as usize * self.view.d, self.view.d);
        wide::fetch(&self.view.ids[slot as usize..=slot as usize]);
        match self.view.rows {
            Rows::Full(rows) => wide::fetch(&rows[at..at + d]),
            Rows::Bytes(rows, _) => wide::fetch(&rows[at..at + d]),
        }
    }

    #[inline(always)]
    fn id(self, slot: u32) -> u32 {
        if slot & LATER != 0 { self.pending.ids[(slot & !LATER) as usize] } else { self.view.ids[slot as usize] }
    }

    /// Whether the vector of a slot is there and asked for.
    #[inline(always)]
    fn may_find(self, slot: u32) -> bool {
        if slot & LATER == 0 && self.pending.is_gone(slot) {
            return false;
        }
        if self.ask.excluded.is_none() && self.ask.filter.is_none() {
            return true;
        }
        let id = self.id(slot);
        !self.ask.excluded.is_some_and(|m| m.has(id)) && self.ask.filter.is_none_or(|f| f.has(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;
    use tamis_spec::vectors::Vectors;

    #[test]
    fn every_processor_finds_the_same() {
        let value = |i: usize| ((i * 7919 + i / 7 * 31) % 1_009) as f32 / 500.0 - 1.0;
        let vectors = Vectors { values: (0..2_000 * 10).map(value).collect(), dimensions: 10 };
        for similarity in [Similarity::InnerProduct, Similarity::Euclidean] {
            let index = Index::build(&vectors, &Options { similarity, sample: 50, ..Options::default() }).unwrap();
            for q in 0..30 {
                let query: Vec<f32> = (0..10).map(|k| value(q * 57 + k * 3 + 1)).collect();
                let (mut memo, mut fast, mut slow) = (Memo::default(), Vec::new(), Vec::new());
                let ask = Ask { effort: Some(Effort { lists: 5, rerank: 20 }), ..Ask::nearest(10) };
                index.search(&query, &ask, &mut memo, &mut fast).unwrap();
                let ground = Ground { view: index.view(), pending: &index.pending, ask: &ask };
                memo.last.start(10);
                ground.pick_with(Portable, 5, &mut memo);
                ground.by_codes_with(Portable, 20, &mut memo);
                memo.last.finish(&mut slow);
                assert_eq!(fast, slow);
            }
        }
    }
}
