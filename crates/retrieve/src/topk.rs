//! The best few of many scores, in the order of `Scored::order`. A score of minus infinity or NaN is never among them.

use crate::wide::wide;
use tamis_spec::decision::Scored;
use tamis_spec::mask::Mask;

/// Scores that are compared with the floor at once.
const BLOCK: usize = 32;
/// So many scores, spread evenly, say where the floor is likely to be.
const SAMPLE: usize = 256;
/// The sampled floor is put where this many times `keep` should pass, lest too few do.
const MARGIN: f32 = 1.25;

/// Appends the best `keep` items that are not excluded, best first. `scores`: by item.
pub fn best(scores: &[f32], excluded: &Mask, keep: usize, out: &mut Vec<Scored>) {
    selected(scores, excluded, keep).finish(out);
}

/// As [`best`], in no particular order.
pub(crate) fn best_unordered(scores: &[f32], keep: usize, out: &mut Vec<Scored>) {
    selected(scores, &Mask::default(), keep).finish_unordered(out);
}

fn selected(scores: &[f32], excluded: &Mask, keep: usize) -> Best {
    let mut best = Best::new(keep);
    let lowest = best.floor;
    best.floor = likely_floor(scores, keep, lowest);
    if best.floor > lowest {
        best.room = usize::MAX;
        sweep(scores, excluded, &mut best);
        if best.keys.len() >= keep {
            return best;
        }
        best = Best::new(keep);
    }
    sweep(scores, excluded, &mut best);
    best
}

/// A key that probably a few more than `keep` of the scores exceed; `lowest` where nothing can be said.
fn likely_floor(scores: &[f32], keep: usize, lowest: u64) -> u64 {
    let share = MARGIN * keep as f32 / scores.len() as f32;
    if scores.len() < 4 * SAMPLE || share > 0.5 {
        return lowest;
    }
    let mut sample = [0i32; SAMPLE];
    let stride = scores.len() / SAMPLE;
    sample.iter_mut().zip(scores.iter().step_by(stride)).for_each(|(s, score)| *s = rank(*score));
    // Two standard deviations of how many of a sample are among the best.
    let expected = share * SAMPLE as f32;
    let at = (expected + 2.0 * expected.sqrt()) as usize;
    let (_, floor, _) = sample.select_nth_unstable_by(at.min(SAMPLE - 1), |a, b| b.cmp(a));
    lowest.max(u64::from(*floor as u32 ^ SIGN) << 32)
}

/// Pushes all that can still be among the best.
fn sweep(scores: &[f32], excluded: &Mask, best: &mut Best) {
    for (at, block) in scores.chunks(BLOCK).enumerate() {
        let mut above = above(block, best.floor_rank());
        while above != 0 {
            let k = above.trailing_zeros() as usize;
            above &= above - 1;
            let item = (at * BLOCK + k) as u32;
            if !excluded.has(item) {
                best.push(item, block[k]);
            }
        }
    }
}

/// Collects the best `keep` of what is pushed, each item at most once, in any order.
pub struct Best {
    keep: usize,
    /// Unordered; at most `room`.
    keys: Vec<u64>,
    room: usize,
    /// Only a larger key can be among the best.
    floor: u64,
}

impl Best {
    /// Nothing pushed yet.
    pub fn new(keep: usize) -> Self {
        let room = keep.saturating_mul(2).max(keep.saturating_add(64));
        Self { keep, keys: Vec::new(), room, floor: key(u32::MIN, f32::NEG_INFINITY) }
    }

    /// Takes an item into account.
    #[inline]
    pub fn push(&mut self, item: u32, score: f32) {
        let key = key(item, score);
        if key > self.floor && !score.is_nan() {
            self.keys.push(key);
            if self.keys.len() == self.room {
                self.shrink();
            }
        }
    }

    /// Appends the best, best first.
    pub fn finish(mut self, out: &mut Vec<Scored>) {
        self.shrink();
        self.keys.sort_unstable_by(|a, b| b.cmp(a));
        self.finish_unordered(out);
    }

    /// Appends the best in no particular order.
    fn finish_unordered(mut self, out: &mut Vec<Scored>) {
        self.shrink();
        out.extend(self.keys.iter().map(|k| Scored { item: !(*k as u32), score: score_of((k >> 32) as u32) }));
    }

    /// A score of a smaller rank cannot be among the best.
    #[inline]
    fn floor_rank(&self) -> i32 {
        ((self.floor >> 32) as u32 ^ SIGN) as i32
    }

