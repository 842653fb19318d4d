//! Loops over f32 that are compiled twice, for every processor and for one with AVX2. Sums are taken in a fixed order and no product is
//! fused, so that both give the same bits.

/// Sums that a product of two vectors keeps apart until its end.
const LANES: usize = 16;

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

/// The inner product of two vectors of one length.
#[inline(always)]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    folded(a, b, |x, y| x * y)
}

/// The squared distance of two vectors of one length.
#[inline(always)]
pub(crate) fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    folded(a, b, |x, y| (x - y) * (x - y))
}

#[inline(always)]
fn folded(a: &[f32], b: &[f32], term: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let ((a_blocks, a_rest), (b_blocks, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (x, y) in a_blocks.iter().zip(b_blocks) {
        for l in 0..LANES {
            lanes[l] += term(x[l], y[l]);
        }
    }
    for (l, (x, y)) in a_rest.iter().zip(b_rest).enumerate() {
        lanes[l] += term(*x, *y);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_and_distances_are_those_of_any_length() {
        for n in [0, 1, 15, 16, 17, 64, 100] {
            let (a, b): (Vec<f32>, Vec<f32>) = (0..n).map(|i| (i as f32, (i % 7) as f32 - 3.0)).unzip();
            assert_eq!(dot(&a, &b), (0..n).map(|i| a[i] * b[i]).sum::<f32>(), "{n}");
            assert_eq!(squared_distance(&a, &b), (0..n).map(|i| (a[i] - b[i]).powi(2)).sum::<f32>(), "{n}");
        }
    }
}
