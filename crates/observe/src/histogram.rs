//! `Histogram`: spans of time counted in buckets of growing width; a quantile is off by at most 1.6 %.

/// Buckets to an octave.
const STEPS: u32 = 32;

/// Octaves from 32 ns up to `u32::MAX` ns; below, every nanosecond has its own bucket.
const BUCKETS: usize = 28 * STEPS as usize;

/// Counts of nanoseconds in logarithmic buckets, each 1/32 of an octave's lower end wide.
#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    n: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS], n: 0 }
    }
}

impl Histogram {
    /// Counts one span.
    pub(crate) fn add(&mut self, nanos: u32) {
        self.counts[bucket(nanos)] += 1;
        self.n += 1;
    }

    /// Counts all that another has counted.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(a, b)| *a += b);
        self.n += other.n;
    }

    /// Nanoseconds that a share `q` of the spans does not exceed, as the middle of a bucket; 0 when there are none.
    pub(crate) fn quantile(&self, q: f64) -> f64 {
        let rank = ((q * self.n as f64).ceil() as u64).max(1);
        let mut seen = 0;
        let at = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank
        });
        at.map_or(0.0, middle)
    }
}

fn bucket(nanos: u32) -> usize {
    if nanos < STEPS {
        return nanos as usize;
    }
    let octave = nanos.ilog2() - STEPS.ilog2();
    (octave * STEPS + (nanos >> octave)) as usize
}

fn middle(bucket: usize) -> f64 {
    let bucket = bucket as u64;
    let steps = u64::from(STEPS);
    if bucket < steps {
        return bucket as f64;
    }
    let octave = bucket / steps - 1;
    let low = (bucket % steps + steps) << octave;
    low as f64 + ((1u64 << octave) - 1) as f64 / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_its_bucket_is_within_1_6_percent_of_every_span() {
        for nanos in (0..40).chain((0..32).map(|b| 1u32 << b)).chain((1..2000).map(|i| i * 2_147_483)).chain([u32::MAX])
        {
            let found = middle(bucket(nanos));
            assert!((found - f64::from(nanos)).abs() <= 0.016 * f64::from(nanos), "{nanos} became {found}");
        }
    }

    #[test]
    fn quantiles_are_those_of_the_spans_and_do_not_depend_on_who_counted() {
        let (mut all, mut odd, mut even) = (Histogram::default(), Histogram::default(), Histogram::default());
        for i in 1..=1000 {
            all.add(i * 1000);
            if i % 2 == 1 { odd.add(i * 1000) } else { even.add(i * 1000) }
        }
        odd.merge(&even);
        for (q, expected) in [(0.5, 500_000.0), (0.99, 990_000.0), (1.0, 1_000_000.0), (0.0, 1000.0)] {
            assert!((all.quantile(q) / expected - 1.0).abs() < 0.016, "{q}: {}", all.quantile(q));
            assert_eq!(all.quantile(q), odd.quantile(q));
        }
        assert_eq!(Histogram::default().quantile(0.5), 0.0);
    }
}
