//! 64 rows at a time: every split of a tree is decided for all of them at once, one bit a row, and the bits that reach each leaf are what
//! is left of them. No row goes down a tree, so nothing is chased and nothing is guessed; the work is the same for all rows.
//!
//! Evaluating all splits instead of walking is the idea of QuickScorer (Lucchese et al., SIGIR 2015) and of RapidScorer (Ye et al., KDD
//! 2018), which compares bytes; here rows and not leaves are the bits.

use super::codes::{Answer, ROWS};
use super::read::{Child, Text};
use super::simd::Simd;

/// Leaves of a tree at most.
const LEAVES_MAX: usize = 256;

/// The trees of a forest, as what to compute for each.
#[derive(Clone, Debug)]
pub(super) struct Blocks {
    trees: Vec<Tree>,
    bytes: Vec<ByteTest>,
    bits: Vec<BitTest>,
    splits: Vec<Ways>,
    leaves: Vec<f64>,
}

/// How many of each it has.
#[derive(Clone, Copy, Debug)]
struct Tree {
    n_bytes: u16,
    n_bits: u16,
    n_leaves: u16,
}

#[derive(Clone, Copy, Debug)]
struct ByteTest {
    byte: u16,
    threshold: u8,
    split: u8,
}

#[derive(Clone, Copy, Debug)]
struct BitTest {
    bit: u32,
    split: u8,
}

/// Where rows go from a split: a split, or [`LEAVES_MAX`] and a leaf.
#[derive(Clone, Copy, Debug)]
struct Ways {
    left: u16,
    right: u16,
}

impl Blocks {
    /// None if a tree has too many leaves.
    pub(super) fn new(text: &Text, answers: &[Answer]) -> Option<Self> {
        if text.trees.iter().any(|t| t.leaves.len() > LEAVES_MAX) {
            return None;
        }
        let mut out =
            Self { trees: Vec::new(), bytes: Vec::new(), bits: Vec::new(), splits: Vec::new(), leaves: Vec::new() };
        let mut answers = answers.iter();
        for tree in &text.trees {
            let before = (out.bytes.len(), out.bits.len());
            let to = |c: Child| match c {
                Child::Split(i) => i as u16,
                Child::Leaf(i) => (LEAVES_MAX + i) as u16,
            };
            for (i, (split, answer)) in tree.splits.iter().zip(&mut answers).enumerate() {
                out.splits.push(Ways { left: to(split.left), right: to(split.right) });
                match *answer {
                    Answer::Byte { byte, threshold } => {
                        out.bytes.push(ByteTest { byte: byte as u16, threshold, split: i as u8 });
                    }
                    Answer::Bit(bit) => out.bits.push(BitTest { bit: bit as u32, split: i as u8 }),
                }
            }
            out.leaves.extend_from_slice(&tree.leaves);
            out.trees.push(Tree {
                n_bytes: (out.bytes.len() - before.0) as u16,
                n_bits: (out.bits.len() - before.1) as u16,
                n_leaves: tree.leaves.len() as u16,
            });
        }
        Some(out)
    }

    /// The sums of the rows' leaves in the order of the trees, from what [`Codes::block`](super::codes::Codes::block) wrote.
    #[inline(always)]
    pub(super) fn score<S: Simd>(&self, simd: S, bytes: &[[u8; ROWS]], bits: &[u64]) -> [f64; ROWS] {
        let mut sums = [0.0; ROWS];
        // By split: the rows that go to the right if they come by.
        let mut right = [0u64; LEAVES_MAX];
        // By split: the rows that come by; then by leaf.
        let mut here = [0u64; 2 * LEAVES_MAX];
        let (mut byte_tests, mut bit_tests) = (&self.bytes[..], &self.bits[..]);
        let (mut splits, mut leaves) = (&self.splits[..], &self.leaves[..]);
        for tree in &self.trees {
            for test in take(&mut byte_tests, tree.n_bytes) {
                right[test.split as usize] = simd.above(&bytes[test.byte as usize], test.threshold);
            }
            for test in take(&mut bit_tests, tree.n_bits) {
                right[test.split as usize] = bits[test.bit as usize];
            }
            here[0] = u64::MAX;
            here[LEAVES_MAX] = u64::MAX;
            let n_splits = tree.n_leaves - 1;
            for (i, ways) in take(&mut splits, n_splits).iter().enumerate() {
                let (here_now, right) = (here[i % LEAVES_MAX], right[i % LEAVES_MAX]);
                here[ways.left as usize % (2 * LEAVES_MAX)] = here_now & !right;
                here[ways.right as usize % (2 * LEAVES_MAX)] = here_now & right;
            }
            let leaf = leaf_of(simd, &mut here[LEAVES_MAX..], tree.n_leaves as usize);
            let values = take(&mut leaves, tree.n_leaves);
            for (sum, leaf) in sums.iter_mut().zip(leaf) {
                // SAFETY: `leaf_of` returns leaves of the tree.
                *sum += unsafe { *values.get_unchecked(leaf as usize) };
            }
        }
        sums
    }
}

#[inline(always)]
fn take<'s, T>(from: &mut &'s [T], n: u16) -> &'s [T] {
    let (taken, rest) = from.split_at(n as usize);
    *from = rest;
    taken
}

/// The leaf of each row, from the rows of each leaf: every row is in exactly one. Bit by bit of the leaf's number: the rows whose leaf has
/// it are those of the upper half, which then joins the lower.
#[inline(always)]
fn leaf_of<S: Simd>(simd: S, rows: &mut [u64], n_leaves: usize) -> [u8; ROWS] {
    let mut planes = [0u64; 8];
    let mut width = n_leaves.next_power_of_two();
    rows[n_leaves..width].fill(0);
    let n_planes = width.trailing_zeros() as usize;
    for plane in planes[..n_planes].iter_mut().rev() {
        width /= 2;
        let (low, high) = rows.split_at_mut(width);
        for (low, high) in low.iter_mut().zip(high) {
            *low |= *high;
            *plane |= *high;
        }
    }
    simd.bytes_of(&planes, n_planes)
}
