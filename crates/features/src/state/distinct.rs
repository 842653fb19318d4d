//! How many different things: exactly, over all of the past or a window; or as a sketch of fixed size.

use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use tamis_spec::mix::{GOLDEN, mix};

/// Ids of one key are looked through one by one up to so many.
const FEW_MAX: usize = 64;

/// Different ids of one key.
#[derive(Clone, Debug)]
pub enum Distinct {
    /// Each once, with when it was met last (without a window: first), from the oldest to the newest.
    Few(Vec<(i64, u32)>),
    /// More than [`FEW_MAX`].
    Many(Box<Many>),
}

/// Many ids of one key.
#[derive(Clone, Debug, Default)]
pub struct Many {
    /// When each was met last.
    latest: FxHashMap<u32, i64>,
    /// With a window: meetings in the order of time; one is stale when its id was met again.
    order: VecDeque<(i64, u32)>,
}

impl Default for Distinct {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl Distinct {
    /// Takes in an id; lets go of what no later window can hold.
    pub(super) fn add(&mut self, id: u32, time: i64, within_ms: Option<i64>) {
        let oldest = within_ms.map_or(i64::MIN, |ms| time.saturating_sub(ms));
        match self {
            Self::Few(met) => {
                met.drain(..met.partition_point(|(met, _)| *met < oldest));
                match (met.iter().position(|(_, known)| *known == id), within_ms) {
                    (Some(_), None) => return,
                    (Some(at), Some(_)) => met[at..].rotate_left(1),
                    (None, _) => met.push((time, id)),
                }
                *met.last_mut().expect("it was just put there") = (time, id);
                if met.len() > FEW_MAX {
                    let order = if within_ms.is_some() { met.iter().copied().collect() } else { VecDeque::new() };
                    *self = Self::Many(Box::new(Many { latest: met.iter().map(|(t, id)| (*id, *t)).collect(), order }));
                }
            }
            Self::Many(many) => many.add(id, time, within_ms.map(|_| oldest)),
        }
    }

    /// How many were met at `oldest` or later.
    pub(super) fn count(&self, oldest: i64) -> usize {
        match self {
            Self::Few(met) => met.len() - met.partition_point(|(met, _)| *met < oldest),
            Self::Many(many) => many.count(oldest),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Few(met) => met.capacity() * 16,
            Self::Many(many) => size_of::<Many>() + many.latest.capacity() * 17 + many.order.capacity() * 16,
        }
    }
}

impl Many {
    fn add(&mut self, id: u32, time: i64, oldest: Option<i64>) {
        let before = self.latest.insert(id, time);
        let Some(oldest) = oldest else { return };
        if before != Some(time) {
            self.order.push_back((time, id));
        }
        while let Some((met, id)) = self.order.front().copied().filter(|(met, _)| *met < oldest) {
            self.order.pop_front();
            if self.latest.get(&id) == Some(&met) {
                self.latest.remove(&id);
            }
        }
    }

    fn count(&self, oldest: i64) -> usize {
        let left = self.order.iter().take_while(|(met, _)| *met < oldest);
        self.latest.len() - left.filter(|(met, id)| self.latest.get(id) == Some(met)).count()
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
        assert_eq!((of.count(20), of.count(i64::MIN)), (1, 1), "nothing old is kept");
    }

    #[test]
    fn few_and_many_are_counted_by_definition() {
        let mut draw = 7u64;
        for (within, kinds) in [(Some(40), 20), (Some(40), 500), (Some(4_000), 500), (None, 50), (None, 500)] {
            let (mut of, mut met) = (Distinct::default(), Vec::new());
            for step in 0..2_000i64 {
                draw = mix(draw.wrapping_add(GOLDEN));
                let (id, time) = ((draw % kinds) as u32, step / 3);
                of.add(id, time, within);
                met.push((time, id));
                let oldest = within.map_or(i64::MIN, |ms| time + (draw >> 60) as i64 - ms);
                let of_window = met.iter().filter(|(t, _)| *t >= oldest).map(|(_, id)| id);
                let expected = of_window.collect::<std::collections::BTreeSet<_>>().len();
                assert_eq!(of.count(oldest), expected, "{within:?} {kinds} {step}");
            }
            assert_eq!(matches!(of, Distinct::Many(_)), kinds == 500, "{within:?} {kinds}");
        }
    }
}
