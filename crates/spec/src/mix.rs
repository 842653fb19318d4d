//! One hash of numbers, for draws and sketches that must come out the same everywhere.

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): every bit of the input reaches every bit of the output; 0 stays 0.
pub fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// 2^64 divided by the golden ratio: multiples of it are spread evenly.
pub const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_share_no_more_bits_than_strangers() {
        let differ: u32 = (1..=1_000u64)
            .map(|i| (mix(i.wrapping_mul(GOLDEN)) ^ mix((i + 1).wrapping_mul(GOLDEN))).count_ones())
            .sum();
        assert!((31_000..33_000).contains(&differ), "{differ} of 64,000");
        assert_eq!(mix(0), 0);
    }
}
