//! `Books`: what is left of a vector next to its centroid, as half a byte for every two dimensions (product quantisation: Jégou, Douze,
//! Schmid, PAMI 2011), and a query as tables of bytes that say how much each half byte is worth.

use crate::kmeans;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// Dimensions that one code stands for.
pub(crate) const WIDTH: usize = 2;
/// Values that a code has.
pub(crate) const CODES: usize = 16;
const ROUNDS: usize = 12;

/// How many codes a vector has: an even number, so that they fill bytes.
pub(crate) fn n_codes(d: usize) -> usize {
    d.div_ceil(2 * WIDTH) * 2
}

/// The codebooks of a sample of rests, [n, d]: [n_codes, 16, 2].
pub(crate) fn fitted(rests: &[f32], d: usize, rngs: &[ChaCha8Rng]) -> Vec<f32> {
    let book = |(at, rng): (usize, &ChaCha8Rng)| {
        let pairs: Vec<f32> = rests.chunks_exact(d).flat_map(|r| pair(r, at)).collect();
        if pairs.len() < WIDTH * CODES {
            let mut short = pairs;
            short.resize(WIDTH * CODES, 0.0);
            return short;
        }
        kmeans::centroids(&pairs, WIDTH, CODES, ROUNDS, &mut rng.clone())
    };
    rngs.par_iter().enumerate().map(book).flatten_iter().collect()
}

#[inline(always)]
fn pair(x: &[f32], at: usize) -> [f32; WIDTH] {
    std::array::from_fn(|k| x.get(at * WIDTH + k).copied().unwrap_or(0.0))
}

/// The codes of a rest, each below 16. `books`: [n, 16, 2], where `out` has n.
pub(crate) fn encode(books: &[f32], rest: &[f32], out: &mut [u8]) {
    for (at, (book, out)) in books.chunks_exact(CODES * WIDTH).zip(out).enumerate() {
        let x = pair(rest, at);
        let mut best = (f32::INFINITY, 0);
        for (code, y) in book.as_chunks::<WIDTH>().0.iter().enumerate() {
            let distance = (x[0] - y[0]) * (x[0] - y[0]) + (x[1] - y[1]) * (x[1] - y[1]);
            if distance < best.0 {
                best = (distance, code as u8);
            }
        }
        *out = best.1;
    }
}

/// The inner product of x and the rest that the codes stand for.
pub(crate) fn product(books: &[f32], codes: &[u8], x: &[f32]) -> f32 {
    let worth = |(at, code): (usize, &u8)| {
        let (y, x) = (&books[(at * CODES + *code as usize) * WIDTH..], pair(x, at));
        x[0] * y[0] + x[1] * y[1]
    };
    codes.iter().enumerate().map(worth).sum()
}

/// A query as tables: its inner product with a rest is about `base` + `step` · the sum of what its codes are worth.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tables {
    /// [n_codes, 16]; no sum of one from each row exceeds 65,535.
    pub(crate) bytes: Vec<u8>,
    pub(crate) base: f32,
    pub(crate) step: f32,
    exact: Vec<f32>,
}

impl Tables {
    /// Fills them in for a query.
    pub(crate) fn fill(&mut self, books: &[f32], query: &[f32]) {
        self.exact.clear();
        let (mut base, mut widest, mut total) = (0.0f32, 0.0f32, 0.0f32);
        for (at, book) in books.chunks_exact(CODES * WIDTH).enumerate() {
            let x = pair(query, at);
            let worth: [f32; CODES] = std::array::from_fn(|c| x[0] * book[c * WIDTH] + x[1] * book[c * WIDTH + 1]);
            let least = worth.iter().copied().fold(f32::INFINITY, f32::min);
            let range = worth.iter().copied().fold(f32::NEG_INFINITY, f32::max) - least;
            base += least;
            total += range;
            widest = widest.max(range);
            self.exact.extend(worth.map(|w| w - least));
        }
        // Rounding may add half to each.
        let room = 65_535.0 - books.len() as f32 / (2 * CODES * WIDTH) as f32 - 1.0;
        self.step = (widest / 255.0).max(total / room).max(f32::MIN_POSITIVE);
        self.base = base;
        let (bytes, per) = (&mut self.bytes, 1.0 / self.step);
        bytes.clear();
        bytes.extend(self.exact.iter().map(|w| (w * per + 0.5) as u8));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};

    #[test]
    fn tables_say_what_codes_are_worth() {
        for d in [1, 2, 7, 64, 1_500] {
            let mut rng = ChaCha8Rng::seed_from_u64(d as u64);
            let x: Vec<f32> = (0..100 * d).map(|_| rng.random::<f32>() - 0.5).collect();
            let rngs = vec![rng.clone(); n_codes(d)];
            let books = fitted(&x, d, &rngs);
            assert_eq!(books.len(), n_codes(d) * CODES * WIDTH);
            let query: Vec<f32> = (0..d).map(|_| rng.random::<f32>() - 0.3).collect();
            let mut tables = Tables::default();
            tables.fill(&books, &query);
            for x in x.chunks_exact(d) {
                let mut codes = vec![0; n_codes(d)];
                encode(&books, x, &mut codes);
                let sum: u32 =
                    codes.iter().enumerate().map(|(i, c)| tables.bytes[i * CODES + *c as usize] as u32).sum();
                assert!(sum <= 65_535);
                let (found, expected) = (tables.base + tables.step * sum as f32, product(&books, &codes, &query));
                assert!(
                    (found - expected).abs() <= tables.step * codes.len() as f32 / 2.0 + 1e-4,
                    "{d}: {found} {expected}"
                );
            }
        }
    }
}
