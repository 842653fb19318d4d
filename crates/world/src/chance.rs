//! Random draws, each from a stream that is named by what it is for: one stream's length never shifts another.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// What a stream of random numbers is for.
#[derive(Clone, Copy)]
pub(crate) enum Stream {
    Items,
    Visitors,
    /// One for each day, so that a day's events depend on the past only through what was clicked.
    Day(usize),
}

/// The stream of a seed.
pub(crate) fn stream(seed: u64, stream: Stream) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(match stream {
        Stream::Items => 0,
        Stream::Visitors => 1,
        Stream::Day(day) => 2 + day as u64,
    });
    rng
}

/// True with a probability.
pub(crate) fn happens(rng: &mut impl Rng, probability: f64) -> bool {
    rng.random::<f64>() < probability
}

/// A standard normal draw (Box & Muller 1958).
pub(crate) fn normal(rng: &mut impl Rng) -> f64 {
    let (u, v): (f64, f64) = (1.0 - rng.random::<f64>(), rng.random());
    (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

/// One of several.
pub(crate) fn one_of<T: Copy>(rng: &mut impl Rng, among: &[T]) -> T {
    among[rng.random_range(0..among.len())]
}

/// Draws indices in proportion to weights.
pub(crate) struct Weighted {
    cumulative: Vec<f64>,
}

impl Weighted {
    /// Weights are not negative, and one is positive.
    pub(crate) fn new(weights: impl Iterator<Item = f64>) -> Self {
        let mut total = 0.0;
        let add = |w| {
            total += w;
            total
        };
        Self { cumulative: weights.map(add).collect() }
    }

    pub(crate) fn draw(&self, rng: &mut impl Rng) -> usize {
        let total = self.cumulative.last().copied().unwrap_or(0.0);
        let at = rng.random::<f64>() * total;
        self.cumulative.partition_point(|c| *c <= at).min(self.cumulative.len() - 1)
    }
}
