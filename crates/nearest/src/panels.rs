//! `Panels`: the nearest of many centroids for many vectors at once, in f32 and exactly. The centroids stand as columns, sixteen to a
//! panel, so that each product is one sum in the order of the dimensions whatever the width of the registers.

use crate::wide::wide;
use rayon::prelude::*;

/// Centroids of a panel.
const WIDE: usize = 16;
/// Vectors of a tile.
const HIGH: usize = 6;
/// Vectors that pass by a group of panels before the next group is read.
const ROWS: usize = 96;
/// Bytes of a group of panels, which stay in the cache.
const GROUP_BYTES: usize = 128 << 10;

/// Centroids of one length, as columns.
pub(crate) struct Panels {
    d: usize,
    /// [n / 16, d, 16]
    columns: Vec<f32>,
    /// [n]: half of each centroid's squared length; infinite for those that fill up the last panel.
    half_norms: Vec<f32>,
}

impl Panels {
    /// `centroids`: [n, d].
    pub(crate) fn new(centroids: &[f32], d: usize) -> Self {
        let n = centroids.len() / d;
        let panels = n.div_ceil(WIDE);
        let mut columns = vec![0.0; panels * d * WIDE];
        let mut half_norms = vec![f32::INFINITY; panels * WIDE];
        for (i, c) in centroids.chunks_exact(d).enumerate() {
            for (k, v) in c.iter().enumerate() {
                columns[(i / WIDE * d + k) * WIDE + i % WIDE] = *v;
            }
            half_norms[i] = c.iter().map(|v| v * v).sum::<f32>() / 2.0;
        }
        Self { d, columns, half_norms }
    }

    /// The nearest centroid of each vector, ties to the smaller. `rows`: [n, d].
    pub(crate) fn nearest(&self, rows: &[f32], out: &mut [u32]) {
        out.par_chunks_mut(ROWS).zip(rows.par_chunks(ROWS * self.d)).for_each(|(out, rows)| self.few(rows, out));
    }

    /// As [`Self::nearest`], for one vector.
    pub(crate) fn nearest_of(&self, row: &[f32]) -> u32 {
        let mut out = [0];
        self.few(row, &mut out);
        out[0]
    }

    fn few(&self, rows: &[f32], out: &mut [u32]) {
        let mut leaders = vec![Leaders { score: [f32::NEG_INFINITY; WIDE], panel: [0; WIDE] }; out.len()];
        let group = (GROUP_BYTES / (4 * WIDE * self.d)).max(1);
        let groups = self.columns.chunks(group * WIDE * self.d).zip(self.half_norms.chunks(group * WIDE));
        for (g, (columns, half_norms)) in groups.enumerate() {
            for (rows, leaders) in rows.chunks(HIGH * self.d).zip(leaders.chunks_mut(HIGH)) {
                race(rows, self.d, columns, half_norms, &mut leaders[..], (g * group) as u32);
            }
        }
        out.iter_mut().zip(&leaders).for_each(|(o, l)| *o = l.winner());
    }
}

/// Of one vector: the best centroid of each column of a panel so far.
#[derive(Clone)]
pub(crate) struct Leaders {
    score: [f32; WIDE],
    panel: [u32; WIDE],
}

impl Leaders {
    fn winner(&self) -> u32 {
        let mut best = (f32::NEG_INFINITY, u32::MAX);
        for (column, (score, panel)) in self.score.iter().zip(&self.panel).enumerate() {
            let at = panel * WIDE as u32 + column as u32;
            if *score > best.0 || (*score == best.0 && at < best.1) {
                best = (*score, at);
            }
        }
        best.1
    }
}

wide! {
    /// Lets the centroids of some panels race for at most [`HIGH`] vectors: the larger x·c - |c|²/2, the nearer.
    fn race(rows: &[f32], d: usize, columns: &[f32], half_norms: &[f32], leaders: &mut [Leaders], first: u32) {
        if leaders.len() == HIGH {
            tile::<HIGH>(rows, d, columns, half_norms, leaders, first);
        } else {
            for (row, leader) in rows.chunks_exact(d).zip(leaders.chunks_mut(1)) {
                tile::<1>(row, d, columns, half_norms, leader, first);
            }
        }
    }
}

#[inline(always)]
fn tile<const N: usize>(
    rows: &[f32],
    d: usize,
    columns: &[f32],
    half_norms: &[f32],
    leaders: &mut [Leaders],
    first: u32,
) {
    let row: [&[f32]; N] = std::array::from_fn(|r| &rows[r * d..][..d]);
    for (p, (panel, half_norms)) in columns.chunks_exact(WIDE * d).zip(half_norms.chunks_exact(WIDE)).enumerate() {
        let mut sums = [[0.0f32; WIDE]; N];
        for (k, column) in panel.as_chunks::<WIDE>().0.iter().enumerate() {
            for r in 0..N {
                let x = row[r][k];
                for c in 0..WIDE {
                    sums[r][c] += x * column[c];
                }
            }
        }
        for r in 0..N {
            let leader = &mut leaders[r];
            for c in 0..WIDE {
                let score = sums[r][c] - half_norms[c];
                let ahead = score > leader.score[c];
                leader.score[c] = if ahead { score } else { leader.score[c] };
                leader.panel[c] = if ahead { first + p as u32 } else { leader.panel[c] };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wide::squared_distance;

    #[test]
    fn the_nearest_is_that_of_all_distances() {
        for (n, d, rows) in [(1, 3, 2), (16, 8, 6), (37, 5, 101), (700, 20, 50)] {
            let value = |i: usize| ((i * 7919 + 13) % 101) as f32 - 50.0;
            let centroids: Vec<f32> = (0..n * d).map(value).collect();
            let x: Vec<f32> = (0..rows * d).map(|i| value(i * 31 + 7) / 2.0).collect();
            let mut found = vec![0; rows];
            Panels::new(&centroids, d).nearest(&x, &mut found);
            for (x, found) in x.chunks_exact(d).zip(found) {
                let distance = |c: &[f32]| squared_distance(x, c);
                let mut all = centroids.chunks_exact(d).map(distance).enumerate();
                let best = all.by_ref().min_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
                assert_eq!(found as usize, best.0);
            }
        }
    }
}
