//! The best few of what is pushed, as keys that order by score and then by the smaller number.

use tamis_spec::decision::Scored;

const SIGN: u32 = 1 << 31;

/// Larger for a better score, and for the smaller number where scores are equal.
#[inline(always)]
pub(crate) fn key(number: u32, score: f32) -> u64 {
    u64::from(rank(score)) << 32 | u64::from(!number)
}

/// The number that a key was made of.
#[inline(always)]
pub(crate) fn number(key: u64) -> u32 {
    !(key as u32)
}

/// The score that a key was made of.
#[inline(always)]
pub(crate) fn score(key: u64) -> f32 {
    let rank = (key >> 32) as u32;
    f32::from_bits(if rank & SIGN == 0 { !rank } else { rank ^ SIGN })
}

/// Ordered as `f32::total_cmp` orders the scores.
#[inline(always)]
fn rank(score: f32) -> u32 {
    let bits = score.to_bits();
    if bits & SIGN == 0 { bits ^ SIGN } else { !bits }
}

/// Collects the best `keep` of what is pushed, in any order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Best {
    keep: usize,
    keys: Vec<u64>,
    room: usize,
    /// Only a larger key can be among the best.
    floor: u64,
}

impl Best {
    /// Forgets everything; what is kept from now on.
    pub(crate) fn start(&mut self, keep: usize) {
        self.keep = keep;
        self.room = keep.saturating_add(keep.max(32));
        self.keys.clear();
        self.floor = if keep == 0 { u64::MAX } else { 0 };
    }

    /// Takes a key into account.
    #[inline(always)]
    pub(crate) fn push(&mut self, key: u64) {
        if key > self.floor {
            self.keys.push(key);
            if self.keys.len() >= self.room {
                self.shrink();
            }
        }
    }

    /// No smaller score can be among the best.
    #[inline(always)]
    pub(crate) fn floor(&self) -> f32 {
        if self.floor == 0 { f32::NEG_INFINITY } else { score(self.floor) }
    }

    /// The best, in no particular order.
    pub(crate) fn unordered(&mut self) -> &[u64] {
        self.shrink();
        &self.keys
    }

    /// The best, best first.
    pub(crate) fn ordered(&mut self) -> &[u64] {
        self.shrink();
        self.keys.sort_unstable_by(|a, b| b.cmp(a));
        &self.keys
    }

    /// Appends the best, best first.
    pub(crate) fn finish(&mut self, out: &mut Vec<Scored>) {
        out.extend(self.ordered().iter().map(|k| Scored { item: number(*k), score: score(*k) }));
    }

    #[cold]
    fn shrink(&mut self) {
        if self.keep > 0 && self.keys.len() > self.keep {
            let (_, last, _) = self.keys.select_nth_unstable_by(self.keep - 1, |a, b| b.cmp(a));
            self.floor = *last;
            self.keys.truncate(self.keep);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_are_those_of_sorting_everything() {
        for keep in [0, 1, 7, 100] {
            let mut best = Best::default();
            best.start(keep);
            let scores: Vec<f32> = (0..500u32).map(|i| (i * 7919 % 83) as f32 - 40.0).collect();
            scores.iter().enumerate().for_each(|(i, s)| best.push(key(i as u32, *s)));
            let mut expected: Vec<Scored> =
                scores.iter().enumerate().map(|(i, s)| Scored { item: i as u32, score: *s }).collect();
            expected.sort_by(Scored::order);
            expected.truncate(keep);
            let mut found = Vec::new();
            best.finish(&mut found);
            assert_eq!(found, expected, "{keep}");
        }
    }
}
