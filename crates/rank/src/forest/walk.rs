//! A row at a time: it goes down several trees side by side, each split one comparison of bytes and no branch.

use super::codes::{Answer, Codes};
use super::read::{Child, Text};
use crate::model::Error;

/// The trees of a forest, node by node.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    nodes: Vec<Node>,
    /// By node: a leaf's value, and a split's mean of what lies below.
    values: Vec<f64>,
    /// By tree.
    roots: Vec<u32>,
    /// Trees in the order of their depth: those that go side by side arrive together.
    order: Vec<u32>,
    /// By byte of a row.
    columns: Vec<u32>,
}

/// A row goes to `child`, and to the node after it if `byte & mask > threshold`. A leaf leads to itself.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(8))]
struct Node {
    child: u32,
    byte: u16,
    mask: u8,
    threshold: u8,
}

/// Trees that go side by side.
const LANES: usize = 8;
/// Levels between looks at whether all have arrived.
const LEVELS: usize = 4;

impl Walk {
    pub(super) fn new(text: &Text, codes: &Codes, answers: &[Answer]) -> Result<Self, Error> {
        if codes.n_row() > usize::from(u16::MAX) {
            let what = format!("its splits need {} bytes a row; at most {} are supported", codes.n_row(), u16::MAX);
            return Err(Error::Damaged(what));
        }
        let n_nodes: usize = text.trees.iter().map(|t| t.leaves.len() + t.splits.len()).sum();
        if u32::try_from(n_nodes).is_err() {
            return Err(Error::Damaged(format!("it has {n_nodes} nodes; fewer than 2^32 are supported")));
        }
        let columns = codes.columns().into_iter().map(|c| c as u32).collect();
        let mut out = Self { nodes: Vec::new(), values: Vec::new(), roots: Vec::new(), order: Vec::new(), columns };
        let mut depths = Vec::new();
        let mut answers = answers.iter();
        for tree in &text.trees {
            let root = out.nodes.len();
            out.roots.push(root as u32);
            let leaf = |at: usize| Node { child: at as u32, byte: 0, mask: 0, threshold: u8::MAX };
            let end = root + tree.splits.len() + tree.leaves.len();
            out.nodes.extend((root..end).map(leaf));
            out.values.resize(end, tree.leaves[0]);
            // Splits come breadth first, so a parent has been placed before its children.
            let mut placed = vec![(root, 0); tree.splits.len()];
            let mut depth = 0;
            for (i, (split, answer)) in tree.splits.iter().zip(&mut answers).enumerate() {
                let (at, level) = placed[i];
                let child = root + 1 + 2 * i;
                out.nodes[at] = node(child as u32, *answer, codes);
                out.values[at] = split.value;
                for (next, to) in [(child, split.left), (child + 1, split.right)] {
                    match to {
                        Child::Split(i) => placed[i] = (next, level + 1),
                        Child::Leaf(i) => out.values[next] = tree.leaves[i],
                    }
                }
                depth = level + 1;
            }
            depths.push(depth);
        }
        out.order = (0..depths.len() as u32).collect();
        out.order.sort_by_key(|i| depths[*i as usize]);
        Ok(out)
    }

    pub(super) fn n_trees(&self) -> usize {
        self.roots.len()
    }

    /// The sum of a row's leaves in the order of the trees. `leaves` has room for one a tree.
    pub(super) fn score(&self, row: &[u8], leaves: &mut [u32]) -> f64 {
        assert!(row.len() >= self.columns.len() && leaves.len() == self.roots.len(), "room is made for the forest");
        let together = self.order.chunks_exact(LANES);
        let rest = together.remainder();
        for trees in together {
            let mut at: [u32; LANES] = std::array::from_fn(|lane| self.roots[trees[lane] as usize]);
            loop {
                let before = at;
                for _ in 0..LEVELS {
                    for at in &mut at {
                        *at = self.step(*at, row);
                    }
                }
                if at == before {
                    break;
                }
            }
            for (tree, at) in trees.iter().zip(at) {
                leaves[*tree as usize] = at;
            }
        }
        for tree in rest {
            let mut at = self.roots[*tree as usize];
            loop {
                let next = self.step(at, row);
                if next == at {
                    break;
                }
                at = next;
            }
            leaves[*tree as usize] = at;
        }
        leaves.iter().fold(0.0, |sum, leaf| sum + self.values[*leaf as usize])
    }

    /// Adds to `out`, by column, what the row's way down changes in the mean; returns the sum of the means at the roots.
    pub(super) fn contributions(&self, row: &[u8], out: &mut [f64]) -> f64 {
        let mut base = 0.0;
        for root in &self.roots {
            let mut at = *root;
            base += self.values[at as usize];
            loop {
                let next = self.step(at, row);
                if next == at {
                    break;
                }
                let column = self.columns[self.nodes[at as usize].byte as usize];
                out[column as usize] += self.values[next as usize] - self.values[at as usize];
                at = next;
            }
        }
        base
    }

    #[inline(always)]
    fn step(&self, at: u32, row: &[u8]) -> u32 {
        // SAFETY: roots and children are nodes, because `new` placed them.
        let node = unsafe { *self.nodes.get_unchecked(at as usize) };
        // SAFETY: bytes of nodes are below the length of a row, which the callers checked; a forest of leaves alone looks at the one byte
        // that rows have at least.
        let byte = unsafe { *row.get_unchecked(node.byte as usize) };
        node.child + u32::from(byte & node.mask > node.threshold)
    }
}

fn node(child: u32, answer: Answer, codes: &Codes) -> Node {
    match answer {
        Answer::Byte { byte, threshold } => Node { child, byte: byte as u16, mask: u8::MAX, threshold },
        Answer::Bit(bit) => Node { child, byte: (codes.n_bytes + bit / 8) as u16, mask: 1 << (bit % 8), threshold: 0 },
    }
}
