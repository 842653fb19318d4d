//! The two steps that processors have instructions for, and the best of them for the one it runs on.

use super::codes::ROWS;

/// What a block of rows needs of a processor.
pub(super) trait Simd: Copy {
    /// Bit i: whether `bytes[i]` is above the threshold.
    fn above(self, bytes: &[u8; ROWS], threshold: u8) -> u64;
    /// Byte i: bit i of each of the first `n` planes, that of plane 0 the lowest.
    fn bytes_of(self, planes: &[u64; 8], n: usize) -> [u8; ROWS];
}

/// Eight bytes in one register, on any processor.
#[derive(Clone, Copy)]
pub(super) struct Portable;

impl Simd for Portable {
    #[inline(always)]
    fn above(self, bytes: &[u8; ROWS], threshold: u8) -> u64 {
        let mut out = 0;
        for (i, byte) in bytes.iter().enumerate() {
            out |= u64::from(*byte > threshold) << i;
        }
        out
    }

    #[inline(always)]
    fn bytes_of(self, planes: &[u64; 8], n: usize) -> [u8; ROWS] {
        let mut out = [0; ROWS];
        for (k, out) in out.as_chunks_mut::<8>().0.iter_mut().enumerate() {
            let mut word = 0u64;
            for (bit, plane) in planes[..n].iter().enumerate() {
                word |= SPREAD[(plane >> (8 * k)) as usize & 255] << bit;
            }
            *out = word.to_le_bytes();
        }
        out
    }
}

/// By byte: its bits, the lowest of eight bytes each.
const SPREAD: [u64; 256] = {
    let mut out = [0; 256];
    let mut i = 0;
    while i < 256 {
        let mut bit = 0;
        while bit < 8 {
            out[i] |= ((i as u64 >> bit) & 1) << (8 * bit);
            bit += 1;
        }
        i += 1;
    }
    out
};

#[cfg(target_arch = "x86_64")]
pub(super) mod x86 {
    //! x86-64 with AVX2, and with AVX-512.

    use super::{ROWS, Simd};
    use std::arch::x86_64::*;

    /// Made where AVX2 was found.
    #[derive(Clone, Copy, Debug)]
    pub(in super::super) struct Avx2(());

    /// Made where AVX-512 F, BW and VL were found.
    #[derive(Clone, Copy, Debug)]
    pub(in super::super) struct Avx512(());

    impl Avx2 {
        pub(in super::super) fn found() -> Option<Self> {
            is_x86_feature_detected!("avx2").then_some(Self(()))
        }
    }

    impl Avx512 {
        pub(in super::super) fn found() -> Option<Self> {
            (is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl"))
            .then_some(Self(()))
        }
    }

    impl Simd for Avx2 {
        #[inline(always)]
        fn above(self, bytes: &[u8; ROWS], threshold: u8) -> u64 {
            // SAFETY: there are 64 bytes to load; AVX2 was found.
            unsafe {
                let threshold = _mm256_set1_epi8(threshold as i8);
                let half = |at: usize| {
                    let bytes = _mm256_loadu_si256(bytes.as_ptr().add(at).cast());
                    // The greater of both is the threshold where the byte is not above it.
                    let not = _mm256_cmpeq_epi8(_mm256_max_epu8(bytes, threshold), threshold);
                    _mm256_movemask_epi8(not) as u32
                };
                !(u64::from(half(0)) | u64::from(half(32)) << 32)
            }
        }

        #[inline(always)]
        fn bytes_of(self, planes: &[u64; 8], n: usize) -> [u8; ROWS] {
            super::Portable.bytes_of(planes, n)
        }
    }

    impl Simd for Avx512 {
        #[inline(always)]
        fn above(self, bytes: &[u8; ROWS], threshold: u8) -> u64 {
            // SAFETY: there are 64 bytes to load; AVX-512 BW was found.
            unsafe {
                _mm512_cmpgt_epu8_mask(_mm512_loadu_si512(bytes.as_ptr().cast()), _mm512_set1_epi8(threshold as i8))
            }
        }

        #[inline(always)]
        fn bytes_of(self, planes: &[u64; 8], n: usize) -> [u8; ROWS] {
            let mut out = [0; ROWS];
            // SAFETY: there are 64 bytes to store; AVX-512 BW was found.
            unsafe {
                let mut sum = _mm512_setzero_si512();
                for (bit, plane) in planes[..n].iter().enumerate() {
                    sum = _mm512_mask_add_epi8(sum, *plane, sum, _mm512_set1_epi8(1 << bit));
                }
                _mm512_storeu_si512(out.as_mut_ptr().cast(), sum);
            }
            out
        }
    }
}
