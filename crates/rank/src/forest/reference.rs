//! A forest evaluated as its text reads, one split after the other: slow, and what the fast ways are held against.

use super::read::{Child, Missing, Split, Test, Text};

/// LightGBM's kZeroThreshold.
const ZERO: f64 = 1e-35f32 as f64;

/// The raw score of one row.
pub(super) fn score(text: &Text, row: &[f64]) -> f64 {
    let mut sum = 0.0;
    for tree in &text.trees {
        let mut at = if tree.splits.is_empty() { Child::Leaf(0) } else { Child::Split(0) };
        while let Child::Split(i) = at {
            let split = &tree.splits[i];
            at = if left(split, row[split.column]) { split.left } else { split.right };
        }
        let Child::Leaf(i) = at else { unreachable!() };
        sum += tree.leaves[i];
    }
    if text.average { sum / text.trees.len() as f64 } else { sum }
}

fn left(split: &Split, x: f64) -> bool {
    // LightGBM's C API drops what is nearly zero when it takes in a row.
    let x = if x.abs() <= ZERO { 0.0 } else { x };
    match &split.test {
        Test::UpTo { threshold, missing, missing_left } => {
            let x = if x.is_nan() && *missing != Missing::Nan { 0.0 } else { x };
            if (*missing == Missing::Zero && x == 0.0) || x.is_nan() { *missing_left } else { x <= *threshold }
        }
        Test::In(set) => {
            // A cast to int on x86-64: what does not fit becomes negative.
            if x.is_nan() || x <= -1.0 || x >= 2_147_483_648.0 {
                return false;
            }
            let code = x as usize;
            set.get(code / 32).is_some_and(|word| word >> (code % 32) & 1 == 1)
        }
    }
}
