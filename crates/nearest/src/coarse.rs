//! All centroids against one query in whole numbers: centroids as seven bits a dimension, the query as eight. The products are exact, so every
//! processor finds the same.

use crate::wide::wide;

/// Centroids of a block: [block, ceil(d / 4), 16, 4] bytes.
pub(crate) const BLOCK: usize = 16;
const QUAD: usize = 4;
/// Codes of centroids; with a query's ±127, two products are less than 2^15.
const TOP: f32 = 127.0;

/// Bytes of a block of centroids.
pub(crate) fn block_bytes(d: usize) -> usize {
    d.div_ceil(QUAD) * BLOCK * QUAD
}

/// Centroids as codes, their least value, and the width of a step. `centroids`: [n, d].
pub(crate) fn coded(centroids: &[f32], d: usize) -> (Vec<u8>, f32, f32) {
    let least = centroids.iter().copied().fold(f32::INFINITY, f32::min);
    let most = centroids.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let step = ((most - least) / TOP).max(f32::MIN_POSITIVE);
    let mut codes = vec![0; (centroids.len() / d).div_ceil(BLOCK) * block_bytes(d)];
    for (i, c) in centroids.chunks_exact(d).enumerate() {
        let block = &mut codes[i / BLOCK * block_bytes(d)..][..block_bytes(d)];
        for (k, v) in c.iter().enumerate() {
            block[(k / QUAD * BLOCK + i % BLOCK) * QUAD + k % QUAD] = ((v - least) / step + 0.5) as u8;
        }
    }
    (codes, least, step)
}

/// A query as whole numbers, and what one of them is worth.
#[inline(always)]
pub(crate) fn query(x: &[f32], out: &mut Vec<i8>) -> f32 {
    let step = (x.iter().fold(0.0f32, |most, v| most.max(v.abs())) / TOP).max(f32::MIN_POSITIVE);
    out.clear();
    out.extend(x.iter().map(|v| (v / step).round_ties_even() as i8));
    out.resize(x.len().next_multiple_of(QUAD), 0);
    step
}

/// The products of a query with all centroids; `out` is filled up to whole blocks.
pub(crate) fn products(codes: &[u8], query: &[i8], out: &mut Vec<i32>) {
    let bytes = query.len() * BLOCK;
    out.clear();
    out.resize(codes.len() / bytes * BLOCK, 0);
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512vnni") && is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor has what the function is compiled for.
            return unsafe { x86::with_vnni(codes, query, out) };
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has what the function is compiled for.
            return unsafe { x86::with_avx2(codes, query, out) };
        }
    }
    portable(codes, query, out);
}

fn portable(codes: &[u8], query: &[i8], out: &mut [i32]) {
    for (block, out) in codes.chunks_exact(query.len() * BLOCK).zip(out.as_chunks_mut::<BLOCK>().0) {
        for (codes, x) in block.as_chunks::<{ BLOCK * QUAD }>().0.iter().zip(query.as_chunks::<QUAD>().0) {
            for (o, codes) in out.iter_mut().zip(codes.as_chunks::<QUAD>().0) {
                *o += codes.iter().zip(x).map(|(c, x)| i32::from(*c) * i32::from(*x)).sum::<i32>();
            }
        }
    }
}

