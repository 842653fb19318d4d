//! Loops over f32 that are compiled twice: for every processor of the target, and for its wide registers where it has them.
//! Nothing here depends on the width: sums are taken in a fixed order and no product is fused, so both give the same bits.

/// Values that a sum of products keeps apart until its end.
const LANES: usize = 16;
/// A tile of [`add_outer`]: rows by columns.
const TILE: [usize; 2] = [4, LANES];

macro_rules! wide {
    ($(#[$meta:meta])* fn $name:ident($($arg:ident: $ty:ty),*) $(-> $ret:ty)? $body:block) => {
        $(#[$meta])*
        pub(crate) fn $name($($arg: $ty),*) $(-> $ret)? {
            #[inline(always)]
            fn body($($arg: $ty),*) $(-> $ret)? $body
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn with_avx2($($arg: $ty),*) $(-> $ret)? { body($($arg),*) }
                if std::arch::is_x86_feature_detected!("avx2") {
                    // SAFETY: the processor has what the function is compiled for.
                    return unsafe { with_avx2($($arg),*) };
                }
            }
            body($($arg),*)
        }
    };
}
pub(crate) use wide;

wide! {
    /// Adds a row to a sum of the same length.
    fn add(sum: &mut [f32], row: &[f32]) {
        for (s, r) in sum.iter_mut().zip(row) {
            *s += r;
        }
    }
}

wide! {
    /// Adds a row times a weight to a sum of the same length.
    fn add_scaled(sum: &mut [f32], row: &[f32], weight: f32) {
        for (s, r) in sum.iter_mut().zip(row) {
            *s += r * weight;
        }
    }
}

wide! {
    /// The inner product of x with each row of `rows`, which are as long as x.
    fn products(rows: &[f32], x: &[f32], out: &mut [f32]) {
        for (row, o) in rows.chunks_exact(x.len()).zip(out) {
            *o = dot(row, x);
        }
    }
}

/// The inner product of two vectors of one length.
#[inline(always)]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let (a_blocks, b_blocks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let (a_rest, b_rest) = (a_blocks.remainder(), b_blocks.remainder());
    for (x, y) in a_blocks.zip(b_blocks) {
        for l in 0..LANES {
            lanes[l] += x[l] * y[l];
        }
    }
    for (l, (x, y)) in a_rest.iter().zip(b_rest).enumerate() {
        lanes[l] += x * y;
    }
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for l in 0..width {
            lanes[l] += lanes[l + width];
        }
    }
    lanes[0]
}

wide! {
    /// Adds weight · Σ y y' over the rows y of `ys` to the upper triangle of `a`, [d, d] row-major, d a multiple of 16.
    /// Some of what lies below the diagonal is changed too. Adding rows in several calls gives the same bits as in one.
    fn add_outer(a: &mut [f32], d: usize, ys: &[f32], weight: f32) {
        let [height, width] = TILE;
        for top in (0..d).step_by(height) {
            for left in (top / width * width..d).step_by(width) {
                let mut tile = [[0.0f32; TILE[1]]; TILE[0]];
                for (r, row) in tile.iter_mut().enumerate() {
                    row.copy_from_slice(&a[(top + r) * d + left..][..width]);
                }
                for y in ys.chunks_exact(d) {
                    let (down, along) = (&y[top..top + height], &y[left..left + width]);
                    for r in 0..height {
                        let factor = weight * down[r];
                        for c in 0..width {
                            tile[r][c] += factor * along[c];
                        }
                    }
                }
                for (r, row) in tile.iter().enumerate() {
                    a[(top + r) * d + left..][..width].copy_from_slice(row);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Draws, bits};

    #[test]
    fn an_inner_product_is_that_of_any_length() {
        for n in [0, 1, 15, 16, 17, 64, 100] {
            let (a, b): (Vec<f32>, Vec<f32>) = (0..n).map(|i| (i as f32, (i % 7) as f32 - 3.0)).unzip();
            let expected: f32 = (0..n).map(|i| a[i] * b[i]).sum();
            assert_eq!(dot(&a, &b), expected, "{n}");
        }
    }

    #[test]
    fn outer_products_add_up_the_same_in_one_call_or_many() {
        let (d, n) = (32, 9);
        let mut draws = Draws(3);
        let ys: Vec<f32> = (0..d * n).map(|_| draws.signed()).collect();
        let (mut at_once, mut one_by_one) = (vec![0.5; d * d], vec![0.5; d * d]);
        add_outer(&mut at_once, d, &ys, 9.0);
        ys.chunks(d).for_each(|y| add_outer(&mut one_by_one, d, y, 9.0));
        assert_eq!(bits(&at_once), bits(&one_by_one));
        for r in 0..d {
            for c in r..d {
                let expected = 0.5 + 9.0 * (0..n).map(|k| f64::from(ys[k * d + r] * ys[k * d + c])).sum::<f64>();
                assert!((f64::from(at_once[r * d + c]) - expected).abs() < 1e-4, "{r} {c}");
            }
        }
    }
}
