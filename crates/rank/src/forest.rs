//! Our own evaluation of LightGBM's forests: the same sums to the last bit, faster.
//!
//! Every split becomes one kind of node: a number goes right if it is above the threshold, a missing one by the node's default. What
//! LightGBM's other kinds of missing add is moved into the row: a second copy of its columns has zeros replaced by missing. A tree's
//! leaves are nodes that lead to themselves, so that several rows, or several trees, can go down side by side without branching.

mod read;

use crate::model::Error;

/// A forest.
#[derive(Clone, Debug)]
pub struct Forest {
    /// Columns that a row must have.
    n_columns: usize,
    /// Whether a split takes zero for missing, so that rows need their second copy.
    zeros: bool,
    nodes: Vec<Node>,
    /// By node: the leaf's value, and for other nodes the value of what lies below, used to explain.
    values: Vec<f64>,
    trees: Vec<Tree>,
    /// Category bit sets one after the other.
    sets: Vec<u32>,
    /// What the sum is divided by: 1, or the number of trees of a random forest.
    divisor: f64,
}

#[derive(Clone, Copy, Debug)]
struct Tree {
    root: u32,
    depth: u16,
    categories: bool,
}

/// 16 bytes, so that four share a cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
struct Node {
    threshold: f64,
    /// Of the widened row.
    column: u16,
    flags: u16,
    /// The left child; the right one follows it. A leaf's is itself.
    child: u32,
}

const MISSING_LEFT: u16 = 1;
const CATEGORIES: u16 = 2;
const LEAF: u16 = 4;
/// `|x|` up to this is zero to LightGBM (its kZeroThreshold, a float).
const ZERO: f64 = 1e-35f32 as f64;
/// Rows that are widened at a time.
const BLOCK: usize = 64;
/// Rows or trees that go down side by side.
const LANES: usize = 8;

/// A value of a row.
pub trait Cell: Copy {
    /// Widened without loss.
    fn wide(self) -> f64;
}

impl Cell for f32 {
    fn wide(self) -> f64 {
        f64::from(self)
    }
}

impl Cell for f64 {
    fn wide(self) -> f64 {
        self
    }
}

impl Forest {
    /// Reads LightGBM's text model.
    pub fn read(text: &str) -> Result<Self, Error> {
        read::read(text)
    }

    /// Columns that a row must have.
    pub fn n_columns(&self) -> usize {
        self.n_columns
    }

    /// How many trees there are.
    pub fn n_trees(&self) -> usize {
        self.trees.len()
    }

    /// Raw scores. `rows`: [n, n_columns] row-major; `out`: [n].
    pub fn score<T: Cell>(&self, rows: &[T], out: &mut [f64]) {
        assert_eq!(rows.len(), out.len() * self.n_columns, "rows have as many values as the forest has columns");
        let width = self.width();
        let mut wide = vec![0.0f64; width * BLOCK.min(out.len())];
        for (rows, out) in rows.chunks(self.n_columns.max(1) * BLOCK).zip(out.chunks_mut(BLOCK)) {
            for (row, wide) in rows.chunks(self.n_columns).zip(wide.chunks_mut(width)) {
                self.widen(row, wide);
            }
            self.block(&wide, out);
        }
    }

    fn width(&self) -> usize {
        self.n_columns * if self.zeros { 2 } else { 1 }
    }

    fn widen<T: Cell>(&self, row: &[T], wide: &mut [f64]) {
        let (plain, zeros) = wide.split_at_mut(self.n_columns);
        plain.iter_mut().zip(row).for_each(|(w, v)| *w = v.wide());
        for (w, v) in zeros.iter_mut().zip(row) {
            let v = v.wide();
            *w = if (-ZERO..=ZERO).contains(&v) { f64::NAN } else { v };
        }
    }

    /// Scores up to [`BLOCK`] widened rows.
    fn block(&self, wide: &[f64], out: &mut [f64]) {
        out.fill(0.0);
        let (whole, rest) = out.split_at_mut(out.len() / LANES * LANES);
        let width = self.width();
        let (wide, wide_rest) = wide.split_at(whole.len() * width);
        if !whole.is_empty() {
            for tree in &self.trees {
                for (out, rows) in whole.chunks_exact_mut(LANES).zip(wide.chunks_exact(LANES * width)) {
                    let leaves = if tree.categories {
                        self.down::<true>([tree.root; LANES], tree.depth, |lane| lane * width, rows)
                    } else {
                        self.down::<false>([tree.root; LANES], tree.depth, |lane| lane * width, rows)
                    };
                    for (o, leaf) in out.iter_mut().zip(leaves) {
                        *o += self.values[leaf as usize];
                    }
                }
            }
        }
        for (o, row) in rest.iter_mut().zip(wide_rest.chunks_exact(width)) {
            *o = self.one(row);
        }
        if self.divisor != 1.0 {
            out.iter_mut().for_each(|o| *o /= self.divisor);
        }
    }

