//! How many different things: exactly, over all of the past or a window; or as a sketch of fixed size.

use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use tamis_spec::mix::{GOLDEN, mix};

/// Different ids of one key.
#[derive(Clone, Debug, Default)]
pub struct Distinct {
    /// When each was met last.
    latest: FxHashMap<u32, i64>,
    /// With a window: meetings in the order of time; one is stale when its id was met again.
    order: VecDeque<(i64, u32)>,
}

impl Distinct {
    /// Takes in an id; lets go of what no later window can hold.
    pub(super) fn add(&mut self, id: u32, time: i64, within_ms: Option<i64>) {
        let before = self.latest.insert(id, time);
        let Some(ms) = within_ms else { return };
        if before != Some(time) {
            self.order.push_back((time, id));
        }
        let oldest = time.saturating_sub(ms);
        while let Some((met, id)) = self.order.front().copied().filter(|(met, _)| *met < oldest) {
            self.order.pop_front();
            if self.latest.get(&id) == Some(&met) {
                self.latest.remove(&id);
            }
        }
    }

    /// How many were met at `oldest` or later.
    pub(super) fn count(&self, oldest: i64) -> usize {
        let left = self.order.iter().take_while(|(met, _)| *met < oldest);
        self.latest.len() - left.filter(|(met, id)| self.latest.get(id) == Some(met)).count()
    }

    pub(super) fn bytes(&self) -> usize {
        self.latest.capacity() * 17 + self.order.capacity() * 16
    }
}

/// A HyperLogLog of 2^bits registers (Flajolet, Fusy, Gandouet and Meunier 2007): its count has a standard error of 1.04 / √(2^bits).
#[derive(Clone, Debug, Default)]
pub struct Sketch {
    /// By the hash's first bits: the most zeros that the rest began with, and one.
    registers: Box<[u8]>,
}

impl Sketch {
    pub(super) fn add(&mut self, id: u32, bits: u32) {
        if self.registers.is_empty() {
            self.registers = vec![0; 1 << bits].into_boxed_slice();
        }
        let hash = mix((u64::from(id) + 1).wrapping_mul(GOLDEN));
        let register = &mut self.registers[(hash >> (64 - bits)) as usize];
        let zeros = (hash << bits).leading_zeros().min(64 - bits) as u8;
        *register = (*register).max(zeros + 1);
    }

    /// An estimate; below 2.5 times as many as there are registers by those still empty (linear counting), as the paper has it.
    pub(super) fn count(&self) -> f64 {
        let m = self.registers.len() as f64;
        if self.registers.is_empty() {
            return 0.0;
        }
        let sum: f64 = self.registers.iter().map(|r| (-f64::from(*r)).exp2()).sum();
        let alpha = match self.registers.len() {
            16 => 0.673,
            32 => 0.697,
            64 => 0.709,
            _ => 0.7213 / (1.0 + 1.079 / m),
        };
        let raw = alpha * m * m / sum;
        let empty = self.registers.iter().filter(|r| **r == 0).count();
        if raw <= 2.5 * m && empty > 0 { m * (m / empty as f64).ln() } else { raw }
    }

    pub(super) fn bytes(&self) -> usize {
        self.registers.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sketch_errs_as_its_size_says_and_counts_nothing_twice() {
        for bits in [6u32, 10, 14] {
            let tolerated = 4.0 * 1.04 / f64::from(1u32 << bits).sqrt();
            for n in [1u32, 10, 1_000, 100_000] {
                let mut sketch = Sketch::default();
                (0..2 * n).for_each(|i| sketch.add((i % n).wrapping_mul(2_654_435_761), bits));
                let error = (sketch.count() - f64::from(n)).abs() / f64::from(n);
                assert!(error <= tolerated, "{n} in 2^{bits}: {}", sketch.count());
            }
        }
        assert_eq!(Sketch::default().count(), 0.0);
    }

    #[test]
    fn what_was_met_again_stays_and_what_left_the_window_goes() {
        let mut of = Distinct::default();
        for (id, time) in [(1, 0), (2, 5), (1, 8), (1, 8), (3, 9)] {
            of.add(id, time, Some(10));
        }
        let counts: Vec<usize> = [0, 1, 5, 6, 8, 9, 10].iter().map(|oldest| of.count(*oldest)).collect();
        assert_eq!(counts, [3, 3, 3, 2, 2, 1, 0]);
        of.add(4, 30, Some(10));
        assert_eq!((of.count(20), of.order.len(), of.latest.len()), (1, 1, 1), "nothing old is kept");
    }
}