wide! {
    /// Scores from products, and the best of each block: product · scale + bias + spread · reach, the last two by list.
    fn scores(products: &[i32], by_list: &[&[f32]; 2], scales: [f32; 2], out: &mut [f32], best: &mut [f32]) {
        let [bias, spread] = by_list.map(|b| b.as_chunks::<BLOCK>().0);
        let [scale, reach] = scales;
        let blocks = products.as_chunks::<BLOCK>().0.iter().zip(bias.iter().zip(spread));
        for (((p, (b, s)), o), best) in blocks.zip(out.as_chunks_mut::<BLOCK>().0).zip(best) {
            for l in 0..BLOCK {
                o[l] = p[l] as f32 * scale + b[l] + s[l] * reach;
            }
            let mut most = *o;
            for half in [8, 4, 2, 1] {
                for l in 0..half {
                    most[l] = if most[l + half] > most[l] { most[l + half] } else { most[l] };
                }
            }
            *best = most[0];
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    //! x86-64 with AVX2, and with AVX-512 VNNI.

    use super::{BLOCK, QUAD};
    use std::arch::x86_64::*;

    #[target_feature(enable = "avx2")]
    pub(super) fn with_avx2(codes: &[u8], query: &[i8], out: &mut [i32]) {
        let ones = _mm256_set1_epi16(1);
        for (block, out) in codes.chunks_exact(query.len() * BLOCK).zip(out.as_chunks_mut::<BLOCK>().0) {
            let mut sums = [_mm256_setzero_si256(); 2];
            for (codes, x) in block.as_chunks::<{ BLOCK * QUAD }>().0.iter().zip(query.as_chunks::<QUAD>().0) {
                let x = _mm256_set1_epi32(i32::from_le_bytes(x.map(|x| x as u8)));
                for (half, sum) in sums.iter_mut().enumerate() {
                    // SAFETY: half of 64 bytes is loaded.
                    let codes = unsafe { _mm256_loadu_si256(codes.as_ptr().add(32 * half).cast()) };
                    *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(_mm256_maddubs_epi16(codes, x), ones));
                }
            }
            for (half, sum) in sums.iter().enumerate() {
                // SAFETY: half of 64 bytes is stored.
                unsafe { _mm256_storeu_si256(out.as_mut_ptr().add(8 * half).cast(), *sum) };
            }
        }
    }

    #[target_feature(enable = "avx512f,avx512vnni")]
    pub(super) fn with_vnni(codes: &[u8], query: &[i8], out: &mut [i32]) {
        /// Blocks whose sums grow side by side.
        const ABREAST: usize = 4;
        let bytes = query.len() * BLOCK;
        let mut done = 0;
        for (blocks, out) in codes.chunks_exact(bytes * ABREAST).zip(out.as_chunks_mut::<{ BLOCK * ABREAST }>().0) {
            let mut sums = [_mm512_setzero_si512(); ABREAST];
            for (k, x) in query.as_chunks::<QUAD>().0.iter().enumerate() {
                let x = _mm512_set1_epi32(i32::from_le_bytes(x.map(|x| x as u8)));
                for (b, sum) in sums.iter_mut().enumerate() {
                    let codes = &blocks[b * bytes + k * BLOCK * QUAD..][..BLOCK * QUAD];
                    // SAFETY: 64 bytes are loaded.
                    *sum = _mm512_dpbusd_epi32(*sum, unsafe { _mm512_loadu_si512(codes.as_ptr().cast()) }, x);
                }
            }
            for (b, sum) in sums.iter().enumerate() {
                // SAFETY: 64 bytes are stored.
                unsafe { _mm512_storeu_si512(out.as_mut_ptr().add(b * BLOCK).cast(), *sum) };
            }
            done += ABREAST;
        }
        super::portable(&codes[done * bytes..], query, &mut out[done * BLOCK..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_those_of_the_vectors_to_the_width_of_a_step() {
        for (n, d) in [(5, 3), (64, 16), (150, 30)] {
            let value = |i: usize| ((i * 7919 + 13) % 101) as f32 / 50.0 - 1.0;
            let centroids: Vec<f32> = (0..n * d).map(value).collect();
            let x: Vec<f32> = (0..d).map(|i| value(i * 31 + 7) * 3.0).collect();
            let (codes, least, step) = coded(&centroids, d);
            let (mut whole, mut found) = (Vec::new(), Vec::new());
            let worth = query(&x, &mut whole);
            products(&codes, &whole, &mut found);
            let mut slow = vec![0; found.len()];
            portable(&codes, &whole, &mut slow);
            assert_eq!(found, slow);
            #[cfg(target_arch = "x86_64")]
            if is_x86_feature_detected!("avx2") {
                // SAFETY: the processor has it.
                unsafe { x86::with_avx2(&codes, &whole, &mut found) };
                assert_eq!(found, slow);
            }
            let shift: f32 = x.iter().sum::<f32>() * least;
            for (c, found) in centroids.chunks_exact(d).zip(found) {
                let expected: f32 = c.iter().zip(&x).map(|(a, b)| a * b).sum();
                let error = (found as f32 * worth * step + shift - expected).abs();
                assert!(error < d as f32 * (step * 3.0 + worth) / 2.0, "{n} {d}: {error}");
            }
        }
    }
}