    /// One widened row: several trees side by side, their leaves added in the order of the trees.
    fn one(&self, row: &[f64]) -> f64 {
        let mut sum = 0.0;
        let chunks = self.trees.chunks_exact(LANES);
        let rest = chunks.remainder();
        for trees in chunks {
            let roots = std::array::from_fn(|lane| trees[lane].root);
            let depth = trees.iter().map(|t| t.depth).max().unwrap_or(0);
            let leaves = if trees.iter().any(|t| t.categories) {
                self.down::<true>(roots, depth, |_| 0, row)
            } else {
                self.down::<false>(roots, depth, |_| 0, row)
            };
            for leaf in leaves {
                sum += self.values[leaf as usize];
            }
        }
        for tree in rest {
            let mut at = tree.root;
            while self.nodes[at as usize].flags & LEAF == 0 {
                at = self.step::<true>(at, row);
            }
            sum += self.values[at as usize];
        }
        sum
    }

    /// Goes down `LANES` trees or rows at once; returns their leaves. `offset`: where a lane's row begins in `rows`.
    #[inline(always)]
    fn down<const CATS: bool>(
        &self,
        mut at: [u32; LANES],
        depth: u16,
        offset: impl Fn(usize) -> usize,
        rows: &[f64],
    ) -> [u32; LANES] {
        let mut level = 0;
        while level < depth {
            // Leaf-wise trees are deeper than most of their leaves: look every few levels whether all have arrived.
            for _ in 0..3 {
                for (lane, at) in at.iter_mut().enumerate() {
                    *at = self.step::<CATS>(*at, &rows[offset(lane)..]);
                }
            }
            level += 3;
            if at.iter().all(|at| self.node(*at).flags & LEAF != 0) {
                break;
            }
        }
        at
    }

    #[inline(always)]
    fn node(&self, at: u32) -> &Node {
        // SAFETY: `read` checked that every root and every child is a node of this forest.
        unsafe { self.nodes.get_unchecked(at as usize) }
    }

    /// The child that a row goes to; a leaf leads to itself.
    #[inline(always)]
    fn step<const CATS: bool>(&self, at: u32, row: &[f64]) -> u32 {
        let node = self.node(at);
        // SAFETY: `read` checked that columns are below the widened width, and rows are that wide.
        let v = unsafe { *row.get_unchecked(node.column as usize) };
        if CATS && node.flags & CATEGORIES != 0 {
            return node.child + u32::from(!self.in_set(node, v));
        }
        let missing_right = node.flags & MISSING_LEFT == 0;
        node.child + u32::from((v > node.threshold) | (v.is_nan() & missing_right))
    }

    /// Whether a category is in a node's set: its integer part, not negative, not missing.
    #[inline]
    fn in_set(&self, node: &Node, v: f64) -> bool {
        if v.is_nan() {
            return false;
        }
        let code = v as i32;
        let (start, words) = set_of(node.threshold);
        let word = (code as u32 / 32) as usize;
        code >= 0 && word < words && self.sets[start + word] >> (code % 32) & 1 == 1
    }

    /// What each column adds to the score of one row on its way down, against the forest's average; returns that average.
    /// The change of the mean value at each split goes to the column it looks at (Saabas, "Interpreting random forests", 2014).
    pub fn explain<T: Cell>(&self, row: &[T], out: &mut [f64]) -> f64 {
        let mut wide = vec![0.0; self.width()];
        self.widen(row, &mut wide);
        out.fill(0.0);
        let mut base = 0.0;
        for tree in &self.trees {
            let mut at = tree.root;
            base += self.values[at as usize];
            while self.node(at).flags & LEAF == 0 {
                let next = self.step::<true>(at, &wide);
                out[self.node(at).column as usize % self.n_columns] +=
                    self.values[next as usize] - self.values[at as usize];
                at = next;
            }
        }
        out.iter_mut().for_each(|o| *o /= self.divisor);
        base / self.divisor
    }
}

/// A category node's set, packed where other nodes have their threshold: where it starts, and how many words it has.
fn set_of(threshold: f64) -> (usize, usize) {
    let bits = threshold.to_bits();
    ((bits >> 32) as usize, (bits & 0xFFFF_FFFF) as usize)
}
