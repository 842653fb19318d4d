//! k-means (Lloyd) whose result depends on vectors, seed and rounds alone: each centroid is summed in the order of its vectors, however many
//! threads there are.

use crate::panels::Panels;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// Centroids [lists, d] of the rows of `x`, [n, d], n at least `lists`.
pub(crate) fn centroids(x: &[f32], d: usize, lists: usize, rounds: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let n = x.len() / d;
    let mut out: Vec<f32> =
        chosen(n, lists, rng).into_iter().flat_map(|i| &x[i as usize * d..][..d]).copied().collect();
    let mut nearest = vec![0; n];
    for _ in 0..rounds {
        Panels::new(&out, d).nearest(x, &mut nearest);
        means(x, d, &nearest, &mut out);
    }
    out
}

/// `keep` of the numbers below n, each once, ascending.
pub(crate) fn chosen(n: usize, keep: usize, rng: &mut ChaCha8Rng) -> Vec<u32> {
    let mut all: Vec<u32> = (0..n as u32).collect();
    for i in 0..keep.min(n) {
        let other = rng.random_range(i..n);
        all.swap(i, other);
    }
    all.truncate(keep);
    all.sort_unstable();
    all
}

/// Positions grouped by list, ascending within each, and where each list's begin: [lists + 1].
pub(crate) fn grouped(nearest: &[u32], lists: usize) -> (Vec<u32>, Vec<u32>) {
    let mut starts = vec![0u32; lists + 1];
    nearest.iter().for_each(|l| starts[*l as usize + 1] += 1);
    for l in 0..lists {
        starts[l + 1] += starts[l];
    }
    let (mut next, mut order) = (starts.clone(), vec![0; nearest.len()]);
    for (i, l) in nearest.iter().enumerate() {
        order[next[*l as usize] as usize] = i as u32;
        next[*l as usize] += 1;
    }
    (order, starts)
}

fn means(x: &[f32], d: usize, nearest: &[u32], out: &mut [f32]) {
    let (order, starts) = grouped(nearest, out.len() / d);
    out.par_chunks_mut(d).enumerate().for_each(|(l, centroid)| {
        let mine = &order[starts[l] as usize..starts[l + 1] as usize];
        if mine.is_empty() {
            return;
        }
        let mut sum = vec![0.0f64; d];
        for i in mine {
            sum.iter_mut().zip(&x[*i as usize * d..]).for_each(|(s, v)| *s += f64::from(*v));
        }
        centroid.iter_mut().zip(sum).for_each(|(c, s)| *c = (s / mine.len() as f64) as f32);
    });
    split_largest(&starts, d, out);
}

/// A list that nothing is nearest to takes half of the largest: both centroids stand a little apart.
fn split_largest(starts: &[u32], d: usize, out: &mut [f32]) {
    let mut sizes: Vec<u32> = starts.windows(2).map(|s| s[1] - s[0]).collect();
    for empty in 0..sizes.len() {
        if sizes[empty] > 0 {
            continue;
        }
        let largest = (0..sizes.len()).max_by_key(|l| (sizes[*l], std::cmp::Reverse(*l))).unwrap_or(empty);
        if sizes[largest] < 2 {
            return;
        }
        sizes[empty] = sizes[largest] / 2;
        sizes[largest] -= sizes[empty];
        for k in 0..d {
            let (value, sign) = (out[largest * d + k], if k % 2 == 0 { 1.0 } else { -1.0 });
            out[empty * d + k] = value * (1.0 + sign / 1024.0);
            out[largest * d + k] = value * (1.0 - sign / 1024.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn planted_groups_are_found_and_the_number_of_threads_changes_nothing() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let x: Vec<f32> = (0..3_000)
            .flat_map(|i| {
                let at = (i % 3) as f32 * 10.0;
                [at + rng.random::<f32>(), -at + rng.random::<f32>(), rng.random::<f32>()]
            })
            .collect();
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| centroids(&x, 3, 12, 6, &mut ChaCha8Rng::seed_from_u64(7)))
        };
        let one = on(1);
        assert!(one == on(2) && one == on(3));
        for c in one.chunks_exact(3) {
            let near = (0..3).any(|g| (c[0] - g as f32 * 10.0 - 0.5).abs() < 1.0);
            assert!(near, "{c:?} is between the groups");
        }
    }

    #[test]
    fn a_list_that_is_empty_takes_half_of_the_largest() {
        let x = [1.0, 1.0, 1.0, 2.0, 3.0];
        let mut out = vec![1.0, 2.5, 50.0];
        means(&x, 1, &[0, 0, 0, 1, 1], &mut out);
        assert!(out[2] > 1.0 && out[0] < 1.0 && out[1] == 2.5, "{out:?}");
    }
}
