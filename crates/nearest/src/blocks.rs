//! Codes of 32 vectors at a time, laid out so that one instruction looks up 32 of them: [block, n_codes / 2, 32] bytes, of which each holds
//! code 2i of its vector below and code 2i + 1 above (the layout of André, Kermarrec, Le Scouarnec: Quick ADC, ICMR 2017).

use crate::books::CODES;

/// Vectors of a block.
pub(crate) const LANES: usize = 32;

/// Bytes of a block.
pub(crate) fn block_bytes(n_codes: usize) -> usize {
    n_codes / 2 * LANES
}

/// Writes the codes of one vector into its lane.
pub(crate) fn put(block: &mut [u8], lane: usize, codes: &[u8]) {
    for (row, pair) in block.chunks_exact_mut(LANES).zip(codes.as_chunks::<2>().0) {
        row[lane] = pair[0] | pair[1] << 4;
    }
}

/// Reads the codes of one vector.
pub(crate) fn get(block: &[u8], lane: usize, codes: &mut [u8]) {
    for (row, pair) in block.chunks_exact(LANES).zip(codes.as_chunks_mut::<2>().0) {
        *pair = [row[lane] & 15, row[lane] >> 4];
    }
}

/// What scanning a block needs of a processor.
pub(crate) trait Simd: Copy {
    /// The sums of what the codes of each vector are worth, and a bit for each that is at least `floor`.
    fn sums(self, tables: &[u8], block: &[u8], floor: u16, out: &mut [u16; LANES]) -> u32;
}

/// Any processor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Portable;

impl Simd for Portable {
    #[inline(always)]
    fn sums(self, tables: &[u8], block: &[u8], floor: u16, out: &mut [u16; LANES]) -> u32 {
        *out = [0; LANES];
        for (row, tables) in block.as_chunks::<LANES>().0.iter().zip(tables.as_chunks::<{ 2 * CODES }>().0) {
            for (o, byte) in out.iter_mut().zip(row) {
                *o += u16::from(tables[(byte & 15) as usize]) + u16::from(tables[CODES + (byte >> 4) as usize]);
            }
        }
        out.iter().enumerate().fold(0, |bits, (i, o)| bits | u32::from(*o >= floor) << i)
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) mod x86 {
    //! x86-64 with AVX2.

    use super::{CODES, LANES, Simd};
    use std::arch::x86_64::*;

    /// Made where AVX2 was found.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Avx2(());

    impl Avx2 {
        pub(crate) fn found() -> Option<Self> {
            is_x86_feature_detected!("avx2").then_some(Self(()))
        }
    }

    impl Simd for Avx2 {
        #[inline(always)]
        fn sums(self, tables: &[u8], block: &[u8], floor: u16, out: &mut [u16; LANES]) -> u32 {
            let (rows, tables) = (block.as_chunks::<LANES>().0, tables.as_chunks::<{ 2 * CODES }>().0);
            // SAFETY: what is loaded and stored is as long as its array; AVX2 was found.
            unsafe {
                let low = _mm256_set1_epi8(15);
                // The bytes of even vectors with what they carry into the next, and the bytes of odd vectors.
                let (mut mixed, mut odd) = ([_mm256_setzero_si256(); 2], [_mm256_setzero_si256(); 2]);
                for (row, tables) in rows.iter().zip(tables) {
                    let codes = _mm256_loadu_si256(row.as_ptr().cast());
                    let halves = [_mm256_and_si256(codes, low), _mm256_and_si256(_mm256_srli_epi16(codes, 4), low)];
                    for h in 0..2 {
                        let table = _mm_loadu_si128(tables.as_ptr().add(h * CODES).cast());
                        let worth = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(table), halves[h]);
                        mixed[h] = _mm256_add_epi16(mixed[h], worth);
                        odd[h] = _mm256_add_epi16(odd[h], _mm256_srli_epi16(worth, 8));
                    }
                }
                let odd = _mm256_add_epi16(odd[0], odd[1]);
                let even = _mm256_sub_epi16(_mm256_add_epi16(mixed[0], mixed[1]), _mm256_slli_epi16(odd, 8));
                // By lane of 128 bits: vectors 0..8 and 16..24, 8..16 and 24..32.
                let (first, second) = (_mm256_unpacklo_epi16(even, odd), _mm256_unpackhi_epi16(even, odd));
                let floor = _mm256_set1_epi16(floor as i16);
                let reached = |x| _mm256_cmpeq_epi16(_mm256_max_epu16(x, floor), x);
                // Packing puts them in the order of the vectors.
                let bits = _mm256_movemask_epi8(_mm256_packs_epi16(reached(first), reached(second))) as u32;
                if bits != 0 {
                    let (low, high) = (
                        _mm256_permute2x128_si256(first, second, 0x20),
                        _mm256_permute2x128_si256(first, second, 0x31),
                    );
                    _mm256_storeu_si256(out.as_mut_ptr().cast(), low);
                    _mm256_storeu_si256(out.as_mut_ptr().add(16).cast(), high);
                }
                bits
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_as_they_were_put() {
        let mut block = vec![0; block_bytes(6)];
        put(&mut block, 3, &[1, 2, 3, 4, 5, 15]);
        put(&mut block, 4, &[15, 14, 13, 12, 11, 10]);
        let mut found = [0; 6];
        get(&block, 3, &mut found);
        assert_eq!(found, [1, 2, 3, 4, 5, 15]);
        get(&block, 0, &mut found);
        assert_eq!(found, [0; 6]);
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn every_processor_finds_the_same_sums() {
        let Some(avx2) = x86::Avx2::found() else { return println!("skipped: this processor has no AVX2") };
        for n_codes in [2, 6, 32, 200] {
            let byte = |i: usize, most: usize| (i * 7919 + i / 3 % 251 * 31) % (most + 1);
            let block: Vec<u8> = (0..block_bytes(n_codes)).map(|i| byte(i, 255) as u8).collect();
            for most in [7, 255] {
                let tables: Vec<u8> = (0..n_codes * CODES).map(|i| byte(i + 5, most) as u8).collect();
                let mut expected = [0; LANES];
                Portable.sums(&tables, &block, 0, &mut expected);
                let mut sorted = expected;
                sorted.sort_unstable();
                for floor in [0, sorted[7], sorted[7] + 1, sorted[31], u16::MAX] {
                    let (mut slow, mut fast) = ([0; LANES], [0; LANES]);
                    let bits = Portable.sums(&tables, &block, floor, &mut slow);
                    assert_eq!(avx2.sums(&tables, &block, floor, &mut fast), bits, "{n_codes} {floor}");
                    assert!(bits == 0 || fast == slow);
                }
            }
        }
    }
}
