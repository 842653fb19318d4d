//! How alike two vectors are, and which vectors are refused.

use crate::error::Error;
use crate::wide::{dot, squared_distance, wide};

/// Larger is nearer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Similarity {
    /// The inner product.
    #[default]
    InnerProduct,
    /// The cosine of the angle; nothing is like a vector of zeros.
    Cosine,
    /// Minus the squared distance.
    Euclidean,
}

impl Similarity {
    /// As stored.
    pub(crate) fn code(self) -> u32 {
        self as u32
    }

    /// As read.
    pub(crate) fn of(code: u32) -> Option<Self> {
        [Self::InnerProduct, Self::Cosine, Self::Euclidean].into_iter().find(|s| s.code() == code)
    }

    /// How alike two vectors are that were prepared.
    #[inline(always)]
    pub(crate) fn between(self, a: &[f32], b: &[f32]) -> f32 {
        if self == Self::Euclidean { -squared_distance(a, b) } else { dot(a, b) }
    }

    /// Appends a vector as it is compared; false if nothing is like it. `id`: whose it is, none for a query.
    pub(crate) fn prepare(self, x: &[f32], d: usize, id: Option<u32>, out: &mut Vec<f32>) -> Result<bool, Error> {
        if x.len() != d {
            return Err(Error::Length { expected: d, found: x.len() });
        }
        if let Some(at) = x.iter().position(|v| !v.is_finite()) {
            return Err(Error::NotFinite { id, at });
        }
        let start = out.len();
        out.extend_from_slice(x);
        Ok(self != Self::Cosine || normalised(&mut out[start..]))
    }
}

/// To length 1; false for a vector of zeros.
fn normalised(x: &mut [f32]) -> bool {
    // By the largest first, lest squares leave the range.
    let most = x.iter().fold(0.0f32, |most, v| most.max(v.abs()));
    if most == 0.0 {
        return false;
    }
    x.iter_mut().for_each(|v| *v /= most);
    let length = length_of(x);
    x.iter_mut().for_each(|v| *v /= length);
    true
}

wide! {
    fn length_of(x: &[f32]) -> f32 {
        dot(x, x).sqrt()
    }
}

wide! {
    /// How alike a query is to each of the rows; `out` has one for each.
    fn likeness(similarity: Similarity, rows: &[f32], query: &[f32], out: &mut [f32]) {
        for (row, o) in rows.chunks_exact(query.len()).zip(out) {
            *o = similarity.between(query, row);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_that_cannot_be_compared_is_refused() {
        let check = |x: &[f32], id, expected: &str| {
            let found = Similarity::Cosine.prepare(x, 2, id, &mut Vec::new());
            assert_eq!(found.map(|b| b.to_string()).unwrap_or_else(|e| e.to_string()), expected);
        };
        check(&[1.0, 2.0], None, "true");
        check(&[0.0, -0.0], None, "false");
        check(&[1.0], Some(3), "vectors here have 2 values, but found 1");
        check(&[1.0, f32::NAN], Some(3), "value 1 of vector 3 is not finite");
        check(&[f32::INFINITY, 0.0], None, "value 0 of the query is not finite");
    }

    #[test]
    fn cosine_forgets_lengths_even_extreme_ones() {
        for x in [[3e-30f32, 4e-30], [3.0, 4.0], [3e30, 4e30]] {
            let mut out = Vec::new();
            assert!(Similarity::Cosine.prepare(&x, 2, None, &mut out).unwrap());
            assert!((out[0] - 0.6).abs() < 1e-6 && (out[1] - 0.8).abs() < 1e-6, "{out:?}");
        }
    }
}
