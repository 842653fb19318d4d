//! Whole numbers of few bits: blocks of 128 in four lanes, which vector instructions read at once, and shorter runs in a row.

/// Values in a full block.
pub(crate) const BLOCK: usize = 128;

/// Values beside each other in a full block: value i is in lane i % 4.
const LANES: usize = 4;

/// Bits that the largest of some values needs.
pub(crate) fn width(values: &[u32]) -> u32 {
    32 - values.iter().fold(0, |all, v| all | v).leading_zeros()
}

/// Words of 32 bits that `n` values of `bits` bits take.
#[inline]
pub(crate) fn words(n: usize, bits: u32) -> usize {
    (n * bits as usize).div_ceil(32)
}

/// Appends values of at most `bits` bits, at most a block of them.
pub(crate) fn pack(values: &[u32], bits: u32, out: &mut Vec<u32>) {
    let from = out.len();
    out.resize(from + words(values.len(), bits), 0);
    let full = values.len() == BLOCK;
    for (i, value) in values.iter().enumerate() {
        let place = Place::of(full, bits, i);
        let wide = u64::from(*value) << place.shift;
        // A value of no bits has no place.
        if bits > 0 {
            out[from + place.word] |= wide as u32;
        }
        if wide >> 32 != 0 {
            out[from + place.next] |= (wide >> 32) as u32;
        }
    }
}

/// Reads the first `n` values of `packed` into `out`.
#[inline]
pub(crate) fn unpack(packed: &[u32], n: usize, bits: u32, out: &mut [u32; BLOCK]) {
    if n == BLOCK {
        return unpack_full(packed, bits, out);
    }
    if bits == 0 {
        return out[..n].fill(0);
    }
    let mask = u64::from(u32::MAX >> (32 - bits));
    for (i, value) in out[..n].iter_mut().enumerate() {
        let at = i * bits as usize;
        let high = packed.get(at / 32 + 1).copied().unwrap_or(0);
        let wide = u64::from(packed[at / 32]) | u64::from(high) << 32;
        *value = ((wide >> (at % 32)) & mask) as u32;
    }
}

/// Value `i` of `n`.
#[inline]
pub(crate) fn value(packed: &[u32], n: usize, bits: u32, i: usize) -> u32 {
    if bits == 0 {
        return 0;
    }
    let place = Place::of(n == BLOCK, bits, i);
    let high = packed.get(place.next).copied().unwrap_or(0);
    let wide = u64::from(packed[place.word]) | u64::from(high) << 32;
    ((wide >> place.shift) & u64::from(u32::MAX >> (32 - bits))) as u32
}

/// Where a value lies: its word, the word that holds what does not fit there, and the bit at which it starts.
struct Place {
    word: usize,
    next: usize,
    shift: usize,
}

impl Place {
    #[inline]
    fn of(full: bool, bits: u32, i: usize) -> Self {
        let (lane, at, step) =
            if full { (i % LANES, i / LANES * bits as usize, LANES) } else { (0, i * bits as usize, 1) };
        let word = at / 32 * step + lane;
        Self { word, next: word + step, shift: at % 32 }
    }
}

/// Reads a full block; a function for each width, so that shifts are constants and loops unroll.
fn unpack_full(packed: &[u32], bits: u32, out: &mut [u32; BLOCK]) {
    macro_rules! widths {
        ($($n:literal)*) => { match bits { $($n => lanes::<$n>(packed, out),)* _ => unreachable!("a value has at most 32 bits") } };
    }
    widths!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32)
}

#[inline(always)]
fn lanes<const BITS: usize>(packed: &[u32], out: &mut [u32; BLOCK]) {
    if BITS == 0 {
        return out.fill(0);
    }
    let packed = &packed[..LANES * BITS];
    let mask = u32::MAX >> (32 - BITS);
    for j in 0..BLOCK / LANES {
        let (word, shift) = (j * BITS / 32 * LANES, j * BITS % 32);
        for lane in 0..LANES {
            let mut value = packed[word + lane] >> shift;
            if shift + BITS > 32 {
                value |= packed[word + LANES + lane] << (32 - shift);
            }
            out[j * LANES + lane] = value & mask;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_every_width_and_number_come_back() {
        for bits in 0..=32u32 {
            let largest = if bits == 0 { 0 } else { u32::MAX >> (32 - bits) };
            for n in [1, 2, 31, 33, 127, 128] {
                let values: Vec<u32> = (0..n as u32).map(|i| i.wrapping_mul(2_654_435_769) & largest).collect();
                let mut packed = vec![7; 3];
                pack(&values, bits, &mut packed);
                let mut out = [0; BLOCK];
                unpack(&packed[3..], n, bits, &mut out);
                assert_eq!(out[..n], values, "{n} of {bits} bits");
                let one_by_one: Vec<u32> = (0..n).map(|i| value(&packed[3..], n, bits, i)).collect();
                assert_eq!(one_by_one, values, "{n} of {bits} bits");
                assert_eq!(packed.len() - 3, words(n, bits));
            }
        }
        assert_eq!((width(&[0, 0]), width(&[1]), width(&[3, 255]), width(&[u32::MAX])), (0, 1, 8, 32));
    }
}