    #[cold]
    fn shrink(&mut self) {
        if self.keep == 0 {
            self.keys.clear();
        } else if self.keys.len() > self.keep {
            let (_, last, _) = self.keys.select_nth_unstable_by(self.keep - 1, |a, b| b.cmp(a));
            self.floor = *last;
            self.keys.truncate(self.keep);
        }
    }
}

const SIGN: u32 = 1 << 31;

/// Ordered as `f32::total_cmp` orders the scores.
#[inline(always)]
fn rank(score: f32) -> i32 {
    let bits = score.to_bits() as i32;
    bits ^ ((bits >> 31) as u32 >> 1) as i32
}

/// Larger is better: the score's rank, then the smaller index.
#[inline(always)]
fn key(item: u32, score: f32) -> u64 {
    u64::from(rank(score) as u32 ^ SIGN) << 32 | u64::from(!item)
}

#[inline(always)]
fn score_of(high: u32) -> f32 {
    let rank = (high ^ SIGN) as i32;
    f32::from_bits((rank ^ ((rank >> 31) as u32 >> 1) as i32) as u32)
}

wide! {
    /// A bit for each score of a block whose rank is at least the floor's.
    fn above(block: &[f32], floor: i32) -> u32 {
        let mut bits = 0;
        for (k, score) in block.iter().enumerate() {
            bits |= u32::from(rank(*score) >= floor) << k;
        }
        bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn slow(scores: &[f32], excluded: &[u32], keep: usize) -> Vec<Scored> {
        let all = crate::fixture::ranked(scores, usize::MAX);
        all.into_iter().filter(|s| !excluded.contains(&s.item)).take(keep).collect()
    }

    fn fast(scores: &[f32], excluded: &[u32], keep: usize) -> Vec<Scored> {
        let (mut mask, mut out) = (Mask::default(), Vec::new());
        excluded.iter().for_each(|i| {
            mask.insert(*i);
        });
        best(scores, &mask, keep, &mut out);
        out
    }

    fn same(a: &[Scored], b: &[Scored]) -> bool {
        let bits = |l: &[Scored]| l.iter().map(|s| (s.item, s.score.to_bits())).collect::<Vec<_>>();
        bits(a) == bits(b)
    }

    #[test]
    fn ties_go_to_the_smaller_index_and_what_cannot_be_said_is_left_out() {
        let check = |scores: &[f32], keep, expected: &[u32]| {
            assert_eq!(fast(scores, &[1], keep).iter().map(|s| s.item).collect::<Vec<_>>(), expected, "{scores:?}");
        };
        let (nan, low, high) = (f32::NAN, f32::NEG_INFINITY, f32::INFINITY);
        check(&[1.0, 9.0, 1.0, 2.0, 1.0], 3, &[3, 0, 2]);
        check(&[low, 1.0, nan, -nan, -1.0, high], 9, &[5, 4]);
        check(&[-0.0, 1.0, 0.0], 9, &[2, 0]);
        check(&[1.0, 2.0], 0, &[]);
        check(&[], 5, &[]);
    }

    #[test]
    fn a_sample_that_misleads_costs_time_and_nothing_else() {
        let n = 16 * SAMPLE;
        let scores: Vec<f32> = (0..n).map(|i| if i % 16 == 0 { 10.0 } else { (i % 7) as f32 }).collect();
        assert!(same(&fast(&scores, &[], 300), &slow(&scores, &[], 300)), "only the sampled ones are high");
        let high: Vec<u32> = (0..n as u32).step_by(16).collect();
        assert!(same(&fast(&scores, &high, 20), &slow(&scores, &high, 20)), "all that are high are excluded");
    }

    proptest! {
        #[test]
        fn the_fast_way_agrees_with_sorting_everything(
            scores in prop::collection::vec(prop_oneof![
                8 => (-20i32..20).prop_map(|i| i as f32 / 4.0),
                1 => any::<f32>(),
            ], 0..3_000),
            excluded in prop::collection::vec(0u32..3_000, 0..400),
            keep in prop_oneof![0usize..150, 150usize..1_500],
        ) {
            prop_assert!(same(&fast(&scores, &excluded, keep), &slow(&scores, &excluded, keep)));
        }

        #[test]
        fn items_may_be_pushed_in_any_order(
            scores in prop::collection::vec((-20i32..20).prop_map(|i| i as f32), 1..500),
            start in 0usize..500,
            keep in 1usize..60,
        ) {
            let mut pushed = Best::new(keep);
            for k in 0..scores.len() {
                let i = (k + start) % scores.len();
                pushed.push(i as u32, scores[i]);
            }
            let mut out = Vec::new();
            pushed.finish(&mut out);
            prop_assert!(same(&out, &slow(&scores, &[], keep)));
        }
    }
}
