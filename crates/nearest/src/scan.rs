//! One list, scanned by codes: a vector that can be among the best of all lists so far is kept.

use crate::best::{Best, key};
use crate::blocks::{LANES, Simd};
use crate::books::Tables;

/// A list as it is scanned.
pub(crate) struct List<'a> {
    /// Whole blocks.
    pub(crate) codes: &'a [u8],
    /// [blocks, 32]; empty where codes say all.
    pub(crate) bias: &'a [f32],
    /// How many vectors it has.
    pub(crate) n: usize,
    /// What its centroid adds to every score.
    pub(crate) offset: f32,
}

/// Pushes what may be among the best. `slot`: by lane; `keep`: whether a slot may be found.
#[inline(always)]
pub(crate) fn list<S: Simd>(
    simd: S,
    tables: &Tables,
    list: &List<'_>,
    best: &mut Best,
    slot: impl Fn(usize) -> u32,
    keep: impl Fn(u32) -> bool,
) {
    if list.n == 0 {
        return;
    }
    let (offset, step) = (list.offset + tables.base, tables.step);
    let bytes = list.codes.len() / list.n.div_ceil(LANES);
    let mut sums = [0u16; LANES];
    let (mut known, mut floor) = (f32::NEG_INFINITY, Some(0));
    for (b, block) in list.codes.chunks_exact(bytes).enumerate() {
        if best.floor() != known {
            known = best.floor();
            floor = if list.bias.is_empty() { least_sum(known, offset, step) } else { Some(0) };
        }
        let Some(floor) = floor else { return };
        let lanes = LANES.min(list.n - b * LANES);
        let mut found = simd.sums(&tables.bytes, block, floor, &mut sums) & (u32::MAX >> (LANES - lanes));
        let mut scores = [0.0f32; LANES];
        for (score, sum) in scores.iter_mut().zip(&sums) {
            *score = offset + step * f32::from(*sum);
        }
        if let Some(bias) = list.bias.get(b * LANES..(b + 1) * LANES) {
            scores.iter_mut().zip(bias).for_each(|(s, b)| *s += b);
            let above = scores.iter().enumerate().fold(0u32, |bits, (i, s)| bits | u32::from(*s >= known) << i);
            found &= above;
        }
        while found != 0 {
            let lane = found.trailing_zeros() as usize;
            found &= found - 1;
            let slot = slot(b * LANES + lane);
            if keep(slot) {
                best.push(key(slot, scores[lane]));
            }
        }
    }
}

/// A smaller sum cannot reach the floor; none if no sum can.
#[inline(always)]
fn least_sum(floor: f32, offset: f32, step: f32) -> Option<u16> {
    if floor == f32::NEG_INFINITY {
        return Some(0);
    }
    // One less, for what rounding does to the quotient.
    let least = (floor - offset) / step - 1.0;
    (least <= f32::from(u16::MAX)).then_some(least.max(0.0) as u16)
}
