//! Normal equations of one user or item: A x = b with A symmetric positive definite.

use crate::wide;

/// The length that rows of a matrix are padded to: a multiple of 16.
pub(crate) fn padded(d: usize) -> usize {
    d.next_multiple_of(16)
}

/// A and b, both padded with zeros.
#[derive(Clone, Debug, Default)]
pub(crate) struct Normal {
    /// [d, d] row-major with d padded; only what lies on and above the diagonal is meant.
    pub(crate) a: Vec<f32>,
    /// [d].
    pub(crate) b: Vec<f32>,
}

impl Normal {
    /// A as given, b = 0.
    pub(crate) fn reset(&mut self, a: &[f32]) {
        self.a.clear();
        self.a.extend_from_slice(a);
        self.b.clear();
        self.b.resize(padded_of(a), 0.0);
    }

    /// A += weight · y y' and b += target · y for those rows of `vectors`, which have d values unpadded. `rows` is scratch.
    /// The bits depend on the order of the rows, not on how many come in a call.
    pub(crate) fn add(
        &mut self,
        vectors: &[f32],
        d: usize,
        which: &[u32],
        (weight, target): (f32, f32),
        rows: &mut Vec<f32>,
    ) {
        /// Rows that stay near while every tile of A passes over them.
        const BATCH: usize = 64;
        let width = padded(d);
        for batch in which.chunks(BATCH) {
            rows.clear();
            for row in batch {
                rows.extend_from_slice(&vectors[*row as usize * d..][..d]);
                rows.resize(rows.len() + width - d, 0.0);
            }
            wide::add_outer(&mut self.a, width, rows, weight);
            rows.chunks_exact(width).for_each(|y| wide::add_scaled(&mut self.b, y, target));
        }
    }

    /// Solves for x, the first `x.len()` unknowns, by Cholesky; A and b are used up. An unknown that is not determined to the
    /// precision of f32 is 0.
    pub(crate) fn solve(&mut self, x: &mut [f32]) {
        let n = x.len();
        factor(&mut self.a, n);
        forward(&self.a, &mut self.b, n);
        backward(&self.a, &self.b, x);
    }
}

fn padded_of(a: &[f32]) -> usize {
    a.len().isqrt()
}

wide::wide! {
    /// Replaces the upper triangle by U with U'U = A; the diagonal holds 1 / U_kk, and 0 where a pivot is not positive.
    fn factor(a: &mut [f32], n: usize) {
        let width = a.len().isqrt();
        for k in 0..n {
            let (above, below) = a.split_at_mut((k + 1) * width);
            let row = &mut above[k * width..];
            let inverse = if row[k] > f32::MIN_POSITIVE { row[k].sqrt().recip() } else { 0.0 };
            row[k] = inverse;
            for value in &mut row[k + 1..] {
                *value *= inverse;
            }
            for i in k + 1..n {
                // From a multiple of 8 on: aligned with the registers, and what lies below the diagonal is not meant.
                let from = i / 8 * 8;
                let factor = row[i];
                let target = &mut below[(i - k - 1) * width..][from..width];
                for (t, r) in target.iter_mut().zip(&row[from..]) {
                    *t -= factor * r;
                }
            }
        }
    }
}

wide::wide! {
    /// Replaces b by z with U'z = b.
    fn forward(u: &[f32], b: &mut [f32], n: usize) {
        let width = b.len();
        for k in 0..n {
            let row = &u[k * width..][..width];
            let z = b[k] * row[k];
            b[k] = z;
            for (t, r) in b[k + 1..].iter_mut().zip(&row[k + 1..]) {
                *t -= z * r;
            }
        }
    }
}

wide::wide! {
    /// Solves U x = z.
    fn backward(u: &[f32], z: &[f32], x: &mut [f32]) {
        let (width, n) = (z.len(), x.len());
        for k in (0..n).rev() {
            let row = &u[k * width..][..n];
            x[k] = (z[k] - wide::dot(&row[k + 1..], &x[k + 1..])) * row[k];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Draws, bits};

    fn random(d: usize, n: usize) -> Vec<f32> {
        let mut draws = Draws(d as u64);
        (0..d * n).map(|_| draws.signed()).collect()
    }

    fn start(d: usize) -> Normal {
        let (width, mut normal) = (padded(d), Normal::default());
        let mut a = vec![0.0; width * width];
        (0..d).for_each(|k| a[k * width + k] = 0.5);
        normal.reset(&a);
        normal
    }

    #[test]
    fn the_solution_satisfies_the_equations() {
        for d in [1, 3, 16, 20, 64] {
            let (ys, n) = (random(d, 100), 100);
            let which: Vec<u32> = (0..n).collect();
            let (mut normal, mut x) = (start(d), vec![0.0; d]);
            normal.add(&ys, d, &which, (2.0, 3.0), &mut Vec::new());
            normal.solve(&mut x);
            // (0.5 I + 2 Y'Y) x = 3 Y'1
            for k in 0..d {
                let product = |y: &[f32]| y.iter().zip(&x).map(|(y, x)| f64::from(y * x)).sum::<f64>();
                let left =
                    0.5 * f64::from(x[k]) + ys.chunks(d).map(|y| 2.0 * f64::from(y[k]) * product(y)).sum::<f64>();
                let right = 3.0 * ys.chunks(d).map(|y| f64::from(y[k])).sum::<f64>();
                assert!((left - right).abs() < 2e-4, "{d}: {left} {right}");
            }
        }
    }

    #[test]
    fn rows_add_up_the_same_in_one_call_or_many() {
        let (d, ys) = (20, random(20, 150));
        let which: Vec<u32> = (0..150).rev().collect();
        let (mut at_once, mut in_parts) = (start(d), start(d));
        at_once.add(&ys, d, &which, (9.0, 10.0), &mut Vec::new());
        which.chunks(7).for_each(|part| in_parts.add(&ys, d, part, (9.0, 10.0), &mut Vec::new()));
        assert_eq!((bits(&at_once.a), bits(&at_once.b)), (bits(&in_parts.a), bits(&in_parts.b)));
    }

    #[test]
    fn an_unknown_that_is_not_determined_is_zero() {
        let (mut normal, mut x) = (Normal::default(), vec![9.0; 2]);
        normal.reset(&vec![0.0; 256]);
        normal.add(&[2.0, 0.0], 2, &[0], (1.0, 1.0), &mut Vec::new());
        normal.solve(&mut x);
        assert_eq!(x, [0.5, 0.0]);
    }
}
