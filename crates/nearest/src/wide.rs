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
        lanes = std::array::from_fn(|l| lanes[l] + term(x[l], y[l]));
    }
    if !a_rest.is_empty() {
        let (mut x, mut y) = ([0.0; LANES], [0.0; LANES]);
        x[..a_rest.len()].copy_from_slice(a_rest);
        y[..b_rest.len()].copy_from_slice(b_rest);
        lanes = std::array::from_fn(|l| lanes[l] + term(x[l], y[l]));
    }
    let eight: [f32; 8] = std::array::from_fn(|l| lanes[l] + lanes[l + 8]);
    let four: [f32; 4] = std::array::from_fn(|l| eight[l] + eight[l + 4]);
    let two: [f32; 2] = std::array::from_fn(|l| four[l] + four[l + 2]);
    two[0] + two[1]
}

/// Tells the processor that values will be read; it may not listen.
#[inline(always)]
pub(crate) fn fetch<T>(values: &[T]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        const LINE: usize = 64;
        for value in values.iter().step_by((LINE / size_of::<T>().max(1)).max(1)) {
            // SAFETY: a hint; the address is that of a value.
            unsafe { _mm_prefetch(std::ptr::from_ref(value).cast(), _MM_HINT_T0) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = values;
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
